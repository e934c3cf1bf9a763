"""Hostile text in every field, and what no page of the console may hold: inline script, inline style, foreign links."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlmodel import select

from portal.app import App
from portal.audit import SHOPPER, record
from portal.notify.events import Event
from portal.notify.outbox import put
from portal.returning import start
from portal.tables import (
    Agent,
    Brand,
    CodeMapping,
    Connection,
    ConnectionTrial,
    Customer,
    Note,
    Order,
    OrderLine,
    Outbox,
    Product,
    Scan,
    Shipment,
    UnmappedCode,
)
from tests.client import Client
from tests.portal.console.desk import Desk, sign_in
from tests.world import World

EVIL = "\"'><script>alert(1)</script>{{7*7}}%(x)s%s&amp;\u202e"
PAGES = [
    "",
    "/messages",
    "/codes",
    "/connections",
    "/brands",
    "/search?q=J-10",
    "/inbox",
    "/inbox?show=aside",
    "/usage",
]
PAGES += ["/carriers", "/carriers?q=%22%3E%3Cscript%3Ealert(1)", "/carriers/northpost", "/carriers/ups"]
# Those of an agent who may decide for every brand.
MAP = f"/codes/map?{urlencode({'carrier': 'northpost', 'code': EVIL[:40], 'word': 'delivered'})}"
WIDE = ["/codes?show=mapped", MAP, "/connections/{connection}", "/connections/{connection}/remove"]
PANELS = ["", "?do=event", "?do=exchange", "?do=refund&amount=1", "?do=return&check=1"]


def poison(app: App, world: World) -> None:
    """Writes EVIL into every text that somebody outside can choose."""
    with app.db.transaction() as tx:
        brand, order = tx.get_one(Brand, world.juniper.id), tx.get_one(Order, world.order.id)
        line = tx.get_one(OrderLine, world.lines[1].id)
        wanted = start.Wanted((start.WantedItem(line.public_id, 1, "other", EVIL),))
        case = start.start_return(tx, brand, order, wanted, request_key="k" * 22, by=SHOPPER, now=app.now())
        shipment = tx.get_one(Shipment, world.shipments[0].id)
        put(tx, event=Event.SHIPPED, fact=EVIL, brand=brand, order=order, now=app.now(), facts={"a": EVIL})
        record(tx, EVIL, SHOPPER, app.now(), order_id=order.id, reason=EVIL, event=EVIL)
        record(tx, "return.rejected", SHOPPER, app.now(), order_id=order.id, return_id=case.id, reason=EVIL)
        tx.flush()
        message = tx.exec(select(Outbox)).one()
        _fill(message, "subject", "text", "error", "recipient", "suppressed")
        _fill(order, "number", "email", "payment_hint", "stage", "locale")
        parts = ("name", "city", "postcode", "region", "country", "phone")
        order.ship_to = {"lines": [EVIL], **dict.fromkeys(parts, EVIL)}
        for row in tx.exec(select(OrderLine)).all():
            _fill(row, "title", "variant")
        for product in tx.exec(select(Product)).all():
            _fill(product, "title", "variant")
        _fill(tx.get_one(Customer, order.customer_id), "name", "phone")
        _fill(shipment, "carrier", "number", "error", "service")
        shipment.status, shipment.sub_status, shipment.delay = "exception", None, "late"
        shipment.story = {"latest": {"text": EVIL}, "act": EVIL, "delay": {"since": EVIL}, "window": {"why": EVIL}}
        _fill(case, "credit_code", "reject_reason", "created_by")
        facts = {"last_day": EVIL, "x": EVIL, "title": EVIL, "quantity": EVIL}
        said = [{"code": code, "verdict": EVIL, "facts": facts} for code in (EVIL, "in_window")]
        case.opinions = [{"title": EVIL, "verdict": EVIL, "opinions": said}]
        case.plan = {"lines": [{"code": code, "facts": facts, "amount_minor": 1} for code in (EVIL, "goods")]}
        tx.add(
            Scan(
                shipment_id=shipment.id or 0,
                key="a",
                zone_from="unknown",
                received_at=app.now(),
                code=EVIL,
                text=EVIL,
                city=EVIL,
                region=EVIL,
                country=EVIL,
                local=EVIL,
            )
        )
        tx.add(
            CodeMapping(
                carrier="northpost",
                code=EVIL[:40],
                word="delivered",
                version=1,
                actor="agent:x",
                actor_name=EVIL,
                error=EVIL,
                created_at=app.now(),
            )
        )
        account = tx.get_one(Connection, world.connection.id)
        _fill(account, "name", "state_text")
        account.config, account.secrets_set = {"base_url": EVIL, "hook_rate": EVIL}, {"api_key": EVIL}
        facts_of_test = {"part": "tracking", "mark": "bad", "code": "refused", "facts": {"text": EVIL}}
        findings = [facts_of_test, {**facts_of_test, "part": EVIL, "code": EVIL}]
        tx.add(ConnectionTrial(connection_id=account.id or 0, number=EVIL, findings=findings, created_at=app.now()))
        tx.add(
            UnmappedCode(
                carrier=EVIL,
                code=EVIL,
                text=EVIL,
                count=1,
                sample_number=EVIL,
                first_seen_at=app.now(),
                last_seen_at=app.now(),
            )
        )
        tx.add(Note(order_id=order.id or 0, agent_id=world.kim.id or 0, body=EVIL, created_at=app.now()))
        tx.get_one(Agent, world.kim.id).name = EVIL


def _fill(row: Any, *names: str) -> None:
    for name in names:
        if hasattr(row, name):
            setattr(row, name, EVIL)


def pages(desk: Desk, order_path: str, line: str) -> list[str]:
    asked = urlencode({"do": "return", "check": 1, f"q-{line}": 1, f"r-{line}": "other", "resolution": EVIL})
    paths = [*(f"/console{page}" for page in PAGES), *(order_path + panel for panel in PANELS), f"{order_path}?{asked}"]
    answers = [desk.get(path) for path in paths]
    assert [answer.status_code for answer in answers] == [200] * len(paths)
    return [answer.text for answer in answers]


def wide_pages(client: Client, world: World) -> list[str]:
    """Those that only agents of every brand see."""
    sam = sign_in(client, "sam")
    paths = [f"/console{path}".replace("{connection}", world.connection.public_id) for path in WIDE]
    answers = [sam.get(path) for path in paths]
    assert [answer.status_code for answer in answers] == [200] * len(paths)
    return [answer.text for answer in answers]


def test_hostile_text_is_shown_as_text_everywhere(client: Client, app: App, world: World, order_path: str) -> None:
    poison(app, world)
    shown = pages(sign_in(client), order_path, world.lines[1].public_id) + wide_pages(client, world)
    assert any("&lt;script&gt;alert(1)" in page for page in shown)
    for page in shown:
        assert "<script>alert" not in page
        assert "49%(x)s" not in page


def test_no_page_holds_inline_script_inline_style_or_a_form_to_elsewhere(
    kim: Desk, order_path: str, world: World
) -> None:
    shown = pages(kim, order_path, world.lines[1].public_id)
    for page in [*shown, *wide_pages(kim.client, world), kim.client.get("/console/sign-in").text]:
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", page)
        assert all(action.startswith("/console/") for action in re.findall(r'action="([^"]*)"', page))
        alone = ' target="_blank" rel="noopener noreferrer"'  # told nothing of us, e.g. a carrier's documentation
        for link, how in re.findall(rf'href="([^"]*)"({alone})?', page):
            assert link.startswith(("/", "#", "mailto:")) or (how and link.startswith("https://")), link


def test_every_form_that_posts_carries_the_token_and_every_field_a_label(
    kim: Desk, order_path: str, world: World
) -> None:
    for page in pages(kim, order_path, world.lines[1].public_id) + wide_pages(kim.client, world):
        for form in re.findall(r'<form[^>]*method="post".*?</form>', page, re.S):
            assert 'name="csrf"' in form
        labels = set(re.findall(r'<label[^>]*for="([^"]+)"', page))
        ids = re.findall(r'<(?:input|select|textarea)[^>]*\sid="([^"]+)"', page)
        assert set(ids) <= labels
        assert len(ids) == len(set(ids))


def test_style_and_script_are_served_with_names_that_may_be_kept(kim: Desk) -> None:
    page = kim.get("/console").text
    for path in re.findall(r'(?:href|src)="(/console/static/[^"]+)"', page):
        answer = kim.get(path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert kim.get("/console/static/console-0000000000.css").status_code == 200
    assert kim.get("/console/static/other.css").status_code == 404
    css = kim.get(re.findall(r'href="(/console/static/[^"]+css)"', page)[0]).text
    assert "#2f5bd7" in css
    assert "#0f5c55" not in css  # Juniper's own colour has no business here
    assert "url(http" not in css


@pytest.mark.parametrize("host", ["juniper.test", "basalt.test"])
def test_the_console_looks_the_same_on_every_host(client: Client, world: World, host: str) -> None:
    links = re.findall(r'href="(/console/static/[^"]+)"', client.get("/console/sign-in", host=host).text)
    assert links == re.findall(r'href="(/console/static/[^"]+)"', client.get("/console/sign-in").text)


def test_a_page_of_the_console_that_is_not_there_wears_the_consoles_look(kim: Desk) -> None:
    for answer in (kim.get("/console/nowhere"), kim.get("/console/orders/abcdefgh12")):
        assert answer.status_code == 404
        assert "/console/static/console-now.css" in answer.text
        assert "/brand/juniper.css" not in answer.text
        assert "Juniper" not in answer.text
        assert "There is no such page" in answer.text
    css = kim.get("/console/static/console-now.css")
    assert (css.status_code, css.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "Juniper" in kim.get("/nowhere").text
