"""ShipEngine (ShipStation API): one account for many carriers. Tracking, RSA-signed webhooks and return labels."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from carriers.address import Address
from carriers.amounts import to_minor
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
    Label,
    LabelOrder,
    Parcel,
    Place,
    Scan,
    Subscribed,
    Trust,
    Wanted,
    ZoneFrom,
)
from carriers.download import document, format_of
from carriers.errors import BadPayload, BadSignature, CarrierError, OutcomeUnknown, Refused, UnknownNumber
from carriers.gateway import gateway_errors
from carriers.http import Http, carrier_words, granted
from carriers.reading import (
    SURPRISES,
    Said,
    When,
    as_json,
    as_object,
    each,
    meant,
    offset_text,
    oldest_first,
    other_body,
    reading,
    scan_of,
    some,
    text,
    when,
)
from carriers.signing import one_header
from carriers.status import Status
from carriers.zones import placed

if TYPE_CHECKING:
    import httpx
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

# `status_code`, in the order of a parcel's way. AC is said both of the label's data and of the parcel: the earlier.
STATUSES: Final[Mapping[str, str]] = {
    "NY": "pending.not_found",
    "AC": "info_received",
    "IT": "in_transit",
    "AT": "attempt_failed",
    "SP": "available_for_pickup.at_point",
    "DE": "delivered",
    "EX": "exception",
}

# `status_detail_code`, where it says more than the status does.
DETAILS: Final[Mapping[str, str]] = {
    "SHIPMENT_CREATED": "info_received.label_created",
    "AWAITING_PICKUP_DROP_OFF": "info_received",
    "ELEC_ADVICE_RECD_BY_CARRIER": "info_received.data_received",
    "PICKUP_FAILED": "info_received",
    "NOT_YET_RECEIVED_BY_CARRIER": "info_received",
    "DROPPED_OFF": "picked_up.dropped_off",
    "PICKED_UP": "picked_up.collected",
    "RECEIVED_BY_CARRIER": "picked_up",
    "RECD_BY_CARRIER_NO_ELEC_ADVICE": "picked_up",
    "IN_TRANSIT": "in_transit",
    "HUB_SCAN_IN": "in_transit.arrived_hub",
    "HUB_PROCESSING": "in_transit",
    "HUB_SCAN_OUT": "in_transit.departed_hub",
    "CUSTOMS_PROCESSING": "in_transit.customs_started",
    "CUSTOMS_CLEARED": "in_transit.customs_cleared",
    "RECEIVED_LOCAL_DELIVERY_DEPOT": "in_transit.arrived_depot",
    "SUB_CONTRACTOR_EVENT": "in_transit",
    "SUB_CONTRACTOR_RECEIVED": "in_transit.handed_to_partner",
    "PARCEL_REDIRECTED": "in_transit.redirected",
    "PARCEL_REDIRECTED_BY_CARRIER": "in_transit.redirected",
    "PARCEL_OVER_LABELLED": "in_transit",
    "PARCEL_REPACKED": "in_transit",
    "INCORRECT_DECLARATION": "in_transit",
    "DELIVERY_ARRANGED_WITH_RECIPIENT": "in_transit",
    "DELIVERY_SCHEDULED": "in_transit",
    "OUT_FOR_DELIVERY": "out_for_delivery",
    "ATTEMPTED_DELIVERY": "attempt_failed",
    "ATTEMPTED_DELIVERY_FINAL": "attempt_failed",
    "CUSTOMER_CARDED": "attempt_failed",
    "CUSTOMER_IDENTIFICATION_FAILED": "attempt_failed",
    "NO_ACCESS_TO_RECIPIENTS_ADDRESS": "attempt_failed.no_access",
    "AWAITING_COLLECTION_FROM_PICKUP_POINT": "available_for_pickup.at_point",
    "COLLECT_AT_LOCAL_PO": "available_for_pickup.at_point",
    "CUSTOMER_TO_COLLECT_FROM_CARRIER": "available_for_pickup",
    "DELIVERED_TO_ALTERNATIVE_DELIVERY_LOCATION": "available_for_pickup",
    "DELIVERED_TO_PICKUP_POINT": "available_for_pickup.at_point",
    "DELIVERED": "delivered",
    "DELIVERED_DAMAGED": "delivered",
    "DELIVERED_TO_RECEPTION": "delivered",
    "DELIVERED_TO_PO_BOX": "delivered",
    "DELIVERED_SPECIFIED_SAFE_PLACE": "delivered.safe_place",
    "DELIVERED_TO_NEIGHBOUR": "delivered.neighbour",
    "PARCEL_COLLECTED_FROM_PICKUP_POINT": "delivered.collected",
    "PROOF_OF_DELIVERY": "delivered",
    "ADDRESS_QUERY": "exception.address",
    "CUSTOMER_MOVED": "exception.moved",
    "REFUSED_BY_CUSTOMER": "exception.refused",
    "NOT_COLLECTED_FROM_PICKUP_POINT": "exception.pickup_expired",
    "COD_AMOUNT_NOT_PAID": "exception.payment",
    "DUTY_NOT_PAID": "exception.payment",
    "HELD_BY_CUSTOMS": "exception.customs_hold",
    "HELD_BY_CARRIER_FOR_CLEARANCE_PRE_PROCESSING": "exception.customs_hold",
    "HELD_BY_CARRIER": "exception",
    "MISROUTED": "exception.misrouted",
    "CARRIER_DELAYS": "exception.capacity",
    "DELIVERY_RESCHEDULED": "exception.capacity",  # for the carrier's own reasons
    "DELAYED_NOT_CARRIER": "exception.weather",  # and whatever else nobody could help
    "PARCEL_DAMAGED": "exception.damaged",
    "PARCEL_LOST": "exception.lost",
    "PARCEL_DISPOSED": "exception",
    "HAZARDOUS_PROHIBITED": "exception.rejected_by_carrier",
    "PARCEL_OUTSIDE_OF_SERVICE_CAPABILITY": "exception.rejected_by_carrier",
    "NOT_DELIVERED_ADDRESSEE_DECEASED": "exception",
    "UNSPECIFIED_EXCEPTION": "exception",
    "NOT_DELIVERED": "returning",
    "RETURN_TO_SENDER": "returning",
    "UNDELIVERABLE_RETURNED_TO_SENDER": "returned",
    "CANCELLED": "cancelled",
    "TRACKING_EXPIRED": "expired",
}

_WORDS_OF_OTHERS: Final = (
    "on_hold returned_to_sender delivered in_transit out_for_delivery picked_up delivery_failed "
    "delivery_attempt_failed delivery_delayed ready_for_pickup"
)
UNMAPPED: Final[Mapping[str, str]] = {
    "UN": "Unknown. Of a number without events that it was not found; of a scan it says nothing.",
    "CARRIER_STATUS_NOT_MAPPED": "ShipEngine has no word for it either; the status beside it decides.",
    "INFORMATION": "Something was said about the parcel, not what; the status beside it decides.",
    "PARCEL_UPDATE_NOTIFICATION": "A message was sent; the status beside it decides.",
    "POST_TRANSIT_STATUS": "Something was added after delivery; the status beside it decides.",
    "COD_AMOUNT_PAID": "About the money, not the parcel; the status beside it decides.",
    "DELIVERED_IN_PART": "Some parcels of the shipment, which may not be this one; the status beside it decides.",
    "unknown": "The state of a label in the answer to its purchase, not of a scan.",
    "error": "The state of a label in the answer to its purchase, not of a scan.",
    **dict.fromkeys(_WORDS_OF_OTHERS.split(), "A word of other programs: ShipEngine's API has codes, in capitals."),
}

# Numbers that can belong to one carrier only; anything else needs the connection's own carrier.
_SHAPES: Final = (
    (re.compile(r"1Z[0-9A-Z]{16}"), "ups"),
    (re.compile(r"(?:420[0-9]{5}(?:[0-9]{4})?)?9[1-5][0-9]{18,20}|[A-Z]{2}[0-9]{9}US"), "stamps_com"),
)

TOLERANCE: Final = timedelta(minutes=5)
JWKS_URL: Final = "https://api.shipengine.com/jwks"
LONGEST_REFERENCE: Final = 46  # of 50, which leaves room for the count of labels given back before
MOST_LABELS: Final = 9  # of one order, all but the last of them given back
_PEM: Final = re.compile(r"-----BEGIN PUBLIC KEY-----(.+?)-----END PUBLIC KEY-----", re.DOTALL)
_DATA_URI: Final = re.compile(r"data:[^,]{0,100};base64,(.+)", re.DOTALL)
_OVER: Final = {Status.DELIVERED, Status.RETURNED, Status.CANCELLED}
_OTHER_BODIES: Final = {"label_id": "the answer to buying a label", "approved": "the answer to a void"}
_SIGNED_BY: Final = "x-shipengine-rsa-sha256-key-id"
_SIGNATURE: Final = "x-shipengine-rsa-sha256-signature"
_STAMP: Final = "x-shipengine-timestamp"


def _fault_of_keys(pasted: str) -> str:
    try:
        return "" if _keys(pasted.strip()) else f"no RSA key is in it; paste what {JWKS_URL} shows"
    except BadSignature as error:
        return str(error)


ABOUT = About(
    slug="shipengine",
    name="ShipEngine",
    relays=True,
    docs_url="https://docs.shipstation.com/apis/shipengine/docs",
    live="https://api.shipengine.com",
    number_pattern=r"[0-9A-Z]{6,40}",
    codes={**STATUSES, **DETAILS},
    unmapped=UNMAPPED,
    budgets=(Budget(180, timedelta(minutes=1)),),
    batch_size=1,
    hook_trust=Trust.SIGNED,
    time_rule=(
        "`occurred_at` is the instant and `carrier_occurred_at` the wall clock of the place; what lies between is the "
        "offset. Where both are equal, nobody may have converted anything: the wall clock is then placed by country, "
        "state and postcode if these tell one zone, else it has none. Estimates at midnight are days."
    ),
    fields=(
        Field("api_key", "API key", "From the dashboard. One that starts with TEST_ sells void labels.", secret=True),
        Field(
            "webhook_secret",
            "Public keys of webhooks",
            f"Paste what {JWKS_URL} shows, all of it. Webhooks are signed with a key of theirs, and these are what "
            "tells a true one. When ShipEngine changes its keys, webhooks are refused and parcels polled until it is "
            "pasted anew. One public key as PEM is taken as well.",
            secret=True,
            required=False,
            fault=_fault_of_keys,
        ),
        Field(
            "carrier_code",
            "Carrier",
            "ShipEngine's word for the carrier whose numbers are asked for, e.g. dhl_express. Left empty, numbers of "
            "UPS and USPS are told by their shape, and others cannot be asked for.",
            required=False,
        ),
        Field(
            "service_code",
            "Service of return labels",
            "E.g. usps_ground_advantage. Left empty, the cheapest of ShipEngine's own carriers is bought.",
            required=False,
        ),
        Field("carrier_id", "Carrier account", "se-..., where a service is sold by several of yours.", required=False),
        Field(
            "charge_event",
            "When a return label is charged",
            required=False,
            default="carrier_default",
            choices={
                "carrier_default": "As the carrier does",
                "on_creation": "When it is made",
                "on_carrier_acceptance": "When it is used; the carrier must have switched it on",
            },
        ),
        Field(
            "qr",
            "Codes for the counter",
            "With each label also a code, so that shoppers need no printer, where the carrier has one.",
            required=False,
            default="no",
            choices=NO_OR_YES,
        ),
    ),
    hook_header_names=(_SIGNATURE, _SIGNED_BY, _STAMP),
    subscription_batch=1,
    sources=(
        "https://github.com/ShipEngine/shipengine-openapi (1.1.202604070904)",
        "https://docs.shipstation.com/apis/docs/guides/webhooks-validation",
        "https://docs.shipstation.com/return-labels",
        "https://docs.shipstation.com/apis/shipengine/docs/labels/voiding",
    ),
    assumed=(
        "The signed text (time, dot, body), the padding (PKCS #1 v1.5) and the address of the keys come from public "
        "verifiers.",
        "A return label bought by itself prints ship_from as the sender: from the customer, to the warehouse.",
        "A number that is not known is answered with 200, NY or UN and no events.",
        "Two hundred calls a minute, of which we take 180.",
        "AC may mean the label's data alone.",
    ),
    gaps=(
        "Every question needs the carrier. FedEx's and others' numbers have no shape of their own: give a connection "
        "for each such carrier.",
        "Return labels within one country only, as ShipEngine says; others are refused here without asking.",
        "A carrier that wants the outbound label beside a return (outbound_label_id) refuses: we do not know it.",
        "How long a label can be voided depends on its carrier, and ShipEngine does not say beforehand.",
        "The keys of webhooks are pasted, not fetched, because checking a webhook asks nobody.",
        "An event without status_code is shown with the carrier's own code and has no status.",
        "Accounts under the name of ShipStation use another host and are not supported.",
        "Deliveries carry no id; a repeat is known by its bytes.",
    ),
)


class ShipEngine:
    """The adapter. Stateless; safe to share between threads."""

    about = ABOUT

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        return Bearer(http.credentials.get("api_key", ""), header="API-Key", prefix="")

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        (number,) = numbers
        reply = http.get("/v1/tracking", params=_asked(http, number))
        return Fetched(reply.status, reply.body)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        with reading("shipengine track"):
            answer = as_object(body)
            if errors := each(answer.get("errors")):
                return Answer(errors=tuple(_fault(error) for error in errors))
            if "events" in answer and "label_id" not in answer:
                return _track(answer)
            if faults := gateway_errors(answer, status):
                return Answer(errors=faults)
        raise other_body(answer, _OTHER_BODIES, "shipengine track: neither a tracking answer nor an error")

    def verify(self, hook: Hook, secret: str, now: datetime) -> None:
        """RSA-SHA256 over "time.body", base64, with one of the keys in `secret` (JWKS or PEM), five minutes at most."""
        stamp, key_id = one_header(hook.headers, _STAMP), one_header(hook.headers, _SIGNED_BY)
        given = one_header(hook.headers, _SIGNATURE)
        keys = _keys(secret.strip())
        key = keys.get(key_id) or keys.get("")
        if key is None:
            raise BadSignature(f"signed with a key that is not among those pasted from {JWKS_URL}")
        _check_rsa(key, given, stamp.encode("utf-8", "replace") + b"." + hook.body)
        if abs(now - _sent_at(stamp)) > TOLERANCE:
            raise BadSignature("the signature is older than five minutes, or the clocks differ")

    def hook_key(self, hook: Hook) -> str:
        return sha256(hook.body).hexdigest()

    def parse_hook(self, body: bytes) -> Answer:
        with reading("shipengine webhook"):
            event = as_object(body)
            kind = text(event["resource_type"])
            if kind != "API_TRACK":
                return Answer()  # a batch, a rate, a report: nothing about a parcel's way
            return _track(some(event["data"]))

    def buy_label(self, http: Http, order: LabelOrder) -> Label:
        """Looks for the label of this key first; buys where there is none, or none that was not given back."""
        if order.customer.country != order.warehouse.country:
            raise Refused("ShipEngine sells return labels within one country only", "INTERNATIONAL_RETURN")
        reference, found = _standing(http, order.key)
        if found is None:
            found = _purchased(http, order, reference)
        with reading("shipengine label"):
            return _whole_label(http, found)

    def parse_label(self, body: bytes) -> Label:
        """What the answer to a purchase holds: the documents themselves, or their addresses."""
        with reading("shipengine label"):
            bought = as_object(body)
            if errors := each(bought.get("errors")):
                fault = _fault(errors[0])
                raise Refused(fault.text, fault.code)
            return _label(bought)

    def void_label(self, http: Http, label_ref: str) -> None:
        """A refused void is a 200 that says so. One that was voided before is no error."""
        reply = granted(http.put(f"/v1/labels/{quote(label_ref, safe='')}/void"), "ShipEngine")
        with reading("shipengine void"):
            said = as_object(reply.body)
            approved, reason, words = said["approved"], text(said.get("reason_code")), text(said.get("message"))
        if approved is not True and reason != "label_already_voided":
            raise Refused(words or "ShipEngine does not take the label back", reason)

    def subscribe(self, http: Http, wanted: Wanted) -> Sequence[Subscribed]:
        """The account's webhook for tracking, made where it is missing, then each number."""
        ref = _webhook(http, wanted.hook_url)
        if not wanted.numbers:
            return [Subscribed("", ref)]
        return [_started(http, number) for number in wanted.numbers]

    def unsubscribe(self, http: Http, ref: str) -> None:
        """`ref` is a number, or the id of the account's webhook."""
        if ref.startswith("se-"):
            reply = http.delete(f"/v1/environment/webhooks/{quote(ref, safe='')}")
        else:
            reply = http.post("/v1/tracking/stop", params=_asked(http, ref))
        if reply.status != 404:
            granted(reply, "ShipEngine")


