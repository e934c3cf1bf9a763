"""bpost over real HTTP against a local fake, and the readings that are its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from carriers.adapters.bpost import CARRIER, CODES, UNMAPPED
from carriers.auth import MemoryTokens
from carriers.contract import Answer, Parcel, ZoneFrom
from carriers.errors import BadCredentials, BadPayload, Unavailable, UnknownNumber
from carriers.http import Http, open_client, open_http
from carriers.status import Status
from tests.carriers.fakes.bpost import CREDENTIALS, FakeBpost, business, system, tracked
from tests.carriers.fakes.server import Answered

ITEM = "323200000000000000000017"


@pytest.fixture
def bpost() -> Iterator[FakeBpost]:
    with FakeBpost() as server:
        server.items[ITEM] = state()
        yield server


@pytest.fixture
def http(bpost: FakeBpost) -> Iterator[Http]:
    with open_client() as client:
        yield open_http(CARRIER, client=client, credentials=CREDENTIALS, tokens=MemoryTokens(), base=bpost.url)


def state(code: str = "T00", at: str = "2026-11-19T23:19:29+01:00", words: str = "Sorted - sorted_out") -> str:
    return (
        f"<stateInfo><time>{at}</time><stateCode>{code}</stateCode>"
        f"<stateDescription>{words}</stateDescription></stateInfo>"
    )


def parcel(*inner: str) -> Parcel:
    (only,) = CARRIER.parse(tracked(ITEM, "".join(inner)).raw()).parcels
    return only


def poll(http: Http, number: str) -> Answer:
    fetched = CARRIER.fetch(http, [number])
    return CARRIER.parse(fetched.body, fetched.status)


def test_one_item_is_one_call(bpost: FakeBpost, http: Http) -> None:
    assert [p.number for p in poll(http, ITEM).parcels] == [ITEM]
    (call,) = bpost.requests
    assert call.path == f"/services/trackedmail/item/{ITEM}/trackingInfo"


def test_an_unknown_item_is_told_by_the_call_because_the_body_does_not_name_it(http: Http) -> None:
    with pytest.raises(UnknownNumber, match="No item found"):
        poll(http, "323299999999999999999999")


def test_a_404_in_other_words_is_not_about_the_item(bpost: FakeBpost, http: Http) -> None:
    bpost.next_answers = [Answered(b"<html><body>Not Found</body></html>", 404)]
    with pytest.raises(BadPayload, match="HTML"):
        poll(http, ITEM)


def test_a_wrong_password_is_the_operators_to_mend(bpost: FakeBpost) -> None:
    with open_client() as client:
        credentials = {**CREDENTIALS, "password": "guess"}
        wrong = open_http(CARRIER, client=client, credentials=credentials, tokens=MemoryTokens(), base=bpost.url)
        with pytest.raises(BadCredentials, match="Unauthorized"):
            poll(wrong, ITEM)


def test_a_system_exception_is_unavailable_on_the_line_and_an_error_in_a_recorded_body(
    bpost: FakeBpost, http: Http
) -> None:
    broken = system(500, "An unexpected error occurred.")
    bpost.next_answers = [broken]
    with pytest.raises(Unavailable):
        poll(http, ITEM)
    (error,) = CARRIER.parse(broken.raw(), 500).errors
    assert (error.number, error.code, error.text) == (None, "systemException", "An unexpected error occurred.")


def test_a_business_exception_keeps_its_code() -> None:
    (error,) = CARRIER.parse(business(400, "3001", "Invalid barcode").raw(), 400).errors
    assert (error.code, error.text) == ("3001", "Invalid barcode")


def test_the_offset_and_the_fraction_of_a_second_are_read() -> None:
    (scan,) = parcel(state(at="2026-11-20T07:11:18.923+01:00")).scans
    assert scan.at == datetime(2026, 11, 20, 6, 11, 18, tzinfo=UTC)
    assert (scan.local, scan.offset, scan.zone_from) == ("2026-11-20T07:11:18", "+01:00", ZoneFrom.CARRIER)


def test_a_time_without_offset_stays_local() -> None:
    (scan,) = parcel(state(at="2026-11-20T07:11:18")).scans
    assert (scan.at, scan.zone_from) == (None, ZoneFrom.UNKNOWN)


def test_out_for_distribution_is_out_for_delivery_and_not_held() -> None:
    assert parcel(state("L00")).status is Status.OUT_FOR_DELIVERY


def test_the_time_of_delivery_alone_does_not_deliver() -> None:
    """deliveryTime has no code: a parcel whose newest code is not known stays open."""
    going = parcel("<deliveryTime>2026-11-20T09:31:07+01:00</deliveryTime>", state("N01", words="NotDistributed - x"))
    assert (going.status, going.delivered_at, going.estimated) == (None, None, None)


def test_the_planned_window_is_the_estimate_until_the_delivery() -> None:
    window = (
        "<deliveryTimeWindow><plannedDeliveryDateWindowStart>2026-11-20T09:00:00+01:00"
        "</plannedDeliveryDateWindowStart><plannedDeliveryDateWindowEnd>2026-11-20T12:00:00+01:00"
        "</plannedDeliveryDateWindowEnd></deliveryTimeWindow>"
    )
    estimated = parcel(window, state()).estimated
    assert estimated
    assert estimated.start == datetime(2026, 11, 20, 8, tzinfo=UTC)
    assert estimated.end == datetime(2026, 11, 20, 11, tzinfo=UTC)
    assert parcel(window, state("U01")).estimated is None


def test_the_personal_data_of_an_answer_stays_where_it_is() -> None:
    assert "TEST" not in repr(parcel(state()))


def test_another_kind_of_body_says_which() -> None:
    with pytest.raises(BadPayload, match="buying a label"):
        CARRIER.parse(b"<labels xmlns='http://schema.post.be/shm/deepintegration/v5/'><label/></labels>")
    with pytest.raises(BadPayload, match="neither itemTracking"):
        CARRIER.parse(b"<hello/>")


NUMBER = "323200000000000000000017"


def shown(*events: dict[str, Any], receiver: str = "BE") -> Parcel:
    """An item of bpost's public tracking page, newest event first."""
    ends = {"sender": {"countryCode": "BE"}, "receiver": {"countryCode": receiver, "name": "TEST"}}
    body = {"items": [{"itemCode": NUMBER, "events": list(events), "productCategory": "parcel", **ends}]}
    (found,) = CARRIER.parse(json.dumps(body).encode()).parcels
    return found


