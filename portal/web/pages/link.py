"""The mailed link: swapped for a session at once, so that the token leaves the address bar and every log."""

from sqlmodel import col, or_, select

from portal.keys import token_hash
from portal.tables import AccessLink, Order
from portal.web.access import nobody, open_order
from portal.web.answers import Go
from portal.web.edge import Ask, page

# A token has 43 characters; what is longer was never made here.
LONGEST = 100


@page("GET", "/t/{token}", who=nobody, writes=True)
def open_link(ask: Ask) -> Go:
    """Opens the link's order. An expired, revoked, unknown or foreign one leads to the lookup, which says so.

    A mail scanner that follows the link starts a session that nobody uses; nothing else changes.
    """
    token = ask.path["token"][:LONGEST]
    query = (
        select(Order)
        .join(AccessLink, col(AccessLink.order_id) == col(Order.id))
        .where(
            AccessLink.token_hash == token_hash(token),
            AccessLink.brand_id == ask.brand.id,
            Order.brand_id == ask.brand.id,
            AccessLink.expires_at > ask.now,
            or_(col(AccessLink.revoked_at).is_(None), col(AccessLink.revoked_at) > ask.now),
        )
    )
    order = ask.tx.exec(query).first()
    if order is None:
        return Go("/?expired=1")
    return Go(f"/orders/{order.public_id}", (open_order(ask, order, "link"),))
