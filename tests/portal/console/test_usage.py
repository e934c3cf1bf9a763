"""Calls to carriers at the desk: spent, left and what for; what is stale; what is wrong and the way on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import update

from portal.app import App
from portal.tables import Connection, ConnectionUse, Shipment
from tests.conftest import Clock
from tests.portal.console.desk import Desk
from tests.portal.console.test_codes import plain
from tests.world import World


def change(app: App, **values: object) -> None:
    with app.db.transaction() as tx:
        tx.exec(update(Connection).values(**values))


def test_spent_calls_are_shown_by_period_and_purpose(kim: Desk, app: App, world: World, clock: Clock) -> None:
    hour = int(clock.now.timestamp()) // 3600
    account = world.connection.id or 0
    now = ConnectionUse(connection_id=account, period_seconds=3600, period=hour, calls=12, polls=9, tokens=2, labels=1)
    before = ConnectionUse(connection_id=account, period_seconds=3600, period=hour - 1, calls=99, polls=99)
    with app.db.transaction() as tx:
        tx.add_all([now, before])
    page = plain(kim.get("/console/usage").text)
    assert "This hour 12 calls no limit known 9 for parcels, 2 for access, 1 for labels" in page
    assert "Today (UTC) 0 calls no limit known nothing yet" in page
    assert "Parcels followed 3, 3 wait to be asked about" in page
    change(app, config={"calls_per_hour": "60"})
    assert "This hour 12 calls 48 of 60 left" in plain(kim.get("/console/usage").text)


@pytest.mark.parametrize(
    ("allowed", "shown"),
    [("14", "2 of 14 left"), ("13", "Nearly spent 1 of 13 left"), ("12", "Spent 0 of 12 left"), ("130", "118 of 130")],
)
def test_what_is_nearly_spent_is_marked(
    kim: Desk, app: App, world: World, clock: Clock, allowed: str, shown: str
) -> None:
    day = int(clock.now.timestamp()) // 86400
    with app.db.transaction() as tx:
        tx.add(ConnectionUse(connection_id=world.connection.id or 0, period_seconds=86400, period=day, calls=12))
    change(app, config={"calls_per_day": allowed})
    assert f"Today (UTC) 12 calls {shown}" in plain(kim.get("/console/usage").text)


def test_what_has_grown_stale_is_counted(kim: Desk, app: App, world: World, clock: Clock) -> None:
    near, heard = clock.now - timedelta(hours=1), clock.now - timedelta(hours=3)
    with app.db.transaction() as tx:
        tx.exec(update(Shipment).values(near_from=near, heard_at=heard))
    assert "Due today or tomorrow 3, 3 not heard of for 2 hours (the oldest for 3 hrs)" in plain(
        kim.get("/console/usage").text
    )


def test_what_is_wrong_comes_with_the_way_on(sam: Desk, app: App, world: World, clock: Clock) -> None:
    def told(**values: object) -> str:
        sound = {"state": "ok", "failures": 0, "paused_until": None, "last_error_at": None, "last_poll_at": clock.now}
        change(app, **{**sound, **values})
        return plain(sam.get("/console/usage").text)

    assert "Works" in told()
    assert "Nobody is asked until it is switched on." in told(state="disabled")
    red = told(state="bad_credentials", last_error_at=clock.now)
    assert "Fill its credentials in again. It is tried again by itself at Tue 24 Nov 12:15. Fill them in" in red
    assert "It is being tried again." in told(state="bad_credentials", last_error_at=clock.now - timedelta(days=1))
    failing = told(failures=6, last_error_at=clock.now)
    assert "After 6 failures in a row it rests until Tue 24 Nov 12:02;" in failing, failing
    assert "The carrier asked for a pause until Tue 24 Nov 12:10." in told(
        paused_until=clock.now + timedelta(minutes=10)
    )


def test_an_installation_without_connections_is_told_what_comes_next(sam: Desk, app: App, world: World) -> None:
    change(app, removed_at=app.now(), state="disabled")
    assert "Connect a carrier" in sam.get("/console/usage").text
