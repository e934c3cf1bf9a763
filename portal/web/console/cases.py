"""One return as the workspace shows it: what comes back, why it may, what is owed, and what can be done next."""

from typing import Any

from sqlmodel import col, func, select

from portal.audit import SHOPPER
from portal.returning.rows import items_of
from portal.tables import Agent, Label, Order, PolicyVersion, Product, ReturnCase
from portal.web.console.opinions import opinions_of, verdict_of
from portal.web.console.show import Phrase, Show, phrase
from portal.web.console.words import ACTORS, LEDGER, REASONS, RESOLUTIONS, RETURN_STATES
from portal.web.edge import Ask
from returns.machine import Kind, Resolution, State, moves_from

CLOSED = (State.COMPLETED, State.REJECTED, State.CANCELLED, State.EXPIRED)
_VERBS = {"approve": "Approve", "reject": "Reject", "receive": "Book in as received", "cancel": "Cancel"}
# The machine's moves as the console's buttons.
_BUTTONS = {"approve": "approve", "reject": "reject", "receive_all": "receive", "accept": "settle", "cancel": "cancel"}


def cases_of(ask: Ask, show: Show, order: Order) -> list[ReturnCase]:
    """The order's returns, newest first."""
    mine = select(ReturnCase).where(ReturnCase.order_id == order.id).order_by(col(ReturnCase.id).desc())
    return list(ask.tx.exec(mine).all())


def case_view(ask: Ask, show: Show, order: Order, case: ReturnCase) -> dict[str, Any]:
    """Everything that parts of console/case.html show of one return."""
    words, tone, icon = RETURN_STATES.get(case.status, (case.status, "", "info"))
    items = items_of(ask.tx, case)
    return {
        "rma": case.rma,
        "path": f"/console/orders/{order.public_id}/returns/{case.public_id}",
        "status": case.status,
        "state": {"words": words, "tone": tone, "icon": icon},
        "is_closed": case.status in CLOSED,
        "resolution": phrase(RESOLUTIONS, case.resolution),
        "verdict": verdict_of(case.verdict),
        "opinions": opinions_of(show, case.opinions, case.currency),
        "policy": _policy(ask, show, case),
        "goods": [_item(ask, case, item, line) for item, line in items],
        "ledger": ledger(show, case.plan.get("lines", []), case.currency),
        "total": show.money(case.refund_minor, case.currency),
        "has_total": case.refund_minor > 0,
        "pays": show.money(case.plan["pays_minor"], case.currency) if case.plan.get("pays_minor") else "",
        "requested": show.moment(case.requested_at),
        "by": _asked_by(ask, case),
        "deadline": show.day(case.deadline),
        "reject_reason": case.reject_reason,
        "credit_code": case.credit_code,
        "label": _label(ask, case),
        "buttons": _buttons(show, case, [item.exchange_sku for item, _ in items]),
    }


def ledger(show: Show, lines: list[dict[str, Any]], currency: str) -> list[dict[str, Any]]:
    """A stored plan's lines: words left, amount right."""
    return [
        {
            "words": phrase(LEDGER, line["code"], show.facts(line["facts"])),
            "amount": show.money(line["amount_minor"], currency),
        }
        for line in lines
    ]


def _item(ask: Ask, case: ReturnCase, item: Any, line: Any) -> dict[str, Any]:
    swap = ""
    if item.exchange_sku:
        wanted = Product.brand_id == case.brand_id, Product.sku == item.exchange_sku
        found = ask.tx.exec(select(Product).where(*wanted)).first()
        swap = (found.variant or found.title) if found else item.exchange_sku
    return {
        "title": line.title,
        "variant": line.variant,
        "quantity": item.quantity,
        "reason": phrase(REASONS, item.reason),
        "comment": item.comment,
        "swap": swap,
    }


def _asked_by(ask: Ask, case: ReturnCase) -> Phrase:
    if case.created_by == SHOPPER.id:
        return Phrase("the shopper", {})
    kind, _, public_id = case.created_by.partition(":")
    name = ask.tx.exec(select(Agent.name).where(Agent.public_id == public_id)).first() if kind == "agent" else None
    return Phrase("%(name)s" if name else ACTORS.get(kind, "%(name)s"), {"name": name or case.created_by})


def _policy(ask: Ask, show: Show, case: ReturnCase) -> Phrase:
    """Under which version of the policy it was decided, and whether another one holds today."""
    met = ask.tx.get(PolicyVersion, case.policy_version_id) if case.policy_version_id else None
    if met is None:
        return Phrase("There was no policy then, so a person decides.", {})
    newest = select(func.max(PolicyVersion.version)).where(PolicyVersion.brand_id == case.brand_id)
    facts = {
        "version": met.version,
        "day": show.day(met.created_at.astimezone(show.zone).date()),
        "today": ask.tx.exec(newest).one(),
    }
    if facts["today"] == met.version:
        return Phrase("By version %(version)s of the policy, which holds today.", facts)
    return Phrase("By version %(version)s of the policy, of %(day)s. Today version %(today)s holds.", facts)


def _label(ask: Ask, case: ReturnCase) -> dict[str, Any] | None:
    label = ask.tx.exec(select(Label).where(Label.return_id == case.id)).first()
    if label is None:
        return None
    words = {
        "wanted": "The label is being made",
        "buying": "The label is being made",
        "bought": "The label is being drawn",
        "ready": "The label is ready",
        "refused": "The carrier refused the label",
        "unknown": "Nobody knows whether the label was bought",
        "void_wanted": "The label is being given back",
        "voided": "The label was given back",
    }.get(label.state, label.state)
    is_bad = label.state in {"refused", "unknown"} or label.dead_at is not None
    return {
        "words": words,
        "number": label.number,
        "error": label.error if is_bad else "",
        "is_bad": is_bad,
        "is_drawn": bool(label.pdf),
    }


def _buttons(show: Show, case: ReturnCase, skus: list[str]) -> list[dict[str, Any]]:
    """What can be done next, the likeliest first. `kind` picks the form, `words` says it with its amount."""
    moves = moves_from(State(case.status), kind=Kind(case.kind))
    wanted = [_BUTTONS[move] for move in moves if move in _BUTTONS]
    if case.status == State.RESOLVING:
        wanted = ["settle"]
    made = [_button(show, case, name, skus) for name in dict.fromkeys(wanted)]
    order = ("approve", "refund", "close", "exchange", "receive", "reject", "cancel")
    return sorted(made, key=lambda button: order.index(button["kind"]))


def _button(show: Show, case: ReturnCase, name: str, skus: list[str]) -> dict[str, Any]:
    if name != "settle":
        words = Phrase(_VERBS[name], {})
        is_next = name == "approve" or case.status in {State.IN_TRANSIT, State.PARTIALLY_RECEIVED}
        return {"kind": name, "words": words, "sku": "", "plain": "", "is_next": is_next}
    if case.resolution == Resolution.EXCHANGE_VARIANT:
        return {
            "kind": "exchange",
            "words": Phrase("Send the exchange", {}),
            "sku": skus[0] if skus else "",
            "plain": "",
            "is_next": True,
        }
    if not case.refund_minor:
        return {"kind": "close", "words": Phrase("Close, nothing is owed", {}), "sku": "", "plain": "", "is_next": True}
    amount = show.money(case.refund_minor, case.currency)
    verb = "Give %(amount)s credit" if case.resolution == Resolution.STORE_CREDIT else "Refund %(amount)s"
    plain = show.plain(case.refund_minor, case.currency)
    return {"kind": "refund", "words": Phrase(verb, {"amount": amount}), "sku": "", "plain": plain, "is_next": True}
