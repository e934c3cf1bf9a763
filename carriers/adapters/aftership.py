"""AfterShip Tracking: one account for many couriers. Trackings are created once, then read or pushed, signed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
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
    as_object,
    each,
    id_in,
    joined,
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
from carriers.zones import country_code, placed

if TYPE_CHECKING:
    import httpx

# Tags, which are nine, and the sub-tags below them. A sub-tag that is not here yet means what its tag says.
TAGS: Final[Mapping[str, str]] = {
    "Pending": "pending",
    "InfoReceived": "info_received",
    "InTransit": "in_transit",
    "OutForDelivery": "out_for_delivery",
    "AttemptFail": "attempt_failed",
    "Delivered": "delivered",
    "AvailableForPickup": "available_for_pickup",
    "Exception": "exception",
    "Expired": "expired",
}
SUBTAGS: Final[Mapping[str, str]] = {
    "Pending_001": "pending.registered",
    "InfoReceived_001": "info_received.data_received",
    "InTransit_001": "in_transit",
    "InTransit_002": "picked_up",  # the acceptance scan
    "InTransit_003": "in_transit.arrived_hub",
    "InTransit_004": "in_transit.arrived_country",
    "InTransit_005": "in_transit.customs_cleared",
    "InTransit_006": "in_transit.customs_started",
    "InTransit_007": "in_transit.departed_hub",
    "InTransit_008": "in_transit.resolved",
    "InTransit_009": "in_transit.redirected",
    "OutForDelivery_001": "out_for_delivery",
    "OutForDelivery_003": "out_for_delivery.contacted",
    "OutForDelivery_004": "out_for_delivery.appointment",
    "AvailableForPickup_001": "available_for_pickup.at_point",
    "AttemptFail_001": "attempt_failed",
    "AttemptFail_002": "attempt_failed.not_home",
    "AttemptFail_003": "attempt_failed.closed",
    "Delivered_001": "delivered",
    "Delivered_002": "delivered.collected",
    "Delivered_003": "delivered.to_person",
    "Delivered_004": "delivered.to_person",  # and the cash was paid
    "Delivered_005": "delivered.neighbour",
    "Exception_001": "exception",
    "Exception_002": "exception.moved",
    "Exception_003": "exception.refused",
    "Exception_004": "exception.customs_hold",
    "Exception_005": "exception.capacity",
    "Exception_006": "exception.payment",
    "Exception_007": "exception.address",
    "Exception_008": "exception.pickup_expired",
    "Exception_009": "exception.rejected_by_carrier",
    "Exception_010": "returning",
    "Exception_011": "returned",
    "Exception_012": "exception.damaged",
    "Exception_013": "exception.lost",
    "Exception_016": "exception.capacity",
    "Exception_017": "exception.weather",
    "Exception_018": "exception.customs_hold",
    "Exception_019": "exception.capacity",
    "Exception_020": "cancelled",
    "Exception_021": "exception",
    "Expired_001": "expired",
}

VERSION: Final = "2026-07"
BATCH: Final = 50
CREATES: Final = 10  # one call each, so that a round of many new numbers does not take minutes
EXISTS: Final = "4003"
MISSING: Final = "4004"

_OVER: Final = {Status.DELIVERED, Status.RETURNED, Status.CANCELLED}
# Estimates, the best first: (object, or empty for the tracking itself; start, end; or one field for both).
_ESTIMATES: Final = (
    ("latest_estimated_delivery", ("datetime_min", "datetime_max"), "datetime"),
    ("courier_estimated_delivery_date", ("estimated_delivery_date_min", "estimated_delivery_date_max"), ""),
    ("aftership_estimated_delivery_date", ("estimated_delivery_date_min", "estimated_delivery_date_max"), ""),
)
_OTHER_BODIES: Final = {
    "notification": "a notification setting",
    "couriers": "a list of couriers",
    "estimated_delivery_dates": "a forecast for a shipment that is not tracked",
}

ABOUT = About(
    slug="aftership",
    name="AfterShip",
    relays=True,
    docs_url=f"https://www.aftership.com/docs/tracking/{VERSION}/quickstart/api-quick-start",
    live="https://api.aftership.com",
    number_pattern=r"[0-9A-Z]{4,50}",
    codes={**TAGS, **SUBTAGS},
    budgets=(Budget(5, timedelta(seconds=1)),),
    batch_size=BATCH,
    hook_trust=Trust.SIGNED,
    time_rule=(
        "`checkpoint_time` is ISO 8601 with the courier's offset. Without one it is local to the courier: placed by "
        "the checkpoint's country, state and postcode where these tell one zone, else without a zone."
    ),
    fields=(
        Field(
            "api_key",
            "API key",
            "From AfterShip, Settings, API keys, with the right to read and write trackings.",
            secret=True,
        ),
        Field(
            "webhook_secret",
            "Webhook secret",
            "From AfterShip, Settings, Webhooks, where the address is entered too.",
            secret=True,
            required=False,
        ),
        Field(
            "slug",
            "Courier",
            "Only where one courier is tracked: AfterShip's word for it, e.g. usps. Left empty, AfterShip tells "
            "couriers by their numbers among those that your account has switched on.",
            required=False,
        ),
    ),
    hook_header_names=("aftership-hmac-sha256",),
    subscription_batch=1,
    sources=(
        f"https://www.aftership.com/docs/tracking/{VERSION}/enum/delivery-sub-statuses",
        "https://www.aftership.com/docs/tracking/2025-01/quickstart/rate-limit",
        "https://www.aftership.com/docs/tracking/2025-01/webhook/webhook-specifications",
        "https://www.aftership.com/docs/tracking/webhook/webhook-signature",
        "https://github.com/AfterShip/tracking-sdk-python",
    ),
    assumed=("A list of numbers is asked for with commas between them.",),
    gaps=(
        f"A tracking is created when a number is first asked for, {CREATES} a call; AfterShip charges for it once.",
        "Where a number belongs to several couriers, AfterShip picks one; a wrong pick is corrected in AfterShip, or "
        "by a connection for that courier. Several trackings of a number: the newest that has news is taken.",
        "Some couriers need a postcode, a ship date or an account beside the number; AfterShip refuses these numbers "
        "until they are filled in there.",
        "Pending_002 to 006, and sub-tags newer than those listed, are read by their tag alone.",
        "The webhook's address cannot be set by its API. Keys that sign requests (AES, RSA) are not supported.",
        "A tracking that AfterShip gave up after 30 days of silence is expired; it is taken up again only there.",
    ),
)


class AfterShip:
    """The adapter. Stateless; safe to share between threads."""

    about = ABOUT

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        return Bearer(http.credentials.get("api_key", ""), header="as-api-key", prefix="")

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        """Lists the trackings; creates those that are missing, and then what was created is listed with the others.

        A number that AfterShip will not take is answered by its reason where it was asked for alone.
        """
        listed = _listed(http, numbers)
        known = _numbers(listed)
        missing = [number for number in numbers if _folded(number) not in known] if listed.status == 200 else []
        if not missing:
            return listed
        made = [_created(http, number) for number in missing[:CREATES]]
        if len(numbers) == 1 and not _is_there(made[0]):
            return made[0]
        return _listed(http, numbers)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        with reading("aftership"):
            answer = as_object(body)
            if "meta" in answer:
                return _answer(answer)
        raise BadPayload("aftership: neither an answer of the API nor an error")

    def verify(self, hook: Hook, secret: str, now: datetime) -> None:
        """`aftership-hmac-sha256`: base64 HMAC-SHA256 of the raw body. No time is signed: age is unknown."""
        check_hmac(one_header(hook.headers, "aftership-hmac-sha256"), secret, hook.body, encodings=("base64",))

    def hook_key(self, hook: Hook) -> str:
        """The event's id, which stays the same over AfterShip's retries."""
        return id_in(hook.body, "event_id")

    def parse_hook(self, body: bytes) -> Answer:
        with reading("aftership webhook"):
            event = as_object(body)
            text(event["event"])
            return Answer((_parcel(some(event["msg"])),))

    def subscribe(self, http: Http, wanted: Wanted) -> Sequence[Subscribed]:
        """Creates trackings; the account's webhook address is set at AfterShip.

        There is no `ref`: AfterShip stops by itself when a parcel has arrived, and ending one before would delete it
        from the shop's AfterShip account.
        """
        return [_subscribed(http, number) for number in wanted.numbers]

    def unsubscribe(self, http: Http, ref: str) -> None:
        """Deletes the tracking with this id at AfterShip, with all that was known of the parcel."""
        reply = http.delete(f"{_trackings()}/{quote(ref, safe='')}")
        if reply.status >= 400 and carrier_words(reply.body)[0] != MISSING:
            granted(reply, "AfterShip")


CARRIER = AfterShip()


def _trackings() -> str:
    return f"/tracking/{VERSION}/trackings"


def _own_slug(http: Http) -> dict[str, str]:
    slug = http.credentials.get("slug", "").strip()
    return {"slug": slug} if slug else {}


def _folded(number: str) -> str:
    return "".join(number.split()).upper()


def _listed(http: Http, numbers: Sequence[str]) -> Fetched:
    reply = http.get(_trackings(), params={"tracking_numbers": ",".join(numbers), "limit": 200, **_own_slug(http)})
    return Fetched(reply.status, reply.body)


def _created(http: Http, number: str) -> Fetched:
    reply = http.post(_trackings(), json={"tracking_number": number, **_own_slug(http)})
    return Fetched(reply.status, reply.body)


def _is_there(made: Fetched) -> bool:
    return made.status < 400 or carrier_words(made.body)[0] == EXISTS


def _numbers(listed: Fetched) -> set[str]:
    """Numbers in a list. One that cannot be read names none: `parse` will say why."""
    try:
        with reading("aftership"):
            return {_folded(text(t.get("tracking_number"))) for t in _entries(as_object(listed.body))}
    except BadPayload:
        return set()


def _subscribed(http: Http, number: str) -> Subscribed:
    made = _created(http, number)
    if _is_there(made):
        return Subscribed(number)
    code, words = carrier_words(made.body)
    return Subscribed(number, refused=f"{code}: {words}" if code else words or f"AfterShip answered {made.status}")


def _entries(answer: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The trackings of any envelope: a list, one below `tracking`, or one that is `data` itself."""
    data = some(answer["data"])
    if "trackings" in data:
        return each(data["trackings"])
    if "tracking" in data:
        return [some(data["tracking"])]
    return [data] if "tracking_number" in data else []


