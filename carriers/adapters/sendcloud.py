"""Sendcloud: the history of one parcel a call (API v3), its parcels by status number (API v2), and its pushes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import httpx

from carriers.contract import (
    About,
    Answer,
    Budget,
    Estimate,
    Fault,
    Fetched,
    Field,
    Hook,
    Parcel,
    Scan,
    Trust,
)
from carriers.errors import BadPayload, UnknownNumber
from carriers.http import carrier_words
from carriers.reading import (
    UNTIMED,
    Said,
    When,
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
from carriers.signing import check_hmac, one_header
from carriers.status import Status

if TYPE_CHECKING:
    from carriers.auth import Tokens
    from carriers.http import Http

# `status.id` of a parcel (API v2). From 62989 on: not in the list of the public client, but in Sendcloud's by name.
IDS: Final[Mapping[str, str]] = {
    "0": "info_received.label_created",  # ready to send
    "1": "info_received.data_received",  # announced
    "3": "in_transit",  # en route to sorting centre
    "4": "exception.capacity",  # delivery delayed
    "5": "in_transit",  # sorted
    "6": "exception",  # not sorted
    "7": "in_transit.arrived_hub",  # being sorted
    "8": "attempt_failed",
    "11": "delivered",
    "12": "available_for_pickup.at_point",
    "13": "info_received",  # announced, not collected
    "15": "info_received",  # the collection went wrong: still with the sender
    "22": "picked_up.collected",
    "80": "exception",  # unable to deliver
    "91": "in_transit",
    "92": "out_for_delivery.on_vehicle",  # driver en route
    "93": "delivered.collected",
    "999": "pending",  # no label
    "1000": "info_received.label_created",  # ready to send
    "1001": "pending",  # being announced: the carrier knows nothing yet
    "1002": "pending",  # announcement failed: the carrier knows nothing
    "2000": "cancelled",
    "62989": "in_transit.customs_started",
    "62990": "in_transit.arrived_hub",
    "62991": "exception.refused",
    "62992": "returning",
    "62993": "in_transit.redirected",  # delivery method changed
    "62995": "in_transit.redirected",  # delivery address changed
    "62996": "exception",
    "62997": "exception.address",
}
# Phases of an event (API v3).
PHASES: Final[Mapping[str, str]] = {
    "no_label": "pending",
    "announcing": "pending",
    "announced": "info_received.data_received",
    "labelled": "info_received.label_created",
    "ready_to_send": "info_received.label_created",
    "accepted": "picked_up",
    "sorted": "in_transit",
    "in_transit": "in_transit",
    "customs": "in_transit.customs_started",
    "in_delivery": "out_for_delivery.on_vehicle",
    "attempted": "attempt_failed",
    "attempted/not_home": "attempt_failed.not_home",
    "attempted/company_closed": "attempt_failed.closed",
    "attempted/inaccessible": "attempt_failed.no_access",
    "pup": "available_for_pickup.at_point",
    "pup/locker": "available_for_pickup.at_locker",
    "delivered": "delivered",
    "delivered/receiver": "delivered.to_person",
    "delivered/neighbour": "delivered.neighbour",
    "delivered/safeplace": "delivered.safe_place",
    "delivered/pup": "delivered.collected",
    "cancelled": "cancelled",
}
# Exceptions of an event (API v3).
EXCEPTIONS: Final[Mapping[str, str]] = {
    "announcement_failed": "pending",
    "dropoff_expiration": "info_received",  # the sender did not hand it in
    "address_error": "exception.address",
    "customs_issue": "exception.customs_hold",
    "damaged": "exception.damaged",
    "refused": "exception.refused",
    "customer_rejected": "exception.refused",
    "pup_expiration": "exception.pickup_expired",
    "non_conformity": "exception.rejected_by_carrier",
    "missing": "exception",
    "hold": "exception",
    "hold/payment": "exception.payment",
    "delivery_delay": "exception.capacity",
    "delivery_delay/weather_conditions": "exception.weather",
    "handover_delay": "exception.capacity",
    "sorting_delay": "exception.capacity",
    "sorting_delay/misrouted": "exception.misrouted",
    "sorting_delay/missort": "exception.misrouted",
    "delay_unknown": "exception.capacity",
    "relabelled": "in_transit",
    "returned_sender": "returning",
}
EVENTS: Final[Mapping[str, str]] = {**PHASES, **EXCEPTIONS}
# `parent_status` of a tracking (API v2): the statuses of a parcel by name.
PARENTS: Final[Mapping[str, str]] = {
    "ready-to-send": "info_received.label_created",
    "announced": "info_received.data_received",
    "to-sorting": "in_transit",
    "delayed": "exception.capacity",
    "sorted": "in_transit",
    "unsorted": "exception",
    "unsorted2": "exception",
    "sorting": "in_transit.arrived_hub",
    "delivery-failed": "attempt_failed",
    "delivered": "delivered",
    "awaiting-customer-pickup": "available_for_pickup.at_point",
    "announced-uncollected": "info_received",
    "collect-error": "info_received",  # the collection went wrong: still with the sender
    "undeliverable": "exception",
    "shipment-on-route": "in_transit",
    "driver-on-route": "out_for_delivery.on_vehicle",
    "picked-up-by-driver": "picked_up.collected",
    "collected-by-customer": "delivered.collected",
    "no-label": "pending",
    "announcing": "pending",
    "announcement-failed": "pending",
    "cancelled": "cancelled",
    "at-customs": "in_transit.customs_started",
    "at-sorting-centre": "in_transit.arrived_hub",
    "refused-by-recipient": "exception.refused",
    "returned-to-sender": "returning",
    "delivery-method-changed": "in_transit.redirected",
    "delivery-address-changed": "in_transit.redirected",
    "exception": "exception",
    "address-invalid": "exception.address",
}
CODES: Final[Mapping[str, str]] = {**IDS, **EVENTS, **PARENTS}

_NOT_YET_CANCELLED: Final = "The label is about to be cancelled; until it is, the parcel may still be sent."
_CLOSED: Final = "Sendcloud closed the parcel itself; nobody saw it delivered."
_OURS: Final = "About Sendcloud and the sender, not about where the parcel is."
UNMAPPED: Final[Mapping[str, str]] = {
    "1337": "Sendcloud does not know the carrier's status.",
    "unknown": "Sendcloud does not know the carrier's status.",
    "none": "No phase.",
    **dict.fromkeys(
        ("1998", "1999", "2001", "cancelled_upstream", "cancelling", "cancelling_upstream"), _NOT_YET_CANCELLED
    ),
    **dict.fromkeys(("cancelled-upstream", "cancelling-upstream"), _NOT_YET_CANCELLED),
    "cancellation_failed": "The label is still good; the event before says where the parcel is.",
    "62994": "Another date of delivery; the estimate has it, the parcel is where it was.",
    "changed": "Something about the delivery was changed; not what.",
    "dropped": "Dropped off by the sender or at a point for the recipient; Sendcloud does not say which.",
    "delivery-date-changed": "Another date of delivery; the parcel is where it was.",
    **dict.fromkeys(("delivery_forced", "delivery-forced"), _CLOSED),
    "off_radar": "Sendcloud's own conclusion from silence.",
    **dict.fromkeys(("claim", "claimable", "customer_support"), _OURS),
}

NO_LABEL: Final = "no tracking number yet"
_STATUS_CHANGED: Final = "parcel_status_changed"
_EVENT_CREATED: Final = "parcels.event.created"
_OTHER_ACTIONS: Final = frozenset(
    {"integration_connected", "integration_updated", "integration_deleted", "return_created"}
)
_NONE: Final = frozenset({"", "none"})
_OVER: Final = frozenset({Status.DELIVERED, Status.RETURNED, Status.CANCELLED})
_OTHER_BODIES: Final[Mapping[str, str]] = {
    "url": "the address of a return portal",
    "returns": "a list of returns",
    "label": "a label",
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS: Final = 10**11  # seconds since 1970 stay below this until the year 5138

ABOUT: Final = About(
    slug="sendcloud",
    name="Sendcloud",
    relays=True,
    docs_url="https://sendcloud.dev/docs/parcel-tracking/retrieve-tracking-info",
    live="https://panel.sendcloud.sc",
    number_pattern=r"[0-9A-Z]{4,255}",
    codes=CODES,
    unmapped=UNMAPPED,
    budgets=(Budget(1000, timedelta(minutes=1)),),
    batch_size=1,
    hook_trust=Trust.SIGNED,
    hook_prompts=(
        "A push names statuses by numbers and by its own time, where the history has words and the time of the event: "
        "shown as it is, every event would be told twice."
    ),
    time_rule=(
        "Events carry instants in UTC, pushes seconds or milliseconds since 1970. A parcel of API v2 has only the time "
        "of its last change of any kind, without a zone: its status then has no time."
    ),
    fields=(
        Field("public_key", "Public key", "Of the API integration in Sendcloud, Settings, Integrations.", secret=True),
        Field("secret_key", "Secret key", "Shown with the public key.", secret=True),
        Field(
            "webhook_secret",
            "Webhook secret",
            "The webhook signature key of the integration, or its secret key where it has none.",
            secret=True,
            required=False,
        ),
    ),
    hook_header_names=("sendcloud-signature",),
    sources=(
        "OpenAPI documents of Sendcloud: parcel tracking v3, event subscriptions v3, webhooks v2 and v3, parcels v2",
        "https://sendcloud.dev/api/v2/webhooks (a published signature)",
        "https://sendcloud.dev/docs/getting-started/rate-limits, as quoted by others",
        "https://github.com/Webador/sendcloud (status numbers, a webhook)",
    ),
    assumed=(
        "The status_code of an event is the phase or the exception of the same event in a push.",
        "Numbers from 62989 to 62997 are, in this order: at customs, at sorting centre, refused, returned to sender, "
        "method, date and address of delivery changed, exception, address invalid.",
        "The names of statuses in a tracking of API v2 are those that its list of returns can be searched by.",
        "returned_sender and 62992 are on the way back; Sendcloud does not tell whether it has arrived.",
        "A thousand calls a minute may be made for reading.",
    ),
    gaps=(
        "Event subscriptions, which are in beta, prove nothing by a signature and are not taken; the webhook of the "
        "integration tells the same.",
        "A tracking of API v2 is read where it is met, but not asked for: it does not name its parcel.",
        "Where a scan happened is not in the history. Only parcels of the own Sendcloud account are known.",
        "Webhooks are set up in Sendcloud, one for each integration.",
        "Return labels are not sold here: Sendcloud's return portal and API issue them.",
    ),
)


class Sendcloud:
    """The adapter. Stateless; safe to share between threads."""

    about = ABOUT

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        return httpx.BasicAuth(http.credentials.get("public_key", ""), http.credentials.get("secret_key", ""))

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        """Raises UnknownNumber for a 404 in Sendcloud's words: it does not name the number."""
        (number,) = numbers
        reply = http.get(f"/api/v3/parcels/tracking/{quote(number, safe='')}")
        if reply.status == 404 and (words := _detail(reply.body)):
            raise UnknownNumber(words)
        return Fetched(reply.status, reply.body)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        with reading("sendcloud"):
            return _answer(as_object(body), status)

    def verify(self, hook: Hook, secret: str, now: datetime) -> None:
        """`Sendcloud-Signature`: hex HMAC-SHA256 of the raw body. No time is signed: age is unknown."""
        check_hmac(one_header(hook.headers, "sendcloud-signature"), secret, hook.body)

    def hook_key(self, hook: Hook) -> str:
        """Sendcloud gives deliveries no id, and repeats one byte by byte."""
        return sha256(hook.body).hexdigest()

    def parse_hook(self, body: bytes) -> Answer:
        with reading("sendcloud webhook"):
            push = as_object(body)
            if push.get("event_type") == _EVENT_CREATED:
                return Answer((_of_event(some(push["data"])),))
            action = text(push["action"])
            if action in _OTHER_ACTIONS:
                return Answer()
            if action == _STATUS_CHANGED:
                return Answer((_of_change(push),))
        raise BadPayload("sendcloud webhook: neither a change of a parcel nor another action of Sendcloud's")


