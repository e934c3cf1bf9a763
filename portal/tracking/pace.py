"""How often a parcel is asked about: pure, by its status, its age and its day of delivery."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Final

from carriers.status import Status
from portal.tracking.timeline import Fold, zone_of
from portal.tracking.window import Window

YOUNG: Final = timedelta(hours=48)  # a carrier that does not know a number this young may simply not have scanned it
_HOUR: Final = timedelta(hours=1)
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
_DELIVERY_DAY: Final = 2 * _HOUR
_QUIET: Final = 24 * _HOUR
# Carriers correct themselves: a delivery is looked at again for two days, a cancelled label for three.
_AFTERCARE: Final[dict[Status, timedelta]] = {Status.DELIVERED: 2 * _QUIET, Status.CANCELLED: 3 * _QUIET}


def next_poll(
    fold: Fold, window: Window, known_since: datetime, zone: str, now: datetime, *, rng: random.Random | None = None
) -> datetime | None:
    """When to ask next, up to a tenth sooner or later so that parcels do not march in step. None: never again.

    `known_since` is when the parcel was registered here.
    """
    interval = _interval(fold, window, known_since, zone, now)
    return None if interval is None else now + interval * (rng or random).uniform(0.9, 1.1)


def _interval(fold: Fold, window: Window, known_since: datetime, zone: str, now: datetime) -> timedelta | None:
    if fold.is_final:
        ended = fold.delivered_at or fold.status_at or fold.last_scan_at or known_since
        return _QUIET if now - ended < _AFTERCARE.get(fold.status, timedelta(0)) else None
    usual = _USUAL[fold.status]
    if not fold.has_moved:
        age = now - known_since
        return usual if age < YOUNG else 12 * _HOUR if age < timedelta(days=14) else _QUIET
    today = now.astimezone(zone_of(zone)).date()
    if window.start and window.end and window.start <= today <= window.end:
        return min(usual, _DELIVERY_DAY)
    return usual
