"""Who did what, when: the append-only trail, and the notes that agents leave on orders."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field

from portal.tables.columns import BigInt, Json, Table, opaque_id, row_id


class Audit(Table, table=True):
    """One act. `actor` is "agent:<public id>", "shopper", "system" or "carrier:<slug>"."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_order", "order_id"),)

    id: int | None = row_id()
    brand_id: int | None = Field(default=None, sa_type=BigInt, foreign_key="brand.id")
    order_id: int | None = Field(default=None, sa_type=BigInt, foreign_key="shop_order.id")
    return_id: int | None = Field(default=None, sa_type=BigInt, foreign_key="return_case.id")
    actor: str
    actor_name: str = ""
    act: str
    facts: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    at: datetime


class Note(Table, table=True):
    """An agent's remark on an order; never shown to the shopper."""

    __tablename__ = "note"

    id: int | None = row_id()
    public_id: str = Field(default_factory=opaque_id, unique=True)
    order_id: int = Field(sa_type=BigInt, foreign_key="shop_order.id", index=True)
    agent_id: int = Field(sa_type=BigInt, foreign_key="agent.id")
    body: str
    created_at: datetime
