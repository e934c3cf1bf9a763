"""What is owed for goods that come back: price, discount share, tax share, shipping and fees, to the cent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from returns.money import Money, total, zero
from returns.policy import Facts
from returns.reasons import REASONS, Fault


class Shipping(StrEnum):
    """When what was paid for the way out is given back with the goods."""

    NEVER = "never"
    NOT_SHOPPERS_FAULT = "not_shoppers_fault"  # at least one returned line has the merchant or carrier at fault
    ALWAYS = "always"


class BadClaim(ValueError):
    """Lines that cannot be refunded as asked: more units than sold, negative amounts, mixed currencies."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What earlier returns of a line took, those that were called off left out. `tax` None: nobody has counted."""

    units: int
    discount: Money
    tax: Money | None


@dataclass(frozen=True, slots=True)
class Line:
    """One order line and how much of it comes back now.

    `unit_price` is what was charged for one before discounts; `discount` and `tax` belong to the whole line (order
    discounts already shared out), both zero or more. `returned_before` counts units of earlier refunds, and `earlier`
    those of them whose shares are known, so that returning one by one gives back the same cents as returning all at
    once.
    """

    ref: str
    title: str
    unit_price: Money
    sold: int
    returning: int
    discount: Money
    tax: Money
    tax_included: bool = True
    returned_before: int = 0
    reason: str = ""
    earlier: Earlier | None = None

    def __post_init__(self) -> None:
        counts = (self.sold, self.returning, self.returned_before)
        if any(type(n) is not int or n < 0 for n in counts) or self.sold < 1:
            raise BadClaim(f"line {self.ref}: quantities must be whole numbers, none below zero")
        if self.returned_before + self.returning > self.sold:
            left = self.sold - self.returned_before
            raise BadClaim(f"line {self.ref}: {self.returning} asked back, {left} left of {self.sold}")
        currency = self.unit_price.currency
        if {self.discount.currency, self.tax.currency} != {currency}:
            raise BadClaim(f"line {self.ref}: price, discount and tax must be in one currency")
        if min(self.unit_price.minor, self.discount.minor, self.tax.minor) < 0:
            raise BadClaim(f"line {self.ref}: price, discount and tax must not be negative")
        if self.discount > self.unit_price.times(self.sold):
            raise BadClaim(f"line {self.ref}: the discount is more than the price")

    @property
    def discount_share(self) -> Money:
        """The part of the discount that falls on the units that come back now."""
        return self._share(self.discount, self.earlier.discount if self.earlier else None)

    @property
    def tax_share(self) -> Money:
        """The same of the tax."""
        return self._share(self.tax, self.earlier.tax if self.earlier else None)

    def worth(self) -> Money:
        """What was paid for the units that come back now: price less discount, plus tax where it came on top."""
        goods = self.unit_price.times(self.returning) - self.discount_share
        return goods if self.tax_included else goods + self.tax_share

    def _share(self, whole: Money, known: Money | None) -> Money:
        """Equal shares. The odd cents of the division go with the units that come back first, one each; those of a
        return that was called off go with the next."""
        each, odd = divmod(whole.minor, self.sold)
        counted = self.earlier.units if self.earlier and known is not None else 0
        odd -= (known.minor if known is not None else 0) - each * counted
        odd -= min(odd, self.returned_before - counted)
        return Money(each * self.returning + min(max(odd, 0), self.returning), whole.currency)


@dataclass(frozen=True, slots=True)
class Fee:
    """Something kept back. `code` picks the words; `amount` is zero or more."""

    code: str
    amount: Money


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One line of the ledger. Negative amounts are kept back. `code` picks the words, `facts` fill them."""

    code: str
    amount: Money
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is shown and what is done: the same lines, which add up to `total`. `tax` is the share contained in it."""

    lines: tuple[PlanLine, ...]
    total: Money
    tax: Money


def plan(
    lines: Sequence[Line],
    *,
    paid: Money,
    refunded: Money,
    shipping_left: Money | None = None,
    shipping: Shipping = Shipping.NOT_SHOPPERS_FAULT,
    fees: Sequence[Fee] = (),
) -> Plan:
    """What goes back to the shopper for `lines`.

    `paid` and `refunded` are the whole order's; `shipping_left` is what was paid for shipping and not given back yet.
    The total is never below zero (fees shrink to fit) and never above paid minus refunded (a line says so).
    BadClaim for lines that cannot be; MoneyError where currencies mix.
    """
    currency = paid.currency
    ledger = [entry for line in lines if line.returning for entry in _goods(line)]
    if shipping_left is not None and shipping_left.minor > 0 and _shipping_is_owed(lines, shipping):
        ledger.append(PlanLine("shipping", shipping_left))
    for fee in fees:
        ledger += _kept_back(fee, total((entry.amount for entry in ledger), currency))
    limit = max(paid - refunded, zero(currency))
    over = total((entry.amount for entry in ledger), currency) - limit
    if over.minor > 0:
        ledger.append(PlanLine("already_refunded" if refunded.minor else "more_than_paid", -over))
    tax = total((line.tax_share for line in lines), currency)
    return Plan(tuple(ledger), total((entry.amount for entry in ledger), currency), tax)


def _goods(line: Line) -> list[PlanLine]:
    """Price, discount share and tax on top of one line; shares of nothing are left out."""
    facts: Facts = {
        "ref": line.ref,
        "title": line.title,
        "quantity": line.returning,
        "unit_price": line.unit_price.plain(),
    }
    entries = [PlanLine("goods", line.unit_price.times(line.returning), facts)]
    discount, tax = line.discount_share, line.tax_share
    if discount.minor:
        entries.append(PlanLine("discount_share", -discount, {"ref": line.ref, "title": line.title}))
    if tax.minor and not line.tax_included:
        entries.append(PlanLine("tax_share", tax, {"ref": line.ref, "title": line.title}))
    return entries


def _shipping_is_owed(lines: Sequence[Line], rule: Shipping) -> bool:
    if rule is not Shipping.NOT_SHOPPERS_FAULT:
        return rule is Shipping.ALWAYS and any(line.returning for line in lines)
    returned = (REASONS.get(line.reason) for line in lines if line.returning)
    return any(reason is not None and reason.fault is not Fault.SHOPPER for reason in returned)


def _kept_back(fee: Fee, so_far: Money) -> list[PlanLine]:
    """A fee can take all of a refund, not more."""
    if fee.amount.minor < 0:
        raise BadClaim(f"fee {fee.code} must not be negative")
    kept = min(fee.amount, so_far)
    return [PlanLine("fee", -kept, {"fee": fee.code})] if kept.minor else []
