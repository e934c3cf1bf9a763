"""The web server: uvicorn bound by us, closing connections whose request does not arrive in time."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from portal.settings import Settings

# From the first byte (or the connection) to the end of the head, and from there to the end of the body.
HEAD_SECONDS = 5.0
BODY_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 5
# A stop closes idle connections after this: a request that was already under way to us is then answered, not reset.
LINGER_SECONDS = 0.5
# Counts connections, idle ones too: a flood of slow ones must not use it up before the guard closes them.
MAX_CONNECTIONS = 1000
# A request needs a second at most; a worker's deploy waits no longer than this for the last of them.
GRACE_SECONDS = 15
# Beyond what arrives in one piece (256 KB): the parser keeps a head until it is whole, however large.
MAX_HEAD_BYTES = 64 * 1024
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn itself never closes a connection that sends its request slowly, or nothing at all. This does."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._deadline: asyncio.TimerHandle | None = None
        self._heard = False
        self._is_in_head = False
        self._head_bytes = 0
        self.is_last = False  # the next answer says that the connection ends with it

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_within(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_nothing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._heard = True
        was_in_head = self._is_in_head
        super().data_received(data)
        self._head_bytes = self._head_bytes + len(data) if was_in_head and self._is_in_head else 0
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._end(_TOO_LARGE)
        is_idle = self.cycle is None or self.cycle.response_complete
        if is_idle and self._deadline is None and not self.transport.is_closing():
            self._expect_within(HEAD_SECONDS)  # empty lines between requests stop uvicorn's own timer, not ours

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head = True
        if self._deadline is None:  # a further request on the same connection
            self._expect_within(HEAD_SECONDS)

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._expect_within(BODY_SECONDS)
        super().on_headers_complete()
        if self.is_last:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        self._expect_nothing()
        self._heard = False
        super().on_message_complete()

    def shutdown(self) -> None:
        """The server stops: what has begun is answered, and what may be under way gets a moment to arrive."""
        self.is_last = True
        if self.cycle is not None and not self.cycle.response_complete:
            super().shutdown()
        elif not self._heard:
            self._unset_keepalive_if_required()
            self._expect_within(LINGER_SECONDS)

    def _expect_within(self, seconds: float) -> None:
        self._expect_nothing()
        self._deadline = self.loop.call_later(seconds, self._too_late)

    def _expect_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        """408 for a request begun and not answered yet; a silent connection is only closed."""
        self._deadline = None
        if self.transport is None or self.transport.is_closing():
            return
        is_answering = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        self._end(_TIMED_OUT if self._heard and not is_answering else b"")

    def _end(self, last_words: bytes) -> None:
        self._expect_nothing()
        if last_words:
            self.transport.write(last_words)
        self.transport.close()


class Server(uvicorn.Server):
    """uvicorn's, but a stop also takes in those who have connected and were not met yet: they would be reset."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        waiting = [accepted for listener in sockets or () for accepted in _waiting(listener)]
        # Tasks, because nothing may come between the last look at the queue and its end.
        met = [loop.create_task(loop.connect_accepted_socket(self._last_protocol, one)) for one in waiting]
        await super().shutdown(sockets)
        await asyncio.gather(*met, return_exceptions=True)

    def _last_protocol(self) -> GuardedProtocol:
        protocol = GuardedProtocol(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)
        protocol.is_last = True
        return protocol


def _waiting(listener: socket.socket) -> Iterator[socket.socket]:
    listener.setblocking(False)
    with contextlib.suppress(OSError):  # nobody waits any more
        while True:
            yield listener.accept()[0]


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError, e.g. for a port in use."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


def serve(settings: Settings, listener: socket.socket) -> None:
    """Serves until SIGTERM or Ctrl-C, then finishes what it has begun."""
    from portal.app import create

    _allow_many_connections()
    config = uvicorn.Config(
        create(settings),
        http=GuardedProtocol,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        lifespan="on",
        ws="none",
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        h11_max_incomplete_event_size=16_384,
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=settings.proxies or None,
        server_header=False,
        access_log=False,
        log_config=None,
    )
    server = Server(config)
    # uvicorn raises the signal that stopped it once more at its end: without a handler that would be a failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: setattr(server, "should_exit", True))
    server.run(sockets=[listener])


def _allow_many_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * MAX_CONNECTIONS
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
