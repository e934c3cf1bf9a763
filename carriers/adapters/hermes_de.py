"""Hermes Germany: status of up to a hundred shipments a call, by the Hermes Shipping Interface (HSI)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from carriers.auth import ClientCredentials, Tokens
from carriers.contract import ENVIRONMENT, About, Answer, Budget, Estimate, Fault, Fetched, Field, Parcel, Place, Scan
from carriers.reading import (
    Said,
    When,
    as_json,
    as_object,
    each,
    local_with_offset,
    meant,
    oldest_first,
    other_body,
    reading,
    scan_of,
    some,
    text,
    when,
)
from carriers.status import Status
from carriers.zones import in_zone

if TYPE_CHECKING:
    import httpx

    from carriers.http import Http

ZONE: Final = "Europe/Berlin"
LIVE: Final = "https://de-api.hermesworld.com/services/hsi"
SANDBOX: Final = "https://de-api-int.hermesworld.com/services/hsi"
TOKEN_HOSTS: Final[Mapping[str, str]] = {LIVE: "https://authme.myhermes.de", SANDBOX: "https://authme-int.myhermes.de"}
TOKEN: Final = "/authorization-facade/oauth2/access_token"  # noqa: S105 - an address

_CORRECTION: Final = "!Takes an earlier scan back and does not say what is true instead."
_WISH: Final = "!A wish or a note about the delivery; the parcel has not moved."

# Hermes's list of event codes: the short code (2x2), what it says in our words or why it says nothing, and the long
# codes (3x3) below it. A short code covers what differs only in who scanned.
_TABLE: Final = (
    ("0000", "info_received.data_received", "000000000 000000002 000000003 000000006 000000009"),
    ("0600", "info_received", "000001000"),
    ("0700", "info_received", "000002000"),
    ("0800", "info_received", "000003000 000003009"),
    ("0900", "info_received", "000004000"),
    ("1000", "picked_up", "010000000 010000007 010000009"),
    ("1510", "in_transit", "030000000 030000006 030000009 030015006"),
    ("1520", "returning", "115001003 115001006"),
    ("1610", "in_transit", "035001000 035001009"),
    ("1710", "in_transit", "033001009"),
    ("1720", "in_transit.customs_cleared", "033002009"),
    ("1730", "exception.customs_hold", "033003009"),
    ("1751", "exception.customs_hold", "033051009"),
    ("1810", "in_transit", "033005006"),
    ("1820", "in_transit", "033006006 033006009"),
    ("1900", "picked_up", "037001002 037001003 037004003"),
    ("1901", "picked_up", "037002002 037002003"),
    ("1910", "picked_up", "037003002 037003003 037003004"),
    ("2000", "in_transit", "045000000 045000009 045001002 045001003 045001006 045001009 045005003"),
    ("2100", "in_transit", "045002003"),
    ("2300", "in_transit", "045020002 045020003"),
    ("2400", "picked_up.dropped_off", "045001008"),
    ("3000", "out_for_delivery.on_vehicle", "050001000 050001002 050001003 050001009"),
    ("3010", "in_transit.departed_hub", "050021002 050021003 050026003 050028003 050029003"),
    ("3300", "in_transit", "050024003"),
    ("3410", "available_for_pickup.at_point", "055001000 055001003 055001005 055001009"),
    ("3430", "in_transit.handed_to_partner", "055002000"),
    ("3500", "delivered", "090000000 090000009"),
    ("3510", "delivered", "090001000 090001003 090001004 090001009"),
    ("3511", "delivered", "090005004"),
    ("3520", "delivered", "090002000"),
    ("3530", "delivered.collected", "090003008 090003009"),
    ("3710", "exception.refused", "060001004 060001005 060001009"),
    ("3715", "exception.payment", "060010004"),
    ("3720", "exception.address", "060002004 060002009"),
    ("3731", "attempt_failed.not_home", "060003004 060003009"),
    ("3732", "attempt_failed.not_home", "060004004"),
    ("3733", "attempt_failed.not_home", "060005004"),
    ("3734", "attempt_failed.not_home", "060006004"),
    ("3740", "exception.damaged", "060008000 060008004 060008005 060008008 060008009"),
    ("3750", "exception.capacity", "060009004 060009009"),
    ("3751", "attempt_failed", "060032004"),
    ("3752", "attempt_failed", "060033004"),
    ("3753", "attempt_failed", "060034004"),
    ("3754", "attempt_failed", "060035004 060035005 060035008"),
    ("3760", "picked_up.collected", "065001004 065001009"),
    ("3761", "picked_up.collected", "065002000 065002004 065002005 065002009"),
    ("3780", "exception.misrouted", "060007000 060007004 060007005"),
    ("3782", "attempt_failed", "060013004 060013005 060013008"),
    ("3783", "attempt_failed", "060014004 060014005 060014008"),
    ("3784", "attempt_failed", "060015004 060015005 060015008"),
    ("3785", "attempt_failed", "060016004 060016005 060016008"),
    ("3786", "attempt_failed", "060017005 060017008"),
    ("3787", "attempt_failed", "060018004 060018005 060018008"),
    ("3795", "exception", "060095004 060095008"),
    ("4010", "exception.refused", "060001008"),
    ("4015", "exception.payment", "060010002 060010003 060010009"),
    ("4020", "exception.address", "060002002 060002003"),
    ("4024", "exception", "060024002 060024003 060024005 060024008"),
    ("4025", "in_transit", "060000002 060000003 060000009"),
    ("4031", "attempt_failed.not_home", "060003002 060003003"),
    ("4032", "attempt_failed.not_home", "060004002 060004003"),
    ("4033", "attempt_failed.not_home", "060005002 060005003"),
    ("4034", "attempt_failed.not_home", "060006002 060006003"),
    ("4035", "exception.pickup_expired", "060012002 060012003 060012005 060012008"),
    ("4040", "exception.damaged", "060008002 060008003"),
    ("4050", "exception.capacity", "060009002 060009003"),
    ("4051", "attempt_failed", "060032002 060032003"),
    ("4052", "attempt_failed", "060033002 060033003"),
    ("4053", "attempt_failed", "060034002 060034003"),
    ("4054", "attempt_failed", "060035002 060035003"),
    ("4060", "in_transit", "065001000 065001002 065001003"),
    ("4061", "in_transit", "065002002 065002003"),
    ("4062", "picked_up.dropped_off", "065002008"),
    ("4070", _CORRECTION, "050090002 050090003"),
    ("4072", _CORRECTION, "060090002 060090003 100090002 100090003"),
    ("4080", "exception.misrouted", "060007002 060007003 060007008 060007009"),
    ("4081", "attempt_failed", "060011002 060011003 060011009"),
    ("4082", "attempt_failed", "060013002 060013003"),
    ("4083", "attempt_failed", "060014002 060014003"),
    ("4084", "attempt_failed", "060015002 060015003"),
    ("4085", "attempt_failed", "060016002 060016003"),
    ("4086", "attempt_failed", "060017003"),
    ("4087", "attempt_failed", "060018002 060018003"),
    ("4095", "exception", "060095002 060095003"),
    (
        "4100",
        "in_transit",
        (
            "080001009 080002002 080002003 080003002 080003003 080004002 080004003 080004006 080005003 080006003 "
            "080007003"
        ),
    ),
    ("4500", "in_transit", "085001002 085001003"),
    ("4610", "in_transit", "048001005 048001008"),
    ("4620", "in_transit", "048002000 048002002 048002003 048002005 048002009"),
    ("4630", "exception", "048003000 048003002 048003003 048003005 048003009"),
    ("4690", _CORRECTION, "048090000 048090002 048090003 048090005 048090008"),
    ("6080", "returning", "100000002 100000003 100000009"),
    ("6081", "returning", "100001000 100001002 100001003 100001009"),
    ("6082", "returning", "100002000 100002002 100002003"),
    ("6083", "returning", "100003003 100003009"),
    ("6084", "returning", "100004000 100004003 100004009"),
    ("6085", "exception.damaged", "100005000 100005002 100005003 100005006"),
    ("6086", "exception.misrouted", "100006003"),
    ("6087", "exception.misrouted", "100007003"),
    ("6088", "in_transit.redirected", "100008000 100008002 100008003 100008009"),
    ("6089", "returning", "100009002 100009003 100009009"),
    ("6090", "in_transit", "101001002 101001003"),
    ("6092", "returning", "100011003"),
    ("6093", "returning", "100015000 100015003 100015009"),
    ("6094", "returning", "100010003"),
    ("6096", "returning", "100024002 100024003"),
    ("6098", "returning", "100018000 100018002 100018003"),
    ("6099", "returning", "100099003"),
    ("7500", "returned", "125001007 125001009"),
    ("9040", "in_transit", "031040006 031040009"),
    ("9041", "in_transit", "031041006"),
    ("9311", _WISH, "310001301"),
    ("9315", _WISH, "310005301"),
    ("9321", _WISH, "320001301 320001302"),
    ("9322", _WISH, "320002301 320002302"),
    ("9323", _WISH, "320003301 320003302"),
    ("9324", _WISH, "320004301 320004302"),
    ("9325", _WISH, "320005301 320005302"),
    ("9327", _WISH, "320007301 320007302"),
    ("9328", _WISH, "320008000 320008302"),
    ("9340", "cancelled", "320020301 320020302"),
    ("9341", "cancelled", "320021304"),
    ("9381", _WISH, "380001301"),
    ("9385", _WISH, "380005301"),
    ("9391", _WISH, "390001301"),
    ("9394", _WISH, "390004301"),
    ("9395", _WISH, "390005301"),
    ("9399", "info_received", "390020301"),
)

# Long codes that say more than their short one, "kept": for want of capacity, not because somebody wished so.
_FINER: Final = dict.fromkeys(("080004002", "080004003", "080004006"), "exception.capacity")

_WORDS: Final = {code: word for short, word, long in _TABLE for code in (short, *long.split())} | _FINER
CODES: Final[Mapping[str, str]] = {code: word for code, word in _WORDS.items() if not word.startswith("!")}
_A_PEERS_CODE: Final = "A peer's code; it is not in Hermes's list."
UNMAPPED: Final[Mapping[str, str]] = {
    **{code: word[1:] for code, word in _WORDS.items() if word.startswith("!")},
    **dict.fromkeys(("4000", "5000", "6000", "7000"), _A_PEERS_CODE),
}

# `parcelStatus` of the page for recipients, in English; below it those of the app, in German.
_PAGE_OF: Final[Mapping[str, str]] = {
    "info_received.data_received": "ANNOUNCED ORDER_INFO_RECEIVED PREANNOUNCED AVISE",
    "info_received": "ATG_OUT_OF_WAREHOUSE",
    "picked_up": (
        "HANDED_OVER HANDED_OVER_TO_HERMES TAKEN_OVER_BY_HERMES PICKED_UP SHIPMENT_PICKED_UP "
        "PARCELSHOP_COLLECTED_BY_DRIVER SENDUNG_VON_HERMES_UEBERNOMMEN ABGEHOLT_AN_FAHRER_UEBERGEBEN "
        "PAKETSHOP_AN_FAHRER_UEBERGEBEN"
    ),
    "picked_up.dropped_off": "PARCELSHOP_DROP_OFF AM_PKS_ABGEGEBEN",
    "in_transit": (
        "IN_TRANSIT SORTED ARRIVED_AT_DEPOT ARRIVED_AT_DELIVERY_DEPOT ARRIVED_IN_DESTINATION_REGION "
        "ARRIVED_IN_DESTINATION_REGION_V2 UNTERWEGS UMSCHLAG_INLAND UMSCHLAG_AUSLAND SENDUNG_IN_ZIELREGION_ANGEKOMMEN "
        "LAGERND LAGERND_TERMIN LAGERND_MEHRCOLLIG"
    ),
    "in_transit.handed_to_partner": "AN_INSELSPEDITEUR_UEBERGEBEN",
    "out_for_delivery": "OUT_FOR_DELIVERY NEXT_STOP ZUSTELLTOUR ZUSTELLTOUR_VERSPAETET ZUSTELLTOUR_STARK_VERSPAETET",
    "out_for_delivery.on_vehicle": "DELIVERY_TOUR_STARTED",
    "attempt_failed": "DELIVERY_FAILED NICHT_ZUSTELLBAR_ERNEUTER_VERSUCH",
    "attempt_failed.not_home": "NICHT_ANGETROFFEN_1 NICHT_ANGETROFFEN_2 NICHT_ANGETROFFEN_3 NICHT_ANGETROFFEN_4",
    "available_for_pickup": "READY_FOR_PICKUP READY_FOR_COLLECTION READY_FOR_COLLECTION_SINCE",
    # "Delivered" to the shop, not to the recipient: the words beside it say that it can be collected.
    "available_for_pickup.at_point": "PARCELSHOP_ITEMS_FOR_COLLECTION PAKETSHOP WUNSCHPAKETSHOP ZUGESTELLT_PAKETSHOP",
    "exception": "NOT_DELIVERABLE",
    "exception.address": "NICHT_ZUSTELLBAR_ADRESSFEHLER",
    "exception.damaged": "PRUEFUNG_AUF_BESCHAEDIGUNG",
    "exception.lost": "UNKNOWN_WHEREABOUTS UNKLARER_SENDUNGSVERBLEIB",
    "exception.pickup_expired": "HBX_STORAGETIME_EXPIRED",
    "delivered": (
        "DELIVERED DELIVERED_HOMEDELIVERY DELIVERED_PARCELBOX DELIVERED_MAILBOX ZUGESTELLT ZUGESTELLT_BRIEFKASTEN"
    ),
    "delivered.collected": "PICKED_UP_BY_RECIPIENT COLLECTED VOM_PAKETSHOP_ABGEHOLT",
    "delivered.neighbour": "DELIVERED_NEIGHBOUR",
    "delivered.safe_place": "DELIVERED_DROPOFF INT_ZUGESTELLT_ABLAGEORT",
    "returning": (
        "RETURN RETURN_TO_SENDER RETOURE_AUSLIEFERUNG_ZUM_ATG RETOURE_AUSLIEFERUNG_ZUM_ATG_NACH_SCHADEN "
        "RUECKVERSAND_RETOURE RUECKVERSAND_DURCH_ATG RUECKVERSAND_SCHADENFALL RUECKVERSAND_NICHT_AM_PKS_ABGEHOLT "
        "NICHT_ZUSTELLBAR_RUECKVERSAND"
    ),
    "returned": (
        "RETURN_DELIVERED_TO_SENDER RETOURE_DELIVERED RETOURE_AUSGELIEFERT_BEIM_ATG "
        "RETOURE_AUSGELIEFERT_BEIM_ATG_NACH_SCHADEN"
    ),
}
PAGE: Final[Mapping[str, str]] = {code: word for word, codes in _PAGE_OF.items() for code in codes.split()}
PAGE_UNMAPPED: Final[Mapping[str, str]] = {
    "DELIVERED_PARCELSHOP": "Left at a shop or collected there: clients read it both ways. The flag beside it tells.",
    "EDL_BOOKED_DROPOFF": _WISH[1:],
    "NICHT_ANGEZEIGT": "Hermes does not show it.",
}

NOT_FOUND: Final = "e001"
_PROGRESS: Final[Mapping[str, tuple[str, str]]] = {  # steps of the page and of its elder: names of code and words
    "parcelProgress": ("parcelStatus", "historyText"),
    "parcelHistory": ("status", "statusHistoryText"),
}
_SUCCESS: Final = "i001"
_OVER: Final = frozenset({Status.DELIVERED, Status.RETURNED, Status.CANCELLED})
_OTHER_BODIES: Final[Mapping[str, str]] = {
    "labelImage": "the answer to buying a label",
    "shippinglabel": "the answer to buying a return label",
    "qrcode": "the answer to buying a return label",
    "access_token": "a token",
}


class HermesDe:
    """Hermes Germany. Each number has a result of its own inside the answer."""

    about = About(
        slug="hermes_de",
        name="Hermes Germany",
        docs_url="https://de-api-int.hermesworld.com/docs/applications/order",
        live=LIVE,
        sandbox=SANDBOX,
        tracking_page="https://www.myhermes.de/empfangen/sendungsverfolgung/sendungsinformation#{number}",
        number_pattern=r"[A-Z][0-9]{16}|[A-Z][0-9]{19}|[0-9]{14}|[0-9]{16}",
        codes={**CODES, **PAGE},
        unmapped={**UNMAPPED, **PAGE_UNMAPPED},
        budgets=(Budget(1, timedelta(seconds=1)),),
        batch_size=100,
        time_rule=(
            "Shipment information carries ISO 8601 times with an offset. The older status calls send date and time "
            "apart without a zone; they are read as German time, as is the slot of an expected delivery, and an hour "
            "that came twice has no instant."
        ),
        fields=(
            Field("client_id", "Client ID", "Of the HSI contract."),
            Field("client_secret", "Client secret", secret=True),
            Field("username", "User name", "Of the HSI user who may ask for shipments."),
            Field("password", "Password", secret=True),
            Field(
                "language",
                "Language of the event texts",
                required=False,
                default="DE",
                choices={"DE": "German", "EN": "English"},
            ),
            ENVIRONMENT,
        ),
        assumed=(
            "The live address of the interface; Hermes's documents name the test address alone.",
            "The words of the page for recipients and of the app mean what public clients found them to mean; Hermes "
            "lists them nowhere.",
            "Hermes publishes no limit; we ask once a second at most.",
        ),
        sources=(
            "OpenAPI documents of the HSI: shipment information, orders, token",
            "Hermes Germany's list of event codes",
            "Public clients of the page for recipients: ha-hermes with a recorded answer, itsvic-dev/deliveries",
        ),
        gaps=(
            "An answer of the page for recipients is read but never asked for.",
            "Hermes uses the same codes for a customer's return and for a parcel that goes back undelivered: both are "
            "returning, and with the client returned.",
            "Short code 4100 covers a parcel that is kept as wished and one kept for want of capacity: in transit.",
            "Failed checks of identity or TAN are failed attempts without a reason.",
            "Return labels and codes for the ParcelShop are in the interface and not sold here. HSI does not push.",
        ),
    )

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        """The token comes from another host than the data, live and in the sandbox."""
        fields = {
            "grant_type": "password",
            "username": http.credentials.get("username", ""),
            "password": http.credentials.get("password", ""),
        }
        issuer = replace(http, base=TOKEN_HOSTS.get(http.base, http.base))
        return ClientCredentials.of_account(issuer, TOKEN, tokens, style="form", fields=fields)

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        reply = http.get(
            f"/shipmentinfo?{urlencode([('shipmentID', number) for number in numbers])}",
            headers={"Accept-Language": http.credentials.get("language") or "DE"},
        )
        return Fetched(reply.status, reply.body)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        with reading("hermes track"):
            answer = as_json(body)
            if isinstance(answer, list) or (isinstance(answer, dict) and answer.keys() & _PROGRESS.keys()):
                return Answer(tuple(map(_on_page, each(answer) if isinstance(answer, list) else [answer])))
            return _answer(as_object(body))


CARRIER = HermesDe()


def _answer(answer: Mapping[str, Any]) -> Answer:
    """Shipment information, a history or a current status, each with its own names; or errors of the whole call."""
    errors = tuple(_fault(None, error) for error in each(answer.get("listOfResultCodes")))
    if "shipmentinfo" in answer:
        read = [_informed(shipment) for shipment in each(answer["shipmentinfo"])]
    elif "listOfShipmentHistoryStatus" in answer:
        read = [_listed(s, each(s.get("listOfStatus"))) for s in each(answer["listOfShipmentHistoryStatus"])]
    elif "listOfCurrentShipmentStatus" in answer:
        entries = each(answer["listOfCurrentShipmentStatus"])
        read = [_listed(s, [info] if (info := some(s.get("statusInformation"))) else ()) for s in entries]
    elif errors:
        read = []
    elif "error" in answer:
        return Answer(errors=(Fault(None, text(answer["error"]), text(answer.get("error_description"))),))
    else:
        raise other_body(
            answer, _OTHER_BODIES, "neither shipments nor result codes; this is not tracking data of Hermes"
        )
    return Answer(
        parcels=tuple(parcel for one in read for parcel in one.parcels),
        not_found=tuple(dict.fromkeys(number for one in read for number in one.not_found)),
        errors=(*errors, *(fault for one in read for fault in one.errors)),
    )


def _fault(number: str | None, error: Mapping[str, Any]) -> Fault:
    return Fault(number, text(error.get("code")), text(error.get("message")))


def _on_page(shown: Mapping[str, Any]) -> Parcel:
    """A parcel of the page for recipients or of its elder; steps still to come stand in the elder without a time."""
    number = text(shown["barcode"])
    if not number:
        raise ValueError("a parcel without barcode")
    name = "parcelProgress" if "parcelProgress" in shown else "parcelHistory"
    steps = [step for step in each(shown[name]) if name == "parcelProgress" or step.get("timestamp")]
    scans = oldest_first((_step(step, *_PROGRESS[name]) for step in steps), newest_first=True)
    parcel = _parcel(number, scans, _forecast(some(shown.get("forecast"))))
    says = some(shown.get("parcelAttributes"))
    is_newest = bool(parcel.scans) and parcel.scans[-1].status is not None
    if says.get("delivered") is True and not is_newest and parcel.status not in _OVER:
        at = _moment(says.get("deliveredTimestamp")).at
        return replace(parcel, status=Status.DELIVERED, sub_status=None, delivered_at=at, estimated=None)
    return parcel


def _step(step: Mapping[str, Any], code_name: str, words_name: str) -> Scan:
    code = text(step.get(code_name))
    moment = _moment(step.get("timestamp"))
    status, sub_status = meant(PAGE.get(code))
    return scan_of(moment, Said(code, text(step.get(words_name)), status, sub_status))


def _moment(given: object) -> When:
    return in_zone(when(given), ZONE)


def _forecast(forecast: Mapping[str, Any]) -> Estimate | None:
    start, end = _moment(forecast.get("deliveryTimeFromUTC")).at, _moment(forecast.get("deliveryTimeToUTC")).at
    return Estimate(min(start, end), max(start, end), "forecast") if start and end else None


def _number(shipment: Mapping[str, Any]) -> str:
    number = text(shipment["shipmentID"])
    if not number:
        raise ValueError("a shipment without shipmentID")
    return number


def _informed(shipment: Mapping[str, Any]) -> Answer:
    number, result = _number(shipment), some(shipment.get("result"))
    scans = oldest_first(
        (_scan(event, when(event.get("timestamp"))) for event in each(shipment.get("status"))), newest_first=True
    )
    if not scans and (code := text(result.get("code"))) and code != _SUCCESS:
        return _without(number, _fault(number, result))
    forecast = some(shipment.get("deliveryForecast"))
    slot = some(forecast.get("timeSlot"))
    estimated = _estimate(forecast.get("date"), slot.get("from"), slot.get("to"), "deliveryForecast")
    return Answer((_parcel(number, scans, estimated),))


def _listed(shipment: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> Answer:
    """One of the older status calls, whose entries may say that there is nothing instead of what happened."""
    number = _number(shipment)
    scans = oldest_first((_scan(e, _apart(e)) for e in entries if e.get("statusCode")), newest_first=True)
    if not scans:
        said = next((e for e in entries if e.get("resultCode")), {})
        fault = Fault(number, text(said.get("resultCode")), text(said.get("resultMessage")))
        return _without(number, fault) if fault.code else Answer((Parcel(number),))
    due = next((d for e in entries if (d := some(e.get("expectedDelivery")))), {})
    slot = (due.get("expectedTimeEarliest"), due.get("expectedTimeLatest"))
    return Answer((_parcel(number, scans, _estimate(due.get("expectedDate"), *slot, "expectedDelivery")),))


def _without(number: str, fault: Fault) -> Answer:
    return Answer(not_found=(number,)) if fault.code == NOT_FOUND else Answer(errors=(fault,))


def _parcel(number: str, scans: Sequence[Scan], estimated: Estimate | None) -> Parcel:
    status, sub_status = next(((s.status, s.sub_status) for s in reversed(scans) if s.status), (None, None))
    return Parcel(
        number=number,
        scans=tuple(scans),
        status=status,
        sub_status=sub_status,
        delivered_at=_delivered_at(scans) if status is Status.DELIVERED else None,
        estimated=None if status in _OVER else estimated,
    )


def _scan(event: Mapping[str, Any], moment: When) -> Scan:
    code = text(event.get("code")) or text(event.get("statusCode"))
    status, sub_status = meant(CODES.get(code.replace("-", "")))
    unit = some(event.get("scanningUnit"))
    return scan_of(
        moment,
        Said(code, text(event.get("description")), status, sub_status),
        Place(city=text(unit.get("city")), country=text(unit.get("countryCode"))),
    )


def _apart(event: Mapping[str, Any]) -> When:
    """Date and time as the older calls send them, in German time."""
    return _german(event.get("statusDate"), event.get("statusTime"))


def _german(day: object, clock: object) -> When:
    return in_zone(local_with_offset(text(day), text(clock), None), ZONE)


def _delivered_at(scans: Sequence[Scan]) -> datetime | None:
    return next((s.at for s in reversed(scans) if s.status is Status.DELIVERED and s.at), None)


def _estimate(day: object, earliest: object, latest: object, source: str) -> Estimate | None:
    """The slot of the day where both ends are given, else the day."""
    start, end = _german(day, earliest), _german(day, latest)
    if start.at and end.at:
        return Estimate(min(start.at, end.at), max(start.at, end.at), source)
    if local := _german(day, "").local:
        return Estimate(date.fromisoformat(local), date.fromisoformat(local), source)
    return None
