"""Limits: counted before what they limit, so that tries at the same moment get past none together."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import httpx
import pytest

from portal.db import Database
from portal.limits import Limit, count, give_back, take
from portal.settings import Settings
from tests.client import serve
from tests.conftest import NOON, Clock
from tests.world import World

MANY = 8


def minutes(key: str, most: int, length: int = 5) -> Limit:
    return Limit(key, most, timedelta(minutes=length))


def test_tries_at_the_same_moment_do_not_pass_a_limit_together(database: Database) -> None:
    begun = Barrier(MANY)

    def attempt(_: int) -> bool:
        begun.wait()
        with database.transaction() as tx:
            return take(tx, [minutes("place", 100), minutes("order", 3)], NOON) is None

    with ThreadPoolExecutor(MANY) as pool:
        assert sum(pool.map(attempt, range(MANY))) == 3


def test_a_refused_try_counts_nowhere_and_names_the_limit_that_lasts_longest(database: Database) -> None:
    place, order, day = minutes("place", 9), minutes("order", 1, 15), minutes("day", 1, 24 * 60)
    with database.transaction() as tx:
        assert take(tx, [place, order, day], NOON) is None
        assert [take(tx, [place, order, day], NOON) for _ in range(3)] == [day, day, day]
        assert [count(tx, limit, NOON) for limit in (place, order, day)] == [2, 2, 2]


def test_a_try_that_was_none_is_uncounted(database: Database) -> None:
    limit = minutes("order", 1)
    with database.transaction() as tx:
        for _ in range(3):
            assert take(tx, [limit], NOON) is None
            give_back(tx, [limit], NOON)
        assert take(tx, [limit], NOON) is None
        assert take(tx, [limit], NOON) == limit
        assert take(tx, [limit], NOON + limit.every) is None


@pytest.mark.parametrize(("orders", "answered"), [("one order", 5), ("many orders", 10)])
def test_guesses_at_the_same_moment_are_answered_no_oftener(
    settings: Settings, world: World, clock: Clock, orders: str, answered: int
) -> None:
    begun = Barrier(MANY)

    def guess(n: int) -> Counter[int]:
        seen: Counter[int] = Counter()
        begun.wait()
        for turn in range(2):
            number = world.order.number if orders == "one order" else f"X-{n}-{turn}"
            form = {"order": number, "who": f"guess{n}@example.test"}
            headers = {"host": "juniper.test", "sec-fetch-site": "same-origin"}
            for _ in range(20):
                reply = httpx.post(f"{served.url}/find", data=form, headers=headers, trust_env=False, timeout=30)
                if reply.status_code != 503:  # which a database says that a slow machine keeps busy: come again
                    break
            seen[reply.status_code] += 1
        return seen

    with serve(settings, now=clock) as served, ThreadPoolExecutor(MANY) as pool:
        seen = sum(pool.map(guess, range(MANY)), Counter[int]())
    assert seen == {404: answered, 429: 2 * MANY - answered}
