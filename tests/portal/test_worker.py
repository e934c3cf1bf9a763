"""The worker: ticks every job, survives their failures, stops when told, and tells when it last did what."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import select
from structlog.testing import capture_logs

from portal import worker as module
from portal.app import App
from portal.claim import claim
from portal.jobs.housekeeping import clean
from portal.tables import AgentSession, ConnectionUse, Heartbeat, Hit, Inbox, LinkRequest, ShopperSession
from portal.work import Job, all_jobs
from portal.worker import Ticker, run
from tests.conftest import Clock
from tests.portal.tracking.northpost import connect
from tests.world import World


def job(work: Callable[[App], int], **options: int) -> Job:
    return Job("test", timedelta(milliseconds=20), work, **options)


def beats(app: App) -> list[Heartbeat]:
    with app.db.reading() as tx:
        return list(tx.exec(select(Heartbeat)).all())


def test_every_file_of_the_folder_is_a_job() -> None:
    names = [job.name for job in all_jobs()]
    assert {"ingest", "poll", "delays", "housekeeping", "send"} <= set(names)
    assert len(names) == len(set(names))


def test_a_tick_works_until_nothing_is_due_and_beats(app: App) -> None:
    left = [3]

    def work(_: App) -> int:
        left[0] -= 1
        return left[0]

    Ticker(app, job(work), "w", threading.Event())()
    assert left == [0]
    (beat,) = beats(app)
    assert (beat.job, beat.worker, beat.failures, beat.at) == ("test", "w", 0, app.now())


def test_a_tick_ends_even_if_work_never_does(app: App) -> None:
    rounds = itertools.count(1)
    Ticker(app, job(lambda _: next(rounds), rounds=5), "w", threading.Event())()
    assert next(rounds) == 6


def test_a_clock_set_back_holds_up_no_job(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = threading.Semaphore(0)

    def work(_: App) -> int:
        ran.release()
        return 0

    hourly = Job("test", timedelta(hours=1), work)
    monkeypatch.setattr(module, "all_jobs", lambda: [hourly])
    monkeypatch.setattr(module, "CLOCK_SECONDS", 0.02)
    ahead = [3600.0]
    monkeypatch.setattr(module, "_clock_ahead", lambda: ahead[0])
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(app, stop))
    thread.start()
    try:
        assert ran.acquire(timeout=20)
        assert not ran.acquire(timeout=0.2)  # not before its hour is over
        ahead[0] = 0.0
        assert ran.acquire(timeout=20)
    finally:
        stop.set()
        thread.join(20)


def test_a_job_that_fails_is_logged_and_tried_again(app: App) -> None:
    def work(_: App) -> int:
        raise ZeroDivisionError

    ticker = Ticker(app, job(work), "w", threading.Event())
    with capture_logs() as lines:
        ticker()
        ticker()
    assert [line["event"] for line in lines] == ["job_failed", "job_failed"]
    assert (ticker.failures, beats(app)) == (2, [])
    ticker.job = job(lambda _: 0)
    ticker()
    assert beats(app)[0].failures == 2


def outage() -> OperationalError:
    return OperationalError("SELECT 1", {}, Exception("the server is away"), connection_invalidated=True)


def test_work_in_hand_when_the_database_went_away_is_done_as_soon_as_it_is_back(
    app: App, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.db.transaction() as tx:
        now = app.now()
        tx.add(LinkRequest(brand_id=world.juniper.id or 0, email="ada@example.test", asked_at=now, next_at=now))
    away = [True]
    handled: list[int] = []

    def work(app: App) -> int:
        with app.db.transaction() as tx:
            rows = claim(tx, LinkRequest, app.now(), lease=timedelta(hours=1))
        if away[0]:
            raise outage()
        handled.append(len(rows))
        return 0

    ticker = Ticker(app, job(work), "w", threading.Event())
    ticker()
    with monkeypatch.context() as gone:
        gone.setattr(module, "hand_over", raising(outage()))
        ticker()
    assert (handled, ticker.failures) == ([], 2)
    away[0] = False
    ticker()
    ticker()
    assert handled == [1, 0], "without waiting for the lease, and once"


def raising(error: Exception) -> Callable[..., int]:
    def fail(*_: object) -> int:
        raise error

    return fail


def test_told_to_stop_it_finishes_the_batch_in_hand_and_begins_no_other(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop, begun, finished = threading.Event(), threading.Event(), []

    def work(_: App) -> int:
        begun.set()
        stop.wait(30)
        time.sleep(0.05)
        finished.append(1)
        return 1

    monkeypatch.setattr(module, "all_jobs", lambda: [job(work)])
    clean_stop: list[bool] = []
    thread = threading.Thread(target=lambda: clean_stop.append(run(app, stop)))
    thread.start()
    assert begun.wait(30)
    stop.set()
    thread.join(30)
    assert (clean_stop, finished) == ([True], [1])


def test_a_batch_that_hangs_does_not_hold_up_the_stop(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    release, begun, stop = threading.Event(), threading.Event(), threading.Event()

    def work(_: App) -> int:
        begun.set()
        release.wait(60)
        return 0

    monkeypatch.setattr(module, "all_jobs", lambda: [job(work)])
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.2)
    clean_stop: list[bool] = []
    thread = threading.Thread(target=lambda: clean_stop.append(run(app, stop)))
    thread.start()
    assert begun.wait(30)
    stop.set()
    thread.join(30)
    release.set()
    assert clean_stop == [False]


def test_what_has_had_its_time_is_removed_and_the_rest_stays(app: App, world: World, clock: Clock) -> None:
    connection = connect(app)
    soon, past = clock.now + timedelta(hours=1), clock.now - timedelta(seconds=1)
    day = int(clock.now.timestamp()) // 86400
    with app.db.transaction() as tx:
        for name, expires in (("old", past), ("new", soon)):
            tx.add(
                ShopperSession(
                    token_hash=name,
                    brand_id=world.juniper.id or 0,
                    order_id=world.order.id or 0,
                    trust="email",
                    created_at=past,
                    expires_at=expires,
                )
            )
            agent = world.kim.id or 0
            tx.add(AgentSession(token_hash=name, agent_id=agent, created_at=past, seen_at=past, expires_at=expires))
            tx.add(Hit(key=name, period=1, expires_at=expires))
        for name, age in (("old", 31), ("new", 29)):
            tx.add(
                Inbox(
                    connection_id=connection.id or 0,
                    carrier="northpost",
                    via="hook",
                    hook_key=name,
                    body=b"",
                    received_at=clock.now - timedelta(days=age),
                )
            )
        for period in (day - 2, day):
            tx.add(ConnectionUse(connection_id=connection.id or 0, period_seconds=86400, period=period, calls=1))
    assert clean(app) == 5
    assert clean(app) == 0
    with app.db.reading() as tx:
        assert [row.token_hash for row in tx.exec(select(ShopperSession))] == ["new"]
        assert [row.hook_key for row in tx.exec(select(Inbox))] == ["new"]
        assert [row.period for row in tx.exec(select(ConnectionUse))] == [day]
