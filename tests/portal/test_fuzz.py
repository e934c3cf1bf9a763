"""Whatever is sent to whatever address, by nobody, by a shopper or by an agent: never answered 500."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select
from starlette.routing import Route

from portal.app import App
from portal.audit import SHOPPER
from portal.keys import token_hash
from portal.notify.events import Event
from portal.notify.outbox import put
from portal.returning import start
from portal.tables import Brand, Inbox, Order, Outbox
from portal.web.console.seal import seal
from tests.client import Client
from tests.portal.console.desk import sign_in
from tests.portal.web.shopping import NOON, deliver, look_up
from tests.world import World

EXAMPLES = 200
HOST = b"juniper.test"
Raw = list[tuple[bytes, bytes]]

ODD = st.one_of(
    st.sampled_from(
        [
            "",
            "\x00",
            "a\x00b",
            "..",
            "../../etc/passwd",
            "%00",
            "%",
            "%(x)s",
            "{{7*7}}",
            "'\"--",
            "\r\nX: y",
            "-1",
            "0",
            "1e9",
            "９",
            "NaN",
            "1,000",
            "9" * 40,
            "true",
            "//evil.test",
            "/\\evil",
            "A" * 5000,
            "\u202e",
            "�",
            "é",
        ]
    ),
    st.text(max_size=30),
)
FIELDS = [
    "order",
    "who",
    "email",
    "password",
    "next",
    "csrf",
    "go",
    "status",
    "key",
    "amount",
    "reason",
    "do",
    "sku",
    "q",
    "said",
    "show",
    "item",
    "resolution",
    "request_key",
    "comment",
    "copy",
    "body",
    "check",
    "expired",
    "sent",
    "mailed",
    "arrived",
    "return",
]
OWN_FIELDS = ("quantity", "reason", "comment", "swap", "q", "r", "sku")
GOOD = [
    "J-1001",
    "ada@example.test",
    "kim@doorstep.test",
    "review",
    "items",
    "resolution",
    "requested",
    "approved",
    "label_issued",
    "received",
    "1",
    "2",
    "12.50",
    "0.01",
    "refund_original",
    "exchange_variant",
    "store_credit",
    "defective",
    "too_small",
    "other",
    "MUG-500",
    "TENT-2-SAND",
    "exchange",
    "refund",
    "dead",
    "all",
    "queued",
    "parcels",
    "trouble",
]
HEADERS = [
    *(b"origin", b"referer", b"sec-fetch-site", b"cookie", b"accept", b"accept-encoding", b"accept-language"),
    *(b"if-none-match", b"if-modified-since", b"range", b"x-forwarded-for", b"x-forwarded-host", b"expect"),
    *(b"content-type", b"content-length", b"content-encoding", b"transfer-encoding", b"host", b"x-northpost-signature"),
]
HEADER_VALUES = st.one_of(
    st.sampled_from(
        [
            b"",
            b"null",
            b"http://[",
            b"http://juniper.test",
            b"http://juniper.test:99999999",
            b"https://[::1",
            b"//",
            b"same-origin",
            b"cross-site",
            b"none",
            b"ds_order=",
            b'ds_order="\\000\\012"; ds_agent=x',
            b"gzip;q=",
            b"\xff",
            b"application/json",
            b"text/html",
            b"multipart/form-data",
            b"multipart/form-data; boundary=",
            b"bytes=9-1",
            b"multipart/form-data; boundary=b",
            b"multipart/form-data; boundary=b; charset=utf-7",
            b"-1",
            b"1e3",
            b"9" * 30,
            b"application/x-www-form-urlencoded; charset=utf-16",
            b"gzip",
            b"chunked",
            b"juniper.test:abc",
            b"[::1]",
        ]
    ),
    st.binary(max_size=40),
)


@pytest.fixture
def ids(app: App, world: World) -> dict[str, list[str]]:
    """Real values for the patterns in paths, so that what is behind them is reached."""
    deliver(app, world, NOON)
    with app.db.transaction() as tx:
        brand, order = tx.get_one(Brand, world.juniper.id), tx.get_one(Order, world.order.id)
        wanted = start.Wanted((start.WantedItem(world.lines[1].public_id, 1, "too_small"),))
        case = start.start_return(tx, brand, order, wanted, request_key="k" * 22, by=SHOPPER, now=app.now())
        put(tx, event=Event.SHIPPED, fact="x", brand=brand, order=order, now=app.now(), facts={})
        raw = Inbox(
            connection_id=world.connection.id or 0,
            carrier="northpost",
            via="hook",
            hook_key="k",
            body=b"{}",
            received_at=app.now(),
            dead_at=app.now(),
            error="broken",
        )
        tx.add(raw)
        tx.flush()
        message = tx.exec(select(Outbox.id)).first()
        refs = [seal(app.keys, {"id": n}, f"console:{t}") for t, n in (("outbox", message), ("inbox", raw.id))]
        return {
            "order": [world.order.public_id, world.other_order.public_id],
            "case": [case.public_id],
            "shipment": [world.shipments[0].public_id],
            "parcel": [world.shipments[0].public_id],
            "ref": refs,
            "slug": ["pitch"],
            "carrier": ["northpost", "easypost", "ups", "fedex"],
            "connection": [world.connection.public_id],
            "token": [world.connection.hook_token],
            "line": [line.public_id for line in world.lines],
            "path": ["portal.css"],
            "file": ["juniper.css"],
        }


def as_nobody(client: Client) -> tuple[str, str]:
    """No cookie; the token that forms carry without a session."""
    return "", client.app.keys.csrf("")


def as_ada(client: Client) -> tuple[str, str]:
    """Ada's order is open in this browser."""
    assert look_up(client).status_code == 303
    return _held(client, "ds_order")


