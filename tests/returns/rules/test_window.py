"""The return window: its last day, its grace, and what is not known."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from returns.policy import Opinion

DELIVERED = date(2026, 10, 1)


@pytest.mark.parametrize(
    ("days_after", "options", "verdict", "code"),
    [
        (0, {"days": 14}, "allow", "in_window"),
        (14, {"days": 14}, "allow", "in_window"),
        (15, {"days": 14}, "deny", "window_closed"),
        (15, {"days": 14, "grace_days": 2}, "allow", "in_grace"),
        (16, {"days": 14, "grace_days": 2}, "allow", "in_grace"),
        (17, {"days": 14, "grace_days": 2}, "deny", "window_closed"),
        (-1, {"days": 14}, "allow", "in_window"),
        (0, {"days": 0}, "allow", "in_window"),
        (1, {"days": 0}, "deny", "window_closed"),
        (30, {}, "allow", "in_window"),
        (31, {}, "deny", "window_closed"),
    ],
)
def test_the_last_day_is_included_and_the_next_is_not(
    judge: Callable[..., Opinion], days_after: int, options: dict[str, Any], verdict: str, code: str
) -> None:
    opinion = judge("window", options, delivered_on=DELIVERED, today=DELIVERED + timedelta(days=days_after))
    assert (opinion.verdict.word, opinion.code) == (verdict, code)


def test_a_refusal_says_the_last_day_and_how_late_it_is(judge: Callable[..., Opinion]) -> None:
    opinion = judge("window", {"days": 14, "grace_days": 3}, delivered_on=DELIVERED, today=date(2026, 10, 20))
    assert opinion.facts == {"last_day": "2026-10-15", "days": 14, "days_late": 5}


@pytest.mark.parametrize("reason", ["damaged_in_transit", "defective", "missing_parts", "wrong_item_sent"])
def test_faulty_goods_come_back_at_any_time_unless_the_shop_says_otherwise(
    judge: Callable[..., Opinion], reason: str
) -> None:
    late = {"delivered_on": DELIVERED, "today": date(2027, 10, 1), "reason": reason}
    assert judge("window", {}, **late).verdict.word == "allow"
    assert judge("window", {"faulty_any_time": False}, **late).verdict.word == "deny"


def test_other_reasons_do_not_open_a_closed_window(judge: Callable[..., Opinion]) -> None:
    assert (
        judge("window", reason="not_as_described", delivered_on=DELIVERED, today=date(2027, 1, 1)).verdict.word
        == "deny"
    )


@pytest.mark.parametrize(("day", "code"), [(27, "in_window"), (28, "window_uncertain")])
def test_without_a_delivery_date_it_counts_from_shipping_plus_transit_and_then_a_person_looks(
    judge: Callable[..., Opinion], day: int, code: str
) -> None:
    options = {"days": 14, "transit_days": 5}
    opinion = judge("window", options, delivered_on=None, shipped_on=date(2026, 10, 8), today=date(2026, 10, day))
    assert opinion.code == code
    assert opinion.facts["last_day"] == "2026-10-27"
    assert opinion.verdict.word == ("allow" if code == "in_window" else "review")


def test_what_was_never_shipped_is_for_a_person(judge: Callable[..., Opinion]) -> None:
    opinion = judge("window", delivered_on=None, ordered_on=date(2026, 10, 1))
    assert (opinion.verdict.word, opinion.code) == ("review", "window_not_started")


def test_a_leap_day_counts(judge: Callable[..., Opinion]) -> None:
    opinion = judge("window", {"days": 2}, delivered_on=date(2028, 2, 28), today=date(2028, 3, 1))
    assert (opinion.code, opinion.facts["last_day"]) == ("in_window", "2028-03-01")
