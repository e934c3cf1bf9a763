"""The only place that talks to a carrier: sizes, times and HTTP statuses become the errors of carriers.errors here."""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

import httpx
import orjson

from carriers.contract import Authorises, Carrier
from carriers.errors import BadCredentials, BadPayload, Forbidden, OutcomeUnknown, RateLimited, Refused, Unavailable
from carriers.reading_xml import as_xml
from carriers.wire import DeadlineTransport, ending_by

if TYPE_CHECKING:
    from carriers.auth import Tokens

TIMEOUT: Final = httpx.Timeout(10.0, connect=3.0, pool=5.0)
MAX_BODY: Final = 5 * 1024 * 1024
DEADLINE: Final = timedelta(seconds=20)
PAUSE: Final = timedelta(seconds=60)  # after a 429 that does not say how long
MAX_PAUSE: Final = timedelta(hours=1)

# Below which keys carriers put an error's words, the surest first.
_HOLDERS: Final = ("response", "errors", "error", "meta", "fault")
_CODES: Final = ("code", "error_code", "errorCode", "error", "title", "httpCode")
_TEXTS: Final = (
    "message", "error_description", "faultstring", "detail", "description", "error_name", "errorDescription",
    "httpMessage",
)  # fmt: skip

# Raised before the first byte of a request is sent, so nothing can have been bought.
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer below 500 that is neither 401, 403 nor 429. `headers` names are in lower case."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


@runtime_checkable
class Renews(Protocol):
    """An httpx.Auth whose token may have died early: after a 401 `renew` says whether to try once more."""

    def renew(self, request: httpx.Request) -> bool: ...


