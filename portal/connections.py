"""Accounts with carriers: making, changing, switching off and removing one; reading its secrets and its address."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, delete, func, or_, select, update

from carriers.contract import ENVIRONMENT, About, Field, Labels, Tracks
from carriers.errors import BadCredentials
from carriers.registry import all_carriers
from carriers.status import FINAL
from portal.app import App
from portal.folders import check_folder
from portal.keys import Keys
from portal.refusal import Refusal
from portal.tables import Brand, Connection, ConnectionTrial, Label, Shipment, Subscription
from portal.tracking.locks import lock_parcels

HOOK_SECRET = "webhook_secret"  # noqa: S105  (the name of a field)
MAX_NAME: Final = 80
# How long a carrier is asked to end what it pushes to a removed connection.
ENDING: Final = timedelta(days=1)
MAX_VALUE: Final = 4000

# Understood for every carrier, beside its own fields.
_EXPERT: Final = (
    Field(
        "base_url",
        "Address of the API",
        "Only where the carrier gave you an address of your own. It must start with https://.",
        required=False,
    ),
    Field(
        "calls_per_second",
        "Calls a second",
        "Only where your contract says another figure than the one this program keeps to.",
        required=False,
    ),
    Field("calls_per_hour", "Calls an hour", "The same for an hour.", required=False),
    Field("calls_per_day", "Calls a day", "The same for a day.", required=False),
    Field(
        "hook_rate",
        "Webhooks a second",
        "How many deliveries are taken before the carrier is asked to come again later.",
        required=False,
    ),
)
_FIGURE: Final = re.compile(r"[1-9][0-9]{0,7}")
_FIGURES: Final = frozenset({"calls_per_second", "calls_per_hour", "calls_per_day", "hook_rate"})


def fields_of(about: About) -> list[Field]:
    """What an operator fills in for this carrier: its own fields, and the environment where it has a sandbox."""
    names = {field.name for field in about.fields}
    has_choice = bool(about.sandbox) and "environment" not in names
    return [*about.fields, *([ENVIRONMENT] if has_choice else []), *_needed_address(about, names)]


def expert_fields_of(about: About) -> list[Field]:
    """What few operators ever fill in."""
    names = {field.name for field in fields_of(about)}
    known = _EXPERT if _is_called(about) else [field for field in _EXPERT if field.name == "hook_rate"]
    return [field for field in known if field.name not in names]


def _needed_address(about: About, names: Collection[str]) -> list[Field]:
    """A carrier without a host of its own has to be told where it is."""
    if about.live or "base_url" in names or not _is_called(about):
        return []
    return [Field("base_url", "Address of the API", "It must start with https://.")]


def _is_called(about: About) -> bool:
    """Whether there is an API that we call; some carriers only come in files, or are people here."""
    carrier = all_carriers().get(about.slug)
    return carrier is None or isinstance(carrier, Tracks | Labels)


def faults_of(app: App, about: About, fields: Mapping[str, str], kept: Collection[str] = ()) -> dict[str, str]:
    """What is wrong with filled-in fields, by field: "missing", "too_long", "wrong", or words that say more.

    `kept` are the secrets that are stored and stay.
    """
    faults = {}
    for field in (*fields_of(about), *expert_fields_of(about)):
        value = fields.get(field.name, "")
        if fault := _fault(app, field, value, field.name in kept):
            faults[field.name] = fault
    return faults


def _fault(app: App, field: Field, value: str, is_kept: bool) -> str:
    if not value:
        return "missing" if field.required and not field.default and not is_kept else ""
    if len(value) > MAX_VALUE:
        return "too_long"
    if not value.isprintable() and not (field.secret and value.replace("\n", "").replace("\r", "").isprintable()):
        return "wrong"
    if field.choices and value not in field.choices:
        return f"must be one of {', '.join(field.choices)}"
    if field.fault and (words := field.fault(value)):
        return words
    if field.name in _FIGURES and not _FIGURE.fullmatch(value):
        return "wrong"
    if field.name == "folder":
        return check_folder(app.settings, value)
    return check_address(app, value) if field.name == "base_url" else ""


def create_connection(
    tx: Session,
    keys: Keys,
    *,
    carrier: str,
    name: str,
    brand_id: int | None,
    fields: Mapping[str, str],
    now: datetime,
    hook_token: str = "",
) -> Connection:
    """A new account. `fields` are those of `about.fields`; secret ones are sealed, the others kept in the clear.

    Raises KeyError for an unknown carrier and ValueError naming the fields that are missing or unknown. The fields of
    `expert_fields_of` and `environment` are understood for every carrier.
    """
    about = all_carriers()[carrier].about
    filled = {f.name: f.default for f in about.fields if f.default} | {k: v for k, v in fields.items() if v}
    _check_names(about, filled, {})
    row = Connection(brand_id=brand_id, carrier=carrier, name=name, created_at=now)
    if hook_token:
        row.hook_token = hook_token
    tx.add(row)
    tx.flush()  # the id is part of what the ciphertext is bound to
    _fill(keys, row, about, filled, {}, now)
    tx.flush()
    _adopt(tx, row, now)
    return row


def change_connection(
    tx: Session,
    keys: Keys,
    row: Connection,
    *,
    name: str,
    fields: Mapping[str, str],
    forget: Collection[str] = (),
    now: datetime,
) -> list[str]:
    """Replaces name and fields. A secret that is not in `fields` stays, unless `forget` names it. Returns what changed.

    Whatever kept it from being used before is forgotten: it is tried again at once. Raises ValueError as creating
    does, CannotDecrypt where stored secrets would have to stay and cannot be read.
    """
    about = all_carriers()[row.carrier].about
    secret = _secret_names(about)
    defaults = {field.name: field.default for field in about.fields if field.default and not field.secret}
    given = defaults | {key: value for key, value in fields.items() if value}
    new_secrets = secret & given.keys()
    # One who fills in every secret anew needs none of the old ones, and the key that sealed them may be lost.
    stays = set(row.secrets_set) - new_secrets - set(forget)
    kept = {k: v for k, v in keys.open(row.secrets, secrets_place(row)).items() if k in stays} if stays else {}
    _check_names(about, given, kept)
    before = dict(row.config)
    _fill(keys, row, about, given, kept, now)
    changed = {key for key in before.keys() | row.config.keys() if before.get(key) != row.config.get(key)}
    changed |= new_secrets | (set(forget) & secret) | ({"name"} if name != row.name else set())
    row.name = name
    if row.state != "disabled":
        _refresh(row)
    tx.flush()
    return sorted(changed)


def switch(tx: Session, row: Connection, on: bool) -> bool:
    """Off: not polled, its webhooks are not taken, its parcels keep their story. False where it stood so already."""
    if on == (row.state != "disabled"):
        return False
    _refresh(row)
    row.state = "ok" if on else "disabled"
    tx.flush()
    return True


@dataclass(frozen=True, slots=True)
class Leaving:
    """What removing a connection does, before or after it is done.

    `handed_on` unfinished parcels are followed through another connection of the same carrier from then on,
    `left_alone` are followed by nobody. `brands` are those that buy return labels with it.
    """

    handed_on: int
    left_alone: int
    brands: tuple[str, ...]


def leaving(tx: Session, row: Connection) -> Leaving:
    """What `remove_connection` would do."""
    counts = _unfinished(tx, row)
    heirs = {brand_id: _heir(tx, row, brand_id) for brand_id in counts}
    handed_on = sum(count for brand_id, count in counts.items() if heirs[brand_id])
    brands = tx.exec(select(Brand.name).where(Brand.label_connection_id == row.id).order_by(col(Brand.name))).all()
    return Leaving(handed_on, sum(counts.values()) - handed_on, tuple(brands))


def remove_connection(tx: Session, row: Connection, now: datetime) -> Leaving:
    """Takes it out of use. The row stays for the raw data and labels that refer to it.

    Its secrets are forgotten at once, or by `forget_removed` when the carrier has been told to end what it pushes.
    Raises Refusal labels_in_work while labels are being bought or given back through it, not_found where somebody else
    has just removed it. Call it with the connection not locked yet.
    """
    in_work = Label.connection_id == row.id, col(Label.next_at).is_not(None)
    if tx.exec(select(Label.id).where(*in_work)).first() is not None:
        raise Refusal("labels_in_work", 409)
    told = leaving(tx, row)
    tx.exec(update(Brand).where(col(Brand.label_connection_id) == row.id).values(label_connection_id=None))
    lock_parcels(tx, _is_unfinished(row))
    tx.refresh(row, with_for_update={"key_share": True})
    if row.removed_at:
        raise Refusal("not_found", 404)
    for brand_id in _unfinished(tx, row):
        heir = _heir(tx, row, brand_id)
        mine = _is_unfinished(row), col(Shipment.brand_id) == brand_id
        # Without an heir nobody asks any more; the clock's own look then writes what can still be said.
        values = {"connection_id": heir, "next_at": now} if heir else _LEFT_ALONE | {"delay_at": now}
        tx.exec(update(Shipment).where(*mine).values(**values))
    for trial in tx.exec(select(ConnectionTrial).where(ConnectionTrial.connection_id == row.id)):
        tx.delete(trial)
    subscribed = col(Subscription.connection_id) == row.id
    tx.exec(delete(Subscription).where(subscribed, col(Subscription.ref) == ""))
    row.state, row.state_text = "disabled", ""
    row.removed_at = now
    if tx.exec(select(Subscription.id).where(subscribed)).first() is None:
        _forget(row)
    tx.flush()
    return told


def forget_removed(tx: Session, now: datetime) -> int:
    """Forgets the secrets of removed connections that need them no more: nothing is left to end, or a day is over.

    Returns how many connections they were of.
    """
    gone = col(Connection.removed_at).is_not(None), col(Connection.secrets) != b""
    forgotten = 0
    removed = select(Connection).where(*gone).order_by(col(Connection.id)).with_for_update(key_share=True)
    for row in tx.exec(removed).all():
        left = col(Subscription.connection_id) == row.id
        is_old = row.removed_at is not None and now - row.removed_at > ENDING
        if is_old:
            tx.exec(delete(Subscription).where(left))
        if is_old or tx.exec(select(Subscription.id).where(left)).first() is None:
            _forget(row)
            forgotten += 1
    return forgotten


def _forget(row: Connection) -> None:
    row.secrets, row.secrets_set = b"", {}


_LEFT_ALONE: Final = {"connection_id": None, "next_at": None}


def _unfinished(tx: Session, row: Connection) -> dict[int, int]:
    """Parcels under way that are followed through it, by brand."""
    counted = select(Shipment.brand_id, func.count()).where(_is_unfinished(row)).group_by(col(Shipment.brand_id))
    return {int(brand_id): int(count) for brand_id, count in tx.exec(counted)}


def _is_unfinished(row: Connection) -> ColumnElement[bool]:
    return (col(Shipment.connection_id) == row.id) & col(Shipment.status).not_in(FINAL)


def _heir(tx: Session, row: Connection, brand_id: int) -> int | None:
    """Another connection of the same carrier that may follow this brand's parcels: its own before a shared one."""
    others = (
        Connection.carrier == row.carrier,
        Connection.id != row.id,
        Connection.state != "disabled",
        or_(Connection.brand_id == brand_id, col(Connection.brand_id).is_(None)),
    )
    own_first = col(Connection.brand_id).is_(None), col(Connection.id)
    return tx.exec(select(Connection.id).where(*others).order_by(*own_first)).first()


