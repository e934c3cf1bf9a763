"""Reading payloads: surprises become BadPayload once, and times keep what they really say.

A single scan whose time is missing or unreadable is kept with no time at all rather than dropped or dated by guess:
what happened is known even where the moment is not. A time of the wrong type (a list, a number) is a surprise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from gc import get_referents
from hashlib import sha256
from operator import attrgetter
from types import TracebackType
from typing import Any, Final, NamedTuple

import orjson

from carriers.contract import Answer, Fault, Parcel, Place, Scan, ZoneFrom
from carriers.errors import BadPayload
from carriers.memory import remembered
from carriers.status import SUB_STATUSES, Status, status_of
from carriers.values import maker

MAX_DEPTH: Final = 64
_NESTED: Final = (dict, list)
UNREADABLE: Final = "unreadable"  # our word for one entry of many, not a carrier's code
SURPRISES: Final = (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError)


class reading:
    """Turns every surprise inside into BadPayload("<what>: ...")."""

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, SURPRISES):
            detail = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise BadPayload(f"{self._what}: {detail[:200] or type(error).__name__}") from error


def as_json(body: bytes) -> Any:
    """The JSON value of a body. Raises BadPayload: empty, HTML or XML, not UTF-8, not JSON, NaN, over 64 deep."""
    body = body.removeprefix(b"\xef\xbb\xbf").strip()
    if not body:
        raise BadPayload("the body is empty")
    if body.startswith(b"<"):
        raise BadPayload("the body is an HTML or XML page, not JSON")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadPayload(f"the body is not JSON: {error}"[:200]) from None
    _check_depth(value)
    return value


def as_object(body: bytes) -> dict[str, Any]:
    """As as_json, for bodies that must be a JSON object."""
    value = as_json(body)
    if not isinstance(value, dict):
        raise BadPayload("the body is JSON, but not an object")
    return value


def id_in(body: bytes, name: str) -> str:
    """A webhook's own id, which stays the same over its retries, else the sha256 of the body."""
    try:
        key = as_object(body).get(name)
    except BadPayload:
        key = None
    return key if isinstance(key, str) and 0 < len(key) <= 100 else sha256(body).hexdigest()


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = get_referents(*level)  # what lies in these lists and objects; nothing lies in a text or a number
        if not level:
            return
    if any(isinstance(inside, _NESTED) for inside in level):
        raise BadPayload(f"the body is nested more than {MAX_DEPTH} deep")


def each(value: object) -> Sequence[Mapping[str, Any]]:
    """The objects of a list; nothing where the field is absent or null. Raises TypeError for anything else.

    An object in the place of a list is a list of one: so XML becomes JSON in front of several carriers.
    """
    if value is None:
        return ()
    if not isinstance(value, list):
        if isinstance(value, dict) and value:
            return (value,)
        raise TypeError("a list of objects was expected")
    for entry in value:
        if not isinstance(entry, dict):
            raise TypeError("a list of objects was expected")
    return value


def some(value: object) -> Mapping[str, Any]:
    """An optional object; an empty one where the field is absent, null or empty text. Raises TypeError otherwise."""
    if isinstance(value, dict):
        return value
    if value is None or value == "":
        return {}
    raise TypeError("an object was expected")


def text(value: object, limit: int = 500) -> str:
    """Text of a field: None is empty, whole numbers are written out, control characters and edges are removed.

    Raises TypeError for anything else, so that an object in the place of a word is a surprise.
    """
    if type(value) is str and len(value) <= limit and value.isprintable():  # nearly all: only spaces are left
        if " " not in value or not ("  " in value or value[0] == " " or value[-1] == " "):
            return value
        return " ".join(value.split())
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TypeError(f"text expected, not {type(value).__name__}")
    clean = "".join(c if c.isprintable() else " " for c in str(value))
    return " ".join(clean.split())[:limit]


@remembered(4096)
def place_of(city: object, region: object, postcode: object, country: object) -> Place:
    """The place of four fields as they came. Remembered, because a carrier's scans come from the same few thousand.

    Raises TypeError where one of them is no text.
    """
    return Place(text(city), text(region), text(postcode), text(country))


@lru_cache(maxsize=1024)
def meant(word: str | None) -> tuple[Status | None, str | None]:
    """Status and sub-status of a word of a code table; neither for a code that is in none."""
    if word is None:
        return None, None
    return (status_of(word), word) if word in SUB_STATUSES else (Status(word), None)


def other_body(body: Mapping[str, Any], names: Mapping[str, str], otherwise: str) -> BadPayload:
    """The error for a body of another kind: by its name where one of its keys gives it away, else `otherwise`."""
    for key, name in names.items():
        if key in body:
            return BadPayload(f"this is {name}, not tracking data (it has {key})")
    return BadPayload(otherwise)


