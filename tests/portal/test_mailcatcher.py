"""The demo's mail catcher: what is sent to it is kept, shown without scripts, and listed."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from email.message import Message as Headers
from pathlib import Path
from typing import Any

import pytest

from portal.mailcatcher import MailCatcher
from portal.notify.channels.email import Email
from portal.notify.contract import Attachment
from tests.portal.notify.test_email import MESSAGE, settings


@pytest.fixture
def catcher(tmp_path: Path) -> Iterator[MailCatcher]:
    running = MailCatcher(tmp_path / "mails")
    running.start()
    yield running
    running.stop()


def get(port: int, path: str) -> tuple[str, Headers]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as response:
        return response.read().decode(), response.headers


def send(port: int, **changes: Any) -> None:
    with Email().open(settings(port)) as outgoing:
        outgoing.send(replace(MESSAGE, **changes))


def test_a_mail_is_kept_listed_and_shown(catcher: MailCatcher, tmp_path: Path) -> None:
    assert "No mail yet" in get(catcher.port, "/")[0]
    send(catcher.smtp_port, subject="<b>Tent</b> & stove")
    (listed,) = json.loads(get(catcher.port, "/mails.json")[0])
    assert (listed["to"], listed["subject"]) == ("ada@example.test", "<b>Tent</b> & stove")
    assert "&lt;b&gt;Tent&lt;/b&gt; &amp; stove" in get(catcher.port, "/")[0]
    assert len(list((tmp_path / "mails").glob("*.eml"))) == 1
    page, _ = get(catcher.port, f"/mails/{listed['id']}")
    assert "sandbox='allow-popups allow-popups-to-escape-sandbox'" in page
    assert "Grüße — it has left us." in page
    assert "Grüße" in get(catcher.port, f"/mails/{listed['id']}/text")[0]


def test_a_mails_own_page_runs_no_script_and_loads_nothing(catcher: MailCatcher) -> None:
    send(catcher.smtp_port, html="<html><head></head><body><script>alert(1)</script><a href='https://x.test'>x</a>")
    (listed,) = json.loads(get(catcher.port, "/mails.json")[0])
    page, headers = get(catcher.port, f"/mails/{listed['id']}/html")
    rules = headers["Content-Security-Policy"]
    assert rules.startswith("sandbox ")
    assert "allow-scripts" not in rules
    assert "default-src 'none'" in rules
    assert '<base target="_blank">' in page


def test_an_attachment_can_be_fetched(catcher: MailCatcher) -> None:
    send(catcher.smtp_port, attachments=(Attachment("return-label.pdf", "application/pdf", b"%PDF-1.7"),))
    (listed,) = json.loads(get(catcher.port, "/mails.json")[0])
    body, headers = get(catcher.port, f"/mails/{listed['id']}/files/0")
    assert body == "%PDF-1.7"
    assert headers["Content-Disposition"] == "attachment; filename*=UTF-8''return-label.pdf"


@pytest.mark.parametrize(
    "path", ["/mails/../../etc/passwd", "/mails/20260101000000-0000", "/x", "/mails/x/html", "/mails/%2e%2e"]
)
def test_what_is_not_there_is_not_found(catcher: MailCatcher, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as missing:
        get(catcher.port, path)
    assert missing.value.code == 404
    missing.value.close()


def test_a_malformed_mail_does_not_hide_the_others(catcher: MailCatcher, tmp_path: Path) -> None:
    send(catcher.smtp_port)
    (tmp_path / "mails" / "20260101000000-0000.eml").write_bytes(b"\xff\x00From: <<>>\nTo: @,;\nSubject: =?x?q?\xff\n")
    (tmp_path / "mails" / "notes.txt").write_text("not a mail")
    page, _ = get(catcher.port, "/")
    assert "Caught mails (2)" in page
    get(catcher.port, "/mails/20260101000000-0000")


def test_stopping_ends_the_connections_that_clients_hold(tmp_path: Path) -> None:
    running = MailCatcher(tmp_path)
    running.start()
    with socket.create_connection(("127.0.0.1", running.smtp_port), timeout=30) as held:
        assert held.recv(1024).startswith(b"220")
        running.stop()
        assert held.recv(1024) == b""


def test_the_command_prints_its_ports_and_ends_on_sigterm(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "portal.mailcatcher", "--dir", str(tmp_path / "mails")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        ports = json.loads(child.stdout.readline())
        send(ports["smtp_port"])
        assert len(json.loads(get(ports["port"], "/mails.json")[0])) == 1
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 0


def test_a_taken_port_is_said_and_ends_the_command(tmp_path: Path, catcher: MailCatcher) -> None:
    command = [sys.executable, "-m", "portal.mailcatcher", "--dir", str(tmp_path), "--port", str(catcher.port)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert "cannot listen" in ended.stderr
