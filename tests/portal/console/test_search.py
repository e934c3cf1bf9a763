"""Search: exact hits open their order, beginnings make a list, and nothing from outside is taken for a pattern."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.app import App
from portal.audit import SHOPPER
from portal.returning import start
from portal.tables import Brand, Customer, Order
from tests.portal.console.desk import Desk
from tests.world import World


@pytest.mark.parametrize(
    "text", ["J-1001", "#j 1001", "j1001", "ADA@example.test ", "NP447109260GB", "np 4471 0926 0gb"]
)
def test_an_exact_hit_opens_the_order(kim: Desk, order_path: str, text: str) -> None:
    answer = kim.get(f"/console/search?q={text.replace('#', '%23')}")
    assert answer.status_code == 303
    assert answer.headers["location"].partition("#")[0] == order_path


def test_an_rma_opens_its_return_as_people_type_it(kim: Desk, app: App, order_path: str, world: World) -> None:
    with app.db.transaction() as tx:
        brand, order = tx.get_one(Brand, world.juniper.id), tx.get_one(Order, world.order.id)
        wanted = start.Wanted((start.WantedItem(world.lines[0].public_id, 1, "other"),))
        case = start.start_return(tx, brand, order, wanted, request_key="k" * 22, by=SHOPPER, now=app.now())
    typed = case.rma.lower().replace("-", " ")
    assert kim.get(f"/console/search?q={typed}").headers["location"] == f"{order_path}#{case.rma}"


def test_the_same_number_at_two_brands_is_a_list_for_who_sees_both(sam: Desk) -> None:
    page = sam.get("/console/search?q=J-1001").text
    assert "Ada Larch" in page
    assert "Bo Stein" in page


@pytest.mark.parametrize("text", ["ada", "Lar", "larch", "ADA L", "J-10", "ada@"])
def test_a_beginning_makes_a_list(kim: Desk, text: str) -> None:
    assert "Ada Larch" in kim.get(f"/console/search?q={text}").text


def test_a_name_is_found_beyond_ascii(kim: Desk, app: App, world: World) -> None:
    with app.db.transaction() as tx:
        tx.get_one(Customer, world.order.customer_id).name = "Özge Åkerström"
    for text in ("özg", "ÖZG", "åker"):
        assert "J-1001" in kim.get(f"/console/search?q={text}").text, text


@pytest.mark.parametrize("text", ["%", "%%", "__", "a%", "%arch", "\\", "d", "zzz", "@", "R-2222-2222"])
def test_signs_are_no_patterns_and_one_letter_is_too_little(kim: Desk, text: str) -> None:
    page = kim.get(f"/console/search?q={text.replace('%', '%25')}")
    assert page.status_code == 200
    assert "Nothing found" in page.text


@settings(max_examples=30)
@given(text=st.text(max_size=300))
def test_no_search_breaks(kim: Desk, text: str) -> None:
    answer = kim.client.send("GET", "/console/search", host=kim.host, params={"q": text.encode("utf-8", "replace")})
    assert answer.status_code in {200, 303}
