"""The lookup: opens an order to whom both halves belong, tells nobody else anything, and gets tired of guessing."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import event
from sqlmodel import Session, func, select, update

from portal.app import App
from portal.jobs.housekeeping import clean
from portal.keys import Keys, token_hash
from portal.notify.wishes import see_to_wishes
from portal.tables import AccessLink, LinkRequest, Order, Outbox, ShopperSession
from tests.client import Client
from tests.conftest import Clock
from tests.portal.web.shopping import TOKEN, change, is_clean, look_up, open_by_link
from tests.world import World


def count(app: App, table: type) -> int:
    with app.db.reading() as tx:
        return int(tx.exec(select(func.count()).select_from(table)).one())


def statements_of(client: Client, path: str, form: dict[str, object], status: int) -> list[str]:
    """Every statement that a form of the lookup page runs."""
    statements: list[str] = []
    client.get("/")  # the brand is known from here on

    def note(*call: Any) -> None:
        statements.append(call[2])

    event.listen(client.app.db.engine, "after_cursor_execute", note)
    try:
        assert client.post(path, form).status_code == status
    finally:
        event.remove(client.app.db.engine, "after_cursor_execute", note)
    return statements


@pytest.mark.parametrize("order", ["J-1001", "#j 1001", "Ｊ１００１"])
@pytest.mark.parametrize("who", ["ada@example.test", " ADA@Example.TEST", "CA12 5DJ", "ca125dj"])
def test_both_halves_open_the_order_however_they_are_typed(client: Client, world: World, order: str, who: str) -> None:
    response = look_up(client, order, who)
    assert response.status_code == 303
    assert response.headers["location"] == f"/orders/{world.order.public_id}"
    page = client.follow(response)
    assert page.status_code == 200
    assert "J-1001" in page.text
    is_clean(page.text)


def test_how_one_came_is_remembered(client: Client, app: App, world: World) -> None:
    look_up(client, who="CA12 5DJ")
    look_up(client, who="ada@example.test")
    with app.db.reading() as tx:
        assert sorted(tx.exec(select(ShopperSession.trust)).all()) == ["email", "status"]


def test_every_miss_gets_one_and_the_same_answer(client: Client, world: World, clock: Clock) -> None:
    misses = [
        ("J-9999", "ada@example.test"),
        ("J-1001", "bo@example.test"),
        ("J-1001", "SW1A 1AA"),
        ("J-1001", "10115"),
        ("nothing at all", "nobody@example.test"),
        ("1", "x"),
    ]
    answers = []
    for order, who in misses:
        client.forget_cookies()
        clock.forward(timedelta(minutes=6))
        answers.append(look_up(client, order, who))
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert all("set-cookie" not in answer.headers for answer in answers)
    assert len({tuple(sorted(set(answer.headers) - {"date"})) for answer in answers}) == 1
    assert not re.search(r"ada|1001|9999", answers[0].text)
    is_clean(answers[0].text)


def test_one_shop_knows_nothing_of_the_others_orders(client: Client, world: World) -> None:
    assert look_up(client, who="bo@example.test").status_code == 404
    opened = look_up(client, who="bo@example.test", host="basalt.test")
    assert opened.headers["location"] == f"/orders/{world.other_order.public_id}"
    assert world.order.public_id not in opened.headers["location"]


def test_a_miss_does_the_same_database_work_whatever_is_wrong(client: Client, world: World) -> None:
    misses = (("J-9999", "ada@example.test"), ("J-1001", "bo@example.test"), ("J-1001", "SW1A 1AA"))
    seen = [statements_of(client, "/find", {"order": order, "who": who}, 404) for order, who in misses]
    assert seen[0] == seen[1] == seen[2]
    assert len(seen[0]) > 1


def test_a_miss_compares_as_often_whether_the_number_exists(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from portal.web.pages import lookup

    compared: list[str] = []
    same = lookup._same

    def counted(keys: Keys, typed: str, stored: str) -> bool:
        compared.append(stored)
        return same(keys, typed, stored)

    monkeypatch.setattr(lookup, "_same", counted)
    for order in ("J-9999", "J-1001"):
        look_up(client, order, "guess@example.test")
    assert len(compared) == 2 * 2 * lookup._SLOTS


@pytest.mark.parametrize("who", ["ZZ9 9ZZ", "guess@example.test"])
def test_an_order_without_address_and_postcode_opens_to_nobody(
    client: Client, app: App, world: World, who: str
) -> None:
    change(app, lambda tx: tx.exec(update(Order).values(email="", postcode_key="")))
    assert look_up(client, who=who).status_code == 404


def test_who_knows_the_answer_may_look_as_often_as_one_household_does(client: Client, world: World) -> None:
    assert [look_up(client).status_code for _ in range(10)] == [303] * 10


@pytest.mark.parametrize(
    ("data", "faults"),
    [
        ({"order": "", "who": ""}, ["Enter your order number", "Enter the email or the postcode"]),
        ({"order": "J-1001"}, ["Enter the email or the postcode"]),
        ({"order": "J-1001", "who": "@@@", "more": "x"}, ["There is a problem"]),
        ({"order": ["a", "b"], "who": "x"}, ["Enter your order number"]),
        ({"order": "x" * 5000, "who": "a@b.test"}, ["There is a problem"]),
    ],
)
def test_what_is_missing_is_named_and_nothing_breaks(
    client: Client, world: World, data: dict[str, object], faults: list[str]
) -> None:
    response = client.post("/find", data)
    assert response.status_code == 422
    assert all(fault in response.text for fault in faults)
    is_clean(response.text)


def test_the_eleventh_try_from_one_place_waits_and_says_how_long(client: Client, world: World, clock: Clock) -> None:
    for n in range(10):
        assert look_up(client, f"X-{n}", "ada@example.test").status_code == 404
    refused = look_up(client)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 300
    assert "Let’s pause for a moment" in refused.text
    clock.forward(timedelta(minutes=5))
    assert look_up(client).status_code == 303


def test_an_order_guessed_at_from_many_places_is_closed_even_to_the_right_answer(
    client: Client, world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from portal.web.pages import lookup

    places = iter(range(100))
    monkeypatch.setattr(lookup, "network", lambda _: f"192.0.2.{next(places)}")
    for _ in range(5):
        assert look_up(client, who="guess@example.test").status_code == 404
    assert look_up(client).status_code == 429
    assert look_up(client, "J-2002").status_code == 404, "another number is not closed"
    clock.forward(timedelta(minutes=15))
    assert look_up(client).status_code == 303


def test_whoever_has_to_wait_learns_nothing_from_the_work_it_makes(
    client: Client, app: App, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from portal.web.pages import lookup

    places = iter(range(100))
    monkeypatch.setattr(lookup, "network", lambda _: f"192.0.2.{next(places)}")
    for _ in range(5):
        look_up(client, who="guess@example.test")
    right, wrong = (
        statements_of(client, "/find", {"order": "J-1001", "who": who}, 429)
        for who in ("ada@example.test", "guess@example.test")
    )
    assert right == wrong


def test_guessing_at_an_order_that_does_not_exist_looks_the_same(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from portal.web.pages import lookup

    places = iter(range(100))
    monkeypatch.setattr(lookup, "network", lambda _: f"192.0.2.{next(places)}")
    answers = [look_up(client, "J-7777", "ada@example.test").status_code for _ in range(6)]
    assert answers == [404] * 5 + [429]


def test_one_place_does_not_collect_orders(client: Client, app: App, world: World, clock: Clock) -> None:
    def more(tx: Session) -> None:
        for n in range(31):
            values = world.order.model_dump(exclude={"id", "public_id"})
            row = Order(**{**values, "number": f"C-{n}", "number_key": f"C{n}", "source_id": f"c-{n}"})
            tx.add(row)

    change(app, more)
    answers = []
    for n in range(31):
        clock.forward(timedelta(minutes=1))
        answers.append(look_up(client, f"C-{n}").status_code)
    assert answers == [303] * 30 + [429]
    clock.forward(timedelta(minutes=1))
    again = look_up(client, "C-30")
    assert again.status_code == 429, "asking again does not open it"
    assert "You can try again in <b>12 hours</b>." in again.text
    assert look_up(client, "C-3").status_code == 303, "an order opened before is no new one"


def test_a_link_by_mail_is_promised_to_everybody_and_sent_to_the_right_one(
    client: Client, app: App, world: World
) -> None:
    known = client.submit("/", "/link", {"email": "ADA@example.test"})
    unknown = client.submit("/", "/link", {"email": "nobody@example.test"})
    assert (known.status_code, known.headers["location"]) == (unknown.status_code, unknown.headers["location"])
    assert client.follow(known).text == client.follow(unknown).text
    assert "Check your email" in client.follow(known).text
    assert see_to_wishes(app) == 2
    with app.db.reading() as tx:
        rows = tx.exec(select(Outbox)).all()
    assert [(row.event, row.recipient, row.order_id) for row in rows] == [
        ("order.link", "ada@example.test", world.order.id)
    ]


def test_asking_for_a_link_again_and_again_sends_one(client: Client, app: App, world: World) -> None:
    for _ in range(3):
        client.submit("/", "/link", {"email": "ada@example.test"})
    see_to_wishes(app)
    assert count(app, Outbox) == 1
    assert count(app, LinkRequest) == 0, "no address of a stranger is kept"


def test_asking_for_a_link_makes_the_same_work_whether_the_address_is_known(
    client: Client, app: App, world: World
) -> None:
    known, unknown = (
        statements_of(client, "/link", {"email": email}, 303) for email in ("ada@example.test", "nobody@example.test")
    )
    assert known == unknown
    assert sum("link_request" in statement for statement in known) == 1
    assert not any("shop_order" in statement for statement in known)


def test_a_wish_for_links_that_nobody_could_see_to_is_forgotten_after_a_day(
    client: Client, app: App, world: World, clock: Clock
) -> None:
    client.submit("/", "/link", {"email": "ada@example.test"})
    clock.forward(timedelta(days=1))
    assert clean(app) > 0
    assert count(app, LinkRequest) == 0


def test_no_address_gets_no_link(client: Client, world: World) -> None:
    response = client.submit("/", "/link", {"email": "ada"})
    assert response.status_code == 422
    assert "Enter the full email address" in response.text


def test_a_mailed_link_opens_the_order_and_leaves_the_address(client: Client, app: App, world: World) -> None:
    path = open_by_link(client, app, world.order)
    assert path == f"/orders/{world.order.public_id}"
    page = client.get(path)
    assert page.status_code == 200
    assert TOKEN not in page.text
    assert "14 Sandgate Row" in page.text, "who has the link sees the whole address"


def test_a_mail_scanner_that_opens_the_link_changes_nothing_but_sessions(
    client: Client, app: App, world: World
) -> None:
    open_by_link(client, app, world.order)
    tables = (Order, Outbox, AccessLink)
    before = [count(app, table) for table in tables], count(app, ShopperSession)
    client.forget_cookies()
    open_by_link(client, app, world.order)
    assert [count(app, table) for table in tables] == before[0]
    assert count(app, ShopperSession) == before[1] + 1


@pytest.mark.parametrize("kind", ["expired", "revoked", "unknown", "foreign"])
def test_a_dead_link_leads_to_the_lookup_that_says_so(
    client: Client, app: App, world: World, clock: Clock, kind: str
) -> None:
    open_by_link(client, app, world.order)
    client.forget_cookies()

    def revoke(tx: Session) -> None:
        link = tx.get_one(AccessLink, token_hash(f"{TOKEN}juniper.test"))
        link.revoked_at = clock.now

    if kind == "expired":
        clock.forward(timedelta(days=61))
    if kind == "revoked":
        change(app, revoke)
    host = "basalt.test" if kind == "foreign" else "juniper.test"
    token = "u" * 43 if kind == "unknown" else f"{TOKEN}juniper.test"
    response = client.get(f"/t/{token}", host=host)
    assert response.headers["location"] == "/?expired=1"
    assert "set-cookie" not in response.headers
    assert "That link has expired" in client.follow(response, host=host).text


def test_a_form_from_another_site_is_refused(client: Client, world: World) -> None:
    response = client.post("/find", {"order": "1", "who": "x"}, headers={"sec-fetch-site": "cross-site"})
    assert response.status_code == 403
    assert_refused(response)


def test_a_form_without_its_token_is_refused_where_the_browser_says_nothing(client: Client, world: World) -> None:
    response = client.send("POST", "/find", host="juniper.test", data={"order": "1", "who": "x"})
    assert response.status_code == 403
    assert_refused(response)


def assert_refused(response: httpx.Response) -> None:
    assert "Nothing was changed" in response.text
    is_clean(response.text)


def test_what_is_no_form_is_told_to_people_in_the_shops_look(client: Client, world: World) -> None:
    page = client.post("/find", content=b"{}", headers={"content-type": "application/json"})
    assert page.status_code == 415
    assert "We couldn’t read that form" in page.text
    assert 'href="https://juniper.example"' in page.text, "with the ways on of any page of the shop"
    is_clean(page.text)


def test_a_host_of_nobody_shows_no_brand(client: Client, world: World) -> None:
    response = client.get("/", host="evil.test")
    assert response.status_code == 421
    assert "Juniper" not in response.text
    assert "evil" not in response.text
