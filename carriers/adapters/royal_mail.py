"""Royal Mail: tracking through its Tracking API v2, one number with its history or thirty with their latest event."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from carriers.contract import About, Answer, Budget, Estimate, Fault, Fetched, Field, Parcel, Place, Scan
from carriers.errors import BadPayload, UnknownNumber
from carriers.reading import (
    Said,
    When,
    as_object,
    each,
    local_with_offset,
    meant,
    oldest_first,
    reading,
    scan_of,
    some,
    text,
    when,
)
from carriers.status import Status

if TYPE_CHECKING:
    from carriers.http import Http

# `eventCode`, from what Royal Mail's texts beside each code say.
CODES: Final[Mapping[str, str]] = {
    "EVAIE": "info_received.data_received",
    "EVAIP": "info_received.data_received",
    "EVBAH": "in_transit.arrived_hub",
    "EVDAC": "in_transit.arrived_hub",
    "EVDAV": "in_transit.arrived_hub",
    "EVIAV": "in_transit.arrived_hub",
    "EVIMC": "in_transit.arrived_hub",
    "EVODO": "in_transit.departed_hub",
    "EVNKS": "in_transit",  # held as the recipient asked: Keepsafe
    "EVNRT": "in_transit",  # held, as no mail is wanted at the address today
    "EVGMI": "exception.misrouted",
    "EVIPI": "exception.misrouted",
    "EVNMI": "exception.misrouted",
    "EVGPD": "out_for_delivery",  # due for delivery today
    "EVKLC": "available_for_pickup.at_point",
    "EVKAA": "attempt_failed.no_access",
    "EVNAA": "attempt_failed.no_access",
    "EVKNA": "attempt_failed.not_home",
    "EVNDA": "attempt_failed.not_home",
    "EVKSU": "attempt_failed",
    "EVNAR": "attempt_failed.rescheduled",
    "EVNDN": "attempt_failed.rescheduled",
    "EVKDN": "delivered.neighbour",
    "EVKOP": "delivered",
    "EVKSF": "delivered.safe_place",
    "EVKSP": "delivered.to_person",
    "EVNOC": "delivered.collected",
    "EVPLC": "delivered.collected",
    "EVKAI": "returning",
    "EVKGA": "returning",
    "EVKRF": "returning",
    "EVNGA": "returning",
    "EVNRF": "returning",
    "EVRTS": "returned",
}
# `statusCategory` speaks only where no event does.
CATEGORIES: Final[Mapping[str, str]] = {"DELIVERED": "delivered", "IN TRANSIT": "in_transit"}
_FOREIGN: Final = "A word of another program's list; the codes of Royal Mail's events are EV and three letters."
_UNKNOWN_MEANING: Final = "Named by another program alone, which does not say what Royal Mail means by it."
UNMAPPED: Final[Mapping[str, str]] = {
    **dict.fromkeys(("EVNCU", "EVNHE", "EVNPS"), _UNKNOWN_MEANING),
    **dict.fromkeys(("BADADDR", "CLOSED", "CUSTOMS", "CUSTOMSDOC", "CUSTOMSHOLD", "CUSTOMS_UNPAID"), _FOREIGN),
    **dict.fromkeys(("DAMAGED", "DELAY", "HOLD", "INCORRECT", "LOST", "MISROUTE", "NOACCESS", "NOTHOME"), _FOREIGN),
    **dict.fromkeys(("ONHOLD", "REF", "REFUSED", "UNDELIVERABLE", "VEHICLE", "WEATHER"), _FOREIGN),
}

NOT_FOUND: Final = "E1142"
_OVER: Final = {Status.DELIVERED, Status.RETURNED, Status.CANCELLED}
_CLOCK: Final = re.compile(r"([0-9:.]{5,12}) ?(Z|[+-][0-9:]{2,6})?")

ABOUT: Final = About(
    slug="royal_mail",
    name="Royal Mail",
    docs_url="https://developer.royalmail.net/",
    live="https://api.royalmail.net",
    tracking_page="https://www.royalmail.com/track-your-item#/tracking-results/{number}",
    number_pattern=r"[A-Z]{2}[0-9]{9}GB|[0-9A-F]{21}",
    codes={**CODES, **CATEGORIES},
    unmapped=UNMAPPED,
    budgets=(Budget(25, timedelta(hours=12)), Budget(50, timedelta(days=1))),
    batch_size=30,
    time_rule="ISO 8601 with the offset of the place. A time without one stays local without a zone.",
    fields=(
        Field("client_id", "Client ID", "Of an application at developer.royalmail.net; for account holders."),
        Field("client_secret", "Client secret", secret=True),
    ),
    sources=(
        "https://developer.royalmail.net/product/76894 (plans and their limits)",
        "https://github.com/elliotjreed/royal-mail-tracking (answers of the API, list of event codes)",
    ),
    assumed=(
        "Paths, headers, answers and the meaning of every event code: Royal Mail shows its documents to account "
        "holders only.",
        "EVODO is an item sent on to its delivery office.",
        "EVGPD, due for delivery today, is on its last way.",
    ),
    gaps=(
        "Asked for several numbers Royal Mail tells the latest event of each; the whole history comes when one number "
        "is asked for alone.",
        "The limits are those of the first plan, 25 calls in twelve hours and 50 a day; larger ones are not public.",
        "A number is reported as Royal Mail repeats it. Where it answers with another barcode of the same item, that "
        "one is reported.",
        "Version 3 of the API, and the products for return labels, are not documented publicly.",
    ),
)


class RoyalMail:
    """The adapter. Thirty numbers a call; of more than one only the latest event is told."""

    about = ABOUT

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        """Raises UnknownNumber itself for one number, because Royal Mail's answer does not repeat it."""
        asked = [_plain(number) for number in numbers]
        headers = {
            "X-IBM-Client-Id": http.credentials.get("client_id", ""),
            "X-IBM-Client-Secret": http.credentials.get("client_secret", ""),
            "X-Accept-RMG-Terms": "yes",
        }
        if len(asked) > 1:
            reply = http.get("/mailpieces/v2/summary", params={"mailPieceId": ",".join(asked)}, headers=headers)
            return Fetched(reply.status, reply.body)
        reply = http.get(f"/mailpieces/v2/{asked[0]}/events", headers=headers)
        for fault in _faults_of(reply.body):
            if fault.code == NOT_FOUND:
                raise UnknownNumber(fault.text, fault.code)
        return Fetched(reply.status, reply.body)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        with reading("royal mail track"):
            answer = as_object(body)
            errors = _whole_faults(answer)
            pieces = _pieces(answer)
            if pieces is not None:
                latest = isinstance(answer.get("mailPieces"), list)
                return _joined([_piece(piece, latest) for piece in pieces], errors)
        if errors:
            return Answer(errors=errors)
        raise BadPayload("royal mail track: neither mailPieces nor errors in the body")


