"""carriers.http against real sockets: every way an answer can go wrong ends in the error that says whose move it is."""

from __future__ import annotations

import gzip
import socket
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carriers.auth import MemoryTokens
from carriers.contract import About
from carriers.errors import BadCredentials, Forbidden, OutcomeUnknown, RateLimited, Unavailable
from carriers.http import MAX_BODY, MAX_PAUSE, PAUSE, Http, carrier_words, open_http, retry_after
from tests.carriers.fakes.server import Answered, FakeServer

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer(
        {"(GET|POST|PUT|DELETE) /echo": lambda r: Answered({"method": r.method, "sent": dict(r.query)})}
    ) as it:
        yield it


@pytest.fixture
def http(server: FakeServer, client: httpx.Client) -> Http:
    return Http(client, server.url, None, {"api_key": "top secret"}, deadline=timedelta(seconds=5))


@contextmanager
def raw_server(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does with its one connection whatever `talk` does, after reading the request."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                try:
                    talk(connection)
                except OSError:
                    return  # the client has hung up, as it should

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join(5)


@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
def test_an_answer_comes_back_as_it_is(http: Http, method: str) -> None:
    reply = getattr(http, method)("/echo", params={"a": 1})
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.body == b'{"method": "%s", "sent": {"a": "1"}}' % method.upper().encode()


def test_json_form_and_headers_are_sent(http: Http, server: FakeServer) -> None:
    http.post("/echo", json={"ä": 1}, headers={"X-Own": "yes"})
    http.post("/echo", data={"grant_type": "x y"})
    first, second = server.requests
    assert first.json() == {"ä": 1}
    assert first.headers["content-type"] == "application/json"
    assert first.headers["x-own"] == "yes"
    assert second.form() == {"grant_type": "x y"}


@pytest.mark.parametrize("status", [200, 201, 204, 400, 404, 409, 422])
def test_what_an_adapter_can_read_is_returned(http: Http, server: FakeServer, status: int) -> None:
    server.next_answers = [Answered(b"" if status == 204 else {"a": 1}, status)]
    assert http.get("/any").status == status


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, BadCredentials),
        (403, Forbidden),
        (429, RateLimited),
        (500, Unavailable),
        (503, Unavailable),
        (302, Unavailable),
    ],
)
def test_other_statuses_are_errors(http: Http, server: FakeServer, status: int, error: type[Exception]) -> None:
    server.next_answers = [Answered({"error": {"code": "E1", "message": "so it is"}}, status)]
    with pytest.raises(error):
        http.get("/any")


def test_an_outage_that_says_when_to_come_again_is_a_pause(http: Http, server: FakeServer) -> None:
    server.next_answers = [Answered(b"", 503, {"Retry-After": "600"})] * 2
    with pytest.raises(RateLimited) as caught:
        http.get("/any")
    assert caught.value.after == timedelta(minutes=10)
    with pytest.raises(OutcomeUnknown):
        http.post("/buy", json={}, buys=True)


def test_an_empty_answer_that_says_gzip_is_empty(http: Http, server: FakeServer) -> None:
    server.next_answers = [Answered(b"", headers={"Content-Encoding": "gzip"})]
    assert http.get("/any").body == b""


def test_the_words_of_the_carrier_are_kept(http: Http, server: FakeServer) -> None:
    server.next_answers = [Answered({"error": {"code": "APIKEY.INACTIVE", "message": "Key is off"}}, 401)]
    with pytest.raises(BadCredentials) as caught:
        http.get("/any")
    assert (caught.value.code, caught.value.text) == ("APIKEY.INACTIVE", "Key is off")


@pytest.mark.parametrize("status", [500, 502, 302])
def test_a_purchase_without_a_clear_answer_is_of_unknown_outcome(http: Http, server: FakeServer, status: int) -> None:
    server.next_answers = [Answered(b"", status)]
    with pytest.raises(OutcomeUnknown):
        http.post("/buy", json={}, buys=True)


@pytest.mark.parametrize(("status", "error"), [(429, RateLimited), (401, BadCredentials)])
def test_a_purchase_that_was_declined_is_not_unknown(
    http: Http, server: FakeServer, status: int, error: type[Exception]
) -> None:
    server.next_answers = [Answered(b"", status)]
    with pytest.raises(error):
        http.post("/buy", json={}, buys=True)


def test_nothing_is_bought_where_nobody_listens(client: httpx.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Unavailable) as caught:
        Http(client, f"http://127.0.0.1:{port}").post("/buy", json={}, buys=True)
    assert not isinstance(caught.value, OutcomeUnknown)


