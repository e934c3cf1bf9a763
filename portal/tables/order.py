"""What was bought: orders with their lines, and the catalogue as far as exchanges need it. Money in minor units."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlmodel import Field

from portal.tables.columns import BigInt, Json, Table, opaque_id, row_id


class Order(Table, table=True):
    """One order of one brand, in one currency.

    `number` is as the shop prints it; `number_key` folds case, spaces, '#' and full-width digits for lookup.
    `stage` is one of the pre-carrier stages of docs/vocabulary.md.
    """

    __tablename__ = "shop_order"
    __table_args__ = (
        UniqueConstraint("brand_id", "source", "source_id"),
        Index("ix_order_number", "brand_id", "number_key"),
        Index("ix_order_email", "brand_id", "email"),
        CheckConstraint("refunded_minor >= 0 AND refunded_minor <= captured_minor"),
    )

    id: int | None = row_id()
    public_id: str = Field(default_factory=opaque_id, unique=True)
    brand_id: int = Field(sa_type=BigInt, foreign_key="brand.id")
    customer_id: int | None = Field(default=None, sa_type=BigInt, foreign_key="customer.id")
    number: str
    number_key: str
    email: str = Field(default="", description="normalised; the second half of a lookup")
    postcode_key: str = Field(default="", description="normalised; the other second half")
    ship_to: dict[str, Any] = Field(
        default_factory=dict, sa_type=Json, description="fields of carriers.address.Address"
    )
    currency: str
    items_minor: int = Field(default=0, sa_type=BigInt, description="sum of line prices before discounts")
    discount_minor: int = Field(default=0, sa_type=BigInt, description="all discounts, as a positive number")
    shipping_minor: int = Field(default=0, sa_type=BigInt)
    tax_minor: int = Field(default=0, sa_type=BigInt)
    tax_included: bool = Field(default=False, description="line prices contain the tax")
    total_minor: int = Field(default=0, sa_type=BigInt)
    captured_minor: int = Field(default=0, sa_type=BigInt, description="what was really paid")
    refunded_minor: int = Field(default=0, sa_type=BigInt, description="guarded: never above captured_minor")
    stage: str = "placed"
    cancelled_at: datetime | None = None
    placed_at: datetime
    promised_from: date | None = Field(default=None, description="the promise made at purchase; frozen")
    promised_to: date | None = None
    locale: str = ""
    source: str = Field(description="shopify, woocommerce, csv, json, demo, agent")
    source_id: str
    payment_hint: str = Field(default="", description="how it was paid, for people: 'Visa ending 4242'")
    backfill: bool = Field(default=False, description="imported history: nothing is ever mailed about its past")
    created_at: datetime
    updated_at: datetime


class OrderLine(Table, table=True):
    """One line of an order. `discount_minor` and `tax_minor` are the line's whole share, not per unit."""

    __tablename__ = "order_line"
    __table_args__ = (
        UniqueConstraint("order_id", "source_id"),
        CheckConstraint("quantity >= 0 AND returned_quantity >= 0 AND returned_quantity <= quantity"),
    )

    id: int | None = row_id()
    public_id: str = Field(default_factory=opaque_id, unique=True)
    order_id: int = Field(sa_type=BigInt, foreign_key="shop_order.id", index=True)
    source_id: str
    position: int = 0
    sku: str = ""
    title: str
    variant: str = ""
    quantity: int
    returned_quantity: int = Field(
        default=0, description="units in returns not rejected, cancelled or expired; guarded"
    )
    unit_price_minor: int = Field(sa_type=BigInt)
    discount_minor: int = Field(default=0, sa_type=BigInt)
    tax_minor: int = Field(default=0, sa_type=BigInt)
    grams: int | None = None
    tags: list[str] = Field(default_factory=list, sa_type=Json)
    category: str = ""
    picture: str = Field(default="", description="name of a drawing or URL of a picture on our own origin")
    ships: bool = Field(default=True, description="False for gift cards and services: nothing to send back")


class Product(Table, table=True):
    """One sellable variant. Variants of one thing share `group_key`; exchanges stay inside a group."""

    __tablename__ = "product"
    __table_args__ = (UniqueConstraint("brand_id", "sku"), Index("ix_product_group", "brand_id", "group_key"))

    id: int | None = row_id()
    brand_id: int = Field(sa_type=BigInt, foreign_key="brand.id")
    sku: str
    group_key: str = ""
    title: str
    variant: str = ""
    price_minor: int = Field(sa_type=BigInt)
    currency: str
    stock: int | None = Field(default=None, description="None: not counted")
    tags: list[str] = Field(default_factory=list, sa_type=Json)
    category: str = ""
    picture: str = ""
    active: bool = True
