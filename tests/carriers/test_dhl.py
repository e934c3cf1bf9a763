"""DHL's unified tracking and push over real HTTP against a local fake, and the readings that are its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from carriers.adapters.dhl import CARRIER, CODES, HOOK_HEADER, UNMAPPED
from carriers.auth import MemoryTokens
from carriers.contract import Activates, Answer, Greets, Hook, Parcel, Subscribes, Wanted, ZoneFrom
from carriers.errors import BadCredentials, BadPayload, BadSignature, RateLimited, Refused, UnknownNumber
from carriers.http import Http, open_client, open_http
from carriers.status import Status
from tests.carriers.fakes.dhl import CREDENTIALS, PUSH, FakeDhl, problem
from tests.carriers.fakes.server import Answered

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
NUMBER = "JVGL00000000000000000101"


@pytest.fixture
def dhl() -> Iterator[FakeDhl]:
    with FakeDhl() as server:
        server.shipments[NUMBER] = [shipment()]
        yield server


@pytest.fixture
def http(dhl: FakeDhl) -> Iterator[Http]:
    with open_client() as client:
        yield open_http(CARRIER, client=client, credentials=CREDENTIALS, tokens=MemoryTokens(), base=dhl.url)


def event(at: str = "2026-11-20T07:53:47", code: str = "transit", own: str = "", **place: str) -> dict[str, Any]:
    return {"timestamp": at, "statusCode": code, "status": own, "location": {"address": place}}


def shipment(*events: dict[str, Any], **changed: Any) -> dict[str, Any]:
    given = list(events) or [event(own="NOT_HOME")]
    return {"id": NUMBER, "service": "parcel-nl", "status": given[0], "events": given, **changed}


def read(*shipments: dict[str, Any]) -> Answer:
    return CARRIER.parse(json.dumps({"shipments": shipments}).encode())


def parcel(*events: dict[str, Any], **changed: Any) -> Parcel:
    (only,) = read(shipment(*events, **changed)).parcels
    return only


def poll(http: Http, number: str) -> Answer:
    fetched = CARRIER.fetch(http, [number])
    return CARRIER.parse(fetched.body, fetched.status)


def test_a_number_is_asked_for_with_its_division_and_the_key(dhl: FakeDhl, http: Http) -> None:
    assert [p.number for p in poll(http, NUMBER).parcels] == [NUMBER]
    (call,) = dhl.requests
    assert call.query == {"trackingNumber": NUMBER, "language": "en", "limit": "5", "service": "parcel-nl"}
    assert call.headers["dhl-api-key"] == CREDENTIALS["api_key"]


def test_a_404_that_names_the_number_is_not_found(http: Http) -> None:
    assert poll(http, "1000000029") == Answer(not_found=("1000000029",))


def test_a_404_without_the_number_is_known_by_the_call_alone(dhl: FakeDhl, http: Http) -> None:
    dhl.next_answers = [problem(404, "Not Found", "No shipment with given tracking number found.")]
    with pytest.raises(UnknownNumber, match="No shipment with given tracking number found"):
        poll(http, "1000000029")


def test_a_wrong_key_is_the_operators_to_mend(dhl: FakeDhl) -> None:
    with open_client() as client:
        http = open_http(CARRIER, client=client, credentials={"api_key": "x"}, tokens=MemoryTokens(), base=dhl.url)
        with pytest.raises(BadCredentials, match="Unauthorized for given resource"):
            poll(http, NUMBER)


def test_the_declared_pace_is_the_one_that_dhl_bears() -> None:
    """One call in five seconds and 250 a day: kept, nothing is refused; a call too early is."""
    seconds = [0.0]
    with FakeDhl(clock=lambda: seconds[0]) as dhl, open_client() as client:
        dhl.shipments[NUMBER] = [shipment()]
        http = open_http(CARRIER, client=client, credentials=CREDENTIALS, tokens=MemoryTokens(), base=dhl.url)
        spacing, daily = CARRIER.about.budgets
        for _ in range(daily.calls):
            assert poll(http, NUMBER).parcels
            seconds[0] += spacing.per / timedelta(seconds=1) / spacing.calls
        with pytest.raises(RateLimited, match="Too many requests"):
            poll(http, NUMBER)
        seconds[0] = daily.per / timedelta(seconds=1)
        assert poll(http, NUMBER).parcels
        seconds[0] += 1
        with pytest.raises(RateLimited):
            poll(http, NUMBER)


def test_a_local_time_is_placed_by_country_by_the_towns_country_or_by_a_domestic_parcels() -> None:
    de = {"address": {"countryCode": "DE"}}
    local = "2026-11-20T07:53:47"
    for place, ends in (({"countryCode": "DE"}, {}), ({"addressLocality": "Feucht, Germany"}, {}), ({}, {"DE"})):
        made = {"origin": de, "destination": de} if ends else {}
        (scan,) = parcel(event(local, **place), **made).scans
        assert (scan.at, scan.zone_from) == (datetime(2026, 11, 20, 6, 53, 47, tzinfo=UTC), ZoneFrom.PLACE)
        assert scan.local == local


@pytest.mark.parametrize("place", [{}, {"countryCode": "US"}, {"addressLocality": "Rzeszow"}])
def test_a_local_time_that_no_place_tells_stays_local(place: dict[str, str]) -> None:
    ends = {"origin": {"address": {"countryCode": "DE"}}, "destination": {"address": {"countryCode": "NL"}}}
    (scan,) = parcel(event("2026-11-20T07:53:47", **place), **ends).scans
    assert (scan.at, scan.offset, scan.zone_from) == (None, None, ZoneFrom.UNKNOWN)


def test_an_offset_or_z_is_taken_at_its_word_wherever_the_place_is() -> None:
    (scan,) = parcel(event("2026-11-20T07:53:47Z", countryCode="US", postalCode="10001")).scans
    assert (scan.at, scan.zone_from) == (datetime(2026, 11, 20, 7, 53, 47, tzinfo=UTC), ZoneFrom.CARRIER)


def test_the_divisions_own_code_decides_and_the_summary_where_that_is_silent() -> None:
    def status(own: str, code: str = "transit", service: str = "parcel-nl") -> Status | None:
        return parcel(event(code=code, own=own), service=service).status

    assert status("OUT_FOR_DELIVERY") is Status.OUT_FOR_DELIVERY
    assert status("DELIVERED_AT_SHIPPER") is Status.RETURNED
    assert status("44", "delivered", "ecommerce-europe") is Status.AVAILABLE_FOR_PICKUP
    assert status("SIGNATURE_RECORDED") is Status.IN_TRANSIT
    assert status("NOT_SEEN_YET", "failure") is Status.EXCEPTION
    assert status("NOT_SEEN_YET", "unknown") is None
    assert status("NOTIFIED_PACKSTATION", "transit", "post-de") is Status.AVAILABLE_FOR_PICKUP
    assert status("Pre-Transit", "Pre-Transit", "a-new-division") is Status.INFO_RECEIVED


def test_words_in_the_place_of_a_code_decide_nothing() -> None:
    (scan,) = parcel(event(code="transit", own="Out for delivery"), service="express").scans
    assert (scan.status, scan.sub_status, scan.detail) == (Status.IN_TRANSIT, None, "")


def test_two_codes_of_one_minute_are_two_scans() -> None:
    scans = parcel(event(own="SOMETHING_NEW"), event(own="SOMETHING_ELSE")).scans
    assert len({scan.key() for scan in scans}) == 2


def test_the_summary_is_the_status_and_unknown_gives_way_to_the_newest_event() -> None:
    events = [event("2026-11-20T09:00:00", "unknown", "IMAGE_AVAILABLE"), event("2026-11-20T08:00:00", own="REFUSED")]
    assert parcel(*events).sub_status == "exception.refused"
    assert parcel(*events, status=event(code="delivered")).status is Status.DELIVERED


def test_a_number_is_the_same_as_text_and_as_json_number() -> None:
    (as_number,) = read({**shipment(), "id": 7777777770}).parcels
    assert as_number.number == "7777777770"


def test_of_two_divisions_with_one_number_the_newest_news_counts() -> None:
    old = shipment(event("2016-04-13T13:23:14Z", "delivered"), service="parcel-pl")
    new = shipment(event("2026-11-20T09:00:00Z"))
    for both in ((old, new), (new, old)):
        assert [p.status for p in read(*both).parcels] == [Status.IN_TRANSIT]


def test_delivery_is_the_instant_of_the_scan_or_of_the_summary_or_unknown() -> None:
    delivered = event("2026-11-20T10:00:00+01:00", "delivered")
    assert parcel(delivered).delivered_at == datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert parcel(event(), status=delivered).delivered_at == datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert parcel(event("2026-11-20T10:00:00", "delivered")).delivered_at is None


def test_an_estimate_is_a_date_unless_every_edge_is_an_instant() -> None:
    there = {"destination": {"address": {"countryCode": "DE"}}}

    def span(from_: str, through: str) -> tuple[object, object]:
        frame = {"estimatedFrom": from_, "estimatedThrough": through}
        estimate = parcel(event(), estimatedDeliveryTimeFrame=frame, **there).estimated
        assert estimate
        return estimate.start, estimate.end

    assert span("2026-11-20T00:00:00Z", "2026-11-20T22:00:00Z") == (date(2026, 11, 20), date(2026, 11, 20))
    assert span("2026-11-20", "2026-11-21") == (date(2026, 11, 20), date(2026, 11, 21))
    nine, noon = datetime(2026, 11, 20, 8, tzinfo=UTC), datetime(2026, 11, 20, 11, tzinfo=UTC)
    assert span("2026-11-20T09:00:00", "2026-11-20T12:00:00+01:00") == (nine, noon)
    assert parcel(event(code="delivered"), estimatedTimeOfDelivery="2026-11-20").estimated is None


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"<getTrackAndTraceInfoResponse/>", "DHL24"),
        (b'<data name="piece-shipment-list"/>', "dhl_parcel_de"),
        (b"<html>busy</html>", "HTML or XML"),
        (b'{"results": []}', "public tracking page"),
        (b'{"shipmentNo": "1", "label": {}}', "buying a label"),
        (b'{"hello": 1}', "not tracking data of DHL"),
        (b'{"shipments": [{"service": "express"}]}', "no 'id'"),
    ],
)
def test_another_body_is_refused_by_its_name(body: bytes, named: str) -> None:
    with pytest.raises(BadPayload, match=named):
        CARRIER.parse(body)


def test_a_subscription_is_made_greeted_activated_and_ended(dhl: FakeDhl, http: Http) -> None:
    assert isinstance(CARRIER, Subscribes)
    assert isinstance(CARRIER, Activates)
    assert isinstance(CARRIER, Greets)
    wanted = Wanted("https://shop.example/hooks/dhl/1", "t0ken", [NUMBER, "X2"])
    made = CARRIER.subscribe(http, wanted)
    assert [(s.number, s.ref, s.refused) for s in made] == [(NUMBER, "sub-1", ""), ("X2", "sub-1", "")]
    kept = dhl.subscriptions["sub-1"]
    assert kept["hook"]["authentication"] == {"type": "ApiKeyAuthentication", "header": HOOK_HEADER, "token": "t0ken"}
    assert (kept["type"], kept["shipmentIDs"], kept["service"]) == ("Shipment", [NUMBER, "X2"], "parcel-nl")

    greeting = CARRIER.greet(Hook(json.dumps(dhl.handshake("sub-1")).encode(), {}), "t0ken")
    assert greeting
    assert (greeting.ref, greeting.challenge) == ("sub-1", "hook-secret-sub-1")
    assert b"hook-secret" not in greeting.body
    CARRIER.activate(http, greeting.ref, greeting.challenge)
    assert kept["state"] == "ready"

    CARRIER.unsubscribe(http, "sub-1")
    CARRIER.unsubscribe(http, "sub-1")  # gone already
    assert not dhl.subscriptions


def test_without_numbers_the_account_is_subscribed(dhl: FakeDhl, http: Http) -> None:
    (made,) = CARRIER.subscribe(http, Wanted("https://shop.example/h", "t0ken"))
    assert (made.number, made.ref) == ("", "sub-1")
    assert (dhl.subscriptions["sub-1"]["type"], dhl.subscriptions["sub-1"]["accountID"]) == ("Account", "A1")
    assert "shipmentIDs" not in dhl.subscriptions["sub-1"]


def test_a_refused_subscription_keeps_dhls_words_and_a_missing_field_is_named(dhl: FakeDhl, http: Http) -> None:
    numbers = [str(n) for n in range(CARRIER.about.subscription_batch + 1)]
    refused = CARRIER.subscribe(http, Wanted("https://shop.example/h", "t", numbers))
    assert {s.refused for s in refused} == {"Bad Request: At most 10 shipment IDs"}
    for missing in ("service", "account"):
        credentials = {**CREDENTIALS, missing: ""}
        poor = Http(http.client, http.base, http.auth, credentials)
        with pytest.raises(BadCredentials, match=missing):
            CARRIER.subscribe(poor, Wanted("https://shop.example/h", "t"))


def test_a_wrong_challenge_is_refused_in_dhls_words(http: Http) -> None:
    CARRIER.subscribe(http, Wanted("https://shop.example/h", "t", [NUMBER]))
    with pytest.raises(Refused, match="hook secret is wrong"):
        CARRIER.activate(http, "sub-1", "guessed")
    with pytest.raises(Refused):
        CARRIER.activate(http, "../../else", "guessed")


@pytest.mark.parametrize(
    ("sent", "greeted"),
    [
        ({"scope": "subscription.ready", "self": f"https://api-eu.dhl.com{PUSH}/1"}, True),
        ({"scope": "subscription.push", "shipments": []}, False),
        ({"scope": "subscription.validate", "self": "https://evil.example/?x=1", "secret": "s"}, None),
        ({"scope": ["subscription.validate"]}, False),
        ({"shipments": []}, False),
    ],
)
def test_only_a_handshake_is_greeted(sent: dict[str, Any], greeted: bool | None) -> None:
    body = json.dumps(sent).encode()
    if greeted is None:  # an address without an id of a subscription
        assert CARRIER.greet(Hook(body, {}), "t") is None
        return
    assert (CARRIER.greet(Hook(body, {}), "t") is not None) is greeted


def test_a_push_names_its_parcels_and_a_handshake_none() -> None:
    body = json.dumps({"scope": "subscription.push", "self": "x", "shipments": [shipment()]}).encode()
    assert CARRIER.parse_hook(body).parcels == CARRIER.parse(json.dumps({"shipments": [shipment()]}).encode()).parcels
    assert CARRIER.parse_hook(b'{"scope": "subscription.ready"}') == Answer()
    with pytest.raises(BadPayload, match="not tracking data"):
        CARRIER.parse_hook(b'{"scope": "subscription.push"}')


def test_a_push_without_our_token_is_refused() -> None:
    CARRIER.verify(Hook(b"{}", {HOOK_HEADER: "t0ken"}), "t0ken", NOW)
    for headers, secret in (({}, "t0ken"), ({HOOK_HEADER: "T0ken"}, "t0ken"), ({HOOK_HEADER: ""}, "")):
        with pytest.raises(BadSignature):
            CARRIER.verify(Hook(b"{}", headers), secret, NOW)


def test_an_outage_page_with_200_is_not_understood(dhl: FakeDhl, http: Http) -> None:
    dhl.next_answers = [Answered(b"<html><body>Maintenance</body></html>", 200)]
    with pytest.raises(BadPayload, match="HTML"):
        poll(http, NUMBER)


def test_no_code_is_both_mapped_and_left_out() -> None:
    assert not set(CODES) & set(UNMAPPED)
