"""USPS: tracking by number (Tracking v3), pushes for a mailer ID, return labels with a code for the counter.

Answers of the Web Tools API, which USPS retired in January 2026, are still read: shops keep them in their archives.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email import message_from_bytes
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from uuid import UUID
from xml.etree import ElementTree as ET

import httpx
import orjson

from carriers.address import Address, fitted_lines
from carriers.amounts import to_minor, to_text
from carriers.auth import ClientCredentials, Tokens
from carriers.contract import (
    ENVIRONMENT,
    NO_OR_YES,
    About,
    Answer,
    Budget,
    Estimate,
    Fault,
    Fetched,
    Field,
    Greeting,
    Hook,
    Item,
    Label,
    LabelOrder,
    Parcel,
    Place,
    Scan,
    Subscribed,
    Wanted,
    ZoneFrom,
)
from carriers.download import base64_bytes, format_of
from carriers.errors import BadCredentials, BadPayload, BadSignature, Refused, UnknownNumber
from carriers.gateway import gateway_errors
from carriers.http import Http, carrier_words, granted
from carriers.reading import (
    NOWHERE,
    UNTIMED,
    Said,
    When,
    as_json,
    as_object,
    each,
    local_with_offset,
    meant,
    offset_of,
    offset_text,
    oldest_first,
    other_body,
    reading,
    scan_of,
    some,
    text,
    when,
)
from carriers.reading_xml import as_xml, child_text, children
from carriers.signing import check_hmac, one_header
from carriers.status import Status
from carriers.zones import placed

if TYPE_CHECKING:
    from carriers.http import Reply

# Scan events of Publication 199, appendix G-4, as far as published tables and recorded answers name them.
EVENTS: Final[Mapping[str, str]] = {
    "01": "delivered",
    "02": "attempt_failed",
    "03": "picked_up",
    "04": "exception.refused",
    "05": "exception.address",
    "06": "in_transit.redirected",
    "07": "in_transit.arrived_depot",
    "08": "exception.misrouted",
    "09": "returning",
    "10": "in_transit.arrived_hub",
    "11": "exception",
    "14": "in_transit.arrived_depot",
    "15": "exception.misrouted",
    "16": "available_for_pickup.at_point",
    "17": "delivered.collected",
    "19": "in_transit.arrived_hub",
    "21": "exception.address",
    "22": "exception.address",
    "23": "exception.moved",
    "24": "exception.moved",
    "25": "exception.address",
    "26": "exception.address",
    "27": "returning",  # "unclaimed, being returned to sender"
    "28": "exception",
    "29": "exception",
    "30": "attempt_failed.no_access",
    "31": "exception.pickup_expired",
    "41": "in_transit",
    "42": "in_transit.handed_to_partner",
    "51": "attempt_failed.closed",
    "52": "attempt_failed",
    "53": "attempt_failed.no_access",
    "54": "attempt_failed.no_access",
    "55": "attempt_failed.no_access",
    "56": "attempt_failed.not_home",
    "71": "attempt_failed.rescheduled",
    "80": "picked_up",
    "81": "in_transit.arrived_hub",
    "82": "in_transit.departed_hub",
    "A1": "in_transit.arrived_hub",
    "AD": "picked_up",  # accepted from a shipping partner, near the destination
    "EF": "in_transit.departed_hub",
    "GX": "info_received.label_created",
    "MA": "info_received.data_received",
    "NP": "info_received.data_received",
    "NT": "in_transit",
    "OA": "picked_up",
    "OF": "out_for_delivery.on_vehicle",
    "PA": "picked_up",
    "PC": "in_transit.arrived_depot",
    "SF": "in_transit.departed_origin",
    "T1": "in_transit.departed_hub",
    "TL": "in_transit",
    "TM": "picked_up",
}

# How sentences of a summary begin: the words that stand beside a code where USPS tells codes.
SENTENCES: Final[Mapping[str, str]] = {
    "accepted at usps origin facility,": "OA",
    "accepted at usps origin sort facility,": "OA",
    "acceptance,": "03",
    "arrived at post office,": "07",
    "arrived at usps facility,": "10",
    "arrived at usps origin facility,": "10",
    "arrived at usps regional facility,": "A1",
    "arrived at usps regional origin facility,": "10",
    "available for pickup,": "16",
    "delivered,": "01",
    "departed post office,": "SF",
    "departed usps facility,": "EF",
    "departed usps regional facility,": "T1",
    "in transit to next facility,": "TL",
    "notice left,": "02",
    "origin post is preparing shipment,": "NP",
    "out for delivery,": "OF",
    "shipping label created,": "GX",
    "sorting complete,": "PC",
    "usps in possession of item,": "03",
    "your item arrived at our usps facility ": "10",
    "your item departed our usps facility ": "EF",
    "your item is out for delivery ": "OF",
    "your item was delivered ": "01",
}
# A delivery, by its code, that is the end of a way back.
_TO_SENDER: Final = "original sender"
# A delivery that is none yet: somebody else does the rest.
_TO_AGENT: Final = "agent"

# `statusCategory`, the summary that USPS makes of a parcel. "Alert" is any trouble, so there the newest scan speaks.
CATEGORIES: Final[Mapping[str, str]] = {
    "Accepted": "picked_up",
    "Alert": "exception",
    "Available for Pickup": "available_for_pickup",
    "Delivered": "delivered",
    "Delivery Attempt": "attempt_failed",
    "In Transit": "in_transit",
    "Out for Delivery": "out_for_delivery",
    "Pre-Shipment": "info_received",
}


def _all(codes: str, reason: str) -> dict[str, str]:
    """One reason for many codes, which are parted by bars."""
    return dict.fromkeys(codes.split("|"), reason)


_WORDS = "a word of a client, in no list of USPS"
UNMAPPED: Final[Mapping[str, str]] = {
    "43": "picked up, but by whom the lists do not say: a shipping partner or the receiver",
    "44": "the sender called it back; whether it turned round is another scan",
    "DX": "USPS says that the status was not updated",
    **_all("on hold|delivered|in transit|delivery failed|delivery delayed|out for delivery|ready for pickup", _WORDS),
    **_all("picked up|picked_up|pu|origin scan|acceptance|damaged|dmg|misrouted|msr|lost|lo|late|lt", _WORDS),
    **_all("address_not_found|anf|no_such_number|vehicle_breakdown|vb|refused|rf|business_closed|bc", _WORDS),
    **_all("not_available|na|not_home|nh|incorrect_address|ia|wrong_address|access_restricted|ar", _WORDS),
    **_all("no_secure_location|customs_delay|cd|customs_hold|customs_documentation|cm|customs_unpaid|cu", _WORDS),
    **_all("duties_unpaid|weather|we|weather_delay|natural_disaster|nd|emergency|delivery_attempted|da", _WORDS),
    **_all("attempted|no_access|ns|signature_required|sr|moved|mv|recipient_moved", _WORDS),
}

# Sub-codes of a 400 that mean: no such number (yet). The others of the family are about a parcel that USPS will not
# show: 150008 a country, 150011 a pickup, 150012 false postage.
NOT_FOUND: Final = frozenset({"150001", "150002", "150003", "150004", "150009", "150010", "404"})
# The same in the Web Tools API.
OLD_NOT_FOUND: Final = frozenset({"-2147219301", "-2147219302"})

RETURN_CLASS: Final = "USPS_GROUND_ADVANTAGE_RETURN_SERVICE"
VENDOR_JSON: Final = "application/vnd.usps.labels+json"
QR_IMAGE: Final = "LABEL_BROKER"
SUBSCRIPTIONS: Final = "/subscriptions-tracking/v3/subscriptions"
# USPS drops a subscription after 30 days in which it had nothing to push.
SUBSCRIPTION_LIFE: Final = timedelta(days=25)
SECRET_LENGTH: Final = 32
PAYMENT_LIFE: Final = timedelta(hours=8)
# Mail to and from these is domestic and yet wants a customs form.
CUSTOMS_STATES: Final = frozenset({"AA", "AE", "AP", "AS", "FM", "GU", "MH", "MP", "PW"})
POUND_GRAMS: Final = Decimal("453.59237")
_OVER = {Status.DELIVERED, Status.RETURNED, Status.CANCELLED}
_MARKUP = re.compile(r"<[^<>]{0,20}>")
_DUPLICATE = re.compile(r"subscriptionId\s*:\s*([0-9A-Za-z-]{8,64})")
_MONTH_DATE = re.compile(r"([A-Z][a-z]+) ([0-9]{1,2}), ([0-9]{4})")
_SENTENCE_DAY = re.compile(r"\b[A-Z][a-z]+ [0-9]{1,2}, [0-9]{4}\b")
_SENTENCE_PLACE = re.compile(r"(?:, | in )([A-Z][A-Z .'-]*), ([A-Z]{2}) ([0-9]{5})\b")
_MONTHS = {
    **{"January": 1, "February": 2, "March": 3, "April": 4, "May": 5, "June": 6},
    **{"July": 7, "August": 8, "September": 9, "October": 10, "November": 11, "December": 12},
}
_PARTS = re.compile(rb"\s*--[0-9A-Za-z'()+_,./:=? -]{1,70}\r?\nContent-", re.IGNORECASE)
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2}) ?(am|pm)", re.IGNORECASE)
_BOX = re.compile(r"([0-9]{1,2}(?:\.[0-9])?)x([0-9]{1,2}(?:\.[0-9])?)x([0-9]{1,2}(?:\.[0-9])?)")

_CANCELLATION: Final = frozenset({"trackingNumber", "status", "disputeId"})
_OTHER_BODIES: Final[Mapping[str, str]] = {
    "returnLabelMetadata": "the answer to buying a label",
    "labelMetadata": "the answer to buying a label",
    "returnLabelImage": "the answer to buying a label",
    "labelAddress": "the answer to buying a label",
    "subscriptionId": "a notification or the answer to a subscription",
    "access_token": "a token",
    "paymentAuthorizationToken": "a payment authorization",
}

ABOUT = About(
    slug="usps",
    name="USPS",
    docs_url="https://developers.usps.com/trackingv3",
    live="https://apis.usps.com",
    sandbox="https://apis-tem.usps.com",
    tracking_page="https://tools.usps.com/go/TrackConfirmAction?tLabels={number}",
    number_pattern=r"9[1-5][0-9]{20}|420[0-9]{5}(?:[0-9]{4})?9[1-5][0-9]{20}|[0-9]{20}|[A-Z]{2}[0-9]{9}US",
    codes={**EVENTS, **{f"category/{category}": word for category, word in CATEGORIES.items()}},
    unmapped=UNMAPPED,
    budgets=(Budget(60, timedelta(hours=1)), Budget(5, timedelta(minutes=1))),
    batch_size=1,
    time_rule=(
        "`eventTimestamp` is the clock of the place to the minute, also where it ends in Z. What lies between it and "
        "`GMTTimestamp` is its offset, else `GMTOffset`, in minutes (-240) or hours (-05:00). Where the three "
        "contradict each other, and in answers of the Web Tools API, the clock is read in the zone of its place, as "
        "far as state and ZIP code tell one."
    ),
    hook_header_names=("x-hmac",),
    subscription_life=SUBSCRIPTION_LIFE,
    fields=(
        Field("client_id", "Consumer key", "Of an app at developers.usps.com that has the product Tracking."),
        Field("client_secret", "Consumer secret", secret=True),
        Field(
            "webhook_secret",
            "Push secret",
            "Exactly 32 characters of your own; USPS signs what it pushes with it.",
            secret=True,
            required=False,
        ),
        Field("alert_email", "E-mail for warnings", "USPS writes here before it drops a subscription.", required=False),
        Field("crid", "Customer registration ID (CRID)", "Needed for labels.", required=False),
        Field(
            "mid", "Mailer ID (MID)", "Needed for labels, and for pushes: USPS pushes what bears it.", required=False
        ),
        Field("manifest_mid", "Manifest mailer ID", "Needed for labels; often the mailer ID again.", required=False),
        Field(
            "account_type",
            "Kind of payment account",
            required=False,
            default="EPS",
            choices={
                "EPS": "Enterprise Payment System",
                "PERMIT": "Permit",
                "METER": "Meter",
                "OMAS": "Official mail (OMAS)",
            },
        ),
        Field("account", "Payment account number", "Needed for labels.", required=False),
        Field(
            "box", "Usual box", "Length x width x height in inches; USPS wants one.", required=False, default="12x9x4"
        ),
        Field(
            "qr",
            "Codes for the counter",
            "With each label also a QR code that a post office prints it from, so that shoppers need no printer.",
            required=False,
            default="no",
            choices=NO_OR_YES,
        ),
        ENVIRONMENT,
    ),
    assumed=(
        "What sentences of a summary mean: they begin with the words that stand beside codes elsewhere. Others, and "
        "those without a day, say nothing.",
        "The codes of scan events: the table of Publication 199 reached us through clients and recorded answers.",
        "Five calls a minute beside the sixty an hour: one client reports it.",
        "All about pushes (subscription, handshake, X-HMAC): clients agree on it, USPS shows it to customers alone.",
        "A subscription that had nothing to push for 30 days is dropped; it is renewed after 25.",
    ),
    sources=(
        "USPS OpenAPI documents Tracking 3.2.6, Domestic Labels 3.9.13, Payments 3, 2026-06",
        "https://github.com/USPS/api-examples (README, and the error inventory)",
        "github.com/USPS/api-examples issues 30, 56, 107",
        "USPS Web Tools, Track and Confirm, recorded answers",
    ),
    gaps=(
        "USPS gives 60 calls an hour to all of an app together, tokens and labels included, unless it agrees to more.",
        "Tracking v3r2 takes 35 numbers a call. USPS does not publish what it answers, so v3 with one number is asked; "
        "lists of answers are read all the same.",
        "An app without the product Tracking gets tokens, and then 401 for every number.",
        "USPS uses numbers again. Where an answer holds several parcels of one number, the last one mailed counts.",
        "A return label cannot be cancelled (160187). Postage is not printed on it and due once it is scanned, so an "
        "unused one is thrown away.",
        "Return labels are domestic. Weights above 70 pounds and international returns are refused by USPS.",
        "Delivery windows are clock times of unknown form and left out; the expected day is read.",
    ),
)


class Usps:
    """USPS. Sixty calls an hour: pushes, where they are set up, spare most of them."""

    about = ABOUT

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        return _Paid(http, ClientCredentials.of_account(http, "/oauth2/v3/token", tokens, style="form"), tokens)

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        (number,) = numbers
        try:
            reply = http.get(f"/tracking/v3/tracking/{quote(number, safe='')}", params={"expand": "DETAIL"})
        except BadCredentials as error:
            if "client application identifier" in error.text.lower():  # a token without the scope of Tracking
                raise BadCredentials(f"{error.text} Does this app have the product Tracking?", error.code) from None
            raise
        if reply.status in {400, 404}:
            _raise_unknown(reply)
        return Fetched(reply.status, reply.body)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        if _PARTS.match(body):
            raise BadPayload("this is the answer to buying a label, in parts, not tracking data")
        with reading("usps track"):
            if body.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
                return _old_answer(as_xml(body))
            answer = as_json(body)
            if isinstance(answer, list):
                return _newest((_mailed(one), _answer(one)) for one in each(answer))
            if isinstance(answer, dict):
                return _answer(answer, status)
        raise BadPayload("the body is JSON, but neither an object nor a list")

    def verify(self, hook: Hook, secret: str, now: datetime) -> None:
        """`X-HMAC`: base64 of HMAC-SHA256 over the timestamp and the text of the payload, as they stand in the body."""
        given = one_header(hook.headers, "x-hmac")
        try:
            event = orjson.loads(hook.body)
            signed = event["timestamp"] + event["payload"]
            message = signed.encode()
        except (KeyError, TypeError, AttributeError, ValueError):
            raise BadSignature("no timestamp and payload to check") from None
        check_hmac(given, secret, message, encodings=("base64",))

    def hook_key(self, hook: Hook) -> str:
        return sha256(hook.body).hexdigest()

    def parse_hook(self, body: bytes) -> Answer:
        """An envelope whose `payload` is JSON in a text: a parcel as when polled, or one scan event with its number."""
        with reading("usps notification"):
            event = as_object(body)
            if "payload" in event:
                inside = event["payload"]
                held = inside if isinstance(inside, dict) else as_object(text(inside, 1_000_000).encode())
                return _pushed(held)
        raise other_body(event, _OTHER_BODIES, "no payload in the body; this is no notification of USPS")

    def greet(self, hook: Hook, secret: str) -> Greeting | None:
        """A new subscription is only made once the address has repeated a challenge."""
        try:
            call = orjson.loads(hook.body)
        except ValueError:
            return None
        challenge = call.get("challenge") if isinstance(call, dict) and "payload" not in call else None
        if not isinstance(challenge, str) or not 0 < len(challenge) <= 500:
            return None
        return Greeting(orjson.dumps({"challenge": challenge}))

    def subscribe(self, http: Http, wanted: Wanted) -> Sequence[Subscribed]:
        """One subscription for all that bears the mailer ID. One that is there already is replaced, which renews it."""
        mid, email = _filled(http, "mid"), _filled(http, "alert_email")
        if len(wanted.secret) != SECRET_LENGTH:
            raise Refused(f"USPS wants a push secret of exactly {SECRET_LENGTH} characters")
        body = {
            "listenerURL": wanted.hook_url,
            "secret": wanted.secret,
            "adminNotification": [{"email": email}],
            "filterProperties": {"MID": mid},
        }
        reply = http.post(SUBSCRIPTIONS, json=body)
        if reply.status == 400 and (standing := _DUPLICATE.search(reply.body.decode("utf-8", "replace"))):
            self.unsubscribe(http, standing[1])
            reply = http.post(SUBSCRIPTIONS, json=body)
        if reply.status >= 400:
            code, words = carrier_words(reply.body)  # USPS repeats the secret in them
            raise Refused((words or f"USPS answered {reply.status}").replace(wanted.secret, "..."), code)
        with reading("usps subscription"):
            ref = text(as_object(reply.body)["subscriptionId"])
        return [Subscribed("", ref, datetime.now(UTC) + SUBSCRIPTION_LIFE)]

    def buy_label(self, http: Http, order: LabelOrder) -> Label:
        """The same `order.key` with the same order gives the same label and no second charge: USPS knows the key."""
        reply = http.post(
            "/labels/v3/return-label",
            json=_label_body(http, order),
            headers={"Accept": VENDOR_JSON, "X-Idempotency-Key": _idempotency_key(order.key)},
            buys=True,
        )
        return self.parse_label(granted(reply, "USPS").body)

    def void_label(self, http: Http, label_ref: str) -> None:
        raise Refused("USPS does not cancel return labels; an unused one costs nothing and is thrown away", "160187")

    def parse_label(self, body: bytes) -> Label:
        """One JSON, as we ask for it, or the parts that USPS sends otherwise; pictures are base64 in both."""
        with reading("usps label"):
            answer = _parts(body) if _PARTS.match(body) else as_object(body)
            if answer.get("error"):
                fault = _faults(answer)[0]
                raise Refused(fault.text, fault.code)
            return _label(answer)

    def unsubscribe(self, http: Http, ref: str) -> None:
        """USPS deletes only what is named with its present ETag; a second try covers a change between the two calls."""
        path = f"{SUBSCRIPTIONS}/{quote(ref, safe='')}"
        for _ in range(2):
            found = http.get(path)
            if found.status == 404:
                return
            ended = http.delete(path, headers={"If-Match": granted(found, "USPS").headers.get("etag", "")})
            if ended.status != 412:
                break
        if ended.status != 404:
            granted(ended, "USPS")


def _filled(http: Http, name: str) -> str:
    """What the operator filled in. Raises BadCredentials that names the field."""
    if value := http.credentials.get(name, ""):
        return value
    label = next(field.label for field in ABOUT.fields if field.name == name)
    raise BadCredentials(f"USPS needs the {label}; fill it in")


class _Paid(httpx.Auth):
    """The access token on every call, and on calls for labels the payment authorization, which lasts eight hours too.

    Both come from the shared tokens: USPS counts each of these calls, and asks not to authorize label by label.
    """

    def __init__(self, http: Http, access: ClientCredentials, tokens: Tokens) -> None:
        self._http = replace(http, auth=access)
        self._access = access
        self._tokens = tokens
        roles = sorted(http.credentials.items())
        self._key = sha256(repr((http.base, "payment", roles)).encode()).hexdigest()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if request.url.path.startswith("/labels/"):
            paid = self._tokens.get(self._key, self._authorize)
            request.headers["X-Payment-Authorization-Token"] = paid
        yield from self._access.auth_flow(request)

    def renew(self, request: httpx.Request) -> bool:
        paid = request.headers.get("X-Payment-Authorization-Token", "")
        if paid:
            self._tokens.drop(self._key, paid)
        return self._access.renew(request) or bool(paid)

    def _authorize(self) -> tuple[str, timedelta]:
        payer = {
            "CRID": _filled(self._http, "crid"),
            "MID": _filled(self._http, "mid"),
            "manifestMID": _filled(self._http, "manifest_mid"),
        }
        account = {
            "accountType": self._http.credentials.get("account_type") or "EPS",
            "accountNumber": _filled(self._http, "account"),
        }
        roles = [{"roleName": "PAYER", **payer, **account}, {"roleName": "LABEL_OWNER", **payer}]
        reply = granted(self._http.post("/payments/v3/payment-authorization", json={"roles": roles}), "USPS")
        with reading("usps payment authorization"):
            token = text(as_object(reply.body)["paymentAuthorizationToken"], 16384)
        if not token or not token.isascii() or " " in token:
            raise BadPayload("usps payment authorization: not usable in a header")
        return token, PAYMENT_LIFE


def _idempotency_key(key: str) -> str:
    """USPS wants a random UUID, and we the same one for every try: one made of our key by a hash is both."""
    return str(UUID(bytes=sha256(key.encode()).digest()[:16], version=4))


def _label_body(http: Http, order: LabelOrder) -> dict[str, Any]:
    """Addresses as printed: from the customer, to the warehouse."""
    qr = http.credentials.get("qr") == "yes"
    image = {"imageType": QR_IMAGE, "includeLabelBrokerPDF": True} if qr else {"imageType": "PDF"}
    return {
        "imageInfo": {**image, "labelType": "4X6LABEL", "receiptOption": "NONE"},
        "fromAddress": _address(order.customer),
        "toAddress": _address(order.warehouse),
        "packageDescription": {
            "mailClass": order.service or RETURN_CLASS,
            "rateIndicator": "SP",
            "processingCategory": "MACHINABLE",
            "weightUOM": "lb",
            "weight": _pounds(order.grams),
            "dimensionsUOM": "in",
            **_box(http.credentials.get("box", "")),
            "customerReference": [{"referenceNumber": order.rma[:30], "printReferenceNumber": True}],
        },
        **({"customsForm": _customs(order)} if _wants_customs(order) else {}),
    }


def _address(address: Address) -> dict[str, str]:
    """Raises Refused for what USPS would not take, or would take cut short."""
    zip_code, _, plus4 = address.postcode.replace(" ", "-").partition("-")
    if address.country != "US" or not re.fullmatch("[0-9]{5}", zip_code):
        raise Refused("USPS return labels are domestic: from and to an address in the United States with a ZIP code")
    try:
        street, *more = fitted_lines(address.lines, width=50, most=2)
    except ValueError as error:
        raise Refused(str(error)) from None
    first, _, last = address.name.rpartition(" ")
    named = {"firstName": first[:50], "lastName": last[:50]} if first else {}
    firm = address.company or ("" if first else address.name)
    return {
        **named,
        **({"firm": firm[:50]} if firm else {}),
        "streetAddress": street,
        **({"secondaryAddress": more[0]} if more else {}),
        "city": address.city[:28],
        "state": address.region.removeprefix("US-"),
        "ZIPCode": zip_code,
        **({"ZIPPlus4": plus4} if re.fullmatch("[0-9]{4}", plus4) else {}),
    }


def _pounds(grams: int) -> float:
    """In hundredths of a pound, rounded up: a parcel declared too light is charged again on the way."""
    return math.ceil(Decimal(max(grams, 1)) / POUND_GRAMS * 100) / 100


def _box(size: str) -> dict[str, Any]:
    found = _BOX.fullmatch(size or "12x9x4")
    if not found:
        raise BadCredentials("the usual box is not of the form 12x9x4, in inches")
    return {name: float(found[i]) for i, name in enumerate(("length", "width", "height"), 1)}


def _wants_customs(order: LabelOrder) -> bool:
    return not CUSTOMS_STATES.isdisjoint(a.region.removeprefix("US-") for a in (order.customer, order.warehouse))


def _customs(order: LabelOrder) -> dict[str, Any]:
    if not order.items or any(item.currency != "USD" for item in order.items):
        raise Refused("USPS wants what is in this parcel for customs, with its value in US dollars")
    pieces = sum(item.quantity for item in order.items)
    return {
        "customsContentType": "RETURNED_GOODS",
        "AESITN": "NOEEI 30.37(a)",
        "invoiceNumber": order.rma[:15],
        "contents": [_customs_item(item, order.grams * item.quantity // pieces) for item in order.items],
    }


def _customs_item(item: Item, grams: int) -> dict[str, Any]:
    return {
        "itemDescription": item.description[:30],
        "itemQuantity": item.quantity,
        "itemTotalValue": float(to_text(item.unit_price_minor * item.quantity, "USD")),
        "weightUOM": "lb",
        "itemTotalWeight": _pounds(item.grams * item.quantity or grams),
        **({"HSTariffNumber": item.hs_code[:14]} if item.hs_code else {}),
        **({"countryofOrigin": item.origin_country} if item.origin_country else {}),
    }


def _parts(body: bytes) -> dict[str, Any]:
    """The parts of a multipart answer as one object: JSON read, pictures as the base64 text that they are."""
    message = message_from_bytes(b"Content-Type: multipart/mixed; boundary=" + _boundary(body) + b"\r\n\r\n" + body)
    answer: dict[str, Any] = {}
    for part in message.walk():
        name = part.get_param("name", header="content-disposition")
        raw = part.get_payload()  # as it stands: USPS names encodings that it does not use
        if isinstance(name, str) and isinstance(raw, str):
            answer[name] = as_json(raw.encode()) if part.get_content_type() == "application/json" else raw.strip()
    return answer


def _boundary(body: bytes) -> bytes:
    """Quoted, because it may hold what a header would read as its end."""
    line = body.lstrip().split(b"\n", 1)[0].strip().removeprefix(b"--")
    return b'"' + line + b'"'


def _label(answer: Mapping[str, Any]) -> Label:
    """Of a return alone, or of a return that was made together with its way out."""
    told = some(answer.get("returnLabelMetadata")) or some(answer.get("labelMetadata")) or answer
    picture = answer.get("returnLabelImage") or answer.get("labelImage")
    qr = base64_bytes(answer.get("labelBrokerQR"))
    code = text(told.get("labelBrokerID"))
    body = base64_bytes(picture)
    if code and not qr and format_of(body) == "png":  # asked for without the label, the code takes its place
        qr, body = body, b""
    if not qr and not format_of(body):
        raise ValueError("no label in a format that we know")
    number, postage = text(told["trackingNumber"]), told.get("postage")
    if not number:
        raise ValueError("a label without a tracking number")
    return Label(
        ref=number,
        number=number,
        body=body,
        format=format_of(body) or "none",
        cost_minor=None if postage is None else to_minor(f"{Decimal(str(postage)):.2f}", "USD"),
        currency="USD",
        qr=qr,
        routing=text(told.get("routingInformation")),
        counter_code=code,
        size="4x6",
    )


def _raise_unknown(reply: Reply) -> None:
    """Raises UnknownNumber for USPS's words of "not found"; the body does not say which number it is about."""
    try:
        faults = _faults(as_object(reply.body))
    except BadPayload:
        return
    if unknown := next((fault for fault in faults if fault.code in NOT_FOUND), None):
        raise UnknownNumber(unknown.text, unknown.code)


