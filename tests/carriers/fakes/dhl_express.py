"""MyDHL API as its OpenAPI document describes it, over real HTTP: Basic, 200 numbers a call, shipments with labels."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from tests.carriers.fakes.server import Answered, FakeServer, Received

CREDENTIALS = {"username": "apT", "password": "sesame", "account": "950000001"}
PDF = b"%PDF-1.4\nlabel"
INVOICE = b"%PDF-1.4\ninvoice"
PNG = b"\x89PNG\r\n\x1a\nqr"
MAX_NUMBERS = 200
REQUIRED = {"plannedShippingDateAndTime", "pickup", "productCode", "accounts", "customerDetails", "content"}


class FakeDhlExpress(FakeServer):
    """`shipments` holds a shipment per number; those that are not there are left out, and none at all is a 404.

    `services` are the value added services that the account may use.
    """

    def __init__(self) -> None:
        super().__init__()
        self.shipments: dict[str, dict[str, Any]] = {}
        self.services = {"PT", "PZ"}
        self.sold: list[dict[str, Any]] = []
        self.routes = {"GET /tracking": self._track, "POST /shipments": self._ship}

    def _refused(self, received: Received) -> Answered | None:
        basic = b64encode(f"{CREDENTIALS['username']}:{CREDENTIALS['password']}".encode()).decode()
        if received.headers.get("authorization") != f"Basic {basic}":
            return problem(401, "Unauthorized", "Invalid Credentials", received)
        if not received.headers.get("x-version"):
            return problem(400, "Bad request", "Missing mandatory headers: x-version", received)
        return None

    def _track(self, received: Received) -> Answered:
        if refused := self._refused(received):
            return refused
        asked = received.all_of("shipmentTrackingNumber")
        if len(asked) > MAX_NUMBERS:
            return problem(400, "Bad request", f"At most {MAX_NUMBERS} tracking numbers", received)
        found = [self.shipments[number] for number in asked if number in self.shipments]
        if not found:
            return problem(404, "Not data found", "No data found", received)
        return Answered({"shipments": found})

    def _ship(self, received: Received) -> Answered:
        if refused := self._refused(received):
            return refused
        wanted = received.json()
        if missing := REQUIRED - set(wanted):
            return problem(422, "Validation error", f"required key {sorted(missing)} not found", received)
        if not 1 <= len(received.headers.get("message-reference", "")) <= 36:
            return problem(400, "Bad request", "Message-Reference is not well formatted", received)
        asked = [service["serviceCode"] for service in wanted["valueAddedServices"]]
        for index, code in enumerate(asked):
            if code not in self.services:
                where = f"#/valueAddedServices/{index}/serviceCode '{code}'"
                words = f"7008: The requested Special Service Code {where} is not available"
                return problem(400, "Bad request", words, received)
        for party in wanted["customerDetails"].values():
            if not party["contactInformation"]["phone"] or not party["postalAddress"]["addressLine1"]:
                return problem(422, "Validation error", "#/phone: expected minLength: 1, actual: 0", received)
        self.sold.append(wanted)
        return Answered(_sold(f"{5000000000 + len(self.sold)}", wanted), 201)


def _sold(number: str, wanted: dict[str, Any]) -> dict[str, Any]:
    kinds = {option["typeCode"] for option in wanted["outputImageProperties"]["imageOptions"]}
    package: dict[str, Any] = {"referenceNumber": 1, "trackingNumber": f"JD01460000{number}"}
    if "qr-code" in kinds:
        package["documents"] = [document("png", PNG, "qr-code")]
    documents = [document("PDF", PDF, "label")]
    if "invoice" in kinds:
        documents.insert(0, document("PDF", INVOICE, "invoice"))
    return {
        "shipmentTrackingNumber": number,
        "trackingUrl": f"https://express.api.dhl.com/mydhlapi/shipments/{number}/tracking",
        "packages": [package],
        "documents": documents,
        "shipmentCharges": [
            {"currencyType": "PULCL", "priceCurrency": "EUR", "price": 99},
            {"currencyType": "BILLC", "priceCurrency": "EUR", "price": 41.2},
        ],
    }


def document(kind: str, body: bytes, type_code: str) -> dict[str, str]:
    return {"imageFormat": kind, "content": b64encode(body).decode(), "typeCode": type_code}


def problem(status: int, title: str, detail: str, received: Received) -> Answered:
    return Answered(
        {
            "instance": f"/expressapi{received.path}",
            "detail": detail,
            "title": title,
            "message": title,
            "status": str(status),
        },
        status,
    )
