"""Canada Post: tracking in XML, authorized returns, and shipments with their void and refund."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as ET

from carriers.amounts import to_minor
from carriers.contract import (
    ENVIRONMENT,
    About,
    Answer,
    Budget,
    Estimate,
    Fault,
    Fetched,
    Field,
    Label,
    LabelOrder,
    Parcel,
    Place,
    Scan,
)
from carriers.errors import BadPayload, CarrierError, OutcomeUnknown, RateLimited, Refused, Unavailable, UnknownNumber
from carriers.reading import Said, When, local_with_offset, meant, oldest_first, reading, scan_of, when
from carriers.reading_xml import as_xml, child_text, children
from carriers.status import Status
from carriers.zones import country_code, placed

if TYPE_CHECKING:
    import httpx

    from carriers.address import Address
    from carriers.auth import Tokens
    from carriers.http import Http, Reply


def _each(word: str, *codes: int) -> dict[str, str]:
    return {str(code): word for code in codes}


# `event-identifier` without leading zeros ("0174" is "174"), after Canada Post's table of tracking scan events.
CODES: Final[Mapping[str, str]] = {
    **_each("info_received.data_received", 3000),
    **_each("info_received.label_created", 3002),
    **_each("picked_up", 1300, 4000),
    **_each("picked_up.collected", 2300),
    **_each("picked_up.dropped_off", 1301, 1302, 1303),
    # "Item processed" is said at every plant on the way, so it is not yet, and no longer, the pick-up.
    **_each("in_transit", 100, 102, 104, 105, 106, 107, 170, 175, 804, 815, 1240, 1241, 1244, 2500, 2501),
    **_each("in_transit", 4100, 4202, 4450, 4550, 4900, 4950, 8901),
    **_each("in_transit", 1410, 2410, 1703, 1705),  # held as the recipient asked; on its way to a counter or a locker
    **_each("in_transit.arrived_hub", 400, 405),
    **_each("in_transit.departed_hub", 410),
    **_each("in_transit.handed_to_partner", 113, 114, 115, 116),
    **_each("in_transit.redirected", 629, 630, 1480, 1490),
    **_each("in_transit.arrived_country", 700, 701, 4310, 4311),
    **_each("in_transit.customs_started", 800, 2601, 4330, 4400),
    **_each("in_transit.customs_cleared", 130, 900, 910, 4500, 5201),
    **_each("in_transit.arrived_depot", 4600),
    **_each("out_for_delivery.on_vehicle", 174, 500),
    # A card in the letter box: somebody was there in vain. That the parcel lies at the counter is another scan, 1701.
    **_each("attempt_failed", 1435, 1436, 1437, 1438, 1479, 1488),
    **_each("attempt_failed.closed", 1411, 2411),
    **_each("attempt_failed.rescheduled", 1443),
    **_each("available_for_pickup.at_point", 156, 1407, 1701, 2407),
    **_each("available_for_pickup.at_locker", 1405),
    **_each("exception", 117, 118, 121, 160, 163, 179, 1450, 1483, 1484, 1493, 1494, 4650),
    **_each("exception.address", 120, 171, 173, 1412, 2412),
    **_each("exception.misrouted", 172),
    **_each("exception.weather", 159),
    **_each("exception.capacity", 161, 162, 621, 622, 623, 624, 625, 626, 627, 628, 1414, 1444, 2414),
    **_each("exception.customs_hold", 127, 810, 1487, 1495),
    **_each("exception.damaged", 710),
    **_each("exception.pickup_expired", 150),
    **_each("delivered", 1408, 1409, 1425, 1432, 1441, 1442, 1461, 1462, 1463, 1465, 1466, 1467, 1468, 1469),
    **_each("delivered", 1471, 1472, 1473, 1475, 1476, 1496, 1498),
    **_each("delivered.safe_place", 1421, 1422, 1423, 1424, 1426, 1427, 1428, 1429, 1430, 1431, 1433, 1434),
    **_each("delivered.collected", 1406),
    **_each("returning", 167, 168, 169, 181, 182, 183, 184, 1100, 1415, 1416, 1417, 1418, 1419, 1420),
    **_each("returning", 1481, 1482, 1491, 1492, 2600, 2802, 3001),
    **_each("cancelled", 190),
}
# `event-type` of a tracking summary, which has no event-identifier.
SUMMARY_CODES: Final[Mapping[str, str]] = {
    "ATTEMPTED": "attempt_failed",
    "DELIVERED": "delivered",
    "OUT": "out_for_delivery",
}

_UNLISTED = "Not in Canada Post's own table of events; only another program's list names it."
_RECORD = "A signature or photograph that is on record, not a movement."
UNMAPPED: Final[Mapping[str, str]] = {
    **_each(_RECORD, 20, 21, 2001),
    **_each("A correction on paper; the parcel has not moved.", 198),
    **_each("Where the parcel lies at the recipient's, without the word that it was delivered.", *range(610, 621)),
    **_each("A new date for delivery, which is given as the estimate.", 1200, 1203),
    **_each("Duties paid or refunded, or money of a collection on delivery.", 152, 1210, 1214, 1215, 1216, 2101),
    **_each("A wish of the recipient or the shipper, not what became of it.", 1220, 1221, 1223, 1224, 1225),
    **_each("A wish of the recipient or the shipper, not what became of it.", 1230, 1232, 1234, 1245),
    **_each("Abroad it means held, redirected or going back; only the words tell which.", 4700),
    **_each(_UNLISTED, 101, 103, 119, *range(122, 127), 128, 129, *range(131, 139), *range(142, 150), 151, 153, 154),
    **_each(_UNLISTED, 155, 157, 158, 164, 165, 166, 180, *range(185, 190), 1400, 1401, 1402, 1403, 1404, 1413),
    **_each(_UNLISTED, 1440, 1485, 1486, 1489, 1497, 1499),
    "INDUCTION": "In a summary; said of mere order information too.",
}

# Standard and daylight time of Canada as the carrier writes them: EST in July stays five hours behind UTC.
_ZONES: Final[Mapping[str, str]] = {
    "NST": "-03:30",
    "NDT": "-02:30",
    "AST": "-04:00",
    "ADT": "-03:00",
    "EST": "-05:00",
    "EDT": "-04:00",
    "CST": "-06:00",
    "CDT": "-05:00",
    "MST": "-07:00",
    "MDT": "-06:00",
    "PST": "-08:00",
    "PDT": "-07:00",
}
_PROVINCES: Final = frozenset({"AB", "BC", "MB", "NB", "NL", "NS", "NT", "NU", "ON", "PE", "QC", "SK", "YT"})

UNKNOWN: Final = "004"  # "No Pin History"
_THROTTLED: Final = "Rejected by SLM Monitor"
_OVER: Final = {Status.DELIVERED, Status.RETURNED, Status.CANCELLED}
_BACK: Final[Mapping[Status | None, Status]] = {
    Status.DELIVERED: Status.RETURNED,
    Status.IN_TRANSIT: Status.RETURNING,
    Status.OUT_FOR_DELIVERY: Status.RETURNING,
}
_RETURN_CODES: Final = {"1303", "3002"}

_TRACK: Final = "application/vnd.cpc.track-v2+xml"
_RETURN: Final = "application/vnd.cpc.authreturn-v2+xml"
_SHIPMENT: Final = "application/vnd.cpc.shipment-v8+xml"
_LABELS: Final[Mapping[str, str]] = {"application/pdf": "pdf", "application/zpl": "zpl"}
_MAGIC: Final = {"pdf": b"%PDF", "zpl": b"^XA"}
_SIZE: Final = "4x6"
_LINE: Final = 44  # characters of a name or an address line

ABOUT: Final = About(
    slug="canada_post",
    name="Canada Post",
    docs_url="https://www.canadapost-postescanada.ca/info/mc/business/productsservices/developers/services/default.jsf",
    live="https://soa-gw.canadapost.ca",
    sandbox="https://ct.soa-gw.canadapost.ca",
    tracking_page="https://www.canadapost-postescanada.ca/track-reperage/en#/search?searchFor={number}",
    number_pattern=r"[0-9]{11,16}|[A-Z]{2}[0-9]{9}[A-Z]{2}",
    codes={**CODES, **SUMMARY_CODES},
    unmapped=UNMAPPED,
    budgets=(Budget(60, timedelta(minutes=1)),),
    batch_size=1,
    time_rule=(
        "Date, time and an abbreviation such as EST, which is taken at its word: EST in July is five hours behind UTC. "
        "It is read for places in Canada only, because the same letters mean other zones elsewhere. Without one the "
        "province decides where it tells one zone. Abroad the zone is the name of the country (ISRAEL), which decides "
        "where it has one zone; without it the time stays local. Summaries name no zone. Midnight without a zone is a "
        "date: so the archive writes events whose time it no longer has."
    ),
    fields=(
        Field("username", "API user name", "The part of the API key before the colon."),
        Field("password", "API password", "The part of the API key after the colon.", secret=True),
        Field("customer_number", "Customer number", "Only for labels: yours at Canada Post.", required=False),
        Field("contract_id", "Contract number", "Only for labels charged to a contract.", required=False),
        Field(
            "product",
            "Return product",
            required=False,
            default="return",
            choices={
                "return": "An authorized return",
                "shipment": "An ordinary parcel from the customer, which can be given back",
            },
        ),
        Field("refund_email", "E-mail for refunds", "Canada Post confirms refunds of shipments there.", required=False),
        ENVIRONMENT,
    ),
    sources=(
        "Canada Post XML schemas track, messages, authreturn-v2 and shipment-v8",
        "https://www.canadapost-postescanada.ca/info/mc/business/productsservices/developers/messagescodetables.jsf",
        "https://github.com/Shopify/active_shipping (recorded answers)",
    ),
    assumed=(
        "An unknown number is answered with the code 004, as recorded answers show; the schema does not fix it.",
        "Hosts, paths and media types are those that published clients use.",
        "A shipment that was transmitted is given back by a refund request, one that was not by deletion.",
        "The event types OUT, ATTEMPTED and DELIVERED of summaries mean what they say.",
    ),
    resells=True,
    gaps=(
        "Canada Post does not publish its limit of calls; sixty a minute are kept, and a refusal for too many pauses a "
        "minute.",
        "The newer API that answers in JSON is not spoken.",
        "Once a parcel goes back, movement is read as returning and delivered as returned; Canada Post has no codes of "
        "its own for them.",
        "Labels are bought within Canada only. No call cancels an authorized return.",
        "Until when a shipment is refunded is not documented; Canada Post decides when it is asked.",
    ),
)


class CanadaPost:
    """The adapter. One number a call."""

    about = ABOUT

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        import httpx

        return httpx.BasicAuth(http.credentials.get("username", ""), http.credentials.get("password", ""))

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        """Raises UnknownNumber itself, because the answer "No Pin History" does not repeat the number."""
        (number,) = numbers
        path = f"/vis/track/pin/{quote(number, safe='')}/detail"
        try:
            reply = http.get(path, headers={"Accept": _TRACK, "Accept-Language": "en-CA"})
        except Unavailable as error:
            if error.text == _THROTTLED:
                raise RateLimited(timedelta(minutes=1), error.text, error.code) from None
            raise
        for fault in _faults_of(reply.body):
            if fault.code == UNKNOWN:
                raise UnknownNumber(fault.text, fault.code)
            if fault.text == _THROTTLED:
                raise RateLimited(timedelta(minutes=1), fault.text, fault.code)
        return Fetched(reply.status, reply.body)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        with reading("canada post track"):
            root = as_xml(body)
            details = [_detail(element) for element in root.iter("tracking-detail")]
            summaries = [_summary(element) for element in root.iter("pin-summary")]
            faults = _faults(root)
        if details or summaries or faults:
            return Answer((*details, *summaries), errors=faults)
        raise _refusal(root)

    def buy_label(self, http: Http, order: LabelOrder) -> Label:
        """The customer is the returner or sender, the warehouse the receiver, as a person reads it off the label."""
        shipment = http.credentials.get("product") == "shipment"
        reply = _buy_shipment(http, order) if shipment else _buy_return(http, order)
        return _with_document(http, self.parse_label(reply.body))

    def parse_label(self, body: bytes) -> Label:
        with reading("canada post label"):
            root = as_xml(body)
            if faults := _faults(root):
                raise Refused(faults[0].text, faults[0].code)
            if root.tag == "authorized-return-info":
                return _label(root, "return", child_text(root, "tracking-pin"))
            if root.tag == "shipment-info":
                return _label(root, "shipment", child_text(root, "shipment-id"))
            if root.tag == "non-contract-shipment-info":  # sold to a customer without a contract, by other programs
                return _label(root, "ncshipment", child_text(root, "shipment-id"))
        raise BadPayload(f"canada post label: {root.tag} is not the answer to a purchase")

    def void_label(self, http: Http, label_ref: str) -> None:
        """Deletes a shipment that is not transmitted yet and asks for the refund of one that is."""
        kind, _, number = label_ref.partition("/")
        if kind == "ncshipment":
            raise Refused("This shipment was made without a contract, by another program; it is given back there.")
        if kind != "shipment":
            raise Refused("Canada Post has no way to cancel an authorized return; an unused one simply lapses.")
        path = f"{_account_path(http)}/shipment/{quote(number, safe='')}"
        if child_text(_read(http.get(path, headers=_headers(_SHIPMENT))), "shipment-status") == "transmitted":
            email = http.credentials.get("refund_email", "")
            if not email:
                raise Refused("Fill in the e-mail for refunds: Canada Post confirms a refund there.")
            request = _element("shipment-refund-request", {"email": email}, _SHIPMENT_NS)
            _read(http.post(f"{path}/refund", content=request, headers=_headers(_SHIPMENT)))
            return
        reply = http.delete(path, headers=_headers(_SHIPMENT))
        if reply.status >= 400:
            _read(reply)


CARRIER = CanadaPost()


def _detail(detail: ET.Element) -> Parcel:
    number = _required(detail, "pin")
    scans = oldest_first(
        (_scan(occurrence) for occurrence in children(detail, "significant-events/occurrence")), newest_first=True
    )
    status, sub_status = _state(scans)
    return Parcel(
        number=number,
        scans=scans,
        status=status,
        sub_status=sub_status,
        delivered_at=scans[_last(scans)].at if status is Status.DELIVERED else None,
        estimated=None if status in _OVER else _estimate(detail),
        service=child_text(detail, "service-name"),
        is_return=any(scan.code.lstrip("0") in _RETURN_CODES for scan in scans),
    )


def _scan(occurrence: ET.Element) -> Scan:
    code = child_text(occurrence, "event-identifier")
    status, sub_status = meant(CODES.get(code.lstrip("0")))
    place = _place(occurrence)
    moment = _moment(occurrence, place)
    words = (child_text(occurrence, "event-description"), child_text(occurrence, "event-retail-name"))
    return scan_of(moment, Said(code, ": ".join(word for word in words if word), status, sub_status), place)


def _place(occurrence: ET.Element) -> Place:
    """Sites abroad are written with their country: "ILTLVA,Israel"."""
    province = child_text(occurrence, "event-province").upper()
    city, _, country = child_text(occurrence, "event-site").rpartition(",")
    if province in _PROVINCES:
        return Place(child_text(occurrence, "event-site"), province, country="CA")
    if known := country_code(country) if city else "":
        return Place(city.strip(), province, country=known)
    return Place(child_text(occurrence, "event-site"), province)


def _moment(occurrence: ET.Element, place: Place) -> When:
    """An abbreviation counts in Canada alone. Abroad the zone may be the country's name; without one nothing says that
    the time is local there. Midnight without a zone is how the archive writes a date whose time it has dropped."""
    zone = child_text(occurrence, "event-time-zone").upper()
    clock = child_text(occurrence, "event-time")
    in_canada = place.country == "CA"
    moment = local_with_offset(
        child_text(occurrence, "event-date"),
        "" if clock == "00:00:00" and not zone else clock,
        _ZONES.get(zone) if in_canada else None,
    )
    is_local = not zone if in_canada else bool(place.country) and country_code(zone) == place.country
    return placed(moment, place) if is_local else moment


def _summary(summary: ET.Element) -> Parcel:
    """The newest event of a number, without a zone, and without a code but its coarse type."""
    code = child_text(summary, "event-type")
    status, sub_status = meant(SUMMARY_CODES.get(code.upper()))
    day, _, clock = child_text(summary, "event-date-time").partition(":")
    moment = local_with_offset(day, clock, None)
    scan = scan_of(
        moment,
        Said(code, child_text(summary, "event-description"), status, sub_status),
        Place(city=child_text(summary, "event-location")),
    )
    return Parcel(
        number=_required(summary, "pin"),
        scans=(scan,) if code or moment.local else (),
        status=status,
        sub_status=sub_status,
        estimated=None if status in _OVER else _estimate(summary),
        service=child_text(summary, "service-name"),
    )


def _last(scans: Sequence[Scan]) -> int:
    """The newest scan that has a status; -1 where none has."""
    return max((i for i, scan in enumerate(scans) if scan.status is not None), default=-1)


def _state(scans: Sequence[Scan]) -> tuple[Status | None, str | None]:
    """That of the newest scan with a status. Once a parcel goes back, what moves it is its way back."""
    last = _last(scans)
    if last < 0:
        return None, None
    newest = scans[last]
    if newest.status in _BACK and any(scan.status is Status.RETURNING for scan in scans[:last]):
        return _BACK[newest.status], None
    return newest.status, newest.sub_status


def _estimate(element: ET.Element) -> Estimate | None:
    """The changed date, else the first one. Either may be an empty element."""
    for source in ("changed-expected-date", "expected-delivery-date"):
        if day := when(child_text(element, source)).local[:10]:
            expected = date.fromisoformat(day)
            return Estimate(expected, expected, source)
    return None


def _required(element: ET.Element, name: str) -> str:
    if not (value := child_text(element, name)):
        raise ValueError(f"no {name}")
    return value


def _faults(root: ET.Element) -> tuple[Fault, ...]:
    return tuple(
        Fault(None, child_text(message, "code"), child_text(message, "description"))
        for messages in root.iter("messages")
        for message in children(messages, "message")
    )


def _faults_of(body: bytes) -> tuple[Fault, ...]:
    """The messages of an answer; none where it is not XML, which is parse's to say."""
    try:
        return _faults(as_xml(body))
    except BadPayload:
        return ()


