"""The console's own style sheet, script and drawings: it may live on a host of its own, without a brand."""

from portal.assets import SHORT, YEAR
from portal.refusal import Refusal
from portal.web.access import nobody
from portal.web.answers import Blob
from portal.web.console.frame import files
from portal.web.edge import Ask, page


@page("GET", "/console/static/{file}", who=nobody)
def console_asset(ask: Ask) -> Blob:
    """By the name that holds its hash; an outdated hash gets the current file, for a short while."""
    file = ask.path["file"]
    for asset in files():
        kind = asset.hashed.rpartition(".")[2]
        if file.endswith(f".{kind}") and file.partition("-")[0] == asset.hashed.partition("-")[0]:
            seconds = YEAR if file == asset.hashed else SHORT
            return Blob(asset.body, asset.media_type, max_age=seconds, packed=asset.packed)
    raise Refusal("not_found", 404)
