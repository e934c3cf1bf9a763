"""Static files and each brand's style sheet: public, named by their content, kept by browsers for a year."""

from portal.assets import SHORT, YEAR, assets
from portal.refusal import Refusal
from portal.web.access import nobody
from portal.web.answers import Blob
from portal.web.edge import Ask, page
from portal.web.style import sheet


@page("GET", "/static/{path:path}", who=nobody)
def static_file(ask: Ask) -> Blob:
    """A file of static/, by its plain or its hashed name."""
    found = assets().find(ask.path["path"])
    if found is None:
        raise Refusal("not_found", 404)
    asset, seconds = found
    return Blob(asset.body, asset.media_type, max_age=seconds, packed=asset.packed)


@page("GET", "/brand/{file}", who=nobody)
def style_sheet(ask: Ask) -> Blob:
    """The style sheet of the host's brand. An outdated hash gets the current one, for a short while."""
    file, slug, current = ask.path["file"], ask.brand.slug, sheet(ask.brand.theme)
    if file != f"{slug}.css" and not (file.startswith(f"{slug}-") and file.endswith(".css")):
        raise Refusal("not_found", 404)
    seconds = YEAR if file == f"{slug}-{current.digest}.css" else SHORT
    return Blob(current.body, "text/css; charset=utf-8", max_age=seconds, packed=current.packed)
