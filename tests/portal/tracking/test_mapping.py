"""Codes that people map: for what comes, for what is there, with a look beforehand; nobody is mailed about the past."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select, update

from carriers.contract import Scan as ScanValue
from carriers.contract import ZoneFrom
from portal.app import App
from portal.audit import Actor
from portal.refusal import Refusal
from portal.tables import Audit, CodeMapping, Inbox, Outbox, Scan, Shipment, UnmappedCode
from portal.tracking.mapping import SETTLE, WORDS, apply_due, current, decide, is_open, preview
from portal.tracking.refold import refold
from portal.tracking.replay import apply, plan
from portal.tracking.scans import is_unlisted
from tests.conftest import Clock
from tests.portal.cli.test_commands import doorstep
from tests.portal.tracking.northpost import event
from tests.portal.tracking.test_ingest import body, drain, keep, messages, shipment
from tests.portal.tracking.test_replay import settle
from tests.world import World

SAM = Actor("agent:sam", "Sam")
NUMBER = "NP447109260GB"


def arrive(app: App, world: World, clock: Clock, *, key: str = "") -> None:
    """Collected yesterday, then a code that nobody knows, an hour ago."""
    events = [event("COL", clock.now - timedelta(hours=20)), event("ZZ9", clock.now - timedelta(hours=1))]
    keep(app, world.connection, body(events, **({"delivery": key} if key else {})))
    drain(app)


def map_code(app: App, word: str, code: str = "ZZ9", version: int | None = None) -> CodeMapping:
    with app.db.transaction() as tx:
        return decide(tx, "northpost", code, word, SAM, app.now(), version=version)


def run(app: App, clock: Clock) -> None:
    """What the worker does, until nothing is left to do."""
    while apply_due(app):
        pass
    clock.forward(SETTLE)
    while apply_due(app):
        pass


def stored(app: App, code: str = "ZZ9") -> Scan:
    with app.db.reading() as tx:
        return tx.exec(select(Scan).where(Scan.code == code)).one()


def versions(app: App) -> list[Any]:
    with app.db.reading() as tx:
        return list(tx.exec(select(CodeMapping).order_by(col(CodeMapping.version))))


def test_a_scan_remembers_who_read_it_and_that_its_code_is_unknown(app: App, world: World, clock: Clock) -> None:
    arrive(app, world, clock)
    assert (stored(app).carrier, stored(app).unlisted, stored(app).status) == ("northpost", True, None)
    assert (stored(app, "COL").unlisted, stored(app, "COL").status) == (False, "picked_up")


def test_what_would_change_is_said_before_and_is_what_happens(app: App, world: World, clock: Clock) -> None:
    arrive(app, world, clock)
    with app.db.reading() as tx:
        told = preview(tx, "northpost", "ZZ9", "delivered.neighbour", clock.now)
    assert (told.scans, told.parcels, told.looked_at) == (1, 1, 1)
    assert dict(told.moves) == {("picked_up.collected", "delivered.neighbour"): 1}
    assert dict(told.untold) == {"shipment.delivered": 1}
    assert shipment(app).status == "picked_up"
    before = messages(app)
    made = map_code(app, "delivered.neighbour")
    assert (made.version, made.parcels) == (1, 1)
    run(app, clock)
    assert (shipment(app).status, shipment(app).sub_status) == ("delivered", "delivered.neighbour")
    assert (stored(app).status, stored(app).unlisted) == ("delivered", True)
    new = {key: why for key, why in messages(app).items() if key not in before}
    assert set(new.values()) == {"replay"}
    (row,) = versions(app)
    assert (row.applied, row.next_at, row.error) == (1, None, "")
    assert row.done_at is not None


def test_a_look_that_changes_nothing_of_the_status_says_so(app: App, world: World, clock: Clock) -> None:
    arrive(app, world, clock)
    with app.db.reading() as tx:
        told = preview(tx, "northpost", "ZZ9", "info_received.label_created", clock.now)
        none = preview(tx, "northpost", "NEVER", "delivered", clock.now)
        cut = preview(tx, "northpost", "ZZ9", "delivered", clock.now, limit=0)
    assert (told.scans, told.unmoved, sum(told.untold.values())) == (1, 1, 0)
    assert (none.scans, none.parcels, none.looked_at) == (0, 0, 0)
    assert (cut.parcels, cut.looked_at) == (1, 0)


def test_a_mapped_code_means_it_at_once_for_what_comes_and_news_are_mailed(
    app: App, world: World, clock: Clock
) -> None:
    map_code(app, "out_for_delivery.on_vehicle")
    arrive(app, world, clock)
    assert shipment(app).sub_status == "out_for_delivery.on_vehicle"
    with app.db.reading() as tx:
        rows = tx.exec(select(Outbox).where(Outbox.event == "shipment.out_for_delivery")).all()
    assert [row.suppressed for row in rows] == [""]


def test_taking_it_back_brings_the_carriers_words_back(app: App, world: World, clock: Clock) -> None:
    arrive(app, world, clock)
    map_code(app, "delivered")
    run(app, clock)
    assert map_code(app, "", version=1).version == 2
    run(app, clock)
    assert (stored(app).status, stored(app).unlisted) == (None, True)
    assert shipment(app).status == "picked_up"
    with app.db.reading() as tx:
        acts = tx.exec(select(Audit).where(Audit.act == "code.mapped").order_by(col(Audit.id))).all()
        assert [(act.actor_name, act.facts["word"], act.facts["version"]) for act in acts] == [
            ("Sam", "delivered", 1),
            ("Sam", "", 2),
        ]


def test_a_code_that_the_adapter_knows_cannot_be_mapped(app: App, world: World) -> None:
    for carrier, code, word, refusal in (
        ("northpost", "COL", "delivered", "code_is_known"),
        ("northpost", "", "delivered", "no_such_code"),
        ("northpost", "x" * 201, "delivered", "no_such_code"),
        ("northpost", "ZZ9", "arrived", "no_such_status"),
        ("northpost", "ZZ9", "expired", "no_such_status"),
        ("nobody", "ZZ9", "delivered", "no_such_carrier"),
    ):
        with app.db.transaction() as tx, pytest.raises(Refusal) as refused:
            decide(tx, carrier, code, word, SAM, app.now())
        assert refused.value.code == refusal
    assert versions(app) == []


def test_a_decision_on_an_older_one_is_refused(app: App, world: World) -> None:
    map_code(app, "delivered", version=0)
    with pytest.raises(Refusal, match="mapping_changed"):
        map_code(app, "in_transit", version=0)


def test_a_mapping_never_overrides_the_adapters_own_table(
    app: App, world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade taught the adapter the code: its word counts, and replay writes it."""
    arrive(app, world, clock)
    map_code(app, "delivered")
    run(app, clock)
    from carriers.adapters import northpost

    monkeypatch.setitem(northpost.CODES, "ZZ9", "exception.weather")
    settle(app)
    changes = [change for change in plan(app.db, now=clock.now) if change.number == NUMBER]
    assert [change.changed for change in changes] == [1]
    apply(app, changes)
    assert (stored(app).status, stored(app).unlisted) == ("exception", False)


