"""La Poste over real HTTP against a local fake, and the readings that are its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from carriers.adapters.la_poste import CARRIER, CODES, UNMAPPED
from carriers.auth import MemoryTokens
from carriers.contract import Answer, Parcel, ZoneFrom
from carriers.errors import BadCredentials, BadPayload, RateLimited
from carriers.http import Http, open_client, open_http
from carriers.status import Status
from tests.carriers.fakes.la_poste import BATCH, CREDENTIALS, FakeLaPoste, quota_used_up

NUMBER = "6A12345678901"


@pytest.fixture
def la_poste() -> Iterator[FakeLaPoste]:
    with FakeLaPoste() as server:
        server.shipments[NUMBER] = shipment()
        yield server


@pytest.fixture
def http(la_poste: FakeLaPoste) -> Iterator[Http]:
    with open_client() as client:
        yield open_http(CARRIER, client=client, credentials=CREDENTIALS, tokens=MemoryTokens(), base=la_poste.url)


def event(code: str = "ET1", at: str = "2026-11-19T07:34:12+01:00") -> dict[str, str]:
    return {"code": code, "label": "Votre colis est en cours d'acheminement.", "date": at}


def shipment(**fields: Any) -> dict[str, Any]:
    return {"idShip": NUMBER, "holder": 4, "product": "colissimo", "isFinal": False, "event": [event()], **fields}


def parcel(**fields: Any) -> Parcel:
    (only,) = CARRIER.parse(json.dumps({"returnCode": 200, "shipment": shipment(**fields)}).encode()).parcels
    return only


def poll(http: Http, numbers: list[str]) -> Answer:
    fetched = CARRIER.fetch(http, numbers)
    return CARRIER.parse(fetched.body, fetched.status)


def test_one_number_is_asked_with_key_and_language(la_poste: FakeLaPoste, http: Http) -> None:
    assert [p.number for p in poll(http, [NUMBER]).parcels] == [NUMBER]
    (call,) = la_poste.requests
    assert call.path == f"/idships/{NUMBER}"
    assert call.query == {"lang": "en_GB"}
    assert call.headers["x-okapi-key"] == "sesame"


def test_ten_numbers_are_one_call_and_an_unknown_one_is_inside_the_207(la_poste: FakeLaPoste, http: Http) -> None:
    numbers = [NUMBER, *(f"6A{n:011d}" for n in range(BATCH - 1))]
    assert CARRIER.about.batch_size == BATCH
    answer = poll(http, numbers)
    assert len(la_poste.requests) == 1
    assert [p.number for p in answer.parcels] == [NUMBER]
    assert answer.not_found == tuple(numbers[1:])


def test_a_single_unknown_number_is_a_404_that_names_it(http: Http) -> None:
    assert poll(http, ["6A99999999999"]).not_found == ("6A99999999999",)


def test_a_wrong_key_is_the_operators_to_mend(la_poste: FakeLaPoste) -> None:
    with open_client() as client:
        wrong = open_http(
            CARRIER, client=client, credentials={"okapi_key": "guess"}, tokens=MemoryTokens(), base=la_poste.url
        )
        with pytest.raises(BadCredentials, match="key not found"):
            poll(wrong, [NUMBER])


def test_the_quota_pauses_in_the_words_of_la_poste(la_poste: FakeLaPoste, http: Http) -> None:
    la_poste.next_answers = [quota_used_up()]
    with pytest.raises(RateLimited, match="100 calls per 1s"):
        poll(http, [NUMBER])


def test_the_quota_found_in_a_recorded_body_is_an_error_of_the_whole_call() -> None:
    (fault,) = CARRIER.parse(quota_used_up().raw(), 429).errors
    assert (fault.number, fault.code) == (None, "TOO_MANY_REQUESTS")


def test_an_invalid_number_is_an_error_of_that_number_and_not_an_unknown_one() -> None:
    body = {"returnCode": 400, "returnMessage": "Le numéro n'est pas valide.", "idShip": "123", "lang": "fr_FR"}
    answer = CARRIER.parse(json.dumps([body]).encode(), 207)
    assert answer.not_found == ()
    assert [(f.number, f.code, f.text) for f in answer.errors] == [("123", "400", "Le numéro n'est pas valide.")]


def test_the_three_envelopes_say_the_same() -> None:
    one = {"returnCode": 200, "shipment": shipment()}
    bodies: list[object] = [one, [one], {"responses": [one]}]
    answers = {CARRIER.parse(json.dumps(body).encode()) for body in bodies}
    assert len(answers) == 1


def test_the_offset_is_kept_and_makes_the_instant() -> None:
    (scan,) = parcel().scans
    assert scan.at == datetime(2026, 11, 19, 6, 34, 12, tzinfo=UTC)
    assert (scan.local, scan.offset, scan.zone_from) == ("2026-11-19T07:34:12", "+01:00", ZoneFrom.CARRIER)


def test_an_event_without_offset_stays_local() -> None:
    (scan,) = parcel(event=[event(at="2026-11-19T07:34:12")]).scans
    assert (scan.at, scan.zone_from) == (None, ZoneFrom.UNKNOWN)


def test_a_second_transit_scan_after_arrival_is_transit_and_not_out_for_delivery() -> None:
    scans = parcel(event=[event("ET1", "2026-11-20T16:25:00+01:00"), event("ET3")]).scans
    assert [s.status for s in scans] == [Status.IN_TRANSIT, Status.IN_TRANSIT]


@pytest.mark.parametrize(("code", "status"), [("DI2", Status.RETURNED), ("RE1", Status.RETURNING)])
def test_delivered_to_the_sender_is_not_delivered(code: str, status: Status) -> None:
    going_back = parcel(event=[event(code)], isFinal=True, deliveryDate="2026-11-19T07:34:12+01:00")
    assert (going_back.status, going_back.delivered_at) == (status, None)


@pytest.mark.parametrize(
    ("fields", "start", "end"),
    [
        ({"estimDate": "2026-11-21T09:11:00+01:00"}, date(2026, 11, 21), date(2026, 11, 21)),
        (
            {"estimHourMin": "2026-11-21T09:00:00+01:00", "estimHourMax": "2026-11-21T11:00:00+01:00"},
            datetime(2026, 11, 21, 8, tzinfo=UTC),
            datetime(2026, 11, 21, 10, tzinfo=UTC),
        ),
    ],
)
def test_an_expected_delivery_is_a_day_unless_a_whole_window_is_given(
    fields: dict[str, str], start: object, end: object
) -> None:
    estimated = parcel(**fields).estimated
    assert estimated
    assert (estimated.start, estimated.end) == (start, end)


def test_a_delivered_parcel_is_expected_no_more() -> None:
    assert parcel(event=[event("DI1")], estimDate="2026-11-21T09:11:00+01:00").estimated is None


def test_another_kind_of_body_is_refused() -> None:
    with pytest.raises(BadPayload, match="neither a shipment"):
        CARRIER.parse(b'{"hello": "world"}')


def test_an_answer_of_the_version_before_is_no_error_of_the_gateway() -> None:
    old = {"code": "6A00000000017", "date": "20/11/2026", "status": "LIVRE", "message": "Votre colis est livr\u00e9."}
    with pytest.raises(BadPayload, match="Suivi v1"):
        CARRIER.parse(json.dumps(old | {"link": "https://www.laposte.fr/x", "type": "Colissimo"}).encode())


def test_no_code_is_both_mapped_and_left_out() -> None:
    assert not set(CODES) & set(UNMAPPED)
