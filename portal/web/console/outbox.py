"""Messages as agents see them: what was sent, what waits, what was not sent and why, and sending one again."""

from typing import Any

from sqlalchemy import ColumnElement, func
from sqlmodel import col, select

from portal.notify.events import Event
from portal.notify.outbox import put
from portal.refusal import Refusal
from portal.tables import Order, Outbox
from portal.web.console.queue import Query
from portal.web.console.scope import seen_by
from portal.web.console.seal import row_of
from portal.web.console.show import show_for
from portal.web.console.timeline import message_view
from portal.web.edge import Ask

SHOWN = 100
STATES: dict[str, ColumnElement[bool]] = {
    "queued": col(Outbox.done_at).is_(None) & col(Outbox.dead_at).is_(None),
    "sent": col(Outbox.done_at).is_not(None) & (col(Outbox.suppressed) == ""),
    "suppressed": col(Outbox.suppressed) != "",
    "dead": col(Outbox.dead_at).is_not(None),
}
_TABS = (("", "All"), ("queued", "Queued"), ("sent", "Sent"), ("suppressed", "Not sent"), ("dead", "Failed"))


def messages(ask: Ask, only: str) -> dict[str, Any]:
    """The tabs with their counts and the newest messages of the chosen one. Anything unknown is all of them."""
    chosen = only if only in STATES else ""
    counts = {key: _count(ask, STATES.get(key)) for key, _ in _TABS}
    query = _mine(ask, select(Outbox, Order)).join(Order, col(Order.id) == col(Outbox.order_id))
    if chosen:
        query = query.where(STATES[chosen])
    found = ask.tx.exec(query.order_by(col(Outbox.id).desc()).limit(SHOWN)).all()
    return {
        "tabs": [
            {
                "path": f"/console/messages{'?show=' + key if key else ''}",
                "words": words,
                "count": counts[key],
                "here": key == chosen,
            }
            for key, words in _TABS
        ],
        "rows": [_row(ask, row, order) for row, order in found],
        "left_out": max(counts[chosen] - len(found), 0),
    }


def message_of(ask: Ask, order: Order | None = None) -> Outbox:
    """The message that the path names, if the agent may see it and it is about this order."""
    wanted = col(Outbox.id) == row_of(ask, "outbox", ask.path["ref"]), seen_by(ask.who, Outbox.brand_id)
    query = select(Outbox).where(*wanted).with_for_update(key_share=True)
    row = ask.tx.exec(query.where(Outbox.order_id == order.id) if order else query).first()
    if row is None:
        raise Refusal("not_found", 404)
    return row


def send_again(ask: Ask, order: Order, row: Outbox, copy: int) -> Outbox | None:
    """Queues the same news once more, as copy number `copy` of it: the same number twice is one message, then None.

    The facts are those of the first time; what is no longer true is held back by the sender, which says so.
    """
    try:
        event = Event(row.event)
    except ValueError:
        raise Refusal("no_such_message", 409) from None
    subject, _, rest = row.key.partition(f":{row.event}:")
    fact = rest.rsplit(":", 2)[0].partition("~")[0]
    brand = ask.app.brands.get(order.brand_id)
    is_new = put(
        ask.tx,
        event=event,
        fact=f"{fact}~{copy}",
        brand=brand,
        order=order,
        now=ask.now,
        facts=row.facts,
        shipment_id=row.shipment_id,
        return_id=row.return_id,
    )
    if not is_new or not subject:
        return None
    return ask.tx.exec(select(Outbox).where(Outbox.order_id == order.id).order_by(col(Outbox.id).desc())).first()


def _mine(ask: Ask, query: Query) -> Query:
    return query.where(seen_by(ask.who, Outbox.brand_id))


def _count(ask: Ask, condition: ColumnElement[bool] | None) -> int:
    query = _mine(ask, select(func.count()).select_from(Outbox))
    counted = query if condition is None else query.where(condition)
    return int(ask.tx.connection().execute(counted).scalar_one())


def _row(ask: Ask, row: Outbox, order: Order) -> dict[str, Any]:
    brand = ask.app.brands.get(order.brand_id)
    show = show_for(ask, brand)
    return {
        **message_view(ask, show, row),
        "order": order.number,
        "path": f"/console/orders/{order.public_id}",
        "brand": brand.name,
        "zone": show.zone_name,
    }
