"""Tests a connection by real calls: what of it works, in plain words. Buys nothing, and ends within a minute."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import httpx
import structlog
from sqlalchemy import and_, true
from sqlmodel import Session, col, delete, func, select, update

from carriers.auth import MemoryTokens
from carriers.contract import Answer, Authorises, Carrier, Hooked, Labels, ReadsFiles, Subscribes, Tracks
from carriers.errors import BadCredentials, BadPayload, CarrierError, RateLimited, Unavailable, UnknownNumber
from carriers.gateway import read_answer
from carriers.http import Http, Renews
from carriers.registry import all_carriers
from portal.app import App
from portal.claim import claim, done, failed
from portal.connections import HOOK_SECRET, check_address, credentials, hook_addresses, missing_fields, secrets_of
from portal.db import is_outage
from portal.keys import CannotDecrypt
from portal.tables import Connection, ConnectionTrial, Label, Shipment, Subscription
from portal.tracking.budget import OverBudget, Purpose, budgets_of, next_call_at, spend
from portal.tracking.files import FIELD, FolderUnusable, waiting_files
from portal.tracking.line import Meter, open_line
from portal.tracking.numbers import tracking_key

log = structlog.get_logger("portal.trial")

# Of one exchange with the carrier. A test makes four at most: a token, a call, and both again after a 401.
DEADLINE: Final = timedelta(seconds=8)
LEASE: Final = timedelta(seconds=90)
SHORT_WAIT: Final = timedelta(seconds=5)

Mark = Literal["ok", "bad", "open"]  # open: not known, because nothing could be or was tried

# part -> its heading
PARTS: Final[Mapping[str, str]] = {
    "fields": "Fields",
    "token": "Access",
    "tracking": "Tracking",
    "files": "Files",
    "labels": "Return labels",
    "push": "Webhooks",
}

# The sentence of each finding, with named gaps.
WORDS: Final[Mapping[str, str]] = {
    "fields_filled": "Everything that is needed is filled in.",
    "fields_missing": "Not filled in: %(fields)s.",
    "fields_locked": "The stored secrets open with none of the keys here. Fill them in again.",
    "address_wrong": "The address of the API cannot be used: %(text)s.",
    "adapter_missing": "This version has no carrier %(carrier)s.",
    "token_given": "The carrier gave an access token.",
    "token_not_used": "This carrier has no tokens: the key goes with every call. Tracking shows whether it is right.",
    "refused": "The carrier refuses the credentials: %(text)s",
    "pausing": "The carrier asks for a pause of %(seconds)s seconds: %(text)s",
    "unavailable": "The carrier could not be reached: %(text)s",
    "not_understood": "The carrier answered, but not as documented: %(text)s",
    "carrier_says": "The carrier declines: %(text)s",
    "adapter_failed": "This program failed at it (%(kind)s). That is ours to mend.",
    "tracked": "The carrier answers. It knows %(number)s, with %(scans)s scans.",
    "number_unknown": "The carrier answers. It does not know %(number)s.",
    "nothing_said": "The carrier answers, but says nothing about %(number)s.",
    "no_number": "Not tried, because no parcel of yours travels with it yet. Give a tracking number to try it.",
    "over_budget": "Not tried: the calls that the carrier allows are used up until %(until)s.",
    "folder_usable": "The folder can be read and written. Files that wait in it: %(count)s.",
    "folder_unusable": "The folder cannot be used: %(text)s.",
    "folder_missing": "No folder is filled in. What comes, comes by webhook.",
    "label_bought": "The last label was bought on %(on)s.",
    "label_refused": "The last label was refused: %(text)s",
    "label_untried": "Can be bought. None was bought so far, and a test buys nothing.",
    "pushed": "The last delivery that the secret verified came on %(on)s.",
    "pushed_some_refused": "The last delivery that the secret verified came on %(on)s. Refused so far: %(count)s.",
    "hooks_refused": "None of %(count)s deliveries could be verified. The secret here is not the carrier's.",
    "hook_secret_missing": "No secret is filled in, so no delivery can be verified. Polls do all the work.",
    "hook_secret_to_come": "No secret yet. One is made here, and told to the carrier with every subscription.",
    "hook_not_https": "Carriers deliver to https addresses only, and this is none: %(address)s",
    "no_push_asked_for": "No delivery came yet. The carrier is asked for them parcel by parcel, or once for all.",
    "no_push_though_promised": "No delivery came yet, though the carrier has promised them since %(on)s.",
    "no_push_yet": "No delivery came yet. The carrier has to be given the webhook address.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What is so with one part of a connection. `code` is a key of WORDS, `part` one of PARTS."""

    part: str
    mark: Mark
    code: str
    facts: Mapping[str, str | int] = field(default_factory=dict)

    def __str__(self) -> str:
        return WORDS[self.code] % self.facts

    def as_json(self) -> dict[str, Any]:
        """What `connection_trial.findings` holds."""
        return {"part": self.part, "mark": self.mark, "code": self.code, "facts": dict(self.facts)}


