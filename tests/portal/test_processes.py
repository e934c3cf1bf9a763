"""The program in earnest: PostgreSQL, two servers, two workers, and what can be pulled from under them."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from carriers.simulated.northpost_server import Server as Northpost
from portal.mailcatcher import MailCatcher
from tests.conftest import SECRET_KEY
from tests.portal.cli.test_commands import Ended, doorstep
from tests.portal.processes import STOP_SECONDS, Household, Running, fan_out, read_answer, until
from tests.portal.tracking.northpost import SECRET, delivery, event, signed
from tests.postgres import Cluster, NoPostgres, fragile_cluster

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.xdist_group("processes")]

HOST = "acme.test"
API_KEY = "np_key_of_tests"
DAY = timedelta(seconds=2)
SCRIPTS = ("on_time", "duplicated", "out_of_order")


@dataclass
class Site:
    """The installation: two servers, two workers, a carrier and a mail catcher around one cluster."""

    cluster: Cluster
    url: str
    environment: dict[str, str]
    folder: Path
    household: Household
    carrier: Northpost
    mail: MailCatcher
    hook_path: str
    servers: list[Running]
    workers: list[Running]
    looking: psycopg.Connection[tuple[Any, ...]] | None = None

    def cli(self, *arguments: str, stdin: bytes = b"") -> Ended:
        ended = doorstep(*arguments, url=self.url, stdin=stdin, **self.environment)
        assert ended.returncode == 0, ended.stderr.decode()
        return ended

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        if self.looking is None or self.looking.closed:
            self.looking = psycopg.connect(self.url, autocommit=True)
        found = self.looking.execute(sql.encode())
        return found.fetchall() if found.description else []

    def count(self, sql: str) -> int:
        return int(self.rows(f"SELECT count(*) FROM {sql}")[0][0])

    def take_in(self, numbers: Sequence[str]) -> None:
        """Orders of one parcel each, by the command line."""
        orders = [
            {
                "number": f"A-{number}",
                "placed_at": datetime.now(UTC).isoformat(),
                "currency": "EUR",
                "email": f"{number.lower()}@shopper.test",
                "ship_to": {"lines": ["1 Example Street"], "city": "Berlin", "postcode": "10115", "country": "DE"},
                "lines": [{"id": "1", "sku": "MUG", "title": "Mug", "quantity": 1, "unit_price": "14.50"}],
                "shipments": [{"carrier": "Northpost", "number": number}],
            }
            for number in numbers
        ]
        told = self.cli("import-orders", "json", "-", "--brand", "acme", stdin=json.dumps(orders).encode())
        assert f"imported {len(numbers)}".encode() in told.stdout

    def hook(self, server: Running, body: bytes) -> httpx.Response:
        return httpx.post(
            server.url + self.hook_path, content=body, headers=signed(body, datetime.now(UTC)), trust_env=False
        )

    def sent_ids(self) -> Counter[str]:
        """The Message-ID of every mail caught, with how often it came."""
        mails = (self.mail.caught.read(name) for name in self.mail.caught.names())
        return Counter(str(mail["Message-ID"]).strip("<> ") for mail in mails if mail)

    def is_settled(self) -> bool:
        return not (
            self.count("inbox WHERE done_at IS NULL AND dead_at IS NULL")
            or self.count("outbox WHERE done_at IS NULL AND dead_at IS NULL")
        )


def page(server: Running, path: str = "/") -> httpx.Response:
    return httpx.get(server.url + path, headers={"host": HOST}, trust_env=False, timeout=20)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Set up by the command line alone, as the README says."""
    folder = tmp_path_factory.mktemp("site")
    with ExitStack() as stack:
        try:
            cluster = stack.enter_context(fragile_cluster(durable=True))
        except NoPostgres as reason:
            pytest.skip(f"no PostgreSQL: {reason}")
        with psycopg.connect(cluster.url.format("postgres"), autocommit=True) as admin:
            admin.execute("CREATE DATABASE doorstep")
        mail = MailCatcher(folder / "mail")
        mail.start()
        stack.callback(mail.stop)
        installed = _installed(stack, cluster, mail, folder)
        yield installed
        if installed.looking:
            installed.looking.close()


