"""Australia Post: tracking in batches of ten through its Shipping and Tracking API."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from carriers.contract import ENVIRONMENT, About, Answer, Budget, Fault, Fetched, Field, Parcel, Place, Scan, ZoneFrom
from carriers.errors import BadPayload, RateLimited
from carriers.gateway import gateway_errors
from carriers.reading import Said, When, as_object, each, meant, oldest_first, reading, scan_of, text, when
from carriers.status import Status
from carriers.zones import country_code

if TYPE_CHECKING:
    import httpx

    from carriers.auth import Tokens
    from carriers.http import Http

# `status` of an article or a consignment, after Australia Post's table of statuses.
STATUSES: Final[Mapping[str, str]] = {
    "Created": "info_received.label_created",
    "Sealed": "info_received.label_created",
    "Initiated": "info_received.data_received",
    "In transit": "in_transit",
    "At Delivery Depot": "in_transit.arrived_depot",
    "On Board for Delivery": "out_for_delivery.on_vehicle",
    "Awaiting collection": "available_for_pickup.at_point",
    "Delivered": "delivered",
    "Delivered in Full": "delivered",
    "Unsuccessful Delivery": "attempt_failed",
    "To be Re-Delivered": "attempt_failed.rescheduled",
    "Possible delay": "exception.capacity",
    "Held by courier": "exception",
    "Unsuccessful pickup": "exception",
    "Article damaged": "exception.damaged",
    "Cannot be delivered": "exception.address",
    "Cancelled": "cancelled",
}
ARRIVED_ABROAD: Final = "Arrived in …"  # with a country; a town is only a town

# Events have no code: Australia Post's fixed phrase is one. A phrase that ends in a place is written with "…".
PHRASES: Final[Mapping[str, str]] = {
    "Shipment information received": "info_received.data_received",
    "Shipping information received by Australia Post": "info_received.data_received",
    "Shipping information approved by Australia Post": "info_received.data_received",
    "Received by Australia Post": "picked_up",
    "Received item from Sender (Outbound)": "picked_up",
    "Processed through Australia Post facility": "in_transit",
    "Item processed at facility": "in_transit",
    "In transit to next facility in …": "in_transit",
    "Processed by air carrier": "in_transit",
    "Processed at Export Facility": "in_transit",
    "Arrived at facility": "in_transit.arrived_hub",
    "Arrived at sorting facility": "in_transit.arrived_hub",
    "Despatch Parcels from Export Facility": "in_transit.departed_hub",
    "Departed facility": "in_transit.departed_hub",
    "Cleared and awaiting international departure": "in_transit.export_cleared",
    "Arrived at facility in destination country": "in_transit.arrived_country",
    "Arrived awaiting clearance (Inbound)": "in_transit.customs_started",
    "Item is in Customs": "in_transit.customs_started",
    "Item cleared by Customs": "in_transit.customs_cleared",
    ARRIVED_ABROAD: "in_transit.arrived_country",
    "Onboard for delivery": "out_for_delivery.on_vehicle",
    "With Australia Post for delivery today": "out_for_delivery.on_vehicle",
    "Attempted delivery - being carded to Australia Post outlet": "attempt_failed",
    "Attempted delivery - Unable to gain access": "attempt_failed.no_access",
    "Awaiting collection at …": "available_for_pickup.at_point",
    "Delivered - Left in a safe place": "delivered.safe_place",
}
CODES: Final[Mapping[str, str]] = {**STATUSES, **PHRASES}
UNMAPPED: Final[Mapping[str, str]] = {
    "Leave in a safe place requested by Receiver": "A wish of the recipient, not what became of it.",
    "Ready for Pickup": "Nothing says whether the carrier or the recipient is to pick up.",
    "Track items for detailed delivery information": "Says only that the articles of a consignment differ.",
    "Unknown": "Australia Post's word for a status that it does not know.",
}
_WHOLE: Final = {phrase.casefold(): word for phrase, word in CODES.items() if not phrase.endswith("…")}
_BEGUN: Final = {phrase[:-1].casefold(): word for phrase, word in CODES.items() if phrase.endswith("…")}
_ARRIVED: Final = ARRIVED_ABROAD[:-1].casefold()

NOT_FOUND: Final = "ESB-10001"
_TOO_MANY: Final = "API_002"
_STATES: Final = frozenset({"ACT", "NSW", "NT", "QLD", "SA", "TAS", "VIC", "WA"})
_OTHER_BODIES: Final[Mapping[str, str]] = {
    "shipments": "the answer to creating a shipment",
    "labels": "the answer to asking for labels",
    "order": "the answer to an order",
}

ABOUT: Final = About(
    slug="australia_post",
    name="Australia Post",
    docs_url="https://developers.auspost.com.au/apis/shipping-and-tracking/reference",
    live="https://digitalapi.auspost.com.au",
    sandbox="https://digitalapi.auspost.com.au/test",
    tracking_page="https://auspost.com.au/mypost/track/details/{number}",
    number_pattern=r"[A-Z]{2}[0-9]{9}AU|[0-9A-Z]{8,24}",
    codes=CODES,
    unmapped=UNMAPPED,
    budgets=(Budget(10, timedelta(minutes=1)),),
    batch_size=10,
    time_rule=(
        "ISO 8601 with an offset, always that of eastern Australia, in Brisbane in summer too; it is taken as the "
        "instant that it claims to be. For events at places abroad it cannot be the offset of the place, and whether "
        "Australia Post converted the time or only labelled it is not said: these stay local without a zone."
    ),
    fields=(
        Field("api_key", "API key", "From the developer centre; needs an eParcel or StarTrack contract.", secret=True),
        Field("password", "API password", "Chosen with the API key.", secret=True),
        Field("account_number", "Account number", "Ten digits for Australia Post, eight for StarTrack."),
        ENVIRONMENT,
    ),
    sources=(
        "https://developers.auspost.com.au/content/apis/shipping-and-tracking/reference-statuses.html",
        "Recorded and published answers of the tracking call, github.com/fbvilela/auspost and docs.ewe.com.au",
    ),
    assumed=(
        "The host, the path of the call and its header Account-Number are those that published clients use.",
        "ESB-10001, Invalid tracking ID, is also what a number gets that Australia Post does not know yet.",
    ),
    gaps=(
        "Events have no codes. Their phrases are compared as a whole; one that is not in the table has no status.",
        "Ten calls a minute is commonly stated and kept; Australia Post does not publish its limit.",
        "StarTrack's statuses beyond those listed stay unmapped.",
        "Of a consignment with several articles each is given by its own number.",
        "Labels are not bought.",
    ),
)


class AustraliaPost:
    """The adapter. Ten numbers a call; numbers it does not know come back as errors among those it does."""

    about = ABOUT

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        import httpx

        return httpx.BasicAuth(http.credentials.get("api_key", ""), http.credentials.get("password", ""))

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        reply = http.get(
            "/shipping/v1/track",
            params={"tracking_ids": ",".join(numbers)},
            headers={"Account-Number": http.credentials.get("account_number", "")},
        )
        for fault in _faults_of(reply.body):
            if fault.code == _TOO_MANY:
                raise RateLimited(timedelta(minutes=1), fault.text, fault.code)
        return Fetched(reply.status, reply.body)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        with reading("australia post track"):
            answer = as_object(body)
            if "tracking_results" in answer:
                results = [_result(result) for result in each(answer["tracking_results"])]
                return _joined([*results, Answer(errors=_whole(answer))])
            if faults := _whole(answer) or gateway_errors(answer, status):
                return Answer(errors=faults)
        for key, name in _OTHER_BODIES.items():
            if key in answer:
                raise BadPayload(f"australia post track: this is {name} (it has {key})")
        raise BadPayload("australia post track: neither tracking_results nor errors in the body")


CARRIER = AustraliaPost()


def _whole(answer: Mapping[str, Any]) -> tuple[Fault, ...]:
    """The errors of the call itself."""
    return tuple(_fault(error, None) for error in each(answer.get("errors")))


def _joined(answers: Sequence[Answer]) -> Answer:
    return Answer(
        parcels=tuple(parcel for answer in answers for parcel in answer.parcels),
        not_found=tuple(dict.fromkeys(number for answer in answers for number in answer.not_found)),
        errors=tuple(fault for answer in answers for fault in answer.errors),
    )


def _result(result: Mapping[str, Any]) -> Answer:
    """What is told of one number that was asked for: its articles, or why there are none."""
    number = text(result["tracking_id"])
    if not number:
        raise ValueError("a result without tracking_id")
    articles = list(_articles(result))
    faults = [_fault(error, number) for error in each(result.get("errors"))]
    unknown = not articles and any(fault.code == NOT_FOUND for fault in faults)
    summary = text(result.get("status"))
    parcels = [_parcel(number if len(articles) == 1 else _name(article), article, summary) for article in articles]
    if summary and number not in {parcel.number for parcel in parcels}:
        parcels.append(Parcel(number, (), *_meaning(summary)))
    return Answer(
        parcels=tuple(parcels),
        not_found=(number,) if unknown else (),
        errors=tuple(fault for fault in faults if not (unknown and fault.code == NOT_FOUND)),
    )


def _articles(result: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Articles lie in the result, or one deeper in a consignment."""
    for item in each(result.get("trackable_items")):
        if "items" in item:
            yield from each(item["items"])
        else:
            yield item


