"""A load generator: so many connections, each sending prepared requests one after another; counts what comes back.

Runs in a process of its own. Only ever points at 127.0.0.1, and stops when its requests or its seconds are used up.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """Requests per second, the 50th and 99th percentile of latency in milliseconds, answers that were not 2xx."""

    per_second: float
    p50_ms: float
    p99_ms: float
    failed: int
    answered: int


def run(port: int, requests: Sequence[bytes], *, connections: int, seconds: float) -> Outcome:
    """Sends each request at most once, or the only one again and again, for `seconds`."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_run, (port, list(requests), connections, seconds))


def _run(port: int, requests: list[bytes], connections: int, seconds: float) -> Outcome:
    import uvloop

    return uvloop.run(_load(port, requests, connections, seconds))


async def _load(port: int, requests: list[bytes], connections: int, seconds: float) -> Outcome:
    times: list[float] = []
    failed = 0
    queue = iter(requests) if len(requests) > 1 else None
    start = time.perf_counter()
    end = start + seconds

    async def one() -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while time.perf_counter() < end:
                request = next(queue, None) if queue else requests[0]
                if request is None:
                    return
                began = time.perf_counter()
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                if length:
                    await reader.readexactly(length)
                times.append(time.perf_counter() - began)
                failed += not head.startswith(b"HTTP/1.1 2")
        finally:
            writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    took = time.perf_counter() - start
    times.sort()
    half, most = times[len(times) // 2] * 1000, times[int(len(times) * 0.99)] * 1000
    return Outcome(len(times) / took, half, most, failed, len(times))


def http_get(path: str, host: str, cookie: str = "") -> bytes:
    """The bytes of a GET on a connection that stays open."""
    extra = f"Cookie: {cookie}\r\n" if cookie else ""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{extra}\r\n".encode()


def http_post(path: str, host: str, headers: dict[str, str], body: bytes) -> bytes:
    """The bytes of a POST on a connection that stays open."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\nHost: {host}\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body
