"""Every 17TRACK payload of the corpus is understood, or refused for a reason that is true of it."""

from __future__ import annotations

import pytest

from carriers.errors import BadPayload
from carriers.view import parse_file
from tests.carriers.corpus import Payload, needs_corpus, payloads

pytestmark = [needs_corpus, pytest.mark.corpus]

PAYLOADS = payloads("17track")

# All four were taken from the site for buyers, an interface for browsers with words of its own, not from the API.
SITE = "site for buyers"


@pytest.mark.parametrize("payload", PAYLOADS, ids=[payload.case for payload in PAYLOADS])
def test_a_body_of_the_site_for_buyers_is_read_or_told_apart(payload: Payload) -> None:
    """A number that was taken is no news of a parcel."""
    if payload.case == "py17track-add_package_response":
        with pytest.raises(BadPayload, match=SITE):
            parse_file("seventeentrack", payload.body, hook=payload.is_hook, status=payload.status)
        return
    answer = parse_file("seventeentrack", payload.body, hook=payload.is_hook, status=payload.status)
    assert bool(answer.parcels) != bool(answer.errors)
    assert all(scan.at is None for parcel in answer.parcels for scan in parcel.scans)
