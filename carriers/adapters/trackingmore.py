"""TrackingMore v4: one account for many couriers. Trackings are created once, then read; a push is only a hint."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from carriers import http as wire
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
from carriers.errors import BadCredentials, BadPayload, BadSignature, RateLimited, Refused
from carriers.http import Http, Reply
from carriers.reading import (
    SURPRISES,
    Said,
    as_object,
    each,
    joined,
    meant,
    oldest_first,
    other_body,
    reading,
    scan_of,
    some,
    text,
    when,
    without_unheard,
)
from carriers.signing import check_hmac, one_header
from carriers.status import Status
from carriers.zones import placed

if TYPE_CHECKING:
    import httpx

# Statuses, and the sub-statuses below them. A sub-status that is not here means what its status says.
STATUSES: Final[Mapping[str, str]] = {
    "pending": "pending.registered",
    "notfound": "pending.not_found",
    "inforeceived": "info_received",
    "transit": "in_transit",
    "pickup": "out_for_delivery",  # TrackingMore shows it as "Out for Delivery"; pickup002 tells the other meaning
    "undelivered": "attempt_failed",
    "delivered": "delivered",
    "exception": "exception",
    "expired": "expired",
}
SUB_STATUSES: Final[Mapping[str, str]] = {
    "pending001": "pending.registered",
    "pending002": "pending.not_found",  # the number does not look like one of that courier's
    "notfound001": "info_received.data_received",  # waits to be collected
    "notfound002": "pending.not_found",
    "inforeceived001": "info_received.data_received",
    "transit001": "in_transit",
    "transit002": "in_transit.arrived_hub",
    "transit003": "in_transit.arrived_depot",
    "transit004": "in_transit.arrived_country",
    "transit005": "in_transit.customs_cleared",
    "transit006": "in_transit.departed_hub",
    "transit007": "in_transit.departed_hub",
    "pickup001": "out_for_delivery",
    "pickup002": "available_for_pickup.at_point",
    "pickup003": "out_for_delivery.contacted",
    "delivered001": "delivered",
    "delivered002": "delivered.collected",
    "delivered003": "delivered.to_person",
    "delivered004": "delivered",  # at the front door or with the neighbour: which one is not said
    "undelivered001": "exception.address",
    "undelivered002": "attempt_failed.not_home",
    "undelivered003": "attempt_failed",  # the recipient could not be found or reached
    "undelivered004": "attempt_failed",
    "exception004": "exception.pickup_expired",
    "exception005": "exception",
    "exception006": "exception.customs_hold",
    "exception007": "exception",  # lost or damaged: which one is not said
    "exception008": "cancelled",
    "exception009": "exception.refused",
    "exception010": "returned",
    "exception011": "returning",
    "expired001": "expired",
}
CODES: Final = {**STATUSES, **SUB_STATUSES}

BATCH: Final = 40
DETECTIONS: Final = 5  # one call each
EXISTS: Final = frozenset({"4101", "4016"})  # of v4, and of the versions before
MISSING: Final = frozenset({"204", "4102", "4017", "4031"})  # nothing of what was asked for is there
BAD_KEY: Final = frozenset({"401", "4001", "4002"})
TOO_MANY: Final = "429"
PAUSE: Final = timedelta(minutes=2)  # what TrackingMore asks for; it sends no Retry-After
# Fourteen retries end after six days, and whether a retry has a new time is not documented.
OLDEST: Final = timedelta(days=6)
AHEAD: Final = timedelta(minutes=5)

_OVER: Final = {Status.DELIVERED, Status.RETURNED, Status.CANCELLED}
_ESTIMATES: Final = ("scheduled_delivery_date", "expected_delivery_date", "expected_delivery")
_OTHER_BODIES: Final = {"errors": "an answer of another API", "trackings": "an answer of another API"}
_SECONDS: Final = re.compile(r"[0-9]{1,12}")

ABOUT = About(
    slug="trackingmore",
    name="TrackingMore",
    relays=True,
    docs_url="https://www.trackingmore.com/docs/trackingmore/d5o6gwwnc4bqs-introduction",
    live="https://api.trackingmore.com",
    number_pattern=r"[0-9A-Z]{4,50}",
    codes=CODES,
    # Ten a second are allowed, three of those that create; the first question about a number takes four calls.
    budgets=(Budget(2, timedelta(seconds=1)),),
    batch_size=BATCH,
    hook_trust=Trust.HINT,
    time_rule=(
        "`checkpoint_date` is the courier's local time, placed by the checkpoint's country, state and postcode where "
        "these tell one zone, else without a zone. Where an offset is written it is believed."
    ),
    fields=(
        Field("api_key", "API key", "From TrackingMore, Developer, API keys, for version 4.", secret=True),
        Field(
            "webhook_secret",
            "Webhook secret",
            "From TrackingMore, Developer, Webhook, version 4, where the address is entered too.",
            secret=True,
            required=False,
        ),
        Field(
            "courier",
            "Courier",
            "Only where one courier is tracked: TrackingMore's word for it, e.g. usps. Left empty, TrackingMore is "
            f"asked which courier a new number belongs to, {DETECTIONS} numbers a call, and its first guess is taken.",
            required=False,
        ),
    ),
    hook_header_names=("signature", "timestamp"),
    subscription_batch=DETECTIONS,
    sources=(
        "https://github.com/TrackingMore-API/trackingmore-sdk-python",
        "https://github.com/TrackingMore-API/trackingmore-sdk-nodejs",
        "https://www.trackingmore.com/docs/logistics_status.php",
        "https://www.trackingmore.com/api-status_code.html",
        "https://support.trackingmore.com/en/article/trackingmore-api-request-rate-limit-c0ye70/",
        "https://github.com/clooney/fedex-tracking-api/blob/master/webhook.md",
    ),
    assumed=(
        "The headers of a push are called signature and timestamp. Where they are missing, verifyInfo in the body is "
        "checked, as the versions before had it.",
        "A batch answers with success and error lists, and an existing tracking is an error 4101 of its own.",
        "Ten calls a second, three of those that create.",
        "pickup without a sub-status is out for delivery, as TrackingMore's own pages call it.",
    ),
    gaps=(
        "A tracking is created when a number is first asked for; TrackingMore charges for it once.",
        "A push signs its time alone and not its body: it brings the next poll forward and changes nothing by itself.",
        "A number that TrackingMore follows for several couriers: the tracking with the newest news is taken.",
        "Some couriers need a postcode, a ship date or an account beside the number; TrackingMore refuses these "
        "numbers until they are filled in there.",
        "TrackingMore asks couriers every four to six hours; more frequent polls tell nothing new.",
        "A tracking that was given up after 30 days of silence is expired; it is taken up again only there.",
        "Bodies of versions 2 and 3 are read, but those versions are not asked.",
    ),
)


class TrackingMore:
    """The adapter. Stateless; safe to share between threads."""

    about = ABOUT

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        return Bearer(http.credentials.get("api_key", ""), header="Tracking-Api-Key", prefix="")

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        """Lists the trackings; creates those that are missing, and then what was created is listed with the others.

        Where TrackingMore takes none of them, its reasons are kept.
        """
        listed = _listed(http, numbers)
        missing = _missing(listed, numbers)
        if not missing:
            return listed
        created = _created(http, missing)
        if len(missing) == len(numbers) and not _taken(created):
            return created
        return _listed(http, numbers)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        with reading("trackingmore"):
            answer = as_object(body)
            if "meta" in answer or ("code" in answer and "data" in answer):
                return _answer(answer)
        raise other_body(answer, _OTHER_BODIES, "trackingmore: neither an answer of the API nor an error")

    def verify(self, hook: Hook, secret: str, now: datetime) -> None:
        """`signature`: hex HMAC-SHA256 of `timestamp`. The body is not covered, hence a hint."""
        given, stamp = _signature(hook)
        check_hmac(given, secret, stamp.encode())
        if not _SECONDS.fullmatch(stamp) or not now - OLDEST <= datetime.fromtimestamp(int(stamp), UTC) <= now + AHEAD:
            raise BadSignature("the push is older than TrackingMore's retries take, or the clocks differ")

    def hook_key(self, hook: Hook) -> str:
        return sha256(hook.body).hexdigest()

    def parse_hook(self, body: bytes) -> Answer:
        with reading("trackingmore webhook"):
            event = as_object(body)
            return _joined(_entries(event["data"]))

    def subscribe(self, http: Http, wanted: Wanted) -> Sequence[Subscribed]:
        """Creates trackings; the account's webhook addresses are set at TrackingMore. There is no `ref`: TrackingMore
        stops by itself when a parcel has arrived, and ending one before would delete it from the shop's account."""
        if not wanted.numbers:
            return ()
        created = _created(http, wanted.numbers)
        with reading("trackingmore batch"):
            answer = as_object(created.body)
            if fault := _whole(answer):
                raise Refused(fault.text, fault.code)
            refused = {_folded(fault.number or ""): fault for fault in _refusals(answer)}
        return [
            Subscribed(number, refused=f"{fault.code}: {fault.text}")
            if (fault := refused.get(_folded(number))) and fault.code not in EXISTS
            else Subscribed(number)
            for number in wanted.numbers
        ]

    def unsubscribe(self, http: Http, ref: str) -> None:
        """Nothing is ended: it would be deleted from the shop's account."""


