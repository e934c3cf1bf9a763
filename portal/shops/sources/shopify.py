"""Orders as Shopify's REST Admin API and its order webhooks write them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from carriers.address import Address
from portal.shops.contract import CANCELLED, Draft, LineDraft, ParcelDraft, RowFault, Unreadable
from portal.shops.reading import (
    Document,
    clean,
    count,
    currency_of,
    day,
    drafts,
    instant,
    keys_of,
    mapping,
    minor,
    objects,
)
from returns.money import Money

_OTHER_THINGS = {
    "fulfillment_order": "a fulfillment order, which is a plan to ship; export the order itself",
    "draft_order": "a draft order; export the order it became",
    "fulfillment_event": "a fulfillment event; export the order itself",
    "fulfillment_service": "a fulfillment service, not an order",
    "fulfillment": "a fulfillment; export the order itself",
    "refund": "a refund; export the order itself",
    "product": "a product; see import-products",
    "customer": "a customer, not an order",
}
_PAID = {"paid", "partially_refunded", "refunded"}
_DEAD_FULFILLMENTS = {"cancelled", "error", "failure"}


class Shopify:
    """Amounts are taken in the shop's currency (`currency`, `shop_money`), never in the shopper's presentment currency:
    lines, discounts, refunds and captures are all given in the former, only some of them in the latter.
    """

    slug = "shopify"
    help = 'Shopify orders (REST): one order, {"order": …}, {"orders": […]}, a list, or one order per line'

    def read(self, body: bytes, zone: ZoneInfo) -> Iterator[Draft | RowFault]:
        """Every order of the file, or why it is not taken over. Shopify's times carry their offset."""
        return drafts(body, _draft)


SOURCE = Shopify()


def _draft(document: Document) -> Draft:
    order = _order_in(document.value)
    currency = currency_of(order.get("currency"))
    lines = _lines(order, currency)
    captured = _captured(order, currency)
    shipping = mapping(order.get("shipping_address"))
    address = shipping or mapping(order.get("billing_address"))
    customer = mapping(order.get("customer"))
    cancelled_at = instant(order["cancelled_at"], "cancelled_at", None) if order.get("cancelled_at") else None
    return Draft(
        line=document.line,
        source_id=clean(order.get("id"), 100),
        number=clean(order.get("name") or order.get("order_number"), 60),
        currency=currency,
        placed_at=instant(order.get("processed_at") or order.get("created_at"), "created_at", None),
        lines=lines,
        parcels=tuple(_parcels(order, lines)),
        email=clean(order.get("email") or order.get("contact_email") or customer.get("email"), 254),
        name=_name(shipping) or _name(customer) or _name(address),
        phone=clean(order.get("phone") or address.get("phone"), 40),
        locale=clean(order.get("customer_locale"), 20),
        ship_to=_address(shipping) if shipping else None,
        postcode=clean(address.get("zip"), 20),
        shipping_minor=_shipping(order, currency),
        tax_minor=minor(order.get("total_tax"), currency, "total_tax", nearest=True),
        tax_included=order.get("taxes_included") is True,
        total_minor=minor(order.get("total_price"), currency, "total_price"),
        captured_minor=captured,
        refunded_minor=min(_refunded(order, currency, captured), captured),
        stage=_stage(order, cancelled_at),
        cancelled_at=cancelled_at,
        payment_hint=_payment(order),
        remarks=tuple(_remarks(order)),
    )


def _remarks(order: Mapping[str, Any]) -> Iterator[str]:
    if order.get("test") is True:
        yield "it is a test order"
    if not objects(order, "line_items"):
        yield "the export holds no line items, so the order page shows none and nothing can be sent back"


def _order_in(value: Any) -> Mapping[str, Any]:
    """The order of a document, out of its wrapper. Raises Unreadable saying what the document is instead."""
    if not isinstance(value, dict):
        raise Unreadable(f"not a Shopify order: {keys_of(value)}")
    for key, words in _OTHER_THINGS.items():
        if len(value) == 1 and isinstance(value.get(key), dict):
            raise Unreadable(f"not an order: {words}")
    order = value.get("order", value)
    if not isinstance(order, dict) or not ("line_items" in order or {"order_number", "total_price"} <= order.keys()):
        raise Unreadable(f"not a Shopify order: {keys_of(value)}, and no line_items")
    if "order_id" in order and "order_number" not in order:
        raise Unreadable("not an order: it belongs to one (order_id); export the order itself")
    if "order_number" not in order and not clean(order.get("name")):
        raise Unreadable("the order has neither name nor order_number")
    if "order_number" not in order and "invoice_sent_at" in order:
        raise Unreadable(f"not an order: {_OTHER_THINGS['draft_order']}")
    return order


