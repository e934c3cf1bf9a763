"""The workspace of one order: everything about it on one page, and the panel of what the agent is about to do."""

from typing import Any

from sqlalchemy import func
from sqlmodel import col, select

from carriers.registry import all_carriers
from carriers.status import FINAL
from portal.refusal import Refusal
from portal.returning import start
from portal.returning.rows import spoken_for
from portal.tables import Brand, Connection, Customer, Order, OrderLine, Product, ReturnCase, Shipment, ShipmentItem
from portal.web.console.byhand import event_panel
from portal.web.console.cases import case_view, cases_of, ledger
from portal.web.console.fields import new_key, typed_amount
from portal.web.console.opinions import opinion_lines, opinions_of, verdict_of
from portal.web.console.queue import TROUBLED, carrier_name, parcel_reason, sub_status_words
from portal.web.console.show import Phrase, Show, phrase, show_for
from portal.web.console.timeline import timeline
from portal.web.console.wanted import Wish, wanted_of
from portal.web.console.words import DELAYS, FAULTS, REASONS, REFUSED, RESOLUTIONS, STATUSES, UNAVAILABLE
from portal.web.edge import Ask
from returns.money import MoneyError

PANELS = ("exchange", "return", "refund", "event")
MAX_QUANTITY = 50
OTHER_ORDERS = 8


def workspace(ask: Ask, order: Order) -> dict[str, Any]:
    """The values of console/order.html, but for the frame."""
    brand = ask.app.brands.get(order.brand_id)
    show = show_for(ask, brand)
    path = f"/console/orders/{order.public_id}"
    cases = [case_view(ask, show, order, case) for case in cases_of(ask, show, order)]
    offer = start.offer(ask.tx, brand, order, ask.now)
    doing = ask.query.get("do", "")
    parcels = _parcels(ask, show, order)
    return {
        "order": {**_head(ask, show, brand, order, path), "worst": _worst(parcels)},
        "panel": doing if doing in PANELS else "",
        "exchange": _exchange(ask, show, brand, order, offer) if doing == "exchange" else None,
        "returning": _returning(ask, show, brand, order, offer) if doing == "return" else None,
        "goodwill": _goodwill(ask, show, order) if doing == "refund" else None,
        "event": event_panel(ask, show, order) if doing == "event" else None,
        "actions": _actions(path, doing, offer),
        "open_cases": [case for case in cases if not case["is_closed"]],
        "closed_cases": [case for case in cases if case["is_closed"]],
        "parcels": parcels,
        "lines": [_line(show, order, line) for line in offer.lines],
        "unsent": _unsent(ask, show, order, offer),
        "money": money_of(ask, show, order),
        "shopper": _shopper(ask, show, order),
        "history": _history(ask, show, order),
        "timeline": timeline(ask, show, order, path),
        "note_key": new_key(),
    }


def _head(ask: Ask, show: Show, brand: Brand, order: Order, path: str) -> dict[str, Any]:
    stages = {
        "placed": "Placed",
        "confirmed": "Confirmed",
        "picking": "Being picked",
        "packed": "Packed",
        "awaiting_carrier": "Waits for the carrier",
        "partially_shipped": "Partly shipped",
        "shipped": "Shipped",
        "completed": "Completed",
        "cancelled": "Cancelled",
    }
    return {
        "number": order.number,
        "path": path,
        "brand": brand.name,
        "stage": phrase(stages, order.stage),
        "placed": show.moment(order.placed_at),
        "promise": show.span(order.promised_from, order.promised_to),
        "total": show.money(order.total_minor, order.currency),
    }


def _worst(parcels: list[dict[str, Any]]) -> dict[str, str] | None:
    """The chip beside the order's number: the worst that any of its parcels has, None when all goes well."""
    chips = [chip for p in parcels if not p["is_return"] for chip in (p["delay"], p["state"]) if chip]
    return next((chip for tone in ("bad", "warn") for chip in chips if chip["tone"] == tone), None)


