"""Refunds: to the cent, in any order, never more than was paid."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from returns.money import Money, MoneyError, total, zero
from returns.refund import BadClaim, Earlier, Fee, Line, Shipping, plan


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


JACKET = Line("1", "Rime down jacket", eur(12900), sold=3, returning=1, discount=eur(1000), tax=eur(2000))


@st.composite
def lines(draw: st.DrawFn) -> Line:
    sold = draw(st.integers(1, 12))
    price = draw(st.integers(0, 50_000))
    discount = draw(st.integers(0, price * sold))
    tax = draw(st.integers(0, 40_000))
    included = draw(st.booleans())
    return Line("x", "X", eur(price), sold, sold, eur(discount), eur(tax), tax_included=included)


def _paid_for(*them: Line) -> Money:
    return total((line.worth() for line in them), "EUR")


def test_the_ledger_reads_as_the_shopper_sees_it() -> None:
    done = plan([JACKET], paid=eur(37700), refunded=eur(0))
    assert [(line.code, line.amount.minor) for line in done.lines] == [("goods", 12900), ("discount_share", -334)]
    assert (done.total.minor, done.tax.minor) == (12566, 667)
    assert done.lines[0].facts == {"ref": "1", "title": "Rime down jacket", "quantity": 1, "unit_price": "129.00"}


def test_tax_on_top_is_a_line_of_its_own() -> None:
    done = plan([replace(JACKET, tax_included=False)], paid=eur(39700), refunded=eur(0))
    assert [(line.code, line.amount.minor) for line in done.lines][-1] == ("tax_share", 667)
    assert (done.total.minor, done.tax.minor) == (12900 - 334 + 667, 667)


@given(lines(), st.data())
def test_returning_in_any_parts_gives_back_the_same_cents_as_all_at_once(line: Line, data: st.DataObject) -> None:
    paid, refunded, returned = _paid_for(line), zero("EUR"), 0
    while returned < line.sold:
        count = data.draw(st.integers(1, line.sold - returned))
        part = plan([replace(line, returning=count, returned_before=returned)], paid=paid, refunded=refunded)
        assert not any(entry.code in ("already_refunded", "more_than_paid") for entry in part.lines)
        refunded, returned = refunded + part.total, returned + count
    assert refunded == paid == plan([line], paid=paid, refunded=zero("EUR")).total


@given(
    st.lists(lines(), max_size=4),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.none() | st.integers(0, 5000),
    st.sampled_from(list(Shipping)),
    st.lists(st.integers(0, 10**6), max_size=3),
)
def test_the_lines_add_up_and_the_total_is_between_zero_and_what_is_left(
    them: list[Line], paid: int, refunded: int, shipping: int | None, rule: Shipping, fees: list[int]
) -> None:
    done = plan(
        them,
        paid=eur(paid),
        refunded=eur(refunded),
        shipping_left=None if shipping is None else eur(shipping),
        shipping=rule,
        fees=[Fee("restocking", eur(fee)) for fee in fees],
    )
    assert total((line.amount for line in done.lines), "EUR") == done.total
    assert 0 <= done.total.minor <= max(paid - refunded, 0)


@given(lines(), st.data())
def test_returns_that_were_called_off_leave_their_odd_cents_to_the_next(line: Line, data: st.DataObject) -> None:
    taken: list[Line] = []
    while (left := line.sold - sum(part.returning for part in taken)) and len(taken) < 20:
        if data.draw(st.booleans()) and taken:
            taken.remove(data.draw(st.sampled_from(taken)))
            continue
        earlier = Earlier(
            line.sold - left,
            total((part.discount_share for part in taken), "EUR"),
            total((part.tax_share for part in taken), "EUR"),
        )
        asked = data.draw(st.integers(1, left))
        taken.append(replace(line, returning=asked, returned_before=line.sold - left, earlier=earlier))
        assert taken[-1].worth().minor >= 0
    whole = sum(part.returning for part in taken) == line.sold
    assert _paid_for(*taken) == _paid_for(line) if whole else _paid_for(*taken) <= _paid_for(line)


def test_what_was_refunded_before_is_kept_back_and_said() -> None:
    done = plan([replace(JACKET, returning=3)], paid=eur(37700), refunded=eur(30000))
    assert (done.lines[-1].code, done.lines[-1].amount.minor) == ("already_refunded", -30000)
    assert done.total.minor == 7700


def test_more_than_was_paid_is_never_given() -> None:
    done = plan([JACKET], paid=eur(500), refunded=eur(0))
    assert (done.lines[-1].code, done.total.minor) == ("more_than_paid", 500)


def test_an_order_refunded_beyond_what_was_paid_gives_nothing_more() -> None:
    assert plan([JACKET], paid=eur(100), refunded=eur(900)).total.minor == 0


@pytest.mark.parametrize(
    ("reason", "rule", "given_back"),
    [
        ("defective", Shipping.NOT_SHOPPERS_FAULT, True),
        ("damaged_in_transit", Shipping.NOT_SHOPPERS_FAULT, True),
        ("too_small", Shipping.NOT_SHOPPERS_FAULT, False),
        ("never heard of", Shipping.NOT_SHOPPERS_FAULT, False),
        ("too_small", Shipping.ALWAYS, True),
        ("defective", Shipping.NEVER, False),
    ],
)
def test_shipping_goes_back_when_the_shopper_is_not_at_fault(reason: str, rule: Shipping, given_back: bool) -> None:
    line = replace(JACKET, reason=reason)
    done = plan([line], paid=eur(99999), refunded=eur(0), shipping_left=eur(495), shipping=rule)
    assert [entry.amount.minor for entry in done.lines if entry.code == "shipping"] == ([495] if given_back else [])


def test_a_line_of_which_nothing_returns_brings_no_shipping_and_no_entry() -> None:
    idle = replace(JACKET, returning=0, reason="defective")
    for rule in Shipping:
        assert plan([idle], paid=eur(999), refunded=eur(0), shipping_left=eur(495), shipping=rule).lines == ()


def test_a_fee_takes_at_most_everything() -> None:
    done = plan([JACKET], paid=eur(37700), refunded=eur(0), fees=[Fee("restocking", eur(99999)), Fee("label", eur(5))])
    assert [(e.code, e.amount.minor, dict(e.facts)) for e in done.lines[2:]] == [("fee", -12566, {"fee": "restocking"})]
    assert done.total.minor == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"returning": 4},
        {"returned_before": 3},
        {"returning": -1},
        {"returning": True},
        {"returning": 1.0},
        {"sold": 0, "returning": 0},
        {"discount": eur(-1)},
        {"tax": eur(-1)},
        {"unit_price": eur(-1)},
        {"discount": eur(99999)},
        {"tax": Money(1, "USD")},
    ],
)
def test_an_impossible_line_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadClaim):
        replace(JACKET, **changes)


def test_a_negative_fee_and_mixed_currencies_are_refused() -> None:
    with pytest.raises(BadClaim):
        plan([JACKET], paid=eur(37700), refunded=eur(0), fees=[Fee("bonus", eur(-5))])
    with pytest.raises(MoneyError):
        plan([JACKET], paid=Money(37700, "USD"), refunded=Money(0, "USD"))


@pytest.mark.parametrize("currency", ["JPY", "KWD"])
def test_currencies_of_other_places_are_whole_minor_units_too(currency: str) -> None:
    line = Line("1", "X", Money(1000, currency), 3, 1, Money(100, currency), Money(91, currency))
    shares = [replace(line, returned_before=n).worth().minor for n in range(3)]
    assert shares == [966, 967, 967]
