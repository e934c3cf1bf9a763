"""How often a parcel is asked about, and which come first when there are fewer calls than parcels: pure.

`next_poll` says when asking again is worth a call, by status, age, expected window and quiet; the poller claims what is
due in the order that `rank` gives, as far as the carrier's budgets go.
"""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, func, or_
from sqlmodel import col

from carriers.status import FINAL, Status
from portal.tables import Shipment
from portal.tracking.timeline import Fold
from portal.tracking.window import Window, midnight_after

YOUNG: Final = timedelta(hours=48)  # a carrier that does not know a number this young may simply not have scanned it
# How old the last word about a parcel due today or tomorrow may be; asked a little earlier, so that it is kept.
FRESH: Final = timedelta(hours=2)
# Pushes of a connection that are longer ago than this may have ended without a word.
PUSHES_ALIVE: Final = timedelta(hours=24)
# Of ten calls for which more is due than there is room, two go to what is neither due today nor tomorrow.
SHARE_OF_THE_REST: Final = 0.2

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_USUAL: Final[dict[Status, timedelta]] = {
    Status.PENDING: 4 * _HOUR,
    Status.INFO_RECEIVED: 4 * _HOUR,
    Status.PICKED_UP: 6 * _HOUR,
    Status.IN_TRANSIT: 6 * _HOUR,
    Status.EXCEPTION: 4 * _HOUR,
    Status.OUT_FOR_DELIVERY: 1 * _HOUR,
    Status.ATTEMPT_FAILED: 3 * _HOUR,
    Status.AVAILABLE_FOR_PICKUP: 6 * _HOUR,
    Status.RETURNING: 12 * _HOUR,
}
_NEAR: Final = FRESH * 5 / 6
_STALE: Final = FRESH * 3 / 4  # younger than this, even what is due today can wait for others
# Where pushes tell the news, polls only find what they lost.
_REPAIR: Final = 6 * _HOUR
_QUIET_DAYS: Final = 3  # silent for so long, a parcel without a near date is asked about half as often
_MISSED_DAYS: Final = 3  # so long after a missed date it is still expected any day
# Carriers correct themselves: a delivery is looked at again for two days, a cancelled label for three.
_AFTERCARE: Final[dict[Status, timedelta]] = {Status.DELIVERED: 2 * _DAY, Status.CANCELLED: 3 * _DAY}
_ON_THE_DOORSTEP: Final = (Status.OUT_FOR_DELIVERY.value, Status.ATTEMPT_FAILED.value)
_ON_THE_ROUND: Final = timedelta(hours=14)  # longer is no van out; without a word since, it is delivered or back
_UNMOVED: Final = (Status.PENDING.value, Status.INFO_RECEIVED.value)
_FORLORN: Final = timedelta(days=14)


def next_poll(
    fold: Fold,
    window: Window,
    known_since: datetime,
    zone: str,
    now: datetime,
    *,
    missed: date | None = None,
    is_pushed: bool = False,
    rng: random.Random | None = None,
) -> datetime | None:
    """When to ask next, up to a tenth sooner or later so that parcels do not march in step. None: never again.

    `known_since` is when the parcel was registered here, `missed` the date that was missed. `is_pushed`: the carrier
    pushes news of this parcel, so that asking only finds what was lost on the way.
    """
    interval = _interval(fold, window, known_since, zone, now, missed, is_pushed)
    return None if interval is None else now + interval * (rng or random).uniform(0.9, 1.1)


def near_from(fold: Fold, window: Window, missed: date | None, zone: str, now: datetime) -> datetime | None:
    """Since when, or from when, the parcel is due today or tomorrow: the midnight two days before the end of its first
    expected day. A missed date counts for three days more. None where nothing is expected."""
    if fold.is_final or fold.status is Status.RETURNING:
        return None
    day = window.start
    if day is None and missed and now < midnight_after(missed, zone) + _MISSED_DAYS * _DAY:
        day = missed
    return near_day(day, zone)


def near_day(day: date | None, zone: str) -> datetime | None:
    """The same of an expected day alone: for a parcel of which only the shop's promise is known."""
    return midnight_after(day, zone) - 2 * _DAY if day else None


def is_near(now: datetime) -> ColumnElement[bool]:
    """Out for delivery, or due today or tomorrow, or due before and not heard of since."""
    return or_(col(Shipment.status).in_(_ON_THE_DOORSTEP), col(Shipment.near_from) <= now)


def rank(now: datetime, *, is_turn_of_the_rest: bool = False) -> tuple[ColumnElement[Any], ...]:
    """The order in which due shipments are claimed, what matters first.

    What somebody asked for; what is out for delivery or due today; due tomorrow; what was due before, most of which is
    delivered where calls are so few that nobody asked; what nothing is known of yet; the others; and last what is
    delivered or was never handed in. Among those due today or tomorrow the one whose last word is oldest; of them,
    parcels that the carrier pushes and those whose word is fresh count as others. `is_turn_of_the_rest`: all others go
    before what is due today or tomorrow, longest waiting first, so that none waits for ever; it is their turn for
    SHARE_OF_THE_REST of the calls.
    """
    heard, near = col(Shipment.heard_at), col(Shipment.near_from)
    is_stale = and_(or_(heard.is_(None), heard <= now - _STALE), col(Shipment.pushed_at).is_(None))
    is_out = and_(col(Shipment.status).in_(_ON_THE_DOORSTEP), heard > now - _ON_THE_ROUND)
    today = and_(is_stale, or_(is_out, and_(near <= now - _DAY, near > now - 2 * _DAY)))
    tomorrow = and_(is_stale, near <= now, near > now - _DAY)
    is_forlorn = and_(col(Shipment.status).in_(_UNMOVED), col(Shipment.created_at) <= now - _FORLORN)
    due, overdue, unknown, others = (6, 5, 5, 5) if is_turn_of_the_rest else (1, 3, 4, 5)
    group = case(
        (col(Shipment.prompted_at).is_not(None), 0),
        (or_(col(Shipment.status).in_(FINAL), is_forlorn), 8),
        (today, due),
        (tomorrow, due + 1),
        (and_(is_stale, is_near(now)), overdue),
        (and_(heard.is_(None), near.is_(None)), unknown),
        else_=others,
    )
    waits_since = case((group <= 2, func.coalesce(heard, col(Shipment.created_at))), else_=col(Shipment.next_at))
    return (group, waits_since)


def _interval(
    fold: Fold,
    window: Window,
    known_since: datetime,
    zone: str,
    now: datetime,
    missed: date | None,
    is_pushed: bool,
) -> timedelta | None:
    if fold.is_final:
        ended = fold.delivered_at or fold.status_at or fold.last_scan_at or known_since
        return _DAY if now - ended < _AFTERCARE.get(fold.status, timedelta(0)) else None
    near = near_from(fold, window, missed, zone, now)
    if is_pushed:
        return FRESH if near and near <= now else max(_usual(fold, known_since, now), _REPAIR)
    usual = _usual(fold, known_since, now)
    if near and fold.has_moved:
        usual = min(usual, _NEAR if near <= now else max(near - now, _NEAR))
    return usual


def _usual(fold: Fold, known_since: datetime, now: datetime) -> timedelta:
    usual = _USUAL[fold.status]
    if not fold.has_moved:
        age = now - known_since
        return usual if age < YOUNG else 12 * _HOUR if age < _FORLORN else _DAY
    is_quiet = fold.last_scan_at is not None and now - fold.last_scan_at > _QUIET_DAYS * _DAY
    return min(2 * usual, _DAY) if is_quiet else usual
