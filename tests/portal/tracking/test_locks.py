"""Who waits for whom on PostgreSQL: while a batch is taken in, mails and shoppers of its orders go on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import col, select, text

from portal.app import App
from portal.claim import claim
from portal.links import make_link
from portal.tables import AccessLink, Inbox, Order
from portal.tracking.ingest import Taking, read_row
from tests.conftest import Clock
from tests.portal.tracking.northpost import journey
from tests.portal.tracking.test_ingest import body, keep
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
            other.exec(text("SET LOCAL lock_timeout = '300ms'"))  # type: ignore[call-overload]
            for order in other.exec(select(Order).order_by(col(Order.id))).all():
                make_link(other, app.brands.get(order.brand_id), order, clock.now)
    with app.db.reading() as tx:
        assert len(tx.exec(select(AccessLink)).all()) == len(tx.exec(select(Order)).all())
