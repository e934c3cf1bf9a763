"""Tokens shared by all processes: fetched once, kept encrypted, forgotten when refused."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlmodel import select

from carriers.errors import BadCredentials, Unavailable
from portal.app import App
from portal.tables import CarrierToken
from portal.tracking.tokens import LEASE, DatabaseTokens
from tests.conftest import Clock

HOUR = timedelta(hours=1)


class Issuer:
    """Counts what it hands out."""

    def __init__(self) -> None:
        self.issued = 0

    def __call__(self) -> tuple[str, timedelta]:
        self.issued += 1
        return f"token {self.issued}", HOUR


def test_a_token_is_fetched_once_and_again_before_it_ends(app: App, clock: Clock) -> None:
    tokens, issuer = DatabaseTokens(app), Issuer()
    assert [tokens.get("k", issuer), DatabaseTokens(app).get("k", issuer)] == ["token 1", "token 1"]
    clock.forward(timedelta(minutes=53))
    assert tokens.get("k", issuer) == "token 1"
    clock.forward(timedelta(minutes=2))
    assert tokens.get("k", issuer) == "token 2"


def test_tokens_lie_encrypted(app: App) -> None:
    DatabaseTokens(app).get("k", Issuer())
    with app.db.reading() as tx:
        assert b"token" not in tx.exec(select(CarrierToken)).one().token


def test_many_who_ask_at_once_share_one_fetch(app: App) -> None:
    issuer, found = Issuer(), []
    entered, release = threading.Event(), threading.Event()

    def slow() -> tuple[str, timedelta]:
        entered.set()
        release.wait(30)
        return issuer()

    threads = [threading.Thread(target=lambda: found.append(DatabaseTokens(app).get("k", slow))) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert entered.wait(30)
    release.set()
    for thread in threads:
        thread.join(30)
    assert (found, issuer.issued) == (["token 1"] * 4, 1)


def test_a_fetch_that_fails_leaves_the_way_free(app: App) -> None:
    def refused() -> tuple[str, timedelta]:
        raise BadCredentials("no")

    tokens = DatabaseTokens(app)
    with pytest.raises(BadCredentials):
        tokens.get("k", refused)
    assert tokens.get("k", Issuer()) == "token 1"


def test_a_process_that_died_while_fetching_holds_the_others_up_for_its_lease_alone(app: App, clock: Clock) -> None:
    class Killed(BaseException):
        pass

    class Dying(DatabaseTokens):
        def _write(self, key: str, token: str, lasts: timedelta | None) -> None:
            raise Killed

    with pytest.raises(Killed):
        Dying(app).get("k", Issuer())
    with pytest.raises(Unavailable):
        DatabaseTokens(app, wait_seconds=0).get("k", Issuer())
    clock.forward(LEASE)
    assert DatabaseTokens(app).get("k", Issuer()) == "token 1"


def test_only_the_refused_token_is_dropped(app: App) -> None:
    tokens, issuer = DatabaseTokens(app), Issuer()
    tokens.get("k", issuer)
    tokens.drop("k", "an older token")
    assert tokens.get("k", issuer) == "token 1"
    tokens.drop("k", "token 1")
    assert tokens.get("k", issuer) == "token 2"