CARRIER = Sendcloud()


def _detail(body: bytes) -> str:
    """Sendcloud's words where a body holds nothing else; a route that does not exist has none."""
    try:
        return carrier_words(body)[1] if set(as_object(body)) == {"detail"} else ""
    except BadPayload:
        return ""


def _answer(answer: Mapping[str, Any], status: int) -> Answer:
    if "tracking_numbers" in answer:
        return Answer(_history(answer))
    if isinstance(answer.get("parcel"), dict) and "action" not in answer:
        return _listed([answer["parcel"]])
    if "parcels" in answer:
        return _listed(each(answer["parcels"]))
    if isinstance(answer.get("statuses"), list) and "carrier_code" in answer:
        return Answer((_tracked(answer),))
    if isinstance(answer.get("data"), dict) and "parcels" in answer["data"]:
        return _listed(each(answer["data"]["parcels"]))
    if faults := _faults(answer, status):
        return Answer(errors=faults)
    raise other_body(answer, _OTHER_BODIES, "sendcloud: neither a parcel nor an error; this is not tracking data")


def _faults(answer: Mapping[str, Any], status: int) -> tuple[Fault, ...]:
    """Errors as API v2 writes them (an object), and v3 (a list of them, a list of faulty fields, or words alone)."""
    if error := some(answer.get("error")):
        return (Fault(None, text(error.get("code")), text(error.get("message"))),)
    if isinstance(found := answer.get("errors"), list):
        return tuple(Fault(None, text(e.get("code")), text(e.get("detail") or e.get("title"))) for e in each(found))
    if isinstance(found := answer.get("detail"), list):
        return tuple(Fault(None, text(e.get("type")), text(e.get("msg"))) for e in each(found))
    if "detail" in answer:
        return (Fault(None, str(status) if status >= 400 else "", text(answer["detail"])),)
    return ()


