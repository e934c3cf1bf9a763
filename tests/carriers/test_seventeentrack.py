"""17TRACK over real HTTP against a local fake, and the readings that are its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from carriers.adapters.seventeentrack import CARRIER, CODES
from carriers.auth import MemoryTokens
from carriers.contract import Answer, Fault, Hook, Scan, Subscribed, Wanted, ZoneFrom
from carriers.errors import BadCredentials, BadPayload, BadSignature, RateLimited, Refused
from carriers.http import Http, open_http
from carriers.reading import UNREADABLE
from carriers.status import Status
from tests.carriers.fakes.server import Answered
from tests.carriers.fakes.seventeentrack import API_KEY, FakeSeventeenTrack, signed, track_info, whole

NUMBER = "RR000000015CN"
OTHER = "RR000000029CN"
AT = "2026-11-20T08:00:00+08:00"


@pytest.fixture
def server() -> Iterator[FakeSeventeenTrack]:
    with FakeSeventeenTrack() as it:
        yield it


@pytest.fixture
def http(server: FakeSeventeenTrack, client: httpx.Client) -> Http:
    return connected(server, client)


def connected(server: FakeSeventeenTrack, client: httpx.Client, **more: str) -> Http:
    credentials = {"api_key": API_KEY, **more}
    return open_http(CARRIER, client=client, credentials=credentials, tokens=MemoryTokens(), base=server.url)


def asked(server: FakeSeventeenTrack) -> list[str]:
    return [request.path.rpartition("/")[2] for request in server.requests]


def read(http: Http, *numbers: str) -> Answer:
    fetched = CARRIER.fetch(http, numbers)
    return CARRIER.parse(fetched.body, fetched.status)


def test_a_number_is_registered_once_and_then_only_read(server: FakeSeventeenTrack, http: Http) -> None:
    assert read(http, NUMBER).not_found == (NUMBER,)  # registered now, nothing told yet
    server.told[NUMBER] = track_info("InTransit", "InTransit_Other", AT)
    (parcel,) = read(http, NUMBER).parcels
    assert (parcel.number, parcel.status, parcel.service) == (NUMBER, Status.IN_TRANSIT, "EMS")
    assert asked(server) == ["gettrackinfo", "register", "gettrackinfo", "gettrackinfo"]
    assert server.quota == 99


def test_forty_numbers_are_one_call(server: FakeSeventeenTrack, http: Http) -> None:
    numbers = [f"RR{n:09d}CN" for n in range(40)]
    server.registered = dict.fromkeys(numbers, 3011)
    server.told = {number: track_info("Delivered", "Delivered_Other", AT) for number in numbers[1:]}
    answer = read(http, *numbers)
    assert {parcel.number for parcel in answer.parcels} == set(numbers[1:])
    assert answer.not_found == (numbers[0],)
    assert len(server.requests) == 1
    assert CARRIER.about.batch_size == 40


def test_only_what_is_missing_is_registered(server: FakeSeventeenTrack, http: Http) -> None:
    server.registered, server.told = {NUMBER: 3011}, {NUMBER: track_info("Delivered", "Delivered_Other", AT)}
    answer = read(http, NUMBER, OTHER)
    assert ([parcel.number for parcel in answer.parcels], answer.not_found) == ([NUMBER], (OTHER,))
    assert [entry["number"] for entry in server.requests[1].json()] == [OTHER]


def test_the_reason_of_a_refused_registration_is_kept(server: FakeSeventeenTrack, http: Http) -> None:
    server.quota = 0
    answer = read(http, NUMBER, OTHER)
    assert [(fault.number, fault.code) for fault in answer.errors] == [(NUMBER, "-18019908"), (OTHER, "-18019908")]
    assert asked(server) == ["gettrackinfo", "register"]
    server.registered, server.told = {NUMBER: 3011}, {NUMBER: track_info("Delivered", "Delivered_Other", AT)}
    mixed = read(http, NUMBER, OTHER)
    assert ([p.number for p in mixed.parcels], [f.number for f in mixed.errors]) == ([NUMBER], [OTHER])


def test_the_connections_carrier_goes_with_every_number(server: FakeSeventeenTrack, client: httpx.Client) -> None:
    read(connected(server, client, carrier="21051"), NUMBER)
    assert server.registered == {NUMBER: 21051}
    read(connected(server, client, carrier="usps"), OTHER)  # not a number of 17TRACK's: left to its recognition
    assert server.requests[-1].json() == [{"number": OTHER}]


@pytest.mark.parametrize("status", [401, 200])
def test_a_wrong_key_is_bad_credentials(server: FakeSeventeenTrack, http: Http, status: int) -> None:
    server.next_answers = [whole(status, -18010002, "Invalid security key.")]
    with pytest.raises(BadCredentials, match="Invalid security key") as caught:
        CARRIER.fetch(http, [NUMBER])
    assert caught.value.code == "-18010002"


def test_a_429_pauses_the_account(server: FakeSeventeenTrack, http: Http) -> None:
    server.next_answers = [Answered(b"", 429, {"Retry-After": "2"})]
    with pytest.raises(RateLimited) as caught:
        CARRIER.fetch(http, [NUMBER])
    assert caught.value.after == timedelta(seconds=2)


def test_numbers_are_subscribed_in_one_call_and_again_without_harm(server: FakeSeventeenTrack, http: Http) -> None:
    wanted = Wanted("https://shop.example/hooks/x", API_KEY, [NUMBER, OTHER, "no-number"])
    for _ in range(2):
        taken, other, refused = CARRIER.subscribe(http, wanted)
        assert (taken, other) == (Subscribed(NUMBER, NUMBER), Subscribed(OTHER, OTHER))
        assert refused.refused == "-18010012: The format of 'no-number' is invalid."
    assert (len(server.requests), server.quota) == (2, 98)
    assert CARRIER.subscribe(http, Wanted("https://shop.example/hooks/x", API_KEY)) == ()


def test_a_subscription_ends_and_one_that_is_gone_is_no_error(server: FakeSeventeenTrack, http: Http) -> None:
    CARRIER.subscribe(http, Wanted("https://shop.example/hooks/x", API_KEY, [NUMBER]))
    for _ in range(2):
        CARRIER.unsubscribe(http, NUMBER)
    assert server.registered == {}


def test_a_call_that_fails_as_a_whole_is_refused(server: FakeSeventeenTrack, http: Http) -> None:
    for call in (lambda: CARRIER.subscribe(http, Wanted("u", "s", [NUMBER])), lambda: CARRIER.unsubscribe(http, "1")):
        server.next_answers = [whole(200, -18010003, "Internal service error.")]
        with pytest.raises(Refused, match="Internal service error"):
            call()


def scan_of(**event: Any) -> Scan:
    info = track_info("InTransit", "InTransit_Other", AT)
    info["tracking"]["providers"][0]["events"][0] |= event
    body = {"code": 0, "data": {"accepted": [{"number": NUMBER, "track_info": info}], "rejected": []}}
    (parcel,) = CARRIER.parse(json.dumps(body).encode()).parcels
    return parcel.scans[0]


@pytest.mark.parametrize(
    ("event", "local", "offset", "zone_from"),
    [
        ({"time_utc": "2026-11-20T00:00:00Z"}, "2026-11-20T08:00:00", "+08:00", ZoneFrom.CARRIER),
        ({"time_iso": "2026-11-20T08:00:00"}, "2026-11-20T08:00:00", "+08:00", ZoneFrom.PLACE),
        (
            {"time_iso": "2026-11-20T08:00:00", "time_utc": "2026-11-20T00:00:00Z"},
            "2026-11-20T08:00:00",
            "+08:00",
            ZoneFrom.CARRIER,
        ),
        ({"time_iso": "2026-11-20T08:00:00", "address": {}}, "2026-11-20T08:00:00", None, ZoneFrom.UNKNOWN),
        ({"time_iso": None}, "2026-11-20T08:00:00", "+08:00", ZoneFrom.PLACE),
        ({"time_iso": None, "time_utc": "2026-11-20T00:00:00Z"}, "2026-11-20T00:00:00", "+00:00", ZoneFrom.CARRIER),
        # the instant comes first; a wall clock that it contradicts is not of this earth
        ({"time_utc": "2026-11-25T00:00:00Z"}, "2026-11-25T00:00:00", "+00:00", ZoneFrom.CARRIER),
        ({"time_raw": {"date": "2026-11-20", "time": None, "timezone": None}}, "2026-11-20", None, ZoneFrom.UNKNOWN),
        ({"time_iso": "2026-11-20", "time_utc": "2026-11-20T00:00:00Z"}, "2026-11-20", None, ZoneFrom.UNKNOWN),
        ({"time_iso": None, "time_raw": "yesterday"}, "", None, ZoneFrom.UNKNOWN),
    ],
)
def test_the_time_of_a_scan(event: dict[str, Any], local: str, offset: str | None, zone_from: ZoneFrom) -> None:
    scan = scan_of(**event)
    assert (scan.local, scan.offset, scan.zone_from) == (local, offset, zone_from)
    assert (scan.at is not None) == (offset is not None)


@pytest.mark.parametrize(
    ("sub_status", "stage", "status", "finer"),
    [
        ("InTransit_PickedUp", None, Status.PICKED_UP, None),
        ("InTransit_CustomsRequiringInformation", None, Status.EXCEPTION, "exception.customs_hold"),
        ("Exception_Returned", None, Status.RETURNED, None),
        ("Exception_Cancel", None, Status.CANCELLED, None),
        (None, "Returning", Status.RETURNING, None),
        ("InTransit_Beamed", None, None, None),
        (None, None, None, None),
    ],
)
def test_the_sub_status_decides_then_the_stage(
    sub_status: str | None, stage: str | None, status: Status | None, finer: str | None
) -> None:
    scan = scan_of(sub_status=sub_status, stage=stage)
    assert (scan.status, scan.sub_status, scan.code) == (status, finer, sub_status or stage or "")


def test_every_documented_status_has_a_word() -> None:
    documented = "NotFound InfoReceived InTransit Expired AvailableForPickup OutForDelivery DeliveryFailure Delivered"
    assert {*documented.split(), "Exception"} <= set(CODES)
    others = {"InfoReceived", "PickedUp", "Departure", "Arrival", "Returning", "Returned"}
    assert {code.partition("_")[0] for code in CODES} <= {*documented.split(), "Exception", *others}


def test_one_entry_that_cannot_be_read_does_not_cost_the_others() -> None:
    good = {"number": NUMBER, "track_info": track_info("Delivered", "Delivered_Other", AT)}
    bad = {"number": OTHER, "track_info": {"latest_status": 7}}
    answer = CARRIER.parse(json.dumps({"code": 0, "data": {"accepted": [bad, good], "rejected": []}}).encode())
    assert [parcel.number for parcel in answer.parcels] == [NUMBER]
    assert [(fault.number, fault.code) for fault in answer.errors] == [(OTHER, UNREADABLE)]
    for alone in ([bad], [good, {"track_info": {}}]):  # nothing can be read; an entry of nobody knows whom
        with pytest.raises(BadPayload):
            CARRIER.parse(json.dumps({"code": 0, "data": {"accepted": alone}}).encode())


def test_a_scan_that_two_carriers_tell_is_one() -> None:
    info = track_info("InTransit", "InTransit_Other", AT)
    info["tracking"]["providers"] *= 2
    body = {"event": "TRACKING_UPDATED", "data": {"number": NUMBER, "track_info": info}}
    (parcel,) = CARRIER.parse_hook(json.dumps(body).encode()).parcels
    assert len(parcel.scans) == 1


def shown(number: str, state: object, at: str = "", **letters: str) -> dict[str, Any]:
    """One parcel of the site for buyers: its latest event is JSON in a text."""
    event = json.dumps({"a": at, "b": None, "c": "", "d": "", "z": "Arrival", **letters}) if at else None
    return {"FTrackNo": number, "FLastEvent": event, "FPackageState": state, "FRemark": ""}


def test_the_site_for_buyers_tells_a_state_and_the_latest_event() -> None:
    listed = [
        shown("RR000000017CN", 40, "2026-11-20 12:02", c="Milano", d="Italy"),
        shown("RR000000028CN", 30, "2026-11-20"),
        shown("RR000000039CN", 0),
        shown("RR000000042CN", None, "2026-11-20 12:02"),
    ]
    answer = CARRIER.parse(json.dumps({"Json": listed, "Code": 0}).encode())
    assert answer.not_found == ("RR000000039CN",)
    assert [(p.number, p.status) for p in answer.parcels] == [
        ("RR000000017CN", Status.DELIVERED),
        ("RR000000028CN", None),
        ("RR000000042CN", None),
    ]
    (first,), (second,), (third,) = (parcel.scans for parcel in answer.parcels)
    assert (first.at, first.local, first.code, first.place.city) == (None, "2026-11-20T12:02:00", "40", "Milano, Italy")
    assert (second.date_only, second.code, third.code, third.status) == (True, "30", "", None)


def test_the_site_for_buyers_says_why_a_number_was_not_taken() -> None:
    item = {"TrackNo": "RR000000017CN", "ResultCode": -11010101}
    body = {"Json": {"Items": [item]}, "Code": -11010101, "Message": "Number(s) already exists."}
    assert CARRIER.parse(json.dumps(body).encode()).errors == (
        Fault(None, "-11010101", "Number(s) already exists."),
        Fault("RR000000017CN", "-11010101", ""),
    )


def test_a_tracking_of_version_1_tells_its_state_and_the_events_of_both_carriers() -> None:
    newest = {"a": "2026-11-20 12:02", "c": "", "d": "PARIS", "z": "Delivered"}
    track = {"e": 40, "z0": newest, "z1": [{"a": "2026-11-16 09:00", "z": "Posted"}], "z2": [newest], "z9": []}
    body = {"code": 0, "data": {"accepted": [{"number": "RR000000017CN", "track": track}], "rejected": []}}
    (parcel,) = CARRIER.parse(json.dumps(body).encode()).parcels
    assert parcel.status is Status.DELIVERED
    assert [(s.text, s.code, s.status) for s in parcel.scans] == [
        ("Posted", "", None),
        ("Delivered", "40", Status.DELIVERED),
    ]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"Json": {}, "Code": 0}', "site for buyers"),
        (b'{"ret": 1, "msg": "Ok", "dat": []}', "first interface"),
        (b'{"hello": 1}', "neither"),
        (b"<html></html>", "HTML"),
        (b'{"code": 0, "data": {"accepted": [{"number": ""}]}}', "number"),
    ],
)
def test_another_kind_of_body_says_which(body: bytes, reason: str) -> None:
    with pytest.raises(BadPayload, match=reason):
        CARRIER.parse(body)


def test_an_answer_to_a_registration_says_nothing_of_parcels(server: FakeSeventeenTrack, http: Http) -> None:
    body = b'{"code":0,"data":{"accepted":[{"origin":1,"number":"RR1","carrier":3011}],"rejected":[]}}'
    assert CARRIER.parse(body) == Answer()


@pytest.mark.parametrize("data", [{}, {"number": "RR1"}, {"number": "RR1", "track": {"z0": {}}}])
def test_a_push_without_its_news_is_not_understood(data: dict[str, object]) -> None:
    with pytest.raises(BadPayload, match="track_info"):
        CARRIER.parse_hook(json.dumps({"event": "TRACKING_UPDATED", "data": data}).encode())


def test_the_slash_is_part_of_what_is_signed() -> None:
    body, now = b'{"event":"TRACKING_UPDATED"}', datetime.now(UTC)
    CARRIER.verify(Hook(body, signed(body, API_KEY)), API_KEY, now)
    CARRIER.verify(Hook(body, {"sign": signed(body, API_KEY)["sign"].upper()}), API_KEY, now)
    with pytest.raises(BadSignature):
        CARRIER.verify(Hook(body + b"/", signed(body, API_KEY)), API_KEY, now)
