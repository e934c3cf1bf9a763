"""The whole product as people use it, once with and once without JavaScript: find, follow, send back, settle."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.stage import Demo, Sample, follow, look_up, press, reloaded_until, sign_in, tab_to
from tests.returns.pictures import codes, sizes_mm
from tests.returns.pictures import page as picture

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]

Visit = Callable[..., BrowserContext]
NO_MATCH = "Those details don’t match"


@pytest.fixture(params=[True, False], ids=["with-javascript", "without-javascript"])
def shopper(request: pytest.FixtureRequest, visit: Visit) -> Page:
    """A shopper's phone."""
    return visit(java_script_enabled=request.param, viewport={"width": 390, "height": 844}).new_page()


def heading(page: Page, words: str | re.Pattern[str]) -> Locator:
    return page.get_by_role("heading", name=words)


def test_the_three_sample_orders_open_for_who_knows_them_and_for_nobody_else(shopper: Page, demo: Demo) -> None:
    moving, late, arrived = (demo.sample(n) for n in range(3))
    answers = set()
    for number, who in ((moving.number, "somebody@example.com"), ("TW-9999", moving.email), (moving.number, "ZZ9 9ZZ")):
        look_up(shopper, Sample(moving.base, number, who, ""))
        expect(heading(shopper, NO_MATCH)).to_be_visible()
        answers.add(shopper.locator(".note").inner_text())
    assert len(answers) == 1

    look_up(shopper, moving)
    expect(shopper).to_have_url(re.compile(r"/orders/[\w-]+$"))
    expect(shopper.locator("h1")).to_contain_text(re.compile(r"\d+ [A-Z][a-z]{2}"))
    expect(shopper.locator("article.parcel")).to_have_count(2)
    expect(shopper.get_by_text("Cairn 2 tent", exact=True)).to_be_visible()
    shopper.get_by_text("All updates").first.click()
    expect(shopper.locator(".tl").first.get_by_text("Left the first depot")).to_be_visible()
    follow(shopper.get_by_role("link", name="Pitch your Cairn in four minutes"))
    expect(heading(shopper, "Pitch your Cairn in four minutes")).to_be_visible()

    look_up(shopper, late, late.postcode.lower().replace(" ", ""))
    expect(heading(shopper, "What happened")).to_be_visible()
    expect(shopper.get_by_text("Some details are hidden.")).to_be_visible()

    look_up(shopper, arrived)
    expect(shopper.locator("h1")).to_contain_text("Delivered")
    expect(shopper.get_by_role("link", name="Start a return")).to_be_visible()


def test_a_return_from_the_order_page_to_the_refund(shopper: Page, visit: Visit, demo: Demo) -> None:
    order = demo.arrived()
    look_up(shopper, order)
    rma = start_return(shopper)
    here = shopper.url
    reloaded_until(shopper, heading(shopper, "Your label is ready"))
    number = read_label(shopper, rma)

    mail = demo.mail(order.email, rma)
    by_mail = from_mail(visit, mail)
    expect(heading(by_mail, "Your label is ready")).to_be_visible()
    expect(by_mail.get_by_text(rma).first).to_be_visible()

    demo.drop_off(number)
    reloaded_until(shopper, shopper.get_by_text("On its way to us"))
    expect(shopper.get_by_role("button", name="Cancel this return")).to_have_count(0)

    agent = visit(viewport={"width": 1280, "height": 900}).new_page()
    settle_at_the_desk(agent, demo, order, rma, number)

    shopper.goto(here)
    expect(heading(shopper, "£203.50 refunded")).to_be_visible()
    expect(heading(shopper, "What you got back")).to_be_visible()
    demo.mail(order.email, "Your refund: £203.50")


def start_return(page: Page) -> str:
    """Two items for a refund: three screens, every amount shown before it is promised. Returns the RMA number."""
    follow(page.get_by_role("link", name="Start a return"))
    page.get_by_label("Rime down jacket").check()
    page.get_by_label("Fell enamel mug").check()
    page.get_by_label("What’s the reason?").nth(0).select_option("too_small")
    page.get_by_label("What’s the reason?").nth(1).select_option("no_longer_wanted")
    follow(page.get_by_role("button", name="Continue"))
    expect(heading(page, "What would you like instead?")).to_be_visible()
    page.get_by_label(re.compile("^Refund")).check()
    follow(page.get_by_role("button", name="Continue"))
    expect(heading(page, "Check and confirm")).to_be_visible()
    ledger = page.locator(".led").inner_text()
    assert "£189.00" in ledger
    assert "£203.50" in ledger
    follow(page.get_by_role("button", name="Confirm return"))
    expect(page).to_have_url(re.compile(r"/returns/(?!new)[\w-]+$"))
    found = re.search(r"Return (\S+?)\.", page.locator("h1 + p").inner_text())
    assert found
    return found[1]


