"""Connecting carriers at the desk: fields with help, secrets that are never shown, tests, switching off, removing."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import col, delete, select, update

from carriers.contract import Hooked, Labels, Tracks
from carriers.registry import all_carriers
from portal.app import App
from portal.connections import create_connection, credentials
from portal.jobs.housekeeping import clean
from portal.keys import Keys
from portal.tables import Audit, Brand, Connection, ConnectionTrial, Label, Shipment, Subscription
from portal.tracking.trial import try_due
from tests.conftest import Clock
from tests.portal.console.desk import Desk
from tests.portal.console.test_codes import plain
from tests.portal.console.test_returns import make_case
from tests.world import World

SECRET = "a secret that nobody sees again"
UPS = {"name": "UPS of ours", "f-client_id": "cid", "f-client_secret": SECRET, "f-environment": "live"}


def all_of(app: App) -> list[Connection]:
    with app.db.reading() as tx:
        return list(tx.exec(select(Connection).order_by(col(Connection.id))).all())


def connect(desk: Desk, **changed: str) -> str:
    """Connects UPS and returns the path of the connection's own page."""
    page = desk.get("/console/carriers/ups").text
    answer = desk.press(page, "/console/carriers/ups", **{**UPS, "brand": "every", **changed})
    assert answer.status_code == 303, plain(answer.text)
    return str(answer.headers["location"].partition("?")[0])


def test_every_carrier_can_be_chosen_searched_and_filtered(sam: Desk) -> None:
    page = sam.get("/console/carriers").text
    listed = re.findall(r'href="/console/carriers/([a-z0-9_]+)"', page)
    called = {slug for slug, carrier in all_carriers().items() if isinstance(carrier, Tracks | Hooked | Labels)}
    assert called <= set(listed) <= set(all_carriers())
    assert len(listed) == len(set(listed))
    found = sam.get("/console/carriers?q=UPS").text
    assert "/console/carriers/ups" in found
    assert "/console/carriers/easypost" not in found
    labels = sam.get("/console/carriers?can=labels").text
    assert "/console/carriers/easypost" in labels
    assert "No carrier found" in sam.get("/console/carriers?q=zzzz&can=labels").text


def test_carriers_that_parcels_wait_for_come_first(kim: Desk, app: App, world: World) -> None:
    with app.db.transaction() as tx:
        for shipment, carrier in ((world.shipments[0], "ups"), (world.other_shipment, "fedex")):
            mine = col(Shipment.id) == shipment.id
            tx.exec(update(Shipment).where(mine).values(carrier=carrier, connection_id=None))
    page = plain(kim.get("/console/carriers").text)
    assert "Your parcels wait for these UPS" in page
    assert page.count("1 parcel waits for it") == 1  # Basalt's is not Kim's business


def test_every_carriers_form_shows_its_fields_with_their_help(sam: Desk) -> None:
    for slug, carrier in all_carriers().items():
        page = html.unescape(sam.get(f"/console/carriers/{slug}").text)
        for field in carrier.about.fields:
            assert f'name="f-{field.name}"' in page, (slug, field.name)
            assert field.help in page, (slug, field.name)
            assert (f'name="f-{field.name}" type="password"' in page) == field.secret, (slug, field.name)


