"""UPS: tracking by number (Track API v1) and Track Alert webhooks, which are unsigned and therefore hints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from uuid import uuid4

from carriers.auth import ClientCredentials, Tokens
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
    Trust,
    ZoneFrom,
)
from carriers.errors import BadPayload
from carriers.reading import (
    When,
    as_object,
    each,
    local_with_offset,
    offset_of,
    offset_text,
    oldest_first,
    reading,
    some,
    text,
)
from carriers.signing import check_shared_text, one_header
from carriers.status import SUB_STATUSES, Status, status_of

if TYPE_CHECKING:
    import httpx

    from carriers.http import Http

# The three digits of `statusCode` (Track) and `descriptionCode` (Track Alert), from UPS's own list of 170. Left out are
# codes that say nothing about where the parcel is: claims, investigations, photos, re-icing, requests withdrawn. They
# are shown in UPS's words.
STATUS_CODES: Final[Mapping[str, str]] = {
    "003": "info_received.label_created",
    "005": "in_transit",
    "006": "out_for_delivery.on_vehicle",
    "007": "cancelled",
    "010": "in_transit",
    "011": "delivered",
    "012": "in_transit.customs_started",
    "013": "exception",
    "014": "in_transit.customs_cleared",
    "016": "in_transit",
    "017": "available_for_pickup.at_point",
    "018": "in_transit",
    "019": "in_transit",
    "020": "in_transit",
    "021": "out_for_delivery.on_vehicle",
    "022": "attempt_failed",
    "023": "attempt_failed",
    "024": "attempt_failed",
    "025": "in_transit",
    "026": "delivered",
    "027": "in_transit",
    "028": "in_transit.redirected",
    "029": "exception",
    "030": "exception",
    "032": "in_transit",  # weather *may* delay it
    "033": "in_transit",  # the return is asked for, not begun
    "034": "returned",
    "035": "returning",
    "036": "returning",
    "037": "out_for_delivery.on_vehicle",
    "038": "picked_up.collected",
    "039": "in_transit",
    "040": "available_for_pickup.at_point",
    "041": "in_transit",
    "042": "in_transit",
    "044": "info_received.data_received",  # on the way *to* UPS
    "045": "info_received.data_received",
    "046": "exception.capacity",
    "047": "in_transit",
    "048": "exception.capacity",
    "049": "exception",
    "050": "exception.address",
    "051": "exception.weather",
    "052": "exception.weather",
    "053": "exception.weather",
    "054": "in_transit",
    "055": "in_transit",  # another day, which need not follow an attempt
    "056": "in_transit",
    "057": "in_transit.redirected",
    "058": "exception.customs_hold",
    "059": "exception.damaged",
    "060": "attempt_failed",
    "061": "attempt_failed",
    "062": "attempt_failed",
    "063": "in_transit.redirected",
    "064": "exception.refused",
    "065": "info_received.pickup_scheduled",
    "066": "attempt_failed",
    "067": "returned",
    "068": "exception.lost",
    "069": "exception",
    "070": "in_transit",
    "071": "in_transit.arrived_depot",
    "072": "out_for_delivery.on_vehicle",
    "073": "in_transit",
    "074": "in_transit.handed_to_partner",
    "075": "in_transit",
    "076": "exception",
    "077": "info_received.pickup_scheduled",
    "078": "out_for_delivery.on_vehicle",
    "079": "info_received.data_received",
    "080": "info_received.data_received",
    "081": "returned",
    "082": "in_transit",
    "083": "exception",
    "084": "in_transit.customs_cleared",
    "085": "exception.payment",
    "086": "exception.capacity",
    "087": "in_transit",
    "089": "out_for_delivery.on_vehicle",
    "090": "exception.capacity",
    "091": "out_for_delivery.on_vehicle",
    "092": "in_transit.customs_started",
    "095": "attempt_failed.rescheduled",
    "096": "in_transit.redirected",
    "097": "in_transit",
    "098": "in_transit",
    "099": "in_transit",
    "100": "in_transit.redirected",
    "101": "in_transit",
    "102": "in_transit",
    "103": "in_transit",
    "106": "in_transit.redirected",
    "107": "in_transit",
    "108": "in_transit.redirected",
    "109": "in_transit",
    "115": "in_transit",
    "116": "in_transit",
    "118": "returning",
    "119": "in_transit",
    "120": "in_transit",
    "121": "in_transit",
    "122": "in_transit",
    "123": "in_transit.customs_started",
    "124": "exception.customs_hold",
    "125": "exception.customs_hold",
    "126": "in_transit.customs_started",
    "131": "info_received.pickup_scheduled",
    "132": "exception.capacity",
    "134": "in_transit.customs_cleared",
    "135": "info_received.pickup_scheduled",
    "136": "in_transit",
    "137": "in_transit.handed_to_partner",
    "138": "in_transit",
    "139": "exception",
    "141": "exception.customs_hold",
    "144": "available_for_pickup.at_point",
    "145": "attempt_failed",
    "146": "out_for_delivery.on_vehicle",
    "147": "exception",
    "149": "exception",
    "153": "in_transit",
    "154": "in_transit",
    "157": "info_received.label_created",
    "158": "in_transit",
    "159": "in_transit",
    "160": "picked_up",
    "161": "available_for_pickup.at_point",
    "162": "out_for_delivery.on_vehicle",
    "164": "in_transit",
    "165": "in_transit",
    "166": "info_received.label_created",
    "167": "picked_up.dropped_off",
    "168": "picked_up.dropped_off",
    "169": "picked_up.dropped_off",
}

# The two characters of `code`. UPS publishes no list; these are the ones that its specifications and recorded answers
# use with one meaning. They say which kind of "on the way" a 005 is, and stand in where the digits are missing or new.
ACTIVITY_CODES: Final[Mapping[str, str]] = {
    "AR": "in_transit.arrived_hub",
    "DP": "in_transit.departed_hub",
    "F4": "delivered",
    "FS": "delivered",
    "KB": "delivered",
    "MP": "info_received.label_created",
    "OR": "picked_up",
    "OT": "out_for_delivery.on_vehicle",
    "PU": "picked_up.collected",
}

NOT_FOUND: Final = "TW0001"
_WINDOWS = {"EDW", "CDW", "IDW"}  # estimated, confirmed, imminent delivery window
_OVER = {Status.DELIVERED, Status.RETURNED, Status.CANCELLED}

# Bodies that operators and tests hand us by mistake, each known by one key.
_OTHER_BODIES: Final[Mapping[str, str]] = {
    "validTrackingNumbers": "the answer to a Track Alert subscription",
    "invalidTrackingNumbers": "the answer to a Track Alert subscription",
    "ShipmentResponse": "the answer to buying a label",
    "LabelRecoveryResponse": "the answer to a label reprint",
    "VoidShipmentResponse": "the answer to a void",
    "access_token": "a token",
}


class Ups:
    """UPS. One number a call; tokens live four hours and are fetched once for all workers."""

    about = About(
        slug="ups",
        name="UPS",
        docs_url="https://developer.ups.com/api/reference",
        live="https://onlinetools.ups.com",
        sandbox="https://wwwcie.ups.com",
        tracking_page="https://www.ups.com/track?tracknum={number}",
        number_pattern=r"1Z[0-9A-Z]{16}|1R[0-9A-Z]{14}|1R[0-9A-Z]{26}|[AHJKTV][0-9]{10}",
        codes={**STATUS_CODES, **ACTIVITY_CODES},
        budgets=(Budget(3, timedelta(seconds=1)), Budget(40_000, timedelta(days=1))),
        batch_size=1,
        hook_trust=Trust.HINT,
        time_rule=(
            "`date` and `time` are local to the scan. The instant comes from `gmtDate` and `gmtTime` where they are "
            "sent (leading zeros get lost: 74700 is 07:47:00) and the offset from their difference to the local time. "
            "Where they are missing, or where no offset explains the difference, `gmtOffset` counts, written -05:00 or "
            "-04.00; without it the time stays local without a zone."
        ),
        hook_header_names=("credential",),
        fields=(
            Field("client_id", "Client ID", "From the app that you made at developer.ups.com."),
            Field("client_secret", "Client secret", secret=True),
            Field(
                "webhook_secret",
                "Track Alert credential",
                "The text given to UPS when the numbers were subscribed.",
                secret=True,
                required=False,
            ),
            Field("account", "Account number", "Six characters; only if UPS asks for it.", required=False),
            Field("environment", "Environment", "live or sandbox", required=False, default="live"),
        ),
        sources=(
            "UPS OpenAPI documents Tracking.yaml, OAuthClientCredentials.yaml and UPSTrackAlert.yaml, "
            "github.com/UPS-API/api-documentation, 2025-08 and 2026-07",
            "UPS, Tracking status and description codes (the list of 170)",
            "github.com/UPS-API/api-documentation issues 8, 36, 102, 123, 166, 218",
        ),
        gaps=(
            "UPS publishes no rate limits; the budgets here are our own caution.",
            "Data leaves after 120 days: an old number turns into a number that UPS does not know.",
            "TV1002 (invalid number) also comes back for good numbers now and then. It is reported as an error of the "
            "call, not as an unknown number, so that the number is asked for again.",
            "Track Alert v2, which first fetches a token from the receiver, is not accepted yet; v1 is.",
            "A Track Alert subscription ends after 14 days. Subscribing is not built yet; polling does not need it.",
            "Delivery windows are local times without a zone. They become instants only from the depot's own offset "
            "on the day of delivery; before that the estimate is a date.",
        ),
    )

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        account = http.credentials.get("account", "")
        return ClientCredentials(
            http,
            "/security/v1/oauth/token",
            tokens,
            client_id=http.credentials.get("client_id", ""),
            client_secret=http.credentials.get("client_secret", ""),
            style="basic",
            headers={"x-merchant-id": account} if account else {},
        )

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        (number,) = numbers
        reply = http.get(
            f"/api/track/v1/details/{quote(number, safe='')}",
            params={"locale": "en_US"},
            headers={"transId": uuid4().hex, "transactionSrc": "doorstep"},
        )
        return Fetched(reply.status, reply.body)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        with reading("ups track"):
            answer = as_object(body)
            if "trackResponse" in answer:
                return _joined(_shipment(s) for s in each(answer["trackResponse"]["shipment"]))
            if "response" in answer or "errors" in answer:
                errors = answer.get("response", answer)["errors"]
                return Answer(errors=tuple(_fault(e, None) for e in each(errors)))
        raise _refusal(answer, "trackResponse")

    def verify(self, hook: Hook, secret: str, now: datetime) -> None:
        """Track Alert v1 repeats the text given at subscription in `credential`. It proves nothing about the body."""
        check_shared_text(one_header(hook.headers, "credential"), secret)

    def hook_key(self, hook: Hook) -> str:
        return sha256(hook.body).hexdigest()

    def parse_hook(self, body: bytes) -> Answer:
        with reading("ups track alert"):
            event = as_object(body)
            if "activityStatus" in event:
                return _alert(event)
        raise _refusal(event, "activityStatus")


def _joined(answers: Iterable[Answer]) -> Answer:
    found = list(answers)
    return Answer(
        parcels=tuple(p for a in found for p in a.parcels),
        not_found=tuple(n for a in found for n in a.not_found),
        errors=tuple(e for a in found for e in a.errors),
    )


def _shipment(shipment: Mapping[str, Any]) -> Answer:
    """Every package of one shipment. Warnings beside packages are kept; TW0001 without any is "not found"."""
    number = text(shipment.get("inquiryNumber"))
    packages = each(shipment.get("package"))
    alone = number if len(packages) == 1 else ""  # one of several is not the one that was asked for
    parcels = tuple(_package(p, text(p.get("trackingNumber")) or alone) for p in packages)
    warnings = [_fault(w, number or None) for w in each(shipment.get("warnings"))]
    unknown = bool(number) and not parcels and any(w.code == NOT_FOUND for w in warnings)
    return Answer(
        parcels=parcels,
        not_found=(number,) if unknown else (),
        errors=tuple(w for w in warnings if not (unknown and w.code == NOT_FOUND)),
    )


def _fault(error: Mapping[str, Any], number: str | None) -> Fault:
    return Fault(number, text(error["code"]), text(error.get("message")))


def _package(package: Mapping[str, Any], number: str) -> Parcel:
    if not number:
        raise ValueError("a package without a tracking number")
    scans = oldest_first((_activity(a) for a in each(package.get("activity"))), newest_first=True)
    status, sub_status = _latest(scans) or _current(some(package.get("currentStatus")))
    dates = {text(d.get("type")): text(d.get("date")) for d in each(package.get("deliveryDate"))}
    day = next(((kind, dates[kind]) for kind in ("RDD", "SDD") if dates.get(kind)), ("", ""))
    slot = some(package.get("deliveryTime"))
    window = (slot.get("startTime"), slot.get("endTime")) if text(slot.get("type")) in _WINDOWS else (None, None)
    return Parcel(
        number=number,
        scans=scans,
        status=status,
        sub_status=sub_status,
        delivered_at=_delivered_at(scans, status),
        estimated=None if status in _OVER else _estimate(day[1], window, scans, day[0]),
        service=text(some(package.get("service")).get("description")),
    )


def _activity(activity: Mapping[str, Any]) -> Scan:
    status = some(activity.get("status"))
    location = some(activity.get("location"))
    address = some(location.get("address"))
    return _scan(
        _when(activity, ("date", "time", "gmtDate", "gmtTime")),
        text(status.get("code")),
        text(status.get("statusCode")),
        text(status.get("description")),
        Place(
            city=text(address.get("city")),
            region=text(address.get("stateProvince")),
            postcode=text(address.get("postalCode")),
            country=text(address.get("countryCode")) or text(address.get("country")),
        ),
    )


def _alert(event: Mapping[str, Any]) -> Answer:
    """A Track Alert event: one parcel with one scan, in the words and times of the same activity when polled."""
    status = some(event["activityStatus"])
    location = some(event.get("activityLocation"))
    scan = _scan(
        _when(event, ("localActivityDate", "localActivityTime", "gmtActivityDate", "gmtActivityTime")),
        text(status.get("code")),
        text(status.get("descriptionCode")),
        text(status.get("description")),
        Place(
            city=text(location.get("city")),
            region=text(location.get("stateProvince")),
            postcode=text(location.get("postalCode")),
            country=text(location.get("country")),
        ),
    )
    window = (event.get("deliveryStartTime"), event.get("deliveryEndTime"))
    day = text(event.get("scheduledDeliveryDate"))
    number = text(event["trackingNumber"])
    if not number:
        raise ValueError("an event without a tracking number")
    parcel = Parcel(
        number=number,
        scans=(scan,),
        status=scan.status,
        sub_status=scan.sub_status,
        delivered_at=_delivered_at((scan,), scan.status),
        estimated=None if scan.status in _OVER else _estimate(day, window, (scan,), "scheduledDeliveryDate"),
    )
    return Answer(parcels=(parcel,))


def _scan(when: When, code: str, digits: str, words: str, place: Place) -> Scan:
    status, sub_status = _mapped(digits, code)
    return Scan(
        at=when.at,
        local=when.local,
        offset=when.offset,
        zone_from=when.zone_from,
        code=code or digits,
        text=words,
        status=status,
        sub_status=sub_status,
        place=place,
        date_only=when.date_only,
    )


def _mapped(digits: str, code: str) -> tuple[Status | None, str | None]:
    """Status and sub-status. The digits decide; the letters only say more about "on the way" or fill a gap."""
    word = STATUS_CODES.get(digits.zfill(3))
    if word in {None, "in_transit"}:
        word = ACTIVITY_CODES.get(code, word)
    if word is None:
        return None, None
    return (status_of(word), word) if word in SUB_STATUSES else (Status(word), None)


def _current(current: Mapping[str, Any]) -> tuple[Status | None, str | None]:
    """The package's own status, for labels without any activity. Recorded answers put the digits into `code`."""
    code = text(current.get("code"))
    return _mapped(text(current.get("statusCode")) or code, code)


