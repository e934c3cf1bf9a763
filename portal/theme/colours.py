"""Colours as people see them: lightness moves in OKLCH, chroma is shed to stay inside sRGB, contrast is WCAG 2's."""

from __future__ import annotations

import math
from collections.abc import Sequence


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


def _gamma(light: float) -> float:
    return 12.92 * light if light <= 0.0031308 else float(1.055 * light ** (1 / 2.4) - 0.055)


def channels(colour: str) -> tuple[float, float, float]:
    """Red, green and blue of "#rrggbb", each 0 to 1."""
    return int(colour[1:3], 16) / 255, int(colour[3:5], 16) / 255, int(colour[5:7], 16) / 255


def to_oklch(colour: str) -> tuple[float, float, float]:
    """Lightness 0 to 1, chroma, hue in degrees. Matrices: Björn Ottosson, "A perceptual color space", 2020."""
    r, g, b = map(_linear, channels(colour))
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
    r, g, b = map(_linear, channels(colour))
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
