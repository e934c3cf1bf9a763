"""17TRACK: one account for some three thousand carriers. Numbers are registered once, then read or pushed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

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
    ZoneFrom,
)
from carriers.errors import BadCredentials, BadPayload, BadSignature, Refused
from carriers.http import Http
from carriers.reading import (
    SURPRISES,
    Said,
    When,
    as_object,
    each,
    joined,
    local_with_offset,
    meant,
    offset_text,
    oldest_first,
    other_body,
    reading,
    scan_of,
    some,
    text,
    when,
    without_unheard,
)
from carriers.signing import one_header, same, secret_bytes
from carriers.status import Status
from carriers.zones import placed

if TYPE_CHECKING:
    import httpx

# Sub-statuses, main statuses and stages in one table: each word has one meaning wherever it stands.
CODES: Final[Mapping[str, str]] = {
    "NotFound": "pending.not_found",
    "NotFound_Other": "pending.not_found",
    "NotFound_InvalidCode": "pending.not_found",
    "InfoReceived": "info_received.data_received",
    "PickedUp": "picked_up",
    "Departure": "in_transit.departed_origin",
    "Arrival": "in_transit.arrived_country",
    "InTransit": "in_transit",
    "InTransit_PickedUp": "picked_up",
    "InTransit_Other": "in_transit",
    "InTransit_Departure": "in_transit.departed_origin",
    "InTransit_Arrival": "in_transit.arrived_country",
    "InTransit_CustomsProcessing": "in_transit.customs_started",
    "InTransit_CustomsReleased": "in_transit.customs_cleared",
    "InTransit_CustomsRequiringInformation": "exception.customs_hold",
    "AvailableForPickup": "available_for_pickup.at_point",
    "AvailableForPickup_Other": "available_for_pickup.at_point",
    "OutForDelivery": "out_for_delivery",
    "OutForDelivery_Other": "out_for_delivery",
    "DeliveryFailure": "attempt_failed",
    "DeliveryFailure_Other": "attempt_failed",
    "DeliveryFailure_NoBody": "attempt_failed.not_home",
    "DeliveryFailure_Security": "attempt_failed",  # safety, customs or a fee: which one is not said
    "DeliveryFailure_Rejected": "exception.refused",
    "DeliveryFailure_InvalidAddress": "exception.address",
    "Delivered": "delivered",
    "Delivered_Other": "delivered",
    "Returning": "returning",
    "Returned": "returned",
    "Exception": "exception",
    "Exception_Other": "exception",
    "Exception_Returning": "returning",
    "Exception_Returned": "returned",
    "Exception_NoBody": "exception",
    "Exception_Security": "exception",
    "Exception_Damage": "exception.damaged",
    "Exception_Rejected": "exception.refused",
    "Exception_Delayed": "exception.capacity",
    "Exception_Lost": "exception.lost",
    "Exception_Destroyed": "exception",
    "Exception_Cancel": "cancelled",
    "Expired": "expired",
    "Expired_Other": "expired",
}

# The state of a parcel by number, in version 1 of the API and on the site for buyers.
STATES: Final[Mapping[str, str]] = {
    "0": "pending.not_found",
    "10": "in_transit",
    "20": "expired",
    "35": "attempt_failed",
    "40": "delivered",
    "50": "exception",
}
UNMAPPED: Final[Mapping[str, str]] = {
    "30": "Pick up: out for delivery, or ready to be collected; which one is not said.",
}

ALREADY: Final = "-18019901"  # registered before
UNREGISTERED: Final = "-18019902"
NOTHING_YET: Final = "-18019909"  # registered, and the carrier has told nothing
BAD_KEY: Final = frozenset({"-18010001", "-18010002", "-18010004", "-18010005"})  # address, key, account, right
BATCH: Final = 40

_OVER: Final = {Status.DELIVERED, Status.RETURNED, Status.CANCELLED}
_OTHER_BODIES: Final = {
    "Json": "an answer of 17TRACK's site for buyers that names no parcel",
    "Code": "an answer of 17TRACK's site for buyers that names no parcel",
    "ret": "an answer of 17TRACK's first interface",
}
_LEGS: Final = ("z1", "z2", "z9")  # of version 1: events of the first carrier, of the second, and other ones

ABOUT = About(
    slug="seventeentrack",
    name="17TRACK",
    relays=True,
    docs_url="https://api.17track.net/en/doc",
    live="https://api.17track.net",
    tracking_page="https://t.17track.net/en#nums={number}",
    number_pattern=r"[0-9A-Z]{5,50}",
    codes={**CODES, **STATES},
    unmapped=UNMAPPED,
    # Three a second are allowed; the first question about a number takes three calls.
    budgets=(Budget(1, timedelta(seconds=1)),),
    batch_size=BATCH,
    hook_trust=Trust.SIGNED,
    time_rule=(
        "`time_utc` is the instant and `time_iso` the wall clock. A wall clock without an offset and without the "
        "instant is placed by the scan's country, region and postcode, else it has no zone. Where `time_raw` has no "
        "time, the scan is a date: the midnight beside it is 17TRACK's filling."
    ),
    fields=(
        Field(
            "api_key",
            "Security key",
            "From api.17track.net, Settings, Security. Valid within five minutes.",
            secret=True,
        ),
        Field(
            "webhook_secret",
            "Key of webhooks",
            "The same security key once more: 17TRACK signs what it pushes with it. The address is entered at "
            "api.17track.net, Settings, Webhook, one for the account.",
            secret=True,
            required=False,
        ),
        Field(
            "carrier",
            "Carrier",
            "Only where one carrier is tracked: its number at 17TRACK, e.g. 21051 for USPS. Left empty, 17TRACK tells "
            "carriers by their numbers, which fails where a number fits several.",
            required=False,
        ),
    ),
    hook_header_names=("sign",),
    subscription_batch=BATCH,
    sources=(
        "https://asset.17track.net/api/document/v2.2_en/index.html",
        "https://asset.17track.net/api/document/v2.4_en/index.html",
        "https://github.com/bachya/py17track",
    ),
    assumed=(
        "The shape of track_info, the words of status and the signature come from public programs that read them.",
        "Three calls a second.",
        "Departure and Arrival are those of the country of origin and of destination.",
        "The letters of events in version 1, as public programs read them.",
    ),
    gaps=(
        "A number is registered when it is first asked for, which 17TRACK charges for once.",
        "A number that 17TRACK gives to several carriers: the entry with the newest scan is taken.",
        "17TRACK places times by the country of the carrier where a scan has no zone of its own, and does not say so.",
        "Version 1 of the API and the site for buyers are not asked; their answers are only read. Their events have no "
        "code, and no zone.",
        "Tracking stops after a long silence. It is taken up again only by hand at 17TRACK, because it allows that "
        "once for a number.",
        "The webhook's address cannot be set by its API. Pushes carry no id; a repeat is known by its bytes.",
    ),
)


class SeventeenTrack:
    """The adapter. Stateless; safe to share between threads."""

    about = ABOUT

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        return Bearer(http.credentials.get("api_key", ""), header="17token", prefix="")

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        """Reads, and registers what 17TRACK does not follow yet. Where it takes none of them, its reasons are kept."""
        fetched = _call(http, "gettrackinfo", numbers)
        missing = _missing(fetched)
        if not missing:
            return fetched
        registered = _call(http, "register", missing)
        if len(missing) == len(numbers) and not _taken(registered):
            return registered
        return _call(http, "gettrackinfo", numbers)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        with reading("17track"):
            answer = as_object(body)
            if "code" in answer and "data" in answer:
                return _answer(answer)
            if found := _of_site(answer):
                return found
        raise other_body(answer, _OTHER_BODIES, "17track: neither a tracking answer nor an error")

    def verify(self, hook: Hook, secret: str, now: datetime) -> None:
        """`sign`: hex SHA-256 of the body, a slash and the account's key. No time is signed: age is unknown."""
        key = secret_bytes(secret)
        given = one_header(hook.headers, "sign")
        if not same(given.lower(), sha256(hook.body + b"/" + key).hexdigest()):
            raise BadSignature("the signature does not match")

    def hook_key(self, hook: Hook) -> str:
        return sha256(hook.body).hexdigest()

    def parse_hook(self, body: bytes) -> Answer:
        with reading("17track webhook"):
            event = as_object(body)
            kind, data = text(event["event"]), some(event["data"])
            if kind == "TRACKING_STOPPED" and "track_info" not in data:
                text(data["number"])
                return Answer()  # nobody asks any more: that says nothing of the parcel
            some(data["track_info"])
            return _joined([data])

    def subscribe(self, http: Http, wanted: Wanted) -> Sequence[Subscribed]:
        """Registers; the account's one webhook address is set at 17TRACK. `ref` is the number itself."""
        if not wanted.numbers:
            return ()
        fetched = _call(http, "register", wanted.numbers)
        with reading("17track register"):
            answer = as_object(fetched.body)
            if faults := _whole(answer):
                raise Refused(faults[0].text, faults[0].code)
            refused = {text(r.get("number")): _reason(r) for r in each(some(answer["data"]).get("rejected"))}
        return [
            Subscribed(number, refused=f"{fault.code}: {fault.text}")
            if (fault := refused.get(number)) and fault.code != ALREADY
            else Subscribed(number, ref=number)
            for number in wanted.numbers
        ]

    def unsubscribe(self, http: Http, ref: str) -> None:
        fetched = _call(http, "stoptrack", [ref])
        with reading("17track stoptrack"):
            if faults := _whole(as_object(fetched.body)):
                raise Refused(faults[0].text, faults[0].code)


