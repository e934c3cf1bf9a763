"""Every DPD body of the optional corpus: understood, or refused for what it is; agreement with the peer."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from carriers.adapters.dpd import CARRIER
from carriers.docs import FOLDER, differences_in
from carriers.errors import BadPayload
from carriers.status import Status
from carriers.view import answer_as_json, parse_file
from tests.carriers.corpus import ROOT, Payload, needs_corpus, payloads

pytestmark = [needs_corpus, pytest.mark.corpus]

PAYLOADS = payloads("dpd")
SAME = {
    "out_for_delivery": Status.OUT_FOR_DELIVERY,
    "ready_for_pickup": Status.AVAILABLE_FOR_PICKUP,
    "delivery_failed": Status.ATTEMPT_FAILED,
}


def case(name: str) -> Payload:
    return next(payload for payload in PAYLOADS if payload.case == name)


@pytest.mark.parametrize("payload", PAYLOADS, ids=[payload.case for payload in PAYLOADS])
def test_it_is_understood(payload: Payload) -> None:
    answer = parse_file("dpd", payload.body, status=payload.status)
    assert bool(answer.parcels) != bool(answer.errors)
    assert answer.unmapped == ()
    json.dumps(answer_as_json("dpd", answer))


def test_the_label_of_the_groups_api_is_refused_as_one() -> None:
    for payload in payloads("dpd_meta"):
        with pytest.raises(BadPayload, match="shipping API to buying a label"):
            CARRIER.parse(payload.body)


def test_code_words_and_place_agree_with_the_peer_and_so_does_its_clock_read_with_am_and_pm() -> None:
    payload = case("karrio-parse_tracking_response")
    (parcel,) = CARRIER.parse(payload.body).parcels
    (detail,) = payload.expected["details"]
    ours = sorted((s.code, s.text, f"{s.place.city} ({s.place.country})", s.local[:10]) for s in parcel.scans)
    assert ours == sorted((e["code"], e["description"], e["location"], e["date"]) for e in detail["events"])
    assert all(scan.offset == "+02:00" for scan in parcel.scans)
    half = timedelta(hours=12)
    theirs = {datetime.fromisoformat(event["timestamp"][:19]) for event in detail["events"]}
    locals_ = {datetime.fromisoformat(scan.local) for scan in parcel.scans}
    assert {moment if moment in theirs else moment - half for moment in locals_} == theirs


def test_it_differs_where_the_docs_say_so() -> None:
    payload = case("karrio-parse_tracking_response")
    (parcel,) = CARRIER.parse(payload.body).parcels
    (detail,) = payload.expected["details"]
    told = {(e["code"], SAME[e["status"]]) for e in detail["events"] if "status" in e}
    read = {(scan.code, scan.status) for scan in parcel.scans}
    assert told - read == {("ReturningFromDelivery", Status.OUT_FOR_DELIVERY)}
    assert (parcel.number, detail["tracking_number"], detail["status"]) == ("", "05308801410058", "out_for_delivery")
    assert parcel.status is Status.ATTEMPT_FAILED
    text = differences_in(FOLDER / "differences")["dpd"]
    assert all(f"**{name}.**" in text for name in ("The number", "The clock", "Back at the depot", "Words of reasons"))


def test_the_error_is_the_peers() -> None:
    payload = case("karrio-parse_error_response")
    (message,) = payload.expected["messages"]
    (fault,) = CARRIER.parse(payload.body).errors
    assert (fault.code, fault.text) == (message["code"], message["message"])


def test_every_code_of_the_tables_is_mapped_or_left_out_on_purpose() -> None:
    known = {code.casefold() for code in (*CARRIER.about.codes, *CARRIER.about.unmapped)}
    for name in ("dpd", "dpd_meta"):
        entries = json.loads((ROOT / "corpus" / "codes" / f"{name}.json").read_bytes())["entries"]
        found = {
            c for entry in entries for table in entry["tables"].values() for codes in table.values() for c in codes
        }
        assert len(found) > 5
        assert {code.casefold() for code in found} <= known