CARRIER = ShipEngine()


def _asked(http: Http, number: str) -> dict[str, str]:
    """Raises UnknownNumber where nothing says which carrier is meant."""
    own = http.credentials.get("carrier_code", "").strip()
    code = own or next((name for shape, name in _SHAPES if shape.fullmatch(number)), "")
    if not code:
        raise UnknownNumber("ShipEngine must be told the carrier, and this number does not show it")
    return {"carrier_code": code, "tracking_number": number}


def _fault(error: Mapping[str, Any]) -> Fault:
    return Fault(None, text(error.get("error_code")) or text(error.get("error_type")), text(error["message"]))


def _track(track: Mapping[str, Any]) -> Answer:
    number = text(track["tracking_number"])
    if not number:
        raise ValueError("an answer without tracking_number")
    scans = oldest_first((_scan(event) for event in each(track["events"])), newest_first=True)
    code, finer = text(track["status_code"]).upper(), text(track.get("status_detail_code")).upper()
    if not scans and code in {"NY", "UN"}:
        return Answer(not_found=(number,))
    status, sub_status = _meaning(code, finer)
    if status is None and code in {"", "UN"}:
        told = ((scan.status, scan.sub_status) for scan in reversed(scans) if scan.status)
        status, sub_status = next(told, (None, None))
    parcel = Parcel(
        number=number,
        scans=scans,
        status=status,
        sub_status=sub_status,
        delivered_at=_delivered_at(track, scans, status),
        estimated=None if status in _OVER else _estimate(track.get("estimated_delivery_date")),
    )
    return Answer((parcel,))


