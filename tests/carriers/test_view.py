"""The public shape of a parsed body, and how a body finds its reader."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest

from carriers.contract import Answer, Estimate, Fault, Label, Parcel, Place, ReadsLabels, Scan, ZoneFrom
from carriers.errors import BadPayload, Refused
from carriers.registry import all_carriers
from carriers.status import Status
from carriers.view import answer_as_json, label_as_json, parse_file, parse_label_file
from tests.carriers.clauses import FIXTURES
from tests.carriers.fakes.easypost import PNG

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def test_the_shape_is_the_documented_one() -> None:
    scan = Scan(
        at=NOON,
        local="2026-11-20T21:00:00",
        offset="+09:00",
        zone_from=ZoneFrom.CARRIER,
        code="DL",
        text="Delivered",
        status=Status.DELIVERED,
        sub_status="delivered.to_person",
        place=Place("Tokyo", "", "100-0001", "JP"),
    )
    unread = Scan(None, "2026-11-19", None, ZoneFrom.UNKNOWN, "??", "", None, date_only=True)
    parcel = Parcel(
        number="N1",
        scans=(unread, scan),
        status=Status.DELIVERED,
        sub_status="delivered.to_person",
        delivered_at=NOON,
        estimated=Estimate(date(2026, 11, 20), NOON, "SDD"),
    )
    answer = Answer((parcel, Parcel("N2")), ("N3",), (Fault(None, "E", "words"),))
    assert answer_as_json("acme", answer) == {
        "carrier": "acme",
        "parcels": [
            {
                "number": "N1",
                "status": "delivered",
                "sub_status": "delivered.to_person",
                "delivered_at": "2026-11-20T12:00:00Z",
                "estimated": {"from": "2026-11-20", "to": "2026-11-20T12:00:00Z", "source": "SDD"},
                "scans": [
                    {
                        "at": None,
                        "local": "2026-11-19",
                        "offset": None,
                        "zone_from": "unknown",
                        "date_only": True,
                        "code": "??",
                        "text": "",
                        "status": None,
                        "sub_status": None,
                        "place": {"city": "", "region": "", "postcode": "", "country": ""},
                    },
                    {
                        "at": "2026-11-20T12:00:00Z",
                        "local": "2026-11-20T21:00:00",
                        "offset": "+09:00",
                        "zone_from": "carrier",
                        "date_only": False,
                        "code": "DL",
                        "text": "Delivered",
                        "status": "delivered",
                        "sub_status": "delivered.to_person",
                        "place": {"city": "Tokyo", "region": "", "postcode": "100-0001", "country": "JP"},
                    },
                ],
            },
            {"number": "N2", "status": None, "sub_status": None, "delivered_at": None, "estimated": None, "scans": []},
        ],
        "unmapped": ["??"],
        "not_found": ["N3"],
        "errors": [{"number": None, "code": "E", "text": "words"}],
    }
    json.dumps(answer_as_json("acme", answer))


@pytest.mark.parametrize("hook", [True, False])
def test_a_webhook_is_read_with_and_without_saying_so(hook: bool) -> None:
    for slug in ("easypost", "northpost", "ups"):
        path = next(p for p in sorted((FIXTURES / slug).glob("hook_*.json")) if "expected" not in p.name)
        assert parse_file(slug, path.read_bytes(), hook=hook).parcels


def test_what_is_not_understood_keeps_the_first_reason() -> None:
    with pytest.raises(BadPayload, match="empty"):
        parse_file("northpost", b"")


def test_an_unknown_carrier_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        parse_file("pony_express", b"{}")


def test_the_shape_of_a_label_is_the_documented_one() -> None:
    label = Label("ref", "N1", PNG, "png", 820, "USD", NOON, qr=PNG, counter_code="A1B2", size="4x6", customs=b"%PDF-")
    picture = {"format": "png", "bytes": len(PNG), "pixels": [1, 1], "millimetres": None, "url": None}
    assert label_as_json("easypost", label) == {
        "carrier": "easypost",
        "number": "N1",
        "ref": "ref",
        "service": "",
        "documents": [
            {"kind": "label", **picture},
            {"kind": "customs", "format": "pdf", "bytes": 5, "pixels": None, "millimetres": None, "url": None},
        ],
        "counter": {"text": "A1B2", "qr": {"kind": "qr", **picture}},
        "size": "4x6",
        "cost": {"minor": 820, "currency": "USD"},
        "void_until": "2026-11-20T12:00:00Z",
        "errors": [],
    }


def test_a_refused_label_has_the_same_keys_and_the_carriers_words() -> None:
    told = label_as_json("easypost", Refused("Insufficient funds", "402"))
    assert set(told) == set(label_as_json("easypost", Label("r", "n", b"", "none", None, "USD")))
    assert (told["number"], told["cost"], told["documents"]) == ("", None, [])
    assert told["errors"] == [{"code": "402", "text": "Insufficient funds"}]


def test_a_document_that_is_elsewhere_has_an_address_and_no_size() -> None:
    told = label_as_json("easypost", Label("r", "n", b"", "pdf", 1, "USD", url="https://files.example/x.pdf"))
    (document,) = told["documents"]
    assert (document["format"], document["url"], document["bytes"]) == ("pdf", "https://files.example/x.pdf", None)


def test_a_carrier_that_sells_no_labels_says_so() -> None:
    with pytest.raises(BadPayload, match="sells no labels"):
        parse_label_file(_without_labels(), b"{}")


def _without_labels() -> str:
    return next(slug for slug, carrier in all_carriers().items() if not isinstance(carrier, ReadsLabels))
