"""Leasing due rows of any work table: whoever wins the UPDATE owns the row until the lease runs out.

A process that dies leaves its rows to their leases. One that only loses its database remembers what it held
(`holding`) and hands it over as soon as the database is back (`hand_over`): nobody waits for a lease to run out.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, select, update
from sqlmodel import Session, SQLModel

LEASE = timedelta(seconds=60)
BATCH = 50
MAX_TRIES = 8
_LONGEST_MINUTES = 60


@dataclass(slots=True)
class Held:
    """A row as this process has claimed it. `outcome`: the columns that say how it turned out, once that is certain."""

    table: type[SQLModel]
    row: Row[Any]
    outcome: Mapping[str, Any] | None = None


_held: ContextVar[list[Held] | None] = ContextVar("held", default=None)


@contextmanager
def holding() -> Iterator[list[Held]]:
    """What is claimed inside, by this thread: to be handed over where the database is lost before it is settled."""
    held: list[Held] = []
    before = _held.set(held)
    try:
        yield held
    finally:
        _held.reset(before)


def claim(
    tx: Session,
    table: type[SQLModel],
    now: datetime,
    *,
    limit: int = BATCH,
    lease: timedelta = LEASE,
    only: Sequence[ColumnElement[bool]] = (),
    first: Sequence[ColumnElement[Any]] = (),
) -> list[Row[Any]]:
    """Up to `limit` due rows, earliest first, with `next_at` moved to the end of the lease and `tries` one higher.

    Each row is given to one claimer. A claimer that dies lets the lease run out and the row falls due again. Works on
    any table with `id`, `next_at` and `tries`. `only` narrows what is claimed, `first` orders it before
    the time that it is due.
    """
    columns = table.__table__.c  # type: ignore[attr-defined]
    due = select(columns.id).where(columns.next_at <= bindparam("now"), *only)
    due = due.order_by(*first, columns.next_at).limit(limit)
    if tx.get_bind().dialect.name == "postgresql":
        due = due.with_for_update(skip_locked=True)
    statement = (
        update(table)
        .where(columns.id.in_(due.scalar_subquery()))
        .values(next_at=bindparam("until"), tries=columns.tries + 1)
        .returning(*columns)
    )
    rows = tx.connection().execute(statement, {"now": now, "until": now + lease}).all()
    held = _held.get()
    if held is not None:
        # Before the commit: whether that one arrived is what a lost connection does not tell.
        held += [Held(table, row) for row in rows]
    return sorted(rows, key=lambda row: row.id)


def turned_out(table: type[SQLModel], row_id: int, outcome: Mapping[str, Any]) -> None:
    """What has just happened to a claimed row and cannot be undone. Said before it is recorded, so that a lost
    database makes it recorded later instead of done twice."""
    for held in _held.get() or ():
        if held.table is table and held.row.id == row_id:
            held.outcome = outcome


def hand_over(tx: Session, held: Sequence[Held], now: datetime) -> int:
    """Records what turned out, and makes the rest due at once with no try lost. Returns how many rows it concerned.

    Only rows whose lease is still the one that was held: what was settled, or claimed by somebody else since, stays.
    """
    changed = 0
    for one in held:
        columns = one.table.__table__.c  # type: ignore[attr-defined]
        mine = (columns.id == one.row.id, columns.next_at == one.row.next_at, columns.tries == one.row.tries)
        values = {"next_at": now, "tries": one.row.tries - 1} if one.outcome is None else one.outcome
        changed += tx.connection().execute(update(one.table).where(*mine).values(**values)).rowcount
    return changed


def backoff(tries: int, *, rng: random.Random | None = None) -> timedelta:
    """How long to wait after the `tries`-th failure: 1, 2, 4 ... 60 minutes, each up to a fifth shorter or longer."""
    minutes = min(2 ** max(tries - 1, 0), _LONGEST_MINUTES)
    spread = (rng or random).uniform(0.8, 1.2)
    return timedelta(minutes=minutes * spread)


def finished(now: datetime, **values: Any) -> dict[str, Any]:
    """The columns of success: nothing is due any more."""
    return {"done_at": now, "next_at": None, "error": "", **values}


def done(tx: Session, table: type[SQLModel], row_id: int, now: datetime, **values: Any) -> None:
    """Records success."""
    columns = table.__table__.c  # type: ignore[attr-defined]
    tx.connection().execute(update(table).where(columns.id == row_id).values(**finished(now, **values)))


def failed(
    tx: Session, table: type[SQLModel], row: Row[Any], now: datetime, error: str, *, final: bool = False
) -> bool:
    """Records failure: tried again later, or dead after the last try or when waiting cannot help. True when dead."""
    columns = table.__table__.c  # type: ignore[attr-defined]
    is_dead = final or row.tries >= MAX_TRIES
    values: dict[str, Any] = {"error": error[:500]}
    values |= {"dead_at": now, "next_at": None} if is_dead else {"next_at": now + backoff(row.tries)}
    tx.connection().execute(update(table).where(columns.id == row.id).values(**values))
    return is_dead