CARRIER = SeventeenTrack()


def _call(http: Http, action: str, numbers: Sequence[str]) -> Fetched:
    own = http.credentials.get("carrier", "").strip()
    more = {"carrier": int(own)} if own.isdecimal() else {}
    reply = http.post(f"/track/v2.2/{action}", json=[{"number": number, **more} for number in numbers])
    try:
        faults = _whole(as_object(reply.body))
    except (BadPayload, *SURPRISES):
        faults = ()  # `parse` will say why
    for fault in faults:
        if fault.code in BAD_KEY:
            raise BadCredentials(fault.text, fault.code)
    return Fetched(reply.status, reply.body)


def _missing(fetched: Fetched) -> list[str]:
    """Numbers that the account does not follow. Bodies that cannot be read have none: `parse` will say why."""
    return [number for number, fault in _rejected(fetched) if number and fault.code == UNREGISTERED]


def _taken(registered: Fetched) -> bool:
    """Whether any number was taken now, or had been before."""
    rejected = _rejected(registered)
    return registered.status == 200 and not (rejected and all(fault.code != ALREADY for _, fault in rejected))


def _rejected(fetched: Fetched) -> list[tuple[str, Fault]]:
    try:
        with reading("17track"):
            data = some(as_object(fetched.body).get("data"))
            return [(text(entry.get("number")), _reason(entry)) for entry in each(data.get("rejected"))]
    except BadPayload:
        return []


