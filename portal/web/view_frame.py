"""What every page of a shop has around it: its style sheet, pictures, logo and links, prepared once per brand."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import orjson

from portal.assets import assets
from portal.tables import Brand
from portal.theme.tokens import logo_names, tokens_of
from portal.web.answers import Cookie, View
from portal.web.style import sheet

if TYPE_CHECKING:
    from portal.web.edge import Ask

_FOOT = ("delivery", "returns", "policy", "terms", "privacy", "imprint")
_NO_PICTURE = "parcel"


def shop_view(
    ask: Ask,
    template: str,
    values: Mapping[str, Any],
    *,
    status: int = 200,
    cookies: tuple[Cookie, ...] = (),
    headers: Mapping[str, str] | None = None,
) -> View:
    """A page of the host's brand. `looking`: an agent sees it in the shopper's place."""
    looking = getattr(ask.who, "trust", "") == "agent"
    return View(template, {**frame(ask.brand), "looking": looking, **values}, status, cookies, headers or {})


def frame(brand: Brand) -> Mapping[str, Any]:
    """`stylesheet, script, favicon, icons, art, logo, shop, foot`: see templates/base.html."""
    return _frame(brand.slug, orjson.dumps(brand.theme), orjson.dumps(brand.links))


@lru_cache(256)
def _frame(slug: str, theme_json: bytes, links_json: bytes) -> Mapping[str, Any]:
    theme, links, files = orjson.loads(theme_json), orjson.loads(links_json), assets()
    logo = tokens_of(theme).logo
    drawn = logo_names().get(logo)
    return {
        "stylesheet": f"/brand/{slug}-{sheet(theme).digest}.css",
        "script": files.url("portal.js"),
        "favicon": files.url("favicon.svg"),
        "icons": files.url("icons.svg"),
        "art": files.url("art.svg"),
        "logo": {"use": f"{files.url('logos.svg')}#{logo}", "box": drawn, "src": ""}
        if drawn
        else {"use": "", "box": "", "src": logo},
        "shop": web_link(links.get("shop")),
        "foot": [(name, url) for name in _FOOT if (url := web_link(links.get(name)))],
    }


def web_link(url: object) -> str:
    """An https address out of stored settings; empty text for anything else. http is for trials on this machine."""
    if not isinstance(url, str) or len(url) > 2000 or any(ord(c) <= 0x20 or c in '\\"<>' for c in url):
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    on_this_machine = parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1"}
    return url if parts.hostname and (parts.scheme == "https" or on_this_machine) else ""


def mail_link(address: object) -> str:
    """A mailto: link, or empty text for what is no address."""
    if not isinstance(address, str) or "@" not in address or any(c.isspace() for c in address):
        return ""
    return f"mailto:{quote(address, safe='@+')}"


def phone_link(number: object) -> str:
    """A tel: link of the digits, or empty text for what holds too few."""
    digits = "".join(c for c in number if c in "+0123456789") if isinstance(number, str) else ""
    return f"tel:{digits}" if len(digits) > 2 else ""


@lru_cache(4096)
def picture(name: str) -> tuple[str, str]:
    """(drawing, address) of a product's picture: a symbol of art.svg, or a path on our own origin. One is empty."""
    if name.startswith("/") and not name.startswith("//") and "\\" not in name:
        return "", name
    return (name if name in _drawings() else _NO_PICTURE), ""


@lru_cache(1)
def _drawings() -> frozenset[str]:
    found = assets().text("art.svg").split('<symbol id="')[1:]
    return frozenset(part.partition('"')[0] for part in found)
