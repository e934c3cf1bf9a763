from __future__ import annotations

from datetime import datetime

from tests.carriers.clauses import Signer
from tests.carriers.signers import hmac_sha256


def headers(secret: str, now: datetime) -> dict[str, str]:
    stamp = str(int(now.timestamp()))
    return {"signature": hmac_sha256(stamp.encode(), secret).hex(), "timestamp": stamp}


SIGNERS = [Signer(lambda body, secret, now: headers(secret, now))]
