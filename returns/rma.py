"""RMA numbers: eight characters that can be read aloud and typed, the last of which catches a slip.

"R-7KQ4-XM27". Twenty-three characters: no vowels (so no words appear), none of 0 O 1 I L, and of the pairs that
look alike in print (2 Z, 5 S, 8 B) only the 2. 23 is prime, so the weighted check character notices every single wrong
character and every swap of any two. Seven of the eight are drawn at random: 3.4 thousand million numbers, which tell
nothing about how many returns a shop has. Whoever stores one keeps it unique per brand and draws again on a clash.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

ALPHABET = "234679CDFGHJKMNPQRTVWXY"
_SIZE = 8
_TYPED = 60  # longer input is no number and is not read


def new_rma(draw: Callable[[int], int] = secrets.randbelow) -> str:
    """A new number, "R-XXXX-XXXX". `draw(n)` gives a number from 0 to n - 1; only tests pass their own."""
    values = [draw(len(ALPHABET)) for _ in range(_SIZE - 1)]
    return _printed("".join(ALPHABET[v] for v in [*values, _check(values)]))


def read_rma(text: str) -> str | None:
    """The number in its printed form from what a person typed or a scanner read, or None if it is none.

    Case, spaces and dashes do not matter and the leading R may be missing. None also for a number whose check
    character does not fit: it was misread.
    """
    plain = "".join(text[:_TYPED].upper().split()).replace("-", "")
    body = plain[1:] if len(plain) == _SIZE + 1 and plain[0] == "R" else plain
    if len(body) != _SIZE or any(character not in ALPHABET for character in body):
        return None
    *values, last = [ALPHABET.index(character) for character in body]
    return _printed(body) if last == _check(values) else None


def _check(values: list[int]) -> int:
    """The last value, so that the sum of position x value is a multiple of 23. 8 x 3 = 24 leaves 1: 3 undoes the 8."""
    return -sum(place * value for place, value in enumerate(values, 1)) * 3 % len(ALPHABET)


def _printed(body: str) -> str:
    return f"R-{body[:4]}-{body[4:]}"
