"""GLS: Track and Trace V1 of the GLS Group, ten parcels a call, and the answers of its public tracking page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from html import unescape
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from carriers.auth import ClientCredentials, Tokens
from carriers.contract import ENVIRONMENT, About, Answer, Budget, Fault, Fetched, Field, Parcel, Place, Scan
from carriers.reading import Said, as_object, each, meant, oldest_first, other_body, reading, scan_of, some, text, when
from carriers.status import Status
from carriers.zones import placed

if TYPE_CHECKING:
    import httpx

    from carriers.http import Http

# `status` of a parcel: the whole of GLS's list but one.
STATUSES: Final[Mapping[str, str]] = {
    "PLANNEDPICKUP": "info_received.pickup_scheduled",
    "INPICKUP": "info_received.pickup_scheduled",  # a driver will fetch it
    "NOTPICKEDUP": "info_received",  # the collection failed: still with the sender
    "PREADVICE": "info_received.data_received",
    "INTRANSIT": "in_transit",
    "INWAREHOUSE": "in_transit.arrived_depot",  # GLS's page calls it the destination parcel centre
    "INDELIVERY": "out_for_delivery.on_vehicle",
    "DELIVEREDPS": "available_for_pickup.at_point",  # delivered, but to a ParcelShop
    "DELIVERED": "delivered",
    "NOTDELIVERED": "attempt_failed",
    "CANCELED": "cancelled",
}
# `events[].code`. GLS publishes the list only by API; these were seen in its documents or beside its words.
EVENTS: Final[Mapping[str, str]] = {
    "INTIAL.PREADVICE": "info_received.data_received",
    "INTIAL.E48_DATA": "info_received",  # provided for collection
    "INTIAL.NORMAL": "picked_up",
    "INBOUD.NORMAL": "in_transit.arrived_hub",
    "OUTBOD.NORMAL": "in_transit.departed_hub",
    "OUTDEL.NORMAL": "out_for_delivery.on_vehicle",
    "CHANGD.MONEWADDR": "in_transit.redirected",
    "CHANGD.PARCELBOX": "in_transit.redirected",
    "DELIVD.PARCELSHOP": "available_for_pickup.at_point",
    "DELIVD.DEL_BY_PSAPP": "delivered.collected",
    "DELIVD.NORMAL": "delivered",
    "CANCEL.NORMAL": "cancelled",
}
# The same events by number, as the tracking page has them.
NUMBERS: Final[Mapping[str, str]] = {
    "0.100": "info_received.data_received",
    "0.0": "picked_up",
    "1.0": "in_transit.departed_hub",
    "2.0": "in_transit.arrived_hub",
    "2.29": "in_transit.arrived_hub",
    "2.106": "in_transit.arrived_hub",  # and sorted by hand
    "2.124": "available_for_pickup.at_point",
    "3.124": "available_for_pickup.at_point",  # delivered, but to a ParcelShop
    "11.0": "out_for_delivery.on_vehicle",
    "4.40": "attempt_failed.not_home",
    "3.0": "delivered",
    "3.120": "delivered",
    "3.121": "delivered",
}
CODES: Final[Mapping[str, str]] = {**STATUSES, **EVENTS, **NUMBERS}

_NO_WORDS: Final = "Listed by a peer as under way; what GLS means by it was never seen."
UNMAPPED: Final[Mapping[str, str]] = {
    "FINAL": "The history is closed, whatever it ended with; the newest scan says that.",
    "90.132": "Says that a card was left; the scan beside it says what happened.",
    **dict.fromkeys(("8.0", "6.211", "35.40"), _NO_WORDS),
}

BATCH: Final = 10
NOT_FOUND: Final = "E_404_01"
_OTHER_BODIES: Final[Mapping[str, str]] = {
    "CreatedShipment": "the answer to buying a label",
    "labels": "the answer to buying a label",
    "eventsCodes": "the list of event codes",
    "parcelshopDelivery": "a ParcelShop",
    "access_token": "a token",
}


class Gls:
    """GLS. A number that is not known has an error of its own inside the 200."""

    about = About(
        slug="gls",
        name="GLS",
        docs_url="https://dev-portal.gls-group.net/",
        live="https://api.gls-group.net",
        sandbox="https://api-sandbox.gls-group.net",
        tracking_page="https://gls-group.com/EU/en/parcel-tracking?match={number}",
        number_pattern=r"[0-9]{11,12}|[0-9A-Z]{8}",
        codes=CODES,
        unmapped=UNMAPPED,
        budgets=(Budget(500, timedelta(days=1)),),
        batch_size=BATCH,
        time_rule=(
            "Events carry ISO 8601 times with an offset, written without a colon. Times of the tracking page have none "
            "and are placed by the country of the scan where it has one zone."
        ),
        fields=(
            Field("client_id", "API key", "Of an app with Track And Trace V1 in the GLS developer portal."),
            Field("client_secret", "API secret", "Shown with the key.", secret=True),
            Field("language", "Language of the event texts", "EN, DE, ...", required=False, default="EN"),
            ENVIRONMENT,
        ),
        assumed=(
            "INBOUD, OUTBOD, OUTDEL and DELIVD.NORMAL are read as the words say that a public client recorded beside "
            "them, DELIVD.DEL_BY_PSAPP as another explains it.",
            "3.120 and 3.121 of the tracking page are deliveries, as 3.0 is; a peer says so.",
            "The offset is kept as sent, although a recorded journey in Ireland was stamped as in Germany.",
        ),
        sources=(
            "OpenAPI documents of GLS: Track And Trace V1 1.0.7, Authentication V2",
            "Two recorded answers of the public tracking page, and one of the API",
        ),
        gaps=(
            "GLS's list of event codes comes only by API: a code that is not listed here is shown in GLS's words and "
            "waits to be mapped. The status of the parcel is complete.",
            "There is no expected date. Names of recipients and ParcelShops are not read.",
            "The tracking page is not asked; its answers are only read. Its flag for returns is not read: it does not "
            "tell a customer's return from a parcel that goes back.",
            "GLS does not push. Labels (ShipIT) need a contract and are not sold here.",
        ),
    )

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        return ClientCredentials.of_account(http, "/oauth2/v2/token", tokens, style="basic")

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        asked = ",".join(quote(number, safe="") for number in numbers)
        reply = http.get(
            f"/track-and-trace-v1/tracking/simple/trackids/{asked}",
            params={"showEvents": "true", "showLinks": "false"},
            headers={"Accept-Language": http.credentials.get("language") or "EN"},
        )
        return Fetched(reply.status, reply.body)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        with reading("gls track"):
            return _answer(as_object(body))


CARRIER = Gls()


def _answer(answer: Mapping[str, Any]) -> Answer:
    if isinstance(answer.get("parcels"), list) and "labels" not in answer:
        return _told(each(answer["parcels"]))
    if isinstance(answer.get("tuStatus"), list):
        return Answer(tuple(_of_page(unit) for unit in each(answer["tuStatus"])))
    if answer.get("errorCode"):  # of a call about one parcel, which it does not always name
        number = text(answer.get("requested")) or text(answer.get("unitno"))
        if number:
            return _told([answer])
        return Answer(errors=(Fault(None, text(answer["errorCode"]), text(answer.get("errorMessage"))),))
    if isinstance(answer.get("errors"), list):
        return Answer(
            errors=tuple(Fault(None, text(e.get("code")), text(e.get("message"))) for e in each(answer["errors"]))
        )
    if fault := _fault(answer):
        return Answer(errors=(fault,))
    raise other_body(answer, _OTHER_BODIES, "gls: neither parcels nor an error; this is not tracking data of GLS")


def _fault(answer: Mapping[str, Any]) -> Fault | None:
    """An error of the whole call: of the API, of the gateway before it, or of the tracking page."""
    if "title" in answer and "status" in answer:
        return Fault(None, text(answer["status"]), text(answer.get("detail")) or text(answer["title"]))
    if fault := some(answer.get("fault")):
        return Fault(None, text(some(fault.get("detail")).get("errorcode")), text(fault.get("faultstring")))
    if "exceptionText" in answer:
        return Fault(None, text(answer.get("lastError")), text(answer["exceptionText"]))
    return None


def _told(parcels: Sequence[Mapping[str, Any]]) -> Answer:
    asked = Counter(text(parcel.get("requested")) for parcel in parcels)
    shared = {number for number, count in asked.items() if count > 1}  # a reference: its parcels have their own
    failed = [parcel for parcel in parcels if parcel.get("errorCode")]
    unknown = [parcel for parcel in failed if text(parcel["errorCode"]) == NOT_FOUND]
    return Answer(
        parcels=tuple(_parcel(parcel, shared) for parcel in parcels if not parcel.get("errorCode")),
        not_found=tuple(_number(parcel) for parcel in unknown),
        errors=tuple(
            Fault(_number(parcel), text(parcel["errorCode"]), text(parcel.get("errorMessage")))
            for parcel in failed
            if parcel not in unknown
        ),
    )


def _number(parcel: Mapping[str, Any], shared: Collection[str] = ()) -> str:
    """As it was asked for: `unitno` leaves the check digit of a twelve-digit number out. Parcels that share what was
    asked for, a reference, have only that."""
    requested, unit = text(parcel.get("requested")), text(parcel.get("unitno"))
    if number := (unit or requested) if requested in shared else (requested or unit):
        return number
    raise ValueError("a parcel without a number")


def _parcel(parcel: Mapping[str, Any], shared: Collection[str]) -> Parcel:
    scans = oldest_first((_event(event) for event in each(parcel.get("events"))), newest_first=True)
    return _summed_up(_number(parcel, shared), scans, text(parcel.get("status")))


def _summed_up(number: str, scans: tuple[Scan, ...], code: str) -> Parcel:
    """GLS's own status where it says one; after a closed history, or without a status, that of the newest scan."""
    status, sub_status = meant(STATUSES.get(code))
    if status is None and code in {"", "FINAL"}:
        status, sub_status = next(((s.status, s.sub_status) for s in reversed(scans) if s.status), (None, None))
    return Parcel(number, scans, status, sub_status, _delivered_at(scans) if status is Status.DELIVERED else None)


