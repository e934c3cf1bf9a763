"""Sending something back: three steps, every one judged anew, one case however often the form is sent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from gettext import NullTranslations
from html import unescape
from typing import Any

import httpx
import pytest
from sqlmodel import Session, select

from portal.app import App
from portal.tables import Brand, Label, Order, OrderLine, Product, ReturnCase, ReturnItem, Shipment, ShipmentItem
from portal.web.answers import View
from portal.web.pages import returns
from portal.web.view_frame import shop_view
from portal.web.view_return import Telling, telling
from tests.client import Client
from tests.conftest import Clock
from tests.portal.web.shopping import NOON, Tags, change, deliver, is_clean, look_up, open_by_link, story
from tests.world import World

_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


@pytest.fixture
def path(client: Client, app: App, world: World) -> str:
    """Ada's order, delivered two days ago, opened by its mailed link."""
    deliver(app, world, NOON - timedelta(days=2))
    return open_by_link(client, app, world.order)


def hidden(html: str) -> dict[str, Any]:
    """The hidden fields of a step, as a browser would send them."""
    fields: dict[str, Any] = {}
    for name, value in _HIDDEN.findall(html):
        value = unescape(value)
        before = fields.get(name)
        fields[name] = value if before is None else [*(before if isinstance(before, list) else [before]), value]
    return fields


def chosen(world: World, *, quantity: str = "1", reason: str = "too_small") -> dict[str, Any]:
    """What the first step asks, for the mugs."""
    mugs = world.lines[1].public_id
    return {"item": mugs, f"quantity-{mugs}": quantity, f"reason-{mugs}": reason, f"comment-{mugs}": "a <b> & c"}


def step(client: Client, path: str, page: httpx.Response, go: str, **answers: Any) -> httpx.Response:
    """Presses a button of a step."""
    target = f"{path}/returns" + ("" if go == "confirm" else "/new")
    return client.post(target, {**hidden(page.text), "go": go, **answers})


def to_review(client: Client, path: str, world: World, **answers: Any) -> httpx.Response:
    first = client.get(f"{path}/returns/new")
    second = step(client, path, first, "resolution", **chosen(world))
    return step(client, path, second, "review", **(answers or {"resolution": "refund_original"}))


def cases(app: App) -> list[ReturnCase]:
    with app.db.reading() as tx:
        return list(tx.exec(select(ReturnCase)).all())


def test_three_steps_lead_to_a_confirmed_return(client: Client, app: App, world: World, path: str) -> None:
    first = client.get(f"{path}/returns/new")
    assert "Step 1 of 3" in first.text
    assert "£13.05" in first.text
    second = step(client, path, first, "resolution", **chosen(world))
    assert "Step 2 of 3" in second.text
    third = step(client, path, second, "review", resolution="refund_original")
    assert "Step 3 of 3" in third.text
    assert "a &lt;b&gt; &amp; c" in third.text
    done = client.follow(step(client, path, third, "confirm"))
    assert "Return confirmed" in done.text
    for page in (first, second, third, done):
        assert page.status_code == 200
        is_clean(page.text)
    (case,) = cases(app)
    assert (case.status, case.resolution, case.refund_minor) == ("approved", "refund_original", 1305)
    assert case.rma in done.text
    with app.db.reading() as tx:
        item = tx.exec(select(ReturnItem)).one()
    assert (item.quantity, item.reason, item.comment) == (1, "too_small", "a <b> & c")


def test_every_amount_is_on_the_page_before_confirming(client: Client, world: World, path: str) -> None:
    html = to_review(client, path, world).text
    for amount in ("£14.50", "−£1.45", "£13.05"):
        assert amount in html
    assert "Tue 8 Dec" in html


def test_sending_the_last_form_twice_opens_one_return(client: Client, app: App, world: World, path: str) -> None:
    review = to_review(client, path, world)
    once, twice = step(client, path, review, "confirm"), step(client, path, review, "confirm")
    assert once.headers["location"] == twice.headers["location"]
    assert len(cases(app)) == 1


