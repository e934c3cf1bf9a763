from __future__ import annotations

from hashlib import sha256

from tests.carriers.clauses import Signer

SIGNERS = [Signer(lambda body, secret, now: {"sign": sha256(body + b"/" + secret.encode()).hexdigest()})]