def _delivered_at(scans: Sequence[Scan]) -> datetime | None:
    return next((s.at for s in reversed(scans) if s.status is Status.DELIVERED and s.at), None)


def _event(event: Mapping[str, Any]) -> Scan:
    place = Place(
        city=text(event.get("city")), postcode=text(event.get("postalCode")), country=text(event.get("country"))
    )
    return _scan(text(event.get("code")), text(event.get("description")), event.get("eventDateTime"), place, EVENTS)


def _scan(code: str, words: str, time: object, place: Place, codes: Mapping[str, str]) -> Scan:
    status, sub_status = meant(codes.get(code))
    moment = placed(when(time), place)
    return scan_of(moment, Said(code, words, status, sub_status), place)


def _of_page(unit: Mapping[str, Any]) -> Parcel:
    """One parcel of the tracking page. Its codes and events lie in two lists; they match while equally long."""
    number = text(unit["tuNo"])
    if not number:
        raise ValueError("a parcel without tuNo")
    bar = some(unit.get("progressBar"))
    history = each(unit.get("history"))
    codes = [text(code) for code in bar.get("evtNos") or ()]
    if len(codes) != len(history):
        codes = [""] * len(history)
    scans = (_line(line, code) for line, code in zip(history, codes, strict=True))
    return _summed_up(number, oldest_first(scans, newest_first=True), text(bar.get("statusInfo")))


def _line(line: Mapping[str, Any], code: str) -> Scan:
    address = some(line.get("address"))
    place = Place(city=text(address.get("city")), country=text(address.get("countryCode")))
    time = f"{text(line.get('date'))} {text(line.get('time'))}".strip()
    return _scan(code, unescape(text(line.get("evtDscr"))), time, place, NUMBERS)
