"""What is told does not depend on when a worker happens to look, nor on which of two answers it reads first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import delete, update

from portal.app import App
from portal.connections import create_connection
from portal.jobs.delays import look_again
from portal.tables import Connection, Shipment, ShipmentItem
from tests.carriers.test_edi214 import interchange
from tests.client import Client
from tests.conftest import Clock
from tests.portal.notify.test_send import Recorder, run
from tests.portal.tracking.northpost import event, journey
from tests.portal.tracking.test_ingest import NUMBER, _reset, body, drain, keep, messages, shipment
from tests.portal.web.shopping import open_by_link
from tests.world import World

HOUR = timedelta(hours=1)


def promised(app: App, day: date | None) -> None:
    with app.db.transaction() as tx:
        tx.exec(update(Shipment).values(promised_from=day, promised_to=day))


def only_pushed(app: App) -> Connection:
    """An account that tells by itself and cannot be asked, and the parcels with it."""
    with app.db.transaction() as tx:
        fields = {"webhook_secret": "w" * 32}
        account = create_connection(
            tx, app.keys, carrier="edi214", name="A", brand_id=None, fields=fields, now=app.now()
        )
        tx.exec(update(Shipment).values(carrier="edi214", connection_id=account.id, next_at=None))
    return account


def at7(code: str, at: datetime) -> list[str]:
    """One status of a 214, whose clock is that of New York."""
    local = at.astimezone(ZoneInfo("America/New_York"))
    return ["LX*1", f"AT7*{code}*NS***{local:%Y%m%d*%H%M}*ES", "MS1*ALBANY*NY*US"]


def test_a_scan_that_lies_ahead_counts_from_its_minute_on_without_a_further_word(
    app: App, world: World, clock: Clock, client: Client
) -> None:
    promised(app, None)
    account = only_pushed(app)
    minute = clock.now + 3 * HOUR
    told = [f"B10*{NUMBER}**ACME", *at7("AF", clock.now - HOUR), *at7("X1", minute + 2 * HOUR)]
    keep(app, account, interchange(told))
    drain(app)
    order_page = open_by_link(client, app, world.order)
    row = shipment(app)
    assert (row.status, row.delay_at, row.next_at) == ("picked_up", minute, None)
    assert "With the driver" not in client.get(order_page).text
    clock.now = minute - timedelta(seconds=1)
    assert look_again(app) == 0
    clock.now = minute
    assert look_again(app) == 1
    row = shipment(app)
    assert (row.status, row.next_at) == ("out_for_delivery", None)
    assert row.delay_at
    assert row.delay_at > clock.now
    assert messages(app)["shipment.out_for_delivery:2026-11-24"] == ""
    assert "With the driver" in client.get(order_page).text
    letters = Recorder()
    run(app, letters)
    assert [letter.subject for letter in letters.messages] == ["Today: your Juniper parcel is out for delivery"]


def test_a_scan_that_lies_ahead_brings_the_next_poll_to_its_minute(app: App, world: World, clock: Clock) -> None:
    minute = clock.now + 3 * HOUR
    keep(app, world.connection, body([event("COL", clock.now - HOUR), event("VAN", minute + 14 * HOUR)]), via="poll")
    drain(app)
    before = shipment(app).next_at
    clock.now = minute
    look_again(app)
    after = shipment(app)
    assert after.status == "out_for_delivery"
    assert before
    assert after.next_at
    assert timedelta(minutes=50) < after.next_at - clock.now < timedelta(minutes=70)


def test_a_scan_that_lies_ahead_of_a_parcel_that_is_done_counts_too(app: App, world: World, clock: Clock) -> None:
    minute = clock.now + 3 * HOUR
    keep(app, world.connection, body([event("DLP", clock.now - HOUR), event("RTS", minute + 14 * HOUR)]))
    drain(app)
    row = shipment(app)
    assert (row.status, row.delay_at) == ("delivered", minute)
    clock.now = minute
    look_again(app)
    row = shipment(app)
    assert (row.status, row.delay_at) == ("returning", None)


def test_a_parcel_that_was_silent_before_its_date_passed_is_told_late(app: App, world: World, clock: Clock) -> None:
    keep(app, world.connection, body([event("COL", clock.now - HOUR)]))
    promised(app, date(2026, 11, 30))
    drain(app)
    clock.now = datetime(2026, 12, 1, tzinfo=UTC)
    keep(app, world.connection, body([event("COL", clock.now - HOUR)], "NP447109261GB"), via="poll")
    with app.db.transaction() as tx:
        tx.exec(update(Shipment).values(heard_at=clock.now))
    look_again(app)
    assert (shipment(app).delay, messages(app)["shipment.delayed:2026-11-30"]) == ("stalled", "")
    letters = Recorder()
    run(app, letters)
    assert "Your Juniper parcel is running late" in [letter.subject for letter in letters.messages]


def test_an_estimate_counts_by_when_it_was_heard_though_a_later_answer_without_one_is_read_first(
    app: App, world: World, clock: Clock
) -> None:
    told = [("2026-11-25", 3), ("2026-11-27", 2), ("", 1)]
    bodies = [
        body([], estimate={"from": day, "to": day}) if day else body([event("COL", clock.now)]) for day, _ in told
    ]
    for which in (0, 2, 1):
        clock.now -= told[which][1] * HOUR
        keep(app, world.connection, bodies[which])
        clock.now += told[which][1] * HOUR
        drain(app)
    estimate = shipment(app).estimate
    assert estimate
    assert (estimate["to"], estimate["heard_at"]) == ("2026-11-27", (clock.now - 2 * HOUR).isoformat())


def test_of_two_missed_dates_one_after_the_other_the_last_is_mailed(app: App, world: World, clock: Clock) -> None:
    promised(app, None)
    for hours, day in ((2, "2026-11-22"), (1, "2026-11-23")):
        clock.now -= hours * HOUR
        keep(app, world.connection, body([event("COL", clock.now - HOUR)], estimate={"from": day, "to": day}))
        clock.now += hours * HOUR
        drain(app)
    run(app, Recorder())
    told = messages(app)
    assert told["shipment.delayed:2026-11-22"] == "overtaken"
    assert told["shipment.delayed:2026-11-23"] == ""


def test_a_mail_names_what_is_in_a_parcel_in_the_order_of_the_lines(app: App, world: World, clock: Clock) -> None:
    first = world.shipments[0].id or 0
    tent, mugs = (line.id or 0 for line in world.lines)
    with app.db.transaction() as tx:
        tx.exec(delete(ShipmentItem))
        for line in (mugs, tent):
            tx.add(ShipmentItem(shipment_id=first, order_line_id=line, quantity=1))
            tx.flush()
    keep(app, world.connection, body([event("COL", clock.now)]))
    drain(app)
    letters = Recorder()
    run(app, letters)
    (letter,) = letters.messages
    assert letter.text.index("Cairn 2 tent") < letter.text.index("Fell enamel mug")


_days = st.sampled_from([None, "2026-11-22", "2026-11-23", "2026-11-24", "2026-11-26", "2026-11-28"])
_delivery = st.tuples(st.sampled_from([0, 0, 1, 2, 30]), st.sets(st.integers(0, 5)), _days)


@settings(max_examples=10)
@given(
    st.lists(_delivery, min_size=2, max_size=6),
    st.sampled_from([None, date(2026, 11, 22), date(2026, 11, 23), date(2026, 11, 25)]),
    st.data(),
)
def test_conflicting_estimates_in_any_order_end_in_one_story(
    app: App, world: World, clock: Clock, told: list[tuple[int, set[int], str | None]], day: date | None, data: Any
) -> None:
    """What was heard at one time is one state and one set of mails, in whatever order and batches it is read."""
    now = clock.now
    events = journey(now - 42 * HOUR)

    def outcome(order: Sequence[int], stops: Sequence[bool]) -> Any:
        _reset(app, world, clock)
        promised(app, day)
        for position, stop in zip(order, stops, strict=True):
            hours, which, estimate = told[position]
            more: dict[str, Any] = {"estimate": {"from": estimate, "to": estimate}} if estimate else {}
            clock.now = now - hours * HOUR
            keep(app, world.connection, body([events[n] for n in sorted(which)], service=f"s{position}", **more))
            clock.now = now
            if stop:
                drain(app)
        drain(app)
        run(app, Recorder())
        row = shipment(app)
        sent = {key for key, suppressed in messages(app).items() if not suppressed}
        return row.story, row.status, row.estimate, row.window_from, row.window_to, row.delay, row.delay_at, sent

    order = data.draw(st.permutations(range(len(told))))
    stops = data.draw(st.lists(st.booleans(), min_size=len(told), max_size=len(told)))
    assert outcome(order, stops) == outcome(range(len(told)), [False] * len(told))
