"""EasyPost: one account for many carriers. Tracking, signed webhooks and return labels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx

from carriers.address import Address
from carriers.amounts import to_minor, to_text
from carriers.auth import BasicKey, Tokens
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
    Trust,
)
from carriers.download import base64_bytes, format_of
from carriers.errors import BadPayload, CarrierError, Refused
from carriers.gateway import gateway_errors
from carriers.http import Http, granted
from carriers.reading import Said, as_json, as_object, each, id_in, oldest_first, reading, scan_of, text, when
from carriers.signing import check_hmac, one_header
from carriers.status import Status, status_of

# `status` decides, and is the code we report: it is the word that EasyPost itself documents as the state of a scan.
STATUSES: Final[Mapping[str, str]] = {
    "unknown": "pending",
    "pre_transit": "info_received",
    "in_transit": "in_transit",
    "out_for_delivery": "out_for_delivery",
    "delivered": "delivered",
    "available_for_pickup": "available_for_pickup",
    "return_to_sender": "returning",
    "failure": "exception",
    "cancelled": "cancelled",
    "error": "exception",
}

# `status/status_detail` where the detail says more. Details that fit several of our sub-statuses (held: customs or
# payment; arrived_at_destination: country, door or counter) are left at the status.
DETAILS: Final[Mapping[str, str]] = {
    "unknown/expired": "expired",
    "pre_transit/label_created": "info_received.label_created",
    "pre_transit/awaiting_information": "info_received.data_received",
    "in_transit/received_at_origin_facility": "picked_up",
    "in_transit/departed_origin_facility": "in_transit.departed_origin",
    "in_transit/arrived_at_facility": "in_transit.arrived_hub",
    "in_transit/departed_facility": "in_transit.departed_hub",
    "in_transit/received_at_destination_facility": "in_transit.arrived_depot",
    "in_transit/transferred_to_destination_carrier": "in_transit.handed_to_partner",
    "in_transit/address_correction": "in_transit.redirected",
    "in_transit/out_for_delivery": "out_for_delivery",
    "in_transit/delivery_exception": "attempt_failed",
    "in_transit/transit_exception": "exception",
    "in_transit/held": "exception",
    "in_transit/missorted": "exception.misrouted",
    "in_transit/delayed": "exception.capacity",
    "in_transit/weather_delay": "exception.weather",
    "in_transit/damaged": "exception.damaged",
    "in_transit/lost": "exception.lost",
    "in_transit/refused": "exception.refused",
    "in_transit/return": "returning",
    "failure/address_correction": "exception.address",
    "failure/delivery_exception": "attempt_failed",
    "failure/missorted": "exception.misrouted",
    "failure/delayed": "exception.capacity",
    "failure/weather_delay": "exception.weather",
    "failure/damaged": "exception.damaged",
    "failure/lost": "exception.lost",
    "failure/refused": "exception.refused",
    "failure/expired": "exception.pickup_expired",
    "failure/return": "returning",
    "failure/cancelled": "cancelled",
    "return_to_sender/arrived_at_destination": "returned",
}

_QR_FORM: Final = "label_qr_code"
OUNCE_GRAMS: Final = Decimal("28.349523125")
_VOIDABLE_DAYS: Final = {"USPS": 30, "UPS": 90, "FedEx": 90}
_FILE_TYPES: Final = {"application/pdf": "pdf", "image/png": "png", "image/gif": "gif", "application/zpl": "zpl"}

ABOUT = About(
    slug="easypost",
    name="EasyPost",
    relays=True,
    docs_url="https://docs.easypost.com",
    live="https://api.easypost.com",
    tracking_page="",
    number_pattern=r"[0-9A-Z]{1,40}",
    codes={**STATUSES, **DETAILS},
    # Five a second on list endpoints is documented; everything else is limited by load, unpublished.
    budgets=(Budget(4, timedelta(seconds=1)),),
    batch_size=1,
    hook_trust=Trust.SIGNED,
    time_rule=(
        "`datetime` is ISO 8601. Where EasyPost could place a scan it carries the place's offset; otherwise it ends "
        "in Z and is taken as the UTC instant that it claims to be."
    ),
    fields=(
        Field("api_key", "API key", "From the dashboard. A test key (EZTK...) sells void labels.", secret=True),
        Field(
            "webhook_secret",
            "Webhook secret",
            "The webhook_secret given when the webhook was created.",
            secret=True,
            required=False,
        ),
        Field("carrier", "Carrier", "Only where one carrier is tracked: its EasyPost name, e.g. USPS.", required=False),
        Field(
            "qr",
            "Codes for the counter",
            "With each USPS label also a QR code, so that shoppers need no printer.",
            required=False,
            default="no",
            choices=NO_OR_YES,
        ),
    ),
    hook_header_names=("x-hmac-signature",),
    sources=(
        "https://docs.easypost.com/docs/trackers",
        "https://docs.easypost.com/docs/shipments/returns",
        "https://docs.easypost.com/docs/shipments/shipping-refund",
        "https://docs.easypost.com/docs/shipments/forms",
        "https://docs.easypost.com/guides/rate-limiting-guide",
        "https://github.com/EasyPost/examples",
    ),
    gaps=(
        "Some carriers' local times are labelled Z by EasyPost when the place is not known well enough. Nothing in the "
        "body tells them apart, so such a scan may be off by the place's distance from UTC.",
        "There is no status for a failed attempt; delivery_exception is read as one.",
        "Several trackers of one number: the newest is taken, because numbers are reused.",
        "A webhook about something else than a tracker (refund, batch, payment) is accepted and says nothing here.",
        "Polling a number EasyPost has never seen creates a tracker, which EasyPost charges for once.",
        "A QR code is asked for after the purchase and left out where EasyPost declines it or sends it as a PDF.",
    ),
)


class EasyPost:
    """The adapter. Stateless; safe to share between threads."""

    about = ABOUT

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        return BasicKey(http.credentials.get("api_key", ""))

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        """Lists the trackers of the number; creates one, and with it the subscription, only where there is none.

        Creating on every poll would work in production, where EasyPost returns the tracker it has for three months,
        but makes a new one each time with a test key and, after three months, a charge.
        """
        (number,) = numbers
        carrier = {"carrier": name} if (name := http.credentials.get("carrier", "")) else {}
        reply = http.get("/v2/trackers", params={"tracking_code": number, "page_size": 20, **carrier})
        if reply.status == 200 and not _listed(reply.body):
            reply = http.post("/v2/trackers", json={"tracker": {"tracking_code": number, **carrier}})
        return Fetched(reply.status, reply.body)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        with reading("easypost"):
            answer = as_object(body)
            if faults := _errors(answer, status):
                return Answer(errors=faults)
            return _answer(answer)

    def verify(self, hook: Hook, secret: str, now: datetime) -> None:
        """`X-Hmac-Signature: hmac-sha256-hex=...` over the raw body, key in NFKD. No time is signed: age is unknown."""
        given = one_header(hook.headers, "X-Hmac-Signature")
        check_hmac(given, secret, hook.body, prefix="hmac-sha256-hex=", nfkd=True)

    def hook_key(self, hook: Hook) -> str:
        """The event id, which stays the same over EasyPost's retries."""
        return id_in(hook.body, "id")

    def parse_hook(self, body: bytes) -> Answer:
        return self.parse(body)

    def buy_label(self, http: Http, order: LabelOrder) -> Label:
        """Shipment, then purchase, then the document.

        The shipment carries `order.key` as its reference, and a reference stands for an id in EasyPost's paths. So a
        second call finds the first shipment: bought already, it is only downloaded again; not bought, it is bought.
        """
        shipment = self._shipment(http, order)
        if not shipment.get("postage_label"):
            with reading("easypost rates"):
                rate = _rate(shipment, order.service)
            shipment = self._buy(http, shipment, rate)
        with reading("easypost label"):
            label = _label(shipment)
            if not label.body:
                body = _document(http, label.url)
                label = replace(label, body=body, format=format_of(body))
        return replace(label, qr=self._qr(http, shipment)) if http.credentials.get("qr") == "yes" else label

    def parse_label(self, body: bytes) -> Label:
        """The shipment that a purchase answers with. Mostly it points to the document: `url` is set, `body` empty."""
        with reading("easypost label"):
            shipment = as_object(body)
            if isinstance(error := shipment.get("error"), dict):
                raise Refused(_words(error.get("message")) or "no label", text(error.get("code")))
            if "rates" in shipment and not shipment.get("postage_label"):
                raise BadPayload("easypost label: a shipment whose postage is not bought")
            return _label(shipment)

    def void_label(self, http: Http, label_ref: str) -> None:
        reply = http.post(f"/v2/shipments/{quote(label_ref, safe='')}/refund")
        with reading("easypost refund"):
            state = text(as_object(granted(reply, "EasyPost").body).get("refund_status"))
        if state not in {"submitted", "refunded"}:
            raise Refused(f"EasyPost answers the refund with {state or 'nothing'}", state)

    def _shipment(self, http: Http, order: LabelOrder) -> dict[str, Any]:
        found = http.get(f"/v2/shipments/{quote(order.key, safe='')}")
        if found.status == 200:
            shipment = as_object(found.body)
            if shipment.get("reference") == order.key:
                return shipment
        elif found.status != 404:
            granted(found, "EasyPost")
        made = http.post("/v2/shipments", json={"shipment": _shipment_body(order)})
        return as_object(granted(made, "EasyPost").body)

    def _buy(self, http: Http, shipment: Mapping[str, Any], rate: Mapping[str, Any]) -> dict[str, Any]:
        path = f"/v2/shipments/{quote(text(shipment['id']), safe='')}"
        bought = http.post(f"{path}/buy", json={"rate": {"id": rate["id"]}}, buys=True)
        if bought.status < 400:
            return as_object(bought.body)
        # Somebody may have bought it between our look and our purchase: what counts is the shipment as it is now.
        now = http.get(path)
        if now.status == 200 and (current := as_object(now.body)).get("postage_label"):
            return current
        return as_object(granted(bought, "EasyPost").body)

    def _qr(self, http: Http, shipment: Mapping[str, Any]) -> bytes:
        """The picture that a USPS counter prints the label from, empty where there is none.

        The label is paid for by now: whatever goes wrong here, it stays good without a picture.
        """
        if text(shipment["selected_rate"]["carrier"]) != "USPS":
            return b""
        try:
            with reading("easypost form"):
                url = _qr_url(shipment)
                if not url:
                    path = f"/v2/shipments/{quote(text(shipment['id']), safe='')}/forms"
                    made = granted(http.post(path, json={"form": {"type": _QR_FORM}}), "EasyPost")
                    url = _qr_url(as_object(made.body))
                picture = _document(http, url) if url else b""
        except CarrierError:
            return b""
        return picture if picture.startswith(b"\x89PNG") else b""


