"""Brings back what was put off while the clock was ahead: it would wait until the wrong time has come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, case, tuple_
from sqlmodel import Session, SQLModel, col, or_, select, update

from carriers.status import FINAL, Status
from portal.tables import CarrierToken, Connection, ConnectionPace, Shipment, Subscription
from portal.tables.columns import Work

# More than clocks of several machines differ by, and more than each is ever put off by when all is well: a try again
# by 72 minutes, a pause and a token by less, a parcel's next call or look by 27 hours, a refused subscription by days.
_SKEW: Final = timedelta(minutes=5)
A_TRY: Final = timedelta(hours=2)
A_CALL: Final = timedelta(days=2)
A_REFUSAL: Final = timedelta(days=4)
_BATCH: Final = 500

Change = tuple[type[SQLModel], ColumnElement[bool], Mapping[str, Any]]


def bring_back(tx: Session, now: datetime) -> int:
    """Makes due what lies further ahead than anything is put off. Returns how many rows it changed, a batch a kind."""
    return sum(_apply(tx, *change) for change in (*_work(now), *_parcels(now), *_accounts(now)))


def _work(now: datetime) -> Iterator[Change]:
    for table in Work.__subclasses__():
        due = col(table.next_at)
        if table is Subscription:
            # A renewal is as far ahead as the carrier says; not so one that was made ahead of now.
            is_ours = or_(col(Subscription.expires_at).is_(None), col(Subscription.subscribed_at) > now + _SKEW)
            yield table, (due > now + A_REFUSAL) & is_ours, {"next_at": now}
        else:
            yield table, due > now + A_TRY, {"next_at": now}


def _parcels(now: datetime) -> Iterator[Change]:
    def unless_ahead(column: Any) -> Any:
        return case((column > now, None), else_=column)

    heard = {name: unless_ahead(col(getattr(Shipment, name))) for name in ("heard_at", "pushed_at")}
    yield Shipment, col(Shipment.next_at) > now + A_CALL, heard | {"next_at": now}
    # Of a parcel that is done only what its carrier dates ahead is waited for, however far that is.
    is_under_way = col(Shipment.status).not_in([*FINAL, Status.RETURNING])
    yield Shipment, (col(Shipment.delay_at) > now + A_CALL) & is_under_way, heard | {"delay_at": now}


def _accounts(now: datetime) -> Iterator[Change]:
    yield Connection, col(Connection.paused_until) > now + A_TRY, {"paused_until": None}
    yield Connection, col(Connection.last_error_at) > now + _SKEW, {"last_error_at": now}
    yield Connection, col(Connection.last_push_at) > now + _SKEW, {"last_push_at": None}
    yield CarrierToken, col(CarrierToken.leased_until) > now + _SKEW, {"leased_until": None}
    paid = now.timestamp() + A_TRY.total_seconds() + 2 * col(ConnectionPace.period_seconds)
    yield ConnectionPace, col(ConnectionPace.spent_until) > paid, {"spent_until": now.timestamp()}


def _apply(tx: Session, table: type[SQLModel], condition: ColumnElement[bool], values: Mapping[str, Any]) -> int:
    key = list(table.__table__.primary_key.columns)  # type: ignore[attr-defined]
    # What somebody holds is left for the next time, or two who lock in another order would wait for each other.
    found = tx.execute(select(*key).where(condition).limit(_BATCH).with_for_update(skip_locked=True, key_share=True))
    keys = [tuple(row) for row in found]
    if keys:
        tx.execute(update(table).where(tuple_(*key).in_(keys)).values(**values))
    return len(keys)