def _refusal(root: ET.Element) -> BadPayload:
    if root.tag in {"authorized-return-info", "shipment-info", "non-contract-shipment-info"}:
        return BadPayload(f"canada post track: this is the answer to buying a label ({root.tag})")
    return BadPayload("canada post track: neither tracking details nor messages")


_RETURN_NS: Final = "http://www.canadapost.ca/ws/authreturn-v2"
_SHIPMENT_NS: Final = "http://www.canadapost.ca/ws/shipment-v8"

_Tree = Mapping[str, "str | _Tree"]


def _element(name: str, content: _Tree, namespace: str) -> bytes:
    """An XML document of nested mappings, in their order; empty texts are left out."""
    root = ET.Element(name, {"xmlns": namespace})
    _fill(root, content)
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root).decode("ascii").encode()


def _fill(parent: ET.Element, content: _Tree) -> None:
    for name, value in content.items():
        if isinstance(value, str):
            if value:
                ET.SubElement(parent, name).text = value
        else:
            _fill(ET.SubElement(parent, name), value)


def _buy_return(http: Http, order: LabelOrder) -> Reply:
    request: _Tree = {
        "service-code": order.service or "DOM.EP",
        "returner": {
            "name": _name(order.customer),
            "company": order.customer.company[:_LINE],
            "domestic-address": _domestic(order.customer, "province", "postal-code"),
        },
        "receiver": {
            "name": _name(order.warehouse),
            "company": order.warehouse.company[:_LINE],
            "domestic-address": _domestic(order.warehouse, "province", "postal-code"),
        },
        "parcel-characteristics": {"weight": _kilograms(order.grams)},
        "print-preferences": {"output-format": _SIZE, "encoding": "PDF"},
        "settlement-info": _settlement(http),
        "references": {"customer-ref-1": order.rma[:35], "customer-ref-2": order.key[:35]},
    }
    path = f"{_account_path(http)}/authorizedreturn"
    body = _element("authorized-return", request, _RETURN_NS)
    return http.post(path, content=body, headers=_headers(_RETURN), buys=True)


