"""Events that people here add by hand: our own small format, kept in the inbox like any carrier's body.

docs/manual-events.md describes it. Nothing is fetched and nothing is pushed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

from carriers.contract import About, Answer, Parcel, Place, Scan
from carriers.errors import BadPayload
from carriers.reading import Said, as_object, each, meant, oldest_first, reading, scan_of, some, text, when
from carriers.status import SUB_STATUSES, Status
from carriers.zones import placed

FORMAT: Final = "doorstep/manual/1"
REMARK: Final = "remark"
MAX_TEXT: Final = 500

# What only a carrier's silence or our clock can say.
_NOT_SEEN: Final = frozenset({"pending", "pending.registered", "pending.not_found", "expired"})
CODES: Final[Mapping[str, str]] = {
    word: word for word in (*(status.value for status in Status), *SUB_STATUSES) if word not in _NOT_SEEN
}
_ID: Final = re.compile(r"[A-Za-z0-9_-]{8,64}")

ABOUT = About(
    slug="manual",
    name="Added by hand",
    docs_url="docs/manual-events.md",
    live="",
    codes=CODES,
    unmapped={REMARK: "words for the shopper alone: where the parcel stands does not change"},
    time_rule=(
        "`at` is ISO 8601 with an offset, which is what the console writes. Without one it is placed by the country, "
        "region and postcode of the event where these tell one zone, else it has none. A date stays a date."
    ),
    sources=("docs/manual-events.md",),
    gaps=("Estimates of the delivery cannot be given by hand: the promised dates of the order can.",),
)


class Manual:
    """The adapter. Stateless; safe to share between threads."""

    about = ABOUT

    def parse(self, body: bytes, status: int = 200) -> Answer:
        with reading("manual"):
            told = as_object(body)
            if told.get("format") != FORMAT:
                raise BadPayload(f"manual: the format is not {FORMAT}")
            number = text(told["number"])
            if not number:
                raise ValueError("no number")
            return Answer((_parcel(number, each(told["events"])),))


CARRIER = Manual()


def event(event_id: str, status: str, at: str, words: str = "", place: Place | None = None) -> dict[str, Any]:
    """One event as the format has it. `status` is a word of CODES or REMARK, `at` ISO 8601. Raises ValueError."""
    where = place or Place()
    made = {
        "id": event_id,
        "status": status,
        "at": at,
        "text": words,
        "place": {
            "city": where.city,
            "region": where.region,
            "postcode": where.postcode,
            "country": where.country,
        },
    }
    if status not in CODES and status != REMARK:
        raise ValueError(f"{status!r} is not a status that a person can see")
    if len(words) > MAX_TEXT:
        raise ValueError("the text is too long")
    if not when(at).local:
        raise ValueError(f"{at!r} is not a time")
    _scan(made)
    return made


def body_of(number: str, events: Iterable[Mapping[str, Any]]) -> bytes:
    """The body that `parse` reads."""
    return orjson.dumps({"format": FORMAT, "number": number, "events": list(events)})


def _parcel(number: str, events: Sequence[Mapping[str, Any]]) -> Parcel:
    scans = oldest_first(map(_scan, events))
    meanings = [scan for scan in scans if scan.status]
    status, sub_status = (meanings[-1].status, meanings[-1].sub_status) if meanings else (None, None)
    delivered = [scan.at for scan in scans if scan.status is Status.DELIVERED and scan.at]
    return Parcel(
        number=number,
        scans=scans,
        status=status,
        sub_status=sub_status,
        delivered_at=delivered[-1] if delivered and status is Status.DELIVERED else None,
    )


def _scan(told: Mapping[str, Any]) -> Scan:
    """One event. Its id is part of what it is: the same thing said twice by hand is two events."""
    event_id, code = text(told["id"]), text(told["status"])
    if not _ID.fullmatch(event_id) or not code:
        raise ValueError("an event without an id or a status")
    status, sub_status = meant(CODES.get(code))
    where = some(told.get("place"))
    place = Place(
        text(where.get("city")), text(where.get("region")), text(where.get("postcode")), text(where.get("country"))
    )
    moment = placed(when(told.get("at")), place)
    return scan_of(moment, Said(code, text(told.get("text"), MAX_TEXT), status, sub_status, event_id), place)
