"""May this be sent back? Ask every rule, take the strictest verdict, keep every opinion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import IntEnum
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from returns.money import Money

Facts = Mapping[str, str | int]


class Verdict(IntEnum):
    """Ordered by strictness, so `max` is the decision. Stored and shown by `word`."""

    ALLOW = 1
    REVIEW = 2
    DENY = 3

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Ask:
    """One unit of the question: may `quantity` of this order line come back today?

    Dates are local to the brand; None means not known. `quantity_left` is what was delivered and has not been asked
    back in another case. `today` is a value so that a past decision can be made again.
    """

    sku: str
    title: str
    reason: str
    quantity: int
    quantity_left: int
    today: date
    price: Money
    tags: frozenset[str] = frozenset()
    category: str = ""
    country: str = ""
    ordered_on: date | None = None
    shipped_on: date | None = None
    delivered_on: date | None = None


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one rule thinks. `code` picks the words in a template, `facts` fill them (dates as ISO text)."""

    verdict: Verdict
    code: str
    facts: Facts = field(default_factory=dict)
    rule: str = ""  # filled in by decide()

    def as_json(self) -> dict[str, Any]:
        """The shape stored with the return."""
        return {"rule": self.rule, "verdict": self.verdict.word, "code": self.code, "facts": dict(self.facts)}


@dataclass(frozen=True, slots=True)
class Clause:
    """One sentence of the policy page: `code` picks the words, `facts` fill them."""

    code: str
    facts: Facts = field(default_factory=dict)
    rule: str = ""  # filled in by explain()


@dataclass(frozen=True, slots=True)
class Decision:
    """The strictest verdict and all opinions, in the order of the policy."""

    verdict: Verdict
    opinions: tuple[Opinion, ...]
    version: int

    @property
    def deciding(self) -> tuple[Opinion, ...]:
        """The opinions that made the verdict: what the shopper is told first."""
        return tuple(o for o in self.opinions if o.verdict is self.verdict)

    def as_json(self) -> dict[str, Any]:
        """The shape stored with the return."""
        return {
            "verdict": self.verdict.word,
            "version": self.version,
            "opinions": [o.as_json() for o in self.opinions],
        }


@dataclass(frozen=True, slots=True)
class Option:
    """One setting of a rule. `low` and `high` bound a whole number, and the length of a list of texts."""

    default: int | bool | tuple[str, ...]
    help: str
    low: int = 0
    high: int = 100

    def check(self, value: Any) -> str:
        """What is wrong with `value`, or nothing."""
        if isinstance(self.default, bool):
            return "" if isinstance(value, bool) else "must be true or false"
        if isinstance(self.default, int):
            fits = type(value) is int and self.low <= value <= self.high
            return "" if fits else f"must be a whole number from {self.low} to {self.high}"
        is_list = isinstance(value, list | tuple) and all(isinstance(v, str) and v.strip() for v in value)
        return "" if is_list and len(value) <= self.high else f"must be a list of at most {self.high} texts"


