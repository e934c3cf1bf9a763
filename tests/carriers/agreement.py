"""How far our reading of a payload agrees with what a peer's parser made of the same bytes.

A peer's reading is an opinion. karrio's `date` and `time` are the local wall clock ("14:31 PM" is 14:31), its
`timestamp` is that clock with a false Z and is not compared; what it does not assert is not compared either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from carriers.contract import Answer, Estimate, Label, Parcel, ReadsLabels, Scan
from carriers.errors import BadPayload, Refused
from carriers.registry import all_carriers
from carriers.status import Status
from carriers.view import parse_file, parse_label_file
from tests.carriers.corpus import PAYLOADS, Payload, payloads

ASPECTS: Final = ("number", "code", "local time", "status", "estimate", "scans", "error")

# Folder of the corpus -> our adapter. Some folders hold other interfaces of the same company (OTHERS): an adapter may
# refuse those, in words that say what they are.
SOURCES: Final[Mapping[str, str]] = {
    "17track": "seventeentrack",
    "aftership": "aftership",
    "amazon_shipping": "amazon_shipping",
    "amazon_web": "amazon_shipping",
    "australiapost": "australia_post",
    "bpost": "bpost",
    "canadapost": "canada_post",
    "chronopost": "chronopost",
    "dhl_ecommerce_gm": "dhl",
    "dhl_express": "dhl_express",
    "dhl_express_web": "dhl_express",
    "dhl_parcel_de": "dhl_parcel_de",
    "dhl_poland": "dhl",
    "dhl_universal": "dhl",
    "dpd": "dpd",
    "dpd_meta": "dpd",
    "dpdhl": "dhl_parcel_de",
    "easypost": "easypost",
    "fedex": "fedex",
    "fedex_web": "fedex",
    "fedex_ws": "fedex",
    "gls": "gls",
    "gls_web": "gls",
    "hermes": "hermes_de",
    "laposte": "la_poste",
    "mydhl": "dhl_express",
    "postnl": "postnl",
    "purolator": "purolator",
    "royalmail": "royal_mail",
    "sendcloud": "sendcloud",
    "shipengine": "shipengine",
    "shippo": "shippo",
    "ups": "ups",
    "ups_xml": "ups",
    "usps": "usps",
    "usps_wt": "usps",
}
OTHERS: Final[Mapping[str, str]] = {
    "amazon_web": "Amazon's public tracking page",
    "dhl_ecommerce_gm": "DHL eCommerce's public tracking page",
    "dhl_express": "the XML services of DHL Express, before MyDHL",
    "dhl_express_web": "the public tracking page of DHL Express",
    "dhl_poland": "the web services of DHL Parcel Poland",
    "dpd_meta": "DPD's shipping interface",
    "dpdhl": "the business customer services of DHL Parcel Germany",
    "fedex_web": "FedEx's public tracking page",
    "gls_web": "the public tracking page of GLS",
    "usps_wt": "USPS Web Tools, retired in January 2026",
}

# A peer's word for a status -> the statuses of ours that say the same.
SAME: Final[Mapping[str, frozenset[Status]]] = {
    "pending": frozenset({Status.PENDING, Status.INFO_RECEIVED}),
    "picked_up": frozenset({Status.PICKED_UP}),
    "in_transit": frozenset({Status.IN_TRANSIT, Status.PICKED_UP}),
    "out_for_delivery": frozenset({Status.OUT_FOR_DELIVERY}),
    "ready_for_pickup": frozenset({Status.AVAILABLE_FOR_PICKUP}),
    "delivery_failed": frozenset({Status.ATTEMPT_FAILED}),
    "delivery_delayed": frozenset({Status.EXCEPTION}),
    "on_hold": frozenset({Status.EXCEPTION, Status.AVAILABLE_FOR_PICKUP}),
    "return_to_sender": frozenset({Status.RETURNING, Status.RETURNED}),
    "cancelled": frozenset({Status.CANCELLED}),
    "delivered": frozenset({Status.DELIVERED}),
    "STATUS_DELIVERED": frozenset({Status.DELIVERED}),
    "STATUS_IN_TRANSIT": frozenset({Status.IN_TRANSIT}),
}


@dataclass(frozen=True)
class Point:
    """One thing that a peer says about a payload, beside ours."""

    aspect: str
    ours: str
    peers: str
    agrees: bool


@dataclass(frozen=True)
class Outcome:
    """What became of one payload: `said` sums it up; `refused` is our own sentence where it is not understood."""

    payload: Payload
    slug: str
    said: str
    refused: str = ""
    points: tuple[Point, ...] = ()
    broken: tuple[str, ...] = ()
    unmapped: tuple[str, ...] = ()


def outcomes(slug: str) -> list[Outcome]:
    """Every payload of the corpus that is this carrier's; none where there is no corpus."""
    sources = [source for source, ours in SOURCES.items() if ours == slug and (PAYLOADS / source).is_dir()]
    return [read(slug, payload) for payload in payloads(*sources)]


