"""X12 214, the shipment status message of freight and parcel carriers: read from files, or pushed to our own address.

An interchange declares its separators in its first segment, and counts and numbers itself at every level. One that
does not add up was cut or changed on the way: nothing of it is believed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Final

from carriers.contract import About, Answer, Estimate, Field, Hook, Parcel, Place, Scan, Trust
from carriers.errors import BadPayload
from carriers.reading import UNTIMED, Said, When, local_with_offset, meant, oldest_first, reading, scan_of, text
from carriers.signing import check_stamped, one_header
from carriers.status import Status
from carriers.zone_tables import REGIONS
from carriers.zones import in_zone, placed

# Element 1650, the status of a shipment (AT701): what it means, and its name.
STATUSES: Final[Mapping[str, tuple[str, str]]] = {
    "XB": ("info_received.data_received", "Shipment acknowledged"),
    "OO": ("info_received.data_received", "Papers received, but no goods"),
    "AF": ("picked_up.collected", "Left the pick-up location with the shipment"),
    "CP": ("picked_up.collected", "Loaded at the pick-up location"),
    "AM": ("in_transit", "Loaded on a truck"),
    "AN": ("in_transit", "Diverted to an air carrier"),
    "BC": ("in_transit", "Stored on the way"),
    "R1": ("in_transit", "Received from the carrier before"),
    "X6": ("in_transit", "On the way to the delivery location"),
    "X4": ("in_transit.arrived_hub", "Arrived at a terminal"),
    "I1": ("in_transit.arrived_hub", "Entered by the gate"),
    "AR": ("in_transit.arrived_hub", "Arrived by rail at the destination ramp"),
    "P1": ("in_transit.departed_hub", "Left a terminal"),
    "OA": ("in_transit.departed_hub", "Left by the gate"),
    "RL": ("in_transit.departed_origin", "Left by rail from the origin ramp"),
    "J1": ("in_transit.handed_to_partner", "Handed to a connecting carrier"),
    "BA": ("in_transit.handed_to_partner", "Collected by a connecting carrier or cartage agent"),
    "AI": ("in_transit.redirected", "Reconsigned"),
    "K1": ("in_transit.customs_started", "Arrived at customs"),
    "AJ": ("out_for_delivery", "Tendered for delivery"),
    "S1": ("out_for_delivery.on_vehicle", "Trailer placed at the recipient's"),
    "X1": ("out_for_delivery.on_vehicle", "Arrived at the delivery location"),
    "X5": ("out_for_delivery.on_vehicle", "Arrived at the delivery dock"),
    "AV": ("available_for_pickup", "Available for delivery"),
    "AH": ("attempt_failed", "Delivery attempted"),
    "AP": ("attempt_failed", "Delivery not completed"),
    "A7": ("exception.refused", "Refused by the recipient"),
    "A9": ("exception.damaged", "Damaged"),
    "PR": ("exception.customs_hold", "Held by U.S. customs"),
    "SD": ("exception.capacity", "Delayed"),
    "CB": ("delivered", "Delivered, the last part of the shipment"),
    "D1": ("delivered", "Delivered"),
    "A3": ("returning", "Returned to the shipper"),
    "CA": ("cancelled", "Cancelled"),
}

# Statuses that say nothing of where the parcel stands, by their names and why.
STATELESS: Final[Mapping[str, tuple[str, str]]] = {
    "CD": ("Carrier left the delivery location", "whether it delivered is said by D1"),
    "CL": ("Trailer closed", "it is about the trailer, not about the goods"),
    "L1": ("Being loaded", "the goods are not on their way before the loading is done (CP)"),
    "PA": ("Delivered in part", "one part is delivered and another is not: no one state is true of both"),
    "X3": ("Carrier arrived at the pick-up location", "the carrier has come, but has nothing yet"),
    "X8": ("Carrier arrived at the pick-up dock", "the carrier has come, but has nothing yet"),
}

_NAMES: Final = {code: name for code, (_, name) in STATUSES.items()} | {c: name for c, (name, _) in STATELESS.items()}

# What is to come is no event: (status or appointment code -> why it is no scan). Those in _EXPECTED give the estimate.
AHEAD: Final[Mapping[str, str]] = {
    "AG": "an estimate of the delivery: read as the expected date",
    "X2": "an estimate of the arrival at the recipient's: read as the expected date",
    "B6": "an estimate of the arrival at a terminal: no event, and not of the delivery",
    "C1": "an estimate of the departure from a terminal: no event, and not of the delivery",
    "E1": "an estimate of the arrival at the pick-up location: no event, and not of the delivery",
    "AA": "an appointment for the pick-up: no event",
    "XA": "an appointment secured for the pick-up: no event",
    "EP": "the earliest pick-up: no event",
    "LP": "the latest pick-up: no event",
    "AB": "an appointment for the delivery: read as the expected date",
    "AC": "an estimated appointment for the delivery: read as the expected date",
    "X9": "an appointment secured for the delivery: read as the expected date",
    "ED": "the earliest delivery: read as the start of the expected dates",
    "LD": "the latest delivery: read as the end of the expected dates",
}
# Which of them tells best when the delivery is expected. ED and LD are the edges of one span.
_EXPECTED: Final = ("X9", "AB", "AC", "AG", "X2", "ED", "LD")

# Element 1651, the reason (AT702): its name. NS and NA say that there is none.
NORMAL: Final = frozenset({"NS", "NA"})
REASONS: Final[Mapping[str, str]] = {
    "A1": "missed delivery",
    "A2": "incorrect address",
    "A3": "indirect delivery",
    "A5": "unable to locate",
    "A6": "address corrected, delivery attempted",
    "AA": "missorted",
    "AD": "recipient asked for a later delivery",
    "AE": "restricted articles",
    "AF": "accident",
    "AG": "recipient related",
    "AH": "driver related",
    "AI": "mechanical breakdown",
    "AJ": "other carrier related",
    "AK": "damaged, repacked",
    "AL": "previous stop",
    "AM": "shipper related",
    "AN": "holiday, closed",
    "AO": "weather or natural disaster",
    "AP": "awaits export",
    "AQ": "recipient unavailable",
    "AR": "improper international papers",
    "AS": "held for customs documents",
    "AT": "recipient not reached about a customs broker",
    "AU": "civil event",
    "AV": "exceeds service limits",
    "AW": "past cut-off time",
    "AX": "too little time for pick-up",
    "AY": "missed pick-up",
    "AZ": "another carrier delivered",
    "B1": "recipient closed",
    "B2": "held at the recipient's request",
    "B4": "held for payment",
    "B5": "held for the recipient",
    "B8": "no fit place or equipment to unload",
    "B9": "restricted receiving hours",
    "BB": "held by the shipper",
    "BC": "missing documents",
    "BD": "border clearance",
    "BE": "road conditions",
    "BF": "carrier's typing error",
    "BG": "other",
    "BH": "too little time to complete the delivery",
    "BI": "cartage agent",
    "BJ": "recipient wanted it earlier",
    "BK": "appointment agreed before",
    "BL": "held for protective service",
    "BM": "no flatcar",
    "BN": "billing not released",
    "BO": "railway failed the schedule",
    "BP": "load shifted",
    "BQ": "overweight",
    "BR": "derailment",
    "BS": "refused by the customer",
    "BT": "returned to the shipper",
    "C1": "waits for the customer's pick-up",
    "C2": "credit hold",
    "C3": "suspended at the customer's request",
    "C4": "customer's holiday",
    "C5": "strike at the customer's",
    "C6": "awaits instructions",
    "C7": "awaits the carrier the customer named",
    "C8": "cash on delivery required",
    "C9": "recipient had no cash",
    "CA": "customs",
    "CB": "no arrival date asked for",
    "CC": "no arrival time asked for",
    "D1": "dispatch error",
    "D2": "no driver",
    "F1": "clearance takes longer",
    "F2": "delay abroad outside the carrier",
    "HB": "held until an appointment",
    "P1": "processing delay",
    "P2": "awaits inspection",
    "P3": "production delay",
    "P4": "held for a full load",
    "RC": "reconsigned",
    "S1": "short delivery",
    "T1": "no tractor with a sleeper",
    "T2": "no tractor",
    "T3": "no trailer",
    "T4": "trailer not usable after its last load",
    "T5": "no trailer of that class",
    "T6": "no trailer of that volume",
    "T7": "too little time to deliver",
}

# "status/reason": where the reason says more than the status alone.
_HELD: Final[Mapping[str, str]] = {
    "A2": "exception.address",
    "A5": "exception.address",
    "AA": "exception.misrouted",
    "AK": "exception.damaged",
    "AO": "exception.weather",
    "AR": "exception.customs_hold",
    "AS": "exception.customs_hold",
    "AT": "exception.customs_hold",
    "B4": "exception.payment",
    "BC": "exception.customs_hold",
    "BD": "exception.customs_hold",
    "BE": "exception.weather",
    "BS": "exception.refused",
    "BT": "returning",
    "C2": "exception.payment",
    "C8": "exception.payment",
    "C9": "exception.payment",
    "CA": "exception.customs_hold",
    "F1": "exception.customs_hold",
}
_TRIED: Final[Mapping[str, str]] = {
    "AD": "attempt_failed.rescheduled",
    "AN": "attempt_failed.closed",
    "AQ": "attempt_failed.not_home",
    "B1": "attempt_failed.closed",
    "B9": "attempt_failed.closed",
    "C4": "attempt_failed.not_home",
    "HB": "attempt_failed.rescheduled",
}
# Missing documents hold a parcel at the border, but a delivery that fails for a missing paper is only one that failed.
_NOT_AT_THE_DOOR: Final = frozenset({"AO", "BC", "BE"})
DETAILED: Final[Mapping[str, str]] = {
    **{f"SD/{reason}": word for reason, word in _HELD.items()},
    **{
        f"{status}/{reason}": word
        for status in ("AH", "AP")
        for reason, word in {**_HELD, **_TRIED}.items()
        if reason not in _NOT_AT_THE_DOOR
    },
}

# Element 623, the time code (AT707): an offset, or the zone where the letters leave daylight saving to the date.
OFFSETS: Final[Mapping[str, str]] = {
    "UT": "+00:00",
    "GM": "+00:00",
    "ND": "-02:30",
    "NS": "-03:30",
    "TD": "-03:00",
    "TS": "-04:00",
    "ED": "-04:00",
    "ES": "-05:00",
    "CD": "-05:00",
    "CS": "-06:00",
    "MD": "-06:00",
    "MS": "-07:00",
    "PD": "-07:00",
    "PS": "-08:00",
    "AD": "-08:00",
    "AS": "-09:00",
    "HD": "-09:00",
    "HS": "-10:00",
    **{f"{hours:02d}": f"+{hours:02d}:00" for hours in range(1, 13)},
    **{f"{25 - hours:02d}": f"-{hours:02d}:00" for hours in range(1, 13)},
}
ZONES: Final[Mapping[str, str]] = {
    "NT": "America/St_Johns",
    "TT": "America/Halifax",
    "ET": "America/New_York",
    "CT": "America/Chicago",
    "MT": "America/Denver",
    "PT": "America/Los_Angeles",
    "AT": "America/Anchorage",
    "HT": "Pacific/Honolulu",
}
NOWHERE: Final = Place()
LOCAL: Final = frozenset({"", "LT"})

# References that name one parcel of several in a shipment (L1102), and marks on a package (MAN01).
_OWN_NUMBER: Final = frozenset({"2I", "CN"})
_OWN_MARKS: Final = frozenset({"CP"})
_OTHER_SETS: Final[Mapping[str, str]] = {
    "997": "an acknowledgement (997)",
    "999": "an acknowledgement (999)",
    "990": "an answer to a load tender (990)",
    "204": "a load tender (204)",
    "210": "an invoice (210)",
    "211": "a bill of lading (211)",
    "856": "a ship notice (856)",
}
_ISA_ELEMENTS: Final = 16
_BLANK: Final = " \t\r\n"  # what may stand between segments; str.strip takes separators such as 1C and 1D too
_CLOCK: Final = re.compile(r"(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9][0-9]{0,2})?")

ABOUT = About(
    slug="edi214",
    name="EDI 214",
    relays=True,
    docs_url="docs/edi214.md",
    live="",
    codes={code: word for code, (word, _) in STATUSES.items()} | dict(DETAILED),
    unmapped={code: why for code, (_, why) in STATELESS.items()} | dict(AHEAD),
    hook_trust=Trust.SIGNED,
    time_rule=(
        "AT705 and AT706 are a wall clock, AT707 says whose: UT, GM, the offsets 01 to 24 and the letters of daylight "
        "or standard time (ED, ES, CD, ...) are offsets; ET, CT, MT, PT, AT, HT, NT and TT are zones whose offset "
        "follows from the date; LT or nothing is local to the place in MS1, placed by its country, or by its state "
        "where it names none. A date without a time, or with one that is none, stays a date."
    ),
    fields=(
        Field(
            "folder",
            "Folder",
            "Where the files arrive, as an absolute path on the machine of the worker. It must lie inside one of the "
            "folders that DOORSTEP_FILE_FOLDERS allows. Files that were read are moved to done/ in it, others to "
            "failed/. Left empty where interchanges are pushed to the webhook address alone.",
            required=False,
        ),
        Field(
            "webhook_secret",
            "Webhook secret",
            "What signs the interchanges that are pushed to the webhook address; see docs/edi214.md.",
            secret=True,
            required=False,
        ),
    ),
    hook_header_names=("x-edi-signature",),
    hook_media_types=("application/edi-x12", "text/plain"),
    sources=(
        "https://www.stedi.com/edi/x12-004030/element/1650",
        "https://edihere.com/asc-x12-1651-shipment-status-or-appointment-reason-code/",
        "https://www.stedi.com/edi/x12-004010/element/623",
        "https://stedi.com/edi/x12-004020/segment/AT7",
    ),
    assumed=(
        "The lists of codes 1650, 1651 and 623 are read from public copies of the standard.",
        "A place without a country is in the United States or Canada where its state is one of theirs.",
        "An LX loop with its own reference CN or 2I, or mark CP, is about that parcel; all others are about B1001, or "
        "B1002 where that is empty.",
    ),
    gaps=(
        "There is no standard API for 214s. Beside the folder, an interchange can be pushed to the webhook address, "
        "signed in a way of our own; AS2 and value-added networks end in the folder.",
        "No 997 is sent back.",
        "A test interchange (ISA15 T) is read like any other.",
        "Status details in Q5 and Q7 segments, as releases before 003060 had them, are not read.",
        "A reason that does not change the meaning of its status is shown beside it and no more.",
    ),
)


class Edi214:
    """The adapter. Stateless; safe to share between threads."""

    about = ABOUT

    def parse(self, body: bytes, status: int = 200) -> Answer:
        """One file: any number of interchanges, each with any separators."""
        with reading("edi 214"):
            found: dict[str, list[list[_Detail]]] = {}
            others: list[str] = []
            is_214 = False
            for interchange in _interchanges(_decoded(body)):
                for kind, segments in _transactions(interchange):
                    if kind != "214":
                        others.append(kind)
                        continue
                    is_214 = True
                    for number, told in _shipments(segments):
                        found.setdefault(number, []).append(told)
        if not is_214:
            raise BadPayload(f"edi 214: this is {_named(others)}, not shipment status")
        with reading("edi 214"):
            return Answer(tuple(_parcel(number, told) for number, told in found.items()))

    def is_whole(self, body: bytes) -> bool:
        """Whether its last segment is the end of an interchange."""
        try:
            with reading("edi 214"):
                *_, last = _interchanges(_decoded(body))
                return _same_control(_at(last[-1], 2), _at(last[0], 13))
        except BadPayload:
            return False

    def verify(self, hook: Hook, secret: str, now: datetime) -> None:
        """`X-Edi-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`, at most 300 s off."""
        check_stamped(one_header(hook.headers, "X-Edi-Signature"), secret, hook.body, now)

    def hook_key(self, hook: Hook) -> str:
        """Of the bytes: control numbers start again, and some senders never count them."""
        return sha256(hook.body).hexdigest()

    def parse_hook(self, body: bytes) -> Answer:
        return self.parse(body)


CARRIER = Edi214()

Segment = Sequence[str]


def _decoded(body: bytes) -> str:
    """The words of a file. X12 is ASCII; names with accents come in UTF-8 or, older, in Latin-1."""
    body = body.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not body:
        raise BadPayload("the body is empty")
    if body.startswith(b"<"):
        raise BadPayload("the body is an HTML or XML page, not X12")
    if not body.startswith(b"ISA") or b"\0" in body:
        raise BadPayload("the body is not X12: it does not start with an interchange (ISA)")
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body.decode("latin-1")


def _interchanges(words: str) -> Iterator[list[Segment]]:
    """The segments of each interchange, ISA first and IEA last, by the separators that its own ISA declares."""
    position = _past_blanks(words, 0)
    while position < len(words):
        separator, terminator = _separators(words, position)
        segments: list[Segment] = []
        while not segments or segments[-1][0] != "IEA":
            end = words.find(terminator, position)
            if end < 0 and not words.startswith("IEA", position):
                raise ValueError("the interchange breaks off: it has no IEA segment")
            segments.append(words[position : end if end >= 0 else len(words)].strip(_BLANK).split(separator))
            position = _past_blanks(words, end + 1) if end >= 0 else len(words)
        yield segments


def _past_blanks(words: str, position: int) -> int:
    while position < len(words) and words[position] in _BLANK:
        position += 1
    return position


def _separators(words: str, start: int) -> tuple[str, str]:
    """(what parts elements, what ends a segment). The sixteenth element is one character, the component separator."""
    if not words.startswith("ISA", start) or len(words) < start + 4:
        raise ValueError("there is something between interchanges")
    separator = words[start + 3]
    if separator.isalnum() or separator in _BLANK:
        raise ValueError("the ISA segment declares no separator")
    position = start
    for _ in range(_ISA_ELEMENTS):
        position = words.find(separator, position + 1)
        if position < 0:
            raise ValueError("the ISA segment breaks off")
    component, terminator = words[position + 1 : position + 2], words[position + 2 : position + 3]
    if not terminator or terminator.isalnum() or terminator in {separator, " "} or component == separator:
        raise ValueError("the ISA segment declares no segment terminator")
    if terminator == "\r" and words[position + 3 : position + 4] == "\n":
        return separator, "\n"  # a line is a segment; the carriage return goes with the other space
    return separator, terminator


def _transactions(segments: Sequence[Segment]) -> Iterator[tuple[str, list[Segment]]]:
    """(kind, segments without ST and SE) of every transaction set. Raises ValueError where counts or control numbers
    of any level do not match."""
    head, tail = segments[0], segments[-1]
    groups = 0
    position = 1
    while position < len(segments) - 1:
        segment = segments[position]
        if segment[0] == "TA1":
            position += 1
            continue
        if segment[0] != "GS":
            raise ValueError(f"segment {segment[0][:3]!r} where a functional group should begin")
        end = _end_of(segments, position, "GE")
        sets = list(_sets(segments[position + 1 : end]))
        _check_end("GE", segments[end], len(sets), _at(segment, 6))
        yield from sets
        groups += 1
        position = end + 1
    _check_end("IEA", tail, groups, _at(head, 13))


def _sets(segments: Sequence[Segment]) -> Iterator[tuple[str, list[Segment]]]:
    position = 0
    while position < len(segments):
        head = segments[position]
        if head[0] != "ST":
            raise ValueError(f"segment {head[0][:3]!r} where a transaction set should begin")
        end = _end_of(segments, position, "SE")
        _check_end("SE", segments[end], end - position + 1, _at(head, 2))
        yield _at(head, 1), list(segments[position + 1 : end])
        position = end + 1


def _end_of(segments: Sequence[Segment], start: int, name: str) -> int:
    for position in range(start + 1, len(segments)):
        if segments[position][0] == name:
            return position
    raise ValueError(f"{segments[start][0]} has no {name}")


def _check_end(name: str, segment: Segment, count: int, control: str) -> None:
    """The count and the control number that close a level."""
    told, number = _at(segment, 1), _at(segment, 2)
    if not told.isdecimal() or len(told) > 9 or int(told) != count:
        raise ValueError(f"{name} counts {told[:10] or 'nothing'}, but there are {count}")
    if not _same_control(number, control):
        raise ValueError(f"{name} has control number {number[:20]!r}, but its head {control[:20]!r}")


def _same_control(number: str, control: str) -> bool:
    return bool(control) and number.lstrip("0") == control.lstrip("0")


def _at(segment: Segment, position: int) -> str:
    """An element, empty where it is left out."""
    return text(segment[position].strip()) if position < len(segment) else ""


def _named(kinds: Sequence[str]) -> str:
    kind = kinds[0] if kinds else ""
    return _OTHER_SETS.get(kind, f"transaction set {kind[:6]!r}" if kind else "an interchange without transaction sets")


@dataclass(slots=True)
class _Detail:
    """One AT7 with the place that follows it."""

    segment: Segment
    place: Place = NOWHERE


def _shipments(segments: Sequence[Segment]) -> Iterator[tuple[str, list[_Detail]]]:
    """(number, what is said of it) for every parcel of one transaction set."""
    head = next((segment for segment in segments if segment[0] == "B10"), None)
    if head is None:
        raise ValueError("a 214 without B10")
    number = _at(head, 1) or _at(head, 2)
    if not number:
        raise ValueError("a 214 whose B10 names no shipment")
    loops = list(_loops(segments))
    if not loops:
        yield number, []
    for numbers, told in loops:
        for own in numbers or [number]:
            yield own, told


def _loops(segments: Sequence[Segment]) -> Iterator[tuple[list[str], list[_Detail]]]:
    """(own numbers, details) of every LX loop; of all details together where there is no LX at all."""
    numbers: list[str] = []
    told: list[_Detail] | None = None
    for segment in segments:
        match segment[0]:
            case "LX":
                if told is not None:
                    yield numbers, told
                numbers, told = [], []
            case "AT7":
                told = [] if told is None else told
                told.append(_Detail(segment))
            case "MS1" if told:
                told[-1].place = _place(segment)
            case "L11" if told is not None and _at(segment, 2) in _OWN_NUMBER and _at(segment, 1):
                numbers.append(_at(segment, 1))
            case "MAN" if told is not None and _at(segment, 1) in _OWN_MARKS and _at(segment, 2):
                numbers.append(_at(segment, 2))
    if told is not None:
        yield list(dict.fromkeys(numbers)), told


def _place(segment: Segment) -> Place:
    city, region, country = (_at(segment, position) for position in (1, 2, 3))
    return Place(city=city, region=region, country=country or _country_of(region))


def _country_of(region: str) -> str:
    """The country of a state that is named without one: senders leave out their own."""
    return next((country for country in ("US", "CA") if region in _codes(country)), "")


@lru_cache(maxsize=2)
def _codes(country: str) -> frozenset[str]:
    names = (name for _, names in REGIONS.get(country, ()) for name in names.split(","))
    return frozenset(name.strip().upper() for name in names if len(name.strip()) == 2)


def _parcel(number: str, told: Sequence[Sequence[_Detail]]) -> Parcel:
    details = [detail for one in told for detail in one]
    scans = oldest_first({s.key(): s for s in map(_scan, details) if s}.values())
    meanings = [scan for scan in scans if scan.status]
    status, sub_status = (meanings[-1].status, meanings[-1].sub_status) if meanings else (None, None)
    if status is Status.DELIVERED and any(scan.status is Status.RETURNING for scan in meanings):
        status, sub_status = Status.RETURNED, None  # what is on its way back is delivered to the shipper
    delivered = [scan.at for scan in scans if scan.status is Status.DELIVERED and scan.at]
    return Parcel(
        number=number,
        scans=scans,
        status=status,
        sub_status=sub_status,
        delivered_at=delivered[-1] if delivered and status is Status.DELIVERED else None,
        estimated=None if status in {Status.DELIVERED, Status.CANCELLED} else _estimate(details),
    )


def _scan(detail: _Detail) -> Scan | None:
    """What happened; None for what is only to come."""
    code, reason = _at(detail.segment, 1), _at(detail.segment, 2)
    if not code and not _at(detail.segment, 3):
        raise ValueError("an AT7 without a status and without an appointment")
    if not code or code in AHEAD:
        return None
    status, sub_status = _meaning(code, reason)
    moment = _moment(detail)
    return scan_of(
        moment, Said(code, _words(code, reason), status, sub_status, "" if reason in NORMAL else reason), detail.place
    )


def _meaning(code: str, reason: str) -> tuple[Status | None, str | None]:
    coarse = STATUSES[code][0] if code in STATUSES else None
    return meant(DETAILED.get(f"{code}/{reason}") or coarse)


def _words(code: str, reason: str) -> str:
    """The names of both codes; the codes themselves where they are not of the standard."""
    title = _NAMES.get(code, "")
    if not reason or reason in NORMAL:
        return title
    return f"{title}: {REASONS.get(reason, reason)}" if title else REASONS.get(reason, reason)


def _moment(detail: _Detail) -> When:
    day, clock, code = _day(detail.segment), _at(detail.segment, 6), _at(detail.segment, 7)
    if not _CLOCK.fullmatch(clock):
        return local_with_offset(day, None, None)
    local = local_with_offset(day, clock[:6], OFFSETS.get(code))
    if local is UNTIMED or local.at:
        return local
    if code in ZONES:
        return in_zone(local, ZONES[code])
    return placed(local, detail.place) if code in LOCAL else local


def _day(segment: Segment) -> str:
    """CCYYMMDD. Releases before 4010 had six digits."""
    day = _at(segment, 5)
    return f"20{day}" if len(day) == 6 and day.isdecimal() else day


def _estimate(details: Sequence[_Detail]) -> Estimate | None:
    """The day of delivery, by the surest of what is told, and of that the last word."""
    dates: dict[str, date] = {}
    for detail in details:
        code = _at(detail.segment, 1) or _at(detail.segment, 3)
        told = local_with_offset(_day(detail.segment), None, None).local if code in _EXPECTED else ""
        if told:
            dates[code] = date.fromisoformat(told)
    source = next((code for code in _EXPECTED if code in dates), None)
    if source is None:
        return None
    if source in {"ED", "LD"}:
        start, end = dates.get("ED", dates[source]), dates.get("LD", dates[source])
        return Estimate(min(start, end), max(start, end), "ED/LD" if len(dates.keys() & {"ED", "LD"}) == 2 else source)
    return Estimate(dates[source], dates[source], source)
