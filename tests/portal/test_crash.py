"""A process that dies at any named place loses nothing, repeats nothing, and leaves nothing half-written."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from sqlmodel import select

from portal.app import App
from portal.tables import Connection, Inbox, Outbox, Scan, Shipment
from portal.tracking.files import take_files
from portal.tracking.poll import LEASE, poll
from tests.carriers.fakes.server import Answered, FakeServer, Received
from tests.conftest import SECRET_KEY, Clock
from tests.portal.tracking.northpost import answer, connect, event
from tests.portal.tracking.test_files import connect as edi_connection
from tests.portal.tracking.test_files import drop
from tests.portal.tracking.test_ingest import body, drain, keep
from tests.world import World

ROOT = Path(__file__).parents[2]
NUMBER = "NP447109260GB"

# Each is tried by a test here, or by the named one.
KNOWN = {
    "inbox.before_commit",
    "inbox.after_commit",
    "ingest.after_claim",
    "ingest.before_commit",
    "ingest.after_commit",
    "poll.after_claim",
    "poll.after_fetch",
    "poll.after_commit",
    "files.before_commit",
    "files.after_commit",
    "files.after_move",
    "subscribe.after_claim",  # tests/portal/tracking/test_subscribe.py
    "subscribe.after_call",
    "send.after_claim",  # tests/portal/notify
    "send.after_send",
    "label.before_buy",  # tests/portal/returning
    "label.after_buy",
    "label.after_pdf",
}


def test_every_crash_point_of_the_source_is_on_the_list() -> None:
    found = {
        name
        for file in (ROOT / "portal").rglob("*.py")
        for name in re.findall(r'crashpoint\("([^"]+)"\)', file.read_text())
    }
    assert found == KNOWN


@pytest.fixture(scope="session")
def victims() -> Iterator[subprocess.Popen[str]]:
    """The fork server of tests.portal.tracking.victim."""
    command = [sys.executable, "-m", "tests.portal.tracking.victim"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        yield server
        assert server.stdin
        server.stdin.close()


Die = Callable[[str, str], None]


@pytest.fixture
def die(app: App, victims: subprocess.Popen[str], tmp_path: Path) -> Die:
    """`die(step, at)` does one step in a process of its own that is killed at `at`."""

    def run(step: str, at: str) -> None:
        environment = {
            "DOORSTEP_DATABASE_URL": app.settings.database_url,
            "DOORSTEP_SECRET_KEY": SECRET_KEY,
            "DOORSTEP_TEST_CARRIERS": "true",
            "DOORSTEP_CRASH": at,
            "DOORSTEP_FILE_FOLDERS": str(tmp_path),
        }
        assert victims.stdin
        assert victims.stdout
        victims.stdin.write(orjson.dumps({"step": step, "environment": environment}).decode() + "\n")
        victims.stdin.flush()
        assert victims.stdout.readline() == "137\n"

    return run


def after_the_lease(clock: Clock) -> None:
    """Later than any lease of the process that died, which went by the real clock."""
    clock.now = datetime.now(UTC) + LEASE + timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _real_time(clock: Clock) -> None:
    clock.now = datetime.now(UTC)


@pytest.fixture
def carrier() -> Iterator[FakeServer]:
    def track(received: Received) -> Answered:
        parcels = [answer(n, [event("COL", datetime(2026, 11, 22, tzinfo=UTC))]) for n in received.json()["numbers"]]
        return Answered({"parcels": [p["parcels"][0] for p in parcels], "unknown": []})

    with FakeServer({"POST /v1/track": track}) as server:
        yield server


def counts(app: App) -> dict[str, int]:
    with app.db.reading() as tx:
        return {t.__tablename__: len(tx.exec(select(t)).all()) for t in (Inbox, Scan, Outbox)}


def test_killed_before_the_commit_nothing_was_promised_and_nothing_is_there(app: App, world: World, die: Die) -> None:
    die("receive", "inbox.before_commit")
    assert counts(app)["inbox"] == 0


def test_killed_after_the_commit_the_delivery_is_there_and_its_repeat_is_no_second(
    app: App, world: World, clock: Clock, die: Die
) -> None:
    die("receive", "inbox.after_commit")
    assert counts(app)["inbox"] == 1
    die("receive", "inbox.after_commit")
    assert counts(app)["inbox"] == 1
    after_the_lease(clock)
    assert drain(app) == 1
    assert counts(app) == {"inbox": 1, "scan": 1, "outbox": 1}


@pytest.mark.parametrize("at", ["ingest.after_claim", "ingest.before_commit"])
def test_killed_in_the_middle_of_ingest_the_row_falls_due_again(
    app: App, world: World, clock: Clock, die: Die, at: str
) -> None:
    keep(app, world.connection, body([event("COL", clock.now)]))
    die("ingest", at)
    assert counts(app) == {"inbox": 1, "scan": 0, "outbox": 0}
    assert drain(app) == 0
    after_the_lease(clock)
    assert drain(app) == 1
    assert counts(app) == {"inbox": 1, "scan": 1, "outbox": 1}


def test_killed_after_ingest_nothing_is_done_twice(app: App, world: World, clock: Clock, die: Die) -> None:
    keep(app, world.connection, body([event("COL", clock.now)]))
    die("ingest", "ingest.after_commit")
    before = counts(app)
    assert before == {"inbox": 1, "scan": 1, "outbox": 1}
    clock.forward(timedelta(hours=2))
    assert drain(app) == 0
    assert counts(app) == before


@pytest.mark.parametrize("at", ["poll.after_claim", "poll.after_fetch", "poll.after_commit"])
def test_killed_while_polling_the_parcels_are_asked_about_again_and_told_once(
    app: App, world: World, clock: Clock, carrier: FakeServer, die: Die, at: str
) -> None:
    connection = connect(app, base_url=carrier.url)
    with app.db.transaction() as tx:
        for row in tx.exec(select(Shipment)).all():
            row.connection_id, row.next_at = connection.id, clock.now
    die("poll", at)
    assert counts(app)["inbox"] == (1 if at == "poll.after_commit" else 0)
    assert poll(app) == 0
    after_the_lease(clock)
    assert poll(app) == (0 if at == "poll.after_commit" else 3)
    drain(app)
    assert counts(app) == {"inbox": 1, "scan": 3, "outbox": 3}
    with app.db.reading() as tx:
        assert tx.get_one(Connection, connection.id).state == "ok"
        assert orjson.loads(tx.exec(select(Inbox)).one().body)["unknown"] == []


@pytest.mark.parametrize("at", ["files.before_commit", "files.after_commit", "files.after_move"])
def test_killed_while_taking_a_file_it_is_taken_once(
    app: App, world: World, clock: Clock, die: Die, tmp_path: Path, at: str
) -> None:
    allowed = replace(app, settings=app.settings.model_copy(update={"file_folders": str(tmp_path)}))
    folder = tmp_path / "edi"
    folder.mkdir()
    edi_connection(allowed, folder)
    drop(allowed, folder / "a.edi")
    die("files", at)
    assert counts(app)["inbox"] == (0 if at == "files.before_commit" else 1)
    assert (folder / "a.edi").exists() == (at != "files.after_move")
    assert take_files(allowed) == (0 if at == "files.after_move" else 1)
    assert counts(app)["inbox"] == 1
    assert [path.name for path in (folder / "done").iterdir()] == ["a.edi"]
    after_the_lease(clock)
    assert drain(app) == 1
