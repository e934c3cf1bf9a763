from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta

from tests.carriers.clauses import Signer


def bearer(body: bytes, secret: str, now: datetime) -> Mapping[str, str]:
    """A token as we issue it to UPS, and the client that it was issued to."""
    seconds = int((now + timedelta(minutes=30)).timestamp())
    seal = hmac.digest(secret.encode(), f"hook token\n{seconds}\nups-client".encode(), "sha256").hex()
    return {"authorization": f"Bearer v1.{seconds}.{seal}", "x-api-key": "ups-client"}


SIGNERS = [Signer(lambda body, secret, now: {"credential": secret}), Signer(bearer)]
