"""FedEx over real HTTP against a local fake, and the readings that are its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carriers.adapters.fedex import AMBIGUOUS, CARRIER, CODES, DERIVED
from carriers.address import Address
from carriers.auth import MemoryTokens
from carriers.contract import Answer, Fault, Hook, Item, LabelOrder, Parcel, ZoneFrom
from carriers.errors import BadCredentials, BadPayload, BadSignature, OutcomeUnknown, RateLimited, Refused
from carriers.http import Http, open_client, open_http
from carriers.status import SUB_STATUSES, Status, status_of
from tests.carriers.fakes.fedex import (
    BATCH,
    CREDENTIALS,
    LABELS,
    SHIP_PROJECT,
    FakeFedEx,
    errors,
    quota_used_up,
    signed,
)
from tests.carriers.fakes.server import Answered

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
NUMBER = "100000000001"
TOKEN = "Aa1" * 10


@pytest.fixture
def fedex() -> Iterator[FakeFedEx]:
    with FakeFedEx() as server:
        server.parcels[NUMBER] = [result(scanEvents=[event()])]
        yield server


@pytest.fixture
def http(fedex: FakeFedEx) -> Iterator[Http]:
    with open_client() as client:
        yield open_http(CARRIER, client=client, credentials=CREDENTIALS, tokens=MemoryTokens(), base=fedex.url)


def event(at: str = "2026-11-19T02:01:00-06:00", code: str = "AR", **changed: Any) -> dict[str, Any]:
    return {
        "date": at,
        "eventType": code,
        "eventDescription": "Arrived at FedEx location",
        "derivedStatusCode": "IT",
        "scanLocation": {"city": "MEMPHIS", "stateOrProvinceCode": "TN", "postalCode": "38118", "countryCode": "US"},
        **changed,
    }


def result(unique: str = f"12028~{NUMBER}~FDEG", **fields: Any) -> dict[str, Any]:
    info = {"trackingNumber": NUMBER, "trackingNumberUniqueId": unique, "carrierCode": "FDXG"}
    return {"trackingNumberInfo": info, **fields}


def envelope(*results: object) -> bytes:
    found = [{"trackingNumber": NUMBER, "trackResults": list(results)}]
    return json.dumps({"output": {"completeTrackResults": found}}).encode()


def parcel(**fields: Any) -> Parcel:
    (only,) = CARRIER.parse(envelope(result(**{"scanEvents": [event()], **fields}))).parcels
    return only


def poll(http: Http, numbers: list[str]) -> Answer:
    fetched = CARRIER.fetch(http, numbers)
    return CARRIER.parse(fetched.body, fetched.status)


def test_a_batch_is_one_call_and_an_unknown_number_is_inside_the_200(fedex: FakeFedEx, http: Http) -> None:
    answer = poll(http, [NUMBER, "399"])
    assert [p.number for p in answer.parcels] == [NUMBER]
    assert answer.not_found == ("399",)
    (call,) = fedex.calls("/track")
    assert call.json()["includeDetailedScans"] is True
    assert call.headers["x-customer-transaction-id"]


def test_thirty_numbers_are_taken_and_the_thirty_first_is_refused(http: Http) -> None:
    numbers = [f"{n:012d}" for n in range(BATCH + 1)]
    assert CARRIER.about.batch_size == BATCH
    assert len(poll(http, numbers[:BATCH]).not_found) == BATCH
    assert not poll(http, numbers).not_found
    assert poll(http, numbers).errors[0].number is None


def test_many_calls_share_one_token(fedex: FakeFedEx, http: Http) -> None:
    for _ in range(5):
        poll(http, [NUMBER])
    assert fedex.tokens_issued == 1


def test_a_token_that_died_early_is_renewed_once_and_the_call_repeated(fedex: FakeFedEx, http: Http) -> None:
    poll(http, [NUMBER])
    fedex.expire_tokens()
    assert poll(http, [NUMBER]).parcels
    assert fedex.tokens_issued == 2


def test_a_wrong_secret_is_the_operators_to_mend(fedex: FakeFedEx) -> None:
    wrong = {**CREDENTIALS, "client_secret": "guess"}
    with open_client() as client:
        http = open_http(CARRIER, client=client, credentials=wrong, tokens=MemoryTokens(), base=fedex.url)
        with pytest.raises(BadCredentials, match="client credentials were not valid"):
            poll(http, [NUMBER])


def test_a_closed_token_endpoint_is_left_alone_for_ten_minutes() -> None:
    with FakeFedEx(clock=lambda: 0.0) as fedex, open_client() as client:

        def poll_without_shared_tokens() -> None:
            http = open_http(CARRIER, client=client, credentials=CREDENTIALS, tokens=MemoryTokens(), base=fedex.url)
            poll(http, [NUMBER])

        for _ in range(14):
            poll_without_shared_tokens()
        with pytest.raises(RateLimited) as raised:
            poll_without_shared_tokens()
    assert raised.value.after == timedelta(minutes=10)
    assert fedex.tokens_issued == 14


def test_a_used_up_quota_pauses_longer_than_a_busy_moment(fedex: FakeFedEx, http: Http) -> None:
    poll(http, [NUMBER])
    fedex.next_answers = [quota_used_up()]
    with pytest.raises(RateLimited, match="Daily transaction quota exceeded") as raised:
        poll(http, [NUMBER])
    assert raised.value.after == timedelta(hours=1)


def test_a_reused_number_is_its_newest_parcel_in_whatever_order() -> None:
    old = result(
        f"2458544000~{NUMBER}~FX",
        scanEvents=[event("2019-03-04T09:00:00-05:00", "DL")],
        dateAndTimes=[{"type": "SHIP", "dateTime": "2019-03-01T00:00:00-06:00"}],
    )
    new = result(scanEvents=[event(code="OC")], dateAndTimes=[{"type": "SHIP", "dateTime": "2026-11-18"}])
    for results in ((old, new), (new, old)):
        (only,) = CARRIER.parse(envelope(*results)).parcels
        assert only.status is Status.INFO_RECEIVED


def test_a_late_scan_of_the_old_parcel_does_not_make_it_the_newest() -> None:
    shipped = "2019-03-01T00:00:00-06:00"
    old = result(
        scanEvents=[event("2026-11-20T09:00:00-05:00", "DL")], dateAndTimes=[{"type": "SHIP", "dateTime": shipped}]
    )
    new = result(
        scanEvents=[event("2026-11-19T09:00:00-05:00", "PU")], dateAndTimes=[{"type": "SHIP", "dateTime": "2026-11-18"}]
    )
    (only,) = CARRIER.parse(envelope(old, new)).parcels
    assert only.status is Status.PICKED_UP


def test_an_error_beside_a_parcel_is_kept_and_takes_nothing_away() -> None:
    error = {"code": "TRACKING.TRACKINGNUMBER.EMPTY", "message": "Please provide tracking number."}
    answer = CARRIER.parse(envelope(result(scanEvents=[event()], error=error)))
    assert len(answer.parcels) == 1
    assert [(f.number, f.code) for f in answer.errors] == [(NUMBER, "TRACKING.TRACKINGNUMBER.EMPTY")]


def test_a_number_that_has_a_parcel_is_not_also_unknown() -> None:
    error = {"code": "TRACKING.TRACKINGNUMBER.NOTFOUND", "message": "Tracking number cannot be found."}
    answer = CARRIER.parse(envelope(result(error=error), result(scanEvents=[event()])))
    assert len(answer.parcels) == 1
    assert answer.not_found == ()
    assert CARRIER.parse(envelope(result(error=error))).not_found == (NUMBER,)


def test_scans_of_one_instant_keep_the_order_in_which_they_happened() -> None:
    scans = parcel(scanEvents=[event(code="DP"), event(code="AR")]).scans  # newest first, as FedEx sends them
    assert [scan.code for scan in scans] == ["AR", "DP"]


@given(st.permutations(range(6)))
def test_scans_come_oldest_first_whatever_their_order(order: list[int]) -> None:
    events = [event(f"2026-11-{10 + n}T0{n}:00:00-0{n}:00", "AR") for n in order]
    scans = parcel(scanEvents=events).scans
    assert [s.local[:10] for s in scans] == [f"2026-11-{10 + n}" for n in range(6)]


def test_a_scan_without_offset_is_never_stamped_as_utc() -> None:
    (scan,) = parcel(scanEvents=[event("2024-08-15T09:10:00", "PU", scanLocation={"countryCode": "US"})]).scans
    assert (scan.at, scan.local, scan.zone_from) == (None, "2024-08-15T09:10:00", ZoneFrom.UNKNOWN)


def test_a_scan_without_offset_takes_the_zone_of_its_place_unless_its_clock_is_a_filler() -> None:
    timed, filled = parcel(scanEvents=[event("2026-11-18T09:10:00"), event("2026-11-18T00:00:00")]).scans[::-1]
    assert (timed.at, timed.zone_from) == (datetime(2026, 11, 18, 15, 10, tzinfo=UTC), ZoneFrom.PLACE)
    assert (filled.at, filled.local, filled.zone_from) == (None, "2026-11-18T00:00:00", ZoneFrom.UNKNOWN)


@pytest.mark.parametrize(
    ("window", "start", "end"),
    [
        (("2026-11-20T08:00:00", "2026-11-20T00:00:00-06:00"), date(2026, 11, 20), date(2026, 11, 20)),
        (("2026-11-20T20:00:00-06:00", "2026-11-21"), date(2026, 11, 20), date(2026, 11, 21)),
        ((None, "2026-11-21T00:00:00-06:00"), date(2026, 11, 21), date(2026, 11, 21)),
        (
            ("2026-11-20T13:15:00-05:00", "2026-11-20T17:15:00-05:00"),
            datetime(2026, 11, 20, 18, 15, tzinfo=UTC),
            datetime(2026, 11, 20, 22, 15, tzinfo=UTC),
        ),
        (("soon", "2026-11-21"), date(2026, 11, 21), date(2026, 11, 21)),
    ],
)
def test_a_window_is_as_exact_as_its_vaguest_edge(window: tuple[str, str], start: object, end: object) -> None:
    estimated = parcel(estimatedDeliveryTimeWindow={"window": {"begins": window[0], "ends": window[1]}}).estimated
    assert estimated
    assert (estimated.start, estimated.end) == (start, end)


def test_an_empty_window_gives_way_to_the_estimated_date_and_that_to_the_usual_time() -> None:
    usual = {"window": {"ends": "2026-11-22T00:00:00-06:00"}}
    stated = [{"type": "ESTIMATED_DELIVERY", "dateTime": "2026-11-20T20:00:00"}]
    empty: dict[str, object] = {"window": {}}
    both = parcel(estimatedDeliveryTimeWindow=empty, standardTransitTimeWindow=usual, dateAndTimes=stated).estimated
    assert both
    assert (both.start, both.source) == (date(2026, 11, 20), "ESTIMATED_DELIVERY")
    last = parcel(estimatedDeliveryTimeWindow=empty, standardTransitTimeWindow=usual).estimated
    assert last
    assert (last.start, last.source) == (date(2026, 11, 22), "standardTransitTimeWindow")
    assert parcel().estimated is None


def test_delivered_at_is_the_scan_or_a_stated_instant_but_never_a_bare_date() -> None:
    delivered = {"latestStatusDetail": {"code": "DL"}}
    scanned = parcel(**delivered, scanEvents=[event("2026-11-19T12:41:57-05:00", "DL")])
    assert scanned.delivered_at == datetime(2026, 11, 19, 17, 41, 57, tzinfo=UTC)
    for stated, instant in (
        ("2026-11-19T12:41:57-05:00", datetime(2026, 11, 19, 17, 41, 57, tzinfo=UTC)),
        ("2026-11-19T00:00:00-06:00", None),
        ("2026-11-19T12:41:57", None),
    ):
        dates = [{"type": "ACTUAL_DELIVERY", "dateTime": stated}]
        assert parcel(**delivered, scanEvents=[], dateAndTimes=dates).delivered_at == instant


def test_codes_with_several_meanings_are_decided_by_the_derived_code_or_not_at_all() -> None:
    def read(code: str, derived: str) -> Status | None:
        return parcel(scanEvents=[event(code=code, derivedStatusCode=derived)]).scans[0].status

    assert read("CA", "CA") is Status.CANCELLED
    assert read("CA", "IT") is Status.IN_TRANSIT
    assert read("IN", "IN") is Status.INFO_RECEIVED
    assert read("IN", "IT") is Status.IN_TRANSIT
    for code in AMBIGUOUS:
        assert code not in CODES
        assert read(code, "") is None
    assert read("SP", "SP") is None


def test_words_never_decide_where_a_code_is_unknown() -> None:
    (scan,) = parcel(scanEvents=[event(code="ZQ", derivedStatusCode="DL", eventDescription="Delivered")]).scans
    assert (scan.status, scan.code) == (None, "ZQ")


def test_a_delay_tells_weather_by_its_type_and_not_by_its_words() -> None:
    snow = event(code="DY", delayDetail={"type": "WEATHER", "subType": "SNOW", "status": "DELAYED"})
    assert parcel(scanEvents=[snow]).scans[0].sub_status == "exception.weather"
    assert parcel(scanEvents=[event(code="DY", eventDescription="Snow")]).scans[0].sub_status == "exception.capacity"
    arrived = event(code="AR", delayDetail={"type": "WEATHER"})
    assert parcel(scanEvents=[arrived]).scans[0].sub_status == "in_transit.arrived_hub"


def test_an_exception_code_says_why_and_express_and_ground_are_told_apart() -> None:
    def read(code: str, why: str) -> str | None:
        found = parcel(scanEvents=[event(code=code, exceptionCode=why)]).scans[0]
        return found.sub_status or (found.status.value if found.status else None)

    assert read("DE", "07") == "exception.refused"
    assert read("DE", "007") == read("DE", "08") == "attempt_failed.not_home"
    assert read("DE", "A47") == read("SE", "099") == "exception"
    assert read("DE", "03") == "exception.address"
    assert read("AR", "08") == "in_transit.arrived_hub"


def test_the_reason_of_the_latest_status_is_read_like_that_of_a_scan() -> None:
    latest = {"code": "DE", "ancillaryDetails": [{"reason": "IN001"}, {"reason": "007"}]}
    assert parcel(latestStatusDetail=latest).sub_status == "attempt_failed.not_home"


def test_xml_that_is_no_tracking_answer_is_named() -> None:
    for body, words in (
        (b"<TrackReply></TrackReply>", "without details"),
        (b"<S:Envelope xmlns:S='s'><S:Body><v14:ShipReply xmlns:v14='x'/></S:Body></S:Envelope>", "not a TrackReply"),
        (b"<html><body>Sorry</body></html>", "HTML page"),
    ):
        with pytest.raises(BadPayload, match=words):
            CARRIER.parse(body)


def test_a_soap_fault_is_an_error_in_its_words() -> None:
    fault = b"<Fault><faultcode>Server</faultcode><faultstring>5: Schema</faultstring></Fault>"
    assert CARRIER.parse(b"<Envelope><Body>" + fault + b"</Body></Envelope>") == Answer(
        errors=(Fault(None, "Server", "5: Schema"),)
    )


def test_the_oldest_web_services_are_read_too() -> None:
    """Details directly in the reply, the status in a field of its own."""
    body = b"""<TrackReply xmlns="http://fedex.com/ws/track/v5"><TrackDetails><TrackingNumber>100000000001</TrackingNumber>
      <StatusCode>OD</StatusCode><ServiceInfo>FedEx Ground</ServiceInfo>
      <EstimatedDeliveryTimestamp>2026-11-20T00:00:00</EstimatedDeliveryTimestamp></TrackDetails></TrackReply>"""
    (told,) = CARRIER.parse(body).parcels
    assert (told.number, told.sub_status, told.service) == (NUMBER, "out_for_delivery.on_vehicle", "FedEx Ground")
    assert told.estimated
    assert told.estimated.start == told.estimated.end == date(2026, 11, 20)


def test_a_number_that_is_known_without_news_is_a_parcel_all_the_same() -> None:
    assert parcel(scanEvents=[], serviceDetail={"description": "FedEx Ground"}).service == "FedEx Ground"


def test_an_answer_of_the_gateway_is_an_error() -> None:
    body = b'{"fault":{"faultstring":"Invalid token","detail":{"errorcode":"oauth.v2.InvalidAccessToken"}}}'
    assert CARRIER.parse(body).errors == (Fault(None, "oauth.v2.InvalidAccessToken", "Invalid token"),)


def test_a_purchase_without_a_label_among_its_papers_is_bad_payload() -> None:
    paper = {"contentType": "COMMERCIAL_INVOICE", "encodedLabel": "JVBERi0="}
    piece = {"trackingNumber": NUMBER, "packageDocuments": [paper]}
    with pytest.raises(BadPayload, match="no label"):
        CARRIER.parse_label(json.dumps({"output": {"transactionShipments": [{"pieceResponses": [piece]}]}}).encode())


def test_a_return_is_known_by_its_authorisation() -> None:
    assert parcel(returnDetail={"authorizationName": "Warehouse"}).is_return
    assert not parcel(returnDetail={}).is_return


@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_a_true_signature_opens_and_one_changed_byte_does_not(encoding: str) -> None:
    body = envelope(result(scanEvents=[event()]))
    headers = signed(body, TOKEN, encoding)
    CARRIER.verify(Hook(body, headers), TOKEN, NOW)
    for broken, given_headers, secret in (
        (body.replace(b"MEMPHIS", b"MEMPHIT"), headers, TOKEN),
        (body, {}, TOKEN),
        (body, headers, TOKEN + "x"),
        (body, signed(body, "", encoding), ""),
        (body, {"fdx-signature": f"{headers['fdx-signature']},{headers['fdx-signature']}"}, TOKEN),
    ):
        with pytest.raises(BadSignature):
            CARRIER.verify(Hook(broken, given_headers), secret, NOW)


def test_both_envelopes_of_a_webhook_are_the_polled_scan() -> None:
    polled = CARRIER.parse(envelope(result(scanEvents=[event()]))).parcels
    bare = json.dumps({"trackResults": [result(scanEvents=[event()])]}).encode()
    for body in (bare, envelope(result(scanEvents=[event()]))):
        pushed = CARRIER.parse_hook(body).parcels
        assert pushed == polled
        assert pushed[0].scans[0].key() == polled[0].scans[0].key()


def test_a_bare_envelope_may_hold_several_numbers_and_two_uses_of_one() -> None:
    other = {"trackingNumberInfo": {"trackingNumber": "200000000002"}, "scanEvents": [event(code="OD")]}
    older = result(scanEvents=[event("2019-03-04T09:00:00-05:00", "DL")])
    newer = result(scanEvents=[event(code="PU")])
    body = json.dumps({"trackResults": [older, other, newer]}).encode()
    assert [(p.number, p.status) for p in CARRIER.parse_hook(body).parcels] == [
        (NUMBER, Status.PICKED_UP),
        ("200000000002", Status.OUT_FOR_DELIVERY),
    ]


def test_a_pushed_result_without_a_number_is_not_understood() -> None:
    with pytest.raises(BadPayload, match="without a tracking number"):
        CARRIER.parse_hook(json.dumps({"trackResults": [{"scanEvents": [event()]}]}).encode())


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"output": {"transactionShipments": []}}, "buying a label"),
        ({"output": {"documents": ["JVBERi0="]}}, "proof of delivery"),
        ({"TrackPackagesResponse": {}}, "public tracking page"),
        ({"output": []}, "not tracking data of FedEx|object was expected"),
        ({"hello": 1}, "not tracking data of FedEx"),
    ],
)
def test_another_body_is_refused_by_its_name(body: object, named: str) -> None:
    for read in (CARRIER.parse, CARRIER.parse_hook):
        with pytest.raises(BadPayload, match=named) as raised:
            read(json.dumps(body).encode())
        assert "\n" not in str(raised.value)


def test_every_mapped_code_is_a_word_of_the_vocabulary() -> None:
    for word in DERIVED.values():
        assert (status_of(word) if word in SUB_STATUSES else Status(word)) in Status


def test_one_result_that_cannot_be_read_does_not_lose_the_others() -> None:
    good = {
        "trackingNumber": "111111111111",
        "trackResults": [{"latestStatusDetail": {"code": "IT"}, "scanEvents": []}],
    }
    bad = {"trackingNumber": "222222222222", "trackResults": [{"scanEvents": [{"date": ["not", "a", "time"]}]}]}
    answer = CARRIER.parse(json.dumps({"output": {"completeTrackResults": [bad, good]}}).encode())
    assert [parcel.number for parcel in answer.parcels] == ["111111111111"]
    assert [(fault.number, fault.code) for fault in answer.errors] == [("222222222222", "unreadable")]
    with pytest.raises(BadPayload):
        CARRIER.parse(json.dumps({"output": {"completeTrackResults": [bad]}}).encode())


ADA = Address(
    "Ada Lovelace", ("12 Analytical Way", "Flat 3"), "Reno", "89501", "US", region="NV", email="ada@x.example"
)
WAREHOUSE = Address("Returns", ("1 Dock Road",), "Cedar Rapids", "52404", "US", "IA", "Juniper Ltd", "+1 319 555 0100")
SHOES = Item("Canvas shoes", 2, 3950, "EUR", sku="S-1", origin_country="PT", hs_code="640419", grams=400)


def order(**changed: Any) -> LabelOrder:
    given = {
        "key": "case-1",
        "customer": ADA,
        "warehouse": WAREHOUSE,
        "grams": 1000,
        "items": (SHOES,),
        "rma": "R-1001",
    }
    return LabelOrder(**{**given, **changed})


def opened(fedex: FakeFedEx, client: httpx.Client, **changed: str) -> Http:
    credentials = {**CREDENTIALS, **changed}
    return open_http(CARRIER, client=client, credentials=credentials, tokens=MemoryTokens(), base=fedex.url)


def test_the_label_goes_from_the_customer_to_the_warehouse(fedex: FakeFedEx, http: Http) -> None:
    label = CARRIER.buy_label(http, order())
    asked = fedex.labels[label.number]["requestedShipment"]
    assert asked["shipper"] == {
        "contact": {"personName": "Ada Lovelace", "phoneNumber": "13195550100", "emailAddress": "ada@x.example"},
        "address": {
            "streetLines": ["12 Analytical Way", "Flat 3"],
            "city": "Reno",
            "stateOrProvinceCode": "NV",
            "postalCode": "89501",
            "countryCode": "US",
        },
    }
    assert [recipient["contact"]["companyName"] for recipient in asked["recipients"]] == ["Juniper Ltd"]
    assert asked["recipients"][0]["address"]["postalCode"] == "52404"
    special = asked["shipmentSpecialServices"]
    assert special["specialServiceTypes"] == ["RETURN_SHIPMENT"]
    assert special["returnShipmentDetail"]["returnType"] == "PRINT_RETURN_LABEL"
    assert asked["requestedPackageLineItems"][0]["weight"] == {"units": "LB", "value": 2.3}
    assert "customsClearanceDetail" not in asked
    assert (label.body, label.format, label.ref) == (LABELS["PDF"], "pdf", label.number)
    assert (label.cost_minor, label.currency, label.service) == (940, "USD", "FEDEX_GROUND")
    assert label.voidable_until is None


@pytest.mark.parametrize(("wanted", "kind"), [("png", "PNG"), ("zpl", "ZPLII"), ("", "PDF")])
def test_a_label_comes_in_the_format_of_the_connection(fedex: FakeFedEx, wanted: str, kind: str) -> None:
    with open_client() as client:
        label = CARRIER.buy_label(opened(fedex, client, label_format=wanted), order())
    assert (label.body, label.format) == (LABELS[kind], wanted or "pdf")


def test_labels_may_be_another_project_with_its_own_keys(fedex: FakeFedEx) -> None:
    with open_client() as client:
        http = opened(fedex, client, **SHIP_PROJECT)
        CARRIER.buy_label(http, order())
        assert poll(http, [NUMBER]).parcels
    tokens = {call.path: call.headers["authorization"] for call in fedex.requests if call.path != "/oauth/token"}
    assert tokens["/ship/v1/shipments"] != tokens["/track/v1/trackingnumbers"]
    assert fedex.tokens_issued == 2


def test_what_crosses_a_border_is_declared(fedex: FakeFedEx, http: Http) -> None:
    home = replace(ADA, country="DE", region="", postcode="50667", city="Köln")
    label = CARRIER.buy_label(http, order(customer=home))
    asked = fedex.labels[label.number]["requestedShipment"]
    customs = asked["customsClearanceDetail"]
    assert asked["serviceType"] == "INTERNATIONAL_ECONOMY"
    assert customs["totalCustomsValue"] == {"amount": 79.0, "currency": "EUR"}
    assert customs["commodities"] == [
        {
            "description": "Canvas shoes",
            "quantity": 2,
            "quantityUnits": "PCS",
            "numberOfPieces": 2,
            "unitPrice": {"amount": 39.5, "currency": "EUR"},
            "customsValue": {"amount": 79.0, "currency": "EUR"},
            "weight": {"units": "KG", "value": 0.8},
            "countryOfManufacture": "PT",
            "harmonizedCode": "640419",
            "partNumber": "S-1",
        }
    ]
    assert label.customs == LABELS["PDF"] + b"invoice"
    with pytest.raises(Refused, match="customs"):
        CARRIER.buy_label(http, order(customer=home, items=()))


def test_a_refused_label_keeps_the_words_of_fedex(http: Http) -> None:
    with pytest.raises(Refused, match="exceeds the limit") as raised:
        CARRIER.buy_label(http, order(grams=90_000))
    assert raised.value.code == "PACKAGE.WEIGHT.EXCEEDED"


def test_what_fedex_would_not_take_or_print_is_refused_before_it_is_bought(fedex: FakeFedEx, http: Http) -> None:
    for changed, words in (
        ({"customer": replace(ADA, lines=("word " * 40,))}, "does not fit"),
        ({"warehouse": replace(WAREHOUSE, phone="")}, "phone number"),
    ):
        with pytest.raises(Refused, match=words):
            CARRIER.buy_label(http, order(**changed))
    with open_client() as client, pytest.raises(BadCredentials, match="account number"):
        CARRIER.buy_label(opened(fedex, client, account=""), order())
    assert not fedex.labels


def test_an_answer_that_was_lost_may_have_been_a_purchase(fedex: FakeFedEx, http: Http) -> None:
    CARRIER.buy_label(http, order())
    fedex.next_answers = [Answered({}, 503)]
    with pytest.raises(OutcomeUnknown):
        CARRIER.buy_label(http, order())


def test_a_label_is_cancelled_until_the_parcel_is_handed_over(fedex: FakeFedEx, http: Http) -> None:
    first, second = (CARRIER.buy_label(http, order()) for _ in range(2))
    CARRIER.void_label(http, first.ref)
    assert set(fedex.labels) == {second.ref}
    fedex.tendered.add(second.ref)
    with pytest.raises(Refused, match="tendered") as raised:
        CARRIER.void_label(http, second.ref)
    assert raised.value.code == "SHIPMENT.TENDERED"
    with pytest.raises(Refused, match="not found"):
        CARRIER.void_label(http, "1")


def test_a_label_answer_is_refused_or_not_understood_for_what_it_is() -> None:
    with pytest.raises(Refused, match="no such"):
        CARRIER.parse_label(errors(400, "X", "no such").raw())
    for body in (b"{}", b'{"output": {"transactionShipments": []}}', b"<a/>", b"[]"):
        with pytest.raises(BadPayload):
            CARRIER.parse_label(body)


def test_a_label_that_is_only_pointed_to_has_an_address() -> None:
    document = {"contentType": "LABEL", "docType": "PDF", "url": "https://www.fedex.com/document/1"}
    piece = {"trackingNumber": "794600000000", "packageDocuments": [document]}
    body = json.dumps({"output": {"transactionShipments": [{"pieceResponses": [piece]}]}}).encode()
    label = CARRIER.parse_label(body)
    assert (label.body, label.url, label.format, label.cost_minor) == (b"", document["url"], "pdf", None)
