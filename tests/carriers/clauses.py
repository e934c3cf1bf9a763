"""What every carrier adapter promises, one function a promise. Each raises AssertionError when it is broken.

test_contract.py runs them over all adapters and fixtures; test_clauses.py shows that each one can fail.

Fixtures are tests/carriers/fixtures/<slug>/<case>.json (or .xml, .edi), a raw body, beside <case>.expected.json in the
shape of `doorstep carriers parse`. Cases called hook_* came by webhook. A case called hook_<x> beside one called
track_<x> holds scans that are in the other too.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest

from carriers.auth import MemoryTokens
from carriers.contract import About, Answer, Carrier, Hook, Hooked, Parcel, Reads, Tracks, Trust, ZoneFrom
from carriers.errors import BadCredentials, BadPayload, BadSignature, RateLimited, Unavailable
from carriers.http import Http, open_client, open_http
from carriers.status import SUB_STATUSES, Status, status_of
from carriers.view import answer_as_json
from tests.carriers.bodies import FORMS, NEVER_SEEN, Form
from tests.carriers.fakes.server import Answered, FakeServer, Received

FIXTURES = Path(__file__).parent / "fixtures"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SECRET = "correct horse battery staple"

Parse = Callable[[bytes], Answer]


@dataclass(frozen=True)
class Case:
    """One fixture of one carrier."""

    slug: str
    name: str
    body: bytes
    expected: dict[str, Any]
    format: str = "json"

    @property
    def form(self) -> Form:
        return FORMS[self.format]

    @property
    def is_hook(self) -> bool:
        return self.name.startswith("hook_")

    def reader(self, carrier: Carrier) -> Parse:
        """How this body is read: as a webhook or as a tracking answer."""
        if self.is_hook:
            assert isinstance(carrier, Hooked)
            return carrier.parse_hook
        assert isinstance(carrier, Reads)
        return carrier.parse


def cases(slug: str) -> list[Case]:
    """All fixtures of a carrier. A fixture without its expectation is an error, and so is the reverse."""
    folder = FIXTURES / slug
    expectations = {path.name.removesuffix(".expected.json") for path in folder.glob("*.expected.json")}
    bodies = {path.stem: path for path in folder.glob("*.*") if not path.name.endswith(".expected.json")}
    assert set(bodies) == expectations, f"{slug}: fixtures and expectations differ: {set(bodies) ^ expectations}"
    return [
        Case(
            slug,
            name,
            path.read_bytes(),
            json.loads((folder / f"{name}.expected.json").read_bytes()),
            path.suffix.removeprefix("."),
        )
        for name, path in sorted(bodies.items())
    ]


def values_are_as_expected(case: Case, parse: Parse) -> None:
    assert answer_as_json(case.slug, parse(case.body)) == case.expected


def times_are_honest(case: Case, parse: Parse) -> None:
    """Aware UTC or nothing; an unknown zone has no instant; a known offset turns the wall clock into the instant."""
    for parcel in parse(case.body).parcels:
        instants = [scan.at for scan in parcel.scans if scan.at is not None]
        for moment in [*instants, *([parcel.delivered_at] if parcel.delivered_at else [])]:
            assert moment.utcoffset() == timedelta(0)
        for scan in parcel.scans:
            if scan.at is None:
                assert scan.zone_from is ZoneFrom.UNKNOWN
                assert scan.offset is None
            else:
                assert scan.zone_from is not ZoneFrom.UNKNOWN
                assert scan.offset is not None
                assert datetime.fromisoformat(scan.local + scan.offset) == scan.at
            assert scan.date_only == (len(scan.local) == 10)


def scans_are_oldest_first(case: Case, parse: Parse) -> None:
    for parcel in parse(case.body).parcels:
        instants = [scan.at for scan in parcel.scans if scan.at is not None]
        assert instants == sorted(instants)


def words_are_of_the_vocabulary(about: About) -> None:
    """Every code of the table maps to a status or a sub-status that exists."""
    for code, word in about.codes.items():
        assert word in SUB_STATUSES or word in set(Status), f"{about.slug}: {code} maps to {word}"


def sub_statuses_belong_to_their_status(case: Case, parse: Parse) -> None:
    for parcel in parse(case.body).parcels:
        meanings = [(parcel.status, parcel.sub_status), *((s.status, s.sub_status) for s in parcel.scans)]
        for status, sub_status in meanings:
            assert sub_status is None or status_of(sub_status) is status


def a_removed_key_is_harmless(case: Case, parse: Parse) -> None:
    """Without any one key, element or segment a body is BadPayload, or says less, but never says something else."""
    whole = parse(case.body)
    for path, body in case.form.without_each_part(case.body):
        try:
            less = parse(body)
        except BadPayload:
            continue
        _says_no_more(less, whole, path)


def _says_no_more(less: Answer, whole: Answer, path: str) -> None:
    numbers = {parcel.number: parcel for parcel in whole.parcels}
    refused = {*whole.not_found, *(fault.number for fault in whole.errors)}
    for parcel in less.parcels:
        if parcel.number in refused and parcel == Parcel(parcel.number):
            continue  # its error is what is missing; nothing is said of it but its number
        assert parcel.number in numbers, f"without {path}: a number from nowhere"
        before = numbers[parcel.number]
        assert {s.at for s in parcel.scans} <= {s.at for s in before.scans} | {None}, f"without {path}: a new instant"
        assert len(parcel.scans) in {0, len(before.scans) - 1, len(before.scans)}, f"without {path}: scans vanished"
        assert parcel.delivered_at in {None, before.delivered_at}, f"without {path}: another delivery"
        if parcel.status is Status.DELIVERED:
            assert Status.DELIVERED in {before.status, *(s.status for s in before.scans)}, f"without {path}: delivered"
    assert set(less.not_found) <= {*whole.not_found, *(fault.number for fault in whole.errors), *numbers}


def a_code_never_seen_is_not_guessed(case: Case, parse: Parse, about: About) -> None:
    """With every code replaced by one that nobody knows, nothing has a status, and the codes are listed.

    A body that tells everything in words, without a single code, is not tried.
    """
    told = [scan for parcel in parse(case.body).parcels for scan in parcel.scans]
    if told and not any(scan.code for scan in told):
        return
    known = {part for code in about.codes for part in (code, *code.split("/"))}
    known |= {scan.code for scan in told}
    known |= {code.lstrip("0") for code in known}  # numbers lose their leading zeros
    try:
        answer = parse(case.form.renamed(case.body, known - {""}))
    except BadPayload:
        return
    for parcel in answer.parcels:
        assert [scan.status for scan in parcel.scans] == [None] * len(parcel.scans)
        assert [scan.sub_status for scan in parcel.scans] == [None] * len(parcel.scans)
        if parcel.scans:
            assert parcel.status is None, "a status guessed from something else than a code"
            assert NEVER_SEEN in answer.unmapped


def rubbish_is_bad_payload(parse: Parse, body: bytes) -> None:
    """Any bytes at all are an answer or BadPayload."""
    try:
        answer = parse(body)
    except BadPayload as error:
        reason = str(error)
    else:
        assert isinstance(answer, Answer)
        return
    assert reason, "a reason is owed"


class HookedCarrier(Carrier, Hooked, Protocol):
    """A carrier that pushes."""


class TracksCarrier(Carrier, Tracks, Protocol):
    """A carrier that can be polled."""


@dataclass(frozen=True)
class Signer:
    """How a carrier signs: headers for a body. `dated` where the signature holds its time.

    `secret` is what verifies, and `other` what does not, where these cannot be any text.
    """

    headers: Callable[[bytes, str, datetime], Mapping[str, str]]
    dated: bool = False
    secret: str = SECRET
    other: str = SECRET + "x"


def signatures_hold(carrier: HookedCarrier, signer: Signer, body: bytes) -> None:
    """The true one opens; a changed byte, no header, another or an empty secret, two values and an old one do not."""
    secret = signer.secret
    true = signer.headers(body, secret, NOW)
    carrier.verify(Hook(body, true), secret, NOW)
    wrong: dict[str, Hook] = {
        "no header": Hook(body, {}),
        "another secret": Hook(body, signer.headers(body, signer.other, NOW)),
        "two values": Hook(body, {name: f"{value}, {value}" for name, value in true.items()}),
        "an empty value": Hook(body, dict.fromkeys(true, "")),
    }
    if carrier.about.hook_trust is Trust.SIGNED:
        wrong["a changed byte"] = Hook(body[:-1] + bytes([body[-1] ^ 1]), true)
    if signer.dated:
        wrong["an old one"] = Hook(body, signer.headers(body, secret, NOW - timedelta(minutes=6)))
        wrong["one of the future"] = Hook(body, signer.headers(body, secret, NOW + timedelta(minutes=6)))
    for what, hook in wrong.items():
        _is_refused(carrier, hook, secret, what)
    for empty in ("", " "):
        _is_refused(carrier, Hook(body, signer.headers(body, empty, NOW)), empty, "an empty secret")
    assert set(true) <= set(carrier.about.hook_header_names), "the header that is checked must be kept"


def _is_refused(carrier: HookedCarrier, hook: Hook, secret: str, what: str) -> None:
    try:
        carrier.verify(hook, secret, NOW)
    except BadSignature:
        return
    raise AssertionError(f"{carrier.about.slug} accepts {what}")


def hook_keys_tell_deliveries_apart(carrier: HookedCarrier, body: bytes) -> None:
    """The same delivery has the same key, another one another; rubbish has a key too."""
    key = carrier.hook_key(Hook(body, {}))
    assert key == carrier.hook_key(Hook(body, {"x-attempt": "2"}))
    assert 0 < len(key) <= 100
    assert carrier.hook_key(Hook(b"not json", {})) != carrier.hook_key(Hook(b"not json either", {}))


def poll_and_hook_agree(hook: Case, track: Case, carrier: Carrier) -> None:
    """Every scan of the webhook has the key of a scan of the polled answer: told twice, it is one scan."""
    polled = {s.key() for p in track.reader(carrier)(track.body).parcels for s in p.scans}
    pushed = {s.key() for p in hook.reader(carrier)(hook.body).parcels for s in p.scans}
    assert pushed, "a webhook without scans shows nothing"
    assert pushed <= polled


_LOGIN = b"<getAuthResponse><return><authToken>t0ken</authToken></return></getAuthResponse>"
SOAP_LOGIN = b"<Envelope><Body>" + _LOGIN + b"</Body></Envelope>"


class AnyCarrierServer(FakeServer):
    """Hands out tokens wherever one is asked for and gives one chosen answer to everything else."""

    def __init__(self, chosen: Answered) -> None:
        super().__init__()
        self.chosen = chosen

    def answer(self, received: Received) -> Answered:
        self.requests.append(received)
        if received.path.endswith(("/token", "/access_token")):
            return Answered({"access_token": "t0ken", "expires_in": "3600", "token_type": "bearer"})
        if "/LoginService/" in received.path:
            return Answered(SOAP_LOGIN)
        return self.chosen


def errors_are_told_apart(carrier: TracksCarrier) -> None:
    """401, 403, 404, 429, 503, other 5xx, silence and a closed port end in the error that says whose move it is."""
    expected: dict[int, type[Exception]] = {
        401: BadCredentials,
        403: BadCredentials,
        429: RateLimited,
        500: Unavailable,
        503: RateLimited,  # because it says when to come again
        302: Unavailable,
    }
    with AnyCarrierServer(Answered({})) as server, open_client() as client:
        http = connected(carrier, client, server.url)
        for status, error in expected.items():
            server.chosen = Answered({}, status, {"Retry-After": "7"})
            with pytest.raises(error) as caught:
                carrier.fetch(http, ["1"])
            if isinstance(caught.value, RateLimited):
                assert caught.value.after == timedelta(seconds=7)
        server.chosen = Answered({"never": "heard of"}, 404)
        fetched = carrier.fetch(http, ["1"])
        assert fetched.status == 404
        rubbish_is_bad_payload(lambda body: carrier.parse(body, 404), fetched.body)
    with open_client() as client, socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Unavailable):
            carrier.fetch(connected(carrier, client, url, deadline=timedelta(seconds=0.2)), ["1"])
        silent.close()
        with pytest.raises(Unavailable):
            carrier.fetch(connected(carrier, client, url), ["1"])


def connected(carrier: Carrier, client: httpx.Client, url: str, deadline: timedelta = timedelta(seconds=5)) -> Http:
    """An account with the server at `url`, every field filled in."""
    credentials = {field.name: field.default or "something" for field in carrier.about.fields}
    tokens = MemoryTokens()
    return open_http(carrier, client=client, credentials=credentials, tokens=tokens, base=url, deadline=deadline)
