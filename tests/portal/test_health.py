"""Health for monitors and people, and what the guard puts around every answer."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
import structlog
from sqlalchemy import event, text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from structlog.testing import capture_logs

from portal import logs
from portal.app import App
from portal.tables import Connection, Inbox, UnmappedCode
from portal.web.guard import Guard, guards
from portal.worker import beat
from tests.conftest import SECRET_KEY, Clock
from tests.portal.tracking.door import Door
from tests.portal.tracking.northpost import connect
from tests.world import World


@pytest.fixture
def door(app: App) -> Iterator[Door]:
    with Door(app) as opened:
        yield opened


def test_a_migrated_database_is_ready(door: Door) -> None:
    for path in ("/health/live", "/health/ready"):
        response = door.get(path)
        assert (response.status_code, response.json()) == (200, {"ok": True})


def test_a_database_of_another_schema_is_not_ready(door: Door, app: App) -> None:
    with app.db.transaction() as tx:
        tx.connection().execute(text("UPDATE alembic_version SET version_num = 'older'"))
    response = door.get("/health/ready")
    assert (response.status_code, response.json()) == (503, {"ok": False, "fault": "not_migrated"})
    assert response.headers["retry-after"] == "5"
    assert door.get("/health").status_code == 503


def test_what_is_dead_due_red_and_beating_is_counted(door: Door, app: App, world: World, clock: Clock) -> None:
    red = connect(app)
    with app.db.transaction() as tx:
        tx.get_one(Connection, red.id).state = "bad_credentials"
        for key, seconds in (("dead", None), ("due", -90), ("later", 90)):
            tx.add(
                Inbox(
                    connection_id=red.id or 0,
                    carrier="northpost",
                    via="hook",
                    hook_key=key,
                    body=b"",
                    received_at=clock.now,
                    next_at=None if seconds is None else clock.now + timedelta(seconds=seconds),
                    dead_at=clock.now if seconds is None else None,
                )
            )
        tx.add(UnmappedCode(carrier="northpost", code="??", count=2, first_seen_at=clock.now, last_seen_at=clock.now))
    beat(app, "ingest", "w1", 5, 0)
    clock.forward(timedelta(seconds=7))
    told = door.get("/health").json()
    assert (told["ok"], told["dead"], told["unmapped_codes"]) == (True, 1, 1)
    assert told["work"]["inbox"] == {"dead": 1, "due": 1, "oldest_due_seconds": 97}
    assert told["polls"] == {"due": 3, "oldest_due_seconds": 7}
    assert told["connections"] == {"bad_credentials": 1, "ok": 1}
    assert (told["worker"], told["jobs"]) == ("ok", {"ingest": {"seconds_ago": 7}})
    clock.forward(timedelta(minutes=2))
    assert door.get("/health").json()["worker"] == "silent"


def test_a_database_that_takes_no_writing_is_no_health(
    app: App, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.web.health.PEN_SECONDS", 0.0)
    refuse = "PRAGMA query_only=1" if "sqlite" in database_url else "SET default_transaction_read_only = on"
    takes_writing = "PRAGMA query_only=0" if "sqlite" in database_url else "SET default_transaction_read_only = off"
    saying = [refuse]

    def say(connection: Any, *_: Any) -> None:
        connection.cursor().execute(saying[0])
        connection.commit()

    event.listen(app.db.engine, "checkout", say)
    with Door(app) as door:
        told = door.get("/health")
        assert (told.status_code, told.json()) == (503, {"ok": False, "fault": "database_not_writable"})
        assert told.headers["retry-after"] == "5"
        assert door.get("/health/ready").status_code == 200  # pages can be read
        saying[0] = takes_writing
        assert door.get("/health").json()["ok"] is True


def test_whether_writing_works_is_tried_now_and_then_only(door: Door, app: App) -> None:
    seen: list[str] = []
    event.listen(app.db.engine, "before_cursor_execute", lambda *call: seen.append(call[2]))
    for _ in range(5):
        assert door.get("/health").status_code == 200
    assert len([sql for sql in seen if sql.startswith("UPDATE")]) == 1


def test_health_tells_nothing_of_anybody(door: Door, world: World) -> None:
    told = door.get("/health").text
    for canary in ("ada", "J-1001", "NP447", "juniper", "Keswick"):
        assert canary not in told


def test_every_answer_carries_the_safe_headers(door: Door) -> None:
    for path in ("/health/live", "/nowhere"):
        headers = door.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["x-robots-tag"] == "noindex"
        assert "strict-transport-security" not in headers


def test_https_is_insisted_on_where_it_is_used(app: App) -> None:
    assert any(name == "Strict-Transport-Security" for name, _ in Guard(door_app, https=True)._headers)


async def door_app(*_: object) -> None:
    """An application that is never called."""


def test_two_host_headers_are_refused(door: Door) -> None:
    headers = [("host", "juniper.test"), ("host", "evil.test")]
    assert door.send("GET", "/health/live", host="juniper.test", headers=headers).status_code == 400


def test_a_page_body_is_capped_before_anything_reads_it(app: App) -> None:
    async def echo(request: Request) -> Response:
        return Response(str(len(await request.body())))

    client = Door(app)
    client.asgi = Starlette(routes=[Route("/echo", echo, methods=["POST"])], middleware=guards(app.settings))
    with client:
        answers = [
            client.send("POST", "/echo", host="juniper.test", content=b"x" * size) for size in (262_144, 262_145)
        ]
        drip = client.send("POST", "/echo", host="juniper.test", content=iter_async(b"x" * 1000, 300))
    assert [answer.status_code for answer in answers] == [200, 413]
    assert drip.status_code == 413


async def iter_async(piece: bytes, times: int) -> AsyncIterator[bytes]:
    """A body without a length."""
    for _ in range(times):
        yield piece


def test_a_request_is_one_line_without_query_or_token(door: Door) -> None:
    with capture_logs() as lines:
        door.get("/health/live?email=ada@example.test")
        door.get("/orders/a-long-token-of-somebody")
    told = [line for line in lines if line["event"] == "request"]
    assert [(line["method"], line["route"], line["status"]) for line in told] == [
        ("GET", "/health/live", 200),
        ("GET", "none", 404),
    ]
    assert "ada" not in str(lines)
    assert "somebody" not in str(lines)


@pytest.fixture
def configured(app: App) -> Iterator[None]:
    before = logging.getLogger().handlers[:]
    level = logging.getLogger().level
    logs.configure(app.settings)
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = before
    logging.getLogger().setLevel(level)


@pytest.mark.usefixtures("configured")
def test_log_lines_are_json_with_listed_keys_alone() -> None:
    handler = logging.getLogger().handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    written = io.StringIO()
    handler.setStream(written)
    log = structlog.get_logger("portal.test")
    try:
        raise ValueError("ada@example.test")
    except ValueError as error:
        log.error("page_failed", path="/o/a-very-long-token-indeed?x=1", email="ada@example.test", exc_info=error)
    logging.getLogger("uvicorn.error").warning("odd request from %s", "ada@example.test")
    lines = [orjson.loads(line) for line in written.getvalue().splitlines()]
    assert lines[0]["path"] == "/o/*"
    assert lines[0]["exception"].startswith("builtins.ValueError\n")
    assert lines[1]["event"] == "odd request from %s"
    assert "ada" not in str(lines)
    assert set(lines[0]) == {"event", "level", "logger", "timestamp", "path", "exception"}


def test_a_web_process_starts_without_what_only_others_need(sqlite_url: str) -> None:
    """Each of these would be most of the start (docs/performance.md)."""
    others = [
        "weasyprint",
        "httpx",
        "apscheduler",
        "psycopg",
        "portal.web.pages.console",
        "sqlalchemy.dialects.postgresql",
    ]
    program = f"""
import sys
from portal.app import create
from portal.settings import load
create(load(secret_key={SECRET_KEY!r}, database_url={sqlite_url!r}))
print([name for name in {others!r} if name in sys.modules])
"""
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert loaded.stdout.strip() == "[]"
