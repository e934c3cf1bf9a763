from __future__ import annotations

import base64

from tests.carriers.clauses import Signer
from tests.carriers.signers import hmac_sha256

SIGNERS = [
    Signer(lambda body, secret, now: {"fdx-signature": hmac_sha256(body, secret).hex()}),
    Signer(lambda body, secret, now: {"fdx-signature": base64.b64encode(hmac_sha256(body, secret)).decode()}),
]
