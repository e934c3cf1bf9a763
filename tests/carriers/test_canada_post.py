"""Canada Post over real HTTP against a local fake, and the readings that are its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from carriers.adapters.canada_post import CARRIER, CODES
from carriers.address import Address
from carriers.auth import MemoryTokens
from carriers.contract import Item, LabelOrder, Parcel, Scan, ZoneFrom
from carriers.errors import BadCredentials, BadPayload, OutcomeUnknown, RateLimited, Refused, Unavailable, UnknownNumber
from carriers.http import Http, Reply, open_client, open_http
from carriers.status import Status
from tests.carriers.fakes.canada_post import CREDENTIALS, PDF, FakeCanadaPost, messages, sent
from tests.carriers.fakes.server import Answered

PIN = "7000000000000011"
CUSTOMER = Address(
    "Ada Lovelace", ("12 rue Sainte-Famille", "app. 3"), "Montréal", "h2x 2k9", "CA", "qc", phone="514 1"
)
WAREHOUSE = Address("", ("5 Dock Road",), "Ottawa", "K1K 4T3", "CA", "ON", company="Juniper & Co")
ORDER = LabelOrder("key-1", CUSTOMER, WAREHOUSE, 1250, [Item("Shirt", 1, 2500, "CAD")], "RMA-1")


def occurrence(code: str = "0500", **changed: str) -> str:
    told = {
        "event-identifier": code,
        "event-date": "2026-07-15",
        "event-time": "08:30:00",
        "event-time-zone": "EST",
        "event-description": "Out for delivery",
        "event-site": "TORONTO",
        "event-province": "ON",
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }
    return f"<occurrence>{''.join(f'<{name}>{value}</{name}>' for name, value in told.items())}</occurrence>"


def body(*occurrences: str, **fields: str) -> bytes:
    told = "".join(f"<{name.replace('_', '-')}>{value}</{name.replace('_', '-')}>" for name, value in fields.items())
    events = f"<significant-events>{''.join(occurrences)}</significant-events>"
    return f"<tracking-detail><pin>{PIN}</pin>{told}{events}</tracking-detail>".encode()


def parcel(*occurrences: str, **fields: str) -> Parcel:
    (found,) = CARRIER.parse(body(*occurrences, **fields)).parcels
    return found


def scan(**changed: str) -> Scan:
    return parcel(occurrence(**changed)).scans[0]


@pytest.fixture
def post() -> Iterator[FakeCanadaPost]:
    with FakeCanadaPost() as server:
        server.details[PIN] = body(occurrence())
        yield server


@pytest.fixture
def http(post: FakeCanadaPost) -> Iterator[Http]:
    with open_client() as client:
        yield open_http(CARRIER, client=client, credentials=CREDENTIALS, tokens=MemoryTokens(), base=post.url)


def with_credentials(http: Http, **changed: str) -> Http:
    return replace(http, credentials={**CREDENTIALS, **changed})


def test_a_number_is_fetched_in_the_media_type_of_its_version(post: FakeCanadaPost, http: Http) -> None:
    fetched = CARRIER.fetch(http, [PIN])
    (found,) = CARRIER.parse(fetched.body, fetched.status).parcels
    assert (found.number, found.status) == (PIN, Status.OUT_FOR_DELIVERY)
    assert post.requests[0].headers["accept"] == "application/vnd.cpc.track-v2+xml"
    assert post.requests[0].headers["accept-language"] == "en-CA"


def test_a_number_without_history_is_unknown_although_the_answer_does_not_repeat_it(http: Http) -> None:
    with pytest.raises(UnknownNumber, match="No Pin History"):
        CARRIER.fetch(http, ["7000000000000099"])


@pytest.mark.parametrize("status", [200, 400, 404])
def test_no_history_is_read_whatever_status_it_comes_with(status: int, post: FakeCanadaPost, http: Http) -> None:
    post.next_answers.append(messages(status, "004", "No Pin History"))
    with pytest.raises(UnknownNumber):
        CARRIER.fetch(http, [PIN])


def test_wrong_credentials_are_the_operators_move(post: FakeCanadaPost) -> None:
    with open_client() as client:
        wrong = {**CREDENTIALS, "password": "wrong"}
        http = open_http(CARRIER, client=client, credentials=wrong, tokens=MemoryTokens(), base=post.url)
        with pytest.raises(BadCredentials, match="E002: AAA Authentication Failure"):
            CARRIER.fetch(http, [PIN])


def test_trouble_at_canada_post_is_tried_again(post: FakeCanadaPost, http: Http) -> None:
    post.next_answers.append(messages(500, "9999", "Please try again later"))
    with pytest.raises(Unavailable, match="9999: Please try again later"):
        CARRIER.fetch(http, [PIN])


@pytest.mark.parametrize("status", [200, 400, 500])
def test_too_many_calls_pause_a_minute(status: int, post: FakeCanadaPost, http: Http) -> None:
    post.next_answers.append(messages(status, "Server", "Rejected by SLM Monitor"))
    with pytest.raises(RateLimited) as caught:
        CARRIER.fetch(http, [PIN])
    assert caught.value.after == timedelta(minutes=1)


def test_another_message_is_an_error_in_the_carriers_words(post: FakeCanadaPost, http: Http) -> None:
    post.next_answers.append(messages(400, "002", "Invalid PIN"))
    fetched = CARRIER.fetch(http, [PIN])
    (fault,) = CARRIER.parse(fetched.body, fetched.status).errors
    assert (fault.number, fault.code, fault.text) == (None, "002", "Invalid PIN")


@pytest.mark.parametrize(
    ("zone", "hour"),
    [("NST", 12), ("NDT", 11), ("AST", 12), ("ADT", 11), ("EST", 13), ("EDT", 12), ("CST", 14), ("CDT", 13),
     ("MST", 15), ("MDT", 14), ("PST", 16), ("PDT", 15)],
)  # fmt: skip
def test_an_abbreviation_is_taken_at_its_word_in_any_season(zone: str, hour: int) -> None:
    for month in (1, 7):
        told = scan(event_date=f"2026-{month:02d}-15", event_time_zone=zone)
        minute = 0 if zone in {"NST", "NDT"} else 30
        assert told.at == datetime(2026, month, 15, hour, minute, tzinfo=UTC)
        assert told.zone_from is ZoneFrom.CARRIER


@pytest.mark.parametrize(
    ("changed", "local"),
    [
        ({"event_site": "BEIJING,China", "event_province": "", "event_time_zone": "CST"}, "2026-07-15T08:30:00"),
        ({"event_site": "", "event_province": "", "event_time_zone": "EST"}, "2026-07-15T08:30:00"),
        ({"event_site": "SYDNEY", "event_province": "NSW", "event_time_zone": "EST"}, "2026-07-15T08:30:00"),
        ({"event_time_zone": "XYZ"}, "2026-07-15T08:30:00"),
        ({"event_site": "TEL AVIV,Israel", "event_province": "", "event_time_zone": ""}, "2026-07-15T08:30:00"),
        ({"event_time": ""}, "2026-07-15"),
        ({"event_date": ""}, ""),
        ({"event_date": "0001-01-01"}, ""),
    ],
)
def test_a_time_that_could_be_of_several_zones_has_no_instant(changed: dict[str, str], local: str) -> None:
    told = scan(**changed)
    assert (told.at, told.local, told.offset) == (None, local, None)
    assert told.zone_from is ZoneFrom.UNKNOWN


def test_midnight_without_a_zone_is_a_date_of_the_archive() -> None:
    told = scan(event_time="00:00:00", event_time_zone="", event_site="", event_province="")
    assert (told.local, told.date_only) == ("2026-07-15", True)
    assert scan(event_time="00:00:00").at == datetime(2026, 7, 15, 5, 0, tzinfo=UTC)


def test_a_zone_that_is_a_country_is_the_zone_of_the_place() -> None:
    told = scan(event_site="TEL AVIV,Israel", event_province="", event_time_zone="ISRAEL")
    assert told.at == datetime(2026, 7, 15, 5, 30, tzinfo=UTC)
    assert (told.zone_from, told.place.country, told.place.city) == (ZoneFrom.PLACE, "IL", "TEL AVIV")
    assert scan(event_site="TEL AVIV,Israel", event_province="", event_time_zone="JORDAN").at is None


def test_a_province_of_one_zone_places_a_time_without_zone() -> None:
    told = scan(event_site="HALIFAX", event_province="NS", event_time_zone="")
    assert (told.offset, told.zone_from) == ("-03:00", ZoneFrom.PLACE)


def test_leading_zeros_do_not_hide_a_code() -> None:
    """A peer that looks "0174" up in a table of "174" finds nothing."""
    assert scan(code="0174").status is scan(code="174").status is Status.OUT_FOR_DELIVERY
    assert scan(code="0174").code == "0174"


def test_a_signature_on_record_does_not_hide_the_delivery_before_it() -> None:
    found = parcel(occurrence("20"), occurrence("1496"), occurrence("0500", event_time="07:00:00"))
    assert (found.status, found.delivered_at) == (Status.DELIVERED, datetime(2026, 7, 15, 13, 30, tzinfo=UTC))


def test_a_delivery_that_was_none_is_overtaken_by_what_follows() -> None:
    found = parcel(occurrence("0174", event_date="2026-07-16"), occurrence("1496"))
    assert (found.status, found.delivered_at) == (Status.OUT_FOR_DELIVERY, None)


@pytest.mark.parametrize(
    ("later", "status"), [("1496", Status.RETURNED), ("0100", Status.RETURNING), ("0500", Status.RETURNING),
                          ("1701", Status.AVAILABLE_FOR_PICKUP)],
)  # fmt: skip
def test_what_moves_a_parcel_that_goes_back_is_its_way_back(later: str, status: Status) -> None:
    found = parcel(occurrence(later, event_date="2026-07-20"), occurrence("1417"))
    assert (found.status, found.delivered_at) == (status, None)


def test_a_return_is_known_by_its_label_or_by_the_counter() -> None:
    assert parcel(occurrence("3002")).is_return
    assert parcel(occurrence("0100"), occurrence("1303")).is_return
    assert not parcel(occurrence("1302")).is_return


def test_the_changed_date_is_the_estimate_until_the_parcel_arrives() -> None:
    fields = {"changed_expected_date": "2026-07-17", "expected_delivery_date": "2026-07-16"}
    estimated = parcel(occurrence(), **fields).estimated
    assert estimated
    assert (estimated.start.isoformat(), estimated.source) == ("2026-07-17", "changed-expected-date")
    assert parcel(occurrence("1496"), **fields).estimated is None
    assert parcel(occurrence(), changed_expected_date="", expected_delivery_date="").estimated is None


def test_a_parcel_without_events_is_known_and_has_no_status() -> None:
    assert parcel() == Parcel(PIN)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (b"<tracking-detail><pin/></tracking-detail>", "no pin"),
        (b"<html><body>Service unavailable</body></html>", "HTML"),
        (b"<shipment-info/>", "buying a label"),
        (b"<non-contract-shipment-info/>", "buying a label"),
        (b"<manifest/>", "neither tracking"),
        (b"<messages/>", "neither tracking"),
        (b'{"pin": "1"}', "not XML"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><tracking-detail><pin>&x;</pin></tracking-detail>', "document type"),
        (body(occurrence())[:-20], "not XML"),
    ],
)
def test_another_body_is_refused_by_its_name(given: bytes, named: str) -> None:
    with pytest.raises(BadPayload, match=named):
        CARRIER.parse(given)


def test_an_authorized_return_goes_from_the_customer_to_the_warehouse(post: FakeCanadaPost, http: Http) -> None:
    label = CARRIER.buy_label(http, ORDER)
    asked = sent(post.requests[0])
    assert (asked["returner/name"], asked["receiver/name"]) == ("Ada Lovelace", "Juniper & Co")
    assert asked["returner/domestic-address/address-line-2"] == "app. 3"
    assert asked["returner/domestic-address/postal-code"] == "H2X2K9"
    assert asked["returner/domestic-address/province"] == "QC"
    assert asked["receiver/domestic-address/postal-code"] == "K1K4T3"
    assert asked["parcel-characteristics/weight"] == "1.250"
    assert asked["references/customer-ref-1"] == "RMA-1"
    assert asked["settlement-info/contract-id"] == "40000000"
    assert (label.ref, label.number) == ("return/987654320000", "987654320000")
    assert (label.body, label.format, label.size, label.cost_minor) == (PDF, "pdf", "4x6", None)
    assert asked["print-preferences/output-format"] == "4x6"


def test_a_shipment_goes_from_the_customer_to_the_warehouse_and_has_a_price(post: FakeCanadaPost, http: Http) -> None:
    label = CARRIER.buy_label(with_credentials(http, product="shipment"), ORDER)
    asked = sent(post.requests[0])
    assert asked["delivery-spec/sender/name"] == "Ada Lovelace"
    assert asked["delivery-spec/sender/contact-phone"] == "514 1"
    assert asked["delivery-spec/sender/address-details/postal-zip-code"] == "H2X2K9"
    assert asked["delivery-spec/destination/name"] == "Juniper & Co"
    assert asked["delivery-spec/destination/address-details/country-code"] == "CA"
    assert asked["requested-shipping-point"] == "H2X2K9"
    assert asked["customer-request-id"] == "key-1"
    assert (label.ref, label.number) == ("shipment/500000000000000800", "123456789012")
    assert (label.body, label.cost_minor, label.currency, label.service) == (PDF, 3158, "CAD", "DOM.EP")


def test_a_refused_purchase_keeps_the_carriers_words(http: Http) -> None:
    abroad = replace(ORDER, customer=replace(CUSTOMER, postcode="V6B1A1"))
    with pytest.raises(Refused, match=r"9111: Postal code is not valid"):
        CARRIER.buy_label(http, abroad)


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (replace(ORDER, customer=replace(CUSTOMER, country="US")), "from Canada to Canada"),
        (replace(ORDER, warehouse=replace(WAREHOUSE, country="DE")), "not from or to DE"),
        (replace(ORDER, customer=replace(CUSTOMER, lines=("x" * 45,))), "44 characters"),
        (replace(ORDER, customer=replace(CUSTOMER, lines=())), "44 characters"),
    ],
)
def test_what_canada_post_cannot_print_is_refused_before_it_is_bought(
    order: LabelOrder, words: str, post: FakeCanadaPost, http: Http
) -> None:
    for line in (http, with_credentials(http, product="shipment")):
        with pytest.raises(Refused, match=words):
            CARRIER.buy_label(line, order)
    assert post.requests == []


def test_missing_account_data_are_named(http: Http) -> None:
    with pytest.raises(Refused, match="customer number"):
        CARRIER.buy_label(with_credentials(http, customer_number=""), ORDER)
    shipment = with_credentials(http, product="shipment")
    with pytest.raises(Refused, match="telephone"):
        CARRIER.buy_label(shipment, replace(ORDER, customer=replace(CUSTOMER, phone="")))
    with pytest.raises(Refused, match="e-mail"):
        CARRIER.void_label(with_credentials(shipment, refund_email=""), CARRIER.buy_label(shipment, ORDER).ref)


def test_a_purchase_whose_answer_is_lost_may_have_been_made(post: FakeCanadaPost, http: Http) -> None:
    post.next_answers.append(Answered(b"", 502))
    with pytest.raises(OutcomeUnknown):
        CARRIER.buy_label(http, ORDER)


def test_a_shipment_without_a_contract_is_read_and_not_given_back(http: Http) -> None:
    label = CARRIER.parse_label(
        b"<non-contract-shipment-info><shipment-id>406951</shipment-id><tracking-pin>100000000012</tracking-pin><links>"
        b"<link rel='receipt' href='https://x/receipt' media-type='application/vnd.cpc.ncshipment-v4+xml'/>"
        b"<link rel='label' href='https://x/0' media-type='application/pdf' index='0'/>"
        b"</links></non-contract-shipment-info>"
    )
    assert (label.ref, label.number, label.format, label.url) == (
        "ncshipment/406951",
        "100000000012",
        "pdf",
        "https://x/0",
    )
    with pytest.raises(Refused, match="another program"):
        CARRIER.void_label(http, label.ref)


def test_a_label_that_is_not_there_yet_is_named_with_its_number(post: FakeCanadaPost, http: Http) -> None:
    class NotReady(dict[str, bytes]):
        def get(self, key: str, default: bytes | None = None) -> None:  # type: ignore[override]
            return None

    post.documents = NotReady()
    with pytest.raises(OutcomeUnknown, match="987654320000"):
        CARRIER.buy_label(http, ORDER)


@pytest.mark.parametrize("status", [503, 429, 401])
def test_a_label_that_cannot_be_fetched_is_no_purchase_to_repeat(post: FakeCanadaPost, http: Http, status: int) -> None:
    class Failing(Http):
        def get(self, path: str, **options: Any) -> Reply:
            post.next_answers = [Answered(b"", status)]
            return super().get(path, **options)

    failing = Failing(http.client, http.base, http.auth, http.credentials)
    with pytest.raises(OutcomeUnknown, match="987654320000"):
        CARRIER.buy_label(failing, ORDER)


@pytest.mark.parametrize(
    "url", ["https://evil.example/label", "http://soa-gw.canadapost.ca/x", "https://evilcanadapost.ca/", ""]
)
def test_our_password_goes_to_no_other_host(url: str, post: FakeCanadaPost, http: Http) -> None:
    sold = f"""<authorized-return-info><tracking-pin>987654321098</tracking-pin><links>
        <link rel="label" href="{url}" media-type="application/pdf"/></links></authorized-return-info>"""
    post.next_answers.append(Answered(sold.encode()))
    with pytest.raises(OutcomeUnknown, match="where we do not ask"):
        CARRIER.buy_label(http, ORDER)
    assert len(post.requests) == 1


def test_a_transmitted_shipment_is_refunded_and_another_deleted(post: FakeCanadaPost, http: Http) -> None:
    shipment = with_credentials(http, product="shipment")
    first, second = (CARRIER.buy_label(shipment, ORDER).ref for _ in range(2))
    CARRIER.void_label(shipment, first)
    post.shipments[second.partition("/")[2]] = "created"
    CARRIER.void_label(shipment, second)
    assert list(post.shipments.values()) == ["refunded"]


def test_what_cannot_be_given_back_is_refused_with_the_reason(post: FakeCanadaPost, http: Http) -> None:
    with pytest.raises(Refused, match="no way to cancel an authorized return"):
        CARRIER.void_label(http, CARRIER.buy_label(http, ORDER).ref)
    with pytest.raises(Refused, match="8064: Shipment not found"):
        CARRIER.void_label(http, "shipment/1")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (b"<authorized-return-info><tracking-pin>1</tracking-pin></authorized-return-info>", "no link"),
        (b"<authorized-return-info><links><link rel='label' media-type='application/pdf'/></links>"
         b"</authorized-return-info>", "without a number"),
        (b"<shipment-info><shipment-id>1</shipment-id><tracking-pin>2</tracking-pin><links>"
         b"<link rel='label' media-type='image/bmp'/></links></shipment-info>", "image/bmp"),
        (b"<tracking-detail/>", "tracking-detail is not the answer"),
        (b"{}", "not XML"),
    ],
)  # fmt: skip
def test_a_label_answer_that_is_none_is_bad_payload(given: bytes, named: str) -> None:
    with pytest.raises(BadPayload, match=named):
        CARRIER.parse_label(given)


def test_codes_are_written_without_leading_zeros() -> None:
    assert all(code == code.lstrip("0") for code in (*CODES, *CARRIER.about.unmapped))
    assert not CARRIER.about.codes.keys() & CARRIER.about.unmapped.keys()
