"""The command line as a script uses it: exit codes, results on stdout, one clear line when something is wrong."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from sqlmodel import select

from portal.app import App
from portal.cli import main
from portal.shops.sources.csv import template
from portal.tables import Agent, Brand, Connection, PolicyVersion
from tests.carriers.clauses import FIXTURES
from tests.conftest import SECRET_KEY
from tests.world import World


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    returncode: int
    stdout: bytes
    stderr: bytes


def doorstep(*arguments: str, url: str = "", stdin: bytes = b"", **environment: str) -> Ended:
    """Runs one command in this process through its real entry point, with nothing of this shell's settings."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("DOORSTEP_")}
    told = {"DOORSTEP_DATABASE_URL": url, "DOORSTEP_SECRET_KEY": SECRET_KEY, "DOORSTEP_HTTPS": "false"} if url else {}
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, kept | told | environment, clear=True),
        patch.object(sys, "argv", ["doorstep", *arguments]),
        patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin))),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    return Ended(int(ended.value.code or 0), out.getvalue().encode(), err.getvalue().encode())


def test_help_names_every_command_and_is_quick_to_import() -> None:
    shown = doorstep("--help")
    assert shown.returncode == 0
    for name in (
        "serve",
        "worker",
        "migrate",
        "demo",
        "check",
        "import-orders",
        "carriers",
        "replay",
        "brand",
        "agent",
    ):
        assert name in shown.stdout.decode()
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, portal.cli; print('sqlalchemy' in sys.modules, 'httpx' in sys.modules)"],
        capture_output=True,
        check=True,
    )
    assert loaded.stdout.split() == [b"False", b"False"]


def test_missing_settings_are_listed_without_a_traceback() -> None:
    for command in ("serve", "worker", "migrate", "check"):
        ended = doorstep(command, DOORSTEP_SMTP_TLS="perhaps")
        told = (ended.stdout + ended.stderr).decode()
        assert ended.returncode == 1, command
        assert "DOORSTEP_SECRET_KEY is not set" in told
        assert "DOORSTEP_SMTP_TLS" in told
        assert "Traceback" not in told


def test_a_database_that_cannot_be_reached_is_one_line() -> None:
    ended = doorstep("migrate", url="postgresql://nobody@127.0.0.1:1/none")
    assert ended.returncode == 1
    assert ended.stderr.decode().startswith("doorstep: the database cannot be used")
    assert len(ended.stderr.splitlines()) == 1


