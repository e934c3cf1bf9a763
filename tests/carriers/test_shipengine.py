"""ShipEngine over real HTTP against a local fake, and the readings that are its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from carriers.adapters.shipengine import CARRIER, DETAILS, STATUSES, UNMAPPED
from carriers.address import Address
from carriers.auth import MemoryTokens
from carriers.contract import Answer, Estimate, Hook, Item, LabelOrder, Parcel, Subscribed, Wanted, ZoneFrom
from carriers.errors import (
    BadCredentials,
    BadPayload,
    BadSignature,
    OutcomeUnknown,
    RateLimited,
    Refused,
    UnknownNumber,
)
from carriers.http import Http, open_http
from carriers.status import Status
from tests.carriers.fakes.server import Answered
from tests.carriers.fakes.shipengine import (
    API_KEY,
    LABELS,
    PDF,
    PNG,
    FakeShipEngine,
    error,
    event,
    refused,
    tracking,
)
from tests.carriers.signers.shipengine import jwks, pem, signed

CUSTOMER = Address("Ada Quill", ("12 Elm Street", "Apt 4"), "Austin", "73301", "US", "TX", email="ada@example.org")
WAREHOUSE = Address("Returns", ("1 Dock Road",), "Reno", "89501", "US", "NV", company="Juniper")
ORDER = LabelOrder(
    key="ret_01",
    customer=CUSTOMER,
    warehouse=WAREHOUSE,
    grams=850,
    items=(Item("Wool jumper", 1, 8900, "USD", "JMP-1"),),
    rma="RMA-7K2M",
    service="usps_ground_advantage",
)
NUMBER = "9405500000000000000011"
HOOK_URL = "https://shop.example/hooks/shipengine/abc"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STAMP = "2026-11-22T12:00:00Z"
BODY = b'{"resource_type":"API_TRACK","data":{}}'


@pytest.fixture
def server() -> Iterator[FakeShipEngine]:
    with FakeShipEngine() as it:
        yield it


@pytest.fixture
def http(server: FakeShipEngine, client: httpx.Client) -> Http:
    return connected(server, client)


def connected(server: FakeShipEngine, client: httpx.Client, **more: str) -> Http:
    credentials = {"api_key": API_KEY, **more}
    return open_http(CARRIER, client=client, credentials=credentials, tokens=MemoryTokens(), base=server.url)


def parcel_of(*events: dict[str, Any], code: str = "IT", **changes: object) -> Parcel:
    (parcel,) = CARRIER.parse(json.dumps(tracking(NUMBER, code, list(events)) | changes).encode()).parcels
    return parcel


@pytest.mark.parametrize(
    ("number", "carrier"), [("1Z0000000000000017", "ups"), (NUMBER, "stamps_com"), ("LZ000000000US", "stamps_com")]
)
def test_the_carrier_of_a_number_is_told_by_its_shape(
    server: FakeShipEngine, http: Http, number: str, carrier: str
) -> None:
    assert CARRIER.parse(CARRIER.fetch(http, [number]).body).not_found == (number,)
    assert server.requests[0].query == {"carrier_code": carrier, "tracking_number": number}


def test_a_number_without_a_carrier_is_not_asked_for(server: FakeShipEngine, http: Http, client: httpx.Client) -> None:
    with pytest.raises(UnknownNumber, match="carrier"):
        CARRIER.fetch(http, ["794600000000"])
    assert server.requests == []
    CARRIER.fetch(connected(server, client, carrier_code="fedex"), ["794600000000"])
    assert server.requests[0].query["carrier_code"] == "fedex"


def test_an_unsupported_carrier_is_an_error_in_the_words_of_shipengine(
    server: FakeShipEngine, client: httpx.Client
) -> None:
    fetched = CARRIER.fetch(connected(server, client, carrier_code="pigeon"), ["1"])
    (fault,) = CARRIER.parse(fetched.body, fetched.status).errors
    assert (fault.number, fault.code, fault.text) == (None, "invalid_field_value", "Invalid carrier_code. 'pigeon'.")


def test_a_wrong_key_is_bad_credentials(server: FakeShipEngine, client: httpx.Client) -> None:
    with pytest.raises(BadCredentials, match="API key is invalid") as caught:
        CARRIER.fetch(connected(server, client, api_key="x"), [NUMBER])
    assert caught.value.code == "unauthorized"


def test_a_429_pauses_the_account(server: FakeShipEngine, http: Http) -> None:
    server.next_answers = [Answered(b"", 429, {"Retry-After": "12"})]
    with pytest.raises(RateLimited) as caught:
        CARRIER.fetch(http, [NUMBER])
    assert caught.value.after == timedelta(seconds=12)


@pytest.mark.parametrize(
    ("code", "detail", "status", "finer"),
    [
        ("IT", "OUT_FOR_DELIVERY", Status.OUT_FOR_DELIVERY, None),
        ("it", "hub_scan_in", Status.IN_TRANSIT, "in_transit.arrived_hub"),
        ("IT", "INFORMATION", Status.IN_TRANSIT, None),
        ("IT", None, Status.IN_TRANSIT, None),
        ("AC", None, Status.INFO_RECEIVED, None),
        ("SP", None, Status.AVAILABLE_FOR_PICKUP, "available_for_pickup.at_point"),
        ("EX", "DUTY_NOT_PAID", Status.EXCEPTION, "exception.payment"),
        ("EX", "NOT_DELIVERED", Status.RETURNING, None),
        ("EX", "UNDELIVERABLE_RETURNED_TO_SENDER", Status.RETURNED, None),
        ("DE", "DELIVERED_IN_PART", Status.DELIVERED, None),
        ("UN", "CARRIER_STATUS_NOT_MAPPED", None, None),
        ("", None, None, None),
    ],
)
def test_the_detail_decides_then_the_status(
    code: str, detail: str | None, status: Status | None, finer: str | None
) -> None:
    (scan,) = parcel_of(event(code, detail)).scans
    assert (scan.status, scan.sub_status, scan.code) == (status, finer, code.upper() or "OF")


def test_no_code_is_both_mapped_and_left_out() -> None:
    assert not set(UNMAPPED) & {*STATUSES, *DETAILS}


@pytest.mark.parametrize(
    ("changes", "local", "offset", "zone_from"),
    [
        ({}, "2026-11-20T07:02:00", "-06:00", ZoneFrom.CARRIER),
        ({"country_code": ""}, "2026-11-20T07:02:00", "-06:00", ZoneFrom.CARRIER),
        ({"occurred_at": None}, "2026-11-20T07:02:00", "-06:00", ZoneFrom.PLACE),
        ({"occurred_at": None, "country_code": ""}, "2026-11-20T07:02:00", None, ZoneFrom.UNKNOWN),
        ({"carrier_occurred_at": None}, "2026-11-20T13:02:00", "+00:00", ZoneFrom.CARRIER),
        # equal clocks: local time that somebody put a Z behind, unless the place has that zone
        ({"carrier_occurred_at": "2026-11-20T13:02:00"}, "2026-11-20T13:02:00", "-06:00", ZoneFrom.PLACE),
        (
            {"carrier_occurred_at": "2026-11-20T13:02:00", "country_code": ""},
            "2026-11-20T13:02:00",
            None,
            ZoneFrom.UNKNOWN,
        ),
        (
            {"carrier_occurred_at": "2026-11-20T13:02:00", "country_code": "GB", "state_province": ""},
            "2026-11-20T13:02:00",
            "+00:00",
            ZoneFrom.PLACE,
        ),
        # clocks that no place on earth has
        ({"carrier_occurred_at": "2026-11-25T07:02:00"}, "2026-11-20T13:02:00", "+00:00", ZoneFrom.CARRIER),
        ({"carrier_occurred_at": "2026-11-20"}, "2026-11-20", None, ZoneFrom.UNKNOWN),
        ({"carrier_occurred_at": "2026-11-20T07:02:00-06:00"}, "2026-11-20T07:02:00", "-06:00", ZoneFrom.CARRIER),
    ],
)
def test_the_time_of_a_scan(changes: dict[str, Any], local: str, offset: str | None, zone_from: ZoneFrom) -> None:
    (scan,) = parcel_of(event("IT", **changes)).scans
    assert (scan.local, scan.offset, scan.zone_from) == (local, offset, zone_from)
    assert (scan.at is not None) == (offset is not None)


def test_a_delivery_without_a_scan_has_the_time_that_is_stated() -> None:
    stated = {"actual_delivery_date": "2026-11-20T18:00:00Z"}
    assert parcel_of(code="DE", **stated).delivered_at == datetime(2026, 11, 20, 18, tzinfo=UTC)
    assert parcel_of(event("DE"), code="DE", **stated).delivered_at == datetime(2026, 11, 20, 13, 2, tzinfo=UTC)
    assert parcel_of(code="DE", actual_delivery_date="2026-11-20T00:00:00Z").delivered_at is None
    assert parcel_of(code="IT", **stated).delivered_at is None


def test_an_estimate_at_midnight_is_a_day() -> None:
    day, at = date(2026, 11, 23), datetime(2026, 11, 23, 20, tzinfo=UTC)
    for given, edge in (("2026-11-23T00:00:00Z", day), ("2026-11-23", day), ("2026-11-23T20:00:00Z", at)):
        estimate = parcel_of(event("IT"), estimated_delivery_date=given).estimated
        assert estimate == Estimate(edge, edge, "estimated_delivery_date")
    assert parcel_of(event("DE"), code="DE", estimated_delivery_date="2026-11-23").estimated is None


def test_two_scans_of_one_minute_and_place_are_two_scans() -> None:
    scans = parcel_of(event("IT", "HUB_SCAN_IN"), event("IT", "HUB_SCAN_OUT"), event("IT", event_code="XX")).scans
    assert len({scan.key() for scan in scans}) == 3


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"label_id": "se-1", "tracking_number": "1", "events": []}', "buying a label"),
        (b'{"approved": false, "message": ""}', "a void"),
        (b'{"hello": 1}', "neither"),
        (b"<html></html>", "HTML"),
        (b'{"tracking_number": "", "status_code": "IT", "events": []}', "tracking_number"),
    ],
)
def test_another_kind_of_body_says_which(body: bytes, reason: str) -> None:
    with pytest.raises(BadPayload, match=reason):
        CARRIER.parse(body)


def test_a_webhook_about_something_else_says_nothing() -> None:
    assert CARRIER.parse_hook(b'{"resource_type": "API_BATCH", "resource_url": "x"}') == Answer()


def test_a_label_is_bought_and_its_bytes_are_kept(server: FakeShipEngine, http: Http) -> None:
    label = CARRIER.buy_label(http, ORDER)
    (bought,) = server.labels.values()
    assert (label.body, label.format, label.size, label.url) == (PDF, "pdf", "4x6", "")
    assert (label.cost_minor, label.currency, label.service) == (733, "USD", "stamps_com usps_ground_advantage")
    assert (label.ref, label.number) == (bought["label_id"], bought["tracking_number"])
    assert (label.qr, label.counter_code) == (b"", "")


def test_the_label_is_printed_from_the_customer_to_the_warehouse(server: FakeShipEngine, http: Http) -> None:
    CARRIER.buy_label(http, ORDER)
    (printed,) = server.printed
    assert (printed["from"]["name"], printed["from"]["address_line2"]) == ("Ada Quill", "Apt 4")
    assert (printed["to"]["company_name"], printed["to"]["city_locality"]) == ("Juniper", "Reno")
    assert (printed["is_return_label"], printed["rma_number"]) == (True, "RMA-7K2M")
    assert printed["charge_event"] == "carrier_default"
    assert printed["shipment"]["packages"][0]["weight"] == {"value": 850, "unit": "gram"}


def test_without_a_service_the_cheapest_is_bought(server: FakeShipEngine, client: httpx.Client, http: Http) -> None:
    assert CARRIER.buy_label(http, replace(ORDER, service="")).service == "stamps_com usps_media_mail"
    assert server.requests[-1].path == f"{LABELS}/rate_shopper_id/cheapest"
    mine = connected(
        server, client, service_code="usps_priority_mail", carrier_id="se-77", charge_event="on_carrier_acceptance"
    )
    assert CARRIER.buy_label(mine, replace(ORDER, key="ret_02", service="")).service == "stamps_com usps_priority_mail"
    assert server.printed[-1]["shipment"]["carrier_id"] == "se-77"
    assert server.printed[-1]["charge_event"] == "on_carrier_acceptance"


@pytest.mark.parametrize("inline", [True, False])
def test_a_code_for_the_counter_comes_with_the_label(
    server: FakeShipEngine, client: httpx.Client, inline: bool
) -> None:
    server.inline = inline
    label = CARRIER.buy_label(connected(server, client, qr="yes"), ORDER)
    assert (label.body, label.qr, label.counter_code) == (PDF, PNG, "7K2M-114")
    for request in server.requests:
        assert ("api-key" in request.headers) != request.path.startswith("/files/")


def test_a_code_that_cannot_be_fetched_does_not_cost_the_label(server: FakeShipEngine, client: httpx.Client) -> None:
    server.inline = False
    fetch = server.routes[r"GET /files/(?P<name>[^/]+)"]

    def only_labels(received: Any) -> Answered:
        return Answered(b"", 503) if received.path.endswith(".png") else fetch(received)

    server.routes[r"GET /files/(?P<name>[^/]+)"] = only_labels
    label = CARRIER.buy_label(connected(server, client, qr="yes"), ORDER)
    assert (label.body, label.qr, label.counter_code) == (PDF, b"", "7K2M-114")


def test_buying_again_with_the_same_key_buys_nothing(server: FakeShipEngine, http: Http) -> None:
    first = CARRIER.buy_label(http, ORDER)
    assert CARRIER.buy_label(http, ORDER) == first
    assert len(server.labels) == 1


def test_a_purchase_whose_answer_was_lost_is_found_again(server: FakeShipEngine, http: Http) -> None:
    path = rf"POST {LABELS}(?P<cheapest>/rate_shopper_id/cheapest)?"
    sell = server.routes[path]

    def sell_and_fail(received: Any) -> Answered:
        sell(received)
        return Answered(b"", 502)

    server.routes[path] = sell_and_fail
    with pytest.raises(OutcomeUnknown):
        CARRIER.buy_label(http, ORDER)
    assert CARRIER.buy_label(http, ORDER).body == PDF
    assert len(server.labels) == 1


def test_a_label_bought_by_somebody_else_meanwhile_is_taken(server: FakeShipEngine, http: Http) -> None:
    bought = CARRIER.buy_label(http, ORDER)
    server.next_answers = [error(404, "not_found", "not yet")]
    assert CARRIER.buy_label(http, ORDER).ref == bought.ref


def test_a_voided_label_is_not_handed_out_again(server: FakeShipEngine, http: Http) -> None:
    refs = []
    for _ in range(3):
        refs.append(CARRIER.buy_label(http, ORDER).ref)
        CARRIER.void_label(http, refs[-1])
    assert len(set(refs)) == 3
    references = [label["external_shipment_id"] for label in server.labels.values()]
    assert references == ["ret_01", "ret_01~2", "ret_01~3"]


def test_a_long_key_is_shortened_to_one_that_shipengine_does_not_cut(server: FakeShipEngine, http: Http) -> None:
    long = replace(ORDER, key="ret_" + "x" * 80)
    assert CARRIER.buy_label(http, long) == CARRIER.buy_label(http, long)
    (label,) = server.labels.values()
    assert len(label["external_shipment_id"]) <= 48
    CARRIER.buy_label(http, replace(ORDER, key="ret_" + "x" * 81))
    assert len(server.labels) == 2


def test_a_label_that_is_still_being_made_is_waited_for(server: FakeShipEngine, http: Http) -> None:
    server.status = "processing"
    with pytest.raises(OutcomeUnknown, match="still making"):
        CARRIER.buy_label(http, ORDER)
    (label,) = server.labels.values()
    label |= {"status": "completed", "label_download": {"href": f"{server.url}/files/a.pdf"}}
    assert CARRIER.buy_label(http, ORDER).body == PDF
    assert len(server.labels) == 1


def test_a_return_across_a_border_is_refused_without_asking(server: FakeShipEngine, http: Http) -> None:
    with pytest.raises(Refused, match="one country"):
        CARRIER.buy_label(http, replace(ORDER, customer=replace(CUSTOMER, country="CA")))
    assert server.requests == []


def test_a_refused_label_says_why(server: FakeShipEngine, http: Http) -> None:
    with pytest.raises(Refused, match="postal code of ship_from is missing") as caught:
        CARRIER.buy_label(http, replace(ORDER, customer=replace(CUSTOMER, postcode="")))
    assert caught.value.code == "invalid_address"


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "file:///etc/passwd", "data:text/html,hello"])
def test_a_document_is_fetched_over_https_only(server: FakeShipEngine, http: Http, url: str) -> None:
    CARRIER.buy_label(http, ORDER)
    next(iter(server.labels.values()))["label_download"] = {"href": url}
    with pytest.raises(BadPayload, match="https"):
        CARRIER.buy_label(http, ORDER)


def test_an_answer_to_a_purchase_can_be_read_alone(server: FakeShipEngine, client: httpx.Client) -> None:
    CARRIER.buy_label(connected(server, client, qr="yes"), ORDER)
    (bought,) = server.labels.values()
    label = CARRIER.parse_label(json.dumps(bought).encode())
    assert (label.body, label.qr, label.counter_code, label.cost_minor) == (PDF, PNG, "7K2M-114", 733)
    pointed = {**bought, "label_download": {"href": "https://api.shipengine.com/v1/l.pdf"}, "shipment_cost": None}
    label = CARRIER.parse_label(json.dumps(pointed).encode())
    assert (label.body, label.format, label.url) == (b"", "pdf", "https://api.shipengine.com/v1/l.pdf")
    assert (label.cost_minor, label.currency) == (None, "")
    unnamed = {key: value for key, value in pointed.items() if key != "label_format"}
    for address, kind in (("https://x.example/l.zpl?a=b", "zpl"), ("https://x.example/label", "none")):
        unnamed["label_download"] = {"href": address}
        assert CARRIER.parse_label(json.dumps(unnamed).encode()).format == kind


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"errors": [{"error_code": "invalid_address", "message": "No."}]}, Refused),
        ({"label_id": "se-1", "status": "error"}, Refused),
        ({"label_id": "se-1", "status": "processing", "label_download": None}, Refused),
        ({"hello": 1}, BadPayload),
        ({"label_id": "se-1", "status": "completed", "label_download": {"href": 7}}, BadPayload),
        ({"label_id": "1", "status": "completed", "label_download": {"href": "data:;base64,%"}}, BadPayload),
    ],
)
def test_what_is_no_label_is_said(body: dict[str, object], refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        CARRIER.parse_label(json.dumps(body).encode())


def test_a_label_is_given_back_once(server: FakeShipEngine, http: Http) -> None:
    label = CARRIER.buy_label(http, ORDER)
    for _ in range(2):  # voided before is no error
        CARRIER.void_label(http, label.ref)
    assert server.labels[label.ref]["voided"]


def test_a_refused_void_is_a_200_that_says_so(server: FakeShipEngine, http: Http) -> None:
    label = CARRIER.buy_label(http, ORDER)
    server.void_answer = refused("Label cannot be voided", "label_already_used")
    with pytest.raises(Refused, match="cannot be voided") as caught:
        CARRIER.void_label(http, label.ref)
    assert caught.value.code == "label_already_used"
    with pytest.raises(Refused, match="not found"):
        CARRIER.void_label(http, "se-../../users")


def test_numbers_are_subscribed_and_the_webhook_is_made_once(server: FakeShipEngine, http: Http) -> None:
    for number in (NUMBER, "1Z0000000000000017"):
        assert CARRIER.subscribe(http, Wanted(HOOK_URL, "", [number])) == [Subscribed(number, number)]
    assert server.started == [NUMBER, "1Z0000000000000017"]
    (hook,) = server.webhooks
    assert (hook["event"], hook["url"]) == ("track", HOOK_URL)
    (account,) = CARRIER.subscribe(http, Wanted(HOOK_URL, ""))
    assert account == Subscribed("", hook["webhook_id"])
    for ref in (NUMBER, NUMBER, account.ref, account.ref):  # gone already is no error
        CARRIER.unsubscribe(http, ref)
    assert (server.started, server.webhooks) == (["1Z0000000000000017"], [])


def test_a_wish_that_shipengine_cannot_grant_says_why(server: FakeShipEngine, client: httpx.Client, http: Http) -> None:
    (bare,) = CARRIER.subscribe(http, Wanted(HOOK_URL, "", ["794600000000"]))
    assert "carrier" in bare.refused
    (pigeon,) = CARRIER.subscribe(connected(server, client, carrier_code="pigeon"), Wanted(HOOK_URL, "", ["1"]))
    assert pigeon.refused == "invalid_field_value: Invalid carrier_code."
    with pytest.raises(Refused, match="another address"):
        CARRIER.subscribe(http, Wanted("https://other.example/hook", "", [NUMBER]))


def check(headers: Mapping[str, str], secret: str, body: bytes = BODY) -> None:
    CARRIER.verify(Hook(body, headers), secret, NOW)


@pytest.mark.parametrize("stamp", [STAMP, "2026-11-22T12:00:00.123Z", "2026-11-22T13:00:00+01:00", "1795348800"])
def test_the_time_of_a_signature_may_be_written_in_several_ways(stamp: str) -> None:
    check(signed(BODY, "theirs", stamp), jwks("theirs"))


def test_the_key_id_chooses_among_several_keys() -> None:
    both = {"keys": [*json.loads(jwks("others", "kid-0"))["keys"], *json.loads(jwks("theirs", "kid-1"))["keys"]]}
    secret = json.dumps(both)
    check(signed(BODY, "theirs", STAMP, "kid-1"), secret)
    check(signed(BODY, "others", STAMP, "kid-0"), secret)
    check(signed(BODY, "theirs", STAMP, "kid-1"), f"  {json.dumps(both['keys'])}\n")  # the list alone
    for name, kid in (("theirs", "kid-0"), ("others", "kid-1"), ("theirs", "kid-2")):
        with pytest.raises(BadSignature):
            check(signed(BODY, name, STAMP, kid), secret)


def test_a_new_key_of_theirs_asks_for_the_new_set() -> None:
    with pytest.raises(BadSignature, match=r"https://api\.shipengine\.com/jwks"):
        check(signed(BODY, "theirs", STAMP, "kid-9"), jwks("theirs"))


def test_a_pem_is_one_key_whatever_its_id() -> None:
    check(signed(BODY, "theirs", STAMP, "kid-9"), pem("theirs"))
    check(signed(BODY, "theirs", STAMP), pem("theirs").replace("\n", " "))  # as a form of one line hands it over
    with pytest.raises(BadSignature):
        check(signed(BODY, "theirs", STAMP), pem("others"))


@pytest.mark.parametrize(
    "secret",
    [
        "correct horse",
        "{}",
        '{"keys": [{"kty": "RSA", "kid": "kid-1"}]}',
        '{"keys": [{"kty": "RSA", "kid": "kid-1", "n": 7, "e": "AQAB"}]}',
        '{"keys": [{"kty": "RSA", "kid": "kid-1", "n": "", "e": ""}]}',
        '{"keys": [{"kty": "EC", "kid": "kid-1"}]}',
        "-----BEGIN PUBLIC KEY-----\nnothing\n-----END PUBLIC KEY-----",
        generate_private_key(SECP256R1())
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        .decode(),
    ],
    ids=["text", "no keys", "no numbers", "a number", "empty", "not RSA", "no PEM", "PEM of another kind"],
)
def test_keys_that_cannot_be_used_open_nothing(secret: str) -> None:
    with pytest.raises(BadSignature):
        check(signed(BODY, "theirs", STAMP), secret)


@pytest.mark.parametrize("stamp", ["yesterday", "2026-11-22T12:00:00", "2026-11-22", "99999999999999"])
def test_a_signature_without_a_readable_time_is_refused(stamp: str) -> None:
    with pytest.raises(BadSignature):
        check(signed(BODY, "theirs", stamp), jwks("theirs"))
