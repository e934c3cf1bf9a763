"""Who spent the calls, what is left and what is stale: the figures behind the console page and the command."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlmodel import col, select, update

from portal.app import App
from portal.commands import usage as command
from portal.commands.usage import show_usage
from portal.tables import Connection, Shipment, Subscription
from portal.tracking.budget import Purpose, budgets_of, spend
from portal.tracking.usage import Usage, usage
from tests.conftest import Clock
from tests.world import World


def of(app: App, connection: Connection) -> Usage:
    with app.db.reading() as tx:
        (row,) = usage(tx, app.now(), [col(Connection.id) == connection.id])
    return row


def change(app: App, connection: Connection, **values: object) -> None:
    with app.db.transaction() as tx:
        tx.exec(update(Connection).where(col(Connection.id) == connection.id).values(**values))


def test_a_new_account_has_spent_nothing(app: App, world: World) -> None:
    row = of(app, world.connection)
    assert (row.breaker, row.rests_until, row.paused_until, row.next_poll_at) == ("closed", None, None, app.now())
    assert [(spent.seconds, spent.calls, spent.limit, spent.left) for spent in row.spent] == [
        (3600, 0, None, None),
        (86400, 0, None, None),
    ]
    assert (row.followed, row.due, row.near, row.stale, row.subscriptions) == (3, 3, 0, 0, {})


def test_calls_are_told_by_period_and_purpose(app: App, world: World, clock: Clock) -> None:
    change(app, world.connection, config={"calls_per_hour": 60, "calls_per_day": 250})
    for purpose in (Purpose.POLL, Purpose.LABEL, Purpose.TOKEN, None):
        with app.db.transaction() as tx:
            row = tx.get_one(Connection, world.connection.id)
            spend(tx, row.id or 0, budgets_of(row), clock.now, purpose, must=True)
    clock.forward(timedelta(hours=1))
    hour, day = of(app, world.connection).spent
    assert (hour.calls, hour.left, day.calls, day.left) == (0, 60, 4, 246)
    assert day.by == {"polls": 1, "tokens": 1, "subscriptions": 0, "labels": 1, "others": 1}


def test_what_is_near_and_unheard_of_is_stale_unless_the_carrier_pushes(app: App, world: World, clock: Clock) -> None:
    long_ago = clock.now - timedelta(hours=3)
    first, second = world.shipments
    near = {"near_from": clock.now - timedelta(hours=5)}
    with app.db.transaction() as tx:
        for shipment, values in (
            (first, {"heard_at": long_ago}),
            (second, {"heard_at": long_ago, "pushed_at": long_ago}),
            (world.other_shipment, {"heard_at": clock.now - timedelta(minutes=5)}),
        ):
            tx.exec(update(Shipment).where(col(Shipment.id) == shipment.id).values(**near, **values))
    row = of(app, world.connection)
    assert (row.near, row.stale, row.oldest_heard_at) == (3, 1, long_ago)


def test_pauses_and_the_breaker_are_told(app: App, world: World, clock: Clock) -> None:
    soon = clock.now + timedelta(minutes=9)
    change(app, world.connection, paused_until=soon)
    assert of(app, world.connection).paused_until == soon
    change(app, world.connection, failures=5, last_error_at=clock.now)
    row = of(app, world.connection)
    assert (row.breaker, row.rests_until) == ("open", clock.now + timedelta(minutes=1))
    clock.forward(timedelta(minutes=1))
    row = of(app, world.connection)
    assert (row.breaker, row.rests_until) == ("probing", None)


def test_subscriptions_are_counted_by_state(app: App, world: World, clock: Clock) -> None:
    renews = clock.now + timedelta(days=12)
    with app.db.transaction() as tx:
        for number, state, at in (("1", "active", renews), ("2", "active", None), ("3", "refused", clock.now)):
            account = world.connection.id or 0
            tx.add(Subscription(connection_id=account, number=number, state=state, next_at=at, created_at=clock.now))
    row = of(app, world.connection)
    assert (row.subscriptions, row.renews_at) == ({"active": 2, "refused": 1}, renews)


def test_agents_of_one_brand_see_theirs(app: App, world: World) -> None:
    with app.db.reading() as tx:
        assert usage(tx, app.now(), [col(Connection.brand_id) == world.basalt.id]) == []
        assert len(usage(tx, app.now())) == len(tx.exec(select(Connection)).all())


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "works"),
        ({"state": "disabled"}, "switched off"),
        (
            {"state": "bad_credentials", "state_text": "no such key"},
            "credentials refused, rests in 15 min: no such key",
        ),
        ({"failures": 6, "state_text": "503"}, "6 failures in a row, rests in 2 min: 503"),
    ],
)
def test_the_command_says_it_in_words_and_as_json(
    app: App,
    world: World,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    values: dict[str, object],
    words: str,
) -> None:
    class Opened:
        def __enter__(self) -> App:
            return app

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(command, "opened", Opened)
    change(app, world.connection, last_error_at=clock.now, last_push_at=clock.now - timedelta(days=3), **values)
    show_usage(as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split(maxsplit=2) == ["northpost", "Northpost", words]
    assert lines[1].split() == ["this", "hour", "0", "calls", "no", "limit", "known"]
    assert lines[-1] == "  subscriptions none; last push 3 days ago"
    show_usage(as_json=True)
    (told,) = json.loads(capsys.readouterr().out)
    assert told["connection"] == world.connection.public_id
    assert told["parcels"] == {"followed": 3, "due": 3, "near": 0, "stale": 0}
    assert told["spent"][0] == {
        "seconds": 3600, "calls": 0, "limit": None, "left": None,
        "polls": 0, "tokens": 0, "subscriptions": 0, "labels": 0, "others": 0,
    }  # fmt: skip