def test_going_back_keeps_every_answer(client: Client, world: World, path: str) -> None:
    review = to_review(client, path, world, resolution="store_credit")
    again = step(client, path, review, "resolution")
    assert re.search(r'value="store_credit" checked', again.text)
    first = step(client, path, review, "items")
    assert 'value="too_small" selected' in first.text
    assert "checked" in first.text
    assert "a &lt;b&gt; &amp; c" in first.text


def test_an_exchange_names_the_variant_and_the_difference(client: Client, app: App, world: World, path: str) -> None:
    mugs = world.lines[1].public_id
    first = client.get(f"{path}/returns/new")
    second = step(client, path, first, "resolution", **chosen(world))
    assert "£3.00 more" in second.text
    assert re.search(r'value="MUG-750" disabled', second.text), "sold out"
    assert re.search(r'value="MUG-350" disabled', second.text), "the same again"
    third = step(client, path, second, "review", **{"resolution": "exchange_variant", f"swap-{mugs}": "MUG-500"})
    assert "500 ml" in third.text
    assert "£3.00" in third.text
    assert "−£3.00" not in third.text, "what is paid is not shown as money back"
    assert "A person looks at this first" in third.text
    done = client.follow(step(client, path, third, "confirm"))
    assert "Request received" in done.text
    assert cases(app)[0].status == "requested"


def even_exchange(client: Client, world: World, path: str) -> httpx.Response:
    """The review of an exchange that costs nothing: the tent in another colour."""
    tent = world.lines[0].public_id
    first = client.get(f"{path}/returns/new")
    second = step(client, path, first, "resolution", **{"item": tent, f"reason-{tent}": "wrong_colour_style"})
    assert 'class="if-swap"' in second.text
    return step(client, path, second, "review", **{"resolution": "exchange_variant", f"swap-{tent}": "TENT-2-SAND"})


def test_an_even_exchange_speaks_of_nothing_to_pay_and_of_no_money_back(
    client: Client, world: World, path: str
) -> None:
    review = even_exchange(client, world, path)
    done = client.follow(step(client, path, review, "confirm"))
    for page in (review, done):
        text = Tags(page.text).text
        assert "Nothing to pay" in text
        assert "get back" not in text
        assert "Sand" in text
    assert "TENT-2-SAND" not in Tags(done.text).text


def test_what_changed_since_the_review_is_shown_before_anything_is_done(
    client: Client, app: App, world: World, path: str
) -> None:
    def dearer(tx: Session) -> None:
        for tent in tx.exec(select(Product).where(Product.sku == "TENT-2-SAND")):
            tent.price_minor += 500

    review = even_exchange(client, world, path)
    change(app, dearer)
    again = step(client, path, review, "confirm")
    assert again.status_code == 409
    assert "Something has changed" in again.text
    assert "£5.00" in again.text
    assert cases(app) == []
    is_clean(again.text)
    assert step(client, path, again, "confirm").status_code == 303
    assert len(cases(app)) == 1


def test_a_line_that_changed_since_the_review_is_shown_too(client: Client, app: App, world: World, path: str) -> None:
    def discount(tx: Session) -> None:
        tx.get_one(OrderLine, world.lines[1].id).discount_minor += 100

    review = to_review(client, path, world)
    change(app, discount)
    again = step(client, path, review, "confirm")
    assert (again.status_code, "Something has changed" in again.text, cases(app)) == (409, True, [])
    assert step(client, path, review, "confirm", shown="").status_code == 409


