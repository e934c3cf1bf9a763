"""A brand's eight tokens become one block of CSS whose every colour pair is solved for contrast, not hoped for.

Lightness moves in OKLCH, and chroma is shed to stay inside sRGB, until WCAG 2.2's ratios hold on every ground that a
colour can meet. Merchants choose the coat; they cannot choose themselves out of a readable page.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Literal, get_args

from portal.web.assets import assets, content_hash, packed

AA_TEXT, AA_UI = 4.5, 3.0
# Head-room over WCAG's figures, because a solved colour is rounded to eight bits.
SAFE_TEXT, SAFE_UI, SAFE_INK = 4.6, 3.1, 7.0

Tone = Literal["paper", "tint", "night"]
Colours = dict[str, str]
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


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


def _gamma(light: float) -> float:
    return 12.92 * light if light <= 0.0031308 else float(1.055 * light ** (1 / 2.4) - 0.055)


def _channels(colour: str) -> tuple[float, float, float]:
    return int(colour[1:3], 16) / 255, int(colour[3:5], 16) / 255, int(colour[5:7], 16) / 255


def to_oklch(colour: str) -> tuple[float, float, float]:
    """Lightness 0 to 1, chroma, hue in degrees. Matrices: Björn Ottosson, "A perceptual color space", 2020."""
    r, g, b = map(_linear, _channels(colour))
    long = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
    medium = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    short = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    light = 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short
    green_red = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
    blue_yellow = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
    return light, math.hypot(green_red, blue_yellow), math.degrees(math.atan2(blue_yellow, green_red)) % 360


def _to_linear(light: float, chroma: float, hue: float) -> tuple[float, float, float]:
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (light - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _in_srgb(light: float, chroma: float, hue: float) -> bool:
    return all(-1e-4 <= channel <= 1.0001 for channel in _to_linear(light, chroma, hue))


def from_oklch(light: float, chroma: float, hue: float) -> str:
    """The sRGB colour of this lightness and hue, with as much of the chroma as fits."""
    light = min(1.0, max(0.0, light))
    if not _in_srgb(light, chroma, hue):
        low, high = 0.0, chroma
        for _ in range(18):
            middle = (low + high) / 2
            low, high = (middle, high) if _in_srgb(light, middle, hue) else (low, middle)
        chroma = low
    solved = (_gamma(min(1.0, max(0.0, channel))) for channel in _to_linear(light, chroma, hue))
    return "#" + "".join(f"{round(min(1.0, max(0.0, channel)) * 255):02x}" for channel in solved)


def _luminance(colour: str) -> float:
    r, g, b = map(_linear, _channels(colour))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    """WCAG 2.x contrast ratio, 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def solve(colour: str, grounds: Sequence[str], target: float) -> str:
    """The nearest colour of the same hue that reaches `target` on every ground; black or white where none does."""

    def passes(candidate: str) -> bool:
        return all(contrast(candidate, ground) >= target for ground in grounds)

    if passes(colour):
        return colour
    light, chroma, hue = to_oklch(colour)
    found: list[tuple[float, str]] = []
    for end in (0.0, 1.0):
        if passes(from_oklch(end, 0, hue)):
            fails, holds = light, end
            for _ in range(16):
                middle = (fails + holds) / 2
                fails, holds = (fails, middle) if passes(from_oklch(middle, chroma, hue)) else (middle, holds)
            candidate = from_oklch(holds, chroma, hue)
            found += [(abs(holds - light), candidate)] if passes(candidate) else []
    return min(found)[1] if found else max(("#000000", "#ffffff"), key=lambda c: contrast(c, grounds[0]))


def on_colour(fill: str, target: float = SAFE_TEXT) -> str:
    """Text on a fill: tinted near-white, else white, else tinted near-black, else black."""
    _, chroma, hue = to_oklch(fill)
    light, dark = from_oklch(0.985, min(chroma, 0.012), hue), from_oklch(0.19, min(chroma, 0.04), hue)
    for candidate in (light, "#ffffff", dark, "#000000"):
        if contrast(candidate, fill) >= target:
            return candidate
    return max(("#ffffff", "#000000"), key=lambda c: contrast(c, fill))


def _is_dark(colour: str) -> bool:
    return contrast(colour, "#ffffff") > contrast(colour, "#000000")


