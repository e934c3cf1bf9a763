"""The normalised shipment statuses and sub-statuses, and how they rank against each other.

Words and meanings are those of docs/vocabulary.md. A carrier's code either maps to one of these or to nothing at all:
an unknown code is shown in the carrier's own words and never guessed.
"""

from enum import StrEnum


class Status(StrEnum):
    """Thirteen statuses, the same for outbound parcels and for parcels coming back."""

    PENDING = "pending"
    INFO_RECEIVED = "info_received"
    PICKED_UP = "picked_up"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    AVAILABLE_FOR_PICKUP = "available_for_pickup"
    ATTEMPT_FAILED = "attempt_failed"
    EXCEPTION = "exception"
    DELIVERED = "delivered"
    RETURNING = "returning"
    RETURNED = "returned"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


# Progress towards the door. Between two scans of the same instant the higher rank is the later step.
RANK: dict[Status, int] = {
    Status.PENDING: 0,
    Status.INFO_RECEIVED: 1,
    Status.PICKED_UP: 2,
    Status.IN_TRANSIT: 3,
    Status.EXCEPTION: 4,
    Status.OUT_FOR_DELIVERY: 5,
    Status.ATTEMPT_FAILED: 6,
    Status.AVAILABLE_FOR_PICKUP: 7,
    Status.DELIVERED: 8,
    Status.RETURNING: 9,
    Status.RETURNED: 10,
    Status.CANCELLED: 11,
    Status.EXPIRED: 12,
}

# Nothing more is expected of a parcel in one of these; polling stops, save for the late corrections of poll.py.
FINAL = frozenset({Status.DELIVERED, Status.RETURNED, Status.CANCELLED, Status.EXPIRED})

SUB_STATUSES: dict[str, str] = {
    "pending.registered": "waiting for first data",
    "pending.not_found": "carrier says number unknown",
    "info_received.label_created": "label exists",
    "info_received.data_received": "electronic notice received",
    "info_received.pickup_scheduled": "collection booked",
    "picked_up.collected": "collected from shipper",
    "picked_up.dropped_off": "handed in at a point",
    "in_transit.departed_origin": "left origin facility",
    "in_transit.arrived_hub": "arrived at hub",
    "in_transit.departed_hub": "left hub",
    "in_transit.export_cleared": "export done",
    "in_transit.customs_started": "given to import customs",
    "in_transit.customs_cleared": "import done",
    "in_transit.arrived_country": "in destination country",
    "in_transit.arrived_depot": "at delivery depot",
    "in_transit.handed_to_partner": "last-mile carrier has it",
    "in_transit.redirected": "new address or point",
    "in_transit.resolved": "a problem was solved",
    "out_for_delivery.on_vehicle": "with the driver",
    "out_for_delivery.appointment": "slot agreed",
    "out_for_delivery.contacted": "recipient contacted",
    "available_for_pickup.at_point": "at shop or post office",
    "available_for_pickup.at_locker": "in a locker",
    "attempt_failed.not_home": "nobody there",
    "attempt_failed.closed": "business closed",
    "attempt_failed.no_access": "no safe place, no access",
    "attempt_failed.rescheduled": "new day fixed",
    "exception.address": "address wrong or incomplete",
    "exception.customs_hold": "documents or duty missing",
    "exception.payment": "duty, COD or fee unpaid",
    "exception.damaged": "damage found",
    "exception.lost": "declared lost",
    "exception.refused": "recipient refused",
    "exception.moved": "recipient moved",
    "exception.misrouted": "sent the wrong way",
    "exception.weather": "weather, force majeure",
    "exception.capacity": "carrier delay, strike, vehicle",
    "exception.rejected_by_carrier": "not accepted",
    "exception.pickup_expired": "not collected in time",
    "delivered.to_person": "to recipient or household",
    "delivered.safe_place": "left at agreed place",
    "delivered.neighbour": "with neighbour",
    "delivered.collected": "collected at point or locker",
    "delivered.disputed": "shopper says not received",
}


def status_of(sub_status: str) -> Status:
    """The status that a sub-status belongs to: its prefix. Raises KeyError on a word that is not in the vocabulary."""
    if sub_status not in SUB_STATUSES:
        raise KeyError(sub_status)
    return Status(sub_status.partition(".")[0])
