"""A process killed anywhere while it makes a label: after the restart there is one label, one parcel, one message."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlmodel import select

from carriers.simulated.northpost_server import Server
from portal.app import App
from portal.audit import SHOPPER
from portal.returning.label import work_due
from portal.returning.receive import receive
from portal.tables import Connection, Label, Outbox, ReturnCase, Shipment
from portal.tracking.line import open_line
from tests.conftest import SECRET_KEY
from tests.portal.returning.test_label import KEY, no_pdf
from tests.portal.returning.test_start import ask, begin
from tests.world import World

ROOT = Path(__file__).parents[3]
STEP = """
from portal.app import build
from portal.returning.label import work_due
from portal.settings import load
from portal.tracking.line import open_line
app = build(load())
work_due(app, lambda connection: open_line(app, connection), lambda sheet: b"%PDF-1.7")
"""


def killed_at(point: str, app: App, delivered: World, northpost: Server) -> ReturnCase:
    """A new return whose label was being made by a process that died there."""
    case = begin(app, delivered, ask(delivered, (0, 1, "no_longer_wanted")))
    with app.db.transaction() as tx:
        tx.get_one(Connection, delivered.connection.id).config = {"base_url": northpost.url}
        tx.exec(select(Label)).one().next_at = datetime(2020, 1, 1, tzinfo=UTC)  # due by any clock
    environment = {
        **os.environ,
        "DOORSTEP_DATABASE_URL": app.settings.database_url,
        "DOORSTEP_SECRET_KEY": SECRET_KEY,
        "DOORSTEP_TEST_CARRIERS": "true",
        "DOORSTEP_CRASH": point,
    }
    died = subprocess.run([sys.executable, "-c", STEP], env=environment, cwd=ROOT, check=False)
    assert died.returncode == 137
    return case


@pytest.mark.parametrize(("point", "sold"), [("label.before_buy", 0), ("label.after_buy", 1), ("label.after_pdf", 1)])
def test_killed_while_making_a_label_it_is_bought_once_and_told_once(
    app: App, delivered: World, point: str, sold: int
) -> None:
    with Server(api_key=KEY, day=timedelta(days=1)) as northpost:
        case = killed_at(point, app, delivered, northpost)
        assert len(northpost.network.labels) == sold
        assert work_due(app, partial(open_line, app), no_pdf) == 1
        assert work_due(app, partial(open_line, app), no_pdf) == 0
        assert len(northpost.network.labels) == 1
    with app.db.reading() as tx:
        assert tx.exec(select(Label)).one().state == "ready"
        assert len(tx.exec(select(Shipment).where(Shipment.direction == "return")).all()) == 1
        assert [row.event for row in tx.exec(select(Outbox))] == ["return.label_issued"]
        assert tx.get_one(ReturnCase, case.id).status == "label_issued"


@pytest.mark.parametrize("point", ["label.before_buy", "label.after_buy", "label.after_pdf"])
def test_goods_that_came_without_the_label_that_was_being_made_have_it_given_back(
    app: App, delivered: World, point: str
) -> None:
    with Server(api_key=KEY, day=timedelta(days=1)) as northpost:
        case = killed_at(point, app, delivered, northpost)
        with app.db.transaction() as tx:
            receive(tx, delivered.juniper, tx.get_one(ReturnCase, case.id), SHOPPER, app.now())
        while work_due(app, partial(open_line, app), no_pdf):
            pass
        assert [label.voided for label in northpost.network.labels.values()] == [True]
    with app.db.reading() as tx:
        assert tx.exec(select(Label)).one().state == "voided"
        assert tx.exec(select(Outbox)).all() == []
