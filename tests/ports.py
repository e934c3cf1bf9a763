"""Ports for programs that must be told one: everything that can binds port 0 instead."""

from __future__ import annotations

import random
import socket

# Below what systems give out by themselves (Linux from 32768, others from 49152), so that no test that binds port 0 or
# connects somewhere takes it before the program does. Drawn by chance, because workers of a run do not know each other.
_FROM, _TO = 20_000, 32_768


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    draw = random.SystemRandom()
    while True:
        port = draw.randrange(_FROM, _TO)
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
