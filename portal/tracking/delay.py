"""Whether a parcel is late, at risk, or silent for too long, and since when: pure, with the clock as a value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal

from carriers.status import Status
from portal.tracking.timeline import Fold
from portal.tracking.window import Heard, Promise, Window, midnight_after

State = Literal["none", "at_risk", "late", "stalled"]

# Silence that is longer than the network's own pauses (weekends included) in each status.
SILENCE: Final[dict[Status, timedelta]] = {
    Status.PENDING: timedelta(days=5),
    Status.INFO_RECEIVED: timedelta(days=5),
    Status.PICKED_UP: timedelta(days=4),
    Status.IN_TRANSIT: timedelta(days=4),
    Status.EXCEPTION: timedelta(days=5),
    Status.OUT_FOR_DELIVERY: timedelta(days=2),
    Status.ATTEMPT_FAILED: timedelta(days=3),
}
CUSTOMS_SILENCE: Final = timedelta(days=8)
# Silence after which nobody watches any more; one scan brings the parcel back.
FORGOTTEN: Final = timedelta(days=45)
# Nothing is called silent unless the carrier has answered us this lately.
LISTENING: Final = timedelta(hours=30)
LOOK_AGAIN: Final = timedelta(hours=1)
LOOK_DAILY: Final = timedelta(days=1)

_CAUSES: Final = {
    "exception.weather": "weather",
    "exception.customs_hold": "customs",
    "exception.payment": "payment",
    "exception.address": "address",
    "exception.moved": "address",
    "exception.capacity": "capacity",
    "exception.misrouted": "misrouted",
    "exception.damaged": "damaged",
    "exception.lost": "lost",
    "exception.refused": "refused",
}


@dataclass(frozen=True, slots=True)
class Listening:
    """How well we hear the carrier. `heard_at`: its last answer about this parcel, scans or not."""

    is_healthy: bool
    heard_at: datetime | None
    known_since: datetime  # when the parcel was registered here: silence cannot be older


@dataclass(frozen=True, slots=True)
class Delay:
    """`cause` is one word of the carrier's exception, None where it gave none. `missed` is the date that was or will be
    missed, None while none is; with "at_risk" it has passed and nobody has told us whether the parcel came. `since` is
    when the state began, `missed_at` when the date was missed: a parcel can have been silent long before. `at` is when
    the clock alone may change this, or the story."""

    state: State = "none"
    cause: str | None = None
    since: datetime | None = None
    missed: date | None = None
    missed_at: datetime | None = None
    at: datetime | None = None


def delay_of(
    fold: Fold, window: Window, promise: Promise, heard: Heard | None, listening: Listening, zone: str, now: datetime
) -> Delay:
    """Stalled before late before at risk. A parcel that is final or on its way back is none of these. Raises nothing.

    Without a promise the carrier's own estimate is the yardstick, once it has passed. Late is what the carrier has not
    delivered, as far as it tells us: while we do not hear it, a day that has passed is a risk and no more.
    """
    if fold.is_final or fold.status is Status.RETURNING:
        return Delay()
    missed, missed_at = _missed(window, promise, heard, zone, now)
    quiet_from = _last_word(fold, listening, now)
    stalls_at = quiet_from + _patience(fold) if _can_stall(fold) else None
    is_stalled = stalls_at is not None and now >= stalls_at and hears(listening, now)
    state: State = "none"
    since = None
    if is_stalled:
        state, since = "stalled", quiet_from
    elif missed and (hears(listening, now) or window.why == "carrier"):
        state, since = "late", missed_at
    elif missed or is_at_risk(fold, window, promise, zone, now):
        state = "at_risk"
    return Delay(
        state,
        cause_of(fold) if state != "none" else None,
        since,
        missed,
        missed_at,
        _next_look(now, quiet_from, None if is_stalled else stalls_at, window, promise, listening, zone),
    )


def hears(listening: Listening, now: datetime) -> bool:
    """Whether silence is the carrier's and not ours."""
    return listening.is_healthy and listening.heard_at is not None and now - listening.heard_at < LISTENING


def is_forgotten(fold: Fold, listening: Listening, now: datetime) -> bool:
    """Whether the silence is so long that watching ends: the status `expired`."""
    return not fold.is_final and now - _last_word(fold, listening, now) >= FORGOTTEN and hears(listening, now)


def is_at_risk(fold: Fold, window: Window, promise: Promise, zone: str, now: datetime) -> bool:
    """A problem is reported, the window reaches past the promise, or the day is near and nothing has moved."""
    if fold.status in {Status.EXCEPTION, Status.ATTEMPT_FAILED}:
        return True
    if promise.end is None:
        return False
    if window.end and window.end > promise.end:
        return True
    return not fold.has_moved and now >= _day_before(promise.end, zone)


def cause_of(fold: Fold) -> str | None:
    """The latest reason that the carrier gave, in one word."""
    for kept in reversed(fold.events):
        if (cause := _CAUSES.get(kept.scan.sub_status or "")) is not None:
            return cause
    return None


def _missed(
    window: Window, promise: Promise, heard: Heard | None, zone: str, now: datetime
) -> tuple[date | None, datetime | None]:
    """The date that is missed and since when: it has passed, or the carrier says that it will be."""
    due = promise.end or (heard.end if heard else None)
    if due is None:
        return None, None
    over = midnight_after(due, zone)
    if now >= over:
        return due, over.astimezone(UTC)
    if window.why == "carrier" and window.start and window.start > due:
        return due, heard.at if heard else None
    return None, None


def _can_stall(fold: Fold) -> bool:
    return fold.status in SILENCE


def _patience(fold: Fold) -> timedelta:
    if fold.sub_status in {"in_transit.customs_started", "exception.customs_hold", "in_transit.export_cleared"}:
        return CUSTOMS_SILENCE
    return SILENCE[fold.status]


def _last_word(fold: Fold, listening: Listening, now: datetime) -> datetime:
    """The last scan, or the end of its day where only a date is known; never later than now, whatever clocks say.

    A parcel that has not moved is as silent as it is registered here, because nobody knows what was before.
    """
    latest = fold.events[-1].local_date if fold.events else None
    scanned = fold.last_scan_at or (datetime.combine(latest, time.max, UTC) if latest else None)
    if scanned is None:
        return listening.known_since
    return min(now, scanned if fold.has_moved else max(scanned, listening.known_since))


def _next_look(
    now: datetime,
    quiet_from: datetime,
    stalls_at: datetime | None,
    window: Window,
    promise: Promise,
    listening: Listening,
    zone: str,
) -> datetime:
    """The earliest moment ahead at which a date passes or a silence gets too long; it always comes."""
    moments = [quiet_from + FORGOTTEN, window.until, stalls_at]
    if promise.end:
        moments += [midnight_after(promise.end, zone), _day_before(promise.end, zone)]
    future = [moment.astimezone(UTC) for moment in moments if moment and moment > now]
    # Past due but not called silent: we do not hear the carrier, and look again once we may.
    soon = now + (LOOK_AGAIN if listening.heard_at and stalls_at and stalls_at <= now else LOOK_DAILY)
    return min([*future, soon])


def _day_before(day: date, zone: str) -> datetime:
    return midnight_after(day, zone) - timedelta(days=2)
