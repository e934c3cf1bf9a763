"""The catalogue, as far as exchanges need it: products from a spreadsheet, one row per sellable variant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlmodel import select

from portal.db import Database
from portal.shops.contract import RowFault, Unreadable
from portal.shops.importer import Report
from portal.shops.reading import clean, currency_of, minor
from portal.shops.sources.csv import rows_of
from portal.tables import Brand, Product
from portal.tracking.locks import lock_import

NEEDED = ("sku", "title", "price", "currency")
COLUMNS = {
    "sku": "as on order lines",
    "group": "variants of one thing share it; exchanges stay inside a group",
    "title": "",
    "variant": "size, colour",
    "price": "amount with a point: 189.00",
    "currency": "three letters",
    "stock": "whole units; empty: not counted",
    "tags": "parted by |",
    "category": "",
    "active": "no: not offered any more",
}


@dataclass(frozen=True, slots=True)
class ProductDraft:
    """One row, checked."""

    line: int
    values: dict[str, Any]


def read_products(body: bytes) -> Iterator[ProductDraft | RowFault]:
    """Every row, or what is wrong with it. Never raises."""
    try:
        for line, row in rows_of(body, COLUMNS, NEEDED):
            try:
                yield ProductDraft(line, _values(row))
            except Unreadable as error:
                yield RowFault(line, str(error))
    except Unreadable as error:
        yield RowFault(1, str(error))


def import_products(db: Database, brand: Brand, body: bytes, *, file: str = "") -> Report:
    """Adds and changes by SKU; what the file does not name stays as it is."""
    report = Report()
    with db.transaction() as tx:
        lock_import(tx, brand.id or 0)
        stored = {row.sku: row for row in tx.exec(select(Product).where(Product.brand_id == brand.id))}
        for found in read_products(body):
            if isinstance(found, RowFault):
                report.refused.append((file, found.line, found.reason))
                continue
            row = stored.get(found.values["sku"])
            if row is None:
                row = Product(brand_id=brand.id or 0, **found.values)
                tx.add(row)
                stored[row.sku] = row
                report.imported += 1
            elif differing := {key: value for key, value in found.values.items() if getattr(row, key) != value}:
                for key, value in differing.items():
                    setattr(row, key, value)
                report.updated += 1
            else:
                report.unchanged += 1
    return report


def template() -> str:
    """The header row and one example."""
    return ",".join(COLUMNS) + "\nMUG-350,mug,Enamel mug,350 ml,14.50,EUR,40,kitchen,mugs,yes\n"


def _values(row: dict[str, str]) -> dict[str, Any]:
    if "!" in row:
        raise Unreadable(row["!"])
    currency = currency_of(row.get("currency"))
    sku, title = clean(row.get("sku"), 100), clean(row.get("title"))
    if not sku or not title:
        raise Unreadable("sku and title must not be empty")
    active = row.get("active", "").lower()
    if active not in ("", "yes", "no"):
        raise Unreadable(f"active is {clean(active, 30)!r}; write yes or no")
    return {
        "sku": sku,
        "group_key": clean(row.get("group"), 100),
        "title": title,
        "variant": clean(row.get("variant"), 200),
        "price_minor": minor(row.get("price"), currency, "price"),
        "currency": currency,
        "stock": _stock(row.get("stock", "")),
        "tags": [clean(tag, 60) for tag in row.get("tags", "").split("|") if tag.strip()],
        "category": clean(row.get("category"), 100),
        "active": active != "no",
    }


def _stock(text: str) -> int | None:
    if text and not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise Unreadable(f"stock is {clean(text, 30)!r}; write a whole number or nothing")
    return int(text) if text else None
