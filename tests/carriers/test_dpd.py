"""DPD over real HTTP against a local fake, and the readings that are its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from carriers.adapters.dpd import CARRIER, CODES, UNMAPPED
from carriers.auth import MemoryTokens
from carriers.contract import Answer, Fault, Parcel, Scan, ZoneFrom
from carriers.errors import BadCredentials, BadPayload, Unavailable, UnknownNumber
from carriers.http import Http, open_http
from carriers.status import Status
from tests.carriers.fakes.dpd import CREDENTIALS, FakeDpd, answer, envelope_of, fault, info
from tests.carriers.fakes.server import Answered

NUMBER = "05300000000017"


@pytest.fixture
def dpd() -> Iterator[FakeDpd]:
    with FakeDpd() as server:
        server.results[NUMBER] = info("Courier", "11/20/2026 7:34:34 AM")
        yield server


@pytest.fixture
def http(dpd: FakeDpd, client: httpx.Client) -> Http:
    return connected(dpd.url, client)


def connected(base: str, client: httpx.Client, **changed: str) -> Http:
    credentials = {**CREDENTIALS, **changed}
    return open_http(CARRIER, client=client, credentials=credentials, tokens=MemoryTokens(), base=base)


def poll(http: Http, number: str = NUMBER) -> Answer:
    fetched = CARRIER.fetch(http, [number])
    return CARRIER.parse(fetched.body, fetched.status).asked_for([number])


def parcel(*infos: str) -> Parcel:
    (found,) = CARRIER.parse(answer("".join(infos))).parcels
    return found


def scan(status: str = "Depot", date: str = "11/20/2026 7:34:34 AM", place: str = "Mechelen (BE)") -> Scan:
    return parcel(info(status, date, place)).scans[0]


def test_the_history_is_that_of_the_number_that_was_asked_for(http: Http) -> None:
    (found,) = poll(http).parcels
    assert (found.number, found.status) == (NUMBER, Status.OUT_FOR_DELIVERY)


def test_an_answer_alone_names_no_number() -> None:
    """DPD's answer does not say whose history it is, and none is made up, nor picked among several."""
    found = CARRIER.parse(answer(info("Courier", "")))
    assert found.parcels[0].number == ""
    assert found.asked_for([NUMBER, "05300000000028"]) == found
    assert found.asked_for([NUMBER]).parcels[0].number == NUMBER


def test_a_result_without_anything_reached_is_an_unknown_number(http: Http) -> None:
    with pytest.raises(UnknownNumber):
        poll(http, "05300000000028")
    assert CARRIER.parse(answer(info("Delivered", "", reached="false"))) == Answer()


def test_a_number_that_could_break_the_envelope_is_only_text(dpd: FakeDpd, http: Http) -> None:
    with pytest.raises(UnknownNumber):
        poll(http, "--></parcelLabelNumber>1")
    assert b"--&gt;&lt;/parcelLabelNumber&gt;1" in dpd.requests[-1].body


def test_a_token_is_shared_and_renewed_once_when_it_dies(dpd: FakeDpd, http: Http) -> None:
    for _ in range(3):
        poll(http)
    assert dpd.logins == 1
    dpd.expire_tokens()
    assert poll(http).parcels
    assert [request.path.split("/")[-2] for request in dpd.requests[-3:]] == [
        "ParcelLifeCycleService",
        "LoginService",
        "ParcelLifeCycleService",
    ]


@pytest.mark.parametrize("status", [200, 500])
def test_a_wrong_password_is_the_operators_to_mend_whatever_its_http_status(
    dpd: FakeDpd, client: httpx.Client, status: int
) -> None:
    dpd.refusal_status = status
    with pytest.raises(BadCredentials, match="check delisId and password") as caught:
        poll(connected(dpd.url, client, password="guess"))
    assert caught.value.code == "DELICOM_ERR_AUTHENTICATION"
    assert len(dpd.requests) == 1


def test_a_token_that_is_refused_while_new_is_not_asked_for_again(dpd: FakeDpd, http: Http) -> None:
    refused = Answered(fault("LOGIN_6", "Token expired"), 500)
    login = envelope_of("<getAuthResponse><return><authToken>t</authToken></return></getAuthResponse>")
    dpd.next_answers += [Answered(login), refused]
    with pytest.raises(BadCredentials, match="Token expired"):
        poll(http)
    assert len(dpd.requests) == 2


def test_a_login_without_a_token_is_no_login(dpd: FakeDpd, http: Http) -> None:
    dpd.next_answers.append(Answered(envelope_of("<getAuthResponse><return/></getAuthResponse>")))
    with pytest.raises(BadCredentials, match="no token"):
        poll(http)


def test_another_fault_is_tried_again(dpd: FakeDpd, http: Http) -> None:
    poll(http)
    dpd.next_answers.append(Answered(fault("DELICOM_ERR_SYSTEM", "Out of order"), 500))
    with pytest.raises(Unavailable, match="Out of order"):
        poll(http)


