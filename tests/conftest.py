"""What every test may use: a migrated database of either kind, a clock that we move, a small world of two brands."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from portal.app import App, build
from portal.db import Database
from portal.migrate import upgrade
from portal.settings import Settings, load
from tests.client import Client, Served, serve
from tests.postgres import NoPostgres, private_cluster
from tests.world import World, make_world

SECRET_KEY = "VGVzdHMgb25seTogdGhpcnR5LXR3byBieXRlcyBvciBtb3JlIQ=="
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

hypothesis_settings.register_profile(
    "doorstep", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
hypothesis_settings.load_profile("doorstep")


class Clock:
    """The time, as the test says."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, by: timedelta) -> datetime:
        """Moves it on and returns the new time."""
        self.now += by
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Tuesday 24 November 2026, noon UTC, until moved."""
    return Clock()


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """A private PostgreSQL cluster with a migrated template database; skipped with the reason where none can be had."""
    try:
        context = private_cluster()
        url = context.__enter__()
    except NoPostgres as reason:
        if os.environ.get("CI") and os.environ.get("DOORSTEP_NEED_POSTGRES"):
            raise
        pytest.skip(f"no PostgreSQL: {reason}")
    try:
        with psycopg.connect(url.format("postgres"), autocommit=True) as admin:
            admin.execute("CREATE DATABASE migrated")
        db = Database(url.format("migrated"))
        upgrade(db)
        db.close()
        yield url
    finally:
        context.__exit__(None, None, None)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy from."""
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    db = Database(f"sqlite:///{path}")
    upgrade(db)
    with db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    return path


_numbers = itertools.count(1)


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """A fresh SQLite database of this test."""
    copy = tmp_path / "doorstep.db"
    shutil.copy(migrated_sqlite, copy)
    return f"sqlite:///{copy}"


@pytest.fixture
def postgres_url(cluster: str) -> Iterator[str]:
    """A fresh PostgreSQL database of this test."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(cluster.format("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE migrated")
    yield cluster.format(name)
    with psycopg.connect(cluster.format("postgres"), autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh migrated database, once of each kind."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The same, opened."""
    db = Database(database_url)
    yield db
    db.close()


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Settings of a trial on one machine: plain HTTP, carriers on loopback allowed."""
    return load(database_url=database_url, secret_key=SECRET_KEY, https=False, test_carriers=True, smtp_tls="none")


@pytest.fixture
def app(settings: Settings, clock: Clock) -> Iterator[App]:
    """The bundle that pages and jobs are handed, with the test's clock."""
    bundle = build(settings, now=clock)
    yield bundle
    bundle.db.close()


@pytest.fixture
def world(app: App) -> World:
    """Shopper Ada and agent Kim of brand Juniper; shopper Bo of brand Basalt, who must never see Ada's things."""
    return make_world(app)


@pytest.fixture
def client(settings: Settings, clock: Clock) -> Iterator[Client]:
    """A browser without JavaScript, in process: keeps cookies, does not follow redirects by itself."""
    with Client(settings, clock) as browser:
        yield browser


@pytest.fixture
def served(settings: Settings) -> Iterator[Served]:
    """The application behind a real uvicorn on a free port of 127.0.0.1."""
    with serve(settings) as running:
        yield running


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of recorded payloads; skipped with the reason where it is absent (a user's machine has none)."""
    folder = Path(os.environ.get("DOORSTEP_CORPUS", Path(__file__).parents[2] / "shared" / "data")).resolve()
    if not (folder / "corpus").is_dir():
        pytest.skip("no corpus of recorded payloads here; set DOORSTEP_CORPUS to its folder")
    return folder
