"""What needs an agent: parcels in trouble, returns to decide, receive and settle, and work that gave up."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, true
from sqlmodel import col, select

from carriers.status import FINAL, Status
from portal.tables import Connection, Inbox, Label, Order, Outbox, ReturnCase, Shipment, UnmappedCode
from portal.tracking.mapping import is_open
from portal.web.console.scope import seen_by
from portal.web.console.show import Phrase, Show, phrase, show_for
from portal.web.console.words import DELAYS, EVENTS, RETURN_STATES, STATUSES, SUB_STATUSES
from portal.web.edge import Ask
from returns.machine import State

# A select of rows; sqlmodel's own types cannot be named for joins that vary.
Query = Any

# Rows of one kind on one page. What is left out is counted and said.
SHOWN = 100
TROUBLED = (Status.EXCEPTION, Status.RETURNING)
COMING = (State.IN_TRANSIT, State.PARTIALLY_RECEIVED)
TO_SETTLE = (State.RECEIVED, State.INSPECTING, State.RESOLVING, State.LOST)

WHO: Mapping[str, str] = {"shopper": "Shopper", "merchant": "Us", "carrier": "Carrier", "none": "Carrier"}
CONNECTION_TROUBLE_FAILURES = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the queue. `urgency` 0 comes first; `since` is when it began to wait."""

    urgency: int
    since: datetime
    view: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """One tab: its words, how many there are, and its rows. `in_all`: how many of them the first tab counts."""

    key: str
    words: str
    count: Callable[[Ask], int]
    rows: Callable[[Ask], list[Row]]


def queue(ask: Ask, only: str) -> dict[str, Any]:
    """The tabs with their counts and the rows of the chosen one, most urgent first.

    `only` is a tab's key; anything else is all of them. In "all" the returns still under way are left out: nobody can
    do anything about those. `left_out` says how many rows there are beyond those shown.
    """
    chosen = only if only in KINDS else ""
    counts = {key: kind.count(ask) for key, kind in KINDS.items()}
    counts[""] = sum(counts.values()) - counts["receive"] + _count(ask, _cases_arrived(ask))
    rows = KINDS[chosen].rows(ask) if chosen else _everything(ask)
    rows.sort(key=lambda row: (row.urgency, row.since))
    shown = rows[:SHOWN]
    tabs = [("", "All open"), *((kind.key, kind.words) for kind in KINDS.values())]
    return {
        "tabs": [
            {
                "path": f"/console?show={key}" if key else "/console",
                "words": words,
                "count": counts[key],
                "here": key == chosen,
            }
            for key, words in tabs
        ],
        "rows": [row.view for row in shown],
        "left_out": max(counts[chosen] - len(shown), 0),
        "has_brands": ask.who.agent.brand_id is None and len(ask.app.brands.all()) > 1,
    }


def rail_counts(ask: Ask) -> dict[str, int]:
    """The figures beside the rail's entries; no figure means nothing to do there."""
    parcels, cases = _parcels(ask), _cases(ask, State.REQUESTED, *TO_SETTLE)
    needs = _count(ask, parcels), _count(ask, cases), _count(ask, _cases_arrived(ask))
    trouble = _trouble(ask)
    return {
        "queue": sum(needs) + sum(trouble.values()),
        "messages": trouble["messages"],
        "inbox": _count(ask, _dead_inbox(ask)),
        "codes": trouble["codes"],
        "connections": _count(ask, select(Connection).where(visible(ask), in_trouble())),
    }


def visible(ask: Ask) -> ColumnElement[bool]:
    """Connections that an agent may see the state of: their brand's, and those that all brands share."""
    mine = seen_by(ask.who, Connection.brand_id)
    return and_(or_(mine, col(Connection.brand_id).is_(None)), col(Connection.removed_at).is_(None))


def own(ask: Ask) -> ColumnElement[bool]:
    """Connections whose raw data an agent may read. A shared one carries other brands' parcels."""
    return true() if ask.who.agent.brand_id is None else col(Connection.brand_id) == ask.who.agent.brand_id


def in_trouble() -> ColumnElement[bool]:
    """Connections that an operator has to look at."""
    return or_(col(Connection.state) == "bad_credentials", col(Connection.failures) >= CONNECTION_TROUBLE_FAILURES)


