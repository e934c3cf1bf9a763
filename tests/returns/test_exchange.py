"""Swaps: what may be had, and nothing gained or lost on the way."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from returns.exchange import Basis, NoExchange, Variant, choices, credit, swap
from returns.money import Money


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


M = Variant("RIME-M", "Size M", "RIME", eur(12900), 5)
L = Variant("RIME-L", "Size L", "RIME", eur(12900), 2)
XL = Variant("RIME-XL", "Size XL", "RIME", eur(13900), 0)
US = Variant("RIME-US", "Size L", "RIME", Money(15000, "USD"), 9)
MUG = Variant("MUG", "Mug", "MUG", eur(1300), 9)


def test_variants_of_the_same_product_are_offered_with_the_reason_where_they_cannot_be_had() -> None:
    offered = choices(M, [M, L, XL, US, MUG])
    assert [(c.variant.sku, c.code) for c in offered] == [
        ("RIME-M", "same_item"),
        ("RIME-L", "ok"),
        ("RIME-XL", "sold_out"),
        ("RIME-US", "other_currency"),
    ]
    assert [c.is_possible for c in offered] == [False, True, False, False]


def test_stock_must_cover_the_quantity_and_none_means_endless() -> None:
    assert choices(M, [L], quantity=3)[0].code == "sold_out"
    assert choices(M, [Variant("RIME-S", "Size S", "RIME", eur(1))], quantity=999)[0].code == "ok"


@pytest.mark.parametrize(
    ("price", "worth", "basis", "pays", "gets"),
    [
        (12900, 12900, Basis.LIST, 0, 0),
        (12900, 11000, Basis.LIST, 0, 0),
        (12900, 11000, Basis.PAID, 1900, 0),
        (13900, 11000, Basis.LIST, 1000, 0),
        (9900, 12900, Basis.LIST, 0, 3000),
        (9900, 12900, Basis.PAID, 0, 3000),
        (9900, 1000, Basis.LIST, 0, 1000),
    ],
)
def test_the_difference_goes_either_way_and_a_discount_given_stays_given(
    price: int, worth: int, basis: Basis, pays: int, gets: int
) -> None:
    wanted = Variant("RIME-L", "Size L", "RIME", eur(price), 2)
    done = swap(M, wanted, quantity=1, worth=eur(worth), basis=basis)
    assert (done.shopper_pays.minor, done.shopper_gets.minor) == (pays, gets)


def test_an_even_exchange_forgives_the_difference() -> None:
    done = swap(M, Variant("RIME-L", "L", "RIME", eur(99900)), quantity=1, worth=eur(12900), even=True)
    assert (done.shopper_pays.minor, done.shopper_gets.minor) == (0, 0)


amounts = st.integers(0, 10**6)


@given(amounts, amounts, amounts, st.integers(1, 9), st.sampled_from(list(Basis)), st.booleans())
def test_money_over_an_exchange_sums_to_zero(
    before: int, after: int, worth: int, quantity: int, basis: Basis, even: bool
) -> None:
    given_, wanted = Variant("A", "A", "G", eur(before)), Variant("B", "B", "G", eur(after))
    done = swap(given_, wanted, quantity=quantity, worth=eur(worth), basis=basis, even=even)
    base = before * quantity if basis is Basis.LIST else worth
    difference = 0 if even else after * quantity - base
    assert done.value.minor == max(worth + difference, 0)
    assert worth + done.shopper_pays.minor - done.value.minor - done.shopper_gets.minor == 0
    assert 0 <= done.shopper_gets.minor <= worth
    assert done.shopper_pays.minor * done.shopper_gets.minor == 0


@pytest.mark.parametrize(
    ("wanted", "quantity", "code"),
    [
        (M, 1, "same_item"),
        (XL, 1, "sold_out"),
        (L, 3, "sold_out"),
        (US, 1, "other_currency"),
        (MUG, 1, "other_product"),
        (L, 0, "quantity"),
        (L, -1, "quantity"),
        (L, True, "quantity"),
    ],
)
def test_what_cannot_be_had_is_refused_with_its_code(wanted: Variant, quantity: int, code: str) -> None:
    with pytest.raises(NoExchange) as caught:
        swap(M, wanted, quantity=quantity, worth=eur(12900))
    assert caught.value.code == code


def test_store_credit_adds_its_bonus() -> None:
    done = credit(eur(1305), 10)
    assert (done.bonus.minor, done.total.minor) == (131, 1436)
    assert credit(eur(1305)).total.minor == 1305


@pytest.mark.parametrize("percent", [-1, 101, 2.5, True])
def test_a_bonus_that_is_no_percentage_is_refused(percent: Any) -> None:
    with pytest.raises(ValueError, match="percentage"):
        credit(eur(100), percent)
