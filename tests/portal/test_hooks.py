"""Webhooks: kept before they are answered, refused when they are not what they say."""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlmodel import select

from portal.app import App
from portal.connections import create_connection
from portal.tables import Connection, Handshake, Inbox, Shipment
from portal.tracking.handshake import MAX_WAITING, challenge_place
from portal.tracking.ingest import ingest
from portal.web.hooks import MAX_BODY, Bucket, is_sound_json, safe_key
from tests.carriers.signers.edi214 import headers as edi_headers
from tests.conftest import Clock
from tests.portal.tracking.door import Door
from tests.portal.tracking.northpost import connect, delivery, event, signed
from tests.world import World

NUMBER = "NP447109260GB"


@pytest.fixture
def door(app: App) -> Iterator[Door]:
    with Door(app) as opened:
        yield opened


def inbox(app: App) -> list[Inbox]:
    with app.db.reading() as tx:
        return list(tx.exec(select(Inbox)).all())


@pytest.fixture
def connection(app: App) -> Connection:
    return connect(app)


@pytest.fixture
def path(connection: Connection) -> str:
    return f"/hooks/northpost/{connection.hook_token}"


@pytest.fixture
def body(clock: Clock) -> bytes:
    return delivery(NUMBER, [event("COL", clock.now)], "d-1")


def test_a_signed_delivery_is_kept_as_it_came_before_it_is_answered(
    door: Door, app: App, clock: Clock, path: str, body: bytes
) -> None:
    headers = signed(body, clock.now) | {"x-forwarded-for": "203.0.113.9", "cookie": "a=b"}
    response = door.push(path, body, headers)
    assert (response.status_code, response.json()) == (200, {"ok": True})
    (row,) = inbox(app)
    assert (row.body, row.via, row.hook_key, row.carrier) == (body, "hook", "d-1", "northpost")
    assert row.headers == {"northpost-signature": headers["northpost-signature"]}
    assert (row.received_at, row.next_at, row.done_at, row.tries) == (clock.now, clock.now, None, 0)


def test_the_same_delivery_a_hundred_times_is_one_row(
    door: Door, app: App, clock: Clock, path: str, body: bytes
) -> None:
    answers = {door.push(path, body, signed(body, clock.now)).status_code for _ in range(100)}
    assert answers == {200}
    assert len(inbox(app)) == 1


def deep(levels: int) -> bytes:
    return b'{"a":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


@pytest.mark.parametrize(
    ("broken", "status"),
    [
        (lambda body, headers: (body, headers | {"northpost-signature": ""}), 401),
        (lambda body, headers: (body + b" ", headers), 401),
        (lambda body, headers: (body.replace(b"Penrith", b"Kendal!"), headers), 401),
        (lambda body, headers: (orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2), headers), 401),
        (lambda body, headers: (body, {k: v for k, v in headers.items() if k != "northpost-signature"}), 401),
        (lambda body, headers: (body, headers | {"content-type": "text/xml"}), 415),
        (lambda body, headers: (body, headers | {"content-type": "application/x-www-form-urlencoded"}), 415),
        (lambda body, headers: (b"x" * (MAX_BODY + 1), headers), 413),
    ],
)
def test_what_is_not_as_agreed_changes_nothing(
    door: Door, app: App, clock: Clock, path: str, body: bytes, broken: Any, status: int
) -> None:
    content, headers = broken(body, signed(body, clock.now))
    response = door.push(path, content, headers)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert inbox(app) == []