def _meaning(code: str, finer: str) -> tuple[Status | None, str | None]:
    return meant(DETAILS.get(finer) or STATUSES.get(code))


def _scan(event: Mapping[str, Any]) -> Scan:
    """One event. Its code is ShipEngine's own, or the carrier's where ShipEngine has none for it."""
    code, finer = text(event.get("status_code")).upper(), text(event.get("status_detail_code")).upper()
    own = text(event.get("event_code")) or text(event.get("carrier_status_code"))
    status, sub_status = _meaning(code, finer)
    place = Place(
        text(event.get("city_locality")),
        text(event.get("state_province")),
        text(event.get("postal_code")),
        text(event.get("country_code")),
    )
    moment = _moment(event, place)
    return scan_of(
        moment,
        Said(
            code or own,
            text(event.get("description")) or text(event.get("carrier_status_description")),
            status,
            sub_status,
            "/".join(filter(None, (finer, own if code else ""))),
        ),
        place,
    )


def _moment(event: Mapping[str, Any], place: Place) -> When:
    local, instant = when(event.get("carrier_occurred_at")), when(event.get("occurred_at"))
    if local.at or local.date_only or not instant.at:
        return placed(local if local.local else instant, place)
    if not local.local:
        return instant
    ahead = datetime.fromisoformat(local.local).replace(tzinfo=UTC) - instant.at
    if abs(ahead) > timedelta(hours=14) or ahead.total_seconds() % 900:
        return instant
    if not ahead:
        return placed(local, place)
    return When(instant.at, local.local, offset_text(ahead), ZoneFrom.CARRIER)


