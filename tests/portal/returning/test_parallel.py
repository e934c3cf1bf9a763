"""Two returns of one order at the same moment: never more owed together than one after the other."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import col, select, update

from portal.app import App
from portal.audit import SHOPPER
from portal.refusal import Refusal
from portal.returning import start
from portal.returning.approve import approve, reject
from portal.returning.settle import refund_order
from portal.tables import Order, Product, ReturnCase
from tests.portal.returning.test_start import ask, begin
from tests.postgres import until_somebody_waits
from tests.world import World


def _at_once(app: App, world: World, *triples: tuple[int, int, str]) -> list[int]:
    """Asks for each triple in a thread of its own; every thread has read the order before any of them asks."""
    barrier, owed = threading.Barrier(len(triples)), []

    def run(n: int, triple: tuple[int, int, str]) -> None:
        if not app.db.is_postgres:
            barrier.wait()  # SQLite has one writer: inside of a transaction nobody else could come here
        with app.db.transaction() as tx:
            order = tx.get_one(Order, world.order.id)
            start.offer(tx, world.juniper, order, app.now())  # as the page does before it asks
            if app.db.is_postgres:
                barrier.wait()
            case = start.start_return(
                tx, world.juniper, order, ask(world, triple), request_key=f"key-{n}", by=SHOPPER, now=app.now()
            )
            owed.append(case.refund_minor)

    threads = [threading.Thread(target=run, args=item) for item in enumerate(triples)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return owed


def test_shipping_is_owed_once_to_two_tabs(app: App, delivered: World) -> None:
    owed = _at_once(app, delivered, (0, 1, "defective"), (1, 1, "defective"))
    assert sum(owed) == 29610 + 1305 + 495


def test_the_odd_cent_is_owed_once_to_two_tabs(app: App, delivered: World) -> None:
    with app.db.transaction() as tx:
        tx.get_one(type(delivered.lines[1]), delivered.lines[1].id).discount_minor = 291
    owed = _at_once(app, delivered, (1, 1, "too_small"), (1, 1, "too_small"))
    assert sum(owed) == 2 * 1450 - 291


def test_goods_that_somebody_else_is_just_taking_are_sold_out(app: App, delivered: World) -> None:
    if not app.db.is_postgres:
        pytest.skip("SQLite has one writer at a time")
    wanted = ask(delivered, (0, 1, "wrong_colour_style"), resolution="exchange_variant", sku="TENT-2-SAND")
    with ThreadPoolExecutor(1) as pool:
        with app.db.transaction() as tx:
            tx.exec(update(Product).where(col(Product.sku) == "TENT-2-SAND").values(stock=0))
            late = pool.submit(begin, app, delivered, wanted)
            until_somebody_waits(app.db)
        with pytest.raises(Refusal, match="sold_out"):
            late.result()
    with app.db.reading() as tx:
        assert tx.exec(select(ReturnCase)).all() == []


def test_of_two_who_decide_on_a_return_at_once_the_faster_one_does(app: App, delivered: World) -> None:
    if not app.db.is_postgres:
        pytest.skip("SQLite has one writer at a time")
    case = begin(app, delivered, ask(delivered, (1, 1, "too_small"), resolution="exchange_variant", sku="MUG-500"))

    def late() -> None:
        with app.db.transaction() as tx:
            approve(tx, delivered.juniper, tx.get_one(ReturnCase, case.id), SHOPPER, app.now())

    with ThreadPoolExecutor(1) as pool:
        with app.db.transaction() as tx:
            reject(tx, delivered.juniper, tx.get_one(ReturnCase, case.id), "worn", SHOPPER, app.now())
            approving = pool.submit(late)
            until_somebody_waits(app.db)
        with pytest.raises(Refusal, match="case_changed"):
            approving.result()
    with app.db.reading() as tx:
        assert tx.get_one(ReturnCase, case.id).status == "rejected"


def test_goodwill_leaves_what_an_open_return_was_promised(app: App, delivered: World) -> None:
    promised = begin(app, delivered, ask(delivered, (1, 1, "too_small"))).refund_minor
    with app.db.transaction() as tx:
        order = tx.get_one(Order, delivered.order.id)
        left = order.captured_minor - promised
        with pytest.raises(Refusal, match="refund_too_much"):
            refund_order(tx, delivered.juniper, order, left + 1, "sorry", "k1", SHOPPER, app.now())
        assert refund_order(tx, delivered.juniper, order, left, "sorry", "k2", SHOPPER, app.now()).amount_minor == left
