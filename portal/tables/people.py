"""Customers, agents, and the tokens and sessions that let each of them in. Tokens are stored as SHA-256 only."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from portal.tables.columns import BigInt, Table, opaque_id, row_id


class Customer(Table, table=True):
    """Somebody who ordered. `email` is normalised (trimmed, lower case, IDNA)."""

    __tablename__ = "customer"
    __table_args__ = (UniqueConstraint("brand_id", "email"),)

    id: int | None = row_id()
    brand_id: int = Field(sa_type=BigInt, foreign_key="brand.id")
    email: str
    name: str = ""
    phone: str = ""
    locale: str = ""
    created_at: datetime


class AccessLink(Table, table=True):
    """A mailed link that opens one order without sign-in. Ends at `expires_at`; may be revoked.

    With `agent_id` it was not mailed: that agent looks at what the shopper sees.
    """

    __tablename__ = "access_link"
    __table_args__ = (Index("ix_access_link_order", "order_id"),)

    token_hash: str = Field(primary_key=True)
    brand_id: int = Field(sa_type=BigInt, foreign_key="brand.id")
    order_id: int = Field(sa_type=BigInt, foreign_key="shop_order.id")
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    agent_id: int | None = Field(default=None, sa_type=BigInt, foreign_key="agent.id")


class ShopperSession(Table, table=True):
    """What a lookup or a mailed link opened: one order, at one trust level (`status`, `agent`, `email` or `link`)."""

    __tablename__ = "shopper_session"
    __table_args__ = (Index("ix_shopper_session_expires", "expires_at"),)

    token_hash: str = Field(primary_key=True)
    brand_id: int = Field(sa_type=BigInt, foreign_key="brand.id")
    order_id: int = Field(sa_type=BigInt, foreign_key="shop_order.id")
    trust: str
    created_at: datetime
    expires_at: datetime


class Agent(Table, table=True):
    """A member of the shop's staff. `brands` empty means every brand of the installation."""

    __tablename__ = "agent"

    id: int | None = row_id()
    public_id: str = Field(default_factory=opaque_id, unique=True)
    email: str = Field(unique=True)
    name: str
    password_hash: str
    role: str = "agent"
    brand_id: int | None = Field(default=None, sa_type=BigInt, foreign_key="brand.id", description="None: every brand")
    disabled_at: datetime | None = None
    created_at: datetime


class AgentSession(Table, table=True):
    """A signed-in agent. Idle and absolute limits are in portal.web.access."""

    __tablename__ = "agent_session"

    token_hash: str = Field(primary_key=True)
    agent_id: int = Field(sa_type=BigInt, foreign_key="agent.id", index=True)
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str = ""
