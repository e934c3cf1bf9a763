"""PostNL: status of the own shipments, and return labels with a code that a PostNL point scans instead of paper."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from carriers.address import Address
from carriers.auth import Bearer, Tokens
from carriers.contract import (
    ENVIRONMENT,
    NO_OR_YES,
    About,
    Answer,
    Budget,
    Estimate,
    Fault,
    Fetched,
    Field,
    Label,
    LabelOrder,
    Parcel,
    Scan,
)
from carriers.errors import BadCredentials, BadPayload, Refused, UnknownNumber
from carriers.reading import Said, When, as_json, each, meant, oldest_first, other_body, reading, scan_of, text, when
from carriers.status import Status
from carriers.zones import in_zone

if TYPE_CHECKING:
    import httpx

    from carriers.http import Http, Reply

ZONE: Final = "Europe/Amsterdam"

# `StatusCode`, from PostNL's list. The phase beside it decides nothing: a parcel that waits at a point is in the phase
# "delivered", and so is one that was only just collected from its sender.
STATUSES: Final[Mapping[str, str]] = {
    "1": "info_received.data_received",  # Zending voorgemeld
    "2": "picked_up",  # Zending in ontvangst genomen
    "3": "picked_up.collected",  # Zending afgehaald
    "4": "info_received",  # Zending niet afgehaald: still with the sender
    "5": "in_transit",  # Zending gesorteerd
    "6": "exception",  # Zending niet gesorteerd
    "7": "out_for_delivery",  # Zending in distributieproces
    "8": "attempt_failed",  # Zending niet afgeleverd
    "9": "in_transit.customs_started",  # Zending bij douane
    "11": "delivered",  # Zending afgeleverd
    "12": "available_for_pickup",  # Zending beschikbaar op afhaallocatie
    "13": "info_received.data_received",  # Voorgemeld: nog niet aangenomen
    "14": "info_received",  # Voorgemeld: definitief niet aangenomen
    "15": "exception",  # Manco collectie
    "16": "exception",  # Manco sortering
    "17": "exception",  # Manco distributie
    "18": "exception.lost",  # Definitief manco
    "19": "exception.rejected_by_carrier",  # Zending afgekeurd
    "20": "in_transit.customs_started",  # Zending in inklaringsproces
    "21": "in_transit",  # Zending in voorraad
    "22": "delivered.collected",  # Zending afgehaald van Postkantoor
    "23": "picked_up.collected",  # Afhaalopdracht gecollecteerd
    "27": "returning",  # Retour onbestelbaar
    "28": "returning",  # Retour foutieve aflevercode
    "31": "in_transit",  # Zending klaar voor transport naar land van bestemming
}

# `Event[].Code`, from PostNL's list: what our words stand for, and the codes that say it.
_EVENTS_OF: Final[Mapping[str, str]] = {
    "info_received.label_created": "A10",
    "info_received.data_received": "01A A01 A03 A71 M02",
    "info_received.pickup_scheduled": "F01 J56 X80",
    # The collection from the sender failed or was called off, or the parcel never came: PostNL has no goods.
    "info_received": "D02 D03 D04 D05 D06 D07 D09 D40 D41 M01 Q02 Y80 Y81",
    "picked_up": "A74 B01 B06",
    "picked_up.collected": "A73 B04 C01",
    "picked_up.dropped_off": "C02 X40",
    "in_transit": (
        "A12 A13 A27 A28 A32 A35 A42 A99 A72 A75 J01 J04 J06 J10 J21 J27 J28 J30 J31 J32 J40 J44 J45 J46 J55 J61 J90 "
        "Q12 Q13 Q15 Q16 Q17 Q18 Q19 R01 S05 V12 V13 V22 V23 V50 X01 X07 X15 X16 X17 X19 X51 X52"
    ),
    "in_transit.arrived_hub": "X08 X14 X50",
    "in_transit.arrived_country": "A76 X02",
    "in_transit.customs_started": "X03 X30 X60 X62 X63 X64 Y25 Y64",
    "in_transit.customs_cleared": "X04 X61 X65",
    "in_transit.redirected": "A08 A09 A11 A29 A30 A31 A34 A94 J47 K02 K03",
    "in_transit.resolved": "A21 X11 X68 Y23 Y24",
    "out_for_delivery": "J59 X06 Y05",
    "out_for_delivery.on_vehicle": "J05 X55",
    "attempt_failed": "H34 J08 J29 J41 J42 J48 K70 Y36 Y38 Y39",
    "attempt_failed.not_home": "J94 K14 K71 Y02 Y10 Y42",
    "attempt_failed.closed": "J07 J17 Y43",
    "attempt_failed.no_access": "J16 K16 Y41",
    "available_for_pickup.at_point": "I08 J02 J12 J52 X05 Y26",
    "available_for_pickup.at_locker": "J23",
    "exception": "H23 K15 K30 K92 Q14 Y15 Y29 Y37 Y48",
    "exception.address": "H36 J33 Y01 Y09 Y12 Y17 Y30 Y31 Y32",
    "exception.customs_hold": "X10 X66 Y46",
    "exception.payment": "A20 A22 K41 X67",
    "exception.damaged": "Y04 Y11 Y14",
    "exception.lost": "Y71",
    "exception.refused": "Y03 Y13 Y44 Y50",
    "exception.moved": "Y22",
    "exception.weather": "Y65",
    # The day or hour of delivery was put off by PostNL, or the parcel did not come to it in time.
    "exception.capacity": (
        "G01 G02 G03 G05 H32 J09 J14 J22 J24 J26 J36 J39 J92 J95 K01 K25 K91 T02 T04 V01 V02 V03 V04 V06 V11 V21 V31 "
        "Y07 Y08 Y33 Y35 Y60 Y61 Y62 Y66"
    ),
    "exception.rejected_by_carrier": "F03 F04 F05 F06 F07 F08 F10 X42 X43 Y45",
    "delivered": "I01 I03 I05 I06 I11 J91 Z01 Z02 Z03 Z04 Z08",
    "delivered.to_person": "I23",
    "delivered.safe_place": "I09 I12 Z09",
    "delivered.neighbour": "I10 Z05",
    "delivered.collected": "I02 I22 Z06",
    "returning": (
        "H01 H02 H03 H04 H05 H07 H08 H09 H10 H12 H15 H16 H17 H18 H20 H22 H24 H25 H35 H38 H51 H52 K43 X20 X21 X22 X81 "
        "Y16 Y18 Y19 Y20 Y21 Y40 Y47"
    ),
    "returned": "I07 J63 X24",
    "cancelled": "H30 H31 M03 R06",
}
EVENTS: Final[Mapping[str, str]] = {code: word for word, codes in _EVENTS_OF.items() for code in codes.split()}

# A parcel that is a return by its product arrives where an undeliverable one goes back.
RETURN_PRODUCTS: Final = frozenset({"2285", "3285"})
ON_A_RETURN: Final[Mapping[str, str]] = {
    "I07": "delivered",
    "J63": "delivered",
    "X20": "in_transit",
    "X21": "in_transit",
    "X81": "in_transit.arrived_country",
}

# Seen with "is at PostNL" and with "is delivered": the status of the same moment tells which.
AMBIGUOUS: Final = frozenset({"01B"})

_TOLD: Final = "A message, a forecast or a note in the data; says nothing of where the parcel is."
_AGREED: Final = "Why the agreed place was not used; the next event says where the parcel went."
UNMAPPED: Final[Mapping[str, str]] = {
    "99": "Not applicable: PostNL's word for an event that changes no status.",
    "01B": "Means two things; read by the status that carries the same time, and alone it says nothing.",
    "A41": "Customer service was in contact; says nothing of the parcel.",
    "A43": "An e-mail was sent; says nothing of the parcel.",
    "A46": "The recipient asked for the parcel to go back; the return is not begun.",
    "A80": "The signature of a delivery was received; the delivery is an event of its own.",
    "B03": "PostNL's word for it is: empty.",
    "D08": "Listed as a missed collection and as not sorted; it may be the sender or the recipient who was missed.",
    "J80": "There is no delivery scan yet.",
    "J93": "Parts of a shipment were not found; not which.",
    "K33": "PostNL's word for it is: empty.",
    "K90": "PostNL knows no status.",
    **dict.fromkeys(("A04", "A18", "A19", "A24", "A25", "A65", "A95", "A96", "A98", "K50"), _TOLD),
    **dict.fromkeys(("P20", "P21", "P22", "P23", "P24"), _AGREED),
    "Z80": "In the words a collection by the recipient, in its status one from the sender.",
}

_CONTAINERS: Final = ("CompleteStatus", "CurrentStatus")
_NO_SHIPMENT: Final = "2"  # of a warning
_OTHER_BODIES: Final[Mapping[str, str]] = {
    "ResponseShipments": "the answer to buying a label",
    "Signature": "a proof of delivery",
    "Barcode": "a reserved barcode",
}
_MAGIC: Final = {b"%PDF": "pdf", b"\x89PNG": "png", b"GIF8": "gif", b"^XA": "zpl"}
_PRINTCODE: Final = "printcodelabel"
_DASHED: Final = re.compile(r"([0-9]{2})-([0-9]{2})-([0-9]{4})(.*)")
_STREET: Final = re.compile(r"(?P<street>.*?\S)\s+(?P<number>[0-9]{1,5})(?![0-9])\s*-?\s*(?P<extra>.*)")
_OVER: Final = frozenset({Status.DELIVERED, Status.RETURNED, Status.CANCELLED})


class PostNL:
    """PostNL. Only shipments of the own customer number are known; one barcode a call."""

    about = About(
        slug="postnl",
        name="PostNL",
        docs_url="https://developer.postnl.nl/docs/",
        live="https://api.postnl.nl",
        sandbox="https://api-sandbox.postnl.nl",
        tracking_page="https://postnl.nl/tracktrace/?B={number}",
        number_pattern=r"3S[A-Z]{1,4}[0-9]{7,12}|[A-Z]{2}[0-9]{9}NL",
        codes={**STATUSES, **EVENTS, **{f"{code}/return": word for code, word in ON_A_RETURN.items()}},
        unmapped=UNMAPPED,
        budgets=(Budget(1, timedelta(seconds=1)),),
        batch_size=1,
        time_rule=(
            "Times come as day-month-year (status by barcode) or ISO 8601 (lists), without a zone, and are read as "
            "Dutch time; the page for recipients writes an offset too. Where the clock was turned back an hour "
            "happened twice, and there is no instant. A date with slashes could be read two ways and is not read."
        ),
        fields=(
            Field("api_key", "API key", "Of Mijn PostNL, with Shippingstatus; with Labelling for labels.", secret=True),
            Field("customer_code", "Customer code", "Four letters, for labels.", required=False),
            Field("customer_number", "Customer number", "Eight digits, for labels.", required=False),
            Field("collection_location", "Collection location", "Six digits, for labels.", required=False),
            Field(
                "printcode",
                "Code instead of paper",
                "With each return label a code that a PostNL point scans.",
                required=False,
                default="yes",
                choices=NO_OR_YES,
            ),
            Field(
                "language",
                "Language of the event texts",
                required=False,
                default="NL",
                choices={"NL": "Dutch", "EN": "English"},
            ),
            ENVIRONMENT,
        ),
        assumed=(
            "A03, A04, A18, A19, A24, A25, A65, A80, A95, A96, A98, B03, J04, J21, J30 to J32, J40, J44, J46, K33, "
            "K50, M02 and T04 are in no list of PostNL's that we have; they mean what the Dutch words beside them say.",
            "Times of scans abroad are Dutch time like all others.",
            "A return is product 2285 to a reply number (Antwoordnummer) and 3285 to any other address, and option "
            "152-025 asks for the code: so PostNL's own shop extensions.",
            "A second label for a barcode that is announced already is the same shipment and no second purchase.",
            "PostNL publishes no limit; we ask once a second at most.",
        ),
        sources=(
            "PostNL's SDKs of its e-commerce APIs: shipping status, labelling, errors",
            "PostNL's reference data: status codes and event codes, developer.postnl.nl",
            "Public clients of the page for recipients and reports of codes they met: ha-postnl, ShipmentTracker",
            "PostNL's extensions for WooCommerce and Shopware, for smart returns",
            "Recorded answers in the tests of public clients",
        ),
        gaps=(
            "An answer of the page for recipients is read but never asked for. It names no product, so that a return "
            "is not known as one.",
            "Location codes of events are PostNL's own and name no place.",
            "A status of 7 without an event is out for delivery, in PostNL's English words; with one, that decides.",
            "Labels are for returns within the Netherlands, one parcel each; their price is not in the answer. A label "
            "that cannot be found again by its reference yet, right after its purchase, is bought once more.",
            "The counter code comes as the document that PostNL draws, a PDF. PostNL takes no label back by API.",
            "The newer APIs (Shipment and Return V4) and webhooks are not used: their documents are not public.",
        ),
    )

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        return Bearer(http.credentials.get("api_key", ""), header="apikey", prefix="")

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        """Raises UnknownNumber for PostNL's warning that there is no shipment: the body does not name the number."""
        (number,) = numbers
        reply = http.get(
            f"/shipment/v2/status/barcode/{quote(number, safe='')}",
            params={"detail": "true", "language": http.credentials.get("language") or "NL"},
        )
        if reply.status == 200 and (missing := _missing(reply.body)):
            raise UnknownNumber(missing.text, missing.code)
        return Fetched(reply.status, reply.body)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        with reading("postnl track"):
            return _answer(as_json(body))

    def buy_label(self, http: Http, order: LabelOrder) -> Label:
        """A return label within the Netherlands. A shipment that carries the reference of `order.key` is labelled again
        under its own barcode, so that a repeat announces nothing new."""
        reference = _reference(order.key)
        body = _order_body(http.credentials, order, reference)  # refuses what cannot be sold before anything is asked
        if barcode := _announced(http, reference):
            body["Shipments"][0]["Barcode"] = barcode
        reply = http.post("/shipment/v2_2/label", params={"confirm": "true"}, json=body, buys=True)
        return self.parse_label(reply.body) if reply.status < 400 else _refuse(reply)

    def parse_label(self, body: bytes) -> Label:
        """The first shipment of an answer. Documents are told apart by their type, formats by their first bytes."""
        with reading("postnl label"):
            answer = as_json(body)
            faults = _faults(answer) if isinstance(answer, dict) else ()
            if faults:
                raise Refused(faults[0].text, faults[0].code)
            return _label(answer)

    def void_label(self, http: Http, label_ref: str) -> None:
        raise Refused("PostNL has no call that takes a label back; a label that is not handed in is never scanned")


