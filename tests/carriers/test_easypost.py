"""EasyPost over real HTTP against a local fake, and the readings that are its own."""

from __future__ import annotations

import hmac
import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from hashlib import sha256

import httpx
import pytest

from carriers.adapters.easypost import CARRIER, DETAILS, STATUSES
from carriers.address import Address
from carriers.auth import MemoryTokens
from carriers.contract import Estimate, Hook, Item, LabelOrder
from carriers.errors import BadCredentials, BadPayload, BadSignature, OutcomeUnknown, RateLimited, Refused
from carriers.http import Http, open_http
from carriers.status import Status
from tests.carriers.fakes.easypost import API_KEY, PDF, PNG, FakeEasyPost, error, scan, tracker
from tests.carriers.fakes.server import Answered, Received

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = date(2026, 11, 22)
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


@pytest.fixture
def easypost() -> Iterator[FakeEasyPost]:
    with FakeEasyPost() as server:
        yield server


@pytest.fixture
def http(easypost: FakeEasyPost, client: httpx.Client) -> Http:
    return open_http(CARRIER, client=client, credentials={"api_key": API_KEY}, tokens=MemoryTokens(), base=easypost.url)


def asked(easypost: FakeEasyPost) -> list[str]:
    return [f"{request.method} {request.path}" for request in easypost.requests]


def test_a_number_is_registered_once_and_then_only_read(easypost: FakeEasyPost, http: Http) -> None:
    for _ in range(3):
        fetched = CARRIER.fetch(http, ["EZ4000000004"])
        (parcel,) = CARRIER.parse(fetched.body, fetched.status).parcels
        assert parcel.status is Status.DELIVERED
    assert asked(easypost) == ["GET /v2/trackers", "POST /v2/trackers", "GET /v2/trackers", "GET /v2/trackers"]
    assert easypost.charged == 1


def test_only_the_trackers_of_the_number_are_asked_for(easypost: FakeEasyPost, http: Http) -> None:
    CARRIER.fetch(http, ["EZ2000000002"])
    CARRIER.fetch(http, ["EZ3000000003"])
    fetched = CARRIER.fetch(http, ["EZ2000000002"])
    assert [parcel.number for parcel in CARRIER.parse(fetched.body).parcels] == ["EZ2000000002"]


@pytest.mark.parametrize(
    ("number", "status"),
    [
        ("EZ1000000001", Status.INFO_RECEIVED),
        ("EZ2000000002", Status.IN_TRANSIT),
        ("EZ3000000003", Status.OUT_FOR_DELIVERY),
        ("EZ4000000004", Status.DELIVERED),
        ("EZ5000000005", Status.RETURNING),
        ("EZ6000000006", Status.EXCEPTION),
        ("EZ7000000007", Status.PENDING),
    ],
)
def test_the_test_numbers_have_their_documented_status(http: Http, number: str, status: Status) -> None:
    fetched = CARRIER.fetch(http, [number])
    assert CARRIER.parse(fetched.body).parcels[0].status is status


def test_a_wrong_key_is_bad_credentials_in_the_words_of_easypost(easypost: FakeEasyPost, client: httpx.Client) -> None:
    http = open_http(CARRIER, client=client, credentials={"api_key": "x"}, tokens=MemoryTokens(), base=easypost.url)
    with pytest.raises(BadCredentials, match="no longer active"):
        CARRIER.fetch(http, ["EZ1000000001"])


def test_a_number_that_easypost_declines_is_an_error_that_is_understood(http: Http) -> None:
    fetched = CARRIER.fetch(http, ["not-a-number"])
    answer = CARRIER.parse(fetched.body, fetched.status)
    assert (fetched.status, answer.errors[0].code) == (422, "TRACKER.CREATE.ERROR")


def test_a_429_pauses_the_account(easypost: FakeEasyPost, http: Http) -> None:
    easypost.next_answers = [error(429, "RATE_LIMITED", "temporarily rate-limited")]
    with pytest.raises(RateLimited, match="temporarily"):
        CARRIER.fetch(http, ["EZ1000000001"])


def test_a_label_is_bought_at_the_cheapest_rate_and_its_bytes_are_kept(easypost: FakeEasyPost, http: Http) -> None:
    label = CARRIER.buy_label(http, ORDER)
    (shipment,) = easypost.shipments.values()
    assert label.body == PDF
    assert label.format == "pdf"
    assert (label.cost_minor, label.currency) == (820, "USD")
    assert label.service == "USPS GroundAdvantage"
    assert label.ref == shipment["id"]
    assert label.number == shipment["tracking_code"]
    assert label.voidable_until == datetime(2026, 12, 20, 10, tzinfo=UTC)


