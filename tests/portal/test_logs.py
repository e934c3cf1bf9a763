"""What the logs keep quiet about."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator

import pytest

from portal import logs
from portal.settings import load
from tests.conftest import SECRET_KEY


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is logged at the level "info"."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    logs.configure(load(secret_key=SECRET_KEY))
    yield out
    root.handlers[:] = before
    root.setLevel(level)


def test_libraries_are_heard_only_when_something_is_wrong(told: io.StringIO) -> None:
    logging.getLogger("apscheduler.scheduler").warning("skipped: maximum number of running instances reached")
    logging.getLogger("alembic.runtime.plugins").info("setup plugin")
    logging.getLogger("uvicorn.error").info("Started server process")
    assert told.getvalue() == ""
    logging.getLogger("apscheduler.scheduler").error("cannot start")
    logging.getLogger("uvicorn.error").error("cannot bind")
    assert len(told.getvalue().splitlines()) == 2
