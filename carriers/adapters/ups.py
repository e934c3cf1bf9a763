"""UPS: tracking by number (Track API v1), Track Alert webhooks of both generations, which are hints, return labels."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from uuid import uuid4

import orjson

from carriers.address import Address, fitted_lines
from carriers.amounts import to_minor, to_text
from carriers.auth import ClientCredentials, Tokens
from carriers.contract import (
    ENVIRONMENT,
    About,
    Answer,
    Budget,
    Estimate,
    Fault,
    Fetched,
    Field,
    Greeting,
    Hook,
    Item,
    Label,
    LabelOrder,
    Parcel,
    Scan,
    Subscribed,
    Trust,
    Wanted,
    ZoneFrom,
)
from carriers.download import base64_bytes, format_of
from carriers.errors import BadCredentials, BadSignature, CarrierError, Refused
from carriers.gateway import gateway_errors
from carriers.http import Http, carrier_words, granted
from carriers.memory import remembered
from carriers.reading import (
    Said,
    When,
    as_object,
    each,
    local_with_offset,
    meant,
    new_answer,
    new_parcel,
    offset_of,
    offset_text,
    oldest_first,
    other_body,
    place_of,
    reading,
    scan_of,
    some,
    text,
    utc,
)
from carriers.reading_xml import as_xml
from carriers.signing import check_basic, check_hook_token, check_shared_text, hook_token, one_header
from carriers.status import Status
from carriers.ups_old import as_track_api, tree_of
from carriers.zones import placed

if TYPE_CHECKING:
    import httpx

# The three digits of `statusCode` (Track) and `descriptionCode` (Track Alert), from UPS's own list of 170.
STATUS_CODES: Final[Mapping[str, str]] = {
    "003": "info_received.label_created",
    "005": "in_transit",
    "006": "out_for_delivery.on_vehicle",
    "007": "cancelled",
    "010": "in_transit",
    "011": "delivered",
    "012": "in_transit.customs_started",
    "013": "exception",
    "014": "in_transit.customs_cleared",
    "016": "in_transit",
    "017": "available_for_pickup.at_point",
    "018": "in_transit",
    "019": "in_transit",
    "020": "in_transit",
    "021": "out_for_delivery.on_vehicle",
    "022": "attempt_failed",
    "023": "attempt_failed",
    "024": "attempt_failed",
    "025": "in_transit",
    "026": "delivered",
    "027": "in_transit",
    "028": "in_transit.redirected",
    "029": "exception",
    "030": "exception",
    "032": "in_transit",  # weather *may* delay it
    "033": "in_transit",  # the return is asked for, not begun
    "034": "returned",
    "035": "returning",
    "036": "returning",
    "037": "out_for_delivery.on_vehicle",
    "038": "picked_up.collected",
    "039": "in_transit",
    "040": "available_for_pickup.at_point",
    "041": "in_transit",
    "042": "in_transit",
    "044": "info_received.data_received",  # on the way *to* UPS
    "045": "info_received.data_received",
    "046": "exception.capacity",
    "047": "in_transit",
    "048": "exception.capacity",
    "049": "exception",
    "050": "exception.address",
    "051": "exception.weather",
    "052": "exception.weather",
    "053": "exception.weather",
    "054": "in_transit",
    "055": "in_transit",  # another day, which need not follow an attempt
    "056": "in_transit",
    "057": "in_transit.redirected",
    "058": "exception.customs_hold",
    "059": "exception.damaged",
    "060": "attempt_failed",
    "061": "attempt_failed",
    "062": "attempt_failed",
    "063": "in_transit.redirected",
    "064": "exception.refused",
    "065": "info_received.pickup_scheduled",
    "066": "attempt_failed",
    "067": "returned",
    "068": "exception.lost",
    "069": "exception",
    "070": "in_transit",
    "071": "in_transit.arrived_depot",
    "072": "out_for_delivery.on_vehicle",
    "073": "in_transit",
    "074": "in_transit.handed_to_partner",
    "075": "in_transit",
    "076": "exception",
    "077": "info_received.pickup_scheduled",
    "078": "out_for_delivery.on_vehicle",
    "079": "info_received.data_received",
    "080": "info_received.data_received",
    "081": "returned",
    "082": "in_transit",
    "083": "exception",
    "084": "in_transit.customs_cleared",
    "085": "exception.payment",
    "086": "exception.capacity",
    "087": "in_transit",
    "089": "out_for_delivery.on_vehicle",
    "090": "exception.capacity",
    "091": "out_for_delivery.on_vehicle",
    "092": "in_transit.customs_started",
    "095": "attempt_failed.rescheduled",
    "096": "in_transit.redirected",
    "097": "in_transit",
    "098": "in_transit",
    "099": "in_transit",
    "100": "in_transit.redirected",
    "101": "in_transit",
    "102": "in_transit",
    "103": "in_transit",
    "106": "in_transit.redirected",
    "107": "in_transit",
    "108": "in_transit.redirected",
    "109": "in_transit",
    "115": "in_transit",
    "116": "in_transit",
    "118": "returning",
    "119": "in_transit",
    "120": "in_transit",
    "121": "in_transit",
    "122": "in_transit",
    "123": "in_transit.customs_started",
    "124": "exception.customs_hold",
    "125": "exception.customs_hold",
    "126": "in_transit.customs_started",
    "131": "info_received.pickup_scheduled",
    "132": "exception.capacity",
    "134": "in_transit.customs_cleared",
    "135": "info_received.pickup_scheduled",
    "136": "in_transit",
    "137": "in_transit.handed_to_partner",
    "138": "in_transit",
    "139": "exception",
    "141": "exception.customs_hold",
    "144": "available_for_pickup.at_point",
    "145": "attempt_failed",
    "146": "out_for_delivery.on_vehicle",
    "147": "exception",
    "149": "exception",
    "153": "in_transit",
    "154": "in_transit",
    "157": "info_received.label_created",
    "158": "in_transit",
    "159": "in_transit",
    "160": "picked_up",
    "161": "available_for_pickup.at_point",
    "162": "out_for_delivery.on_vehicle",
    "164": "in_transit",
    "165": "in_transit",
    "166": "info_received.label_created",
    "167": "picked_up.dropped_off",
    "168": "picked_up.dropped_off",
    "169": "picked_up.dropped_off",
}


def _all(codes: str, word: str) -> dict[str, str]:
    """One word for many codes, which are parted by spaces."""
    return dict.fromkeys(codes.split(), word)


# Numbers of the same list that say nothing about where the parcel is. They are shown in UPS's words.
_ASIDE = "about a claim, an investigation or a request, not about where the parcel is"
STATUS_UNMAPPED: Final[Mapping[str, str]] = {
    "000": "UPS says that there is no status; the letters may tell one",
    "043": "a pickup was called off; the parcel may still come",
    "088": "a test",
    "093": _ASIDE,
    "094": _ASIDE,
    "104": _ASIDE,
    "105": _ASIDE,
    "110": _ASIDE,
    "111": _ASIDE,
    "112": _ASIDE,
    "113": _ASIDE,
    "114": _ASIDE,
    "117": _ASIDE,
    "127": _ASIDE,
    "128": _ASIDE,
    "129": _ASIDE,
    "130": _ASIDE,
    "133": "about another label than that of the parcel",
    "140": _ASIDE,
    "142": _ASIDE,
    "143": "the agent may be the receiver's or one more carrier",
    "148": "UPS says that there is no information",
    "155": "a photo of a delivery that has its own scan",
    "156": "how a delivery was made; it has its own scan",
    "163": "UPS says that there is no information",
}

# The two characters of `code` mean different things per type of activity: as movement XD is "dropped off", as exception
# "import scan". So they are read only within their type; from UPS's lists of movement scans, delivery codes, package
# exceptions and manifest codes. The digits decide; the letters say which kind of it, or stand in for digits missing.
MOVEMENT: Final[Mapping[str, str]] = {
    "AG": "in_transit",
    "AR": "in_transit.arrived_hub",
    "AT": "in_transit",
    "DL": "out_for_delivery.on_vehicle",
    "DP": "in_transit.departed_hub",
    "DS": "in_transit.arrived_depot",
    "EP": "in_transit",
    "HU": "in_transit.arrived_hub",
    "IP": "in_transit.arrived_country",
    "LC": "in_transit",
    "LM": "in_transit",
    "OD": "out_for_delivery.on_vehicle",
    "OF": "out_for_delivery.on_vehicle",
    "OR": "picked_up",
    "OT": "out_for_delivery.on_vehicle",
    "PC": "picked_up.collected",
    "PL": "info_received.label_created",
    "PT": "picked_up.collected",
    "PU": "picked_up.collected",
    "SP": "info_received.pickup_scheduled",
    "UL": "in_transit",
    "WH": "in_transit",
    "XA": "in_transit.handed_to_partner",
    "XD": "picked_up.dropped_off",
    "XR": "in_transit.handed_to_partner",
    "YF": "out_for_delivery.on_vehicle",
    "YH": "in_transit.handed_to_partner",
    "YI": "in_transit",  # towards an access point, not the door
    "YM": "in_transit.handed_to_partner",
    "YN": "in_transit.handed_to_partner",
    "YP": "in_transit.arrived_depot",
}
DELIVERY: Final[Mapping[str, str]] = {
    "1N": "available_for_pickup.at_locker",
    "2K": "out_for_delivery.on_vehicle",
    "2Q": "available_for_pickup.at_point",
    "2W": "delivered.collected",
    "3F": "delivered.safe_place",
    "3G": "delivered.to_person",
    "3H": "delivered.neighbour",
    "A0": "delivered.collected",
    "B0": "returned",
    "EP": "available_for_pickup.at_point",
    "F4": "delivered",
    "F7": "in_transit.handed_to_partner",
    "FS": "delivered",
    "KB": "delivered",
    "M3": "delivered.to_person",
    "M4": "delivered.to_person",
    "M6": "delivered.to_person",
    "M7": "delivered.to_person",
    "M8": "delivered.to_person",
    "M9": "delivered.to_person",
    "MA": "delivered.to_person",
    "MB": "delivered.to_person",
    "ME": "delivered.to_person",
    "MG": "delivered.to_person",
    "MH": "delivered.to_person",
    "MJ": "delivered.to_person",
    "MK": "delivered.to_person",
    "ML": "delivered.safe_place",
    "MM": "delivered.safe_place",
    "MN": "delivered.safe_place",
    "MP": "delivered.safe_place",
    "MQ": "delivered.safe_place",
    "MR": "delivered.safe_place",
    "MS": "delivered.safe_place",
    "MU": "delivered.safe_place",
    "MW": "delivered.safe_place",
    "MX": "delivered.safe_place",
    "NL": "delivered.safe_place",
    "NT": "delivered.safe_place",
    "OD": "out_for_delivery.on_vehicle",
    "OF": "out_for_delivery.on_vehicle",
    "OT": "out_for_delivery.on_vehicle",
    "OZ": "delivered.to_person",
    "YC": "delivered",
    "ZF": "delivered.safe_place",
    "ZG": "delivered.to_person",
    "ZH": "delivered.to_person",
    "ZI": "available_for_pickup.at_point",
    "ZQ": "available_for_pickup.at_point",
}
EXCEPTIONS: Final[Mapping[str, str]] = {
    **_all("1E 2A 3D 6D 7V 7W 7X C5 DF DJ PZ", "exception.weather"),
    **_all("13 24 25 26 27 45 67 A2 HE HR TV", "exception.damaged"),
    **_all("S9 TJ", "exception.lost"),
    **_all("8H AM AN AP AQ AS KI KQ KR KS KT YE", "exception.refused"),
    **_all("6 7 34 8G D1", "exception.misrouted"),
    **_all("55 AY G3 L1 ZM", "attempt_failed.closed"),
    **_all("48 49 C4", "attempt_failed.not_home"),
    **_all("51 52 EY KZ", "exception.payment"),
    **_all(
        "A6 A8 A9 AA AC AE AF AG AK AL AV AW CW CY DS E1 FA H1 H2 H3 H4 H5 PH",
        "exception.address",
    ),
    "A7": "exception.moved",
    "F4": "delivered",
}
MANIFEST: Final[Mapping[str, str]] = {
    "DP": "info_received.data_received",
    "MP": "info_received.label_created",
    "RD": "info_received.label_created",
    "VP": "cancelled",
}
TYPES: Final[Mapping[str, Mapping[str, str]]] = {
    "D": DELIVERY,
    "I": MOVEMENT,
    "M": MANIFEST,
    "MV": MANIFEST,
    "P": MOVEMENT,
    "X": EXCEPTIONS,
    # Without a type, what UPS's specifications and recorded answers use with one meaning.
    "": {code: MOVEMENT[code] for code in ("AR", "DP", "OR", "OT", "PU")}
    | {code: DELIVERY[code] for code in ("F4", "FS", "KB")}
    | {"MP": MANIFEST["MP"]},
}

_KIND = "the kind of an activity; its code says what happened"
_TAKEN_BACK = "takes back or moves another scan"
_BY_DIGITS = "only as an exception, where the digits beside it say what it means for the parcel"
_NOT_UPS = "in none of UPS's lists"
CODE_UNMAPPED: Final[Mapping[str, str]] = {
    **_all("D I M MV U X", _KIND),
    **_all("I/CA I/CD I/CL I/UA I/UD I/VP", _TAKEN_BACK),
    "I/OC": "a label without a parcel and the first scan of a trailer load, both by UPS's own list",
    "D/4X": "goes on under another number",
    "U/PX": "a photo of a delivery that has its own scan",
    "U/UP": "a new date, which is read from its own field",
    "U/UT": "a new time, which is read from its own field",
    **_all(
        "BA CC CH CM CN CP CV DA DD DE DU DY EX HD LO NI OA RE RF RH RJ RP RS RU UF UR VB VD",
        _BY_DIGITS,
    ),
    "NS": "a gate code, for the driver",
    **_all(
        "ANF BC CI CU DM DMG EM HI HS HX IA IH LP LT MR MSR NA NA1 NAH ND NH OG RT SC SD UU WA WC WD WE",
        _NOT_UPS,
    ),
}

_COARSE: Final = {*Status, "exception.capacity"}  # words that letters may say more about; UPS's "delay" has any reason

NOT_FOUND: Final = "TW0001"
ALERT_LIFE: Final = timedelta(days=14)
ALERT_BATCH: Final = 100
ALERT_NUMBER: Final = re.compile(r"1Z[0-9A-Z]{16}|1R[0-9A-Z]{14}|1R[0-9A-Z]{26}")
TOKEN_LIFE: Final = timedelta(hours=1)

PRINT_RETURN_LABEL: Final = "9"
GROUND, STANDARD = "03", "11"
VOID_WITHIN: Final = timedelta(hours=24)
POUND_GRAMS: Final = Decimal("453.59237")
_FORMATS: Final = {"gif", "pdf", "zpl"}
_WINDOWS = {"EDW", "CDW", "IDW"}  # estimated, confirmed, imminent delivery window
_OVER = {Status.DELIVERED, Status.RETURNED, Status.CANCELLED}

# Bodies that operators and tests hand us by mistake, each known by one key.
_OTHER_BODIES: Final[Mapping[str, str]] = {
    "validTrackingNumbers": "the answer to a Track Alert subscription",
    "invalidTrackingNumbers": "the answer to a Track Alert subscription",
    "ShipmentResponse": "the answer to buying a label",
    "LabelRecoveryResponse": "the answer to a label reprint",
    "VoidShipmentResponse": "the answer to a void",
    "access_token": "a token",
}


class Ups:
    """UPS. One number a call; tokens live four hours and are fetched once for all workers."""

    about = About(
        slug="ups",
        name="UPS",
        docs_url="https://developer.ups.com/api/reference",
        live="https://onlinetools.ups.com",
        sandbox="https://wwwcie.ups.com",
        tracking_page="https://www.ups.com/track?tracknum={number}",
        number_pattern=r"1Z[0-9A-Z]{16}|1R[0-9A-Z]{14}|1R[0-9A-Z]{26}|[AHJKTV][0-9]{10}",
        codes={**STATUS_CODES, **{f"{kind}/{code}": word for kind in "DIMX" for code, word in TYPES[kind].items()}},
        unmapped={**STATUS_UNMAPPED, **CODE_UNMAPPED},
        budgets=(Budget(3, timedelta(seconds=1)), Budget(40_000, timedelta(days=1))),
        batch_size=1,
        hook_trust=Trust.HINT,
        time_rule=(
            "`date` and `time` are local to the scan. The instant comes from `gmtDate` and `gmtTime` where they are "
            "sent (leading zeros get lost: 74700 is 07:47:00) and the offset from their difference to the local time. "
            "Where they are missing, or where no offset explains the difference, `gmtOffset` counts, written -05:00 or "
            "-04.00; without it the zone is that of the place, where country, state and postcode tell one."
        ),
        hook_header_names=("credential", "authorization", "x-api-key"),
        subscription_batch=ALERT_BATCH,
        subscription_life=ALERT_LIFE,
        void_within=VOID_WITHIN,
        fields=(
            Field("client_id", "Client ID", "From the app that you made at developer.ups.com."),
            Field("client_secret", "Client secret", secret=True),
            Field(
                "webhook_secret",
                "Track Alert credential",
                "A text of your own. UPS repeats it with every push (v1) or logs in with it, as client secret (v2).",
                secret=True,
                required=False,
            ),
            Field(
                "alerts",
                "Track Alert generation",
                'For v2 see "Manage Webhook Credentials" at developer.ups.com; the token address is the hook address '
                'with "/token" behind it.',
                required=False,
                default="v1",
                choices={
                    "v1": "v1, told with each subscription",
                    "v2": "v2, entered at UPS once",
                },
            ),
            Field("account", "Account number", "Six characters; needed for labels.", required=False),
            Field(
                "label_format",
                "Label format",
                required=False,
                default="gif",
                choices={
                    "gif": "GIF",
                    "pdf": "PDF, for which UPS is asked once more",
                    "zpl": "ZPL, for label printers; our return sheet cannot show it",
                },
            ),
            ENVIRONMENT,
        ),
        assumed=(
            "A return label can be voided for 24 hours. UPS's document names no time; shipping software that sells "
            "these labels does.",
            "An answer of 400 or 404 to a search by reference means that no label has that reference.",
        ),
        sources=(
            "UPS OpenAPI documents Shipping.yaml, Tracking.yaml, OAuthClientCredentials.yaml and UPSTrackAlert.yaml, "
            "github.com/UPS-API/api-documentation, 2025-08 and 2026-07",
            "UPS, Tracking: status and description codes (the list of 170), movement scans, delivery codes, package "
            "exceptions, manifest codes",
            "UPS Tracking before 2024 (XML, SOAP and its JSON), as published clients record it",
            "github.com/UPS-API/api-documentation issues 8, 36, 102, 123, 166, 218",
        ),
        gaps=(
            "UPS publishes no rate limits; the budgets here are our own caution.",
            "A label is looked up by our reference before it is bought, for as long as UPS keeps it (30 days). A label "
            "that was voided may be found that way, too.",
            "Codes for the counter instead of a printed label are not in UPS's documents.",
            "Data leaves after 120 days: an old number turns into a number that UPS does not know.",
            "TV1002 (invalid number) also comes back for good numbers now and then. It is reported as an error of the "
            "call, not as an unknown number, so that the number is asked for again.",
            "A Track Alert subscription sends no history, cannot be ended before its 14 days, and what is pushed while "
            "we do not answer is lost. Polling repairs that.",
            "Of UPS's 687 exception codes those are mapped that say more than the digits beside them.",
            "Delivery windows are local times without a zone. They become instants only from the depot's own offset "
            "on the day of delivery; before that the estimate is a date.",
        ),
    )

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        account = http.credentials.get("account", "")
        return ClientCredentials.of_account(
            http,
            "/security/v1/oauth/token",
            tokens,
            style="basic",
            headers={"x-merchant-id": account} if account else {},
        )

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        (number,) = numbers
        reply = http.get(
            f"/api/track/v1/details/{quote(number, safe='')}",
            params={"locale": "en_US"},
            headers=_transaction(),
        )
        return Fetched(reply.status, reply.body)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        with reading("ups track"):
            answer = tree_of(as_xml(body)) if body.lstrip()[:1] == b"<" else as_object(body)
            if "trackResponse" not in answer:
                answer = as_track_api(answer) or answer
            if "trackResponse" in answer:
                return _joined(_shipment(s) for s in each(answer["trackResponse"]["shipment"]))
            if "response" in answer or "errors" in answer:
                errors = answer.get("response", answer)["errors"]
                return Answer(errors=tuple(_fault(e, None) for e in each(errors)))
            if faults := gateway_errors(answer, status):
                return Answer(errors=faults)
        raise other_body(answer, _OTHER_BODIES, "no trackResponse in the body; this is not tracking data of UPS")

    def verify(self, hook: Hook, secret: str, now: datetime) -> None:
        """v1 repeats the agreed text in `credential`, v2 brings a token that we issued to the client in `x-api-key`.

        Neither proves anything about the body.
        """
        if "credential" in hook.headers:
            check_shared_text(one_header(hook.headers, "credential"), secret)
            return
        scheme, _, token = one_header(hook.headers, "authorization").partition(" ")
        if scheme.lower() != "bearer":
            raise BadSignature("neither a credential nor a bearer token")
        check_hook_token(token, secret, one_header(hook.headers, "x-api-key"), now, TOKEN_LIFE)

    def issue_token(self, hook: Hook, secret: str, now: datetime) -> Greeting:
        """Track Alert v2 logs in here, by Basic, before it pushes. The token lasts an hour and is kept nowhere."""
        client = check_basic(one_header(hook.headers, "authorization"), secret)
        answer = {
            "access_token": hook_token(secret, client, now + TOKEN_LIFE),
            "token_type": "Bearer",
            "expires_in": int(TOKEN_LIFE.total_seconds()),
        }
        return Greeting(orjson.dumps(answer))

    def hook_key(self, hook: Hook) -> str:
        return sha256(hook.body).hexdigest()

    def parse_hook(self, body: bytes) -> Answer:
        with reading("ups track alert"):
            event = as_object(body)
            if "activityStatus" in event:
                return _alert(event)
        raise other_body(event, _OTHER_BODIES, "no activityStatus in the body; this is not tracking data of UPS")

    def subscribe(self, http: Http, wanted: Wanted) -> Sequence[Subscribed]:
        """Fourteen days of pushes for up to 100 numbers. UPS accepts some and refuses others in one answer."""
        asked = [number for number in wanted.numbers if ALERT_NUMBER.fullmatch(number)]
        strange = [Subscribed(n, refused="Track Alert takes 1Z and 1R numbers alone") for n in wanted.numbers]
        made = _subscribed(http, wanted, asked) if asked else {}
        return [made.get(other.number, other) for other in strange]

    def buy_label(self, http: Http, order: LabelOrder) -> Label:
        """Looks for a label with the reference of this order first: a second call finds what the first one bought."""
        account = _account(http)
        wanted = http.credentials.get("label_format") or "gif"
        found = self._recovered(http, wanted, {"ReferenceValues": _reference(order.key, account)})
        if found is None:
            body = _label_body(order, account, "ZPL" if wanted == "zpl" else "GIF")
            reply = http.post("/api/shipments/v2409/ship", json=body, headers=_transaction(), buys=True)
            found = self.parse_label(granted(reply, "UPS").body)
            found = replace(found, voidable_until=datetime.now(UTC) + VOID_WITHIN)
        if wanted == "pdf" and found.format != "pdf":
            found = self._as_pdf(http, found)
        return found

    def void_label(self, http: Http, label_ref: str) -> None:
        path = f"/api/shipments/v2409/void/cancel/{quote(label_ref, safe='')}"
        reply = granted(http.delete(path, headers=_transaction()), "UPS")
        with reading("ups void"):
            status = some(as_object(reply.body)["VoidShipmentResponse"]["SummaryResult"]["Status"])
        if text(status.get("Code")) != "1":
            raise Refused(text(status.get("Description")) or "UPS did not void the label", text(status.get("Code")))

    def parse_label(self, body: bytes) -> Label:
        """The answer to a purchase, or to asking for a label again."""
        with reading("ups label"):
            answer = as_object(body)
            if "response" in answer:
                error = each(answer["response"]["errors"])[0]
                raise Refused(text(error.get("message")), text(error.get("code")))
            if "LabelRecoveryResponse" in answer:
                return _recovered_label(answer["LabelRecoveryResponse"])
            return _label(answer["ShipmentResponse"]["ShipmentResults"])

    def _recovered(self, http: Http, wanted: str, which: Mapping[str, object]) -> Label | None:
        """A label that UPS has sold already, None where it has none. Any other trouble is raised: it must not buy."""
        kind = wanted.upper() if wanted in _FORMATS else "GIF"
        body = {"LabelRecoveryRequest": {"LabelSpecification": _specification(kind), **which}}
        reply = http.post("/api/labels/v1/recovery", json=body, headers=_transaction())
        if reply.status in {400, 404}:
            return None
        with reading("ups label recovery"):
            answer = some(as_object(granted(reply, "UPS").body).get("LabelRecoveryResponse"))
            several = [text(c["TrackingNumber"]) for c in _list(answer.get("TrackingCandidate"))]
            if not _list(answer.get("LabelResults")):
                return self._recovered(http, wanted, {"TrackingNumber": several[0]}) if several else None
        return self.parse_label(reply.body)

    def _as_pdf(self, http: Http, label: Label) -> Label:
        """UPS sells pictures and gives PDF on asking again. The label is paid for: without a PDF it stays a picture."""
        try:
            found = self._recovered(http, "pdf", {"TrackingNumber": label.number})
        except CarrierError:
            found = None
        return replace(label, body=found.body, format=found.format) if found and found.body else label

    def unsubscribe(self, http: Http, ref: str) -> None:
        raise Refused("UPS ends a Track Alert subscription by itself, 14 days after it was made, and not before")


def _joined(answers: Iterable[Answer]) -> Answer:
    found = list(answers)
    if len(found) == 1:
        return found[0]
    return Answer(
        parcels=tuple(p for a in found for p in a.parcels),
        not_found=tuple(n for a in found for n in a.not_found),
        errors=tuple(e for a in found for e in a.errors),
    )


def _shipment(shipment: Mapping[str, Any]) -> Answer:
    """Every package of one shipment. Warnings beside packages are kept; TW0001 without any is "not found"."""
    number = text(shipment.get("inquiryNumber"))
    packages = each(shipment.get("package"))
    alone = number if len(packages) == 1 else ""  # one of several is not the one that was asked for
    parcels = tuple(_package(p, text(p.get("trackingNumber")) or alone) for p in packages)
    warnings = [_fault(w, number or None) for w in each(shipment.get("warnings"))]
    unknown = bool(number) and not parcels and any(w.code == NOT_FOUND for w in warnings)
    return new_answer(
        parcels=parcels,
        not_found=(number,) if unknown else (),
        errors=tuple(w for w in warnings if not (unknown and w.code == NOT_FOUND)),
    )


def _fault(error: Mapping[str, Any], number: str | None) -> Fault:
    return Fault(number, text(error.get("code")), text(error.get("message")))


def _package(package: Mapping[str, Any], number: str) -> Parcel:
    if not number:
        raise ValueError("a package without a tracking number")
    scans = oldest_first([_activity(a) for a in each(package.get("activity"))], newest_first=True)
    status, sub_status = _latest(scans) or _current(some(package.get("currentStatus")))
    dates = {text(d.get("type")): text(d.get("date")) for d in each(package.get("deliveryDate"))}
    day = next(((kind, dates[kind]) for kind in ("RDD", "SDD") if dates.get(kind)), ("", ""))
    slot = some(package.get("deliveryTime"))
    window = (slot.get("startTime"), slot.get("endTime")) if text(slot.get("type")) in _WINDOWS else (None, None)
    return new_parcel(
        number=number,
        scans=scans,
        status=status,
        sub_status=sub_status,
        delivered_at=_delivered_at(scans, status),
        estimated=None if status in _OVER else _estimate(day[1], window, scans, day[0]),
        service=text(some(package.get("service")).get("description")),
    )


def _activity(activity: Mapping[str, Any]) -> Scan:
    address = some(some(activity.get("location")).get("address"))
    place = place_of(
        address.get("city"),
        address.get("stateProvince"),
        address.get("postalCode"),
        address.get("countryCode") or address.get("country"),
    )
    status = some(activity.get("status"))
    said = _said(status.get("type"), status.get("code"), status.get("statusCode"), status.get("description"))
    moment = _when(
        activity.get("date"),
        activity.get("time"),
        activity.get("gmtDate"),
        activity.get("gmtTime"),
        activity.get("gmtOffset"),
    )
    return scan_of(placed(moment, place), said, place)


def _alert(event: Mapping[str, Any]) -> Answer:
    """A Track Alert event: one parcel with one scan, in the words and times of the same activity when polled."""
    status = some(event["activityStatus"])
    location = some(event.get("activityLocation"))
    place = place_of(
        location.get("city"), location.get("stateProvince"), location.get("postalCode"), location.get("country")
    )
    said = _said(status.get("type"), status.get("code"), status.get("descriptionCode"), status.get("description"))
    moment = _when(
        event.get("localActivityDate"),
        event.get("localActivityTime"),
        event.get("gmtActivityDate"),
        event.get("gmtActivityTime"),
        event.get("gmtOffset"),
    )
    scan = scan_of(placed(moment, place), said, place)
    window = (event.get("deliveryStartTime"), event.get("deliveryEndTime"))
    day = text(event.get("scheduledDeliveryDate"))
    number = text(event["trackingNumber"])
    if not number:
        raise ValueError("an event without a tracking number")
    parcel = Parcel(
        number=number,
        scans=(scan,),
        status=scan.status,
        sub_status=scan.sub_status,
        delivered_at=_delivered_at((scan,), scan.status),
        estimated=None if scan.status in _OVER else _estimate(day, window, (scan,), "scheduledDeliveryDate"),
    )
    return Answer(parcels=(parcel,))


@remembered(2048)
def _said(kind: object, code: object, digits: object, words: object) -> Said:
    """UPS's status object, which polls and pushes share but for the name of its digits."""
    letters, number = text(code), text(digits)
    status, sub_status = _mapped(number, text(kind), letters)
    return Said(letters or number, text(words), status, sub_status)


