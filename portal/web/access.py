"""Who may see a page: nobody in particular, the shopper of one order, or an agent. One function each."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import quote, urlencode

from sqlmodel import col, select, update

from portal.keys import new_token, token_hash
from portal.refusal import Refusal
from portal.settings import Settings
from portal.tables import Agent, AgentSession, Order, ShopperSession
from portal.web.answers import Cookie, SignIn
from portal.web.edge import Ask

Trust = Literal["status", "agent", "email", "link"]

SHOPPER_HOURS = 12
AGENT_IDLE = timedelta(minutes=30)
AGENT_ABSOLUTE = timedelta(hours=12)
# How long an agent sees an order as its shopper does, before the look has to be asked for, and recorded, again.
LOOK_MINUTES = 30
TRUSTS = ("status", "agent", "email", "link")
# A shopper may keep several orders open in several tabs; the oldest falls off.
MAX_OPEN_ORDERS = 5
# As portal.keys.new_token makes them; anything else in a cookie is not carried on.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Shopper:
    """Somebody who opened one order. `trust` says how: by postcode, by e-mail, through a mailed link, or an agent who
    looks at what the shopper sees."""

    order: Order
    trust: Trust

    @property
    def sees_all(self) -> bool:
        """Returns, addresses and labels need more than a parcel slip's number and postcode."""
        return self.trust != "status"

    @property
    def may_act(self) -> bool:
        """Only the shopper acts as the shopper; agents act in the console, under their own name."""
        return self.trust in {"email", "link"}

    def must_act(self) -> None:
        """Refusal needs_link or agent_looks for those who may not."""
        if not self.may_act:
            raise Refusal("agent_looks" if self.trust == "agent" else "needs_link", 403)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An agent with a live session."""

    agent: Agent

    def sees(self, brand_id: int) -> bool:
        """Whether this agent may work for a brand."""
        return self.agent.brand_id is None or self.agent.brand_id == brand_id


def nobody(ask: Ask) -> None:
    """Anyone on a host of ours. Written out, never implied."""


def shopper_of_order(ask: Ask) -> Shopper:
    """The shopper who opened the order in the path (`{order}` is its public id). Everyone else is sent to the lookup.

    Another brand's order, an unknown one and one not opened give the same answer.
    """
    tokens = open_tokens(ask)
    if not tokens:
        raise SignIn("/?expired=1" if ask.path.get("order") else "/")
    query = (
        select(ShopperSession, Order)
        .join(Order, col(Order.id) == col(ShopperSession.order_id))
        .where(
            col(ShopperSession.token_hash).in_([token_hash(token) for token in tokens]),
            ShopperSession.brand_id == ask.brand.id,
            Order.public_id == ask.path["order"],
            ShopperSession.expires_at > ask.now,
        )
    )
    rows = ask.tx.exec(query).all()
    if not rows:
        raise SignIn("/?expired=1")
    session, order = max(rows, key=lambda row: strength(row[0]))
    ask.session = session.token_hash
    return Shopper(order, session.trust)  # type: ignore[arg-type]


def strength(session: Any) -> tuple[int, float, str]:
    """Which of several open sessions of one order counts: the most trusted, then the oldest.

    Every page must choose the same one, for the form token is bound to it; a second tab's session changes nothing.
    """
    return TRUSTS.index(session.trust), -session.created_at.timestamp(), session.token_hash


def agent(ask: Ask) -> SignedIn:
    """A signed-in agent; others go to the sign-in page and come back after it."""
    token = ask.cookies.get(cookie_name(ask.app.settings, "agent"), "")
    query = (
        select(AgentSession, Agent)
        .join(Agent, col(Agent.id) == col(AgentSession.agent_id))
        .where(
            AgentSession.token_hash == token_hash(token),
            AgentSession.expires_at > ask.now,
            AgentSession.seen_at > ask.now - AGENT_IDLE,
            col(Agent.disabled_at).is_(None),
        )
    )
    row = ask.tx.exec(query).first() if token else None
    if row is None:
        asked = f"?{urlencode(ask.query)}" if ask.query else ""
        raise SignIn(f"/console/sign-in?next={quote(ask.url_path + asked)}")
    session, person = row
    ask.session = session.token_hash
    return SignedIn(person)


def touch(ask: Ask) -> None:
    """Notes that an agent was here, at most once a minute, so that a day of reading is not a day of writes."""
    with ask.app.db.transaction() as tx:
        stale = col(AgentSession.seen_at) < ask.now - timedelta(minutes=1)
        tx.exec(update(AgentSession).where(col(AgentSession.token_hash) == ask.session, stale).values(seen_at=ask.now))


def open_order(ask: Ask, order: Order, trust: Trust) -> Cookie:
    """Starts a shopper's session on one order and returns the cookie that carries it."""
    token = new_token()
    if order.id is None:
        raise Refusal("not_found", 404)
    ask.tx.add(
        ShopperSession(
            token_hash=token_hash(token),
            brand_id=order.brand_id,
            order_id=order.id,
            trust=trust,
            created_at=ask.now,
            expires_at=ask.now
            + (timedelta(minutes=LOOK_MINUTES) if trust == "agent" else timedelta(hours=SHOPPER_HOURS)),
        )
    )
    kept = [*open_tokens(ask), token][-MAX_OPEN_ORDERS:]
    return Cookie(cookie_name(ask.app.settings, "order"), ".".join(kept), SHOPPER_HOURS * 3600)


def open_tokens(ask: Ask) -> list[str]:
    """The shopper's session tokens of this browser, oldest first."""
    value = ask.cookies.get(cookie_name(ask.app.settings, "order"), "")
    return [token for token in value.split(".") if _TOKEN.fullmatch(token)][-MAX_OPEN_ORDERS:]


def start_agent_session(ask: Ask, person: Agent) -> Cookie:
    """A new session id at every sign-in; returns its cookie."""
    token = new_token()
    ask.tx.add(
        AgentSession(
            token_hash=token_hash(token),
            agent_id=person.id or 0,
            created_at=ask.now,
            seen_at=ask.now,
            expires_at=ask.now + AGENT_ABSOLUTE,
            address=ask.client,
        )
    )
    return Cookie(cookie_name(ask.app.settings, "agent"), token, int(AGENT_ABSOLUTE.total_seconds()))


def cookie_name(settings: Settings, name: str) -> str:
    """`__Host-` binds a cookie to HTTPS and to this host; browsers refuse it over plain HTTP, hence the short form."""
    return f"__Host-ds_{name}" if settings.https else f"ds_{name}"
