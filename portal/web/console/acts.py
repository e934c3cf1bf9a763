"""What an agent does to a return: refusals in words with a way back, stale forms answered with who did what."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlmodel import col, select

from portal.audit import Actor
from portal.refusal import Refusal
from portal.tables import Audit, Brand, Order, ReturnCase
from portal.web.answers import Go, View
from portal.web.console.fields import form_text
from portal.web.console.frame import frame
from portal.web.console.opinions import opinions_of
from portal.web.console.said import after
from portal.web.console.scope import actor, case_of, order_of
from portal.web.console.show import phrase, show_for
from portal.web.console.timeline import act_of
from portal.web.console.words import REFUSED, RETURN_STATES
from portal.web.edge import Ask
from portal.web.written import written

# The trail's word for what each button does: to see a double click for what it is.
DOES = {
    "approve": "return.approved",
    "reject": "return.rejected",
    "cancel": "return.cancelled",
    "receive": "return.received",
    "refund": "return.refunded",
    "close": "return.closed",
    "exchange": "exchange.released",
}
# The worker's own step: a label that got ready between two clicks is nothing that somebody else decided.
_LABEL_MADE = ("approved", "label_issued")
_DOUBLE_CLICK = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Desk:
    """One return on the agent's desk: everything that a verb of portal.returning needs."""

    ask: Ask
    brand: Brand
    order: Order
    case: ReturnCase
    by: Actor

    @property
    def now(self) -> Any:
        return self.ask.now

    @property
    def path(self) -> str:
        """The workspace, at this return."""
        return f"{order_path(self.order)}#{self.case.rma}"


def order_path(order: Order) -> str:
    """The workspace of an order."""
    return f"/console/orders/{order.public_id}"


def brand_of(ask: Ask, order: Order) -> Brand:
    """The order's brand."""
    return ask.app.brands.get(order.brand_id)


def on_case(ask: Ask, move: str, act: Callable[[Desk], dict[str, Any]]) -> Go | View:
    """Runs one verb on the return in the path, if it still stands where the form saw it: that is its field `status`.

    `act` returns facts for the message. Its Refusal undoes what it did and becomes a page with a way back.
    """
    order = order_of(ask, lock=True)
    case = case_of(ask, order)
    status = form_text(ask, "status", 40)
    desk = Desk(ask, brand_of(ask, order), order, case, actor(ask.who))
    if case.status != status and (status, case.status) != _LABEL_MADE:
        return _stale(desk, move)
    facts = attempt(ask, order, lambda: act(desk))
    return facts if isinstance(facts, View) else after(ask, desk.path, move, **{"rma": case.rma, **facts})


def attempt(ask: Ask, order: Order, act: Callable[[], dict[str, Any]]) -> dict[str, Any] | View:
    """Runs `act` in a savepoint; a Refusal is undone and answered with its words and a link back."""
    try:
        with ask.tx.begin_nested():
            return act()
    except Refusal as refusal:
        return refused(ask, order, refusal)


def refused(ask: Ask, order: Order, refusal: Refusal) -> View:
    """The page that says why not."""
    show = show_for(ask, brand_of(ask, order))
    facts = show.facts(refusal.facts, order.currency)
    values = {
        "why": phrase(REFUSED, refusal.code, facts),
        "order": {"number": order.number, "path": order_path(order)},
        "opinions": opinions_of(show, refusal.facts.get("opinions") or [], order.currency),
        "written": written(ask.body),
    }
    return View("console/refused.html", {**frame(ask, ""), **values}, refusal.status)


def declined(ask: Ask, here: str, back: str, refusal: Refusal) -> View:
    """The same for what is about no order: `here` is the rail's entry, `back` the page to return to."""
    values: dict[str, Any] = {
        "why": phrase(REFUSED, refusal.code, refusal.facts),
        "order": {"number": "", "path": back},
    }
    values |= {"opinions": [], "written": written(ask.body)}
    return View("console/refused.html", {**frame(ask, here), **values}, refusal.status)


def _stale(desk: Desk, move: str) -> Go | View:
    """The case moved on meanwhile: a double click of the same agent is told so gently, anything else with names."""
    trail = select(Audit).where(Audit.return_id == desk.case.id).order_by(col(Audit.id).desc()).limit(3)
    latest = list(desk.ask.tx.exec(trail).all())
    mine = [row for row in latest if row.actor == desk.by.id and desk.now - row.at <= _DOUBLE_CLICK]
    if any(row.act == DOES[move] for row in mine):
        return after(desk.ask, desk.path, "already")
    show = show_for(desk.ask, desk.brand)
    words, tone, icon = RETURN_STATES.get(desk.case.status, (desk.case.status, "", "info"))
    values = {
        "rma": desk.case.rma,
        "state": {"words": words, "tone": tone, "icon": icon},
        "acts": [act_of(show, row, {desk.case.id: desk.case.rma}) for row in latest],
        "zone": show.zone_name,
        "written": written(desk.ask.body),
        "order": {"number": desk.order.number, "path": desk.path},
    }
    return View("console/stale.html", {**frame(desk.ask, ""), **values}, 409)
