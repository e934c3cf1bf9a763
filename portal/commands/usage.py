"""carriers usage: who spent the calls that carriers allow, and what has grown stale."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from portal.commands.terminal import opened, say

if TYPE_CHECKING:
    from portal.tracking.usage import Spent, Usage

_PERIODS: Final = {60: "minute", 3600: "hour", 86400: "day"}


def show_usage(*, as_json: bool) -> None:
    """Per connection: calls spent and left by period and purpose, what is stale, paused or broken."""
    from portal.tracking import usage as spending

    with opened() as app:
        now = app.now()
        with app.db.reading() as tx:
            rows = spending.usage(tx, now)
    if as_json:
        say(json.dumps([_usage_as_json(row) for row in rows]))
        return
    if not rows:
        say("no connection yet; see doorstep connection add --help")
    for row in rows:
        for line in _usage_lines(row, now):
            say(line)


def _usage_as_json(row: Usage) -> dict[str, Any]:
    account = row.connection
    return {
        "connection": account.public_id,
        "carrier": account.carrier,
        "name": account.name,
        "state": account.state,
        "state_text": account.state_text,
        "breaker": row.breaker,
        "rests_until": _iso(row.rests_until),
        "paused_until": _iso(row.paused_until),
        "next_poll_at": _iso(row.next_poll_at),
        "spent": [_spent_as_json(spent) for spent in row.spent],
        "parcels": {"followed": row.followed, "due": row.due, "near": row.near, "stale": row.stale},
        "oldest_heard_at": _iso(row.oldest_heard_at),
        "subscriptions": dict(row.subscriptions),
        "renews_at": _iso(row.renews_at),
        "last_push_at": _iso(account.last_push_at),
        "last_poll_at": _iso(account.last_poll_at),
        "last_error_at": _iso(account.last_error_at),
        "failures": account.failures,
        "rejected_hooks": account.rejected_hooks,
    }


def _spent_as_json(spent: Spent) -> dict[str, Any]:
    return {"seconds": spent.seconds, "calls": spent.calls, "limit": spent.limit, "left": spent.left, **spent.by}


def _usage_lines(row: Usage, now: datetime) -> list[str]:
    account = row.connection
    lines = [f"{account.carrier:<16} {account.name:<24} {_how(row, now)}"]
    for spent in row.spent:
        left = "no limit known" if spent.left is None else f"{spent.left:,} of {spent.limit:,} left"
        what = ", ".join(f"{count:,} {name}" for name, count in spent.by.items() if count)
        period = _PERIODS.get(spent.seconds, f"{spent.seconds} s")
        lines.append(f"  this {period:<8} {spent.calls:>8,} calls   {left:<24} {what}".rstrip())
    lines.append(
        f"  parcels       {row.followed:>8,} followed, {row.due:,} wait to be asked about; "
        f"{row.stale:,} of {row.near:,} due today or tomorrow not heard of for 2 hours"
    )
    pushed = ", ".join(f"{count:,} {state}" for state, count in sorted(row.subscriptions.items())) or "none"
    lines.append(f"  subscriptions {pushed}; last push {_ago(account.last_push_at, now)}")
    return lines


def _how(row: Usage, now: datetime) -> str:
    """The most important thing about a connection's health, in a few words."""
    account = row.connection
    why = f": {account.state_text}" if account.state_text else ""
    if account.state == "disabled":
        return "switched off"
    if row.rests_until:
        word = "credentials refused" if account.state == "bad_credentials" else f"{account.failures} failures in a row"
        return f"{word}, rests {_ahead(row.rests_until, now)}{why}"
    if row.paused_until:
        return f"paused by the carrier, {_ahead(row.paused_until, now)}"
    if row.breaker == "probing":
        return f"the next call shows whether it works again{why}"
    if row.next_poll_at > now and row.due:
        return f"works; its calls are spent, the next is due {_ahead(row.next_poll_at, now)}"
    return "works"


def _ahead(at: datetime, now: datetime) -> str:
    return f"in {_length((at - now).total_seconds())}"


def _ago(at: datetime | None, now: datetime) -> str:
    return "never" if at is None else f"{_length((now - at).total_seconds())} ago"


def _length(seconds: float) -> str:
    for name, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{max(seconds, 0):.0f} s"


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _connected() -> set[str]:
    """The carriers that this installation has accounts with."""
    from sqlmodel import col, select

    from portal.commands.terminal import opened
    from portal.tables import Connection

    with opened() as app, app.db.reading() as tx:
        return set(tx.exec(select(Connection.carrier).where(col(Connection.removed_at).is_(None))))
