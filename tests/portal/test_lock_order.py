"""Who wants the same rows at the same moment takes them in one order on PostgreSQL: nobody waits in a ring.

Each test stops one of two units of work in the middle, lets the other one run into its locks, and goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier, Event
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import Session, col, select, text, update

from carriers.adapters.manual import CODES
from carriers.contract import Fetched
from portal.app import App
from portal.audit import Actor
from portal.claim import claim
from portal.connections import remove_connection
from portal.db import repeated
from portal.refusal import Refusal
from portal.returning import approve, receive, start
from portal.returning.start import Wanted, WantedItem
from portal.shops.contract import all_sources
from portal.shops.importer import _Importer, import_drafts
from portal.tables import Brand, Connection, Inbox, Order, OrderLine, Product, Refund, ReturnCase, Shipment
from portal.tracking import poll
from portal.tracking.byhand import Told, add_event
from portal.tracking.ingest import Taking, read_row
from portal.tracking.locks import lock
from portal.work import Job
from portal.worker import Ticker
from tests.client import Client
from tests.conftest import Clock
from tests.portal.console.desk import sign_in
from tests.portal.console.test_returns import make_case
from tests.portal.shops.test_importer import ORDER
from tests.portal.tracking.northpost import journey
from tests.portal.tracking.test_ingest import body, keep
from tests.postgres import until_somebody_waits
from tests.world import World

KIM = Actor("agent:kim", "Kim")
pytestmark = pytest.mark.postgres


@pytest.fixture
def database_url(postgres_url: str) -> str:
    """PostgreSQL alone: SQLite has one writer at a time anyhow."""
    return postgres_url


def meanwhile(
    app: App, first: Callable[[Session], object], other: Callable[[], object], then: Callable[[Session], object]
) -> None:
    """`first` and `then` in one transaction, and between them `other` on another thread, until it waits for a lock."""
    with ThreadPoolExecutor(1) as pool:
        with app.db.transaction() as tx:
            first(tx)
            late = pool.submit(other)
            until_somebody_waits(app.db)
            then(tx)
        late.result()


def second_order(app: App, world: World, numbers: list[str]) -> list[Shipment]:
    """Another order of Juniper's, with parcels of these numbers."""
    with app.db.transaction() as tx:
        order = Order(**world.order.model_dump(exclude={"id", "public_id", "source_id"}), source_id="second")
        tx.add(order)
        tx.flush()
        kept = world.shipments[0].model_dump(exclude={"id", "public_id", "order_id", "number", "number_key"})
        parcels = [Shipment(**kept, order_id=order.id or 0, number=number, number_key=number) for number in numbers]
        tx.add_all(parcels)
    return parcels


def in_turn(app: App, world: World, clock: Clock) -> poll.Round:
    """Every parcel of the world's connection, as a poll holds them."""
    with app.db.transaction() as tx:
        tx.exec(update(Shipment).values(next_at=clock.now, connection_id=world.connection.id))
        return poll.Round(world.connection, claim(tx, Shipment, clock.now))


def test_an_answer_that_comes_again_while_it_is_taken_in(app: App, world: World, clock: Clock) -> None:
    found = in_turn(app, world, clock)
    fetched = Fetched(200, body(journey(clock.now - timedelta(hours=46))))
    poll._keep(app, found, fetched)
    with app.db.transaction() as tx:
        rows = claim(tx, Inbox, clock.now)
        tx.exec(update(Shipment).values(next_at=clock.now))
    found = in_turn(app, world, clock)
    batch = [read_row(row) for row in rows]
    meanwhile(
        app,
        lambda tx: lock(tx, [row.id for row in found.rows]),
        lambda: poll._keep(app, found, fetched),
        lambda tx: Taking(tx, clock.now).take(batch),
    )
    with app.db.reading() as tx:
        assert tx.exec(select(Inbox)).one().done_at is None  # asked for once more


