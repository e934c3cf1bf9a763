"""What happens to a simulated parcel, and when: pure functions of a script, its start and the time.

Up to the moment of registration a journey keeps real days, so that a parcel registered with a start two days ago has
two days of believable history. What lies ahead is played in fast time: one day takes `day`. Nothing is ever dated in
the future of whoever asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from hashlib import sha256
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

Where = Literal["origin", "hub", "destination"]


@dataclass(frozen=True, slots=True)
class Town:
    """A place with its time zone, e.g. "Europe/Berlin"."""

    city: str
    postcode: str
    country: str
    zone: str
    region: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One event: on day `day` after the start at `hour` o'clock of the place; on day 0 `hour` hours after the start.

    `heard` days later the carrier publishes it. `expected` is the day of delivery that it announces from then on.
    """

    day: int
    hour: int
    code: str
    where: Where
    text: str
    heard: float = 0.0
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class Journey:
    """A registered parcel. `day` is how long one simulated day takes once it is registered."""

    number: str
    script: str
    service: str
    origin: Town
    destination: Town
    started_at: datetime
    registered_at: datetime
    day: timedelta
    direction: str = "outbound"


_HANDED_IN = (
    Step(0, 0, "DAT", "origin", "Shipment data received", expected=2),
    Step(0, 2, "COL", "origin", "Collected from the sender"),
    Step(0, 4, "ODP", "origin", "Left the origin depot"),
    Step(1, 5, "HIN", "hub", "Arrived at the hub"),
)
_TO_DEPOT = (
    Step(1, 21, "HOUT", "hub", "Left the hub"),
    Step(2, 5, "DEP", "destination", "Arrived at the delivery depot"),
)

SCRIPTS: Final[Mapping[str, tuple[Step, ...]]] = {
    "on_time": (
        *_HANDED_IN,
        *_TO_DEPOT,
        Step(2, 8, "VAN", "destination", "Out for delivery"),
        Step(2, 14, "DLP", "destination", "Delivered to the recipient"),
    ),
    "late": (
        *_HANDED_IN,
        Step(2, 7, "CAP", "hub", "Delayed: the connection was missed", expected=4),
        Step(3, 21, "HOUT", "hub", "Left the hub"),
        Step(4, 5, "DEP", "destination", "Arrived at the delivery depot"),
        Step(4, 8, "VAN", "destination", "Out for delivery"),
        Step(4, 15, "DLS", "destination", "Left at the agreed place"),
    ),
    "silent": _HANDED_IN,
    "lost": (
        *_HANDED_IN,
        Step(3, 9, "MIS", "hub", "Sent the wrong way", expected=5),
        Step(9, 10, "LST", "hub", "Declared lost"),
    ),
    "returned": (
        *_HANDED_IN,
        *_TO_DEPOT,
        Step(2, 8, "VAN", "destination", "Out for delivery"),
        Step(2, 14, "NOH", "destination", "Nobody at home", expected=3),
        Step(3, 8, "VAN", "destination", "Out for delivery"),
        Step(3, 13, "NOH", "destination", "Nobody at home"),
        Step(4, 9, "RTS", "destination", "On the way back to the sender"),
        Step(7, 11, "RTD", "origin", "Back with the sender"),
    ),
    "out_of_order": (
        Step(0, 0, "DAT", "origin", "Shipment data received", expected=2),
        Step(0, 2, "COL", "origin", "Collected from the sender", heard=1.2),
        Step(0, 4, "ODP", "origin", "Left the origin depot"),
        Step(1, 5, "HIN", "hub", "Arrived at the hub", heard=1.3),
        Step(1, 21, "HOUT", "hub", "Left the hub"),
        Step(2, 5, "DEP", "destination", "Arrived at the delivery depot"),
        Step(2, 8, "VAN", "destination", "Out for delivery", heard=0.5),
        Step(2, 14, "DLP", "destination", "Delivered to the recipient"),
    ),
    "duplicated": (
        *_HANDED_IN,
        *_TO_DEPOT,
        Step(2, 8, "VAN", "destination", "Out for delivery"),
        Step(2, 14, "DLN", "destination", "Left with a neighbour"),
    ),
    "pickup_point": (
        *_HANDED_IN,
        *_TO_DEPOT,
        Step(2, 11, "SHP", "destination", "Ready for collection at the parcel shop"),
        Step(4, 17, "DLC", "destination", "Collected at the parcel shop"),
    ),
    "return_parcel": (
        Step(0, 0, "DRP", "origin", "Handed in at a parcel shop", expected=2),
        Step(0, 3, "ODP", "origin", "Left the origin depot"),
        Step(1, 5, "HIN", "hub", "Arrived at the hub"),
        *_TO_DEPOT,
        Step(2, 10, "DLP", "destination", "Delivered to the warehouse"),
    ),
}