def test_an_exchange_without_a_variant_is_asked_for_it(client: Client, world: World, path: str) -> None:
    page = to_review(client, path, world, resolution="exchange_variant")
    assert page.status_code == 422
    mugs = world.lines[1].public_id
    assert re.search(rf'<a href="#swap-{mugs}">Choose the variant', page.text), "the summary leads to the question"
    assert re.search(rf'<input type="radio" id="swap-{mugs}" name="swap-{mugs}" value="MUG-500"', page.text)
    assert f'<fieldset aria-describedby="swap-error-{mugs}"' in page.text


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({}, "Choose at least one item"),
        ({"reason": ""}, "Choose a reason for Fell enamel mug"),
        ({"reason": "because"}, "Choose a reason for Fell enamel mug"),
        ({"quantity": "3"}, "choose from 1 to 2"),
        ({"quantity": "-1"}, "choose from 1 to 2"),
        ({"quantity": "9" * 40}, "choose from 1 to 2"),
        ({"quantity": "１"}, "choose from 1 to 2"),
    ],
)
def test_what_is_missing_or_wrong_is_named_by_item(
    client: Client, world: World, path: str, answers: dict[str, str], says: str
) -> None:
    first = client.get(f"{path}/returns/new")
    page = step(client, path, first, "resolution", **(chosen(world, **answers) if answers else {}))
    assert page.status_code == 422
    assert says in page.text
    links = [attributes.get("href") or "" for tag, attributes in Tags(page.text).found if tag == "a"]
    (target,) = [link[1:] for link in links if link.startswith("#") and link != "#main"]
    assert f'id="{target}"' in page.text, "the summary leads to what is wrong"
    is_clean(page.text)


def test_a_step_may_be_gone_back_to(client: Client, world: World, path: str) -> None:
    first = client.get(f"{path}/returns/new")
    second = step(client, path, first, "resolution", **chosen(world))
    assert {page.headers["cache-control"] for page in (first, second)} == {"private, no-cache"}


def test_an_order_of_many_lines_is_no_form_too_long(client: Client, world: World, path: str) -> None:
    first = client.get(f"{path}/returns/new")
    others = {f"{name}-line{n}": "" for n in range(120) for name in ("quantity", "reason", "comment")}
    others |= {f"comment-line{n}": "小" * 1000 for n in range(20)}
    page = step(client, path, first, "resolution", **chosen(world), **others)
    assert "Step 2 of 3" in page.text


def test_changing_the_carried_answers_gains_nothing(client: Client, app: App, world: World, path: str) -> None:
    review = to_review(client, path, world)
    mugs = world.lines[1].public_id
    for forged in (
        {f"quantity-{mugs}": "99"},
        {f"reason-{mugs}": "nonsense"},
        {"resolution": "all_the_money"},
        {"item": "not-a-line-of-this-order"},
        {"resolution": "exchange_variant", f"swap-{mugs}": "TENT-2-SAND"},
        {"item": ""},
    ):
        answer = step(client, path, review, "confirm", **forged)
        assert answer.status_code == 422, forged
    assert cases(app) == []


def test_a_forged_request_key_is_replaced(client: Client, app: App, world: World, path: str) -> None:
    review = to_review(client, path, world)
    step(client, path, review, "confirm", request_key="<x>")
    assert len(cases(app)[0].request_key) == 43


def test_final_sale_says_why_and_offers_the_other_door(client: Client, app: App, world: World, path: str) -> None:
    def seal(tx: Session) -> None:
        tx.get_one(OrderLine, world.lines[1].id).tags = ["final-sale"]

    change(app, seal)
    first = client.get(f"{path}/returns/new")
    assert "This was sold as final" in first.text
    refused = step(client, path, first, "resolution", **chosen(world, reason="too_small"))
    assert refused.status_code == 422
    assert "This was sold as final" in refused.text
    faulty = step(client, path, first, "resolution", **chosen(world, reason="defective"))
    assert "Step 2 of 3" in faulty.text


def test_after_the_window_the_last_day_is_named(client: Client, world: World, path: str, clock: Clock) -> None:
    clock.forward(timedelta(days=40))
    path = look_up(client).headers["location"]
    page = client.get(f"{path}/returns/new")
    assert "The return window closed on Tue 22 Dec." in page.text