def _check_names(about: About, filled: Mapping[str, str], kept: Mapping[str, str]) -> None:
    known = {field.name for field in (*fields_of(about), *expert_fields_of(about))} | {"environment"}
    unknown = sorted(set(filled) - known)
    missing = sorted(f.name for f in about.fields if f.required and not (filled.get(f.name) or kept.get(f.name)))
    if unknown or missing:
        raise ValueError("; ".join(_faults(about.name, unknown, missing)))


def _fill(
    keys: Keys, row: Connection, about: About, filled: Mapping[str, str], kept: Mapping[str, str], now: datetime
) -> None:
    """Writes config and secrets; `kept` are the secrets that stay as they are."""
    secret = _secret_names(about)
    fresh = {key: value for key, value in filled.items() if key in secret}
    row.config = {key: value for key, value in filled.items() if key not in secret}
    row.secrets = keys.seal({**kept, **fresh}, secrets_place(row))
    before = row.secrets_set
    row.secrets_set = {key: before[key] for key in kept if key in before} | dict.fromkeys(fresh, now.date().isoformat())


def _secret_names(about: About) -> set[str]:
    return {field.name for field in about.fields if field.secret}


def _refresh(row: Connection) -> None:
    row.state, row.state_text = "ok", ""
    row.failures, row.paused_until = 0, None


