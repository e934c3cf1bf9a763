"""What was just done, told on the page after the redirect: sealed, so that no link can put words into the console."""

from datetime import timedelta
from typing import Any

from portal.web.answers import Go
from portal.web.console.seal import seal, unseal
from portal.web.console.show import Phrase, phrase
from portal.web.console.words import SAID
from portal.web.edge import Ask

# Long enough for a slow page, short enough that a bookmark tells no old news.
_FRESH = timedelta(minutes=2)


def after(ask: Ask, path: str, code: str, **facts: Any) -> Go:
    """303 to a page of the console, with what to say there."""
    told = seal(ask.app.keys, {"code": code, "facts": facts, "at": int(ask.now.timestamp())}, _place(ask))
    base, _, fragment = path.partition("#")
    return Go(f"{base}{'&' if '?' in base else '?'}said={told}{'#' + fragment if fragment else ''}")


def said(ask: Ask) -> Phrase | None:
    """What `after` left for this page, or None."""
    told = unseal(ask.app.keys, ask.query.get("said"), _place(ask))
    if told is None or ask.now.timestamp() - told["at"] > _FRESH.total_seconds():
        return None
    return phrase(SAID, told["code"], told["facts"])


def _place(ask: Ask) -> str:
    return f"console:said:{ask.session}"