@pytest.mark.parametrize(("buys", "error"), [(False, Unavailable), (True, OutcomeUnknown)])
def test_a_connection_cut_after_the_request_is_told_from_one_never_made(
    client: httpx.Client, buys: bool, error: type[Exception]
) -> None:
    with raw_server(lambda connection: None) as url, pytest.raises(error) as caught:
        Http(client, url).post("/buy", json={}, buys=buys)
    assert type(caught.value) is error


def test_silence_is_unavailable(client: httpx.Client) -> None:
    done = Event()

    def say_nothing(connection: socket.socket) -> None:
        done.wait(5)

    with raw_server(say_nothing) as url:
        with pytest.raises(Unavailable, match="Timeout"):
            Http(client, url, timeout=httpx.Timeout(0.1)).get("/")
        done.set()


def test_the_deadline_cuts_a_silence_that_the_timeout_would_allow(client: httpx.Client) -> None:
    begun = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Unavailable):
            Http(client, url, deadline=timedelta(seconds=0.2)).get("/")
    assert time.monotonic() - begun < 8


def drip(connection: socket.socket, first: bytes, piece: bytes) -> None:
    connection.sendall(first)
    while True:
        connection.sendall(piece)
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("first", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\n", b"X-Drip: 1\r\n"),
        (b"", b"H"),
    ],
    ids=["body", "headers", "status line"],
)
def test_an_answer_that_drips_is_cut_at_the_deadline(client: httpx.Client, first: bytes, piece: bytes) -> None:
    begun = time.monotonic()
    with raw_server(lambda connection: drip(connection, first, piece)) as url, pytest.raises(Unavailable):
        Http(client, url, deadline=timedelta(seconds=0.3)).get("/")
    assert time.monotonic() - begun < 8


def test_an_oversized_answer_is_refused(http: Http, server: FakeServer) -> None:
    server.next_answers = [Answered(b"x" * (MAX_BODY + 1)), Answered(b"x" * MAX_BODY)]
    with pytest.raises(Unavailable, match="too large"):
        http.get("/any")
    assert len(http.get("/any").body) == MAX_BODY


def test_gzip_is_opened(http: Http, server: FakeServer) -> None:
    server.next_answers = [Answered(gzip.compress(b'{"a": 1}'), headers={"Content-Encoding": "gzip"})]
    assert http.get("/any").body == b'{"a": 1}'


def test_a_gzip_bomb_is_refused(http: Http, server: FakeServer) -> None:
    bomb = gzip.compress(b"\0" * (MAX_BODY * 10))
    server.next_answers = [Answered(bomb, headers={"Content-Encoding": "gzip"})]
    tracemalloc.start()
    try:
        with pytest.raises(Unavailable, match="too large"):
            http.get("/any")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MAX_BODY * 5


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"not gzip", "gzip"),
        (gzip.compress(b"x" * 999, mtime=0)[:-9], "gzip"),
        (gzip.compress(b"x" * 999, mtime=0)[:11], "gzip"),
        (gzip.compress(b"{}", mtime=0) + b"and so on", "gzip"),
        (zlib.compress(b"x"), "deflate"),
        (b"x", "br"),
    ],
)
def test_a_badly_packed_answer_is_unavailable(http: Http, server: FakeServer, body: bytes, encoding: str) -> None:
    server.next_answers = [Answered(body, headers={"Content-Encoding": encoding})]
    with pytest.raises(Unavailable):
        http.get("/any")


def test_redirects_are_not_followed(http: Http, server: FakeServer) -> None:
    server.next_answers = [Answered(b"", 302, {"Location": f"{server.url}/echo"})]
    with pytest.raises(Unavailable, match="redirect"):
        http.get("/any")
    assert len(server.requests) == 1


def test_credentials_and_bodies_never_show_in_a_repr(http: Http, server: FakeServer) -> None:
    assert "top secret" not in repr(http)
    assert "method" not in repr(http.get("/echo"))


def test_error_texts_do_not_hold_the_url(client: httpx.Client) -> None:
    with raw_server(lambda connection: None) as url, pytest.raises(Unavailable) as caught:
        Http(client, url).get("/track/1Z999")
    assert "1Z999" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("value", "after"),
    [
        ("7", timedelta(seconds=7)),
        ("0", timedelta(seconds=1)),
        ("-5", timedelta(seconds=1)),
        ("99999999999999999999", MAX_PAUSE),
        ("inf", PAUSE),
        ("nan", PAUSE),
        ("", PAUSE),
        ("soon", PAUSE),
        ("Mon, 23 Nov 2026 12:00:00 +99999999999999999999", PAUSE),
        ("Sun, 22 Nov 2026 12:05:00 GMT", timedelta(minutes=5)),
        ("Sun, 22 Nov 2026 11:00:00 GMT", timedelta(seconds=1)),
        ("Mon, 23 Nov 2026 12:00:00 GMT", MAX_PAUSE),
    ],
)
def test_the_pause_after_429_is_understood_and_bounded(value: str, after: timedelta) -> None:
    assert retry_after({"retry-after": value}, NOW) == after


