"""Hostile requests at the edge: bad headers and texts, poisoned hosts, another brand's ids, sessions side by side."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from portal.app import App
from portal.web.edge import CONSOLE, CONSOLE_PAGES, SHOP_PAGES, pages_below
from portal.web.guard import MAX_PAGE_BODY
from portal.web.pages.order import order_page
from tests.client import Client
from tests.conftest import Clock
from tests.portal.console.desk import form_of, sign_in
from tests.portal.console.test_scope import dump
from tests.portal.web.shopping import look_up, open_by_link
from tests.world import PASSWORD, World

SHOPPERS = [page for page in pages_below(SHOP_PAGES) if "{order}" in page.path]


def test_every_page_names_who_may_see_it() -> None:
    pages = [*pages_below(SHOP_PAGES), *pages_below(CONSOLE_PAGES)]
    assert order_page in pages
    assert all(callable(page.who) for page in pages)
    open_to_all = {page.path for page in pages if page.who.__name__ == "nobody"}
    assert not [path for path in open_to_all if "{order}" in path or "{ref}" in path or "{case}" in path]


def test_the_consoles_pages_and_no_others_lie_below_its_path() -> None:
    """Its routes are loaded when that path is asked for."""
    assert all(page.path.startswith(CONSOLE) for page in pages_below(CONSOLE_PAGES))
    assert not any(page.path.startswith(CONSOLE) for page in pages_below(SHOP_PAGES))


@pytest.mark.parametrize("mine", [True, False])
def test_another_brands_order_is_not_found_on_any_of_the_shoppers_pages(
    client: Client, app: App, world: World, mine: bool
) -> None:
    if mine:
        open_by_link(client, app, world.order)
    ids = {"order": world.other_order.public_id, "shipment": world.other_shipment.public_id, "case": "x" * 22}
    before = dump(app)
    assert len(SHOPPERS) >= 9
    for page in SHOPPERS:
        path = re.sub(r"\{(\w+)\}", lambda found: ids[found[1]], page.path)
        answer = client.get(path) if page.method == "GET" else client.post(path, {"csrf": app.keys.csrf("")})
        assert (answer.status_code, answer.headers.get("location")) in {(404, None), (303, "/?expired=1")}, path
        assert "Bo Stein" not in answer.text
    assert dump(app) == before


@pytest.mark.parametrize("origin", ["http://[", "null", "https://evil.test", "http://juniper.test@evil.test", "//", ""])
def test_an_origin_that_is_not_ours_is_refused(client: Client, world: World, origin: str) -> None:
    body = {"content": b"order=J-1001&who=ada%40example.test"}
    headers = {"origin": origin, "content-type": "application/x-www-form-urlencoded"}
    assert client.send("POST", "/find", host="juniper.test", headers=headers, **body).status_code == 403


@pytest.mark.parametrize("part", [b"+2AA-", b"a+AAA-b"])
def test_a_form_part_with_a_charset_of_its_own_brings_nothing_unstorable(
    client: Client, world: World, part: bytes
) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n' + part + b"\r\n--b--\r\n"
    headers = {"content-type": "multipart/form-data; boundary=b; charset=utf-7"}
    assert client.send("POST", "/find", host="juniper.test", headers=headers, content=body).status_code == 400


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize(
    ("path", "way_on"), [("/find", ">Find your order<"), ("/console/sign-in", ">Back to the queue<")]
)
def test_a_form_that_is_far_too_long_is_answered_in_the_look_of_where_it_was_sent(
    client: Client, world: World, path: str, way_on: str, announced: bool
) -> None:
    async def in_pieces() -> AsyncIterator[bytes]:
        for _ in range(300):
            yield b"order=" + b"x" * 1000 + b"&"

    body = {"content": b"order=" + b"x" * MAX_PAGE_BODY} if announced else {"content": in_pieces()}
    headers = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
    answer = client.send("POST", path, host="juniper.test", headers=headers, **body)
    assert (answer.status_code, answer.headers["content-type"]) == (413, "text/html; charset=utf-8")
    assert "We couldn’t read that form" in answer.text
    assert way_on in answer.text


@pytest.mark.parametrize(
    ("boundary", "body"),
    [("; boundary=b", b"--b\r\nno colon\r\n\r\nx\r\n--b--"), ("; boundary=b", b"--c\r\n\r\n--c--"), ("", b"--b--")],
)
def test_a_form_of_broken_parts_is_answered_in_the_shops_look(
    client: Client, world: World, boundary: str, body: bytes
) -> None:
    answer = client.post("/find", headers={"content-type": f"multipart/form-data{boundary}"}, content=body)
    assert (answer.status_code, ">Find your order<" in answer.text) == (400, True)


def test_a_nul_in_an_address_is_not_found_and_in_a_query_left_out(client: Client, app: App, world: World) -> None:
    path = open_by_link(client, app, world.order)
    for hostile in (f"{path}%00", f"{path}/returns/%00", "/how-to/%00", "/t/%00"):
        assert client.get(hostile).status_code == 404, hostile
    assert client.get(f"{path}?mailed=%00").status_code == 200
    assert client.get("/t/" + "t" * 43 + "juniper.test?return=%00").headers["location"] == path


@pytest.mark.parametrize("host", ["juniper.test", "evil.test"])
def test_a_slash_too_many_never_leads_to_another_host(client: Client, world: World, host: str) -> None:
    answer = client.get("/console/", host=host)
    assert answer.headers["location"] == "/console"
    assert client.get("//evil.test/", host="juniper.test").headers.get("location", "/").count("//") == 0


def test_a_second_tab_leaves_the_forms_of_the_first_alone(client: Client, world: World, clock: Clock) -> None:
    path = look_up(client).headers["location"]
    token = re.search(r'name="csrf" value="([^"]+)"', client.get(f"{path}/returns/new?arrived=1").text)
    assert token
    for _ in range(3):
        clock.forward(timedelta(minutes=1))
        assert look_up(client).status_code == 303
    assert client.post(f"{path}/link", {"csrf": token[1]}).status_code == 303


def test_a_session_that_ended_while_writing_leads_back_to_the_page_of_the_form(
    client: Client, world: World, clock: Clock
) -> None:
    desk, order = sign_in(client), f"/console/orders/{world.order.public_id}"
    path, hidden = form_of(desk.get(order).text, "/notes")
    clock.forward(timedelta(hours=13))
    for referer, back in ((f"http://juniper.test{order}?do=note", order), ("http://[", "/console"), ("", "/console")):
        answer = client.post(path, hidden, headers={"referer": referer})
        assert answer.headers["location"] == f"/console/sign-in?next={back}"
        kept = client.post(path, {**hidden, "body": "a <note>"}, headers={"referer": referer})
        assert kept.status_code == 401
        assert f'name="next" value="{back}"' in kept.text
        assert 'name="body" value="a &lt;note&gt;"' in kept.text
    foreign = client.post(path, {**hidden, "body": "x"}, headers={"sec-fetch-site": "cross-site"})
    assert (foreign.status_code, "value=" in foreign.text) == (303, False)


def test_what_was_written_when_the_session_ended_is_there_after_signing_in(
    client: Client, world: World, clock: Clock
) -> None:
    desk, order = sign_in(client), f"/console/orders/{world.order.public_id}"
    path, hidden = form_of(desk.get(order).text, "/notes")
    clock.forward(timedelta(hours=13))
    gate = client.post(path, {**hidden, "body": "What Ada said"}, headers={"referer": f"http://juniper.test{order}"})
    wrong = desk.press(gate.text, "/console/sign-in", email="kim@doorstep.test", password="not this one")
    assert 'value="What Ada said"' in wrong.text
    back = desk.press(wrong.text, "/console/sign-in", email="kim@doorstep.test", password=PASSWORD)
    assert back.status_code == 200
    assert "readonly>What Ada said</textarea>" in back.text
    assert f'href="{order}"' in back.text
    assert "What Ada said" not in desk.get(order).text
    stale = desk.post(path, {**hidden, "body": "Said once more"})  # of the session that ended
    assert (stale.status_code, "readonly>Said once more</textarea>" in stale.text) == (403, True)


def test_what_is_no_token_of_ours_is_not_carried_on_in_the_cookie(client: Client, world: World) -> None:
    token = client.app.keys.csrf("")
    answer = client.send(
        "POST",
        "/find",
        host="juniper.test",
        headers={"sec-fetch-site": "same-origin", "cookie": 'ds_order="a.\\012b.' + "x" * 500 + '"'},
        data={"order": "J-1001", "who": "ada@example.test", "csrf": token},
    )
    assert re.match(r"ds_order=[A-Za-z0-9_-]{43};", answer.headers["set-cookie"])
