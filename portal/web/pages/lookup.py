"""The lookup: order number with e-mail or postcode. It never tells whether an order exists."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from pydantic import field_validator
from sqlmodel import col, select

from portal.keys import Keys
from portal.limits import Limit, count, give_back, network, take, wait
from portal.notify.wishes import ask_for_links
from portal.orders import email_key, number_key, postcode_key
from portal.tables import Order
from portal.web.access import Trust, nobody, open_order
from portal.web.answers import Go, View
from portal.web.edge import Ask, page
from portal.web.forms import Faults, Form
from portal.web.view_frame import shop_view

# More orders of one brand under one number than this are not told apart here; importers keep numbers unique in effect.
_SLOTS = 3
# A wait beyond this many seconds is told in hours; nobody watches the minutes of half a day.
_COUNTED_DOWN = 5400


class Lookup(Form):
    """What the lookup form sends."""

    order: str
    who: str

    @field_validator("order")
    @classmethod
    def _order_has_a_key(cls, value: str) -> str:
        if not number_key(value):
            raise ValueError("missing")
        return value

    @field_validator("who")
    @classmethod
    def _who_has_a_key(cls, value: str) -> str:
        if not email_key(value) and not postcode_key(value):
            raise ValueError("missing")
        return value


class LinkForm(Form):
    """What the form for a fresh link sends."""

    email: str

    @field_validator("email")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if not email_key(value):
            raise ValueError("wrong")
        return value


@page("GET", "/", who=nobody)
def lookup(ask: Ask) -> View:
    """The empty form; `?expired` and `?sent` say why one is here."""
    return _form(ask, "sent" if "sent" in ask.query else "expired" if "expired" in ask.query else "")


@page("POST", "/find", who=nobody)
def find(ask: Ask) -> View | Go:
    """Opens the order to whom both halves belong; everybody else gets one and the same answer."""
    form = Lookup.read(ask.body)
    if isinstance(form, Faults):
        return _form(ask, "invalid", 422, faults=form, typed=ask.body)
    limits = _limits(ask, form.order)
    full = take(ask.tx, [limits.tries, *limits.failures], ask.now)
    if full is not None:
        return _limited(ask, full)  # nothing is looked up: who guessed right waits like who guessed wrong
    found = _match(ask, form)
    if found is None:
        return _form(ask, "unmatched", 404)
    give_back(ask.tx, limits.failures, ask.now)
    order, trust = found
    if _opens_too_many(ask, order):
        return _limited(ask, limits.orders)
    return Go(f"/orders/{order.public_id}", (open_order(ask, order, trust),))


@page("POST", "/link", who=nobody)
def send_links(ask: Ask) -> View | Go:
    """Asks for a fresh link to each recent order of an address. What is done here never depends on whose it is."""
    form = LinkForm.read(ask.body)
    if isinstance(form, Faults):
        return _form(ask, "no_email", 422, faults=form, typed=ask.body)
    tries = Limit(_blind(ask, "link-from", network(ask.client)), 10, timedelta(minutes=5))
    if count(ask.tx, tries, ask.now) > tries.most:
        return _limited(ask, tries)
    ask_for_links(ask.tx, ask.brand, email_key(form.email), ask.now)
    return Go("/?sent=1")


class _Limits(NamedTuple):
    tries: Limit
    failures: tuple[Limit, ...]
    orders: Limit


def _limits(ask: Ask, number: str) -> _Limits:
    """By address (an IPv6 household shares its /64), by order number whether it exists or not, by brand."""
    brand, place, key = ask.brand.id, network(ask.client), number_key(number)
    return _Limits(
        Limit(_blind(ask, "find-from", place), 10, timedelta(minutes=5)),
        (
            Limit(_blind(ask, "find-order", brand, key), 5, timedelta(minutes=15)),
            Limit(_blind(ask, "find-order-day", brand, key), 20, timedelta(days=1)),
            Limit(_blind(ask, "find-brand", brand), 300, timedelta(minutes=5)),
        ),
        Limit(_blind(ask, "orders-from", place), 30, timedelta(days=1)),
    )


def _blind(ask: Ask, purpose: str, *parts: object) -> str:
    return ask.app.keys.blind("limit", "\x1f".join([purpose, *map(str, parts)]))


def _match(ask: Ask, form: Lookup) -> tuple[Order, Trust] | None:
    """One indexed read and the same number of comparisons whatever is found, against a row or against nothing."""
    by_number = (
        select(Order.id, Order.email, Order.postcode_key)
        .where(Order.brand_id == ask.brand.id, Order.number_key == number_key(form.order))
        .order_by(col(Order.id).desc())
        .limit(_SLOTS)
    )
    rows: list[tuple[int | None, str, str]] = [(row[0], row[1], row[2]) for row in ask.tx.exec(by_number).all()]
    email, postcode = email_key(form.who), postcode_key(form.who)
    found: tuple[int, Trust] | None = None
    for row_id, row_email, row_postcode in [*rows, *[(None, "", "")] * (_SLOTS - len(rows))]:
        by_email = _same(ask.app.keys, email, row_email)
        by_postcode = _same(ask.app.keys, postcode, row_postcode)
        if row_id is not None and found is None and (by_email or by_postcode):
            found = row_id, "email" if by_email else "status"
    return (ask.tx.get_one(Order, found[0]), found[1]) if found else None


def _same(keys: Keys, typed: str, stored: str) -> bool:
    """Constant time, by hashes of one length. Nothing never equals nothing."""
    equal = hmac.compare_digest(keys.blind("lookup", typed), keys.blind("lookup", stored))
    return equal and typed != ""


def _opens_too_many(ask: Ask, order: Order) -> bool:
    """Thirty different orders a day from one place is no household."""
    place = network(ask.client)
    this_one = Limit(_blind(ask, "orders-from", place, order.id), 1, timedelta(days=1))
    all_of_them = Limit(_blind(ask, "orders-from", place), 30, timedelta(days=1))
    if count(ask.tx, this_one, ask.now) > 1 or take(ask.tx, [all_of_them], ask.now) is None:
        return False
    give_back(ask.tx, [this_one], ask.now)  # or asking again would open it
    return True


def _limited(ask: Ask, limit: Limit) -> View:
    seconds = wait(limit, ask.now)
    return _form(ask, "limited", 429, headers={"Retry-After": str(seconds)}, wait_seconds=seconds)


def _form(
    ask: Ask,
    state: str,
    status: int = 200,
    *,
    faults: Mapping[str, str] | None = None,
    typed: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    wait_seconds: int = 0,
) -> View:
    """What was typed is shown again only where that depends on nothing that we know."""
    voice, given = ask.brand.voice, typed or {}
    again = {key: given[key] if isinstance(given.get(key), str) else "" for key in ("order", "who", "email")}
    values = {
        "state": state,
        "faults": faults or {},
        "typed": again,
        "hello": voice.get("hello") or "Where’s my parcel?",
        "hello_sub": voice.get("hello_sub") or "Track a parcel, or return something, without signing in.",
        "wait_seconds": wait_seconds,
        "wait_minutes": -(-wait_seconds // 60),
        "wait_hours": -(-wait_seconds // 3600) if wait_seconds > _COUNTED_DOWN else 0,
    }
    return shop_view(ask, "pages/lookup.html", values, status=status, headers=headers)
