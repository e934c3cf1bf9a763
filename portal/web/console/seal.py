"""Short texts that travel through an agent's browser and come back unread and unchanged."""

import base64
from typing import Any

import orjson

from portal.keys import CannotDecrypt, Keys
from portal.refusal import Refusal
from portal.web.edge import Ask

LONGEST = 4000


def seal(keys: Keys, values: dict[str, Any], place: str) -> str:
    """URL-safe text, different each time; opens only with the same `place`."""
    sealed = keys.seal({"v": orjson.dumps(values).decode()}, place)
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def unseal(keys: Keys, text: object, place: str) -> dict[str, Any] | None:
    """The inverse of `seal`; None for anything that `seal` did not make for this place."""
    if not isinstance(text, str) or not text.isascii() or not 0 < len(text) <= LONGEST:
        return None
    try:
        sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        values: dict[str, Any] = orjson.loads(keys.open(sealed, place)["v"])
    except (CannotDecrypt, ValueError, KeyError):
        return None
    return values


def row_ref(ask: Ask, table: str, row_id: int | None) -> str:
    """An opaque name for a row that has no public id; of no use for another table."""
    return seal(ask.app.keys, {"id": row_id}, f"console:{table}")


def row_of(ask: Ask, table: str, ref: str) -> int:
    """The inverse of `row_ref`, or Refusal not_found. Says nothing about whether the agent may see the row."""
    values = unseal(ask.app.keys, ref, f"console:{table}")
    if values is None:
        raise Refusal("not_found", 404)
    return int(values["id"])