def test_what_is_in_a_return_already_cannot_be_chosen(client: Client, app: App, world: World, path: str) -> None:
    def take(tx: Session) -> None:
        tx.get_one(OrderLine, world.lines[1].id).returned_quantity = 2

    change(app, take)
    page = client.get(f"{path}/returns/new")
    assert "All of this is in a return already." in page.text
    assert world.lines[1].public_id not in re.findall(r'name="item" value="([^"]+)"', page.text)


def test_where_nothing_is_left_to_send_back_the_page_says_so_and_asks_nothing(
    client: Client, app: App, world: World, path: str
) -> None:
    def take(tx: Session) -> None:
        for known in world.lines:
            line = tx.get_one(OrderLine, known.id)
            line.returned_quantity = line.quantity

    change(app, take)
    page = client.get(f"{path}/returns/new")
    assert "Nothing left to send back" in page.text
    for question in ("Step 1 of", "Continue", "The reason helps us", "You can return until"):
        assert question not in page.text
    assert f'href="{path}#help"' in page.text


def test_when_somebody_was_faster_nothing_is_kept(client: Client, app: App, world: World, path: str) -> None:
    review = to_review(client, path, world)

    def take(tx: Session) -> None:
        tx.get_one(OrderLine, world.lines[1].id).returned_quantity = 2

    change(app, take)
    answer = step(client, path, review, "confirm")
    assert answer.status_code == 422
    assert cases(app) == []


def test_before_anything_arrived_the_page_says_so_and_lets_one_insist(client: Client, app: App, world: World) -> None:
    path = open_by_link(client, app, world.order)
    page = client.get(f"{path}/returns/new")
    assert "Nothing to return just yet" in page.text
    assert "Step 1 of 3" in client.get(f"{path}/returns/new?arrived=1").text


def test_an_order_that_arrived_without_tracking_is_asked_no_question_about_it(
    client: Client, app: App, world: World
) -> None:
    def untracked(tx: Session) -> None:
        for parcel in world.shipments:
            row = tx.get_one(Shipment, parcel.id)
            for item in tx.exec(select(ShipmentItem).where(ShipmentItem.shipment_id == row.id)).all():
                tx.delete(item)
            tx.flush()
            tx.delete(row)
        tx.get_one(Order, world.order.id).stage = "completed"

    change(app, untracked)
    path = open_by_link(client, app, world.order)
    assert f'href="{path}/returns/new"' in client.get(path).text
    assert "Step 1 of 3" in client.get(f"{path}/returns/new").text


def test_the_earliest_end_is_named_where_parcels_came_on_different_days(
    client: Client, app: App, world: World, path: str
) -> None:
    def later(tx: Session) -> None:
        tx.get_one(Shipment, world.shipments[0].id).delivered_on = NOON.date()

    change(app, later)
    page = client.get(f"{path}/returns/new").text
    assert 'You can return until <b class="nb">Tue 22 Dec</b>, some items longer.' in page


def test_a_day_inside_a_sentence_is_not_written_as_its_beginning(client: Client, app: App, world: World) -> None:
    deliver(app, world, NOON - timedelta(days=30))
    path = open_by_link(client, app, world.order)
    assert 'You can return until <b class="nb">today</b>.' in client.get(f"{path}/returns/new").text


def test_what_keeps_the_rest_from_an_exchange_is_named(client: Client, app: App, world: World, path: str) -> None:
    def alone(tx: Session) -> None:
        tx.exec(
            select(Product).where(Product.sku == "TENT-2-SAND", Product.brand_id == world.juniper.id)
        ).one().stock = 0

    change(app, alone)
    tent = world.lines[0].public_id
    first = client.get(f"{path}/returns/new")
    both = chosen(world) | {f"reason-{tent}": "too_small", f"quantity-{tent}": "1"}
    page = step(client, path, first, "resolution", **{**both, "item": [tent, both["item"]]})
    assert 'value="exchange_variant"' not in page.text
    assert "There is no other variant of Cairn 2 tent to exchange." in page.text
    only_tent = step(client, path, first, "resolution", **{**both, "item": tent})
    assert "no other variant" not in only_tent.text


