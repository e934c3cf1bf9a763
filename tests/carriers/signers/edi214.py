from __future__ import annotations

from datetime import datetime

from tests.carriers.clauses import Signer
from tests.carriers.signers import hmac_sha256


def headers(body: bytes, secret: str, now: datetime) -> dict[str, str]:
    stamp = str(int(now.timestamp()))
    return {"x-edi-signature": f"t={stamp},v1={hmac_sha256(stamp.encode() + b'.' + body, secret).hex()}"}


SIGNERS = [Signer(headers, dated=True)]
