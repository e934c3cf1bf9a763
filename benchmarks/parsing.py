"""Reading tracking answers: our parsers against karrio's own on the same bodies, and against decoding the JSON alone.

karrio and its plug-ins live in an environment of their own below bench-results/, made when it is first asked for; they
are no dependency of anything. Where they cannot be had, the figures say so.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from benchmarks.bodies import KINDS, SCANS, bodies
from carriers.contract import Tracks

ROUNDS = 15
BODIES = 60
VERSION = "2026.1.32"
PACKAGES = tuple(f"{name}=={VERSION}" for name in ("karrio", "karrio-ups", "karrio-fedex", "karrio-dhl-universal"))
ENVIRONMENT = Path(__file__).resolve().parents[1] / "bench-results" / f"karrio-{VERSION}"
_MADE = ENVIRONMENT / ".made"


class Unavailable(Exception):
    """karrio cannot be had on this machine; the text says why."""


def environment() -> Path:
    """The Python that has karrio. Raises Unavailable."""
    python = ENVIRONMENT / "bin" / "python"
    if not _MADE.exists():
        steps = (
            [sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)],
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES],
        )
        for step in steps:
            done = subprocess.run(step, capture_output=True, text=True)
            if done.returncode:
                raise Unavailable((done.stderr.strip().splitlines() or ["pip failed"])[-1])
        _MADE.touch()
    return python


class Karrio(AbstractContextManager["Karrio"]):
    """The peer in a process of its own, which works only while it is asked to."""

    def __init__(self, told: dict[str, list[bytes]]) -> None:
        side = Path(__file__).with_name("karrio_side.py")
        self._process = subprocess.Popen(
            [str(environment()), str(side)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._tell(json.dumps({slug: [body.decode() for body in given] for slug, given in told.items()}))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def round(self, slug: str) -> list[float]:
        """Seconds of each body."""
        self._tell(slug)
        assert self._process.stdout
        answer = self._process.stdout.readline()
        if not answer:
            raise Unavailable(f"karrio gave up on the answers of {slug}")
        return [float(seconds) for seconds in json.loads(answer)]

    def _tell(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()


def measure() -> dict[str, Any]:
    """Per carrier: median microseconds per response of everybody, and the ratios."""
    told = {slug: bodies(slug, BODIES) for slug in KINDS}
    try:
        with Karrio(told) as karrio:
            return {slug: _compared(slug, given, karrio) for slug, given in told.items()}
    except Unavailable as missing:
        found: dict[str, Any] = {slug: _compared(slug, given, None) for slug, given in told.items()}
        return {**found, "karrio": f"not measured: {missing}"}


def _compared(slug: str, given: Sequence[bytes], karrio: Karrio | None) -> dict[str, float]:
    carrier = import_module(f"carriers.adapters.{slug}").CARRIER
    assert isinstance(carrier, Tracks)
    for body in given:
        (parcel,) = carrier.parse(body).parcels
        assert len(parcel.scans) == SCANS
        assert all(scan.at and scan.status for scan in parcel.scans)
    sides: dict[str, Callable[[], list[float]]] = {
        "ours": lambda: _round(carrier.parse, given),
        "json": lambda: _round(json.loads, given),
        "orjson": lambda: _round(orjson.loads, given),
    }
    if karrio:
        sides["karrio"] = lambda: karrio.round(slug)
    seen: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, run in sides.items():
            seen[name] += run()
    median = {name: statistics.median(times) * 1e6 for name, times in seen.items()}
    ratios = {f"of_{name}": median["ours"] / median[name] for name in median if name != "ours"}
    return {**{f"{name}_us": value for name, value in median.items()}, **ratios}


def _round(parse: Callable[[bytes], object], given: Sequence[bytes]) -> list[float]:
    took = []
    for body in given:
        start = time.process_time()
        parse(body)
        took.append(time.process_time() - start)
    return took


def main() -> dict[str, Any]:
    """UPS, FedEx and DHL."""
    return measure()


if __name__ == "__main__":
    print(json.dumps(main(), indent=2))
