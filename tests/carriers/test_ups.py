"""UPS over real HTTP against a local fake, and the readings that are its own."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carriers.adapters.ups import CARRIER, STATUS_CODES, TOKEN_LIFE, TYPES
from carriers.address import Address
from carriers.auth import MemoryTokens
from carriers.contract import Fault, Hook, Item, LabelOrder, Parcel, Scan, Wanted, ZoneFrom
from carriers.errors import (
    BadCredentials,
    BadPayload,
    BadSignature,
    CarrierError,
    OutcomeUnknown,
    RateLimited,
    Refused,
)
from carriers.http import Http, open_client, open_http
from carriers.status import SUB_STATUSES, Status, status_of
from tests.carriers.fakes.server import Answered
from tests.carriers.fakes.ups import CREDENTIALS, LABELS, FakeUps, errors, too_many

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
NUMBER = "1Z0000000000000001"


@pytest.fixture
def ups() -> Iterator[FakeUps]:
    with FakeUps() as server:
        server.parcels[NUMBER] = {"trackingNumber": NUMBER, "activity": [activity()]}
        yield server


@pytest.fixture
def http(ups: FakeUps) -> Iterator[Http]:
    with open_client() as client:
        yield open_http(CARRIER, client=client, credentials=CREDENTIALS, tokens=MemoryTokens(), base=ups.url)


def activity(**changed: Any) -> dict[str, Any]:
    return {
        "location": {"address": {"city": "CHARLOTTE", "stateProvince": "NC", "countryCode": "US", "country": "US"}},
        "status": {"type": "I", "code": "OT", "statusCode": "021", "description": "Out For Delivery"},
        "date": "20261120",
        "time": "024700",
        "gmtDate": "20261120",
        "gmtTime": "74700",
        "gmtOffset": "-05:00",
        **changed,
    }


def alert(**changed: Any) -> dict[str, Any]:
    return {
        "trackingNumber": NUMBER,
        "localActivityDate": "20261120",
        "localActivityTime": "024700",
        "gmtActivityDate": "20261120",
        "gmtActivityTime": "074700",
        "activityLocation": {"city": "Charlotte", "stateProvince": "NC", "postalCode": "", "country": "US"},
        "activityStatus": {"type": "I", "code": "OT", "description": "Out for Delivery", "descriptionCode": "021"},
        **changed,
    }


def package(**fields: Any) -> Parcel:
    body = {"trackResponse": {"shipment": [{"inquiryNumber": NUMBER, "package": [fields]}]}}
    (parcel,) = CARRIER.parse(json.dumps(body).encode()).parcels
    return parcel


def scan(**changed: Any) -> Scan:
    (only,) = package(activity=[activity(**changed)]).scans
    return only


def poll(http: Http, number: str = NUMBER) -> Any:
    fetched = CARRIER.fetch(http, [number])
    return CARRIER.parse(fetched.body, fetched.status)


def test_a_number_is_fetched_and_read(http: Http) -> None:
    (parcel,) = poll(http).parcels
    assert (parcel.number, parcel.status) == (NUMBER, Status.OUT_FOR_DELIVERY)
    assert parcel.scans[0].at == datetime(2026, 11, 20, 7, 47, tzinfo=UTC)


def test_many_calls_share_one_token(ups: FakeUps, http: Http) -> None:
    for _ in range(5):
        poll(http)
    assert ups.tokens_issued == 1
    assert ups.calls("/security")[0].headers["x-merchant-id"] == "A1B2C3"


def test_every_call_names_its_source_and_has_its_own_transaction_id(ups: FakeUps, http: Http) -> None:
    poll(http)
    poll(http)
    calls = ups.calls("/api/track")
    assert len({call.headers["transid"] for call in calls}) == 2
    assert {call.headers["transactionsrc"] for call in calls} == {"doorstep"}


def test_a_token_that_died_early_is_renewed_once_and_the_call_repeated(ups: FakeUps, http: Http) -> None:
    poll(http)
    ups.expire_tokens()
    assert poll(http).parcels
    assert ups.tokens_issued == 2


def test_a_call_refused_with_a_fresh_token_is_not_repeated_for_ever(ups: FakeUps, http: Http) -> None:
    poll(http)
    ups.next_answers = [errors(401, "250002", "Invalid Authentication Information.")] * 9
    with pytest.raises(BadCredentials):
        poll(http)
    assert len(ups.next_answers) >= 7


def test_a_wrong_secret_is_the_operators_to_mend(ups: FakeUps) -> None:
    wrong = {**CREDENTIALS, "client_secret": "guess"}
    with open_client() as client:
        http = open_http(CARRIER, client=client, credentials=wrong, tokens=MemoryTokens(), base=ups.url)
        with pytest.raises(BadCredentials, match="ClientId is Invalid"):
            poll(http)


def test_an_unknown_number_is_a_200_and_still_not_found(http: Http) -> None:
    answer = poll(http, "1Z0000000000000009")
    assert answer.not_found == ("1Z0000000000000009",)
    assert not answer.parcels
    assert not answer.errors


def test_an_invalid_number_is_an_error_and_not_a_lost_parcel(http: Http) -> None:
    answer = poll(http, "1Z")
    assert [fault.code for fault in answer.errors] == ["TV1002"]
    assert not answer.not_found


def test_a_number_from_outside_stays_one_path_segment(ups: FakeUps, http: Http) -> None:
    poll(http, "1Z/../../x?y=1#z")
    assert ups.calls("/api/track")[0].path == "/api/track/v1/details/1Z%2F..%2F..%2Fx%3Fy%3D1%23z"


def test_too_many_requests_pause_the_credential(ups: FakeUps, http: Http) -> None:
    poll(http)
    ups.next_answers = [too_many()]
    with pytest.raises(RateLimited) as raised:
        poll(http)
    assert raised.value.code == "10429"
    assert raised.value.after == timedelta(seconds=60)


def test_a_login_page_instead_of_an_answer_is_not_understood(ups: FakeUps, http: Http) -> None:
    poll(http)
    ups.next_answers = [Answered(b"<html>sign in</html>")]
    with pytest.raises(BadPayload, match="HTML"):
        poll(http)


@given(
    at=st.datetimes(min_value=datetime(2001, 1, 2), max_value=datetime(2099, 12, 30)),  # noqa: DTZ001 - made aware below
    quarters=st.integers(-48, 56),
    dotted=st.booleans(),
)
def test_the_instant_survives_lost_zeros_and_every_offset(at: datetime, quarters: int, dotted: bool) -> None:
    at = at.replace(microsecond=0, tzinfo=UTC)
    local = at.astimezone(timezone(timedelta(minutes=15 * quarters)))
    offset = local.isoformat()[-6:]
    read = scan(
        date=local.strftime("%Y%m%d"),
        time=local.strftime("%H%M%S").lstrip("0") or "0",
        gmtDate=at.strftime("%Y%m%d"),
        gmtTime=at.strftime("%H%M%S").lstrip("0") or "0",
        gmtOffset=offset.replace(":", ".") if dotted else offset,
    )
    assert read.at == at
    assert read.local == local.replace(tzinfo=None).isoformat()
    assert read.offset == offset
    without_gmt = scan(
        date=local.strftime("%Y%m%d"), time=local.strftime("%H%M%S"), gmtDate="", gmtTime="", gmtOffset=offset
    )
    assert without_gmt.key() == read.key()


def test_gmt_time_written_with_colons_is_read_too() -> None:
    assert scan(gmtTime="07:47:00").at == datetime(2026, 11, 20, 7, 47, tzinfo=UTC)


def nowhere(**changed: Any) -> Scan:
    return scan(location={"address": {"countryCode": "US"}}, **changed)


def test_a_local_time_alone_is_never_stamped_as_utc() -> None:
    read = nowhere(gmtDate=None, gmtTime=None, gmtOffset=None)
    assert (read.at, read.offset, read.zone_from) == (None, None, ZoneFrom.UNKNOWN)
    assert read.local == "2026-11-20T02:47:00"


def test_a_local_time_alone_takes_the_zone_of_a_place_that_has_one() -> None:
    read = scan(gmtDate=None, gmtTime=None, gmtOffset=None)
    assert (read.at, read.offset) == (datetime(2026, 11, 20, 7, 47, tzinfo=UTC), "-05:00")
    assert read.zone_from is ZoneFrom.PLACE


def test_an_instant_that_no_offset_explains_gives_way_to_the_offset_that_ups_states() -> None:
    read = scan(gmtTime="74733")
    assert (read.at, read.offset) == (datetime(2026, 11, 20, 7, 47, tzinfo=UTC), "-05:00")
    bare = nowhere(gmtTime="74733", gmtOffset="")
    assert (bare.at, bare.local, bare.zone_from) == (None, "2026-11-20T02:47:00", ZoneFrom.UNKNOWN)


def test_one_of_several_packages_never_takes_the_number_that_was_asked_for() -> None:
    def body(*packages: dict[str, Any]) -> bytes:
        shipment = {"inquiryNumber": NUMBER, "package": list(packages)}
        return json.dumps({"trackResponse": {"shipment": [shipment]}}).encode()

    assert CARRIER.parse(body({"activity": []})).parcels[0].number == NUMBER
    with pytest.raises(BadPayload, match="without a tracking number"):
        CARRIER.parse(body({"trackingNumber": NUMBER}, {"activity": []}))


def test_an_instant_without_local_time_is_told_in_its_offset() -> None:
    read = scan(date="", time="")
    assert (read.local, read.offset) == ("2026-11-20T02:47:00", "-05:00")


def test_digits_decide_before_letters_and_letters_refine_on_the_way() -> None:
    refused = {"type": "X", "code": "OT", "statusCode": "064", "description": ""}
    assert scan(status=refused).sub_status == "exception.refused"
    departed = {"type": "I", "code": "DP", "statusCode": "005", "description": ""}
    assert scan(status=departed).sub_status == "in_transit.departed_hub"
    assert scan(status={"type": "I", "code": "??", "statusCode": "005"}).status is Status.IN_TRANSIT


def test_type_d_alone_is_not_delivered() -> None:
    assert scan(status={"type": "D", "code": "Q?", "statusCode": "999", "description": "Delivered"}).status is None


def test_letters_are_read_within_their_type() -> None:
    def read(kind: str, code: str, digits: str = "") -> str | None:
        found = scan(status={"type": kind, "code": code, "statusCode": digits})
        return found.sub_status or (found.status.value if found.status else None)

    assert read("I", "XD") == "picked_up.dropped_off"
    assert read("X", "XD") is None  # as an exception, an import scan
    assert read("M", "DP") == "info_received.data_received"
    assert read("I", "DP") == "in_transit.departed_hub"
    assert read("X", "DP") is None
    assert read("X", "06") == read("X", "6") == "exception.misrouted"
    assert read("", "AR") == "in_transit.arrived_hub"


def test_letters_say_more_about_a_status_but_never_another_one() -> None:
    def read(kind: str, code: str, digits: str) -> str | None:
        found = scan(status={"type": kind, "code": code, "statusCode": digits})
        return found.sub_status or (found.status.value if found.status else None)

    assert read("D", "ML", "011") == "delivered.safe_place"
    assert read("D", "2Q", "011") == "delivered"
    assert read("X", "DJ", "013") == read("X", "DJ", "046") == "exception.weather"
    assert read("X", "KT", "064") == "exception.refused"
    assert read("X", "48", "013") == "exception"
    assert read("D", "FS", "155") is None  # a photo says nothing, whatever its letters


def test_digits_may_come_as_text_or_as_a_number_without_zeros() -> None:
    for digits in ("011", "11", 11):
        assert scan(status={"code": "ZQ", "statusCode": digits}).status is Status.DELIVERED


def test_a_delay_after_delivery_does_not_move_the_delivery() -> None:
    delivered = activity(status={"code": "FS", "statusCode": "011"}, gmtTime="200000", time="150000")
    photo = activity(status={"code": "ZQ", "statusCode": "155"}, gmtTime="210000", time="160000")
    parcel = package(activity=[photo, delivered])
    assert parcel.status is Status.DELIVERED
    assert parcel.delivered_at == datetime(2026, 11, 20, 20, tzinfo=UTC)


def test_scans_of_one_instant_keep_the_order_in_which_they_happened() -> None:
    started = activity(status={"code": "RZ", "statusCode": "012"})
    cleared = activity(status={"code": "RZ", "statusCode": "014"})
    parcel = package(activity=[cleared, started])  # newest first, as UPS sends them
    assert [scan.sub_status for scan in parcel.scans] == ["in_transit.customs_started", "in_transit.customs_cleared"]
    assert parcel.sub_status == "in_transit.customs_cleared"


def test_hours_of_a_window_wait_for_the_depots_offset() -> None:
    slot = {"type": "EDW", "startTime": "140000", "endTime": "180000"}
    dates = [{"type": "SDD", "date": "20261120"}]
    on_the_day = package(activity=[activity()], deliveryDate=dates, deliveryTime=slot).estimated
    assert on_the_day
    assert on_the_day.start == datetime(2026, 11, 20, 19, tzinfo=UTC)
    departed = activity(status={"code": "DP", "statusCode": "005"})
    before = package(activity=[departed], deliveryDate=dates, deliveryTime=slot).estimated
    assert before
    assert before.start == before.end == NOW.date()


def test_a_new_date_replaces_the_old_and_nonsense_is_no_date() -> None:
    both = [{"type": "RDD", "date": "20261122"}, {"type": "SDD", "date": "20261120"}]
    estimated = package(activity=[activity()], deliveryDate=both).estimated
    assert estimated
    assert (estimated.start.isoformat(), estimated.source) == ("2026-11-22", "RDD")
    assert package(activity=[], deliveryDate=[{"type": "SDD", "date": "string"}]).estimated is None


def test_an_alert_and_the_polled_activity_are_the_same_scan() -> None:
    (pushed,) = CARRIER.parse_hook(json.dumps(alert()).encode()).parcels
    assert pushed.scans[0].key() == scan().key()


def test_an_alert_is_opened_by_its_credential_alone() -> None:
    body = json.dumps(alert()).encode()
    CARRIER.verify(Hook(body, {"credential": "agreed"}), "agreed", NOW)
    for headers, secret in (
        ({"credential": "guessed"}, "agreed"),
        ({"credential": "agreed,agreed"}, "agreed"),
        ({"credential": ""}, ""),
        ({}, "agreed"),
    ):
        with pytest.raises(BadSignature):
            CARRIER.verify(Hook(body, headers), secret, NOW)


def login(client: str, secret: str) -> Hook:
    basic = b64encode(f"{client}:{secret}".encode()).decode()
    return Hook(b"grant_type=client_credentials", {"authorization": f"Basic {basic}"}, "/token")


def test_the_second_generation_logs_in_with_us_and_pushes_with_our_token() -> None:
    issued = json.loads(CARRIER.issue_token(login("ups-client", "agreed"), "agreed", NOW).body)
    assert (issued["token_type"], issued["expires_in"]) == ("Bearer", 3600)
    headers = {"authorization": f"Bearer {issued['access_token']}", "x-api-key": "ups-client"}
    CARRIER.verify(Hook(b"{}", headers), "agreed", NOW + TOKEN_LIFE)
    for wrong, secret, now in (
        ({**headers, "x-api-key": "another"}, "agreed", NOW),
        ({"authorization": headers["authorization"]}, "agreed", NOW),
        ({**headers, "authorization": headers["authorization"].replace("Bearer", "Basic")}, "agreed", NOW),
        ({**headers, "credential": "guessed"}, "agreed", NOW),
        (headers, "changed", NOW),
        (headers, "agreed", NOW + TOKEN_LIFE + timedelta(seconds=1)),
        (headers, "", NOW),
    ):
        with pytest.raises(BadSignature):
            CARRIER.verify(Hook(b"{}", wrong), secret, now)


def test_a_token_is_given_to_nobody_who_does_not_know_the_secret() -> None:
    for hook, secret in (
        (login("ups-client", "guessed"), "agreed"),
        (Hook(b"", {}), "agreed"),
        (login("ups-client", ""), ""),
    ):
        with pytest.raises(BadSignature):
            CARRIER.issue_token(hook, secret, NOW)


def wanted(*numbers: str) -> Wanted:
    return Wanted("https://shop.example/hooks/1", "agreed", numbers)


def test_a_subscription_takes_some_numbers_and_refuses_others(ups: FakeUps, http: Http) -> None:
    ups.refused_numbers.add("1Z0000000000000009")
    taken, refused, strange = CARRIER.subscribe(http, wanted(NUMBER, "1Z0000000000000009", "T1234567890"))
    assert (taken.number, taken.refused) == (NUMBER, "")
    assert taken.expires_at
    assert timedelta(days=13) < taken.expires_at - datetime.now(UTC) <= timedelta(days=14)
    assert refused.refused
    assert strange.refused == "Track Alert takes 1Z and 1R numbers alone"
    assert refused.expires_at is strange.expires_at is None
    assert set(ups.subscribed) == {NUMBER}
    assert ups.subscribed[NUMBER]["destination"] == {
        "url": "https://shop.example/hooks/1",
        "credentialType": "Bearer",
        "credential": "agreed",
    }


def test_subscribing_again_is_no_error_and_the_secret_stays_out_of_the_log(http: Http) -> None:
    for _ in range(2):
        assert CARRIER.subscribe(http, wanted(NUMBER))[0].expires_at
    assert "agreed" not in repr(wanted(NUMBER))


def test_the_second_generation_tells_ups_neither_address_nor_secret(ups: FakeUps) -> None:
    with open_client() as client:
        credentials = {**CREDENTIALS, "alerts": "v2"}
        http = open_http(CARRIER, client=client, credentials=credentials, tokens=MemoryTokens(), base=ups.url)
        assert CARRIER.subscribe(http, wanted(NUMBER))[0].expires_at
    assert "destination" not in ups.subscribed[NUMBER]
    assert ups.calls("/api/track/v2/subscription/standard/package")


def test_numbers_of_another_kind_cost_no_call(ups: FakeUps, http: Http) -> None:
    assert CARRIER.subscribe(http, wanted("T1234567890"))[0].refused
    assert not ups.requests


def test_more_than_a_hundred_numbers_are_refused_in_the_words_of_ups(ups: FakeUps, http: Http) -> None:
    numbers = [f"1Z{n:016d}" for n in range(CARRIER.about.subscription_batch + 1)]
    assert all(one.expires_at for one in CARRIER.subscribe(http, wanted(*numbers[:-1])))
    with pytest.raises(Refused, match="VSS220"):
        CARRIER.subscribe(http, wanted(*numbers))


def test_a_subscription_ends_by_itself_and_not_before(http: Http) -> None:
    with pytest.raises(Refused, match="14 days"):
        CARRIER.unsubscribe(http, "anything")


def test_a_repeated_alert_has_the_same_key_and_another_has_not() -> None:
    first, second = (json.dumps(alert(localActivityTime=t)).encode() for t in ("024700", "024701"))
    assert CARRIER.hook_key(Hook(first, {})) == CARRIER.hook_key(Hook(first, {"credential": "x"}))
    assert CARRIER.hook_key(Hook(first, {})) != CARRIER.hook_key(Hook(second, {}))


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"validTrackingNumbers": [NUMBER]}, "Track Alert subscription"),
        ({"ShipmentResponse": {}}, "buying a label"),
        ({"hello": 1}, "not tracking data of UPS"),
    ],
)
def test_another_body_is_refused_by_its_name(body: object, named: str) -> None:
    for read in (CARRIER.parse, CARRIER.parse_hook):
        with pytest.raises(BadPayload, match=named) as raised:
            read(json.dumps(body).encode())
        assert "\n" not in str(raised.value)


def test_every_mapped_code_is_a_word_of_the_vocabulary() -> None:
    for word in (*STATUS_CODES.values(), *(word for table in TYPES.values() for word in table.values())):
        assert (status_of(word) if word in SUB_STATUSES else Status(word)) in Status


ADA = Address("Ada Lovelace", ("12 Analytical Way", "Flat 3"), "Reno", "89501", "US", "NV", email="ada@x.example")
WAREHOUSE = Address("Returns", ("1 Dock Road",), "Cedar Rapids", "52404", "US", "IA", "Juniper Ltd", "+1 319 555 0100")
SHOES = Item("Canvas shoes", 2, 3950, "EUR", sku="S-1", origin_country="PT", hs_code="640419")


def order(key: str = "case1", **changed: Any) -> LabelOrder:
    given = {"customer": ADA, "warehouse": WAREHOUSE, "grams": 1000, "items": (SHOES,), "rma": "R-1001"}
    return LabelOrder(**{"key": key, **given, **changed})


def opened(ups: FakeUps, client: httpx.Client, **changed: str) -> Http:
    credentials = {**CREDENTIALS, **changed}
    return open_http(CARRIER, client=client, credentials=credentials, tokens=MemoryTokens(), base=ups.url)


def test_the_label_goes_from_the_customer_to_the_warehouse(ups: FakeUps, http: Http) -> None:
    label = CARRIER.buy_label(http, order())
    asked = ups.labels[label.number]
    assert asked["ReturnService"] == {"Code": "9"}
    assert asked["ShipFrom"] == {
        "Name": "Ada Lovelace",
        "EMailAddress": "ada@x.example",
        "Address": {
            "AddressLine": ["12 Analytical Way", "Flat 3"],
            "City": "Reno",
            "StateProvinceCode": "NV",
            "PostalCode": "89501",
            "CountryCode": "US",
        },
    }
    assert asked["ShipTo"]["Name"] == asked["Shipper"]["Name"] == "Juniper Ltd"
    assert asked["ShipTo"]["Address"]["PostalCode"] == "52404"
    assert asked["Shipper"]["ShipperNumber"] == "A1B2C3"
    assert asked["PaymentInformation"]["ShipmentCharge"][0]["BillShipper"] == {"AccountNumber": "A1B2C3"}
    package = asked["Package"][0]
    assert package["PackageWeight"] == {"UnitOfMeasurement": {"Code": "LBS"}, "Weight": "2.3"}
    assert package["ReferenceNumber"] == [{"Value": "case1"}, {"Value": "R-1001"}]
    assert package["Description"] == "Canvas shoes"
    assert "ShipmentServiceOptions" not in asked
    assert (label.body, label.format, label.ref) == (LABELS["GIF"], "gif", label.number)
    assert (label.cost_minor, label.currency) == (935, "USD")


def test_a_label_can_be_voided_for_a_day_and_says_so(ups: FakeUps, http: Http) -> None:
    first, second = (CARRIER.buy_label(http, order(f"case{n}")) for n in range(2))
    assert first.voidable_until
    assert timedelta(hours=23) < first.voidable_until - datetime.now(UTC) <= timedelta(hours=24)
    assert CARRIER.about.void_within == timedelta(hours=24)
    CARRIER.void_label(http, first.ref)
    assert set(ups.labels) == {second.ref}
    ups.used.add(second.ref)
    with pytest.raises(Refused, match="Not Voided"):
        CARRIER.void_label(http, second.ref)
    with pytest.raises(Refused, match="void period"):
        CARRIER.void_label(http, first.ref)


def test_the_same_order_twice_is_one_label(ups: FakeUps, http: Http) -> None:
    first, second = (CARRIER.buy_label(http, order()) for _ in range(2))
    assert (first.number, first.body) == (second.number, second.body)
    assert len(ups.labels) == 1
    assert len(ups.calls("/api/shipments")) == 1


def test_a_purchase_whose_answer_was_lost_is_found_again(ups: FakeUps, http: Http) -> None:
    CARRIER.buy_label(http, order())  # sold, but suppose that we never heard of it
    assert CARRIER.buy_label(http, order()).number in ups.labels
    assert len(ups.labels) == 1


def test_a_lookup_that_fails_buys_nothing(ups: FakeUps, http: Http) -> None:
    poll(http)
    for status in (403, 429, 500):
        ups.next_answers = [errors(status, "1", "no")]
        with pytest.raises(CarrierError):
            CARRIER.buy_label(http, order())
    assert not ups.labels


def test_of_several_labels_with_one_reference_the_first_is_taken(ups: FakeUps, http: Http) -> None:
    first = CARRIER.buy_label(http, order())
    ups.labels["1Z9999999999999999"] = ups.labels[first.number]
    assert CARRIER.buy_label(http, order()).number == first.number
    assert len(ups.labels) == 2


def test_an_answer_that_was_lost_may_have_been_a_purchase(ups: FakeUps, http: Http) -> None:
    poll(http)
    ups.next_answers = [errors(400, "300097", "No label was found."), Answered({}, 503)]
    with pytest.raises(OutcomeUnknown):
        CARRIER.buy_label(http, order())


@pytest.mark.parametrize(("wanted", "kind"), [("zpl", "ZPL"), ("pdf", "PDF"), ("", "GIF")])
def test_a_label_comes_in_the_format_of_the_connection(ups: FakeUps, wanted: str, kind: str) -> None:
    with open_client() as client:
        http = opened(ups, client, label_format=wanted)
        labels = [CARRIER.buy_label(http, order()) for _ in range(2)]
    assert [(label.body, label.format) for label in labels] == [(LABELS[kind], wanted or "gif")] * 2
    assert labels[0].cost_minor == 935


def test_a_label_that_ups_will_not_give_as_pdf_stays_the_picture_that_was_paid_for(ups: FakeUps) -> None:
    with open_client() as client:
        http = opened(ups, client, label_format="pdf")
        ups.routes["POST /api/labels/v1/recovery"] = lambda received: errors(400, "300097", "No label was found.")
        label = CARRIER.buy_label(http, order())
    assert (label.body, label.format) == (LABELS["GIF"], "gif")


def test_what_crosses_a_border_is_declared_on_a_partial_invoice(ups: FakeUps, http: Http) -> None:
    home = replace(ADA, country="DE", region="", postcode="50667", city="Köln", phone="+49 221 1234567")
    label = CARRIER.buy_label(http, order(customer=home))
    asked = ups.labels[label.number]
    forms = asked["ShipmentServiceOptions"]["InternationalForms"]
    assert (forms["FormType"], forms["ReasonForExport"], forms["CurrencyCode"]) == (["05"], "RETURN", "EUR")
    assert forms["Product"] == [
        {
            "Description": ["Canvas shoes"],
            "Unit": {"Number": "2", "UnitOfMeasurement": {"Code": "PCS"}, "Value": "39.50"},
            "CommodityCode": "640419",
            "PartNumber": "S-1",
            "OriginCountryCode": "PT",
        }
    ]
    assert asked["Service"] == {"Code": "11"}
    assert asked["ReferenceNumber"][0] == {"Value": "case1"}
    assert asked["Package"][0]["PackageWeight"]["UnitOfMeasurement"]["Code"] == "KGS"
    assert (asked["ShipFrom"]["AttentionName"], asked["ShipFrom"]["Phone"]["Number"]) == (
        "Ada Lovelace",
        "492211234567",
    )
    assert label.customs == LABELS["PDF"]
    with pytest.raises(Refused, match="customs"):
        CARRIER.buy_label(http, order("case2", customer=home, items=()))


def test_a_refused_label_keeps_the_words_of_ups(http: Http) -> None:
    with pytest.raises(Refused, match="exceeds the maximum") as raised:
        CARRIER.buy_label(http, order(grams=90_000))
    assert raised.value.code == "120411"


def test_what_ups_would_not_print_is_refused_before_it_is_bought(ups: FakeUps, http: Http) -> None:
    with pytest.raises(Refused, match="does not fit"):
        CARRIER.buy_label(http, order(customer=replace(ADA, lines=("word " * 40,))))
    with open_client() as client, pytest.raises(BadCredentials, match="account number"):
        CARRIER.buy_label(opened(ups, client, account=""), order())
    assert not ups.labels


def test_one_package_may_be_an_object_as_before_version_2403() -> None:
    package = {"TrackingNumber": NUMBER, "ShippingLabel": {"GraphicImage": b64encode(LABELS["GIF"]).decode()}}
    results = {"ShipmentIdentificationNumber": NUMBER, "PackageResults": package}
    label = CARRIER.parse_label(json.dumps({"ShipmentResponse": {"ShipmentResults": results}}).encode())
    assert (label.number, label.format, label.cost_minor) == (NUMBER, "gif", None)


def test_a_label_answer_is_refused_or_not_understood_for_what_it_is() -> None:
    with pytest.raises(Refused, match="no such"):
        CARRIER.parse_label(errors(400, "1", "no such").raw())
    for body in (b"{}", b'{"ShipmentResponse": {}}', b'{"response": {}}', b"<a/>", b"[]"):
        with pytest.raises(BadPayload):
            CARRIER.parse_label(body)


def test_answers_of_the_json_before_are_read_too() -> None:
    activity = {
        "ActivityLocation": {"Address": {"City": "RALEIGH", "StateProvinceCode": "NC", "CountryCode": "US"}},
        "Status": {"Type": "D", "Description": "DELIVERED", "Code": "KB"},
        "Date": "20231121",
        "Time": "141500",
    }
    shipment = {
        "InquiryNumber": {"Code": "01", "Value": "1Z0000000000000032"},
        "DeliveryDetail": {"Type": {"Code": "03", "Description": "Scheduled Delivery"}, "Date": "20231121"},
        "Package": {"TrackingNumber": "1Z0000000000000032", "Activity": activity},
    }
    (told,) = CARRIER.parse(json.dumps({"TrackResponse": {"Shipment": shipment}}).encode()).parcels
    assert (told.number, told.status) == ("1Z0000000000000032", Status.DELIVERED)
    assert told.delivered_at == datetime(2023, 11, 21, 19, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "body",
    [
        b"<TrackResponse><Response><ResponseStatusCode>0</ResponseStatusCode><Error><ErrorSeverity>Hard</ErrorSeverity>"
        b"<ErrorCode>151044</ErrorCode><ErrorDescription>No tracking information available</ErrorDescription></Error>"
        b"</Response></TrackResponse>",
        b'{"Fault": {"faultcode": "Client", "detail": {"Errors": {"ErrorDetail": {"PrimaryErrorCode": '
        b'{"Code": "151044", "Description": "No tracking information available"}}}}}}',
        b"<S:Envelope xmlns:S='s'><S:Body><S:Fault><detail><Errors><ErrorDetail><PrimaryErrorCode>"
        b"<Code>151044</Code><Description>No tracking information available</Description></PrimaryErrorCode>"
        b"</ErrorDetail></Errors></detail></S:Fault></S:Body></S:Envelope>",
    ],
)
def test_errors_of_the_apis_before_keep_their_words(body: bytes) -> None:
    assert CARRIER.parse(body).errors == (Fault(None, "151044", "No tracking information available"),)


@pytest.mark.parametrize("body", [b"<html><p>Sorry</p></html>", b"<TrackResponse/>", b"<Track><Shipment/></Track>"])
def test_other_xml_is_bad_payload(body: bytes) -> None:
    with pytest.raises(BadPayload):
        CARRIER.parse(body)
