"""From drafts to rows: each order once, changed where the shop changed it, nothing of ours lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cache, partial
from importlib.resources import files
from itertools import islice
from typing import Any

from sqlalchemy.exc import DataError, IntegrityError
from sqlmodel import Session, SQLModel, col, select

from portal.audit import SYSTEM, record
from portal.db import Database, repeated
from portal.orders import email_key, number_key, postcode_key
from portal.returning.rows import EXCHANGED
from portal.shops.carrier_names import carrier_slug, connection_for
from portal.shops.contract import CANCELLED, STAGES, Draft, LineDraft, ParcelDraft, RowFault
from portal.tables import Brand, Connection, Customer, Order, OrderLine, Shipment, ShipmentItem
from portal.tracking.locks import lock_import
from portal.tracking.numbers import tracking_key
from portal.tracking.pace import near_day

# One commit per batch: at one per order a slow disk decides how long a shop's history takes.
BATCH = 50


@dataclass(slots=True)
class Report:
    """What an import did. `refused` and `remarks` are (file, line, words)."""

    imported: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[tuple[str, int, str]] = field(default_factory=list)
    remarks: list[tuple[str, int, str]] = field(default_factory=list)

    @property
    def taken(self) -> int:
        """Orders that are in the database now."""
        return self.imported + self.updated + self.unchanged

    def add(self, more: Report) -> None:
        """Counts what another batch did."""
        self.imported += more.imported
        self.updated += more.updated
        self.unchanged += more.unchanged
        self.refused += more.refused
        self.remarks += more.remarks


def import_drafts(
    db: Database,
    brand: Brand,
    drafts: Iterable[Draft | RowFault],
    now: datetime,
    *,
    source: str,
    file: str = "",
    backfill: bool = False,
    report: Report | None = None,
    progress: Callable[[Report], None] | None = None,
) -> Report:
    """Takes every draft over and names what it could not. Running it again changes nothing.

    An order is known by (brand, source, source_id). What the shop changed is changed; shipments, returns, refunds and
    stages that are further here than in the export stay. `backfill` marks new orders as history: nothing is ever
    mailed about them. `report` is added to, and handed to `progress` after every batch.
    """
    report = report or Report()
    stream = iter(drafts)
    while batch := list(islice(stream, BATCH)):
        report.add(repeated(partial(_take_batch, db, brand, batch, now, source, file, backfill)))
        if progress:
            progress(report)
    return report


def _take_batch(
    db: Database, brand: Brand, batch: list[Draft | RowFault], now: datetime, source: str, file: str, backfill: bool
) -> Report:
    done = Report()
    with db.transaction() as tx:
        connections = list(tx.exec(select(Connection)).all())
        importer = _Importer(tx, brand, connections, now, source, backfill)
        importer.lock(batch)
        for draft in batch:
            _take(importer, draft, file, done)
    return done


def _take(importer: _Importer, draft: Draft | RowFault, file: str, report: Report) -> None:
    if isinstance(draft, RowFault):
        report.refused.append((file, draft.line, draft.reason))
        return
    try:
        with importer.tx.begin_nested():
            outcome = importer.take(draft)
    except (IntegrityError, DataError) as error:
        report.refused.append((file, draft.line, f"order {draft.number} does not fit: {type(error.orig).__name__}"))
        return
    except _CannotTake as error:
        report.refused.append((file, draft.line, f"order {draft.number}: {error}"))
        return
    setattr(report, outcome, getattr(report, outcome) + 1)
    report.remarks += [(file, draft.line, f"order {draft.number}: {words}") for words in _remarks(draft)]


def _remarks(draft: Draft) -> Iterator[str]:
    yield from draft.remarks
    email, postcode = email_key(draft.email), postcode_key(draft.postcode)
    if draft.email and not email:
        yield "its e-mail address is none; no mail can be sent"
    if not email and not postcode:
        yield "it has neither e-mail nor postcode, so a lookup cannot find it; a mailed link cannot be sent either"


class _CannotTake(Exception):
    """The order contradicts what is stored of it; the text says how."""


@dataclass(frozen=True, slots=True)
class _Importer:
    """One batch: an open transaction and what every order of it needs."""

    tx: Session
    brand: Brand
    connections: list[Connection]
    now: datetime
    source: str
    backfill: bool

    @property
    def brand_id(self) -> int:
        return self.brand.id or 0

    def lock(self, batch: Iterable[Draft | RowFault]) -> None:
        """Locks the orders that are here already with their parcels: what is refunded meanwhile is not lost."""
        named = [draft.source_id for draft in batch if isinstance(draft, Draft)]
        lock_import(self.tx, self.brand_id, col(Order.source) == self.source, col(Order.source_id).in_(named))

    def take(self, draft: Draft) -> str:
        """ "imported", "updated" or "unchanged"."""
        if not number_key(draft.number):
            raise _CannotTake("its number has neither letters nor digits")
        query = select(Order).where(
            Order.brand_id == self.brand_id, Order.source == self.source, Order.source_id == draft.source_id
        )
        order = self.tx.exec(query).first()
        is_new = order is None
        if order is None:
            order = self._new(draft)
            changed = True
        else:
            changed = self._update(order, draft)
        lines, lines_changed = self._lines(order, draft)
        parcels_changed = self._parcels(order, draft, lines)
        changed = changed or lines_changed or parcels_changed
        if changed:
            order.updated_at = self.now
            act = "order.imported" if is_new else "order.updated"
            record(self.tx, act, SYSTEM, self.now, brand_id=self.brand_id, order_id=order.id, source=self.source)
        self.tx.flush()
        return "imported" if is_new else "updated" if changed else "unchanged"

    def _new(self, draft: Draft) -> Order:
        order = Order(
            brand_id=self.brand_id,
            source=self.source,
            source_id=draft.source_id,
            backfill=self.backfill,
            created_at=self.now,
            updated_at=self.now,
            customer_id=self._customer(draft),
            **_order_values(draft),
        )
        self.tx.add(order)
        self.tx.flush()
        return order

    def _update(self, order: Order, draft: Draft) -> bool:
        """The shop's word on everything but what only grows: stage, promise, refunds."""
        values = _order_values(draft)
        values["refunded_minor"] = max(order.refunded_minor, draft.refunded_minor)
        values["captured_minor"] = max(draft.captured_minor, values["refunded_minor"])
        values["stage"] = _further(order.stage, draft.stage)
        values["cancelled_at"] = draft.cancelled_at or order.cancelled_at
        for promise in ("promised_from", "promised_to"):
            values[promise] = getattr(order, promise) or values[promise]  # made at purchase, frozen
        for kept in ("email", "postcode_key", "ship_to", "locale", "payment_hint"):
            values[kept] = values[kept] or getattr(order, kept)
        values["customer_id"] = self._customer(draft) or order.customer_id
        if not draft.lines:
            values.pop("items_minor"), values.pop("discount_minor")
        return _apply(order, values)

    def _customer(self, draft: Draft) -> int | None:
        email = email_key(draft.email)
        if not email:
            return None
        query = select(Customer).where(Customer.brand_id == self.brand_id, Customer.email == email)
        customer = self.tx.exec(query).first()
        if customer is None:
            customer = Customer(brand_id=self.brand_id, email=email, created_at=self.now)
            self.tx.add(customer)
        told = {"name": draft.name, "phone": draft.phone, "locale": draft.locale}
        _apply(customer, {key: value for key, value in told.items() if value and not getattr(customer, key)})
        self.tx.flush()
        return customer.id

    def _lines(self, order: Order, draft: Draft) -> tuple[dict[str, OrderLine], bool]:
        """Lines by the shop's id. A line that the shop removed keeps only the units that came back; what an
        exchange added stays."""
        stored = {
            line.source_id: line for line in self.tx.exec(select(OrderLine).where(OrderLine.order_id == order.id))
        }
        changed = False
        for position, item in enumerate(draft.lines):
            line = stored.get(item.source_id)
            if line is None:
                line = OrderLine(order_id=order.id or 0, source_id=item.source_id, **_line_values(item, position))
                self.tx.add(line)
                stored[item.source_id] = line
                changed = True
                continue
            values = _line_values(item, position)
            values["returned_quantity"] = max(line.returned_quantity, item.returned_quantity)
            values["quantity"] = max(item.quantity, values["returned_quantity"])
            changed |= _apply(line, values)
        told = {item.source_id for item in draft.lines}
        for source_id, line in stored.items() if draft.lines else ():
            if source_id not in told and not source_id.startswith(EXCHANGED):
                changed |= _apply(line, _what_came_back(line))
        self.tx.flush()
        return stored, changed

    def _parcels(self, order: Order, draft: Draft, lines: dict[str, OrderLine]) -> bool:
        """New tracking numbers become shipments that are polled at once; known ones are never taken away."""
        stored = list(self.tx.exec(select(Shipment).where(Shipment.order_id == order.id)))
        changed = False
        for parcel in draft.parcels:
            key = tracking_key(parcel.number)
            if not key:
                continue
            shipment = next((s for s in stored if s.number_key == key and s.direction == "outbound"), None)
            if shipment is None:
                shipment = self._shipment(order, draft, parcel, key)
                stored.append(shipment)
                changed = True
            else:
                changed |= self._update_shipment(shipment, parcel)
            changed |= self._contents(shipment, parcel, lines)
        return changed

    def _shipment(self, order: Order, draft: Draft, parcel: ParcelDraft, key: str) -> Shipment:
        carrier = carrier_slug(parcel.carrier)
        connection = connection_for(carrier, self.brand_id, self.connections)
        country = draft.ship_to.country if draft.ship_to else ""
        zone = only_zone(country) or self.brand.zone
        shipment = Shipment(
            brand_id=self.brand_id,
            order_id=order.id or 0,
            connection_id=connection.id if connection else None,
            source_id=parcel.source_id,
            carrier=carrier,
            service=parcel.service,
            number=parcel.number,
            number_key=key,
            to_country=country,
            to_zone=zone,
            shipped_on=parcel.shipped_on,
            promised_from=order.promised_from,
            promised_to=order.promised_to,
            near_from=near_day(order.promised_from or order.promised_to, zone),
            next_at=self.now if connection else None,
            created_at=self.now,
            updated_at=self.now,
        )
        self.tx.add(shipment)
        self.tx.flush()
        return shipment

    def _update_shipment(self, shipment: Shipment, parcel: ParcelDraft) -> bool:
        """A carrier's name corrected in the shop counts until the carrier itself has said something."""
        values: dict[str, Any] = {"service": parcel.service or shipment.service}
        values["shipped_on"] = parcel.shipped_on or shipment.shipped_on
        carrier = carrier_slug(parcel.carrier)
        if parcel.carrier and carrier != shipment.carrier and shipment.last_scan_at is None:
            connection = connection_for(carrier, self.brand_id, self.connections)
            values |= {"carrier": carrier, "connection_id": connection.id if connection else None}
            values["next_at"] = self.now if connection else None
        elif shipment.connection_id is None and shipment.last_scan_at is None:
            connection = connection_for(shipment.carrier, self.brand_id, self.connections)
            values |= {"connection_id": connection.id, "next_at": self.now} if connection else {}
        return _apply(shipment, values)

    def _contents(self, shipment: Shipment, parcel: ParcelDraft, lines: dict[str, OrderLine]) -> bool:
        rows = self.tx.exec(select(ShipmentItem).where(ShipmentItem.shipment_id == shipment.id))
        stored = {row.order_line_id: row for row in rows}
        changed = False
        for source_id, quantity in parcel.items.items():
            line_id = lines[source_id].id or 0
            if line_id in stored:
                changed |= _apply(stored[line_id], {"quantity": quantity})
            else:
                item = ShipmentItem(shipment_id=shipment.id or 0, order_line_id=line_id, quantity=quantity)
                self.tx.add(item)
                changed = True
        return changed


