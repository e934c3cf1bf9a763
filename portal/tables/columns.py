"""Column kinds that several tables share: JSON, opaque public ids, and the columns of a row that is work."""

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, Integer, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

# JSONB on PostgreSQL for size and operators; text on SQLite.
Json = JSON().with_variant(JSONB(), "postgresql")
# SQLite numbers rows only in a column that is spelt INTEGER; PostgreSQL needs 64 bits for scans and inbox.
BigInt = BigInteger().with_variant(Integer(), "sqlite")


def opaque_id() -> str:
    """An opaque id for URLs: 128 random bits, 22 characters."""
    return secrets.token_urlsafe(16)


def row_id() -> Any:
    """The primary key column: a number that never leaves the process in a URL or a page."""
    return Field(default=None, primary_key=True, sa_type=BigInt)


def due_index(name: str) -> Index:
    """An index over `next_at` of the rows that have one: finished work, nearly all of a table, takes no room in it."""
    waiting = text("next_at IS NOT NULL")
    return Index(name, "next_at", postgresql_where=waiting, sqlite_where=waiting)


class Work(SQLModel):
    """A row that is work: due at `next_at`, owned by whoever claims it, finished at `done_at` or given up at `dead_at`.

    `next_at` is None exactly when nothing is left to do.
    """

    next_at: datetime | None = None
    tries: int = 0
    done_at: datetime | None = None
    dead_at: datetime | None = None
    error: str = ""
