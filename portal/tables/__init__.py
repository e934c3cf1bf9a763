"""Every table, imported once so that `SQLModel.metadata` is whole."""

from portal.tables.audit import Audit, Note
from portal.tables.brand import Brand, HowTo, PolicyVersion
from portal.tables.order import Order, OrderLine, Product
from portal.tables.people import AccessLink, Agent, AgentSession, Customer, ShopperSession
from portal.tables.returning import Label, Refund, ReturnCase, ReturnItem
from portal.tables.tracking import (
    CarrierToken,
    CodeMapping,
    Connection,
    ConnectionPace,
    ConnectionTrial,
    ConnectionUse,
    Handshake,
    Scan,
    Shipment,
    ShipmentItem,
    Subscription,
    UnmappedCode,
)
from portal.tables.work import Heartbeat, Hit, Inbox, LinkRequest, Outbox

__all__ = [
    "AccessLink",
    "Agent",
    "AgentSession",
    "Audit",
    "Brand",
    "CarrierToken",
    "CodeMapping",
    "Connection",
    "ConnectionPace",
    "ConnectionTrial",
    "ConnectionUse",
    "Customer",
    "Handshake",
    "Heartbeat",
    "Hit",
    "HowTo",
    "Inbox",
    "Label",
    "LinkRequest",
    "Note",
    "Order",
    "OrderLine",
    "Outbox",
    "PolicyVersion",
    "Product",
    "Refund",
    "ReturnCase",
    "ReturnItem",
    "Scan",
    "Shipment",
    "ShipmentItem",
    "ShopperSession",
    "Subscription",
    "UnmappedCode",
]
