"""The public shape of what a body says: what `doorstep carriers parse` prints, documented and stable."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from carriers.contract import Answer, Estimate, Hooked, Label, Parcel, Reads, ReadsLabels, Scan
from carriers.documents import measured
from carriers.errors import BadPayload, Refused
from carriers.gateway import read_answer
from carriers.registry import all_carriers


def parse_file(slug: str, body: bytes, *, hook: bool = False, status: int = 200) -> Answer:
    """What a raw body of this carrier says. `hook`: it came by webhook; `status`: the HTTP status it came with.

    Raises KeyError for a carrier that is not known, BadPayload for a body that is not understood. A webhook given
    without `hook` is read too, because tracking answers and webhooks of one carrier never look alike.
    """
    carrier = all_carriers()[slug]
    if hook:
        if not isinstance(carrier, Hooked):
            raise BadPayload(f"{carrier.about.name} sends no webhooks")
        return carrier.parse_hook(body)
    if not isinstance(carrier, Reads):
        raise BadPayload(f"{carrier.about.name} cannot be tracked")
    try:
        return read_answer(carrier, body, status)
    except BadPayload:
        if not isinstance(carrier, Hooked):
            raise
        try:
            return carrier.parse_hook(body)
        except BadPayload:
            pass
        raise


def parse_label_file(slug: str, body: bytes) -> Label | Refused:
    """What an answer to a purchase of a label holds, or the carrier's refusal.

    Raises KeyError for a carrier that is not known, BadPayload for a body that is not understood.
    """
    carrier = all_carriers()[slug]
    if not isinstance(carrier, ReadsLabels):
        raise BadPayload(f"{carrier.about.name} sells no labels here")
    try:
        return carrier.parse_label(body)
    except Refused as refused:
        return refused


def label_as_json(slug: str, label: Label | Refused) -> dict[str, Any]:
    """The label as plain JSON values: the same keys for a refusal, with its words in `errors`."""
    errors = []
    if isinstance(label, Refused):
        errors = [{"code": label.code, "text": label.text}]
        label = Label("", "", b"", "none", None, "")
    has_price = label.cost_minor is not None
    return {
        "carrier": slug,
        "number": label.number,
        "ref": label.ref,
        "service": label.service,
        "documents": _documents(label),
        "counter": {"text": label.counter_code, "qr": _document("qr", label.qr) if label.qr else None},
        "size": label.size or None,
        "cost": {"minor": label.cost_minor, "currency": label.currency} if has_price else None,
        "void_until": _moment(label.voidable_until),
        "errors": errors,
    }


def _documents(label: Label) -> list[dict[str, Any]]:
    """Label and customs papers. A document that the answer only points to has its address and no size."""
    found = []
    if label.body:
        found.append(_document("label", label.body))
    elif label.url:
        told = None if label.format == "none" else label.format
        nothing = {"bytes": None, "pixels": None, "millimetres": None}
        found.append({"kind": "label", "format": told, **nothing, "url": label.url})
    if label.customs:
        found.append(_document("customs", label.customs))
    return found


def _document(kind: str, body: bytes) -> dict[str, Any]:
    measure = measured(body)
    return {
        "kind": kind,
        "format": measure.format or None,
        "bytes": len(body),
        "pixels": measure.pixels and list(measure.pixels),
        "millimetres": measure.millimetres and list(measure.millimetres),
        "url": None,
    }


def answer_as_json(slug: str, answer: Answer) -> dict[str, Any]:
    """The answer as plain JSON values. Instants are "2026-11-20T14:31:00Z", dates "2026-11-20"."""
    return {
        "carrier": slug,
        "parcels": [_parcel(parcel) for parcel in answer.parcels],
        "unmapped": list(answer.unmapped),
        "not_found": list(answer.not_found),
        "errors": [{"number": fault.number, "code": fault.code, "text": fault.text} for fault in answer.errors],
    }


def _parcel(parcel: Parcel) -> dict[str, Any]:
    return {
        "number": parcel.number,
        "status": parcel.status and parcel.status.value,
        "sub_status": parcel.sub_status,
        "delivered_at": _moment(parcel.delivered_at),
        "estimated": parcel.estimated and _estimate(parcel.estimated),
        "scans": [_scan(scan) for scan in parcel.scans],
    }


def _estimate(estimate: Estimate) -> dict[str, str | None]:
    return {"from": _moment(estimate.start), "to": _moment(estimate.end), "source": estimate.source}


def _scan(scan: Scan) -> dict[str, Any]:
    place = scan.place
    return {
        "at": _moment(scan.at),
        "local": scan.local,
        "offset": scan.offset,
        "zone_from": scan.zone_from.value,
        "date_only": scan.date_only,
        "code": scan.code,
        "text": scan.text,
        "status": scan.status and scan.status.value,
        "sub_status": scan.sub_status,
        "place": {
            "city": place.city,
            "region": place.region,
            "postcode": place.postcode,
            "country": place.country,
        },
    }


def _moment(value: date | datetime | None) -> str | None:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be shown as UTC")
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value.isoformat() if value else None
