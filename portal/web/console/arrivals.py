"""What carriers sent, for the person who keeps them connected: raw data not understood, unknown codes, connections."""

from datetime import timedelta
from typing import Any

from sqlalchemy import and_, func, or_
from sqlmodel import col, select

from carriers.registry import all_carriers
from portal.refusal import Refusal
from portal.tables import Brand, Connection, ConnectionUse, Inbox, Shipment, UnmappedCode
from portal.web.console.queue import Query, carrier_name, own, visible
from portal.web.console.scope import seen_by
from portal.web.console.seal import row_of, row_ref
from portal.web.console.show import Phrase, show_for
from portal.web.edge import Ask

SHOWN = 100
# Enough of a body to see what it is; a page of a megabyte helps nobody.
MAX_BODY = 20_000
_TABS = (("", "Not understood"), ("failed", "Trying again"), ("waiting", "Waiting"), ("all", "All"))


def inbox(ask: Ask, only: str) -> dict[str, Any]:
    """Rows given up by default; `?show=` failed, waiting or all."""
    chosen = only if only in dict(_TABS) else ""
    counts = {key: _count(ask, key) for key, _ in _TABS}
    found = ask.tx.exec(_rows(ask, chosen).order_by(col(Inbox.id).desc()).limit(SHOWN)).all()
    return {
        "tabs": [
            {
                "path": f"/console/inbox{'?show=' + key if key else ''}",
                "words": words,
                "count": counts[key],
                "here": key == chosen,
            }
            for key, words in _TABS
        ],
        "rows": [_row(ask, *row) for row in found],
        "left_out": max(counts[chosen] - len(found), 0),
        "zone": show_for(ask, None).zone_name,
        "is_limited": ask.who.agent.brand_id is not None,
    }


def inbox_row(ask: Ask) -> tuple[Inbox, Connection]:
    """The row that the path names, or Refusal not_found: also for one on a connection that brands share."""
    joined = select(Inbox, Connection).join(Connection, col(Connection.id) == col(Inbox.connection_id))
    row = ask.tx.exec(joined.where(own(ask), Inbox.id == row_of(ask, "inbox", ask.path["ref"]))).first()
    if row is None:
        raise Refusal("not_found", 404)
    return row


def inbox_view(ask: Ask) -> dict[str, Any]:
    """One row with its body as text, capped; undecodable bytes show as such."""
    row, connection = inbox_row(ask)
    text = row.body[:MAX_BODY].decode("utf-8", "backslashreplace")
    return {
        "row": _row(ask, row, connection, len(row.body)),
        "body": "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text),
        "cut": max(len(row.body) - MAX_BODY, 0),
        "headers": sorted((str(name), str(value)) for name, value in row.headers.items()),
        "asked": [str(number) for number in row.asked],
        "zone": show_for(ask, None).zone_name,
    }


def codes(ask: Ask) -> dict[str, Any]:
    """Codes that no table of ours maps, most frequent first. A sample number only of the agent's own parcels."""
    show = show_for(ask, None)
    found = ask.tx.exec(select(UnmappedCode).order_by(col(UnmappedCode.count).desc()).limit(SHOWN)).all()
    total = ask.tx.exec(select(func.count()).select_from(UnmappedCode)).one()
    return {
        "rows": [
            {
                "carrier": carrier_name(row.carrier),
                "code": row.code,
                "text": row.text,
                "count": row.count,
                "sample": row.sample_number if _is_own_number(ask, row) else "",
                "first": show.moment(row.first_seen_at),
                "last": show.moment(row.last_seen_at),
            }
            for row in found
        ],
        "left_out": max(int(total) - len(found), 0),
        "zone": show.zone_name,
    }


def connections(ask: Ask) -> dict[str, Any]:
    """Every connection of the agent's brands and those that all share: state, last words, budgets."""
    show = show_for(ask, None)
    query = select(Connection).where(visible(ask)).order_by(col(Connection.carrier), col(Connection.id))
    rows = ask.tx.exec(query).all()
    brands = {brand.id: brand for brand in ask.app.brands.all()}
    return {"rows": [_connection(ask, row, brands) for row in rows], "zone": show.zone_name}