CARRIER = RoyalMail()


def _plain(number: str) -> str:
    """Letters and digits alone: "FQ 0874 3067 2GB" is printed with spaces."""
    return "".join(c for c in number if c.isascii() and c.isalnum()).upper()


def _pieces(answer: Mapping[str, Any]) -> Sequence[Mapping[str, Any]] | None:
    """One object from the history, a list from the summary; None where the body is something else."""
    if "mailPieces" in answer:
        pieces = answer["mailPieces"]
        return [pieces] if isinstance(pieces, dict) else each(pieces)
    return [answer] if "mailPieceId" in answer else None


def _joined(answers: Sequence[Answer], errors: tuple[Fault, ...]) -> Answer:
    return Answer(
        parcels=tuple(parcel for answer in answers for parcel in answer.parcels),
        not_found=tuple(dict.fromkeys(number for answer in answers for number in answer.not_found)),
        errors=(*errors, *(fault for answer in answers for fault in answer.errors)),
    )


def _piece(piece: Mapping[str, Any], latest: bool) -> Answer:
    """`latest`: the answer tells the latest event alone, in the summary."""
    number = text(piece["mailPieceId"])
    if not number:
        raise ValueError("a mail piece without mailPieceId")
    summary = some(piece.get("summary"))
    error = some(piece.get("error"))
    told = bool(summary) or "events" in piece or not error
    faults = (_fault(error, number),) if error else ()
    unknown = not told and any(fault.code == NOT_FOUND for fault in faults)
    return Answer(
        parcels=(_parcel(number, piece, summary, latest),) if told else (),
        not_found=(number,) if unknown else (),
        errors=() if unknown else faults,
    )


