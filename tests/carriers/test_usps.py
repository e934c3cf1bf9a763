"""USPS over real HTTP against a local fake, and the readings that are its own."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carriers.adapters.usps import CARRIER, EVENTS
from carriers.address import Address
from carriers.auth import MemoryTokens
from carriers.contract import Hook, Item, LabelOrder, Parcel, Scan, Wanted, ZoneFrom
from carriers.errors import (
    BadCredentials,
    BadPayload,
    BadSignature,
    OutcomeUnknown,
    RateLimited,
    Refused,
    UnknownNumber,
)
from carriers.http import Http, open_client, open_http
from carriers.status import Status
from tests.carriers.fakes.server import Answered
from tests.carriers.fakes.usps import CREDENTIALS, LABEL, QR, FakeUsps, errors, multipart, signed

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


@pytest.mark.parametrize(
    ("sentence", "status", "local"),
    [
        ("Delivered, In/At Mailbox, November 20, 2026, 1:58 pm, RENO, NV 89501", "delivered", "2026-11-20T13:58:00"),
        ("Delivered, To Original Sender, November 20, 2026, RENO, NV 89501", "returned", "2026-11-20"),
        ("Your item was delivered at 12:55 pm on April 5, 2026 in RENO, NV 89501.", "delivered", "2026-04-05T12:55:00"),
        ("Your item arrived at our USPS facility in RENO, NV 89501 on January 6, 2026 at 10:45 pm. It goes on.",
         "in_transit", "2026-01-06T22:45:00"),
        ("Your item was delivered to an agent at 9:00 am on April 05, 2026", None, "2026-04-05T09:00:00"),
        ("Delivered to Agent for Final Delivery, November 20, 2026, 1:58 pm", None, "2026-11-20T13:58:00"),
        ("Delivery status not updated, November 20, 2026, 1:58 pm", None, "2026-11-20T13:58:00"),
    ],
)  # fmt: skip
def test_a_sentence_of_a_summary_is_a_scan_where_it_begins_with_known_words(
    sentence: str, status: str | None, local: str
) -> None:
    found = CARRIER.parse(json.dumps({"trackingNumber": "1", "eventSummaries": [sentence]}).encode()).parcels[0]
    old = f'<TrackResponse><TrackInfo ID="1"><TrackSummary>{sentence}</TrackSummary></TrackInfo></TrackResponse>'
    assert CARRIER.parse(old.encode()).parcels == (found,)
    (scan,) = found.scans
    assert (scan.status, found.status, scan.local, scan.text) == (status, status, local, sentence)
    assert scan.place.city == ("RENO" if "RENO" in sentence else "")


def test_a_sentence_without_a_day_is_no_scan_and_two_of_one_minute_are_two() -> None:
    told = ["We could not locate your item.", *(f"{word}, May 1, 2026, 9:00 am" for word in ("Odd", "Strange"))]
    found = CARRIER.parse(json.dumps({"trackingNumber": "1", "eventSummaries": told}).encode()).parcels[0]
    assert len({scan.key() for scan in found.scans}) == 2
    with pytest.raises(BadPayload):
        CARRIER.parse(b'{"trackingNumber": "1", "eventSummaries": "Delivered"}')


def test_a_delivery_to_the_original_sender_is_a_return() -> None:
    found = parcel(event(eventCode="01", eventType="Delivered, To Original Sender"), statusCategory="Delivered")
    assert (found.status, found.scans[0].status, found.delivered_at) == (Status.RETURNED, Status.RETURNED, None)


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
        (b'{"trackingNumber": "9", "labelAddress": {}, "postage": 7.99}', "buying a label"),
        (b'{"trackingNumber": "9", "status": "CANCELED"}', "giving a label back"),
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


def test_an_answer_of_the_web_tools_about_one_number_may_leave_it_out() -> None:
    event = (
        b"<EventTime>2:05 PM</EventTime><EventDate>July 28, 2025</EventDate><Event>Delivered</Event>"
        b"<EventCity>RALEIGH</EventCity><EventState>NC</EventState><EventZIPCode>27601</EventZIPCode>"
        b"<EventCode>01</EventCode>"
    )
    info = b"<TrackInfo><TrackSummary>" + event + b"</TrackSummary></TrackInfo>"
    (found,) = CARRIER.parse(b"<TrackResponse>" + info + b"</TrackResponse>").parcels
    assert (found.number, found.status) == ("", Status.DELIVERED)
    assert found.delivered_at == datetime(2025, 7, 28, 18, 5, tzinfo=UTC)
    with pytest.raises(BadPayload, match="without ID"):
        CARRIER.parse(b"<TrackResponse>" + info + info + b"</TrackResponse>")


def test_the_words_of_the_token_endpoint_are_kept() -> None:
    body = b'{"error":"invalid_client","error_description":"Client authentication failed.","error_uri":"https://x"}'
    (fault,) = CARRIER.parse(body).errors
    assert (fault.number, fault.code, fault.text) == (None, "invalid_client", "Client authentication failed.")


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


ADA = Address("Ada Byron Lovelace", ("12 Analytical Way", "Flat 3"), "Reno", "89501-1234", "US", region="NV")
WAREHOUSE = Address("Returns", ("1 Dock Road",), "Cedar Rapids", "52404", "US", region="IA", company="Juniper Ltd")
SHOES = Item("Canvas shoes", 2, 3950, "USD", sku="S-1", origin_country="PT", hs_code="640419")


def order(key: str = "case-1", **changed: Any) -> LabelOrder:
    given = {"key": key, "customer": ADA, "warehouse": WAREHOUSE, "grams": 1000, "items": (SHOES,), "rma": "R-1001"}
    return LabelOrder(**{**given, **changed})


def test_the_label_goes_from_the_customer_to_the_warehouse(usps: FakeUsps, http: Http) -> None:
    label = CARRIER.buy_label(http, order())
    (call,) = usps.calls("/labels")
    asked = call.json()
    assert asked["fromAddress"] == {
        "firstName": "Ada Byron",
        "lastName": "Lovelace",
        "streetAddress": "12 Analytical Way",
        "secondaryAddress": "Flat 3",
        "city": "Reno",
        "state": "NV",
        "ZIPCode": "89501",
        "ZIPPlus4": "1234",
    }
    assert (asked["toAddress"]["firm"], asked["toAddress"]["ZIPCode"]) == ("Juniper Ltd", "52404")
    assert asked["packageDescription"]["weight"] == 2.21
    assert asked["packageDescription"]["mailClass"] == "USPS_GROUND_ADVANTAGE_RETURN_SERVICE"
    assert (label.body, label.format, label.size) == (LABEL, "pdf", "4x6")
    assert (label.cost_minor, label.currency, label.routing) == (875, "USD", "42052404")
    assert label.qr == b""
    assert label.voidable_until is None
    assert call.headers["accept"] == "application/vnd.usps.labels+json"


def test_the_same_order_twice_is_one_label(usps: FakeUsps, http: Http) -> None:
    first, second = (CARRIER.buy_label(http, order()) for _ in range(2))
    assert first == second
    assert len(usps.labels) == 1
    other = CARRIER.buy_label(http, order("case-2"))
    assert other.number != first.number


def test_the_key_of_an_order_is_a_random_looking_uuid_and_always_the_same(usps: FakeUsps, http: Http) -> None:
    for _ in range(2):
        CARRIER.buy_label(http, order())
    keys = {call.headers["x-idempotency-key"] for call in usps.calls("/labels")}
    assert [UUID(key).version for key in keys] == [4]


def test_an_answer_that_was_lost_may_have_been_a_purchase(usps: FakeUsps, http: Http) -> None:
    CARRIER.buy_label(http, order())
    usps.next_answers = [Answered({}, 503)]
    with pytest.raises(OutcomeUnknown):
        CARRIER.buy_label(http, order("case-2"))


def test_the_payment_is_authorized_once_for_many_labels_and_again_when_it_is_refused(
    usps: FakeUsps, http: Http
) -> None:
    for n in range(3):
        CARRIER.buy_label(http, order(f"case-{n}"))
    assert usps.payments_issued == 1
    usps.expire_payments()
    CARRIER.buy_label(http, order("case-9"))
    assert usps.payments_issued == 2
    poll(http)
    assert "x-payment-authorization-token" not in usps.calls("/tracking")[0].headers


def test_a_code_for_the_counter_comes_with_the_label(usps: FakeUsps) -> None:
    with open_client() as client:
        credentials = {**CREDENTIALS, "qr": "yes"}
        http = open_http(CARRIER, client=client, credentials=credentials, tokens=MemoryTokens(), base=usps.url)
        label = CARRIER.buy_label(http, order())
    assert usps.calls("/labels")[0].json()["imageInfo"] == {
        "imageType": "LABEL_BROKER",
        "includeLabelBrokerPDF": True,
        "labelType": "4X6LABEL",
        "receiptOption": "NONE",
    }
    assert (label.body, label.format, label.qr, label.counter_code) == (LABEL, "pdf", QR, "RLB0000001")


def test_a_refused_label_keeps_the_words_of_usps(http: Http) -> None:
    with pytest.raises(Refused, match="must not exceed 70 pounds") as raised:
        CARRIER.buy_label(http, order(grams=40_000))
    assert raised.value.code == "160013"


def test_what_usps_would_not_take_or_print_is_refused_before_it_is_bought(usps: FakeUsps, http: Http) -> None:
    abroad = replace(ADA, country="CA", postcode="K1A 0B1")
    long = replace(ADA, lines=("word " * 30,))
    for customer, words in ((abroad, "domestic"), (replace(ADA, postcode=""), "ZIP"), (long, "does not fit")):
        with pytest.raises(Refused, match=words):
            CARRIER.buy_label(http, order(customer=customer))
    assert not usps.calls("/labels")


def test_military_mail_and_territories_carry_a_customs_form(usps: FakeUsps, http: Http) -> None:
    soldier = replace(ADA, city="APO", region="AE", postcode="09012")
    CARRIER.buy_label(http, order(customer=soldier))
    form = usps.calls("/labels")[0].json()["customsForm"]
    assert form["customsContentType"] == "RETURNED_GOODS"
    assert form["contents"] == [
        {
            "itemDescription": "Canvas shoes",
            "itemQuantity": 2,
            "itemTotalValue": 79.0,
            "weightUOM": "lb",
            "itemTotalWeight": 2.21,
            "HSTariffNumber": "640419",
            "countryofOrigin": "PT",
        }
    ]
    with pytest.raises(Refused, match="US dollars"):
        CARRIER.buy_label(http, order(customer=soldier, items=(replace(SHOES, currency="EUR"),)))


def test_a_missing_account_is_named_before_anything_is_bought(usps: FakeUsps) -> None:
    with open_client() as client:
        credentials = {**CREDENTIALS, "account": ""}
        http = open_http(CARRIER, client=client, credentials=credentials, tokens=MemoryTokens(), base=usps.url)
        with pytest.raises(BadCredentials, match="Payment account number"):
            CARRIER.buy_label(http, order())


def test_a_return_label_is_never_voided_and_the_reason_is_given(usps: FakeUsps, http: Http) -> None:
    with pytest.raises(Refused, match="does not cancel return labels"):
        CARRIER.void_label(http, "9202000000000000000000")
    assert not usps.requests


def test_the_parts_that_usps_sends_by_default_are_the_same_label() -> None:
    metadata = json.dumps({"trackingNumber": "92020000", "postage": 8.75, "labelBrokerID": "RLB1"})
    pictures = [("returnLabelImage", LABEL), ("labelBrokerQR", QR)]
    coded = [(name, "application/pdf", b64encode(raw).decode()) for name, raw in pictures]
    label = CARRIER.parse_label(multipart([("returnLabelMetadata", "application/json", metadata), *coded]))
    assert (label.number, label.body, label.qr, label.counter_code) == ("92020000", LABEL, QR, "RLB1")


def test_a_code_alone_stands_in_the_place_of_the_label() -> None:
    told = {"trackingNumber": "92020000", "labelBrokerID": "RLB1", "returnLabelImage": b64encode(QR).decode()}
    label = CARRIER.parse_label(json.dumps(told).encode())
    assert (label.body, label.format, label.qr) == (b"", "none", QR)


def test_a_label_answer_is_refused_or_not_understood_for_what_it_is() -> None:
    with pytest.raises(Refused, match="no such") as raised:
        CARRIER.parse_label(errors(400, "160190", "no such").raw())
    assert raised.value.code == "160190"
    for body in (b"{}", b'{"trackingNumber": "92"}', b"--part\r\nContent-Type: x\r\n\r\n", b"<a/>", b"[]"):
        with pytest.raises(BadPayload):
            CARRIER.parse_label(body)


def test_every_mapped_event_is_a_word_of_the_vocabulary() -> None:
    assert all(scan(eventCode=code).status for code in EVENTS)
