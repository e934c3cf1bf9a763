"""Ship24's public API v1 as documented: trackers, their results by number, and errors in a list."""

from __future__ import annotations

import itertools
from typing import Any
from urllib.parse import unquote

from tests.carriers.fakes.server import Answered, FakeServer, Received

API_KEY = "apik_test"


class FakeShip24(FakeServer):
    """`trackings` are what it holds, by tracker id. Numbers shorter than five characters are refused."""

    def __init__(self) -> None:
        super().__init__(
            {
                "GET /trackers/search/(?P<number>[^/]+)/results": self.search,
                "POST /trackers/track": self.track,
                "POST /trackers": self.create,
                "PATCH /trackers/(?P<id>[^/]+)": self.change,
            }
        )
        self.trackings: dict[str, dict[str, Any]] = {}
        self._ids = itertools.count(1)

    def answer(self, received: Received) -> Answered:
        if received.headers.get("authorization") != f"Bearer {API_KEY}" and not self.next_answers:
            self.requests.append(received)
            return error(401, "auth_invalid_api_key", "The API key is invalid.")
        return super().answer(received)

    def search(self, received: Received) -> Answered:
        found = self._of(unquote(received.groups["number"]))
        if not found:
            return error(404, "tracker_not_found", "No tracker was found for this tracking number.")
        return Answered({"data": {"trackings": found}})

    def track(self, received: Received) -> Answered:
        made = self._made(received)
        return made if isinstance(made, Answered) else Answered({"data": {"trackings": [made]}}, 201)

    def create(self, received: Received) -> Answered:
        made = self._made(received)
        return made if isinstance(made, Answered) else Answered({"data": {"tracker": made["tracker"]}}, 201)

    def change(self, received: Received) -> Answered:
        found = self.trackings.get(received.groups["id"])
        if found is None:
            return error(404, "tracker_not_found", "No tracker has this id.")
        found["tracker"] |= received.json()
        return Answered({"data": {"tracker": found["tracker"]}})

    def _of(self, number: str) -> list[dict[str, Any]]:
        return [t for t in self.trackings.values() if t["tracker"]["trackingNumber"] == number]

    def _made(self, received: Received) -> dict[str, Any] | Answered:
        number = received.json()["trackingNumber"]
        if len(number) < 5:
            return error(400, "validation_error", "trackingNumber must be between 5 and 50 characters")
        if found := self._of(number):
            return found[0]
        made = tracking(number, f"id-{next(self._ids)}")
        made["tracker"]["courierCode"] = received.json().get("courierCode", [])
        self.trackings[made["tracker"]["trackerId"]] = made
        return made


def error(status: int, code: str, message: str) -> Answered:
    return Answered({"errors": [{"code": code, "message": message}], "data": None}, status)


def tracking(number: str, id_: str = "id-0", *events: dict[str, Any]) -> dict[str, Any]:
    """A tracker that nothing is known of yet, or one with these events, newest first."""
    newest = events[0] if events else {"statusCode": None, "statusMilestone": "pending"}
    return {
        "tracker": {"trackerId": id_, "trackingNumber": number, "courierCode": [], "isSubscribed": True},
        "shipment": {
            "statusCode": newest["statusCode"],
            "statusMilestone": newest["statusMilestone"],
            "delivery": {"estimatedDeliveryDate": None, "service": None, "signedBy": None},
        },
        "events": list(events),
    }


def event(code: str | None, milestone: str, at: str, offset: str | None = "-06:00", **more: object) -> dict[str, Any]:
    return {
        "status": code or milestone,
        "occurrenceDatetime": at + (offset or ""),
        "datetime": at,
        "hasNoTime": False,
        "utcOffset": offset,
        "order": None,
        "location": "Austin",
        "statusCode": code,
        "statusMilestone": milestone,
        **more,
    }
