"""Money adds up, never floats, never mixes currencies."""

import ast
from pathlib import Path
from typing import Any

import pytest
from babel.core import get_global
from hypothesis import given
from hypothesis import strategies as st

from returns.money import Money, MoneyError, exponent, parse, total, zero

RETURNS = Path(__file__).parents[2] / "returns"
amounts = st.builds(Money, st.integers(-(10**14), 10**14), st.sampled_from(["EUR", "JPY", "KWD", "CLF"]))


@given(amounts, st.lists(st.integers(0, 10**9), min_size=1, max_size=40))
def test_shares_add_up_to_the_whole_and_never_turn_sign(money: Money, weights: list[int]) -> None:
    shares = money.split(weights)
    assert total(shares, money.currency) == money
    assert all(share.minor * money.minor >= 0 for share in shares)


@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**6), min_size=1, max_size=20).filter(sum))
def test_no_share_is_a_minor_unit_away_from_its_due(minor: int, weights: list[int]) -> None:
    for share, weight in zip(Money(minor, "EUR").split(weights), weights, strict=True):
        assert abs(share.minor * sum(weights) - minor * weight) < sum(weights)


def test_the_largest_remainder_gets_the_cent_and_ties_go_to_the_first() -> None:
    assert [m.minor for m in Money(100, "EUR").split([1, 1, 1])] == [34, 33, 33]
    assert [m.minor for m in Money(-100, "EUR").split([1, 1, 1])] == [-34, -33, -33]
    assert [m.minor for m in Money(10, "EUR").split([10, 17, 3])] == [3, 6, 1]
    assert [m.minor for m in Money(5, "EUR").split([0, 0])] == [3, 2]


@pytest.mark.parametrize("weights", [[], [-1, 2], [1.0], [True]])
def test_impossible_weights_are_refused(weights: list[Any]) -> None:
    with pytest.raises(MoneyError):
        Money(1, "EUR").split(weights)


@given(amounts)
def test_decimal_text_and_back_is_the_same_money(money: Money) -> None:
    assert parse(money.plain(), money.currency) == money


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("13.05", "GBP", 1305),
        ("13", "GBP", 1300),
        ("-0.5", "EUR", -50),
        ("+7.10", "EUR", 710),
        ("12.3400000", "EUR", 1234),
        ("1300", "JPY", 1300),
        ("1300.00", "JPY", 1300),
        ("0.5", "KWD", 500),
        ("1.2345", "CLF", 12345),
        (" 4.20 ", "EUR", 420),
    ],
)
def test_decimal_text_is_read_exactly(text: str, currency: str, minor: int) -> None:
    assert parse(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    "text",
    ["", "1,50", "1.234,50", "1e3", "NaN", "inf", ".5", "5.", "£5", "1 000", "٣", "1.005", "9" * 16, "--1", 5, None],
)
def test_text_that_is_no_exact_amount_is_refused(text: Any) -> None:
    with pytest.raises(MoneyError):
        parse(text, "EUR")


def test_rounding_happens_only_when_asked_for_and_halves_go_away_from_zero() -> None:
    assert parse("16.5289", "EUR", nearest=True).minor == 1653
    assert parse("16.525", "EUR", nearest=True).minor == 1653
    assert parse("-16.525", "EUR", nearest=True).minor == -1653
    assert parse("16.5249", "EUR", nearest=True).minor == 1652
    assert parse("99.5", "JPY", nearest=True).minor == 100


@pytest.mark.parametrize("minor", [1.0, True, "1", None])
def test_only_whole_numbers_are_minor_units(minor: Any) -> None:
    with pytest.raises(MoneyError):
        Money(minor, "EUR")


@pytest.mark.parametrize("currency", ["eur", "EURO", "", "XYZ", "XAU", None])
def test_only_iso_codes_are_currencies(currency: Any) -> None:
    with pytest.raises(MoneyError):
        Money(1, currency)


@pytest.mark.parametrize("act", ["__add__", "__sub__", "__lt__", "__le__", "__gt__", "__ge__"])
@pytest.mark.parametrize("other", [Money(1, "USD"), 1, None])
def test_currencies_and_bare_numbers_do_not_mix(act: str, other: object) -> None:
    with pytest.raises(MoneyError):
        getattr(Money(1, "EUR"), act)(other)


@given(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6))
def test_sums_and_order_are_those_of_the_numbers(a: int, b: int) -> None:
    x, y = Money(a, "EUR"), Money(b, "EUR")
    assert (x + y).minor == a + b
    assert (x - y).minor == a - b
    assert (-x).minor == -a
    assert ((x < y), (x <= y), (x > y), (x >= y)) == ((a < b), (a <= b), (a > b), (a >= b))
    assert x.times(3).minor == 3 * a


def test_a_part_is_rounded_to_the_nearest_and_halves_away_from_zero() -> None:
    assert Money(105, "EUR").part(10, 100).minor == 11
    assert Money(-105, "EUR").part(10, 100).minor == -11
    assert Money(104, "EUR").part(10, 100).minor == 10
    with pytest.raises(MoneyError):
        Money(1, "EUR").part(1, 0)
    with pytest.raises(MoneyError):
        Money(1, "EUR").times(1.5)  # type: ignore[arg-type]


def test_every_currency_of_iso_has_its_places_where_babel_agrees_on_the_code() -> None:
    known = {
        code
        for codes in get_global("territory_currencies").values()
        for code, _, to, tender in codes
        if tender and not to
    }
    missing = set()
    for code in known:
        try:
            exponent(code)
        except MoneyError:
            missing.add(code)
    assert missing == set()
    assert [exponent(c) for c in ("JPY", "EUR", "KWD", "CLF", "HUF", "ISK")] == [0, 2, 3, 4, 2, 0]


def test_nothing_sums_to_zero_of_the_currency() -> None:
    assert total([], "JPY") == zero("JPY") == Money(0, "JPY")
    assert str(Money(-1305, "GBP")) == "-13.05 GBP"


@pytest.mark.parametrize("name", ["money", "refund", "exchange", "policy", "rules/window", "rules/quantity"])
def test_no_float_and_no_true_division_where_money_or_days_are_counted(name: str) -> None:
    tree = ast.parse((RETURNS / f"{name}.py").read_text())
    floats = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, float)]
    divisions = [n for n in ast.walk(tree) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Div)]
    names = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id in ("float", "Decimal", "round")]
    assert (floats, divisions, names) == ([], [], [])
