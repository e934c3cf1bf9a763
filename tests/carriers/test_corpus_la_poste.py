"""Every La Poste body of the optional corpus: understood, and in agreement with the peer but for listed differences."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

import pytest

from carriers.adapters.la_poste import CARRIER, CODES, UNMAPPED
from carriers.docs import FOLDER, differences_in
from carriers.status import Status
from tests.carriers.corpus import ROOT, Payload, needs_corpus, payloads

pytestmark = [pytest.mark.corpus, needs_corpus]

ALL: Final = payloads("laposte")
each_payload = pytest.mark.parametrize("payload", ALL, ids=[payload.case for payload in ALL])
WITH_PEER: Final = [payload for payload in ALL if payload.expected]

# (case, what differs) -> the entry of docs/differences that says why.
DIFFERENCES: Final = {
    ("karrio-parse_tracking_response", "instant"): "The time of a scan",
    ("karrio-parse_tracking_response", "status of ET1"): "Parcels on their way",
    ("karrio-parse_tracking_response", "estimate"): "The estimated date of a delivered parcel",
}


@each_payload
def test_every_body_is_understood(payload: Payload) -> None:
    answer = CARRIER.parse(payload.body, payload.status)
    assert [p.number for p in answer.parcels] == ["EW112720413FR"]
    assert answer.unmapped == ()
    (parcel,) = answer.parcels
    assert parcel.status is Status.DELIVERED
    assert len(parcel.scans) == 9


@pytest.mark.parametrize("payload", WITH_PEER, ids=[payload.case for payload in WITH_PEER])
def test_it_agrees_with_the_peer_but_for_what_is_listed(payload: Payload) -> None:
    found = set()
    parcels = {p.number: p for p in CARRIER.parse(payload.body, payload.status).parcels}
    for detail in payload.expected["details"]:
        parcel = parcels[detail["tracking_number"]]
        scans = {(scan.local[:16], scan.code): scan for scan in parcel.scans}
        assert (parcel.status is Status.DELIVERED) == detail["delivered"]
        assert len(detail["events"]) == len(scans)
        for event in detail["events"]:
            scan = scans[f"{event['date']}T{event['time'].split()[0]}", event["code"]]
            assert scan.text == event["description"]
            if scan.at != datetime.fromisoformat(event["timestamp"]):
                found.add((payload.case, "instant"))
            if event.get("status") not in {None, scan.status}:
                found.add((payload.case, f"status of {event['code']}"))
        if detail.get("estimated_delivery") and parcel.estimated is None:
            found.add((payload.case, "estimate"))
    assert found == {key for key in DIFFERENCES if key[0] == payload.case}


@pytest.mark.parametrize("reason", sorted(set(DIFFERENCES.values())))
def test_every_difference_is_explained_in_the_docs(reason: str) -> None:
    assert f"**{reason}.**" in differences_in(FOLDER / "differences")["la_poste"]


@pytest.mark.parametrize("table", ["laposte", "colissimo"])
def test_every_code_of_the_peers_tables_is_mapped_or_left_out_on_purpose(table: str) -> None:
    """A peer's empty code stands for "anything else": it is not a code of La Poste's."""
    entries = json.loads((ROOT / "corpus" / "codes" / f"{table}.json").read_text("utf-8"))["entries"]
    listed = {
        code for entry in entries for rows in entry["tables"].values() for codes in rows.values() for code in codes
    }
    assert listed - {""} <= {*CODES, *UNMAPPED}
