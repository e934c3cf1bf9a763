"""One timeline of everything about an order: scans, messages, notes, what people did and what ran by itself."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import col, select

from carriers.registry import all_carriers
from portal.tables import Agent, Audit, Note, Order, Outbox, ReturnCase, Scan, Shipment
from portal.tracking.refold import that_count
from portal.tracking.scans import from_row
from portal.tracking.timeline import BY_HAND
from portal.web.console.byhand import status_words
from portal.web.console.queue import carrier_name
from portal.web.console.scope import sees_every_brand
from portal.web.console.seal import row_ref
from portal.web.console.show import Moment, Phrase, Show, phrase
from portal.web.console.words import ACTORS, ACTS, EVENTS, MESSAGE_STATES, STATUSES, SUPPRESSED
from portal.web.edge import Ask

# Newest first; an order with more than these has a link to the rest.
SHOWN = 80
# News that took longer than this to reach us is marked with when it did, unless it came with the parcel's first word.
LATE_NEWS = timedelta(hours=24)
FILTERS = (("", "All"), ("carrier", "Carrier"), ("messages", "Messages"), ("changes", "Changes"), ("notes", "Notes"))


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. `at` sorts it; `view` is what the template shows; `kind` is one of the filters."""

    kind: str
    at: datetime
    view: dict[str, Any]


def timeline(ask: Ask, show: Show, order: Order, path: str) -> dict[str, Any]:
    """The entries that `?show=` asks for, newest first, with the filters and how many are left out."""
    chosen = ask.query.get("show", "")
    kinds = {key for key, _ in FILTERS if key}
    entries = _entries(ask, show, order)
    if chosen in kinds:
        entries = [entry for entry in entries if entry.kind == chosen]
    # Of two acts of one moment the later row is the later act: turned round first, because sorting keeps their order.
    entries = sorted(reversed(entries), key=lambda entry: entry.at, reverse=True)
    shown = entries if "all" in ask.query else entries[:SHOWN]
    return {
        "filters": [
            {
                "path": f"{path}?show={key}#timeline" if key else f"{path}#timeline",
                "words": words,
                "here": key == chosen,
            }
            for key, words in FILTERS
        ],
        "entries": [entry.view for entry in shown],
        "left_out": len(entries) - len(shown),
        "more": f"{path}?show={chosen if chosen in kinds else ''}&all=1#timeline",
        "zone": show.zone_name,
    }


def _entries(ask: Ask, show: Show, order: Order) -> list[Entry]:
    parcels = {row.id: row for row in ask.tx.exec(select(Shipment).where(Shipment.order_id == order.id)).all()}
    cases = ask.tx.exec(select(ReturnCase.id, ReturnCase.rma).where(ReturnCase.order_id == order.id)).all()
    rmas: dict[int | None, str] = {case_id: rma for case_id, rma in cases}
    scans = ask.tx.exec(select(Scan).where(col(Scan.shipment_id).in_(parcels))).all() if parcels else []
    messages = ask.tx.exec(select(Outbox).where(Outbox.order_id == order.id)).all()
    notes = select(Note, Agent.name).join(Agent, col(Agent.id) == col(Note.agent_id)).where(Note.order_id == order.id)
    acts = ask.tx.exec(select(Audit).where(Audit.order_id == order.id)).all()
    counted = _counted(show, order, parcels.values(), scans)
    first = _first_words(scans)
    entries = [
        _scan(ask, show, scan, parcels[scan.shipment_id], _remark(show, scan, first, is_counted=scan.id in counted))
        for scan in scans
    ]
    news = Counter(_news(row) for row in messages)
    entries += [_message(ask, show, row, news[_news(row)]) for row in messages]
    entries += [_note(show, note, name) for note, name in ask.tx.exec(notes).all()]
    entries += [Entry("changes", row.at, act_of(show, row, rmas)) for row in acts]
    return [*entries, _placed(show, order)]


