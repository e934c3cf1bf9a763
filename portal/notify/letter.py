"""Writes a mail: three templates of its event become subject, plain text and HTML with the CSS inlined."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import css_inline
from jinja2 import Environment
from markupsafe import Markup

from portal.notify.events import Event
from portal.notify.look import Look, look_of
from portal.notify.mailbox import one_line
from portal.speech.languages import direction
from portal.tables import Brand

WIDTH = 72
_BLANK_LINES = re.compile(r"\n{3,}")
_SIGNATURE = "-- "


@dataclass(frozen=True, slots=True)
class Letter:
    """What a person gets to read."""

    subject: str
    text: str
    html: str


def write_letter(pages: Environment, event: Event, brand: Brand, values: Mapping[str, Any]) -> Letter:
    """Renders an event's templates. `values` as of portal.notify.view; `pages` is the environment of all templates."""
    look = look_of(brand)
    plain = _plain(pages)
    folder = f"mail/{event.folder}"
    common = {
        **values,
        "look": look,
        "dir": direction(values["lang"]),
    }
    subject = one_line(plain.get_template(f"{folder}/subject.txt").render(common), 150)
    text = wrap(plain.get_template(f"{folder}/body.txt").render(common, subject=subject))
    sheets = {name: _style(plain, name, look) for name in ("style", "kept_style")}
    html = pages.get_template(f"{folder}/body.html").render(common, subject=subject, **sheets)
    return Letter(subject, text, _inliner().inline(html))


def wrap(text: str) -> str:
    """Plain text at 72 columns; addresses stay whole, list items hang, blank lines never come in heaps."""
    lines: list[str] = []
    for line in text.splitlines():
        bare = line.rstrip()
        if line == _SIGNATURE:
            lines.append(line)
        elif len(bare) <= WIDTH:
            lines.append(bare)
        else:
            hang = "  " if bare.startswith("* ") else ""
            lines += textwrap.wrap(bare, WIDTH, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False)
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip("\n") + "\n"


_plain_of: WeakKeyDictionary[Environment, Environment] = WeakKeyDictionary()


def _plain(pages: Environment) -> Environment:
    """The same templates for text: nothing is escaped, because nothing is markup."""
    found = _plain_of.get(pages)
    if found is None:
        found = _plain_of[pages] = pages.overlay(autoescape=False)
    return found


@lru_cache(512)
def _style(plain: Environment, name: str, look: Look) -> Markup:
    """CSS made of solved colours, numbers and font lists of ours alone: nothing in it comes from a request."""
    return Markup(plain.get_template(f"mail/{name}.css").render(look=look, c=look.c, dark=look.dark))  # noqa: S704


@lru_cache(1)
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(load_remote_stylesheets=False)
