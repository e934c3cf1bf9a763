"""Bringing a database to the current schema, and saying whether it is there."""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

import portal.tables  # noqa: F401  (fills the metadata)
from portal.db import Database
from portal.tables.columns import schema

# Two processes that migrate at once: the second waits for the first. Any number does, as long as it stays the same.
_PG_LOCK = 4_711_2026


def upgrade(db: Database) -> None:
    """Runs what is missing, oldest first. Harmless when nothing is."""
    with db.engine.connect() as connection:
        if db.is_postgres:
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({_PG_LOCK})")
            connection.commit()
        try:
            command.upgrade(_config(connection), "head")
            connection.commit()
        finally:
            if db.is_postgres:
                connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_PG_LOCK})")
                connection.commit()


def head() -> str:
    """The newest revision this code knows."""
    return str(ScriptDirectory.from_config(_config(None)).get_current_head())


def current(db: Database) -> str | None:
    """The database's revision; None for an empty database."""
    with db.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def differences(db: Database) -> list[Any]:
    """What the tables in code have and the migrated database has not, or the reverse. Empty is right."""
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, schema()))


def revise(db: Database, message: str) -> None:
    """Writes a new revision from the difference (for developers)."""
    with db.engine.connect() as connection:
        command.revision(_config(connection), message=message, autogenerate=True)


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config