def _installed(stack: ExitStack, cluster: Cluster, mail: MailCatcher, folder: Path) -> Site:
    url = cluster.url.format("doorstep")
    environment = {
        "DOORSTEP_DATABASE_URL": url,
        "DOORSTEP_SECRET_KEY": SECRET_KEY,
        "DOORSTEP_HTTPS": "false",
        "DOORSTEP_TEST_CARRIERS": "true",
        "DOORSTEP_SMTP_HOST": "127.0.0.1",
        "DOORSTEP_SMTP_PORT": str(mail.smtp_port),
        "DOORSTEP_SMTP_TLS": "none",
    }
    household = Household(folder, environment)
    stack.callback(household.end)
    targets: list[str] = []
    relay = stack.enter_context(fan_out(targets, lambda: made.hook_path))
    carrier = stack.enter_context(Northpost(api_key=API_KEY, day=DAY, hook_url=relay, hook_secret=SECRET))
    made = Site(cluster, url, environment, folder, household, carrier, mail, "", [], [])
    made.cli("migrate")
    made.cli("brand", "add", "acme", "--name", "Acme", "--host", HOST, "--sender-email", "post@acme.test")
    made.cli("agent", "add", "kim@acme.test", "--generate")
    secrets = {"DOORSTEP_CONNECTION_API_KEY": API_KEY, "DOORSTEP_CONNECTION_WEBHOOK_SECRET": SECRET}
    made.environment |= secrets
    told = made.cli("connection", "add", "northpost", "--set", f"base_url={carrier.url}").stdout.decode()
    made.hook_path = "/hooks/" + told.partition("/hooks/")[2].strip()
    made.cli("check")
    with ThreadPoolExecutor(4) as pool:
        starts = [
            pool.submit(start) for start in (household.server, household.server, household.worker, household.worker)
        ]
    running = [start.result() for start in starts]
    made.servers, made.workers = running[:2], running[2:]
    targets += [server.url for server in made.servers]
    return made


def test_two_servers_and_two_workers_tell_each_fact_once(site: Site) -> None:
    numbers = [f"NP5000000{index:02}DE" for index in range(6)]
    for index, number in enumerate(numbers):
        site.carrier.network.register({"number": number, "script": SCRIPTS[index % len(SCRIPTS)]})
    site.take_in(numbers)
    until("every parcel is polled", lambda: site.count("inbox WHERE via = 'poll' AND done_at IS NOT NULL") > 0)
    moving = "SELECT number, status FROM shipment WHERE number LIKE 'NP5%' AND status <> 'delivered'"
    until("every parcel is delivered", lambda: not site.rows(moving), seconds=40, saying=lambda: site.rows(moving))
    until("all is told", site.is_settled)
    sent = site.sent_ids()
    told = {row[0] for row in site.rows("SELECT message_id FROM outbox WHERE suppressed = '' AND done_at IS NOT NULL")}
    assert set(sent.values()) == {1}
    assert set(sent) == told
    assert site.count("outbox WHERE event = 'shipment.delivered' AND suppressed = ''") == len(numbers)
    steps = "SELECT shipment_id, event FROM outbox WHERE suppressed = '' GROUP BY 1, 2 HAVING count(*) > 1"
    assert site.rows(steps) == []
    assert site.rows("SELECT shipment_id, code, at FROM scan GROUP BY 1, 2, 3 HAVING count(*) > 1") == []
    assert site.count("(SELECT DISTINCT worker FROM heartbeat WHERE job = 'ingest') AS those") == 2
    assert site.count("inbox WHERE dead_at IS NOT NULL") == 0
    for running in (*site.servers, *site.workers):
        assert "Traceback" not in running.said
        assert "job_failed" not in running.said
        assert "running instances" not in running.said


