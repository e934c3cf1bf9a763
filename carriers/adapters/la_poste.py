"""La Poste: Colissimo, tracked letters and Chronopost through Suivi v2, ten numbers a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from carriers.auth import Bearer, Tokens
from carriers.contract import About, Answer, Budget, Estimate, Fault, Fetched, Field, Parcel, Scan
from carriers.errors import BadPayload
from carriers.reading import Said, as_json, each, meant, oldest_first, reading, scan_of, some, text, when
from carriers.status import Status

if TYPE_CHECKING:
    import httpx

    from carriers.http import Http

# `event[].code`, one list for letters, Colissimo and Chronopost. La Poste's own wording is beside each.
CODES: Final[Mapping[str, str]] = {
    "DR1": "info_received.data_received",  # Déclaratif réceptionné
    "DR2": "info_received.data_received",
    "PC1": "picked_up",  # Pris en charge
    "PC2": "picked_up",  # Pris en charge dans le pays d'expédition
    "ET1": "in_transit",  # En cours de traitement
    "ET2": "in_transit",  # En cours de traitement dans le pays d'expédition
    "ET3": "in_transit.arrived_country",  # En cours de traitement dans le pays de destination
    "ET4": "in_transit",  # En cours de traitement dans un pays de transit
    "EP1": "in_transit",  # En attente de présentation
    "DO1": "in_transit.customs_started",  # Entrée en douane
    "DO2": "in_transit.customs_cleared",  # Sortie de douane
    "DO3": "exception.customs_hold",  # Retenu en douane
    "PB1": "exception",  # Problème en cours
    "PB2": "in_transit.resolved",  # Problème résolu
    "MD1": "out_for_delivery",
    "MD2": "out_for_delivery",  # Mis en distribution
    "ND1": "exception",  # Non distribuable
    "AG1": "available_for_pickup.at_point",  # En attente d'être retiré au guichet
    "RE1": "returning",  # Retourné à l'expéditeur
    "DI1": "delivered",  # Distribué
    "DI2": "returned",  # Distribué à l'expéditeur
}

UNMAPPED: Final[Mapping[str, str]] = {
    "AN1": "In no list of La Poste's that we have seen. A peer takes it for a wrong address; its words are shown.",
}

# `returnCode` of one number: no tracking yet, or a number that La Poste has never seen.
NOT_FOUND: Final = frozenset({"104", "404"})
_OVER: Final = frozenset({Status.DELIVERED, Status.RETURNED})


class LaPoste:
    """La Poste. One number answers with an object, several with a list in which each has a return code of its own."""

    about = About(
        slug="la_poste",
        name="La Poste (Colissimo)",
        docs_url="https://developer.laposte.fr/catalog-apis/suivi@2",
        live="https://api.laposte.fr/suivi/v2",
        tracking_page="https://www.laposte.fr/outils/suivre-vos-envois?code={number}",
        number_pattern=r"[0-9A-Z]{11,15}",
        codes=CODES,
        unmapped=UNMAPPED,
        budgets=(Budget(100, timedelta(seconds=1)),),
        batch_size=10,
        time_rule=(
            "Events carry ISO 8601 times with an offset. Scans abroad are stamped with the offset of Paris as well: "
            "the instant is La Poste's word, the wall clock is that of France. An expected delivery is read as a date "
            "unless La Poste gives both ends of a window."
        ),
        fields=(
            Field("okapi_key", "Okapi key", "Of an application subscribed to Suivi v2.", secret=True),
            Field(
                "language",
                "Language of the event texts",
                required=False,
                default="fr_FR",
                choices={
                    "fr_FR": "French",
                    "en_GB": "English",
                    "de_DE": "German",
                    "es_ES": "Spanish",
                    "it_IT": "Italian",
                    "nl_NL": "Dutch",
                },
            ),
        ),
        assumed=(
            "The meaning of DR2, MD1 and of every code that no recorded answer holds comes from lists that others "
            "copied from La Poste's documentation.",
            "The limit of 100 calls a second is taken from the words of one refusal.",
        ),
        sources=(
            "OpenAPI document of Suivi v2, developer.laposte.fr",
            "The event list of the Suivi documentation as carried by public clients of the API",
        ),
        gaps=(
            "ND1 (not deliverable) does not say why, so nobody home and a wrong address look the same.",
            "Events name no place; the country of a timeline step belongs to the step and is not put on a scan.",
            "The return codes 101, 105, 109, 201, 208 and 504 are listed but not explained; their words are passed on.",
            "La Poste asks for the address of the shopper in X-Forwarded-For; we do not send it.",
            "Suivi does not push. Return labels of Colissimo are sold by another, contract-bound service.",
        ),
    )

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        return Bearer(http.credentials.get("okapi_key", ""), header="X-Okapi-Key", prefix="")

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        reply = http.get(
            f"/idships/{quote(','.join(numbers), safe=',')}",
            params={"lang": http.credentials.get("language") or "fr_FR"},
        )
        return Fetched(reply.status, reply.body)

    def parse(self, body: bytes, status: int = 200) -> Answer:
        with reading("la poste track"):
            return _joined([_one(item) for item in _items(as_json(body))])


CARRIER = LaPoste()


def _items(answer: object) -> Sequence[Mapping[str, Any]]:
    """The answers of all numbers, in whichever of the three envelopes they came."""
    if isinstance(answer, dict):
        return each(answer["responses"]) if "responses" in answer else [answer]
    return each(answer)


def _joined(read: Sequence[Answer]) -> Answer:
    return Answer(
        parcels=tuple(parcel for answer in read for parcel in answer.parcels),
        not_found=tuple(dict.fromkeys(number for answer in read for number in answer.not_found)),
        errors=tuple(fault for answer in read for fault in answer.errors),
    )


def _one(item: Mapping[str, Any]) -> Answer:
    if shipment := some(item.get("shipment")):
        return Answer((_parcel(shipment),))
    number, code = text(item.get("idShip")), text(item.get("returnCode"))
    if code in NOT_FOUND and number:
        return Answer(not_found=(number,))
    if code:
        return Answer(errors=(Fault(number or None, code, text(item.get("returnMessage"))),))
    if "code" in item and "status" in item and "link" in item:
        raise BadPayload("la poste: this is an answer of Suivi v1, which was switched off")
    if "code" in item and "message" in item:  # of the gateway before the API: quota, key
        return Answer(errors=(Fault(None, text(item["code"]), text(item["message"])),))
    raise BadPayload("la poste: neither a shipment, a return code nor an error; this is not an answer of Suivi v2")


def _parcel(shipment: Mapping[str, Any]) -> Parcel:
    number = text(shipment["idShip"])
    if not number:
        raise ValueError("a shipment without idShip")
    scans = oldest_first((_scan(event) for event in each(shipment.get("event"))), newest_first=True)
    status, sub_status = next(((s.status, s.sub_status) for s in reversed(scans) if s.status), (None, None))
    return Parcel(
        number=number,
        scans=scans,
        status=status,
        sub_status=sub_status,
        delivered_at=_delivered_at(scans) if status is Status.DELIVERED else None,
        estimated=None if status in _OVER else _estimate(shipment),
        service=text(shipment.get("product")),
    )


def _scan(event: Mapping[str, Any]) -> Scan:
    code = text(event.get("code"))
    status, sub_status = meant(CODES.get(code.upper()))
    moment = when(event.get("date"))
    return scan_of(moment, Said(code, text(event.get("label")), status, sub_status))


def _delivered_at(scans: Sequence[Scan]) -> datetime | None:
    return next((s.at for s in reversed(scans) if s.status is Status.DELIVERED and s.at), None)


def _estimate(shipment: Mapping[str, Any]) -> Estimate | None:
    """The window where both ends are instants, else the day: a lone estimDate carries a clock that is no promise."""
    start, end = when(shipment.get("estimHourMin")).at, when(shipment.get("estimHourMax")).at
    if start and end:
        return Estimate(min(start, end), max(start, end), "estimHourMin")
    if local := when(shipment.get("estimDate")).local:
        day = date.fromisoformat(local[:10])
        return Estimate(day, day, "estimDate")
    return None
