"""Goods are back: the dock or an agent says so, and the refund is owed."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from portal.audit import Actor, record
from portal.returning.approve import step
from portal.returning.rows import items_of
from portal.tables import Brand, ReturnCase
from returns.machine import ItemState, MoneyState, move_item, move_money


def receive(tx: Session, brand: Brand, case: ReturnCase, by: Actor, now: datetime) -> None:
    """Every expected item is in. Refusal("case_changed") where the machine has no such move from here."""
    owed = move_money(MoneyState(case.money_state), "owe")
    step(tx, case, "receive_all", received_at=now, money_state=owed)
    for item, _ in items_of(tx, case):
        item.state = move_item(ItemState(item.state), "receive")
    tx.flush()
    record(tx, "return.received", by, now, brand_id=brand.id, order_id=case.order_id, return_id=case.id)
