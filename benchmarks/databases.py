"""Databases to measure on: a migrated SQLite file, and a private PostgreSQL cluster with fsync on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from portal.db import Database
from portal.migrate import upgrade
from tests.postgres import NoPostgres, private_cluster


@contextmanager
def sqlite(folder: Path, name: str = "bench") -> Iterator[str]:
    """A fresh SQLite database."""
    url = f"sqlite:///{folder / name}.db"
    db = Database(url)
    upgrade(db)
    db.close()
    yield url


@contextmanager
def postgres(preload: Path | None = None) -> Iterator[str | None]:
    """A fresh PostgreSQL database with fsync and synchronous_commit on, or None with the reason printed."""
    try:
        with private_cluster(durable=True, preload=preload) as template:
            with psycopg.connect(template.format("postgres"), autocommit=True) as admin:
                admin.execute("CREATE DATABASE bench")
            db = Database(template.format("bench"))
            upgrade(db)
            db.close()
            yield template.format("bench")
    except NoPostgres as reason:
        print(f"no PostgreSQL: {reason}")
        yield None
