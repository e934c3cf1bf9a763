"""FedEx: tracking in batches of thirty (Track API v1), signed webhooks (Advanced Integrated Visibility), returns."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final
from uuid import uuid4

import httpx

from carriers.address import Address, fitted_lines
from carriers.amounts import to_minor, to_text
from carriers.auth import ClientCredentials, Tokens
from carriers.contract import (
    ENVIRONMENT,
    About,
    Answer,
    Budget,
    Estimate,
    Fault,
    Fetched,
    Field,
    Hook,
    Item,
    Label,
    LabelOrder,
    Parcel,
    Scan,
    Trust,
)
from carriers.download import base64_bytes, format_of
from carriers.errors import BadCredentials, BadPayload, RateLimited, Refused
from carriers.fedex_soap import NOT_FOUND as SOAP_NOT_FOUND
from carriers.fedex_soap import results_of
from carriers.gateway import gateway_errors
from carriers.http import Http, granted
from carriers.memory import remembered
from carriers.reading import (
    SURPRISES,
    Said,
    When,
    as_object,
    each,
    meant,
    new_answer,
    new_parcel,
    oldest_first,
    other_body,
    place_of,
    reading,
    scan_of,
    some,
    text,
    when,
)
from carriers.reading_xml import as_xml
from carriers.signing import check_hmac, one_header
from carriers.status import Status
from carriers.zones import placed

# Codes of `eventType`, from FedEx's table of tracking status codes and its list of event types for webhooks.
CODES: Final[Mapping[str, str]] = {
    "AA": "in_transit",
    "AC": "in_transit.handed_to_partner",
    "AD": "out_for_delivery.on_vehicle",
    "AE": "in_transit",
    "AF": "in_transit",
    "AO": "in_transit",
    "AP": "info_received.pickup_scheduled",
    "AR": "in_transit.arrived_hub",
    "AS": "in_transit",
    "AX": "in_transit.handed_to_partner",
    "BR": "in_transit.customs_started",
    "CC": "in_transit.customs_cleared",
    "CD": "exception.customs_hold",
    "CH": "in_transit.redirected",
    "CP": "in_transit.customs_started",
    "CU": "in_transit.customs_started",
    "DD": "exception.capacity",
    "DE": "exception",
    "DL": "delivered",
    "DO": "picked_up.dropped_off",
    "DP": "in_transit.departed_hub",
    "DY": "exception.capacity",
    "EA": "in_transit",  # on the way to the airport, or cleared for export: both are on the way
    "ED": "out_for_delivery.on_vehicle",
    "EO": "in_transit",
    "EP": "info_received.pickup_scheduled",
    "FD": "in_transit.arrived_depot",
    "HA": "in_transit.redirected",
    "HL": "available_for_pickup.at_point",
    "HP": "available_for_pickup.at_point",
    "IP": "picked_up",
    "IT": "in_transit",
    "IX": "in_transit",
    "LC": "cancelled",
    "LO": "in_transit.departed_origin",
    "LP": "cancelled",
    "MD": "info_received.data_received",
    "OC": "info_received.label_created",
    "OD": "out_for_delivery.on_vehicle",
    "OF": "picked_up",
    "OW": "in_transit",
    "OX": "info_received.data_received",
    "PD": "info_received.pickup_scheduled",
    "PF": "in_transit",
    "PL": "in_transit",
    "PM": "in_transit",
    "PR": "in_transit.redirected",
    "PU": "picked_up.collected",
    "PX": "picked_up.collected",
    "RA": "in_transit",
    "RG": "info_received",
    "RM": "in_transit",
    "RP": "info_received",
    "RR": "in_transit",
    "RS": "returning",
    "RT": "in_transit",  # the return is asked for, not begun
    "SE": "exception",
    "SF": "in_transit.arrived_hub",
    "SH": "info_received",
    "TP": "in_transit.handed_to_partner",
    "TR": "in_transit",
    "US": "in_transit",
}

# These mean several things as an event: CA is "cancelled" or "with the carrier", IN "label created" or "intervention
# complete", RC "delivery option cancelled" or "with the recipient", SP "split". The derived code beside them, which
# always names the state of the parcel, decides; alone they say nothing.
AMBIGUOUS: Final = frozenset({"CA", "IN", "RC", "SP"})
DERIVED: Final[Mapping[str, str]] = {**CODES, "CA": "cancelled", "IN": "info_received.label_created"}

# Why a delivery (DE) or a shipment (SE) is an exception: `exceptionCode` of a scan, `reason` of the latest status. The
# digits of Express and Ground differ: 07 is "refused" for the one, 007 "not available" for the other.
REASONS: Final[Mapping[str, str]] = {
    "03": "exception.address",
    "07": "exception.refused",
    "08": "attempt_failed.not_home",
    "007": "attempt_failed.not_home",
}
REASON_CODES: Final = {"DE", "SE"}

_NOT_FEDEX = "in none of FedEx's lists"
UNMAPPED: Final[Mapping[str, str]] = {
    **dict.fromkeys(AMBIGUOUS, "means several things; the derived code beside it decides, or nobody"),
    "DR": "about a vehicle, not about the parcel",
    "DS": "about a vehicle, not about the parcel",
    "RD": "the link to a return label ran out; nothing happened to a parcel",
    "DE/083": "a local restriction, which says no more than the exception itself",
    "SE/099": "unable to deliver, which says no more than the exception itself",
    **dict.fromkeys(("ANF", "BA", "BC", "CL", "EM", "HD", "IA", "MR", "MSR", "NA", "NA1", "NAH", "ND"), _NOT_FEDEX),
    **dict.fromkeys(("NH", "NI", "NS", "PMX", "PY", "RE", "RF", "RJ", "SC", "SEC", "UD", "WA", "WD", "WE"), _NOT_FEDEX),
}

UNREADABLE: Final = "unreadable"  # our word for one result of many, not a code of FedEx's
NOT_FOUND: Final = frozenset({"TRACKING.TRACKINGNUMBER.NOTFOUND", "TRACKING.DATA.NOTFOUND", SOAP_NOT_FOUND})
_DELAYS = {"DD", "DE", "DY", "SE"}
POUND_GRAMS: Final = Decimal("453.59237")
_FORMATS: Final = {"pdf": ("PDF", "PAPER_4X6"), "png": ("PNG", "PAPER_4X6"), "zpl": ("ZPLII", "STOCK_4X6")}
_OVER = {Status.DELIVERED, Status.RETURNED, Status.CANCELLED}

# Windows and dates that say when a parcel should arrive, the best first.
_WINDOWS = ("estimatedDeliveryTimeWindow", "standardTransitTimeWindow")
_SHIPPED = ("SHIP", "ACTUAL_PICKUP", "ACTUAL_TENDER")

_OTHER_BODIES: Final[Mapping[str, str]] = {
    "transactionShipments": "the answer to buying a label",
    "cancelledShipment": "the answer to a cancellation",
    "documents": "a proof of delivery",
    "TrackPackagesResponse": "an answer of the public tracking page, not of the Track API",
    "access_token": "a token",
}


class FedEx:
    """FedEx. Thirty numbers a call; a reused number gives several parcels in one answer, of which the newest counts."""

    about = About(
        slug="fedex",
        name="FedEx",
        docs_url="https://developer.fedex.com/api/en-us/catalog/track.html",
        live="https://apis.fedex.com",
        sandbox="https://apis-sandbox.fedex.com",
        tracking_page="https://www.fedex.com/fedextrack/?trknbr={number}",
        number_pattern=r"[0-9]{12}|[0-9]{15}|[0-9]{18}|[0-9]{20}|96[0-9]{20}|[0-9]{34}",
        codes={**DERIVED, **{f"{code}/{why}": word for code in sorted(REASON_CODES) for why, word in REASONS.items()}},
        unmapped=UNMAPPED,
        budgets=(Budget(1400, timedelta(seconds=10)), Budget(100_000, timedelta(days=1))),
        batch_size=30,
        hook_trust=Trust.SIGNED,
        time_rule=(
            "Scans carry ISO 8601 times with the offset of the place. A scan without an offset is read in the zone of "
            "its place, where country, state and postcode tell one; at midnight it stays local, because FedEx fills "
            "what it does not know with midnight in Memphis. For the same reason a value of dates and windows at "
            "midnight or without an offset is read as a date."
        ),
        fields=(
            Field("client_id", "API key", "Of a project with the Track API at developer.fedex.com."),
            Field("client_secret", "Secret key", secret=True),
            Field(
                "webhook_secret",
                "Webhook security token",
                "26 to 100 characters, as entered in the webhook project at developer.fedex.com.",
                secret=True,
                required=False,
            ),
            Field("account", "Account number", "Nine digits; needed for labels, not for tracking.", required=False),
            Field(
                "ship_client_id",
                "API key for labels",
                "Where labels are another project at developer.fedex.com than tracking, as FedEx wants it.",
                required=False,
            ),
            Field("ship_client_secret", "Secret key for labels", secret=True, required=False),
            Field(
                "label_format",
                "Label format",
                required=False,
                default="pdf",
                choices={"pdf": "PDF", "png": "PNG", "zpl": "ZPL, for label printers; our return sheet cannot show it"},
            ),
            ENVIRONMENT,
        ),
        hook_header_names=("fdx-signature",),
        assumed=(
            "On a return label the customer is the shipper and the shop's account pays as sender; FedEx's document "
            "names the fields, not who stands in them.",
            "Exception 07 is a refusal and 08 a receiver who is not in, for Express. Clients say so; FedEx, in public, "
            "does not.",
        ),
        sources=(
            "FedEx OpenAPI documents ship-api.json (Ship API v1) and track.json (Track API v1)",
            "FedEx, the table of tracking status codes",
            "https://developer.fedex.com/api/en-us/catalog/shipment-visibility-webhook/docs/aiv-reason-codes.html",
            "FedEx rate limits, developer.fedex.com/api/en-us/guides/ratelimits.html",
            "FedEx Advanced Integrated Visibility, business rules, validation process, and monitoring of failures, "
            "developer.fedex.com",
            "FedEx mock tracking numbers, which name the exceptions 03, 007, 083 and 099",
            "FedEx Web Services, Track (SOAP), recorded answers",
        ),
        resells=True,
        gaps=(
            "Of the exception codes (DE with 08, 007, A47 ...) only those are read that FedEx's own test numbers or "
            "several clients name; FedEx's list is not public. The text is always shown.",
            "CA, IN, RC and SP mean different things per group; without a derived code beside them they stay unmapped.",
            "The signature is described as hex and as base64 on the same page; both are accepted. Webhooks carry no "
            "id, so a repeat is known by its bytes.",
            "A label can be cancelled until the parcel is handed to FedEx; no day is named, so none is shown.",
            "E-mail return labels are left out: the link goes to the customer past the shop, and nothing is left to "
            "print on our sheet. Codes for the counter are not documented.",
            "Production labels need FedEx's approval of the project.",
            "An organisation shares one daily quota over all its projects; we keep the limits of one project.",
            "FedEx pushes three times within 15 minutes and keeps what failed for seven days, to be sent again on a "
            "click in its portal. The API that subscribes by number is documented inside that portal alone, so numbers "
            "or the account are entered there.",
        ),
    )

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        """Track and Ship are two projects with two pairs of keys; one pair for both where only one is filled in."""
        track = _project(http, tokens)
        own = {name: http.credentials.get(f"ship_{name}", "") for name in ("client_id", "client_secret")}
        return _Projects(track, _project(replace(http, credentials=own), tokens) if own["client_id"] else track)

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        try:
            reply = http.post(
                "/track/v1/trackingnumbers",
                json={
                    "includeDetailedScans": True,
                    "trackingInfo": [{"trackingNumberInfo": {"trackingNumber": number}} for number in numbers],
                },
                headers=_transaction(),
            )
        except RateLimited as error:
            if "quota" in error.text.lower():  # until midnight GMT; asking every minute would not bring it nearer
                raise RateLimited(timedelta(hours=1), error.text, error.code) from None
            raise
        return Fetched(reply.status, reply.body)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        if body[:64].lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
            return _old_answer(body)
        with reading("fedex track"):
            answer = as_object(body)
            found = _results(answer)
            if found is not None:
                return _joined(found)
            if "errors" in answer:
                return Answer(errors=tuple(_fault(e, None) for e in each(answer["errors"])))
            if faults := gateway_errors(answer, status):
                return Answer(errors=faults)
        raise _refusal(answer)

    def verify(self, hook: Hook, secret: str, now: datetime) -> None:
        given = one_header(hook.headers, "fdx-signature")
        check_hmac(given, secret, hook.body, encodings=("hex", "base64"))

    def hook_key(self, hook: Hook) -> str:
        return sha256(hook.body).hexdigest()

    def parse_hook(self, body: bytes) -> Answer:
        """Both envelopes that have been seen: that of the Track API, and a bare `trackResults`."""
        with reading("fedex webhook"):
            event = as_object(body)
            found = _results(event)
            if found is not None:
                return _joined(found)
        raise _refusal(event)

    def buy_label(self, http: Http, order: LabelOrder) -> Label:
        """FedEx cannot tell a repeat; see `gaps`."""
        reply = http.post("/ship/v1/shipments", json=_label_body(http, order), headers=_transaction(), buys=True)
        return self.parse_label(granted(reply, "FedEx").body)

    def void_label(self, http: Http, label_ref: str) -> None:
        """Until the parcel is handed over. `label_ref` is the tracking number."""
        body = {
            "accountNumber": {"value": _account(http)},
            "trackingNumber": label_ref,
            "deletionControl": "DELETE_ALL_PACKAGES",
            "emailShipment": False,
        }
        reply = granted(http.put("/ship/v1/shipments/cancel", json=body, headers=_transaction()), "FedEx")
        with reading("fedex cancellation"):
            output = some(as_object(reply.body)["output"])
            alert = next(iter(each(output.get("alerts"))), {})
        if output.get("cancelledShipment") is not True:
            raise Refused(text(alert.get("message")) or "FedEx did not cancel the shipment", text(alert.get("code")))

    def parse_label(self, body: bytes) -> Label:
        with reading("fedex label"):
            answer = as_object(body)
            if errors := each(answer.get("errors")):
                raise Refused(text(errors[0].get("message")), text(errors[0].get("code")))
            return _label(each(answer["output"]["transactionShipments"])[0])


class _Projects(httpx.Auth):
    """One token for tracking, another for labels."""

    def __init__(self, track: ClientCredentials, ship: ClientCredentials) -> None:
        self._track = track
        self._ship = ship

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        return self._of(request).auth_flow(request)

    def renew(self, request: httpx.Request) -> bool:
        return self._of(request).renew(request)

    def _of(self, request: httpx.Request) -> ClientCredentials:
        return self._ship if request.url.path.startswith("/ship/") else self._track


def _project(http: Http, tokens: Tokens) -> ClientCredentials:
    return ClientCredentials.of_account(http, "/oauth/token", tokens, style="form", blocked_for=timedelta(minutes=10))


def _transaction() -> dict[str, str]:
    return {"x-customer-transaction-id": uuid4().hex}


def _account(http: Http) -> str:
    if account := http.credentials.get("account", ""):
        return account
    raise BadCredentials("FedEx sells labels to an account; fill in the account number")


def _label_body(http: Http, order: LabelOrder) -> dict[str, Any]:
    """Shipper and recipient as printed: from the customer, to the warehouse."""
    account = {"value": _account(http)}
    kind = _FORMATS.get(http.credentials.get("label_format") or "pdf")
    if kind is None:
        raise BadCredentials("the label format is none of pdf, png and zpl")
    payment = {"paymentType": "SENDER", "payor": {"responsibleParty": {"accountNumber": account}}}
    abroad = order.customer.country != order.warehouse.country
    return {
        "accountNumber": account,
        "labelResponseOptions": "LABEL",
        "requestedShipment": {
            "shipper": _party(order.customer, order.warehouse.phone),
            "recipients": [_party(order.warehouse, order.warehouse.phone)],
            "pickupType": "DROPOFF_AT_FEDEX_LOCATION",
            "serviceType": order.service or ("INTERNATIONAL_ECONOMY" if abroad else "FEDEX_GROUND"),
            "packagingType": "YOUR_PACKAGING",
            "totalWeight": _weight(order.grams, "LB"),
            "shippingChargesPayment": payment,
            "labelSpecification": {
                "imageType": kind[0],
                "labelStockType": kind[1],
            },
            "shipmentSpecialServices": {
                "specialServiceTypes": ["RETURN_SHIPMENT"],
                "returnShipmentDetail": {"returnType": "PRINT_RETURN_LABEL", "rma": {"reason": f"Return {order.rma}"}},
            },
            "requestedPackageLineItems": [_package(order)],
            **(_customs(order, payment) if abroad else {}),
        },
    }


def _party(address: Address, phone: str) -> dict[str, Any]:
    """Raises Refused for what FedEx would not take, or would take cut short. `phone` stands in for a missing one."""
    try:
        lines = fitted_lines(address.lines, width=35, most=3)
    except ValueError as error:
        raise Refused(str(error)) from None
    number = "".join(c for c in address.phone or phone if c.isdigit())
    if not number:
        raise Refused("FedEx wants a phone number of the sender or of the return address")
    return {
        "contact": {
            "personName": address.name[:70],
            **({"companyName": address.company[:35]} if address.company else {}),
            "phoneNumber": number[:15],
            **({"emailAddress": address.email} if address.email else {}),
        },
        "address": {
            "streetLines": lines,
            "city": address.city[:35],
            **({"stateOrProvinceCode": address.region} if address.region else {}),
            "postalCode": address.postcode,
            "countryCode": address.country,
        },
    }


def _package(order: LabelOrder) -> dict[str, Any]:
    unit = "LB" if order.customer.country == "US" else "KG"
    return {
        "weight": {"units": unit, "value": _weight(order.grams, unit)},
        "customerReferences": [
            {"customerReferenceType": "CUSTOMER_REFERENCE", "value": order.key[:40]},
            {"customerReferenceType": "RMA_ASSOCIATION", "value": order.rma[:20]},
        ],
    }


def _weight(grams: int, unit: str) -> float:
    """In tenths, rounded up: a parcel declared too light is charged again on the way."""
    return math.ceil(Decimal(max(grams, 1)) / (POUND_GRAMS if unit == "LB" else 1000) * 10) / 10


def _customs(order: LabelOrder, payment: Mapping[str, Any]) -> dict[str, Any]:
    """What crosses a border: goods coming back, each with its value, and the invoice as a document."""
    if not order.items or len({item.currency for item in order.items}) > 1:
        raise Refused("FedEx wants what is in this parcel for customs, with values in one currency")
    pieces = sum(item.quantity for item in order.items)
    total = sum(item.unit_price_minor * item.quantity for item in order.items)
    currency = order.items[0].currency
    return {
        "customsClearanceDetail": {
            "dutiesPayment": payment,
            "isDocumentOnly": False,
            "commercialInvoice": {"shipmentPurpose": "NOT_SOLD", "comments": [f"Returned goods {order.rma}"]},
            "customsOption": {"type": "REJECTED"},
            "totalCustomsValue": _money(total, currency),
            "commodities": [_commodity(item, order, pieces) for item in order.items],
        },
        "shippingDocumentSpecification": {
            "shippingDocumentTypes": ["COMMERCIAL_INVOICE"],
            "commercialInvoiceDetail": {"documentFormat": {"docType": "PDF", "stockType": "PAPER_LETTER"}},
        },
    }


def _commodity(item: Item, order: LabelOrder, pieces: int) -> dict[str, Any]:
    unit = "LB" if order.customer.country == "US" else "KG"
    grams = item.grams * item.quantity or order.grams * item.quantity // pieces
    return {
        "description": item.description[:450],
        "quantity": item.quantity,
        "quantityUnits": "PCS",
        "numberOfPieces": item.quantity,
        "unitPrice": _money(item.unit_price_minor, item.currency),
        "customsValue": _money(item.unit_price_minor * item.quantity, item.currency),
        "weight": {"units": unit, "value": _weight(grams, unit)},
        **({"countryOfManufacture": item.origin_country} if item.origin_country else {}),
        **({"harmonizedCode": item.hs_code} if item.hs_code else {}),
        **({"partNumber": item.sku} if item.sku else {}),
    }


def _money(minor: int, currency: str) -> dict[str, Any]:
    return {"amount": float(to_text(minor, currency)), "currency": currency}


def _label(shipment: Mapping[str, Any]) -> Label:
    piece = each(shipment["pieceResponses"])[0]
    papers = [*each(piece.get("packageDocuments")), *each(shipment.get("shipmentDocuments"))]
    label = next((paper for paper in papers if "LABEL" in text(paper.get("contentType"))), None)
    invoice = next((p for p in papers if "INVOICE" in text(p.get("contentType"))), {})
    number = text(piece.get("trackingNumber")) or text(shipment.get("masterTrackingNumber"))
    if not number or label is None:
        raise ValueError("no tracking number or no label")
    body, url = base64_bytes(label.get("encodedLabel")), text(label.get("url"), 4000)
    if not body and not url:
        raise ValueError("neither a label nor its address")
    charge, currency = piece.get("netChargeAmount"), _currency(shipment)
    return Label(
        ref=text(shipment.get("masterTrackingNumber")) or number,
        number=number,
        body=body,
        format=format_of(body) or text(label.get("docType")).lower(),
        cost_minor=to_minor(f"{Decimal(str(charge)):.2f}", currency) if charge is not None and currency else None,
        currency=currency,
        service=text(shipment.get("serviceName")) or text(shipment.get("serviceType")),
        url="" if body else url,
        customs=base64_bytes(invoice.get("encodedLabel")),
    )


def _currency(shipment: Mapping[str, Any]) -> str:
    """Of the first rate in the answer: amounts beside the pieces name none."""
    detail = some(shipment.get("completedShipmentDetail"))
    rated = [some(detail.get("shipmentRating")).get("shipmentRateDetails")]
    rated += [
        some(p.get("packageRating")).get("packageRateDetails") for p in each(detail.get("completedPackageDetails"))
    ]
    return next((found for rates in rated for rate in each(rates) if (found := text(rate.get("currency")))), "")


def _fault(error: Mapping[str, Any], number: str | None) -> Fault:
    return Fault(number, text(error.get("code")), text(error.get("message")))


def _old_answer(body: bytes) -> Answer:
    """XML of FedEx Web Services, renamed to the words of the Track API."""
    root = as_xml(body)
    with reading("fedex track"):
        found, errors = results_of(root)
        answer = _joined(found)
        return replace(answer, errors=(*answer.errors, *(_fault(error, None) for error in errors)))


def _results(answer: Mapping[str, Any]) -> list[tuple[str, list[Mapping[str, Any]]]] | None:
    """(number, results) pairs of any envelope; None where the body is something else.

    The number asked for is the one outside; results of the bare envelope are gathered by the number they name.
    """
    output = some(answer.get("output")) or answer
    if "completeTrackResults" in output:
        return [
            (text(c.get("trackingNumber")), list(each(c["trackResults"]))) for c in each(output["completeTrackResults"])
        ]
    if "trackResults" in output:
        gathered: dict[str, list[Mapping[str, Any]]] = {}
        for result in each(output["trackResults"]):
            gathered.setdefault(_number(result, required=True), []).append(result)
        return list(gathered.items())
    return None


def _joined(found: Iterable[tuple[str, Sequence[Mapping[str, Any]]]]) -> Answer:
    """One answer of all numbers. A result that cannot be read is its own number's fault and no reason to lose the other
    29; only when none can be read is the body not understood."""
    read: list[Answer] = []
    broken: list[tuple[str, Exception]] = []
    for number, results in found:
        try:
            read.append(_one(number, results))
        except SURPRISES as error:
            broken.append((number, error))
    if broken and not read:
        raise broken[0][1]
    if len(read) == 1 and not broken:
        return read[0]
    faults = (Fault(number or None, UNREADABLE, "a result that we cannot read") for number, _ in broken)
    return Answer(
        parcels=tuple(p for answer in read for p in answer.parcels),
        not_found=tuple(dict.fromkeys(n for answer in read for n in answer.not_found)),
        errors=(*(e for answer in read for e in answer.errors), *faults),
    )


def _one(number: str, results: Sequence[Mapping[str, Any]]) -> Answer:
    told = [result for result in results if _tells(result)]
    if not told:  # a number that FedEx knows, and no more
        told = [result for result in results if not some(result.get("error")) and (number or _number(result))]
    newest = told if len(told) < 2 else [max(told, key=_age)]
    parcels = tuple(_parcel(result, number) for result in newest)
    not_found: list[str] = []
    errors: list[Fault] = []
    faults = [_fault(some(r["error"]), number or _number(r) or None) for r in results if some(r.get("error"))]
    for fault in dict.fromkeys(faults):
        if fault.code not in NOT_FOUND or not fault.number:
            errors.append(fault)
        elif not told:
            not_found.append(fault.number)
    return new_answer(parcels, tuple(dict.fromkeys(not_found)), tuple(errors))


def _tells(result: Mapping[str, Any]) -> bool:
    """Whether a result says anything about a parcel. A number without a parcel has an error and nothing else."""
    return bool(
        each(result.get("scanEvents"))
        or some(result.get("latestStatusDetail"))
        or any(some(some(result.get(name)).get("window")) for name in _WINDOWS)
    )


def _age(result: Mapping[str, Any]) -> tuple[str, str, str]:
    """Orders the parcels that had this number: by ship date, then by newest scan, then by FedEx's unique id.

    The ids come in several lengths and cannot be compared alone.
    """
    shipped = max(
        (when(d.get("dateTime")).local[:10] for d in each(result.get("dateAndTimes")) if d.get("type") in _SHIPPED),
        default="",
    )
    scanned = max((when(e.get("date")).local for e in each(result.get("scanEvents"))), default="")
    unique = text(some(result.get("trackingNumberInfo")).get("trackingNumberUniqueId"))
    return shipped or scanned[:10], scanned, unique


def _number(result: Mapping[str, Any], *, required: bool = False) -> str:
    """The number that a result names itself. An answer to a poll may leave it out, a webhook may not."""
    number = text(some(result.get("trackingNumberInfo")).get("trackingNumber"))
    if required and not number:
        raise ValueError("a result without a tracking number")
    return number


def _parcel(result: Mapping[str, Any], number: str) -> Parcel:
    scans = oldest_first([_scan(e) for e in each(result.get("scanEvents"))], newest_first=True)
    latest = some(result.get("latestStatusDetail"))
    reasons = [text(detail.get("reason")) for detail in each(latest.get("ancillaryDetails"))]
    why = next((reason for reason in reasons if reason in REASONS), "")
    status, sub_status = _mapped(text(latest.get("code")), _derived(latest), why, latest.get("delayDetail"))
    if status is None:
        status, sub_status = next(((s.status, s.sub_status) for s in reversed(scans) if s.status), (None, None))
    dates = _dates(result)
    return new_parcel(
        number=number or _number(result),
        scans=scans,
        status=status,
        sub_status=sub_status,
        delivered_at=_delivered_at(dates, scans, status),
        estimated=None if status in _OVER else _estimate(result, dates),
        service=text(some(result.get("serviceDetail")).get("description")),
        is_return=bool(some(result.get("returnDetail"))),
    )


def _scan(event: Mapping[str, Any]) -> Scan:
    location = some(event.get("scanLocation"))
    place = place_of(
        location.get("city"),
        location.get("stateOrProvinceCode"),
        location.get("postalCode"),
        location.get("countryCode"),
    )
    said = _said(
        event.get("eventType"),
        _derived(event),
        event.get("exceptionCode"),
        event.get("delayDetail"),
        event.get("eventDescription"),
        event.get("exceptionDescription"),
    )
    moment = when(event.get("date"))
    if not moment.local.endswith("T00:00:00"):
        moment = placed(moment, place)
    return scan_of(moment, said, place)


@remembered(2048)
def _said(event_type: object, derived: object, why: object, delay: object, words: object, wrong: object) -> Said:
    """The code is FedEx's `eventType`; the text is both its description and what went wrong."""
    code = text(event_type) or text(derived)
    status, sub_status = _mapped(code, derived, text(why), delay)
    told, more = text(words), text(wrong)
    if more and more != told:
        told = f"{told}: {more}" if told else more
    return Said(code, told, status, sub_status)


