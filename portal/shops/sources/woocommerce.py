"""Orders as WooCommerce's REST API v3 and its order webhooks write them."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import orjson

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

_NEVER_PLACED = {"auto-draft", "draft", "checkout-draft", "trash"}
_STAGES = {
    "pending": "placed",
    "on-hold": "placed",
    "processing": "confirmed",
    "partial-shipped": "partially_shipped",
    "shipped": "shipped",
    "completed": "shipped",
    "delivered": "completed",
    "cancelled": CANCELLED,
    "failed": CANCELLED,
}
_TRACKING_KEYS = ("_wc_shipment_tracking_items", "wc_connect_labels")


class WooCommerce:
    """Shops that show prices with tax get them with tax here too: WooCommerce itself always exports the net amounts."""

    slug = "woocommerce"
    help = 'WooCommerce orders (REST v3): one order, a list, one per line, or wrapped in {"data": …}'

    def read(self, body: bytes, zone: ZoneInfo) -> Iterator[Draft | RowFault]:
        """Every order of the file, or why it is not taken over. `zone` reads dates that come without their GMT twin."""
        return drafts(body, lambda document: _draft(document, zone))


SOURCE = WooCommerce()


def _draft(document: Document, zone: ZoneInfo) -> Draft:
    order = _order_in(document.value)
    currency = currency_of(order.get("currency"))
    placed_at = _when(order, "date_created", zone)
    if placed_at is None:
        raise Unreadable("date_created_gmt is missing: the order was never placed")
    gross = order.get("prices_include_tax") is True
    lines = tuple(_lines(order, currency, gross))
    billing, shipping = mapping(order.get("billing")), mapping(order.get("shipping"))
    goes_to = shipping if clean(shipping.get("country")) or clean(shipping.get("address_1")) else billing
    total = minor(order.get("total"), currency, "total", nearest=True)
    captured = total if _is_paid(order, zone) else 0
    shipping_minor = minor(order.get("shipping_total"), currency, "shipping_total", nearest=True)
    if gross:
        shipping_minor += minor(order.get("shipping_tax"), currency, "shipping_tax", nearest=True)
    stage = _stage(order, zone)
    modified = _when(order, "date_modified", zone)
    return Draft(
        line=document.line,
        source_id=clean(order.get("id"), 100),
        number=clean(order.get("number") or order.get("id"), 60),
        currency=currency,
        placed_at=placed_at,
        lines=lines,
        parcels=tuple(_parcels(order)),
        email=clean(billing.get("email") or shipping.get("email"), 254),
        name=_name(goes_to) or _name(billing),
        phone=clean(goes_to.get("phone") or billing.get("phone"), 40),
        ship_to=_address(goes_to) if goes_to else None,
        postcode=clean(goes_to.get("postcode") or billing.get("postcode"), 20),
        shipping_minor=shipping_minor,
        tax_minor=minor(order.get("total_tax"), currency, "total_tax", nearest=True),
        tax_included=gross,
        total_minor=total,
        captured_minor=captured,
        refunded_minor=min(_refunded(order, currency, captured), captured),
        stage=stage,
        cancelled_at=(modified or placed_at) if stage == CANCELLED else None,
        payment_hint=_plain(order.get("payment_method_title"), 120),
        remarks=tuple(_remarks(order)),
    )


def _order_in(value: Any) -> Mapping[str, Any]:
    """The order of a document, out of its wrapper. Raises Unreadable saying what the document is instead."""
    if not isinstance(value, dict):
        raise Unreadable(f"not a WooCommerce order: {keys_of(value)}")
    inner = value.get("data", value) if "line_items" not in value else value
    order = inner if isinstance(inner, dict) else {}
    if {"amount", "refunded_by"} & order.keys() and "currency" not in order:
        raise Unreadable("not an order: a refund of one; export the order itself, which lists its refunds")
    if "delivery_url" in order:
        raise Unreadable("not an order: the definition of a webhook; import what the webhook delivers")
    if "labels" in order or "b64Content" in order:
        raise Unreadable("not an order: a shipping label; export the order itself")
    if not isinstance(order.get("line_items"), list) or "currency" not in order:
        raise Unreadable(f"not a WooCommerce order: {keys_of(value)}, and no line_items")
    status = clean(order.get("status"), 40).removeprefix("wc-")
    if status in _NEVER_PLACED:
        raise Unreadable(f"its status is {status}: it is not placed yet")
    return order


def _lines(order: Mapping[str, Any], currency: str, gross: bool) -> Iterator[LineDraft]:
    for n, item in enumerate(objects(order, "line_items"), 1):
        yield _line(item, n, currency, gross)
    for n, fee in enumerate(objects(order, "fee_lines"), 1):
        if minor(fee.get("total"), currency, f"fee {n}: total", nearest=True, negative=True) > 0:
            yield _fee(fee, n, currency, gross)


def _line(item: Mapping[str, Any], n: int, currency: str, gross: bool) -> LineDraft:
    """`subtotal` is before discount, `total` after, both without tax and often to six places."""
    what = f"line item {n}"
    full = minor(item.get("subtotal", item.get("total")), currency, f"{what}: subtotal", nearest=True)
    paid = minor(item.get("total"), currency, f"{what}: total", nearest=True)
    full_tax = minor(item.get("subtotal_tax"), currency, f"{what}: subtotal_tax", nearest=True)
    tax = minor(item.get("total_tax"), currency, f"{what}: total_tax", nearest=True)
    if gross:
        full, paid = full + full_tax, paid + tax
    units, measure = _units(item.get("quantity"), what)
    # 10.00 for three is 3.34 each: the odd cents go into the discount, so that the line still costs what it cost.
    unit = -(-max(full, paid) // units) if units else 0
    return LineDraft(
        source_id=clean(item.get("id"), 100) or f"position-{n}",
        title=_plain(item.get("parent_name") or item.get("name")) or clean(item.get("sku")),
        quantity=units,
        unit_price_minor=unit,
        sku=clean(item.get("sku"), 100),
        variant=", ".join(filter(None, (measure, _variant(item)))),
        discount_minor=unit * units - paid if units else 0,
        tax_minor=tax,
    )


def _fee(fee: Mapping[str, Any], n: int, currency: str, gross: bool) -> LineDraft:
    """A surcharge is a line that nobody can send back."""
    tax = minor(fee.get("total_tax"), currency, f"fee {n}: tax", nearest=True, negative=True)
    amount = minor(fee.get("total"), currency, f"fee {n}: total", nearest=True) + (tax if gross else 0)
    return LineDraft(
        source_id=f"fee-{clean(fee.get('id'), 90) or n}",
        title=_plain(fee.get("name")) or "Fee",
        quantity=1,
        unit_price_minor=amount,
        tax_minor=max(tax, 0),
        ships=False,
    )


def _units(value: Any, what: str) -> tuple[int, str]:
    """Whole units; goods sold by measure (1.5 m) are one piece of that measure."""
    try:
        number = Decimal(str(value)) if not isinstance(value, bool) and value is not None else Decimal(1)
    except InvalidOperation:
        raise Unreadable(f"{what}: quantity is {clean(value, 30)!r}, not a number") from None
    if number.is_finite() and 0 < number < 100_000 and number != number.to_integral_value():
        return 1, f"{format(number.normalize(), 'f')} ×"
    return count(number if number.is_finite() else None, f"{what}: quantity"), ""


def _variant(item: Mapping[str, Any]) -> str:
    """The chosen attributes, "Blue, M": WooCommerce keeps them as meta data whose keys show no leading underscore."""
    if not item.get("variation_id"):
        return ""
    shown = [m for m in objects(item, "meta_data") if not clean(m.get("key")).startswith("_")]
    texts = (_plain(m.get("display_value") or m.get("value"), 60) for m in shown)
    return ", ".join(text for text in texts if text)[:200]


def _stage(order: Mapping[str, Any], zone: ZoneInfo) -> str:
    status = clean(order.get("status"), 40).removeprefix("wc-")
    if status == "refunded":
        return "shipped" if _when(order, "date_completed", zone) else CANCELLED
    return _STAGES.get(status) or ("confirmed" if _is_paid(order, zone) else "placed")


def _is_paid(order: Mapping[str, Any], zone: ZoneInfo) -> bool:
    """Paid on a date, or finished: an order on account is completed when its money has come."""
    status = clean(order.get("status"), 40).removeprefix("wc-")
    return _when(order, "date_paid", zone) is not None or status in ("completed", "refunded")


def _refunded(order: Mapping[str, Any], currency: str, captured: int) -> int:
    refunds = [
        abs(minor(refund.get("total"), currency, "refunds: total", nearest=True, negative=True))
        for refund in objects(order, "refunds")
    ]
    return sum(refunds) if refunds else (captured if order.get("status") == "refunded" else 0)


def _when(order: Mapping[str, Any], key: str, zone: ZoneInfo) -> datetime | None:
    """`<key>_gmt` is UTC although it does not say so; the bare key is the shop's own wall clock."""
    if order.get(f"{key}_gmt"):
        return instant(order[f"{key}_gmt"], f"{key}_gmt", ZoneInfo("UTC"))
    return instant(order[key], key, zone) if order.get(key) else None


