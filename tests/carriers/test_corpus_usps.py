"""Every USPS body of the optional corpus: understood, or refused for a true reason; agreement with peers."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

import pytest

from carriers.adapters.usps import CARRIER
from carriers.contract import Answer, Parcel
from carriers.docs import FOLDER, differences_in
from carriers.errors import BadPayload
from carriers.status import Status
from carriers.view import parse_file
from tests.carriers.corpus import ROOT, Payload, needs_corpus, payloads

pytestmark = [needs_corpus, pytest.mark.corpus]

PAYLOADS = payloads("usps", "usps_wt")
CASES = {payload.case: payload for payload in PAYLOADS}
each_payload = pytest.mark.parametrize("payload", PAYLOADS, ids=[f"{p.source}-{p.case}" for p in PAYLOADS])

# Bodies that are no tracking data, and how the refusal names them. A case that is not here must be understood.
REFUSED: Final = {
    "karrio-return_shipment-parse_return_shipment_response": "buying a label",
    "karrio-shipment-parse_shipment_response": "buying a label",
    "active_shipping-external_return_label_response": "ExternalReturnLabelResponse",
    "active_shipping-external_return_label_response_failure": "ExternalReturnLabelErrorResponse",
}

# A peer's status word -> the statuses of ours that say the same.
SAME: Final = {
    "in_transit": {Status.IN_TRANSIT},
    "out_for_delivery": {Status.OUT_FOR_DELIVERY},
    "delivered": {Status.DELIVERED},
}

# (case, what) -> where docs/differences explains it. A difference that is not here fails, and so does an entry that no
# longer differs.
DIFFERENCES: Final = {
    ("karrio-parse_tracking_response", "instant"): "The time of a scan",
    ("karrio2025-parse_tracking_response", "clock"): "A quarter to eleven in the evening",
    ("active_shipping-tracking_response", "instant"): "The time of a scan",
    ("active_shipping-tracking_response", "estimate"): "The estimate of a delivered parcel",
    ("active_shipping-tracking_response_alt", "status"): "What sums a parcel up",
    ("active_shipping-tracking_response_batch", "instant"): "The time of a scan",
    ("active_shipping-tracking_response_batch", "estimate"): "The estimate of a delivered parcel",
}


def read(payload: Payload) -> Answer:
    return parse_file("usps", payload.body, status=payload.status)


@each_payload
def test_it_is_understood_or_refused_for_what_it_is(payload: Payload) -> None:
    if reason := REFUSED.get(payload.case):
        with pytest.raises(BadPayload, match=reason) as raised:
            read(payload)
        assert "\n" not in str(raised.value)
        return
    answer = read(payload)
    assert answer.parcels or answer.not_found or answer.errors
    for parcel in answer.parcels:
        _check_parcel(parcel, payload.body)


def _check_parcel(parcel: Parcel, body: bytes) -> None:
    assert parcel.number.encode() in body
    for scan in parcel.scans:
        assert scan.code
        if scan.at:
            assert scan.offset
            assert datetime.fromisoformat(scan.local + scan.offset) == scan.at


@pytest.mark.parametrize(("case", "what"), [*DIFFERENCES, (None, None)])
def test_what_differs_from_peers_is_listed_and_explained(case: str | None, what: str | None) -> None:
    if case is None:
        found = {(p.case, what) for p in PAYLOADS if p.case not in REFUSED and p.expected for what in _differing(p)}
        assert found == set(DIFFERENCES)
    else:
        assert f"**{DIFFERENCES[case, str(what)]}.**" in differences_in(FOLDER / "differences")["usps"]


def _differing(payload: Payload) -> set[str]:
    answer, expected = read(payload), payload.expected
    if "asserted" in expected:
        return _against_active_shipping(answer, expected["asserted"])
    return {what for detail in expected["details"] for what in _against_karrio(answer, detail)}


def _against_karrio(answer: Answer, detail: dict[str, object]) -> set[str]:
    (parcel,) = (parcel for parcel in answer.parcels if parcel.number == detail["tracking_number"])
    events = detail["events"]
    assert isinstance(events, list)
    assert sorted((e["date"], e["code"]) for e in events) == sorted((s.local[:10], s.code) for s in parcel.scans)
    assert (parcel.status is Status.DELIVERED) == detail["delivered"]
    differing = set()
    for event, scan in zip(events, reversed(parcel.scans), strict=True):
        assert (event["code"], event["description"]) == (scan.code, scan.text)
        if event["time"].split()[0] != scan.local[11:16]:
            differing.add("clock")
        if "timestamp" in event and datetime.fromisoformat(event["timestamp"]) != scan.at:
            differing.add("instant")
        if event.get("status"):
            assert scan.status in SAME[event["status"]]
    return differing


def _against_active_shipping(answer: Answer, asserted: dict[str, object]) -> set[str]:
    parcel = answer.parcels[0]
    assert parcel.number == asserted.get("tracking_number", parcel.number)
    assert len(parcel.scans) == asserted.get("shipment_events.size", len(parcel.scans))
    differing = set()
    if "status" in asserted and parcel.status not in SAME[str(asserted["status"])]:
        differing.add("status")
    if delivered := asserted.get("actual_delivery_date"):
        stamped = datetime.fromisoformat(str(delivered).replace(" UTC", "+00:00"))
        assert stamped.replace(tzinfo=None).isoformat() == parcel.scans[-1].local
        if stamped != parcel.delivered_at:
            differing.add("instant")
    if asserted.get("scheduled_delivery_date") and parcel.estimated is None:
        differing.add("estimate")
    return differing


def test_the_four_numbers_of_a_batch_are_told_apart() -> None:
    answer = read(CASES["active_shipping-tracking_response_batch"])
    assert [parcel.number for parcel in answer.parcels] == ["9102901000462189604217", "5555555555555555555555"]
    assert answer.not_found == ("9405510ee200828613653750",)
    assert [(fault.number, fault.text) for fault in answer.errors] == [("CJ422417033US", "Duplicate")]


@pytest.mark.parametrize(
    ("case", "number", "postage"),
    [
        ("karrio-return_shipment-parse_return_shipment_response", "9234690361980900000999", None),
        ("karrio-shipment-parse_shipment_response", "9234690361980900000142", 1876),
    ],
)
def test_the_labels_of_the_corpus_are_read(case: str, number: str, postage: int | None) -> None:
    """Of a label and its return in one answer the return counts; the other comes in parts, as USPS sends by default."""
    label = CARRIER.parse_label(CASES[case].body)
    assert (label.number, label.format, label.cost_minor) == (number, "pdf", postage)
    assert label.body.startswith(b"%PDF")


def test_every_code_is_mapped_or_left_out_with_its_reason() -> None:
    """The lists of the corpus are those of clients: words in any case, and event codes without leading zeros."""
    about = CARRIER.about
    known = {code.casefold() for code in (*about.codes, *about.unmapped)}
    known |= {code.casefold().lstrip("0") for code in about.codes}
    for name in ("usps", "usps_international", "usps_wt", "usps_wt_international"):
        entries = json.loads((ROOT / "corpus" / "codes" / f"{name}.json").read_text("utf-8"))["entries"]
        codes = {
            code for e in entries for table in e["tables"].values() for listed in table.values() for code in listed
        } - {""}
        assert {code for code in codes if code.casefold() not in known} == set()
    assert not set(about.codes) & set(about.unmapped)
