"""DHL Parcel Germany: Parcel DE Tracking (XML, twenty numbers a call) and return labels with a code for the counter."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, Final
from xml.etree import ElementTree as ET
from xml.sax.saxutils import quoteattr

import httpx

from carriers.address import Address
from carriers.amounts import to_text
from carriers.auth import ClientCredentials, Tokens
from carriers.contract import (
    ENVIRONMENT,
    About,
    Answer,
    Budget,
    Estimate,
    Fault,
    Fetched,
    Field,
    Item,
    Label,
    LabelOrder,
    Parcel,
    Place,
    Scan,
)
from carriers.dhl_codes import PARCEL_DE, PARCEL_DE_ICE, PARCEL_DE_ICE_SILENT, PARCEL_DE_SILENT, parcel_de_word
from carriers.documents import unpacked
from carriers.download import format_of
from carriers.errors import BadCredentials, BadPayload, Refused
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
    reading,
    scan_of,
    some,
    text,
)
from carriers.reading_xml import as_xml
from carriers.status import Status
from carriers.zones import country_code, placed

CODES: Final[Mapping[str, str]] = MappingProxyType({**PARCEL_DE, **PARCEL_DE_ICE})
UNMAPPED: Final[Mapping[str, str]] = MappingProxyType({**PARCEL_DE_SILENT, **PARCEL_DE_ICE_SILENT})

TRACKING: Final = "/parcel/de/tracking/v0/shipments"
RETURNS: Final = "/parcel/de/shipping/returns/v1/orders"
TOKEN: Final = "/parcel/de/account/auth/ropc/v1/token"  # noqa: S105  (a path)

_OK: Final = "0"
_LOGIN_FAILED: Final = "5"
_NO_DATA: Final = "100"
_OVER: Final = {Status.DELIVERED, Status.RETURNED, Status.CANCELLED}
# What a state is called on the way back to the sender.
_GOING_BACK: Final[Mapping[Status, str]] = {
    Status.DELIVERED: "returned",
    Status.PICKED_UP: "returning",
    Status.IN_TRANSIT: "returning",
    Status.OUT_FOR_DELIVERY: "returning",
    Status.ATTEMPT_FAILED: "returning",
    Status.AVAILABLE_FOR_PICKUP: "returning",
}

_GERMAN_TIME: Final = re.compile(r"([0-9]{2})\.([0-9]{2})\.([0-9]{4})(?: +([0-9]{2}:[0-9]{2}(?::[0-9]{2})?))?")

# The countries that DHL Retoure takes parcels from, and how it calls them.
SENDERS: Final[Mapping[str, str]] = {
    "AT": "aut",
    "BE": "bel",
    "BG": "bgr",
    "CH": "che",
    "CY": "cyp",
    "CZ": "cze",
    "DE": "deu",
    "DK": "dnk",
    "EE": "est",
    "ES": "esp",
    "FI": "fin",
    "FR": "fra",
    "GB": "gbr",
    "GR": "grc",
    "HR": "hrv",
    "HU": "hun",
    "IE": "irl",
    "IT": "ita",
    "LT": "ltu",
    "LU": "lux",
    "LV": "lva",
    "MT": "mlt",
    "NL": "nld",
    "NO": "nor",
    "PL": "pol",
    "PT": "prt",
    "RO": "rou",
    "SE": "swe",
    "SI": "svn",
    "SK": "svk",
}
DECLARED: Final = frozenset({"CH", "GB", "NO"})  # outside of the EU's customs union
CURRENCIES: Final = frozenset({"CHF", "EUR", "GBP"})
MAX_ITEMS: Final = 20

# "Hafenstr. 12a", "Rue Haute 3-5", or "12, rue de la Paix" in the countries that write the number first.
_NUMBER_LAST: Final = re.compile(r"(?P<street>.*\D[\s,])\s*(?P<house>[0-9]+ ?[A-Za-z]?(?: ?[-/+] ?[0-9]+ ?[A-Za-z]?)*)")
_NUMBER_COMES_FIRST: Final = frozenset({"FR", "GB", "IE", "LU", "MT"})
_NUMBER_FIRST: Final = re.compile(r"(?P<house>[0-9]+[A-Za-z]?),?\s+(?P<street>\D.*)")


class DhlParcelDe:
    """The adapter. Stateless; safe to share between threads."""

    about = About(
        slug="dhl_parcel_de",
        name="DHL Parcel Germany",
        docs_url="https://developer.dhl.com/api-reference/dhl-parcel-de-returns-post-parcel-germany",
        live="https://api-eu.dhl.com",
        sandbox="https://api-sandbox.dhl.com",
        tracking_page="https://www.dhl.de/en/privatkunden/pakete-empfangen/verfolgen.html?piececode={number}",
        number_pattern=r"[0-9]{9,12}|(?:00)?340[0-9]{15,17}|JJ?D[0-9]{16,20}|[A-Z]{2}[0-9]{9}DE",
        codes=CODES,
        unmapped=UNMAPPED,
        budgets=(Budget(1, timedelta(seconds=1)),),
        batch_size=20,
        time_rule=(
            "Events have a German date and a time to the minute, local to their place. They are placed by the country "
            "of the event or, where it names none and the parcel stays in one country, by that country; where these do "
            "not tell one zone they stay local. The day of delivery is a date."
        ),
        fields=(
            Field("client_id", "API key", "Of an app with Parcel DE Returns and Tracking at developer.dhl.com."),
            Field("client_secret", "API secret", "Of the same app.", secret=True),
            Field("username", "Portal user", "Of the Post & DHL business customer portal; best a system user."),
            Field("password", "Portal password", secret=True),
            Field(
                "tracking_username",
                "Tracking user",
                "Only where tracking has another user than labels (the sandbox has: zt12345).",
                required=False,
            ),
            Field("tracking_password", "Tracking password", "Of the tracking user.", secret=True, required=False),
            Field(
                "receiver_id",
                "Receiver",
                "Where returns go, as set up in the portal. Left empty it is the customer's country: deu, che, fra ...",
                required=False,
            ),
            Field(
                "login",
                "Login for labels",
                required=False,
                default="token",
                choices={"token": "By OAuth with user and password", "basic": "By API key with user and password"},
            ),
            ENVIRONMENT,
        ),
        sources=(
            "DHL Parcel DE Returns 1.0.9, OpenAPI document, developer.dhl.com",
            "https://developer.dhl.com/api-reference/dhl-parcel-de-shipment-tracking-post-parcel-germany",
            "Parcel Germany, combinations of ICE event, RIC reason and standard event, July 2024",
        ),
        assumed=(
            "Parcel DE Tracking has no public specification beside its sandbox: its request and its codes 0, 5 (log-in "
            "failed) and 100 (no data) are known from clients, so are the twenty numbers a call.",
            "An event with ruecksendung=true is on the way back to the sender, so a delivery there is a return.",
            "Where a street has its number first, as in France, it is told apart from the name.",
        ),
        resells=True,
        gaps=(
            "DHL has no call to give a return label back, so a void is refused.",
            "DHL does not say what a label costs; it bills by the month.",
            "The code for the counter is offered for parcels from Germany alone.",
            "Limits are not published; one call a second is our own restraint.",
            "Signatures (d-get-signature) are not fetched.",
            "There is no push: see DHL (Shipment Tracking - Unified).",
        ),
    )

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        return TwoDoors(http, tokens)

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        user = http.credentials.get("tracking_username", "") or http.credentials.get("username", "")
        password = http.credentials.get("tracking_password", "") or http.credentials.get("password", "")
        reply = http.get(
            TRACKING, params={"xml": _question(numbers, user, password)}, headers={"Accept": "application/xml"}
        )
        _unless_logged_in(reply.body)
        return Fetched(reply.status, reply.body)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        with reading("dhl_parcel_de track"):
            if body.lstrip()[:1] == b"<":
                return _answer(as_xml(body))
            answer = as_object(body)
            if "title" in answer and ("detail" in answer or "status" in answer):
                words = dict.fromkeys(filter(None, (text(answer.get("title")), text(answer.get("detail")))))
                return Answer(errors=(Fault(None, _code(answer), ": ".join(words)),))
            if faults := _shipping_faults(answer):
                return Answer(errors=faults)
        raise _refusal(answer)

    def buy_label(self, http: Http, order: LabelOrder) -> Label:
        """One purchase. DHL knows no key of ours: a repeat is a second label, so a lost answer is OutcomeUnknown."""
        both = order.customer.country == "DE"
        reply = http.post(
            RETURNS,
            params={"labelType": "BOTH" if both else "SHIPMENT_LABEL"},
            json=_return_order(order, http.credentials.get("receiver_id", "")),
            buys=True,
        )
        return self.parse_label(reply.body)

    def parse_label(self, body: bytes) -> Label:
        """Of Parcel DE Returns, where labels are bought, or of Parcel DE Shipping, whose labels shops bring along."""
        with reading("dhl_parcel_de label"):
            answer = as_object(body)
            if "title" in answer and "shipmentNo" not in answer:
                words = text(answer.get("detail")) or text(answer.get("title"))
                raise Refused(words, _code(answer))
            if "items" in answer:
                return _shipping_label(answer)
            return _label(answer)

    def void_label(self, http: Http, label_ref: str) -> None:
        raise Refused("DHL Parcel Germany has no call that gives a return label back", "no_void")


CARRIER = DhlParcelDe()


class TwoDoors(httpx.Auth):
    """Tracking is entered with the app's key and secret; labels with a token, or with the app's key and the user."""

    def __init__(self, http: Http, tokens: Tokens) -> None:
        filled = http.credentials
        key, user, password = (filled.get(name, "") for name in ("client_id", "username", "password"))
        self._key = key
        self._app = httpx.BasicAuth(key, filled.get("client_secret", ""))
        self._user = httpx.BasicAuth(user, password)
        self._token: ClientCredentials | None = None
        if filled.get("login", "token") != "basic":
            fields = {"grant_type": "password", "username": user, "password": password}
            self._token = ClientCredentials.of_account(http, TOKEN, tokens, style="form", fields=fields)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if request.url.path.endswith(TRACKING):
            yield from self._app.auth_flow(request)
        elif self._token:
            yield from self._token.auth_flow(request)
        else:
            request.headers["dhl-api-key"] = self._key
            yield from self._user.auth_flow(request)

    def renew(self, request: httpx.Request) -> bool:
        is_by_token = self._token is not None and not request.url.path.endswith(TRACKING)
        return is_by_token and self._token is not None and self._token.renew(request)


# Tracking


def _question(numbers: Sequence[str], user: str, password: str) -> str:
    attributes = {
        "appname": user,
        "language-code": "en",
        "password": password,
        "piece-code": ";".join(numbers),
        "request": "d-get-piece-detail",
    }
    written = " ".join(f"{name}={quoteattr(value)}" for name, value in attributes.items())
    return f'<?xml version="1.0" encoding="UTF-8" standalone="no"?><data {written}/>'


def _unless_logged_in(body: bytes) -> None:
    """DHL answers a wrong user with 200 and a code: that is the operator's to mend, not an answer to keep."""
    try:
        root = as_xml(body)
    except BadPayload:
        return
    if root.get("code") == _LOGIN_FAILED:
        raise BadCredentials(text(root.get("error")) or "log-in failed", _LOGIN_FAILED)


