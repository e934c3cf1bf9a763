"""How-to articles: Markdown written by the shop, sanitised, under the brand's look. Public, like a leaflet."""

from functools import lru_cache

from markupsafe import Markup
from sqlmodel import col, func, select

from portal.refusal import Refusal
from portal.tables import Brand, HowTo
from portal.web.access import nobody
from portal.web.answers import View
from portal.web.edge import Ask, page
from portal.web.view_frame import shop_view

TAGS = {"h2", "h3", "h4", "p", "ul", "ol", "li", "strong", "em", "a", "blockquote", "code", "pre", "hr", "br", "img"}
ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "title"}, "ol": {"start"}}


@page("GET", "/how-to/{slug}", who=nobody)
def howto(ask: Ask) -> View:
    """One article in the brand's language."""
    wanted = HowTo.brand_id == ask.brand.id, HowTo.slug == ask.path["slug"], col(HowTo.locale).in_(spoken(ask.brand))
    most_local_first = func.length(HowTo.locale).desc()
    article = ask.tx.exec(select(HowTo).where(*wanted).order_by(most_local_first)).first()
    if article is None:
        raise Refusal("not_found", 404)
    values = {"article": article, "body": render(article.markdown)}
    return shop_view(ask, "pages/howto.html", values)


def spoken(brand: Brand) -> set[str]:
    """The languages an article for this brand may be in: its locale, and the locale's language."""
    return {brand.locale, brand.locale.replace("-", "_").partition("_")[0]}


@lru_cache(256)
def render(markdown: str) -> Markup:
    """Safe HTML: no raw HTML from the source, only plain tags, links to https, mailto and tel, our own pictures."""
    import nh3  # both are loaded with the first article: most processes start without showing one
    from markdown_it import MarkdownIt

    html = MarkdownIt("commonmark", {"html": False, "linkify": False}).render(markdown)
    clean = nh3.clean(
        html.replace("<h1>", "<h2>").replace("</h1>", "</h2>"),
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=_own_pictures,
        url_schemes={"https", "mailto", "tel"},
        link_rel="noopener noreferrer",
    )
    return Markup(clean)  # noqa: S704 - sanitised on the line above


def _own_pictures(tag: str, attribute: str, value: str) -> str | None:
    if tag == "img" and attribute == "src" and (not value.startswith("/") or value.startswith("//")):
        return None
    return value
