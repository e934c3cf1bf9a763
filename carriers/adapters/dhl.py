"""DHL: Shipment Tracking - Unified for all of DHL's divisions, one number a call, and the pushes of Unified Push."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, quote, urlsplit

from carriers.auth import Bearer, Tokens
from carriers.contract import (
    ENVIRONMENT,
    About,
    Answer,
    Budget,
    Estimate,
    Fault,
    Fetched,
    Field,
    Greeting,
    Hook,
    Parcel,
    Place,
    Scan,
    Subscribed,
    Trust,
    Wanted,
)
from carriers.dhl_codes import DIVISIONS
from carriers.errors import BadCredentials, BadPayload, Refused, UnknownNumber
from carriers.gateway import gateway_errors
from carriers.http import Http, Reply, carrier_words
from carriers.memory import remembered
from carriers.reading import (
    Said,
    as_object,
    each,
    meant,
    new_answer,
    new_parcel,
    oldest_first,
    place_of,
    reading,
    scan_of,
    some,
    text,
)
from carriers.signing import check_shared_text, one_header
from carriers.status import Status
from carriers.zones import Zones, country_code, when_there, zones_of

if TYPE_CHECKING:
    import httpx

# `statusCode`, the summary that all divisions share. What came of a "failure", and whether a parcel in "transit" is out
# for delivery, only the division's own code tells (`service` and `status`): its tables are in carriers.dhl_codes.
STATUS_CODES: Final[Mapping[str, str]] = {
    "pre-transit": "info_received",
    "transit": "in_transit",
    "failure": "exception",
    "delivered": "delivered",
}

NO_CODE: Final = "none"  # our word, not one of DHL's

CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **STATUS_CODES,
        **{f"{service}/{code}": word for service, (table, _) in DIVISIONS.items() for code, word in table.items()},
    }
)

UNMAPPED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "unknown": "DHL itself says that it does not know",
        NO_CODE: "DHL sent no code with the event",
        **{f"{service}/{code}": why for service, (_, silent) in DIVISIONS.items() for code, why in silent.items()},
    }
)

# Deutsche Post's letters are called by two names.
_ALIASES: Final[Mapping[str, str]] = {"post-de": "svb"}

HOOK_HEADER: Final = "doorstep-token"
EVENTS: Final = ("Pre-Transit", "Transit", "Delivered", "Failure", "Unknown")
_PUSH: Final = "/tracking/push/v1/subscription"
_OVER: Final = {Status.DELIVERED, Status.RETURNED, Status.CANCELLED}
_NUMBER: Final = re.compile(r"/shipments?/([0-9A-Za-z]{4,40})(?![0-9A-Za-z])")
_OWN_CODE: Final = re.compile(r"[0-9A-Z][0-9A-Z_/-]*")
_REF: Final = re.compile(r"[0-9A-Za-z_-]{1,80}")

_OTHER_XML: Final[Mapping[bytes, str]] = {
    b"getTrackAndTraceInfo": "an answer of DHL24, the API of DHL Parcel Poland",
    b"TrackingResponse": "an answer of the older XML API of DHL Express, which the adapter dhl_express reads",
    b"piece-shipment": "an answer of Parcel DE Tracking, which the adapter dhl_parcel_de reads",
    b"<track>": "an answer of the tracking of DHL eCommerce GlobalMail",
}
_OTHER_JSON: Final[Mapping[str, str]] = {
    "results": "an answer of the public tracking page, not of Shipment Tracking - Unified",
    "trackingResponse": "a sample that holds request, answer and error at once",
    "shipmentNo": "the answer to buying a label",
    "items": "the answer to buying a label",
}


class Dhl:
    """DHL, whatever the division. The adapter is stateless; safe to share between threads."""

    about = About(
        slug="dhl",
        name="DHL",
        docs_url="https://developer.dhl.com/api-reference/shipment-tracking",
        live="https://api-eu.dhl.com",
        sandbox="https://api-test.dhl.com",
        tracking_page="https://www.dhl.com/en/home/tracking/tracking-parcel.html?submit=1&tracking-id={number}",
        number_pattern=r"[0-9A-Z]{7,40}",
        codes=CODES,
        unmapped=UNMAPPED,
        budgets=(Budget(1, timedelta(seconds=5)), Budget(250, timedelta(days=1))),
        batch_size=1,
        hook_trust=Trust.HINT,
        time_rule=(
            "A timestamp with an offset or Z is that instant. Without one, as most divisions send it, it is local to "
            "the place of the event: it is placed by the country and postcode of the event or, where the event names "
            "none, by the country that ends the name of its town or that is both the parcel's origin and destination; "
            "where these do not tell one zone it stays local. An estimate at midnight, or without offset, is a date."
        ),
        fields=(
            Field(
                "api_key",
                "API key",
                "Of an app with Shipment Tracking - Unified at developer.dhl.com. A new key gives 250 calls a day, one "
                "every five seconds; more is asked for there.",
                secret=True,
            ),
            Field(
                "service",
                "Division",
                "Only where all parcels are of one division: express, parcel-de, parcel-nl, parcel-pl, ecommerce, "
                "ecommerce-europe, post-de, dgf, freight. Needed for push.",
                required=False,
            ),
            Field(
                "account",
                "Account number",
                "Your number with that division. With it one subscription pushes every parcel of the account.",
                required=False,
            ),
            Field(
                "webhook_secret",
                "Webhook token",
                f"DHL sends it back in the header {HOOK_HEADER}; one is made where it is left empty.",
                secret=True,
                required=False,
            ),
            ENVIRONMENT,
        ),
        hook_header_names=(HOOK_HEADER,),
        own_hook_secret=True,
        subscription_batch=10,
        sources=(
            "https://developer.dhl.com/api-reference/shipment-tracking",
            "https://developer.dhl.com/api-reference/shipment-tracking-unified-push",
            "DHL Shipment Tracking - Unified Push, 101 guide and Postman collection of July 2025, developer.dhl.com",
            "DHL's list of status codes per division (ecommerce, express, parcel-de, parcel-nl, ...)",
        ),
        assumed=(
            "250 calls a day and one every five seconds is the plan of a new key; it is quoted by clients.",
            "The handshake of a subscription (subscription.validate, a POST to the subscription with the header "
            "DHL-API-Hook-Secret, subscription.ready) is known from clients.",
            "Ten numbers a subscription is a limit that a client keeps; DHL does not publish one.",
            "post-de and svb are taken for the same division, Deutsche Post's letters.",
        ),
        gaps=(
            "Pushes are not signed: they only bring the next poll forward.",
            "Where a division writes words instead of a code into `status`, only the summary statusCode is read: a "
            "parcel on the delivery vehicle is then in transit.",
            "DHL's own samples show one event with Z and without; a Z is taken at its word.",
            "One number may be a parcel of two divisions; the one with the newest event is taken. Name the division "
            "in the connection to avoid it.",
            "Labels are not part of this API: see DHL Express and DHL Parcel Germany.",
            "DHL eCommerce Americas has an API of its own, which is not read here; its parcels are found through this "
            "one.",
        ),
    )

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        return Bearer(http.credentials.get("api_key", ""), header="DHL-API-Key", prefix="")

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        (number,) = numbers
        service = {"service": name} if (name := http.credentials.get("service", "")) else {}
        reply = http.get("/track/shipments", params={"trackingNumber": number, "language": "en", "limit": 5, **service})
        _unless_found(reply)
        return Fetched(reply.status, reply.body)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        _refuse_xml(body)
        with reading("dhl track"):
            answer = as_object(body)
            if "shipments" in answer:
                return new_answer(_newest(each(answer["shipments"])))
            if "title" in answer or "detail" in answer:
                return _problem(answer)
            if faults := gateway_errors(answer, status):
                return Answer(errors=faults)
        raise _refusal(answer)

    def verify(self, hook: Hook, secret: str, now: datetime) -> None:
        """The token that we gave with the subscription. It proves who knows it, and nothing about the body."""
        check_shared_text(one_header(hook.headers, HOOK_HEADER), secret)

    def hook_key(self, hook: Hook) -> str:
        return sha256(hook.body).hexdigest()

    def parse_hook(self, body: bytes) -> Answer:
        with reading("dhl webhook"):
            event = as_object(body)
            if text(event.get("scope")) in {"subscription.validate", "subscription.ready"}:
                return Answer()
            if "shipments" in event:
                return Answer(_newest(each(event["shipments"]), pushed=True))
        raise _refusal(event)

    def greet(self, hook: Hook, secret: str) -> Greeting | None:
        """The handshake: DHL sends a secret of its own, which `activate` gives back, and later that all is ready."""
        try:
            event = as_object(hook.body)
            scope = text(event.get("scope"))
            if scope == "subscription.ready":
                return Greeting()
            if scope != "subscription.validate":
                return None
            return Greeting(challenge=text(event.get("secret"), limit=2000), ref=_ref(event))
        except (BadPayload, TypeError, ValueError):
            return None

    def subscribe(self, http: Http, wanted: Wanted) -> Sequence[Subscribed]:
        """One subscription for the numbers, or for the account where no number is given."""
        service = http.credentials.get("service", "")
        account = http.credentials.get("account", "")
        if not service:
            raise BadCredentials("push needs the division; fill in the field service")
        if not wanted.numbers and not account:
            raise BadCredentials("push for an account needs its number; fill in the field account")
        what = {"type": "Shipment", "shipmentIDs": list(wanted.numbers)}
        reply = http.post(
            _PUSH,
            json={
                "hook": {
                    "uri": wanted.hook_url,
                    "authentication": {
                        "type": "ApiKeyAuthentication",
                        "header": HOOK_HEADER,
                        "token": wanted.secret,
                    },
                },
                "format": "Default",
                "service": service,
                "events": list(EVENTS),
                **(what if wanted.numbers else {"type": "Account", "accountID": account}),
            },
        )
        ref, refused = "", ""
        if reply.status >= 400:
            refused = ": ".join(filter(None, carrier_words(reply.body))) or f"DHL answered {reply.status}"
        else:
            with reading("dhl subscription"):
                ref = _ref(as_object(reply.body))
        return [Subscribed(number, ref, refused=refused) for number in wanted.numbers or ("",)]

    def unsubscribe(self, http: Http, ref: str) -> None:
        reply = http.delete(f"{_PUSH}/{quote(ref, safe='')}")
        if reply.status >= 400 and reply.status not in {404, 410}:
            _raise_refused(reply)

    def activate(self, http: Http, ref: str, challenge: str) -> None:
        reply = http.post(f"{_PUSH}/{quote(ref, safe='')}", headers={"DHL-API-Hook-Secret": challenge})
        if reply.status >= 400:
            _raise_refused(reply)


CARRIER = Dhl()


def _raise_refused(reply: Reply) -> None:
    code, words = carrier_words(reply.body)
    raise Refused(words or f"DHL answered {reply.status}", code)


def _ref(event: Mapping[str, Any]) -> str:
    """The subscription's id, by name or as the last part of its address. Raises ValueError for anything odd."""
    named = next((text(event[key]) for key in ("subscriptionId", "id", "self") if event.get(key)), "")
    ref = urlsplit(named).path.rstrip("/").rpartition("/")[2]
    if not _REF.fullmatch(ref):
        raise ValueError("no id of a subscription")
    return ref


