"""Who spends the calls that carriers allow, what is left, and what has grown stale: for console and terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, and_, case, func, or_
from sqlalchemy import select as sa_select
from sqlmodel import Session, col, select

from portal.tables import Connection, ConnectionUse, Shipment, Subscription
from portal.tracking.budget import Purpose, budgets_of, counted_periods, next_call_at
from portal.tracking.pace import FRESH, is_near
from portal.tracking.poll import is_broken, rests_until

Breaker = Literal["closed", "open", "probing"]


@dataclass(frozen=True, slots=True)
class Spent:
    """Calls of one connection in the running period of `seconds`; `limit` and `left` are None without a budget.

    `by` has a figure for each of polls, tokens, subscriptions, labels and others.
    """

    seconds: int
    calls: int
    limit: int | None
    by: Mapping[str, int]

    @property
    def left(self) -> int | None:
        """What the period still allows, as far as we counted."""
        return None if self.limit is None else max(self.limit - self.calls, 0)


@dataclass(frozen=True, slots=True)
class Usage:
    """One connection. Times are aware UTC, None for never or for nothing ahead.

    `breaker` is open while the connection rests after failures until `rests_until`, and probing when the next single
    call decides. `paused_until` is what the carrier asked for by 429. `next_poll_at` is when the budgets allow one, now
    or later. Of the `followed` parcels `due` wait to be asked about, `near` are due today or tomorrow, and `stale` of
    those were last heard of more than two hours ago, the oldest at `oldest_heard_at` (None: never, or none is stale).
    `subscriptions` counts by state; `renews_at` is when the next one is asked for anew.
    """

    connection: Connection
    breaker: Breaker
    rests_until: datetime | None
    paused_until: datetime | None
    spent: tuple[Spent, ...]
    next_poll_at: datetime
    followed: int
    due: int
    near: int
    stale: int
    oldest_heard_at: datetime | None
    subscriptions: Mapping[str, int]
    renews_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Parcels:
    followed: int = 0
    due: int = 0
    near: int = 0
    stale: int = 0
    oldest_heard_at: datetime | None = None


_NONE: Final = _Parcels()


def usage(tx: Session, now: datetime, only: Sequence[ColumnElement[bool]] = ()) -> list[Usage]:
    """Every connection that is not removed, by carrier and name. `only` narrows it, for agents of one brand."""
    query = select(Connection).where(col(Connection.removed_at).is_(None), *only)
    rows = tx.exec(query.order_by(col(Connection.carrier), col(Connection.name), col(Connection.id))).all()
    parcels = _parcels(tx, now)
    subscribed = _subscribed(tx)
    return [_usage(tx, row, now, parcels.get(row.id, _NONE), subscribed.get(row.id, [])) for row in rows]


def _usage(
    tx: Session, row: Connection, now: datetime, parcels: _Parcels, subscribed: list[tuple[str, int, datetime | None]]
) -> Usage:
    until = rests_until(row)
    rests = until is not None and until > now
    return Usage(
        connection=row,
        breaker="open" if rests else "probing" if is_broken(row) else "closed",
        rests_until=until if rests else None,
        paused_until=row.paused_until if row.paused_until and row.paused_until > now else None,
        spent=_spent(tx, row, now),
        next_poll_at=next_call_at(tx, row, now),
        followed=parcels.followed,
        due=parcels.due,
        near=parcels.near,
        stale=parcels.stale,
        oldest_heard_at=parcels.oldest_heard_at,
        subscriptions={state: count for state, count, _ in subscribed},
        renews_at=min((at for state, _, at in subscribed if state == "active" and at), default=None),
    )


def _spent(tx: Session, row: Connection, now: datetime) -> tuple[Spent, ...]:
    budgets = budgets_of(row)
    limits = {int(budget.per.total_seconds()): budget.calls for budget in budgets}
    return tuple(_period(tx, row, seconds, limits.get(seconds), now) for seconds in counted_periods(budgets))


def _period(tx: Session, row: Connection, seconds: int, limit: int | None, now: datetime) -> Spent:
    period = int(now.timestamp()) // seconds
    mine = (ConnectionUse.connection_id == row.id, ConnectionUse.period_seconds == seconds)
    found = tx.exec(select(ConnectionUse).where(*mine, ConnectionUse.period == period)).first()
    by = {purpose.value: int(getattr(found, purpose, 0)) for purpose in Purpose}
    calls = found.calls if found else 0
    return Spent(seconds, calls, limit, by | {"others": calls - sum(by.values())})


def _parcels(tx: Session, now: datetime) -> dict[int | None, _Parcels]:
    heard = col(Shipment.heard_at)
    near = is_near(now)
    stale = and_(near, or_(heard.is_(None), heard < now - FRESH), col(Shipment.pushed_at).is_(None))
    columns: list[Any] = [
        col(Shipment.connection_id),
        func.count(),
        func.sum(_one_if(col(Shipment.next_at) <= now)),
        func.sum(_one_if(near)),
        func.sum(_one_if(stale)),
        func.min(case((stale, heard))),
    ]
    query = sa_select(*columns).where(col(Shipment.next_at).is_not(None)).group_by(columns[0])
    return {row[0]: _Parcels(*row[1:]) for row in tx.connection().execute(query).all()}


def _subscribed(tx: Session) -> dict[int | None, list[tuple[str, int, datetime | None]]]:
    by = (col(Subscription.connection_id), col(Subscription.state))
    query = sa_select(*by, func.count(), func.min(col(Subscription.next_at))).group_by(*by)
    found: dict[int | None, list[tuple[str, int, datetime | None]]] = {}
    for connection_id, state, count, at in tx.connection().execute(query).all():
        found.setdefault(connection_id, []).append((state, count, at))
    return found


def _one_if(condition: ColumnElement[bool]) -> Any:
    return case((condition, 1), else_=0)
