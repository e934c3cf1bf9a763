"""Pages whose words are longer than anybody wished, and pages on paper."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.stage import FAULTS, Demo, Sample, look_up, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]

Visit = Callable[..., BrowserContext]
LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützenständer" * 2


@pytest.fixture
def page(visit: Visit) -> Page:
    """A screen without movement."""
    return visit(reduced_motion="reduce").new_page()


@contextlib.contextmanager
def long_words(demo: Demo, order: Sample) -> Iterator[None]:
    """What shop and carrier wrote about this order is one word without end, until the block ends."""
    ((here, parcel, story),) = demo.rows(
        "SELECT o.id, s.id, s.story FROM shop_order o JOIN shipment s ON s.order_id = o.id WHERE o.number = ?",
        order.number,
    )
    lines = demo.rows("SELECT title, variant, id FROM order_line WHERE order_id = ?", here)
    theirs = "UPDATE shipment SET story = json_set(story, '$.latest.text', ?, '$.latest.status', NULL,"
    demo.change(f"{theirs} '$.latest.sub_status', NULL, '$.latest.place', ?) WHERE id = ?", LONG, LONG, parcel)
    demo.change("UPDATE order_line SET title = ?, variant = ? WHERE order_id = ?", LONG, LONG, here)
    try:
        yield
    finally:
        demo.change("UPDATE shipment SET story = ? WHERE id = ?", story, parcel)
        for line in lines:
            demo.change("UPDATE order_line SET title = ?, variant = ? WHERE id = ?", *line)


@pytest.mark.parametrize("width", [320, 1280])
def test_no_word_is_too_long_for_a_page(page: Page, demo: Demo, width: int) -> None:
    order = demo.other("-1005")
    page.set_viewport_size({"width": width, "height": 900})
    with long_words(demo, order):
        look_up(page, order)
        expect(page.locator(".items b").first).to_have_text(LONG)
        expect(page.locator(".latest").first).to_contain_text(LONG)
        wrong = page.evaluate(FAULTS)
        sign_in(page, demo)
        expect(page.get_by_role("heading", name="Needs attention")).to_be_visible()
        page.goto(f"{demo.where['console']}/search?q={order.number}")
        wrong += page.evaluate(FAULTS)
    assert not wrong, "\n".join(wrong)


def test_paper_has_no_buttons_and_every_update(page: Page, demo: Demo) -> None:
    look_up(page, demo.sample(2))
    expect(page.get_by_role("link", name="Start a return")).to_be_visible()
    page.emulate_media(media="print")
    for button in page.locator(".btn, nav, .copy").all():
        expect(button).to_be_hidden()
    expect(page.locator("details.more .tl").first).to_be_visible()
