"""What surrounds every request: one Host header, a body of sane size, safe response headers, one line in the log."""

from __future__ import annotations

import time
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portal.settings import Settings
from portal.web.edge import problem

log = structlog.get_logger("portal.request")

# A return of many items with a full comment each, in a script whose letters are nine bytes of a form.
MAX_PAGE_BODY: Final = 256 * 1024

CONTENT_POLICY: Final = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_ALWAYS: Final = (
    ("Content-Security-Policy", CONTENT_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("X-Robots-Tag", "noindex"),
)
_STRICT_TRANSPORT: Final = ("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
_PRIVATE: Final = "private, no-store"


def guards(settings: Settings) -> list[Middleware]:
    """The middlewares of the application, outermost first."""
    return [Middleware(Guard, https=settings.https)]


class Guard:
    """Pure ASGI: the request and response streams pass through untouched. Webhooks cap their own bodies."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._headers = (*_ALWAYS, _STRICT_TRANSPORT) if https else _ALWAYS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def safe_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": list(message["headers"])}
                self._add(MutableHeaders(raw=message["headers"]))
            await send(message)

        is_hook = scope["path"].startswith("/hooks/")
        try:
            if _is_ambiguous(scope):
                await problem("one_host_header", 400)(scope, receive, safe_send)
            elif is_hook:
                await self._app(scope, receive, send)  # read by machines: browser headers would only cost time
            else:
                await self._app(scope, _capped(scope, receive), safe_send)
        finally:
            if not is_hook:  # those are counted by the inbox; a line each would cost more than the delivery
                _note(scope, status, started)

    def _add(self, headers: MutableHeaders) -> None:
        for name, value in self._headers:
            headers.setdefault(name, value)
        if headers.get("content-type", "").startswith("text/html"):
            headers.setdefault("Cache-Control", _PRIVATE)


def _capped(scope: Scope, receive: Receive) -> Receive:
    """A body for who reads it, up to MAX_PAGE_BODY: then HTTPException 413, at once where the length is announced.

    Starlette's own limit answers in plain text, over whatever we would say.
    """
    announced = Headers(scope=scope).get("content-length", "")
    left = MAX_PAGE_BODY if not announced.isdecimal() or int(announced) <= MAX_PAGE_BODY else -1

    async def receive_some() -> Message:
        nonlocal left
        message: Message = await receive() if left >= 0 else {}
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413)
        return message

    return receive_some


def _is_ambiguous(scope: Scope) -> bool:
    """Two Host headers: what stands before us may have looked at the other one."""
    return len([name for name, _ in scope["headers"] if name == b"host"]) > 1


def _note(scope: Scope, status: int, started: float) -> None:
    route = scope.get("route")
    log.info(
        "request",
        method=scope["method"],
        route=getattr(route, "path", "none"),
        status=status,
        ms=round((time.perf_counter() - started) * 1000, 1),
    )
