"""EasyPost as documented: trackers, return shipments, purchase, label files, refunds and its error bodies."""

from __future__ import annotations

import base64
import itertools
from datetime import UTC, datetime
from typing import Any

from tests.carriers.fakes.server import Answered, FakeServer, Received

API_KEY = "EZTKtest"
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
# One white pixel.
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2uwAAAABJRU5ErkJggg==")

# The documented test codes and the status that each stays in.
TEST_CODES = {
    "EZ1000000001": "pre_transit",
    "EZ2000000002": "in_transit",
    "EZ3000000003": "out_for_delivery",
    "EZ4000000004": "delivered",
    "EZ5000000005": "return_to_sender",
    "EZ6000000006": "failure",
    "EZ7000000007": "unknown",
}


class FakeEasyPost(FakeServer):
    """`trackers` and `shipments` are what it holds; `asked_for_label_with` the headers of each label download."""

    def __init__(self) -> None:
        super().__init__(
            {
                r"GET /v2/trackers": self.list_trackers,
                r"POST /v2/trackers": self.create_tracker,
                r"GET /v2/shipments/(?P<id>[^/]+)": self.get_shipment,
                r"POST /v2/shipments": self.create_shipment,
                r"POST /v2/shipments/(?P<id>[^/]+)/buy": self.buy,
                r"POST /v2/shipments/(?P<id>[^/]+)/refund": self.refund,
                r"POST /v2/shipments/(?P<id>[^/]+)/forms": self.add_form,
                r"GET /files/(?P<id>[^/]+)\.pdf": self.file,
                r"GET /files/(?P<id>[^/]+)\.png": self.picture,
            }
        )
        self.trackers: list[dict[str, Any]] = []
        self.shipments: dict[str, dict[str, Any]] = {}
        self.refund_answer = "submitted"
        self.charged = 0
        self._ids = itertools.count(1)

    def answer(self, received: Received) -> Answered:
        if received.path.startswith("/files/"):
            return super().answer(received)
        wanted = "Basic " + base64.b64encode(f"{API_KEY}:".encode()).decode()
        if received.headers.get("authorization") != wanted and not self.next_answers:
            self.requests.append(received)
            return error(401, "APIKEY.INACTIVE", "This api key is no longer active.")
        return super().answer(received)

    def list_trackers(self, received: Received) -> Answered:
        code = received.query.get("tracking_code")
        found = [t for t in reversed(self.trackers) if code in (None, t["tracking_code"])]
        return Answered({"trackers": found, "has_more": False})

    def create_tracker(self, received: Received) -> Answered:
        code = received.json()["tracker"]["tracking_code"]
        if not code.isalnum():
            return error(422, "TRACKER.CREATE.ERROR", "Unable to create tracker")
        self.charged += 1
        self.trackers.append(tracker(f"trk_{next(self._ids)}", code, TEST_CODES.get(code, "unknown")))
        return Answered(self.trackers[-1], 201)

    def create_shipment(self, received: Received) -> Answered:
        asked = received.json()["shipment"]
        id_ = f"shp_{next(self._ids)}"
        # With is_return the two are turned round: this is what ends up printed on the label.
        printed = (asked["to_address"], asked["from_address"]) if asked.get("is_return") else ()
        self.shipments[id_] = {
            "id": id_,
            "object": "Shipment",
            "reference": asked.get("reference"),
            "is_return": asked.get("is_return", False),
            "from_address": asked["from_address"],
            "to_address": asked["to_address"],
            "printed": printed,
            "options": asked.get("options", {}),
            "parcel": asked["parcel"],
            "customs_info": asked.get("customs_info"),
            "messages": [],
            "rates": [
                rate("rate_1", "USPS", "Express", "51.20"),
                rate("rate_2", "USPS", "GroundAdvantage", "8.20"),
                rate("rate_3", "UPS", "Ground", "11.01"),
            ],
            "selected_rate": None,
            "postage_label": None,
            "tracking_code": None,
            "refund_status": None,
        }
        return Answered(self.shipments[id_], 201)

    def get_shipment(self, received: Received) -> Answered:
        found = self._shipment(received.groups["id"])
        return Answered(found) if found else error(404, "NOT_FOUND", "The requested resource could not be found.")

    def buy(self, received: Received) -> Answered:
        shipment = self._shipment(received.groups["id"])
        if shipment is None:
            return error(404, "NOT_FOUND", "The requested resource could not be found.")
        if shipment["postage_label"]:
            return error(422, "SHIPMENT.POSTAGE.EXISTS", "Postage already exists for this shipment.")
        chosen = next((r for r in shipment["rates"] if r["id"] == received.json()["rate"]["id"]), None)
        if chosen is None:
            return error(422, "SHIPMENT.POSTAGE.FAILURE", "The rate is not one of this shipment.")
        self.charged += 1
        shipment["selected_rate"] = chosen
        shipment["tracking_code"] = f"94000000000000{len(self.shipments):08d}"
        shipment["postage_label"] = {
            "object": "PostageLabel",
            "created_at": "2026-11-20T10:00:00Z",
            "label_file_type": "application/pdf",
            "label_size": "4x6",
            "label_url": f"{self.url}/files/{shipment['id']}.pdf",
            "label_pdf_url": None,
        }
        return Answered(shipment)

    def refund(self, received: Received) -> Answered:
        shipment = self._shipment(received.groups["id"])
        if shipment is None or not shipment["postage_label"]:
            return error(404, "NOT_FOUND", "The requested resource could not be found.")
        shipment["refund_status"] = self.refund_answer
        return Answered(shipment)

    def add_form(self, received: Received) -> Answered:
        shipment = self._shipment(received.groups["id"])
        if shipment is None or not shipment["postage_label"]:
            return error(422, "FORM.CREATE.FAILURE", "Shipment must be purchased.")
        kind = received.json()["form"]["type"]
        form = {"object": "Form", "form_type": kind, "form_url": f"{self.url}/files/{shipment['id']}.png"}
        shipment["forms"] = [*shipment.get("forms", []), form]
        return Answered(shipment)

    def picture(self, received: Received) -> Answered:
        return Answered(PNG, headers={"Content-Type": "image/png"})

    def file(self, received: Received) -> Answered:
        return Answered(PDF, headers={"Content-Type": "application/pdf"})

    def _shipment(self, id_or_reference: str) -> dict[str, Any] | None:
        by_reference = (s for s in self.shipments.values() if s["reference"] == id_or_reference)
        return self.shipments.get(id_or_reference) or next(by_reference, None)


