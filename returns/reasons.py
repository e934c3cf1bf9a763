"""Why things come back: the reasons a shopper can give, whose fault each is, and which right it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """Who caused the return: decides who pays for shipping and whether policy limits may be bypassed."""

    MERCHANT = "merchant"
    CARRIER = "carrier"
    SHOPPER = "shopper"


class Ground(StrEnum):
    """The right a return rests on. A withdrawal is declared without a reason, so no reason leads to it."""

    RETURN = "return"
    WITHDRAWAL = "withdrawal"
    CLAIM = "claim"
    WARRANTY = "warranty"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason. `is_faulty`: what arrived is broken, incomplete or not what was ordered."""

    code: str
    fault: Fault
    ground: Ground
    is_faulty: bool = False


_ALL = (
    Reason("too_small", Fault.SHOPPER, Ground.RETURN),
    Reason("too_large", Fault.SHOPPER, Ground.RETURN),
    Reason("wrong_colour_style", Fault.SHOPPER, Ground.RETURN),
    Reason("no_longer_wanted", Fault.SHOPPER, Ground.RETURN),
    Reason("better_offer", Fault.SHOPPER, Ground.RETURN),
    Reason("ordered_by_mistake", Fault.SHOPPER, Ground.RETURN),
    Reason("unauthorised_purchase", Fault.SHOPPER, Ground.RETURN),
    Reason("gift", Fault.SHOPPER, Ground.RETURN),
    Reason("hard_to_use", Fault.SHOPPER, Ground.RETURN),
    Reason("not_as_described", Fault.MERCHANT, Ground.CLAIM),
    Reason("not_fit_for_purpose", Fault.MERCHANT, Ground.WARRANTY),
    Reason("damaged_in_transit", Fault.CARRIER, Ground.CLAIM, is_faulty=True),
    Reason("defective", Fault.MERCHANT, Ground.WARRANTY, is_faulty=True),
    Reason("missing_parts", Fault.MERCHANT, Ground.CLAIM, is_faulty=True),
    Reason("wrong_item_sent", Fault.MERCHANT, Ground.CLAIM, is_faulty=True),
    Reason("arrived_late", Fault.CARRIER, Ground.RETURN),
    Reason("other", Fault.SHOPPER, Ground.RETURN),
)
REASONS: dict[str, Reason] = {reason.code: reason for reason in _ALL}


def is_faulty(code: str) -> bool:
    """Whether this reason says that the goods are broken, incomplete or wrong. False for a code that is none."""
    return code in REASONS and REASONS[code].is_faulty
