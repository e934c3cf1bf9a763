"""SQLite in trouble under the pages: a full disk, somebody else's lock: 503, never 500, and it heals by itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
from sqlalchemy import event as sa_event

from portal import db
from portal.app import App
from portal.tables import Connection
from portal.tracking import inbox
from tests.client import Client
from tests.conftest import Clock
from tests.portal.tracking.northpost import connect, delivery, event, signed
from tests.world import World

PATIENCE_SECONDS = 0.1  # instead of five
_HOLD = """
import sys
try:
    import pysqlite3 as sqlite3
except ImportError:
    import sqlite3
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("PRAGMA locking_mode=" + sys.argv[2])
held.execute("BEGIN IMMEDIATE")
held.execute("UPDATE brand SET name = name")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def database_url(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """With little patience. PostgreSQL's trouble is in tests/portal/test_processes.py."""
    monkeypatch.setattr(db, "BUSY_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(inbox, "PATIENCE_MS", int(PATIENCE_SECONDS * 1000))
    return sqlite_url


@pytest.fixture
def connection(app: App, world: World) -> Connection:
    return connect(app)


@pytest.fixture
def push(client: Client, clock: Clock, connection: Connection) -> Callable[[str], httpx.Response]:
    """One signed webhook under this delivery id."""

    def send(delivery_id: str) -> httpx.Response:
        body = delivery("NP447109260GB", [event("COL", clock.now)], delivery_id)
        path = f"/hooks/northpost/{connection.hook_token}"
        return client.post(path, content=body, headers=signed(body, clock.now))

    return send


@contextmanager
def held(database_url: str, mode: str) -> Iterator[None]:
    """The database locked by another process: its writers in "NORMAL" mode, everybody in "EXCLUSIVE" mode."""
    command = [sys.executable, "-c", _HOLD, database_url.removeprefix("sqlite:///"), mode]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        try:
            yield
        finally:
            other.stdin.close()


def find(client: Client, number: str = "J-1001") -> httpx.Response:
    return client.post("/find", {"order": number, "who": "ada@example.test"})


def is_told_to_come_again(answer: httpx.Response) -> bool:
    assert (answer.status_code, answer.headers.get("retry-after")) == (503, "5"), answer.text
    return True


def test_while_another_process_writes_pages_are_read_and_writers_come_again(
    client: Client, database_url: str, push: Callable[[str], httpx.Response]
) -> None:
    with held(database_url, "NORMAL"):
        assert client.get("/").status_code == 200
        assert is_told_to_come_again(find(client))
        page = client.get("/t/a-link-that-is-swapped")
        assert is_told_to_come_again(page)
        assert "Please try again in a minute." in page.text
        assert 'href="/brand/juniper-' in page.text, "in the shop's look, with no question to the database"
        assert is_told_to_come_again(push("d-1"))
        assert client.get("/health/live").status_code == 200
    assert find(client).status_code < 500
    assert push("d-1").status_code == 200


def test_while_another_process_keeps_everybody_out_all_come_again(
    client: Client, app: App, database_url: str, push: Callable[[str], httpx.Response]
) -> None:
    app.db.engine.dispose()
    with held(database_url, "EXCLUSIVE"):
        for path in ("/", "/t/a-link", "/console/sign-in", "/health/ready", "/how-to/none"):
            answer = client.get(path)
            assert (answer.status_code, answer.headers.get("retry-after")) == (503, "5"), path
        assert is_told_to_come_again(find(client))
        assert is_told_to_come_again(push("d-1"))
    assert client.get("/").status_code == 200
    assert push("d-1").status_code == 200


def test_a_damaged_file_is_503_for_whoever_reads_it(client: Client, app: App, database_url: str) -> None:
    app.db.engine.dispose()
    client.app.db.close()
    with open(database_url.removeprefix("sqlite:///"), "r+b") as file:
        file.write(b"\0" * 4096)
    for path in ("/t/a-link", "/console/sign-in", "/how-to/none", "/health/ready"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers.get("retry-after")) == (503, "5"), path


def test_a_full_disk_is_503_for_whoever_writes_and_heals(
    client: Client, app: App, push: Callable[[str], httpx.Response]
) -> None:
    with app.db.engine.connect() as probe:
        pages = probe.exec_driver_sql("PRAGMA page_count").scalar_one()
    limit = [f"max_page_count={pages}"]
    sa_event.listen(client.app.db.engine, "connect", lambda raw, _: raw.execute(f"PRAGMA {limit[0]}"))
    client.app.db.engine.dispose()
    answers = [find(client, f"J-{number}").status_code for number in range(60)]
    hooks = [push(f"d-{number}").status_code for number in range(60)]
    assert set(hooks) <= {200, 503}
    assert 503 in hooks
    assert set(answers) <= {404, 422, 429, 503}
    assert is_told_to_come_again(push("one more"))
    assert client.get("/").status_code == 200
    limit[0] = "max_page_count=1000000"
    client.app.db.engine.dispose()
    assert push("one more").status_code in (200, 503)  # the writer's own connection is opened again after a failure
    assert push("one more").status_code == 200
    assert find(client).status_code < 500
