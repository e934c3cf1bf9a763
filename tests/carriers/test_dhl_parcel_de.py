"""DHL Parcel Germany over real HTTP against a local fake: tracking in XML, return labels, three ways to log in."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, Final

import pytest

from carriers.adapters.dhl_parcel_de import CARRIER, CODES, RETURNS, UNMAPPED
from carriers.address import Address
from carriers.auth import MemoryTokens
from carriers.contract import Answer, Fault, Item, LabelOrder, Labels, Parcel, ReadsLabels, ZoneFrom
from carriers.dhl_codes import parcel_de_word
from carriers.errors import BadCredentials, BadPayload, OutcomeUnknown, Refused
from carriers.http import Http, open_client, open_http
from carriers.status import Status
from tests.carriers.fakes.dhl_parcel_de import CREDENTIALS, MAX_NUMBERS, PDF, PNG, FakeDhlParcelDe, listed
from tests.carriers.fakes.server import Answered

NUMBER = "00340434300000000017"
CUSTOMER = Address("Ada Byron", ("Lange Str. 12a", "Hinterhaus"), "Bonn", "53113", "DE", email="ada@example.org")
WAREHOUSE = Address("", ("Hafenstr. 1",), "Hamburg", "20457", "DE", company="Juniper Returns")
SHIRT = Item("Cotton shirt", 2, 2950, "EUR", origin_country="FR", hs_code="620520", grams=300)
ORDER = LabelOrder("return-1", CUSTOMER, WAREHOUSE, 750, (SHIRT,), "RMA-1001")
SWISS = replace(ORDER, customer=replace(CUSTOMER, city="Bern", postcode="3011", country="CH"))


@pytest.fixture
def dhl() -> Iterator[FakeDhlParcelDe]:
    with FakeDhlParcelDe() as server:
        server.pieces[NUMBER] = piece(event())
        yield server


@pytest.fixture
def http(dhl: FakeDhlParcelDe) -> Iterator[Http]:
    with open_client() as client:
        yield connected(client, dhl)


def connected(client: Any, dhl: FakeDhlParcelDe, **changed: str) -> Http:
    credentials = {**CREDENTIALS, **changed}
    return open_http(CARRIER, client=client, credentials=credentials, tokens=MemoryTokens(), base=dhl.url)


def attributes(**values: str) -> str:
    return " ".join(f'{name.replace("_", "-")}="{value}"' for name, value in values.items())


def event(ice: str = "ULFMV", ric: str = "UNLDD", standard: str = "EE", **more: str) -> str:
    at = {"event_timestamp": "20.11.2026 03:24", "event_status": "Arrived", "event_country": "Germany"}
    codes = {"ice": ice, "ric": ric, "standard_event_code": standard}
    return f'<data name="piece-event" {attributes(**{**at, **codes, **more})}/>'


def piece(*events: str, **changed: str) -> str:
    own = {"searched_piece_code": NUMBER, "piece_code": NUMBER, "error_status": "0", **changed}
    inner = f'<data name="piece-event-list">{"".join(events)}</data>'
    return f'<data name="piece-shipment" {attributes(**own)}>{inner}</data>'


def parcel(*events: str, **changed: str) -> Parcel:
    (only,) = CARRIER.parse(listed("0", "", [piece(*events, **changed)])).parcels
    return only


def poll(http: Http, *numbers: str) -> Answer:
    fetched = CARRIER.fetch(http, numbers)
    return CARRIER.parse(fetched.body, fetched.status)


def test_a_batch_is_one_question_in_xml_with_both_logins(dhl: FakeDhlParcelDe, http: Http) -> None:
    answer = poll(http, NUMBER, "00340434300000000099")
    assert [p.number for p in answer.parcels] == [NUMBER]
    assert answer.not_found == ("00340434300000000099",)
    (call,) = dhl.requests
    assert f'piece-code="{NUMBER};00340434300000000099"' in call.query["xml"]
    assert "p&lt;&amp;" in call.query["xml"]
    assert dhl.tokens_issued == 0


def test_twenty_numbers_are_taken_and_one_more_is_refused(http: Http) -> None:
    assert CARRIER.about.batch_size == MAX_NUMBERS
    numbers = [NUMBER, *(f"{n:012d}" for n in range(MAX_NUMBERS - 1))]
    assert len(poll(http, *numbers).not_found) == MAX_NUMBERS - 1
    assert [(f.number, f.code) for f in poll(http, *numbers, "1").errors] == [(None, "2")]


def test_nothing_found_is_every_number_unknown_and_no_error(http: Http) -> None:
    assert poll(http, "00340434300000000098") == Answer(not_found=("00340434300000000098",))


@pytest.mark.parametrize("wrong", ["password", "client_secret"])
def test_either_wrong_login_is_the_operators_to_mend(dhl: FakeDhlParcelDe, wrong: str) -> None:
    with open_client() as client, pytest.raises(BadCredentials):
        poll(connected(client, dhl, **{wrong: "guess"}), NUMBER)


def test_tracking_may_have_a_user_of_its_own(dhl: FakeDhlParcelDe) -> None:
    user, password = CREDENTIALS["username"], CREDENTIALS["password"]
    with open_client() as client:
        http = connected(
            client, dhl, username="other", password="other", tracking_username=user, tracking_password=password
        )
        assert poll(http, NUMBER).parcels


def test_a_german_time_is_placed_by_the_events_country_or_by_a_domestic_parcels() -> None:
    instant = datetime(2026, 11, 20, 2, 24, tzinfo=UTC)
    for country, ends in (("Germany", {}), ("DE", {}), ("", {"origin_country": "DE", "dest_country": "DE"})):
        (scan,) = parcel(event(event_country=country), **ends).scans
        assert (scan.at, scan.local, scan.zone_from) == (instant, "2026-11-20T03:24:00", ZoneFrom.PLACE)


@pytest.mark.parametrize("ends", [{}, {"origin_country": "DE", "dest_country": "US"}])
def test_a_time_without_any_country_stays_local(ends: dict[str, str]) -> None:
    (scan,) = parcel(event(event_country=""), **ends).scans
    assert (scan.at, scan.zone_from) == (None, ZoneFrom.UNKNOWN)


@pytest.mark.parametrize("written", ["", "soon", "31.02.2026 10:00", "2026-11-20T03:24:00"])
def test_a_time_written_in_another_way_is_no_time(written: str) -> None:
    (scan,) = parcel(event(event_timestamp=written)).scans
    assert (scan.at, scan.local) == (None, "")


def test_ice_and_ric_decide_and_the_standard_event_where_they_are_new() -> None:
    def word(ice: str, ric: str, standard: str) -> str | None:
        scan = parcel(event(ice, ric, standard)).scans[0]
        return scan.sub_status or scan.status

    assert word("SRTED", "NRQRD", "PO") == "out_for_delivery.on_vehicle"
    assert word("SRTED", "NRQRD", "NB") == "in_transit.arrived_hub"
    assert word("DSPSD", "NTCLM", "ZU") == "exception", "destroyed, though DHL's summary says delivered"
    assert word("DLVRD", "HNDTC", "ZU") == "in_transit.handed_to_partner"
    assert word("DLVRD", "CODRP", "ZU") is None, "money, not the parcel"
    assert word("NEWNE", "NEWNE", "AA") == "in_transit.departed_hub"
    assert word("NEWNE", "NEWNE", "ZU") is None, "a parcel destroyed has that summary too"
    assert word("NEWNE", "NEWNE", "QQ") is None
    assert parcel_de_word("", "", "LA") is None


def test_on_the_way_back_a_delivery_is_a_return() -> None:
    def status(ice: str, standard: str) -> Status | None:
        return parcel(event(ice, "ACCPT", standard, ruecksendung="true")).scans[0].status

    assert status("DLVRD", "ZU") is Status.RETURNED
    assert status("ULFMV", "EE") is Status.RETURNING
    assert status("DMGDS", "BV") is Status.EXCEPTION
    of_the_piece = parcel(event("DLVRD", "ACCPT", "ZU"), ice="DLVRD", standard_event_code="ZU", ruecksendung="true")
    assert (of_the_piece.status, of_the_piece.delivered_at) == (Status.RETURNED, None)


def test_the_summary_of_the_piece_is_its_status() -> None:
    got = parcel(event(), ice="DLVRD", ric="NGHBR", standard_event_code="ZU")
    assert (got.status, got.sub_status) == (Status.DELIVERED, "delivered.neighbour")
    assert parcel(event()).sub_status == "in_transit.arrived_hub"


def test_a_reused_number_is_its_newest_parcel() -> None:
    old = piece(event("DLVRD", "ACCPT", "ZU", event_timestamp="01.02.2019 10:00"))
    new = piece(event())
    for rows in ([old, new], [new, old]):
        (only,) = CARRIER.parse(listed("0", "", rows)).parcels
        assert only.status is Status.IN_TRANSIT


def test_the_day_of_delivery_is_a_date() -> None:
    for written in ("21.11.2026", "21.11.2026 14:00", "2026-11-21"):
        estimate = parcel(event(), delivery_date=written).estimated
        assert estimate
        assert (estimate.start, estimate.source) == (date(2026, 11, 21), "delivery-date")
    assert parcel(event("DLVRD", "ACCPT", "ZU"), delivery_date="21.11.2026").estimated is None


def test_an_error_of_one_number_is_its_own_and_one_of_the_call_is_said_once() -> None:
    bad = '<data name="piece-shipment" searched-piece-code="1" piece-status="7" piece-status-desc="Odd"/>'
    answer = CARRIER.parse(listed("0", "", [piece(event()), bad]))
    assert [(f.number, f.code, f.text) for f in answer.errors] == [("1", "7", "Odd")]
    whole = CARRIER.parse(listed("7", "Odd", [bad]))
    assert [(f.number, f.code, f.text) for f in whole.errors] == [(None, "7", "Odd")]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b'<data name="signature-list" code="0"/>', "signature-list"),
        (b"<Envelope/>", "SOAP"),
        (b"<track/>", "something else"),
        (b'<data name="piece-shipment-list" code="0"/>', "no piece-shipment"),
        (b'<data name="piece-shipment-list" code="0"><data name="piece-shipment"/></data>', "without a number"),
        (b"<html>busy</html>", "HTML page"),
        (b'<!DOCTYPE data [<!ENTITY a "b">]><data>&a;</data>', "document type"),
        (b'{"shipmentNo": "1", "label": {}}', "buying a label"),
        (b'{"shipments": []}', "Shipment Tracking - Unified"),
        (b'{"sendungen": []}', "page for recipients"),
        (b'{"hello": 1}', "neither"),
    ],
)
def test_another_body_is_refused_by_its_name(body: bytes, named: str) -> None:
    with pytest.raises(BadPayload, match=named):
        CARRIER.parse(body)


def test_a_label_is_bought_with_the_customer_as_shipper(dhl: FakeDhlParcelDe, http: Http) -> None:
    """The printed direction: from the customer; the receiver is the one that the portal knows."""
    assert isinstance(CARRIER, Labels)
    assert isinstance(CARRIER, ReadsLabels)
    label = CARRIER.buy_label(http, ORDER)
    assert (label.number, label.ref, label.format, label.body, label.qr) == (
        "999990000001",
        "999990000001",
        "pdf",
        PDF,
        PNG,
    )
    assert (label.routing, label.cost_minor) == ("40327653113+999990000001", None)
    (sold,) = dhl.sold
    assert sold == {
        "receiverId": "deu",
        "customerReference": "RMA-1001",
        "shipmentReference": "return-1",
        "shipper": {
            "name1": "Ada Byron",
            "name3": "Hinterhaus",
            "addressStreet": "Lange Str.",
            "addressHouse": "12a",
            "postalCode": "53113",
            "city": "Bonn",
            "email": "ada@example.org",
        },
        "itemWeight": {"uom": "g", "value": 750},
    }


def test_the_operators_receiver_is_taken_where_one_is_set(dhl: FakeDhlParcelDe) -> None:
    dhl.receivers.add("returns-north")
    with open_client() as client:
        CARRIER.buy_label(connected(client, dhl, receiver_id="returns-north"), ORDER)
    assert dhl.sold[0]["receiverId"] == "returns-north"


def test_a_code_for_the_counter_is_asked_for_in_germany_alone_and_customs_data_outside_the_eu(
    dhl: FakeDhlParcelDe, http: Http
) -> None:
    label = CARRIER.buy_label(http, SWISS)
    assert (label.body, label.qr) == (PDF, b"")
    (call,) = [r for r in dhl.requests if r.path == RETURNS]
    assert call.query["labelType"] == "SHIPMENT_LABEL"
    one = {
        "itemDescription": "Cotton shirt",
        "packagedQuantity": 1,
        "itemWeight": {"uom": "g", "value": 300},
        "itemValue": {"currency": "EUR", "value": 29.5},
        "countryOfOrigin": "FRA",
        "hsCode": "620520",
    }
    assert dhl.sold[0]["customsDetails"] == {"items": [one, one]}


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"items": ()}, "one to 20 pieces"),
        ({"items": (replace(SHIRT, quantity=21),)}, "one to 20 pieces"),
        ({"items": (replace(SHIRT, currency="USD"),)}, "CHF, EUR, GBP only"),
        ({"customer": replace(CUSTOMER, country="US")}, "no parcels from US"),
        ({"customer": replace(CUSTOMER, lines=("Am Markt",))}, "no house number"),
        ({"customer": replace(CUSTOMER, name="x" * 51)}, "50 characters"),
    ],
)
def test_what_dhl_cannot_take_is_named_before_anything_is_bought(
    dhl: FakeDhlParcelDe, http: Http, changed: dict[str, Any], named: str
) -> None:
    with pytest.raises(Refused, match=named):
        CARRIER.buy_label(http, replace(SWISS, **changed))
    assert not dhl.sold


@pytest.mark.parametrize(
    ("country", "lines", "street", "house", "rest"),
    [
        ("DE", ("Straße des 17. Juni 135",), "Straße des 17. Juni", "135", ""),
        ("DE", ("Musterweg 12 b", "2. Stock"), "Musterweg", "12 b", "2. Stock"),
        ("DE", ("Am Ring 3-5",), "Am Ring", "3-5", ""),
        ("NL", ("Keizersgracht 1",), "Keizersgracht", "1", ""),
        ("FR", ("Bâtiment 4", "12, rue de la Paix"), "rue de la Paix", "12", "Bâtiment 4"),
        ("GB", ("Flat 3", "12a High Street"), "High Street", "12a", "Flat 3"),
    ],
)
def test_street_and_house_number_are_told_apart(
    dhl: FakeDhlParcelDe, http: Http, country: str, lines: tuple[str, ...], street: str, house: str, rest: str
) -> None:
    dhl.receivers.add("nld")
    CARRIER.buy_label(http, replace(ORDER, customer=replace(CUSTOMER, country=country, lines=lines)))
    shipper = dhl.sold[0]["shipper"]
    assert (shipper["addressStreet"], shipper["addressHouse"], shipper.get("name3", "")) == (street, house, rest)


def test_many_labels_share_one_token_and_one_that_died_early_is_renewed(dhl: FakeDhlParcelDe, http: Http) -> None:
    CARRIER.buy_label(http, ORDER)
    CARRIER.buy_label(http, ORDER)
    assert dhl.tokens_issued == 1
    dhl.expire_tokens()
    CARRIER.buy_label(http, ORDER)
    assert dhl.tokens_issued == 2


def test_labels_can_be_bought_with_key_and_user_instead_of_a_token(dhl: FakeDhlParcelDe) -> None:
    with open_client() as client:
        assert CARRIER.buy_label(connected(client, dhl, login="basic"), ORDER).body == PDF
        with pytest.raises(BadCredentials, match="User not found"):
            CARRIER.buy_label(connected(client, dhl, login="basic", password="guess"), ORDER)
        with pytest.raises(BadCredentials, match="Invalid user or password"):
            CARRIER.buy_label(connected(client, dhl, password="guess"), ORDER)
    assert dhl.tokens_issued == 0


def test_two_users_of_one_app_never_share_a_token(dhl: FakeDhlParcelDe) -> None:
    tokens = MemoryTokens()
    with open_client() as client:

        def http(user: str) -> Http:
            credentials = {**CREDENTIALS, "username": user}
            return open_http(CARRIER, client=client, credentials=credentials, tokens=tokens, base=dhl.url)

        CARRIER.buy_label(http(CREDENTIALS["username"]), ORDER)
        with pytest.raises(BadCredentials):
            CARRIER.buy_label(http("somebody-else"), ORDER)


def test_a_refusal_keeps_dhls_words(http: Http) -> None:
    with pytest.raises(Refused, match="receiver prt is not configured") as raised:
        CARRIER.buy_label(http, replace(ORDER, customer=replace(CUSTOMER, country="PT")))
    assert raised.value.code == "400"


def test_a_lost_answer_to_a_purchase_is_an_unknown_outcome(dhl: FakeDhlParcelDe, http: Http) -> None:
    CARRIER.buy_label(http, ORDER)
    dhl.next_answers = [Answered({"title": "Internal Server Error", "status": 500}, 500)]
    with pytest.raises(OutcomeUnknown):
        CARRIER.buy_label(http, ORDER)


@pytest.mark.parametrize(("label", "qr"), [(PDF, b""), (b"", PNG), (PDF, b"no picture"), (PNG, PNG)])
def test_a_label_is_never_lost_to_a_code_that_cannot_be_opened(label: bytes, qr: bytes) -> None:
    documents = {"label": {"b64": b64encode(label).decode()}, "qrLabel": {"b64": b64encode(qr).decode()}}
    read = CARRIER.parse_label(json.dumps({"shipmentNo": 999990000005, **documents}).encode())
    assert (read.number, read.body) == ("999990000005", label)
    assert read.qr == (qr if qr == PNG else b"")
    assert read.format == {PDF: "pdf", PNG: "png", b"": "none"}[label]


@pytest.mark.parametrize(
    "body", [b'{"shipmentNo": "1"}', b'{"label": {"b64": "JVBERi0="}}', b'{"shipmentNo": "1", "label": {"b64": "x"}}']
)
def test_an_answer_without_number_or_label_is_bad_payload(body: bytes) -> None:
    with pytest.raises(BadPayload):
        CARRIER.parse_label(body)


def shipped(**item: Any) -> bytes:
    """An answer of Parcel DE Shipping about one shipment."""
    told = {"shipmentNo": NUMBER, "sstatus": {"title": "OK", "statusCode": 200}, "validationMessages": [], **item}
    return json.dumps({"status": {"title": "OK", "statusCode": 200}, "items": [told]}).encode()


PAPER: Final = b64encode(b"%PDF-1.4 label").decode()


def test_a_label_of_parcel_de_shipping_is_read_too() -> None:
    document = {"b64": PAPER, "fileFormat": "PDF", "printFormat": "910-300-710"}
    label = CARRIER.parse_label(shipped(label=document, customsDoc={"b64": PAPER}, routingCode="40327"))
    assert (label.number, label.format, label.size, label.routing) == (NUMBER, "pdf", "910-300-710", "40327")
    assert label.body == label.customs == b"%PDF-1.4 label"
    elsewhere = CARRIER.parse_label(shipped(label={"url": "https://api-eu.dhl.com/labels?token=x", "format": "PDF"}))
    assert (elsewhere.body, elsewhere.format, elsewhere.url) == (b"", "pdf", "https://api-eu.dhl.com/labels?token=x")
    with pytest.raises(BadPayload, match="no label"):
        CARRIER.parse_label(shipped())


WRONG: Final = {"property": "shipper.city", "validationMessage": "City is required", "validationState": "Error"}


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (shipped(validationMessages=[WRONG]), Fault(NUMBER, "shipper.city", "City is required")),
        (shipped(sstatus={"title": "Bad", "statusCode": 400}), Fault(NUMBER, "400", "Bad")),
        (b'{"status": {"title": "Bad", "detail": "No.", "statusCode": 400}, "items": []}', Fault(None, "400", "No.")),
    ],
)
def test_what_parcel_de_shipping_objects_to_keeps_its_words(body: bytes, fault: Fault) -> None:
    assert CARRIER.parse(body, 400).errors == (fault,)
    with pytest.raises(Refused, match=fault.text) as caught:
        CARRIER.parse_label(body)
    assert caught.value.code == fault.code


def test_a_warning_beside_a_label_takes_nothing_away() -> None:
    warned = shipped(label={"b64": PAPER}, validationMessages=[WRONG | {"validationState": "Warning"}])
    assert CARRIER.parse_label(warned).number == NUMBER
    with pytest.raises(BadPayload, match="buying a label"):
        CARRIER.parse(warned)


def test_a_void_is_refused_because_dhl_has_none(http: Http) -> None:
    with pytest.raises(Refused, match="no call that gives a return label back"):
        CARRIER.void_label(http, "999990000001")


def test_no_code_is_both_mapped_and_left_out() -> None:
    assert not set(CODES) & set(UNMAPPED)
