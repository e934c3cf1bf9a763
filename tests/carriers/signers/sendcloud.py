from __future__ import annotations

from tests.carriers.clauses import Signer
from tests.carriers.signers import hmac_sha256

SIGNERS = [
    Signer(lambda body, secret, now: {"sendcloud-signature": hmac_sha256(body, secret).hex()}),
]
