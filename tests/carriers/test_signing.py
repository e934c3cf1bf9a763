"""Signatures: published vectors, and the ways around a check that must not work."""

from __future__ import annotations

import hmac
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carriers.errors import BadSignature
from carriers.signing import (
    check_basic,
    check_hmac,
    check_hook_token,
    check_shared_text,
    check_stamped,
    hook_token,
    one_header,
    same,
)

# RFC 4231, test case 2.
KEY, DATA = "Jefe", b"what do ya want for nothing?"
HEX = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
BASE64 = b64encode(bytes.fromhex(HEX)).decode()


def test_the_vector_of_the_rfc_opens_in_each_encoding() -> None:
    check_hmac(HEX, KEY, DATA)
    check_hmac(HEX.upper(), KEY, DATA)
    check_hmac(BASE64, KEY, DATA, encodings=("base64",))
    check_hmac(HEX, KEY, DATA, encodings=("hex", "base64"))
    check_hmac(BASE64, KEY, DATA, encodings=("hex", "base64"))
    check_hmac(f"sha256={HEX}", KEY, DATA, prefix="sha256=")


@pytest.mark.parametrize(
    "given_value",
    ["", HEX[:-1], HEX + "0", HEX[:-1] + "4", f"{HEX}, {HEX}", f"{HEX},{HEX}", BASE64, f" {HEX}", "é" * 64, "\ud800"],
)
def test_anything_else_does_not(given_value: str) -> None:
    with pytest.raises(BadSignature):
        check_hmac(given_value, KEY, DATA)


def test_several_values_are_named_as_the_reason() -> None:
    with pytest.raises(BadSignature, match="several"):
        check_hmac(f"{HEX}, {HEX}", KEY, DATA)


def test_the_prefix_is_required() -> None:
    with pytest.raises(BadSignature, match="sha256="):
        check_hmac(HEX, KEY, DATA, prefix="sha256=")


@pytest.mark.parametrize("secret", ["", " ", "\n"])
def test_an_empty_secret_opens_nothing(secret: str) -> None:
    forged = hmac.new(secret.encode(), DATA, sha256).hexdigest()
    with pytest.raises(BadSignature, match="secret"):
        check_hmac(forged, secret, DATA)
    with pytest.raises(BadSignature, match="secret"):
        check_shared_text(secret, secret)


def test_a_secret_is_decomposed_only_where_the_carrier_does() -> None:
    composed = "s\u00e9cret"
    decomposed = hmac.new("se\u0301cret".encode(), DATA, sha256).hexdigest()
    check_hmac(decomposed, composed, DATA, nfkd=True)
    with pytest.raises(BadSignature):
        check_hmac(decomposed, composed, DATA)


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_a_signature_opens_its_own_body_alone(body: bytes, other: bytes) -> None:
    signature = hmac.new(b"key", body, sha256).hexdigest()
    check_hmac(signature, "key", body)
    if other != body:
        with pytest.raises(BadSignature):
            check_hmac(signature, "key", other)


def test_a_missing_header_is_named() -> None:
    assert one_header({"x-sig": " a "}, "X-Sig") == "a"
    with pytest.raises(BadSignature, match="X-Sig"):
        one_header({}, "X-Sig")
    with pytest.raises(BadSignature, match="X-Sig"):
        one_header({"x-sig": " "}, "X-Sig")


def test_shared_texts_are_compared_whole() -> None:
    check_shared_text("opaque", "opaque")
    for wrong in ("", "opaqu", "opaque ", "OPAQUE"):
        with pytest.raises(BadSignature):
            check_shared_text(wrong, "opaque")
    assert same("ä", "ä")


NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def basic(text: str) -> str:
    return "Basic " + b64encode(text.encode()).decode()


def test_a_login_gives_its_name_where_the_password_is_the_secret() -> None:
    assert check_basic(basic("someone:agreed"), "agreed") == "someone"
    assert check_basic(basic(":agreed"), "agreed") == ""
    assert check_basic(basic("a:with:colons"), "with:colons") == "a"


@pytest.mark.parametrize(
    ("given_value", "secret"),
    [
        ("", "agreed"),
        (basic("someone:guessed"), "agreed"),
        (basic("agreed"), "agreed"),
        (basic("someone:"), ""),
        ("Basic ***", "agreed"),
        ("Basic " + b64encode(b"\xff:agreed").decode(), "agreed"),
        (basic("someone:agreed").replace("Basic", "Bearer"), "agreed"),
        (f"{basic('a:agreed')}, {basic('a:agreed')}", "agreed"),
    ],
)
def test_any_other_login_does_not(given_value: str, secret: str) -> None:
    with pytest.raises(BadSignature):
        check_basic(given_value, secret)


def test_a_hook_token_opens_for_its_holder_until_its_end() -> None:
    token = hook_token("secret", "someone", NOW + HOUR)
    check_hook_token(token, "secret", "someone", NOW, HOUR)
    check_hook_token(token, "secret", "someone", NOW + HOUR, HOUR)


@pytest.mark.parametrize(
    ("secret", "holder", "now", "broken"),
    [
        ("other", "someone", NOW, ""),
        ("secret", "another", NOW, ""),
        ("secret", "someone", NOW + HOUR + timedelta(seconds=1), ""),
        ("secret", "someone", NOW - timedelta(seconds=1), ""),  # an end further away than we ever give
        ("secret", "someone", NOW, "x"),
        ("", "someone", NOW, ""),
    ],
)
def test_a_hook_token_opens_nothing_else(secret: str, holder: str, now: datetime, broken: str) -> None:
    token = hook_token("secret", "someone", NOW + HOUR) + broken
    with pytest.raises(BadSignature):
        check_hook_token(token, secret, holder, now, HOUR)


def test_the_end_of_a_hook_token_cannot_be_moved() -> None:
    version, seconds, seal = hook_token("secret", "someone", NOW).split(".")
    moved = f"{version}.{int(seconds) + 60}.{seal}"
    with pytest.raises(BadSignature):
        check_hook_token(moved, "secret", "someone", NOW, HOUR)


def test_without_a_secret_there_is_no_hook_token() -> None:
    with pytest.raises(BadSignature):
        hook_token(" ", "someone", NOW)


def stamped(seconds: float, body: bytes = b"body") -> str:
    stamp = str(int((NOW + timedelta(seconds=seconds)).timestamp()))
    return f"t={stamp},v1={hmac.new(b'secret', stamp.encode() + b'.' + body, sha256).hexdigest()}"


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_a_stamped_signature_opens_within_five_minutes_of_its_time(seconds: int) -> None:
    check_stamped(stamped(seconds), "secret", b"body", NOW)


@pytest.mark.parametrize(
    ("given_value", "body", "reason"),
    [
        (stamped(-301), b"body", "older than five minutes"),
        (stamped(301), b"body", "clocks differ"),
        (stamped(0), b"Body", "does not match"),
        (stamped(0).replace("t=1", "t=2"), b"body", "does not match"),
        (f"{stamped(0)}, {stamped(0)}", b"body", "form"),
        (stamped(0).removeprefix("t="), b"body", "form"),
        ("", b"body", "form"),
    ],
)
def test_any_other_stamped_signature_opens_nothing(given_value: str, body: bytes, reason: str) -> None:
    with pytest.raises(BadSignature, match=reason):
        check_stamped(given_value, "secret", body, NOW)
