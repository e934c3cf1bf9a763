"""What carriers sent and we could not read, for the person who keeps them connected: gathered by reason, as it came."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Row, and_, func, or_
from sqlalchemy.orm import defer
from sqlmodel import col, select, update

from portal.connections import secrets_of
from portal.keys import CannotDecrypt
from portal.refusal import Refusal
from portal.tables import Connection, Inbox
from portal.tracking.ingest import read_row
from portal.tracking.timeline import BY_HAND
from portal.web.console.queue import Query, carrier_name, is_not_understood, own
from portal.web.console.seal import row_of, row_ref
from portal.web.console.show import Phrase, show_for
from portal.web.edge import Ask

SHOWN = 100
# Enough of a body to see what it is; a page of a megabyte helps nobody.
MAX_BODY = 20_000
# Read once more for the page only up to this size: the worker takes larger ones.
MAX_TRIAL = 1024 * 1024
# Shorter ones would hide half of every body.
_SECRET_CHARACTERS = 6
_TABS = (
    ("", "Not understood"),
    ("failed", "Trying again"),
    ("waiting", "Waiting"),
    ("aside", "Laid aside"),
    ("all", "All"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """One row without its body: `size` is that of the body in bytes."""

    row: Inbox
    connection: Connection
    size: int


def inbox(ask: Ask, only: str) -> dict[str, Any]:
    """What was not understood, gathered by reason; `?show=` failed, waiting, aside or all lists single rows."""
    chosen = only if only in dict(_TABS) else ""
    counts = {key: _count(ask, key) for key, _ in _TABS}
    found = _groups(ask) if not chosen else [_row(ask, one) for one in _newest(ask, chosen)]
    shown = sum(group["count"] for group in found) if not chosen else len(found)
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
        "rows": found,
        "is_gathered": not chosen,
        "left_out": max(counts[chosen] - shown, 0),
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
    """One row with its body as text, capped; undecodable bytes show as such, our own secrets do not show."""
    row, connection = inbox_row(ask)
    hidden = _secrets(ask, connection)
    text = _masked(row.body, hidden)[:MAX_BODY].decode("utf-8", "backslashreplace")
    headers = ((str(name), _masked(str(value).encode(), hidden).decode()) for name, value in row.headers.items())
    return {
        "row": _row(ask, Found(row, connection, len(row.body))),
        "alike": _alike_count(ask, row) if row.dead_at else 0,
        "today": _read_today(row) if row.dead_at else None,
        "body": "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text),
        "cut": max(len(row.body) - MAX_BODY, 0),
        "headers": sorted(headers),
        "asked": [str(number) for number in row.asked],
        "discarded": row.discarded,
        "zone": show_for(ask, None).zone_name,
    }


def read_again(ask: Ask, row: Inbox, *, alike: bool, now: datetime) -> int:
    """Makes it due, or all that were given up for the same reason with it. Returns how many."""
    revived = {"dead_at": None, "next_at": now, "tries": 0, "error": "", "discarded": None}
    return int(ask.tx.exec(update(Inbox).where(*_chosen(row, alike)).values(**revived)).rowcount)


def lay_aside(ask: Ask, row: Inbox, reason: str, *, alike: bool) -> int:
    """Out of the queue and kept, with the reason. Returns how many."""
    waiting = col(Inbox.discarded).is_(None)
    return int(ask.tx.exec(update(Inbox).where(*_chosen(row, alike), waiting).values(discarded=reason)).rowcount)


def _chosen(row: Inbox, alike: bool) -> tuple[Any, ...]:
    dead = col(Inbox.dead_at).is_not(None)
    if not alike:
        return col(Inbox.id) == row.id, dead
    same = col(Inbox.connection_id) == row.connection_id, col(Inbox.error) == row.error
    return (*same, dead, col(Inbox.discarded).is_(None))


def _alike_count(ask: Ask, row: Inbox) -> int:
    return int(ask.tx.exec(select(func.count()).select_from(Inbox).where(*_chosen(row, alike=True))).one())


def _read_today(row: Inbox) -> dict[str, Any] | None:
    """What this version makes of it, found out by reading it and nothing else."""
    if len(row.body) > MAX_TRIAL:
        return None
    read = read_row(cast("Row[Any]", row))  # it reads columns, which a row of either kind has
    if read.answer is None:
        same = read.fault == row.error
        return {"understood": False, "is_same": same, "words": Phrase("%(fault)s", {"fault": read.fault})}
    answer = read.answer
    counts = {"parcels": len(answer.parcels), "scans": sum(len(parcel.scans) for parcel in answer.parcels)}
    return {"understood": True, "words": Phrase("%(parcels)s parcels, %(scans)s scans", counts)}


def _secrets(ask: Ask, connection: Connection) -> list[bytes]:
    """What must not be shown though a carrier, or somebody in its name, sent it back to us. Longest first."""
    try:
        found = [connection.hook_token, *secrets_of(ask.app, connection).values()]
    except CannotDecrypt:
        found = [connection.hook_token]
    return sorted((text.encode() for text in found if len(text) >= _SECRET_CHARACTERS), key=len, reverse=True)


def _masked(body: bytes, hidden: Iterable[bytes]) -> bytes:
    """Of the same length, so that what is cut off later is counted right."""
    for secret in hidden:
        body = body.replace(secret, b"*" * len(secret))
    return body


def _groups(ask: Ask) -> list[dict[str, Any]]:
    """One line for each reason of each connection, the newest first."""
    columns: list[Any] = [
        func.max(col(Inbox.id)),
        func.count(),
        func.min(col(Inbox.received_at)),
        func.max(col(Inbox.received_at)),
    ]
    by = col(Inbox.connection_id), col(Inbox.error)
    joined = _rows(ask, "").with_only_columns(*columns, maintain_column_froms=True).group_by(*by)
    lines = ask.tx.connection().execute(joined.order_by(columns[0].desc()).limit(SHOWN)).all()
    samples = {one.row.id: one for one in _load(ask, [line[0] for line in lines])}
    show = show_for(ask, None)
    return [
        {**_row(ask, samples[newest]), "count": count, "first": show.moment(first), "last": show.moment(last)}
        for newest, count, first, last in lines
    ]


def _newest(ask: Ask, which: str) -> list[Found]:
    ids = _rows(ask, which).with_only_columns(col(Inbox.id), maintain_column_froms=True)
    return _load(ask, ask.tx.connection().execute(ids.order_by(col(Inbox.id).desc()).limit(SHOWN)).scalars().all())


def _load(ask: Ask, ids: Iterable[int]) -> list[Found]:
    """The rows without their bodies, newest first: a hundred bodies may be hundreds of megabytes."""
    query = (
        select(Inbox, Connection, func.length(col(Inbox.body)))
        .join(Connection, col(Connection.id) == col(Inbox.connection_id))
        .where(col(Inbox.id).in_(list(ids)))
        .options(defer(col(Inbox.body)))  # type: ignore[arg-type]
    )
    return [Found(*found) for found in ask.tx.exec(query.order_by(col(Inbox.id).desc())).all()]


def _rows(ask: Ask, which: str) -> Query:
    query = select(Inbox, Connection).join(Connection, col(Connection.id) == col(Inbox.connection_id)).where(own(ask))
    open_rows = and_(col(Inbox.done_at).is_(None), col(Inbox.dead_at).is_(None))
    conditions: dict[str, Any] = {
        "": is_not_understood(),
        "failed": and_(open_rows, col(Inbox.error) != ""),
        "waiting": and_(open_rows, col(Inbox.error) == ""),
        # A row done with a remark was read, but something in it was left aside.
        "aside": or_(col(Inbox.discarded).is_not(None), and_(col(Inbox.done_at).is_not(None), col(Inbox.error) != "")),
    }
    return query.where(conditions[which]) if which in conditions else query


def _count(ask: Ask, which: str) -> int:
    counted = _rows(ask, which).with_only_columns(func.count(), maintain_column_froms=True)
    return int(ask.tx.connection().execute(counted).scalar_one())


def _row(ask: Ask, found: Found) -> dict[str, Any]:
    row, show = found.row, show_for(ask, None)
    state, tone = ("Read", "ok") if row.done_at else ("Waiting", "info")
    if row.discarded is not None:
        state, tone = "Laid aside", ""
    elif row.dead_at:
        state, tone = "Gave up", "bad"
    elif row.error:
        state, tone = ("Read in part", "warn") if row.done_at else ("Trying again", "warn")
    return {
        "carrier": carrier_name(row.carrier),
        "connection": found.connection.name,
        "via": "an agent" if row.carrier == BY_HAND else "webhook" if row.via == "hook" else "poll",
        "state": {"words": state, "tone": tone},
        "error": row.error,
        "discarded": row.discarded or "",
        "size": found.size,
        "status": row.http_status,
        "tries": row.tries,
        "received": show.moment(row.received_at),
        "next": show.moment(row.next_at),
        "is_dead": row.dead_at is not None,
        "path": f"/console/inbox/{row_ref(ask, 'inbox', row.id)}",
    }
