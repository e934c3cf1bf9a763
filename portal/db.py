"""The database: one engine, transactions that commit by returning and roll back by raising, and insert-once.

SQLite and PostgreSQL from one code base. SQLite runs in WAL with `synchronous=FULL`; a writer takes the write lock at
once (BEGIN IMMEDIATE), so that reading and then writing can never deadlock or act on stale rows.
"""

import select
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TypeVar

import orjson
from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy import inspect as sa_inspect
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import Session, SQLModel

# The WAL-reset fault of SQLite 3.7.0 to 3.51.2 can corrupt a database; 3.44.6 and 3.50.7 carry the fix as well.
FIXED_SQLITE = (3, 51, 3)
BACKPORTED_SQLITE = ((3, 44, 6), (3, 50, 7))
BUSY_SECONDS = 5
# Nobody waits for a command as for a page: it lets others write first rather than give up.
PATIENT_SECONDS = 60
# How long a unit of work that had to give way lets others go first, time after time, before it is begun anew: those who
# waited for its rows must wake up, or it takes them again and the ring is closed once more.
GIVING_WAY_SECONDS = (0.1, 0.3, 0.9)
# What a connection outside the pool may keep of an SQLite file: fewer reads, and four threads stay small.
OWN_CACHE_KB = 16_000
ANALYSED_ROWS = 1_000  # of an index; SQLite's manual names 100 to 1,000
# Such a connection may serve the event loop: somebody's exclusive lock must not hold everybody up for long.
OWN_BUSY_MS = 250


T = TypeVar("T")


class Database:
    """An engine with its two ways in. Build one per process; close it at the end."""

    def __init__(self, url: str, *, pool_size: int = 8, busy_seconds: int = BUSY_SECONDS) -> None:
        self._connect_args = _connect_args(url)
        self.engine = _engine(url, pool_size, self._connect_args, busy_seconds)
        self._own: list[Any] = []
        self.is_postgres = self.engine.dialect.name == "postgresql"
        self._write = self.engine.execution_options(doorstep_write=True)
        # One page reads one or two rows: on PostgreSQL a BEGIN and a COMMIT around them would double the round trips.
        self._read = self.engine.execution_options(isolation_level="AUTOCOMMIT") if self.is_postgres else self.engine

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A unit of work: returning commits, raising rolls back. Never call `commit` inside."""
        with Session(self._write, expire_on_commit=False, autoflush=True) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """For looking only: never takes SQLite's write lock; what is changed inside is not kept."""
        with Session(self._read, expire_on_commit=False, autoflush=False) as session:
            yield session

    def own_connection(self) -> Any:
        """A driver connection outside the pool, in autocommit, for whoever keeps one to itself. Closed by `close`."""
        pooled = self.engine.raw_connection()
        connection: Any = pooled.driver_connection
        pooled.detach()
        if self.is_postgres:
            connection.autocommit = True
        else:
            connection.execute(f"PRAGMA cache_size=-{OWN_CACHE_KB}")
            connection.execute(f"PRAGMA busy_timeout={OWN_BUSY_MS}")
        self._own.append(connection)
        return connection

    def refresh_statistics(self) -> None:
        """Tells SQLite's planner how large tables have become where they have grown much. PostgreSQL does it itself.

        By sampling: a full ANALYZE keeps values, too, and with those SQLite plans a statement anew whenever it runs
        with other parameters, which takes four times as long as the reads (docs/performance.md). Such values go.
        """
        if self.is_postgres:
            return
        pooled = self.engine.raw_connection()
        try:
            connection: Any = pooled.driver_connection
            has_values = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat4'").fetchone()
            if has_values and connection.execute("SELECT 1 FROM sqlite_stat4 LIMIT 1").fetchone():
                connection.execute("ANALYZE")
            connection.execute("PRAGMA optimize=0x10002")
        finally:
            pooled.close()

    @property
    def connect_args(self) -> dict[str, Any]:
        """What the driver's own `connect` takes, for connections that the engine cannot make. Holds the password."""
        _, named = self.engine.dialect.create_connect_args(self.engine.url)
        return {**named, **self._connect_args}

    def close(self) -> None:
        """Closes every connection, pooled or given away. Nobody may be using one any more."""
        for connection in self._own:
            connection.close()
        self._own.clear()
        self.engine.dispose()


def repeated(work: Callable[[], T]) -> T:
    """The result of `work`, which is a unit of work from its beginning to its commit, and is begun anew where the
    database has sacrificed it to others: nothing of it was kept. What it tells anybody it may tell twice."""
    for seconds in GIVING_WAY_SECONDS:
        try:
            return work()
        except DBAPIError as error:
            if not gave_way(error):
                raise
        time.sleep(seconds)
    return work()


def insert_into(tx: Session, table: type[SQLModel]) -> Any:
    """This database's own INSERT, which knows `on_conflict_do_update`."""
    return insert_on(tx.get_bind().dialect.name, table)


