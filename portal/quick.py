"""Selects for the hottest pages: compiled once, run on a driver connection that each thread keeps for itself.

A Core select through a session costs three to five times what the database itself takes for one or two indexed rows
(docs/performance.md). The statement stays a Core select of columns, so that its types convert as everywhere else; only
the road is shorter. For looking, never for writing: each statement is its own snapshot.
"""

from __future__ import annotations

import threading
from collections import namedtuple
from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Select

from portal.db import Database

Convert = Callable[[Any], Any]


class Quick:
    """One select. Build it at import, from columns with distinct names; `rows` runs it."""

    def __init__(self, select: Select[Any]) -> None:
        self._select = select
        self._make = make_row(select)
        self._prepared: dict[str, _Prepared] = {}

    def rows(self, db: Database, values: Mapping[str, Any]) -> list[Any]:
        """Every row, its columns as attributes. `values` are the bound parameters by name."""
        prepared = self._prepared.get(db.engine.dialect.name) or self._prepare(db)
        given = prepared.bind(values)
        found = _run(db, prepared.sql, given)
        convert, make = prepared.convert, self._make
        if not convert:
            return [make(row) for row in found]
        return [make(_converted(row, convert)) for row in found]

    def _prepare(self, db: Database) -> _Prepared:
        prepared = self._prepared[db.engine.dialect.name] = _Prepared(self._select, db)
        return prepared


def make_row(select: Select[Any]) -> Callable[[Any], Any]:
    """What turns a sequence of values into a row with the select's column names as attributes."""
    names = [str(column.key) for column in select.selected_columns]
    row: Any = namedtuple("Row", names)  # type: ignore[misc]
    make: Callable[[Any], Any] = row._make
    return make


class _Prepared:
    """The statement in one dialect: its text, how parameters go in and how columns come out."""

    def __init__(self, select: Select[Any], db: Database) -> None:
        dialect = db.engine.dialect
        compiled: Any = select.compile(dialect=dialect)
        self.sql: str = compiled.string
        self._order: list[str] | None = compiled.positiontup
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

    def bind(self, values: Mapping[str, Any]) -> Any:
        given = {**self._fixed, **values}
        for name, process in self._binders.items():
            given[name] = process(given[name])
        return [given[name] for name in self._order] if self._order is not None else given


class _Connections(threading.local):
    """This thread's driver connection of each database."""

    def __init__(self) -> None:
        self.of: WeakKeyDictionary[Database, Any] = WeakKeyDictionary()


_connections = _Connections()


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
