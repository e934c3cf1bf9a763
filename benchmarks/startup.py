"""Starting the web process against the bare imports of its libraries, and its memory after ten thousand requests.

Both with compiled bytecode at hand, as on every start but the first: without it, compiling is most of what is measured.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import databases, load
from benchmarks.serving import SECRET_KEY, server

ROUNDS = 9
REQUESTS = 10_000
_BARE = "import starlette.applications, starlette.routing, sqlmodel, httpx, apscheduler.schedulers.background"
_PRODUCT = "from portal.app import create; from portal.settings import load; create(load())"
# Leaves at once: what is measured is the way until ready, without Python's own taking apart.
_READY = "; import os; os._exit(0)"
_WEASYPRINT = _PRODUCT + "; import sys; print('weasyprint' in sys.modules)"


def measure(url: str) -> dict[str, Any]:
    """Median seconds of both processes, their ratio whole and until ready, whether WeasyPrint came, resident MB."""
    env = {**os.environ, "DOORSTEP_SECRET_KEY": SECRET_KEY, "DOORSTEP_DATABASE_URL": url}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    codes = [_BARE, _PRODUCT, _BARE + _READY, _PRODUCT + _READY]
    seen: dict[str, list[float]] = {code: [] for code in codes}
    with tempfile.TemporaryDirectory() as compiled:
        env["PYTHONPYCACHEPREFIX"] = compiled
        for round_number in range(-1, ROUNDS):
            for code, times in seen.items():
                start = time.perf_counter()
                subprocess.run([sys.executable, "-c", code], check=True, env=env)
                if round_number >= 0:  # the first round compiles
                    times.append(time.perf_counter() - start)
        imported = subprocess.run([sys.executable, "-c", _WEASYPRINT], check=True, env=env, stdout=subprocess.PIPE)
    bare, product, bare_ready, product_ready = (statistics.median(seen[code]) for code in codes)
    return {
        "bare_seconds": bare,
        "product_seconds": product,
        "of_bare": product / bare,
        "ready_of_bare_ready": product_ready / bare_ready,
        "weasyprint_imported": imported.stdout.strip() == b"True",
        "resident_mb": _resident(url),
    }


def _resident(url: str) -> float:
    """Of the server process after 10,000 requests for the lookup page."""
    with server("product", url) as port:
        request = load.http_get("/", "bench.test")
        answered = 0
        while answered < REQUESTS:
            answered += load.run(port, [request], connections=16, seconds=5).answered
        return _rss_of_listener(port)


def _rss_of_listener(port: int) -> float:
    wanted = f":{port:04X}"
    inodes = {
        f"socket:[{parts[9]}]"
        for parts in (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
        if parts[1].endswith(wanted) and parts[3] == "0A"
    }
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if any(os.readlink(link) in inodes for link in (folder / "fd").iterdir()):
                status = (folder / "status").read_text()
                return int(status.split("VmRSS:")[1].split()[0]) / 1024
        except OSError:
            continue
    raise RuntimeError("the server is gone")


def main() -> dict[str, Any]:
    """On SQLite, the default."""
    from benchmarks.pages import brand_only

    with tempfile.TemporaryDirectory() as folder, databases.sqlite(Path(folder)) as url:
        brand_only(url)
        return measure(url)


if __name__ == "__main__":
    print(json.dumps(main(), indent=2))
