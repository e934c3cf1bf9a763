"""Shippo: one account for many carriers. Tracking, webhooks signed on request, and scan-based return labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from carriers.address import Address
from carriers.amounts import to_minor, to_text
from carriers.auth import Bearer, Tokens
from carriers.contract import (
    NO_OR_YES,
    About,
    Answer,
    Budget,
    Estimate,
    Fault,
    Fetched,
    Field,
    Hook,
    Item,
    Label,
    LabelOrder,
    Parcel,
    Place,
    Scan,
    Subscribed,
    Trust,
    Wanted,
)
from carriers.download import document, format_of
from carriers.errors import BadPayload, CarrierError, OutcomeUnknown, Refused, UnknownNumber
from carriers.gateway import gateway_errors
from carriers.http import Http, Reply
from carriers.reading import (
    Said,
    as_json,
    as_object,
    each,
    meant,
    oldest_first,
    other_body,
    reading,
    scan_of,
    some,
    text,
    when,
)
from carriers.signing import check_stamped, one_header
from carriers.status import Status

if TYPE_CHECKING:
    import httpx

# `status` decides and is the code that we report. RETURNED says "on its way back, or back": the earlier of the two.
STATUSES: Final[Mapping[str, str]] = {
    "PRE_TRANSIT": "info_received",
    "TRANSIT": "in_transit",
    "DELIVERED": "delivered",
    "RETURNED": "returning",
    "FAILURE": "exception",
}

# `status/substatus` where the finer code says more. "Rescheduled" does not say that anybody tried, so it stays there.
SUBSTATUSES: Final[Mapping[str, str]] = {
    "PRE_TRANSIT/information_received": "info_received.data_received",
    "TRANSIT/package_accepted": "picked_up",
    "TRANSIT/package_arrived": "in_transit.arrived_hub",
    "TRANSIT/package_departed": "in_transit.departed_hub",
    "TRANSIT/package_processed": "in_transit",
    "TRANSIT/package_processing": "in_transit",
    "TRANSIT/package_forwarded": "in_transit.redirected",
    "TRANSIT/delivery_scheduled": "in_transit",
    "TRANSIT/delivery_rescheduled": "in_transit",
    "TRANSIT/delayed": "exception.capacity",
    "TRANSIT/out_for_delivery": "out_for_delivery",
    "TRANSIT/delivery_attempted": "attempt_failed",
    "TRANSIT/notice_left": "attempt_failed",
    "TRANSIT/reschedule_delivery": "attempt_failed",
    "TRANSIT/location_inaccessible": "attempt_failed.no_access",
    "TRANSIT/pickup_available": "available_for_pickup.at_point",
    "TRANSIT/address_issue": "exception.address",
    "TRANSIT/contact_carrier": "exception",
    "TRANSIT/package_damaged": "exception.damaged",
    "TRANSIT/package_held": "exception",
    "DELIVERED/delivered": "delivered",
    "RETURNED/return_to_sender": "returning",
    "RETURNED/package_unclaimed": "exception.pickup_expired",
    "FAILURE/package_undeliverable": "exception",
    "FAILURE/package_disposed": "exception",
    "FAILURE/package_lost": "exception.lost",
}

UNMAPPED: Final[Mapping[str, str]] = {
    "UNKNOWN": (
        "Means that the carrier does not know the number, but is also put on announcements and on scans that Shippo "
        "cannot place. As the state of a number without scans it is pending; of a scan it says nothing."
    ),
    "UNKNOWN/other": "A scan that Shippo could not read either.",
}

# Shippo turns the two addresses round for these and for no others, so only their rates are ever bought.
RETURNS: Final = frozenset({"USPS", "UPS", "FedEx"})

# Numbers that can belong to one carrier only; anything else needs the connection's own carrier.
_SHAPES: Final = (
    (re.compile(r"1Z[0-9A-Z]{16}"), "ups"),
    (re.compile(r"(?:420[0-9]{5}(?:[0-9]{4})?)?9[1-5][0-9]{18,20}|[A-Z]{2}[0-9]{9}US"), "usps"),
    (re.compile(r"SHIPPO_[A-Z_]+"), "shippo"),
)

VERSION: Final = {"SHIPPO-API-VERSION": "2018-02-08"}
# Purchases that are looked through for an order's key; Shippo cannot be asked for one.
RECENT: Final = 100
MAX_HOOK_URL: Final = 199

_OTHER_BODIES: Final = {
    "rates": "a shipment with its rates",
    "rate": "the answer to buying a label",
    "transaction": "a refund",
    "results": "a list of objects",
}
_IN_THE_MAKING: Final = ("QUEUED", "WAITING")
_SIZE: Final = re.compile(r"([0-9]{1,3}) ?[xX] ?([0-9]{1,3}) ?[xX] ?([0-9]{1,3})")
_FORMATS: Final = {"PDF": "pdf", "PNG": "png", "ZPL": "zpl"}

ABOUT = About(
    slug="shippo",
    name="Shippo",
    relays=True,
    docs_url="https://docs.goshippo.com",
    live="https://api.goshippo.com",
    number_pattern=r"[0-9A-Z_]{1,50}",
    codes={**STATUSES, **SUBSTATUSES},
    unmapped=UNMAPPED,
    budgets=(Budget(8, timedelta(seconds=1)),),
    batch_size=1,
    hook_trust=Trust.SIGNED,
    time_rule=(
        "`status_date` is documented as UTC and is taken as the instant that it claims to be. Without an offset, as in "
        "Shippo's test data, it stays a wall clock without a zone. `eta` is read as a day."
    ),
    fields=(
        Field("api_key", "API token", "shippo_live_..., or shippo_test_... which sells void labels.", secret=True),
        Field(
            "carrier",
            "Carrier",
            "Shippo's word for the carrier whose numbers are asked for, e.g. dhl_express. Left empty, numbers of UPS "
            "and USPS are told by their shape, and others cannot be asked for.",
            required=False,
        ),
        Field(
            "webhook_secret",
            "Webhook secret",
            "Webhooks are signed only after Shippo's support has switched it on and given you a secret, which may take "
            "ten business days. Without it webhooks are refused and parcels are only polled.",
            secret=True,
            required=False,
        ),
        Field(
            "parcel_size",
            "Usual parcel",
            "Length x width x height in centimetres; Shippo wants one for every label.",
            required=False,
            default="30x20x10",
        ),
        Field(
            "qr",
            "Codes for the counter",
            "With each USPS label within the US also a QR code, so that shoppers need no printer.",
            required=False,
            default="no",
            choices=NO_OR_YES,
        ),
    ),
    hook_header_names=("shippo-auth-signature",),
    subscription_batch=1,
    sources=(
        "https://docs.goshippo.com/docs/tracking/tracking",
        "https://docs.goshippo.com/docs/tracking/webhooksecurity",
        "https://docs.goshippo.com/docs/shipments/returns",
        "https://docs.goshippo.com/docs/billing_and_invoices/refundinglabels",
        "https://github.com/goshippo/shippo-python-sdk",
    ),
    assumed=(
        "The signature's form (t and v1 over t.body) comes from public verifiers, not from Shippo's own page.",
        "API version 2018-02-08, which adds the substatus, is asked for by a header.",
        "A number without events is answered with 200 and an empty tracking_status.",
        "Purchases are listed newest first.",
    ),
    gaps=(
        "Every question needs the carrier. FedEx's and others' numbers have no shape of their own: give a connection "
        "for each such carrier.",
        "Some carriers' local times are labelled Z: in a recorded answer USPS is out for delivery at 02:29 in "
        "Berkeley. Nothing in the body tells them apart, so such a scan may be off by its distance from UTC.",
        "Call limits are not published; eight a second is our own choice.",
        "Return labels of USPS, UPS and FedEx only, and only with the carrier that brought the parcel. All are "
        "scan-based: nothing is charged before the first scan, so the cost is what a scan will cost.",
        f"A purchase whose answer was lost is looked for among the newest {RECENT}.",
        "How long a label can be given back depends on its carrier, and Shippo does not say.",
        "A webhook about something else than a parcel (transaction, batch) is accepted and says nothing here.",
        "Events of webhooks carry no id; a repeat is known by its bytes.",
    ),
)


class Shippo:
    """The adapter. Stateless; safe to share between threads."""

    about = ABOUT

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        return Bearer(http.credentials.get("api_key", ""), prefix="ShippoToken ")

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        (number,) = numbers
        carrier = _carrier_of(http, number)
        if not carrier:
            raise UnknownNumber("Shippo must be told the carrier, and this number does not show it")
        reply = http.get(f"/tracks/{quote(carrier, safe='')}/{quote(number, safe='')}", headers=VERSION)
        return Fetched(reply.status, reply.body)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        with reading("shippo track"):
            answer = as_object(body)
            if "tracking_number" in answer and not isinstance(answer["tracking_number"], list):
                return _track(answer)
            if words := _words(answer):
                return Answer(errors=(Fault(None, str(status) if status >= 400 else "", words),))
            if faults := gateway_errors(answer, status):
                return Answer(errors=faults)
        raise other_body(answer, _OTHER_BODIES, "shippo track: neither a tracking answer nor an error")

    def verify(self, hook: Hook, secret: str, now: datetime) -> None:
        """`Shippo-Auth-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`, at most five minutes off."""
        check_stamped(one_header(hook.headers, "Shippo-Auth-Signature"), secret, hook.body, now)

    def hook_key(self, hook: Hook) -> str:
        return sha256(hook.body).hexdigest()

    def parse_hook(self, body: bytes) -> Answer:
        with reading("shippo webhook"):
            event = as_object(body)
            if "event" not in event and "tracking_number" in event:
                return _track(event)  # as webhooks of the older API came
            kind, data = text(event["event"]), some(event["data"])
            if kind != "track_updated":
                return Answer()  # a label, a batch: nothing about a parcel's way
            return _track(data)

    def buy_label(self, http: Http, order: LabelOrder) -> Label:
        """Shipment, then purchase, then the documents.

        Shippo knows no key of ours, but keeps `metadata` with a purchase: the newest ones are looked through first,
        so that a second call finds what the first has bought.
        """
        bought = _bought(http, order.key)
        if bought is None:
            with reading("shippo rates"):
                rate = _rate(_posted(http, "/shipments", _shipment_body(http, order)), order.service)
                purchase = {"rate": rate["object_id"], "metadata": order.key, "async": False}
            bought = _posted(http, "/transactions", {**purchase, "label_file_type": "PDF_4x6"}, buys=True)
            return _label(http, bought, rate)
        return _label(http, bought, None)

    def parse_label(self, body: bytes) -> Label:
        """What the answer to POST /transactions holds: addresses of the documents, not the documents."""
        with reading("shippo label"):
            bought = as_object(body)
            if "tracking_number" not in bought and "label_url" not in bought and (words := _words(bought)):
                raise Refused(words)
            return _described(bought, some(bought.get("rate")) if isinstance(bought.get("rate"), dict) else {})

    def void_label(self, http: Http, label_ref: str) -> None:
        """The refund is asked for; the carrier grants it days later, when nothing was scanned."""
        refund = _posted(http, "/refunds", {"transaction": label_ref, "async": False})
        with reading("shippo refund"):
            state = text(refund["status"])
        if state not in {"QUEUED", "PENDING", "SUCCESS"}:
            raise Refused(f"Shippo answers the refund with {state or 'nothing'}", state)

    def subscribe(self, http: Http, wanted: Wanted) -> Sequence[Subscribed]:
        """The account's webhook, made where it is missing, then each number registered. A number stays for good."""
        if len(wanted.hook_url) > MAX_HOOK_URL:
            refused = f"Shippo takes webhook addresses of at most {MAX_HOOK_URL} characters"
            return [Subscribed(number, refused=refused) for number in wanted.numbers or ("",)]
        ref = _webhook(http, wanted.hook_url)
        if not wanted.numbers:
            return [Subscribed("", ref)]
        return [_registered(http, number) for number in wanted.numbers]

    def unsubscribe(self, http: Http, ref: str) -> None:
        reply = http.delete(f"/webhooks/{quote(ref, safe='')}", headers=VERSION)
        if reply.status >= 400 and reply.status != 404:
            raise _refusal(reply)


