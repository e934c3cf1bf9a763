"""The eight tokens of a brand's look: what they may be, and what stands in for one that may not."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Literal, get_args

from portal.assets import assets

Tone = Literal["paper", "tint", "night"]
_HEX = re.compile(r"#[0-9a-f]{6}")
_OWN_PATH = re.compile(r"/[A-Za-z0-9_./-]{1,200}")


@dataclass(frozen=True, slots=True)
class FontPair:
    """A heading and a body face that go together. `scale` enlarges heads whose letters are small for their size."""

    head: str
    body: str
    weight: int
    spacing: str
    scale: float
    faces: tuple[tuple[str, str, str], ...]  # family, file in static/fonts, weights


_SANS = "system-ui,-apple-system,'Segoe UI',Roboto,sans-serif"
FONT_PAIRS = {
    "archivo": FontPair(
        f"Archivo,{_SANS}", f"Inter,{_SANS}", 700, "-.015em", 1, (("Archivo", "archivo.woff2", "100 900"),)
    ),
    "cormorant": FontPair(
        "'Cormorant Garamond',Georgia,serif",
        f"Jost,'Century Gothic',{_SANS}",
        500,
        "-.005em",
        1.2,
        (("Cormorant Garamond", "cormorant.woff2", "300 700"), ("Jost", "jost.woff2", "100 900")),
    ),
    "jost": FontPair(f"Jost,{_SANS}", f"Jost,{_SANS}", 600, "-.01em", 1, (("Jost", "jost.woff2", "100 900"),)),
    "system": FontPair(_SANS, _SANS, 650, "-.01em", 1, ()),
}


@dataclass(frozen=True, slots=True)
class Tokens:
    """The eight. `logo` is a drawing of static/logos.svg or a path on our own origin, empty for the name in type.

    `hero` is a picture of static/heroes, a path on our own origin, or empty. Colours are "#rrggbb" in lower case.
    """

    logo: str = ""
    primary: str = "#2f5bd7"
    accent: str = "#0f766e"
    font_pair: str = "system"
    radius: int = 10
    tone: Tone = "paper"
    density: float = 1.0
    hero: str = ""


def check_tokens(theme: Mapping[str, Any]) -> tuple[Tokens, dict[str, str]]:
    """The tokens, and what is wrong with those that were replaced by their default: for saving, refuse if any is.

    Radius (0 to 24 px) and density (0.875 to 1.15) are clamped, which is no fault. Unknown keys are.
    """
    known = {field.name for field in fields(Tokens)}
    faults = {str(key): "is not a token" for key in theme if key not in known}
    values: dict[str, Any] = {}
    for name, value in theme.items():
        if name in known:
            try:
                values[name] = _READ[name](value)
            except (ValueError, TypeError, AttributeError) as error:
                faults[name] = str(error)
    return Tokens(**values), faults


def _colour(value: Any) -> str:
    text = str(value).strip().lower()
    if re.fullmatch(r"#[0-9a-f]{3}", text):
        text = "#" + "".join(c * 2 for c in text[1:])
    if not _HEX.fullmatch(text):
        raise ValueError("must be a colour like #0f5c55")
    return text


def _one_of(choices: Sequence[str]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        name = str(value).split("+")[0]
        if name not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return name

    return read


def _between(low: float, high: float) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        number = float(value)
        if not math.isfinite(number):
            raise ValueError("must be a number")
        return min(high, max(low, number))

    return read


def _picture(folder: str, suffix: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        text = str(value or "").strip()
        name = text.rpartition("/")[2].removeprefix("hero-").removesuffix(suffix)
        if not text or (name.isidentifier() and f"{folder}/{name}{suffix}" in assets()):
            return name
        if not _OWN_PATH.fullmatch(text) or text.startswith("//") or ".." in text:
            raise ValueError("must be a name of ours or a path on this site, like /static/mine.svg")
        return text

    return read


def _logo(value: Any) -> str:
    text = str(value or "").strip()
    if not text or text in logo_names():
        return text
    if not _OWN_PATH.fullmatch(text) or text.startswith("//") or ".." in text:
        raise ValueError("must be a drawing of ours or a path on this site, like /static/mine.svg")
    return text


@lru_cache(1)
def logo_names() -> Mapping[str, str]:
    """The drawn logos, each with its viewBox."""
    return dict(re.findall(r'<symbol id="([a-z]+)" viewBox="([0-9 ]+)"', assets().text("logos.svg")))


_READ: Mapping[str, Callable[[Any], Any]] = {
    "logo": _logo,
    "primary": _colour,
    "accent": _colour,
    "font_pair": _one_of(tuple(FONT_PAIRS)),
    "radius": lambda value: round(_between(0, 24)(value)),
    "tone": _one_of(get_args(Tone)),
    "density": _between(0.875, 1.15),
    "hero": _picture("heroes", ".svg"),
}


def tokens_of(theme: Mapping[str, Any]) -> Tokens:
    """The stored tokens, faults replaced by defaults: a page is shown even under a theme that should not exist."""
    return check_tokens(theme)[0]