def _faults(answer: Mapping[str, Any]) -> tuple[Fault, ...]:
    """The errors of a body, by the sub-code where there is one; the number where the body names it."""
    with reading("usps error"):
        error = some(answer.get("error"))
        number = text(answer.get("trackingNumber")) or None
        listed = [e for e in each(error.get("errors")) if e.get("code")]
        found = [Fault(number, text(e["code"]), _words(e.get("detail")) or _words(e.get("title"))) for e in listed]
        whole = Fault(number, text(error.get("code")), _words(error.get("message")))
        return tuple(found) or ((whole,) if error else ())


def _answer(answer: Mapping[str, Any], status: int = 200) -> Answer:
    """One number of the Tracking API: its parcel, or why there is none."""
    if isinstance(answer.get("error"), dict):
        faults = _faults(answer)
        unknown = [fault.number for fault in faults if fault.number and fault.code in NOT_FOUND]
        return Answer(not_found=tuple(unknown[:1]), errors=() if unknown else faults)
    if told := gateway_errors(answer, status):
        return Answer(errors=told)
    if answer.keys() <= _CANCELLATION and text(answer.get("status")) in {"CANCELED", "DISPUTED"}:
        raise BadPayload("this is the answer to giving a label back, not tracking data")
    if "trackingNumber" not in answer or answer.keys() & _OTHER_BODIES.keys():
        raise other_body(answer, _OTHER_BODIES, "no trackingNumber in the body; this is not tracking data of USPS")
    scans = [_scan(event) for event in each(answer.get("trackingEvents"))]
    return Answer((_parcel(answer, scans or _sentences(answer.get("eventSummaries"))),))


