"""Whether a message would still be true at the moment it is sent. Time passes in a queue; mail must not lie."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from portal.notify.events import Event
from portal.notify.matter import Matter
from returns.machine import State

# The statuses of a parcel in which a message about it is true. A later one has its own message.
_TRUE_WHILE = {
    Event.SHIPPED: {"picked_up", "in_transit", "exception"},
    Event.DELAYED: {"pending", "info_received", "picked_up", "in_transit", "attempt_failed", "exception"},
    Event.OUT_FOR_DELIVERY: {"out_for_delivery"},
    Event.DELIVERED: {"delivered"},
}
_RETURN_TRUE_WHILE = {
    Event.RETURN_APPROVED: {State.APPROVED},
    Event.LABEL_ISSUED: {State.APPROVED, State.LABEL_ISSUED},
    Event.RETURN_REJECTED: {State.REJECTED},
}


def not_to_be_sent(matter: Matter, now: datetime) -> str:
    """Why a message is not sent after all: "stale" or "overtaken"; empty text when it is still true."""
    stale_after = matter.event.stale_after
    if stale_after is not None and now - _happened_at(matter) > stale_after:
        return "stale"
    if matter.parcel is not None and not _parcel_agrees(matter, now):
        return "overtaken"
    allowed = _RETURN_TRUE_WHILE.get(matter.event)
    if allowed is not None and (matter.case is None or matter.case.row.status not in allowed):
        return "overtaken"
    if matter.event is Event.REFUND_SUBMITTED and (matter.refund is None or matter.refund.state == "failed"):
        return "overtaken"
    return ""


def _happened_at(matter: Matter) -> datetime:
    """When the fact came true: as the one who queued it says, else when it was queued."""
    said = matter.facts.get("happened_at")
    try:
        at = datetime.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        at = None
    return at if at is not None and at.tzinfo is not None else matter.decided_at


def _parcel_agrees(matter: Matter, now: datetime) -> bool:
    shipment = matter.parcel.shipment if matter.parcel else None
    if shipment is None or shipment.status not in _TRUE_WHILE.get(matter.event, {shipment.status}):
        return False
    if matter.event is Event.OUT_FOR_DELIVERY:
        # "Today" must be today. A day more would be a promise that nobody made.
        return matter.today(now) - out_for_delivery_on(matter) < timedelta(days=1)
    if matter.event is Event.DELAYED:
        # Where the carrier has moved the date that was missed, the news is of the other one.
        missed = (shipment.story.get("delay") or {}).get("missed")
        return shipment.delay != "none" and matter.facts.get("missed") == missed
    return True


def out_for_delivery_on(matter: Matter) -> date:
    """The local date on which the parcel went out, as its story says, else the date of the news."""
    shipment = matter.parcel.shipment if matter.parcel else None
    reached = list((shipment.story if shipment else {}).get("reached") or [])
    said = reached[3] if len(reached) > 3 else None
    return date.fromisoformat(said) if isinstance(said, str) else matter.today(_happened_at(matter))