def test_the_browsers_own_back_button_leads_from_step_to_step_and_confirms_nothing_twice(
    shopper: Page, demo: Demo
) -> None:
    look_up(shopper, demo.arrived())
    follow(shopper.get_by_role("link", name="Start a return"))
    shopper.get_by_label("Rime down jacket").check()
    shopper.get_by_label("What’s the reason?").first.select_option("too_small")
    follow(shopper.get_by_role("button", name="Continue"))
    follow(shopper.get_by_role("button", name="Continue"))
    expect(heading(shopper, "Check and confirm")).to_be_visible()
    for step in ("What would you like instead?", "What would you like to return?"):
        shopper.go_back()
        expect(heading(shopper, step)).to_be_visible()
    expect(shopper.get_by_label("Rime down jacket")).to_be_checked()
    for _ in range(2):
        shopper.go_forward()
    follow(shopper.get_by_role("button", name="Confirm return"))
    expect(shopper).to_have_url(re.compile(r"/returns/(?!new)[\w-]+$"))
    here = shopper.url
    shopper.go_back()
    follow(shopper.get_by_role("button", name="Confirm return"))
    expect(shopper).to_have_url(here)


def read_label(page: Page, rma: str) -> str:
    """The label as a parcel counter reads it; returns the tracking number."""
    address = page.get_by_role("link", name="Label PDF").get_attribute("href")
    answer = page.context.request.get(page.url.partition("/orders/")[0] + str(address))
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/pdf"
    pdf = answer.body()
    assert len(sizes_mm(pdf)) == 1
    read = codes(picture(pdf, 203))
    bars = {text for kind, text in read if kind == "Code128"}
    assert any(kind == "QRCode" for kind, _ in read)
    assert rma in bars
    (number,) = {text for text in bars if text != rma}
    return number


def from_mail(visit: Visit, mail: str) -> Page:
    """Opens a caught mail on another phone, sees its attachment, and follows its button; nobody signs in."""
    inbox = visit(viewport={"width": 390, "height": 844}).new_page()
    inbox.goto(mail)
    expect(inbox.get_by_role("link", name=re.compile(r"\.pdf$"))).to_be_visible()
    with inbox.context.expect_page() as opened:
        inbox.frame_locator("iframe").get_by_role("link", name="See your return").click()
    opened.value.wait_for_load_state()
    assert "/t/" not in opened.value.url
    return opened.value


def settle_at_the_desk(page: Page, demo: Demo, order: Sample, rma: str, number: str) -> None:
    """An agent finds the order by all that a shopper may name, reads it, takes the parcel in and gives money back."""
    sign_in(page, demo)
    expect(heading(page, "Needs attention")).to_be_visible()
    for words in (order.number, order.email, number, rma):
        search = page.get_by_role("searchbox").first
        search.fill(words)
        with page.expect_navigation():
            search.press("Enter")
        expect(heading(page, re.compile(f"^{order.number}"))).to_be_visible()
    expect(page.locator("#timeline").get_by_text("Delivered to the recipient")).to_be_visible()
    expect(page.locator("#timeline").get_by_text(f"Your return label is ready ({rma})")).to_be_visible()
    page.get_by_label("Internal note").fill("Called: the jacket was too tight at the shoulders.")
    follow(page.get_by_role("button", name="Add note"))
    expect(page.locator("#timeline").get_by_text("too tight at the shoulders")).to_be_visible()
    follow(page.get_by_role("button", name="Book in as received"))
    expect(page.get_by_role("status")).to_contain_text("received")
    follow(page.get_by_role("button", name="Refund £203.50"))
    expect(page.get_by_role("status")).to_contain_text("£203.50 refunded")


def test_an_agent_settles_an_exchange_in_four_clicks_from_the_workspace(visit: Visit, demo: Demo) -> None:
    order = demo.arrived()
    page = visit(viewport={"width": 1280, "height": 900}).new_page()
    sign_in(page, demo)
    page.goto(f"{demo.where['console']}/search?q={order.number}")
    clicks = 0

    def click(what: Locator) -> None:
        nonlocal clicks
        clicks += 1
        follow(what)

    click(page.get_by_role("link", name="Exchange"))
    form = page.locator("form.swap").filter(has_text="Rime down jacket")
    form.get_by_label("Reason").select_option("too_small")
    click(form.get_by_role("button", name="Size L, Spruce"))
    expect(page.get_by_role("status")).to_contain_text("is made")
    click(page.get_by_role("button", name="Book in as received"))
    expect(page.get_by_role("status")).to_contain_text("received")
    click(page.get_by_role("button", name="Send the exchange"))
    expect(page.get_by_role("status")).to_contain_text("exchanged")
    expect(page.locator("#items").get_by_text("Size L, Spruce")).to_be_visible()
    assert clicks <= 4


def test_the_way_to_a_return_is_walked_with_the_keyboard_alone(visit: Visit, demo: Demo) -> None:
    order = demo.sample(2)
    page = visit(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(order.base)
    tab_to(page, page.get_by_label("Order number"))
    page.keyboard.type(order.number)
    tab_to(page, page.get_by_label("Email or delivery postcode"))
    page.keyboard.type(order.email)
    press(page, "Enter")
    expect(page.locator("h1")).to_contain_text("Delivered")
    tab_to(page, page.get_by_role("link", name="Start a return"))
    press(page, "Enter")
    expect(heading(page, "What would you like to return?")).to_be_visible()
    tab_to(page, page.get_by_label("Rime down jacket"))
    page.keyboard.press("Space")
    tab_to(page, page.get_by_label("What’s the reason?").first)
    page.keyboard.type("Too small")
    tab_to(page, page.get_by_role("button", name="Continue"))
    press(page, "Enter")
    expect(heading(page, "What would you like instead?")).to_be_visible()
