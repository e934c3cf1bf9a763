"""Looks again at parcels that the clock alone may have made late, silent or forgotten."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlmodel import Session, col, select, update

from portal.app import App
from portal.db import is_outage
from portal.tables import Shipment
from portal.tracking.locks import lock
from portal.tracking.refold import refold
from portal.tracking.scans import scans_of
from portal.tracking.timeline import Kept
from portal.work import Job

log = structlog.get_logger("portal.delays")

_BATCH = 50


def look_again(app: App) -> int:
    """One batch of shipments whose `delay_at` has come. Returns how many.

    No lease: the look is a pure fold, and whoever commits first moves `delay_at` on.
    """
    now = app.now()
    with app.db.transaction() as tx:
        due = select(Shipment.id).where(col(Shipment.delay_at) <= now).order_by(col(Shipment.delay_at)).limit(_BATCH)
        shipments = lock(tx, tx.exec(due).all())
        stored = scans_of(tx, [shipment.id or 0 for shipment in shipments])
        for shipment in shipments:
            _look(tx, shipment, stored[shipment.id or 0], now)
    return len(shipments)


def _look(tx: Session, shipment: Shipment, scans: Sequence[Kept], now: datetime) -> None:
    shipment_id = shipment.id
    try:
        with tx.begin_nested():
            refold(tx, shipment, scans, now)
    except Exception as error:
        if is_outage(error):
            raise
        log.error("delay_look_failed", shipment=shipment_id, exc_info=error)
        later = {"delay_at": now + timedelta(hours=1)}  # one that fails must not keep the others from their look
        tx.exec(update(Shipment).where(col(Shipment.id) == shipment_id).values(**later))


JOB = Job("delays", timedelta(seconds=30), look_again)