CARRIER = EasyPost()


def _listed(body: bytes) -> bool:
    answer = as_json(body)
    return not isinstance(answer, dict) or bool(answer.get("trackers"))


def _errors(body: Mapping[str, Any], status: int) -> tuple[Fault, ...]:
    if isinstance(error := body.get("error"), dict):
        return (Fault(None, text(error.get("code")), _words(error.get("message"))),)
    return gateway_errors(body, status)


def _words(message: object) -> str:
    """A text, mostly; also a list of them, or an object that holds one."""
    if isinstance(message, dict):
        return _words(list(message.values()))
    if isinstance(message, list):
        return "; ".join(filter(None, map(_words, message)))[:500]
    return text(message)


def _answer(body: dict[str, Any]) -> Answer:
    """One of: list of trackers, event, list of events, tracker, shipment that holds its tracker."""
    if isinstance(body.get("trackers"), list):
        return Answer(_newest(body["trackers"]))
    if body.get("object") == "Event":
        return _event_answer(body)
    if isinstance(body.get("events"), list):
        return Answer(tuple(p for event in body["events"] for p in _event_answer(event).parcels))
    if "tracking_code" in body and "tracking_details" in body:
        return Answer((_parcel(body),))
    if isinstance(body.get("tracker"), dict):
        return Answer((_parcel(body["tracker"]),))
    if "rates" in body or body.get("object") == "Shipment":
        raise BadPayload("easypost: a shipment (label) answer without a tracker, not a tracking answer")
    raise BadPayload("easypost: neither a tracker, a list of trackers, an event nor an error")


