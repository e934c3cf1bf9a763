"""Rebuilds everything derived from what carriers said: shows what would change first, then does it. Mails nobody.

Bodies that the inbox still holds are read again with today's adapters. Scans whose body has had its time stay as they
are, except that a code unmapped then and mapped now gets its meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row
from sqlmodel import Session, col, delete, select, update

from carriers.contract import Parcel
from carriers.registry import all_carriers
from portal.app import App, utc_now
from portal.db import Database
from portal.shops.carrier_names import may_speak_for
from portal.tables import Brand, Connection, Inbox, Scan, Shipment
from portal.tracking.ingest import BY_AGENT, read_row
from portal.tracking.locks import lock
from portal.tracking.mapping import Meanings, meanings, split
from portal.tracking.numbers import tracking_key
from portal.tracking.refold import refold, view_of
from portal.tracking.scans import columns_of, from_row, kept_of, store
from portal.tracking.timeline import Kept

PAGE: Final = 200
SUPPRESS: Final = "replay"
_SHOWN: Final = (
    "status",
    "sub_status",
    "delivered_at",
    "delivered_on",
    "picked_up_at",
    "window_from",
    "window_to",
    "delay",
)

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Change:
    """What a replay changes of one shipment. `fields` are (column, before, after) as text; counts are of scans."""

    shipment_id: int
    public_id: str
    brand: str
    number: str
    fields: tuple[tuple[str, str, str], ...] = ()
    added: int = 0
    removed: int = 0
    changed: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing but the wording of the story may differ."""
        return not (self.fields or self.added or self.removed or self.changed)

    def __str__(self) -> str:
        fields = [f"{name}: {before or '-'} -> {after or '-'}" for name, before, after in self.fields]
        counts = [("new", self.added), ("gone", self.removed), ("read otherwise", self.changed)]
        scans = [f"{count} scans {what}" for what, count in counts if count]
        return f"{self.brand} {self.number}  " + ", ".join(fields + scans)


@dataclass(slots=True)
class _Reading:
    """What today's adapters make of the bodies: scans of each wanted shipment with the inbox row of each, which rows
    were read, and which of those were dead. `meant` is what people decided about codes."""

    scans: dict[int, dict[str, tuple[Kept, int, datetime]]]
    meant: Meanings
    rows: set[int] = field(default_factory=set)
    revived: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Rebuilt:
    """The scans of one shipment as they should be, and how they differ from the stored ones."""

    scans: tuple[Kept, ...]
    added: tuple[tuple[Kept, int, datetime], ...]
    removed: tuple[str, ...]
    changed: tuple[Kept, ...]


def plan(
    db: Database,
    *,
    brand: Brand | None = None,
    shipment: str | None = None,
    progress: Progress | None = None,
    now: datetime | None = None,
) -> list[Change]:
    """Every shipment that a replay would change. `shipment` is a public id or a tracking number.

    Writes nothing. `progress(count)` is called as shipments go by.
    """
    with db.reading() as tx:
        wanted = _wanted(tx, brand, shipment)
        reading = _read(tx, wanted)
        found = []
        for position, shipment_id in enumerate(wanted):
            change = _change(tx, shipment_id, reading, now or utc_now())
            tx.expunge_all()
            if not change.is_empty:
                found.append(change)
            if progress:
                progress(position + 1)
        return found


def apply(app: App, changes: Sequence[Change], *, progress: Progress | None = None) -> None:
    """Does what `plan` showed, one transaction per shipment. Harmless to repeat.

    Messages about the past are stored as suppressed, so that what was never told stays untold.
    """
    wanted = [change.shipment_id for change in changes]
    with app.db.reading() as tx:
        reading = _read(tx, wanted)
    for position, shipment_id in enumerate(wanted):
        with app.db.transaction() as tx:
            _apply(tx, shipment_id, reading, app.now())
        if progress:
            progress(position + 1)
    _revive(app, reading.revived)


def _wanted(tx: Session, brand: Brand | None, shipment: str | None) -> list[int]:
    query = select(Shipment.id).order_by(col(Shipment.id))
    if brand:
        query = query.where(Shipment.brand_id == brand.id)
    if shipment:
        by_number = col(Shipment.number_key) == tracking_key(shipment)
        query = query.where(by_number | (col(Shipment.public_id) == shipment))
    return [int(found) for found in tx.exec(query) if found is not None]


def _read(tx: Session, wanted: Sequence[int]) -> _Reading:
    """Reads every body once. A row counts as read when it speaks about a wanted shipment."""
    meant = meanings(tx)
    reading = _Reading({shipment_id: {} for shipment_id in wanted}, meant)
    connections = {row.id: row for row in tx.exec(select(Connection)).all()}
    for row in _bodies(tx):
        if row.via == BY_AGENT and row.discarded is not None:
            continue  # taken back
        read = read_row(row)
        if read.answer is None or read.is_hint:
            continue
        parcels: dict[str, list[Parcel]] = {}
        for parcel in read.answer.parcels:
            parcels.setdefault(tracking_key(parcel.number), []).append(parcel)
        owners = _owners(tx, connections[row.connection_id], row, list(parcels))
        mine = [owner for owner in owners if owner.id in reading.scans]
        if not mine:
            continue
        reading.rows.add(row.id)
        if row.dead_at is not None:
            reading.revived.append(row.id)
        for owner in mine:
            told = (kept for parcel in parcels[owner.number_key] for kept in kept_of(parcel, row.carrier))
            for kept in map(meant.of, told):
                reading.scans[owner.id].setdefault(kept.key, (kept, row.id, row.received_at))
    return reading


