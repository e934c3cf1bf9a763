"""Every DHL body of the optional corpus: understood, or refused for a true reason; agreement with peers; all codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import pytest

from carriers.adapters import dhl, dhl_express, dhl_parcel_de
from carriers.contract import Answer, Parcel, ReadsLabels
from carriers.dhl_codes import PARCEL_DE_ICE, PARCEL_DE_ICE_SILENT
from carriers.docs import FOLDER, differences_in
from carriers.errors import BadPayload
from carriers.status import Status
from tests.carriers.clauses import TracksCarrier
from tests.carriers.corpus import ROOT, Payload, needs_corpus, payloads

pytestmark = [pytest.mark.corpus, needs_corpus]

CARRIERS: Final[dict[str, TracksCarrier]] = {
    "dhl": dhl.CARRIER,
    "dhl_express": dhl_express.CARRIER,
    "dhl_parcel_de": dhl_parcel_de.CARRIER,
}
# Folder of the corpus -> our adapter. The public tracking pages, DHL24 and GlobalMail are other APIs, which must be
# told apart from a broken answer of ours.
SLUGS: Final = {
    "dhl_universal": "dhl",
    "dhl_poland": "dhl",
    "dhl_ecommerce_gm": "dhl",
    "mydhl": "dhl_express",
    "dhl_express": "dhl_express",
    "dhl_express_web": "dhl_express",
    "dhl_parcel_de": "dhl_parcel_de",
    "dpdhl": "dhl_parcel_de",
}

# Bodies that are no tracking data, and how the refusal names them. A case that is not here must be understood.
REFUSED: Final = {
    ("dhl_poland", "karrio-parse_error_response"): "HTML or XML page, not JSON",
    ("dhl_poland", "karrio-parse_tracking_response"): "DHL24",
    ("dhl_ecommerce_gm", "omniship-track_dhlgm_not_found_response"): "GlobalMail",
    ("mydhl", "karrio-shipment-parse_shipment_response"): "buying a label",
    (
        "mydhl",
        "vendor-hl_expres_paths_reference_data_get_responses_200_Sample_Reference_Data_tracking_event_code",
    ): "reference data",
    ("dhl_express", "karrio-shipment-parse_shipment_response"): "buying a label of the older XML API",
    ("dhl_express_web", "sauladam-delivered"): "public tracking page",
    ("dhl_express_web", "sauladam-delivered_with_unordered_statuses"): "public tracking page",
    ("dhl_express_web", "sauladam-in_transit"): "public tracking page",
    ("dpdhl", "karrio2025-shipment-parse_shipment_response"): "SOAP",
    ("dhl_parcel_de", "karrio-return_shipment-parse_return_shipment_response"): "buying a label",
    ("dhl_parcel_de", "karrio-schema-tracking_response"): "request, answer and error at once",
    ("dhl_parcel_de", "karrio-shipment-parse_shipment_response"): "buying a label",
    ("dhl_parcel_de", "netresearch-returns-returnLabelCustoms"): "buying a label",
    ("dhl_parcel_de", "netresearch-returns-returnLabelDomesticQr"): "buying a label",
    ("dhl_parcel_de", "netresearch-returns-returnLabelEu"): "buying a label",
}

# Labels of a service that we do not buy from.
OTHER_LABELS: Final = {("dpdhl", "karrio2025-shipment-parse_shipment_response")}

# Events that DHL sends without any code.
CODELESS: Final = {("dhl_universal", "bloodhound-dhl-0")}

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
    ("dhl_universal", "karrio-parse_tracking_response", "instant"): "The time of a scan",
    ("dhl_universal", "karrio-parse_tracking_response", "words"): "The words of a scan",
    ("dhl_universal", "karrio-parse_tracking_response", "status"): "The status of an event",
    ("mydhl", "karrio-schema-tracking_response", "instant"): "The time of a scan",
    ("mydhl", "karrio-schema-tracking_response", "status"): "The status of a code",
    ("mydhl", "karrio-schema-tracking_response", "estimate"): "An estimate that is past",
    ("dhl_express", "karrio-parse_tracking_response", "instant"): "The time of a scan",
    ("dhl_express", "karrio-parse_tracking_response", "words"): "The words of a scan",
    ("dhl_express", "karrio-parse_tracking_response", "status"): "The status of a code",
    ("dhl_express", "karrio-tracking_single_not_found_parsing", "not found"): "Unknown numbers",
    ("dhl_parcel_de", "karrio-parse_tracking_response", "instant"): "The time of a scan",
    ("dhl_parcel_de", "karrio-parse_tracking_response", "status"): "The status of an event",
    ("dpdhl", "karrio2025-parse_tracking_response", "code"): "The code of a scan",
}

CASES = payloads(*SLUGS)


def _key(payload: Payload) -> tuple[str, str]:
    return payload.source, payload.case


@cache
def _read(key: tuple[str, str]) -> Answer:
    (payload,) = [p for p in CASES if _key(p) == key]
    return CARRIERS[SLUGS[payload.source]].parse(payload.body, payload.status)


each_payload = pytest.mark.parametrize("payload", CASES, ids=["-".join(_key(p)) for p in CASES])


@each_payload
def test_a_body_is_understood_or_refused_for_a_true_reason(payload: Payload) -> None:
    if reason := REFUSED.get(_key(payload)):
        with pytest.raises(BadPayload, match=reason) as raised:
            _read(_key(payload))
        assert "\n" not in str(raised.value)
        return
    answer = _read(_key(payload))
    assert answer.parcels or answer.not_found or answer.errors
    for number in (*(p.number for p in answer.parcels), *answer.not_found):
        assert number.encode() in payload.body, "a number that the body does not hold"
    for parcel in answer.parcels:
        _check_parcel(parcel, codeless=_key(payload) in CODELESS)


def _check_parcel(parcel: Parcel, *, codeless: bool) -> None:
    instants = [scan.at for scan in parcel.scans if scan.at]
    assert instants == sorted(instants)
    assert len({scan.key() for scan in parcel.scans}) == len(parcel.scans), "two scans that look like one"
    for scan in parcel.scans:
        assert (scan.code == dhl.NO_CODE) is codeless
        assert scan.local
        if scan.at:
            assert scan.at.tzinfo is UTC
            assert scan.offset
            assert datetime.fromisoformat(scan.local + scan.offset) == scan.at


LABELS: Final = [p for p in CASES if "label" in p.kind]


@pytest.mark.parametrize("payload", LABELS, ids=["-".join(_key(p)) for p in LABELS])
def test_a_label_answer_is_read(payload: Payload) -> None:
    """Those of the two adapters that sell labels; a document that is only a placeholder is no label."""
    carrier = CARRIERS[SLUGS[payload.source]]
    assert isinstance(carrier, ReadsLabels)
    if _key(payload) in OTHER_LABELS:
        with pytest.raises(BadPayload):
            carrier.parse_label(payload.body)
        return
    label = carrier.parse_label(payload.body)
    assert label.number.encode() in payload.body
    assert label.body or label.qr or label.url
    if payload.source == "dhl_parcel_de" and "return" in payload.kind:
        assert label.routing
    if payload.case == "netresearch-returns-returnLabelDomesticQr":
        assert (label.format, label.body) == ("none", b"")
        assert label.qr.startswith(b"\x89PNG")


def _with_peer() -> list[Payload]:
    return [p for p in CASES if _key(p) not in REFUSED and (p.expected or {}).get("parser") == "karrio"]


def _compared() -> Iterator[tuple[Payload, Parcel, dict[str, Any]]]:
    for payload in _with_peer():
        ours = {parcel.number: parcel for parcel in _read(_key(payload)).parcels}
        for detail in payload.expected["details"] or ():
            yield payload, _with_number(ours, detail["tracking_number"]), detail


def _with_number(ours: dict[str, Parcel], number: str) -> Parcel:
    """The older peer leaves out the leading zeros of a number."""
    return next(parcel for own, parcel in ours.items() if own.lstrip("0") == number.lstrip("0"))


def _local(event: dict[str, Any]) -> str:
    """The peer's wall clock to the minute: "14:31 PM" is 14:31."""
    return f"{event['date']}T{event['time'].split()[0]}"