def _mapped(digits: str, kind: str, code: str) -> tuple[Status | None, str | None]:
    """Status and sub-status. The digits decide; the letters only say which kind of it, or stand in for digits missing.

    A bare "on the way" is the one thing that letters may call another status: picked up, on the vehicle.
    """
    number = digits.zfill(3) if digits.strip("0") else ""
    word = STATUS_CODES.get(number)
    table = TYPES.get(kind, {})
    finer = table.get(code) or table.get(code.lstrip("0"))
    if finer is None or number in STATUS_UNMAPPED:
        return meant(word)
    same = meant(word)[0] is meant(finer)[0]
    return meant(finer if word in {None, "in_transit"} or (word in _COARSE and same) else word)


def _current(current: Mapping[str, Any]) -> tuple[Status | None, str | None]:
    """The package's own status, for labels without any activity. Recorded answers put the digits into `code`."""
    code = text(current.get("code"))
    return _mapped(text(current.get("statusCode")) or code, text(current.get("type")), code)


def _latest(scans: Sequence[Scan]) -> tuple[Status, str | None] | None:
    return next(((s.status, s.sub_status) for s in reversed(scans) if s.status), None)


def _delivered_at(scans: Sequence[Scan], status: Status | None) -> datetime | None:
    if status is not Status.DELIVERED:
        return None
    return next((s.at for s in reversed(scans) if s.status is Status.DELIVERED), None)


