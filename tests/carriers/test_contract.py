"""Every adapter, the next one included, keeps the promises of clauses.py over all of its fixtures."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carriers.contract import Carrier, Hooked, Reads, Tracks
from carriers.registry import all_carriers
from tests.carriers import clauses
from tests.carriers.clauses import Case, cases
from tests.carriers.signers import signers

CARRIERS = all_carriers()
CASES = [case for slug in CARRIERS for case in cases(slug)]

each_carrier = pytest.mark.parametrize("carrier", CARRIERS.values(), ids=list(CARRIERS))
each_case = pytest.mark.parametrize("case", CASES, ids=[f"{case.slug}-{case.name}" for case in CASES])


def test_there_are_carriers_and_each_has_fixtures() -> None:
    assert CARRIERS
    assert {case.slug for case in CASES} == set(CARRIERS)


@each_case
def test_values_are_as_expected(case: Case) -> None:
    clauses.values_are_as_expected(case, case.reader(CARRIERS[case.slug]))


@each_case
def test_times_are_honest(case: Case) -> None:
    clauses.times_are_honest(case, case.reader(CARRIERS[case.slug]))


@each_case
def test_scans_are_oldest_first(case: Case) -> None:
    clauses.scans_are_oldest_first(case, case.reader(CARRIERS[case.slug]))


@each_case
def test_sub_statuses_belong_to_their_status(case: Case) -> None:
    clauses.sub_statuses_belong_to_their_status(case, case.reader(CARRIERS[case.slug]))


@each_case
def test_a_removed_key_is_bad_payload_or_harmless(case: Case) -> None:
    clauses.a_removed_key_is_harmless(case, case.reader(CARRIERS[case.slug]))


@each_case
def test_a_code_never_seen_is_not_guessed(case: Case) -> None:
    carrier = CARRIERS[case.slug]
    clauses.a_code_never_seen_is_not_guessed(case, case.reader(carrier), carrier.about)


@each_carrier
def test_every_code_maps_to_a_word_of_the_vocabulary(carrier: Carrier) -> None:
    clauses.words_are_of_the_vocabulary(carrier.about)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
WORDS = st.text(st.sampled_from("abc <>&;*~\n1"), max_size=8)
XML = st.recursive(WORDS, lambda inner: st.lists(inner, max_size=3).map(lambda all: f"<a b=''>{''.join(all)}</a>"))


@each_carrier
@given(body=st.binary(max_size=64) | JSON.map(lambda value: json.dumps(value).encode()) | XML.map(str.encode))
def test_rubbish_is_bad_payload(carrier: Carrier, body: bytes) -> None:
    if isinstance(carrier, Reads):
        clauses.rubbish_is_bad_payload(carrier.parse, body)
    if isinstance(carrier, Hooked):
        clauses.rubbish_is_bad_payload(carrier.parse_hook, body)


@each_case
@settings(max_examples=20)  # some forty fixtures make this hundreds of bodies a run
@given(data=st.data())
def test_a_value_of_another_kind_is_bad_payload_or_an_answer(case: Case, data: st.DataObject) -> None:
    """One value anywhere in a true body is replaced by anything."""
    index = data.draw(st.integers(0, case.form.values(case.body) - 1))
    body = case.form.with_value(case.body, index, data.draw(JSON))
    clauses.rubbish_is_bad_payload(case.reader(CARRIERS[case.slug]), body)


@each_case
@settings(max_examples=10)
@given(data=st.data())
def test_a_body_that_breaks_off_is_bad_payload_or_an_answer(case: Case, data: st.DataObject) -> None:
    end = data.draw(st.integers(0, len(case.body)))
    clauses.rubbish_is_bad_payload(case.reader(CARRIERS[case.slug]), case.body[:end])


@each_carrier
def test_errors_are_told_apart(carrier: Carrier) -> None:
    if not isinstance(carrier, Tracks):
        pytest.skip(f"{carrier.about.slug} cannot be polled")
    clauses.errors_are_told_apart(carrier)


@each_carrier
def test_signatures_hold(carrier: Carrier) -> None:
    if not isinstance(carrier, Hooked):
        pytest.skip(f"{carrier.about.slug} does not push")
    for signer in signers(carrier.about.slug):
        for case in cases(carrier.about.slug):
            if case.is_hook:
                clauses.signatures_hold(carrier, signer, case.body)


@each_carrier
def test_hook_keys_tell_deliveries_apart(carrier: Carrier) -> None:
    if not isinstance(carrier, Hooked):
        pytest.skip(f"{carrier.about.slug} does not push")
    for case in cases(carrier.about.slug):
        clauses.hook_keys_tell_deliveries_apart(carrier, case.body)


@each_carrier
def test_a_scan_polled_and_pushed_is_one_scan(carrier: Carrier) -> None:
    if not isinstance(carrier, Hooked):
        pytest.skip(f"{carrier.about.slug} does not push")
    found = {case.name: case for case in cases(carrier.about.slug)}
    pairs = [
        (found[f"hook_{name[6:]}"], found[name]) for name in found if f"hook_{name.removeprefix('track_')}" in found
    ]
    assert pairs, f"{carrier.about.slug} needs a hook_<x> beside a track_<x> that holds the same scan"
    for hook, track in pairs:
        clauses.poll_and_hook_agree(hook, track, carrier)


@each_carrier
def test_what_it_says_of_itself_is_complete(carrier: Carrier) -> None:
    about = carrier.about
    assert about.name
    assert about.time_rule
    assert about.sources
    assert about.budgets or not isinstance(carrier, Tracks)
    assert about.batch_size >= 1
    assert about.live.startswith("https://") or about.live == ""
    assert not about.tracking_page or about.tracking_page.startswith("https://")
    assert not isinstance(carrier, Hooked) or about.hook_header_names
    assert not isinstance(carrier, Hooked) or any(field.name == "webhook_secret" for field in about.fields)
    assert all(field.secret for field in about.fields if "secret" in field.name or "key" in field.name)
    assert all(field.default in field.choices for field in about.fields if field.choices)