def _history(answer: Mapping[str, Any]) -> tuple[Parcel, ...]:
    """One parcel for each number that the carriers on the way have given it."""
    numbers = [text(entry.get("tracking_number")) for entry in each(answer["tracking_numbers"])]
    if not any(numbers):
        raise ValueError("a history without a tracking number")
    scans = oldest_first(_event(event, event.get("event_at")) for event in each(answer.get("events")))
    status, sub_status = next(((s.status, s.sub_status) for s in reversed(scans) if s.status), (None, None))
    delivered = [scan.at for scan in scans if scan.status is Status.DELIVERED and scan.at]
    details = some(answer.get("details"))
    return tuple(
        Parcel(
            number=number,
            scans=scans,
            status=status,
            sub_status=sub_status,
            delivered_at=delivered[-1] if delivered and status is Status.DELIVERED else None,
            estimated=None if status in _OVER else _expected(details.get("expected_delivery_date")),
            service=text(some(some(answer.get("ship_with")).get("properties")).get("shipping_option_code")),
            is_return=details.get("is_return") is True,
        )
        for number in dict.fromkeys(filter(None, numbers))
    )


def _tracked(answer: Mapping[str, Any]) -> Parcel:
    """A tracking of API v2, which does not name its parcel."""
    scans = oldest_first(map(_parent, each(answer["statuses"])))
    status, sub_status = next(((s.status, s.sub_status) for s in reversed(scans) if s.status), (None, None))
    delivered = [scan.at for scan in scans if scan.status is Status.DELIVERED and scan.at]
    return Parcel(
        number="",
        scans=scans,
        status=status,
        sub_status=sub_status,
        delivered_at=delivered[-1] if delivered and status is Status.DELIVERED else None,
        estimated=None if status in _OVER else _expected(answer.get("expected_delivery_date")),
        is_return=answer.get("is_return") is True,
    )


