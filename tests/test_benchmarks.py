"""What the benchmarks fill their databases with is what the tables take. How fast anything is, is not tested."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlmodel import func, select

from benchmarks import claims, pages
from portal.db import Database
from portal.tables import Inbox, Scan


def test_orders_with_their_stories_are_filled_in(database_url: str) -> None:
    sessions = pages.fill(database_url, 3)
    assert len(sessions) == 3
    db = Database(database_url)
    with db.reading() as tx:
        assert tx.exec(select(func.count()).select_from(Scan)).one() == 3 * pages.SCANS
    db.close()


@pytest.mark.postgres
def test_rows_to_claim_are_filled_in(postgres_url: str) -> None:
    claims._seed(postgres_url, datetime.now(UTC), 7)
    claims._seed(postgres_url, datetime.now(UTC), 7)
    db = Database(postgres_url)
    with db.reading() as tx:
        assert tx.exec(select(func.count()).select_from(Inbox)).one() == 7
    db.close()
