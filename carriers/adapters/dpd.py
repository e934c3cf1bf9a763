"""DPD in the Benelux: tracking by the SOAP service ParcelLifeCycle, one parcel a call, with a token of LoginService."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import httpx

from carriers.contract import ENVIRONMENT, About, Answer, Budget, Fault, Fetched, Field, Parcel, Place, Scan
from carriers.errors import BadCredentials, BadPayload, Unavailable, UnknownNumber
from carriers.http import Http
from carriers.reading import (
    UNTIMED,
    Said,
    When,
    as_object,
    each,
    local_with_offset,
    meant,
    oldest_first,
    other_body,
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
    from carriers.http import Reply

# `status` of a step, whatever its case. Above the gap: the words of the Benelux services, on DPD's own list of events.
# Below it: words of the same service in Germany and behind the group's tracking page.
STEPS: Final[Mapping[str, str]] = {
    "PickedUp": "picked_up",
    "BetweenDepots": "in_transit",
    "Consolidation": "in_transit",
    "Warehouse": "in_transit",  # kept for the next day, or to be sent elsewhere
    "Customs": "in_transit.customs_started",
    "Depot": "in_transit.arrived_depot",
    "Courier": "out_for_delivery.on_vehicle",
    "DeliveryFailure": "attempt_failed",
    "ReturningFromDelivery": "attempt_failed",  # back at the depot after an attempt
    "ParcelShop": "available_for_pickup.at_point",
    "Delivered": "delivered",
    #
    "SHIPMENT": "info_received.data_received",
    "ACCEPTED": "picked_up",
    "AT_SENDING_DEPOT": "in_transit",
    "ON_THE_ROAD": "in_transit",
    "AT_DELIVERY_DEPOT": "in_transit.arrived_depot",
    "OUT_FOR_DELIVERY": "out_for_delivery.on_vehicle",
}
# Types of scans behind the tracking page, two digits. DPD lists those up to 15; the others are of its file format.
SCANS: Final[Mapping[str, str]] = {
    "01": "in_transit.arrived_hub",  # Consolidation
    "02": "in_transit.arrived_depot",  # Inbound: the first scan at the destination depot
    "03": "out_for_delivery.on_vehicle",
    "04": "attempt_failed",  # Drivers Return: back at the depot, not delivered
    "05": "picked_up",  # Pick-Up: the first scan at the sending depot
    "06": "returning",  # System Return
    "08": "in_transit",  # Warehouse: kept for the next day
    "09": "in_transit.arrived_depot",  # Inbound Exception
    "10": "in_transit.arrived_hub",
    "12": "in_transit.customs_started",
    "13": "delivered",
    "14": "attempt_failed",
    "15": "picked_up.collected",  # Drivers Pick-Up
    "17": "in_transit.customs_cleared",
    "20": "in_transit",  # Loading
    "23": "available_for_pickup.at_point",
}
CODES: Final[Mapping[str, str]] = {**STEPS, **SCANS}
_FOLDED: Final = {code.casefold(): word for code, word in CODES.items()}

_REASONS_OF_OTHERS: Final = (
    "DMG", "DAMAGED", "MISROUTED", "ADDRESS_NOT_FOUND", "LOST", "VEHICLE_ISSUE", "REFUSED", "REJECTED",
    "BUSINESS_CLOSED", "NOT_AVAILABLE", "NOT_HOME", "RECIPIENT_ABSENT", "INCORRECT_ADDRESS", "WRONG_ADDRESS",
    "ACCESS_RESTRICTED", "CUSTOMS_DELAY", "CUSTOMS_HOLD", "CUSTOMS_DOCS", "DUTIES_UNPAID", "WEATHER",
    "NATURAL_DISASTER",
)  # fmt: skip
_STATUSES_OF_OTHERS: Final = ("in_transit", "on_hold", "delivery_failed", "delivery_delayed", "ready_for_pickup")
_NO_WORD_OF_DPD: Final = "A word of another program's list; DPD's tracking service does not send it."
UNMAPPED: Final[Mapping[str, str]] = {
    **dict.fromkeys((*_REASONS_OF_OTHERS, *_STATUSES_OF_OTHERS), _NO_WORD_OF_DPD),
    "18": "Additional information: says that something was noted of the parcel, not what.",
}

TOKEN_LIFE: Final = timedelta(hours=12)
_LOGIN: Final = "LoginService/V2_1"
_TRACK: Final = "ParcelLifeCycleService/V2_0"
_TYPES: Final = "http://dpd.com/common/service/types"
_ENVELOPE: Final = (
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">'
    "<soapenv:Header>{head}</soapenv:Header><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
)
_REFUSALS: Final = ("DELICOM_ERR_AUTHENTICATION", "LOGIN_")  # how codes begin that mean user, password or token

_AMERICAN: Final = re.compile(
    r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4}),? ([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))? ?([AP])M", re.IGNORECASE
)
_EUROPEAN: Final = re.compile(
    r"([0-9]{1,2})[.-]([0-9]{1,2})[.-]([0-9]{4})(?:,? ([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?)?"
)
_PLACE: Final = re.compile(r"(.*?)\s*\(([A-Z]{2})\)")
_OTHER_ANSWERS: Final[Mapping[str, str]] = {
    "storeOrdersResponse": "the answer to buying a label",
    "getAuthResponse": "a token",
    "getParcelLabelNumberForWebNumberResponse": "the number of a parcel",
}
_OTHER_BODIES: Final[Mapping[str, str]] = {
    "parcelBarcodes": "the answer of DPD's shipping API to buying a label",
    "label": "the answer of DPD's shipping API to buying a label",
    "getAuthResponse": "a token",
    "storeOrdersResponse": "the answer to buying a label",
}


class Dpd:
    """DPD Netherlands and Belgium. Answers of the services do not name the parcel: it is the one that was asked for."""

    about = About(
        slug="dpd",
        name="DPD (Netherlands, Belgium)",
        docs_url="https://www.dpd.com/nl/en/support/shipping-solutions/integrations/",
        live="https://wsshipper.dpd.nl",
        sandbox="https://shipperadmintest.dpd.nl/PublicApi",
        tracking_page="https://www.dpdgroup.com/nl/mydpd/my-parcels/track?parcelNumber={number}",
        number_pattern=r"[0-9]{14}[0-9A-Z]?|[0-9A-Z]{28}",
        codes=CODES,
        unmapped=UNMAPPED,
        budgets=(Budget(1, timedelta(seconds=1)),),
        batch_size=1,
        time_rule=(
            "Month/day/year with AM and PM, or day-month-year, without a zone: placed by the country behind the "
            "scan's town where it has one zone. A date with slashes and without AM or PM could be read two ways and "
            "is not read."
        ),
        fields=(
            Field("delis_id", "DELIS ID", "The user of DPD's web services."),
            Field("password", "Password", "Of the web services.", secret=True),
            Field(
                "country",
                "Country of the account",
                required=False,
                default="NL",
                choices={"NL": "Netherlands", "BE": "Belgium"},
            ),
            Field("language", "Language of the event texts", "en_EN, nl_NL, ...", required=False, default="en_EN"),
            ENVIRONMENT,
        ),
        sources=(
            "XML schemas of DPD: LoginService 2.1, Authentication 2.0, ParcelLifeCycleService 2.0",
            "https://integrations.dpd.nl/dpd-shipper/dpd-shipper-webservices-rest-api/parcellifecycle-service-rest-api",
            "https://integrations.dpd.nl/dpd-shipper/other-information/statusdata-via-sftp (scan codes)",
            "https://viya.me/integrations/dpd-nl-webservices/docs/tracking (steps)",
            "One recorded journey and one recorded error of a Belgian account",
            "Public clients of the services, for their addresses",
        ),
        assumed=(
            "The addresses of the services in the Netherlands and Belgium, live and for tests.",
            "SHIPMENT, ACCEPTED, AT_SENDING_DEPOT, ON_THE_ROAD and AT_DELIVERY_DEPOT, words of the German service, "
            "are read as clients of it do.",
            "A tracking result without anything that was reached means that the parcel is not known.",
            "The types of scans after 15: 17, 20 and 23, as programs that read DPD's files have them.",
            "A code that begins with LOGIN_ refuses user, password or token.",
            "A token lives a day; we use it for half of one, and no longer than it is accepted. DPD publishes no "
            "limit; we ask once a second at most.",
        ),
        gaps=(
            "DPD is not one company with one API: Germany, France and the United Kingdom each have their own, and are "
            "reached through an aggregator.",
            "How DPD answers for an unknown parcel by a fault was never seen: such a fault is tried again like an "
            "outage.",
            "The tracking page is not asked; its answers are only read, by their scans.",
            "Planned windows (predict) and the receiver are not read; there is no expected date.",
            "DPD's tracking push is for Germany and not used. Labels (storeOrders, the group's shipping API) are not "
            "sold here.",
        ),
    )

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        return Login(http, tokens)

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        """Raises UnknownNumber for an answer without anything that was reached: DPD does not repeat the number.

        A token that DPD does not accept any more is replaced once.
        """
        (number,) = numbers
        login = http.auth
        if not isinstance(login, Login):
            raise BadCredentials("DPD needs a login")
        token, is_fresh = login.token()
        try:
            reply = _asked(http, token, number)
        except BadCredentials:
            if is_fresh:
                raise
            login.drop(token)
            reply = _asked(http, login.token()[0], number)
        if reply.status == 200 and _is_empty(reply.body):
            raise UnknownNumber("DPD knows of nothing that happened to this parcel")
        return Fetched(reply.status, reply.body)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        """The SOAP service, the same service as JSON, or what DPD's tracking page is made of."""
        with reading("dpd track"):
            return _of_json(as_object(body)) if body.lstrip().startswith(b"{") else _of_xml(as_xml(body))