def test_a_body_that_does_not_tell_its_length_is_read_no_further_than_the_limit(
    door: Door, app: App, clock: Clock, path: str
) -> None:
    pieces = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal pieces
        while pieces < 100:
            pieces += 1
            yield b" " * (MAX_BODY // 4)

    headers = {"content-type": "application/json"}
    response = door.send("POST", path, host="juniper.test", content=endless(), headers=headers)
    assert (response.status_code, pieces, inbox(app)) == (413, 5, [])


def test_a_connection_that_is_switched_off_takes_nothing(
    door: Door, app: App, clock: Clock, connection: Connection, path: str, body: bytes
) -> None:
    with app.db.transaction() as tx:
        tx.get_one(Connection, connection.id).state = "disabled"
    assert door.push(path, body, signed(body, clock.now)).status_code == 404
    assert inbox(app) == []


@pytest.mark.parametrize(
    "content", [b"", b"not json", b"\xff\xfe{}", b'{"a":NaN}', deep(33), b"[" * 100_000, b'{"a":' + b"9" * 400]
)
def test_signed_bytes_that_are_no_sound_json_are_400(
    door: Door, app: App, clock: Clock, path: str, content: bytes
) -> None:
    assert door.push(path, content, signed(content, clock.now)).status_code == 400
    assert inbox(app) == []


def test_an_old_delivery_is_refused(door: Door, app: App, clock: Clock, path: str, body: bytes) -> None:
    headers = signed(body, clock.now - timedelta(seconds=301))
    assert door.push(path, body, headers).status_code == 401
    assert inbox(app) == []


def test_two_signatures_are_refused(door: Door, app: App, clock: Clock, path: str, body: bytes) -> None:
    good = signed(body, clock.now)["northpost-signature"]
    headers = [("content-type", "application/json"), ("northpost-signature", good), ("northpost-signature", good)]
    response = door.send("POST", path, host="juniper.test", content=body, headers=headers)
    assert response.status_code == 401
    assert inbox(app) == []


def test_rejections_are_counted_on_the_connection(
    door: Door, app: App, clock: Clock, path: str, body: bytes, connection: Connection
) -> None:
    for _ in range(3):
        door.push(path, body, signed(body, clock.now, "another secret"))
    door.hooks._load()
    with app.db.reading() as tx:
        assert tx.get_one(Connection, connection.id).rejected_hooks == 3


def test_an_empty_secret_accepts_nobody(door: Door, app: App, clock: Clock, body: bytes) -> None:
    connection = connect(app, secret="")
    headers = signed(body, clock.now, "")
    assert door.push(f"/hooks/northpost/{connection.hook_token}", body, headers).status_code == 401
    assert inbox(app) == []


@pytest.mark.parametrize("path", ["/hooks/northpost/unknown", "/hooks/fedex/{token}", "/hooks/nobody/{token}"])
def test_an_unknown_address_is_404(door: Door, clock: Clock, connection: Connection, path: str, body: bytes) -> None:
    response = door.push(path.format(token=connection.hook_token), body, signed(body, clock.now))
    assert response.status_code == 404


def test_only_post_is_answered(door: Door, path: str) -> None:
    assert door.get(path).status_code == 405


def test_a_connection_made_after_the_start_is_found(door: Door, app: App, clock: Clock, body: bytes) -> None:
    early = connect(app)
    assert door.push(f"/hooks/northpost/{early.hook_token}", body, signed(body, clock.now)).status_code == 200
    late = connect(app)
    before = door.hooks._snapshot
    assert before
    door.hooks._snapshot = replace(before, read_at=before.read_at - 2)
    assert door.push(f"/hooks/northpost/{late.hook_token}", body, signed(body, clock.now)).status_code == 200


def test_a_flood_is_told_to_wait(door: Door, app: App, clock: Clock) -> None:
    connection = connect(app, hook_rate="3")
    path = f"/hooks/northpost/{connection.hook_token}"
    bodies = [delivery(NUMBER, [], f"d-{n}") for n in range(10)]
    answers = [door.push(path, body, signed(body, clock.now)) for body in bodies]
    assert [answer.status_code for answer in answers[:3]] == [200] * 3
    limited = [answer for answer in answers if answer.status_code == 429]
    assert limited
    assert limited[0].headers["retry-after"] == "1"
    assert len(inbox(app)) == 10 - len(limited)


def test_a_bucket_refills_with_time_and_never_beyond_a_second() -> None:
    bucket = Bucket(2.0, 2.0, 100.0)
    assert [bucket.take(100.0) for _ in range(3)] == [True, True, False]
    assert bucket.take(100.5)
    assert not bucket.take(100.5)
    assert [bucket.take(1000.0) for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    ("body", "sound"),
    [(deep(32), True), (deep(33), False), (b"{}", True), (b"7", True), (b'{"a":"[[[[' + b"[" * 60 + b'"}', True)],
)
def test_depth_is_counted_outside_of_texts(body: bytes, sound: bool) -> None:
    assert is_sound_json(body) is sound


@pytest.mark.parametrize("key", ["", "a\x00b", "x" * 201, "line\nbreak"])
def test_a_delivery_id_that_cannot_be_stored_becomes_a_hash(key: str) -> None:
    assert len(safe_key(key, b"body")) == 64


def test_a_hint_changes_nothing_but_the_next_poll(door: Door, app: App, clock: Clock, world: World) -> None:
    with app.db.transaction() as tx:
        fields = {"client_id": "id", "client_secret": "secret", "webhook_secret": "shared text"}
        ups = create_connection(tx, app.keys, carrier="ups", name="UPS", brand_id=None, fields=fields, now=clock.now)
        tx.add(
            Shipment(
                brand_id=world.juniper.id or 0,
                order_id=world.order.id or 0,
                connection_id=ups.id,
                carrier="ups",
                number="1ZCIETST0422222228",
                number_key="1ZCIETST0422222228",
                next_at=clock.now + timedelta(hours=6),
                created_at=clock.now,
                updated_at=clock.now,
            )
        )
    headers = {"content-type": "application/json", "credential": "shared text"}
    assert door.push(f"/hooks/ups/{ups.hook_token}", UPS_ALERT, headers).status_code == 200
    assert ingest(app) == 1
    with app.db.reading() as tx:
        row = tx.exec(select(Shipment).where(Shipment.carrier == "ups")).one()
        (kept,) = tx.exec(select(Inbox)).all()
    assert (kept.done_at, kept.error) == (clock.now, "")
    assert (row.status, row.next_at, row.prompted_at, row.story) == ("pending", clock.now, clock.now, {})


GREETING = b'{"handshake":{"subscription":"sub_1","challenge":"a challenge"}}'


def handshakes(app: App) -> list[Handshake]:
    with app.db.reading() as tx:
        return list(tx.exec(select(Handshake)).all())


def test_a_handshake_is_answered_unsigned_and_its_challenge_kept_sealed(
    door: Door, app: App, clock: Clock, path: str, connection: Connection
) -> None:
    answers = [door.push(path, GREETING, {"content-type": "application/json"}) for _ in range(2)]
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {"ok": True})] * 2
    assert answers[0].headers["cache-control"] == "no-store"
    (row,) = handshakes(app)
    assert (row.connection_id, row.ref, row.next_at, row.done_at) == (connection.id, "sub_1", clock.now, None)
    assert b"challenge" not in row.challenge
    assert app.keys.open(row.challenge, challenge_place(connection.id or 0)) == {"challenge": "a challenge"}
    assert inbox(app) == []