CARRIER = Shippo()


def _carrier_of(http: Http, number: str) -> str:
    own = http.credentials.get("carrier", "").strip()
    return own or next((name for shape, name in _SHAPES if shape.fullmatch(number)), "")


def _words(answer: object) -> str:
    """The words of an error: {"detail": text}, {"__all__": [texts]}, {"<field>": [texts] or deeper}, or a list of such.

    Empty for anything else: an object of Shippo's has other fields beside its lists.
    """
    if isinstance(answer, list):
        return "; ".join(filter(None, map(_words, answer)))
    if isinstance(answer, str):
        return text(answer)
    if not isinstance(answer, dict):
        return ""
    if isinstance(answer.get("detail"), str):
        return text(answer["detail"])
    if not all(isinstance(value, list | dict) for value in answer.values()):
        return ""
    found = {name: _words(value) for name, value in answer.items()}
    return "; ".join(words if name == "__all__" else f"{name}: {words}" for name, words in found.items() if words)


def _track(track: Mapping[str, Any]) -> Answer:
    number = text(track["tracking_number"])
    latest = track.get("tracking_status")
    if "label_url" in track or isinstance(latest, str):
        raise BadPayload("shippo track: this is the answer to buying a label, not tracking data (it has label_url)")
    if not number:
        raise ValueError("an answer without tracking_number")
    history = each(track.get("tracking_history"))
    if not history:
        latest = track["tracking_status"]  # said to be null for a number that is not known; missing, it says nothing
    if not history and not latest:
        return Answer(not_found=(number,))
    latest = some(latest)
    if not history and "tracking_history" in track:
        history = [latest]  # webhooks may bring the newest scan alone
    scans = oldest_first(_scan(entry) for entry in history)
    status, sub_status = _state(latest, scans)
    delivered = [scan.at for scan in scans if scan.status is Status.DELIVERED and scan.at]
    parcel = Parcel(
        number=number,
        scans=scans,
        status=status,
        sub_status=sub_status,
        delivered_at=delivered[-1] if delivered and status is Status.DELIVERED else None,
        estimated=_estimate(track),
        service=text(some(track.get("servicelevel")).get("name")),
    )
    return Answer((parcel,))


