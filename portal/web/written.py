"""What an agent wrote into a form that was not taken: given back, so that no word is lost."""

from collections.abc import Mapping
from typing import Any

_FIELDS: Mapping[str, str] = {
    "body": "Note",
    "reason": "Reason",
    "comment": "What the shopper said",
    "amount": "Amount",
    "text": "In your words",
}


def written(body: Mapping[str, Any]) -> list[dict[str, str]]:
    """Name, label and text of every field of a form that people write into and that is not empty."""
    found = ((name, words, body.get(name)) for name, words in _FIELDS.items())
    return [
        {"name": name, "words": words, "text": text.strip()}
        for name, words, text in found
        if isinstance(text, str) and text.strip()
    ]
