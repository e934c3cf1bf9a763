"""An agent of one brand asks every route of the console for the other brand's things: 404, and nothing changed."""

import re

import pytest
import sqlalchemy as sa
from sqlmodel import SQLModel, select

from portal.app import App
from portal.audit import SHOPPER
from portal.notify.events import Event
from portal.notify.outbox import put
from portal.returning import start
from portal.tables import Brand, Connection, Inbox, Note, Order, Outbox, ReturnCase
from portal.web.console.seal import seal
from portal.web.edge import CONSOLE_PAGES, Page, QuickPage, pages_below
from tests.client import Client
from tests.portal.console.desk import Desk
from tests.world import World

ROUTES = pages_below(CONSOLE_PAGES)
OPEN = {"/console/sign-in", "/console/static/{file}"}
# What a carrier needs to be connected is the same for everybody.
FOR_ALL = {"/console/carriers/{carrier}"}


def dump(app: App) -> dict[str, list[tuple[object, ...]]]:
    """Every row but those that any visit may touch: sessions and counters of tries."""
    tables = [t for t in SQLModel.metadata.sorted_tables if t.name not in {"agent_session", "hit"}]
    with app.db.engine.connect() as connection:
        return {t.name: sorted((tuple(row) for row in connection.execute(sa.select(t))), key=repr) for t in tables}


@pytest.fixture
def theirs(app: App, world: World) -> dict[str, str]:
    """Path values that name Basalt's rows: an order, its parcel, its return, its message, its raw data."""
    with app.db.transaction() as tx:
        brand, order = tx.get_one(Brand, world.basalt.id), tx.get_one(Order, world.other_order.id)
        put(tx, event=Event.SHIPPED, fact="x", brand=brand, order=order, now=app.now(), facts={})
        offer = start.offer(tx, brand, order, app.now())
        item = start.WantedItem(offer.lines[0].line.public_id, 1, "too_small")
        case = start.start_return(
            tx, brand, order, start.Wanted((item,)), request_key="k" * 22, by=SHOPPER, now=app.now()
        )
        raw = Inbox(
            connection_id=world.connection.id or 0,
            carrier="northpost",
            via="hook",
            hook_key="theirs",
            body=b"secret of Basalt",
            received_at=app.now(),
            dead_at=app.now(),
            error="broken",
        )
        tx.add(raw)
        account = Connection(carrier="northpost", name="Of Basalt", brand_id=brand.id, created_at=app.now())
        tx.add(account)
        tx.flush()
        message = tx.exec(select(Outbox)).first()
        assert message is not None
        return {
            "order": order.public_id,
            "parcel": world.other_shipment.public_id,
            "case": case.public_id,
            "number": world.other_shipment.number,
            "message": seal(app.keys, {"id": message.id}, "console:outbox"),
            "inbox": seal(app.keys, {"id": raw.id}, "console:inbox"),
            "connection": account.public_id,
        }


def filled(page: Page | QuickPage, values: dict[str, str]) -> str:
    """The page's path with these values; a `ref` is a message or raw data by its route."""
    ref = values["inbox"] if "/inbox/" in page.path else values["message"]
    return re.sub(r"\{(\w+)\}", lambda found: {**values, "ref": ref}[found[1]], page.path)


def token_of(desk: Desk) -> str:
    """The form token of this session."""
    found = re.search(r'name="csrf" value="([^"]+)"', desk.get("/console").text)
    assert found
    return found[1]


def test_every_route_with_an_id_is_404_for_the_other_brand_and_changes_nothing(
    kim: Desk, app: App, theirs: dict[str, str], world: World
) -> None:
    form = {"csrf": token_of(kim), "key": "z" * 22, "body": "x", "status": "requested", "reason": "no", "amount": "1"}
    before, walked = dump(app), 0
    for page in ROUTES:
        if "{" not in page.path or page.path in OPEN | FOR_ALL:
            continue
        path = filled(page, theirs)
        answer = kim.get(path) if page.method == "GET" else kim.post(path, {**form, "copy": "1", "sku": "x"})
        assert answer.status_code == 404, (page.method, page.path, answer.status_code)
        assert "Bo Stein" not in answer.text
        walked += 1
    assert walked >= 15
    assert dump(app) == before