def _lines(order: Mapping[str, Any], currency: str) -> tuple[LineDraft, ...]:
    items = objects(order, "line_items")
    gone = _removed_units(order)
    prices = [minor(item.get("price"), currency, f"line item {n}: price") for n, item in enumerate(items, 1)]
    counts = [count(item.get("quantity"), f"line item {n}: quantity") for n, item in enumerate(items, 1)]
    discounts = [_line_discount(item, n, currency) for n, item in enumerate(items, 1)]
    discounts = _with_order_discount(order, prices, counts, discounts, currency)
    taxes = [_taxes(item, f"line item {n}: tax", currency) for n, item in enumerate(items, 1)]
    taxes = _with_order_tax(order, prices, counts, taxes, currency)
    return tuple(
        LineDraft(
            source_id=clean(item.get("id"), 100) or f"position-{n}",
            title=clean(item.get("title") or item.get("name") or item.get("sku")),
            quantity=counts[n],
            unit_price_minor=prices[n],
            sku=clean(item.get("sku"), 100),
            variant=clean(item.get("variant_title"), 200).replace("Default Title", ""),
            discount_minor=discounts[n],
            tax_minor=taxes[n],
            returned_quantity=_returned(item, counts[n], gone),
            grams=_grams(item.get("grams")),
            ships=item.get("requires_shipping") is not False and item.get("gift_card") is not True,
        )
        for n, item in enumerate(items)
    )


def _line_discount(item: Mapping[str, Any], n: int, currency: str) -> int:
    """`discount_allocations` is the whole share; older orders only have the line's own `total_discount`."""
    shares = objects(item, "discount_allocations")
    if shares:
        return sum(minor(a.get("amount"), currency, f"line item {n}: discount") for a in shares)
    return minor(item.get("total_discount"), currency, f"line item {n}: total_discount")


def _with_order_discount(
    order: Mapping[str, Any], prices: list[int], counts: list[int], discounts: list[int], currency: str
) -> list[int]:
    """Discounts of the whole order that no line names are shared out by what the lines cost."""
    named = sum(discounts) + sum(_shipping_discount(line, currency) for line in objects(order, "shipping_lines"))
    missing = minor(order.get("total_discounts"), currency, "total_discounts") - named
    costs = [max(price * units - off, 0) for price, units, off in zip(prices, counts, discounts, strict=True)]
    missing = min(missing, sum(costs))
    if missing <= 0:
        return discounts
    shares = Money(missing, currency).split(costs)
    return [off + share.minor for off, share in zip(discounts, shares, strict=True)]


def _with_order_tax(
    order: Mapping[str, Any], prices: list[int], counts: list[int], taxes: list[int], currency: str
) -> list[int]:
    """Old orders name their tax only in total: then it is shared out by what the lines cost."""
    if any(taxes) or not taxes:
        return taxes
    shipping = sum(_taxes(line, "shipping tax", currency) for line in objects(order, "shipping_lines"))
    whole = minor(order.get("total_tax"), currency, "total_tax", nearest=True) - shipping
    costs = [price * units for price, units in zip(prices, counts, strict=True)]
    return [share.minor for share in Money(whole, currency).split(costs)] if whole > 0 and any(costs) else taxes


def _taxes(item: Mapping[str, Any], what: str, currency: str) -> int:
    return sum(minor(t.get("price"), currency, what, nearest=True) for t in objects(item, "tax_lines"))


def _removed_units(order: Mapping[str, Any]) -> dict[str, int]:
    """Line id -> units already refunded in the shop."""
    gone: dict[str, int] = {}
    for refund in objects(order, "refunds"):
        for item in objects(refund, "refund_line_items"):
            key = clean(item.get("line_item_id"), 100)
            gone[key] = gone.get(key, 0) + count(item.get("quantity"), "refunds: quantity")
    return gone


def _returned(item: Mapping[str, Any], quantity: int, gone: Mapping[str, int]) -> int:
    refunded = gone.get(clean(item.get("id"), 100), 0)
    edited = (
        quantity - count(item["current_quantity"], "current_quantity")
        if item.get("current_quantity") is not None
        else 0
    )
    return min(max(refunded, edited, 0), quantity)


def _shipping(order: Mapping[str, Any], currency: str) -> int:
    total = mapping(mapping(order.get("total_shipping_price_set")).get("shop_money")).get("amount")
    if total is not None:
        return minor(total, currency, "total_shipping_price_set")
    lines = objects(order, "shipping_lines")
    return sum(minor(line.get("price"), currency, "shipping price") for line in lines) - sum(
        _shipping_discount(line, currency) for line in lines
    )


