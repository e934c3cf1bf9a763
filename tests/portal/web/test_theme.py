"""Brand themes: readable whatever the merchant chooses, and nothing in the CSS that was not checked."""

import itertools
import random
import re
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.web.theme import (
    FONT_PAIRS,
    Tokens,
    Tone,
    check_tokens,
    contrast,
    derive,
    from_oklch,
    root_block,
    sheet,
    to_oklch,
    tokens_of,
    unreadable,
)

STEPS = [f"{round(i * 51):02x}" for i in range(6)]


@pytest.mark.parametrize("tone", get_args(Tone))
def test_every_brand_colour_of_a_6x6x6_cube_gives_readable_pages(tone: Tone) -> None:
    cube = ["#" + "".join(rgb) for rgb in itertools.product(STEPS, repeat=3)]
    accents = random.Random(7).sample(cube, len(cube))
    missed = {
        (primary, accent): faults
        for primary, accent in zip(cube, accents, strict=True)
        if (faults := unreadable(Tokens(primary=primary, accent=accent, tone=tone)))
    }
    assert missed == {}


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#123456", "#123456") == 1


@given(st.integers(0, 0xFFFFFF))
def test_a_colour_survives_the_way_to_oklch_and_back(value: int) -> None:
    colour = f"#{value:06x}"
    back = from_oklch(*to_oklch(colour))
    assert all(abs(int(back[i : i + 2], 16) - int(colour[i : i + 2], 16)) <= 1 for i in (1, 3, 5))


def test_the_brand_keeps_its_own_colour_on_its_buttons() -> None:
    assert derive(Tokens(primary="#0f5c55"))["primary"] == "#0f5c55"
    assert derive(Tokens(primary="#ffd400"))["primary"] == "#ffd400"


def test_radius_and_density_are_clamped() -> None:
    tokens, faults = check_tokens({"radius": 99, "density": "0.1"})
    assert (tokens.radius, tokens.density, faults) == (24, 0.875, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("primary", "red"),
        ("primary", "#12345"),
        ("primary", "#fff;}body{display:none"),
        ("font_pair", "comic"),
        ("tone", "neon"),
        ("radius", "wide"),
        ("density", "nan"),
        ("logo", "https://evil.example/x.svg"),
        ("logo", "//evil.example/x.svg"),
        ("hero", "/../x"),
        ("hero", "/a.svg);}*{display:none"),
        ("hero", "javascript:alert(1)"),
        ("colour", "#fff"),
    ],
)
def test_a_bad_token_is_named_and_its_default_serves(name: str, value: str) -> None:
    tokens, faults = check_tokens({name: value})
    assert list(faults) == [name]
    assert tokens == Tokens()


def test_short_hex_and_names_of_ours_are_understood() -> None:
    tokens, faults = check_tokens({"primary": "#ABC", "hero": "hero-outdoor.svg", "logo": "tarnwick"})
    assert faults == {}
    assert (tokens.primary, tokens.hero, tokens.logo) == ("#aabbcc", "outdoor", "tarnwick")


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