def _counted(show: Show, order: Order, parcels: Iterable[Shipment], scans: Iterable[Scan]) -> set[int | None]:
    """The ids of those scans of which the stories of their parcels are made."""
    found: set[int | None] = set()
    for parcel in parcels:
        ids = {scan.key: scan.id for scan in scans if scan.shipment_id == parcel.id}
        kept = [from_row(scan) for scan in scans if scan.shipment_id == parcel.id]
        own = that_count(kept, parcel, order, parcel.to_zone or show.zone_name, show.now)
        found |= {ids[one.key] for one in own}
    return found


def _first_words(scans: Iterable[Scan]) -> dict[int, datetime]:
    """When each parcel was first heard of."""
    first: dict[int, datetime] = {}
    for scan in scans:
        first[scan.shipment_id] = min(scan.received_at, first.get(scan.shipment_id, scan.received_at))
    return first


def _scan(ask: Ask, show: Show, scan: Scan, parcel: Shipment, remark: Phrase | None) -> Entry:
    words, _, icon = STATUSES.get(scan.status or "", ("", "", "truck"))
    place = ", ".join(part for part in (scan.city, scan.region, scan.country) if part)
    by_hand = scan.carrier == BY_HAND
    carrier = carrier_name(BY_HAND if by_hand else parcel.carrier)
    facts = {"text": scan.text or ("" if by_hand else scan.code), "carrier": carrier}
    title = Phrase(words, {}) if words else Phrase("Unknown code %(code)s", {"code": scan.code})
    if by_hand:
        title = Phrase(status_words(scan.code), {})
    view = {
        "icon": icon,
        "who": "",
        "title": title,
        "detail": Phrase("%(carrier)s: %(text)s", facts) if facts["text"] else Phrase("%(carrier)s", facts),
        "place": place,
        "tag": parcel.number,
        "when": _scan_moment(show, scan),
        "local": _own_clock(show, scan),
        "remark": remark,
        "undo": row_ref(ask, "scan", scan.id) if by_hand else "",
        "unknown": {"carrier": scan.carrier, "code": scan.code} if _may_be_mapped(ask, scan) else None,
    }
    return Entry("carrier", _scan_at(show, scan), _filled(view))


def _may_be_mapped(ask: Ask, scan: Scan) -> bool:
    """A code without a meaning, before an agent who may give it one."""
    return not scan.status and bool(scan.code) and scan.carrier in all_carriers() and sees_every_brand(ask)


def _scan_at(show: Show, scan: Scan) -> datetime:
    """Where it sorts. A time without a zone is taken for the brand's own, because nothing better is known."""
    if scan.at is not None:
        return scan.at
    try:
        return datetime.fromisoformat(scan.local).replace(tzinfo=show.zone).astimezone(UTC)
    except ValueError:
        return scan.received_at


def _scan_moment(show: Show, scan: Scan) -> Moment | None:
    if scan.at is not None and not scan.date_only:
        return show.moment(scan.at)
    day, _, clock = scan.local.partition("T")
    return Moment(scan.local, show.day(day) or scan.local, clock[:5], is_today=False)


def _own_clock(show: Show, scan: Scan) -> Phrase | None:
    """What is left unsaid by a time in the brand's zone: that the zone is unknown, or what the clock there showed."""
    if scan.date_only:
        return None
    if scan.at is None:
        return Phrase("local time, zone unknown", {})
    there = scan.local.partition("T")[2][:5]
    return Phrase("%(time)s there", {"time": there}) if there != show.moment(scan.at).clock else None  # type: ignore[union-attr]


def _remark(show: Show, scan: Scan, first: Mapping[int, datetime], *, is_counted: bool) -> Phrase | None:
    """Why a scan changes nothing, or that we learnt of it late."""
    if not is_counted:
        return Phrase("not counted: dated before this order, long after its end, or ahead of now", {})
    learnt = show.moment(scan.received_at)
    is_first_word = scan.received_at == first[scan.shipment_id]
    if learnt is None or scan.at is None or is_first_word or scan.received_at - scan.at <= LATE_NEWS:
        return None
    return Phrase("known to us since %(day)s, %(time)s", {"day": learnt.day, "time": learnt.clock})


