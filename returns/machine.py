"""States of a return case, of its items and of its money, and the only moves between them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar


class Kind(StrEnum):
    """What the shopper exercises: the shop's offer, a statutory right, or a complaint."""

    RETURN = "return"
    WITHDRAWAL = "withdrawal"
    CLAIM = "claim"
    WARRANTY = "warranty"


class Method(StrEnum):
    """How the goods travel."""

    LABEL = "label"
    QR = "qr"
    PICKUP = "pickup"
    STORE = "store"
    OWN = "own"
    NONE = "none"


class Resolution(StrEnum):
    """What the shopper gets."""

    REFUND_ORIGINAL = "refund_original"
    REFUND_PARTIAL = "refund_partial"
    STORE_CREDIT = "store_credit"
    GIFT_CARD = "gift_card"
    EXCHANGE_VARIANT = "exchange_variant"
    EXCHANGE_PRODUCT = "exchange_product"
    REPLACEMENT = "replacement"
    REPAIR = "repair"
    RETURNLESS_REFUND = "returnless_refund"
    KEEP_WITH_DISCOUNT = "keep_with_discount"
    COMPENSATION = "compensation"
    NONE = "none"


class State(StrEnum):
    """Where a return case stands. The items carry the truth; this is its headline."""

    DRAFT = "draft"
    REQUESTED = "requested"
    INFO_NEEDED = "info_needed"
    APPROVED = "approved"
    LABEL_ISSUED = "label_issued"
    IN_TRANSIT = "in_transit"
    PARTIALLY_RECEIVED = "partially_received"
    RECEIVED = "received"
    INSPECTING = "inspecting"
    RESOLVING = "resolving"
    COMPLETED = "completed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    LOST = "lost"


class ItemState(StrEnum):
    """Where one item of a case stands."""

    REQUESTED = "requested"
    AUTHORISED = "authorised"
    DECLINED = "declined"
    AWAITING = "awaiting"
    RECEIVED = "received"
    MISSING = "missing"
    WRONG_ITEM = "wrong_item"
    LOST = "lost"
    KEPT = "kept"
    ACCEPTED = "accepted"
    ACCEPTED_REDUCED = "accepted_reduced"
    REFUSED = "refused"


class MoneyState(StrEnum):
    """Where the refund of a case stands."""

    NONE = "none"
    QUOTED = "quoted"
    DUE = "due"
    SUBMITTED = "submitted"
    SETTLED = "settled"
    FAILED = "failed"


class IllegalMove(Exception):
    """This move does not exist from here. `state` and `move` name the two."""

    def __init__(self, move: str, state: str, why: str = "") -> None:
        super().__init__(f"cannot {move} what is {state}" + (f": {why}" if why else ""))
        self.move = move
        self.state = state


S = State
MOVES: Mapping[str, Mapping[State, State]] = {
    "submit": {S.DRAFT: S.REQUESTED},
    "approve": {S.DRAFT: S.APPROVED, S.REQUESTED: S.APPROVED},
    "request_info": {S.REQUESTED: S.INFO_NEEDED},
    "answer": {S.INFO_NEEDED: S.REQUESTED},
    "reject": {S.REQUESTED: S.REJECTED, S.INSPECTING: S.REJECTED},
    "appeal": {S.REJECTED: S.REQUESTED},
    "cancel": dict.fromkeys((S.DRAFT, S.REQUESTED, S.INFO_NEEDED, S.APPROVED, S.LABEL_ISSUED), S.CANCELLED),
    "expire": dict.fromkeys((S.INFO_NEEDED, S.APPROVED, S.LABEL_ISSUED), S.EXPIRED),
    "reopen": {S.EXPIRED: S.APPROVED},
    "issue_label": {S.APPROVED: S.LABEL_ISSUED},
    "reissue_label": {S.LABEL_ISSUED: S.LABEL_ISSUED, S.EXPIRED: S.LABEL_ISSUED},
    "scan": {S.APPROVED: S.IN_TRANSIT, S.LABEL_ISSUED: S.IN_TRANSIT},
    "receive_some": {S.IN_TRANSIT: S.PARTIALLY_RECEIVED},
    "receive_all": dict.fromkeys((S.APPROVED, S.LABEL_ISSUED, S.IN_TRANSIT, S.PARTIALLY_RECEIVED), S.RECEIVED),
    "lose": {S.IN_TRANSIT: S.LOST, S.PARTIALLY_RECEIVED: S.LOST},
    "inspect": {S.RECEIVED: S.INSPECTING},
    "accept": {S.RECEIVED: S.RESOLVING, S.INSPECTING: S.RESOLVING},
    "accept_part": {S.PARTIALLY_RECEIVED: S.RESOLVING},
    "accept_without_goods": {S.APPROVED: S.RESOLVING, S.LOST: S.RESOLVING},
    "retry": {S.RESOLVING: S.RESOLVING},
    "settle": {S.RESOLVING: S.COMPLETED},
}