def _answer(root: ET.Element) -> Answer:
    if root.tag != "data" or root.get("name") != "piece-shipment-list":
        raise _xml_refusal(root)
    parcels: list[Parcel] = []
    not_found: list[str] = []
    errors: list[Fault] = []
    code = text(root.get("code"))
    pieces = [piece for piece in root if piece.get("name") == "piece-shipment"]
    for piece in pieces:
        number = text(piece.get("searched-piece-code")) or text(piece.get("piece-code"))
        if not number:
            raise ValueError("a piece without a number")
        silent = not (len(piece) or piece.get("ice") or piece.get("standard-event-code"))
        state = text(piece.get("piece-status")) or text(piece.get("error-status")) or (silent and code) or _OK
        if state == _NO_DATA:
            not_found.append(number)
        elif state == _OK:
            parcels.append(_parcel(piece, number))
        elif state != code:  # an error of the whole call is not every piece's as well
            errors.append(Fault(number, state, text(piece.get("piece-status-desc"))))
    if code not in {"", _OK, _NO_DATA} or (code == _NO_DATA and not pieces):
        errors.insert(0, Fault(None, code, text(root.get("error"))))
    if not (parcels or not_found or errors):
        raise ValueError("no piece-shipment in the body")
    chosen = {parcel.number: parcel for parcel in sorted(parcels, key=_age)}  # a reused number is its newest parcel
    return Answer(tuple(chosen.values()), tuple(dict.fromkeys(not_found)), tuple(errors))