def _delivered_at(track: Mapping[str, Any], scans: Sequence[Scan], status: Status | None) -> datetime | None:
    """The instant of the scan, else of actual_delivery_date unless that is a day."""
    if status is not Status.DELIVERED:
        return None
    scanned = [scan.at for scan in scans if scan.status is Status.DELIVERED and scan.at]
    stated = when(track.get("actual_delivery_date"))
    return scanned[-1] if scanned else None if stated.local.endswith("T00:00:00") else stated.at


def _estimate(value: object) -> Estimate | None:
    moment = when(value)
    if not moment.local:
        return None
    day = date.fromisoformat(moment.local[:10])
    at = None if moment.local.endswith("T00:00:00") else moment.at
    return Estimate(at or day, at or day, "estimated_delivery_date")


@lru_cache(maxsize=64)
def _keys(secret: str) -> Mapping[str, RSAPublicKey]:
    """Key id -> public key; a PEM is the one key, without id. Raises BadSignature where there is none in it."""
    from cryptography.exceptions import UnsupportedAlgorithm

    if not secret:
        raise BadSignature("no webhook secret is set")
    try:
        return {"": _pem_key(secret)} if secret.startswith("-----BEGIN") else _jwks(secret)
    except (BadPayload, UnsupportedAlgorithm, *SURPRISES):
        raise BadSignature(f"the public keys cannot be read; paste what {JWKS_URL} shows") from None


