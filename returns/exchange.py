"""What may be swapped for what, the price difference either way, and store credit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from returns.money import Money, zero


class Basis(StrEnum):
    """What the new price is compared with."""

    LIST = "list"  # the price before discounts: a discount that was given stays given
    PAID = "paid"  # what was paid for the unit


@dataclass(frozen=True, slots=True)
class Variant:
    """Something that can be bought. `group` is its product, `name` says which ("Size L"), `stock` None is endless."""

    sku: str
    name: str
    group: str
    price: Money
    stock: int | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """A variant as offered: `code` is "ok", or why it cannot be had: "same_item", "sold_out", "other_currency"."""

    variant: Variant
    code: str

    @property
    def is_possible(self) -> bool:
        return self.code == "ok"


class NoExchange(ValueError):
    """This swap cannot be. `code` as in Choice, or "other_product"."""

    def __init__(self, code: str) -> None:
        super().__init__(f"no exchange: {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Exchange:
    """`quantity` units for as many of `wanted`. Worth + payment = value + refund, always.

    `worth` is what was paid for the units that come back. At most one of `shopper_pays` and `shopper_gets` is not zero.
    """

    wanted: Variant
    quantity: int
    worth: Money
    shopper_pays: Money
    shopper_gets: Money

    @property
    def value(self) -> Money:
        """What the new goods count for."""
        return self.worth + self.shopper_pays - self.shopper_gets


@dataclass(frozen=True, slots=True)
class Credit:
    """Store credit: the refund, and what the shop adds for taking it this way."""

    refund: Money
    bonus: Money

    @property
    def total(self) -> Money:
        return self.refund + self.bonus


def choices(given: Variant, catalogue: Iterable[Variant], quantity: int = 1) -> tuple[Choice, ...]:
    """The variants of the same product in the catalogue's order, each with whether it can be had and why not."""
    return tuple(Choice(v, _code(given, v, quantity)) for v in catalogue if v.group == given.group)


def _code(given: Variant, wanted: Variant, quantity: int) -> str:
    if wanted.sku == given.sku:
        return "same_item"
    if wanted.price.currency != given.price.currency:
        return "other_currency"
    return "sold_out" if wanted.stock is not None and wanted.stock < quantity else "ok"


def swap(
    given: Variant, wanted: Variant, *, quantity: int, worth: Money, basis: Basis = Basis.LIST, even: bool = False
) -> Exchange:
    """The exchange of `quantity` units that are `worth` this much together (`refund.Line.worth`), or NoExchange.

    `given.price` is the listed price at purchase. `even` forgives any difference. The shopper never gets back more
    than the units were worth.
    """
    if type(quantity) is not int or quantity < 1:
        raise NoExchange("quantity")
    code = "other_product" if wanted.group != given.group else _code(given, wanted, quantity)
    if code != "ok":
        raise NoExchange(code)
    before = given.price.times(quantity) if basis is Basis.LIST else worth
    nothing = zero(worth.currency)
    difference = nothing if even else wanted.price.times(quantity) - before
    gets = min(max(-difference, nothing), max(worth, nothing))
    return Exchange(wanted, quantity, worth, max(difference, nothing), gets)


def credit(refund: Money, bonus_percent: int = 0) -> Credit:
    """Store credit instead of money back; the bonus is rounded to the nearest minor unit."""
    if type(bonus_percent) is not int or not 0 <= bonus_percent <= 100:
        raise ValueError("the bonus must be a whole percentage from 0 to 100")
    return Credit(refund, refund.part(bonus_percent, 100))
