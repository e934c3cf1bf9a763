"""Scans between their two shapes: the carriers' value and our row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from carriers import contract
from carriers.contract import Parcel, Place, ZoneFrom
from carriers.registry import all_carriers
from carriers.status import Status
from portal.db import insert_once
from portal.tables import Scan
from portal.tracking.timeline import Kept


def scans_of(tx: Session, shipment_ids: Sequence[int]) -> dict[int, list[Kept]]:
    """All stored scans of these shipments, in no particular order; an empty list for a shipment without any."""
    found: dict[int, list[Kept]] = {shipment_id: [] for shipment_id in shipment_ids}
    for row in tx.exec(select(Scan).where(col(Scan.shipment_id).in_(shipment_ids))):
        found[row.shipment_id].append(from_row(row))
    return found


def kept_of(parcel: Parcel, carrier: str) -> list[Kept]:
    """What an answer says about one parcel. A status without a single scan becomes one, without a time.

    `carrier` is the slug of the adapter that read it.
    """
    scans = parcel.scans
    if not scans and parcel.status not in {None, Status.PENDING}:
        at = parcel.delivered_at if parcel.status is Status.DELIVERED else None
        local = at.strftime("%Y-%m-%dT%H:%M:%S") if at else ""
        summary = contract.Scan(
            at, local, "+00:00" if at else None, ZoneFrom.UNKNOWN, "", "", parcel.status, parcel.sub_status
        )
        scans = (summary,)
    return [Kept(scan.key(), scan, carrier, is_unlisted(carrier, scan)) for scan in scans]


def is_unlisted(carrier: str, scan: contract.Scan) -> bool:
    """Whether its code is one that the adapter does not know: neither mapped nor left without a status on purpose."""
    if scan.status is not None or not scan.code:
        return False
    adapter = all_carriers().get(carrier)
    return adapter is None or scan.code not in adapter.about.unmapped


def store(tx: Session, shipment_id: int, kept: Iterable[Kept], received_at: datetime, inbox_id: int | None) -> int:
    """Inserts those that are not there yet. Returns how many are new."""
    rows = [_values(shipment_id, one, received_at, inbox_id) for one in kept]
    return insert_once(tx, Scan, rows) if rows else 0


def from_row(row: Scan) -> Kept:
    """The value of a row; its key is the stored one, because `detail` is part of it and not kept."""
    scan = contract.Scan(
        at=row.at,
        local=row.local,
        offset=row.offset,
        zone_from=ZoneFrom(row.zone_from),
        code=row.code,
        text=row.text,
        status=Status(row.status) if row.status else None,
        sub_status=row.sub_status,
        place=Place(row.city, row.region, row.postcode, row.country),
        date_only=row.date_only,
    )
    return Kept(row.key, scan, row.carrier, row.unlisted)


def columns_of(kept: Kept) -> dict[str, Any]:
    """The columns of a row that come from the carrier, and what its code means."""
    scan = kept.scan
    return {
        "carrier": kept.carrier,
        "at": scan.at,
        "local": scan.local,
        "offset": scan.offset,
        "zone_from": scan.zone_from.value,
        "date_only": scan.date_only,
        "code": scan.code,
        "text": scan.text,
        "status": scan.status.value if scan.status else None,
        "sub_status": scan.sub_status,
        "unlisted": kept.unlisted,
        "city": scan.place.city,
        "region": scan.place.region,
        "postcode": scan.place.postcode,
        "country": scan.place.country,
    }


def _values(shipment_id: int, kept: Kept, received_at: datetime, inbox_id: int | None) -> dict[str, Any]:
    own = {"shipment_id": shipment_id, "key": kept.key, "received_at": received_at, "inbox_id": inbox_id}
    return own | columns_of(kept)
