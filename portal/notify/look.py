"""A brand's coat for mails: its solved colours as plain hex, because mail clients know no variables."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from portal.tables import Brand
from portal.theme.palette import Colours, derive
from portal.theme.tokens import FONT_PAIRS, Tokens, tokens_of

_LARGEST_RADIUS = 16


@dataclass(frozen=True, eq=False)
class Look:
    """What the mail templates paint with: one object per distinct theme and process.

    `c` are the brand's colours, `dark` those for a dark reader, by name.
    """

    c: Colours
    dark: Colours
    head: str
    body: str
    weight: int
    radius: int

    @property
    def scheme(self) -> str:
        """Which schemes the mail is drawn for; a night brand is dark everywhere."""
        return "dark" if self.c == self.dark else "light dark"


def look_of(brand: Brand) -> Look:
    """The look of a brand's mails; solved once per distinct theme and process."""
    return _look(tokens_of(brand.theme))


@lru_cache(256)
def _look(tokens: Tokens) -> Look:
    pair = FONT_PAIRS[tokens.font_pair]
    dark = derive(replace(tokens, tone="night"))
    return Look(derive(tokens), dark, pair.head, pair.body, pair.weight, min(tokens.radius, _LARGEST_RADIUS))
