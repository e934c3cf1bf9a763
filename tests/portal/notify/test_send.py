"""From the outbox to a relay and back: sent once, kept as sent, tried again, given up, and never untrue."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from threading import Event as Flag
from typing import Any
from unittest.mock import Mock

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import select

from portal.app import App
from portal.keys import token_hash
from portal.notify import send
from portal.notify.channels.email import Email, Patience
from portal.notify.contract import Message, SendLater, SendNever, Sent
from portal.notify.events import Event
from portal.notify.outbox import channel_trouble
from portal.notify.send import LEASE, send_due
from portal.settings import Settings
from portal.tables import AccessLink, Brand, Order, Refund, ReturnCase, Shipment
from portal.work import Job
from portal.worker import Ticker
from tests.conftest import SECRET_KEY, Clock
from tests.portal.notify.relay import Relay, running
from tests.portal.notify.scenes import outbox_row, queue
from tests.world import World

CHANNELS = {"email": Email(Patience(command=0.5, final_dot=0.5))}


def towards(app: App, relay: Relay) -> App:
    """The same application with its mail relay set to this one."""
    settings = app.settings.model_copy(update={"smtp_host": "127.0.0.1", "smtp_port": relay.port, "smtp_tls": "none"})
    return replace(app, settings=settings)


class Recorder:
    """A channel that keeps what it is handed, or fails as told."""

    slug = "email"

    def __init__(self, *failures: Exception | None) -> None:
        self.failures = list(failures)
        self.messages: list[Message] = []

    @contextmanager
    def open(self, settings: Settings) -> Iterator[Recorder]:
        yield self

    def send(self, message: Message) -> Sent:
        self.messages.append(message)
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        return Sent("taken")


def run(app: App, recorder: Recorder) -> int:
    return send_due(app, {"email": recorder})


@pytest.mark.parametrize("event", list(Event))
def test_every_message_goes_out_once_and_is_kept_as_sent_without_its_link(app: App, world: World, event: Event) -> None:
    row_id = queue(app, world, event)
    with running(Relay()) as relay:
        assert send_due(towards(app, relay), CHANNELS) == 1
        assert send_due(towards(app, relay), CHANNELS) == 0
    row = outbox_row(app, row_id)
    assert (row.suppressed, row.error) == ("", "")
    (mail,) = relay.mails
    assert relay.recipients == ["ada@example.test"]
    assert mail["Subject"] == row.subject
    assert mail["Message-ID"] == f"<{row.message_id}>"
    assert (row.done_at, row.next_at, row.dead_at, row.error) == (app.now(), None, None, "")
    assert "queued as 1" in row.provider_id
    text = mail.get_body(("plain",))
    assert text is not None
    link = next(line for line in text.get_content().splitlines() if line.startswith("http://juniper.test/t/"))
    token, _, place = link.rpartition("/")[2].partition("?")
    assert bool(place) == (event.value.startswith("return."))
    assert token not in row.text
    assert row.text.replace("/t/…", f"/t/{token}", 1) == text.get_content().replace("\r\n", "\n")
    with app.db.reading() as tx:
        stored = tx.get_one(AccessLink, token_hash(token))
        assert (stored.order_id, stored.expires_at) == (world.order.id, app.now() + timedelta(days=60))


def test_the_label_travels_with_its_mail(app: App, world: World) -> None:
    queue(app, world, Event.LABEL_ISSUED)
    run(app, recorder := Recorder())
    (file,) = recorder.messages[0].attachments
    assert (file.name, file.mime, file.body) == ("return-label-R-JSSUED.pdf", "application/pdf", b"%PDF-1.7 label")


def test_a_mail_speaks_as_its_brand_and_replies_reach_people(app: App, world: World) -> None:
    queue(app, world, Event.SHIPPED, other=True)
    run(app, recorder := Recorder())
    (message,) = recorder.messages
    assert (message.sender_name, message.sender_email) == ("Basalt", "post@basalt.example")
    assert (message.reply_to, message.list_id) == ("help@basalt.example", "orders.basalt.basalt.example")
    assert "Juniper" not in message.text + message.html + message.subject
    assert "http://basalt.test/t/" in message.text


def test_a_mail_that_went_out_as_the_database_went_away_is_recorded_later_and_not_sent_again(
    app: App, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [queue(app, world, event) for event in (Event.SHIPPED, Event.ORDER_LINK)]
    recorder = Recorder()
    ticker = Ticker(app, Job("send", timedelta(seconds=2), lambda app: run(app, recorder)), "w", Flag())
    with monkeypatch.context() as away:
        lost = OperationalError("UPDATE", {}, Exception("the server is away"), connection_invalidated=True)
        away.setattr(send, "done", Mock(side_effect=lost))
        ticker()
    assert len(recorder.messages) == 1
    ticker()
    rows = [outbox_row(app, row_id) for row_id in ids]
    assert [row.done_at for row in rows] == [app.now(), app.now()]
    assert [row.tries for row in rows] == [1, 1]
    assert rows[0].provider_id == "taken"
    assert rows[0].subject == recorder.messages[0].subject
    assert [message.message_id for message in recorder.messages] == [row.message_id for row in rows]


def test_a_failure_that_may_pass_is_tried_again_with_the_same_message_id(app: App, world: World, clock: Clock) -> None:
    row_id = queue(app, world, Event.SHIPPED)
    recorder = Recorder(SendLater("451 try again"), SendLater("451 try again"))
    run(app, recorder)
    assert run(app, recorder) == 0  # not due yet
    row = outbox_row(app, row_id)
    assert (row.tries, row.error, row.done_at) == (1, "451 try again", None)
    for _ in range(2):
        clock.forward(timedelta(minutes=5))
        run(app, recorder)
    assert len({message.message_id for message in recorder.messages}) == 1
    assert len({message.text for message in recorder.messages}) == 3  # a fresh link each time
    row = outbox_row(app, row_id)
    assert (row.tries, row.error, row.done_at) == (3, "", clock.now)


def test_a_failure_that_stays_is_given_up_after_the_last_try(app: App, world: World, clock: Clock) -> None:
    row_id = queue(app, world, Event.LABEL_ISSUED)
    recorder = Recorder(*[SendLater("451 try again")] * 20)
    for _ in range(20):
        run(app, recorder)
        clock.forward(timedelta(hours=2))
    row = outbox_row(app, row_id)
    assert row.dead_at is not None
    assert (row.next_at, len(recorder.messages)) == (None, 8)


def test_a_dead_address_is_tried_once(app: App, world: World) -> None:
    row_id = queue(app, world, Event.SHIPPED)
    run(app, recorder := Recorder(SendNever("bounced: 550", bounced=True)))
    row = outbox_row(app, row_id)
    assert (row.dead_at, row.next_at, row.error) == (app.now(), None, "bounced: 550")
    assert (run(app, recorder), len(recorder.messages)) == (0, 1)


def test_one_bad_message_does_not_hold_up_the_others(app: App, world: World) -> None:
    bad = queue(app, world, Event.SHIPPED)
    queue(app, world, Event.LABEL_ISSUED)
    queue(app, world, Event.SHIPPED, other=True)
    with app.db.transaction() as tx:
        shipment = tx.get_one(Shipment, world.shipments[0].id)
        shipment.story = {"reached": 7, "window": 3}
        tx.add(shipment)
    run(app, recorder := Recorder())
    assert len(recorder.messages) == 2
    row = outbox_row(app, bad)
    assert row.error.startswith("cannot be written")
    assert row.next_at is not None


def test_when_the_relay_is_down_the_batch_waits_and_no_message_loses_a_try(
    app: App, world: World, clock: Clock
) -> None:
    ids = [queue(app, world, event) for event in (Event.SHIPPED, Event.LABEL_ISSUED, Event.ORDER_LINK)]
    recorder = Recorder(*[SendLater("mail relay: it refuses our sign-in", channel_wide=True)] * 40)
    for _ in range(40):
        assert run(app, recorder) == 0
        clock.forward(timedelta(minutes=2))
    waiting = [outbox_row(app, row_id) for row_id in ids]
    assert [(row.tries, row.dead_at, row.done_at) for row in waiting] == [(0, None, None)] * 3
    with app.db.reading() as tx:
        assert channel_trouble(tx) == "mail relay: it refuses our sign-in"
    assert run(app, Recorder()) == 3
    with app.db.reading() as tx:
        assert channel_trouble(tx) == ""


def test_an_unknown_channel_is_given_up_by_name(app: App, world: World) -> None:
    row_id = queue(app, world, Event.SHIPPED)
    assert send_due(app, {}) == 0
    assert outbox_row(app, row_id).error == "there is no channel 'email'"


def test_a_lost_answer_after_the_dot_is_sent_again_under_the_same_id(app: App, world: World, clock: Clock) -> None:
    row_id = queue(app, world, Event.DELIVERED)
    with running(Relay(drop="after dot")) as relay:
        send_due(towards(app, relay), CHANNELS)
        assert outbox_row(app, row_id).done_at is None
        relay.drop = ""
        clock.forward(timedelta(minutes=2))
        send_due(towards(app, relay), CHANNELS)
    assert [mail["Message-ID"] for mail in relay.mails] == [f"<{outbox_row(app, row_id).message_id}>"] * 2
    assert outbox_row(app, row_id).done_at == clock.now


_SENDS = """
import sys
from datetime import datetime
from portal.app import build
from portal.notify.send import send_due
from portal.settings import load
app = build(load(), now=lambda: datetime.fromisoformat(sys.argv[1]))
print(send_due(app))
"""


@pytest.mark.parametrize(("point", "handed_over"), [("send.after_claim", 1), ("send.after_send", 2)])
def test_a_crash_sends_again_under_the_same_id_and_loses_nothing(
    app: App, world: World, clock: Clock, point: str, handed_over: int
) -> None:
    row_id = queue(app, world, Event.DELIVERED)
    with running(Relay()) as relay:
        environment = {
            **os.environ,
            "DOORSTEP_DATABASE_URL": app.settings.database_url,
            "DOORSTEP_SECRET_KEY": SECRET_KEY,
            "DOORSTEP_SMTP_HOST": "127.0.0.1",
            "DOORSTEP_SMTP_PORT": str(relay.port),
            "DOORSTEP_SMTP_TLS": "none",
            "DOORSTEP_CRASH": point,
        }
        command = [sys.executable, "-c", _SENDS, clock.now.isoformat()]
        died = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert died.returncode == 137, died.stderr
        assert send_due(towards(app, relay), CHANNELS) == 0  # the lease still runs
        clock.forward(LEASE + timedelta(seconds=1))
        assert send_due(towards(app, relay), CHANNELS) == 1
    row = outbox_row(app, row_id)
    assert [mail["Message-ID"] for mail in relay.mails] == [f"<{row.message_id}>"] * handed_over
    assert row.done_at == clock.now


def edit(app: App, table: type[Any], row_id: int | None, **values: Any) -> None:
    with app.db.transaction() as tx:
        row = tx.get_one(table, row_id)
        for name, value in values.items():
            setattr(row, name, value)
        tx.add(row)


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (Event.SHIPPED, "out_for_delivery"),
        (Event.SHIPPED, "delivered"),
        (Event.SHIPPED, "cancelled"),
        (Event.DELAYED, "out_for_delivery"),
        (Event.DELAYED, "delivered"),
        (Event.OUT_FOR_DELIVERY, "delivered"),
        (Event.OUT_FOR_DELIVERY, "attempt_failed"),
        (Event.DELIVERED, "returning"),
    ],
)
def test_what_is_no_longer_true_when_its_turn_comes_is_not_sent(
    app: App, world: World, event: Event, status: str
) -> None:
    row_id = queue(app, world, event)
    edit(app, Shipment, world.shipments[0].id, status=status)
    run(app, recorder := Recorder())
    row = outbox_row(app, row_id)
    assert recorder.messages == []
    assert (row.suppressed, row.done_at, row.next_at) == ("overtaken", app.now(), None)


def test_a_delay_that_went_away_is_not_announced(app: App, world: World) -> None:
    row_id = queue(app, world, Event.DELAYED)
    edit(app, Shipment, world.shipments[0].id, delay="none")
    run(app, recorder := Recorder())
    assert (recorder.messages, outbox_row(app, row_id).suppressed) == ([], "overtaken")


def test_today_is_only_said_on_that_day(app: App, world: World, clock: Clock) -> None:
    row_id = queue(app, world, Event.OUT_FOR_DELIVERY)
    clock.forward(timedelta(hours=13))  # past midnight in London
    run(app, recorder := Recorder())
    assert (recorder.messages, outbox_row(app, row_id).suppressed) == ([], "overtaken")


def test_news_that_waited_two_days_for_the_relay_is_not_sent(app: App, world: World, clock: Clock) -> None:
    row_id = queue(app, world, Event.DELIVERED)
    clock.forward(timedelta(hours=49))
    run(app, recorder := Recorder())
    assert (recorder.messages, outbox_row(app, row_id).suppressed) == ([], "stale")


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (Event.RETURN_APPROVED, "cancelled"),
        (Event.LABEL_ISSUED, "cancelled"),
        (Event.LABEL_ISSUED, "in_transit"),
        (Event.RETURN_REJECTED, "requested"),
    ],
)
def test_a_return_that_moved_on_is_not_told_the_past(app: App, world: World, event: Event, status: str) -> None:
    row_id = queue(app, world, event)
    edit(app, ReturnCase, outbox_row(app, row_id).return_id, status=status)
    run(app, recorder := Recorder())
    assert (recorder.messages, outbox_row(app, row_id).suppressed) == ([], "overtaken")


def test_a_refund_that_failed_is_not_announced(app: App, world: World) -> None:
    row_id = queue(app, world, Event.REFUND_SUBMITTED)
    with app.db.transaction() as tx:
        refund = tx.exec(select(Refund)).one()
        refund.state = "failed"
        tx.add(refund)
    run(app, Recorder())
    assert outbox_row(app, row_id).suppressed == "overtaken"


def test_dates_are_those_of_the_moment_of_sending(app: App, world: World) -> None:
    queue(app, world, Event.SHIPPED)
    edit(app, Shipment, world.shipments[0].id, window_from=date(2026, 11, 30), window_to=date(2026, 12, 1))
    run(app, recorder := Recorder())
    assert "Mon 30 Nov – Tue 1 Dec" in recorder.messages[0].text
    assert "24" not in recorder.messages[0].subject


def test_a_window_that_is_past_is_not_promised_again(app: App, world: World) -> None:
    queue(app, world, Event.SHIPPED)
    edit(app, Shipment, world.shipments[0].id, window_from=date(2026, 11, 20), window_to=date(2026, 11, 22))
    run(app, recorder := Recorder())
    assert "Nov" not in recorder.messages[0].subject
    assert "22 Nov" not in recorder.messages[0].text


def test_a_line_break_in_the_brands_name_cannot_add_a_header(app: App, world: World) -> None:
    queue(app, world, Event.SHIPPED)
    edit(app, Brand, world.juniper.id, name="J\r\nBcc: eve@example.test", sender_name="J\r\nBcc: eve@example.test")
    edit(app, Order, world.order.id, number="J-1001\r\nBcc: eve@example.test")
    app.brands.forget()
    with running(Relay()) as relay:
        send_due(towards(app, relay), CHANNELS)
    assert relay.recipients == ["ada@example.test"]
    assert relay.mails[0]["Bcc"] is None


def test_two_workers_share_a_queue_without_sending_twice(app: App, world: World) -> None:
    for event in (Event.SHIPPED, *(event for event in Event if event.about != "shipment")):
        queue(app, world, event)
    with running(Relay()) as relay, ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: send_due(towards(app, relay), CHANNELS), range(3)))
    ids = [mail["Message-ID"] for mail in relay.mails]
    assert len(ids) == len(set(ids)) == 6
