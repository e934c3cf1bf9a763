"""Asking carriers about parcels that are due: paced by their budgets, answers kept in the inbox like webhooks.

One round is one call for one connection at a time: claim and spend in one transaction, call outside any, keep the
answer in another.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import httpx
import structlog
from sqlalchemy import Row
from sqlmodel import Session, col, or_, select, update

from carriers.contract import Fetched, Tracks
from carriers.errors import BadCredentials, CarrierError, RateLimited, UnknownNumber
from carriers.registry import all_carriers
from carriers.status import FINAL
from portal.app import App
from portal.claim import backoff, claim
from portal.crash import crashpoint
from portal.db import insert_into, is_outage
from portal.keys import CannotDecrypt
from portal.tables import Connection, Inbox, Shipment
from portal.tracking.budget import OverBudget, Purpose, budgets_of, spend
from portal.tracking.line import open_line
from portal.tracking.locks import lock
from portal.tracking.pace import SHARE_OF_THE_REST, rank
from portal.tracking.refold import BREAKER, refold
from portal.tracking.scans import scans_of

log = structlog.get_logger("portal.poll")

# Long enough for a call of 20 s with its token call; a poller that dies lets its parcels fall due again after it.
LEASE: Final = timedelta(seconds=90)
# How long a red connection rests before one call tries whether the operator has mended it.
RED_REST: Final = timedelta(minutes=15)
# Until ingest has read the answer and set the real time; also what holds when it cannot be read.
UNTIL_READ: Final = timedelta(hours=6)
CALLS_A_ROUND: Final = 20
AFTERCARE_WAITS: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Round:
    """Parcels of one connection that were claimed for one call."""

    connection: Connection
    rows: Sequence[Row[Any]]

    @property
    def numbers(self) -> list[str]:
        return list(dict.fromkeys(row.number for row in self.rows))


def poll(app: App, *, client: httpx.Client | None = None) -> int:
    """At most CALLS_A_ROUND calls over all connections that have something due. Returns how many parcels were asked."""
    _settle(app)
    asked = calls = 0
    for connection in due_connections(app):
        found = _call(app, connection, client)
        asked, calls = asked + found, calls + bool(found)
        if calls == CALLS_A_ROUND:
            break
    return asked


def due_connections(app: App) -> list[Connection]:
    """Connections with parcels due that may be called now: not disabled, not pausing, not resting after failures.
    Those that were called longest ago come first."""
    now = app.now()
    with app.db.reading() as tx:
        with_due = select(Shipment.connection_id).where(col(Shipment.next_at) <= now).distinct()
        rows = tx.exec(
            select(Connection)
            .where(
                col(Connection.id).in_(with_due),
                Connection.state != "disabled",
                or_(col(Connection.paused_until).is_(None), col(Connection.paused_until) <= now),
            )
            .order_by(col(Connection.last_poll_at).asc().nulls_first(), col(Connection.id))
        ).all()
        tx.expunge_all()
    return [row for row in rows if not is_resting(row, now) and isinstance(_adapter(row), Tracks)]


def is_broken(connection: Connection) -> bool:
    """Whether the breaker has opened: wrong credentials, or BREAKER failures in a row."""
    is_down = connection.state == "bad_credentials" or connection.failures >= BREAKER
    return is_down and connection.last_error_at is not None


def rests_until(connection: Connection) -> datetime | None:
    """When the open breaker lets the next single call through, to see whether all is well again. None: it is closed."""
    if not is_broken(connection) or connection.last_error_at is None:
        return None
    if connection.state == "bad_credentials":
        return connection.last_error_at + RED_REST
    return connection.last_error_at + timedelta(minutes=min(2 ** (connection.failures - BREAKER), 60))


def is_resting(connection: Connection, now: datetime) -> bool:
    """Whether nothing may be asked of this connection now, because it failed too often."""
    until = rests_until(connection)
    return until is not None and now < until


def poll_key(numbers: Sequence[str], fetched: Fetched) -> str:
    """The same answer to the same question is the same inbox row, however often it is asked."""
    question = "\n".join((*sorted(numbers), str(fetched.status))).encode()
    return "poll:" + sha256(question + b"\n\n" + fetched.body).hexdigest()


def _call(app: App, connection: Connection, client: httpx.Client | None) -> int:
    carrier = _adapter(connection)
    found = claim_call(app, connection, carrier.about.batch_size)
    if found is None:
        return 0
    crashpoint("poll.after_claim")
    try:
        http = open_line(app, connection, client, purpose=Purpose.POLL, paid=1)
        fetched = carrier.fetch(http, found.numbers)
    except UnknownNumber:
        _write_unknown(app, found)
    except CarrierError as error:
        _write_failure(app, found, error)
    except CannotDecrypt:
        _write_failure(app, found, BadCredentials("the stored secrets were written with another DOORSTEP_SECRET_KEY"))
    except Exception as error:
        if is_outage(error):
            raise
        log.error("poll_failed", carrier=connection.carrier, connection=connection.id, exc_info=error)
        _write_failure(app, found, CarrierError(f"the adapter failed: {type(error).__name__}"))
    else:
        crashpoint("poll.after_fetch")
        _keep(app, found, fetched)
        crashpoint("poll.after_commit")
    return len(found.rows)


def claim_call(app: App, connection: Connection, batch_size: int, *, rng: random.Random | None = None) -> Round | None:
    """One call and the parcels it asks about, those that matter most; None where no call is left, or nothing due."""
    now = app.now()
    is_turn_of_the_rest = (rng or random).random() < SHARE_OF_THE_REST
    mine = [col(Shipment.connection_id) == connection.id]
    try:
        with app.db.transaction() as tx:
            # The budgets first: where calls are short this is asked far more often than it is granted.
            spend(tx, _id(connection), budgets_of(connection), now)
            if is_broken(connection):
                _take_the_probe(tx, connection, now)
            first = rank(now, is_turn_of_the_rest=is_turn_of_the_rest)
            rows = claim(tx, Shipment, now, limit=batch_size, lease=LEASE, only=mine, first=first)
            if not rows:
                raise _NothingToAsk
    except (OverBudget, _NothingToAsk):
        return None
    return Round(connection, rows)


class _NothingToAsk(Exception):
    """Gives the call back by rolling back."""


def _take_the_probe(tx: Session, connection: Connection, now: datetime) -> None:
    """After a rest one call tries whether the carrier works again; other processes rest on until they know."""
    as_seen = (col(Connection.id) == connection.id, col(Connection.last_error_at) == connection.last_error_at)
    if tx.exec(update(Connection).where(*as_seen).values(last_error_at=now)).rowcount != 1:
        raise _NothingToAsk


def _keep(app: App, found: Round, fetched: Fetched) -> None:
    """T1 for polls: the raw answer, and the connection's health. An answer seen before is taken up once more, so that
    its age is known and an estimate that went there and back again is right."""
    now = app.now()
    connection = found.connection
    with app.db.transaction() as tx:
        # Parcels, connection, inbox: as ingest, which may have the same answer in hand from the time before.
        _set_shipments(tx, found, now, next_at=now + UNTIL_READ, tries=0, error="", prompted_at=None)
        healthy = {"state": "ok", "state_text": "", "failures": 0, "last_poll_at": now}
        still_on = (col(Connection.id) == connection.id, col(Connection.state) != "disabled")
        tx.exec(update(Connection).where(*still_on).values(**healthy))
        key = poll_key(found.numbers, fetched)
        values = {
            "connection_id": _id(connection),
            "carrier": connection.carrier,
            "via": "poll",
            "hook_key": key,
            "http_status": fetched.status,
            "headers": {},
            "body": fetched.body,
            "asked": found.numbers,
            "received_at": now,
            "next_at": now,
            "tries": 0,
            "error": "",
        }
        again = {"received_at": now, "next_at": now, "done_at": None, "tries": 0}
        statement = insert_into(tx, Inbox).values(**values)
        tx.connection().execute(
            statement.on_conflict_do_update(
                index_elements=["connection_id", "hook_key"], set_=again, where=col(Inbox.dead_at).is_(None)
            )
        )


def _write_unknown(app: App, found: Round) -> None:
    """The adapter said "unknown number" without a body worth keeping."""
    now = app.now()
    ids = [row.id for row in found.rows]
    with app.db.transaction() as tx:
        shipments = lock(tx, ids)
        stored = scans_of(tx, ids)
        for shipment in shipments:
            shipment.heard_at, shipment.tries, shipment.error, shipment.prompted_at = now, 0, "", None
            refold(tx, shipment, stored[_id(shipment)], now, is_unknown=True, has_news=True)
        heard = {"failures": 0, "last_poll_at": now}
        tx.exec(update(Connection).where(col(Connection.id) == found.connection.id).values(**heard))


def _write_failure(app: App, found: Round, error: CarrierError) -> None:
    """Pause, red, or one failure more, by what went wrong; the parcels fall due again accordingly."""
    now = app.now()
    values: dict[str, Any] = {"last_poll_at": now}
    retry_at = now + backoff(max(row.tries for row in found.rows))
    match error:
        case RateLimited():
            retry_at = now + error.after
            values |= {"paused_until": retry_at}
        case BadCredentials():
            retry_at = now + RED_REST
            values |= {"state": "bad_credentials", "state_text": str(error)[:200], "last_error_at": now}
        case _:
            values |= {"failures": Connection.failures + 1, "last_error_at": now, "state_text": str(error)[:200]}
    log.warning(
        "poll_refused", carrier=found.connection.carrier, kind=type(error).__name__, connection=_id(found.connection)
    )
    ids = [row.id for row in found.rows]
    with app.db.transaction() as tx:
        lock(tx, ids)
        _set_shipments(tx, found, now, next_at=retry_at, error=_short(error))
        # Those that nobody has heard of yet have no story; the clock's own look gives them one.
        never_told = (col(Shipment.heard_at).is_(None), col(Shipment.delay_at).is_(None))
        tx.exec(update(Shipment).where(col(Shipment.id).in_(ids), *never_told).values(delay_at=now))
        # Last, as ingest does, which may hold these parcels while it notes a push.
        tx.exec(update(Connection).where(col(Connection.id) == found.connection.id).values(**values))


def _set_shipments(tx: Session, found: Round, now: datetime, **values: Any) -> None:
    """Only those whose lease is still ours: somebody may have asked for "poll now" meanwhile."""
    for row in found.rows:
        tx.exec(
            update(Shipment).where(col(Shipment.id) == row.id, col(Shipment.next_at) == row.next_at).values(**values)
        )


def _settle(app: App) -> None:
    """Parcels that nobody can be asked about get their story from what the shop said, and are not due any more; nor
    are those whose aftercare has waited too long for a call."""
    with app.db.reading() as tx:
        trackable = [slug for slug, carrier in all_carriers().items() if isinstance(carrier, Tracks)]
        askable = select(Connection.id).where(col(Connection.carrier).in_(trackable))
        nobody = or_(col(Shipment.connection_id).is_(None), col(Shipment.connection_id).not_in(askable))
        due = tx.exec(select(Shipment.id).where(col(Shipment.next_at) <= app.now(), nobody).limit(200)).all()
        # Looked at once more after delivery, unless others need the calls: a day late it has had its time.
        finished = (col(Shipment.status).in_(FINAL), col(Shipment.prompted_at).is_(None))
        late = tx.exec(
            select(Shipment.id).where(col(Shipment.next_at) <= app.now() - AFTERCARE_WAITS, *finished).limit(200)
        ).all()
    if due or late:
        with app.db.transaction() as tx:
            lock(tx, [*due, *late])
            tx.exec(update(Shipment).where(col(Shipment.id).in_(due)).values(next_at=None, delay_at=app.now()))
            tx.exec(update(Shipment).where(col(Shipment.id).in_(late), *finished).values(next_at=None))


def _adapter(connection: Connection) -> Any:
    return all_carriers().get(connection.carrier)


def _short(error: CarrierError) -> str:
    return f"{type(error).__name__}: {error}"[:200]


def _id(row: Any) -> int:
    return int(row.id)
