"""What people here decided that a carrier's code means: when a scan is read, and for the scans that are there already.

A mapping only fills a gap: a code that the adapter knows, or leaves without a status on purpose, cannot be mapped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import ColumnElement, Row, and_, exists
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, or_, select, update

from carriers.registry import all_carriers
from carriers.status import SUB_STATUSES, Status, status_of
from portal.app import App
from portal.audit import Actor, record
from portal.claim import claim, done, failed
from portal.db import insert_once, is_outage
from portal.refusal import Refusal
from portal.tables import CodeMapping, Order, Outbox, Scan, Shipment, UnmappedCode
from portal.tables.columns import opaque_id
from portal.tracking.facts import facts_of
from portal.tracking.locks import lock
from portal.tracking.refold import refold, view_of
from portal.tracking.scans import scans_of
from portal.tracking.timeline import Kept

log = structlog.get_logger("portal.mapping")

SUPPRESS: Final = "replay"
MAX_CODE: Final = 200
BATCH: Final = 25
# An answer that was being read while somebody decided may be stored a little later: one more look finds it.
SETTLE: Final = timedelta(minutes=1)
# What no carrier says: these come from our clock, from the shop or from the shopper.
_OURS: Final = frozenset({"expired", "pending.registered", "pending.not_found", "delivered.disputed"})
WORDS: Final = tuple(word for word in (*(status.value for status in Status), *SUB_STATUSES) if word not in _OURS)


@dataclass(frozen=True, slots=True)
class Meanings:
    """The newest decision for each (carrier, code)."""

    words: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def of(self, kept: Kept) -> Kept:
        """The scan with its decided meaning. One whose code the adapter knows stays as it is."""
        if not kept.unlisted:
            return kept
        status, sub_status = split(self.words.get((kept.carrier, kept.scan.code), ""))
        if (kept.scan.status, kept.scan.sub_status) == (status, sub_status):
            return kept
        return replace(kept, scan=replace(kept.scan, status=status, sub_status=sub_status))

    def but(self, carrier: str, code: str, word: str) -> Meanings:
        """The same with another meaning for one code."""
        return Meanings({**self.words, (carrier, code): word})


def split(word: str) -> tuple[Status | None, str | None]:
    """Status and sub-status of a word of the vocabulary; both None for the empty one."""
    if not word:
        return None, None
    return (status_of(word), word) if "." in word else (Status(word), None)


def meanings(tx: Session) -> Meanings:
    """What counts now."""
    rows = tx.exec(select(CodeMapping).order_by(col(CodeMapping.version))).all()
    return Meanings({(row.carrier, row.code): row.word for row in rows})


def current(tx: Session, carrier: str, code: str) -> CodeMapping | None:
    """The newest decision about a code."""
    return next(iter(history(tx, carrier, code)), None)


def history(tx: Session, carrier: str, code: str) -> Sequence[CodeMapping]:
    """All decisions about a code, newest first."""
    about = CodeMapping.carrier == carrier, CodeMapping.code == code
    return tx.exec(select(CodeMapping).where(*about).order_by(col(CodeMapping.version).desc())).all()


def is_newest() -> ColumnElement[bool]:
    """The condition on CodeMapping that leaves one row a code."""
    later = aliased(CodeMapping)
    same = and_(col(later.carrier) == CodeMapping.carrier, col(later.code) == CodeMapping.code)
    return ~exists().where(same, col(later.version) > CodeMapping.version)


def is_open() -> ColumnElement[bool]:
    """The condition on UnmappedCode that leaves those that mean nothing yet."""
    same = and_(col(CodeMapping.carrier) == UnmappedCode.carrier, col(CodeMapping.code) == UnmappedCode.code)
    return ~exists().where(same, col(CodeMapping.word) != "", is_newest())


def is_known(carrier: str, code: str) -> bool:
    """Whether the adapter itself says what becomes of this code."""
    adapter = all_carriers().get(carrier)
    return adapter is not None and (code in adapter.about.codes or code in adapter.about.unmapped)


def check(carrier: str, code: str, word: str) -> None:
    """Raises Refusal no_such_carrier, no_such_code, code_is_known or no_such_status."""
    if carrier not in all_carriers():
        raise Refusal("no_such_carrier", 422)
    if not code or len(code) > MAX_CODE:
        raise Refusal("no_such_code", 422)
    if is_known(carrier, code):
        raise Refusal("code_is_known", 422)
    if word and word not in WORDS:
        raise Refusal("no_such_status", 422)


def decide(
    tx: Session, carrier: str, code: str, word: str, by: Actor, now: datetime, *, version: int | None = None
) -> CodeMapping:
    """A new version, which counts for what is read from now on and is applied to what is there by the worker.

    `word` is a status or a sub-status, empty to take the meaning away again. `version` is the one that the decision
    was based on: Refusal mapping_changed when it is not the newest any more. Also refused as by `check`.
    """
    check(carrier, code, word)
    newest = current(tx, carrier, code)
    before = newest.version if newest else 0
    if version is not None and version != before:
        raise Refusal("mapping_changed", 409)
    values = {
        "carrier": carrier,
        "code": code,
        "version": before + 1,
        "word": word,
        "actor": by.id,
        "actor_name": by.name,
        "parcels": _count(tx, carrier, code, word)[1],
        "created_at": now,
        "next_at": now,
        "public_id": opaque_id(),
    }
    if not insert_once(tx, CodeMapping, values):
        raise Refusal("mapping_changed", 409)
    record(tx, "code.mapped", by, now, carrier=carrier, code=code, word=word, version=before + 1)
    return tx.exec(select(CodeMapping).where(CodeMapping.public_id == values["public_id"])).one()


@dataclass(slots=True)
class Preview:
    """What a decision would change. `moves` counts parcels by (status before, status after) in words of the vocabulary,
    sub-status where there is one; `untold` counts messages that its news would have been worth, by event: they are
    not sent. Both are of `looked_at` parcels, of all where nobody set a limit.
    """

    scans: int = 0
    parcels: int = 0
    looked_at: int = 0
    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    untold: Counter[str] = field(default_factory=Counter)

    @property
    def unmoved(self) -> int:
        """Parcels whose status stays: something later, or the same, is known of them."""
        return self.looked_at - self.moves.total()


def preview(
    tx: Session,
    carrier: str,
    code: str,
    word: str,
    now: datetime,
    *,
    limit: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Preview:
    """Computes without writing. `limit`: only so many parcels, the newest first, are looked at one by one."""
    found = Preview(*_count(tx, carrier, code, word))
    query = select(Scan.shipment_id).where(_differs(carrier, code, word)).distinct()
    ids = tx.exec(query.order_by(col(Scan.shipment_id).desc()).limit(limit)).all()
    wanted = meanings(tx).but(carrier, code, word)
    for shipment_id in ids:
        _look(tx, shipment_id, wanted, now, found)
        if progress:
            progress(found.looked_at)
    return found


def _look(tx: Session, shipment_id: int, wanted: Meanings, now: datetime, found: Preview) -> None:
    shipment = tx.get_one(Shipment, shipment_id)
    scans = [wanted.of(kept) for kept in scans_of(tx, [shipment_id])[shipment_id]]
    view = view_of(tx, shipment, scans, now)
    found.looked_at += 1
    before = shipment.sub_status or shipment.status
    after = view.fold.sub_status or view.fold.status.value
    if before != after:
        found.moves[before, after] += 1
    if shipment.direction == "outbound" and not tx.get_one(Order, shipment.order_id).backfill:
        told = tx.exec(select(Outbox.key).where(Outbox.shipment_id == shipment_id)).all()
        for fact in facts_of(view.fold, view.window, view.delay, now):
            key = f"{shipment.public_id}:{fact.event}:{fact.key}:"
            if not fact.overtaken and not any(sent.startswith(key) for sent in told):
                found.untold[fact.event.value] += 1


def apply_due(app: App) -> int:
    """One batch of parcels of one decision. Returns how many decisions there were: none or one.

    Crash-safe by repetition: what is done no longer differs from what was decided. Nobody is mailed about the past.
    """
    now = app.now()
    with app.db.transaction() as tx:
        rows = claim(tx, CodeMapping, now, limit=1)
    for row in rows:
        _apply_batch(app, row, now)
    return len(rows)


def _apply_batch(app: App, row: Row[Any], now: datetime) -> None:
    with app.db.reading() as tx:
        newest = current(tx, row.carrier, row.code)
        after = col(Scan.shipment_id) > row.at_shipment
        query = select(Scan.shipment_id).where(_differs(row.carrier, row.code, row.word), after).distinct()
        ids = list(tx.exec(query.order_by(col(Scan.shipment_id)).limit(BATCH)))
        wanted = meanings(tx)
        is_overtaken = newest is None or newest.id != row.id
    if is_overtaken:  # the newer decision does the rest
        with app.db.transaction() as tx:
            done(tx, CodeMapping, row.id, now)
    elif ids:
        error = _apply_to(app, ids, wanted) or row.error
        values = {"at_shipment": ids[-1], "applied": CodeMapping.applied + len(ids), "next_at": now, "error": error}
        with app.db.transaction() as tx:
            mine = col(CodeMapping.id) == row.id
            tx.exec(update(CodeMapping).where(mine).values(**values | ({} if error else {"tries": 0})))
    else:
        _finish(app, row, now)


def _finish(app: App, row: Row[Any], now: datetime) -> None:
    """At the end of the parcels: over, or once more from the beginning."""
    with app.db.transaction() as tx:
        again = update(CodeMapping).where(col(CodeMapping.id) == row.id).values(at_shipment=0)
        if row.error:
            tx.exec(again)
            failed(tx, CodeMapping, row, now, row.error)
        elif now < row.created_at + SETTLE:
            tx.exec(again.values(next_at=row.created_at + SETTLE, tries=0))
        else:
            done(tx, CodeMapping, row.id, now)


def _apply_to(app: App, ids: Iterable[int], wanted: Meanings) -> str:
    """Reads each parcel again in a transaction of its own. Why one of them could not be, else empty."""
    error = ""
    for shipment_id in ids:
        try:
            with app.db.transaction() as tx:
                _apply(tx, shipment_id, wanted, app.now())
        except Exception as failure:
            if is_outage(failure):
                raise
            log.error("mapping_failed", shipment=shipment_id, exc_info=failure)
            error = f"a parcel could not be read again: {type(failure).__name__}"
    return error


def _apply(tx: Session, shipment_id: int, wanted: Meanings, now: datetime) -> None:
    (shipment,) = lock(tx, [shipment_id])
    scans = []
    for kept in scans_of(tx, [shipment_id])[shipment_id]:
        meant = wanted.of(kept)
        scans.append(meant)
        if meant is not kept:
            status = meant.scan.status.value if meant.scan.status else None
            mine = col(Scan.shipment_id) == shipment_id, col(Scan.key) == kept.key
            tx.exec(update(Scan).where(*mine).values(status=status, sub_status=meant.scan.sub_status))
    refold(tx, shipment, scans, now, suppress=SUPPRESS)


def _differs(carrier: str, code: str, word: str) -> ColumnElement[bool]:
    """Scans of this code that do not have this meaning yet."""
    status, sub_status = split(word)
    other = or_(
        col(Scan.status).is_distinct_from(status.value if status else None),
        col(Scan.sub_status).is_distinct_from(sub_status),
    )
    return and_(col(Scan.unlisted), col(Scan.carrier) == carrier, col(Scan.code) == code, other)


def _count(tx: Session, carrier: str, code: str, word: str) -> tuple[int, int]:
    """Scans and parcels that a decision would change."""
    counted = select(func.count(), func.count(func.distinct(col(Scan.shipment_id))))
    scans, parcels = tx.exec(counted.where(_differs(carrier, code, word))).one()
    return int(scans), int(parcels)