CARRIER = Dpd()


class Login(httpx.Auth):
    """The login of one account. DPD wants the token inside the envelope, so requests pass as they are."""

    def __init__(self, http: Http, tokens: Tokens) -> None:
        self._http = http
        self._tokens = tokens
        filled = http.credentials
        asked = (http.base, _country(http), filled.get("delis_id", ""), filled.get("password", ""))
        self._key = sha256("\n".join(("dpd", *asked)).encode()).hexdigest()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        yield request

    def token(self) -> tuple[str, bool]:
        """The token, and whether it has only just been fetched."""
        fetched: list[str] = []

        def fetch() -> tuple[str, timedelta]:
            fetched.append(self._fetched())
            return fetched[0], TOKEN_LIFE

        return self._tokens.get(self._key, fetch), bool(fetched)

    def drop(self, token: str) -> None:
        self._tokens.drop(self._key, token)

    def _fetched(self) -> str:
        filled = self._http.credentials
        body = (
            f'<ns:getAuth xmlns:ns="{_TYPES}/LoginService/2.1"><delisId>{escape(filled.get("delis_id", ""))}</delisId>'
            f"<password>{escape(filled.get('password', ''))}</password>"
            f"<messageLanguage>{_language(self._http)}</messageLanguage></ns:getAuth>"
        )
        reply = _called(self._http, _LOGIN, f"{_TYPES}/LoginService/2.1/getAuth", body=body)
        with reading("dpd login"):
            root = as_xml(reply.body)
            token = child_text(root, "Body/getAuthResponse/return/authToken", limit=4096)
        if not token:
            fault = _fault(root)
            raise BadCredentials(fault.text if fault else "DPD gave no token", fault.code if fault else "")
        return token


