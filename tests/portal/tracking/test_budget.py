"""Budgets: no stretch of time holds more calls than the carrier allows, whoever makes them and wherever hours begin."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from carriers.contract import Budget
from portal.app import App
from portal.tables import Connection, ConnectionUse
from portal.tracking.budget import Bucket, OverBudget, Purpose, budgets_of, counted_periods, next_call_at, spend
from portal.tracking.line import open_line
from tests.carriers.fakes.server import Answered, FakeServer
from tests.conftest import NOON, Clock
from tests.portal.tracking.northpost import connect
from tests.world import World

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def allowed(app: App, connection: Connection, budgets: Sequence[Budget], now: datetime) -> bool:
    try:
        with app.db.transaction() as tx:
            spend(tx, connection.id or 0, budgets, now)
    except OverBudget:
        return False
    return True


def used(app: App, seconds: int) -> dict[str, int]:
    names = ("calls", "polls", "tokens", "subscriptions", "labels")
    with app.db.reading() as tx:
        rows = tx.exec(select(ConnectionUse).where(ConnectionUse.period_seconds == seconds)).all()
        return {name: total for name in names if (total := sum(getattr(row, name) for row in rows))}


@given(
    st.integers(1, 80),
    st.sampled_from([1, 5, 10, 3600, 86400]),
    st.lists(st.floats(0, 1.2), min_size=1, max_size=200),
)
def test_no_stretch_of_time_holds_more_than_the_budget(calls: int, seconds: int, waits: list[float]) -> None:
    bucket = Bucket.of(Budget(calls, timedelta(seconds=seconds)))
    now, paid, made = 0.0, 0.0, []
    for wait in waits:
        now += wait * bucket.interval
        if paid <= now + bucket.slack(None):
            paid = max(paid, now) + bucket.interval
            made.append(now)
    for start in made:
        assert sum(start <= moment < start + seconds for moment in made) <= calls


@pytest.mark.parametrize(
    ("budget", "least"), [(Budget(60, HOUR), 57), (Budget(250, DAY), 238), (Budget(1, timedelta(seconds=5)), 1)]
)
def test_nearly_all_of_a_budget_can_be_spent(budget: Budget, least: int) -> None:
    bucket = Bucket.of(budget)
    assert int(bucket.seconds / bucket.interval) >= min(least, budget.calls) - (budget.calls == 1)


def test_a_long_budget_is_spread_and_comes_back_bit_by_bit(app: App, world: World, clock: Clock) -> None:
    budgets = (Budget(60, HOUR),)
    first = [allowed(app, world.connection, budgets, clock.now) for _ in range(4)]
    assert first == [True, True, False, False]
    with app.db.reading() as tx:
        row = tx.get_one(Connection, world.connection.id)
        row.config = {"calls_per_hour": "60"}
        due = next_call_at(tx, row, clock.now)
    assert timedelta(0) < due - clock.now <= timedelta(seconds=63)
    assert not allowed(app, world.connection, budgets, due - timedelta(milliseconds=10))
    assert allowed(app, world.connection, budgets, due + timedelta(milliseconds=10))


def test_a_spent_second_does_not_cost_a_call_of_the_day(app: App, world: World, clock: Clock) -> None:
    budgets = (Budget(1, timedelta(seconds=5)), Budget(250, DAY))
    assert [allowed(app, world.connection, budgets, clock.now) for _ in range(3)] == [True, False, False]
    assert used(app, 86400) == {"calls": 1, "polls": 1}


def test_two_processes_at_once_do_not_spend_one_call_twice(app: App, world: World, clock: Clock) -> None:
    budgets, won = (Budget(250, DAY),), []
    threads = [
        threading.Thread(target=lambda: won.append(allowed(app, world.connection, budgets, clock.now)))
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    bucket = Bucket.of(budgets[0])
    assert sum(won) == bucket.burst - bucket.reserve
    assert used(app, 86400) == {"calls": sum(won), "polls": sum(won)}


def test_what_cannot_wait_is_called_and_polls_make_up_for_it(app: App, world: World, clock: Clock) -> None:
    budgets = (Budget(60, HOUR),)
    with app.db.transaction() as tx:
        for _ in range(10):
            spend(tx, world.connection.id or 0, budgets, clock.now, Purpose.LABEL, must=True)
    assert used(app, 3600) == {"calls": 10, "labels": 10}
    assert not allowed(app, world.connection, budgets, clock.now + timedelta(minutes=8))
    assert allowed(app, world.connection, budgets, clock.now + timedelta(minutes=10))


def test_the_operator_s_own_figures_replace_the_carrier_s() -> None:
    row = Connection(
        carrier="northpost", name="n", config={"calls_per_second": 2, "calls_per_day": "90"}, created_at=NOON
    )
    assert budgets_of(row) == [Budget(2, timedelta(seconds=1)), Budget(90, DAY)]
    row.config = {"calls_per_second": "many", "calls_per_hour": -3}
    assert budgets_of(row) == [Budget(10, timedelta(seconds=1))]
    assert counted_periods(budgets_of(row)) == [3600, 86400]


def test_every_request_of_a_line_is_counted_for_what_it_is(app: App, world: World, clock: Clock) -> None:
    with FakeServer({"GET /v1/x": lambda _: Answered({})}) as server:
        row = connect(app, base_url=server.url)
        line = open_line(app, row, purpose=Purpose.POLL, paid=1)
        for _ in range(3):
            line.get("/v1/x")
        line.get(server.url + "/v1/x", public=True)
        open_line(app, row, purpose=Purpose.LABEL).get("/v1/x")
        open_line(app, row).get("/v1/x")
    assert used(app, 3600) == {"calls": 4, "polls": 2, "labels": 1}
