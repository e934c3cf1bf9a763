"""The running demo and Debian's Chromium: what the browser tests and the screenshots are played on."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright, expect

from portal.demo.catalogue import PRODUCTS
from portal.demo.seed import CURRENCY, PREFIX
from tests.ports import free_port

READY_SECONDS = 150
# Says what is wrong with the page that is open, in words.
FAULTS = Path(__file__).with_name("faults.js").read_text()
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ADA, POSTCODE = "Ada Sample", "LS1 4AP"
# Orders of their own for tests that change something, beside the demo's samples.
STOCK = {"tarnwick": 8, "noctuelle": 1}
ITEMS = {
    "tarnwick": {"JACKET-M-SPR": 1, "MUG-350": 2, "PEGS-6": 1},
    "noctuelle": {"SERUM-30": 1, "BALM-100": 2},
}


class NoBrowser(Exception):
    """Chromium is not installed here."""


@dataclass(frozen=True, slots=True)
class Sample:
    """An order that a shopper can look up, at one of the two brands."""

    base: str
    number: str
    email: str
    postcode: str


@dataclass(slots=True)
class Demo:
    """The demo as it runs: where it is, and what a person beside the browser can do about it."""

    folder: Path
    where: dict[str, Any]
    stock: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def sample(self, index: int) -> Sample:
        """One of the announced orders: 0 two parcels, 1 delayed, 2 delivered, 3 the second brand's."""
        told = self.where["orders"][index]
        return Sample(self.base(told["brand"]), told["number"], told["email"], told["postcode"])

    def other(self, number: str) -> Sample:
        """One of the orders that only fill the console."""
        asked = "SELECT b.slug, o.number, o.email, o.postcode_key FROM shop_order o JOIN brand b ON b.id = o.brand_id"
        row = next(row for row in self.rows(asked) if row[1].endswith(number))
        return Sample(self.base(row[0]), *row[1:])

    def base(self, brand: str) -> str:
        """The address of a brand's pages."""
        return str(self.where["web"] if brand == "tarnwick" else self.where["second_brand"])

    def rows(self, asked: str, *values: object) -> list[tuple[Any, ...]]:
        """What stands in the demo's database."""
        with self._database() as db:
            return db.execute(asked, values).fetchall()

    def change(self, order: str, *values: object) -> None:
        """Changes the demo's database behind its back."""
        with self._database() as db, db:
            db.execute(order, values)

    def forget_tries(self) -> None:
        """All browsers here are one household to the rate limits; each test starts with none of its tries used."""
        self.change("DELETE FROM hit")

    @contextlib.contextmanager
    def locale(self, brand: str, locale: str) -> Iterator[None]:
        """The brand in another language, until the block ends. The web process notices within five seconds."""
        before = self.rows("SELECT locale FROM brand WHERE slug = ?", brand)[0][0]
        self.change("UPDATE brand SET locale = ? WHERE slug = ?", locale, brand)
        try:
            self._served_as(brand, locale)
            yield
        finally:
            self.change("UPDATE brand SET locale = ? WHERE slug = ?", before, brand)
            self._served_as(brand, before)

    def arrived(self, brand: str = "tarnwick") -> Sample:
        """An order that arrived three days ago and that no other test has."""
        number, email = self.stock[brand].pop()
        asked = "SELECT s.status FROM shipment s JOIN shop_order o ON o.id = s.order_id WHERE o.number = ?"
        until(lambda: self.rows(asked, number) == [("delivered",)], f"{number} never became delivered")
        return Sample(self.base(brand), number, email, POSTCODE)

    def stock_up(self) -> None:
        """Registers parcels at the carrier and imports their orders by the command line, as a shop does."""
        for brand, count in STOCK.items():
            orders = [_order(brand, n, self._parcel(), datetime.now(UTC)) for n in range(count)]
            file = self.folder / f"{brand}.json"
            file.write_text(json.dumps(orders), encoding="utf-8")
            command = [sys.executable, "-m", "portal", "import-orders", "json", str(file), "--brand", brand]
            subprocess.run(command, env=self._environment(), check=True, timeout=90)
            self.stock[brand] = [(order["number"], order["email"]) for order in orders]

    def drop_off(self, number: str) -> None:
        """Hands a return parcel in at the simulated carrier."""
        self._carrier(f"/v1/parcels/{number}/drop-off", {})

    def mail(self, to: str, words: str) -> str:
        """The address of the newest caught mail whose subject holds these words; waits for it."""
        found: list[str] = []

        def arrived() -> bool:
            mails = httpx.get(f"{self.where['mail']}/mails.json", trust_env=False, timeout=30).json()
            found[:] = [m["id"] for m in mails if to in m["to"] and words.lower() in m["subject"].lower()]
            return bool(found)

        until(arrived, f"no mail to {to} about {words!r}")
        return f"{self.where['mail']}/mails/{found[0]}"

    def _parcel(self) -> str:
        asked = {
            "script": "on_time",
            "from": {"city": "Penrith", "postcode": "CA11 9GN", "country": "GB"},
            "to": {"city": "Leeds", "postcode": POSTCODE, "country": "GB"},
            "started_at": (datetime.now(UTC) - timedelta(days=5)).isoformat(),
        }
        return str(self._carrier("/v1/parcels", asked)["number"])

    def _carrier(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        carrier = self.where["carrier"]
        answer = httpx.post(
            carrier["url"] + path, json=body, headers={"Northpost-Key": carrier["api_key"]}, trust_env=False, timeout=30
        )
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    def _served_as(self, brand: str, locale: str) -> None:
        def is_it() -> bool:
            return (
                f'<html lang="{locale.replace("_", "-")}"'
                in httpx.get(self.base(brand), trust_env=False, timeout=30).text
            )

        until(is_it, f"{brand} was not served in {locale}")

    def _environment(self) -> dict[str, str]:
        state = json.loads((self.folder / "state.json").read_text())
        ours = {"DATABASE_URL": f"sqlite:///{self.folder / 'doorstep.db'}", "SECRET_KEY": state["key"]}
        return _plain_environment() | {f"DOORSTEP_{name}": value for name, value in ours.items()}

    @contextlib.contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self.folder / "doorstep.db", timeout=20)
        try:
            yield db
        finally:
            db.close()


