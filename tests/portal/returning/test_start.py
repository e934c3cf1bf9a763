"""Starting a return: what is offered, what is refused, what is held."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import count

import pytest
from sqlmodel import Session, select

from portal.app import App
from portal.audit import SHOPPER, Actor
from portal.refusal import Refusal
from portal.returning import approve, receive, settle, start
from portal.returning.start import Wanted, WantedItem
from portal.tables import Audit, Label, Order, OrderLine, Outbox, Product, Refund, ReturnCase, Shipment, ShipmentItem
from tests.conftest import Clock
from tests.world import World

KIM = Actor("agent:kim", "Kim")
_keys: Iterator[int] = count()


def ask(world: World, *items: tuple[int, int, str], resolution: str = "refund_original", sku: str = "") -> Wanted:
    """(line index, quantity, reason) triples as a request."""
    made = tuple(WantedItem(world.lines[i].public_id, quantity, reason, "", sku) for i, quantity, reason in items)
    return Wanted(made, resolution)


def begin(app: App, world: World, wanted: Wanted, key: str = "") -> ReturnCase:
    with app.db.transaction() as tx:
        order = tx.get_one(Order, world.order.id)
        request_key = key or f"key-{next(_keys)}"
        return start.start_return(tx, world.juniper, order, wanted, request_key=request_key, by=SHOPPER, now=app.now())


def line(tx: Session, world: World, index: int) -> OrderLine:
    return tx.get_one(OrderLine, world.lines[index].id)


def _stock(tx: Session, world: World) -> int | None:
    return tx.exec(select(Product.stock).where(Product.sku == "MUG-500", Product.brand_id == world.juniper.id)).one()


def test_everything_delivered_is_offered_with_its_worth(app: App, delivered: World) -> None:
    with app.db.reading() as tx:
        offer = start.offer(tx, delivered.juniper, delivered.order, app.now())
    assert [(o.left, o.verdict, o.unit_refund_minor) for o in offer.lines] == [(1, "allow", 29610), (2, "allow", 1305)]
    assert {p.sku for p in offer.lines[1].swaps} == {"MUG-350", "MUG-500", "MUG-750"}


def test_a_return_inside_the_window_is_approved_and_a_label_is_wanted(app: App, delivered: World) -> None:
    case = begin(app, delivered, ask(delivered, (1, 1, "no_longer_wanted")))
    with app.db.reading() as tx:
        kept = tx.get_one(ReturnCase, case.id)
        label = tx.exec(select(Label)).one()
        assert (kept.status, kept.verdict, kept.refund_minor, kept.money_state) == ("approved", "allow", 1305, "quoted")
        assert (label.state, label.key, label.next_at) == ("wanted", kept.public_id, app.now())
        assert line(tx, delivered, 1).returned_quantity == 1
        assert [a.act for a in tx.exec(select(Audit))] == ["return.requested", "return.approved"]


def test_both_mugs_one_by_one_give_back_what_both_at_once_do(app: App, delivered: World) -> None:
    first = begin(app, delivered, ask(delivered, (1, 1, "too_small")))
    second = begin(app, delivered, ask(delivered, (1, 1, "too_small")))
    assert first.refund_minor + second.refund_minor == 2 * 1450 - 290


def test_shipping_comes_back_once_when_it_is_not_the_shoppers_fault(app: App, delivered: World) -> None:
    first = begin(app, delivered, ask(delivered, (0, 1, "defective")))
    second = begin(app, delivered, ask(delivered, (1, 1, "defective")))
    assert first.refund_minor == 29610 + 495
    assert second.refund_minor == 1305


def test_where_nobody_said_what_is_in_which_parcel_the_last_one_decides(app: App, delivered: World) -> None:
    with app.db.transaction() as tx:
        for item in tx.exec(select(ShipmentItem)).all():
            tx.delete(item)
        tx.get_one(Shipment, delivered.shipments[1].id).delivered_on = date(2026, 11, 22)
    with app.db.reading() as tx:
        offered = start.offer(tx, delivered.juniper, tx.get_one(Order, delivered.order.id), app.now())
    days = {opinion["facts"].get("last_day") for line in offered.lines for opinion in line.opinions}
    assert days - {None} == {"2026-12-22"}
    assert {line.verdict for line in offered.lines} == {"allow"}


@pytest.mark.parametrize("status", ["cancelled", "returned"])
def test_a_parcel_that_brought_nothing_keeps_no_window_from_starting(app: App, delivered: World, status: str) -> None:
    with app.db.transaction() as tx:
        first = tx.get_one(Shipment, delivered.shipments[0].id)
        again = Shipment(**{**first.model_dump(exclude={"id", "public_id"}), "number": "NP2", "number_key": "NP2"})
        again.status, again.delivered_on, again.delivered_at = status, None, None
        tx.add(again)
        tx.flush()
        tx.add(ShipmentItem(shipment_id=again.id or 0, order_line_id=delivered.lines[0].id or 0, quantity=1))
    with app.db.reading() as tx:
        offered = start.offer(tx, delivered.juniper, tx.get_one(Order, delivered.order.id), app.now())
    assert offered.lines[0].verdict == "allow"


def test_after_the_window_it_is_denied_with_the_reason_unless_it_is_faulty(
    app: App, delivered: World, clock: Clock
) -> None:
    clock.forward(timedelta(days=40))
    with pytest.raises(Refusal, match="return_denied") as refused:
        begin(app, delivered, ask(delivered, (0, 1, "no_longer_wanted")))
    opinions = refused.value.facts["opinions"][0]["opinions"]
    assert next(o for o in opinions if o["rule"] == "window")["facts"]["last_day"] == "2026-12-20"
    assert begin(app, delivered, ask(delivered, (0, 1, "defective"))).status == "approved"
    with app.db.reading() as tx:
        assert len(tx.exec(select(ReturnCase)).all()) == 1


def test_a_double_submit_is_one_return(app: App, delivered: World) -> None:
    wanted = ask(delivered, (0, 1, "no_longer_wanted"))
    assert begin(app, delivered, wanted, "same").public_id == begin(app, delivered, wanted, "same").public_id
    with app.db.reading() as tx:
        assert len(tx.exec(select(Label)).all()) == 1


def test_what_is_asked_back_cannot_be_asked_back_again(app: App, delivered: World) -> None:
    begin(app, delivered, ask(delivered, (0, 1, "no_longer_wanted")))
    with pytest.raises(Refusal, match="nothing_left"):
        begin(app, delivered, ask(delivered, (0, 1, "no_longer_wanted")))


@pytest.mark.parametrize("quantity", [0, -1, 3, 2**63])
def test_a_quantity_that_was_not_bought_is_refused(app: App, delivered: World, quantity: int) -> None:
    with pytest.raises(Refusal, match=r"bad_quantity|nothing_left"):
        begin(app, delivered, ask(delivered, (1, quantity, "too_small")))


def test_somebody_elses_item_is_refused(app: App, delivered: World) -> None:
    with app.db.reading() as tx:
        foreign = tx.exec(select(OrderLine).where(OrderLine.order_id == delivered.other_order.id)).first()
    assert foreign is not None
    with pytest.raises(Refusal, match="unknown_item"):
        begin(app, delivered, Wanted((WantedItem(foreign.public_id, 1, "too_small"),)))


def test_of_eight_parallel_requests_for_one_tent_one_wins(app: App, delivered: World) -> None:
    wins: list[str] = []
    losses: list[str] = []
    barrier = threading.Barrier(8)

    def run() -> None:
        barrier.wait()
        try:
            wins.append(begin(app, delivered, ask(delivered, (0, 1, "no_longer_wanted"))).public_id)
        except Refusal as refusal:
            losses.append(refusal.code)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wins) == 1
    assert losses == ["nothing_left"] * 7
    with app.db.reading() as tx:
        assert line(tx, delivered, 0).returned_quantity == 1
        assert len(tx.exec(select(ReturnCase)).all()) == 1


def test_eight_parallel_submits_of_one_form_are_one_return(app: App, delivered: World) -> None:
    made: list[str] = []
    barrier = threading.Barrier(8)

    def run() -> None:
        barrier.wait()
        made.append(begin(app, delivered, ask(delivered, (1, 2, "too_small")), "one form").public_id)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert len(set(made)) == 1


def test_cancelling_lets_go_of_units_label_and_stock(app: App, delivered: World) -> None:
    case = begin(app, delivered, ask(delivered, (1, 1, "too_small"), resolution="exchange_variant", sku="MUG-500"))
    with app.db.transaction() as tx:
        assert _stock(tx, delivered) == 2  # held since it was asked for
        approve.reject(tx, delivered.juniper, tx.get_one(ReturnCase, case.id), "We no longer make it", KIM, app.now())
    with app.db.reading() as tx:
        assert line(tx, delivered, 1).returned_quantity == 0
        assert _stock(tx, delivered) == 3
        kept = tx.get_one(ReturnCase, case.id)
        assert (kept.status, kept.reject_reason) == ("rejected", "We no longer make it")
        assert [o.event for o in tx.exec(select(Outbox))] == ["return.rejected"]


def test_a_cancelled_return_buys_no_label(app: App, delivered: World) -> None:
    case = begin(app, delivered, ask(delivered, (0, 1, "no_longer_wanted")))
    with app.db.transaction() as tx:
        approve.cancel(tx, delivered.juniper, tx.get_one(ReturnCase, case.id), SHOPPER, app.now())
    with app.db.reading() as tx:
        label = tx.exec(select(Label)).one()
        assert (label.state, label.next_at) == ("voided", None)


def test_a_dearer_exchange_waits_for_a_person_to_take_the_payment(app: App, delivered: World) -> None:
    wanted = ask(delivered, (1, 1, "too_small"), resolution="exchange_variant", sku="MUG-500")
    with app.db.reading() as tx:
        quote = start.quote(tx, delivered.juniper, delivered.order, wanted, app.now())
    assert (quote.verdict, quote.exchange_difference_minor, quote.total_minor) == ("review", 300, 0)
    assert begin(app, delivered, wanted).status == "requested"


def test_an_exchange_for_what_is_sold_out_is_refused(app: App, delivered: World) -> None:
    with pytest.raises(Refusal, match="sold_out"):
        begin(app, delivered, ask(delivered, (1, 1, "too_small"), resolution="exchange_variant", sku="MUG-750"))


def test_the_way_to_a_refund(app: App, delivered: World) -> None:
    case = begin(app, delivered, ask(delivered, (0, 1, "no_longer_wanted"), (1, 2, "too_small")))
    with app.db.transaction() as tx:
        receive.receive(tx, delivered.juniper, tx.get_one(ReturnCase, case.id), KIM, app.now())
    with app.db.transaction() as tx:
        row = settle.refund(tx, delivered.juniper, tx.get_one(ReturnCase, case.id), KIM, app.now())
        assert row.amount_minor == 29610 + 2610
    with app.db.reading() as tx:
        kept = tx.get_one(ReturnCase, case.id)
        assert (kept.status, kept.money_state) == ("completed", "submitted")
        assert tx.get_one(Order, delivered.order.id).refunded_minor == 32220
        assert [o.event for o in tx.exec(select(Outbox))] == ["return.refund_submitted"]


def test_a_second_click_on_refund_pays_nothing(app: App, delivered: World) -> None:
    case = begin(app, delivered, ask(delivered, (1, 1, "too_small")))

    def click() -> None:
        with app.db.transaction() as tx:
            settle.refund(tx, delivered.juniper, tx.get_one(ReturnCase, case.id), KIM, app.now())

    with pytest.raises(Refusal, match="case_changed"):
        click()  # not received yet
    with app.db.transaction() as tx:
        receive.receive(tx, delivered.juniper, tx.get_one(ReturnCase, case.id), KIM, app.now())
    click()
    with pytest.raises(Refusal, match="case_changed"):
        click()
    with app.db.reading() as tx:
        assert tx.get_one(Order, delivered.order.id).refunded_minor == 1305


def test_parallel_goodwill_never_pays_more_than_was_paid(app: App, delivered: World) -> None:
    barrier = threading.Barrier(8)

    def run(n: int) -> None:
        barrier.wait()
        try:
            with app.db.transaction() as tx:
                order = tx.get_one(Order, delivered.order.id)
                settle.refund_order(tx, delivered.juniper, order, 10000, "late", f"k{n}", KIM, app.now())
        except Refusal:
            return

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with app.db.reading() as tx:
        order = tx.get_one(Order, delivered.order.id)
        paid = sum(row.amount_minor for row in tx.exec(select(Refund)))
    assert order.refunded_minor == paid == 30000
    assert paid <= order.captured_minor


def test_the_same_goodwill_form_pays_once(app: App, delivered: World) -> None:
    for _ in range(2):
        with app.db.transaction() as tx:
            order = tx.get_one(Order, delivered.order.id)
            settle.refund_order(tx, delivered.juniper, order, 500, "late", "form", KIM, app.now())
    with app.db.reading() as tx:
        assert tx.get_one(Order, delivered.order.id).refunded_minor == 500


def test_an_even_exchange_is_released_as_a_line_that_can_come_back_itself(app: App, delivered: World) -> None:
    case = begin(
        app, delivered, ask(delivered, (0, 1, "wrong_colour_style"), resolution="exchange_variant", sku="TENT-2-SAND")
    )
    assert case.status == "approved"
    with app.db.transaction() as tx:
        receive.receive(tx, delivered.juniper, tx.get_one(ReturnCase, case.id), KIM, app.now())
    with app.db.transaction() as tx:
        settle.settle_exchange(tx, delivered.juniper, tx.get_one(ReturnCase, case.id), "TENT-2-SAND", KIM, app.now())
    with app.db.reading() as tx:
        offer = start.offer(tx, delivered.juniper, tx.get_one(Order, delivered.order.id), app.now())
        kept = tx.get_one(ReturnCase, case.id)
    new = next(o for o in offer.lines if o.line.sku == "TENT-2-SAND")
    assert (kept.status, kept.exchange_state, kept.refund_minor) == ("completed", "released", 0)
    assert (new.left, new.unit_refund_minor) == (1, 29610)


def test_store_credit_has_a_code_and_is_no_refund_to_the_card(app: App, delivered: World) -> None:
    case = begin(app, delivered, ask(delivered, (1, 1, "too_small"), resolution="store_credit"))
    for verb in (receive.receive, settle.refund):
        with app.db.transaction() as tx:
            verb(tx, delivered.juniper, tx.get_one(ReturnCase, case.id), KIM, app.now())
    with app.db.reading() as tx:
        assert tx.exec(select(Refund)).one().method == "store_credit"
        assert tx.get_one(ReturnCase, case.id).credit_code.startswith("C-")
