"""The webhook and health routes alone, with the guard around them, in process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette

from portal.app import App
from portal.tracking.inbox import Writer
from portal.web.guard import guards
from portal.web.health import health_routes
from portal.web.hooks import Hooks, hook_routes
from tests.client import Client


class Door(Client):
    """As Client, for carriers and monitors."""

    def __init__(self, app: App) -> None:
        threads = ThreadPoolExecutor(4)
        writer = Writer(app.db)
        routes = [*hook_routes(app, writer, threads), *health_routes(app, threads)]

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            writer.start()
            yield
            writer.close()
            threads.shutdown()

        self.writer = writer
        hooks = routes[0].endpoint
        assert isinstance(hooks, Hooks)
        self.hooks = hooks
        self.asgi = Starlette(routes=routes, lifespan=lifespan, middleware=guards(app.settings))
        self._jars = {}

    def push(self, path: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        """One webhook delivery."""
        return self.send("POST", path, host="juniper.test", content=body, headers=headers)
