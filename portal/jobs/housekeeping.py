"""Removes what has had its time (sessions, links, counters, raw bodies, spent budgets), brings back what a wrong clock
has put off, and keeps the planner informed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, select
from sqlmodel import SQLModel, col

from portal.ahead import bring_back
from portal.app import App
from portal.connections import forget_removed
from portal.tables import (
    AccessLink,
    AgentSession,
    ConnectionUse,
    Handshake,
    Heartbeat,
    Hit,
    Inbox,
    LinkRequest,
    ShopperSession,
    UnmappedCode,
)
from portal.tracking.mapping import is_known
from portal.work import Job

RAW_BODIES = timedelta(days=30)
# Somebody who asked yesterday has asked again; what is kept of it is a stranger's address.
STALE_WISHES = timedelta(days=1)
_BATCH = 500


def clean(app: App) -> int:
    """One batch of each kind. Returns how many rows were removed or brought back."""
    now = app.now()
    with app.db.transaction() as tx:
        forgotten = forget_removed(tx, now)
    with app.db.transaction() as tx:
        back = bring_back(tx, now)
    removed = sum(_remove(app, table, condition) for table, condition in _expired(now))
    count = forgotten + back + _forget_known_codes(app) + removed
    app.db.refresh_statistics()  # last: it may find the file locked, and the rest is done by then
    return count


def _expired(now: datetime) -> Sequence[tuple[type[SQLModel], ColumnElement[bool]]]:
    # A period is over when its number is below the current one; one more day for the console to show it.
    spent: Any = (col(ConnectionUse.period) + 1) * col(ConnectionUse.period_seconds)
    return (
        (ShopperSession, col(ShopperSession.expires_at) <= now),
        (AgentSession, col(AgentSession.expires_at) <= now),
        (AccessLink, col(AccessLink.expires_at) <= now),
        (Hit, col(Hit.expires_at) <= now),
        (LinkRequest, col(LinkRequest.asked_at) <= now - STALE_WISHES),
        (Inbox, col(Inbox.received_at) <= now - RAW_BODIES),
        (ConnectionUse, spent <= int((now - timedelta(days=1)).timestamp())),
        (Handshake, col(Handshake.received_at) <= now - RAW_BODIES),
        (Heartbeat, col(Heartbeat.at) <= now - timedelta(days=1)),
    )


def _forget_known_codes(app: App) -> int:
    """Codes that waited for a meaning until an upgrade taught them to the adapter."""
    with app.db.transaction() as tx:
        rows = [row for row in tx.scalars(select(UnmappedCode)) if is_known(row.carrier, row.code)]
        for row in rows:
            tx.delete(row)
    return len(rows)


def _remove(app: App, table: type[SQLModel], condition: ColumnElement[bool]) -> int:
    key = list(table.__table__.primary_key.columns)  # type: ignore[attr-defined]
    with app.db.transaction() as tx:
        found = tx.execute(select(*key).where(condition).limit(_BATCH)).all()
        for row in found:
            tx.execute(delete(table).where(*(column == value for column, value in zip(key, row, strict=True))))
    return len(found)


JOB = Job("housekeeping", timedelta(minutes=10), clean)
