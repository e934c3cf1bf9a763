"""docs/carriers.md is generated and up to date, docs/vocabulary.md has every word."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import httpx
import pytest

from carriers.auth import Tokens
from carriers.contract import (
    About,
    Answer,
    Budget,
    Fetched,
    Greeting,
    Hook,
    Hooked,
    Label,
    LabelOrder,
    Labels,
    Subscribed,
    Subscribes,
    Trust,
    Wanted,
)
from carriers.docs import FOLDER, differences_in, level, page, remote_green_in, render
from carriers.http import Http
from carriers.registry import all_carriers
from carriers.status import SUB_STATUSES, Status
from portal.notify.events import Event
from returns.machine import ItemState, Kind, Method, MoneyState, Resolution, State
from returns.reasons import REASONS


class Invented:
    """A carrier that can be polled, with awkward characters in what it declares."""

    about = About(
        slug="invented",
        name="In|vented",
        docs_url="https://docs.invented.example",
        live="",
        codes={"B|1": "delivered.neighbour", "A": "exception"},
        budgets=(Budget(1, timedelta(seconds=1)), Budget(1400, timedelta(seconds=10))),
        batch_size=7,
        hook_trust=Trust.HINT,
    )

    def fetch(self, http: object, numbers: object) -> Fetched:
        return Fetched(200, b"")

    def parse(self, body: bytes, status: int = 200) -> Answer:
        return Answer()


def test_the_page_is_up_to_date() -> None:
    written = (FOLDER / "carriers.md").read_text("utf-8")
    assert written == page(), "run: python -m carriers.docs > docs/carriers.md"


def test_the_command_prints_the_page_and_two_runs_print_the_same() -> None:
    runs = [subprocess.run([sys.executable, "-m", "carriers.docs"], capture_output=True, check=True) for _ in range(2)]
    assert runs[0].stdout == runs[1].stdout
    assert runs[0].stdout.decode() == page()


@pytest.mark.parametrize("slug", sorted(all_carriers()))
def test_every_carrier_appears_with_all_its_codes(slug: str) -> None:
    about = all_carriers()[slug].about
    section = page().split(f'<a id="{slug}"></a>')[1].split("<a id=")[0]
    for said in (about.name, about.docs_url, *about.gaps, *about.sources, *(field.label for field in about.fields)):
        assert said in section
    for code in about.codes:
        assert f"| `{code}` |" in section


@pytest.mark.parametrize("slug", sorted(all_carriers()))
def test_every_code_means_a_word_of_the_vocabulary(slug: str) -> None:
    known = {*SUB_STATUSES, *(status.value for status in Status)}
    assert set(all_carriers()[slug].about.codes.values()) <= known


class Pushing(Invented):
    """One that can do everything that a page speaks of."""

    about = replace(
        Invented.about,
        slug="pushing",
        subscription_batch=100,
        subscription_life=timedelta(days=14),
        void_within=timedelta(hours=36),
        unmapped={"Z2": "a vehicle, not a parcel", "Z1": "a vehicle, not a parcel", "Q|": "unknown to its own list"},
        assumed=("The quota is per key.",),
    )

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        return httpx.Auth()

    def verify(self, hook: Hook, secret: str, now: datetime) -> None: ...

    def hook_key(self, hook: Hook) -> str:
        return "key"

    def parse_hook(self, body: bytes) -> Answer:
        return Answer()

    def subscribe(self, http: Http, wanted: Wanted) -> Sequence[Subscribed]:
        return ()

    def unsubscribe(self, http: Http, ref: str) -> None: ...

    def greet(self, hook: Hook, secret: str) -> Greeting | None:
        return None

    def activate(self, http: Http, ref: str, challenge: str) -> None: ...

    def issue_token(self, hook: Hook, secret: str, now: datetime) -> Greeting:
        return Greeting()

    def buy_label(self, http: Http, order: LabelOrder) -> Label:
        return self.parse_label(b"")

    def void_label(self, http: Http, label_ref: str) -> None: ...

    def parse_label(self, body: bytes) -> Label:
        return Label("", "", b"", "none", None, "")


def test_pushes_labels_open_codes_and_assumptions_are_told() -> None:
    text = render({"pushing": Pushing()})
    assert "- Subscriptions: by API, for 100 numbers a call; each lasts 14 days and is renewed before." in text
    assert (
        "- Handshake: its calls that are no deliveries are answered; it is called back before it pushes; it fetches a "
        "token from us, at the webhook address + `/token`." in text
    )
    assert (
        "- Labels: bought and given back within 36 hours. `doorstep carriers parse --label` reads what it answers."
        in text
    )
    assert "### Codes without a status (3)\n\n- `Q|`: unknown to its own list\n- `Z1`, `Z2`: a vehicle" in text
    assert "### Assumed, on a second-hand source alone\n\n- The quota is per key.\n" in text


def test_what_it_does_not_do_is_not_told() -> None:
    text = render({"invented": Invented()})
    for title in ("Subscriptions", "Handshake", "Labels:", "Codes without", "Assumed"):
        assert title not in text


@pytest.mark.parametrize(
    ("batch", "life", "said"),
    [
        (0, None, "for the account; each lasts until it is ended."),
        (1, timedelta(days=1), "for 1 number a call; each lasts 1 day and"),
        (1, timedelta(minutes=90), "each lasts 90 minutes and"),
    ],
)
def test_a_subscription_is_told_in_its_own_terms(batch: int, life: timedelta | None, said: str) -> None:
    class Other(Pushing):
        about = replace(Pushing.about, subscription_batch=batch, subscription_life=life, void_within=None)

    text = render({"pushing": Other()})
    assert said in text
    assert "given back; no deadline is known." in text


@pytest.mark.parametrize("slug", sorted(all_carriers()))
def test_every_carrier_tells_its_open_codes_and_what_it_assumes(slug: str) -> None:
    carrier = all_carriers()[slug]
    about = carrier.about
    section = page().split(f'<a id="{slug}"></a>')[1].split("<a id=")[0]
    for said in (*about.assumed, *about.unmapped.values(), *(f"`{code}`" for code in about.unmapped)):
        assert said in section
    assert ("- Labels: " in section) == isinstance(carrier, Labels)
    assert ("- Subscriptions: " in section) == isinstance(carrier, Subscribes)
    assert all(about.unmapped.values()), "a code without a status needs a reason"
    assert not isinstance(carrier, Subscribes) or isinstance(carrier, Hooked), "nobody reads what it would push"


def test_a_level_is_what_the_adapter_can_do() -> None:
    assert level(Invented()) == "fetch"
    assert level(Invented(), remote_green=True) == "fetch + remote green"
    assert level(all_carriers()["ups"]) == "fetch + hooks + labels"


def test_a_page_is_made_from_what_is_declared_and_nothing_breaks_a_table() -> None:
    text = render({"invented": Invented()}, {"invented": "They differ."}, {"invented"})
    assert r"| [In\|vented](#invented) | fetch + remote green | 7 | none |" in text
    assert r"| `B\|1` | delivered | delivered.neighbour |" in text
    assert "| `A` | exception |  |" in text
    assert "1 call a second; 1,400 calls in 10 seconds" in text
    assert text.endswith("They differ.\n")


def test_differences_are_about_carriers_that_exist() -> None:
    assert set(differences_in(FOLDER / "differences")) <= set(all_carriers())
    assert remote_green_in(FOLDER / "remote-green.txt") <= set(all_carriers())


@pytest.mark.parametrize(
    "words", [Status, SUB_STATUSES, State, ItemState, MoneyState, Kind, Method, Resolution, REASONS, Event]
)
def test_the_vocabulary_has_every_word_that_is_used_for_a_state(words: Iterable[str]) -> None:
    text = (FOLDER / "vocabulary.md").read_text("utf-8")
    assert [word for word in words if f"`{word}`" not in text] == []
