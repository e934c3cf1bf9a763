"""Connections to PostgreSQL for the pages that run on the event loop (portal.quick).

The connections are psycopg's, and so are the adapters of values; the questions go through its `pq` module (libpq) as
prepared statements. psycopg's own `execute` and cursors cost the interpreter more than twice as much, three times a
page (docs/performance.md), and here nobody needs what they do besides: no transaction, one statement at a time.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final, TypeVar

import orjson
from sqlalchemy.exc import TimeoutError as PoolTimeout

from portal.db import BUSY_SECONDS, Database
from portal.quick import Prepared, Read, Reads

LINES: Final = 4

T = TypeVar("T")


class Lines:
    """At most LINES connections of one event loop, made when needed, kept until `close`."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._free: list[_Line] = []
        self._gate = asyncio.Semaphore(LINES)

    async def follow(self, steps: Reads[T]) -> T:
        """The result of `steps`, each read awaited."""
        try:
            read = next(steps)
            while True:
                try:
                    rows = await self._rows(read)
                except Exception as error:
                    read = steps.throw(error)
                else:
                    read = steps.send(rows)
        except StopIteration as end:
            result: T = end.value
            return result

    async def close(self) -> None:
        """Closes every connection."""
        while self._free:
            self._free.pop().close()

    async def _rows(self, read: Read) -> list[Any]:
        prepared = read.quick.prepared(self._db)
        try:
            async with asyncio.timeout(BUSY_SECONDS), self._gate:
                found = await self._run(prepared, prepared.bind(read.values))
        except TimeoutError:
            raise PoolTimeout(f"no answer within {BUSY_SECONDS} s") from None
        return read.quick.made(found, prepared.convert)

    async def _run(self, prepared: Prepared, given: list[Any]) -> list[Any]:
        if self._free:
            # A connection that died while idle says nothing about the database: a fresh one decides.
            with suppress(Exception):
                return await self._ask(self._free.pop(), prepared, given)
        return await self._ask(await _Line.open(self._db), prepared, given)

    async def _ask(self, line: _Line, prepared: Prepared, given: list[Any]) -> list[Any]:
        try:
            rows = await line.ask(prepared.sql, given)
        except BaseException:  # a read that was given up leaves the connection amid an answer
            line.close()
            raise
        self._free.append(line)
        return rows


class _Line:
    """One connection, which answers one question after the other."""

    def __init__(self, connection: Any) -> None:
        from psycopg import errors, pq
        from psycopg.adapt import PyFormat, Transformer

        self._connection = connection
        self._pg = connection.pgconn
        self._adapt = Transformer.from_context(connection)
        self._errors = errors
        self._good = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)
        self._as_text = PyFormat.TEXT  # the server knows each parameter's type from the statement, as text fits any
        self._names: dict[str, bytes] = {}
        self._loop = asyncio.get_running_loop()
        # Listened to all the time: starting and stopping for each answer costs as much as the answer.
        self._socket = self._pg.socket
        self._heard: asyncio.Future[None] | None = None
        self._loop.add_reader(self._socket, self._hear)

    @classmethod
    async def open(cls, db: Database) -> _Line:
        """A new connection."""
        import psycopg  # only where there is PostgreSQL
        from psycopg.types.json import set_json_loads

        connection = await psycopg.AsyncConnection.connect(autocommit=True, **db.connect_args)
        set_json_loads(orjson.loads, connection)
        return cls(connection)

    def close(self) -> None:
        """Hangs up, whatever is under way."""
        self._loop.remove_reader(self._socket)
        self._pg.finish()

    async def ask(self, sql: str, given: list[Any]) -> list[Any]:
        """The rows as tuples. Raises psycopg's errors."""
        name = self._names.get(sql)
        if name is None:
            name = f"quick{len(self._names)}".encode()
            self._pg.send_prepare(name, sql.encode())
            await self._answer()
            self._names[sql] = name
        self._pg.send_query_prepared(name, self._adapt.dump_sequence(given, [self._as_text] * len(given)))
        result = await self._answer()
        self._adapt.set_pgresult(result)
        rows: list[Any] = self._adapt.load_rows(0, result.ntuples, tuple)
        return rows

    async def _answer(self) -> Any:
        while self._pg.flush():
            await self._writable()
        answer = None
        while True:  # to the end of what the server says: only then may the next question be sent
            if self._pg.is_busy():
                self._heard = self._loop.create_future()
                await self._heard
            result = self._pg.get_result()
            if result is None:
                break
            answer = result
        if answer is None:
            raise self._errors.OperationalError("the server ended the connection")
        if answer.status not in self._good:
            raise self._errors.error_from_result(answer)
        return answer

    def _hear(self) -> None:
        """Takes in what the server sent, be it that it hangs up."""
        heard = self._heard
        try:
            self._pg.consume_input()
            if heard and not heard.done() and not self._pg.is_busy():
                heard.set_result(None)
        except Exception as error:
            self._loop.remove_reader(self._socket)
            if heard and not heard.done():
                heard.set_exception(error)

    async def _writable(self) -> None:
        is_writable = asyncio.Event()
        self._loop.add_writer(self._socket, is_writable.set)
        try:
            await is_writable.wait()
        finally:
            self._loop.remove_writer(self._socket)
