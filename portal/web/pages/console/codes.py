"""Carriers' codes that nobody mapped yet."""

from portal.web.answers import View
from portal.web.console.arrivals import codes
from portal.web.console.frame import frame
from portal.web.console.scope import reading_agent
from portal.web.edge import Ask, page


@page("GET", "/console/codes", who=reading_agent)
def show_codes(ask: Ask) -> View:
    """How often, since when, and in the carrier's words."""
    return View("console/codes.html", {**frame(ask, "codes"), **codes(ask)})