def _event_answer(event: Mapping[str, Any]) -> Answer:
    result = event.get("result")
    if not isinstance(result, dict):
        raise BadPayload("easypost: an entry of the event log, without the tracker it was about")
    if result.get("object") == "Tracker" or "tracking_details" in result:
        return Answer((_parcel(result),))
    text(result["object"])  # a result that does not say what it is, is a surprise
    return Answer()


def _newest(trackers: Iterable[Mapping[str, Any]]) -> tuple[Parcel, ...]:
    """One parcel a number: carriers use numbers again, and each use is a tracker of its own."""
    chosen: dict[str, Mapping[str, Any]] = {}
    for tracker in trackers:
        number = text(tracker["tracking_code"])
        if number not in chosen or text(tracker["created_at"]) > text(chosen[number]["created_at"]):
            chosen[number] = tracker
    return tuple(_parcel(tracker) for tracker in chosen.values())


def _parcel(tracker: Mapping[str, Any]) -> Parcel:
    number = text(tracker["tracking_code"])
    if not number:
        raise ValueError("a tracker without tracking_code")
    scans = oldest_first(_scan(detail) for detail in tracker.get("tracking_details") or ())
    status, sub_status = _meaning(text(tracker["status"]), text(tracker.get("status_detail")))
    if status is Status.PENDING and not scans:
        sub_status = "pending.not_found"
    delivered = [scan.at for scan in scans if scan.status is Status.DELIVERED and scan.at]
    carrier_detail = tracker.get("carrier_detail") or {}
    return Parcel(
        number=number,
        scans=scans,
        status=status,
        sub_status=sub_status,
        delivered_at=delivered[-1] if delivered and status is Status.DELIVERED else None,
        estimated=_estimate(tracker, carrier_detail),
        service=text(carrier_detail.get("service")),
        is_return=tracker.get("is_return") is True,
    )


