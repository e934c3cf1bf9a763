"""One fact is one row; what must not be sent is a finished row that says why. On both databases."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from portal.app import App
from portal.notify.events import Event
from portal.notify.outbox import put
from portal.tables import Order, Outbox
from tests.conftest import Clock
from tests.world import World

Put = Callable[..., bool]


@pytest.fixture
def put_one(app: App, world: World) -> Put:
    """Puts a message of Ada's first parcel; keywords override."""

    def run(**changes: Any) -> bool:
        wants: dict[str, Any] = {
            "event": Event.DELIVERED,
            "fact": "delivered",
            "brand": world.juniper,
            "now": app.now(),
            "facts": {},
            "shipment_id": world.shipments[0].id,
        }
        with app.db.transaction() as tx:
            order = tx.get_one(Order, world.order.id)
            return put(tx, **({"order": order} | wants | changes))

    return run


def rows(app: App) -> list[Outbox]:
    with app.db.reading() as tx:
        found = list(tx.exec(select(Outbox).order_by(col(Outbox.id))).all())
        tx.expunge_all()
    return found


def test_a_message_is_due_at_once_and_goes_to_the_orders_own_address(app: App, put_one: Put) -> None:
    assert put_one()
    (row,) = rows(app)
    assert (row.recipient, row.next_at, row.done_at, row.suppressed) == ("ada@example.test", app.now(), None, "")
    assert row.message_id.endswith("@juniper.example")
    assert "ada" not in row.key


def test_the_same_fact_is_one_message_however_often_it_is_put(app: App, put_one: Put) -> None:
    assert [put_one(now=app.now() + timedelta(minutes=i)) for i in range(5)] == [True, False, False, False, False]
    assert len(rows(app)) == 1


def test_the_same_fact_put_by_eight_threads_at_once_is_one_message(app: App, put_one: Put) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: put_one(), range(24))) == 1
    assert len(rows(app)) == 1


def test_two_parcels_two_events_and_two_facts_are_messages_of_their_own(app: App, put_one: Put, world: World) -> None:
    assert put_one()
    assert put_one(shipment_id=world.shipments[1].id)
    assert put_one(event=Event.OUT_FOR_DELIVERY)
    assert put_one(event=Event.OUT_FOR_DELIVERY, fact="2026-11-25")
    kept = rows(app)
    assert len({row.key for row in kept}) == len({row.message_id for row in kept}) == 4


def test_what_rolls_back_leaves_no_message(app: App, world: World) -> None:
    with app.db.transaction() as tx:
        assert put(
            tx, event=Event.ORDER_LINK, fact="x", brand=world.juniper, order=world.order, now=app.now(), facts={}
        )
        tx.rollback()
    assert rows(app) == []


@pytest.mark.parametrize(
    ("columns", "reason"),
    [({"email": ""}, "no_email"), ({"email": "nobody"}, "no_email"), ({"backfill": True}, "backfill")],
)
def test_an_order_that_must_not_be_mailed_is_not_and_says_why(
    app: App, put_one: Put, world: World, columns: dict[str, Any], reason: str
) -> None:
    with app.db.transaction() as tx:
        order = tx.get_one(Order, world.order.id)
        for name, value in columns.items():
            setattr(order, name, value)
        tx.add(order)
    assert put_one()
    (row,) = rows(app)
    assert (row.suppressed, row.next_at, row.done_at) == (reason, None, app.now())


def test_the_shopper_of_an_old_order_still_gets_the_link_that_was_asked_for(
    app: App, put_one: Put, world: World
) -> None:
    with app.db.transaction() as tx:
        order = tx.get_one(Order, world.order.id)
        order.backfill = True
        tx.add(order)
    put_one(event=Event.ORDER_LINK, shipment_id=None)
    assert rows(app)[0].suppressed == ""


def test_the_callers_reason_is_kept(app: App, put_one: Put) -> None:
    put_one(suppress="replay")
    assert rows(app)[0].suppressed == "replay"


@pytest.mark.parametrize(("hours", "reason"), [(47, ""), (48, ""), (49, "stale")])
def test_news_of_a_parcel_older_than_two_days_is_no_news(app: App, put_one: Put, hours: int, reason: str) -> None:
    put_one(happened_at=app.now() - timedelta(hours=hours))
    assert rows(app)[0].suppressed == reason


def test_a_decision_about_a_return_does_not_go_stale(app: App, put_one: Put) -> None:
    put_one(event=Event.REFUND_SUBMITTED, shipment_id=None, happened_at=app.now() - timedelta(days=9))
    assert rows(app)[0].suppressed == ""


def test_a_flapping_parcel_is_six_messages_a_day_and_twenty_at_all(app: App, put_one: Put, clock: Clock) -> None:
    for day in range(6):
        for flap in range(10):
            put_one(event=Event.DELAYED, fact=f"{day}-{flap}", now=clock.now)
        clock.forward(timedelta(hours=25))
    reasons = [row.suppressed for row in rows(app)]
    assert [reasons[start : start + 10].count("") for start in range(0, 60, 10)] == [6, 6, 6, 2, 0, 0]
    assert reasons.count("") == 20
    assert set(reasons) == {"", "cap_day", "cap_order"}


def test_flapping_parcels_leave_room_for_the_return_and_for_other_orders(app: App, put_one: Put, world: World) -> None:
    for flap in range(10):
        put_one(event=Event.DELAYED, fact=str(flap))
    put_one(event=Event.ORDER_LINK, shipment_id=None)
    put_one(brand=world.basalt, order=world.other_order, shipment_id=world.other_shipment.id)
    assert [row.suppressed for row in rows(app)][-2:] == ["", ""]


def test_after_a_bounce_courtesies_stop_and_essential_news_goes_on(app: App, put_one: Put) -> None:
    put_one()
    with app.db.transaction() as tx:
        row = tx.exec(select(Outbox)).one()
        row.error, row.dead_at, row.next_at = "bounced: recipient refused: 550", app.now(), None
        tx.add(row)
    put_one(event=Event.OUT_FOR_DELIVERY)
    put_one(event=Event.DELAYED)
    assert [row.suppressed for row in rows(app)] == ["", "bounced", ""]


def test_an_order_of_another_brand_is_refused(put_one: Put, world: World) -> None:
    with pytest.raises(ValueError, match="own brand"):
        put_one(brand=world.basalt)


def test_a_shipment_that_is_not_there_is_refused(put_one: Put) -> None:
    with pytest.raises(LookupError):
        put_one(shipment_id=10**9)