CARRIER = PostNL()


def _answer(answer: object) -> Answer:
    if isinstance(answer, list):
        if faults := _bare_faults(answer):
            return Answer(errors=faults)
        return Answer(tuple(_parcel(_updated(shipment), is_complete=False) for shipment in each(answer)))
    if not isinstance(answer, dict):
        raise TypeError("an object or a list was expected")
    faults = _faults(answer)
    for name in _CONTAINERS:
        if name in answer:
            held = [s for key in ("Shipment", "Shipments") for s in _many(_some(answer[name]).get(key))]
            warnings = _warnings(answer) or _warnings(_some(answer[name]))
            return Answer(
                parcels=tuple(_parcel(s, is_complete=name == "CompleteStatus") for s in held),
                errors=(*faults, *warnings),
            )
    if "colli" in answer:
        return Answer(tuple(_on_page(parcel) for parcel in _some(answer["colli"]).values()), errors=faults)
    if faults := faults or _warnings(answer) or _refusals(answer):
        return Answer(errors=faults)
    raise other_body(
        answer, _OTHER_BODIES, "neither a status, a warning nor an error; this is not tracking data of PostNL"
    )


def _missing(body: bytes) -> Fault | None:
    """The warning of an answer that holds no shipment; None for every other body."""
    try:
        answer = CARRIER.parse(body)
    except BadPayload:
        return None
    return next((e for e in answer.errors if e.code == _NO_SHIPMENT), None) if not answer.parcels else None


