"""A mail relay over real SMTP on a free port: counts what it was handed and misbehaves in one phase as told."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult

from portal.mailcatcher import SmtpServer


@dataclass
class Relay:
    """What to say in each phase (empty: all is well), and what came."""

    ehlo: str = ""
    mail: str = ""
    rcpt: str = ""
    data: str = ""
    drop: str = ""  # "before dot" or "after dot"
    silent: bool = False
    password: str = ""
    utf8: bool = True
    port: int = 0
    connections: int = 0
    recipients: list[str] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    @property
    def mails(self) -> list[EmailMessage]:
        """What was handed over, taken apart."""
        return [message_from_bytes(raw, _class=EmailMessage, policy=policy.default) for raw in self.raw]

    async def handle_EHLO(self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]) -> Any:
        session.host_name = hostname
        return [self.ehlo] if self.ehlo else responses

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if self.silent:
            await asyncio.Event().wait()
        envelope.mail_from = address
        return self.mail or "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        self.recipients.append(address)
        if self.rcpt:
            return self.rcpt
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.data:
            return self.data
        self.raw.append(envelope.content)
        if self.drop == "after dot":
            _cut(server)
        return f"250 2.0.0 queued as {len(self.raw)}"


def _cut(server: SMTP) -> None:
    """The connection is gone, in the middle of a word."""
    assert isinstance(server.transport, asyncio.Transport)
    server.transport.abort()


class _Server(SMTP):
    relay: Relay

    def connection_made(self, transport: Any) -> None:
        self.relay.connections += 1
        super().connection_made(transport)

    async def smtp_DATA(self, arg: str) -> None:
        if self.relay.drop == "before dot":
            await self.push("354 go ahead")
            _cut(self)
            return
        await super().smtp_DATA(arg)


class _Controller(SmtpServer):
    relay: Relay

    def smtp(self) -> SMTP:
        server = _Server(self.handler, **self.SMTP_kwargs)
        server.relay = self.relay
        return server


@contextmanager
def running(relay: Relay, tls: ssl.SSLContext | None = None) -> Iterator[Relay]:
    """Runs it on 127.0.0.1 until the end of the block."""
    wants: dict[str, Any] = {"tls_context": tls} if tls else {}
    if relay.password:
        wants |= {"auth_require_tls": False, "authenticator": _doorman(relay)}
    controller = _Controller(relay, hostname="127.0.0.1", port=0, enable_SMTPUTF8=relay.utf8, **wants)
    controller.relay = relay
    controller.start()
    relay.port = controller.port
    relay.connections = 0
    try:
        yield relay
    finally:
        controller.stop()


def _doorman(relay: Relay) -> Any:
    def check(server: Any, session: Any, envelope: Any, mechanism: str, auth: Any) -> AuthResult:
        return AuthResult(success=auth.password == relay.password.encode(), handled=False)

    return check
