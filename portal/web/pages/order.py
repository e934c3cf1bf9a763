"""The order page and one shipment as JSON: a few indexed Core reads, the session checked inside the first of them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Row, Select, bindparam, exists, select
from sqlmodel import SQLModel

from portal.db import Database
from portal.keys import token_hash
from portal.notify.wishes import mail_link
from portal.quick import Quick, Read, Reads
from portal.refusal import Refusal
from portal.tables import HowTo, Order, OrderLine, PolicyVersion, ReturnCase, Shipment, ShipmentItem, ShopperSession
from portal.web.access import MAX_OPEN_ORDERS, Trust, open_tokens, shopper_of_order, strength
from portal.web.answers import Data, Go, Result, SignIn
from portal.web.edge import Ask, page, quick_page
from portal.web.pages.howto import spoken
from portal.web.view_frame import shop_view
from portal.web.view_order import Page, Shelf, view
from returns.policy import BadPolicy, Policy, explain, read_policy

_SHELF_SECONDS = 30.0


def _table(table: type[SQLModel]) -> Any:
    return table.__table__  # type: ignore[attr-defined]


_session, _order, _line = _table(ShopperSession).c, _table(Order).c, _table(OrderLine).c
_shipment, _packed, _case = _table(Shipment).c, _table(ShipmentItem).c, _table(ReturnCase).c
_article, _version = _table(HowTo).c, _table(PolicyVersion).c


def _by_count(make: Callable[[tuple[Any, ...]], Select[Any]]) -> list[Quick]:
    """One select for each number of tokens, fewest first: a list would be expanded, and compiled, at every request.

    Nearly every browser holds one; looking for absent ones is a descent of the index each.
    """
    quick = []
    for count in range(1, MAX_OPEN_ORDERS + 1):
        tokens: list[Any] = [bindparam(f"token{n}") for n in range(count)]
        alive = (
            _session.token_hash.in_(tokens),
            _session.brand_id == bindparam("brand"),
            _session.expires_at > bindparam("now"),
            _order.public_id == bindparam("order"),
        )
        quick.append(Quick(make(alive)))
    return quick


_ORDER_COLUMNS = (
    *("id", "public_id", "number", "ship_to", "currency", "items_minor", "discount_minor", "shipping_minor"),
    *("tax_minor", "tax_included", "total_minor", "refunded_minor", "stage", "cancelled_at", "placed_at"),
    *("promised_from", "promised_to", "payment_hint"),
)
_OPENED = _by_count(
    lambda alive: (
        select(
            _session.token_hash,
            _session.trust,
            _session.created_at,
            exists().where(_case.order_id == _order.id).label("has_returns"),
            (_order.email != "").label("has_email"),
            *(_order[name] for name in _ORDER_COLUMNS),
        )
        .join_from(_table(ShopperSession), _table(Order), _order.id == _session.order_id)
        .where(*alive)
    )
)
_SHIPMENT_COLUMNS = (
    *("id", "public_id", "carrier", "number", "status", "sub_status", "window_from", "window_to"),
    *("delivered_on", "heard_at", "error", "delay", "story", "created_at", "to_zone"),
)
_SHIPMENTS = Quick(
    select(*(_shipment[name] for name in _SHIPMENT_COLUMNS))
    .where(_shipment.order_id == bindparam("order"), _shipment.direction == "outbound")
    .order_by(_shipment.id)
)
_LINES = Quick(  # put into their order below: a sorter costs SQLite more than the rows
    select(
        _line.position, _line.id, _line.sku, _line.title, _line.variant, _line.quantity, _line.returned_quantity,
        _line.tags, _line.picture, _line.ships, _packed.shipment_id, _packed.quantity.label("packed"),
    )
    .outerjoin_from(_table(OrderLine), _table(ShipmentItem), _packed.order_line_id == _line.id)
    .where(_line.order_id == bindparam("order"))
)  # fmt: skip
_RETURNS = Quick(
    select(_case.public_id, _case.rma, _case.status, _case.deadline)
    .where(_case.order_id == bindparam("order"), _case.status != "draft")
    .order_by(_case.id.desc())
)
_ONE_SHIPMENT = _by_count(
    lambda alive: select(
        _session.trust, _session.created_at, _session.token_hash,
        _shipment.public_id, _shipment.carrier, _shipment.number, _shipment.status,
        _shipment.sub_status, _shipment.window_from, _shipment.window_to, _shipment.delivered_at, _shipment.delay,
        _shipment.heard_at, _shipment.story,
    )
    .select_from(_table(ShopperSession))
    .join(_table(Order), _order.id == _session.order_id)
    .join(_table(Shipment), _shipment.order_id == _order.id)
    .where(*alive, _shipment.public_id == bindparam("shipment"), _shipment.direction == "outbound")
)  # fmt: skip
_ARTICLES = Quick(
    select(
        _article.id, _article.locale, _article.position, _article.slug, _article.title, _article.summary,
        _article.minutes, _article.skus, _article.tags,
    ).where(_article.brand_id == bindparam("brand"))
)  # fmt: skip
_POLICIES = Quick(
    select(_version.version, _version.body)
    .where(_version.brand_id == bindparam("brand"))
    .order_by(_version.version.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Opened:
    """The order in the path as its columns, and how the shopper came to it."""

    row: Row[Any]
    trust: Trust


def reader_of_order(ask: Ask) -> Reads[Opened]:
    """As access.shopper_of_order, for pages that only look: columns instead of rows, session and order in one read."""
    found = yield _opened_by(ask, _OPENED)
    if not found:
        raise SignIn("/?expired=1")
    row = max(found, key=strength)
    ask.session = row.token_hash
    return Opened(row, row.trust)


@quick_page("/orders/{order}", who=reader_of_order)
def order_page(ask: Ask) -> Reads[Result]:
    """One order: where it is, when it comes, what there is to do."""
    opened: Opened = ask.who
    data = yield from read_page(ask, opened.row)
    values = view(data, brand=ask.brand, trust=opened.trust, now=ask.now)
    return shop_view(ask, "pages/order.html", {**values, "mailed": "mailed" in ask.query})


@page("POST", "/orders/{order}/link", who=shopper_of_order)
def send_link(ask: Ask) -> Go:
    """Mails the private link to the address on this order, wherever that is."""
    if ask.who.trust == "agent":  # what is mailed in the shopper's name is the shopper's to ask for
        raise Refusal("agent_looks", 403)
    order = ask.who.order
    if not order.email:
        raise Refusal("no_address", 409)
    mail_link(ask.tx, ask.brand, order, ask.now)
    return Go(f"/orders/{order.public_id}?mailed=1")


def reader_of_shipment(ask: Ask) -> Reads[Row[Any]]:
    """The shipment in the path, for the session that opened its order; not found for everybody else."""
    found = yield _opened_by(ask, _ONE_SHIPMENT, shipment=ask.path["shipment"])
    if not found:
        raise Refusal("not_found", 404)
    row: Row[Any] = max(found, key=strength)
    return row


@quick_page("/api/orders/{order}/shipments/{shipment}", who=reader_of_shipment)
def shipment_json(ask: Ask) -> Reads[Result]:
    """One shipment with its stored story (portal.tracking.story). Dates ISO 8601, instants in UTC."""
    row: Row[Any] = ask.who
    story = row.story
    if row.trust == "status" and story.get("pod"):
        story = {**story, "pod": {**story["pod"], "by": ""}}
    yield from ()  # its rule has read everything
    return Data(
        {
            "id": row.public_id,
            "carrier": row.carrier,
            "number": row.number,
            "status": row.status,
            "sub_status": row.sub_status,
            "window": {"from": _iso(row.window_from), "to": _iso(row.window_to)},
            "delivered_at": _iso(row.delivered_at),
            "delay": row.delay,
            "heard_at": _iso(row.heard_at),
            "story": story,
        }
    )


def read_page(ask: Ask, order: Any) -> Reads[Page]:
    """Everything else that the page shows, in two reads, or three when there are returns."""
    shipments = yield _SHIPMENTS.read(order=order.id)
    lines: dict[int, Any] = {}
    packed: dict[int, list[tuple[int, int]]] = defaultdict(list)
    found = yield _LINES.read(order=order.id)
    for line in sorted(found, key=lambda line: (line.position, line.id)):
        lines.setdefault(line.id, line)
        if line.shipment_id is not None:
            packed[line.shipment_id].append((line.id, line.packed))
    cases = (yield _RETURNS.read(order=order.id)) if order.has_returns else ()
    shelf = yield from shelf_of(ask)
    return Page(order, shipments, list(lines.values()), packed, cases, shelf)


_shelves: WeakKeyDictionary[Database, dict[int | None, tuple[float, Shelf]]] = WeakKeyDictionary()


def shelf_of(ask: Ask) -> Reads[Shelf]:
    """The brand's articles and return window, read again every half minute: they are the same for every order."""
    shelves = _shelves.setdefault(ask.app.db, {})
    kept = shelves.get(ask.brand.id)
    if kept and time.monotonic() - kept[0] < _SHELF_SECONDS:
        return kept[1]
    shelf = yield from _read_shelf(ask)
    shelves[ask.brand.id] = (time.monotonic(), shelf)
    return shelf


