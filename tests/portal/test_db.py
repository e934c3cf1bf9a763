"""The database layer: transactions, insert-once, migrations, claims."""

from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlmodel import select

from portal.app import App
from portal.claim import claim, finished, hand_over, holding, turned_out
from portal.db import Database, insert_once, is_lost, wal_is_safe
from portal.migrate import current, differences, head, upgrade
from portal.tables import Brand, Heartbeat, LinkRequest
from tests.conftest import Clock
from tests.world import World


def test_a_migrated_database_is_what_the_tables_say(database: Database) -> None:
    assert current(database) == head()
    assert differences(database) == []


def test_migrating_twice_is_harmless(database: Database) -> None:
    upgrade(database)
    assert current(database) == head()


def test_raising_rolls_back_and_returning_commits(app: App, world: World) -> None:
    def change_and_fail() -> None:
        with app.db.transaction() as tx:
            tx.get_one(Brand, world.juniper.id).name = "Gone"
            tx.flush()
            raise LookupError

    with pytest.raises(LookupError):
        change_and_fail()
    with app.db.transaction() as tx:
        tx.get_one(Brand, world.basalt.id).name = "Kept"
    with app.db.reading() as tx:
        assert sorted(tx.exec(select(Brand.name)).all()) == ["Juniper", "Kept"]


def test_what_is_inserted_twice_is_there_once(app: App, clock: Clock) -> None:
    row = {"job": "ingest", "worker": "a", "at": clock(), "took_ms": 1, "failures": 0}
    with app.db.transaction() as tx:
        assert insert_once(tx, Heartbeat, row) == 1
        assert insert_once(tx, Heartbeat, [row, {**row, "worker": "b"}]) == 1


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 6), True),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
    ],
)
def test_wal_is_used_only_on_a_sqlite_without_the_reset_fault(version: tuple[int, ...], safe: bool) -> None:
    assert wal_is_safe(version) is safe


@pytest.mark.usefixtures("world")
def test_statistics_of_sqlite_hold_no_values(app: App) -> None:
    """With values SQLite would plan a statement anew at every run."""
    if app.db.is_postgres:
        app.db.refresh_statistics()  # PostgreSQL keeps its own
        return
    connection = app.db.own_connection()
    connection.execute("PRAGMA analysis_limit=0")
    connection.execute("ANALYZE")  # as somebody may do by hand
    app.db.refresh_statistics()
    assert connection.execute("SELECT * FROM sqlite_stat1 WHERE tbl = 'shop_order'").fetchall()
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat4'").fetchone():
        assert connection.execute("SELECT * FROM sqlite_stat4").fetchall() == []


@pytest.mark.postgres
def test_a_connection_that_died_while_nobody_used_it_costs_nobody_an_answer(postgres_url: str) -> None:
    db = Database(postgres_url)
    ask = text("SELECT pg_backend_pid()")
    with db.reading() as one, db.transaction() as other:
        pids = [tx.connection().execute(ask).scalar_one() for tx in (one, other)]
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        for pid in pids:
            assert admin.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,)).fetchone() == (True,)
    with db.transaction() as tx:
        assert tx.connection().execute(ask).scalar_one() not in pids
    with db.reading() as tx:
        assert tx.connection().execute(ask).scalar_one() not in pids
    db.close()


@pytest.mark.postgres
def test_a_lost_database_is_told_from_one_that_refuses(postgres_url: str) -> None:
    db = Database(postgres_url)
    with pytest.raises(ProgrammingError) as refused, db.transaction() as tx:
        tx.connection().execute(text("SELECT * FROM nowhere"))
    assert not is_lost(refused.value)
    with db.transaction() as tx, db.transaction() as other:
        tx.connection().execute(text("LOCK TABLE hit"))
        other.connection().execute(text("SET LOCAL lock_timeout = 10"))
        with pytest.raises(OperationalError) as locked:
            other.connection().execute(text("LOCK TABLE hit"))
        other.rollback()
    assert not is_lost(locked.value)
    with pytest.raises(OperationalError) as killed, db.transaction() as tx:
        tx.connection().execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert is_lost(killed.value)
    db.close()
    nowhere = Database("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(OperationalError) as absent, nowhere.reading() as tx:
        tx.connection()
    assert is_lost(absent.value)


def wishes(app: App, world: World, count: int) -> None:
    with app.db.transaction() as tx:
        for n in range(count):
            now = app.now()
            tx.add(LinkRequest(brand_id=world.juniper.id or 0, email=f"{n}@example.test", asked_at=now, next_at=now))


def test_what_was_held_is_handed_over_unless_somebody_else_has_it(app: App, world: World, clock: Clock) -> None:
    wishes(app, world, 4)
    with app.db.transaction() as tx, holding() as held:
        rows = claim(tx, LinkRequest, app.now())
        assert claim(tx, LinkRequest, app.now()) == []
    settled, sent, taken, left = (row.id for row in rows)
    with app.db.transaction() as tx:
        tx.get_one(LinkRequest, settled).next_at = None
        other = tx.get_one(LinkRequest, taken)
        other.next_at, other.tries = clock.now + timedelta(minutes=9), 2
    with holding() as again:
        again += held
        turned_out(LinkRequest, sent, finished(app.now()))
    clock.forward(timedelta(seconds=5))
    with app.db.transaction() as tx:
        assert hand_over(tx, held, app.now()) == 2
        assert hand_over(tx, held, app.now()) == 0
        tx.expire_all()
        assert [row.id for row in claim(tx, LinkRequest, app.now())] == [left]
        row = tx.get_one(LinkRequest, sent)
        assert (row.done_at, row.next_at) == (clock.now - timedelta(seconds=5), None)
        assert tx.get_one(LinkRequest, left).tries == 1, "the try that the outage took does not count"
