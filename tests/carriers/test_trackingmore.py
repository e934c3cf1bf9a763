"""TrackingMore over real HTTP against a local fake, and the readings that are its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from carriers.adapters.trackingmore import BATCH, CARRIER, DETECTIONS, STATUSES, SUB_STATUSES
from carriers.auth import MemoryTokens
from carriers.contract import Answer, Estimate, Hook, Subscribed, Wanted, ZoneFrom
from carriers.errors import BadCredentials, BadPayload, BadSignature, RateLimited, Refused
from carriers.http import Http, open_http
from carriers.reading import UNREADABLE
from carriers.status import Status
from tests.carriers.fakes.server import Answered
from tests.carriers.fakes.trackingmore import API_KEY, FakeTrackingMore, error, point, tracking
from tests.carriers.signers.trackingmore import headers

NUMBER = "9405500000000000000042"
OTHER = "1Z0000000000000042"
NOBODYS = "XX1234"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SECRET = "2e55b9a3-4dd1-4416-9897-c4bd1e3d738f"


@pytest.fixture
def server() -> Iterator[FakeTrackingMore]:
    with FakeTrackingMore() as it:
        yield it


@pytest.fixture
def http(server: FakeTrackingMore, client: httpx.Client) -> Http:
    return connected(server, client)


def connected(server: FakeTrackingMore, client: httpx.Client, **more: str) -> Http:
    credentials = {"api_key": API_KEY, **more}
    return open_http(CARRIER, client=client, credentials=credentials, tokens=MemoryTokens(), base=server.url)


def asked(server: FakeTrackingMore) -> list[str]:
    return [request.path.removeprefix("/v4/") for request in server.requests]


def read(http: Http, *numbers: str) -> Answer:
    fetched = CARRIER.fetch(http, numbers)
    return CARRIER.parse(fetched.body, fetched.status)


def parsed(data: object) -> Answer:
    return CARRIER.parse(json.dumps({"meta": {"code": 200, "message": "ok"}, "data": data}).encode())


def test_a_tracking_is_created_once_and_then_only_read(server: FakeTrackingMore, http: Http) -> None:
    assert read(http, NUMBER).not_found == (NUMBER,)
    assert asked(server) == ["trackings/get", "couriers/detect", "trackings/batch", "trackings/get"]
    server.trackings[0] = tracking(NUMBER, "usps", "1" * 32, point("delivered001", "2026-11-20 13:20"))
    server.requests.clear()
    (parcel,) = read(http, NUMBER).parcels
    assert parcel.delivered_at == datetime(2026, 11, 20, 19, 20, tzinfo=UTC)
    assert asked(server) == ["trackings/get"]


def test_forty_numbers_are_one_question(server: FakeTrackingMore, http: Http) -> None:
    numbers = [f"94{n:020d}" for n in range(BATCH)]
    server.trackings = [tracking(n, "usps", "1" * 32, point("transit001", "2026-11-20 13:20")) for n in numbers]
    assert [parcel.number for parcel in read(http, *numbers).parcels] == numbers
    assert len(server.requests) == 1


def test_couriers_of_many_new_numbers_are_asked_for_a_few_a_call(server: FakeTrackingMore, http: Http) -> None:
    numbers = [f"94{n:020d}" for n in range(DETECTIONS + 3)]
    read(http, *numbers)
    assert asked(server).count("couriers/detect") == DETECTIONS
    read(http, *numbers)
    assert len(server.trackings) == len(numbers)


def test_a_courier_that_is_filled_in_is_asked_for_and_nothing_is_guessed(
    server: FakeTrackingMore, client: httpx.Client
) -> None:
    server.trackings = [tracking(NUMBER, "usps")]
    read(connected(server, client, courier="dhl"), NUMBER)
    assert "couriers/detect" not in asked(server)
    assert [t["courier_code"] for t in server.trackings] == ["usps", "dhl"]


def test_a_number_of_nobody_is_refused_in_their_words(http: Http) -> None:
    answer = read(http, NOBODYS)
    assert answer.parcels == ()
    assert [(fault.number, fault.code) for fault in answer.errors] == [(NOBODYS, "4120")]


def test_one_refused_number_does_not_hide_the_others(server: FakeTrackingMore, http: Http) -> None:
    server.trackings = [tracking(NUMBER, "usps", "1" * 32, point("transit001", "2026-11-20 13:20"))]
    answer = read(http, NUMBER, NOBODYS)
    assert [parcel.number for parcel in answer.parcels] == [NUMBER]


def test_an_empty_account_says_so_in_two_ways_and_both_lead_to_creation(server: FakeTrackingMore, http: Http) -> None:
    for code in (204, 4102):
        server.trackings.clear()
        server.next_answers = [error(200 if code == 204 else 400, code, "nothing", "NoContent")]
        read(http, NUMBER)
        assert [t["tracking_number"] for t in server.trackings] == [NUMBER]


def test_a_refused_key_is_the_operators_move_whatever_the_http_status(server: FakeTrackingMore, http: Http) -> None:
    for status in (200, 400, 401):
        server.next_answers = [error(status, 4002, "API key has been deleted.", "Unauthorized")]
        with pytest.raises(BadCredentials, match="deleted"):
            CARRIER.fetch(http, [NUMBER])


def test_too_many_calls_pause_for_two_minutes_unless_told_otherwise(server: FakeTrackingMore, http: Http) -> None:
    server.next_answers = [error(429, 429, "Too many requests", "TooManyRequests")]
    with pytest.raises(RateLimited) as caught:
        CARRIER.fetch(http, [NUMBER])
    assert caught.value.after == timedelta(minutes=2)
    server.next_answers = [error(200, 429, "Too many requests", "TooManyRequests")]
    with pytest.raises(RateLimited) as caught:
        CARRIER.fetch(http, [NUMBER])
    assert caught.value.after == timedelta(minutes=2)
    server.next_answers = [Answered({}, 429, {"Retry-After": "9"})]
    with pytest.raises(RateLimited) as caught:
        CARRIER.fetch(http, [NUMBER])
    assert caught.value.after == timedelta(seconds=9)


def test_a_spent_plan_is_an_error_of_the_whole_call(server: FakeTrackingMore, http: Http) -> None:
    server.next_answers = [error(400, 4190, "quota reached", "BadRequest")]
    (fault,) = read(http, NUMBER).errors
    assert (fault.number, fault.code) == (None, "4190")
    assert asked(server) == ["trackings/get"]


def test_subscribing_creates_and_what_is_there_already_is_no_error(server: FakeTrackingMore, http: Http) -> None:
    server.trackings = [tracking(NUMBER, "usps")]
    wanted = Wanted("https://shop.example/hooks/trackingmore/x", "s", [NUMBER, OTHER, NOBODYS])
    made = CARRIER.subscribe(http, wanted)
    assert made[:2] == [Subscribed(NUMBER), Subscribed(OTHER)]
    assert made[2].number == NOBODYS
    assert made[2].refused.startswith("4120: ")
    CARRIER.unsubscribe(http, NUMBER)
    assert len(server.trackings) == 2


def test_a_subscription_that_is_refused_as_a_whole(server: FakeTrackingMore, client: httpx.Client) -> None:
    server.next_answers = [error(400, 4190, "quota reached", "BadRequest")]
    with pytest.raises(Refused, match="quota"):
        CARRIER.subscribe(connected(server, client, courier="usps"), Wanted("https://shop.example", "s", [NUMBER]))


def test_a_push_is_signed_by_its_time_and_old_ones_do_not_count() -> None:
    for age in (timedelta(0), timedelta(days=5), -timedelta(minutes=4)):
        CARRIER.verify(Hook(b"{}", headers(SECRET, NOW - age)), SECRET, NOW)
    for age in (timedelta(days=7), -timedelta(minutes=6)):
        with pytest.raises(BadSignature):
            CARRIER.verify(Hook(b"{}", headers(SECRET, NOW - age)), SECRET, NOW)


def test_a_signature_in_the_body_counts_where_no_header_is() -> None:
    given = headers(SECRET, NOW)
    info = {"verifyInfo": {"timeStr": int(given["timestamp"]), "signature": given["signature"]}}
    CARRIER.verify(Hook(json.dumps(info).encode(), {}), SECRET, NOW)
    with pytest.raises(BadSignature):
        CARRIER.verify(Hook(json.dumps(info).encode(), {"signature": "0" * 64, "timestamp": "1"}), SECRET, NOW)
    for body in (b"[]", b'{"verifyInfo": {"timeStr": 1}}', b'{"verifyInfo": {"timeStr": "x", "signature": "y"}}'):
        with pytest.raises(BadSignature):
            CARRIER.verify(Hook(body, {}), SECRET, NOW)


@pytest.mark.parametrize(
    ("status", "substatus", "expected", "finer"),
    [
        ("pickup", "pickup001", Status.OUT_FOR_DELIVERY, None),
        ("pickup", "pickup002", Status.AVAILABLE_FOR_PICKUP, "available_for_pickup.at_point"),
        ("pickup", None, Status.OUT_FOR_DELIVERY, None),
        ("exception", "exception010", Status.RETURNED, None),
        ("exception", "exception011", Status.RETURNING, None),
        ("exception", "exception008", Status.CANCELLED, None),
        ("notfound", "not found001", Status.INFO_RECEIVED, "info_received.data_received"),
        ("transit", "transit099", Status.IN_TRANSIT, None),
        ("teleported", "teleported001", None, None),
    ],
)
def test_the_sub_status_decides_then_the_status(
    status: str, substatus: str | None, expected: Status | None, finer: str | None
) -> None:
    told = point("x", "2026-11-20") | {
        "checkpoint_delivery_status": status,
        "checkpoint_delivery_substatus": substatus,
    }
    entry = tracking(NUMBER, "usps", "1" * 32, told)
    (parcel,) = parsed([entry]).parcels
    assert (parcel.status, parcel.sub_status) == (expected, finer)
    assert (parcel.scans[0].status, parcel.scans[0].sub_status) == (expected, finer)
    assert parcel.scans[0].code == substatus or status


def test_sub_statuses_lie_below_their_statuses() -> None:
    assert {code.rstrip("0123456789") for code in SUB_STATUSES} == set(STATUSES)


@pytest.mark.parametrize(
    ("at", "place", "zone_from"),
    [
        ("2026-11-20 08:00", {}, ZoneFrom.PLACE),
        ("2026-11-20 08:00", {"country_iso2": None}, ZoneFrom.UNKNOWN),
        ("2026-11-20T08:00:00-06:00", {"country_iso2": None}, ZoneFrom.CARRIER),
        ("2026-11-20", {}, ZoneFrom.UNKNOWN),
        ("soon", {}, ZoneFrom.UNKNOWN),
    ],
)
def test_the_time_of_a_checkpoint(at: str, place: dict[str, object], zone_from: ZoneFrom) -> None:
    (parcel,) = parsed([tracking(NUMBER, "usps", "1" * 32, point("transit001", at, **place))]).parcels
    assert parcel.scans[0].zone_from is zone_from
    assert (parcel.scans[0].at is None) == (zone_from is ZoneFrom.UNKNOWN)


def test_the_estimate_is_a_day_and_is_over_with_the_delivery() -> None:
    moving = tracking(NUMBER, "usps", "1" * 32, point("transit001", "2026-11-20 08:00"))
    there = tracking(NUMBER, "usps", "1" * 32, point("delivered001", "2026-11-20 08:00"))
    told = {"scheduled_delivery_date": "2026-11-23 18:00"}
    day = date(2026, 11, 23)
    assert parsed([moving | told]).parcels[0].estimated == Estimate(day, day, "scheduled_delivery_date")
    assert parsed([there | told]).parcels[0].estimated is None


def test_a_tracking_of_the_older_versions_is_read_by_its_own_names() -> None:
    point = {
        "Date": "2026-11-20 13:20",
        "StatusDescription": "Delivered, left with an individual",
        "Details": "AUSTIN, TX",
        "checkpoint_status": "delivered",
        "substatus": "delivered003",
    }
    bare = {"Date": "2026-11-18 09:00", "StatusDescription": "Accepted", "Details": "RENO, NV"}
    origin = {"ItemReceived": "2026-11-18 09:00", "trackinfo": [point, bare]}
    entry = {"tracking_number": NUMBER, "carrier_code": "usps", "status": "delivered", "origin_info": origin}
    (parcel,) = parsed(entry).parcels
    assert (parcel.status, parcel.sub_status) == (Status.DELIVERED, None)
    assert [(s.local, s.code, s.text, s.place.city, s.status) for s in parcel.scans] == [
        ("2026-11-18T09:00:00", "", "Accepted", "RENO, NV", None),
        ("2026-11-20T13:20:00", "delivered003", point["StatusDescription"], "AUSTIN, TX", Status.DELIVERED),
    ]


def test_of_two_trackings_of_a_number_the_one_with_the_newest_news_counts() -> None:
    old = tracking(NUMBER, "usps", "1" * 32, point("delivered001", "2024-11-20 08:00"))
    new = tracking(NUMBER, "ups", "2" * 32, point("transit001", "2026-11-20 08:00"))
    for pair in ([old, new], [new, old]):
        assert [parcel.status for parcel in parsed(pair).parcels] == [Status.IN_TRANSIT]


def test_one_tracking_that_cannot_be_read_does_not_cost_the_others() -> None:
    bad = tracking(OTHER, "ups") | {"origin_info": "many"}
    good = tracking(NUMBER, "usps", "1" * 32, point("transit001", "2026-11-20 08:00"))
    answer = parsed([bad, good])
    assert [parcel.number for parcel in answer.parcels] == [NUMBER]
    assert [(fault.number, fault.code) for fault in answer.errors] == [(OTHER, UNREADABLE)]
    with pytest.raises(BadPayload):
        parsed([bad])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"meta": {"code": 200}, "data": {"page": 1}}', "without a tracking"),
        (b'{"meta": {}, "data": []}', "code"),
        (b'{"trackings": []}', "another API"),
        (b"{}", "neither"),
        (b"<html></html>", "HTML"),
        (b'{"meta": {"code": 200}, "data": [{"tracking_number": ""}]}', "tracking_number"),
    ],
)
def test_another_kind_of_body_says_which(body: bytes, reason: str) -> None:
    with pytest.raises(BadPayload, match=reason):
        CARRIER.parse(body)