def _answer(answer: Mapping[str, Any]) -> Answer:
    meta = some(answer["meta"])
    code = text(meta["code"])
    if not code.startswith("20"):
        return Answer(errors=(Fault(None, code, text(meta.get("message"))),))
    data, entries = some(answer["data"]), _entries(answer)
    if "trackings" in data:
        return _joined(entries)
    if not entries:
        raise other_body(data, _OTHER_BODIES, "aftership: an answer without a tracking")
    return Answer((_parcel(entries[0]),))


def _joined(entries: Sequence[Mapping[str, Any]]) -> Answer:
    return joined(entries, _number, lambda _, found: _parcel(_latest(found)))


def _number(entry: Mapping[str, Any]) -> str:
    if number := text(entry["tracking_number"]):
        return number
    raise ValueError("a tracking without tracking_number")


def _latest(entries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return max(entries, key=_age) if len(entries) > 1 else entries[0]


def _age(entry: Mapping[str, Any]) -> tuple[bool, str]:
    """Orders the trackings of one number: those with news first, then the one created last."""
    return text(entry["tag"]) not in {"", "Pending", "Expired"}, text(entry["created_at"])


def _parcel(entry: Mapping[str, Any]) -> Parcel:
    number = _number(entry)
    scans = oldest_first(_scan(checkpoint) for checkpoint in _checkpoints(entry) if _tells(checkpoint))
    status, sub_status = _meaning(text(entry.get("tag")), text(entry.get("subtag")))
    delivered = [scan.at for scan in scans if scan.status is Status.DELIVERED and scan.at]
    return Parcel(
        number=number,
        scans=scans,
        status=status,
        sub_status=sub_status,
        delivered_at=delivered[-1] if delivered and status is Status.DELIVERED else None,
        estimated=None if status in _OVER else _estimate(entry),
        service=text(entry.get("shipment_type")),
        is_return=entry.get("shipment_direction") == "return",
    )


def _checkpoints(entry: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """All of them; of an answer about the last checkpoint, that one."""
    if "checkpoint" in entry and "checkpoints" not in entry:
        return [some(entry["checkpoint"])]
    return each(entry.get("checkpoints"))


def _tells(checkpoint: Mapping[str, Any]) -> bool:
    """AfterShip fills the last checkpoint of a parcel that has none with nulls."""
    return any(checkpoint.get(name) for name in ("tag", "message", "checkpoint_time"))


def _meaning(tag: str, subtag: str) -> tuple[Status | None, str | None]:
    return meant(SUBTAGS.get(subtag) or TAGS.get(tag))


def _scan(checkpoint: Mapping[str, Any]) -> Scan:
    """One checkpoint. `hash` is AfterShip's own key of it, where the API's version has one."""
    tag, subtag = text(checkpoint.get("tag")), text(checkpoint.get("subtag"))
    status, sub_status = _meaning(tag, subtag)
    country = text(checkpoint.get("country_region")) or text(checkpoint.get("country_iso3"))
    place = Place(
        city=text(checkpoint.get("city")) or text(checkpoint.get("location")),
        region=text(checkpoint.get("state")),
        postcode=text(checkpoint.get("postal_code")) or text(checkpoint.get("zip")),
        country=country_code(country) or country,
    )
    moment = placed(when(checkpoint.get("checkpoint_time")), place)
    return scan_of(
        moment,
        Said(subtag or tag, text(checkpoint.get("message")), status, sub_status, text(checkpoint.get("hash"))),
        place,
    )


def _estimate(entry: Mapping[str, Any]) -> Estimate | None:
    """The latest estimate of anybody, else the courier's, else AfterShip's own, else the old field. Days where one edge
    is a day, else instants."""
    for source, edges, middle in _ESTIMATES:
        given = some(entry.get(source))
        one = given.get(middle or "estimated_delivery_date")
        values = [given.get(name) or one for name in edges]
        if found := _span(values, source):
            return found
    return _span([entry.get("expected_delivery")], "expected_delivery")


def _span(values: Sequence[object], source: str) -> Estimate | None:
    moments = [moment for moment in map(when, values) if moment.local]
    if not moments:
        return None
    instants = [moment.at for moment in moments if moment.at and not moment.local.endswith("T00:00:00")]
    if len(instants) == len(moments):
        return Estimate(min(instants), max(instants), source)
    days = [date.fromisoformat(moment.local[:10]) for moment in moments]
    return Estimate(min(days), max(days), source)