def _unless_found(reply: Reply) -> None:
    """Raises UnknownNumber for DHL's "not found" that does not name the number: only the call knows which it was."""
    if reply.status != 404:
        return
    try:
        answer = as_object(reply.body)
        if answer.get("status") in {404, "404"} and not _named_in(answer):
            raise UnknownNumber(text(answer.get("detail")) or text(answer.get("title")), "404")
    except (BadPayload, TypeError):
        return


def _problem(answer: Mapping[str, Any]) -> Answer:
    """An error of the whole call; a 404 that names its number is that number's."""
    code = text(answer.get("status"))
    number = _named_in(answer)
    if code == "404" and number:
        return Answer(not_found=(number,))
    words = dict.fromkeys(filter(None, (text(answer.get("title")), text(answer.get("detail")))))
    return Answer(errors=(Fault(None, code, ": ".join(words)),))


def _named_in(answer: Mapping[str, Any]) -> str:
    """The number in `instance`: "/shipment/8264715546", or an address with trackingNumber=..."""
    instance = text(answer.get("instance"), limit=1000)
    asked = parse_qs(urlsplit(instance).query).get("trackingNumber", [""])[0]
    found = _NUMBER.search(instance)
    return asked or (found[1] if found else "")


def _newest(shipments: Sequence[Mapping[str, Any]], *, pushed: bool = False) -> tuple[Parcel, ...]:
    """One parcel a number: where two divisions have it, the one with the newest news."""
    chosen: dict[str, Parcel] = {}
    for parcel in (_parcel(shipment, pushed) for shipment in shipments):
        if parcel.number not in chosen or _age(parcel) > _age(chosen[parcel.number]):
            chosen[parcel.number] = parcel
    return tuple(chosen.values())


