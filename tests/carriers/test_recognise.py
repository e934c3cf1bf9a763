"""Recognition: shapes and check digits give candidates with odds; the shop's own carriers come first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carriers.check_digits import luhn, mod7, mod10, mod37_36, s10
from carriers.number_tables import FOLLOWERS, NAMES, OUR_POSTS, POSTS, SHAPES
from carriers.recognise import LONGEST, Candidate, candidates, hints, plain
from carriers.registry import all_carriers
from tests.carriers.corpus import ROOT

EXAMPLES = ROOT / "tracking_numbers" / "examples.json"

# Where the examples name a kind of number in other words than we do.
KINDS = {
    "LaserShip 1LS7 (18)": "lasership_1ls7_18",
    "Old Dominion": "old_dominion",
    "Old Dominion Guaranteed Shipment": "old_dominion_guaranteed",
    "UPS Waybill": "ups_waybill",
}
# A courier of the examples -> our slugs, where they are not the same.
SLUGS = {
    "amazon": {"amazon_shipping"},
    "dhl": {"dhl", "dhl_express"},
    "s10": {"usps", "royal_mail", "post_cv", "post_cf"},
}


def slugs(number: str, *preferred: str) -> list[str]:
    return [one.slug for one in candidates(number, preferred)]


@cache
def examples() -> dict[str, dict[str, dict[str, list[str]]]]:
    """Courier -> kind -> valid and invalid numbers."""
    if not Path(EXAMPLES).is_file():
        pytest.skip(f"no examples of tracking numbers at {EXAMPLES}")
    told = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    return {courier: rows["by_type"] for courier, rows in told.items() if courier != "_source"}


def each(which: str) -> Iterator[tuple[str, str, str]]:
    for courier, kinds in examples().items():
        for kind, rows in kinds.items():
            yield from ((courier, KINDS.get(kind, kind), number) for number in rows[which])


@pytest.mark.corpus
def test_every_valid_example_is_recognised_as_its_courier() -> None:
    found = list(each("valid"))
    assert len({number for _, _, number in found}) >= 190
    for courier, kind, number in found:
        assert kind in {hint.kind for hint in hints(plain(number))}, (courier, kind, number)
        assert SLUGS.get(courier, {courier}) & set(slugs(number)), (courier, kind, number)


@pytest.mark.corpus
def test_no_invalid_example_is_recognised_as_its_kind() -> None:
    found = list(each("invalid"))
    assert len({number for _, _, number in found}) >= 80
    for courier, kind, number in found:
        assert kind not in {hint.kind for hint in hints(plain(number))}, (courier, kind, number)


@pytest.mark.corpus
def test_most_examples_name_their_courier_first() -> None:
    """The rest share their shape with a commoner carrier: 14 digits, or 12 whose check digits both fit."""
    found = list(each("valid"))
    first = sum(slugs(number)[0] in SLUGS.get(courier, {courier}) for courier, _, number in found)
    assert first / len(found) > 0.95


@pytest.mark.parametrize(
    ("number", "slug"),
    [
        ("1Z 5R8 939 03 5756 712 7", "ups"),
        ("1z5r89390357567127", "ups"),
        ("9400-1112-0620-6406-2607-87", "usps"),
        ("420787459400111206206406260787", "usps"),
        ("7905 3531 2317", "fedex"),
        ("61299998820821171811", "fedex"),
        ("TBA010000000000", "amazon_shipping"),
        ("0073938000549297", "canada_post"),
        ("3318810025", "dhl_express"),
        ("JJD0099999999", "dhl_express"),
        ("00340434161094042557", "dhl_parcel_de"),
        ("00 81827 0998 0000 0200 33 350 276 C", "dpd"),
        ("１Ｚ５Ｒ８９３９０３５７５６７１２７", "ups"),  # full-width, as some keyboards give it
    ],
)
def test_a_number_leads_to_its_carrier(number: str, slug: str) -> None:
    assert slugs(number)[0] == slug


@pytest.mark.parametrize(
    ("number", "first"),
    [
        ("RB123456785US", "usps"),
        ("RB123456785GB", "royal_mail"),
        ("CP123456785CA", "canada_post"),
        ("RB123456785AU", "australia_post"),
        ("RB123456785BE", "bpost"),
        ("RB123456785NL", "postnl"),
        ("RB123456785DE", "dhl_parcel_de"),
        ("LA123456785FR", "la_poste"),
        ("EE123456785FR", "chronopost"),
        ("RB123456785JP", "post_jp"),
    ],
)
def test_an_international_number_leads_to_the_post_of_its_country(number: str, first: str) -> None:
    assert slugs(number)[0] == first


def test_an_international_number_names_post_and_contents() -> None:
    (one,) = candidates("CP123456785JP")
    assert one.name == "Japan Post"
    assert one.why == "international parcel of Japan Post (JP), check digit right"


@pytest.mark.parametrize("number", ["RB123456786US", "RB123456785XX", "RB123456785ZZ"])
def test_a_wrong_check_digit_or_a_country_without_a_post_is_no_international_number(number: str) -> None:
    assert all(hint.kind != "s10" for hint in hints(number))


@pytest.mark.parametrize("number", ["", " ", "-", "X", "ORDER-1001", "ä" * 13, "1" * 500, "1Z5R89390357567128"])
def test_what_no_carrier_issues_has_no_candidates(number: str) -> None:
    assert candidates(number) == []


def test_several_carriers_share_a_shape() -> None:
    found = candidates("287809468872")  # its check digit is right for FedEx and for Purolator
    assert {"fedex", "purolator"} <= {one.slug for one in found}
    assert sum(one.odds for one in found) == pytest.approx(1)
    assert [one.odds for one in found] == sorted((one.odds for one in found), reverse=True)


def test_the_shops_own_carriers_come_first_but_only_where_they_fit() -> None:
    number = "287809468872"
    before = {one.slug: one.odds for one in candidates(number)}
    after = candidates(number, ["purolator", "ups"])
    assert after[0].slug == "purolator"
    assert after[0].odds > before["purolator"]
    assert "ups" not in {one.slug for one in after}


def test_every_carrier_of_the_tables_has_a_name() -> None:
    for shape in SHAPES:
        assert all(slug in NAMES or slug in all_carriers() for slug in shape.slugs)
    for slugs_ in OUR_POSTS.values():
        assert all(slug in NAMES or slug in all_carriers() for slug in slugs_)
    assert OUR_POSTS.keys() <= POSTS.keys()


def test_followers_are_not_carriers_of_a_number() -> None:
    assert not FOLLOWERS & {slug for shape in SHAPES for slug in shape.slugs}
    assert not FOLLOWERS & set(slugs("1Z5R89390357567127")) | FOLLOWERS & set(slugs("LA123456785FR"))


def test_the_check_digits_of_documents() -> None:
    assert s10("47312482") == "9"  # the example of UPU S10: 473124829
    assert mod10(3, 1)("0076938000549") != ""
    assert mod10(1, 3)("400638133393") == "1"  # an EAN-13 that is printed everywhere: 4006381333931
    assert luhn("7992739871") == "3"
    assert mod7("331881002") == "5"
    assert mod37_36("09980000020033") == "F"


@given(st.text(max_size=60))
def test_no_text_breaks_it(number: str) -> None:
    found = candidates(number)
    assert all(isinstance(one, Candidate) and 0 < one.odds <= 1 for one in found)
    assert len(plain(number)) <= 60 * 18


@given(st.from_regex(r"[0-9]{8,34}|[A-Z]{2}[0-9]{9}[A-Z]{2}", fullmatch=True))
def test_odds_sum_to_one(number: str) -> None:
    found = candidates(number)
    assert not found or sum(one.odds for one in found) == pytest.approx(1)
    assert len(number) <= LONGEST
