"""The workspace of one order, and the small acts on it: a note, news from the carrier, the shopper's own view."""

from datetime import timedelta

from sqlmodel import col, select, update

from portal.audit import record
from portal.db import insert_once
from portal.keys import new_token, token_hash
from portal.refusal import Refusal
from portal.tables import AccessLink, Note, Shipment
from portal.web.answers import Go, View
from portal.web.console.acts import brand_of, order_path, refused
from portal.web.console.fields import form_key, form_text
from portal.web.console.frame import frame
from portal.web.console.said import after
from portal.web.console.scope import acting_agent, actor, order_of, public_id, reading_agent
from portal.web.console.workspace import workspace
from portal.web.csrf import is_own_site
from portal.web.edge import Ask, page

# The link is followed at once; what it opens lasts longer (access.LOOK_MINUTES).
LOOK_OPENS_WITHIN = timedelta(minutes=1)
MAX_NOTE = 4000


@page("GET", "/console/orders/{order}", who=reading_agent)
def show_order(ask: Ask) -> View:
    """`?do=` opens a panel (exchange, return, refund), `?show=` filters the timeline."""
    order = order_of(ask)
    return View("console/order.html", {**frame(ask, ""), **workspace(ask, order)})


@page("POST", "/console/orders/{order}/notes", who=acting_agent)
def add_note(ask: Ask) -> View | Go:
    """An internal note. The form's key makes a double submit one note."""
    order = order_of(ask)
    body = form_text(ask, "body", MAX_NOTE)
    if not body:
        return refused(ask, order, Refusal("note_empty", 422))
    row = {
        "public_id": form_key(ask),
        "order_id": order.id,
        "agent_id": ask.who.agent.id,
        "body": body,
        "created_at": ask.now,
    }
    code = "note_added" if insert_once(ask.tx, Note, row) else "already"
    return after(ask, f"{order_path(order)}#timeline", code)


@page("POST", "/console/orders/{order}/parcels/{parcel}/poll", who=acting_agent)
def poll_now(ask: Ask) -> Go:
    """Makes the next poll due now. The carrier's budgets still decide when it goes out."""
    order = order_of(ask)
    mine = Shipment.public_id == public_id(ask.path["parcel"]), Shipment.order_id == order.id
    parcel = ask.tx.exec(select(Shipment).where(*mine, col(Shipment.connection_id).is_not(None))).first()
    if parcel is None:
        raise Refusal("not_found", 404)
    later = col(Shipment.next_at).is_(None) | (col(Shipment.next_at) > ask.now)
    asked = ask.tx.exec(update(Shipment).where(col(Shipment.id) == parcel.id, later).values(next_at=ask.now))
    if asked.rowcount:
        by, number = actor(ask.who), parcel.number
        record(ask.tx, "shipment.poll_asked", by, ask.now, brand_id=order.brand_id, order_id=order.id, number=number)
    return after(ask, f"{order_path(order)}#parcels", "poll_asked", number=parcel.number)


# A link, not a form: a form's redirect to another brand's host is refused by browsers under our content policy.
@page("GET", "/console/orders/{order}/as-shopper", who=acting_agent, writes=True)
def as_shopper(ask: Ask) -> Go:
    """Opens what the shopper sees, for half an hour, to look and not to act. Only from the console, and on record."""
    if is_own_site(ask.headers) is False:
        raise Refusal("foreign_form", 403)
    order = order_of(ask)
    token = new_token()
    link = AccessLink(
        token_hash=token_hash(token),
        brand_id=order.brand_id,
        order_id=order.id or 0,
        created_at=ask.now,
        expires_at=ask.now + LOOK_OPENS_WITHIN,
        agent_id=ask.who.agent.id,
    )
    ask.tx.add(link)
    record(ask.tx, "order.viewed_as_shopper", actor(ask.who), ask.now, brand_id=order.brand_id, order_id=order.id)
    return Go(f"{brand_of(ask, order).origin}/t/{token}")