def test_number_and_postcode_may_look_but_not_act(client: Client, app: App, world: World) -> None:
    deliver(app, world, NOON)
    path = look_up(client, who="CA12 5DJ").headers["location"]
    page = client.get(f"{path}/returns/new")
    assert "private link" in page.text
    is_clean(page.text)
    for target in ("/returns/new", "/returns"):
        refused = client.submit(f"{path}/returns/new", path + target, chosen(world))
        assert refused.status_code == 403
        assert "Open the link in our email first" in refused.text
    assert cases(app) == []


@pytest.fixture
def confirmed(client: Client, world: World, path: str) -> str:
    """The path of a confirmed return."""
    return str(step(client, path, to_review(client, path, world), "confirm").headers["location"])


def test_while_the_label_is_made_the_page_says_check_again(client: Client, confirmed: str) -> None:
    page = client.get(confirmed)
    assert "We are making your label" in page.text
    assert f'href="{confirmed}"' in page.text
    refused = client.get(f"{confirmed}/label.pdf")
    assert refused.status_code == 409
    assert "isn’t ready yet" in refused.text


def test_a_ready_label_is_a_pdf_to_print(client: Client, app: App, confirmed: str) -> None:
    def make(tx: Session) -> None:
        label = tx.exec(select(Label)).one()
        label.state, label.pdf = "ready", b"%PDF-1.7 small"

    change(app, make)
    page = client.get(confirmed)
    assert "Your label is ready" in page.text
    assert '<path d="M4 4h1v1h-1z' in page.text
    is_clean(page.text)
    pdf = client.get(f"{confirmed}/label.pdf")
    assert pdf.content == b"%PDF-1.7 small"
    assert pdf.headers["content-type"] == "application/pdf"
    assert "no-store" in pdf.headers["cache-control"]
    assert re.fullmatch(r'inline; filename="return-R-[\w-]+\.pdf"', pdf.headers["content-disposition"])


def test_a_code_for_the_counter_stands_in_for_paper_and_customs_papers_go_beside_it(
    client: Client, app: App, confirmed: str
) -> None:
    def make(tx: Session) -> None:
        label = tx.exec(select(Label)).one()
        label.state, label.pdf, label.code, label.code_text = "ready", b"%PDF-1.7 small", b"\x89PNG small", "AB 12 <3"
        label.customs = b"%PDF-1.7 papers"

    change(app, make)
    page = client.get(confirmed)
    assert "No printer?" in page.text
    assert "AB 12 &lt;3" in page.text
    assert f'href="{confirmed}/customs.pdf"' in page.text
    is_clean(page.text)
    code = client.get(f"{confirmed}/counter-code")
    assert (code.content, code.headers["content-type"]) == (b"\x89PNG small", "image/png")
    assert client.get(f"{confirmed}/customs.pdf").content == b"%PDF-1.7 papers"


