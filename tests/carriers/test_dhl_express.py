"""MyDHL API over real HTTP against a local fake: tracking in batches, the older XML, labels with customs data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from carriers.adapters.dhl_express import CARRIER, CODES, UNMAPPED, _planned
from carriers.address import Address
from carriers.auth import MemoryTokens
from carriers.contract import Answer, Item, LabelOrder, Labels, Parcel, ReadsLabels, ZoneFrom
from carriers.errors import BadCredentials, BadPayload, OutcomeUnknown, Refused, UnknownNumber
from carriers.http import Http, open_client, open_http
from carriers.status import Status
from tests.carriers.fakes.dhl_express import CREDENTIALS, INVOICE, MAX_NUMBERS, PDF, PNG, FakeDhlExpress, document
from tests.carriers.fakes.server import Answered

NUMBER = "1000000011"
CUSTOMER = Address("Ada Byron", ("12 High Street",), "London", "SW1A 1AA", "GB", email="ada@example.org")
WAREHOUSE = Address("", ("Hafenstrasse 1",), "Hamburg", "20457", "DE", company="Juniper Returns", phone="+49 40 1")
SHIRT = Item("Cotton shirt", 2, 2950, "EUR", sku="S1", origin_country="PT", hs_code="62052000", grams=300)
ORDER = LabelOrder("return-1", CUSTOMER, WAREHOUSE, 750, (SHIRT,), "RMA-1001")
DOMESTIC = replace(ORDER, customer=replace(CUSTOMER, country="DE", postcode="10117", city="Berlin"))


@pytest.fixture
def express() -> Iterator[FakeDhlExpress]:
    with FakeDhlExpress() as server:
        server.shipments[NUMBER] = shipment()
        yield server


@pytest.fixture
def http(express: FakeDhlExpress) -> Iterator[Http]:
    with open_client() as client:
        yield connected(client, express)


def connected(client: Any, express: FakeDhlExpress, **changed: str) -> Http:
    credentials = {**CREDENTIALS, **changed}
    return open_http(CARRIER, client=client, credentials=credentials, tokens=MemoryTokens(), base=express.url)


def event(code: str = "OK", at: str = "2026-11-19 11:02:00", offset: str = "+01:00", **more: Any) -> dict[str, Any]:
    day, clock = at.split()
    area = [{"code": "BER", "description": "Berlin-DE"}]
    return {"date": day, "time": clock, "GMTOffset": offset, "typeCode": code, "serviceArea": area, **more}


def shipment(*events: dict[str, Any], **changed: Any) -> dict[str, Any]:
    given = list(events) or [event()]
    return {"shipmentTrackingNumber": NUMBER, "status": "Success", "events": given, **changed}


def read(*shipments: dict[str, Any]) -> Answer:
    return CARRIER.parse(json.dumps({"shipments": shipments}).encode())


def parcel(*events: dict[str, Any], **changed: Any) -> Parcel:
    (only,) = read(shipment(*events, **changed)).parcels
    return only


def poll(http: Http, *numbers: str) -> Answer:
    fetched = CARRIER.fetch(http, numbers)
    return CARRIER.parse(fetched.body, fetched.status)


def test_a_batch_is_one_call_with_every_number(express: FakeDhlExpress, http: Http) -> None:
    assert [p.number for p in poll(http, NUMBER, "1000000099").parcels] == [NUMBER]
    (call,) = express.requests
    assert call.all_of("shipmentTrackingNumber") == [NUMBER, "1000000099"]
    assert call.query["trackingView"] == "all-checkpoints"
    assert call.headers["x-version"]


def test_two_hundred_numbers_are_taken_and_one_more_is_refused(http: Http) -> None:
    assert CARRIER.about.batch_size == MAX_NUMBERS
    numbers = [NUMBER, *(f"{n:010d}" for n in range(MAX_NUMBERS - 1))]
    assert poll(http, *numbers).parcels
    assert poll(http, *numbers, "1").errors[0].text == "At most 200 tracking numbers"


def test_a_404_without_numbers_means_none_of_those_asked_for(http: Http) -> None:
    with pytest.raises(UnknownNumber, match="No data found"):
        poll(http, "1000000098", "1000000099")


def test_a_404_that_names_its_numbers_is_read(express: FakeDhlExpress, http: Http) -> None:
    body = {"instance": "/expressapi/shipments/1000000099/tracking?a=b", "title": "Not data found", "status": "404"}
    express.next_answers = [Answered(body, 404)]
    assert poll(http, "1000000099") == Answer(not_found=("1000000099",))
    detail = {"title": "Not data found", "status": "404", "detail": "No Shipments Found for AWBNumber | 1000000097"}
    assert CARRIER.parse(json.dumps(detail).encode(), 404).not_found == ("1000000097",)


def test_a_wrong_password_is_the_operators_to_mend(express: FakeDhlExpress) -> None:
    with open_client() as client, pytest.raises(BadCredentials):
        poll(connected(client, express, password="guess"), NUMBER)


def test_date_time_and_offset_are_put_together() -> None:
    (scan,) = parcel(event(at="2026-11-19 00:30:00", offset="+09:00")).scans
    assert (scan.at, scan.local, scan.zone_from) == (
        datetime(2026, 11, 18, 15, 30, tzinfo=UTC),
        "2026-11-19T00:30:00",
        ZoneFrom.CARRIER,
    )


@pytest.mark.parametrize(
    ("area", "placed"),
    [("Berlin-DE", True), ("Milan - Italy ", True), ("Cincinnati Hub-US", False), ("Somewhere", False), ("", False)],
)
def test_without_offset_the_service_areas_country_places_the_time_or_nothing_does(area: str, placed: bool) -> None:
    (scan,) = parcel(event(offset="", serviceArea=[{"code": "X", "description": area}])).scans
    assert (scan.at is not None, scan.zone_from is ZoneFrom.PLACE) == (placed, placed)


def test_the_newest_event_that_says_something_is_the_state_in_either_order() -> None:
    weighed = event("RW", "2026-11-19 12:00:00")
    events = [weighed, event("NH", "2026-11-19 11:00:00"), event("WC", "2026-11-19 08:00:00")]
    for given in (events, events[::-1]):
        assert parcel(*given).sub_status == "attempt_failed.not_home"
    same_minute = [event("DF"), event("AF")]
    assert [s.code for s in parcel(*same_minute, event("PU", "2026-11-18 08:00:00")).scans] == ["PU", "AF", "DF"]


def test_dhls_word_for_the_call_is_no_state() -> None:
    assert parcel(event("RW"), status="delivered").status is None


def test_an_event_of_two_pieces_is_one_scan() -> None:
    pieces = [{"events": [event("PU")]}, {"events": [event("PU"), event("DF", "2026-11-20 08:00:00")]}]
    assert [s.code for s in parcel(events=[], pieces=pieces).scans] == ["PU", "DF"]


def test_one_shipment_that_cannot_be_read_does_not_lose_the_others() -> None:
    bad = {**shipment(), "shipmentTrackingNumber": "1000000012", "events": [{"date": ["no"]}]}
    answer = read(bad, shipment())
    assert [p.number for p in answer.parcels] == [NUMBER]
    assert [(f.number, f.code) for f in answer.errors] == [("1000000012", "unreadable")]
    with pytest.raises(BadPayload):
        read(bad)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b'{"results": [{"id": "1"}]}', "public tracking page"),
        (b'{"shipmentTrackingNumber": "1", "packages": []}', "buying a label"),
        (b'{"referenceData": []}', "reference data"),
        (b"<ShipmentResponse/>", "older XML API"),
        (b"<TrackingResponse/>", "no AWBInfo"),
        (b"<track/>", "something else than tracking"),
        (b"<html><body>busy</body></html>", "HTML page"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><TrackingResponse>&a;</TrackingResponse>', "document type"),
        (b'{"hello": 1}', "not tracking data"),
    ],
)
def test_another_body_is_refused_by_its_name(body: bytes, named: str) -> None:
    with pytest.raises(BadPayload, match=named):
        CARRIER.parse(body)


def test_a_message_is_an_error_only_where_something_failed() -> None:
    failed = CARRIER.parse(b'{"status": "500", "message": "Process failure"}')
    assert [(fault.code, fault.text) for fault in failed.errors] == [("500", "Process failure")]
    with pytest.raises(BadPayload, match="not tracking data"):
        CARRIER.parse(b'{"status": "cancelled", "message": "The shipment was cancelled"}')


def test_a_label_is_bought_with_the_customer_as_shipper(express: FakeDhlExpress, http: Http) -> None:
    """The printed direction: from the customer, to the warehouse."""
    assert isinstance(CARRIER, Labels)
    assert isinstance(CARRIER, ReadsLabels)
    label = CARRIER.buy_label(http, DOMESTIC)
    assert (label.number, label.ref, label.format, label.body) == ("5000000001", "5000000001", "pdf", PDF)
    assert (label.cost_minor, label.currency, label.qr, label.customs) == (4120, "EUR", b"", b"")
    (sold,) = express.sold
    shipper, receiver = (sold["customerDetails"][f"{who}Details"] for who in ("shipper", "receiver"))
    assert (shipper["contactInformation"]["fullName"], shipper["postalAddress"]["cityName"]) == ("Ada Byron", "Berlin")
    assert receiver["contactInformation"]["companyName"] == "Juniper Returns"
    assert receiver["postalAddress"]["addressLine1"] == "Hafenstrasse 1"
    assert sold["accounts"] == [{"typeCode": "shipper", "number": "950000001"}]
    assert (sold["productCode"], sold["content"]["isCustomsDeclarable"]) == ("N", False)
    assert sold["customerReferences"] == [{"value": "RMA-1001", "typeCode": "CU"}]
    assert sold["valueAddedServices"] == [{"serviceCode": "PT"}]
    assert sold["content"]["packages"][0]["weight"] == 0.75


def test_a_customer_without_telephone_has_the_warehouses(express: FakeDhlExpress, http: Http) -> None:
    CARRIER.buy_label(http, ORDER)
    shipper = express.sold[0]["customerDetails"]["shipperDetails"]
    assert shipper["contactInformation"]["phone"] == WAREHOUSE.phone
    with pytest.raises(Refused, match="telephone number of the warehouse"):
        CARRIER.buy_label(http, replace(ORDER, warehouse=replace(WAREHOUSE, phone="")))


def test_goods_that_cross_a_customs_border_are_declared_as_a_return(express: FakeDhlExpress, http: Http) -> None:
    label = CARRIER.buy_label(http, ORDER)
    assert (label.body, label.customs) == (PDF, INVOICE)
    content = express.sold[0]["content"]
    assert (content["isCustomsDeclarable"], content["declaredValue"], content["declaredValueCurrency"]) == (
        True,
        59.0,
        "EUR",
    )
    (line,) = content["exportDeclaration"]["lineItems"]
    assert line["quantity"] == {"value": 2, "unitOfMeasurement": "PCS"}
    assert (line["price"], line["manufacturerCountry"], line["exportReasonType"]) == (29.5, "PT", "return")
    assert line["weight"] == {"netValue": 0.6, "grossValue": 0.6}
    assert {code["value"] for code in line["commodityCodes"]} == {"62052000"}
    assert express.sold[0]["productCode"] == "P"


def test_inside_the_customs_union_nothing_is_declared(express: FakeDhlExpress, http: Http) -> None:
    CARRIER.buy_label(http, replace(ORDER, customer=replace(CUSTOMER, country="FR"), items=()))
    assert express.sold[0]["productCode"] == "U"
    assert "exportDeclaration" not in express.sold[0]["content"]


@pytest.mark.parametrize(
    ("items", "named"),
    [
        ((), "one currency"),
        ((SHIRT, replace(SHIRT, currency="GBP")), "one currency"),
        ((replace(SHIRT, origin_country=""),), "country of origin of Cotton shirt"),
    ],
)
def test_customs_data_that_are_missing_are_named_before_anything_is_bought(
    express: FakeDhlExpress, http: Http, items: tuple[Item, ...], named: str
) -> None:
    with pytest.raises(Refused, match=named):
        CARRIER.buy_label(http, replace(ORDER, items=items))
    assert not express.sold


def test_a_qr_code_is_asked_for_where_the_operator_wants_it(express: FakeDhlExpress) -> None:
    with open_client() as client:
        label = CARRIER.buy_label(connected(client, express, qr_code="yes"), DOMESTIC)
    assert (label.qr, label.body) == (PNG, PDF)
    assert [s["serviceCode"] for s in express.sold[0]["valueAddedServices"]] == ["PZ", "PT"]


def test_a_refusal_keeps_dhls_code_and_words(express: FakeDhlExpress) -> None:
    with open_client() as client:
        with pytest.raises(Refused, match="Special Service Code") as raised:
            CARRIER.buy_label(connected(client, express, validity="PV"), DOMESTIC)
        assert raised.value.code == "7008"
        with pytest.raises(Refused, match="one of PT, PU, PV, none"):
            CARRIER.buy_label(connected(client, express, validity="XX"), DOMESTIC)
        with pytest.raises(Refused, match="account number"):
            CARRIER.buy_label(connected(client, express, account=""), DOMESTIC)


def test_a_lost_answer_to_a_purchase_is_an_unknown_outcome(express: FakeDhlExpress, http: Http) -> None:
    express.next_answers = [Answered({"title": "Internal Server Error"}, 500)]
    with pytest.raises(OutcomeUnknown):
        CARRIER.buy_label(http, DOMESTIC)


def test_an_address_that_does_not_fit_is_refused_and_not_cut(http: Http) -> None:
    long = replace(
        CUSTOMER, lines=("Flat 7, The Old Rope Works, Behind the Church of Saint Somebody, Harbour Quarter",) * 2
    )
    with pytest.raises(Refused, match="45 characters"):
        CARRIER.buy_label(http, replace(ORDER, customer=long))


def test_the_planned_day_is_noon_of_a_working_day_to_come_where_the_customer_is() -> None:
    friday = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    assert _planned(CUSTOMER, friday) == "2026-11-23T12:00:00 GMT+00:00"
    assert _planned(replace(CUSTOMER, country="JP", postcode=""), friday) == "2026-11-23T12:00:00 GMT+09:00"


def test_a_label_is_never_lost_to_a_price_or_a_code_that_cannot_be_read() -> None:
    sold = {
        "shipmentTrackingNumber": 5000000001,
        "documents": [document("PDF", PDF, "label")],
        "packages": [{"documents": [{"typeCode": "qr-code", "content": "not base64!"}]}],
        "shipmentCharges": [{"currencyType": "BILLC", "priceCurrency": "EUR", "price": "a lot"}],
    }
    label = CARRIER.parse_label(json.dumps(sold).encode())
    assert (label.number, label.body, label.qr, label.cost_minor) == ("5000000001", PDF, b"", None)


@pytest.mark.parametrize(
    "body",
    [
        b'{"shipmentTrackingNumber": "1"}',
        b'{"documents": []}',
        b"[]",
        b'{"shipmentTrackingNumber": "1", "documents": 3}',
    ],
)
def test_an_answer_without_number_or_label_is_bad_payload(body: bytes) -> None:
    with pytest.raises(BadPayload):
        CARRIER.parse_label(body)


def test_a_label_of_the_older_xml_is_read_and_its_refusal_too() -> None:
    image = document("PDF", PDF, "")["content"]
    invoice = document("PDF", INVOICE, "")["content"]
    papers = f"<MultiLabel><DocName>CustomInvoiceImage</DocName><DocImageVal>{invoice}</DocImageVal></MultiLabel>"
    sold = f"""<res:ShipmentResponse xmlns:res="http://www.dhl.com">
      <AirwayBillNumber>0050000001</AirwayBillNumber><CurrencyCode>GBP</CurrencyCode><ShippingCharge>9</ShippingCharge>
      <QtdSInAdCur><CurrencyCode>USD</CurrencyCode><CurrencyRoleTypeCode>BILLC</CurrencyRoleTypeCode>
      <ShippingCharge>151.140</ShippingCharge></QtdSInAdCur>
      <LabelImage><OutputImage>{image}</OutputImage><MultiLabels>{papers}</MultiLabels></LabelImage>
      <Label><LabelTemplate>8X4_A4_PDF</LabelTemplate></Label></res:ShipmentResponse>"""
    label = CARRIER.parse_label(sold.encode())
    assert (label.number, label.body, label.customs, label.size) == ("0050000001", PDF, INVOICE, "8X4_A4_PDF")
    assert (label.cost_minor, label.currency) == (15114, "USD")
    condition = "<Condition><ConditionCode>111</ConditionCode><ConditionData>No account</ConditionData></Condition>"
    refused = f"<ErrorResponse><Response><Status>{condition}</Status></Response></ErrorResponse>"
    with pytest.raises(Refused, match="No account") as raised:
        CARRIER.parse_label(refused.encode())
    assert raised.value.code == "111"
    with pytest.raises(BadPayload, match="no shipment with a label"):
        CARRIER.parse_label(b"<ShipmentResponse/>")


def test_a_void_is_refused_because_dhl_has_none(http: Http) -> None:
    with pytest.raises(Refused, match="no call that gives a label back"):
        CARRIER.void_label(http, "5000000001")


def test_no_code_is_both_mapped_and_left_out() -> None:
    assert not set(CODES) & set(UNMAPPED)
    assert CODES["RT"] == Status.RETURNING
