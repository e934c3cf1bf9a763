"""Writes what follows from a parcel's scans: status, window, delay, story, next poll, and the messages due."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final

from sqlmodel import Session, col, func, select

from carriers.contract import Tracks
from carriers.registry import all_carriers
from carriers.status import Status
from portal.notify.outbox import put
from portal.returning.follow import followed
from portal.tables import Brand, Connection, Order, OrderLine, Shipment, ShipmentItem
from portal.tracking.delay import Delay, Listening, delay_of, is_forgotten
from portal.tracking.facts import facts_of
from portal.tracking.pace import PUSHES_ALIVE, near_from, next_poll
from portal.tracking.story import Ground, story_of
from portal.tracking.timeline import PHYSICAL, Fold, Kept, fold, happened, next_to_happen, zone_of
from portal.tracking.window import Promise, Window, heard_from_json, window_for

BREAKER: Final = 5  # failures in a row after which a connection counts as down

_STAGES: Final = (
    "placed",
    "confirmed",
    "picking",
    "packed",
    "awaiting_carrier",
    "partially_shipped",
    "shipped",
    "completed",
)


@dataclass(frozen=True, slots=True)
class View:
    """Everything derived of one parcel at one moment."""

    fold: Fold
    window: Window
    delay: Delay
    story: dict[str, Any]


def view_of(tx: Session, shipment: Shipment, scans: Sequence[Kept], now: datetime, *, is_unknown: bool = False) -> View:
    """Derives without writing. `is_unknown`: the carrier has just said that it does not know the number."""
    order = tx.get_one(Order, shipment.order_id)
    brand = tx.get_one(Brand, shipment.brand_id)
    zone = shipment.to_zone or brand.zone
    promise = Promise(shipment.promised_from, shipment.promised_to)
    heard = heard_from_json(shipment.estimate, zone)
    listening = _listening(tx, shipment)
    folded = fold(that_count(scans, shipment, order, zone, now), zone)
    if not folded.events and (is_unknown or shipment.sub_status == "pending.not_found"):
        folded = replace(folded, sub_status="pending.not_found")
    if is_forgotten(folded, listening, now):
        folded = replace(folded, status=Status.EXPIRED, sub_status=None, status_at=None)
    window = window_for(folded, promise, heard, zone, now)
    delay = delay_of(folded, window, promise, heard, listening, zone, now)
    looks = filter(None, (delay.at, next_to_happen(scans, now)))
    delay = replace(delay, at=min(looks, default=None))
    is_followed = shipment.connection_id is not None
    ground = Ground(_local_day(order.placed_at, brand.zone), shipment.shipped_on, promise, is_followed)
    return View(folded, window, delay, story_of(folded, window, delay, ground))


def that_count(scans: Iterable[Kept], shipment: Shipment, order: Order, zone: str, now: datetime) -> list[Kept]:
    """The scans that are this parcel's own and have happened; the others are kept and change nothing."""
    since = order.placed_at if shipment.direction == "outbound" else shipment.created_at
    return happened(scans, since, zone, now)


def refold(
    tx: Session,
    shipment: Shipment,
    scans: Sequence[Kept],
    now: datetime,
    *,
    suppress: str = "",
    is_unknown: bool = False,
    has_news: bool = False,
) -> View:
    """Derives and writes, in the caller's transaction. `suppress` is why nothing may be mailed about it.

    `has_news`: the carrier was heard just now, so the next poll is counted from here.
    """
    view = view_of(tx, shipment, scans, now, is_unknown=is_unknown)
    before = shipment.status
    _write(shipment, view)
    _set_pace(tx, shipment, view, now, has_news or before != shipment.status)
    if tx.is_modified(shipment):
        shipment.updated_at = now
    tx.flush()
    if shipment.direction == "outbound":
        order = tx.get_one(Order, shipment.order_id)
        if before != shipment.status:
            _advance(tx, order, now)
        _tell(tx, shipment, order, view, now, suppress)
    else:
        followed(tx, shipment, now)
    return view


def is_trackable(tx: Session, shipment: Shipment) -> bool:
    """Whether anybody can be asked about it."""
    connection = tx.get(Connection, shipment.connection_id) if shipment.connection_id else None
    return connection is not None and isinstance(all_carriers().get(connection.carrier), Tracks)


