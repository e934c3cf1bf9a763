"""The web server over real sockets: who sends slowly is cut off, everybody else is served; a stop is graceful."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
import uvicorn

from portal import serving
from tests.conftest import SECRET_KEY

HEAD, BODY = 0.6, 0.9
SLACK = 5.0  # for a busy machine; without the guard nothing is ever closed


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body, more = body + message["body"], message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch, server: serving.Server) -> Iterator[int]:
    """A guarded server around an echo, with short deadlines."""
    monkeypatch.setattr(serving, "HEAD_SECONDS", HEAD)
    monkeypatch.setattr(serving, "BODY_SECONDS", BODY)
    listener = serving.listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def server() -> serving.Server:
    """Not running yet."""
    return serving.Server(_quiet())


@pytest.fixture
def stop(server: serving.Server, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Begins the stop, and returns once connections know of it."""
    begun = threading.Event()
    waits = server._wait_tasks_to_complete

    async def told() -> None:
        begun.set()
        await waits()

    monkeypatch.setattr(server, "_wait_tasks_to_complete", told)

    def run() -> None:
        server.should_exit = True
        assert begun.wait(SLACK)

    return run


def _quiet() -> uvicorn.Config:
    return uvicorn.Config(
        _echo, http=serving.GuardedProtocol, lifespan="off", ws="none", log_config=None, timeout_keep_alive=60
    )


def open_to(port: int, sent: bytes) -> socket.socket:
    held = socket.create_connection(("127.0.0.1", port), timeout=BODY + SLACK)
    held.sendall(sent)
    return held


def read_to_end(held: socket.socket) -> bytes:
    """All that comes until the server closes. A server that does not close is a timeout, and a failed test."""
    parts = []
    with held:
        while part := held.recv(65536):
            parts.append(part)
    return b"".join(parts)


def test_slow_requests_are_cut_off_and_told_so(port: int) -> None:
    started = time.monotonic()
    half_head = open_to(port, b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow:")
    half_body = open_to(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
    silent = open_to(port, b"")
    assert read_to_end(half_head).startswith(b"HTTP/1.1 408")
    assert read_to_end(half_body).startswith(b"HTTP/1.1 408")
    assert read_to_end(silent) == b""
    assert time.monotonic() - started < BODY + SLACK


@pytest.mark.parametrize(
    "endless", [b"GET /", b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ", b"GET / HTTP/1.1\r\nX-Many: x\r\n"]
)
def test_a_head_without_end_is_cut_off_before_it_fills_the_memory(port: int, endless: bytes) -> None:
    piece = (b"X-Many: x\r\n" if endless.endswith(b"\n") else b"a") * 20_000
    held, sent = open_to(port, endless), 0
    with held, suppress(ConnectionError):
        while sent < 20_000_000:
            held.sendall(piece)
            sent += len(piece)
    assert sent < 10_000_000  # what the two sockets buffer, and no more


def test_a_long_head_that_ends_is_read(port: int) -> None:
    cookie = b"c" * 40_000
    held = open_to(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\nCookie: " + cookie)
    held.sendall(b"\r\n\r\nhello")
    assert read_to_end(held).endswith(b"hello")


def test_a_slow_second_request_on_a_connection_is_cut_off_too(port: int) -> None:
    held = open_to(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert held.recv(65536).startswith(b"HTTP/1.1 200")
    held.sendall(b"GET / HTT")
    assert read_to_end(held).startswith(b"HTTP/1.1 408")


def test_empty_lines_keep_no_connection_open(port: int) -> None:
    held = open_to(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    held.recv(65536)
    held.sendall(b"\r\n")
    assert read_to_end(held) is not None


def test_while_many_are_slow_others_are_served(port: int) -> None:
    slow = [open_to(port, b"GET / HTTP/1.1\r\nHo") for _ in range(100)]
    with httpx.Client(trust_env=False, timeout=SLACK) as client:
        answer = client.post(f"http://127.0.0.1:{port}/", content=b"x" * 300_000)
        again = client.get(f"http://127.0.0.1:{port}/")
    assert (answer.status_code, len(answer.content), again.status_code) == (200, 300_000, 200)
    for held in slow:
        held.close()


def test_a_stop_answers_whoever_is_connected_and_says_that_it_was_the_last(port: int, stop: Callable[[], None]) -> None:
    """As a reverse proxy has them: one connection answered before, one half sent, one silent until now."""
    kept = open_to(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert kept.recv(65536).startswith(b"HTTP/1.1 200")
    half, silent = open_to(port, b"GET / HTTP/1.1\r\n"), open_to(port, b"")
    stop()
    half.sendall(b"Host: x\r\n\r\n")
    for held in (kept, silent):
        held.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    for held in (kept, half, silent):
        answer = read_to_end(held)
        assert answer.startswith(b"HTTP/1.1 200"), answer
        assert b"connection: close" in answer


def test_a_stop_takes_in_those_who_wait_to_be_met(server: serving.Server) -> None:
    """They are connected as far as they know; closing the listener would reset them."""
    listener = serving.listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    early = [open_to(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(5)]
    server.should_exit = True  # as if SIGTERM had come in the moment of the start
    server.run(sockets=[listener])
    for held in early:
        assert read_to_end(held).startswith(b"HTTP/1.1 200")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_cleanly(sqlite_url: str, number: signal.Signals) -> None:
    told = {"DOORSTEP_DATABASE_URL": sqlite_url, "DOORSTEP_SECRET_KEY": SECRET_KEY, "DOORSTEP_HTTPS": "false"}
    command = [sys.executable, "-m", "portal", "serve", "--port", "0"]
    process = subprocess.Popen(command, env=os.environ | told, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    with process:
        line = process.stderr.readline()
        address = line.removeprefix("listening on ").strip()
        assert _answers(f"{address}/health/live"), line
        process.send_signal(number)
        rest = process.communicate(timeout=30)[1]
    assert (process.returncode, "Traceback" in rest) == (0, False)


def _answers(url: str) -> bool:
    ends_at = time.monotonic() + 60
    while time.monotonic() < ends_at:
        try:
            return httpx.get(url, trust_env=False, timeout=10).status_code == 200
        except httpx.TransportError:
            continue
    return False
