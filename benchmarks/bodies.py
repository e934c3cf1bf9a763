"""Tracking answers in the documented shapes of UPS, FedEx and DHL: every one a parcel of its own, twelve scans each.

No two share a time or a number, and there are hundreds of places, so that little that is remembered from one response
makes the next one cheap.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

SCANS = 12
Body = Callable[[random.Random], dict[str, Any]]

_TOWNS = 300
_HUBS = (
    ("Memphis", "TN", "38118", -5),
    ("Louisville", "KY", "40213", -4),
    ("Newark", "NJ", "07114", -4),
    ("Chicago", "IL", "60666", -5),
    ("Dallas", "TX", "75261", -5),
    ("Reno", "NV", "89506", -7),
)
_PLACES = [(f"{city} {n}", state, postcode, hours) for n in range(_TOWNS) for city, state, postcode, hours in _HUBS]
_GERMAN = [(f"{city} {n}", f"{10115 + 7 * n}") for n in range(_TOWNS) for city in ("Berlin", "Leipzig", "Köln")]


def _moments(rng: random.Random) -> Iterator[datetime]:
    """Newest first, in July of 2026, when every place here keeps summer time."""
    moment = datetime(2026, 7, 20, tzinfo=UTC) + timedelta(seconds=rng.randrange(864_000))
    for _ in range(SCANS):
        yield moment
        moment -= timedelta(seconds=rng.randrange(900, 40_000))


def ups(rng: random.Random) -> dict[str, Any]:
    number = f"1Z{rng.randrange(10**16):016d}"
    kinds = (
        ("FS", "011", "D", "DELIVERED"),
        ("OT", "021", "I", "Out For Delivery Today"),
        ("AR", "005", "I", "Arrived"),
    )
    activity = []
    for n, at in enumerate(_moments(rng)):
        code, digits, kind, words = kinds[min(n, 2)]
        city, state, postcode, hours = rng.choice(_PLACES)
        local = at + timedelta(hours=hours)
        address = {"city": city, "stateProvince": state, "postalCode": postcode, "countryCode": "US", "country": "US"}
        activity.append(
            {
                "location": {"address": address, "slic": str(rng.randrange(1000, 9999))},
                "status": {"type": kind, "description": words, "code": code, "statusCode": digits},
                "date": f"{local:%Y%m%d}",
                "time": f"{local:%H%M%S}",
                "gmtDate": f"{at:%Y%m%d}",
                "gmtTime": f"{at:%H%M%S}",
                "gmtOffset": f"-{-hours:02d}:00",
            }
        )
    ends = [
        {"type": end, "address": {"city": city, "stateProvince": state, "postalCode": postcode, "country": "US"}}
        for end, (city, state, postcode, _) in zip(("ORIGIN", "DESTINATION"), rng.sample(_PLACES, 2), strict=True)
    ]
    package = {
        "trackingNumber": number,
        "deliveryDate": [{"type": "SDD", "date": "20260721"}],
        "deliveryTime": {"type": "EOD", "startTime": "", "endTime": ""},
        "deliveryInformation": {"location": "Front Door", "receivedBy": "MUSTER"},
        "activity": activity,
        "currentStatus": {"description": "Delivered", "code": "011"},
        "packageAddress": ends,
        "referenceNumber": [{"type": "SHIPMENT", "number": str(rng.randrange(10**6))}],
        "service": {"code": "518", "levelCode": "003", "description": "UPS Ground"},
        "weight": {"unitOfMeasurement": "LBS", "weight": "5.00"},
        "packageCount": 1,
    }
    return {"trackResponse": {"shipment": [{"inquiryNumber": number, "package": [package]}]}}


def fedex(rng: random.Random) -> dict[str, Any]:
    number = str(rng.randrange(10**11, 10**12))
    kinds = (("OD", "IT", "On FedEx vehicle for delivery"), ("AR", "IT", "Arrived at FedEx location"))
    events = []
    for n, at in enumerate(_moments(rng)):
        code, derived, words = kinds[min(n, 1)]
        city, state, postcode, hours = rng.choice(_PLACES)
        local = at + timedelta(hours=hours)
        place = {"streetLines": [""], "city": city, "stateOrProvinceCode": state, "postalCode": postcode,
                 "countryCode": "US", "residential": False, "countryName": "United States"}  # fmt: skip
        events.append(
            {
                "date": f"{local:%Y-%m-%dT%H:%M:%S}-{-hours:02d}:00",
                "eventType": code,
                "eventDescription": words,
                "exceptionCode": "",
                "exceptionDescription": "",
                "scanLocation": place,
                "locationId": "MEMH",
                "locationType": "FEDEX_FACILITY",
                "derivedStatusCode": derived,
                "derivedStatus": "In transit",
            }
        )
    result = {
        "trackingNumberInfo": {
            "trackingNumber": number,
            "carrierCode": "FDXE",
            "trackingNumberUniqueId": f"1~{number}~",
        },
        "latestStatusDetail": {"code": "OD", "derivedCode": "IT", "statusByLocale": "On the way", "description": words},
        "dateAndTimes": [{"type": "SHIP", "dateTime": "2026-07-15T00:00:00-06:00"}],
        "scanEvents": events,
        "packageDetails": {"packagingDescription": {"type": "YOUR_PACKAGING", "description": "Package"}, "count": "1"},
        "standardTransitTimeWindow": {"window": {"begins": "2026-07-21T00:00:00-06:00", "ends": ""}},
        "serviceDetail": {"type": "FEDEX_GROUND", "description": "FedEx Ground", "shortDescription": "FG"},
    }
    return {"output": {"completeTrackResults": [{"trackingNumber": number, "trackResults": [result]}]}}


def dhl(rng: random.Random) -> dict[str, Any]:
    number = f"00340{rng.randrange(10**15):015d}"
    kinds = (("delivered", "The parcel was delivered."), ("transit", "The parcel has been processed in the centre."))
    events = []
    for n, at in enumerate(_moments(rng)):
        code, words = kinds[min(n, 1)]
        city, postcode = rng.choice(_GERMAN)
        address = {"countryCode": "DE", "postalCode": postcode, "addressLocality": city}
        events.append(
            {
                "timestamp": f"{at + timedelta(hours=2):%Y-%m-%dT%H:%M:%S}",
                "location": {"address": address},
                "statusCode": code,
                "status": words,
                "description": words,
            }
        )
    ends = [{"address": {"countryCode": "DE", "postalCode": postcode}} for _, postcode in rng.sample(_GERMAN, 2)]
    shipment = {
        "id": number,
        "service": "parcel-de",
        "origin": ends[0],
        "destination": ends[1],
        "status": events[0],
        "estimatedTimeOfDelivery": "2026-07-21T00:00:00",
        "details": {"product": {"productName": "DHL PAKET"}, "proofOfDeliverySignedAvailable": False},
        "events": events,
    }
    return {"shipments": [shipment]}


KINDS: dict[str, Body] = {"ups": ups, "fedex": fedex, "dhl": dhl}


def bodies(slug: str, count: int) -> list[bytes]:
    """The same in every run."""
    rng = random.Random(slug)
    return [json.dumps(KINDS[slug](rng)).encode() for _ in range(count)]