def _order_values(draft: Draft) -> dict[str, Any]:
    address = {key: value for key, value in asdict(draft.ship_to).items() if value} if draft.ship_to else {}
    return {
        "number": draft.number,
        "number_key": number_key(draft.number),
        "email": email_key(draft.email),
        "postcode_key": postcode_key(draft.postcode),
        "ship_to": address | ({"lines": list(address.get("lines", ()))} if address else {}),
        "currency": draft.currency,
        "items_minor": draft.items_minor,
        "discount_minor": draft.discount_minor,
        "shipping_minor": draft.shipping_minor,
        "tax_minor": draft.tax_minor,
        "tax_included": draft.tax_included,
        "total_minor": draft.total_minor,
        "captured_minor": draft.captured_minor,
        "refunded_minor": draft.refunded_minor,
        "stage": draft.stage,
        "cancelled_at": draft.cancelled_at,
        "placed_at": draft.placed_at,
        "promised_from": draft.promised_from,
        "promised_to": draft.promised_to,
        "locale": draft.locale,
        "payment_hint": draft.payment_hint,
    }


def _line_values(item: LineDraft, position: int) -> dict[str, Any]:
    values = asdict(item) | {"position": position, "tags": list(item.tags)}
    values.pop("source_id")
    return values


def _what_came_back(line: OrderLine) -> dict[str, Any]:
    """A line cut down to the units in returns, each worth what it was."""
    kept = line.returned_quantity
    shares = {name: getattr(line, name) * kept // max(line.quantity, 1) for name in ("discount_minor", "tax_minor")}
    return {"quantity": kept, **shares}


def _further(stored: str, told: str) -> str:
    """The later of two stages; cancelled is the last word, and only the shop says it."""
    if CANCELLED in (stored, told) or stored not in STAGES:
        return told if told == CANCELLED or stored != CANCELLED else stored
    return max(stored, told, key=STAGES.index)


def _apply(row: SQLModel, values: dict[str, Any]) -> bool:
    """Sets what differs. True when anything did."""
    differing = {key: value for key, value in values.items() if getattr(row, key) != value}
    for key, value in differing.items():
        setattr(row, key, value)
    return bool(differing)


@cache
def _zones() -> dict[str, list[str]]:
    """Country -> its time zones, from the table that comes with the zone data."""
    found: dict[str, list[str]] = {}
    for row in files("tzdata.zoneinfo").joinpath("zone.tab").read_text(encoding="utf-8").splitlines():
        if row and not row.startswith("#"):
            country, _, zone, *_ = row.split("\t")
            found.setdefault(country, []).append(zone)
    return found


def only_zone(country: str) -> str:
    """The zone of a country that has exactly one; empty text otherwise."""
    zones = _zones().get(country, [])
    return zones[0] if len(zones) == 1 else ""
