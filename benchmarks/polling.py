"""A simulated week of 5,000 active parcels under small quotas: how fresh what matters stays, beside the best possible.

The parcels, the carrier and the clock are simulated; what is measured is the product's own: `claim_call` chooses and
spends over the real tables on SQLite, and `fold`, `window_for`, `delay_of`, `near_from` and `next_poll` say what comes
of each answer. Only the way of the bytes through inbox and story is left out.

A parcel is *due* while the carrier expects it today or tomorrow, or has it out for delivery, and *fresh* while its last
answer is at most two hours old. *News* are the scans of the last mile: out for delivery, tried, delivered.
"""

from __future__ import annotations

import json
import os
import random
import tempfile
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from heapq import heappop, heappush
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, func, insert, select, update
from sqlmodel import SQLModel

from benchmarks import databases
from carriers.contract import Scan, ZoneFrom
from carriers.status import Status
from portal.app import App, build
from portal.settings import load
from portal.tables import Brand, Connection, Order, Shipment
from portal.tracking.budget import next_call_at
from portal.tracking.delay import Listening, delay_of
from portal.tracking.pace import FRESH, near_day, near_from, next_poll
from portal.tracking.poll import claim_call
from portal.tracking.timeline import Fold, Kept, fold
from portal.tracking.window import Heard, Promise, window_for

ACTIVE = int(os.environ.get("DOORSTEP_BENCH_PARCELS", "5000"))
DAYS = 7
SETTLING = 2  # days before the week that is measured
START = datetime(2026, 11, 16, 5, 0, tzinfo=UTC)  # midnight at the destination
ZONE = "America/New_York"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SAMPLE = timedelta(minutes=15)
FIXED_CLOCK = timedelta(hours=2)
LAST_MILE = {Status.OUT_FOR_DELIVERY, Status.ATTEMPT_FAILED, Status.DELIVERED}
SECRET_KEY = "QmVuY2htYXJrcyBvbmx5OiB0aGlydHktdHdvIGJ5dGVzIG9yIG1vcmUh"


@dataclass(frozen=True)
class Quota:
    """What a carrier allows: calls in any stretch of `per`, with so many numbers in each."""

    name: str
    calls: int
    per: timedelta
    numbers: int


# For 5,000 parcels. With fewer, for a quick look, the quotas shrink alike.
QUOTAS = (
    Quota("60 calls an hour, 35 numbers a call", round(60 * ACTIVE / 5000), HOUR, 35),
    Quota("60 calls an hour, one number a call", round(60 * ACTIVE / 5000), HOUR, 1),
    Quota("250 calls a day, one number a call", round(250 * ACTIVE / 5000), DAY, 1),
)


@dataclass(eq=False)
class Parcel:
    """One journey, decided beforehand. `expected` are the carrier's dates of delivery, each from a moment on."""

    id: int
    born: datetime
    promise: Promise
    scans: list[Kept]
    expected: list[tuple[datetime, date]]
    delivered_at: datetime

    @cached_property
    def times(self) -> list[datetime]:
        return [kept.scan.at for kept in self.scans if kept.scan.at]

    @cached_property
    def folds(self) -> dict[int, Fold]:
        return {}

    def fold_at(self, now: datetime) -> Fold:
        known = bisect_right(self.times, now)
        if known not in self.folds:
            self.folds[known] = fold(self.scans[:known], ZONE)
        return self.folds[known]

    def expected_at(self, now: datetime) -> date | None:
        said = [day for at, day in self.expected if at <= now]
        return said[-1] if said else None

    def is_active(self, now: datetime) -> bool:
        return self.born <= now < self.delivered_at

    def is_due(self, now: datetime, today: date) -> bool:
        if not self.is_active(now) or now < self.times[0]:
            return False
        day = self.expected_at(now)
        if day is not None and today <= day <= today + DAY:
            return True
        return self.fold_at(now).status is Status.OUT_FOR_DELIVERY

    @cached_property
    def news(self) -> list[datetime]:
        return [kept.scan.at for kept in self.scans if kept.scan.at and kept.scan.status in LAST_MILE]


def local(day: date, hour: float) -> datetime:
    """An instant by the clock of the destination."""
    return (datetime.combine(day, time(0), ZoneInfo(ZONE)) + timedelta(hours=hour)).astimezone(UTC)


def parcels(rng: random.Random) -> list[Parcel]:
    """So many a day that ACTIVE are on their way at any time: a label, a pick-up in the evening, one to five days."""
    found: list[Parcel] = []
    first = START.astimezone(ZoneInfo(ZONE)).date() - 9 * DAY
    a_day = round(ACTIVE / 3.75)  # a life is 3.75 days on average
    for number in range(9 + SETTLING + DAYS):
        for _ in range(a_day):
            found.append(parcel(len(found) + 1, first + number * DAY, rng))
    return [one for one in found if one.delivered_at > START]