def test_the_label_is_printed_from_the_customer_to_the_warehouse(easypost: FakeEasyPost, http: Http) -> None:
    CARRIER.buy_label(http, ORDER)
    (shipment,) = easypost.shipments.values()
    printed_from, printed_to = shipment["printed"]
    assert (printed_from["name"], printed_from["street2"]) == ("Ada Quill", "Apt 4")
    assert (printed_to["company"], printed_to["city"]) == ("Juniper", "Reno")
    assert shipment["parcel"] == {"weight": 30.0}
    assert shipment["options"]["print_custom_1"] == "RMA-7K2M"
    assert shipment["customs_info"] is None


def test_customs_papers_go_with_a_parcel_that_crosses_a_border(easypost: FakeEasyPost, http: Http) -> None:
    abroad = replace(ORDER, customer=replace(CUSTOMER, country="CA"), items=(Item("Mug", 2, 1250, "USD", "M", "PT"),))
    CARRIER.buy_label(http, abroad)
    (shipment,) = easypost.shipments.values()
    (item,) = shipment["customs_info"]["customs_items"]
    assert (item["value"], item["quantity"], item["origin_country"]) == ("25.00", 2, "PT")


def test_buying_again_with_the_same_key_buys_nothing(easypost: FakeEasyPost, http: Http) -> None:
    first = CARRIER.buy_label(http, ORDER)
    again = CARRIER.buy_label(http, ORDER)
    assert again == first
    assert easypost.charged == 1
    assert len(easypost.shipments) == 1


def test_a_purchase_whose_answer_was_lost_is_found_again(easypost: FakeEasyPost, http: Http) -> None:
    buy = next(pattern for pattern in easypost.routes if pattern.endswith("/buy"))
    sell = easypost.routes[buy]

    def sell_and_fail(received: Received) -> Answered:
        sell(received)
        return Answered(b"", 502)

    easypost.routes[buy] = sell_and_fail
    with pytest.raises(OutcomeUnknown):
        CARRIER.buy_label(http, ORDER)
    label = CARRIER.buy_label(http, ORDER)
    assert label.body == PDF
    assert easypost.charged == 1


def test_a_label_bought_by_somebody_else_meanwhile_is_taken(easypost: FakeEasyPost, http: Http) -> None:
    buy = next(pattern for pattern in easypost.routes if pattern.endswith("/buy"))
    sell = easypost.routes[buy]

    def sell_twice(received: Received) -> Answered:
        sell(received)
        return sell(received)

    easypost.routes[buy] = sell_twice
    assert CARRIER.buy_label(http, ORDER).body == PDF
    assert easypost.charged == 1


@pytest.mark.parametrize(("service", "cost"), [("Express", 5120), ("UPS/Ground", 1101)])
def test_a_named_service_is_bought(http: Http, service: str, cost: int) -> None:
    assert CARRIER.buy_label(http, replace(ORDER, service=service)).cost_minor == cost


def test_a_service_that_is_not_offered_is_refused_and_nothing_is_bought(easypost: FakeEasyPost, http: Http) -> None:
    with pytest.raises(Refused, match="offered: USPS/Express"):
        CARRIER.buy_label(http, replace(ORDER, service="Drone"))
    assert easypost.charged == 0


def test_a_declined_shipment_is_refused_in_the_words_of_easypost(easypost: FakeEasyPost, http: Http) -> None:
    easypost.next_answers = [
        error(404, "NOT_FOUND", "no"),
        error(422, "ADDRESS.VERIFY.FAILURE", "Unable to verify address."),
    ]
    with pytest.raises(Refused, match=r"Unable to verify address\.") as caught:
        CARRIER.buy_label(http, ORDER)
    assert caught.value.code == "ADDRESS.VERIFY.FAILURE"


def test_the_key_is_not_shown_to_the_host_of_the_documents(easypost: FakeEasyPost, http: Http) -> None:
    CARRIER.buy_label(http, ORDER)
    download = next(request for request in easypost.requests if request.path.startswith("/files/"))
    assert "authorization" not in download.headers


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "file:///etc/passwd", "ftp://x.example/l.pdf", ""])
def test_a_document_is_fetched_over_https_only(easypost: FakeEasyPost, http: Http, url: str) -> None:
    CARRIER.buy_label(http, ORDER)
    (shipment,) = easypost.shipments.values()
    shipment["postage_label"]["label_url"] = url
    with pytest.raises(BadPayload, match="https"):
        CARRIER.buy_label(http, ORDER)


