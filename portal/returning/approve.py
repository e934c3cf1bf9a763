"""Deciding on a return: approve, reject, cancel, expire; and the one way its state moves."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select, update

from portal.audit import SYSTEM, Actor, record
from portal.notify.events import Event
from portal.notify.outbox import put
from portal.refusal import Refusal
from portal.returning.rows import items_of
from portal.tables import Brand, Label, Order, OrderLine, Product, ReturnCase
from portal.tracking.locks import lock_products
from returns.machine import IllegalMove, ItemState, Kind, Method, State, move, move_item

SEND_WITHIN = timedelta(days=14)
# The post may be slower than the calendar: a label is honoured a while longer than it says.
GRACE = timedelta(days=7)


def approve(tx: Session, brand: Brand, case: ReturnCase, by: Actor, now: datetime) -> None:
    """An agent says yes. The label follows by itself. Refusal("case_changed") when it is no longer to decide."""
    if State(case.status) is not State.REQUESTED:
        raise Refusal("case_changed", 409, state=case.status)
    authorise(tx, brand, case, by, now)


def authorise(tx: Session, brand: Brand, case: ReturnCase, by: Actor, now: datetime) -> None:
    """From draft or requested to approved, with a label wanted where the brand has a connection that sells them."""
    step(tx, case, "approve", approved_at=now, deadline=(now + SEND_WITHIN).date())
    _items(tx, case, "authorise")
    _items(tx, case, "expect")
    record(tx, "return.approved", by, now, brand_id=brand.id, order_id=case.order_id, return_id=case.id)
    if brand.label_connection_id is None:
        _without_label(tx, brand, case, now)
        return
    label = Label(
        return_id=case.id or 0,
        connection_id=brand.label_connection_id,
        key=case.public_id,
        next_at=now,
        created_at=now,
    )
    tx.add(label)
    tx.flush()


def reject(tx: Session, brand: Brand, case: ReturnCase, reason: str, by: Actor, now: datetime) -> None:
    """An agent says no, with the reason that the shopper is told."""
    if not reason.strip():
        raise Refusal("reason_missing", 422)
    step(tx, case, "reject", reject_reason=reason.strip(), closed_at=now)
    _items(tx, case, "decline")
    release(tx, brand, case)
    record(tx, "return.rejected", by, now, brand_id=brand.id, order_id=case.order_id, return_id=case.id, reason=reason)
    _tell(tx, Event.RETURN_REJECTED, brand, case, now, {"reason": case.reject_reason})


def cancel(tx: Session, brand: Brand, case: ReturnCase, by: Actor, now: datetime) -> None:
    """The shopper or an agent calls it off before the first scan; a bought label is given back by a job."""
    step(tx, case, "cancel", closed_at=now)
    release(tx, brand, case)
    drop_label(tx, case, now)
    record(tx, "return.cancelled", by, now, brand_id=brand.id, order_id=case.order_id, return_id=case.id)


def expire(tx: Session, brand: Brand, case: ReturnCase, now: datetime) -> None:
    """The deadline and its grace went by and nothing was scanned."""
    step(tx, case, "expire", closed_at=now)
    release(tx, brand, case)
    drop_label(tx, case, now)
    record(tx, "return.expired", SYSTEM, now, brand_id=brand.id, order_id=case.order_id, return_id=case.id)


def step(tx: Session, case: ReturnCase, name: str, **values: Any) -> None:
    """The only way a case's state moves: by the machine, and guarded, so that of two clicks one wins.

    Refusal("case_changed") for a move that the machine does not have or that somebody else was faster to make.
    """
    before = State(case.status)
    try:
        after = move(before, name, kind=Kind(case.kind))
    except IllegalMove:
        raise Refusal("case_changed", 409, state=case.status) from None
    tx.flush()
    result = tx.exec(
        update(ReturnCase)
        .where(col(ReturnCase.id) == case.id, col(ReturnCase.status) == before)
        .values(status=after, **values)
        .execution_options(synchronize_session=False)
    )
    if result.rowcount != 1:
        raise Refusal("case_changed", 409, state=case.status)
    tx.refresh(case)


def release(tx: Session, brand: Brand, case: ReturnCase) -> None:
    """Lets go of what a case held: units of the order, and stock of an exchange not yet sent."""
    items = items_of(tx, case)
    for item, line in items:
        tx.exec(
            update(OrderLine)
            .where(col(OrderLine.id) == line.id)
            .values(returned_quantity=col(OrderLine.returned_quantity) - item.quantity)
        )
        tx.expire(line)
    held = [item for item, _ in items if item.exchange_sku]
    lock_products(tx, brand.id or 0, [item.exchange_sku for item in held])
    for item in held:
        tx.exec(
            update(Product)
            .where(col(Product.brand_id) == brand.id, col(Product.sku) == item.exchange_sku)
            .values(stock=col(Product.stock) + item.quantity)
        )


def drop_label(tx: Session, case: ReturnCase, now: datetime) -> None:
    """A label not bought yet is not bought any more; a bought one is handed to the job that gives it back."""
    label = tx.exec(select(Label).where(Label.return_id == case.id)).first()
    if label is None or label.state in {"refused", "voided"}:
        return
    # A purchase under way, or of unknown outcome, is settled first: the job gives back what it finds.
    label.state = "void_wanted" if label.state in {"bought", "ready", "buying", "unknown"} else "voided"
    label.next_at = now if label.state == "void_wanted" else None
    label.dead_at, label.tries = None, 0


def tell_label(tx: Session, brand: Brand, case: ReturnCase, now: datetime, facts: dict[str, Any]) -> None:
    """The one message of an approved return: here is your label."""
    _tell(tx, Event.LABEL_ISSUED, brand, case, now, facts)


def _without_label(tx: Session, brand: Brand, case: ReturnCase, now: datetime) -> None:
    case.method = Method.OWN
    tx.flush()
    deadline = case.deadline.isoformat() if case.deadline else ""
    _tell(tx, Event.RETURN_APPROVED, brand, case, now, {"deadline": deadline})


def _tell(tx: Session, event: Event, brand: Brand, case: ReturnCase, now: datetime, facts: dict[str, Any]) -> None:
    order = tx.get_one(Order, case.order_id)
    rma = {"rma": case.rma, **facts}
    put(tx, event=event, fact=case.public_id, brand=brand, order=order, now=now, return_id=case.id, facts=rma)


def _items(tx: Session, case: ReturnCase, name: str) -> None:
    for item, _ in items_of(tx, case):
        item.state = move_item(ItemState(item.state), name)
    tx.flush()
