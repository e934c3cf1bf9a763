"""Claiming due rows in batches of 50 with two workers on PostgreSQL, against the bare SQL; none is claimed twice."""

from __future__ import annotations

import json
import multiprocessing
import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from sqlmodel import SQLModel

from benchmarks import databases
from portal.claim import BATCH, claim
from portal.db import Database
from portal.tables import Connection, Inbox

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


def _seed(url: str, now: datetime, rows: int = ROWS) -> None:
    """The first row as the product writes it, then so many more like it."""
    db = Database(url)
    with db.transaction() as tx:
        tx.connection().exec_driver_sql("TRUNCATE inbox")
        connection = tx.merge(Connection(id=1, carrier="northpost", name="Benchmark", created_at=now))
        tx.add(
            Inbox(
                connection_id=connection.id or 0,
                carrier="northpost",
                via="hook",
                hook_key="0",
                body=b"{}" * 200,
                received_at=now,
                next_at=now - timedelta(seconds=1),
            )
        )
    db.close()
    columns = SQLModel.metadata.tables["inbox"].columns
    alike = ", ".join(column.name for column in columns if column.name not in {"id", "hook_key"})
    with psycopg.connect(url, autocommit=True) as raw:
        raw.execute(
            f"INSERT INTO inbox (hook_key, {alike}) SELECT n::text, {alike} FROM inbox, generate_series(1, %s) n",
            (rows - 1,),
        )
        raw.execute("VACUUM ANALYZE inbox")


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
