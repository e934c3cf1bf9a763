"""Calls to carriers: who spent what they allow, and what has grown stale."""

from portal.web.answers import View
from portal.web.console.frame import frame
from portal.web.console.scope import reading_agent
from portal.web.console.spending import spending
from portal.web.edge import Ask, page


@page("GET", "/console/usage", who=reading_agent)
def show_usage(ask: Ask) -> View:
    """By connection: state and the way on, calls by period and purpose, parcels, webhooks."""
    return View("console/usage.html", {**frame(ask, "usage"), **spending(ask)})
