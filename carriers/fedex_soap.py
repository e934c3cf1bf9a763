"""Tracking answers of FedEx Web Services (SOAP), retired, in the shape of the Track API that took their place.

Shops keep such answers in their archives. The two interfaces share codes, times and meanings, and differ in names: an
old answer is renamed and then read as a new one. All versions of `TrackReply` are known here. Up to the sixth the
details stand directly in it, from the seventh in `CompletedTrackDetails`; statuses, dates and services moved twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from xml.etree import ElementTree as ET

from carriers.reading_xml import child_text, children

Results = list[tuple[str, list[dict[str, Any]]]]
Errors = list[dict[str, str]]

NOT_FOUND: Final = "9040"
_SEVERE: Final = {"ERROR", "FAILURE"}
_DATES: Final = {
    "ShipTimestamp": "SHIP",
    "ActualDeliveryTimestamp": "ACTUAL_DELIVERY",
    "EstimatedDeliveryTimestamp": "ESTIMATED_DELIVERY",
}


def results_of(root: ET.Element) -> tuple[Results, Errors]:
    """(number, results) pairs and the errors of the call, named as in the Track API.

    Raises ValueError for XML that is neither a TrackReply nor a SOAP fault.
    """
    reply = root if root.tag == "TrackReply" else root.find(".//TrackReply")
    if reply is None:
        fault = root.find(".//Fault")
        if fault is None:
            raise ValueError(f"XML with {root.tag[:40]}, not a TrackReply of FedEx Web Services")
        return [], [{"code": child_text(fault, "faultcode"), "message": child_text(fault, "faultstring")}]
    found: dict[str, list[dict[str, Any]]] = {}
    for details in reply.iter("TrackDetails"):
        number, result = child_text(details, "TrackingNumber"), _result(details)
        if not number and not result["error"]:
            raise ValueError("TrackDetails without a number")
        found.setdefault(number, []).append(result)
    errors = [
        *_errors(reply),
        *(error for group in children(reply, "CompletedTrackDetails") for error in _errors(group)),
    ]
    if not found and not errors:
        raise ValueError("a TrackReply without details and without an error")
    return list(found.items()), errors


def _errors(holder: ET.Element) -> Iterator[dict[str, str]]:
    for note in children(holder, "Notifications"):
        if child_text(note, "Severity") in _SEVERE:
            yield _error(note)


def _error(note: ET.Element) -> dict[str, str]:
    return {"code": child_text(note, "Code"), "message": child_text(note, "Message")}


def _result(details: ET.Element) -> dict[str, Any]:
    note = details.find("Notification")
    code = child_text(details, "StatusDetail/Code") or child_text(details, "StatusCode")
    reasons = [{"reason": child_text(one, "Reason")} for one in children(details, "StatusDetail/AncillaryDetails")]
    return {
        "trackingNumberInfo": {
            "trackingNumber": child_text(details, "TrackingNumber"),
            "trackingNumberUniqueId": child_text(details, "TrackingNumberUniqueIdentifier"),
        },
        "latestStatusDetail": {"code": code, "ancillaryDetails": reasons} if code else {},
        "dateAndTimes": list(_dates(details)),
        "scanEvents": [_event(event) for event in children(details, "Events")],
        "serviceDetail": {
            "description": child_text(details, "Service/Description") or child_text(details, "ServiceInfo")
        },
        "error": _error(note) if note is not None and child_text(note, "Severity") in _SEVERE else None,
    }


def _dates(details: ET.Element) -> Iterator[dict[str, str]]:
    for name, kind in _DATES.items():
        if told := child_text(details, name):
            yield {"type": kind, "dateTime": told}
    for one in children(details, "DatesOrTimes"):
        yield {"type": child_text(one, "Type"), "dateTime": child_text(one, "DateOrTimestamp")}


def _event(event: ET.Element) -> dict[str, Any]:
    return {
        "date": child_text(event, "Timestamp"),
        "eventType": child_text(event, "EventType"),
        "eventDescription": child_text(event, "EventDescription"),
        "exceptionCode": child_text(event, "StatusExceptionCode"),
        "exceptionDescription": child_text(event, "StatusExceptionDescription"),
        "scanLocation": {
            "city": child_text(event, "Address/City"),
            "stateOrProvinceCode": child_text(event, "Address/StateOrProvinceCode"),
            "postalCode": child_text(event, "Address/PostalCode"),
            "countryCode": child_text(event, "Address/CountryCode"),
        },
    }
