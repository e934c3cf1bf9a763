"""Which carriers a tracking number may belong to, by its shape and its check digit.

Shapes are shared: twelve digits may be FedEx's or Purolator's. So there are candidates with odds, never one answer. The
odds compare how common a carrier's numbers are with how few numbers its shape and check digit let through; they order a
choice for a person and measure nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from carriers.check_digits import s10
from carriers.number_tables import EXPRESS_POSTS, FOLLOWERS, NAMES, OUR_POSTS, POSTS, S10_CONTENTS, SHAPES
from carriers.registry import all_carriers

OWN: Final = 30  # how much likelier a carrier is that the shop has an account with
LONGEST: Final = 50  # characters; no carrier's number comes near
LEAST: Final = 0.005  # rarer candidates are left out, unless the shop has an account with them
_WORDS: Final = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[:n] for n in range(5, 27))
_S10: Final = re.compile(r"([A-Z]{2})([0-9]{8})([0-9])([A-Z]{2})")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A carrier that a number may belong to. `odds` is its share of 1 among all candidates.

    `slug` is that of an adapter where there is one, else a name of ours; `why` is what speaks for it, in English.
    """

    slug: str
    name: str
    odds: float
    why: str


@dataclass(frozen=True, slots=True)
class _Hint:
    slug: str
    kind: str
    weight: float
    why: str


def candidates(number: str, preferred: Collection[str] = ()) -> list[Candidate]:
    """Carriers that could have issued a number, likeliest first; `preferred` slugs, the shop's own, before all others.

    `number` as people type it: spaces, dashes and small letters do not matter. An empty list where no carrier that we
    know issues such numbers.
    """
    best: dict[str, _Hint] = {}
    for hint in hints(plain(number[: 4 * LONGEST])):
        weight = hint.weight * (OWN if hint.slug in preferred else 1)
        if hint.slug not in best or weight > best[hint.slug].weight:
            best[hint.slug] = _Hint(hint.slug, hint.kind, weight, hint.why)
    whole = sum(hint.weight for hint in best.values())
    kept = [hint for hint in best.values() if hint.slug in preferred or hint.weight >= LEAST * whole]
    whole = sum(hint.weight for hint in kept)
    kept.sort(key=lambda hint: (hint.slug not in preferred, -hint.weight, hint.slug))
    return [Candidate(hint.slug, _name(hint.slug), hint.weight / whole, hint.why) for hint in kept]


def plain(number: str) -> str:
    """Capitals and digits only, full-width forms folded."""
    return "".join(c for c in unicodedata.normalize("NFKC", number).upper() if c.isalnum() and c.isascii())


def hints(number: str) -> Iterator[_Hint]:
    """Every shape that a plain number fits, each with its weight before any preference."""
    if len(number) > LONGEST:
        return
    for shape in SHAPES:
        if shape.fits(number):
            for rank, slug in enumerate(shape.slugs):
                yield _Hint(slug, shape.kind, shape.common / 10**shape.free / 2**rank, shape.why)
    found = _S10.fullmatch(number)
    if found and found[4] in POSTS and s10(found[2]) == found[3]:
        yield from _posts(found[1], found[4])
    yield from _adapters(number)


def _posts(service: str, country: str) -> Iterator[_Hint]:
    """The adapters for international numbers of a country's post; its express post first for express items."""
    contents = S10_CONTENTS.get(service[0], "item")
    why = f"international {contents} of {POSTS[country]} ({country}), check digit right"
    slugs = OUR_POSTS.get(country, (f"post_{country.lower()}",))
    first = sorted(slugs, key=lambda slug: (slug in EXPRESS_POSTS) != (service[0] == "E"))
    for rank, slug in enumerate(first):
        yield _Hint(slug, "s10", 1 / 10**8 / 2**rank, why)


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The patterns of adapters for whose numbers no shape is known: weaker, because nothing is checked.

    A pattern that takes any word for a number is no evidence and left out.
    """
    known = {slug for shape in SHAPES for slug in shape.slugs}
    return tuple(
        (slug, re.compile(carrier.about.number_pattern))
        for slug, carrier in all_carriers().items()
        if carrier.about.number_pattern
        and slug not in known
        and slug not in FOLLOWERS
        and not any(re.fullmatch(carrier.about.number_pattern, word) for word in _WORDS)
    )


def _adapters(number: str) -> Iterator[_Hint]:
    for slug, pattern in _patterns():
        if pattern.fullmatch(number):
            free = sum(1 if c.isdigit() else 1.4 for c in number) + 1
            yield _Hint(slug, slug, 1 / 10**free, "the shape of its numbers, which have no check digit that we know")


def _name(slug: str) -> str:
    carrier = all_carriers().get(slug)
    if carrier:
        return carrier.about.name
    return POSTS[slug[5:].upper()] if slug.startswith("post_") else NAMES[slug]
