"""The event loop's connections to PostgreSQL: each answer to its question, whatever happens on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import Float, Integer, Text, bindparam, case, cast, func, select

from portal.db import Database
from portal.lines import LINES, Lines
from portal.quick import Quick, Reads

NUMBER = bindparam("number", type_=Integer)
ECHO = Quick(select(NUMBER.label("number"), func.pg_backend_pid().label("pid")))
SLOW = Quick(
    select(NUMBER.label("number"), cast(func.pg_sleep(bindparam("seconds", type_=Float)), Text).label("slept"))
)
WRONG = Quick(select(cast(1 / NUMBER, Text).label("inverse")))

pytestmark = pytest.mark.postgres

Run = Callable[[Callable[[Lines], Coroutine[Any, Any, Any]]], Any]


@pytest.fixture
def run(postgres_url: str) -> Iterator[Run]:
    """Runs a coroutine function with the lines of a loop of its own."""
    db = Database(postgres_url)

    def running(work: Callable[[Lines], Coroutine[Any, Any, Any]]) -> Any:
        async def inside() -> Any:
            lines = Lines(db)
            try:
                return await work(lines)
            finally:
                await lines.close()

        return asyncio.run(inside())

    yield running
    db.close()


def one(read: Any) -> Reads[Any]:
    (row,) = yield read
    return row


def test_many_at_once_share_a_few_connections_and_each_hears_its_own_answer(run: Run) -> None:
    async def work(lines: Lines) -> list[Any]:
        return await asyncio.gather(*(lines.follow(one(ECHO.read(number=n))) for n in range(50)))

    rows = run(work)
    assert [row.number for row in rows] == list(range(50))
    assert 1 <= len({row.pid for row in rows}) <= LINES


def test_a_connection_that_ended_while_nobody_used_it_costs_nobody_an_answer(run: Run, postgres_url: str) -> None:
    async def work(lines: Lines) -> tuple[Any, Any]:
        first = await lines.follow(one(ECHO.read(number=1)))
        with psycopg.connect(postgres_url, autocommit=True) as admin:
            assert admin.execute("SELECT pg_terminate_backend(%s, 5000)", (first.pid,)).fetchone() == (True,)
        return first, await lines.follow(one(ECHO.read(number=2)))

    first, second = run(work)
    assert second.number == 2
    assert second.pid != first.pid


def test_a_read_that_is_given_up_leaves_no_answer_for_the_next(run: Run) -> None:
    async def work(lines: Lines) -> Any:
        slow = asyncio.ensure_future(lines.follow(one(SLOW.read(number=1, seconds=30.0))))
        while not lines._gate._value < LINES:  # until it has asked
            await asyncio.sleep(0)
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        return await lines.follow(one(ECHO.read(number=2)))

    assert run(work).number == 2


def test_a_refused_statement_is_told_to_the_page_and_spoils_nothing(run: Run) -> None:
    def steps() -> Reads[Any]:
        try:
            yield WRONG.read(number=0)
        except psycopg.errors.DivisionByZero as error:
            told = error.sqlstate
        (row,) = yield ECHO.read(number=3)
        return told, row.number

    async def work(lines: Lines) -> Any:
        return await lines.follow(steps())

    assert run(work) == ("22012", 3)


def test_a_server_that_cannot_be_reached_is_an_outage() -> None:
    async def work() -> None:
        lines = Lines(Database("postgresql://nobody@127.0.0.1:1/none"))
        await lines.follow(one(ECHO.read(number=1)))

    with pytest.raises(psycopg.OperationalError):
        asyncio.run(work())


def test_a_question_longer_than_the_socket_takes_at_once_is_answered(run: Run) -> None:
    long = "x" * 30_000_000
    length = Quick(select(func.length(bindparam("text", type_=Text)).label("length")))

    async def work(lines: Lines) -> Any:
        return await lines.follow(one(length.read(text=long)))

    assert run(work).length == len(long)


def test_a_connection_that_ends_amid_an_answer_is_told_and_the_next_is_fresh(run: Run, postgres_url: str) -> None:
    pid = bindparam("pid", type_=Integer)
    stuck = case((func.pg_backend_pid() == pid, cast(func.pg_sleep(30), Text)), else_="")
    only_there = Quick(select(func.pg_backend_pid().label("pid"), stuck.label("slept")))

    async def work(lines: Lines) -> tuple[Any, Any]:
        first = await lines.follow(one(ECHO.read(number=1)))
        asked = asyncio.ensure_future(lines.follow(one(only_there.read(pid=first.pid))))
        async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as admin:
            state = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'"
            while await (await admin.execute(state, (first.pid,))).fetchone() is None:
                pass
            await admin.execute("SELECT pg_terminate_backend(%s, 5000)", (first.pid,))
        return first, await asked

    first, answered = run(work)
    assert answered.pid != first.pid
