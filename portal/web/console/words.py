"""The console's words: codes of statuses, opinions, acts, messages and refusals as sentences for agents.

Each value is a message for `_()` with named gaps. Untranslated codes are shown as they are, never an error.
"""

from collections.abc import Mapping

# status -> (words, tone, drawing)
STATUSES: Mapping[str, tuple[str, str, str]] = {
    "pending": ("Waiting for data", "", "clock"),
    "info_received": ("Label made", "", "box"),
    "picked_up": ("Collected", "info", "truck"),
    "in_transit": ("On its way", "info", "truck"),
    "out_for_delivery": ("Out for delivery", "info", "truck"),
    "available_for_pickup": ("Ready to collect", "info", "pin"),
    "attempt_failed": ("Delivery tried", "warn", "pin"),
    "exception": ("Stopped", "bad", "alert"),
    "delivered": ("Delivered", "ok", "check"),
    "returning": ("Going back", "warn", "swap"),
    "returned": ("Back with the sender", "", "swap"),
    "cancelled": ("Cancelled", "", "info"),
    "expired": ("No longer watched", "", "clock"),
}

DELAYS: Mapping[str, tuple[str, str, str]] = {
    "at_risk": ("May be late", "warn", "clock"),
    "late": ("Delayed", "warn", "clock"),
    "stalled": ("No scans", "bad", "alert"),
}

SUB_STATUSES: Mapping[str, str] = {
    "pending.registered": "Waiting for the first word from the carrier",
    "pending.not_found": "The carrier does not know this number yet",
    "info_received.label_created": "A label exists",
    "info_received.data_received": "The carrier has the data, not the parcel",
    "info_received.pickup_scheduled": "Collection is booked",
    "picked_up.collected": "Collected from the sender",
    "picked_up.dropped_off": "Handed in at a parcel point",
    "in_transit.departed_origin": "Left the first depot",
    "in_transit.arrived_hub": "Arrived at a hub",
    "in_transit.departed_hub": "Left a hub",
    "in_transit.export_cleared": "Cleared for export",
    "in_transit.customs_started": "Handed to customs",
    "in_transit.customs_cleared": "Cleared by customs",
    "in_transit.arrived_country": "Arrived in the country",
    "in_transit.arrived_depot": "At the delivery depot",
    "in_transit.handed_to_partner": "Handed to the local carrier",
    "in_transit.redirected": "Redirected",
    "in_transit.resolved": "A problem was solved",
    "out_for_delivery.on_vehicle": "On the delivery van",
    "out_for_delivery.appointment": "Delivery slot agreed",
    "out_for_delivery.contacted": "The carrier contacted the shopper",
    "available_for_pickup.at_point": "Waiting at a parcel point",
    "available_for_pickup.at_locker": "Waiting in a locker",
    "attempt_failed.not_home": "Nobody was in",
    "attempt_failed.closed": "The business was closed",
    "attempt_failed.no_access": "No way in and no safe place",
    "attempt_failed.rescheduled": "A new day was fixed",
    "exception.address": "The address is wrong or incomplete",
    "exception.customs_hold": "Held by customs: papers or duty are missing",
    "exception.payment": "Duty or a fee is unpaid",
    "exception.damaged": "Damaged",
    "exception.lost": "Declared lost",
    "exception.refused": "Refused by the recipient",
    "exception.moved": "The recipient has moved",
    "exception.misrouted": "Sent the wrong way",
    "exception.weather": "Held up by weather",
    "exception.capacity": "Held up at the carrier",
    "exception.rejected_by_carrier": "The carrier did not accept it",
    "exception.pickup_expired": "Not collected in time",
    "delivered.to_person": "Handed to the recipient or household",
    "delivered.safe_place": "Left in the agreed place",
    "delivered.neighbour": "Left with a neighbour",
    "delivered.collected": "Collected by the shopper",
    "delivered.disputed": "The shopper says it did not arrive",
}

# Where a return stands -> (words, tone, drawing)
RETURN_STATES: Mapping[str, tuple[str, str, str]] = {
    "draft": ("Draft", "", "pen"),
    "requested": ("To decide", "warn", "clock"),
    "info_needed": ("Waiting for the shopper", "", "clock"),
    "approved": ("Approved", "info", "check"),
    "label_issued": ("Label sent", "info", "box"),
    "in_transit": ("Coming back", "info", "truck"),
    "partially_received": ("Partly received", "warn", "box"),
    "received": ("Received", "warn", "box"),
    "inspecting": ("Being inspected", "warn", "box"),
    "resolving": ("Being settled", "warn", "money"),
    "completed": ("Completed", "ok", "check"),
    "rejected": ("Rejected", "bad", "alert"),
    "cancelled": ("Cancelled", "", "info"),
    "expired": ("Expired", "", "clock"),
    "lost": ("Lost on the way back", "bad", "alert"),
}

RESOLUTIONS: Mapping[str, str] = {
    "refund_original": "Refund to the original payment",
    "exchange_variant": "Exchange for another variant",
    "store_credit": "Store credit",
}

