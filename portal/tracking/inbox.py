"""Where bytes from carriers become durable: webhooks that arrive together share one commit.

One writer thread per process takes what waits, inserts it with one statement, and answers all who wait once it is on
disk. The statement is its own transaction: SQLite lets go of the interpreter lock once per batch instead of once per
row, and PostgreSQL needs one round trip.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from queue import Empty, SimpleQueue
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
    """The group commit. Build it, `start()` it, `await put(row)` from any event loop, `close()` it."""

    def __init__(self, db: Database, *, max_waiting: int = MAX_WAITING) -> None:
        self._db = db
        self._store: _Store | None = None
        self._queue: SimpleQueue[Waiter | None] = SimpleQueue()
        self._max_waiting = max_waiting
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Starts the thread. The database is first touched by the first row."""
        self._thread = threading.Thread(target=self._run, name="inbox", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Finishes what waits, then ends the thread and its connection."""
        if self._thread is None:
            return
        self._queue.put(None)
        self._thread.join()
        self._thread = None
        stragglers = list(iter(self._queue.get_nowait, None)) if not self._queue.empty() else []
        _answer(stragglers, dict.fromkeys(range(len(stragglers)), Outage("stopping")))

    async def put(self, row: HookRow) -> None:
        """Returns once the row, or an earlier one with the same key, is on disk. Raises Outage or Unstorable."""
        if self._thread is None or self._queue.qsize() >= self._max_waiting:
            raise Outage("too many deliveries wait for the database")
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.put((row, future))
        await future

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, is_last = self._gather(first)
            self._write(batch)
            if is_last:
                break
        self._drop_store()

    def _gather(self, first: Waiter) -> tuple[list[Waiter], bool]:
        batch = [first]
        try:
            while len(batch) < MAX_BATCH:
                waiter = self._queue.get_nowait()
                if waiter is None:
                    return batch, True
                batch.append(waiter)
        except Empty:
            pass
        return batch, False

    def _write(self, batch: list[Waiter]) -> None:
        failures: dict[int, Exception] = {}
        try:
            failures = self._insert([row for row, _ in batch])
            crashpoint("inbox.after_commit")
        except Exception as error:  # whatever it is, those who wait must hear of it
            self._drop_store()
            outage = Outage(type(error).__name__)
            failures = dict.fromkeys(range(len(batch)), outage)
        _answer(batch, failures)

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


def _answer(batch: list[Waiter], failures: dict[int, Exception]) -> None:
    """Wakes each event loop once for all of its waiters."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[None], Exception | None]]] = {}
    for position, (_, future) in enumerate(batch):
        by_loop.setdefault(future.get_loop(), []).append((future, failures.get(position)))
    for loop, answers in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, answers)
        except RuntimeError:  # that loop is closed: nobody waits there any more
            continue


def _resolve(answers: list[tuple[asyncio.Future[None], Exception | None]]) -> None:
    for future, failure in answers:
        if future.done():  # the sender hung up
            continue
        if failure is None:
            future.set_result(None)
        else:
            future.set_exception(failure)


class _Store:
    """One dedicated driver connection in autocommit: every statement is a transaction."""

    def __init__(self, db: Database) -> None:
        pooled = db.engine.raw_connection()
        self.connection: Any = pooled.driver_connection
        pooled.detach()
        self.errors: Any = db.engine.dialect.dbapi

    def insert(self, rows: Sequence[HookRow]) -> None:
        raise NotImplementedError

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
