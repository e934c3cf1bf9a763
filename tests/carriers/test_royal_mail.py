"""Royal Mail over real HTTP against a local fake, and the readings that are its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from carriers.adapters.royal_mail import CARRIER
from carriers.auth import MemoryTokens
from carriers.contract import Estimate, Fault, Parcel, Scan, ZoneFrom
from carriers.errors import BadCredentials, BadPayload, RateLimited, UnknownNumber
from carriers.http import Http, open_client, open_http
from carriers.status import Status
from tests.carriers.fakes.royal_mail import CREDENTIALS, UNRECOGNISED, FakeRoyalMail

NUMBER, OTHER = "AB000000015GB", "AB000000024GB"


def event(code: str = "EVGPD", **changed: str) -> dict[str, str]:
    return {
        "eventCode": code,
        "eventName": "Due to be delivered today",
        "eventDateTime": "2026-07-16T06:31:00+01:00",
        "locationName": "Stafford DO",
        **changed,
    }


def parcel(*events: dict[str, str], **fields: Any) -> Parcel:
    body = {"mailPieces": {"mailPieceId": NUMBER, "events": list(events), **fields}}
    (found,) = CARRIER.parse(json.dumps(body).encode()).parcels
    return found


def scan(**changed: str) -> Scan:
    return parcel(event(**changed)).scans[0]


def estimate(**told: str) -> Estimate | None:
    return parcel(event(), estimatedDelivery=told).estimated


@pytest.fixture
def mail() -> Iterator[FakeRoyalMail]:
    with FakeRoyalMail() as server:
        server.events[NUMBER] = [event(), event("EVDAV", eventDateTime="2026-07-15T23:40:00+01:00")]
        yield server


@pytest.fixture
def http(mail: FakeRoyalMail) -> Iterator[Http]:
    with open_client() as client:
        yield open_http(CARRIER, client=client, credentials=CREDENTIALS, tokens=MemoryTokens(), base=mail.url)


def test_one_number_brings_its_history(mail: FakeRoyalMail, http: Http) -> None:
    fetched = CARRIER.fetch(http, [NUMBER])
    (found,) = CARRIER.parse(fetched.body, fetched.status).parcels
    assert (len(found.scans), found.status) == (2, Status.OUT_FOR_DELIVERY)
    assert mail.requests[0].path == f"/mailpieces/v2/{NUMBER}/events"


def test_several_numbers_bring_the_latest_event_of_each(mail: FakeRoyalMail, http: Http) -> None:
    fetched = CARRIER.fetch(http, [NUMBER, OTHER])
    answer = CARRIER.parse(fetched.body, fetched.status)
    assert [(found.number, len(found.scans)) for found in answer.parcels] == [(NUMBER, 1)]
    assert (answer.not_found, answer.errors) == ((OTHER,), ())
    history = CARRIER.parse(CARRIER.fetch(http, [NUMBER]).body)
    assert answer.parcels[0].scans[0].key() == history.parcels[0].scans[-1].key()


def test_a_number_is_asked_for_as_letters_and_digits_alone(mail: FakeRoyalMail, http: Http) -> None:
    CARRIER.fetch(http, [" ab 0000/0001-5 gb "])
    assert mail.requests[0].path == f"/mailpieces/v2/{NUMBER}/events"


def test_an_unknown_number_is_unknown_although_the_answer_does_not_repeat_it(http: Http) -> None:
    with pytest.raises(UnknownNumber, match="isn't recognised"):
        CARRIER.fetch(http, [OTHER])


def test_wrong_credentials_are_the_operators_move(mail: FakeRoyalMail) -> None:
    with open_client() as client:
        wrong = {**CREDENTIALS, "client_secret": "wrong"}
        http = open_http(CARRIER, client=client, credentials=wrong, tokens=MemoryTokens(), base=mail.url)
        with pytest.raises(BadCredentials):
            CARRIER.fetch(http, [NUMBER])


def test_a_plan_that_is_used_up_pauses(mail: FakeRoyalMail, http: Http) -> None:
    mail.calls_left = 0
    with pytest.raises(RateLimited, match="Too Many Requests"):
        CARRIER.fetch(http, [NUMBER])


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"httpCode": "404", "errors": [UNRECOGNISED]}, ("E1142", "Barcode reference isn't recognised")),
        ({"httpCode": 503, "httpMessage": "Service Unavailable", "moreInformation": "Later"},
         ("503", "Service Unavailable: Later")),
        ({"httpCode": "400", "httpMessage": "Bad Request", "errors": []}, ("400", "Bad Request")),
    ],
)  # fmt: skip
def test_an_error_of_the_whole_call_keeps_its_words(body: object, fault: tuple[str, str]) -> None:
    assert CARRIER.parse(json.dumps(body).encode()).errors == (Fault(None, *fault),)


def test_nulls_beside_the_pieces_are_no_errors() -> None:
    body: dict[str, Any] = {"errors": [], "httpCode": None, "mailPieces": {"mailPieceId": NUMBER}}
    body["httpMessage"] = body["moreInformation"] = None
    answer = CARRIER.parse(json.dumps(body).encode())
    assert (answer.parcels, answer.errors) == ((Parcel(NUMBER),), ())


def test_a_history_without_events_stands_where_its_summary_says() -> None:
    piece = {"mailPieceId": NUMBER, "summary": {"lastEventCode": "EVGPD", "statusCategory": "IN TRANSIT"}}
    (found,) = CARRIER.parse(json.dumps({"mailPieces": piece}).encode()).parcels
    assert (found.status, found.scans) == (Status.OUT_FOR_DELIVERY, ())


def test_an_error_beside_a_summary_is_told_and_loses_nothing() -> None:
    summary = {"lastEventCode": "EVNMI", "lastEventDateTime": "2016-10-20T10:04:00+01:00"}
    piece = {"mailPieceId": NUMBER, "summary": summary, "error": UNRECOGNISED}
    answer = CARRIER.parse(json.dumps({"mailPieces": [piece]}).encode())
    assert [found.status for found in answer.parcels] == [Status.EXCEPTION]
    assert [(fault.number, fault.code) for fault in answer.errors] == [(NUMBER, "E1142")]
    assert answer.not_found == ()


def test_a_history_without_the_wrapper_is_read() -> None:
    body = json.dumps({"mailPieceId": NUMBER, "events": [event()]}).encode()
    assert CARRIER.parse(body).parcels == (parcel(event()),)


def test_the_category_speaks_only_where_no_event_does() -> None:
    delivered = {"statusCategory": "DELIVERED"}
    assert parcel(event("EVZZZ"), summary=delivered).status is Status.DELIVERED
    assert parcel(event("EVRTS"), summary=delivered).status is Status.RETURNED
    assert parcel(event("EVZZZ"), summary={"statusCategory": "NEW WORD"}).status is None


@pytest.mark.parametrize(
    ("value", "at", "local"),
    [
        ("2026-07-16T06:31:00+01:00", datetime(2026, 7, 16, 5, 31, tzinfo=UTC), "2026-07-16T06:31:00"),
        ("2026-07-16T06:31:00", None, "2026-07-16T06:31:00"),
        ("UNPARSABLE DATE", None, ""),
        ("", None, ""),
    ],
)
def test_a_time_is_what_it_says(value: str, at: datetime | None, local: str) -> None:
    told = scan(eventDateTime=value)
    assert (told.at, told.local) == (at, local)
    assert told.zone_from is (ZoneFrom.CARRIER if at else ZoneFrom.UNKNOWN)


def test_a_window_is_two_instants_or_a_day() -> None:
    day = date(2017, 2, 20)
    window = (datetime(2017, 2, 20, 8, tzinfo=UTC), datetime(2017, 2, 20, 11, tzinfo=UTC), "estimatedWindow")
    clocks = {"startOfEstimatedWindow": "08:00:00+00:00", "endOfEstimatedWindow": "11:00:00Z"}
    assert estimate(date="2017-02-20", **clocks) == Estimate(*window)
    whole = {name: f"2017-02-20T{value}" for name, value in clocks.items()}
    assert estimate(date="2017-02-20T00:00:00+00:00", **whole) == Estimate(*window)
    assert estimate(**whole) == Estimate(*window)
    assert estimate(date="2017-02-20", **{**clocks, "endOfEstimatedWindow": "?"}) == Estimate(
        day, day, "estimatedDelivery"
    )
    assert estimate(date="2017-02-20", startOfEstimatedWindow="08:00:00", endOfEstimatedWindow="11:00:00") == Estimate(
        day, day, "estimatedDelivery"
    )
    assert estimate(date="UNPARSABLE DATE", startOfEstimatedWindow="UNPARSABLE TIME") is None
    assert parcel(event("EVKOP"), estimatedDelivery={"date": "2017-02-20"}).estimated is None


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"hello": 1}, "neither mailPieces"),
        ({"mailPieces": [{"status": "200"}]}, "mailPieceId"),
        ({"mailPieces": {"mailPieceId": ""}}, "without mailPieceId"),
        ({"mailPieces": "none"}, "list of objects"),
    ],
)
def test_another_body_is_refused_by_its_name(body: object, named: str) -> None:
    with pytest.raises(BadPayload, match=named):
        CARRIER.parse(json.dumps(body).encode())


def test_mapped_and_unmapped_codes_are_apart() -> None:
    assert not CARRIER.about.codes.keys() & CARRIER.about.unmapped.keys()