def _actions(path: str, doing: str, offer: start.Offer) -> list[dict[str, Any]]:
    """The buttons of the top bar, each with the key that presses it. `why_not` is empty when it can be done."""
    left = any(line.left for line in offer.lines)
    swaps = any(line.left and _others(line) for line in offer.lines)
    nothing = "" if left else "Everything is in a return already"
    rows = (
        ("exchange", "Exchange", "x", "swap", "" if swaps else nothing or "No other variants"),
        ("return", "Return", "t", "box", nothing),
        ("refund", "Goodwill", "r", "money", ""),
    )
    return [
        {
            "path": f"{path}?do={key}#panel",
            "words": words,
            "key": letter,
            "icon": icon,
            "here": key == doing,
            "why_not": why,
        }
        for key, words, letter, icon, why in rows
    ]


def _others(line: start.OfferLine) -> list[Product]:
    return [product for product in line.swaps if product.sku != line.line.sku]


def _line(show: Show, order: Order, line: start.OfferLine) -> dict[str, Any]:
    return {
        "title": line.line.title,
        "variant": line.line.variant,
        "sku": line.line.sku,
        "quantity": line.line.quantity,
        "left": line.left,
        "price": show.money(line.line.unit_price_minor * line.line.quantity, order.currency),
        "verdict": verdict_of(line.verdict),
        "if_faulty": line.verdict_if_faulty == "allow" and line.verdict != "allow",
        "opinions": opinion_lines(show, line.opinions, order.currency),
    }


def _unsent(ask: Ask, show: Show, order: Order, offer: start.Offer) -> list[dict[str, Any]]:
    """Lines with nothing to send back: gift cards, services."""
    offered = {line.line.id for line in offer.lines}
    lines = ask.tx.exec(select(OrderLine).where(OrderLine.order_id == order.id).order_by(col(OrderLine.position))).all()
    return [
        {
            "title": line.title,
            "variant": line.variant,
            "quantity": line.quantity,
            "price": show.money(line.unit_price_minor * line.quantity, order.currency),
        }
        for line in lines
        if line.id not in offered
    ]


def money_of(ask: Ask, show: Show, order: Order) -> dict[str, Any]:
    """Paid, refunded, promised in open returns, and what is left to give."""
    gone, _ = spoken_for(ask.tx, order)
    promised = gone - order.refunded_minor
    left = max(order.captured_minor - gone, 0)
    return {
        "paid": show.money(order.captured_minor, order.currency),
        "refunded": show.money(-order.refunded_minor if order.refunded_minor else 0, order.currency),
        "promised": show.money(-promised, order.currency) if promised > 0 else "",
        "left": show.money(left, order.currency),
        "left_minor": left,
        "hint": order.payment_hint,
        "unpaid": show.money(order.total_minor - order.captured_minor, order.currency)
        if order.captured_minor < order.total_minor
        else "",
    }


def _parcels(ask: Ask, show: Show, order: Order) -> list[dict[str, Any]]:
    parcels = ask.tx.exec(select(Shipment).where(Shipment.order_id == order.id).order_by(col(Shipment.id))).all()
    inside = (
        select(ShipmentItem.shipment_id, OrderLine.title, ShipmentItem.quantity)
        .join(OrderLine, col(OrderLine.id) == col(ShipmentItem.order_line_id))
        .where(OrderLine.order_id == order.id)
        .order_by(col(OrderLine.position), col(OrderLine.id))
    )
    items: dict[int | None, list[dict[str, Any]]] = {}
    for shipment_id, title, quantity in ask.tx.exec(inside).all():
        items.setdefault(shipment_id, []).append({"title": title, "quantity": quantity})
    states = {row.id: row for row in ask.tx.exec(select(Connection)).all()}
    return [_parcel(show, order, p, items.get(p.id, []), states.get(p.connection_id)) for p in parcels]


