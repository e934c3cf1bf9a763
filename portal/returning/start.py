"""Starting a return: what may come back and for how much, and the case that follows when the shopper says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any

from sqlmodel import Session, col, select, update

from portal.audit import SYSTEM, Actor, record
from portal.db import insert_once
from portal.refusal import Refusal
from portal.returning import rows
from portal.returning.approve import SEND_WITHIN, authorise
from portal.tables import Brand, Order, OrderLine, Product, ReturnCase, ReturnItem
from portal.tables.columns import opaque_id
from portal.tracking.locks import lock_products
from returns import exchange, refund
from returns.exchange import NoExchange
from returns.machine import Kind, Method, MoneyState, Resolution, State, move, move_money
from returns.money import Money
from returns.policy import Decision, Opinion, Verdict, decide
from returns.reasons import REASONS
from returns.rma import new_rma

RESOLUTIONS = (Resolution.REFUND_ORIGINAL, Resolution.EXCHANGE_VARIANT, Resolution.STORE_CREDIT)
FAULTY = "defective"
MAX_COMMENT = 1000


@dataclass(frozen=True, slots=True)
class OfferLine:
    """One line of the order, and whether it may come back today.

    `verdict` and `opinions` are for a return without fault; `verdict_if_faulty` is the other door. `unit_refund_minor`
    is what the next unit is worth. `swaps` are the variants with whether each can be had.
    """

    line: OrderLine
    left: int
    verdict: str
    opinions: list[dict[str, Any]]
    verdict_if_faulty: str
    unit_refund_minor: int
    swaps: list[Product]


@dataclass(frozen=True, slots=True)
class Offer:
    """Everything that the first step of a return shows."""

    lines: list[OfferLine]
    currency: str


@dataclass(frozen=True, slots=True)
class WantedItem:
    """What the shopper asks for one line."""

    line_public_id: str
    quantity: int
    reason: str
    comment: str = ""
    exchange_sku: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the shopper asks for."""

    items: tuple[WantedItem, ...]
    resolution: str = Resolution.REFUND_ORIGINAL
    method: str = Method.LABEL


@dataclass(frozen=True, slots=True)
class Quote:
    """What would happen: the lines shown are the lines done.

    `total_minor` goes to the shopper (as money or credit); `exchange_difference_minor` is what the shopper pays on top
    for dearer goods (never both). `opinions` has one entry per item: {"line", "title", "verdict", "opinions"}.
    """

    lines: list[dict[str, Any]]
    total_minor: int
    verdict: str
    opinions: list[dict[str, Any]]
    deadline: date | None
    exchange_difference_minor: int
    currency: str

    @property
    def mark(self) -> str:
        """Stands for every amount and the decision, so that what is done can be compared with what was shown."""
        lines = [(line["code"], line["amount_minor"]) for line in self.lines]
        shown = (lines, self.total_minor, self.exchange_difference_minor, self.currency, self.verdict)
        return sha256(repr(shown).encode()).hexdigest()[:32]


def offer(tx: Session, brand: Brand, order: Order, now: datetime) -> Offer:
    """What may be sent back today, line by line, with the reason where it may not."""
    policy, _ = rows.load_policy(tx, brand)
    lines = []
    for row in rows.load_lines(tx, order):
        if not row.line.ships or not row.line.quantity:
            continue
        plain = decide(policy, rows.ask_for(row, order, brand, "", min(1, row.left) or 1, now))
        faulty = decide(policy, rows.ask_for(row, order, brand, FAULTY, min(1, row.left) or 1, now))
        worth = rows.refund_line(row, order, "", 1).worth().minor if row.left else 0
        given, swaps = rows.load_swaps(tx, brand, row.line, order.currency)
        lines.append(
            OfferLine(
                row.line,
                row.left,
                plain.verdict.word,
                [opinion.as_json() for opinion in plain.opinions],
                faulty.verdict.word,
                worth,
                swaps if given else [],
            )
        )
    return Offer(lines, order.currency)


