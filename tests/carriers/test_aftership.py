"""AfterShip over real HTTP against a local fake, and the readings that are its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from carriers.adapters.aftership import BATCH, CARRIER, CREATES, SUBTAGS, TAGS
from carriers.auth import MemoryTokens
from carriers.contract import Answer, Estimate, Hook, Subscribed, Wanted, ZoneFrom
from carriers.errors import BadCredentials, BadPayload, RateLimited, Refused
from carriers.http import Http, open_http
from carriers.reading import UNREADABLE
from carriers.status import Status
from tests.carriers.fakes.aftership import API_KEY, FakeAfterShip, checkpoint, error, tracking
from tests.carriers.fakes.server import Answered

NUMBER = "9405500000000000000011"
OTHER = "1Z0000000000000017"
WANTED = Wanted("https://shop.example/hooks/aftership/x", "s", [NUMBER])


@pytest.fixture
def server() -> Iterator[FakeAfterShip]:
    with FakeAfterShip() as it:
        yield it


@pytest.fixture
def http(server: FakeAfterShip, client: httpx.Client) -> Http:
    return connected(server, client)


def connected(server: FakeAfterShip, client: httpx.Client, **more: str) -> Http:
    credentials = {"api_key": API_KEY, **more}
    return open_http(CARRIER, client=client, credentials=credentials, tokens=MemoryTokens(), base=server.url)


def asked(server: FakeAfterShip) -> list[str]:
    return [request.method for request in server.requests]


def read(http: Http, *numbers: str) -> Answer:
    fetched = CARRIER.fetch(http, numbers)
    return CARRIER.parse(fetched.body, fetched.status)


def one(**changes: object) -> dict[str, object]:
    return {"meta": {"code": 200}, "data": {**tracking("t1", NUMBER), **changes}}


def test_a_tracking_is_created_once_and_then_only_read(server: FakeAfterShip, http: Http) -> None:
    (parcel,) = read(http, NUMBER).parcels
    assert (parcel.number, parcel.status, parcel.sub_status) == (NUMBER, Status.PENDING, "pending.registered")
    server.trackings[0] |= {"tag": "InTransit", "checkpoints": [checkpoint("InTransit", "InTransit_002", "2026-11-20")]}
    assert read(http, NUMBER).parcels[0].scans[0].status is Status.PICKED_UP
    assert asked(server) == ["GET", "POST", "GET", "GET"]
    assert server.requests[0].query == {"tracking_numbers": NUMBER, "limit": "200"}


def test_many_numbers_are_one_call(server: FakeAfterShip, http: Http) -> None:
    numbers = [f"{n:022d}" for n in range(BATCH)]
    server.trackings = [tracking(f"t{n}", number) for n, number in enumerate(numbers)]
    assert [parcel.number for parcel in read(http, *numbers).parcels] == numbers
    assert asked(server) == ["GET"]


def test_new_numbers_are_created_a_few_at_a_time(server: FakeAfterShip, http: Http) -> None:
    numbers = [f"{n:022d}" for n in range(CREATES + 5)]
    assert len(read(http, *numbers).parcels) == CREATES
    assert len(read(http, *numbers).parcels) == CREATES + 5


def test_the_connections_courier_goes_with_every_question(server: FakeAfterShip, client: httpx.Client) -> None:
    server.trackings = [tracking("t1", NUMBER, "usps")]
    read(connected(server, client, slug="dhl-germany"), NUMBER)
    assert server.requests[0].query["slug"] == "dhl-germany"
    assert [t["slug"] for t in server.trackings] == ["usps", "dhl-germany"]


def test_a_number_that_is_not_taken_has_its_reason(server: FakeAfterShip, http: Http) -> None:
    (fault,) = read(http, "12").errors
    assert (fault.number, fault.code, fault.text) == (None, "4005", "The value of `tracking_number` is invalid.")
    assert [parcel.number for parcel in read(http, "12", NUMBER).parcels] == [NUMBER]


def test_a_tracking_that_somebody_else_creates_meanwhile_is_no_error(server: FakeAfterShip, http: Http) -> None:
    server.next_answers = [Answered({"meta": {"code": 200}, "data": {"trackings": []}})]
    server.trackings = [tracking("t1", NUMBER)]
    assert [parcel.number for parcel in read(http, NUMBER).parcels] == [NUMBER]


def test_a_wrong_key_is_bad_credentials_in_the_words_of_aftership(server: FakeAfterShip, client: httpx.Client) -> None:
    with pytest.raises(BadCredentials, match="API key is invalid"):
        CARRIER.fetch(connected(server, client, api_key="x"), [NUMBER])


def test_a_429_pauses_the_account(server: FakeAfterShip, http: Http) -> None:
    server.next_answers = [error(429, 429, "You have exceeded the API call rate limit.", "TooManyRequests")]
    with pytest.raises(RateLimited, match="exceeded") as caught:
        CARRIER.fetch(http, [NUMBER])
    assert caught.value.after == timedelta(minutes=1)


def test_a_subscription_is_a_tracking_and_asking_again_is_no_error(server: FakeAfterShip, http: Http) -> None:
    for _ in range(2):
        assert CARRIER.subscribe(http, WANTED) == [Subscribed(NUMBER)]  # without a ref: it is never taken back
    assert [t["tracking_number"] for t in server.trackings] == [NUMBER]
    for _ in range(2):  # gone already is no error
        CARRIER.unsubscribe(http, "id1")
    assert server.trackings == []


def test_a_subscription_that_is_refused_says_why(server: FakeAfterShip, http: Http) -> None:
    (refused,) = CARRIER.subscribe(http, Wanted("u", "s", ["12"]))
    assert refused == Subscribed("12", refused="4005: The value of `tracking_number` is invalid.")
    server.next_answers = [Answered(b"", 422)]
    (silent,) = CARRIER.subscribe(http, WANTED)
    assert silent.refused == "AfterShip answered 422"
    server.next_answers = [error(400, 4018, "Internal.", "")]
    with pytest.raises(Refused, match="Internal"):
        CARRIER.unsubscribe(http, "id1")


@pytest.mark.parametrize(
    ("time", "place", "local", "zone_from"),
    [
        ("2026-11-20T08:00:00-06:00", {}, "2026-11-20T08:00:00", ZoneFrom.CARRIER),
        ("2026-11-20T08:00:00", {}, "2026-11-20T08:00:00", ZoneFrom.PLACE),
        ("2026-11-20T08:00:00", {"country_region": "DEU"}, "2026-11-20T08:00:00", ZoneFrom.PLACE),
        ("2026-11-20T08:00:00", {"country_region": None}, "2026-11-20T08:00:00", ZoneFrom.UNKNOWN),
        ("2026-11-20", {}, "2026-11-20", ZoneFrom.UNKNOWN),
        (None, {}, "", ZoneFrom.UNKNOWN),
    ],
)
def test_the_time_of_a_checkpoint(time: str | None, place: dict[str, object], local: str, zone_from: ZoneFrom) -> None:
    told = checkpoint("InTransit", "InTransit_001", "") | {"checkpoint_time": time, **place}
    (parcel,) = CARRIER.parse(json.dumps(one(checkpoints=[told])).encode()).parcels
    (scan,) = parcel.scans
    assert (scan.local, scan.zone_from) == (local, zone_from)
    assert (scan.at is None) == (zone_from is ZoneFrom.UNKNOWN)


@pytest.mark.parametrize(
    ("tag", "subtag", "status", "finer"),
    [
        ("Exception", "Exception_010", Status.RETURNING, None),
        ("Exception", "Exception_011", Status.RETURNED, None),
        ("Exception", "Exception_020", Status.CANCELLED, None),
        ("InTransit", "InTransit_099", Status.IN_TRANSIT, None),
        ("InTransit", None, Status.IN_TRANSIT, None),
        ("Pending", "Pending_004", Status.PENDING, None),
        ("Teleported", "Teleported_001", None, None),
    ],
)
def test_the_sub_tag_decides_then_the_tag(
    tag: str, subtag: str | None, status: Status | None, finer: str | None
) -> None:
    told = checkpoint(tag, "x", "2026-11-20") | {"subtag": subtag}
    (parcel,) = CARRIER.parse(json.dumps(one(tag=tag, subtag=subtag, checkpoints=[told])).encode()).parcels
    assert (parcel.status, parcel.sub_status) == (parcel.scans[0].status, parcel.scans[0].sub_status) == (status, finer)
    assert parcel.scans[0].code == subtag or tag


def test_sub_tags_lie_below_their_tags() -> None:
    assert {subtag.partition("_")[0] for subtag in SUBTAGS} == set(TAGS)


@pytest.mark.parametrize(
    ("fields", "estimate"),
    [
        (
            {"latest_estimated_delivery": {"datetime": "2026-11-23", "datetime_min": None, "datetime_max": None}},
            Estimate(date(2026, 11, 23), date(2026, 11, 23), "latest_estimated_delivery"),
        ),
        (
            {
                "latest_estimated_delivery": None,
                "courier_estimated_delivery_date": {
                    "estimated_delivery_date": "2026-11-23T17:00:00-06:00",
                    "estimated_delivery_date_min": None,
                },
            },
            Estimate(
                datetime(2026, 11, 23, 23, tzinfo=UTC),
                datetime(2026, 11, 23, 23, tzinfo=UTC),
                "courier_estimated_delivery_date",
            ),
        ),
        (
            {
                "aftership_estimated_delivery_date": {
                    "estimated_delivery_date_min": "2026-11-22",
                    "estimated_delivery_date_max": "2026-11-24T00:00:00+00:00",
                }
            },
            Estimate(date(2026, 11, 22), date(2026, 11, 24), "aftership_estimated_delivery_date"),
        ),
        ({"expected_delivery": "2026-11-23"}, Estimate(date(2026, 11, 23), date(2026, 11, 23), "expected_delivery")),
        ({"expected_delivery": "soon"}, None),
        ({"expected_delivery": "2026-11-23", "tag": "Delivered", "subtag": "Delivered_001"}, None),
    ],
)
def test_the_estimate(fields: dict[str, object], estimate: Estimate | None) -> None:
    body = one(**{"tag": "InTransit", "subtag": "InTransit_001", **fields})
    assert CARRIER.parse(json.dumps(body).encode()).parcels[0].estimated == estimate


def test_two_checkpoints_of_one_minute_and_place_are_two_by_their_hash() -> None:
    at = "2026-11-20T10:00:00-06:00"
    told = [checkpoint("InTransit", "InTransit_001", at) | {"hash": name} for name in "ab"]
    (parcel,) = CARRIER.parse(json.dumps(one(checkpoints=told)).encode()).parcels
    assert len({scan.key() for scan in parcel.scans}) == 2


def test_one_tracking_that_cannot_be_read_does_not_cost_the_others() -> None:
    bad = tracking("t2", OTHER) | {"checkpoints": "many"}
    body = {"meta": {"code": 200}, "data": {"trackings": [bad, tracking("t1", NUMBER)]}}
    answer = CARRIER.parse(json.dumps(body).encode())
    assert [parcel.number for parcel in answer.parcels] == [NUMBER]
    assert [(fault.number, fault.code) for fault in answer.errors] == [(OTHER, UNREADABLE)]
    with pytest.raises(BadPayload):
        CARRIER.parse(json.dumps({"meta": {"code": 200}, "data": {"trackings": [bad]}}).encode())


def test_a_parcel_on_its_way_back_to_the_shop_is_a_return() -> None:
    (parcel,) = CARRIER.parse(json.dumps(one(shipment_direction="return")).encode()).parcels
    assert parcel.is_return


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"meta": {"code": 200}, "data": {"couriers": [], "total": 0}}', "list of couriers"),
        (b'{"meta": {"code": 200}, "data": {"notification": {}}}', "notification"),
        (b'{"meta": {"code": 200}, "data": {"estimated_delivery_dates": []}}', "forecast"),
        (b'{"meta": {"code": 200}, "data": {}}', "without a tracking"),
        (b'{"meta": {}, "data": {}}', "code"),
        (b'{"data": {}}', "neither"),
        (b"<html></html>", "HTML"),
        (b'{"meta": {"code": 200}, "data": {"tracking": {"tracking_number": ""}}}', "tracking_number"),
    ],
)
def test_another_kind_of_body_says_which(body: bytes, reason: str) -> None:
    with pytest.raises(BadPayload, match=reason):
        CARRIER.parse(body)


def test_a_repeated_delivery_is_known_by_its_event_id() -> None:
    first, again = b'{"event_id": "e-1", "ts": 1}', b'{"event_id": "e-1", "ts": 2}'
    assert CARRIER.hook_key(Hook(first, {})) == CARRIER.hook_key(Hook(again, {})) == "e-1"
    assert len(CARRIER.hook_key(Hook(b'{"event_id": ""}', {}))) == 64
