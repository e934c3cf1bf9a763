"""Australia Post over real HTTP against a local fake, and the readings that are its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from carriers.adapters.australia_post import CARRIER
from carriers.auth import MemoryTokens
from carriers.contract import Parcel, Place, Scan, ZoneFrom
from carriers.errors import BadCredentials, BadPayload, RateLimited
from carriers.http import Http, open_client, open_http
from carriers.status import Status
from tests.carriers.fakes.australia_post import CREDENTIALS, FakeAustraliaPost, errors

NUMBER, OTHER = "7XX1000000012", "7XX1000000023"


def event(description: str = "Onboard for delivery", **changed: Any) -> dict[str, Any]:
    return {"location": "MELTON VIC", "description": description, "date": "2026-07-15T09:11:47+10:00", **changed}


def article(*events: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"article_id": NUMBER, "product_type": "eParcel", "events": list(events), **fields}


def parcels(*items: dict[str, Any], **fields: Any) -> tuple[Parcel, ...]:
    result = {"tracking_id": NUMBER, "trackable_items": list(items), **fields}
    return CARRIER.parse(json.dumps({"tracking_results": [result]}).encode()).parcels


def scan(*words: str, **changed: Any) -> Scan:
    return parcels(article(event(*words, **changed)))[0].scans[0]


@pytest.fixture
def post() -> Iterator[FakeAustraliaPost]:
    with FakeAustraliaPost() as server:
        server.articles[NUMBER] = article(event())
        yield server


@pytest.fixture
def http(post: FakeAustraliaPost) -> Iterator[Http]:
    with open_client() as client:
        yield open_http(CARRIER, client=client, credentials=CREDENTIALS, tokens=MemoryTokens(), base=post.url)


def test_known_and_unknown_numbers_come_in_one_answer(post: FakeAustraliaPost, http: Http) -> None:
    fetched = CARRIER.fetch(http, [NUMBER, OTHER])
    answer = CARRIER.parse(fetched.body, fetched.status)
    assert [(parcel.number, parcel.status) for parcel in answer.parcels] == [(NUMBER, Status.OUT_FOR_DELIVERY)]
    assert (answer.not_found, answer.errors) == ((OTHER,), ())
    assert post.requests[0].query == {"tracking_ids": f"{NUMBER},{OTHER}"}


def test_wrong_credentials_are_the_operators_move(post: FakeAustraliaPost) -> None:
    with open_client() as client:
        wrong = {**CREDENTIALS, "password": "wrong"}
        http = open_http(CARRIER, client=client, credentials=wrong, tokens=MemoryTokens(), base=post.url)
        with pytest.raises(BadCredentials):
            CARRIER.fetch(http, [NUMBER])


@pytest.mark.parametrize("status", [200, 400])
def test_too_many_requests_pause_whatever_status_they_come_with(
    status: int, post: FakeAustraliaPost, http: Http
) -> None:
    post.next_answers.append(errors(status, {"error_code": "API_002", "error_name": "Too many requests"}))
    with pytest.raises(RateLimited, match="Too many requests") as caught:
        CARRIER.fetch(http, [NUMBER])
    assert caught.value.after == timedelta(minutes=1)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        ({"code": "51101", "name": "TOO_MANY_AP_TRACKING_IDS", "message": "10 or less"}, "51101", "10 or less"),
        ({"error_code": "API_001", "error_name": "Unable to authenticate"}, "API_001", "Unable to authenticate"),
        ({"error": "unprocessable_entity", "error_description": "Invalid"}, "unprocessable_entity", "Invalid"),
        ({"code": "ESB-20010", "name": "Product not trackable"}, "ESB-20010", "Product not trackable"),
    ],
)
def test_every_shape_of_an_error_keeps_its_words(error: dict[str, str], code: str, words: str) -> None:
    (whole,) = CARRIER.parse(json.dumps({"errors": [error]}).encode()).errors
    assert (whole.number, whole.code, whole.text) == (None, code, words)
    one = {"tracking_results": [{"tracking_id": NUMBER, "errors": [error]}]}
    answer = CARRIER.parse(json.dumps(one).encode())
    assert [(fault.number, fault.code) for fault in answer.errors] == [(NUMBER, code)]
    assert answer.not_found == ()


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("ALEXANDRIA NSW", Place("ALEXANDRIA", "NSW", country="AU")),
        ("Sydney,NSW", Place("Sydney", "NSW", country="AU")),
        ("SYDNEY (AU)", Place("SYDNEY", country="AU")),
        ("JOHN F. KENNEDY APT/NEW YORK (US)", Place("JOHN F. KENNEDY APT/NEW YORK", country="US")),
        ("US-60199, UNITED STATES", Place("US-60199", country="US")),
        ("NZ", Place(country="NZ")),
        ("SOMEWHERE ELSE", Place("SOMEWHERE ELSE")),
        ("SOMEWHERE, ELSE", Place("SOMEWHERE, ELSE")),
        ("", Place()),
        (None, Place()),
    ],
)
def test_a_location_is_a_suburb_with_its_state_or_a_place_with_its_country(location: object, place: Place) -> None:
    assert scan(location=location).place == place


def test_the_offset_is_taken_as_the_instant_it_claims_to_be_within_australia() -> None:
    """Brisbane keeps no summer time; +11:00 there is the offset of Melbourne, and still an instant."""
    told = scan(location="BRISBANE QLD", date="2027-01-28T01:59:11+11:00")
    assert (told.at, told.zone_from) == (datetime(2027, 1, 27, 14, 59, 11, tzinfo=UTC), ZoneFrom.CARRIER)
    assert scan(location=None).at


@pytest.mark.parametrize("location", ["JOHN F. KENNEDY APT/NEW YORK (US)", "AUCKLAND (NZ)"])
def test_the_offset_of_australia_is_no_instant_abroad(location: str) -> None:
    told = scan("Departed facility", location=location, date="2014-05-26T05:00:00+10:00")
    assert (told.at, told.local, told.offset) == (None, "2014-05-26T05:00:00", None)
    assert told.zone_from is ZoneFrom.UNKNOWN
    assert told.status is Status.IN_TRANSIT


@pytest.mark.parametrize(
    ("phrase", "status"),
    [
        ("Delivered", Status.DELIVERED),
        ("DELIVERED - left in a safe place", Status.DELIVERED),
        ("In transit to next facility in REDBANK QLD", Status.IN_TRANSIT),
        ("Awaiting collection at CITY PARCEL DELIVERY", Status.AVAILABLE_FOR_PICKUP),
        ("Attempted delivery - being carded to Australia\n\t\tPost outlet", Status.ATTEMPT_FAILED),
        ("Attempted delivery - Unable to gain access", Status.ATTEMPT_FAILED),
        ("Item cleared by Customs", Status.IN_TRANSIT),
        ("Arrived in New Zealand", Status.IN_TRANSIT),
        ("Arrived in pieces", None),
        ("Delivered to the wrong address", None),
        ("Not delivered", None),
        ("", None),
    ],
)
def test_a_phrase_counts_as_a_whole(phrase: str, status: Status | None) -> None:
    assert scan(phrase).status is status


def test_the_articles_own_status_wins_over_its_newest_event() -> None:
    """A recorded parcel was Delivered while its newest event said "Processed through ... facility"."""
    events = (event("Processed through Australia Post facility"), event("Delivered", date="2026-07-04T12:11:32+10:00"))
    (told,) = parcels(article(*events, status="Delivered"))
    assert (told.status, told.delivered_at) == (Status.DELIVERED, datetime(2026, 7, 4, 2, 11, 32, tzinfo=UTC))
    assert parcels(article(*events), status="Delivered")[0].status is Status.DELIVERED
    assert parcels(article(*events))[0].status is Status.IN_TRANSIT
    assert parcels(article(*events, status="Unknown"))[0].status is Status.IN_TRANSIT


def test_articles_may_lie_one_deeper_in_a_consignment() -> None:
    deeper = {"consignment_id": NUMBER, "number_of_items": 1, "items": [article(event(), article_id="ABC000012B4C5")]}
    assert [(told.number, len(told.scans)) for told in parcels(deeper)] == [(NUMBER, 1)]


def test_of_several_articles_each_has_its_own_number_and_the_consignment_its_summary() -> None:
    first, second = article(event("Delivered"), article_id="A1"), article(event(), article_id="A2")
    told = parcels({"consignment_id": NUMBER, "items": [first, second]}, status="In transit")
    assert [(parcel.number, parcel.status) for parcel in told] == [
        ("A1", Status.IN_TRANSIT),
        ("A2", Status.IN_TRANSIT),
        (NUMBER, Status.IN_TRANSIT),
    ]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"shipments": []}, "creating a shipment"),
        ({"labels": []}, "asking for labels"),
        ({"hello": 1}, "neither tracking_results"),
        ({"tracking_results": [{"status": "Delivered"}]}, "tracking_id"),
        ({"tracking_results": [{"tracking_id": ""}]}, "without tracking_id"),
        ({"tracking_results": "none"}, "list of objects"),
    ],
)
def test_another_body_is_refused_by_its_name(body: object, named: str) -> None:
    with pytest.raises(BadPayload, match=named):
        CARRIER.parse(json.dumps(body).encode())


def test_errors_of_the_call_stand_beside_its_results() -> None:
    results = [{"tracking_id": NUMBER, "status": "Delivered", "trackable_items": [article(event())]}]
    body = {"tracking_results": results, "errors": [{"code": "API_002", "name": "Too many requests"}]}
    answer = CARRIER.parse(json.dumps(body).encode())
    assert [found.number for found in answer.parcels] == [NUMBER]
    assert [fault.code for fault in answer.errors] == ["API_002"]


def test_mapped_and_unmapped_phrases_are_apart() -> None:
    assert not CARRIER.about.codes.keys() & CARRIER.about.unmapped.keys()
