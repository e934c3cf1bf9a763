"""Goods sold as final."""

from collections.abc import Callable
from typing import Any

import pytest

from returns.policy import Opinion

FINAL = frozenset({"winter", "Final-Sale"})


@pytest.mark.parametrize(
    ("tags", "reason", "options", "verdict", "code"),
    [
        (frozenset(), "too_small", {}, "allow", "not_final_sale"),
        (FINAL, "too_small", {}, "deny", "final_sale"),
        (FINAL, "defective", {}, "allow", "final_sale_but_faulty"),
        (FINAL, "defective", {"faulty_allowed": False}, "deny", "final_sale"),
        (FINAL, "too_small", {"tags": ("clearance",)}, "allow", "not_final_sale"),
        (frozenset({"clearance"}), "too_small", {"tags": ("clearance",)}, "deny", "final_sale"),
        (frozenset({"final"}), "too_small", {}, "allow", "not_final_sale"),
    ],
)
def test_final_means_final_unless_faulty(
    judge: Callable[..., Opinion], tags: frozenset[str], reason: str, options: dict[str, Any], verdict: str, code: str
) -> None:
    opinion = judge("final_sale", options, tags=tags, reason=reason)
    assert (opinion.verdict.word, opinion.code) == (verdict, code)