def _scan(detail: Mapping[str, Any]) -> Scan:
    code, finer = text(detail["status"]), text(detail.get("status_detail"))
    status, sub_status = _meaning(code, finer)
    moment = when(detail.get("datetime"))
    place = detail.get("tracking_location") or {}
    return scan_of(
        moment,
        Said(code, text(detail.get("message")) or text(detail.get("description")), status, sub_status, finer),
        Place(text(place.get("city")), text(place.get("state")), text(place.get("zip")), text(place.get("country"))),
    )


def _meaning(status: str, detail: str) -> tuple[Status | None, str | None]:
    word = DETAILS.get(f"{status}/{detail}") or STATUSES.get(status)
    if word is None:
        return None, None
    return (status_of(word), word) if "." in word else (Status(word), None)


def _estimate(tracker: Mapping[str, Any], carrier_detail: Mapping[str, Any]) -> Estimate | None:
    """The day alone: est_delivery_date is a midnight, or a time of day that no carrier promised, labelled Z."""
    for source, value in (
        ("est_delivery_date_local", carrier_detail.get("est_delivery_date_local")),
        ("est_delivery_date", tracker.get("est_delivery_date")),
    ):
        if moment := when(value).local:
            day = date.fromisoformat(moment[:10])
            return Estimate(day, day, source)
    return None


def _rate(shipment: Mapping[str, Any], service: str) -> Mapping[str, Any]:
    """The cheapest rate; where `service` names one ("Priority" or "USPS/Priority"), the cheapest of that name."""
    rates = [rate for rate in shipment.get("rates") or () if rate["currency"] == shipment["rates"][0]["currency"]]
    wanted = [r for r in rates if service in {"", text(r["service"]), f"{text(r['carrier'])}/{text(r['service'])}"}]
    if wanted:
        return min(wanted, key=lambda rate: to_minor(text(rate["rate"]), text(rate["currency"])))
    messages = "; ".join(text(m.get("message")) for m in shipment.get("messages") or ())
    offered = ", ".join(f"{text(r['carrier'])}/{text(r['service'])}" for r in rates)
    raise Refused(
        messages or f"no rate {'for ' + service if service else ''}; offered: {offered or 'nothing'}", "NO_RATE"
    )