_NEUTRAL_CHROMA = {"paper": 0.004, "tint": 0.014, "night": 0.012}
_STATUS_HUES = {"ok": (150, 0.12), "warn": (75, 0.13), "bad": (27, 0.17), "info": (250, 0.12)}


def derive(tokens: Tokens) -> Colours:
    """Every colour that portal.css reads, by name without "--c-"."""
    light, chroma, hue = to_oklch(tokens.primary)
    colours = _grounds(tokens, chroma, hue)
    grounds = list(colours.values())
    _add_inks(colours, tokens, chroma, hue, grounds)
    _add_brand(colours, tokens, chroma, hue, grounds)
    _add_hero(colours, tokens, light, chroma, hue)
    night = tokens.tone == "night"
    for name, (status_hue, status_chroma) in _STATUS_HUES.items():
        ground = from_oklch(0.27 if night else 0.955, 0.045 if night else 0.035, status_hue)
        colours[f"{name}-bg"] = ground
        wished = from_oklch(0.8 if night else 0.48, status_chroma, status_hue)
        colours[name] = solve(wished, [*grounds, ground], SAFE_TEXT)
    return colours


def _neutral(tokens: Tokens, chroma: float, hue: float) -> Callable[[float, float], str]:
    strength = _NEUTRAL_CHROMA[tokens.tone] * (1 if chroma > 0.02 else 0)

    def grey(light: float, factor: float) -> str:
        return from_oklch(light, strength * factor, hue)

    return grey


def _grounds(tokens: Tokens, chroma: float, hue: float) -> Colours:
    grey = _neutral(tokens, chroma, hue)
    if tokens.tone == "night":
        shades = {"canvas": grey(0.155, 1), "surface": grey(0.2, 1), "raised": grey(0.245, 1), "sunken": grey(0.175, 1)}
        return shades | {"tint": from_oklch(0.275, min(chroma, 0.035), hue)}
    paper = tokens.tone == "paper"
    return {
        "canvas": grey(0.975 if paper else 0.955, 1.2),
        "surface": grey(1 if paper else 0.988, 1),
        "raised": grey(1, 0.3),
        "sunken": grey(0.955 if paper else 0.935, 1.5),
        "tint": from_oklch(0.95, min(chroma, 0.028), hue),
    }


def _add_inks(colours: Colours, tokens: Tokens, chroma: float, hue: float, grounds: list[str]) -> None:
    grey = _neutral(tokens, chroma, hue)
    night = tokens.tone == "night"
    wished = (grey(0.955, 1), grey(0.78, 1)) if night else (grey(0.22, 3), grey(0.46, 4))
    colours["ink"] = solve(wished[0], grounds, SAFE_INK)
    colours["ink-2"] = solve(wished[1], grounds, SAFE_TEXT + 0.3)
    colours["line"] = grey(0.32, 1) if night else grey(0.9, 2)
    colours["line-strong"] = solve(grey(0.6, 1 if night else 3), grounds, SAFE_UI)
    shadow = "#000000" if night else from_oklch(0.25, 0.03, hue)
    colours["shadow"] = " ".join(str(round(channel * 255)) for channel in _channels(shadow))


def _add_brand(colours: Colours, tokens: Tokens, chroma: float, hue: float, grounds: list[str]) -> None:
    """Three versions of primary: the true fill, a line that shows on any ground, and a text that reads on any."""
    fill = tokens.primary
    if 3.6 <= contrast("#ffffff", fill) < SAFE_TEXT:
        # White misses by a hair: merchants expect it on their mid-tone colour, so the fill gives way.
        fill = solve(fill, ["#ffffff"], SAFE_TEXT)
    on_fill = on_colour(fill)
    hover = from_oklch(to_oklch(fill)[0] + (0.05 if _is_dark(on_fill) else -0.05), chroma, hue)
    colours["primary"], colours["on-primary"] = fill, on_fill
    colours["primary-edge"] = solve(fill, grounds, SAFE_UI)
    colours["primary-hover"] = hover if contrast(hover, on_fill) >= AA_TEXT else fill
    colours["link"] = solve(tokens.primary, grounds, SAFE_TEXT)
    colours["accent"], colours["on-accent"] = tokens.accent, on_colour(tokens.accent)
    colours["accent-edge"] = solve(tokens.accent, grounds, SAFE_UI)