def _derived(told: Mapping[str, Any]) -> object:
    """The code of the parcel's state, which scans and the latest status call by two names."""
    return told.get("derivedStatusCode") or told.get("derivedCode")


def _mapped(code: str, derived: object, why: str, delay: object) -> tuple[Status | None, str | None]:
    """Status and sub-status of a code, `why` being the code of an exception and `delay` FedEx's details of one.

    The derived code speaks only where the code itself has several meanings.
    """
    word = CODES.get(code.upper())
    if code in AMBIGUOUS:
        word = DERIVED.get(text(derived))
    if code in REASON_CODES:
        word = REASONS.get(why, word)
    if code in _DELAYS and some(delay).get("type") == "WEATHER":
        word = "exception.weather"
    return meant(word)


def _dates(result: Mapping[str, Any]) -> dict[str, str]:
    return {text(d.get("type")): text(d.get("dateTime")) for d in each(result.get("dateAndTimes"))}


def _delivered_at(dates: Mapping[str, str], scans: Sequence[Scan], status: Status | None) -> datetime | None:
    """The instant of delivery: of the scan, else of ACTUAL_DELIVERY where that is an instant and not a date."""
    if status is not Status.DELIVERED:
        return None
    scanned = next((s.at for s in reversed(scans) if s.status is Status.DELIVERED and s.at), None)
    stated = _moment(when(dates.get("ACTUAL_DELIVERY")))
    return scanned or (stated if isinstance(stated, datetime) else None)


