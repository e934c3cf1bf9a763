"""La Poste's Suivi v2 as its OpenAPI document describes it, over real HTTP: key, one number or up to ten, quota."""

from __future__ import annotations

from typing import Any

from tests.carriers.fakes.server import Answered, FakeServer, Received

KEY = "sesame"
CREDENTIALS = {"okapi_key": KEY, "language": "en_GB"}
BATCH = 10


class FakeLaPoste(FakeServer):
    """`shipments` holds the tracking object per number. One number answers with an object, several with a list."""

    def __init__(self) -> None:
        super().__init__()
        self.shipments: dict[str, dict[str, Any]] = {}
        self.routes = {r"GET /idships/(?P<ids>.+)": self._track}

    def _track(self, received: Received) -> Answered:
        if received.headers.get("x-okapi-key") != KEY:
            return Answered({"code": "UNAUTHORIZED", "message": "key not found or invalid"}, 401)
        asked = received.groups["ids"].split(",")
        found = [self._one(number, received.query.get("lang", "fr_FR")) for number in asked[:BATCH]]
        if len(asked) == 1:
            return Answered(found[0], 200 if "shipment" in found[0] else 404)
        return Answered(found, 207)

    def _one(self, number: str, lang: str) -> dict[str, Any]:
        base = {"lang": lang, "scope": "open"}
        if number in self.shipments:
            return {**base, "returnCode": 200, "shipment": self.shipments[number]}
        return {**base, "returnCode": 104, "returnMessage": "Not available yet.", "idShip": number}


def quota_used_up() -> Answered:
    return Answered({"code": "TOO_MANY_REQUESTS", "message": "max quota reached (100 calls per 1s)"}, 429)