def _parcel(
    show: Show, order: Order, parcel: Shipment, items: list[dict[str, Any]], connection: Connection | None
) -> dict[str, Any]:
    words, tone, icon = STATUSES.get(parcel.status, (parcel.status, "", "info"))
    late = DELAYS.get(parcel.delay) if parcel.status not in FINAL else None
    expected, detail = show.span(parcel.window_from, parcel.window_to), sub_status_words(parcel)
    return {
        "carrier": carrier_name(parcel.carrier),
        "number": parcel.number,
        "service": parcel.service,
        "is_return": parcel.direction == "return",
        "state": {"words": words, "tone": tone, "icon": icon},
        "detail": Phrase(detail, {}) if detail else None,
        "delay": {"words": late[0], "tone": late[1], "icon": late[2]} if late else None,
        "reason": parcel_reason(show, parcel) if late or parcel.status in TROUBLED else None,
        "expected": "" if parcel.status in FINAL else expected,
        "promised": show.span(parcel.promised_from, parcel.promised_to),
        "why": _window_why(parcel),
        "delivered": show.moment(parcel.delivered_at),
        "delivered_on": show.day(parcel.delivered_on),
        "heard": show.ago(parcel.heard_at),
        "next": show.moment(parcel.next_at),
        "is_due": parcel.next_at is not None and parcel.next_at <= show.now,
        "error": parcel.error,
        "inside": items,
        "page": _carrier_page(parcel),
        "event_path": f"/console/orders/{order.public_id}?do=event&parcel={parcel.public_id}#panel",
        "poll_path": f"/console/orders/{order.public_id}/parcels/{parcel.public_id}/poll" if connection else "",
    }


def _window_why(parcel: Shipment) -> Phrase | None:
    why = str((parcel.story.get("window") or {}).get("why", ""))
    words = {
        "carrier": "says the carrier",
        "promise": "as promised at purchase",
        "transit": "by this carrier's usual transit time",
    }.get(why)
    return Phrase(words, {}) if words else None


def _carrier_page(parcel: Shipment) -> str:
    """The carrier's own page about this number; only https, only from the adapter's template, only plain numbers."""
    carrier = all_carriers().get(parcel.carrier)
    if carrier is None or not carrier.about.tracking_page.startswith("https://") or not parcel.number.isalnum():
        return ""
    return carrier.about.tracking_page.replace("{number}", parcel.number)


def _shopper(ask: Ask, show: Show, order: Order) -> dict[str, Any]:
    customer = ask.tx.get(Customer, order.customer_id) if order.customer_id else None
    address = order.ship_to
    town = " ".join(_texts([address.get("postcode"), address.get("city")]))
    lines = [*_texts(address.get("lines")), town, *_texts([address.get("region"), address.get("country")])]
    return {
        "name": str(address.get("name") or (customer.name if customer else "") or order.email),
        "email": order.email,
        "phone": str(address.get("phone") or (customer.phone if customer else "")),
        "address": [line for line in lines if line],
        "locale": order.locale or (customer.locale if customer else ""),
    }


def _texts(values: Any) -> list[str]:
    return [str(value) for value in values if value] if isinstance(values, list) else []


def _history(ask: Ask, show: Show, order: Order) -> dict[str, Any]:
    """The shopper's other orders at this brand, newest first, and how many returns there were."""
    if not order.email:
        return {"orders": [], "count": 0, "returns": 0}
    mine = Order.brand_id == order.brand_id, Order.email == order.email
    others = select(Order).where(*mine, Order.id != order.id).order_by(col(Order.placed_at).desc()).limit(OTHER_ORDERS)
    count = ask.tx.exec(select(func.count()).select_from(Order).where(*mine)).one()
    joined = select(func.count()).select_from(ReturnCase).join(Order, col(Order.id) == col(ReturnCase.order_id))
    return {
        "orders": [
            {
                "number": row.number,
                "path": f"/console/orders/{row.public_id}",
                "day": show.day(row.placed_at.astimezone(show.zone).date()),
                "total": show.money(row.total_minor, row.currency),
            }
            for row in ask.tx.exec(others).all()
        ],
        "count": int(count),
        "returns": int(ask.tx.exec(joined.where(*mine)).one()),
    }


def _exchange(ask: Ask, show: Show, brand: Brand, order: Order, offer: start.Offer) -> dict[str, Any]:
    """One form per line that has other variants; every variant is a button with the difference in it."""
    forms = [
        {
            "id": line.line.public_id,
            "title": line.line.title,
            "variant": line.line.variant,
            "quantities": list(range(1, min(line.left, MAX_QUANTITY) + 1)),
            "verdict": verdict_of(line.verdict),
            "opinions": opinion_lines(show, line.opinions, order.currency),
            "swaps": [_swap(ask, show, brand, order, line, product) for product in _others(line)],
        }
        for line in offer.lines
        if line.left and _others(line)
    ]
    return {"forms": forms, "reasons": reasons(), "key": new_key()}