CARRIER = TrackingMore()


def _folded(number: str) -> str:
    return "".join(number.split()).upper()


def _call(reply: Reply) -> Fetched:
    """TrackingMore puts errors of the whole account into the body, whatever the HTTP status is."""
    try:
        fault = _whole(as_object(reply.body))
    except (BadPayload, *SURPRISES):
        fault = None  # `parse` will say why
    if fault and fault.code in BAD_KEY:
        raise BadCredentials(fault.text, fault.code)
    if fault and fault.code == TOO_MANY:
        raise RateLimited(PAUSE, fault.text, fault.code)
    return Fetched(reply.status, reply.body)


def _listed(http: Http, numbers: Sequence[str]) -> Fetched:
    asked: dict[str, str | int] = {"tracking_numbers": ",".join(numbers), "limit": 200}
    if courier := _own_courier(http):
        asked["courier_code"] = courier
    return _paced(lambda: _call(http.get("/v4/trackings/get", params=asked)))


def _created(http: Http, numbers: Sequence[str]) -> Fetched:
    """The answer to a batch. A number whose courier nobody knows is sent without one, so that it is refused by name."""
    own = _own_courier(http)
    wanted = []
    for number in numbers if own else numbers[:DETECTIONS]:
        courier = own or _detected(http, number)
        wanted.append({"tracking_number": number, **({"courier_code": courier} if courier else {})})
    return _paced(lambda: _call(http.post("/v4/trackings/batch", json=wanted)))


