"""Codes become sentences. English here is the message id; a catalogue may answer in another language.

Sentences name the thing, not the system, and never blame. Data is never
passed through a catalogue: only what stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from gettext import NullTranslations
from typing import Any

# Gives sentences in the page's language; without a catalogue it gives back what it was given.
ENGLISH = NullTranslations()


@dataclass(frozen=True, slots=True)
class Shown:
    """How a status appears: the chip's words, its icon, its tone (info, ok, warn, bad), one line on what it means."""

    chip: str
    icon: str
    tone: str
    meaning: str


STATUS: Mapping[str, Shown] = {
    "pending": Shown("Waiting for the carrier", "clock", "", "The carrier has not scanned it yet."),
    "info_received": Shown("Ready to go", "box", "", "The carrier knows about it and has not collected it yet."),
    "picked_up": Shown("Collected", "truck", "info", "The carrier has it."),
    "in_transit": Shown("On its way", "truck", "info", "It is moving through the carrier’s network."),
    "out_for_delivery": Shown("Out for delivery", "truck", "info", "It is on the vehicle that comes to you."),
    "available_for_pickup": Shown("Ready to collect", "shop", "warn", "It waits for you at a pick-up point."),
    "attempt_failed": Shown("Delivery was tried", "door", "warn", "The driver could not hand it over."),
    "exception": Shown("Held up", "alert", "bad", "Something stopped it. Somebody has to act before it moves on."),
    "delivered": Shown("Delivered", "check", "ok", "It has arrived."),
    "returning": Shown("Going back", "back", "warn", "It could not be delivered and is on its way back to us."),
    "returned": Shown("Back with us", "home", "warn", "It came back to us undelivered."),
    "cancelled": Shown("Cancelled", "info", "", "This parcel was not sent."),
    "expired": Shown("No news for long", "clock", "warn", "The carrier has said nothing for a long time."),
}

# A parcel of a carrier that we have no account with: whether it was scanned is not known.
UNFOLLOWED = Shown(
    "Not tracked here", "clock", "", "This carrier does not tell us where it is. Please ask it with the number below."
)

SUB_STATUS: Mapping[str, str] = {
    "pending.registered": "Waiting for the first scan",
    "pending.not_found": "The carrier has not scanned it yet",
    "info_received.label_created": "Label made",
    "info_received.data_received": "Carrier told that a parcel is coming",
    "info_received.pickup_scheduled": "Collection booked",
    "picked_up.collected": "Collected by the carrier",
    "picked_up.dropped_off": "Handed in at a drop-off point",
    "in_transit.departed_origin": "Left the first depot",
    "in_transit.arrived_hub": "Arrived at a sorting centre",
    "in_transit.departed_hub": "Left the sorting centre",
    "in_transit.export_cleared": "Cleared for export",
    "in_transit.customs_started": "At customs",
    "in_transit.customs_cleared": "Cleared by customs",
    "in_transit.arrived_country": "Arrived in the destination country",
    "in_transit.arrived_depot": "At the depot near you",
    "in_transit.handed_to_partner": "Handed to the local carrier",
    "in_transit.redirected": "Sent to a new address or pick-up point",
    "in_transit.resolved": "The problem is solved, it moves on",
    "out_for_delivery.on_vehicle": "With the driver",
    "out_for_delivery.appointment": "Delivery time agreed",
    "out_for_delivery.contacted": "The driver got in touch",
    "available_for_pickup.at_point": "Ready at a shop or post office",
    "available_for_pickup.at_locker": "Ready in a locker",
    "attempt_failed.not_home": "Nobody was there",
    "attempt_failed.closed": "The place was closed",
    "attempt_failed.no_access": "The driver could not get in",
    "attempt_failed.rescheduled": "A new day was agreed",
    "exception.address": "The address is incomplete",
    "exception.customs_hold": "Customs need papers or duty",
    "exception.payment": "A payment is due before delivery",
    "exception.damaged": "Damage was found",
    "exception.lost": "The carrier cannot find it",
    "exception.refused": "It was refused at the door",
    "exception.moved": "The recipient has moved",
    "exception.misrouted": "Sent the wrong way, being corrected",
    "exception.weather": "Held up by weather",
    "exception.capacity": "Held up at the carrier",
    "exception.rejected_by_carrier": "Not accepted by the carrier",
    "exception.pickup_expired": "Not collected in time",
    "delivered.to_person": "Handed over",
    "delivered.safe_place": "Left in the agreed place",
    "delivered.neighbour": "Left with a neighbour",
    "delivered.collected": "Collected",
    "delivered.disputed": "Reported as not received",
}

