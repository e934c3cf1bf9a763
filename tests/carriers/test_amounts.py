"""Amounts to and from minor units, exact for every currency."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carriers.amounts import to_minor, to_text


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("11.01", "USD", 1101), ("8.2", "USD", 820), ("8.200", "EUR", 820), ("500", "JPY", 500), ("1.234", "KWD", 1234),
     ("-3.10", "USD", -310)],
)  # fmt: skip
def test_amounts_become_minor_units(amount: str, currency: str, minor: int) -> None:
    assert to_minor(amount, currency) == minor


@pytest.mark.parametrize("amount", ["", "1e9", "1e999999999", "NaN", "1.005", "1,50", "١", " 1", "1" * 30])
def test_what_is_no_amount_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match=r"amount|fit"):
        to_minor(amount, "USD")


@given(st.integers(-(10**12), 10**12), st.sampled_from(["USD", "JPY", "KWD"]))
def test_there_and_back(minor: int, currency: str) -> None:
    assert to_minor(to_text(minor, currency), currency) == minor
