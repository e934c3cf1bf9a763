"""Subscriptions from wish to end, against the simulated carrier and against carriers that refuse, fail and dawdle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select, update

from carriers.adapters.northpost import CARRIER, Northpost
from carriers.contract import Budget, Greeting, Hook, Subscribed, Wanted
from carriers.errors import BadCredentials, CarrierError, RateLimited, Refused, Unavailable
from carriers.http import Http
from carriers.simulated.northpost_server import Server
from portal.app import App
from portal.connections import HOOK_SECRET, secrets_of
from portal.settings import Settings
from portal.tables import Brand, Connection, Handshake, Inbox, Shipment, Subscription
from portal.tracking import line
from portal.tracking import subscribe as module
from portal.tracking.budget import spend
from portal.tracking.handshake import MAX_WAITING, keep
from portal.tracking.pace import FRESH
from portal.tracking.poll import poll
from portal.tracking.subscribe import HANDSHAKE_WAIT, REFUSAL_WAITS, SETTLE, keep_subscribed
from portal.tracking.usage import usage
from tests.client import Served, serve
from tests.conftest import Clock
from tests.portal.tracking.northpost import SECRET, connect
from tests.portal.tracking.test_ingest import drain, shipment
from tests.world import World

DAY = timedelta(days=1)
FIRST, SECOND, THIRD = "NP447109260GB", "NP447109261GB", "NP447109262GB"


def rows(app: App) -> dict[str, Subscription]:
    with app.db.reading() as tx:
        return {row.number: row for row in tx.exec(select(Subscription).order_by(col(Subscription.number))).all()}


def states(app: App) -> dict[str, str]:
    return {number: row.state for number, row in rows(app).items()}


def run(app: App) -> None:
    """As the worker does: until nothing moves."""
    for _ in range(20):
        if not keep_subscribed(app):
            return
    raise AssertionError("it never rests")


class Pushy:
    """Northpost without its handshake, answering as the test says: `answers` first, then yes to everything."""

    about = replace(CARRIER.about, subscription_life=14 * DAY)
    auth, fetch, parse = Northpost.auth, Northpost.fetch, Northpost.parse
    verify, hook_key, parse_hook = Northpost.verify, Northpost.hook_key, Northpost.parse_hook

    def __init__(self) -> None:
        self.asked: list[Wanted] = []
        self.ended: list[str] = []
        self.answers: list[CarrierError | Exception | Sequence[Subscribed]] = []

    def subscribe(self, http: Http, wanted: Wanted) -> Sequence[Subscribed]:
        self.asked.append(wanted)
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            return answer
        return [Subscribed(number, f"ref-{len(self.asked)}") for number in wanted.numbers or [""]]

    def unsubscribe(self, http: Http, ref: str) -> None:
        self.ended.append(ref)
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> Pushy:
    pushy = Pushy()
    for where in (module, line):
        monkeypatch.setattr(where, "all_carriers", lambda: {"northpost": pushy})
    return pushy


@pytest.fixture
def connection(app: App, world: World) -> Connection:
    """An account that every parcel of the world is followed through."""
    row = connect(app)
    with app.db.transaction() as tx:
        tx.exec(update(Shipment).values(connection_id=row.id))
        tx.exec(update(Connection).where(col(Connection.id) == world.connection.id).values(state="disabled"))
    return row


@pytest.fixture
def settled(app: App, clock: Clock, carrier: Pushy, connection: Connection) -> Connection:
    """Everything is wished for, and due now."""
    run(app)
    assert states(app) == dict.fromkeys((FIRST, SECOND, THIRD), "wanted")
    assert carrier.asked == []
    clock.forward(SETTLE)
    return connection


def test_new_parcels_are_subscribed_in_one_call_with_address_and_secret(
    app: App, carrier: Pushy, settled: Connection, clock: Clock
) -> None:
    run(app)
    (wanted,) = carrier.asked
    assert sorted(wanted.numbers) == [FIRST, SECOND, THIRD]
    assert wanted.hook_url.endswith(f".test/hooks/northpost/{settled.hook_token}")
    assert wanted.secret == SECRET
    row = rows(app)[FIRST]
    assert (row.state, row.ref, row.subscribed_at, row.expires_at) == (
        "active",
        "ref-1",
        clock.now,
        clock.now + 14 * DAY,
    )
    run(app)
    assert len(carrier.asked) == 1
    with app.db.reading() as tx:
        (told,) = usage(tx, clock.now, [col(Connection.id) == settled.id])
    assert told.spent[0].by["subscriptions"] == 1
    assert told.subscriptions == {"active": 3}


def test_fourteen_days_are_renewed_on_the_twelfth_and_the_old_one_ended(
    app: App, carrier: Pushy, settled: Connection, clock: Clock
) -> None:
    run(app)
    clock.forward(12 * DAY - timedelta(minutes=1))
    run(app)
    assert len(carrier.asked) == 1
    clock.forward(timedelta(minutes=1))
    run(app)
    assert len(carrier.asked) == 2
    assert (rows(app)[FIRST].ref, rows(app)[FIRST].expires_at) == ("ref-2", clock.now + 14 * DAY)
    assert carrier.ended == ["ref-1"]


def test_some_are_taken_and_some_refused_and_those_are_tried_again_later_and_then_no_more(
    app: App, carrier: Pushy, settled: Connection, clock: Clock
) -> None:
    no: Sequence[Subscribed] = [Subscribed(SECOND, refused="not ours"), Subscribed(THIRD, refused="not ours")]
    carrier.answers = [[Subscribed(FIRST, "r"), *no], *([no] * len(REFUSAL_WAITS))]
    run(app)
    assert states(app) == {FIRST: "active", SECOND: "refused", THIRD: "refused"}
    assert rows(app)[SECOND].error == "not ours"
    for wait in REFUSAL_WAITS:
        assert rows(app)[SECOND].next_at == clock.now + wait
        clock.forward(wait)
        run(app)
    dead = rows(app)[SECOND]
    assert (dead.state, dead.next_at, dead.dead_at) == ("refused", None, clock.now)
    assert sorted(carrier.asked[-1].numbers) == [SECOND, THIRD]


def test_a_refused_renewal_leaves_what_still_runs(app: App, carrier: Pushy, settled: Connection, clock: Clock) -> None:
    run(app)
    clock.forward(12 * DAY)
    carrier.answers = [Refused("not today"), []]
    run(app)
    assert states(app)[FIRST] == "active"
    clock.forward(REFUSAL_WAITS[0])
    run(app)
    assert rows(app)[FIRST].error == "the answer does not name it"
    clock.forward(timedelta(minutes=5))
    run(app)
    assert rows(app)[FIRST].error == ""


@pytest.mark.parametrize("error", [Unavailable("503"), ZeroDivisionError()])
def test_failures_are_tried_again_and_leave_the_connection_alone(
    app: App, carrier: Pushy, settled: Connection, clock: Clock, error: Exception
) -> None:
    carrier.answers = [error]
    run(app)
    assert states(app)[FIRST] == "wanted"
    assert type(error).__name__ in rows(app)[FIRST].error
    with app.db.reading() as tx:
        assert tx.get_one(Connection, settled.id).failures == 0
    clock.forward(timedelta(minutes=2))
    run(app)
    assert states(app)[FIRST] == "active"


def test_credentials_that_may_not_subscribe_do_not_turn_the_connection_red(
    app: App, carrier: Pushy, settled: Connection
) -> None:
    carrier.answers = [BadCredentials("push needs the division")]
    run(app)
    assert rows(app)[FIRST].error == "push needs the division"
    with app.db.reading() as tx:
        assert tx.get_one(Connection, settled.id).state == "ok"


def test_a_429_pauses_the_credential_for_everything(
    app: App, carrier: Pushy, settled: Connection, clock: Clock
) -> None:
    carrier.answers = [RateLimited(timedelta(minutes=7))]
    run(app)
    clock.forward(timedelta(minutes=6))
    run(app)
    assert (poll(app), len(carrier.asked)) == (0, 1)
    clock.forward(timedelta(minutes=1))
    run(app)
    assert states(app)[FIRST] == "active"


def test_nothing_is_asked_beyond_the_budget(app: App, carrier: Pushy, settled: Connection, clock: Clock) -> None:
    with app.db.transaction() as tx:
        spend(tx, settled.id or 0, [Budget(1, timedelta(seconds=1))], clock.now + timedelta(seconds=5), must=True)
    run(app)
    assert carrier.asked == []
    assert rows(app)[FIRST].tries == 0
    clock.forward(timedelta(seconds=7))
    run(app)
    assert len(carrier.asked) == 1


def test_a_parcel_that_is_done_is_taken_back_and_others_of_the_same_subscription_stay(
    app: App, carrier: Pushy, settled: Connection, clock: Clock
) -> None:
    run(app)
    for number, ended in ((FIRST, []), (SECOND, []), (THIRD, ["ref-1"])):
        with app.db.transaction() as tx:
            tx.exec(update(Shipment).where(col(Shipment.number) == number).values(status="delivered"))
        run(app)
        assert number not in rows(app)
        assert carrier.ended == ended


def test_what_is_over_before_it_was_asked_for_is_never_asked_for(app: App, carrier: Pushy, settled: Connection) -> None:
    with app.db.transaction() as tx:
        tx.exec(update(Shipment).values(next_at=None))
    run(app)
    assert (rows(app), carrier.asked, carrier.ended) == ({}, [], [])


def test_a_carrier_that_cannot_end_one_is_not_asked_for_ever(
    app: App, carrier: Pushy, settled: Connection, clock: Clock
) -> None:
    run(app)
    carrier.answers = [Unavailable("503"), Refused("it ends by itself")]
    with app.db.transaction() as tx:
        tx.exec(update(Connection).where(col(Connection.id) == settled.id).values(state="disabled"))
    run(app)
    assert set(states(app).values()) == {"ending"}
    clock.forward(timedelta(minutes=2))
    run(app)
    assert rows(app) == {}


def test_a_new_secret_or_address_is_told_to_the_carrier(
    app: App, carrier: Pushy, settled: Connection, clock: Clock
) -> None:
    run(app)
    with app.db.transaction() as tx:
        tx.exec(update(Brand).values(origin="https://track.example"))
    app.brands.forget()
    run(app)
    assert len(carrier.asked) == 1
    clock.forward(SETTLE)
    run(app)
    assert carrier.asked[-1].hook_url.startswith("https://track.example/hooks/northpost/")
    assert sorted(carrier.asked[-1].numbers) == [FIRST, SECOND, THIRD]
    assert carrier.ended == ["ref-1"]


def test_addresses_that_no_carrier_can_reach_are_not_given_to_any(
    app: App, carrier: Pushy, connection: Connection
) -> None:
    strict = replace(app, settings=app.settings.model_copy(update={"test_carriers": False}))
    run(strict)
    assert rows(app) == {}


def test_without_a_secret_nothing_is_asked_for_unless_we_may_choose_it(
    app: App, carrier: Pushy, world: World, clock: Clock
) -> None:
    row = connect(app, secret="")
    with app.db.transaction() as tx:
        tx.exec(update(Shipment).values(connection_id=row.id))
        tx.exec(update(Connection).where(col(Connection.id) == world.connection.id).values(state="disabled"))
    carrier.about = replace(carrier.about, own_hook_secret=False)
    run(app)
    assert rows(app) == {}
    carrier.about = replace(carrier.about, own_hook_secret=True)
    run(app)
    run(app)
    clock.forward(SETTLE)
    run(app)
    with app.db.reading() as tx:
        known = tx.get_one(Connection, row.id)
    secret = secrets_of(app, known)[HOOK_SECRET]
    assert len(secret) == 32
    assert (carrier.asked[0].secret, known.secrets_set[HOOK_SECRET]) == (secret, clock.now.date().isoformat())
    assert secrets_of(app, known)["api_key"] == "np_test_key"


def test_a_whole_account_is_one_subscription(app: App, carrier: Pushy, connection: Connection, clock: Clock) -> None:
    carrier.about = replace(carrier.about, subscription_batch=0)
    for _ in range(3):
        run(app)
        clock.forward(SETTLE)
    assert states(app) == {"": "active"}
    assert [list(wanted.numbers) for wanted in carrier.asked] == [[]]


def test_a_process_that_dies_after_the_call_asks_again(
    app: App, carrier: Pushy, settled: Connection, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(name: str) -> None:
        if name == "subscribe.after_call":
            raise Killed

    monkeypatch.setattr(module, "crashpoint", die)
    with pytest.raises(Killed):
        keep_subscribed(app)
    monkeypatch.undo()
    for where in (module, line):
        monkeypatch.setattr(where, "all_carriers", lambda: {"northpost": carrier})
    run(app)
    assert len(carrier.asked) == 1
    clock.forward(module.LEASE)
    run(app)
    assert (len(carrier.asked), states(app)[FIRST]) == (2, "active")


def test_only_handshakes_of_our_own_subscriptions_are_answered(
    app: App, world: World, clock: Clock, connection: Connection
) -> None:
    assert keep(app, connection.id or 0, Greeting(challenge="c", ref="sub_of_somebody"))
    keep_subscribed(app)
    with app.db.reading() as tx:
        row = tx.exec(select(Handshake)).one()
    assert (row.error, row.done_at) == ("no subscription of ours has this reference", None)
    assert row.next_at
    assert row.challenge != b"c"


def test_forged_handshakes_do_not_pile_up(app: App, world: World, connection: Connection) -> None:
    kept = [keep(app, connection.id or 0, Greeting(challenge=f"c{n}", ref="r")) for n in range(MAX_WAITING + 2)]
    assert kept == [True] * MAX_WAITING + [False] * 2
    assert keep(app, world.connection.id or 0, Greeting(challenge="c", ref="r"))


@pytest.fixture
def web(settings: Settings, clock: Clock, app: App, world: World) -> Iterator[Served]:
    """Our own web server, at an address that the simulated carrier can reach."""
    with serve(settings, now=clock) as served:
        with app.db.transaction() as tx:
            tx.exec(update(Brand).values(origin=served.url))
        app.brands.forget()
        yield served


@pytest.fixture
def northpost(clock: Clock) -> Iterator[Server]:
    """The simulated carrier, at the test's own clock; it pushes when the test says so."""
    server = Server(api_key="np_test_key", day=DAY, clock=clock)
    pusher, server.pusher = server.pusher, None
    with server:
        server.pusher = pusher
        yield server


