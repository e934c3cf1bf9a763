"""E-mail by SMTP: one connection for a batch, every phase's failure told apart, nothing sent in clear by accident."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TypeVar

import aiosmtplib
from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPException,
    SMTPNotSupported,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from portal.notify.contract import Message, SendLater, SendNever, Sent
from portal.notify.mailbox import breaks_a_header, clean_address, display_name
from portal.settings import Settings

_Answer = TypeVar("_Answer")

_CLOSING = 421
_SIGN_IN_FIRST = {530, 538}
_LONGEST_SUBJECT = 200


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait for one answer. After the final dot a relay may take its time: giving up there risks a repeat."""

    command: float = 20.0
    final_dot: float = 60.0


class Email:
    """The channel. One instance for the process; all state is in what `open` yields."""

    slug = "email"

    def __init__(self, patience: Patience | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._patience = patience or Patience()
        self._tls = tls

    @contextmanager
    def open(self, settings: Settings) -> Iterator[Relay]:
        """A relay for one batch, with an event loop of its own: call from a thread that runs none."""
        with asyncio.Runner() as runner:
            relay = Relay(settings, self._patience, self._tls, runner)
            try:
                yield relay
            finally:
                runner.run(relay.close())


class Relay:
    """An SMTP connection that is made at the first message and again after it is lost."""

    def __init__(
        self, settings: Settings, patience: Patience, tls: ssl.SSLContext | None, runner: asyncio.Runner
    ) -> None:
        self._settings = settings
        self._patience = patience
        self._tls = tls
        self._runner = runner
        self._smtp: aiosmtplib.SMTP | None = None

    def send(self, message: Message) -> Sent:
        """Hands one message over. Raises SendLater or SendNever."""
        mime = build_mime(message)
        return self._runner.run(self._send(message, mime))

    async def _send(self, message: Message, mime: bytes) -> Sent:
        smtp = await self._connected()
        try:
            return await self._transaction(smtp, message, mime)
        except SendNever:
            await self._reset(smtp)
            raise
        except SendLater:
            # The state of the dialogue is unknown or the relay is unwell: the next message begins afresh.
            await self.close()
            raise

    async def _connected(self) -> aiosmtplib.SMTP:
        if self._smtp is not None and self._smtp.is_connected:
            return self._smtp
        settings = self._settings
        smtp = aiosmtplib.SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            local_hostname=_own_name(),
            timeout=self._patience.command,
            use_tls=settings.smtp_tls == "tls",
            start_tls=settings.smtp_tls == "starttls",
            tls_context=self._tls,
        )
        await _connect(smtp)
        if settings.smtp_user:
            await _sign_in(smtp, settings)
        self._smtp = smtp
        return smtp

    async def _transaction(self, smtp: aiosmtplib.SMTP, message: Message, mime: bytes) -> Sent:
        """MAIL, RCPT, DATA, one by one, so that each refusal is known by its phase."""
        wide = not message.recipient.isascii()
        if wide and not smtp.supports_extension("smtputf8"):
            raise SendNever("the mail relay cannot write to addresses with letters outside ASCII")
        options = ["SMTPUTF8"] if wide else []
        encoding = "utf-8" if wide else "ascii"
        await self._step("sender", message, smtp.mail(message.sender_email, options=options, encoding=encoding))
        await self._step("recipient", message, smtp.rcpt(message.recipient, encoding=encoding))
        answer = await self._step("message", message, smtp.data(mime, timeout=self._patience.final_dot))
        return Sent(" ".join(answer.message.split())[:200])

    async def _step(self, phase: str, message: Message, step: Awaitable[_Answer]) -> _Answer:
        try:
            return await step
        except SMTPResponseException as answer:
            raise _refusal(phase, answer, message) from None
        except (SMTPTimeoutError, SMTPServerDisconnected, OSError) as lost:
            raise SendLater(f"connection lost while handing over the {phase}: {_words(lost)}") from None
        except (SMTPException, ValueError) as odd:
            raise SendNever(f"the {phase} cannot be put to the mail relay: {_words(odd)}") from None

    async def _reset(self, smtp: aiosmtplib.SMTP) -> None:
        try:
            await smtp.rset()
        except (SMTPException, OSError):
            await self.close()

    async def close(self) -> None:
        """Says QUIT where somebody still listens. Never raises."""
        smtp, self._smtp = self._smtp, None
        if smtp is None:
            return
        if smtp.is_connected:
            with suppress(SMTPException, OSError, TimeoutError):
                await smtp.quit(timeout=2)
        smtp.close()


