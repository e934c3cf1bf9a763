"""Every Hermes body of the optional corpus: understood, or refused for a true reason; the list of codes is whole."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from carriers.adapters.hermes_de import CARRIER, CODES, UNMAPPED
from carriers.errors import BadPayload
from carriers.status import Status
from tests.carriers.corpus import ROOT, Payload, needs_corpus, payloads

pytestmark = [pytest.mark.corpus, needs_corpus]

ALL: Final = payloads("hermes")
REFUSED: Final = {"karrio-shipment-parse_shipment_response": "buying a label"}


@pytest.mark.parametrize("payload", ALL, ids=[payload.case for payload in ALL])
def test_a_body_is_understood_or_refused_for_a_true_reason(payload: Payload) -> None:
    if reason := REFUSED.get(payload.case):
        with pytest.raises(BadPayload, match=reason):
            CARRIER.parse(payload.body, payload.status)
        return
    answer = CARRIER.parse(payload.body, payload.status)
    assert answer.parcels or answer.not_found
    assert answer.unmapped == ()
    assert all(scan.at for parcel in answer.parcels for scan in parcel.scans)


def test_the_vendors_sample_is_read_scan_by_scan() -> None:
    (payload,) = [p for p in ALL if p.case == "karrio-schema-tracking_response"]
    (parcel,) = CARRIER.parse(payload.body).parcels
    assert [(s.code, s.local, s.status) for s in parcel.scans] == [
        ("0000", "2020-12-02T10:15:30", Status.INFO_RECEIVED),
        ("2000", "2020-12-03T14:22:15", Status.IN_TRANSIT),
        ("3000", "2020-12-04T06:30:00", Status.OUT_FOR_DELIVERY),
        ("3500", "2020-12-04T07:58:24", Status.DELIVERED),
    ]


def test_a_number_that_the_peer_calls_an_error_is_not_found() -> None:
    (payload,) = [p for p in ALL if p.case == "karrio-parse_tracking_error_response"]
    (message,) = payload.expected["messages"]
    assert CARRIER.parse(payload.body).not_found == (message["details"]["shipment_id"],)


def _listed() -> set[str]:
    """The peer's codes, and the long and the short codes of the vendor's list."""
    entries = json.loads((ROOT / "corpus" / "codes" / "hermes.json").read_text("utf-8"))["entries"]
    tables: list[dict[str, Any]] = [entry["tables"] for entry in entries]
    peer = {code for codes in tables[0]["TrackingStatus"].values() for code in codes}
    return peer | {code for row in tables[1]["rows"] for code in row[:2]}


def test_every_code_of_the_vendors_list_is_mapped_or_left_out_on_purpose() -> None:
    assert _listed() == {*CODES, *UNMAPPED}
