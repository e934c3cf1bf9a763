"""Links that open one order without sign-in: made for mails and label sheets, stored only as a hash."""

from datetime import datetime, timedelta

from sqlmodel import Session

from portal.keys import new_token, token_hash
from portal.tables import AccessLink, Brand, Order

LINK_DAYS = 60


def make_link(tx: Session, brand: Brand, order: Order, now: datetime) -> str:
    """A new URL on the brand's own host. It works for 60 days and cannot be read back from the database."""
    token = new_token()
    tx.add(
        AccessLink(
            token_hash=token_hash(token),
            brand_id=brand.id or 0,
            order_id=order.id or 0,
            created_at=now,
            expires_at=now + timedelta(days=LINK_DAYS),
        )
    )
    return f"{brand.origin}/t/{token}"