def ask_for(tx: Session, connection: Connection, number: str, now: datetime) -> None:
    """Queues a test; the ones before it are forgotten."""
    mine = col(ConnectionTrial.connection_id) == connection.id
    tx.exec(delete(ConnectionTrial).where(mine))
    tx.add(ConnectionTrial(connection_id=connection.id or 0, number=number, created_at=now, next_at=now))


def try_due(app: App) -> int:
    """Carries out one test that somebody asked for. Returns how many."""
    with app.db.transaction() as tx:
        due = claim(tx, ConnectionTrial, app.now(), limit=1, lease=LEASE)
    for row in due:
        try:
            with app.db.reading() as tx:
                connection = tx.get_one(Connection, row.connection_id)
                tx.expunge_all()
            findings = examine(app, connection, row.number)
        except Exception as error:
            if is_outage(error):
                raise
            log.error("trial_failed", connection=row.connection_id, exc_info=error)
            with app.db.transaction() as tx:
                failed(tx, ConnectionTrial, row, app.now(), type(error).__name__, final=True)
            continue
        with app.db.transaction() as tx:
            done(tx, ConnectionTrial, row.id, app.now(), findings=[finding.as_json() for finding in findings])
    return len(due)


def examine(app: App, connection: Connection, number: str = "", *, client: httpx.Client | None = None) -> list[Finding]:
    """Every part of it. Writes down what the carrier said about the credentials, as a poll does; raises nothing."""
    carrier = all_carriers().get(connection.carrier)
    if carrier is None:
        return [Finding("fields", "bad", "adapter_missing", {"carrier": connection.carrier})]
    stored = _stored(app, connection, carrier)
    findings = [stored]
    if stored.mark == "ok" and isinstance(carrier, Tracks | Labels):
        calls = list(_calls(app, connection, carrier, number, client))
        _remember(app, connection, calls)
        findings += calls
    if isinstance(carrier, ReadsFiles):
        findings.append(_files(app, connection))
    if isinstance(carrier, Labels):
        findings.append(_labels(app, connection))
    if isinstance(carrier, Hooked):
        findings.append(_push(app, connection, carrier))
    return findings


def _stored(app: App, connection: Connection, carrier: Carrier) -> Finding:
    try:
        known = credentials(app, connection)
    except CannotDecrypt:
        return Finding("fields", "bad", "fields_locked")
    if missing := missing_fields(carrier.about, known):
        return Finding("fields", "bad", "fields_missing", {"fields": ", ".join(missing)})
    if fault := check_address(app, known.get("base_url", "")):
        return Finding("fields", "bad", "address_wrong", {"text": fault})
    return Finding("fields", "ok", "fields_filled")


def _calls(
    app: App, connection: Connection, carrier: Carrier, number: str, client: httpx.Client | None
) -> Iterator[Finding]:
    """What needs the carrier. Without a token nothing else is tried."""
    try:
        http = _line(app, connection, carrier, client)
    except CarrierError as error:
        yield _trouble("token", error)
        return
    token = _token(http)
    yield token
    if token.mark != "bad" and isinstance(carrier, Tracks):
        yield _tracking(app, connection, carrier, http, number)


