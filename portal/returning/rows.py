"""From rows to the values that `returns` judges: lines with their delivery dates, policy, catalogue, money so far."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from portal.tables import (
    Brand,
    Order,
    OrderLine,
    PolicyVersion,
    Product,
    ReturnCase,
    ReturnItem,
    Shipment,
    ShipmentItem,
)
from returns.exchange import Variant
from returns.machine import State
from returns.money import Money
from returns.policy import Ask, BadPolicy, Policy, read_policy
from returns.refund import Earlier, Line

# A case in one of these holds no units and no money of its order any more.
GIVEN_UP = (State.REJECTED, State.CANCELLED, State.EXPIRED)
# What the source id of a line begins with that an exchange has added to the order.
EXCHANGED = "exchange:"
# A label that was not used and a parcel that came back bring nobody anything: the goods went with another.
_NEVER_CAME = frozenset({"cancelled", "returned"})


@dataclass(frozen=True, slots=True)
class LineRow:
    """An order line, when its parcels went and came (None where no parcel says), and what its returns took so far."""

    line: OrderLine
    shipped_on: date | None
    delivered_on: date | None
    earlier: Earlier

    @property
    def left(self) -> int:
        """Units that are in no return yet."""
        return self.line.quantity - self.line.returned_quantity


def load_lines(tx: Session, order: Order) -> list[LineRow]:
    """The order's lines by position. A line in several parcels counts from the last of them.

    Where the shop never said what is in which parcel, every line is in all of them.
    """
    lines = tx.exec(select(OrderLine).where(OrderLine.order_id == order.id).order_by(col(OrderLine.position))).all()
    outbound = Shipment.order_id == order.id, Shipment.direction == "outbound"
    parcels = tx.exec(select(Shipment).where(*outbound)).all()
    inside = select(ShipmentItem.order_line_id, ShipmentItem.shipment_id).where(
        col(ShipmentItem.shipment_id).in_([parcel.id for parcel in parcels])
    )
    packed = set(tx.exec(inside).all())
    came = [parcel for parcel in parcels if parcel.status not in _NEVER_CAME]
    taken = _taken(tx, order)
    rows = []
    for line in lines:
        mine = [parcel for parcel in came if not packed or (line.id, parcel.id) in packed]
        shipped = [s.shipped_on or (s.picked_up_at.date() if s.picked_up_at else None) for s in mine]
        # One parcel still under way keeps the window of the whole line from starting.
        rows.append(LineRow(line, _last(shipped), _last([s.delivered_on for s in mine]), taken[line.id or 0]))
    return rows


def load_policy(tx: Session, brand: Brand) -> tuple[Policy | None, PolicyVersion | None]:
    """The brand's newest policy; no usable one is None, which means that a person decides."""
    newest = select(PolicyVersion).where(PolicyVersion.brand_id == brand.id).order_by(col(PolicyVersion.version).desc())
    row = tx.exec(newest.limit(1)).first()
    if row is None:
        return None, None
    try:
        return read_policy(row.body), row
    except BadPolicy:
        return None, row


def load_swaps(tx: Session, brand: Brand, line: OrderLine, currency: str) -> tuple[Variant | None, list[Product]]:
    """What was bought as a variant of the catalogue (None when it is not in it), and its product's active variants
    that have a price in the order's currency."""
    bought = tx.exec(select(Product).where(Product.brand_id == brand.id, Product.sku == line.sku)).first()
    if bought is None or not bought.group_key:
        return None, []
    group = select(Product).where(
        Product.brand_id == brand.id,
        Product.group_key == bought.group_key,
        Product.currency == currency,
        col(Product.active).is_(True),
    )
    given = Variant(line.sku, bought.variant, bought.group_key, Money(line.unit_price_minor, currency), None)
    return given, list(tx.exec(group.order_by(col(Product.id))).all())


def variant(product: Product) -> Variant:
    """A catalogue row as the value that `returns.exchange` compares."""
    money = Money(product.price_minor, product.currency)
    return Variant(product.sku, product.variant or product.title, product.group_key, money, product.stock)


def swap_name(case: ReturnCase, item: ReturnItem, line: OrderLine) -> str:
    """What goes out instead, as people call it, by the plan that was agreed to; empty where nothing does."""
    names = {plan["facts"].get("ref"): plan["facts"].get("variant") for plan in case.plan.get("lines", [])}
    return (names.get(line.public_id) or item.exchange_sku) if item.exchange_sku else ""


