"""Purolator: tracking through its SOAP web services."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from carriers.contract import ENVIRONMENT, About, Answer, Budget, Estimate, Fault, Fetched, Field, Parcel, Place, Scan
from carriers.errors import BadPayload
from carriers.reading import Said, local_with_offset, meant, oldest_first, reading, scan_of, when
from carriers.reading_xml import as_xml, child_text, children
from carriers.status import Status
from carriers.zones import placed

if TYPE_CHECKING:
    import httpx

    from carriers.auth import Tokens
    from carriers.http import Http

# `ScanType`, where the type alone says what happened.
CODES: Final[Mapping[str, str]] = {
    "Delivery": "delivered",
    "InternationalOutbound": "in_transit",
    "OnDelivery": "out_for_delivery.on_vehicle",
    "ProofOfPickUp": "picked_up.collected",
}
# "Other" is no code and "Undeliverable" is given to attempts, to parcels at the counter and to new labels alike, so
# beneath these two the beginning of Purolator's fixed phrase decides.
PHRASES: Final[Mapping[str, str]] = {
    "Other/Arrived at sort facility": "in_transit.arrived_hub",
    "Other/Departed sort facility": "in_transit.departed_hub",
    "Other/On vehicle for delivery": "out_for_delivery.on_vehicle",
    "Other/Picked up by Purolator": "picked_up.collected",
    "Other/Shipment created": "info_received.data_received",
    "Undeliverable/Attempted Delivery": "attempt_failed",
    "Undeliverable/Attempted Delivery - Customer Closed": "attempt_failed.closed",
    "Undeliverable/Available for pickup": "available_for_pickup.at_point",
    "Undeliverable/Shipment created": "info_received.data_received",
}
_FOLDED: Final = {phrase.casefold(): word for phrase, word in sorted(PHRASES.items(), reverse=True)}  # longest first

_WORDS_OF_OTHERS: Final = (
    "Access Restricted", "Address Not Found", "Bad Address", "Business Closed", "Cannot Access", "Cannot Deliver",
    "Closed", "Customer Hold", "Customs Delay", "Customs Documentation Required", "Customs Fees Due", "Customs Hold",
    "Customs Processing", "Damaged", "Delivery Refused", "Duties Unpaid", "Emergency", "Held at Depot", "Hold",
    "Incorrect Address", "Insufficient Time", "Invalid Address", "Lost", "Mechanical Issue", "Misrouted",
    "Missing Customs Documents", "Missing Package", "Natural Disaster", "No One Home", "Not Available", "Not Home",
    "Package Damaged", "Recipient Not Available", "Recipient Not Home", "Recipient Refused", "Refused",
    "Restricted Access", "Routing Error", "Severe Weather", "Vehicle Breakdown", "Weather", "Weather Delay",
    "Wrong Address",
)  # fmt: skip
UNMAPPED: Final[Mapping[str, str]] = {
    "Other": "Any scan without a type of its own; only a known phrase beneath it says what happened.",
    "Undeliverable": "Given to failed attempts, to parcels at the counter and to new labels alike; see the phrases.",
    **dict.fromkeys(_WORDS_OF_OTHERS, "A word of another program's list; Purolator has no such type of scan."),
}

_PROVINCES: Final[Mapping[str, str]] = {
    **{code: code for code in ["AB", "BC", "MB", "NB", "NL", "NS", "NT", "NU", "ON", "PE", "QC", "SK", "YT"]},
    "NF": "NL",
    "PQ": "QC",
}
_OVER: Final = {Status.DELIVERED, Status.RETURNED, Status.CANCELLED}
_OTHER_BODIES: Final[Mapping[str, str]] = {
    "CreateShipmentResponse": "the answer to buying a label",
    "GetDocumentsResponse": "the answer to fetching a label",
    "GetDeliveryDetailsResponse": "a proof of delivery",
    "VoidShipmentResponse": "the answer to a void",
}
_NAMESPACE: Final = "http://purolator.com/pws/datatypes/v1"
_SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"

ABOUT: Final = About(
    slug="purolator",
    name="Purolator",
    docs_url="https://eship.purolator.com/Site/en/resourcecentre/resourcecentremain.aspx",
    live="https://webservices.purolator.com",
    sandbox="https://devwebservices.purolator.com",
    tracking_page="https://www.purolator.com/en/shipping/tracker?pin={number}",
    number_pattern=r"[A-Z]{3}[0-9]{7,9}|[0-9]{12}",
    codes={**CODES, **PHRASES},
    unmapped=UNMAPPED,
    budgets=(Budget(30, timedelta(minutes=1)),),
    batch_size=10,
    time_rule=(
        "Date and time without a zone, read as the wall clock of the depot. The province in the depot's name decides "
        "where it tells one zone; elsewhere the time stays local."
    ),
    fields=(
        Field("key", "Production key", "From the developer centre of E-Ship Web Services.", secret=True),
        Field("password", "Key password", "Shown with the key.", secret=True),
        Field("user_token", "User token", "Only where the application needs to be activated.", True, required=False),
        ENVIRONMENT,
    ),
    sources=(
        "Purolator XML schema TrackingService (data types v1)",
        "Purolator's PHP examples for the tracking service, https://github.com/desaikalpesh34/purolator",
        "https://github.com/sailrish/shipit (a recorded answer)",
    ),
    assumed=(
        "The times of scans are those of the depot's clock; Purolator's schema does not say so.",
        "ProofOfPickUp and InternationalOutbound are spelt as the schema's types of scans.",
        "PQ and NF, as depots are called, are Quebec and Newfoundland.",
    ),
    gaps=(
        "How a number that Purolator does not know is answered is not documented. Errors of a number are shown in "
        "Purolator's words; a number that comes back without scans has no status.",
        "Neither the limit of calls nor how many numbers one may hold is published; thirty calls a minute and ten "
        "numbers are kept.",
        "Phrases beneath Other and Undeliverable that we have not seen stay unmapped.",
        "A SOAP fault comes with status 500 and is tried again like any failure of a server.",
        "Labels are not bought.",
    ),
)


class Purolator:
    """The adapter. Ten numbers a call."""

    about = ABOUT

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        import httpx

        return httpx.BasicAuth(http.credentials.get("key", ""), http.credentials.get("password", ""))

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        reply = http.post(
            "/PWS/V1/Tracking/TrackingService.asmx",
            content=_request(numbers, http.credentials.get("user_token", "")),
            headers={
                "Accept": "text/xml",
                "Content-Type": "text/xml; charset=utf-8",
                "SOAPAction": '"http://purolator.com/pws/service/v1/TrackPackagesByPin"',
            },
        )
        return Fetched(reply.status, reply.body)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        with reading("purolator track"):
            root = as_xml(body)
            told = list(root.iter("TrackingInformation"))
            parcels = tuple(_parcel(one) for one in told)
            errors = (*_soap_faults(root), *_whole_errors(root), *(fault for one in told for fault in _errors(one)))
            known = root.find(".//TrackingInformationList") is not None or bool(errors)
        if not known:
            raise _refusal(root)
        # A number with an error and nothing else is no parcel.
        failed = {fault.number for fault in errors}
        return Answer(tuple(p for p in parcels if p.scans or p.number not in failed), errors=errors)


CARRIER = Purolator()


def _request(numbers: Sequence[str], user_token: str) -> bytes:
    envelope = ET.Element("soap:Envelope", {"xmlns:soap": _SOAP, "xmlns": _NAMESPACE})
    context = ET.SubElement(ET.SubElement(envelope, "soap:Header"), "RequestContext")
    told = {"Version": "1.2", "Language": "en", "GroupID": "", "RequestReference": "Doorstep", "UserToken": user_token}
    for name, value in told.items():
        ET.SubElement(context, name).text = value
    request = ET.SubElement(ET.SubElement(envelope, "soap:Body"), "TrackPackagesByPinRequest")
    pins = ET.SubElement(request, "PINs")
    for number in numbers:
        ET.SubElement(ET.SubElement(pins, "PIN"), "Value").text = number
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + bytes(ET.tostring(envelope))


def _number(told: ET.Element) -> str:
    if not (number := child_text(told, "PIN/Value")):
        raise ValueError("tracking information without a PIN")
    return number


def _parcel(told: ET.Element) -> Parcel:
    scans = oldest_first((_scan(scan) for scan in children(told, "Scans/Scan")), newest_first=True)
    newest = next((scan for scan in reversed(scans) if scan.status is not None), None)
    status = newest.status if newest else None
    return Parcel(
        number=_number(told),
        scans=scans,
        status=status,
        sub_status=newest.sub_status if newest else None,
        delivered_at=newest.at if newest and status is Status.DELIVERED else None,
        estimated=None if status in _OVER else _estimate(told),
    )


def _scan(scan: ET.Element) -> Scan:
    code = child_text(scan, "ScanType")
    phrase = child_text(scan, "Description")
    status, sub_status = _meaning(code, phrase)
    place = _depot(child_text(scan, "Depot/Name"))
    moment = placed(local_with_offset(child_text(scan, "ScanDate"), _clock(scan), None), place)
    return scan_of(
        moment,
        Said(
            code,
            ": ".join(words for words in (phrase, child_text(scan, "Comment")) if words),
            status,
            sub_status,
            "" if code in CODES else phrase.casefold(),
        ),
        place,
    )


def _clock(scan: ET.Element) -> str:
    """HHMMSS. Clients that keep it as a number have lost the zero of the morning."""
    clock = child_text(scan, "ScanTime")
    return clock.zfill(6) if clock.isdecimal() else clock


def _meaning(code: str, phrase: str) -> tuple[Status | None, str | None]:
    word = CODES.get(code)
    if word is None:
        told = f"{code}/{phrase}".casefold()
        word = next((word for start, word in _FOLDED.items() if told.startswith(start)), None)
    return meant(word)


def _depot(name: str) -> Place:
    """ "BURNABY, BC". Scans of the electronic notice are at "Purolator", which is no place."""
    if name.casefold() == "purolator":
        return Place()
    city, _, province = name.rpartition(",")
    known = _PROVINCES.get(province.strip().upper(), "")
    return Place(city.strip(), known, country="CA") if city and known else Place(name)


def _estimate(told: ET.Element) -> Estimate | None:
    """The date that Purolator committed itself to when it picked the parcel up. The schema spells it with one t."""
    for scan in children(told, "Scans/Scan"):
        if day := when(child_text(scan, "ScanDetails/CommitedDeliveryDate")).local[:10]:
            committed = date.fromisoformat(day)
            return Estimate(committed, committed, "CommitedDeliveryDate")
    return None


def _errors(told: ET.Element) -> Iterator[Fault]:
    yield from _faults(told.find("ResponseInformation"), _number(told))


def _whole_errors(root: ET.Element) -> Iterator[Fault]:
    for response in children(root, "Body/*"):
        yield from _faults(response.find("ResponseInformation"), None)


def _faults(information: ET.Element | None, number: str | None) -> Iterator[Fault]:
    for error in children(information, "Errors/Error"):
        words = (child_text(error, "Description"), child_text(error, "AdditionalInformation"))
        yield Fault(number, child_text(error, "Code"), ": ".join(word for word in words if word))


def _soap_faults(root: ET.Element) -> Iterator[Fault]:
    """The fault, and the reason that a validation gives where there is one."""
    for fault in children(root, "Body/Fault"):
        details = [detail for detail in fault.iter("ValidationDetail") if child_text(detail, "Message")]
        for detail in details:
            yield Fault(None, child_text(detail, "Key"), child_text(detail, "Message"))
        if not details:
            yield Fault(None, child_text(fault, "faultcode"), child_text(fault, "faultstring"))


def _refusal(root: ET.Element) -> BadPayload:
    for name, what in _OTHER_BODIES.items():
        if root.find(f"Body/{name}") is not None:
            return BadPayload(f"purolator track: this is {what} ({name})")
    return BadPayload("purolator track: no tracking information in the body")
