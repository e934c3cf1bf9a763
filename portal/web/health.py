"""Whether this installation works: alive, ready to serve, and what waits or is broken. No personal data."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any

import structlog
from sqlalchemy import func, select, text
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from portal.app import App
from portal.notify.outbox import channel_trouble
from portal.tables import CodeMapping, Connection, Heartbeat, Inbox, Label, LinkRequest, Outbox, Shipment, UnmappedCode
from portal.web.edge import RETRY_SECONDS, unavailable

log = structlog.get_logger("portal.health")

PEN_SECONDS = 10.0
# Jobs that tick every second say so at least this often while a worker runs.
SILENT_AFTER = timedelta(seconds=90)
_SAME_AGAIN = text("UPDATE alembic_version SET version_num = version_num")

_WORK = {"inbox": Inbox, "outbox": Outbox, "label": Label, "link": LinkRequest, "mapping": CodeMapping}


class Pen:
    """Whether the database takes what is written: a full or read-only disk still lets everything be read."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._tried_at = float("-inf")
        self._is_fine = True

    def is_fine(self) -> bool:
        """Tried at most every PEN_SECONDS, because anybody may ask and each try waits for the disk.

        Whoever asks meanwhile is told what was so before: a try that waits must not hold up every thread.
        """
        if time.monotonic() - self._tried_at >= PEN_SECONDS and self._lock.acquire(blocking=False):
            try:
                self._is_fine = self._write()
                self._tried_at = time.monotonic()
            finally:
                self._lock.release()
        return self._is_fine

    def _write(self) -> bool:
        try:
            with self._app.db.transaction() as tx:
                tx.execute(_SAME_AGAIN)
        except Exception as error:
            log.warning("not_writable", kind=type(error).__name__)
            return False
        return True


def health_routes(app: App, threads: ThreadPoolExecutor) -> list[Route]:
    """GET /health/live, /health/ready and /health."""
    pen = Pen(app)

    def in_thread(answer: Callable[[App], Response]) -> Callable[[Request], Any]:
        async def endpoint(_: Request) -> Response:
            return await asyncio.get_running_loop().run_in_executor(threads, answer, app)

        return endpoint

    return [
        Route("/health/live", _live, methods=["GET"]),
        Route("/health/ready", in_thread(ready), methods=["GET"]),
        Route("/health", in_thread(partial(health, pen)), methods=["GET"]),
    ]


async def _live(_: Request) -> Response:
    """This process answers. Touches nothing else, so that a lost database does not get it restarted."""
    return JSONResponse({"ok": True})


def ready(app: App) -> Response:
    """200 when requests can be served: the database answers and has the schema that this code knows."""
    try:
        fault = _fault(app)
    except Exception as error:  # whatever is wrong with the database, the answer is "not ready"
        log.warning("not_ready", kind=type(error).__name__)
        fault = "database_unreachable"
    if fault:
        return _unfit(fault)
    return JSONResponse({"ok": True})


def _unfit(fault: str) -> Response:
    return JSONResponse({"ok": False, "fault": fault}, 503, {"Retry-After": str(RETRY_SECONDS)})


def health(pen: Pen, app: App) -> Response:
    """Counts for monitoring. 503 when not ready or nothing can be written; what is dead, red or silent is listed with
    200, for people."""
    answer = ready(app)
    if answer.status_code != 200:
        return answer
    if not pen.is_fine():
        return _unfit("database_not_writable")
    try:
        with app.db.reading() as tx:
            return JSONResponse({"ok": True} | report(tx, app.now()))
    except Exception as error:  # lost between the two questions
        log.warning("not_ready", kind=type(error).__name__)
        return unavailable()


def report(tx: Session, now: datetime) -> dict[str, Any]:
    """What waits, what is dead, who is red, and when each job last ran. Ages in whole seconds."""
    from portal.tracking.mapping import is_open  # the worker's; only this report needs it in a web process

    work = {name: _work(tx, table, now) for name, table in _WORK.items()}
    due = tx.execute(
        select(func.count(), func.min(Shipment.next_at)).where(Shipment.__table__.c.next_at <= now)  # type: ignore[attr-defined]
    ).one()
    in_use = Connection.__table__.c.removed_at.is_(None)  # type: ignore[attr-defined]
    connections = tx.execute(select(Connection.state, func.count()).where(in_use).group_by(Connection.state)).all()  # type: ignore[call-overload]
    beats = tx.execute(select(Heartbeat.job, func.max(Heartbeat.at)).group_by(Heartbeat.job)).all()  # type: ignore[call-overload]
    return {
        "dead": sum(rows["dead"] for rows in work.values()),
        "work": work,
        "polls": {"due": due[0], "oldest_due_seconds": _age(due[1], now)},
        "unmapped_codes": tx.execute(select(func.count()).select_from(UnmappedCode).where(is_open())).scalar_one(),
        "connections": {state: count for state, count in connections},
        "mail": channel_trouble(tx) or "ok",
        "worker": "ok" if any(abs(now - at) < SILENT_AFTER for _, at in beats) else "silent",
        "jobs": {job: {"seconds_ago": _age(at, now)} for job, at in beats},
    }


def _work(tx: Session, table: Any, now: datetime) -> dict[str, Any]:
    columns = table.__table__.c
    given_up = [columns.dead_at.is_not(None), *([columns.discarded.is_(None)] if "discarded" in columns else [])]
    dead = tx.execute(select(func.count()).where(*given_up)).scalar_one()
    due, oldest = tx.execute(select(func.count(), func.min(columns.next_at)).where(columns.next_at <= now)).one()
    return {"dead": dead, "due": due, "oldest_due_seconds": _age(oldest, now)}


def _age(at: datetime | None, now: datetime) -> int | None:
    return None if at is None else max(0, int((now - at).total_seconds()))


def _fault(app: App) -> str:
    from portal import migrate  # Alembic is a sixth of the start-up, and only this question needs it

    return "" if migrate.current(app.db) == _head() else "not_migrated"


@cache
def _head() -> str:
    from portal import migrate

    return migrate.head()