def test_local_date_and_time_agree_with_the_peer() -> None:
    found = list(_compared())
    assert len(found) >= 7
    for _, parcel, detail in found:
        said = sorted(_local(event) for event in detail["events"])
        assert said == sorted(scan.local[:16] for scan in parcel.scans)
        assert (parcel.status is Status.DELIVERED) == detail.get("delivered", False)


def _differing() -> Iterator[tuple[str, str, str]]:
    for payload, parcel, detail in _compared():
        for event in detail["events"]:
            scans = [scan for scan in parcel.scans if scan.local[:16] == _local(event)]
            same = [scan for scan in scans if scan.code == event["code"]]
            if not same:
                yield *_key(payload), "code"
                continue
            scan = same[0]
            stamp = event.get("timestamp")
            if stamp and (scan.at is None or scan.at != datetime.fromisoformat(stamp)):
                yield *_key(payload), "instant"
            if scan.text != " ".join(event.get("description", "").split()):
                yield *_key(payload), "words"
            if event.get("status") and scan.status not in SAME[event["status"]]:
                yield *_key(payload), "status"
        estimated = parcel.estimated.start.isoformat() if parcel.estimated else None
        if estimated != detail.get("estimated_delivery"):
            yield *_key(payload), "estimate"
    for payload in _with_peer():
        for message in payload.expected["messages"] or ():
            answer = _read(_key(payload))
            if message["code"] not in {fault.code for fault in answer.errors}:
                assert answer.not_found
                yield *_key(payload), "not found"


def test_the_differences_are_those_that_are_listed_and_no_others() -> None:
    assert set(_differing()) == set(DIFFERENCES)


