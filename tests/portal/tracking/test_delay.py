"""Windows, delays, pace, facts and the story: pure, with the clock as a value."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carriers.contract import Estimate
from carriers.status import Status
from portal.notify.events import Event
from portal.tracking.delay import FORGOTTEN, Delay, Listening, delay_of, is_forgotten
from portal.tracking.facts import facts_of
from portal.tracking.pace import next_poll
from portal.tracking.story import Ground, story_of
from portal.tracking.timeline import Fold, Kept, fold
from portal.tracking.window import Heard, Promise, Window, estimate_as_json, heard_from_json, window_for
from tests.portal.tracking.test_timeline import NOON, ZONE, any_scan, scan

PROMISE = Promise(date(2026, 11, 24), date(2026, 11, 25))
NO_PROMISE = Promise()


def listening(now: datetime, **changes: Any) -> Listening:
    return replace(Listening(is_healthy=True, heard_at=now, known_since=NOON), **changes)


def at(day: int, hour: int = 12) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=UTC)


def moving(*more: Kept) -> Fold:
    return fold([scan(Status.PICKED_UP), scan(Status.IN_TRANSIT, 4), *more], ZONE)


def delayed(folded: Fold, now: datetime, promise: Promise = PROMISE, heard: Heard | None = None, **ears: Any) -> Delay:
    window = window_for(folded, promise, heard, ZONE, now)
    return delay_of(folded, window, promise, heard, listening(now, **ears), ZONE, now)


def test_the_carriers_word_counts_for_a_day_then_the_promise() -> None:
    heard = Heard(date(2026, 11, 23), date(2026, 11, 23), "SDD", at(20))
    fresh = window_for(moving(), PROMISE, heard, ZONE, at(21, 11))
    assert (fresh.start, fresh.end, fresh.why, fresh.source) == (heard.start, heard.end, "carrier", "SDD")
    assert fresh.until == at(21)
    old = window_for(moving(), PROMISE, heard, ZONE, at(21))
    assert (old.start, old.end, old.why) == (PROMISE.start, PROMISE.end, "promise")


def test_what_a_clock_that_was_ahead_has_heard_is_not_fresh_until_then() -> None:
    heard = Heard(date(2026, 11, 23), date(2026, 11, 23), "SDD", at(21) + timedelta(days=365))
    assert window_for(moving(), PROMISE, heard, ZONE, at(21)).why == "promise"


def test_a_window_in_the_past_is_no_expectation() -> None:
    heard = Heard(date(2026, 11, 20), date(2026, 11, 20), "SDD", at(21, 6))
    assert window_for(moving(), NO_PROMISE, heard, ZONE, at(21, 7)) == Window()
    assert window_for(moving(), PROMISE, None, ZONE, at(26)) == Window()


def test_the_last_day_lasts_until_midnight_of_the_destination() -> None:
    new_york = "America/New_York"
    late_evening = datetime(2026, 11, 26, 4, 59, tzinfo=UTC)
    assert window_for(moving(), PROMISE, None, new_york, late_evening).end == PROMISE.end
    assert window_for(moving(), PROMISE, None, new_york, late_evening + timedelta(minutes=1)) == Window()


def test_a_finished_parcel_expects_nothing() -> None:
    assert window_for(moving(scan(Status.DELIVERED, 9)), PROMISE, None, ZONE, at(21)) == Window()


def test_an_estimate_in_instants_becomes_days_of_the_destination() -> None:
    estimate = Estimate(datetime(2026, 11, 21, 2, tzinfo=UTC), datetime(2026, 11, 21, 6, tzinfo=UTC), "EDW")
    heard = heard_from_json(estimate_as_json(estimate, NOON), "America/New_York")
    assert heard == Heard(date(2026, 11, 20), date(2026, 11, 21), "EDW", NOON)
    assert heard_from_json(estimate_as_json(Estimate(date(2026, 11, 20), date(2026, 11, 20), "SDD"), NOON), ZONE)
    assert heard_from_json(None, ZONE) is None
    assert heard_from_json(estimate_as_json(Estimate(date(9999, 12, 31), date(9999, 12, 31), "X"), NOON), ZONE) is None


def test_late_begins_when_the_promised_day_is_over() -> None:
    until = datetime(2026, 11, 26, tzinfo=UTC)
    before = delayed(moving(scan(Status.IN_TRANSIT, 90)), until - timedelta(seconds=1))
    after = delayed(moving(scan(Status.IN_TRANSIT, 90)), until)
    assert (before.state, before.at) == ("none", until)
    assert (after.state, after.missed, after.since) == ("late", PROMISE.end, until)


def test_a_day_that_passed_unheard_is_a_risk_and_no_news() -> None:
    for ears in ({"is_healthy": False}, {"heard_at": None}, {"heard_at": at(24)}):
        delay = delayed(moving(scan(Status.IN_TRANSIT, 90)), at(26), **ears)
        assert (delay.state, delay.missed, delay.since) == ("at_risk", date(2026, 11, 25), None)
        assert Event.DELAYED not in {fact.event for fact in facts_of(moving(), Window(), delay, at(26))}
    heard = Heard(date(2026, 11, 27), date(2026, 11, 27), "SDD", at(26, 6))
    assert delayed(moving(), at(26), heard=heard, is_healthy=False).state == "late"


def test_the_carriers_own_later_date_makes_it_late_before_the_day() -> None:
    heard = Heard(date(2026, 11, 27), date(2026, 11, 28), "SDD", at(21))
    found = delayed(moving(), at(21, 13), heard=heard)
    assert (found.state, found.missed, found.since) == ("late", PROMISE.end, heard.at)


def test_a_window_that_reaches_past_the_promise_is_a_risk() -> None:
    heard = Heard(date(2026, 11, 25), date(2026, 11, 26), "SDD", at(21))
    assert delayed(moving(), at(21, 13), heard=heard).state == "at_risk"


def test_a_problem_is_a_risk_with_its_cause() -> None:
    storm = moving(scan(Status.EXCEPTION, 9, sub="exception.weather"))
    assert (delayed(storm, at(21)).state, delayed(storm, at(21)).cause) == ("at_risk", "weather")


def test_what_has_not_moved_the_day_before_is_at_risk() -> None:
    label = fold([scan(Status.INFO_RECEIVED)], ZONE)
    assert delayed(label, at(23, 12)).state == "none"
    assert delayed(label, at(24, 1)).state == "at_risk"


def test_silence_is_stalled_only_while_we_listen() -> None:
    quiet_from = NOON + timedelta(hours=4)
    now = quiet_from + timedelta(days=4)
    assert delayed(moving(), now - timedelta(seconds=1), NO_PROMISE).state == "none"
    assert delayed(moving(), now, NO_PROMISE).state == "stalled"
    assert delayed(moving(), now, NO_PROMISE).since == quiet_from
    for deaf in ({"is_healthy": False}, {"heard_at": None}, {"heard_at": now - timedelta(hours=31)}):
        found = delayed(moving(), now, NO_PROMISE, **deaf)
        assert found.state == "none"
        assert found.at
        assert found.at <= now + timedelta(days=1)


def test_customs_may_be_silent_for_longer() -> None:
    border = moving(scan(Status.IN_TRANSIT, 5, sub="in_transit.customs_started"))
    assert delayed(border, NOON + timedelta(days=6), NO_PROMISE).state == "none"
    assert delayed(border, NOON + timedelta(days=9), NO_PROMISE).state == "stalled"


def test_a_parcel_imported_today_has_not_been_silent_for_years() -> None:
    ancient = fold([scan(Status.INFO_RECEIVED, -24 * 300)], ZONE)
    assert delayed(ancient, NOON + timedelta(days=1), NO_PROMISE).state == "none"
    assert not is_forgotten(ancient, listening(NOON), NOON)


def test_watching_ends_after_long_silence_and_only_while_we_listen() -> None:
    end = NOON + timedelta(hours=4) + FORGOTTEN
    assert is_forgotten(moving(), listening(end), end)
    assert not is_forgotten(moving(), listening(end, is_healthy=False), end)
    assert not is_forgotten(moving(), listening(end - timedelta(seconds=1)), end - timedelta(seconds=1))


@given(
    st.lists(any_scan, max_size=8),
    st.integers(0, 24 * 90),
    st.booleans(),
    st.sampled_from([PROMISE, NO_PROMISE]),
    st.sampled_from([None, Heard(date(2026, 11, 27), date(2026, 11, 28), "SDD", NOON)]),
)
def test_nothing_raises_and_the_next_look_is_ahead(
    scans: list[Kept], hours: int, healthy: bool, promise: Promise, heard: Heard | None
) -> None:
    now = NOON + timedelta(hours=hours)
    folded = fold(scans, ZONE)
    window = window_for(folded, promise, heard, ZONE, now)
    delay = delay_of(folded, window, promise, heard, listening(now, is_healthy=healthy), ZONE, now)
    assert delay.at is None or delay.at > now
    assert (delay.at is None) == (folded.is_final or folded.status is Status.RETURNING)
    story = story_of(folded, window, delay, Ground(date(2026, 11, 19), None, promise))
    assert len(story["reached"]) == 5
    assert story["count"] == len(folded.events)
    keys = [(fact.event, fact.key) for fact in facts_of(folded, window, delay, now)]
    assert len(keys) == len(set(keys))
    due = next_poll(folded, window, NOON, ZONE, now)
    assert due is None or due > now
    assert due or folded.is_final


def facts(*scans: Kept, now: datetime = NOON) -> dict[tuple[Event, str], bool]:
    folded = fold(scans, ZONE)
    found = facts_of(folded, Window(), Delay(), now)
    return {(fact.event, fact.key): fact.overtaken for fact in found}


def test_each_fact_once_and_the_overtaken_ones_marked() -> None:
    shipped, van = scan(Status.PICKED_UP), scan(Status.OUT_FOR_DELIVERY, 20)
    van_again, tomorrow = scan(Status.OUT_FOR_DELIVERY, 21), scan(Status.OUT_FOR_DELIVERY, 44)
    door = scan(Status.DELIVERED, 46)
    assert facts(scan(Status.INFO_RECEIVED)) == {}
    assert facts(shipped, scan(Status.IN_TRANSIT, 3)) == {(Event.SHIPPED, "shipped"): False}
    assert facts(shipped, van, van_again) == {
        (Event.SHIPPED, "shipped"): True,
        (Event.OUT_FOR_DELIVERY, "2026-11-21"): False,
    }
    assert facts(shipped, van, scan(Status.ATTEMPT_FAILED, 30), tomorrow, door) == {
        (Event.SHIPPED, "shipped"): True,
        (Event.OUT_FOR_DELIVERY, "2026-11-21"): True,
        (Event.OUT_FOR_DELIVERY, "2026-11-22"): True,
        (Event.DELIVERED, "delivered"): False,
    }
    assert facts(door, scan(Status.RETURNING, 50))[Event.DELIVERED, "delivered"] is True


def test_a_delivery_that_was_taken_back_is_not_told() -> None:
    wrong_door = [scan(Status.DELIVERED, 46), scan(Status.EXCEPTION, 47, sub="exception.misrouted")]
    van = scan(Status.OUT_FOR_DELIVERY, 48)
    assert Event.DELIVERED not in {event for event, _ in facts(*wrong_door, van)}
    assert facts(*wrong_door, van, scan(Status.DELIVERED, 50))[Event.DELIVERED, "delivered"] is False


def test_one_missed_date_is_one_fact_however_often_it_is_computed() -> None:
    found = [delayed(moving(scan(Status.IN_TRANSIT, 90)), at(26 + day)) for day in range(3)]
    keys = {
        fact.key
        for delay in found
        for fact in facts_of(moving(), Window(), delay, at(28))
        if fact.event is Event.DELAYED
    }
    assert keys == {"2026-11-25"}


def test_polls_are_as_often_as_news_is_likely() -> None:
    def wait(folded: Fold, now: datetime, window: Window = Window()) -> float | None:  # noqa: B008  (frozen)
        due = next_poll(folded, window, NOON, ZONE, now)
        return None if due is None else (due - now) / timedelta(hours=1)

    assert wait(moving(), at(21)) == pytest.approx(6, rel=0.11)
    today = Window(date(2026, 11, 21), date(2026, 11, 22), "carrier")
    assert wait(moving(), at(21), today) == pytest.approx(5 / 3, rel=0.11)
    assert wait(moving(scan(Status.OUT_FOR_DELIVERY, 9)), at(21)) == pytest.approx(1, rel=0.11)
    assert wait(Fold(), at(21)) == pytest.approx(4, rel=0.11)
    assert wait(Fold(), at(23)) == pytest.approx(12, rel=0.11)
    done = moving(scan(Status.DELIVERED, 10))
    assert wait(done, at(21)) == pytest.approx(24, rel=0.11)
    assert wait(done, at(23)) is None


def test_the_story_of_a_delivered_parcel() -> None:
    folded = moving(
        scan(Status.OUT_FOR_DELIVERY, 30), scan(Status.DELIVERED, 33, sub="delivered.to_person", city="Keswick")
    )
    story = story_of(folded, Window(), Delay(), Ground(date(2026, 11, 19), date(2026, 11, 20), PROMISE))
    assert (story["step"], story["status"], story["tone"], story["act"]) == (5, "delivered", "ok", "none")
    assert story["reached"] == ["2026-11-19", "2026-11-20", "2026-11-20", "2026-11-21", "2026-11-21"]
    assert story["latest"]["local"] == "2026-11-21T21:00:00"
    assert story["latest"]["at"] == "2026-11-21T21:00:00Z"
    assert story["pod"] == {"place": "Keswick", "by": ""}
    assert story["was"] is None
    assert [event["status"] for event in story["events"]][-1] == "picked_up"


def test_the_story_names_the_promise_that_slipped() -> None:
    late = delayed(moving(scan(Status.IN_TRANSIT, 90)), at(26))
    story = story_of(moving(), Window(), late, Ground(None, None, PROMISE))
    assert story["was"] == {"from": "2026-11-24", "to": "2026-11-25"}
    assert story["delay"] == {
        "state": "late",
        "cause": None,
        "since": "2026-11-26T00:00:00Z",
        "promised": "2026-11-25",
        "missed": "2026-11-25",
    }
    assert story["tone"] == "warn"