def _parcel(number: str, piece: Mapping[str, Any], summary: Mapping[str, Any], latest: bool) -> Parcel:
    """The order of events is not documented, so that only their times sort them."""
    scans = oldest_first(_scan(event) for event in each(piece.get("events")))
    if latest and summary.get("lastEventCode"):
        scans = (_scan({key: summary.get(f"last{key[0].upper()}{key[1:]}") for key in _LAST}),)
    newest = next((scan for scan in reversed(scans) if scan.status is not None), None)
    last = None if scans else CODES.get(text(summary.get("lastEventCode")).upper())
    category = CATEGORIES.get(text(summary.get("statusCategory")).upper())
    status, sub_status = (newest.status, newest.sub_status) if newest else meant(last or category)
    return Parcel(
        number=number,
        scans=scans,
        status=status,
        sub_status=sub_status,
        delivered_at=newest.at if newest and status is Status.DELIVERED else None,
        estimated=None if status in _OVER else _estimate(some(piece.get("estimatedDelivery"))),
        service=text(summary.get("productName")),
    )


# The fields of an event, which a summary has as lastEventCode, lastEventName, ...
_LAST: Final = ("eventCode", "eventName", "eventDateTime", "eventLocationName")


def _scan(event: Mapping[str, Any]) -> Scan:
    code = text(event.get("eventCode"))
    status, sub_status = meant(CODES.get(code.upper()))
    moment = when(event.get("eventDateTime"))
    return scan_of(
        moment,
        Said(code, text(event.get("eventName")), status, sub_status),
        Place(text(event.get("locationName")) or text(event.get("eventLocationName"))),
    )


def _estimate(told: Mapping[str, Any]) -> Estimate | None:
    """A day, or the window of that day where both edges are instants."""
    day = when(told.get("date")).local[:10]
    edges = [_edge(day, told.get(name)) for name in ("startOfEstimatedWindow", "endOfEstimatedWindow")]
    instants = [edge.at for edge in edges if edge.at]
    if len(instants) == 2:
        return Estimate(min(instants), max(instants), "estimatedWindow")
    known = day or next((edge.local[:10] for edge in edges if edge.local), "")
    return Estimate(date.fromisoformat(known), date.fromisoformat(known), "estimatedDelivery") if known else None


def _edge(day: str, value: object) -> When:
    """An edge is a full time, or only the clock: "08:00:00+01:00"."""
    told = text(value)
    if clock := _CLOCK.fullmatch(told):
        return local_with_offset(day, clock[1], clock[2])
    return when(told)


def _whole_faults(answer: Mapping[str, Any]) -> tuple[Fault, ...]:
    """`errors`, else the HTTP words that the gateway repeats in the body; both are null where all went well."""
    faults = tuple(_fault(error, None) for error in each(answer.get("errors")))
    if faults or not answer.get("httpMessage"):
        return faults
    words = (text(answer["httpMessage"]), text(answer.get("moreInformation")))
    return (Fault(None, text(answer.get("httpCode")), ": ".join(word for word in words if word)),)


def _fault(error: Mapping[str, Any], number: str | None) -> Fault:
    return Fault(number, text(error.get("errorCode")), text(error.get("errorDescription")))


def _faults_of(body: bytes) -> Sequence[Fault]:
    """The errors of a whole call; none where the answer is something else, which is parse's to say."""
    try:
        with reading("royal mail"):
            return _whole_faults(as_object(body))
    except BadPayload:
        return ()