def test_replay_keeps_what_was_decided(app: App, world: World, clock: Clock) -> None:
    arrive(app, world, clock)
    map_code(app, "delivered")
    run(app, clock)
    settle(app)
    assert [change for change in plan(app.db, now=clock.now) if change.number == NUMBER] == []
    with app.db.transaction() as tx:
        for row in tx.exec(select(Inbox)).all():
            tx.delete(row)
        tx.exec(update(Scan).where(col(Scan.code) == "ZZ9").values(status=None, sub_status=None))
    (change,) = [change for change in plan(app.db, now=clock.now) if change.number == NUMBER]
    assert change.changed == 1


def test_many_parcels_are_read_again_in_batches_and_a_crash_costs_nothing(
    app: App, world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.tracking.mapping.BATCH", 1)
    for number in (NUMBER, "NP447109261GB", "NP447109262GB"):
        keep(app, world.connection, body([event("ZZ9", clock.now)], number=number))
    drain(app)
    assert map_code(app, "delivered").parcels == 3
    assert apply_due(app) == 1
    assert [row.applied for row in versions(app)] == [1]

    def fall_over(*given: Any, **more: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("portal.tracking.mapping.refold", fall_over)
    with pytest.raises(KeyboardInterrupt):
        apply_due(app)
    monkeypatch.setattr("portal.tracking.mapping.refold", refold)
    assert apply_due(app) == 0  # its lease runs
    clock.forward(timedelta(minutes=2))
    run(app, clock)
    with app.db.reading() as tx:
        assert set(tx.exec(select(Shipment.status))) == {"delivered"}
    assert [(row.applied, row.done_at is None) for row in versions(app)] == [(3, False)]


def test_a_parcel_that_fails_does_not_hold_up_the_others(
    app: App, world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (NUMBER, "NP447109261GB"):
        keep(app, world.connection, body([event("ZZ9", clock.now)], number=number))
    drain(app)
    map_code(app, "delivered")

    def sometimes(tx: Any, row: Shipment, *given: Any, **more: Any) -> Any:
        if row.number == NUMBER:
            raise ValueError("no")
        return refold(tx, row, *given, **more)

    monkeypatch.setattr("portal.tracking.mapping.refold", sometimes)
    while apply_due(app):
        pass
    assert shipment(app, "NP447109261GB").status == "delivered"
    (row,) = versions(app)
    assert "ValueError" in row.error
    assert row.next_at is not None
    monkeypatch.setattr("portal.tracking.mapping.refold", refold)
    clock.forward(timedelta(hours=1))
    run(app, clock)
    assert shipment(app).status == "delivered"


def test_a_newer_decision_stops_the_older_one(app: App, world: World, clock: Clock) -> None:
    arrive(app, world, clock)
    map_code(app, "delivered")
    map_code(app, "exception.damaged")
    run(app, clock)
    assert shipment(app).sub_status == "exception.damaged"
    assert [(row.word, row.done_at is None) for row in versions(app)] == [
        ("delivered", False),
        ("exception.damaged", False),
    ]


def test_open_codes_are_those_without_a_meaning(app: App, world: World, clock: Clock) -> None:
    arrive(app, world, clock)

    def waiting() -> list[str]:
        with app.db.reading() as tx:
            return list(tx.exec(select(UnmappedCode.code).where(is_open())))

    assert waiting() == ["ZZ9"]
    map_code(app, "delivered")
    assert waiting() == []
    map_code(app, "")
    assert waiting() == ["ZZ9"]
    with app.db.reading() as tx:
        newest = current(tx, "northpost", "ZZ9")
    assert newest is not None
    assert newest.version == 2


def test_a_code_left_without_a_status_on_purpose_is_not_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    from carriers.registry import all_carriers

    unknown = ScanValue(None, "2026-11-20", None, ZoneFrom.UNKNOWN, "XX", "", None, date_only=True)
    assert is_unlisted("northpost", unknown)
    carrier = all_carriers()["northpost"]
    monkeypatch.setattr(type(carrier), "about", replace(carrier.about, unmapped={"XX": "says nothing"}))
    assert not is_unlisted("northpost", unknown)


def test_the_words_on_offer_are_those_that_carriers_can_say() -> None:
    assert "delivered" in WORDS
    assert "delivered.neighbour" in WORDS
    assert not {"expired", "pending.not_found", "delivered.disputed"} & set(WORDS)


def test_the_command_shows_asks_and_applies(app: App, world: World, clock: Clock) -> None:
    clock.forward(-timedelta(days=30))  # the command goes by the true time, before which all this must have happened
    arrive(app, world, clock)
    url = app.settings.database_url
    listed = json.loads(doorstep("carriers", "codes", "--json", url=url).stdout)
    assert [(row["code"], row["count"], row["sample"], row["means"]) for row in listed] == [("ZZ9", 1, NUMBER, None)]
    asked = doorstep("carriers", "map", "northpost", "ZZ9", "delivered", url=url, stdin=b"n\n")
    assert asked.returncode == 1
    assert b"1 scans of 1 parcels are read again" in asked.stdout
    assert b"1 parcels: picked_up.collected -> delivered" in asked.stdout
    assert b"1 messages not sent, because it is past news: shipment.delivered" in asked.stdout
    assert versions(app) == []
    done = doorstep("carriers", "map", "northpost", "ZZ9", "delivered", "--yes", url=url)
    assert (done.returncode, b"nobody was mailed" in done.stdout) == (0, True)
    assert shipment(app).status == "delivered"
    assert b"means delivered  (version 1, Doorstep" in doorstep("carriers", "codes", url=url).stdout
    back = doorstep("carriers", "map", "northpost", "ZZ9", "none", "--yes", url=url)
    assert back.returncode == 0
    assert shipment(app).status == "picked_up"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("nobody", "X", "delivered"), b"there is no carrier 'nobody'"),
        (("northpost", "COL", "delivered"), b"own table has 'COL'"),
        (("northpost", "ZZ9", "arrived"), b"'arrived' is no status"),
    ],
)
def test_the_command_says_what_cannot_be_mapped(app: App, given: tuple[str, str, str], words: bytes) -> None:
    ended = doorstep("carriers", "map", *given, "--yes", url=app.settings.database_url)
    assert (ended.returncode, words in ended.stderr) == (2, True)
