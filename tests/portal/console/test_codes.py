"""Mapping a code at the desk: what would change is shown first, decided once, told, and taken back."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from sqlmodel import select

from portal.app import App
from portal.tables import Audit, CodeMapping, UnmappedCode
from tests.conftest import Clock
from tests.portal.console.desk import Desk
from tests.portal.tracking.northpost import event
from tests.portal.tracking.test_ingest import body, drain, keep, shipment
from tests.portal.tracking.test_mapping import arrive, run
from tests.world import World


def path(code: str = "ZZ9", **more: str) -> str:
    return f"/console/codes/map?{urlencode({'carrier': 'northpost', 'code': code, **more})}"


def plain(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


@pytest.fixture
def seen(app: App, world: World, clock: Clock) -> None:
    """Ada's parcel was collected, and then came a code that nobody knows."""
    arrive(app, world, clock)


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


def test_what_would_change_is_shown_and_then_done(sam: Desk, app: App, clock: Clock, seen: None) -> None:
    page = sam.get(path()).text
    assert "Code ZZ9" in page
    assert "What would change" not in page
    shown = sam.get(path(word="delivered.neighbour")).text
    told = plain(shown)
    assert "1 scan of 1 parcels is read again." in told
    assert "Collected Collected from the sender becomes Delivered Left with a neighbour 1" in told
    assert "nobody is mailed about it: Delivered (1)." in told
    assert shipment(app).status == "picked_up"
    answer = sam.press(shown, "/console/codes/map")
    listed = plain(sam.follow(answer).text)
    assert "ZZ9 has a meaning now." in listed
    assert "Being applied 0 of 1 parcels" in listed
    run(app, clock)
    assert shipment(app).sub_status == "delivered.neighbour"
    assert "Applied 1 of 1 parcels" in plain(sam.get("/console/codes?show=mapped").text)
    assert "No unknown codes" in sam.get("/console/codes").text
    with app.db.reading() as tx:
        act = tx.exec(select(Audit).where(Audit.act == "code.mapped")).one()
    assert (act.actor_name, act.facts["code"], act.facts["word"]) == ("Sam", "ZZ9", "delivered.neighbour")


def test_a_meaning_is_taken_back_by_the_undo_of_the_list(sam: Desk, app: App, clock: Clock, seen: None) -> None:
    sam.press(sam.get(path(word="delivered")).text, "/console/codes/map")
    run(app, clock)
    listed = sam.get("/console/codes?show=mapped").text
    undo = re.search(r'href="([^"]+word=none)"', listed)
    assert undo
    shown = sam.get(html.unescape(undo[1])).text
    assert "Take the meaning away" in shown
    sam.press(shown, "/console/codes/map")
    run(app, clock)
    assert shipment(app).status == "picked_up"
    history = plain(sam.get(path()).text)
    assert history.index("no meaning, the carrier’s own words Sam") < history.index("Delivered Sam")


def test_pressing_twice_decides_once(sam: Desk, app: App, seen: None) -> None:
    shown = sam.get(path(word="delivered")).text
    assert sam.press(shown, "/console/codes/map").status_code == 303
    again = sam.press(shown, "/console/codes/map")
    assert again.status_code == 409
    assert "Somebody gave this code another meaning meanwhile" in again.text
    with app.db.reading() as tx:
        assert len(tx.exec(select(CodeMapping)).all()) == 1


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (path("COL"), "own table has this code"),
        (path(""), "cannot be a carrier’s code"),
        (path("x" * 300), "cannot be a carrier’s code"),
        (path(word="arrived"), "Choose what the code means"),
        ("/console/codes/map?carrier=nobody&code=X", "does not know that carrier"),
    ],
)
def test_what_cannot_be_mapped_is_refused_in_words(sam: Desk, asked: str, words: str) -> None:
    answer = sam.get(asked)
    assert answer.status_code == 422
    assert words in answer.text


def test_an_agent_of_one_brand_looks_and_decides_nothing(kim: Desk, app: App, seen: None) -> None:
    listed = kim.get("/console/codes").text
    assert "ZZ9" in listed
    assert "/console/codes/map" not in listed
    assert "agents of every brand give it" in listed
    assert kim.get(path(word="delivered")).status_code == 404
    token = re.search(r'name="csrf" value="([^"]+)"', listed)
    assert token
    form = {"csrf": token[1], "carrier": "northpost", "code": "ZZ9", "word": "delivered", "version": "0"}
    assert kim.post("/console/codes/map", form).status_code == 404
    with app.db.reading() as tx:
        assert tx.exec(select(CodeMapping)).all() == []


def test_of_very_many_parcels_the_newest_are_looked_at(
    sam: Desk, app: App, world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from portal.web.console import codes

    monkeypatch.setattr(codes, "LOOKED_AT", 1)
    for number in ("NP447109260GB", "NP447109261GB"):
        keep(app, world.connection, body([event("ZZ9", clock.now - timedelta(hours=1))], number=number))
    drain(app)
    told = plain(sam.get(path(word="in_transit")).text)
    assert "2 scans of 2 parcels are read again. The figures below are of the newest parcel." in told