@dataclass(frozen=True, slots=True)
class When:
    """The time of a scan in the terms of Scan: instant or None, wall clock, offset and where that comes from."""

    at: datetime | None
    local: str
    offset: str | None
    zone_from: ZoneFrom
    date_only: bool = False


UNTIMED: Final = When(None, "", None, ZoneFrom.UNKNOWN)
NOWHERE: Final = Place()

new_when = maker(When)
new_parcel, new_answer = maker(Parcel), maker(Answer)
_new_scan = maker(Scan)
_CARRIER, _UNKNOWN = ZoneFrom.CARRIER, ZoneFrom.UNKNOWN  # looked up once: a member of an enum costs more than a call


class Said(NamedTuple):
    """What a scan says happened, in the terms of Scan: the carrier's code and words, and what they mean."""

    code: str
    text: str
    status: Status | None
    sub_status: str | None = None
    detail: str = ""


def scan_of(moment: When, said: Said, place: Place = NOWHERE) -> Scan:
    """The scan that says so, then and there."""
    return _new_scan(
        moment.at,
        moment.local,
        moment.offset,
        moment.zone_from,
        said.code,
        said.text,
        said.status,
        said.sub_status,
        place,
        moment.date_only,
        said.detail,
    )


_DATE = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
_CLOCK = re.compile(r"([0-9]{2}):?([0-9]{2})(?::?([0-9]{2})(?:[.,][0-9]+)?)?")
_OFFSET = re.compile(r"([+-])([0-9]{2})[:.]?([0-9]{2})?")
_ISO = re.compile(r"(?P<date>[0-9-]{8,10})(?:[T ]+(?P<clock>[0-9:.,]+) ?(?P<offset>Z|z|[+-][0-9:.]+)?)?")
_REST = re.compile(r"(?:[.,][0-9]+)? ?(Z|z|[+-][0-9:.]+)?")  # what may follow the seconds
_LONGEST: Final = 40  # characters of a time in the commonest spelling, with what may follow the seconds
Ahead = tuple[timedelta | None, str | None]  # an offset and its text; None and None where it is not known
_UNTOLD: Final[Ahead] = (None, None)


def when(value: object) -> When:
    """An ISO 8601 text with offset, without offset, or of a date alone. Raises TypeError unless text or None."""
    if value is not None and not isinstance(value, str):
        raise TypeError(f"time expected, not {type(value).__name__}")
    if not value:
        return UNTIMED
    parts = common_spelling(value)
    if parts:
        return _at_wall(*parts)
    found = _ISO.fullmatch(value.strip())
    return local_with_offset(found["date"], found["clock"], found["offset"]) if found else UNTIMED


def common_spelling(value: str) -> tuple[str, datetime, Ahead] | None:
    """The commonest spelling, "2026-11-20T14:31:00" and what may follow it; None for every other.

    The wall clock, what it would be in UTC, and the offset of which the rest tells.
    """
    size = len(value)
    if not 19 <= size <= _LONGEST or value[7] != "-" or value[10] != "T" or value[16] != ":":
        return None
    local = value[:19]
    ahead = _UNTOLD if size == 19 else _after_seconds(value[19:])
    moment = _as_utc(local)
    return (local, moment, ahead) if moment and ahead and 1990 <= moment.year <= 2100 else None


@lru_cache(maxsize=1024)
def _after_seconds(rest: str) -> Ahead | None:
    """The offset in what follows the seconds; None where that is not read."""
    found = _REST.fullmatch(rest)
    return _offset(found[1]) if found else None


def local_with_offset(day: object, clock: str | None, offset: object) -> When:
    """Wall clock and offset as carriers write them apart. Raises TypeError where one of them is no text.

    day "2026-11-20" or "20261120"; clock "14:31", "14:31:00.5" or "143100", empty for a date alone; offset "Z",
    "+09:00", "+0900", "+09" or "-04.00", empty or unreadable for unknown. A time without offset is never stamped UTC.
    """
    today = _day(day)
    if not today:
        return UNTIMED
    if not clock:
        return When(None, today, None, ZoneFrom.UNKNOWN, date_only=True)
    local = _wall(today, clock)
    moment = _as_utc(local)
    return _at_wall(local, moment, _offset(offset)) if moment else UNTIMED


def utc(day: object, clock: str | None) -> datetime | None:
    """The instant of a wall clock that is known to show UTC, written as for `local_with_offset`; None without one."""
    today = _day(day)
    return _as_utc(_wall(today, clock)) if today and clock else None


