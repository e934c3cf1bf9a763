"""DHL Express by MyDHL API: tracking of up to 200 numbers a call, and return labels with their customs data.

Answers of the older XML API are read too, because they are still stored and sent on; only MyDHL API is called.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit
from xml.etree import ElementTree as ET

import httpx

from carriers.address import Address, fitted_lines
from carriers.amounts import to_minor, to_text
from carriers.auth import Tokens
from carriers.contract import (
    ENVIRONMENT,
    NO_OR_YES,
    About,
    Answer,
    Budget,
    Estimate,
    Fault,
    Fetched,
    Field,
    Item,
    Label,
    LabelOrder,
    Parcel,
    Place,
    Scan,
)
from carriers.dhl_codes import EXPRESS, EXPRESS_ELSEWHERE, EXPRESS_SILENT
from carriers.documents import unpacked
from carriers.download import format_of
from carriers.errors import BadPayload, Refused, UnknownNumber
from carriers.gateway import gateway_errors
from carriers.http import Http, Reply
from carriers.reading import (
    SURPRISES,
    Said,
    When,
    as_object,
    each,
    local_with_offset,
    meant,
    oldest_first,
    reading,
    scan_of,
    text,
    when,
)
from carriers.reading_xml import as_xml, child_text, children
from carriers.status import Status
from carriers.zones import country_code, placed, zone_at

# DHL's own list of event codes, and PO of the XML API, which its answers call "departing origin".
CODES: Final[Mapping[str, str]] = MappingProxyType({**EXPRESS, "PO": "in_transit.departed_origin"})

UNMAPPED: Final[Mapping[str, str]] = MappingProxyType({**EXPRESS_SILENT, **EXPRESS_ELSEWHERE})

UNREADABLE: Final = "unreadable"  # our word for one result of many, not a code of DHL's
VERSION: Final = "3.1.0"  # of the interface, as its own document asks for
_OVER: Final = {Status.DELIVERED, Status.RETURNED, Status.CANCELLED}
_NOT_FOUND: Final = re.compile(r"no shipments? found", re.IGNORECASE)
_AWB: Final = re.compile(r"(?:AWBNumber|shipments/)\D{0,3}([0-9]{8,12})")
_SERVICE_AREA: Final = re.compile(r"(?P<city>.*?)\s*-\s*(?P<country>[^-]+)")

# Inside the customs union of the EU a parcel needs no declaration.
_UNION: Final = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MC MT NL PL PT RO SE SI SK"
CUSTOMS_UNION: Final = frozenset(_UNION.split())

# How long an unused label stays good ("data staging"), by DHL's code of the service.
VALIDITY: Final = {"PT": "Three months", "PU": "Six months", "PV": "Twelve months", "none": "About ten days"}

_OTHER_BODIES: Final[Mapping[str, str]] = {
    "results": "an answer of the public tracking page, not of MyDHL API",
    "shipmentTrackingNumber": "the answer to buying a label",
    "referenceData": "a table of reference data",
    "documents": "a proof of delivery",
    "products": "a list of products or prices",
}


class DhlExpress:
    """The adapter. Stateless; safe to share between threads."""

    about = About(
        slug="dhl_express",
        name="DHL Express",
        docs_url="https://developer.dhl.com/api-reference/dhl-express-mydhl-api",
        live="https://express.api.dhl.com/mydhlapi",
        sandbox="https://express.api.dhl.com/mydhlapi/test",
        tracking_page="https://www.dhl.com/en/home/tracking/tracking-express.html?submit=1&tracking-id={number}",
        number_pattern=r"[0-9]{10}",
        codes=CODES,
        unmapped=UNMAPPED,
        budgets=(Budget(1, timedelta(seconds=1)),),
        batch_size=200,
        time_rule=(
            "An event has a date, a time and the offset of its place; the three are put together. Where the offset is "
            "missing, as always in the older XML, the local time is placed by the country at the end of the service "
            "area (Brisbane-AU, Milan - Italy), and stays local where that country has several zones. The estimate is "
            "a date."
        ),
        fields=(
            Field("username", "API user", "Of MyDHL API, from your DHL Express contact or developer.dhl.com."),
            Field("password", "API password", secret=True),
            Field(
                "account",
                "Account number",
                "The account that pays for returns: one that may import. Not needed for tracking.",
                required=False,
            ),
            Field(
                "validity",
                "Validity of labels",
                "How long a return label may wait. DHL must have allowed it for the account.",
                required=False,
                default="PT",
                choices=VALIDITY,
            ),
            Field(
                "qr_code",
                "QR code",
                "A code that a DHL counter scans instead of paper. DHL must have allowed it.",
                required=False,
                default="no",
                choices=NO_OR_YES,
            ),
            ENVIRONMENT,
        ),
        sources=(
            "DHL Express APIs (MyDHL API) 3.1.1, OpenAPI document of November 2025",
            "https://developer.dhl.com/api-reference/dhl-express-mydhl-api",
            "MyDHL API, reference data: tracking event codes",
        ),
        assumed=(
            "PO of the older XML is read as departed from the origin, after the words beside it.",
            "The account for returns is given as the shipper's, though the customer ships: it must be one for imports.",
            "How long staged labels stay good (PT, PU, PV) is known from other software.",
        ),
        resells=True,
        gaps=(
            "DHL has no call to give a label back, so a void is refused.",
            "A label cannot be fetched a second time.",
            "Among several numbers an unknown one is simply absent from the answer.",
            "DHL publishes no limits for production; one call a second is our own restraint.",
            "There is no push: see DHL (Shipment Tracking - Unified), which pushes Express parcels too.",
            "The older XML API is read, not called.",
        ),
    )

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        return httpx.BasicAuth(http.credentials.get("username", ""), http.credentials.get("password", ""))

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        asked = [("shipmentTrackingNumber", number) for number in numbers]
        query = urlencode([*asked, ("trackingView", "all-checkpoints"), ("levelOfDetail", "shipment")])
        reply = http.get(f"/tracking?{query}", headers={"x-version": VERSION})
        _unless_found(reply)
        return Fetched(reply.status, reply.body)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        with reading("dhl_express track"):
            if body.lstrip()[:1] == b"<":
                return _xml_answer(as_xml(body))
            answer = as_object(body)
            if "shipments" in answer:
                return _joined(each(answer["shipments"]), _shipment, lambda s: text(s.get("shipmentTrackingNumber")))
            if _is_problem(answer):
                return _problem(answer)
            if faults := gateway_errors(answer, status):
                return Answer(errors=faults)
        raise _refusal(answer)

    def buy_label(self, http: Http, order: LabelOrder) -> Label:
        """One purchase. DHL knows no key of ours: a repeat is a second label, so a lost answer is OutcomeUnknown."""
        reply = http.post(
            "/shipments",
            json=_shipment_order(order, http.credentials, datetime.now(UTC)),
            headers={"x-version": VERSION, "Message-Reference": sha256(order.key.encode()).hexdigest()[:36]},
            buys=True,
        )
        return self.parse_label(reply.body)

    def parse_label(self, body: bytes) -> Label:
        with reading("dhl_express label"):
            if body.lstrip()[:1] == b"<":
                return _xml_label(as_xml(body))
            answer = as_object(body)
            if _is_problem(answer):
                raise _refused(answer)
            return _label(answer)

    def void_label(self, http: Http, label_ref: str) -> None:
        raise Refused("DHL Express has no call that gives a label back", "no_void")


CARRIER = DhlExpress()


# Tracking, JSON


def _joined(found: Sequence[Any], read: Callable[[Any], Answer], number_of: Callable[[Any], str]) -> Answer:
    """One answer of all numbers. A shipment that cannot be read is its own number's fault, unless none can be read."""
    answers: list[Answer] = []
    broken: list[tuple[Any, Exception]] = []
    for one in found:
        try:
            answers.append(read(one))
        except SURPRISES as error:
            broken.append((one, error))
    if broken and not answers:
        raise broken[0][1]
    for one, _ in broken:
        answers.append(Answer(errors=(Fault(number_of(one) or None, UNREADABLE, "a shipment that we cannot read"),)))
    return Answer(
        parcels=tuple({p.number: p for answer in answers for p in answer.parcels}.values()),
        not_found=tuple(dict.fromkeys(n for answer in answers for n in answer.not_found)),
        errors=tuple(e for answer in answers for e in answer.errors),
    )


