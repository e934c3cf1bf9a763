"""Webhooks: verified against the raw bytes, kept on disk, and only then answered with 200.

The hot path, so a bare ASGI endpoint without request objects. Nothing is understood here beyond the signature; that
is the work of portal.tracking.ingest.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, NoReturn

import orjson
import structlog
from sqlmodel import col, select, update
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from carriers.contract import Carrier, Greeting, Greets, Hook, Hooked, IssuesTokens, Trust
from carriers.errors import BadSignature
from carriers.registry import all_carriers
from portal.app import App
from portal.connections import HOOK_SECRET, secrets_of
from portal.db import is_outage
from portal.keys import CannotDecrypt
from portal.tables import Connection
from portal.tracking.handshake import keep
from portal.tracking.inbox import HookRow, Outage, Unstorable, Writer
from portal.web.edge import problem, unavailable

log = structlog.get_logger("portal.hooks")

MAX_BODY: Final = 1024 * 1024
JSON_KINDS: Final = ("application/json",)
FORM_KIND: Final = "application/x-www-form-urlencoded"
MAX_DEPTH: Final = 32
MAX_KEY: Final = 200
FRESH_SECONDS: Final = 5.0
# A token that is not known yet may belong to a connection made a moment ago.
SETTLE_SECONDS: Final = 1.0
# Twice what one machine was built for (docs/performance.md); `hook_rate` in a connection's config overrides it.
RATE_SQLITE: Final = 100.0
RATE_POSTGRES: Final = 600.0

_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))

_OK_START: Final = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"11")],
}
_OK_BODY: Final = {"type": "http.response.body", "body": b'{"ok":true}'}


def hook_routes(app: App, writer: Writer, threads: ThreadPoolExecutor) -> list[Route]:
    """POST /hooks/{carrier}/{token}, and below it /token for carriers that fetch one from us first."""
    hooks = Hooks(app, writer, threads)
    return [
        Route("/hooks/{carrier}/{token}", hooks, methods=["POST"]),
        Route("/hooks/{carrier}/{token}/token", hooks.issue_token, methods=["POST"]),
    ]


@dataclass(slots=True)
class Bucket:
    """Deliveries per second of one connection, with one second's worth of burst. Per process: each adds its share."""

    rate: float
    left: float = 0.0
    filled_at: float = 0.0

    def take(self, now: float) -> bool:
        """Whether one more is allowed at `now` (monotonic seconds)."""
        self.left = min(self.rate, self.left + (now - self.filled_at) * self.rate)
        self.filled_at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


@dataclass(frozen=True, slots=True)
class Known:
    """What a delivery is checked against."""

    connection_id: int
    slug: str
    carrier: Hooked
    secret: str = field(repr=False)
    header_names: frozenset[str]
    bucket: Bucket
    greeter: Greets | None = None
    issuer: IssuesTokens | None = None
    kinds: Sequence[str] = JSON_KINDS


@dataclass(frozen=True, slots=True)
class _Snapshot:
    read_at: float
    by_token: dict[str, Known]


