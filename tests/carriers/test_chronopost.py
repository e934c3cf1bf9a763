"""Chronopost over real HTTP against a local fake, and the readings that are its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from carriers.adapters.chronopost import CARRIER, CODES, UNMAPPED
from carriers.auth import MemoryTokens
from carriers.contract import Answer, Parcel, Place, ZoneFrom
from carriers.errors import BadPayload, Unavailable, UnknownNumber
from carriers.http import Http, open_client, open_http
from carriers.status import Status
from tests.carriers.fakes.chronopost import PATH, FakeChronopost, fault, returned

NUMBER = "89100000000017"


@pytest.fixture
def chronopost() -> Iterator[FakeChronopost]:
    with FakeChronopost() as server:
        server.parcels[NUMBER] = event()
        yield server


@pytest.fixture
def http(chronopost: FakeChronopost) -> Iterator[Http]:
    with open_client() as client:
        credentials = {"language": "en_GB"}
        yield open_http(CARRIER, client=client, credentials=credentials, tokens=MemoryTokens(), base=chronopost.url)


def event(
    code: str = "TS",
    at: str = "2026-11-19T23:36:06+01:00",
    office: str = "HUB",
    postcode: str = "",
) -> str:
    return (
        f"<events><code>{code}</code><eventDate>{at}</eventDate><eventLabel>Shipment in transit</eventLabel>"
        f"<highPriority>false</highPriority><NPC>91</NPC><officeLabel>{office}</officeLabel>"
        f"<zipCode>{postcode}</zipCode></events>"
    )


def parcel(*events: str) -> Parcel:
    listed = f"{''.join(events)}<skybillNumber>{NUMBER}</skybillNumber>"
    body = returned(f"<errorCode>0</errorCode><listEventInfoComp>{listed}</listEventInfoComp>").raw()
    (only,) = CARRIER.parse(body).parcels
    return only


def poll(http: Http, number: str) -> Answer:
    fetched = CARRIER.fetch(http, [number])
    return CARRIER.parse(fetched.body, fetched.status)


def test_one_number_is_one_soap_call_in_the_language_of_the_account(chronopost: FakeChronopost, http: Http) -> None:
    assert [p.number for p in poll(http, NUMBER).parcels] == [NUMBER]
    (call,) = chronopost.requests
    assert call.path == PATH
    assert b"<language>en_GB</language>" in call.body


def test_a_number_is_written_into_the_envelope_as_text_only(http: Http) -> None:
    answer = poll(http, "1</skybillNumber><x>&")
    assert answer.not_found == ("1</skybillNumber><x>&",)


def test_a_number_without_events_is_unknown_whether_it_is_named_or_not(chronopost: FakeChronopost, http: Http) -> None:
    assert poll(http, "89199999999999").not_found == ("89199999999999",)
    chronopost.names_it = False
    with pytest.raises(UnknownNumber):
        poll(http, "89199999999999")


def test_an_error_is_kept_in_chronoposts_words(chronopost: FakeChronopost, http: Http) -> None:
    chronopost.next_answers = [returned("<errorCode>3</errorCode><errorMessage>Parameter error</errorMessage>")]
    (error,) = poll(http, NUMBER).errors
    assert (error.number, error.code, error.text) == (None, "3", "Parameter error")


def test_a_soap_fault_is_unavailable_on_the_line_and_an_error_in_a_recorded_body(
    chronopost: FakeChronopost, http: Http
) -> None:
    broken = fault("soap:Server", "Fault occurred while processing.")
    chronopost.next_answers = [broken]
    with pytest.raises(Unavailable):
        poll(http, NUMBER)
    (error,) = CARRIER.parse(broken.raw(), 500).errors
    assert (error.code, error.text) == ("soap:Server", "Fault occurred while processing.")


def test_the_offset_is_kept_and_makes_the_instant() -> None:
    (scan,) = parcel(event()).scans
    assert scan.at == datetime(2026, 11, 19, 22, 36, 6, tzinfo=UTC)
    assert (scan.local, scan.offset, scan.zone_from) == ("2026-11-19T23:36:06", "+01:00", ZoneFrom.CARRIER)


def test_an_event_without_offset_stays_local() -> None:
    (scan,) = parcel(event(at="2026-11-19T23:36:06")).scans
    assert (scan.at, scan.zone_from) == (None, ZoneFrom.UNKNOWN)


def test_a_delivery_put_off_by_a_day_has_the_code_of_a_sorting_and_claims_no_depot() -> None:
    (scan,) = parcel(event("SD")).scans
    assert (scan.status, scan.sub_status) == (Status.IN_TRANSIT, None)


def test_a_message_to_the_recipient_does_not_move_the_parcel() -> None:
    waiting = parcel(event("AB", "2026-11-20T09:00:00+01:00"), event("SM", "2026-11-20T09:01:00+01:00"))
    assert waiting.status is Status.AVAILABLE_FOR_PICKUP
    assert [s.status for s in waiting.scans] == [Status.AVAILABLE_FOR_PICKUP, None]


def test_an_information_system_is_no_place() -> None:
    assert parcel(event("DC", office="Web Services")).scans[0].place == Place()
    assert parcel(event(postcode="91090")).scans[0].place == Place(city="HUB", postcode="91090")


def of_operation(name: str, inside: str) -> bytes:
    words = f'<ns1:{name} xmlns:ns1="http://cxf.tracking.soap.chronopost.fr/"><return>{inside}</return></ns1:{name}>'
    envelope = "http://schemas.xmlsoap.org/soap/envelope/"
    return f'<soap:Envelope xmlns:soap="{envelope}"><soap:Body>{words}</soap:Body></soap:Envelope>'.encode()


def scanned(kind: str, code: str) -> str:
    return f"<{kind}><code>{code}</code><eventDate>2026-11-20T09:00:00+01:00</eventDate></{kind}>"


def test_every_parcel_of_a_reference_is_told() -> None:
    parcels = [
        f"<listParcel>{scanned('events', code)}<skybillNumber>{number}</skybillNumber></listParcel>"
        for number, code in (("89100000000017", "TA"), ("89100000000028", "D"))
    ]
    none = "<listParcel><skybillNumber>89100000000039</skybillNumber></listParcel>"
    body = of_operation("trackWithSenderRefResponse", f"<errorCode>0</errorCode>{''.join(parcels)}{none}")
    answer = CARRIER.parse(body)
    assert [(found.number, found.status) for found in answer.parcels] == [
        ("89100000000017", Status.OUT_FOR_DELIVERY),
        ("89100000000028", Status.DELIVERED),
    ]
    assert answer.not_found == ("89100000000039",)


def test_a_search_tells_the_one_event_that_matters() -> None:
    inside = f"{scanned('significantEvent', 'D')}<skybillNumber>89100000000017</skybillNumber>"
    body = of_operation("trackSearchResponse", f"<errorCode>0</errorCode><listInfosPOD>{inside}</listInfosPOD>")
    (found,) = CARRIER.parse(body).parcels
    assert (found.number, [scan.code for scan in found.scans]) == ("89100000000017", ["D"])


@pytest.mark.parametrize("operation", ["cancelSkybillResponse", "shippingMultiParcelV5Response"])
def test_an_error_of_another_operation_keeps_its_words_and_its_success_is_no_tracking(operation: str) -> None:
    failed = of_operation(operation, "<errorCode>33</errorCode><errorMessage>Invalid account</errorMessage>")
    (error,) = CARRIER.parse(failed).errors
    assert (error.code, error.text) == ("33", "Invalid account")
    with pytest.raises(BadPayload, match="no answer of a tracking operation"):
        CARRIER.parse(of_operation(operation, "<errorCode>0</errorCode>"))


@pytest.mark.parametrize(
    "body",
    [
        returned("<errorCode>0</errorCode>").raw(),
        returned("<listEventInfoComp/>").raw(),
        returned("<errorCode>0</errorCode><listEventInfoComp/>").raw(),
        b"<soap:Envelope xmlns:soap='http://schemas.xmlsoap.org/soap/envelope/'><soap:Body/></soap:Envelope>",
        b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>",
        b"<html><body>blocked</body></html>",
        b'{"returnCode": 200}',
    ],
)
def test_what_names_neither_a_parcel_nor_an_error_is_refused(body: bytes) -> None:
    with pytest.raises(BadPayload):
        CARRIER.parse(body)


def test_no_code_is_both_mapped_and_left_out() -> None:
    assert not set(CODES) & set(UNMAPPED)