def _reason(entry: Mapping[str, Any]) -> Fault:
    error = some(entry["error"])
    return Fault(text(entry.get("number")) or None, text(error["code"]), text(error.get("message")))


def _whole(answer: Mapping[str, Any]) -> tuple[Fault, ...]:
    """The errors of a whole call: beside a code of its own, and below `data`."""
    data = some(answer["data"])
    faults = tuple(Fault(None, text(e["code"]), text(e.get("message"))) for e in each(data.get("errors")))
    code = text(answer["code"])
    return faults or ((Fault(None, code, text(answer.get("message"))),) if code != "0" else ())


def _answer(answer: Mapping[str, Any]) -> Answer:
    data = some(answer["data"])
    faults = [_reason(entry) for entry in each(data.get("rejected"))]
    read = _joined(each(data.get("accepted")))
    unknown = (fault.number for fault in faults if fault.code == NOTHING_YET and fault.number)
    others = (fault for fault in faults if fault.code != NOTHING_YET or not fault.number)
    return Answer(read.parcels, (*read.not_found, *unknown), (*_whole(answer), *others, *read.errors))


def _joined(entries: Sequence[Mapping[str, Any]]) -> Answer:
    return without_unheard(joined(entries, _number, _of_entries))


def _of_entries(number: str, entries: Sequence[Mapping[str, Any]]) -> Parcel | None:
    """None of the answer to a registration, which says nothing of the parcel."""
    if any("track_info" in entry for entry in entries):
        return _parcel(number, max((some(entry["track_info"]) for entry in entries), key=_newest))
    if any("track" in entry for entry in entries):
        return max((_of_version_1(number, some(entry["track"])) for entry in entries), key=_last)
    return None