def _when(day: object, clock: object, gmt_day: object, gmt_clock: object, offset: object) -> When:
    """Local wall clock with the instant of the gmt fields; see `time_rule`."""
    local = local_with_offset(day, _clock(clock), offset)
    at = utc(gmt_day, _clock(gmt_clock))
    if at is None or at == local.at:
        return local
    if local.date_only or not local.local:
        return _abroad(at, text(offset))
    ahead = datetime.fromisoformat(local.local).replace(tzinfo=UTC) - at
    if abs(ahead) > timedelta(hours=14) or ahead % timedelta(minutes=15):
        return local  # no place on earth explains the two; the gmt clock is the one that UPS mangles
    return When(at, local.local, offset_text(ahead), ZoneFrom.CARRIER)


def _abroad(at: datetime, offset: str) -> When:
    """An instant whose local time is missing: told in its offset, or in UTC where that is missing too."""
    ahead = offset_of(offset) or timedelta(0)
    wall = at.astimezone(timezone(ahead)).replace(tzinfo=None)
    return When(at, wall.isoformat(), offset_text(ahead), ZoneFrom.CARRIER)


def _clock(value: object) -> str:
    """HHMMSS with the leading zeros that UPS loses: "74700" is 07:47:00."""
    clock = text(value)
    return clock.zfill(6) if len(clock) < 6 and clock.isdigit() else clock


