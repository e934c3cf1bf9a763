"""One question, to be varied."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from returns.money import Money
from returns.policy import Ask, Opinion, Policy, decide

PLAIN = Ask(
    sku="RIME-M",
    title="Rime down jacket",
    reason="too_small",
    quantity=1,
    quantity_left=2,
    today=date(2026, 11, 22),
    price=Money(12900, "GBP"),
    delivered_on=date(2026, 11, 10),
)


@pytest.fixture
def judge() -> Callable[..., Opinion]:
    """judge("window", {"days": 14}, today=...) -> the opinion of that one rule."""

    def one(rule: str, options: dict[str, Any] | None = None, **changes: Any) -> Opinion:
        decision = decide(Policy(1, ((rule, options or {}),)), replace(PLAIN, **changes))
        return decision.opinions[0]

    return one
