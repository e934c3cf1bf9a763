"""The expected window: on which days, local to the destination, a parcel should arrive, and who says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal

from carriers.contract import Estimate
from portal.tracking.timeline import Fold, zone_of

FRESH: Final = timedelta(hours=24)
# Dates outside say "unknown" (9999-12-31) or nothing at all; calendars end there.
_FIRST_DAY: Final = date(2000, 1, 1)
_LAST_DAY: Final = date(2199, 12, 31)

Why = Literal["carrier", "promise", "none"]


@dataclass(frozen=True, slots=True)
class Promise:
    """What the shop said at purchase, in dates. Frozen: it is the yardstick for "late"."""

    start: date | None = None
    end: date | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """The carrier's own estimate in dates local to the destination, and when it last repeated it."""

    start: date
    end: date
    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Window:
    """Expected days, both inclusive; None where nothing honest can be said. `why` names the witness."""

    start: date | None = None
    end: date | None = None
    why: Why = "none"
    source: str = ""
    until: datetime | None = None  # when the clock alone makes this window void


def window_for(fold: Fold, promise: Promise, heard: Heard | None, zone: str, now: datetime) -> Window:
    """The carrier's own estimate while it is younger than 24 hours, else the shop's promise, else nothing.

    A window that lies wholly in the past is no expectation and is left out. Final parcels, and those on their way back,
    have none. Raises nothing.
    """
    if fold.is_final or fold.status.value == "returning":
        return Window()
    today = now.astimezone(zone_of(zone)).date()
    if heard and abs(now - heard.at) < FRESH and heard.end >= today:
        return Window(
            heard.start, heard.end, "carrier", heard.source, min(heard.at + FRESH, midnight_after(heard.end, zone))
        )
    if promise.end and promise.end >= today:
        return Window(promise.start or promise.end, promise.end, "promise", "", midnight_after(promise.end, zone))
    return Window()


def midnight_after(day: date, zone: str) -> datetime:
    """The instant at which a local day is over."""
    in_reach = min(max(day, _FIRST_DAY), _LAST_DAY)
    return datetime.combine(in_reach + timedelta(days=1), datetime.min.time(), zone_of(zone))


def estimate_as_json(estimate: Estimate, heard_at: datetime) -> dict[str, str]:
    """What shipment.estimate holds: dates stay dates, instants stay instants."""
    return {
        "from": estimate.start.isoformat(),
        "to": estimate.end.isoformat(),
        "source": estimate.source,
        "heard_at": heard_at.isoformat(),
    }


def later_told(told: dict[str, str], known: dict[str, str] | None, now: datetime) -> dict[str, str]:
    """Of two such values the one heard later, whichever is read first; of two heard at once the one of later days.

    What was heard ahead of now, before the clock was set back, counts no more.
    """
    if known is None or datetime.fromisoformat(known["heard_at"]) > now:
        return told
    return max(
        told, known, key=lambda one: (datetime.fromisoformat(one["heard_at"]), one["to"], one["from"], one["source"])
    )


def heard_from_json(values: dict[str, Any] | None, zone: str) -> Heard | None:
    """The reverse, in dates of the destination. None for nothing, and for dates that no calendar of ours reaches."""
    if not values:
        return None
    start, end = sorted(_local_day(str(values[key]), zone) for key in ("from", "to"))
    if start < _FIRST_DAY or end > _LAST_DAY:
        return None
    return Heard(start, end, str(values["source"]), datetime.fromisoformat(values["heard_at"]))


def _local_day(text: str, zone: str) -> date:
    if len(text) == len("2026-11-20"):
        return date.fromisoformat(text)
    moment = datetime.fromisoformat(text)
    in_reach = _FIRST_DAY <= moment.date() <= _LAST_DAY
    return moment.astimezone(zone_of(zone)).date() if in_reach else moment.date()
