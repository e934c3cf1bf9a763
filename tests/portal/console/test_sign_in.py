"""Signing in and out: equal answers for every failure, limits, fresh session ids, sessions that end on the server."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from portal import agents
from portal.agents import TRIES, BadAgent, create_agent, password_faults
from portal.app import App
from portal.limits import network
from portal.tables import Agent, AgentSession
from tests.client import Client
from tests.conftest import Clock
from tests.portal.console.desk import Desk, form_of, sign_in
from tests.world import PASSWORD, World

COOKIE = "ds_agent"


def attempt(client: Client, email: str, password: str, **more: str) -> tuple[int, str]:
    answer = client.submit(
        "/console/sign-in", "/console/sign-in", {"email": email, "password": password, "next": "/console", **more}
    )
    return answer.status_code, answer.text.replace(email, "")


def test_a_wrong_password_an_unknown_and_a_disabled_agent_get_the_same_answer(
    client: Client, app: App, world: World
) -> None:
    with app.db.transaction() as tx:
        tx.get_one(Agent, world.lou.id).disabled_at = app.now()
    answers = {
        attempt(client, "kim@doorstep.test", "not the pass phrase"),
        attempt(client, "nobody@doorstep.test", PASSWORD),
        attempt(client, "lou@doorstep.test", PASSWORD),
    }
    assert len(answers) == 1
    assert next(iter(answers))[0] == 401
    with app.db.reading() as tx:
        assert not tx.exec(select(AgentSession)).all()


def test_every_failure_takes_the_same_work(
    client: Client, app: App, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.db.transaction() as tx:
        tx.get_one(Agent, world.lou.id).disabled_at = app.now()
    checked: list[str] = []
    verify = agents._verify

    def noted(hashed: str, password: str) -> bool:
        checked.append(hashed)
        return verify(hashed, password)

    monkeypatch.setattr(agents, "_verify", noted)
    for name in ("kim", "nobody", "lou"):
        assert attempt(client, f"{name}@doorstep.test", "not the pass phrase")[0] == 401
    assert len(checked) == 3
    assert all(hashed.startswith("$argon2id$") for hashed in checked)


def test_tries_are_limited_for_one_address_and_free_again_later(client: Client, clock: Clock, world: World) -> None:
    for _ in range(TRIES):
        assert attempt(client, "kim@doorstep.test", "wrong pass phrase")[0] == 401
    answer = client.submit(
        "/console/sign-in", "/console/sign-in", {"email": "kim@doorstep.test", "password": PASSWORD, "next": ""}
    )
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 300
    clock.forward(timedelta(minutes=5))
    assert sign_in(client).get("/console").status_code == 200


def test_a_success_does_not_use_up_the_tries_of_an_office(client: Client, world: World) -> None:
    for _ in range(TRIES + 2):
        sign_in(client)


def test_a_session_id_from_before_is_never_the_one_after(client: Client, app: App, world: World) -> None:
    sign_in(client)
    first = client._jars["juniper.test"][COOKIE]
    sign_in(client)
    second = client._jars["juniper.test"][COOKIE]
    assert first != second
    with app.db.reading() as tx:
        assert len(tx.exec(select(AgentSession)).all()) == 1  # the old one ended with the new sign-in
    client.forget_cookies()
    planted = client.get("/console", headers={"cookie": f"{COOKIE}={first}"})
    assert planted.headers["location"].startswith("/console/sign-in")


def test_signing_out_ends_the_session_on_the_server(kim: Desk, client: Client) -> None:
    token = client._jars["juniper.test"][COOKIE]
    answer = kim.press(kim.get("/console").text, "/console/sign-out")
    assert answer.headers["location"] == "/console/sign-in"
    client.forget_cookies()
    again = client.get("/console", headers={"cookie": f"{COOKIE}={token}"})
    assert again.status_code == 303
    assert again.headers["location"].startswith("/console/sign-in")


def test_a_session_ends_after_half_an_hour_of_rest_but_not_of_reading(kim: Desk, clock: Clock) -> None:
    for _ in range(4):
        clock.forward(timedelta(minutes=20))
        assert kim.get("/console").status_code == 200
    clock.forward(timedelta(minutes=31))
    assert kim.get("/console/messages").headers["location"] == "/console/sign-in?next=/console/messages"


def test_what_was_asked_for_is_found_after_signing_in(client: Client, kim: Desk, clock: Clock) -> None:
    clock.forward(timedelta(hours=13))
    gate = kim.get("/console/search?q=a+%26+b%23c&x=1").headers["location"]
    page = kim.get(gate).text
    answer = kim.press(page, "/console/sign-in", email="kim@doorstep.test", password=PASSWORD)
    assert answer.headers["location"] == "/console/search?q=a+%26+b%23c&x=1"


def test_a_session_ends_after_twelve_hours_however_busy(kim: Desk, clock: Clock) -> None:
    for _ in range(12 * 3 - 1):
        clock.forward(timedelta(minutes=20))
        assert kim.get("/console").status_code == 200
    clock.forward(timedelta(minutes=20))
    assert kim.get("/console").headers["location"] == "/console/sign-in?next=/console"


def test_whoever_is_no_agent_any_more_is_out_at_once(kim: Desk, app: App, world: World) -> None:
    with app.db.transaction() as tx:
        tx.get_one(Agent, world.kim.id).disabled_at = app.now()
    assert kim.get("/console").headers["location"] == "/console/sign-in?next=/console"


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.test",
        "/\\evil.test",
        "https://evil.test/console",
        "/",
        "/orders/x",
        "/consolee",
        "/console/../x\n",
        "javascript:1",
    ],
)
def test_afterwards_one_lands_in_the_console_and_nowhere_else(client: Client, world: World, wanted: str) -> None:
    page = client.get(f"/console/sign-in?next={wanted}".replace("\n", "%0A"))
    path, hidden = form_of(page.text, "/console/sign-in")
    assert hidden["next"] == "/console"
    fields = {**hidden, "next": wanted, "email": "kim@doorstep.test", "password": PASSWORD}
    assert client.post(path, fields).headers["location"] == "/console"


def test_the_page_asked_for_opens_after_signing_in(client: Client, world: World) -> None:
    sent = client.get("/console/messages").headers["location"]
    path, hidden = form_of(client.get(sent).text, "/console/sign-in")
    answer = client.post(path, {**hidden, "email": " KIM@doorstep.test", "password": PASSWORD})
    assert answer.headers["location"] == "/console/messages"


def test_an_account_is_refused_with_every_fault_at_once(app: App, world: World) -> None:
    with app.db.transaction() as tx, pytest.raises(BadAgent) as refusal:
        create_agent(tx, "kim@doorstep.test", "  ", "aaaa", None, app.now())
    assert len(refusal.value.faults) == 4


def test_a_new_account_signs_in(client: Client, app: App, world: World) -> None:
    with app.db.transaction() as tx:
        create_agent(tx, " Noor@Doorstep.test ", "Noor  A.", PASSWORD, world.juniper.id, app.now())
    sign_in(client, "noor")


@given(st.text(max_size=40))
def test_a_password_that_passes_is_long_and_varied(text: str) -> None:
    if not password_faults(text):
        assert len(text) >= 12
        assert len(set(text)) >= 5


def test_an_ipv6_household_counts_as_one_place() -> None:
    assert network("2001:db8:1:2:3::9") == network("2001:db8:1:2:ffff::1") == "2001:db8:1:2::"
    assert network("::ffff:192.0.2.7") == network("192.0.2.7") == "192.0.2.7"
    assert network("unix") == "unix"
