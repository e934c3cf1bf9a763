"""`doorstep carriers parse` over the corpus, as a script calls it: exit codes, lines on stderr, documented keys."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.carriers.corpus import Payload, needs_corpus, payloads
from tests.portal.cli.test_commands import doorstep

pytestmark = [needs_corpus, pytest.mark.corpus]

PAYLOADS = payloads("easypost", "fedex", "ups")

# Mostly answers about something else than a parcel's way; some are not understood, and said to be what they are.
NOT_TRACKING = {"label-response", "return-label-response", "webhook-event-log", "webhook-registration-response"}

# As docs/cli.md lists them.
TOP = {"carrier", "parcels", "unmapped", "not_found", "errors"}
PARCEL = {"number", "status", "sub_status", "delivered_at", "estimated", "scans"}
ESTIMATED = {"from", "to", "source"}
SCAN = {"at", "local", "offset", "zone_from", "date_only", "code", "text", "status", "sub_status", "place"}
PLACE = {"city", "region", "postcode", "country"}


def options(payload: Payload) -> list[str]:
    return [*(["--hook"] if payload.is_hook else []), "--status", str(payload.status)]


@pytest.mark.parametrize("payload", PAYLOADS, ids=[f"{payload.source}-{payload.case}" for payload in PAYLOADS])
def test_a_body_is_one_documented_object_or_one_line_of_complaint(payload: Payload) -> None:
    ended = doorstep("carriers", "parse", payload.source, "-", *options(payload), stdin=payload.body)
    assert ended.returncode in (0, 3), ended.stderr
    if ended.returncode == 3:
        assert payload.kind in NOT_TRACKING
        assert ended.stdout == b""
        (line,) = ended.stderr.decode().splitlines()
        assert line.startswith("doorstep: -: not understood: ")
        return
    assert ended.stderr == b""
    (line,) = ended.stdout.decode().splitlines()
    told = json.loads(line)
    assert told["carrier"] == payload.source
    check_keys(told)


def check_keys(told: dict[str, Any]) -> None:
    assert set(told) == TOP
    for fault in told["errors"]:
        assert set(fault) == {"number", "code", "text"}
    for parcel in told["parcels"]:
        assert set(parcel) == PARCEL
        assert parcel["estimated"] is None or set(parcel["estimated"]) == ESTIMATED
        for scan in parcel["scans"]:
            assert set(scan) == SCAN
            assert set(scan["place"]) == PLACE


# As docs/cli.md lists them.
LABEL = {"carrier", "number", "ref", "service", "documents", "counter", "size", "cost", "void_until", "errors"}
DOCUMENT = {"kind", "format", "bytes", "pixels", "millimetres", "url"}


@pytest.mark.parametrize("payload", [p for p in PAYLOADS if p.kind == "label-response"], ids=lambda p: p.case)
def test_a_label_is_one_documented_object_or_one_line_of_complaint(payload: Payload) -> None:
    ended = doorstep("carriers", "parse", payload.source, "-", "--label", stdin=payload.body)
    if ended.returncode == 3:
        assert b"not understood: " in ended.stderr
        return
    assert (ended.returncode, ended.stderr) == (0, b"")
    told = json.loads(ended.stdout)
    assert set(told) == LABEL
    assert all(set(document) == DOCUMENT for document in told["documents"])


def test_a_bought_label_of_the_corpus_is_told() -> None:
    payload = next(p for p in payloads("easypost") if p.case == "docs-shipments-buy")
    told = json.loads(doorstep("carriers", "parse", "easypost", "-", "--label", stdin=payload.body).stdout)
    assert (told["number"], told["cost"]) == ("9434600208303109842228", {"minor": 820, "currency": "USD"})
    assert (told["documents"][0]["format"], told["size"]) == ("png", "4x6")
    assert told["void_until"] == "2025-06-08T20:40:08Z"


def test_a_label_does_not_come_by_webhook() -> None:
    ended = doorstep("carriers", "parse", "easypost", "-", "--label", "--hook", stdin=b"{}")
    assert ended.returncode == 2
