"""Every ShipEngine payload of the corpus is understood, or refused for a reason that is true of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from carriers.adapters.shipengine import CARRIER
from carriers.contract import Answer, ZoneFrom
from carriers.docs import FOLDER, differences_in
from carriers.errors import BadPayload
from carriers.status import Status
from carriers.view import answer_as_json, parse_file
from tests.carriers.corpus import ROOT, Payload, needs_corpus, payloads

pytestmark = [needs_corpus, pytest.mark.corpus]

PAYLOADS = payloads("shipengine")
each_payload = pytest.mark.parametrize("payload", PAYLOADS, ids=[payload.case for payload in PAYLOADS])

NOT_TRACKING = {"shipengine_js-mock-create-label-200-0": "buying a label"}


def read(payload: Payload) -> Answer:
    return parse_file("shipengine", payload.body, hook=payload.is_hook, status=payload.status)


def case(name: str) -> Payload:
    return next(payload for payload in PAYLOADS if payload.case == name)


@each_payload
def test_it_is_understood_or_refused_for_what_it_is(payload: Payload) -> None:
    if reason := NOT_TRACKING.get(payload.case):
        with pytest.raises(BadPayload, match=reason):
            read(payload)
        return
    answer = read(payload)
    assert answer.parcels or answer.errors
    json.dumps(answer_as_json("shipengine", answer))


def test_both_clocks_of_the_recorded_scans_are_kept_and_no_status_is_guessed_from_words() -> None:
    (parcel,) = read(case("shipengine_js-mock-track-by-label-id-200-0")).parcels
    assert (parcel.number, parcel.status) == ("332980205337", Status.DELIVERED)
    assert [(s.at, s.local, s.offset, s.zone_from) for s in parcel.scans] == [
        (datetime(2021, 7, 23, 12, 31, tzinfo=UTC), "2021-07-23T07:31:00", "-05:00", ZoneFrom.CARRIER),
        (datetime(2021, 7, 23, 12, 42, tzinfo=UTC), "2021-07-23T07:42:00", "-05:00", ZoneFrom.CARRIER),
    ]
    assert [(s.code, s.status) for s in parcel.scans] == [("07", None), ("OF", None)]


def test_a_label_of_the_corpus_is_read_as_one() -> None:
    label = CARRIER.parse_label(case("shipengine_js-mock-create-label-200-0").body)
    assert (label.ref, label.number, label.format, label.size) == ("se-28529731", "782758401696", "pdf", "4x6")
    assert (label.cost_minor, label.currency, label.body) == (0, "USD", b"")
    assert label.url


def test_the_peers_error_is_ours_and_its_parcel_is_not() -> None:
    payload = case("karrio-parse_error_response")
    answer = read(payload)
    (message,) = payload.expected["messages"]
    assert [(fault.code, fault.text) for fault in answer.errors] == [(message["code"], message["message"])]
    assert (payload.expected["details"][0]["status"], answer.parcels) == ("in_transit", ())
    assert "**A number with an error.**" in differences_in(FOLDER / "differences")["shipengine"]


def test_every_code_of_the_tables_is_mapped_or_left_out_on_purpose() -> None:
    entries = json.loads((ROOT / "corpus" / "codes" / "shipengine.json").read_bytes())["entries"]
    tables = [table for entry in entries for table in entry["tables"].values()]
    lists = [codes for table in tables for codes in table.values() if isinstance(codes, list)]
    found = {code for codes in lists for code in codes}
    assert len(found) > 15
    assert found <= {*CARRIER.about.codes, *CARRIER.about.unmapped}
