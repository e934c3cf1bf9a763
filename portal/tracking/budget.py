"""Calls that a carrier lets us make: spread so that no stretch of time ever holds too many, and counted by purpose.

Each budget is a bucket that fills evenly and holds little. So the promise is kept for every stretch of the budget's
length, wherever the carrier lets its hours and days begin, and a day's calls are not gone by one in the morning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, Final

from sqlalchemy import bindparam, case
from sqlalchemy import update as sa_update
from sqlmodel import Session, select

from carriers.contract import Budget
from carriers.registry import all_carriers
from portal.db import insert_on, insert_once
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
_EVER: Final = 1e18  # seconds: later than any budget reaches
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
    connection, moment = tx.connection(), now.timestamp()
    for bucket in sorted(map(Bucket.of, budgets), key=lambda bucket: bucket.seconds):
        latest = _EVER if must else moment + bucket.slack(purpose)
        asked = {"of": connection_id, "seconds": bucket.seconds, "now": moment, "latest": latest}
        asked["interval"] = bucket.interval
        if connection.execute(_TAKE, asked).rowcount == 1:
            continue
        # Spent, or the very first call of this budget.
        key = {"connection_id": connection_id, "period_seconds": bucket.seconds}
        insert_once(tx, ConnectionPace, key | {"spent_until": 0.0})
        if connection.execute(_TAKE, asked).rowcount != 1:
            raise OverBudget
    for seconds in counted_periods(budgets):
        row = {"connection_id": connection_id, "period_seconds": seconds, "period": int(moment) // seconds}
        connection.execute(_one_more(connection.dialect.name, purpose), row)


_pace: Any = ConnectionPace.__table__.c  # type: ignore[attr-defined]
_start = case((_pace.spent_until > bindparam("now"), _pace.spent_until), else_=bindparam("now"))
_TAKE: Final = (
    sa_update(ConnectionPace)
    .where(_pace.connection_id == bindparam("of"), _pace.period_seconds == bindparam("seconds"))
    .where(_pace.spent_until <= bindparam("latest"))
    .values(spent_until=_start + bindparam("interval"))
)


@cache
def _one_more(dialect: str, purpose: Purpose | None) -> Any:
    """Counts a call in one period. Built once: every call to a carrier is counted several times."""
    insert = insert_on(dialect, ConnectionUse)
    keys = ("connection_id", "period_seconds", "period")
    counted = ["calls", *([purpose.value] if purpose else [])]
    first = {name: int(name in counted) for name in ("calls", *(purpose.value for purpose in Purpose))}
    again = {name: getattr(ConnectionUse, name) + 1 for name in counted}
    return insert.values(**first, **{key: bindparam(key) for key in keys}).on_conflict_do_update(
        index_elements=keys, set_=again
    )


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


def _whole(value: object) -> int:
    text = str(value or "")
    return int(text) if text.isdecimal() and len(text) < 10 else 0
