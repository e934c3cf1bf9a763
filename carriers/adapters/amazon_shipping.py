"""Amazon Shipping: tracking by the Shipping API v2 of the Selling Partner API, one number a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from carriers.auth import ClientCredentials, Tokens
from carriers.contract import ENVIRONMENT, About, Answer, Budget, Estimate, Fault, Fetched, Field, Parcel, Place, Scan
from carriers.errors import UnknownNumber
from carriers.gateway import gateway_errors
from carriers.http import carrier_words
from carriers.reading import Said, as_object, each, meant, oldest_first, other_body, reading, scan_of, some, text, when
from carriers.status import Status
from carriers.zones import placed

if TYPE_CHECKING:
    import httpx

    from carriers.http import Http

# `eventCode`, from Amazon's model of the API and its announcements.
EVENTS: Final[Mapping[str, str]] = {
    "ReadyForReceive": "info_received.label_created",
    "PickupDone": "picked_up.collected",
    "PackageReceivedByCarrier": "picked_up.dropped_off",
    "PickupCancelled": "info_received",  # the collection was called off: still with the sender
    "ArrivedAtCarrierFacility": "in_transit.arrived_hub",
    "Departed": "in_transit.departed_hub",
    "OutForDelivery": "out_for_delivery.on_vehicle",
    "AvailableForPickup": "available_for_pickup.at_point",
    "DeliveryAttempted": "attempt_failed",
    "Delivered": "delivered",
    "Rejected": "exception.refused",
    "Undeliverable": "exception",
    "Lost": "exception.lost",
}
# Recorded in answers of 2019, or used by peers as an `eventCode`; in none of Amazon's lists of today.
OLDER_EVENTS: Final[Mapping[str, str]] = {
    "Received": "in_transit.arrived_hub",
    "LabelCreated": "info_received.label_created",
    "Manifested": "info_received.data_received",
    "PickedUp": "picked_up",
    "DepartedCarrierFacility": "in_transit.departed_hub",
    "ArrivedAtDeliveryStation": "in_transit.arrived_depot",
    "WeatherDelay": "exception.weather",
    "Delayed": "exception.capacity",
    "OnHold": "exception",
}
# `summary.status`, where it is no word of an event.
STATUSES: Final[Mapping[str, str]] = {
    "PreTransit": "info_received",
    "InTransit": "in_transit",
    "AwaitingCustomerPickup": "available_for_pickup.at_point",
}
# `summary.trackingDetailCodes`: finer than the status beside them.
DETAILS: Final[Mapping[str, str]] = {
    "ArrivedAtLocalFacility": "in_transit.arrived_depot",
    "BusinessClosed": "attempt_failed.closed",
    "CustomerUnavailable": "attempt_failed.not_home",
    "UnableToAccess": "attempt_failed.no_access",
    "UnableToContactRecipient": "attempt_failed",
    "PaymentNotReady": "attempt_failed",
    "OtpNotAvailable": "attempt_failed",
    "DeliveredToBehindWheelieBin": "delivered.safe_place",
    "DeliveredToPorch": "delivered.safe_place",
    "DeliveredToGarage": "delivered.safe_place",
    "DeliveredToGarden": "delivered.safe_place",
    "DeliveredToGreenhouse": "delivered.safe_place",
    "DeliveredToRearDoor": "delivered.safe_place",
    "DeliveredToShed": "delivered.safe_place",
    "DeliveredToMailSlot": "delivered",
    "DeliveredToMailRoom": "delivered",
    "DeliveredToNeighbor": "delivered.neighbour",
    "DeliveredToReceptionist": "delivered.to_person",
    "DeliveredWithOTP": "delivered.to_person",
    "Signed": "delivered.to_person",
    "Damaged": "exception.damaged",
    "AddressNotFound": "exception.address",
    "HazmatShipment": "exception.rejected_by_carrier",
    "IncorrectItems": "exception.refused",
    "NotRequired": "exception.refused",
    "RejectedByRecipientWithVerification": "exception.refused",
    "CancelledByRecipient": "exception.refused",
}
CODES: Final[Mapping[str, str]] = {**EVENTS, **OLDER_EVENTS, **STATUSES, **DETAILS}
UNMAPPED: Final[Mapping[str, str]] = {
    "ReturnInitiated": "A label for the way back was made; says nothing of where the parcel is.",
    "RecipientRequestedAlternateDeliveryTiming": "A wish of the recipient's; the next scan says what came of it.",
    "FORWARD": "The leg of an event, not a status.",
    "RETURNS": "The leg of an event, not a status; see the words with /RETURNS.",
}

RETURNS: Final = "RETURNS"
# What an event of the way back to the sender means; problems stay what they are.
ON_THE_WAY_BACK: Final[Mapping[Status, str]] = {
    Status.INFO_RECEIVED: "returning",
    Status.PICKED_UP: "returning",
    Status.IN_TRANSIT: "returning",
    Status.OUT_FOR_DELIVERY: "returning",
    Status.DELIVERED: "returned",
}

BACK: Final[Mapping[str, str]] = {
    f"{code}/{RETURNS}": ON_THE_WAY_BACK[Status(word.partition(".")[0])]
    for code, word in {**EVENTS, **OLDER_EVENTS}.items()
    if Status(word.partition(".")[0]) in ON_THE_WAY_BACK
}

LIVE: Final = "https://sellingpartnerapi-eu.amazon.com"
SANDBOX: Final = "https://sandbox.sellingpartnerapi-eu.amazon.com"
TOKEN_HOST: Final = "https://api.amazon.com"  # noqa: S105 - an address
REGIONS: Final = ("eu", "na", "fe")
NOT_FOUND: Final = "NotFound"
_NOT_YET: Final = "trackingid not found"  # in an InvalidInput, for a number that is too fresh
_OVER: Final = frozenset({Status.DELIVERED, Status.RETURNED, Status.CANCELLED})
_OTHER_BODIES: Final[Mapping[str, str]] = {
    "packageDocumentDetail": "the answer to fetching a label",
    "packageDocumentDetails": "the answer to buying a label",
    "progressTracker": "an answer of Amazon's public tracking page",
    "rates": "a list of offers",
    "access_token": "a token",
}


class AmazonShipping:
    """Amazon Shipping. Answers come bare or below `payload`."""

    about = About(
        slug="amazon_shipping",
        name="Amazon Shipping",
        docs_url="https://developer-docs.amazon.com/amazon-shipping/docs/tutorial-track-a-shipment",
        live=LIVE,
        sandbox=SANDBOX,
        tracking_page="https://track.amazon.com/tracking/{number}",
        number_pattern=r"TB[ACM][0-9]{12}|[AFC][0-9]{10}|[0-9A-F]{13}|[0-9]{14}",
        codes={**CODES, **BACK},
        unmapped=UNMAPPED,
        budgets=(Budget(80, timedelta(seconds=1)),),
        batch_size=1,
        time_rule="Events carry instants in UTC. A time without an offset is placed by country, state and postcode.",
        fields=(
            Field("client_id", "Client ID", "Of your application in Seller Central or the developer console."),
            Field("client_secret", "Client secret", secret=True),
            Field("refresh_token", "Refresh token", "Shown when the application is authorised.", secret=True),
            Field("carrier_id", "Carrier ID", "As in offers for shipments: AMZN_UK, AMZN_US, ...", default="AMZN_UK"),
            Field(
                "region",
                "Region",
                "Where the account lives.",
                required=False,
                default="eu",
                choices={"eu": "Europe", "na": "North America", "fe": "Far East"},
            ),
            Field("business_id", "Business", "AmazonShipping_UK, _US, _IN, _IT, _ES, _FR, ...", required=False),
            ENVIRONMENT,
        ),
        sources=(
            "Amazon's model shippingV2.json, https://github.com/amzn/selling-partner-api-models",
            "https://developer-docs.amazon.com/amazon-shipping/docs/connecting-to-the-selling-partner-api",
            "Announcements of PackageReceivedByCarrier and of the detail codes, developer-docs.amazon.com",
            "Two recorded answers of 2019 in the tests of a public client",
        ),
        assumed=(
            "Received, of 2019, is an arrival: it always carries a place, and a departure from there follows.",
            "LabelCreated, Manifested, PickedUp, DepartedCarrierFacility, ArrivedAtDeliveryStation, WeatherDelay, "
            "Delayed and OnHold are words of peers and are read as they say.",
            'An InvalidInput with the words "TrackingId not found" is a number that Amazon does not know yet.',
            "An event of the leg RETURNS goes back to the sender, and a delivery on it has arrived there.",
        ),
        gaps=(
            "The summary has no time: a parcel may be delivered without a time of delivery.",
            "A label for the way back (ReturnInitiated) leaves the status as it was.",
            "Proof of delivery (place, picture, who received it) is not read.",
            "Pushes are set up by Amazon's staff by hand; their body is not documented in full, so they are not taken.",
            "Older than 45 days, Amazon tells the last status alone. Labels are not sold here.",
        ),
    )

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        """Login with Amazon: a refresh token buys access tokens of an hour, at a host that all regions share."""
        fields = {"grant_type": "refresh_token", "refresh_token": http.credentials.get("refresh_token", "")}
        issuer = replace(http, base=TOKEN_HOST if http.base in {LIVE, SANDBOX} else http.base)
        return ClientCredentials.of_account(
            issuer, "/auth/o2/token", tokens, style="form", fields=fields, header="x-amz-access-token", prefix=""
        )

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        """Raises UnknownNumber for Amazon's errors that mean it: they do not name the number."""
        (number,) = numbers
        business = http.credentials.get("business_id", "").strip()
        reply = _at_region(http).get(
            "/shipping/v2/tracking",
            params={"trackingId": number, "carrierId": http.credentials.get("carrier_id", "")},
            headers={"x-amzn-shipping-business-id": business} if business else {},
        )
        if reply.status in {400, 404}:
            code, words = carrier_words(reply.body)
            if code == NOT_FOUND or words.casefold().startswith(_NOT_YET):
                raise UnknownNumber(words, code)
        return Fetched(reply.status, reply.body)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        with reading("amazon_shipping track"):
            return _answer(as_object(body), status)