def _count(ask: Ask, query: Query) -> int:
    counted = query.with_only_columns(func.count(), maintain_column_froms=True).order_by(None)
    return int(ask.tx.connection().execute(counted).scalar_one())


def _parcels(ask: Ask) -> Query:
    wrong = or_(col(Shipment.status).in_(TROUBLED), col(Shipment.delay).in_(("late", "stalled")))
    open_ones = and_(col(Shipment.status).not_in(FINAL), col(Shipment.direction) == "outbound")
    return (
        select(Shipment, Order)
        .join(Order, col(Order.id) == col(Shipment.order_id))
        .where(seen_by(ask.who, Shipment.brand_id), open_ones, wrong)
        .order_by(col(Shipment.status_at))
    )


def _cases(ask: Ask, *states: State) -> Query:
    mine = seen_by(ask.who, ReturnCase.brand_id), col(ReturnCase.status).in_(states)
    joined = select(ReturnCase, Order).join(Order, col(Order.id) == col(ReturnCase.order_id)).where(*mine)
    return joined.order_by(col(ReturnCase.requested_at))


def _has_arrived() -> ColumnElement[bool]:
    here = exists().where(col(Shipment.return_id) == col(ReturnCase.id), col(Shipment.status) == Status.DELIVERED)
    return or_(here, col(ReturnCase.status) == State.PARTIALLY_RECEIVED)


def _cases_arrived(ask: Ask) -> Query:
    return _cases(ask, *COMING).where(_has_arrived())


def _dead_messages(ask: Ask) -> Query:
    dead = seen_by(ask.who, Outbox.brand_id), col(Outbox.dead_at).is_not(None)
    return select(Outbox, Order).join(Order, col(Order.id) == col(Outbox.order_id)).where(*dead)


def _dead_inbox(ask: Ask) -> Query:
    mine = select(Inbox, Connection).join(Connection, col(Connection.id) == col(Inbox.connection_id))
    return mine.where(own(ask), is_not_understood())


def _dead_reasons(ask: Ask) -> Query:
    """Carrier, error, how often and since when: a carrier that changed its format is one thing to do, not thousands."""
    columns: list[Any] = [col(Inbox.carrier), col(Inbox.error), func.count(), func.min(col(Inbox.dead_at))]
    gathered = _dead_inbox(ask).with_only_columns(*columns, maintain_column_froms=True)
    return gathered.group_by(col(Inbox.connection_id), col(Inbox.carrier), col(Inbox.error)).order_by(columns[3])


def is_not_understood() -> ColumnElement[bool]:
    """Raw data that was given up and that nobody laid aside."""
    return and_(col(Inbox.dead_at).is_not(None), col(Inbox.discarded).is_(None))


def _open_codes() -> Query:
    return select(UnmappedCode).where(is_open())


def _dead_labels(ask: Ask) -> Query:
    stuck = or_(col(Label.dead_at).is_not(None), col(Label.state).in_(("refused", "unknown")))
    return (
        select(Label, ReturnCase, Order)
        .join(ReturnCase, col(ReturnCase.id) == col(Label.return_id))
        .join(Order, col(Order.id) == col(ReturnCase.order_id))
        .where(seen_by(ask.who, ReturnCase.brand_id), stuck, col(ReturnCase.status) == State.APPROVED)
    )


def _trouble(ask: Ask) -> dict[str, int]:
    """What gave up, by kind."""
    reasons = select(func.count()).select_from(_dead_reasons(ask).order_by(None).subquery())
    return {
        "messages": _count(ask, _dead_messages(ask)),
        "labels": _count(ask, _dead_labels(ask)),
        "codes": _count(ask, _open_codes()),
        "reasons": int(ask.tx.exec(reasons).one()),
    }


def _count_trouble(ask: Ask) -> int:
    return sum(_trouble(ask).values())


def _everything(ask: Ask) -> list[Row]:
    found = [*_parcel_rows(ask), *_case_rows(ask, (State.REQUESTED,), 1), *_case_rows(ask, TO_SETTLE, 0)]
    return [*found, *_receive_rows(ask, arrived=True), *_trouble_rows(ask)]


def _parcel_rows(ask: Ask) -> list[Row]:
    return [_parcel_row(ask, shipment, order) for shipment, order in ask.tx.exec(_parcels(ask).limit(SHOWN)).all()]