REASONS: Mapping[str, str] = {
    "too_small": "Too small",
    "too_large": "Too large",
    "wrong_colour_style": "Colour or style is not right",
    "no_longer_wanted": "No longer wanted",
    "better_offer": "Found a better offer",
    "ordered_by_mistake": "Ordered by mistake",
    "unauthorised_purchase": "Bought without permission",
    "gift": "Unwanted gift",
    "hard_to_use": "Hard to use",
    "not_as_described": "Not as described",
    "not_fit_for_purpose": "Does not do what it should",
    "damaged_in_transit": "Damaged on the way",
    "defective": "Faulty",
    "missing_parts": "Parts are missing",
    "wrong_item_sent": "Wrong item sent",
    "arrived_late": "Arrived too late",
    "other": "Another reason",
}

VERDICTS: Mapping[str, tuple[str, str, str]] = {
    "allow": ("Policy allows it", "ok", "check"),
    "review": ("A person decides", "warn", "info"),
    "deny": ("Policy refuses it", "bad", "alert"),
}

OPINIONS: Mapping[str, str] = {
    "in_window": "Inside the return window, which ends on %(last_day)s",
    "in_grace": "Past the last day, %(last_day)s, but within the days of grace",
    "window_closed": "The return window closed on %(last_day)s",
    "window_uncertain": "No delivery was reported; counted from shipping the window ended on %(last_day)s",
    "window_not_started": "Not shipped or delivered yet, so the window has not started",
    "faulty_any_time": "Faulty, damaged, incomplete or wrong goods may come back at any time",
    "not_final_sale": "Not sold as final",
    "final_sale": "Sold as final",
    "final_sale_but_faulty": "Sold as final, but what arrives faulty or wrong may come back",
    "quantity_left": "%(left)s left to send back",
    "none_left": "Nothing is left to send back",
    "quantity_not_possible": "%(asked)s asked, %(left)s left to send back",
    "no_policy": "This brand has no returns policy, so a person decides",
    "rule_failed": "A rule could not be applied, so a person decides",
    "payment_needed": "The shopper has to pay %(amount)s more, which a person arranges",
}

LEDGER: Mapping[str, str] = {
    "goods": "%(title)s × %(quantity)s",
    "exchange": "%(title)s × %(quantity)s, for %(variant)s",
    "discount_share": "Discount on %(title)s",
    "tax_share": "Tax on %(title)s",
    "shipping": "Shipping paid",
    "fee": "Fee",
    "already_refunded": "Refunded already",
    "more_than_paid": "More than was paid",
    "total": "Total",
}

EVENTS: Mapping[str, str] = {
    "shipment.shipped": "Shipped",
    "shipment.delayed": "Delayed",
    "shipment.out_for_delivery": "Out for delivery",
    "shipment.delivered": "Delivered",
    "return.approved": "Return approved",
    "return.label_issued": "Return label",
    "return.rejected": "Return rejected",
    "return.refund_submitted": "Refund made",
    "order.link": "Link to the order",
}

MESSAGE_STATES: Mapping[str, tuple[str, str, str]] = {
    "queued": ("Queued", "info", "clock"),
    "sent": ("Sent", "ok", "mail"),
    "suppressed": ("Not sent", "", "info"),
    "dead": ("Failed", "bad", "alert"),
}

SUPPRESSED: Mapping[str, str] = {
    "no_email": "the order has no e-mail address",
    "backfill": "the order was imported as history",
    "stale": "the news was more than 48 hours old",
    "bounced": "an earlier message to this address came back",
    "cap_day": "this order had its messages for one day",
    "cap_order": "this order had all its messages",
    "overtaken": "a later event overtook it",
    "replay": "it was found by reading old data again",
}

# What the trail holds: "noun.verb" -> what happened, after the name of who did it.
ACTS: Mapping[str, str] = {
    "order.placed": "placed the order",
    "order.imported": "imported the order",
    "order.viewed_as_shopper": "opened the page that the shopper sees",
    "order.refunded": "refunded %(amount)s as goodwill: %(reason)s",
    "shipment.event_added": "added an event to %(number)s: %(status)s",
    "shipment.event_undone": "took back an event of %(number)s: %(status)s",
    "shipment.poll_asked": "asked for news of %(number)s now",
    "message.again": "sent “%(event)s” again",
    "message.retried": "tried to send “%(event)s” again",
    "return.requested": "asked for return %(rma)s",
    "return.approved": "approved return %(rma)s",
    "return.rejected": "rejected return %(rma)s: %(reason)s",
    "return.cancelled": "cancelled return %(rma)s",
    "return.expired": "closed return %(rma)s, because nothing was sent in time",
    "return.in_transit": "scanned the parcel of return %(rma)s",
    "return.received": "received return %(rma)s",
    "return.refunded": "refunded %(amount)s for return %(rma)s",
    "return.closed": "closed return %(rma)s, of which nothing is owed",
    "label.bought": "bought the label of return %(rma)s: %(carrier)s %(number)s",
    "label.unknown": "could not learn whether the label of return %(rma)s was bought: %(text)s",
    "label.refused": "was refused a label for return %(rma)s: %(text)s",
    "label.voided": "gave the label of return %(rma)s back",
    "label.void_refused": "could not give the label of return %(rma)s back: %(text)s",
    "exchange.released": "released the exchange of return %(rma)s: %(sku)s",
}

