"""Orders from a spreadsheet: one row per line item, columns as `doorstep import-orders csv --template` prints them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from portal.shops.contract import Draft, RowFault, Unreadable
from portal.shops.reading import clean, text_of
from portal.shops.sources.json import draft_of

NEEDED = ("order_number", "placed_at", "currency", "quantity", "unit_price")
# Column -> what stands in it. Columns of an order are read from its first row; the others from every row.
ORDER_COLUMNS = {
    "order_number": "as printed for the shopper; rows with the same number are one order",
    "placed_at": "2026-11-20T14:31:00+01:00; without an offset the brand's zone counts",
    "currency": "three letters",
    "email": "the shopper's; a lookup needs it or the postcode",
    "name": "of the recipient",
    "phone": "",
    "address": "street and house; several lines parted by |",
    "city": "",
    "region": "",
    "postcode": "",
    "country": "two letters",
    "tax_included": "yes or no: unit_price contains the tax",
    "shipping": "amount",
    "total": "amount; empty: the sum of the parts",
    "paid": "amount; empty: the total",
    "refunded": "amount given back already",
    "payment": "how it was paid, for people",
    "stage": "placed, confirmed, picking, packed, awaiting_carrier, partially_shipped, shipped, completed, cancelled",
    "promised_from": "2026-11-24: the delivery promise made at purchase",
    "promised_to": "2026-11-26",
    "locale": "en, de, …",
}
LINE_COLUMNS = {
    "sku": "",
    "title": "",
    "variant": "size, colour",
    "quantity": "whole units",
    "unit_price": "amount with a point: 189.00",
    "discount": "amount, the whole line's share",
    "tax": "amount, the whole line's",
    "tags": "parted by |",
    "category": "",
    "grams": "weight of one unit",
    "ships": "no for gift cards and services",
}
PARCEL_COLUMNS = {
    "carrier": "as you call it: UPS, FedEx, …",
    "tracking_number": "the parcel this line is in",
    "service": "",
    "shipped_on": "2026-11-21",
}
COLUMNS = {**ORDER_COLUMNS, **LINE_COLUMNS, **PARCEL_COLUMNS}
_YES, _NO = {"yes", "true", "1", "y"}, {"no", "false", "0", "n"}
_LONGEST_FIELD = 20_000


@dataclass(slots=True)
class _Group:
    """The rows of one order, and the first fault among them."""

    line: int
    first: Mapping[str, str]
    lines: list[dict[str, Any]] = field(default_factory=list)
    parcels: dict[str, dict[str, Any]] = field(default_factory=dict)
    fault: RowFault | None = None


class Csv:
    """An order with one bad row is left out whole, because half an order has the wrong sums; the others are kept."""

    slug = "csv"
    help = "a spreadsheet, one row per line item, parted by comma, semicolon or tab; --template prints the columns"

    def read(self, body: bytes, zone: ZoneInfo) -> Iterator[Draft | RowFault]:
        """Every order of the file in order of appearance, or the row that is wrong. `zone` is the brand's."""
        try:
            groups = _groups(body)
        except Unreadable as error:
            yield RowFault(1, str(error))
            return
        for found in groups:
            if isinstance(found, RowFault):
                yield found
            elif found.fault:
                number = clean(found.first.get("order_number"), 60)
                yield RowFault(found.fault.line, f"{found.fault.reason}; order {number} is left out")
            else:
                yield _draft(found, zone)


SOURCE = Csv()


def template() -> str:
    """The header row and one example."""
    example = {
        "order_number": "1001",
        "placed_at": "2026-11-20T14:31:00+01:00",
        "currency": "EUR",
        "email": "shopper@example.com",
        "name": "Robin Doe",
        "address": "1 Example Street",
        "city": "Exampletown",
        "postcode": "12345",
        "country": "DE",
        "tax_included": "yes",
        "shipping": "4.90",
        "sku": "MUG-350",
        "title": "Enamel mug",
        "variant": "350 ml",
        "quantity": "2",
        "unit_price": "14.50",
        "carrier": "UPS",
    }
    out = io.StringIO()
    writer = csv.DictWriter(out, list(COLUMNS), lineterminator="\n")
    writer.writeheader()
    writer.writerow(example)
    return out.getvalue()


