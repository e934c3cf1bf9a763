"""Sendcloud over real HTTP against a local fake, its pushes, and the readings that are its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from carriers.adapters.sendcloud import CARRIER, EXCEPTIONS, IDS, PHASES, UNMAPPED
from carriers.auth import MemoryTokens
from carriers.contract import Answer, Estimate, Fault, Hook, Parcel, Trust
from carriers.errors import BadCredentials, BadPayload, BadSignature, RateLimited, UnknownNumber
from carriers.http import Http, open_http
from carriers.status import Status
from tests.carriers.clauses import NOW, SECRET
from tests.carriers.fakes.sendcloud import CREDENTIALS, FakeSendcloud, event, history
from tests.carriers.fakes.server import Answered
from tests.carriers.signers import hmac_sha256

NUMBER = "3SXXXX0000000017"


@pytest.fixture
def sendcloud() -> Iterator[FakeSendcloud]:
    with FakeSendcloud() as server:
        server.parcels[NUMBER] = history(NUMBER, event())
        yield server


@pytest.fixture
def http(sendcloud: FakeSendcloud, client: httpx.Client) -> Http:
    return connected(sendcloud, client)


def connected(sendcloud: FakeSendcloud, client: httpx.Client, **changed: str) -> Http:
    credentials = {**CREDENTIALS, **changed}
    return open_http(CARRIER, client=client, credentials=credentials, tokens=MemoryTokens(), base=sendcloud.url)


def poll(http: Http, number: str = NUMBER) -> Answer:
    fetched = CARRIER.fetch(http, [number])
    return CARRIER.parse(fetched.body, fetched.status)


def read(body: object, status: int = 200) -> Answer:
    return CARRIER.parse(json.dumps(body).encode(), status)


def parcel(*events: dict[str, Any], **details: object) -> Parcel:
    (found,) = read(history(NUMBER, *events, **details)).parcels
    return found


def pushed(push: object) -> Answer:
    return CARRIER.parse_hook(json.dumps(push).encode())


def change(status: object = 11, **fields: object) -> dict[str, Any]:
    parcel = {"id": 1, "tracking_number": NUMBER, "status": {"id": status, "message": "x"}}
    return {"action": "parcel_status_changed", "timestamp": 1794921725000, "parcel": parcel, **fields}


def test_a_history_is_asked_for_by_number(sendcloud: FakeSendcloud, http: Http) -> None:
    (found,) = poll(http).parcels
    assert (found.number, found.status, found.service) == (NUMBER, Status.IN_TRANSIT, "postnl:standard")
    assert sendcloud.requests[0].path == f"/api/v3/parcels/tracking/{NUMBER}"


def test_an_unknown_number_is_told_by_the_call_because_the_body_does_not_name_it(http: Http) -> None:
    with pytest.raises(UnknownNumber, match="does not exist"):
        poll(http, "3SXXXX0000000028")


def test_a_number_that_could_leave_the_path_stays_in_it(sendcloud: FakeSendcloud, http: Http) -> None:
    with pytest.raises(UnknownNumber):
        poll(http, "../x?a=b")
    assert sendcloud.requests[0].query == {}


def test_a_number_that_is_not_taken_has_its_reason(http: Http) -> None:
    assert poll(http, "9" * 256).errors == (Fault(None, "string_too_long", "too long"),)


def test_a_wrong_key_is_the_operators_to_mend(sendcloud: FakeSendcloud, client: httpx.Client) -> None:
    with pytest.raises(BadCredentials, match="Invalid username"):
        poll(connected(sendcloud, client, secret_key="guess"))


def test_a_429_without_a_body_pauses_the_account(sendcloud: FakeSendcloud, http: Http) -> None:
    sendcloud.next_answers.append(Answered(b"", 429))
    with pytest.raises(RateLimited) as caught:
        poll(http)
    assert caught.value.after == timedelta(minutes=1)


def test_each_number_that_carriers_gave_a_parcel_has_its_history() -> None:
    body = history(NUMBER, event())
    body["tracking_numbers"] += [{"tracking_number": "05300000000017"}, {"tracking_number": NUMBER}, {}]
    parcels = read(body).parcels
    assert [found.number for found in parcels] == [NUMBER, "05300000000017"]
    assert parcels[0].scans == parcels[1].scans


@pytest.mark.parametrize(
    ("code", "finer", "meaning"),
    [
        ("attempted", "not_home", (Status.ATTEMPT_FAILED, "attempt_failed.not_home")),
        ("attempted", "cut_off", (Status.ATTEMPT_FAILED, None)),
        ("pup", "locker", (Status.AVAILABLE_FOR_PICKUP, "available_for_pickup.at_locker")),
        ("delivered", "safeplace", (Status.DELIVERED, "delivered.safe_place")),
        ("returned_sender", "none", (Status.RETURNING, None)),
        ("cancelling", "none", (None, None)),
        ("11", "none", (None, None)),  # a number of API v2 is no code of v3
        ("not_home", "none", (None, None)),
        ("", "none", (None, None)),
    ],
)
def test_the_code_decides_and_the_finer_one_says_more(
    code: str, finer: str, meaning: tuple[Status | None, str | None]
) -> None:
    (scan,) = parcel(event(code, finer=finer)).scans
    assert (scan.code, scan.status, scan.sub_status) == (code, *meaning)


def test_two_events_of_one_minute_are_two_scans_and_a_repeat_is_one() -> None:
    found = parcel(event("attempted", finer="not_home"), event("attempted"), event("attempted"))
    assert len({scan.key() for scan in found.scans}) == 2


def test_an_expected_day_counts_until_it_is_over() -> None:
    day = date(2026, 11, 21)
    assert parcel(event(), expected_delivery_date="2026-11-21").estimated == Estimate(
        day, day, "expected_delivery_date"
    )
    assert parcel(event("delivered"), expected_delivery_date="2026-11-21").estimated is None
    assert parcel(event(), is_return=True).is_return


def test_the_status_of_a_listed_parcel_has_no_time() -> None:
    """`date_updated` is of any change, without a zone."""
    listed = {"parcel": {**change()["parcel"], "date_updated": "18-11-2026 14:23:12"}}
    (found,) = read(listed).parcels
    assert (found.status, found.delivered_at, found.scans[0].local) == (Status.DELIVERED, None, "")


def test_a_parcel_that_was_not_announced_tells_why_and_nothing_else() -> None:
    refused = {"parcel": {**change(1002)["parcel"], "tracking_number": "", "errors": {"name": ["Missing."]}}}
    assert read(refused) == Answer(errors=(Fault(None, "name", "Missing."),))
    with pytest.raises(BadPayload, match="no tracking number yet"):
        read({"parcel": {**change()["parcel"], "tracking_number": ""}})


@pytest.mark.parametrize(
    ("carrier", "own", "at"),
    [
        (1794921725, 1794999999000, datetime(2026, 11, 17, 13, 22, 5, tzinfo=UTC)),  # the carrier's time first
        (None, 1794921725000, datetime(2026, 11, 17, 13, 22, 5, tzinfo=UTC)),  # milliseconds
        (None, 1794921725.9, datetime(2026, 11, 17, 13, 22, 5, tzinfo=UTC)),
        (None, 123, None),  # of the year 1970: no time at all
        (None, None, None),
    ],
)
def test_the_time_of_a_push(carrier: object, own: object, at: datetime | None) -> None:
    (found,) = pushed(change(timestamp=own, carrier_status_change_timestamp=carrier)).parcels
    assert (found.scans[0].at, found.delivered_at) == (at, at)


@pytest.mark.parametrize("time", ["1794921725", True, [], 10**400, -(10**30)])
def test_a_time_of_another_kind_is_a_surprise(time: object) -> None:
    try:
        (found,) = pushed(change(timestamp=time)).parcels
    except BadPayload:
        return
    assert found.scans[0].at is None


def test_an_event_pushed_is_the_event_polled() -> None:
    data = {"phase": "attempted", "exception": "none", "sub_status": "not_home", "timestamp": "2026-11-20T14:31:00Z"}
    push = {"event_type": "parcels.event.created", "data": {"parcel": {"tracking_number": NUMBER}, "event": data}}
    (scan,) = pushed(push).parcels[0].scans
    assert scan.key() == parcel(event("attempted", finer="not_home")).scans[0].key()
    data["exception"] = "customs_issue"
    assert pushed(push).parcels[0].sub_status == "exception.customs_hold"


@pytest.mark.parametrize("action", ["integration_connected", "integration_deleted", "return_created"])
def test_a_push_about_something_else_says_nothing(action: str) -> None:
    assert pushed({"action": action, "timestamp": 1794921725000}) == Answer()


@pytest.mark.parametrize(
    ("push", "named"),
    [
        ({"action": "order_created"}, "another action"),
        ({"timestamp": 1}, "no 'action'"),
        (change(parcel={"tracking_number": "", "status": {"id": 1}}), "no tracking number"),
        ({"event_type": "parcels.event.created", "data": {"parcel": {}, "event": {}}}, "no tracking number"),
    ],
)
def test_a_push_that_is_not_understood_is_kept(push: object, named: str) -> None:
    with pytest.raises(BadPayload, match=named):
        pushed(push)


def test_one_changed_byte_of_a_signed_push_is_refused() -> None:
    body = json.dumps(change()).encode()
    headers = {"sendcloud-signature": hmac_sha256(body, SECRET).hex()}
    CARRIER.verify(Hook(body, headers), SECRET, NOW)
    with pytest.raises(BadSignature):
        CARRIER.verify(Hook(body + b" ", headers), SECRET, NOW)


def test_a_token_is_no_signature() -> None:
    """What an event subscription sends, alone and beside a wrong signature."""
    token = {"authorization": f"Bearer {SECRET}"}
    for headers in (token, {"sendcloud-signature": "00" * 32, **token}):
        with pytest.raises(BadSignature):
            CARRIER.verify(Hook(b"{}", headers), SECRET, NOW)


def test_a_push_is_proven_and_no_more_than_a_hint_because_the_history_tells_the_same_in_other_words() -> None:
    assert CARRIER.about.hook_trust is Trust.SIGNED
    (pushed_scan,) = pushed(change(11, carrier_status_change_timestamp=1794921725)).parcels[0].scans
    (polled_scan,) = parcel(event("delivered", at="2026-11-17T13:22:05Z")).scans
    assert (pushed_scan.at, pushed_scan.status) == (polled_scan.at, polled_scan.status)
    assert pushed_scan.key() != polled_scan.key()
    assert CARRIER.about.hook_prompts


def tracked(*statuses: tuple[str, str], **fields: object) -> dict[str, Any]:
    told = [
        {"parcel_status_history_id": "1", "carrier_code": "x", "carrier_message": "m"}
        | {"parent_status": code, "carrier_update_timestamp": at}
        for code, at in statuses
    ]
    return {"parcel_id": "7", "carrier_code": "postnl", "is_return": False, "statuses": told, **fields}


def test_a_tracking_of_the_older_api_is_read_and_names_no_parcel() -> None:
    first, then = "2026-11-18T10:21:40.273000+00:00", "2026-11-19T10:21:40+00:00"
    body = tracked(("ready-to-send", first), ("driver-on-route", then), expected_delivery_date="2026-11-20")
    (found,) = read(body).parcels
    assert (found.number, found.status, len(found.scans)) == ("", Status.OUT_FOR_DELIVERY, 2)
    assert found.scans[0].at == datetime(2026, 11, 18, 10, 21, 40, tzinfo=UTC)
    assert found.estimated == Estimate(date(2026, 11, 20), date(2026, 11, 20), "expected_delivery_date")
    (over,) = read(tracked(("delivered", then))).asked_for([NUMBER]).parcels
    assert (over.number, over.delivered_at) == (NUMBER, datetime(2026, 11, 19, 10, 21, 40, tzinfo=UTC))


@pytest.mark.parametrize("code", ["delivery-forced", "unknown", "something-new", ""])
def test_a_name_that_says_nothing_has_no_status(code: str) -> None:
    (found,) = read(tracked((code, "2026-11-18T10:21:40Z"))).parcels
    assert (found.status, found.scans[0].status) == (None, None)


@pytest.mark.parametrize(("code", "status"), [("READY_TO_SEND", Status.INFO_RECEIVED), ("SOMETHING_NEW", None)])
def test_a_parcel_of_the_newer_api_has_its_status_by_name(code: str, status: Status | None) -> None:
    listed = {"id": 1, "tracking_number": NUMBER, "status": {"code": code, "message": "x"}}
    (found,) = read({"data": {"id": "u", "parcels": [listed]}}).parcels
    assert (found.number, found.status, found.scans[0].code) == (NUMBER, status, code)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"url": "https://x.example"}, "return portal"),
        ({"tracking_numbers": []}, "without a tracking number"),
        ({"parcels": {}}, "list of objects"),
        ({}, "not tracking data"),
    ],
)
def test_another_body_is_refused_by_its_name(body: object, named: str) -> None:
    with pytest.raises(BadPayload, match=named):
        read(body)


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"detail": "Not allowed."}, "400", "Not allowed."),
        ({"error": {"code": 404, "message": "Invalid cursor"}}, "404", "Invalid cursor"),
        ({"errors": [{"status": "400", "code": "invalid", "detail": "No."}]}, "invalid", "No."),
    ],
)
def test_errors_keep_the_words_of_sendcloud(body: object, code: str, words: str) -> None:
    assert read(body, 400).errors == (Fault(None, code, words),)


def test_every_phase_and_exception_of_sendclouds_list_is_known() -> None:
    phases = (
        "accepted announced announcing attempted cancelled customs delivered delivery_forced dropped in_delivery "
        "in_transit labelled none no_label pup ready_to_send sorted unknown"
    )
    exceptions = (
        "address_error announcement_failed cancellation_failed cancelled cancelled_upstream cancelling "
        "cancelling_upstream changed claim claimable customer_rejected customer_support customs_issue damaged "
        "delay_unknown delivery_delay dropoff_expiration handover_delay hold missing none non_conformity off_radar "
        "pup_expiration refused relabelled returned_sender sorting_delay unknown"
    )
    assert {*phases.split(), *exceptions.split()} <= PHASES.keys() | EXCEPTIONS.keys() | UNMAPPED.keys()
    assert not CARRIER.about.codes.keys() & UNMAPPED.keys()
    assert not IDS.keys() & (PHASES.keys() | EXCEPTIONS.keys())
