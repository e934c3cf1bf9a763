"""PostNL over real HTTP against a local fake, its return labels, and the readings that are its own."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from carriers.adapters.postnl import CARRIER, EVENTS, ON_A_RETURN, STATUSES, UNMAPPED
from carriers.address import Address
from carriers.auth import MemoryTokens
from carriers.contract import Answer, Fault, Item, LabelOrder, Parcel, ZoneFrom
from carriers.errors import BadCredentials, BadPayload, OutcomeUnknown, RateLimited, Refused, UnknownNumber
from carriers.http import Http, open_client, open_http
from carriers.status import Status
from tests.carriers.fakes.postnl import CREDENTIALS, LABEL, PRINTCODE, FakePostNL, error, gateway, invalid
from tests.carriers.fakes.server import Answered

NUMBER = "3SDEVC100000017"
ADA = Address("Ada Jansen", ("Bilderdijkstraat 9 a bis",), "Utrecht", "3532 VA", "NL")
SHOP = Address(
    "Returns", ("Siriusdreef 42-60",), "Hoofddorp", "2132WT", "NL", company="Juniper", email="r@juniper.test"
)
ORDER = LabelOrder(
    key="ret_01", customer=ADA, warehouse=SHOP, grams=800, items=(Item("Coat", 1, 9900, "EUR"),), rma="RMA-7"
)


@pytest.fixture
def postnl() -> Iterator[FakePostNL]:
    with FakePostNL() as server:
        server.shipments[NUMBER] = shipment()
        yield server


@pytest.fixture
def http(postnl: FakePostNL) -> Iterator[Http]:
    with open_client() as client:
        yield open_http(CARRIER, client=client, credentials=CREDENTIALS, tokens=MemoryTokens(), base=postnl.url)


def event(code: str = "J01", at: str = "19-11-2026 02:14:09") -> dict[str, Any]:
    return {"Code": code, "Description": "Zending is gesorteerd", "LocationCode": "161104", "TimeStamp": at}


def status(code: str = "5", at: str = "19-11-2026 02:14:09") -> dict[str, str]:
    return {"TimeStamp": at, "StatusCode": code, "StatusDescription": "x", "PhaseCode": "4", "PhaseDescription": "y"}


def shipment(**fields: Any) -> dict[str, Any]:
    return {"MainBarcode": NUMBER, "Barcode": NUMBER, "Event": [event()], "Status": status(), **fields}


def parcel(**fields: Any) -> Parcel:
    (only,) = CARRIER.parse(json.dumps({"CompleteStatus": {"Shipment": shipment(**fields)}}).encode()).parcels
    return only


def poll(http: Http, number: str) -> Answer:
    fetched = CARRIER.fetch(http, [number])
    return CARRIER.parse(fetched.body, fetched.status)


def test_one_barcode_is_one_call_with_its_history(postnl: FakePostNL, http: Http) -> None:
    assert [p.number for p in poll(http, NUMBER).parcels] == [NUMBER]
    (call,) = postnl.requests
    assert call.path == f"/shipment/v2/status/barcode/{NUMBER}"
    assert call.query == {"detail": "true", "language": "NL"}


def test_no_shipment_is_told_by_the_call_because_the_body_does_not_name_the_number(http: Http) -> None:
    with pytest.raises(UnknownNumber, match="No shipment found"):
        poll(http, "3SDEVC999999999")


def test_a_warning_beside_a_shipment_takes_nothing_away() -> None:
    body = {"CompleteStatus": {"Shipment": shipment(), "Warnings": [{"Code": "9", "Message": "Slow"}]}}
    answer = CARRIER.parse(json.dumps(body).encode())
    assert len(answer.parcels) == 1
    assert [(f.code, f.text) for f in answer.errors] == [("9", "Slow")]


def test_a_wrong_key_and_a_spent_limit_are_told_apart(postnl: FakePostNL, http: Http) -> None:
    with open_client() as client:
        wrong = open_http(CARRIER, client=client, credentials={}, tokens=MemoryTokens(), base=postnl.url)
        with pytest.raises(BadCredentials, match="API Key"):
            poll(wrong, NUMBER)
    postnl.next_answers = [gateway(429, "Too many requests. Rate limit exceeded!")]
    with pytest.raises(RateLimited, match="Rate limit exceeded"):
        poll(http, NUMBER)


@pytest.mark.parametrize(
    ("answered", "code", "words"),
    [
        (error("3000", "Request format is invalid"), "3000", "Request format is invalid"),
        (gateway(429, "Too many requests."), "429", "Too many requests."),
        (
            Answered({"fault": {"faultstring": "Broken", "detail": {"errorcode": "Validation Fault"}}}, 400),
            "Validation Fault",
            "Broken",
        ),
        (Answered({"Error": {"ErrorMsg": "Locatie is niet gevonden.", "ErrorNumber": 1021}}), "1021", "Locatie"),
        (invalid("10302", "Length"), "10302", "Validation failed for shipment: Length"),
        (Answered({"Error": {"ErrorCode": "3000", "ErrorMessage": "Not valid"}}, 400), "3000", "Not valid"),
        (Answered({"ErrorMsg": "Te laat.", "ErrorNumber": 2060}, 400), "2060", "Te laat."),
        (Answered([{"ErrorMsg": "May not be null.", "ErrorNumber": 7}], 400), "7", "May not be null."),
        (Answered({"Array": {"Item": [{"ErrorMsg": "Null.", "ErrorNumber": 7}]}}, 400), "7", "Null."),
        (Answered({"errors": [{"status": "400", "title": "Bad", "detail": "No."}]}, 400), "400", "Bad: No."),
        (Answered({"status": "400", "title": "Bad request", "detail": "No."}, 400), "400", "Bad request: No."),
        (Answered({"faultstring": "no barcode", "detail": {"errorcode": "E6"}}, 500), "E6", "no barcode"),
        (Answered({"Warnings": {"Warning": {"Message": "Nothing found", "Code": "2"}}}), "2", "Nothing found"),
    ],
)
def test_every_shape_of_an_error_keeps_its_code_and_words(answered: Answered, code: str, words: str) -> None:
    (fault,) = CARRIER.parse(answered.raw(), answered.status).errors
    assert (fault.number, fault.code) == (None, code)
    assert fault.text.startswith(words)


def test_a_shipment_that_was_not_labelled_tells_why() -> None:
    refused = {"Barcode": NUMBER, "Errors": [{"Code": "111", "Description": "No label available"}], "Labels": []}
    body = json.dumps({"MergedLabels": [], "ResponseShipments": [refused]}).encode()
    assert CARRIER.parse(body).errors == (Fault(NUMBER, "111", "No label available"),)


def test_a_dutch_clock_is_placed_in_winter_and_in_summer() -> None:
    winter, summer = parcel(Event=[event(at="19-11-2026 02:14:09.326"), event(at="19-07-2026 02:14:09")]).scans[::-1]
    assert (winter.at, winter.offset) == (datetime(2026, 11, 19, 1, 14, 9, tzinfo=UTC), "+01:00")
    assert (summer.at, summer.offset) == (datetime(2026, 7, 19, 0, 14, 9, tzinfo=UTC), "+02:00")
    assert winter.zone_from is ZoneFrom.PLACE


def test_an_hour_that_came_twice_or_never_has_no_instant() -> None:
    scans = parcel(Event=[event(at="25-10-2026 02:30:00"), event(at="29-03-2026 02:30:00")]).scans
    assert [(s.at, s.local, s.zone_from) for s in scans] == [
        (None, "2026-03-29T02:30:00", ZoneFrom.UNKNOWN),
        (None, "2026-10-25T02:30:00", ZoneFrom.UNKNOWN),
    ]


def test_the_day_comes_first_and_a_date_with_slashes_is_not_guessed() -> None:
    assert parcel(Event=[event(at="03-12-2026 10:00:00")]).scans[0].local == "2026-12-03T10:00:00"
    expected = {"ETAFrom": "12/03/2026 10:00:00", "ETATo": "12/03/2026 12:00:00"}
    assert parcel(Expectation=expected).estimated is None


def test_one_event_and_one_shipment_are_written_without_a_list_and_none_as_an_empty_object() -> None:
    assert len(parcel(Event=event(), Reference={}, ProductDescription="{}").scans) == 1
    assert parcel(Event={}).scans[0].code == "5"
    assert CARRIER.parse(b'{"CompleteStatus": {"Shipment": {}}}').parcels == ()


@pytest.mark.parametrize(
    ("code", "event_code", "expected"),
    [
        ("11", "J23", "available_for_pickup.at_locker"),
        ("11", "I10", "delivered.neighbour"),
        ("11", "K91", "exception.capacity"),
        ("9", "J59", "out_for_delivery"),
        ("23", "C01", "picked_up.collected"),
        ("8", "H01", "returning"),
        ("99", "H30", "cancelled"),
        ("7", "NEW", "out_for_delivery"),
        ("12", "NEW", "available_for_pickup"),
    ],
)
def test_the_event_of_the_moment_is_finer_than_the_status_and_the_phase_decides_nothing(
    code: str, event_code: str, expected: str
) -> None:
    found = parcel(Status=status(code), Event=[event(event_code)])
    assert (found.sub_status or found.status) == expected


def test_an_event_older_than_the_status_does_not_decide() -> None:
    assert parcel(Status=status("11", "20-11-2026 10:00:00")).status is Status.DELIVERED


@pytest.mark.parametrize(("product", "expected"), [("003085", Status.RETURNED), ("002285", Status.DELIVERED)])
def test_a_return_is_delivered_where_an_undeliverable_parcel_is_returned(product: str, expected: Status) -> None:
    found = parcel(Status=status("11"), Event=[event("J63")], ProductCode=product)
    assert (found.status, found.is_return) == (expected, expected is Status.DELIVERED)
    assert (found.delivered_at is not None) == found.is_return


@pytest.mark.parametrize(("code", "expected"), [("2", Status.PICKED_UP), ("11", Status.DELIVERED)])
def test_a_code_with_two_meanings_is_read_by_the_status_of_the_same_moment(code: str, expected: Status) -> None:
    (scan,) = parcel(Status=status(code), Event=[event("01B")]).scans
    assert scan.status is expected
    (alone,) = parcel(Status=status(code, "18-11-2026 02:14:09"), Event=[event("01B")]).scans
    assert alone.status is None


def test_a_time_frame_is_two_instants_and_a_delivery_date_a_day() -> None:
    expected = {"ETAFrom": "2026-11-20T11:30:00", "ETATo": "2026-11-20T14:00:00"}
    framed = parcel(Expectation=expected).estimated
    assert framed
    assert (framed.start, framed.end) == (
        datetime(2026, 11, 20, 10, 30, tzinfo=UTC),
        datetime(2026, 11, 20, 13, tzinfo=UTC),
    )
    dated = parcel(DeliveryDate="2026-11-20").estimated
    assert dated
    assert (dated.start, dated.source) == (date(2026, 11, 20), "DeliveryDate")


def test_a_list_of_updates_is_read_with_its_own_spelling() -> None:
    status = {"Timestamp": "2026-11-19T12:06:53", "StatusCode": "22"}
    update = {"Barcode": NUMBER, "CreationDate": "2026-11-18", "Status": status}
    (found,) = CARRIER.parse(json.dumps([update]).encode()).parcels
    assert found.sub_status == "delivered.collected"
    assert found.delivered_at == datetime(2026, 11, 19, 11, 6, 53, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"Signature": {"Barcode": NUMBER}}, "proof of delivery"),
        ({"ResponseShipments": []}, "buying a label"),
        ({"hello": 1}, "neither"),
        ("text", "object or a list"),
    ],
)
def test_another_kind_of_body_says_which(body: object, reason: str) -> None:
    with pytest.raises(BadPayload, match=reason):
        CARRIER.parse(json.dumps(body).encode())


def test_a_return_is_printed_from_the_shopper_to_the_warehouse(postnl: FakePostNL, http: Http) -> None:
    CARRIER.buy_label(http, ORDER)
    (order,) = postnl.orders
    sender = order["Customer"]["Address"]
    assert (sender["AddressType"], sender["Name"]) == ("02", "Ada Jansen")
    assert (sender["Street"], sender["HouseNr"], sender["HouseNrExt"]) == ("Bilderdijkstraat", "9", "a bis")
    assert sender["Zipcode"] == "3532VA"
    (sold,) = order["Shipments"]
    (receiver,) = sold["Addresses"]
    assert (receiver["AddressType"], receiver["CompanyName"]) == ("01", "Juniper")
    assert (receiver["Street"], receiver["HouseNr"], receiver["HouseNrExt"]) == ("Siriusdreef", "42", "60")
    assert (sold["Reference"], sold["Remark"]) == ("ret_01", "RMA-7")
    assert sold["Dimension"] == {"Weight": 800}
    assert "Jansen" not in json.dumps(sold)


def test_the_label_comes_with_the_code_for_the_counter(http: Http) -> None:
    label = CARRIER.buy_label(http, ORDER)
    assert (label.body, label.format) == (LABEL, "pdf")
    assert (label.qr, label.counter_code) == (PRINTCODE, label.number)
    assert (label.cost_minor, label.voidable_until) == (None, None)


def test_the_code_can_be_left_out(http: Http) -> None:
    label = CARRIER.buy_label(replace(http, credentials={**CREDENTIALS, "printcode": "no"}), ORDER)
    assert (label.body, label.qr, label.counter_code) == (LABEL, b"", "")


def test_the_same_key_twice_announces_one_shipment(postnl: FakePostNL, http: Http) -> None:
    long = replace(ORDER, key="r" * 60)
    for order in (ORDER, long):
        assert CARRIER.buy_label(http, order) == CARRIER.buy_label(http, order)
    assert postnl.announced == 2
    assert all(len(order["Shipments"][0]["Reference"]) <= 35 for order in postnl.orders)


def test_a_lost_answer_is_asked_for_again_and_found(postnl: FakePostNL, http: Http) -> None:
    postnl.next_answers = [Answered({"CurrentStatus": {}}), Answered(b"", 502)]
    with pytest.raises(OutcomeUnknown):
        CARRIER.buy_label(http, ORDER)
    assert CARRIER.buy_label(http, ORDER).number


def test_a_reply_number_is_another_product_than_an_address(postnl: FakePostNL, http: Http) -> None:
    reply_number = replace(SHOP, lines=("Antwoordnummer", "1234"))
    assert CARRIER.buy_label(http, ORDER).service == "3285"
    assert CARRIER.buy_label(http, replace(ORDER, key="2", warehouse=reply_number)).service == "2285"
    assert postnl.orders[1]["Shipments"][0]["Addresses"][0]["HouseNr"] == "1234"


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (replace(ORDER, customer=replace(ADA, country="BE")), "Netherlands only"),
        (replace(ORDER, customer=replace(ADA, lines=("Bilderdijkstraat",))), "house number"),
    ],
)
def test_what_postnl_would_not_sell_is_refused_before_anything_is_asked(
    postnl: FakePostNL, http: Http, order: LabelOrder, reason: str
) -> None:
    with pytest.raises(Refused, match=reason):
        CARRIER.buy_label(http, order)
    assert postnl.requests == []


def test_a_missing_customer_code_is_named(http: Http) -> None:
    with pytest.raises(BadCredentials, match="customer code"):
        CARRIER.buy_label(replace(http, credentials={"api_key": "sesame"}), ORDER)


def test_a_refusal_is_in_the_words_of_postnl(postnl: FakePostNL, http: Http) -> None:
    postnl.next_answers = [Answered({"CurrentStatus": {}}), invalid("1280202", "Incorrect address specified")]
    with pytest.raises(Refused, match="Incorrect address specified") as caught:
        CARRIER.buy_label(http, ORDER)
    assert caught.value.code == "1280202"


def test_a_label_is_never_taken_back(http: Http) -> None:
    with pytest.raises(Refused, match="no call that takes a label back"):
        CARRIER.void_label(http, NUMBER)


@pytest.mark.parametrize(
    "body",
    [
        {"ResponseShipments": []},
        {"ResponseShipments": [{"Barcode": NUMBER, "Labels": []}]},
        {"ResponseShipments": [{"Barcode": NUMBER, "Labels": [{"Content": "not base64!", "Labeltype": "Label"}]}]},
        {"ResponseShipments": [{"Barcode": NUMBER, "Labels": [{"Content": b64encode(b"hello").decode()}]}]},
        {"CurrentStatus": {}},
    ],
)
def test_an_answer_without_a_readable_document_is_no_label(body: dict[str, Any]) -> None:
    with pytest.raises(BadPayload):
        CARRIER.parse_label(json.dumps(body).encode())


def test_a_merged_document_is_the_label() -> None:
    merged = [{"Barcodes": [NUMBER], "Labels": [{"Content": b64encode(LABEL).decode(), "Labeltype": "Label"}]}]
    body = {"MergedLabels": merged, "ResponseShipments": {"Barcode": NUMBER, "Labels": {}}}
    assert CARRIER.parse_label(json.dumps(body).encode()).body == LABEL


def page(**fields: Any) -> Parcel:
    body = {"colli": {NUMBER: {"barcode": NUMBER, "isDelivered": False, **fields}}}
    (only,) = CARRIER.parse(json.dumps(body).encode()).parcels
    return only


def observation(code: str, at: str = "2026-11-19T10:00:00+01:00") -> dict[str, str]:
    return {"observationCode": code, "observationDate": at, "description": "x"}


def test_the_page_for_recipients_says_delivered_where_its_newest_observation_says_nothing() -> None:
    brought = [observation("J05"), observation("A80", "2026-11-19T11:00:00+01:00")]
    assert page(observations=brought).status is Status.OUT_FOR_DELIVERY
    assert page(observations=brought, isDelivered=True).status is Status.DELIVERED
    assert page(observations=brought, isDelivered=True).delivered_at is None
    waiting = [observation("J23", "2026-11-19T12:00:00+01:00")]
    assert page(observations=[*brought, *waiting], isDelivered=True).status is Status.AVAILABLE_FOR_PICKUP


def test_a_signature_that_arrives_later_changes_no_delivery() -> None:
    seen = [observation("I10"), observation("A80", "2026-11-19T11:00:00+01:00")]
    found = page(observations=seen, isDelivered=True)
    assert (found.sub_status, found.delivered_at) == ("delivered.neighbour", datetime(2026, 11, 19, 9, tzinfo=UTC))


def test_the_page_for_recipients_knows_no_parcel() -> None:
    assert CARRIER.parse(b'{"type": "unknown", "colli": {}}') == Answer()


def test_the_window_of_the_page_falls_back_to_its_day() -> None:
    found = page(eta={"start": "2026-11-20T13:15:00+01:00"}).estimated
    assert found
    assert (found.start, found.end, found.source) == (date(2026, 11, 20), date(2026, 11, 20), "eta")


def test_no_code_is_both_mapped_and_left_out() -> None:
    assert not {*STATUSES, *EVENTS} & set(UNMAPPED)
    assert set(ON_A_RETURN) <= set(EVENTS)