def missing_fields(about: About, known: Mapping[str, str]) -> Sequence[str]:
    """Required fields that nobody has filled in, by their labels; `known` as `credentials` gives them."""
    return [field.label for field in fields_of(about) if field.required and not known.get(field.name)]


def secrets_of(app: App, connection: Connection) -> dict[str, str]:
    """The sealed fields. Raises CannotDecrypt."""
    return app.keys.open(connection.secrets, secrets_place(connection))


def credentials(app: App, connection: Connection) -> dict[str, str]:
    """Every field of the account, as adapters read them: what is in the clear and what is sealed."""
    plain = {key: str(value) for key, value in connection.config.items()}
    return plain | secrets_of(app, connection)


def hook_path(connection: Connection) -> str:
    """Where this connection's webhooks go, on any host of ours. It is a secret of a kind: it names the account."""
    return f"/hooks/{connection.carrier}/{connection.hook_token}"


def hook_addresses(app: App, connection: Connection) -> list[str]:
    """The same as addresses that a carrier can be given: one for each brand it serves, any of them will do."""
    origins = [brand.origin for brand in app.brands.all() if connection.brand_id in (None, brand.id)]
    return [f"{origin}{hook_path(connection)}" for origin in origins or ["https://YOUR-HOST"]]


def base_url(app: App, connection: Connection) -> str | None:
    """The operator's own API address, None where the carrier's is used. Raises BadCredentials for one not allowed.

    Only HTTPS; with DOORSTEP_TEST_CARRIERS also plain HTTP, but then to this machine alone.
    """
    url = str(connection.config.get("base_url") or "")
    if fault := check_address(app, url):
        raise BadCredentials(fault)
    return url or None


