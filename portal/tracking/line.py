"""A line to a carrier's API for one connection: credentials opened, tokens shared, one HTTP client per process."""

from functools import cache

import httpx

from carriers.http import Http, open_client, open_http
from carriers.registry import all_carriers
from portal.app import App
from portal.connections import base_url, credentials
from portal.tables import Connection
from portal.tracking.tokens import DatabaseTokens


def open_line(app: App, connection: Connection, client: httpx.Client | None = None) -> Http:
    """Raises BadCredentials for an address that is not allowed, CannotDecrypt for secrets of another key."""
    return open_http(
        all_carriers()[connection.carrier],
        client=client or _client(),
        credentials=credentials(app, connection),
        tokens=DatabaseTokens(app),
        base=base_url(app, connection),
    )


@cache
def _client() -> httpx.Client:
    """Connections to carriers stay open between calls."""
    return open_client()
