"""Hermes Germany over real HTTP against a local fake, and the readings that are its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from carriers.adapters.hermes_de import CARRIER, CODES, LIVE, PAGE, PAGE_UNMAPPED, SANDBOX, UNMAPPED
from carriers.auth import MemoryTokens
from carriers.contract import Answer, Parcel, Place, ZoneFrom
from carriers.errors import BadCredentials, BadPayload
from carriers.http import Http, open_client, open_http
from carriers.status import Status
from tests.carriers.fakes.hermes_de import BATCH, CREDENTIALS, FakeHermes, refused

NUMBER = "H1000000000000000017"


@pytest.fixture
def hermes() -> Iterator[FakeHermes]:
    with FakeHermes() as server:
        server.shipments[NUMBER] = shipment()
        yield server


@pytest.fixture
def http(hermes: FakeHermes) -> Iterator[Http]:
    with open_client() as client:
        yield open_http(CARRIER, client=client, credentials=CREDENTIALS, tokens=MemoryTokens(), base=hermes.url)


def event(code: str = "2000", at: str = "2026-11-19T14:22:15+01:00") -> dict[str, Any]:
    unit = {"name": "Hermes Germany", "city": "Hamburg", "countryCode": "DEU"}
    return {"timestamp": at, "code": code, "description": "The shipment has arrived.", "scanningUnit": unit}


def shipment(**fields: Any) -> dict[str, Any]:
    result = {"code": "i001", "message": "Success"}
    return {"shipmentID": NUMBER, "result": result, "status": [event()], **fields}


def parcel(**fields: Any) -> Parcel:
    (only,) = CARRIER.parse(json.dumps({"shipmentinfo": [shipment(**fields)]}).encode()).parcels
    return only


def history(*entries: dict[str, Any]) -> Answer:
    listed = [{"shipmentID": NUMBER, "listOfStatus": list(entries)}]
    body = {"listOfResultCodes": [], "listOfShipmentHistoryStatus": listed}
    return CARRIER.parse(json.dumps(body).encode())


def entry(day: str = "2026-11-19", clock: str = "14:22:15", code: str = "2000") -> dict[str, str]:
    return {"statusDate": day, "statusTime": clock, "statusCode": code, "description": "Eingetroffen"}


def poll(http: Http, numbers: list[str]) -> Answer:
    fetched = CARRIER.fetch(http, numbers)
    return CARRIER.parse(fetched.body, fetched.status)


def test_a_hundred_numbers_are_one_call_and_an_unknown_one_is_inside_the_200(hermes: FakeHermes, http: Http) -> None:
    numbers = [NUMBER, *(f"H{n:019d}" for n in range(BATCH - 1))]
    assert CARRIER.about.batch_size == BATCH
    answer = poll(http, numbers)
    assert hermes.asked == [numbers]
    assert [p.number for p in answer.parcels] == [NUMBER]
    assert answer.not_found == tuple(numbers[1:])


def test_a_token_is_shared_and_renewed_once_when_it_dies(hermes: FakeHermes, http: Http) -> None:
    for _ in range(3):
        poll(http, [NUMBER])
    assert hermes.tokens_issued == 1
    hermes.expire_tokens()
    assert poll(http, [NUMBER]).parcels


def test_a_wrong_password_is_the_operators_to_mend(hermes: FakeHermes) -> None:
    with open_client() as client:
        credentials = {**CREDENTIALS, "password": "guess"}
        wrong = open_http(CARRIER, client=client, credentials=credentials, tokens=MemoryTokens(), base=hermes.url)
        with pytest.raises(BadCredentials, match="does not match"):
            poll(wrong, [NUMBER])


@pytest.mark.parametrize(("base", "host"), [(LIVE, "authme.myhermes.de"), (SANDBOX, "authme-int.myhermes.de")])
def test_the_token_comes_from_the_host_that_issues_it_and_the_data_from_the_other(base: str, host: str) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        body = b'{"access_token": "t", "expires_in": 3600, "shipmentinfo": []}'
        return httpx.Response(200, stream=httpx.ByteStream(body))

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        http = open_http(CARRIER, client=client, credentials=CREDENTIALS, tokens=MemoryTokens(), base=base)
        CARRIER.fetch(http, [NUMBER])
    assert asked == [host, base.split("/")[2]]


def test_errors_of_the_whole_call_keep_their_codes() -> None:
    (fault,) = CARRIER.parse(refused("e902", "Token is invalid.").raw(), 400).errors
    assert (fault.number, fault.code, fault.text) == (None, "e902", "Token is invalid.")
    (fault,) = CARRIER.parse(b'{"error": "access_denied", "error_description": "Denied"}', 401).errors
    assert (fault.code, fault.text) == ("access_denied", "Denied")


def test_an_error_of_one_number_is_its_own() -> None:
    failed = shipment(status=[], result={"code": "e002", "message": "Query not successful."})
    answer = CARRIER.parse(json.dumps({"shipmentinfo": [failed, shipment(shipmentID="H2")]}).encode())
    assert [(f.number, f.code) for f in answer.errors] == [(NUMBER, "e002")]
    assert [p.number for p in answer.parcels] == ["H2"]


def test_an_offset_is_kept_and_a_clock_without_one_is_german() -> None:
    (scan,) = parcel().scans
    assert (scan.at, scan.zone_from) == (datetime(2026, 11, 19, 13, 22, 15, tzinfo=UTC), ZoneFrom.CARRIER)
    (listed,) = history(entry()).parcels[0].scans
    assert (listed.at, listed.zone_from) == (scan.at, ZoneFrom.PLACE)
    (summer,) = history(entry("2026-07-19")).parcels[0].scans
    assert (summer.at, summer.offset) == (datetime(2026, 7, 19, 12, 22, 15, tzinfo=UTC), "+02:00")


def test_an_hour_that_came_twice_has_no_instant_and_a_date_alone_stays_one() -> None:
    day, twice = history(entry("2026-10-26", ""), entry("2026-10-25", "02:30:00")).parcels[0].scans[::-1]
    assert (twice.at, twice.local, twice.zone_from) == (None, "2026-10-25T02:30:00", ZoneFrom.UNKNOWN)
    assert (day.at, day.local, day.date_only) == (None, "2026-10-26", True)


def test_a_number_without_data_in_the_older_calls_is_unknown() -> None:
    assert history({"resultCode": "e001", "resultMessage": "There is no information."}).not_found == (NUMBER,)
    assert history().parcels == (Parcel(NUMBER),)


def test_a_current_status_is_one_scan_and_the_receivers_town_is_not_its_place() -> None:
    due = {"expectedDate": "2026-11-20", "expectedTimeEarliest": "10:00", "expectedTimeLatest": "18:00"}
    info = {**entry(), "city": "Hamburg", "zipCode": "22083", "expectedDelivery": due}
    body = {"listOfCurrentShipmentStatus": [{"shipmentID": NUMBER, "statusInformation": info}]}
    (found,) = CARRIER.parse(json.dumps(body).encode()).parcels
    assert found.scans[0].place == Place()
    assert found.estimated
    assert found.estimated.start == datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.mark.parametrize("code", ["3500", "090000000", "090-000-000", "35-00"])
def test_long_and_short_codes_with_and_without_dashes_say_the_same(code: str) -> None:
    found = parcel(status=[event(code)])
    assert found.status is Status.DELIVERED
    assert found.scans[0].code == code


def test_a_parcel_kept_as_wished_is_no_exception() -> None:
    assert parcel(status=[event("080002003")]).status is Status.IN_TRANSIT
    assert parcel(status=[event("080004003")]).sub_status == "exception.capacity"


def test_a_correction_and_a_wish_say_nothing_of_the_parcel() -> None:
    events = [event("4072", "2026-11-20T10:00:00+01:00"), event("9323", "2026-11-20T09:00:00+01:00"), event("3000")]
    found = parcel(status=events)
    assert found.status is Status.OUT_FOR_DELIVERY
    assert [s.status for s in found.scans] == [Status.OUT_FOR_DELIVERY, None, None]


def test_a_forecast_is_a_slot_or_a_day_until_the_delivery() -> None:
    slot = {"date": "2026-11-20", "timeSlot": {"from": "10:00", "to": "18:00"}}
    estimated = parcel(deliveryForecast=slot).estimated
    assert estimated
    assert (estimated.start, estimated.end) == (
        datetime(2026, 11, 20, 9, tzinfo=UTC),
        datetime(2026, 11, 20, 17, tzinfo=UTC),
    )
    dated = parcel(deliveryForecast={"date": "2026-11-20"}).estimated
    assert dated
    assert dated.start == date(2026, 11, 20)
    assert parcel(deliveryForecast=slot, status=[event("3500")]).estimated is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [({"listOfResultCodes": [], "labelImage": "x"}, "buying a label"), ({"hello": 1}, "neither shipments")],
)
def test_another_kind_of_body_says_which(body: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadPayload, match=reason):
        CARRIER.parse(json.dumps(body).encode())


def test_no_code_is_both_mapped_and_left_out() -> None:
    assert not set(CODES) & set(UNMAPPED)


def page(*steps: dict[str, Any], **fields: Any) -> Parcel:
    (only,) = CARRIER.parse(json.dumps([{"barcode": NUMBER, "parcelProgress": list(steps), **fields}]).encode()).parcels
    return only


def step(code: str, at: str = "2026-11-20T08:16:21.025Z") -> dict[str, Any]:
    return {"timestamp": at, "status": "HAPPY", "parcelStatus": code, "historyText": "x"}


def test_a_delivery_on_the_page_is_told_by_its_step() -> None:
    attributes = {"delivered": True, "deliveredTimestamp": "2026-11-20T08:16:22Z"}
    found = page(step("DELIVERED_DROPOFF"), parcelAttributes=attributes)
    assert found.sub_status == "delivered.safe_place"
    assert found.delivered_at == datetime(2026, 11, 20, 8, 16, 21, tzinfo=UTC)


def test_a_delivery_to_a_shop_is_one_where_the_page_says_so() -> None:
    steps = step("DELIVERED_PARCELSHOP"), step("DELIVERY_TOUR_STARTED", "2026-11-20T06:59:25Z")
    assert page(*steps).status is Status.OUT_FOR_DELIVERY
    found = page(*steps, parcelAttributes={"delivered": True, "deliveredTimestamp": "2026-11-21T10:00:00Z"})
    assert (found.status, found.delivered_at) == (Status.DELIVERED, datetime(2026, 11, 21, 10, tzinfo=UTC))
    assert found.estimated is None


def test_the_flag_of_the_page_changes_no_return() -> None:
    found = page(step("RETURN_DELIVERED_TO_SENDER"), parcelAttributes={"delivered": True})
    assert (found.status, found.delivered_at) == (Status.RETURNED, None)


def test_the_elder_page_lists_steps_that_are_still_to_come() -> None:
    steps = [
        {"timestamp": "2026-11-19T09:00:00+01:00", "status": "ZUSTELLTOUR", "statusHistoryText": "In Zustellung"},
        {"timestamp": None, "status": "ZUGESTELLT", "statusHistoryText": None},
    ]
    body = {"barcode": NUMBER, "receipt": None, "status": {"parcelStatus": "ZUSTELLTOUR"}, "parcelHistory": steps}
    (found,) = CARRIER.parse(json.dumps(body).encode()).parcels
    assert (found.status, [s.code for s in found.scans]) == (Status.OUT_FOR_DELIVERY, ["ZUSTELLTOUR"])


def test_the_page_knows_no_parcel() -> None:
    assert CARRIER.parse(b"[]") == Answer()


@pytest.mark.parametrize("body", [b'[{"barcode": "H1"}]', b'[{"parcelProgress": []}]', b"[7]"])
def test_a_list_of_something_else_is_no_page(body: bytes) -> None:
    with pytest.raises(BadPayload):
        CARRIER.parse(body)


def test_words_of_the_page_are_not_among_the_codes_of_the_list() -> None:
    assert not {*PAGE, *PAGE_UNMAPPED} & {*CODES, *UNMAPPED}
    assert not PAGE.keys() & PAGE_UNMAPPED.keys()