def _pushed(held: Mapping[str, Any]) -> Answer:
    if "eventCode" in held and not held.get("trackingEvents"):
        return Answer((_parcel(held, [_scan(held)]),))
    return _answer(held)


def _parcel(told: Mapping[str, Any], scans: Iterable[Scan]) -> Parcel:
    number = text(told["trackingNumber"])
    if not number:
        raise ValueError("a parcel without a tracking number")
    ordered = oldest_first(scans, newest_first=True)
    return _summed_up(
        Parcel(number=number, scans=ordered, service=_words(told.get("mailClass"))),
        text(told.get("statusCategory")),
        _estimate(told),
    )


def _summed_up(parcel: Parcel, category: str, estimated: Estimate | None) -> Parcel:
    """The category decides, "Alert" apart; the newest scan of that status says which kind of it."""
    newest = next((scan for scan in reversed(parcel.scans) if scan.status), None)
    status, sub_status = meant(CATEGORIES.get(category))
    if newest and (status is None or category == "Alert" or newest.status in {status, Status.RETURNED}):
        status, sub_status = newest.status, newest.sub_status
    delivered = [scan.at for scan in parcel.scans if scan.status is Status.DELIVERED and scan.at]
    return replace(
        parcel,
        status=status,
        sub_status=sub_status,
        delivered_at=delivered[-1] if delivered and status is Status.DELIVERED else None,
        estimated=None if status in _OVER else estimated,
    )


