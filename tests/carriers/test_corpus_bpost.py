"""Every bpost body of the optional corpus: understood, and in agreement with the peer but for listed differences."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

import pytest

from carriers.adapters.bpost import CARRIER, CODES, UNMAPPED
from carriers.docs import FOLDER, differences_in
from carriers.status import Status
from tests.carriers.corpus import ROOT, Payload, needs_corpus, payloads

pytestmark = [pytest.mark.corpus, needs_corpus]

ALL: Final = payloads("bpost")
each_payload = pytest.mark.parametrize("payload", ALL, ids=[payload.case for payload in ALL])

# (case, what differs) -> the entry of docs/differences that says why.
DIFFERENCES: Final = {
    ("karrio-parse_error_response", "number of an error"): "The number of an error",
    ("karrio-parse_error_response", "code of an error"): "The code of a system exception",
    ("karrio-parse_tracking_response", "instant"): "The time of a scan",
    ("karrio-parse_tracking_response", "status of L00"): "Out for distribution",
    ("karrio-parse_tracking_response", "delivered"): "The state of a delivered parcel",
    ("karrio-parse_tracking_response", "estimate"): "The time of the delivery",
}


@each_payload
def test_it_agrees_with_the_peer_but_for_what_is_listed(payload: Payload) -> None:
    found = set()
    answer = CARRIER.parse(payload.body, payload.status)
    assert answer.parcels or answer.errors
    assert answer.unmapped == ()
    parcels = {p.number: p for p in answer.parcels}
    assert len(parcels) == len(payload.expected["details"])
    for detail in payload.expected["details"]:
        parcel = parcels[detail["tracking_number"]]
        scans = {(scan.local[:16], scan.code): scan for scan in parcel.scans}
        assert len(detail["events"]) == len(scans)
        if (parcel.status is Status.DELIVERED) != detail["delivered"]:
            found.add((payload.case, "delivered"))
        if detail.get("estimated_delivery") and not parcel.estimated:
            found.add((payload.case, "estimate"))
        for event in detail["events"]:
            scan = scans[f"{event['date']}T{event['time'].split()[0]}", event["code"]]
            assert scan.text == event["description"]
            if scan.at != datetime.fromisoformat(event["timestamp"]):
                found.add((payload.case, "instant"))
            if event["status"] != scan.status:
                found.add((payload.case, f"status of {event['code']}"))
    assert len(answer.errors) == len(payload.expected["messages"])
    for fault, message in zip(answer.errors, payload.expected["messages"], strict=True):
        assert fault.text == " ".join(message["message"].split())
        if fault.number != message["details"]["tracking_number"]:
            found.add((payload.case, "number of an error"))
        if fault.code != message["code"]:
            found.add((payload.case, "code of an error"))
    assert found == {key for key in DIFFERENCES if key[0] == payload.case}


@pytest.mark.parametrize("reason", sorted(set(DIFFERENCES.values())))
def test_every_difference_is_explained_in_the_docs(reason: str) -> None:
    assert f"**{reason}.**" in differences_in(FOLDER / "differences")["bpost"]


def test_every_code_of_the_peers_table_is_mapped_or_left_out_on_purpose() -> None:
    entries = json.loads((ROOT / "corpus" / "codes" / "bpost.json").read_text("utf-8"))["entries"]
    listed = {
        code for entry in entries for rows in entry["tables"].values() for codes in rows.values() for code in codes
    }
    assert listed == {*CODES, *UNMAPPED} - {"N-SENT-OTHER"}  # of the tracking page