def _bodies(tx: Session) -> Iterator[Row[Any]]:
    """Every inbox row that is not still waiting, oldest first, a page at a time."""
    columns = Inbox.__table__.c  # type: ignore[attr-defined]
    after = 0
    while True:
        query = tx.connection().execute(
            Inbox.__table__.select()  # type: ignore[attr-defined]
            .where(columns.id > after, columns.done_at.is_not(None) | columns.dead_at.is_not(None))
            .order_by(columns.id)
            .limit(PAGE)
        )
        rows = query.all()
        yield from rows
        if len(rows) < PAGE:
            return
        after = rows[-1].id


def _owners(tx: Session, connection: Connection, row: Row[Any], numbers: list[str]) -> Sequence[Any]:
    """The shipments that this connection may speak for with this row, as in ingest."""
    columns = Shipment.__table__.c  # type: ignore[attr-defined]
    wanted = columns.id, columns.number_key, columns.carrier, columns.connection_id
    query = select(*wanted).where(columns.number_key.in_(numbers))
    if row.via == BY_AGENT:
        query = query.where(columns.public_id.in_(row.asked), columns.brand_id == connection.brand_id)
        return tx.connection().execute(query).all()
    if connection.brand_id is not None:
        query = query.where(columns.brand_id == connection.brand_id)
    found = tx.connection().execute(query).all()
    return [row for row in found if may_speak_for(connection, row.carrier, row.connection_id)]


def _rebuild(tx: Session, shipment: Shipment, reading: _Reading) -> _Rebuilt:
    rows = tx.exec(select(Scan).where(Scan.shipment_id == shipment.id)).all()
    stored = {row.key: row for row in rows}
    read = reading.scans.get(int(shipment.id or 0), {})
    removed = {key for key, row in stored.items() if row.inbox_id in reading.rows and key not in read}
    scans: dict[str, Kept] = {}
    changed = []
    for key, row in stored.items():
        if key in removed:
            continue
        before = from_row(row)
        after = read[key][0] if key in read else _remapped(before, shipment.carrier, reading.meant)
        if columns_of(after) != columns_of(before):
            changed.append(after)
        scans[key] = after
    added = tuple(found for key, found in read.items() if key not in stored)
    scans |= {found[0].key: found[0] for found in added}
    return _Rebuilt(tuple(scans.values()), added, tuple(sorted(removed)), tuple(changed))


def _remapped(kept: Kept, carrier: str, meant: Meanings) -> Kept:
    """A scan whose body is gone: only a code that meant nothing to its adapter then may mean something to it now."""
    if kept.scan.status is not None and not kept.unlisted:
        return kept
    adapter = all_carriers().get(kept.carrier or carrier)
    code = kept.scan.code
    if adapter is None or (code not in adapter.about.codes and code not in adapter.about.unmapped):
        return meant.of(kept)
    status, sub_status = split(adapter.about.codes.get(code, ""))
    return replace(kept, scan=replace(kept.scan, status=status, sub_status=sub_status), unlisted=False)


def _change(tx: Session, shipment_id: int, reading: _Reading, now: datetime) -> Change:
    shipment = tx.get_one(Shipment, shipment_id)
    rebuilt = _rebuild(tx, shipment, reading)
    view = view_of(tx, shipment, rebuilt.scans, now)
    after = {
        "status": view.fold.status.value,
        "sub_status": view.fold.sub_status,
        "delivered_at": view.fold.delivered_at,
        "delivered_on": view.fold.delivered_on,
        "picked_up_at": view.fold.picked_up_at,
        "window_from": view.window.start,
        "window_to": view.window.end,
        "delay": view.delay.state,
    }
    return _difference(tx, shipment, _values(shipment), after, rebuilt)


def _apply(tx: Session, shipment_id: int, reading: _Reading, now: datetime) -> None:
    (shipment,) = lock(tx, [shipment_id])
    rebuilt = _rebuild(tx, shipment, reading)
    own = col(Scan.shipment_id) == shipment_id
    if rebuilt.removed:
        tx.exec(delete(Scan).where(own, col(Scan.key).in_(rebuilt.removed)))
    for kept in rebuilt.changed:
        tx.exec(update(Scan).where(own, col(Scan.key) == kept.key).values(**columns_of(kept)))
    for kept, inbox_id, received_at in rebuilt.added:
        store(tx, shipment_id, [kept], received_at, inbox_id)
    refold(tx, shipment, rebuilt.scans, now, suppress=SUPPRESS)


def _difference(
    tx: Session, shipment: Shipment, before: dict[str, Any], after: dict[str, Any], rebuilt: _Rebuilt
) -> Change:
    fields = tuple(
        (name, _said(before[name]), _said(after[name])) for name in _SHOWN if _said(before[name]) != _said(after[name])
    )
    return Change(
        int(shipment.id or 0),
        shipment.public_id,
        tx.get_one(Brand, shipment.brand_id).slug,
        shipment.number,
        fields,
        len(rebuilt.added),
        len(rebuilt.removed),
        len(rebuilt.changed),
    )


def _values(shipment: Shipment) -> dict[str, Any]:
    return {name: getattr(shipment, name) for name in _SHOWN}


def _said(value: Any) -> str:
    return "" if value is None else value.isoformat() if hasattr(value, "isoformat") else str(value)


def _revive(app: App, ids: Sequence[int]) -> None:
    """Rows that were dead and are understood now count as done."""
    with app.db.transaction() as tx:
        for row_id in ids:
            values = {"dead_at": None, "done_at": app.now(), "error": ""}
            tx.exec(update(Inbox).where(col(Inbox.id) == row_id).values(**values))
