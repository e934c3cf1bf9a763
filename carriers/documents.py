"""What a document is and how large, from its bytes: labels arrive as PDF, pictures or printer code."""

from __future__ import annotations

import io
import logging
import re
from base64 import b64decode
from dataclasses import dataclass
from typing import Final

MAX_BYTES: Final = 20 * 1024 * 1024
_POINTS_PER_MM: Final = 72 / 25.4
_MAGIC: Final = {b"%PDF": "pdf", b"\x89PNG": "png", b"GIF8": "gif", b"\xff\xd8\xff": "jpg", b"^XA": "zpl"}
# Width and length of a ZPL label, in dots of its printer.
_ZPL: Final = re.compile(rb"\^(PW|LL)\s*([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Measure:
    """`pixels` of a picture, or a printer's dots for ZPL; `millimetres` of a PDF's first page. None if unknown."""

    format: str
    pixels: tuple[int, int] | None = None
    millimetres: tuple[int, int] | None = None


def measured(body: bytes) -> Measure:
    """Never raises: what is damaged has a format and no size, what is not recognised the format ""."""
    kind = next((kind for magic, kind in _MAGIC.items() if body.lstrip().startswith(magic)), "")
    if len(body) > MAX_BYTES:
        return Measure(kind)
    if kind in {"png", "gif", "jpg"}:
        return Measure(kind, pixels=_picture(body))
    if kind == "pdf":
        return Measure(kind, millimetres=_page(body))
    return Measure(kind, pixels=_dots(body)) if kind == "zpl" else Measure(kind)


def unpacked(content: object) -> bytes:
    """A document as carriers put it into JSON, base64 with or without its padding; empty where none can be opened.

    Never raises: a label that is bought must not be lost to a code or an invoice beside it. What broke off within its
    last three bytes is given without them.
    """
    if not isinstance(content, str):
        return b""
    whole = content.strip().rstrip("=")
    whole = whole[:-1] if len(whole) % 4 == 1 else whole
    try:
        body = b64decode(whole + "=" * (-len(whole) % 4), validate=True)
    except ValueError:
        return b""
    return body if any(body.lstrip().startswith(magic) for magic in _MAGIC) else b""


def _picture(body: bytes) -> tuple[int, int] | None:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(body)) as picture:  # reads the header alone
            return picture.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _page(body: bytes) -> tuple[int, int] | None:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it tells the terminal of every flaw that it reads past
    try:
        box = PdfReader(io.BytesIO(body)).pages[0].mediabox
        return round(float(box.width) / _POINTS_PER_MM), round(float(box.height) / _POINTS_PER_MM)
    # A damaged file makes the reader fail in its own classes and in Python's.
    except (PyPdfError, LookupError, ValueError, TypeError, AttributeError, RecursionError, OverflowError):
        return None


def _dots(body: bytes) -> tuple[int, int] | None:
    found = {name: int(dots) for name, dots in _ZPL.findall(body)}
    return (found[b"PW"], found[b"LL"]) if len(found) == 2 else None
