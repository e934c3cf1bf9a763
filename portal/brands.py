"""Which brand a request is for: an exact look-up by host name, cached for a few seconds per process."""

import time
from dataclasses import dataclass
from typing import Any

from sqlmodel import select

from portal.db import Database
from portal.tables import Brand

_FRESH_SECONDS = 5.0


@dataclass(slots=True)
class _Snapshot:
    read_at: float
    by_host: dict[str, Brand]
    by_id: dict[int, Brand]


class Brands:
    """All brands of the installation, read again every few seconds so that a change needs no restart."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._snapshot: _Snapshot | None = None

    def at(self, host: str) -> Brand | None:
        """The brand of a Host header, port and all; None for a host that is not ours."""
        return self._read().by_host.get(host_name(host))

    def get(self, brand_id: int) -> Brand:
        """By primary key. Raises KeyError."""
        snapshot = self._read()
        return snapshot.by_id[brand_id] if brand_id in snapshot.by_id else self._read(force=True).by_id[brand_id]

    def all(self) -> list[Brand]:
        """Every brand, by name."""
        return sorted(self._read().by_id.values(), key=lambda brand: brand.name)

    def is_fresh(self) -> bool:
        """Whether the next question is answered without the database."""
        return self._snapshot is not None and time.monotonic() - self._snapshot.read_at < _FRESH_SECONDS

    def forget(self) -> None:
        """Reads again at the next question: after this process changed a brand."""
        self._snapshot = None

    def _read(self, *, force: bool = False) -> _Snapshot:
        snapshot = self._snapshot
        if snapshot and not force and time.monotonic() - snapshot.read_at < _FRESH_SECONDS:
            return snapshot
        with self._db.reading() as tx:
            brands = list(tx.exec(select(Brand)).all())
            tx.expunge_all()
        fresh = _Snapshot(time.monotonic(), {b.host: b for b in brands}, {_id(b): b for b in brands})
        self._snapshot = fresh
        return fresh


def host_name(host: str) -> str:
    """Lower case, without port and final dot; empty text for anything that is no plain host name."""
    name, _, port = host.strip().lower().partition(":")
    if port and not port.isdigit():
        return ""
    return name.removesuffix(".")


def _id(row: Any) -> int:
    return int(row.id)
