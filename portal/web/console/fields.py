"""Single fields out of an agent's form: short texts, and the key that makes a double submit one act."""

import re

from portal.keys import new_token
from portal.refusal import Refusal
from portal.web.edge import Ask

_KEY = re.compile(r"[A-Za-z0-9_-]{22}")


def new_key() -> str:
    """One per form shown."""
    return new_token()[:22]


def form_key(ask: Ask) -> str:
    """The key that the form was shown with, or Refusal stale_form."""
    key = form_text(ask, "key", 40)
    if not _KEY.fullmatch(key):
        raise Refusal("stale_form", 403)
    return key


def form_text(ask: Ask, name: str, longest: int) -> str:
    """A text field without surrounding space, cut at `longest`; empty when it is missing or sent twice."""
    value = ask.body.get(name, "")
    return value.strip()[:longest] if isinstance(value, str) else ""