def _jwks(secret: str) -> Mapping[str, RSAPublicKey]:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

    shown = as_json(secret.encode())
    keys = each(shown["keys"] if isinstance(shown, dict) else shown)
    return {
        text(key["kid"]): RSAPublicNumbers(_number(key["e"]), _number(key["n"])).public_key()
        for key in keys
        if key["kty"] == "RSA" and text(key["kid"])
    }


def _number(coded: str) -> int:
    return int.from_bytes(urlsafe_b64decode(coded + "=" * (-len(coded) % 4)))


def _pem_key(secret: str) -> RSAPublicKey:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    (coded,) = _PEM.findall(secret)  # by hand, because a form may have lost the line breaks
    key = load_der_public_key(b64decode("".join(coded.split()), validate=True))
    if not isinstance(key, RSAPublicKey):
        raise TypeError("not an RSA key")
    return key


def _check_rsa(key: RSAPublicKey, given: str, signed: bytes) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        key.verify(b64decode(given, validate=True), signed, PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        raise BadSignature("the signature does not match") from None


def _sent_at(stamp: str) -> datetime:
    """ISO 8601 with an offset, or seconds since 1970."""
    if stamp.isascii() and stamp.isdecimal() and len(stamp) <= 12:
        return datetime.fromtimestamp(int(stamp), UTC)
    if at := when(stamp).at:
        return at
    raise BadSignature("the time of the signature cannot be read")


def _reference(key: str, count: int) -> str:
    """external_shipment_id: our key, counted where its labels were given back. Longer ones would be cut off."""
    short = key if len(key) <= LONGEST_REFERENCE else sha256(key.encode()).hexdigest()[:LONGEST_REFERENCE]
    return short if count == 1 else f"{short}~{count}"


def _standing(http: Http, key: str) -> tuple[str, Mapping[str, Any] | None]:
    """(the reference to buy under, the label that stands under it if any)."""
    for count in range(1, MOST_LABELS + 1):
        reference = _reference(key, count)
        label = _named(http, reference)
        if label is None or label.get("voided") is not True:
            return reference, label
    raise Refused(f"{MOST_LABELS} labels of this return were voided before", "TOO_MANY_LABELS")


def _named(http: Http, reference: str) -> Mapping[str, Any] | None:
    path = f"/v1/labels/external_shipment_id/{quote(reference, safe='')}"
    reply = http.get(path, params={"label_download_type": "inline"})
    if reply.status == 404:
        return None
    with reading("shipengine label"):
        return as_object(granted(reply, "ShipEngine").body)


def _purchased(http: Http, order: LabelOrder, reference: str) -> Mapping[str, Any]:
    service = order.service or http.credentials.get("service_code", "").strip()
    path = "/v1/labels" if service else "/v1/labels/rate_shopper_id/cheapest"
    reply = http.post(path, json=_label_body(http, order, reference, service), buys=True)
    if reply.status < 400:
        with reading("shipengine label"):
            return as_object(reply.body)
    # Somebody may have bought it between our look and our purchase: what counts is what stands now.
    now = _named(http, reference)
    if now is not None and now.get("voided") is not True:
        return now
    code, words = carrier_words(reply.body)
    raise Refused(words or f"ShipEngine answered {reply.status}", code)


def _label_body(http: Http, order: LabelOrder, reference: str, service: str) -> dict[str, Any]:
    """As printed: from the customer to the warehouse. ShipEngine turns round only what is asked for as /return."""
    account = http.credentials.get("carrier_id", "").strip()
    chosen = {"service_code": service, **({"carrier_id": account} if account else {})} if service else {}
    return {
        "shipment": {
            **chosen,
            "external_shipment_id": reference,
            "ship_from": _address(order.customer),
            "ship_to": _address(order.warehouse),
            "packages": [
                {
                    "weight": {"value": max(order.grams, 1), "unit": "gram"},
                    "label_messages": {"reference1": order.rma},
                }
            ],
        },
        "is_return_label": True,
        "rma_number": order.rma,
        "charge_event": http.credentials.get("charge_event", "").strip() or "carrier_default",
        "label_format": "pdf",
        "label_layout": "4x6",
        "label_download_type": "inline",
        "display_scheme": "label_and_paperless" if http.credentials.get("qr") == "yes" else "label",
    }


def _address(address: Address) -> dict[str, str]:
    lines = (*address.lines, "", "", "")
    return {
        "name": address.name,
        "company_name": address.company,
        "address_line1": lines[0],
        "address_line2": lines[1],
        "address_line3": ", ".join(filter(None, lines[2:])),
        "city_locality": address.city,
        "state_province": address.region,
        "postal_code": address.postcode,
        "country_code": address.country,
        "phone": address.phone,
        "email": address.email,
    }


def _whole_label(http: Http, bought: Mapping[str, Any]) -> Label:
    """With its documents, fetched where the answer only points to them."""
    if text(bought.get("status")) == "processing" and not _link(bought.get("label_download")):
        raise OutcomeUnknown("ShipEngine is still making this label", "processing")
    label = _label(bought)
    body = label.body or document(http, label.url, "shipengine label")
    return replace(label, body=body, format=format_of(body), qr=label.qr or _code(http, bought))


def _label(bought: Mapping[str, Any]) -> Label:
    link = _link(bought.get("label_download"))
    if text(bought.get("status")) == "error" or not link:
        raise Refused("ShipEngine has made no label", text(bought["status"]))
    body = _inline(link)
    cost = some(bought.get("shipment_cost"))
    currency = text(cost.get("currency")).upper()
    code = _inline(_code_link(bought))
    return Label(
        ref=text(bought["label_id"]),
        number=text(bought["tracking_number"]),
        body=body,
        format=format_of(body) or text(bought.get("label_format")) or _format_of_link(link),
        cost_minor=_minor(cost["amount"], currency) if currency else None,
        currency=currency,
        qr=code if format_of(code) in {"png", "pdf"} else b"",
        service=" ".join(filter(None, (text(bought.get("carrier_code")), text(bought.get("service_code"))))),
        counter_code=text(some(bought.get("paperless_download")).get("handoff_code")),
        size=text(bought.get("label_layout")),
        url="" if body else link,
    )


def _link(value: object) -> str:
    """The address of a download, or the document itself as a data URI."""
    download = some(value)
    found = download.get("href") or download.get("pdf")
    if found is not None and not isinstance(found, str):
        raise TypeError("an address was expected")
    return found or ""


def _format_of_link(link: str) -> str:
    """By the ending of an address; "none" where it has no ending that says it."""
    ending = urlsplit(link).path.rpartition(".")[2].lower()
    return ending if ending in {"pdf", "png", "zpl"} else "none"


def _code_link(bought: Mapping[str, Any]) -> str:
    return _link(bought.get("qr_code_download")) or _link(bought.get("paperless_download"))


def _inline(link: str) -> bytes:
    found = _DATA_URI.fullmatch(link)
    try:
        return b64decode(found[1], validate=True) if found else b""
    except binascii.Error:
        raise ValueError("a document that is not base64") from None


def _code(http: Http, bought: Mapping[str, Any]) -> bytes:
    """The code for the counter. The label is paid for by now: whatever goes wrong here, it stays good without one."""
    link = _code_link(bought)
    try:
        code = document(http, link, "shipengine code") if link and not _DATA_URI.fullmatch(link) else b""
    except CarrierError:
        return b""
    return code if format_of(code) in {"png", "pdf"} else b""


def _minor(amount: object, currency: str) -> int:
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        raise TypeError("an amount was expected")
    return to_minor(str(Decimal(str(amount)).quantize(Decimal("0.01"), ROUND_HALF_UP)), currency)


def _webhook(http: Http, url: str) -> str:
    """The id of the account's webhook for tracking. It can have one address only, which may be somebody else's."""
    with reading("shipengine webhooks"):
        listed = as_json(granted(http.get("/v1/environment/webhooks"), "ShipEngine").body)
        for known in each(listed):
            if known.get("event") == "track" and known.get("url") == url:
                return text(known["webhook_id"])
    reply = http.post("/v1/environment/webhooks", json={"event": "track", "url": url, "name": "Doorstep"})
    if reply.status == 409:
        raise Refused("ShipEngine already sends tracking to another address; remove that webhook first", "409")
    with reading("shipengine webhooks"):
        return text(as_object(granted(reply, "ShipEngine").body)["webhook_id"])


def _started(http: Http, number: str) -> Subscribed:
    try:
        granted(http.post("/v1/tracking/start", params=_asked(http, number)), "ShipEngine")
    except (Refused, UnknownNumber) as error:
        return Subscribed(number, refused=str(error))
    return Subscribed(number, ref=number)
