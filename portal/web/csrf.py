"""Whether an unsafe request comes from our own page: Fetch Metadata first, Origin next, else the form token decides."""

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from portal.brands import host_name


def is_own_site(headers: Mapping[str, str]) -> bool | None:
    """True or False where the browser says so; None where it says nothing (then only the form token counts)."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = headers.get("origin")
    if origin is None:
        return None
    try:
        named = urlsplit(origin).hostname
    except ValueError:  # "http://[" and the like: no browser sends that
        return False
    return bool(origin != "null" and named == host_name(headers.get("host", "")))


def token_matches(given: object, expected: str) -> bool:
    """Constant-time comparison; anything that is not text never matches."""
    return isinstance(given, str) and hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