def _age(parcel: Parcel) -> str:
    return max((scan.local for scan in parcel.scans), default="")


def _parcel(piece: ET.Element, number: str) -> Parcel:
    home = _home(piece)
    history = next((part for part in piece if part.get("name") == "piece-event-list"), None)
    back = text(None if history is None else history.get("ruecksendung")) or text(piece.get("ruecksendung"))
    scans = oldest_first(_scan(event, home, back) for event in _events(history))
    status, sub_status = _mapped(piece, back)
    if status is None:
        status, sub_status = next(((s.status, s.sub_status) for s in reversed(scans) if s.status), (None, None))
    delivered = next((s.at for s in reversed(scans) if s.status is Status.DELIVERED and s.at), None)
    return Parcel(
        number=number,
        scans=scans,
        status=status,
        sub_status=sub_status,
        delivered_at=delivered if status is Status.DELIVERED else None,
        estimated=None if status in _OVER else _estimate(piece),
        service=text(piece.get("product-name")),
    )


def _events(history: ET.Element | None) -> Iterator[ET.Element]:
    return (event for event in ([] if history is None else history) if event.get("name") == "piece-event")


def _mapped(event: ET.Element, back: str) -> tuple[Status | None, str | None]:
    """The state of an event, or of the piece as a whole, turned round where it is on the way back to the sender.

    `back` is what the whole history says of that, for an event that says nothing itself.
    """
    ice, ric, standard = (text(event.get(name)) for name in ("ice", "ric", "standard-event-code"))
    status, sub_status = meant(parcel_de_word(ice, ric, standard))
    returns = (text(event.get("ruecksendung")) or back).casefold() == "true"
    if returns and status is not None and status in _GOING_BACK:
        return meant(_GOING_BACK[status])
    return status, sub_status


