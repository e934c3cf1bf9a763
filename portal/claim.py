"""Leasing due rows of any work table: whoever wins the UPDATE owns the row until the lease runs out."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, select, update
from sqlmodel import Session, SQLModel

LEASE = timedelta(seconds=60)
BATCH = 50
MAX_TRIES = 8
_LONGEST_MINUTES = 60


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
    return sorted(rows, key=lambda row: row.id)


def backoff(tries: int, *, rng: random.Random | None = None) -> timedelta:
    """How long to wait after the `tries`-th failure: 1, 2, 4 ... 60 minutes, each up to a fifth shorter or longer."""
    minutes = min(2 ** max(tries - 1, 0), _LONGEST_MINUTES)
    spread = (rng or random).uniform(0.8, 1.2)
    return timedelta(minutes=minutes * spread)


def done(tx: Session, table: type[SQLModel], row_id: int, now: datetime, **values: Any) -> None:
    """Records success: nothing is due any more."""
    columns = table.__table__.c  # type: ignore[attr-defined]
    tx.connection().execute(
        update(table).where(columns.id == row_id).values(done_at=now, next_at=None, error="", **values)
    )


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
