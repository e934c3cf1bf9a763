from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256

from tests.carriers.clauses import Signer


def _headers(body: bytes, secret: str, now: datetime) -> Mapping[str, str]:
    key = unicodedata.normalize("NFKD", secret).encode()
    return {"x-hmac-signature": "hmac-sha256-hex=" + hmac.new(key, body, sha256).hexdigest()}


SIGNERS = [Signer(_headers)]
