"""The workspace: one timeline of everything, notes, news asked for, messages sent again, the shopper's own view."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from portal.app import App
from portal.notify.events import Event
from portal.notify.outbox import put
from portal.tables import (
    AccessLink,
    Audit,
    Brand,
    Note,
    Order,
    Outbox,
    ReturnCase,
    Scan,
    Shipment,
    ShopperSession,
)
from tests.conftest import Clock
from tests.portal.console.desk import Desk, form_of, sign_in
from tests.portal.web.shopping import deliver
from tests.world import World


def add_scan(app: App, world: World, key: str, **values: Any) -> None:
    """One scan of Ada's first parcel."""
    given: dict[str, Any] = {
        "at": app.now() - timedelta(hours=2),
        "local": "2026-11-24T11:00:00",
        "offset": "+01:00",
        "zone_from": "carrier",
        "code": "HX",
        "text": "At the hub",
        "status": "in_transit",
        "city": "Utrecht",
        **values,
    }
    with app.db.transaction() as tx:
        tx.add(Scan(shipment_id=world.shipments[0].id or 0, key=key, received_at=app.now(), **given))


def add_message(app: App, world: World, event: Event = Event.SHIPPED, **values: object) -> Outbox:
    """One message about Ada's first parcel, with columns as given."""
    with app.db.transaction() as tx:
        brand, order = tx.get_one(Brand, world.juniper.id), tx.get_one(Order, world.order.id)
        shipment = world.shipments[0].id
        put(tx, event=event, fact="f", brand=brand, order=order, now=app.now(), facts={"a": 1}, shipment_id=shipment)
        row = tx.exec(select(Outbox).order_by(col(Outbox.id).desc())).first()
        assert row is not None
        for name, value in values.items():
            setattr(row, name, value)
        return row


def messages(app: App) -> list[Outbox]:
    with app.db.reading() as tx:
        return list(tx.exec(select(Outbox).order_by(col(Outbox.id))).all())


def test_the_timeline_holds_everything_newest_first_in_the_brands_zone(
    kim: Desk, app: App, order_path: str, world: World
) -> None:
    add_scan(app, world, "a")
    add_message(app, world, subject="It is on its way", text="Hello Ada", done_at=app.now(), next_at=None)
    form = kim.get(order_path).text
    kim.press(form, "/notes", body="Rang, all is well")
    page = kim.get(order_path).text
    places = [page.index(words) for words in ("Rang, all is well", "Hello Ada", "At the hub", "Order placed")]
    assert places == sorted(places)
    assert "10:00</time>" in page  # noon less two hours, in London
    assert "11:00 there" in page  # and what the clock in Utrecht showed
    assert "Europe/London (GMT)" in page


@pytest.mark.parametrize(
    ("show", "there", "gone"), [("carrier", "At the hub", "Hello Ada"), ("messages", "Hello Ada", "At the hub")]
)
def test_the_timeline_can_be_filtered(
    kim: Desk, app: App, order_path: str, world: World, show: str, there: str, gone: str
) -> None:
    add_scan(app, world, "a")
    add_message(app, world, subject="S", text="Hello Ada", done_at=app.now(), next_at=None)
    page = kim.get(f"{order_path}?show={show}").text
    assert there in page
    assert gone not in page


def test_a_time_without_a_zone_and_a_code_never_seen_are_shown_as_such(
    kim: Desk, app: App, order_path: str, world: World
) -> None:
    add_scan(app, world, "a", at=None, offset=None, zone_from="unknown", status=None, code="ZQ9", text="")
    page = kim.get(order_path).text
    assert "local time, zone unknown" in page
    assert "Unknown code ZQ9" in page
    assert "/console/codes/map" not in page  # a meaning holds for every brand, and Kim has one


def test_news_that_came_late_and_scans_of_another_parcel_are_marked_as_such(
    kim: Desk, app: App, order_path: str, world: World, clock: Clock
) -> None:
    add_scan(app, world, "fresh", text="At the hub")
    add_scan(app, world, "history", text="Label made", at=app.now() - timedelta(days=4))
    assert "known to us since" not in kim.get(order_path).text, "all of it came with the first word of the parcel"
    clock.forward(timedelta(minutes=5))
    add_scan(app, world, "late", text="Collected", at=app.now() - timedelta(days=3))
    page = kim.get(order_path).text
    assert page.count("known to us since") == 1
    assert "not counted" not in page
    add_scan(app, world, "reused", text="Delivered", status="delivered", at=app.now() - timedelta(days=300))
    add_scan(app, world, "ahead", text="Delivered", status="delivered", at=app.now() + timedelta(days=300))
    assert kim.get(order_path).text.count("not counted") == 2


