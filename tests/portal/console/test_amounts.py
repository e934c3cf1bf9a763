"""Amounts as agents type them: nothing is guessed where a comma may mean a thousand."""

import re

import pytest

from portal.app import App
from portal.web.console.fields import typed_amount
from returns.money import MoneyError
from tests.portal.console.desk import Desk
from tests.portal.console.test_returns import make_case, refunds, stored
from tests.world import World


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [("12.50", "GBP", 1250), ("12,50", "EUR", 1250), (" 12,5 ", "EUR", 1250), ("7", "JPY", 7), ("1.250", "KWD", 1250)],
)
def test_a_decimal_comma_is_a_decimal_point(text: str, currency: str, minor: int) -> None:
    assert typed_amount(text, currency) == minor


@pytest.mark.parametrize("text", ["1,000", "1,250", "1,000.00", "1.000,00", "1,2,3", ",5", "5,", "", "-1,50", "１,50"])
@pytest.mark.parametrize("currency", ["GBP", "JPY", "KWD"])
def test_what_may_be_a_thousand_is_refused(text: str, currency: str) -> None:
    with pytest.raises(MoneyError):
        typed_amount(text, currency)


def test_a_thousand_typed_with_a_comma_refunds_no_single_pound(
    kim: Desk, app: App, order_path: str, world: World
) -> None:
    case = make_case(app, world)
    for move in ("approve", "receive"):
        page = kim.get(order_path).text
        kim.follow(kim.press(page, f"{case.public_id}/{move}"))
    page = kim.get(order_path).text
    path = re.search(r'action="([^"]+/refund)"', page)
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    assert path
    assert token
    status = stored(app, case).status
    answer = kim.post(path[1], {"csrf": token[1], "status": status, "amount": "1,000"})
    assert answer.status_code == 422
    assert refunds(app) == []
