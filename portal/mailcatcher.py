"""The mail catcher of the demo: takes every mail by SMTP, keeps it as a file, and shows it on a small page.

It listens on 127.0.0.1 alone and delivers nothing to anybody. Mails are shown in a frame without scripts and without
anything from other hosts.
"""

from __future__ import annotations

import argparse
import asyncio
import html
import re
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote
from weakref import WeakSet

import orjson
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

LOOPBACK = "127.0.0.1"
READY_SECONDS = 30.0
_ID = r"[0-9]{14}-[0-9]{4}"
_FILE = re.compile(rf"{_ID}\.eml")
_LARGEST_MAIL = 10 * 1024 * 1024
_MOST_LISTED = 200

_CSS = """
body{margin:0;font:15px/1.5 system-ui,sans-serif;color:#1b2130;background:#f4f5f8}
header{padding:16px 24px;background:#fff;border-bottom:1px solid #dfe2ea}
h1{font-size:18px;margin:0}p{margin:4px 0}main{padding:16px 24px;max-width:1100px}
table{border-collapse:collapse;width:100%;background:#fff;border:1px solid #dfe2ea}
th,td{text-align:left;padding:8px 12px;border-bottom:1px solid #dfe2ea;vertical-align:top}
a{color:#2346ad}.quiet{color:#596075}iframe{width:100%;height:80vh;border:1px solid #dfe2ea;background:#fff}
pre{background:#fff;border:1px solid #dfe2ea;padding:16px;white-space:pre-wrap;overflow-wrap:anywhere}
@media (max-width:600px){main,header{padding:12px}th:nth-child(1),td:nth-child(1){display:none}}
"""
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; frame-ancestors 'none'"
# The mail itself: no scripts, no forms, nothing from other hosts. Its links open in a tab of their own.
_MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
)


