"""Shippo over real HTTP against a local fake, and the readings that are its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from carriers.adapters.shippo import CARRIER, STATUSES, SUBSTATUSES, UNMAPPED
from carriers.address import Address
from carriers.auth import MemoryTokens
from carriers.contract import Answer, Hook, Item, LabelOrder, Subscribed, Wanted, ZoneFrom
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
from tests.carriers.fakes.server import Answered, Received
from tests.carriers.fakes.shippo import API_KEY, PDF, PNG, FakeShippo, track

CUSTOMER = Address("Ada Quill", ("12 Elm Street", "Apt 4"), "Austin", "73301", "US", "TX", email="ada@example.org")
WAREHOUSE = Address("Returns", ("1 Dock Road",), "Reno", "89501", "US", "NV", company="Juniper")
ORDER = LabelOrder(
    key="ret_01",
    customer=CUSTOMER,
    warehouse=WAREHOUSE,
    grams=850,
    items=(Item("Wool jumper", 1, 8900, "USD", "JMP-1"),),
    rma="RMA-7K2M",
)
HOOK_URL = "https://shop.example/hooks/shippo/abc"


@pytest.fixture
def shippo() -> Iterator[FakeShippo]:
    with FakeShippo() as server:
        yield server


@pytest.fixture
def http(shippo: FakeShippo, client: httpx.Client) -> Http:
    return connected(shippo, client)


def connected(shippo: FakeShippo, client: httpx.Client, **more: str) -> Http:
    credentials = {"api_key": API_KEY, **more}
    return open_http(CARRIER, client=client, credentials=credentials, tokens=MemoryTokens(), base=shippo.url)


def asked(shippo: FakeShippo) -> list[str]:
    return [f"{request.method} {request.path}" for request in shippo.requests]


@pytest.mark.parametrize(
    ("number", "status"),
    [
        ("SHIPPO_PRE_TRANSIT", Status.INFO_RECEIVED),
        ("SHIPPO_TRANSIT", Status.IN_TRANSIT),
        ("SHIPPO_DELIVERED", Status.DELIVERED),
        ("SHIPPO_RETURNED", Status.RETURNING),
        ("SHIPPO_FAILURE", Status.EXCEPTION),
        ("SHIPPO_UNKNOWN", Status.PENDING),
    ],
)
def test_the_test_numbers_have_their_documented_status(http: Http, number: str, status: Status) -> None:
    fetched = CARRIER.fetch(http, [number])
    assert CARRIER.parse(fetched.body, fetched.status).parcels[0].status is status


@pytest.mark.parametrize(
    ("number", "path"),
    [
        ("1Z0000000000000017", "/tracks/ups/1Z0000000000000017"),
        ("9405500000000000000011", "/tracks/usps/9405500000000000000011"),
        ("420733019405500000000000000011", "/tracks/usps/420733019405500000000000000011"),
        ("LZ000000000US", "/tracks/usps/LZ000000000US"),
    ],
)
def test_the_carrier_of_a_number_is_told_by_its_shape(shippo: FakeShippo, http: Http, number: str, path: str) -> None:
    answer = CARRIER.parse(CARRIER.fetch(http, [number]).body)
    assert shippo.requests[0].path == path
    assert answer.not_found == (number,)
    assert shippo.requests[0].headers["shippo-api-version"] == "2018-02-08"


def test_the_connections_own_carrier_comes_first(shippo: FakeShippo, client: httpx.Client) -> None:
    CARRIER.fetch(connected(shippo, client, carrier="fedex"), ["1Z0000000000000017"])
    assert shippo.requests[0].path == "/tracks/fedex/1Z0000000000000017"


def test_a_number_without_a_carrier_is_not_asked_for(shippo: FakeShippo, http: Http) -> None:
    with pytest.raises(UnknownNumber, match="carrier"):
        CARRIER.fetch(http, ["794600000000"])
    assert shippo.requests == []


def test_an_unsupported_carrier_is_an_error_in_the_words_of_shippo(shippo: FakeShippo, client: httpx.Client) -> None:
    fetched = CARRIER.fetch(connected(shippo, client, carrier="pigeon"), ["1"])
    (fault,) = CARRIER.parse(fetched.body, fetched.status).errors
    assert (fault.number, fault.code) == (None, "400")
    assert "'pigeon' is not supported" in fault.text


def test_a_wrong_key_is_bad_credentials(shippo: FakeShippo, client: httpx.Client) -> None:
    with pytest.raises(BadCredentials, match="Invalid token"):
        CARRIER.fetch(connected(shippo, client, api_key="x"), ["SHIPPO_TRANSIT"])


def test_a_429_pauses_the_account(shippo: FakeShippo, http: Http) -> None:
    shippo.next_answers = [Answered({"detail": "Request was throttled."}, 429, {"Retry-After": "9"})]
    with pytest.raises(RateLimited, match="throttled") as caught:
        CARRIER.fetch(http, ["SHIPPO_TRANSIT"])
    assert caught.value.after == timedelta(seconds=9)


def test_a_label_is_bought_at_the_cheapest_rate_and_its_bytes_are_kept(shippo: FakeShippo, http: Http) -> None:
    label = CARRIER.buy_label(http, ORDER)
    assert (label.body, label.format, label.size) == (PDF, "pdf", "4x6")
    assert (label.cost_minor, label.currency, label.service) == (635, "USD", "USPS Ground Advantage")
    assert (label.ref, label.number) == (shippo.transactions[0]["object_id"], shippo.transactions[0]["tracking_number"])
    assert (label.qr, label.customs) == (b"", b"")


def test_the_label_is_printed_from_the_customer_to_the_warehouse(shippo: FakeShippo, http: Http) -> None:
    """Shippo swaps the addresses itself: handed over swapped, they would send the parcel to the customer."""
    CARRIER.buy_label(http, ORDER)
    (shipment,) = shippo.shipments
    assert shipment["address_from"]["city"] == "Reno"
    printed_from, printed_to = shipment["printed"]
    assert (printed_from["name"], printed_from["street2"]) == ("Ada Quill", "Apt 4")
    assert (printed_to["company"], printed_to["city"]) == ("Juniper", "Reno")
    assert shipment["extra"] == {"is_return": True, "reference_1": "RMA-7K2M"}
    assert shipment["parcels"][0] | {"weight": "850", "length": "30", "height": "10"} == shipment["parcels"][0]


@pytest.mark.parametrize("service", ["DHL eCommerce/Ground", "dhl_ecommerce_ground"])
def test_a_carrier_whose_returns_are_not_turned_round_is_refused(shippo: FakeShippo, http: Http, service: str) -> None:
    with pytest.raises(Refused, match="offered: USPS/Priority Mail"):
        CARRIER.buy_label(http, replace(ORDER, service=service))
    assert shippo.transactions == []


@pytest.mark.parametrize(
    ("service", "cost"), [("usps_priority", 960), ("Priority Mail", 960), ("UPS/Ground", 1101), ("Ground", 1101)]
)
def test_a_named_service_is_bought(http: Http, service: str, cost: int) -> None:
    assert CARRIER.buy_label(http, replace(ORDER, service=service)).cost_minor == cost


def test_a_code_for_the_counter_comes_with_the_label_where_it_is_wished(
    shippo: FakeShippo, client: httpx.Client
) -> None:
    label = CARRIER.buy_label(connected(shippo, client, qr="yes", parcel_size="40 x 30 x 5"), ORDER)
    assert label.qr == PNG
    assert shippo.shipments[0]["extra"]["qr_code_requested"] is True
    assert shippo.shipments[0]["parcels"][0]["length"] == "40"


def test_a_code_that_cannot_be_fetched_does_not_cost_the_label(shippo: FakeShippo, client: httpx.Client) -> None:
    http = connected(shippo, client, qr="yes")
    shippo.routes[r"GET /files/(?P<name>[^/]+)\.png"] = lambda received: Answered(b"", 503)
    shippo.routes[r"GET /files/(?P<name>[^/]+)"] = shippo.routes.pop(r"GET /files/(?P<name>[^/]+)")
    label = CARRIER.buy_label(http, ORDER)
    assert (label.body, label.qr) == (PDF, b"")


def test_customs_papers_go_with_a_parcel_that_crosses_a_border(shippo: FakeShippo, http: Http) -> None:
    abroad = replace(ORDER, customer=replace(CUSTOMER, country="CA"), items=(Item("Mug", 2, 1250, "USD", "M", "PT"),))
    label = CARRIER.buy_label(http, abroad)
    declaration = shippo.shipments[0]["customs_declaration"]
    assert (declaration["contents_type"], declaration["certify_signer"]) == ("RETURN_MERCHANDISE", "Ada Quill")
    assert "eel_pfc" not in declaration
    (item,) = declaration["items"]
    assert (item["value_amount"], item["quantity"], item["origin_country"]) == ("25.00", 2, "PT")
    assert label.customs == PDF


def test_buying_again_with_the_same_key_buys_nothing(shippo: FakeShippo, http: Http) -> None:
    first = CARRIER.buy_label(http, ORDER)
    assert CARRIER.buy_label(http, ORDER) == first
    assert len(shippo.transactions) == 1
    CARRIER.buy_label(http, replace(ORDER, key="ret_02"))
    assert len(shippo.transactions) == 2


def test_a_purchase_whose_answer_was_lost_is_found_again(shippo: FakeShippo, http: Http) -> None:
    sell = shippo.routes[r"POST /transactions"]

    def sell_and_fail(received: Received) -> Answered:
        sell(received)
        return Answered(b"", 502)

    shippo.routes[r"POST /transactions"] = sell_and_fail
    with pytest.raises(OutcomeUnknown):
        CARRIER.buy_label(http, ORDER)
    assert CARRIER.buy_label(http, ORDER).body == PDF
    assert len(shippo.transactions) == 1


def test_a_label_that_is_still_being_made_is_waited_for(shippo: FakeShippo, http: Http) -> None:
    shippo.purchase_answer = "QUEUED"
    with pytest.raises(OutcomeUnknown, match="still making"):
        CARRIER.buy_label(http, ORDER)
    shippo.transactions[0] |= {
        "status": "SUCCESS",
        "tracking_number": "9405500000000000000011",
        "label_url": f"{shippo.url}/files/a.pdf",
    }
    assert CARRIER.buy_label(http, ORDER).number == "9405500000000000000011"
    assert len(shippo.transactions) == 1


def test_a_declined_purchase_is_refused_in_the_carriers_words_and_may_be_tried_again(
    shippo: FakeShippo, http: Http
) -> None:
    shippo.purchase_answer = "ERROR"
    with pytest.raises(Refused, match="address is not served"):
        CARRIER.buy_label(http, ORDER)
    shippo.purchase_answer = "SUCCESS"
    assert CARRIER.buy_label(http, ORDER).body == PDF


def test_a_refused_shipment_says_which_field(http: Http) -> None:
    with pytest.raises(Refused, match=r"address_to: Zip is required\.; Invalid shipment\.") as caught:
        CARRIER.buy_label(http, replace(ORDER, customer=replace(CUSTOMER, postcode="")))
    assert caught.value.code == "400"


def test_the_key_is_not_shown_to_the_host_of_the_documents(shippo: FakeShippo, http: Http) -> None:
    CARRIER.buy_label(http, ORDER)
    download = next(request for request in shippo.requests if request.path.startswith("/files/"))
    assert "authorization" not in download.headers


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "file:///etc/passwd", ""])
def test_a_document_is_fetched_over_https_only(shippo: FakeShippo, http: Http, url: str) -> None:
    CARRIER.buy_label(http, ORDER)
    shippo.transactions[0]["label_url"] = url
    with pytest.raises(BadPayload, match="https"):
        CARRIER.buy_label(http, ORDER)


def test_what_is_no_document_is_not_kept_as_one(shippo: FakeShippo, http: Http) -> None:
    shippo.routes[r"GET /files/(?P<name>[^/]+)"] = lambda received: Answered(b"<html>expired</html>")
    with pytest.raises(BadPayload, match="no document"):
        CARRIER.buy_label(http, ORDER)


def test_an_answer_to_a_purchase_can_be_read_alone(shippo: FakeShippo, http: Http) -> None:
    CARRIER.buy_label(http, ORDER)
    label = CARRIER.parse_label(json.dumps(shippo.transactions[0]).encode())
    assert (label.body, label.format, label.size, label.cost_minor) == (b"", "pdf", "4x6", None)
    assert label.url.endswith(".pdf")
    whole = {**shippo.transactions[0], "rate": shippo.shipments[0]["rates"][2]}
    assert CARRIER.parse_label(json.dumps(whole).encode()).cost_minor == 635


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"detail": "Not found."}, Refused),
        ({"status": "ERROR", "messages": [], "tracking_number": ""}, Refused),
        ({"status": "QUEUED", "tracking_number": ""}, Refused),
        ({"hello": 1}, BadPayload),
        ({"status": "SUCCESS", "tracking_number": "1"}, BadPayload),
    ],
)
def test_what_is_no_label_is_said(body: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        CARRIER.parse_label(json.dumps(body).encode())


@pytest.mark.parametrize("state", ["QUEUED", "PENDING", "SUCCESS"])
def test_a_label_is_given_back_and_its_key_may_buy_again(shippo: FakeShippo, http: Http, state: str) -> None:
    shippo.refund_answer = state
    label = CARRIER.buy_label(http, ORDER)
    CARRIER.void_label(http, label.ref)
    assert CARRIER.buy_label(http, ORDER).ref != label.ref


def test_a_refund_that_is_declined_is_refused(shippo: FakeShippo, http: Http) -> None:
    label = CARRIER.buy_label(http, ORDER)
    shippo.refund_answer = "ERROR"
    with pytest.raises(Refused, match="ERROR"):
        CARRIER.void_label(http, label.ref)
    with pytest.raises(Refused, match="not found"):
        CARRIER.void_label(http, "nothing")


def test_numbers_are_registered_and_the_webhook_is_made_once(shippo: FakeShippo, http: Http) -> None:
    for number in ("1Z0000000000000017", "SHIPPO_TRANSIT"):
        assert CARRIER.subscribe(http, Wanted(HOOK_URL, "s", [number])) == [Subscribed(number)]
    assert shippo.registered == [("ups", "1Z0000000000000017"), ("shippo", "SHIPPO_TRANSIT")]
    (hook,) = shippo.webhooks
    assert (hook["url"], hook["event"], hook["is_test"]) == (HOOK_URL, "track_updated", True)
    (account,) = CARRIER.subscribe(http, Wanted(HOOK_URL, "s"))
    assert account == Subscribed("", hook["object_id"])
    for _ in range(2):  # gone already is no error
        CARRIER.unsubscribe(http, account.ref)
    assert shippo.webhooks == []


def test_a_wish_that_shippo_cannot_grant_says_why(shippo: FakeShippo, client: httpx.Client, http: Http) -> None:
    (long,) = CARRIER.subscribe(http, Wanted("https://shop.example/" + "x" * 200, "s", ["SHIPPO_TRANSIT"]))
    assert "199 characters" in long.refused
    (bare,) = CARRIER.subscribe(http, Wanted(HOOK_URL, "s", ["794600000000"]))
    assert "carrier" in bare.refused
    (pigeon,) = CARRIER.subscribe(connected(shippo, client, carrier="pigeon"), Wanted(HOOK_URL, "s", ["1"]))
    assert "'pigeon' is not supported" in pigeon.refused


def test_every_code_has_a_status_or_a_reason() -> None:
    assert {key.partition("/")[0] for key in (*SUBSTATUSES, *UNMAPPED)} <= {*STATUSES, "UNKNOWN"}
    assert not set(UNMAPPED) & set(CARRIER.about.codes)


def test_a_time_without_offset_is_not_stamped_as_utc_and_the_estimate_is_a_day() -> None:
    body = track("shippo", "SHIPPO_TRANSIT") | {"eta": "2026-11-21T18:49:42.566"}
    body["tracking_history"][0]["status_date"] = "2026-11-20T10:00:00.586"
    (parcel,) = CARRIER.parse(json.dumps(body).encode()).parcels
    (scan,) = parcel.scans
    assert (scan.at, scan.local, scan.zone_from) == (None, "2026-11-20T10:00:00", ZoneFrom.UNKNOWN)
    assert parcel.estimated
    assert parcel.estimated.start == date(2026, 11, 21)


def test_ids_that_change_with_every_answer_do_not_make_new_scans() -> None:
    first, second = track("shippo", "SHIPPO_TRANSIT"), track("shippo", "SHIPPO_TRANSIT")
    second["tracking_history"][0] |= {"object_id": "other", "object_created": "2026-11-22T00:00:00Z"}
    keys = {CARRIER.parse(json.dumps(body).encode()).parcels[0].scans[0].key() for body in (first, second)}
    assert len(keys) == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<h1>Not Found</h1>", "HTML"),
        (
            b'{"object_id": "1", "tracking_number": "1", "tracking_status": "UNKNOWN", "label_url": ""}',
            "buying a label",
        ),
        (b'{"tracking_number": "1", "tracking_status": "TRANSIT"}', "buying a label"),
        (b'{"tracking_number": "", "tracking_status": null}', "tracking_number"),
        (b'{"hello": 1}', "neither"),
        (b'{"object_id": "1", "messages": [], "rates": [{"attributes": ["CHEAPEST"]}]}', "a shipment"),
        (b'{"object_id": "1", "status": "QUEUED", "transaction": "2"}', "a refund"),
        (b'{"next": null, "previous": null, "results": [{"detail": "x"}]}', "a list"),
        (b'{"tracking_number": "1", "tracking_sta', "not JSON"),
    ],
)
def test_another_kind_of_body_says_which(body: bytes, reason: str) -> None:
    with pytest.raises(BadPayload, match=reason):
        CARRIER.parse(body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"detail": "Not found."}, "Not found."),
        ({"__all__": ["One.", "Two."]}, "One.; Two."),
        ({"tracking_number": ["This field is required."]}, "tracking_number: This field is required."),
        (
            {"address_to": {"zip": ["Too short."]}, "parcels": ["Missing."]},
            "address_to: zip: Too short.; parcels: Missing.",
        ),
    ],
)
def test_the_words_of_every_shape_of_error(body: dict[str, object], words: str) -> None:
    (fault,) = CARRIER.parse(json.dumps(body).encode(), 400).errors
    assert (fault.code, fault.text) == ("400", words)


def test_a_webhook_of_the_older_api_is_the_tracking_object_alone() -> None:
    body = json.dumps(track("shippo", "SHIPPO_TRANSIT")).encode()
    assert CARRIER.parse_hook(body) == CARRIER.parse(body)


@pytest.mark.parametrize("event", ["transaction_updated", "batch_purchased", "something_new"])
def test_a_webhook_about_something_else_says_nothing(event: str) -> None:
    answer = CARRIER.parse_hook(json.dumps({"event": event, "test": False, "data": {"object_id": "1"}}).encode())
    assert answer == Answer()


@pytest.mark.parametrize("header", ["v1=00,t=1", "t=x,v1=" + "0" * 64, "t=1,v1=" + "0" * 63, "t=1753099200"])
def test_a_signature_of_another_form_is_refused(header: str) -> None:
    with pytest.raises(BadSignature):
        CARRIER.verify(Hook(b"{}", {"shippo-auth-signature": header}), "s", datetime.now(UTC))
