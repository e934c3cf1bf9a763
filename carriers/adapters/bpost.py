"""bpost: tracking of a business customer's parcels, one item a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from xml.etree import ElementTree as ET

import httpx

from carriers.contract import About, Answer, Budget, Estimate, Fault, Fetched, Field, Parcel, Place, Scan
from carriers.errors import BadPayload, UnknownNumber
from carriers.reading import (
    Said,
    as_object,
    each,
    local_with_offset,
    meant,
    oldest_first,
    reading,
    scan_of,
    some,
    text,
    when,
)
from carriers.reading_xml import as_xml, child_text, children
from carriers.status import Status
from carriers.zones import placed

if TYPE_CHECKING:
    from carriers.auth import Tokens
    from carriers.http import Http

# `stateCode`: a letter for the state and two digits for how. U is "DistributedNormally", L "BoundToRound", T "Sorted".
CODES: Final[Mapping[str, str]] = {
    "T00": "in_transit",  # Sorted - sorted_out
    "L00": "out_for_delivery",  # BoundToRound - out_for_distribution
    "U00": "delivered",
    "U01": "delivered",  # DistributedNormally - regular
    "U02": "delivered",
    "U03": "delivered",
    "U04": "delivered",
    "U05": "delivered",
    "U06": "delivered",
    "U07": "delivered",
    "U08": "delivered",
}

# `key` of an event of bpost's public tracking page, all from two recorded journeys.
EVENTS: Final[Mapping[str, str]] = {
    "announcement.normal-announced_parcel_by_customer": "info_received.data_received",
    "received.domestic-corner": "picked_up.dropped_off",
    "sorted-sorted_out": "in_transit",
    "taken-on-round-out_for_distribution": "out_for_delivery",
    "undelivered.advised-addressee_absent_message_left": "attempt_failed.not_home",
    "arrival.pickup-point-drop_off_postman": "available_for_pickup.at_point",
    "distribution.normal-regular": "delivered",
}

_GROUPED: Final = (
    "Known only from a peer's grouping, which contradicts bpost's own sample (it calls L00, out for distribution, "
    "held): bpost's words are shown until its list is at hand."
)
_BOTH: Final = "A peer lists it as on its way and as failed; bpost's words are shown."
UNMAPPED: Final[Mapping[str, str]] = {
    **dict.fromkeys(("B00", "B01", "B02", "B03", "B05", "B06", "B07", "B08", "B09", "B10", "B11", "B12"), _GROUPED),
    "B04": _BOTH,
    "N-SENT-OTHER": "A message was sent to somebody; where the parcel is, the events around it say.",
    **dict.fromkeys(("B13", "B18", "B23", "B24", "B28", "C00"), _GROUPED),
    **dict.fromkeys(("I03", "I10", "I11", "I12", "I18", "I19", "I58", "I61", "I66", "I67", "I68", "I72"), _GROUPED),
    **dict.fromkeys(("I88", "N01", "N02", "N03", "N04", "N05", "N06", "N07", "N08", "N10", "N11", "N12"), _GROUPED),
    **dict.fromkeys(("N13", "N14", "N16", "N28", "N32", "N74", "N91", "N92", "N93", "N94", "N95", "N96"), _GROUPED),
    **dict.fromkeys(("P00", "R00", "R01", "R02", "R03", "R04", "R05", "R11", "R12", "R13", "S00", "T03"), _GROUPED),
}

_EXCEPTIONS: Final = ("businessException", "systemException")
_OTHER_BODIES: Final[Mapping[str, str]] = {
    "labels": "the answer to buying a label",
    "orderInfo": "an order of the Shipping Manager",
    "productConfiguration": "the products of an account",
}


class Bpost:
    """bpost. Its exceptions name no item, so an unknown one is told by the call that asked for it."""

    about = About(
        slug="bpost",
        name="bpost",
        docs_url=(
            "https://bpost.freshdesk.com/support/solutions/articles/"
            "4000037653-where-can-i-find-the-bpack-integration-manual-examples-and-xsd-s-"
        ),
        live="https://api.parcel.bpost.cloud",
        tracking_page="https://track.bpost.cloud/btr/web/#/search?itemCode={number}",
        number_pattern=r"3232[0-9]{20}|[A-Z]{2}[0-9]{9}[A-Z]{2}",
        codes={**CODES, **EVENTS},
        unmapped=UNMAPPED,
        budgets=(Budget(1, timedelta(seconds=1)),),
        batch_size=1,
        time_rule=(
            "States carry ISO 8601 times with the offset of Belgium. A time without an offset stays local without a "
            "zone, but for events of the tracking page on the way of a parcel from Belgium to Belgium. The planned "
            "window is given as instants."
        ),
        fields=(
            Field("account_id", "Account number", "Of the bpost contract; also the user name of the service."),
            Field(
                "password",
                "Password",
                "Of the tracking service, not the passphrase of the Shipping Manager; bpost gives it on request.",
                secret=True,
            ),
        ),
        assumed=(
            "Codes of the letter U other than U01 are deliveries in another manner: the letter names the state.",
            "A 404 that carries an exception of bpost's means that the number is not known.",
            "bpost publishes no limit; we ask once a second at most.",
        ),
        sources=(
            "Two recorded answers of the public tracking page",
            "Schemas tracking v1, businessException and systemException of bpost, and its sample answers",
            "Public clients of the tracking service, for its address and its credentials",
        ),
        gaps=(
            "bpost's list of state codes is not public: only T00, L00 and U00 to U08 have a status. Every other code "
            "is shown in bpost's words and waits to be mapped.",
            "The tracking page is not asked; its answers are only read.",
            "A sub-status (neighbour, letterbox, pickup point) is not read from the digits of a delivery.",
            "Only parcels of the own account are found. bpost does not push to us; labels are not sold here.",
        ),
    )

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        return httpx.BasicAuth(http.credentials.get("account_id", ""), http.credentials.get("password", ""))

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        """Raises UnknownNumber for a 404 in bpost's own words; any other 404 is not about the number."""
        (number,) = numbers
        reply = http.get(
            f"/services/trackedmail/item/{quote(number, safe='')}/trackingInfo", headers={"Accept": "application/xml"}
        )
        if reply.status == 404 and (fault := _exception(reply.body)):
            raise UnknownNumber(fault.text, fault.code)
        return Fetched(reply.status, reply.body)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        if body.lstrip().startswith(b"{"):
            with reading("bpost track"):
                return _of_page(as_object(body))
        root = as_xml(body)
        with reading("bpost track"):
            if root.tag in _EXCEPTIONS:
                return Answer(errors=(_fault(root),))
            if root.tag != "itemTracking":
                raise _refusal(root)
            return Answer((_parcel(root),))


