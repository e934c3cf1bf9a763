"""Every Canada Post body of the optional corpus: understood, or refused for a true reason; agreement with peers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from carriers.adapters.canada_post import CARRIER, CODES, UNMAPPED
from carriers.contract import Parcel
from carriers.docs import FOLDER, differences_in
from carriers.errors import BadPayload, Refused
from carriers.status import Status
from carriers.view import parse_file
from tests.carriers.corpus import ROOT, Payload, needs_corpus, payloads

pytestmark = [needs_corpus, pytest.mark.corpus]

PAYLOADS = {payload.case: payload for payload in payloads("canadapost")}
LABELS: Final = {"karrio-shipment-parse_return_shipment_response", "karrio-shipment-parse_shipment_response"}

# (case, what) -> where docs/differences explains it. What is not here must agree, and what is here must differ.
DIFFERENCES: Final = {
    ("karrio-parse_tracking_response", "instant"): "The time of a scan",
    ("karrio-parse_tracking_response", "code"): "Codes with leading zeros",
    ("karrio-parse_tracking_response", "status"): "Codes with leading zeros",
    ("active_shipping-tracking_details_en", "estimate"): "The estimated date",
    ("karrio-shipment-parse_shipment_response", "price"): "The price of a label",
    ("karrio-shipment-parse_return_shipment_response", "price"): "The price of a label",
}
each_payload = pytest.mark.parametrize("payload", PAYLOADS.values(), ids=list(PAYLOADS))


@each_payload
def test_it_is_understood_or_refused_for_what_it_is(payload: Payload) -> None:
    if payload.case in LABELS:
        with pytest.raises(BadPayload, match="buying a label"):
            parse_file("canada_post", payload.body)
        assert CARRIER.parse_label(payload.body).format == "pdf"
        return
    answer = parse_file("canada_post", payload.body, status=payload.status)
    assert answer.parcels or answer.errors
    assert set(answer.unmapped) <= {"20"}
    for parcel in answer.parcels:
        for scan in parcel.scans:
            assert scan.at
            assert scan.offset == "-05:00"
            assert datetime.fromisoformat(scan.local + scan.offset) == scan.at


def _parcel(case: str) -> Parcel:
    (parcel,) = CARRIER.parse(PAYLOADS[case].body).parcels
    return parcel


def test_local_date_and_time_and_code_agree_with_the_peer() -> None:
    payload = PAYLOADS["karrio-parse_tracking_response"]
    (detail,) = payload.expected["details"]
    parcel = _parcel(payload.case)
    assert parcel.number == detail["tracking_number"]
    said = [(f"{event['date']}T{event['time'].split()[0]}", event["code"]) for event in detail["events"]]
    assert sorted(said) == sorted((scan.local[:16], scan.code) for scan in parcel.scans)
    assert [scan.text for scan in reversed(parcel.scans)] == [event["description"] for event in detail["events"]]
    assert parcel.estimated
    assert parcel.estimated.start.isoformat() == detail["estimated_delivery"]


def test_what_another_peer_asserts_holds() -> None:
    asserted = PAYLOADS["active_shipping-tracking_details_en"].expected["asserted"]
    parcel = _parcel("active_shipping-tracking_details_en")
    assert (parcel.number, parcel.service) == (asserted["tracking_number"], asserted["service_name"])
    assert len(parcel.scans) == asserted["shipment_events.size"]
    assert parcel.delivered_at == datetime(2011, 2, 3, 16, 59, 59, tzinfo=UTC)
    assert asserted["actual_delivery_time"] == "2011-02-03 16:59:59 UTC"
    assert _parcel("active_shipping-tracking_details_en_undelivered").delivered_at is None
    assert _parcel("active_shipping-tracking_details_en_undelivered").status is Status.OUT_FOR_DELIVERY


@pytest.mark.parametrize("case", [case for case, payload in PAYLOADS.items() if payload.kind == "error-response"])
def test_the_carriers_words_are_kept(case: str) -> None:
    (fault,) = CARRIER.parse(PAYLOADS[case].body).errors
    assert f"<code>{fault.code}</code>" in PAYLOADS[case].body.decode()
    assert fault.text in PAYLOADS[case].body.decode()
    with pytest.raises(Refused, match=fault.text):
        CARRIER.parse_label(PAYLOADS[case].body)


def _differing() -> Iterator[tuple[str, str]]:
    tracked = "karrio-parse_tracking_response"
    (detail,) = PAYLOADS[tracked].expected["details"]
    parcel = _parcel(tracked)
    pairs: list[tuple[Any, Any]] = list(zip(reversed(parcel.scans), detail["events"], strict=True))
    if any(scan.at != datetime.fromisoformat(event["timestamp"]) for scan, event in pairs):
        yield tracked, "instant"
    if any(scan.status is not None and "status" not in event for scan, event in pairs):
        yield tracked, "code"
    if parcel.status != detail["status"]:
        yield tracked, "status"
    delivered = "active_shipping-tracking_details_en"
    if _parcel(delivered).estimated is None and PAYLOADS[delivered].expected["asserted"]["expected_date"]:
        yield delivered, "estimate"
    for case in LABELS:
        rate = PAYLOADS[case].expected["details"]["selected_rate"]
        if CARRIER.parse_label(PAYLOADS[case].body).cost_minor != round(rate["total_charge"] * 100):
            yield case, "price"


def test_the_differences_are_those_that_are_listed_and_no_others() -> None:
    assert set(_differing()) == set(DIFFERENCES)
    text = differences_in(FOLDER / "differences")["canada_post"]
    for where in DIFFERENCES.values():
        assert f"**{where}.**" in text


def test_every_code_of_the_peers_table_is_mapped_or_left_out_on_purpose() -> None:
    tables = json.loads((ROOT / "corpus" / "codes" / "canadapost.json").read_text("utf-8"))["entries"][0]["tables"]
    known = {code.lstrip("0") for table in tables.values() for codes in table.values() for code in codes} - {""}
    assert known - (CODES.keys() | UNMAPPED.keys()) == set()