def as_agent(client: Client) -> tuple[str, str]:
    """An agent of every brand is signed in."""
    sign_in(client, "sam")
    return _held(client, "ds_agent")


def _held(client: Client, name: str) -> tuple[str, str]:
    value = client._jars["juniper.test"][name]
    return f"{name}={value}", client.app.keys.csrf(token_hash(value))


@st.composite
def paths(draw: st.DrawFn, routes: list[Route], ids: dict[str, list[str]]) -> tuple[str, str]:
    """Method and raw path: mostly of a route, its patterns filled with real ids or odd text."""
    route = draw(st.sampled_from(routes))
    method = draw(st.sampled_from([*sorted(route.methods or {"GET"}) * 8, "GET", "POST", "OPTIONS", "PUT"]))

    def fill(found: re.Match[str]) -> str:
        real = st.sampled_from(ids[found[1]])
        return quote(draw(st.one_of(real, real, real, real, ODD)).encode("utf-8", "replace"), safe="")

    path = re.sub(r"\{(\w+)(?::\w+)?\}", fill, route.path)
    return method, path + draw(st.sampled_from([*[""] * 30, "/", "/x", "%00", "%ff", "//", ";x"]))


def pairs(ids: dict[str, list[str]], csrf: str) -> st.SearchStrategy[list[tuple[str, str]]]:
    """Fields: known and odd names, true and odd values, repeated at will; often with the right form token."""
    own = [f"{name}-{line}" for name in OWN_FIELDS for line in ids["line"]]
    names = st.one_of(st.sampled_from(FIELDS), st.sampled_from(own), ODD)
    values = st.one_of(st.sampled_from([*GOOD, *ids["line"], "z" * 22]), ODD)
    fields = st.lists(st.tuples(names, values), max_size=8)
    return st.tuples(st.booleans(), fields).map(lambda drawn: drawn[1] + [("csrf", csrf)] * drawn[0])


def multipart(fields: list[tuple[str, str]]) -> bytes:
    """A body with boundary "b", its names and values as they come."""
    parts = [
        b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
        % (name.encode("utf-8", "replace").replace(b'"', b""), value.encode("utf-8", "replace"))
        for name, value in fields
    ]
    return b"".join(parts) + b"--b--\r\n"


def call(client: Client, method: str, path: str, query: bytes, headers: Raw, body: bytes) -> int:
    """One request as a server hands it on; returns the status. What escapes the application fails the test."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote_to_bytes(path).decode("utf-8", "replace"),
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 40000),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    statuses: list[int] = []
    incoming = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        return incoming.pop() if incoming else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])
            for name, value in message["headers"]:
                assert b"\n" not in name + value
                assert b"\r" not in name + value

    client._call.call(client.asgi, scope, receive, send)
    (status,) = statuses
    return status


@pytest.mark.parametrize("who", [as_nobody, as_ada, as_agent])
def test_nothing_that_is_sent_is_answered_500(
    client: Client, ids: dict[str, list[str]], who: Callable[[Client], tuple[str, str]]
) -> None:
    cookie, csrf = who(client)
    routes = [route for route in client.asgi.routes if isinstance(route, Route)]

    @settings(max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def fuzz(data: st.DataObject) -> None:
        method, path = data.draw(paths(routes, ids))
        query = urlencode(data.draw(pairs(ids, csrf))).encode() if data.draw(st.booleans()) else b""
        query = data.draw(st.one_of(st.just(query), st.just(query), st.binary(max_size=20)))
        fields, form = data.draw(pairs(ids, csrf)), data.draw(st.sampled_from(["url", "url", "url", "parts", "none"]))
        kinds = {"url": b"application/x-www-form-urlencoded", "parts": b"multipart/form-data; boundary=b"}
        body = {"url": urlencode(fields).encode(), "parts": multipart(fields)}.get(form, b'{"a":[1]}')
        odd = data.draw(
            st.one_of(st.just([]), st.lists(st.tuples(st.sampled_from(HEADERS), HEADER_VALUES), max_size=3))
        )
        replaced = {name for name, _ in odd}
        usual: Raw = [(b"host", HOST), (b"cookie", cookie.encode()), (b"sec-fetch-site", b"same-origin")]
        usual += [(b"content-type", kinds.get(form, b"application/json"))]
        headers = [*[pair for pair in usual if pair[0] not in replaced], *odd]
        status = call(client, method, path, query, headers, data.draw(st.one_of(st.just(body), st.binary(max_size=60))))
        assert status < 500, (method, path, query, headers, body)

    fuzz()
