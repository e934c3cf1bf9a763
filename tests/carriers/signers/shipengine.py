from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime
from functools import cache

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.carriers.clauses import Signer

KID = "kid-1"


@cache
def private_key(name: str) -> RSAPrivateKey:
    """One key a name, as long as the tests run."""
    return generate_private_key(65537, 2048)


def jwks(name: str, kid: str = KID) -> str:
    """The public half, as ShipEngine shows it."""
    numbers = private_key(name).public_key().public_numbers()
    key = {"kty": "RSA", "kid": kid, "alg": "RS256", "use": "sig", "n": _coded(numbers.n), "e": _coded(numbers.e)}
    return json.dumps({"keys": [key]})


def pem(name: str) -> str:
    public = private_key(name).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def signed(body: bytes, name: str, stamp: str, kid: str = KID) -> Mapping[str, str]:
    signature = private_key(name).sign(stamp.encode() + b"." + body, PKCS1v15(), SHA256())
    return {
        "x-shipengine-rsa-sha256-signature": b64encode(signature).decode(),
        "x-shipengine-rsa-sha256-key-id": kid,
        "x-shipengine-timestamp": stamp,
    }


def _coded(number: int) -> str:
    return urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8)).rstrip(b"=").decode()


def _headers(body: bytes, secret: str, now: datetime) -> Mapping[str, str]:
    names = {jwks("theirs"): "theirs", pem("theirs"): "theirs"}
    return signed(body, names.get(secret, "others"), now.strftime("%Y-%m-%dT%H:%M:%SZ"))


SIGNERS = [
    Signer(_headers, dated=True, secret=jwks("theirs"), other=jwks("others")),
    Signer(_headers, dated=True, secret=pem("theirs"), other=pem("others")),
]