def _buy_shipment(http: Http, order: LabelOrder) -> Reply:
    phone = order.customer.phone or order.warehouse.phone
    if not phone:
        raise Refused("Canada Post wants a telephone number of the sender, and neither address has one.")
    request: _Tree = {
        "customer-request-id": order.key[:35],
        "transmit-shipment": "true",
        "requested-shipping-point": _postcode(order.customer),
        "provide-pricing-info": "true",
        "delivery-spec": {
            "service-code": order.service or "DOM.EP",
            "sender": {
                "name": _name(order.customer),
                "company": (order.customer.company or order.customer.name)[:_LINE],
                "contact-phone": phone[:25],
                "address-details": _domestic(order.customer, "prov-state", "postal-zip-code", country=True),
            },
            "destination": {
                "name": _name(order.warehouse),
                "company": order.warehouse.company[:_LINE],
                "address-details": _domestic(order.warehouse, "prov-state", "postal-zip-code", country=True),
            },
            "parcel-characteristics": {"weight": _kilograms(order.grams)},
            "print-preferences": {"output-format": _SIZE, "encoding": "PDF"},
            "preferences": {"show-packing-instructions": "true"},
            "references": {"customer-ref-1": order.rma[:35]},
            "settlement-info": {**_settlement(http), "intended-method-of-payment": "Account"},
        },
    }
    body = _element("shipment", request, _SHIPMENT_NS)
    return http.post(f"{_account_path(http)}/shipment", content=body, headers=_headers(_SHIPMENT), buys=True)