def _scan(event: Mapping[str, Any]) -> Scan:
    place = Place(
        city=text(event.get("eventCity")),
        region=text(event.get("eventState")),
        postcode=text(event.get("eventZIP")),
        country=text(event.get("eventCountry")),
    )
    return _made(_moment(event, place), text(event.get("eventCode")), _words(event.get("eventType")), place)


def _made(moment: When, code: str, words: str, place: Place) -> Scan:
    status, sub_status = _meaning(code, words)
    return scan_of(moment, Said(code, words, status, sub_status), place)


def _meaning(code: str, words: str) -> tuple[Status | None, str | None]:
    status, sub_status = meant(EVENTS.get(code))
    if status is Status.DELIVERED and _TO_SENDER in words.lower():
        return Status.RETURNED, None
    return status, sub_status


def _sentences(told: object) -> list[Scan]:
    """The scans of a summary. Raises TypeError for what is no list of texts."""
    if told is None:
        return []
    if not isinstance(told, list):
        raise TypeError("a list of sentences was expected")
    return [scan for sentence in told if (scan := _sentence(_words(sentence)))]


def _sentence(words: str) -> Scan | None:
    """A scan told in one line; None for a line without a day, which tells of no scan."""
    day = _SENTENCE_DAY.search(words)
    on = _day(day[0]) if day else None
    if on is None:
        return None
    found = _SENTENCE_PLACE.search(words)
    place = Place(found[1], found[2], found[3]) if found else NOWHERE
    plain = f"{words.lower()},"
    code = next((code for start, code in SENTENCES.items() if plain.startswith(start)), "")
    status, sub_status = (None, None) if _TO_AGENT in plain else _meaning(code, words)
    moment = local_with_offset(on.isoformat(), _clock(_CLOCK.search(words)), "")
    return scan_of(placed(moment, _domestic(place)), Said("", words, status, sub_status, words), place)


