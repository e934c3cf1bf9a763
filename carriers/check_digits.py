"""The check digits in tracking numbers: each function takes what stands before and gives the digit to expect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Final

Check = Callable[[str], str]

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_S10_WEIGHTS: Final = (8, 6, 4, 2, 3, 5, 9, 7)


def mod7(serial: str) -> str:
    """The rest of a division by seven: DHL Express."""
    return str(int(serial) % 7)


def mod10(*weights: int) -> Check:
    """Weights in turn from the left, up to the next ten. Letters count as UPS counts them: A is 2, B is 3, ... I is 0.

    `mod10(3, 1)` is GS1's over an odd number of digits, `mod10(1, 3)` over an even one.
    """

    def check(serial: str) -> str:
        return str(-sum(_value(c) * w for c, w in zip(serial, cycle(weights), strict=False)) % 10)

    return check


def _value(character: str) -> int:
    return int(character) if character.isdigit() else (ord(character) - 3) % 10


def luhn(serial: str) -> str:
    """ISO/IEC 7812, as on bank cards: Purolator, Old Dominion."""
    doubled = (int(c) * 2 if n % 2 == 0 else int(c) for n, c in enumerate(reversed(serial)))
    return str(-sum(value // 10 + value % 10 for value in doubled) % 10)


def mod11(weights: Sequence[int]) -> Check:
    """A weighted sum, divided by eleven; ten becomes nought: FedEx Express."""

    def check(serial: str) -> str:
        return str(sum(int(c) * w for c, w in zip(serial, weights, strict=True)) % 11 % 10)

    return check


def s10(serial: str) -> str:
    """The Universal Postal Union's standard S10, over eight digits."""
    rest = sum(int(c) * w for c, w in zip(serial, _S10_WEIGHTS, strict=True)) % 11
    return {0: "5", 1: "0"}.get(rest, str(11 - rest))


def mod37_36(serial: str) -> str:
    """ISO 7064 MOD 37,36 over digits and letters: DPD."""
    rest = 36
    for character in serial:
        rest = (rest + _ALPHABET.index(character)) % 36 or 36
        rest = rest * 2 % 37
    return _ALPHABET[(37 - rest) % 36]
