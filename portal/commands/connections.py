"""connection: the accounts with carriers, from the first day to the last."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from portal.audit import SYSTEM, record
from portal.commands.terminal import Stop, brand_named, opened, say, tell, usage
from portal.tables import Connection

if TYPE_CHECKING:
    from sqlmodel.sql.expression import SelectOfScalar

    from carriers.contract import About
    from portal.app import App


def add(carrier: str, name: str, brand: str, given: list[str]) -> None:
    """A new account with a carrier. Secret fields come from the environment or a prompt, never from the arguments."""
    from carriers.registry import all_carriers
    from portal.connections import create_connection, fields_of, hook_addresses

    if carrier not in all_carriers():
        usage(f"there is no carrier {carrier!r}; known: {', '.join(all_carriers())}")
    about = all_carriers()[carrier].about
    fields = _given(about, given)
    for field in fields_of(about):
        if field.name not in fields:
            fields[field.name] = _value(field.name, field.label, field.secret, field.required, field.default)
    with opened() as app:
        brand_id = brand_named(app, brand).id if brand else None
        _check(app, about, fields)
        try:
            with app.db.transaction() as tx:
                filled = {key: value for key, value in fields.items() if value}
                row = create_connection(
                    tx,
                    app.keys,
                    carrier=carrier,
                    name=name or about.name,
                    brand_id=brand_id,
                    fields=filled,
                    now=app.now(),
                )
                _note(tx, app, "added", row)
        except ValueError as error:
            raise Stop(str(error)) from None
        address = hook_addresses(app, row)[0]
    say(f"connection {row.name} ({carrier})")
    say(f"webhook address: {address}")


def show_all() -> None:
    """One line per account, with its state and where its webhooks go."""
    from portal.connections import hook_path

    with opened() as app, app.db.reading() as tx:
        slugs = {brand.id: brand.slug for brand in app.brands.all()}
        for row in tx.exec(_in_use()):
            whose = slugs.get(row.brand_id, "every brand")
            say(f"{row.public_id}  {row.carrier:<12} {row.name:<20} {whose:<16} {row.state:<16} {hook_path(row)}")


def change(which: str, name: str, given: list[str], secret: list[str], forget: list[str]) -> None:
    """Replaces what is named and keeps the rest."""
    from carriers.registry import all_carriers
    from portal.connections import change_connection, fields_of
    from portal.keys import CannotDecrypt

    with opened() as app:
        known = _named(app, which)
        about = all_carriers()[known.carrier].about
        labels = {field.name: field.label for field in fields_of(about) if field.secret}
        if unknown := [field for field in secret if field not in labels]:
            usage(f"{about.name} has no secret {', '.join(unknown)}; it has: {', '.join(labels) or 'none'}")
        fields = {key: str(value) for key, value in known.config.items() if key not in forget}
        fields |= _given(about, given)
        fields |= {field: _value(field, labels[field], True, True, "") for field in secret}
        stays = set(known.secrets_set) - set(forget)
        _check(app, about, fields, stays)
        try:
            with app.db.transaction() as tx:
                row = tx.get_one(Connection, known.id)
                new_name = name or row.name
                changed = change_connection(
                    tx, app.keys, row, name=new_name, fields=fields, forget=forget, now=app.now()
                )
                _note(tx, app, "changed", row, fields=", ".join(changed))
        except CannotDecrypt:
            raise Stop("the secrets that would stay open with none of the keys here; give all with --secret") from None
        except ValueError as error:
            raise Stop(str(error)) from None
    say(f"connection {row.name}: changed {', '.join(changed) or 'nothing'}")


def test(which: str, number: str) -> None:
    """One line per part. Exit 1 when one of them does not work."""
    from portal.tracking.trial import PARTS, examine

    marks = {"ok": " ok ", "bad": "FAIL", "open": "  ? "}
    with opened() as app:
        findings = examine(app, _named(app, which), number)
    for finding in findings:
        say(f"{marks[finding.mark]}  {PARTS[finding.part]}: {finding}")
    if any(finding.mark == "bad" for finding in findings):
        raise Stop("not all of it works")


def switch(which: str, *, on: bool) -> None:
    """On or off."""
    from portal import connections

    with opened() as app:
        known = _named(app, which)
        with app.db.transaction() as tx:
            row = tx.get_one(Connection, known.id)
            if connections.switch(tx, row, on):
                _note(tx, app, "enabled" if on else "disabled", row)
    say(f"connection {row.name} is {'on' if on else 'off'}")


def remove(which: str, *, yes: bool) -> None:
    """Says what becomes of its parcels, asks, and removes it."""
    import typer

    from portal.connections import leaving, remove_connection
    from portal.refusal import Refusal

    with opened() as app:
        known = _named(app, which)
        with app.db.reading() as tx:
            told = leaving(tx, known)
        say(f"{told.handed_on} parcels under way are followed through another account with this carrier")
        say(f"{told.left_alone} parcels under way are followed by nobody from then on")
        for brand in told.brands:
            say(f"{brand} has no account for return labels any more")
        if not yes and not typer.confirm(f"Remove {known.name} and its secrets?", default=False, err=True):
            raise Stop("nothing was changed")
        try:
            with app.db.transaction() as tx:
                row = tx.get_one(Connection, known.id)
                remove_connection(tx, row, app.now())
                _note(tx, app, "removed", row, left_alone=told.left_alone)
        except Refusal as refusal:
            if refusal.code == "not_found":
                raise Stop("somebody else has just removed it") from None
            raise Stop("labels are being bought or given back through it; try again when they are done") from None
    say(f"connection {row.name} is removed")
    if told.left_alone:
        tell(f"connect {row.carrier} again, and its parcels are followed again")


def _named(app: App, which: str) -> Connection:
    """The account with this id, or the only one with this name or carrier; else the end of the command."""
    with app.db.reading() as tx:
        rows = list(tx.exec(_in_use()))
        tx.expunge_all()
    kinds = (
        [row for row in rows if row.public_id == which],
        [row for row in rows if row.name.casefold() == which.casefold()],
        [row for row in rows if row.carrier == which],
    )
    found: list[Connection] = next(filter(None, kinds), [])
    if len(found) == 1:
        return found[0]
    if found:
        usage(f"there are several connections {which!r}; choose one by its id: {_ids(found)}")
    usage(f"there is no connection {which!r}; known: {_ids(rows) or 'none yet; see doorstep connection add --help'}")


def _ids(rows: list[Connection]) -> str:
    return ", ".join(f"{row.public_id} ({row.carrier}, {row.name})" for row in rows)


def _in_use() -> SelectOfScalar[Connection]:
    return select(Connection).where(col(Connection.removed_at).is_(None)).order_by(col(Connection.id))


def _given(about: About, given: list[str]) -> dict[str, str]:
    """The fields of --set. Ends the command where one of them is secret."""
    fields = dict(_pair(item) for item in given)
    for field in about.fields:
        if field.secret and field.name in fields:
            usage(
                f"{field.name} is secret: set {_variable(field.name)} in the environment, or leave it to be asked for"
            )
    return fields


def _check(app: App, about: About, fields: dict[str, str], kept: Collection[str] = ()) -> None:
    from portal.connections import faults_of

    words = {"missing": "is missing", "too_long": "is too long", "wrong": "cannot be used"}
    faults = faults_of(app, about, fields, kept)
    if faults:
        raise Stop(*(f"{name}: {words.get(fault, fault)}" for name, fault in faults.items()))


def _note(tx: Session, app: App, act: str, row: Connection, **facts: str | int) -> None:
    told: dict[str, Any] = {"carrier": row.carrier, "name": row.name, **facts}
    record(tx, f"connection.{act}", SYSTEM, app.now(), brand_id=row.brand_id, **told)


def _pair(item: str) -> tuple[str, str]:
    key, equals, value = item.partition("=")
    if not equals or not key:
        usage(f"--set {item!r} must look like name=value")
    return key, value


def _variable(field: str) -> str:
    return f"DOORSTEP_CONNECTION_{field.upper()}"


def _value(name: str, label: str, secret: bool, required: bool, default: str) -> str:
    told = os.environ.get(_variable(name), "")
    if told or not required or default or not sys.stdin.isatty():
        return told or default
    return getpass.getpass(f"{label}: ") if secret else input(f"{label}: ")