def _rows(ask: Ask, which: str) -> Query:
    query = select(Inbox, Connection).join(Connection, col(Connection.id) == col(Inbox.connection_id)).where(own(ask))
    open_rows = and_(col(Inbox.done_at).is_(None), col(Inbox.dead_at).is_(None))
    conditions: dict[str, Any] = {
        # A row done with a remark was read, but something in it was left aside.
        "": or_(col(Inbox.dead_at).is_not(None), and_(col(Inbox.done_at).is_not(None), col(Inbox.error) != "")),
        "failed": and_(open_rows, col(Inbox.error) != ""),
        "waiting": and_(open_rows, col(Inbox.error) == ""),
    }
    return query.where(conditions[which]) if which in conditions else query


def _count(ask: Ask, which: str) -> int:
    counted = _rows(ask, which).with_only_columns(func.count(), maintain_column_froms=True)
    return int(ask.tx.connection().execute(counted).scalar_one())


def _row(ask: Ask, row: Inbox, connection: Connection, size: int | None = None) -> dict[str, Any]:
    show = show_for(ask, None)
    state, tone = ("Read", "ok") if row.done_at else ("Waiting", "info")
    if row.dead_at:
        state, tone = "Gave up", "bad"
    elif row.error:
        state, tone = ("Left aside", "warn") if row.done_at else ("Trying again", "warn")
    return {
        "carrier": carrier_name(row.carrier),
        "connection": connection.name,
        "via": "webhook" if row.via == "hook" else "poll",
        "state": {"words": state, "tone": tone},
        "error": row.error,
        "size": len(row.body) if size is None else size,
        "status": row.http_status,
        "tries": row.tries,
        "received": show.moment(row.received_at),
        "next": show.moment(row.next_at),
        "is_dead": row.dead_at is not None,
        "path": f"/console/inbox/{row_ref(ask, 'inbox', row.id)}",
    }


def _is_own_number(ask: Ask, row: UnmappedCode) -> bool:
    if not row.sample_number:
        return False
    mine = seen_by(ask.who, Shipment.brand_id), col(Shipment.number) == row.sample_number
    return ask.tx.exec(select(Shipment.id).where(*mine)).first() is not None


_STATES = {"ok": ("Works", "ok", "check"), "bad_credentials": ("Credentials refused", "bad", "alert")}


def _connection(ask: Ask, row: Connection, brands: dict[int | None, Brand]) -> dict[str, Any]:
    show = show_for(ask, None)
    words, tone, icon = _STATES.get(row.state, ("Switched off", "", "info"))
    paused = row.paused_until is not None and row.paused_until > ask.now
    if row.state == "ok" and paused:
        words, tone, icon = "Paused by the carrier", "warn", "clock"
    elif row.state == "ok" and row.failures:
        words, tone, icon = "Failing", "warn", "alert"
    return {
        "carrier": carrier_name(row.carrier),
        "name": row.name,
        "brand": brands[row.brand_id].name if row.brand_id in brands else "",
        "state": {"words": words, "tone": tone, "icon": icon},
        "text": row.state_text,
        "paused": show.moment(row.paused_until) if paused else None,
        "push": show.moment(row.last_push_at),
        "poll": show.moment(row.last_poll_at),
        "failed": show.moment(row.last_error_at),
        "failures": row.failures,
        "rejected": row.rejected_hooks,
        "budgets": _budgets(ask, row),
    }


def _budgets(ask: Ask, row: Connection) -> list[dict[str, Any]]:
    """Calls spent in the running period of each promise made to the carrier."""
    carrier = all_carriers().get(row.carrier)
    spent = []
    for budget in carrier.about.budgets if carrier else ():
        seconds = int(budget.per.total_seconds())
        period = int(ask.now.timestamp()) // seconds
        mine = ConnectionUse.connection_id == row.id, ConnectionUse.period_seconds == seconds
        calls = ask.tx.exec(select(ConnectionUse.calls).where(*mine, ConnectionUse.period == period)).first() or 0
        spent.append({"calls": calls, "limit": budget.calls, "per": _period(budget.per)})
    return spent


def _period(per: timedelta) -> Phrase:
    names = {1: "a second", 60: "a minute", 3600: "an hour", 86400: "a day"}
    seconds = int(per.total_seconds())
    return Phrase(names[seconds], {}) if seconds in names else Phrase("%(seconds)s seconds", {"seconds": seconds})
