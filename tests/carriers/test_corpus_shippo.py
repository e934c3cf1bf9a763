"""Every Shippo payload of the corpus is understood, or refused for a reason that is true of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from carriers.adapters.shippo import CARRIER
from carriers.contract import Answer
from carriers.errors import BadPayload
from carriers.status import Status
from carriers.view import answer_as_json, parse_file
from tests.carriers.corpus import ROOT, Payload, needs_corpus, payloads

pytestmark = [needs_corpus, pytest.mark.corpus]

PAYLOADS = payloads("shippo")
each_payload = pytest.mark.parametrize("payload", PAYLOADS, ids=[payload.case for payload in PAYLOADS])

# An error page in HTML, about a label: nothing that could be read as Shippo's JSON.
REFUSED = {"shippo_client-transaction-test_invalid_retrieve": "HTML"}


def read(payload: Payload) -> Answer:
    return parse_file("shippo", payload.body, hook=payload.is_hook, status=payload.status)


@each_payload
def test_it_is_understood_or_refused_for_what_it_is(payload: Payload) -> None:
    if reason := REFUSED.get(payload.case):
        with pytest.raises(BadPayload, match=reason):
            read(payload)
        return
    answer = read(payload)
    assert answer.parcels or answer.not_found or answer.errors
    assert set(answer.unmapped) <= set(CARRIER.about.unmapped)
    json.dumps(answer_as_json("shippo", answer))


def test_no_scan_of_the_raw_bodies_is_lost_and_each_keeps_its_time() -> None:
    compared = 0
    for payload in PAYLOADS:
        if payload.case in REFUSED:
            continue
        raw = json.loads(payload.body)
        for parcel in read(payload).parcels:
            assert parcel.number == raw["tracking_number"]
            theirs = sorted((e["status_date"], e["status"], e["status_details"]) for e in raw["tracking_history"])
            assert [(s.local + "Z", s.code, s.text) for s in parcel.scans] == theirs
            compared += len(theirs)
    assert compared >= 22


def test_the_recorded_parcel_is_delivered_and_the_invalid_number_not_found() -> None:
    found = {payload.case: read(payload) for payload in PAYLOADS if payload.case not in REFUSED}
    (parcel,) = found["shippo_client-track-test_get_status"].parcels
    assert (parcel.status, parcel.delivered_at) == (Status.DELIVERED, datetime(2016, 12, 8, 15, 19, tzinfo=UTC))
    assert found["shippo_client-track-test_invalid_create-1"].not_found == ("EXAMPLEOFINVALID123TRACKINGNUMBER",)
    (fault,) = found["shippo_client-track-test_invalid_get_status-0"].errors
    assert "is not supported" in fault.text


def test_every_code_of_the_vendors_table_is_mapped_or_left_out_on_purpose() -> None:
    entries = json.loads((ROOT / "corpus" / "codes" / "shippo.json").read_bytes())["entries"]
    vendor = {code for entry in entries for code in entry["tables"]["TrackingStatusEnum"].values()}
    assert vendor
    assert vendor <= {*CARRIER.about.codes, *CARRIER.about.unmapped}
