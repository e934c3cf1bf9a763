"""Testing a connection: real calls to fakes on this machine, what works said in plain words, nothing bought."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import func, select, update

from portal.app import App
from portal.connections import create_connection
from portal.keys import Keys
from portal.tables import Brand, Connection, ConnectionTrial, ConnectionUse, Label, Shipment, Subscription
from portal.tracking import trial
from portal.tracking.trial import PARTS, WORDS, Finding, ask_for, examine, try_due
from tests.carriers.fakes.easypost import API_KEY, FakeEasyPost
from tests.carriers.fakes.easypost import error as easypost_error
from tests.carriers.fakes.server import Answered
from tests.carriers.fakes.ups import CREDENTIALS, FakeUps
from tests.conftest import Clock
from tests.portal.cli.test_commands import doorstep
from tests.portal.tracking.northpost import connect, event
from tests.portal.tracking.test_poll import Fake
from tests.world import World


@pytest.fixture
def northpost() -> Iterator[Fake]:
    with Fake() as server:
        yield server


@pytest.fixture
def ups() -> Iterator[FakeUps]:
    with FakeUps() as server:
        yield server


@pytest.fixture
def easypost() -> Iterator[FakeEasyPost]:
    with FakeEasyPost() as server:
        yield server


def make(app: App, carrier: str, base: str, **fields: str) -> Connection:
    with app.db.transaction() as tx:
        given = {"base_url": base, **fields}
        return create_connection(
            tx, app.keys, carrier=carrier, name=carrier, brand_id=None, fields=given, now=app.now()
        )


def told(findings: list[Finding]) -> dict[str, str]:
    """Part -> mark and sentence; making the sentence proves that no fact is missing."""
    return {finding.part: f"{finding.mark}: {finding}" for finding in findings}


def again(app: App, row: Connection) -> Connection:
    with app.db.reading() as tx:
        return tx.get_one(Connection, row.id)


def test_a_carrier_with_tokens_is_asked_for_a_new_one_and_for_the_parcel(app: App, world: World, ups: FakeUps) -> None:
    row = make(app, "ups", ups.url, **CREDENTIALS, webhook_secret="w")
    for _ in range(2):
        found = told(examine(app, row, "1Z999AA10123456784"))
    assert found["fields"] == "ok: Everything that is needed is filled in."
    assert found["token"] == "ok: The carrier gave an access token."
    assert found["tracking"].startswith("ok: The carrier answers.")
    assert [request.path for request in ups.requests].count("/security/v1/oauth/token") == 2
    with app.db.reading() as tx:
        use = tx.exec(select(ConnectionUse).where(ConnectionUse.period_seconds == 3600)).one()
    assert (use.polls, use.tokens) == (2, 2)


def test_wrong_credentials_are_said_in_the_carriers_words_and_turn_it_red(app: App, world: World, ups: FakeUps) -> None:
    row = make(app, "ups", ups.url, **{**CREDENTIALS, "client_secret": "wrong"})
    found = told(examine(app, row, "1Z999AA10123456784"))
    assert found["token"].startswith("bad: The carrier refuses the credentials: ")
    assert "tracking" not in found
    assert again(app, row).state == "bad_credentials"


def test_a_key_that_goes_with_every_call_is_proven_by_tracking(app: App, world: World, easypost: FakeEasyPost) -> None:
    row = make(app, "easypost", easypost.url, api_key=API_KEY)
    found = told(examine(app, row, "EZ4000000004"))
    assert found["token"].startswith("open: This carrier has no tokens")
    assert found["tracking"] == "ok: The carrier answers. It knows EZ4000000004, with 2 scans."
    assert found["labels"].startswith("open: Can be bought.")
    assert found["push"].startswith("open: No secret is filled in")
    assert not easypost.shipments
    wrong = make(app, "easypost", easypost.url, api_key="x")
    found = told(examine(app, wrong, "EZ4000000004"))
    assert found["tracking"].endswith("refuses the credentials: APIKEY.INACTIVE: This api key is no longer active.")


def test_without_a_number_one_of_the_shops_own_parcels_is_asked_about(
    app: App, world: World, northpost: Fake, clock: Clock
) -> None:
    row = connect(app, base_url=northpost.url)
    with app.db.transaction() as tx:
        tx.exec(update(Shipment).values(carrier="ups"))
    assert told(examine(app, row))["tracking"].startswith("open: Not tried, because no parcel of yours travels with it")
    assert northpost.requests == []
    with app.db.transaction() as tx:
        tx.exec(update(Shipment).values(connection_id=row.id))
    number = world.other_shipment.number
    assert told(examine(app, row))["tracking"] == f"ok: The carrier answers. It does not know {number}."
    northpost.events[number] = [event("COL", clock.now)]
    assert told(examine(app, row))["tracking"] == f"ok: The carrier answers. It knows {number}, with 1 scans."


def test_one_that_follows_nothing_yet_is_asked_about_a_parcel_that_it_could_follow(
    app: App, world: World, northpost: Fake
) -> None:
    row = connect(app, base_url=northpost.url)
    number = world.other_shipment.number
    assert told(examine(app, row))["tracking"] == f"ok: The carrier answers. It does not know {number}."
    with app.db.transaction() as tx:
        tx.get_one(Connection, row.id).brand_id = world.juniper.id
    found = told(examine(app, again(app, row)))["tracking"]
    assert found == f"ok: The carrier answers. It does not know {world.shipments[1].number}."


def test_one_that_works_again_is_asked_again_at_once(app: App, world: World, northpost: Fake, clock: Clock) -> None:
    row = connect(app, base_url=northpost.url)
    with app.db.transaction() as tx:
        red = tx.get_one(Connection, row.id)
        red.state, red.state_text, red.failures = "bad_credentials", "401", 7
        red.paused_until = clock.now + timedelta(hours=1)
    examine(app, again(app, row), "NP447109260GB")
    now = again(app, row)
    assert (now.state, now.state_text, now.failures, now.paused_until) == ("ok", "", 0, None)


def test_one_that_is_switched_off_is_tested_and_stays_off(app: App, world: World, northpost: Fake) -> None:
    row = connect(app, base_url=northpost.url)
    with app.db.transaction() as tx:
        tx.get_one(Connection, row.id).state = "disabled"
    assert told(examine(app, again(app, row), "NP1"))["tracking"].startswith("ok")
    assert again(app, row).state == "disabled"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answered(b"<html>Sign in</html>", 200), "bad: The carrier answered, but not as documented: "),
        (Answered(b"", 503), "bad: The carrier could not be reached: "),
        (Answered({"error": {"code": "E1", "message": "Closed"}}, 400), "bad: The carrier declines: E1: Closed"),
        (Answered({"parcels": [], "unknown": []}), "open: The carrier answers, but says nothing about NP1."),
        (Answered({}, 429, headers={"Retry-After": "30"}), "bad: The carrier asks for a pause of 30 seconds: "),
    ],
)
def test_what_goes_wrong_is_told_apart(app: App, world: World, northpost: Fake, answer: Answered, words: str) -> None:
    row = connect(app, base_url=northpost.url)
    northpost.next_answers = [answer]
    assert told(examine(app, row, "NP1"))["tracking"].startswith(words)


def test_nobody_listening_is_told_within_the_deadline(app: App, world: World) -> None:
    row = connect(app, base_url="http://127.0.0.1:9")
    assert told(examine(app, row, "NP1"))["tracking"].startswith("bad: The carrier could not be reached")


def test_missing_fields_are_named_by_their_labels_and_nothing_is_called(
    app: App, world: World, northpost: Fake
) -> None:
    row = connect(app, base_url=northpost.url)
    with app.db.transaction() as tx:
        stored = tx.get_one(Connection, row.id)
        stored.secrets = app.keys.seal({}, f"connection:{row.id}:secrets")
    assert told(examine(app, again(app, row), "NP1"))["fields"] == "bad: Not filled in: API key."
    with app.db.transaction() as tx:
        stored = tx.get_one(Connection, row.id)
        stored.secrets = Keys(b"x" * 32).seal({}, f"connection:{row.id}:secrets")
    assert told(examine(app, again(app, row), "NP1"))["fields"].startswith("bad: The stored secrets open with none")
    assert northpost.requests == []


def test_the_budget_holds_for_tests_too(app: App, world: World, northpost: Fake) -> None:
    row = connect(app, base_url=northpost.url, calls_per_hour="1")
    assert told(examine(app, row, "NP1"))["tracking"].startswith("ok")
    assert told(examine(app, row, "NP1"))["tracking"].startswith("open: Not tried: the calls that the carrier allows")
    assert len(northpost.requests) == 1


def test_webhooks_are_judged_by_what_came(app: App, world: World, northpost: Fake, clock: Clock) -> None:
    row = connect(app, base_url=northpost.url)

    def push(**values: object) -> str:
        with app.db.transaction() as tx:
            tx.exec(update(Connection).values(name="Northpost", **values))
        return told(examine(app, again(app, row), "NP1"))["push"]

    assert push().startswith("open: Carriers deliver to https addresses only, and this is none: http://")
    assert push(rejected_hooks=3).startswith("bad: None of 3 deliveries could be verified.")
    assert push(last_push_at=clock.now) == (
        "ok: The last delivery that the secret verified came on 2026-11-24. Refused so far: 3."
    )


def test_silence_is_told_apart_from_never_having_asked(app: App, world: World, ups: FakeUps, clock: Clock) -> None:
    row = make(app, "ups", ups.url, **CREDENTIALS, webhook_secret="w")
    with app.db.transaction() as tx:
        tx.exec(update(Brand).values(origin=func.replace(Brand.origin, "http://", "https://")))
    app.brands.forget()
    assert told(examine(app, row))["push"].startswith("open: No delivery came yet. The carrier is asked for them")
    with app.db.transaction() as tx:
        for number, days in (("1Z1", 3), ("1Z2", 1)):
            since = clock.now - timedelta(days=days)
            wish = Subscription(connection_id=row.id or 0, number=number, state="active", created_at=since)
            wish.subscribed_at = since
            tx.add(wish)
    assert told(examine(app, row))["push"] == (
        "open: No delivery came yet, though the carrier has promised them since 2026-11-21."
    )


def test_labels_are_judged_by_the_last_one(app: App, world: World, northpost: Fake, clock: Clock) -> None:
    from tests.portal.console.test_returns import make_case

    row = connect(app, base_url=northpost.url)
    case = make_case(app, world)
    label = Label(return_id=case.id or 0, connection_id=row.id, key="k", state="ready", created_at=clock.now)
    label.carrier_ref, label.bought_at = "lbl_1", clock.now
    with app.db.transaction() as tx:
        tx.add(label)
    assert told(examine(app, row, "NP1"))["labels"] == "ok: The last label was bought on 2026-11-24."
    with app.db.transaction() as tx:
        tx.exec(update(Label).values(state="refused", error="No such service"))
    assert told(examine(app, row, "NP1"))["labels"] == "bad: The last label was refused: No such service"


def test_the_worker_carries_out_what_was_asked_for_in_the_console(app: App, world: World, northpost: Fake) -> None:
    row = connect(app, base_url=northpost.url)
    for number in ("NP1", "NP2"):
        with app.db.transaction() as tx:
            ask_for(tx, row, number, app.now())
    assert (try_due(app), try_due(app)) == (1, 0)
    with app.db.reading() as tx:
        (kept,) = tx.exec(select(ConnectionTrial)).all()
    assert kept.done_at is not None
    assert {finding["part"] for finding in kept.findings} <= set(PARTS)
    assert any(finding["facts"].get("number") == "NP2" for finding in kept.findings)


def test_a_test_that_fails_itself_says_so_and_is_over(app: App, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fall_over(*_: object, **__: object) -> None:
        raise LookupError("no")

    with app.db.transaction() as tx:
        ask_for(tx, world.connection, "", app.now())
    monkeypatch.setattr(trial, "examine", fall_over)
    assert try_due(app) == 1
    with app.db.reading() as tx:
        row = tx.exec(select(ConnectionTrial)).one()
    assert (row.error, row.next_at) == ("LookupError", None)
    assert row.dead_at is not None


def test_the_command_prints_a_line_a_part_and_ends_with_1_for_a_fault(
    app: App, world: World, easypost: FakeEasyPost
) -> None:
    row = make(app, "easypost", easypost.url, api_key=API_KEY, webhook_secret="w")
    options: dict[str, Any] = {"url": app.settings.database_url, "DOORSTEP_TEST_CARRIERS": "true"}
    ended = doorstep("connection", "test", row.public_id, "--number", "EZ1000000001", **options)
    assert (ended.returncode, ended.stderr) == (0, b"")
    lines = ended.stdout.decode().splitlines()
    assert lines[0] == " ok   Fields: Everything that is needed is filled in."
    assert [re.split(r"  +|: ", line.strip())[1] for line in lines] == [
        "Fields",
        "Access",
        "Tracking",
        "Return labels",
        "Webhooks",
    ]
    easypost.next_answers = [easypost_error(401, "APIKEY.INACTIVE", "This api key is no longer active.")]
    failed = doorstep("connection", "test", "easypost", "--number", "EZ1000000001", **options)
    assert failed.returncode == 1
    assert b"FAIL  Tracking: The carrier refuses the credentials" in failed.stdout


def test_every_sentence_can_be_said() -> None:
    for words in WORDS.values():
        assert words % {name: "x" for name in re.findall(r"%\((\w+)\)s", words)}
