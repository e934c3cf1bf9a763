"""Every Amazon Shipping body of the optional corpus: understood, or refused for what it is; agreement with the peer."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from carriers.adapters.amazon_shipping import CARRIER
from carriers.contract import ZoneFrom
from carriers.docs import FOLDER, differences_in
from carriers.errors import BadPayload
from carriers.status import Status
from carriers.view import answer_as_json, parse_file
from tests.carriers.corpus import ROOT, Payload, needs_corpus, payloads

pytestmark = [needs_corpus, pytest.mark.corpus]

PAYLOADS = payloads("amazon_shipping", "amazon_web")
NOT_TRACKING = {"spapi-v2-documents-200": "fetching a label", "spapi-v2-shipments-200": "buying a label"}
READ = [payload for payload in PAYLOADS if payload.case not in NOT_TRACKING]
PEERS = [payload for payload in READ if payload.expected and payload.expected["details"]]


@pytest.mark.parametrize("payload", READ, ids=[payload.case for payload in READ])
def test_it_is_understood_and_every_code_is_known(payload: Payload) -> None:
    answer = parse_file("amazon_shipping", payload.body, status=payload.status)
    assert bool(answer.parcels) != bool(answer.errors)
    assert answer.unmapped == ()
    assert all(scan.zone_from is ZoneFrom.CARRIER for parcel in answer.parcels for scan in parcel.scans)
    json.dumps(answer_as_json("amazon_shipping", answer))


@pytest.mark.parametrize("case", NOT_TRACKING)
def test_a_label_is_refused_as_one(case: str) -> None:
    payload = next(payload for payload in PAYLOADS if payload.case == case)
    with pytest.raises(BadPayload, match=NOT_TRACKING[case]):
        CARRIER.parse(payload.body)


@pytest.mark.parametrize("payload", PEERS, ids=[payload.case for payload in PEERS])
def test_number_time_code_and_status_agree_with_the_peer(payload: Payload) -> None:
    (parcel,) = CARRIER.parse(payload.body).parcels
    (detail,) = payload.expected["details"]
    assert (parcel.number, parcel.status is Status.DELIVERED) == (detail["tracking_number"], detail["delivered"])
    for scan, event in zip(reversed(parcel.scans), detail["events"], strict=True):
        assert scan.local[:16] == f"{event['date']}T{event['time'].split()[0]}"
        assert (scan.code, scan.text) == (event["code"], event["description"])
        if "timestamp" in event:
            assert scan.at == datetime.fromisoformat(event["timestamp"])
        if event.get("status") not in {None, "pending"}:
            assert scan.status == event["status"]


def test_it_differs_where_the_docs_say_so() -> None:
    statuses = {
        (event["code"], event["status"], scan.status)
        for payload in PEERS
        for parcel, detail in zip(CARRIER.parse(payload.body).parcels, payload.expected["details"], strict=True)
        for scan, event in zip(reversed(parcel.scans), detail["events"], strict=True)
        if event.get("status") == "pending"
    }
    assert statuses == {("PickedUp", "pending", Status.PICKED_UP)}
    assert all(parcel.estimated is None for payload in PEERS for parcel in CARRIER.parse(payload.body).parcels)
    text = differences_in(FOLDER / "differences")["amazon_shipping"]
    names = ("Picked up", "The promised date of a delivered parcel", "Return labels", "Rejected and undeliverable")
    assert all(f"**{name}.**" in text for name in names)


def test_a_recorded_summary_that_is_ahead_of_its_history_is_believed() -> None:
    payload = next(payload for payload in PAYLOADS if payload.case == "omniship-json_track_shipped_amazon_response")
    (parcel,) = CARRIER.parse(payload.body).parcels
    assert (parcel.status, parcel.delivered_at) == (Status.DELIVERED, None)
    assert parcel.scans[-1].status is Status.OUT_FOR_DELIVERY


def test_every_code_of_the_tables_is_mapped_or_left_out_on_purpose() -> None:
    entries = json.loads((ROOT / "corpus" / "codes" / "amazon_shipping.json").read_bytes())["entries"]
    tables = [table for entry in entries for table in entry["tables"].values()]
    found = {code for table in tables for codes in table.values() if isinstance(codes, list) for code in codes}
    found |= {code for table in tables for code, words in table.items() if isinstance(words, str)}
    assert len(found) > 50
    assert found <= {*CARRIER.about.codes, *CARRIER.about.unmapped}
