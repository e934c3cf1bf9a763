"""The documents of an answer, written into it or only pointed to: a label, a code for the counter, customs papers."""

from __future__ import annotations

from base64 import b64decode
from typing import Final
from urllib.parse import urlsplit

from carriers.errors import BadPayload
from carriers.http import Http

_MAGIC: Final = {b"%PDF": "pdf", b"\x89PNG": "png", b"GIF8": "gif", b"^XA": "zpl"}


def document(http: Http, url: str, what: str) -> bytes:
    """The bytes at a URL of the carrier's choosing, asked for without our credentials: it is often another host.

    Only https, or the scheme and host of the API itself. Raises BadPayload where there is no document, Unavailable and
    RateLimited as every call. `what` names it in messages: "shippo label".
    """
    own, given = urlsplit(http.base), urlsplit(url)
    if given.scheme != "https" and (given.scheme, given.netloc) != (own.scheme, own.netloc):
        raise BadPayload(f"{what}: the document's address is not https")
    reply = http.get(url, public=True, headers={"Accept": "*/*"})
    if reply.status != 200 or not format_of(reply.body):
        raise BadPayload(f"{what}: no document at its address (HTTP {reply.status})")
    return reply.body


def base64_bytes(value: object) -> bytes:
    """A document written as base64 text, in lines or not; empty where it is absent. Raises ValueError for no base64."""
    if value is None:
        return b""
    if not isinstance(value, str):
        raise TypeError(f"base64 text expected, not {type(value).__name__}")
    return b64decode("".join(value.split()), validate=True)


def format_of(body: bytes) -> str:
    """ "pdf", "png", "gif" or "zpl" by the first bytes; empty for anything else."""
    return next((kind for magic, kind in _MAGIC.items() if body.startswith(magic)), "")
