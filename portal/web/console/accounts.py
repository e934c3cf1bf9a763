"""Connections to carriers: the list, choosing a carrier, filling in its fields, testing, and what removing one does."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, false, func
from sqlmodel import col, select

from carriers.contract import Carrier, Field, Hooked, Labels, ReadsFiles, Subscribes, Tracks
from carriers.registry import all_carriers
from carriers.status import FINAL
from portal.connections import expert_fields_of, fields_of, hook_addresses, leaving
from portal.refusal import Refusal
from portal.tables import Connection, ConnectionTrial, Shipment
from portal.tracking.trial import PARTS, WORDS
from portal.tracking.usage import Usage, usage
from portal.web.console.fields import form_text
from portal.web.console.queue import carrier_name, visible
from portal.web.console.scope import brands_of, public_id, seen_by, sees_every_brand
from portal.web.console.show import Phrase, Show, phrase, show_for
from portal.web.console.words import FAULTS
from portal.web.edge import Ask

# Names of form fields: those of the carrier's own fields must not meet ours.
PREFIX = "f-"
EVERY_BRAND = "every"

# Longer than any test takes while a worker runs: the page then no longer looks again by itself.
_TRIAL_TAKES: Final = timedelta(minutes=2)

_STATES = {"ok": ("Works", "ok", "check"), "bad_credentials": ("Credentials refused", "bad", "alert")}
_MARKS = {"ok": ("Works", "ok", "check"), "bad": ("Does not work", "bad", "alert"), "open": ("Not known", "", "info")}
_SUBSCRIPTIONS = {
    "wanted": "to be asked for",
    "waiting": "waiting for the carrier",
    "active": "active",
    "refused": "refused",
    "ending": "being ended",
}
_ABILITIES: tuple[tuple[str, str, Callable[[Carrier], bool]], ...] = (
    ("tracking", "Tracking", lambda carrier: isinstance(carrier, Tracks)),
    ("files", "Files", lambda carrier: isinstance(carrier, ReadsFiles)),
    ("webhooks", "Webhooks", lambda carrier: isinstance(carrier, Hooked)),
    ("labels", "Return labels", lambda carrier: isinstance(carrier, Labels)),
)


def connections(ask: Ask) -> dict[str, Any]:
    """Every connection of the agent's brands and those that all share, with its state and its last words."""
    query = select(Connection).where(visible(ask)).order_by(col(Connection.carrier), col(Connection.id))
    found = ask.tx.exec(query).all()
    known = heard(ask, found)
    return {"rows": [_line(ask, row, row.id in known) for row in found], "zone": show_for(ask, None).zone_name}


def carriers(ask: Ask) -> dict[str, Any]:
    """The carriers that can be connected: those that parcels wait for first. `?q=` searches, `?can=` filters."""
    asked, can = ask.query.get("q", "").strip()[:80], ask.query.get("can", "")
    waiting, mine = _waiting(ask), _connected(ask)
    rows: list[dict[str, Any]] = [
        {
            "slug": slug,
            "name": carrier.about.name,
            "can": [words for _, words, has in _ABILITIES if has(carrier)],
            "waiting": waiting.get(slug, 0),
            "connected": mine.get(slug, 0),
        }
        for slug, carrier in all_carriers().items()
        if _matches(carrier, asked)
        and any(has(carrier) for _, _, has in _ABILITIES)
        and all(has(carrier) for key, _, has in _ABILITIES if key == can)
    ]
    rows.sort(key=lambda row: (-row["waiting"], row["name"].casefold()))
    kinds = (("", "All"), *((key, words) for key, words, _ in _ABILITIES))
    return {
        "groups": [
            group
            for group in (
                {"words": "Your parcels wait for these", "rows": [row for row in rows if row["waiting"]]},
                {"words": "All carriers", "rows": [row for row in rows if not row["waiting"]]},
            )
            if group["rows"]
        ],
        "tabs": [
            {"path": f"/console/carriers{'?can=' + key if key else ''}", "words": words, "here": key == can}
            for key, words in kinds
        ],
        "asked": asked,
        "can": can,
        "known": len(all_carriers()),
    }


def carrier_of(ask: Ask) -> Carrier:
    """The carrier that the path names, or Refusal not_found."""
    carrier = all_carriers().get(ask.path["carrier"])
    if carrier is None:
        raise Refusal("not_found", 404)
    return carrier


def connection_of(ask: Ask, *, lock: bool = False) -> Connection:
    """The connection in the path, if the agent may change it: their own brand's, or any for agents of every brand."""
    mine = seen_by(ask.who, Connection.brand_id), col(Connection.removed_at).is_(None)
    wanted = Connection.public_id == public_id(ask.path["connection"])
    query = select(Connection).where(wanted, *mine)
    row = ask.tx.exec(query.with_for_update(key_share=True) if lock else query).first()
    if row is None or row.carrier not in all_carriers():
        raise Refusal("not_found", 404)
    return row


