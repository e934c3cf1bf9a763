"""Canada Post as its schemas describe it, over real HTTP: tracking, returns, shipments, voids and refunds."""

from __future__ import annotations

from base64 import b64encode
from xml.etree import ElementTree as ET

from tests.carriers.fakes.server import Answered, FakeServer, Received

CREDENTIALS = {
    "username": "doorstep",
    "password": "sesame",
    "customer_number": "1111111",
    "contract_id": "40000000",
    "refund_email": "returns@shop.example",
}
PDF = b"%PDF-1.4 a label"
TRACK = "application/vnd.cpc.track-v2+xml"
RETURN = "application/vnd.cpc.authreturn-v2+xml"
SHIPMENT = "application/vnd.cpc.shipment-v8+xml"


class FakeCanadaPost(FakeServer):
    """`details` holds a tracking body per number; a number that is not there has no history.

    `documents` are the labels that can be fetched, `shipments` what was sold: id -> status.
    """

    def __init__(self) -> None:
        super().__init__()
        self.details: dict[str, bytes] = {}
        self.documents: dict[str, bytes] = {}
        self.shipments: dict[str, str] = {}
        account = "/rs/1111111/1111111"
        self.routes = {
            "GET /vis/track/pin/(?P<pin>[^/]+)/detail": self._track,
            f"POST {account}/authorizedreturn": self._return,
            f"POST {account}/shipment": self._shipment,
            f"GET {account}/shipment/(?P<id>[^/]+)": self._shipment_info,
            f"DELETE {account}/shipment/(?P<id>[^/]+)": self._void,
            f"POST {account}/shipment/(?P<id>[^/]+)/refund": self._refund,
            "GET /rs/artifact/(?P<id>.+)": self._document,
        }

    def _track(self, received: Received) -> Answered:
        if refusal := self._refusal(received, TRACK):
            return refusal
        if body := self.details.get(received.groups["pin"]):
            return Answered(body, headers={"Content-Type": TRACK})
        return messages(404, "004", "No Pin History")

    def _return(self, received: Received) -> Answered:
        if refusal := self._refusal(received, RETURN):
            return refusal
        order = sent(received)
        if order["returner/domestic-address/postal-code"][0] != "H":
            return messages(400, "9111", "Postal code is not valid for province.")
        pin = f"98765432{len(self.documents):04d}"
        self.documents[f"return/{pin}"] = PDF
        return Answered(
            f"""<?xml version="1.0" encoding="UTF-8"?>
            <authorized-return-info xmlns="http://www.canadapost.ca/ws/authreturn-v2">
              <tracking-pin>{pin}</tracking-pin>
              <links><link rel="returnLabel" href="{self.url}/rs/artifact/return/{pin}" media-type="application/pdf"
                index="0"/></links>
            </authorized-return-info>""".encode()
        )

    def _shipment(self, received: Received) -> Answered:
        if refusal := self._refusal(received, SHIPMENT):
            return refusal
        number = f"5000000000000008{len(self.shipments):02d}"
        self.shipments[number] = "transmitted" if "transmit-shipment" in sent(received) else "created"
        self.documents[f"shipment/{number}"] = PDF
        return self._info(number)

    def _shipment_info(self, received: Received) -> Answered:
        number = received.groups["id"]
        return self._info(number) if number in self.shipments else messages(404, "8064", "Shipment not found.")

    def _info(self, number: str) -> Answered:
        return Answered(
            f"""<?xml version="1.0" encoding="UTF-8"?>
            <shipment-info xmlns="http://www.canadapost.ca/ws/shipment-v8">
              <shipment-id>{number}</shipment-id>
              <shipment-status>{self.shipments[number]}</shipment-status>
              <tracking-pin>123456789012</tracking-pin>
              <shipment-price><service-code>DOM.EP</service-code><base-amount>25.07</base-amount>
                <due-amount>31.58</due-amount></shipment-price>
              <links>
                <link rel="self" href="{self.url}/rs/1111111/1111111/shipment/{number}" media-type="{SHIPMENT}"/>
                <link rel="label" href="{self.url}/rs/artifact/shipment/{number}" media-type="application/pdf"/>
              </links>
            </shipment-info>""".encode()
        )

    def _refund(self, received: Received) -> Answered:
        number = received.groups["id"]
        if self.shipments[number] == "refunded":
            return messages(400, "7292", "A service ticket for this shipment has already been created.")
        assert sent(received) == {"email": CREDENTIALS["refund_email"]}
        self.shipments[number] = "refunded"
        return Answered(
            b"""<shipment-refund-request-info xmlns="http://www.canadapost.ca/ws/shipment-v8">
            <service-ticket-date>2026-11-20</service-ticket-date><service-ticket-id>GT12345678RT</service-ticket-id>
            </shipment-refund-request-info>"""
        )

    def _void(self, received: Received) -> Answered:
        del self.shipments[received.groups["id"]]
        return Answered(b"", 204)

    def _document(self, received: Received) -> Answered:
        if refusal := self._refusal(received):
            return refusal
        body = self.documents.get(received.groups["id"])
        return Answered(body, headers={"Content-Type": "application/pdf"}) if body else Answered(b"", 202)

    def _refusal(self, received: Received, media_type: str = "") -> Answered | None:
        basic = b64encode(f"{CREDENTIALS['username']}:{CREDENTIALS['password']}".encode()).decode()
        if received.headers.get("authorization") != f"Basic {basic}":
            return messages(401, "E002", "AAA Authentication Failure")
        if media_type and received.headers.get("accept") != media_type:
            return messages(406, "E007", "Not acceptable")
        return None


def sent(received: Received) -> dict[str, str]:
    """Path -> text of every element of a request that holds a text."""
    found: dict[str, str] = {}

    def walk(element: ET.Element, path: str) -> None:
        for child in element:
            name = child.tag.rpartition("}")[2]
            if child.text and child.text.strip():
                found[path + name] = child.text
            walk(child, f"{path}{name}/")

    walk(ET.fromstring(received.body), "")  # noqa: S314  (our own request)
    return found


def messages(status: int, code: str, description: str) -> Answered:
    body = f"""<?xml version="1.0" encoding="UTF-8"?>
    <messages xmlns="http://www.canadapost.ca/ws/messages"><message><code>{code}</code>
    <description>{description}</description></message></messages>"""
    return Answered(body.encode(), status)
