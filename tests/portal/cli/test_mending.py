"""Mending an installation by command: what `check` says, and `replay` from the first look to nothing left to do."""

from __future__ import annotations

import base64
import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select, update

from portal.app import App
from portal.tables import Inbox, Outbox, Scan, Shipment
from tests.conftest import Clock
from tests.portal.cli.test_commands import doorstep
from tests.portal.tracking.test_replay import delivered
from tests.world import World

OTHER_KEY = base64.b64encode(b"another key of thirty-two bytes!").decode()


def faults(said: bytes) -> dict[str, str]:
    """What `check` calls wrong, with the line that says how to mend it."""
    lines = said.decode().splitlines()
    found = {}
    for position, line in enumerate(lines):
        if line.startswith("FAIL  "):
            assert position + 1 < len(lines), f"nothing says how to mend: {line}"
            assert re.match(r"      \S", lines[position + 1]), f"nothing says how to mend: {line}"
            found[line.removeprefix("FAIL  ").partition(":")[0]] = lines[position + 1].strip()
    return found


def test_check_of_an_unmigrated_database_says_migrate(tmp_path: Path) -> None:
    ended = doorstep("check", url=f"sqlite:///{tmp_path}/new.db")
    assert ended.returncode == 1
    assert faults(ended.stdout) == {"schema": "run: doorstep migrate"}


def test_check_of_wrong_settings_lists_each_with_the_page_to_read() -> None:
    ended = doorstep("check", DOORSTEP_SECRET_KEY="short", DOORSTEP_PORT="many", DOORSTEP_DATABASE_URL="mysql://x")
    assert ended.returncode == 1
    said = ended.stdout.decode()
    for name in ("DOORSTEP_SECRET_KEY", "DOORSTEP_PORT", "DOORSTEP_DATABASE_URL"):
        assert said.count(name) == 1
    assert set(faults(ended.stdout).values()) == {"docs/settings.md lists every setting"}
    assert ended.stderr.decode() == "doorstep: 3 to mend\n"


def test_check_without_a_database_to_reach_says_so() -> None:
    ended = doorstep("check", url="postgresql://nobody@127.0.0.1:1/none")
    assert (ended.returncode, set(faults(ended.stdout))) == (1, {"database"})


def test_check_with_another_key_and_no_relay_names_both(world: World, settings_url: str) -> None:
    ended = doorstep(
        "check",
        url=settings_url,
        DOORSTEP_SECRET_KEY=OTHER_KEY,
        DOORSTEP_SMTP_HOST="127.0.0.1",
        DOORSTEP_SMTP_PORT="1",
        DOORSTEP_SMTP_TLS="none",
    )
    assert ended.returncode == 1
    found = faults(ended.stdout)
    assert found[f"connection {world.connection.name}"] == "restore DOORSTEP_SECRET_KEY"
    assert found["mail"].startswith("mend DOORSTEP_SMTP_HOST")


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_what_cannot_start_says_all_that_is_wrong(command: str) -> None:
    ended = doorstep(command, DOORSTEP_SECRET_KEY="short", DOORSTEP_THREADS="0")
    lines = ended.stderr.decode().splitlines()
    assert ended.returncode == 1
    assert all(line.startswith("doorstep: DOORSTEP_") for line in lines)
    assert len(lines) == 2


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("worker",)])
def test_nothing_starts_on_an_empty_database(command: tuple[str, ...], tmp_path: Path) -> None:
    ended = doorstep(*command, url=f"sqlite:///{tmp_path}/new.db")
    assert (ended.returncode, ended.stderr) == (1, b"doorstep: the database is empty; run: doorstep migrate\n")


def test_replay_shows_then_asks_then_does_and_then_has_nothing_to_do(
    app: App, world: World, clock: Clock, settings_url: str
) -> None:
    clock.forward(-timedelta(days=20))
    delivered(app, world, clock)
    doorstep("replay", "--yes", url=settings_url)  # the command goes by the real clock, the world by its own
    with app.db.transaction() as tx:
        tx.exec(update(Scan).where(col(Scan.code) == "DLP").values(status=None, sub_status=None))
        told = {row.key for row in tx.exec(select(Outbox)).all()}
    refused = doorstep("replay", url=settings_url, stdin=b"n\n")
    assert refused.returncode == 1
    assert "NP447109260GB" in refused.stdout.decode()
    assert "1 scans read otherwise" in refused.stdout.decode()
    assert "nothing was changed" in refused.stderr.decode()
    with app.db.reading() as tx:
        assert tx.exec(select(Scan.status).where(Scan.code == "DLP")).one() is None
    done = doorstep("replay", "--shipment", "np447109260gb", "--brand", "juniper", "--yes", url=settings_url)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().endswith("1 shipments changed; nobody was mailed\n")
    again = doorstep("replay", "--yes", url=settings_url)
    assert (again.returncode, again.stdout) == (0, b"nothing would change\n")
    with app.db.reading() as tx:
        assert tx.exec(select(Scan.status).where(Scan.code == "DLP")).one() == "delivered"
        assert tx.exec(select(Shipment.status).where(Shipment.number_key == "NP447109260GB")).one() == "delivered"
        assert {row.key for row in tx.exec(select(Outbox)).all() if not row.suppressed} <= told
        assert tx.exec(select(Inbox).where(col(Inbox.done_at).is_(None))).all() == []


@pytest.fixture
def settings_url(app: App) -> str:
    """The database of the world."""
    return app.settings.database_url
