"""Calls that a carrier lets us make: spread so that no stretch of time ever holds too many, and counted by purpose.

Each budget is a bucket that fills evenly and holds little. So the promise is kept for every stretch of the budget's
length, wherever the carrier lets its hours and days begin, and a day's calls are not gone by one in the morning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlmodel import Session, case, col, select, update

from carriers.contract import Budget
from carriers.registry import all_carriers
from portal.db import insert_once
from portal.tables import Connection, ConnectionPace, ConnectionUse

# What an operator may set on a connection whose carrier grants more, or less, than every newcomer gets.
OVERRIDES: Final = {
    "calls_per_second": timedelta(seconds=1),
    "calls_per_hour": timedelta(hours=1),
    "calls_per_day": timedelta(days=1),
}
_LONG_SECONDS: Final = 3600
# Of a long budget this share may be spent at once, of a short one half: what is spent at once cannot be spread.
_LONG_BURST: Final = 0.05
_SHORT_BURST: Final = 0.5
_MARGIN: Final = 1e-5
# Periods that are counted for people, whatever the carrier's budgets are. Shorter ones are over before one looks.
_COUNTED: Final = frozenset({3600, 86400})
_SHORTEST_COUNTED: Final = 60


class OverBudget(Exception):
    """The connection's calls are spent for now."""


class Purpose(StrEnum):
    """What a call is for; the name of its column in `connection_use`."""

    POLL = "polls"
    TOKEN = "tokens"  # noqa: S105  (a purpose)
    SUBSCRIPTION = "subscriptions"
    LABEL = "labels"


@dataclass(frozen=True, slots=True)
class Bucket:
    """One budget as a bucket: `burst` calls at once, then one every `interval` seconds.

    Of a long budget polls leave `reserve` of the burst to all other calls: tokens, labels, subscriptions.
    """

    seconds: int
    burst: int
    interval: float
    reserve: int

    @classmethod
    def of(cls, budget: Budget) -> Bucket:
        """Any stretch of `budget.per` holds at most `burst` and what flows in meanwhile, which is `budget.calls`."""
        seconds = max(1, round(budget.per.total_seconds()))
        is_long = seconds >= _LONG_SECONDS
        burst = max(1, int(budget.calls * (_LONG_BURST if is_long else _SHORT_BURST)))
        # Unix time as a float is exact to a quarter of a microsecond: a margin, or rounding lets one call in too early.
        interval = seconds / (budget.calls - burst + 1) + _MARGIN
        return cls(seconds, burst, interval, burst // 3 if is_long else 0)

    def slack(self, purpose: Purpose | None) -> float:
        """How many seconds ahead of its pace a connection may be and still call once more."""
        reserve = self.reserve if purpose is Purpose.POLL else 0
        return (self.burst - reserve - 1) * self.interval + _MARGIN / 2


def budgets_of(connection: Connection) -> list[Budget]:
    """The carrier's budgets, with the operator's own figures where there are some; shortest period first."""
    carrier = all_carriers().get(connection.carrier)
    found = {budget.per: budget for budget in (carrier.about.budgets if carrier else ())}
    for name, per in OVERRIDES.items():
        calls = _whole(connection.config.get(name))
        if calls:
            found[per] = Budget(calls, per)
    return [found[per] for per in sorted(found)]


def spend(
    tx: Session,
    connection_id: int,
    budgets: Sequence[Budget],
    now: datetime,
    purpose: Purpose | None = Purpose.POLL,
    *,
    must: bool = False,
) -> None:
    """Takes one call from every budget and counts it; `purpose` None is none of those that have a name.

    Raises OverBudget, which rolls the caller's transaction back with it. `must`: the call is made whatever the budgets
    say, and those that can wait make up for it.
    """
    moment = now.timestamp()
    for bucket in sorted(map(Bucket.of, budgets), key=lambda bucket: bucket.seconds):
        key = {"connection_id": connection_id, "period_seconds": bucket.seconds}
        insert_once(tx, ConnectionPace, key | {"spent_until": 0.0})
        paid = col(ConnectionPace.spent_until)
        mine = [col(getattr(ConnectionPace, name)) == value for name, value in key.items()]
        in_time = [] if must else [paid <= moment + bucket.slack(purpose)]
        took = tx.exec(
            update(ConnectionPace)
            .where(*mine, *in_time)
            .values(spent_until=case((paid > moment, paid), else_=moment) + bucket.interval)
        )
        if took.rowcount != 1:
            raise OverBudget
    _count(tx, connection_id, budgets, now, purpose)


def next_call_at(tx: Session, connection: Connection, now: datetime) -> datetime:
    """When the budgets allow the next poll; `now` where they allow it at once."""
    paid = dict(
        tx.exec(
            select(ConnectionPace.period_seconds, ConnectionPace.spent_until).where(
                ConnectionPace.connection_id == connection.id
            )
        ).all()
    )
    buckets = map(Bucket.of, budgets_of(connection))
    moment = max((paid.get(b.seconds, 0.0) - b.slack(Purpose.POLL) for b in buckets), default=0.0)
    return max(now, datetime.fromtimestamp(moment, UTC))


def counted_periods(budgets: Sequence[Budget]) -> list[int]:
    """The lengths in seconds of the periods in which calls are counted, shortest first."""
    told = {int(budget.per.total_seconds()) for budget in budgets}
    return sorted(_COUNTED | {seconds for seconds in told if seconds >= _SHORTEST_COUNTED})


def _count(tx: Session, connection_id: int, budgets: Sequence[Budget], now: datetime, purpose: Purpose | None) -> None:
    counted: list[Any] = [getattr(ConnectionUse, name) for name in ("calls", *filter(None, [purpose]))]
    for seconds in counted_periods(budgets):
        key = {"connection_id": connection_id, "period_seconds": seconds, "period": int(now.timestamp()) // seconds}
        insert_once(tx, ConnectionUse, key | {"calls": 0} | dict.fromkeys(Purpose, 0))
        tx.exec(
            update(ConnectionUse)
            .where(*(getattr(ConnectionUse, name) == value for name, value in key.items()))
            .values({column: column + 1 for column in counted})
        )


def _whole(value: object) -> int:
    text = str(value or "")
    return int(text) if text.isdecimal() and len(text) < 10 else 0