def _clock(found: re.Match[str] | None) -> str:
    """ "9:01 am" as "09:01"; empty where there is none."""
    if not found:
        return ""
    hour = int(found[1]) % 12 + (12 if found[3].lower() == "pm" else 0)
    return f"{hour:02d}:{found[2]}"


def _moment(event: Mapping[str, Any], place: Place) -> When:
    """The wall clock of the place with the offset that the GMT fields give it; see `time_rule`."""
    wall = _wall(event.get("eventTimestamp"))
    gmt = when(event.get("GMTTimestamp"))
    gmt = gmt if gmt.at or not gmt.local else local_with_offset(gmt.local[:10], gmt.local[11:], "Z")
    stated = _offset(text(event.get("GMTOffset")))
    if gmt.at is None or wall.date_only:
        offset = "" if stated is None else offset_text(stated)
        return placed(local_with_offset(wall.local[:10], wall.local[11:], offset), _domestic(place))
    if not wall.local:
        return _told(gmt.at.replace(second=0), stated or timedelta(0))
    ahead = datetime.fromisoformat(wall.local).replace(tzinfo=UTC) - gmt.at
    quarters = timedelta(minutes=15) * round(ahead / timedelta(minutes=15))
    explained = abs(quarters) <= timedelta(hours=14) and abs(ahead - quarters) < timedelta(minutes=1)
    if explained and stated in {None, quarters}:
        return local_with_offset(wall.local[:10], wall.local[11:], offset_text(quarters))
    return placed(wall, _domestic(place))


