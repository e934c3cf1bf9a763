"""The one order in which rows are locked by all who write: who keeps to it never waits in a ring.

An agent's session, the brand of an import, orders by id, parcels by id, a return, what it holds (order lines and then
products by id, its label), connections by id, and last what waits in inbox and outbox. Nobody needs all of them, and
nobody goes back. `key_share` lets others go on to add rows that refer to these: links in mails, sessions, returns.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from portal.tables import Brand, Order, Product, Shipment


def lock(tx: Session, shipment_ids: Collection[int | None]) -> list[Shipment]:
    """These parcels by id, locked, and before them their orders by id: nobody interleaves what follows from scans."""
    mine = col(Shipment.id).in_(shipment_ids)
    orders = select(Order).where(col(Order.id).in_(select(Shipment.order_id).where(mine)))
    tx.exec(orders.order_by(col(Order.id)).with_for_update(key_share=True)).all()
    return list(tx.exec(select(Shipment).where(mine).order_by(col(Shipment.id)).with_for_update(key_share=True)))


def lock_import(tx: Session, brand_id: int, *orders: ColumnElement[bool]) -> None:
    """The brand, so that its imports take turns; then these orders of it, and all their parcels."""
    tx.exec(select(Brand.id).where(Brand.id == brand_id).with_for_update(key_share=True)).all()
    if orders:
        mine = col(Order.brand_id) == brand_id, *orders
        found = tx.exec(select(Order).where(*mine).order_by(col(Order.id)).with_for_update(key_share=True)).all()
        lock_parcels(tx, col(Shipment.order_id).in_([order.id for order in found]))


def lock_parcels(tx: Session, *which: ColumnElement[bool]) -> None:
    """Parcels without their orders, before many of them are changed by one statement."""
    tx.exec(select(Shipment.id).where(*which).order_by(col(Shipment.id)).with_for_update(key_share=True)).all()


def lock_products(tx: Session, brand_id: int, skus: Collection[str]) -> None:
    """Goods of which stock is taken or given back."""
    mine = col(Product.brand_id) == brand_id, col(Product.sku).in_(skus)
    tx.exec(select(Product.id).where(*mine).order_by(col(Product.id)).with_for_update(key_share=True)).all()