def push(server: Server) -> int:
    assert server.pusher
    return server.pusher.push_due()


def test_subscribed_greeted_pushed_renewed_and_revoked(
    app: App, world: World, clock: Clock, web: Served, northpost: Server
) -> None:
    """The whole life of subscriptions over real HTTP in both directions."""
    connection = connect(app, secret="", base_url=northpost.url)
    with app.db.transaction() as tx:
        tx.exec(update(Shipment).values(connection_id=connection.id))
        tx.exec(update(Connection).where(col(Connection.id) == world.connection.id).values(state="disabled"))
    for number, script in ((FIRST, "on_time"), (SECOND, "silent")):
        northpost.network.register({"number": number, "script": script})
    for _ in range(3):
        run(app)
        clock.forward(SETTLE)
    # One does not exist there; the others wait for their handshake, and nothing is pushed before it.
    assert states(app) == {FIRST: "waiting", SECOND: "waiting", THIRD: "refused"}
    assert push(northpost) == 1
    run(app)
    assert states(app) == {FIRST: "active", SECOND: "active", THIRD: "refused"}
    with app.db.reading() as tx:
        assert tx.exec(select(Handshake)).one().done_at
        assert tx.exec(select(Inbox)).all() == []
    # Polls before and beside the pushes.
    poll(app)
    drain(app)
    clock.forward(timedelta(hours=26))
    assert push(northpost) > 0
    drain(app)
    row = shipment(app)
    assert (row.status, row.pushed_at) == ("in_transit", clock.now)
    with app.db.reading() as tx:
        assert tx.get_one(Connection, connection.id).last_push_at == clock.now
    # Due tomorrow: with pushes a poll only repairs, and is two hours away at most.
    assert row.next_at
    assert FRESH * 0.9 <= row.next_at - clock.now <= FRESH * 1.1
    clock.forward(2 * DAY)
    push(northpost)
    drain(app)
    assert shipment(app).status == "delivered"
    run(app)
    assert states(app) == {SECOND: "active", THIRD: "refused"}
    old = rows(app)[SECOND].ref
    assert list(northpost.network.subscriptions) == [old]
    # Renewed before the fourteen days are over, with a handshake of its own.
    clock.forward(12 * DAY - (clock.now - (rows(app)[SECOND].subscribed_at or clock.now)) + timedelta(minutes=1))
    run(app)
    assert states(app)[SECOND] == "waiting"
    push(northpost)
    run(app)
    fresh = rows(app)[SECOND]
    assert fresh.ref != old
    assert (fresh.state, northpost.network.subscriptions[fresh.ref].is_active) == ("active", True)
    assert fresh.expires_at
    assert fresh.expires_at > clock.now + 13 * DAY
    # Switched off: nothing is pushed any more.
    with app.db.transaction() as tx:
        tx.exec(update(Connection).where(col(Connection.id) == connection.id).values(state="disabled"))
    run(app)
    assert rows(app) == {}
    assert fresh.ref not in northpost.network.subscriptions


