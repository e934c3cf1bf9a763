"""The timeline of a parcel: a pure fold over the set of its scans, whatever their order and number of arrivals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from carriers.contract import Scan, ZoneFrom
from carriers.status import FINAL, RANK, Status

# Statuses that prove that the carrier has had the parcel in its hands.
PHYSICAL: Final = frozenset(
    {
        Status.PICKED_UP,
        Status.IN_TRANSIT,
        Status.OUT_FOR_DELIVERY,
        Status.ATTEMPT_FAILED,
        Status.AVAILABLE_FOR_PICKUP,
        Status.DELIVERED,
        Status.RETURNING,
        Status.RETURNED,
    }
)

_MOVING: Final = frozenset(PHYSICAL - {Status.PICKED_UP, Status.DELIVERED, Status.RETURNING, Status.RETURNED})

# Steps back that really happen: a problem is solved, a van comes home with the parcel, a pick-up point sends it on.
# Everything else of a lower rank is an echo of the past and changes nothing.
STEPS_BACK: Final[dict[Status, frozenset[Status]]] = {
    Status.EXCEPTION: frozenset({Status.PICKED_UP, Status.IN_TRANSIT}),
    Status.OUT_FOR_DELIVERY: frozenset({Status.IN_TRANSIT, Status.EXCEPTION}),
    Status.ATTEMPT_FAILED: frozenset({Status.IN_TRANSIT, Status.EXCEPTION, Status.OUT_FOR_DELIVERY}),
    Status.AVAILABLE_FOR_PICKUP: frozenset(_MOVING | {Status.EXCEPTION}),
    Status.CANCELLED: frozenset(PHYSICAL),  # a cancelled label that travels was not cancelled
    Status.EXPIRED: frozenset(PHYSICAL | {Status.EXCEPTION}),
}

# What takes a delivery or a return to sender back: only a carrier that says so in as many words.
CORRECTIONS: Final[dict[Status, frozenset[str]]] = {
    Status.DELIVERED: frozenset({"exception.misrouted", "exception.refused"}),
    Status.RETURNING: frozenset({"in_transit.resolved", "in_transit.redirected"}),
}

# Slug of the events that people here add: they may also set a parcel back, which a carrier's late echo may not. Not to
# before its hand-over, though: a collection that was booked is a remark about a parcel that has travelled.
BY_HAND: Final = "manual"
_UNSEEN: Final = frozenset({Status.PENDING, Status.INFO_RECEIVED})

# A number is used again after months: scans of so long before the order, or after so long a silence behind the end of
# the journey, are of somebody else's parcel.
BEFORE_THE_ORDER: Final = timedelta(days=30)
AFTER_THE_END: Final = timedelta(days=60)
_ENDED: Final = frozenset({Status.DELIVERED, Status.RETURNED, Status.CANCELLED})
# A wall clock can be this far from UTC, and carriers send wall clocks as UTC. Where a carrier names another offset, it
# is at most off by a forgotten summer time and a clock that runs ahead.
_FARTHEST_ZONE: Final = timedelta(hours=14)
_WRONG_OFFSET: Final = timedelta(hours=2)

_MIDNIGHT: Final = time(0)
_END_OF_DAY: Final = time(23, 59, 59)
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FAR_AHEAD: Final = datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Kept:
    """A scan as it is stored: with the key that makes a repeat the same scan.

    `carrier` is the slug of the adapter that read it. `unlisted`: its code is in no table of that adapter, so that its
    status, if it has one, is what people here decided (see portal.tracking.mapping).
    """

    key: str
    scan: Scan
    carrier: str = ""
    unlisted: bool = False

    @property
    def local_date(self) -> date | None:
        """The calendar day at the place, None where the carrier gave no time at all."""
        moment = local_time(self.scan)
        return moment.date() if moment else None


@dataclass(frozen=True, slots=True)
class Fold:
    """What the scans add up to.

    `status_at` is when the status began, None where its scan has no instant. `delivered_on` is local to the place of
    delivery. `moved_on`, `out_on` and `told_on` are the local days of the first physical scan, the latest start of a
    delivery round, and the first word of the carrier. `events` are all scans, oldest first.
    """

    status: Status = Status.PENDING
    sub_status: str | None = "pending.registered"
    status_at: datetime | None = None
    has_moved: bool = False
    picked_up_at: datetime | None = None
    moved_on: date | None = None
    out_on: date | None = None
    told_on: date | None = None
    delivered_at: datetime | None = None
    delivered_on: date | None = None
    last_scan_at: datetime | None = None
    events: tuple[Kept, ...] = ()

    @property
    def is_final(self) -> bool:
        """Whether nothing more is expected."""
        return self.status in FINAL


def fold(scans: Iterable[Kept], zone: str) -> Fold:
    """The timeline and what it adds up to. Depends on the set alone: shuffled or repeated scans give the same.

    `zone` is the destination's: it places scans whose carrier gave a wall clock and no zone, for their order only.
    Codes that are mapped to nothing are in the timeline and do not change the status. Raises nothing.
    """
    events = in_order(scans, zone)
    state = _State()
    for event in events:
        state.take(event)
    moved = [event for event in events if event.scan.status in PHYSICAL]
    out = [event for event in events if event.scan.status is Status.OUT_FOR_DELIVERY]
    return Fold(
        status=state.status,
        sub_status=state.sub_status,
        status_at=state.since,
        has_moved=bool(moved),
        picked_up_at=moved[0].scan.at if moved else None,
        moved_on=moved[0].local_date if moved else None,
        out_on=out[-1].local_date if out else None,
        told_on=next((event.local_date for event in events if event.local_date), None),
        delivered_at=state.delivered.scan.at if state.delivered else None,
        delivered_on=state.delivered.local_date if state.delivered else None,
        last_scan_at=max((event.scan.at for event in events if event.scan.at), default=None),
        events=tuple(events),
    )


def happened(scans: Iterable[Kept], since: datetime, zone: str, now: datetime) -> list[Kept]:
    """Those scans under a number that are of this parcel, ordered at `since`, and have happened by now.

    Carriers give a number to another parcel after months, and date scans in the future by mistake or as a plan. What
    people here add is always of this parcel. Depends on the set, the order and the clock alone. Raises nothing.
    """
    place = zone_of(zone)
    found: list[Kept] = []
    latest: datetime | None = None
    has_ended = is_of_the_next = False
    for kept in in_order(scans, zone):
        span = _between(kept.scan)
        if span and kept.carrier != BY_HAND:
            if span[1] < since - BEFORE_THE_ORDER or span[0] > now:
                continue
            at = _order(kept, place)[0]
            is_of_the_next |= has_ended and latest is not None and at - latest > AFTER_THE_END
            if is_of_the_next:
                continue
            latest = at
        has_ended |= kept.scan.status in _ENDED
        found.append(kept)
    return found


def next_to_happen(scans: Iterable[Kept], now: datetime) -> datetime | None:
    """When the first of those counts that `happened` leaves out because they lie ahead; None where none does."""
    spans = (_between(kept.scan) for kept in scans if kept.carrier != BY_HAND)
    return min((span[0] for span in spans if span and span[0] > now), default=None)


def _between(scan: Scan) -> tuple[datetime, datetime] | None:
    """The earliest and the latest instant that the time of a scan can mean; None where it has none."""
    local = local_time(scan)
    told = scan.at or (local.replace(tzinfo=UTC) if local else None)
    if told is None:
        return None
    about = min(max(told, _LONG_AGO), _FAR_AHEAD)
    is_placed = scan.zone_from is ZoneFrom.CARRIER and scan.offset not in {None, "+00:00"}
    off = _WRONG_OFFSET if is_placed else _FARTHEST_ZONE
    return about - off, about + off + timedelta(days=scan.date_only)


def in_order(scans: Iterable[Kept], zone: str) -> list[Kept]:
    """Oldest first, each key once: by instant, then rank, then key."""
    place = zone_of(zone)
    return sorted({kept.key: kept for kept in scans}.values(), key=lambda kept: _order(kept, place))


def local_time(scan: Scan) -> datetime | None:
    """The wall clock at the place, naive; None where the carrier gave no readable time."""
    try:
        return datetime.fromisoformat(scan.local).replace(tzinfo=None)
    except ValueError:
        return None


def zone_of(name: str) -> ZoneInfo:
    """An IANA zone; UTC for a name that is none."""
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def _order(kept: Kept, place: ZoneInfo) -> tuple[datetime, int, str]:
    scan = kept.scan
    rank = RANK[scan.status] if scan.status else RANK[Status.IN_TRANSIT]
    return (_sort_instant(scan, rank, place), rank, kept.key)


def _sort_instant(scan: Scan, rank: int, place: ZoneInfo) -> datetime:
    """An instant to sort by, never shown. A day without a clock starts early or ends late by what happened on it."""
    if scan.at:
        return scan.at
    local = local_time(scan)
    if local is None:
        return _LONG_AGO
    if scan.date_only:
        late = rank >= RANK[Status.OUT_FOR_DELIVERY]
        early = rank <= RANK[Status.INFO_RECEIVED]
        clock = _END_OF_DAY if late else _MIDNIGHT if early else time(12)
        local = datetime.combine(local.date(), clock)
    try:
        return local.replace(tzinfo=place).astimezone(UTC)
    except OverflowError:
        return _LONG_AGO


class _State:
    """The status while the scans go by."""

    def __init__(self) -> None:
        self.status = Status.PENDING
        self.sub_status: str | None = "pending.registered"
        self.since: datetime | None = None
        self.delivered: Kept | None = None

    def take(self, event: Kept) -> None:
        scan = event.scan
        if scan.status is None:
            return
        if event.carrier == BY_HAND and not (scan.status in _UNSEEN and self.status in PHYSICAL):
            following: Status | None = scan.status
        else:
            following = _following(self.status, scan.status, scan.sub_status)
        if following is None:
            return
        if following is not self.status:
            self.since = scan.at
            self._note_delivery(event, following)
            self.sub_status = None
        self.status = following
        if following is scan.status:  # "delivered" to the sender is a return, and no sub-status of one
            self.sub_status = scan.sub_status or self.sub_status

    def _note_delivery(self, event: Kept, following: Status) -> None:
        if following is Status.DELIVERED:
            self.delivered = event
        elif RANK[following] < RANK[Status.DELIVERED]:
            self.delivered = None


def _following(current: Status, told: Status, sub_status: str | None) -> Status | None:
    """The status after a scan that says `told`; None where the scan changes nothing."""
    if current is Status.RETURNING and told is Status.DELIVERED:
        return Status.RETURNED
    if told is Status.CANCELLED and current in PHYSICAL:
        return None  # labels are cancelled before hand-over; afterwards this is bookkeeping
    if told is Status.EXPIRED and current in FINAL:
        return None
    if RANK[told] >= RANK[current] or told in STEPS_BACK.get(current, ()):
        return told
    return told if sub_status in CORRECTIONS.get(current, ()) else None
