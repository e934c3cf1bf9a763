"""The eight tokens: what is understood, and what stands in for what is not."""

import pytest

from portal.theme.tokens import Tokens, check_tokens


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