def test_a_row_of_the_other_brand_under_an_order_of_ones_own_is_404(
    kim: Desk, app: App, theirs: dict[str, str], world: World
) -> None:
    mixed = {**theirs, "order": world.order.public_id}
    form = {"csrf": token_of(kim), "status": "requested"}
    before = dump(app)
    for page in ROUTES:
        if page.path.count("{") > 1:
            path = filled(page, mixed)
            answer = kim.get(path) if page.method == "GET" else kim.post(path, {**form, "copy": "1"})
            assert answer.status_code == 404, page.path
    assert dump(app) == before


def test_lists_and_search_show_nothing_of_the_other_brand(kim: Desk, theirs: dict[str, str], app: App) -> None:
    with app.db.reading() as tx:
        rma = tx.exec(select(ReturnCase.rma)).one()
    for path in ("", "?show=decide", "/messages", "/inbox?show=all", "/brands", "/connections", "/usage", "/carriers"):
        answer = kim.get(f"/console{path}")
        assert answer.status_code == 200, path
        assert not re.search(r"Bo Stein|bo@example|Basalt|secret of", answer.text), path
    for text in ("bo@example.test", rma, "Stein", theirs["number"]):
        answer = kim.get(f"/console/search?q={text}")
        assert "Nothing found" in answer.text, text
        assert "/console/orders/" not in answer.text, text


def test_an_agent_of_every_brand_sees_both(sam: Desk, theirs: dict[str, str]) -> None:
    assert sam.get(f"/console/orders/{theirs['order']}").status_code == 200
    assert "Basalt" in sam.get("/console/brands").text
    assert "secret of Basalt" in sam.get(f"/console/inbox/{theirs['inbox']}").text


@pytest.mark.parametrize("bad", ["x", "%00", "../../etc", "é" * 30, "A" * 5000, "%ff", "'--"])
def test_an_id_that_is_none_is_404(kim: Desk, bad: str) -> None:
    for path in (f"/console/orders/{bad}", f"/console/inbox/{bad}", f"/console/connections/{bad}"):
        assert kim.get(path).status_code == 404, path


def test_nobody_sees_any_page(client: Client, world: World, app: App) -> None:
    values = dict.fromkeys(("order", "parcel", "case", "message", "inbox", "connection"), world.order.public_id)
    values["carrier"] = "northpost"
    before = dump(app)
    for page in ROUTES:
        if page.path in OPEN:
            continue
        body = {"data": {"x": "1"}} if page.method == "POST" else {}
        own = {"sec-fetch-site": "same-origin"}
        answer = client.send(page.method, filled(page, values), host="juniper.test", headers=own, **body)
        assert answer.status_code == 303, page.path
        assert answer.headers["location"].startswith("/console/sign-in?next=/console"), page.path
    assert dump(app) == before


def test_every_post_wants_the_form_token_of_this_session(kim: Desk, app: App, world: World) -> None:
    values = dict.fromkeys(("order", "parcel", "case", "message", "inbox", "connection"), world.order.public_id)
    values["carrier"] = "northpost"
    for page in ROUTES:
        if page.method == "POST" and page.path not in OPEN:
            for token in ({"x": "1"}, {"csrf": "0" * 40}, {"csrf": app.keys.csrf("")}):
                assert kim.post(filled(page, values), token).status_code == 403, page.path
    with app.db.reading() as tx:
        assert not tx.exec(select(Note)).all()


def test_a_foreign_page_cannot_open_the_shoppers_view(kim: Desk, client: Client, world: World) -> None:
    path = f"/console/orders/{world.order.public_id}/as-shopper"
    answer = client.get(path, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