def test_a_connection_is_removed_while_news_of_it_is_taken_in(
    app: App, client: Client, world: World, clock: Clock
) -> None:
    keep(app, world.connection, body(journey(clock.now - timedelta(hours=46))))
    with app.db.transaction() as tx:
        batch = [read_row(row) for row in claim(tx, Inbox, clock.now)]
    desk = sign_in(client, "sam")
    page = desk.get(f"/console/connections/{world.connection.public_id}/remove").text
    meanwhile(
        app,
        lambda tx: lock(tx, [world.shipments[0].id, world.shipments[1].id]),
        lambda: desk.press(page, "/remove"),
        lambda tx: Taking(tx, clock.now).take(batch),
    )
    with app.db.reading() as tx:
        connection = tx.get_one(Connection, world.connection.id)
        assert (connection.removed_at, connection.last_push_at) == (clock.now, clock.now)
        assert tx.get_one(Shipment, world.shipments[0].id).status == "delivered"


def test_a_connection_is_removed_by_two_at_once(app: App, world: World, clock: Clock) -> None:
    def remove(tx: Session) -> None:
        remove_connection(tx, tx.get_one(Connection, world.connection.id), clock.now)

    def late() -> None:
        with pytest.raises(Refusal, match="not_found"), app.db.transaction() as tx:
            remove(tx)

    meanwhile(app, remove, late, lambda tx: None)


def test_an_agents_event_waits_for_no_other_order_with_the_same_number(app: App, world: World, clock: Clock) -> None:
    first = world.shipments[0]
    (second,) = second_order(app, world, [first.number])
    told = Told(next(iter(CODES)), clock.now.isoformat())
    with app.db.transaction() as tx:
        tx.exec(select(Order).where(Order.id == world.order.id).with_for_update(key_share=True)).one()
        with app.db.transaction() as desk:
            desk.exec(text("SET LOCAL lock_timeout = '300ms'"))  # type: ignore[call-overload]
            (mine,) = lock(desk, [second.id])
            assert add_event(desk, app.keys, mine, told, "k" * 22, KIM, clock.now)
        lock(tx, [first.id, second.id])


def test_an_import_and_a_poll_of_the_same_parcels(app: App, world: World, clock: Clock) -> None:
    numbers = ["NP447109301GB", "NP447109302GB"]
    orders = [
        {**ORDER, "id": f"90{n}", "number": f"T-90{n}", "shipments": [{"carrier": "NorthPost", "number": number}]}
        for n, number in enumerate(numbers)
    ]

    def imported(*them: dict[str, Any]) -> Callable[[], object]:
        drafts = list(all_sources()["json"].read(json.dumps(them).encode(), ZoneInfo("Europe/London")))
        return lambda: import_drafts(app.db, world.juniper, drafts, app.now(), source="json")

    imported(*orders)()
    found = in_turn(app, world, clock)
    mine = [row for row in found.rows if row.number in numbers]
    for order in orders:
        order["shipments"] = [{**order["shipments"][0], "service": "Express"}]
    later_first = imported(*reversed(orders))

    def asked(row: Any) -> Callable[[Session], object]:
        held = poll.Round(found.connection, [row])
        return lambda tx: poll._set_shipments(tx, held, clock.now, next_at=clock.now)

    meanwhile(app, asked(mine[0]), later_first, asked(mine[1]))
    with app.db.reading() as tx:
        wanted = select(Shipment.service, Shipment.next_at).where(col(Shipment.number).in_(numbers))
        assert tx.exec(wanted).all() == [("Express", clock.now)] * 2


def test_two_imports_that_meet_the_same_customers_the_other_way_round(app: App, world: World, clock: Clock) -> None:
    def drafts(source: str, *people: str) -> list[Any]:
        orders = [{**ORDER, "id": f"{source}-{who}", "number": f"{source}-{who}", "email": who} for who in people]
        return list(all_sources()["json"].read(json.dumps(orders).encode(), ZoneInfo("Europe/London")))

    mine, theirs = drafts("csv", "ann@x.test", "ben@x.test"), drafts("json", "ben@x.test", "ann@x.test")
    importers: list[_Importer] = []

    def begin(tx: Session) -> None:
        importers.append(_Importer(tx, world.juniper, [], clock.now, "csv", False))
        importers[0].lock(mine)
        importers[0].take(mine[0])

    meanwhile(
        app,
        begin,
        lambda: import_drafts(app.db, world.juniper, theirs, clock.now, source="json"),
        lambda tx: importers[0].take(mine[1]),
    )
    with app.db.reading() as tx:
        assert len(tx.exec(select(Order).where(col(Order.email).in_(["ann@x.test", "ben@x.test"]))).all()) == 4


