"""Parcels and what is known of them: connections, what they spend and subscribe to, shipments, scans, unknown codes."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index, LargeBinary, UniqueConstraint
from sqlmodel import Field

from portal.tables.columns import BigInt, Json, Table, Work, due_index, opaque_id, partial_index, row_id


class Connection(Table, table=True):
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
    secrets_set: dict[str, str] = Field(default_factory=dict, sa_type=Json, description="field -> day it was set on")
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
    removed_at: datetime | None = Field(default=None, description="kept for what refers to it, without its secrets")


class ConnectionUse(Table, table=True):
    """Calls made in one period and what for: what the operator is shown. See portal.tracking.budget."""

    __tablename__ = "connection_use"

    connection_id: int = Field(sa_type=BigInt, foreign_key="connection.id", primary_key=True)
    period_seconds: int = Field(primary_key=True)
    period: int = Field(primary_key=True, sa_type=BigInt, description="floor(unix time / period_seconds)")
    calls: int = Field(default=0, description="all of them; the columns below are parts of it")
    polls: int = 0
    tokens: int = 0
    subscriptions: int = 0
    labels: int = 0


class ConnectionPace(Table, table=True):
    """How far ahead of its pace a connection is in one budget: what keeps `About.budgets` in all processes."""

    __tablename__ = "connection_pace"

    connection_id: int = Field(sa_type=BigInt, foreign_key="connection.id", primary_key=True)
    period_seconds: int = Field(primary_key=True)
    spent_until: float = Field(default=0.0, description="unix seconds until which the calls made so far pay")


class Subscription(Work, table=True):
    """What a carrier was asked to push: one number, or a whole account where `number` is empty.

    `state` is wanted, waiting (for the carrier's handshake), active, refused or ending; what has ended is removed.
    `next_at` is when it is asked for, renewed or ended next.
    """

    __tablename__ = "subscription"
    __table_args__ = (
        UniqueConstraint("connection_id", "number"),
        Index("ix_subscription_ref", "connection_id", "ref"),
        due_index("ix_subscription_due"),
    )

    id: int | None = row_id()
    connection_id: int = Field(sa_type=BigInt, foreign_key="connection.id")
    number: str = Field(default="", description="as the carrier is asked for it; empty for the whole account")
    state: str = "wanted"
    ref: str = Field(default="", description="what ends it, in the carrier's words; several numbers may share one")
    terms: str = Field(default="", description="hash of the address and the secret that it was made with")
    subscribed_at: datetime | None = None
    expires_at: datetime | None = None
    created_at: datetime


class Handshake(Work, table=True):
    """A carrier's wish to be called back before it pushes, kept before it was answered."""

    __tablename__ = "handshake"
    __table_args__ = (UniqueConstraint("connection_id", "ref", "challenge_hash"), due_index("ix_handshake_due"))

    id: int | None = row_id()
    connection_id: int = Field(sa_type=BigInt, foreign_key="connection.id")
    ref: str
    challenge: bytes = Field(sa_type=LargeBinary, description="sealed")
    challenge_hash: str
    received_at: datetime


class CarrierToken(Table, table=True):
    """One OAuth token for all processes. `leased_until` makes fetching single flight."""

    __tablename__ = "carrier_token"

    key: str = Field(primary_key=True, description="hash of carrier, host and client id")
    token: bytes = Field(default=b"", sa_type=LargeBinary)
    expires_at: datetime | None = None
    leased_until: datetime | None = None


class Shipment(Table, table=True):
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
    delay_at: datetime | None = Field(default=None, description="when the clock alone may change what is derived")
    story: dict[str, Any] = Field(default_factory=dict, sa_type=Json, description="see portal.tracking.story")
    heard_at: datetime | None = Field(default=None, description="last successful word from the carrier, scans or not")
    pushed_at: datetime | None = Field(default=None, description="last signed push about it; None: polls alone tell")

    near_from: datetime | None = Field(default=None, description="from when it is due today or tomorrow")
    prompted_at: datetime | None = Field(
        default=None, description="somebody wants it asked about now: an unsigned push, an agent; None once answered"
    )
    next_at: datetime | None = None
    tries: int = 0
    error: str = Field(default="", description="last poll's failure, empty when healthy")
    created_at: datetime
    updated_at: datetime


class ShipmentItem(Table, table=True):
    """How many units of an order line travel in this parcel."""

    __tablename__ = "shipment_item"

    shipment_id: int = Field(sa_type=BigInt, foreign_key="shipment.id", primary_key=True)
    order_line_id: int = Field(sa_type=BigInt, foreign_key="order_line.id", primary_key=True, index=True)
    quantity: int


class Scan(Table, table=True):
    """One carrier event, kept as the carrier said it. See carriers.contract.Scan for the columns' meaning."""

    __tablename__ = "scan"
    __table_args__ = (
        UniqueConstraint("shipment_id", "key"),
        # What a mapping of its code may change: a few rows of millions.
        partial_index("ix_scan_unlisted", "carrier", "code", sqlite="unlisted = 1", postgresql="unlisted"),
    )

    id: int | None = row_id()
    shipment_id: int = Field(sa_type=BigInt, foreign_key="shipment.id")
    key: str
    carrier: str = Field(default="", description="slug of the adapter that read it, which may be an aggregator's")
    at: datetime | None = None
    local: str
    offset: str | None = None
    zone_from: str
    date_only: bool = False
    code: str
    text: str
    status: str | None = None
    sub_status: str | None = None
    unlisted: bool = Field(
        default=False, description="the code is in no table of the adapter: a status, if any, is from a mapping"
    )
    city: str = ""
    region: str = ""
    postcode: str = ""
    country: str = ""
    received_at: datetime
    inbox_id: int | None = Field(default=None, sa_type=BigInt)


class UnmappedCode(Table, table=True):
    """A carrier's code that is in no table of ours: shown in the carrier's words, counted here, never guessed."""

    __tablename__ = "unmapped_code"

    carrier: str = Field(primary_key=True)
    code: str = Field(primary_key=True)
    text: str = ""
    count: int = 0
    sample_number: str = ""
    first_seen_at: datetime
    last_seen_at: datetime


class CodeMapping(Work, table=True):
    """What people decided that a code of a carrier means. A row is one version and stays; the newest of a code counts.

    As work: the scans that are there already are read by it, parcel after parcel.
    """

    __tablename__ = "code_mapping"
    __table_args__ = (UniqueConstraint("carrier", "code", "version"), due_index("ix_code_mapping_due"))

    id: int | None = row_id()
    public_id: str = Field(default_factory=opaque_id, unique=True)
    carrier: str = Field(description="slug of an adapter")
    code: str
    version: int = Field(description="1, 2, ... for each code")
    word: str = Field(description="status or sub-status; empty: no meaning again")
    actor: str
    actor_name: str = ""
    parcels: int = Field(default=0, description="parcels with a scan to read again, when it was decided")
    applied: int = Field(default=0, description="parcels read again so far")
    at_shipment: int = Field(default=0, sa_type=BigInt, description="id of the last parcel read again")
    created_at: datetime


class ConnectionTrial(Work, table=True):
    """One test of a connection: asked for by somebody, carried out by the worker, shown until the next one."""

    __tablename__ = "connection_trial"
    __table_args__ = (due_index("ix_connection_trial_due"),)

    id: int | None = row_id()
    connection_id: int = Field(sa_type=BigInt, foreign_key="connection.id", index=True)
    number: str = Field(default="", description="a tracking number to ask about; empty: one of the shop's own")
    findings: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json, description="see portal.tracking.trial")
    created_at: datetime