def read(slug: str, payload: Payload) -> Outcome:
    """Reads one payload as the command line would, and compares. Raises nothing but what a fault of ours raises."""
    try:
        if "label" in payload.kind:
            return _label(slug, payload)
        answer = parse_file(slug, payload.body, hook=payload.is_hook, status=payload.status)
    except BadPayload as error:
        return Outcome(payload, slug, "refused", " ".join(str(error).split()), tuple(_unread(payload)))
    return Outcome(
        payload,
        slug,
        _summary(answer),
        points=tuple(_compared(answer, payload.expected)),
        broken=tuple(_broken(answer)),
        unmapped=answer.unmapped,
    )


def _summary(answer: Answer) -> str:
    counts = (
        (len(answer.parcels), "parcels"),
        (sum(len(parcel.scans) for parcel in answer.parcels), "scans"),
        (len(answer.not_found), "not found"),
        (len(answer.errors), "errors"),
    )
    return ", ".join(f"{count} {name}" for count, name in counts if count) or "nothing to tell"


def _unread(payload: Payload) -> Iterator[Point]:
    """What a peer read where we read nothing: not an error of its own, which a refusal tells as well."""
    for detail in _details(payload.expected):
        yield Point("number", "refused", str(detail.get("tracking_number")), False)


def _broken(answer: Answer) -> Iterator[str]:
    """Promises of the contract that an answer does not keep. Empty for every sound adapter."""
    for parcel in answer.parcels:
        instants = [scan.at for scan in parcel.scans if scan.at]
        if instants != sorted(instants):
            yield f"{parcel.number}: scans are not in order"
        for scan in parcel.scans:
            if scan.at and (not scan.offset or datetime.fromisoformat(scan.local + scan.offset) != scan.at):
                yield f"{parcel.number}: {scan.code} at {scan.at} is not {scan.local} {scan.offset}"
            if scan.at is None and scan.offset:
                yield f"{parcel.number}: {scan.code} has an offset and no instant"


def _label(slug: str, payload: Payload) -> Outcome:
    carrier = all_carriers()[slug]
    if not isinstance(carrier, ReadsLabels):
        return Outcome(payload, slug, "no labels here")
    found = parse_label_file(slug, payload.body)
    if isinstance(found, Refused):
        return Outcome(payload, slug, f"refused by the carrier: {found.text or found.code}")
    said = f"label {found.format}, {len(found.body)} bytes"
    return Outcome(payload, slug, said, points=tuple(_label_points(found, payload.expected)))


def _label_points(label: Label, expected: Any) -> Iterator[Point]:
    for detail in _details(expected):
        returned = detail.get("return_shipment") or {}
        numbers = [str(one) for one in (detail.get("tracking_number"), returned.get("tracking_number")) if one]
        if numbers:
            yield Point("number", label.number, " or ".join(numbers), label.number in numbers)


def _details(expected: Any) -> Sequence[Mapping[str, Any]]:
    found = expected.get("details") if isinstance(expected, dict) else None
    return [found] if isinstance(found, dict) else found or []


def _compared(answer: Answer, expected: Any) -> Iterator[Point]:
    if not isinstance(expected, dict):
        return
    for detail in _details(expected):
        yield from _of_detail(answer, detail)
    for message in expected.get("messages") or ():
        yield _of_message(answer, message)
    yield from _of_assertions(answer, expected.get("asserted") or {})


def _of_detail(answer: Answer, detail: Mapping[str, Any]) -> Iterator[Point]:
    number = str(detail.get("tracking_number"))
    parcel = next((one for one in answer.parcels if one.number == number), None)
    told = parcel is not None or number in answer.not_found
    ours = ", ".join(one.number for one in answer.parcels) or "none"
    yield Point("number", number if told else ours, number, told)
    parcel = parcel or (answer.parcels[0] if len(answer.parcels) == 1 else None)
    if parcel is None:
        return
    yield from _of_events(parcel, detail.get("events") or ())
    if status := detail.get("status"):
        yield _of_status(parcel.status, status)
    if "delivered" in detail and (detail["delivered"] or parcel.status is Status.DELIVERED):
        delivered = parcel.status is Status.DELIVERED
        yield Point(
            "status",
            _word(parcel.status),
            "delivered" if detail["delivered"] else "not delivered",
            delivered == bool(detail["delivered"]),
        )
    if estimated := detail.get("estimated_delivery"):
        yield _of_estimate(parcel.estimated, str(estimated))