def test_a_document_in_the_answer_itself_is_taken_from_there(easypost: FakeEasyPost, http: Http) -> None:
    CARRIER.buy_label(http, ORDER)
    (shipment,) = easypost.shipments.values()
    picture = b"\x89PNG\r\n label"
    inside = {"label_url": None, "label_file_type": None, "label_file": b64encode(picture).decode()}
    shipment["postage_label"].update(inside)
    label = CARRIER.buy_label(http, ORDER)
    assert (label.body, label.format, label.url) == (picture, "png", "")
    shipment["postage_label"]["label_file"] = b64encode(b"no picture").decode()
    with pytest.raises(BadPayload, match="no format"):
        CARRIER.buy_label(http, ORDER)


def test_what_is_no_document_is_not_kept_as_one(easypost: FakeEasyPost, http: Http) -> None:
    easypost.routes[r"GET /files/(?P<id>[^/]+)\.pdf"] = lambda received: Answered(b"<html>expired</html>")
    with pytest.raises(BadPayload, match="no document"):
        CARRIER.buy_label(http, ORDER)


@pytest.mark.parametrize("state", ["submitted", "refunded"])
def test_a_label_is_given_back(easypost: FakeEasyPost, http: Http, state: str) -> None:
    label = CARRIER.buy_label(http, ORDER)
    easypost.refund_answer = state
    CARRIER.void_label(http, label.ref)
    assert easypost.shipments[label.ref]["refund_status"] == state


@pytest.mark.parametrize("state", ["rejected", "not_applicable"])
def test_a_refund_that_is_declined_is_refused(easypost: FakeEasyPost, http: Http, state: str) -> None:
    label = CARRIER.buy_label(http, ORDER)
    easypost.refund_answer = state
    with pytest.raises(Refused, match=state):
        CARRIER.void_label(http, label.ref)


def test_a_label_that_does_not_exist_cannot_be_given_back(http: Http) -> None:
    with pytest.raises(Refused, match="could not be found"):
        CARRIER.void_label(http, "shp_../../users")


@pytest.mark.parametrize(
    ("status", "detail", "meaning"),
    [
        ("in_transit", "received_at_origin_facility", (Status.PICKED_UP, None)),
        ("in_transit", "weather_delay", (Status.EXCEPTION, "exception.weather")),
        ("in_transit", "never_seen", (Status.IN_TRANSIT, None)),
        ("delivered", "delayed", (Status.DELIVERED, None)),
        ("return_to_sender", "arrived_at_destination", (Status.RETURNED, None)),
        ("failure", "held", (Status.EXCEPTION, None)),
        ("Delivered", "", (None, None)),
        ("never_seen", "delivered", (None, None)),
    ],
)
def test_the_status_decides_and_the_detail_refines(
    status: str, detail: str, meaning: tuple[Status | None, str | None]
) -> None:
    body = tracker("trk_1", "N1", "in_transit") | {"tracking_details": [scan(status, detail, "2026-11-20T10:00:00Z")]}
    (parcel,) = CARRIER.parse(json.dumps(body).encode()).parcels
    assert (parcel.scans[0].status, parcel.scans[0].sub_status) == meaning
    assert parcel.scans[0].code == status


def test_every_documented_status_is_mapped() -> None:
    documented = "unknown pre_transit in_transit out_for_delivery delivered available_for_pickup return_to_sender"
    assert set(STATUSES) == {*documented.split(), "failure", "cancelled", "error"}
    assert {key.partition("/")[0] for key in DETAILS} <= set(STATUSES)


@pytest.mark.parametrize(
    ("day", "local", "estimate"),
    [
        ("2026-11-22T00:00:00Z", None, Estimate(DAY, DAY, "est_delivery_date")),
        ("2026-11-21T23:59:00Z", "2026-11-22", Estimate(DAY, DAY, "est_delivery_date_local")),
        ("", "", None),
        ("some day", None, None),
    ],
)
def test_the_estimate_is_a_day(day: str, local: str | None, estimate: Estimate | None) -> None:
    body = tracker("trk_1", "N1", "in_transit") | {
        "est_delivery_date": day,
        "carrier_detail": {"est_delivery_date_local": local},
    }
    assert CARRIER.parse(json.dumps(body).encode()).parcels[0].estimated == estimate


