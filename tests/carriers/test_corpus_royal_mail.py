"""Every Royal Mail body of the optional corpus: understood; agreement with what its peers assert."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

import pytest

from carriers.adapters.royal_mail import CODES, UNMAPPED
from carriers.docs import FOLDER, differences_in
from carriers.status import Status
from carriers.view import answer_as_json, parse_file
from tests.carriers.corpus import ROOT, Payload, needs_corpus, payloads

pytestmark = [needs_corpus, pytest.mark.corpus]

PAYLOADS = {payload.case: payload for payload in payloads("royalmail")}
BARCODE: Final = "090367574000000FE1E1B"
DIFFERENCES: Final = ("The code of an error", "Words that are no codes", "Unknown numbers")


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=list(PAYLOADS))
def test_it_is_understood(payload: Payload) -> None:
    answer = parse_file("royal_mail", payload.body, status=payload.status)
    assert answer.parcels or answer.errors
    assert {parcel.number for parcel in answer.parcels} <= {BARCODE}
    assert answer.unmapped == ()
    json.dumps(answer_as_json("royal_mail", answer))


def test_the_summary_holds_what_the_peer_asserts() -> None:
    payload = PAYLOADS["elliotjreed-summary-mockResponse"]
    asserted = payload.expected["asserted"]
    answer = parse_file("royal_mail", payload.body)
    (parcel,) = answer.parcels
    (scan,) = parcel.scans
    assert parcel.number == asserted["response->getMailPieceId()"]
    assert parcel.service == asserted["summary->getProductName()"]
    assert (scan.code, scan.text) == (asserted["summary->getLastEventCode()"], asserted["summary->getLastEventName()"])
    assert scan.place.city == asserted["summary->getLastEventLocationName()"]
    assert scan.at == datetime.fromisoformat(asserted["summary->getLastEventDateTime()"])
    assert parcel.status is Status.EXCEPTION  # forwarded after a mis-sort; its category says no more than "IN TRANSIT"
    (fault,) = answer.errors
    assert (fault.number, fault.code) == (BARCODE, asserted["error->getErrorCode()"])
    assert fault.text == asserted["error->getErrorDescription()"]


def test_a_time_that_cannot_be_read_loses_nothing_else() -> None:
    case = "elliotjreed-events-testItReturnsTrackingDataInTheEventOfDateErrorException"
    (parcel,) = parse_file("royal_mail", PAYLOADS[case].body).parcels
    (scan,) = parcel.scans
    assert (scan.code, scan.at, scan.local) == ("EVNMI", None, "")
    assert parcel.estimated
    assert parcel.estimated.start.isoformat() == "2021-01-01"
    (parcel,) = parse_file("royal_mail", PAYLOADS[f"{case}OnEstimatedDate"].body).parcels
    assert parcel.estimated is None


def test_the_error_of_a_call_differs_from_the_peers_as_the_docs_say() -> None:
    payload = PAYLOADS["karrio-parse_tracking_error_response"]
    (message,) = payload.expected["messages"]
    (fault,) = parse_file("royal_mail", payload.body, status=400).errors
    (told,) = message["details"]["errors"]
    assert (fault.code, fault.text) == (told["errorCode"], told["errorDescription"])
    assert (message["code"], message["message"]) == ("400", "Bad Request")
    text = differences_in(FOLDER / "differences")["royal_mail"]
    assert all(f"**{name}.**" in text for name in DIFFERENCES)


def test_every_code_of_both_tables_is_mapped_or_left_out_on_purpose() -> None:
    first, second = json.loads((ROOT / "corpus" / "codes" / "royalmail.json").read_text("utf-8"))["entries"]
    known = {code for codes in first["tables"]["TrackingIncidentReason"].values() for code in codes}
    known |= set(second["tables"]["events"])
    assert known - (CODES.keys() | UNMAPPED.keys()) == set()
