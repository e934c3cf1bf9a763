"""The return reasons are those of the vocabulary."""

from returns.reasons import REASONS, Fault, Ground, is_faulty

WORDS = """better_offer no_longer_wanted ordered_by_mistake unauthorised_purchase too_small too_large wrong_colour_style
not_as_described not_fit_for_purpose damaged_in_transit defective missing_parts wrong_item_sent arrived_late gift
hard_to_use other"""


def test_every_reason_of_the_vocabulary_is_there_and_no_other() -> None:
    assert set(REASONS) == set(WORDS.split())


def test_faulty_goods_are_never_the_shoppers_fault() -> None:
    faulty = {code for code in REASONS if is_faulty(code)}
    assert faulty == {"damaged_in_transit", "defective", "missing_parts", "wrong_item_sent"}
    assert all(REASONS[code].fault is not Fault.SHOPPER for code in faulty)
    assert not is_faulty("no such reason")


def test_a_withdrawal_needs_no_reason_so_none_leads_to_it() -> None:
    assert all(reason.ground is not Ground.WITHDRAWAL for reason in REASONS.values())
