"""RMA numbers survive being read aloud and typed."""

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from returns.rma import ALPHABET, new_rma, read_rma


def _drawn(values: Iterable[int]) -> str:
    left = list(values)
    return new_rma(lambda n: left.pop())


numbers = st.lists(st.integers(0, 22), min_size=7, max_size=7).map(_drawn)


def test_the_alphabet_has_no_look_alikes_and_no_vowels() -> None:
    assert len(set(ALPHABET)) == len(ALPHABET) == 23
    assert not set(ALPHABET) & set("0O1IL5S8BZAEU")


@given(numbers)
def test_a_number_is_read_however_it_is_typed(number: str) -> None:
    assert read_rma(number) == number
    assert read_rma(number.lower()) == number
    assert read_rma(number.replace("-", " ")) == number
    assert read_rma(number.removeprefix("R-").replace("-", "")) == number
    assert read_rma(f"\t{number} \n") == number


@given(numbers, st.integers(0, 7), st.sampled_from(ALPHABET))
def test_every_single_wrong_character_is_noticed(number: str, place: int, character: str) -> None:
    body = list(number.replace("-", "")[1:])
    wrong = [*body[:place], character, *body[place + 1 :]]
    assert (read_rma("".join(wrong)) is None) == (wrong != body)


@given(numbers)
def test_every_swap_of_two_is_noticed(number: str) -> None:
    body = number.replace("-", "")[1:]
    for a, b in itertools.combinations(range(8), 2):
        swapped = list(body)
        swapped[a], swapped[b] = swapped[b], swapped[a]
        assert (read_rma("".join(swapped)) is None) == ("".join(swapped) != body)


@pytest.mark.parametrize(
    "text", ["", "R-", "R-7KQ4", "R-7KQ4-XM20", "R-OOOO-1111", "x" * 10_000, "RR-7KQ4-XM27", "٣" * 8]
)
def test_what_is_no_number_is_none(text: str) -> None:
    assert read_rma(text) is None


def test_the_example_in_the_documentation_is_one() -> None:
    assert read_rma("R-7KQ4-XM27") == "R-7KQ4-XM27"


def test_numbers_drawn_by_default_differ() -> None:
    assert len({new_rma() for _ in range(500)}) == 500
