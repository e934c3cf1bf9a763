"""Carriers' data for the operator: kept though not understood, shown as it came, read again on demand."""

from __future__ import annotations

import pytest
from sqlmodel import select

from portal.app import App
from portal.tables import Connection, ConnectionUse, Inbox, UnmappedCode
from tests.portal.console.desk import Desk, form_of
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


def test_an_unknown_code_is_listed_with_a_sample_only_of_own_parcels(kim: Desk, app: App, world: World) -> None:
    numbers = {"OWN": world.shipments[0].number, "THEIRS": world.other_shipment.number}
    with app.db.transaction() as tx:
        for code, number in numbers.items():
            seen = {"first_seen_at": app.now(), "last_seen_at": app.now()}
            tx.add(UnmappedCode(carrier="northpost", code=code, text="Zoll", count=7, sample_number=number, **seen))
    page = kim.get("/console/codes").text
    assert "OWN" in page
    assert "THEIRS" in page
    assert numbers["OWN"] in page
    assert numbers["THEIRS"] not in page


def test_a_connection_shows_its_state_and_what_is_spent(kim: Desk, app: App, world: World) -> None:
    now = int(app.now().timestamp())
    with app.db.transaction() as tx:
        row = tx.get_one(Connection, world.connection.id)
        row.state, row.state_text, row.rejected_hooks = "bad_credentials", "401 from Northpost", 3
        tx.add(ConnectionUse(connection_id=row.id or 0, period_seconds=1, period=now, calls=4))
        tx.add(ConnectionUse(connection_id=row.id or 0, period_seconds=1, period=now - 1, calls=9))
    page = kim.get("/console/connections").text
    assert "Credentials refused" in page
    assert "401 from Northpost" in page
    assert "4 of 10 a second" in page
    assert "hook_token" not in page
    assert world.connection.hook_token not in page


def test_brands_show_host_sender_and_policy(kim: Desk) -> None:
    page = kim.get("/console/brands").text
    assert "juniper.test" in page
    assert "Juniper &lt;post@juniper.example&gt;" in page
    assert "version 1" in page
