"""`create(settings)` builds the web application; `App` is the frozen bundle that every page is handed."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

# Loaded by `build` and `create`, which know how to load quickly.
if TYPE_CHECKING:
    from starlette.applications import Starlette

    from portal.brands import Brands
    from portal.db import Database
    from portal.keys import Keys
    from portal.settings import Settings
    from portal.web.render import Renderer

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The clock of production; tests hand in their own."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class App:
    """What a page, a job or a command may reach. Built once per process; nothing in it changes."""

    settings: Settings
    db: Database
    keys: Keys
    now: Clock
    brands: Brands
    renderer: Renderer


@contextmanager
def _loading() -> Iterator[None]:
    """Keeps the garbage collector out: what modules make stays, and looking through it takes a fifth of the start.

    What the first application of a process has loaded is left out of every later look as well, that at exit included.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            if not gc.get_freeze_count():
                gc.freeze()
            gc.enable()


def build(settings: Settings, *, now: Clock = utc_now, busy_seconds: int | None = None) -> App:
    """The bundle without a web server around it: for the worker, the command line and tests."""
    with _loading():
        from portal.brands import Brands
        from portal.db import BUSY_SECONDS, Database
        from portal.keys import Keys
        from portal.web.render import Renderer

    patience = BUSY_SECONDS if busy_seconds is None else busy_seconds
    db = Database(settings.database_url, pool_size=settings.threads + 4, busy_seconds=patience)
    return App(settings, db, Keys(settings.key_bytes, settings.further_key_bytes), now, Brands(db), Renderer())


def create(settings: Settings, *, now: Clock = utc_now) -> Starlette:
    """The ASGI application. Its `state.app` is the bundle; writer and threads live as long as its lifespan."""
    with _loading():
        return _created(settings, now)


def _created(settings: Settings, now: Clock) -> Starlette:
    from starlette.applications import Starlette

    from portal.tracking.inbox import Writer
    from portal.web.edge import Edge
    from portal.web.guard import guards
    from portal.web.health import health_routes
    from portal.web.hooks import hook_routes
    from portal.web.wellknown import well_known_routes

    app = build(settings, now=now)
    threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="page")
    writer = Writer(app.db)
    edge = Edge(app, threads)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        writer.start()
        try:
            yield
        finally:
            writer.close()
            await edge.close()
            threads.shutdown()
            app.db.close()

    routes = [*hook_routes(app, writer, threads), *health_routes(app, threads), *edge.routes(), *well_known_routes(app)]
    starlette = Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=guards(settings),
        exception_handlers={404: edge.nowhere, 405: edge.nowhere},
    )
    # Starlette would answer "/x/" with an address made from the Host header, whatever stands in that.
    starlette.router.redirect_slashes = False
    starlette.state.app = app
    return starlette
