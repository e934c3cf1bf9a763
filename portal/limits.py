"""How often something was tried: counters in the database, shared by every process, by fixed periods of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address
from math import ceil

from sqlmodel import Session, or_, update

from portal.db import insert_into
from portal.tables import Hit

_HIT = Hit.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` in each period of `every`, for what `key` stands for. The key is a blind hash, never data."""

    key: str
    most: int
    every: timedelta

    def period(self, now: datetime) -> int:
        """The number of the period that `now` falls into."""
        return int(now.timestamp() // self.every.total_seconds())

    def ends(self, now: datetime) -> datetime:
        """When the counter starts again from nothing."""
        return datetime.fromtimestamp((self.period(now) + 1) * self.every.total_seconds(), UTC)


def count(tx: Session, limit: Limit, now: datetime) -> int:
    """One more try; returns how many it makes in this period."""
    return _count(tx, [limit], now)[0]


def take(tx: Session, limits: Sequence[Limit], now: datetime) -> Limit | None:
    """Counts one try under each limit, all in one statement, before what it is a try at is done. None: go ahead.

    Else the used-up limit that lasts longest, and the try counts under none. Tries under the same key wait for one
    another until the unit of work ends, so that parallel ones do not get past a limit together. Whoever takes several
    names them in the same order everywhere, or two could wait for each other.
    """
    counts = _count(tx, limits, now)
    full = [limit for limit, counted in zip(limits, counts, strict=True) if counted > limit.most]
    if not full:
        return None
    give_back(tx, limits, now)
    return max(full, key=lambda limit: limit.ends(now))


def give_back(tx: Session, limits: Sequence[Limit], now: datetime) -> None:
    """Uncounts a try that turned out to be none. Where another unit of work counted it: one limit after the other, in
    the order in which they were taken."""
    mine = or_(*((_HIT.c.key == limit.key) & (_HIT.c.period == limit.period(now)) for limit in limits))
    tx.connection().execute(update(_HIT).where(mine).values(count=_HIT.c.count - 1))


def _count(tx: Session, limits: Sequence[Limit], now: datetime) -> list[int]:
    """One more under each limit, in one statement; how many that makes, in the same order."""
    rows = [
        {"key": limit.key, "period": limit.period(now), "count": 1, "expires_at": limit.ends(now) + limit.every}
        for limit in limits
    ]
    statement = insert_into(tx, Hit).values(rows)
    counted = statement.on_conflict_do_update(
        index_elements=["key", "period"], set_={"count": _HIT.c.count + 1}
    ).returning(_HIT.c.key, _HIT.c.period, _HIT.c.count)
    found = {(key, period): tries for key, period, tries in tx.connection().execute(counted)}
    return [found[limit.key, limit.period(now)] for limit in limits]


def wait(limit: Limit, now: datetime) -> int:
    """Whole seconds until the limit has room again, at least one."""
    return max(1, ceil((limit.ends(now) - now).total_seconds()))


def network(address: str) -> str:
    """What one household or office holds: an IPv4 address, or the /64 of an IPv6 one. Other text stays as it is."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(IPv6Address(int(parsed) >> 64 << 64))
    return str(parsed)
