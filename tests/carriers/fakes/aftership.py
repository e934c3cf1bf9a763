"""AfterShip Tracking as documented: list, create and delete trackings, with its envelope and error codes."""

from __future__ import annotations

import itertools
from typing import Any

from tests.carriers.fakes.server import Answered, FakeServer, Received

API_KEY = "asat_key"
BASE = "/tracking/2026-07/trackings"


class FakeAfterShip(FakeServer):
    """`trackings` are what it holds. Numbers shorter than four characters are refused."""

    def __init__(self) -> None:
        super().__init__(
            {
                rf"GET {BASE}": self.list_trackings,
                rf"POST {BASE}": self.create,
                rf"DELETE {BASE}/(?P<id>[^/]+)": self.delete,
            }
        )
        self.trackings: list[dict[str, Any]] = []
        self._ids = itertools.count(1)

    def answer(self, received: Received) -> Answered:
        if received.headers.get("as-api-key") != API_KEY and not self.next_answers:
            self.requests.append(received)
            return error(401, 401, "Your API key is invalid.", "Unauthorized")
        return super().answer(received)

    def list_trackings(self, received: Received) -> Answered:
        wanted = received.query["tracking_numbers"].split(",")
        slug = received.query.get("slug")
        found = [t for t in self.trackings if t["tracking_number"] in wanted and slug in (None, t["slug"])]
        page = {"total": len(found), "next_cursor": None, "has_next_page": False}
        return Answered({"meta": {"code": 200}, "data": {"pagination": page, "trackings": found}})

    def create(self, received: Received) -> Answered:
        asked = received.json()
        number, slug = asked["tracking_number"], asked.get("slug", "usps")
        if len(number) < 4:
            return error(400, 4005, "The value of `tracking_number` is invalid.", "BadRequest")
        if any((t["tracking_number"], t["slug"]) == (number, slug) for t in self.trackings):
            return error(400, 4003, "Tracking already exists.", "BadRequest")
        self.trackings.append(tracking(f"id{next(self._ids)}", number, slug))
        return Answered({"meta": {"code": 201}, "data": self.trackings[-1]}, 201)

    def delete(self, received: Received) -> Answered:
        found = next((t for t in self.trackings if t["id"] == received.groups["id"]), None)
        if found is None:
            return error(404, 4004, "Tracking does not exist.", "NotFound")
        self.trackings.remove(found)
        return Answered({"meta": {"code": 200}, "data": {"id": found["id"], "slug": found["slug"]}})


def error(status: int, code: int, message: str, kind: str) -> Answered:
    return Answered({"meta": {"code": code, "message": message, "type": kind}, "data": {}}, status)


def tracking(
    id_: str, number: str, slug: str = "usps", tag: str = "Pending", subtag: str = "Pending_001"
) -> dict[str, Any]:
    """A tracking that AfterShip has not heard of yet."""
    return {
        "id": id_,
        "tracking_number": number,
        "slug": slug,
        "created_at": "2026-11-20T10:00:00+00:00",
        "active": True,
        "tag": tag,
        "subtag": subtag,
        "checkpoints": [],
        "shipment_type": None,
        "shipment_direction": "forward",
    }


def checkpoint(tag: str, subtag: str, at: str) -> dict[str, Any]:
    return {
        "checkpoint_time": at,
        "created_at": "2026-11-20T10:00:00+00:00",
        "slug": "usps",
        "city": "Austin",
        "state": "TX",
        "postal_code": "73301",
        "country_region": "USA",
        "message": subtag,
        "tag": tag,
        "subtag": subtag,
        "hash": f"{subtag}-{at}",
    }