def _number(entry: Mapping[str, Any]) -> str:
    if number := text(entry["number"]):
        return number
    raise ValueError("an entry without number")


def _newest(info: Mapping[str, Any]) -> str:
    """When something was last heard, to choose between the carriers that 17TRACK gives one number to."""
    told = (when(event.get("time_iso")).local for event in (some(info.get("latest_event")), *_events(info)))
    return max(told, default="")


def _parcel(number: str, info: Mapping[str, Any]) -> Parcel:
    latest = some(info["latest_status"])
    scans = _scans(info)
    status, sub_status = meant(CODES.get(text(latest.get("sub_status"))) or CODES.get(text(latest.get("status"))))
    delivered = [scan.at for scan in scans if scan.status is Status.DELIVERED and scan.at]
    return Parcel(
        number=number,
        scans=scans,
        status=status,
        sub_status=sub_status,
        delivered_at=delivered[-1] if delivered and status is Status.DELIVERED else None,
        estimated=None if status in _OVER else _estimate(info),
        service=text(some(info.get("misc_info")).get("service_type")),
    )


def _scans(info: Mapping[str, Any]) -> tuple[Scan, ...]:
    """Of every carrier on the way, each newest first; two of them may tell the same scan, which is one.

    A push may bring the newest event alone, beside carriers that say to have none.
    """
    events = _events(info)
    if not events and "providers" in some(info.get("tracking")):
        events = [latest] if (latest := some(info.get("latest_event"))) else []
    scans = [_scan(event) for event in events]
    return oldest_first({scan.key(): scan for scan in scans}.values(), newest_first=True)


