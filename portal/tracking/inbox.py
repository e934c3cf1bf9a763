"""Where bytes from carriers become durable: webhooks that arrive together share one commit.

One writer thread per process takes what waits, inserts it with one statement, and answers all who wait once it is on
disk. The statement is its own transaction: SQLite lets go of the interpreter lock once per batch instead of once per
row, and PostgreSQL needs one round trip.
"""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from queue import SimpleQueue
from typing import Any, Final

import orjson

from portal.crash import crashpoint
from portal.db import Database

MAX_WAITING: Final = 2000
MAX_BATCH: Final = 256
PATIENCE_MS: Final = 2000  # shops and carriers hang up after five seconds; a 503 must reach them before that

_COLUMNS: Final = "connection_id, carrier, via, hook_key, http_status, headers, body, asked, received_at, next_at"
_TAIL: Final = "tries, error"


class Outage(Exception):
    """The database is lost, full or locked, or too many wait for it: the sender is asked to come again."""


class Unstorable(Exception):
    """The database took its neighbours but not this row: its connection is gone, or a value does not fit."""


@dataclass(frozen=True, slots=True)
class HookRow:
    """One delivery to keep. `headers` are those that the carrier's adapter wants kept."""

    connection_id: int
    carrier: str
    hook_key: str
    body: bytes = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    received_at: datetime


Waiter = tuple[HookRow, "asyncio.Future[None]"]