@dataclass(frozen=True, slots=True)
class Http:
    """One carrier account on the wire. Paths start with "/" and are appended to `base`; a full https URL stands alone.

    Every method raises Unavailable (network, timeout, 5xx, redirect, oversized or endless answer), RateLimited (429)
    or BadCredentials (401, 403), and returns every other answer for the adapter to read. A 503 that says when to come
    again is RateLimited too. With `buys` an answer lost
    after the request was sent is OutcomeUnknown, because the carrier may have sold what was asked for. `on_call` is
    told of every request that goes to the carrier, before it does; documents on other hosts are not the carrier's.
    """

    client: httpx.Client = field(repr=False)
    base: str
    auth: httpx.Auth | None = field(default=None, repr=False)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    deadline: timedelta = DEADLINE
    timeout: httpx.Timeout = field(default_factory=lambda: TIMEOUT, repr=False)
    on_call: Callable[[], None] | None = field(default=None, repr=False)

    def get(self, path: str, **options: Any) -> Reply:
        """GET. Options: params, headers, public (send no credentials, for documents on another host)."""
        return self._call("GET", path, **options)

    def post(self, path: str, **options: Any) -> Reply:
        """POST. Options: params, json, data (form), content (bytes; name its type in headers), headers, buys."""
        return self._call("POST", path, **options)

    def put(self, path: str, **options: Any) -> Reply:
        """PUT. Options as for `post`."""
        return self._call("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> Reply:
        """PATCH. Options as for `post`."""
        return self._call("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> Reply:
        """DELETE. Options as for `post`."""
        return self._call("DELETE", path, **options)

    def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        json: object = None,
        data: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        buys: bool = False,
        public: bool = False,
    ) -> Reply:
        body = content if json is None else orjson.dumps(json)
        request = self.client.build_request(
            method,
            self.base + path if path.startswith("/") else path,
            params=params,
            content=body,
            data=data,
            headers={
                "Accept": "application/json",
                **({"Content-Type": "application/json"} if json is not None else {}),
                **(headers or {}),
                "Accept-Encoding": "gzip",  # the only coding that _inflate opens, with a cap
            },
            timeout=self.timeout,
        )
        auth = None if public else self.auth
        tell = None if public else self.on_call
        reply = self._exchange(request, auth, buys, tell)
        if reply.status == 401 and isinstance(auth, Renews) and auth.renew(request):
            reply = self._exchange(request, auth, buys, tell)
        return _judged(reply, buys)

    def _exchange(
        self, request: httpx.Request, auth: httpx.Auth | None, buys: bool, tell: Callable[[], None] | None
    ) -> Reply:
        if tell:
            tell()
        until = time.monotonic() + self.deadline.total_seconds()
        with _lost(buys), ending_by(until):
            response = self.client.send(request, auth=auth, stream=True, follow_redirects=False)
            try:
                received = b"".join(_inflate(response, until))
            finally:
                response.close()
        return Reply(response.status_code, received, {k.lower(): v for k, v in response.headers.items()})


def open_http(
    carrier: Carrier,
    *,
    client: httpx.Client,
    credentials: Mapping[str, str],
    tokens: Tokens,
    base: str | None = None,
    deadline: timedelta = DEADLINE,
    on_call: Callable[[], None] | None = None,
    on_token_call: Callable[[], None] | None = None,
) -> Http:
    """The account of one brand with one carrier; "environment": "sandbox" in the credentials picks the test host.

    `base` overrides the host, for local fakes. A carrier without a host of its own (about.live is empty) is reached at
    "base_url" of the credentials. `on_call` and `on_token_call` are told of every request before it is made.
    """
    about = carrier.about
    sandbox = credentials.get("environment") == "sandbox" and bool(about.sandbox)
    chosen = base or (about.sandbox if sandbox else about.live) or credentials.get("base_url", "")
    if not chosen:
        raise BadCredentials(f"{about.name} needs the address of its API; fill in the base URL")
    plain = Http(client, chosen.rstrip("/"), None, credentials, deadline, on_call=on_token_call)
    auth = carrier.auth(plain, tokens) if isinstance(carrier, Authorises) else None
    return replace(plain, auth=auth, on_call=on_call)


def open_client() -> httpx.Client:
    """The one client of a process: no environment proxies, no redirects, few connections, a deadline for each call."""
    return httpx.Client(
        transport=DeadlineTransport(),
        trust_env=False,
        follow_redirects=False,
        timeout=TIMEOUT,
        headers={"User-Agent": "Doorstep"},
    )


@contextmanager
def _lost(buys: bool) -> Iterator[None]:
    """Transport trouble as ours. The words of httpx stay out: they may hold the URL, and with it the number."""
    try:
        yield
    except _NEVER_SENT as error:
        raise Unavailable(type(error).__name__) from None
    except httpx.InvalidURL:
        raise Unavailable("the request address is not a URL") from None
    except httpx.HTTPError as error:
        raise _lost_error(buys)(type(error).__name__) from None
    except Overlong as error:
        raise _lost_error(buys)(str(error)) from None


def _lost_error(buys: bool) -> type[Unavailable]:
    return OutcomeUnknown if buys else Unavailable


class Overlong(Exception):
    """An answer past its size or its time, or packed in a way that we did not ask for."""


def _inflate(response: httpx.Response, until: float) -> Iterator[bytes]:
    """The body, unpacked piece by piece so that a small bomb never grows beyond MAX_BODY in memory."""
    packing = response.headers.get("content-encoding", "identity").lower()
    if packing not in {"identity", "", "gzip"}:
        raise Overlong(f"the answer is packed as {packing[:20]}, which was not asked for")
    unpack = zlib.decompressobj(wbits=31) if packing == "gzip" else None
    left = MAX_BODY
    is_empty = True
    for raw in response.iter_raw(65536):
        if time.monotonic() > until:
            raise Overlong("the answer took too long")
        try:
            piece = unpack.decompress(raw, left + 1) if unpack else raw
        except zlib.error:
            raise Overlong("the answer is not valid gzip") from None
        is_empty = False
        left -= len(piece)
        if left < 0:
            raise Overlong("the answer is too large")
        if unpack and unpack.unused_data:
            raise Overlong("the answer goes on behind its end")
        yield piece
    if unpack and not unpack.eof and not is_empty:
        raise Overlong("the answer broke off")


def _judged(reply: Reply, buys: bool) -> Reply:
    status = reply.status
    if status == 429:
        code, text = carrier_words(reply.body)
        raise RateLimited(retry_after(reply.headers, datetime.now(UTC)), text or "too many requests", code)
    if status in {401, 403}:
        code, text = carrier_words(reply.body)
        raise (Forbidden if status == 403 else BadCredentials)(text or f"the carrier answered {status}", code)
    if status >= 500:
        code, text = carrier_words(reply.body)
        if status == 503 and "retry-after" in reply.headers and not buys:
            raise RateLimited(retry_after(reply.headers, datetime.now(UTC)), text or "the carrier answered 503", code)
        raise _lost_error(buys)(text or f"the carrier answered {status}", code)
    if 300 <= status < 400:
        raise _lost_error(buys)(f"the carrier answered {status}, a redirect; redirects are not followed")
    return reply


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta:
    """How long to pause: Retry-After in seconds or as an HTTP date, at most an hour; a minute where it says nothing."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return PAUSE
        seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
    if not math.isfinite(seconds):
        return PAUSE
    return min(max(timedelta(seconds=min(seconds, 86400.0)), timedelta(seconds=1)), MAX_PAUSE)


def granted(reply: Reply, name: str) -> Reply:
    """The reply to a purchase, a void or their like. Raises Refused in the carrier's words for any status from 400 up.

    `name` is what the carrier is called where it gave no words.
    """
    if reply.status >= 400:
        code, text = carrier_words(reply.body)
        raise Refused(text or f"{name} answered {reply.status}", code)
    return reply


def carrier_words(body: bytes) -> tuple[str, str]:
    """(code, text) of an error body in the shapes that carriers use, both empty where there is none. Never raises."""
    try:
        found = _first_error(orjson.loads(body))
    except ValueError:
        plain = body[:200].decode("utf-8", "replace").strip()
        return _xml_words(body) if plain.startswith(("<", "\ufeff<")) else ("", plain)
    code = next((found[key] for key in _CODES if found.get(key)), "")
    text = next((found[key] for key in _TEXTS if found.get(key)), None)
    return _short(code), _short(text or (found.get("title") if found.get("code") else None))


def _xml_words(body: bytes) -> tuple[str, str]:
    """The first code and words of an XML answer or a SOAP fault; none of a page."""
    try:
        root = as_xml(body)
    except BadPayload:
        return "", ""
    told: dict[str, str] = {}
    for element in root.iter():
        told.setdefault(element.tag.lower(), (element.text or "").strip())
    code = next((told[tag] for tag in ("code", "errorcode", "faultcode") if told.get(tag)), "")
    texts = ("description", "errormessage", "faultstring", "message")
    text = next((told[tag] for tag in texts if told.get(tag)), "")
    return _short(code), _short(text)


def _first_error(value: object) -> Mapping[str, object]:
    """The mapping that holds the words: below one of _HOLDERS, the first of a list, else the top."""
    for _ in range(4):
        if isinstance(value, list):
            value = value[0] if value else {}
        elif isinstance(value, dict):
            inner = next((value[k] for k in _HOLDERS if isinstance(value.get(k), dict | list)), None)
            if inner is None and isinstance(data := value.get("data"), dict):
                inner = data.get("errors")
            if not isinstance(inner, dict | list) or not inner:
                return value
            value = inner
    return value if isinstance(value, dict) else {}


def _short(value: object) -> str:
    return " ".join(str(value).split())[:200] if isinstance(value, str | int) else ""
