"""Selects for the hottest pages: compiled once, run on driver connections kept for nothing else.

A Core select through a session costs three to five times what the database itself takes for one or two indexed rows,
and a page that runs in a thread fights the event loop for the interpreter (docs/performance.md). The statement stays a
Core select of columns, so that its types convert as everywhere else; only the road is shorter. For looking, never for
writing: each statement is its own snapshot.

Whoever needs rows yields a `Read` and is sent the rows, and so does not know whether somebody waits for them: `follow`
asks SQLite at once, where a read is no wait; `portal.lines` lets the event loop do other things until PostgreSQL
answers.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from threading import local
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Select

from portal.db import Database

T = TypeVar("T")
Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Read:
    """One select to run, with its parameters by name."""

    quick: Quick
    values: Mapping[str, Any]


Reads = Generator[Read, list[Any], T]


class Quick:
    """One select. Build it at import, from columns with distinct names. Rows have the columns as attributes."""

    def __init__(self, select: Select[*tuple[Any, ...]]) -> None:
        self._select = select
        self._make = make_row(select)
        self._prepared: dict[str, Prepared] = {}

    def read(self, **values: Any) -> Read:
        """What to yield. `values` are the bound parameters by name."""
        return Read(self, values)

    def prepared(self, db: Database) -> Prepared:
        """The statement in this database's dialect."""
        name = db.engine.dialect.name
        if name not in self._prepared:
            self._prepared[name] = Prepared(self._select, db)
        return self._prepared[name]

    def made(self, found: list[Any], convert: list[tuple[int, Convert]]) -> list[Any]:
        """Rows from what the driver gave."""
        make = self._make
        if not convert:
            return [make(row) for row in found]
        return [make(_converted(row, convert)) for row in found]


def follow(db: Database, steps: Reads[T]) -> T:
    """The result of `steps`, each read answered on this thread."""
    try:
        read = next(steps)
        while True:
            try:
                rows = _rows(db, read)
            except Exception as error:
                read = steps.throw(error)
            else:
                read = steps.send(rows)
    except StopIteration as end:
        result: T = end.value
        return result


def make_row(select: Select[*tuple[Any, ...]]) -> Callable[[Any], Any]:
    """What turns a sequence of values into a row with the select's column names as attributes."""
    names = [str(column.key) for column in select.selected_columns]
    row: Any = namedtuple("Row", names)  # type: ignore[misc]
    make: Callable[[Any], Any] = row._make
    return make


class Prepared:
    """The statement in one dialect: its text, how parameters go in and how columns come out."""

    def __init__(self, select: Select[*tuple[Any, ...]], db: Database) -> None:
        dialect: Any = db.engine.dialect
        if db.is_postgres:  # "$1", as the server itself numbers them
            dialect = type(dialect)(paramstyle="numeric_dollar")
        compiled: Any = select.compile(dialect=dialect)
        self.sql: str = compiled.string
        self._order: list[str] = compiled.positiontup
        self._fixed: dict[str, Any] = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
        self._binders: dict[str, Convert] = {
            name: process
            for name, bind in compiled.binds.items()
            if (process := bind.type.dialect_impl(dialect).bind_processor(dialect))
        }
        columns = enumerate(select.selected_columns)
        self.convert: list[tuple[int, Convert]] = [
            (n, process)
            for n, column in columns
            if (process := column.type.dialect_impl(dialect).result_processor(dialect, None))
        ]

    def bind(self, values: Mapping[str, Any]) -> list[Any]:
        """The parameters in the statement's order, as the driver takes them."""
        given = {**self._fixed, **values}
        for name, process in self._binders.items():
            given[name] = process(given[name])
        return [given[name] for name in self._order]


class _Connections(local):
    """This thread's driver connection of each database."""

    def __init__(self) -> None:
        self.of: WeakKeyDictionary[Database, Any] = WeakKeyDictionary()


_connections = _Connections()


def _rows(db: Database, read: Read) -> list[Any]:
    prepared = read.quick.prepared(db)
    return read.quick.made(_run(db, prepared.sql, prepared.bind(read.values)), prepared.convert)


def _run(db: Database, sql: str, given: Any) -> list[Any]:
    connection = _connections.of.get(db)
    if connection is not None:
        try:
            rows: list[Any] = connection.execute(sql, given).fetchall()
        except Exception:
            # A connection that died while idle says nothing about the database: a fresh one decides.
            del _connections.of[db]
            connection.close()
        else:
            return rows
    connection = _connections.of[db] = db.own_connection()
    fresh: list[Any] = connection.execute(sql, given).fetchall()
    return fresh


def _converted(row: Any, convert: list[tuple[int, Convert]]) -> list[Any]:
    values = list(row)
    for n, process in convert:
        values[n] = process(values[n])
    return values