def _name(article: Mapping[str, Any]) -> str:
    if not (number := text(article["article_id"])):
        raise ValueError("an article without article_id")
    return number


def _parcel(number: str, article: Mapping[str, Any], summary: str) -> Parcel:
    """The article's own status, else that of the number, else that of the newest event that has one."""
    scans = oldest_first((_scan(event) for event in each(article.get("events"))), newest_first=True)
    status, sub_status = _meaning(text(article.get("status")) or summary)
    if status is None:
        newest = next((scan for scan in reversed(scans) if scan.status is not None), None)
        status, sub_status = (newest.status, newest.sub_status) if newest else (None, None)
    return Parcel(
        number=number,
        scans=scans,
        status=status,
        sub_status=sub_status,
        delivered_at=_delivered_at(scans) if status is Status.DELIVERED else None,
        service=text(article.get("product_type")),
    )


def _delivered_at(scans: Sequence[Scan]) -> datetime | None:
    return next((scan.at for scan in reversed(scans) if scan.status is Status.DELIVERED and scan.at), None)


def _scan(event: Mapping[str, Any]) -> Scan:
    phrase = text(event.get("description"))
    status, sub_status = _meaning(phrase)
    place = _place(text(event.get("location")))
    moment = _moment(when(event.get("date")), place)
    return scan_of(moment, Said(phrase, phrase, status, sub_status), place)


