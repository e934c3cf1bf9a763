"""Settling a return: money back, store credit or an exchange; and goodwill without a return.

Doorstep decides and records; the shop's payment system moves the money. Never more than was paid, under any race:
the order's `refunded_minor` is raised by one guarded UPDATE, in the transaction that writes the ledger row.
"""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlmodel import Session, col, select, update

from portal.audit import Actor, record
from portal.db import insert_once
from portal.notify.events import Event
from portal.notify.outbox import put
from portal.refusal import Refusal
from portal.returning import rows
from portal.returning.approve import step
from portal.tables import Brand, Order, OrderLine, Product, Refund, ReturnCase
from portal.tables.columns import opaque_id
from returns.machine import ItemState, MoneyState, Resolution, State, move_item, move_money
from returns.rma import ALPHABET

_CREDIT_LETTERS = 12


def refund(
    tx: Session, brand: Brand, case: ReturnCase, by: Actor, now: datetime, *, amount_minor: int | None = None
) -> Refund:
    """Gives back what the case's plan says, or less. Goods must be received. Completes the case.

    Refusal: "case_changed", "nothing_to_refund", "refund_too_much" (more than planned, or than is left).
    """
    amount = case.refund_minor if amount_minor is None else amount_minor
    if type(amount) is not int or amount < 1:
        raise Refusal("nothing_to_refund", 422)
    if amount > case.refund_minor:
        raise Refusal("refund_too_much", 422, limit_minor=case.refund_minor)
    _accept(tx, case)
    is_credit = case.resolution == Resolution.STORE_CREDIT
    if is_credit:
        case.credit_code = new_credit_code()
    row = _pay(tx, brand, case.order_id, amount, by, now, case=case, method="store_credit" if is_credit else "original")
    _complete(tx, case, now)
    record(
        tx,
        "return.refunded",
        by,
        now,
        brand_id=brand.id,
        order_id=case.order_id,
        return_id=case.id,
        amount_minor=amount,
        currency=case.currency,
        method=row.method,
    )
    return row


def close(tx: Session, brand: Brand, case: ReturnCase, by: Actor, now: datetime) -> None:
    """Completes a case of which nothing is owed: nothing was paid, or all of it is given back already.

    Refusal: "case_changed"; "still_owed" where something is.
    """
    if case.refund_minor or case.resolution == Resolution.EXCHANGE_VARIANT:
        raise Refusal("still_owed", 409)
    _accept(tx, case)
    tx.flush()
    step(tx, case, "settle", closed_at=now)
    record(tx, "return.closed", by, now, brand_id=brand.id, order_id=case.order_id, return_id=case.id)


def settle_exchange(tx: Session, brand: Brand, case: ReturnCase, sku: str, by: Actor, now: datetime) -> None:
    """Releases the replacement as a new order line, pays back a difference, completes the case.

    `sku` must be the variant that the case holds. Refusal as `refund`; "no_such_variant" for another variant.
    """
    if case.resolution != Resolution.EXCHANGE_VARIANT:
        raise Refusal("not_an_exchange", 409)
    items = rows.items_of(tx, case)
    if sku not in {item.exchange_sku for item, _ in items}:
        raise Refusal("no_such_variant", 422)
    _accept(tx, case)
    order = tx.get_one(Order, case.order_id)
    for item, line in items:
        _release_line(tx, brand, order, case, line, item.exchange_sku, item.quantity)
    if case.refund_minor:
        _pay(tx, brand, case.order_id, case.refund_minor, by, now, case=case, method="original")
    case.exchange_state = "released"
    _complete(tx, case, now)
    record(tx, "exchange.released", by, now, brand_id=brand.id, order_id=case.order_id, return_id=case.id, sku=sku)


def refund_order(
    tx: Session, brand: Brand, order: Order, amount_minor: int, reason: str, key: str, by: Actor, now: datetime
) -> Refund:
    """Goodwill: money back without a return. The same `key` (one per form shown) pays once."""
    if type(amount_minor) is not int or amount_minor < 1:
        raise Refusal("nothing_to_refund", 422)
    if not reason.strip():
        raise Refusal("reason_missing", 422)
    before = tx.exec(select(Refund).where(Refund.key == f"order:{order.public_id}:{key}")).first()
    if before is not None:
        return before
    gone, _ = rows.spoken_for(tx, order)
    if amount_minor > order.captured_minor - gone:
        raise Refusal("refund_too_much", 422, limit_minor=max(order.captured_minor - gone, 0))
    row = _pay(tx, brand, order.id or 0, amount_minor, by, now, key=f"order:{order.public_id}:{key}")
    record(
        tx,
        "order.refunded",
        by,
        now,
        brand_id=brand.id,
        order_id=order.id,
        amount_minor=amount_minor,
        currency=order.currency,
        reason=reason.strip(),
    )
    return row


