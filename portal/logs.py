"""Structured logs without personal data: one JSON line per event, only keys that are on the list."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, Final

import structlog

from portal.settings import Settings

# What may be said. Names, addresses, order numbers, tracking numbers, bodies and query strings are not here.
KEYS: Final = frozenset(
    {
        "event",
        "level",
        "timestamp",
        "logger",
        "exception",
        "incident",
        "path",
        "route",
        "method",
        "status",
        "ms",
        "kind",
        "reason",
        "job",
        "jobs",
        "worker",
        "rows",
        "carrier",
        "connection",
        "inbox",
        "outbox",
        "shipment",
        "order",
        "label",
        "return_id",
        "tries",
        "count",
        "port",
        "signal",
        "step",
        "seconds",
        "code",
        "channel",
    }
)
# Libraries whose remarks below this level help nobody.
_CHATTY: Final = {
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    # Its warning is that a batch takes longer than its tick, which is how batches are meant to work.
    "apscheduler": logging.ERROR,
    "alembic": logging.WARNING,
    "sqlalchemy": logging.WARNING,
    "uvicorn": logging.WARNING,
    "weasyprint": logging.WARNING,
    "fontTools": logging.WARNING,
}
_LONGEST_SEGMENT: Final = 16  # longer path segments are public ids or tokens
_LONGEST_VALUE: Final = 300

Event = MutableMapping[str, Any]


def configure(settings: Settings) -> None:
    """Sets up structlog and the standard library's logging, for every module of the process. Lines go to stderr."""
    level = getattr(logging, settings.log_level.upper())
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _safe_exception,
        only_listed_keys,
    ]
    is_console = settings.log_format == "console"
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if is_console else structlog.processors.JSONRenderer()
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_foreign, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty, least in _CHATTY.items():
        logging.getLogger(chatty).setLevel(max(level, least))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def only_listed_keys(_: Any, __: str, event: Event) -> Event:
    """Drops every key that is not on the list, shortens values, and hides ids and tokens in paths."""
    kept = {key: _plain(value) for key, value in event.items() if key in KEYS or key.startswith("_")}
    if "path" in kept:
        kept["path"] = masked_path(str(kept["path"]))
    return kept


def masked_path(path: str) -> str:
    """A path without query, its long segments replaced by "*"."""
    segments = path.partition("?")[0].split("/")
    return "/".join("*" if len(segment) >= _LONGEST_SEGMENT else segment for segment in segments)


def _plain(value: Any) -> Any:
    return value[:_LONGEST_VALUE] if isinstance(value, str) and "\n" not in value else value


def _safe_exception(_: Any, __: str, event: Event) -> Event:
    """Type and places of an exception, without its message: database errors quote values in theirs."""
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["exception"] = _chain(error)
    return event


def _chain(error: BaseException) -> str:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    before = f"{_chain(cause)}\n-> " if cause else ""
    return f"{before}{type(error).__module__}.{type(error).__qualname__}\n{_places(error.__traceback__)}"


def _places(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)[-15:]
    return "\n".join(f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames)


def _foreign(_: Any, __: str, event: Event) -> Event:
    """Lines of other libraries: their wording is kept only where it holds no arguments."""
    record: logging.LogRecord = event["_record"]
    event["event"] = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
    if record.exc_info:
        event["exc_info"] = record.exc_info
    return event