def _state(latest: Mapping[str, Any], scans: Sequence[Scan]) -> tuple[Status | None, str | None]:
    code, finer = _codes(latest)
    if code == "UNKNOWN" and all(scan.code == "UNKNOWN" for scan in scans):
        return Status.PENDING, None
    status, sub_status = _meaning(code, finer)
    if status is None and code in {"", "UNKNOWN"}:
        return next(((s.status, s.sub_status) for s in reversed(scans) if s.status), (None, None))
    return status, sub_status


def _codes(entry: Mapping[str, Any]) -> tuple[str, str]:
    return text(entry.get("status")), text(some(entry.get("substatus")).get("code"))


def _meaning(code: str, finer: str) -> tuple[Status | None, str | None]:
    return meant(SUBSTATUSES.get(f"{code}/{finer}") or STATUSES.get(code))


def _scan(entry: Mapping[str, Any]) -> Scan:
    """One entry of the history. Its object_id is new in every answer, so it cannot tell scans apart."""
    code, finer = text(entry["status"]), _codes(entry)[1]
    status, sub_status = _meaning(code, finer)
    moment = when(entry.get("status_date"))
    where = some(entry.get("location"))
    place = Place(text(where.get("city")), text(where.get("state")), text(where.get("zip")), text(where.get("country")))
    return scan_of(moment, Said(code, text(entry.get("status_details")), status, sub_status, finer), place)


