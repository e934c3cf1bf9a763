from __future__ import annotations

from tests.carriers.clauses import Signer

SIGNERS = [Signer(lambda body, secret, now: {"doorstep-token": secret})]
