"""Addresses: what is printed on a label is all of it, or nothing is printed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carriers.address import fitted_lines


def test_short_lines_stay_as_they_are() -> None:
    assert fitted_lines(["1 Main Street", "", "Floor 3"], 35, 3) == ["1 Main Street", "Floor 3"]


def test_a_long_line_is_broken_between_words() -> None:
    line = "Care of the workshop behind the second yard"
    assert fitted_lines([line], 35, 3) == ["Care of the workshop behind the", "second yard"]


@pytest.mark.parametrize("lines", [["a b c"] * 4, ["x" * 36], ["word " * 40]])
def test_what_does_not_fit_is_refused_and_never_cut(lines: list[str]) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        fitted_lines(lines, 35, 3)


@given(st.lists(st.text(max_size=40), max_size=4))
def test_no_word_is_lost(lines: list[str]) -> None:
    try:
        fitted = fitted_lines(lines, 35, 3)
    except ValueError:
        return
    assert " ".join(fitted).split() == " ".join(lines).split()
