"""Ship24: one account for many couriers. A tracker is made once for a number, then read; a push is only a hint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from carriers.auth import Bearer, Tokens
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
    Place,
    Scan,
    Subscribed,
    Trust,
    Wanted,
)
from carriers.errors import BadPayload
from carriers.http import Http, carrier_words, granted
from carriers.reading import (
    Said,
    When,
    as_object,
    each,
    joined,
    local_with_offset,
    meant,
    offset_of,
    oldest_first,
    other_body,
    reading,
    scan_of,
    some,
    text,
    when,
    without_unheard,
)
from carriers.signing import check_shared_text, one_header
from carriers.status import Status

if TYPE_CHECKING:
    import httpx

# What an event means, and the milestone that the parcel had reached with it. The first decides where it is known.
STATUS_CODES: Final[Mapping[str, str]] = {
    "data_order_created": "info_received.data_received",
    "data_order_cancelled": "cancelled",
    "transit_handover": "picked_up",
    "transit_origin_country_departure": "in_transit.departed_origin",
    "destination_arrival": "in_transit.arrived_country",
    "customs_received": "in_transit.customs_started",
    "customs_exception": "exception.customs_hold",
    "customs_rejected": "exception.customs_hold",
    "customs_cleared": "in_transit.customs_cleared",
    "delivery_available_for_pickup": "available_for_pickup.at_point",
    "delivery_out_for_delivery": "out_for_delivery",
    "delivery_attempted": "attempt_failed",
    "delivery_exception": "exception",
    "delivery_refused": "exception.refused",
    "delivery_delivered": "delivered",
    "exception_return": "returning",
    "exception_lost": "exception.lost",
    "exception_discarded": "exception",
}
MILESTONES: Final[Mapping[str, str]] = {
    "pending": "pending.registered",
    "info_received": "info_received",
    "in_transit": "in_transit",
    "out_for_delivery": "out_for_delivery",
    "failed_attempt": "attempt_failed",
    "available_for_pickup": "available_for_pickup",
    "delivered": "delivered",
    "exception": "exception",
}
UNMAPPED: Final[Mapping[str, str]] = {
    "data_delivery_proposed": "ways and times were offered to the recipient; where the parcel is, the milestone says",
    "data_delivery_decided": "a way and time were agreed; where the parcel is, the milestone says",
}

_NO_TRACKER: Final = frozenset({"tracker_not_found", "not_found"})
_OVER: Final = {Status.DELIVERED, Status.RETURNED, Status.CANCELLED}
_OTHER_BODIES: Final = {"meta": "an answer of another API", "tracker": "a tracking without its envelope"}

ABOUT = About(
    slug="ship24",
    name="Ship24",
    relays=True,
    docs_url="https://docs.ship24.com/getting-started",
    live="https://api.ship24.com/public/v1",
    tracking_page="https://www.ship24.com/tracking?p={number}",
    number_pattern=r"[0-9A-Z]{5,50}",
    codes={**STATUS_CODES, **MILESTONES},
    unmapped=UNMAPPED,
    # Ten a second are allowed of each address; the first question about a number takes two.
    budgets=(Budget(5, timedelta(seconds=1)),),
    batch_size=1,
    hook_trust=Trust.HINT,
    time_rule=(
        "`datetime` is the wall clock, `utcOffset` what it is ahead of UTC, and `hasNoTime` says that only the day is "
        "known. Without an offset the time has no zone, because an event's place is free text. Events without these "
        "three are read by `occurrenceDatetime`, and so are those whose `datetime` has an offset that `utcOffset` "
        "does not confirm."
    ),
    fields=(
        Field("api_key", "API key", "From the Ship24 dashboard, Integrations, API keys: apik_...", secret=True),
        Field(
            "webhook_secret",
            "Webhook secret",
            "From the Ship24 dashboard, Integrations, Webhook, where the address is entered too.",
            secret=True,
            required=False,
        ),
        Field(
            "courier",
            "Courier",
            "Only where one courier is tracked: Ship24's word for it, e.g. us-post. Left empty, Ship24 tells couriers "
            "by their numbers.",
            required=False,
        ),
    ),
    hook_header_names=("authorization",),
    subscription_batch=1,
    sources=(
        "https://docs.ship24.com/status/",
        "https://docs.ship24.com/errors",
        "https://docs.ship24.com/rate-limiter",
        "https://docs.ship24.com/webhooks/authentication",
        "https://docs.ship24.com/webhooks/delivery",
        "https://pypi.org/project/ship24/0.2.0/",
    ),
    assumed=(
        "The list of statusCode comes from public programs that read them.",
        "`datetime` is the wall clock of the event and carries no offset of its own.",
        "Asking for a tracker that is there already gives that one and makes no second.",
    ),
    gaps=(
        "A tracker is made when a number is first asked for; Ship24 charges for it once.",
        "A push carries a shared text and no signature: it brings the next poll forward and changes nothing by itself.",
        "The webhook's address cannot be set by its API. Pushes have no documented id; a repeat is known by its bytes.",
        "Places are free text; they are kept as the name of a town.",
        "exception_return is both on the way back and back: it is read as on the way.",
    ),
)


class Ship24:
    """The adapter. Stateless; safe to share between threads."""

    about = ABOUT

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        return Bearer(http.credentials.get("api_key", ""))

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        """What is known of one number. A number without a tracker gets one, and what that finds at once."""
        (number,) = numbers
        found = http.get(f"/trackers/search/{quote(number, safe='')}/results")
        if not _has_none(found.status, found.body):
            return Fetched(found.status, found.body)
        made = http.post("/trackers/track", json=_wanted(http, number))
        return Fetched(made.status, made.body)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        with reading("ship24"):
            answer = as_object(body)
            if "errors" in answer or "data" in answer:
                return _answer(answer)
        raise other_body(answer, _OTHER_BODIES, "ship24: neither an answer of the API nor an error")

    def verify(self, hook: Hook, secret: str, now: datetime) -> None:
        """`Authorization: Bearer <secret>`, the same for every push. The body is not covered, hence a hint."""
        check_shared_text(one_header(hook.headers, "Authorization").removeprefix("Bearer "), secret)

    def hook_key(self, hook: Hook) -> str:
        return sha256(hook.body).hexdigest()

    def parse_hook(self, body: bytes) -> Answer:
        with reading("ship24 webhook"):
            return _joined(each(as_object(body)["trackings"]))

    def subscribe(self, http: Http, wanted: Wanted) -> Sequence[Subscribed]:
        """Makes trackers, whose news are pushed to the one address set at Ship24."""
        return [_subscribed(http, number) for number in wanted.numbers]

    def unsubscribe(self, http: Http, ref: str) -> None:
        """Ship24 stops following; what it knows stays."""
        reply = http.patch(f"/trackers/{quote(ref, safe='')}", json={"isSubscribed": False})
        if reply.status != 404:
            granted(reply, "Ship24")


CARRIER = Ship24()


def _wanted(http: Http, number: str) -> dict[str, Any]:
    courier = http.credentials.get("courier", "").strip()
    return {"trackingNumber": number, **({"courierCode": [courier]} if courier else {})}


def _has_none(status: int, body: bytes) -> bool:
    """Whether there is no tracker of the number yet. Of a body that cannot be read, no: `parse` will say why."""
    if status == 404:
        return True
    try:
        with reading("ship24"):
            answer = as_object(body)
            return answer.get("data") is not None and not each(some(answer["data"]).get("trackings"))
    except BadPayload:
        return False


def _subscribed(http: Http, number: str) -> Subscribed:
    reply = http.post("/trackers", json=_wanted(http, number))
    if reply.status >= 400:
        code, words = carrier_words(reply.body)
        return Subscribed(number, refused=f"{code}: {words}" if code else words or f"Ship24 answered {reply.status}")
    with reading("ship24 tracker"):
        tracker = some(some(as_object(reply.body)["data"])["tracker"])
        return Subscribed(number, ref=text(tracker["trackerId"]))


def _answer(answer: Mapping[str, Any]) -> Answer:
    """Trackings, errors, or both where a bulk call was taken in part."""
    faults = [_fault(e) for e in each(answer.get("errors"))]
    if error := some(answer.get("error")):  # of a bulk call as a whole
        faults.append(_fault(error))
    if isinstance(answer.get("data"), list):
        return _bulk(each(answer["data"]), faults)
    data = some(answer.get("data"))
    if not data and not faults:
        raise ValueError("an answer without data")
    if made := [some(data["tracker"])] if "tracker" in data else each(data.get("trackers")):
        return Answer(tuple(Parcel(_numbered(tracker)) for tracker in made), errors=tuple(faults))
    if data and not data.keys() & {"trackings", "trackers"} and not faults:
        raise ValueError("an answer without trackings")
    read = _joined(each(data.get("trackings")))
    others = [fault for fault in faults if fault.code not in _NO_TRACKER]
    if faults and not others and not read.parcels:
        others = faults  # nobody says which number it was about
    return Answer(read.parcels, read.not_found, (*others, *read.errors))


def _fault(error: Mapping[str, Any], number: str | None = None) -> Fault:
    return Fault(number, text(error["code"]), text(error.get("message")))


def _bulk(entries: Sequence[Mapping[str, Any]], faults: Sequence[Fault]) -> Answer:
    """What a bulk call made: trackers, which say nothing of their parcels yet, and why others were not made."""
    made, refused = [], list(faults)
    for entry in entries:
        number = text(some(entry["inputData"]).get("trackingNumber"))
        refused += [_fault(error, number or None) for error in each(entry.get("errors"))]
        if tracker := some(entry.get("tracker")):
            made.append(Parcel(_numbered(tracker)))
    return Answer(tuple(made), errors=tuple(refused))


def _joined(entries: Sequence[Mapping[str, Any]]) -> Answer:
    return without_unheard(
        joined(entries, _number, lambda number, found: max((_parcel(number, entry) for entry in found), key=_newest))
    )


def _number(entry: Mapping[str, Any]) -> str:
    return _numbered(some(entry["tracker"]))


def _numbered(tracker: Mapping[str, Any]) -> str:
    if number := text(tracker["trackingNumber"]):
        return number
    raise ValueError("a tracker without trackingNumber")


def _newest(parcel: Parcel) -> str:
    """When something was last heard, to choose between several trackers of one number."""
    return max((scan.local for scan in parcel.scans), default="")


def _parcel(number: str, entry: Mapping[str, Any]) -> Parcel:
    shipment = some(entry.get("shipment"))
    scans = _scans(each(entry.get("events")))
    status, sub_status = _meaning(shipment)
    delivered = [scan.at for scan in scans if scan.status is Status.DELIVERED and scan.at]
    delivery = some(shipment.get("delivery"))
    return Parcel(
        number=number,
        scans=scans,
        status=status,
        sub_status=sub_status,
        delivered_at=delivered[-1] if delivered and status is Status.DELIVERED else None,
        estimated=None if status in _OVER else _estimate(delivery),
        service=text(delivery.get("service")),
    )


def _meaning(told: Mapping[str, Any]) -> tuple[Status | None, str | None]:
    code, milestone = text(told.get("statusCode")), text(told.get("statusMilestone"))
    return meant(STATUS_CODES.get(code) or MILESTONES.get(milestone))


def _scans(events: Sequence[Mapping[str, Any]]) -> tuple[Scan, ...]:
    """Newest first as they come; events of one moment by their `order`, which counts upwards, where all have one."""
    orders = [event.get("order") for event in events]
    if events and all(isinstance(order, int) for order in orders):
        ranked = sorted(events, key=lambda event: int(event["order"]))
        return oldest_first(map(_scan, ranked))
    return oldest_first(map(_scan, events), newest_first=True)


def _scan(event: Mapping[str, Any]) -> Scan:
    code, milestone = text(event.get("statusCode")), text(event.get("statusMilestone"))
    status, sub_status = _meaning(event)
    moment = _moment(event)
    return scan_of(
        moment,
        Said(code or milestone, text(event.get("status")), status, sub_status),
        Place(city=text(event.get("location"))),
    )


def _moment(event: Mapping[str, Any]) -> When:
    told, offset = when(event.get("datetime")), text(event.get("utcOffset"))
    ahead = offset_of(offset) if offset else None
    is_doubtful = told.offset is not None and (ahead is None or offset_of(told.offset) != ahead)
    if not told.local or is_doubtful or not isinstance(event.get("hasNoTime"), bool):
        told, offset = when(event.get("occurrenceDatetime")), ""
    if event.get("hasNoTime") is True:
        return local_with_offset(told.local[:10], None, None)
    if told.at or told.date_only or not told.local:
        return told
    day, _, clock = told.local.partition("T")
    return local_with_offset(day, clock, offset)


def _estimate(delivery: Mapping[str, Any]) -> Estimate | None:
    """The courier's days where it gave them, else Ship24's, whatever clock they were filled up with."""
    given = some(delivery.get("courierEstimatedDeliveryDate"))
    days = [date.fromisoformat(m.local[:10]) for m in (when(given.get("from")), when(given.get("to"))) if m.local]
    if days:
        return Estimate(min(days), max(days), "courierEstimatedDeliveryDate")
    told = when(delivery.get("estimatedDeliveryDate"))
    if not told.local:
        return None
    day = date.fromisoformat(told.local[:10])
    return Estimate(day, day, "estimatedDeliveryDate")