def _parcels(order: Mapping[str, Any]) -> Iterator[ParcelDraft]:
    """From the tracking plugins' meta data. What lies in which parcel they do not say."""
    seen: set[str] = set()
    for meta in objects(order, "meta_data"):
        if meta.get("key") not in _TRACKING_KEYS:
            continue
        for item in _tracking_items(meta.get("value")):
            number = clean(item.get("tracking_number") or item.get("tracking"), 60)
            if number and number not in seen:
                seen.add(number)
                yield _parcel(item, number)


def _parcel(item: Mapping[str, Any], number: str) -> ParcelDraft:
    carrier = item.get("tracking_provider") or item.get("custom_tracking_provider") or item.get("carrier_id")
    return ParcelDraft(
        number=number,
        carrier=_plain(carrier, 80),
        service=_plain(item.get("service_name"), 80),
        source_id=clean(item.get("tracking_id") or item.get("label_id"), 100),
        shipped_on=_shipped_on(item.get("date_shipped")),
    )


def _tracking_items(value: Any) -> list[Mapping[str, Any]]:
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return []
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _shipped_on(value: Any) -> date | None:
    """Unix seconds as text, or a date."""
    raw = clean(value, 20)
    if raw.isdigit() and len(raw) in (9, 10):
        return datetime.fromtimestamp(int(raw), UTC).date()
    return day(raw, "date_shipped")