def test_who_may_give_a_code_a_meaning_is_led_there(sam: Desk, app: App, order_path: str, world: World) -> None:
    add_scan(app, world, "a", carrier="northpost", status=None, code="Z/9", text="")
    add_scan(app, world, "b")
    page = sam.get(order_path).text
    assert page.count('href="/console/codes/map?carrier=northpost&amp;code=Z/9"') == 1


def test_a_line_end_counts_once_as_in_the_browser(kim: Desk, app: App, order_path: str) -> None:
    path, hidden = form_of(kim.get(order_path).text, "/notes")
    typed = "a\n" * 1999 + "the"  # 4,001 characters less one, as maxlength counts; line ends are sent as two
    kim.post(path, {**hidden, "body": typed[:4000].replace("\n", "\r\n")})
    with app.db.reading() as tx:
        assert tx.exec(select(Note.body)).one() == typed[:4000]


def test_a_note_sent_twice_is_one_note(kim: Desk, app: App, order_path: str) -> None:
    path, hidden = form_of(kim.get(order_path).text, "/notes")
    first = kim.post(path, {**hidden, "body": "  Once\nonly "})
    kim.post(path, {**hidden, "body": "Once only"})
    assert "Note added" in kim.follow(first).text
    with app.db.reading() as tx:
        assert [note.body for note in tx.exec(select(Note)).all()] == ["Once\nonly"]
    assert kim.post(path, {**hidden, "body": "  "}).status_code == 422


def test_what_was_said_after_a_redirect_cannot_be_put_there_by_a_link(kim: Desk, order_path: str, clock: Clock) -> None:
    said = kim.press(kim.get(order_path).text, "/notes", body="x").headers["location"].partition("#")[0]
    assert "Note added" in kim.get(said).text
    assert 'role="status"' not in kim.get(said.replace("said=", "said=A")).text
    assert 'role="status"' not in kim.get(f"{order_path}?said=Your+account+is+closed").text
    clock.forward(timedelta(minutes=3))
    assert 'role="status"' not in kim.get(said).text
    said = kim.press(kim.get(order_path).text, "/notes", body="y").headers["location"].partition("#")[0]
    other = sign_in(kim.client, "sam")
    assert 'role="status"' not in other.get(said).text


def test_asking_for_news_makes_the_poll_due_now(kim: Desk, app: App, order_path: str, world: World) -> None:
    with app.db.transaction() as tx:
        for row in tx.exec(select(Shipment)).all():
            row.next_at = app.now() + timedelta(hours=3)
    path, hidden = form_of(kim.get(order_path).text, "/poll")
    assert kim.post(path, hidden).status_code == kim.post(path, hidden).status_code == 303
    with app.db.reading() as tx:
        due = tx.exec(select(Shipment).where(col(Shipment.next_at) <= app.now())).all()
        asked = tx.exec(select(Audit).where(Audit.act == "shipment.poll_asked")).all()
    assert [row.id for row in due] == [world.shipments[0].id]
    assert len(asked) == 1


@pytest.fixture
def look(kim: Desk, order_path: str) -> str:
    """The path of the shopper's page, opened from the console."""
    target = kim.get(f"{order_path}/as-shopper").headers["location"]
    assert target.startswith("http://juniper.test/t/")
    return str(kim.get(target.removeprefix("http://juniper.test")).headers["location"])


def test_the_shoppers_view_is_marked_lasts_half_an_hour_and_is_on_record(
    kim: Desk, app: App, look: str, world: World, clock: Clock
) -> None:
    assert look == f"/orders/{world.order.public_id}"
    page = kim.get(look)
    assert "You see what the shopper sees." in page.text
    assert "14 Sandgate Row" in page.text, "with everything that the shopper sees"
    with app.db.reading() as tx:
        link, session = tx.exec(select(AccessLink)).one(), tx.exec(select(ShopperSession)).one()
        entry = tx.exec(select(Audit)).one()
    assert (link.agent_id, link.order_id, session.trust) == (world.kim.id, world.order.id, "agent")
    assert (entry.act, entry.actor) == ("order.viewed_as_shopper", f"agent:{world.kim.public_id}")
    assert link.expires_at == app.now() + timedelta(minutes=1)
    clock.forward(timedelta(minutes=30))
    assert kim.get(look).headers["location"] == "/?expired=1"


