"""Carriers' codes that no table of ours explains: the queue of them, and giving one a meaning."""

from portal.refusal import Refusal
from portal.tracking.mapping import decide
from portal.web.answers import Go, View
from portal.web.console.acts import declined
from portal.web.console.codes import chosen_word, code_view, codes
from portal.web.console.fields import form_text
from portal.web.console.frame import frame
from portal.web.console.said import after
from portal.web.console.scope import acting_agent, actor, for_every_brand, reading_agent
from portal.web.edge import Ask, page


@page("GET", "/console/codes", who=reading_agent)
def show_codes(ask: Ask) -> View:
    """How often, since when, and in the carrier's words; `?show=mapped` those that have a meaning now."""
    return View("console/codes.html", {**frame(ask, "codes"), **codes(ask, ask.query.get("show", ""))})


@page("GET", "/console/codes/map", who=reading_agent)
def show_code(ask: Ask) -> View:
    """`?carrier=` and `?code=` name it, `?word=` shows what that meaning would change. Writes nothing."""
    carrier, code = ask.query.get("carrier", ""), ask.query.get("code", "")
    word = chosen_word(ask.query.get("word"))
    try:
        return View("console/code.html", {**frame(ask, "codes"), **code_view(ask, carrier, code, word)})
    except Refusal as refusal:
        return _refused(ask, refusal)


@page("POST", "/console/codes/map", who=acting_agent)
def map_code(ask: Ask) -> View | Go:
    """The meaning whose consequences were shown. A double submit is told as one: the version has moved on."""
    for_every_brand(ask)
    carrier, code = form_text(ask, "carrier", 40), form_text(ask, "code", 300)
    word, version = chosen_word(ask.body.get("word")), form_text(ask, "version", 9)
    try:
        if word is None or not version.isdecimal():
            raise Refusal("no_such_status", 422)
        with ask.tx.begin_nested():
            decide(ask.tx, carrier, code, word, actor(ask.who), ask.now, version=int(version))
    except Refusal as refusal:
        return _refused(ask, refusal)
    return after(ask, "/console/codes?show=mapped" if word else "/console/codes", _told(word), named=code)


def _told(word: str) -> str:
    return "code_mapped" if word else "code_unmapped"


def _refused(ask: Ask, refusal: Refusal) -> View:
    """The page that says why not; another brand's agent learns nothing."""
    if refusal.code == "not_found":
        raise refusal
    return declined(ask, "codes", "/console/codes", refusal)
