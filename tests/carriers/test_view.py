"""The public shape of a parsed body, and how a body finds its reader."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest

from carriers.contract import Answer, Estimate, Fault, Parcel, Place, Scan, ZoneFrom
from carriers.errors import BadPayload
from carriers.status import Status
from carriers.view import answer_as_json, parse_file
from tests.carriers.clauses import FIXTURES

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
