"""Sealing anew, with today's secret key, everything that an earlier one has sealed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from sqlmodel import SQLModel, select, update

from portal.app import App
from portal.connections import secrets_place
from portal.keys import CannotDecrypt
from portal.tables import CarrierToken, Connection, Handshake
from portal.tracking.handshake import challenge_place
from portal.tracking.tokens import token_place

PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Sealed:
    """A column that holds ciphertext; `place` is what the ciphertext of a row is bound to, `name` tells people where.

    `expendable`: what cannot be opened is not worth mending; it is fetched anew.
    """

    table: type[SQLModel]
    column: str
    place: Callable[[Any], str]
    name: Callable[[Any], str]
    expendable: bool = False


SEALED: Final = (
    Sealed(Connection, "secrets", secrets_place, lambda row: f"connection {row.name} ({row.public_id})"),
    Sealed(
        CarrierToken,
        "token",
        lambda row: token_place(row.key),
        lambda row: f"token {row.key[:8]}",
        expendable=True,
    ),
    Sealed(
        Handshake,
        "challenge",
        lambda row: challenge_place(row.connection_id),
        lambda row: f"handshake {row.ref[:20]}",
        expendable=True,  # the carrier sends it again
    ),
)


@dataclass(slots=True)
class Rotation:
    """What came of it. `unreadable` names what no key here opens."""

    sealed: int = 0
    already: int = 0
    dropped: int = 0
    unreadable: list[str] = field(default_factory=list)


def rotate(app: App, *, only_look: bool = False) -> Rotation:
    """Seals anew what another than the newest key has sealed, a row at a time.

    May be stopped anywhere and run again: what is done stays done. A row that somebody changes meanwhile is left to
    the next run, which cannot happen with one who has the newest key. `only_look` counts and writes nothing.
    """
    found = Rotation()
    for place in SEALED:
        for row in _rows(app, place.table):
            _reseal(app, place, row, found, only_look)
    return found


def _rows(app: App, table: type[SQLModel]) -> Iterator[Any]:
    """Every row, a page at a time by primary key."""
    (key,) = table.__table__.primary_key.columns  # type: ignore[attr-defined]
    after: Any = None
    while True:
        with app.db.reading() as tx:
            query = select(table).order_by(key).limit(PAGE)
            rows = list(tx.exec(query if after is None else query.where(key > after)))
            tx.expunge_all()
        yield from rows
        if len(rows) < PAGE:
            return
        after = getattr(rows[-1], key.name)


def _reseal(app: App, sealed: Sealed, row: Any, found: Rotation, only_look: bool) -> None:
    before: bytes = getattr(row, sealed.column)
    if not before:
        return
    if app.keys.is_newest(before) and _opens(app, before, sealed.place(row)):
        found.already += 1
        return
    try:
        after = app.keys.seal(app.keys.open(before, sealed.place(row)), sealed.place(row))
    except CannotDecrypt:
        if not sealed.expendable:
            found.unreadable.append(sealed.name(row))
            return
        after = b""
    if after:
        found.sealed += 1
    else:
        found.dropped += 1
    if only_look:
        return
    columns = sealed.table.__table__.c  # type: ignore[attr-defined]
    (key,) = sealed.table.__table__.primary_key.columns  # type: ignore[attr-defined]
    mine = key == getattr(row, key.name), columns[sealed.column] == before
    with app.db.transaction() as tx:
        tx.exec(update(sealed.table).where(*mine).values({sealed.column: after}))


def _opens(app: App, sealed: bytes, place: str) -> bool:
    try:
        app.keys.open(sealed, place)
    except CannotDecrypt:
        return False
    return True
