"""Polls: paced, paused, resting and resuming, against a fake carrier over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, select, update
from structlog.testing import capture_logs

from carriers.contract import Budget, Fetched
from carriers.errors import BadCredentials
from portal.app import App
from portal.connections import base_url, create_connection, credentials
from portal.jobs.delays import look_again
from portal.keys import CannotDecrypt
from portal.tables import Connection, Inbox, Order, Shipment
from portal.tracking import poll as module
from portal.tracking.budget import spend
from portal.tracking.poll import CALLS_A_ROUND, is_resting, poll
from portal.tracking.refold import BREAKER
from tests.carriers.fakes.server import Answered, FakeServer, Received
from tests.conftest import Clock
from tests.portal.tracking.northpost import answer, connect, event
from tests.portal.tracking.test_ingest import drain, shipment
from tests.world import World

NUMBER = "NP447109260GB"


class Fake(FakeServer):
    """Northpost, knowing the parcels that the test gives it."""

    def __init__(self) -> None:
        super().__init__({"POST /v1/track": self.track})
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.estimate: dict[str, str] | None = None

    def track(self, received: Received) -> Answered:
        numbers = received.json()["numbers"]
        known = [answer(n, self.events[n], estimate=self.estimate)["parcels"][0] for n in numbers if n in self.events]
        return Answered({"parcels": known, "unknown": [n for n in numbers if n not in self.events]})


@pytest.fixture
def carrier() -> Iterator[Fake]:
    with Fake() as server:
        yield server


@pytest.fixture
def connection(app: App, world: World, carrier: Fake) -> Connection:
    """An account at the fake, followed by every parcel of the world."""
    row = connect(app, base_url=carrier.url)
    with app.db.transaction() as tx:
        tx.exec(update(Shipment).values(connection_id=row.id))
    return row


def again(app: App, connection: Connection) -> Connection:
    with app.db.reading() as tx:
        return tx.get_one(Connection, connection.id)


def bodies(app: App) -> list[Inbox]:
    with app.db.reading() as tx:
        return list(tx.exec(select(Inbox).order_by(col(Inbox.id))).all())


def test_what_is_due_is_asked_in_one_batch_and_read_through_the_inbox(
    app: App, world: World, clock: Clock, carrier: Fake, connection: Connection
) -> None:
    carrier.events[NUMBER] = [event("COL", clock.now)]
    assert poll(app) == 3
    assert len(carrier.requests) == 1
    assert carrier.requests[0].headers["northpost-key"] == "np_test_key"
    (row,) = bodies(app)
    assert (row.via, row.http_status, sorted(row.asked)[0]) == ("poll", 200, NUMBER)
    drain(app)
    assert shipment(app).status == "picked_up"
    assert shipment(app, "NP447109261GB").sub_status == "pending.not_found"
    assert poll(app) == 0
    clock.forward(timedelta(hours=7))
    assert poll(app) == 3


def test_an_unchanged_answer_is_one_row_and_its_age_is_known(
    app: App, world: World, clock: Clock, carrier: Fake, connection: Connection
) -> None:
    carrier.events[NUMBER] = [event("COL", clock.now)]
    for _ in range(3):
        clock.forward(timedelta(hours=7))
        poll(app)
        drain(app)
    assert len(bodies(app)) == 1
    assert shipment(app).heard_at == clock.now


def test_an_estimate_that_goes_there_and_back_is_right(
    app: App, world: World, clock: Clock, carrier: Fake, connection: Connection
) -> None:
    carrier.events[NUMBER] = [event("COL", clock.now)]
    for day in ("2026-11-27", "2026-11-28", "2026-11-27"):
        carrier.estimate = {"from": day, "to": day}
        clock.forward(timedelta(hours=7))
        poll(app)
        drain(app)
        row = shipment(app)
        assert str(row.window_to) == day


def test_a_429_pauses_the_whole_credential_for_as_long_as_the_carrier_says(
    app: App, world: World, clock: Clock, carrier: Fake, connection: Connection
) -> None:
    carrier.next_answers = [Answered({}, 429, {"Retry-After": "600"})]
    poll(app)
    assert again(app, connection).paused_until == clock.now + timedelta(seconds=600)
    clock.forward(timedelta(seconds=599))
    assert poll(app) == 0
    clock.forward(timedelta(seconds=1))
    assert poll(app) == 3


def test_an_answer_that_was_under_way_does_not_end_a_pause(
    app: App, world: World, clock: Clock, carrier: Fake, connection: Connection
) -> None:
    until = clock.now + timedelta(minutes=10)

    def meanwhile(received: Received) -> Answered:
        with app.db.transaction() as tx:
            tx.exec(update(Connection).values(paused_until=until))
        return carrier.track(received)

    carrier.routes["POST /v1/track"] = meanwhile
    assert poll(app) == 3
    assert again(app, connection).paused_until == until


def test_many_accounts_that_rest_or_have_no_call_left_do_not_keep_others_waiting(
    app: App, world: World, clock: Clock, carrier: Fake, connection: Connection
) -> None:
    idle = [connect(app, base_url=carrier.url) for _ in range(2 * CALLS_A_ROUND)]
    with app.db.transaction() as tx:
        tx.exec(update(Connection).where(col(Connection.id) == connection.id).values(last_poll_at=clock.now))
        order = tx.get_one(Order, world.order.id)
        for n, account in enumerate(idle):
            account = tx.get_one(Connection, account.id)
            if n % 2:
                account.failures, account.last_error_at = BREAKER, clock.now
            else:
                account.config = account.config | {"calls_per_day": "1"}
                spend(tx, account.id or 0, (Budget(1, timedelta(days=1)),), clock.now)
            tx.add(
                Shipment(
                    brand_id=order.brand_id,
                    order_id=order.id or 0,
                    connection_id=account.id,
                    carrier="northpost",
                    number=f"N{n}",
                    number_key=f"N{n}",
                    created_at=clock.now,
                    updated_at=clock.now,
                    next_at=clock.now,
                )
            )
    assert poll(app) == 3


def test_wrong_credentials_turn_the_connection_red_until_one_call_works_again(
    app: App, world: World, clock: Clock, carrier: Fake, connection: Connection
) -> None:
    carrier.next_answers = [Answered({"error": {"code": "KEY", "message": "no such key"}}, 401)]
    poll(app)
    red = again(app, connection)
    assert (red.state, red.state_text) == ("bad_credentials", "KEY: no such key")
    assert shipment(app).error == "BadCredentials: KEY: no such key"
    clock.forward(timedelta(minutes=14))
    assert poll(app) == 0
    clock.forward(timedelta(minutes=1))
    assert poll(app) == 3
    drain(app)
    assert again(app, connection).state == "ok"
    assert shipment(app).error == ""


def test_five_failures_in_a_row_open_the_breaker_and_one_success_closes_it(
    app: App, world: World, clock: Clock, carrier: Fake, connection: Connection
) -> None:
    def due_now() -> None:
        with app.db.transaction() as tx:
            tx.exec(update(Shipment).values(next_at=clock.now))

    carrier.next_answers = [Answered(b"<html>", 503)] * 5
    for _ in range(5):
        due_now()
        poll(app)
    assert again(app, connection).failures == 5
    due_now()
    assert poll(app) == 0
    clock.forward(timedelta(minutes=1))
    assert poll(app) == 3
    assert again(app, connection).failures == 0


def test_of_two_processes_that_see_the_rest_end_one_tries_the_carrier(
    app: App, world: World, clock: Clock, connection: Connection
) -> None:
    with app.db.transaction() as tx:
        account = tx.get_one(Connection, connection.id)
        account.failures, account.last_error_at = BREAKER, clock.now - timedelta(minutes=1)
        tx.exec(update(Shipment).values(next_at=clock.now))
    (seen,) = module.due_connections(app)
    assert module.claim_call(app, seen, 1) is not None
    assert module.claim_call(app, seen, 1) is None


def test_what_people_decide_while_a_carrier_is_asked_stays(
    app: App, world: World, clock: Clock, connection: Connection
) -> None:
    with app.db.transaction() as tx:
        tx.exec(update(Shipment).values(next_at=clock.now))
    found = module.claim_call(app, connection, 1)
    assert found is not None
    clock.forward(timedelta(seconds=3))
    with app.db.transaction() as tx:
        tx.get_one(Connection, connection.id).state = "disabled"
        tx.get_one(Shipment, found.rows[0].id).next_at = clock.now
    clock.forward(timedelta(seconds=3))
    module._keep(app, found, Fetched(200, b"{}"))
    assert again(app, connection).state == "disabled"
    with app.db.reading() as tx:
        assert tx.get_one(Shipment, found.rows[0].id).next_at == clock.now - timedelta(seconds=3), "asked for anew"


def test_the_breaker_of_one_carrier_leaves_the_others_alone(
    app: App, world: World, clock: Clock, carrier: Fake, connection: Connection
) -> None:
    with app.db.transaction() as tx:
        dead = tx.get_one(Connection, world.connection.id)
        dead.state, dead.last_error_at = "bad_credentials", clock.now
        tx.exec(update(Shipment).where(col(Shipment.number) == NUMBER).values(connection_id=dead.id))
    assert poll(app) == 2


def test_failures_are_tried_again_later_and_later(
    app: App, world: World, clock: Clock, carrier: Fake, connection: Connection
) -> None:
    waits = []
    for _ in range(3):
        carrier.next_answers = [Answered(b"", 500)]
        poll(app)
        due = shipment(app).next_at
        assert due
        waits.append((due - clock.now) / timedelta(minutes=1))
        clock.now = due
    assert [round(wait / 2**n) for n, wait in enumerate(waits)] == [1, 1, 1]


def test_a_carrier_that_is_down_from_the_start_leaves_an_honest_story(
    app: App, world: World, clock: Clock, carrier: Fake, connection: Connection
) -> None:
    carrier.next_answers = [Answered(b"", 500)]
    poll(app)
    look_again(app)
    row = shipment(app)
    assert (row.story["step"], row.status, row.heard_at, row.delay) == (1, "pending", None, "at_risk")


def test_nothing_is_claimed_when_the_budget_is_spent(
    app: App, world: World, clock: Clock, carrier: Fake, connection: Connection
) -> None:
    with app.db.transaction() as tx:
        for _ in range(5):
            spend(tx, connection.id or 0, (Budget(10, timedelta(seconds=1)),), clock.now)
    assert poll(app) == 0
    assert shipment(app).next_at == clock.now
    assert carrier.requests == []
    clock.forward(timedelta(seconds=1))
    assert poll(app) == 3


def test_a_parcel_nobody_can_be_asked_about_gets_its_story_and_rests(app: App, world: World, clock: Clock) -> None:
    with app.db.transaction() as tx:
        tx.exec(update(Shipment).values(connection_id=None, carrier="Grandma's van"))
    assert poll(app) == 0
    look_again(app)
    row = shipment(app)
    assert (row.next_at, row.story["window"]["why"], row.story["step"]) == (None, "promise", 1)
    assert row.story["followed"] is False
    assert row.delay_at


def test_an_account_made_later_takes_up_the_parcels_that_wait_for_it(
    app: App, world: World, clock: Clock, carrier: Fake
) -> None:
    with app.db.transaction() as tx:
        tx.exec(update(Shipment).values(connection_id=None, next_at=None))
    row = connect(app, base_url=carrier.url, brand_id=world.juniper.id)
    assert poll(app) == 2
    assert shipment(app).connection_id == row.id


def test_an_adapter_that_breaks_is_a_failure_of_the_connection(
    app: App, world: World, clock: Clock, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(module, "open_line", broken)
    with capture_logs() as logs:
        assert poll(app) == 3
    assert [entry["event"] for entry in logs] == ["poll_failed", "poll_refused"]
    assert again(app, connection).failures == 1


def test_secrets_written_under_another_key_are_red_and_not_a_crash(
    app: App, world: World, clock: Clock, connection: Connection
) -> None:
    with app.db.transaction() as tx:
        tx.get_one(Connection, connection.id).secrets = b"x" * 40
    poll(app)
    assert again(app, connection).state == "bad_credentials"
    with pytest.raises(CannotDecrypt):
        credentials(app, again(app, connection))


@pytest.mark.parametrize(
    "url",
    [
        "http://api.northpost.example",
        "https://user:pw@api.northpost.example",
        "ftp://127.0.0.1",
        "https://",
        "nonsense",
        "http://127.0.0.1.northpost.example",
        "https://[::1",
    ],
)
def test_only_https_or_this_machine_in_a_trial_is_an_api_address(app: App, url: str) -> None:
    with pytest.raises(BadCredentials):
        base_url(app, Connection(carrier="northpost", name="n", config={"base_url": url}, created_at=app.now()))


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://localhost:9", "https://127.0.0.1", "https://[::1]:9"])
def test_this_machine_is_an_api_address_in_a_trial_alone(app: App, url: str) -> None:
    from dataclasses import replace

    row = Connection(carrier="northpost", name="n", config={"base_url": url}, created_at=app.now())
    assert base_url(app, row) == url
    strict = replace(app, settings=app.settings.model_copy(update={"test_carriers": False}))
    with pytest.raises(BadCredentials, match="DOORSTEP_TEST_CARRIERS"):
        base_url(strict, row)


def test_fields_of_an_account_are_checked_and_secrets_sealed(app: App, world: World) -> None:
    with app.db.transaction() as tx:
        for fields, words in (({}, "needs"), ({"api_key": "k", "base_url": "x", "colour": "red"}, "no field colour")):
            with pytest.raises(ValueError, match=words):
                create_connection(
                    tx, app.keys, carrier="northpost", name="n", brand_id=None, fields=fields, now=app.now()
                )
    row = connect(app)
    assert b"np_test_key" not in row.secrets
    assert "api_key" not in row.config
    assert credentials(app, row)["api_key"] == "np_test_key"


def test_resting_grows_with_the_failures() -> None:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    row = Connection(carrier="x", name="x", created_at=now, failures=7, last_error_at=now)
    assert is_resting(row, now + timedelta(minutes=3, seconds=59))
    assert not is_resting(row, now + timedelta(minutes=4))
