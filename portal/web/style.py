"""A brand's one style sheet: its colours, faces and shapes as CSS, then portal.css."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from portal.assets import assets, content_hash, packed
from portal.theme.palette import derive
from portal.theme.tokens import FONT_PAIRS, Tokens, tokens_of


def root_block(tokens: Tokens) -> str:
    """The `:root` rule and the font faces of a brand. Holds nothing that was not checked or computed here."""
    pair = FONT_PAIRS[tokens.font_pair]
    files = assets()
    hero = tokens.hero if tokens.hero.startswith("/") else tokens.hero and files.url(f"heroes/{tokens.hero}.svg")
    rules = {
        "color-scheme": "dark" if tokens.tone == "night" else "light",
        "--brand-head": pair.head,
        "--brand-body": pair.body,
        "--head-w": str(pair.weight),
        "--head-ls": pair.spacing,
        "--head-k": f"{pair.scale:g}",
        "--brand-radius": f"{tokens.radius}px",
        "--brand-density": f"{tokens.density:g}",
        "--brand-hero": f"url({hero})" if hero else "none",
        **{f"--c-{name}": value for name, value in derive(tokens).items()},
    }
    faces = (
        f'@font-face{{font-family:"{family}";src:url({files.url(f"fonts/{file}")}) format("woff2");'
        f"font-weight:{weights};font-display:swap}}"
        for family, file, weights in pair.faces
    )
    return ":root{" + ";".join(f"{name}:{value}" for name, value in rules.items()) + "}" + "".join(faces) + "\n"


@dataclass(frozen=True, slots=True)
class Sheet:
    """One style sheet as it is served."""

    body: bytes
    digest: str
    packed: bytes  # its gzip form


def sheet(theme: Mapping[str, Any]) -> Sheet:
    """The style sheet of a stored theme; solved once per distinct theme and process."""
    return _sheet(tokens_of(theme))


@lru_cache(256)
def _sheet(tokens: Tokens) -> Sheet:
    body = (root_block(tokens) + assets().text("portal.css")).encode()
    return Sheet(body, content_hash(body), packed(body))