@pytest.mark.parametrize(
    ("base", "country", "host"),
    [
        ("https://wsshipper.dpd.nl", "NL", "wsshipper.dpd.nl"),
        ("https://wsshipper.dpd.nl", "BE", "wsshipper.dpd.be"),
        ("https://shipperadmintest.dpd.nl/PublicApi", "BE", "shipperadmintest.dpd.be"),
        ("https://wsshipper.dpd.nl", "evil.example/", "wsshipper.dpd.nl"),
    ],
)
def test_the_country_picks_the_host_of_login_and_tracking(base: str, country: str, host: str) -> None:
    asked: list[str] = []

    def told(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        login = envelope_of("<getAuthResponse><return><authToken>t</authToken></return></getAuthResponse>")
        body = login if "LoginService" in request.url.path else answer(info("Depot", ""))
        return httpx.Response(200, stream=httpx.ByteStream(body))

    with httpx.Client(transport=httpx.MockTransport(told)) as client:
        poll(connected(base, client, country=country))
    assert asked == [host, host]


@pytest.mark.parametrize(
    ("date", "local"),
    [
        ("8/17/2021 7:11:26 PM", "2021-08-17T19:11:26"),
        ("8/17/2021 12:00:00 AM", "2021-08-17T00:00:00"),
        ("8/17/2021 12:30:00 PM", "2021-08-17T12:30:00"),
        ("17-8-2021 19:11:26", "2021-08-17T19:11:26"),
        ("17.08.2021, 19:11", "2021-08-17T19:11:00"),
        ("17.08.2021", "2021-08-17"),
        ("2021-08-17T19:11:26", "2021-08-17T19:11:26"),
        ("17/08/2021 19:11:26", ""),  # with slashes the order is not sure
        ("8/17/2021", ""),
        ("8/17/2021 13:00:00 PM", ""),
        ("13/13/2021 1:00:00 PM", ""),
        ("soon", ""),
        ("", ""),
    ],
)
def test_the_clocks_of_dpd(date: str, local: str) -> None:
    assert scan(date=date).local == local


@pytest.mark.parametrize(
    ("place", "city", "country", "zone_from"),
    [
        ("Mechelen (BE)", "Mechelen", "BE", ZoneFrom.PLACE),
        ("Barcelona (ES)", "Barcelona", "ES", ZoneFrom.UNKNOWN),  # Spain has two zones
        ("Mechelen", "Mechelen", "", ZoneFrom.UNKNOWN),
        ("", "", "", ZoneFrom.UNKNOWN),
    ],
)
def test_the_country_behind_the_town_places_the_time(place: str, city: str, country: str, zone_from: ZoneFrom) -> None:
    found = scan(place=place)
    assert (found.place.city, found.place.country, found.zone_from) == (city, country, zone_from)
    assert found.at == (datetime(2026, 11, 20, 6, 34, 34, tzinfo=UTC) if zone_from is ZoneFrom.PLACE else None)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("Delivered", Status.DELIVERED),
        ("DELIVERED", Status.DELIVERED),
        ("ReturningFromDelivery", Status.ATTEMPT_FAILED),
        ("ParcelShop", Status.AVAILABLE_FOR_PICKUP),
        ("AT_SENDING_DEPOT", Status.IN_TRANSIT),
        ("Customs", Status.IN_TRANSIT),
        ("Lost", None),
        ("", None),
    ],
)
def test_the_code_decides(code: str, status: Status | None) -> None:
    assert scan(code).status is status


def test_steps_of_the_future_are_no_scans() -> None:
    found = parcel(info("Courier", "11/20/2026 7:34:34 AM"), info("Delivered", "", reached="false"))
    assert [s.code for s in found.scans] == ["Courier"]
    assert found.status is Status.OUT_FOR_DELIVERY


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (envelope_of("<storeOrdersResponse/>"), "buying a label"),
        (envelope_of("<getAuthResponse/>"), "a token"),
        (envelope_of("<something/>"), "not tracking data of DPD"),
        (b'{"label": {}, "shipmentId": "1"}', "shipping API"),
        (b'{"getAuthResponse": {}}', "a token"),
        (b'{"a": 1}', "not tracking data"),
        (b"<html><body/></html>", "HTML"),
        (b'<?xml version="1.0"?><!DOCTYPE lol [<!ENTITY a "b">]><s/>', "document type"),
    ],
)
def test_another_body_is_refused_by_its_name(body: bytes, named: str) -> None:
    with pytest.raises(BadPayload, match=named):
        CARRIER.parse(body)


def test_a_fault_without_detail_keeps_its_own_words() -> None:
    body = envelope_of("<Fault><faultcode>s:Client</faultcode><faultstring>No such service</faultstring></Fault>")
    assert CARRIER.parse(body, 500).errors == (Fault(None, "s:Client", "No such service"),)