def _some(value: object) -> Mapping[str, Any]:
    """An object; empty where it is absent, null, or the text that PostNL writes for nothing."""
    if value is None or value in ("", "{}"):
        return {}
    if not isinstance(value, dict):
        raise TypeError("an object was expected")
    return value


def _many(value: object) -> Sequence[Mapping[str, Any]]:
    """PostNL writes one object where a list has one entry, and where it has none an empty object or nothing."""
    if isinstance(value, dict):
        return [value] if value else ()
    return each(value) if value not in (None, "", "{}") else ()


def _text(value: object) -> str:
    """Nothing is written as {} or as the text "{}"."""
    return "" if value in ({}, "{}") else text(value)


def _faults(answer: Mapping[str, Any]) -> tuple[Fault, ...]:
    """The errors of the API, of its gateway and of its validation, each in its own shape."""
    found = [*_bare_faults([answer]), *_bare_faults(_many(answer.get("Error")))]
    for name in ("Errors", "errors"):
        found += map(_listed_fault, _many(answer.get(name)))
    if array := _some(answer.get("Array")):  # of the older services, made of XML
        found += _bare_faults(_many(array.get("Item")))
    for fault in (*_many(answer.get("fault")), *([answer] if "faultstring" in answer else ())):
        code = _text(_some(fault.get("detail")).get("errorcode"))
        found.append(Fault(None, code, _text(fault.get("faultstring"))))
    if "http_status_code" in answer:
        status = answer["http_status_code"]
        found.append(
            Fault(None, f"{status:.0f}" if isinstance(status, float) else text(status), text(answer["message"]))
        )
    if "title" in answer and "status" in answer:
        found.append(_listed_fault(answer))
    return tuple(fault for fault in found if fault.code or fault.text)


