"""From inbox rows to what shoppers see: parse outside any transaction, then scans, status, story and messages in one.

Crash-safe by repetition: a row whose transaction did not commit falls due again, and every insert has a key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Row
from sqlmodel import Session, col, select, update

from carriers.contract import Answer, Carrier, Hooked, Parcel, Reads, Trust
from carriers.errors import BadPayload
from carriers.gateway import read_answer
from carriers.registry import all_carriers
from portal.app import App
from portal.claim import claim, failed
from portal.crash import crashpoint
from portal.db import insert_into, is_outage
from portal.shops.carrier_names import may_speak_for
from portal.tables import Connection, Inbox, Shipment, UnmappedCode
from portal.tracking.locks import lock
from portal.tracking.mapping import Meanings, meanings
from portal.tracking.numbers import tracking_key
from portal.tracking.refold import is_trackable, refold
from portal.tracking.scans import kept_of, scans_of, store
from portal.tracking.timeline import Kept
from portal.tracking.window import estimate_as_json, later_told

log = structlog.get_logger("portal.ingest")

BATCH: Final = 50
BY_AGENT: Final = "agent"  # Inbox.via of an event added by hand; `asked` then holds the parcel's public id
NOBODY: Final = "no shipment has this number"
PUSH_TAKES: Final = timedelta(hours=1)  # news that a poll finds later than this was lost by the pushes


@dataclass(frozen=True, slots=True)
class Read:
    """One inbox row and what its body says; `answer` is None when it was not understood, `fault` then says why."""

    row: Row[Any]
    answer: Answer | None
    fault: str = ""
    is_final: bool = False  # reading it again would not help
    is_hint: bool = False  # proves nothing: it only brings the next poll forward


def ingest(app: App) -> int:
    """Takes one batch of due inbox rows. Returns how many there were; rows that fail are kept with their reason."""
    now = app.now()
    with app.db.transaction() as tx:
        rows = claim(tx, Inbox, now, limit=BATCH)
    if not rows:
        return 0
    crashpoint("ingest.after_claim")
    batch = [read_row(row) for row in rows]
    try:
        _commit(app, batch, now)
    except Exception as error:
        if is_outage(error):
            raise
        log.error("ingest_batch_failed", kind=type(error).__name__, rows=len(batch), exc_info=error)
        _one_by_one(app, batch, now)
    crashpoint("ingest.after_commit")
    return len(rows)


def read_row(row: Row[Any]) -> Read:
    """What a stored body says. Never raises: a reader that fails is a fault of the row."""
    carrier = all_carriers().get(row.carrier)
    try:
        if carrier is None:
            raise BadPayload(f"no adapter is called {row.carrier!r}")
        about = carrier.about
        is_hint = row.via == "hook" and (about.hook_trust is Trust.HINT or bool(about.hook_prompts))
        return Read(row, _answer(carrier, row), is_hint=is_hint)
    except BadPayload as error:
        return Read(row, None, str(error), is_final=True)
    except Exception as error:
        log.error("adapter_failed", carrier=row.carrier, inbox=row.id, exc_info=error)
        return Read(row, None, f"adapter failed: {type(error).__name__}")


def _answer(carrier: Carrier, row: Row[Any]) -> Answer:
    if row.via == "hook":
        if not isinstance(carrier, Hooked):
            raise BadPayload("this carrier sends no webhooks")
        return carrier.parse_hook(row.body)
    if not isinstance(carrier, Reads):
        raise BadPayload("nothing of this carrier can be read")
    answer = read_answer(carrier, row.body, row.http_status)
    return answer.asked_for(row.asked) if row.via == "poll" else answer


def _commit(app: App, batch: Sequence[Read], now: datetime) -> None:
    with app.db.transaction() as tx:
        Taking(tx, now).take(batch)
        crashpoint("ingest.before_commit")


def _one_by_one(app: App, batch: Sequence[Read], now: datetime) -> None:
    for read in batch:
        try:
            _commit(app, [read], now)
        except Exception as error:
            if is_outage(error):
                raise
            log.error("ingest_row_failed", inbox=read.row.id, exc_info=error)
            with app.db.transaction() as tx:
                failed(tx, Inbox, read.row, now, f"ingest failed: {type(error).__name__}")


def numbers_of(answer: Answer) -> list[str]:
    """Every number that an answer names, normalised, each once."""
    named: Iterable[str] = (
        *(parcel.number for parcel in answer.parcels),
        *answer.not_found,
        *(fault.number for fault in answer.errors if fault.number),
    )
    return list(dict.fromkeys(filter(None, map(tracking_key, named))))


def _concerned(row: Row[Any], answer: Answer) -> list[str]:
    """The numbers that an answer is about: those it names; where a whole poll failed, those that were asked for."""
    found = numbers_of(answer)
    if not found and answer.errors and row.via == "poll":
        return list(filter(None, map(tracking_key, row.asked)))
    return found


class Taking:
    """One transaction's worth of rows. Whatever fails undoes all of it; the caller then goes row by row."""

    def __init__(self, tx: Session, now: datetime) -> None:
        self.tx = tx
        self.now = now
        self.connections: dict[int, Connection] = {}
        self.by_number: dict[str, list[Shipment]] = {}
        self.scans: dict[int, dict[str, Kept]] = {}
        self.touched: set[int] = set()
        self.heard: set[int] = set()
        self.unknown: set[int] = set()
        self.unmapped: Counter[tuple[str, str]] = Counter()
        self.samples: dict[tuple[str, str], tuple[str, str]] = {}
        self.notes: dict[int, str] = {}
        self.meanings: Meanings | None = None

    def take(self, batch: Sequence[Read]) -> None:
        """Stores what the rows say and settles each row: done, later, or dead."""
        self._load(batch)
        for read in batch:
            if read.answer is not None:
                self._store(read, read.answer)
        for shipment_id in sorted(self.touched):
            self._refold(shipment_id)
        self._count_unmapped()
        self._note_pushes(batch)
        self._settle(batch)

    def _load(self, batch: Sequence[Read]) -> None:
        told = [(read.row, read.answer) for read in batch if read.answer and read.row.via != BY_AGENT]
        numbers = {number for row, answer in told for number in _concerned(row, answer)}
        # An agent's event is about one parcel, whatever other orders its number is in: theirs are not to be waited for.
        by_hand = {public_id for read in batch if read.row.via == BY_AGENT for public_id in read.row.asked}
        ids = {read.row.connection_id for read in batch}
        self.connections = {
            _id(row): row for row in self.tx.exec(select(Connection).where(col(Connection.id).in_(ids)))
        }
        found = list(self.tx.exec(select(Shipment.id).where(col(Shipment.number_key).in_(numbers))))
        if by_hand:
            named = self.tx.exec(select(Shipment.id).where(col(Shipment.public_id).in_(by_hand))).all()
            found += named
        for shipment in lock(self.tx, found):
            self.by_number.setdefault(shipment.number_key, []).append(shipment)
        stored = scans_of(self.tx, [_id(s) for shipments in self.by_number.values() for s in shipments])
        self.scans = {shipment_id: {kept.key: kept for kept in scans} for shipment_id, scans in stored.items()}

    def _store(self, read: Read, answer: Answer) -> None:
        known = {number: self._shipments(number, read.row) for number in numbers_of(answer)}
        if not any(known.values()):
            self.notes[read.row.id] = NOBODY if known else _whole_call(answer)
            for number in _concerned(read.row, answer):
                for shipment in self._shipments(number, read.row):
                    shipment.error = _whole_call(answer)[:200]
            return
        if read.is_hint:
            self._hint(shipment for shipments in known.values() for shipment in shipments)
            return
        for parcel in answer.parcels:
            for shipment in known.get(tracking_key(parcel.number), ()):
                self._store_parcel(shipment, parcel, read)
        for number in answer.not_found:
            for shipment in known.get(tracking_key(number), ()):
                self._heard(shipment, read)
                self.unknown.add(_id(shipment))
        for fault in answer.errors:
            for shipment in known.get(tracking_key(fault.number or ""), ()):
                shipment.error = f"{fault.code}: {fault.text}"[:200]

    def _shipments(self, number: str, row: Row[Any]) -> list[Shipment]:
        """Parcels of that number which this connection may speak for, of its own brand if it has one."""
        connection = self.connections[row.connection_id]
        if row.via == BY_AGENT:
            mine = (shipment for shipment in self.by_number.get(number, ()) if shipment.public_id in row.asked)
            return [shipment for shipment in mine if shipment.brand_id == connection.brand_id]
        return [
            shipment
            for shipment in self.by_number.get(number, ())
            if connection.brand_id in {None, shipment.brand_id}
            and may_speak_for(connection, shipment.carrier, shipment.connection_id)
        ]

    def _hint(self, shipments: Iterable[Shipment]) -> None:
        for shipment in shipments:
            if is_trackable(self.tx, shipment):
                shipment.prompted_at = shipment.prompted_at or self.now
                shipment.next_at = self.now if shipment.next_at is None else min(shipment.next_at, self.now)

    def _store_parcel(self, shipment: Shipment, parcel: Parcel, read: Read) -> None:
        mine = self.scans[_id(shipment)]
        read_now = kept_of(parcel, read.row.carrier)
        fresh = {kept.key: self._meant(kept) for kept in read_now if kept.key not in mine}
        store(self.tx, _id(shipment), fresh.values(), read.row.received_at, read.row.id)
        mine |= fresh
        _note_push(shipment, read, fresh.values(), self.now)
        for kept in fresh.values():
            if kept.unlisted:
                self.unmapped[read.row.carrier, kept.scan.code] += 1
                self.samples[read.row.carrier, kept.scan.code] = (kept.scan.text, parcel.number)
        if parcel.estimated:
            told = estimate_as_json(parcel.estimated, read.row.received_at)
            shipment.estimate = later_told(told, shipment.estimate, self.now)
        if parcel.service and not shipment.service:
            shipment.service = parcel.service[:100]
        self._heard(shipment, read)

    def _meant(self, kept: Kept) -> Kept:
        """With the meaning that people gave to a code which the adapter does not know."""
        if not kept.unlisted:
            return kept
        if self.meanings is None:
            self.meanings = meanings(self.tx)
        return self.meanings.of(kept)

    def _heard(self, shipment: Shipment, read: Read) -> None:
        self.touched.add(_id(shipment))
        if read.row.via == BY_AGENT:
            return  # no word from the carrier
        shipment.heard_at = _latest(shipment.heard_at, read.row.received_at, self.now)
        shipment.error = ""
        self.heard.add(_id(shipment))

    def _refold(self, shipment_id: int) -> None:
        shipment = self.tx.get_one(Shipment, shipment_id)
        scans = list(self.scans[shipment_id].values())
        refold(
            self.tx,
            shipment,
            scans,
            self.now,
            is_unknown=shipment_id in self.unknown,
            has_news=shipment_id in self.heard,
        )

    def _count_unmapped(self) -> None:
        for (carrier, code), count in sorted(self.unmapped.items()):
            text, number = self.samples[carrier, code]
            statement = insert_into(self.tx, UnmappedCode).values(
                carrier=carrier,
                code=code,
                text=text,
                count=count,
                sample_number=number,
                first_seen_at=self.now,
                last_seen_at=self.now,
            )
            again = {"count": UnmappedCode.count + count, "last_seen_at": self.now}
            self.tx.connection().execute(
                statement.on_conflict_do_update(index_elements=["carrier", "code"], set_=again)
            )

    def _note_pushes(self, batch: Sequence[Read]) -> None:
        pushed: dict[int, datetime] = {}
        for read in batch:
            if read.row.via in {"hook", "file"} and read.answer is not None:
                before = pushed.get(read.row.connection_id, read.row.received_at)
                pushed[read.row.connection_id] = max(before, read.row.received_at)
        for connection_id in sorted(pushed):
            connection = self.connections[connection_id]
            connection.last_push_at = _latest(connection.last_push_at, pushed[connection_id], self.now)
            self.tx.flush()

    def _settle(self, batch: Sequence[Read]) -> None:
        for read in batch:
            if read.fault:
                failed(self.tx, Inbox, read.row, self.now, read.fault, final=read.is_final)
        by_note: dict[str, list[int]] = {}
        for read in batch:
            if not read.fault:
                by_note.setdefault(self.notes.get(read.row.id, "")[:500], []).append(read.row.id)
        for note, ids in by_note.items():
            finished = {"done_at": self.now, "next_at": None, "error": note}
            self.tx.connection().execute(update(Inbox).where(col(Inbox.id).in_(ids)).values(**finished))


def _latest(known: datetime | None, told: datetime, now: datetime) -> datetime:
    """The later of the two, unless the known one lies ahead of now: the clock was set back since."""
    return told if known is None or known > now else max(known, told)


def _note_push(shipment: Shipment, read: Read, fresh: Iterable[Kept], now: datetime) -> None:
    """Whether pushes tell about this parcel: one did, or a poll has found what they should have told by now."""
    heard = read.row.received_at
    if read.row.via == "hook":
        shipment.pushed_at = _latest(shipment.pushed_at, heard, now)
    elif (
        read.row.via == "poll"
        and shipment.pushed_at
        and any(kept.scan.at and shipment.pushed_at < kept.scan.at < heard - PUSH_TAKES for kept in fresh)
    ):
        shipment.pushed_at = None


def _whole_call(answer: Answer) -> str:
    """The note of a body that names no number: the carrier's error, or nothing at all."""
    return "; ".join(f"{fault.code}: {fault.text}" for fault in answer.errors) or "the body names no parcel"


def _id(row: Any) -> int:
    return int(row.id)