def given_fields(ask: Ask, carrier: Carrier) -> dict[str, str]:
    """What the form says for each field of the carrier, empty ones too."""
    fields = (*fields_of(carrier.about), *expert_fields_of(carrier.about))
    return {field.name: form_text(ask, PREFIX + field.name, 8000) for field in fields}


def form(
    ask: Ask,
    carrier: Carrier,
    *,
    row: Connection | None = None,
    given: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The values of console/connection_form.html: to make one, or with `row` to change it.

    What an agent typed is shown again, but never a secret: neither a stored one nor one just typed.
    """
    about = carrier.about
    known = given if given is not None else {} if row is None else {k: str(v) for k, v in row.config.items()}
    wrong = faults or {}

    def shown(field: Field) -> dict[str, Any]:
        return _field(ask, field, known.get(field.name, ""), wrong.get(field.name, ""), row)

    expert = [shown(field) for field in expert_fields_of(about)]
    return {
        "carrier": {"slug": about.slug, "name": about.name, "docs": about.docs_url},
        "name": form_text(ask, "name", 200) if given is not None else row.name if row else about.name,
        "name_fault": phrase(FAULTS, wrong["name"]) if "name" in wrong else None,
        "fields": [shown(field) for field in fields_of(about)],
        "expert": expert,
        "expert_open": any(field["fault"] or field["value"] for field in expert),
        "faults": [
            {"id": PREFIX + field.name, "label": field.label, "fault": _fault(wrong[field.name])}
            for field in (*fields_of(about), *expert_fields_of(about))
            if field.name in wrong
        ],
        "brands": _brand_choices(ask) if row is None else [],
        "brand": form_text(ask, "brand", 40),
    }


def connection_view(ask: Ask, row: Connection) -> dict[str, Any]:
    """One connection: its state, where its webhooks go, the last test, and what it does for whom."""
    carrier = all_carriers()[row.carrier]
    (used,) = usage(ask.tx, ask.now, [col(Connection.id) == row.id])
    return {
        "row": _line(ask, row, row.id in heard(ask, [row])),
        "trial": _trial(ask, row),
        "addresses": hook_addresses(ask.app, row) if isinstance(carrier, Hooked) else [],
        "is_told": isinstance(carrier, Subscribes),
        **subscriptions_of(show_for(ask, None), used),
        "can": [words for _, words, has in _ABILITIES if has(carrier)],
        "zone": show_for(ask, None).zone_name,
    }


def leaving_view(ask: Ask, row: Connection) -> dict[str, Any]:
    """What removing it would do."""
    told = leaving(ask.tx, row)
    values = {"handed_on": told.handed_on, "left_alone": told.left_alone, "brands": list(told.brands)}
    return {"row": _line(ask, row, row.id in heard(ask, [row])), **values}


def chosen_brand(ask: Ask) -> int | None:
    """The brand that a new connection is for; None for every brand. Raises KeyError for one the agent has not."""
    wanted = form_text(ask, "brand", 40)
    if not sees_every_brand(ask):
        return int(ask.who.agent.brand_id)
    if wanted == EVERY_BRAND:
        return None
    return {brand.slug: brand.id for brand in brands_of(ask)}[wanted]


def _line(ask: Ask, row: Connection, is_heard: bool) -> dict[str, Any]:
    show = show_for(ask, None)
    brands = {brand.id: brand.name for brand in ask.app.brands.all()}
    paused = row.paused_until is not None and row.paused_until > ask.now
    may_change = ask.who.sees(row.brand_id) if row.brand_id is not None else sees_every_brand(ask)
    return {
        "carrier": carrier_name(row.carrier),
        "name": row.name,
        "brand": brands.get(row.brand_id, ""),
        "state": state_of(row, paused, is_heard),
        "is_on": row.state != "disabled",
        "is_refused": row.state == "bad_credentials",
        "text": row.state_text,
        "paused": show.moment(row.paused_until) if paused else None,
        "push": show.moment(row.last_push_at),
        "poll": show.moment(row.last_poll_at),
        "failed": show.moment(row.last_error_at),
        "failures": row.failures,
        "rejected": row.rejected_hooks,
        "path": f"/console/connections/{row.public_id}" if may_change and row.carrier in all_carriers() else "",
    }


def heard(ask: Ask, rows: Sequence[Connection]) -> set[int | None]:
    """The ids of those that were heard of: by poll, by webhook, or in a test."""
    known = {row.id for row in rows if row.last_poll_at or row.last_push_at}
    silent = [row.id for row in rows if row.id not in known]
    query = select(ConnectionTrial).where(col(ConnectionTrial.connection_id).in_(silent))
    tried = ask.tx.exec(query).all() if silent else []
    return known | {
        trial.connection_id
        for trial in tried
        if any(found["mark"] == "ok" and found["part"] != "fields" for found in trial.findings)
    }


def state_of(row: Connection, paused: bool, is_heard: bool) -> dict[str, str]:
    """The chip of a connection's state: nothing is said to work of which nothing was ever heard."""
    words, tone, icon = _STATES.get(row.state, ("Switched off", "", "info"))
    if row.state == "ok" and paused:
        words, tone, icon = "Paused by the carrier", "warn", "clock"
    elif row.state == "ok" and row.failures:
        words, tone, icon = "Failing", "warn", "alert"
    elif row.state == "ok" and not is_heard:
        words, tone, icon = "Not used yet", "", "clock"
    return {"words": words, "tone": tone, "icon": icon}


def subscriptions_of(show: Show, used: Usage) -> dict[str, Any]:
    """What is subscribed through a connection, by state, and when it is asked for anew."""
    states = [{"words": _SUBSCRIPTIONS.get(state, state), "count": n} for state, n in used.subscriptions.items()]
    return {"subscriptions": states, "renews": show.moment(used.renews_at)}


def _field(ask: Ask, field: Field, value: str, fault: str, row: Connection | None) -> dict[str, Any]:
    set_on = row.secrets_set.get(field.name) if row and field.secret else None
    return {
        "id": PREFIX + field.name,
        "name": PREFIX + field.name,
        "forget": f"forget-{field.name}",
        "label": field.label,
        "help": field.help,
        "secret": field.secret,
        "optional": not field.required,
        "required": field.required and not set_on and not field.default,
        "may_forget": bool(set_on) and not field.required,
        "value": "" if field.secret else value or field.default,
        "set_on": show_for(ask, None).day(set_on) if set_on else "",
        "choices": dict(field.choices),
        "fault": _fault(fault) if fault else None,
    }


def _fault(fault: str) -> Phrase:
    """Words for a code; other words stand for themselves."""
    return Phrase(FAULTS[fault], {}) if fault in FAULTS else Phrase("%(fault)s", {"fault": fault})


def _brand_choices(ask: Ask) -> list[dict[str, str]]:
    """Whom it may be for; nothing to choose for an agent of one brand."""
    if not sees_every_brand(ask):
        return []
    return [{"value": brand.slug, "words": brand.name} for brand in brands_of(ask)]


def _trial(ask: Ask, row: Connection) -> dict[str, Any] | None:
    """The last test, done or under way."""
    query = (
        select(ConnectionTrial).where(ConnectionTrial.connection_id == row.id).order_by(col(ConnectionTrial.id).desc())
    )
    last = ask.tx.exec(query).first()
    if last is None:
        return None
    show = show_for(ask, None)
    is_slow = ask.now - last.created_at > _TRIAL_TAKES
    findings = []
    for finding in (found for found in last.findings if found["part"] in PARTS):
        words, tone, icon = _MARKS[finding["mark"]]
        findings.append(
            {
                "part": PARTS[finding["part"]],
                "mark": {"words": words, "tone": tone, "icon": icon},
                "words": phrase(WORDS, finding["code"], show.facts(finding["facts"])),
            }
        )
    return {
        "is_over": last.next_at is None,
        "has_failed": last.dead_at is not None,
        "is_awaited": last.next_at is not None and not is_slow and ask.query.get("wait") != "no",
        "is_slow": is_slow,
        "asked": show.moment(last.created_at),
        "waits": show.ago(last.created_at),
        "findings": findings,
    }


def _matches(carrier: Carrier, asked: str) -> bool:
    """Every word somewhere in the name or the slug."""
    text = f"{carrier.about.name} {carrier.about.slug}".casefold()
    return all(word in text for word in asked.casefold().split())


def _waiting(ask: Ask) -> dict[str, int]:
    """Unfinished parcels that nobody follows, by carrier."""
    nobody = col(Shipment.connection_id).is_(None), col(Shipment.status).not_in(FINAL)
    return _by_carrier(ask, Shipment, seen_by(ask.who, Shipment.brand_id), *nobody)


def _connected(ask: Ask) -> dict[str, int]:
    return _by_carrier(ask, Connection, visible(ask))


def _by_carrier(ask: Ask, table: Any, *conditions: ColumnElement[bool]) -> dict[str, int]:
    known = col(table.carrier).in_(list(all_carriers())) if all_carriers() else false()
    counted = select(table.carrier, func.count()).where(known, *conditions).group_by(col(table.carrier))
    return {slug: int(count) for slug, count in ask.tx.exec(counted).all()}
