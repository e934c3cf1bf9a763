from __future__ import annotations

from tests.carriers.clauses import Signer

SIGNERS = [Signer(lambda body, secret, now: {"authorization": f"Bearer {secret}"})]
