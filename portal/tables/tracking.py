"""Parcels and what is known of them: connections to carriers, shipments, scans, codes nobody mapped yet."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from portal.tables.columns import BigInt, Json, due_index, opaque_id, row_id


class Connection(SQLModel, table=True):
    """An account with a carrier. Secrets are AES-GCM ciphertext; `hook_token` is the opaque end of the webhook path."""

    __tablename__ = "connection"

    id: int | None = row_id()
    public_id: str = Field(default_factory=opaque_id, unique=True)
    brand_id: int | None = Field(
        default=None, sa_type=BigInt, foreign_key="brand.id", description="None: every brand's"
    )
    carrier: str = Field(index=True)
    name: str
    config: dict[str, Any] = Field(
        default_factory=dict, sa_type=Json, description="non-secret fields, base_url, environment"
    )
    secrets: bytes = Field(default=b"", sa_type=LargeBinary)
    hook_token: str = Field(default_factory=opaque_id, unique=True)
    state: str = Field(default="ok", description="ok, bad_credentials, disabled")
    state_text: str = ""
    paused_until: datetime | None = Field(default=None, description="a 429 pauses the whole credential")
    last_push_at: datetime | None = None
    last_poll_at: datetime | None = None
    last_error_at: datetime | None = None
    failures: int = Field(default=0, description="failed polls in a row: the breaker opens at five")
    rejected_hooks: int = 0
    created_at: datetime


class ConnectionUse(SQLModel, table=True):
    """Calls spent of one budget in one period: the promise of `About.budgets`, kept across processes."""

    __tablename__ = "connection_use"

    connection_id: int = Field(sa_type=BigInt, foreign_key="connection.id", primary_key=True)
    period_seconds: int = Field(primary_key=True)
    period: int = Field(primary_key=True, sa_type=BigInt, description="floor(unix time / period_seconds)")
    calls: int = 0


class CarrierToken(SQLModel, table=True):
    """One OAuth token for all processes. `leased_until` makes fetching single flight."""

    __tablename__ = "carrier_token"

    key: str = Field(primary_key=True, description="hash of carrier, host and client id")
    token: bytes = Field(default=b"", sa_type=LargeBinary)
    expires_at: datetime | None = None
    leased_until: datetime | None = None


class Shipment(SQLModel, table=True):
    """One parcel of an order, outbound or coming back.

    Everything from `status` to `story` is derived by portal.tracking.timeline from scans and promises, and can be
    rebuilt by `doorstep replay`. `next_at` is when the next poll is due; None when polling is over.
    """

    __tablename__ = "shipment"
    __table_args__ = (
        UniqueConstraint("order_id", "carrier", "number_key"),
        Index("ix_shipment_number", "carrier", "number_key"),
        Index("ix_shipment_number_only", "number_key"),
        due_index("ix_shipment_due"),
        Index("ix_shipment_delay_at", "delay_at"),
    )

    id: int | None = row_id()
    public_id: str = Field(default_factory=opaque_id, unique=True)
    brand_id: int = Field(sa_type=BigInt, foreign_key="brand.id")
    order_id: int = Field(sa_type=BigInt, foreign_key="shop_order.id", index=True)
    return_id: int | None = Field(default=None, sa_type=BigInt, foreign_key="return_case.id", index=True)
    connection_id: int | None = Field(default=None, sa_type=BigInt, foreign_key="connection.id")
    source_id: str = ""
    carrier: str = Field(description="slug of an adapter, or the shop's own name of a carrier we cannot track")
    service: str = ""
    number: str
    number_key: str
    direction: str = Field(default="outbound", description="outbound or return")
    to_country: str = ""
    to_zone: str = Field(default="", description="IANA zone of the destination where known, else the brand's")
    shipped_on: date | None = None
    promised_from: date | None = None
    promised_to: date | None = None

    status: str = "pending"
    sub_status: str | None = "pending.registered"
    status_at: datetime | None = None
    delivered_at: datetime | None = None
    delivered_on: date | None = Field(
        default=None, description="local to the place: what the return window counts from"
    )
    picked_up_at: datetime | None = None
    last_scan_at: datetime | None = None
    estimate: dict[str, Any] | None = Field(
        default=None, sa_type=Json, description="carrier's own: from, to, source, heard_at"
    )
    window_from: date | None = None
    window_to: date | None = None
    delay: str = Field(default="none", description="none, at_risk, late, stalled")
    delay_at: datetime | None = Field(default=None, description="when the clock alone may change `delay`")
    story: dict[str, Any] = Field(default_factory=dict, sa_type=Json, description="see portal.tracking.story")
    heard_at: datetime | None = Field(default=None, description="last successful word from the carrier, scans or not")

    next_at: datetime | None = None
    tries: int = 0
    error: str = Field(default="", description="last poll's failure, empty when healthy")
    created_at: datetime
    updated_at: datetime


class ShipmentItem(SQLModel, table=True):
    """How many units of an order line travel in this parcel."""

    __tablename__ = "shipment_item"

    shipment_id: int = Field(sa_type=BigInt, foreign_key="shipment.id", primary_key=True)
    order_line_id: int = Field(sa_type=BigInt, foreign_key="order_line.id", primary_key=True, index=True)
    quantity: int


class Scan(SQLModel, table=True):
    """One carrier event, kept as the carrier said it. See carriers.contract.Scan for the columns' meaning."""

    __tablename__ = "scan"
    __table_args__ = (UniqueConstraint("shipment_id", "key"),)

    id: int | None = row_id()
    shipment_id: int = Field(sa_type=BigInt, foreign_key="shipment.id")
    key: str
    at: datetime | None = None
    local: str
    offset: str | None = None
    zone_from: str
    date_only: bool = False
    code: str
    text: str
    status: str | None = None
    sub_status: str | None = None
    city: str = ""
    region: str = ""
    postcode: str = ""
    country: str = ""
    received_at: datetime
    inbox_id: int | None = Field(default=None, sa_type=BigInt)


class UnmappedCode(SQLModel, table=True):
    """A carrier's code that is in no table of ours: shown in the carrier's words, counted here, never guessed."""

    __tablename__ = "unmapped_code"

    carrier: str = Field(primary_key=True)
    code: str = Field(primary_key=True)
    text: str = ""
    count: int = 0
    sample_number: str = ""
    first_seen_at: datetime
    last_seen_at: datetime
