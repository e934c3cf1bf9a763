"""Returns from the workspace: on the shopper's behalf, and every decision about one."""

from collections.abc import Callable
from typing import Any

from sqlmodel import col, select

from portal.refusal import Refusal
from portal.returning import approve, receive, settle, start
from portal.tables import Label, ReturnCase
from portal.web.answers import Blob, Go, View
from portal.web.console.acts import Desk, attempt, brand_of, on_case, order_path, refused
from portal.web.console.fields import form_amount, form_key, form_text
from portal.web.console.said import after
from portal.web.console.scope import acting_agent, actor, order_of, public_id, reading_agent
from portal.web.console.show import show_for
from portal.web.console.wanted import wanted_of
from portal.web.edge import Ask, page
from returns.machine import Resolution

MAX_REASON = 1000


@page("GET", "/console/orders/{order}/returns/{case}/label.pdf", who=reading_agent)
def label_pdf(ask: Ask) -> Blob:
    """The sheet as it was printed, also when it was used: what a shopper asks about is what an agent must see."""
    order = order_of(ask)
    mine = ReturnCase.order_id == order.id, ReturnCase.public_id == public_id(ask.path["case"])
    found = ask.tx.exec(
        select(ReturnCase.rma, Label.pdf).join(Label, col(Label.return_id) == ReturnCase.id).where(*mine)
    )
    rma, pdf = found.first() or ("", None)
    if not pdf:
        raise Refusal("not_found", 404)
    return Blob(pdf, "application/pdf", f"return-{rma}.pdf", inline=True)


@page("POST", "/console/orders/{order}/returns", who=acting_agent)
def start_return(ask: Ask) -> View | Go:
    """A return or an exchange on the shopper's behalf. The form's key makes a double submit one return."""
    order, key = order_of(ask, lock=True), form_key(ask)
    wish = wanted_of(ask.body)
    if wish.fault:
        return refused(ask, order, Refusal("no_items" if wish.fault == "nothing_chosen" else wish.fault, 422))
    brand, by = brand_of(ask, order), actor(ask.who)

    def act() -> dict[str, Any]:
        case = start.start_return(ask.tx, brand, order, wish.wanted, request_key=key, by=by, now=ask.now)
        return {"rma": case.rma, "status": case.status}

    facts = attempt(ask, order, act)
    if isinstance(facts, View):
        return facts
    is_exchange = wish.wanted.resolution == Resolution.EXCHANGE_VARIANT
    code = "return_waits" if facts["status"] == "requested" else "exchange_started" if is_exchange else "return_started"
    return after(ask, f"{order_path(order)}#{facts['rma']}", code, rma=facts["rma"])


@page("POST", "/console/orders/{order}/returns/{case}/approve", who=acting_agent)
def approve_return(ask: Ask) -> View | Go:
    """Yes; the label follows by itself."""
    return _move(ask, "approve", approve.approve)


@page("POST", "/console/orders/{order}/returns/{case}/reject", who=acting_agent)
def reject_return(ask: Ask) -> View | Go:
    """No, with the reason that the shopper is told."""
    return _move(ask, "reject", approve.reject, form_text(ask, "reason", MAX_REASON))


@page("POST", "/console/orders/{order}/returns/{case}/cancel", who=acting_agent)
def cancel_return(ask: Ask) -> View | Go:
    """Called off before the first scan."""
    return _move(ask, "cancel", approve.cancel)


@page("POST", "/console/orders/{order}/returns/{case}/receive", who=acting_agent)
def receive_return(ask: Ask) -> View | Go:
    """Everything is back."""
    return _move(ask, "receive", receive.receive)


@page("POST", "/console/orders/{order}/returns/{case}/refund", who=acting_agent)
def refund_return(ask: Ask) -> View | Go:
    """The amount in the button, or less of it. What was shown is what is done: the amount comes with the form."""

    def act(desk: Desk) -> dict[str, Any]:
        amount = form_amount(ask, desk.case.currency)
        row = settle.refund(ask.tx, desk.brand, desk.case, desk.by, ask.now, amount_minor=amount)
        return {"amount": show_for(ask, desk.brand).money(row.amount_minor, row.currency)}

    return on_case(ask, "refund", act)


@page("POST", "/console/orders/{order}/returns/{case}/close", who=acting_agent)
def close_return(ask: Ask) -> View | Go:
    """The goods are back, and nothing is owed for them."""
    return _move(ask, "close", settle.close)


@page("POST", "/console/orders/{order}/returns/{case}/exchange", who=acting_agent)
def exchange_return(ask: Ask) -> View | Go:
    """Releases the other variant."""
    return _move(ask, "exchange", settle.settle_exchange, form_text(ask, "sku", 200))


def _move(ask: Ask, move: str, verb: Callable[..., object], *more: str) -> View | Go:
    """A verb of portal.returning that tells nothing back; `more` is what it takes before who does it, and when."""

    def act(desk: Desk) -> dict[str, Any]:
        verb(ask.tx, desk.brand, desk.case, *more, desk.by, ask.now)
        return {}

    return on_case(ask, move, act)