def _shipment(shipment: Mapping[str, Any]) -> Answer:
    number = text(shipment["shipmentTrackingNumber"])
    if not number:
        raise ValueError("a shipment without number")
    events = each(shipment.get("events"))
    if not events and _NOT_FOUND.match(text(shipment.get("status"))):
        return Answer(not_found=(number,))
    if not events:  # asked for piece by piece
        events = [event for piece in each(shipment.get("pieces")) for event in each(piece.get("events"))]
    scans = oldest_first({s.key(): s for s in map(_scan, events)}.values(), newest_first=_newest_first(events))
    return Answer((_parcel(number, scans, _estimate(shipment), text(shipment.get("description"))),))


def _newest_first(events: Sequence[Mapping[str, Any]]) -> bool:
    """MyDHL API lists events in either order."""
    days = [f"{text(event.get('date'))} {text(event.get('time'))}" for event in events]
    return bool(days) and days[0] > days[-1]


def _parcel(number: str, scans: Sequence[Scan], estimate: Estimate | None, service: str) -> Parcel:
    """The newest event that has a status is the state: DHL's `status` beside it says only that the call went well."""
    status, sub_status = next(((s.status, s.sub_status) for s in reversed(scans) if s.status), (None, None))
    delivered = next((s.at for s in reversed(scans) if s.status is Status.DELIVERED and s.at), None)
    return Parcel(
        number=number,
        scans=tuple(scans),
        status=status,
        sub_status=sub_status,
        delivered_at=delivered if status is Status.DELIVERED else None,
        estimated=None if status in _OVER else estimate,
        service=service,
    )


