"""Webhook signatures: what was sent is compared in constant time, and an empty secret never opens anything."""

from __future__ import annotations

import binascii
import hmac
import re
import unicodedata
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final, Literal

from carriers.errors import BadSignature

Encoding = Literal["hex", "base64"]

TOLERANCE: Final = timedelta(minutes=5)
_STAMPED: Final = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-fA-F]{64})")
_TOKEN: Final = re.compile(r"v1\.([0-9]{1,10})\.([0-9a-f]{64})")


def one_header(headers: Mapping[str, str], name: str) -> str:
    """The value of a header (names in lower case). Several values arrive joined by commas; callers refuse those."""
    value = headers.get(name.lower(), "").strip()
    if not value:
        raise BadSignature(f"header {name} is missing")
    return value


def secret_bytes(secret: str, *, nfkd: bool = False) -> bytes:
    """The key as bytes. Raises BadSignature for an empty one: HMAC would accept it and so would everybody."""
    if not secret.strip():
        raise BadSignature("no webhook secret is set")
    return (unicodedata.normalize("NFKD", secret) if nfkd else secret).encode()


def same(given: str, wanted: str) -> bool:
    """Equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def check_hmac(
    given: str,
    secret: str,
    signed: bytes,
    *,
    prefix: str = "",
    encodings: tuple[Encoding, ...] = ("hex",),
    nfkd: bool = False,
) -> None:
    """Raises BadSignature unless `given` is `prefix` + HMAC-SHA256 of `signed`, in one of the encodings.

    A comma means that the header came more than once: refused, because it is not said which one counts.
    """
    digest = hmac.new(secret_bytes(secret, nfkd=nfkd), signed, sha256).digest()
    if "," in given:
        raise BadSignature("several signatures")
    if not given.startswith(prefix):
        raise BadSignature(f"the signature does not start with {prefix}")
    value = given.removeprefix(prefix)
    wanted = {"hex": digest.hex(), "base64": b64encode(digest).decode()}
    # no short cut: every encoding is compared
    if not any([same(value.lower() if encoding == "hex" else value, wanted[encoding]) for encoding in encodings]):
        raise BadSignature("the signature does not match")


def check_stamped(given: str, secret: str, body: bytes, now: datetime) -> None:
    """`t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`. Raises BadSignature, also when `t` is over TOLERANCE off."""
    found = _STAMPED.fullmatch(given)
    if not found:
        raise BadSignature("the signature is not of the form t=...,v1=...")
    check_hmac(found[2], secret, found[1].encode() + b"." + body)
    if abs(now - datetime.fromtimestamp(int(found[1]), UTC)) > TOLERANCE:
        raise BadSignature("the signature is older than five minutes, or the clocks differ")


def check_shared_text(given: str, secret: str) -> None:
    """Raises BadSignature unless the header repeats the agreed text. Proves little: the body is not covered."""
    secret_bytes(secret)
    if not same(given, secret):
        raise BadSignature("the shared text does not match")


def check_basic(given: str, secret: str) -> str:
    """The user name of an `Authorization: Basic` whose password is the secret. Raises BadSignature."""
    secret_bytes(secret)
    scheme, _, coded = given.partition(" ")
    try:
        name, colon, password = b64decode(coded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise BadSignature("the login cannot be read") from None
    if scheme.lower() != "basic" or not colon or not same(password, secret):
        raise BadSignature("the login does not match")
    return name


def hook_token(secret: str, holder: str, until: datetime) -> str:
    """A bearer token that proves itself: nobody has to remember it, and a changed secret ends it.

    `holder` is whom it was given to; it is signed, not spelt out. Raises BadSignature for an empty secret.
    """
    seconds = int(until.timestamp())
    return f"v1.{seconds}.{_token_seal(secret, holder, seconds)}"


def check_hook_token(given: str, secret: str, holder: str, now: datetime, longest: timedelta) -> None:
    """Raises BadSignature unless it is one of ours for this holder, and its end lies within `longest` from now."""
    found = _TOKEN.fullmatch(given)
    if not found or not same(found[2], _token_seal(secret, holder, int(found[1]))):
        raise BadSignature("the bearer token is not ours")
    if not now <= datetime.fromtimestamp(int(found[1]), UTC) <= now + longest:
        raise BadSignature("the bearer token has expired")


def _token_seal(secret: str, holder: str, seconds: int) -> str:
    # The first line keeps a seal from ever being a signature over something else with the same secret.
    signed = f"hook token\n{seconds}\n{holder}".encode("utf-8", "replace")
    return hmac.new(secret_bytes(secret), signed, sha256).hexdigest()
