"""`doorstep check`: what is wrong with an installation, and how to mend each of it."""

from __future__ import annotations

import smtplib
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import text
from sqlmodel import col, func, select

from portal import migrate
from portal.app import App, build
from portal.db import sqlite_module, wal_is_safe
from portal.settings import Settings, SettingsError, load, unknown_names
from portal.tables import Agent, Brand, Connection, PolicyVersion

SMTP_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing examined. `wrong` must be mended, `note` is worth knowing; `mend` says how."""

    what: str
    words: str
    grade: Literal["right", "note", "wrong"] = "right"
    mend: str = ""

    @property
    def is_wrong(self) -> bool:
        """Whether the installation cannot work as it is."""
        return self.grade == "wrong"

    @property
    def mark(self) -> str:
        """For the first column."""
        return {"right": " ok ", "note": "note", "wrong": "FAIL"}[self.grade]


def examine() -> list[Finding]:
    """Everything, in the order in which it must be mended. Raises nothing."""
    try:
        settings = load()
    except SettingsError as error:
        return [Finding("settings", fault, "wrong", "docs/settings.md lists every setting") for fault in error.faults]
    app = build(settings)
    try:
        return list(_all(app, settings))
    finally:
        app.db.close()


def _all(app: App, settings: Settings) -> Iterator[Finding]:
    yield Finding("settings", "complete")
    for name in unknown_names():
        yield Finding("settings", f"{name} is none", "note", "docs/settings.md lists every setting")
    try:
        with app.db.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        current = migrate.current(app.db)
    except Exception as error:  # whatever the driver says, the finding is the same
        words = str(getattr(error, "orig", error)).strip().splitlines() or [type(error).__name__]
        yield Finding("database", words[0], "wrong", "start it, or mend DOORSTEP_DATABASE_URL")
        return
    yield Finding("database", "PostgreSQL" if app.db.is_postgres else "SQLite")
    if not app.db.is_postgres:
        yield _sqlite()
    if current != migrate.head():
        yield Finding("schema", f"at {current or 'nothing'}, not {migrate.head()}", "wrong", "run: doorstep migrate")
        return
    yield Finding("schema", f"at {current}")
    yield from _brands(app, settings)
    yield from _connections(app)
    yield from _keys(app)
    yield from _agents(app)
    yield mail(settings)
    yield _pdf()


def _sqlite() -> Finding:
    version = sqlite_module().sqlite_version_info
    name = ".".join(map(str, version))
    if wal_is_safe(version):
        return Finding("SQLite", f"{name}, write-ahead log")
    mend = "install the pysqlite3 wheel, or a Python with SQLite 3.51.3 or newer, for more speed"
    return Finding("SQLite", f"{name} can corrupt a write-ahead log, so the slower journal is used", "note", mend)


def _brands(app: App, settings: Settings) -> Iterator[Finding]:
    brands = app.brands.all()
    if not brands:
        yield Finding("brands", "there is none", "wrong", "doorstep brand add --help")
    for brand in brands:
        faults = list(_brand_faults(app, brand, settings))
        for words in faults:
            yield Finding(f"brand {brand.slug}", words, "wrong", f"doorstep brand set {brand.slug} FILE")
        if not faults:
            yield Finding(f"brand {brand.slug}", brand.origin)
        if not brand.label_connection_id or not brand.return_address:
            mend = "doorstep brand set with label_connection and return_address"
            yield Finding(f"brand {brand.slug}", "no return labels can be bought", "note", mend)


def _brand_faults(app: App, brand: Brand, settings: Settings) -> Iterator[str]:
    from zoneinfo import available_timezones

    from portal.brands import host_name
    from portal.theme.tokens import check_tokens
    from returns.policy import BadPolicy, read_policy

    scheme, _, rest = brand.origin.partition("://")
    if host_name(rest) != brand.host:
        yield f"its links lead to {brand.origin}, but it answers to the host {brand.host}"
    if settings.https and scheme != "https":
        yield f"its links are {scheme}, but DOORSTEP_HTTPS is on: cookies would not come back"
    if brand.zone not in available_timezones():
        yield f"{brand.zone!r} is no time zone"
    for token, words in check_tokens(brand.theme)[1].items():
        yield f"theme.{token} {words}"
    with app.db.reading() as tx:
        query = (
            select(PolicyVersion).where(PolicyVersion.brand_id == brand.id).order_by(col(PolicyVersion.version).desc())
        )
        policy = tx.exec(query).first()
    try:
        read_policy(policy.body if policy else None)
    except BadPolicy as error:
        yield f"its policy: {error.faults[0]}"


def _connections(app: App) -> Iterator[Finding]:
    from carriers.errors import BadCredentials
    from carriers.registry import all_carriers
    from portal.connections import base_url, credentials, missing_fields
    from portal.keys import CannotDecrypt

    with app.db.reading() as tx:
        in_use = select(Connection).where(col(Connection.removed_at).is_(None))
        rows = list(tx.exec(in_use.order_by(col(Connection.id))))
    if not rows:
        yield Finding("connections", "none: no parcel is followed", "note", "doorstep connection add --help")
    for row in rows:
        what = f"connection {row.name}"
        carrier = all_carriers().get(row.carrier)
        if carrier is None:
            yield Finding(what, f"there is no carrier {row.carrier!r}", "wrong", "install the version that has it")
            continue
        try:
            known = credentials(app, row)
            base_url(app, row)
        except CannotDecrypt:
            mend = "restore DOORSTEP_SECRET_KEY"
            yield Finding(what, "its secrets do not open with this key", "wrong", mend)
            continue
        except BadCredentials as error:
            yield Finding(what, str(error), "wrong", f"doorstep connection set {row.public_id} --set base_url=…")
            continue
        missing = missing_fields(carrier.about, known)
        if missing:
            yield Finding(what, f"{', '.join(missing)} missing", "wrong", f"doorstep connection set {row.public_id}")
        elif row.state == "disabled":
            yield Finding(what, "switched off", "note", f"doorstep connection enable {row.public_id}")
        elif row.state != "ok":
            mend = f"doorstep connection test {row.public_id}, then doorstep connection set"
            yield Finding(what, f"{row.state}: {row.state_text}", "wrong", mend)
        else:
            yield Finding(what, carrier.about.name)


def _keys(app: App) -> Iterator[Finding]:
    """Says nothing while one key is enough."""
    from portal.rotation import rotate

    found = rotate(app, only_look=True)
    if found.sealed:
        words = f"{found.sealed} are still sealed with an earlier key"
        yield Finding("secrets", words, "note", "run: doorstep keys rotate")
    elif app.keys.further:
        yield Finding("secrets", "no earlier key is needed any more", "note", "empty DOORSTEP_FURTHER_SECRET_KEYS")


def _agents(app: App) -> Iterator[Finding]:
    with app.db.reading() as tx:
        active = tx.exec(select(func.count()).select_from(Agent).where(col(Agent.disabled_at).is_(None))).one()
    if active:
        yield Finding("agents", f"{active} may sign in")
    else:
        yield Finding("agents", "nobody can sign in to the console", "wrong", "doorstep agent add --help")


def mail(settings: Settings) -> Finding:
    """Connects to the mail relay, encrypts and signs in as configured; sends nothing."""
    place = f"{settings.smtp_host}:{settings.smtp_port}"
    try:
        _greet(settings)
    except smtplib.SMTPAuthenticationError:
        mend = "mend DOORSTEP_SMTP_USER and DOORSTEP_SMTP_PASSWORD"
        return Finding("mail", f"{place} refuses the user", "wrong", mend)
    except smtplib.SMTPNotSupportedError:
        mend = "choose DOORSTEP_SMTP_TLS=tls or none, or another port"
        return Finding("mail", f"{place} offers no STARTTLS or no sign-in", "wrong", mend)
    except (OSError, smtplib.SMTPException) as error:
        words = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return Finding("mail", f"{place}: {words}", "wrong", "mend DOORSTEP_SMTP_HOST, _PORT and _TLS")
    return Finding("mail", place)


def _greet(settings: Settings) -> None:
    secure = ssl.create_default_context()
    relay: Callable[[], smtplib.SMTP] = lambda: smtplib.SMTP(  # noqa: E731  (two ways in, one set of arguments)
        settings.smtp_host, settings.smtp_port, timeout=SMTP_SECONDS
    )
    if settings.smtp_tls == "tls":
        relay = lambda: smtplib.SMTP_SSL(  # noqa: E731
            settings.smtp_host, settings.smtp_port, timeout=SMTP_SECONDS, context=secure
        )
    with relay() as smtp:
        if settings.smtp_tls == "starttls":
            smtp.starttls(context=secure)
        if settings.smtp_user:
            smtp.login(settings.smtp_user, settings.smtp_password.get_secret_value())
        smtp.noop()


def _pdf() -> Finding:
    """In a process of its own: the libraries behind WeasyPrint must not be loaded here."""
    tried = subprocess.run([sys.executable, "-c", "import weasyprint"], capture_output=True, check=False, timeout=60)
    if tried.returncode == 0:
        return Finding("PDF", "labels can be drawn")
    return Finding("PDF", "Pango is missing, so no label can be drawn", "wrong", "make setup installs or names it")
