"""How order numbers, e-mail addresses and postcodes are compared: one normal form each, for imports and for lookups."""

import re
import unicodedata

import idna

# Longer than any number, address or postcode that a shop prints; what is longer can match nothing.
LONGEST = 254
_ZIP_PLUS_FOUR = re.compile(r"[0-9]{9}")


def number_key(text: str) -> str:
    """An order number in capitals, without spaces, '#', dashes and full-width forms: "# j-１００１" is "J1001".

    A number made of signs alone keeps them, so that it still equals itself. Empty text for nothing, or too much.
    """
    folded = _folded(text).upper()
    return "".join(c for c in folded if c.isalnum()) or "".join(folded.split())


def email_key(text: str) -> str:
    """An address trimmed, in lower case, its domain in ASCII (IDNA). Empty text for what is no address."""
    local, at, domain = _folded(text).strip().rpartition("@")
    ascii_domain = _ascii(domain.rstrip("."))
    if not at or not local or not ascii_domain or any(c.isspace() for c in local):
        return ""
    return f"{local}@{ascii_domain}"


def postcode_key(text: str) -> str:
    """A postcode in capitals, letters and digits only; a nine-digit ZIP counts by its first five."""
    plain = "".join(c for c in _folded(text).upper() if c.isalnum())
    return plain[:5] if _ZIP_PLUS_FOUR.fullmatch(plain) else plain


def _folded(text: str) -> str:
    """NFKC and case folding, twice: folding can undo the normal form and the normal form can undo folding."""
    if len(text) > LONGEST:
        return ""
    for _ in range(2):
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return text


def _ascii(domain: str) -> str:
    if domain.isascii():
        return domain if domain and not any(c.isspace() or c == "@" for c in domain) else ""
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return ""
