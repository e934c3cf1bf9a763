"""Colours: to OKLCH and back, and the contrast of WCAG."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.theme.colours import contrast, from_oklch, to_oklch


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#123456", "#123456") == 1


@given(st.integers(0, 0xFFFFFF))
def test_a_colour_survives_the_way_to_oklch_and_back(value: int) -> None:
    colour = f"#{value:06x}"
    back = from_oklch(*to_oklch(colour))
    assert all(abs(int(back[i : i + 2], 16) - int(colour[i : i + 2], 16)) <= 1 for i in (1, 3, 5))