def _events(info: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    providers = each(some(info.get("tracking")).get("providers"))
    return [event for provider in providers for event in each(provider["events"])]


def _scan(event: Mapping[str, Any]) -> Scan:
    finer, stage = text(event.get("sub_status")), text(event.get("stage"))
    status, sub_status = meant(CODES.get(finer) or CODES.get(stage))
    address = some(event.get("address"))
    place = Place(
        city=text(address.get("city")) or text(event.get("location")),
        region=text(address.get("state")),
        postcode=text(address.get("postal_code")),
        country=text(address.get("country")),
    )
    moment = _moment(event, place)
    return scan_of(moment, Said(finer or stage, text(event.get("description")), status, sub_status), place)


def _moment(event: Mapping[str, Any], place: Place) -> When:
    raw = event.get("time_raw")
    said = raw if isinstance(raw, dict) else {}
    local, instant = when(event.get("time_iso")), when(event.get("time_utc"))
    day, clock = text(said.get("date")), text(said.get("time"))
    if not clock and (day or local.local.endswith("T00:00:00")):
        return local_with_offset(day or local.local[:10], None, None)
    if local.date_only or not instant.at:
        return placed(local if local.local else local_with_offset(day, clock, text(said.get("timezone"))), place)
    return _between(local, instant.at) if local.local else instant


def _between(local: When, at: datetime) -> When:
    """Wall clock and instant given apart: what lies between is the offset, if there is a place on earth that has it."""
    ahead = datetime.fromisoformat(local.local).replace(tzinfo=UTC) - at
    if abs(ahead) > timedelta(hours=14) or ahead.total_seconds() % 900:
        return When(at, at.replace(tzinfo=None).isoformat(), "+00:00", ZoneFrom.CARRIER)
    return When(at, local.local, offset_text(ahead), ZoneFrom.CARRIER)


def _of_version_1(number: str, track: Mapping[str, Any]) -> Parcel:
    events = [event for leg in _LEGS for event in each(track.get(leg))]
    latest = some(track.get("z0"))
    return _by_state(number, text(track.get("e")), events or ([latest] if latest else []))


def _of_site(answer: Mapping[str, Any]) -> Answer | None:
    """What the site for buyers shows: each parcel with its latest event, or why numbers were not taken."""
    listed = answer.get("Json")
    if isinstance(listed, list):
        by_number: dict[str, list[Parcel]] = {}
        for entry in each(listed):
            number, event = text(entry["FTrackNo"]), text(entry.get("FLastEvent"), 5000)
            if not number:
                raise ValueError("an entry without FTrackNo")
            events = [as_object(event.encode())] if event else []
            by_number.setdefault(number, []).append(_by_state(number, text(entry.get("FPackageState")), events))
        told = [max(found, key=_last) for found in by_number.values()]
        unknown = [parcel.number for parcel in told if not parcel.scans and parcel.status is Status.PENDING]
        return Answer(tuple(parcel for parcel in told if parcel.number not in unknown), tuple(unknown))
    code = text(answer.get("Code"))
    items = each(some(listed).get("Items"))
    faults = [Fault(text(i.get("TrackNo")) or None, text(i.get("ResultCode")), "") for i in items]
    faults = [fault for fault in faults if fault.code.startswith("-")]
    if code not in {"", "0"}:
        faults.insert(0, Fault(None, code, text(answer.get("Message"))))
    return Answer(errors=tuple(faults)) if faults else None


def _by_state(number: str, state: str, events: Sequence[Mapping[str, Any]]) -> Parcel:
    """Events in letters have no code of their own; the state is that of the newest of them."""
    told = oldest_first((_lettered(event) for event in events), newest_first=True)
    scans = tuple({scan.key(): scan for scan in told}.values())
    status, sub_status = meant(STATES.get(state))
    if scans and state:
        scans = (*scans[:-1], replace(scans[-1], code=state, status=status, sub_status=sub_status))
    return Parcel(number, scans, status, sub_status, scans[-1].at if scans and status is Status.DELIVERED else None)


def _lettered(event: Mapping[str, Any]) -> Scan:
    """a: the time, without a zone; c and d: the place; z: the words."""
    moment = when(event.get("a"))
    where = (text(event.get("c")), text(event.get("d")))
    return scan_of(moment, Said("", text(event.get("z")), None), Place(city=", ".join(filter(None, where))))


def _last(parcel: Parcel) -> str:
    return max((scan.local for scan in parcel.scans), default="")


def _estimate(info: Mapping[str, Any]) -> Estimate | None:
    """Days: 17TRACK fills the clock of what is a date with its own."""
    given = some(some(info.get("time_metrics")).get("estimated_delivery_date"))
    days = [date.fromisoformat(m.local[:10]) for m in (when(given.get("from")), when(given.get("to"))) if m.local]
    return Estimate(min(days), max(days), text(given.get("source")) or "estimated_delivery_date") if days else None