def _scan(event: ET.Element, home: str, back: str) -> Scan:
    """One event: the code is DHL's standard event, the finer ICE and RIC beside it."""
    ice, ric, standard = (text(event.get(name)) for name in ("ice", "ric", "standard-event-code"))
    code = standard or ice
    if not code:
        raise ValueError("an event without a code")
    status, sub_status = _mapped(event, back)
    land = text(event.get("event-country"))
    moment = placed(_when(event.get("event-timestamp")), Place(country=land or home))
    return scan_of(
        moment,
        Said(
            code,
            text(event.get("event-status")) or text(event.get("event-text")),
            status,
            sub_status,
            "/".join(filter(None, (ice, ric))) if standard else ric,
        ),
        Place(city=text(event.get("event-location")), country=country_code(land) or land),
    )


def _when(value: str | None) -> When:
    """ "18.03.2016 10:02", or the date alone; no time where it is written in another way."""
    found = _GERMAN_TIME.fullmatch((value or "").strip())
    return local_with_offset(f"{found[3]}-{found[2]}-{found[1]}", found[4], None) if found else UNTIMED


def _home(piece: ET.Element) -> str:
    """The one country that a parcel stays in; empty for any other."""
    ends = {country_code(text(piece.get(name))) for name in ("origin-country", "dest-country")}
    return ends.pop() if len(ends) == 1 else ""


