"""The shopper's session on the pages that act: it ends, it belongs to one brand, and forms carry its own token."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import select, update

from portal.app import App
from portal.tables import ReturnCase, ShopperSession
from portal.web.access import SHOPPER_HOURS
from tests.client import Client
from tests.conftest import Clock
from tests.portal.web.shopping import NOON, change, deliver, open_by_link
from tests.world import World


@pytest.fixture
def path(client: Client, app: App, world: World) -> str:
    """Ada's order, delivered two days ago, opened by its mailed link."""
    deliver(app, world, NOON - timedelta(days=2))
    return open_by_link(client, app, world.order)


def test_twelve_hours_after_the_lookup_nothing_can_be_sent_back(client: Client, path: str, clock: Clock) -> None:
    clock.forward(timedelta(hours=SHOPPER_HOURS) - timedelta(seconds=1))
    assert client.get(f"{path}/returns/new").status_code == 200
    clock.forward(timedelta(seconds=1))
    for answer in (client.get(f"{path}/returns/new"), client.post(f"{path}/returns/new", {"go": "resolution"})):
        assert (answer.status_code, answer.headers["location"]) == (303, "/?expired=1")


def test_a_session_of_another_brand_opens_nothing(client: Client, app: App, world: World, path: str) -> None:
    change(app, lambda tx: tx.exec(update(ShopperSession).values(brand_id=world.basalt.id)))
    for page in (path, f"{path}/returns/new"):
        assert client.get(page).headers["location"] == "/?expired=1"


@pytest.mark.parametrize("token", [{}, {"csrf": ""}, {"csrf": "0" * 40}])
@pytest.mark.parametrize("origin", [{"sec-fetch-site": "same-origin"}, {}])
def test_a_form_without_this_sessions_token_changes_nothing(
    client: Client, app: App, path: str, token: dict[str, str], origin: dict[str, str]
) -> None:
    form = {"go": "resolution", **token}
    for page in (f"{path}/returns/new", f"{path}/returns", f"{path}/link"):
        answer = client.send("POST", page, host="juniper.test", data=form, headers=origin)
        assert answer.status_code == 403, page
    with app.db.reading() as tx:
        assert tx.exec(select(ReturnCase)).all() == []
