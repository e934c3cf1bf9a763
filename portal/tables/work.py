"""Rows that are work or count it: the inbox of raw bytes, the outbox of messages, wishes, rate counters, heartbeats."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, LargeBinary, UniqueConstraint
from sqlmodel import Field

from portal.tables.columns import BigInt, Json, Table, Work, due_index, row_id


class Inbox(Work, table=True):
    """Bytes from a carrier, kept before they are understood. `via` is hook, poll, file or agent (an event by hand)."""

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("connection_id", "hook_key"),
        due_index("ix_inbox_due"),
        Index("ix_inbox_received", "received_at"),
    )

    id: int | None = row_id()
    connection_id: int = Field(sa_type=BigInt, foreign_key="connection.id")
    carrier: str
    via: str
    hook_key: str = Field(
        description="the carrier's delivery id or a hash; for polls a hash of the body and its numbers"
    )
    http_status: int = 200
    headers: dict[str, str] = Field(default_factory=dict, sa_type=Json)
    body: bytes = Field(sa_type=LargeBinary)
    asked: list[str] = Field(default_factory=list, sa_type=Json, description="numbers that a poll asked for")
    received_at: datetime
    discarded: str | None = Field(default=None, description="why an agent laid it aside; it stays dead")


class Outbox(Work, table=True):
    """One message about one fact to one person by one channel. `key` says the fact once."""

    __tablename__ = "outbox"
    __table_args__ = (due_index("ix_outbox_due"), Index("ix_outbox_order", "order_id"))

    id: int | None = row_id()
    key: str = Field(unique=True)
    brand_id: int = Field(sa_type=BigInt, foreign_key="brand.id")
    order_id: int = Field(sa_type=BigInt, foreign_key="shop_order.id")
    shipment_id: int | None = Field(default=None, sa_type=BigInt, foreign_key="shipment.id")
    return_id: int | None = Field(default=None, sa_type=BigInt, foreign_key="return_case.id")
    event: str
    channel: str = "email"
    recipient: str
    facts: dict[str, Any] = Field(default_factory=dict, sa_type=Json, description="what was true when it was decided")
    message_id: str
    suppressed: str = Field(default="", description="why it was not sent, empty when it was or will be")
    subject: str = ""
    text: str = Field(default="", description="what was sent, as sent; without access links")
    provider_id: str = ""
    created_at: datetime


class LinkRequest(Work, table=True):
    """Somebody asked for links to the orders of an address, whether we know it or not. Gone once that is seen to."""

    __tablename__ = "link_request"
    __table_args__ = (due_index("ix_link_request_due"),)

    id: int | None = row_id()
    brand_id: int = Field(sa_type=BigInt, foreign_key="brand.id")
    email: str = Field(description="normalised; quite possibly a stranger's")
    asked_at: datetime


class Hit(Table, table=True):
    """A rate counter shared by all processes: tries under one key in one period."""

    __tablename__ = "hit"

    key: str = Field(primary_key=True)
    period: int = Field(primary_key=True, sa_type=BigInt)
    count: int = 0
    expires_at: datetime = Field(index=True)


class Heartbeat(Table, table=True):
    """When each recurring job last finished, for /health."""

    __tablename__ = "heartbeat"

    job: str = Field(primary_key=True)
    worker: str = Field(primary_key=True)
    at: datetime
    took_ms: int = 0
    failures: int = 0