def test_while_postgresql_is_away_everybody_is_asked_to_come_again(site: Site) -> None:
    number = "NP700000001DE"
    site.carrier.network.register({"number": number, "script": "silent"})
    site.take_in([number])
    until("all is told", site.is_settled)
    for server in site.servers:
        assert page(server).status_code == 200
    if site.looking:
        site.looking.close()
    site.cluster.pull_the_plug()
    try:
        body = delivery(number, [event("COL", datetime.now(UTC))], "after the plug")
        for server in (*site.servers, *site.servers):
            for answer in (page(server, "/t/any-link"), site.hook(server, body)):
                assert (answer.status_code, answer.headers.get("retry-after")) == (503, "5")
            assert httpx.get(f"{server.url}/health/live", trust_env=False, timeout=20).status_code == 200
            assert httpx.get(f"{server.url}/health/ready", trust_env=False, timeout=20).status_code == 503
    finally:
        site.cluster.start()
    began = time.monotonic()
    for server in site.servers:
        until("pages are back", lambda server=server: page(server, "/t/any-link").status_code < 500)  # type: ignore[misc]
        until("webhooks are back", lambda server=server: site.hook(server, body).status_code == 200)  # type: ignore[misc]
    mine = "scan WHERE shipment_id = (SELECT id FROM shipment WHERE number = 'NP700000001DE') AND text = 'Code COL'"
    until("the parcel is heard of", lambda: site.count(mine) == 1)
    until("all is told", site.is_settled)
    assert time.monotonic() - began < 60
    assert set(site.sent_ids().values()) <= {1, 2}
    for running in (*site.servers, *site.workers):
        assert running.process.poll() is None
        assert "Traceback" not in running.said


def test_work_of_a_killed_worker_is_done_by_the_next(site: Site) -> None:
    """One is held, so that the work in hand is the other's, which is killed amid it."""
    numbers = [f"NP6000000{index:02}DE" for index in range(24)]
    for number in numbers:
        site.carrier.network.register({"number": number, "script": "silent"})
    until("all is told", site.is_settled)
    survivor, victim = site.workers
    survivor.process.send_signal(signal.SIGSTOP)
    site.take_in(numbers)
    in_hand = "outbox WHERE tries > 0 AND done_at IS NULL AND dead_at IS NULL"
    until("it has mails in hand", lambda: site.count(in_hand) > 0)
    victim.process.kill()
    victim.process.wait()
    left = site.count(in_hand)
    assert left > 0
    survivor.process.send_signal(signal.SIGCONT)
    for table in ("inbox", "outbox"):  # the leases run out
        site.rows(f"UPDATE {table} SET next_at = now() WHERE done_at IS NULL AND dead_at IS NULL")
    shipped = "outbox WHERE event = 'shipment.shipped' AND done_at IS NOT NULL AND shipment_id IN "
    shipped += "(SELECT id FROM shipment WHERE number LIKE 'NP6%')"
    until("each has its mail", lambda: site.count(shipped) == len(numbers) and site.is_settled())
    sent = site.sent_ids()
    told = {row[0] for row in site.rows("SELECT message_id FROM outbox WHERE suppressed = '' AND done_at IS NOT NULL")}
    assert set(sent) == told
    # A mail that was handed over but not recorded yet is sent again, under the same Message-ID: at most the one.
    assert sum(sent.values()) - len(sent) <= 1
    assert survivor.terminate() < STOP_SECONDS
    assert survivor.process.returncode == 0


def test_a_stop_under_load_resets_no_request(site: Site) -> None:
    """Kept connections, as a reverse proxy has them: each is answered to the end, and told when it is the last."""
    server = site.servers.pop()
    assert page(server).status_code == 200
    counts: Counter[str] = Counter()
    begun = threading.Barrier(9)

    def ask() -> None:
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=STOP_SECONDS) as held:
            for turn in range(25):
                held.sendall(f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
                status, head = read_answer(held)
                counts[str(status)] += 1
                if turn == 2:
                    begun.wait(STOP_SECONDS)
                if b"connection: close" in head.lower():
                    counts["told"] += 1
                    return

    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(ask) for _ in range(8)]
        begun.wait(STOP_SECONDS)
        took = server.terminate()
        for one in asking:
            one.result()
    assert took < STOP_SECONDS
    assert set(counts) <= {"200", "told"}
    assert counts["200"] >= 24
    assert "Traceback" not in server.said
