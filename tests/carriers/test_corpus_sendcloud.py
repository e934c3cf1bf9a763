"""Every Sendcloud body of the optional corpus: understood, or refused for what it is; and a published signature."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest

from carriers.adapters.sendcloud import CARRIER
from carriers.contract import Hook
from carriers.docs import FOLDER, differences_in
from carriers.errors import BadPayload, BadSignature
from carriers.view import answer_as_json, parse_file
from tests.carriers.corpus import ROOT, Payload, needs_corpus, payloads

pytestmark = [needs_corpus, pytest.mark.corpus]

PAYLOADS = payloads("sendcloud")
VECTORS = ROOT.parent / "reference" / "signatures.json"
REFUSED = {
    "webador-testCreateParcel": "no tracking number yet",
    "webador-testUpdateParcel": "no tracking number yet",
    "webador-testGetReturnPortalUrl": "return portal",
}


@pytest.mark.parametrize("payload", PAYLOADS, ids=[payload.case for payload in PAYLOADS])
def test_it_is_understood_or_refused_for_what_it_is(payload: Payload) -> None:
    if reason := REFUSED.get(payload.case):
        with pytest.raises(BadPayload, match=reason):
            CARRIER.parse(payload.body)
        return
    answer = parse_file("sendcloud", payload.body, hook=payload.is_hook, status=payload.status)
    assert bool(answer.parcels) != bool(answer.errors)
    assert answer.unmapped == ()
    json.dumps(answer_as_json("sendcloud", answer))


def test_errors_of_an_announcement_are_those_that_the_peer_reads() -> None:
    for payload in PAYLOADS:
        if payload.kind == "error-response":
            ((code, words),) = ((fault.code, fault.text) for fault in CARRIER.parse(payload.body).errors)
            assert code in payload.expected["asserted"]["errors"]
            assert words in payload.expected["asserted"]["errors"]


def test_the_recorded_push_is_read_to_the_second() -> None:
    (payload,) = (payload for payload in PAYLOADS if payload.is_hook)
    (parcel,) = CARRIER.parse_hook(payload.body).parcels
    assert (parcel.number, parcel.sub_status) == ("S0M3TR4Ck1NgNumB3r", "info_received.label_created")
    assert parcel.scans[0].at == datetime(2018, 5, 2, 14, 38, 5, tzinfo=UTC)
    text = differences_in(FOLDER / "differences")["sendcloud"]
    assert all(
        f"**{name}.**" in text for name in ("The time of a status", "Status numbers", "A parcel without a number")
    )


@pytest.mark.skipif(not VECTORS.is_file(), reason=f"no signature vectors at {VECTORS}")
def test_the_published_signature_opens_and_one_changed_byte_does_not() -> None:
    given = next(v for v in json.loads(VECTORS.read_bytes())["vectors"] if v["id"] == "sendcloud-published-1")
    body, secret = base64.b64decode(given["body_b64"]), given["key_text"]
    headers = {name.lower(): value for name, value in given["headers"].items()}
    now = datetime(2026, 11, 22, tzinfo=UTC)
    CARRIER.verify(Hook(body, headers), secret, now)
    for changed, key in ((body + b" ", secret), (body.replace(b"a", b"b", 1), secret), (body, secret + "x")):
        with pytest.raises(BadSignature):
            CARRIER.verify(Hook(changed, headers), key, now)


def test_every_status_number_of_the_table_is_mapped_or_left_out_on_purpose() -> None:
    (entry,) = json.loads((ROOT / "corpus" / "codes" / "sendcloud.json").read_bytes())["entries"]
    found = {str(number) for number in entry["tables"]["STATUS"].values()}
    assert len(found) > 20
    assert found <= {*CARRIER.about.codes, *CARRIER.about.unmapped}
