"""Scenes in which each message is true: rows as ingest and the returning verbs would have left them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlmodel import Session, select

from portal.app import App
from portal.notify.events import Event
from portal.notify.outbox import put
from portal.tables import (
    Brand,
    Label,
    Order,
    OrderLine,
    Outbox,
    Refund,
    ReturnCase,
    ReturnItem,
    Shipment,
)
from tests.world import World

STEP = {"in_transit": 2, "out_for_delivery": 3, "delivered": 5}


def story(status: str, **more: Any) -> dict[str, Any]:
    """A shipment's story as far as mails read it."""
    return {
        "v": 1,
        "step": STEP[status],
        "reached": ["2026-11-19", "2026-11-20", "2026-11-20", "2026-11-24", None],
        "status": status,
        "window": {"from": "2026-11-24", "to": "2026-11-25", "why": "carrier", "source": "SDD", "likely": None},
        "was": None,
        "delay": {"state": "none", "cause": None, "since": None, "promised": "2026-11-25", "missed": None},
        "pod": None,
        **more,
    }


def move(tx: Session, shipment: Shipment, status: str, **columns: Any) -> Shipment:
    """Puts a shipment where ingest would have put it."""
    row = tx.get_one(Shipment, shipment.id)
    row.status = status
    row.window_from, row.window_to = date(2026, 11, 24), date(2026, 11, 25)
    row.story = story(status)
    for name, value in columns.items():
        setattr(row, name, value)
    tx.add(row)
    tx.flush()
    return row


def stage(tx: Session, event: Event, brand: Brand, order: Order, shipment: Shipment, now: datetime) -> dict[str, Any]:
    """Sets the scene for one event; returns what `put` wants besides event, brand, order and now."""
    if event.about == "shipment":
        return _parcel_scene(tx, event, shipment)
    if event is Event.ORDER_LINK:
        return {"fact": "2026-11-24T12", "facts": {}}
    case = _case(tx, event, brand, order, now)
    facts = {"rma": case.rma}
    if event is not Event.REFUND_SUBMITTED:
        return {"fact": case.public_id, "facts": facts, "return_id": case.id}
    refund = Refund(
        brand_id=brand.id or 0,
        order_id=order.id or 0,
        return_id=case.id,
        key=f"return:{case.public_id}",
        amount_minor=1305,
        currency="GBP",
        method="original",
        lines=[
            {"code": "goods", "amount_minor": 1450, "facts": {"title": "Fell enamel mug", "quantity": 1}},
            {"code": "discount_share", "amount_minor": -145, "facts": {"title": "Fell enamel mug"}},
        ],
        by="agent:kim",
        created_at=now,
    )
    tx.add(refund)
    tx.flush()
    return {"fact": refund.public_id, "facts": facts, "return_id": case.id}


def _parcel_scene(tx: Session, event: Event, shipment: Shipment) -> dict[str, Any]:
    scene: dict[str, Any] = {"fact": event.name.lower(), "facts": {}, "shipment_id": shipment.id}
    if event is Event.SHIPPED:
        move(tx, shipment, "in_transit", sub_status="in_transit.departed_origin")
    elif event is Event.OUT_FOR_DELIVERY:
        move(tx, shipment, "out_for_delivery", sub_status="out_for_delivery.on_vehicle")
    elif event is Event.DELIVERED:
        pod = {"place": "Porch", "by": ""}
        move(
            tx,
            shipment,
            "delivered",
            sub_status="delivered.safe_place",
            delivered_on=date(2026, 11, 24),
            story=story("delivered", pod=pod),
        )
    else:
        late = story("in_transit")["delay"] | {"state": "late", "cause": "weather", "missed": "2026-11-25"}
        scene["facts"] = {"missed": "2026-11-25"}
        move(
            tx,
            shipment,
            "in_transit",
            delay="late",
            window_from=date(2026, 11, 27),
            window_to=date(2026, 11, 28),
            story=story("in_transit", delay=late, was={"from": "2026-11-24", "to": "2026-11-25"}),
        )
    return scene


def _case(tx: Session, event: Event, brand: Brand, order: Order, now: datetime) -> ReturnCase:
    status = {
        Event.RETURN_APPROVED: "approved",
        Event.LABEL_ISSUED: "label_issued",
        Event.RETURN_REJECTED: "rejected",
        Event.REFUND_SUBMITTED: "completed",
    }[event]
    case = ReturnCase(
        brand_id=brand.id or 0,
        order_id=order.id or 0,
        rma=f"R-{brand.slug[:1].upper()}{event.name[-5:]}",
        request_key=event.name,
        method="own" if event is Event.RETURN_APPROVED else "label",
        status=status,
        resolution="refund_original",
        currency="GBP",
        refund_minor=1305,
        deadline=date(2026, 12, 7),
        reject_reason="The stove was lit. A lit stove can’t be sold again." if status == "rejected" else "",
        requested_at=now,
    )
    tx.add(case)
    tx.flush()
    mug = tx.exec(select(OrderLine).where(OrderLine.order_id == order.id, OrderLine.sku == "MUG-350")).one()
    tx.add(ReturnItem(return_id=case.id or 0, order_line_id=mug.id or 0, quantity=1, reason="damaged_in_transit"))
    if event is Event.LABEL_ISSUED:
        tx.add(Label(return_id=case.id or 0, key=case.public_id, state="ready", pdf=b"%PDF-1.7 label", created_at=now))
    tx.flush()
    return case


def queue(app: App, world: World, event: Event, *, other: bool = False) -> int:
    """Sets the scene at Juniper (or Basalt) and queues the message. Returns the outbox row's id."""
    brand = world.basalt if other else world.juniper
    order = world.other_order if other else world.order
    shipment = world.other_shipment if other else world.shipments[0]
    with app.db.transaction() as tx:
        scene = stage(tx, event, brand, order, shipment, app.now())
        assert put(tx, event=event, brand=brand, order=order, now=app.now(), **scene)
        row = tx.exec(select(Outbox).where(Outbox.event == event, Outbox.order_id == order.id)).one()
    return int(row.id or 0)


def outbox_row(app: App, row_id: int) -> Outbox:
    """A row as it stands."""
    with app.db.reading() as tx:
        row = tx.get_one(Outbox, row_id)
        tx.expunge_all()
    return row
