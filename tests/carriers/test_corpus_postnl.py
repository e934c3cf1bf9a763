"""Every PostNL body of the optional corpus: understood, or refused for a true reason; what its peers assert is so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import pytest

from carriers.adapters.postnl import CARRIER, EVENTS, STATUSES, UNMAPPED
from carriers.contract import ZoneFrom
from carriers.errors import BadPayload, Refused
from carriers.status import Status
from tests.carriers.corpus import ROOT, Payload, needs_corpus, payloads

pytestmark = [pytest.mark.corpus, needs_corpus]

ALL: Final = payloads("postnl")
LABELS: Final = [p for p in ALL if "label" in p.kind]
TRACKING: Final = [p for p in ALL if p not in LABELS]

# Bodies of other calls, and how the refusal names them.
REFUSED: Final = {"firstred-signature": "proof of delivery"}

# What each body says: number -> (status, sub-status), for those that hold one parcel.
SAYS: Final[Mapping[str, tuple[str, Status, str | None]]] = {
    "123lens-GetStatusByBarcodeSuccess": ("3STBJG243556389", Status.INFO_RECEIVED, "info_received.data_received"),
    "123lens-GetUpdatedShipmentsSuccess": ("3STBJG076459501", Status.PICKED_UP, None),
    "firstred-completestatus": ("3SDEVC123456789", Status.PICKED_UP, None),
    "firstred-completestatus2": ("3SDEVC123456789", Status.PICKED_UP, None),
    "firstred-completestatus3": ("3SABCD987516327", Status.DELIVERED, None),
}


@pytest.mark.parametrize("payload", TRACKING, ids=[payload.case for payload in TRACKING])
def test_a_body_is_understood_or_refused_for_a_true_reason(payload: Payload) -> None:
    if reason := REFUSED.get(payload.case):
        with pytest.raises(BadPayload, match=reason):
            CARRIER.parse(payload.body, payload.status)
        return
    answer = CARRIER.parse(payload.body, payload.status)
    assert answer.parcels or answer.errors
    assert answer.unmapped == ()
    for scan in (scan for parcel in answer.parcels for scan in parcel.scans):
        assert scan.at
        assert scan.zone_from is ZoneFrom.PLACE
    if payload.case in SAYS:
        (parcel,) = answer.parcels
        assert (parcel.number, parcel.status, parcel.sub_status) == SAYS[payload.case]


def test_what_the_peers_assert_is_so() -> None:
    """Of all that they assert we do not read two fields: the phase, and the main barcode of a shipment of several."""
    checked = 0
    for payload in TRACKING:
        for path, value in ((payload.expected or {}).get("asserted") or {}).items():
            parcels = CARRIER.parse(payload.body).parcels
            if path.endswith(("['PhaseCode']", "['MainBarcode']")):
                continue
            says = {
                "getData()": {"count": len(parcels)},
                "getData()[0]['Barcode']": parcels[0].number,
                "getData()[0]['Status']['StatusCode']": parcels[0].scans[0].code,
            }
            assert says[path] == value
            checked += 1
    assert checked >= 4


def test_a_long_list_of_updates_is_read_whole() -> None:
    (payload,) = [p for p in TRACKING if p.case == "123lens-GetUpdatedShipmentsFilterPeriodSuccess"]
    raw: list[dict[str, Any]] = json.loads(payload.body)
    parcels = CARRIER.parse(payload.body).parcels
    assert [p.number for p in parcels] == [entry["Barcode"] for entry in raw]
    assert [p.scans[0].local for p in parcels] == [entry["Status"]["Timestamp"] for entry in raw]
    assert {(p.scans[0].code, p.sub_status or p.status) for p in parcels} == {
        ("2", "picked_up"),
        ("11", "delivered"),
        ("22", "delivered.collected"),
    }


@pytest.mark.parametrize("payload", LABELS, ids=[payload.case for payload in LABELS])
def test_every_label_answer_is_read(payload: Payload) -> None:
    label = CARRIER.parse_label(payload.body)
    assert label.body.startswith(b"%PDF")
    assert label.number.startswith("3S")
    smart = "SmartReturn" in payload.case
    assert (bool(label.qr), label.counter_code) == (smart, label.number if smart else "")
    with pytest.raises(BadPayload, match="buying a label"):
        CARRIER.parse(payload.body)


def test_a_refused_label_keeps_the_words_of_postnl() -> None:
    (payload,) = [p for p in ALL if "InvalidBarcode" in p.case]
    with pytest.raises(Refused, match="Length of 3S type barcode must be between 13 and 15") as caught:
        CARRIER.parse_label(payload.body)
    assert caught.value.code == "10302"


def test_every_code_that_was_seen_is_mapped_or_left_out_on_purpose() -> None:
    entries = json.loads((ROOT / "corpus" / "codes" / "postnl.json").read_text("utf-8"))["entries"]
    seen = {code for entry in entries for code in entry["tables"]["observed"]}
    assert seen <= {*STATUSES, *EVENTS, *UNMAPPED}