def _estimate(track: Mapping[str, Any]) -> Estimate | None:
    for source in ("eta", "original_eta"):
        if moment := when(track.get(source)).local:
            day = date.fromisoformat(moment[:10])
            return Estimate(day, day, source)
    return None


def _posted(http: Http, path: str, body: Mapping[str, Any], *, buys: bool = False) -> dict[str, Any]:
    reply = http.post(path, json=body, headers=VERSION, buys=buys)
    if reply.status >= 400:
        raise _refusal(reply)
    return as_object(reply.body)


def _refusal(reply: Reply) -> Refused:
    try:
        words = _words(as_json(reply.body))
    except (BadPayload, TypeError):
        words = ""
    return Refused(words or f"Shippo answered {reply.status}", str(reply.status))


def _bought(http: Http, key: str) -> Mapping[str, Any] | None:
    """The purchase that carries our key, if it is one of the newest: not refused, and not refunded."""
    reply = http.get("/transactions", params={"results": RECENT}, headers=VERSION)
    if reply.status >= 400:
        raise _refusal(reply)
    with reading("shippo transactions"):
        found = (t for t in each(as_object(reply.body)["results"]) if t.get("metadata") == key)
        return next((t for t in found if t.get("status") in {"SUCCESS", *_IN_THE_MAKING}), None)


