"""Northpost, the simulated carrier of the demo: an ordinary adapter. Its server is in carriers.simulated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import httpx

from carriers.address import Address
from carriers.auth import Bearer, Tokens
from carriers.contract import (
    About,
    Answer,
    Budget,
    Estimate,
    Fault,
    Fetched,
    Field,
    Greeting,
    Hook,
    Label,
    LabelOrder,
    Parcel,
    Place,
    Scan,
    Subscribed,
    Trust,
    Wanted,
)
from carriers.errors import BadPayload, Refused
from carriers.http import Http, granted
from carriers.reading import Said, as_object, id_in, oldest_first, reading, scan_of, text, when
from carriers.signing import check_stamped, one_header
from carriers.status import Status, status_of

CODES: Final[Mapping[str, str]] = {
    "REG": "pending.registered",
    "LBL": "info_received.label_created",
    "DAT": "info_received.data_received",
    "BKD": "info_received.pickup_scheduled",
    "COL": "picked_up.collected",
    "DRP": "picked_up.dropped_off",
    "ODP": "in_transit.departed_origin",
    "HIN": "in_transit.arrived_hub",
    "HOUT": "in_transit.departed_hub",
    "EXP": "in_transit.export_cleared",
    "CUS": "in_transit.customs_started",
    "CLR": "in_transit.customs_cleared",
    "CIN": "in_transit.arrived_country",
    "DEP": "in_transit.arrived_depot",
    "PRT": "in_transit.handed_to_partner",
    "RED": "in_transit.redirected",
    "RSV": "in_transit.resolved",
    "VAN": "out_for_delivery.on_vehicle",
    "SLT": "out_for_delivery.appointment",
    "CTC": "out_for_delivery.contacted",
    "SHP": "available_for_pickup.at_point",
    "LCK": "available_for_pickup.at_locker",
    "NOH": "attempt_failed.not_home",
    "CLS": "attempt_failed.closed",
    "NAC": "attempt_failed.no_access",
    "RSC": "attempt_failed.rescheduled",
    "ADR": "exception.address",
    "HLD": "exception.customs_hold",
    "PAY": "exception.payment",
    "DMG": "exception.damaged",
    "LST": "exception.lost",
    "RFS": "exception.refused",
    "MVD": "exception.moved",
    "MIS": "exception.misrouted",
    "WTH": "exception.weather",
    "CAP": "exception.capacity",
    "REJ": "exception.rejected_by_carrier",
    "PEX": "exception.pickup_expired",
    "DLP": "delivered.to_person",
    "DLS": "delivered.safe_place",
    "DLN": "delivered.neighbour",
    "DLC": "delivered.collected",
    "RTS": "returning",
    "RTD": "returned",
    "CAN": "cancelled",
}


ABOUT = About(
    slug="northpost",
    name="Northpost",
    docs_url="docs/northpost.md",
    live="",  # wherever the operator runs the simulator
    tracking_page="",
    number_pattern=r"NP[0-9]{10}",
    codes=CODES,
    budgets=(Budget(10, timedelta(seconds=1)),),
    batch_size=20,
    hook_trust=Trust.SIGNED,
    time_rule="Every time is ISO 8601 with the offset of the place of the scan.",
    fields=(
        Field("base_url", "Address of the API", "Where the simulator listens, e.g. http://127.0.0.1:8101."),
        Field("api_key", "API key", "As given to the simulator by --api-key.", secret=True),
        Field(
            "webhook_secret",
            "Webhook secret",
            "As given by --hook-secret; one is made where it is left empty.",
            secret=True,
            required=False,
        ),
    ),
    hook_header_names=("northpost-signature",),
    own_hook_secret=True,
    subscription_batch=20,
    sources=("carriers/simulated/northpost_server.py",),
    gaps=("A simulated carrier: no real parcel has ever moved with it.",),
)


class Northpost:
    """The adapter. Stateless; safe to share between threads."""

    about = ABOUT

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        return Bearer(http.credentials.get("api_key", ""), header="Northpost-Key", prefix="")

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        reply = http.post("/v1/track", json={"numbers": list(numbers)})
        return Fetched(reply.status, reply.body)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        """`{"parcels": [...], "unknown": [numbers]}` or `{"error": {"code", "message"}}`."""
        with reading("northpost"):
            answer = as_object(body)
            if isinstance(error := answer.get("error"), dict):
                return Answer(errors=(Fault(None, text(error.get("code")), text(error.get("message"))),))
            return Answer(
                parcels=tuple(_parcel(parcel) for parcel in answer["parcels"]),
                not_found=tuple(text(number) for number in answer.get("unknown") or ()),
            )

    def verify(self, hook: Hook, secret: str, now: datetime) -> None:
        """`Northpost-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`, at most 300 s off."""
        check_stamped(one_header(hook.headers, "Northpost-Signature"), secret, hook.body, now)

    def hook_key(self, hook: Hook) -> str:
        """The delivery id in the body, the same over Northpost's retries."""
        return id_in(hook.body, "delivery")

    def parse_hook(self, body: bytes) -> Answer:
        return self.parse(body)

    def greet(self, hook: Hook, secret: str) -> Greeting | None:
        """`{"handshake": {"subscription", "challenge"}}`: answered plainly, the challenge goes back by `activate`."""
        try:
            asked = as_object(hook.body).get("handshake")
            if not isinstance(asked, dict):
                return None
            return Greeting(challenge=text(asked["challenge"]), ref=text(asked["subscription"]))
        except (BadPayload, KeyError, TypeError):
            return None

    def subscribe(self, http: Http, wanted: Wanted) -> Sequence[Subscribed]:
        """One subscription for up to twenty numbers; those that Northpost does not know are refused by name."""
        asked = {"url": wanted.hook_url, "secret": wanted.secret, "numbers": list(wanted.numbers)}
        reply = granted(http.post("/v1/subscriptions", json=asked), "Northpost")
        with reading("northpost subscription"):
            answer = as_object(reply.body)
            ref, ends_at = text(answer.get("subscription")), when(answer.get("ends_at")).at
            made = [Subscribed(text(number), ref, ends_at) for number in answer["numbers"]]
            refused = [Subscribed(text(r["number"]), refused=text(r["message"])) for r in answer["refused"]]
        return [*made, *refused]

    def activate(self, http: Http, ref: str, challenge: str) -> None:
        path = f"/v1/subscriptions/{quote(ref, safe='')}/activate"
        granted(http.post(path, json={"challenge": challenge}), "Northpost")

    def unsubscribe(self, http: Http, ref: str) -> None:
        reply = http.delete(f"/v1/subscriptions/{quote(ref, safe='')}")
        if reply.status != 404:
            granted(reply, "Northpost")

    def buy_label(self, http: Http, order: LabelOrder) -> Label:
        """Northpost knows our reference: asked again it gives the label it has sold, so a lost answer costs nothing."""
        reply = http.post("/v1/labels", json=_label_body(order), buys=True)
        return self.parse_label(granted(reply, "Northpost").body)

    def parse_label(self, body: bytes) -> Label:
        """Northpost sends no document: what it sells is drawn by us."""
        with reading("northpost label"):
            answer = as_object(body)
            if isinstance(error := answer.get("error"), dict):
                raise Refused(text(error.get("message")) or "no label", text(error.get("code")))
            label = answer["label"]
            return Label(
                ref=text(label["id"]),
                number=text(label["number"]),
                body=b"",
                format="none",
                cost_minor=int(label["cost_minor"]),
                currency=text(label["currency"]),
                voidable_until=when(label.get("voidable_until")).at,
                service=text(label["service"]),
                routing=text(label["routing"]),
            )

    def void_label(self, http: Http, label_ref: str) -> None:
        granted(http.delete(f"/v1/labels/{quote(label_ref, safe='')}"), "Northpost")


