"""GLS over real HTTP against a local fake, and the readings that are its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from carriers.adapters.gls import BATCH, CARRIER, STATUSES, UNMAPPED
from carriers.auth import MemoryTokens
from carriers.contract import Answer, Fault, Parcel, ZoneFrom
from carriers.errors import BadCredentials, BadPayload, RateLimited
from carriers.http import Http, open_client, open_http
from carriers.status import Status
from tests.carriers.fakes.gls import CREDENTIALS, FakeGls
from tests.carriers.fakes.server import Answered

NUMBER = "90000000017"


@pytest.fixture
def gls() -> Iterator[FakeGls]:
    with FakeGls() as server:
        server.parcels[NUMBER] = told()
        yield server


@pytest.fixture
def http(gls: FakeGls) -> Iterator[Http]:
    with open_client() as client:
        yield open_http(CARRIER, client=client, credentials=CREDENTIALS, tokens=MemoryTokens(), base=gls.url)


def event(code: str = "INBOUD.NORMAL", time: object = "2026-11-20T14:31:00+0100", **fields: str) -> dict[str, Any]:
    return {"code": code, "city": "Erding", "country": "DE", "description": "x", "eventDateTime": time, **fields}


def told(status: str = "INTRANSIT", *events: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"requested": NUMBER, "unitno": NUMBER, "status": status, "events": list(events or [event()]), **fields}


def parcel(*args: Any, **fields: Any) -> Parcel:
    (found,) = CARRIER.parse(json.dumps({"parcels": [told(*args, **fields)]}).encode()).parcels
    return found


def poll(http: Http, *numbers: str) -> Answer:
    fetched = CARRIER.fetch(http, numbers)
    return CARRIER.parse(fetched.body, fetched.status)


def test_ten_numbers_are_one_call_and_an_unknown_one_is_inside_the_200(gls: FakeGls, http: Http) -> None:
    numbers = [NUMBER, *(f"{n:011d}" for n in range(BATCH - 1))]
    assert CARRIER.about.batch_size == BATCH
    answer = poll(http, *numbers)
    assert [found.number for found in answer.parcels] == [NUMBER]
    assert answer.not_found == tuple(numbers[1:])
    asked = gls.requests[-1]
    assert asked.query == {"showEvents": "true", "showLinks": "false"}
    assert asked.headers["accept-language"] == "DE"


def test_too_many_numbers_are_an_error_in_the_words_of_gls(http: Http) -> None:
    (fault,) = poll(http, *(f"{n:011d}" for n in range(BATCH + 1))).errors
    assert fault == Fault(None, "400", "Provided references of size '11' is more than allowed limit of 10")


def test_a_number_that_could_leave_the_path_stays_in_it(gls: FakeGls, http: Http) -> None:
    assert poll(http, "../x?a=b").not_found == ("../x?a=b",)
    assert gls.requests[-1].query["showLinks"] == "false"


def test_a_token_is_shared_and_renewed_once_when_it_dies(gls: FakeGls, http: Http) -> None:
    for _ in range(3):
        poll(http, NUMBER)
    assert gls.tokens_issued == 1
    gls.expire_tokens()
    assert poll(http, NUMBER).parcels


def test_a_wrong_secret_is_the_operators_to_mend(gls: FakeGls) -> None:
    with open_client() as client:
        wrong = {**CREDENTIALS, "client_secret": "guess"}
        http = open_http(CARRIER, client=client, credentials=wrong, tokens=MemoryTokens(), base=gls.url)
        with pytest.raises(BadCredentials, match="Invalid client"):
            poll(http, NUMBER)


def test_the_daily_limit_pauses_the_account(gls: FakeGls, http: Http) -> None:
    poll(http, NUMBER)
    fault = {"faultstring": "Rate limit quota violation.", "detail": {"errorcode": "policies.ratelimit.QuotaViolation"}}
    gls.next_answers.append(Answered({"fault": fault}, 429))
    with pytest.raises(RateLimited, match="quota violation") as caught:
        poll(http, NUMBER)
    assert caught.value.after == timedelta(minutes=1)


def test_a_parcel_keeps_the_number_that_was_asked_for() -> None:
    """GLS leaves the check digit of a twelve-digit number out of `unitno`."""
    assert parcel(requested="900000000174", unitno="90000000017").number == "900000000174"
    assert parcel(requested="").number == NUMBER


def test_parcels_of_one_reference_have_the_numbers_of_their_own() -> None:
    """Asked for by what stands on a card, GLS repeats that for each of the parcels behind it."""
    both = [told(requested="747N6K", unitno="90000000017"), told(requested="747N6K", unitno="90000000028")]
    alone = told(requested="ZK8F5NQG", unitno="90000000039")
    answer = CARRIER.parse(json.dumps({"parcels": [*both, alone]}).encode())
    assert [found.number for found in answer.parcels] == ["90000000017", "90000000028", "ZK8F5NQG"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"errorCode": "E_404_01", "errorMessage": "No."}, Answer(errors=(Fault(None, "E_404_01", "No."),))),
        ({"unitno": NUMBER, "errorCode": "E_404_01", "errorMessage": "No."}, Answer(not_found=(NUMBER,))),
        ({"errors": [{"code": "V1", "message": "No.", "field": "x"}]}, Answer(errors=(Fault(None, "V1", "No."),))),
    ],
)
def test_an_error_of_another_call_keeps_its_code_and_words(body: object, expected: Answer) -> None:
    assert CARRIER.parse(json.dumps(body).encode(), 400) == expected


def test_words_of_the_page_are_read_as_a_browser_shows_them() -> None:
    line = {"date": "2026-11-20", "time": "14:31:00", "evtDscr": "Livrat la v&#226;nz&#259;tor &amp; Fiii"}
    body = {"tuStatus": [{"tuNo": NUMBER, "history": [line], "progressBar": {"statusInfo": "DELIVERED"}}]}
    (found,) = CARRIER.parse(json.dumps(body).encode()).parcels
    assert found.scans[0].text == "Livrat la v\u00e2nz\u0103tor & Fiii"


@pytest.mark.parametrize(
    ("code", "status", "sub_status"),
    [
        ("DELIVEREDPS", Status.AVAILABLE_FOR_PICKUP, "available_for_pickup.at_point"),
        ("NOTPICKEDUP", Status.INFO_RECEIVED, None),
        ("INWAREHOUSE", Status.IN_TRANSIT, "in_transit.arrived_depot"),
        ("FINAL", Status.ATTEMPT_FAILED, "attempt_failed.not_home"),
        ("", Status.ATTEMPT_FAILED, "attempt_failed.not_home"),
        ("NEVERSEEN", None, None),
    ],
)
def test_the_status_of_a_parcel_is_gls_own_or_that_of_the_newest_scan(
    code: str, status: Status | None, sub_status: str | None
) -> None:
    found = page("4.40", status=code) if code in {"FINAL", ""} else parcel(code)
    assert (found.status, found.sub_status) == (status, sub_status)


def test_every_status_of_gls_list_is_known() -> None:
    listed = "PLANNEDPICKUP INPICKUP NOTPICKEDUP PREADVICE INTRANSIT INDELIVERY DELIVEREDPS DELIVERED INWAREHOUSE"
    assert {*listed.split(), "NOTDELIVERED", "CANCELED", "FINAL"} == STATUSES.keys() | {"FINAL"}
    assert not CARRIER.about.codes.keys() & UNMAPPED.keys()


@pytest.mark.parametrize(
    ("time", "country", "local", "zone_from"),
    [
        ("2024-10-07T10:46:14+0200", "DE", "2024-10-07T10:46:14", ZoneFrom.CARRIER),  # no colon in the offset
        ("2026-11-20T10:00:00+0100", "IE", "2026-11-20T10:00:00", ZoneFrom.CARRIER),  # as sent, wherever it was
        ("2026-11-20T10:00:00", "DE", "2026-11-20T10:00:00", ZoneFrom.PLACE),
        ("2026-10-25T02:30:00", "DE", "2026-10-25T02:30:00", ZoneFrom.UNKNOWN),  # an hour that came twice
        ("2026-11-20T10:00:00", "", "2026-11-20T10:00:00", ZoneFrom.UNKNOWN),
        ("2026-11-20", "DE", "2026-11-20", ZoneFrom.UNKNOWN),
        ("", "DE", "", ZoneFrom.UNKNOWN),
    ],
)
def test_the_time_of_a_scan(time: str, country: str, local: str, zone_from: ZoneFrom) -> None:
    (scan,) = parcel("INTRANSIT", event(time=time, country=country)).scans
    assert (scan.local, scan.zone_from) == (local, zone_from)
    assert (scan.at is None) == (zone_from is ZoneFrom.UNKNOWN)


def page(*codes: str, status: str = "INTRANSIT", lines: int | None = None) -> Parcel:
    history = [
        {"address": {"city": "Erding", "countryCode": "DE"}, "date": "2026-11-20", "time": f"0{9 - n}:00:00"}
        for n in range(len(codes) if lines is None else lines)
    ]
    unit = {"tuNo": NUMBER, "progressBar": {"statusInfo": status, "evtNos": list(codes)}, "history": history}
    (found,) = CARRIER.parse(json.dumps({"tuStatus": [unit]}).encode()).parcels
    return found


def test_codes_of_the_page_belong_to_its_lines_only_while_there_are_as_many() -> None:
    assert [scan.code for scan in page("3.0", "11.0").scans] == ["11.0", "3.0"]
    uneven = page("3.0", "11.0", lines=3)
    assert [(scan.code, scan.status) for scan in uneven.scans] == [("", None)] * 3
    assert uneven.status is Status.IN_TRANSIT


def test_a_delivery_has_its_time_and_a_parcel_shop_none() -> None:
    assert page("3.0", status="DELIVERED").delivered_at == datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
    assert page("3.124", status="DELIVEREDPS").delivered_at is None


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"CreatedShipment": {}}, "buying a label"),
        ({"eventsCodes": []}, "list of event codes"),
        ({"parcels": {}}, "not tracking data of GLS"),
        ({"parcels": [{"status": "DELIVERED"}]}, "without a number"),
        ({"tuStatus": [{"progressBar": {}}]}, "tuNo"),
        ({}, "not tracking data of GLS"),
    ],
)
def test_another_body_is_refused_by_its_name(body: object, named: str) -> None:
    with pytest.raises(BadPayload, match=named):
        CARRIER.parse(json.dumps(body).encode())


def test_the_answer_to_buying_a_label_is_none_to_tracking() -> None:
    body = {"trackingNumbers": [NUMBER], "parcels": [{"parcelId": "P1"}], "labels": [{"labelData": "x"}]}
    with pytest.raises(BadPayload, match="buying a label"):
        CARRIER.parse(json.dumps(body).encode())


def test_the_tracking_page_says_why_it_shows_nothing() -> None:
    body = {"lastError": "E998", "exceptionText": "Zu Ihrer Suchanfrage konnten keine Ergebnisse gefunden werden."}
    (fault,) = CARRIER.parse(json.dumps(body).encode()).errors
    assert (fault.number, fault.code) == (None, "E998")
