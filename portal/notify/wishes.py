"""Fresh links for whoever asks by mail: asked for in one row that says nothing about whom we know, seen to later."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session, col, delete, select

from portal.app import App
from portal.claim import claim, failed
from portal.db import is_outage
from portal.notify.events import Event
from portal.notify.outbox import put
from portal.tables import Brand, LinkRequest, Order

_RECENT = 3
_LINK_PERIOD = timedelta(minutes=15)


def ask_for_links(tx: Session, brand: Brand, email: str, now: datetime) -> None:
    """Notes the wish for a link to each recent order of an address (normalised).

    The same single insert for every address: whether there are orders is looked up by the worker, where nobody who
    asks can see how long that takes.
    """
    tx.add(LinkRequest(brand_id=brand.id or 0, email=email, asked_at=now, next_at=now))


def see_to_wishes(app: App) -> int:
    """Queues the mails of one batch of wishes and forgets the wishes. Returns how many there were."""
    with app.db.transaction() as tx:
        wishes = claim(tx, LinkRequest, app.now())
    for wish in wishes:
        try:
            with app.db.transaction() as tx:
                _see_to(tx, app.brands.get(wish.brand_id), wish.email, app.now())
                tx.exec(delete(LinkRequest).where(col(LinkRequest.id) == wish.id))
        except Exception as error:
            if is_outage(error):
                raise
            # No text of the error: it may hold the address.
            with app.db.transaction() as tx:
                failed(tx, LinkRequest, wish, app.now(), type(error).__name__)
    return len(wishes)


def _see_to(tx: Session, brand: Brand, email: str, now: datetime) -> None:
    newest = (
        select(Order)
        .where(Order.brand_id == brand.id, Order.email == email)
        .order_by(col(Order.placed_at).desc(), col(Order.id).desc())
        .limit(_RECENT)
    )
    for order in tx.exec(newest).all():
        mail_link(tx, brand, order, now)


def mail_link(tx: Session, brand: Brand, order: Order, now: datetime) -> None:
    """Queues a private link to the address on the order; asking again within a quarter of an hour adds nothing."""
    period = int(now.timestamp() // _LINK_PERIOD.total_seconds())
    put(tx, event=Event.ORDER_LINK, fact=str(period), brand=brand, order=order, now=now, facts={})
