"""From what a message is about to what its templates get: words and dates ready to print, nothing to compute."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from portal.links import LINK_DAYS
from portal.notify.events import Event
from portal.notify.mailbox import clean_address, greeting_name, one_line
from portal.notify.matter import Case, Item, Matter, Parcel
from portal.notify.truth import out_for_delivery_on
from portal.speech.dates import day, money, span
from portal.speech.languages import language_tag
from portal.speech.words import CAUSE, LEDGER, LIKELY, MILESTONES, STATUS, SUB_STATUS, WHY, advice, fill, way_back
from portal.tables import Brand, Refund
from returns.machine import Method

_MOST_ITEMS = 12
_STEP_OF_STATUS = {
    "pending": 1,
    "info_received": 1,
    "out_for_delivery": 3,
    "available_for_pickup": 3,
    "delivered": 5,
}
_RETURN_STEP = {Event.RETURN_APPROVED: 2, Event.LABEL_ISSUED: 2, Event.REFUND_SUBMITTED: 5}


def view_of(matter: Matter, url: str, now: datetime) -> dict[str, Any]:
    """The values of every mail template.

    brand, order_number, hello, lang, url, link_until, support, items; parcel, others, not_sent for parcels; case for
    returns; refund for refunds; progress as (milestone, "done" | "now" | "todo"). What a message is not about is None
    or empty. Sentences from portal.speech.words still pass through `_()` in the template. Texts from outside are one
    line each and capped.
    """
    today = matter.today(now)
    locale = matter.brand.locale
    own = matter.parcel
    items = own.items if own else matter.case.items if matter.case else ()
    return {
        "brand": one_line(matter.brand.name),
        "order_number": one_line(matter.order.number, 40),
        "hello": greeting_name(str(matter.order.ship_to.get("name", ""))),
        "lang": language_tag(matter.brand.locale),
        "url": url,
        "link_until": day(matter.today(now + timedelta(days=LINK_DAYS)), locale, today),
        "support": _support(matter.brand),
        "items": _names(items),
        "parcel": _parcel(matter, own, today, locale) if own else None,
        "others": [_other(parcel, today, locale) for parcel in matter.parcels if own and parcel is not own],
        "not_sent": _names(matter.not_sent),
        "case": _case(matter.brand, matter.case, today, locale) if matter.case else None,
        "refund": _refund(matter.refund, matter, today, locale) if matter.refund else None,
        "progress": _progress(matter),
    }


def _support(brand: Brand) -> dict[str, str]:
    said = {name: one_line(str(brand.support.get(name) or ""), 160) for name in ("email", "phone", "hours", "address")}
    shop = one_line(str(brand.links.get("shop") or ""), 200)
    return {
        **said,
        "email": clean_address(said["email"]),
        "shop": shop if shop.startswith("https://") else "",
        "shop_name": urlsplit(shop).hostname or "",
    }


def _names(items: Sequence[Item]) -> dict[str, Any]:
    """At most twelve names, and how many lines more there are."""
    names = []
    for item in items[:_MOST_ITEMS]:
        name = one_line(f"{item.title} ({item.variant})" if item.variant else item.title, 90)
        names.append(f"{name} × {item.quantity}" if item.quantity > 1 else name)
    return {"names": names, "more": max(len(items) - _MOST_ITEMS, 0)}


def _parcel(matter: Matter, parcel: Parcel, today: date, locale: str) -> dict[str, Any]:
    row, story = parcel.shipment, parcel.shipment.story
    window, delay, pod = (story.get(name) or {} for name in ("window", "delay", "pod"))
    delivered_on = row.delivered_on or (row.delivered_at.date() if row.delivered_at else None)
    moved_from = story.get("was") or {}
    return {
        "place": parcel.place,
        "of": len(matter.parcels),
        "carrier": one_line(parcel.carrier, 60),
        "number": one_line(row.number, 60),
        "handed_over": SUB_STATUS.get(row.sub_status or "", "") if row.status == "delivered" else "",
        "window": _window(parcel, today, locale),
        "why": WHY.get(str(window.get("why")), ""),
        "likely": LIKELY.get(str(window.get("likely")), ""),
        "before": _between(moved_from.get("from"), moved_from.get("to"), today, locale)
        or _between(row.promised_from, row.promised_to, today, locale),
        "advice": advice(row.sub_status, row.status),
        "cause": CAUSE.get(str(delay.get("cause")), ""),
        "delivered_on": day(delivered_on, locale, today) if delivered_on else "",
        "is_today": delivered_on == today,
        "out_on": day(out_for_delivery_on(matter), locale, today),
        "left_with": one_line(str(pod.get("place") or ""), 80),
        "is_late": delay.get("state") in {"late", "stalled"} or row.delay in {"late", "stalled"},
    }


def _other(parcel: Parcel, today: date, locale: str) -> dict[str, Any]:
    return {
        "place": parcel.place,
        "items": _names(parcel.items),
        "status": STATUS[parcel.shipment.status].chip if parcel.shipment.status in STATUS else "",
        "window": _window(parcel, today, locale),
    }


def _window(parcel: Parcel, today: date, locale: str) -> str:
    """The dates we expect; empty text when there are none or they are past."""
    last = parcel.shipment.window_to
    if last is None or last < today:
        return ""
    first = max(parcel.shipment.window_from or last, today)
    return span(first, last, locale, today)


def _between(first: Any, last: Any, today: date, locale: str) -> str:
    try:
        end = last if isinstance(last, date) else date.fromisoformat(last or "")
        start = first if isinstance(first, date) else date.fromisoformat(first or end.isoformat())
    except (TypeError, ValueError):
        return ""
    return span(start, end, locale, today)


def _case(brand: Brand, case: Case, today: date, locale: str) -> dict[str, Any]:
    row = case.row
    return {
        "rma": one_line(row.rma, 40),
        "deadline": day(row.deadline, locale, today) if row.deadline else "",
        "reason": one_line(row.reject_reason, 500),
        "resolution": row.resolution,
        "amount": money(row.refund_minor, row.currency, locale) if row.refund_minor > 0 else "",
        "has_label": bool(case.label_pdf),
        "address": _address(brand.return_address) if row.method == Method.OWN else [],
    }


def _address(fields: dict[str, Any]) -> list[str]:
    lines = [fields.get("company"), fields.get("name"), *(fields.get("lines") or [])]
    town = " ".join(str(fields.get(name) or "") for name in ("city", "postcode"))
    return [one_line(str(line)) for line in (*lines, town, fields.get("country")) if line and str(line).strip()]


def _refund(refund: Refund, matter: Matter, today: date, locale: str) -> dict[str, Any]:
    credit = matter.case.row.credit_code if matter.case and refund.method == "store_credit" else ""
    return {
        "amount": money(refund.amount_minor, refund.currency, locale),
        "method": refund.method,
        "on": day(refund.created_at.astimezone(matter.zone).date(), locale, today),
        "paid_with": one_line(matter.order.payment_hint, 60),
        "credit_code": one_line(credit, 40),
        "lines": _ledger(refund, locale),
    }


def _ledger(refund: Refund, locale: str) -> list[tuple[str, str]]:
    """The lines of the plan with their amounts, where they add up to what was given back; else none."""
    if sum(int(line["amount_minor"]) for line in refund.lines) != refund.amount_minor:
        return []
    return [
        (
            one_line(fill(LEDGER[line["code"]], line.get("facts") or {})),
            money(int(line["amount_minor"]), refund.currency, locale),
        )
        for line in refund.lines
        if line["code"] in LEDGER
    ]


def _progress(matter: Matter) -> list[tuple[str, str]]:
    """Five steps with the state of each: of the parcel, or of the return. Empty where nothing moves."""
    if matter.parcel:
        row = matter.parcel.shipment
        step = row.story.get("step")
        now = step if isinstance(step, int) else _STEP_OF_STATUS.get(row.status, 2)
        names: tuple[str, ...] = MILESTONES
    elif matter.case and matter.event in _RETURN_STEP:
        now = _RETURN_STEP[matter.event]
        names = tuple(pair[i < now] for i, pair in enumerate(way_back(matter.case.row.resolution)))
    else:
        return []
    return [(name, "done" if i < now else "now" if i == now else "todo") for i, name in enumerate(names)]