class Refused(Exception):
    """Carries the answer out of the checks."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


class Hooks:
    """The ASGI endpoint. Connections are read again every few seconds, beside the requests rather than before them."""

    def __init__(self, app: App, writer: Writer, threads: ThreadPoolExecutor) -> None:
        self._app = app
        self._writer = writer
        self._threads = threads
        self._snapshot: _Snapshot | None = None
        self._reading: asyncio.Future[_Snapshot] | None = None
        self._rejected: Counter[int] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            row = await self._checked(scope, receive)
            await self._writer.put(row)
        except Refused as refused:
            await refused.response(scope, receive, send)
        except Outage as outage:
            log.warning("hook_outage", kind=str(outage))
            await unavailable()(scope, receive, send)
        except Unstorable as unstorable:
            log.warning("hook_unstorable", kind=str(unstorable))
            await problem("unknown_hook", 404)(scope, receive, send)
        else:
            await send(_OK_START)
            await send(_OK_BODY)

    async def _checked(self, scope: Scope, receive: Receive) -> HookRow:
        headers = joined_headers(scope["headers"])
        known = await self._known(scope["path_params"])
        body = await read_body(headers, receive, kinds=known.kinds)
        hook = Hook(body, headers, scope["path"])
        now = self._app.now()
        if known.greeter and (greeting := known.greeter.greet(hook, known.secret)):
            raise Refused(await self._greeted(known, greeting))
        try:
            known.carrier.verify(hook, known.secret, now)
        except BadSignature as error:
            self._reject(known, str(error))
        if not known.bucket.take(time.monotonic()):
            raise Refused(_too_many())
        if is_json(headers) and not is_sound_json(body):
            raise Refused(problem("unreadable_json", 400))
        return HookRow(
            connection_id=known.connection_id,
            carrier=known.slug,
            hook_key=safe_key(known.carrier.hook_key(hook), body),
            body=body,
            headers={name: value for name, value in headers.items() if name in known.header_names},
            received_at=now,
        )

    async def issue_token(self, request: Request) -> Response:
        """The token that a carrier's caller shows with its deliveries, for one who knows the secret."""
        try:
            return await self._issued(request)
        except Refused as refused:
            return refused.response
        except Outage as outage:
            log.warning("hook_outage", kind=str(outage))
            return unavailable()

    async def _issued(self, request: Request) -> Response:
        headers = joined_headers(request.scope["headers"])
        body = await read_body(headers, request.receive, kinds=(*JSON_KINDS, FORM_KIND))
        known = await self._known(request.path_params)
        if known.issuer is None:
            raise Refused(problem("unknown_hook", 404))
        if not known.bucket.take(time.monotonic()):
            raise Refused(_too_many())
        try:
            hook = Hook(body, headers, request.scope["path"])
            answer = known.issuer.issue_token(hook, known.secret, self._app.now())
        except BadSignature as error:
            self._reject(known, str(error))
        return _answer(answer)

    async def _greeted(self, known: Known, greeting: Greeting) -> Response:
        """A handshake is answered before anything is verified; a challenge is on disk before that."""
        if not known.bucket.take(time.monotonic()):
            return _too_many()
        if greeting.challenge:
            loop = asyncio.get_running_loop()
            try:
                is_kept = await loop.run_in_executor(self._threads, keep, self._app, known.connection_id, greeting)
            except Exception as error:
                if not is_outage(error):
                    raise
                raise Outage(type(error).__name__) from None
            if not is_kept:
                return _too_many()
        return _answer(greeting)

    def _reject(self, known: Known, why: str) -> NoReturn:
        """401, counted; the count is written by the next reading, so that a flood of forgeries costs no writes."""
        self._rejected[known.connection_id] += 1
        log.warning("hook_rejected", carrier=known.slug, connection=known.connection_id, reason=why)
        raise Refused(problem("bad_signature", 401))

    async def _known(self, path: dict[str, str]) -> Known:
        snapshot = self._snapshot
        age = time.monotonic() - snapshot.read_at if snapshot else FRESH_SECONDS
        if snapshot is None:
            snapshot = await self._read()
        elif age >= FRESH_SECONDS:
            self._start_reading()
        known = snapshot.by_token.get(path["token"])
        if known is None and age >= SETTLE_SECONDS:
            known = (await self._read()).by_token.get(path["token"])
        if known is None or known.slug != path["carrier"]:
            raise Refused(problem("unknown_hook", 404))
        return known

    def _start_reading(self) -> asyncio.Future[_Snapshot]:
        """One reading at a time, whoever asks. Deliveries go on with what is known until it is done."""
        loop = asyncio.get_running_loop()
        if self._reading is None or self._reading.done() or self._reading.get_loop() is not loop:
            self._reading = asyncio.ensure_future(self._reload(loop))
        return self._reading

    async def _read(self) -> _Snapshot:
        snapshot = await asyncio.shield(self._start_reading())
        return snapshot

    async def _reload(self, loop: asyncio.AbstractEventLoop) -> _Snapshot:
        try:
            self._snapshot = await loop.run_in_executor(self._threads, self._load)
        except Exception as error:
            if not is_outage(error):
                raise
            if self._snapshot is None:
                raise Outage(type(error).__name__) from None
        return self._snapshot

    def _load(self) -> _Snapshot:
        self._write_rejected()
        with self._app.db.reading() as tx:
            rows = list(tx.exec(select(Connection).where(Connection.state != "disabled")).all())
        before = self._snapshot.by_token if self._snapshot else {}
        return _Snapshot(time.monotonic(), dict(filter(None, (self._entry(row, before) for row in rows))))

    def _entry(self, row: Connection, before: dict[str, Known]) -> tuple[str, Known] | None:
        carrier: Carrier | None = all_carriers().get(row.carrier)
        if carrier is None or not isinstance(carrier, Hooked):
            return None
        try:
            secret = secrets_of(self._app, row).get(HOOK_SECRET, "")
        except CannotDecrypt:
            log.error("secrets_unreadable", connection=row.id)
            secret = ""  # never verifies
        rate = self._rate(row.config)
        old = before.get(row.hook_token)
        bucket = old.bucket if old and old.bucket.rate == rate else Bucket(rate, rate, time.monotonic())
        # The header of a hint is the shared secret itself; a signature gives nothing away.
        is_signed = carrier.about.hook_trust is Trust.SIGNED
        names = frozenset(name.lower() for name in carrier.about.hook_header_names if is_signed)
        greeter = carrier if isinstance(carrier, Greets) else None
        issuer = carrier if isinstance(carrier, IssuesTokens) else None
        kinds = (*JSON_KINDS, *carrier.about.hook_media_types)
        known = Known(int(row.id or 0), row.carrier, carrier, secret, names, bucket, greeter, issuer, kinds)
        return row.hook_token, known

    def _rate(self, config: dict[str, Any]) -> float:
        default = RATE_POSTGRES if self._app.db.is_postgres else RATE_SQLITE
        try:
            rate = float(config.get("hook_rate") or default)
        except (TypeError, ValueError):
            return default
        return rate if rate >= 1 else default

    def _write_rejected(self) -> None:
        counts, self._rejected = self._rejected, Counter()
        if not counts:
            return
        with self._app.db.transaction() as tx:
            for connection_id, count in counts.items():
                tx.exec(
                    update(Connection)
                    .where(col(Connection.id) == connection_id)
                    .values(rejected_hooks=col(Connection.rejected_hooks) + count)
                )