def _estimate(piece: ET.Element) -> Estimate | None:
    for source in ("delivery-date", "delivery-timeframe-from"):
        written = text(piece.get(source))
        if day := (_when(written).local or local_with_offset(written[:10], None, None).local)[:10]:
            return Estimate(date.fromisoformat(day), date.fromisoformat(day), source)
    return None


def _xml_refusal(root: ET.Element) -> BadPayload:
    if root.tag == "data" and root.get("name"):
        return BadPayload(f"this is {text(root.get('name'), 40)}, not tracking data")
    if root.tag == "Envelope":
        return BadPayload("this is an answer of a SOAP service (business customer shipping), not tracking data")
    return BadPayload(f"this is XML of something else than Parcel DE Tracking ({root.tag[:40]})")


def _refusal(body: Mapping[str, Any]) -> BadPayload:
    names = {
        "shipmentNo": "the answer to buying a label",
        "items": "the answer to buying a label",
        "trackingResponse": "a sample that holds request, answer and error at once",
        "shipments": "an answer of Shipment Tracking - Unified, which the adapter dhl reads",
        "sendungen": "an answer of the page for recipients, which has words and no codes",
        "access_token": "a token",
    }
    for key, name in names.items():
        if key in body:
            return BadPayload(f"this is {name} (it has {key})")
    return BadPayload("neither Parcel DE Tracking nor an error of DHL Parcel Germany")


# Labels


def _return_order(order: LabelOrder, receiver_id: str) -> dict[str, Any]:
    """The customer is the shipper, as the label reads; where it goes is the receiver that the portal knows."""
    country = order.customer.country
    if country not in SENDERS:
        raise Refused(f"DHL Retoure takes no parcels from {country or 'nowhere'}", "country")
    return {
        "receiverId": receiver_id or SENDERS[country],
        "customerReference": order.rma[:50],
        "shipmentReference": order.key[:50],
        "shipper": _shipper(order.customer),
        "itemWeight": {"uom": "g", "value": max(order.grams, 1)},
        **({"customsDetails": {"items": _declared(order)}} if country in DECLARED else {}),
    }


def _shipper(customer: Address) -> dict[str, str]:
    street, house, rest = _street(customer)
    names = [name for name in (customer.name, customer.company) if name]
    long = [part for part in (*names, rest) if len(part) > 50]
    if not names or long:
        raise Refused("DHL prints a name, and an addition to the address, of up to 50 characters each", "address")
    optional = {
        "name2": names[1] if len(names) > 1 else "",
        "name3": rest,
        "email": customer.email if len(customer.email) <= 70 else "",
        "phone": customer.phone if len(customer.phone) <= 20 else "",
        "state": customer.region if len(customer.region) <= 20 else "",
    }
    return {
        "name1": names[0],
        "addressStreet": street,
        "addressHouse": house,
        "postalCode": customer.postcode,
        "city": customer.city[:40],
        **{name: value for name, value in optional.items() if value},
    }


def _street(address: Address) -> tuple[str, str, str]:
    """(street, house number, the rest) of the address lines. Raises Refused where no line has a house number."""
    patterns = (_NUMBER_LAST, _NUMBER_FIRST)
    for pattern in patterns[::-1] if address.country in _NUMBER_COMES_FIRST else patterns:
        for index, line in enumerate(address.lines):
            found = pattern.fullmatch(line.strip())
            if found and len(found["street"]) <= 50 and len(found["house"]) <= 10:
                rest = ", ".join(part for at, part in enumerate(address.lines) if at != index and part)
                return found["street"].strip(" ,"), found["house"].strip(), rest
    raise Refused("the customer's address has no house number", "house_number")


