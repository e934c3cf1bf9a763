"""Finding an order by whatever an agent has in hand: number, e-mail, tracking number, RMA, name."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, or_
from sqlmodel import col, select

from portal.orders import email_key, number_key
from portal.tables import Customer, Order, ReturnCase, Shipment
from portal.web.console.queue import carrier_name
from portal.web.console.scope import seen_by
from portal.web.console.show import Phrase, phrase, show_for
from portal.web.console.words import RETURN_STATES, STATUSES
from portal.web.edge import Ask
from returns.rma import read_rma

SHOWN = 50
# A shorter beginning of a name would list half the shop.
MIN_PREFIX = 2


@dataclass(frozen=True, slots=True)
class Found:
    """`jump` is the one order that the text names exactly, else empty; `rows` are prepared for the list."""

    jump: str
    rows: list[dict[str, Any]]
    is_cut: bool = False


def find(ask: Ask, text: str) -> Found:
    """Exact hits first; beginnings only when nothing is hit exactly. Only the agent's brands, newest order first."""
    if not text:
        return Found("", [])
    hits = [*_by_rma(ask, text), *_by_tracking(ask, text), *_by_order(ask, text)]
    orders = {order.id for order, _, _ in hits}
    if len(orders) == 1:
        order, _, fragment = hits[0]
        return Found(f"/console/orders/{order.public_id}{fragment}", [])
    hits = hits or _by_beginning(ask, text)
    rows: dict[int | None, dict[str, Any]] = {}
    for order, why, _ in hits:
        rows.setdefault(order.id, _row(ask, order, why))
    return Found("", list(rows.values())[:SHOWN], len(rows) > SHOWN)


Hit = tuple[Order, Phrase, str]


def _by_rma(ask: Ask, text: str) -> list[Hit]:
    rma = read_rma(text)
    if rma is None:
        return []
    joined = select(Order, ReturnCase).join(ReturnCase, col(ReturnCase.order_id) == col(Order.id))
    found = ask.tx.exec(joined.where(seen_by(ask.who, Order.brand_id), ReturnCase.rma == rma)).all()
    hits = []
    for order, case in found:
        state = RETURN_STATES.get(case.status, (case.status, "", ""))[0]
        hits.append((order, Phrase("Return %(rma)s: %(state)s", {"rma": case.rma, "state": state}), f"#{case.rma}"))
    return hits


def _by_tracking(ask: Ask, text: str) -> list[Hit]:
    key = number_key(text)
    if not key:
        return []
    joined = select(Order, Shipment).join(Shipment, col(Shipment.order_id) == col(Order.id))
    exact = joined.where(seen_by(ask.who, Order.brand_id), col(Shipment.number_key) == key)
    hits = []
    for order, parcel in ask.tx.exec(exact.order_by(col(Order.placed_at).desc()).limit(SHOWN + 1)).all():
        state = STATUSES.get(parcel.status, (parcel.status, "", ""))[0]
        facts = {"carrier": carrier_name(parcel.carrier), "number": parcel.number, "state": state}
        hits.append((order, Phrase("%(carrier)s %(number)s: %(state)s", facts), "#parcels"))
    return hits


def _by_order(ask: Ask, text: str) -> list[Hit]:
    """Order number or e-mail, in their normal forms."""
    same: list[ColumnElement[bool]] = []
    if number_key(text):
        same.append(col(Order.number_key) == number_key(text))
    if email_key(text):
        same.append(col(Order.email) == email_key(text))
    return _orders(ask, or_(*same)) if same else []


def _by_beginning(ask: Ask, text: str) -> list[Hit]:
    """Beginnings of an order number, an e-mail or any word of the name."""
    if len(text) < MIN_PREFIX:
        return []
    pattern = _escaped(text)
    starts = [col(Order.email).like(f"{_escaped(text.casefold())}%", escape="\\")]
    if number_key(text):
        starts.append(col(Order.number_key).like(f"{_escaped(number_key(text))}%", escape="\\"))
    # SQLite folds case only for ASCII, hence the name as typed, in capitals and with a capital.
    for form in dict.fromkeys((pattern, pattern.casefold(), pattern.upper(), pattern.title())):
        starts += [
            col(Customer.name).ilike(f"{form}%", escape="\\"),
            col(Customer.name).ilike(f"% {form}%", escape="\\"),
        ]
    return _orders(ask, or_(*starts))


def _orders(ask: Ask, condition: ColumnElement[bool]) -> list[Hit]:
    query = select(Order, Customer.name).join(Customer, col(Customer.id) == col(Order.customer_id), isouter=True)
    found = query.where(seen_by(ask.who, Order.brand_id), condition).order_by(col(Order.placed_at).desc())
    return [
        (order, Phrase("%(email)s", {"email": order.email}), "")
        for order, _ in ask.tx.exec(found.limit(SHOWN + 1)).all()
    ]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _row(ask: Ask, order: Order, why: Phrase) -> dict[str, Any]:
    brand = ask.app.brands.get(order.brand_id)
    show = show_for(ask, brand)
    return {
        "number": order.number,
        "path": f"/console/orders/{order.public_id}",
        "who": str(order.ship_to.get("name") or order.email),
        "why": why,
        "brand": brand.name,
        "placed": show.moment(order.placed_at),
        "total": show.money(order.total_minor, order.currency),
        "stage": phrase({}, order.stage),
    }
