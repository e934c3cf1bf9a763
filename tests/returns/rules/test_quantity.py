"""How many can come back."""

from collections.abc import Callable

import pytest

from returns.policy import Opinion


@pytest.mark.parametrize(
    ("asked", "left", "verdict", "code"),
    [
        (1, 1, "allow", "quantity_left"),
        (2, 2, "allow", "quantity_left"),
        (3, 2, "deny", "quantity_not_possible"),
        (0, 2, "deny", "quantity_not_possible"),
        (-1, 2, "deny", "quantity_not_possible"),
        (1, 0, "deny", "none_left"),
        (1, -1, "deny", "none_left"),
        (10**30, 2, "deny", "quantity_not_possible"),
    ],
)
def test_from_one_to_what_is_left(
    judge: Callable[..., Opinion], asked: int, left: int, verdict: str, code: str
) -> None:
    opinion = judge("quantity", quantity=asked, quantity_left=left)
    assert (opinion.verdict.word, opinion.code) == (verdict, code)
    assert opinion.facts == {"asked": asked, "left": max(left, 0)}