def _of_status(ours: Status | None, peers: str) -> Point:
    return Point("status", _word(ours), peers, ours in SAME.get(peers, ()) or (ours is None and peers == "unknown"))


def _word(status: Status | None) -> str:
    return status.value if status else "none"


def _of_events(parcel: Parcel, events: Sequence[Mapping[str, Any]]) -> Iterator[Point]:
    """Pairs events with scans: the same minute and code first, then the same minute, then the same code on that day.

    On that day one of the same minute of another hour goes first: peers misread zones and halves of the day.
    """
    left = list(parcel.scans)
    open_ = list(events)
    rules: tuple[Callable[[Scan, Mapping[str, Any]], bool], ...] = (
        lambda scan, event: _same_time(scan, event) and _same_code(scan, event),
        _same_time,
        lambda scan, event: (
            (scan.local[:10], scan.local[14:16]) == (event.get("date"), _minute(event)[14:16])
            and _same_code(scan, event)
        ),
        lambda scan, event: scan.local[:10] == event.get("date") and _same_code(scan, event),
        _same_code,
    )
    for rule in rules:
        for event in list(open_):
            scan = next((one for one in left if rule(one, event)), None)
            if scan is not None:
                left.remove(scan)
                open_.remove(event)
                yield from _of_event(scan, event)
    for event in open_:
        yield Point("scans", "none", f"{event.get('code')} {_minute(event)}", False)
    for scan in left:
        yield Point("scans", f"{scan.code} {scan.local}", "none", False)


def _of_event(scan: Scan, event: Mapping[str, Any]) -> Iterator[Point]:
    if event.get("code") is not None:
        yield Point("code", scan.code, str(event["code"]), _same_code(scan, event))
    if event.get("date"):
        yield Point("local time", scan.local, _minute(event), _same_time(scan, event))
    if status := event.get("status"):
        yield _of_status(scan.status, status)


def _same_code(scan: Scan, event: Mapping[str, Any]) -> bool:
    return scan.code.casefold() == str(event.get("code", "")).casefold()


def _same_time(scan: Scan, event: Mapping[str, Any]) -> bool:
    minute = _minute(event)
    return scan.local[: len(minute)] == minute or (scan.date_only and minute == f"{scan.local}T00:00")


def _minute(event: Mapping[str, Any]) -> str:
    """The peer's wall clock to the minute: "14:31 PM" is 14:31. A date where it has no time."""
    clock = str(event.get("time") or "").split()
    return f"{event.get('date')}T{clock[0][:5]}" if clock else str(event.get("date"))


def _of_estimate(ours: Estimate | None, peers: str) -> Point:
    told = f"{ours.start.isoformat()}/{ours.end.isoformat()}" if ours else "none"
    return Point("estimate", told, peers, ours is not None and _within(ours, peers))


def _within(ours: Estimate, peers: str) -> bool:
    start, end = (edge.date() if isinstance(edge, datetime) else edge for edge in (ours.start, ours.end))
    return start <= date.fromisoformat(peers[:10]) <= end


def _of_message(answer: Answer, message: Mapping[str, Any]) -> Point:
    """An error of the peer's: ours has its code, or lists the number as not found."""
    code = str(message.get("code") or "")
    ours = [fault.code for fault in answer.errors]
    told = ", ".join([*ours, *(f"not found: {number}" for number in answer.not_found)]) or "none"
    return Point("error", told, code or str(message.get("message")), code in ours or bool(answer.not_found))


def _of_assertions(answer: Answer, asserted: Mapping[str, Any]) -> Iterator[Point]:
    """The few assertions of other peers' tests that say what we say, too."""
    parcel = answer.parcels[0] if answer.parcels else None
    for key, value in asserted.items():
        if key in {"raises", "exception.message"}:
            told = bool(answer.errors or answer.not_found)
            yield Point("error", _summary(answer), str(value), told)
        elif parcel is None or value is None:
            continue
        elif key == "tracking_number" or key.endswith("['MainBarcode']"):
            yield Point("number", parcel.number, str(value), parcel.number == value)
        elif key in {"count events()", "shipment_events.size", "shipment_events.length"}:
            yield Point("scans", str(len(parcel.scans)), str(value), len(parcel.scans) == value)
        elif key in {"status", "currentStatus()"}:
            yield _of_status(parcel.status, str(value))
        elif key.startswith("estimatedDeliveryDate.") or key == "expected_date":
            yield _of_estimate(parcel.estimated, str(value))


def peer_of(payload: Payload) -> str:
    """The name of the peer whose reading is compared; empty where the payload comes without one."""
    expected = payload.expected
    return str(expected.get("parser") or "") if isinstance(expected, dict) else ""
