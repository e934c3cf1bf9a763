"""The accounts with carriers: do they work, when did they last speak, what is spent of their budgets."""

from portal.web.answers import View
from portal.web.console.arrivals import connections
from portal.web.console.frame import frame
from portal.web.console.scope import reading_agent
from portal.web.edge import Ask, page


@page("GET", "/console/connections", who=reading_agent)
def show_connections(ask: Ask) -> View:
    """Read-only: connections are made with the command line."""
    return View("console/connections.html", {**frame(ask, "connections"), **connections(ask)})