def message_state(row: Outbox) -> str:
    """queued, sent, suppressed or dead: a key of MESSAGE_STATES."""
    if row.suppressed:
        return "suppressed"
    if row.dead_at is not None:
        return "dead"
    return "sent" if row.done_at is not None else "queued"


def message_view(ask: Ask, show: Show, row: Outbox, copies: int = 1) -> dict[str, Any]:
    """One message with its state, why, and the stored copy. `copies`: how many there are of this news."""
    state = message_state(row)
    words, tone, icon = MESSAGE_STATES[state]
    why = phrase(SUPPRESSED, row.suppressed) if row.suppressed else None
    if why is None and state != "sent" and row.error:
        why = Phrase("%(error)s", {"error": row.error})
    return {
        "event": phrase(EVENTS, row.event),
        "state": {"words": words, "tone": tone, "icon": icon, "key": state},
        "why": why,
        "recipient": row.recipient,
        "subject": row.subject,
        "text": row.text,
        "when": show.moment(row.done_at or row.dead_at or row.created_at),
        "tries": row.tries,
        "copies": copies,
        "next": show.moment(row.next_at),
        "ref": row_ref(ask, "outbox", row.id),
    }


def _news(row: Outbox) -> tuple[Any, ...]:
    """What a message is about: copies of it share this."""
    return row.event, row.shipment_id, row.return_id


def _message(ask: Ask, show: Show, row: Outbox, copies: int) -> Entry:
    message = message_view(ask, show, row, copies)
    at = row.done_at or row.dead_at or row.created_at
    title = Phrase("Message “%(event)s”", {"event": message["event"].words % message["event"].facts})
    view = {"icon": "mail", "who": "", "title": title, "detail": None, "when": message["when"], "message": message}
    return Entry("messages", at, _filled(view))


def _note(show: Show, note: Note, name: str) -> Entry:
    view = {"icon": "pen", "who": name, "title": Phrase("internal note", {}), "when": show.moment(note.created_at)}
    return Entry("notes", note.created_at, _filled({**view, "note": note.body}))


def act_of(show: Show, row: Audit, rmas: Mapping[int | None, str]) -> dict[str, Any]:
    """One line of the trail: who, what, when."""
    currency = str(row.facts.get("currency", ""))
    facts = {"rma": rmas.get(row.return_id, ""), **show.facts(row.facts, currency)}
    if "event" in facts:
        event = phrase(EVENTS, str(facts["event"]))
        facts["event"] = event.words % event.facts
    if row.act in {"shipment.event_added", "shipment.event_undone"}:
        facts["status"] = status_words(str(facts.get("status", "")))
    if "carrier" in facts:
        facts["carrier"] = carrier_name(str(facts["carrier"]))
    kind = row.actor.partition(":")[0]
    if row.act == "return.approved" and kind == "shopper":
        kind = "system"  # asked by the shopper, answered by the policy
    who = row.actor_name or (carrier_name(row.actor.partition(":")[2]) if kind == "carrier" else "")
    icon = {"shopper": "user", "agent": "pen", "carrier": "truck"}.get(kind, "cog")
    view = {"icon": icon, "who": who, "who_is": ACTORS.get(kind, ""), "title": phrase(ACTS, row.act, facts)}
    return _filled({**view, "when": show.moment(row.at)})


def _placed(show: Show, order: Order) -> Entry:
    facts = {"total": show.money(order.total_minor, order.currency), "hint": order.payment_hint}
    words = "%(total)s, %(hint)s" if order.payment_hint else "%(total)s"
    view = {"icon": "shop", "who": "", "title": Phrase("Order placed", {}), "detail": Phrase(words, facts)}
    return Entry("changes", order.placed_at, _filled({**view, "when": show.moment(order.placed_at)}))


def _filled(view: dict[str, Any]) -> dict[str, Any]:
    """Every key that the template reads, so that it needs no tests for presence."""
    empty: dict[str, Any] = {
        "who_is": "",
        "detail": None,
        "place": "",
        "tag": "",
        "local": None,
        "remark": None,
        "message": None,
        "note": "",
        "undo": "",
        "unknown": None,
    }
    return {**empty, **view}