def quote(tx: Session, brand: Brand, order: Order, wanted: Wanted, now: datetime) -> Quote:
    """Decides and reckons, writes nothing. Refusal for what cannot be asked at all: see `_checked`."""
    return _reckon(tx, brand, order, _checked(tx, order, wanted), wanted, now)


def start_return(
    tx: Session,
    brand: Brand,
    order: Order,
    wanted: Wanted,
    *,
    request_key: str,
    by: Actor,
    now: datetime,
    shown: str | None = None,
) -> ReturnCase:
    """Opens the case; approved at once where the policy allows, else `requested` for an agent.

    The same `request_key` gives the same case, however often and however parallel. Refusal("return_denied") carries
    the opinions; Refusal("nothing_left") when another return was faster; Refusal("sold_out") for an exchange;
    Refusal("quote_changed") when `shown`, the mark of the quote that was agreed to, is not that of today's.
    """
    _alone_with(tx, order)
    existing = _by_key(tx, order, request_key)
    if existing is not None:
        return existing
    chosen = _checked(tx, order, wanted)
    quoted = _reckon(tx, brand, order, chosen, wanted, now)
    if quoted.verdict == Verdict.DENY.word:
        raise Refusal("return_denied", 409, opinions=quoted.opinions)
    if shown is not None and shown != quoted.mark:
        raise Refusal("quote_changed", 409)
    case = _insert(tx, brand, order, wanted, quoted, request_key, by, now)
    if case is None:
        faster = _by_key(tx, order, request_key)
        if faster is None:  # the clash was of the drawn RMA number: one in thousands of millions
            raise Refusal("try_again", 409)
        return faster
    _take_units(tx, chosen)
    _hold_stock(tx, brand, wanted)
    _add_items(tx, case, chosen)
    record(
        tx, "return.requested", by, now, brand_id=brand.id, order_id=order.id, return_id=case.id, verdict=quoted.verdict
    )
    if quoted.verdict == Verdict.ALLOW.word:
        authorise(tx, brand, case, SYSTEM, now)  # the policy says yes, not the shopper
    return case


def _alone_with(tx: Session, order: Order) -> None:
    """Waits until nobody else asks about this order, then forgets what was read before.

    Two returns of one order at a time would both count the same shipping, and the same odd cent, as still owed.
    """
    tx.flush()
    tx.exec(select(Order.id).where(Order.id == order.id).with_for_update(key_share=True))
    tx.expire_all()


@dataclass(frozen=True, slots=True)
class _Chosen:
    """One wanted item with the row it is about."""

    item: WantedItem
    row: rows.LineRow


def _checked(tx: Session, order: Order, wanted: Wanted) -> list[_Chosen]:
    """The items with their rows, by line id. Refusal for anything that the form could not have offered."""
    if wanted.resolution not in RESOLUTIONS or wanted.method != Method.LABEL:
        raise Refusal("unknown_resolution", 422)
    if not wanted.items:
        raise Refusal("no_items", 422)
    known = {row.line.public_id: row for row in rows.load_lines(tx, order) if row.line.ships}
    if len({item.line_public_id for item in wanted.items}) != len(wanted.items):
        raise Refusal("item_twice", 422)
    chosen = []
    for item in wanted.items:
        row = known.get(item.line_public_id)
        if row is None:
            raise Refusal("unknown_item", 422)
        if type(item.quantity) is not int or item.quantity < 1:
            raise Refusal("bad_quantity", 422, title=row.line.title)
        if item.quantity > row.left:
            raise Refusal("nothing_left", 409, title=row.line.title, left=row.left)
        if item.reason not in REASONS:
            raise Refusal("unknown_reason", 422, title=row.line.title)
        if len(item.comment) > MAX_COMMENT:
            raise Refusal("comment_too_long", 422, limit=MAX_COMMENT)
        chosen.append(_Chosen(item, row))
    return sorted(chosen, key=lambda c: c.row.line.id or 0)


