"""Tracking answers of UPS before its Track API of today, XML and JSON, in the shape of that API.

Both are retired, and shops keep them in their archives. Types, letters and times are those of today, the names and the
nesting are not; the three digits of a status are missing, so the letters decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from xml.etree import ElementTree as ET

from carriers.reading import each, some, text

Tree = dict[str, Any]
_SCHEDULED: Final = "03"


def as_track_api(answer: Mapping[str, Any]) -> Tree | None:
    """The same in today's names; None where it is no older answer. Raises TypeError and ValueError for a broken one."""
    if "Fault" in answer:
        detail = some(some(some(answer["Fault"]).get("detail")).get("Errors")).get("ErrorDetail")
        errors = [some(one.get("PrimaryErrorCode")) for one in each(detail)]
        return _failed([{"code": text(e.get("Code")), "message": text(e.get("Description"))} for e in errors])
    if "TrackResponse" not in answer:
        return None
    reply = some(answer["TrackResponse"])
    errors = list(each(some(reply.get("Response")).get("Error")))
    if errors:
        return _failed([{"code": text(e.get("ErrorCode")), "message": text(e.get("ErrorDescription"))} for e in errors])
    shipments = [_shipment(one) for one in each(reply.get("Shipment"))]
    if not shipments:
        raise ValueError("neither a shipment nor an error")
    return {"trackResponse": {"shipment": shipments}}


def tree_of(root: ET.Element) -> Tree:
    """XML as JSON would tell it: an element with others inside is an object, several of one name are a list.

    Of a SOAP envelope what is in its body.
    """
    body = root.find("Body") if root.tag == "Envelope" else None
    return {one.tag: _inside(one) for one in ([root] if body is None else body)}


def _inside(element: ET.Element) -> Any:
    if not len(element):
        return (element.text or "").strip()
    found: Tree = {}
    for child in element:
        inside = _inside(child)
        if child.tag not in found:
            found[child.tag] = inside
        elif isinstance(found[child.tag], list):
            found[child.tag].append(inside)
        else:
            found[child.tag] = [found[child.tag], inside]
    return found


def _failed(errors: list[dict[str, str]]) -> Tree:
    if not errors:
        raise ValueError("an error that says nothing")
    return {"response": {"errors": errors}}


def _shipment(shipment: Mapping[str, Any]) -> Tree:
    inquiry = shipment.get("InquiryNumber")
    number = text(inquiry.get("Value") if isinstance(inquiry, dict) else inquiry)
    packages = [_package(one, shipment) for one in each(shipment.get("Package"))]
    if not packages:
        raise ValueError("a shipment without packages")
    return {"inquiryNumber": number, "package": packages}


def _package(package: Mapping[str, Any], shipment: Mapping[str, Any]) -> Tree:
    told = {some(one.get("Type")).get("Code"): one.get("Date") for one in each(shipment.get("DeliveryDetail"))}
    days = {
        "RDD": package.get("RescheduledDeliveryDate"),
        "SDD": package.get("ScheduledDeliveryDate") or shipment.get("ScheduledDeliveryDate") or told.get(_SCHEDULED),
    }
    return {
        "trackingNumber": package.get("TrackingNumber"),
        "activity": [_activity(one) for one in each(package.get("Activity") or None)],
        "deliveryDate": [{"type": kind, "date": day} for kind, day in days.items() if day],
        "service": {"description": some(shipment.get("Service")).get("Description")},
    }


def _activity(activity: Mapping[str, Any]) -> Tree:
    status = some(activity.get("Status"))
    kind = some(status.get("StatusType"))
    code = status.get("StatusCode")
    address = some(some(activity.get("ActivityLocation")).get("Address"))
    return {
        "date": activity.get("Date"),
        "time": activity.get("Time"),
        "gmtDate": activity.get("GMTDate"),
        "gmtTime": activity.get("GMTTime"),
        "gmtOffset": activity.get("GMTOffset"),
        "status": {
            "type": kind.get("Code") or status.get("Type"),
            "code": code.get("Code") if isinstance(code, dict) else code or status.get("Code"),
            "description": kind.get("Description") or status.get("Description"),
        },
        "location": {
            "address": {
                "city": address.get("City"),
                "stateProvince": address.get("StateProvinceCode"),
                "postalCode": address.get("PostalCode"),
                "country": address.get("CountryCode"),
            }
        },
    }