def _age(parcel: Parcel) -> str:
    return max((scan.local for scan in parcel.scans), default="")


def _parcel(shipment: Mapping[str, Any], pushed: bool) -> Parcel:
    """A push may bring the newest event alone, as the state of the parcel."""
    number = text(shipment["id"])
    if not number:
        raise ValueError("a shipment without id")
    service = text(shipment.get("service")).lower()
    home = _home(shipment)
    summary = _summary(shipment)
    events = each(shipment.get("events"))
    if pushed and not events and summary:
        events = [summary]
    scans = oldest_first([_scan(event, service, home) for event in events], newest_first=True)
    state = _said(service, summary.get("statusCode"), summary.get("status"), None, None)
    status, sub_status = state.status, state.sub_status
    if status is None:
        status, sub_status = next(((s.status, s.sub_status) for s in reversed(scans) if s.status), (None, None))
    details = some(shipment.get("details"))
    return new_parcel(
        number=number,
        scans=scans,
        status=status,
        sub_status=sub_status,
        delivered_at=_delivered_at(scans, status, summary, home),
        estimated=None if status in _OVER else _estimate(shipment),
        service=text(some(details.get("product")).get("productName")) or service,
    )


def _summary(shipment: Mapping[str, Any]) -> Mapping[str, Any]:
    """The state of the parcel: an object, or the bare code as some divisions push it."""
    status = shipment.get("status")
    return {"statusCode": status} if isinstance(status, str) else some(status)