def _parent(entry: Mapping[str, Any]) -> Scan:
    code = text(entry.get("parent_status"))
    return _scan(
        code, text(entry.get("carrier_message")), PARENTS.get(code), when(entry.get("carrier_update_timestamp"))
    )


def _expected(value: object) -> Estimate | None:
    moment = when(value)
    if not moment.local:
        return None
    day = date.fromisoformat(moment.local[:10])
    return Estimate(day, day, "expected_delivery_date")


def _event(event: Mapping[str, Any], time: object) -> Scan:
    """An event of the history, or of a push, which names phase and exception apart. A push may tell the place; the
    history never does, and the same event has to be the same scan."""
    exception = text(event.get("exception"))
    code = text(event.get("status_code")) or (text(event.get("phase")) if exception in _NONE else exception)
    finer = text(event.get("sub_status_code")) or text(event.get("sub_status"))
    words = text(event.get("status_description")) or text(event.get("description"))
    return _scan(
        code, words, EVENTS.get(f"{code}/{finer}") or EVENTS.get(code), when(time), "" if finer in _NONE else finer
    )


def _scan(code: str, words: str, word: str | None, moment: When, detail: str = "") -> Scan:
    status, sub_status = meant(word)
    return scan_of(moment, Said(code, words, status, sub_status, detail))