def _parcel_row(ask: Ask, shipment: Shipment, order: Order) -> Row:
    show = show_for(ask, ask.app.brands.get(order.brand_id))
    is_stopped = shipment.status in TROUBLED
    words, tone, icon = STATUSES[shipment.status] if is_stopped else DELAYS[shipment.delay]
    since = _delay_since(shipment) or shipment.status_at or shipment.last_scan_at or shipment.created_at
    chip = {"words": words, "tone": tone, "icon": icon}
    who = WHO.get(str(shipment.story.get("act", "")), "Carrier")
    urgency = 2 if is_stopped or shipment.delay == "stalled" else 3
    reason = parcel_reason(show, shipment)
    return Row(urgency, since, _view(ask, show, order, chip, reason, who, since))


def _delay_since(shipment: Shipment) -> datetime | None:
    since = (shipment.story.get("delay") or {}).get("since")
    try:
        found = datetime.fromisoformat(str(since))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def parcel_reason(show: Show, shipment: Shipment) -> Phrase:
    """Why a parcel is in the queue, in one line."""
    carrier = {"carrier": carrier_name(shipment.carrier), "number": shipment.number}
    if shipment.status in TROUBLED:
        text = sub_status_words(shipment)
        return (
            Phrase(text, {})
            if text
            else Phrase("%(carrier)s says: %(text)s", carrier | {"text": _last_words(shipment)})
        )
    if shipment.delay == "stalled":
        seen = show.moment(shipment.last_scan_at)
        last = f"{seen.day} {seen.clock}" if seen else ""
        words = "No scan since %(last)s, %(carrier)s" if last else "Never scanned, %(carrier)s"
        return Phrase(words, carrier | {"last": last})
    now_due = show.span(shipment.window_from, shipment.window_to)
    promised = show.span(shipment.promised_from, shipment.promised_to)
    if now_due and promised and now_due != promised:
        return Phrase("Promised %(promised)s, now expected %(now)s", {"promised": promised, "now": now_due})
    return Phrase("Promised %(promised)s and not delivered", {"promised": promised or now_due or "—"})


def sub_status_words(shipment: Shipment) -> str | None:
    """The sub-status in words, if it says more than the status and belongs to it."""
    sub_status = shipment.sub_status or ""
    return SUB_STATUSES.get(sub_status) if sub_status.partition(".")[0] == shipment.status else None


def _last_words(shipment: Shipment) -> str:
    latest = shipment.story.get("latest") or {}
    return str(latest.get("text") or shipment.status)


def carrier_name(slug: str) -> str:
    """A carrier's own name; a slug that is none of ours is the name that the shop gave."""
    from carriers.registry import all_carriers

    carrier = all_carriers().get(slug)
    return carrier.about.name if carrier else slug


def _case_rows(ask: Ask, states: tuple[State, ...], urgency: int) -> list[Row]:
    return [
        _case_row(ask, case, order, urgency) for case, order in ask.tx.exec(_cases(ask, *states).limit(SHOWN)).all()
    ]


def _receive_rows(ask: Ask, *, arrived: bool = False) -> list[Row]:
    query = _cases_arrived(ask) if arrived else _cases(ask, *COMING).add_columns(_has_arrived())
    found = ask.tx.exec(query.limit(SHOWN)).all()
    return [_case_row(ask, row[0], row[1], 4, is_here=arrived or bool(row[2])) for row in found]


def _case_row(ask: Ask, case: ReturnCase, order: Order, urgency: int, *, is_here: bool = False) -> Row:
    show = show_for(ask, ask.app.brands.get(order.brand_id))
    words, tone, icon = RETURN_STATES.get(case.status, (case.status, "", "info"))
    if case.status == State.IN_TRANSIT and is_here:
        words, tone, icon = "Arrived", "warn", "box"
    since = case.received_at or case.requested_at
    who = "Carrier" if case.status == State.IN_TRANSIT and not is_here else "Us"
    chip = {"words": words, "tone": tone, "icon": icon}
    value = show.money(case.refund_minor, case.currency) if case.refund_minor else ""
    fragment = f"#{case.rma}"
    return Row(urgency, since, _view(ask, show, order, chip, _case_reason(case, value), who, since, fragment, value))