def insert_on(dialect: str, table: type[SQLModel]) -> Any:
    """As `insert_into`, by the dialect's name. What belongs to the other dialects is never loaded."""
    return import_module(f"sqlalchemy.dialects.{dialect}").insert(table)


def insert_once(tx: Session, table: type[SQLModel], values: Mapping[str, Any] | list[dict[str, Any]]) -> int:
    """Inserts unless a unique key is already there. Returns how many rows are new."""
    rows = [dict(values)] if isinstance(values, Mapping) else values
    columns = list(sa_inspect(table).primary_key)
    # RETURNING counts what was really written; a row count is not kept for inserts on PostgreSQL.
    statements = (insert_into(tx, table).values(**row).on_conflict_do_nothing().returning(*columns) for row in rows)
    return sum(len(tx.connection().execute(statement).all()) for statement in statements)


def is_outage(error: BaseException) -> bool:
    """Whether this is the database's trouble (lost, full, locked, damaged, no connection free), not the request's."""
    if isinstance(error, PoolTimeout):
        return True
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or (error.orig is not None and is_outage(error.orig))
    # The driver's own, from a connection that somebody keeps to itself; psycopg has a subclass per condition. SQLite
    # says of a damaged file no more than the common ancestor of all errors.
    kinds = type(error).__mro__
    return kinds[0].__name__ == "DatabaseError" or any(
        k.__name__ in {"OperationalError", "InterfaceError"} for k in kinds
    )


def gave_way(error: BaseException) -> bool:
    """Whether the database has broken off this work alone so that others could go on: in a ring of locks (deadlock),
    or where both could not be as if one came after the other (serialization)."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in {"40P01", "40001"}


def _connect_args(url: str) -> dict[str, Any]:
    if make_url(url).get_backend_name() == "sqlite":
        return {"timeout": BUSY_SECONDS, "check_same_thread": False}
    options = "-c idle_in_transaction_session_timeout=30000 -c lock_timeout=5000 -c timezone=UTC"
    return {"options": options, "connect_timeout": BUSY_SECONDS}


def is_lost(error: BaseException) -> bool:
    """Whether an outage is the database's absence, and not its word against this very statement.

    That word (too long, deadlocked, out of bounds) would be the same if the statement came again at once.
    """
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or (error.orig is not None and is_lost(error.orig))
    # SQLSTATE classes: connection, resources, shutdown. SQLite, and a connection that never came about, have none.
    return is_outage(error) and str(getattr(error, "sqlstate", None) or "08").startswith(("08", "53", "57P"))


def _engine(url: str, pool_size: int, connect_args: dict[str, Any], busy_seconds: int) -> Engine:
    parsed = make_url(url)
    options: dict[str, Any] = {
        "pool_size": pool_size,
        "max_overflow": 0,
        "connect_args": connect_args,
        "hide_parameters": True,  # an error's text must not carry somebody's address into a log
        "pool_timeout": BUSY_SECONDS,
        "json_serializer": lambda value: orjson.dumps(value).decode(),
        "json_deserializer": orjson.loads,
    }
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(url, options, busy_seconds)
    parsed = parsed.set(drivername="postgresql+psycopg")
    engine = create_engine(parsed, **options)

    @event.listens_for(engine, "checkout")
    def _checkout(connection: Any, _record: Any, _proxy: Any) -> None:
        if _has_gone(engine, connection):
            raise InvalidatePoolError("the server has closed this connection")  # and the pool opens another

    return engine


def _has_gone(engine: Engine, connection: Any) -> bool:
    """Whether a pooled connection ended while nobody used it: a restarted server has said so, and its last words
    wait to be read. Looking for them costs no round trip; only where there are some is the server asked."""
    ear = select.poll()
    try:
        ear.register(connection.fileno(), select.POLLIN)
        return bool(ear.poll(0)) and not engine.dialect.do_ping(connection)
    except Exception as error:
        if is_outage(error):
            return True
        raise


def _sqlite_engine(url: str, options: dict[str, Any], busy_seconds: int) -> Engine:
    module = sqlite_module()
    engine = create_engine(url, module=module, **options)
    wal = wal_is_safe(module.sqlite_version_info)

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in (
            f"journal_mode={'WAL' if wal else 'TRUNCATE'}",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={busy_seconds * 1000}",
            "trusted_schema=OFF",
            "mmap_size=0",
            f"analysis_limit={ANALYSED_ROWS}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        write = connection.get_execution_options().get("doorstep_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def sqlite_module() -> Any:
    """The SQLite to use: the wheel with a current library where there is one, else Python's own."""
    try:
        import pysqlite3
    except ImportError:
        import sqlite3

        return sqlite3
    return pysqlite3


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """Whether this SQLite is free of the WAL-reset fault; if not we fall back to a TRUNCATE journal."""
    return version >= FIXED_SQLITE or any(version[:2] == b[:2] and version >= b for b in BACKPORTED_SQLITE)