@contextlib.contextmanager
def running_demo(folder: Path) -> Iterator[Demo]:
    """Starts `doorstep demo` on a free port, waits until every sample parcel has been heard of, and ends it."""
    folder.mkdir(parents=True, exist_ok=True)
    told = folder / "where.json"
    told.unlink(missing_ok=True)
    with (folder / "demo.log").open("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "portal", "demo", "--dir", str(folder)],
            env=_plain_environment() | {"PORT": str(free_port())},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            until(lambda: _is_whole(told) or process.poll() is not None, "the demo is not ready", READY_SECONDS)
            if not _is_whole(told):
                log.seek(0)
                raise AssertionError(f"the demo did not start:\n{log.read()}")
            demo = Demo(folder, json.loads(told.read_bytes()))
            demo.stock_up()
            yield demo
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def chromium(playwright: Playwright) -> Browser:
    """Debian's Chromium. Raises NoBrowser with what to do about it."""
    path = shutil.which("chromium")
    if path is None:
        raise NoBrowser("there is no chromium here; on Debian: apt-get install chromium")
    return playwright.chromium.launch(executable_path=path, args=list(FLAGS))


def until(is_so: Callable[[], bool], complaint: str, seconds: float = 60) -> None:
    """Asks again and again what only another process can answer. Raises AssertionError with the complaint."""
    ends_at = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > ends_at:
            raise AssertionError(f"{complaint} (waited {seconds:.0f} s)")
        time.sleep(0.2)  # a pause between questions to another process, never a guess at how long it takes


def look_up(page: Page, order: Sample, who: str = "") -> None:
    """From the lookup page to the order, with the e-mail unless told otherwise."""
    page.goto(order.base)
    page.get_by_label("Order number").fill(order.number)
    page.get_by_label("Email or delivery postcode").fill(who or order.email)
    follow(page.get_by_role("button", name="Find my order"))


def follow(what: Locator) -> None:
    """Clicks what leads to another page, or to the same one anew, and waits until that is loaded.

    A click by itself returns while the old page still stands: what follows it would be read there, or in between.
    """
    with what.page.expect_navigation():
        what.click()


def press(page: Page, key: str) -> None:
    """A key that leads to another page, or to the same one anew."""
    with page.expect_navigation():
        page.keyboard.press(key)


def tab_to(page: Page, wanted: Locator, most: int = 40) -> None:
    """Tab until it has the focus, `most` times at the most; everything on the way shows where one is."""
    for _ in range(most):
        page.keyboard.press("Tab")
        on, is_seen = page.evaluate(
            """() => {
              const e = document.activeElement, label = e.closest('label'), outlined = x => {
                const s = getComputedStyle(x); return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2 };
              return [e.outerHTML.slice(0, 120), outlined(e) || !!label && outlined(label)];
            }"""
        )
        assert is_seen, f"the focus cannot be seen on {on}"
        if wanted.evaluate("e => e === document.activeElement"):
            return
    raise AssertionError(f"not reached by {most} tabs, which ended at {on}")


def reloaded_until(page: Page, shown: Locator) -> None:
    """Loads the page again until the thing is there: other processes work on it meanwhile."""
    ends_at = time.monotonic() + 90
    while not shown.count() and time.monotonic() < ends_at:
        page.wait_for_timeout(500)  # what is awaited happens in the worker, and the page does not tell
        page.reload()
    expect(shown.first).to_be_visible()


def sign_in(page: Page, demo: Demo) -> None:
    """The demo's agent, at the console."""
    page.goto(demo.where["console"])
    page.get_by_label("E-mail").fill(demo.where["agent"]["email"])
    page.get_by_label("Password").fill(demo.where["agent"]["password"])
    follow(page.get_by_role("button", name="Sign in"))


@dataclass(slots=True)
class Watch:
    """Everything that goes wrong in a browser context, noted as it happens."""

    hosts: frozenset[str] = frozenset({"localhost", "127.0.0.1"})
    wrong: list[str] = field(default_factory=list)

    def over(self, context: BrowserContext) -> Watch:
        """Begins to listen."""
        context.on("request", lambda request: self._asked(request.url))
        context.on("console", lambda said: self._said(said.type, said.text, said.location.get("url", "")))
        context.on("weberror", lambda failed: self.wrong.append(f"script failed: {failed.error}"))
        context.on("response", lambda answer: self._answered(answer.url, answer.status, answer.request.resource_type))
        return self

    def _asked(self, url: str) -> None:
        if url.startswith(("http:", "https:", "ws:", "wss:")) and httpx.URL(url).host not in self.hosts:
            self.wrong.append(f"asked a foreign host: {url}")

    def _said(self, kind: str, text: str, url: str) -> None:
        # A page that answers 404 or 422 on purpose is told of as an error too; what it loads is watched by _answered.
        if kind in ("error", "warning") and not text.startswith("Failed to load resource"):
            self.wrong.append(f"console {kind}: {text} ({url})")

    def _answered(self, url: str, status: int, kind: str) -> None:
        if status >= 400 and kind != "document":
            self.wrong.append(f"{kind} {url} answered {status}")


def _plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("DOORSTEP_")}


