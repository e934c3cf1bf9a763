"""Purolator over real HTTP against a local fake, and the readings that are its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from carriers.adapters.purolator import CARRIER
from carriers.auth import MemoryTokens
from carriers.contract import Parcel, Scan, ZoneFrom
from carriers.errors import BadCredentials, BadPayload, Unavailable
from carriers.http import Http, open_client, open_http
from carriers.status import Status
from tests.carriers.fakes.purolator import CREDENTIALS, FakePurolator, answer, envelope_of, information
from tests.carriers.fakes.server import Answered

PIN, OTHER = "333000000012", "333000000023"


def told(kind: str = "Other", phrase: str = "Arrived at sort facility", **changed: str) -> str:
    fields = {
        "ScanType": kind,
        "Depot": "<Name>HALIFAX, NS</Name>",
        "ScanDate": "2026-07-15",
        "ScanTime": "051400",
        "Description": phrase,
        **changed,
    }
    return f"<Scan>{''.join(f'<{name}>{value}</{name}>' for name, value in fields.items())}</Scan>"


def parcel(*scans: str) -> Parcel:
    (found,) = CARRIER.parse(envelope_of(answer(information(PIN, "".join(scans))))).parcels
    return found


def scan(*words: str, **changed: str) -> Scan:
    return parcel(told(*words, **changed)).scans[0]


@pytest.fixture
def purolator() -> Iterator[FakePurolator]:
    with FakePurolator() as server:
        server.scans[PIN] = told("OnDelivery", "On vehicle for delivery")
        yield server


@pytest.fixture
def http(purolator: FakePurolator) -> Iterator[Http]:
    with open_client() as client:
        yield open_http(CARRIER, client=client, credentials=CREDENTIALS, tokens=MemoryTokens(), base=purolator.url)


def test_numbers_are_asked_for_together_and_answered_one_by_one(purolator: FakePurolator, http: Http) -> None:
    fetched = CARRIER.fetch(http, [PIN, OTHER])
    answered = CARRIER.parse(fetched.body, fetched.status)
    assert [(found.number, found.status) for found in answered.parcels] == [(PIN, Status.OUT_FOR_DELIVERY)]
    (fault,) = answered.errors
    assert (fault.number, fault.code, fault.text) == (OTHER, "1100999", "The PIN is not valid.")
    assert b"<UserToken>t0ken</UserToken>" in purolator.requests[0].body


def test_a_number_that_could_break_the_envelope_is_only_text(purolator: FakePurolator, http: Http) -> None:
    odd = "</Value></PIN><PIN><Value>1"
    fetched = CARRIER.fetch(http, [odd])
    assert b"&lt;/Value&gt;" in purolator.requests[0].body
    assert fetched.status == 200


def test_wrong_credentials_are_the_operators_move(purolator: FakePurolator) -> None:
    with open_client() as client:
        wrong = {**CREDENTIALS, "password": "wrong"}
        http = open_http(CARRIER, client=client, credentials=wrong, tokens=MemoryTokens(), base=purolator.url)
        with pytest.raises(BadCredentials):
            CARRIER.fetch(http, [PIN])


def test_a_fault_is_tried_again(purolator: FakePurolator, http: Http) -> None:
    fault = "<s:Fault><faultcode>s:Server</faultcode><faultstring>Out of order</faultstring></s:Fault>"
    purolator.next_answers.append(Answered(envelope_of(fault), 500))
    with pytest.raises(Unavailable, match="Out of order"):
        CARRIER.fetch(http, [PIN])


@pytest.mark.parametrize(
    ("kind", "phrase", "status"),
    [
        ("Delivery", "whatever is said", Status.DELIVERED),
        ("OnDelivery", "", Status.OUT_FOR_DELIVERY),
        ("ProofOfPickUp", "", Status.PICKED_UP),
        ("Undeliverable", "Shipment created", Status.INFO_RECEIVED),
        ("Undeliverable", "Attempted Delivery - Customer Closed", Status.ATTEMPT_FAILED),
        ("Undeliverable", "Attempted delivery - something new", Status.ATTEMPT_FAILED),
        ("Undeliverable", "Available for pickup for 5 business days", Status.AVAILABLE_FOR_PICKUP),
        ("Undeliverable", "", None),
        ("Other", "New Tracking Number Assigned -", None),
        ("Other", "Shipment delivered to", None),
        ("Delivered", "Shipment delivered to", None),
        ("Arrived", "Arrived at sort facility", None),
        ("", "Arrived at sort facility", None),
    ],
)
def test_the_type_decides_and_a_phrase_only_beneath_a_type_that_says_nothing(
    kind: str, phrase: str, status: Status | None
) -> None:
    assert scan(kind, phrase).status is status


def test_the_longest_phrase_is_the_one_that_counts() -> None:
    assert scan("Undeliverable", "Attempted Delivery - Customer Closed").sub_status == "attempt_failed.closed"
    assert scan("Undeliverable", "Attempted Delivery - Moved").sub_status is None


def test_a_label_notice_of_the_last_minute_does_not_undo_the_delivery() -> None:
    """Purolator has stamped "Shipment created" a minute before the delivery of a parcel three days under way."""
    notice = told("Undeliverable", "Shipment created", ScanTime="164200", Depot="<Name>Purolator</Name>")
    found = parcel(told("Delivery", "Shipment delivered to", ScanTime="164300"), notice)
    assert (found.status, found.delivered_at) == (Status.DELIVERED, datetime(2026, 7, 15, 19, 43, tzinfo=UTC))


@pytest.mark.parametrize(
    ("depot", "place", "offset"),
    [
        ("HALIFAX, NS", ("HALIFAX", "NS", "CA"), "-03:00"),
        ("MONTREAL SORT CTR/CTR TRIE, PQ", ("MONTREAL SORT CTR/CTR TRIE", "QC", "CA"), None),
        ("Purolator", ("", "", ""), None),
        ("LOUISVILLE, KY", ("LOUISVILLE, KY", "", ""), None),
        ("", ("", "", ""), None),
    ],
)
def test_the_depots_province_places_a_time_where_it_has_one_zone(
    depot: str, place: tuple[str, str, str], offset: str | None
) -> None:
    found = scan(Depot=f"<Name>{depot}</Name>")
    assert (found.place.city, found.place.region, found.place.country) == place
    assert (found.offset, found.local) == (offset, "2026-07-15T05:14:00")
    assert found.zone_from is (ZoneFrom.PLACE if offset else ZoneFrom.UNKNOWN)


@pytest.mark.parametrize(
    ("clock", "local"),
    [("51400", "2026-07-15T05:14:00"), ("922", "2026-07-15T00:09:22"), ("", "2026-07-15"), ("noon", "")],
)
def test_a_time_that_lost_its_zero_is_read(clock: str, local: str) -> None:
    assert scan(ScanTime=clock).local == local


def test_two_phrases_of_one_minute_are_two_scans_and_a_repeat_is_one() -> None:
    found = parcel(told(), told("Other", "Departed sort facility"), told())
    assert len({scan.key() for scan in found.scans}) == 2


def test_a_committed_date_is_the_estimate_until_delivery() -> None:
    pick_up = told("ProofOfPickUp", ScanDetails="<CommitedDeliveryDate>2026-07-17</CommitedDeliveryDate>")
    estimated = parcel(pick_up).estimated
    assert estimated
    assert estimated.start.isoformat() == "2026-07-17"
    assert parcel(told("Delivery", ScanTime="180000"), pick_up).estimated is None


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (envelope_of("<CreateShipmentResponse/>"), "buying a label"),
        (envelope_of("<GetDeliveryDetailsResponse/>"), "proof of delivery"),
        (envelope_of("<Something/>"), "no tracking information"),
        (envelope_of(answer(information("", told()))), "without a PIN"),
        (b"<html><body/></html>", "HTML"),
        (b"{}", "not XML"),
        (b'<?xml version="1.0"?><!DOCTYPE lol [<!ENTITY a "b">]><s/>', "document type"),
    ],
)
def test_another_body_is_refused_by_its_name(body: bytes, named: str) -> None:
    with pytest.raises(BadPayload, match=named):
        CARRIER.parse(body)


def test_a_fault_without_reasons_keeps_its_own_words() -> None:
    body = envelope_of("<Fault><faultcode>s:Client</faultcode><faultstring>No such service</faultstring></Fault>")
    (fault,) = CARRIER.parse(body, 500).errors
    assert (fault.number, fault.code, fault.text) == (None, "s:Client", "No such service")


def test_mapped_and_unmapped_types_are_apart() -> None:
    assert not CARRIER.about.codes.keys() & CARRIER.about.unmapped.keys()