def parcel(number: int, day: date, rng: random.Random) -> Parcel:
    born = local(day, rng.uniform(8, 18))
    handed_in = max(born + HOUR, local(day + (DAY if rng.random() < 0.25 else 0 * DAY), rng.uniform(17, 20)))
    shipped = handed_in.astimezone(ZoneInfo(ZONE)).date()
    transit = rng.choices((1, 2, 3, 4, 5), (10, 30, 30, 20, 10))[0]
    planned = shipped + transit * DAY
    expected = [(handed_in, planned)]
    scans = [(handed_in, Status.PICKED_UP), (handed_in + 6 * HOUR, Status.IN_TRANSIT)]
    for leg in range(1, transit):
        at = local(shipped + leg * DAY, rng.uniform(2, 22))
        scans.append((at, Status.IN_TRANSIT))
    if rng.random() < 0.12:  # a connection is missed, and said so the evening before
        planned += DAY
        said = max(handed_in + 8 * HOUR, local(planned - 2 * DAY, 20))
        expected.append((said, planned))
        scans.append((said, Status.EXCEPTION))
    out = local(planned, rng.uniform(7, 10))
    scans.append((out, Status.OUT_FOR_DELIVERY))
    if rng.random() < 0.06:
        scans.append((out + rng.uniform(2, 8) * HOUR, Status.ATTEMPT_FAILED))
        expected.append((out + 9 * HOUR, planned + DAY))
        out = local(planned + DAY, rng.uniform(7, 10))
        scans.append((out, Status.OUT_FOR_DELIVERY))
    delivered_at = out + rng.uniform(1, 10) * HOUR
    scans.append((delivered_at, Status.DELIVERED))
    promised = shipped + (transit + rng.choice((0, 0, 1))) * DAY
    promise = Promise(promised, promised + DAY) if rng.random() < 0.7 else Promise()
    kept = [Kept(str(n), scan(at, status)) for n, (at, status) in enumerate(sorted(scans, key=lambda pair: pair[0]))]
    return Parcel(number, born, promise, kept, expected, delivered_at)


def scan(at: datetime, status: Status) -> Scan:
    there = at.astimezone(ZoneInfo(ZONE)).replace(tzinfo=None).isoformat(timespec="seconds")
    return Scan(at, there, None, ZoneFrom.CARRIER, status.value, "", status)


class Week:
    """The parcels, and which of them are due at each sample: the same for every policy."""

    def __init__(self, found: Sequence[Parcel]) -> None:
        self.parcels = sorted(found, key=lambda one: one.born)
        self.by_id = {one.id: one for one in found}
        self.due: dict[datetime, list[int]] = {}
        at = START + SETTLING * DAY
        while at < END:
            today = at.astimezone(ZoneInfo(ZONE)).date()
            self.due[at] = [one.id for one in found if one.is_due(at, today)]
            at += SAMPLE


