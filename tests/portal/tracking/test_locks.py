"""Who waits for whom on PostgreSQL: while a batch is taken in, mails and shoppers of its orders go on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlmodel import Session, col, select, text, update

from carriers.errors import Unavailable
from portal.app import App
from portal.claim import claim
from portal.links import make_link
from portal.tables import AccessLink, Connection, Inbox, Order, Shipment
from portal.tracking import poll as module
from portal.tracking.ingest import Taking, read_row
from portal.tracking.locks import lock
from tests.conftest import Clock
from tests.portal.tracking.northpost import journey
from tests.portal.tracking.test_ingest import body, keep
from tests.postgres import until_somebody_waits
from tests.world import World


@pytest.fixture
def database_url(postgres_url: str) -> str:
    """PostgreSQL alone: SQLite has one writer at a time anyhow."""
    return postgres_url


@pytest.mark.postgres
def test_a_link_is_made_while_a_batch_holds_its_order(app: App, world: World, clock: Clock) -> None:
    keep(app, world.connection, body(journey(clock.now - timedelta(hours=46))))
    with app.db.transaction() as tx:
        rows = claim(tx, Inbox, clock.now)
    with app.db.transaction() as batch:
        Taking(batch, clock.now).take([read_row(row) for row in rows])
        with app.db.transaction() as other:
            other.connection().execute(text("SET LOCAL lock_timeout = '300ms'"))
            for order in other.exec(select(Order).order_by(col(Order.id))).all():
                make_link(other, app.brands.get(order.brand_id), order, clock.now)
    with app.db.reading() as tx:
        assert len(tx.exec(select(AccessLink)).all()) == len(tx.exec(select(Order)).all())


def claimed(app: App, world: World, clock: Clock) -> module.Round:
    """Every parcel of the world's connection, as a poll holds them."""
    with app.db.transaction() as tx:
        tx.exec(update(Shipment).values(next_at=clock.now, connection_id=world.connection.id))
        return module.Round(world.connection, claim(tx, Shipment, clock.now))


def hurried(tx: Session) -> Session:
    """Gives up on a lock soon."""
    tx.connection().execute(text("SET LOCAL lock_timeout = '2s'"))
    return tx


@pytest.mark.postgres
def test_a_poll_that_fails_and_a_push_of_the_same_connection_do_not_wait_in_a_ring(
    app: App, world: World, clock: Clock
) -> None:
    found = claimed(app, world, clock)
    with ThreadPoolExecutor(1) as pool:
        with app.db.transaction() as tx:
            lock(hurried(tx), [row.id for row in found.rows])
            failing = pool.submit(module._write_failure, app, found, Unavailable("down"))
            until_somebody_waits(app.db)
            tx.exec(update(Connection).values(last_push_at=clock.now))
        failing.result()
    with app.db.reading() as tx:
        connection = tx.get_one(Connection, found.connection.id)
        assert (connection.failures, connection.last_push_at) == (1, clock.now)


@pytest.mark.postgres
def test_a_number_that_nobody_knows_locks_its_order_first_as_everybody_does(
    app: App, world: World, clock: Clock
) -> None:
    found = claimed(app, world, clock)
    with ThreadPoolExecutor(1) as pool:
        with app.db.transaction() as tx:
            hurried(tx).exec(select(Order).with_for_update(key_share=True)).all()
            unknown = pool.submit(module._write_unknown, app, found)
            until_somebody_waits(app.db)
            assert len(lock(tx, [row.id for row in found.rows])) == len(found.rows)
        unknown.result()


@pytest.mark.postgres
def test_two_workers_at_the_same_moment_take_different_parcels_and_neither_waits(
    app: App, world: World, clock: Clock
) -> None:
    with app.db.transaction() as tx:
        tx.exec(update(Shipment).values(next_at=clock.now))
        parcels = len(tx.exec(select(Shipment)).all())
    with app.db.transaction() as one:
        first = claim(one, Shipment, clock.now, limit=1)
        with app.db.transaction() as two:
            rest = claim(hurried(two), Shipment, clock.now)
    assert len({row.id for row in (*first, *rest)}) == len(first) + len(rest) == parcels
