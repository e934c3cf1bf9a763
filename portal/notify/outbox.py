"""Puts a message into the outbox: once per fact, in the transaction that made the fact true.

Nothing is dropped silently: what must not be sent is stored as a finished row that says why.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, func, select

from portal.db import insert_once
from portal.notify.events import Event
from portal.notify.mailbox import clean_address
from portal.tables import Brand, Order, Outbox, ReturnCase, Shipment

# At most so many messages about one order: in a day, and at all. Carriers flap; people start and cancel.
_CAPS: dict[str, tuple[int, int | None]] = {"shipment": (6, 20), "return": (12, 60), "order": (6, None)}
_DAY = timedelta(hours=24)


def put(
    tx: Session,
    *,
    event: Event,
    fact: str,
    brand: Brand,
    order: Order,
    now: datetime,
    facts: Mapping[str, Any],
    shipment_id: int | None = None,
    return_id: int | None = None,
    suppress: str = "",
    happened_at: datetime | None = None,
) -> bool:
    """Queues one message to the order's own address. True when new; a repeat of the same fact changes nothing.

    `fact` tells two facts of one event apart (a date, an id); `facts` are JSON values that the templates may use.
    `suppress` is the caller's reason not to send ("overtaken", "replay", ...); `happened_at` is when the fact came
    true where that may be long ago. Reasons found here: no_email, backfill, stale, bounced, cap_day, cap_order.
    Call it last in the transaction, after the rows it is about are flushed.
    """
    if order.brand_id != brand.id:
        raise ValueError("an order's messages come from its own brand")
    recipient = clean_address(order.email)
    key = f"{_subject(tx, order, shipment_id, return_id)}:{event}:{fact}:email:{_person(recipient)}"
    reason = suppress or _reason(tx, event, order, recipient, now, happened_at)
    values = {
        "key": key,
        "brand_id": brand.id,
        "order_id": order.id,
        "shipment_id": shipment_id,
        "return_id": return_id,
        "event": event.value,
        "recipient": recipient,
        "facts": dict(facts),
        "message_id": message_id(key, brand.sender_email),
        "suppressed": reason,
        "created_at": now,
        "done_at": now if reason else None,
        "next_at": None if reason else now,
    }
    return insert_once(tx, Outbox, values) == 1


def channel_trouble(tx: Session, channel: str = "email") -> str:
    """What a channel as a whole suffers from, as the last waiting message recorded it; empty text when it is well."""
    waiting = select(Outbox.error).where(
        Outbox.channel == channel, col(Outbox.next_at).is_not(None), col(Outbox.error).startswith("mail relay:")
    )
    return tx.exec(waiting.limit(1)).first() or ""


def message_id(key: str, sender_email: str) -> str:
    """The Message-ID of a row, without brackets: the same on every try, so that receivers can drop a repeat."""
    domain = clean_address(sender_email).rpartition("@")[2] or "localhost"
    return f"{hashlib.sha256(key.encode()).hexdigest()[:40]}@{domain}"


def _subject(tx: Session, order: Order, shipment_id: int | None, return_id: int | None) -> str:
    """The public id of what the message is about. Raises LookupError for a row that is not there."""
    if return_id is not None:
        found = tx.exec(select(ReturnCase.public_id).where(ReturnCase.id == return_id)).first()
    elif shipment_id is not None:
        found = tx.exec(select(Shipment.public_id).where(Shipment.id == shipment_id)).first()
    else:
        found = order.public_id
    if found is None:
        raise LookupError("flush the shipment or return before putting a message about it")
    return found


def _person(recipient: str) -> str:
    """Stands for an address in a key, so that keys can be shown and logged."""
    return hashlib.sha256(recipient.casefold().encode()).hexdigest()[:16]


def _reason(
    tx: Session, event: Event, order: Order, recipient: str, now: datetime, happened_at: datetime | None
) -> str:
    if not recipient:
        return "no_email"
    # What a person does to an old order today is no history: the shopper who asks for a link gets it.
    if order.backfill and event.about == "shipment":
        return "backfill"
    if happened_at is not None and event.stale_after is not None and now - happened_at > event.stale_after:
        return "stale"
    if event.kind == "service" and _bounced(tx, order, recipient):
        return "bounced"
    return _capped(tx, event, order, now)


def _bounced(tx: Session, order: Order, recipient: str) -> bool:
    query = select(Outbox.id).where(
        Outbox.order_id == order.id, Outbox.recipient == recipient, col(Outbox.error).startswith("bounced")
    )
    return tx.exec(query).first() is not None


def _capped(tx: Session, event: Event, order: Order, now: datetime) -> str:
    per_day, at_all = _CAPS[event.about]
    of_this_kind = (
        Outbox.order_id == order.id,
        Outbox.suppressed == "",
        col(Outbox.event).startswith(f"{event.about}."),
    )
    in_a_day = func.count().filter(col(Outbox.created_at) > now - _DAY)
    today, ever = tx.exec(select(in_a_day, func.count()).where(*of_this_kind)).one()
    if today >= per_day:
        return "cap_day"
    return "cap_order" if at_all is not None and ever >= at_all else ""