# Scripts whose events are told twice, in polls as in pushes.
TWICE: Final = frozenset({"duplicated"})

_HUBS: Final = {
    "US": Town("Indianapolis", "46241", "US", "America/Indiana/Indianapolis", "IN"),
    "GB": Town("Coventry", "CV3 4PE", "GB", "Europe/London"),
}
_HUB: Final = Town("Leipzig", "04435", "DE", "Europe/Berlin")

# Where a caller does not name the zone: the country's, or for wide countries that of its busiest coast.
ZONES: Final = {
    "US": "America/New_York",
    "CA": "America/Toronto",
    "GB": "Europe/London",
    "IE": "Europe/Dublin",
    "PT": "Europe/Lisbon",
    "DE": "Europe/Berlin",
    "AT": "Europe/Vienna",
    "CH": "Europe/Zurich",
    "FR": "Europe/Paris",
    "NL": "Europe/Amsterdam",
    "BE": "Europe/Brussels",
    "JP": "Asia/Tokyo",
    "AU": "Australia/Sydney",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One scan as the carrier tells it, and the moment from which it does."""

    at: datetime
    heard_at: datetime
    step: Step
    town: Town

    def told(self) -> dict[str, Any]:
        """The event in the words of the API."""
        return {
            "at": self.at.astimezone(ZoneInfo(self.town.zone)).isoformat(timespec="seconds"),
            "code": self.step.code,
            "text": self.step.text,
            "place": {
                "city": self.town.city,
                "region": self.town.region,
                "postcode": self.town.postcode,
                "country": self.town.country,
                "zone": self.town.zone,
            },
        }


def all_events(journey: Journey) -> list[Event]:
    """Everything that will ever be told about a parcel, in the order of telling."""
    events = [_event(journey, index, step) for index, step in enumerate(SCRIPTS[journey.script])]
    return sorted(events, key=lambda event: event.heard_at)


def events(journey: Journey, now: datetime) -> list[Event]:
    """What is known at `now`, in the order of telling, which need not be the order of happening."""
    return [event for event in all_events(journey) if event.heard_at <= now]


def parcel_told(journey: Journey, told: list[Event], known: list[Event]) -> dict[str, Any]:
    """One parcel in the words of the API: the events to tell now, and the state as known from all of them."""
    latest = max(known, key=lambda event: event.at, default=None)
    times = 2 if journey.script in TWICE else 1
    return {
        "number": journey.number,
        "service": journey.service,
        "direction": journey.direction,
        "code": latest.step.code if latest else "REG",
        "estimate": estimate(journey, known),
        "events": [event.told() for event in told for _ in range(times)],
    }


def estimate(journey: Journey, known: list[Event]) -> dict[str, str] | None:
    """The expected day in dates of the destination; a window of hours once the parcel is on the van."""
    announced = [event.step.expected for event in known if event.step.expected is not None]
    if not announced:
        return None
    zone = ZoneInfo(journey.destination.zone)
    van = max((e for e in known if e.step.code == "VAN"), key=lambda e: e.at, default=None)
    if van is None:
        day = (journey.started_at.astimezone(zone) + timedelta(days=announced[-1])).date().isoformat()
        return {"from": day, "to": day}
    if van.at > journey.registered_at:
        day = van.at.astimezone(zone).date().isoformat()  # fast time has no hours worth naming
        return {"from": day, "to": day}
    start = van.at.astimezone(zone)
    hours = (start + timedelta(hours=4), start + timedelta(hours=8))
    return {"from": hours[0].isoformat(timespec="seconds"), "to": hours[1].isoformat(timespec="seconds")}


def _event(journey: Journey, index: int, step: Step) -> Event:
    town = {"origin": journey.origin, "hub": hub(journey), "destination": journey.destination}[step.where]
    planned = _planned(journey, index, step, town)
    return Event(
        at=_played(journey, planned).replace(microsecond=0),
        heard_at=_played(journey, planned + timedelta(days=step.heard)),
        step=step,
        town=town,
    )


def hub(journey: Journey) -> Town:
    """The sorting hub on the way."""
    return _HUBS.get(journey.destination.country, _HUB)


def _planned(journey: Journey, index: int, step: Step, town: Town) -> datetime:
    spread = timedelta(minutes=sha256(f"{journey.number}/{index}".encode()).digest()[0] % 40)
    if step.day == 0:
        return journey.started_at + timedelta(hours=step.hour) + (spread if step.hour else timedelta(0))
    zone = ZoneInfo(town.zone)
    day = (journey.started_at.astimezone(zone) + timedelta(days=step.day)).date()
    return datetime.combine(day, time(step.hour), zone).astimezone(UTC) + spread


def _played(journey: Journey, planned: datetime) -> datetime:
    ahead = planned - journey.registered_at
    if ahead <= timedelta(0):
        return planned
    return journey.registered_at + ahead * (journey.day / timedelta(days=1))
