"""Accounts with carriers: making one, reading its secrets, opening a line to its API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

from sqlmodel import Session, col, update

from carriers.errors import BadCredentials
from carriers.registry import all_carriers
from carriers.status import FINAL
from portal.app import App
from portal.keys import Keys
from portal.tables import Connection, Shipment

HOOK_SECRET = "webhook_secret"  # noqa: S105  (the name of a field)


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

    Raises KeyError for an unknown carrier and ValueError naming the fields that are missing or unknown. `base_url`,
    `environment` and `hook_rate` are understood for every carrier.
    """
    about = all_carriers()[carrier].about
    known = {field.name: field for field in about.fields}
    unknown = sorted(set(fields) - set(known) - {"base_url", "environment", "hook_rate"})
    missing = sorted(f.name for f in about.fields if f.required and not (fields.get(f.name) or f.default))
    if unknown or missing:
        raise ValueError("; ".join(_faults(about.name, unknown, missing)))
    filled = {f.name: f.default for f in about.fields if f.default} | {k: v for k, v in fields.items() if v}
    secret = {name for name, field in known.items() if field.secret}
    row = Connection(
        brand_id=brand_id,
        carrier=carrier,
        name=name,
        config={key: value for key, value in filled.items() if key not in secret},
        created_at=now,
    )
    if hook_token:
        row.hook_token = hook_token
    tx.add(row)
    tx.flush()  # the id is part of what the ciphertext is bound to
    row.secrets = keys.seal({key: value for key, value in filled.items() if key in secret}, _place(row))
    tx.flush()
    _adopt(tx, row, now)
    return row


def secrets_of(app: App, connection: Connection) -> dict[str, str]:
    """The sealed fields. Raises CannotDecrypt."""
    return app.keys.open(connection.secrets, _place(connection))


def credentials(app: App, connection: Connection) -> dict[str, str]:
    """Every field of the account, as adapters read them: what is in the clear and what is sealed."""
    plain = {key: str(value) for key, value in connection.config.items()}
    return plain | secrets_of(app, connection)


def base_url(app: App, connection: Connection) -> str | None:
    """The operator's own API address, None where the carrier's is used. Raises BadCredentials for one not allowed.

    Only HTTPS; with DOORSTEP_TEST_CARRIERS also plain HTTP, but then to this machine alone.
    """
    url = str(connection.config.get("base_url") or "")
    if not url:
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise BadCredentials("the base URL cannot be read") from None
    if parts.username or parts.password or not host:
        raise BadCredentials("the base URL must be https://HOST without a user")
    is_local = _is_loopback(host)
    if is_local and not app.settings.test_carriers:
        raise BadCredentials("the base URL is this machine; DOORSTEP_TEST_CARRIERS=true allows that for trials")
    if parts.scheme != "https" and not (is_local and parts.scheme == "http"):
        raise BadCredentials("the base URL must start with https://")
    return url


def _adopt(tx: Session, connection: Connection, now: datetime) -> None:
    """Unfinished parcels of this carrier that nobody follows, imported before the account was, are followed now."""
    orphans = [
        col(Shipment.carrier) == connection.carrier,
        col(Shipment.connection_id).is_(None),
        col(Shipment.status).not_in(FINAL),
    ]
    if connection.brand_id is not None:
        orphans.append(col(Shipment.brand_id) == connection.brand_id)
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


def _place(connection: Connection) -> str:
    return f"connection:{connection.id}:secrets"
