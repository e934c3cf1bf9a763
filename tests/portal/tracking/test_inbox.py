"""The group commit: durable before it is answered, and honest when the database cannot take it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlmodel import select

from portal.app import App
from portal.db import Database
from portal.tables import Inbox
from portal.tracking import inbox as module
from portal.tracking.inbox import HookRow, Outage, Unstorable, Writer
from tests.conftest import Clock
from tests.portal.tracking.door import Door
from tests.portal.tracking.northpost import connect, delivery, signed

AT = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)


def row(connection_id: int, key: str, body: bytes = b"{}") -> HookRow:
    return HookRow(connection_id, "northpost", key, body, {"northpost-signature": 'quo"ted'}, AT)


def put_all(db: Database, rows: Sequence[HookRow], **options: Any) -> list[Any]:
    """What `put` raised or returned for each, all handed in at once."""

    async def run() -> list[Any]:
        writer = Writer(db, **options)
        writer.start()
        try:
            return await asyncio.gather(*(writer.put(one) for one in rows), return_exceptions=True)
        finally:
            writer.close()

    return asyncio.run(run())


def stored(db: Database) -> list[Inbox]:
    with db.reading() as tx:
        return sorted(tx.exec(select(Inbox)).all(), key=lambda one: one.hook_key)


def test_a_row_reads_back_as_it_was_put(app: App) -> None:
    connection = connect(app)
    assert put_all(app.db, [row(connection.id or 0, "d-1", b"\x00\xff")]) == [None]
    (kept,) = stored(app.db)
    assert (kept.body, kept.headers, kept.asked) == (b"\x00\xff", {"northpost-signature": 'quo"ted'}, [])
    assert (kept.received_at, kept.next_at, kept.done_at) == (AT, AT, None)
    assert (kept.via, kept.http_status, kept.tries, kept.error) == ("hook", 200, 0, "")


def test_what_waits_together_is_one_statement(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = connect(app)
    batches = []
    store = module._PostgresStore if app.db.is_postgres else module._SqliteStore
    real = store.insert

    def insert(self: Any, rows: Sequence[HookRow]) -> None:
        batches.append(len(rows))
        real(self, rows)

    monkeypatch.setattr(store, "insert", insert)
    put_all(app.db, [row(connection.id or 0, f"d-{n}") for n in range(300)])
    assert sum(batches) == len(stored(app.db)) == 300
    assert len(batches) < 20


def test_repeats_inside_one_batch_are_one_row(app: App) -> None:
    connection = connect(app)
    assert put_all(app.db, [row(connection.id or 0, "d-1")] * 20) == [None] * 20
    assert len(stored(app.db)) == 1


def test_a_row_that_cannot_be_stored_does_not_fail_its_neighbours(app: App) -> None:
    connection = connect(app)
    good = [row(connection.id or 0, f"d-{n}") for n in range(4)]
    answers = put_all(app.db, [*good[:2], row(999_999, "orphan"), *good[2:]])
    assert [type(answer) for answer in answers] == [type(None)] * 2 + [Unstorable] + [type(None)] * 2
    assert [kept.hook_key for kept in stored(app.db)] == ["d-0", "d-1", "d-2", "d-3"]


def test_too_many_waiting_are_turned_away(app: App) -> None:
    connection = connect(app)
    answers = put_all(app.db, [row(connection.id or 0, f"d-{n}") for n in range(50)], max_waiting=5)
    turned_away = [answer for answer in answers if isinstance(answer, Outage)]
    assert turned_away
    assert len(stored(app.db)) == 50 - len(turned_away)


def test_a_writer_that_is_not_running_promises_nothing(app: App) -> None:
    async def run() -> None:
        writer = Writer(app.db)
        with pytest.raises(Outage):
            await writer.put(row(1, "d"))
        writer.close()

    asyncio.run(run())


def test_a_sender_that_hangs_up_does_not_disturb_the_others(app: App) -> None:
    connection = connect(app)

    async def run() -> None:
        writer = Writer(app.db)
        writer.start()
        tasks = [asyncio.ensure_future(writer.put(row(connection.id or 0, f"d-{n}"))) for n in range(10)]
        await asyncio.sleep(0)
        tasks[3].cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(answer) for answer in answers].count(type(None)) == 9
        writer.close()

    asyncio.run(run())


def push(door: Door, path: str, clock: Clock, key: str) -> int:
    body = delivery("NP447109260GB", [], key)
    response = door.push(path, body, signed(body, clock.now))
    assert response.status_code != 503 or response.headers["retry-after"] == "5"
    return response.status_code


@pytest.fixture
def full(sqlite_url: str) -> Iterator[tuple[Database, list[int]]]:
    """A database file that may not grow; the list holds the limit in pages, 0 for none."""
    limit = [0]
    db = Database(sqlite_url)

    @sqlalchemy_event.listens_for(db.engine, "connect")
    def _limit(connection: Any, _: Any) -> None:
        if limit[0]:
            connection.execute(f"PRAGMA max_page_count={limit[0]}")

    yield db, limit
    db.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_full_disk_is_503_and_heals_without_a_restart(
    app: App, clock: Clock, full: tuple[Database, list[int]]
) -> None:
    db, limit = full
    small = replace(app, db=db)
    connection = connect(small)
    path = f"/hooks/northpost/{connection.hook_token}"
    with Door(small) as door:
        assert push(door, path, clock, "before") == 200
        with db.engine.connect() as probe:
            limit[0] = int(probe.exec_driver_sql("PRAGMA page_count").scalar_one())
        db.engine.dispose()
        door.writer._drop_store()
        fat = delivery("NP447109260GB", [], "fat" + "x" * 90, filler="y" * 200_000)
        assert door.push(path, fat, signed(fat, clock.now)).status_code == 503
        assert [kept.hook_key for kept in stored(app.db)] == ["before"]
        limit[0] = 0
        db.engine.dispose()
        assert push(door, path, clock, "after") == 200
    assert [kept.hook_key for kept in stored(app.db)] == ["after", "before"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_locked_database_is_503_within_seconds_and_heals(
    app: App, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_MS", 200)
    connection = connect(app)
    path = f"/hooks/northpost/{connection.hook_token}"
    with Door(app) as door:
        with app.db.transaction() as tx:
            tx.get(Inbox, 1)  # the first statement takes the write lock
            assert push(door, path, clock, "during") == 503
        assert push(door, path, clock, "after") == 200
    assert [kept.hook_key for kept in stored(app.db)] == ["after"]


@pytest.mark.parametrize("database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_a_lost_server_is_503_and_a_dropped_connection_is_not_noticed(app: App, clock: Clock, cluster: str) -> None:
    connection = connect(app)
    path = f"/hooks/northpost/{connection.hook_token}"
    name = app.settings.database_url.split("@/")[1].split("?")[0]
    end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    with Door(app) as door, psycopg.connect(cluster.format("postgres"), autocommit=True) as admin:
        assert push(door, path, clock, "before") == 200
        admin.execute(end_all, [name])
        assert push(door, path, clock, "dropped") == 200
        admin.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false".encode())
        admin.execute(end_all, [name])
        assert push(door, path, clock, "lost") == 503
        assert door.get("/health/ready").status_code == 503
        assert door.get("/health").status_code == 503
        assert door.get("/health/live").status_code == 200
        admin.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true".encode())
        assert push(door, path, clock, "back") == 200
        assert door.get("/health/ready").status_code == 200
    app.db.engine.dispose()
    assert [kept.hook_key for kept in stored(app.db)] == ["back", "before", "dropped"]
