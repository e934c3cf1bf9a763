"""A private PostgreSQL cluster for the tests: own folder, own socket, nothing listening on the network."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import text

from portal.db import Database

_ROOT = 0


class NoPostgres(Exception):
    """Why no cluster can be had here."""


@dataclass(frozen=True)
class Cluster:
    """A running cluster. `url` lacks only the database name."""

    url: str
    _command: tuple[object, ...]
    _run_as: dict[str, Any]

    def start(self) -> None:
        """Starts it, again after `pull_the_plug`; returns once it answers."""
        _run(self._run_as, *self._command, "-w", "start")

    def pull_the_plug(self) -> None:
        """Ends every process of it without a word to its clients' transactions."""
        _run(self._run_as, *self._command, "-m", "immediate", "-w", "stop")


@contextmanager
def private_cluster(*, durable: bool = False, preload: Path | None = None) -> Iterator[str]:
    """Starts a cluster and yields a URL prefix that lacks only the database name. Raises NoPostgres with the reason.

    `durable` keeps fsync on, for benchmarks; tests of logic do not need the disk. `preload`: a library for the server.
    """
    with fragile_cluster(durable=durable, preload=preload) as cluster:
        yield cluster.url


@contextmanager
def fragile_cluster(*, durable: bool = False, preload: Path | None = None) -> Iterator[Cluster]:
    """The same, with its plug in the caller's hand."""
    binaries = find_binaries()
    home = Path(tempfile.mkdtemp(prefix="pg"))
    run_as = _account(home)
    if preload:
        run_as["env"] = {**os.environ, "LD_PRELOAD": str(preload)}
    data = home / "data"
    try:
        _run(run_as, binaries / "initdb", "-D", data, "-U", "doorstep", "-A", "trust", "-E", "UTF8", "--locale=C")
        settings = f"-c listen_addresses='' -c unix_socket_directories={home} -c max_connections=200"
        if not durable:
            settings += " -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        command = (binaries / "pg_ctl", "-D", data, "-o", settings, "-l", home / "log")
        cluster = Cluster(f"postgresql://doorstep@/{{}}?host={quote(str(home), safe='')}", command, run_as)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.pull_the_plug()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def find_binaries() -> Path:
    """The newest PostgreSQL server on this machine. Raises NoPostgres."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    if not found and not on_path:
        raise NoPostgres("no PostgreSQL server binaries; on Debian: apt-get install postgresql")
    return found[-1].parent if found else Path(on_path or "").parent


def _account(home: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root: use a lesser account then."""
    if os.geteuid() != _ROOT:
        return {}
    for name in ("postgres", "nobody"):
        try:
            person = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(home, person.pw_uid, person.pw_gid)
        return {"user": person.pw_uid, "group": person.pw_gid, "extra_groups": []}
    raise NoPostgres("running as root and neither a 'postgres' nor a 'nobody' account exists")


def _run(run_as: dict[str, Any], *command: object) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        **run_as,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode:
        raise NoPostgres(f"{Path(str(command[0])).name} failed: {done.stderr.strip()[-300:]}")


def until_somebody_waits(db: Database, many: int = 1) -> None:
    """Returns once so many other connections to this database wait for a lock. AssertionError after thirty seconds."""
    give_up = time.monotonic() + 30
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    while time.monotonic() < give_up:
        with db.engine.connect() as connection:
            if connection.execute(waiting).scalar_one() >= many:
                return
    raise AssertionError("nobody waits for a lock")
