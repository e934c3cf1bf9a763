"""Addresses and header words that may go into a mail: anything that could start another header is refused."""

import re
import unicodedata

MAX_DISPLAY_NAME = 78
_MAX_LOCAL = 64
_MAX_ADDRESS = 254
# Unquoted local parts only: quoted ones are legal, unused, and a nest of parser differences.
_LOCAL = re.compile(r"[^\s\x00-\x20\x7f-\xa0\"(),:;<>@\[\]\\]+")
_DOMAIN_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LINE_BREAKERS = frozenset("\u2028\u2029")
# Zero-width characters and direction overrides: they hide or turn round what stands beside them.
_INVISIBLE = frozenset("\u200b\u2060\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean_address(text: str) -> str:
    """An address as SMTP may carry it, its domain in ASCII; empty text for one that no mail can be sent to."""
    local, at, domain = text.strip().rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or local.startswith(".") or local.endswith(".") or ".." in local:
        return ""
    host = _ascii_domain(domain)
    if not host or len(local.encode()) > _MAX_LOCAL or len(local.encode()) + 1 + len(host) > _MAX_ADDRESS:
        return ""
    return f"{local}@{host}"


def _ascii_domain(domain: str) -> str:
    try:
        host = domain.encode("idna").decode().lower()
    except UnicodeError:
        return ""
    labels = host.split(".")
    return host if all(_DOMAIN_LABEL.fullmatch(label) for label in labels) else ""


def breaks_a_header(text: str) -> bool:
    """Whether text holds a control character or a line separator: never let into a header, not even encoded."""
    return any(unicodedata.category(char) == "Cc" or char in _LINE_BREAKERS for char in text)


def display_name(text: str) -> str:
    """At most 78 characters, cut at the end."""
    return text if len(text) <= MAX_DISPLAY_NAME else text[: MAX_DISPLAY_NAME - 1].rstrip() + "…"


def one_line(text: str, longest: int = 120) -> str:
    """Words from outside, fit for one line of a mail: controls, line breaks and direction overrides become spaces."""
    plain = "".join(" " if char in _INVISIBLE or breaks_a_header(char) else char for char in text)
    plain = " ".join(plain.split())
    return plain if len(plain) <= longest else plain[: longest - 1].rstrip() + "…"


def greeting_name(full_name: str) -> str:
    """The first name to greet somebody by; empty text for what does not look like one.

    Shop accounts are opened with names that carry a link, so that the shop's own mail delivers it: such a name is
    not repeated.
    """
    first = one_line(full_name, 60).split(" ")[0] if full_name.strip() else ""
    letters = all(unicodedata.category(char)[0] in "LM" or char in "'’-" for char in first)
    return first if first and letters and len(first) <= 24 and len(full_name) <= 120 else ""
