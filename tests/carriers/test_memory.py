"""Remembering: as much as was allowed, of short texts alone, and never another answer than the function's own."""

from __future__ import annotations

import pytest

from carriers.memory import LONGEST, remembered
from carriers.reading import place_of


class Asked:
    """Counts how often a remembered function had to work."""

    def __init__(self, size: int = 10) -> None:
        self.times = 0
        self.tell = remembered(size)(self._tell)

    def _tell(self, first: object, second: object) -> str:
        self.times += 1
        if isinstance(first, dict):
            raise TypeError("text expected, not dict")
        return f"{first!r} {second!r}"


def test_the_same_texts_are_worked_out_once() -> None:
    asked = Asked()
    assert {asked.tell("a", None) for _ in range(3)} == {"'a' None"}
    assert asked.times == 1
    assert asked.tell("a", "b") == "'a' 'b'"
    assert asked.times == 2


def test_no_more_is_kept_than_was_allowed() -> None:
    asked = Asked(size=2)
    for name in "abc":
        asked.tell(name, None)
    asked.tell("c", None)
    assert asked.times == 3
    asked.tell("a", None)
    assert asked.times == 4


@pytest.mark.parametrize("odd", ["x" * (LONGEST + 1), 1, 1.5, ("a",)])
def test_neither_long_texts_nor_anything_else_is_kept(odd: object) -> None:
    asked = Asked()
    for times in (1, 2):
        assert asked.tell(odd, "b") == f"{odd!r} 'b'"
        assert asked.times == times


def test_things_that_are_equal_without_being_the_same_are_told_apart() -> None:
    asked = Asked()
    assert [asked.tell(one, None) for one in (1, True, 1.0, "1")] == ["1 None", "True None", "1.0 None", "'1' None"]


def test_what_cannot_be_a_key_is_refused_in_the_words_of_the_function() -> None:
    with pytest.raises(TypeError, match="text expected, not dict"):
        Asked().tell({}, None)
    for _ in range(2):
        with pytest.raises(TypeError, match="text expected, not list"):
            place_of("Köln", [], None, "DE")


def test_a_place_is_built_once() -> None:
    assert place_of("Köln", None, " 50667 ", "DE") is place_of("Köln", None, " 50667 ", "DE")
    assert place_of("Köln", None, 50667, "DE") == place_of("Köln", "", "50667", "DE")
