"""To the cent: whatever comes back in however many returns, all of it together is worth what was paid for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import Session, col, select

from portal.app import App
from portal.audit import SHOPPER, Actor
from portal.refusal import Refusal
from portal.returning import approve, receive, rows, settle, start
from portal.returning.start import Wanted, WantedItem
from portal.tables import Brand, Order, OrderLine, Product, Refund, ReturnCase
from tests.world import World

KIM = Actor("agent:kim", "Kim")


class _Undone(Exception):
    """Leaves nothing behind of one example."""


@contextmanager
def example(app: App) -> Iterator[Session]:
    """A transaction of which nothing is kept."""
    try:
        with app.db.transaction() as tx:
            yield tx
            raise _Undone
    except _Undone:
        return


@st.composite
def bought(draw: st.DrawFn) -> dict[str, Any]:
    """One order: lines of (quantity, unit price, discount, tax) in minor units, and how it was paid."""
    lines = []
    for _ in range(draw(st.integers(1, 3))):
        quantity, price = draw(st.integers(1, 5)), draw(st.integers(0, 400))
        lines.append((quantity, price, draw(st.integers(0, price * quantity)), draw(st.integers(0, 200))))
    currency = draw(st.sampled_from(["GBP", "JPY", "KWD"]))
    return {"lines": lines, "shipping": draw(st.integers(0, 60)), "included": draw(st.booleans()), "currency": currency}


def store(tx: Session, app: App, brand: Brand, paid: dict[str, Any]) -> Order:
    """The order with its lines, each of which can be had in another colour at the same price."""
    goods = sum(quantity * price - discount for quantity, price, discount, _ in paid["lines"])
    on_top = 0 if paid["included"] else sum(tax for *_, tax in paid["lines"])
    order = Order(
        brand_id=brand.id or 0,
        number="C-1",
        number_key="C1",
        currency=paid["currency"],
        shipping_minor=paid["shipping"],
        tax_included=paid["included"],
        captured_minor=goods + on_top + paid["shipping"],
        placed_at=app.now(),
        source="json",
        source_id="cents",
        created_at=app.now(),
        updated_at=app.now(),
    )
    tx.add(order)
    tx.flush()
    for n, (quantity, price, discount, tax) in enumerate(paid["lines"]):
        named: dict[str, Any] = {
            "order_id": order.id or 0,
            "source_id": str(n),
            "position": n,
            "sku": f"{n}-red",
            "title": "Scarf",
        }
        amounts = {"unit_price_minor": price, "discount_minor": discount, "tax_minor": tax}
        tx.add(OrderLine(**named, **amounts, quantity=quantity))
        for colour in ("red", "blue"):
            known: dict[str, Any] = {
                "group_key": str(n),
                "title": "Scarf",
                "variant": colour,
                "currency": paid["currency"],
            }
            tx.add(Product(brand_id=brand.id or 0, sku=f"{n}-{colour}", price_minor=price, **known))
    tx.flush()
    return order


def left_of(tx: Session, order: Order) -> list[OrderLine]:
    tx.expire_all()
    lines = tx.exec(select(OrderLine).where(OrderLine.order_id == order.id).order_by(col(OrderLine.id))).all()
    return [line for line in lines if line.quantity > line.returned_quantity]


def ask_back(tx: Session, app: App, brand: Brand, line: OrderLine, quantity: int, how: str, key: str) -> ReturnCase:
    """A return of one line, approved."""
    order = tx.get_one(Order, line.order_id)
    other = line.sku.replace("red", "blue") if "red" in line.sku else line.sku.replace("blue", "red")
    item = WantedItem(line.public_id, quantity, "too_small", "", other if how == "exchange_variant" else "")
    case = start.start_return(tx, brand, order, Wanted((item,), how), request_key=key, by=SHOPPER, now=app.now())
    if case.status == "requested":
        approve.approve(tx, brand, case, KIM, app.now())
    return case


def finish(tx: Session, app: App, brand: Brand, case: ReturnCase) -> None:
    """The goods are back, and what is owed for them is given."""
    receive.receive(tx, brand, case, KIM, app.now())
    if case.resolution == "exchange_variant":
        (item, _), *_ = rows.items_of(tx, case)
        settle.settle_exchange(tx, brand, case, item.exchange_sku, KIM, app.now())
    elif case.refund_minor:
        settle.refund(tx, brand, case, KIM, app.now())
    else:
        settle.close(tx, brand, case, KIM, app.now())
    assert case.status == "completed"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """SQLite alone: much is reckoned here, and nothing depends on the database."""
    return sqlite_url


@settings(max_examples=25)
@given(paid=bought(), data=st.data())
def test_whatever_comes_back_in_any_parts_and_turns_is_worth_what_was_paid(
    app: App, world: World, paid: dict[str, Any], data: st.DataObject
) -> None:
    with example(app) as tx:
        brand = tx.get_one(Brand, world.juniper.id)
        order = store(tx, app, brand, paid)
        waiting: list[ReturnCase] = []
        for n in range(data.draw(st.integers(0, 6))):
            lines = left_of(tx, order)
            if not lines:
                break
            line = data.draw(st.sampled_from(lines))
            quantity = data.draw(st.integers(1, line.quantity - line.returned_quantity))
            how = data.draw(st.sampled_from(["refund_original", "store_credit", "exchange_variant"]))
            waiting.append(ask_back(tx, app, brand, line, quantity, how, f"key-{n}"))
            case = data.draw(st.sampled_from(waiting))
            match data.draw(st.sampled_from(["wait", "call off", "finish"])):
                case "call off":
                    approve.cancel(tx, brand, case, SHOPPER, app.now())
                    waiting.remove(case)
                case "finish":
                    finish(tx, app, brand, case)
                    waiting.remove(case)
        for case in waiting:
            finish(tx, app, brand, case)
        for n, line in enumerate(left_of(tx, order)):
            left = line.quantity - line.returned_quantity
            finish(tx, app, brand, ask_back(tx, app, brand, line, left, "refund_original", f"rest-{n}"))
        tx.refresh(order)
        assert left_of(tx, order) == []
        assert order.refunded_minor == order.captured_minor - order.shipping_minor
        assert sum(tx.exec(select(Refund.amount_minor).where(Refund.order_id == order.id))) == order.refunded_minor


def test_an_odd_cent_goes_with_the_next_unit_where_its_return_was_called_off(app: App, world: World) -> None:
    paid = {"lines": [(3, 100, 100, 0)], "shipping": 500, "included": True, "currency": "GBP"}
    with example(app) as tx:
        brand = tx.get_one(Brand, world.juniper.id)
        (line,) = left_of(tx, store(tx, app, brand, paid))
        first, second = (ask_back(tx, app, brand, line, 1, "refund_original", key) for key in ("one", "two"))
        assert (first.refund_minor, second.refund_minor) == (100 - 34, 100 - 33)
        approve.cancel(tx, brand, first, SHOPPER, app.now())
        assert ask_back(tx, app, brand, line, 2, "refund_original", "three").refund_minor == 200 - 67


def test_a_replacement_that_comes_back_is_worth_the_tax_that_was_paid_on_top(app: App, world: World) -> None:
    paid = {"lines": [(2, 1000, 0, 165)], "shipping": 0, "included": False, "currency": "KWD"}
    with example(app) as tx:
        brand = tx.get_one(Brand, world.juniper.id)
        order = store(tx, app, brand, paid)
        (line,) = left_of(tx, order)
        finish(tx, app, brand, ask_back(tx, app, brand, line, 1, "exchange_variant", "one"))
        _, new = left_of(tx, order)
        assert ask_back(tx, app, brand, new, 1, "refund_original", "two").refund_minor == 1083
        assert ask_back(tx, app, brand, line, 1, "refund_original", "three").refund_minor == 1082


def test_what_the_catalogue_prices_in_another_currency_is_not_offered_in_exchange(app: App, world: World) -> None:
    paid = {"lines": [(1, 1000, 0, 0)], "shipping": 0, "included": True, "currency": "JPY"}
    with example(app) as tx:
        brand = tx.get_one(Brand, world.juniper.id)
        order = store(tx, app, brand, paid)
        (line,) = left_of(tx, order)
        for product in tx.exec(select(Product).where(Product.group_key == "0")).all():
            product.currency = "GBP"
        assert [offered.swaps for offered in start.offer(tx, brand, order, app.now()).lines] == [[]]
        with pytest.raises(Refusal, match="no_such_variant"):
            ask_back(tx, app, brand, line, 1, "exchange_variant", "one")


def test_an_exchange_for_less_pays_back_no_more_than_is_left_of_what_was_paid(app: App, world: World) -> None:
    paid = {"lines": [(1, 1000, 0, 0)], "shipping": 0, "included": True, "currency": "GBP"}
    with example(app) as tx:
        brand = tx.get_one(Brand, world.juniper.id)
        order = store(tx, app, brand, paid)
        (line,) = left_of(tx, order)
        tx.exec(select(Product).where(Product.sku == "0-blue")).one().price_minor = 400
        settle.refund_order(tx, brand, order, 900, "sorry", "key", KIM, app.now())
        case = ask_back(tx, app, brand, line, 1, "exchange_variant", "one")
        assert case.refund_minor == 100
        assert sum(entry["amount_minor"] for entry in case.plan["lines"]) == 100
        finish(tx, app, brand, case)
        assert (case.status, tx.get_one(Order, order.id).refunded_minor) == ("completed", 1000)