def _shipping_discount(line: Mapping[str, Any], currency: str) -> int:
    if line.get("discounted_price") in (None, ""):
        return 0
    full, paid = (minor(line.get(key), currency, f"shipping {key}") for key in ("price", "discounted_price"))
    return max(full - paid, 0)


def _captured(order: Mapping[str, Any], currency: str) -> int:
    """What was really paid: the successful captures where the export lists them, else by the financial status."""
    status = clean(order.get("financial_status"))
    captures = [
        minor(t.get("amount"), currency, "transactions: amount")
        for t in objects(order, "transactions")
        if t.get("kind") in ("sale", "capture") and t.get("status") == "success" and t.get("currency") == currency
    ]
    if captures and status != "voided":
        return sum(captures)
    total = minor(order.get("total_price"), currency, "total_price")
    if status in _PAID:
        return total
    if status == "partially_paid" and order.get("total_outstanding") is not None:
        return max(total - minor(order["total_outstanding"], currency, "total_outstanding"), 0)
    return 0


def _refunded(order: Mapping[str, Any], currency: str, captured: int) -> int:
    refunds = objects(order, "refunds")
    paid_back = [
        minor(t.get("amount"), currency, "refunds: amount")
        for refund in refunds
        for t in objects(refund, "transactions")
        if t.get("kind") == "refund" and t.get("status") == "success" and t.get("currency", currency) == currency
    ]
    return sum(paid_back) if paid_back else (captured if order.get("financial_status") == "refunded" else 0)


def _stage(order: Mapping[str, Any], cancelled_at: datetime | None) -> str:
    if cancelled_at:
        return CANCELLED
    shipped = {"fulfilled": "shipped", "partial": "partially_shipped", "restocked": CANCELLED}
    found = shipped.get(clean(order.get("fulfillment_status")))
    return found or ("placed" if order.get("financial_status") in (None, "pending", "voided") else "confirmed")


def _parcels(order: Mapping[str, Any], lines: tuple[LineDraft, ...]) -> Iterator[ParcelDraft]:
    """One parcel per tracking number. Shopify does not say what is in which of several: then nothing is."""
    known = {line.source_id for line in lines}
    for fulfillment in objects(order, "fulfillments"):
        if clean(fulfillment.get("status")) in _DEAD_FULFILLMENTS:
            continue
        numbers = _numbers(fulfillment)
        contents = {
            clean(item.get("id"), 100): count(item.get("quantity"), "fulfillments: quantity")
            for item in objects(fulfillment, "line_items")
        }
        for number in numbers:
            yield ParcelDraft(
                number=number,
                carrier=clean(fulfillment.get("tracking_company"), 80),
                source_id=clean(fulfillment.get("id"), 100),
                shipped_on=day(fulfillment.get("created_at"), "fulfillments: created_at"),
                items={key: n for key, n in contents.items() if key in known and n} if len(numbers) == 1 else {},
            )


def _numbers(fulfillment: Mapping[str, Any]) -> list[str]:
    several = fulfillment.get("tracking_numbers")
    numbers = several if isinstance(several, list) and several else [fulfillment.get("tracking_number")]
    return list(dict.fromkeys(filter(None, (clean(number, 60) for number in numbers))))


def _payment(order: Mapping[str, Any]) -> str:
    card = mapping(order.get("payment_details"))
    for transaction in objects(order, "transactions"):
        card = card or mapping(transaction.get("payment_details"))
    company, digits = clean(card.get("credit_card_company"), 40), clean(card.get("credit_card_number"), 40)[-4:]
    if company and digits.isdigit():
        return f"{company} ending {digits}"
    names = order.get("payment_gateway_names")
    return ", ".join(filter(None, (clean(name, 40) for name in names)))[:120] if isinstance(names, list) else ""


def _address(found: Mapping[str, Any]) -> Address:
    return Address(
        name=_name(found),
        lines=tuple(filter(None, (clean(found.get("address1")), clean(found.get("address2"))))),
        city=clean(found.get("city"), 120),
        postcode=clean(found.get("zip"), 20),
        country=clean(found.get("country_code"), 2).upper(),
        region=clean(found.get("province_code") or found.get("province"), 80),
        company=clean(found.get("company")),
        phone=clean(found.get("phone"), 40),
    )


def _name(found: Mapping[str, Any]) -> str:
    whole = clean(found.get("name"))
    return whole or " ".join(filter(None, (clean(found.get("first_name")), clean(found.get("last_name")))))


def _grams(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10_000_000 else None
