"""Signatures: published vectors, and the ways around a check that must not work."""

from __future__ import annotations

import hmac
from base64 import b64encode
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carriers.errors import BadSignature
from carriers.signing import check_hmac, check_shared_text, one_header, same

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