def _swap(ask: Ask, show: Show, brand: Brand, order: Order, line: start.OfferLine, product: Product) -> dict[str, Any]:
    item = start.WantedItem(line.line.public_id, 1, "other", exchange_sku=product.sku)
    view = {"sku": product.sku, "variant": product.variant or product.title, "difference": None, "why_not": None}
    try:
        quoted = start.quote(ask.tx, brand, order, start.Wanted((item,), "exchange_variant"), ask.now)
    except Refusal as refusal:
        return {**view, "why_not": phrase(UNAVAILABLE, refusal.code)}
    pays, gets = quoted.exchange_difference_minor, quoted.total_minor
    words = "even"
    if pays:
        words = "shopper pays %(amount)s each"
    elif gets:
        words = "shopper gets %(amount)s each"
    return {**view, "difference": Phrase(words, {"amount": show.money(pays or gets, order.currency)})}


def _returning(ask: Ask, show: Show, brand: Brand, order: Order, offer: start.Offer) -> dict[str, Any]:
    """First the choice, then (`?check=1`) the amounts and one button: both from the same query."""
    asked = "check" in ask.query
    wish = wanted_of(ask.query) if asked else Wish()
    quoted, refused = _quoted(ask, brand, order, wish)
    return {
        "lines": [
            {
                **_line(show, order, line),
                "id": line.line.public_id,
                "quantities": list(range(min(line.left, MAX_QUANTITY) + 1)),
                "chosen": wish.quantity(line.line.public_id),
                "reason": wish.reason(line.line.public_id),
            }
            for line in offer.lines
        ],
        "reasons": reasons(),
        "resolutions": [(code, RESOLUTIONS[code]) for code in ("refund_original", "store_credit")],
        "resolution": wish.wanted.resolution,
        "fault": Phrase(FAULTS[wish.fault], {}) if asked and wish.fault else refused,
        "quote": quote_view(show, quoted, wish) if quoted else None,
        "key": new_key(),
    }


def _quoted(ask: Ask, brand: Brand, order: Order, wish: Wish) -> tuple[start.Quote | None, Phrase | None]:
    if wish.fault:
        return None, None
    try:
        return start.quote(ask.tx, brand, order, wish.wanted, ask.now), None
    except Refusal as refusal:
        return None, phrase(REFUSED, refusal.code, refusal.facts)


def quote_view(show: Show, quoted: start.Quote, wish: Wish) -> dict[str, Any]:
    """What would happen, with the hidden fields that ask for just that."""
    return {
        "ledger": ledger(show, quoted.lines, quoted.currency),
        "total": show.money(quoted.total_minor, quoted.currency),
        "verdict": verdict_of(quoted.verdict),
        "is_denied": quoted.verdict == "deny",
        "opinions": opinions_of(show, quoted.opinions, quoted.currency),
        "hidden": wish.fields(),
    }


def _goodwill(ask: Ask, show: Show, order: Order) -> dict[str, Any]:
    """An amount, checked against what is left; then one button with the amount in it."""
    money = money_of(ask, show, order)
    text = ask.query.get("amount", "")[:40]
    minor, fault = goodwill_amount(text, order.currency, money["left_minor"]) if "amount" in ask.query else (0, "")
    return {
        "currency": order.currency,
        "amount": text,
        "fault": Phrase(FAULTS[fault], {}) if fault else None,
        "plain": show.plain(minor, order.currency) if minor else "",
        "shown": show.money(minor, order.currency),
        "after": show.money(money["left_minor"] - minor, order.currency),
        "key": new_key(),
    }


def goodwill_amount(text: str, currency: str, left_minor: int) -> tuple[int, str]:
    """Minor units and an empty fault, or 0 and a key of FAULTS. A comma is taken for a decimal point."""
    try:
        minor = typed_amount(text, currency)
    except MoneyError:
        return 0, "not_an_amount"
    if minor < 1:
        return 0, "not_above_zero"
    return (minor, "") if minor <= left_minor else (0, "too_much")


def reasons() -> list[tuple[str, str]]:
    """Codes with their words, in the order of a select."""
    return list(REASONS.items())
