"""Every AfterShip payload of the corpus is understood, with all its checkpoints and their times."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from carriers.contract import Answer, Scan
from carriers.status import Status
from carriers.view import answer_as_json, parse_file
from tests.carriers.corpus import Payload, needs_corpus, payloads

pytestmark = [needs_corpus, pytest.mark.corpus]

PAYLOADS = payloads("aftership")
each_payload = pytest.mark.parametrize("payload", PAYLOADS, ids=[payload.case for payload in PAYLOADS])


def read(payload: Payload) -> Answer:
    return parse_file("aftership", payload.body, hook=payload.is_hook, status=payload.status)


def raw_trackings(payload: Payload) -> list[dict[str, Any]]:
    data = json.loads(payload.body)["data"]
    found: list[dict[str, Any]] = data.get("trackings") or [data.get("tracking") or data]
    return found


def raw_checkpoints(tracking: dict[str, Any]) -> list[dict[str, Any]]:
    told = tracking.get("checkpoints") or [tracking.get("checkpoint") or {}]
    return [one for one in told if one.get("checkpoint_time")]


@each_payload
def test_it_is_understood(payload: Payload) -> None:
    answer = read(payload)
    assert [parcel.number for parcel in answer.parcels] == [t["tracking_number"] for t in raw_trackings(payload)]
    assert answer.errors == ()
    assert answer.unmapped == ()
    json.dumps(answer_as_json("aftership", answer))


def agrees(scan: Scan, raw: dict[str, Any]) -> bool:
    """The wall clock as written; the instant where it was written with an offset, and else none or one by place."""
    written = datetime.fromisoformat(raw["checkpoint_time"])
    same_wall = scan.local == written.replace(tzinfo=None).isoformat()
    return same_wall and (scan.at == written if written.tzinfo else scan.zone_from != "carrier")


@each_payload
def test_every_checkpoint_keeps_its_time_code_and_words(payload: Payload) -> None:
    for parcel, tracking in zip(read(payload).parcels, raw_trackings(payload), strict=True):
        told = raw_checkpoints(tracking)
        assert len(parcel.scans) == len(told)
        for scan, raw in zip(parcel.scans, sorted(told, key=lambda one: str(one["checkpoint_time"])), strict=True):
            assert agrees(scan, raw)
            assert (scan.code, scan.text) == (raw["subtag"], raw["message"])


@each_payload
def test_the_state_is_that_of_its_tag(payload: Payload) -> None:
    words = {"Delivered": Status.DELIVERED, "Expired": Status.EXPIRED, "Pending": Status.PENDING, None: None}
    for parcel, tracking in zip(read(payload).parcels, raw_trackings(payload), strict=True):
        assert parcel.status is words.get(tracking.get("tag"), Status.EXCEPTION)
