"""ShipEngine as documented: tracking, subscriptions, return labels inline or by address, voids, error bodies."""

from __future__ import annotations

import itertools
from base64 import b64encode
from typing import Any

from tests.carriers.fakes.server import Answered, FakeServer, Received

API_KEY = "TEST_key"
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n a code for the counter"
CARRIERS = {"stamps_com", "ups", "fedex"}
LABELS = "/v1/labels"


class FakeShipEngine(FakeServer):
    """`tracked` holds a tracking answer per number, `labels` what was bought, by label id.

    With `inline` off, documents are only pointed to. A label prints ship_from as sender and ship_to as receiver.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                r"GET /v1/tracking": self.track,
                r"POST /v1/tracking/start": self.start,
                r"POST /v1/tracking/stop": self.stop,
                r"GET /v1/environment/webhooks": self.list_webhooks,
                r"POST /v1/environment/webhooks": self.create_webhook,
                r"DELETE /v1/environment/webhooks/(?P<id>[^/]+)": self.delete_webhook,
                rf"GET {LABELS}/external_shipment_id/(?P<reference>[^/]+)": self.find,
                rf"POST {LABELS}(?P<cheapest>/rate_shopper_id/cheapest)?": self.buy,
                rf"PUT {LABELS}/(?P<id>[^/]+)/void": self.void,
                r"GET /files/(?P<name>[^/]+)": self.file,
            }
        )
        self.tracked: dict[str, dict[str, Any]] = {}
        self.started: list[str] = []
        self.webhooks: list[dict[str, Any]] = []
        self.labels: dict[str, dict[str, Any]] = {}
        self.printed: list[dict[str, Any]] = []
        self.inline = True
        self.status = "completed"
        self.void_answer: dict[str, Any] = {"approved": True, "message": "Request for refund submitted."}
        self._ids = itertools.count(1)

    def answer(self, received: Received) -> Answered:
        is_file = received.path.startswith("/files/")
        if not is_file and received.headers.get("api-key") != API_KEY and not self.next_answers:
            self.requests.append(received)
            return error(401, "unauthorized", "The API key is invalid.")
        return super().answer(received)

    def track(self, received: Received) -> Answered:
        number = received.query["tracking_number"]
        if received.query["carrier_code"] not in CARRIERS:
            return error(400, "invalid_field_value", f"Invalid carrier_code. '{received.query['carrier_code']}'.")
        return Answered(self.tracked.get(number) or tracking(number, "NY", []))

    def start(self, received: Received) -> Answered:
        if received.query["carrier_code"] not in CARRIERS:
            return error(400, "invalid_field_value", "Invalid carrier_code.")
        self.started.append(received.query["tracking_number"])
        return Answered(b"", 204)

    def stop(self, received: Received) -> Answered:
        if received.query["tracking_number"] not in self.started:
            return error(404, "not_found", "Not tracked.")
        self.started.remove(received.query["tracking_number"])
        return Answered(b"", 204)

    def list_webhooks(self, received: Received) -> Answered:
        return Answered(self.webhooks)

    def create_webhook(self, received: Received) -> Answered:
        asked = received.json()
        if any(hook["event"] == asked["event"] for hook in self.webhooks):
            return error(409, "already_exists", "A webhook for this event exists.")
        self.webhooks.append({"webhook_id": f"se-{next(self._ids)}", **asked})
        return Answered(self.webhooks[-1])

    def delete_webhook(self, received: Received) -> Answered:
        before = len(self.webhooks)
        self.webhooks = [hook for hook in self.webhooks if hook["webhook_id"] != received.groups["id"]]
        return Answered(b"", 204) if len(self.webhooks) < before else error(404, "not_found", "No such webhook.")

    def find(self, received: Received) -> Answered:
        reference = received.groups["reference"]
        found = [label for label in self.labels.values() if label["external_shipment_id"] == reference]
        return Answered(found[0]) if found else error(404, "not_found", "external_shipment_id not found.")

    def buy(self, received: Received) -> Answered:
        asked = received.json()
        shipment = asked["shipment"]
        if "service_code" in shipment and received.groups["cheapest"]:
            return error(400, "invalid_field_value", "service_code is chosen for you.")
        if shipment["ship_from"]["country_code"] != shipment["ship_to"]["country_code"]:
            return error(400, "invalid_address", "Return labels are domestic only.")
        if not shipment["ship_from"]["postal_code"]:
            return error(400, "invalid_address", "The postal code of ship_from is missing.")
        reference = shipment["external_shipment_id"]
        if any(label["external_shipment_id"] == reference for label in self.labels.values()):
            return error(400, "identifier_must_be_unique", "external_shipment_id must be unique.")
        self.printed.append({"from": shipment["ship_from"], "to": shipment["ship_to"], **asked})
        label = self._label(f"se-{next(self._ids)}", reference, shipment, asked)
        self.labels[label["label_id"]] = label
        return Answered(label)

    def void(self, received: Received) -> Answered:
        found = self.labels.get(received.groups["id"])
        if found is None:
            return error(404, "not_found", "label_id not found.")
        if found["voided"]:
            return Answered(refused("The label was voided before.", "label_already_voided"))
        found["voided"] = bool(self.void_answer["approved"])
        return Answered(self.void_answer)

    def file(self, received: Received) -> Answered:
        return Answered(PNG if received.groups["name"].endswith(".png") else PDF)

    def _label(self, id_: str, reference: str, shipment: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
        has_code = asked["display_scheme"] == "label_and_paperless"
        is_made = self.status == "completed"
        return {
            "label_id": id_,
            "status": self.status,
            "shipment_id": "se-900",
            "external_shipment_id": reference,
            "created_at": "2026-11-20T10:00:00.120Z",
            "shipment_cost": {"currency": "usd", "amount": 7.33},
            "insurance_cost": {"currency": "usd", "amount": 0.0},
            "tracking_number": f"94055000000000{len(self.labels):08d}",
            "is_return_label": asked["is_return_label"],
            "rma_number": asked["rma_number"],
            "carrier_code": "stamps_com",
            "service_code": shipment.get("service_code", "usps_media_mail"),
            "charge_event": asked["charge_event"],
            "voided": False,
            "label_format": asked["label_format"],
            "label_layout": asked["label_layout"],
            "label_download": {"href": self._document(PDF, f"{id_}.pdf")} if is_made else None,
            "form_download": None,
            "qr_code_download": {"href": self._document(PNG, f"{id_}.png")} if has_code else None,
            "paperless_download": {"href": None, "handoff_code": "7K2M-114"} if has_code else None,
            "packages": [],
        }

    def _document(self, content: bytes, name: str) -> str:
        kind = "image/png" if content is PNG else "application/pdf"
        return f"data:{kind};base64,{b64encode(content).decode()}" if self.inline else f"{self.url}/files/{name}"


def error(status: int, code: str, message: str) -> Answered:
    problem = {"error_source": "shipengine", "error_type": "validation", "error_code": code, "message": message}
    return Answered({"request_id": "594a0d7d-5905-48ef-bb89-93acea737b3a", "errors": [problem]}, status)


def refused(message: str, reason: str = "unknown") -> dict[str, Any]:
    return {"approved": False, "message": message, "reason_code": reason}


def tracking(number: str, code: str, events: list[dict[str, Any]], detail: str | None = None) -> dict[str, Any]:
    return {
        "tracking_number": number,
        "status_code": code,
        "status_detail_code": detail,
        "carrier_status_code": "01",
        "ship_date": None,
        "estimated_delivery_date": None,
        "actual_delivery_date": None,
        "exception_description": None,
        "events": events,
    }


def event(code: str, detail: str | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "occurred_at": "2026-11-20T13:02:00Z",
        "carrier_occurred_at": "2026-11-20T07:02:00",
        "description": "Something happened",
        "city_locality": "AUSTIN",
        "state_province": "TX",
        "postal_code": "73301",
        "country_code": "US",
        "event_code": "OF",
        "status_code": code,
        "status_detail_code": detail,
        **changes,
    }
