"""From inbox to timeline, on real databases: one timeline, one status, one message per fact, nothing lost."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import Session, col, delete, select, update
from structlog.testing import capture_logs

from portal.app import App
from portal.claim import MAX_TRIES, claim
from portal.connections import create_connection
from portal.db import insert_once
from portal.jobs.delays import look_again
from portal.tables import Connection, Inbox, Order, Outbox, ReturnCase, Scan, Shipment, UnmappedCode
from portal.tracking.ingest import NOBODY, ingest
from portal.tracking.refold import refold
from portal.tracking.replay import plan
from tests.carriers.fakes.dpd import answer as parcel_answer
from tests.carriers.fakes.dpd import info
from tests.conftest import Clock
from tests.portal.tracking.northpost import answer, connect, event, journey
from tests.world import World

NUMBER = "NP447109260GB"


def keep(
    app: App, connection: Connection, body: bytes, *, via: str = "hook", status: int = 200, asked: Sequence[str] = ()
) -> None:
    """An inbox row, as the writer and the poller leave it."""
    values: dict[str, Any] = {
        "connection_id": connection.id,
        "carrier": connection.carrier,
        "via": via,
        "hook_key": sha256(body + via.encode()).hexdigest(),
        "http_status": status,
        "headers": {},
        "body": body,
        "asked": list(asked),
        "received_at": app.now(),
        "next_at": app.now(),
        "tries": 0,
        "error": "",
    }
    with app.db.transaction() as tx:
        insert_once(tx, Inbox, values)


def drain(app: App) -> int:
    total = 0
    while handled := ingest(app):
        total += handled
    return total


def shipment(app: App, number: str = NUMBER) -> Shipment:
    with app.db.reading() as tx:
        return tx.exec(select(Shipment).where(Shipment.number_key == number)).one()


def messages(app: App) -> dict[str, str]:
    """Event and fact of each outbox row, with why it was not sent."""
    with app.db.reading() as tx:
        rows = tx.exec(select(Outbox)).all()
    told = {":".join(row.key.split(":")[1:3]): row.suppressed for row in rows}
    assert len(told) == len(rows)
    return told


def body(events: Sequence[dict[str, Any]], number: str = NUMBER, **more: Any) -> bytes:
    return orjson.dumps(answer(number, events, **more))


def test_a_journey_ends_delivered_with_one_message_per_fact(app: App, world: World, clock: Clock) -> None:
    start = clock.now - timedelta(hours=46)
    events = journey(start)
    for count in range(1, len(events) + 1):
        clock.now = start + (datetime.fromisoformat(events[count - 1]["at"]) - start) + timedelta(minutes=1)
        keep(app, world.connection, body(events[:count]))
        keep(app, world.connection, body(events[:count]), via="poll")
        drain(app)
    row = shipment(app)
    assert (row.status, row.sub_status) == ("delivered", "delivered.to_person")
    assert row.delivered_at == datetime.fromisoformat(events[-1]["at"])
    assert row.delivered_on == date(2026, 11, 24)
    assert row.story["step"] == 5
    assert row.story["count"] == len(events)
    assert row.heard_at == clock.now
    assert messages(app) == {
        "shipment.shipped:shipped": "",
        "shipment.out_for_delivery:2026-11-24": "",
        "shipment.delivered:delivered": "",
    }
    with app.db.reading() as tx:
        assert len(tx.exec(select(Scan)).all()) == len(events)
        assert tx.get_one(Connection, world.connection.id).last_push_at == clock.now


def test_news_of_last_week_is_told_on_the_page_and_not_by_mail(app: App, world: World, clock: Clock) -> None:
    keep(app, world.connection, body(journey(clock.now - timedelta(days=7))))
    drain(app)
    assert shipment(app).status == "delivered"
    told = messages(app)
    assert told.pop("shipment.delivered:delivered") == "stale"
    assert set(told.values()) <= {"overtaken"}


def test_a_number_used_again_is_two_parcels(app: App, world: World, clock: Clock) -> None:
    earlier, now = journey(clock.now - timedelta(days=200)), clock.now
    keep(app, world.connection, body([*earlier, event("COL", now - timedelta(hours=3))]))
    drain(app)
    row = shipment(app)
    assert (row.status, row.story["count"], row.delivered_on) == ("picked_up", 1, None)
    assert messages(app) == {"shipment.shipped:shipped": ""}
    keep(app, world.connection, body([event("DLP", now)]))
    drain(app)
    clock.forward(timedelta(days=200))
    keep(app, world.connection, body(journey(now + timedelta(days=190))))
    drain(app)
    row = shipment(app)
    assert (row.status, row.story["count"], row.delivered_on) == ("delivered", 2, date(2026, 11, 24))


def test_what_is_dated_in_the_future_has_not_happened_yet(app: App, world: World, clock: Clock) -> None:
    planned = [event("VAN", clock.now + timedelta(hours=20)), event("DLP", clock.now + timedelta(hours=26))]
    mistyped = event("HIN", clock.now + timedelta(days=365))
    keep(app, world.connection, body([event("COL", clock.now - timedelta(hours=3)), *planned, mistyped]))
    drain(app)
    assert shipment(app).status == "picked_up"
    assert set(messages(app)) == {"shipment.shipped:shipped"}
    clock.forward(timedelta(days=1))
    look_again(app)
    assert shipment(app).status == "delivered"
    clock.forward(timedelta(days=60))
    keep(app, world.connection, body([event("DEP", clock.now - timedelta(hours=1))], "NP447109261GB"), via="poll")
    drain(app)
    assert shipment(app).status == "delivered"


def test_nobody_is_told_of_a_delay_by_a_carrier_that_is_not_heard(app: App, world: World, clock: Clock) -> None:
    with app.db.transaction() as tx:
        nobody = {"connection_id": None, "carrier": "Grandma's van", "delay_at": clock.now}
        tx.exec(update(Shipment).where(col(Shipment.number_key) != NUMBER).values(**nobody))
    keep(app, world.connection, body([event("COL", clock.now)]))
    drain(app)
    clock.forward(timedelta(hours=37))
    look_again(app)
    assert "shipment.delayed:2026-11-25" not in messages(app)
    assert {shipment(app, number).delay for number in (NUMBER, "NP447109261GB")} == {"at_risk"}
    keep(app, world.connection, body([event("COL", clock.now - timedelta(hours=37))]), via="poll")
    drain(app)
    assert shipment(app).delay == "late"
    assert messages(app)["shipment.delayed:2026-11-25"] == ""


def test_a_carrier_that_only_tells_is_heard_as_long_as_it_tells_of_any_parcel(
    app: App, world: World, clock: Clock
) -> None:
    with app.db.transaction() as tx:
        of_files = Connection(carrier="edi214", name="Files", created_at=clock.now)
        tx.add(of_files)
        tx.flush()
        tx.exec(update(Shipment).values(connection_id=of_files.id, carrier="edi214", heard_at=clock.now))
    clock.forward(timedelta(hours=37))
    for told, state in ((None, "at_risk"), (clock.now, "late")):
        with app.db.transaction() as tx:
            tx.exec(update(Connection).where(col(Connection.id) == of_files.id).values(last_push_at=told))
            tx.exec(update(Shipment).values(delay_at=clock.now))
        look_again(app)
        assert shipment(app).delay == state


def test_imported_history_mails_nobody(app: App, world: World, clock: Clock) -> None:
    with app.db.transaction() as tx:
        tx.get_one(Order, world.order.id).backfill = True
    keep(app, world.connection, body(journey(clock.now - timedelta(hours=46))))
    drain(app)
    assert set(messages(app).values()) <= {"backfill", "overtaken"}


def test_the_stage_of_the_order_follows_its_parcels(app: App, world: World, clock: Clock) -> None:
    def stage() -> str:
        with app.db.reading() as tx:
            return tx.get_one(Order, world.order.id).stage

    with app.db.transaction() as tx:
        tx.get_one(Order, world.order.id).stage = "packed"
    keep(app, world.connection, body([event("COL", clock.now)]))
    drain(app)
    assert stage() == "partially_shipped"
    keep(app, world.connection, body([event("DLP", clock.now)], "NP447109261GB"))
    drain(app)
    assert stage() == "shipped"
    keep(app, world.connection, body([event("COL", clock.now), event("DLP", clock.now)]))
    drain(app)
    assert stage() == "completed"


def test_a_code_never_seen_is_shown_in_the_carriers_words_and_counted_once(
    app: App, world: World, clock: Clock
) -> None:
    strange = event("ZZZ", clock.now + timedelta(minutes=1), text="Resting at the inn")
    for via in ("hook", "poll"):
        keep(app, world.connection, body([event("COL", clock.now), strange]), via=via)
    drain(app)
    row = shipment(app)
    assert row.status == "picked_up"
    assert (row.story["latest"]["text"], row.story["latest"]["status"]) == ("Resting at the inn", None)
    with app.db.reading() as tx:
        (code,) = tx.exec(select(UnmappedCode)).all()
    assert (code.carrier, code.code, code.count, code.text) == ("northpost", "ZZZ", 1, "Resting at the inn")


def test_a_parcel_of_another_brand_is_out_of_reach_of_a_brands_own_account(
    app: App, world: World, clock: Clock
) -> None:
    basalts = connect(app, brand_id=world.basalt.id)
    keep(app, basalts, body([event("COL", clock.now)]))
    drain(app)
    assert shipment(app).status == "pending"
    with app.db.reading() as tx:
        row = tx.exec(select(Inbox)).one()
    assert (row.error, row.done_at, row.dead_at) == (NOBODY, clock.now, None)


def test_an_aggregator_speaks_for_the_parcels_that_are_followed_through_it(
    app: App, world: World, clock: Clock
) -> None:
    with app.db.transaction() as tx:
        tx.get_one(Shipment, world.shipments[0].id).carrier = "fedex"
    keep(app, world.connection, body([event("COL", clock.now)]))
    drain(app)
    assert shipment(app).status == "picked_up"


def test_a_carriers_account_is_not_heard_about_a_parcel_of_another_carrier_that_nobody_follows(
    app: App, world: World, clock: Clock
) -> None:
    def name(carrier: str) -> None:
        with app.db.transaction() as tx:
            tx.exec(update(Shipment).values(carrier=carrier, connection_id=None))

    name("fedex")
    keep(app, world.connection, body([event("COL", clock.now)]))
    drain(app)
    assert shipment(app).status == "pending"
    with app.db.reading() as tx:
        assert tx.exec(select(Inbox)).one().error == NOBODY
    assert all(change.added == 0 for change in plan(app.db, now=clock.now))
    name("Grandma's van")
    assert {change.added for change in plan(app.db, now=clock.now) if change.number == NUMBER} == {1}
    keep(app, world.connection, body([event("COL", clock.now)], service="again"))
    drain(app)
    assert shipment(app).status == "picked_up"


def test_a_history_that_names_no_parcel_is_that_of_the_one_number_asked_for(
    app: App, world: World, clock: Clock
) -> None:
    with app.db.transaction() as tx:
        mine = tx.exec(select(Shipment).where(Shipment.number_key == NUMBER)).one()
        mine.carrier, mine.number, mine.number_key = "dpd", "05300000000017", "05300000000017"
        fields = {"delis_id": "juniper", "password": "p"}
        account = create_connection(
            tx, app.keys, carrier="dpd", name="DPD", brand_id=None, fields=fields, now=app.now()
        )
    history = parcel_answer(info("Courier", f"{clock.now:%d-%m-%Y %H:%M:%S}"))
    keep(app, account, history, via="poll", asked=["05300000000017", "05300000000028"])
    drain(app)
    assert shipment(app, "05300000000017").status != "out_for_delivery"
    keep(app, account, history + b" ", via="poll", asked=["05300000000017"])
    drain(app)
    assert shipment(app, "05300000000017").status == "out_for_delivery"


def test_a_signed_push_that_tells_what_the_history_tells_better_only_prompts_a_poll(
    app: App, world: World, clock: Clock
) -> None:
    with app.db.transaction() as tx:
        mine = tx.exec(select(Shipment).where(Shipment.number_key == NUMBER)).one()
        fields = {"public_key": "p", "secret_key": "s", "webhook_secret": "w"}
        account = create_connection(
            tx, app.keys, carrier="sendcloud", name="Sendcloud", brand_id=None, fields=fields, now=app.now()
        )
        mine.connection_id, mine.next_at = account.id, clock.now + timedelta(days=1)
    pushed = {"tracking_number": NUMBER, "status": {"id": 11, "message": "Delivered"}}
    keep(app, account, orjson.dumps({"action": "parcel_status_changed", "timestamp": 1794921725, "parcel": pushed}))
    drain(app)
    row = shipment(app)
    assert (row.status, row.prompted_at, row.next_at) == ("pending", clock.now, clock.now)
    with app.db.reading() as tx:
        assert not tx.exec(select(Scan)).all()


def test_what_is_signed_but_not_understood_is_kept_and_listed(app: App, world: World, clock: Clock) -> None:
    keep(app, world.connection, b'{"hello":"world"}')
    keep(app, world.connection, body([event("COL", clock.now)]))
    drain(app)
    with app.db.reading() as tx:
        dead, good = sorted(tx.exec(select(Inbox)).all(), key=lambda row: row.dead_at is None)
    assert (dead.dead_at, dead.next_at, dead.body) == (clock.now, None, b'{"hello":"world"}')
    assert "northpost" in dead.error
    assert good.done_at == clock.now


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b'{"error": {"code": "batch_size", "message": "too many"}}', "batch_size: too many"),
        (b'{"message": "no Route matched with those values"}', "no Route matched with those values"),
    ],
)
def test_a_poll_that_failed_as_a_whole_is_said_of_the_parcels_asked_about(
    app: App, world: World, said: bytes, told: str
) -> None:
    keep(app, world.connection, said, via="poll", status=404, asked=[NUMBER])
    drain(app)
    assert told in shipment(app).error
    assert shipment(app, "NP447109261GB").error == ""
    assert shipment(app).heard_at is None
    keep(app, world.connection, body([]), via="poll", asked=[NUMBER])
    drain(app)
    assert shipment(app).error == ""


def test_one_row_that_fails_does_not_stop_the_others(
    app: App, world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sometimes(tx: Session, row: Shipment, *args: Any, **more: Any) -> Any:
        if row.number == NUMBER:
            raise ZeroDivisionError
        return refold(tx, row, *args, **more)

    monkeypatch.setattr("portal.tracking.ingest.refold", sometimes)
    keep(app, world.connection, body([event("COL", clock.now)]))
    keep(app, world.connection, body([event("COL", clock.now)], "NP447109261GB"))
    with capture_logs():
        for _ in range(MAX_TRIES + 2):
            drain(app)
            clock.forward(timedelta(hours=2))
    assert shipment(app, "NP447109261GB").status == "picked_up"
    assert shipment(app).status == "pending"
    with app.db.reading() as tx:
        assert tx.exec(select(Scan)).all()[0].shipment_id == world.shipments[1].id
        failed = tx.exec(select(Inbox).where(col(Inbox.dead_at).is_not(None))).one()
    assert (failed.tries, failed.error) == (MAX_TRIES, "ingest failed: ZeroDivisionError")


def test_a_number_the_carrier_does_not_know_is_pending_and_asked_again(app: App, world: World, clock: Clock) -> None:
    keep(app, world.connection, orjson.dumps({"parcels": [], "unknown": [NUMBER]}), via="poll")
    drain(app)
    row = shipment(app)
    assert (row.status, row.sub_status, row.heard_at) == ("pending", "pending.not_found", clock.now)
    assert row.next_at
    assert timedelta(hours=3) < row.next_at - clock.now < timedelta(hours=5)


def test_an_older_answer_read_later_does_not_bring_its_estimate_back(app: App, world: World, clock: Clock) -> None:
    def estimate(day: str) -> dict[str, str]:
        return {"from": day, "to": day}

    newer = body([event("COL", clock.now)], estimate=estimate("2026-11-25"))
    keep(app, world.connection, newer)
    drain(app)
    clock.now -= timedelta(hours=1)
    keep(app, world.connection, body([event("COL", clock.now)], estimate=estimate("2026-11-27")))
    clock.now += timedelta(hours=2)
    drain(app)
    row = shipment(app)
    assert row.estimate
    assert row.estimate["to"] == "2026-11-25"
    assert (row.window_from, row.window_to) == (date(2026, 11, 25), date(2026, 11, 25))
    assert row.story["window"]["why"] == "carrier"


def test_the_first_scan_of_a_return_parcel_moves_the_case(app: App, world: World, clock: Clock) -> None:
    with app.db.transaction() as tx:
        case = ReturnCase(
            brand_id=world.juniper.id or 0,
            order_id=world.order.id or 0,
            rma="R-1",
            request_key="k",
            status="label_issued",
            resolution="refund_original",
            currency="GBP",
            requested_at=clock.now,
        )
        tx.add(case)
        tx.flush()
        row = tx.get_one(Shipment, world.shipments[0].id)
        row.direction, row.return_id = "return", case.id
    keep(app, world.connection, body([event("DRP", clock.now)]))
    drain(app)
    with app.db.reading() as tx:
        assert tx.exec(select(ReturnCase)).one().status == "in_transit"
    assert messages(app) == {}


def _reset(app: App, world: World, clock: Clock) -> None:
    with app.db.transaction() as tx:
        for table in (Scan, Outbox, Inbox, UnmappedCode):
            tx.exec(delete(table))
        blank: dict[str, Any] = {"status": "pending", "sub_status": "pending.registered", "story": {}, "heard_at": None}
        blank |= {"delivered_at": None, "picked_up_at": None, "last_scan_at": None, "status_at": None, "delay_at": None}
        blank |= {"delivered_on": None, "estimate": None, "delay": "none", "window_from": None, "window_to": None}
        tx.exec(update(Shipment).values(**blank))


@settings(max_examples=15)
@given(data=st.data())
def test_shuffled_repeated_and_late_news_by_hook_and_poll_is_one_story(
    app: App, world: World, clock: Clock, data: st.DataObject
) -> None:
    """One timeline, one status, one message per fact, whatever way and order the same events come in."""
    _reset(app, world, clock)
    now = clock.now
    events = journey(now - timedelta(hours=46))
    code_of = dict(zip(range(7), events, strict=True))
    bits = st.lists(st.integers(0, 6), min_size=1, max_size=5, unique=True)
    arrivals = data.draw(st.lists(st.tuples(st.sampled_from(["hook", "poll"]), bits), min_size=1, max_size=6))
    arrivals += [(data.draw(st.sampled_from(["hook", "poll"])), [n]) for n in data.draw(st.permutations(range(7)))]
    for position, (via, which) in enumerate(data.draw(st.permutations(arrivals))):
        keep(app, world.connection, body([code_of[n] for n in which], service=f"s{position}"), via=via)
        if data.draw(st.booleans()):
            drain(app)
            clock.forward(timedelta(minutes=7))
    drain(app)
    row = shipment(app)
    clock.now = now
    assert [entry["code"] for entry in reversed(row.story["events"])] == [e["code"] for e in events]
    assert (row.status, row.delivered_at) == ("delivered", datetime.fromisoformat(events[-1]["at"]))
    assert set(messages(app)) == {
        "shipment.shipped:shipped",
        "shipment.out_for_delivery:2026-11-24",
        "shipment.delivered:delivered",
    }


def test_four_threads_share_two_hundred_rows_and_none_twice(app: App, world: World, clock: Clock) -> None:
    for number in range(200):
        keep(app, world.connection, b"%d" % number)
    taken: list[int] = []
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        while True:
            with app.db.transaction() as tx:
                rows = claim(tx, Inbox, clock.now, limit=7)
            if not rows:
                return
            taken.extend(row.id for row in rows)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(taken) == len(set(taken)) == 200


def test_two_ingesters_on_one_parcel_leave_one_story(app: App, world: World, clock: Clock) -> None:
    events = journey(clock.now - timedelta(hours=46))
    for one in events * 3:
        keep(app, world.connection, body([one], service=str(id(one))))
    for number in range(60):
        keep(app, world.connection, body([events[number % 7]], service=f"again {number}"))
    threads = [threading.Thread(target=drain, args=(app,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    row = shipment(app)
    assert row.story["count"] == len(events)
    assert row.status == "delivered"
    assert len(messages(app)) == 3
    with app.db.reading() as tx:
        assert tx.exec(select(Inbox).where(col(Inbox.done_at).is_(None))).all() == []