def test_handshakes_beyond_what_one_would_ever_need_are_told_to_wait(door: Door, app: App, path: str) -> None:
    bodies = [GREETING.replace(b"sub_1", b"sub_%d" % n) for n in range(MAX_WAITING + 1)]
    answers = [door.push(path, body, {"content-type": "application/json"}) for body in bodies]
    assert [answer.status_code for answer in answers] == [200] * MAX_WAITING + [429]
    assert len(handshakes(app)) == MAX_WAITING


def test_a_flood_of_handshakes_counts_as_deliveries_do(door: Door, app: App) -> None:
    connection = connect(app, hook_rate="2")
    path = f"/hooks/northpost/{connection.hook_token}"
    answers = [door.push(path, GREETING, {"content-type": "application/json"}).status_code for _ in range(8)]
    assert answers[:2] == [200, 200]
    assert 429 in answers


@pytest.fixture
def ups(app: App, clock: Clock) -> Connection:
    with app.db.transaction() as tx:
        fields = {"client_id": "id", "client_secret": "secret", "webhook_secret": "shared text"}
        return create_connection(tx, app.keys, carrier="ups", name="UPS", brand_id=None, fields=fields, now=clock.now)


def basic(user: str, password: str) -> dict[str, str]:
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"content-type": "application/x-www-form-urlencoded", "authorization": f"Basic {login}"}


def test_a_carrier_fetches_a_token_from_us_and_pushes_with_it(
    door: Door, app: App, clock: Clock, ups: Connection
) -> None:
    path = f"/hooks/ups/{ups.hook_token}"
    answer = door.push(f"{path}/token", b"grant_type=client_credentials", basic("ups-pushes", "shared text"))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    token = answer.json()["access_token"]
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}", "x-api-key": "ups-pushes"}
    assert door.push(path, UPS_ALERT, headers).status_code == 200
    assert len(inbox(app)) == 1
    clock.forward(timedelta(hours=2))
    assert door.push(path, UPS_ALERT, headers).status_code == 401


