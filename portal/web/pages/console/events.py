"""Events of a parcel that an agent adds by hand, and takes back."""

from typing import Any

from sqlmodel import select

from portal.refusal import Refusal
from portal.tables import Scan, Shipment
from portal.tracking.byhand import add_event, undo_event
from portal.web.answers import Go, View
from portal.web.console.acts import attempt, brand_of, order_path
from portal.web.console.byhand import parcel_of, told_of
from portal.web.console.fields import form_key
from portal.web.console.said import after
from portal.web.console.scope import acting_agent, actor, order_of
from portal.web.console.seal import row_of
from portal.web.console.show import show_for
from portal.web.edge import Ask, page


@page("POST", "/console/orders/{order}/events", who=acting_agent)
def add(ask: Ask) -> View | Go:
    """The form's key makes a double submit one event."""
    order, key = order_of(ask, lock=True), form_key(ask)
    parcel, by = parcel_of(ask, order), actor(ask.who)

    def act() -> dict[str, Any]:
        told = told_of(ask, show_for(ask, brand_of(ask, order)))
        is_new = add_event(ask.tx, ask.app.keys, parcel, told, key, by, ask.now)
        return {"code": "event_added" if is_new else "already", "number": parcel.number}

    facts = attempt(ask, order, act)
    return facts if isinstance(facts, View) else after(ask, f"{order_path(order)}#timeline", **facts)


@page("POST", "/console/orders/{order}/events/{ref}/undo", who=acting_agent)
def undo(ask: Ask) -> Go:
    """Only what was added by hand, and only to a parcel of this order."""
    order = order_of(ask, lock=True)
    scan_id = row_of(ask, "scan", ask.path["ref"])
    of_scan = select(Scan.shipment_id).where(Scan.id == scan_id).scalar_subquery()
    mine = Shipment.id == of_scan, Shipment.order_id == order.id
    parcel = ask.tx.exec(select(Shipment).where(*mine).with_for_update(key_share=True)).first()
    is_undone = parcel is not None and undo_event(ask.tx, parcel, scan_id, actor(ask.who), ask.now)
    if parcel is None and ask.tx.get(Scan, scan_id) is not None:
        raise Refusal("not_found", 404)
    number = parcel.number if parcel else ""
    return after(ask, f"{order_path(order)}#timeline", "event_undone" if is_undone else "already", number=number)
