"""What the demo's database holds: brands, catalogue, articles, an agent, and orders whose parcels the carrier knows.

Orders are imported and parcels are registered at the simulated carrier; their history arrives as every parcel's does,
by webhook and by poll. Nothing here writes a scan or a status.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from sqlmodel import Session, col, select

from portal.agents import create_agent
from portal.app import App
from portal.connections import create_connection
from portal.demo.catalogue import ARTICLES, BRANDS, PRODUCTS, SAMPLES, WAREHOUSE, Sample
from portal.shops.contract import all_sources
from portal.shops.importer import import_drafts
from portal.tables import Agent, Brand, Connection, HowTo, PolicyVersion, Product, Shipment
from returns.money import parse

AGENT_EMAIL = "agent@tarnwick.example"
CONNECTION = "Northpost (simulated)"
# Parcels move on: after this long the samples are no longer what they are announced as, and new ones are made.
FRESH = timedelta(hours=8)
CURRENCY = {"tarnwick": "GBP", "noctuelle": "EUR"}
PREFIX = {"tarnwick": "TW", "noctuelle": "NO"}


@dataclass(slots=True)
class State:
    """What the demo must remember from one run to the next, in one file that only its owner may read."""

    key: str
    api_key: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    hook_secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    hook_token: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    round: int = 0
    seeded_at: str = ""
    fast: bool = False
    carrier_port: int = 0
    orders: list[dict[str, Any]] = field(default_factory=list)  # as imported
    numbers: dict[str, str] = field(default_factory=dict)  # "round/order/parcel" -> tracking number

    def save(self, path: Path) -> None:
        """Whole or not at all."""
        fresh = path.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        fresh.replace(path)


@dataclass(frozen=True, slots=True)
class Shown:
    """One sample order as it is announced."""

    brand: str
    number: str
    email: str
    postcode: str
    shows: str


def seed(app: App, state: State, path: Path, *, web_port: int, carrier_url: str, fast: bool) -> list[Shown]:
    """Brings the database to what the demo shows now. Harmless when it is that already."""
    now = app.now()
    with app.db.transaction() as tx:
        connection = _connection(tx, app, state, carrier_url, now)
        for slug in BRANDS:
            _brand(tx, slug, web_port, connection, now)
        if tx.exec(select(Agent.id).where(Agent.email == AGENT_EMAIL)).first() is None:
            create_agent(tx, AGENT_EMAIL, "Kim", state.password, None, now)
    app.brands.forget()
    if _is_stale(state, now, fast):
        state.round, state.seeded_at, state.fast = state.round + 1, now.isoformat(), fast
        state.orders = []
        state.save(path)
    if not state.orders:
        state.orders = list(_orders(state, now, carrier_url))
        state.save(path)
    _import(app, state.orders, now)
    return [_shown(sample, state.round) for sample in SAMPLES if sample.shows]


def waiting(app: App) -> int:
    """Parcels of which nothing has been heard yet."""
    with app.db.reading() as tx:
        rows = tx.exec(
            select(Shipment.id).where(col(Shipment.last_scan_at).is_(None), col(Shipment.next_at).is_not(None))
        )
        return len(rows.all())


def _is_stale(state: State, now: datetime, fast: bool) -> bool:
    if not state.seeded_at or fast or state.fast:
        return True
    return now - datetime.fromisoformat(state.seeded_at) > FRESH


def _connection(tx: Session, app: App, state: State, carrier_url: str, now: datetime) -> Connection:
    row = tx.exec(select(Connection).where(Connection.hook_token == state.hook_token)).first()
    if row is None:
        row = create_connection(
            tx,
            app.keys,
            carrier="northpost",
            name=CONNECTION,
            brand_id=None,
            fields={"base_url": carrier_url, "api_key": state.api_key, "webhook_secret": state.hook_secret},
            now=now,
            hook_token=state.hook_token,
        )
    row.config = {**row.config, "base_url": carrier_url}
    row.state, row.state_text, row.failures, row.paused_until = "ok", "", 0, None
    tx.add(row)
    return row


def _brand(tx: Session, slug: str, web_port: int, connection: Connection, now: datetime) -> None:
    told = BRANDS[slug]
    values = {key: value for key, value in told.items() if key != "policy"}
    values |= {"origin": f"http://{told['host']}:{web_port}", "return_address": WAREHOUSE[slug]}
    brand = tx.exec(select(Brand).where(Brand.slug == slug)).first()
    if brand is None:
        brand = Brand(slug=slug, created_at=now, **values)
        tx.add(brand)
        tx.flush()
        body = {"version": 1, "rules": told["policy"]}
        tx.add(PolicyVersion(brand_id=brand.id or 0, version=1, body=body, created_at=now))
        _products(tx, slug, brand.id or 0)
        _articles(tx, slug, brand.id or 0, now)
    brand.origin = values["origin"]
    brand.label_connection_id = connection.id


def _products(tx: Session, slug: str, brand_id: int) -> None:
    for sku, group, title, variant, price, stock, tags, picture in PRODUCTS[slug]:
        tx.add(
            Product(
                brand_id=brand_id,
                sku=sku,
                group_key=group,
                title=title,
                variant=variant,
                price_minor=parse(price, CURRENCY[slug]).minor,
                currency=CURRENCY[slug],
                stock=stock,
                tags=tags.split("|"),
                picture=picture,
            )
        )


def _articles(tx: Session, slug: str, brand_id: int, now: datetime) -> None:
    for position, (name, title, summary, minutes, skus, tags) in enumerate(ARTICLES[slug]):
        text = files("portal.demo").joinpath("articles", f"{name}.md").read_text(encoding="utf-8")
        tx.add(
            HowTo(
                brand_id=brand_id,
                slug=name,
                title=title,
                summary=summary,
                minutes=minutes,
                markdown=text,
                skus=skus,
                tags=tags,
                position=position,
                updated_at=now,
            )
        )


def _orders(state: State, now: datetime, carrier_url: str) -> Iterator[dict[str, Any]]:
    """The sample orders in the shape of docs/import.md, their parcels registered at the carrier."""
    with httpx.Client(base_url=carrier_url, trust_env=False, headers={"Northpost-Key": state.api_key}) as carrier:
        for sample in SAMPLES:
            parcels = [
                {
                    "number": _registered(carrier, state, sample, n, now),
                    "carrier": "Northpost",
                    "service": "standard",
                    "shipped_on": (now - parcel.begun).date().isoformat(),
                    "items": [{"line": sku, "quantity": units} for sku, units in parcel.items.items()],
                }
                for n, parcel in enumerate(sample.parcels)
            ]
            yield _order(sample, state.round, parcels, now)


def _registered(carrier: httpx.Client, state: State, sample: Sample, n: int, now: datetime) -> str:
    parcel, warehouse = sample.parcels[n], WAREHOUSE[sample.brand]
    asked = {
        "script": parcel.script,
        "service": "standard",
        "from": {key: warehouse[key] for key in ("city", "postcode", "country")},
        "to": {key: sample.ship_to[key] for key in ("city", "postcode", "country")},
        "started_at": (now - parcel.begun).isoformat(),
    }
    answer = carrier.post("/v1/parcels", json=asked)
    answer.raise_for_status()
    number = str(answer.json()["number"])
    state.numbers[f"{state.round}/{sample.number}/{n}"] = number
    return number


def _order(sample: Sample, number: int, parcels: list[dict[str, Any]], now: datetime) -> dict[str, Any]:
    catalogue = {row[0]: row for row in PRODUCTS[sample.brand]}
    currency = CURRENCY[sample.brand]
    placed = now - sample.placed
    first, last = (placed.date() + timedelta(days=days) for days in sample.promised_days)
    lines = []
    for sku, units in sample.lines.items():
        _, _, title, variant, price, _, tags, picture = catalogue[sku]
        whole = parse(price, currency).times(units)
        discount, tax = whole.part(sample.discount_percent, 100), whole.part(100 - sample.discount_percent, 600)
        lines.append(
            {
                "id": sku,
                "sku": sku,
                "title": title,
                "variant": variant,
                "quantity": units,
                "unit_price": price,
                "discount": discount.plain(),
                "tax": tax.plain(),
                "tags": tags.split("|"),
                "picture": picture,
                "grams": 450,
            }
        )
    name, email = sample.shopper
    return {
        "brand": sample.brand,
        "id": f"round-{number}-{sample.number}",
        "number": _number(sample, number),
        "placed_at": placed.isoformat(),
        "currency": currency,
        "email": email,
        "name": name,
        "ship_to": {"name": name, **sample.ship_to},
        "lines": lines,
        "shipments": parcels,
        "tax_included": True,
        "shipping": sample.shipping,
        "payment": sample.payment,
        "promised_from": first.isoformat(),
        "promised_to": last.isoformat(),
    } | ({"stage": sample.stage} if sample.stage else {})


def _import(app: App, orders: list[dict[str, Any]], now: datetime) -> None:
    for brand in app.brands.all():
        mine = [{k: v for k, v in order.items() if k != "brand"} for order in orders if order["brand"] == brand.slug]
        drafts = all_sources()["json"].read(json.dumps(mine).encode(), ZoneInfo(brand.zone))
        report = import_drafts(app.db, brand, drafts, now, source="demo")
        if report.refused:
            raise RuntimeError(f"a sample order is refused: {report.refused[0]}")


def _number(sample: Sample, number: int) -> str:
    return f"{PREFIX[sample.brand]}-{1000 + 20 * (number - 1) + sample.number}"


def _shown(sample: Sample, number: int) -> Shown:
    return Shown(sample.brand, _number(sample, number), sample.shopper[1], sample.ship_to["postcode"], sample.shows)