@pytest.mark.parametrize("code", [b"", b"<script>alert(1)</script>"])
def test_what_is_no_picture_is_not_shown_as_a_code(client: Client, app: App, confirmed: str, code: bytes) -> None:
    def make(tx: Session) -> None:
        label = tx.exec(select(Label)).one()
        label.state, label.pdf, label.code = "ready", b"%PDF-1.7 small", code

    change(app, make)
    assert client.get(f"{confirmed}/counter-code").status_code == 409


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ("in_transit", "This label has been used"),
        ("lost", "This label has been used"),
        ("received", "has arrived here"),
        ("completed", "has arrived here"),
        ("cancelled", "not valid any more"),
        ("expired", "not valid any more"),
    ],
)
def test_after_the_first_scan_the_labels_address_says_why_it_shows_none(
    client: Client, app: App, confirmed: str, status: str, why: str
) -> None:
    def use(tx: Session) -> None:
        label, case = tx.exec(select(Label)).one(), tx.exec(select(ReturnCase)).one()
        label.state, label.pdf, case.status = "ready", b"%PDF-1.7 small", status

    change(app, use)
    gone = client.get(f"{confirmed}/label.pdf")
    assert gone.status_code == 410
    assert why in gone.text
    assert f'href="{confirmed}"' in gone.text
    assert "%PDF" not in gone.text
    is_clean(gone.text)


@pytest.mark.parametrize("state", ["refused", "unknown"])
def test_a_label_that_could_not_be_made_is_arranged_by_a_person(
    client: Client, app: App, confirmed: str, state: str
) -> None:
    def fail(tx: Session) -> None:
        tx.exec(select(Label)).one().state = state

    change(app, fail)
    assert "We are arranging your label" in client.get(confirmed).text


def test_cancelling_twice_is_cancelling_once(client: Client, app: App, world: World, confirmed: str) -> None:
    form = hidden(client.get(confirmed).text)
    first, again = (client.post(f"{confirmed}/cancel", form) for _ in range(2))
    assert (first.status_code, again.status_code) == (303, 303)
    page = client.get(confirmed)
    assert "Return cancelled" in page.text
    assert "Cancel this return" not in page.text
    assert cases(app)[0].status == "cancelled"
    with app.db.reading() as tx:
        assert tx.get_one(OrderLine, world.lines[1].id).returned_quantity == 0


def test_after_the_first_scan_a_return_is_not_cancelled(client: Client, app: App, confirmed: str) -> None:
    def scan(tx: Session) -> None:
        tx.exec(select(ReturnCase)).one().status = "in_transit"

    form = hidden(client.get(confirmed).text)
    change(app, scan)
    refused = client.post(f"{confirmed}/cancel", form)
    assert refused.status_code == 409
    assert "This return has moved on" in refused.text


@pytest.mark.parametrize("status", ["requested", "received", "completed", "rejected", "expired", "lost", "resolving"])
def test_every_state_of_a_return_has_a_page(client: Client, app: App, confirmed: str, status: str) -> None:
    def put(tx: Session) -> None:
        case = tx.exec(select(ReturnCase)).one()
        case.status, case.reject_reason, case.credit_code = status, "It was worn <outdoors>.", "C-ABCD"
        case.approved_at = None if status == "requested" else case.approved_at

    change(app, put)
    page = client.get(confirmed)
    assert page.status_code == 200
    is_clean(page.text)
    if status == "rejected":
        assert "It was worn &lt;outdoors&gt;." in page.text
        assert "How to reach us" in page.text
    assert f'href="{confirmed.partition("/returns/")[0]}#help"' in page.text
    now = re.search(r'<li class="now".*?<b>(.*?)</b>', page.text)
    awaited = {"requested": "Approval", "received": "Refund", "lost": "Refund", "resolving": "Refund"}
    told = {"requested": "Hand it in"} | {name: "Handed in" for name in ("received", "completed", "lost", "resolving")}
    if status in told:
        assert (now[1] if now else "") == awaited.get(status, ""), "what is ahead is not told as done"
        assert f"<b>{told[status]}</b>" in page.text


@pytest.mark.parametrize(("moved", "seen"), [("info_received", False), ("in_transit", True)])
def test_a_return_that_ended_waits_for_no_parcel(
    client: Client, app: App, world: World, confirmed: str, moved: str, seen: bool
) -> None:
    def end(tx: Session) -> None:
        case = tx.exec(select(ReturnCase)).one()
        case.status = "cancelled"
        known = tx.get_one(Shipment, world.shipments[0].id).model_dump(exclude={"id", "public_id"})
        again = {"number": "NP3", "number_key": "NP3", "direction": "return", "return_id": case.id, "status": moved}
        tx.add(Shipment(**{**known, **again}))

    change(app, end)
    page = client.get(confirmed).text
    assert ("Your parcel to us" in page) is seen
    assert "You keep the items." in page


