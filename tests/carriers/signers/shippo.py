from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from tests.carriers.clauses import Signer
from tests.carriers.signers import hmac_sha256


def _headers(body: bytes, secret: str, now: datetime) -> Mapping[str, str]:
    stamp = str(int(now.timestamp()))
    return {"shippo-auth-signature": f"t={stamp},v1={hmac_sha256(stamp.encode() + b'.' + body, secret).hex()}"}


SIGNERS = [Signer(_headers, dated=True)]
