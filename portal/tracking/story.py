"""The story of a parcel as pages, console and mails show it: prepared once per change, free of any language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from carriers.contract import Place
from carriers.status import Status
from portal.tracking.delay import Delay
from portal.tracking.timeline import BY_HAND, Fold, Kept
from portal.tracking.window import Promise, Window

VERSION: Final = 1
MAX_EVENTS: Final = 200

_STEPS: Final = {
    Status.PENDING: 1,
    Status.INFO_RECEIVED: 1,
    Status.CANCELLED: 1,
    Status.OUT_FOR_DELIVERY: 3,
    Status.ATTEMPT_FAILED: 3,
    Status.AVAILABLE_FOR_PICKUP: 3,
    Status.DELIVERED: 5,
}
_ON_ITS_WAY: Final = 2
_BAD: Final = frozenset({Status.EXCEPTION, Status.RETURNING, Status.RETURNED, Status.CANCELLED})
_SHOPPER_ACTS: Final = frozenset(
    {"exception.address", "exception.moved", "exception.payment", "exception.customs_hold", "attempt_failed.no_access"}
)
_MERCHANT_ACTS: Final = frozenset(
    {
        "exception.damaged",
        "exception.lost",
        "exception.refused",
        "exception.rejected_by_carrier",
        "exception.pickup_expired",
    }
)


@dataclass(frozen=True, slots=True)
class Ground:
    """What is known beside the scans: the day of the order and of packing (local to the brand), and the promise.

    `is_followed`: there is an account that hears of the parcel.
    """

    ordered_on: date | None
    packed_on: date | None
    promise: Promise
    is_followed: bool = True


def story_of(fold: Fold, window: Window, delay: Delay, ground: Ground) -> dict[str, Any]:
    """The JSON of Shipment.story; its keys are a contract with templates, console and mails. Raises nothing."""
    events = [_event(kept) for kept in reversed(fold.events[-MAX_EVENTS:])]
    promise = ground.promise
    has_slipped = bool(promise.end and (delay.missed == promise.end or (window.end and window.end > promise.end)))
    return {
        "v": VERSION,
        "step": step_of(fold),
        "reached": [_day(day) for day in _reached(fold, ground)],
        "status": fold.status.value,
        "sub_status": fold.sub_status,
        "tone": _tone(fold, delay),
        "latest": events[0] if events else None,
        "events": events,
        "count": len(fold.events),
        "window": {
            "from": _day(window.start),
            "to": _day(window.end),
            "why": window.why,
            "source": window.source,
            "likely": None,  # words of probability need a measured record, which nobody has yet
        },
        "was": {"from": _day(promise.start or promise.end), "to": _day(promise.end)} if has_slipped else None,
        "delay": {
            "state": delay.state,
            "cause": delay.cause,
            "since": _instant(delay.since),
            "promised": _day(promise.end),
            "missed": _day(delay.missed),
        },
        "pod": _proof(fold),
        "act": _who_acts(fold),
        "followed": ground.is_followed,
    }


def step_of(fold: Fold) -> int:
    """Index of the milestone now: 1 packed, 2 on its way, 3 out for delivery, 5 all done."""
    if fold.status in {Status.EXCEPTION, Status.EXPIRED} and not fold.has_moved:
        return 1
    return _STEPS.get(fold.status, _ON_ITS_WAY)


def _reached(fold: Fold, ground: Ground) -> tuple[date | None, ...]:
    packed = ground.packed_on or fold.told_on
    return (ground.ordered_on, packed, fold.moved_on, fold.out_on, fold.delivered_on)


def _tone(fold: Fold, delay: Delay) -> str:
    if fold.status is Status.DELIVERED:
        return "ok"
    if fold.status in _BAD:
        return "bad"
    return "warn" if delay.state != "none" or fold.status in {Status.ATTEMPT_FAILED, Status.EXPIRED} else "info"


def _who_acts(fold: Fold) -> str:
    sub_status = fold.sub_status or ""
    if fold.status is Status.AVAILABLE_FOR_PICKUP or sub_status in _SHOPPER_ACTS:
        return "shopper"
    if fold.status in {Status.RETURNING, Status.RETURNED} or sub_status in _MERCHANT_ACTS:
        return "merchant"
    return "carrier" if fold.status in {Status.EXCEPTION, Status.ATTEMPT_FAILED} else "none"


def _proof(fold: Fold) -> dict[str, str] | None:
    if fold.status is not Status.DELIVERED:
        return None
    last = next(kept for kept in reversed(fold.events) if kept.scan.status is Status.DELIVERED)
    return {"place": _place(last.scan.place), "by": ""}


def _event(kept: Kept) -> dict[str, Any]:
    scan = kept.scan
    return {
        "at": _instant(scan.at),
        "local": scan.local,
        "offset": scan.offset,
        "date_only": scan.date_only,
        "status": scan.status.value if scan.status else None,
        "sub_status": scan.sub_status,
        "code": scan.code,
        "text": scan.text,
        "place": _place(scan.place),
        **({"by_hand": True} if kept.carrier == BY_HAND else {}),
    }


def _place(place: Place) -> str:
    return ", ".join(filter(None, (place.city, place.region, place.country)))


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _instant(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None