def _moment(told: When) -> date | datetime | None:
    """A promise of FedEx: an instant, or the date alone where the clock is missing, midnight or without offset."""
    if told.at and not told.local.endswith("T00:00:00"):
        return told.at
    return date.fromisoformat(told.local[:10]) if told.local else None


def _estimate(result: Mapping[str, Any], dates: Mapping[str, str]) -> Estimate | None:
    """The estimated window, else ESTIMATED_DELIVERY, else the usual transit time of the service."""
    window, usual = (some(some(result.get(name)).get("window")) for name in _WINDOWS)
    return (
        _span(window.get("begins"), window.get("ends"), _WINDOWS[0])
        or _span(dates.get("ESTIMATED_DELIVERY"), None, "ESTIMATED_DELIVERY")
        or _span(usual.get("begins"), usual.get("ends"), _WINDOWS[1])
    )


def _span(begins: object, ends: object, source: str) -> Estimate | None:
    """From begin to end; one edge stands for both. Where one is only a date, both are, as the dates of the place."""
    if begins is None and ends is None:
        return None
    edges = [told for told in (when(text(begins)), when(text(ends))) if told.local]
    if not edges:
        return None
    instants = [moment for moment in map(_moment, edges) if isinstance(moment, datetime)]
    if len(instants) == len(edges):
        return Estimate(min(instants), max(instants), source)
    days = [date.fromisoformat(told.local[:10]) for told in edges]
    return Estimate(min(days), max(days), source)


def _refusal(body: Mapping[str, Any]) -> BadPayload:
    inside = body.get("output")
    held = {**inside, **body} if isinstance(inside, dict) else body
    return other_body(held, _OTHER_BODIES, "no trackResults in the body; this is not tracking data of FedEx")


CARRIER = FedEx()