async def _connect(smtp: aiosmtplib.SMTP) -> None:
    try:
        await smtp.connect()
        await smtp.ehlo()
    except (ssl.SSLError, ssl.CertificateError) as error:
        raise _relay_trouble("its certificate is not trusted", error) from None
    except (SMTPConnectError, SMTPTimeoutError, SMTPServerDisconnected, SMTPResponseException, OSError) as error:
        raise _relay_trouble("it does not answer", error) from None
    except (SMTPNotSupported, SMTPException) as error:
        raise _relay_trouble("no STARTTLS, and mail never goes in clear unless smtp_tls is none", error) from None
    except BaseException:
        smtp.close()
        raise


async def _sign_in(smtp: aiosmtplib.SMTP, settings: Settings) -> None:
    try:
        await smtp.login(settings.smtp_user, settings.smtp_password.get_secret_value())
    except SMTPAuthenticationError as error:
        smtp.close()
        raise _relay_trouble("it refuses our sign-in", error) from None
    except (SMTPException, OSError) as error:
        smtp.close()
        raise _relay_trouble("signing in failed", error) from None


def _relay_trouble(what: str, error: Exception) -> SendLater:
    return SendLater(f"mail relay: {what}: {_words(error)}", channel_wide=True)


def _refusal(phase: str, answer: SMTPResponseException, message: Message) -> SendLater | SendNever:
    """4xx waits, 5xx does not. Only a 5xx about the recipient, and not about policy, says that the address is dead."""
    words = " ".join(answer.message.replace(message.recipient, "(recipient)").split())
    said = f"{phase} refused: {answer.code} {words}"
    if answer.code == _CLOSING or answer.code in _SIGN_IN_FIRST:
        return SendLater(f"mail relay: {said}", channel_wide=True)
    if answer.code < 500:
        return SendLater(said)
    bounced = phase == "recipient" and not words.startswith("5.7.")
    return SendNever(f"bounced: {said}" if bounced else said, bounced=bounced)


def _words(error: Exception) -> str:
    """One line about an error: never the text of a message or an address."""
    code = getattr(error, "code", None)
    text = " ".join(str(getattr(error, "message", None) or error).split())[:200]
    return f"{code} {text}" if code else text or type(error).__name__


def _own_name() -> str:
    """What we say in EHLO. The plain host name: asking DNS for a full one can block for seconds."""
    name = socket.gethostname()
    return name if name.isascii() and name else "localhost"


def build_mime(message: Message) -> bytes:
    """The bytes of a message. Raises SendNever when a word could start another header, or an address is none."""
    for text in (
        message.subject,
        message.sender_name,
        message.sender_email,
        message.recipient,
        message.reply_to,
        message.list_id,
        message.message_id,
        *(file.name for file in message.attachments),
    ):
        if breaks_a_header(text):
            raise SendNever("a header holds a line break or control character")
    if not clean_address(message.recipient) or not clean_address(message.sender_email):
        raise SendNever("sender or recipient is no e-mail address")
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"] = _mailbox(display_name(message.sender_name), message.sender_email)
    mail["To"] = _mailbox("", message.recipient)
    mail["Subject"] = message.subject[:_LONGEST_SUBJECT]
    mail["Date"] = format_datetime(message.at)
    mail["Message-ID"] = f"<{message.message_id}>"
    if clean_address(message.reply_to):
        mail["Reply-To"] = _mailbox("", message.reply_to)
    if message.list_id:
        mail["List-Id"] = f"<{message.list_id}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text, cte="quoted-printable")
    mail.add_alternative(message.html, subtype="html", cte="quoted-printable")
    for file in message.attachments:
        maintype, _, subtype = file.mime.partition("/")
        mail.add_attachment(file.body, maintype=maintype, subtype=subtype, filename=file.name)
    return _bytes(mail, utf8=not message.recipient.isascii())


def _mailbox(name: str, address: str) -> Address:
    local, _, domain = clean_address(address).rpartition("@")
    return Address(display_name=name, username=local, domain=domain)


def _bytes(mail: EmailMessage, *, utf8: bool) -> bytes:
    return mail.as_bytes(policy=policy.SMTPUTF8 if utf8 else policy.SMTP)


CHANNEL = Email()