CARRIER = Bpost()


def _fault(root: ET.Element) -> Fault:
    """A business exception has a code, a system exception none: its name stands for it."""
    return Fault(None, child_text(root, "code") or root.tag, child_text(root, "message"))


def _exception(body: bytes) -> Fault | None:
    try:
        root = as_xml(body)
    except BadPayload:
        return None
    return _fault(root) if root.tag in _EXCEPTIONS else None


def _refusal(root: ET.Element) -> BadPayload:
    if name := _OTHER_BODIES.get(root.tag):
        return BadPayload(f"bpost: this is {name}, not tracking data (it is {root.tag})")
    return BadPayload("bpost: neither itemTracking nor an exception; this is not tracking data of bpost")


def _parcel(root: ET.Element) -> Parcel:
    number = child_text(root, "itemCode")
    if not number:
        raise ValueError("an item without itemCode")
    scans = oldest_first(_scan(state) for state in children(root, "stateInfo"))
    status = next((s.status for s in reversed(scans) if s.status), None)
    over = status is Status.DELIVERED
    return Parcel(
        number=number,
        scans=scans,
        status=status,
        delivered_at=_delivered_at(scans) if over else None,
        estimated=None if over else _estimate(root),
        service=child_text(root, "itemDetail/productCode"),
    )


def _scan(state: ET.Element) -> Scan:
    code = child_text(state, "stateCode")
    word = CODES.get(code.upper())
    moment = when(child_text(state, "time"))
    return scan_of(
        moment,
        Said(code, child_text(state, "stateDescription"), Status(word) if word else None),
        Place(city=child_text(state, "location")),
    )


def _delivered_at(scans: Sequence[Scan]) -> datetime | None:
    return next((s.at for s in reversed(scans) if s.status is Status.DELIVERED and s.at), None)


def _estimate(root: ET.Element) -> Estimate | None:
    """The planned window. `deliveryTime` is the time of the delivery itself and no promise."""
    window = root.find("deliveryTimeWindow")
    start = when(child_text(window, "plannedDeliveryDateWindowStart")).at
    end = when(child_text(window, "plannedDeliveryDateWindowEnd")).at
    if not start and not end:
        return None
    ends = [moment for moment in (start, end) if moment]
    return Estimate(min(ends), max(ends), "deliveryTimeWindow")


# The tracking page


def _of_page(answer: Mapping[str, Any]) -> Answer:
    if "items" in answer:
        return Answer(tuple(_item(item) for item in each(answer["items"])))
    if "error" in answer:
        return Answer(errors=(Fault(None, text(answer["error"]), text(answer.get("message"))),))
    raise BadPayload("bpost: neither items nor an error; this is not tracking data of bpost")


def _item(item: Mapping[str, Any]) -> Parcel:
    number = text(item["itemCode"])
    if not number:
        raise ValueError("an item without itemCode")
    ends = {text(some(item.get(end)).get("countryCode")) for end in ("sender", "receiver")}
    home = ends.pop() if len(ends) == 1 else ""
    scans = oldest_first((_event(event, home) for event in each(item.get("events"))), newest_first=True)
    status, sub_status = next(((s.status, s.sub_status) for s in reversed(scans) if s.status), (None, None))
    return Parcel(
        number=number,
        scans=scans,
        status=status,
        sub_status=sub_status,
        delivered_at=_delivered_at(scans) if status is Status.DELIVERED else None,
        service=text(item.get("productCategory")),
    )


def _event(event: Mapping[str, Any], home: str) -> Scan:
    """`home` is the one country that a parcel stays in: the clock of an event is local to it."""
    code = text(event.get("key"))
    status, sub_status = meant(EVENTS.get(code))
    where = some(event.get("location"))
    moment = placed(local_with_offset(text(event.get("date")), text(event.get("time")), None), Place(country=home))
    said = Said(code, code, status, sub_status)  # the page has words for it in a file of its own
    return scan_of(moment, said, Place(city=text(where.get("en")) or text(where.get("nl"))))
