"""Two ways to reach the application: in process with a cookie jar, and behind a real server on a free port."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import anyio.from_thread
import httpx
import uvicorn

from portal.app import App, Clock, create
from portal.settings import Settings

_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')


class Client:
    """A browser without JavaScript. `host` chooses the brand; cookies are kept per host."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.asgi = create(settings, now=clock)
        self._jars: dict[str, httpx.Cookies] = {}

    @property
    def app(self) -> App:
        """The bundle inside this application (not the `app` fixture's, though of the same database)."""
        bundle: App = self.asgi.state.app
        return bundle

    def __enter__(self) -> Self:
        self._portal = anyio.from_thread.start_blocking_portal()
        self._call = self._portal.__enter__()
        self._lifespan = self.asgi.router.lifespan_context(self.asgi)
        self._call.call(self._lifespan.__aenter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call.call(self._lifespan.__aexit__, None, None, None)
        self._portal.__exit__(kind, error, trace)

    def get(self, path: str, *, host: str = "juniper.test", headers: Mapping[str, str] | None = None) -> httpx.Response:
        """GET, without following redirects."""
        return self.send("GET", path, host=host, headers=headers)

    def post(
        self,
        path: str,
        data: Mapping[str, Any] | None = None,
        *,
        host: str = "juniper.test",
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> httpx.Response:
        """POST a form as a browser on our own page does. Pass `content=` and headers for other bodies."""
        sent = {"sec-fetch-site": "same-origin", **(headers or {})}
        return self.send("POST", path, host=host, headers=sent, data=data, **more)

    def submit(self, page: str, path: str, data: Mapping[str, Any], *, host: str = "juniper.test") -> httpx.Response:
        """Opens `page`, takes the form token from it, posts `data` to `path`."""
        token = _TOKEN.search(self.get(page, host=host).text)
        return self.post(path, {**data, "csrf": token.group(1) if token else ""}, host=host)

    def follow(self, response: httpx.Response, *, host: str = "juniper.test") -> httpx.Response:
        """The page that a redirect leads to; at most five hops."""
        for _ in range(5):
            if response.status_code not in {302, 303, 307}:
                break
            response = self.get(response.headers["location"], host=host)
        return response

    def send(self, method: str, path: str, *, host: str, **options: Any) -> httpx.Response:
        """Any request."""

        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self.asgi, raise_app_exceptions=True, client=("127.0.0.1", 40000))
            jar = self._jars.setdefault(host, httpx.Cookies())
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}", cookies=jar) as http:
                response = await http.request(method, path, **options)
                self._jars[host] = http.cookies
                return response

        return self._call.call(call)

    def forget_cookies(self) -> None:
        """A new browser."""
        self._jars.clear()


@dataclass(frozen=True)
class Served:
    """A running server: its base URL, and the bundle inside."""

    url: str
    app: App


@contextmanager
def serve(settings: Settings, *, now: Clock | None = None) -> Iterator[Served]:
    """Runs uvicorn in a thread on a free port until left."""
    asgi = create(settings, now=now) if now else create(settings)
    # Without its own logging: uvicorn would unhook its loggers from the root for every later test of this process.
    config = uvicorn.Config(asgi, log_level="warning", lifespan="on", access_log=False, log_config=None)
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        ready = threading.Event()
        started = server.startup

        async def startup(sockets: list[socket.socket] | None = None) -> None:
            await started(sockets)
            ready.set()

        server.startup = startup  # type: ignore[method-assign]
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            if not ready.wait(60):
                raise RuntimeError("the server did not start within 60 s")
            yield Served(f"http://127.0.0.1:{port}", asgi.state.app)
        finally:
            server.should_exit = True
            thread.join(15)
