from __future__ import annotations

from base64 import b64encode

from tests.carriers.clauses import Signer
from tests.carriers.signers import hmac_sha256


def _header(body: bytes, secret: str) -> dict[str, str]:
    return {"aftership-hmac-sha256": b64encode(hmac_sha256(body, secret)).decode()}


SIGNERS = [Signer(lambda body, secret, now: _header(body, secret))]
