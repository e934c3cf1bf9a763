"""The order page's values: one order, its parcels and what is known of them, as prepared text. Pure, no clock.

`view` gets rows by their column names and gives one dict; templates/pages/order.html shows it without deciding
anything. Dates come from the stored story of each shipment, which portal.tracking.story describes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from gettext import NullTranslations
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from carriers.registry import all_carriers
from portal.tables import Brand
from portal.web import words
from portal.web.access import Trust
from portal.web.dates import age, clock, day, iso_day, money, short_day, span
from portal.web.view_frame import mail_link, phone_link, picture, web_link

# A carrier whose last good answer is older than this is not talking to us: the page says so.
SILENT_AFTER = timedelta(hours=6)
_LATE = frozenset({"late", "stalled"})
_ENDED = frozenset({"delivered", "returned", "cancelled"})
# A window was reckoned before these; showing it beside them would promise what nobody knows.
_DATELESS = _ENDED | {"exception", "available_for_pickup", "returning", "expired"}
_OPEN_RETURN = frozenset({"requested", "info_needed", "approved", "label_issued", "in_transit", "partially_received"})
# Stopped, but coming all the same: the new date matters more than the word for it.
_HELD_UP = frozenset({"exception.weather", "exception.capacity", "exception.misrouted"})
_STEPS = len(words.MILESTONES)


@dataclass(frozen=True, slots=True)
class Shelf:
    """What a brand says about its goods, the same for every order: articles, and the days of its return window."""

    howtos: tuple[Mapping[str, Any], ...] = ()  # slug, title, summary, minutes, skus, tags
    return_days: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """The order page's raw material. Rows are looked at by attribute: Core rows, table rows and test doubles alike."""

    order: Any
    shipments: Sequence[Any]
    lines: Sequence[Any]
    packed: Mapping[int, Sequence[tuple[int, int]]]  # shipment id -> (line id, quantity)
    returns: Sequence[Any] = ()
    shelf: Shelf = Shelf()


@dataclass(slots=True)
class _Told:
    """What every part of the page needs: who asks, when, in which language and zone."""

    brand: Brand
    locale: str
    today: date
    now: datetime
    trust: Trust
    speech: NullTranslations
    base: str
    zone: tzinfo
    by_id: Mapping[int, Any] = field(default_factory=dict)

    def say(self, sentence: str) -> str:
        return self.speech.gettext(sentence) if sentence else ""

    def day(self, value: date) -> str:
        return self.say("Today") if value == self.today else day(value, self.locale, self.today)

    def span(self, first: date, last: date) -> str:
        return self.day(last) if first == last else span(first, last, self.locale, self.today)

    def money(self, minor: int, currency: str) -> str:
        return money(minor, currency, self.locale)


def view(
    page: Page, *, brand: Brand, trust: Trust, now: datetime, speech: NullTranslations = words.ENGLISH
) -> dict[str, Any]:
    """Keys: title, number, hero, notes, parcels, waiting, back, returns, howto, help, hours, ledger, paid_with,
    address, masked, may_act. All text is plain; the template escapes it."""
    order, zone = page.order, zone_of(brand.zone)
    told = _Told(
        brand=brand,
        locale=brand.locale,
        today=now.astimezone(zone).date(),
        now=now,
        trust=trust,
        speech=speech,
        base=f"/orders/{order.public_id}",
        zone=zone,
        by_id={line.id: line for line in page.lines},
    )
    parcels = [_parcel(told, order, row, n, page) for n, row in enumerate(page.shipments, 1)]
    hero = _hero(told, order, page.shipments)
    for parcel, row in zip(parcels, page.shipments, strict=True):
        if row is hero["lead"] and is_late(row):
            parcel["advice"] = ""  # "What happened" above says it already
    return {
        "title": f"{hero['kick']} {hero['date']}".strip(),
        "number": order.number,
        "base": told.base,
        "hero": hero,
        "notes": _notes(told, page.shipments, hero["lead"]),
        "parcels": parcels,
        "many": len(parcels) > 1,
        "waiting": _waiting(told, page),
        "stage": _stage(told, order) if not parcels else None,
        "back": _back(told, page),
        "returns": [_return_row(told, row) for row in page.returns],
        "howto": _howto(told, page),
        "arrived": hero["arrived"],
        **_help(told, order),
        **_details(told, order, page.lines),
        "may_act": trust != "status",
        "trust": trust,
    }


