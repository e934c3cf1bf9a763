"""Chronopost: tracking by its SOAP service trackSkybillV2, one number a call, without credentials."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from carriers.contract import About, Answer, Budget, Fault, Fetched, Field, Parcel, Place, Scan
from carriers.errors import BadPayload, UnknownNumber
from carriers.reading import Said, meant, oldest_first, reading, scan_of, when
from carriers.reading_xml import as_xml, child_text, children
from carriers.status import Status

if TYPE_CHECKING:
    from carriers.http import Http

# `events/code`. Above the gap: codes of a recorded journey. Below it: codes that others have seen with these words.
CODES: Final[Mapping[str, str]] = {
    "DC": "info_received.data_received",  # in preparation
    "DB": "picked_up",  # handed over by the shipper
    "DY": "picked_up.dropped_off",  # registered by the post office
    "SC": "in_transit",  # sorted at the departure location
    "TS": "in_transit",
    "SD": "in_transit",  # sorted at the delivery location; also "delivery postponed by 24 h"
    "TA": "out_for_delivery.on_vehicle",
    "D": "delivered",
    #
    "EA": "info_received",  # one of several parcels of a shipment
    "O": "in_transit",
    "TP": "in_transit",
    "T": "in_transit",  # entered the agency
    "TT": "in_transit",  # the pickup point gave it to the driver
    "EI": "in_transit.arrived_country",
    "IS": "in_transit",  # delivery on Monday
    "RB": "in_transit",  # on the way to the pickup point
    "A2": "exception.capacity",  # late at the delivering agency
    "IA": "exception.capacity",  # delivery postponed by 24 h
    "P": "attempt_failed.not_home",
    "SK": "exception",  # waits for information of the recipient's
    "AB": "available_for_pickup.at_point",
}

_A_PEERS_WORD: Final = "A word of a peer's own; Chronopost's codes are one or two letters and digits."
UNMAPPED: Final[Mapping[str, str]] = {
    "SM": "Says that the recipient was sent a message, not where the parcel is.",
    **dict.fromkeys(("DMG", "DAMAGE", "DAMAGED", "MISROUTE", "TRI", "LOST", "PERDU", "DELAY", "RETARD"), _A_PEERS_WORD),
    **dict.fromkeys(("REFUSED", "REF", "REFUSE", "CLOSED", "FERME", "NOTHOME", "NH", "ABSENT"), _A_PEERS_WORD),
    **dict.fromkeys(("BADADDR", "INCORRECT", "ADRESSE", "NOACCESS", "ACCES"), _A_PEERS_WORD),
    **dict.fromkeys(("CUSTOMS", "CUSTOMSHOLD", "DOUANE", "CUSTOMSDOC", "DOUANE_DOC"), _A_PEERS_WORD),
    **dict.fromkeys(("CUSTOMS_UNPAID", "TAXES", "WEATHER", "METEO"), _A_PEERS_WORD),
    **dict.fromkeys(("HOLD", "ONHOLD", "RETENU", "UNDELIVERABLE", "NON_LIVRABLE"), _A_PEERS_WORD),
}

_REQUEST: Final = (
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:cxf="http://cxf.tracking.soap.chronopost.fr/"><soapenv:Body><cxf:trackSkybillV2>'
    "<language>{language}</language><skybillNumber>{number}</skybillNumber>"
    "</cxf:trackSkybillV2></soapenv:Body></soapenv:Envelope>"
)
_NO_OFFICE: Final = "Web Services"  # where Chronopost was told of a parcel by computer
_LISTS: Final = ("listEventInfoComp", "listEvents", "listParcel")


class Chronopost:
    """Chronopost. A number without a parcel answers without an error and without events."""

    about = About(
        slug="chronopost",
        name="Chronopost",
        docs_url="https://ws.chronopost.fr/tracking-cxf/TrackingServiceWS?wsdl",
        live="https://ws.chronopost.fr",
        tracking_page="https://www.chronopost.fr/tracking-no-cms/suivi-page?listeNumerosLT={number}",
        number_pattern=r"[A-Z]{2}[0-9]{9}[A-Z]{2}|[0-9]{14}[0-9A-Z]?",
        codes=CODES,
        unmapped=UNMAPPED,
        budgets=(Budget(1, timedelta(seconds=1)),),
        batch_size=1,
        time_rule=(
            "Events carry ISO 8601 times with the offset of the scan. A time without one stays local without a zone. "
            "There is no expected date."
        ),
        fields=(
            Field(
                "language", "Language of the event texts", "fr_FR or en_GB, for one.", required=False, default="fr_FR"
            ),
        ),
        assumed=(
            "EA, O, TP, T, TT, EI, IS, RB, A2, IA, P, SK and AB are read as the words say that others have seen beside "
            "them; Chronopost publishes no list.",
            "An answer without an error and without events means that the number is not known.",
            "Chronopost publishes no limit; we ask once a second at most.",
        ),
        sources=(
            "The WSDL and schema of TrackingServiceWS, ws.chronopost.fr",
            "One recorded journey, and codes observed by public clients of the service",
        ),
        gaps=(
            "SD is written both for sorting at the delivering agency and for a delivery put off by a day: in transit.",
            "The places are the names of agencies. An event of an information system has no place.",
            "Recipient names and addresses in infoCompList are not read; nor are chosen days and appointment windows.",
            "Chronopost does not push. Labels need a contract and are not sold here.",
        ),
    )

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        """Raises UnknownNumber for an answer that holds nothing, not even the number."""
        (number,) = numbers
        language = http.credentials.get("language") or "fr_FR"
        reply = http.post(
            "/tracking-cxf/TrackingServiceWS",
            content=_REQUEST.format(language=escape(language), number=escape(number)).encode(),
            headers={"Content-Type": "text/xml; charset=utf-8", "Accept": "text/xml", "SOAPAction": '""'},
        )
        if reply.status == 200 and _is_empty(reply.body):
            raise UnknownNumber("Chronopost answers without a parcel")
        return Fetched(reply.status, reply.body)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        root = as_xml(body)
        with reading("chronopost track"):
            return _answer(root)


CARRIER = Chronopost()


def _operation(root: ET.Element) -> tuple[str, ET.Element | None]:
    """The name of the operation that answered, in whichever version, and its `return`."""
    found = next((op for op in children(root, "Body/*") if op.tag.endswith("Response")), None)
    return ("", None) if found is None else (found.tag, found.find("return"))


def _is_empty(body: bytes) -> bool:
    try:
        result = _operation(as_xml(body))[1]
    except BadPayload:
        return False
    if result is None or child_text(result, "errorCode") != "0":
        return False
    return all(not child_text(held, "skybillNumber") and held.find("events") is None for held in _lists(result))


def _lists(result: ET.Element) -> Iterator[ET.Element]:
    """The events of one number, or of every parcel that has a reference."""
    return (found for name in _LISTS for found in children(result, name))


def _answer(root: ET.Element) -> Answer:
    fault = root.find("Body/Fault")
    if fault is not None:
        return Answer(errors=(Fault(None, child_text(fault, "faultcode"), child_text(fault, "faultstring")),))
    operation, result = _operation(root)
    code = child_text(result, "errorCode")
    if code and code != "0":
        return Answer(errors=(Fault(None, code, child_text(result, "errorMessage")),))
    if result is None or not operation.startswith("track"):
        raise BadPayload("chronopost: no answer of a tracking operation in the envelope")
    if not code:
        raise BadPayload("chronopost: a tracking answer without errorCode")
    read = [*map(_listed, _lists(result)), *map(_found, children(result, "listInfosPOD"))]
    if not read:
        raise BadPayload("chronopost: a tracking answer that names neither a parcel nor an error")
    return Answer(
        parcels=tuple(parcel for one in read for parcel in one.parcels),
        not_found=tuple(number for one in read for number in one.not_found),
    )


def _listed(listed: ET.Element) -> Answer:
    return _told(listed, children(listed, "events"))


def _found(found: ET.Element) -> Answer:
    """A parcel of a search, with the one event that matters."""
    return _told(found, children(found, "significantEvent"))


def _told(holder: ET.Element, events: Iterable[ET.Element]) -> Answer:
    number = child_text(holder, "skybillNumber")
    if not number:
        raise BadPayload("chronopost: a list of events without its skybillNumber")
    scans = oldest_first(_scan(event) for event in events if len(event))
    if not scans:
        return Answer(not_found=(number,))
    status, sub_status = next(((s.status, s.sub_status) for s in reversed(scans) if s.status), (None, None))
    delivered_at = _delivered_at(scans) if status is Status.DELIVERED else None
    return Answer((Parcel(number, scans, status, sub_status, delivered_at),))


def _scan(event: ET.Element) -> Scan:
    code = child_text(event, "code")
    status, sub_status = meant(CODES.get(code.upper()))
    moment = when(child_text(event, "eventDate"))
    return scan_of(moment, Said(code, child_text(event, "eventLabel"), status, sub_status), _place(event))


def _place(event: ET.Element) -> Place:
    office = child_text(event, "officeLabel")
    return Place(city="" if office == _NO_OFFICE else office, postcode=child_text(event, "zipCode"))


def _delivered_at(scans: Sequence[Scan]) -> datetime | None:
    return next((s.at for s in reversed(scans) if s.status is Status.DELIVERED and s.at), None)
