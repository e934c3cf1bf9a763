"""Carriers' data for the operator: kept though not understood, shown as it came, read again on demand."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from sqlmodel import select

from portal.app import App
from portal.tables import Audit, Connection, Inbox
from tests.portal.console.desk import Desk, form_of
from tests.portal.tracking.northpost import answer, event
from tests.world import World


@pytest.fixture
def raw(app: App, world: World) -> Inbox:
    """A webhook that was signed and not understood, on Juniper's own connection."""
    with app.db.transaction() as tx:
        tx.get_one(Connection, world.connection.id).brand_id = world.juniper.id
        row = Inbox(
            connection_id=world.connection.id or 0,
            carrier="northpost",
            via="hook",
            hook_key="k",
            headers={"content-type": "application/json"},
            body=b'{"x": "<script>alert(1)</script>"}\x00\x1b[31m\xff' + b"y" * 30_000,
            received_at=app.now(),
            dead_at=app.now(),
            error="northpost webhook: no parcels <b>in</b> the body",
            tries=8,
        )
        tx.add(row)
        return row


def test_what_was_not_understood_is_listed_and_shown_as_it_came(kim: Desk, raw: Inbox) -> None:
    listed = kim.get("/console/inbox").text
    assert "no parcels &lt;b&gt;in&lt;/b&gt; the body" in listed
    path = form_of(listed, "/retry")[0].removesuffix("/retry")
    page = kim.get(path).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    assert "\x1b" not in page
    assert "\\xff" in page
    assert "10041 more bytes are not shown" in page
    assert "30041 bytes" in page


def test_trying_again_makes_it_due_once(kim: Desk, app: App, raw: Inbox) -> None:
    path, hidden = form_of(kim.get("/console/inbox").text, "/retry")
    assert kim.post(path, hidden).status_code == kim.post(path, hidden).status_code == 303
    with app.db.reading() as tx:
        row = tx.exec(select(Inbox)).one()
    assert (row.dead_at, row.next_at, row.tries, row.error) == (None, app.now(), 0, "")
    assert "Everything was understood" in kim.get("/console/inbox").text


def test_data_of_a_shared_connection_is_not_for_an_agent_of_one_brand(kim: Desk, app: App, raw: Inbox) -> None:
    path = form_of(kim.get("/console/inbox").text, "/retry")[0].removesuffix("/retry")
    with app.db.transaction() as tx:
        tx.get_one(Connection, raw.connection_id).brand_id = None
    assert kim.get(path).status_code == 404
    assert "Everything was understood" in kim.get("/console/inbox").text


def test_brands_show_host_sender_and_policy(kim: Desk) -> None:
    page = kim.get("/console/brands").text
    assert "juniper.test" in page
    assert "Juniper &lt;post@juniper.example&gt;" in page
    assert "version 1" in page


def more(app: App, raw: Inbox, count: int, **values: object) -> None:
    """The same trouble again, so often."""
    with app.db.transaction() as tx:
        for n in range(count):
            given = raw.model_dump(exclude={"id"}) | {"hook_key": f"more{n}{values}"} | values
            tx.add(Inbox(**given))


def rows(app: App) -> list[Inbox]:
    with app.db.reading() as tx:
        return list(tx.exec(select(Inbox).order_by("id")).all())


def test_the_queue_holds_one_line_for_each_trouble(kim: Desk, app: App, raw: Inbox) -> None:
    more(app, raw, 3)
    more(app, raw, 1, error="something else")
    page = html.unescape(kim.get("/console?show=trouble").text)
    assert page.count("Not understood</span>") == 2
    assert "no parcels <b>in</b> the body, 4 times" in page
    assert "something else</small>" in page
    assert re.search(r'Gave up <span class="num">2<', page)


def test_the_same_trouble_is_one_line_with_its_count(kim: Desk, app: App, raw: Inbox) -> None:
    more(app, raw, 3, received_at=app.now() - timedelta(days=2))
    more(app, raw, 1, error="something else")
    page = kim.get("/console/inbox").text
    assert page.count("/retry") == 2
    assert '<td class="n num">4 times</td>' in page
    assert "Sun 22 Nov" in page


def test_all_of_one_reason_are_read_again_at_once(kim: Desk, app: App, raw: Inbox) -> None:
    more(app, raw, 2)
    more(app, raw, 1, error="something else")
    told = kim.follow(kim.press(kim.get("/console/inbox").text.partition("no parcels")[2], "/retry"))
    assert "3 will be read again" in told.text
    assert [row.dead_at is None for row in rows(app)] == [True, True, True, False]


def test_what_is_laid_aside_leaves_the_queue_with_its_reason_and_may_come_back(kim: Desk, app: App, raw: Inbox) -> None:
    more(app, raw, 1)
    page = kim.get(form_of(kim.get("/console/inbox").text, "/retry")[0].removesuffix("/retry")).text
    assert kim.press(page, "/discard", reason="  ").status_code == 422
    told = kim.follow(kim.press(page, "/discard", reason="A test of <theirs>", alike="yes"))
    assert "Laid aside: 2" in told.text
    assert "Everything was understood" in told.text
    aside = kim.get("/console/inbox?show=aside").text
    assert "A test of &lt;theirs&gt;" in aside
    assert kim.client.get("/health").json()["work"]["inbox"]["dead"] == 0
    with app.db.reading() as tx:
        act = tx.exec(select(Audit).where(Audit.act == "inbox.discarded")).one()
    assert (act.actor_name, act.facts["count"], act.facts["reason"]) == ("Kim", 2, "A test of <theirs>")
    kim.press(aside, "/retry")
    assert sum(row.dead_at is None and row.discarded is None for row in rows(app)) == 1


def test_a_row_says_whether_this_version_understands_it(kim: Desk, app: App, raw: Inbox) -> None:
    def page() -> str:
        return kim.get(form_of(kim.get("/console/inbox").text, "/retry")[0].removesuffix("/retry")).text

    assert "This version does not understand it either" in page()
    import orjson

    with app.db.transaction() as tx:
        body = orjson.dumps(answer("NP447109260GB", [event("COL", app.now())]))
        tx.get_one(Inbox, raw.id).body = body
    assert "This version understands it: 1 parcels, 1 scans" in page()


def test_our_own_secrets_do_not_show_in_what_came_back(kim: Desk, app: App, world: World, raw: Inbox) -> None:
    secret, token = "np_test_key", world.connection.hook_token
    with app.db.transaction() as tx:
        row = tx.get_one(Inbox, raw.id)
        row.body = f'{{"echo": "{secret}", "to": "/hooks/northpost/{token}"}}'.encode()
        row.headers = {"northpost-signature": f"t=1,v1={secret}"}
    page = kim.get(form_of(kim.get("/console/inbox").text, "/retry")[0].removesuffix("/retry")).text
    assert secret not in page
    assert token not in page
    assert "*" * len(secret) in page
