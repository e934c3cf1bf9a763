"""Pace: how soon it is worth asking again, and who comes first when the calls do not go round."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import col, select, update

from carriers.contract import Scan, ZoneFrom
from carriers.status import FINAL, Status
from portal.app import App
from portal.claim import claim
from portal.tables import Connection, ConnectionPace, Shipment
from portal.tracking.pace import FRESH, near_day, near_from, next_poll, rank
from portal.tracking.poll import AFTERCARE_WAITS, claim_call, poll
from portal.tracking.timeline import Fold, Kept, fold
from portal.tracking.window import Window
from tests.conftest import NOON, Clock
from tests.world import World

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONE = "Europe/London"
TODAY = NOON.date()


def scanned(status: Status, at: datetime) -> Fold:
    kept = [
        Kept("a", Scan(NOON - 9 * DAY, "2026-11-15T12:00:00", None, ZoneFrom.CARRIER, "A", "", Status.PICKED_UP)),
        Kept("b", Scan(at, at.replace(tzinfo=None).isoformat(), None, ZoneFrom.CARRIER, "B", "", status)),
    ]
    return fold(kept, ZONE)


def wait(folded: Fold, window: Window = Window(), now: datetime = NOON, **more: Any) -> timedelta | None:  # noqa: B008
    due = next_poll(folded, window, NOON - 9 * DAY, ZONE, now, rng=random.Random(1), **more)
    return None if due is None else due - now


def days(start: int, end: int | None = None) -> Window:
    return Window(TODAY + start * DAY, TODAY + (start if end is None else end) * DAY, "carrier")


moving = scanned(Status.IN_TRANSIT, NOON - 5 * HOUR)


def test_what_is_due_today_or_tomorrow_is_asked_about_before_two_hours_are_over() -> None:
    for window in (days(0), days(1), days(-1, 3), days(1, 4)):
        found = wait(moving, window)
        assert found
        assert found <= FRESH * 11 / 12


def test_what_is_due_later_waits_and_is_asked_about_the_moment_that_it_is_due_tomorrow() -> None:
    assert (wait(moving, days(4)) or DAY) > 5 * HOUR
    evening = NOON + 9 * HOUR  # three hours before the day after tomorrow is tomorrow
    found = wait(moving, days(2), evening)
    assert found
    assert 0.9 * 3 * HOUR <= found <= 1.1 * 3 * HOUR


def test_long_silence_without_a_near_date_is_asked_about_half_as_often() -> None:
    silent = scanned(Status.IN_TRANSIT, NOON - 4 * DAY)
    assert (wait(silent) or HOUR) >= 1.7 * (wait(moving) or DAY)
    assert (wait(silent, days(1)) or DAY) <= FRESH


def test_where_the_carrier_pushes_polls_only_repair() -> None:
    out = scanned(Status.OUT_FOR_DELIVERY, NOON - HOUR)
    assert (wait(out) or DAY) <= 1.1 * HOUR
    assert (wait(out, days(0), is_pushed=True) or HOUR) >= 0.9 * FRESH
    new = Fold(status=Status.INFO_RECEIVED)
    known = NOON - HOUR
    pushed, alone = (
        next_poll(new, Window(), known, ZONE, NOON, is_pushed=is_pushed, rng=random.Random(1))
        for is_pushed in (True, False)
    )
    assert pushed
    assert alone
    assert round((pushed - NOON) / (alone - NOON), 3) == 1.5


def test_a_missed_date_counts_for_three_days_more() -> None:
    assert near_from(moving, Window(), TODAY - DAY, ZONE, NOON) == near_day(TODAY - DAY, ZONE)
    assert near_from(moving, Window(), TODAY - 5 * DAY, ZONE, NOON) is None
    assert near_from(scanned(Status.RETURNING, NOON), days(0), None, ZONE, NOON) is None
    assert near_from(scanned(Status.DELIVERED, NOON), days(0), None, ZONE, NOON) is None


def test_a_day_is_near_from_the_midnight_before_the_day_before() -> None:
    assert near_day(date(2026, 11, 25), ZONE) == datetime.fromisoformat("2026-11-24T00:00:00+00:00")
    assert near_day(date(2026, 11, 25), "America/New_York") == datetime.fromisoformat("2026-11-24T05:00:00+00:00")
    assert near_day(None, ZONE) is None


@given(
    st.sampled_from(sorted(Status)),
    st.integers(0, 24 * 40),
    st.none() | st.tuples(st.integers(-3, 9), st.integers(0, 3)),
    st.none() | st.integers(-6, 3),
    st.booleans(),
    st.integers(0, 30),
)
def test_whatever_is_known_the_next_poll_is_ahead_and_within_a_day_or_so(
    status: Status, hours: int, window: tuple[int, int] | None, missed: int | None, is_pushed: bool, age: int
) -> None:
    folded = scanned(status, NOON - hours * HOUR)
    expected = days(window[0], sum(window)) if window and status not in FINAL else Window()
    day = TODAY + missed * DAY if missed is not None else None
    due = next_poll(folded, expected, NOON - age * DAY, ZONE, NOON, missed=day, is_pushed=is_pushed)
    if due is None:
        assert folded.is_final
        return
    assert timedelta(minutes=50) < due - NOON <= 1.1 * DAY
    near = near_from(folded, expected, day, ZONE, NOON)
    if near and near <= NOON and folded.has_moved:
        assert due - NOON <= 1.1 * FRESH


KINDS: dict[str, dict[str, Any]] = {
    "prompted": {"prompted_at": NOON, "status": "in_transit", "heard_at": NOON - HOUR},
    "out": {"status": "out_for_delivery", "heard_at": NOON - 3 * HOUR},
    "today": {"near_from": NOON - 30 * HOUR, "heard_at": NOON - 2 * HOUR, "status": "in_transit"},
    "tomorrow": {"near_from": NOON - HOUR, "heard_at": NOON - 4 * HOUR, "status": "in_transit"},
    "overdue": {"near_from": NOON - 4 * DAY, "heard_at": NOON - 20 * HOUR, "status": "in_transit"},
    "unknown": {},
    "pushed": {"near_from": NOON - 2 * DAY, "pushed_at": NOON - 5 * HOUR, "heard_at": NOON - 5 * HOUR},
    "fresh": {"status": "out_for_delivery", "heard_at": NOON - HOUR},
    "later": {"near_from": NOON + DAY, "heard_at": NOON - 9 * HOUR, "status": "in_transit"},
    "delivered": {"status": "delivered", "heard_at": NOON - 30 * HOUR},
    "forlorn": {"heard_at": NOON - 30 * HOUR, "created_at": NOON - 20 * DAY},
}


def parcel(world: World, number: str, *, created_at: datetime, next_at: datetime) -> Shipment:
    return Shipment(
        brand_id=world.juniper.id or 0,
        order_id=world.order.id or 0,
        connection_id=world.connection.id,
        carrier="northpost",
        number=number,
        number_key=number,
        created_at=created_at,
        updated_at=created_at,
        next_at=next_at,
    )


def fill(app: App, world: World) -> None:
    with app.db.transaction() as tx:
        tx.exec(update(Shipment).values(next_at=None))
        for number, (name, values) in enumerate(KINDS.items()):
            row = parcel(world, name, created_at=NOON - HOUR, next_at=NOON - number * timedelta(minutes=1))
            for column, value in values.items():
                setattr(row, column, value)
            tx.add(row)


def in_turn(app: App, **more: bool) -> list[str]:
    found = []
    with app.db.transaction() as tx:
        while rows := claim(tx, Shipment, NOON, limit=1, first=rank(NOON, **more)):
            found += [row.number for row in rows]
    return found


def test_what_matters_is_claimed_first(app: App, world: World) -> None:
    fill(app, world)
    near = ["out", "today", "tomorrow", "overdue"]
    assert in_turn(app) == ["prompted", *near, "unknown", "later", "fresh", "pushed", "forlorn", "delivered"]


def test_at_their_turn_the_others_go_before_what_is_due(app: App, world: World) -> None:
    fill(app, world)
    rest = ["later", "fresh", "pushed", "unknown", "overdue"]  # by how long they are due
    found = in_turn(app, is_turn_of_the_rest=True)
    assert found == ["prompted", *rest, "today", "out", "tomorrow", "forlorn", "delivered"]


def test_under_a_quota_that_is_far_too_small_both_what_is_due_and_the_rest_are_served(
    app: App, world: World, clock: Clock
) -> None:
    with app.db.transaction() as tx:
        tx.exec(update(Connection).values(config={"calls_per_hour": 60}))
        tx.exec(update(Shipment).values(next_at=None))
        for number in range(60):
            row = parcel(world, str(number), created_at=NOON - DAY, next_at=NOON)
            row.status, row.heard_at = "in_transit", NOON - 6 * HOUR
            row.near_from = NOON - 30 * HOUR if number % 2 else NOON + 3 * DAY
            tx.add(row)
    with app.db.reading() as tx:
        connection = tx.get_one(Connection, world.connection.id)
    served, rng = [], random.Random(3)
    for _ in range(40):
        found = claim_call(app, connection, 1, rng=rng)
        served += [int(row.number) % 2 for row in found.rows] if found else []
        with app.db.transaction() as tx:
            tx.exec(update(Shipment).where(col(Shipment.tries) > 0).values(next_at=NOON + DAY))
        clock.forward(timedelta(seconds=63))
    assert len(served) == 40
    assert sum(served) == 30  # every one that is due
    assert sum(served[:20]) >= 12
    assert 0 in served[:20]


def test_aftercare_that_had_to_wait_a_day_is_dropped(app: App, world: World, clock: Clock) -> None:
    first, second = world.shipments
    with app.db.transaction() as tx:
        tx.exec(update(Shipment).values(next_at=clock.now, status="delivered"))
        tx.exec(update(Shipment).where(col(Shipment.id) == second.id).values(status="in_transit"))
        tx.exec(update(Connection).values(paused_until=clock.now + 9 * DAY))
    clock.forward(AFTERCARE_WAITS)
    assert poll(app) == 0
    with app.db.reading() as tx:
        due = {row.id: row.next_at for row in tx.exec(select(Shipment)).all()}
    assert (due[first.id], due[second.id]) == (None, clock.now - AFTERCARE_WAITS)


def test_one_call_alone_tries_whether_a_broken_connection_works_again(app: App, world: World, clock: Clock) -> None:
    with app.db.transaction() as tx:
        row = tx.get_one(Connection, world.connection.id)
        row.failures, row.last_error_at = 5, clock.now - HOUR
    with app.db.reading() as tx:
        seen_by_two = [tx.get_one(Connection, world.connection.id) for _ in range(2)]
    found = [claim_call(app, row, 1) for row in seen_by_two]
    assert [one is not None for one in found] == [True, False]
    with app.db.reading() as tx:
        (paced,) = {row.period_seconds: row for row in tx.exec(select(ConnectionPace)).all()}.values()
    assert paced.spent_until < clock.now.timestamp() + 0.2  # the one who was turned away spent nothing
