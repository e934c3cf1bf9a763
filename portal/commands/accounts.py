"""brand and agent: setting up who sells and who works here."""

from __future__ import annotations

import getpass
import json
import secrets
import sys
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlmodel import Session, col, func, select

from portal.app import App
from portal.commands.terminal import NOT_UNDERSTOOD, Stop, brand_named, opened, read_file, say, tell, usage
from portal.tables import Agent, Brand, Connection, PolicyVersion

DEFAULT_POLICY: list[dict[str, Any]] = [
    {"rule": "window", "options": {"days": 30}},
    {"rule": "final_sale", "options": {}},
    {"rule": "quantity", "options": {}},
]


class ReturnAddress(BaseModel):
    """Where returns go."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1)
    lines: list[str] = Field(min_length=1)
    city: str = Field(min_length=1)
    postcode: str
    country: str = Field(pattern="^[A-Z]{2}$")
    region: str = ""
    company: str = ""
    phone: str = ""
    email: str = ""


class BrandFile(BaseModel):
    """What a brand file may say; docs/cli.md lists it with examples. Everything may be left out."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(None, min_length=1, max_length=80)
    host: str | None = Field(None, pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", max_length=253)
    origin: str | None = Field(None, pattern=r"^https?://[^/\s]+$")
    sender_name: str | None = Field(None, max_length=80)
    sender_email: str | None = Field(None, pattern=r"^[^@\s]+@[^@\s]+$")
    reply_to: str | None = None
    zone: str | None = None
    locale: str | None = Field(None, pattern=r"^[a-z]{2,3}([_-][A-Za-z]+)*$")
    sheet: str | None = Field(None, pattern="^(a4|letter)$")
    theme: dict[str, Any] | None = None
    voice: dict[str, str] | None = None
    links: dict[str, str] | None = None
    support: dict[str, str] | None = None
    return_address: ReturnAddress | None = None
    label_connection: str | None = Field(None, description="name of the connection that sells return labels")
    policy: list[dict[str, Any]] | None = Field(None, description="rules of the returns policy, a new version")


def add_brand(slug: str, path: str, given: dict[str, str]) -> None:
    """A new brand from options and an optional file; what neither says gets a plain default."""
    if not slug.replace("-", "").isalnum() or not slug.isascii() or slug != slug.lower():
        usage("the slug must be lower-case letters, digits and dashes")
    wanted = _read(path, {key: value for key, value in given.items() if value})
    if not (wanted.name and wanted.host and wanted.sender_email):
        usage("a brand needs --name, --host and --sender-email, or a file that says them")
    with opened() as app, app.db.transaction() as tx:
        if tx.exec(select(Brand.id).where(Brand.slug == slug)).first():
            raise Stop(f"there is a brand {slug!r} already; change it with: doorstep brand set {slug} FILE")
        brand = Brand(
            slug=slug,
            name=wanted.name,
            host=wanted.host,
            origin=f"{'https' if app.settings.https else 'http'}://{wanted.host}",
            theme={},
            sender_name=wanted.name,
            sender_email=wanted.sender_email,
            return_address={},
            created_at=app.now(),
        )
        _apply(tx, app, brand, wanted)
        if wanted.policy is None:
            _add_policy(tx, app, brand, DEFAULT_POLICY)
    say(f"brand {slug}: {brand.origin}")
    if not brand.return_address:
        tell("it has no return address yet, so no return labels can be bought: doorstep brand set --help")


def set_brand(slug: str, path: str) -> None:
    """Changes what the file says, leaves the rest. A policy becomes a new version."""
    wanted = _read(path, {})
    with opened() as app:
        known = brand_named(app, slug)
        with app.db.transaction() as tx:
            _apply(tx, app, tx.get_one(Brand, known.id), wanted)
    say(f"brand {slug}: changed {', '.join(sorted(wanted.model_fields_set)) or 'nothing'}")


def list_brands() -> None:
    """One line per brand."""
    with opened() as app:
        for brand in app.brands.all():
            say(f"{brand.slug:<16} {brand.name:<24} {brand.origin}")


def _read(path: str, given: dict[str, str]) -> BrandFile:
    told: Any = {}
    if path:
        try:
            told = json.loads(read_file(path))
        except ValueError as error:
            raise Stop(f"{path} is not JSON: {error}", code=NOT_UNDERSTOOD) from None
        except RecursionError:
            raise Stop(f"{path} is nested too deeply to be a brand", code=NOT_UNDERSTOOD) from None
    try:
        return BrandFile.model_validate({**told, **given} if isinstance(told, dict) else told)
    except ValidationError as error:
        raise Stop(*(f"{'.'.join(map(str, e['loc'])) or path}: {_words(dict(e))}" for e in error.errors())) from None


def _words(error: dict[str, Any]) -> str:
    """pydantic's finding in our words."""
    words = {
        "missing": "is missing",
        "extra_forbidden": "is no field of a brand; docs/cli.md lists them",
        "model_type": "must be an object: {...}",
        "dict_type": "must be an object: {...}",
        "list_type": "must be a list: [...]",
        "string_type": "must be text in quotes",
        "string_pattern_mismatch": "is not spelt as docs/cli.md shows it",
        "string_too_short": "must not be empty",
    }
    message = str(error["msg"])
    return words.get(str(error["type"]), message[:1].lower() + message[1:])


def _apply(tx: Session, app: App, brand: Brand, wanted: BrandFile) -> None:
    faults = list(_faults(wanted))
    if faults:
        raise Stop(*faults)
    values = wanted.model_dump(exclude_unset=True, exclude_none=True, exclude={"policy", "label_connection"})
    for key, value in values.items():
        setattr(brand, key, value)
    tx.add(brand)
    tx.flush()
    if wanted.label_connection:
        query = select(Connection).where(Connection.name == wanted.label_connection)
        found = [c for c in tx.exec(query) if c.brand_id in (brand.id, None)]
        if not found:
            raise Stop(f"there is no connection named {wanted.label_connection!r} for this brand")
        brand.label_connection_id = found[0].id
    if wanted.policy is not None:
        _add_policy(tx, app, brand, wanted.policy)


def _faults(wanted: BrandFile) -> list[str]:
    from zoneinfo import available_timezones

    from portal.theme.tokens import check_tokens

    faults = []
    if wanted.zone and wanted.zone not in available_timezones():
        faults.append(f"zone: {wanted.zone!r} is no time zone; write one such as Europe/Berlin")
    for token, words in check_tokens(wanted.theme or {})[1].items():
        faults.append(f"theme.{token} {words}")
    for key, link in (wanted.links or {}).items():
        if not link.startswith("https://"):
            faults.append(f"links.{key} must start with https://")
    return faults


def _add_policy(tx: Session, app: App, brand: Brand, rules: list[dict[str, Any]]) -> None:
    from returns.policy import BadPolicy, read_policy

    newest = tx.exec(select(func.max(PolicyVersion.version)).where(PolicyVersion.brand_id == brand.id)).one()
    version = (newest or 0) + 1
    body = {"version": version, "rules": rules}
    try:
        read_policy(body)
    except BadPolicy as error:
        raise Stop(*(f"policy: {fault}" for fault in error.faults)) from None
    tx.add(PolicyVersion(brand_id=brand.id or 0, version=version, body=body, created_at=app.now()))


def add_agent(email: str, name: str, brand: str, *, generate: bool) -> None:
    """A new agent. The password is asked for twice, read from stdin where nobody types, or made and shown once."""
    from portal.agents import BadAgent, create_agent

    with opened() as app:
        brand_id = brand_named(app, brand).id if brand else None
        password = secrets.token_urlsafe(18) if generate else _ask_password()
        try:
            with app.db.transaction() as tx:
                create_agent(tx, email, name or email.partition("@")[0], password, brand_id, app.now())
        except BadAgent as error:
            raise Stop(*error.faults) from None
    say(f"agent {email}: {brand or 'every brand'}")
    if generate:
        say(f"password, shown this once: {password}")


def list_agents() -> None:
    """One line per agent."""
    with opened() as app, app.db.reading() as tx:
        slugs = {brand.id: brand.slug for brand in app.brands.all()}
        for agent in tx.exec(select(Agent).order_by(col(Agent.email))):
            state = "disabled" if agent.disabled_at else "active"
            say(f"{agent.email:<32} {agent.name:<24} {slugs.get(agent.brand_id, 'every brand'):<16} {state}")


def _ask_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password: ")
    if password != getpass.getpass("The same again: "):
        raise Stop("the two do not match")
    return password