def check_address(app: App, url: str) -> str:
    """Why an API address is not allowed, in a sentence; empty for one that is, and for none."""
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "the base URL cannot be read"
    if parts.username or parts.password or not host:
        return "the base URL must be https://HOST without a user"
    is_local = _is_loopback(host)
    if is_local and not app.settings.test_carriers:
        return "the base URL is this machine; DOORSTEP_TEST_CARRIERS=true allows that for trials"
    if parts.scheme != "https" and not (is_local and parts.scheme == "http"):
        return "the base URL must start with https://"
    return ""


def _adopt(tx: Session, connection: Connection, now: datetime) -> None:
    """Unfinished parcels of this carrier that nobody follows, imported before the account was, are followed now."""
    orphans = [
        col(Shipment.carrier) == connection.carrier,
        col(Shipment.connection_id).is_(None),
        col(Shipment.status).not_in(FINAL),
    ]
    if connection.brand_id is not None:
        orphans.append(col(Shipment.brand_id) == connection.brand_id)
    lock_parcels(tx, *orphans)
    tx.exec(update(Shipment).where(*orphans).values(connection_id=connection.id, next_at=now))


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _faults(carrier: str, unknown: list[str], missing: list[str]) -> list[str]:
    faults = []
    if missing:
        faults.append(f"{carrier} needs {', '.join(missing)}")
    if unknown:
        faults.append(f"{carrier} has no field {', '.join(unknown)}")
    return faults


def secrets_place(connection: Connection) -> str:
    """What the ciphertext of a connection's secrets is bound to."""
    return f"connection:{connection.id}:secrets"
