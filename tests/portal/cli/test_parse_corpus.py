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
