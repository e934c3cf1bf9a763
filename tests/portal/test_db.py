"""The database layer: transactions, insert-once, migrations, claims."""

import pytest
from sqlmodel import select

from portal.app import App
from portal.db import Database, insert_once, wal_is_safe
from portal.migrate import current, differences, head, upgrade
from portal.tables import Brand, Heartbeat
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


def test_what_is_inserted_twice_is_there_once(app: App, clock) -> None:
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
