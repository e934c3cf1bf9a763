"""The order page and one shipment as JSON, with a million orders and five million scans in the database.

The page is compared with the same template and the same prepared values without any database behind it.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
import random
import statistics
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from benchmarks import databases, load
from benchmarks.serving import server
from carriers.contract import Place, Scan, ZoneFrom
from carriers.status import status_of
from portal.db import Database
from portal.tables import Brand
from portal.tracking.delay import Delay
from portal.tracking.story import Ground, story_of
from portal.tracking.timeline import Kept, fold
from portal.tracking.window import Promise, window_for

ORDERS = int(os.environ.get("DOORSTEP_BENCH_ORDERS", "1000000"))
SCANS = 5
SESSIONS = 2_000
CONNECTIONS = 16
# Many short rounds: the machine's speed changes within seconds, and then for both sides of one round alike.
SECONDS = 1.5
ROUNDS = 11
HOST = "bench.test"
# Measured beforehand on a machine of this kind: GET of one tracker from a Karrio 2026.1.32 server, throttles off.
KARRIO_PER_SECOND = 88

_STEPS = (
    ("info_received.data_received", "ID", "Shipment data received", 110),
    ("picked_up.collected", "PU", "Collected", 86),
    ("in_transit.departed_origin", "DO", "Departed", 80),
    ("in_transit.arrived_hub", "AH", "Arrived at hub", 30),
    ("in_transit.arrived_depot", "AD", "Arrived at depot", 6),
)


def brand_only(url: str) -> None:
    """The one brand of the benchmark."""
    db = Database(url)
    with db.transaction() as tx:
        tx.add(
            Brand(
                id=1,
                slug="bench",
                name="Bench",
                origin=f"http://{HOST}",
                host=HOST,
                theme={"primary": "#0f5c55", "accent": "#e8843c", "radius": 10, "tone": "paper", "density": 1},
                support={"email": "help@bench.example", "hours": "Every day, 8 am to 8 pm"},
                sender_name="Bench",
                sender_email="post@bench.example",
                zone="Europe/London",
                return_address={"name": "Bench", "lines": ["1 Road"], "city": "Town", "postcode": "X", "country": "GB"},
                created_at=datetime.now(UTC),
            )
        )
    db.close()


def fill(url: str, orders: int) -> list[tuple[str, str, str]]:
    """Brand, orders, lines, parcels with their stories, scans. Returns (order, shipment, cookie token) of sessions."""
    brand_only(url)
    db = Database(url)
    now = datetime.now(UTC)
    story = orjson.dumps(_story(now)).decode()
    for name, statement in _statements(db.is_postgres, story, now, orders).items():
        start = time.perf_counter()
        _execute(db, statement)
        print(f"  {name}: {time.perf_counter() - start:.0f} s", flush=True)
    if db.is_postgres:
        _execute(db, "VACUUM ANALYZE")  # its autovacuum would, a minute later, and take a core from what is measured
        _execute(db, "CHECKPOINT")
    else:
        db.refresh_statistics()
    sessions = _sessions(db, orders, now)
    db.close()
    return sessions


def _execute(db: Database, statement: str) -> None:
    """One large statement on a connection of its own; how it is seeded is not what is measured."""
    pooled = db.engine.raw_connection()
    connection: Any = pooled.driver_connection
    pooled.detach()
    if not db.is_postgres:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA cache_size=-400000")
    if db.is_postgres:
        connection.autocommit = True
    connection.execute(statement)
    connection.close()


def _story(now: datetime) -> dict[str, Any]:
    kept = []
    for sub_status, code, text, hours in _STEPS:
        at = now - timedelta(hours=hours)
        place = Place("Warrington", "", "WA1 1AA", "GB")
        local = at.strftime("%Y-%m-%dT%H:%M:%S")
        scan = Scan(at, local, "+00:00", ZoneFrom.CARRIER, code, text, status_of(sub_status), sub_status, place)
        kept.append(Kept(scan.key(), scan))
    folded = fold(kept, "Europe/London")
    promise = Promise(now.date(), now.date() + timedelta(days=1))
    window = window_for(folded, promise, None, "Europe/London", now)
    return story_of(folded, window, Delay(), Ground(now.date() - timedelta(days=5), None, promise))


def _statements(is_postgres: bool, story: str, now: datetime, orders: int) -> dict[str, str]:
    series = (
        f"generate_series(1, {orders}) AS n(i)"
        if is_postgres
        else f"(WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < {orders}) SELECT i FROM c) n"
    )
    at, day = f"'{now:%Y-%m-%d %H:%M:%S.%f}{'+00' if is_postgres else ''}'", f"'{date.today()}'"  # noqa: DTZ011
    true, false = ("true", "false") if is_postgres else ("1", "0")
    address = '{"name":"Ada Larch","lines":["14 Sandgate Row"],"city":"Keswick","postcode":"CA12 5DJ","country":"GB"}'
    cast = "::jsonb" if is_postgres else ""
    quoted = story.replace("'", "''")
    return {
        "orders": f"""INSERT INTO shop_order (id, public_id, brand_id, number, number_key, email, postcode_key, ship_to,
            currency, items_minor, discount_minor, shipping_minor, tax_minor, tax_included, total_minor, captured_minor,
            refunded_minor, stage, placed_at, locale, source, source_id, payment_hint, backfill, created_at, updated_at)
            SELECT i, 'o' || i, 1, 'B-' || i, 'B' || i, 'u' || i || '@x.example', 'CA125DJ', '{address}'{cast}, 'GBP',
            3200, 0, 495, 0, {true}, 3695, 3695, 0, 'shipped', {at}, '', 'json', 's' || i, 'Visa ending 4242', {false},
            {at}, {at} FROM {series}""",
        "lines": f"""INSERT INTO order_line (id, public_id, order_id, source_id, position, sku, title, variant,
            quantity, returned_quantity, unit_price_minor, discount_minor, tax_minor, tags, category, picture, ships)
            SELECT i, 'l' || i, i, '1', 0, 'MUG', 'Fell enamel mug', '350 ml', 2, 0, 1600, 0, 0, '[]'{cast}, '', 'mug',
            {true} FROM {series}""",
        "parcels": f"""INSERT INTO shipment (id, public_id, brand_id, order_id, source_id, carrier, service, number,
            number_key, direction, to_country, to_zone, status, sub_status, window_from, window_to, delay, story,
            heard_at, tries, error, created_at, updated_at)
            SELECT i, 'p' || i, 1, i, '', 'northpost', 'standard', 'NP' || i, 'NP' || i, 'outbound', 'GB', '',
            'in_transit', 'in_transit.arrived_depot', {day}, {day}, 'none', '{quoted}'{cast}, {at}, 0, '', {at}, {at}
            FROM {series}""",
        "contents": f"INSERT INTO shipment_item (shipment_id, order_line_id, quantity) SELECT i, i, 2 FROM {series}",
        **{
            f"scans {n + 1} of {SCANS}": f"""INSERT INTO scan (shipment_id, carrier, key, at, local, zone_from,
            date_only, code, text, unlisted, city, region, postcode, country, received_at) SELECT i, 'northpost',
            'scan-of-a-parcel-{n}', {at}, '2026-11-20T14:31:00', 'carrier', {false}, 'AH', 'Arrived at hub', {false},
            'Warrington', '', 'WA1 1AA', 'GB', {at}
            FROM {series}"""
            for n in range(SCANS)
        },
    }


def _sessions(db: Database, orders: int, now: datetime) -> list[tuple[str, str, str]]:
    chosen = random.Random(7).sample(range(1, orders + 1), min(SESSIONS, orders))
    made = []
    with db.transaction() as tx:
        for i in chosen:
            token = base64.urlsafe_b64encode(hashlib.sha256(f"bench {i}".encode()).digest()).decode().rstrip("=")
            tx.connection().exec_driver_sql(
                "INSERT INTO shopper_session (token_hash, brand_id, order_id, trust, created_at, expires_at) VALUES "
                f"('{hashlib.sha256(token.encode()).hexdigest()}', 1, {i}, 'email', '{now}', "
                f"'{now + timedelta(days=9)}')"
            )
            made.append((f"o{i}", f"p{i}", token))
    return made


def measure(url: str) -> dict[str, Any]:
    """Pages and JSON answers per second, and the ratios."""
    sessions = fill(url, ORDERS)
    order, _, token = sessions[0]

    pages = [load.http_get(f"/orders/{o}", HOST, f"ds_order={t}") for o, _, t in sessions]
    shipments = [load.http_get(f"/api/orders/{o}/shipments/{p}", HOST, f"ds_order={t}") for o, p, t in sessions]
    seen: dict[str, list[load.Outcome]] = {"template": [], "page": [], "json": []}
    with ExitStack() as stack:
        product = stack.enter_context(server("product", url))
        template = stack.enter_context(server("template", url, BENCH_PATH=f"/orders/{order}", BENCH_COOKIE=token))
        plan = {"template": (template, pages[:1]), "page": (product, pages), "json": (product, shipments)}
        for round_number, (name, (port, requests)) in itertools.product(range(-1, ROUNDS), plan.items()):
            many = requests if len(requests) == 1 else requests * 20
            outcome = load.run(port, many, connections=CONNECTIONS, seconds=SECONDS)
            if outcome.failed:
                raise RuntimeError(f"{name}: {outcome.failed} of {outcome.answered} were not 2xx")
            if round_number >= 0:  # the first round warms caches
                seen[name].append(outcome)
    rates = {name: statistics.median(o.per_second for o in outcomes) for name, outcomes in seen.items()}
    ratios = [page.per_second / bare.per_second for page, bare in zip(seen["page"], seen["template"], strict=True)]
    return {
        **rates,
        "page_p99_ms": statistics.median(o.p99_ms for o in seen["page"]),
        "page_of_template": statistics.median(ratios),
        "page_of_template_rounds": sorted(ratios),
        "json_times_karrio": rates["json"] / KARRIO_PER_SECOND,
        "orders": ORDERS,
        "scans": ORDERS * SCANS,
    }


def main() -> dict[str, Any]:
    """Both databases."""
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, databases.sqlite(Path(folder), "pages") as url:
        results["SQLite"] = measure(url)
    with databases.postgres() as found:
        if found:
            results["PostgreSQL"] = measure(found)
    return results


if __name__ == "__main__":
    print(json.dumps(main(), indent=2))