def _label(shipment: Mapping[str, Any]) -> Label:
    postage, rate = shipment["postage_label"], shipment["selected_rate"]
    days = _VOIDABLE_DAYS.get(text(rate["carrier"]))
    bought_at = when(postage.get("created_at")).at
    currency = text(rate["currency"])
    pdf_url = text(postage.get("label_pdf_url"), 4000)
    body = base64_bytes(postage.get("label_file"))  # the document itself, in the place of an address
    if body and not format_of(body):
        raise ValueError("a label in no format that we know")
    return Label(
        ref=text(shipment["id"]),
        number=text(shipment["tracking_code"]),
        body=body,
        format=format_of(body) or ("pdf" if pdf_url else _FILE_TYPES.get(text(postage.get("label_file_type")), "none")),
        cost_minor=to_minor(text(rate["rate"]), currency),
        currency=currency,
        voidable_until=bought_at + timedelta(days=days) if bought_at and days else None,
        service=f"{text(rate['carrier'])} {text(rate['service'])}",
        size=text(postage.get("label_size")),
        url="" if body else pdf_url or text(postage["label_url"], 4000),
    )


def _qr_url(shipment: Mapping[str, Any]) -> str:
    forms = each(shipment.get("forms"))
    return next((text(form["form_url"], 4000) for form in forms if form.get("form_type") == _QR_FORM), "")


def _document(http: Http, url: str) -> bytes:
    """The label's bytes, kept at purchase because such addresses expire. Without our key: it is another host."""
    own = urlsplit(http.base)
    given = urlsplit(url)
    if given.scheme != "https" and (given.scheme, given.netloc) != (own.scheme, own.netloc):
        raise BadPayload("easypost label: the document's address is not https")
    reply = http.get(url, public=True, headers={"Accept": "*/*"})
    if reply.status != 200 or not format_of(reply.body):
        raise BadPayload(f"easypost label: no document at its address (HTTP {reply.status})")
    return reply.body


def _shipment_body(order: LabelOrder) -> dict[str, Any]:
    """The addresses stay as in the outbound shipment: with is_return EasyPost turns them round on the label itself."""
    return {
        "is_return": True,
        "reference": order.key,
        "from_address": _address(order.warehouse),
        "to_address": _address(order.customer),
        "parcel": {"weight": _ounces(order.grams)},
        "options": {
            "label_format": "PDF",
            "label_size": "4x6",
            "print_custom_1": order.rma,
            "invoice_number": order.rma,
        },
        **({"customs_info": _customs(order)} if order.customer.country != order.warehouse.country else {}),
    }


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


def _ounces(grams: int) -> float:
    """In tenths of an ounce, rounded up: a parcel declared too light is charged again on the way."""
    return math.ceil(Decimal(max(grams, 1)) / OUNCE_GRAMS * 10) / 10


def _customs(order: LabelOrder) -> dict[str, Any]:
    pieces = sum(item.quantity for item in order.items) or 1
    return {
        "contents_type": "returned_goods",
        "non_delivery_option": "return",
        "restriction_type": "none",
        "eel_pfc": "NOEEI 30.37(a)",
        "customs_items": [_customs_item(item, order.grams * item.quantity // pieces) for item in order.items],
    }


def _customs_item(item: Item, grams: int) -> dict[str, Any]:
    return {
        "description": item.description,
        "quantity": item.quantity,
        "value": to_text(item.unit_price_minor * item.quantity, item.currency),
        "currency": item.currency,
        "weight": _ounces(grams),
        "origin_country": item.origin_country,
        "hs_tariff_number": item.hs_code,
        "code": item.sku,
    }
