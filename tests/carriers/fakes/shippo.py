"""Shippo as documented: tracks, webhooks, return shipments, purchases, documents, refunds and its error bodies."""

from __future__ import annotations

import itertools
from typing import Any

from tests.carriers.fakes.server import Answered, FakeServer, Received

API_KEY = "shippo_test_key"
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n a code for the counter"

# The documented test numbers of the carrier "shippo" and the status that each stays in.
TEST_NUMBERS = {
    "SHIPPO_PRE_TRANSIT": "PRE_TRANSIT",
    "SHIPPO_TRANSIT": "TRANSIT",
    "SHIPPO_DELIVERED": "DELIVERED",
    "SHIPPO_RETURNED": "RETURNED",
    "SHIPPO_FAILURE": "FAILURE",
    "SHIPPO_UNKNOWN": "UNKNOWN",
}
CARRIERS = {"shippo", "usps", "ups", "fedex", "dhl_express"}
SWAPPED = {"USPS", "UPS", "FedEx"}  # whose return labels print the two addresses the other way round


class FakeShippo(FakeServer):
    """`transactions` are what was bought, newest first; `registered` the numbers that are pushed."""

    def __init__(self) -> None:
        super().__init__(
            {
                r"GET /tracks/(?P<carrier>[^/]+)/(?P<number>[^/]+)": self.track,
                r"POST /tracks": self.register,
                r"GET /webhooks": self.list_webhooks,
                r"POST /webhooks": self.create_webhook,
                r"DELETE /webhooks/(?P<id>[^/]+)": self.delete_webhook,
                r"POST /shipments": self.create_shipment,
                r"GET /rates/(?P<id>[^/]+)": self.get_rate,
                r"GET /transactions": self.list_transactions,
                r"POST /transactions": self.buy,
                r"POST /refunds": self.refund,
                r"GET /files/(?P<name>[^/]+)": self.file,
            }
        )
        self.shipments: list[dict[str, Any]] = []
        self.transactions: list[dict[str, Any]] = []
        self.webhooks: list[dict[str, Any]] = []
        self.registered: list[tuple[str, str]] = []
        self.refund_answer = "QUEUED"
        self.purchase_answer = "SUCCESS"
        self._ids = itertools.count(1)

    def answer(self, received: Received) -> Answered:
        is_file = received.path.startswith("/files/")
        if not is_file and received.headers.get("authorization") != f"ShippoToken {API_KEY}" and not self.next_answers:
            self.requests.append(received)
            return Answered({"detail": "Invalid token."}, 401)
        return super().answer(received)

    def track(self, received: Received) -> Answered:
        carrier, number = received.groups["carrier"], received.groups["number"]
        if carrier not in CARRIERS:
            return Answered({"detail": f"Carrier with name '{carrier}' is not supported."}, 400)
        return Answered(track(carrier, number))

    def register(self, received: Received) -> Answered:
        asked = received.json()
        if asked["carrier"] not in CARRIERS:
            return Answered({"carrier": [f"Carrier with name '{asked['carrier']}' is not supported."]}, 400)
        self.registered.append((asked["carrier"], asked["tracking_number"]))
        return Answered(track(asked["carrier"], asked["tracking_number"]), 201)

    def list_webhooks(self, received: Received) -> Answered:
        return Answered({"next": None, "previous": None, "results": self.webhooks})

    def create_webhook(self, received: Received) -> Answered:
        asked = received.json()
        if len(asked["url"]) >= 200:
            return Answered({"url": ["Ensure this field has no more than 200 characters."]}, 400)
        self.webhooks.append({"object_id": f"hook{next(self._ids)}", **asked})
        return Answered(self.webhooks[-1], 201)

    def delete_webhook(self, received: Received) -> Answered:
        before = len(self.webhooks)
        self.webhooks = [hook for hook in self.webhooks if hook["object_id"] != received.groups["id"]]
        return Answered(b"", 204) if len(self.webhooks) < before else Answered({"detail": "Not found."}, 404)

    def create_shipment(self, received: Received) -> Answered:
        asked = received.json()
        if not asked["address_to"]["zip"]:
            return Answered({"address_to": ["Zip is required."], "__all__": ["Invalid shipment."]}, 400)
        id_ = f"shp{next(self._ids)}"
        self.shipments.append({"object_id": id_, "status": "SUCCESS", "messages": [], **asked, "rates": rates(id_)})
        return Answered(self.shipments[-1], 201)

    def get_rate(self, received: Received) -> Answered:
        found = self._rate(received.groups["id"])
        return Answered(found) if found else Answered({"detail": "Not found."}, 404)

    def list_transactions(self, received: Received) -> Answered:
        return Answered(
            {"next": None, "previous": None, "results": self.transactions[: int(received.query["results"])]}
        )

    def buy(self, received: Received) -> Answered:
        asked = received.json()
        rate = self._rate(asked["rate"])
        if rate is None:
            return Answered({"rate": ["Rate with supplied object_id not found."]}, 400)
        shipment = next(s for s in self.shipments if s["object_id"] == rate["shipment"])
        id_ = f"txn{next(self._ids)}"
        wants_code = shipment["extra"].get("qr_code_requested") and rate["provider"] == "USPS"
        bought = self.purchase_answer == "SUCCESS"
        parties = (shipment["address_from"], shipment["address_to"])
        is_swapped = shipment["extra"].get("is_return") and rate["provider"] in SWAPPED
        self.transactions.insert(
            0,
            {
                "object_id": id_,
                "object_state": "VALID",
                "status": self.purchase_answer,
                "rate": rate["object_id"],
                "metadata": asked["metadata"],
                "label_file_type": asked["label_file_type"],
                "tracking_number": f"94055000000000{len(self.transactions):08d}" if bought else "",
                "label_url": f"{self.url}/files/{id_}.pdf" if bought else "",
                "qr_code_url": f"{self.url}/files/{id_}.png" if bought and wants_code else None,
                "commercial_invoice_url": f"{self.url}/files/{id_}.pdf" if "customs_declaration" in shipment else None,
                "messages": [] if bought else [{"source": "USPS", "code": "", "text": "The address is not served."}],
                "test": True,
            },
        )
        # Not part of the answer: what would be printed as sender and receiver.
        shipment["printed"] = tuple(reversed(parties)) if is_swapped else parties
        return Answered(self.transactions[0], 201)

    def refund(self, received: Received) -> Answered:
        ref = received.json()["transaction"]
        found = next((t for t in self.transactions if t["object_id"] == ref), None)
        if found is None:
            return Answered({"transaction": ["Transaction with supplied object_id not found."]}, 400)
        found["status"] = "REFUNDPENDING"
        return Answered({"object_id": "ref1", "status": self.refund_answer, "transaction": ref, "test": True}, 201)

    def file(self, received: Received) -> Answered:
        return Answered(PNG if received.groups["name"].endswith(".png") else PDF)

    def _rate(self, id_: str) -> dict[str, Any] | None:
        return next((r for s in self.shipments for r in s["rates"] if r["object_id"] == id_), None)


