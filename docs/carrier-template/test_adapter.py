"""Your Carrier over real HTTP, against a server on this machine that speaks its documented API."""

from __future__ import annotations

from carriers.adapters.yourcarrier import CARRIER
from carriers.http import open_client
from tests.carriers.clauses import FIXTURES, connected
from tests.carriers.fakes.server import Answered, FakeServer, Received

BODY = (FIXTURES / "yourcarrier" / "track_delivered.json").read_bytes()


def test_a_parcel_is_asked_for_by_its_number_with_our_key() -> None:
    def parcel(asked: Received) -> Answered:
        return Answered(BODY) if asked.groups["number"] == "YC0000000001" else Answered({}, 404)

    with FakeServer({r"GET /v1/parcels/(?P<number>[^/]+)": parcel}) as server, open_client() as client:
        fetched = CARRIER.fetch(connected(CARRIER, client, server.url), ["YC0000000001"])
        asked = server.requests[-1]
    assert asked.headers["x-api-key"] == "something"
    assert CARRIER.parse(fetched.body, fetched.status).parcels[0].number == "YC0000000001"
