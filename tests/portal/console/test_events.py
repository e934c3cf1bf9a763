"""Events added by hand: said once, kept by replay, taken back, marked as such, and only on one's own orders."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from portal.app import App
from portal.tables import Audit, Connection, Inbox, Outbox, Scan, Shipment, UnmappedCode
from portal.tracking.byhand import WORDS, Told, add_event
from portal.tracking.ingest import BY_AGENT
from portal.tracking.replay import apply, plan
from portal.tracking.timeline import BY_HAND
from tests.conftest import Clock
from tests.portal.console.desk import Desk, form_of, sign_in
from tests.portal.tracking.northpost import event, journey
from tests.portal.tracking.test_ingest import body, drain, keep, shipment
from tests.portal.tracking.test_replay import settle
from tests.world import World

NUMBER = "NP447109260GB"


def panel(desk: Desk, order_path: str) -> str:
    return desk.get(f"{order_path}?do=event").text


def add(desk: Desk, order_path: str, world: World, **fields: Any) -> Any:
    given = {
        "parcel": world.shipments[0].public_id,
        "status": "delivered.safe_place",
        "day": "2026-11-24",
        "clock": "11:30",
        "text": "Left in the shed",
        "city": "Penrith",
        "country": "GB",
        **fields,
    }
    return desk.press(panel(desk, order_path), "/events", **given)


def undo(desk: Desk, order_path: str) -> Any:
    return desk.press(desk.get(order_path).text, "/undo")


def all_of(app: App, table: Any) -> list[Any]:
    with app.db.reading() as tx:
        return list(tx.exec(select(table).order_by(table.id)).all())


def test_an_event_is_seen_at_once_and_the_shopper_is_told(
    kim: Desk, app: App, world: World, order_path: str, clock: Clock
) -> None:
    page = kim.follow(add(kim, order_path, world)).text
    assert f"Event added to {NUMBER}." in page
    assert "Left in the agreed place" in page
    assert "Added by hand: Left in the shed" in page
    row = shipment(app)
    assert (row.status, row.sub_status) == ("delivered", "delivered.safe_place")
    assert row.delivered_at == clock.now.replace(hour=11, minute=30)
    assert row.heard_at is None
    told = [message.event for message in all_of(app, Outbox) if not message.suppressed]
    assert told == ["shipment.delivered"]
    (kept,) = all_of(app, Inbox)
    assert (kept.via, kept.carrier, kept.asked) == (BY_AGENT, BY_HAND, [world.shipments[0].public_id])
    assert kept.done_at == clock.now
    act = all_of(app, Audit)[-1]
    assert (act.act, act.actor_name, act.facts["status"]) == ("shipment.event_added", "Kim", "delivered.safe_place")


def test_a_form_sent_twice_is_one_event(kim: Desk, app: App, world: World, order_path: str) -> None:
    page = panel(kim, order_path)
    fields = {
        "parcel": world.shipments[0].public_id,
        "status": "in_transit",
        "day": "2026-11-24",
        "clock": "11:30",
    }
    kim.press(page, "/events", **fields)
    again = kim.follow(kim.press(page, "/events", **fields)).text
    assert "done already" in again
    assert len(all_of(app, Scan)) == len(all_of(app, Inbox)) == 1
    acts = [row.act for row in all_of(app, Audit) if row.act.startswith("shipment.event")]
    assert acts == ["shipment.event_added"]


def test_it_is_about_one_parcel_even_where_others_have_its_number(
    kim: Desk, app: App, world: World, order_path: str
) -> None:
    with app.db.transaction() as tx:
        for other in (world.shipments[1].id, world.other_shipment.id):
            row = tx.get_one(Shipment, other)
            row.number, row.number_key, row.carrier = NUMBER, NUMBER, "acme"
    add(kim, order_path, world)
    assert [row.status for row in all_of(app, Shipment)] == ["delivered", "pending", "pending"]


def test_undo_takes_the_event_back_and_what_it_caused(
    kim: Desk, app: App, world: World, order_path: str, clock: Clock
) -> None:
    keep(app, world.connection, body([event("COL", clock.now - timedelta(hours=5))]))
    drain(app)
    add(kim, order_path, world)
    page = kim.follow(undo(kim, order_path)).text
    assert f"The event of {NUMBER} is taken back." in page
    row = shipment(app)
    assert (row.status, row.delivered_at, row.delivered_on) == ("picked_up", None, None)
    assert row.next_at is not None
    assert [scan.carrier for scan in all_of(app, Scan)] == ["northpost"]
    kept = all_of(app, Inbox)[-1]
    assert (kept.via, bool(kept.discarded)) == (BY_AGENT, True)
    assert [act.act for act in all_of(app, Audit)][-2:] == ["shipment.event_added", "shipment.event_undone"]
    assert "took back an event" in page


def test_undo_twice_is_gentle_and_the_carriers_scans_cannot_be_undone(
    kim: Desk, app: App, world: World, order_path: str, clock: Clock
) -> None:
    keep(app, world.connection, body([event("COL", clock.now - timedelta(hours=5))]))
    drain(app)
    add(kim, order_path, world)
    page = kim.get(order_path).text
    assert page.count("/undo") == 1
    kim.press(page, "/undo")
    assert "done already" in kim.follow(kim.press(page, "/undo")).text
    assert [scan.carrier for scan in all_of(app, Scan)] == ["northpost"]


def test_replay_keeps_what_was_said_and_skips_what_was_taken_back(
    kim: Desk, app: App, world: World, order_path: str, clock: Clock
) -> None:
    keep(app, world.connection, body(journey(clock.now - timedelta(hours=46))[:3]))
    drain(app)
    add(kim, order_path, world, status="exception.damaged", clock="11:40")
    undo(kim, order_path)
    add(kim, order_path, world, status="out_for_delivery", clock="11:50")
    settle(app)
    assert plan(app.db, now=clock.now) == []
    with app.db.transaction() as tx:  # everything derived is lost; the raw bodies are there
        for scan in tx.exec(select(Scan)).all():
            tx.delete(scan)
    changes = plan(app.db, now=clock.now)
    assert [(change.number, change.added) for change in changes] == [(NUMBER, 4)]
    apply(app, changes)
    assert shipment(app).status == "out_for_delivery"
    assert [scan.code for scan in all_of(app, Scan) if scan.carrier == BY_HAND] == ["out_for_delivery"]
    settle(app)
    assert plan(app.db, now=clock.now) == []


def test_a_person_may_set_a_parcel_back_and_the_carrier_goes_on_from_there(
    kim: Desk, app: App, world: World, order_path: str, clock: Clock
) -> None:
    scans = [event("COL", clock.now - timedelta(hours=9)), event("DLP", clock.now - timedelta(hours=3))]
    keep(app, world.connection, body(scans))
    drain(app)
    assert shipment(app).status == "delivered"
    add(kim, order_path, world, status="in_transit", text="The driver was at the wrong door")
    row = shipment(app)
    assert (row.status, row.delivered_at, row.delivered_on) == ("in_transit", None, None)
    assert row.next_at is not None
    clock.forward(timedelta(hours=4))
    keep(app, world.connection, body([*scans, event("DLN", clock.now - timedelta(hours=1))]))
    drain(app)
    assert (shipment(app).status, shipment(app).sub_status) == ("delivered", "delivered.neighbour")


def test_a_remark_says_words_and_changes_nothing(kim: Desk, app: App, world: World, order_path: str) -> None:
    before = shipment(app).status
    page = kim.follow(add(kim, order_path, world, status="remark", text="Roadworks")).text
    assert "Remark" in page
    assert "Unknown code remark" not in page
    assert shipment(app).status == before
    assert shipment(app).story["events"][0]["text"] == "Roadworks"
    with app.db.reading() as tx:
        assert tx.exec(select(UnmappedCode)).all() == []


def test_it_is_no_word_from_the_carrier(kim: Desk, app: App, world: World, order_path: str, clock: Clock) -> None:
    keep(app, world.connection, body([event("COL", clock.now - timedelta(hours=5))]))
    drain(app)
    with app.db.transaction() as tx:
        row = tx.get_one(Shipment, world.shipments[0].id)
        row.error, row.pushed_at = "a failure of the last poll", clock.now - timedelta(hours=5)
    heard, due = shipment(app).heard_at, shipment(app).next_at
    clock.forward(timedelta(minutes=20))
    add(kim, order_path, world, status="picked_up", clock="12:10")
    row = shipment(app)
    assert (row.heard_at, row.error) == (heard, "a failure of the last poll")
    assert row.pushed_at == clock.now - timedelta(hours=5, minutes=20)
    assert row.next_at == due


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"status": ""}, "Choose what happened."),
        ({"status": "teleported"}, "Choose what happened."),
        ({"status": "expired"}, "Choose what happened."),
        ({"status": "remark", "text": ""}, "A remark needs words."),
        ({"day": "2026-11-25"}, "lies in the future"),
        ({"day": "2026-11-25", "clock": ""}, "lies in the future"),
        ({"clock": "12:06"}, "lies in the future"),
        ({"day": "tomorrow"}, "do not exist"),
        ({"clock": "25:00"}, "do not exist"),
        ({"day": "2026-03-29", "clock": "01:30"}, "do not exist"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    kim: Desk, app: App, world: World, order_path: str, fields: dict[str, str], says: str
) -> None:
    answer = add(kim, order_path, world, **fields)
    assert answer.status_code == 422
    assert says in answer.text
    assert all_of(app, Inbox) == all_of(app, Scan) == []


def test_a_day_without_a_time_stays_a_day(kim: Desk, app: App, world: World, order_path: str) -> None:
    add(kim, order_path, world, clock="")
    (scan,) = all_of(app, Scan)
    assert (scan.at, scan.local, scan.date_only) == (None, "2026-11-24", True)
    assert str(shipment(app).delivered_on) == "2026-11-24"


def test_every_word_of_the_form_is_taken(app: App, world: World, clock: Clock) -> None:
    from portal.audit import Actor

    for position, word in enumerate(WORDS):
        with app.db.transaction() as tx:
            row = tx.get_one(Shipment, world.shipments[0].id)
            told = Told(word, clock.now.isoformat(), "words")
            assert add_event(tx, app.keys, row, told, f"{position:022d}", Actor("agent:x", "Kim"), clock.now)
    assert len(all_of(app, Scan)) == len(WORDS)


def test_a_brand_gets_one_connection_for_it(kim: Desk, app: App, world: World, order_path: str) -> None:
    for status in ("picked_up", "in_transit"):
        add(kim, order_path, world, status=status)
    with app.db.reading() as tx:
        rows = tx.exec(select(Connection).where(col(Connection.carrier) == BY_HAND)).all()
    assert [(row.brand_id, row.name) for row in rows] == [(world.juniper.id, "Added by hand")]


def test_another_brands_agent_finds_nothing_to_add_to_or_undo(
    kim: Desk, app: App, world: World, order_path: str
) -> None:
    add(kim, order_path, world)
    path, hidden = form_of(kim.get(order_path).text, "/undo")
    lou = sign_in(kim.client, "lou", "basalt.test")
    own = f"/console/orders/{world.other_order.public_id}"
    token = form_of(panel(lou, own), "/events")[1]
    assert lou.post(f"{order_path}/events", {**token, "parcel": world.shipments[0].public_id}).status_code == 404
    assert lou.post(f"{own}/events", {**token, "parcel": world.shipments[0].public_id}).status_code == 404
    assert lou.post(path, {**hidden, "csrf": token["csrf"]}).status_code == 404
    moved = path.replace(order_path, own)
    assert lou.post(moved, {"csrf": token["csrf"]}).status_code == 404
    assert len(all_of(app, Scan)) == 1


def test_an_order_without_parcels_says_so(kim: Desk, app: App, world: World, order_path: str) -> None:
    with app.db.transaction() as tx:
        for number, row in enumerate(tx.exec(select(Shipment)).all()):
            row.carrier, row.number, row.number_key = f"acme{number}", "", ""
    assert "No parcel of this order has a number yet." in panel(kim, order_path)
