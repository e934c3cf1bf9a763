"""The importer over real databases: once is enough, changes are taken, nothing of ours is lost."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import col, select, update

from portal.app import App
from portal.shops.contract import all_sources
from portal.shops.importer import Report, import_drafts, only_zone
from portal.tables import Audit, Customer, Order, OrderLine, Shipment, ShipmentItem
from tests.conftest import Clock
from tests.postgres import until_somebody_waits
from tests.world import World

ORDER: dict[str, Any] = {
    "id": "9001",
    "number": "T-9001",
    "placed_at": "2026-11-20T14:31:00+01:00",
    "currency": "GBP",
    "email": "Robin@Example.TEST",
    "name": "Robin Doe",
    "ship_to": {"lines": ["1 Example Row"], "city": "Keswick", "postcode": "CA12 5DJ", "country": "GB"},
    "lines": [
        {"id": "a", "sku": "MUG-350", "title": "Fell enamel mug", "quantity": 2, "unit_price": "14.50"},
        {"id": "b", "sku": "TENT-2-MOSS", "title": "Cairn 2 tent", "quantity": 1, "unit_price": "329.00"},
    ],
    "shipping": "4.90",
    "promised_from": "2026-11-23",
    "promised_to": "2026-11-24",
    "shipments": [{"carrier": "NorthPost", "number": "np 9001 01", "items": [{"line": "MUG-350", "quantity": 2}]}],
}


def take(app: App, world: World, *orders: dict[str, Any], backfill: bool = False) -> Report:
    drafts = all_sources()["json"].read(json.dumps(list(orders)).encode(), ZoneInfo("Europe/London"))
    return import_drafts(app.db, world.juniper, drafts, app.now(), source="json", file="f", backfill=backfill)


def stored(app: App) -> tuple[Order, list[OrderLine], list[Shipment]]:
    with app.db.reading() as tx:
        order = tx.exec(select(Order).where(Order.source_id == "9001", Order.brand_id == 1)).one()
        lines = tx.exec(select(OrderLine).where(OrderLine.order_id == order.id).order_by("position")).all()
        shipments = tx.exec(select(Shipment).where(Shipment.order_id == order.id).order_by("id")).all()
        return order, list(lines), list(shipments)


def test_an_order_becomes_rows(app: App, world: World) -> None:
    report = take(app, world, ORDER)
    assert (report.imported, report.refused, report.remarks) == (1, [], [])
    order, lines, (shipment,) = stored(app)
    assert (order.number_key, order.email, order.postcode_key) == ("T9001", "robin@example.test", "CA125DJ")
    assert (order.items_minor, order.shipping_minor, order.total_minor, order.captured_minor) == (
        35800,
        490,
        36290,
        36290,
    )
    assert order.placed_at.isoformat() == "2026-11-20T13:31:00+00:00"
    assert [(line.sku, line.quantity, line.unit_price_minor) for line in lines] == [
        ("MUG-350", 2, 1450),
        ("TENT-2-MOSS", 1, 32900),
    ]
    assert (shipment.carrier, shipment.number_key, shipment.to_zone) == ("northpost", "NP900101", "Europe/London")
    assert (shipment.connection_id, shipment.next_at) == (world.connection.id, app.now())
    assert shipment.promised_to == date(2026, 11, 24)
    with app.db.reading() as tx:
        item = tx.exec(select(ShipmentItem).where(ShipmentItem.shipment_id == shipment.id)).one()
        assert (item.order_line_id, item.quantity) == (lines[0].id, 2)
        assert tx.exec(select(Customer).where(Customer.email == "robin@example.test")).one().name == "Robin Doe"


def test_the_second_time_nothing_changes(app: App, world: World) -> None:
    take(app, world, ORDER)
    before = stored(app)
    again = take(app, world, ORDER)
    assert (again.imported, again.updated, again.unchanged) == (0, 0, 1)
    assert stored(app) == before
    with app.db.reading() as tx:
        assert len(tx.exec(select(Audit).where(Audit.order_id == before[0].id)).all()) == 1


def test_an_order_twice_in_one_file_is_one_order(app: App, world: World) -> None:
    report = take(app, world, ORDER, ORDER)
    assert (report.imported, report.unchanged) == (1, 1)


def test_what_the_shop_changed_is_changed_and_said(app: App, world: World) -> None:
    take(app, world, ORDER)
    mug, tent = ORDER["lines"]
    changed = ORDER | {"email": "other@example.test", "lines": [mug | {"quantity": 3}]}
    changed["shipments"] = [*ORDER["shipments"], {"carrier": "Hollin Express", "number": "HX1"}]
    report = take(app, world, changed)
    assert report.updated == 1
    order, lines, shipments = stored(app)
    assert order.email == "other@example.test"
    assert [(line.sku, line.quantity) for line in lines] == [("MUG-350", 3), ("TENT-2-MOSS", 0)]
    assert [(s.carrier, s.next_at is None) for s in shipments] == [("northpost", False), ("Hollin Express", True)]
    assert tent["quantity"] == 1


def test_shipments_and_returns_are_never_lost(app: App, world: World, clock: Clock) -> None:
    take(app, world, ORDER)
    order, lines, (shipment,) = stored(app)
    with app.db.transaction() as tx:
        tx.get_one(OrderLine, lines[0].id).returned_quantity = 2
        kept = tx.get_one(Order, order.id)
        kept.refunded_minor, kept.stage = 2900, "completed"
        tx.get_one(Shipment, shipment.id).status = "delivered"
    less = ORDER | {"shipments": [], "lines": [ORDER["lines"][0] | {"quantity": 1}], "total": "10.00", "paid": "10.00"}
    assert take(app, world, less).refused == []
    order, lines, (shipment,) = stored(app)
    assert (lines[0].quantity, lines[0].returned_quantity) == (2, 2)
    assert (order.refunded_minor, order.captured_minor, order.stage) == (2900, 2900, "completed")
    assert (shipment.status, shipment.next_at) == ("delivered", clock.now)


def test_a_promise_once_made_stays(app: App, world: World) -> None:
    take(app, world, ORDER)
    take(app, world, ORDER | {"promised_from": "2026-12-24", "promised_to": "2026-12-31"})
    assert stored(app)[0].promised_to == date(2026, 11, 24)


def test_backfill_marks_new_orders_only(app: App, world: World) -> None:
    take(app, world, ORDER)
    take(app, world, ORDER | {"name": "Someone"}, backfill=True)
    assert stored(app)[0].backfill is False
    take(app, world, ORDER | {"id": "9002", "number": "T-9002"}, backfill=True)
    with app.db.reading() as tx:
        assert tx.exec(select(Order).where(Order.source_id == "9002")).one().backfill is True


def test_a_bad_order_keeps_its_neighbours(app: App, world: World) -> None:
    bad = ORDER | {"id": "9002", "lines": [{"quantity": 1, "title": "x", "unit_price": "1.999"}]}
    nameless = ORDER | {"id": "9003", "number": "☂"}
    report = take(app, world, bad, nameless, ORDER | {"id": "9004", "number": "T-9004"})
    assert report.imported == 2
    assert [(line, "1.999" in words) for _, line, words in report.refused] == [(1, True)]


def test_an_order_that_nobody_can_look_up_is_taken_and_said(app: App, world: World) -> None:
    hidden = ORDER | {"email": "", "ship_to": None, "shipments": []}
    report = take(app, world, hidden)
    assert report.imported == 1
    assert "neither e-mail nor postcode" in report.remarks[0][2]


def test_the_same_number_at_another_brand_is_another_order(app: App, world: World) -> None:
    take(app, world, ORDER)
    drafts = all_sources()["json"].read(json.dumps(ORDER).encode(), ZoneInfo("UTC"))
    report = import_drafts(app.db, world.basalt, drafts, app.now(), source="json")
    assert report.imported == 1


def test_only_countries_with_one_zone_name_it() -> None:
    assert only_zone("GB") == "Europe/London"
    assert only_zone("US") == ""
    assert only_zone("") == ""


def test_a_refund_at_the_moment_of_an_import_is_not_lost(app: App, world: World) -> None:
    if not app.db.is_postgres:
        pytest.skip("SQLite has one writer at a time")
    take(app, world, ORDER)
    with ThreadPoolExecutor(1) as pool:
        with app.db.transaction() as tx:
            tx.exec(update(Order).where(col(Order.source_id) == "9001").values(refunded_minor=2900))
            report = pool.submit(take, app, world, ORDER | {"refunded": "14.50"})
            until_somebody_waits(app.db)
        assert report.result().updated == 0
    order, *_ = stored(app)
    assert order.refunded_minor == 2900


def test_what_an_exchange_added_stays_though_the_shop_does_not_know_of_it(app: App, world: World) -> None:
    take(app, world, ORDER)
    with app.db.transaction() as tx:
        order = tx.exec(select(Order).where(Order.source_id == "9001")).one()
        tx.add(
            OrderLine(
                order_id=order.id or 0,
                source_id="exchange:abc:a",
                position=1000,
                sku="MUG-500",
                title="Mug",
                quantity=1,
                unit_price_minor=1750,
            )
        )
    assert take(app, world, {**ORDER, "shipping": "5.90"}).updated == 1
    assert [line.quantity for line in stored(app)[1] if line.sku == "MUG-500"] == [1]


def test_a_line_that_the_shop_removed_keeps_the_worth_of_each_unit_that_is_in_a_return(app: App, world: World) -> None:
    lines = [{**ORDER["lines"][0], "discount": "20.00", "tax": "2.00"}, ORDER["lines"][1]]
    take(app, world, {**ORDER, "lines": lines})
    with app.db.transaction() as tx:
        tx.exec(update(OrderLine).where(col(OrderLine.source_id) == "a").values(returned_quantity=1))
    shorter = {**ORDER, "lines": lines[1:], "shipments": []}
    assert (take(app, world, shorter).updated, take(app, world, shorter).unchanged) == (1, 1)
    mug = next(line for line in stored(app)[1] if line.source_id == "a")
    assert (mug.quantity, mug.discount_minor, mug.tax_minor) == (1, 1000, 100)


def test_a_line_whose_discount_is_more_than_its_price_is_refused(app: App, world: World) -> None:
    lines = [{**ORDER["lines"][0], "discount": "29.01"}]
    assert take(app, world, {**ORDER, "lines": lines}).refused == [
        ("f", 1, "line item 1: the discount is more than the price")
    ]