def _estimate(day: str, window: tuple[object, object], scans: Sequence[Scan], source: str) -> Estimate | None:
    """The scheduled date; the hours of a window only once the depot's offset is known (see `gaps`)."""
    date_only = local_with_offset(day, "", "")
    if not date_only.local:
        return None
    whole = datetime.fromisoformat(date_only.local).date()
    newest = scans[-1] if scans else None
    if (
        newest
        and newest.offset
        and newest.status is Status.OUT_FOR_DELIVERY
        and newest.local.startswith(date_only.local)
    ):
        start, end = (local_with_offset(day, _clock(edge), newest.offset).at for edge in window)
        if start and end and start <= end:
            return Estimate(start, end, source)
    return Estimate(whole, whole, source)


def _transaction() -> dict[str, str]:
    """The two headers that UPS wants on every call: an id of its own, and who calls."""
    return {"transId": uuid4().hex, "transactionSrc": "doorstep"}


def _subscribed(http: Http, wanted: Wanted, numbers: Sequence[str]) -> dict[str, Subscribed]:
    body: dict[str, object] = {"locale": "en_US", "countryCode": "US", "trackingNumberList": list(numbers)}
    version = "v2" if http.credentials.get("alerts") == "v2" else "v1"
    if version == "v1":
        credential = {"url": wanted.hook_url, "credentialType": "Bearer", "credential": wanted.secret}
        body["destination"] = credential
    path = f"/api/track/{version}/subscription/standard/package"
    reply = http.post(path, json=body, headers=_transaction())
    with reading("ups track alert subscription"):
        answer = as_object(reply.body)
        invalid = {text(number) for number in answer.get("invalidTrackingNumbers") or ()}
        valid = {text(number) for number in answer.get("validTrackingNumbers") or ()}
    code, words = carrier_words(reply.body)
    if reply.status >= 400 and not invalid:
        raise Refused(words or f"UPS answered {reply.status}", code)
    until = datetime.now(UTC) + ALERT_LIFE
    return {
        number: Subscribed(number, expires_at=until)
        if number in valid
        else Subscribed(number, refused=words or "UPS does not take this number")
        for number in numbers
    }


