"""Amazon Shipping over real HTTP against a local fake, and the readings that are its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from carriers.adapters.amazon_shipping import CARRIER, EVENTS, LIVE, SANDBOX, UNMAPPED
from carriers.auth import MemoryTokens
from carriers.contract import Answer, Estimate, Fault, Parcel, ZoneFrom
from carriers.errors import BadCredentials, BadPayload, RateLimited, UnknownNumber
from carriers.http import Http, open_http
from carriers.status import Status
from tests.carriers.fakes.amazon_shipping import CREDENTIALS, FakeAmazon, error

NUMBER = "TBA000000000017"


@pytest.fixture
def amazon() -> Iterator[FakeAmazon]:
    with FakeAmazon() as server:
        server.parcels[NUMBER] = told()
        yield server


@pytest.fixture
def http(amazon: FakeAmazon, client: httpx.Client) -> Http:
    return connected(amazon, client)


def connected(amazon: FakeAmazon, client: httpx.Client, **changed: str) -> Http:
    credentials = {**CREDENTIALS, **changed}
    return open_http(CARRIER, client=client, credentials=credentials, tokens=MemoryTokens(), base=amazon.url)


def event(code: str = "Departed", time: object = "2026-11-20T14:31:00Z", **fields: Any) -> dict[str, Any]:
    place = {"city": "Leeds", "stateOrRegion": "", "countryCode": "GB", "postalCode": "LS1 1AA"}
    return {"eventCode": code, "eventTime": time, "location": place, "shipmentType": "FORWARD", **fields}


def told(*events: dict[str, Any], status: str = "InTransit", details: object = None, **fields: Any) -> dict[str, Any]:
    summary = {"status": status, "trackingDetailCodes": details}
    return {"trackingId": NUMBER, "eventHistory": list(events or [event()]), "summary": summary, **fields}


def parcel(*events: dict[str, Any], **fields: Any) -> Parcel:
    (found,) = CARRIER.parse(json.dumps(told(*events, **fields)).encode()).parcels
    return found


def poll(http: Http, number: str = NUMBER) -> Answer:
    fetched = CARRIER.fetch(http, [number])
    return CARRIER.parse(fetched.body, fetched.status)


def test_a_parcel_is_asked_for_with_its_carrier_and_business(amazon: FakeAmazon, http: Http) -> None:
    (found,) = poll(http).parcels
    assert (found.number, found.status) == (NUMBER, Status.IN_TRANSIT)
    asked = amazon.requests[-1]
    assert asked.query == {"trackingId": NUMBER, "carrierId": "AMZN_UK"}
    assert asked.headers["x-amzn-shipping-business-id"] == "AmazonShipping_UK"
    assert "authorization" not in asked.headers


def test_without_a_business_no_header_is_sent(amazon: FakeAmazon, client: httpx.Client) -> None:
    poll(connected(amazon, client, business_id=""))
    assert "x-amzn-shipping-business-id" not in amazon.requests[-1].headers


def test_a_token_is_shared_and_renewed_once_when_it_dies(amazon: FakeAmazon, http: Http) -> None:
    for _ in range(3):
        poll(http)
    assert amazon.tokens_issued == 1
    amazon.expire_tokens()
    assert poll(http).parcels


def test_a_refresh_token_that_was_taken_back_is_the_operators_to_mend(amazon: FakeAmazon, client: httpx.Client) -> None:
    with pytest.raises(BadCredentials, match="invalid grant"):
        poll(connected(amazon, client, refresh_token="Atzr|gone"))


@pytest.mark.parametrize(
    ("region", "base", "host"),
    [
        ("eu", LIVE, "sellingpartnerapi-eu.amazon.com"),
        ("NA", LIVE, "sellingpartnerapi-na.amazon.com"),
        ("fe", SANDBOX, "sandbox.sellingpartnerapi-fe.amazon.com"),
        ("", LIVE, "sellingpartnerapi-eu.amazon.com"),
        ("evil.example/", LIVE, "sellingpartnerapi-eu.amazon.com"),
    ],
)
def test_the_region_picks_the_host_and_all_share_the_one_for_tokens(region: str, base: str, host: str) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        is_token = request.url.path == "/auth/o2/token"
        body = {"access_token": "t", "expires_in": 3600} if is_token else {"payload": told()}
        return httpx.Response(200, stream=httpx.ByteStream(json.dumps(body).encode()))

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        credentials = {**CREDENTIALS, "region": region}
        poll(open_http(CARRIER, client=client, credentials=credentials, tokens=MemoryTokens(), base=base))
    assert asked == ["api.amazon.com", host]


def test_an_unknown_number_is_told_by_the_call_because_the_body_does_not_name_it(
    amazon: FakeAmazon, http: Http
) -> None:
    with pytest.raises(UnknownNumber, match="doesn't exist"):
        poll(http, "TBA000000000028")
    amazon.next_answers.append(error(400, "InvalidInput", "TrackingId not found: TBA000000000028"))
    with pytest.raises(UnknownNumber, match="not found"):
        poll(http, "TBA000000000028")


def test_another_invalid_input_is_an_error_in_amazons_words(amazon: FakeAmazon, client: httpx.Client) -> None:
    answer = poll(connected(amazon, client, carrier_id="PIGEON"))
    assert answer.errors == (Fault(None, "InvalidInput", "carrierId is not valid"),)


def test_a_429_pauses_the_account(amazon: FakeAmazon, http: Http) -> None:
    poll(http)
    amazon.next_answers.append(error(429, "QuotaExceeded", "You exceeded your quota for the requested resource."))
    with pytest.raises(RateLimited, match="exceeded your quota"):
        poll(http)


@pytest.mark.parametrize(
    ("status", "forward", "meaning"),
    [
        ("DeliveryAttempted", ["BusinessClosed"], (Status.ATTEMPT_FAILED, "attempt_failed.closed")),
        ("DeliveryAttempted", ["OtpNotAvailable"], (Status.ATTEMPT_FAILED, None)),
        ("Undeliverable", ["AddressNotFound"], (Status.EXCEPTION, "exception.address")),
        ("Rejected", ["Damaged"], (Status.EXCEPTION, "exception.refused")),
        ("Delivered", ["DeliveredToNeighbor"], (Status.DELIVERED, "delivered.neighbour")),
        ("Delivered", ["BusinessClosed", "Signed"], (Status.DELIVERED, "delivered.to_person")),
        ("AwaitingCustomerPickup", [], (Status.AVAILABLE_FOR_PICKUP, "available_for_pickup.at_point")),
        ("PickupCancelled", [], (Status.INFO_RECEIVED, None)),
        ("NeverSeen", ["Signed"], (None, None)),
    ],
)
def test_detail_codes_make_the_summary_finer_and_never_another(
    status: str, forward: list[str], meaning: tuple[Status | None, str | None]
) -> None:
    found = parcel(status=status, details={"forward": forward, "returns": []})
    assert (found.status, found.sub_status) == meaning


def test_a_delivery_on_the_way_back_is_a_return() -> None:
    there = event("Rejected", "2026-11-20T10:00:00Z")
    back = event("Departed", "2026-11-21T10:00:00Z", shipmentType="RETURNS")
    home = event("Delivered", "2026-11-22T10:00:00Z", shipmentType="RETURNS")
    assert parcel(there, back, status="Undeliverable").status is Status.RETURNING
    done = parcel(there, back, home, status="Delivered")
    assert (done.status, done.delivered_at) == (Status.RETURNED, None)
    assert [scan.status for scan in done.scans] == [Status.EXCEPTION, Status.RETURNING, Status.RETURNED]


def test_a_lost_parcel_is_lost_on_the_way_back_too() -> None:
    assert parcel(event("Lost", shipmentType="RETURNS")).sub_status == "exception.lost"


def test_a_departure_there_and_one_back_in_the_same_minute_are_two_scans() -> None:
    found = parcel(event(), event(shipmentType="RETURNS"), event())
    assert len({scan.key() for scan in found.scans}) == 2


def test_without_a_summary_the_newest_scan_decides() -> None:
    found = parcel(event("OutForDelivery", "2026-11-20T15:00:00Z"), event(), status="")
    assert found.status is Status.OUT_FOR_DELIVERY


@pytest.mark.parametrize(
    ("time", "local", "zone_from"),
    [
        ("2026-11-20T14:31:00Z", "2026-11-20T14:31:00", ZoneFrom.CARRIER),
        ("2026-11-20T14:31:00", "2026-11-20T14:31:00", ZoneFrom.PLACE),
        ("2026-10-25T01:30:00", "2026-10-25T01:30:00", ZoneFrom.UNKNOWN),  # an hour that came twice
        ("2026-11-20", "2026-11-20", ZoneFrom.UNKNOWN),
        (None, "", ZoneFrom.UNKNOWN),
    ],
)
def test_the_time_of_a_scan(time: object, local: str, zone_from: ZoneFrom) -> None:
    (scan,) = parcel(event(time=time)).scans
    assert (scan.local, scan.zone_from) == (local, zone_from)
    assert (scan.at is None) == (zone_from is ZoneFrom.UNKNOWN)


def test_what_was_promised_counts_until_it_is_over() -> None:
    instant = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
    promised = parcel(promisedDeliveryDate="2026-11-21T20:00:00Z")
    assert promised.estimated == Estimate(instant, instant, "promisedDeliveryDate")
    day = parcel(promisedDeliveryDate="2026-11-21").estimated
    assert day
    assert day.start == date(2026, 11, 21)
    assert parcel(status="Delivered", promisedDeliveryDate="2026-11-21T20:00:00Z").estimated is None


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"payload": {"packageDocumentDetails": []}}, "buying a label"),
        ({"packageDocumentDetail": {}}, "fetching a label"),
        ({"progressTracker": "{}", "eventHistory": "{}"}, "public tracking page"),
        ({"payload": None}, "not tracking data"),
        ({"payload": {"eventHistory": []}}, "trackingId"),
        ({"errors": "no"}, "list of objects"),
        ({}, "not tracking data"),
    ],
)
def test_another_body_is_refused_by_its_name(body: object, named: str) -> None:
    with pytest.raises(BadPayload, match=named):
        CARRIER.parse(json.dumps(body).encode())


def test_empty_errors_beside_a_parcel_hide_nothing() -> None:
    nothing: tuple[object, ...] = (None, [])
    for errors in nothing:
        answer = CARRIER.parse(json.dumps({"payload": told(event()), "errors": errors}).encode())
        assert [found.number for found in answer.parcels] == [NUMBER]
        assert answer.errors == ()


def test_a_refused_login_is_an_error_in_its_words() -> None:
    body = b'{"error":"invalid_grant","error_description":"The request has an invalid grant parameter"}'
    assert CARRIER.parse(body).errors == (Fault(None, "invalid_grant", "The request has an invalid grant parameter"),)


def test_a_number_that_comes_as_a_number_is_read() -> None:
    assert replace(parcel(), scans=()).number == NUMBER
    assert parcel(trackingId=1578648261977).number == "1578648261977"


def test_mapped_and_unmapped_codes_are_apart() -> None:
    assert not CARRIER.about.codes.keys() & UNMAPPED.keys()
    assert EVENTS["PickupCancelled"] == "info_received"