def ask_for(row: LineRow, order: Order, brand: Brand, reason: str, quantity: int, now: datetime) -> Ask:
    """The question that the policy is asked about one line."""
    zone = ZoneInfo(brand.zone)
    return Ask(
        sku=row.line.sku,
        title=row.line.title,
        reason=reason,
        quantity=quantity,
        quantity_left=row.left,
        today=now.astimezone(zone).date(),
        price=Money(row.line.unit_price_minor, order.currency),
        tags=frozenset(row.line.tags),
        category=row.line.category,
        country=str(order.ship_to.get("country", "")),
        ordered_on=order.placed_at.astimezone(zone).date(),
        shipped_on=row.shipped_on,
        delivered_on=row.delivered_on,
    )


def refund_line(row: LineRow, order: Order, reason: str, quantity: int) -> Line:
    """The same line as `returns.refund` reckons with it."""

    def money(minor: int) -> Money:
        return Money(minor, order.currency)

    return Line(
        ref=row.line.public_id,
        title=row.line.title,
        unit_price=money(row.line.unit_price_minor),
        sold=row.line.quantity,
        returning=quantity,
        discount=money(row.line.discount_minor),
        tax=money(row.line.tax_minor),
        tax_included=order.tax_included,
        returned_before=row.line.returned_quantity,
        reason=reason,
        earlier=row.earlier,
    )


def _taken(tx: Session, order: Order) -> Mapping[int, Earlier]:
    """What the order's returns took of each line's discount and tax, by line id, as their plans say."""
    on = col(ReturnCase.id) == col(ReturnItem.return_id)
    mine = ReturnCase.order_id == order.id, col(ReturnCase.status).not_in(GIVEN_UP)
    found = tx.exec(select(ReturnItem, ReturnCase, OrderLine).join(ReturnCase, on).join(OrderLine).where(*mine)).all()
    nothing = Earlier(0, Money(0, order.currency), None if order.tax_included else Money(0, order.currency))
    taken: dict[int, Earlier] = defaultdict(lambda: nothing)
    for item, case, line in found:
        discount, tax = shares_in(case, line)
        so_far = taken[item.order_line_id]
        taken[item.order_line_id] = Earlier(
            so_far.units + item.quantity,
            so_far.discount + Money(discount, order.currency),
            None if so_far.tax is None else so_far.tax + Money(tax, order.currency),
        )
    return taken


def shares_in(case: ReturnCase, line: OrderLine) -> tuple[int, int]:
    """How much of a line's discount, and of its tax on top, goes back with a case, in minor units."""
    mine = [entry for entry in case.plan.get("lines", []) if entry["facts"].get("ref") == line.public_id]
    # An exchange is one entry; what its goods were worth stands in the facts.
    discount = sum(-entry["amount_minor"] for entry in mine if entry["code"] == "discount_share")
    tax = sum(entry["amount_minor"] for entry in mine if entry["code"] == "tax_share")
    facts = [entry["facts"] for entry in mine if entry["code"] == "exchange"]
    return discount + sum(told["discount_minor"] for told in facts), tax + sum(told["tax_minor"] for told in facts)


def spoken_for(tx: Session, order: Order) -> tuple[int, int]:
    """Minor units already given back or promised in open cases, and how much of that is shipping."""
    cases = tx.exec(
        select(ReturnCase).where(ReturnCase.order_id == order.id, col(ReturnCase.status).not_in(GIVEN_UP))
    ).all()
    open_minor = sum(case.refund_minor for case in cases if case.money_state in {"quoted", "due"})
    lines: list[dict[str, Any]] = [line for case in cases for line in case.plan.get("lines", [])]
    shipping = sum(line["amount_minor"] for line in lines if line["code"] == "shipping")
    return order.refunded_minor + open_minor, shipping


def items_of(tx: Session, case: ReturnCase) -> list[tuple[ReturnItem, OrderLine]]:
    """The case's items with their order lines, by line id: one order for every lock that is taken on them."""
    query = (
        select(ReturnItem, OrderLine)
        .join(OrderLine, col(OrderLine.id) == col(ReturnItem.order_line_id))
        .where(ReturnItem.return_id == case.id)
        .order_by(col(ReturnItem.order_line_id))
    )
    return list(tx.exec(query).all())


def _last(days: Sequence[date | None]) -> date | None:
    known = [day for day in days if day is not None]
    return max(known) if known and len(known) == len(days) else None
