"""Messages to shoppers: queued, sent, not sent and why, failed; sending one again."""

from sqlmodel import col, update

from portal.audit import record
from portal.refusal import Refusal
from portal.tables import Outbox
from portal.web.answers import Go, View
from portal.web.console.acts import attempt, order_path
from portal.web.console.fields import form_text
from portal.web.console.frame import frame
from portal.web.console.outbox import message_of, messages, send_again
from portal.web.console.said import after
from portal.web.console.scope import acting_agent, actor, order_of, reading_agent
from portal.web.console.words import SUPPRESSED
from portal.web.edge import Ask, page


@page("GET", "/console/messages", who=reading_agent)
def show_messages(ask: Ask) -> View:
    """`?show=` queued, sent, suppressed or dead; else all."""
    return View("console/messages.html", {**frame(ask, "messages"), **messages(ask, ask.query.get("show", ""))})


@page("POST", "/console/messages/{ref}/retry", who=acting_agent)
def retry_message(ask: Ask) -> Go:
    """Makes a message that was given up due again."""
    row = message_of(ask)
    dead = col(Outbox.id) == row.id, col(Outbox.dead_at).is_not(None)
    revived = {"dead_at": None, "next_at": ask.now, "tries": 0, "error": ""}
    if not ask.tx.exec(update(Outbox).where(*dead).values(**revived)).rowcount:
        return after(ask, "/console/messages?show=dead", "already")
    by, event = actor(ask.who), row.event
    record(ask.tx, "message.retried", by, ask.now, brand_id=row.brand_id, order_id=row.order_id, event=event)
    return after(ask, "/console/messages?show=dead", "message_again")


@page("POST", "/console/orders/{order}/messages/{ref}/again", who=acting_agent)
def send_message_again(ask: Ask) -> View | Go:
    """The same news once more, as a message of its own; `copy` comes with the form and makes a double submit one."""
    order = order_of(ask, lock=True)
    row = message_of(ask, order)
    copy = form_text(ask, "copy", 6)
    if not copy.isascii() or not copy.isdigit():
        raise Refusal("stale_form", 403)
    sent: list[Outbox | None] = []

    def act() -> dict[str, str]:
        sent.append(send_again(ask, order, row, int(copy)))
        return {}

    answer = attempt(ask, order, act)
    if isinstance(answer, View):
        return answer
    path, new = f"{order_path(order)}#timeline", sent[0]
    if new is None:
        return after(ask, path, "already")
    if new.suppressed:
        return after(ask, path, "message_not_again", why=SUPPRESSED.get(new.suppressed, new.suppressed))
    by, event = actor(ask.who), row.event
    record(ask.tx, "message.again", by, ask.now, brand_id=order.brand_id, order_id=order.id, event=event)
    return after(ask, path, "message_again")