def _declared(order: LabelOrder) -> list[dict[str, Any]]:
    """One entry a piece: DHL does not say whether weight and value are of one piece or of all."""
    pieces = [item for item in order.items for _ in range(min(item.quantity, MAX_ITEMS + 1))]
    if not 1 <= len(pieces) <= MAX_ITEMS:
        raise Refused(f"DHL declares one to {MAX_ITEMS} pieces", "customs")
    return [_commodity(item, item.grams or order.grams // len(pieces)) for item in pieces]


def _commodity(item: Item, grams: int) -> dict[str, Any]:
    if item.currency not in CURRENCIES:
        raise Refused(f"DHL declares values in {', '.join(sorted(CURRENCIES))} only", "customs")
    origin = _three_letters(item.origin_country)
    return {
        "itemDescription": item.description[:50],
        "packagedQuantity": 1,
        "itemWeight": {"uom": "g", "value": max(grams, 1)},
        "itemValue": {"currency": item.currency, "value": float(to_text(item.unit_price_minor, item.currency))},
        **({"countryOfOrigin": origin} if origin else {}),
        **({"hsCode": item.hs_code} if 6 <= len(item.hs_code) <= 11 else {}),
    }


# Countries whose former names have three letters too.
_TODAY: Final = {"CD": "COD", "DE": "DEU", "FR": "FRA", "MM": "MMR", "TL": "TLS", "YE": "YEM"}


def _three_letters(country: str) -> str:
    from babel.core import get_global  # a table of 500 kB, opened with the first label for customs

    if country in _TODAY:
        return _TODAY[country]
    aliases: Mapping[str, Sequence[str]] = get_global("territory_aliases")
    return next((code for code, two in aliases.items() if len(code) == 3 and code.isalpha() and two == [country]), "")


def _label(answer: Mapping[str, Any]) -> Label:
    number = text(answer["shipmentNo"])
    body = unpacked(some(answer.get("label")).get("b64"))
    qr = unpacked(some(answer.get("qrLabel")).get("b64"))
    if not number or not (body or qr):
        raise ValueError("no shipmentNo or no label")
    return Label(
        ref=number,
        number=number,
        body=body,
        format=format_of(body) or "none",
        cost_minor=None,
        currency="",
        qr=qr,
        service="DHL Retoure",
        routing=text(answer.get("routingCode")),
    )


def _shipping_label(answer: Mapping[str, Any]) -> Label:
    """The first shipment of an answer of Parcel DE Shipping: the document itself, or where it lies."""
    if faults := _shipping_faults(answer):
        raise Refused(faults[0].text, faults[0].code)
    (item, *_) = each(answer["items"])
    number, document = text(item["shipmentNo"]), some(item.get("label"))
    body = unpacked(document.get("b64"))
    url = "" if body else text(document.get("url"), 2000)
    if not number or not (body or url):
        raise ValueError("no shipmentNo or no label")
    told = (text(document.get("fileFormat")) or text(document.get("format"))).casefold()
    return Label(
        ref=number,
        number=number,
        body=body,
        format=format_of(body) or (told if told in {"pdf", "png", "zpl"} else "none"),
        cost_minor=None,
        currency="",
        routing=text(item.get("routingCode")),
        size=text(document.get("printFormat")),
        url=url,
        customs=unpacked(some(item.get("customsDoc")).get("b64")),
    )


def _shipping_faults(answer: Mapping[str, Any]) -> tuple[Fault, ...]:
    """What Parcel DE Shipping objects to, by shipment and field, else its words about the shipment or the call."""
    found: list[Fault] = []
    for item in each(answer.get("items")):
        number = text(item.get("shipmentNo")) or None
        wrong = [m for m in each(item.get("validationMessages")) if text(m.get("validationState")) == "Error"]
        found += (Fault(number, text(m.get("property")), text(m.get("validationMessage"))) for m in wrong)
        if not wrong:
            found += _failed(item.get("sstatus"), number)
    return tuple(found or _failed(answer.get("status"), None))


def _code(status: Mapping[str, Any]) -> str:
    return text(status.get("statusCode")) or text(status.get("status"))


def _failed(status: object, number: str | None) -> list[Fault]:
    told = status if isinstance(status, dict) else {}
    code = _code(told)
    if not code.isdecimal() or int(code[:9]) < 400:
        return []
    return [Fault(number, code, text(told.get("detail")) or text(told.get("title")))]