def _bare_faults(entries: Sequence[object]) -> tuple[Fault, ...]:
    """Those entries that are an error and nothing else: a number or a code, and words."""
    found = []
    for entry in entries:
        if isinstance(entry, dict) and entry.keys() & {"ErrorNumber", "ErrorCode"}:
            words = (_text(entry.get(name)) for name in ("ErrorMsg", "ErrorDescription", "ErrorMessage"))
            code = _text(entry.get("ErrorNumber")) or _text(entry.get("ErrorCode"))
            found.append(Fault(None, code, next(filter(None, words), "")))
    return tuple(found)


def _listed_fault(error: Mapping[str, Any]) -> Fault:
    code = next(filter(None, (_text(error.get(name)) for name in ("Code", "ErrorNumber", "status"))), "")
    more = (_text(error.get(name)) for name in ("Description", "ErrorMsg", "detail"))
    words = (_text(error.get("Error")) or _text(error.get("title")), next(filter(None, more), ""))
    return Fault(None, code, ": ".join(filter(None, words)))


def _refusals(answer: Mapping[str, Any]) -> tuple[Fault, ...]:
    """Why shipments were not labelled, where none was."""
    shipments = _many(answer.get("ResponseShipments"))
    if any(_many(shipment.get("Labels")) for shipment in shipments):
        return ()
    refused = [(_text(s.get("Barcode")), error) for s in shipments for error in _many(s.get("Errors"))]
    return tuple(replace(_listed_fault(error), number=barcode or None) for barcode, error in refused)


