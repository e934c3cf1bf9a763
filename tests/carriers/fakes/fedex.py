"""FedEx as its documents describe it, over real HTTP: token with its throttle, track in batches, quotas, labels."""

from __future__ import annotations

import hmac
import time
from base64 import b64encode
from collections.abc import Callable
from typing import Any

from tests.carriers.fakes.server import Answered, FakeServer, Received

CLIENT_ID = "l7xx00"
CLIENT_SECRET = "sesame"
CREDENTIALS = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "account": "510087020"}
SHIP_PROJECT = {"ship_client_id": "l7xx11", "ship_client_secret": "open"}
BATCH = 30
LABELS = {"PDF": b"%PDF-1.4\n", "PNG": b"\x89PNG\r\n\x1a\n", "ZPLII": b"^XA^XZ"}


class FakeFedEx(FakeServer):
    """`parcels` holds the trackResults per number: two of them for a number that FedEx has used twice.

    `labels` holds the request of every label that was sold and not cancelled; those of `tendered` are on their way.

    Fifteen tokens within five seconds (three a second) close the token endpoint for ten minutes of `clock`, and every
    further try begins the ten minutes anew.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.parcels: dict[str, list[dict[str, Any]]] = {}
        self.labels: dict[str, dict[str, Any]] = {}
        self.tendered: set[str] = set()
        self.tokens_issued = 0
        self._clock = clock
        self._hits: list[float] = []
        self._closed_until = 0.0
        self._valid: set[str] = set()
        self._shipping: set[str] = set()
        self.routes = {
            "POST /oauth/token": self._token,
            "POST /track/v1/trackingnumbers": self._track,
            "POST /ship/v1/shipments": self._ship,
            "PUT /ship/v1/shipments/cancel": self._cancel,
        }

    def expire_tokens(self) -> None:
        """Every token given out so far is refused from now on, long before its time."""
        with self.lock:
            self._valid.clear()

    def calls(self, path: str) -> list[Received]:
        return [r for r in self.requests if r.path.startswith(path)]

    def _token(self, received: Received) -> Answered:
        with self.lock:
            now = self._clock()
            self._hits = [hit for hit in self._hits if now - hit < 5] + [now]
            if now < self._closed_until or len(self._hits) >= 15:
                self._closed_until = now + 600
                return Answered(b"<HTML><HEAD><TITLE>Access Denied</TITLE></HEAD></HTML>", 403)
        form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        ship = {name.removeprefix("ship_"): value for name, value in SHIP_PROJECT.items()}
        if received.form() not in (form, {**form, **ship}):
            return errors(401, "NOT.AUTHORIZED.ERROR", "The given client credentials were not valid.")
        with self.lock:
            self.tokens_issued += 1
            token = f"tok-{self.tokens_issued}"
            (self._valid if received.form() == form else self._shipping).add(token)
        return Answered({"access_token": token, "token_type": "bearer", "expires_in": 3599, "scope": "CXS"})

    def _track(self, received: Received) -> Answered:
        if received.headers.get("authorization", "").removeprefix("Bearer ") not in self._valid:
            return errors(401, "NOT.AUTHORIZED.ERROR", "Access token expired.")
        asked = [info["trackingNumberInfo"]["trackingNumber"] for info in received.json()["trackingInfo"]]
        if not all(asked):
            return errors(400, "TRACKING.TRACKINGNUMBER.EMPTY", "Please provide tracking number.")
        if len(asked) > BATCH:  # the limit is documented, the words of its refusal are not
            return errors(400, "TRACKING.TRACKINGNUMBER.TOOMANY", "At most 30 tracking numbers are allowed.")
        return Answered(
            {
                "transactionId": "624deea6-b709-470c-8c39-4b5511281492",
                "customerTransactionId": received.headers.get("x-customer-transaction-id", ""),
                "output": {
                    "completeTrackResults": [
                        {"trackingNumber": number, "trackResults": self.parcels.get(number) or [unknown(number)]}
                        for number in asked
                    ]
                },
            }
        )

    def _may_ship(self, received: Received) -> bool:
        """A project for labels takes its own token; a project with both products takes either."""
        token = received.headers.get("authorization", "").removeprefix("Bearer ")
        return token in (self._shipping or self._valid)

    def _ship(self, received: Received) -> Answered:
        if not self._may_ship(received):
            return errors(401, "NOT.AUTHORIZED.ERROR", "Access token expired.")
        asked = received.json()
        package = asked["requestedShipment"]["requestedPackageLineItems"][0]
        if package["weight"]["value"] > 150:
            return errors(400, "PACKAGE.WEIGHT.EXCEEDED", "The package weight exceeds the limit.")
        with self.lock:
            number = f"7946{len(self.labels):08d}"
            self.labels[number] = asked
        shipment = _label_of(asked, number)
        return Answered({"transactionId": "t", "output": {"transactionShipments": [shipment]}})

    def _cancel(self, received: Received) -> Answered:
        if not self._may_ship(received):
            return errors(401, "NOT.AUTHORIZED.ERROR", "Access token expired.")
        number = received.json()["trackingNumber"]
        if number not in self.labels:
            return errors(400, "TRACKINGNUMBER.NOTFOUND", "Tracking number is not found.")
        if number in self.tendered:
            alert = {"code": "SHIPMENT.TENDERED", "message": "The shipment has been tendered to FedEx."}
            return Answered({"output": {"cancelledShipment": False, "alerts": [alert]}})
        del self.labels[number]
        return Answered({"transactionId": "t", "output": {"cancelledShipment": True, "cancelledHistory": True}})


def _label_of(asked: dict[str, Any], number: str) -> dict[str, Any]:
    kind = asked["requestedShipment"]["labelSpecification"]["imageType"]
    document = {"contentType": "LABEL", "docType": kind, "copiesToPrint": 1}
    papers = []
    if "customsClearanceDetail" in asked["requestedShipment"]:
        invoice = b64encode(LABELS["PDF"] + b"invoice").decode()
        papers = [{"contentType": "COMMERCIAL_INVOICE", "docType": "PDF", "encodedLabel": invoice}]
    piece = {
        "trackingNumber": number,
        "netChargeAmount": 9.4,
        "packageDocuments": [{**document, "encodedLabel": b64encode(LABELS[kind]).decode()}],
    }
    return {
        "masterTrackingNumber": number,
        "serviceType": asked["requestedShipment"]["serviceType"],
        "pieceResponses": [piece],
        "shipmentDocuments": papers,
        "completedShipmentDetail": {"shipmentRating": {"shipmentRateDetails": [{"currency": "USD"}]}},
    }


def unknown(number: str) -> dict[str, Any]:
    return {
        "trackingNumberInfo": {"trackingNumber": number, "trackingNumberUniqueId": "", "carrierCode": ""},
        "error": {
            "code": "TRACKING.TRACKINGNUMBER.NOTFOUND",
            "message": "Tracking number cannot be found. Please correct the tracking number and try again.",
        },
    }


def errors(status: int, code: str, message: str) -> Answered:
    return Answered({"transactionId": "t", "errors": [{"code": code, "message": message}]}, status)


def quota_used_up() -> Answered:
    return errors(429, "TOO.MANY.REQUESTS", "Daily transaction quota exceeded. Retry after 12:00AM GMT")


def signed(body: bytes, token: str, encoding: str = "base64") -> dict[str, str]:
    """The one header that a webhook brings. There is no delivery id."""
    digest = hmac.digest(token.encode(), body, "sha256")
    return {"fdx-signature": b64encode(digest).decode() if encoding == "base64" else digest.hex()}
