"""Every Australia Post body of the optional corpus: understood, or refused for a true reason; agreement with a peer."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from carriers.adapters.australia_post import CODES, UNMAPPED
from carriers.contract import Answer
from carriers.docs import FOLDER, differences_in
from carriers.errors import BadPayload
from carriers.status import Status
from carriers.view import parse_file
from tests.carriers.corpus import ROOT, Payload, needs_corpus, payloads

pytestmark = [needs_corpus, pytest.mark.corpus]

PAYLOADS = {payload.case: payload for payload in payloads("australiapost")}
REFUSED: Final = {"karrio-shipment-parse_shipment_response": "creating a shipment"}
SCHEMA: Final = "karrio-schema-tracking_response"
DIFFERENCES: Final = (
    "The time of a scan", "The status of a scan", "Articles of a consignment", "Unknown numbers"
)  # fmt: skip


def read(case: str) -> Answer:
    payload = PAYLOADS[case]
    return parse_file("australia_post", payload.body, status=payload.status)


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=list(PAYLOADS))
def test_it_is_understood_or_refused_for_what_it_is(payload: Payload) -> None:
    if reason := REFUSED.get(payload.case):
        with pytest.raises(BadPayload, match=reason):
            read(payload.case)
        return
    answer = read(payload.case)
    assert answer.parcels or answer.errors
    assert answer.unmapped == ()


def test_no_scan_is_lost_and_none_is_told_twice() -> None:
    told = {
        parcel.number: len(parcel.scans) for case in PAYLOADS if case not in REFUSED for parcel in read(case).parcels
    }
    assert told == {"ajlajsdlj": 5, "7XX1000634011427": 7, "ET123456789AU": 8}


def test_local_date_and_time_and_words_agree_with_the_peer() -> None:
    ours = {parcel.number: parcel for parcel in read(SCHEMA).parcels}
    details: list[dict[str, Any]] = PAYLOADS[SCHEMA].expected["details"]
    assert {detail["tracking_number"] for detail in details} == set(ours)
    for detail in details:
        parcel = ours[detail["tracking_number"]]
        assert (parcel.status is Status.DELIVERED) == detail["delivered"]
        said = [
            (f"{event['date']}T{event['time'].split()[0]}", event["description"]) for event in detail.get("events", [])
        ]
        assert said in ([], [(scan.local[:16], scan.text) for scan in reversed(parcel.scans)])


def test_errors_and_unknown_numbers_are_those_of_the_peer() -> None:
    (message,) = PAYLOADS[SCHEMA].expected["messages"]
    assert read(SCHEMA).not_found == (message["details"]["tracking_number"],)
    (fault,) = read("karrio-parse_error_response").errors
    (message,) = PAYLOADS["karrio-parse_error_response"].expected["messages"]
    assert (fault.code, fault.text) == (message["code"], message["message"])
    assert read("fbvilela-auspost-mixed").not_found == ("7BJ1000634011427", "7BJ1000634")


def test_it_differs_where_the_docs_say_so() -> None:
    abroad = [scan for parcel in read(SCHEMA).parcels for scan in parcel.scans if scan.place.country == "US"]
    assert [scan.at for scan in abroad] == [None, None]
    first, second = PAYLOADS[SCHEMA].expected["details"]
    assert {event["status"] for event in first["events"]} == {"delivered"}  # of a parcel that arrived, every one
    assert "events" not in second
    text = differences_in(FOLDER / "differences")["australia_post"]
    assert all(f"**{name}.**" in text for name in DIFFERENCES)


def test_every_word_of_the_peers_table_is_mapped_or_left_out_on_purpose() -> None:
    tables = json.loads((ROOT / "corpus" / "codes" / "australiapost.json").read_text("utf-8"))["entries"][0]["tables"]
    known = {code for table in tables.values() for codes in table.values() for code in codes}
    assert known - (CODES.keys() | UNMAPPED.keys()) == set()
