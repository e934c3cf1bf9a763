"""Raw data from carriers that was kept but not understood: as it came, reading it again, laying it aside."""

from typing import Any

from portal.audit import record
from portal.refusal import Refusal
from portal.web.answers import Go, View
from portal.web.console.acts import declined
from portal.web.console.arrivals import inbox, inbox_row, inbox_view, lay_aside, read_again
from portal.web.console.fields import form_text
from portal.web.console.frame import frame
from portal.web.console.said import after
from portal.web.console.scope import acting_agent, actor, reading_agent
from portal.web.edge import Ask, page

MAX_REASON = 300


@page("GET", "/console/inbox", who=reading_agent)
def show_inbox(ask: Ask) -> View:
    """What was given up, by reason; `?show=` failed, waiting, aside, all."""
    return View("console/inbox.html", {**frame(ask, "inbox"), **inbox(ask, ask.query.get("show", ""))})


@page("GET", "/console/inbox/{ref}", who=reading_agent)
def show_inbox_row(ask: Ask) -> View:
    """One body, escaped and capped, and what this version makes of it."""
    return View("console/inbox_row.html", {**frame(ask, "inbox"), **inbox_view(ask)})


@page("POST", "/console/inbox/{ref}/retry", who=acting_agent)
def retry_inbox_row(ask: Ask) -> Go:
    """Makes a row that was given up due again; with `alike` all that were given up for the same reason."""
    row, connection = inbox_row(ask)
    count = read_again(ask, row, alike=bool(form_text(ask, "alike", 9)), now=ask.now)
    if not count:
        return after(ask, "/console/inbox", "already")
    facts: dict[str, Any] = {"carrier": row.carrier, "count": count}
    record(ask.tx, "inbox.retried", actor(ask.who), ask.now, brand_id=connection.brand_id, **facts)
    return after(ask, "/console/inbox", "inbox_again" if count == 1 else "inbox_all_again", count=count)


@page("POST", "/console/inbox/{ref}/discard", who=acting_agent)
def discard_inbox_row(ask: Ask) -> View | Go:
    """Lays it aside with a reason: it stays readable and is not counted any more."""
    row, connection = inbox_row(ask)
    reason = form_text(ask, "reason", MAX_REASON)
    if not reason:
        return declined(ask, "inbox", f"/console/inbox/{ask.path['ref']}", Refusal("reason_missing", 422))
    count = lay_aside(ask, row, reason, alike=bool(form_text(ask, "alike", 9)))
    if not count:
        return after(ask, "/console/inbox", "already")
    facts: dict[str, Any] = {"carrier": row.carrier, "count": count, "reason": reason}
    record(ask.tx, "inbox.discarded", actor(ask.who), ask.now, brand_id=connection.brand_id, **facts)
    return after(ask, "/console/inbox", "inbox_discarded", count=count)