def _rate(shipment: Mapping[str, Any], service: str) -> Mapping[str, Any]:
    """The cheapest rate of a carrier whose returns Shippo sells; where `service` names one, the cheapest of that name.

    `service` is a token ("usps_priority"), a name ("Priority Mail") or the carrier with it ("USPS/Priority Mail").
    """
    rates = [rate for rate in each(shipment["rates"]) if text(rate["provider"]) in RETURNS]
    wanted = [rate for rate in rates if service in {"", *_names(rate)}]
    wanted = [rate for rate in wanted if rate["currency"] == wanted[0]["currency"]]
    if wanted:
        return min(wanted, key=lambda rate: to_minor(text(rate["amount"]), text(rate["currency"])))
    messages = "; ".join(filter(None, (text(m.get("text")) for m in each(shipment.get("messages")))))
    offered = ", ".join(_names(rate)[-1] for rate in rates)
    missing = f"no return rate{' for ' + service if service else ''}; offered: {offered or 'nothing'}"
    raise Refused(messages or missing, "NO_RATE")


def _names(rate: Mapping[str, Any]) -> tuple[str, str, str]:
    level = some(rate.get("servicelevel"))
    name = text(level.get("name")) or text(rate.get("servicelevel_name"))
    return text(level.get("token")) or text(rate.get("servicelevel_token")), name, f"{text(rate['provider'])}/{name}"


def _label(http: Http, bought: Mapping[str, Any], rate: Mapping[str, Any] | None) -> Label:
    with reading("shippo label"):
        named = bought.get("rate")
        if (state := text(bought["status"])) in _IN_THE_MAKING:
            raise OutcomeUnknown("Shippo is still making this label", state)
        if rate is None:
            rate = some(named) if isinstance(named, dict) else _rate_named(http, text(named))
        label = _described(bought, rate)
        body = document(http, label.url, "shippo label")
        papers = text(bought.get("commercial_invoice_url"), 4000)
        return replace(
            label,
            body=body,
            format=format_of(body),
            qr=_picture(http, text(bought.get("qr_code_url"), 4000)),
            customs=document(http, papers, "shippo customs papers") if papers else b"",
        )


def _picture(http: Http, url: str) -> bytes:
    """The QR code. The label is paid for by now: whatever goes wrong here, it stays good without a picture."""
    try:
        picture = document(http, url, "shippo QR code") if url else b""
    except CarrierError:
        return b""
    return picture if format_of(picture) in {"png", "pdf"} else b""


def _rate_named(http: Http, ref: str) -> Mapping[str, Any]:
    reply = http.get(f"/rates/{quote(ref, safe='')}", headers=VERSION)
    return as_object(reply.body) if reply.status == 200 else {}


def _described(bought: Mapping[str, Any], rate: Mapping[str, Any]) -> Label:
    """The label without its documents. Raises Refused where there is none, or none yet."""
    state = text(bought["status"])
    if state != "SUCCESS":
        words = "; ".join(filter(None, (text(m.get("text")) for m in each(bought.get("messages")))))
        raise Refused(words or f"Shippo answers the purchase with {state}", state)
    kind, _, size = text(bought.get("label_file_type")).partition("_")
    currency = text(rate.get("currency"))
    return Label(
        ref=text(bought["object_id"]),
        number=text(bought["tracking_number"]),
        body=b"",
        format=_FORMATS.get(kind[:3], "pdf"),
        cost_minor=to_minor(text(rate["amount"]), currency) if currency else None,
        currency=currency,
        service=_names(rate)[2].replace("/", " ") if currency else "",
        size=size,
        url=text(bought["label_url"], 4000),
    )


