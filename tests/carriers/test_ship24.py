"""Ship24 over real HTTP against a local fake, and the readings that are its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from carriers.adapters.ship24 import CARRIER, MILESTONES, STATUS_CODES, UNMAPPED
from carriers.auth import MemoryTokens
from carriers.contract import Answer, Estimate, Fault, Parcel, Subscribed, Wanted, ZoneFrom
from carriers.errors import BadCredentials, BadPayload, RateLimited
from carriers.http import Http, open_http
from carriers.reading import UNREADABLE
from carriers.status import Status
from tests.carriers.fakes.server import Answered
from tests.carriers.fakes.ship24 import API_KEY, FakeShip24, event, tracking

NUMBER = "9405500000000000000080"
OTHER = "1Z0000000000000099"


@pytest.fixture
def server() -> Iterator[FakeShip24]:
    with FakeShip24() as it:
        yield it


@pytest.fixture
def http(server: FakeShip24, client: httpx.Client) -> Http:
    return connected(server, client)


def connected(server: FakeShip24, client: httpx.Client, **more: str) -> Http:
    credentials = {"api_key": API_KEY, **more}
    return open_http(CARRIER, client=client, credentials=credentials, tokens=MemoryTokens(), base=server.url)


def asked(server: FakeShip24) -> list[str]:
    return [f"{request.method} {request.path}" for request in server.requests]


def read(http: Http, number: str) -> Answer:
    fetched = CARRIER.fetch(http, [number])
    return CARRIER.parse(fetched.body, fetched.status)


def parsed(*trackings: object) -> Answer:
    return CARRIER.parse(json.dumps({"data": {"trackings": trackings}}).encode())


def test_a_tracker_is_made_once_and_then_only_read(server: FakeShip24, http: Http) -> None:
    assert read(http, NUMBER).not_found == (NUMBER,)
    assert asked(server) == [f"GET /trackers/search/{NUMBER}/results", "POST /trackers/track"]
    server.trackings["id-1"] = tracking(NUMBER, "id-1", event("delivery_delivered", "delivered", "2026-11-20T13:20:00"))
    server.requests.clear()
    (parcel,) = read(http, NUMBER).parcels
    assert parcel.delivered_at == datetime(2026, 11, 20, 19, 20, tzinfo=UTC)
    assert asked(server) == [f"GET /trackers/search/{NUMBER}/results"]


def test_a_search_that_finds_nothing_in_so_many_words_makes_one_too(server: FakeShip24, http: Http) -> None:
    server.next_answers = [Answered({"data": {"trackings": []}})]
    assert read(http, NUMBER).not_found == (NUMBER,)
    assert len(server.trackings) == 1


def test_the_courier_goes_along_where_it_is_filled_in(server: FakeShip24, client: httpx.Client) -> None:
    read(connected(server, client, courier="us-post"), NUMBER)
    assert server.trackings["id-1"]["tracker"]["courierCode"] == ["us-post"]


def test_a_number_they_will_not_take_is_refused_in_their_words(http: Http) -> None:
    answer = read(http, "X1")
    assert (answer.parcels, answer.not_found) == ((), ())
    assert answer.errors[0].code == "validation_error"
    assert "between 5 and 50" in answer.errors[0].text


def test_a_number_with_a_slash_stays_one_number(server: FakeShip24, http: Http) -> None:
    read(http, "AB/12 34")
    assert server.trackings["id-1"]["tracker"]["trackingNumber"] == "AB/12 34"


def test_a_refused_key_and_a_limit(server: FakeShip24, client: httpx.Client, http: Http) -> None:
    credentials = {"api_key": "wrong"}
    stranger = open_http(CARRIER, client=client, credentials=credentials, tokens=MemoryTokens(), base=server.url)
    with pytest.raises(BadCredentials, match="API key is invalid"):
        CARRIER.fetch(stranger, [NUMBER])
    server.next_answers = [Answered({"errors": [], "data": None}, 429, {"Retry-After": "3"})]
    with pytest.raises(RateLimited) as caught:
        CARRIER.fetch(http, [NUMBER])
    assert caught.value.after == timedelta(seconds=3)


def test_subscribing_makes_a_tracker_and_ending_it_stops_following(server: FakeShip24, http: Http) -> None:
    made = CARRIER.subscribe(http, Wanted("https://shop.example/hooks/ship24/x", "s", [NUMBER, "X1"]))
    assert made[0] == Subscribed(NUMBER, "id-1")
    assert made[1].refused.startswith("validation_error: ")
    CARRIER.unsubscribe(http, "id-1")
    assert server.trackings["id-1"]["tracker"]["isSubscribed"] is False
    CARRIER.unsubscribe(http, "gone")


@pytest.mark.parametrize(
    ("fields", "at", "local", "zone_from"),
    [
        (
            {"datetime": "2026-11-20T08:00:00", "utcOffset": "+08:00"},
            datetime(2026, 11, 20, 0, tzinfo=UTC),
            "2026-11-20T08:00:00",
            ZoneFrom.CARRIER,
        ),
        ({"datetime": "2026-11-20T08:00:00", "utcOffset": None}, None, "2026-11-20T08:00:00", ZoneFrom.UNKNOWN),
        (
            {"datetime": "2026-11-20T00:00:00", "utcOffset": "+08:00", "hasNoTime": True},
            None,
            "2026-11-20",
            ZoneFrom.UNKNOWN,
        ),
        (
            {
                "datetime": "2026-11-20T08:00:00Z",
                "utcOffset": "+08:00",
                "occurrenceDatetime": "2026-11-20T08:00:00+08:00",
            },
            datetime(2026, 11, 20, 0, tzinfo=UTC),
            "2026-11-20T08:00:00",
            ZoneFrom.CARRIER,
        ),
        (
            {"datetime": "2026-11-20T08:00:00+08:00", "utcOffset": "+08:00"},
            datetime(2026, 11, 20, 0, tzinfo=UTC),
            "2026-11-20T08:00:00",
            ZoneFrom.CARRIER,
        ),
        (
            {"datetime": None, "occurrenceDatetime": "2026-11-20T08:00:00"},
            None,
            "2026-11-20T08:00:00",
            ZoneFrom.UNKNOWN,
        ),
        ({"datetime": None, "occurrenceDatetime": None, "hasNoTime": True}, None, "", ZoneFrom.UNKNOWN),
    ],
)
def test_the_time_of_an_event(fields: dict[str, object], at: datetime | None, local: str, zone_from: ZoneFrom) -> None:
    told = event("transit_handover", "in_transit", "2026-01-01T00:00:00") | fields
    (parcel,) = parsed(tracking(NUMBER, "id-1", told)).parcels
    (scan,) = parcel.scans
    assert (scan.at, scan.local, scan.zone_from) == (at, local, zone_from)
    assert scan.date_only == (len(local) == 10)


@pytest.mark.parametrize(
    ("code", "milestone", "status", "finer"),
    [
        ("delivery_refused", "exception", Status.EXCEPTION, "exception.refused"),
        ("exception_return", "exception", Status.RETURNING, None),
        ("data_delivery_proposed", "in_transit", Status.IN_TRANSIT, None),
        ("transit_teleported", "out_for_delivery", Status.OUT_FOR_DELIVERY, None),
        (None, "failed_attempt", Status.ATTEMPT_FAILED, None),
        ("transit_teleported", "teleported", None, None),
    ],
)
def test_the_code_decides_then_the_milestone(
    code: str | None, milestone: str, status: Status | None, finer: str | None
) -> None:
    (parcel,) = parsed(tracking(NUMBER, "id-1", event(code, milestone, "2026-11-20T08:00:00"))).parcels
    assert (parcel.status, parcel.sub_status) == (parcel.scans[0].status, parcel.scans[0].sub_status)
    assert (parcel.status, parcel.sub_status) == (status, finer)
    assert parcel.scans[0].code == code or milestone


def test_no_code_is_both_mapped_and_left_out() -> None:
    assert not UNMAPPED.keys() & (STATUS_CODES.keys() | MILESTONES.keys())


def test_events_of_one_moment_keep_their_order_counted_or_not() -> None:
    at = "2026-11-20T08:00:00"
    first, second = event("customs_received", "in_transit", at), event("customs_cleared", "in_transit", at)
    counted = tracking(NUMBER, "id-1", first | {"order": 1}, second | {"order": 2})
    newest_first = tracking(NUMBER, "id-1", second, first)
    for entry in (counted, newest_first):
        (parcel,) = parsed(entry).parcels
        assert [scan.code for scan in parcel.scans] == ["customs_received", "customs_cleared"]


def test_the_estimate_is_a_day_and_is_over_with_the_delivery() -> None:
    moving = tracking(NUMBER, "id-1", event("transit_handover", "in_transit", "2026-11-20T08:00:00"))
    moving["shipment"]["delivery"]["estimatedDeliveryDate"] = "2026-11-23T00:00:00.000Z"
    day = date(2026, 11, 23)
    assert parsed(moving).parcels[0].estimated == Estimate(day, day, "estimatedDeliveryDate")
    moving["shipment"] |= {"statusCode": "delivery_delivered", "statusMilestone": "delivered"}
    assert parsed(moving).parcels[0].estimated is None


def test_the_days_of_the_courier_come_before_those_of_ship24() -> None:
    moving = tracking(NUMBER, "id-1", event("transit_handover", "in_transit", "2026-11-20T08:00:00"))
    days: dict[str, str | None] = {"from": "2026-11-21T17:00:00", "to": "2026-11-23T18:00:00"}
    moving["shipment"]["delivery"] |= {"estimatedDeliveryDate": "2026-11-22", "courierEstimatedDeliveryDate": days}
    expected = Estimate(date(2026, 11, 21), date(2026, 11, 23), "courierEstimatedDeliveryDate")
    assert parsed(moving).parcels[0].estimated == expected
    days |= {"from": None, "to": None}
    assert parsed(moving).parcels[0].estimated == Estimate(
        date(2026, 11, 22), date(2026, 11, 22), "estimatedDeliveryDate"
    )


def test_a_tracker_alone_names_its_number_and_says_nothing_of_the_parcel() -> None:
    tracker = {"trackerId": "id-1", "trackingNumber": NUMBER}
    for data in ({"tracker": tracker}, {"trackers": [tracker]}):
        assert CARRIER.parse(json.dumps({"data": data}).encode(), 201) == Answer((Parcel(NUMBER),))


def test_a_bulk_call_tells_what_it_made_and_why_not_the_others() -> None:
    made = {"itemStatus": "created", "inputData": {"trackingNumber": NUMBER}, "errors": None}
    refused = {"inputData": {"trackingNumber": "X1"}, "errors": [{"code": "validation_error", "message": "No."}]}
    body = {"status": "partial", "data": [made | {"tracker": {"trackingNumber": NUMBER}}, refused], "error": None}
    fault = Fault("X1", "validation_error", "No.")
    assert CARRIER.parse(json.dumps(body).encode(), 207) == Answer((Parcel(NUMBER),), errors=(fault,))
    whole = {"status": "error", "data": None, "error": {"code": "quota_limit_reached", "message": "No more."}}
    answer = CARRIER.parse(json.dumps(whole).encode(), 403)
    assert answer == Answer(errors=(Fault(None, "quota_limit_reached", "No more."),))


def test_of_two_trackers_of_a_number_the_one_with_the_newest_news_counts() -> None:
    old = tracking(NUMBER, "id-1", event("delivery_delivered", "delivered", "2024-11-20T08:00:00"))
    new = tracking(NUMBER, "id-2", event("transit_handover", "in_transit", "2026-11-20T08:00:00"))
    for pair in ((old, new), (new, old)):
        assert [parcel.status for parcel in parsed(*pair).parcels] == [Status.PICKED_UP]


def test_a_bulk_answer_of_which_a_part_was_refused_keeps_both() -> None:
    taken = tracking(NUMBER, "id-1", event("transit_handover", "in_transit", "2026-11-20T08:00:00"))
    body = {"errors": [{"code": "validation_error", "message": "no"}], "data": {"trackings": [taken]}}
    answer = CARRIER.parse(json.dumps(body).encode(), 207)
    assert [parcel.number for parcel in answer.parcels] == [NUMBER]
    assert [fault.code for fault in answer.errors] == ["validation_error"]


def test_one_tracking_that_cannot_be_read_does_not_cost_the_others() -> None:
    bad = tracking(OTHER, "id-2") | {"events": "many"}
    good = tracking(NUMBER, "id-1", event("transit_handover", "in_transit", "2026-11-20T08:00:00"))
    answer = parsed(bad, good)
    assert [parcel.number for parcel in answer.parcels] == [NUMBER]
    assert [(fault.number, fault.code) for fault in answer.errors] == [(OTHER, UNREADABLE)]
    with pytest.raises(BadPayload):
        parsed(bad)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"data": {}}', "without data"),
        (b'{"data": {"couriers": []}}', "without trackings"),
        (b'{"meta": {"code": 200}}', "another API"),
        (b"{}", "neither"),
        (b"<html></html>", "HTML"),
        (b'{"data": {"trackings": [{"tracker": {"trackingNumber": ""}}]}}', "trackingNumber"),
    ],
)
def test_another_kind_of_body_says_which(body: bytes, reason: str) -> None:
    with pytest.raises(BadPayload, match=reason):
        CARRIER.parse(body)