def _told(at: datetime, ahead: timedelta) -> When:
    """An instant whose local time is missing: told in its offset, or in UTC where that is missing too."""
    wall = (at + ahead).replace(tzinfo=None)
    return When(at, wall.isoformat(), offset_text(ahead), ZoneFrom.CARRIER)


def _wall(value: object) -> When:
    """The clock of a text, whatever zone it claims: USPS writes a Z behind local times."""
    claimed = when(value)
    if not claimed.local or claimed.date_only:
        return claimed
    return local_with_offset(claimed.local[:10], claimed.local[11:], "")


def _offset(value: str) -> timedelta | None:
    """ "-240" is minutes, "-05:00" hours; None where it is missing or no offset of this earth."""
    if re.fullmatch(r"[+-]?[0-9]{1,3}", value):
        ahead = timedelta(minutes=int(value))
        return ahead if abs(ahead) <= timedelta(hours=14) else None
    return offset_of(value)


def _domestic(place: Place) -> Place:
    """USPS names no country for places at home."""
    known = place.country or ("US" if place.region or place.postcode else "")
    return replace(place, country=known)


def _estimate(told: Mapping[str, Any]) -> Estimate | None:
    """The day that USPS expects, by its best-founded field; the hours that come with it are of unknown form."""
    for name in (
        "expectedDeliveryTimeStamp",
        "expectedDeliveryDate",
        "predictedDeliveryTimeStamp",
        "predictedDeliveryDate",
        "guaranteedDeliveryTimeStamp",
        "guaranteedDeliveryDate",
    ):
        if day := _day(text(told.get(name))):
            return Estimate(day, day, name)
    return None


