"""Returns that were never sent: expired once the deadline and its grace are over."""

from __future__ import annotations

from sqlmodel import col, select

from portal.app import App
from portal.refusal import Refusal
from portal.returning.approve import GRACE, expire
from portal.tables import ReturnCase
from returns.machine import State

BATCH = 50
_UNSENT = (State.APPROVED, State.LABEL_ISSUED, State.INFO_NEEDED)


def expire_overdue(app: App) -> int:
    """Expires up to 50 cases, each in its own transaction; returns how many."""
    now = app.now()
    overdue = select(ReturnCase.id).where(
        col(ReturnCase.status).in_(_UNSENT), col(ReturnCase.deadline) < (now - GRACE).date()
    )
    with app.db.reading() as tx:
        ids = tx.exec(overdue.limit(BATCH)).all()
    expired = 0
    for case_id in ids:
        try:
            with app.db.transaction() as tx:
                case = tx.get_one(ReturnCase, case_id)
                expire(tx, app.brands.get(case.brand_id), case, now)
                expired += 1
        except Refusal:  # scanned or called off in this very moment: no longer overdue
            continue
    return expired
