"""How Your Carrier signs what it pushes, for the contract test."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from tests.carriers.clauses import Signer
from tests.carriers.signers import hmac_sha256


def _headers(body: bytes, secret: str, now: datetime) -> Mapping[str, str]:
    return {"x-signature": hmac_sha256(body, secret).hex()}


SIGNERS = [Signer(_headers)]
