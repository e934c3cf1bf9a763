"""Raw data from carriers: what was kept but not understood, as it came, and reading it again."""

from sqlmodel import col, update

from portal.audit import record
from portal.tables import Inbox
from portal.web.answers import Go, View
from portal.web.console.arrivals import inbox, inbox_row, inbox_view
from portal.web.console.frame import frame
from portal.web.console.said import after
from portal.web.console.scope import acting_agent, actor, reading_agent
from portal.web.edge import Ask, page


@page("GET", "/console/inbox", who=reading_agent)
def show_inbox(ask: Ask) -> View:
    """What was given up; `?show=` failed, waiting, all."""
    return View("console/inbox.html", {**frame(ask, "inbox"), **inbox(ask, ask.query.get("show", ""))})


@page("GET", "/console/inbox/{ref}", who=reading_agent)
def show_inbox_row(ask: Ask) -> View:
    """One body, escaped and capped."""
    return View("console/inbox_row.html", {**frame(ask, "inbox"), **inbox_view(ask)})


@page("POST", "/console/inbox/{ref}/retry", who=acting_agent)
def retry_inbox_row(ask: Ask) -> Go:
    """Makes a row that was given up due again."""
    row, connection = inbox_row(ask)
    dead = col(Inbox.id) == row.id, col(Inbox.dead_at).is_not(None)
    revived = {"dead_at": None, "next_at": ask.now, "tries": 0, "error": ""}
    if not ask.tx.exec(update(Inbox).where(*dead).values(**revived)).rowcount:
        return after(ask, "/console/inbox", "already")
    record(ask.tx, "inbox.retried", actor(ask.who), ask.now, brand_id=connection.brand_id, carrier=row.carrier)
    return after(ask, "/console/inbox", "inbox_again")