def test_a_handshake_that_never_comes_is_asked_for_again(
    app: App, world: World, clock: Clock, northpost: Server
) -> None:
    connection = connect(app, base_url=northpost.url)
    northpost.network.register({"number": FIRST})
    with app.db.transaction() as tx:
        tx.exec(update(Shipment).where(col(Shipment.number) == FIRST).values(connection_id=connection.id))
        tx.exec(update(Connection).where(col(Connection.id) == world.connection.id).values(state="disabled"))
    run(app)
    clock.forward(SETTLE)
    run(app)
    first = rows(app)[FIRST]
    assert first.next_at == clock.now + HANDSHAKE_WAIT
    clock.forward(HANDSHAKE_WAIT)
    run(app)
    assert (rows(app)[FIRST].state, rows(app)[FIRST].ref != first.ref) == ("waiting", True)


def test_what_a_poll_finds_that_no_push_told_takes_the_parcel_off_the_list(
    app: App, world: World, clock: Clock, northpost: Server
) -> None:
    connection = connect(app, base_url=northpost.url)
    northpost.network.register({"number": FIRST})
    early = clock.now
    with app.db.transaction() as tx:
        mine = col(Shipment.number) == FIRST
        tx.exec(update(Shipment).where(mine).values(connection_id=connection.id, pushed_at=early))
        tx.exec(update(Connection).where(col(Connection.id) == connection.id).values(last_push_at=early))
    clock.forward(timedelta(hours=8))
    poll(app)
    drain(app)
    assert shipment(app).status == "in_transit"
    assert shipment(app).pushed_at is None


def test_a_greeting_is_known_by_its_body_alone() -> None:
    def greeted(body: bytes) -> Any:
        return CARRIER.greet(Hook(body, {}), "secret")

    found = greeted(b'{"handshake":{"subscription":"sub_1","challenge":"c"}}')
    assert (found.ref, found.challenge) == ("sub_1", "c")
    for other in (b"", b"[]", b'{"handshake":1}', b'{"handshake":{"challenge":"c"}}', b'{"parcels":[]}'):
        assert greeted(other) is None
