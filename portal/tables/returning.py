"""Returns: cases with their items, the label of each, and the refund ledger."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field

from portal.tables.columns import BigInt, Json, Table, Work, due_index, opaque_id, row_id


class ReturnCase(Table, table=True):
    """One return. `status` moves only by returns.machine; `rma` is the code that people read out."""

    __tablename__ = "return_case"
    __table_args__ = (
        UniqueConstraint("brand_id", "rma"),
        UniqueConstraint("order_id", "request_key"),
        Index("ix_return_status", "brand_id", "status"),
    )

    id: int | None = row_id()
    public_id: str = Field(default_factory=opaque_id, unique=True)
    brand_id: int = Field(sa_type=BigInt, foreign_key="brand.id")
    order_id: int = Field(sa_type=BigInt, foreign_key="shop_order.id", index=True)
    rma: str
    request_key: str = Field(description="one per form shown: a double submit is the same return")
    kind: str = "return"
    method: str = "label"
    status: str = "draft"
    resolution: str = Field(description="refund_original, exchange_variant, store_credit")
    policy_version_id: int | None = Field(default=None, sa_type=BigInt, foreign_key="policy_version.id")
    verdict: str = ""
    opinions: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json, description="every opinion, per item")
    currency: str
    plan: dict[str, Any] = Field(
        default_factory=dict, sa_type=Json, description="refund lines as shown; done as stored"
    )
    refund_minor: int = Field(default=0, sa_type=BigInt)
    credit_code: str = ""
    money_state: str = "none"
    exchange_state: str = ""
    deadline: date | None = None
    reject_reason: str = ""
    requested_at: datetime
    approved_at: datetime | None = None
    received_at: datetime | None = None
    closed_at: datetime | None = None
    created_by: str = "shopper"


class ReturnItem(Table, table=True):
    """Units of one order line on their way back."""

    __tablename__ = "return_item"
    __table_args__ = (CheckConstraint("quantity > 0"),)

    id: int | None = row_id()
    return_id: int = Field(sa_type=BigInt, foreign_key="return_case.id", index=True)
    order_line_id: int = Field(sa_type=BigInt, foreign_key="order_line.id", index=True)
    quantity: int
    reason: str
    comment: str = ""
    state: str = "requested"
    exchange_sku: str = ""
    refund_minor: int = Field(default=0, sa_type=BigInt)


class Label(Work, table=True):
    """The label of a return: bought by a job, at most once (`return_id` is unique), its bytes kept as bought."""

    __tablename__ = "label"
    __table_args__ = (due_index("ix_label_due"),)

    id: int | None = row_id()
    public_id: str = Field(default_factory=opaque_id, unique=True)
    return_id: int = Field(sa_type=BigInt, foreign_key="return_case.id", unique=True)
    connection_id: int | None = Field(default=None, sa_type=BigInt, foreign_key="connection.id")
    key: str = Field(unique=True, description="our reference towards the carrier; the same on every try")
    state: str = Field(
        default="wanted", description="wanted, buying, bought, ready, refused, unknown, void_wanted, voided"
    )
    carrier: str = ""
    carrier_ref: str = ""
    number: str = ""
    service: str = Field(default="", description="printed on a label that we draw")
    routing: str = ""
    format: str = ""
    body: bytes = Field(default=b"", sa_type=LargeBinary)
    pdf: bytes = Field(default=b"", sa_type=LargeBinary)
    code: bytes = Field(default=b"", sa_type=LargeBinary, description="a counter's code instead of paper: PNG or PDF")
    code_text: str = Field(default="", description="what a counter types where scanning fails")
    customs: bytes = Field(default=b"", sa_type=LargeBinary, description="papers to put beside the label: PDF")
    cost_minor: int | None = Field(default=None, sa_type=BigInt)
    currency: str = ""
    voidable_until: datetime | None = None
    bought_at: datetime | None = None
    created_at: datetime


class Refund(Table, table=True):
    """Append-only ledger of money owed back. One row per decision; `key` makes a repeat harmless."""

    __tablename__ = "refund"
    __table_args__ = (CheckConstraint("amount_minor > 0"),)

    id: int | None = row_id()
    public_id: str = Field(default_factory=opaque_id, unique=True)
    brand_id: int = Field(sa_type=BigInt, foreign_key="brand.id")
    order_id: int = Field(sa_type=BigInt, foreign_key="shop_order.id", index=True)
    return_id: int | None = Field(default=None, sa_type=BigInt, foreign_key="return_case.id", index=True)
    key: str = Field(unique=True)
    amount_minor: int = Field(sa_type=BigInt)
    currency: str
    method: str = Field(description="original or store_credit")
    state: str = Field(default="submitted", description="submitted, settled, failed")
    lines: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json)
    by: str
    created_at: datetime