def test_a_caller_who_does_not_know_the_secret_gets_no_token_and_is_counted(
    door: Door, app: App, ups: Connection
) -> None:
    path = f"/hooks/ups/{ups.hook_token}/token"
    for password in ("wrong", ""):
        assert door.push(path, b"grant_type=client_credentials", basic("ups", password)).status_code == 401
    door.hooks._load()
    with app.db.reading() as tx:
        assert tx.get_one(Connection, ups.id).rejected_hooks == 2


def test_only_carriers_that_fetch_tokens_find_a_token_address(door: Door, app: App, path: str, ups: Connection) -> None:
    for address in (f"{path}/token", "/hooks/ups/unknown/token", f"/hooks/northpost/{ups.hook_token}/token"):
        assert door.push(address, b"", basic("ups", "shared text")).status_code == 404
    assert door.get(f"/hooks/ups/{ups.hook_token}/token").status_code == 405
    body, headers = b"<xml/>", {"content-type": "text/xml"}
    assert door.push(f"/hooks/ups/{ups.hook_token}/token", body, headers).status_code == 415


UPS_ALERT = orjson.dumps(
    {
        "trackingNumber": "1ZCIETST0422222228",
        "localActivityDate": "20261124",
        "localActivityTime": "110000",
        "activityLocation": {"city": "PENRITH", "stateProvince": "", "postalCode": "CA11", "country": "GB"},
        "activityStatus": {"type": "D", "code": "FS", "description": "DELIVERED"},
        "gmtActivityDate": "20261124",
        "gmtActivityTime": "110000",
    }
)


def test_the_published_easypost_vector_is_accepted_byte_for_byte(door: Door, app: App) -> None:
    file = Path(os.environ.get("DOORSTEP_CORPUS", Path(__file__).parents[3] / "shared" / "data")).resolve()
    file = file.parent / "reference" / "signatures.json"
    if not file.is_file():
        pytest.skip(f"no published vectors here ({file.name} is absent)")
    vectors = [v for v in orjson.loads(file.read_bytes())["vectors"] if v["id"].startswith("easypost-published")]
    assert vectors
    for vector in vectors:
        body = base64.b64decode(vector["body_b64"])
        with app.db.transaction() as tx:
            fields = {"api_key": "EZTKtest", "webhook_secret": vector["key_text"]}
            row = create_connection(
                tx, app.keys, carrier="easypost", name="EasyPost", brand_id=None, fields=fields, now=app.now()
            )
        url = f"/hooks/easypost/{row.hook_token}"
        headers = {"content-type": "application/json"} | {k.lower(): v for k, v in vector["headers"].items()}
        door.hooks._snapshot = None
        before = len(inbox(app))
        for position in (0, len(body) // 2, len(body) - 1):
            changed = body[:position] + bytes([body[position] ^ 1]) + body[position + 1 :]
            assert door.push(url, changed, headers).status_code == 401
        assert len(inbox(app)) == before
        assert door.push(url, body, headers).status_code == 200
        assert inbox(app)[-1].body == body


def test_x12_is_taken_as_it_is_where_the_carrier_speaks_it_and_nowhere_else(
    door: Door, app: App, clock: Clock, connection: Connection
) -> None:
    with app.db.transaction() as tx:
        fields = {"webhook_secret": "s3cret"}
        edi = create_connection(
            tx, app.keys, carrier="edi214", name="Acme", brand_id=None, fields=fields, now=clock.now
        )
    status = (Path(__file__).parents[1] / "carriers" / "fixtures" / "edi214" / "track_delivered.edi").read_bytes()
    headers = edi_headers(status, "s3cret", clock.now)
    path = f"/hooks/edi214/{edi.hook_token}"
    for kind in ("application/EDI-X12", "text/plain; charset=us-ascii"):
        assert door.push(path, status, headers | {"content-type": kind}).status_code == 200
    assert door.push(path, status, headers | {"content-type": "application/json"}).status_code == 400
    assert door.push(path, status, headers | {"content-type": "text/xml"}).status_code == 415
    assert door.push(path, status + b" ", headers | {"content-type": "text/plain"}).status_code == 401
    northpost = f"/hooks/northpost/{connection.hook_token}"
    assert door.push(northpost, status, signed(status, clock.now) | {"content-type": "text/plain"}).status_code == 415
    (row,) = inbox(app)
    assert (row.body, row.headers) == (status, {"x-edi-signature": headers["x-edi-signature"]})
