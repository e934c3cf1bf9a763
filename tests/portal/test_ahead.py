"""A clock that was ahead for a while: nothing that was put off meanwhile waits until the wrong time has come."""

from __future__ import annotations

import random
from datetime import timedelta

from sqlmodel import SQLModel, col, select, update

from carriers.http import MAX_PAUSE
from portal.ahead import A_CALL, A_REFUSAL, A_TRY
from portal.app import App
from portal.claim import MAX_TRIES, backoff, claim
from portal.jobs.housekeeping import clean
from portal.notify.contract import SendLater
from portal.tables import (
    CarrierToken,
    Connection,
    ConnectionPace,
    Heartbeat,
    Inbox,
    LinkRequest,
    Shipment,
    Subscription,
)
from portal.tracking.poll import RED_REST, UNTIL_READ, due_connections
from portal.tracking.subscribe import REFUSAL_WAITS
from portal.tracking.tokens import DatabaseTokens
from portal.web.health import report
from tests.conftest import Clock
from tests.portal.notify.test_send import Recorder, run
from tests.portal.tracking.northpost import event
from tests.portal.tracking.test_ingest import body, drain, keep, messages, shipment
from tests.world import World

YEAR = timedelta(days=365)
HALF_A_DAY = timedelta(hours=12)


def put(app: App, row: SQLModel) -> None:
    with app.db.transaction() as tx:
        tx.add(row)


def test_work_that_failed_while_the_clock_was_ahead_is_done_when_it_is_right_again(
    app: App, world: World, clock: Clock
) -> None:
    now = clock.now
    keep(app, world.connection, body([event("COL", now)]))
    drain(app)
    keep(app, world.connection, body([event("HIN", now)]))
    clock.now += HALF_A_DAY
    run(app, Recorder(SendLater("mail relay: down", channel_wide=True)))
    with app.db.transaction() as tx:
        assert claim(tx, Inbox, clock.now, lease=timedelta(minutes=1)), "by a process that dies"
    clock.now = now
    assert (drain(app), run(app, Recorder())) == (0, 0)
    assert clean(app) >= 2
    assert drain(app) == 1
    letters = Recorder()
    run(app, letters)
    assert len(letters.messages) == 1
    assert messages(app)["shipment.shipped:shipped"] == ""
    assert clean(app) == 0


def test_parcels_heard_of_while_the_clock_was_ahead_are_asked_about_and_looked_at(
    app: App, world: World, clock: Clock
) -> None:
    now = clock.now
    clock.now += timedelta(days=5)
    estimate = {"from": "2026-11-30", "to": "2026-11-30"}
    keep(app, world.connection, body([event("COL", now)], estimate=estimate), via="poll")
    drain(app)
    clock.now = now
    with app.db.transaction() as tx:
        others = col(Shipment.id) != world.shipments[0].id
        tx.exec(update(Shipment).where(others).values(next_at=None))
    assert due_connections(app) == []
    clean(app)
    row = shipment(app)
    assert (row.next_at, row.delay_at, row.heard_at) == (now, now, None)
    assert [found.id for found in due_connections(app)] == [world.connection.id]
    estimate = {"from": "2026-11-26", "to": "2026-11-26"}
    keep(app, world.connection, body([event("COL", now)], estimate=estimate))
    drain(app)
    row = shipment(app)
    assert row.estimate
    assert (row.estimate["to"], row.heard_at) == ("2026-11-26", now)


def test_an_account_that_was_paused_while_the_clock_was_ahead_is_called_again(
    app: App, world: World, clock: Clock
) -> None:
    now, ahead = clock.now, clock.now + YEAR
    resting = {"paused_until": ahead, "last_error_at": ahead, "failures": 5, "last_push_at": ahead}
    with app.db.transaction() as tx:
        tx.exec(update(Connection).values(**resting))
    put(app, ConnectionPace(connection_id=world.connection.id or 0, period_seconds=1, spent_until=ahead.timestamp()))
    put(app, CarrierToken(key="k", leased_until=ahead))
    clean(app)
    clock.forward(timedelta(minutes=1))
    assert [found.id for found in due_connections(app)] == [world.connection.id]
    assert DatabaseTokens(app, wait_seconds=0).get("k", lambda: ("token", timedelta(hours=1))) == "token"
    with app.db.reading() as tx:
        assert tx.exec(select(ConnectionPace.spent_until)).one() == now.timestamp()
        assert tx.exec(select(Connection.last_push_at)).one() is None


def test_what_is_put_off_as_far_as_it_can_be_stays(app: App, world: World, clock: Clock) -> None:
    now = clock.now
    put(app, LinkRequest(brand_id=world.juniper.id or 0, email="a@b.test", asked_at=now, next_at=now + A_TRY))
    renewed = Subscription(connection_id=world.connection.id or 0, number="1", state="active", created_at=now)
    renewed.subscribed_at, renewed.expires_at, renewed.next_at = now, now + YEAR, now + YEAR / 2
    put(app, renewed)
    again = now + A_REFUSAL
    put(app, Subscription(connection_id=world.connection.id or 0, number="2", created_at=now, next_at=again))
    with app.db.transaction() as tx:
        tx.exec(update(Shipment).values(next_at=now + A_CALL, delay_at=now + A_CALL))
        done = col(Shipment.id) == world.shipments[0].id
        tx.exec(update(Shipment).where(done).values(status="delivered", next_at=None, delay_at=now + YEAR))
    assert clean(app) == 0
    with app.db.transaction() as tx:
        tx.exec(update(Subscription).values(subscribed_at=now + YEAR, next_at=now + YEAR))
    assert clean(app) == 2


class Latest(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return b


def test_nothing_is_put_off_further_than_that() -> None:
    assert max(backoff(tries, rng=Latest()) for tries in range(1, MAX_TRIES + 9)) < A_TRY
    assert MAX_PAUSE < A_TRY
    assert max(REFUSAL_WAITS) < A_REFUSAL
    assert max(UNTIL_READ, RED_REST, MAX_PAUSE) < A_CALL


def test_a_job_that_told_of_itself_ahead_of_now_proves_no_worker(app: App, world: World, clock: Clock) -> None:
    put(app, Heartbeat(job="send", worker="w", at=clock.now + YEAR))
    with app.db.reading() as tx:
        assert report(tx, clock.now)["worker"] == "silent"