CARRIER = AmazonShipping()


def _at_region(http: Http) -> Http:
    region = http.credentials.get("region", "").strip().lower()
    return replace(http, base=http.base.replace("-eu.", f"-{region}.")) if region in REGIONS else http


def _answer(answer: Mapping[str, Any], http_status: int) -> Answer:
    errors = each(answer.get("errors"))
    faults = tuple(Fault(None, text(e.get("code")), text(e.get("message"))) for e in errors)
    told = some(answer["payload"]) if "payload" in answer else answer
    if ("eventHistory" in told or "summary" in told) and not told.keys() & _OTHER_BODIES.keys():
        return Answer((_parcel(told),), errors=faults)
    if faults or (faults := gateway_errors(answer, http_status)):
        return Answer(errors=faults)
    raise other_body(told, _OTHER_BODIES, "amazon_shipping: neither a history nor an error; this is not tracking data")


def _parcel(told: Mapping[str, Any]) -> Parcel:
    number = text(told["trackingId"])
    if not number:
        raise ValueError("no trackingId")
    scans = oldest_first(_scan(event) for event in each(told.get("eventHistory")))
    status, sub_status = _status(some(told.get("summary")), scans)
    delivered = [scan.at for scan in scans if scan.status is Status.DELIVERED and scan.at]
    return Parcel(
        number=number,
        scans=scans,
        status=status,
        sub_status=sub_status,
        delivered_at=delivered[-1] if delivered and status is Status.DELIVERED else None,
        estimated=None if status in _OVER else _promised(told.get("promisedDeliveryDate")),
    )


