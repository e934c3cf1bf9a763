"""Deny goods sold as final, unless they arrived broken, incomplete or wrong."""

from collections.abc import Mapping
from typing import Any

from returns.policy import Ask, Clause, Opinion, Option, Verdict
from returns.reasons import is_faulty

OPTIONS = {
    "tags": Option(("final-sale",), "product tags that mark goods as sold for good", high=50),
    "faulty_allowed": Option(True, "let damaged, defective, incomplete and wrong goods come back all the same"),
}


def RULE(ask: Ask, options: Mapping[str, Any]) -> Opinion:
    """Tags are compared without case."""
    marks = {tag.casefold() for tag in options["tags"]}
    if not any(tag.casefold() in marks for tag in ask.tags):
        return Opinion(Verdict.ALLOW, "not_final_sale")
    if options["faulty_allowed"] and is_faulty(ask.reason):
        return Opinion(Verdict.ALLOW, "final_sale_but_faulty")
    return Opinion(Verdict.DENY, "final_sale")


def EXPLAIN(options: Mapping[str, Any]) -> list[Clause]:
    """Nothing to say where no tag is final."""
    if not options["tags"]:
        return []
    return [Clause("final_sale_unless_faulty" if options["faulty_allowed"] else "final_sale_never")]
