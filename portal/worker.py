"""`doorstep worker`: every job of portal/jobs, each on its own tick, until told to stop.

APScheduler only ticks. What is due lives in tables and is claimed there, so two workers, or twenty, are harmless.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from portal.app import App
from portal.claim import Held, hand_over, holding
from portal.db import gave_way, insert_into, is_lost, is_outage
from portal.tables import Heartbeat
from portal.work import Job, all_jobs

log = structlog.get_logger("portal.worker")

# A beat costs a commit; jobs that tick every second tell of it this often.
BEAT_EVERY: Final = timedelta(seconds=15)
# What is being done is finished within this; a call to a carrier ends after 20 s at the latest, its lease runs out.
GRACE_SECONDS: Final = 15.0
CLOCK_SECONDS: Final = 5.0


@dataclass(slots=True)
class Ticker:
    """One job with its heartbeat."""

    app: App
    job: Job
    worker: str
    stop: threading.Event
    failures: int = 0
    told_at: float = field(default=float("-inf"))
    left: list[Held] = field(default_factory=list)

    def __call__(self) -> None:
        """Batches until nothing is due. A failure is logged and counted; the next tick tries again."""
        started = time.monotonic()
        rows = 0
        try:
            self._hand_over()
            for _ in range(self.job.rounds):
                handled = 0 if self.stop.is_set() else self._round()
                rows += handled
                if not handled:
                    break
        except Exception as error:
            self.failures += 1
            is_ours = not is_outage(error)
            log.error("job_failed", job=self.job.name, kind=type(error).__name__, exc_info=error if is_ours else None)
            return
        took_ms = int((time.monotonic() - started) * 1000)
        if rows:
            log.info("job_done", job=self.job.name, rows=rows, ms=took_ms)
        self._beat(took_ms)

    def _round(self) -> int:
        with holding() as held:
            try:
                return self.job.run(self.app)
            except Exception as error:
                if is_lost(error) or gave_way(error):
                    self.left += held
                raise

    def _hand_over(self) -> None:
        """The first thing once the database is back: rows that were in hand when it went wait for no lease."""
        if self.left:
            with self.app.db.transaction() as tx:
                changed = hand_over(tx, self.left, self.app.now())
            log.info("handed_over", job=self.job.name, rows=changed)
            self.left.clear()

    def _beat(self, took_ms: int) -> None:
        if time.monotonic() - self.told_at < BEAT_EVERY.total_seconds():
            return
        try:
            beat(self.app, self.job.name, self.worker, took_ms, self.failures)
        except Exception as error:
            log.warning("beat_failed", job=self.job.name, kind=type(error).__name__)
            return
        self.told_at = time.monotonic()
        self.failures = 0


def run(app: App, stop: threading.Event) -> bool:
    """Ticks until `stop` is set, then finishes the batches in hand. False when one did not end within the grace."""
    worker = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(2)}"
    jobs = all_jobs()
    scheduler = _scheduler(len(jobs))
    soon = datetime.now(UTC)
    for job in jobs:
        ticker = Ticker(app, job, worker, stop)
        every = IntervalTrigger(seconds=job.every.total_seconds())
        scheduler.add_job(ticker, every, id=job.name, next_run_time=soon)
    scheduler.start()
    log.info("worker_started", jobs=len(jobs), worker=worker)
    _watch_the_clock(scheduler, stop)
    is_clean = _shut_down(scheduler)
    log.info("worker_stopped", worker=worker, kind="clean" if is_clean else "unfinished")
    return is_clean


def main(app: App) -> int:
    """Runs until SIGTERM or SIGINT. The process's exit code; a batch that hangs is left to its lease."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    is_clean = run(app, stop)
    app.db.close()
    if not is_clean:
        os._exit(0)  # a thread hangs in a call; waiting for it would make the stop unclean for whoever restarts us
    return 0


def beat(app: App, job: str, worker: str, took_ms: int, failures: int) -> None:
    """Says that a job has just finished, for /health."""
    values = {"at": app.now(), "took_ms": took_ms, "failures": failures}
    with app.db.transaction() as tx:
        statement = insert_into(tx, Heartbeat).values(job=job, worker=worker, **values)
        tx.connection().execute(statement.on_conflict_do_update(index_elements=["job", "worker"], set_=values))


def _scheduler(jobs: int) -> BackgroundScheduler:
    return BackgroundScheduler(
        executors={"default": ThreadPoolExecutor(max(1, jobs))},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 300},
        timezone=UTC,
    )


def _watch_the_clock(scheduler: BackgroundScheduler, stop: threading.Event) -> None:
    """Until `stop` is set. Where the clock is set back, every tick would wait until its old time has come again."""
    before = _clock_ahead()
    while not stop.wait(CLOCK_SECONDS):
        ahead = _clock_ahead()
        if before - ahead > 1:
            log.warning("clock_set_back", count=int(before - ahead))
            for job in scheduler.get_jobs():
                job.modify(next_run_time=datetime.now(UTC))
        before = ahead


def _clock_ahead() -> float:
    """By how many seconds the wall's clock is ahead of the one that nobody sets."""
    return time.time() - time.monotonic()


def _shut_down(scheduler: BackgroundScheduler) -> bool:
    waiting = threading.Thread(target=scheduler.shutdown, kwargs={"wait": True}, daemon=True)
    waiting.start()
    waiting.join(GRACE_SECONDS)
    return not waiting.is_alive()
