"""Every Purolator body of the optional corpus: understood, or refused for a true reason; agreement with the peer."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

import pytest

from carriers.adapters.purolator import CARRIER, CODES, UNMAPPED
from carriers.contract import ZoneFrom
from carriers.docs import FOLDER, differences_in
from carriers.view import parse_file
from tests.carriers.corpus import ROOT, Payload, needs_corpus, payloads

pytestmark = [needs_corpus, pytest.mark.corpus]

PAYLOADS = payloads("purolator")
each_payload = pytest.mark.parametrize("payload", PAYLOADS, ids=[payload.case for payload in PAYLOADS])

DIFFERENCES: Final = ("The time of a scan", "What a scan means", "The status of a parcel")


@each_payload
def test_local_date_and_time_code_words_and_place_agree_with_the_peer(payload: Payload) -> None:
    answer = parse_file("purolator", payload.body, status=payload.status)
    assert answer.errors == ()
    for parcel, detail in zip(answer.parcels, payload.expected["details"], strict=True):
        assert parcel.number == detail["tracking_number"]
        for scan, event in zip(reversed(parcel.scans), detail["events"], strict=True):
            assert scan.local[:16] == f"{event['date']}T{event['time'].split()[0]}"
            assert (scan.code, scan.text) == (event["code"], event["description"])
            assert event["location"].startswith(scan.place.city)


@each_payload
def test_it_differs_where_the_docs_say_so(payload: Payload) -> None:
    (parcel,) = CARRIER.parse(payload.body).parcels
    (detail,) = payload.expected["details"]
    assert {datetime.fromisoformat(event["timestamp"]).utcoffset() for event in detail["events"]} != {None}
    assert all(scan.at is None and scan.zone_from is ZoneFrom.UNKNOWN for scan in parcel.scans)
    assert (detail["status"], parcel.status) == ("in_transit", None)
    text = differences_in(FOLDER / "differences")["purolator"]
    assert all(f"**{name}.**" in text for name in DIFFERENCES)


def test_every_code_of_the_peers_table_is_mapped_or_left_out_on_purpose() -> None:
    tables = json.loads((ROOT / "corpus" / "codes" / "purolator.json").read_text("utf-8"))["entries"][0]["tables"]
    known = {code for table in tables.values() for codes in table.values() for code in codes} - {""}
    assert known - (CODES.keys() | UNMAPPED.keys()) == set()
