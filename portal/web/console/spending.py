"""Calls that carriers allow: who spent them, what is left, which parcels have grown stale, and the way on."""

from typing import Any

from portal.tables import Connection
from portal.tracking.usage import Spent, Usage, usage
from portal.web.console.accounts import heard, state_of, subscriptions_of
from portal.web.console.queue import carrier_name, visible
from portal.web.console.scope import sees_every_brand
from portal.web.console.show import Phrase, Show, show_for
from portal.web.edge import Ask

_PERIODS = {60: "This minute", 3600: "This hour", 86400: "Today (UTC)"}
_PURPOSES = {
    "polls": "for parcels",
    "tokens": "for access",
    "subscriptions": "for webhooks",
    "labels": "for labels",
    "others": "for other things",
}


def spending(ask: Ask) -> dict[str, Any]:
    """One entry for each connection that the agent may see."""
    show = show_for(ask, None)
    rows = usage(ask.tx, ask.now, [visible(ask)])
    brands = {brand.id: brand.name for brand in ask.app.brands.all()}
    known = heard(ask, [row.connection for row in rows])
    return {"rows": [_row(ask, show, row, brands, known) for row in rows], "zone": show.zone_name}


def _row(ask: Ask, show: Show, row: Usage, brands: dict[int | None, str], known: set[int | None]) -> dict[str, Any]:
    account = row.connection
    return {
        "name": account.name,
        "carrier": carrier_name(account.carrier),
        "brand": brands.get(account.brand_id, ""),
        "path": f"/console/connections/{account.public_id}" if _may_change(ask, account) else "",
        "state": state_of(account, row.paused_until is not None, account.id in known),
        "text": account.state_text,
        "way": _way(show, row),
        "spent": [_spent(spent) for spent in row.spent],
        "next": show.moment(row.next_poll_at) if row.next_poll_at > ask.now else None,
        "followed": row.followed,
        "due": row.due,
        "near": row.near,
        "stale": row.stale,
        "oldest": show.ago(row.oldest_heard_at),
        "push": show.moment(account.last_push_at),
        "poll": show.moment(account.last_poll_at),
        "rejected": account.rejected_hooks,
        **subscriptions_of(show, row),
    }


def _way(show: Show, row: Usage) -> Phrase | None:
    """What happens next, and what a person can do about it; None while all is well."""
    account = row.connection
    rests = show.moment(row.rests_until)
    paused = show.moment(row.paused_until)
    if account.state == "disabled":
        return Phrase("Nobody is asked until it is switched on.", {})
    if account.state == "bad_credentials":
        until = {"until": f"{rests.day} {rests.clock}"} if rests else {"until": show.today.isoformat()}
        words = "Fill its credentials in again. It is tried again by itself at %(until)s."
        return Phrase(words, until) if rests else Phrase("Fill its credentials in again. It is being tried again.", {})
    if rests:
        words = (
            "After %(failures)s failures in a row it rests until %(until)s; then one call shows whether it works again."
        )
        return Phrase(words, {"failures": account.failures, "until": f"{rests.day} {rests.clock}"})
    if paused:
        return Phrase("The carrier asked for a pause until %(until)s.", {"until": f"{paused.day} {paused.clock}"})
    if row.breaker == "probing":
        return Phrase("The next call shows whether it works again.", {})
    if row.stale:
        return Phrase("What is due soon is asked about first, as the calls allow. Webhooks would save calls.", {})
    return None


def _scarcity(spent: Spent) -> dict[str, str] | None:
    """A chip for what is spent, or nearly: a tenth is left, or one call."""
    if spent.limit is None or spent.left is None or not spent.calls or spent.left > max(1, spent.limit // 10):
        return None
    if spent.left:
        return {"words": "Nearly spent", "tone": "warn", "icon": "alert"}
    return {"words": "Spent", "tone": "bad", "icon": "alert"}


def _spent(spent: Spent) -> dict[str, Any]:
    seconds = {"seconds": spent.seconds}
    name = _PERIODS.get(spent.seconds)
    return {
        "period": Phrase(name, {}) if name else Phrase("In %(seconds)s seconds", seconds),
        "calls": spent.calls,
        "limit": spent.limit,
        "left": spent.left,
        "scarce": _scarcity(spent),
        "by": [{"words": _PURPOSES[key], "count": count} for key, count in spent.by.items() if count],
    }


def _may_change(ask: Ask, account: Connection) -> bool:
    return sees_every_brand(ask) if account.brand_id is None else bool(ask.who.sees(account.brand_id))
