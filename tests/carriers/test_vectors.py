"""Signatures that nobody here made: the optional vectors beside the corpus, for every carrier that proves itself."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from carriers.contract import Carrier, Hook, Hooked
from carriers.errors import BadSignature
from carriers.registry import all_carriers
from tests.carriers.corpus import ROOT

FILE = ROOT.parent / "reference" / "signatures.json"
SENDERS = {
    "easypost-published-1": "easypost",
    "fedex-computed": "fedex",
    "usps-computed": "usps",
    "sendcloud-published-1": "sendcloud",
    "shippo-computed": "shippo",
    "shipengine-computed": "shipengine",
    "aftership-computed": "aftership",
    "17track-computed": "seventeentrack",
}

HINTS = {"trackingmore-published-1": "trackingmore", "ship24-bearer": "ship24", "ups-track-alert-v1": "ups"}

pytestmark = [pytest.mark.corpus, pytest.mark.skipif(not FILE.is_file(), reason=f"no signature vectors at {FILE}")]


def vector(name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(v for v in json.loads(FILE.read_bytes())["vectors"] if v["id"] == name)
    return found


def hooked(name: str) -> Hooked:
    carrier: Carrier = all_carriers()[{**SENDERS, **HINTS}[name]]
    assert isinstance(carrier, Hooked)
    return carrier


def secret_of(given: dict[str, Any]) -> str:
    return json.dumps(given["jwks"]) if "jwks" in given else str(given["key_text"])


def sent_at(given: dict[str, Any]) -> datetime:
    stamp = given["headers"].get("x-shipengine-timestamp")
    return datetime.fromisoformat(stamp) if stamp else datetime.fromtimestamp(given.get("verify_at_unix", 0), UTC)


@pytest.mark.parametrize("name", SENDERS)
def test_the_true_signature_opens_and_one_changed_byte_does_not(name: str) -> None:
    given = vector(name)
    body, secret = base64.b64decode(given["body_b64"]), secret_of(given)
    headers = {header.lower(): value for header, value in given["headers"].items()}
    hooked(name).verify(Hook(body, headers), secret, sent_at(given))
    last = body.rindex(
        b"e"
    )  # of what was signed: USPS signs the time and the text inside its envelope, not the envelope
    wrong = [(body[:last] + b"f" + body[last + 1 :], secret), (body, secret.replace("a", "b", 1) + "x")]
    if name != "usps-computed":
        wrong.append((body + b" ", secret))
    for changed, key in wrong:
        with pytest.raises(BadSignature):
            hooked(name).verify(Hook(changed, headers), key, sent_at(given))


def test_a_secret_is_put_into_its_canonical_form_before_it_signs() -> None:
    given = vector("easypost-nfc-trap")
    headers = {header.lower(): value for header, value in given["headers"].items()}
    with pytest.raises(BadSignature):
        hooked("easypost-published-1").verify(
            Hook(base64.b64decode(given["body_b64"]), headers), given["key_text"], sent_at(given)
        )


def test_every_vector_of_a_carrier_here_is_tried() -> None:
    others = {"standard-webhooks", "twilio", "shopify", "woocommerce", "bigcommerce", "sendgrid"}
    names = {v["id"] for v in json.loads(FILE.read_bytes())["vectors"]}
    mine = {name for name in names if not any(name.startswith(other) for other in others)}
    # UPS's v2 shows a token that we issue to it: tests/portal/test_hooks.py goes that whole way.
    assert mine == {*SENDERS, *HINTS, "easypost-nfc-trap", "ups-track-alert-v2"}


@pytest.mark.parametrize("name", HINTS)
def test_what_proves_the_sender_alone_opens_and_another_secret_does_not(name: str) -> None:
    given = vector(name)
    headers = {header.lower(): value for header, value in given["headers"].items()}
    now = datetime.fromtimestamp(int(given["headers"].get("timestamp", 0)), UTC)
    hooked(name).verify(Hook(b"{}", headers), given["key_text"], now)
    wrong = [(headers, given["key_text"] + "x"), ({k: v + "0" for k, v in headers.items()}, given["key_text"])]
    for changed, key in wrong:
        with pytest.raises(BadSignature):
            hooked(name).verify(Hook(b"{}", changed), key, now)
