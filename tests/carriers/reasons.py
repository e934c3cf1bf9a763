"""Which paragraph of docs/differences/<slug>.md explains which disagreement with a peer.

(slug, aspect, ours, peer's) -> the bold words that the paragraph begins with; "*" stands for anything, and the most
exact row counts. A disagreement without a row is listed as unexplained in docs/corpus-report.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

REASONS: Final[Mapping[tuple[str, str, str, str], str]] = {
    ("amazon_shipping", "estimate", "none", "*"): "The promised date of a delivered parcel",
    ("amazon_shipping", "status", "picked_up", "pending"): "Picked up",
    ("australia_post", "scans", "*", "none"): "Articles of a consignment",
    ("australia_post", "status", "*", "delivered"): "The status of a scan",
    ("bpost", "error", "systemException", "*"): "The code of a system exception",
    ("bpost", "estimate", "none", "*"): "The time of the delivery",
    ("bpost", "status", "out_for_delivery", "on_hold"): "Out for distribution",
    ("bpost", "status", "delivered", "*"): "The state of a delivered parcel",
    ("canada_post", "estimate", "none", "*"): "The estimated date",
    ("canada_post", "status", "out_for_delivery", "in_transit"): "Codes with leading zeros",
    ("dhl", "number", "refused", "*"): "DHL Parcel Poland (DHL24) and DHL eCommerce GlobalMail",
    ("dhl", "status", "info_received", "delivered"): "The status of an event",
    ("dhl", "status", "info_received", "in_transit"): "The status of a parcel",
    ("dhl_express", "estimate", "none", "*"): "An estimate that is past",
    ("dhl_express", "status", "*", "pending"): "The status of a code",
    ("dhl_express", "status", "in_transit", "picked_up"): "The status of a code",
    ("dhl_parcel_de", "code", "*", "*"): "The code of a scan",
    ("dhl_parcel_de", "number", "*", "*"): "The number",
    ("dhl_parcel_de", "number", "refused", "*"): "Labels of other services",
    ("dhl_parcel_de", "status", "*", "*"): "The status of an event",
    ("dpd", "local time", "*", "*"): "The clock",
    ("dpd", "number", "*", "*"): "The number",
    ("dpd", "status", "attempt_failed", "out_for_delivery"): "Back at the depot",
    ("easypost", "number", "refused", "*"): "A shipment without postage",
    ("easypost", "status", "info_received", "on_hold"): "A label that waits",
    ("fedex", "estimate", "none", "*"): "The date of tender",
    ("fedex", "status", "info_received", "in_transit"): "The state in FedEx Web Services",
    ("la_poste", "estimate", "none", "*"): "The estimated date of a delivered parcel",
    ("la_poste", "status", "in_transit", "out_for_delivery"): "Parcels on their way",
    ("postnl", "number", "*", "*"): "The number",
    ("purolator", "status", "none", "in_transit"): "The status of a parcel",
    ("royal_mail", "error", "E0004", "400"): "The code of an error",
    ("shipengine", "number", "none", "*"): "A number with an error",
    ("ups", "estimate", "none", "*"): "The estimated date of a delivered parcel",
    ("usps", "estimate", "none", "*"): "The estimate of a delivered parcel",
    ("usps", "local time", "2016-01-06T22:45:00", "2016-01-06T10:45"): "A quarter to eleven in the evening",
    ("usps", "status", "delivered", "out_for_delivery"): "What sums a parcel up",
}


def reason(slug: str, aspect: str, ours: str, peers: str) -> str:
    """The paragraph that explains a disagreement; empty where none does."""
    keys = ((ours, peers), (ours, "*"), ("*", peers), ("*", "*"))
    return next((REASONS[slug, aspect, *key] for key in keys if (slug, aspect, *key) in REASONS), "")
