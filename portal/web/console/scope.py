"""What an agent may reach: every look-up starts from the agent's brands, so another brand's row is not found."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from sqlalchemy import ColumnElement, true, update
from sqlmodel import col, select

from portal.audit import Actor
from portal.db import is_outage
from portal.refusal import Refusal
from portal.tables import AgentSession, Brand, Order, ReturnCase
from portal.web import access
from portal.web.access import SignedIn
from portal.web.answers import SignIn
from portal.web.csrf import is_own_site
from portal.web.edge import Ask
from portal.web.written import written

_FRESH = timedelta(minutes=1)
_PUBLIC_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


def reading_agent(ask: Ask) -> SignedIn:
    """The agent behind a GET. Notes the visit in a transaction of its own, at most once a minute."""
    who = access.agent(ask)
    if _is_stale(ask):
        # Ends the reading first: without WAL a writer waits for readers, and here it would wait for itself.
        ask.tx.commit()
        try:
            access.touch(ask)
        except Exception as error:
            if not is_outage(error):
                raise
    return who


def acting_agent(ask: Ask) -> SignedIn:
    """The agent behind a POST, which has a transaction already. From the sign-in page one comes back to the form's."""
    try:
        who = access.agent(ask)
    except SignIn:
        raise _sign_in(ask) from None
    mine = col(AgentSession.token_hash) == ask.session
    ask.tx.exec(update(AgentSession).where(mine, col(AgentSession.seen_at) < ask.now - _FRESH).values(seen_at=ask.now))
    return who


def _sign_in(ask: Ask) -> SignIn:
    """Off to the sign-in page; where something was written, that page itself, which takes it along."""
    from portal.web.console.gate import gate  # it needs the frame, which needs this

    back, texts = _page_before(ask), written(ask.body)
    view = gate(ask, back, written=texts, status=401) if texts and is_own_site(ask.headers) else None
    return SignIn(f"/console/sign-in?next={quote(back)}", view)


def _page_before(ask: Ask) -> str:
    """Where the form stood, by the browser's word: what it was sent to cannot be opened by an address."""
    try:
        path = urlsplit(ask.headers.get("referer", "")).path
    except ValueError:
        path = ""
    return path if path.startswith("/console/") else "/console"


def _is_stale(ask: Ask) -> bool:
    seen = ask.tx.exec(select(AgentSession.seen_at).where(AgentSession.token_hash == ask.session)).first()
    return seen is not None and ask.now - seen >= _FRESH


def seen_by(who: SignedIn, column: Any) -> ColumnElement[bool]:
    """The condition that keeps a query inside the agent's brands. `column` is a brand_id."""
    return true() if who.agent.brand_id is None else col(column) == who.agent.brand_id


def actor(who: SignedIn) -> Actor:
    """The agent as the trail names them."""
    return Actor(f"agent:{who.agent.public_id}", who.agent.name)


def sees_every_brand(ask: Ask) -> bool:
    """Whether the agent may decide what holds for all brands: meanings of codes, accounts that brands share."""
    return ask.who.agent.brand_id is None


def for_every_brand(ask: Ask) -> None:
    """Refusal not_found for an agent of one brand."""
    if not sees_every_brand(ask):
        raise Refusal("not_found", 404)


def brands_of(ask: Ask) -> list[Brand]:
    """The brands this agent works for, by name."""
    return [brand for brand in ask.app.brands.all() if brand.id is not None and ask.who.sees(brand.id)]


def order_of(ask: Ask, *, lock: bool = False) -> Order:
    """The order in the path, or Refusal not_found. `lock`: nobody else changes it until this unit of work ends."""
    query = select(Order).where(Order.public_id == public_id(ask.path["order"]), seen_by(ask.who, Order.brand_id))
    order = ask.tx.exec(query.with_for_update(key_share=True) if lock else query).first()
    if order is None:
        raise Refusal("not_found", 404)
    return order


def case_of(ask: Ask, order: Order) -> ReturnCase:
    """The return in the path, if it belongs to this order. Locked."""
    wanted = ReturnCase.public_id == public_id(ask.path["case"]), ReturnCase.order_id == order.id
    case = ask.tx.exec(select(ReturnCase).where(*wanted).with_for_update(key_share=True)).first()
    if case is None:
        raise Refusal("not_found", 404)
    return case


def public_id(text: str) -> str:
    """A public id out of a path or form, or Refusal not_found for what cannot be one."""
    if not _PUBLIC_ID.fullmatch(text):
        raise Refusal("not_found", 404)
    return text