# A withdrawal is a right: nobody decides on it before the goods are back, and the declaration cannot be parked.
_NOT_FOR_WITHDRAWAL = frozenset({("submit", S.DRAFT), ("cancel", S.DRAFT), ("appeal", S.REJECTED)})

I = ItemState  # noqa: E741  the table below reads as a table
ITEM_MOVES: Mapping[str, Mapping[ItemState, ItemState]] = {
    "authorise": {I.REQUESTED: I.AUTHORISED},
    "decline": {I.REQUESTED: I.DECLINED},
    "expect": {I.AUTHORISED: I.AWAITING},
    "receive": {I.AWAITING: I.RECEIVED},
    "miss": {I.AWAITING: I.MISSING},
    "receive_wrong": {I.AWAITING: I.WRONG_ITEM},
    "lose": {I.AWAITING: I.LOST},
    "keep": {I.AWAITING: I.KEPT},
    "accept": {I.RECEIVED: I.ACCEPTED},
    "accept_reduced": {I.RECEIVED: I.ACCEPTED_REDUCED},
    "refuse": {I.RECEIVED: I.REFUSED},
}

M = MoneyState
MONEY_MOVES: Mapping[str, Mapping[MoneyState, MoneyState]] = {
    "quote": {M.NONE: M.QUOTED},
    "owe": {M.QUOTED: M.DUE},
    "submit": {M.DUE: M.SUBMITTED, M.FAILED: M.SUBMITTED},
    "settle": {M.SUBMITTED: M.SETTLED},
    "fail": {M.SUBMITTED: M.FAILED},
}

StateT = TypeVar("StateT", bound=StrEnum)


def move(state: State, name: str, *, kind: Kind = Kind.RETURN, appealed: bool = False) -> State:
    """The state after this move, or IllegalMove. A rejected case may be appealed once: `appealed` says it has been."""
    after = _after(MOVES, state, name)
    if kind is Kind.WITHDRAWAL and (name, state) in _NOT_FOR_WITHDRAWAL:
        raise IllegalMove(name, state, "a withdrawal is approved as declared")
    if name == "appeal" and appealed:
        raise IllegalMove(name, state, "it was appealed before")
    return after


def moves_from(state: State, *, kind: Kind = Kind.RETURN, appealed: bool = False) -> tuple[str, ...]:
    """The moves that `move` would make from here: what a page offers as buttons."""
    barred = {"appeal"} if appealed else set()
    barred |= {name for name, at in _NOT_FOR_WITHDRAWAL if at is state} if kind is Kind.WITHDRAWAL else set()
    return tuple(name for name, table in MOVES.items() if state in table and name not in barred)


def move_item(state: ItemState, name: str) -> ItemState:
    """The item's state after this move, or IllegalMove."""
    return _after(ITEM_MOVES, state, name)


def move_money(state: MoneyState, name: str) -> MoneyState:
    """The refund's state after this move, or IllegalMove. A failed one is submitted again, never quoted anew."""
    return _after(MONEY_MOVES, state, name)


def _after(table: Mapping[str, Mapping[StateT, StateT]], state: StateT, name: str) -> StateT:
    try:
        return table[name][state]
    except KeyError:
        raise IllegalMove(name, state) from None