@pytest.mark.parametrize(("source", "name", "what"), sorted(DIFFERENCES))
def test_every_difference_is_explained_in_the_docs(source: str, name: str, what: str) -> None:
    assert f"**{DIFFERENCES[source, name, what]}.**" in differences_in(FOLDER / "differences")[SLUGS[source]]


def test_the_words_of_an_error_are_dhls() -> None:
    for payload in CASES:
        words = ((payload.expected or {}).get("asserted") or {}).get("message_contains")
        if words:
            assert any(words in fault.text for fault in _read(_key(payload)).errors)


def test_recorded_answers_hold_no_code_that_we_do_not_know() -> None:
    for payload in CASES:
        if _key(payload) not in REFUSED:
            known = CARRIERS[SLUGS[payload.source]].about.unmapped
            assert [code for code in _read(_key(payload)).unmapped if code not in known] == []


def _entries(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((ROOT / "corpus" / "codes" / f"{name}.json").read_text("utf-8"))["entries"]
    return [entry["tables"] for entry in found]


def _about(code: str, carrier: TracksCarrier) -> bool:
    return code in carrier.about.codes or code in carrier.about.unmapped


def test_every_code_of_dhls_list_per_division_is_mapped_or_left_out_on_purpose() -> None:
    """Two rows of the list are the broken second lines of their forerunners; they name no division."""
    rows = [row for table in _entries("mydhl") for row in table.get("rows", []) if not row[0].startswith(" ")]
    assert len(rows) > 1000
    assert [row for row in rows if not _about(f"{row[0]}/{row[1]}", dhl.CARRIER)] == []
    assert [row for row in rows if row[0] == "express" and not _about(row[1], dhl_express.CARRIER)] == []


def test_every_code_of_express_is_mapped_or_left_out_on_purpose() -> None:
    codes = {
        code
        for name in ("mydhl", "dhl_express")
        for table in _entries(name)
        for words in ("TrackingStatus", "TrackingIncidentReason")
        for listed in table.get(words, {}).values()
        for code in listed
    }
    assert len(codes) > 80
    assert {code for code in codes if not _about(code, dhl_express.CARRIER)} == set()
    (reference,) = [p for p in CASES if "reference_data" in p.case]
    events = json.loads(reference.body)["referenceData"][0]["data"]
    official = {column["value"] for row in events for column in row if column["attribute"] == "eventTypeCode"}
    assert len(official) > 55
    assert {code for code in official if not _about(code, dhl_express.CARRIER)} == set()


def test_every_combination_of_ice_ric_and_standard_event_is_mapped_or_left_out_on_purpose() -> None:
    rows = [row for table in _entries("dhl_parcel_de") for row in table.get("rows", [])]
    assert len(rows) == 338
    known = {*PARCEL_DE_ICE, *PARCEL_DE_ICE_SILENT}
    for ice, ric, standard, *_ in rows:
        assert known & {f"{ice}/{ric}/{standard}", f"{ice}/{ric}", ice}
        assert _about(standard, dhl_parcel_de.CARRIER)
    # an entry that no row of DHL's needs would be an invention
    needed = {key for ice, ric, standard, *_ in rows for key in (f"{ice}/{ric}/{standard}", f"{ice}/{ric}", ice)}
    assert known <= needed
    older = {code for table in _entries("dpdhl") for listed in table["TrackingStatus"].values() for code in listed}
    assert {code for code in older - {""} if not _about(code, dhl_parcel_de.CARRIER)} == set()


def test_the_words_of_a_peer_that_are_no_codes_of_parcel_germany_are_those() -> None:
    """The rest of its table are ICE events in lower case, summary codes of the unified API and words of its own."""
    table = next(t for t in _entries("dhl_parcel_de") if "TrackingStatus" in t)
    codes = {code for listed in table["TrackingStatus"].values() for code in listed}
    ice = {code for code in codes if _about(code.upper(), dhl_parcel_de.CARRIER)}
    unified = {code for code in codes if _about(code, dhl.CARRIER)}
    assert codes - ice - unified == {"ndelv"}
    reasons = {code for listed in table["TrackingIncidentReason"].values() for code in listed}
    assert all("_" in code or code.islower() for code in reasons), "an event of DHL's is written in capitals"


def test_every_summary_code_of_the_unified_api_is_mapped_or_left_out_on_purpose() -> None:
    peer, observed = _entries("dhl_universal")
    codes = {code for listed in peer["TrackingStatus"].values() for code in listed} | set(observed["observed"])
    assert {code for code in codes - {"None"} if not _about(code, dhl.CARRIER)} == set()


@pytest.mark.parametrize("name", ["dhl_web", "dhl_express_web"])
def test_the_public_tracking_pages_have_phrases_and_no_codes(name: str) -> None:
    for table in _entries(name):
        assert set(table) == {"phrases"}
        assert all(" " in phrase for listed in table["phrases"].values() for phrase in listed)