def _is_whole(file: Path) -> bool:
    return file.exists() and file.read_bytes().rstrip().endswith(b"}")


def _order(brand: str, n: int, parcel: str, now: datetime) -> dict[str, Any]:
    items = ITEMS[brand]
    number = f"{PREFIX[brand]}-{2001 + n}"
    catalogue = {row[0]: row for row in PRODUCTS[brand]}
    lines = [
        {
            "id": sku,
            "sku": sku,
            "title": catalogue[sku][2],
            "variant": catalogue[sku][3],
            "quantity": units,
            "unit_price": catalogue[sku][4],
            "tags": catalogue[sku][6].split("|"),
            "picture": catalogue[sku][7],
            "grams": 450,
        }
        for sku, units in items.items()
    ]
    placed = now - timedelta(days=6)
    packed = [{"line": sku, "quantity": units} for sku, units in items.items()]
    return {
        "id": number,
        "number": number,
        "placed_at": placed.isoformat(),
        "currency": CURRENCY[brand],
        "email": f"ada.{number.lower()}@example.com",
        "name": ADA,
        "ship_to": {
            "name": ADA,
            "lines": ["88 Sample Street"],
            "city": "Leeds",
            "postcode": POSTCODE,
            "country": "GB",
        },
        "lines": lines,
        "shipments": [
            {
                "number": parcel,
                "carrier": "Northpost",
                "service": "standard",
                "shipped_on": (now - timedelta(days=5)).date().isoformat(),
                "items": packed,
            }
        ],
        "tax_included": True,
        "shipping": "0.00",
        "payment": "Card ending 4242",
        "promised_from": (placed + timedelta(days=2)).date().isoformat(),
        "promised_to": (placed + timedelta(days=4)).date().isoformat(),
    }
