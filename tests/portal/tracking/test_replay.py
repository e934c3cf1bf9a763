"""Replay: rebuilds what is derived, shows it first, mails nobody."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlmodel import col, select, update

from portal.app import App
from portal.jobs.delays import look_again
from portal.tables import Inbox, Outbox, Scan, Shipment
from portal.tracking.replay import apply, plan
from tests.conftest import Clock
from tests.portal.tracking.northpost import answer, connect, event, journey
from tests.portal.tracking.test_ingest import body, drain, keep, messages, shipment
from tests.world import World


def delivered(app: App, world: World, clock: Clock) -> None:
    keep(app, world.connection, body(journey(clock.now - timedelta(hours=46))))
    drain(app)
    settle(app)


def settle(app: App) -> None:
    """Gives the parcels that nobody has spoken of their story."""
    with app.db.transaction() as tx:
        tx.exec(update(Shipment).where(col(Shipment.heard_at).is_(None)).values(delay_at=app.now()))
    look_again(app)


def everything(app: App) -> list[Any]:
    with app.db.reading() as tx:
        rows: list[Any] = []
        for table in (Shipment, Scan, Inbox, Outbox):
            rows += [row.model_dump() for row in tx.exec(select(table).order_by(col(table.id)))]
    return rows


def test_nothing_to_change_is_nothing_shown(app: App, world: World, clock: Clock) -> None:
    delivered(app, world, clock)
    assert plan(app.db, now=clock.now) == []


def test_what_another_brands_account_says_is_replayed_as_little_as_it_was_taken(
    app: App, world: World, clock: Clock
) -> None:
    keep(app, connect(app, brand_id=world.basalt.id), body(journey(clock.now - timedelta(hours=46))))
    drain(app)
    settle(app)
    assert shipment(app).story["count"] == 0
    assert plan(app.db, now=clock.now) == []


def test_one_parcel_told_twice_in_one_body_in_two_spellings_stays_whole(app: App, world: World, clock: Clock) -> None:
    collected, at_hub = (event(code, clock.now - timedelta(hours=hours)) for code, hours in (("COL", 9), ("HIN", 3)))
    (again,) = answer("np4471-09260 gb", [at_hub])["parcels"]
    whole = answer("NP447109260GB", [collected])
    keep(app, world.connection, orjson.dumps(whole | {"parcels": [*whole["parcels"], again]}))
    drain(app)
    settle(app)
    assert shipment(app).story["count"] == 2
    assert plan(app.db, now=clock.now) == []


def test_a_plan_writes_nothing_and_the_change_is_what_was_shown(app: App, world: World, clock: Clock) -> None:
    delivered(app, world, clock)
    with app.db.transaction() as tx:
        tx.exec(update(Scan).where(col(Scan.code) == "DLP").values(status=None, sub_status=None))
        tx.exec(update(Shipment).values(status="out_for_delivery", sub_status=None, delivered_at=None))
        tx.exec(update(Shipment).where(col(Shipment.number_key) != "NP447109260GB").values(status="pending"))
    before = everything(app)
    (change,) = [found for found in plan(app.db, now=clock.now) if found.number == "NP447109260GB"]
    assert everything(app) == before
    assert ("status", "out_for_delivery", "delivered") in change.fields
    assert (change.added, change.removed, change.changed, change.brand) == (0, 0, 1, "juniper")
    assert "status: out_for_delivery -> delivered, " in str(change)
    seen: list[int] = []
    apply(app, [change], progress=seen.append)
    assert seen == [1]
    assert shipment(app).status == "delivered"
    assert shipment(app).delivered_at == datetime.fromisoformat(journey(clock.now - timedelta(hours=46))[-1]["at"])
    assert [found for found in plan(app.db, now=clock.now) if found.number == change.number] == []


def test_scans_that_are_lost_come_back_from_the_bodies_and_mail_nobody(app: App, world: World, clock: Clock) -> None:
    delivered(app, world, clock)
    with app.db.transaction() as tx:
        for table in (Scan, Outbox):
            for row in tx.exec(select(table)).all():
                tx.delete(row)
    changes = plan(app.db, brand=world.juniper, shipment="np447109260gb", now=clock.now)
    assert [change.added for change in changes] == [7]
    apply(app, changes)
    with app.db.reading() as tx:
        assert len(tx.exec(select(Scan)).all()) == 7
    assert set(messages(app).values()) == {"replay"}


def test_what_was_dead_and_is_understood_now_is_taken_up(app: App, world: World, clock: Clock) -> None:
    settle(app)
    keep(app, world.connection, body([event("COL", clock.now)]))
    with app.db.transaction() as tx:
        tx.exec(update(Inbox).values(dead_at=clock.now, next_at=None, error="northpost: surprise"))
    changes = plan(app.db, now=clock.now)
    assert [change.added for change in changes] == [1]
    apply(app, changes)
    with app.db.reading() as tx:
        row = tx.exec(select(Inbox)).one()
    assert (row.dead_at, row.done_at, row.error) == (None, clock.now, "")
    assert shipment(app).status == "picked_up"


def test_a_scan_that_no_body_supports_any_more_goes(app: App, world: World, clock: Clock) -> None:
    delivered(app, world, clock)
    with app.db.transaction() as tx:
        stray = tx.exec(select(Scan).where(Scan.code == "DLP")).one()
        stray.key = "another key"
    (change,) = plan(app.db, now=clock.now)
    assert (change.added, change.removed, change.changed) == (1, 1, 0)


def test_scans_whose_body_had_its_time_stay(app: App, world: World, clock: Clock) -> None:
    delivered(app, world, clock)
    with app.db.transaction() as tx:
        for row in tx.exec(select(Inbox)).all():
            tx.delete(row)
        tx.exec(update(Scan).where(col(Scan.code) == "HIN").values(status=None, sub_status=None))
    (change,) = plan(app.db, now=clock.now)
    assert (change.added, change.removed, change.changed) == (0, 0, 1)
    apply(app, [change])
    with app.db.reading() as tx:
        assert tx.exec(select(Scan.sub_status).where(Scan.code == "HIN")).one() == "in_transit.arrived_hub"


def test_another_brands_parcels_are_left_alone(app: App, world: World, clock: Clock) -> None:
    delivered(app, world, clock)
    with app.db.transaction() as tx:
        tx.exec(update(Shipment).values(status="exception"))
    assert {change.brand for change in plan(app.db, brand=world.basalt, now=clock.now)} == {"basalt"}