def _account(http: Http) -> str:
    if account := http.credentials.get("account", ""):
        return account
    raise BadCredentials("UPS sells labels to an account; fill in the account number")


def _reference(key: str, account: str) -> dict[str, Any]:
    return {"ReferenceNumber": {"Value": _reference_text(key)}, "ShipperNumber": account}


def _reference_text(key: str) -> str:
    """UPS takes 35 letters and digits; a key of another kind is known by its hash."""
    return key if len(key) <= 35 and key.isascii() and key.isalnum() else sha256(key.encode()).hexdigest()[:32]


def _specification(kind: str) -> dict[str, Any]:
    return {
        "LabelImageFormat": {"Code": kind},
        "LabelStockSize": {"Height": "6", "Width": "4"},
        **({"HTTPUserAgent": "Mozilla/4.5"} if kind == "GIF" else {}),
    }


def _label_body(order: LabelOrder, account: str, kind: str) -> dict[str, Any]:
    """Shipper is who pays, the warehouse; the parcel goes from the customer to the warehouse, as printed."""
    abroad = order.customer.country != order.warehouse.country
    references = [{"Value": _reference_text(order.key)}, {"Value": order.rma[:35]}]
    at_home = order.customer.country == order.warehouse.country == "US"  # elsewhere references stand with the shipment
    shipment: dict[str, Any] = {
        "Description": _contents(order),
        "ReturnService": {"Code": PRINT_RETURN_LABEL},
        "Shipper": {**_party(order.warehouse, abroad=abroad), "ShipperNumber": account},
        "ShipFrom": _party(order.customer, abroad=abroad),
        "ShipTo": _party(order.warehouse, abroad=abroad),
        "PaymentInformation": {"ShipmentCharge": [{"Type": "01", "BillShipper": {"AccountNumber": account}}]},
        "Service": {"Code": order.service or (GROUND if at_home else STANDARD)},
        "Package": [_packed(order, references if at_home else [])],
        **({} if at_home else {"ReferenceNumber": references}),
        **({"ShipmentServiceOptions": {"InternationalForms": _customs(order)}} if abroad else {}),
    }
    request = {"RequestOption": "nonvalidate", "TransactionReference": {"CustomerContext": order.key[:512]}}
    return {"ShipmentRequest": {"Request": request, "Shipment": shipment, "LabelSpecification": _specification(kind)}}


