"""The program as an operator runs it: processes of their own, told apart by their logs, waited for with a deadline."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeVar

import httpx

Found = TypeVar("Found")

# How long `serve` and `worker` may take to end after SIGTERM.
STOP_SECONDS = 20
# Three seconds of work for a processor, which a busy machine has for others too.
START_SECONDS = 90


def until(what: str, look: Callable[[], Found], *, seconds: float = 60.0, saying: Callable[[], object] = str) -> Found:
    """The first true answer of `look`. Other processes give no sign when they are done, so it looks again and again.

    `saying` is asked what to add when that takes longer than `seconds`.
    """
    ends_at = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < ends_at, f"not within {seconds:.0f} s: {what} {saying()}"
        time.sleep(0.05)
    return found


@dataclass
class Running:
    """One `doorstep` process; what it says on stderr is in `log`."""

    process: subprocess.Popen[bytes]
    log: Path
    url: str = ""

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def terminate(self) -> float:
        """SIGTERM, and how many seconds it took to end."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(STOP_SECONDS)
        return time.monotonic() - began


class Household:
    """Starts processes with one environment, and ends what is left of them."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith("DOORSTEP_")} | dict(environment)
        self._all: list[Running] = []
        self._numbers = itertools.count(1)

    def server(self) -> Running:
        """`doorstep serve` on a free port, once it listens; `url` is where."""
        running = self._start("serve", "--host", "127.0.0.1", "--port", "0")
        self._await(running, "listening on http")
        running.url = running.said.partition("listening on ")[2].split()[0]
        return running

    def worker(self) -> Running:
        """`doorstep worker`, once it has begun."""
        running = self._start("worker")
        self._await(running, "worker_started")
        return running

    def end(self) -> None:
        """Kills what still runs."""
        for running in self._all:
            running.process.kill()
            running.process.wait()

    def _start(self, *command: str) -> Running:
        log = self._folder / f"{command[0]}-{next(self._numbers)}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "portal", *command], env=self._environment, stdout=out, stderr=out
            )
        running = Running(process, log)
        self._all.append(running)
        return running

    @staticmethod
    def _await(running: Running, words: str) -> None:
        def is_told() -> bool:
            assert running.process.poll() is None, running.said
            return words in running.said

        until(f"it says {words!r}", is_told, seconds=START_SECONDS)


@contextmanager
def fan_out(targets: list[str], path: Callable[[], str]) -> Iterator[str]:
    """An address that hands every POST to all `targets` at the same time, and answers with the worst status."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            statuses: list[int] = []
            threads = [threading.Thread(target=pass_on, args=(url, body, headers, statuses)) for url in targets]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.send_response(max(statuses, default=503))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    def pass_on(url: str, body: bytes, headers: Mapping[str, str], statuses: list[int]) -> None:
        try:
            answer = httpx.post(url + path(), content=body, headers=headers, trust_env=False, timeout=10)
            statuses.append(answer.status_code)
        except httpx.HTTPError:
            statuses.append(503)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def read_answer(held: socket.socket) -> tuple[int, bytes]:
    """One HTTP answer with a Content-Length from a kept connection: its status and head. Raises ConnectionError."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += _some(held)
    head, _, body = got.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += _some(held)
    return int(head.split(b" ", 2)[1]), head


def _some(held: socket.socket) -> bytes:
    part = held.recv(65536)
    if not part:
        raise ConnectionResetError("closed in the middle of an answer")
    return part
