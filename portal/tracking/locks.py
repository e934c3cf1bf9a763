"""The one order in which parcels are locked by all who write what follows from their scans."""

from __future__ import annotations

from collections.abc import Collection

from sqlmodel import Session, col, select

from portal.tables import Order, Shipment


def lock(tx: Session, shipment_ids: Collection[int | None]) -> list[Shipment]:
    """These parcels by id, locked, and before them their orders by id: nobody interleaves, or waits in a ring.

    `key_share` lets others go on to add rows that refer to these: links in mails, sessions, returns.
    """
    mine = col(Shipment.id).in_(shipment_ids)
    orders = select(Order).where(col(Order.id).in_(select(Shipment.order_id).where(mine)))
    tx.exec(orders.order_by(col(Order.id)).with_for_update(key_share=True)).all()
    return list(tx.exec(select(Shipment).where(mine).order_by(col(Shipment.id)).with_for_update(key_share=True)))