def _asked(http: Http, token: str, number: str) -> Reply:
    head = (
        f'<ns:authentication xmlns:ns="{_TYPES}/Authentication/2.0">'
        f"<delisId>{escape(http.credentials.get('delis_id', ''))}</delisId><authToken>{escape(token)}</authToken>"
        f"<messageLanguage>{_language(http)}</messageLanguage></ns:authentication>"
    )
    body = (
        f'<ns:getTrackingData xmlns:ns="{_TYPES}/ParcelLifeCycleService/2.0">'
        f"<parcelLabelNumber>{escape(number)}</parcelLabelNumber></ns:getTrackingData>"
    )
    return _called(http, _TRACK, f"{_TYPES}/ParcelLifeCycleService/2.0/getTrackingData", head=head, body=body)


def _called(http: Http, service: str, action: str, *, head: str = "", body: str) -> Reply:
    """Raises BadCredentials for a fault that refuses the login: DPD sends these as any other, mostly with a 500."""
    at = replace(http, base=http.base.replace(".dpd.nl", f".dpd.{_country(http)}"))
    try:
        reply = at.post(
            f"/soap/services/{service}",
            content=_ENVELOPE.format(head=head, body=body).encode(),
            headers={"Content-Type": "text/xml; charset=UTF-8", "Accept": "text/xml", "SOAPAction": action},
        )
    except Unavailable as error:
        if error.code.startswith(_REFUSALS):
            raise BadCredentials(error.text, error.code) from None
        raise
    if (fault := _fault_of(reply.body)) and fault.code.startswith(_REFUSALS):
        raise BadCredentials(fault.text, fault.code)
    return reply


