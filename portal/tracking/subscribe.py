"""What carriers are asked to push: asked for, renewed before it ends, taken back once a parcel is done.

Each subscription is a row with the time at which something is to be done about it. Pushes save polls and are never
relied on: polls go on, more slowly, and find what pushes have lost.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import structlog
from sqlalchemy import Row
from sqlmodel import Session, col, delete, func, or_, select, update

from carriers.contract import Activates, Carrier, Hooked, Subscribed, Subscribes, Wanted
from carriers.errors import BadCredentials, CarrierError, RateLimited, Refused
from carriers.http import Http
from carriers.registry import all_carriers
from carriers.status import FINAL
from portal.app import App
from portal.claim import backoff, claim, done, failed
from portal.connections import HOOK_SECRET, hook_addresses, secrets_of, secrets_place
from portal.crash import crashpoint
from portal.db import insert_once, is_outage
from portal.keys import CannotDecrypt
from portal.tables import Connection, Handshake, Shipment, Subscription
from portal.tracking.budget import OverBudget, Purpose, budgets_of, spend
from portal.tracking.handshake import challenge_place
from portal.tracking.line import open_line
from portal.tracking.numbers import tracking_key
from portal.tracking.poll import is_resting

log = structlog.get_logger("portal.subscribe")

LEASE: Final = timedelta(seconds=120)
BATCH: Final = 500
# A seventh of its life before a subscription ends it is renewed: UPS, 14 days, on the twelfth.
RENEW_IN_LAST: Final = 1 / 7
# A refusal may be of today only: a number that the carrier has not met yet. After the last wait it is final.
REFUSAL_WAITS: Final = (timedelta(hours=1), timedelta(hours=6), timedelta(days=1), timedelta(days=3))
# What a carrier wants to confirm by a handshake is asked for anew when none comes.
HANDSHAKE_WAIT: Final = timedelta(hours=1)
# Web processes read new secrets every few seconds; a handshake must not come before that.
SETTLE: Final = timedelta(seconds=15)
_SECRET_BYTES: Final = 16  # 32 hex digits: one carrier takes exactly so many


@dataclass(frozen=True, slots=True)
class Account:
    """A connection that can be asked to push, with what every request to it says."""

    row: Connection
    carrier: Any  # Carrier, Hooked and Subscribes
    url: str
    secret: str

    @property
    def id(self) -> int:
        return self.row.id or 0

    @property
    def batch_size(self) -> int:
        return max(1, int(self.carrier.about.subscription_batch))

    @property
    def is_per_number(self) -> bool:
        return int(self.carrier.about.subscription_batch) > 0

    @property
    def terms(self) -> str:
        """Changes when the address or the secret does; what was made on other terms is asked for anew."""
        return sha256(f"{self.url}\n{self.secret}".encode()).hexdigest()[:16]


def keep_subscribed(app: App, *, client: httpx.Client | None = None) -> int:
    """One round over all connections: new wishes, one call of requests each, endings, handshakes. How many rows moved.

    Carriers' failures are kept with the rows; only the database's trouble is raised.
    """
    moved = _shake_hands(app, client) + _end_of_disabled(app)
    for row in _connections(app):
        account = _account(app, row)
        if account is None:
            continue
        moved += _wish(app, account)
        moved += _end_finished(app, account)
        moved += _ask(app, account, client)
    return moved + _take_back(app, client)


def _connections(app: App) -> list[Connection]:
    now = app.now()
    slugs = [slug for slug, carrier in all_carriers().items() if _can_push(carrier)]
    is_paused = col(Connection.paused_until) > now
    with app.db.reading() as tx:
        rows = tx.exec(
            select(Connection)
            .where(col(Connection.carrier).in_(slugs), Connection.state != "disabled")
            .where(or_(col(Connection.paused_until).is_(None), ~is_paused))
            .order_by(col(Connection.id))
        ).all()
        tx.expunge_all()
    return [row for row in rows if not is_resting(row, now)]


def _can_push(carrier: Carrier) -> bool:
    return isinstance(carrier, Subscribes) and isinstance(carrier, Hooked)


def _account(app: App, row: Connection) -> Account | None:
    """None where pushes could not reach us, or could not be told from forgeries."""
    carrier = all_carriers()[row.carrier]
    url = hook_addresses(app, row)[0]
    if urlsplit(url).scheme != "https" and not app.settings.test_carriers:
        return None
    try:
        secret = secrets_of(app, row).get(HOOK_SECRET, "")
    except CannotDecrypt:
        log.error("secrets_unreadable", connection=row.id)
        return None
    if not secret and carrier.about.own_hook_secret:
        _choose_secret(app, row)
        return None  # until every process knows it
    return Account(row, carrier, url, secret) if secret else None


def _choose_secret(app: App, row: Connection) -> None:
    with app.db.transaction() as tx:
        mine = tx.exec(select(Connection).where(Connection.id == row.id).with_for_update(key_share=True)).one()
        known = app.keys.open(mine.secrets, secrets_place(mine))
        if known.get(HOOK_SECRET):
            return
        mine.secrets = app.keys.seal(known | {HOOK_SECRET: secrets.token_hex(_SECRET_BYTES)}, secrets_place(mine))
        mine.secrets_set = mine.secrets_set | {HOOK_SECRET: app.now().date().isoformat()}


def _wish(app: App, account: Account) -> int:
    """Rows for what is not asked for yet, and for what was asked for on other terms."""
    now = app.now()
    with app.db.reading() as tx:
        numbers = _unsubscribed(tx, account) if account.is_per_number else [""]
        outdated = tx.exec(select(func.count()).select_from(Subscription).where(*_outdated(account, now))).one()
        known = tx.exec(select(Subscription.id).where(Subscription.connection_id == account.id).limit(1)).first()
    if not (outdated or (numbers and (account.is_per_number or known is None))):
        return 0
    # A secret that was only just chosen or changed has to settle.
    row = {"connection_id": account.id, "state": "wanted", "ref": "", "terms": "", "tries": 0, "error": ""}
    row |= {"created_at": now, "next_at": now if known else now + SETTLE}
    with app.db.transaction() as tx:
        tx.exec(update(Subscription).where(*_outdated(account, now)).values(next_at=now + SETTLE, tries=0))
        return insert_once(tx, Subscription, [row | {"number": number} for number in numbers])


def _outdated(account: Account, now: datetime) -> list[Any]:
    later = or_(col(Subscription.next_at).is_(None), col(Subscription.next_at) > now + SETTLE)
    active = (col(Subscription.state) == "active", col(Subscription.terms) != account.terms)
    return [col(Subscription.connection_id) == account.id, *active, later]


def _unsubscribed(tx: Session, account: Account) -> list[str]:
    is_known = select(Subscription.id).where(
        Subscription.connection_id == account.id, col(Subscription.number) == col(Shipment.number)
    )
    found = tx.exec(select(Shipment.number).where(*_alive(account), ~is_known.exists()).distinct().limit(BATCH))
    return list(found.all())


def _alive(account: Account) -> list[Any]:
    """Parcels of which news is still expected."""
    mine = col(Shipment.connection_id) == account.id
    return [mine, col(Shipment.next_at).is_not(None), col(Shipment.status).not_in(FINAL)]


def _end_finished(app: App, account: Account) -> int:
    """What is over is taken back: delivered parcels, and those that are followed no more."""
    if not account.is_per_number:
        return 0
    is_alive = select(Shipment.id).where(*_alive(account), col(Shipment.number) == col(Subscription.number))
    over = [col(Subscription.connection_id) == account.id, col(Subscription.state) != "ending", ~is_alive.exists()]
    with app.db.reading() as tx:
        ids = tx.exec(select(Subscription.id).where(*over).limit(BATCH)).all()
    return _end(app, ids) if ids else 0


def _end_of_disabled(app: App) -> int:
    """A connection that is switched off is pushed nothing any more."""
    off = select(Connection.id).where(Connection.state == "disabled")
    mine = (col(Subscription.connection_id).in_(off), col(Subscription.state) != "ending")
    with app.db.reading() as tx:
        ids = tx.exec(select(Subscription.id).where(*mine).limit(BATCH)).all()
    return _end(app, ids) if ids else 0


def _end(app: App, ids: Sequence[int | None]) -> int:
    """Those that the carrier can be told of wait for it; the others are gone at once."""
    chosen = col(Subscription.id).in_(ids)
    values = {"state": "ending", "next_at": app.now(), "tries": 0, "dead_at": None}
    with app.db.transaction() as tx:
        tx.exec(delete(Subscription).where(chosen, col(Subscription.ref) == ""))
        tx.exec(update(Subscription).where(chosen).values(**values))
    return len(ids)


def _ask(app: App, account: Account, client: httpx.Client | None) -> int:
    """One call for those that are due: new, refused earlier, or soon at their end."""
    now = app.now()
    mine = [col(Subscription.connection_id) == account.id, col(Subscription.state) != "ending"]
    rows = _claimed(app, account.row, mine, account.batch_size)
    if not rows:
        return 0
    crashpoint("subscribe.after_claim")
    numbers = [row.number for row in rows] if account.is_per_number else []
    wanted = Wanted(account.url, account.secret, numbers)

    def ask(http: Http) -> None:
        made = {tracking_key(one.number): one for one in account.carrier.subscribe(http, wanted)}
        crashpoint("subscribe.after_call")
        with app.db.transaction() as tx:
            for row in rows:
                _write_answer(tx, account, row, made.get(tracking_key(row.number)), now)
        # Until the handshake of the new one is done the old one still tells, where it ends by itself.
        ends_itself = isinstance(account.carrier, Activates)
        _drop_replaced(app, account, http, {r.ref for r in rows if r.ref and not (ends_itself and r.expires_at)})

    _call(app, account.row, rows, ask, client)
    return len(rows)


def _drop_replaced(app: App, account: Account, http: Http, refs: set[str]) -> None:
    """Subscriptions that new ones stand in for, or the carrier would push everything twice."""
    with app.db.reading() as tx:
        mine = (Subscription.connection_id == account.id, col(Subscription.ref).in_(refs))
        in_use = set(tx.exec(select(Subscription.ref).where(*mine)).all())
    for ref in sorted(refs - in_use):
        try:
            account.carrier.unsubscribe(http, ref)
        except CarrierError as error:
            log.info("not_unsubscribed", carrier=account.row.carrier, reason=str(error)[:200])


def _take_back(app: App, client: httpx.Client | None) -> int:
    """One ending for each connection that has some."""
    now = app.now()
    due = (col(Subscription.state) == "ending", col(Subscription.next_at) <= now)
    with app.db.reading() as tx:
        ids = tx.exec(select(Subscription.connection_id).where(*due).distinct()).all()
        connections = tx.exec(select(Connection).where(col(Connection.id).in_(ids))).all()
        tx.expunge_all()
    taken = 0
    for connection in connections:
        if is_resting(connection, now) or (connection.paused_until and connection.paused_until > now):
            continue
        mine = [col(Subscription.connection_id) == connection.id, col(Subscription.state) == "ending"]
        rows = _claimed(app, connection, mine, 1)
        taken += len(rows)
        for row in rows:
            _end_one(app, connection, row, client)
    return taken


def _end_one(app: App, connection: Connection, row: Row[Any], client: httpx.Client | None) -> None:
    carrier = all_carriers().get(connection.carrier)

    def end(http: Http) -> None:
        if isinstance(carrier, Subscribes) and not _is_shared(app, row):
            try:
                carrier.unsubscribe(http, row.ref)
            except Refused as error:  # a carrier that cannot: it ends by itself
                log.info("not_unsubscribed", carrier=connection.carrier, reason=str(error)[:200])
        with app.db.transaction() as tx:
            tx.exec(delete(Subscription).where(col(Subscription.id) == row.id))

    _call(app, connection, [row], end, client)


def _is_shared(app: App, row: Row[Any]) -> bool:
    """Whether other numbers live by the same subscription of the carrier."""
    others = (Subscription.connection_id == row.connection_id, Subscription.ref == row.ref, Subscription.id != row.id)
    with app.db.reading() as tx:
        return tx.exec(select(Subscription.id).where(*others)).first() is not None


def _claimed(app: App, connection: Connection, only: Sequence[Any], limit: int) -> Sequence[Row[Any]]:
    now = app.now()
    with app.db.reading() as tx:
        if tx.exec(select(Subscription.id).where(*only, col(Subscription.next_at) <= now).limit(1)).first() is None:
            return []
    try:
        with app.db.transaction() as tx:
            spend(tx, connection.id or 0, budgets_of(connection), now, Purpose.SUBSCRIPTION)
            return claim(tx, Subscription, now, limit=limit, lease=LEASE, only=only)
    except OverBudget:
        return []


def _call(
    app: App, connection: Connection, rows: Sequence[Row[Any]], act: Callable[[Http], None], client: httpx.Client | None
) -> None:
    """Does `act` over an open line; what goes wrong is written to the rows."""
    now = app.now()
    try:
        act(open_line(app, connection, client, purpose=Purpose.SUBSCRIPTION, paid=1))
    except RateLimited as error:
        with app.db.transaction() as tx:
            mine = col(Connection.id) == connection.id
            tx.exec(update(Connection).where(mine).values(paused_until=now + error.after))
            _later(tx, rows, now + error.after, str(error))
    # Credentials that track may not be allowed to subscribe: polls say whether a connection is well.
    except (Refused, BadCredentials, CannotDecrypt) as error:
        with app.db.transaction() as tx:
            for row in rows:
                _write_refusal(tx, row, str(error) or type(error).__name__, now)
    except Exception as error:
        if is_outage(error):
            raise
        is_ours = not isinstance(error, CarrierError)
        log.warning("subscribe_failed", carrier=connection.carrier, kind=type(error).__name__, exc_info=is_ours)
        with app.db.transaction() as tx:
            words = f"{type(error).__name__}: {error}" if not is_ours else f"adapter failed: {type(error).__name__}"
            _later(tx, rows, now + backoff(max(row.tries for row in rows)), words)


def _write_answer(tx: Session, account: Account, row: Row[Any], made: Subscribed | None, now: datetime) -> None:
    if made is None:
        _later(tx, [row], now + backoff(row.tries), "the answer does not name it")
        return
    if made.refused:
        _write_refusal(tx, row, made.refused, now)
        return
    life = account.carrier.about.subscription_life
    expires_at = made.expires_at or (now + life if life else None)
    waits = isinstance(account.carrier, Activates) and not _is_shaken(tx, account.id, made.ref)
    renewal = None if expires_at is None else expires_at - (expires_at - now) * RENEW_IN_LAST
    values = {
        "state": "waiting" if waits else "active",
        "ref": made.ref[:500],
        "terms": account.terms,
        "subscribed_at": now,
        "expires_at": expires_at,
        "next_at": now + HANDSHAKE_WAIT if waits else renewal,
        "dead_at": None,
        "tries": 0,
        "error": "",
    }
    _set(tx, row, values)


def _write_refusal(tx: Session, row: Row[Any], words: str, now: datetime) -> None:
    """Asked again later and later, then no more. What still runs goes on until it ends."""
    still_runs = row.state == "active" and (row.expires_at is None or row.expires_at > now)
    values: dict[str, Any] = {"state": row.state if still_runs or row.state == "ending" else "refused"}
    if row.tries <= len(REFUSAL_WAITS):
        values["next_at"] = now + REFUSAL_WAITS[row.tries - 1]
    elif row.state == "ending":
        tx.exec(delete(Subscription).where(col(Subscription.id) == row.id))
        return
    else:
        values |= {"next_at": None, "dead_at": now}
    _set(tx, row, values | {"error": words[:500]})


def _later(tx: Session, rows: Sequence[Row[Any]], at: datetime, words: str) -> None:
    for row in rows:
        _set(tx, row, {"next_at": at, "error": words[:500]})


def _set(tx: Session, row: Row[Any], values: dict[str, Any]) -> None:
    """Unless somebody has decided otherwise meanwhile: the lease is then no longer ours."""
    mine = (col(Subscription.id) == row.id, col(Subscription.next_at) == row.next_at)
    tx.exec(update(Subscription).where(*mine).values(**values))


def _shake_hands(app: App, client: httpx.Client | None) -> int:
    """Gives back what carriers want to hear before they push, but only for subscriptions that are ours."""
    with app.db.transaction() as tx:
        rows = claim(tx, Handshake, app.now(), limit=20, lease=LEASE)
    for row in rows:
        _shake_one(app, row, client)
    return len(rows)


def _shake_one(app: App, row: Row[Any], client: httpx.Client | None) -> None:
    now = app.now()
    with app.db.reading() as tx:
        connection = tx.get_one(Connection, row.connection_id)
        tx.expunge_all()
    carrier = all_carriers().get(connection.carrier)
    fault, is_final = "", False
    if not isinstance(carrier, Activates):
        fault, is_final = "this carrier needs no handshake", True
    elif not _is_ours(app, row):
        fault = "no subscription of ours has this reference"  # yet: its answer may be on the way
    else:
        try:
            challenge = app.keys.open(row.challenge, challenge_place(row.connection_id)).get("challenge", "")
            with app.db.transaction() as tx:
                spend(tx, row.connection_id, budgets_of(connection), now, Purpose.SUBSCRIPTION, must=True)
            http = open_line(app, connection, client, purpose=Purpose.SUBSCRIPTION, paid=1)
            carrier.activate(http, row.ref, challenge)
        except (CarrierError, CannotDecrypt) as error:
            fault, is_final = f"{type(error).__name__}: {error}", isinstance(error, Refused | CannotDecrypt)
        except Exception as error:
            if is_outage(error):
                raise
            log.error("activate_failed", carrier=connection.carrier, exc_info=error)
            fault = f"adapter failed: {type(error).__name__}"
    with app.db.transaction() as tx:
        if fault:
            failed(tx, Handshake, row, now, fault, final=is_final)
            return
        done(tx, Handshake, row.id, now)
        _activate(tx, row, now)


def _activate(tx: Session, shaken: Row[Any], now: datetime) -> None:
    mine = (Subscription.connection_id == shaken.connection_id, Subscription.ref == shaken.ref)
    for row in tx.exec(select(Subscription).where(*mine, Subscription.state == "waiting")).all():
        row.state = "active"
        left = row.expires_at - now if row.expires_at else None
        row.next_at = None if left is None else now + left * (1 - RENEW_IN_LAST)


def _is_ours(app: App, row: Row[Any]) -> bool:
    mine = (Subscription.connection_id == row.connection_id, Subscription.ref == row.ref)
    with app.db.reading() as tx:
        return bool(row.ref) and tx.exec(select(Subscription.id).where(*mine)).first() is not None


def _is_shaken(tx: Session, connection_id: int, ref: str) -> bool:
    """Whether the handshake of this very subscription is done already."""
    mine = (Handshake.connection_id == connection_id, Handshake.ref == ref)
    return tx.exec(select(Handshake.id).where(*mine, col(Handshake.done_at).is_not(None))).first() is not None