def rates(shipment: str) -> list[dict[str, Any]]:
    """The cheapest is of a carrier whose returns Shippo does not turn round."""
    return [
        rate(shipment, "r1", "DHL eCommerce", "dhl_ecommerce_ground", "Ground", "4.10"),
        rate(shipment, "r2", "USPS", "usps_priority", "Priority Mail", "9.60"),
        rate(shipment, "r3", "USPS", "usps_ground_advantage", "Ground Advantage", "6.35"),
        rate(shipment, "r4", "UPS", "ups_ground", "Ground", "11.01"),
    ]


def rate(shipment: str, id_: str, provider: str, token: str, name: str, amount: str) -> dict[str, Any]:
    level = {"token": token, "name": name, "terms": "", "parent_servicelevel": None}
    return {
        "object_id": f"{shipment}-{id_}",
        "shipment": shipment,
        "provider": provider,
        "servicelevel": level,
        "amount": amount,
        "currency": "USD",
        "amount_local": amount,
        "currency_local": "USD",
        "attributes": [],
        "messages": [],
    }


def track(carrier: str, number: str) -> dict[str, Any]:
    """A number of the test carrier has one scan of its status; any other has none."""
    status = TEST_NUMBERS.get(number) if carrier == "shippo" else None
    scan = status and {
        "object_id": "s1",
        "object_created": "2026-11-20T10:00:00.120Z",
        "object_updated": None,
        "status": status,
        "status_details": f"Your shipment is {status}.",
        "status_date": "2026-11-20T10:00:00Z",
        "substatus": None,
        "location": {"city": "San Francisco", "state": "CA", "zip": "94103", "country": "US"},
    }
    return {
        "messages": [],
        "carrier": carrier,
        "tracking_number": number,
        "eta": "2026-11-21T00:00:00Z" if scan else None,
        "original_eta": None,
        "servicelevel": {"token": None, "name": None},
        "metadata": None,
        "tracking_status": scan,
        "tracking_history": [scan] if scan else [],
        "transaction": None,
        "test": True,
    }