def joined_headers(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Header names in lower case; a name sent more than once has its values joined, so that it never verifies."""
    headers: dict[str, str] = {}
    for name_bytes, value_bytes in raw:
        name, value = name_bytes.decode("latin-1"), value_bytes.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


async def read_body(headers: dict[str, str], receive: Receive, kinds: Sequence[str] = JSON_KINDS) -> bytes:
    """The whole body. Raises Refused: 415 for what does not call itself one of `kinds`, 413 beyond MAX_BODY."""
    if _kind(headers) not in kinds and not is_json(headers):
        raise Refused(problem("unsupported_media_type", 415))
    length = headers.get("content-length", "0")
    if length.isdecimal() and int(length[:12]) > MAX_BODY:
        raise Refused(problem("too_large", 413, limit=MAX_BODY))
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(problem("incomplete", 400))
        piece = message.get("body", b"")
        body = body + piece if body else piece
        if len(body) > MAX_BODY:
            raise Refused(problem("too_large", 413, limit=MAX_BODY))
        more = message.get("more_body", False)
    return body


def is_json(headers: dict[str, str]) -> bool:
    """Whether a body calls itself JSON, or nothing at all."""
    return _kind(headers) in JSON_KINDS or _kind(headers).endswith("+json")


def _kind(headers: dict[str, str]) -> str:
    return headers.get("content-type", JSON_KINDS[0]).partition(";")[0].strip().lower()


def is_sound_json(body: bytes) -> bool:
    """Whether the body is JSON, in UTF-8, at most MAX_DEPTH deep. The parser itself gives up at 1024."""
    try:
        value = orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        return False
    return _is_shallow(body) or _depth_fits(value)


def _is_shallow(body: bytes) -> bool:
    """A quick look at the brackets alone: pairs are taken out from the inside, once per level.

    Brackets inside of texts mostly make it fail, and then the exact walk decides. Texts written so that they balance
    what is around them may pass; the readers' own limit of 64 (carriers.reading) holds for those.
    """
    brackets = body.translate(None, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        if not brackets:
            return True
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
    return not brackets


def _depth_fits(value: Any) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        if not level:
            return True
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)
            if type(child) is dict or type(child) is list
        ]
    return not level


def safe_key(key: str, body: bytes) -> str:
    """The carrier's delivery id where every database can store it, else the hash of the body."""
    return key if 0 < len(key) <= MAX_KEY and key.isprintable() else sha256(body).hexdigest()


def _answer(greeting: Greeting) -> Response:
    """As the carrier's adapter words it; never kept by anything between, for it may be a token."""
    kind = greeting.content_type
    return Response(greeting.body, 200, {"Content-Type": kind, "Cache-Control": "no-store"})


def _too_many() -> Response:
    response = problem("too_many_requests", 429)
    response.headers["Retry-After"] = "1"
    return response
