"""What an agent asks for on a shopper's behalf: fields `q-<line>`, `r-<line>`, `sku-<line>` become a Wanted."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from portal.returning.start import Wanted, WantedItem
from returns.reasons import REASONS

_QUANTITY = re.compile(r"[0-9]{1,4}")
MAX_LINES = 200
NOTHING = Wanted(())


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked, or why it cannot be: `fault` is a key of the console's FAULTS, empty for none."""

    wanted: Wanted = NOTHING
    fault: str = "nothing_chosen"
    raw: Mapping[str, str] = field(default_factory=dict)

    def quantity(self, line: str) -> int:
        """What was chosen for a line, to show it again."""
        text = self.raw.get(f"q-{line}", "")
        return int(text) if _QUANTITY.fullmatch(text) else 0

    def reason(self, line: str) -> str:
        """The reason given for a line, to show it again."""
        return self.raw.get(f"r-{line}", "")

    def fields(self) -> list[tuple[str, str]]:
        """Hidden fields that ask for the same again."""
        items = self.wanted.items
        quantities = [(f"q-{item.line_public_id}", str(item.quantity)) for item in items]
        return [
            *quantities,
            *((f"r-{i.line_public_id}", i.reason) for i in items),
            ("resolution", self.wanted.resolution),
        ]


def wanted_of(given: Mapping[str, Any]) -> Wish:
    """Reads a query or a form body. Lines with quantity 0 are not asked for; portal.returning checks the rest."""
    raw = {key: value for key, value in given.items() if isinstance(value, str)}
    lines = [key[2:] for key, value in raw.items() if key.startswith("q-") and value.strip("0")][:MAX_LINES]
    if not lines:
        return Wish(raw=raw)
    if not all(_QUANTITY.fullmatch(raw[f"q-{line}"]) for line in lines):
        return Wish(fault="wrong", raw=raw)
    if not all(raw.get(f"r-{line}", "") in REASONS for line in lines):
        return Wish(fault="unknown_reason", raw=raw)
    comment = raw.get("comment", "").strip()
    items = tuple(
        WantedItem(line, int(raw[f"q-{line}"]), raw[f"r-{line}"], comment, raw.get(f"sku-{line}", "")) for line in lines
    )
    return Wish(Wanted(items, raw.get("resolution", "refund_original")), "", raw)