def happened(key: str, time: str = "13:37") -> dict[str, Any]:
    where = {"fr": "GAND", "nl": "GENT", "en": "GHENT"}
    return {"key": key, "location": where, "date": "2026-11-20", "time": time, "irregularity": False}


def test_the_tracking_page_names_its_events_by_words() -> None:
    found = shown(happened("distribution.normal-regular"), happened("something.new", "09:10"))
    assert (found.number, found.status, found.service) == (NUMBER, Status.DELIVERED, "parcel")
    assert found.delivered_at == datetime(2026, 11, 20, 12, 37, tzinfo=UTC)
    assert [(s.code, s.status, s.place.city) for s in found.scans] == [
        ("something.new", None, "GHENT"),
        ("distribution.normal-regular", Status.DELIVERED, "GHENT"),
    ]


def test_the_clock_of_the_page_has_a_zone_only_where_the_parcel_stays_in_belgium() -> None:
    (scan,) = shown(happened("sorted-sorted_out"), receiver="FR").scans
    assert (scan.at, scan.local, scan.zone_from) == (None, "2026-11-20T13:37:00", ZoneFrom.UNKNOWN)


def test_the_page_says_why_it_shows_nothing() -> None:
    (error,) = CARRIER.parse(b'{"error": "NO_DATA_FOUND"}').errors
    assert (error.number, error.code) == (None, "NO_DATA_FOUND")
    with pytest.raises(BadPayload, match="not tracking data"):
        CARRIER.parse(b'{"hello": 1}')


def test_no_code_is_both_mapped_and_left_out() -> None:
    assert not set(CODES) & set(UNMAPPED)