def _account_path(http: Http) -> str:
    number = http.credentials.get("customer_number", "")
    if not number.isdecimal():
        raise Refused("Fill in the customer number at Canada Post: labels are bought and given back with it.")
    return f"/rs/{number}/{number}"


def _headers(media_type: str) -> dict[str, str]:
    return {"Accept": media_type, "Content-Type": media_type, "Accept-Language": "en-CA"}


def _settlement(http: Http) -> dict[str, str]:
    return {
        "paid-by-customer": http.credentials.get("customer_number", ""),
        "contract-id": http.credentials.get("contract_id", ""),
    }


def _name(address: Address) -> str:
    return (address.name or address.company)[:_LINE]


def _domestic(address: Address, province: str, postcode: str, *, country: bool = False) -> dict[str, str]:
    """Raises Refused for an address abroad, and for one that would have to be cut."""
    if address.country != "CA":
        raise Refused(f"Canada Post returns go from Canada to Canada, not from or to {address.country or 'nowhere'}.")
    first, rest = address.lines[0] if address.lines else "", ", ".join(address.lines[1:])
    if not first or len(first) > _LINE or len(rest) > _LINE:
        raise Refused(f"Canada Post takes two address lines of {_LINE} characters, the first of them filled.")
    return {
        "address-line-1": first,
        "address-line-2": rest,
        "city": address.city[:40],
        province: address.region[:2].upper(),
        **({"country-code": "CA"} if country else {}),
        postcode: _postcode(address),
    }


