"""Column kinds that several tables share: JSON, opaque public ids, and the columns of a row that is work."""

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Dialect, Index, Integer, MetaData, text
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import Field, SQLModel


class Json(TypeDecorator[Any]):
    """JSONB on PostgreSQL for size and operators; text on SQLite.

    A variant would need JSONB at import, and with it every PostgreSQL driver that SQLAlchemy knows.
    """

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The column's type on this database."""
        if dialect.name != "postgresql":
            return dialect.type_descriptor(JSON())
        from sqlalchemy.dialects.postgresql import JSONB

        return dialect.type_descriptor(JSONB())

    def coerce_compared_value(self, op: Any, value: Any) -> Any:
        """As JSON itself does it, so that a look into a value compares with text."""
        return self.impl_instance.coerce_compared_value(op, value)


# SQLite numbers rows only in a column that is spelt INTEGER; PostgreSQL needs 64 bits for scans and inbox.
BigInt = BigInteger().with_variant(Integer(), "sqlite")


def opaque_id() -> str:
    """An opaque id for URLs: 128 random bits, 22 characters. Never starts with "-": commands take it as a word."""
    while (made := secrets.token_urlsafe(16)).startswith("-"):
        pass
    return made


def row_id() -> Any:
    """The primary key column: a number that never leaves the process in a URL or a page."""
    return Field(default=None, primary_key=True, sa_type=BigInt)


def partial_index(name: str, *columns: str, sqlite: str, postgresql: str) -> Index:
    """An index over the rows where a condition holds, as each database spells it.

    Kept aside until `schema` wants it: an index that has it loads every dialect and driver that SQLAlchemy knows.
    """
    return Index(name, *columns, info={"sqlite_where": sqlite, "postgresql_where": postgresql})


def schema() -> MetaData:
    """All tables with all they have, for whoever writes or compares a schema."""
    for table in SQLModel.metadata.tables.values():
        for index in table.indexes:
            for option, condition in index.info.items():
                index.dialect_kwargs[option] = text(condition)
    return SQLModel.metadata


def due_index(name: str) -> Index:
    """An index over `next_at` of the rows that have one: finished work, nearly all of a table, takes no room in it."""
    waiting = "next_at IS NOT NULL"
    return partial_index(name, "next_at", sqlite=waiting, postgresql=waiting)


class Table(SQLModel):
    """What every table is. SQLModel does not validate its rows, so validators wait until somebody asks for one."""

    model_config = {"defer_build": True}


class Work(Table):
    """A row that is work: due at `next_at`, owned by whoever claims it, finished at `done_at` or given up at `dead_at`.

    `next_at` is None exactly when nothing is left to do.
    """

    next_at: datetime | None = None
    tries: int = 0
    done_at: datetime | None = None
    dead_at: datetime | None = None
    error: str = ""
