"""Deny more units than are left to send back."""

from collections.abc import Mapping
from typing import Any

from returns.policy import Ask, Clause, Opinion, Option, Verdict

OPTIONS: dict[str, Option] = {}


def RULE(ask: Ask, options: Mapping[str, Any]) -> Opinion:
    """From one to `quantity_left`. Facts say both numbers."""
    facts = {"asked": ask.quantity, "left": max(ask.quantity_left, 0)}
    if ask.quantity_left < 1:
        return Opinion(Verdict.DENY, "none_left", facts)
    if not 1 <= ask.quantity <= ask.quantity_left:
        return Opinion(Verdict.DENY, "quantity_not_possible", facts)
    return Opinion(Verdict.ALLOW, "quantity_left", facts)


def EXPLAIN(options: Mapping[str, Any]) -> list[Clause]:
    """That each unit can be sent back once."""
    return [Clause("each_unit_once")]
