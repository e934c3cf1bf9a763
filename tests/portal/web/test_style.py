"""The style sheet of a brand: nothing in it that was not checked, all of it from our own origin."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.theme.tokens import FONT_PAIRS, Tokens, tokens_of
from portal.web.style import root_block, sheet


@given(
    st.dictionaries(
        st.sampled_from(["logo", "primary", "accent", "font_pair", "radius", "tone", "density", "hero", "x"]),
        st.one_of(st.text(max_size=40), st.integers(), st.none(), st.floats(), st.lists(st.text(max_size=3))),
    )
)
def test_no_stored_theme_breaks_the_style_sheet(theme: dict[str, object]) -> None:
    block = root_block(tokens_of(theme))
    assert block.count("{") == block.count("}")
    assert "</" not in block


@pytest.mark.parametrize("pair", FONT_PAIRS)
def test_fonts_come_from_our_own_origin(pair: str) -> None:
    urls = re.findall(r"url\(([^)]*)\)", root_block(Tokens(font_pair=pair)))
    assert all(url.startswith("/static/") for url in urls)


def test_the_style_sheet_is_named_by_its_content() -> None:
    one, other = sheet({"primary": "#0f5c55"}), sheet({"primary": "#0f5c56"})
    assert one.digest != other.digest
    assert sheet({"primary": "#0F5C55"}) is one