def _country(http: Http) -> str:
    return "be" if http.credentials.get("country") == "BE" else "nl"


def _language(http: Http) -> str:
    return escape(http.credentials.get("language") or "en_EN")


def _fault_of(body: bytes) -> Fault | None:
    try:
        return _fault(as_xml(body))
    except BadPayload:
        return None


def _fault(root: ET.Element) -> Fault | None:
    """A SOAP fault in the words of its detail where it has one."""
    fault = root.find("Body/Fault")
    if fault is None:
        return None
    detail = next(children(fault, "detail/*"), None)
    code = child_text(detail, "errorCode") or child_text(detail, "faultCode") or child_text(fault, "faultcode")
    words = child_text(detail, "errorMessage") or child_text(detail, "message") or child_text(fault, "faultstring")
    return Fault(None, code, words)


def _is_empty(body: bytes) -> bool:
    """Whether a body is understood and says nothing at all."""
    try:
        return CARRIER.parse(body) == Answer()
    except BadPayload:
        return False


def _of_xml(root: ET.Element) -> Answer:
    if fault := _fault(root):
        return Answer(errors=(fault,))
    result = root.find("Body/getTrackingDataResponse/trackingresult")
    if result is None:
        for element in children(root, "Body/*"):
            if name := _OTHER_ANSWERS.get(element.tag):
                raise BadPayload(f"dpd: this is {name}, not tracking data (it is {element.tag})")
        raise BadPayload("dpd: neither a tracking result nor a fault; this is not tracking data of DPD")
    return _told(some(_plain(result)))


def _plain(element: ET.Element) -> Any:
    """An element in the shape that the same service has as JSON: elements of one name are a list."""
    if not len(element):
        return element.text or ""
    held: dict[str, Any] = {}
    for child in element:
        held.setdefault(child.tag, []).append(_plain(child))
    return {name: values[0] if len(values) == 1 else values for name, values in held.items()}


def _of_json(answer: Mapping[str, Any]) -> Answer:
    if "getTrackingDataResponse" in answer:
        told = some(answer["getTrackingDataResponse"])
        return _told(some(told.get("trackingResult") or told.get("trackingresult")))
    if "parcellifecycleResponse" in answer:
        return _of_page(some(some(answer["parcellifecycleResponse"]).get("parcelLifeCycleData")))
    if fault := _json_fault(answer):
        return Answer(errors=(fault,))
    raise other_body(answer, _OTHER_BODIES, "dpd: neither a tracking result nor an error; this is not tracking data")


def _of_page(data: Mapping[str, Any]) -> Answer:
    """The page names its parcel and lists its scans; the steps beside them say where it stands."""
    if not data:
        return Answer()
    if not text(some(data["shipmentInfo"]).get("parcelLabelNumber")):
        raise ValueError("a parcel without parcelLabelNumber")
    scans = oldest_first(map(_scan, _many(some(data.get("scanInfo")).get("scan"))))
    return Answer((_parcel(some(data["shipmentInfo"]), _reached(data), scans),))


def _json_fault(answer: Mapping[str, Any]) -> Fault | None:
    """Of the same services as JSON, or of the group's shipping API."""
    if isinstance(status := answer.get("status"), dict) and "message" in status:
        return Fault(None, text(status.get("type")) or text(status.get("code")), text(status["message"]))
    if "errorCode" in answer:
        return Fault(None, text(answer["errorCode"]), text(answer.get("errorMessage")))
    return None


