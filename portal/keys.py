"""Everything made from the secret key: encryption of secrets at rest, hashes of tokens, CSRF tokens."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


class CannotDecrypt(Exception):
    """The stored secret was written with another key, or for another row."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Derives one key per purpose, so that no two uses share one."""

    root: bytes

    def __repr__(self) -> str:
        return "Keys(…)"

    def _derive(self, purpose: str) -> bytes:
        return hmac.new(self.root, purpose.encode(), hashlib.sha256).digest()

    def seal(self, values: dict[str, str], place: str) -> bytes:
        """AES-256-GCM; `place` (table, row, column) is bound in, so a ciphertext moved to another row does not open."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        box = AESGCM(self._derive("secrets"))
        return nonce + box.encrypt(nonce, orjson.dumps(values), place.encode())

    def open(self, sealed: bytes, place: str) -> dict[str, str]:
        """The inverse of `seal`; empty bytes are an empty dict. Raises CannotDecrypt."""
        if not sealed:
            return {}
        box = AESGCM(self._derive("secrets"))
        try:
            plain = box.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place.encode())
        except InvalidTag:
            raise CannotDecrypt(place) from None
        values: dict[str, str] = orjson.loads(plain)
        return values

    def csrf(self, session: str) -> str:
        """The form token that belongs to a session cookie (or to no session: the empty text)."""
        return hmac.new(self._derive("csrf"), session.encode(), hashlib.sha256).hexdigest()[:40]

    def blind(self, purpose: str, text: str) -> str:
        """A keyed hash, for counting tries by address or order without storing either."""
        return hmac.new(self._derive(purpose), text.encode(), hashlib.sha256).hexdigest()[:40]


def new_token() -> str:
    """256 random bits for a link or a session, 43 characters."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What is stored of a token. Tokens are random, so a plain SHA-256 cannot be guessed back."""
    return hashlib.sha256(token.encode()).hexdigest()