def _postcode(address: Address) -> str:
    return "".join(address.postcode.split()).upper()


def _kilograms(grams: int) -> str:
    return f"{max(grams, 1) / 1000:.3f}"


def _read(reply: Reply) -> ET.Element:
    """The root of an answer that is no refusal. Raises Refused in the carrier's words."""
    faults = _faults_of(reply.body)
    if faults or reply.status >= 400:
        words, code = (faults[0].text, faults[0].code) if faults else ("", "")
        raise Refused(words or f"Canada Post answered {reply.status}", code)
    return as_xml(reply.body)


def _label(root: ET.Element, kind: str, ref: str) -> Label:
    """A return answers rel="returnLabel" by its schema and rel="label" by some clients' records."""
    link = next(_links(root))
    cost = child_text(root, "shipment-price/due-amount")
    if not ref:
        raise ValueError("a label without a number")
    return Label(
        ref=f"{kind}/{ref}",
        number=_required(root, "tracking-pin"),
        body=b"",
        format=_LABELS[link.get("media-type", "").partition(";")[0].lower()],
        cost_minor=to_minor(cost, "CAD") if cost else None,
        currency="CAD",
        service=child_text(root, "shipment-price/service-code"),
        url=link.get("href", ""),
    )


def _links(root: ET.Element) -> Iterator[ET.Element]:
    found = [link for link in children(root, "links/link") if link.get("rel") in {"returnLabel", "label"}]
    if not found:
        raise ValueError("no link to the label")
    return iter(found)


def _with_document(http: Http, label: Label) -> Label:
    """The label's bytes, asked for with the same user. What was sold without them is said, not lost."""
    address = _own(http, label.url)
    try:
        reply = http.get(address, headers={"Accept": "application/pdf, application/zpl"})
    except CarrierError as error:
        raise OutcomeUnknown(f"Canada Post sold {label.number}, but gives no label for it yet: {error}") from None
    if reply.status != 200 or not reply.body.lstrip().startswith(_MAGIC[label.format]):
        raise OutcomeUnknown(f"Canada Post sold {label.number}, but gives no label for it yet (HTTP {reply.status})")
    return replace(label, body=reply.body, size=_SIZE)


def _own(http: Http, url: str) -> str:
    """The address of a document where our password may go: the same host, or another of Canada Post's."""
    given, own = urlsplit(url), urlsplit(http.base)
    host = given.hostname or ""
    if (given.scheme, given.netloc) == (own.scheme, own.netloc):
        return url
    if given.scheme == "https" and host.endswith((".canadapost.ca", ".canadapost-postescanada.ca")):
        return url
    raise OutcomeUnknown(f"Canada Post sold a label, but points to {host or 'nowhere'} for it, where we do not ask")