def _warnings(holder: Mapping[str, Any]) -> tuple[Fault, ...]:
    """A list; or an object that holds it, as answers that were made of XML do."""
    given = holder.get("Warnings")
    held = given["Warning"] if isinstance(given, dict) and "Warning" in given else given
    return tuple(
        Fault(None, _text(w.get("Code")), _text(w.get("Message")) or _text(w.get("Description"))) for w in _many(held)
    )


def _updated(shipment: Mapping[str, Any]) -> Mapping[str, Any]:
    """An entry of the list of updated shipments, which spells the time of its status differently."""
    status = _some(shipment["Status"])
    return {**shipment, "Status": {**status, "TimeStamp": status.get("Timestamp") or status.get("TimeStamp")}}


def _parcel(shipment: Mapping[str, Any], *, is_complete: bool) -> Parcel:
    number = _text(shipment["Barcode"])
    if not number:
        raise ValueError("a shipment without barcode")
    is_return = _text(shipment.get("ProductCode")).lstrip("0") in RETURN_PRODUCTS
    now = _some(shipment.get("Status"))
    told = {(moment.local, code): words for moment, code, words in _told(shipment, is_complete=is_complete)}
    scans = oldest_first(_events(shipment, told, is_return=is_return) or _statuses(told), newest_first=True)
    status, sub_status = _state(now, scans)
    return Parcel(
        number=number,
        scans=scans,
        status=status,
        sub_status=sub_status,
        delivered_at=_delivered_at(now, scans) if status is Status.DELIVERED else None,
        estimated=None if status in _OVER else _estimate(shipment),
        service=_text(shipment.get("ProductDescription")),
        is_return=is_return,
    )