# What the shopper may do, or need not do, about a parcel that is not simply on its way.
ADVICE: Mapping[str, str] = {
    "exception.address": "Please tell us the full address, so that the carrier can try again.",
    "exception.customs_hold": "The carrier may write to you. Please answer, or ask us if you are unsure.",
    "exception.payment": "The carrier may ask you for the amount. If it surprises you, talk to us before you pay.",
    "exception.damaged": "Please tell us whether you would like another or your money back.",
    "exception.lost": "Please tell us whether you would like another or your money back.",
    "exception.refused": "If this is a mistake, please tell us soon, before it travels back.",
    "exception.moved": "Please tell us the address where you are now.",
    "exception.misrouted": "You don’t have to do anything. The carrier is sending it the right way.",
    "exception.weather": "You don’t have to do anything. It moves on as soon as the carrier can drive.",
    "exception.capacity": "You don’t have to do anything. It moves on as soon as the carrier can take it.",
    "exception.rejected_by_carrier": "You don’t have to do anything. We will sort it out with the carrier.",
    "exception.pickup_expired": "It is going back to us. Please tell us whether you would like it sent again.",
    "exception": "Please get in touch if it has not moved within two days.",
    "attempt_failed.rescheduled": "The carrier comes again on the day agreed.",
    "attempt_failed": "The carrier usually tries again on the next working day, or leaves it at a pick-up point.",
    "available_for_pickup.at_locker": "Bring the code that the carrier sent you.",
    "available_for_pickup": "Bring a photo ID and the tracking number. The carrier keeps it for a few days only.",
    "returning": "Please tell us whether you would like it sent again or your money back.",
    "returned": "Please tell us whether you would like it sent again or your money back.",
    "expired": "Please get in touch: we will find out where it is.",
}
# Those of the sentences above that ask the shopper to write or call: the way to do so stands beside them.
_ASKS_FOR_YOU = frozenset(
    {
        *("exception", "returning", "returned", "expired", "exception.address", "exception.customs_hold"),
        *("exception.payment", "exception.damaged", "exception.lost", "exception.refused", "exception.moved"),
        "exception.pickup_expired",
    }
)

CAUSE: Mapping[str, str] = {
    "weather": "Bad weather held it up.",
    "customs": "It is waiting at customs.",
    "customs_hold": "It is waiting at customs.",
    "address": "The carrier needs a better address.",
    "capacity": "The carrier had more parcels than it could move.",
    "misrouted": "It was sent the wrong way and is being sent right.",
    "damaged": "The carrier found damage.",
    "lost": "The carrier cannot find it.",
    "payment": "A payment is due before it can be delivered.",
    "not_home": "The driver tried and nobody was there.",
}

MILESTONES = ("Ordered", "Packed", "On its way", "Out for delivery", "Delivered")

# (while it is ahead, once it is done)
_ON_THE_WAY_BACK = (
    ("Request", "Requested"),
    ("Approval", "Approved"),
    ("Hand it in", "Handed in"),
    ("We receive and check it", "Received"),
)
_SETTLED = {"refund_original": ("Refund", "Refunded"), "store_credit": ("Store credit", "Store credit sent")}


def way_back(resolution: str) -> tuple[tuple[str, str], ...]:
    """The five milestones of a return: each as it is called while it is ahead, and once it is done."""
    return (*_ON_THE_WAY_BACK, _SETTLED.get(resolution, ("Exchange", "Exchanged")))


# Words only: a figure like "9 in 10" needs a measured lane behind it.
LIKELY: Mapping[str, str] = {
    "very": "Very likely.",
    "likely": "Likely.",
    "even": "About even.",
    "low": "Less certain than usual.",
}
WHY: Mapping[str, str] = {
    "carrier": "This is the carrier’s own estimate.",
    "promise": "This is what we promised when you ordered.",
    "transit": "This is how long this service usually takes.",
}

STAGE: Mapping[str, Shown] = {
    "placed": Shown("Placed", "check", "", "We have your order and will confirm it soon."),
    "confirmed": Shown("Confirmed", "check", "", "Your order is confirmed. Next we pick and pack it."),
    "picking": Shown("Being picked", "box", "info", "We are taking your things off the shelf."),
    "packed": Shown("Packed", "box", "info", "Your parcel is packed and waits for the carrier."),
    "awaiting_carrier": Shown("Waiting for collection", "truck", "info", "Your parcel waits for the carrier’s van."),
    "partially_shipped": Shown("Partly sent", "truck", "info", "The rest follows as soon as it is packed."),
    "shipped": Shown("Sent", "truck", "info", "Your parcel has left us."),
    "completed": Shown("Completed", "check", "ok", "Everything in this order has arrived."),
    "cancelled": Shown("Cancelled", "info", "", "Nothing of it will be sent."),
}

