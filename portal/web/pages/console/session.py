"""Signing in to the console and out of it."""

from dataclasses import replace
from typing import Any

from sqlmodel import col, delete

from portal.agents import MAX_EMAIL, MAX_PASSWORD, sign_in
from portal.keys import token_hash
from portal.refusal import Refusal
from portal.tables import AgentSession
from portal.web.access import cookie_name, nobody, start_agent_session
from portal.web.answers import Cookie, Go, View
from portal.web.console.gate import gate, welcome_back
from portal.web.console.scope import acting_agent
from portal.web.edge import Ask, own_path, page
from portal.web.written import written

HOME = "/console"


@page("GET", "/console/sign-in", who=nobody)
def sign_in_form(ask: Ask) -> View:
    """The form. Tells nobody whether they are signed in."""
    return gate(ask, _next(ask.query.get("next")))


# Not one long transaction: checking a password takes a tenth of a second and must not hold the write lock.
@page("POST", "/console/sign-in", who=nobody, writes=False)
def sign_in_now(ask: Ask) -> View | Go:
    """A new session under a new id, and the old one of this browser ends. Every failure looks the same."""
    email, password = _text(ask.body, "email", MAX_EMAIL), _text(ask.body, "password", MAX_PASSWORD + 1)
    after, texts = _next(ask.body.get("next")), written(ask.body)
    try:
        agent = sign_in(ask.app, email, password, ask.client)
    except Refusal as refusal:
        return gate(ask, after, email=email, refusal=refusal, written=texts)
    with ask.app.db.transaction() as tx:
        mine = replace(ask, unit=tx)
        _end(mine)
        cookie = start_agent_session(mine, agent)
    return welcome_back(after, texts, cookie) if texts else Go(after, (cookie,))


@page("POST", "/console/sign-out", who=acting_agent)
def sign_out(ask: Ask) -> Go:
    """Ends the session on the server, not only in the browser."""
    _end(ask)
    return Go("/console/sign-in", (Cookie(cookie_name(ask.app.settings, "agent"), "", 0),))


def _next(path: object) -> str:
    """Where to go afterwards: a page of the console, nowhere else."""
    own = own_path(path, HOME)
    return own if own == HOME or own.startswith((f"{HOME}/", f"{HOME}?")) else HOME


def _end(ask: Ask) -> None:
    token = ask.cookies.get(cookie_name(ask.app.settings, "agent"), "")
    if token:
        ask.tx.exec(delete(AgentSession).where(col(AgentSession.token_hash) == token_hash(token)))


def _text(body: Any, name: str, longest: int) -> str:
    value = body.get(name, "")
    return value[:longest] if isinstance(value, str) else ""
