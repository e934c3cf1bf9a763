"""Takes files from the folders of connections, each once: into the inbox first, then out of the way.

A crash in between leaves the file where it was. Looked at again it is the same row, because its key is a hash of its
bytes, and is only moved.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import structlog
from sqlmodel import col, select, update

from carriers.contract import ReadsFiles
from carriers.errors import BadPayload
from carriers.registry import all_carriers
from portal.app import App
from portal.crash import crashpoint
from portal.db import insert_once
from portal.folders import check_folder
from portal.tables import Connection, Inbox

log = structlog.get_logger("portal.files")

VIA: Final = "file"
FIELD: Final = "folder"
DONE: Final = "done"
FAILED: Final = "failed"
STILL: Final = timedelta(seconds=10)  # unchanged for so long, a file is no longer being written
PATIENCE: Final = timedelta(minutes=10)  # after which one that never came to its end is read all the same
MAX_BYTES: Final = 5 * 1024 * 1024
BATCH: Final = 50
RETRY: Final = timedelta(minutes=1)  # a folder that cannot be used is tried again
TELL_EVERY: Final = timedelta(minutes=5)  # a look that found nothing is told of this often
_UNFINISHED: Final = (".tmp", ".part", ".partial", ".filepart")
_MAX_NAME: Final = 200


class FolderUnusable(Exception):
    """Why a connection's folder cannot be used, in a sentence."""


@dataclass(frozen=True, slots=True)
class Folder:
    """An open folder. Everything in it is reached through `fd`, so that nobody can put a link in the way."""

    fd: int

    def names(self) -> list[str]:
        """Names of what may be a finished file, in the order of the alphabet."""
        return sorted(
            name for name in os.listdir(self.fd) if not name.startswith(".") and not name.endswith(_UNFINISHED)
        )


@dataclass(frozen=True, slots=True)
class Found:
    """A file that nobody writes to any more. `body` is None for one too large to be read."""

    name: str
    body: bytes | None
    size: int


def take_files(app: App) -> int:
    """At most BATCH files of each connection that has a folder. Returns how many were taken."""
    return sum(_take(app, connection) for connection in _with_folder(app))


def waiting_files(app: App, connection: Connection) -> int:
    """How many files lie in the connection's folder. Raises FolderUnusable."""
    with _opened(app, connection) as folder:
        return len([name for name in folder.names() if _is_file(folder, name)])


def _with_folder(app: App) -> list[Connection]:
    slugs = [slug for slug, carrier in all_carriers().items() if isinstance(carrier, ReadsFiles)]
    on = col(Connection.carrier).in_(slugs), Connection.state != "disabled"
    with app.db.reading() as tx:
        rows = tx.exec(select(Connection).where(*on).order_by(col(Connection.id))).all()
        tx.expunge_all()
    return [row for row in rows if row.config.get(FIELD) and not _is_resting(row, app.now())]


def _is_resting(connection: Connection, now: datetime) -> bool:
    failed_at = connection.last_error_at if connection.failures else None
    return failed_at is not None and now < failed_at + RETRY


def _take(app: App, connection: Connection) -> int:
    carrier = all_carriers()[connection.carrier]
    if not isinstance(carrier, ReadsFiles):
        return 0
    try:
        with _opened(app, connection) as folder:
            taken, fault = _take_from(app, connection, carrier, folder)
    except FolderUnusable as error:
        taken, fault = 0, str(error)
    if fault:
        log.warning("folder_unusable", connection=connection.id, reason=fault)
        _note(app, connection, {"failures": connection.failures + 1, "last_error_at": app.now(), "state_text": fault})
    else:
        _note_look(app, connection, taken)
    return taken


def _take_from(app: App, connection: Connection, carrier: ReadsFiles, folder: Folder) -> tuple[int, str]:
    """(how many files were taken, what hindered one of them): a file that cannot be moved does not hold up others."""
    taken, fault = 0, ""
    for name in folder.names():
        try:
            found = _finished(folder, name, carrier, app.now())
            if found is None:
                continue
            _keep(app, connection, carrier, folder, found)
        except OSError as error:
            fault = f"{_shown(name)}: {error.strerror or type(error).__name__}"
            continue
        taken += 1
        if taken == BATCH:
            break
    return taken, fault