RETURN_STATUS: Mapping[str, Shown] = {
    "draft": Shown("Not sent yet", "pen", "", "You have not sent this request."),
    "requested": Shown("We are looking at it", "clock", "info", "A person reads your request and answers by email."),
    "info_needed": Shown("We have a question", "chat", "warn", "Please answer the message that we sent you."),
    "approved": Shown("Approved", "check", "ok", "Your label is being made."),
    "label_issued": Shown("Send it back", "box", "info", "Your label is ready. Pack it and hand it in."),
    "in_transit": Shown("On its way to us", "truck", "info", "The carrier has your parcel."),
    "partially_received": Shown("Partly received", "box", "info", "Some of it is here. We wait for the rest."),
    "received": Shown("Received", "home", "info", "It is here. We look at it next."),
    "inspecting": Shown("Being checked", "search", "info", "We are looking at what came back."),
    "resolving": Shown("Nearly done", "money", "info", "All is well. Your refund or exchange is being made."),
    "completed": Shown("Done", "check", "ok", "This return is complete."),
    "rejected": Shown("Declined", "info", "bad", "We could not accept this return."),
    "cancelled": Shown("Cancelled", "info", "", "You keep the items. Please don’t send anything."),
    "expired": Shown(
        "Closed",
        "clock",
        "",
        "It was not handed in in time. You can ask again from your order, while that is possible.",
    ),
    "lost": Shown("Lost on the way", "alert", "warn", "The carrier lost it. You don’t have to do anything."),
}

REASON: Mapping[str, str] = {
    "too_small": "Too small",
    "too_large": "Too large",
    "wrong_colour_style": "Not my colour or style",
    "no_longer_wanted": "I changed my mind",
    "better_offer": "I found a better price",
    "ordered_by_mistake": "Ordered by mistake",
    "unauthorised_purchase": "I didn’t order this",
    "gift": "It was a gift",
    "hard_to_use": "Hard to use",
    "not_as_described": "Not as described",
    "not_fit_for_purpose": "Doesn’t do what it should",
    "damaged_in_transit": "Arrived damaged",
    "defective": "Faulty",
    "missing_parts": "Parts are missing",
    "wrong_item_sent": "You sent the wrong thing",
    "arrived_late": "Arrived too late",
    "other": "Something else",
}

RESOLUTION: Mapping[str, str] = {
    "refund_original": "Refund",
    "exchange_variant": "Exchange",
    "store_credit": "Store credit",
}

# %(…)s are filled with prepared text: dates as people write them, numbers as digits.
OPINION: Mapping[str, str] = {
    "final_sale": "This was sold as final, so we only take it back if it arrived broken, incomplete or wrong.",
    "window_closed": "The return window closed on %(last_day)s.",
    "none_left": "All of this is in a return already.",
    "quantity_not_possible": "%(left)s of this can still be sent back.",
    "window_not_started": "You can return it from the moment it arrives.",
    "window_uncertain": "We are not sure when it arrived, so a person looks at it first.",
    "no_policy": "A person looks at every return before it is approved.",
    "rule_failed": "A person looks at this return before it is approved.",
    "payment_needed": "The exchange costs more than you paid, so we contact you about the difference first.",
    "in_window": "You can return it until %(last_day)s.",
    "in_grace": "You can still return it.",
    "not_final_sale": "It was sold at the usual terms.",
    "final_sale_but_faulty": "It was sold as final, but faulty things may always come back.",
    "faulty_any_time": "Faulty things may come back at any time.",
    "quantity_left": "%(left)s of this can be sent back.",
}

LEDGER: Mapping[str, str] = {
    "goods": "%(title)s × %(quantity)s",
    "discount_share": "Your share of the discount",
    "tax_share": "Tax",
    "shipping": "Delivery",
    "fee": "Return fee",
    "already_refunded": "Already given back",
    "more_than_paid": "Not paid",
    "exchange": "%(title)s × %(quantity)s, exchanged for %(variant)s",
}


def status(code: str) -> Shown:
    """How a shipment's status appears. A word that is in no table of ours looks like "no news"."""
    return STATUS.get(code, STATUS["pending"])


def happened(sub_status: str | None, code: str | None) -> str:
    """The sentence of an event; empty for one whose code was never seen: then the carrier's own words are shown."""
    shown = STATUS.get(code or "")
    return SUB_STATUS.get(sub_status or "") or (shown.chip if shown else "")


def advice(sub_status: str | None, code: str) -> str:
    """What the shopper may do about it, or that nothing needs doing. Empty where all is well."""
    return ADVICE.get(sub_status or "") or ADVICE.get(code, "")


def asks_for_you(sub_status: str | None, code: str) -> bool:
    """Whether the advice is to get in touch with the shop."""
    return (sub_status if sub_status in ADVICE else code) in _ASKS_FOR_YOU


def fill(sentence: str, facts: Mapping[str, Any]) -> str:
    """Plain text, escaped later by the template. A fact that is missing leaves a gap, never an error.

    A date such as "3. Dez." ends the sentence with its own full stop.
    """
    told = sentence % _Facts(facts)
    return told.removesuffix(".") if told.endswith("..") else told


class _Facts(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "…"
