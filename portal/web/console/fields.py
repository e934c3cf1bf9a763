"""Single fields out of an agent's form: short texts, and the key that makes a double submit one act."""

import re

from portal.keys import new_token
from portal.refusal import Refusal
from portal.web.edge import Ask
from returns.money import MoneyError, parse

_DECIMAL_COMMA = re.compile(r"[0-9]+,[0-9]{1,2}")
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


def form_amount(ask: Ask, currency: str) -> int:
    """The field `amount` in minor units, or Refusal nothing_to_refund."""
    try:
        return typed_amount(form_text(ask, "amount", 40), currency)
    except MoneyError:
        raise Refusal("nothing_to_refund", 422) from None


def typed_amount(text: str, currency: str) -> int:
    """Minor units of an amount as people type it, with a decimal point or comma. Raises MoneyError.

    "1,000" may be a thousand: a comma with three digits after it is refused rather than guessed.
    """
    text = text.strip()
    return parse(text.replace(",", ".") if _DECIMAL_COMMA.fullmatch(text) else text, currency).minor


def form_text(ask: Ask, name: str, longest: int) -> str:
    """A text field without surrounding space, cut at `longest`; empty when it is missing or sent twice.

    A line end counts once, as in the browser, which sends two characters for it.
    """
    value = ask.body.get(name, "")
    return value.replace("\r\n", "\n").strip()[:longest] if isinstance(value, str) else ""
