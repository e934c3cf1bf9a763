"""What a channel is: a file in `channels/` whose CHANNEL opens for a batch and hands over one message at a time."""

from __future__ import annotations

import importlib
import pkgutil
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Protocol, runtime_checkable

from portal.settings import Settings


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that travels with a message. `mime` is "type/subtype"."""

    name: str
    mime: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one person, ready to hand over. `message_id` is the same on every try, without angle brackets."""

    message_id: str
    sender_name: str
    sender_email: str
    recipient: str
    subject: str
    text: str
    html: str
    at: datetime
    reply_to: str = ""
    list_id: str = ""
    attachments: tuple[Attachment, ...] = ()

    def __repr__(self) -> str:
        return f"Message({self.message_id})"  # no person's address or words in a log or traceback


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider took it. `provider_id` is what it calls the message, empty where it says nothing."""

    provider_id: str = ""


class SendLater(Exception):
    """Not taken, and waiting helps. `channel_wide`: the trouble is the channel's, not this message's.

    After channel-wide trouble the rest of the batch waits as well, and no message loses one of its tries.
    """

    def __init__(self, reason: str, *, channel_wide: bool = False) -> None:
        super().__init__(reason)
        self.channel_wide = channel_wide


class SendNever(Exception):
    """Not taken, and waiting cannot help. `bounced`: the recipient's address does not work."""

    def __init__(self, reason: str, *, bounced: bool = False) -> None:
        super().__init__(reason)
        self.bounced = bounced


class Outgoing(Protocol):
    """A channel, open for one batch."""

    def send(self, message: Message) -> Sent:
        """Hands one message over. Raises SendLater or SendNever, nothing else."""
        ...


@runtime_checkable
class Channel(Protocol):
    """One way to reach people. `slug` is what the outbox calls it."""

    slug: str

    def open(self, settings: Settings) -> AbstractContextManager[Outgoing]:
        """For one batch, in one thread. Opening does no I/O: trouble shows at the first message."""
        ...


@cache
def all_channels() -> dict[str, Channel]:
    """Every module's CHANNEL in portal/notify/channels, by slug. Raises LookupError for a module without one."""
    folder = importlib.import_module("portal.notify.channels")
    found: dict[str, Channel] = {}
    for info in sorted(pkgutil.iter_modules(folder.__path__), key=lambda info: info.name):
        channel = getattr(importlib.import_module(f"{folder.__name__}.{info.name}"), "CHANNEL", None)
        if not isinstance(channel, Channel):
            raise LookupError(f"portal/notify/channels/{info.name}.py must declare CHANNEL")
        found[channel.slug] = channel
    return found
