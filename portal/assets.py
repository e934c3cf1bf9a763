"""Static files, held in memory under a name that holds a hash of their content."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from portal.settings import root

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".ico": "image/x-icon",
}
YEAR = 31_536_000
# A name without a hash (a bookmark, a page from before an upgrade) may be a few minutes old, never wrong for long.
SHORT = 300
_HASH = re.compile(r"-[0-9a-f]{10}(?=\.[a-z0-9]+$)")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: `hashed` is its name for pages, `packed` its gzip form, empty where that saves nothing."""

    body: bytes
    packed: bytes
    media_type: str
    hashed: str


class Assets:
    """Every file below `folder` with a known type, read once. Changing a file needs a restart, as code does."""

    def __init__(self, folder: Path) -> None:
        self._by_name = {
            path.relative_to(folder).as_posix(): _read(path, path.relative_to(folder).as_posix())
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix in TYPES
        }

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def url(self, name: str) -> str:
        """The path that pages use: "fonts/jost.woff2" is "/static/fonts/jost-0123456789.woff2". Raises KeyError."""
        return f"/static/{self._by_name[name].hashed}"

    def find(self, path: str) -> tuple[Asset, int] | None:
        """The file behind the end of a /static/ path, and how long it may be kept: a year when the hash is right."""
        plain = _HASH.sub("", path)
        asset = self._by_name.get(plain)
        return None if asset is None else (asset, YEAR if asset.hashed == path else SHORT)

    def text(self, name: str) -> str:
        """A text file's content. Raises KeyError."""
        return self._by_name[name].body.decode()


@cache
def assets() -> Assets:
    """The files of static/."""
    return Assets(root() / "static")


def content_hash(body: bytes) -> str:
    """Ten hex digits: long enough to name one content among the few that ever were."""
    return sha256(body).hexdigest()[:10]


def packed(body: bytes) -> bytes:
    """The gzip form with a fixed time stamp, or nothing where it saves too little."""
    small = gzip.compress(body, 9, mtime=0)
    return small if len(small) < len(body) * 0.9 else b""


def _read(path: Path, name: str) -> Asset:
    body = path.read_bytes()
    stem = name.removesuffix(path.suffix)
    small = b"" if path.suffix == ".woff2" else packed(body)
    return Asset(body, small, TYPES[path.suffix], f"{stem}-{content_hash(body)}{path.suffix}")
