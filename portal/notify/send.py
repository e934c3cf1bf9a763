"""Sends what is due in the outbox: claim, read, write, hand over, record. At least once, always under one Message-ID.

Between handing over and recording lies a gap that no mail system can close: a crash there sends the same message again,
with the same Message-ID, so that receivers may drop the repeat. Nothing is sent inside a transaction.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Row, update
from sqlmodel import col

from portal.app import App
from portal.claim import backoff, claim, done, failed, finished, turned_out
from portal.crash import crashpoint
from portal.db import is_outage
from portal.links import make_link
from portal.notify.contract import Attachment, Channel, Message, Outgoing, SendLater, SendNever, Sent, all_channels
from portal.notify.letter import Letter, write_letter
from portal.notify.mailbox import clean_address, one_line
from portal.notify.matter import Matter, read_matter
from portal.notify.truth import not_to_be_sent
from portal.notify.view import view_of
from portal.tables import Brand, Outbox

# A batch stops beginning new messages after this, so that a slow relay neither outlives the lease nor a graceful stop.
BUDGET_SECONDS = 10.0
# Longer than the budget and the longest that one message can take: nobody else sends a message that is still under way.
LEASE = timedelta(minutes=3)


def send_due(app: App, channels: Mapping[str, Channel] | None = None) -> int:
    """Sends one batch. Returns how many rows were settled; 0 when there was nothing or the channel is down."""
    with app.db.transaction() as tx:
        rows = claim(tx, Outbox, app.now(), lease=LEASE)
    if not rows:
        return 0
    crashpoint("send.after_claim")
    known = all_channels() if channels is None else channels
    settled = 0
    for slug, group in groupby(sorted(rows, key=lambda row: str(row.channel)), key=lambda row: str(row.channel)):
        batch = list(group)
        if slug in known:
            settled += _send_batch(app, known[slug].open(app.settings), batch)
        else:
            for row in batch:
                _fail(app, row, f"there is no channel {slug!r}", final=True)
    return settled


def _send_batch(app: App, opening: AbstractContextManager[Outgoing], rows: Sequence[Row[Any]]) -> int:
    """Stops at the first channel-wide trouble, or when time is up; what was not begun goes back untouched."""
    began = time.monotonic()
    with opening as outgoing:
        for handled, row in enumerate(rows):
            if time.monotonic() - began > BUDGET_SECONDS:
                _give_back(app, rows[handled:], app.now(), "")
                return handled
            try:
                _send_one(app, outgoing, row)
            except SendLater as trouble:
                _give_back(app, rows[handled:], app.now() + backoff(1), str(trouble))
                return 0
    return len(rows)


def _send_one(app: App, outgoing: Outgoing, row: Row[Any]) -> None:
    """One message, from row to recorded result. Raises SendLater only for channel-wide trouble."""
    try:
        prepared = _prepare(app, row)
    except Exception as error:
        if is_outage(error):
            raise
        # A message that cannot be written must not hold up the others. No text of the error: it may hold data.
        _fail(app, row, f"cannot be written: {type(error).__name__}", final=isinstance(error, LookupError))
        return
    if isinstance(prepared, str):
        _settle(app, row, suppressed=prepared)
        return
    message, stored_text = prepared
    try:
        sent = outgoing.send(message)
    except SendNever as never:
        _fail(app, row, str(never), final=True)
        return
    except SendLater as later:
        if later.channel_wide:
            raise
        _fail(app, row, str(later))
        return
    crashpoint("send.after_send")
    _record(app, row, sent, message.subject, stored_text)


def _prepare(app: App, row: Row[Any]) -> tuple[Message, str] | str:
    """The message and the copy to keep of its text, or the reason why it is not sent after all."""
    now = app.now()
    brand = app.brands.get(row.brand_id)
    with app.db.reading() as tx:
        matter = read_matter(tx, row, brand)
        tx.expunge_all()
    reason = not_to_be_sent(matter, now)
    if reason:
        return reason
    with app.db.transaction() as tx:
        url = make_link(tx, brand, matter.order, now)
    private = url.rpartition("/")[2]
    if matter.case is not None:
        url += f"?return={matter.case.row.public_id}"
    letter = write_letter(app.renderer.env, matter.event, brand, view_of(matter, url, now))
    return _message(row, brand, matter, letter, now), letter.text.replace(private, "…")


def _message(row: Row[Any], brand: Brand, matter: Matter, letter: Letter, now: datetime) -> Message:
    return Message(
        message_id=row.message_id,
        sender_name=one_line(brand.sender_name or brand.name),
        sender_email=brand.sender_email,
        recipient=row.recipient,
        subject=letter.subject,
        text=letter.text,
        html=letter.html,
        at=now,
        reply_to=clean_address(brand.reply_to) or clean_address(str(brand.support.get("email") or "")),
        list_id=f"orders.{brand.slug}.{brand.sender_email.rpartition('@')[2]}",
        attachments=_label(matter),
    )


def _label(matter: Matter) -> tuple[Attachment, ...]:
    if matter.case is None or not matter.case.label_pdf:
        return ()
    code = re.sub(r"[^A-Za-z0-9-]", "", matter.case.row.rma)
    return (Attachment(f"return-label-{code}.pdf", "application/pdf", matter.case.label_pdf),)


def _record(app: App, row: Row[Any], sent: Sent, subject: str, text: str) -> None:
    """T4: handed over. `error` is emptied, tries kept."""
    values = {"provider_id": sent.provider_id, "subject": subject, "text": text}
    turned_out(Outbox, row.id, finished(app.now(), **values))
    _settle(app, row, **values)


def _settle(app: App, row: Row[Any], **values: Any) -> None:
    with app.db.transaction() as tx:
        done(tx, Outbox, row.id, app.now(), **values)


def _fail(app: App, row: Row[Any], error: str, *, final: bool = False) -> None:
    with app.db.transaction() as tx:
        failed(tx, Outbox, row, app.now(), error, final=final)


def _give_back(app: App, rows: Sequence[Row[Any]], due: datetime, error: str) -> None:
    """Not begun, or stopped by the channel's own trouble: due again, and no try is lost."""
    with app.db.transaction() as tx:
        for row in rows:
            values = {"next_at": due, "tries": row.tries - 1} | ({"error": error[:500]} if error else {})
            tx.exec(update(Outbox).where(col(Outbox.id) == row.id).values(**values))
