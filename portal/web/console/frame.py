"""What every page of the console has around it: who is signed in, the rail with its counts, the style sheet."""

from functools import cache
from typing import Any

from portal.assets import Asset, assets, content_hash, packed
from portal.web.console.queue import rail_counts
from portal.web.console.said import said
from portal.web.console.scope import brands_of
from portal.web.edge import Ask
from portal.web.style import sheet

# Never a merchant's colours: agents go from brand to brand and need a constant place.
LOOK = {
    "primary": "#2f5bd7",
    "accent": "#0f766e",
    "font_pair": "system",
    "radius": 6,
    "tone": "paper",
    "density": 0.875,
}

# key, words, drawing, path
_RAIL = (
    ("queue", "Needs attention", "flag", "/console"),
    ("search", "Search", "search", "/console/search"),
    ("messages", "Messages", "mail", "/console/messages"),
    ("inbox", "Carrier data", "box", "/console/inbox"),
    ("codes", "Unknown codes", "list", "/console/codes"),
    ("connections", "Connections", "truck", "/console/connections"),
    ("usage", "Calls to carriers", "gauge", "/console/usage"),
    ("brands", "Brands", "shop", "/console/brands"),
)

_PLAIN = {"script": "portal.js", "icons": "icons.svg", "favicon": "favicon.svg"}


def frame(ask: Ask, here: str) -> dict[str, Any]:
    """The values of console/base.html. `here` is the key of the rail's current entry, empty for none of them."""
    counts = rail_counts(ask)
    brands = brands_of(ask)
    agent = ask.who.agent
    return {
        "agent": {"name": agent.name, "email": agent.email},
        "scope": brands[0].name if len(brands) == 1 and agent.brand_id is not None else "",
        "rail": [
            {"words": words, "icon": icon, "path": path, "count": counts.get(key, 0), "here": key == here}
            for key, words, icon, path in _RAIL
        ],
        "said": said(ask),
        **look(),
    }


def look() -> dict[str, Any]:
    """Style sheet, script, drawings and icon; all that the sign-in page needs of the frame."""
    files = {name: plain(file) for name, file in _PLAIN.items()} | {"style": style()}
    return {name: f"/console/static/{file.hashed}" for name, file in files.items()}


@cache
def style() -> Asset:
    """The console's own tokens, the portal's rules, the console's rules: one request."""
    body = sheet(LOOK).body + assets().text("console.css").encode()
    return Asset(body, packed(body), "text/css; charset=utf-8", f"console-{content_hash(body)}.css")


@cache
def plain(name: str) -> Asset:
    """One of the portal's own files, under the console's path: a host of its own serves nothing else."""
    found = assets().find(name)
    if found is None:
        raise LookupError(f"static/{name} is missing")
    return found[0]


def files() -> list[Asset]:
    """All that /console/static/ answers."""
    return [style(), *(plain(name) for name in _PLAIN.values())]