@dataclass
class Score:
    """What a policy has achieved, filled while the simulated time goes by."""

    quota: Quota
    week: Week
    heard: dict[int, datetime] = field(default_factory=dict)
    due: int = 0
    fresh: int = 0
    calls: int = 0
    refused: int = 0
    news: int = 0
    in_time: int = 0
    lags: list[timedelta] = field(default_factory=list)
    sampled_at: datetime = START + SETTLING * DAY
    _recent: deque[datetime] = field(default_factory=deque)

    def asked(self, ids: Sequence[int], now: datetime) -> bool:
        """One call. Counts it, and says whether the carrier answers it: not beyond its quota, by any clock."""
        self.calls += 1
        while self._recent and self._recent[0] <= now - self.quota.per:
            self._recent.popleft()
        if len(self._recent) >= self.quota.calls:
            self.refused += 1
            return False
        self._recent.append(now)
        for number in ids:
            self._tell(self.week.by_id[number], now)
        return True

    def _tell(self, one: Parcel, now: datetime) -> None:
        before = self.heard.get(one.id, one.born)
        for at in one.news:
            if before < at <= now and is_measured(at):
                self.news += 1
                self.lags.append(now - at)
                self.in_time += now - at <= FRESH
        self.heard[one.id] = now

    def sample(self, now: datetime) -> None:
        """Looks at every due parcel, every quarter of an hour up to `now`."""
        while self.sampled_at <= min(now, END - SAMPLE):
            since = self.sampled_at - FRESH
            due = self.week.due[self.sampled_at]
            self.due += len(due)
            self.fresh += sum(self.heard.get(number, START - DAY) >= since for number in due)
            self.sampled_at += SAMPLE

    def finish(self) -> dict[str, Any]:
        """Shares of the week. News that nobody ever asked about are late, too."""
        self.sample(END)
        for one in self.week.parcels:
            missed = [at for at in one.news if at > self.heard.get(one.id, one.born) and is_measured(at)]
            self.news += len(missed)
            self.lags += [END - at for at in missed]
        half = sorted(self.lags)[len(self.lags) // 2] / HOUR if self.lags else 0.0
        return {
            "calls": self.calls,
            "refused_429": self.refused,
            "fresh": self.fresh / max(self.due, 1),
            "news_in_time": self.in_time / max(self.news, 1),
            "news_median_hours": half,
        }


END = START + (SETTLING + DAYS) * DAY


def is_measured(at: datetime) -> bool:
    return START + SETTLING * DAY <= at <= END - FRESH


def best_possible(quota: Quota, week: Week) -> dict[str, Any]:
    """Upper bounds. A poll keeps one parcel fresh for two hours: no more are fresh at once than two hours hold polls,
    and over a day no longer than its polls last. News: one who knows beforehand when each parcel has some."""
    at_once = round(quota.calls * quota.numbers * max(FRESH / quota.per, 1))
    a_day = quota.calls * quota.numbers * (DAY / quota.per) * (FRESH / SAMPLE)
    samples = list(week.due.values())
    per_day = round(DAY / SAMPLE)
    days = [samples[first : first + per_day] for first in range(0, len(samples), per_day)]
    fresh = sum(min(sum(min(len(due), at_once) for due in day), a_day) for day in days)
    return {"fresh": fresh / sum(map(len, samples)), "news_in_time": oracle(quota, week)}


def oracle(quota: Quota, week: Week) -> float:
    """The share of news that evenly spread calls can bring in time, each used for those whose time is up first."""
    events = sorted((at, one.id) for one in week.parcels for at in one.news if is_measured(at))
    waiting: list[tuple[datetime, int]] = []
    position = in_time = 0
    now, step = START + SETTLING * DAY, quota.per / quota.calls
    while now <= END:
        while position < len(events) and events[position][0] <= now:
            heappush(waiting, (events[position][0] + FRESH, events[position][1]))
            position += 1
        left = quota.numbers
        while waiting and left:
            until, number = heappop(waiting)
            if until < now:
                continue
            also = [entry for entry in waiting if entry[1] == number]
            waiting = sorted(entry for entry in waiting if entry[1] != number) if also else waiting
            in_time += 1 + len(also)
            left -= 1
        now += step
    return in_time / len(events)


def fixed_clock(quota: Quota, week: Week) -> dict[str, Any]:
    """Every parcel that is not known to be delivered every two hours, oldest first, whatever the carrier says."""
    score = Score(quota, week)
    now, done = START, set[int]()
    while now < END:
        score.sample(now - timedelta(microseconds=1))
        asked = [one.id for one in week.parcels if one.born <= now and one.id not in done]
        for first in range(0, len(asked), quota.numbers):
            ids, at = asked[first : first + quota.numbers], now + timedelta(seconds=first / quota.numbers)
            if score.asked(ids, at):
                done |= {number for number in ids if not week.by_id[number].is_active(at)}
        now += FIXED_CLOCK
    return score.finish()


def first_come(quota: Quota, week: Week) -> dict[str, Any]:
    """The same clock with good manners: it keeps the quota, and whoever has waited longest is next."""
    score = Score(quota, week)
    queue: list[tuple[datetime, int]] = []
    born = deque(week.parcels)
    now, step = START, quota.per / quota.calls
    while now < END:
        score.sample(now)
        while born and born[0].born <= now:
            heappush(queue, (born[0].born, born.popleft().id))
        ids: list[int] = []
        while queue and len(ids) < quota.numbers and queue[0][0] <= now:
            number = heappop(queue)[1]
            ids.append(number)
        if ids and score.asked(ids, now):
            for number in ids:
                if score.week.by_id[number].is_active(now):
                    heappush(queue, (now + FIXED_CLOCK, number))
        now += step
    return score.finish()


class Clock:
    """The simulated time."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def product(quota: Quota, week: Week) -> dict[str, Any]:
    """Ours, over real tables."""
    with tempfile.TemporaryDirectory(dir=_fast_folder()) as folder, databases.sqlite(Path(folder)) as url:
        clock = Clock()
        app = build(load(database_url=url, secret_key=SECRET_KEY), now=clock)
        try:
            return Simulation(app, clock, quota, week).run()
        finally:
            app.db.close()


def _fast_folder() -> str | None:
    """What is simulated needs no disk: in memory where the system has such a folder."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108


class Simulation:
    """The poller's choices and what follows from the answers."""

    def __init__(self, app: App, clock: Clock, quota: Quota, week: Week) -> None:
        self.app = app
        self.clock = clock
        self.quota = quota
        self.score = Score(quota, week)
        self.rng = random.Random(7)
        self.born = deque(week.parcels)
        self.connection = self._world()

    def run(self) -> dict[str, Any]:
        """From the first day to the last."""
        while self.clock.now < END:
            self._register()
            found = claim_call(self.app, self.connection, self.quota.numbers, rng=self.rng)
            if found is not None:
                ids = [row.id for row in found.rows]
                self.score.sample(self.clock.now)
                if self.score.asked(ids, self.clock.now):
                    self._answer(ids)
            self.clock.now = max(self._next(found is None), self.clock.now + timedelta(seconds=1))
        return self.score.finish()

    def _world(self) -> Connection:
        now = self.clock.now
        limits = {HOUR: "calls_per_hour", DAY: "calls_per_day"}
        with self.app.db.transaction() as tx:
            brand = Brand(slug="b", name="B", origin="https://b.example", host="b.example", theme={}, sender_name="B",
                          sender_email="b@b.example", zone=ZONE, return_address={}, created_at=now)  # fmt: skip
            config = {limits[self.quota.per]: self.quota.calls, "calls_per_second": 100}
            connection = Connection(carrier="northpost", name="Simulated", config=config, created_at=now)
            tx.add_all([brand, connection])
            tx.flush()
            order = Order(brand_id=brand.id or 0, number="1", number_key="1", email="", postcode_key="", ship_to={},
                          currency="USD", stage="shipped", placed_at=now, source="json", source_id="1", created_at=now,
                          updated_at=now)  # fmt: skip
            tx.add(order)
            tx.flush()
            tx.expunge_all()
        self.brand_id, self.order_id, self.connection_id = brand.id or 0, order.id or 0, connection.id
        return connection

    def _register(self) -> None:
        """What the shop has shipped since the last look, as the importer writes it."""
        fresh = []
        while self.born and self.born[0].born <= self.clock.now:
            fresh.append(self.born.popleft())
        if not fresh:
            return
        rows = [self._shipment(one) for one in fresh]
        with self.app.db.transaction() as tx:
            tx.connection().execute(insert(Shipment), rows)

    def _shipment(self, one: Parcel) -> dict[str, Any]:
        promise, number = one.promise, str(one.id)
        plain = Shipment(
            brand_id=self.brand_id,
            order_id=self.order_id,
            connection_id=self.connection_id,
            carrier="northpost",
            number=number,
            number_key=number,
            to_zone=ZONE,
            promised_from=promise.start,
            promised_to=promise.end,
            near_from=near_day(promise.start or promise.end, ZONE),
            next_at=max(one.born, START),
            created_at=one.born,
            updated_at=one.born,
        )
        return plain.model_dump() | {"id": one.id}

    def _answer(self, ids: Sequence[int]) -> None:
        now = self.clock.now
        values = [{"b_id": number, **self._told(self.score.week.by_id[number], now)} for number in ids]
        with self.app.db.transaction() as tx:
            tx.connection().execute(_WRITE, values)

    def _told(self, one: Parcel, now: datetime) -> dict[str, Any]:
        """What portal.tracking.refold would write of the poller's concern."""
        folded = one.fold_at(now)
        day = one.expected_at(now)
        heard = Heard(day, day, "simulated", now) if day else None
        window = window_for(folded, one.promise, heard, ZONE, now)
        delay = delay_of(folded, window, one.promise, heard, Listening(True, now, one.born), ZONE, now)
        return {
            "status": folded.status.value,
            "heard_at": now,
            "near_from": near_from(folded, window, delay.missed, ZONE, now),
            "next_at": next_poll(folded, window, one.born, ZONE, now, missed=delay.missed, rng=self.rng),
        }

    def _next(self, is_idle: bool) -> datetime:
        """When the budgets allow a call again, and something is due."""
        now = self.clock.now
        with self.app.db.reading() as tx:
            allowed = next_call_at(tx, self.connection, now)
            if not is_idle:
                return allowed
            due = tx.execute(select(func.min(_TABLE.c.next_at))).scalar_one()
        coming = [moment for moment in (due, self.born[0].born if self.born else None) if moment]
        return max(allowed, min(coming, default=END))


_TABLE = SQLModel.metadata.tables["shipment"]
_WRITE = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("b_id"))
    .values({name: bindparam(name) for name in ("status", "heard_at", "near_from", "next_at")} | {"tries": 0})
)


def main() -> dict[str, Any]:
    """Each quota, each policy, and the best possible."""
    week = Week(parcels(random.Random(2026)))
    results: dict[str, Any] = {}
    for quota in QUOTAS:
        results[quota.name] = {
            "best": best_possible(quota, week),
            "product": product(quota, week),
            "first_come": first_come(quota, week),
            "fixed_clock": fixed_clock(quota, week),
        }
        print(quota.name, json.dumps(results[quota.name]), flush=True)
    return results


if __name__ == "__main__":
    print(json.dumps(main(), indent=2))
