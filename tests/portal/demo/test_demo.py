"""The demo as a visitor starts it: everything up, the three sample orders as announced, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import select

from portal.db import Database
from portal.demo.catalogue import ARTICLES, BRANDS, PRODUCTS, SAMPLES, WAREHOUSE
from portal.tables import Order, Scan, Shipment
from portal.theme.tokens import check_tokens
from returns.policy import read_policy
from tests.ports import free_port

READY_SECONDS = 150


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Any], subprocess.Popen[str], Path]]:
    """The running demo: where to go, its process, its folder."""
    folder = tmp_path_factory.mktemp("demo")
    process = start(folder, free_port())
    try:
        yield wait_for(folder / "where.json", process), process, folder
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)


def start(folder: Path, port: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "portal", "demo", "--dir", str(folder)]
    return subprocess.Popen(
        command, env=os.environ | {"PORT": str(port)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def wait_for(path: Path, process: subprocess.Popen[str]) -> dict[str, Any]:
    ends_at = time.monotonic() + READY_SECONDS
    while time.monotonic() < ends_at and process.poll() is None:
        if path.exists() and path.read_bytes().endswith(b"}"):
            told: dict[str, Any] = json.loads(path.read_bytes())
            return told
        time.sleep(0.2)  # the demo is another process: there is nothing to wait on but its file
    process.kill()
    raise AssertionError(f"the demo did not start: {process.communicate()[0]}")


def look_up(where: dict[str, Any], order: dict[str, str]) -> httpx.Response:
    """The order page, by number and e-mail, as a browser without JavaScript."""
    base = where["web"] if order["brand"] == "tarnwick" else where["second_brand"]
    with httpx.Client(base_url=base, trust_env=False, timeout=30, follow_redirects=True) as browser:
        page = browser.get("/").text
        form = re.search(r'<form[^>]*action="([^"]*find[^"]*)".*?</form>', page, re.DOTALL)
        assert form, page[:2000]
        fields = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', form.group(0)))
        names = re.findall(r'<input[^>]*name="([^"]+)"', form.group(0))
        typed = [name for name in names if name not in fields or not fields[name]]
        fields |= dict(zip(typed, (order["number"], order["email"]), strict=False))
        return browser.post(form.group(1), data=fields, headers={"origin": base, "sec-fetch-site": "same-origin"})


@pytest.mark.slow
def test_a_damaged_database_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "doorstep.db").write_bytes(b"not a database at all" * 1000)
    process = start(tmp_path, free_port())
    told = process.communicate(timeout=120)[0]
    assert process.returncode == 1
    assert "file is not a database" in told
    assert f"remove the folder {tmp_path} to begin anew" in told


@pytest.mark.slow
def test_a_second_demo_leaves_the_folder_of_the_first_alone(
    demo: tuple[dict[str, Any], subprocess.Popen[str], Path],
) -> None:
    where, _, folder = demo
    second = start(folder, free_port())
    told = second.communicate(timeout=120)[0]
    assert second.returncode == 1
    assert f"a demo runs in {folder} already" in told
    assert json.loads((folder / "where.json").read_bytes()) == where


@pytest.mark.slow
@pytest.mark.parametrize("index", range(4))
def test_each_sample_order_opens(demo: tuple[dict[str, Any], Any, Path], index: int) -> None:
    where = demo[0]
    page = look_up(where, where["orders"][index])
    assert page.status_code == 200
    assert "/orders/" in str(page.url)
    assert where["orders"][index]["number"] in page.text


@pytest.mark.slow
def test_each_sample_order_is_what_it_is_announced_as(demo: tuple[dict[str, Any], Any, Path]) -> None:
    where, _, folder = demo
    db = Database(f"sqlite:///{folder}/doorstep.db")
    with db.reading() as tx:
        found = {
            order.number: list(tx.exec(select(Shipment).where(Shipment.order_id == order.id)))
            for order in tx.exec(select(Order))
        }
        scans = len(tx.exec(select(Scan.id)).all())
    db.close()
    moving, delayed, delivered, second = (found[order["number"]] for order in where["orders"])
    assert [s.status in ("picked_up", "in_transit") for s in moving] == [True, True]
    assert [s.delay for s in delayed] == ["late"]
    assert [(s.status, s.delivered_on is not None) for s in delivered] == [("delivered", True)]
    assert [s.status in ("picked_up", "in_transit") for s in second] == [True]
    assert scans > 10


@pytest.mark.slow
def test_the_agent_console_and_the_mails_answer(demo: tuple[dict[str, Any], Any, Path]) -> None:
    where = demo[0]
    assert httpx.get(where["console"], trust_env=False, timeout=30, follow_redirects=True).status_code == 200
    assert httpx.get(where["mail"], trust_env=False, timeout=30).status_code == 200


@pytest.mark.slow
def test_a_busy_port_is_said(demo: tuple[dict[str, Any], Any, Path], tmp_path: Path) -> None:
    port = int(demo[0]["web"].rpartition(":")[2])
    second = start(tmp_path, port)
    told, _ = second.communicate(timeout=120)
    assert second.returncode == 1
    assert f"port {port} is in use" in told


@pytest.mark.slow
def test_stopping_it_leaves_nothing_and_starting_it_again_keeps_the_orders(tmp_path: Path) -> None:
    first = start(tmp_path, free_port())
    before = wait_for(tmp_path / "where.json", first)
    children = children_of(first.pid)
    assert len(children) >= 4
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=120)
    assert first.returncode == 0
    assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []
    (tmp_path / "where.json").unlink()
    again = start(tmp_path, free_port())
    after = wait_for(tmp_path / "where.json", again)
    again.send_signal(signal.SIGTERM)
    again.communicate(timeout=120)
    assert after["orders"] == before["orders"]
    assert after["agent"] == before["agent"]


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_the_catalogue_is_whole() -> None:
    skus = {brand: {row[0] for row in rows} for brand, rows in PRODUCTS.items()}
    assert set(BRANDS) == set(PRODUCTS) == set(ARTICLES) == set(WAREHOUSE)
    for sample in SAMPLES:
        assert set(sample.lines) <= skus[sample.brand]
        packed: dict[str, int] = {}
        for parcel in sample.parcels:
            for sku, units in parcel.items.items():
                packed[sku] = packed.get(sku, 0) + units
        assert not sample.parcels or packed == sample.lines
    for told in BRANDS.values():
        assert check_tokens(told["theme"])[1] == {}
        assert read_policy({"version": 1, "rules": told["policy"]}).rules
    folder = Path(__file__).parents[3] / "portal" / "demo" / "articles"
    named = {article[0] for articles in ARTICLES.values() for article in articles}
    assert {path.stem for path in folder.glob("*.md")} == named
