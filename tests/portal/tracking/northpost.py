"""Northpost's side of the wire for tests: bodies, signatures, and an account connected with them."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson

from portal.app import App
from portal.connections import create_connection
from portal.tables import Connection

SECRET = "a webhook secret of tests"


def connect(app: App, *, secret: str = SECRET, brand_id: int | None = None, **fields: str) -> Connection:
    """An account with Northpost, shared by both brands unless said otherwise."""
    given = {"base_url": "http://127.0.0.1:9", "api_key": "np_test_key", "webhook_secret": secret, **fields}
    with app.db.transaction() as tx:
        return create_connection(
            tx, app.keys, carrier="northpost", name="Northpost", brand_id=brand_id, fields=given, now=app.now()
        )


def event(code: str, at: datetime, city: str = "Penrith", **more: Any) -> dict[str, Any]:
    """One scan, as Northpost sends it."""
    place = {"city": city, "region": "", "postcode": "", "country": "GB"}
    return {"code": code, "at": at.isoformat(), "text": f"Code {code}", "place": place, **more}


def answer(number: str, events: Sequence[dict[str, Any]], **parcel: Any) -> dict[str, Any]:
    """A tracking answer about one parcel."""
    code = events[-1]["code"] if events else "REG"
    return {"parcels": [{"number": number, "code": code, "events": list(events), **parcel}], "unknown": []}


def delivery(number: str, events: Sequence[dict[str, Any]], delivery_id: str = "", **parcel: Any) -> bytes:
    """A webhook body."""
    body = answer(number, events, **parcel)
    if delivery_id:
        body["delivery"] = delivery_id
    return orjson.dumps(body)


def signed(body: bytes, now: datetime, secret: str = SECRET) -> dict[str, str]:
    """The headers of a delivery."""
    stamp = str(int(now.timestamp()))
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + body, sha256).hexdigest()
    return {"content-type": "application/json", "northpost-signature": f"t={stamp},v1={digest}"}


def journey(start: datetime) -> list[dict[str, Any]]:
    """Label to doorstep in two days."""
    hours = (("LBL", 0), ("COL", 6), ("HIN", 14), ("HOUT", 20), ("DEP", 30), ("VAN", 40), ("DLP", 46))
    return [event(code, start + timedelta(hours=hour)) for code, hour in hours]