def test_an_agent_who_looks_acts_for_nobody(kim: Desk, app: App, look: str, world: World) -> None:
    deliver(app, world, app.now())
    wizard = kim.get(f"{look}/returns/new")
    assert "You see what the shopper sees." in wizard.text
    token = re.search(r'name="csrf" value="([^"]+)"', wizard.text)
    assert token
    line = world.lines[1].public_id
    fields = {"csrf": token[1], "item": line, f"reason-{line}": "too_small", "resolution": "refund_original"}
    for target in ("/returns", "/link", "/returns/xyz/cancel"):
        refused = kim.post(look + target, fields)
        assert refused.status_code == 403, target
        assert "You are only looking" in refused.text
    with app.db.reading() as tx:
        assert tx.exec(select(ReturnCase)).all() == []
        assert tx.exec(select(Outbox)).all() == []


def test_a_message_sent_again_is_one_new_message_however_often_pressed(
    kim: Desk, app: App, order_path: str, world: World
) -> None:
    first = add_message(app, world, subject="S", text="T", done_at=app.now(), next_at=None)
    path, hidden = form_of(kim.get(order_path).text, "/again")
    answers = [kim.post(path, hidden) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {303}
    old, new = messages(app)
    assert (new.event, new.facts, new.suppressed, new.done_at) == (first.event, {"a": 1}, "", None)
    assert new.key == f"{old.key.rsplit(':', 2)[0]}~1:{':'.join(old.key.rsplit(':', 2)[1:])}"
    path, hidden = form_of(kim.get(order_path).text, "/again")
    kim.post(path, hidden)
    assert len(messages(app)) == 3


def test_a_message_that_cannot_go_says_why(kim: Desk, app: App, order_path: str, world: World) -> None:
    add_message(app, world, done_at=app.now(), next_at=None, subject="S")
    path, hidden = form_of(kim.get(order_path).text, "/again")
    with app.db.transaction() as tx:
        tx.get_one(Order, world.order.id).email = ""
    page = kim.follow(kim.post(path, hidden)).text
    assert "The message was not queued: the order has no e-mail address." in page


def test_a_dead_message_is_listed_and_tried_again(kim: Desk, app: App, world: World) -> None:
    row = add_message(app, world, dead_at=app.now(), next_at=None, tries=8, error="451 try later")
    assert "451 try later" in kim.get("/console").text
    page = kim.get("/console/messages?show=dead").text
    path, hidden = form_of(page, "/retry")
    assert kim.post(path, hidden).status_code == kim.post(path, hidden).status_code == 303
    (after,) = messages(app)
    assert after.id == row.id
    assert (after.dead_at, after.next_at, after.tries, after.error) == (None, app.now(), 0, "")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"suppressed": "overtaken"}, "a later event overtook it"),
        ({"suppressed": "something_new"}, "something new"),
        ({"dead_at": date(2026, 11, 24), "error": "550 no such user"}, "550 no such user"),
    ],
)
def test_a_message_not_sent_says_why(kim: Desk, app: App, world: World, values: dict[str, Any], words: str) -> None:
    if "dead_at" in values:
        values = {**values, "dead_at": app.now()}
    add_message(app, world, next_at=None, **values)
    assert words in kim.get("/console/messages").text


def test_a_late_parcel_is_on_the_queue_with_both_dates(kim: Desk, app: App, world: World) -> None:
    with app.db.transaction() as tx:
        parcel = tx.get_one(Shipment, world.shipments[0].id)
        parcel.status, parcel.delay = "in_transit", "late"
        parcel.window_from, parcel.window_to = date(2026, 11, 27), date(2026, 11, 28)
    page = kim.get("/console").text
    assert "Promised Tue 24 – Wed 25 Nov, now expected Fri 27 – Sat 28 Nov" in page
    assert 'All open <span class="num">1</span>' in page
    with app.db.transaction() as tx:
        tx.get_one(Shipment, world.shipments[0].id).status = "delivered"
    assert "All clear" in kim.get("/console").text


@pytest.mark.parametrize("show", ["", "parcels", "decide", "receive", "settle", "trouble", "nonsense", "%00"])
def test_an_empty_queue_says_so(kim: Desk, show: str) -> None:
    page = kim.get(f"/console?show={show}")
    assert page.status_code == 200
    assert "All clear" in page.text