@pytest.fixture
def held_goods(app: App, world: World) -> tuple[World, Order]:
    """Two orders of two lines each, of which the second one's lines are the other way round."""
    (parcel,) = second_order(app, world, ["NP447109303GB"])
    with app.db.transaction() as tx:
        order = tx.get_one(Order, parcel.order_id)
        for n, line in enumerate(reversed(world.lines)):
            kept = line.model_dump(exclude={"id", "public_id", "order_id", "source_id", "position"})
            tx.add(OrderLine(**kept, order_id=order.id or 0, source_id=str(n), position=n))
    return world, order


def swapped(tx: Session, world: World, order: Order, now: Any, key: str) -> ReturnCase:
    """Both goods of an order for another variant each."""
    lines = tx.exec(select(OrderLine).where(OrderLine.order_id == order.id).order_by(col(OrderLine.id))).all()
    other = {"TENT-2-MOSS": "TENT-2-SAND", "MUG-350": "MUG-500"}
    items = tuple(WantedItem(line.public_id, 1, "too_small", "", other[line.sku]) for line in lines)
    wanted = Wanted(items, "exchange_variant")
    return start.start_return(tx, world.juniper, order, wanted, request_key=key, by=KIM, now=now)


def test_goods_are_given_back_while_others_take_them(app: App, held_goods: tuple[World, Order], clock: Clock) -> None:
    world, second = held_goods
    with app.db.transaction() as tx:
        swapped(tx, world, tx.get_one(Order, second.id), clock.now, "second")
        held = swapped(tx, world, tx.get_one(Order, world.order.id), clock.now, "first")
    with app.db.transaction() as tx:
        goods = select(Product).where(
            Product.brand_id == world.juniper.id, col(Product.sku).in_(["TENT-2-SAND", "MUG-500"])
        )
        earlier, later = (product.id for product in tx.exec(goods.order_by(col(Product.id))).all())

    def give_back() -> None:
        with app.db.transaction() as tx:
            approve.cancel(tx, world.juniper, tx.get_one(ReturnCase, held.id), KIM, clock.now)

    def take(product: int | None) -> Callable[[Session], object]:
        return lambda tx: tx.exec(select(Product).where(Product.id == product).with_for_update(key_share=True)).one()

    meanwhile(app, take(earlier), give_back, take(later))


def test_who_is_sacrificed_to_others_begins_anew(app: App, world: World) -> None:
    runs: list[int | None] = []
    both = Barrier(2)

    def work(one: int | None, two: int | None) -> None:
        runs.append(one)
        with app.db.transaction() as tx:
            tx.exec(select(Order.id).where(Order.id == one).with_for_update()).all()
            if len(runs) <= 2:
                both.wait(timeout=10)
            tx.exec(select(Order.id).where(Order.id == two).with_for_update()).all()

    ids = world.order.id, world.other_order.id
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(repeated, partial(work, *them)) for them in (ids, ids[::-1])]:
            done.result()
    assert len(runs) > 2


def sacrificed(app: App, work: Callable[[], Any], *, first: Any, pause: Any, last: Any) -> Any:
    """What comes of `work`, which locks these rows one after the other, in a ring that costs it its transaction.

    It stops at `pause` until somebody patient, who has `last`, waits for `first`: who closes a ring is sacrificed.
    """
    with ThreadPoolExecutor(2) as pool:
        with app.db.transaction() as patient:
            patient.exec(text("SET LOCAL deadlock_timeout = '60s'"))  # type: ignore[call-overload]
            patient.exec(text("SET LOCAL lock_timeout = '30s'"))  # type: ignore[call-overload]
            patient.exec(last.with_for_update()).all()
            with app.db.transaction() as stop:
                stop.exec(pause.with_for_update()).all()
                done = pool.submit(work)
                until_somebody_waits(app.db)
                waiting = pool.submit(lambda: patient.exec(first.with_for_update()).all())
                until_somebody_waits(app.db, 2)
            waiting.result()
        return done.result()


