"""Remembering what a pure function of a few short texts gave: places, codes and words that come again and again."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Final, TypeVar, TypeVarTuple, Unpack

LONGEST: Final = 120  # characters of a text that is remembered; whoever sends longer ones finds no room here

Told = TypeVarTuple("Told")
Value = TypeVar("Value")


def remembered(size: int) -> Callable[[Callable[[Unpack[Told]], Value]], Callable[[Unpack[Told]], Value]]:
    """Keeps at most `size` results. Unlike lru_cache it may be asked with whatever a body brings.

    Only what follows from short texts (or None) is kept, so that hostile bodies fill no memory, and 1 and True are not
    taken for each other. What cannot be a key goes to the function, which says in its own words what it expected.
    """

    def remembering(function: Callable[[Unpack[Told]], Value]) -> Callable[[Unpack[Told]], Value]:
        known: dict[tuple[object, ...], Value] = {}

        @wraps(function)
        def recall(*told: *Told) -> Value:
            try:
                return known[told]
            except (KeyError, TypeError):
                value = function(*told)
            if all(part is None or (type(part) is str and len(part) <= LONGEST) for part in told):
                if len(known) >= size:
                    known.clear()  # rare, and cheaper than keeping account of what was used last
                known[told] = value
            return value

        return recall

    return remembering
