"""Only the listed moves: the tables below are written again from the vocabulary, not taken from the code."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from returns.machine import (
    ITEM_MOVES,
    MONEY_MOVES,
    MOVES,
    IllegalMove,
    ItemState,
    Kind,
    MoneyState,
    State,
    move,
    move_item,
    move_money,
    moves_from,
)

CASE = """
draft -> requested approved cancelled
requested -> info_needed approved rejected cancelled
info_needed -> requested cancelled expired
approved -> label_issued in_transit received resolving cancelled expired
label_issued -> in_transit received cancelled expired label_issued
in_transit -> partially_received received lost
partially_received -> received lost resolving
received -> inspecting resolving
inspecting -> resolving rejected
resolving -> completed resolving
expired -> approved label_issued
lost -> resolving
rejected -> requested
"""
ITEM = """
requested -> authorised declined
authorised -> awaiting
awaiting -> received missing wrong_item lost kept
received -> accepted accepted_reduced refused
"""
MONEY = """
none -> quoted
quoted -> due
due -> submitted
submitted -> settled failed
failed -> submitted
"""


def _pairs(table: str) -> set[tuple[str, str]]:
    rows = (row.split(" -> ") for row in table.strip().splitlines())
    return {(before, after) for before, afters in rows for after in afters.split()}


def _listed(moves: Mapping[str, Mapping[Any, Any]]) -> set[tuple[str, str]]:
    return {(before.value, after.value) for table in moves.values() for before, after in table.items()}


@pytest.mark.parametrize(("moves", "table"), [(MOVES, CASE), (ITEM_MOVES, ITEM), (MONEY_MOVES, MONEY)])
def test_the_moves_are_those_of_the_vocabulary_and_no_others(
    moves: Mapping[str, Mapping[Any, Any]], table: str
) -> None:
    assert _listed(moves) == _pairs(table)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("name", [*MOVES, "explode", ""])
def test_what_is_not_listed_is_illegal(state: State, name: str) -> None:
    if state in MOVES.get(name, {}):
        assert move(state, name) is MOVES[name][state]
    else:
        with pytest.raises(IllegalMove) as caught:
            move(state, name)
        assert (caught.value.state, caught.value.move) == (state, name)


@pytest.mark.parametrize("state", [State.COMPLETED, State.CANCELLED])
def test_completed_and_cancelled_are_the_end(state: State) -> None:
    assert moves_from(state) == ()


@given(st.lists(st.sampled_from(list(MOVES)), max_size=40), st.sampled_from(list(Kind)), st.booleans())
def test_any_walk_stays_within_the_table(names: list[str], kind: Kind, appealed: bool) -> None:
    state, allowed = State.DRAFT, _pairs(CASE)
    for name in names:
        is_offered = name in moves_from(state, kind=kind, appealed=appealed)
        try:
            after = move(state, name, kind=kind, appealed=appealed)
        except IllegalMove:
            assert not is_offered
            continue
        assert is_offered
        assert (state.value, after.value) in allowed
        state = after


def _reachable(kind: Kind) -> set[State]:
    seen, todo = {State.DRAFT}, [State.DRAFT]
    while todo:
        state = todo.pop()
        after = {move(state, name, kind=kind) for name in moves_from(state, kind=kind)} - seen
        seen |= after
        todo += after
    return seen


def test_every_state_can_be_reached_by_a_return() -> None:
    assert _reachable(Kind.RETURN) == set(State)


def test_a_withdrawal_is_approved_as_declared() -> None:
    assert moves_from(State.DRAFT, kind=Kind.WITHDRAWAL) == ("approve",)
    assert _reachable(Kind.WITHDRAWAL) == set(State) - {State.REQUESTED, State.INFO_NEEDED}
    with pytest.raises(IllegalMove):
        move(State.DRAFT, "submit", kind=Kind.WITHDRAWAL)
    before_receipt = {State.DRAFT, State.APPROVED, State.LABEL_ISSUED, State.IN_TRANSIT}
    assert all("reject" not in moves_from(state, kind=Kind.WITHDRAWAL) for state in before_receipt)


def test_a_rejection_is_appealed_once() -> None:
    assert move(State.REJECTED, "appeal") is State.REQUESTED
    with pytest.raises(IllegalMove, match="appealed before"):
        move(State.REJECTED, "appeal", appealed=True)


def test_goods_that_did_not_come_are_not_accepted_by_the_ordinary_move() -> None:
    assert set(MOVES["accept"]) == {State.RECEIVED, State.INSPECTING}
    assert set(MOVES["accept_without_goods"]) == {State.APPROVED, State.LOST}


def test_items_and_money_move_by_their_own_tables() -> None:
    assert move_item(ItemState.AWAITING, "keep") is ItemState.KEPT
    assert move_money(MoneyState.FAILED, "submit") is MoneyState.SUBMITTED
    with pytest.raises(IllegalMove):
        move_item(ItemState.DECLINED, "receive")
    with pytest.raises(IllegalMove):
        move_money(MoneyState.SETTLED, "submit")
