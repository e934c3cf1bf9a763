"""Orders in our own JSON shape, for shops that export by a script: strict, so that a typing error is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from carriers.address import Address
from portal.shops.contract import CANCELLED, STAGES, Draft, LineDraft, ParcelDraft, RowFault, Unreadable
from portal.shops.reading import Document, clean, currency_of, day, drafts, instant, minor

Stage = Literal[
    "placed",
    "confirmed",
    "picking",
    "packed",
    "awaiting_carrier",
    "partially_shipped",
    "shipped",
    "completed",
    "cancelled",
]
Text = Annotated[str, BeforeValidator(clean)]
Day = Annotated[date | None, BeforeValidator(lambda value: day(value, "a date"))]
Amount = Any  # read by `minor` once the currency is known


class Shape(BaseModel):
    """Base of the shape: nothing unknown, nothing converted by guessing."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class ShipTo(Shape):
    """Where the goods go. `country` is two letters, `lines` street and house as printed."""

    name: Text = ""
    company: Text = ""
    lines: tuple[Text, ...] = ()
    city: Text = ""
    region: Text = ""
    postcode: Text = ""
    country: Annotated[str, BeforeValidator(lambda v: clean(v, 10).upper()), Field(pattern="^([A-Z]{2})?$")] = ""
    phone: Text = ""


class Line(Shape):
    """One line item. `discount` and `tax` are the whole line's, `returned` counts units already sent back."""

    id: Text = ""
    sku: Text = ""
    title: Text = ""
    variant: Text = ""
    quantity: int = Field(ge=0, le=100_000)
    unit_price: Amount = None
    discount: Amount = None
    tax: Amount = None
    returned: int = Field(0, ge=0)
    grams: int | None = Field(None, ge=0, lt=10_000_000)
    tags: tuple[Text, ...] = Field((), max_length=50)
    category: Text = ""
    picture: Text = ""
    ships: bool = True


class Contents(Shape):
    """Units of one line in a parcel: `line` is the line's id or SKU."""

    line: Text
    quantity: int = Field(ge=1, le=100_000)


class Parcel(Shape):
    """One tracking number. `items` may stay empty when nobody knows what is in it."""

    number: Annotated[Text, Field(min_length=3, max_length=60)]
    carrier: Text = ""
    service: Text = ""
    shipped_on: Day = None
    items: tuple[Contents, ...] = ()


class OrderShape(Shape):
    """One order. Everything but number, placed_at, currency and lines may be left out."""

    id: Text = ""
    number: Annotated[Text, Field(min_length=1, max_length=60)]
    placed_at: Text
    currency: Text
    email: Text = ""
    name: Text = ""
    phone: Text = ""
    locale: Annotated[str, BeforeValidator(lambda v: clean(v, 20))] = ""
    ship_to: ShipTo | None = None
    lines: tuple[Line, ...] = Field(min_length=1)
    shipments: tuple[Parcel, ...] = ()
    tax_included: bool = False
    tax: Amount = None
    shipping: Amount = None
    total: Amount = None
    paid: Amount = None
    refunded: Amount = None
    payment: Annotated[str, BeforeValidator(lambda v: clean(v, 120))] = ""
    stage: Stage | None = None
    cancelled_at: Text = ""
    promised_from: Day = None
    promised_to: Day = None


class OurJson:
    """The shape of docs/import.md."""

    slug = "json"
    help = "orders in our own JSON shape (docs/import.md): one order, a list, or one order per line"

    def read(self, body: bytes, zone: ZoneInfo) -> Iterator[Draft | RowFault]:
        """Every order of the file, or everything that is wrong with it. `zone` reads times without an offset."""

        def read(document: Document) -> Draft:
            value = document.value
            return draft_of(document.line, value.get("order", value) if isinstance(value, dict) else value, zone)

        return drafts(body, read)


SOURCE = OurJson()


def draft_of(line: int, value: Any, zone: ZoneInfo) -> Draft:
    """The order of one object of our shape. Raises Unreadable with every fault at once."""
    if not isinstance(value, dict):
        raise Unreadable("not an order: an order is an object with number, placed_at, currency and lines")
    try:
        shape = OrderShape.model_validate(value)
    except ValidationError as error:
        raise Unreadable("; ".join(_fault(dict(e)) for e in error.errors()[:8])) from None
    return _draft(line, shape, zone)