def test_a_shortened_month_and_the_end_of_its_sentence_share_one_full_stop(
    client: Client, app: App, world: World, confirmed: str
) -> None:
    def german(tx: Session) -> None:
        tx.get_one(Brand, world.juniper.id).locale = "de"
        late = tx.get_one(Shipment, world.shipments[0].id)
        late.status, late.delay, late.story = (
            "in_transit",
            "late",
            story(was={"from": "2026-11-20", "to": "2026-11-21"}),
        )
        label = tx.exec(select(Label)).one()
        label.state, label.pdf = "ready", b"%PDF"

    change(app, german)
    client.app.brands.forget()
    order, case = (Tags(client.get(page).text).text for page in (confirmed.partition("/returns/")[0], confirmed))
    assert "Before: Fr., 20. – Sa., 21. Nov. We" in " ".join(order.split())
    assert "Hand it in by Di., 8. Dez." in " ".join(case.split())
    assert ".." not in order + case


def test_the_order_page_lists_its_returns(client: Client, path: str, confirmed: str) -> None:
    assert f'href="{confirmed}"' in client.get(path).text


def test_a_return_of_another_order_is_not_found(client: Client, app: App, world: World, confirmed: str) -> None:
    other = open_by_link(client, app, world.other_order, host="basalt.test")
    case = confirmed.rpartition("/")[2]
    for end in ("", "/label.pdf"):
        assert client.get(f"{other}/returns/{case}{end}", host="basalt.test").status_code == 404
    assert client.submit(other, f"{other}/returns/{case}/cancel", {}, host="basalt.test").status_code in {403, 404}


class Marked(NullTranslations):
    """A catalogue of a language in which every sentence wears brackets."""

    def gettext(self, message: str) -> str:
        return f"‹{message}›"


def leaves(value: Any) -> Iterator[str]:
    """Every text in a page's values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in {"stylesheet", "script", "favicon", "icons", "art", "logo", "shop", "foot", "hidden", "code"}:
                yield from leaves(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from leaves(inner)


def test_every_sentence_of_ours_passes_a_catalogue(
    client: Client, app: App, world: World, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: set[str] = set()

    def noted(ask: Any, template: str, values: Mapping[str, Any], **more: Any) -> View:
        texts.update(leaves(values))
        return shop_view(ask, template, values, **more)

    def marked(brand: Brand, now: datetime) -> Telling:
        return replace(telling(brand, now), speech=Marked())

    monkeypatch.setattr(returns, "shop_view", noted)
    monkeypatch.setattr(returns, "telling", marked)
    case = step(client, path, to_review(client, path, world), "confirm").headers["location"]
    even_exchange(client, world, path)
    for status in ("requested", "label_issued", "in_transit", "received", "completed", "rejected", "lost"):

        def put(tx: Session, status: str = status) -> None:
            tx.exec(select(ReturnCase)).one().status = status

        change(app, put)
        assert client.get(case).status_code == 200
    assert {"‹Hand it in›", "‹Too small›", "‹same price›", "‹Nothing to pay›", "‹Return declined›"} <= texts
    data = {line.title for line in world.lines} | {"a <b> & c", world.order.payment_hint}
    with app.db.reading() as tx:
        data |= set(tx.exec(select(Product.variant)).all())
    ours = re.compile(r"‹.+›.*|[^a-z]*|[\w.-]+|/\S+|(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d+ \w+", re.S)
    assert sorted(text for text in texts - data if not ours.fullmatch(text)) == []