def _on_page(shipment: Mapping[str, Any]) -> Parcel:
    """A parcel of the page for recipients, whose observations have the codes of the events."""
    number = _text(shipment["barcode"])
    if not number:
        raise ValueError("a parcel without barcode")
    seen = _many(_some(shipment.get("analyticsInfo")).get("allObservations")) or _many(shipment.get("observations"))
    scans = oldest_first([_observation(one) for one in seen])
    status, sub_status = next(((s.status, s.sub_status) for s in reversed(scans) if s.status), (None, None))
    is_newest = bool(scans) and scans[-1].status is not None
    if shipment.get("isDelivered") is True and not is_newest and status not in _OVER:
        status, sub_status = Status.DELIVERED, None
    eta = _some(shipment.get("eta"))
    return Parcel(
        number=number,
        scans=scans,
        status=status,
        sub_status=sub_status,
        delivered_at=_delivered_at({}, scans) if status is Status.DELIVERED else None,
        estimated=None if status in _OVER else _window(eta.get("start"), eta.get("end"), "eta"),
    )


def _observation(one: Mapping[str, Any]) -> Scan:
    code = _text(one.get("observationCode"))
    return _scan(_moment(one.get("observationDate")), code, _text(one.get("description")), EVENTS.get(code.upper()))


def _told(shipment: Mapping[str, Any], *, is_complete: bool) -> Iterator[tuple[When, str, str]]:
    """Time, code and words of the status and those before it, newest first, but for those that do not apply."""
    old = _many(shipment.get("OldStatus")) or _many(shipment.get("OldStatuses")) if is_complete else ()
    for status in (_some(shipment.get("Status")), *old):
        code = _text(status.get("StatusCode")).lstrip("0")
        if code and code != "99":
            yield _moment(status.get("TimeStamp")), code, _text(status.get("StatusDescription"))


def _events(shipment: Mapping[str, Any], told: Mapping[tuple[str, str], str], *, is_return: bool) -> list[Scan]:
    at_once = dict(reversed(list(told)))  # of several at one moment the newest
    found = []
    for event in _many(shipment.get("Event")) or _many(shipment.get("Events")):
        code, moment = _text(event.get("Code")), _moment(event.get("TimeStamp"))
        word = EVENTS.get(code.upper())
        if is_return:
            word = ON_A_RETURN.get(code.upper(), word)
        if code in AMBIGUOUS:
            word = STATUSES.get(at_once.get(moment.local, ""))
        found.append(_scan(moment, code, _text(event.get("Description")), word))
    return found