def _remarks(order: Mapping[str, Any]) -> Iterator[str]:
    if not order["line_items"]:
        yield "the export holds no line items, so the order page shows none and nothing can be sent back"
    for item in objects(order, "line_items"):
        quantity = item.get("quantity")
        if isinstance(quantity, Decimal) and quantity != quantity.to_integral_value():
            yield f"{_plain(item.get('name'), 80)!r}: {format(quantity, 'f')} units are kept as one piece"


def _address(found: Mapping[str, Any]) -> Address:
    return Address(
        name=_name(found),
        lines=tuple(filter(None, (_plain(found.get("address_1")), _plain(found.get("address_2"))))),
        city=_plain(found.get("city"), 120),
        postcode=clean(found.get("postcode"), 20),
        country=clean(found.get("country"), 2).upper(),
        region=_plain(found.get("state"), 80),
        company=_plain(found.get("company")),
        phone=clean(found.get("phone"), 40),
    )


def _name(found: Mapping[str, Any]) -> str:
    return " ".join(filter(None, (_plain(found.get("first_name")), _plain(found.get("last_name")))))


def _plain(value: Any, longest: int = 300) -> str:
    """Text that WooCommerce keeps HTML-escaped ("&ndash;"), as people read it."""
    return clean(html.unescape(clean(value, 2 * longest)), longest)
