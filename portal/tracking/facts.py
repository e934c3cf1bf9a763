"""Which messages the state of a parcel implies, each with the words that make it one fact, and when it came true."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final

from carriers.status import RANK, Status
from portal.notify.events import Event
from portal.tracking.delay import Delay
from portal.tracking.timeline import PHYSICAL, Fold, Kept
from portal.tracking.window import Window


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing worth telling. `key` tells it from other facts of the same event; `happened_at` is None when unknown.

    `overtaken`: something later is known already, so telling it now would confuse.
    """

    event: Event
    key: str
    happened_at: datetime | None
    facts: dict[str, Any]
    overtaken: bool = False


_PAST_ROAD: Final = frozenset(
    {Status.OUT_FOR_DELIVERY, Status.ATTEMPT_FAILED, Status.AVAILABLE_FOR_PICKUP, Status.DELIVERED}
    | {Status.RETURNING, Status.RETURNED}
)
# With any other status the carrier has taken the delivery back, and the real one is still to come.
_AFTER_DELIVERY: Final = frozenset({Status.DELIVERED, Status.RETURNING, Status.RETURNED})


def facts_of(fold: Fold, window: Window, delay: Delay, now: datetime) -> list[Fact]:
    """Every fact of an outbound parcel so far, oldest first. The same fold gives the same keys, however it came about.

    Shipped and delivered once; out for delivery once per local day; delayed once per date that is missed.
    """
    found: list[Fact] = []
    moved = next((kept for kept in fold.events if kept.scan.status in PHYSICAL), None)
    if moved:
        found.append(Fact(Event.SHIPPED, "shipped", _moment(moved), {}, fold.status in _PAST_ROAD))
    rounds = [kept for kept in fold.events if kept.scan.status is Status.OUT_FOR_DELIVERY]
    for day, kept in {kept.local_date: kept for kept in reversed(rounds)}.items():
        is_over = fold.status is not Status.OUT_FOR_DELIVERY or day != fold.out_on
        found.append(Fact(Event.OUT_FOR_DELIVERY, f"{day or 'undated'}", _moment(kept), _dated("on", day), is_over))
    if delay.missed and delay.state != "at_risk":
        facts = {"cause": delay.cause} | _dated("missed", delay.missed)
        facts |= _dated("from", window.start) | _dated("to", window.end)
        found.append(Fact(Event.DELAYED, delay.missed.isoformat(), delay.missed_at or now, facts))
    delivered = [kept for kept in fold.events if kept.scan.status is Status.DELIVERED]
    if delivered and fold.status in _AFTER_DELIVERY:
        is_over = RANK[fold.status] > RANK[Status.DELIVERED]
        told = next((kept for kept in delivered if kept.scan.at == fold.delivered_at), delivered[0])
        found.append(
            Fact(
                Event.DELIVERED, "delivered", _moment(told), _dated("on", told.local_date or fold.delivered_on), is_over
            )
        )
    return found


def _moment(kept: Kept) -> datetime | None:
    """The instant, or the end of the local day where only that is known: late enough not to hide fresh news."""
    if kept.scan.at:
        return kept.scan.at
    day = kept.local_date
    return datetime.combine(day, time.max, UTC) if day else None


def _dated(name: str, day: date | None) -> dict[str, Any]:
    return {name: day.isoformat() if day else None}
