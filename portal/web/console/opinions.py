"""Why a return is allowed, reviewed or refused, in words: the opinions of the rules as they were stored."""

from typing import Any

from portal.web.console.show import Show, phrase
from portal.web.console.words import OPINIONS, VERDICTS


def opinions_of(show: Show, entries: list[dict[str, Any]], currency: str) -> list[dict[str, Any]]:
    """Stored entries, one per item, as {"title", "verdict", "lines": [{"words": Phrase, "verdict": ...}]}."""
    return [
        {
            "title": str(entry.get("title", "")),
            "verdict": verdict_of(str(entry.get("verdict", ""))),
            "lines": opinion_lines(show, entry.get("opinions") or [], currency),
        }
        for entry in entries
    ]


def opinion_lines(show: Show, opinions: list[dict[str, Any]], currency: str) -> list[dict[str, Any]]:
    """Each rule's opinion as a sentence with its verdict."""
    return [
        {
            "words": phrase(OPINIONS, str(opinion.get("code", "")), show.facts(opinion.get("facts") or {}, currency)),
            "verdict": verdict_of(str(opinion.get("verdict", ""))),
        }
        for opinion in opinions
    ]


def verdict_of(word: str) -> dict[str, str]:
    """The words, tone and drawing of a verdict; one that is none of ours means that a person decides."""
    words, tone, icon = VERDICTS.get(word, VERDICTS["review"])
    return {"words": words, "tone": tone, "icon": icon}
