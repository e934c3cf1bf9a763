"""What a page may answer with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Cookie:
    """One cookie to set, HttpOnly and SameSite=Lax always; `max_age` 0 deletes it."""

    name: str
    value: str
    max_age: int
    path: str = "/"


@dataclass(frozen=True, slots=True)
class View:
    """A page: a template below templates/ and the prepared values it shows."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    cookies: tuple[Cookie, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Go:
    """303 to a path of our own."""

    to: str
    cookies: tuple[Cookie, ...] = ()


@dataclass(frozen=True, slots=True)
class Data:
    """JSON."""

    values: Any
    status: int = 200


@dataclass(frozen=True, slots=True)
class Blob:
    """A file, always sent with nosniff; `inline` only for what a browser shows by itself (PDF).

    `packed` is the gzip form, sent to those who take it.
    """

    body: bytes
    media_type: str
    filename: str = ""
    inline: bool = False
    max_age: int = 0  # seconds a shared cache may keep it; 0: private, no-store
    packed: bytes = b""


class SignIn(Exception):
    """Nobody is known here yet: off to a page that can change that, or `view`, that page itself."""

    def __init__(self, to: str, view: View | None = None) -> None:
        super().__init__(to)
        self.to = to
        self.view = view


Result = View | Go | Data | Blob