def test_two_scans_of_one_minute_and_place_are_two_scans() -> None:
    at = "2026-11-20T10:00:00Z"
    details = [scan("in_transit", "arrived_at_facility", at), scan("in_transit", "departed_facility", at)]
    body = tracker("trk_1", "N1", "in_transit") | {"tracking_details": details}
    (parcel,) = CARRIER.parse(json.dumps(body).encode()).parcels
    assert len({one.key() for one in parcel.scans}) == 2


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"id": "shp_1", "object": "Shipment", "rates": []}, "label"),
        ({"object": "Event", "id": "evt_1", "description": "tracker.created"}, "event log"),
        ({"events": [{"object": "Event", "id": "evt_1"}], "has_more": False}, "event log"),
        ({"hello": 1}, "neither"),
    ],
)
def test_another_kind_of_body_says_which(body: dict[str, object], reason: str) -> None:
    with pytest.raises(BadPayload, match=reason):
        CARRIER.parse(json.dumps(body).encode())


def test_the_secret_is_decomposed_before_it_signs() -> None:
    body = b'{"id": "evt_1", "result": {"weight": 614.4}}'
    header = "hmac-sha256-hex=" + hmac.new("se\u0301cret".encode(), body, sha256).hexdigest()
    CARRIER.verify(Hook(body, {"x-hmac-signature": header}), "s\u00e9cret", NOW)
    with pytest.raises(BadSignature):
        CARRIER.verify(Hook(body, {"x-hmac-signature": header.removeprefix("hmac-sha256-hex=")}), "s\u00e9cret", NOW)
    assert CARRIER.hook_key(Hook(body, {})) == "evt_1"


def test_the_answer_to_a_purchase_is_read_without_fetching_the_document(easypost: FakeEasyPost, http: Http) -> None:
    bought = CARRIER.buy_label(http, ORDER)
    (shipment,) = easypost.shipments.values()
    read = CARRIER.parse_label(json.dumps(shipment).encode())
    assert read.url.endswith(f"/files/{bought.ref}.pdf")
    assert replace(read, body=PDF) == bought


def test_a_quote_is_no_label_and_a_refusal_is_in_the_words_of_easypost(easypost: FakeEasyPost, http: Http) -> None:
    http.post("/v2/shipments", json={"shipment": {"from_address": {}, "to_address": {}, "parcel": {}}})
    (shipment,) = easypost.shipments.values()
    with pytest.raises(BadPayload, match="not bought"):
        CARRIER.parse_label(json.dumps(shipment).encode())
    with pytest.raises(Refused, match="Insufficient funds") as caught:
        CARRIER.parse_label(b'{"error": {"code": "PAYMENT_REQUIRED", "message": "Insufficient funds"}}')
    assert caught.value.code == "PAYMENT_REQUIRED"


def test_a_code_for_the_counter_comes_with_the_label_where_it_is_wished(easypost: FakeEasyPost, http: Http) -> None:
    wishing = replace(http, credentials={**http.credentials, "qr": "yes"})
    assert CARRIER.buy_label(wishing, ORDER).qr == PNG
    assert CARRIER.buy_label(wishing, ORDER).qr == PNG
    assert asked(easypost).count("POST /v2/shipments/shp_1/forms") == 1
    assert CARRIER.buy_label(http, replace(ORDER, key="ret_02")).qr == b""


@pytest.mark.parametrize("status", [422, 500])
def test_a_label_stays_good_without_its_code(easypost: FakeEasyPost, http: Http, status: int) -> None:
    easypost.routes[r"POST /v2/shipments/(?P<id>[^/]+)/forms"] = lambda _: error(status, "FORM", "no")
    label = CARRIER.buy_label(replace(http, credentials={**http.credentials, "qr": "yes"}), ORDER)
    assert (label.body, label.qr) == (PDF, b"")
    assert easypost.charged == 1


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("Bad", "Bad"),
        (["Bad", "Worse"], "Bad; Worse"),
        ({"errors": ["Bad", {"more": "Worse"}]}, "Bad; Worse"),
        (None, ""),
    ],
)
def test_the_words_of_an_error_may_be_a_list(message: object, words: str) -> None:
    body = json.dumps({"error": {"code": "X", "message": message, "errors": []}}).encode()
    assert [fault.text for fault in CARRIER.parse(body).errors] == [words]
