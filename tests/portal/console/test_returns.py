"""Returns at the agent's desk: an exchange in four requests, decisions once however often pressed, stale pages told."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlmodel import select, update

from portal.app import App
from portal.audit import SHOPPER, Actor
from portal.returning import approve, receive, start
from portal.tables import (
    Audit,
    Brand,
    Label,
    Order,
    OrderLine,
    Outbox,
    PolicyVersion,
    Refund,
    ReturnCase,
    ReturnItem,
)
from tests.client import Client
from tests.conftest import Clock
from tests.portal.console.desk import Desk, form_of, sign_in
from tests.world import World

SAM = Actor("agent:somebody-else", "Sam")


def make_case(app: App, world: World, *, sku: str = "", reason: str = "too_small", line: int = 1) -> ReturnCase:
    """A return that waits for a decision (nothing is delivered yet, so the policy leaves it to people)."""
    with app.db.transaction() as tx:
        brand, order = tx.get_one(Brand, world.juniper.id), tx.get_one(Order, world.order.id)
        item = start.WantedItem(world.lines[line].public_id, 1, reason, exchange_sku=sku)
        wanted = start.Wanted((item,), "exchange_variant" if sku else "refund_original")
        return start.start_return(tx, brand, order, wanted, request_key="k" * 22, by=SHOPPER, now=app.now())


def stored(app: App, case: ReturnCase) -> ReturnCase:
    with app.db.reading() as tx:
        return tx.get_one(ReturnCase, case.id)


def refunds(app: App) -> list[Refund]:
    with app.db.reading() as tx:
        return list(tx.exec(select(Refund)).all())


def test_an_exchange_takes_at_most_four_requests_from_the_workspace(
    kim: Desk, app: App, order_path: str, world: World
) -> None:
    line = world.lines[0].public_id
    kim.get(order_path)
    kim.requests = 0
    panel = kim.get(f"{order_path}?do=exchange")
    assert "even" in panel.text
    answer = kim.press(panel.text, "/returns", **{f"r-{line}": "wrong_colour_style", f"sku-{line}": "TENT-2-SAND"})
    page = kim.follow(answer)
    assert kim.requests <= 4
    assert page.status_code == 200
    with app.db.reading() as tx:
        case, item = tx.exec(select(ReturnCase)).one(), tx.exec(select(ReturnItem)).one()
    assert case.resolution == "exchange_variant"
    assert (item.exchange_sku, item.reason) == ("TENT-2-SAND", "wrong_colour_style")
    assert case.created_by == f"agent:{world.kim.public_id}"
    assert case.rma in page.text


def test_the_difference_is_in_the_button_of_each_variant(kim: Desk, order_path: str) -> None:
    page = kim.get(f"{order_path}?do=exchange").text
    assert re.search(r'value="MUG-500"><b>500 ml</b> shopper pays £3\.00 each', page)
    assert 'value="MUG-750"' not in page  # sold out, and says so
    assert "sold out" in page


def test_an_exchange_runs_to_its_end(kim: Desk, app: App, order_path: str, world: World) -> None:
    case = make_case(app, world, sku="TENT-2-SAND", line=0)
    for action, state in (("approve", "approved"), ("receive", "received"), ("exchange", "completed")):
        answer = kim.press(kim.get(order_path).text, f"/{action}")
        assert answer.status_code == 303, answer.text
        assert stored(app, case).status == state
    with app.db.reading() as tx:
        assert tx.exec(select(OrderLine).where(OrderLine.sku == "TENT-2-SAND")).one().quantity == 1


DECISIONS = [("approve", "approved"), ("reject", "rejected"), ("cancel", "cancelled")]


@pytest.mark.parametrize(("action", "state"), DECISIONS)
def test_a_decision_pressed_twice_is_made_once(
    kim: Desk, app: App, order_path: str, world: World, action: str, state: str
) -> None:
    case = make_case(app, world)
    path, hidden = form_of(kim.get(order_path).text, f"/{action}")
    first, second = (kim.post(path, {**hidden, "reason": "Worn"}) for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert "done already" in kim.follow(second).text
    assert stored(app, case).status == state
    with app.db.reading() as tx:
        assert len(tx.exec(select(Audit).where(Audit.act == f"return.{state}")).all()) == 1


def test_a_refund_pressed_many_times_at_once_pays_once(
    client: Client, kim: Desk, app: App, order_path: str, world: World
) -> None:
    case = make_case(app, world)
    for action in ("approve", "receive"):
        kim.press(kim.get(order_path).text, f"/{action}")
    page = kim.get(order_path).text
    assert "Refund £13.05" in page
    path, hidden = form_of(page, "/refund")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: kim.post(path, hidden), range(4)))
    assert {answer.status_code for answer in answers} == {303}
    assert [row.amount_minor for row in refunds(app)] == [1305]
    assert stored(app, case).status == "completed"
    assert "£13.05 refunded" in "".join(kim.follow(answer).text for answer in answers)


def test_less_than_planned_may_be_refunded_and_more_may_not(kim: Desk, app: App, order_path: str, world: World) -> None:
    make_case(app, world)
    for action in ("approve", "receive"):
        kim.press(kim.get(order_path).text, f"/{action}")
    page = kim.get(order_path).text
    for amount in ("13.06", "0", "-1", "abc", "1e3", "", "9" * 60):
        answer = kim.press(page, "/refund", amount=amount)
        assert answer.status_code == 422, amount
        assert "Nothing was changed" in answer.text
    assert refunds(app) == []
    assert kim.press(page, "/refund", amount="10,00").status_code == 303
    assert [row.amount_minor for row in refunds(app)] == [1000]


def test_a_page_that_is_out_of_date_says_who_did_what(kim: Desk, app: App, order_path: str, world: World) -> None:
    case = make_case(app, world)
    page = kim.get(order_path).text
    with app.db.transaction() as tx:
        approve.approve(tx, tx.get_one(Brand, world.juniper.id), tx.get_one(ReturnCase, case.id), SAM, app.now())
    answer = kim.press(page, "/reject", reason="Too late for that")
    assert answer.status_code == 409
    assert "<b>Sam</b> approved return" in answer.text
    assert case.rma in answer.text
    assert "readonly>Too late for that</textarea>" in answer.text
    assert stored(app, case).status == "approved"


def test_a_rejection_needs_a_reason_and_tells_it(kim: Desk, app: App, order_path: str, world: World) -> None:
    case = make_case(app, world)
    page = kim.get(order_path).text
    assert kim.press(page, "/reject", reason="  ").status_code == 422
    assert stored(app, case).status == "requested"
    kim.press(page, "/reject", reason="It was worn outdoors")
    assert stored(app, case).reject_reason == "It was worn outdoors"
    with app.db.reading() as tx:
        assert tx.exec(select(Outbox).where(Outbox.event == "return.rejected")).one().return_id == case.id


def test_a_return_on_behalf_shows_its_amount_before_it_is_made(
    kim: Desk, app: App, order_path: str, world: World
) -> None:
    line = world.lines[1].public_id
    page = kim.get(f"{order_path}?do=return&check=1&q-{line}=2&r-{line}=defective&resolution=store_credit").text
    assert "Make the return, £31.05 on receipt" in page  # two mugs with their discount, and the shipping
    path, hidden = form_of(page, "/returns")
    answers = [kim.post(path, {**hidden, "comment": "Both chipped"}) for _ in range(2)]
    assert {answer.status_code for answer in answers} == {303}
    with app.db.reading() as tx:
        case, item = tx.exec(select(ReturnCase)).one(), tx.exec(select(ReturnItem)).one()
    assert (case.resolution, case.refund_minor) == ("store_credit", 3105)
    assert (item.quantity, item.comment) == (2, "Both chipped")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "Choose at least one item"),
        ({"q": "1"}, "Choose a reason"),
        ({"q": "1", "r": "made_up"}, "Choose a reason"),
        ({"q": "x", "r": "other"}, "whole number"),
        ({"q": "99", "r": "other"}, "in a return already"),
        ({"q": "1", "r": "other", "resolution": "gold"}, "Choose what the shopper gets"),
        ({"q": "1", "r": "other", "line": "nonsense"}, "cannot be sent back"),
    ],
)
def test_what_cannot_be_returned_is_refused_in_words(
    kim: Desk, app: App, order_path: str, world: World, fields: dict[str, str], words: str
) -> None:
    line = fields.get("line", world.lines[1].public_id)
    named = {"q": f"q-{line}", "r": f"r-{line}"}
    path, hidden = form_of(kim.get(f"{order_path}?do=exchange").text, "/returns")
    base = {"csrf": hidden["csrf"], "key": hidden["key"], "resolution": "refund_original"}
    answer = kim.post(path, {**base, **{named.get(k, k): v for k, v in fields.items() if k != "line"}})
    assert answer.status_code in {409, 422}
    assert words in answer.text
    with app.db.reading() as tx:
        assert not tx.exec(select(ReturnCase)).all()


def test_goodwill_is_paid_once_and_never_above_what_was_paid(kim: Desk, app: App, order_path: str) -> None:
    assert "more than is left" in kim.get(f"{order_path}?do=refund&amount=327.16").text
    assert "amount such as" in kim.get(f"{order_path}?do=refund&amount=lots").text
    page = kim.get(f"{order_path}?do=refund&amount=5").text
    assert "Refund £5.00" in page
    path, hidden = form_of(page, "/goodwill")
    for _ in range(3):
        assert kim.post(path, {**hidden, "reason": "Late for the trip"}).status_code == 303
    assert [row.amount_minor for row in refunds(app)] == [500]
    much = kim.post(path, {**hidden, "key": "y" * 22, "amount": "327.15", "reason": "All of it"})
    assert (much.status_code, "readonly>All of it</textarea>" in much.text) == (422, True)
    assert kim.post(path, {**hidden, "key": "x" * 22, "reason": " "}).status_code == 422
    assert kim.post(path, {**hidden, "key": "short", "reason": "x"}).status_code == 403
    assert [row.amount_minor for row in refunds(app)] == [500]
    assert "goodwill: Late for the trip" in kim.get(order_path).text


def test_why_a_return_waits_is_said_in_words(kim: Desk, app: App, order_path: str, world: World) -> None:
    make_case(app, world)
    page = kim.get(order_path).text
    assert "A person decides" in page
    assert "the window has not started" in page


def test_an_agent_of_every_brand_acts_for_each(client: Client, app: App, world: World, order_path: str) -> None:
    case = make_case(app, world)
    sam = sign_in(client, "sam", "basalt.test")
    assert sam.press(sam.get(order_path).text, "/approve").status_code == 303
    assert stored(app, case).status == "approved"


def test_received_goods_are_on_the_queue_until_they_are_settled(kim: Desk, app: App, world: World) -> None:
    case = make_case(app, world)
    assert case.rma in kim.get("/console?show=decide").text
    with app.db.transaction() as tx:
        brand, row = tx.get_one(Brand, world.juniper.id), tx.get_one(ReturnCase, case.id)
        approve.approve(tx, brand, row, SAM, app.now())
        receive.receive(tx, brand, row, SAM, app.now())
    assert case.rma not in kim.get("/console?show=decide").text
    assert case.rma in kim.get("/console?show=settle").text


def test_the_label_stays_for_the_agent_when_it_was_used(kim: Desk, app: App, order_path: str, world: World) -> None:
    case = make_case(app, world)
    with app.db.transaction() as tx:
        tx.add(
            Label(
                return_id=case.id or 0, key=case.public_id, state="ready", pdf=b"%PDF-1.7 small", created_at=app.now()
            )
        )
        tx.get_one(ReturnCase, case.id).status = "in_transit"
    link = re.search(r'href="(/console/[^"]+/label\.pdf)"', kim.get(order_path).text)
    assert link is not None
    pdf = kim.get(link[1])
    assert (pdf.status_code, pdf.content) == (200, b"%PDF-1.7 small")
    assert kim.get(link[1].replace(case.public_id, "x" * 22)).status_code == 404


def test_a_return_of_which_nothing_is_owed_is_closed_without_a_refund(
    kim: Desk, app: App, order_path: str, world: World
) -> None:
    with app.db.transaction() as tx:
        tx.exec(update(Order).values(captured_minor=0))
    case = make_case(app, world)
    for act in ("approve", "receive"):
        kim.follow(kim.press(kim.get(order_path).text, f"{case.public_id}/{act}"))
    page = kim.get(order_path).text
    done = kim.follow(kim.press(page, f"{case.public_id}/close"))
    assert f"Return {case.rma} is closed. Nothing is owed." in done.text
    assert (stored(app, case).status, refunds(app)) == ("completed", [])
    assert f"closed return {case.rma}, of which nothing is owed" in done.text
    assert "That was done already" in kim.follow(kim.press(page, f"{case.public_id}/close")).text


def test_a_return_says_under_which_version_of_the_policy_it_was_decided(
    kim: Desk, app: App, order_path: str, world: World, clock: Clock
) -> None:
    make_case(app, world)
    assert "By version 1 of the policy, which holds today." in kim.get(order_path).text
    with app.db.transaction() as tx:
        first = tx.exec(select(PolicyVersion).where(PolicyVersion.brand_id == world.juniper.id)).one()
        first.created_at = clock.now - timedelta(days=20)
        tx.add(PolicyVersion(brand_id=first.brand_id, version=2, body=first.body, created_at=clock.now))
    shown = kim.get(order_path).text
    assert "By version 1 of the policy, of Wed 4 Nov. Today version 2 holds." in shown
    with app.db.transaction() as tx:
        tx.exec(update(ReturnCase).values(policy_version_id=None))
    assert "There was no policy then, so a person decides." in kim.get(order_path).text
