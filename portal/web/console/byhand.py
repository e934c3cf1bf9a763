"""The panel "Add an event": what an agent can say of a parcel, when and where, in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlmodel import col, select

from carriers.adapters.manual import CODES, MAX_TEXT, REMARK
from carriers.contract import Place
from carriers.status import Status
from portal.refusal import Refusal
from portal.tables import Order, Shipment
from portal.tracking.byhand import Told
from portal.web.console.fields import form_text, new_key
from portal.web.console.scope import public_id
from portal.web.console.show import Phrase, Show
from portal.web.console.words import STATUSES, SUB_STATUSES
from portal.web.edge import Ask

REMARK_WORDS = "No change, a remark for the shopper"
# What a clock on the agent's desk may be ahead of ours.
_AHEAD = timedelta(minutes=5)


def event_panel(ask: Ask, show: Show, order: Order) -> dict[str, Any]:
    """The values of console/event.html. `?parcel=` chooses one."""
    parcels = ask.tx.exec(select(Shipment).where(Shipment.order_id == order.id).order_by(col(Shipment.id))).all()
    here = ask.now.astimezone(show.zone)
    return {
        "parcels": [{"id": parcel.public_id, "number": parcel.number} for parcel in parcels if parcel.number_key],
        "chosen": ask.query.get("parcel", "")[:64],
        "remark": REMARK,
        "remark_words": REMARK_WORDS,
        "groups": [{"words": words, "choices": choices} for words, choices in _choices()],
        "day": here.date().isoformat(),
        "clock": here.strftime("%H:%M"),
        "zone": show.zone_name,
        "longest": MAX_TEXT,
        "key": new_key(),
    }


def parcel_of(ask: Ask, order: Order) -> Shipment:
    """The parcel that the form is about, if it belongs to this order. Locked, or Refusal not_found."""
    wanted = Shipment.public_id == public_id(form_text(ask, "parcel", 64)), Shipment.order_id == order.id
    parcel = ask.tx.exec(select(Shipment).where(*wanted).with_for_update(key_share=True)).first()
    if parcel is None:
        raise Refusal("not_found", 404)
    return parcel


def told_of(ask: Ask, show: Show) -> Told:
    """What the form says. Raises Refusal no_such_time or event_in_future."""
    place = Place(
        city=form_text(ask, "city", 100),
        region=form_text(ask, "region", 100),
        postcode=form_text(ask, "postcode", 20),
        country=form_text(ask, "country", 60),
    )
    at = _moment(ask, show)
    return Told(form_text(ask, "status", 60), at, form_text(ask, "text", MAX_TEXT), place)


def status_words(word: str) -> str:
    """What an agent said, in words of ours."""
    if word == REMARK:
        return "Remark"
    return SUB_STATUSES.get(word) or STATUSES.get(word, ("An event",))[0]


def _moment(ask: Ask, show: Show) -> str:
    """ISO 8601: the brand's wall clock with its offset, or the day alone where no time was given."""
    day, clock = form_text(ask, "day", 10), form_text(ask, "clock", 8)
    try:
        on = date.fromisoformat(day)
        at = time.fromisoformat(clock) if clock else None
    except ValueError:
        raise Refusal("no_such_time", 422) from None
    if at is None:
        if on > show.today:
            raise Refusal("event_in_future", 422)
        return on.isoformat()
    moment = datetime.combine(on, at.replace(tzinfo=None, microsecond=0)).replace(tzinfo=show.zone)
    # A wall time that was skipped when clocks were changed comes back as another one.
    if moment.astimezone(UTC).astimezone(show.zone).replace(tzinfo=None) != moment.replace(tzinfo=None):
        raise Refusal("no_such_time", 422)
    if moment > ask.now + _AHEAD:
        raise Refusal("event_in_future", 422)
    return moment.isoformat()


def _choices() -> Iterator[tuple[str, list[tuple[str, Phrase]]]]:
    """Statuses with what belongs to each, in the order of a parcel's way."""
    for status in Status:
        words = STATUSES[status.value][0]
        finer = [word for word in CODES if word.startswith(f"{status.value}.")]
        own = [(status.value, Phrase("%(status)s, nothing more", {"status": words}))] if status.value in CODES else []
        if own or finer:
            yield words, [*own, *((word, Phrase(SUB_STATUSES[word], {})) for word in finer)]