@given(st.text())
def test_any_retry_after_gives_a_bounded_pause(value: str) -> None:
    assert timedelta(0) < retry_after({"retry-after": value}, NOW) <= MAX_PAUSE


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error":{"code":"A","message":"b"}}', ("A", "b")),
        (b'{"response":{"errors":[{"code":"10429","message":"Too Many Requests"}]}}', ("10429", "Too Many Requests")),
        (b'{"errors":[{"code":"NOT.AUTHORIZED.ERROR","message":"no"}]}', ("NOT.AUTHORIZED.ERROR", "no")),
        (b'{"error":"invalid_client","error_description":"no"}', ("invalid_client", "no")),
        (b'{"title":"Unauthorized","detail":"no"}', ("Unauthorized", "no")),
        (b'{"meta":{"code":401,"message":"no","type":"Unauthorized"},"data":{}}', ("401", "no")),
        (b'{"code":-18010002,"data":{"errors":[{"code":-18010002,"message":"no"}]}}', ("-18010002", "no")),
        (b'{"code":"A","message":"b","data":{"message":"c"}}', ("A", "b")),
        (b'{"request_id":"1","errors":[{"error_code":"unauthorized","message":"no"}]}', ("unauthorized", "no")),
        (b'{"error":{"code":"400","errors":[{"title":"no","detail":"","code":"150002"}]}}', ("150002", "no")),
        (b'{"errors":[{"error_code":"API_002","error_name":"Too many requests"}]}', ("API_002", "Too many requests")),
        (b'{"httpCode":"400","errors":[{"errorCode":"E0004","errorDescription":"no"}]}', ("E0004", "no")),
        (b'{"httpCode":"429","httpMessage":"Too Many Requests"}', ("429", "Too Many Requests")),
        (b"<messages xmlns='u'><message><code>E002</code><description>no</description></message></messages>",
         ("E002", "no")),
        (b"<s:E xmlns:s='u'><s:Fault><faultcode>s:Client</faultcode><faultstring>no</faultstring></s:Fault></s:E>",
         ("s:Client", "no")),
        (
            b"<E><Fault><faultcode>s:Server</faultcode><faultstring>Fault</faultstring><detail><errorCode>E1</errorCode>"
            b"<errorMessage>no</errorMessage></detail></Fault></E>",
            ("E1", "no"),
        ),
        (b'{"fault": {"faultstring": "expired", "detail": {"errorcode": "E"}}}', ("", "expired")),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]><x><code>&a;</code></x>", ("", "")),
        (b"plain words", ("", "plain words")),
        (b"<html>login</html>", ("", "")),
        (b"", ("", "")),
        (b"[]", ("", "")),
    ],
)  # fmt: skip
def test_the_words_of_an_error_body_are_found(body: bytes, words: tuple[str, str]) -> None:
    assert carrier_words(body) == words


@given(st.binary())
def test_any_error_body_gives_short_words(body: bytes) -> None:
    assert all(len(word) <= 200 for word in carrier_words(body))


class Plain:
    """A carrier without capabilities."""

    about = About("plain", "Plain", "", live="https://live.example", sandbox="https://sandbox.example/")


class Homeless:
    """A carrier that the operator hosts."""

    about = About("homeless", "Homeless", "", live="")


def test_the_environment_picks_the_host(client: httpx.Client) -> None:
    def base(**credentials: str) -> str:
        return open_http(Plain(), client=client, credentials=credentials, tokens=MemoryTokens()).base

    assert base() == "https://live.example"
    assert base(environment="live") == "https://live.example"
    assert base(environment="sandbox") == "https://sandbox.example"


def test_a_carrier_without_a_host_is_reached_where_the_operator_says(client: httpx.Client) -> None:
    given_url = {"base_url": "http://127.0.0.1:1/"}
    assert (
        open_http(Homeless(), client=client, credentials=given_url, tokens=MemoryTokens()).base == "http://127.0.0.1:1"
    )
    with pytest.raises(BadCredentials, match="address"):
        open_http(Homeless(), client=client, credentials={}, tokens=MemoryTokens())


def test_the_auth_is_left_out_where_a_document_is_public(http: Http, server: FakeServer) -> None:
    known = replace(http, auth=httpx.BasicAuth("key", ""))
    known.get("/echo")
    known.get("/echo", public=True)
    assert ["authorization" in request.headers for request in server.requests] == [True, False]