def _draft(line: int, shape: OrderShape, zone: ZoneInfo) -> Draft:
    currency = currency_of(shape.currency)
    lines = tuple(_line(item, n, currency) for n, item in enumerate(shape.lines, 1))
    shipping = minor(shape.shipping, currency, "shipping")
    tax = sum(item.tax_minor for item in lines) if shape.tax is None else minor(shape.tax, currency, "tax")
    net = sum(item.unit_price_minor * item.quantity - item.discount_minor for item in lines)
    sums_to = net + shipping + (0 if shape.tax_included else tax)
    total = sums_to if shape.total is None else minor(shape.total, currency, "total")
    paid = total if shape.paid is None else minor(shape.paid, currency, "paid")
    cancelled_at = instant(shape.cancelled_at, "cancelled_at", zone) if shape.cancelled_at else None
    placed_at = instant(shape.placed_at, "placed_at", zone)
    stage = CANCELLED if cancelled_at else shape.stage or ("shipped" if shape.shipments else "confirmed")
    return Draft(
        line=line,
        source_id=shape.id or shape.number,
        number=shape.number,
        currency=currency,
        placed_at=placed_at,
        lines=lines,
        parcels=tuple(_parcel(parcel, shape.lines) for parcel in shape.shipments),
        email=shape.email,
        name=shape.name or (shape.ship_to.name if shape.ship_to else ""),
        phone=shape.phone,
        locale=shape.locale,
        ship_to=_address(shape) if shape.ship_to else None,
        postcode=shape.ship_to.postcode if shape.ship_to else "",
        shipping_minor=shipping,
        tax_minor=tax,
        tax_included=shape.tax_included,
        total_minor=total,
        captured_minor=paid,
        refunded_minor=minor(shape.refunded, currency, "refunded"),
        stage=stage,
        cancelled_at=placed_at if stage == CANCELLED and cancelled_at is None else cancelled_at,
        promised_from=shape.promised_from,
        promised_to=shape.promised_to or shape.promised_from,
        payment_hint=shape.payment,
        remarks=(f"its parts sum to {sums_to} and its total is {total} minor units",) if sums_to != total else (),
    )


def _line(item: Line, n: int, currency: str) -> LineDraft:
    return LineDraft(
        source_id=_line_id(item, n),
        title=item.title or item.sku,
        quantity=item.quantity,
        unit_price_minor=minor(item.unit_price, currency, f"lines.{n}.unit_price"),
        sku=item.sku,
        variant=item.variant,
        discount_minor=minor(item.discount, currency, f"lines.{n}.discount"),
        tax_minor=minor(item.tax, currency, f"lines.{n}.tax"),
        returned_quantity=item.returned,
        grams=item.grams,
        tags=item.tags,
        category=item.category,
        picture=item.picture,
        ships=item.ships,
    )


def _line_id(item: Line, n: int) -> str:
    return item.id or f"position-{n}"


def _parcel(parcel: Parcel, lines: tuple[Line, ...]) -> ParcelDraft:
    """Contents name a line by id or SKU. Raises Unreadable for one that is not in the order."""
    items: dict[str, int] = {}
    for content in parcel.items:
        found = [_line_id(line, n) for n, line in enumerate(lines, 1) if content.line in (line.id, line.sku)]
        if not found:
            raise Unreadable(f"shipment {parcel.number}: {content.line!r} is no id or SKU of a line of this order")
        items[found[0]] = items.get(found[0], 0) + content.quantity
    return ParcelDraft(parcel.number, parcel.carrier, parcel.service, shipped_on=parcel.shipped_on, items=items)


def _address(shape: OrderShape) -> Address:
    to = shape.ship_to or ShipTo()
    return Address(
        name=to.name or shape.name,
        lines=to.lines,
        city=to.city,
        postcode=to.postcode,
        country=to.country,
        region=to.region,
        company=to.company,
        phone=to.phone,
    )


def _fault(error: dict[str, Any]) -> str:
    """pydantic's finding in our words, with list positions counted from 1."""
    place = ".".join(str(part + 1) if isinstance(part, int) else str(part) for part in error["loc"])
    words = {
        "missing": "is missing",
        "extra_forbidden": "is not a field of this shape; see docs/import.md",
        "string_pattern_mismatch": "must be two letters such as GB",
    }
    message = str(error["msg"]).removeprefix("Value error, ")
    if place == "stage":
        message = f"must be one of {', '.join((*STAGES, CANCELLED))}"
    return f"{place} {words.get(str(error['type']), message[:1].lower() + message[1:])}"