@dataclass(frozen=True, slots=True)
class Rule:
    """One file of returns/rules: RULE judges, EXPLAIN says the same for the policy page, OPTIONS are its settings."""

    name: str
    judge: Callable[[Ask, Mapping[str, Any]], Opinion]
    explain: Callable[[Mapping[str, Any]], Sequence[Clause]]
    options: Mapping[str, Option]

    def complete(self, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """The chosen options, and the defaults of the others."""
        return {name: chosen.get(name, option.default) for name, option in self.options.items()}


@dataclass(frozen=True, slots=True)
class Policy:
    """Ordered (rule name, options). Frozen: a change is a new version, and each return remembers its own."""

    version: int
    rules: tuple[tuple[str, Mapping[str, Any]], ...]

    def as_json(self) -> dict[str, Any]:
        """{"version": 3, "rules": [{"rule": "window", "options": {"days": 30}}]}"""
        return {
            "version": self.version,
            "rules": [{"rule": name, "options": _plain(options)} for name, options in self.rules],
        }


class BadPolicy(ValueError):
    """A policy that cannot be used. `faults` lists what is wrong, one line each, with the place it is wrong at."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


def decide(policy: Policy | None, ask: Ask, rules: Mapping[str, Rule] | None = None) -> Decision:
    """Every rule speaks, the strictest wins. No policy, or one without rules, means REVIEW. Never raises."""
    known = all_rules() if rules is None else rules
    if policy is None or not policy.rules:
        version = policy.version if policy else 0
        return Decision(Verdict.REVIEW, (Opinion(Verdict.REVIEW, "no_policy"),), version)
    opinions = tuple(_opinion(known.get(name), name, options, ask) for name, options in policy.rules)
    return Decision(max(o.verdict for o in opinions), opinions, policy.version)


def _opinion(rule: Rule | None, name: str, options: Mapping[str, Any], ask: Ask) -> Opinion:
    """One rule's opinion. A rule that is missing, raises or answers nonsense cannot say yes: a person decides."""
    try:
        if rule is None:
            return Opinion(Verdict.REVIEW, "rule_failed", {"why": "unknown_rule"}, name)
        opinion = rule.judge(ask, rule.complete(options))
        return replace(opinion, rule=name, verdict=Verdict(opinion.verdict))
    except Exception as error:  # whatever a newcomer's rule does, the shopper gets an answer
        return Opinion(Verdict.REVIEW, "rule_failed", {"why": type(error).__name__}, name)


def explain(policy: Policy | None, rules: Mapping[str, Rule] | None = None) -> tuple[Clause, ...]:
    """The policy as clauses for a plain-language page, from the same rules and options that decide."""
    known = all_rules() if rules is None else rules
    return tuple(
        replace(clause, rule=name)
        for name, options in (policy.rules if policy else ())
        if name in known
        for clause in known[name].explain(known[name].complete(options))
    )


def read_policy(data: Any, rules: Mapping[str, Rule] | None = None) -> Policy:
    """A Policy from the plain JSON shape of `Policy.as_json`. BadPolicy lists everything that is wrong at once."""
    known = all_rules() if rules is None else rules
    if not isinstance(data, Mapping):
        raise BadPolicy(["the policy must be an object with version and rules"])
    faults = [f"unknown key {key!r}" for key in data if key not in ("version", "rules")]
    version, entries = data.get("version"), data.get("rules")
    if type(version) is not int or version < 1:
        faults.append("version must be a whole number from 1")
    if not isinstance(entries, list):
        raise BadPolicy([*faults, "rules must be a list"])
    faults += [fault for n, entry in enumerate(entries, 1) for fault in _entry_faults(n, entry, known)]
    if faults or type(version) is not int:
        raise BadPolicy(faults)
    return Policy(version, tuple((entry["rule"], _frozen(entry.get("options", {}))) for entry in entries))


def _entry_faults(n: int, entry: Any, known: Mapping[str, Rule]) -> list[str]:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("rule"), str):
        return [f"rule {n} must be an object with rule and options"]
    rule, options = known.get(entry["rule"]), entry.get("options", {})
    if rule is None:
        return [f"rule {n}: there is no rule {entry['rule']!r}; known: {', '.join(sorted(known))}"]
    if not isinstance(options, Mapping):
        return [f"rule {n} ({rule.name}): options must be an object"]
    faults = [f"unknown key {key!r}" for key in entry if key not in ("rule", "options")]
    faults += [f"unknown option {key!r}" for key in options if key not in rule.options]
    checks = ((key, rule.options[key].check(value)) for key, value in options.items() if key in rule.options)
    faults += [f"{key} {wrong}" for key, wrong in checks if wrong]
    return [f"rule {n} ({rule.name}): {fault}" for fault in faults]


def _frozen(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in options.items()}


@cache
def all_rules() -> dict[str, Rule]:
    """Every file of returns/rules by name. One that does not declare RULE, EXPLAIN and OPTIONS stops the start."""
    import returns.rules as folder

    return {info.name: _rule(f"{folder.__name__}.{info.name}", info.name) for info in iter_modules(folder.__path__)}


def _rule(path: str, name: str) -> Rule:
    module = import_module(path)
    missing = [word for word in ("RULE", "EXPLAIN", "OPTIONS") if not hasattr(module, word)]
    if missing:
        raise TypeError(f"{path} does not declare {', '.join(missing)}; every rule file must")
    return Rule(name, module.RULE, module.EXPLAIN, module.OPTIONS)
