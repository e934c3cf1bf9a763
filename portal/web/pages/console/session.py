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
from portal.web.console.frame import look
from portal.web.console.scope import acting_agent
from portal.web.edge import Ask, own_path, page

HOME = "/console"


@page("GET", "/console/sign-in", who=nobody)
def sign_in_form(ask: Ask) -> View:
    """The form. Tells nobody whether they are signed in."""
    return _form(ask, ask.query.get("next"), "")


# Not one long transaction: checking a password takes a tenth of a second and must not hold the write lock.
@page("POST", "/console/sign-in", who=nobody, writes=False)
def sign_in_now(ask: Ask) -> View | Go:
    """A new session under a new id, and the old one of this browser ends. Every failure looks the same."""
    email, password = _text(ask.body, "email", MAX_EMAIL), _text(ask.body, "password", MAX_PASSWORD + 1)
    try:
        agent = sign_in(ask.app, email, password, ask.client)
    except Refusal as refusal:
        return _form(ask, ask.body.get("next"), email, refusal)
    with ask.app.db.transaction() as tx:
        mine = replace(ask, unit=tx)
        _end(mine)
        cookie = start_agent_session(mine, agent)
    return Go(_next(ask.body.get("next")), (cookie,))


@page("POST", "/console/sign-out", who=acting_agent)
def sign_out(ask: Ask) -> Go:
    """Ends the session on the server, not only in the browser."""
    _end(ask)
    return Go("/console/sign-in", (Cookie(cookie_name(ask.app.settings, "agent"), "", 0),))


def _form(ask: Ask, after: object, email: str, refusal: Refusal | None = None) -> View:
    values = {
        **look(),
        "next": _next(after),
        "email": email,
        "fault": refusal.code if refusal else "",
        "minutes": -(-(refusal.wait_seconds or 0) // 60) if refusal else 0,
    }
    wait = {"Retry-After": str(refusal.wait_seconds)} if refusal and refusal.wait_seconds else {}
    return View("console/sign_in.html", values, refusal.status if refusal else 200, headers=wait)


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