def _moment(moment: When, place: Place) -> When:
    if place.country in {"", "AU"}:
        return moment
    return When(None, moment.local, None, ZoneFrom.UNKNOWN, moment.date_only)


def _place(location: str) -> Place:
    """ "ALEXANDRIA NSW", "Sydney,NSW", "SYDNEY (AU)", "US-60199, UNITED STATES" and the country alone ("NZ")."""
    if abroad := re.fullmatch(r"(.+?) ?\(([A-Z]{2})\)", location):
        return Place(abroad[1], country=abroad[2])
    if (domestic := re.fullmatch(r"(.+?)[ ,]+([A-Z]{2,3})", location)) and domestic[2] in _STATES:
        return Place(domestic[1], domestic[2], country="AU")
    city, _, last = location.rpartition(",")
    return Place(city.strip(), country=known) if (known := country_code(last)) else Place(location)


def _meaning(words: str) -> tuple[Status | None, str | None]:
    told = words.casefold()
    word = _WHOLE.get(told) or next((word for start, word in _BEGUN.items() if told.startswith(start)), None)
    if told.startswith(_ARRIVED) and not country_code(told.removeprefix(_ARRIVED)):
        word = None
    return meant(word)


def _fault(error: Mapping[str, Any], number: str | None) -> Fault:
    """Of one number {code, name or message}; of a call also {error_code, error_name} or {error, error_description}."""
    code = error.get("error_code") or error.get("code") or error.get("error")
    words = error.get("message") or error.get("error_description") or error.get("error_name") or error.get("name")
    return Fault(number, text(code), text(words))


def _faults_of(body: bytes) -> Sequence[Fault]:
    """The errors of a whole call; none where the answer is something else, which is parse's to say."""
    try:
        with reading("australia post"):
            return [_fault(error, None) for error in each(as_object(body).get("errors"))]
    except BadPayload:
        return ()
