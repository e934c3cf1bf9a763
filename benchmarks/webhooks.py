"""Webhooks: 32 connections, verified and durable, against the harmonic limit of its two halves and against the ORM.

`null` is the same server without a database, `floor` the bare group commit without a server. Work that has to do both
one after the other cannot be faster than 1 / (1/null + 1/floor).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import statistics
import tempfile
import time
import unicodedata
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import databases, load, machine
from benchmarks.serving import SECRET_KEY, server
from portal.connections import create_connection
from portal.db import Database
from portal.keys import Keys
from portal.settings import load as load_settings
from portal.tracking.inbox import HookRow, _PostgresStore, _SqliteStore

CONNECTIONS = 32
SECONDS = 3.0
ROUNDS = 3
SECRET = "benchmark secret"
TOKEN = "benchmark-token"


def measure(database_url: str, *, preload: Path | None = None, rounds: int = ROUNDS) -> dict[str, Any]:
    """Medians of requests per second, and the two ratios."""
    connection_id = _connect(database_url)
    seen: dict[str, list[float]] = {"null": [], "floor": [], "product": [], "orm": []}
    with ExitStack() as stack:
        ports = {
            name: stack.enter_context(server(name, database_url, preload=preload))
            for name in ("null", "product", "orm")
        }
        for _ in range(rounds):
            for name in seen:
                if name == "floor":
                    seen[name].append(_floor(database_url, connection_id, preload))
                    continue
                outcome = load.run(ports[name], _requests(), connections=CONNECTIONS, seconds=SECONDS)
                if outcome.failed:
                    raise RuntimeError(f"{name}: {outcome.failed} of {outcome.answered} were not 2xx")
                seen[name].append(outcome.per_second)
    rates = {name: statistics.median(values) for name, values in seen.items()}
    limit = 1 / (1 / rates["null"] + 1 / rates["floor"])
    return {**rates, "limit": limit, "of_limit": rates["product"] / limit, "times_orm": rates["product"] / rates["orm"]}


def _connect(database_url: str) -> int:
    db = Database(database_url)
    keys = Keys(load_settings(database_url=database_url, secret_key=SECRET_KEY).key_bytes)
    with db.transaction() as tx:
        row = create_connection(
            tx,
            keys,
            carrier="easypost",
            name="Benchmark",
            brand_id=None,
            fields={"api_key": "EZTKbench", "webhook_secret": SECRET, "hook_rate": "1000000"},
            now=datetime.now(UTC),
            hook_token=TOKEN,
        )
        connection_id = row.id or 0
    db.close()
    return connection_id


def _requests(count: int = 40_000) -> list[bytes]:
    """Signed EasyPost events of 3.4 kB, each with its own delivery id."""
    event = json.loads((Path(__file__).parent / "event.json").read_bytes())
    event["id"] = "@@id@@"
    raw = json.dumps(event)
    key = unicodedata.normalize("NFKD", SECRET).encode()
    made = []
    for _ in range(count):
        body = raw.replace("@@id@@", f"evt_{uuid.uuid4().hex}").encode()
        signature = "hmac-sha256-hex=" + hmac.new(key, body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Hmac-Signature": signature}
        made.append(load.http_post(f"/hooks/easypost/{TOKEN}", "localhost", headers, body))
    return made


def _floor(database_url: str, connection_id: int, preload: Path | None) -> float:
    """Rows per second of the bare group commit, in groups as large as 32 connections can fill."""
    import subprocess
    import sys

    command = [sys.executable, "-m", "benchmarks.webhooks", database_url, str(connection_id)]
    import os

    env = {**os.environ, **({"LD_PRELOAD": str(preload)} if preload else {})}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    return float(done.stdout)


def floor_loop(database_url: str, connection_id: int) -> float:
    """The loop that `_floor` runs in a process of its own."""
    db = Database(database_url)
    store = (_PostgresStore if db.is_postgres else _SqliteStore)(db)
    body = (Path(__file__).parent / "event.json").read_bytes()
    rows = _groups(connection_id, body)
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        store.insert(next(rows))
        count += CONNECTIONS
    took = time.perf_counter() - start
    store.close()
    db.close()
    return count / took


def _groups(connection_id: int, body: bytes) -> Iterator[list[HookRow]]:
    now = datetime.now(UTC)
    while True:
        yield [HookRow(connection_id, "easypost", f"evt_{uuid.uuid4().hex}", body, {}, now) for _ in range(CONNECTIONS)]


def main() -> dict[str, Any]:
    """Both databases, as they are and with 1 ms more per fsync."""
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        slow = machine.slow_fsync_library(Path(folder), 1000)
        for label, preload in (("", None), (" +1 ms fsync", slow)):
            if label and preload is None:
                print("no C compiler: the runs with slower fsync are left out")
                continue
            with databases.sqlite(Path(folder), f"hooks{len(label)}") as url:
                results[f"SQLite{label}"] = measure(url, preload=preload)
            with databases.postgres(preload) as found:
                if found:
                    results[f"PostgreSQL{label}"] = measure(found, preload=preload)
    return results


if __name__ == "__main__":
    import sys

    if len(sys.argv) > 1:
        print(floor_loop(sys.argv[1], int(sys.argv[2])))
    else:
        print(json.dumps(main(), indent=2))
