"""Everything made from the secret key: encryption of secrets at rest, hashes of tokens, CSRF tokens."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12
_NAME_BYTES = 4


class CannotDecrypt(Exception):
    """The stored secret was written with a key that is not here, or for another row."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Derives one key per purpose, so that no two uses share one.

    `root` does everything; `further` keys only open what they have sealed, until `doorstep keys rotate` has run.
    """

    root: bytes
    further: tuple[bytes, ...] = ()

    def __repr__(self) -> str:
        return "Keys(…)"

    @property
    def name(self) -> str:
        """What tells this key from others, in eight hex digits that give nothing of it away."""
        return _name(self.root).hex()

    def seal(self, values: dict[str, str], place: str) -> bytes:
        """AES-256-GCM; `place` (table, row, column) is bound in, so a ciphertext moved to another row does not open.

        The ciphertext begins with the key's name, so that it can be told which key is needed without trying.
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        box = AESGCM(_derive(self.root, "secrets"))
        return _name(self.root) + nonce + box.encrypt(nonce, orjson.dumps(values), place.encode())

    def open(self, sealed: bytes, place: str) -> dict[str, str]:
        """The inverse of `seal`; empty bytes are an empty dict. Raises CannotDecrypt."""
        if not sealed:
            return {}
        start = _NAME_BYTES + _NONCE_BYTES
        nonce, ciphertext = sealed[_NAME_BYTES:start], sealed[start:]
        for root in (self.root, *self.further):
            if sealed.startswith(_name(root)):
                try:
                    plain = AESGCM(_derive(root, "secrets")).decrypt(nonce, ciphertext, place.encode())
                except (InvalidTag, ValueError):  # ValueError: cut short
                    continue
                values: dict[str, str] = orjson.loads(plain)
                return values
        raise CannotDecrypt(place)

    def is_newest(self, sealed: bytes) -> bool:
        """Whether `root` sealed it, by the name it begins with. Empty bytes need no key."""
        return not sealed or sealed.startswith(_name(self.root))

    def csrf(self, session: str) -> str:
        """The form token that belongs to a session cookie (or to no session: the empty text)."""
        return hmac.new(_derive(self.root, "csrf"), session.encode(), hashlib.sha256).hexdigest()[:40]

    def blind(self, purpose: str, text: str) -> str:
        """A keyed hash, for counting tries by address or order without storing either."""
        return hmac.new(_derive(self.root, purpose), text.encode(), hashlib.sha256).hexdigest()[:40]


def _derive(root: bytes, purpose: str) -> bytes:
    return hmac.new(root, purpose.encode(), hashlib.sha256).digest()


def _name(root: bytes) -> bytes:
    return _derive(root, "name")[:_NAME_BYTES]


def new_token() -> str:
    """256 random bits for a link or a session, 43 characters."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What is stored of a token. Tokens are random, so a plain SHA-256 cannot be guessed back."""
    return hashlib.sha256(token.encode()).hexdigest()
