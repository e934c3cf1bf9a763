"""DHL's Shipment Tracking - Unified and its push, over real HTTP: one call in five seconds, 250 a day, a handshake."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.carriers.fakes.server import Answered, FakeServer, Received

KEY = "key-of-an-app"
CREDENTIALS = {"api_key": KEY, "service": "parcel-nl", "account": "A1"}
PUSH = "/tracking/push/v1/subscription"
MAX_NUMBERS = 10


class FakeDhl(FakeServer):
    """`shipments` holds the shipments of a number. `clock` counts seconds; it stands still unless it is moved.

    A subscription is a dict; it is "validating" with its secret until it is activated, and then "ready".
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        super().__init__()
        self.shipments: dict[str, list[dict[str, Any]]] = {}
        self.subscriptions: dict[str, dict[str, Any]] = {}
        self.keeps_pace = clock is not None
        self._clock = clock or time.monotonic
        self._calls: list[float] = []
        self.routes = {
            "GET /track/shipments": self._track,
            f"POST {PUSH}": self._subscribe,
            f"POST {PUSH}/(?P<id>[^/]+)": self._activate,
            f"DELETE {PUSH}/(?P<id>[^/]+)": self._end,
        }

    def handshake(self, ref: str) -> dict[str, str]:
        """What DHL sends to the hook after the subscription was made."""
        return {
            "scope": "subscription.validate",
            "self": f"https://api-eu.dhl.com{PUSH}/{ref}",
            "secret": self.subscriptions[ref]["secret"],
        }

    def _refused(self, received: Received) -> Answered | None:
        if received.headers.get("dhl-api-key") != KEY:
            return problem(401, "Unauthorized", "Unauthorized for given resource.")
        return None

    def _track(self, received: Received) -> Answered:
        if refused := self._refused(received) or self._too_many():
            return refused
        number = received.query.get("trackingNumber", "")
        if not number:
            return problem(400, "Invalid input", "Input is invalid: trackingNumber is missing")
        found = [
            s for s in self.shipments.get(number, []) if received.query.get("service", s["service"]) == s["service"]
        ]
        if not found:
            return problem(
                404, "No result found", "No shipment with given tracking number found.", f"/shipment/{number}"
            )
        return Answered({"url": f"/shipments?trackingNumber={number}", "shipments": found})

    def _too_many(self) -> Answered | None:
        if not self.keeps_pace:
            return None
        now = self._clock()
        today = [call for call in self._calls if now - call < 86400]
        if len(today) >= 250 or (today and now - today[-1] < 5):
            return problem(429, "Too Many Requests", "Too many requests within defined time period.")
        self._calls = [*today, now]
        return None

    def _subscribe(self, received: Received) -> Answered:
        if refused := self._refused(received):
            return refused
        wanted = received.json()
        if wanted["type"] == "Shipment" and len(wanted["shipmentIDs"]) > MAX_NUMBERS:
            return problem(400, "Bad Request", f"At most {MAX_NUMBERS} shipment IDs")
        ref = f"sub-{len(self.subscriptions) + 1}"
        self.subscriptions[ref] = {**wanted, "secret": f"hook-secret-{ref}", "state": "validating"}
        return Answered({"subscriptionId": ref}, 202)

    def _activate(self, received: Received) -> Answered:
        subscription = self.subscriptions.get(received.groups["id"])
        if refused := self._refused(received):
            return refused
        if subscription is None:
            return problem(404, "Not Found", "No such subscription")
        if received.headers.get("dhl-api-hook-secret") != subscription["secret"]:
            return problem(400, "Bad Request", "The hook secret is wrong")
        subscription["state"] = "ready"
        return Answered(b"", 204)

    def _end(self, received: Received) -> Answered:
        if self._refused(received) or received.groups["id"] not in self.subscriptions:
            return problem(404, "Not Found", "No such subscription")
        del self.subscriptions[received.groups["id"]]
        return Answered(b"", 204)


def problem(status: int, title: str, detail: str, instance: str = "") -> Answered:
    return Answered(
        {"title": title, "status": status, "detail": detail, **({"instance": instance} if instance else {})}, status
    )