@lru_cache(256)
def zone_of(name: str) -> tzinfo:
    """The zone, or UTC for a name that is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


@lru_cache(64)
def carrier_of(slug: str) -> tuple[str, str]:
    """(name, tracking page with {number}) of a carrier we know; empty texts otherwise."""
    carrier = all_carriers().get(slug)
    if carrier is None:
        return "", ""
    page = carrier.about.tracking_page
    return carrier.about.name, page if page.startswith("https://") and "{number}" in page else ""


def is_late(row: Any) -> bool:
    """Late or stalled, and not over yet."""
    return row.delay in _LATE and row.status not in _ENDED


# --- hero ---------------------------------------------------------------------------------------------------------


def _hero(told: _Told, order: Any, shipments: Sequence[Any]) -> dict[str, Any]:
    """The largest words of the page: when, or the one thing that matters more than when."""
    moving = [row for row in shipments if row.status not in _ENDED]
    lead = min(moving, key=_urgency) if moving else None
    base = {"over": "", "was": "", "sure": "", "why": "", "also": "", "icon": "gauge", "lead": lead, "arrived": False}
    if order.cancelled_at or order.stage == "cancelled":
        return base | {"kick": told.say("This order was"), "date": told.say("Cancelled"), "icon": "info"}
    if not shipments:
        return base | _before_carrier(told, order)
    if lead is None:
        return base | _all_over(told, shipments)
    hero = base | _lead_words(told, lead, len(shipments) > 1)
    others = [row for row in moving if row is not lead and row.window_from and row.window_to]
    if others and _come_together(told, shipments):
        over = told.speech.ngettext("%d parcel", "%d parcels", len(shipments)) % len(shipments)
        return hero | {"kick": told.say("All parcels arrive"), "over": over}
    if others:
        nxt = min(others, key=lambda row: row.window_from)
        hero["also"] = told.say("The next parcel follows: %s") % told.span(nxt.window_from, nxt.window_to)
    return hero


def _come_together(told: _Told, shipments: Sequence[Any]) -> bool:
    """All are on their way, none in trouble, and expected at the same time."""
    on_time = all(row.status in {"picked_up", "in_transit"} and not is_late(row) for row in shipments)
    windows = {(row.window_from, row.window_to) for row in shipments}
    last = shipments[0].window_to
    return on_time and len(windows) == 1 and last is not None and last >= told.today


def _urgency(row: Any) -> tuple[int, date]:
    """What a shopper must know first: trouble and things to do, then the earliest date."""
    order = {"exception": 0, "attempt_failed": 1, "available_for_pickup": 1, "out_for_delivery": 2, "returning": 6}
    return order.get(row.status, 3 if is_late(row) else 4), row.window_from or date.max


def _before_carrier(told: _Told, order: Any) -> dict[str, Any]:
    stage = words.STAGE.get(order.stage, words.STAGE["placed"])
    if order.promised_from and order.promised_to and order.promised_to >= told.today:
        when = told.span(order.promised_from, order.promised_to)
        why = told.say("This is what we promised when you ordered. The carrier’s own date follows.")
        return {"over": told.say(stage.chip), "kick": told.say("Expected"), "date": when, "why": why}
    return {"over": "", "kick": told.say("Your order is"), "date": told.say(stage.chip), "why": told.say(stage.meaning)}


def _all_over(told: _Told, shipments: Sequence[Any]) -> dict[str, Any]:
    came = [row.delivered_on for row in shipments if row.status == "delivered" and row.delivered_on]
    if all(row.status == "delivered" for row in shipments):
        over = told.speech.ngettext("%d parcel", "%d parcels", len(shipments)) % len(shipments)
        latest = told.day(max(came)) if came else told.say("All here")
        return {"over": over, "kick": told.say("Delivered"), "date": latest, "icon": "check", "arrived": True}
    worst = next((row for row in shipments if row.status == "returned"), shipments[0])
    shown = words.status(worst.status)
    why = told.say(words.advice(worst.sub_status, worst.status) or shown.meaning)
    kick = told.say("Your parcel is")
    return {"kick": kick, "date": told.say(shown.chip), "why": why, "icon": shown.icon, "arrived": bool(came)}


def _lead_words(told: _Told, row: Any, is_one_of_many: bool) -> dict[str, Any]:
    shown = words.status(row.status)
    when = told.span(row.window_from, row.window_to) if row.window_from and row.window_to else ""
    why = row.story.get("window") or {}
    sure = {
        "sure": told.say(words.LIKELY.get(why.get("likely") or "", "")),
        "why": told.say(words.WHY.get(why.get("why", ""), "")) if when else told.say(shown.meaning),
        "over": told.say("One of your parcels") if is_one_of_many else "",
    }
    parcel_is = told.say("One parcel is") if is_one_of_many else told.say("Your parcel is")
    if row.sub_status in _HELD_UP and when and row.window_to >= told.today:
        return sure | _late_words(told, row, when)
    if row.status in {"exception", "available_for_pickup", "attempt_failed", "returning", "expired"}:
        big = told.say("Lost on the way") if row.sub_status == "exception.lost" else told.say(shown.chip)
        advice = told.say(words.advice(row.sub_status, row.status))
        return {**sure, "kick": parcel_is, "date": big, "sure": "", "why": advice, "icon": shown.icon}
    if is_late(row):
        return sure | _late_words(told, row, when)
    if row.status == "out_for_delivery" and (not when or row.window_from <= told.today):
        return {**sure, "kick": told.say("Out for delivery"), "date": told.say("Today"), "icon": "truck"}
    if when and row.window_to < told.today:
        late = told.say("It has not arrived as far as we know. We keep asking the carrier.")
        return {**sure, "kick": told.say("Was expected"), "date": when, "sure": "", "why": late, "icon": "clock"}
    if when:
        kick = told.say("First parcel arrives") if is_one_of_many else told.say("Arrives")
        return {**sure, "kick": kick, "date": when}
    return {**sure, "kick": parcel_is, "date": told.say(shown.chip), "icon": shown.icon}


def _late_words(told: _Told, row: Any, when: str) -> dict[str, Any]:
    was = row.story.get("was") or {}
    first, last = _stored_day(was.get("from")), _stored_day(was.get("to"))
    new = when and row.window_to >= told.today
    return {
        "kick": told.say("Running late. Now expected") if new else told.say("Running late"),
        "date": when if new else told.say("No new date yet"),
        "was": told.span(first, last) if first and last else "",
        "icon": "clock",
    }


def _stored_day(text: object) -> date | None:
    return iso_day(text) if isinstance(text, str) else None


# --- notes above the parcels --------------------------------------------------------------------------------------


def _notes(told: _Told, shipments: Sequence[Any], lead: Any) -> list[dict[str, Any]]:
    """What needs saying before the parcels: what happened, and when a carrier is not talking to us."""
    notes = []
    if lead is not None and is_late(lead):
        notes.append(_what_happened(told, lead))
    silent = [row for row in shipments if is_silent(row, told.now)]
    if silent:
        oldest = min(silent, key=lambda row: row.heard_at or row.created_at)
        unit, count = age(oldest.heard_at, told.now) if oldest.heard_at else ("", 0)
        name = carrier_name(oldest)
        notes.append({"kind": "silent", "tone": "warn", "icon": "info", "carrier": name, "unit": unit, "n": count})
    return notes


def is_silent(row: Any, now: datetime) -> bool:
    """The carrier has failed to answer for hours about a parcel that should be moving."""
    if not row.error or row.status in _ENDED:
        return False
    return row.heard_at is None or now - row.heard_at > SILENT_AFTER


def carrier_name(row: Any) -> str:
    """As people know it: ours, else as the shop wrote it."""
    return carrier_of(row.carrier)[0] or str(row.carrier)


def _what_happened(told: _Told, row: Any) -> dict[str, Any]:
    delay, latest = row.story.get("delay") or {}, row.story.get("latest")
    cause = words.CAUSE.get(delay.get("cause") or "")
    if not cause and row.delay == "stalled":
        cause = "The carrier has not scanned it for longer than usual. It may still arrive without a further scan."
    promised = _stored_day(delay.get("promised"))
    act = row.story.get("act") or "none"
    return {
        "kind": "late",
        "tone": "warn",
        "icon": "clock",
        "cause": told.say(cause or "It takes longer than expected. The carrier has not said why."),
        "latest": _event(told, latest) if latest else None,
        "promised": told.day(promised) if promised else "",
        "nothing_to_do": act != "shopper",
        "advice": told.say(words.advice(row.sub_status, row.status)),
    }


# --- parcels ------------------------------------------------------------------------------------------------------


def _parcel(told: _Told, order: Any, row: Any, n: int, page: Page) -> dict[str, Any]:
    shown, story = words.status(row.status), row.story
    late = is_late(row)
    events = story.get("events") or ()
    line = _timeline(told, events)
    name, link = carrier_name(row), carrier_of(row.carrier)[1]
    unit, count = age(row.heard_at, told.now) if row.heard_at and row.status not in _ENDED else ("", 0)
    return {
        "id": row.public_id,
        "n": n,
        "chip": told.say("Delayed" if late and row.status != "exception" else shown.chip),
        "tone": "warn" if late and shown.tone != "bad" else shown.tone,
        "icon": "clock" if late else shown.icon,
        "eta": _eta(told, row),
        "steps": _steps(told, order, row, late),
        "latest": _latest(told, row, shown),
        "advice": told.say(words.advice(row.sub_status, row.status)) if shown.tone in {"warn", "bad"} else "",
        "proof": _proof(told, row),
        "items": [_item(told.by_id[line], quantity) for line, quantity in page.packed.get(row.id, ())],
        "carrier": name,
        "number": row.number,
        "link": link.replace("{number}", quote(row.number, safe="")) if link else "",
        "days": line.days,
        "count": story.get("count") or len(events),
        "some_theirs": line.some_theirs,
        "some_zoneless": line.some_zoneless,
        "heard": unit,
        "heard_n": count,
    }


def _eta(told: _Told, row: Any) -> tuple[str, str]:
    """(word before, date): "Arrives", "Tue 24 – Wed 25 Nov". Both empty where no date is known."""
    if row.status == "delivered":
        return told.say("Delivered"), told.day(row.delivered_on) if row.delivered_on else ""
    if row.status in _DATELESS or not (row.window_from and row.window_to):
        return "", ""
    if row.status == "out_for_delivery" and row.window_from <= told.today:
        return told.say("Arrives"), told.say("Today")
    when = told.span(row.window_from, row.window_to)
    if row.window_to < told.today:
        return told.say("Was expected"), when
    return told.say("Now expected" if is_late(row) else "Arrives"), when


def _steps(told: _Told, order: Any, row: Any, late: bool) -> list[tuple[str, str, str]]:
    """(state, name, when) of the five milestones; state is done, now, late or todo."""
    reached = row.story.get("reached") or [None] * _STEPS
    at = row.story.get("step", 1)
    over = at >= _STEPS or row.status == "delivered"
    steps = []
    for i, name in enumerate(words.MILESTONES):
        on = iso_day(reached[i]) if reached[i] else None
        if i == 0 and on is None:
            on = order.placed_at.astimezone(told.zone).date()
        when = "" if on is None else told.say("Today") if on == told.today else short_day(on, told.locale)
        state = "done" if over or i < at else ("late" if late else "now") if i == at else "todo"
        steps.append((state, told.say(name), when))
    return steps


def _latest(told: _Told, row: Any, shown: words.Shown) -> dict[str, Any]:
    event = row.story.get("latest")
    if not event:
        return {"what": told.say(shown.meaning), "when": "", "theirs": False}
    return _event(told, event)


def _event(told: _Told, event: Mapping[str, Any]) -> dict[str, Any]:
    what, theirs = _said(told, event)
    on = iso_day(event["local"])
    parts = [told.day(on) if on else "", "" if event["date_only"] else clock(event["local"]), _where(told, event)]
    when = ", ".join(part for part in parts if part)
    return {"what": what, "theirs": theirs, "when": when}


def _said(told: _Told, event: Mapping[str, Any]) -> tuple[str, bool]:
    """(what happened, whether these are the carrier's own words). The shop's words stand beside ours."""
    happened = words.happened(event["sub_status"], event["status"])
    ours = told.say(happened) if happened else ""
    if event.get("by_hand"):
        return ": ".join(filter(None, (ours, event["text"]))) or told.say("A remark"), False
    return ours or event["text"] or event["code"], not ours


def _where(told: _Told, event: Mapping[str, Any]) -> str:
    """The place; and who said it, where the carrier did not."""
    by = told.say("added by the shop") if event.get("by_hand") else ""
    return ", ".join(filter(None, (event["place"], by)))


@dataclass(slots=True)
class _Timeline:
    """Days, newest first: (day, [(datetime attribute, clock, what, carrier's own words?, place)])."""

    days: list[tuple[str, list[tuple[str, str, str, bool, str]]]] = field(default_factory=list)
    some_theirs: bool = False
    some_zoneless: bool = False


def _timeline(told: _Told, events: Sequence[Mapping[str, Any]]) -> _Timeline:
    line = _Timeline()
    current = None
    of_day: list[tuple[str, str, str, bool, str]] = []
    for event in events:
        local, offset, date_only = event["local"], event["offset"], event["date_only"]
        if local[:10] != current:
            current = local[:10]
            on = iso_day(local)
            of_day = []
            line.days.append((told.day(on) if on else current, of_day))
        what, theirs = _said(told, event)
        line.some_theirs = line.some_theirs or theirs
        if not offset and not date_only:
            line.some_zoneless = True
        time = "" if date_only else local[11:16]
        of_day.append((local + offset if offset else local, time, what, theirs, _where(told, event)))
    return line


def _proof(told: _Told, row: Any) -> str:
    """Where it was left; who took it in only for those who are known."""
    pod = row.story.get("pod") if row.status == "delivered" else None
    if not pod:
        return ""
    by = pod.get("by") if told.trust != "status" else ""
    place = pod.get("place") or ""
    if place == ((row.story.get("latest") or {}).get("place") or ""):
        place = ""  # the line above says it already
    if by:
        return f"{place}. {told.say('Received by %s') % by}" if place else told.say("Received by %s") % by
    return str(place)


def _item(line: Any, quantity: int) -> tuple[str, str, int, str, str]:
    """(title, variant, quantity, drawing, picture address)."""
    return line.title, line.variant, quantity, *picture(line.picture)


def _waiting(told: _Told, page: Page) -> list[tuple[str, str, int, str, str]]:
    """What was ordered and is in no parcel yet."""
    in_parcels: dict[int, int] = {}
    for row in page.shipments:
        for line, quantity in page.packed.get(row.id, ()):
            in_parcels[line] = in_parcels.get(line, 0) + quantity
    known = [line for line in page.lines if line.ships]
    if page.shipments and not in_parcels:
        return []  # the shop never said what is in which parcel: nothing can be said to be missing
    left = ((line, line.quantity - in_parcels.get(line.id, 0)) for line in known)
    return [_item(line, quantity) for line, quantity in left if quantity > 0]


def _stage(told: _Told, order: Any) -> dict[str, Any]:
    stage = words.STAGE.get(order.stage, words.STAGE["placed"])
    at = {"placed": 0, "confirmed": 0, "picking": 0, "packed": 1, "awaiting_carrier": 1}.get(order.stage, 1)
    placed = order.placed_at.astimezone(told.zone).date()
    when = told.say("Today") if placed == told.today else short_day(placed, told.locale)
    steps = [
        ("done" if i < at else "now" if i == at else "todo", told.say(name), when if i == 0 else "")
        for i, name in enumerate(words.MILESTONES)
    ]
    return {
        "chip": told.say(stage.chip),
        "tone": stage.tone,
        "icon": stage.icon,
        "meaning": told.say(stage.meaning),
        "steps": [] if order.stage == "cancelled" or order.cancelled_at else steps,
    }


# --- after delivery -----------------------------------------------------------------------------------------------


def _back(told: _Told, page: Page) -> dict[str, Any] | None:
    """The way back: until when, as far as the policy and the last parcel say. None before anything arrived."""
    came = [row.delivered_on for row in page.shipments if row.status == "delivered" and row.delivered_on]
    if not came or not any(line.ships and line.returned_quantity < line.quantity for line in page.lines):
        return None
    days = page.shelf.return_days
    last = max(came) + timedelta(days=days) if days is not None else None
    return {"until": told.day(last) if last else "", "is_open": last is None or told.today <= last}


def _return_row(told: _Told, row: Any) -> dict[str, Any]:
    shown = words.RETURN_STATUS.get(row.status, words.RETURN_STATUS["requested"])
    return {
        "href": f"{told.base}/returns/{row.public_id}",
        "rma": row.rma,
        "chip": told.say(shown.chip),
        "tone": shown.tone,
        "icon": shown.icon,
        "by": told.day(row.deadline) if row.status == "label_issued" and row.deadline else "",
        "is_open": row.status in _OPEN_RETURN,
    }


def _howto(told: _Told, page: Page) -> list[tuple[str, str, str, int, str, str]]:
    """(slug, title, summary, minutes, drawing, picture) of articles for what was bought, each once."""
    found = []
    for article in page.shelf.howtos:
        match = next((line for line in page.lines if _is_about(article, line)), None)
        if match is not None:
            drawing, address = picture(match.picture)
            note = article["summary"]
            found.append((article["slug"], article["title"], note, article["minutes"], drawing, address))
    return found[:6]


def _is_about(article: Mapping[str, Any], line: Any) -> bool:
    return (bool(line.sku) and line.sku in article["skus"]) or not article["tags"].isdisjoint(line.tags)


# --- help and details ---------------------------------------------------------------------------------------------


def _help(told: _Told, order: Any) -> dict[str, Any]:
    """Rows (icon, title, text, address) of the brand's support."""
    rows, hours = _support(orjson.dumps(told.brand.support))
    about = "?subject=" + quote(told.say("Order %s") % order.number)
    shown = [(icon, told.say(title), text, to + about if icon == "mail" else to) for icon, title, text, to in rows]
    return {"help": shown, "hours": hours}


@lru_cache(256)
def _support(stored: bytes) -> tuple[tuple[tuple[str, str, str, str], ...], str]:
    """The rows of a brand, and its hours: only mailto, tel and https addresses, whatever is stored."""
    support = orjson.loads(stored)
    rows = (
        ("chat", "Chat with a person", str(support.get("reply_time") or ""), web_link(support.get("chat"))),
        ("mail", "Email us", str(support.get("email") or ""), mail_link(support.get("email"))),
        ("phone", "Call us", str(support.get("phone") or ""), phone_link(support.get("phone"))),
        ("info", "Help pages", "", web_link(support.get("url"))),
    )
    return tuple(row for row in rows if row[3]), str(support.get("hours") or "")


def _details(told: _Told, order: Any, lines: Sequence[Any]) -> dict[str, Any]:
    address, masked = _address(told, order.ship_to)
    shows_money = told.trust != "status"
    return {
        "ledger": _ledger(told, order, lines) if shows_money else [],
        "paid_with": order.payment_hint if shows_money else "",
        "address": address,
        "masked": masked,
        "placed": told.day(order.placed_at.astimezone(told.zone).date()),
    }


def _ledger(told: _Told, order: Any, lines: Sequence[Any]) -> list[tuple[str, str, str, bool]]:
    """(term, amount, note, is the total)."""
    units = sum(line.quantity for line in lines)
    rows = [(told.speech.ngettext("%d item", "%d items", units) % units, order.items_minor)]
    if order.discount_minor:
        rows.append((told.say("Discount"), -order.discount_minor))
    rows.append((told.say("Delivery"), order.shipping_minor))
    if order.tax_minor and not order.tax_included:
        rows.append((told.say("Tax"), order.tax_minor))
    amounts = [(term, told.money(minor, order.currency), "", False) for term, minor in rows]
    note = ""
    if order.tax_minor and order.tax_included:
        note = told.say("includes %s tax") % told.money(order.tax_minor, order.currency)
    amounts.append((told.say("Total"), told.money(order.total_minor, order.currency), note, True))
    if order.refunded_minor:
        amounts.append((told.say("Given back"), told.money(-order.refunded_minor, order.currency), "", False))
    return amounts


def _address(told: _Told, to: Mapping[str, Any]) -> tuple[str, bool]:
    """Everything for who came by a mailed link; town and half a postcode for others, with initials after an e-mail."""
    if not to:
        return "", False
    city, postcode = str(to.get("city") or ""), str(to.get("postcode") or "")
    if told.trust in {"link", "agent"}:
        lines = [to.get("name"), *(to.get("lines") or ()), f"{city} {postcode}".strip(), to.get("country")]
        return ", ".join(str(line) for line in lines if line), False
    half = postcode[: max(1, len(postcode) // 2)].strip() + " •••" if postcode else ""
    place = f"{city} {half}".strip()
    if told.trust == "status":
        return place, True
    initials = " ".join(f"{part[0]}." for part in str(to.get("name") or "").split() if part)
    return ", ".join(part for part in (initials, place) if part), True