def _latest(scans: Sequence[Scan]) -> tuple[Status, str | None] | None:
    return next(((s.status, s.sub_status) for s in reversed(scans) if s.status), None)


def _delivered_at(scans: Sequence[Scan], status: Status | None) -> datetime | None:
    if status is not Status.DELIVERED:
        return None
    return next((s.at for s in reversed(scans) if s.status is Status.DELIVERED), None)


def _when(event: Mapping[str, Any], names: tuple[str, str, str, str]) -> When:
    """Local wall clock with the instant of the gmt fields; see `time_rule`."""
    day, clock, gmt_day, gmt_clock = (text(event.get(name)) for name in names)
    local = local_with_offset(day, _clock(clock), text(event.get("gmtOffset")))
    gmt = local_with_offset(gmt_day, _clock(gmt_clock), "Z")
    if gmt.at is None:
        return local
    if local.date_only or not local.local:
        return _abroad(gmt.at, text(event.get("gmtOffset")))
    ahead = datetime.fromisoformat(local.local).replace(tzinfo=UTC) - gmt.at
    if abs(ahead) > timedelta(hours=14) or ahead % timedelta(minutes=15):
        return local  # no place on earth explains the two; the gmt clock is the one that UPS mangles
    return When(gmt.at, local.local, offset_text(ahead), ZoneFrom.CARRIER)


