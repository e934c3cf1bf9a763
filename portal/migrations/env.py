"""Alembic's entry: runs migrations on the connection that portal.migrate hands over."""

from alembic import context
from sqlalchemy import Connection
from sqlmodel import SQLModel

import portal.tables  # noqa: F401  (fills the metadata)


def run() -> None:
    """Online only; `render_as_batch` because SQLite alters a table by copying it."""
    connection: Connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
