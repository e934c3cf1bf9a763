"""Northpost, adapter and server together over real HTTP: journeys, polls, pushes, labels, and what it refuses."""

from __future__ import annotations

import json
import queue
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carriers.adapters.northpost import CARRIER, CODES
from carriers.address import Address
from carriers.auth import MemoryTokens
from carriers.contract import Hook, Item, LabelOrder, Parcel
from carriers.errors import BadCredentials, OutcomeUnknown, Refused
from carriers.http import Http, open_http
from carriers.simulated.journeys import SCRIPTS, Journey, Town, all_events, events
from carriers.simulated.northpost_server import ATTEMPTS, Server
from carriers.status import SUB_STATUSES, Status
from tests.carriers.fakes.server import Answered, FakeServer, Received

KEY, SECRET = "np-key", "np-secret"
DAY = timedelta(days=1)
ORDER = LabelOrder(
    key="ret_01",
    customer=Address("Bo Lind", ("Rua 1",), "Lisboa", "1100-148", "PT"),
    warehouse=Address("Returns", ("Dock 1",), "Hamburg", "20095", "DE", company="Basalt"),
    grams=850,
    items=(Item("Mug", 2, 1250, "EUR"),),
    rma="RMA-7K2M",
)


class Clock:
    """A time that moves when told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 16, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, time: timedelta) -> None:
        self.now += time


class Receiver(FakeServer):
    """Our side of the webhooks; `answers` are the statuses to give first."""

    def __init__(self) -> None:
        super().__init__({"POST /hook": self.take})
        self.answers: list[int] = []
        self.accepted: list[Hook] = []
        self.arrived: queue.Queue[Hook] = queue.Queue()

    def take(self, received: Received) -> Answered:
        status = self.answers.pop(0) if self.answers else 202
        if status < 300:
            hook = Hook(received.body, received.headers, received.path)
            self.accepted.append(hook)
            self.arrived.put(hook)
        return Answered(b"", status)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def northpost(clock: Clock) -> Iterator[Server]:
    with Server(api_key=KEY, day=DAY, clock=clock) as server:
        yield server


@pytest.fixture
def http(northpost: Server, client: httpx.Client) -> Http:
    return connect(northpost, client)


def connect(server: Server, client: httpx.Client, key: str = KEY) -> Http:
    credentials = {"api_key": key, "base_url": server.url}
    return open_http(CARRIER, client=client, credentials=credentials, tokens=MemoryTokens())


def polled(http: Http, number: str) -> Parcel:
    fetched = CARRIER.fetch(http, [number])
    (parcel,) = CARRIER.parse(fetched.body, fetched.status).parcels
    return parcel


def register(http: Http, script: str, **asked: Any) -> str:
    reply = http.post("/v1/parcels", json={"script": script, **asked})
    assert reply.status == 201, reply.body
    return str(json.loads(reply.body)["number"])


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("on_time", Status.DELIVERED),
        ("late", Status.DELIVERED),
        ("silent", Status.IN_TRANSIT),
        ("lost", Status.EXCEPTION),
        ("returned", Status.RETURNED),
        ("out_of_order", Status.DELIVERED),
        ("duplicated", Status.DELIVERED),
        ("pickup_point", Status.DELIVERED),
        ("return_parcel", Status.DELIVERED),
    ],
)
def test_every_script_ends_as_it_says(http: Http, clock: Clock, script: str, status: Status) -> None:
    number = register(http, script)
    clock.forward(timedelta(days=14))
    parcel = polled(http, number)
    assert parcel.status is status
    assert {scan.code for scan in parcel.scans} == {step.code for step in SCRIPTS[script]}
    assert all(scan.status for scan in parcel.scans)


def test_every_script_is_tried_above() -> None:
    assert len(SCRIPTS) == 9


def test_a_backdated_parcel_has_history_in_real_days(http: Http, clock: Clock) -> None:
    started = clock.now - timedelta(days=1, hours=20)
    parcel = polled(http, register(http, "on_time", started_at=started.isoformat()))
    assert [scan.code for scan in parcel.scans] == ["DAT", "COL", "ODP", "HIN", "HOUT", "DEP", "VAN"]
    assert parcel.scans[0].at == started
    assert clock.now - timedelta(days=1) < (parcel.scans[-1].at or started) <= clock.now


def test_what_lies_ahead_is_played_in_fast_time(client: httpx.Client, clock: Clock) -> None:
    with Server(api_key=KEY, day=timedelta(seconds=60), clock=clock) as server:
        http = connect(server, client)
        number = register(http, "on_time")
        clock.forward(timedelta(seconds=60))
        assert polled(http, number).status is Status.IN_TRANSIT
        clock.forward(timedelta(seconds=120))
        assert polled(http, number).status is Status.DELIVERED


def test_the_estimate_is_a_day_and_then_hours_and_slips_for_the_late(http: Http, clock: Clock) -> None:
    number = register(http, "late", to={"city": "Lisboa", "postcode": "1100-148", "country": "PT"})
    promised = polled(http, number).estimated
    assert promised is not None
    assert (promised.start, promised.end) == (date(2026, 11, 18), date(2026, 11, 18))
    clock.forward(timedelta(days=3))
    slipped = polled(http, number).estimated
    assert slipped is not None
    assert slipped.start == date(2026, 11, 20)


def test_hours_are_named_where_days_are_real(http: Http, clock: Clock) -> None:
    started = clock.now - timedelta(days=2)
    parcel = polled(http, register(http, "on_time", started_at=started.isoformat()))
    assert parcel.status is Status.OUT_FOR_DELIVERY
    assert parcel.estimated is not None
    assert isinstance(parcel.estimated.start, datetime)
    assert isinstance(parcel.estimated.end, datetime)
    assert parcel.estimated.end - parcel.estimated.start == timedelta(hours=4)


def test_unknown_numbers_are_named_and_the_rest_answered(http: Http) -> None:
    number = register(http, "on_time")
    answer = CARRIER.parse(CARRIER.fetch(http, [number, "NP0000000000"]).body)
    assert [parcel.number for parcel in answer.parcels] == [number]
    assert answer.not_found == ("NP0000000000",)


def test_a_21st_number_is_refused_in_words(http: Http) -> None:
    fetched = CARRIER.fetch(http, [f"NP{n:010d}" for n in range(21)])
    assert fetched.status == 422
    assert CARRIER.parse(fetched.body, fetched.status).errors[0].code == "batch_size"


def test_a_wrong_key_is_bad_credentials(northpost: Server, client: httpx.Client) -> None:
    with pytest.raises(BadCredentials, match="Northpost-Key"):
        CARRIER.fetch(connect(northpost, client, key="wrong"), ["NP0000000000"])


def test_a_label_costs_once_however_often_it_is_asked_for(northpost: Server, http: Http) -> None:
    label = CARRIER.buy_label(http, ORDER)
    assert CARRIER.buy_label(http, ORDER) == label
    assert len(northpost.network.labels) == 1
    assert (label.format, label.body, label.cost_minor, label.currency) == ("none", b"", 495, "EUR")
    assert label.service == "Northpost Standard Return"
    assert label.routing == "DE-20095"
    assert label.voidable_until == datetime(2026, 11, 30, 10, tzinfo=UTC)


def test_a_purchase_whose_answer_is_lost_is_of_unknown_outcome(client: httpx.Client) -> None:
    with FakeServer({"POST /v1/labels": lambda received: Answered(b"", 502)}) as broken:
        http = Http(client, broken.url)
        with pytest.raises(OutcomeUnknown):
            CARRIER.buy_label(http, ORDER)


def test_a_key_used_for_something_else_is_refused(http: Http) -> None:
    CARRIER.buy_label(http, ORDER)
    with pytest.raises(Refused, match="other contents"):
        CARRIER.buy_label(http, replace(ORDER, grams=900))


@pytest.mark.parametrize("changed", [{"grams": 0}, {"grams": 40_000}, {"service": "rocket"}, {"key": ""}])
def test_a_label_that_makes_no_sense_is_refused(http: Http, changed: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        CARRIER.buy_label(http, replace(ORDER, **changed))


def test_a_labelled_parcel_waits_until_it_is_handed_in_and_then_travels_back(http: Http, clock: Clock) -> None:
    label = CARRIER.buy_label(http, ORDER)
    clock.forward(timedelta(days=5))
    waiting = polled(http, label.number)
    assert (waiting.status, waiting.is_return) == (Status.INFO_RECEIVED, True)
    for _ in range(2):
        assert http.post(f"/v1/parcels/{label.number}/drop-off").status == 200
    assert polled(http, label.number).status is Status.PICKED_UP
    clock.forward(timedelta(days=3))
    home = polled(http, label.number)
    assert (home.status, home.is_return) == (Status.DELIVERED, True)
    assert home.scans[0].place.country == "PT"
    assert home.scans[-1].place.city == "Hamburg"


def test_a_label_is_given_back_once_and_never_after_the_drop_off(http: Http) -> None:
    first = CARRIER.buy_label(http, ORDER)
    CARRIER.void_label(http, first.ref)
    assert polled(http, first.number).status is Status.CANCELLED
    for ref, words in ((first.ref, "given back before"), ("lbl_none", "no such label")):
        with pytest.raises(Refused, match=words):
            CARRIER.void_label(http, ref)
    assert http.post(f"/v1/parcels/{first.number}/drop-off").status == 409
    second = CARRIER.buy_label(http, ORDER)
    assert second.number != first.number
    http.post(f"/v1/parcels/{second.number}/drop-off")
    with pytest.raises(Refused, match="handed in"):
        CARRIER.void_label(http, second.ref)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as it:
        yield it


@pytest.fixture
def pushing(receiver: Receiver, clock: Clock) -> Iterator[Server]:
    """A server whose pushes are sent when the test says so: its thread is not started."""
    server = Server(api_key=KEY, day=DAY, clock=clock, hook_url=f"{receiver.url}/hook", hook_secret=SECRET)
    assert server.pusher
    pusher, server.pusher = server.pusher, None
    with server:
        server.pusher = pusher
        yield server


def push(server: Server) -> int:
    assert server.pusher
    return server.pusher.push_due()


def test_news_is_pushed_signed_and_has_the_key_of_the_polled_scan(
    pushing: Server, receiver: Receiver, client: httpx.Client, clock: Clock
) -> None:
    http = connect(pushing, client)
    number = register(http, "on_time")
    pushed = set()
    for _ in range(60):
        push(pushing)
        clock.forward(timedelta(hours=1))
    for hook in receiver.accepted:
        CARRIER.verify(hook, SECRET, datetime.fromisoformat(json.loads(hook.body)["sent_at"]))
        (parcel,) = CARRIER.parse_hook(hook.body).parcels
        pushed |= {scan.key() for scan in parcel.scans}
    assert pushed == {scan.key() for scan in polled(http, number).scans}
    assert len(receiver.accepted) == len(SCRIPTS["on_time"])
    assert len({CARRIER.hook_key(hook) for hook in receiver.accepted}) == len(receiver.accepted)


def test_history_is_not_pushed(pushing: Server, receiver: Receiver, client: httpx.Client, clock: Clock) -> None:
    register(connect(pushing, client), "silent", started_at=(clock.now - timedelta(days=5)).isoformat())
    clock.forward(timedelta(days=5))
    push(pushing)
    assert receiver.accepted == []


def test_a_duplicated_parcel_tells_everything_twice_or_more(
    pushing: Server, receiver: Receiver, client: httpx.Client, clock: Clock
) -> None:
    number = register(connect(pushing, client), "duplicated")
    clock.forward(timedelta(days=5))
    push(pushing)
    steps = len(SCRIPTS["duplicated"])
    assert len(receiver.accepted) == 3 * steps
    assert len({CARRIER.hook_key(hook) for hook in receiver.accepted}) == 2 * steps
    parcel = polled(connect(pushing, client), number)
    assert len(parcel.scans) == 2 * steps
    assert len({scan.key() for scan in parcel.scans}) == steps


def test_an_out_of_order_parcel_is_told_out_of_order(
    pushing: Server, receiver: Receiver, client: httpx.Client, clock: Clock
) -> None:
    register(connect(pushing, client), "out_of_order")
    for _ in range(90):
        push(pushing)
        clock.forward(timedelta(hours=1))
    told = [scan.at for hook in receiver.accepted for scan in CARRIER.parse_hook(hook.body).parcels[0].scans if scan.at]
    assert len(told) == len(SCRIPTS["out_of_order"])
    assert told != sorted(told)


def test_a_push_that_fails_is_tried_again_with_the_same_id_and_a_new_time(
    pushing: Server, receiver: Receiver, client: httpx.Client, clock: Clock
) -> None:
    receiver.answers = [503, 500]
    register(connect(pushing, client), "on_time")
    for _ in range(4):
        push(pushing)
        clock.forward(timedelta(minutes=6))
    (hook,) = receiver.accepted
    assert len(receiver.requests) == 3
    assert len({request.body for request in receiver.requests}) == 1
    assert len({request.headers["northpost-signature"] for request in receiver.requests}) == 3
    CARRIER.verify(hook, SECRET, clock.now - timedelta(minutes=12))


@pytest.mark.parametrize(("status", "tries"), [(500, ATTEMPTS), (429, ATTEMPTS), (401, 1), (413, 1)])
def test_pushing_gives_up_in_the_end(
    pushing: Server, receiver: Receiver, client: httpx.Client, clock: Clock, status: int, tries: int
) -> None:
    receiver.answers = [status] * 20
    register(connect(pushing, client), "on_time")
    for _ in range(20):
        push(pushing)
        clock.forward(timedelta(minutes=1))
    assert len(receiver.requests) == tries


def test_pushing_survives_that_nobody_listens(client: httpx.Client, clock: Clock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/hook"
    with Server(api_key=KEY, day=DAY, clock=clock, hook_url=url, hook_secret=SECRET) as server:
        register(connect(server, client), "on_time")
        assert push(server) == 0


def test_parcels_and_labels_survive_a_restart(client: httpx.Client, clock: Clock, tmp_path: Path) -> None:
    state = tmp_path / "northpost.json"
    with Server(api_key=KEY, day=DAY, clock=clock, state=state) as server:
        http = connect(server, client)
        number = register(http, "on_time")
        label = CARRIER.buy_label(http, ORDER)
    with Server(api_key=KEY, day=DAY, clock=clock, state=state) as server:
        http = connect(server, client)
        assert polled(http, number).status is Status.INFO_RECEIVED
        assert CARRIER.buy_label(http, ORDER) == label


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/parcels", {"script": "teleport"}, 422),
        ("/v1/parcels", {"script": ["on_time"]}, 422),
        ("/v1/parcels", {"started_at": "yesterday"}, 422),
        ("/v1/parcels", {"started_at": "2026-11-01T10:00:00"}, 422),
        ("/v1/parcels", {"from": "Hamburg"}, 422),
        ("/v1/parcels", {"to": {"country": "DE", "zone": "Mars/Olympus"}}, 422),
        ("/v1/parcels", {"to": {"country": "DE", "zone": "../../etc/passwd"}}, 422),
        ("/v1/track", {"numbers": []}, 422),
        ("/v1/track", {"numbers": [1]}, 422),
        ("/v1/track", {}, 422),
        ("/v1/labels", {"reference": 1}, 422),
        ("/v1/labels", {"reference": "r", "service": ["x"], "grams": 5}, 422),
        ("/v1/parcels/NP0/drop-off", {}, 404),
        ("/v1/nowhere", {}, 404),
        ("/v1/track", [], 400),
    ],
)
def test_bad_requests_get_a_reason(http: Http, path: str, body: object, status: int) -> None:
    reply = http.post(path, json=body)
    assert reply.status == status
    assert json.loads(reply.body)["error"]["message"]


def test_a_number_is_registered_once(http: Http) -> None:
    register(http, "on_time", number="NP1234567890")
    assert http.post("/v1/parcels", json={"number": "NP1234567890", "script": "lost"}).status == 409


def test_the_codes_cover_the_vocabulary() -> None:
    assert set(SUB_STATUSES) - set(CODES.values()) == {"pending.not_found", "delivered.disputed"}
    assert {step.code for script in SCRIPTS.values() for step in script} <= set(CODES)


TOWN = Town("Tokyo", "100-0001", "JP", "Asia/Tokyo")


@given(
    script=st.sampled_from(sorted(SCRIPTS)),
    ago=st.timedeltas(timedelta(0), timedelta(days=20)),
    later=st.timedeltas(timedelta(0), timedelta(days=20)),
    day=st.timedeltas(timedelta(seconds=1), timedelta(days=1)),
)
def test_nothing_is_dated_in_the_future_and_nothing_is_taken_back(
    script: str, ago: timedelta, later: timedelta, day: timedelta
) -> None:
    registered = datetime(2026, 11, 16, 10, 0, tzinfo=UTC)
    journey = Journey("NP1", script, "standard", TOWN, TOWN, registered - ago, registered, day)
    now = registered + later
    known = events(journey, now)
    assert all(event.at <= now for event in known)
    assert all(registered - ago - timedelta(seconds=1) <= event.at for event in known)
    assert known == all_events(journey)[: len(known)]
    assert events(journey, now + timedelta(days=1))[: len(known)] == known


def test_the_program_says_where_it_listens_pushes_by_itself_and_stops_on_a_signal(
    receiver: Receiver, client: httpx.Client
) -> None:
    command = [sys.executable, "-m", "carriers.simulated.northpost_server", "--api-key", KEY, "--day-seconds", "5"]
    hooks = ["--hook-url", f"{receiver.url}/hook", "--hook-secret", SECRET]
    with subprocess.Popen([*command, *hooks], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout
        said = json.loads(program.stdout.readline())
        http = Http(
            client, said["url"], CARRIER.auth(Http(client, said["url"], None, {"api_key": KEY}), MemoryTokens())
        )
        number = register(http, "on_time")
        hook = receiver.arrived.get(timeout=30)
        CARRIER.verify(hook, SECRET, datetime.now(UTC))
        assert CARRIER.parse_hook(hook.body).parcels[0].number == number
        program.send_signal(signal.SIGTERM)
        assert program.wait(30) == 0
