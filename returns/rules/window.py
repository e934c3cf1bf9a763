"""Deny what comes too late: so many days from delivery, the last day included."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from returns.policy import Ask, Clause, Opinion, Option, Verdict
from returns.reasons import is_faulty

OPTIONS = {
    "days": Option(30, "days after delivery in which a return may be asked for", low=0, high=3650),
    "grace_days": Option(0, "further days that are allowed but not advertised", low=0, high=365),
    "transit_days": Option(7, "days from shipping to delivery where the carrier reported no delivery", low=0, high=365),
    "faulty_any_time": Option(True, "let damaged, defective, incomplete and wrong goods come back at any time"),
}


def RULE(ask: Ask, options: Mapping[str, Any]) -> Opinion:
    """Days are calendar days of the brand's zone, so a change of clocks moves nothing.

    Delivered: allowed up to and including delivery + days (+ grace), then denied. Not known to be delivered: counted
    from shipping plus `transit_days`, and after that reviewed, because nobody is refused on an assumed date.
    """
    if options["faulty_any_time"] and is_faulty(ask.reason):
        return Opinion(Verdict.ALLOW, "faulty_any_time")
    start = _start(ask, options["transit_days"])
    if start is None:
        return Opinion(Verdict.REVIEW, "window_not_started")
    last_day = start + timedelta(days=options["days"])
    facts = {"last_day": last_day.isoformat(), "days": options["days"]}
    if ask.today <= last_day:
        return Opinion(Verdict.ALLOW, "in_window", facts)
    if ask.today <= last_day + timedelta(days=options["grace_days"]):
        return Opinion(Verdict.ALLOW, "in_grace", facts)
    if ask.delivered_on is None:
        return Opinion(Verdict.REVIEW, "window_uncertain", facts)
    return Opinion(Verdict.DENY, "window_closed", facts | {"days_late": (ask.today - last_day).days})


def _start(ask: Ask, transit_days: int) -> date | None:
    if ask.delivered_on is not None:
        return ask.delivered_on
    return ask.shipped_on + timedelta(days=transit_days) if ask.shipped_on else None


def EXPLAIN(options: Mapping[str, Any]) -> list[Clause]:
    """Grace is a kindness and stays off the page: the page may promise less than is granted, never more."""
    clauses = [Clause("window_days", {"days": options["days"]})]
    return [*clauses, Clause("window_faulty_any_time")] if options["faulty_any_time"] else clauses
