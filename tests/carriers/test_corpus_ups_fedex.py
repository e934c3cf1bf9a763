"""Every UPS and FedEx body of the optional corpus: understood, or refused for a true reason; agreement with peers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from carriers.adapters.fedex import CARRIER as FEDEX
from carriers.adapters.ups import CARRIER as UPS
from carriers.contract import Answer, Parcel
from carriers.docs import FOLDER, differences_in
from carriers.errors import BadPayload
from carriers.status import Status
from carriers.view import parse_file

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(os.environ.get("DOORSTEP_CORPUS") or ROOT / "../shared/data").resolve()
PAYLOADS = CORPUS / "corpus" / "payloads"

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not PAYLOADS.is_dir(), reason=f"no corpus at {CORPUS}; set DOORSTEP_CORPUS to test against it"),
]

# Folder of the corpus -> our adapter. ups_xml is JSON of the present API in spite of its name; fedex_ws is the retired
# SOAP interface, which is read too; fedex_web is another one, which must be told apart from a broken answer.
SLUGS: Final = {"ups": "ups", "ups_xml": "ups", "fedex": "fedex", "fedex_ws": "fedex", "fedex_web": "fedex"}

# Bodies that are no tracking data, and how the refusal names them. A case that is not here must be understood.
REFUSED: Final = {
    ("ups", "karrio-shipment-parse_shipment_response"): "buying a label",
    (
        "ups",
        "openapi-UPSTrackAlert-_subscription_type_package_post_responses_200_CompleteSuccessExample",
    ): "subscription",
    (
        "ups",
        "openapi-UPSTrackAlert-_subscription_type_package_post_responses_200_PartialSuccessExample",
    ): "subscription",
    ("fedex", "karrio-shipment-parse_shipment_response"): "buying a label",
    ("fedex_web", "sauladam-fedex_shipment"): "public tracking page",
}

# A peer's status word -> the statuses of ours that say the same.
SAME: Final = {
    "pending": {Status.INFO_RECEIVED},
    "picked_up": {Status.PICKED_UP},
    "in_transit": {Status.IN_TRANSIT},
    "out_for_delivery": {Status.OUT_FOR_DELIVERY},
    "delivered": {Status.DELIVERED},
}

# (source, case, what) -> where docs/differences explains it. A difference that is not here fails, and so does an entry
# that no longer differs.
DIFFERENCES: Final = {
    ("ups", "karrio-schema-tracking_response", "instant"): "The time of a scan",
    ("ups", "karrio-schema-tracking_response", "estimate"): "The estimated date of a delivered parcel",
    ("ups", "karrio-tracking_number_not_found_response_parsing", "not found"): "Unknown numbers",
    ("fedex", "karrio-parse_tracking_response", "instant"): "The time of a scan",
    ("fedex", "karrio-parse_tracking_response", "error number"): "The number of an error",
    ("fedex", "karrio-parse_tracking_response", "words"): "The words of a scan",
    ("fedex", "karrio-parse_tracking_response", "not found"): "Unknown numbers",
    ("fedex_ws", "karrio2025-parse_tracking_response", "estimate"): "The date of tender",
}


def _cases() -> list[tuple[str, str]]:
    return [(source, path.stem) for source in SLUGS for path in sorted((PAYLOADS / source).glob("*.json"))]


@cache
def _case(source: str, name: str) -> Any:
    return json.loads((PAYLOADS / source / f"{name}.json").read_text("utf-8"))


def _answer(source: str, name: str) -> Answer:
    case = _case(source, name)
    raw = case["raw"]
    body = raw if isinstance(raw, str) else json.dumps(raw)
    hook = case["kind"] == "tracking-webhook"
    return parse_file(SLUGS[source], body.encode(), hook=hook, status=case.get("http_status", 200))


def _reason(source: str, name: str) -> str | None:
    return REFUSED.get((source, name))


@pytest.mark.parametrize(("source", "name"), _cases())
def test_a_body_is_understood_or_refused_for_a_true_reason(source: str, name: str) -> None:
    reason = _reason(source, name)
    if reason:
        with pytest.raises(BadPayload, match=reason) as raised:
            _answer(source, name)
        assert "\n" not in str(raised.value)
        return
    answer = _answer(source, name)
    assert answer.parcels or answer.not_found or answer.errors
    for parcel in answer.parcels:
        _check_parcel(parcel)


def _check_parcel(parcel: Parcel) -> None:
    instants = [scan.at for scan in parcel.scans if scan.at]
    assert instants == sorted(instants)
    for scan in parcel.scans:
        assert scan.code
        assert scan.local
        if scan.at:
            assert scan.at.tzinfo is UTC
            assert scan.offset
            assert datetime.fromisoformat(scan.local + scan.offset) == scan.at


def _with_peer() -> list[tuple[str, str]]:
    return [
        (source, name)
        for source, name in _cases()
        if not _reason(source, name) and (_case(source, name).get("expected") or {}).get("parser") == "karrio"
    ]


def _peer_local(event: dict[str, Any]) -> str:
    """The peer's wall clock to the minute: "14:31 PM" is 14:31."""
    return f"{event['date']}T{event['time'].split()[0]}"


@pytest.mark.parametrize(("source", "name"), _with_peer())
def test_local_date_time_and_code_agree_with_the_peer(source: str, name: str) -> None:
    ours = {parcel.number: parcel for parcel in _answer(source, name).parcels}
    for detail in _case(source, name)["expected"]["details"]:
        parcel = ours[detail["tracking_number"]]
        said = [(_peer_local(event), event["code"]) for event in detail["events"]]
        assert sorted(said) == sorted((scan.local[:16], scan.code) for scan in parcel.scans)
        statuses = {(_peer_local(event), event["code"]): event.get("status") for event in detail["events"]}
        for scan in parcel.scans:
            status = statuses[scan.local[:16], scan.code]
            assert status is None or scan.status in SAME[status]
        assert (parcel.status is Status.DELIVERED) == detail["delivered"]


