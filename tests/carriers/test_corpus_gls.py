"""Every GLS body of the optional corpus is understood; agreement with peers, and each difference with its reason."""

from __future__ import annotations

import json

import pytest

from carriers.adapters.gls import CARRIER
from carriers.docs import FOLDER, differences_in
from carriers.status import Status
from carriers.view import answer_as_json, parse_file
from tests.carriers.corpus import ROOT, Payload, needs_corpus, payloads

pytestmark = [needs_corpus, pytest.mark.corpus]

API, PAGE = payloads("gls"), payloads("gls_web")
SAME = {"in_transit": Status.IN_TRANSIT, "STATUS_DELIVERED": Status.DELIVERED, "STATUS_IN_TRANSIT": Status.IN_TRANSIT}


@pytest.mark.parametrize("payload", API, ids=[payload.case for payload in API])
def test_number_local_time_code_and_status_agree_with_the_peer(payload: Payload) -> None:
    answer = parse_file("gls", payload.body, status=payload.status)
    json.dumps(answer_as_json("gls", answer))
    assert answer.unmapped == ()
    for parcel, detail in zip(answer.parcels, payload.expected["details"], strict=True):
        assert (parcel.number, parcel.status) == (detail["tracking_number"], SAME[detail["status"]])
        for scan, event in zip(reversed(parcel.scans), detail["events"], strict=True):
            assert scan.local[:16] == f"{event['date']}T{event['time']}"
            assert (scan.code, scan.text) == (event["code"], event["description"])


@pytest.mark.parametrize("payload", PAGE, ids=[payload.case for payload in PAGE])
def test_the_public_page_is_read_as_the_peer_reads_it(payload: Payload) -> None:
    (parcel,) = parse_file("gls", payload.body).parcels
    asserted = payload.expected["asserted"]
    assert parcel.status is SAME[asserted["currentStatus()"]]
    assert (parcel.status is Status.DELIVERED) == asserted["delivered()"]
    assert len(parcel.scans) == asserted["count events()"]
    assert all(scan.status or scan.code == "90.132" for scan in parcel.scans)


def test_an_unknown_number_is_told_as_such_where_the_peer_has_a_message() -> None:
    payload = next(payload for payload in API if payload.case == "karrio-parse_error_response")
    answer = parse_file("gls", payload.body, status=payload.status)
    assert (answer.not_found, answer.errors) == (("36301917596",), ())
    text = differences_in(FOLDER / "differences")["gls"]
    names = ("Unknown numbers", "Delivered to a ParcelShop", "What was not picked up", "A closed history")
    assert all(f"**{name}.**" in text for name in names)


def test_every_code_of_the_tables_is_mapped_or_left_out_on_purpose() -> None:
    for name in ("gls", "gls_web"):
        entries = json.loads((ROOT / "corpus" / "codes" / f"{name}.json").read_bytes())["entries"]
        found = {
            c for entry in entries for table in entry["tables"].values() for codes in table.values() for c in codes
        }
        assert len(found) > 10
        assert found <= {*CARRIER.about.codes, *CARRIER.about.unmapped}