def _of_event(data: Mapping[str, Any]) -> Parcel:
    event = some(data["event"])
    return _with(text(some(data["parcel"]).get("tracking_number")), _event(event, event.get("timestamp")))


def _of_change(push: Mapping[str, Any]) -> Parcel:
    parcel = some(push["parcel"])
    moment = _since_1970(push.get("carrier_status_change_timestamp"))
    return _with_status(parcel, moment if moment.at else _since_1970(push.get("timestamp")))


def _with(number: str, scan: Scan, *, is_return: bool = False) -> Parcel:
    if not number:
        raise ValueError(NO_LABEL)
    delivered_at = scan.at if scan.status is Status.DELIVERED else None
    return Parcel(number, (scan,), scan.status, scan.sub_status, delivered_at, is_return=is_return)


def _with_status(parcel: Mapping[str, Any], moment: When) -> Parcel:
    """By number (API v2), or by name in capitals (API v3)."""
    told = some(parcel["status"])
    code = text(told["id"] if "id" in told else told["code"])
    word = IDS.get(code) or PARENTS.get(code.lower().replace("_", "-"))
    scan = _scan(code, text(told.get("message")), word, moment)
    return _with(text(parcel.get("tracking_number")), scan, is_return=parcel.get("is_return") is True)


def _listed(parcels: Sequence[Mapping[str, Any]]) -> Answer:
    """Parcels of API v2: their status of now. One that could not be announced has errors and mostly no number."""
    told = [parcel for parcel in parcels if parcel.get("tracking_number") or not parcel.get("errors")]
    faults = (fault for parcel in parcels if parcel.get("errors") for fault in _refusals(parcel))
    return Answer(tuple(_with_status(parcel, UNTIMED) for parcel in told), errors=tuple(faults))


def _refusals(parcel: Mapping[str, Any]) -> list[Fault]:
    """The faulty fields of a parcel, in the carrier's or Sendcloud's words."""
    number = text(parcel.get("tracking_number")) or None
    found = some(parcel["errors"])
    return [
        Fault(number, text(name), text(words))
        for name, value in found.items()
        for words in (value if isinstance(value, list) else [value])
    ]


def _since_1970(value: object) -> When:
    """Seconds or milliseconds. Raises TypeError for anything but a number or None."""
    if value is None:
        return UNTIMED
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("a number of seconds was expected")
    seconds = value / 1000 if value > _MILLISECONDS else value
    return when((_EPOCH + timedelta(seconds=int(seconds))).isoformat())