def _reckon(tx: Session, brand: Brand, order: Order, chosen: Sequence[_Chosen], wanted: Wanted, now: datetime) -> Quote:
    policy, _ = rows.load_policy(tx, brand)
    decisions = [decide(policy, rows.ask_for(c.row, order, brand, c.item.reason, c.item.quantity, now)) for c in chosen]
    opinions = [_entry(c, decision) for c, decision in zip(chosen, decisions, strict=True)]
    verdict = max(decision.verdict for decision in decisions)
    plan = _plan(tx, order, chosen)
    lines = [{"code": p.code, "facts": dict(p.facts), "amount_minor": p.amount.minor} for p in plan.lines]
    total, difference = plan.total.minor, 0
    if wanted.resolution == Resolution.EXCHANGE_VARIANT:
        swaps = [_swap(tx, brand, order, c) for c in chosen]
        pays, gets = (sum(money.minor for money in side) for side in zip(*_sides(swaps), strict=True))
        difference, total = max(pays - gets, 0), max(gets - pays, 0)
        lines = [_swap_line(c, swap, order) for c, swap in zip(chosen, swaps, strict=True)]
        total = _within_what_is_left(tx, order, total, lines)
        if difference:
            # Nothing here can take a payment: a person arranges it and approves.
            verdict = max(verdict, Verdict.REVIEW)
            opinions.append(_payment_needed(difference))
    deadline = now.date() + SEND_WITHIN
    return Quote(lines, total, verdict.word, opinions, deadline, difference, order.currency)


def _plan(tx: Session, order: Order, chosen: Sequence[_Chosen]) -> refund.Plan:
    gone, shipping_gone = rows.spoken_for(tx, order)
    return refund.plan(
        [rows.refund_line(c.row, order, c.item.reason, c.item.quantity) for c in chosen],
        paid=Money(order.captured_minor, order.currency),
        refunded=Money(gone, order.currency),
        shipping_left=Money(max(order.shipping_minor - shipping_gone, 0), order.currency),
    )


def _within_what_is_left(tx: Session, order: Order, total: int, lines: list[dict[str, Any]]) -> int:
    """What an exchange pays back, of what was paid and is not given back or promised yet; a line says so."""
    gone, _ = rows.spoken_for(tx, order)
    over = total - max(order.captured_minor - gone, 0)
    if over <= 0:
        return total
    lines.append({"code": "already_refunded" if gone else "more_than_paid", "facts": {}, "amount_minor": -over})
    return total - over


def _swap(tx: Session, brand: Brand, order: Order, chosen: _Chosen) -> exchange.Exchange:
    given, products = rows.load_swaps(tx, brand, chosen.row.line, order.currency)
    wanted = next((p for p in products if p.sku == chosen.item.exchange_sku), None)
    if given is None or wanted is None:
        raise Refusal("no_such_variant", 422, title=chosen.row.line.title)
    worth = rows.refund_line(chosen.row, order, chosen.item.reason, chosen.item.quantity).worth()
    try:
        return exchange.swap(given, rows.variant(wanted), quantity=chosen.item.quantity, worth=worth)
    except NoExchange as error:
        raise Refusal("sold_out" if error.code == "sold_out" else "no_such_variant", 409, title=wanted.title) from None


def _sides(swaps: Sequence[exchange.Exchange]) -> list[tuple[Money, Money]]:
    return [(swap.shopper_pays, swap.shopper_gets) for swap in swaps]


def _swap_line(chosen: _Chosen, swap: exchange.Exchange, order: Order) -> dict[str, Any]:
    claim = rows.refund_line(chosen.row, order, chosen.item.reason, chosen.item.quantity)
    facts = {
        "ref": chosen.row.line.public_id,
        "title": chosen.row.line.title,
        "quantity": chosen.item.quantity,
        "sku": swap.wanted.sku,
        "variant": swap.wanted.name,
        "discount_minor": claim.discount_share.minor,
        "tax_minor": 0 if order.tax_included else claim.tax_share.minor,
    }
    return {"code": "exchange", "facts": facts, "amount_minor": swap.shopper_gets.minor - swap.shopper_pays.minor}