def test_migrate_says_whether_and_then_does(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    assert doorstep("migrate", "--check", url=url).returncode == 1
    assert b"run: doorstep migrate" in doorstep("brand", "list", url=url).stderr
    assert doorstep("migrate", url=url).returncode == 0
    assert doorstep("migrate", "--check", url=url).returncode == 0


def test_python_dash_m_is_the_same_command() -> None:
    command = [sys.executable, "-m", "portal", "carriers", "parse", "ups", "-"]
    ended = subprocess.run(command, input=b"<html>", capture_output=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, len(ended.stderr.splitlines())) == (3, b"", 1)


def test_called_wrongly_is_two() -> None:
    assert doorstep("import-orders").returncode == 2
    assert doorstep("no-such-command").returncode == 2
    assert doorstep("import-orders", "etsy", "x.json", "--brand", "x").returncode == 2
    assert doorstep("carriers", "parse", "nobody", "-").returncode == 2
    assert doorstep("carriers", "parse", "ups", "/no/such/file").returncode == 2


def test_orders_are_imported_and_bad_ones_named(sqlite_url: str, tmp_path: Path) -> None:
    make_brand(sqlite_url)
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text(template(), encoding="utf-8")
    bad.write_text(template().replace("14.50", "14,50"), encoding="utf-8")
    both = doorstep("import-orders", "csv", str(good), str(bad), "--brand", "acme", url=sqlite_url)
    assert both.returncode == 1
    assert both.stdout.decode().strip() == "orders: imported 1, updated 0, unchanged 0, refused 1"
    assert f"{bad}:2: refused: " in both.stderr.decode()
    again = doorstep("import-orders", "csv", "-", "--brand", "acme", url=sqlite_url, stdin=good.read_bytes())
    assert (again.returncode, b"unchanged 1" in again.stdout) == (0, True)
    assert doorstep("import-orders", "csv", str(bad), "--brand", "acme", url=sqlite_url).returncode == 3
    unknown = doorstep("import-orders", "csv", str(good), "--brand", "acne", url=sqlite_url)
    assert (unknown.returncode, b"known: acme" in unknown.stderr) == (2, True)


def test_products_are_imported_by_sku(sqlite_url: str) -> None:
    make_brand(sqlite_url)
    rows = doorstep("import-products", "--template").stdout
    first = doorstep("import-products", "-", "--brand", "acme", url=sqlite_url, stdin=rows)
    assert (first.returncode, b"imported 1" in first.stdout) == (0, True)
    second = doorstep("import-products", "-", "--brand", "acme", url=sqlite_url, stdin=rows.replace(b"14.50", b"15.00"))
    assert b"updated 1" in second.stdout


def test_a_raw_body_is_parsed_or_not_understood(tmp_path: Path) -> None:
    unreadable = doorstep("carriers", "parse", "ups", "-", stdin=b"<html>sign in</html>")
    assert unreadable.returncode == 3
    assert unreadable.stdout == b""
    assert len(unreadable.stderr.splitlines()) == 1
    body = json.dumps({"parcels": [], "unknown": ["NP1"]}).encode()
    understood = doorstep("carriers", "parse", "northpost", "-", stdin=body)
    assert understood.returncode == 0
    told: dict[str, Any] = json.loads(understood.stdout)
    assert (told["carrier"], told["not_found"]) == ("northpost", ["NP1"])


def test_a_history_that_names_no_parcel_is_that_of_the_number_asked_for() -> None:
    body = (FIXTURES / "dpd" / "track_delivered.xml").read_bytes()
    for asked, number in (((), ""), (("--number", "09980525414724"), "09980525414724")):
        told = json.loads(doorstep("carriers", "parse", "dpd", "-", *asked, stdin=body).stdout)
        assert [parcel["number"] for parcel in told["parcels"]] == [number]


def test_a_tracking_number_is_recognised(app: App, world: World) -> None:
    ended = doorstep("carriers", "recognise", "1Z 5R8 939 03 5756 712 7")
    assert ended.returncode == 0
    assert ended.stdout.decode().split()[:2] == ["100%", "ups"]
    first, *_ = json.loads(doorstep("carriers", "recognise", "287809468872", "--json").stdout)
    assert first["slug"] == "fedex"
    assert first["adapter"] is True
    assert doorstep("carriers", "recognise", "ORDER-1001").returncode == 3
    own = doorstep("carriers", "recognise", "NP1234567890", "--mine", url=app.settings.database_url)
    assert own.stdout.decode().split()[1] == "northpost"


def test_carriers_are_listed() -> None:
    rows = json.loads(doorstep("carriers", "list", "--json").stdout)
    assert {"easypost", "fedex", "northpost", "ups"} <= {row["slug"] for row in rows}


def test_a_port_in_use_is_said(sqlite_url: str, unused_port_holder: int) -> None:
    ended = doorstep("serve", "--port", str(unused_port_holder), url=sqlite_url)
    assert ended.returncode == 1
    assert b"choose another with --port" in ended.stderr


@pytest.fixture
def unused_port_holder() -> Any:
    """A port that somebody else listens on."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as held:
        yield held.getsockname()[1]


def make_brand(url: str) -> None:
    made = doorstep(
        "brand", "add", "acme", "--name", "Acme", "--host", "acme.test", "--sender-email", "post@acme.test", url=url
    )
    assert made.returncode == 0, made.stderr


def test_a_brand_is_added_and_changed(sqlite_url: str, tmp_path: Path) -> None:
    from portal.db import Database

    make_brand(sqlite_url)
    file = tmp_path / "brand.json"
    file.write_text(json.dumps({"zone": "Europe/Berlin", "policy": [{"rule": "window", "options": {"days": 14}}]}))
    assert doorstep("brand", "set", "acme", str(file), url=sqlite_url).returncode == 0
    file.write_text(json.dumps({"zone": "Mars/Base", "theme": "red", "return_address": 3, "colour": 1}))
    wrong = doorstep("brand", "set", "acme", str(file), url=sqlite_url)
    assert (wrong.returncode, wrong.stderr.decode().splitlines()) == (
        1,
        [
            "doorstep: theme: must be an object: {...}",
            "doorstep: return_address: must be an object: {...}",
            "doorstep: colour: is no field of a brand; docs/cli.md lists them",
        ],
    )
    file.write_text(json.dumps({"zone": "Mars/Base", "theme": {"primary": "red;"}}))
    wrong = doorstep("brand", "set", "acme", str(file), url=sqlite_url)
    assert (wrong.returncode, [line.split()[1] for line in wrong.stderr.decode().splitlines()]) == (
        1,
        ["zone:", "theme.primary"],
    )
    for text, words in {"[" * 100_000: "nested too deeply", "zone = here": "is not JSON"}.items():
        file.write_text(text)
        unread = doorstep("brand", "set", "acme", str(file), url=sqlite_url)
        assert (unread.returncode, words in unread.stderr.decode()) == (3, True)
    db = Database(sqlite_url)
    with db.reading() as tx:
        brand = tx.exec(select(Brand).where(Brand.slug == "acme")).one()
        assert (brand.origin, brand.zone) == ("http://acme.test", "Europe/Berlin")
        assert len(tx.exec(select(PolicyVersion).where(PolicyVersion.brand_id == brand.id)).all()) == 2
    db.close()


def test_an_agents_password_never_stands_on_the_command_line(sqlite_url: str) -> None:
    from portal.db import Database

    made = doorstep("agent", "add", "kim@acme.test", "--generate", url=sqlite_url)
    assert (made.returncode, b"shown this once" in made.stdout) == (0, True)
    short = doorstep("agent", "add", "lou@acme.test", url=sqlite_url, stdin=b"short\n")
    assert (short.returncode, b"Traceback" in short.stderr) == (1, False)
    db = Database(sqlite_url)
    with db.reading() as tx:
        assert [agent.email for agent in tx.exec(select(Agent))] == ["kim@acme.test"]
    db.close()


def test_a_connections_secret_comes_from_the_environment_only(sqlite_url: str) -> None:
    from portal.db import Database

    make_brand(sqlite_url)
    base = "base_url=https://northpost.test"
    told = doorstep("connection", "add", "northpost", "--set", base, "--set", "api_key=x", url=sqlite_url)
    assert (told.returncode, b"DOORSTEP_CONNECTION_API_KEY" in told.stderr) == (2, True)
    other = doorstep("connection", "add", "fedex", "--set", "client_id=1", "--set", "label_format=tiff", url=sqlite_url)
    assert (other.returncode, b"label_format: must be one of pdf, png, zpl" in other.stderr) == (1, True)
    made = doorstep(
        *("connection", "add", "northpost", "--set", base),
        url=sqlite_url,
        DOORSTEP_CONNECTION_API_KEY="np_secret_value",
        DOORSTEP_CONNECTION_WEBHOOK_SECRET="hook_secret",
    )
    assert (made.returncode, b"http://acme.test/hooks/northpost/" in made.stdout) == (0, True)
    assert b"np_secret_value" not in made.stdout + made.stderr
    db = Database(sqlite_url)
    with db.reading() as tx:
        row = tx.exec(select(Connection)).one()
        assert b"np_secret_value" not in row.secrets
        assert "api_key" not in row.config
    db.close()


def test_check_names_each_fault_with_how_to_mend_it(sqlite_url: str) -> None:
    make_brand(sqlite_url)
    closed = doorstep(
        "check",
        url=sqlite_url,
        DOORSTEP_SMTP_HOST="127.0.0.1",
        DOORSTEP_SMTP_PORT="1",
        DOORSTEP_SMPT_HOST="misspelt",
    )
    told = closed.stdout.decode()
    assert closed.returncode == 1
    assert "FAIL  agents: nobody can sign in" in told
    assert "FAIL  mail: 127.0.0.1:1" in told
    assert " ok   schema" in told
    assert "note  settings: DOORSTEP_SMPT_HOST is none" in told


def test_check_sees_a_changed_key_and_a_wrong_origin(app: App, world: World) -> None:
    from portal.checkup import _brand_faults, _connections

    assert not [f for f in _connections(app) if "key" in f.words]
    with app.db.transaction() as tx:
        connection = tx.get_one(Connection, world.connection.id)
        connection.secrets = connection.secrets[::-1]
        tx.get_one(Brand, world.juniper.id).origin = "https://elsewhere.test"
    app.brands.forget()
    assert [f.words for f in _connections(app) if f.is_wrong] == ["its secrets do not open with this key"]
    brand = next(b for b in app.brands.all() if b.slug == "juniper")
    assert "elsewhere" in next(iter(_brand_faults(app, brand, app.settings)))