def _listening(tx: Session, shipment: Shipment) -> Listening:
    connection = tx.get(Connection, shipment.connection_id) if shipment.connection_id else None
    if connection is None:
        return Listening(False, shipment.heard_at, shipment.created_at)
    is_healthy = connection.state == "ok" and connection.failures < BREAKER
    heard = [shipment.heard_at]
    if shipment.heard_at and not is_trackable(tx, shipment):
        heard.append(connection.last_push_at)  # who cannot be asked is heard as long as it tells of any parcel
    return Listening(is_healthy, max(filter(None, heard), default=None), shipment.created_at)


def _write(shipment: Shipment, view: View) -> None:
    folded = view.fold
    shipment.status = folded.status.value
    shipment.sub_status = folded.sub_status
    shipment.status_at = folded.status_at
    shipment.picked_up_at = folded.picked_up_at
    shipment.delivered_at = folded.delivered_at
    shipment.delivered_on = folded.delivered_on
    shipment.last_scan_at = folded.last_scan_at
    shipment.window_from = view.window.start
    shipment.window_to = view.window.end
    shipment.delay = view.delay.state
    shipment.delay_at = view.delay.at
    if shipment.story != view.story:
        shipment.story = view.story


def _set_pace(tx: Session, shipment: Shipment, view: View, now: datetime, is_new: bool) -> None:
    """How soon the parcel matters, and with something new when to ask next."""
    zone = shipment.to_zone or tx.get_one(Brand, shipment.brand_id).zone
    missed = view.delay.missed
    shipment.near_from = near_from(view.fold, view.window, missed, zone, now)
    if not is_new:
        return
    if shipment.pushed_at and not _pushes_are_alive(tx, shipment, now):
        shipment.pushed_at = None
    if not is_trackable(tx, shipment):
        shipment.next_at = None
        return
    is_pushed = shipment.pushed_at is not None
    created = shipment.created_at
    shipment.next_at = next_poll(view.fold, view.window, created, zone, now, missed=missed, is_pushed=is_pushed)


def _pushes_are_alive(tx: Session, shipment: Shipment, now: datetime) -> bool:
    connection = tx.get(Connection, shipment.connection_id) if shipment.connection_id else None
    of_account = connection.last_push_at if connection else None
    latest = max(filter(None, (of_account, shipment.pushed_at)), default=None)
    return latest is not None and now - latest <= PUSHES_ALIVE


def _tell(tx: Session, shipment: Shipment, order: Order, view: View, now: datetime, suppress: str) -> None:
    brand = tx.get_one(Brand, shipment.brand_id)
    for fact in facts_of(view.fold, view.window, view.delay, now):
        put(
            tx,
            event=fact.event,
            fact=fact.key,
            brand=brand,
            order=order,
            now=now,
            shipment_id=shipment.id,
            facts=fact.facts,
            suppress=suppress or ("overtaken" if fact.overtaken else ""),
            happened_at=fact.happened_at,
        )


def _advance(tx: Session, order: Order, now: datetime) -> None:
    """Moves the order's stage forward, never back: the shop may know more than its carriers."""
    stage = _stage(tx, order)
    if stage is None or order.stage not in _STAGES or _STAGES.index(stage) <= _STAGES.index(order.stage):
        return
    order.stage = stage
    order.updated_at = now


def _stage(tx: Session, order: Order) -> str | None:
    statuses = [
        Status(status)
        for status in tx.exec(
            select(Shipment.status).where(Shipment.order_id == order.id, Shipment.direction == "outbound")
        )
    ]
    if not any(status in PHYSICAL for status in statuses):
        return None
    if not all(status in PHYSICAL for status in statuses) or _left_to_ship(tx, order) > 0:
        return "partially_shipped"
    return "completed" if all(status is Status.DELIVERED for status in statuses) else "shipped"


def _left_to_ship(tx: Session, order: Order) -> int:
    """Units in no parcel yet; 0 where the shop does not say what is in which parcel."""
    ordered = tx.exec(
        select(func.coalesce(func.sum(OrderLine.quantity), 0)).where(
            OrderLine.order_id == order.id, col(OrderLine.ships)
        )
    ).one()
    packed = tx.exec(
        select(func.coalesce(func.sum(ShipmentItem.quantity), 0))
        .join(Shipment, col(Shipment.id) == ShipmentItem.shipment_id)
        .where(Shipment.order_id == order.id, Shipment.direction == "outbound")
    ).one()
    return max(int(ordered) - int(packed), 0) if packed else 0


def _local_day(moment: datetime, zone: str) -> date:
    return moment.astimezone(zone_of(zone)).date()
