"""What every carrier signs, pushed over real HTTP to an account that was set up as an operator does it."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest
from sqlmodel import select

from carriers.contract import Hooked, Trust
from carriers.registry import all_carriers
from portal.app import App
from portal.connections import HOOK_SECRET, create_connection, faults_of, fields_of, hook_path
from portal.tables import Connection, Inbox
from tests.carriers.clauses import Signer, cases
from tests.carriers.signers import signers
from tests.carriers.signers.shipengine import jwks, pem
from tests.client import Served

SIGNED = [
    (slug, position)
    for slug, carrier in all_carriers().items()
    if isinstance(carrier, Hooked) and carrier.about.hook_trust is Trust.SIGNED
    for position, _ in enumerate(signers(slug))
]
SHIPENGINE = all_carriers()["shipengine"].about


@pytest.fixture(params=["sqlite"])
def database_url(request: pytest.FixtureRequest) -> str:
    """What is verified does not depend on the kind of database: one is enough here."""
    return str(request.getfixturevalue(f"{request.param}_url"))


def account(app: App, slug: str, secret: str) -> Connection:
    about = all_carriers()[slug].about
    filled = {field.name: field.default or "x" for field in fields_of(about) if field.required} | {HOOK_SECRET: secret}
    if "base_url" in filled:
        filled["base_url"] = "http://127.0.0.1:9"
    assert faults_of(app, about, filled) == {}
    with app.db.transaction() as tx:
        return create_connection(tx, app.keys, carrier=slug, name=slug, brand_id=None, fields=filled, now=app.now())


def push(served: Served, row: Connection, signer: Signer, secret: str) -> int:
    about = all_carriers()[row.carrier].about
    body = next(case.body for case in cases(row.carrier) if case.is_hook)
    kind = next(iter(about.hook_media_types), "application/json")
    headers = {"content-type": kind, **signer.headers(body, secret, datetime.now(UTC))}
    return httpx.post(served.url + hook_path(row), content=body, headers=headers, trust_env=False).status_code


@pytest.mark.parametrize(("slug", "position"), SIGNED)
def test_a_true_signature_is_taken_and_a_strangers_is_not(served: Served, slug: str, position: int) -> None:
    signer = signers(slug)[position]
    row = account(served.app, slug, signer.secret)
    assert push(served, row, signer, signer.other) == 401
    assert push(served, row, signer, signer.secret) == 200
    with served.app.db.reading() as tx:
        assert tx.exec(select(Inbox.carrier)).all() == [slug]


@pytest.mark.parametrize("secret", [jwks("theirs"), pem("theirs"), pem("theirs").replace("\n", "")])
def test_the_public_keys_of_a_service_are_taken_as_they_are_pasted(app: App, secret: str) -> None:
    assert faults_of(app, SHIPENGINE, {"api_key": "k", HOOK_SECRET: secret}) == {}


@pytest.mark.parametrize("secret", ["an API key", "-----BEGIN PUBLIC KEY-----", '{"keys": []}', '{"keys": [{}]}', "[]"])
def test_what_holds_no_public_key_is_said_when_it_is_pasted_and_not_by_refusing_every_webhook(
    app: App, secret: str
) -> None:
    faults = faults_of(app, SHIPENGINE, {"api_key": "k", HOOK_SECRET: secret})
    assert "https://api.shipengine.com/jwks" in faults[HOOK_SECRET]
