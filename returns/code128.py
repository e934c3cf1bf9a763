"""Code 128 barcodes (ISO/IEC 15417) as SVG: code sets B and C, checksum, ten modules of quiet zone."""

from __future__ import annotations

import re

QUIET = 10  # modules on either side
# Bar and space widths in modules, symbol values 0 to 106; 103 to 105 start sets A, B and C, 106 stops.
_TABLE = """
    212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 113222
    123122 123221 223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 212123 212321
    232121 111323 131123 131321 112313 132113 132311 211313 231113 231311 112133 112331 132131 113123 113321 133121
    313121 211331 231131 213113 213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224
    111422 121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 241112 134111
    111242 121142 121241 114212 124112 124211 411212 421112 421211 212141 214121 412121 111143 111341 131141 114113
    114311 411113 411311 113141 114131 311141 411131 211412 211214 211232 2331112
"""
_WIDTHS = _TABLE.split()
_START_B, _START_C, _TO_C, _TO_B, _STOP = 104, 105, 99, 100, 106
_LONGEST = 48


class CannotEncode(ValueError):
    """Text that does not go into this barcode. The text says why."""


def symbols(text: str) -> list[int]:
    """Symbol values from start to stop, checksum included.

    Digits go in pairs (set C) where that is shorter: at least four at an end of the text, or six within it.
    """
    if not 0 < len(text) <= _LONGEST or not all(" " <= character <= "~" for character in text):
        raise CannotEncode(f"a Code 128 holds 1 to {_LONGEST} printable ASCII characters, not {text[:60]!r}")
    values: list[int] = []
    for is_digits, run in _runs(text):
        start, switch = (_START_C, _TO_C) if is_digits else (_START_B, _TO_B)
        values.append(switch if values else start)
        if is_digits:
            values += [int(run[i : i + 2]) for i in range(0, len(run), 2)]
        else:
            values += [ord(character) - 32 for character in run]
    checksum = (values[0] + sum(place * value for place, value in enumerate(values))) % 103
    return [*values, checksum, _STOP]


def _runs(text: str) -> list[tuple[bool, str]]:
    """The text as (goes into set C, piece), pieces of set C of even length."""
    if len(text) == 2 and re.fullmatch("[0-9]{2}", text):
        return [(True, text)]
    runs, done = [], 0
    for found in re.finditer("[0-9]{4,}", text):
        start, end = found.span()
        if len(found[0]) < 6 and start > 0 and end < len(text):
            continue
        start += (end - start) % 2 if start else 0  # an odd digit stays in set B, in front unless the text starts here
        end -= (end - start) % 2
        runs += [(False, text[done:start])] if start > done else []
        runs.append((True, text[start:end]))
        done = end
    return [*runs, (False, text[done:])] if done < len(text) else runs


def width(text: str) -> int:
    """Modules across, quiet zones included."""
    return sum(int(digit) for value in symbols(text) for digit in _WIDTHS[value]) + 2 * QUIET


def svg(text: str) -> bytes:
    """One module wide per unit, stretched to whatever box it is placed in; black on white, no text, no script."""
    x, bars = QUIET, []
    for value in symbols(text):
        for place, digit in enumerate(_WIDTHS[value]):
            if place % 2 == 0:
                bars.append(f"M{x} 0h{digit}v1h-{digit}z")
            x += int(digit)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {x + QUIET} 1" width="{x + QUIET}" height="1" '
        f'preserveAspectRatio="none"><path d="{"".join(bars)}"/></svg>'
    ).encode()
