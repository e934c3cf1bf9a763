"""Search: by order number, e-mail, tracking number, RMA, or the beginning of a name."""

from portal.web.answers import Go, View
from portal.web.console.frame import frame
from portal.web.console.scope import reading_agent
from portal.web.console.search import MIN_PREFIX, find
from portal.web.edge import Ask, page

MAX_QUERY = 200


@page("GET", "/console/search", who=reading_agent)
def search(ask: Ask) -> View | Go:
    """One exact hit opens its order at once; everything else is a list."""
    text = ask.query.get("q", "").replace("\x00", "").strip()[:MAX_QUERY]
    found = find(ask, text)
    if found.jump:
        return Go(found.jump)
    values = {"q": text, "rows": found.rows, "is_cut": found.is_cut, "is_short": 0 < len(text) < MIN_PREFIX}
    return View("console/search.html", {**frame(ask, "search"), **values})