def _add_hero(colours: Colours, tokens: Tokens, light: float, chroma: float, hue: float) -> None:
    """Deep enough for light text; a loud light brand keeps its own colour and takes dark text instead."""
    night = tokens.tone == "night"
    near_black = from_oklch(0.19, min(chroma, 0.04), hue)
    if not night and contrast(near_black, tokens.primary) >= 7.5:
        hero = tokens.primary
    else:
        hero = from_oklch(0.215 if night else min(light, 0.36), min(chroma, 0.022 if night else 0.085), hue)
    on_hero = on_colour(hero, SAFE_INK)
    hero_light, hero_chroma, _ = to_oklch(hero)
    second = from_oklch(hero_light + (0.05 if night else 0.07), hero_chroma, hue)
    quiet = from_oklch(0.32 if _is_dark(on_hero) else 0.84, 0.02, hue)
    target = SAFE_UI if hero == tokens.primary else SAFE_TEXT
    colours |= {
        "hero": hero,
        "on-hero": on_hero,
        "hero-2": second,
        "on-hero-2": solve(quiet, [hero, second], SAFE_TEXT),
        "hero-accent": solve(tokens.accent, [hero, second], target),
    }


_ALL_GROUNDS = ("canvas", "surface", "raised", "sunken", "tint")
PAIRS: tuple[tuple[str, str, float], ...] = (
    *((f, g, AA_TEXT) for f in ("ink", "ink-2", "link", *_STATUS_HUES) for g in _ALL_GROUNDS),
    *((f, g, AA_UI) for f in ("primary-edge", "accent-edge", "line-strong") for g in _ALL_GROUNDS),
    *((f, f"{status}-bg", AA_TEXT) for status in _STATUS_HUES for f in (status, "ink")),
    ("on-primary", "primary", AA_TEXT),
    ("on-primary", "primary-hover", AA_TEXT),
    ("on-accent", "accent", AA_TEXT),
    *((f, g, AA_TEXT) for f in ("on-hero", "on-hero-2") for g in ("hero", "hero-2")),
    *(("hero-accent", g, AA_UI) for g in ("hero", "hero-2")),
)


def unreadable(tokens: Tokens) -> list[tuple[str, str, float]]:
    """The pairs of the style sheet that miss WCAG's ratio, each with the ratio it reaches. Empty for every brand."""
    colours = derive(tokens)
    scores = ((fore, ground, contrast(colours[fore], colours[ground]), least) for fore, ground, least in PAIRS)
    return [(fore, ground, score) for fore, ground, score, least in scores if score < least]


def root_block(tokens: Tokens) -> str:
    """The `:root` rule and the font faces of a brand. Holds nothing that was not checked or computed here."""
    pair = FONT_PAIRS[tokens.font_pair]
    files = assets()
    hero = tokens.hero if tokens.hero.startswith("/") else tokens.hero and files.url(f"heroes/{tokens.hero}.svg")
    rules = {
        "color-scheme": "dark" if tokens.tone == "night" else "light",
        "--brand-head": pair.head,
        "--brand-body": pair.body,
        "--head-w": str(pair.weight),
        "--head-ls": pair.spacing,
        "--head-k": f"{pair.scale:g}",
        "--brand-radius": f"{tokens.radius}px",
        "--brand-density": f"{tokens.density:g}",
        "--brand-hero": f"url({hero})" if hero else "none",
        **{f"--c-{name}": value for name, value in derive(tokens).items()},
    }
    faces = (
        f'@font-face{{font-family:"{family}";src:url({files.url(f"fonts/{file}")}) format("woff2");'
        f"font-weight:{weights};font-display:swap}}"
        for family, file, weights in pair.faces
    )
    return ":root{" + ";".join(f"{name}:{value}" for name, value in rules.items()) + "}" + "".join(faces) + "\n"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A brand's one style sheet: its own block, then portal.css."""

    body: bytes
    digest: str
    packed: bytes  # its gzip form


def tokens_of(theme: Mapping[str, Any]) -> Tokens:
    """The stored tokens, faults replaced by defaults: a page is shown even under a theme that should not exist."""
    return check_tokens(theme)[0]


def sheet(theme: Mapping[str, Any]) -> Sheet:
    """The style sheet of a stored theme; solved once per distinct theme and process."""
    return _sheet(tokens_of(theme))


@lru_cache(256)
def _sheet(tokens: Tokens) -> Sheet:
    body = (root_block(tokens) + assets().text("portal.css")).encode()
    return Sheet(body, content_hash(body), packed(body))
