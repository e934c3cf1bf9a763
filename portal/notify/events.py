"""What a shopper is told about: one member per message, with its class and how long its news is worth sending."""

from datetime import timedelta
from enum import StrEnum
from typing import Literal

# News of a parcel that is older than this when we hear of it is history: told on the page, not by mail.
STALE = timedelta(hours=48)

Class = Literal["essential", "service"]


class Event(StrEnum):
    """One kind of message. The value is "subject.what"; the templates are in templates/mail/<folder>/."""

    SHIPPED = "shipment.shipped"
    DELAYED = "shipment.delayed"
    OUT_FOR_DELIVERY = "shipment.out_for_delivery"
    DELIVERED = "shipment.delivered"
    RETURN_APPROVED = "return.approved"
    LABEL_ISSUED = "return.label_issued"
    RETURN_REJECTED = "return.rejected"
    REFUND_SUBMITTED = "return.refund_submitted"
    ORDER_LINK = "order.link"

    @property
    def about(self) -> str:
        """What it is about: shipment, return or order."""
        return self.value.partition(".")[0]

    @property
    def kind(self) -> Class:
        """Essential messages belong to the purchase; service messages are a courtesy and stop after a bounce."""
        return "service" if self is Event.OUT_FOR_DELIVERY else "essential"

    @property
    def folder(self) -> str:
        """The folder of its templates below templates/mail."""
        return _FOLDERS[self]

    @property
    def stale_after(self) -> timedelta | None:
        """How old the news may be when it is sent. None: a decision of people, true until another decision."""
        if self is Event.ORDER_LINK:
            return timedelta(hours=24)
        return STALE if self.about == "shipment" else None


_FOLDERS = {
    Event.SHIPPED: "shipped",
    Event.DELAYED: "delayed",
    Event.OUT_FOR_DELIVERY: "out_for_delivery",
    Event.DELIVERED: "delivered",
    Event.RETURN_APPROVED: "return_approved",
    Event.LABEL_ISSUED: "label_issued",
    Event.RETURN_REJECTED: "return_rejected",
    Event.REFUND_SUBMITTED: "refund_submitted",
    Event.ORDER_LINK: "order_link",
}