def _at_wall(local: str, moment: datetime, ahead: Ahead) -> When:
    """At a wall clock, `moment` being what it would be in UTC."""
    delta, offset = ahead
    if delta is None:
        return new_when(None, local, None, _UNKNOWN)
    return new_when(moment - delta, local, offset, _CARRIER)


def _as_utc(local: str) -> datetime | None:
    """A wall clock "2026-11-20T14:31:00" as if it were in UTC; None where it is none."""
    try:
        moment = datetime.fromisoformat(local + "+00:00")
    except ValueError:
        return None
    # 24:00 is midnight of the next day to newer versions of Python, and to no carrier
    return moment if moment.hour or local[11] == "0" else None


@remembered(256)
def _offset(value: object) -> Ahead:
    ahead = offset_of(text(value))
    return _UNTOLD if ahead is None else (ahead, offset_text(ahead))


@lru_cache(maxsize=256)
def offset_of(value: str) -> timedelta | None:
    """The offset from UTC in any of the carriers' spellings, or None."""
    if value in {"Z", "z"}:
        return timedelta(0)
    found = _OFFSET.fullmatch(value.strip())
    if not found:
        return None
    ahead = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    if ahead > timedelta(hours=14) or int(found[3] or 0) > 59:
        return None
    return -ahead if found[1] == "-" else ahead


@lru_cache(maxsize=256)
def offset_text(ahead: timedelta) -> str:
    """ "+09:00" for nine hours ahead of UTC."""
    minutes = int(ahead.total_seconds() // 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


@remembered(1024)
def _day(value: object) -> str:
    """ "2026-11-20", or empty text where the value is no date."""
    found = _DATE.fullmatch(text(value))
    try:
        day = date(int(found[1]), int(found[2]), int(found[3])) if found else None
    except ValueError:
        return ""
    # carriers fill empty fields with year 1 or 9999; a parcel is younger than the internet
    return day.isoformat() if day and 1990 <= day.year <= 2100 else ""


def _wall(today: str, clock: str) -> str:
    """A day and a time of day as "2026-11-20T14:31:00". What it makes of anything else, `_as_utc` refuses.

    Nothing is remembered here: a day has too many seconds to come again soon.
    """
    if len(clock) == 6 and clock.isdecimal():
        return f"{today}T{clock[:2]}:{clock[2:4]}:{clock[4:]}"
    found = _CLOCK.fullmatch(clock.strip())
    return f"{today}T{found[1]}:{found[2]}:{found[3] or '00'}" if found else ""


def joined(
    entries: Iterable[Mapping[str, Any]],
    number_of: Callable[[Mapping[str, Any]], str],
    parcel_of: Callable[[str, Sequence[Mapping[str, Any]]], Parcel | None],
) -> Answer:
    """One parcel a number, where a service may have several entries of one.

    Entries that cannot be read are their own number's fault and no reason to lose the others; only when none can be
    read is the body not understood. `parcel_of` gives None for entries that say nothing of a parcel.
    """
    by_number: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        by_number.setdefault(number_of(entry), []).append(entry)
    parcels: list[Parcel] = []
    broken: dict[str, Exception] = {}
    for number, found in by_number.items():
        try:
            if parcel := parcel_of(number, found):
                parcels.append(parcel)
        except SURPRISES as error:
            broken[number] = error
    if broken and not parcels:
        raise next(iter(broken.values()))
    faults = (Fault(number, UNREADABLE, "a tracking that we cannot read") for number in broken)
    return Answer(tuple(parcels), errors=tuple(faults))


def without_unheard(answer: Answer) -> Answer:
    """Parcels of which a service has heard nothing yet are numbers that are not found."""
    heard = tuple(parcel for parcel in answer.parcels if parcel.scans or parcel.status is not Status.PENDING)
    if len(heard) == len(answer.parcels):
        return answer
    found = {parcel.number for parcel in heard}
    unheard = tuple(parcel.number for parcel in answer.parcels if parcel.number not in found)
    return replace(answer, parcels=heard, not_found=(*answer.not_found, *unheard))


def oldest_first(scans: Iterable[Scan], *, newest_first: bool = False) -> tuple[Scan, ...]:
    """Sorted by time. Scans of one instant keep the carrier's order, which `newest_first` says runs backwards.

    A scan without an instant sorts by its wall clock, which is at most half a day off; one without any time comes
    first, so that it never poses as the latest news.
    """
    given = list(scans)
    if newest_first:
        given.reverse()
    given.sort(key=_instant if all(map(_instant, given)) else _order)
    return tuple(given)


_instant = attrgetter("at")


def _order(scan: Scan) -> str:
    return scan.at.isoformat()[:19] if scan.at else scan.local
