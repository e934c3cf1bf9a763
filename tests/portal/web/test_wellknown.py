"""robots.txt and security.txt; and what the console's own host, which has no brand, answers besides the console."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from portal.settings import Settings, SettingsError, load
from tests.client import Client
from tests.conftest import SECRET_KEY, Clock
from tests.portal.web.shopping import Tags, is_clean
from tests.world import World

DESK = "desk.test"


@pytest.fixture
def settings(sqlite_url: str) -> Settings:
    return load(
        database_url=sqlite_url,
        secret_key=SECRET_KEY,
        https=False,
        console_host=DESK,
        security_contact="mailto:security@doorstep.test",
    )


@pytest.mark.parametrize("host", ["juniper.test", DESK])
def test_robots_are_kept_out_of_everything_and_told_of_nothing(client: Client, world: World, host: str) -> None:
    answer = client.get("/robots.txt", host=host)
    assert (answer.status_code, answer.text) == (200, "User-agent: *\nDisallow: /\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_security_txt_says_whom_to_tell_and_until_when_to_believe_it(client: Client, world: World) -> None:
    answer = client.get("/.well-known/security.txt")
    assert answer.status_code == 200
    assert answer.text == "Contact: mailto:security@doorstep.test\nExpires: 2027-02-22T00:00:00+00:00\n"


@pytest.fixture
def silent(settings: Settings, clock: Clock) -> Iterator[Client]:
    with Client(settings.model_copy(update={"security_contact": ""}), clock) as browser:
        yield browser


def test_without_a_contact_there_is_no_security_txt(silent: Client, world: World) -> None:
    assert silent.get("/.well-known/security.txt").status_code == 404


@pytest.mark.parametrize("contact", ["security@doorstep.test", "http://x.test", "mailto:a@b.test\nPolicy: x"])
def test_a_contact_that_is_no_address_stops_the_start(sqlite_url: str, contact: str) -> None:
    with pytest.raises(SettingsError, match="DOORSTEP_SECURITY_CONTACT"):
        load(database_url=sqlite_url, secret_key=SECRET_KEY, security_contact=contact)


def test_the_consoles_host_leads_to_the_console(client: Client, world: World) -> None:
    answer = client.get("/", host=DESK)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    front = client.follow(answer, host=DESK)
    assert "Sign in" in front.text
    assert 'href="/"' not in front.text, "there is no lookup here"
    assert client.get("/", host="evil.test").status_code == 421
    assert client.get("/console", host="juniper.test").status_code == 404


@pytest.mark.parametrize("path", ["/console/nowhere", "/console/orders/x/y/z", "/orders/x", "/static/portal.js"])
def test_refusals_on_the_consoles_host_look_like_the_console(client: Client, world: World, path: str) -> None:
    answer = client.get(path, host=DESK)
    assert answer.status_code == 404
    is_clean(answer.text)
    links = [attributes for tag, attributes in Tags(answer.text).found if tag in {"link", "a"}]
    sheets = [str(link["href"]) for link in links if link.get("rel") == "stylesheet"]
    assert len(sheets) == 1
    assert client.get(sheets[0], host=DESK).headers["content-type"] == "text/css; charset=utf-8"
    assert "/console" in [link.get("href") for link in links]
    assert "Juniper" not in answer.text
