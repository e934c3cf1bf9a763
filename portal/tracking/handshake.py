"""A carrier's wish to be called back before it pushes: on disk before it is answered, carried out by a job."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from sqlmodel import col, func, select

from carriers.contract import Greeting
from portal.app import App
from portal.db import insert_once
from portal.tables import Handshake

# Handshakes of one connection that wait; nobody has to prove anything to send one.
MAX_WAITING: Final = 20
MAX_REF: Final = 500


def keep(app: App, connection_id: int, greeting: Greeting) -> bool:
    """Stores the challenge for portal.tracking.subscribe. False where too many wait, which only forgeries would."""
    now = app.now()
    waiting = (Handshake.connection_id == connection_id, col(Handshake.next_at).is_not(None))
    row = {
        "connection_id": connection_id,
        "ref": greeting.ref[:MAX_REF],
        "challenge": app.keys.seal({"challenge": greeting.challenge}, challenge_place(connection_id)),
        "challenge_hash": sha256(greeting.challenge.encode()).hexdigest(),
        "received_at": now,
        "next_at": now,
        "tries": 0,
        "error": "",
    }
    with app.db.transaction() as tx:
        if tx.exec(select(func.count()).select_from(Handshake).where(*waiting)).one() >= MAX_WAITING:
            return False
        insert_once(tx, Handshake, row)
    return True


def challenge_place(connection_id: int) -> str:
    """What a sealed challenge is bound to."""
    return f"connection:{connection_id}:challenge"
