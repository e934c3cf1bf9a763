"""Claiming due rows in batches of 50 with two workers on PostgreSQL, against the bare SQL; none is claimed twice."""

from __future__ import annotations

import json
import multiprocessing
import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from benchmarks import databases
from portal.claim import BATCH, claim
from portal.db import Database
from portal.tables import Inbox

ROWS = 40_000
WORKERS = 2
ROUNDS = 3

_BARE = """
UPDATE inbox SET next_at = %(until)s, tries = tries + 1
WHERE id IN (SELECT id FROM inbox WHERE next_at <= %(now)s ORDER BY next_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING id, *
"""


def _product(url: str, now: datetime) -> tuple[list[int], float, float]:
    db = Database(url)
    with db.transaction() as tx:
        claim(tx, Inbox, now - timedelta(days=9))  # nothing is due then: opens the connection, compiles the statement
    claimed: list[int] = []
    start = time.perf_counter()
    while True:
        with db.transaction() as tx:
            rows = claim(tx, Inbox, now, limit=BATCH)
        if not rows:
            break
        claimed += [row.id for row in rows]
    end = time.perf_counter()
    db.close()
    return claimed, start, end


def _bare(url: str, now: datetime) -> tuple[list[int], float, float]:
    claimed: list[int] = []
    with psycopg.connect(url) as connection:
        start = time.perf_counter()
        while True:
            with connection.transaction():
                values = {"now": now, "until": now + timedelta(seconds=60), "limit": BATCH}
                rows = connection.execute(_BARE, values).fetchall()
            if not rows:
                break
            claimed += [row[0] for row in rows]
        end = time.perf_counter()
    return claimed, start, end


def _seed(url: str, now: datetime) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("TRUNCATE inbox")
        connection.execute(
            "INSERT INTO connection (id, public_id, carrier, name, config, secrets, hook_token, state, state_text,"
            " failures, rejected_hooks, created_at) VALUES (1, 'b', 'northpost', 'b', '{}', '', 'b', 'ok', '', 0, 0,"
            " now()) ON CONFLICT DO NOTHING"
        )
        connection.execute(
            "INSERT INTO inbox (connection_id, carrier, via, hook_key, http_status, headers, body, asked, received_at,"
            " next_at, tries, error) SELECT 1, 'northpost', 'hook', 'k' || n, 200, '{}', decode(repeat('7b7d', 200),"
            " 'hex'), '[]', %s, %s, 0, '' FROM generate_series(1, %s) n",
            (now, now - timedelta(seconds=1), ROWS),
        )
        connection.execute("VACUUM ANALYZE inbox")


def measure(url: str) -> dict[str, Any]:
    """Rows per second of both, their ratio, and how many rows were claimed more than once."""
    seen: dict[str, list[float]] = {"bare": [], "product": []}
    twice = 0
    with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
        for _ in range(ROUNDS):
            for name, run in (("bare", _bare), ("product", _product)):
                now = datetime.now(UTC)
                _seed(url, now)
                results = pool.starmap(run, [(url, now)] * WORKERS, chunksize=1)
                ids = [row for claimed, _, _ in results for row in claimed]
                twice += len(ids) - len(set(ids))
                if len(ids) != ROWS:
                    raise RuntimeError(f"{len(ids)} of {ROWS} rows claimed")
                took = max(end for _, _, end in results) - min(start for _, start, _ in results)
                seen[name].append(ROWS / took)
    rates = {name: statistics.median(values) for name, values in seen.items()}
    return {**rates, "of_bare": rates["product"] / rates["bare"], "claimed_twice": twice}


def main() -> dict[str, Any]:
    """On PostgreSQL only: SQLite has one writer, and more workers do not help."""
    with databases.postgres() as url:
        return {"PostgreSQL": measure(url)} if url else {}


if __name__ == "__main__":
    print(json.dumps(main(), indent=2))