def _read_shelf(ask: Ask) -> Reads[Shelf]:
    languages = spoken(ask.brand)
    articles = yield _ARTICLES.read(brand=ask.brand.id)
    mine = [row for row in articles if row.locale in languages]
    # A regional article after the general one of the same name, so that it takes its place.
    by_slug = {row.slug: row for row in sorted(mine, key=lambda row: (len(row.locale), row.position, row.id))}
    howtos = tuple(
        {
            "slug": row.slug,
            "title": row.title,
            "summary": row.summary,
            "minutes": row.minutes,
            "skus": frozenset(row.skus),
            "tags": frozenset(row.tags),
        }
        for row in by_slug.values()
    )
    policies = yield _POLICIES.read(brand=ask.brand.id)
    days = [clause.facts["days"] for clause in explain(_policy(policies)) if clause.code == "window_days"]
    return Shelf(howtos, int(days[0]) if days else None)


def _policy(newest: list[Any]) -> Policy | None:
    """As portal.returning.rows.load_policy, without a session."""
    try:
        return read_policy(newest[0].body) if newest else None
    except BadPolicy:
        return None


def _opened_by(ask: Ask, by_count: list[Quick], **also: str) -> Read:
    """The read of what this browser's tokens open; refused without any."""
    tokens = open_tokens(ask)
    if not tokens:
        raise Refusal("not_found", 404) if ask.url_path.startswith("/api/") else SignIn("/?expired=1")
    hashes = {f"token{n}": token_hash(token) for n, token in enumerate(tokens)}
    select = by_count[len(tokens) - 1]
    return select.read(**hashes, brand=ask.brand.id, now=ask.now, order=ask.path["order"], **also)


def _iso(value: Any) -> str | None:
    return value.isoformat() if value is not None else None