def laid_out(words: str) -> dict[str, Any]:
    return {"content": words, "bold": False, "paragraph": False}


def test_the_service_as_json_says_what_it_says_as_xml() -> None:
    steps = [
        {
            "status": code,
            "label": laid_out("Label"),
            "description": {"content": [laid_out("x")]},
            "statusHasBeenReached": reached,
            "isCurrentStatus": code == "ParcelShop",
            "location": laid_out("Mechelen (BE)"),
            "date": laid_out("11/20/2026 7:34:34 AM"),
        }
        for code, reached in (("Courier", True), ("ParcelShop", True), ("Delivered", False))
    ]
    shipment = {"receiver": None, "serviceDescription": {"label": laid_out("Service"), "content": [laid_out("HOME")]}}
    body = {"getTrackingDataResponse": {"trackingResult": {"shipmentInfo": shipment, "statusInfo": steps}}}
    (found,) = CARRIER.parse(json.dumps(body).encode()).parcels
    asked = "11/20/2026 7:34:34 AM"
    assert found.scans == parcel(info("Courier", asked), info("ParcelShop", asked)).scans
    assert (found.number, found.service, found.status) == ("", "HOME", Status.AVAILABLE_FOR_PICKUP)


def scanned(code: str, at: str = "2026-11-20T14:31:00", **data: Any) -> dict[str, Any]:
    scan = {"scanType": {"code": code, "name": "x"}, "location": "Utrecht (NL)", **data}
    return {"date": at, "scanData": scan, "scanDescription": {"content": ["One line.", "And another."]}}


def of_the_page(*scans: dict[str, Any], steps: Sequence[dict[str, Any]] = ()) -> Answer:
    data = {
        "shipmentInfo": {"parcelLabelNumber": NUMBER, "productName": "DPD CLASSIC"},
        "statusInfo": list(steps),
        "scanInfo": {"scan": list(scans)},
    }
    return CARRIER.parse(json.dumps({"parcellifecycleResponse": {"parcelLifeCycleData": data}}).encode())


def test_an_answer_of_the_tracking_page_names_its_parcel_and_every_scan() -> None:
    current = {"status": "DELIVERED", "statusHasBeenReached": True, "isCurrentStatus": True}
    (found,) = of_the_page(scanned("03"), scanned("13", "2026-11-20T15:00:00"), steps=[current]).parcels
    assert (found.number, found.status, found.service) == (NUMBER, Status.DELIVERED, "DPD CLASSIC")
    assert found.delivered_at == datetime(2026, 11, 20, 14, tzinfo=UTC)
    assert [(s.code, s.text, s.place.city) for s in found.scans] == [
        ("03", "One line. And another.", "Utrecht"),
        ("13", "One line. And another.", "Utrecht"),
    ]


@pytest.mark.parametrize(
    ("code", "status"),
    [("1", Status.IN_TRANSIT), ("06", Status.RETURNING), ("18", None), ("99", None), ("", None)],
)
def test_the_type_of_a_scan_decides(code: str, status: Status | None) -> None:
    (found,) = of_the_page(scanned(code)).parcels
    assert (found.status, found.scans[0].code, found.scans[0].status) == (status, code, status)


def test_the_country_of_a_scan_comes_before_the_one_behind_the_town() -> None:
    (found,) = of_the_page(scanned("02", country="DE", location="Aachen")).parcels
    assert (found.scans[0].place.country, found.scans[0].offset) == ("DE", "+01:00")


def test_an_answer_of_the_page_without_a_parcel_says_nothing() -> None:
    nothings: list[Any] = [None, {}, ""]
    for nothing in nothings:
        body = json.dumps({"parcellifecycleResponse": {"parcelLifeCycleData": nothing}}).encode()
        assert CARRIER.parse(body) == Answer()


def test_a_parcel_that_was_only_announced_has_a_status_and_no_scan() -> None:
    step = {"status": "SHIPMENT", "statusHasBeenReached": True, "isCurrentStatus": True}
    (found,) = of_the_page(steps=[step]).parcels
    assert (found.status, found.scans) == (Status.INFO_RECEIVED, ())


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (
            {"status": {"type": "LOGIN_8", "code": -1, "message": "The token is invalid."}},
            Fault(None, "LOGIN_8", "The token is invalid."),
        ),
        ({"errorCode": "E1", "errorMessage": "No.", "errorOrigin": "x"}, Fault(None, "E1", "No.")),
    ],
)
def test_an_error_in_json_keeps_its_code_and_words(body: dict[str, Any], fault: Fault) -> None:
    assert CARRIER.parse(json.dumps(body).encode(), 400).errors == (fault,)


def test_mapped_and_unmapped_words_are_apart() -> None:
    assert not {code.casefold() for code in CODES} & {code.casefold() for code in UNMAPPED}
