"""USPS over real HTTP against a local fake, and the readings that are its own."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carriers.adapters.usps import CARRIER, EVENTS
from carriers.auth import MemoryTokens
from carriers.contract import Hook, Parcel, Scan, Wanted, ZoneFrom
from carriers.errors import BadCredentials, BadPayload, BadSignature, RateLimited, Refused, UnknownNumber
from carriers.http import Http, open_client, open_http
from carriers.status import Status
from tests.carriers.fakes.server import Answered
from tests.carriers.fakes.usps import CREDENTIALS, FakeUsps, errors, signed

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
NUMBER = "9400100000000000000011"
SECRET = CREDENTIALS["webhook_secret"]
HOOK_URL = "https://shop.example/hooks/1"


@pytest.fixture
def usps() -> Iterator[FakeUsps]:
    with FakeUsps() as server:
        server.parcels[NUMBER] = details(event())
        yield server


@pytest.fixture
def http(usps: FakeUsps) -> Iterator[Http]:
    with open_client() as client:
        yield open_http(CARRIER, client=client, credentials=CREDENTIALS, tokens=MemoryTokens(), base=usps.url)


def event(**changed: Any) -> dict[str, Any]:
    return {
        "eventType": "Out for Delivery",
        "eventTimestamp": "2026-11-20T07:10:00Z",
        "GMTTimestamp": "2026-11-20T15:10:45Z",
        "GMTOffset": "-480",
        "eventCountry": None,
        "eventCity": "RENO",
        "eventState": "NV",
        "eventZIP": "89501",
        "eventCode": "OF",
        **changed,
    }


def details(*events: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {"trackingNumber": NUMBER, "trackingEvents": list(events), **changed}


def parcel(*events: dict[str, Any], **changed: Any) -> Parcel:
    (only,) = CARRIER.parse(json.dumps(details(*events, **changed)).encode()).parcels
    return only


def scan(**changed: Any) -> Scan:
    (only,) = parcel(event(**changed)).scans
    return only


def poll(http: Http, number: str = NUMBER) -> Any:
    fetched = CARRIER.fetch(http, [number])
    return CARRIER.parse(fetched.body, fetched.status)


def test_a_number_is_fetched_with_its_events_and_read(usps: FakeUsps, http: Http) -> None:
    (found,) = poll(http).parcels
    assert (found.number, found.status) == (NUMBER, Status.OUT_FOR_DELIVERY)
    assert usps.calls("/tracking")[0].query == {"expand": "DETAIL"}


def test_many_calls_share_one_token_because_each_one_counts(usps: FakeUsps, http: Http) -> None:
    for _ in range(5):
        poll(http)
    assert usps.tokens_issued == 1
    assert usps.quota == 60 - 6


def test_the_sixty_first_call_of_an_hour_pauses_as_long_as_usps_says(usps: FakeUsps, http: Http) -> None:
    usps.quota = 2
    poll(http)
    with pytest.raises(RateLimited, match="Too many requests") as raised:
        poll(http)
    assert raised.value.after == timedelta(minutes=30)


def test_an_unknown_number_is_a_400_and_said_to_be_unknown(http: Http) -> None:
    with pytest.raises(UnknownNumber, match="not yet available") as raised:
        poll(http, "9400100000000000000099")
    assert raised.value.code == "150002"


@pytest.mark.parametrize("code", ["150001", "150003", "150004", "150009", "150010"])
def test_every_way_of_saying_not_yet_is_unknown(usps: FakeUsps, http: Http, code: str) -> None:
    poll(http)
    usps.next_answers = [errors(400, code, "not yet")]
    with pytest.raises(UnknownNumber):
        poll(http)


def test_a_404_in_the_words_of_usps_is_unknown_too(usps: FakeUsps, http: Http) -> None:
    poll(http)
    usps.next_answers = [errors(404, "404", "Not found")]
    with pytest.raises(UnknownNumber):
        poll(http)


@pytest.mark.parametrize("code", ["150008", "150011", "150012", "150006"])
def test_what_usps_will_not_show_is_an_error_and_not_a_parcel_to_wait_for(
    usps: FakeUsps, http: Http, code: str
) -> None:
    poll(http)
    usps.next_answers = [errors(400, code, "This is not shown.")]
    answer = poll(http)
    assert [(fault.number, fault.code, fault.text) for fault in answer.errors] == [(None, code, "This is not shown.")]
    assert not answer.not_found


def test_an_app_without_the_product_tracking_is_told_what_is_missing(usps: FakeUsps, http: Http) -> None:
    usps.has_tracking = False
    with pytest.raises(BadCredentials, match="product Tracking"):
        poll(http)


def test_a_wrong_secret_is_the_operators_to_mend(usps: FakeUsps) -> None:
    wrong = {**CREDENTIALS, "client_secret": "guess"}
    with open_client() as client:
        http = open_http(CARRIER, client=client, credentials=wrong, tokens=MemoryTokens(), base=usps.url)
        with pytest.raises(BadCredentials, match="Invalid client credentials"):
            poll(http)


def test_a_number_from_outside_stays_one_path_segment(usps: FakeUsps, http: Http) -> None:
    with pytest.raises(UnknownNumber):
        poll(http, "94/../x?y=1#z")
    assert usps.calls("/tracking")[0].path == "/tracking/v3/tracking/94%2F..%2Fx%3Fy%3D1%23z"


def test_a_local_clock_that_claims_to_be_utc_is_not_believed() -> None:
    read = scan()
    assert read.at == datetime(2026, 11, 20, 15, 10, tzinfo=UTC)
    assert (read.local, read.offset) == ("2026-11-20T07:10:00", "-08:00")
    assert read.zone_from is ZoneFrom.CARRIER


@pytest.mark.parametrize("offset", ["-480", -480, "-08:00", "-0800", "", None])
def test_the_offset_may_be_minutes_or_hours_or_missing(offset: object) -> None:
    assert scan(GMTOffset=offset).at == datetime(2026, 11, 20, 15, 10, tzinfo=UTC)
    alone = scan(GMTOffset=offset, GMTTimestamp=None)
    assert alone.at == datetime(2026, 11, 20, 15, 10, tzinfo=UTC)
    assert alone.zone_from is (ZoneFrom.CARRIER if offset else ZoneFrom.PLACE)


def test_three_times_that_contradict_each_other_leave_it_to_the_place() -> None:
    copied = scan(GMTTimestamp="2026-11-20T07:10:00Z")
    assert (copied.at, copied.zone_from) == (datetime(2026, 11, 20, 15, 10, tzinfo=UTC), ZoneFrom.PLACE)
    nowhere = scan(GMTTimestamp="2026-11-20T07:10:00Z", eventState=None, eventZIP=None)
    assert (nowhere.at, nowhere.local, nowhere.zone_from) == (None, "2026-11-20T07:10:00", ZoneFrom.UNKNOWN)


def test_a_time_without_anything_else_is_never_stamped_as_utc() -> None:
    bare = scan(GMTTimestamp=None, GMTOffset=None, eventState=None, eventZIP=None)
    assert (bare.at, bare.offset, bare.zone_from) == (None, None, ZoneFrom.UNKNOWN)


@given(
    at=st.datetimes(min_value=datetime(2001, 1, 2), max_value=datetime(2099, 12, 30)),  # noqa: DTZ001 - made aware below
    quarters=st.integers(-48, 56),
)
def test_the_instant_survives_every_offset_and_lost_seconds(at: datetime, quarters: int) -> None:
    at = at.replace(microsecond=0, tzinfo=UTC)
    local = at.astimezone(timezone(timedelta(minutes=15 * quarters))).replace(second=0)
    read = scan(
        eventTimestamp=local.strftime("%Y-%m-%dT%H:%M:00Z"),
        GMTTimestamp=at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        GMTOffset=str(15 * quarters),
    )
    assert read.at == at.replace(second=0)
    assert read.local == local.replace(tzinfo=None).isoformat()


def test_codes_decide_and_words_never_do() -> None:
    assert scan(eventCode="09", eventType="Delivered").status is Status.RETURNING
    assert scan(eventCode="QQ", eventType="Delivered, In/At Mailbox").status is None


def test_the_category_sums_up_and_the_newest_scan_says_which_kind() -> None:
    left = event(eventCode="55", GMTTimestamp="2026-11-20T16:00:00Z", eventTimestamp="2026-11-20T08:00:00Z")
    attempted = parcel(left, event(), statusCategory="Delivery Attempt")
    assert attempted.sub_status == "attempt_failed.no_access"
    delivered = parcel(left, event(), statusCategory="Delivered")
    assert (delivered.status, delivered.sub_status) == (Status.DELIVERED, None)
    assert delivered.delivered_at is None, "no scan says when"


def test_an_alert_is_what_the_newest_scan_says_it_is() -> None:
    assert parcel(event(eventCode="09"), statusCategory="Alert").status is Status.RETURNING
    assert parcel(statusCategory="Alert").status is Status.EXCEPTION
    assert parcel(event(eventCode="QQ"), statusCategory="Something").status is None


def test_true_and_lists_may_be_text_and_words_lose_their_markup() -> None:
    found = parcel(
        event(), emailEnabled="true", services="USPS Tracking<SUP>&#174;</SUP>", mailClass="Priority<SUP>&reg;</SUP>"
    )
    assert found.service == "Priority®"


def test_the_expected_day_is_a_date_in_either_spelling() -> None:
    for value in ("2026-11-23T21:00:00Z", "2026-11-23", "November 23, 2026"):
        estimated = parcel(event(), expectedDeliveryDate=value).estimated
        assert estimated
        assert estimated.start == estimated.end == date(2026, 11, 23)
    assert parcel(event(), expectedDeliveryDate="3 Business Days").estimated is None
    assert parcel(event(eventCode="01"), expectedDeliveryDate="2026-11-23").estimated is None


def test_the_last_use_of_a_reused_number_counts_in_whatever_order() -> None:
    old = details(event(eventCode="01", GMTTimestamp=None, eventTimestamp="2026-08-20T07:10:00Z"))
    new = details(event(eventCode="GX"))
    for listed in ([old, new], [new, old]):
        (only,) = CARRIER.parse(json.dumps(listed).encode()).parcels
        assert only.status is Status.INFO_RECEIVED


def test_an_answer_of_the_web_tools_is_read_and_its_errors_told_apart() -> None:
    body = b"""<TrackResponse><TrackInfo ID="1"><TrackSummary><EventTime>1:58 pm</EventTime>
      <EventDate>November 20, 2015</EventDate><Event>DELIVERED</Event><EventState>NV</EventState>
      <EventZIPCode>89501</EventZIPCode><EventCode>01</EventCode></TrackSummary></TrackInfo>
      <TrackInfo ID="2"><Error><Number>-2147219301</Number></Error></TrackInfo></TrackResponse>"""
    answer = CARRIER.parse(body)
    assert answer.parcels[0].delivered_at == datetime(2015, 11, 20, 21, 58, tzinfo=UTC)
    assert answer.not_found == ("2",)
    whole = CARRIER.parse(b"<Error><Number>80040B1A</Number><Description>Authorization failure.</Description></Error>")
    assert [(fault.number, fault.code) for fault in whole.errors] == [(None, "80040B1A")]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b'{"returnLabelMetadata": {"trackingNumber": "9"}}', "buying a label"),
        (b'{"access_token": "t"}', "a token"),
        (b'{"hello": 1}', "not tracking data of USPS"),
        (b"<TrackResponse><TrackInfo/></TrackResponse>", "without ID"),
        (b"<html><body>Sign in</body></html>", "HTML"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><TrackResponse/>', "entities"),
        (b"<RateResponse/>", "RateResponse"),
    ],
)
def test_another_body_is_refused_by_its_name(body: bytes, named: str) -> None:
    with pytest.raises(BadPayload, match=named) as raised:
        CARRIER.parse(body)
    assert "\n" not in str(raised.value)


def push(held: object, timestamp: str = "2026-11-20T15:11:00Z") -> dict[str, str]:
    return {"subscriptionId": "s-1", "timestamp": timestamp, "payload": json.dumps(held)}


def test_a_push_is_opened_by_its_signature_over_timestamp_and_payload() -> None:
    told = push(details(event()))
    body, headers = json.dumps(told).encode(), signed(told, SECRET)
    CARRIER.verify(Hook(body, headers), SECRET, NOW)
    spaced = json.dumps(told, indent=2).encode()
    CARRIER.verify(Hook(spaced, headers), SECRET, NOW)  # the envelope is not signed, its two texts are
    for broken, given_headers, secret in (
        (json.dumps({**told, "timestamp": "2026-11-20T15:11:01Z"}).encode(), headers, SECRET),
        (json.dumps({**told, "payload": told["payload"].replace("RENO", "RENT")}).encode(), headers, SECRET),
        (body, {}, SECRET),
        (body, headers, SECRET[::-1]),
        (body, signed(told, ""), ""),
        (b"{}", headers, SECRET),
        (b"not json", headers, SECRET),
    ):
        with pytest.raises(BadSignature):
            CARRIER.verify(Hook(broken, given_headers), secret, NOW)


def test_the_published_vector_opens() -> None:
    body = b64decode(
        "eyJzdWJzY3JpcHRpb25JZCI6IjAxOWRiMTVjLTAwMDAtNzAwMC04MDAwLTAwMDAwMDAwMDAwMCIsInRpbWVzdGFtcCI6IjIwMjYtMDctMjFUMTI6"
        "MDA6MDBaIiwicGF5bG9hZCI6IntcInRyYWNraW5nTnVtYmVyXCI6XCI5MjA1NTkwMDA2NjYyMjAyMTY5NTU2XCIsXCJldmVudENvZGVcIjpcIjAx"
        "XCJ9In0="
    )
    headers = {"x-hmac": "Kc9+BmAFUuKsXAxroCtef4aBIVkTwveOPxKJaEVtAzc="}
    CARRIER.verify(Hook(body, headers), "0123456789abcdef0123456789ABCDEF", NOW)
    (found,) = CARRIER.parse_hook(body).parcels
    assert (found.number, found.status) == ("9205590006662202169556", Status.DELIVERED)


def test_a_pushed_scan_is_the_polled_one() -> None:
    polled = scan()
    for held in (details(event()), {"trackingNumber": NUMBER, **event()}):
        (pushed,) = CARRIER.parse_hook(json.dumps(push(held)).encode()).parcels
        assert pushed.scans[0].key() == polled.key()


def test_a_challenge_is_repeated_and_a_push_is_none() -> None:
    greeting = CARRIER.greet(Hook(b'{"challenge": "abc\\u003cscript>"}', {}), SECRET)
    assert greeting
    assert json.loads(greeting.body) == {"challenge": "abc<script>"}
    assert greeting.content_type == "application/json"
    for body in (json.dumps(push({})).encode(), b'{"challenge": 1}', b'{"challenge": ""}', b"[]", b"no", b""):
        assert CARRIER.greet(Hook(body, {}), SECRET) is None
    assert CARRIER.greet(Hook(json.dumps({"challenge": "x" * 501}).encode(), {}), SECRET) is None


def test_one_subscription_covers_the_mailer_id_and_is_confirmed_by_the_challenge(usps: FakeUsps, http: Http) -> None:
    def greet(challenge: str) -> Any:
        greeting = CARRIER.greet(Hook(json.dumps({"challenge": challenge}).encode(), {}), SECRET)
        return json.loads(greeting.body)["challenge"] if greeting else None

    usps.greet = greet
    (made,) = CARRIER.subscribe(http, Wanted(HOOK_URL, SECRET))
    held = usps.subscriptions[made.ref]
    assert (held["listenerURL"], held["filterProperties"]) == (HOOK_URL, {"MID": CREDENTIALS["mid"]})
    assert made.number == ""
    assert made.expires_at
    assert made.expires_at - datetime.now(UTC) < timedelta(days=30)


def test_subscribing_again_replaces_the_old_one_and_so_renews_it(usps: FakeUsps, http: Http) -> None:
    (first,) = CARRIER.subscribe(http, Wanted(HOOK_URL, SECRET))
    (second,) = CARRIER.subscribe(http, Wanted(HOOK_URL, SECRET))
    assert set(usps.subscriptions) == {second.ref}
    assert first.ref != second.ref


def test_a_refused_subscription_never_repeats_the_secret(usps: FakeUsps, http: Http) -> None:
    usps.greet = lambda challenge: None
    with pytest.raises(Refused, match="challenge") as raised:
        CARRIER.subscribe(http, Wanted(HOOK_URL, SECRET))
    assert SECRET not in str(raised.value)


def test_a_secret_of_another_length_is_refused_before_it_is_sent(usps: FakeUsps, http: Http) -> None:
    with pytest.raises(Refused, match="32 characters"):
        CARRIER.subscribe(http, Wanted(HOOK_URL, "short"))
    assert not usps.requests


def test_a_missing_field_is_named(usps: FakeUsps) -> None:
    without = {**CREDENTIALS, "mid": ""}
    with open_client() as client:
        http = open_http(CARRIER, client=client, credentials=without, tokens=MemoryTokens(), base=usps.url)
        with pytest.raises(BadCredentials, match="Mailer ID"):
            CARRIER.subscribe(http, Wanted(HOOK_URL, SECRET))


def test_unsubscribing_names_the_version_it_saw_and_tries_once_more(usps: FakeUsps, http: Http) -> None:
    (made,) = CARRIER.subscribe(http, Wanted(HOOK_URL, SECRET))
    usps.next_answers = [Answered({}, headers={"ETag": '"0"'})]
    CARRIER.unsubscribe(http, made.ref)
    assert not usps.subscriptions
    CARRIER.unsubscribe(http, made.ref)  # gone already, and no error


def test_every_mapped_event_is_a_word_of_the_vocabulary() -> None:
    assert all(scan(eventCode=code).status for code in EVENTS)
