"""Codes that carriers use and that no table of ours explains: waiting for a meaning, with one, and giving one."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import func
from sqlmodel import col, select

from carriers.status import Status
from portal.tables import CodeMapping, Shipment, UnmappedCode
from portal.tracking.mapping import WORDS, Preview, check, history, is_newest, is_open, preview
from portal.web.console.queue import Query, carrier_name
from portal.web.console.scope import for_every_brand, seen_by, sees_every_brand
from portal.web.console.show import Phrase, phrase, show_for
from portal.web.console.words import EVENTS, STATUSES, SUB_STATUSES
from portal.web.edge import Ask

SHOWN = 100
# So many parcels are looked at one by one while the page waits; the figures say when there are more.
LOOKED_AT = 200
# What a form sends for "no meaning": a field that is there and empty says nothing yet.
NOTHING = "none"


def codes(ask: Ask, only: str) -> dict[str, Any]:
    """Codes without a meaning, most frequent first; `?show=mapped` those that people gave one."""
    is_mapped = only == "mapped"
    waiting: Query = select(UnmappedCode).where(is_open())
    mapped: Query = select(CodeMapping).where(*_with_meaning())
    counts = {"": _count(ask, waiting), "mapped": _count(ask, mapped)}
    names = {"": "Without a meaning", "mapped": "Mapped here"}
    chosen = "mapped" if is_mapped else ""
    if is_mapped:
        rows = list(_mapped(ask, mapped.order_by(col(CodeMapping.id).desc()).limit(SHOWN)))
    else:
        rows = list(_waiting(ask, waiting.order_by(col(UnmappedCode.count).desc()).limit(SHOWN)))
    return {
        "tabs": [
            {
                "path": f"/console/codes{'?show=' + key if key else ''}",
                "words": words,
                "count": counts[key],
                "here": key == chosen,
            }
            for key, words in names.items()
        ],
        "rows": rows,
        "is_mapped": is_mapped,
        "left_out": max(counts[chosen] - len(rows), 0),
        "may_map": sees_every_brand(ask),
        "zone": show_for(ask, None).zone_name,
    }


def code_view(ask: Ask, carrier: str, code: str, word: str | None) -> dict[str, Any]:
    """One code: what is known of it, what it may mean, and what choosing `word` would change.

    `word` is None before anything was chosen. Raises Refusal: not_found for an agent of one brand, and as `check`.
    """
    for_every_brand(ask)
    check(carrier, code, word or "")
    show = show_for(ask, None)
    seen = ask.tx.get(UnmappedCode, (carrier, code))
    versions = history(ask.tx, carrier, code)
    newest = versions[0] if versions else None
    return {
        "code": {
            "carrier": carrier,
            "name": carrier_name(carrier),
            "code": code,
            "text": seen.text if seen else "",
            "count": seen.count if seen else 0,
            "sample": seen.sample_number if seen else "",
            "first": show.moment(seen.first_seen_at) if seen else None,
            "last": show.moment(seen.last_seen_at) if seen else None,
        },
        "groups": [{"words": words, "choices": choices} for words, choices in _choices()],
        "chosen": NOTHING if word == "" else word or (newest.word if newest else ""),
        "nothing": NOTHING,
        "version": newest.version if newest else 0,
        "has_meaning": bool(newest and newest.word),
        "history": [_version(ask, row) for row in versions],
        "preview": _preview(ask, carrier, code, word) if word is not None else None,
        "meaning": meaning(word) if word else None,
        "zone": show.zone_name,
    }


def meaning(word: str) -> dict[str, Any]:
    """A word of the vocabulary for people: the chip of its status, and the sub-status beside it."""
    status = word.partition(".")[0]
    words, tone, icon = STATUSES.get(status, (status, "", "info"))
    return {"words": words, "tone": tone, "icon": icon, "more": SUB_STATUSES.get(word, "")}


def chosen_word(value: object) -> str | None:
    """What the select sent: None for nothing chosen, empty for "no meaning"."""
    if not isinstance(value, str) or not value:
        return None
    return "" if value == NOTHING else value


def _waiting(ask: Ask, query: Query) -> Iterator[dict[str, Any]]:
    show = show_for(ask, None)
    for row in ask.tx.scalars(query):
        yield {
            "slug": row.carrier,
            "carrier": carrier_name(row.carrier),
            "code": row.code,
            "text": row.text,
            "count": row.count,
            "sample": row.sample_number if _is_own_number(ask, row) else "",
            "first": show.moment(row.first_seen_at),
            "last": show.moment(row.last_seen_at),
        }


def _mapped(ask: Ask, query: Query) -> Iterator[dict[str, Any]]:
    for row in ask.tx.scalars(query):
        before = next((old for old in history(ask.tx, row.carrier, row.code) if old.version < row.version), None)
        yield {
            "slug": row.carrier,
            "carrier": carrier_name(row.carrier),
            "code": row.code,
            "undo": (before.word if before else "") or NOTHING,
            **_version(ask, row),
        }


def _version(ask: Ask, row: CodeMapping) -> dict[str, Any]:
    state = {"words": "Applied", "tone": "ok", "icon": "check"}
    if row.dead_at:
        state = {"words": "Gave up", "tone": "bad", "icon": "alert"}
    elif row.next_at and row.applied < row.parcels:
        state = {"words": "Being applied", "tone": "info", "icon": "clock"}
    return {
        "version": row.version,
        "meaning": meaning(row.word) if row.word else None,
        "by": row.actor_name or "Doorstep",
        "at": show_for(ask, None).moment(row.created_at),
        "state": state,
        "error": row.error,
        "applied": min(row.applied, row.parcels),
        "parcels": row.parcels,
    }


def _preview(ask: Ask, carrier: str, code: str, word: str) -> dict[str, Any]:
    found: Preview = preview(ask.tx, carrier, code, word, ask.now, limit=LOOKED_AT)
    return {
        "scans": found.scans,
        "parcels": found.parcels,
        "looked_at": found.looked_at,
        "unmoved": found.unmoved,
        "moves": [
            {"before": meaning(before), "after": meaning(after), "count": count}
            for (before, after), count in found.moves.most_common()
        ],
        "untold": [{"event": phrase(EVENTS, event), "count": count} for event, count in found.untold.most_common()],
    }


def _choices() -> Iterator[tuple[str, list[tuple[str, Phrase]]]]:
    """Statuses with what belongs to each, in the order of a parcel's way."""
    for status in Status:
        words = STATUSES[status.value][0]
        finer = [word for word in WORDS if word.startswith(f"{status.value}.")]
        own = [(status.value, Phrase("%(status)s, nothing more", {"status": words}))] if status.value in WORDS else []
        if own or finer:
            yield words, [*own, *((word, Phrase(SUB_STATUSES[word], {})) for word in finer)]


def _with_meaning() -> tuple[Any, ...]:
    return is_newest(), col(CodeMapping.word) != ""


def _count(ask: Ask, query: Query) -> int:
    counted = query.with_only_columns(func.count(), maintain_column_froms=True).order_by(None)
    return int(ask.tx.connection().execute(counted).scalar_one())


def _is_own_number(ask: Ask, row: UnmappedCode) -> bool:
    """A sample is shown only to an agent who may see that parcel."""
    if not row.sample_number:
        return False
    mine = seen_by(ask.who, Shipment.brand_id), col(Shipment.number) == row.sample_number
    return ask.tx.exec(select(Shipment.id).where(*mine)).first() is not None
