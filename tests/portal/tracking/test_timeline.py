"""The timeline is a fold over the set of scans: order, repeats and wording of arrival do not matter."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carriers.contract import Place, Scan, ZoneFrom
from carriers.status import RANK, SUB_STATUSES, Status
from portal.tracking.timeline import BY_HAND, PHYSICAL, Fold, Kept, fold, happened, in_order, next_to_happen

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ZONE = "Europe/London"


def scan(status: Status | None, hours: float = 0, *, sub: str | None = None, code: str = "", city: str = "") -> Kept:
    at = NOON + timedelta(hours=hours)
    value = Scan(
        at,
        at.strftime("%Y-%m-%dT%H:%M:%S"),
        "+00:00",
        ZoneFrom.CARRIER,
        code or str(status),
        "words",
        status,
        sub,
        Place(city=city),
    )
    return Kept(value.key(), value)


def local_scan(status: Status | None, local: str, *, date_only: bool = False) -> Kept:
    value = Scan(None, local, None, ZoneFrom.UNKNOWN, str(status), "words", status, date_only=date_only)
    return Kept(value.key(), value)


def statuses(*scans: Kept) -> Status:
    return fold(scans, ZONE).status


any_scan = st.one_of(
    st.builds(
        scan,
        st.one_of(st.none(), st.sampled_from(Status)),
        st.integers(0, 200),
        sub=st.one_of(st.none(), st.sampled_from(sorted(SUB_STATUSES))),
        code=st.sampled_from(["A", "B", "C"]),
    ),
    st.builds(
        local_scan,
        st.one_of(st.none(), st.sampled_from(Status)),
        st.sampled_from(["2026-11-20T14:00:00", "2026-11-21T09:30:00", "", "soon", "0001-01-01T00:00:00"]),
    ),
    st.builds(
        local_scan,
        st.sampled_from(Status),
        st.sampled_from(["2026-11-20", "2026-11-22", "9999-12-31"]),
        date_only=st.just(True),
    ),
)


@given(st.lists(any_scan, max_size=12), st.randoms(use_true_random=False))
def test_shuffled_and_repeated_scans_fold_to_the_same(scans: list[Kept], chance: random.Random) -> None:
    unique = list({kept.key: kept for kept in scans}.values())
    again = unique + unique[: len(unique) // 2]
    chance.shuffle(again)
    assert fold(again, ZONE) == fold(unique, ZONE)


@given(st.text("ABC", max_size=3), st.text("XYZ", min_size=1, max_size=3))
def test_of_two_scans_at_the_same_second_the_one_that_comes_earlier_in_a_parcels_life_is_told_first(
    early: str, late: str
) -> None:
    out, delivered = scan(Status.OUT_FOR_DELIVERY, code=early), scan(Status.DELIVERED, code=late)
    assert in_order([delivered, out], ZONE) == [out, delivered]


@given(st.lists(any_scan, max_size=12))
def test_a_later_scan_of_a_lower_rank_changes_the_status_only_where_it_is_listed(scans: list[Kept]) -> None:
    before = fold(scans, ZONE)
    late = scan(Status.INFO_RECEIVED, 10_000)
    after = fold([*scans, late], ZONE)
    if RANK[before.status] > RANK[Status.INFO_RECEIVED]:
        assert after.status is before.status


def test_no_scan_at_all_is_a_registered_parcel() -> None:
    assert fold([], ZONE) == Fold()
    assert Fold().status is Status.PENDING


def test_a_code_never_seen_is_shown_and_changes_nothing() -> None:
    known, unknown = scan(Status.PICKED_UP), scan(None, 5, code="??")
    folded = fold([known, unknown], ZONE)
    assert (folded.status, folded.events) == (Status.PICKED_UP, (known, unknown))
    assert folded.last_scan_at == unknown.scan.at


@pytest.mark.parametrize(
    ("story", "ends"),
    [
        ([Status.INFO_RECEIVED, Status.PICKED_UP, Status.IN_TRANSIT], Status.IN_TRANSIT),
        ([Status.IN_TRANSIT, Status.PICKED_UP], Status.IN_TRANSIT),
        ([Status.IN_TRANSIT, Status.EXCEPTION, Status.IN_TRANSIT], Status.IN_TRANSIT),
        ([Status.OUT_FOR_DELIVERY, Status.ATTEMPT_FAILED, Status.OUT_FOR_DELIVERY], Status.OUT_FOR_DELIVERY),
        ([Status.OUT_FOR_DELIVERY, Status.IN_TRANSIT], Status.IN_TRANSIT),
        ([Status.DELIVERED, Status.IN_TRANSIT], Status.DELIVERED),
        ([Status.DELIVERED, Status.OUT_FOR_DELIVERY], Status.DELIVERED),
        ([Status.DELIVERED, Status.EXCEPTION], Status.DELIVERED),
        ([Status.DELIVERED, Status.RETURNING], Status.RETURNING),
        ([Status.RETURNING, Status.IN_TRANSIT], Status.RETURNING),
        ([Status.RETURNING, Status.DELIVERED], Status.RETURNED),
        ([Status.RETURNED, Status.DELIVERED], Status.RETURNED),
        ([Status.INFO_RECEIVED, Status.CANCELLED], Status.CANCELLED),
        ([Status.CANCELLED, Status.PICKED_UP], Status.PICKED_UP),
        ([Status.DELIVERED, Status.CANCELLED], Status.DELIVERED),
        ([Status.EXPIRED, Status.IN_TRANSIT], Status.IN_TRANSIT),
        ([Status.DELIVERED, Status.EXPIRED], Status.DELIVERED),
    ],
)
def test_what_follows_what(story: list[Status], ends: Status) -> None:
    assert statuses(*(scan(status, hour) for hour, status in enumerate(story))) is ends


def test_only_a_carrier_that_says_so_takes_a_delivery_back() -> None:
    delivered = scan(Status.DELIVERED, 1, sub="delivered.neighbour")
    wrong = scan(Status.EXCEPTION, 2, sub="exception.misrouted")
    folded = fold([delivered, wrong], ZONE)
    assert (folded.status, folded.delivered_at, folded.delivered_on) == (Status.EXCEPTION, None, None)
    assert statuses(delivered, scan(Status.EXCEPTION, 2, sub="exception.weather")) is Status.DELIVERED


def test_a_return_to_sender_can_be_called_off() -> None:
    back = scan(Status.RETURNING, 1)
    assert statuses(back, scan(Status.IN_TRANSIT, 2, sub="in_transit.redirected")) is Status.IN_TRANSIT


def test_of_two_scans_in_one_second_the_later_step_wins() -> None:
    folded = fold([scan(Status.DELIVERED), scan(Status.OUT_FOR_DELIVERY)], ZONE)
    assert [kept.scan.status for kept in folded.events] == [Status.OUT_FOR_DELIVERY, Status.DELIVERED]


def test_delivery_is_dated_by_its_own_place_not_by_ours() -> None:
    at = datetime(2026, 11, 21, 3, 30, tzinfo=UTC)
    value = Scan(at, "2026-11-20T22:30:00", "-05:00", ZoneFrom.CARRIER, "D", "", Status.DELIVERED)
    folded = fold([Kept(value.key(), value)], ZONE)
    assert (folded.delivered_at, folded.delivered_on) == (at, date(2026, 11, 20))


def test_the_second_delivery_scan_does_not_move_the_day_of_delivery() -> None:
    first, second = scan(Status.DELIVERED, 0), scan(Status.DELIVERED, 30, sub="delivered.safe_place")
    folded = fold([second, first], ZONE)
    assert (folded.delivered_at, folded.sub_status) == (NOON, "delivered.safe_place")


def test_a_wall_clock_without_zone_is_placed_at_the_destination_and_never_becomes_an_instant() -> None:
    before, unplaced, after = (
        scan(Status.PICKED_UP, 0),
        local_scan(Status.IN_TRANSIT, "2026-11-20T13:00:00"),
        scan(Status.OUT_FOR_DELIVERY, 2),
    )
    assert in_order([after, unplaced, before], ZONE) == [before, unplaced, after]
    assert in_order([after, unplaced, before], "America/New_York") == [before, after, unplaced]
    assert fold([unplaced], ZONE).status_at is None


def test_a_delivery_known_by_its_day_alone_comes_after_that_days_round() -> None:
    van = scan(Status.OUT_FOR_DELIVERY, 6)
    door = local_scan(Status.DELIVERED, "2026-11-20", date_only=True)
    label = local_scan(Status.INFO_RECEIVED, "2026-11-20", date_only=True)
    assert in_order([door, van, label], ZONE) == [label, van, door]
    assert fold([door, van], ZONE).delivered_on == date(2026, 11, 20)


def test_the_first_physical_scan_is_the_day_it_shipped() -> None:
    folded = fold([scan(Status.INFO_RECEIVED), scan(Status.IN_TRANSIT, 30), scan(Status.PICKED_UP, 20)], ZONE)
    assert folded.has_moved
    assert (folded.picked_up_at, folded.moved_on) == (NOON + timedelta(hours=20), date(2026, 11, 21))
    assert Status.EXCEPTION not in PHYSICAL


def test_an_unknown_zone_name_does_not_stop_the_fold() -> None:
    assert fold([local_scan(Status.DELIVERED, "2026-11-20T10:00:00")], "Mars/Olympus").status is Status.DELIVERED


def by_hand(status: Status, hours: float, *, sub: str | None = None) -> Kept:
    return replace(scan(status, hours, sub=sub, code=sub or status.value), carrier=BY_HAND)


@pytest.mark.parametrize("travelled", [Status.PICKED_UP, Status.IN_TRANSIT, Status.DELIVERED, Status.RETURNED])
def test_a_person_sets_no_parcel_back_to_before_its_hand_over(travelled: Status) -> None:
    booked = by_hand(Status.INFO_RECEIVED, 6, sub="info_received.pickup_scheduled")
    told = [scan(Status.PICKED_UP), scan(travelled, 5)]
    folded = fold([*told, booked], "UTC")
    assert (folded.status, folded.delivered_at) == (travelled, fold(told, "UTC").delivered_at)
    assert booked in folded.events
    assert fold([booked], "UTC").status is Status.INFO_RECEIVED


def test_a_person_may_set_a_parcel_back_at_a_time_of_their_choice() -> None:
    told = [scan(Status.PICKED_UP), scan(Status.DELIVERED, 5), by_hand(Status.IN_TRANSIT, 6)]
    folded = fold(told, "UTC")
    assert (folded.status, folded.delivered_at, folded.delivered_on) == (Status.IN_TRANSIT, None, None)
    again = fold([*told, scan(Status.DELIVERED, 9)], "UTC")
    assert (again.status, again.delivered_at) == (Status.DELIVERED, NOON + timedelta(hours=9))
    early = fold([scan(Status.DELIVERED, 5), by_hand(Status.IN_TRANSIT, 4)], "UTC")
    assert early.status is Status.DELIVERED
    echo = fold([by_hand(Status.DELIVERED, 5), scan(Status.IN_TRANSIT, 6)], "UTC")
    assert echo.status is Status.DELIVERED


ORDERED = NOON - timedelta(days=4)


def days(*found: Kept) -> list[float]:
    return [(kept.scan.at - NOON) / timedelta(days=1) for kept in found if kept.scan.at]


def on(day: float, status: Status = Status.IN_TRANSIT) -> Kept:
    return scan(status, day * 24)


def test_what_was_scanned_long_before_the_order_is_another_parcels() -> None:
    earlier = [on(-200, Status.PICKED_UP), on(-198, Status.DELIVERED)]
    own = [on(-20, Status.INFO_RECEIVED), on(-1)]  # a label printed ahead of the sale is none of them
    assert days(*happened([*own, *earlier], ORDERED, ZONE, NOON)) == [-20, -1]
    day = local_scan(Status.DELIVERED, "2026-05-06", date_only=True)
    assert happened([day], ORDERED, ZONE, NOON) == []


def test_what_is_scanned_long_after_the_end_is_another_parcels() -> None:
    own = [on(0), on(2, Status.DELIVERED), on(3, Status.RETURNED), on(50)]
    following = [on(111, Status.INFO_RECEIVED), on(112), on(113, Status.DELIVERED)]
    later = NOON + timedelta(days=120)
    assert days(*happened([*following, *own], ORDERED, ZONE, later)) == [0, 2, 3, 50]
    at_sea = [on(0), on(90), on(91, Status.DELIVERED)]
    assert days(*happened(at_sea, ORDERED, ZONE, later)) == [0, 90, 91]


def test_a_scan_counts_once_its_time_can_have_come() -> None:
    planned, in_utc, mistyped = on(2, Status.DELIVERED), scan(Status.OUT_FOR_DELIVERY, 13), on(365)
    scans = [on(-1), planned, in_utc, mistyped]
    assert days(*happened(scans, ORDERED, ZONE, NOON)) == days(on(-1), in_utc)  # a wall clock of Samoa, sent as UTC
    assert days(*happened(scans, ORDERED, ZONE, NOON + timedelta(days=2))) == days(on(-1), in_utc, planned)
    paris = [replace(kept, scan=replace(kept.scan, offset="+01:00")) for kept in (scan(None, 2), scan(None, 3))]
    assert happened(paris, ORDERED, ZONE, NOON) == paris[:1]
    assert next_to_happen(paris, NOON) == NOON + timedelta(hours=1)
    assert next_to_happen(scans, NOON) == NOON + timedelta(hours=34)
    tomorrow = local_scan(Status.DELIVERED, "2026-11-22", date_only=True)
    assert happened([tomorrow], ORDERED, ZONE, NOON) == []
    assert happened([tomorrow], ORDERED, ZONE, NOON + timedelta(days=1)) == [tomorrow]


def test_what_people_add_and_what_has_no_time_is_always_of_this_parcel() -> None:
    by_hand = [replace(on(day), carrier=BY_HAND) for day in (-90, 200)]
    untimed = local_scan(Status.DELIVERED, "")
    assert len(happened([*by_hand, untimed, on(0)], ORDERED, ZONE, NOON)) == 4


@given(st.lists(any_scan, max_size=8), st.randoms())
def test_what_has_happened_depends_on_the_set_alone(scans: list[Kept], chance: random.Random) -> None:
    known = list({kept.key: kept for kept in scans}.values())
    shuffled = [*known, *known]
    chance.shuffle(shuffled)
    now = NOON + timedelta(days=3)
    assert happened(shuffled, ORDERED, ZONE, now) == happened(known, ORDERED, ZONE, now)