def _line(app: App, connection: Connection, carrier: Carrier, client: httpx.Client | None) -> Http:
    """A line of short patience, with a token of its own: a kept one would say nothing about today's credentials."""
    line = replace(open_line(app, connection, client, purpose=Purpose.POLL, paid=1), auth=None, deadline=DEADLINE)
    if not isinstance(carrier, Authorises):
        return line
    for_token = replace(line, on_call=Meter(app, connection, Purpose.TOKEN))
    return replace(line, auth=carrier.auth(for_token, MemoryTokens()))


def _token(http: Http) -> Finding:
    if not isinstance(http.auth, Renews):
        return Finding("token", "open", "token_not_used")
    flow = http.auth.sync_auth_flow(httpx.Request("GET", http.base))
    try:
        next(flow)
    except CarrierError as error:
        return _trouble("token", error)
    except Exception as error:
        if is_outage(error):
            raise
        log.error("trial_token_failed", exc_info=error)
        return Finding("token", "bad", "adapter_failed", {"kind": type(error).__name__})
    finally:
        flow.close()
    return Finding("token", "ok", "token_given")


def _tracking(app: App, connection: Connection, carrier: Tracks, http: Http, number: str) -> Finding:
    number = number or _own_number(app, connection)
    if not number:
        return Finding("tracking", "open", "no_number")
    if until := _waits_until(app, connection):
        return Finding("tracking", "open", "over_budget", {"until": f"{until:%Y-%m-%d %H:%M} UTC"})
    try:
        fetched = carrier.fetch(http, [number])
        return _told(read_answer(carrier, fetched.body, fetched.status).asked_for([number]), number)
    except UnknownNumber:
        return Finding("tracking", "ok", "number_unknown", {"number": number})
    except CarrierError as error:
        return _trouble("tracking", error)
    except Exception as error:
        if is_outage(error):
            raise
        log.error("trial_call_failed", carrier=connection.carrier, exc_info=error)
        return Finding("tracking", "bad", "adapter_failed", {"kind": type(error).__name__})


def _waits_until(app: App, connection: Connection) -> datetime | None:
    """Takes one call from the budgets; None when it may be made, else from when on.

    A wait of seconds is not worth telling anybody: the polls after it make up for it.
    """
    now = app.now()
    for must in (False, True):
        try:
            with app.db.transaction() as tx:
                spend(tx, connection.id or 0, budgets_of(connection), now, must=must)
        except OverBudget:
            with app.db.reading() as tx:
                until = next_call_at(tx, connection, now)
            if until - now > SHORT_WAIT:
                return until
        else:
            return None
    return None


def _told(answer: Answer, number: str) -> Finding:
    key = tracking_key(number)
    for parcel in answer.parcels:
        if tracking_key(parcel.number) == key:
            return Finding("tracking", "ok", "tracked", {"number": number, "scans": len(parcel.scans)})
    if any(tracking_key(unknown) == key for unknown in answer.not_found):
        return Finding("tracking", "ok", "number_unknown", {"number": number})
    if answer.errors:
        text = "; ".join(f"{fault.code}: {fault.text}" if fault.code else fault.text for fault in answer.errors)
        return Finding("tracking", "bad", "carrier_says", {"text": text[:300]})
    return Finding("tracking", "open", "nothing_said", {"number": number})


def _own_number(app: App, connection: Connection) -> str:
    """The parcel of this connection that was scanned last, or else the newest; or else one that it could follow."""
    newest = col(Shipment.last_scan_at).is_(None), col(Shipment.last_scan_at).desc(), col(Shipment.id).desc()
    same_carrier = col(Shipment.carrier) == connection.carrier
    same_brand = true() if connection.brand_id is None else col(Shipment.brand_id) == connection.brand_id
    with app.db.reading() as tx:
        for mine in (col(Shipment.connection_id) == connection.id, and_(same_carrier, same_brand)):
            number = tx.exec(select(Shipment.number).where(mine).order_by(*newest).limit(1)).first()
            if number:
                return number
    return ""