def _scan(event: Mapping[str, Any]) -> Scan:
    area = next(iter(each(event.get("serviceArea"))), {})
    place = _place(text(area.get("description")) or text(area.get("code")))
    moment = local_with_offset(text(event.get("date")), text(event.get("time")), text(event.get("GMTOffset")))
    return _made(placed(moment, place), text(event["typeCode"]), text(event.get("description")), place)


def _made(moment: When, code: str, words: str, place: Place) -> Scan:
    status, sub_status = meant(CODES.get(code))
    return scan_of(moment, Said(code, words, status, sub_status), place)


def _place(area: str) -> Place:
    """A service area, "Brisbane-AU" or "Milan - Italy": its town, and its country where that is one."""
    found = _SERVICE_AREA.fullmatch(area)
    country = country_code(found["country"].removesuffix(", The").removesuffix(", THE")) if found else ""
    return Place(city=found["city"], country=country) if found and country else Place(city=area)


def _estimate(shipment: Mapping[str, Any]) -> Estimate | None:
    for source in ("estimatedDeliveryDate", "estimatedTimeOfDelivery"):
        if day := when(shipment.get(source)).local[:10]:
            return Estimate(date.fromisoformat(day), date.fromisoformat(day), source)
    return None


# Errors


def _is_problem(answer: Mapping[str, Any]) -> bool:
    told = "title" in answer or "detail" in answer or ("message" in answer and text(answer.get("status")).isdecimal())
    return "status" in answer and told


def _problem(answer: Mapping[str, Any]) -> Answer:
    code = text(answer.get("status"))
    numbers = _named_in(answer)
    if code == "404" and numbers:
        return Answer(not_found=numbers)
    return Answer(errors=(Fault(None, code, _words(answer)),))


def _words(answer: Mapping[str, Any]) -> str:
    """What is wrong, and what is wrong in particular: `detail` alone often says "multiple problems"."""
    more = answer.get("additionalDetails")
    particular = [text(one) for one in more] if isinstance(more, list) else []
    said = text(answer.get("detail")) or text(answer.get("message")) or text(answer.get("title"))
    return "; ".join(filter(None, (said, *particular)))[:500]


