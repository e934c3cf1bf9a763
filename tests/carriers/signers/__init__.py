"""How each carrier signs what it pushes: one module per carrier that does, named by its slug, with SIGNERS."""

from __future__ import annotations

import hmac
from hashlib import sha256
from importlib import import_module

from tests.carriers.clauses import Signer


def signers(slug: str) -> list[Signer]:
    """Every way this carrier signs. A carrier that pushes and has no module here fails its contract test."""
    found: list[Signer] = import_module(f"{__name__}.{slug}").SIGNERS
    return found


def hmac_sha256(body: bytes, secret: str) -> bytes:
    return hmac.new(secret.encode(), body, sha256).digest()
