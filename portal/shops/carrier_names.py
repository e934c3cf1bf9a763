"""Which adapter a shop means by the name it gives a carrier, and which connection follows or speaks for the parcel."""

import re
from collections.abc import Iterable

from carriers.contract import ReadsFiles, Tracks
from carriers.registry import all_carriers
from portal.tables import Connection

# Folded name, as shops and their plugins spell it -> slug. Names that are slugs or adapters' own names need no line.
_SPELLINGS = {
    "unitedparcelservice": "ups",
    "upsus": "ups",
    "upsground": "ups",
    "upscanada": "ups",
    "upsgb": "ups",
    "federalexpress": "fedex",
    "fedexground": "fedex",
    "fedexexpress": "fedex",
    "fedexuk": "fedex",
    "fedexsameday": "fedex",
}
# An account with one of these follows parcels of carriers that we have no account with: it tells whose a number is.
_AGGREGATORS = ("easypost", "aftership", "seventeentrack", "trackingmore", "ship24")


def carrier_slug(name: str) -> str:
    """The adapter's slug, or the name as given where we have no adapter for it."""
    folded = re.sub(r"[^a-z0-9]", "", name.lower())
    for slug, carrier in all_carriers().items():
        if slug not in _AGGREGATORS and folded in (slug, re.sub(r"[^a-z0-9]", "", carrier.about.name.lower())):
            return slug
    return _SPELLINGS.get(folded, name)


def connection_for(carrier: str, brand_id: int, connections: Iterable[Connection]) -> Connection | None:
    """The account that can be asked about this carrier's parcels: the brand's own before a shared one, the carrier's
    own before an aggregator's. None where nobody can be asked.
    """
    usable = [c for c in connections if c.state != "disabled" and c.brand_id in (brand_id, None) and _tracks(c.carrier)]
    for slugs in ((carrier,), _AGGREGATORS):
        found = [c for c in usable if c.carrier in slugs]
        if found:
            return min(found, key=lambda c: (c.brand_id is None, c.id or 0))
    return None


def may_speak_for(connection: Connection, carrier: str, followed_by: int | None) -> bool:
    """Whether what an account says about such a parcel's number counts: it follows the parcel, or is its carrier's.

    Of a parcel that no account follows, one that tells of many carriers is heard as well, and any where the carrier is
    a name that we do not know: numbers alone do not tell carriers apart.
    """
    if connection.carrier == carrier or connection.id == followed_by:
        return True
    carriers = all_carriers()
    return followed_by is None and (carrier not in carriers or carriers[connection.carrier].about.relays)


def _tracks(slug: str) -> bool:
    return isinstance(all_carriers().get(slug), Tracks | ReadsFiles)