def _named_in(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """The numbers that an error names in `instance` or `detail`."""
    instance, detail = text(answer.get("instance"), limit=8000), text(answer.get("detail"))
    asked = parse_qs(urlsplit(instance).query).get("shipmentTrackingNumber", [])
    return tuple(dict.fromkeys(asked or _AWB.findall(instance) or _AWB.findall(detail)))


def _unless_found(reply: Reply) -> None:
    """Raises UnknownNumber for a "not found" that names no number: then none of those asked for is known."""
    if reply.status != 404:
        return
    try:
        answer = as_object(reply.body)
        if text(answer.get("status")) == "404" and not _named_in(answer):
            raise UnknownNumber(_words(answer), "404")
    except (BadPayload, TypeError):
        return


def _refused(answer: Mapping[str, Any]) -> Refused:
    """DHL writes its own code before its words: "7008: The requested Special Service Code ..."."""
    words = _words(answer)
    code, found, rest = words.partition(": ")
    return Refused(rest, code) if found and code.isdigit() else Refused(words, text(answer.get("status")))


def _refusal(body: Mapping[str, Any]) -> BadPayload:
    for key, name in _OTHER_BODIES.items():
        if key in body:
            return BadPayload(f"this is {name} (it has {key})")
    return BadPayload("no shipments in the body; this is not tracking data of DHL Express")


# Tracking, the older XML


def _xml_answer(root: ET.Element) -> Answer:
    if root.tag.endswith("ErrorResponse"):
        return Answer(errors=tuple(_conditions(root.find("Response"), None)))
    if root.tag == "ShipmentResponse":
        raise BadPayload("this is the answer to buying a label of the older XML API, not tracking data")
    if root.tag != "TrackingResponse":
        raise BadPayload(f"this is XML of something else than tracking ({root.tag[:40]})")
    found = list(root.iter("AWBInfo"))
    answer = _joined(found, _awb, lambda info: child_text(info, "AWBNumber"))
    faults = tuple(_conditions(root.find("Response"), None))
    if not found and not faults:
        raise BadPayload("no AWBInfo in the body; this is not tracking data of DHL Express")
    return Answer(answer.parcels, answer.not_found, (*faults, *answer.errors))


def _conditions(holder: ET.Element | None, number: str | None) -> Iterator[Fault]:
    for condition in children(holder, "Status/Condition"):
        yield Fault(number, child_text(condition, "ConditionCode"), child_text(condition, "ConditionData"))


def _awb(info: ET.Element) -> Answer:
    number = child_text(info, "AWBNumber")
    faults = list(_conditions(info, number or None))
    if _NOT_FOUND.match(child_text(info, "Status/ActionStatus")):
        named = (number,) if number else tuple(n for fault in faults for n in _AWB.findall(fault.text))
        return Answer(not_found=named) if named else Answer(errors=tuple(faults))
    shipment = info.find("ShipmentInfo")
    if shipment is None and faults:
        return Answer(errors=tuple(faults))
    if not number:
        raise ValueError("a shipment without AWBNumber")
    events = [] if shipment is None else list(shipment.findall("ShipmentEvent"))
    scans = oldest_first({s.key(): s for s in map(_xml_scan, events)}.values())
    day = when(child_text(shipment, "EstDlvyDate")[:10]).local
    estimate = Estimate(date.fromisoformat(day), date.fromisoformat(day), "EstDlvyDate") if day else None
    return Answer((_parcel(number, scans, estimate, child_text(shipment, "ProductShortName")),), (), tuple(faults))


def _xml_scan(event: ET.Element) -> Scan:
    code = child_text(event, "ServiceEvent/EventCode")
    if not code:
        raise ValueError("an event without EventCode")
    place = _place(child_text(event, "ServiceArea/Description") or child_text(event, "ServiceArea/ServiceAreaCode"))
    moment = local_with_offset(child_text(event, "Date"), child_text(event, "Time"), child_text(event, "GMTOffset"))
    return _made(placed(moment, place), code, child_text(event, "ServiceEvent/Description"), place)


# Labels


def _shipment_order(order: LabelOrder, credentials: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """The customer ships and the warehouse receives, as the label reads."""
    account = credentials.get("account", "")
    if not account:
        raise Refused("fill in the account number that pays for returns", "account")
    declared = not _needs_no_customs(order)
    wants_qr = credentials.get("qr_code") == "yes"
    validity = credentials.get("validity", "") or "PT"
    if validity not in VALIDITY:
        raise Refused(f"the validity of labels is one of {', '.join(VALIDITY)}", "validity")
    services = [code for code, wanted in (("PZ", wants_qr), (validity, validity != "none")) if wanted]
    return {
        "plannedShippingDateAndTime": _planned(order.customer, now),
        "pickup": {"isRequested": False},
        "productCode": order.service or _product(order),
        "accounts": [{"typeCode": "shipper", "number": account}],
        "valueAddedServices": [{"serviceCode": code} for code in services],
        "getRateEstimates": True,
        "outputImageProperties": {
            "encodingFormat": "pdf",
            "imageOptions": list(_documents_wanted(declared=declared, qr=wants_qr)),
        },
        "customerReferences": [{"value": order.rma[:35], "typeCode": "CU"}],
        "customerDetails": {
            "shipperDetails": _party(order.customer, order.warehouse.phone),
            "receiverDetails": _party(order.warehouse),
        },
        "content": {
            "packages": [
                {"weight": _kilograms(order.grams), "customerReferences": [{"value": order.rma[:35], "typeCode": "CU"}]}
            ],
            "description": f"Return {order.rma}".strip()[:70],
            "incoterm": "DAP",
            "unitOfMeasurement": "metric",
            "isCustomsDeclarable": declared,
            **(_customs(order, now) if declared else {}),
        },
    }


def _needs_no_customs(order: LabelOrder) -> bool:
    ends = {order.customer.country, order.warehouse.country}
    return len(ends) == 1 or ends <= CUSTOMS_UNION


def _product(order: LabelOrder) -> str:
    """Express Domestic, Express Worldwide inside the EU, or Express Worldwide for goods that customs see."""
    if order.customer.country == order.warehouse.country:
        return "N"
    return "U" if _needs_no_customs(order) else "P"


def _planned(customer: Address, now: datetime) -> str:
    """Noon of the next working day, in the zone of the customer: DHL refuses what is past when it arrives."""
    zone = zone_at(customer.country, customer.region, customer.postcode) or UTC
    day = now.astimezone(zone) + timedelta(days=1)
    while day.weekday() > 4:
        day += timedelta(days=1)
    noon = day.replace(hour=12, minute=0, second=0, microsecond=0)
    offset = noon.strftime("%z")
    return f"{noon:%Y-%m-%dT%H:%M:%S} GMT{offset[:3]}:{offset[3:5]}"


def _documents_wanted(*, declared: bool, qr: bool) -> Iterator[dict[str, Any]]:
    yield {"typeCode": "label", "templateName": "ECOM26_84_001"}
    if declared:
        yield {
            "typeCode": "invoice",
            "templateName": "RET_COM_INVOICE_A4_01",
            "invoiceType": "returns",
            "languageCode": "eng",
            "isRequested": True,
        }
    if qr:
        yield {
            "typeCode": "qr-code",
            "templateName": "QR_1_00_LL_PNG_001",
            "encodingFormat": "png",
            "isRequested": True,
        }


def _party(address: Address, other_phone: str = "") -> dict[str, Any]:
    """DHL wants a telephone. Where a customer gave none the warehouse's is sent, so that DHL reaches somebody."""
    phone = address.phone or other_phone
    if not phone:
        raise Refused("DHL Express needs the telephone number of the warehouse", "phone")
    return {
        "postalAddress": {
            "postalCode": address.postcode,
            "cityName": address.city[:45],
            "countryCode": address.country,
            **({"provinceCode": address.region} if 2 <= len(address.region) <= 35 else {}),
            **{f"addressLine{n}": line for n, line in enumerate(_lines(address), 1)},
        },
        "contactInformation": {
            "fullName": address.name or address.company,
            "companyName": (address.company or address.name)[:100],
            "phone": phone,
            **({"email": address.email} if 0 < len(address.email) <= 70 else {}),
        },
    }


def _lines(address: Address) -> list[str]:
    """Three lines of 45 characters; what does not fit is refused rather than cut off."""
    try:
        lines = fitted_lines(address.lines, 45, 3)
    except ValueError as error:
        raise Refused(f"DHL Express: {error}", "address") from None
    if not lines:
        raise Refused("DHL Express needs an address line", "address")
    return lines


def _kilograms(grams: int) -> float:
    return max(grams, 1) / 1000


def _customs(order: LabelOrder, now: datetime) -> dict[str, Any]:
    currencies = {item.currency for item in order.items}
    if len(currencies) != 1:
        raise Refused("customs wants the goods, in one currency", "customs")
    (currency,) = currencies
    total = sum(item.unit_price_minor * item.quantity for item in order.items)
    pieces = sum(item.quantity for item in order.items)
    return {
        "declaredValue": float(to_text(total, currency)),
        "declaredValueCurrency": currency,
        "exportDeclaration": {
            "exportReasonType": "return",
            "exportReason": "Return of goods",
            "invoice": {"number": order.rma[:35], "date": f"{now:%Y-%m-%d}"},
            "lineItems": [
                _line_item(number, item, item.grams or order.grams // max(pieces, 1))
                for number, item in enumerate(order.items, 1)
            ],
        },
    }


def _line_item(number: int, item: Item, grams: int) -> dict[str, Any]:
    if not item.origin_country:
        raise Refused(f"customs wants the country of origin of {item.description[:40]}", "customs")
    kilograms = _kilograms(grams * item.quantity)
    codes = [{"typeCode": way, "value": item.hs_code} for way in ("outbound", "inbound") if item.hs_code]
    return {
        "number": number,
        "description": item.description[:512],
        "price": float(to_text(item.unit_price_minor, item.currency)),
        "quantity": {"value": item.quantity, "unitOfMeasurement": "PCS"},
        **({"commodityCodes": codes} if codes else {}),
        "exportReasonType": "return",
        "manufacturerCountry": item.origin_country,
        "weight": {"netValue": kilograms, "grossValue": kilograms},
    }


def _label(answer: Mapping[str, Any]) -> Label:
    """Label and invoice lie beside the shipment, the QR code beside its package."""
    number = text(answer["shipmentTrackingNumber"])
    documents = each(answer.get("documents"))
    pieces = [document for piece in each(answer.get("packages")) for document in each(piece.get("documents"))]
    body = _first(documents, {"label", ""})
    qr = _first(pieces, {"qr-code"}) or _first(documents, {"qr-code"})
    if not number or not (body or qr):
        raise ValueError("no number or no label")
    cost, currency = _cost(answer)
    return Label(
        ref=number,
        number=number,
        body=body,
        format=format_of(body) or "none",
        cost_minor=cost,
        currency=currency,
        qr=qr,
        service="DHL Express",
        customs=_first(documents, {"invoice", "proforma"}),
    )


def _xml_label(root: ET.Element) -> Label:
    """A label of the older XML API, as it may still be stored."""
    faults = tuple(_conditions(root.find("Response"), None))
    if root.tag.endswith("ErrorResponse") and faults:
        raise Refused(faults[0].text, faults[0].code)
    number = child_text(root, "AirwayBillNumber")
    body = unpacked(root.findtext("LabelImage/OutputImage"))
    if root.tag != "ShipmentResponse" or not number or not body:
        raise ValueError("no shipment with a label")
    cost, currency = _billed(child_text(root, "ShippingCharge"), child_text(root, "CurrencyCode"))
    for charges in children(root, "QtdSInAdCur"):
        if child_text(charges, "CurrencyRoleTypeCode") == "BILLC":
            cost, currency = _billed(child_text(charges, "ShippingCharge"), child_text(charges, "CurrencyCode"))
    papers = (p for p in children(root, "LabelImage/MultiLabels/MultiLabel") if "Invoice" in child_text(p, "DocName"))
    return Label(
        ref=number,
        number=number,
        body=body,
        format=format_of(body) or "none",
        cost_minor=cost,
        currency=currency,
        service=child_text(root, "ProductShortName"),
        size=child_text(root, "Label/LabelTemplate"),
        customs=next(filter(None, (unpacked(paper.findtext("DocImageVal")) for paper in papers)), b""),
    )


def _first(documents: Sequence[Mapping[str, Any]], kinds: set[str]) -> bytes:
    """The first document of these kinds that can be opened."""
    unpackings = (unpacked(one.get("content")) for one in documents if text(one.get("typeCode")) in kinds)
    return next(filter(None, unpackings), b"")


def _cost(answer: Mapping[str, Any]) -> tuple[int | None, str]:
    """What is billed, in the currency of the bill; nothing where DHL gives no price or one that we cannot read."""
    charges = answer.get("shipmentCharges")
    for charge in charges if isinstance(charges, list) else ():
        if isinstance(charge, dict) and charge.get("currencyType") == "BILLC":
            return _billed(str(charge.get("price")), str(charge.get("priceCurrency")))
    return None, ""


def _billed(price: str, currency: str) -> tuple[int | None, str]:
    """Prices come with more places than the currency has: 151.140."""
    whole, point, part = price.partition(".")
    try:
        return to_minor(f"{whole}{point}{part.rstrip('0')}".rstrip("."), currency), currency
    except ValueError:
        return None, ""
