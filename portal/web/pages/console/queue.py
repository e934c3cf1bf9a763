"""The queue: what needs an agent, most urgent first."""

from portal.web.answers import View
from portal.web.console.frame import frame
from portal.web.console.queue import queue
from portal.web.console.scope import reading_agent
from portal.web.edge import Ask, page


@page("GET", "/console", who=reading_agent)
def show_queue(ask: Ask) -> View:
    """`?show=` chooses a tab: parcels, decide, receive, settle, trouble; else all of them."""
    return View("console/queue.html", {**frame(ask, "queue"), **queue(ask, ask.query.get("show", ""))})
