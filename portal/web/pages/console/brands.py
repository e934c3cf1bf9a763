"""The brands that an agent works for."""

from sqlmodel import col, func, select

from portal.tables import PolicyVersion
from portal.web.answers import View
from portal.web.console.frame import frame
from portal.web.console.scope import brands_of, reading_agent
from portal.web.edge import Ask, page


@page("GET", "/console/brands", who=reading_agent)
def show_brands(ask: Ask) -> View:
    """Read-only: name, host, sender, zone, version of the returns policy."""
    newest = select(PolicyVersion.brand_id, func.max(PolicyVersion.version)).group_by(col(PolicyVersion.brand_id))
    versions = dict(ask.tx.exec(newest).all())
    rows = [
        {
            "name": brand.name,
            "origin": brand.origin,
            "host": brand.host,
            "sender": brand.sender_email,
            "sender_name": brand.sender_name,
            "zone": brand.zone,
            "policy": versions.get(brand.id or 0),
        }
        for brand in brands_of(ask)
    ]
    return View("console/brands.html", {**frame(ask, "brands"), "rows": rows})