class Caught:
    """The folder of mails: one .eml file each, named by when it came."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def keep(self, raw: bytes, now: datetime) -> str:
        """Writes one mail and returns its id."""
        with self._lock:
            for count in range(10_000):
                name = f"{now:%Y%m%d%H%M%S}-{count:04}"
                try:
                    with (self._folder / f"{name}.eml").open("xb") as file:
                        file.write(raw)
                except FileExistsError:
                    continue
                return name
        raise OSError("ten thousand mails in one second")

    def names(self) -> list[str]:
        """Ids, newest first."""
        return sorted((p.stem for p in self._folder.iterdir() if _FILE.fullmatch(p.name)), reverse=True)

    def read(self, name: str) -> EmailMessage | None:
        """One mail; None for an id that is none."""
        path = self._folder / f"{name}.eml"
        if not re.fullmatch(_ID, name) or not path.is_file():
            return None
        return message_from_bytes(path.read_bytes(), _class=EmailMessage, policy=policy.default)


class Postman:
    """What aiosmtpd calls for each mail."""

    def __init__(self, caught: Caught) -> None:
        self._caught = caught

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Keeps the mail; the answer names it."""
        raw = envelope.content
        if not isinstance(raw, bytes):
            return "500 not understood"
        return f"250 OK kept as {self._caught.keep(raw, datetime.now(UTC))}"


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer."""

    body: bytes
    kind: str = "text/html; charset=utf-8"
    status: HTTPStatus = HTTPStatus.OK
    policy: str = _PAGE_POLICY
    file_name: str = ""


def answer(caught: Caught, path: str) -> Answer:
    """The page at a path: the list, a mail, its HTML, its text, one of its files, or its source."""
    parts = path.partition("?")[0].strip("/").split("/")
    if parts == [""]:
        return _list(caught)
    if parts == ["mails.json"]:
        return Answer(orjson.dumps([_summary(caught, name) for name in caught.names()]), "application/json")
    mail = caught.read(parts[1]) if len(parts) >= 2 and parts[0] == "mails" else None
    if mail is None:
        return _page("Not here", "<p>There is no such mail. <a href='/'>All mails</a></p>", HTTPStatus.NOT_FOUND)
    name, part = parts[1], parts[2] if len(parts) > 2 else ""
    if part == "html":
        return Answer(_html_of(mail), policy=_MAIL_POLICY)
    if part == "text":
        return Answer(_text_of(mail).encode(), "text/plain; charset=utf-8")
    if part == "source":
        return Answer(mail.as_bytes(), "text/plain; charset=utf-8")
    if part == "files" and len(parts) > 3:
        return _file(mail, parts[3])
    return _one(mail, name)


def _list(caught: Caught) -> Answer:
    names = caught.names()
    rows = "".join(_row(_summary(caught, name)) for name in names[:_MOST_LISTED])
    table = (
        "<table><thead><tr><th scope='col'>Came</th><th scope='col'>To</th><th scope='col'>From</th>"
        f"<th scope='col'>Subject</th></tr></thead><tbody>{rows}</tbody></table>"
    )
    hidden = f"<p class='quiet'>The newest {_MOST_LISTED} are listed.</p>" if len(names) > _MOST_LISTED else ""
    empty = "<p>No mail yet. When a parcel moves, its mail lands here. Load the page again to look.</p>"
    return _page(f"Caught mails ({len(names)})", table + hidden if names else empty)


def _summary(caught: Caught, name: str) -> dict[str, str]:
    mail = caught.read(name)
    said = {field.lower(): _field(mail, field) for field in ("To", "From", "Subject")}
    came = f"{name[:4]}-{name[4:6]}-{name[6:8]} {name[8:10]}:{name[10:12]}:{name[12:14]} UTC"
    return {"id": name, "came": came, **said}


def _field(mail: EmailMessage | None, field: str) -> str:
    """A header as text; one that Python cannot take apart does not hide the others."""
    try:
        return str(mail.get(field, "")) if mail else ""
    except (ValueError, LookupError, TypeError, AttributeError):
        return "(not readable)"


def _row(mail: dict[str, str]) -> str:
    shown = {field: html.escape(value) for field, value in mail.items()}
    return (
        f"<tr><td>{shown['came']}</td><td>{shown['to']}</td><td>{shown['from']}</td>"
        f"<td><a href='/mails/{shown['id']}'>{shown['subject'] or '(no subject)'}</a></td></tr>"
    )


def _one(mail: EmailMessage, name: str) -> Answer:
    fields = "".join(
        f"<p><span class='quiet'>{field}:</span> {html.escape(_field(mail, field))}</p>"
        for field in ("From", "To", "Reply-To", "Date", "Message-ID")
    )
    files = "".join(
        f"<p>File: <a href='/mails/{name}/files/{place}'>{html.escape(part.get_filename() or 'unnamed')}</a></p>"
        for place, part in enumerate(mail.iter_attachments())
    )
    views = f"<p><a href='/'>All mails</a> · <a href='/mails/{name}/source'>Source</a></p>"
    frame = (
        f"<iframe sandbox='allow-popups allow-popups-to-escape-sandbox' title='The mail' src='/mails/{name}/html'>"
        "</iframe>"
    )
    text = f"<h2>Plain text</h2><pre>{html.escape(_text_of(mail))}</pre>"
    return _page(html.escape(_field(mail, "Subject")) or "(no subject)", views + fields + files + frame + text)


def _html_of(mail: EmailMessage) -> bytes:
    part = mail.get_body(("html",))
    body = str(part.get_content()) if part else f"<pre>{html.escape(_text_of(mail))}</pre>"
    with_base, count = re.subn(r"(<head[^>]*>)", r'\1<base target="_blank">', body, count=1)
    return (with_base if count else f'<base target="_blank">{body}').encode()


def _text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    return str(part.get_content()) if part else ""


def _file(mail: EmailMessage, place: str) -> Answer:
    files = list(mail.iter_attachments())
    if not place.isascii() or not place.isdigit() or int(place[:6]) >= len(files):
        return _page("Not here", "<p>There is no such file.</p>", HTTPStatus.NOT_FOUND)
    part = files[int(place[:6])]
    body = part.get_payload(decode=True)
    content = body if isinstance(body, bytes) else b""
    return Answer(content, "application/octet-stream", file_name=part.get_filename() or "file")


def _page(title: str, body: str, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    """`title` and `body` are HTML: escaped where they hold a mail's words."""
    page = (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        f"<title>{title}</title><style>{_CSS}</style></head>"
        f"<body><header><h1>{title}</h1></header><main>{body}</main></body></html>"
    )
    return Answer(page.encode(), status=status)


class _Web(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, caught: Caught) -> None:
        super().__init__((LOOPBACK, port), _Request)
        self.caught = caught


