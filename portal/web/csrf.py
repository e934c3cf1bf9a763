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
    return bool(origin != "null" and urlsplit(origin).hostname == host_name(headers.get("host", "")))


def token_matches(given: object, expected: str) -> bool:
    """Constant-time comparison; anything that is not text never matches."""
    return isinstance(given, str) and hmac.compare_digest(given.encode(), expected.encode())
