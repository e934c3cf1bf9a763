"""The console by keyboard alone: from the sign-in to an exchange, and without its single-letter keys."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.stage import Demo, Sample, follow, look_up, press, sign_in, tab_to

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]

Visit = Callable[..., BrowserContext]


@pytest.fixture
def page(visit: Visit) -> Page:
    """An agent's screen."""
    return visit(viewport={"width": 1280, "height": 900}, reduced_motion="reduce").new_page()


def test_an_exchange_is_made_without_a_mouse(page: Page, demo: Demo) -> None:
    order = demo.arrived()
    page.goto(demo.where["console"])
    page.keyboard.type(demo.where["agent"]["email"])
    page.keyboard.press("Tab")
    page.keyboard.type(demo.where["agent"]["password"])
    press(page, "Enter")
    expect(page.get_by_role("heading", name="Needs attention")).to_be_visible()

    page.keyboard.press("/")
    page.keyboard.type(order.number)
    press(page, "Enter")
    expect(page.locator("h1")).to_contain_text(order.number)
    press(page, "x")
    panel = page.locator("#panel")
    tab_to(page, panel.get_by_label("Reason").first, most=2)
    page.keyboard.press("ArrowDown")
    tab_to(page, panel.get_by_role("button", name="Size S, Spruce"), most=1)
    press(page, "Enter")

    expect(page.get_by_role("status")).to_contain_text("is made")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.case') !== null"), "the next stop is in the new return"


def test_the_first_stop_leads_past_the_navigation(page: Page, demo: Demo) -> None:
    sign_in(page, demo)
    expect(page.get_by_role("heading", name="Needs attention")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_the_single_letter_keys_can_be_turned_off_and_stay_so(page: Page, demo: Demo) -> None:
    sign_in(page, demo)
    page.goto(f"{demo.where['console']}/search?q=TW-1005")
    order = page.url
    expect(page.get_by_text("Exchange: No other variants")).to_be_visible()
    told = page.locator(".keys kbd")
    assert told.all_inner_texts() == ["T", "R", "N", "/"], "only keys that do something here"

    page.get_by_role("button", name="Turn the keys off").click()
    page.reload()
    expect(told.first).to_be_hidden()
    page.keyboard.press("t")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement === document.body")
    assert page.url == order

    page.get_by_role("button", name="Turn the keys on").click()
    expect(told.first).to_be_visible()
    press(page, "t")
    expect(page).to_have_url(re.compile(r"do=return"))


def test_what_was_done_is_in_focus_where_the_page_has_no_place_for_it(page: Page, demo: Demo) -> None:
    look_up(page, demo.sample(0), demo.sample(0).postcode)
    follow(page.get_by_role("button", name="Email me that link"))
    expect(page.get_by_role("status")).to_be_focused()
    expect(page.get_by_role("status")).to_contain_text("Check your email")


def test_after_a_pause_the_button_is_pressed_again(page: Page, demo: Demo) -> None:
    page.clock.install()
    nobody = Sample(demo.where["web"], "TW-0", "nobody@example.com", "")
    while not page.get_by_role("alert").get_by_text("pause for a moment").count():
        look_up(page, nobody)
    expect(page.get_by_role("alert")).to_be_focused()
    button = page.get_by_role("button", name="Find my order")
    expect(button).to_be_disabled()
    page.clock.run_for(3_600_000)
    expect(button).to_be_enabled()
    expect(page.get_by_role("status")).to_have_text("You can try again now")
