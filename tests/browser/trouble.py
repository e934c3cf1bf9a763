"""What goes wrong between a shop and its carriers, brought about in the ways it does: webhooks and the console."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from playwright.sync_api import Page, expect

from carriers.simulated.northpost_server import signature
from tests.browser.stage import Demo, follow, until

CODE, WORDS = "XDK", "Cross-docked at the regional centre, to be sorted again before the next departure"
WRONG_KEY, SMALL_CONTRACT = "Northpost, key of last year", "Northpost, small contract"
CALLS_PER_DAY = 2


def stir_up(demo: Demo) -> None:
    """A code that no table has, seen on two parcels; what no version can read, for two reasons; and waits for both.

    The parcels are of orders that only fill the console.
    """
    for n, number in enumerate(_others(demo)):
        _push(demo, f"unknown-{n}", [_parcel(number, n)])
    _push(demo, "no-parcels", None)
    for n in range(3):
        _push(demo, f"no-events-{n}", [{"number": f"NP000000000{n}", "code": "HIN"}])
    until(lambda: demo.rows("SELECT 1 FROM unmapped_code WHERE code = ?", CODE) != [], f"{CODE} was not noticed")
    until(lambda: _given_up(demo) >= 4, "what nobody can read was not given up")


def connect(page: Page, demo: Demo, name: str, key: str, calls_per_day: int | None = None) -> None:
    """Connects the simulated carrier once more by the console's form, and waits for the test of it."""
    page.goto(f"{demo.where['console']}/carriers/northpost")
    page.get_by_label("Your name for it").fill(name)
    page.get_by_label("Address of the API").fill(demo.where["carrier"]["url"])
    page.get_by_label("API key").fill(key)
    if calls_per_day is not None:
        page.get_by_text("For special contracts").click()
        page.get_by_label("Calls a day").fill(str(calls_per_day))
    follow(page.get_by_role("button", name="Connect and test"))
    expect(page.get_by_role("status").first).to_contain_text("is connected")
    # The page comes again by itself until the test is done.
    expect(page.get_by_role("table", name="What the last test found")).to_be_visible(timeout=90_000)


def _others(demo: Demo) -> list[str]:
    joined = "SELECT s.number FROM shipment s JOIN shop_order o ON o.id = s.order_id WHERE o.number = ?"
    return [str(demo.rows(joined, demo.other(ending).number)[0][0]) for ending in ("-1006", "-1008")]


def _given_up(demo: Demo) -> int:
    return int(demo.rows("SELECT count(*) FROM inbox WHERE dead_at IS NOT NULL")[0][0])


def _parcel(number: str, n: int) -> dict[str, Any]:
    at = (datetime.now(UTC) - timedelta(minutes=40 + n)).isoformat(timespec="seconds")
    place = {"city": "Coventry", "region": "", "postcode": "CV3 4PE", "country": "GB", "zone": "Europe/London"}
    event = {"at": at, "code": CODE, "text": WORDS, "place": place}
    return {"number": number, "code": CODE, "estimate": None, "events": [event]}


def _push(demo: Demo, delivery: str, parcels: list[dict[str, Any]] | None) -> None:
    """A webhook as the simulated carrier signs it; without parcels it is of a kind that nobody knows."""
    state = json.loads((demo.folder / "state.json").read_text())
    told: Mapping[str, Any] = {"delivery": delivery} | ({} if parcels is None else {"parcels": parcels})
    body = json.dumps(told).encode()
    headers = {"Northpost-Signature": signature(state["hook_secret"], body, datetime.now(UTC))}
    url = f"{demo.where['web']}/hooks/northpost/{state['hook_token']}"
    httpx.post(url, content=body, headers=headers, trust_env=False, timeout=30).raise_for_status()