def test_a_connection_is_made_tested_and_shows_no_secret(
    sam: Desk, app: App, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = connect(sam)
    page = sam.get(f"{path}?wait=no").text
    assert SECRET not in page
    assert "Set on Today" in plain(page) or "Set on Tue 24 Nov" in plain(page)
    assert "cid" in page
    row = all_of(app)[-1]
    assert (row.name, row.brand_id) == ("UPS of ours", None)
    assert credentials(app, row)["client_secret"] == SECRET
    assert SECRET.encode() not in row.secrets
    assert f"/hooks/ups/{row.hook_token}" in page
    assert "Being tested" in page
    monkeypatch.setattr("portal.tracking.trial.examine", lambda *_: [])
    assert try_due(app) == 1
    assert "Being tested" not in sam.get(path).text
    with app.db.reading() as tx:
        act = tx.exec(select(Audit).where(Audit.act == "connection.added")).one()
    assert act.actor_name == "Sam"
    assert SECRET not in str(act.facts)


def test_the_page_looks_again_by_itself_while_a_test_runs_and_no_longer(sam: Desk, app: App, clock: Clock) -> None:
    path = connect(sam)
    refresh = f'<meta http-equiv="refresh" content="4;url={path}">'
    waiting = sam.get(path).text
    assert refresh in waiting
    assert 'name="f-client_id"' not in waiting  # nothing to type in, so nothing typed is lost
    still = sam.get(f"{path}?wait=no").text
    assert refresh not in still
    assert 'name="f-client_id"' in still
    clock.forward(timedelta(minutes=3))  # no worker takes it up
    late = sam.get(path).text
    assert refresh not in late
    assert 'name="f-client_id"' in late
    assert "Does the worker run?" in plain(late)


def test_nothing_is_said_to_work_that_was_never_heard_of(sam: Desk, app: App, world: World) -> None:
    connect(sam)
    assert plain(sam.get("/console/connections").text).count("Not used yet") == 2
    found = [{"part": "fields", "mark": "ok", "code": "fields_filled", "facts": {}}]
    token = {"part": "token", "mark": "ok", "code": "token_given", "facts": {}}
    for findings, count in ((found, 2), ([*found, token], 1)):
        with app.db.transaction() as tx:
            tx.exec(update(ConnectionTrial).values(findings=findings))
        assert plain(sam.get("/console/connections").text).count("Not used yet") == count


def test_the_list_asks_as_often_for_five_connections_as_for_one(sam: Desk, app: App) -> None:
    connect(sam)
    few = statements_of(sam, app, "/console/connections")
    for _ in range(4):
        connect(sam)
    assert plain(sam.get("/console/connections").text).count("Not used yet") == 6
    assert statements_of(sam, app, "/console/connections") == few


def statements_of(desk: Desk, app: App, path: str) -> int:
    """How many statements a page runs."""
    seen: list[str] = []

    def note(*call: Any) -> None:
        seen.append(call[2])

    event.listen(app.db.engine, "after_cursor_execute", note)
    try:
        assert desk.get(path).status_code == 200
    finally:
        event.remove(app.db.engine, "after_cursor_execute", note)
    return len(seen)


def test_what_is_missing_or_wrong_is_said_at_its_field_and_the_secret_is_not_echoed(sam: Desk, app: App) -> None:
    page = sam.get("/console/carriers/ups").text
    wrong = {**UPS, "f-client_id": "", "f-base_url": "ftp://x", "f-calls_per_day": "many", "name": "", "brand": "every"}
    answer = sam.press(page, "/console/carriers/ups", **wrong)
    assert answer.status_code == 422
    told = plain(answer.text)
    for words in (
        "Client ID : This is needed.",
        "the base URL must start with https://",
        "Calls a day : This cannot be used.",
        "Your name for it : This is needed.",
        "Secrets have to be typed again.",
    ):
        assert words in told
    assert SECRET not in answer.text
    assert 'value="many"' in answer.text
    assert "<title>Error:" in answer.text
    assert len(all_of(app)) == 1


def test_a_secret_left_empty_stays_and_a_new_one_replaces_it(sam: Desk, app: App, world: World, clock: Clock) -> None:
    path = connect(sam, **{"f-webhook_secret": "first hook secret"})
    page = sam.get(f"{path}?wait=no").text
    keep = {
        "name": "UPS",
        "f-client_id": "cid2",
        "f-client_secret": "",
        "f-webhook_secret": "",
        "f-environment": "live",
    }
    assert sam.press(page, path, **keep).status_code == 303
    row = all_of(app)[-1]
    known = credentials(app, row)
    told = [known[name] for name in ("client_id", "client_secret", "webhook_secret")]
    assert told == ["cid2", SECRET, "first hook secret"]
    sam.press(page, path, **{**keep, "f-client_secret": "newer secret", "forget-webhook_secret": "yes"})
    known = credentials(app, all_of(app)[-1])
    assert known["client_secret"] == "newer secret"
    assert "webhook_secret" not in known
    with app.db.reading() as tx:
        acts = tx.exec(select(Audit).where(Audit.act == "connection.changed").order_by(col(Audit.id))).all()
    assert [act.facts["fields"] for act in acts] == ["client_id, name", "client_secret, webhook_secret"]


def test_nothing_changed_is_nothing_tested(sam: Desk, app: App, world: World) -> None:
    path = connect(sam)
    with app.db.transaction() as tx:
        for row in tx.exec(select(ConnectionTrial)):
            tx.delete(row)
    told = sam.follow(sam.press(sam.get(f"{path}?wait=no").text, path, **{**UPS, "f-client_secret": ""}))
    assert "Nothing of UPS of ours was changed" in told.text
    assert "Not tested yet" in told.text


def test_secrets_that_no_key_opens_are_filled_in_again(sam: Desk, app: App, world: World) -> None:
    path = connect(sam)
    row = all_of(app)[-1]
    with app.db.transaction() as tx:
        tx.get_one(Connection, row.id).secrets = Keys(b"x" * 32).seal({}, f"connection:{row.id}:secrets")
    page = sam.get(f"{path}?wait=no").text
    refused = sam.press(page, path, **{**UPS, "f-client_secret": "", "f-client_id": "other"})
    assert refused.status_code == 409
    assert "Fill in every secret again" in refused.text
    assert sam.press(page, path, **UPS).status_code == 303
    assert credentials(app, all_of(app)[-1])["client_secret"] == SECRET


def test_one_that_was_red_is_tried_again_at_once_when_changed(sam: Desk, app: App, world: World) -> None:
    path = connect(sam)
    with app.db.transaction() as tx:
        tx.exec(update(Connection).values(state="bad_credentials", state_text="401", failures=9))
    assert "401" in sam.get(f"{path}?wait=no").text
    sam.press(sam.get(f"{path}?wait=no").text, path, **UPS)
    row = all_of(app)[-1]
    assert (row.state, row.state_text, row.failures) == ("ok", "", 0)


def test_switching_off_and_on(sam: Desk, app: App, world: World) -> None:
    path = connect(sam)
    page = sam.get(f"{path}?wait=no").text
    assert "is switched off" in sam.follow(sam.press(page, "/switch")).text
    assert "done already" in sam.follow(sam.press(page, "/switch")).text
    assert all_of(app)[-1].state == "disabled"
    off = sam.get(f"{path}?wait=no").text
    sam.press(off, path, **{**UPS, "f-client_id": "other"})
    assert all_of(app)[-1].state == "disabled"  # what is off stays off when it is changed
    assert "is switched on" in sam.follow(sam.press(off, "/switch")).text
    assert all_of(app)[-1].state == "ok"


def test_a_test_is_asked_for_with_a_number(sam: Desk, app: App, world: World) -> None:
    path = connect(sam)
    sam.press(sam.get(f"{path}?wait=no").text, "/test", number=" 1Z999 ")
    with app.db.reading() as tx:
        assert tx.exec(select(ConnectionTrial.number)).all() == ["1Z999"]


def test_removing_says_first_what_becomes_of_the_parcels_and_then_does_it(
    sam: Desk, app: App, world: World, clock: Clock
) -> None:
    with app.db.transaction() as tx:
        tx.exec(update(Shipment).where(col(Shipment.id) == world.shipments[1].id).values(status="delivered"))
    path = f"/console/connections/{world.connection.public_id}"
    shown = sam.get(f"{path}/remove").text
    told = plain(shown)
    assert "until this carrier is connected again 2" in told
    assert "Basalt buys its return labels with it" in told
    assert "Juniper buys its return labels with it" in told
    listed = sam.follow(sam.press(shown, "/remove"))
    assert "and its secrets are removed" in listed.text
    assert "No connections yet" in listed.text
    assert sam.get(path).status_code == 404
    row = all_of(app)[0]
    assert (row.secrets, row.state, row.removed_at) == (b"", "disabled", clock.now)
    with app.db.reading() as tx:
        followed = {s.id: s.connection_id for s in tx.exec(select(Shipment))}
        assert set(tx.exec(select(Brand.label_connection_id))) == {None}
    assert followed == {
        world.shipments[0].id: None,
        world.shipments[1].id: row.id,  # it is finished, and this is its history
        world.other_shipment.id: None,
    }


def test_another_connection_of_the_same_carrier_takes_the_parcels_over(sam: Desk, app: App, world: World) -> None:
    fields = {"base_url": "http://127.0.0.1:9", "api_key": "k"}
    with app.db.transaction() as tx:
        heir = create_connection(
            tx,
            app.keys,
            name="Juniper's",
            brand_id=world.juniper.id,
            carrier="northpost",
            fields=fields,
            now=app.now(),
        )
    told = plain(sam.get(f"/console/connections/{world.connection.public_id}/remove").text)
    assert "follows from then on 2" in told
    assert "until this carrier is connected again 1" in told
    sam.press(sam.get(f"/console/connections/{world.connection.public_id}/remove").text, "/remove")
    with app.db.reading() as tx:
        followed = dict(tx.exec(select(Shipment.number, Shipment.connection_id)).all())
    assert followed[world.shipments[0].number] == heir.id
    assert followed[world.other_shipment.number] is None


def test_one_through_which_labels_are_being_bought_stays(sam: Desk, app: App, world: World) -> None:
    case = make_case(app, world)
    with app.db.transaction() as tx:
        tx.add(
            Label(
                return_id=case.id or 0,
                connection_id=world.connection.id,
                key="k",
                created_at=app.now(),
                next_at=app.now(),
            )
        )
    page = sam.get(f"/console/connections/{world.connection.public_id}/remove").text
    refused = sam.press(page, "/remove")
    assert refused.status_code == 409
    assert "Labels are being bought or given back" in refused.text
    assert all_of(app)[0].removed_at is None


def test_an_agent_of_one_brand_connects_for_that_brand_and_leaves_shared_ones_alone(
    kim: Desk, app: App, world: World
) -> None:
    listed = kim.get("/console/connections").text
    assert "Northpost" in listed
    assert world.connection.public_id not in listed
    shared = f"/console/connections/{world.connection.public_id}"
    assert kim.get(shared).status_code == kim.get(f"{shared}/remove").status_code == 404
    assert 'name="brand"' not in kim.get("/console/carriers/ups").text
    path = connect(kim, brand="basalt")
    assert all_of(app)[-1].brand_id == world.juniper.id
    assert kim.get(path).status_code == 200


def test_an_agent_of_every_brand_chooses_among_the_brands(sam: Desk, app: App, world: World) -> None:
    connect(sam, brand="basalt")
    assert all_of(app)[-1].brand_id == world.basalt.id
    answer = sam.press(sam.get("/console/carriers/ups").text, "/console/carriers/ups", **{**UPS, "brand": "nobody"})
    assert answer.status_code == 422
    assert len(all_of(app)) == 2


def test_an_unknown_carrier_is_404(sam: Desk) -> None:
    assert sam.get("/console/carriers/nobody").status_code == 404


def test_secrets_stay_until_the_carrier_has_ended_its_pushes(sam: Desk, app: App, world: World, clock: Clock) -> None:
    account = world.connection.id or 0
    with app.db.transaction() as tx:
        for number, ref in (("1", "carriers-own"), ("2", "")):
            tx.add(Subscription(connection_id=account, number=number, ref=ref, created_at=clock.now))
    page = sam.get(f"/console/connections/{world.connection.public_id}/remove").text
    sam.press(page, "/remove")
    clean(app)
    assert all_of(app)[0].secrets
    with app.db.reading() as tx:
        assert tx.exec(select(Subscription.number)).all() == ["1"]
    with app.db.transaction() as tx:
        tx.exec(delete(Subscription))
    clean(app)
    assert (all_of(app)[0].secrets, all_of(app)[0].secrets_set) == (b"", {})


def test_a_carrier_that_never_ends_its_pushes_keeps_no_secret_longer_than_a_day(
    sam: Desk, app: App, world: World, clock: Clock
) -> None:
    with app.db.transaction() as tx:
        tx.add(Subscription(connection_id=world.connection.id or 0, number="1", ref="x", created_at=clock.now))
    sam.press(sam.get(f"/console/connections/{world.connection.public_id}/remove").text, "/remove")
    clock.forward(timedelta(hours=25))
    clean(app)
    assert all_of(app)[0].secrets == b""


def test_a_field_with_few_right_values_is_a_choice_and_takes_no_other(sam: Desk, app: App) -> None:
    page = sam.get("/console/carriers/ups").text
    options = re.findall(r'<option value="(gif|pdf|zpl|v1|v2|live|sandbox)"( selected)?>', page)
    chosen = [value for value, selected in options if selected]
    assert [value for value, _ in options] == ["v1", "v2", "gif", "pdf", "zpl", "live", "sandbox"]
    assert chosen == ["v1", "gif", "live"]
    answer = sam.press(page, "/console/carriers/ups", **{**UPS, "brand": "every", "f-label_format": "tiff"})
    assert answer.status_code == 422
    assert "Label format : must be one of gif, pdf, zpl" in plain(answer.text)
    path = connect(sam, **{"f-label_format": "pdf", "f-alerts": "v2"})
    kept = re.findall(r'<option value="(\w+)" selected>', sam.get(f"{path}?wait=no").text)
    assert kept == ["v2", "pdf", "live"]
