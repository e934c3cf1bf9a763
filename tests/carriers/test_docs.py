"""docs/carriers.md is generated and up to date, docs/vocabulary.md has every word."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from datetime import timedelta

import pytest

from carriers.contract import About, Answer, Budget, Fetched, Trust
from carriers.docs import FOLDER, differences_in, level, page, remote_green_in, render
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


def test_a_level_is_what_the_adapter_can_do() -> None:
    assert level(Invented()) == "fetch"
    assert level(Invented(), remote_green=True) == "fetch + remote green"
    assert level(all_carriers()["ups"]) == "fetch + hooks"


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
