"""Normal forms: what a shopper types equals what the shop stored, and different things stay different."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.orders import email_key, number_key, postcode_key


@pytest.mark.parametrize(
    "typed", ["J-1001", "#J-1001", " j 1001 ", "j1001", "Ｊ－１００１", "# j‑1001", "J–1001", "\u200bJ1001"]
)
def test_one_order_number_typed_in_many_ways_is_one_number(typed: str) -> None:
    assert number_key(typed) == "J1001"


def test_different_numbers_stay_different() -> None:
    assert len({number_key(n) for n in ("1001", "1010", "A1001", "10010")}) == 4


def test_a_number_of_signs_alone_equals_itself_and_not_nothing() -> None:
    assert number_key("# -") == number_key("#-") != ""


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        (" Ada@Example.TEST ", "ada@example.test"),
        ("ada@example.test.", "ada@example.test"),
        ("ada@büro.example", "ada@xn--bro-hoa.example"),
        ("ADA@BÜRO.example", "ada@xn--bro-hoa.example"),
        ("ａｄａ＠example.test", "ada@example.test"),
    ],
)
def test_an_address_is_compared_without_case_and_with_its_ascii_domain(typed: str, key: str) -> None:
    assert email_key(typed) == key


@pytest.mark.parametrize("typed", ["", "ada", "@example.test", "ada@", "a b@example.test", "CA12 5DJ", "x" * 999])
def test_what_is_no_address_is_nothing(typed: str) -> None:
    assert email_key(typed) == ""


@pytest.mark.parametrize(
    ("typed", "key"),
    [("ca12 5dj", "CA125DJ"), ("CA12-5DJ", "CA125DJ"), ("94107-1234", "94107"), ("１０１１５", "10115"), ("  ", "")],
)
def test_a_postcode_is_compared_by_letters_and_digits(typed: str, key: str) -> None:
    assert postcode_key(typed) == key


@given(st.text(max_size=80))
def test_normal_forms_are_their_own_normal_form(text: str) -> None:
    for key in (number_key, postcode_key):
        assert key(key(text)) == key(text)
    if address := email_key(text):
        assert email_key(address) == address


@given(st.text(alphabet="abcXYZ0189", min_size=1, max_size=20), st.sampled_from(["", " ", "#", "-", "\u00a0"]))
def test_signs_between_letters_do_not_count(text: str, sign: str) -> None:
    assert number_key(sign.join(text)) == number_key(text)
