"""Rendering: one Jinja environment for pages and mails, with autoescape always on and undefined names refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from portal.settings import root
from portal.speech.languages import direction, language_tag

if TYPE_CHECKING:
    from portal.tables import Brand
    from portal.web.edge import Ask


class Renderer:
    """Templates below `folder`. Templates get prepared values: no queries, no arithmetic, no clock."""

    def __init__(self, folder: Path | None = None) -> None:
        self.env = Environment(
            loader=FileSystemLoader(folder or root() / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,  # templates change with a release; a stat call per page and part is not free
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        self.env.install_null_translations(newstyle=True)  # type: ignore[attr-defined]

    def page(self, template: str, values: Mapping[str, Any], *, site: Brand | None, ask: Ask | None) -> str:
        """An HTML page: the page's values, and what every page has (brand, language, form token)."""
        lang = language_tag(site.locale) if site else "en"
        common = {
            "brand": site,
            "lang": lang,
            "dir": direction(lang),
            "csrf": ask.csrf if ask else "",
            "path": ask.url_path if ask else "",
        }
        return self.env.get_template(template).render({**common, **values})
