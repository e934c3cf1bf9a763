"""Brands of one installation, with what each says and allows: look, sender, policy versions, how-to content."""

from datetime import datetime
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from portal.tables.columns import BigInt, Json, Table, row_id


class Brand(Table, table=True):
    """One shop front. Every shopper's row belongs to exactly one; nothing crosses."""

    __tablename__ = "brand"

    id: int | None = row_id()
    slug: str = Field(unique=True)
    name: str
    origin: str = Field(description="canonical scheme, host and port for links: https://track.example")
    host: str = Field(unique=True, description="host name without port, lower case; what a request must say")
    theme: dict[str, Any] = Field(sa_type=Json, description="the eight tokens of docs/brands.md")
    voice: dict[str, Any] = Field(default_factory=dict, sa_type=Json, description="hello line and other brand words")
    links: dict[str, Any] = Field(default_factory=dict, sa_type=Json, description="shop, policy, privacy URLs")
    support: dict[str, Any] = Field(default_factory=dict, sa_type=Json, description="email, phone, hours, reply_time")
    sender_name: str
    sender_email: str
    reply_to: str = ""
    zone: str = "UTC"
    locale: str = "en"
    sheet: str = Field(default="a4", description="paper of the return sheet: a4 or letter")
    return_address: dict[str, Any] = Field(sa_type=Json, description="fields of carriers.address.Address")
    label_connection_id: int | None = Field(
        default=None, sa_type=BigInt, description="connection that sells return labels"
    )
    created_at: datetime


class PolicyVersion(Table, table=True):
    """A returns policy as data. Never changed, only followed by the next version; each return keeps the one it met."""

    __tablename__ = "policy_version"
    __table_args__ = (UniqueConstraint("brand_id", "version"),)

    id: int | None = row_id()
    brand_id: int = Field(sa_type=BigInt, foreign_key="brand.id")
    version: int
    body: dict[str, Any] = Field(sa_type=Json, description="see returns.policy.Policy.from_json")
    note: str = ""
    created_at: datetime


class HowTo(Table, table=True):
    """How to use what was bought: one article for a SKU or a tag, in one language."""

    __tablename__ = "how_to"
    __table_args__ = (UniqueConstraint("brand_id", "slug", "locale"),)

    id: int | None = row_id()
    brand_id: int = Field(sa_type=BigInt, foreign_key="brand.id")
    slug: str
    locale: str = "en"
    title: str
    summary: str = ""
    minutes: int = 0
    markdown: str = ""
    skus: list[str] = Field(default_factory=list, sa_type=Json)
    tags: list[str] = Field(default_factory=list, sa_type=Json)
    position: int = 0
    version: int = 1
    updated_at: datetime