@contextmanager
def _opened(app: App, connection: Connection) -> Iterator[Folder]:
    """Raises FolderUnusable: not allowed, not there, not readable."""
    path = str(connection.config.get(FIELD) or "")
    fault = check_folder(app.settings, path) if path else "no folder is filled in"
    if fault:
        raise FolderUnusable(fault)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise FolderUnusable("the folder cannot be opened") from error
    try:
        opened = f"/proc/self/fd/{fd}"
        # What was checked by name may have been exchanged for a link since.
        if os.path.exists(opened) and check_folder(app.settings, os.path.realpath(opened)):
            raise FolderUnusable("the folder was moved while it was opened")
        yield Folder(fd)
    finally:
        os.close(fd)


def _is_file(folder: Folder, name: str) -> bool:
    with suppress(OSError):
        return stat.S_ISREG(os.stat(name, dir_fd=folder.fd, follow_symlinks=False).st_mode)
    return False


def _finished(folder: Folder, name: str, carrier: ReadsFiles, now: datetime) -> Found | None:
    """The file, if it is one and nobody writes to it any more."""
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder.fd)
    except OSError:
        return None  # a link, a socket, one that is gone again or that we may not read
    try:
        before = os.fstat(fd)
        age = abs(now.timestamp() - before.st_mtime)  # a sender's clock may be ahead
        if not stat.S_ISREG(before.st_mode) or age < STILL.total_seconds():
            return None
        if before.st_size > MAX_BYTES:
            return Found(name, None, before.st_size)
        with open(fd, "rb", closefd=False) as file:
            body = file.read(MAX_BYTES + 1)
        after = os.fstat(fd)
    finally:
        os.close(fd)
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns) or len(body) != after.st_size:
        return None
    if not carrier.is_whole(body) and age < PATIENCE.total_seconds():
        return None
    return Found(name, body, len(body))


def _keep(app: App, connection: Connection, carrier: ReadsFiles, folder: Folder, found: Found) -> None:
    """The row first, then the move: what is gone from the folder is on disk."""
    if found.body is None:
        log.warning("file_too_large", connection=connection.id, bytes=found.size)
        _move(folder, found, FAILED)
        return
    now = app.now()
    values: dict[str, Any] = {
        "connection_id": connection.id,
        "carrier": connection.carrier,
        "via": VIA,
        "hook_key": f"file:{sha256(found.body).hexdigest()}",
        "http_status": 200,
        "headers": {"file": _shown(found.name)},
        "body": found.body,
        "asked": [],
        "received_at": now,
        "next_at": now,
        "tries": 0,
        "error": "",
    }
    crashpoint("files.before_commit")
    with app.db.transaction() as tx:
        insert_once(tx, Inbox, values)
    crashpoint("files.after_commit")
    _move(folder, found, DONE if _is_understood(carrier, found.body) else FAILED)
    crashpoint("files.after_move")


def _is_understood(carrier: ReadsFiles, body: bytes) -> bool:
    """Where the file goes; what becomes of its row is decided by ingest, which reads it once more."""
    try:
        carrier.parse(body)
    except BadPayload:
        return False
    except Exception as error:
        log.error("adapter_failed", exc_info=error)
        return False
    return True


def _move(folder: Folder, found: Found, where: str) -> None:
    """Into done/ or failed/. A name that is taken there by other bytes gets a part of the hash. Another worker may
    have been first."""
    with suppress(FileExistsError):
        os.mkdir(where, 0o750, dir_fd=folder.fd)
    target = os.open(where, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder.fd)
    try:
        name = found.name
        if _is_there(target, name):
            mark = sha256(found.body).hexdigest()[:12] if found.body is not None else f"{found.size}"
            name = f"{os.fsencode(found.name)[:_MAX_NAME].decode(errors='replace')}.{mark}"
        with suppress(FileNotFoundError):
            os.rename(found.name, name, src_dir_fd=folder.fd, dst_dir_fd=target)
    finally:
        os.close(target)


def _is_there(fd: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _shown(name: str) -> str:
    """A file name as text that every database can hold."""
    return "".join(c if c.isprintable() else "?" for c in os.fsencode(name).decode(errors="replace"))[:_MAX_NAME]


def _note_look(app: App, connection: Connection, taken: int) -> None:
    now = app.now()
    is_news = connection.failures > 0 or connection.state_text != ""
    is_due = connection.last_poll_at is None or now - connection.last_poll_at >= TELL_EVERY
    if taken or is_news or is_due:
        _note(app, connection, {"failures": 0, "state_text": "", "last_poll_at": now})


def _note(app: App, connection: Connection, values: dict[str, Any]) -> None:
    still_on = col(Connection.id) == connection.id, col(Connection.state) != "disabled"
    with app.db.transaction() as tx:
        tx.exec(update(Connection).where(*still_on).values(**values))
