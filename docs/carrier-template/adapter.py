"""Your Carrier: tracking one number a call, and webhooks signed with HMAC-SHA256."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from carriers.auth import Bearer, Tokens
from carriers.contract import ENVIRONMENT, About, Answer, Budget, Fault, Fetched, Field, Hook, Parcel, Scan, Trust
from carriers.reading import (
    Said,
    as_object,
    each,
    meant,
    oldest_first,
    place_of,
    reading,
    scan_of,
    some,
    text,
    when,
)
from carriers.signing import check_hmac, one_header
from carriers.status import Status
from carriers.zones import placed

if TYPE_CHECKING:
    import httpx

    from carriers.http import Http

# The carrier's code -> a status or sub-status of docs/vocabulary.md. A code that you are not sure of is left out, or
# listed in `unmapped` with the reason: then it is shown in the carrier's own words.
CODES: Final[Mapping[str, str]] = {
    "10": "info_received.label_created",
    "20": "picked_up",
    "30": "in_transit",
    "40": "out_for_delivery.on_vehicle",
    "45": "attempt_failed.not_home",
    "50": "delivered",
    "60": "returning",
}
NOT_FOUND: Final = "unknown_number"


class YourCarrier:
    """Stateless: one object serves all connections and threads."""

    about = About(
        slug="yourcarrier",
        name="Your Carrier",
        docs_url="https://developer.yourcarrier.example/tracking",
        live="https://api.yourcarrier.example",
        sandbox="https://sandbox.yourcarrier.example",
        tracking_page="https://www.yourcarrier.example/track?number={number}",
        number_pattern=r"YC[0-9]{10}",
        codes=CODES,
        unmapped={"99": "A note to the depot, which says nothing about the parcel."},
        budgets=(Budget(5, timedelta(seconds=1)), Budget(10_000, timedelta(days=1))),
        hook_trust=Trust.SIGNED,
        hook_header_names=("x-signature",),
        time_rule="Times are local to the scan, without a zone. They are placed by country, state and postcode.",
        fields=(
            Field("api_key", "API key", "From your account page at the carrier.", secret=True),
            Field(
                "webhook_secret",
                "Webhook secret",
                "As shown where you entered the address.",
                secret=True,
                required=False,
            ),
            ENVIRONMENT,
        ),
        sources=("https://developer.yourcarrier.example/tracking, read on the day that you did",),
        gaps=("Labels are not built yet.",),
    )

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        return Bearer(http.credentials.get("api_key", ""), header="X-Api-Key", prefix="")

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        """At most `about.batch_size` numbers. Error codes, time-outs and sizes are looked after by `http`."""
        (number,) = numbers
        reply = http.get(f"/v1/parcels/{quote(number, safe='')}")
        return Fetched(reply.status, reply.body)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        """`{"parcel": {...}}` or `{"error": {"code", "message", "number"}}`."""
        with reading("yourcarrier track"):
            answer = as_object(body)
            if error := some(answer.get("error")):
                return _refused(error)
            return Answer(parcels=(_parcel(answer["parcel"]),))

    def verify(self, hook: Hook, secret: str, now: datetime) -> None:
        check_hmac(one_header(hook.headers, "x-signature"), secret, hook.body)

    def hook_key(self, hook: Hook) -> str:
        """The carrier gives deliveries no id, so a repeat is known by its bytes."""
        return sha256(hook.body).hexdigest()

    def parse_hook(self, body: bytes) -> Answer:
        return self.parse(body)


def _refused(error: Mapping[str, Any]) -> Answer:
    fault = Fault(text(error.get("number")) or None, text(error["code"]), text(error.get("message")))
    if fault.code == NOT_FOUND and fault.number:
        return Answer(not_found=(fault.number,))
    return Answer(errors=(fault,))


def _parcel(parcel: Mapping[str, Any]) -> Parcel:
    number = text(parcel["number"])
    if not number:
        raise ValueError("a parcel without a number")
    scans = oldest_first((_scan(event) for event in each(parcel.get("events"))), newest_first=True)
    status, sub_status = next(((s.status, s.sub_status) for s in reversed(scans) if s.status), (None, None))
    delivered = [scan.at for scan in scans if scan.status is Status.DELIVERED and scan.at]
    return Parcel(
        number=number,
        scans=scans,
        status=status,
        sub_status=sub_status,
        delivered_at=delivered[-1] if delivered and status is Status.DELIVERED else None,
        service=text(parcel.get("service")),
    )


def _scan(event: Mapping[str, Any]) -> Scan:
    code = text(event.get("code"))
    status, sub_status = meant(CODES.get(code))
    place = place_of(event.get("city"), event.get("state"), event.get("postcode"), event.get("country"))
    moment = placed(when(event.get("time")), place)
    return scan_of(moment, Said(code, text(event.get("text")), status, sub_status), place)


CARRIER = YourCarrier()