def _statuses(told: Mapping[tuple[str, str], str]) -> list[Scan]:
    """Where there are no events: a status is then the only thing that is known to have happened."""
    return [_scan(_at(local), code, words, STATUSES.get(code)) for (local, code), words in told.items()]


def _scan(moment: When, code: str, words: str, word: str | None) -> Scan:
    status, sub_status = meant(word)
    return scan_of(moment, Said(code, words, status, sub_status))


def _moment(value: object) -> When:
    """Dutch wall clock, "07-03-2018 23:22:56.326" or ISO 8601, and its instant where there was exactly one."""
    given = _text(value)
    if found := _DASHED.fullmatch(given):
        given = f"{found[3]}-{found[2]}-{found[1]}{found[4]}"
    return _at(given)


def _at(given: str) -> When:
    return in_zone(when(given), ZONE)


def _state(now: Mapping[str, Any], scans: Sequence[Scan]) -> tuple[Status | None, str | None]:
    """PostNL's status, unless an event not older than it says more exactly what happened.

    An event that waits at a locker, or a return that reached its sender, has the status "delivered" as well.
    """
    since = _moment(now.get("TimeStamp")).local
    newer = [s for s in scans if s.status and s.local and s.local >= since] if since else []
    if newer:
        return newer[-1].status, newer[-1].sub_status
    if word := STATUSES.get(_text(now.get("StatusCode")).lstrip("0")):
        return meant(word)
    return next(((s.status, s.sub_status) for s in reversed(scans) if s.status), (None, None))


def _delivered_at(now: Mapping[str, Any], scans: Sequence[Scan]) -> datetime | None:
    scanned = next((s.at for s in reversed(scans) if s.status is Status.DELIVERED and s.at), None)
    return scanned or _moment(now.get("TimeStamp")).at


def _estimate(shipment: Mapping[str, Any]) -> Estimate | None:
    """The time frame where it has both ends, else its day, else the delivery date."""
    expected = _some(shipment.get("Expectation"))
    return _window(expected.get("ETAFrom"), expected.get("ETATo"), "Expectation") or _window(
        shipment.get("DeliveryDate"), None, "DeliveryDate"
    )


def _window(given_start: object, given_end: object, source: str) -> Estimate | None:
    start, end = _moment(given_start), _moment(given_end)
    if start.at and end.at:
        return Estimate(min(start.at, end.at), max(start.at, end.at), source)
    if start.local:
        day = date.fromisoformat(start.local[:10])
        return Estimate(day, day, source)
    return None


def _reference(key: str) -> str:
    """A repeatable reference of at most 35 characters, the longest that PostNL keeps."""
    return key if len(key) <= 35 else sha256(key.encode()).hexdigest()[:32]


def _announced(http: Http, reference: str) -> str:
    """The barcode of a shipment with this reference, empty where PostNL knows none."""
    reply = http.get(
        f"/shipment/v2/status/reference/{quote(reference, safe='')}",
        params={
            "customerCode": http.credentials.get("customer_code", ""),
            "customerNumber": http.credentials.get("customer_number", ""),
        },
    )
    if reply.status >= 400:
        return ""
    with reading("postnl reference"):
        answer = as_json(reply.body)
        held = [s for name in _CONTAINERS for s in _many(_some(answer.get(name)).get("Shipment"))]
        return next((_text(s.get("Barcode")) for s in held if _text(s.get("Reference")) == reference), "")


