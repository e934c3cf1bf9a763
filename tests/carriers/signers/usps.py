from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime

from tests.carriers.clauses import Signer
from tests.carriers.signers import hmac_sha256


def x_hmac(body: bytes, secret: str, now: datetime) -> Mapping[str, str]:
    """Over timestamp and payload as texts; over what a body without them would be, for bodies that are no push."""
    try:
        event = json.loads(body)
        signed = (event["timestamp"] + event["payload"]).encode()
    except (KeyError, TypeError, ValueError):
        signed = body
    return {"x-hmac": base64.b64encode(hmac_sha256(signed, secret)).decode()}


SIGNERS = [Signer(x_hmac)]