ACTORS: Mapping[str, str] = {"shopper": "The shopper", "system": "Doorstep"}

# What was just done, shown once after the redirect.
SAID: Mapping[str, str] = {
    "note_added": "Note added.",
    "event_added": "Event added to %(number)s.",
    "event_undone": "The event of %(number)s is taken back.",
    "poll_asked": "The carrier will be asked about %(number)s within a minute, as its limits allow.",
    "return_started": "Return %(rma)s is made.",
    "return_waits": "Return %(rma)s is made and waits for a decision.",
    "exchange_started": "Exchange %(rma)s is made. The new item goes out when the old one is back.",
    "approve": "Return %(rma)s is approved.",
    "reject": "Return %(rma)s is rejected.",
    "cancel": "Return %(rma)s is cancelled.",
    "receive": "Return %(rma)s is received.",
    "refund": "%(amount)s refunded for return %(rma)s.",
    "close": "Return %(rma)s is closed. Nothing is owed.",
    "exchange": "Return %(rma)s is exchanged.",
    "goodwill": "%(amount)s refunded as goodwill.",
    "message_again": "The message is queued again.",
    "message_not_again": "The message was not queued: %(why)s.",
    "inbox_again": "It will be read again within a minute.",
    "inbox_all_again": "%(count)s will be read again within a minute.",
    "inbox_discarded": "Laid aside: %(count)s.",
    "code_mapped": "%(named)s has a meaning now. Parcels are being read again.",
    "code_unmapped": "%(named)s has no meaning again. Parcels are being read again.",
    "connection_added": "%(name)s is connected and is being tested.",
    "connection_changed": "%(name)s is changed and is being tested.",
    "connection_same": "Nothing of %(name)s was changed.",
    "connection_on": "%(name)s is switched on.",
    "connection_off": "%(name)s is switched off.",
    "connection_removed": "%(name)s and its secrets are removed.",
    "connection_tested": "%(name)s is being tested.",
    "already": "That was done already. Nothing was done twice.",
}

# The refusals of the returning verbs and of the console's own forms.
REFUSED: Mapping[str, str] = {
    "note_empty": "The note is empty.",
    "event_in_future": "This lies in the future. Add what has happened.",
    "event_wrong": "This event cannot be kept as it is written.",
    "no_number": "This parcel has no tracking number.",
    "no_such_time": "This day and time do not exist on the brand’s clock.",
    "remark_empty": "A remark needs words.",
    "status_missing": "Choose what happened.",
    "code_is_known": "The carrier’s own table has this code. It cannot be given another meaning here.",
    "mapping_changed": "Somebody gave this code another meaning meanwhile. Look at it again.",
    "no_such_status": "Choose what the code means.",
    "no_such_code": "This cannot be a carrier’s code.",
    "no_such_carrier": "This version does not know that carrier.",
    "labels_in_work": "Labels are being bought or given back through this connection. Try again when they are done.",
    "secrets_locked": "The stored secrets cannot be opened with the keys here. Fill in every secret again.",
    "wrong": "The quantity must be a whole number.",
    "no_such_message": "This kind of message cannot be sent again.",
    "already_refunded": "This return is refunded already.",
    "bad_quantity": "The quantity of %(title)s must be one or more.",
    "case_changed": "This return is not at the point where that can be done.",
    "comment_too_long": "The remark is too long; %(limit)s characters fit.",
    "item_twice": "An item is in the form twice. Please open the form again.",
    "no_items": "Nothing was chosen. Choose at least one item.",
    "no_such_variant": "That variant cannot be had in exchange.",
    "not_an_exchange": "This return is no exchange.",
    "nothing_left": "%(title)s: all of it is in a return already.",
    "nothing_to_refund": "There is nothing to refund.",
    "reason_missing": "A reason is needed.",
    "still_owed": "Something is still owed for this return.",
    "refund_too_much": "That is more than is left to refund. %(limit)s at most.",
    "return_denied": "The returns policy refuses this.",
    "sold_out": "That variant is sold out.",
    "try_again": "That did not work. Please try once more.",
    "unknown_item": "That item cannot be sent back.",
    "unknown_reason": "Choose a reason.",
    "unknown_resolution": "Choose what the shopper gets.",
}

# Why a variant is not offered, beside its name.
UNAVAILABLE: Mapping[str, str] = {"sold_out": "sold out", "no_such_variant": "cannot be exchanged"}

FAULTS: Mapping[str, str] = {
    "missing": "This is needed.",
    "too_long": "This is too long.",
    "unknown_field": "This form has changed. Please open it again.",
    "wrong": "This cannot be used.",
    "not_an_amount": "Write an amount such as 12.50.",
    "too_much": "That is more than is left.",
    "not_above_zero": "The amount must be above zero.",
    "nothing_chosen": "Choose at least one item.",
    "unknown_reason": "Choose a reason.",
    "no_such_brand": "Choose one of your brands.",
}