def _trouble(part: str, error: CarrierError) -> Finding:
    text = str(error)[:300] or type(error).__name__
    match error:
        case BadCredentials():
            return Finding(part, "bad", "refused", {"text": text})
        case RateLimited():
            return Finding(part, "bad", "pausing", {"seconds": int(error.after.total_seconds()), "text": text})
        case Unavailable():
            return Finding(part, "bad", "unavailable", {"text": text})
        case BadPayload():
            return Finding(part, "bad", "not_understood", {"text": text})
        case _:
            return Finding(part, "bad", "carrier_says", {"text": text})


def _remember(app: App, connection: Connection, findings: list[Finding]) -> None:
    """Red where the credentials were refused just now; healthy, and asked again at once, where the carrier answered."""
    told = {finding.code: finding for finding in findings}
    now = app.now()
    if refused := told.get("refused"):
        text = str(refused.facts["text"])[:200]
        values: dict[str, Any] = {"state": "bad_credentials", "state_text": text, "last_error_at": now}
    elif told.keys() & {"tracked", "number_unknown"}:
        values = {"state": "ok", "state_text": "", "failures": 0, "paused_until": None}
    else:
        return
    still_on = col(Connection.id) == connection.id, col(Connection.state) != "disabled"
    with app.db.transaction() as tx:
        tx.exec(update(Connection).where(*still_on).values(**values))


def _files(app: App, connection: Connection) -> Finding:
    if not connection.config.get(FIELD):
        return Finding("files", "open", "folder_missing")
    try:
        return Finding("files", "ok", "folder_usable", {"count": waiting_files(app, connection)})
    except (FolderUnusable, OSError) as error:
        return Finding("files", "bad", "folder_unusable", {"text": str(error)[:200]})


def _labels(app: App, connection: Connection) -> Finding:
    """From what happened so far: a purchase is no test."""
    query = select(Label).where(Label.connection_id == connection.id).order_by(col(Label.id).desc()).limit(1)
    with app.db.reading() as tx:
        last = tx.exec(query).first()
    if last is not None and last.state == "refused":
        return Finding("labels", "bad", "label_refused", {"text": last.error or last.state})
    if last is not None and last.carrier_ref:
        bought = last.bought_at or last.created_at
        return Finding("labels", "ok", "label_bought", {"on": bought.date().isoformat()})
    return Finding("labels", "open", "label_untried")


def _push(app: App, connection: Connection, carrier: Carrier) -> Finding:
    asks_secret = any(field.name == HOOK_SECRET for field in carrier.about.fields)
    count = connection.rejected_hooks
    has_secret = not asks_secret or _has_hook_secret(app, connection)
    if not has_secret and not carrier.about.own_hook_secret:
        return Finding("push", "open", "hook_secret_missing")
    if connection.last_push_at:
        on: dict[str, str | int] = {"on": connection.last_push_at.date().isoformat()}
        code = "pushed_some_refused" if count else "pushed"
        return Finding("push", "ok", code, on | ({"count": count} if count else {}))
    if count:
        return Finding("push", "bad", "hooks_refused", {"count": count})
    address = hook_addresses(app, connection)[0]
    if not address.startswith("https://"):
        return Finding("push", "open", "hook_not_https", {"address": address})
    if not has_secret:
        return Finding("push", "open", "hook_secret_to_come")
    if isinstance(carrier, Subscribes):
        since = _subscribed_since(app, connection)
        if since is None:
            return Finding("push", "open", "no_push_asked_for")
        return Finding("push", "open", "no_push_though_promised", {"on": since.date().isoformat()})
    return Finding("push", "open", "no_push_yet")


def _subscribed_since(app: App, connection: Connection) -> datetime | None:
    mine = Subscription.connection_id == connection.id, Subscription.state == "active"
    with app.db.reading() as tx:
        return tx.exec(select(func.min(Subscription.subscribed_at)).where(*mine)).one()


def _has_hook_secret(app: App, connection: Connection) -> bool:
    try:
        return bool(secrets_of(app, connection).get(HOOK_SECRET))
    except CannotDecrypt:
        return False