def _status(summary: Mapping[str, Any], scans: Sequence[Scan]) -> tuple[Status | None, str | None]:
    """Amazon's summary, made finer by its detail codes. On the way back, or without a summary, the newest scan."""
    newest = next((scan for scan in reversed(scans) if scan.status), None)
    code = text(summary.get("status"))
    if newest and (not code or newest.detail == RETURNS):
        return newest.status, newest.sub_status
    status, sub_status = meant(CODES.get(code))
    if status is None or sub_status:
        return status, sub_status
    details = (meant(DETAILS.get(detail)) for detail in _details(summary))
    return status, next((finer for of, finer in details if of is status and finer), None)


def _details(summary: Mapping[str, Any]) -> list[str]:
    codes = some(summary.get("trackingDetailCodes"))
    return [text(code) for leg in ("forward", "returns") for code in codes.get(leg) or ()]


def _scan(event: Mapping[str, Any]) -> Scan:
    code, leg = text(event.get("eventCode")), text(event.get("shipmentType"))
    status, sub_status = meant((BACK.get(f"{code}/{leg}") if leg == RETURNS else None) or CODES.get(code))
    place = _place(some(event.get("location")))
    moment = placed(when(event.get("eventTime")), place)
    return scan_of(moment, Said(code, code, status, sub_status, leg if leg == RETURNS else ""), place)


def _place(location: Mapping[str, Any]) -> Place:
    return Place(
        city=text(location.get("city")),
        region=text(location.get("stateOrRegion")),
        postcode=text(location.get("postalCode")),
        country=text(location.get("countryCode")),
    )


def _promised(value: object) -> Estimate | None:
    moment = when(value)
    if not moment.local:
        return None
    edge: date | datetime = moment.at or date.fromisoformat(moment.local[:10])
    return Estimate(edge, edge, "promisedDeliveryDate")
