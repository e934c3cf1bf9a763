"""Alembic's entry: runs migrations on the connection that portal.migrate hands over."""

from typing import Literal

from alembic import context
from sqlalchemy import Connection

import portal.tables  # noqa: F401  (fills the metadata)
from portal.tables.columns import Json, schema


def _render_item(kind: str, item: object, _: object) -> str | Literal[False]:
    """A migration stands for itself: it names the types that a column of ours has, not our class for it."""
    is_json = kind == "type" and isinstance(item, Json)
    return "sa.JSON().with_variant(postgresql.JSONB(astext_type=Text()), 'postgresql')" if is_json else False


def run() -> None:
    """Online only; `render_as_batch` because SQLite alters a table by copying it."""
    connection: Connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=schema(),
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        render_item=_render_item,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
