"""A return parcel on the move: what its scans mean for the case."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from carriers.status import RANK, Status
from portal.audit import Actor, record
from portal.returning.approve import step
from portal.tables import ReturnCase, Shipment
from returns.machine import State


def followed(tx: Session, shipment: Shipment, now: datetime) -> None:
    """Called when a return shipment's story changed: its first physical scan moves the case to in_transit.

    Arrival is not receipt: goods count as received when the dock or an agent says so.
    """
    if shipment.return_id is None or not _is_moving(shipment):
        return
    case = tx.get_one(ReturnCase, shipment.return_id)
    if State(case.status) not in {State.APPROVED, State.LABEL_ISSUED}:
        return
    step(tx, case, "scan")
    carrier = Actor(f"carrier:{shipment.carrier}")
    record(tx, "return.in_transit", carrier, now, brand_id=case.brand_id, order_id=case.order_id, return_id=case.id)


def _is_moving(shipment: Shipment) -> bool:
    status = Status(shipment.status)
    return shipment.picked_up_at is not None or (
        RANK[status] >= RANK[Status.PICKED_UP] and status not in {Status.CANCELLED, Status.EXPIRED}
    )
