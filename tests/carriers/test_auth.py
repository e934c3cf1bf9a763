"""Tokens: fetched once for all who ask, kept until shortly before they expire, renewed once after a 401."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event, Timer
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carriers.auth import BasicKey, Bearer, ClientCredentials, MemoryTokens, read_token, usable_for
from carriers.errors import BadCredentials, BadPayload, RateLimited, Unavailable
from carriers.http import Http
from tests.carriers.fakes.server import Answered, FakeServer, Received


class TokenServer(FakeServer):
    """Gives numbered tokens and accepts only the newest of them."""

    def __init__(self) -> None:
        super().__init__({"POST /token": self.token, "GET /thing": self.thing})
        self.issued = 0
        self.accepted = ""
        self.token_requests: list[Received] = []

    def token(self, received: Received) -> Answered:
        self.token_requests.append(received)
        self.issued += 1
        self.accepted = f"token-{self.issued}"
        return Answered({"access_token": self.accepted, "expires_in": "14399", "token_type": "Bearer"})

    def thing(self, received: Received) -> Answered:
        good = received.headers.get("authorization") == f"Bearer {self.accepted}"
        return Answered({"ok": good}, 200 if good else 401)


@pytest.fixture
def server() -> Iterator[TokenServer]:
    with TokenServer() as it:
        yield it


def connected(server: TokenServer, client: httpx.Client, tokens: MemoryTokens | None = None, **options: Any) -> Http:
    plain = Http(client, server.url)
    options = {"client_id": "me", "client_secret": "hidden", "style": "form", **options}
    auth = ClientCredentials(plain, "/token", tokens or MemoryTokens(), **options)
    return Http(client, server.url, auth)


def test_one_token_serves_many_calls(server: TokenServer, client: httpx.Client) -> None:
    http = connected(server, client)
    assert [http.get("/thing").status for _ in range(3)] == [200, 200, 200]
    assert server.issued == 1


def test_id_and_secret_go_into_the_form(server: TokenServer, client: httpx.Client) -> None:
    connected(server, client, fields={"scope": "x"}).get("/thing")
    (asked,) = server.token_requests
    assert asked.form() == {
        "grant_type": "client_credentials",
        "client_id": "me",
        "client_secret": "hidden",
        "scope": "x",
    }
    assert "authorization" not in asked.headers


def test_id_and_secret_go_into_basic(server: TokenServer, client: httpx.Client) -> None:
    connected(server, client, style="basic", headers={"x-merchant-id": "A1B2C3"}).get("/thing")
    (asked,) = server.token_requests
    assert asked.headers["authorization"] == "Basic " + base64.b64encode(b"me:hidden").decode()
    assert asked.headers["x-merchant-id"] == "A1B2C3"
    assert asked.form() == {"grant_type": "client_credentials"}


def test_a_token_that_died_early_is_renewed_once(server: TokenServer, client: httpx.Client) -> None:
    http = connected(server, client)
    http.get("/thing")
    server.accepted = "another"
    assert http.get("/thing").status == 200
    assert server.issued == 2


def test_a_fresh_token_that_is_refused_is_not_fetched_again(server: TokenServer, client: httpx.Client) -> None:
    server.routes["GET /thing"] = lambda received: Answered({}, 401)
    with pytest.raises(BadCredentials):
        connected(server, client).get("/thing")
    assert server.issued == 1


def test_after_a_renewal_a_second_401_is_final(server: TokenServer, client: httpx.Client) -> None:
    http = connected(server, client)
    http.get("/thing")
    server.routes["GET /thing"] = lambda received: Answered({}, 401)
    with pytest.raises(BadCredentials):
        http.get("/thing")
    assert server.issued == 2


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, BadCredentials), (401, BadCredentials), (403, BadCredentials), (429, RateLimited), (500, Unavailable)],
)
def test_trouble_at_the_token_endpoint_is_told_apart(
    server: TokenServer, client: httpx.Client, status: int, error: type[Exception]
) -> None:
    words = {"error": {"code": "NO", "message": "no token"}}
    server.routes["POST /token"] = lambda received: Answered(words, status)
    with pytest.raises(error, match="no token"):
        connected(server, client).get("/thing")


def test_a_403_for_too_many_tokens_pauses_where_the_carrier_does_that(
    server: TokenServer, client: httpx.Client
) -> None:
    server.routes["POST /token"] = lambda received: Answered({}, 403)
    with pytest.raises(RateLimited) as caught:
        connected(server, client, blocked_for=timedelta(minutes=10)).get("/thing")
    assert caught.value.after == timedelta(minutes=10)


def test_another_secret_never_gets_the_token_of_the_first(server: TokenServer, client: httpx.Client) -> None:
    tokens = MemoryTokens()
    connected(server, client, tokens).get("/thing")
    connected(server, client, tokens, client_secret="corrected").get("/thing")
    assert server.issued == 2


@pytest.mark.parametrize("option", ["headers", "fields"])
def test_another_account_of_the_same_app_never_gets_the_token_of_the_first(
    server: TokenServer, client: httpx.Client, option: str
) -> None:
    tokens = MemoryTokens()
    for account in ("A1B2C3", "D4E5F6"):
        connected(server, client, tokens, **{option: {"x-merchant-id": account}}).get("/thing")
    assert server.issued == 2


def test_an_account_is_read_as_the_operator_filled_it_in(server: TokenServer, client: httpx.Client) -> None:
    plain = Http(client, server.url, credentials={"client_id": "me", "client_secret": "hidden"})
    auth = ClientCredentials.of_account(plain, "/token", MemoryTokens(), style="form")
    assert Http(client, server.url, auth).get("/thing").status == 200
    assert server.token_requests[0].form()["client_secret"] == "hidden"


def test_the_secret_never_shows(server: TokenServer, client: httpx.Client) -> None:
    http = connected(server, client)
    assert "hidden" not in repr(http) + repr(http.auth)


def test_a_token_is_used_until_shortly_before_it_expires() -> None:
    now = 0.0
    tokens = MemoryTokens(clock=lambda: now)
    fetched = iter(["a", "b"])

    def fetch() -> tuple[str, timedelta]:
        return next(fetched), timedelta(hours=1)

    assert tokens.get("k", fetch) == "a"
    now = 3239.0
    assert tokens.get("k", fetch) == "a"
    now = 3240.0
    assert tokens.get("k", fetch) == "b"


def test_dropping_an_old_token_leaves_the_newer_one() -> None:
    tokens = MemoryTokens()
    tokens.get("k", lambda: ("new", timedelta(hours=1)))
    tokens.drop("k", "old")
    assert tokens.get("k", lambda: ("never", timedelta(hours=1))) == "new"
    tokens.drop("k", "new")
    assert tokens.get("k", lambda: ("newest", timedelta(hours=1))) == "newest"


def test_many_who_ask_at_once_share_one_fetch() -> None:
    tokens = MemoryTokens()
    together = Barrier(8, action=lambda: Timer(0.1, release.set).start())
    release = Event()
    fetches = []

    def fetch() -> tuple[str, timedelta]:
        fetches.append(1)
        release.wait(30)
        return "shared", timedelta(hours=1)

    def ask() -> str:
        together.wait(30)
        return tokens.get("k", fetch)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: ask(), range(8))) == {"shared"}
    assert len(fetches) == 1


def test_a_failure_is_not_kept() -> None:
    tokens = MemoryTokens()

    def fail() -> tuple[str, timedelta]:
        raise Unavailable("down")

    with pytest.raises(Unavailable):
        tokens.get("k", fail)
    assert tokens.get("k", lambda: ("up again", timedelta(hours=1))) == "up again"


@given(st.integers(0, 10**6))
def test_a_token_is_never_used_to_its_very_end(seconds: int) -> None:
    life = timedelta(seconds=seconds)
    assert timedelta(0) <= usable_for(life) <= max(life - timedelta(seconds=60), timedelta(0))


@pytest.mark.parametrize(
    ("body", "token"),
    [
        (b'{"access_token":"t","expires_in":"14399"}', ("t", timedelta(seconds=14399))),
        (b'{"access_token":"t","expires_in":3599}', ("t", timedelta(seconds=3599))),
        (b'{"access_token":"t"}', ("t", timedelta(hours=1))),
    ],
)
def test_numbers_of_a_token_may_be_text(body: bytes, token: tuple[str, timedelta]) -> None:
    assert read_token(body) == token


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b'{"access_token":""}', b'{"access_token":"a b"}', b'{"access_token":"\\u00e4"}',
     b'{"access_token":"t","expires_in":"soon"}', b'{"access_token":"t","expires_in":null}'],
)  # fmt: skip
def test_what_is_not_a_token_is_bad_payload(body: bytes) -> None:
    with pytest.raises(BadPayload):
        read_token(body)


def test_keys_are_sent_as_carriers_want_them() -> None:
    def sent(auth: httpx.Auth) -> httpx.Request:
        return next(auth.sync_auth_flow(httpx.Request("GET", "https://x.example")))

    assert sent(BasicKey("key")).headers["Authorization"] == "Basic " + base64.b64encode(b"key:").decode()
    assert sent(Bearer("key")).headers["Authorization"] == "Bearer key"
    assert sent(Bearer("key", header="X-Key", prefix="")).headers["X-Key"] == "key"