class _Request(BaseHTTPRequestHandler):
    server: _Web
    timeout = 10

    def do_GET(self) -> None:
        """Every page is read-only."""
        said = answer(self.server.caught, self.path)
        self.send_response(said.status)
        self.send_header("Content-Type", said.kind)
        self.send_header("Content-Length", str(len(said.body)))
        self.send_header("Content-Security-Policy", said.policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        if said.file_name:
            self.send_header("Content-Disposition", f"attachment; filename*=UTF-8''{quote(said.file_name, safe='')}")
        self.end_headers()
        self.wfile.write(said.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the demo's terminal is for the shop."""


class MailCatcher:
    """Both servers. Ports 0 pick free ones; `smtp_port` and `port` are the real ones after `start`."""

    def __init__(self, folder: Path, *, smtp_port: int = 0, port: int = 0) -> None:
        self.caught = Caught(folder)
        self._web = _Web(port, self.caught)
        self._thread = threading.Thread(target=self._web.serve_forever, name="mailcatcher", daemon=True)
        self._smtp = SmtpServer(
            Postman(self.caught),
            hostname=LOOPBACK,
            port=smtp_port,
            data_size_limit=_LARGEST_MAIL,
            ident="Doorstep demo",
        )

    @property
    def port(self) -> int:
        """Where the page is."""
        return int(self._web.server_address[1])

    @property
    def smtp_port(self) -> int:
        """Where mails are taken."""
        return self._smtp.bound_port

    def start(self) -> None:
        """Begins to listen. Raises OSError when a port is taken."""
        self._smtp.start()
        self._thread.start()

    def stop(self) -> None:
        """Ends both."""
        self._smtp.stop()
        self._web.shutdown()
        self._web.server_close()
        self._thread.join(5)


class SmtpServer(Controller):
    """aiosmtpd's controller, with the port that was really bound, which ends its connections before its loop."""

    def __init__(self, handler: object, **options: Any) -> None:
        # Five seconds to get going, as aiosmtpd has it, are few on a busy machine.
        super().__init__(handler, ready_timeout=READY_SECONDS, **options)
        self._connections: WeakSet[SMTP] = WeakSet()

    @property
    def bound_port(self) -> int:
        """Where mails are taken."""
        server: Any = self.server
        return int(server.sockets[0].getsockname()[1])

    def factory(self) -> SMTP:
        """One for each connection."""
        made = self.smtp()
        self._connections.add(made)
        return made

    def smtp(self) -> SMTP:
        """What speaks SMTP in one connection."""
        return super().factory()  # type: ignore[no-any-return, no-untyped-call]

    def stop(self, no_assert: bool = False) -> None:
        """Ends everything. A connection whose end aiosmtpd had not seen yet would keep its socket open for ever."""
        if self._thread is not None:
            asyncio.run_coroutine_threadsafe(self._hang_up(), self.loop).result(READY_SECONDS)
        super().stop(no_assert)

    async def _hang_up(self) -> None:
        server: Any = self.server
        server.close()
        while going := [smtp for smtp in self._connections if smtp.transport is not None]:
            for smtp in going:
                transport: Any = smtp.transport
                transport.abort()
            await asyncio.sleep(0)
        await asyncio.sleep(0)  # below STARTTLS lies a second transport, whose end comes one round later

    def _trigger_server(self) -> None:
        """aiosmtpd knocks at the port it was given, which may be 0; knock at the real one."""
        self.port = self.bound_port
        super()._trigger_server()  # type: ignore[no-untyped-call]


def main(argv: Sequence[str] | None = None) -> int:
    """`python -m portal.mailcatcher`: prints its ports as one JSON line, then runs until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="portal.mailcatcher", description="Catches the mails of the demo.")
    parser.add_argument("--smtp-port", type=int, default=0, help="port for mails; 0 picks a free one")
    parser.add_argument("--port", type=int, default=0, help="port of the page; 0 picks a free one")
    parser.add_argument("--dir", type=Path, required=True, help="folder for the caught mails")
    options = parser.parse_args(argv)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        catcher = MailCatcher(options.dir, smtp_port=options.smtp_port, port=options.port)
        catcher.start()
    except OSError as error:
        sys.stderr.write(f"mail catcher: cannot listen: {error}\n")
        return 1
    sys.stdout.write(orjson.dumps({"smtp_port": catcher.smtp_port, "port": catcher.port}).decode() + "\n")
    sys.stdout.flush()
    ended.wait()
    catcher.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
