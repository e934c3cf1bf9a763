"""Every Chronopost body of the optional corpus: understood, in agreement with the peer but for listed differences."""

from __future__ import annotations

import json
from typing import Final

import pytest

from carriers.adapters.chronopost import CARRIER, CODES, UNMAPPED
from carriers.docs import FOLDER, differences_in
from carriers.status import Status
from tests.carriers.corpus import ROOT, Payload, needs_corpus, payloads

pytestmark = [pytest.mark.corpus, needs_corpus]

ALL: Final = payloads("chronopost")
each_payload = pytest.mark.parametrize("payload", ALL, ids=[payload.case for payload in ALL])

# (case, what differs) -> the entry of docs/differences that says why.
DIFFERENCES: Final = {
    ("karrio-parse_tracking_response", "place of DC"): "The place of an information system",
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
        assert (parcel.status is Status.DELIVERED) == detail["delivered"]
        assert all(scan.at for scan in parcel.scans)
        for event in detail["events"]:
            scan = scans[f"{event['date']}T{event['time'].split()[0]}", event["code"]]
            assert scan.text == event["description"]
            if scan.place.city != event["location"]:
                found.add((payload.case, f"place of {event['code']}"))
    assert [fault.code for fault in answer.errors] == [str(m["code"]) for m in payload.expected["messages"]]
    assert found == {key for key in DIFFERENCES if key[0] == payload.case}


@pytest.mark.parametrize("reason", sorted(set(DIFFERENCES.values())))
def test_every_difference_is_explained_in_the_docs(reason: str) -> None:
    assert f"**{reason}.**" in differences_in(FOLDER / "differences")["chronopost"]


def test_every_code_of_the_peers_table_is_mapped_or_left_out_on_purpose() -> None:
    entries = json.loads((ROOT / "corpus" / "codes" / "chronopost.json").read_text("utf-8"))["entries"]
    listed = {
        code for entry in entries for rows in entry["tables"].values() for codes in rows.values() for code in codes
    }
    assert listed <= {*CODES, *UNMAPPED}
