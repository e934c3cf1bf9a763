"""An agent's browser for tests: signs in, reads forms off the page, presses their buttons."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any

import httpx

from tests.client import Client
from tests.world import PASSWORD

_FORM = re.compile(r"<form\b([^>]*)>(.*?)</form>", re.S)
_INPUT = re.compile(r"<input\b([^>]*)>")
_ATTRIBUTE = re.compile(r'([a-z-]+)="([^"]*)"')


@dataclass
class Desk:
    """One signed-in agent. `requests` counts what the browser sent since `counting` began."""

    client: Client
    host: str = "juniper.test"
    requests: int = 0

    def get(self, path: str) -> httpx.Response:
        """GET, without following redirects."""
        self.requests += 1
        return self.client.get(path.partition("#")[0], host=self.host)

    def post(self, path: str, data: dict[str, Any]) -> httpx.Response:
        """POST as it is."""
        self.requests += 1
        return self.client.post(path, data, host=self.host)

    def press(self, page: str, action: str, **fields: Any) -> httpx.Response:
        """Presses the button of the form on `page` (HTML) whose action ends so, with its hidden fields and `fields`."""
        path, hidden = form_of(page, action)
        return self.post(path, {**hidden, **fields})

    def follow(self, response: httpx.Response) -> httpx.Response:
        """The page behind a redirect."""
        assert response.status_code == 303, response.text
        return self.get(response.headers["location"])


def sign_in(client: Client, name: str = "kim", host: str = "juniper.test") -> Desk:
    """A new desk for an agent of the world."""
    desk = Desk(client, host)
    page = desk.get("/console/sign-in")
    answer = desk.press(page.text, "/console/sign-in", email=f"{name}@doorstep.test", password=PASSWORD)
    assert answer.status_code == 303, answer.text
    desk.requests = 0
    return desk


def form_of(page: str, action: str) -> tuple[str, dict[str, str]]:
    """Path and hidden fields of the first POST form whose action ends with `action`."""
    for attributes, inside in _FORM.findall(page):
        given = dict(_ATTRIBUTE.findall(attributes))
        path = html.unescape(given.get("action", ""))
        if given.get("method") == "post" and path.endswith(action):
            return path, _hidden(inside)
    raise AssertionError(f"no form for {action}")


def _hidden(inside: str) -> dict[str, str]:
    fields = [dict(_ATTRIBUTE.findall(attributes)) for attributes in _INPUT.findall(inside)]
    return {f["name"]: html.unescape(f.get("value", "")) for f in fields if f.get("type") == "hidden"}