def _day(value: str) -> date | None:
    """Of "2026-11-20...", or "November 20, 2026" as the summaries write it."""
    if found := _MONTH_DATE.fullmatch(value):
        value = f"{found[3]}-{_MONTHS.get(found[1], 0):02d}-{int(found[2]):02d}"
    local = when(value).local
    return date.fromisoformat(local[:10]) if local else None


def _words(value: object) -> str:
    """Text without the markup that USPS puts around its trademarks."""
    plain = text(value, 2000)
    if "<" in plain or "&" in plain:
        plain = html.unescape(_MARKUP.sub("", html.unescape(plain)))
    return text(plain)


def _newest(answers: Iterable[tuple[str, Answer]]) -> Answer:
    """All answers of a list, each with the day it was mailed; of several parcels with one number the last counts."""
    found = list(answers)
    kept: dict[str, tuple[str, Parcel]] = {}
    for mailed, parcel in ((mailed, p) for mailed, answer in found for p in answer.parcels):
        last = max((mailed, *(scan.local[:10] for scan in parcel.scans)))
        if parcel.number not in kept or last > kept[parcel.number][0]:
            kept[parcel.number] = (last, parcel)
    return Answer(
        parcels=tuple(parcel for _, parcel in kept.values()),
        not_found=tuple(dict.fromkeys(n for _, answer in found for n in answer.not_found if n not in kept)),
        errors=tuple(e for _, answer in found for e in answer.errors),
    )