def _webhook(http: Http, url: str) -> str:
    """The reference of the account's webhook at this address."""
    reply = http.get("/webhooks", headers=VERSION)
    if reply.status >= 400:
        raise _refusal(reply)
    with reading("shippo webhooks"):
        listed = as_json(reply.body)
        for known in each(listed if isinstance(listed, list) else listed["results"]):
            if known.get("url") == url and known.get("event") in {"track_updated", "all"}:
                return text(known["object_id"])
    is_test = http.credentials.get("api_key", "").startswith("shippo_test_")
    made = _posted(http, "/webhooks", {"url": url, "event": "track_updated", "active": True, "is_test": is_test})
    with reading("shippo webhooks"):
        return text(made["object_id"])


def _registered(http: Http, number: str) -> Subscribed:
    carrier = _carrier_of(http, number)
    if not carrier:
        return Subscribed(number, refused="Shippo must be told the carrier, and this number does not show it")
    reply = http.post("/tracks", json={"carrier": carrier, "tracking_number": number}, headers=VERSION)
    return Subscribed(number, refused=str(_refusal(reply)) if reply.status >= 400 else "")


def _shipment_body(http: Http, order: LabelOrder) -> dict[str, Any]:
    """The addresses stay as in the outbound shipment: with is_return Shippo turns them round on the label itself."""
    length, width, height = _size(http.credentials.get("parcel_size", ""))
    wants_code = http.credentials.get("qr") == "yes"
    return {
        "address_from": _address(order.warehouse),
        "address_to": _address(order.customer),
        "parcels": [
            {
                "length": length,
                "width": width,
                "height": height,
                "distance_unit": "cm",
                "weight": str(max(order.grams, 1)),
                "mass_unit": "g",
            }
        ],
        "extra": {"is_return": True, "reference_1": order.rma, **({"qr_code_requested": True} if wants_code else {})},
        "metadata": order.key,
        "async": False,
        **({"customs_declaration": _customs(order)} if order.customer.country != order.warehouse.country else {}),
    }


def _size(given: str) -> tuple[str, str, str]:
    """Length, width and height in centimetres, as the operator wrote them; a shoe box where that is not readable."""
    found = _SIZE.fullmatch(given.strip())
    return (found[1], found[2], found[3]) if found else ("30", "20", "10")


def _address(address: Address) -> dict[str, str]:
    lines = (*address.lines, "", "")
    return {
        "name": address.name,
        "company": address.company,
        "street1": lines[0],
        "street2": ", ".join(filter(None, lines[1:])),
        "city": address.city,
        "state": address.region,
        "zip": address.postcode,
        "country": address.country,
        "phone": address.phone,
        "email": address.email,
    }


def _customs(order: LabelOrder) -> dict[str, Any]:
    pieces = sum(item.quantity for item in order.items) or 1
    return {
        "contents_type": "RETURN_MERCHANDISE",
        "non_delivery_option": "RETURN",
        "certify": True,
        "certify_signer": order.customer.name,
        "invoice": order.rma,
        **({"eel_pfc": "NOEEI_30_37_a"} if order.customer.country == "US" else {}),
        "items": [_customs_item(item, order.grams * item.quantity // pieces) for item in order.items],
    }


def _customs_item(item: Item, grams: int) -> dict[str, Any]:
    return {
        "description": item.description,
        "quantity": item.quantity,
        "net_weight": str(max(item.grams * item.quantity or grams, 1)),
        "mass_unit": "g",
        "value_amount": to_text(item.unit_price_minor * item.quantity, item.currency),
        "value_currency": item.currency,
        "origin_country": item.origin_country,
        "tariff_number": item.hs_code,
        "sku_code": item.sku,
    }
