"""Every rule speaks, the strictest wins, nothing raises."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from returns.money import Money
from returns.policy import (
    Ask,
    BadPolicy,
    Clause,
    Decision,
    Opinion,
    Policy,
    Rule,
    Verdict,
    all_rules,
    decide,
    explain,
    read_policy,
)
from returns.reasons import REASONS

ASK = Ask("S", "T", "too_small", 1, 1, date(2026, 11, 22), Money(100, "EUR"), delivered_on=date(2026, 11, 1))
STANDARD = {
    "version": 3,
    "rules": [
        {"rule": "window", "options": {"days": 14, "grace_days": 1}},
        {"rule": "final_sale", "options": {"tags": ["final-sale", "clearance"]}},
        {"rule": "quantity", "options": {}},
    ],
}


def _saying(verdict: Verdict) -> Rule:
    return Rule("r", lambda ask, options: Opinion(verdict, "said"), lambda options: [], {})


def _raising(ask: Ask, options: Mapping[str, Any]) -> Opinion:
    raise RuntimeError("a newcomer's mistake with Ada's address in it")


def test_the_three_first_rules_are_found_by_their_folder() -> None:
    assert {"window", "final_sale", "quantity"} <= set(all_rules())


@given(st.lists(st.sampled_from(list(Verdict)), min_size=1, max_size=6))
def test_the_strictest_wins_and_every_opinion_is_kept_in_order(verdicts: list[Verdict]) -> None:
    rules = {str(n): _saying(v) for n, v in enumerate(verdicts)}
    decision = decide(Policy(7, tuple((name, {}) for name in rules)), ASK, rules)
    assert decision.verdict is max(verdicts)
    assert [(o.rule, o.verdict) for o in decision.opinions] == list(zip(rules, verdicts, strict=True))
    assert {o.verdict for o in decision.deciding} == {decision.verdict}
    assert decision.version == 7


def test_verdicts_are_ordered_by_strictness() -> None:
    assert Verdict.ALLOW < Verdict.REVIEW < Verdict.DENY


@pytest.mark.parametrize("policy", [None, Policy(1, ())])
def test_no_policy_means_review_not_yes(policy: Policy | None) -> None:
    decision = decide(policy, ASK)
    assert (decision.verdict, decision.opinions[0].code) == (Verdict.REVIEW, "no_policy")


@pytest.mark.parametrize(
    ("judge", "why"),
    [
        (_raising, "RuntimeError"),
        (lambda ask, options: None, "AttributeError"),
        (lambda ask, options: True, "AttributeError"),
        (lambda ask, options: Opinion(9, "x"), "ValueError"),  # type: ignore[arg-type]
        (lambda ask, options: options["nowhere"], "KeyError"),
    ],
)
def test_a_rule_that_fails_asks_for_a_person_and_leaks_nothing(
    judge: Callable[[Ask, Mapping[str, Any]], Any], why: str
) -> None:
    rules = {"broken": Rule("broken", judge, lambda options: [], {}), "fine": _saying(Verdict.ALLOW)}
    decision = decide(Policy(1, (("broken", {}), ("fine", {}))), ASK, rules)
    assert decision.verdict is Verdict.REVIEW
    assert decision.opinions[0] == Opinion(Verdict.REVIEW, "rule_failed", {"why": why}, "broken")
    assert decision.opinions[1].code == "said"


def test_a_rule_that_is_gone_asks_for_a_person() -> None:
    decision = decide(Policy(1, (("abolished", {}),)), ASK)
    assert decision.opinions[0].facts == {"why": "unknown_rule"}
    assert decision.verdict is Verdict.REVIEW


anything = (
    st.none()
    | st.integers()
    | st.text(max_size=5)
    | st.dates()
    | st.booleans()
    | st.floats()
    | st.frozensets(st.text())
)
hostile_asks = st.builds(
    Ask,
    sku=anything,
    title=anything,
    reason=st.sampled_from(sorted(REASONS)) | anything,
    quantity=anything,
    quantity_left=anything,
    today=st.dates() | anything,
    price=anything,
    tags=anything,
    category=anything,
    country=anything,
    ordered_on=anything,
    shipped_on=st.dates() | anything,
    delivered_on=st.dates() | anything,
)
options = st.dictionaries(st.sampled_from(["days", "grace_days", "tags", "nonsense"]), anything, max_size=3)


@given(
    hostile_asks, st.lists(st.tuples(st.sampled_from(["window", "final_sale", "quantity", "?"]), options), max_size=5)
)
def test_deciding_never_raises_whatever_is_asked(ask: Ask, rules: list[tuple[str, dict[str, Any]]]) -> None:
    decision = decide(Policy(1, tuple(rules)), ask)
    assert isinstance(decision, Decision)
    assert len(decision.opinions) == max(len(rules), 1)
    json.dumps(decision.as_json(), default=str)


def test_a_policy_survives_json() -> None:
    policy = read_policy(json.loads(json.dumps(STANDARD)))
    assert policy.as_json() == STANDARD
    assert read_policy(policy.as_json()) == policy


def test_a_decision_is_stored_as_plain_json() -> None:
    late = replace(ASK, today=date(2026, 12, 24))
    assert json.loads(json.dumps(decide(read_policy(STANDARD), late).as_json())) == {
        "verdict": "deny",
        "version": 3,
        "opinions": [
            {
                "rule": "window",
                "verdict": "deny",
                "code": "window_closed",
                "facts": {"last_day": "2026-11-15", "days": 14, "days_late": 39},
            },
            {"rule": "final_sale", "verdict": "allow", "code": "not_final_sale", "facts": {}},
            {"rule": "quantity", "verdict": "allow", "code": "quantity_left", "facts": {"asked": 1, "left": 1}},
        ],
    }


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ([], "must be an object"),
        ({"version": 1}, "rules must be a list"),
        ({"version": 0, "rules": []}, "version must be a whole number"),
        ({"version": True, "rules": []}, "version must be a whole number"),
        ({"version": 1, "rules": [], "extra": 1}, "unknown key 'extra'"),
        ({"version": 1, "rules": ["window"]}, "rule 1 must be an object"),
        ({"version": 1, "rules": [{"rule": "windw"}]}, "there is no rule 'windw'"),
        ({"version": 1, "rules": [{"rule": "window", "options": []}]}, "options must be an object"),
        ({"version": 1, "rules": [{"rule": "window", "options": {"dayz": 3}}]}, "unknown option 'dayz'"),
        ({"version": 1, "rules": [{"rule": "window", "options": {"days": -1}}]}, "days must be a whole number from 0"),
        ({"version": 1, "rules": [{"rule": "window", "options": {"days": 30.0}}]}, "days must be a whole number"),
        ({"version": 1, "rules": [{"rule": "window", "options": {"days": True}}]}, "days must be a whole number"),
        ({"version": 1, "rules": [{"rule": "window", "options": {"faulty_any_time": 1}}]}, "must be true or false"),
        ({"version": 1, "rules": [{"rule": "final_sale", "options": {"tags": "sale"}}]}, "tags must be a list"),
        ({"version": 1, "rules": [{"rule": "final_sale", "options": {"tags": [""]}}]}, "tags must be a list"),
        ({"version": 1, "rules": [{"rule": "window", "days": 3}]}, "unknown key 'days'"),
    ],
)
def test_a_wrong_policy_says_what_and_where(data: object, says: str) -> None:
    with pytest.raises(BadPolicy) as caught:
        read_policy(data)
    assert says in str(caught.value)


def test_all_faults_of_a_policy_are_told_at_once() -> None:
    with pytest.raises(BadPolicy) as caught:
        read_policy({"version": 0, "rules": [{"rule": "nope"}, {"rule": "window", "options": {"days": "x", "y": 1}}]})
    assert len(caught.value.faults) == 4


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=4),
        lambda x: (
            st.lists(x, max_size=3)
            | st.dictionaries(st.sampled_from(["version", "rules", "rule", "options", "window", "days"]), x, max_size=4)
        ),
    )
)
def test_reading_a_policy_gives_a_policy_or_its_faults(data: object) -> None:
    try:
        policy = read_policy(data)
    except BadPolicy:
        return
    assert decide(policy, ASK).opinions


def test_the_policy_page_says_what_the_rules_decide_by() -> None:
    assert explain(read_policy(STANDARD)) == (
        Clause("window_days", {"days": 14}, "window"),
        Clause("window_faulty_any_time", {}, "window"),
        Clause("final_sale_unless_faulty", {}, "final_sale"),
        Clause("each_unit_once", {}, "quantity"),
    )
    assert explain(None) == ()


@given(st.integers(0, 60), st.integers(0, 5), st.integers(0, 80))
def test_the_page_never_promises_days_that_are_then_refused(days: int, grace: int, after: int) -> None:
    policy = read_policy({"version": 1, "rules": [{"rule": "window", "options": {"days": days, "grace_days": grace}}]})
    promised = explain(policy)[0].facts["days"]
    ask = replace(ASK, delivered_on=date(2026, 1, 1), today=date.fromordinal(date(2026, 1, 1).toordinal() + after))
    assert after > int(promised) or decide(policy, ask).verdict is Verdict.ALLOW


@pytest.mark.parametrize("rule", sorted(all_rules()))
def test_every_rule_explains_itself_and_accepts_its_own_defaults(rule: str) -> None:
    it = all_rules()[rule]
    assert all(not option.check(option.default) and option.help for option in it.options.values())
    assert all(isinstance(clause, Clause) for clause in it.explain(it.complete({})))