def _entry(chosen: _Chosen, decision: Decision) -> dict[str, Any]:
    line = {"line": chosen.row.line.public_id, "title": chosen.row.line.title}
    return {**line, **decision.as_json()}


def _payment_needed(difference: int) -> dict[str, Any]:
    opinion = Opinion(Verdict.REVIEW, "payment_needed", {"amount_minor": difference}, "exchange")
    return {"line": "", "title": "", "verdict": Verdict.REVIEW.word, "opinions": [opinion.as_json()]}


def _by_key(tx: Session, order: Order, request_key: str) -> ReturnCase | None:
    return tx.exec(
        select(ReturnCase).where(ReturnCase.order_id == order.id, ReturnCase.request_key == request_key)
    ).first()


def _insert(
    tx: Session, brand: Brand, order: Order, wanted: Wanted, quoted: Quote, request_key: str, by: Actor, now: datetime
) -> ReturnCase | None:
    """The new case, or None when a parallel request with the same key was first."""
    _, version = rows.load_policy(tx, brand)
    public_id = opaque_id()
    allowed = quoted.verdict == Verdict.ALLOW.word
    values = {
        "public_id": public_id,
        "brand_id": brand.id,
        "order_id": order.id,
        "rma": new_rma(),
        "request_key": request_key,
        "kind": Kind.RETURN,
        "method": wanted.method,
        # Allowed at once: `authorise` makes the move. Otherwise it waits for a person.
        "status": State.DRAFT if allowed else move(State.DRAFT, "submit"),
        "resolution": wanted.resolution,
        "policy_version_id": version.id if version else None,
        "verdict": quoted.verdict,
        "opinions": quoted.opinions,
        "currency": order.currency,
        "plan": {"lines": quoted.lines, "pays_minor": quoted.exchange_difference_minor},
        "refund_minor": quoted.total_minor,
        "money_state": move_money(MoneyState.NONE, "quote"),
        "exchange_state": "proposed" if wanted.resolution == Resolution.EXCHANGE_VARIANT else "",
        "deadline": quoted.deadline,
        "requested_at": now,
        "created_by": by.id,
    }
    if not insert_once(tx, ReturnCase, values):
        return None
    return tx.exec(select(ReturnCase).where(ReturnCase.public_id == public_id)).one()


def _take_units(tx: Session, chosen: Sequence[_Chosen]) -> None:
    """Guarded: of eight parallel requests for one unit, one wins."""
    for c in chosen:
        taken = col(OrderLine.returned_quantity) + c.item.quantity
        result = tx.exec(
            update(OrderLine)
            .where(col(OrderLine.id) == c.row.line.id, taken <= col(OrderLine.quantity))
            .values(returned_quantity=taken)
        )
        if result.rowcount != 1:
            raise Refusal("nothing_left", 409, title=c.row.line.title, left=0)
        tx.expire(c.row.line)


def _hold_stock(tx: Session, brand: Brand, wanted: Wanted) -> None:
    """An exchange holds its goods from the moment it is asked for; `release` gives them back."""
    if wanted.resolution != Resolution.EXCHANGE_VARIANT:
        return
    lock_products(tx, brand.id or 0, [item.exchange_sku for item in wanted.items])
    for item in wanted.items:
        stock = col(Product.stock)
        result = tx.exec(
            update(Product)
            .where(
                col(Product.brand_id) == brand.id,
                col(Product.sku) == item.exchange_sku,
                stock.is_(None) | (stock >= item.quantity),
            )
            .values(stock=stock - item.quantity)
        )
        if result.rowcount != 1:
            raise Refusal("sold_out", 409)


def _add_items(tx: Session, case: ReturnCase, chosen: Sequence[_Chosen]) -> None:
    for c in chosen:
        tx.add(
            ReturnItem(
                return_id=case.id or 0,
                order_line_id=c.row.line.id or 0,
                quantity=c.item.quantity,
                reason=c.item.reason,
                comment=c.item.comment,
                exchange_sku=c.item.exchange_sku if case.resolution == Resolution.EXCHANGE_VARIANT else "",
            )
        )
    tx.flush()