def rows_of(body: bytes, columns: Mapping[str, str], needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """(line it begins on, column -> text) of every row that is not blank. Raises Unreadable for a wrong header.

    What is wrong with a row as a whole stands under "!". One without any column is the last: no row after it is read.
    """
    text = text_of(body)
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    # The module's limit, one for the whole process, would end the reading; `_rows` names the row.
    csv.field_size_limit(max(len(text), csv.field_size_limit()))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = [clean(name, 60).lower().replace(" ", "_") for name in next(reader)]
    except (StopIteration, csv.Error):
        raise Unreadable("the file is empty or has no readable header row") from None
    _check_header(names, columns, needed)
    return _rows(reader, names)


def _check_header(names: list[str], columns: Mapping[str, str], needed: tuple[str, ...]) -> None:
    missing = [name for name in needed if name not in names]
    if missing:
        raise Unreadable(f"the header lacks {', '.join(missing)}; --template prints the columns")
    unknown = [name for name in names if name not in columns]
    if unknown:
        raise Unreadable(f"the header has unknown columns: {', '.join(unknown[:8])}; --template prints the columns")
    if len(set(names)) < len(names):
        raise Unreadable("the header names a column twice")


def _rows(reader: Any, names: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, {"!": f"not readable as CSV: {error}; nothing from here on was read"}
            return
        if any(cell.strip() for cell in row):
            cells = {name: cell.strip() for name, cell in zip(names, row, strict=False)}
            yield line, cells | _fault_of(cells, is_longer=len(row) > len(names))


def _fault_of(cells: Mapping[str, str], *, is_longer: bool) -> dict[str, str]:
    if is_longer:
        return {"!": "more fields than the header has"}
    too_long = [name for name, cell in cells.items() if len(cell) > _LONGEST_FIELD]
    return {"!": f"{too_long[0]} has more than {_LONGEST_FIELD:,} characters"} if too_long else {}


def _groups(body: bytes) -> list[_Group | RowFault]:
    """Rows gathered by order number, also when they do not follow each other."""
    groups: dict[str, _Group] = {}
    found: list[_Group | RowFault] = []
    last: _Group | None = None
    for line, row in rows_of(body, COLUMNS, NEEDED):
        number = row.get("order_number", "")
        if not number:
            found.append(RowFault(line, row.get("!", "order_number is empty")))
            if len(row) == 1 and last:
                last.fault = last.fault or RowFault(last.line, f"it may go on at line {line}, which cannot be read")
            continue
        if number not in groups:
            groups[number] = _Group(line, row)
            found.append(groups[number])
        last = groups[number]
        try:
            _add(last, row)
        except Unreadable as error:
            last.fault = last.fault or RowFault(line, str(error))
    return found


def _add(group: _Group, row: Mapping[str, str]) -> None:
    if "!" in row:
        raise Unreadable(row["!"])
    for name in ORDER_COLUMNS:
        if row.get(name, "") not in ("", group.first.get(name, "")):
            raise Unreadable(f"{name} differs from the first row of the order")
    position = f"row-{len(group.lines) + 1}"
    item: dict[str, Any] = {"id": position, "quantity": _whole(row.get("quantity", ""), "quantity")}
    item |= {name: row.get(name, "") for name in ("sku", "title", "variant", "category")}
    item |= {name: row.get(name) or None for name in ("unit_price", "discount", "tax")}
    item |= {"tags": _parts(row.get("tags", "")), "ships": _is_yes(row.get("ships", ""), "ships", default=True)}
    item |= {"grams": _whole(row["grams"], "grams") if row.get("grams") else None}
    group.lines.append(item)
    if row.get("tracking_number"):
        _add_to_parcel(group, row, position, item["quantity"])


def _add_to_parcel(group: _Group, row: Mapping[str, str], position: str, quantity: int) -> None:
    number = row["tracking_number"]
    names = ("carrier", "service", "shipped_on")
    parcel = group.parcels.setdefault(number, {"number": number, "items": []} | {n: row.get(n, "") for n in names})
    if quantity:
        parcel["items"].append({"line": position, "quantity": quantity})


def _draft(group: _Group, zone: ZoneInfo) -> Draft | RowFault:
    first = group.first
    plain = ("placed_at", "currency", "email", "name", "phone", "payment", "locale", "promised_from", "promised_to")
    value: dict[str, Any] = {"number": first["order_number"], "lines": group.lines}
    value |= {name: first.get(name, "") for name in plain}
    value |= {name: first.get(name) or None for name in ("shipping", "total", "paid", "refunded", "stage")}
    value["ship_to"] = {name: first.get(name, "") for name in ("name", "city", "region", "postcode", "country")}
    value["ship_to"]["lines"] = _parts(first.get("address", ""))
    value["shipments"] = list(group.parcels.values())
    try:
        value["tax_included"] = _is_yes(first.get("tax_included", ""), "tax_included", default=False)
        return draft_of(group.line, value, zone)
    except Unreadable as error:
        return RowFault(group.line, f"{error}; order {clean(first['order_number'], 60)} is left out")


def _whole(text: str, what: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Unreadable(f"{what} is {clean(text, 30)!r}; write a whole number")
    return int(text)


def _is_yes(text: str, what: str, *, default: bool) -> bool:
    word = text.lower()
    if word and word not in _YES | _NO:
        raise Unreadable(f"{what} is {clean(text, 30)!r}; write yes or no")
    return word in _YES if word else default


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split("|") if part.strip()]