class Writer:
    """The group commit. Build it, `start()` it, `await put(row)` from one event loop, `close()` it.

    While one batch is being written the next one gathers in the event loop. The thread is woken once per batch, so the
    two do not fight over the interpreter lock.
    """

    def __init__(self, db: Database, *, max_waiting: int = MAX_WAITING) -> None:
        self._db = db
        self._store: _Store | None = None
        self._queue: SimpleQueue[list[Waiter] | None] = SimpleQueue()
        self._gathering: list[Waiter] = []
        self._is_writing = False
        self._max_waiting = max_waiting
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Starts the thread. The database is first touched by the first row."""
        self._thread = threading.Thread(target=self._run, name="inbox", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Finishes what waits, then ends the thread and its connection. Call it on the event loop's thread."""
        if self._thread is None:
            return
        while self._gathering:
            self._queue.put(self._take())
        self._queue.put(None)
        self._thread.join()
        self._thread = None

    async def put(self, row: HookRow) -> None:
        """Returns once the row, or an earlier one with the same key, is on disk. Raises Outage or Unstorable."""
        if self._thread is None or len(self._gathering) >= self._max_waiting:
            raise Outage("too many deliveries wait for the database")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._gathering.append((row, future))
        if not self._is_writing:
            self._is_writing = True
            loop.call_soon(self._hand_over)  # after what else has arrived in this turn of the loop
        await future

    def _hand_over(self) -> None:
        if self._gathering and self._thread is not None:
            self._queue.put(self._take())
        else:
            self._is_writing = False

    def _take(self) -> list[Waiter]:
        batch, self._gathering = self._gathering[:MAX_BATCH], self._gathering[MAX_BATCH:]
        return batch

    def _run(self) -> None:
        while (batch := self._queue.get()) is not None:
            failures = self._write([row for row, _ in batch])
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                batch[0][1].get_loop().call_soon_threadsafe(self._answer, batch, failures)
        self._drop_store()

    def _answer(self, batch: list[Waiter], failures: dict[int, Exception]) -> None:
        """Back in the event loop: first the next batch, then those who waited for this one."""
        self._hand_over()
        for position, (_, future) in enumerate(batch):
            if future.done():  # the sender hung up
                continue
            if failure := failures.get(position):
                future.set_exception(failure)
            else:
                future.set_result(None)

    def _write(self, rows: list[HookRow]) -> dict[int, Exception]:
        """Why rows were not stored, by position."""
        try:
            failures = self._insert(rows)
        except Exception as error:  # whatever it is, those who wait must hear of it
            self._drop_store()
            return dict.fromkeys(range(len(rows)), Outage(type(error).__name__))
        crashpoint("inbox.after_commit")
        return failures

    def _insert(self, rows: Sequence[HookRow]) -> dict[int, Exception]:
        """Why single rows were not stored, by position. Raises on an outage."""
        was_open = self._store is not None
        try:
            return self._insert_or_split(rows)
        except Exception as error:
            # A connection that died while idle says nothing about the database; a repeat stores nothing twice.
            if not was_open or not self._opened().is_broken(error):
                raise
            self._drop_store()
            return self._insert_or_split(rows)

    def _insert_or_split(self, rows: Sequence[HookRow]) -> dict[int, Exception]:
        store = self._opened()
        crashpoint("inbox.before_commit")
        try:
            store.insert(rows)
        except Exception as error:
            if store.is_outage(error):
                raise
            return self._one_by_one(store, rows)
        return {}

    def _one_by_one(self, store: _Store, rows: Sequence[HookRow]) -> dict[int, Exception]:
        failures: dict[int, Exception] = {}
        for position, row in enumerate(rows):
            try:
                store.insert([row])
            except Exception as error:
                failures[position] = (Outage if store.is_outage(error) else Unstorable)(type(error).__name__)
        return failures

    def _opened(self) -> _Store:
        if self._store is None:
            self._store = (_PostgresStore if self._db.is_postgres else _SqliteStore)(self._db)
        return self._store

    def _drop_store(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None


class _Store(ABC):
    """One dedicated driver connection in autocommit: every statement is a transaction."""

    def __init__(self, db: Database) -> None:
        pooled = db.engine.raw_connection()
        self.connection: Any = pooled.driver_connection
        pooled.detach()
        self.errors: Any = db.engine.dialect.dbapi

    @abstractmethod
    def insert(self, rows: Sequence[HookRow]) -> None:
        """All rows in one statement; a key that is there already is no error."""

    def is_outage(self, error: Exception) -> bool:
        return isinstance(error, self.errors.OperationalError | self.errors.InterfaceError)

    def is_broken(self, error: Exception) -> bool:
        """Whether only this connection is gone."""
        return False

    def close(self) -> None:
        self.connection.close()


class _SqliteStore(_Store):
    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self.connection.execute(f"PRAGMA busy_timeout={PATIENCE_MS}")

    def insert(self, rows: Sequence[HookRow]) -> None:
        values = ",".join(["(?,?,'hook',?,200,?,?,'[]',?,?,0,'')"] * len(rows))
        parameters: list[Any] = []
        for row in rows:
            at = row.received_at.strftime("%Y-%m-%d %H:%M:%S.%f")
            headers = orjson.dumps(row.headers).decode()
            parameters += (row.connection_id, row.carrier, row.hook_key, headers, row.body, at, at)
        sql = f"INSERT INTO inbox ({_COLUMNS}, {_TAIL}) VALUES {values} ON CONFLICT DO NOTHING"  # noqa: S608  (fixed)
        self.connection.execute(sql, parameters)

    def is_outage(self, error: Exception) -> bool:
        # "database disk image is malformed" is a bare DatabaseError
        return type(error) is self.errors.DatabaseError or super().is_outage(error)


class _PostgresStore(_Store):
    _SQL: Final = (
        f"INSERT INTO inbox ({_COLUMNS}, {_TAIL}) "  # noqa: S608  (fixed)
        "SELECT c, k, 'hook', h, 200, j::jsonb, b, '[]'::jsonb, t, t, 0, '' "
        "FROM unnest(%b::bigint[], %b::text[], %b::text[], %b::text[], %b::bytea[], %b::timestamptz[]) "
        "AS batch(c, k, h, j, b, t) ON CONFLICT DO NOTHING"
    )

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self.connection.autocommit = True
        self.connection.execute(f"SET statement_timeout = {PATIENCE_MS}; SET lock_timeout = {PATIENCE_MS}")

    def insert(self, rows: Sequence[HookRow]) -> None:
        self.connection.execute(
            self._SQL,
            (
                [row.connection_id for row in rows],
                [row.carrier for row in rows],
                [row.hook_key for row in rows],
                [orjson.dumps(row.headers).decode() for row in rows],
                [row.body for row in rows],
                [row.received_at for row in rows],
            ),
        )

    def is_broken(self, error: Exception) -> bool:
        return bool(self.connection.closed or self.connection.broken)
