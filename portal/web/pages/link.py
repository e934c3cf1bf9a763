"""The mailed link: swapped for a session at once, so that the token leaves the address bar and every log."""

from sqlmodel import col, or_, select

from portal.keys import token_hash
from portal.tables import AccessLink, Order, ReturnCase
from portal.web.access import nobody, open_order
from portal.web.answers import Go
from portal.web.edge import Ask, page

# A token has 43 characters; what is longer was never made here.
LONGEST = 100


@page("GET", "/t/{token}", who=nobody, writes=True)
def open_link(ask: Ask) -> Go:
    """Opens the link's order, at the return that `?return=` names where it is one of that order's.

    An expired, revoked, unknown or foreign link leads to the lookup, which says so.

    A link that an agent made for looking opens a look. A mail scanner that follows the link starts a session that
    nobody uses; nothing else changes.
    """
    token = ask.path["token"][:LONGEST]
    query = (
        select(Order, AccessLink.agent_id)
        .join(AccessLink, col(AccessLink.order_id) == col(Order.id))
        .where(
            AccessLink.token_hash == token_hash(token),
            AccessLink.brand_id == ask.brand.id,
            Order.brand_id == ask.brand.id,
            AccessLink.expires_at > ask.now,
            or_(col(AccessLink.revoked_at).is_(None), col(AccessLink.revoked_at) > ask.now),
        )
    )
    found = ask.tx.exec(query).first()
    if found is None:
        return Go("/?expired=1")
    order, agent_id = found
    mine = ReturnCase.order_id == order.id, ReturnCase.public_id == ask.query.get("return", "")[:LONGEST]
    case = ask.tx.exec(select(ReturnCase.public_id).where(*mine)).first()
    place = f"/orders/{order.public_id}" + (f"/returns/{case}" if case else "")
    return Go(place, (open_order(ask, order, "link" if agent_id is None else "agent"),))
