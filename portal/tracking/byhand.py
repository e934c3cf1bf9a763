"""Events that agents add by hand, and take back: inbox rows like any other, so that a replay keeps what they said.

The row is read in the transaction that writes it: the agent sees the event on the next page.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import Row
from sqlmodel import Session, col, select, update

from carriers.adapters.manual import CODES, REMARK, body_of, event
from carriers.contract import Place
from portal.audit import Actor, record
from portal.connections import create_connection
from portal.db import insert_once
from portal.keys import Keys
from portal.refusal import Refusal
from portal.tables import Connection, Inbox, Scan, Shipment
from portal.tracking.ingest import BY_AGENT, Taking, read_row
from portal.tracking.refold import refold
from portal.tracking.scans import scans_of
from portal.tracking.timeline import BY_HAND

UNDONE: Final = "undone by an agent"
WORDS: Final = (*CODES, REMARK)


@dataclass(frozen=True, slots=True)
class Told:
    """What an agent says. `status` is one of WORDS, `at` ISO 8601 with an offset, or a date alone."""

    status: str
    at: str
    text: str = ""
    place: Place = Place()  # noqa: RUF009  (frozen)


def add_event(tx: Session, keys: Keys, shipment: Shipment, told: Told, key: str, by: Actor, now: datetime) -> bool:
    """Writes the event and what follows from it. False where `key` was used before: a form sent twice.

    Call it with the order locked. Raises Refusal no_number, status_missing, remark_empty or event_wrong.
    """
    if told.status not in WORDS:
        raise Refusal("status_missing", 422)
    if told.status == REMARK and not told.text:
        raise Refusal("remark_empty", 422)
    if not shipment.number_key:
        raise Refusal("no_number", 422)
    try:
        body = body_of(shipment.number, [event(key, told.status, told.at, told.text, told.place)])
    except ValueError:
        raise Refusal("event_wrong", 422) from None
    connection = _connection(tx, keys, shipment.brand_id, now)
    hook_key = f"agent:{key}"
    values = {
        "connection_id": connection.id,
        "carrier": BY_HAND,
        "via": BY_AGENT,
        "hook_key": hook_key,
        "http_status": 200,
        "headers": {"agent": by.id},
        "body": body,
        "asked": [shipment.public_id],
        "received_at": now,
        "next_at": now,
        "tries": 0,
        "error": "",
    }
    if not insert_once(tx, Inbox, values):
        return False
    row = tx.exec(select(Inbox).where(Inbox.connection_id == connection.id, Inbox.hook_key == hook_key)).one()
    Taking(tx, now).take([read_row(cast("Row[Any]", row))])  # it reads columns, which a row of either kind has
    _record(tx, "shipment.event_added", shipment, told.status, told.text, by, now)
    return True


def undo_event(tx: Session, shipment: Shipment, scan_id: int, by: Actor, now: datetime) -> bool:
    """Takes an event back: the scan goes, its row is laid aside. False where it is gone already.

    Call it with the order locked. What was mailed stays mailed; what waits is checked again before it is sent.
    """
    mine = Scan.id == scan_id, Scan.shipment_id == shipment.id, Scan.carrier == BY_HAND
    scan = tx.exec(select(Scan).where(*mine)).first()
    if scan is None:
        return False
    if scan.inbox_id is not None:
        rows = col(Inbox.id) == scan.inbox_id, col(Inbox.via) == BY_AGENT
        tx.exec(update(Inbox).where(*rows).values(discarded=UNDONE))
    _record(tx, "shipment.event_undone", shipment, scan.code, scan.text, by, now)
    tx.delete(scan)
    tx.flush()
    shipment_id = int(shipment.id or 0)
    refold(tx, shipment, scans_of(tx, [shipment_id])[shipment_id], now)
    return True


def _connection(tx: Session, keys: Keys, brand_id: int, now: datetime) -> Connection:
    """The brand's own; made with the first event."""
    mine = Connection.carrier == BY_HAND, Connection.brand_id == brand_id, col(Connection.removed_at).is_(None)
    found = tx.exec(select(Connection).where(*mine).order_by(col(Connection.id))).first()
    if found is not None:
        return found
    return create_connection(tx, keys, carrier=BY_HAND, name="Added by hand", brand_id=brand_id, fields={}, now=now)


def _record(tx: Session, act: str, shipment: Shipment, status: str, text: str, by: Actor, now: datetime) -> None:
    order = {"brand_id": shipment.brand_id, "order_id": shipment.order_id}
    record(tx, act, by, now, **order, number=shipment.number, status=status, text=text)