def _order_body(credentials: Mapping[str, str], order: LabelOrder, reference: str) -> dict[str, Any]:
    """The shopper is the customer's address 02, the sender; the warehouse is address 01, the receiver: as printed."""
    if (order.customer.country, order.warehouse.country) != ("NL", "NL"):
        raise Refused("PostNL returns are sold from and to the Netherlands only", "COUNTRY")
    for name in ("customer_code", "customer_number", "collection_location"):
        if not credentials.get(name):
            raise BadCredentials(f"PostNL needs the {name.replace('_', ' ')} to sell labels")
    warehouse = _address(order.warehouse, "01")
    wants_code = credentials.get("printcode", "yes") != "no"
    options = {"ProductOptions": [{"Characteristic": "152", "Option": "025"}]} if wants_code else {}
    email = order.warehouse.email
    return {
        "Customer": {
            "CustomerCode": credentials["customer_code"],
            "CustomerNumber": credentials["customer_number"],
            "CollectionLocation": credentials["collection_location"],
            "Address": _address(order.customer, "02"),
        },
        "Message": {
            "MessageID": sha256(reference.encode()).hexdigest()[:12],
            "MessageTimeStamp": datetime.now(ZoneInfo(ZONE)).strftime("%d-%m-%Y %H:%M:%S"),
            "Printertype": "GraphicFile|PDF",
        },
        "Shipments": [
            {
                "Addresses": [warehouse],
                "Contacts": [{"ContactType": "01", "Email": email}] if email else [],
                "Dimension": {"Weight": max(order.grams, 1)},
                "ProductCodeDelivery": order.service or _product(warehouse),
                **options,
                "Reference": reference,
                "CustomerOrderNumber": order.rma[:35],
                "Remark": order.rma[:35],
            }
        ],
    }


def _product(warehouse: Mapping[str, str]) -> str:
    return "2285" if warehouse["Street"].casefold().startswith("antwoordnummer") else "3285"


def _address(address: Address, kind: str) -> dict[str, str]:
    """Dutch addresses need street and number apart. Raises Refused where no number can be found."""
    found = _STREET.fullmatch(" ".join(address.lines).strip())
    if found is None:
        raise Refused("PostNL needs a house number in the address", "ADDRESS")
    return {
        "AddressType": kind,
        "Name": address.name[:35],
        "CompanyName": address.company[:35],
        "Street": found["street"][:95],
        "HouseNr": found["number"],
        "HouseNrExt": found["extra"][:35],
        "Zipcode": address.postcode.replace(" ", "").upper(),
        "City": address.city[:35],
        "Countrycode": address.country,
    }


def _refuse(reply: Reply) -> Label:
    """Raises Refused in PostNL's words."""
    with reading("postnl label"):
        answer = as_json(reply.body)
        faults = _faults(answer) if isinstance(answer, dict) else ()
    fault = faults[0] if faults else Fault(None, str(reply.status), f"PostNL answered {reply.status}")
    raise Refused(fault.text, fault.code)


def _label(answer: Any) -> Label:
    shipment = _many(answer["ResponseShipments"])[0]
    if errors := _faults({"Errors": shipment.get("Errors")}):
        raise Refused(errors[0].text, errors[0].code)
    documents = [(_text(d.get("Labeltype")).casefold(), _document(d)) for d in _documents(answer, shipment)]
    body = next((document for kind, document in documents if kind != _PRINTCODE), b"")
    code = next((document for kind, document in documents if kind == _PRINTCODE), b"")
    if not body and not code:
        raise BadPayload("postnl label: no document in the answer")
    number = _text(shipment["Barcode"])
    return Label(
        ref=number,
        number=number,
        body=body,
        format=next(kind for magic, kind in _MAGIC.items() if body.startswith(magic)) if body else "none",
        cost_minor=None,
        currency="EUR",
        qr=code,
        service=_text(shipment.get("ProductCodeDelivery")),
        counter_code=number if code else "",
    )


def _documents(answer: Mapping[str, Any], shipment: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The labels of the shipment, or those that PostNL merged into one document."""
    merged = [label for one in _many(answer.get("MergedLabels")) for label in _many(one.get("Labels"))]
    return _many(shipment.get("Labels")) or merged


def _document(label: Mapping[str, Any]) -> bytes:
    content = label["Content"]
    if not isinstance(content, str):
        raise TypeError("a label's content is text")
    document = b64decode(content, validate=True)
    if not document.startswith(tuple(_MAGIC)):
        raise BadPayload("postnl label: a document of a kind that is not known")
    return document
