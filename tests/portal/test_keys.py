"""The secret key: what it seals, and how another takes its place without a gap."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select, update

from portal.app import App
from portal.keys import CannotDecrypt, Keys
from portal.rotation import SEALED, rotate
from portal.settings import SettingsError, load
from portal.tables import CarrierToken, Connection
from portal.tracking.tokens import token_place
from tests.conftest import SECRET_KEY
from tests.portal.cli.test_commands import doorstep
from tests.portal.tracking.northpost import connect
from tests.world import World

OLD, NEW = b"o" * 32, b"n" * 32
NEW_KEY = base64.b64encode(NEW).decode()


def test_a_further_key_opens_what_it_sealed_and_seals_nothing() -> None:
    sealed = Keys(OLD).seal({"a": "1"}, "here")
    both = Keys(NEW, (OLD,))
    assert both.open(sealed, "here") == {"a": "1"}
    assert not both.is_newest(sealed)
    assert both.is_newest(both.seal({"a": "1"}, "here"))
    with pytest.raises(CannotDecrypt):
        Keys(NEW).open(sealed, "here")
    with pytest.raises(CannotDecrypt):
        both.open(sealed, "there")


@pytest.mark.parametrize("damage", [lambda s: s[:-1], lambda s: s[:6], lambda s: s + b"x", lambda s: s[::-1]])
def test_what_is_damaged_does_not_open(damage: Callable[[bytes], bytes]) -> None:
    keys = Keys(NEW, (OLD,))
    with pytest.raises(CannotDecrypt):
        keys.open(damage(keys.seal({"a": "1"}, "here")), "here")


def test_no_key_shows_itself() -> None:
    keys = Keys(NEW, (OLD,))
    assert "n" * 8 not in repr(keys)
    assert len(keys.name) == 8
    assert NEW.hex()[:8] != keys.name


def test_wrong_further_keys_stop_the_start() -> None:
    with pytest.raises(SettingsError, match="DOORSTEP_FURTHER_SECRET_KEYS"):
        load(secret_key=SECRET_KEY, further_secret_keys=f"{NEW_KEY},short")
    assert load(secret_key=SECRET_KEY, further_secret_keys=f" {NEW_KEY} ,").further_key_bytes == (NEW,)


def test_every_column_that_holds_ciphertext_is_rotated() -> None:
    told = {(sealed.table.__tablename__, sealed.column) for sealed in SEALED}
    assert told == {("connection", "secrets"), ("carrier_token", "token"), ("handshake", "challenge")}


def rotating(app: App) -> App:
    """The same installation with a new key, the former one beside it."""
    return replace(app, keys=Keys(NEW, (app.keys.root,)))


def stored(app: App) -> list[bytes]:
    with app.db.reading() as tx:
        return [*tx.exec(select(Connection.secrets).order_by("id")), *tx.exec(select(CarrierToken.token))]


def keep_token(app: App, token: bytes) -> None:
    with app.db.transaction() as tx:
        tx.add(CarrierToken(key="t1", token=token, expires_at=app.now() + timedelta(hours=1)))


def test_rotating_seals_everything_anew_once(app: App, world: World) -> None:
    row = connect(app)
    keep_token(app, app.keys.seal({"token": "abc"}, token_place("t1")))
    ours = rotating(app)
    assert (rotate(ours, only_look=True).sealed, rotate(ours, only_look=True).sealed) == (3, 3)
    assert rotate(ours).sealed == 3
    with app.db.reading() as tx:
        secrets = tx.get_one(Connection, row.id).secrets
    assert Keys(NEW).open(secrets, f"connection:{row.id}:secrets")["api_key"] == "np_test_key"
    before = stored(app)
    again = rotate(ours)
    assert (again.sealed, again.already) == (0, 3)
    assert stored(app) == before


def test_rotating_may_be_stopped_and_goes_on_where_it_stood(
    app: App, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(app)
    ours = rotating(app)
    seal, calls = Keys.seal, []

    def seal_once(keys: Keys, values: dict[str, str], place: str) -> bytes:
        calls.append(place)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return seal(keys, values, place)

    monkeypatch.setattr(Keys, "seal", seal_once)
    with pytest.raises(KeyboardInterrupt):
        rotate(ours)
    monkeypatch.undo()
    found = rotate(ours)
    assert (found.already, found.sealed) == (1, 1)


def test_what_opens_with_no_key_is_named_and_left_alone(app: App, world: World) -> None:
    lost = Keys(b"x" * 32).seal({"api_key": "k"}, f"connection:{world.connection.id}:secrets")
    with app.db.transaction() as tx:
        tx.exec(update(Connection).values(secrets=lost))
    keep_token(app, Keys(b"x" * 32).seal({"token": "abc"}, token_place("t1")))
    found = rotate(rotating(app))
    assert [world.connection.public_id in name for name in found.unreadable] == [True]
    assert found.dropped == 1
    assert stored(app) == [lost, b""]


def test_a_secret_changed_meanwhile_is_not_overwritten(app: App, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = rotating(app)
    fresh = ours.keys.seal({"api_key": "newer"}, f"connection:{world.connection.id}:secrets")
    opened = Keys.open

    def change_meanwhile(keys: Keys, sealed: bytes, place: str) -> dict[str, str]:
        with app.db.transaction() as tx:
            tx.exec(update(Connection).values(secrets=fresh))
        return opened(keys, sealed, place)

    monkeypatch.setattr(Keys, "open", change_meanwhile)
    rotate(ours)
    assert stored(app) == [fresh]


def test_the_command_rotates_and_check_says_when_it_is_over(world: World, settings_url: str) -> None:
    told: dict[str, Any] = {"DOORSTEP_SECRET_KEY": NEW_KEY, "DOORSTEP_FURTHER_SECRET_KEYS": SECRET_KEY}
    looked = doorstep("keys", "rotate", "--check", url=settings_url, **told)
    assert (looked.returncode, looked.stdout) == (0, b"1 to seal anew, 0 with the newest key already\n")
    assert b"run: doorstep keys rotate" in doorstep("check", url=settings_url, **told).stdout
    rotated = doorstep("keys", "rotate", url=settings_url, **told)
    assert (rotated.returncode, rotated.stdout) == (0, b"1 sealed anew, 0 with the newest key already\n")
    assert b"no earlier key is needed any more" in doorstep("check", url=settings_url, **told).stdout
    alone = doorstep("keys", "rotate", url=settings_url, DOORSTEP_SECRET_KEY=NEW_KEY)
    assert (alone.returncode, alone.stdout) == (0, b"0 sealed anew, 1 with the newest key already\n")
    lost = doorstep("keys", "rotate", url=settings_url)
    assert (lost.returncode, b"opens with none of the keys" in lost.stderr) == (1, True)


@pytest.fixture
def settings_url(app: App) -> str:
    """The database of this test."""
    return app.settings.database_url
