"""Talking to whoever runs a command: results on stdout, everything else on stderr, one line per fault."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from portal.app import App
    from portal.tables import Brand

WRONG, USAGE, NOT_UNDERSTOOD = 1, 2, 3
# Larger exports are parted by the shop; more would only be held in memory.
MAX_FILE = 512 * 1024 * 1024


class Stop(Exception):
    """The command ends here, with lines for stderr and an exit code."""

    def __init__(self, *lines: str, code: int = WRONG) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
        self.code = code


def say(text: str = "") -> None:
    """A result, on stdout."""
    sys.stdout.write(text + "\n")


def tell(text: str) -> None:
    """A remark, on stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def usage(text: str) -> NoReturn:
    """Ends the command because it was called wrongly."""
    raise Stop(text, code=USAGE)


@contextmanager
def opened() -> Iterator[App]:
    """The bundle over the configured, migrated database; closed at the end."""
    from portal import migrate
    from portal.app import build
    from portal.db import PATIENT_SECONDS
    from portal.settings import load

    settings = load()
    app = build(settings, busy_seconds=PATIENT_SECONDS)
    try:
        current = migrate.current(app.db)
        if current != migrate.head():
            state = "empty" if current is None else "older or newer than this program"
            raise Stop(f"the database is {state}; run: doorstep migrate")
        yield app
    finally:
        app.db.close()


def brand_named(app: App, slug: str) -> Brand:
    """The brand with this slug, or the end of the command with the slugs there are."""
    brands = app.brands.all()
    found = next((brand for brand in brands if brand.slug == slug), None)
    if found is None:
        known = ", ".join(brand.slug for brand in brands) or "none yet; see doorstep brand add --help"
        usage(f"there is no brand {slug!r}; known: {known}")
    return found


def read_file(path: str) -> bytes:
    """The bytes of a file, or of stdin for "-"."""
    try:
        if path == "-":
            body = sys.stdin.buffer.read(MAX_FILE + 1)
        else:
            with Path(path).open("rb") as file:
                body = file.read(MAX_FILE + 1)
    except OSError as error:
        raise Stop(f"{path} cannot be read: {error.strerror or error}", code=USAGE) from None
    if len(body) > MAX_FILE:
        raise Stop(f"{path} is larger than {MAX_FILE // 1024 // 1024} MB; part it and import the parts")
    return body


class Progress:
    """How far long work is: one line rewritten on a terminal, a line every few seconds elsewhere."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._is_terminal = sys.stderr.isatty()
        self._every = 0.2 if self._is_terminal else 5.0
        self._told_at = time.monotonic()

    def __call__(self, done: int, more: str = "") -> None:
        """`done` so far; `more` is added to the line."""
        if time.monotonic() - self._told_at < self._every:
            return
        self._told_at = time.monotonic()
        line = f"{done} {self._what}{more}"
        sys.stderr.write(f"\r\033[K{line}" if self._is_terminal else f"{line}\n")
        sys.stderr.flush()

    def finish(self) -> None:
        """Clears the line on a terminal."""
        if self._is_terminal:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
