"""Sendcloud's parcel tracking v3 as its OpenAPI document describes it, over real HTTP: Basic, one number a call."""

from __future__ import annotations

from base64 import b64encode
from typing import Any
from urllib.parse import unquote

from tests.carriers.fakes.server import Answered, FakeServer, Received

CREDENTIALS = {"public_key": "juniper", "secret_key": "sesame"}


class FakeSendcloud(FakeServer):
    """`parcels` holds the history per number."""

    def __init__(self) -> None:
        super().__init__()
        self.parcels: dict[str, dict[str, Any]] = {}
        self.routes = {"GET /api/v3/parcels/tracking/(?P<number>.+)": self._track}

    def _track(self, received: Received) -> Answered:
        basic = b64encode(f"{CREDENTIALS['public_key']}:{CREDENTIALS['secret_key']}".encode()).decode()
        if received.headers.get("authorization") != f"Basic {basic}":
            return Answered({"detail": "Invalid username/password."}, 401)
        number = unquote(received.groups["number"])
        if len(number) > 255:
            error = {"loc": ["path", "tracking_number"], "msg": "too long", "type": "string_too_long"}
            return Answered({"detail": [error]}, 422)
        found = self.parcels.get(number)
        return Answered(found) if found else Answered({"detail": "Parcel does not exist"}, 404)


def event(code: str = "in_transit", at: object = "2026-11-20T14:31:00Z", finer: str = "none") -> dict[str, Any]:
    return {
        "event_at": at,
        "event_type": "carrier",
        "status_code": code,
        "status_description": "x",
        "status_type": "success",
        "sub_status_code": finer,
    }


def history(number: str, *events: dict[str, Any], **details: object) -> dict[str, Any]:
    return {
        "details": {"is_return": False, **details},
        "events": list(events),
        "ship_with": {"type": "shipping_option_code", "properties": {"shipping_option_code": "postnl:standard"}},
        "tracking_numbers": [{"carrier_code": "postnl", "tracking_number": number}],
    }
