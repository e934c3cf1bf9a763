"""The order page's values: one order, its parcels and what is known of them, as prepared text. Pure, no clock.

`view` gets rows by their column names and gives one dict; templates/pages/order.html shows it without deciding
anything. Dates come from the stored story of each shipment, which portal.tracking.story describes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from gettext import NullTranslations
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from carriers.registry import all_carriers
from portal.speech import words
from portal.speech.dates import age, clock, day, iso_day, money, short_day, span
from portal.tables import Brand
from portal.web.access import Trust
from portal.web.view_frame import mail_link, phone_link, picture, web_link

# A carrier whose last good answer is older than this is not talking to us: the page says so.
SILENT_AFTER = timedelta(hours=6)
_LATE = frozenset({"late", "stalled"})
_ENDED = frozenset({"delivered", "returned", "cancelled"})
# A window was reckoned before these; showing it beside them would promise what nobody knows.
_DATELESS = _ENDED | {"exception", "available_for_pickup", "returning", "expired"}
_OPEN_RETURN = frozenset({"requested", "info_needed", "approved", "label_issued", "in_transit", "partially_received"})
# Stopped, but coming all the same: the date matters more than the word for it.
_HELD_UP = frozenset({"exception.weather", "exception.capacity", "exception.misrouted"})
NOT_UNDER_WAY = frozenset({"pending", "info_received", "cancelled"})
_STEPS = len(words.MILESTONES)
_ROUND = words.MILESTONES.index("Out for delivery")
# Where these are, no milestone has a name for: the status stands in its place.
_OFF_THE_ROAD = frozenset({"attempt_failed", "available_for_pickup", "exception", "returning", "returned"})


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

    def there(self, row: Any) -> _Told:
        """The same where a parcel goes: its window is in dates of that place, and it may be tomorrow there."""
        today = self.now.astimezone(zone_of(row.to_zone)).date() if row.to_zone else self.today
        return self if today == self.today else replace(self, today=today)

    def say(self, sentence: str) -> str:
        return self.speech.gettext(sentence) if sentence else ""

    def day(self, value: date) -> str:
        return self.say("Today") if value == self.today else day(value, self.locale, self.today)

    def day_in_text(self, value: date) -> str:
        """As `day`, inside a sentence."""
        return self.say("today") if value == self.today else self.day(value)

    def window(self, row: Any) -> str:
        """The days on which a parcel is expected: those that are left, or all of a window that has passed."""
        first, last = row.window_from, row.window_to
        if not first or not last:
            return ""
        return self.span(max(first, self.today) if last >= self.today else first, last)

    def span(self, first: date, last: date) -> str:
        return self.day(last) if first == last else span(first, last, self.locale, self.today)

    def money(self, minor: int, currency: str) -> str:
        return money(minor, currency, self.locale)


def view(
    page: Page, *, brand: Brand, trust: Trust, now: datetime, speech: NullTranslations = words.ENGLISH
) -> dict[str, Any]:
    """Keys: title, number, hero, notes, parcels, waiting, back, returns, howto, help, hours, help_above, ledger,
    paid_with, address, masked, can_mail, may_act. All text is plain; the template escapes it."""
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
    parcels = [_parcel(told.there(row), order, row, n, page) for n, row in enumerate(page.shipments, 1)]
    hero = _hero(told, order, page.shipments)
    notes = _notes(told, page.shipments, hero["lead"])
    said = {hero["why"], *(note.get("advice") for note in notes)}
    for parcel, row in zip(parcels, page.shipments, strict=True):
        if row is hero["lead"] and parcel["advice"] in said:
            parcel["advice"] = ""
    return {
        "title": f"{hero['kick']} {hero['date']}".strip(),
        "number": order.number,
        "base": told.base,
        "hero": hero,
        "notes": notes,
        "parcels": parcels,
        "many": len(parcels) > 1,
        "waiting": _waiting(told, page),
        "stage": _stage(told, order) if not parcels else None,
        "back": _back(told, page),
        "returns": [_return_row(told, row) for row in page.returns],
        "howto": [] if _is_called_off(order, page.shipments) else _howto(told, page),
        "arrived": hero["arrived"],
        **_help(told, order, notes),
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


def _has_slipped(row: Any) -> bool:
    """Late against a date that somebody named: silence alone moves none."""
    return is_late(row) and (row.delay == "late" or bool(row.story.get("was")))


def _is_called_off(order: Any, shipments: Sequence[Any]) -> bool:
    """Cancelled before anything of it left us. A parcel under way matters more than the word."""
    cancelled = bool(order.cancelled_at) or order.stage == "cancelled"
    return cancelled and all(row.status in NOT_UNDER_WAY for row in shipments)


# --- hero ---------------------------------------------------------------------------------------------------------


def _hero(told: _Told, order: Any, shipments: Sequence[Any]) -> dict[str, Any]:
    """The largest words of the page: when, or the one thing that matters more than when."""
    # A label that was never used says nothing about the goods, which travel under another.
    sent = [row for row in shipments if row.status != "cancelled"] or shipments
    moving = [row for row in sent if row.status not in _ENDED]
    lead = min(moving, key=_urgency) if moving else None
    base = {"over": "", "was": "", "sure": "", "why": "", "also": "", "icon": "gauge", "lead": lead, "arrived": False}
    if _is_called_off(order, shipments):
        return base | {"kick": told.say("This order was"), "date": told.say("Cancelled"), "icon": "info", "lead": None}
    if not shipments:
        return base | _before_carrier(told, order)
    if lead is None:
        return base | _all_over(told, sent)
    hero = base | _lead_words(told.there(lead), lead, len(sent) > 1)
    others = [row for row in moving if row is not lead and row.window_from and row.window_to]
    if others and _come_together(told.there(lead), sent):
        over = told.speech.ngettext("%d parcel", "%d parcels", len(sent)) % len(sent)
        return hero | {"kick": told.say("All parcels arrive"), "over": over}
    if others:
        nxt = min(others, key=lambda row: row.window_from)
        hero["also"] = told.say("The next parcel follows: %s") % told.there(nxt).window(nxt)
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
    done = order.stage == "completed"
    if order.promised_from and order.promised_to and order.promised_to >= told.today and not done:
        when = told.span(max(order.promised_from, told.today), order.promised_to)
        why = told.say("This is what we promised when you ordered. The carrier’s own date follows.")
        return {"over": told.say(stage.chip), "kick": told.say("Expected"), "date": when, "why": why}
    words_of = {"kick": told.say("Your order is"), "date": told.say(stage.chip), "why": told.say(stage.meaning)}
    return {**words_of, "icon": stage.icon, "arrived": done}


def _all_over(told: _Told, sent: Sequence[Any]) -> dict[str, Any]:
    came = [(row.delivered_on, told.there(row)) for row in sent if row.status == "delivered" and row.delivered_on]
    if all(row.status == "delivered" for row in sent):
        over = told.speech.ngettext("%d parcel", "%d parcels", len(sent)) % len(sent)
        on, there = max(came, key=lambda c: c[0]) if came else (None, told)
        latest = there.day(on) if on else told.say("All here")
        return {"over": over, "kick": told.say("Delivered"), "date": latest, "icon": "check", "arrived": True}
    worst = next((row for row in sent if row.status == "returned"), sent[0])
    shown = words.status(worst.status)
    kick = told.say("One parcel is") if len(sent) > 1 else told.say("Your parcel is")
    big = {"kick": kick, "date": told.say(shown.chip), "why": told.say(shown.meaning), "icon": shown.icon}
    return {**big, "arrived": bool(came), "lead": worst}


def _lead_words(told: _Told, row: Any, is_one_of_many: bool) -> dict[str, Any]:
    """`told` is where the parcel goes."""
    shown = _shown(row)
    when = told.window(row)
    coming = bool(when) and row.window_to >= told.today
    why = row.story.get("window") or {}
    sure = {
        "sure": told.say(words.LIKELY.get(why.get("likely") or "", "")),
        "why": told.say(words.WHY.get(why.get("why", ""), "")) if when else told.say(shown.meaning),
        "over": told.say("One of your parcels") if is_one_of_many else "",
    }
    parcel_is = told.say("One parcel is") if is_one_of_many else told.say("Your parcel is")
    if row.sub_status in _HELD_UP and coming and not is_late(row):
        was = _was(told, row)
        kick = told.say("Held up. Now expected") if was else told.say("Held up. Still expected")
        return {**sure, "kick": kick, "date": when, "was": was, "icon": "clock"}
    if row.status in {"exception", "available_for_pickup", "attempt_failed", "returning", "expired"} and not (
        row.sub_status in _HELD_UP and coming
    ):
        big = told.say("Lost on the way") if row.sub_status == "exception.lost" else told.say(shown.chip)
        return {**sure, "kick": parcel_is, "date": big, "sure": "", "why": _trouble(told, row), "icon": shown.icon}
    if is_late(row):
        return sure | _late_words(told, row, when if coming else "")
    if _is_out_today(told, row):
        kick, why_today = told.say("Out for delivery"), told.say(shown.meaning)
        return {**sure, "kick": kick, "date": told.say("Today"), "sure": "", "why": why_today, "icon": "truck"}
    if when and not coming:
        late = told.say("It has not arrived as far as we know. We keep asking the carrier.")
        return {**sure, "kick": told.say("Was expected"), "date": when, "sure": "", "why": late, "icon": "clock"}
    if when:
        kick = told.say("First parcel arrives") if is_one_of_many else told.say("Arrives")
        return {**sure, "kick": kick, "date": when}
    return {**sure, "kick": parcel_is, "date": told.say(shown.chip), "icon": shown.icon}


def _shown(row: Any) -> words.Shown:
    """How its status appears. Of a parcel that nobody tells us about not even that it waits for its first scan."""
    is_unheard = row.status == "pending" and not row.story.get("followed", True)
    return words.UNFOLLOWED if is_unheard else words.status(row.status)


def _trouble(told: _Told, row: Any) -> str:
    """What is the matter where a card below says what to do about it, else what to do."""
    if words.asks_for_you(row.sub_status, row.status):
        return told.say(words.SUB_STATUS.get(row.sub_status or "", words.status(row.status).meaning))
    return told.say(words.advice(row.sub_status, row.status))


def _is_out_today(told: _Told, row: Any) -> bool:
    """On the vehicle, since today as far as is known: a round of yesterday is no reason to wait at the door."""
    if row.status != "out_for_delivery" or (row.window_from and row.window_to and row.window_from > told.today):
        return False
    reached = row.story.get("reached") or [None] * _STEPS
    return _stored_day(reached[_ROUND]) in {None, told.today}


def _late_words(told: _Told, row: Any, when: str) -> dict[str, Any]:
    """`when` is empty where no date is left to look forward to."""
    if not _has_slipped(row):
        quiet = "No news for a while. Still expected" if when else "No news for a while. Your parcel is"
        date_or_status = when or told.say(words.status(row.status).chip)
        return {"kick": told.say(quiet), "date": date_or_status, "icon": "clock"} | ({} if when else {"why": ""})
    late = {"was": _was(told, row), "icon": "clock"}
    if when:
        return {"kick": told.say("Running late. Now expected"), "date": when, **late}
    return {"kick": told.say("Running late"), "date": told.say("No new date yet"), "why": "", **late}


def _was(told: _Told, row: Any) -> str:
    was = row.story.get("was") or {}
    first, last = _stored_day(was.get("from")), _stored_day(was.get("to"))
    return told.span(first, last) if first and last else ""


def _stored_day(text: object) -> date | None:
    return iso_day(text) if isinstance(text, str) else None


# --- notes above the parcels --------------------------------------------------------------------------------------


def _notes(told: _Told, shipments: Sequence[Any], lead: Any) -> list[dict[str, Any]]:
    """What needs saying before the parcels: what happened, and when a carrier is not talking to us."""
    notes = []
    if lead is not None and is_late(lead):
        notes.append(_what_happened(told.there(lead), lead))
    elif lead is not None and words.asks_for_you(lead.sub_status, lead.status):
        notes.append(_what_to_do(told, lead))
    silent = [row for row in shipments if is_silent(row, told.now)]
    if silent:
        oldest = min(silent, key=lambda row: row.heard_at or row.created_at)
        unit, count = age(oldest.heard_at, told.now) if oldest.heard_at else ("", 0)
        name = carrier_name(oldest)
        notes.append({"kind": "silent", "carrier": name, "unit": unit, "n": count})
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
    act = row.story.get("act") or "none"
    return {
        "kind": "trouble",
        "anchor": "help",
        "title": told.say("What happened"),
        "cause": told.say(cause or "It takes longer than expected. The carrier has not said why."),
        "latest": _event(told, latest) if latest else None,
        "nothing_to_do": act != "shopper",
        "advice": told.say(words.advice(row.sub_status, row.status)),
        "way_out": told.say("If that’s too late for you" if _has_slipped(row) else "If you can’t wait any longer"),
    }


def _what_to_do(told: _Told, row: Any) -> dict[str, Any]:
    advice = told.say(words.advice(row.sub_status, row.status))
    only = {"cause": "", "latest": None, "nothing_to_do": False, "way_out": ""}
    return {"kind": "trouble", "anchor": "help", "title": told.say("What to do"), "advice": advice, **only}


# --- parcels ------------------------------------------------------------------------------------------------------


def _parcel(told: _Told, order: Any, row: Any, n: int, page: Page) -> dict[str, Any]:
    shown, story = _shown(row), row.story
    late, slipped = is_late(row), _has_slipped(row)
    events = story.get("events") or ()
    line = _timeline(told, events)
    name, link = carrier_name(row), carrier_of(row.carrier)[1]
    unit, count = age(row.heard_at, told.now) if row.heard_at and row.status not in _ENDED else ("", 0)
    return {
        "id": row.public_id,
        "n": n,
        "chip": told.say(shown.chip if not late or row.status == "exception" else "Delayed" if slipped else "No news"),
        "tone": "warn" if late and shown.tone != "bad" else shown.tone,
        "icon": "clock" if late else shown.icon,
        "eta": _eta(told, row),
        "steps": _steps(told, order, row, slipped),
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
    if _is_out_today(told, row):
        return told.say("Arrives"), told.say("Today")
    when = told.window(row)
    if row.window_to < told.today:
        return told.say("Was expected"), when
    return told.say("Now expected" if _has_slipped(row) else "Still expected" if is_late(row) else "Arrives"), when


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
        called = words.status(row.status).chip if i == at and row.status in _OFF_THE_ROAD else name
        steps.append((state, told.say(called), when))
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
    if page.shipments and (page.order.cancelled_at or page.order.stage == "cancelled"):
        return []
    known = [line for line in page.lines if line.ships]
    if page.shipments and not in_parcels:
        return []  # the shop never said what is in which parcel: nothing can be said to be missing
    left = ((line, line.quantity - in_parcels.get(line.id, 0)) for line in known)
    return [_item(line, quantity) for line, quantity in left if quantity > 0]


# The milestone at which an order without a parcel stands.
_STAGE_AT = {"packed": 1, "awaiting_carrier": 1, "partially_shipped": 2, "shipped": 2, "completed": _STEPS}


def _stage(told: _Told, order: Any) -> dict[str, Any]:
    stage = words.STAGE.get(order.stage, words.STAGE["placed"])
    at = _STAGE_AT.get(order.stage, 0)
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
    """The way back: until when, as far as the policy and each parcel say. None before anything arrived."""
    if not any(line.ships and line.returned_quantity < line.quantity for line in page.lines):
        return None
    came = [row.delivered_on for row in page.shipments if row.status == "delivered" and row.delivered_on]
    if not came:
        arrived_untracked = not page.shipments and page.order.stage == "completed"
        return {"until": "", "longer": False, "is_open": True} if arrived_untracked else None
    if page.shelf.return_days is None:
        return {"until": "", "longer": False, "is_open": True}
    ends = {on + timedelta(days=page.shelf.return_days) for on in came}
    ahead = {end for end in ends if end >= told.today}
    until = min(ahead) if ahead else max(ends)
    return {"until": told.day_in_text(until), "longer": len(ahead) > 1, "is_open": bool(ahead)}


def _return_row(told: _Told, row: Any) -> dict[str, Any]:
    shown = words.RETURN_STATUS.get(row.status, words.RETURN_STATUS["requested"])
    return {
        "href": f"{told.base}/returns/{row.public_id}",
        "rma": row.rma,
        "chip": told.say(shown.chip),
        "tone": shown.tone,
        "icon": shown.icon,
        "by": told.day_in_text(row.deadline) if row.status == "label_issued" and row.deadline else "",
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


def _help(told: _Told, order: Any, notes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rows (icon, title, text, address) of the brand's support, and whether the bad news names them already."""
    rows, hours = _support(orjson.dumps(told.brand.support))
    about = "?subject=" + quote(told.say("Order %s") % order.number)
    shown = [(icon, told.say(title), text, to + about if icon == "mail" else to) for icon, title, text, to in rows]
    above = bool(shown) and any(note["kind"] == "trouble" for note in notes)
    return {"help": shown, "hours": hours, "help_above": above}


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
        "can_mail": bool(order.has_email),
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