def test_an_agent_whose_act_is_sacrificed_sees_nothing_of_it(
    app: App, client: Client, world: World, clock: Clock
) -> None:
    wanted = Wanted((WantedItem(world.lines[0].public_id, 1, "too_small"),), "refund_original")
    with app.db.transaction() as tx:
        order = tx.get_one(Order, world.order.id)
        case = start.start_return(tx, world.juniper, order, wanted, request_key="key", by=KIM, now=clock.now)
    desk = sign_in(client)
    page = desk.get(f"/console/orders/{world.order.public_id}").text
    answer = sacrificed(
        app,
        lambda: desk.press(page, f"{case.public_id}/cancel"),
        first=select(Order.id).where(Order.id == world.order.id),
        pause=select(ReturnCase.id).where(ReturnCase.id == case.id),
        last=select(OrderLine.id).where(OrderLine.id == world.lines[0].id),
    )
    assert answer.status_code == 303
    with app.db.reading() as tx:
        assert tx.get_one(ReturnCase, case.id).status == "cancelled"
        assert tx.get_one(OrderLine, world.lines[0].id).returned_quantity == 0


def test_a_batch_of_an_import_that_is_sacrificed_is_taken_once_more(app: App, world: World, clock: Clock) -> None:
    drafts = list(all_sources()["json"].read(json.dumps([ORDER]).encode(), ZoneInfo("Europe/London")))
    import_drafts(app.db, world.juniper, drafts, clock.now, source="json")
    mine = Order.source_id == ORDER["id"]
    report = sacrificed(
        app,
        lambda: import_drafts(app.db, world.juniper, drafts, clock.now, source="json"),
        first=select(Brand.id).where(Brand.id == world.juniper.id),
        pause=select(Order.id).where(mine),
        last=select(Shipment.id).where(col(Shipment.order_id).in_(select(Order.id).where(mine))),
    )
    assert (report.unchanged, report.refused) == (1, [])


def test_what_a_sacrificed_job_had_in_hand_waits_for_no_lease(app: App, world: World, clock: Clock) -> None:
    rounds: list[int] = []

    def run(app: App) -> int:
        with app.db.transaction() as tx:
            rounds.append(len(claim(tx, Shipment, clock.now)))
        if len(rounds) == 1:
            with app.db.transaction() as tx:
                tx.exec(text("DO $$ BEGIN RAISE deadlock_detected; END $$"))  # type: ignore[call-overload]
        return 0

    tick = Ticker(app, Job("trial", timedelta(seconds=1), run), "worker", Event())
    tick()
    tick()
    assert rounds == [3, 3]


PAIRS = [("approve", "reject"), ("receive", "cancel"), ("refund", "refund")]


@pytest.mark.parametrize("acts", PAIRS, ids=" ".join)
def test_of_two_agents_who_act_on_a_return_at_once_one_does_and_the_other_is_told(
    app: App, client: Client, world: World, clock: Clock, acts: tuple[str, str]
) -> None:
    case = make_case(app, world)
    with app.db.transaction() as tx:
        mine = tx.get_one(ReturnCase, case.id)
        if acts[0] != "approve":
            approve.approve(tx, world.juniper, mine, KIM, clock.now)
        if acts[0] == "refund":
            receive.receive(tx, world.juniper, mine, KIM, clock.now)
    path = f"/console/orders/{world.order.public_id}"
    with Client(app.settings, clock) as browser, ThreadPoolExecutor(2) as pool:
        desks = [sign_in(client, "kim"), sign_in(browser, "sam")]
        pages = [desk.get(path).text for desk in desks]
        with app.db.transaction() as tx:
            tx.exec(select(Order.id).where(Order.id == world.order.id).with_for_update(key_share=True)).one()
            both = [
                pool.submit(desk.press, page, f"{case.public_id}/{act}", reason="worn")
                for desk, page, act in zip(desks, pages, acts, strict=True)
            ]
            until_somebody_waits(app.db)
        answers = [answer.result() for answer in both]
    assert sorted(answer.status_code for answer in answers) == [303, 409]
    winner = min((0, 1), key=lambda n: answers[n].status_code)
    assert ("Kim", "Sam")[winner] in answers[1 - winner].text
    done = {"approve": "approved", "reject": "rejected", "receive": "received", "cancel": "cancelled"}
    with app.db.reading() as tx:
        assert tx.get_one(ReturnCase, case.id).status == done.get(acts[winner], "completed")
        assert len(tx.exec(select(Refund)).all()) == (1 if "refund" in acts else 0)
