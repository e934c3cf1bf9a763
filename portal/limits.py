"""How often something was tried: counters in the database, shared by every process, by fixed periods of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, or_, select

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
    dialect = postgresql if tx.get_bind().dialect.name == "postgresql" else sqlite
    row = dialect.insert(Hit).values(
        key=limit.key, period=limit.period(now), count=1, expires_at=limit.ends(now) + limit.every
    )
    more = {"count": _HIT.c.count + 1}
    counted = row.on_conflict_do_update(index_elements=["key", "period"], set_=more).returning(_HIT.c.count)
    return int(tx.connection().execute(counted).scalar_one())


def reached(tx: Session, limits: Sequence[Limit], now: datetime) -> Limit | None:
    """The limit that is used up and lasts longest, without counting anything; None when all have room."""
    mine = [(Hit.key == limit.key) & (Hit.period == limit.period(now)) for limit in limits]
    counts = {row.key: row.count for row in tx.exec(select(Hit).where(or_(*mine))).all()}
    full = [limit for limit in limits if counts.get(limit.key, 0) >= limit.most]
    return max(full, key=lambda limit: limit.ends(now)) if full else None


def wait(limit: Limit, now: datetime) -> int:
    """Whole seconds until the limit has room again, at least one."""
    return max(1, ceil((limit.ends(now) - now).total_seconds()))