def _mailed(told: Mapping[str, Any]) -> str:
    """The day USPS took the parcel in, ISO 8601; empty where it does not say."""
    return when(text(told.get("mailPieceIntakeDate") or told.get("approximateIntakeDate"))[:10]).local


def _old_answer(root: ET.Element) -> Answer:
    """An answer of the Web Tools API: `TrackResponse` with a `TrackInfo` per number, or one `Error`."""
    if root.tag == "Error":
        return Answer(errors=(Fault(None, child_text(root, "Number"), _words(child_text(root, "Description"))),))
    if root.tag != "TrackResponse":
        raise BadPayload(f"the body is XML with {root.tag[:40]}, not tracking data of USPS")
    infos = list(children(root, "TrackInfo"))
    for info in infos:  # where one number was asked for, its answer may leave it out
        if not text(info.get("ID")) and (len(infos) > 1 or info.find("TrackSummary/Event") is None):
            raise ValueError("a TrackInfo without ID")
    return _newest((when(child_text(info, "MPDATE")[:10]).local, _old_info(info)) for info in infos)


def _old_info(info: ET.Element) -> Answer:
    number = text(info.get("ID"))
    if (error := info.find("Error")) is not None:
        code = child_text(error, "Number")
        if code in OLD_NOT_FOUND:
            return Answer(not_found=(number,))
        return Answer(errors=(Fault(number, code, _words(child_text(error, "Description"))),))
    events = [*children(info, "TrackSummary"), *children(info, "TrackDetail")]
    scans = [scan for event in events if (scan := _old_scan(event))]
    parcel = Parcel(
        number=number, scans=oldest_first(scans, newest_first=True), service=_words(child_text(info, "Class"))
    )
    fields = ("ExpectedDeliveryDate", "PredictedDeliveryDate", "GuaranteedDeliveryDate")
    days = {name: _day(child_text(info, name)) for name in fields}
    estimated = next((Estimate(day, day, name) for name, day in days.items() if day), None)
    return Answer((_summed_up(parcel, child_text(info, "StatusCategory"), estimated),))


def _old_scan(event: ET.Element) -> Scan | None:
    if event.find("Event") is None:
        return _sentence(_words(event.text))
    place = Place(
        city=child_text(event, "EventCity"),
        region=child_text(event, "EventState"),
        postcode=child_text(event, "EventZIPCode"),
        country=child_text(event, "EventCountry"),
    )
    day, clock = _day(child_text(event, "EventDate")), _clock(_CLOCK.fullmatch(child_text(event, "EventTime")))
    moment = local_with_offset(day.isoformat(), clock, "") if day else UNTIMED
    code, words = child_text(event, "EventCode"), _words(child_text(event, "Event"))
    return _made(placed(moment, _domestic(place)), code, words, place)


CARRIER = Usps()
