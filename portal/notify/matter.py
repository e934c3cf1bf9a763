"""What a message is about, read from the rows when it is sent, as plain values: order, parcels, return, refund."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row
from sqlmodel import Session, col, select

from carriers.registry import all_carriers
from portal.notify.events import Event
from portal.tables import (
    Brand,
    Label,
    Order,
    OrderLine,
    Refund,
    ReturnCase,
    ReturnItem,
    Shipment,
    ShipmentItem,
)


@dataclass(frozen=True, slots=True)
class Item:
    """So many units of one line."""

    title: str
    variant: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Parcel:
    """A shipment and what travels in it. `place` counts the order's outbound parcels from 1."""

    shipment: Shipment
    place: int
    items: tuple[Item, ...]

    @property
    def carrier(self) -> str:
        """The carrier's name for people."""
        known = all_carriers().get(self.shipment.carrier)
        return known.about.name if known else self.shipment.carrier


@dataclass(frozen=True, slots=True)
class Case:
    """A return, its items and the label's PDF as far as there is one."""

    row: ReturnCase
    items: tuple[Item, ...]
    label_pdf: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Matter:
    """Everything a message may speak of. `parcel` is the one it is about; `parcels` are all that go out."""

    event: Event
    facts: dict[str, Any]
    brand: Brand
    order: Order
    decided_at: datetime
    parcel: Parcel | None
    parcels: tuple[Parcel, ...]
    not_sent: tuple[Item, ...]
    case: Case | None
    refund: Refund | None

    @property
    def zone(self) -> ZoneInfo:
        """Where the parcel goes, else where the shop is."""
        return _zone(self.parcel.shipment.to_zone if self.parcel else "", self.brand.zone)

    def today(self, now: datetime) -> date:
        """The date there."""
        return now.astimezone(self.zone).date()


def read_matter(tx: Session, row: Row[Any], brand: Brand) -> Matter:
    """Everything an outbox row is about. Raises LookupError when its order, shipment or return is gone."""
    order = tx.get(Order, row.order_id)
    if order is None:
        raise LookupError("the order is gone")
    lines = tx.exec(select(OrderLine).where(OrderLine.order_id == order.id).order_by(col(OrderLine.position))).all()
    parcels = _parcels(tx, order, lines)
    event = Event(row.event)
    return Matter(
        event=event,
        facts=dict(row.facts),
        brand=brand,
        order=order,
        decided_at=row.created_at,
        parcel=_own_parcel(parcels, row.shipment_id),
        parcels=parcels,
        not_sent=_not_sent(lines, parcels),
        case=_case(tx, row.return_id, lines, with_pdf=event is Event.LABEL_ISSUED),
        refund=_refund(tx, row) if event is Event.REFUND_SUBMITTED else None,
    )


def _parcels(tx: Session, order: Order, lines: Sequence[OrderLine]) -> tuple[Parcel, ...]:
    shipments = tx.exec(
        select(Shipment)
        .where(Shipment.order_id == order.id, Shipment.direction == "outbound")
        .order_by(col(Shipment.id))
    ).all()
    inside = tx.exec(
        select(ShipmentItem).where(col(ShipmentItem.shipment_id).in_([shipment.id for shipment in shipments]))
    ).all()
    by_id = {line.id: line for line in lines}
    place_of = {line.id: place for place, line in enumerate(lines)}
    return tuple(
        Parcel(
            shipment,
            place,
            tuple(
                Item(by_id[held.order_line_id].title, by_id[held.order_line_id].variant, held.quantity)
                for held in sorted(inside, key=lambda held: place_of.get(held.order_line_id, 0))
                if held.shipment_id == shipment.id and held.order_line_id in by_id
            ),
        )
        for place, shipment in enumerate(shipments, 1)
    )


def _own_parcel(parcels: Sequence[Parcel], shipment_id: int | None) -> Parcel | None:
    if shipment_id is None:
        return None
    found = next((parcel for parcel in parcels if parcel.shipment.id == shipment_id), None)
    if found is None:
        raise LookupError("the shipment is gone, or is not an outbound one of this order")
    return found


def _not_sent(lines: Sequence[OrderLine], parcels: Sequence[Parcel]) -> tuple[Item, ...]:
    """Units that ship and are in no parcel yet."""
    sent: dict[tuple[str, str], int] = {}
    for item in (item for parcel in parcels for item in parcel.items):
        sent[item.title, item.variant] = sent.get((item.title, item.variant), 0) + item.quantity
    left = []
    for line in lines:
        gone = min(line.quantity, sent.get((line.title, line.variant), 0))
        sent[line.title, line.variant] = sent.get((line.title, line.variant), 0) - gone
        if line.ships and line.quantity > gone:
            left.append(Item(line.title, line.variant, line.quantity - gone))
    return tuple(left)


def _case(tx: Session, return_id: int | None, lines: Sequence[OrderLine], *, with_pdf: bool) -> Case | None:
    if return_id is None:
        return None
    row = tx.get(ReturnCase, return_id)
    if row is None:
        raise LookupError("the return is gone")
    by_id = {line.id: line for line in lines}
    held = tx.exec(select(ReturnItem).where(ReturnItem.return_id == return_id).order_by(col(ReturnItem.id))).all()
    items = tuple(
        Item(by_id[item.order_line_id].title, by_id[item.order_line_id].variant, item.quantity)
        for item in held
        if item.order_line_id in by_id
    )
    pdf = tx.exec(select(Label.pdf).where(Label.return_id == return_id)).first() if with_pdf else None
    return Case(row, items, pdf or b"")


def _refund(tx: Session, row: Row[Any]) -> Refund | None:
    """The ledger row that the message's fact names; else the newest of the return or order."""
    of_this = Refund.return_id == row.return_id if row.return_id is not None else Refund.order_id == row.order_id
    rows = tx.exec(select(Refund).where(of_this).order_by(col(Refund.id).desc())).all()
    return next((refund for refund in rows if f":{refund.public_id}:" in row.key), rows[0] if rows else None)


def _zone(*names: str) -> ZoneInfo:
    """The first that is a zone; UTC where none is."""
    for name in names:
        try:
            return ZoneInfo(name)
        except (ValueError, OSError, LookupError):
            continue
    return ZoneInfo("UTC")