def error(status: int, code: str, message: str) -> Answered:
    return Answered({"error": {"code": code, "message": message, "errors": []}}, status)


def rate(id_: str, carrier: str, service: str, amount: str) -> dict[str, str]:
    return {"id": id_, "object": "Rate", "carrier": carrier, "service": service, "rate": amount, "currency": "USD"}


def tracker(id_: str, code: str, status: str) -> dict[str, Any]:
    """A tracker of a test code: one announcement, and one scan of its status unless it is unknown."""
    details = [] if status == "unknown" else [scan("pre_transit", "label_created", "2026-11-18T08:00:00Z")]
    if status not in {"unknown", "pre_transit"}:
        details.append(scan(status, "status_update", "2026-11-19T09:30:00Z"))
    return {
        "id": id_,
        "object": "Tracker",
        "mode": "test",
        "tracking_code": code,
        "status": status,
        "status_detail": "status_update",
        "created_at": datetime(2026, 11, 18, 8, tzinfo=UTC).isoformat(),
        "est_delivery_date": "2026-11-21T00:00:00Z",
        "carrier": "USPS",
        "tracking_details": details,
        "carrier_detail": None,
        "is_return": False,
    }


def scan(status: str, detail: str, at: str) -> dict[str, Any]:
    return {
        "object": "TrackingDetail",
        "message": status.replace("_", " ").capitalize(),
        "description": None,
        "status": status,
        "status_detail": detail,
        "datetime": at,
        "source": "USPS",
        "carrier_code": None,
        "tracking_location": {"city": "HOUSTON", "state": "TX", "country": None, "zip": "77063"},
    }
