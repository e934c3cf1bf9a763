"""Palettes: readable whatever the merchant chooses."""

import itertools
import random
from typing import get_args

import pytest

from portal.theme.colours import contrast
from portal.theme.palette import derive
from portal.theme.tokens import Tokens, Tone

AA_TEXT, AA_UI = 4.5, 3.0
STEPS = [f"{round(i * 51):02x}" for i in range(6)]
_STATUSES = ("ok", "warn", "bad", "info")
_ALL_GROUNDS = ("canvas", "surface", "raised", "sunken", "tint")
# Every pair of colours that portal.css and console.css use, and the ratio of WCAG 2.2 that it must reach.
PAIRS: tuple[tuple[str, str, float], ...] = (
    *((f, g, AA_TEXT) for f in ("ink", "ink-2", "link", *_STATUSES) for g in _ALL_GROUNDS),
    *((f, g, AA_UI) for f in ("primary-edge", "accent-edge", "line-strong") for g in _ALL_GROUNDS),
    *((f, f"{status}-bg", AA_TEXT) for status in _STATUSES for f in (status, "ink")),
    ("on-primary", "primary", AA_TEXT),
    ("on-primary", "primary-hover", AA_TEXT),
    ("on-accent", "accent", AA_TEXT),
    *((f, g, AA_TEXT) for f in ("on-hero", "on-hero-2") for g in ("hero", "hero-2")),
    *(("hero-accent", g, AA_UI) for g in ("hero", "hero-2")),
)


def _unreadable(tokens: Tokens) -> list[tuple[str, str, float]]:
    """The pairs that miss their ratio, each with the one it reaches."""
    colours = derive(tokens)
    scores = ((fore, ground, contrast(colours[fore], colours[ground]), least) for fore, ground, least in PAIRS)
    return [(fore, ground, score) for fore, ground, score, least in scores if score < least]


@pytest.mark.parametrize("tone", get_args(Tone))
def test_every_brand_colour_of_a_6x6x6_cube_gives_readable_pages(tone: Tone) -> None:
    cube = ["#" + "".join(rgb) for rgb in itertools.product(STEPS, repeat=3)]
    accents = random.Random(7).sample(cube, len(cube))
    missed = {
        (primary, accent): faults
        for primary, accent in zip(cube, accents, strict=True)
        if (faults := _unreadable(Tokens(primary=primary, accent=accent, tone=tone)))
    }
    assert missed == {}


def test_the_brand_keeps_its_own_colour_on_its_buttons() -> None:
    assert derive(Tokens(primary="#0f5c55"))["primary"] == "#0f5c55"
    assert derive(Tokens(primary="#ffd400"))["primary"] == "#ffd400"
