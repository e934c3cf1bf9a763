"""What an order source is: bytes of an export in, orders as values or named faults out. No database, no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Protocol, runtime_checkable
from zoneinfo import ZoneInfo

from carriers.address import Address

# The order in which an order moves before the carriers take over; `cancelled` stands apart.
STAGES = ("placed", "confirmed", "picking", "packed", "awaiting_carrier", "partially_shipped", "shipped", "completed")
CANCELLED = "cancelled"

MAX_LINES = 1000
MAX_PARCELS = 200
MAX_QUANTITY = 100_000
# Ten million million of a currency with two places: more is a slip of the export, not a sale.
MAX_MINOR = 10**15


class Unreadable(ValueError):
    """One order cannot be taken over. The text is for people: what is wrong, where, and what to do."""


@dataclass(frozen=True, slots=True)
class RowFault:
    """A piece of the file that is not taken over. `line` counts from 1 and is where the piece begins."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class LineDraft:
    """One order line. Amounts in minor units of the order's currency; `discount_minor` and `tax_minor` are the line's
    whole share. `unit_price_minor * quantity - discount_minor` is what the line cost (plus tax where not included).
    """

    source_id: str
    title: str
    quantity: int
    unit_price_minor: int
    sku: str = ""
    variant: str = ""
    discount_minor: int = 0
    tax_minor: int = 0
    returned_quantity: int = 0
    grams: int | None = None
    tags: tuple[str, ...] = ()
    category: str = ""
    picture: str = ""
    ships: bool = True


@dataclass(frozen=True, slots=True)
class ParcelDraft:
    """One tracking number. `carrier` is the shop's own name of it; `items` maps a line's `source_id` to units and is
    empty where the shop does not say what is in which parcel.
    """

    number: str
    carrier: str = ""
    service: str = ""
    source_id: str = ""
    shipped_on: date | None = None
    items: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """One order as the shop tells it, complete and checked, before it meets the database.

    Times are aware UTC, amounts whole minor units of `currency`, `line` is where it begins in its file. `remarks` are
    things worth saying although the order is taken over.
    """

    line: int
    source_id: str
    number: str
    currency: str
    placed_at: datetime
    lines: tuple[LineDraft, ...]
    parcels: tuple[ParcelDraft, ...] = ()
    email: str = ""
    name: str = ""
    phone: str = ""
    locale: str = ""
    ship_to: Address | None = None
    postcode: str = ""
    shipping_minor: int = 0
    tax_minor: int = 0
    tax_included: bool = False
    total_minor: int = 0
    captured_minor: int = 0
    refunded_minor: int = 0
    stage: str = "placed"
    cancelled_at: datetime | None = None
    promised_from: date | None = None
    promised_to: date | None = None
    payment_hint: str = ""
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for wrong, reason in self._faults():
            if wrong:
                raise Unreadable(reason)

    def _faults(self) -> Iterator[tuple[bool, str]]:
        yield not self.number, "the order has no number"
        yield not self.source_id, "the order has no id"
        yield len(self.lines) > MAX_LINES, f"more than {MAX_LINES} lines in one order"
        yield len(self.parcels) > MAX_PARCELS, f"more than {MAX_PARCELS} parcels in one order"
        ids = [line.source_id for line in self.lines]
        yield len(set(ids)) < len(ids), "two lines of the order have the same id"
        for n, line in enumerate(self.lines, 1):
            yield not line.title, f"line item {n} has neither title nor SKU"
            yield line.returned_quantity > line.quantity, f"line item {n}: more units returned than bought"
            yield line.unit_price_minor * line.quantity > MAX_MINOR, f"line item {n} costs more than can be stored"
            too_cheap = line.discount_minor > line.unit_price_minor * line.quantity
            yield too_cheap, f"line item {n}: the discount is more than the price"
        yield self.items_minor > MAX_MINOR or self.total_minor > MAX_MINOR, "the order costs more than can be stored"
        yield self.refunded_minor > self.captured_minor, "more was refunded than was paid"

    @property
    def items_minor(self) -> int:
        """Sum of line prices before discounts."""
        return sum(line.unit_price_minor * line.quantity for line in self.lines)

    @property
    def discount_minor(self) -> int:
        """All discounts of the lines, as a positive number."""
        return sum(line.discount_minor for line in self.lines)

    def __repr__(self) -> str:
        return f"Draft({self.number!r}, line {self.line})"  # names and addresses stay out of logs


@runtime_checkable
class Source(Protocol):
    """Every module of portal/shops/sources names one: `SOURCE = Shopify()`."""

    @property
    def slug(self) -> str: ...

    @property
    def help(self) -> str:
        """One sentence: which file this reads and where the shop makes it."""
        ...

    def read(self, body: bytes, zone: ZoneInfo) -> Iterator[Draft | RowFault]:
        """Every order of a file, or why not. `zone` is the brand's, for times without an offset. Never raises."""
        ...


@cache
def all_sources() -> Mapping[str, Source]:
    """slug -> source: every module of portal/shops/sources. One that declares no SOURCE of its name stops the start."""
    from portal.shops import sources

    names = sorted(found.name for found in iter_modules(sources.__path__))
    return MappingProxyType({name: _declared(name) for name in names})


def _declared(name: str) -> Source:
    module = import_module(f"portal.shops.sources.{name}")
    source = getattr(module, "SOURCE", None)
    if not isinstance(source, Source) or source.slug != name:
        raise RuntimeError(f"portal/shops/sources/{name}.py must declare SOURCE, a Source with the slug {name!r}")
    return source