CARRIER = Northpost()


def _parcel(parcel: Mapping[str, Any]) -> Parcel:
    number = text(parcel["number"])
    if not number:
        raise ValueError("a parcel without number")
    scans = oldest_first(_scan(event) for event in parcel["events"])
    status, sub_status = _meaning(text(parcel["code"]))
    delivered = [scan.at for scan in scans if scan.status is Status.DELIVERED and scan.at]
    return Parcel(
        number=number,
        scans=scans,
        status=status,
        sub_status=sub_status,
        delivered_at=delivered[-1] if delivered and status is Status.DELIVERED else None,
        estimated=_estimate(parcel.get("estimate")),
        service=text(parcel.get("service")),
        is_return=parcel.get("direction") == "return",
    )


def _scan(event: Mapping[str, Any]) -> Scan:
    code = text(event["code"])
    status, sub_status = _meaning(code)
    moment = when(event.get("at"))
    place = event.get("place") or {}
    return scan_of(
        moment,
        Said(code, text(event.get("text")), status, sub_status),
        Place(
            text(place.get("city")), text(place.get("region")), text(place.get("postcode")), text(place.get("country"))
        ),
    )


def _meaning(code: str) -> tuple[Status | None, str | None]:
    word = CODES.get(code)
    if word is None:
        return None, None
    return (status_of(word), word) if "." in word else (Status(word), None)


def _estimate(window: Mapping[str, Any] | None) -> Estimate | None:
    """Two instants, or two dates where no hour is known yet."""
    if not window:
        return None
    start, end = when(window["from"]), when(window["to"])
    if start.at and end.at:
        return Estimate(start.at, end.at, "estimate")
    return Estimate(date.fromisoformat(start.local[:10]), date.fromisoformat(end.local[:10]), "estimate")


def _label_body(order: LabelOrder) -> dict[str, Any]:
    """As printed: from the customer to the warehouse."""
    return {
        "reference": order.key,
        "service": order.service or "standard",
        "from": _address(order.customer),
        "to": _address(order.warehouse),
        "grams": order.grams,
        "rma": order.rma,
        "items": [{"description": item.description, "quantity": item.quantity} for item in order.items],
    }


def _address(address: Address) -> dict[str, Any]:
    return {
        "name": address.name,
        "company": address.company,
        "lines": list(address.lines),
        "city": address.city,
        "region": address.region,
        "postcode": address.postcode,
        "country": address.country,
    }