def _contents(order: LabelOrder) -> str:
    return ", ".join(item.description for item in order.items)[:35] or "Returned goods"


def _party(address: Address, *, abroad: bool) -> dict[str, Any]:
    """Raises Refused for what UPS would not take, or would take cut short."""
    try:
        lines = fitted_lines(address.lines, width=35, most=3)
    except ValueError as error:
        raise Refused(str(error)) from None
    phone = "".join(c for c in address.phone if c.isdigit())
    return {
        "Name": (address.company or address.name)[:35],
        **({"AttentionName": address.name[:35]} if address.company or abroad else {}),
        **({"Phone": {"Number": phone[:15]}} if phone else {}),
        **({"EMailAddress": address.email} if 0 < len(address.email) <= 50 else {}),
        "Address": {
            "AddressLine": lines,
            "City": address.city[:30],
            **({"StateProvinceCode": address.region} if address.region else {}),
            **({"PostalCode": re.sub(r"[ -]", "", address.postcode)} if address.postcode else {}),
            "CountryCode": address.country,
        },
    }


def _packed(order: LabelOrder, references: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    unit = "LBS" if order.customer.country == "US" else "KGS"
    return {
        "Description": _contents(order),
        "Packaging": {"Code": "02"},
        "PackageWeight": {"UnitOfMeasurement": {"Code": unit}, "Weight": _weight(order.grams, unit)},
        **({"ReferenceNumber": list(references)} if references else {}),
    }


def _weight(grams: int, unit: str) -> str:
    """In tenths, rounded up: a parcel declared too light is charged again on the way."""
    tenths = math.ceil(Decimal(max(grams, 1)) / (POUND_GRAMS if unit == "LBS" else 1000) * 10)
    return f"{tenths // 10}.{tenths % 10}"


def _customs(order: LabelOrder) -> dict[str, Any]:
    """A partial invoice, the only one that UPS makes for returns."""
    if not order.items or len({item.currency for item in order.items}) > 1:
        raise Refused("UPS wants what is in this parcel for customs, with values in one currency")
    return {
        "FormType": ["05"],
        "ReasonForExport": "RETURN",
        "CurrencyCode": order.items[0].currency,
        "PurchaseOrderNumber": order.rma[:35],
        "Product": [_product(item) for item in order.items],
    }


def _product(item: Item) -> dict[str, Any]:
    return {
        "Description": [item.description[:35]],
        "Unit": {
            "Number": str(item.quantity),
            "UnitOfMeasurement": {"Code": "PCS"},
            "Value": to_text(item.unit_price_minor, item.currency),
        },
        **({"CommodityCode": item.hs_code} if item.hs_code else {}),
        **({"PartNumber": item.sku[:35]} if item.sku else {}),
        **({"OriginCountryCode": item.origin_country} if item.origin_country else {}),
    }


def _list(value: object) -> Sequence[Mapping[str, Any]]:
    """Up to version v2403 UPS sends one of a list as the thing itself."""
    return each([value] if isinstance(value, dict) else value)


def _label(results: Mapping[str, Any]) -> Label:
    package = _list(results["PackageResults"])[0]
    picture = package["ShippingLabel"]
    number = text(package["TrackingNumber"])
    charges = some(results.get("NegotiatedRateCharges")) or some(results.get("ShipmentCharges"))
    total = some(charges.get("TotalCharge") or charges.get("TotalCharges"))
    currency = text(total.get("CurrencyCode"))
    body = base64_bytes(picture["GraphicImage"])
    if not number or not body:
        raise ValueError("a label without a tracking number or a picture")
    form = some(some(results.get("Form")).get("Image"))
    return Label(
        ref=text(results.get("ShipmentIdentificationNumber")) or number,
        number=number,
        body=body,
        format=_format(body, picture),
        cost_minor=to_minor(text(total.get("MonetaryValue")), currency) if currency else None,
        currency=currency,
        size="4x6",
        url=text(results.get("LabelURL"), 4000),
        customs=base64_bytes(form.get("GraphicImage")),
    )


def _recovered_label(answer: Mapping[str, Any]) -> Label:
    """A label sold earlier. What it cost is not said again, nor until when it can be given back."""
    result = _list(answer["LabelResults"])[0]
    picture = result["LabelImage"]
    number, body = text(result["TrackingNumber"]), base64_bytes(picture["GraphicImage"])
    if not number or not body:
        raise ValueError("a label without a tracking number or a picture")
    form = some(some(answer.get("Form")).get("Image"))
    return Label(
        ref=text(answer.get("ShipmentIdentificationNumber")) or number,
        number=number,
        body=body,
        format=_format(body, picture),
        cost_minor=None,
        currency="",
        size="4x6",
        customs=base64_bytes(form.get("GraphicImage")),
    )


def _format(body: bytes, picture: Mapping[str, Any]) -> str:
    """By its bytes; printer code without a mark of its own by what UPS calls it."""
    told = some(picture.get("ImageFormat") or picture.get("LabelImageFormat"))
    return format_of(body) or text(told.get("Code")).lower()


CARRIER = Ups()