def _scan(event: Mapping[str, Any], division: str, home: str) -> Scan:
    place, zones = _where(event, home)
    said = _said(division, event.get("statusCode"), event.get("status"), event.get("description"), event.get("remark"))
    return scan_of(when_there(event.get("timestamp"), zones), said, place)


@remembered(2048)
def _said(division: str, summary: object, status: object, description: object, remark: object) -> Said:
    """The division's own code decides; where it is silent or absent, DHL's summary (`statusCode`) does.

    Words in the place of the division's code are no code.
    """
    code, told = text(summary), text(status)
    own = told if _OWN_CODE.fullmatch(told) else ""
    words, more = text(description), text(remark)
    if more and more != words:
        words = f"{words}: {more}" if words else more
    table, _ = DIVISIONS.get(_ALIASES.get(division, division), ({}, {}))
    meaning, finer = meant(table.get(own) or STATUS_CODES.get(code.lower()))
    return Said(code or own or NO_CODE, words or told, meaning, finer, detail=own if code else "")


def _where(event: Mapping[str, Any], home: str) -> tuple[Place, Zones]:
    """The place of an event, and the zones of its clock."""
    address = some(some(event.get("location")).get("address"))
    return _place(address.get("addressLocality"), address.get("postalCode"), address.get("countryCode"), home)


@remembered(4096)
def _place(town: object, postcode: object, country: object, home: str) -> tuple[Place, Zones]:
    """A clock is local to its place where DHL sends no offset, and to `home` where that names no country."""
    place = place_of(town, None, postcode, country)
    if place.country:
        return place, zones_of(place.country, "", place.postcode)
    told = country_code(place.city.rpartition(",")[2])  # "Radefeld, Germany", or the country alone
    return place, zones_of(told or home, "", "")


def _home(shipment: Mapping[str, Any]) -> str:
    """The one country that a domestic parcel stays in; empty for any other."""
    origin, destination = (text(_end(shipment, name).get("countryCode")) for name in ("origin", "destination"))
    return origin if origin == destination else ""


def _end(shipment: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return some(some(shipment.get(name)).get("address"))


def _delivered_at(
    scans: Sequence[Scan], status: Status | None, summary: Mapping[str, Any], home: str
) -> datetime | None:
    if status is not Status.DELIVERED:
        return None
    scanned = next((s.at for s in reversed(scans) if s.status is Status.DELIVERED and s.at), None)
    return scanned or when_there(summary.get("timestamp"), _where(summary, home)[1]).at


def _estimate(shipment: Mapping[str, Any]) -> Estimate | None:
    """The window, else the estimated time of delivery."""
    frame = some(shipment.get("estimatedDeliveryTimeFrame"))
    end = _end(shipment, "destination")
    zones = zones_of(text(end.get("countryCode")), "", text(end.get("postalCode")))
    edges = (frame.get("estimatedFrom"), frame.get("estimatedThrough"))
    return _span(edges, zones, "estimatedDeliveryTimeFrame") or (
        _span((shipment.get("estimatedTimeOfDelivery"),), zones, "estimatedTimeOfDelivery")
    )


def _span(values: Sequence[object], zones: Zones, source: str) -> Estimate | None:
    """From the first to the last; where one edge is only a date, or at midnight, both are dates of the place."""
    edges = [moment for value in values if (moment := when_there(value, zones)).local]
    if not edges:
        return None
    instants = [edge.at for edge in edges if edge.at and not edge.local.endswith("T00:00:00")]
    if len(instants) == len(edges):
        return Estimate(min(instants), max(instants), source)
    days = [date.fromisoformat(edge.local[:10]) for edge in edges]
    return Estimate(min(days), max(days), source)


def _refuse_xml(body: bytes) -> None:
    """XML of DHL's other APIs, named; anything else that is no JSON is named by as_object."""
    if body.lstrip()[:1] == b"<":
        name = next((name for mark, name in _OTHER_XML.items() if mark in body), "")
        if name:
            raise BadPayload(f"this is {name}, not of Shipment Tracking - Unified")


def _refusal(body: Mapping[str, Any]) -> BadPayload:
    for key, name in _OTHER_JSON.items():
        if key in body:
            return BadPayload(f"this is {name} (it has {key})")
    return BadPayload("no shipments in the body; this is not tracking data of DHL")