def _case_reason(case: ReturnCase, value: str) -> Phrase:
    facts = {"rma": case.rma, "value": value}
    if case.resolution == "exchange_variant":
        return Phrase("Exchange %(rma)s", facts)
    if case.resolution == "store_credit":
        return Phrase("Store credit of %(value)s, %(rma)s", facts)
    return Phrase("Refund of %(value)s, %(rma)s", facts)


def _trouble_rows(ask: Ask) -> list[Row]:
    rows = [_message_row(ask, row, order) for row, order in ask.tx.exec(_dead_messages(ask).limit(SHOWN)).all()]
    rows += [_label_row(ask, *found) for found in ask.tx.exec(_dead_labels(ask).limit(SHOWN)).all()]
    for carrier, error, count, since in ask.tx.connection().execute(_dead_reasons(ask).limit(SHOWN)).all():
        reason = Phrase("%(text)s, %(count)s times" if count > 1 else "%(text)s", {"text": error, "count": count})
        rows.append(_system_row(ask, since, "Not understood", "/console/inbox", carrier, reason))
    for code in ask.tx.exec(_open_codes().limit(SHOWN)).all():
        reason = Phrase("%(text)s", {"text": f"{code.code}: {code.text}" if code.text else code.code})
        rows.append(_system_row(ask, code.first_seen_at, "Unknown code", "/console/codes", code.carrier, reason))
    return rows


def _message_row(ask: Ask, row: Outbox, order: Order) -> Row:
    show = show_for(ask, ask.app.brands.get(order.brand_id))
    chip = {"words": "Message failed", "tone": "bad", "icon": "mail"}
    event = phrase(EVENTS, row.event)
    reason = Phrase("%(error)s", {"error": f"{event.words % event.facts}: {row.error}"})
    since = row.dead_at or row.created_at
    return Row(1, since, _view(ask, show, order, chip, reason, "Us", since))


def _label_row(ask: Ask, label: Label, case: ReturnCase, order: Order) -> Row:
    show = show_for(ask, ask.app.brands.get(order.brand_id))
    chip = {"words": "No label", "tone": "bad", "icon": "alert"}
    since = label.dead_at or label.created_at
    reason = Phrase("%(rma)s: %(error)s", {"rma": case.rma, "error": label.error or label.state})
    return Row(0, since, _view(ask, show, order, chip, reason, "Us", since, f"#{case.rma}"))


def _system_row(ask: Ask, since: datetime | None, words: str, path: str, carrier: str, reason: Phrase) -> Row:
    show = show_for(ask, None)
    began = since or ask.now
    view = {
        "title": carrier_name(carrier),
        "who": "",
        "path": path,
        "chip": {"words": words, "tone": "", "icon": "info"},
        "reason": reason,
        "waits_on": "Operator",
        "value": "",
        "age": show.ago(began),
        "since": show.moment(began),
        "brand": "",
    }
    return Row(5, began, view)


def _view(
    ask: Ask,
    show: Show,
    order: Order,
    chip: dict[str, str],
    reason: Phrase,
    waits_on: str,
    since: datetime,
    fragment: str = "",
    value: str = "",
) -> dict[str, Any]:
    return {
        "title": order.number,
        "who": str(order.ship_to.get("name") or order.email),
        "path": f"/console/orders/{order.public_id}{fragment}",
        "chip": chip,
        "reason": reason,
        "waits_on": waits_on,
        "value": value or show.money(order.total_minor, order.currency),
        "age": show.ago(since),
        "since": show.moment(since),
        "brand": ask.app.brands.get(order.brand_id).name,
    }


KINDS: Mapping[str, Kind] = {
    kind.key: kind
    for kind in (
        Kind("parcels", "Parcels", lambda ask: _count(ask, _parcels(ask)), _parcel_rows),
        Kind(
            "decide",
            "To decide",
            lambda ask: _count(ask, _cases(ask, State.REQUESTED)),
            lambda ask: _case_rows(ask, (State.REQUESTED,), 1),
        ),
        Kind("receive", "To receive", lambda ask: _count(ask, _cases(ask, *COMING)), _receive_rows),
        Kind(
            "settle",
            "To settle",
            lambda ask: _count(ask, _cases(ask, *TO_SETTLE)),
            lambda ask: _case_rows(ask, TO_SETTLE, 0),
        ),
        Kind("trouble", "Gave up", _count_trouble, _trouble_rows),
    )
}
