"""Every EasyPost payload of the corpus is understood, or refused for a reason that is true of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from carriers.adapters.easypost import CARRIER
from carriers.contract import Answer, Hook
from carriers.errors import BadPayload, BadSignature
from carriers.view import answer_as_json, parse_file
from tests.carriers.corpus import Payload, needs_corpus, payloads

pytestmark = [needs_corpus, pytest.mark.corpus]

PAYLOADS = payloads("easypost")
each_payload = pytest.mark.parametrize("payload", PAYLOADS, ids=[payload.case for payload in PAYLOADS])

# Bodies that say nothing of a parcel's way, and what they are. Everything else must be understood.
NOT_TRACKING = {
    "docs-events-list": "event log",
    "docs-events-retrieve": "event log",
    "docs-returns-create": "shipment",
    "karrio-shipment-parse_shipment_response": "shipment",
}

# The signature and the secret that EasyPost publishes for its own fixture of a webhook.
PUBLISHED = "hmac-sha256-hex=38f3f53c103713df81616a0a186d77141957323ec21d5fe9363db93840f527db"
PUBLISHED_SECRET = "s\u00e9cret"


def read(payload: Payload) -> Answer:
    return parse_file("easypost", payload.body, hook=payload.is_hook, status=payload.status)


@each_payload
def test_it_is_understood_or_refused_for_what_it_is(payload: Payload) -> None:
    if reason := NOT_TRACKING.get(payload.case):
        with pytest.raises(BadPayload, match=reason):
            read(payload)
        return
    answer = read(payload)
    assert answer.parcels or answer.errors
    assert answer.unmapped == ()
    json.dumps(answer_as_json("easypost", answer))


@each_payload
def test_the_kind_of_the_body_need_not_be_said(payload: Payload) -> None:
    if payload.case not in NOT_TRACKING:
        assert parse_file("easypost", payload.body, hook=not payload.is_hook) == read(payload)


def test_no_scan_of_the_raw_bodies_is_lost() -> None:
    for payload in PAYLOADS:
        if payload.case not in NOT_TRACKING:
            raw = payload.body.count(b'"TrackingDetail"')
            assert sum(len(parcel.scans) for parcel in read(payload).parcels) == raw, payload.case


def test_the_peer_reads_the_same_number_date_time_code_and_day() -> None:
    compared = 0
    for payload in PAYLOADS:
        if not isinstance(payload.expected, dict) or "details" not in payload.expected:
            continue
        details = payload.expected["details"]
        for peer in details if isinstance(details, list) else ():
            (parcel,) = read(payload).parcels
            assert parcel.number == peer["tracking_number"]
            assert parcel.estimated
            assert parcel.estimated.start.isoformat() == peer["estimated_delivery"]
            ours = [(scan.local[:10], scan.local[11:16], scan.code, scan.text) for scan in parcel.scans]
            # the peer writes 16:11 as "16:11 PM"
            theirs = [(e["date"], e["time"][:5], e["code"], e["description"]) for e in peer["events"]]
            assert ours == theirs
            compared += len(theirs)
    assert compared >= 4


def test_the_published_signature_opens_and_one_changed_byte_does_not() -> None:
    (payload,) = (payload for payload in PAYLOADS if payload.case == "fixture-tracker.updated-hmac")
    now = datetime.now(UTC)
    headers = {"x-hmac-signature": PUBLISHED}
    CARRIER.verify(Hook(payload.body, headers), PUBLISHED_SECRET, now)
    assert CARRIER.hook_key(Hook(payload.body, headers)) == "evt_1"
    for wrong in (payload.body.replace(b"614.4", b"614.5"), payload.body + b"\n", payload.body[:-1]):
        with pytest.raises(BadSignature):
            CARRIER.verify(Hook(wrong, headers), PUBLISHED_SECRET, now)
