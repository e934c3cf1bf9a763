"""A delivered order of Ada's, so that something can come back."""

from datetime import date, timedelta

import pytest
from sqlmodel import select

from portal.app import App
from portal.tables import Shipment
from tests.world import World


@pytest.fixture
def delivered(app: App, world: World) -> World:
    """The world four days after Ada's parcels came: on 20 November."""
    with app.db.transaction() as tx:
        for shipment in tx.exec(select(Shipment).where(Shipment.order_id == world.order.id)).all():
            shipment.status = "delivered"
            shipment.shipped_on = date(2026, 11, 18)
            shipment.delivered_on = date(2026, 11, 20)
            shipment.delivered_at = app.now() - timedelta(days=4)
    return world