def _abroad(at: datetime, offset: str) -> When:
    """An instant whose local time is missing: told in its offset, or in UTC where that is missing too."""
    ahead = offset_of(offset) or timedelta(0)
    wall = at.astimezone(timezone(ahead)).replace(tzinfo=None)
    return When(at, wall.isoformat(), offset_text(ahead), ZoneFrom.CARRIER)


def _clock(value: str) -> str:
    """HHMMSS with the leading zeros that UPS loses: "74700" is 07:47:00."""
    return value.zfill(6) if value.isdigit() else value


def _estimate(day: str, window: tuple[object, object], scans: Sequence[Scan], source: str) -> Estimate | None:
    """The scheduled date; the hours of a window only once the depot's offset is known (see `gaps`)."""
    date_only = local_with_offset(day, "", "")
    if not date_only.local:
        return None
    whole = datetime.fromisoformat(date_only.local).date()
    newest = scans[-1] if scans else None
    if (
        newest
        and newest.offset
        and newest.status is Status.OUT_FOR_DELIVERY
        and newest.local.startswith(date_only.local)
    ):
        start, end = (local_with_offset(day, _clock(text(edge)), newest.offset).at for edge in window)
        if start and end and start <= end:
            return Estimate(start, end, source)
    return Estimate(whole, whole, source)


def _refusal(body: Mapping[str, Any], wanted: str) -> BadPayload:
    for key, name in _OTHER_BODIES.items():
        if key in body:
            return BadPayload(f"this is {name}, not tracking data (it has {key})")
    return BadPayload(f"no {wanted} in the body; this is not tracking data of UPS")


CARRIER = Ups()
