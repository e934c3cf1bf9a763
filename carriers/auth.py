"""How requests prove who we are: API keys, and OAuth client credentials with tokens shared by all workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from threading import Lock
from typing import Any, Final, Literal, Protocol

import httpx

from carriers.errors import BadCredentials, BadPayload, Forbidden, RateLimited
from carriers.http import Http, carrier_words
from carriers.reading import as_json, reading, text

MARGIN: Final = timedelta(seconds=60)  # a token is not used in its last minute, nor in the last tenth of its life


class Tokens(Protocol):
    """Where tokens are kept. One fetch at a time for a key, however many ask."""

    def get(self, key: str, fetch: Callable[[], tuple[str, timedelta]]) -> str:
        """The kept token, or the one that `fetch` brings with its lifetime, kept until `usable_for` is over."""
        ...

    def drop(self, key: str, token: str) -> None:
        """Forgets `token`; a newer one that somebody else has fetched meanwhile stays."""
        ...


def usable_for(lifetime: timedelta) -> timedelta:
    """How long a token of this lifetime may be handed out."""
    return max(lifetime - max(MARGIN, lifetime / 10), timedelta(0))


class MemoryTokens:
    """Tokens of one process. Those who wait for a fetch share its result, and its failure too."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._kept: dict[str, tuple[str, float]] = {}
        self._flights: dict[str, Future[str]] = {}

    def get(self, key: str, fetch: Callable[[], tuple[str, timedelta]]) -> str:
        with self._lock:
            token, until = self._kept.get(key, ("", 0.0))
            if token and self._clock() < until:
                return token
            flight = self._flights.get(key)
            if flight is None:
                mine = self._flights[key] = Future()
        if flight is not None:
            return flight.result()
        return self._fetched(key, fetch, mine)

    def _fetched(self, key: str, fetch: Callable[[], tuple[str, timedelta]], flight: Future[str]) -> str:
        try:
            token, lifetime = fetch()
        except BaseException as error:
            with self._lock:
                del self._flights[key]
            flight.set_exception(error)
            raise
        with self._lock:
            self._kept[key] = (token, self._clock() + usable_for(lifetime).total_seconds())
            del self._flights[key]
        flight.set_result(token)
        return token

    def drop(self, key: str, token: str) -> None:
        with self._lock:
            if self._kept.get(key, ("", 0.0))[0] == token:
                del self._kept[key]


class BasicKey(httpx.BasicAuth):
    """An API key as the Basic user name, without a password."""

    def __init__(self, key: str) -> None:
        super().__init__(key, "")


class Bearer(httpx.Auth):
    """A fixed key in `Authorization: Bearer`, or bare in a header of the carrier's choice."""

    def __init__(self, key: str, header: str = "Authorization", prefix: str = "Bearer ") -> None:
        self._header = header
        self._value = f"{prefix}{key}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers[self._header] = self._value
        yield request


class ClientCredentials(httpx.Auth):
    """OAuth 2 client credentials. `style` "basic" sends id and secret as Basic, "form" in the form body.

    `http` is the carrier's connection without auth; `path` its token endpoint. After a 401 a token from the cache is
    dropped and the request tried once more with a new one. `blocked_for` is the pause after a 403 of the token
    endpoint where the carrier uses 403 for "too many tokens" (FedEx: ten minutes); without it a 403 is BadCredentials.
    `header` and `prefix` are where the token goes and what stands before it.
    """

    def __init__(
        self,
        http: Http,
        path: str,
        tokens: Tokens,
        *,
        client_id: str,
        client_secret: str,
        style: Literal["basic", "form"],
        fields: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        blocked_for: timedelta | None = None,
        header: str = "Authorization",
        prefix: str = "Bearer ",
    ) -> None:
        own = {"client_id": client_id, "client_secret": client_secret} if style == "form" else {}
        basic = httpx.BasicAuth(client_id, client_secret) if style == "basic" else None
        self._http = replace(http, auth=basic, credentials={})
        self._path = path
        self._tokens = tokens
        self._form = {"grant_type": "client_credentials", **own, **(fields or {})}
        self._headers = dict(headers or {})
        self._blocked_for = blocked_for
        self._header = header
        self._prefix = prefix
        # Everything sent for a token is part of the key: a corrected secret must not be served the token of the wrong
        # one, nor one account (a header, a scope) that of another.
        asked = (http.base, path, client_id, client_secret, *_pairs(fields), *_pairs(headers))
        self._key = sha256("\n".join(asked).encode()).hexdigest()

    @classmethod
    def of_account(cls, http: Http, path: str, tokens: Tokens, **options: Any) -> ClientCredentials:
        """With `client_id` and `client_secret` as the operator filled them in. Options as for the class."""
        filled = http.credentials
        return cls(
            http,
            path,
            tokens,
            client_id=filled.get("client_id", ""),
            client_secret=filled.get("client_secret", ""),
            **options,
        )

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        fresh = False

        def fetch() -> tuple[str, timedelta]:
            nonlocal fresh
            fresh = True
            return self._fetch()

        token = self._tokens.get(self._key, fetch)
        request.headers[self._header] = f"{self._prefix}{token}"
        request.extensions["token_is_fresh"] = fresh
        yield request

    def renew(self, request: httpx.Request) -> bool:
        """Whether a new token may help: not when the refused one had only just been fetched."""
        if request.extensions.get("token_is_fresh"):
            return False
        self._tokens.drop(self._key, request.headers[self._header].removeprefix(self._prefix))
        return True

    def _fetch(self) -> tuple[str, timedelta]:
        try:
            reply = self._http.post(self._path, data=self._form, headers=self._headers)
        except Forbidden as error:
            if self._blocked_for is None:
                raise
            raise RateLimited(self._blocked_for, error.text, error.code) from None
        if reply.status >= 400:
            code, words = carrier_words(reply.body)
            raise BadCredentials(words or f"no token: the carrier answered {reply.status}", code)
        return read_token(reply.body)


def _pairs(values: Mapping[str, str] | None) -> list[str]:
    return [f"{name}={value}" for name, value in sorted((values or {}).items())]


def read_token(body: bytes) -> tuple[str, timedelta]:
    """Token and lifetime of a token answer; `expires_in` may be a number or text. Raises BadPayload."""
    with reading("token"):
        answer = as_json(body)
        token = text(answer["access_token"], limit=16384)
        seconds = int(answer.get("expires_in", 3600))
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise BadPayload("token: not usable in a header")
    return token, timedelta(seconds=min(max(seconds, 0), 86400))
