"""`make bench`: runs every benchmark, prints the figures beside what they should be, keeps them in bench-results/.

python -m benchmarks [parsing webhooks pages claims startup polling]
"""

from __future__ import annotations

import json
import platform
import sqlite3
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import bodies, claims, machine, pages, parsing, polling, startup, webhooks
from portal.db import sqlite_module

RESULTS = Path(__file__).resolve().parents[1] / "bench-results"
ALL: dict[str, Callable[[], dict[str, Any]]] = {
    "parsing": parsing.main,
    "webhooks": webhooks.main,
    "claims": claims.main,
    "startup": startup.main,
    "pages": pages.main,
    "polling": polling.main,
}


def main(names: list[str]) -> None:
    """Runs the named benchmarks, or all."""
    unknown = sorted(set(names) - set(ALL))
    if unknown:
        sys.exit(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(ALL)}")
    results: dict[str, Any] = {"machine": _machine()}
    print(json.dumps(results["machine"], indent=2), flush=True)
    RESULTS.mkdir(exist_ok=True)
    kept = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    for name in names or ALL:
        print(f"{name} ...", flush=True)
        results[name] = ALL[name]()
        for line in _lines(name, results[name]):
            print(line, flush=True)
        kept.write_text(json.dumps(results, indent=2))


def _machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "sqlite": sqlite_module().sqlite_version,
        "system_sqlite": sqlite3.sqlite_version,
        "fsyncs_per_second": round(machine.fsyncs_per_second()),
        "two_processes_do": round(machine.cpu_scaling(), 2),
    }


def _lines(name: str, result: dict[str, Any]) -> Iterator[str]:
    """Markdown rows: what, figure, goal, whether it is met."""
    if name == "parsing":
        yield from _parsing(result)
    if name == "polling":
        yield from _polling(result)
    if name == "webhooks":
        for where, found in result.items():
            yield _row(f"{where}: webhooks, of the harmonic limit", found["of_limit"], 0.7)
            yield _row(f"{where}: webhooks, times one ORM transaction each", found["times_orm"], 5)
    if name == "claims":
        for where, found in result.items():
            yield _row(f"{where}: claims by two workers, of bare SQL", found["of_bare"], 0.5)
            yield _row(f"{where}: rows claimed twice", found["claimed_twice"], 0, at_most=True)
    if name == "startup":
        yield _row("start-up, times the bare imports", result["of_bare"], 1.2, at_most=True)
        yield f"| both counted until ready, without the exit | {result['ready_of_bare_ready']:.2f} | | for comparison |"
        yield _row("resident MB after 10,000 requests", result["resident_mb"], 150, at_most=True)
        yield _row("WeasyPrint in the web process", int(result["weasyprint_imported"]), 0, at_most=True)
    if name == "pages":
        for where, found in result.items():
            goal = 0.55 if where == "SQLite" else 0.4
            yield _row(f"{where}: order page, of its template alone", found["page_of_template"], goal)
            yield _row(f"{where}: one shipment as JSON, times Karrio's {pages.KARRIO_PER_SECOND}/s",
                       found["json_times_karrio"], 10)  # fmt: skip


def _parsing(result: dict[str, Any]) -> Iterator[str]:
    for slug in bodies.KINDS:
        found = result[slug]
        if "of_karrio" in found:
            yield _row(f"{slug}: reading an answer, times karrio's parser", found["of_karrio"], 0.1, at_most=True)
        yield _row(f"{slug}: reading an answer, times json.loads alone", found["of_json"], 3, at_most=True)
        yield f"| {slug}: reading an answer, times orjson alone | {found['of_orjson']:.1f} | | for comparison |"
    if "karrio" in result:
        yield f"| karrio | | | {result['karrio']} |"


def _polling(result: dict[str, Any]) -> Iterator[str]:
    for quota, found in result.items():
        ours, best, clock = found["product"], found["best"], found["fixed_clock"]
        yield _row(f"{quota}: refused by 429", ours["refused_429"], 0, at_most=True)
        if best["fresh"] >= 0.95:
            yield _row(f"{quota}: due today or tomorrow, at most 2 h stale", ours["fresh"], 0.95)
        else:
            yield f"| {quota}: at most 2 h stale | {ours['fresh']:.3f} | best possible {best['fresh']:.3f} | |"
        yield f"| {quota}: the same, by a fixed clock | {clock['fresh']:.3f} | | for comparison |"


def _row(what: str, figure: float, goal: float, *, at_most: bool = False) -> str:
    is_met = figure <= goal if at_most else figure >= goal
    sign = "at most" if at_most else "at least"
    return f"| {what} | {figure:.2f} | {sign} {goal:g} | {'met' if is_met else 'MISSED'} |"


if __name__ == "__main__":
    main(sys.argv[1:])
