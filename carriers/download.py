"""Fetching what an answer only points to: a label, a code for the counter, customs papers."""

from __future__ import annotations

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


def format_of(body: bytes) -> str:
    """ "pdf", "png", "gif" or "zpl" by the first bytes; empty for anything else."""
    return next((kind for magic, kind in _MAGIC.items() if body.startswith(magic)), "")
