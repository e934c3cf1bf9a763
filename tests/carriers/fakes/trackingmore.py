"""TrackingMore v4 as documented: detect a courier, create in batches, list, with its envelope and error codes."""

from __future__ import annotations

import itertools
from typing import Any

from tests.carriers.fakes.server import Answered, FakeServer, Received

API_KEY = "tm-key"


class FakeTrackingMore(FakeServer):
    """`trackings` are what it holds. Numbers that start with "1Z" are of ups, with "94" of usps, others of nobody."""

    def __init__(self) -> None:
        super().__init__(
            {
                "GET /v4/trackings/get": self.list_trackings,
                "POST /v4/trackings/batch": self.create,
                "POST /v4/couriers/detect": self.detect,
            }
        )
        self.trackings: list[dict[str, Any]] = []
        self._ids = itertools.count(1)

    def answer(self, received: Received) -> Answered:
        if received.headers.get("tracking-api-key") != API_KEY and not self.next_answers:
            self.requests.append(received)
            return error(401, 4001, "Invalid API key.", "Unauthorized")
        return super().answer(received)

    def list_trackings(self, received: Received) -> Answered:
        wanted = received.query["tracking_numbers"].split(",")
        courier = received.query.get("courier_code")
        found = [t for t in self.trackings if t["tracking_number"] in wanted and courier in (None, t["courier_code"])]
        return Answered({"meta": {"code": 200, "message": "Request response is successful"}, "data": found})

    def detect(self, received: Received) -> Answered:
        number = received.json()["tracking_number"]
        found = [{"courier_code": code} for start, code in (("1Z", "ups"), ("94", "usps")) if number.startswith(start)]
        return Answered({"meta": {"code": 200, "message": "Request response is successful"}, "data": found})

    def create(self, received: Received) -> Answered:
        asked = received.json()
        if len(asked) > 40:
            return error(400, 4103, "You can submit up to 40 trackings at a time.", "BadRequest")
        made: list[dict[str, Any]] = []
        refused: list[dict[str, Any]] = []
        for one in asked:
            number, courier = one["tracking_number"], one.get("courier_code", "")
            if any((t["tracking_number"], t["courier_code"]) == (number, courier) for t in self.trackings):
                refused.append({**one, "errorCode": 4101, "errorMessage": "Tracking No. already exists."})
            elif not courier:
                refused.append({**one, "errorCode": 4120, "errorMessage": "The value of `courier_code` is invalid."})
            else:
                self.trackings.append(tracking(number, courier, f"{next(self._ids):032x}"))
                made.append({"id": self.trackings[-1]["id"], **one})
        data = {"success": made, "error": refused}
        return Answered({"meta": {"code": 200, "message": "Request response is successful"}, "data": data})


def error(status: int, code: int, message: str, kind: str) -> Answered:
    return Answered({"meta": {"code": code, "type": kind, "message": message}, "data": []}, status)


def tracking(number: str, courier: str, id_: str = "1" * 32, *points: dict[str, Any]) -> dict[str, Any]:
    """A tracking that TrackingMore has not heard of yet, or one with these checkpoints."""
    return {
        "id": id_,
        "tracking_number": number,
        "courier_code": courier,
        "delivery_status": points[0]["checkpoint_delivery_status"] if points else "pending",
        "substatus": points[0]["checkpoint_delivery_substatus"] if points else "pending001",
        "scheduled_delivery_date": None,
        "origin_info": {"courier_code": courier, "trackinfo": list(points)},
        "destination_info": {"courier_code": None, "trackinfo": []},
    }


def point(substatus: str, at: str | None, **more: object) -> dict[str, Any]:
    return {
        "checkpoint_date": at,
        "checkpoint_delivery_status": substatus.rstrip("0123456789"),
        "checkpoint_delivery_substatus": substatus,
        "tracking_detail": substatus,
        "location": "Austin",
        "country_iso2": "US",
        "state": "TX",
        "city": "Austin",
        "zip": "73301",
        **more,
    }
