"""Money back without a return, within what was paid and not yet given back."""

from typing import Any

from portal.returning import settle
from portal.web.answers import Go, View
from portal.web.console.acts import attempt, brand_of, order_path
from portal.web.console.fields import form_amount, form_key, form_text
from portal.web.console.said import after
from portal.web.console.scope import acting_agent, actor, order_of
from portal.web.console.show import show_for
from portal.web.edge import Ask, page

MAX_REASON = 1000


@page("POST", "/console/orders/{order}/goodwill", who=acting_agent)
def refund_goodwill(ask: Ask) -> View | Go:
    """The form's key makes a double submit one refund."""
    order, key = order_of(ask, lock=True), form_key(ask)
    brand, reason = brand_of(ask, order), form_text(ask, "reason", MAX_REASON)

    def act() -> dict[str, Any]:
        amount = form_amount(ask, order.currency)
        row = settle.refund_order(ask.tx, brand, order, amount, reason, key, actor(ask.who), ask.now)
        return {"amount": show_for(ask, brand).money(row.amount_minor, row.currency)}

    facts = attempt(ask, order, act)
    return facts if isinstance(facts, View) else after(ask, f"{order_path(order)}#money", "goodwill", **facts)