def _told(result: Mapping[str, Any]) -> Answer:
    """One parcel by the steps that it has reached. Without any it is not known."""
    steps = _reached(result)
    scans = oldest_first(map(_step, steps))
    return Answer((_parcel(some(result.get("shipmentInfo")), steps, scans),)) if scans else Answer()


def _reached(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """DPD lists steps of the future too."""
    steps = (some(result.get("shipmentInfo")), *_many(result.get("statusInfo")))
    return [step for step in steps if _is(step, "statusHasBeenReached")]


def _parcel(shipment: Mapping[str, Any], steps: Sequence[Mapping[str, Any]], scans: tuple[Scan, ...]) -> Parcel:
    """Its status is the step that DPD calls the current one, else the newest scan that has one."""
    now = next((_meant(text(step.get("status"))) for step in steps if _is(step, "isCurrentStatus")), (None, None))
    if now[0] is None:
        now = next(((s.status, s.sub_status) for s in reversed(scans) if s.status), (None, None))
    status, sub_status = now
    service = _words(some(shipment.get("serviceDescription")).get("content"))
    return Parcel(
        number=text(shipment.get("parcelLabelNumber")),
        scans=scans,
        status=status,
        sub_status=sub_status,
        delivered_at=_delivered_at(scans) if status is Status.DELIVERED else None,
        service=service or text(shipment.get("productName")),
    )


def _many(value: object) -> Sequence[Mapping[str, Any]]:
    """One entry is written without a list, none as empty text or null."""
    return [value] if isinstance(value, dict) else each(value or None)


def _is(step: Mapping[str, Any], name: str) -> bool:
    return step.get(name) is True or step.get(name) == "true"


def _meant(code: str) -> tuple[Status | None, str | None]:
    """Types of scans have two digits, which some of DPD's systems write as one."""
    return meant(_FOLDED.get(code.zfill(2) if code.isdecimal() else code.casefold()))


def _step(step: Mapping[str, Any]) -> Scan:
    place = _place(_words(step.get("location")))
    words = _words(step.get("description")) or _words(step.get("label"))
    return _event(text(step.get("status")), words, _words(step.get("date")), place)


def _scan(entry: Mapping[str, Any]) -> Scan:
    data = some(entry.get("scanData"))
    code = text(some(data.get("scanType")).get("code"))
    place = _place(_words(data.get("location")))
    if country := text(data.get("country")):
        place = replace(place, country=country)
    words = _words(entry.get("scanDescription"))
    return _event(code, words, text(entry.get("date")), place)


def _event(code: str, words: str, time: str, place: Place) -> Scan:
    status, sub_status = _meant(code)
    moment = placed(_when(time), place)
    return scan_of(moment, Said(code, words, status, sub_status), place)


def _words(value: object) -> str:
    """A text that DPD has laid out for a page: the text itself, one that holds it as `content`, or lines of these."""
    if isinstance(value, dict):
        return _words(value.get("content"))
    if isinstance(value, list):
        return text(" ".join(map(_words, value)))
    return text(value)


def _place(words: str) -> Place:
    """ "Mechelen (BE)" """
    found = _PLACE.fullmatch(words)
    return Place(city=found[1], country=found[2]) if found else Place(city=words)


def _when(words: str) -> When:
    if found := _AMERICAN.fullmatch(words):
        month, day, year, hour, minute, second, half = found.groups()
        if not 1 <= int(hour) <= 12:
            return UNTIMED
        return _moment(year, month, day, int(hour) % 12 + (12 if half in "pP" else 0), minute, second)
    if found := _EUROPEAN.fullmatch(words):
        day, month, year, hour, minute, second = found.groups()
        return _moment(year, month, day, int(hour) if hour else None, minute, second)
    return when(words)


def _moment(year: str, month: str, day: str, hour: int | None, minute: str | None, second: str | None) -> When:
    clock = "" if hour is None else f"{hour:02d}:{minute}:{second or '00'}"
    return local_with_offset(f"{year}-{month:0>2}-{day:0>2}", clock, None)


def _delivered_at(scans: Sequence[Scan]) -> datetime | None:
    return next((s.at for s in reversed(scans) if s.status is Status.DELIVERED and s.at), None)