def new_credit_code() -> str:
    """A store credit code nobody can guess: "C-XXXX-XXXX-XXXX", 54 bits, in the letters of RMA numbers."""
    drawn = "".join(secrets.choice(ALPHABET) for _ in range(_CREDIT_LETTERS))
    return "C-" + "-".join(drawn[i : i + 4] for i in range(0, _CREDIT_LETTERS, 4))


def _accept(tx: Session, case: ReturnCase) -> None:
    """Goods judged good: from received or inspecting to resolving. Nothing else may be paid for."""
    if State(case.status) is not State.RESOLVING:
        step(tx, case, "accept")
    for item, _ in rows.items_of(tx, case):
        if item.state == ItemState.RECEIVED:
            item.state = move_item(ItemState(item.state), "accept")


def _complete(tx: Session, case: ReturnCase, now: datetime) -> None:
    case.money_state = move_money(MoneyState(case.money_state), "submit")
    tx.flush()
    step(tx, case, "settle", closed_at=now)


def _pay(
    tx: Session,
    brand: Brand,
    order_id: int,
    amount: int,
    by: Actor,
    now: datetime,
    *,
    case: ReturnCase | None = None,
    method: str = "original",
    key: str = "",
) -> Refund:
    raised = col(Order.refunded_minor) + amount
    result = tx.exec(
        update(Order)
        .where(col(Order.id) == order_id, raised <= col(Order.captured_minor))
        .values(refunded_minor=raised)
        .execution_options(synchronize_session=False)
    )
    if result.rowcount != 1:
        raise Refusal("refund_too_much", 409)
    public_id = opaque_id()
    values = Refund(
        public_id=public_id,
        brand_id=brand.id or 0,
        order_id=order_id,
        return_id=case.id if case else None,
        key=key or f"return:{case.public_id if case else ''}",
        amount_minor=amount,
        currency=case.currency if case else tx.get_one(Order, order_id).currency,
        method=method,
        lines=case.plan.get("lines", []) if case else [],
        by=by.id,
        created_at=now,
    ).model_dump(exclude={"id"})
    if not insert_once(tx, Refund, values):
        raise Refusal("already_refunded", 409)
    row = tx.exec(select(Refund).where(Refund.public_id == public_id)).one()
    order = tx.get_one(Order, order_id)
    tx.refresh(order)
    facts = {
        "amount_minor": amount,
        "currency": row.currency,
        "method": method,
        "rma": case.rma if case else "",
        "credit_code": case.credit_code if case else "",
    }
    put(
        tx,
        event=Event.REFUND_SUBMITTED,
        fact=public_id,
        brand=brand,
        order=order,
        now=now,
        return_id=case.id if case else None,
        facts=facts,
    )
    return row


def _release_line(
    tx: Session, brand: Brand, order: Order, case: ReturnCase, line: OrderLine, sku: str, quantity: int
) -> None:
    """The replacement as a line of the same order, worth what came back (and what was paid or given on top of it)."""
    product = tx.exec(select(Product).where(Product.brand_id == brand.id, Product.sku == sku)).first()
    if product is None:
        raise Refusal("no_such_variant", 409)
    source_id = f"{rows.EXCHANGED}{case.public_id}:{line.source_id}"
    price = product.price_minor
    worth, tax = _exchange_worth(case, line, quantity)
    values = OrderLine(
        order_id=order.id or 0,
        source_id=source_id,
        position=line.position + 1000,
        sku=sku,
        title=product.title,
        variant=product.variant,
        quantity=quantity,
        unit_price_minor=price,
        discount_minor=max(price * quantity - (worth - tax), 0),
        tax_minor=tax,
        grams=line.grams,
        tags=product.tags,
        category=product.category,
        picture=product.picture or line.picture,
    ).model_dump(exclude={"id"})
    insert_once(tx, OrderLine, values)


def _exchange_worth(case: ReturnCase, line: OrderLine, quantity: int) -> tuple[int, int]:
    """What the replacement counts for if it comes back itself: what the units were worth, and the difference paid.
    With it, how much of that is tax on top."""
    discount, tax = rows.shares_in(case, line)
    mine = (entry for entry in case.plan.get("lines", []) if entry["facts"].get("ref") == line.public_id)
    worth = line.unit_price_minor * quantity - discount + tax - sum(int(entry["amount_minor"]) for entry in mine)
    return worth, min(tax, worth)
