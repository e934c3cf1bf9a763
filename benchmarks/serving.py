"""Starts the servers that are compared, each in a process of its own on a free port of 127.0.0.1.

    python -m benchmarks.serving VARIANT DATABASE_URL

Variants: `product` is the application as it ships; `null` is the same without the database behind the webhooks;
`orm` answers webhooks with one ORM transaction each; `template` renders a prepared order page and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SECRET_KEY = "QmVuY2htYXJrcyBvbmx5OiB0aGlydHktdHdvIGJ5dGVzISE="
ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def server(variant: str, database_url: str, *, preload: Path | None = None, **environment: str) -> Iterator[int]:
    """The port of a running server; ended by its process id."""
    env = {
        **os.environ,
        "DOORSTEP_SECRET_KEY": SECRET_KEY,
        "DOORSTEP_DATABASE_URL": database_url,
        "DOORSTEP_HTTPS": "false",
        "DOORSTEP_LOG_LEVEL": "error",
        **environment,
    }
    if preload:
        env["LD_PRELOAD"] = str(preload)
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.serving", variant, database_url], env=env, cwd=ROOT, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the {variant} server did not start")
        yield int(json.loads(line)["port"])
    finally:
        process.terminate()
        process.wait(15)


def main(variant: str, database_url: str) -> None:
    """Serves one variant until terminated."""
    import uvicorn

    from portal.logs import configure
    from portal.settings import load

    settings = load(database_url=database_url)
    configure(settings)
    asgi = _VARIANTS[variant](settings)
    config = uvicorn.Config(asgi, loop="uvloop", http="httptools", log_level="error", access_log=False, lifespan="on")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
        uvicorn.Server(config).run([listener])


def _product(settings: Any) -> Any:
    from portal.app import create

    return create(settings)


def _null(settings: Any) -> Any:
    """The product, but a webhook that is verified and parsed is answered at once."""
    from portal.app import create
    from portal.tracking.inbox import HookRow, Writer

    async def put(self: Writer, row: HookRow) -> None:
        return None

    Writer.put = put  # type: ignore[method-assign]
    return create(settings)


def _orm(settings: Any) -> Any:
    """What one would write first: verify, then one ORM object in one transaction, in a thread."""
    import orjson
    from sqlmodel import Session, select
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    from carriers.contract import Hook
    from carriers.registry import all_carriers
    from portal.app import build
    from portal.connections import secrets_of
    from portal.tables import Connection, Inbox

    app = build(settings)
    carrier: Any = all_carriers()["easypost"]

    def store(token: str, body: bytes, headers: dict[str, str]) -> None:
        now = datetime.now(UTC)
        with app.db.transaction() as tx:
            connection = tx.exec(select(Connection).where(Connection.hook_token == token)).one()
            hook = Hook(body, headers)
            carrier.verify(hook, secrets_of(app, connection)["webhook_secret"], now)
            key = carrier.hook_key(hook)
            if (
                tx.exec(select(Inbox).where(Inbox.connection_id == connection.id, Inbox.hook_key == key)).first()
                is None
            ):
                row = Inbox(
                    connection_id=connection.id or 0,
                    carrier="easypost",
                    via="hook",
                    hook_key=key,
                    body=body,
                    received_at=now,
                    next_at=now,
                )
                _add(tx, row)

    def _add(tx: Session, row: Inbox) -> None:
        tx.add(row)
        tx.flush()

    async def hook(request: Request) -> JSONResponse:
        body = await request.body()
        orjson.loads(body)
        await run_in_threadpool(store, request.path_params["token"], body, dict(request.headers))
        return JSONResponse({"ok": True})

    return Starlette(routes=[Route("/hooks/{carrier}/{token}", hook, methods=["POST"])])


def _template(settings: Any) -> Any:
    """The order page's template with values prepared once: what rendering alone can do."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import HTMLResponse
    from starlette.routing import Route

    from portal.app import build
    from portal.web.edge import Ask
    from portal.web.guard import guards
    from portal.web.pages.order import order_page

    app = build(settings)
    path = os.environ["BENCH_PATH"]
    ask = Ask(
        app=app,
        site=app.brands.all()[0],
        unit=None,
        now=app.now(),
        path={"order": path.rpartition("/")[2]},
        query={},
        headers={},
        cookies={"ds_order": os.environ["BENCH_COOKIE"]},
        body={},
        client="127.0.0.1",
        url_path=path,
    )
    prepared: Any = asyncio.run(_answered(app.db, order_page.steps(ask)))

    async def show(request: Request) -> HTMLResponse:
        return HTMLResponse(app.renderer.page(prepared.template, prepared.values, site=ask.site, ask=ask))

    return Starlette(routes=[Route("/orders/{order}", show)], middleware=guards(settings))


async def _answered(db: Any, steps: Any) -> Any:
    from portal.lines import Lines
    from portal.quick import follow

    if not db.is_postgres:
        return follow(db, steps)
    lines = Lines(db)
    try:
        return await lines.follow(steps)
    finally:
        await lines.close()


_VARIANTS = {"product": _product, "null": _null, "orm": _orm, "template": _template}

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
