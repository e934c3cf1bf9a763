"""Every colour of a brand, each pair solved for contrast, not hoped for.

Lightness moves until WCAG 2.2's ratios hold on every ground that a colour can meet. Merchants choose the coat; they
cannot choose themselves out of a readable page.
"""

from __future__ import annotations

from collections.abc import Callable

from portal.theme.colours import channels, contrast, from_oklch, solve, to_oklch
from portal.theme.tokens import Tokens

AA_TEXT = 4.5
# Head-room over WCAG's figures, because a solved colour is rounded to eight bits.
SAFE_TEXT, SAFE_UI, SAFE_INK = 4.6, 3.1, 7.0
Colours = dict[str, str]


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
    colours["shadow"] = " ".join(str(round(channel * 255)) for channel in channels(shadow))


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
