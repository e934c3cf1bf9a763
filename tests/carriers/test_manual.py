"""Events added by hand: our own format, written and read by the same module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from carriers.adapters.manual import CARRIER, CODES, FORMAT, MAX_TEXT, REMARK, body_of, event
from carriers.contract import Hooked, Place, Tracks, ZoneFrom
from carriers.errors import BadPayload
from carriers.status import SUB_STATUSES, Status

ID = "k3v9QdW2bXs8Lr0TnYc1aA"


def test_what_is_written_is_what_is_read() -> None:
    place = Place("Berlin", "", "10115", "DE")
    body = body_of("VAN-42", [event(ID, "delivered.safe_place", "2026-11-20T14:31:00+01:00", "In the shed", place)])
    (parcel,) = CARRIER.parse(body).parcels
    (scan,) = parcel.scans
    assert (parcel.number, parcel.status, parcel.sub_status) == ("VAN-42", Status.DELIVERED, "delivered.safe_place")
    assert (scan.code, scan.text, scan.place, scan.zone_from) == (
        "delivered.safe_place",
        "In the shed",
        place,
        ZoneFrom.CARRIER,
    )
    assert parcel.delivered_at == scan.at


def test_a_person_can_say_everything_but_what_only_silence_says() -> None:
    assert {*CODES, "pending", "pending.registered", "pending.not_found", "expired"} == {*Status, *SUB_STATUSES}
    for word in CODES:
        assert CARRIER.parse(body_of("N", [event(ID, word, "2026-11-20")])).parcels[0].status == word.partition(".")[0]


def test_a_remark_changes_nothing_and_waits_for_no_mapping() -> None:
    answer = CARRIER.parse(body_of("N", [event(ID, REMARK, "2026-11-20", "Held up by roadworks")]))
    assert answer.parcels[0].status is None
    assert REMARK in CARRIER.about.unmapped


def test_the_same_said_twice_is_two_events_and_the_same_event_twice_is_one() -> None:
    first, second = (event(f"{ID}{n}", "in_transit", "2026-11-20T14:31:00Z") for n in "12")
    (parcel,) = CARRIER.parse(body_of("N", [first, second, first])).parcels
    assert len({scan.key() for scan in parcel.scans}) == 2


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((ID, "expired", "2026-11-20"), "status"),
        ((ID, "teleported", "2026-11-20"), "status"),
        ((ID, "in_transit", "soon"), "time"),
        ((ID, "in_transit", ""), "time"),
        (("short", "in_transit", "2026-11-20"), "id"),
        ((ID, "in_transit", "2026-11-20", "x" * (MAX_TEXT + 1)), "too long"),
    ],
)
def test_what_cannot_be_read_is_not_written(arguments: tuple[Any, ...], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        event(*arguments)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{}", "format"),
        (b'{"format": "doorstep/manual/2", "number": "N", "events": []}', "format"),
        (f'{{"format": "{FORMAT}", "number": "", "events": []}}'.encode(), "no number"),
        (f'{{"format": "{FORMAT}", "number": "N"}}'.encode(), "events"),
        (f'{{"format": "{FORMAT}", "number": "N", "events": [{{"id": "x", "status": "delivered"}}]}}'.encode(), "id"),
    ],
)
def test_another_kind_of_body_says_which(body: bytes, reason: str) -> None:
    with pytest.raises(BadPayload, match=reason):
        CARRIER.parse(body)


def test_it_is_neither_asked_nor_pushed() -> None:
    assert not isinstance(CARRIER, Tracks)
    assert not isinstance(CARRIER, Hooked)


def test_the_guide_shows_a_body_that_is_read() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "manual-events.md").read_bytes()
    (parcel,) = CARRIER.parse(guide.split(b"```json\n")[1].split(b"```")[0]).parcels
    assert parcel.sub_status == "delivered.safe_place"