def _own_courier(http: Http) -> str:
    return http.credentials.get("courier", "").strip()


def _detected(http: Http, number: str) -> str:
    """TrackingMore's first guess, empty where it has none."""
    found = _paced(lambda: _call(http.post("/v4/couriers/detect", json={"tracking_number": number})))
    try:
        with reading("trackingmore couriers"):
            candidates = each(as_object(found.body).get("data"))
            return next((text(c.get("courier_code") or c.get("code")) for c in candidates), "")
    except BadPayload:
        return ""


def _paced(call: Callable[[], Fetched]) -> Fetched:
    """The pause that TrackingMore asks for in its pages, where the answer itself named none."""
    try:
        return call()
    except RateLimited as error:
        raise RateLimited(PAUSE if error.after == wire.PAUSE else error.after, error.text, error.code) from None


def _missing(listed: Fetched, numbers: Sequence[str]) -> list[str]:
    """Numbers that the account does not follow. Of a body that cannot be read, or refuses, none: `parse` says why."""
    try:
        with reading("trackingmore"):
            answer = as_object(listed.body)
            fault = _whole(answer)
            if fault and fault.code not in MISSING:
                return []
            known = {_folded(text(entry.get("tracking_number"))) for entry in _entries(answer.get("data"))}
    except BadPayload:
        return []
    return [number for number in numbers if _folded(number) not in known]


def _taken(created: Fetched) -> bool:
    """Whether any number was taken now, or had been before."""
    try:
        with reading("trackingmore batch"):
            answer = as_object(created.body)
            made = each(some(answer["data"]).get("success")) if not _whole(answer) else ()
            return bool(made) or any(fault.code in EXISTS for fault in _refusals(answer))
    except BadPayload:
        return False


def _signature(hook: Hook) -> tuple[str, str]:
    """(signature, what it covers) of the headers, else of `verifyInfo` in the body."""
    if "signature" in hook.headers or "timestamp" in hook.headers:
        return one_header(hook.headers, "signature"), one_header(hook.headers, "timestamp")
    try:
        with reading("trackingmore webhook"):
            info = some(as_object(hook.body).get("verifyInfo"))
            given, stamp = text(info.get("signature")), text(info.get("timeStr"))
    except BadPayload:
        given = stamp = ""
    if not given or not stamp:
        raise BadSignature("header signature is missing")
    return given, stamp


def _whole(answer: Mapping[str, Any]) -> Fault | None:
    """The error of a whole call."""
    meta = some(answer["meta"]) if "meta" in answer else answer
    code = text(meta["code"])
    return None if code in {"200", "201"} else Fault(None, code, text(meta.get("message")))


