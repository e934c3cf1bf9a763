"""A line to a carrier's API for one connection: credentials opened, tokens shared, calls counted, one HTTP client."""

from dataclasses import dataclass
from functools import cache

import httpx
import structlog

from carriers.http import Http, open_client, open_http
from carriers.registry import all_carriers
from portal.app import App
from portal.connections import base_url, credentials
from portal.db import is_outage
from portal.tables import Connection
from portal.tracking.budget import Purpose, budgets_of, spend
from portal.tracking.tokens import DatabaseTokens

log = structlog.get_logger("portal.line")


@dataclass(slots=True)
class Meter:
    """Counts the requests of one line. The first `paid` of them were taken from the budgets beforehand."""

    app: App
    connection: Connection
    purpose: Purpose | None
    paid: int = 0

    def __call__(self) -> None:
        """One request is about to be made: it is, whatever the budgets say, and whether or not it can be counted."""
        if self.paid:
            self.paid -= 1
            return
        row = self.connection
        try:
            with self.app.db.transaction() as tx:
                spend(tx, row.id or 0, budgets_of(row), self.app.now(), self.purpose, must=True)
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("call_not_counted", carrier=row.carrier, kind=type(error).__name__)


def open_line(
    app: App,
    connection: Connection,
    client: httpx.Client | None = None,
    *,
    purpose: Purpose | None = None,
    paid: int = 0,
) -> Http:
    """`paid`: calls that were taken from the budgets already.

    Raises BadCredentials for an address that is not allowed, CannotDecrypt for secrets of another key.
    """
    return open_http(
        all_carriers()[connection.carrier],
        client=client or _client(),
        credentials=credentials(app, connection),
        tokens=DatabaseTokens(app),
        base=base_url(app, connection),
        on_call=Meter(app, connection, purpose, paid),
        on_token_call=Meter(app, connection, Purpose.TOKEN),
    )


@cache
def _client() -> httpx.Client:
    """Connections to carriers stay open between calls."""
    return open_client()