@pytest.mark.parametrize(("source", "name"), _with_peer())
def test_every_error_of_the_peer_is_an_error_or_a_missing_number_of_ours(source: str, name: str) -> None:
    answer = _answer(source, name)
    unknown = {"TW0001", "TRACKING.TRACKINGNUMBER.NOTFOUND"}
    for message in _case(source, name)["expected"]["messages"]:
        listed = message["code"] in unknown and bool(answer.not_found)
        assert listed or message["code"] in {fault.code for fault in answer.errors}


def test_the_differences_are_those_that_are_listed_and_no_others() -> None:
    found = {(source, name, what) for source, name in _with_peer() for what in _differing(source, name)}
    assert found == set(DIFFERENCES)


def _differing(source: str, name: str) -> Iterator[str]:
    answer = _answer(source, name)
    ours = {parcel.number: parcel for parcel in answer.parcels}
    expected = _case(source, name)["expected"]
    for detail in expected["details"]:
        parcel = ours[detail["tracking_number"]]
        scans = {(scan.local[:16], scan.code): scan for scan in parcel.scans}
        for event in detail["events"]:
            scan = scans[_peer_local(event), event["code"]]
            if "timestamp" in event and (scan.at is None or scan.at != datetime.fromisoformat(event["timestamp"])):
                yield "instant"
            if scan.text != event["description"].strip():
                yield "words"
        estimated = parcel.estimated.start.isoformat() if parcel.estimated else None
        if estimated != detail.get("estimated_delivery"):
            yield "estimate"
    for message in expected["messages"]:
        numbers = {fault.number for fault in answer.errors if fault.code == message["code"]}
        peer_number = message.get("details", {}).get("tracking_number")
        if "NOTFOUND" in message["code"] or message["code"] == "TW0001":
            yield "not found"
        elif peer_number and peer_number not in numbers:
            yield "error number"


@pytest.mark.parametrize(("source", "name", "what"), sorted(DIFFERENCES))
def test_every_difference_is_explained_in_the_docs(source: str, name: str, what: str) -> None:
    assert f"**{DIFFERENCES[source, name, what]}.**" in differences_in(FOLDER / "differences")[SLUGS[source]]


def test_the_window_of_another_peer_is_the_same_two_instants() -> None:
    case = _case("fedex", "bloodhound-fedEx-1")
    (parcel,) = _answer("fedex", "bloodhound-fedEx-1").parcels
    assert parcel.estimated
    asserted = {datetime.fromisoformat(value) for value in case["expected"]["asserted"].values()}
    assert {parcel.estimated.start, parcel.estimated.end} == asserted


def test_recorded_ups_answers_hold_no_code_that_we_do_not_know() -> None:
    assert {
        code for source, name in _cases() if source == "ups_xml" for code in _answer(source, name).unmapped
    } == set()


def test_the_labels_of_the_corpus_are_read() -> None:
    """A UPS answer with one package as an object, and a FedEx answer whose amounts name no currency beside them."""
    ups, fedex = (
        carrier.parse_label(json.dumps(_case(slug, "karrio-shipment-parse_shipment_response")["raw"]).encode())
        for slug, carrier in (("ups", UPS), ("fedex", FEDEX))
    )
    assert (ups.number, ups.format, ups.cost_minor, ups.currency) == ("1ZXXXXXXXXXXXXXXXX", "png", 13515, "CAD")
    assert (fedex.number, fedex.format, fedex.cost_minor, fedex.currency) == ("794953535000", "pdf", 2145, "USD")


def test_every_ups_code_is_mapped_or_left_out_with_its_reason() -> None:
    """Letters count as mapped where any type of activity knows them: the corpus lists them without their type."""
    entries = json.loads((CORPUS / "corpus" / "codes" / "ups.json").read_text("utf-8"))["entries"]
    tables = [table for entry in entries for table in entry["tables"].values()]
    codes = {code for table in tables for value in table.values() if isinstance(value, list) for code in value}
    codes |= {code for table in tables for code, value in table.items() if isinstance(value, str)}
    about = UPS.about
    known = {code.rpartition("/")[2] for code in (*about.codes, *about.unmapped)}
    assert codes - known == set()
    assert not set(about.codes) & set(about.unmapped)
    assert all(about.unmapped.values())


def test_every_fedex_code_is_mapped_or_left_out_with_its_reason() -> None:
    files = (CORPUS / "corpus" / "codes" / name for name in ("fedex.json", "fedex_ws.json"))
    entries = [entry for path in files for entry in json.loads(path.read_text("utf-8"))["entries"]]
    tables = [table for entry in entries for table in entry["tables"].values()]
    codes = {row[i] for table in tables if isinstance(table, list) for row in table for i in (0, 2) if len(row) > i} - {
        "",
        "Code",
        "Movement",
        "Possession",
        "Regulatory",
    }
    for table in (table for table in tables if isinstance(table, dict)):
        codes |= {code for value in table.values() if isinstance(value, list) for code in value} - {""}
        codes |= {code for code, value in table.items() if isinstance(value, str)}
    about = FEDEX.about
    assert {code for code in codes if code.upper() not in about.codes.keys() | about.unmapped.keys()} == set()
    assert set(about.codes) & set(about.unmapped) == {"CA", "IN"}  # known as derived codes, open as events
    assert all(about.unmapped.values())