def _entries(data: object) -> Sequence[Mapping[str, Any]]:
    """The trackings of any envelope: a list, one below `items`, or one that is `data` itself."""
    if isinstance(data, list) or data is None:
        return each(data)
    held = some(data)
    return each(held["items"]) if "items" in held else [held] if "tracking_number" in held else []


def _refusals(answer: Mapping[str, Any]) -> list[Fault]:
    """What a batch did not take, each number with its reason."""
    data = answer["data"]
    refused = each(data.get("error")) if isinstance(data, dict) else ()
    return [
        Fault(text(r.get("tracking_number")) or None, text(r["errorCode"]), text(r.get("errorMessage")))
        for r in refused
    ]


def _answer(answer: Mapping[str, Any]) -> Answer:
    if fault := _whole(answer):
        return Answer() if fault.code == "204" else Answer(errors=(fault,))
    data = answer["data"]
    if isinstance(data, dict) and "tracking_number" not in data and not data.keys() & {"items", "success", "error"}:
        raise ValueError("an answer without a tracking")
    refused = tuple(fault for fault in _refusals(answer) if fault.code not in EXISTS)
    read = _joined(_entries(data))
    return Answer(read.parcels, read.not_found, (*refused, *read.errors))


def _joined(entries: Sequence[Mapping[str, Any]]) -> Answer:
    return without_unheard(joined(entries, _number, lambda number, found: _parcel(number, _latest(found))))


def _number(entry: Mapping[str, Any]) -> str:
    if number := text(entry["tracking_number"]):
        return number
    raise ValueError("a tracking without tracking_number")


def _latest(entries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return max(entries, key=_age) if len(entries) > 1 else entries[0]


def _age(entry: Mapping[str, Any]) -> str:
    """Orders the trackings of one number: the one whose newest checkpoint is newest comes last."""
    return max((when(_named(point, "checkpoint_date", "Date")).local for point in _checkpoints(entry)), default="")


def _parcel(number: str, entry: Mapping[str, Any]) -> Parcel:
    scans = _scans(entry)
    finer, coarse = text(entry.get("substatus")), text(entry.get("delivery_status") or entry.get("status"))
    status, sub_status = _meaning(finer, coarse)
    delivered = [scan.at for scan in scans if scan.status is Status.DELIVERED and scan.at]
    return Parcel(
        number=number,
        scans=scans,
        status=status,
        sub_status=sub_status,
        delivered_at=delivered[-1] if delivered and status is Status.DELIVERED else None,
        estimated=None if status in _OVER else _estimate(entry),
        service=text(entry.get("service_code")),
    )


def _meaning(finer: str, coarse: str) -> tuple[Status | None, str | None]:
    return meant(SUB_STATUSES.get(finer.replace(" ", "")) or STATUSES.get(coarse))


def _checkpoints(entry: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    legs = (some(entry.get("origin_info")), some(entry.get("destination_info")))
    return [point for leg in legs for point in each(leg.get("trackinfo"))]


def _scans(entry: Mapping[str, Any]) -> tuple[Scan, ...]:
    """Of both couriers, each newest first; the two may tell the same scan, which is one."""
    scans = [_scan(point) for point in _checkpoints(entry)]
    return oldest_first({scan.key(): scan for scan in scans}.values(), newest_first=True)


def _named(point: Mapping[str, Any], *names: str) -> Any:
    """The first of these fields that is filled; those after the first are of versions 2 and 3."""
    return next((point[name] for name in names if point.get(name)), None)


def _scan(point: Mapping[str, Any]) -> Scan:
    finer = text(_named(point, "checkpoint_delivery_substatus", "substatus"))
    coarse = text(_named(point, "checkpoint_delivery_status", "checkpoint_status"))
    status, sub_status = _meaning(finer, coarse)
    place = Place(
        city=text(_named(point, "city", "location", "Details")),
        region=text(point.get("state")),
        postcode=text(point.get("zip")),
        country=text(point.get("country_iso2")),
    )
    moment = placed(when(_named(point, "checkpoint_date", "Date")), place)
    return scan_of(
        moment,
        Said(
            finer or coarse,
            text(_named(point, "tracking_detail", "StatusDescription")),
            status,
            sub_status,
            text(point.get("raw_status")),
        ),
        place,
    )


def _estimate(entry: Mapping[str, Any]) -> Estimate | None:
    """The day, whatever clock it was filled up with."""
    for source in _ESTIMATES:
        told = when(entry.get(source))
        if told.local:
            day = date.fromisoformat(told.local[:10])
            return Estimate(day, day, source)
    return None
