"""Every page in every width: nothing sideways, nothing foreign, nothing broken, everything named."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.browser.stage import FAULTS, Demo, Sample, follow, look_up, sign_in
from tests.browser.trouble import CALLS_PER_DAY, SMALL_CONTRACT, WRONG_KEY, connect, stir_up

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]

Visit = Callable[..., BrowserContext]
WIDTHS = (320, 390, 1280)

# Whether all pictures of the page that is open are drawn.
PICTURES = Path(__file__).with_name("pictures.js").read_text()


def faults(page: Page, name: str, widths: tuple[int, ...] = WIDTHS) -> list[str]:
    """What is wrong with the page that is open, at each width."""
    found = []
    page.wait_for_load_state()
    for width in widths:
        page.set_viewport_size({"width": width, "height": 844 if width < 1000 else 900})
        found += [f"{name} at {width}: {fault}" for fault in page.evaluate(FAULTS)]
    try:
        page.wait_for_function(PICTURES, timeout=5_000)
    except PlaywrightTimeout:
        found.append(f"{name}: a picture is missing")
    return found


def test_faults_are_found(browser: Browser) -> None:
    """The checks themselves: a page with one of each."""
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.set_content(
        "<html lang='en_GB'><body><div style='width:600px'>x</div><a href='#nowhere'></a><button> </button>"
        "<input name='q'><img src='data:image/png;base64,AA=='><p id='a'></p><p id='a'></p><table></table>"
        "<svg width='9' height='9'><use href='#none'/></svg></body></html>"
    )
    told = "\n".join(page.evaluate(FAULTS))
    for words in (
        "scrolls sideways",
        "0 h1",
        "no title",
        "lang is en_GB",
        "dir is",
        "not one main",
        "no name: <a",
        "no name: <button",
        "no label: <input",
        "not described: <img",
        "id twice: a",
        "points to nothing (nowhere)",
        "table without scope",
        "small target",
    ):
        assert words in told
    assert page.evaluate(PICTURES) is False
    page.close()


def test_what_a_keyboard_cannot_see_is_found(browser: Browser) -> None:
    """The same, for what is in focus and for landmarks."""
    page = browser.new_page(viewport={"width": 390, "height": 400})
    page.set_content(
        "<style>a, button {display: block; block-size: 60px} .bare:focus {outline: 0}"
        "footer {position: fixed; inset: 0 0 auto; block-size: 90px; background: #fff}</style>"
        "<nav></nav><nav></nav><a href='#'>under</a><p style='block-size: 200px'></p><button class='bare'>x</button>"
        "<footer></footer>"
    )
    told = "\n".join(page.evaluate(FAULTS))
    page.close()
    assert 'covered when in focus: <a href="#">under' in told
    assert 'focus not seen: <button class="bare">' in told
    assert "landmark twice: nav" in told


@pytest.fixture
def page(visit: Visit) -> Page:
    return visit(viewport={"width": 390, "height": 844}, reduced_motion="reduce").new_page()


def test_looking_for_an_order(page: Page, demo: Demo) -> None:
    wrong = []
    for base in (demo.where["web"], demo.where["second_brand"]):
        for path in ("/", "/?expired=1", "/?sent=1", "/there-is-no-such-page", "/find"):
            page.goto(base + path)
            wrong += faults(page, base + path)
        page.goto(base)
        follow(page.get_by_role("button", name="Find my order"))
        expect(page.get_by_role("alert")).to_be_visible()
        wrong += faults(page, "nothing entered")
        look_up(page, Sample(base, "TW-0", "nobody@example.com", ""))
        expect(page.get_by_role("alert")).to_be_visible()
        wrong += faults(page, "no match")
    assert not wrong, "\n".join(wrong)


def test_orders_of_every_kind(page: Page, demo: Demo) -> None:
    wrong = []
    for order in [demo.sample(n) for n in range(4)] + [demo.other(f"-100{n}") for n in (4, 5, 6, 8)]:
        look_up(page, order)
        expect(page).to_have_url(re.compile("/orders/"))
        for updates in page.locator("details.more > summary").all():
            updates.click()
        wrong += faults(page, order.number)
    for base, article in ((demo.where["web"], "pitch-cairn"), (demo.where["second_brand"], "using-cendre")):
        page.goto(f"{base}/how-to/{article}")
        wrong += faults(page, article)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("brand", ["tarnwick", "noctuelle"])
def test_every_step_of_a_return(page: Page, demo: Demo, brand: str) -> None:
    look_up(page, demo.arrived(brand))
    follow(page.get_by_role("link", name="Start a return"))
    follow(page.get_by_role("button", name="Continue"))
    expect(page.get_by_role("alert")).to_be_visible()
    wrong = faults(page, "no item chosen")
    page.locator("input[name=item]").first.check()
    page.get_by_label("What’s the reason?").first.select_option("too_large")
    wrong += faults(page, "items")
    follow(page.get_by_role("button", name="Continue"))
    page.locator("input[value=exchange_variant]").check()
    wrong += faults(page, "resolution")
    page.locator("input[name^=swap-]:enabled").first.check()
    follow(page.get_by_role("button", name="Continue"))
    expect(page.get_by_role("heading", name="Check and confirm")).to_be_visible()
    wrong += faults(page, "review")
    follow(page.get_by_role("button", name="Confirm return"))
    expect(page).to_have_url(re.compile(r"/returns/(?!new)"))
    wrong += faults(page, "return")
    assert not wrong, "\n".join(wrong)


def test_the_console(page: Page, demo: Demo) -> None:
    page.goto(demo.where["console"])
    wrong = faults(page, "sign-in")
    sign_in(page, demo)
    expect(page.get_by_role("heading", name="Needs attention")).to_be_visible()
    for path in (
        "",
        "/messages",
        "/inbox",
        "/codes",
        "/connections",
        "/usage",
        "/brands",
        "/search?q=a",
        "/search?q=ada",
        "/search?q=TW-1005",
    ):
        page.goto(demo.where["console"] + path)
        wrong += faults(page, path or "queue")
    order = page.url
    assert "/console/orders/" in order
    for panel in ("exchange", "return", "refund"):
        page.goto(f"{order}?do={panel}")
        wrong += faults(page, f"panel {panel}")
    assert not wrong, "\n".join(wrong)


def test_connections_at_the_console(page: Page, demo: Demo) -> None:
    console = demo.where["console"]
    sign_in(page, demo)
    wrong = []
    for path in ("/carriers", "/carriers?q=zzz", "/carriers/ups"):
        page.goto(console + path)
        wrong += faults(page, path)
    page.get_by_role("button", name="Connect and test").evaluate("button => button.form.noValidate = true")
    follow(page.get_by_role("button", name="Connect and test"))
    expect(page.get_by_role("alert")).to_contain_text("Nothing was saved")
    wrong += faults(page, "a form with faults")

    connect(page, demo, WRONG_KEY, "nobody-knows-this-key")
    expect(page.get_by_text("The carrier refuses these credentials.")).to_be_visible()
    expect(page.locator("h1")).to_contain_text("Credentials refused")
    wrong += faults(page, "bad credentials")
    follow(page.get_by_role("link", name="Remove"))
    wrong += faults(page, "removal")
    connect(page, demo, SMALL_CONTRACT, demo.where["carrier"]["api_key"], CALLS_PER_DAY)
    expect(page.locator("h1")).to_contain_text("Works")
    wrong += faults(page, "a connection that works")

    page.goto(f"{console}/usage")
    expect(page.get_by_text("Nearly spent")).to_be_visible()
    expect(page.get_by_role("link", name="Fill them in")).to_be_visible()
    wrong += faults(page, "usage")
    page.goto(f"{console}/connections")
    expect(page.get_by_text("Credentials refused")).to_be_visible()
    wrong += faults(page, "connections")
    assert not wrong, "\n".join(wrong)


def test_codes_and_raw_data_at_the_console(page: Page, demo: Demo) -> None:
    console = demo.where["console"]
    stir_up(demo)
    sign_in(page, demo)
    expect(page.get_by_text("no 'events', 3 times")).to_be_visible()
    page.goto(f"{console}/codes")
    wrong = faults(page, "codes")
    follow(page.get_by_role("link", name="Map this code"))
    page.get_by_label("It means").select_option("exception.capacity")
    follow(page.get_by_role("button", name="Show what would change"))
    expect(page.get_by_role("heading", name="What would change")).to_be_visible()
    wrong += faults(page, "preview")
    follow(page.get_by_role("button", name="Map the code"))
    expect(page.get_by_role("status")).to_contain_text("has a meaning now")
    wrong += faults(page, "mapped")
    follow(page.get_by_role("link", name="Undo"))
    expect(page.get_by_role("heading", name="Decided so far")).to_be_visible()
    wrong += faults(page, "undo")
    follow(page.get_by_role("button", name="Take the meaning away"))
    expect(page.get_by_role("status")).to_contain_text("has no meaning again")

    page.goto(f"{console}/inbox")
    wrong += faults(page, "raw data by reason")
    follow(page.get_by_role("link", name="no 'events'"))
    wrong += faults(page, "one body")
    page.get_by_label("Reason, for the record").fill("A trial of theirs")
    page.get_by_label("All 3 with the same error").check()
    follow(page.get_by_role("button", name="Lay aside"))
    expect(page.get_by_role("status")).to_contain_text("Laid aside: 3")
    for path in ("/inbox?show=aside", "/inbox?show=all"):
        page.goto(console + path)
        wrong += faults(page, path)
    assert not wrong, "\n".join(wrong)


def test_an_event_added_by_hand_is_shown_and_taken_back(page: Page, demo: Demo) -> None:
    sign_in(page, demo)
    page.goto(f"{demo.where['console']}/search?q={demo.other('-1008').number}")
    follow(page.get_by_role("link", name="Add an event"))
    wrong = faults(page, "event panel")
    page.get_by_label("What happened").select_option("remark")
    page.get_by_label("In your words").fill("The parcel shop is closed for a week. We ask for a longer time.")
    follow(page.get_by_role("button", name="Add the event"))
    expect(page.get_by_role("status")).to_be_in_viewport()
    expect(page.get_by_role("status")).to_contain_text("Event added")
    wrong += faults(page, "with an event")
    follow(page.get_by_role("button", name="Undo"))
    expect(page.get_by_role("status")).to_contain_text("is taken back")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("locale", "direction"), [("de", "ltr"), ("ar", "rtl")])
def test_other_languages(page: Page, demo: Demo, locale: str, direction: str) -> None:
    with demo.locale("noctuelle", locale):
        base = demo.where["second_brand"]
        page.goto(base)
        wrong = faults(page, f"{locale} lookup")
        assert page.locator("html").get_attribute("dir") == direction
        page.locator("#order").fill(demo.sample(3).number)
        page.locator("#who").fill(demo.sample(3).email)
        follow(page.locator("form[action='/find'] button"))
        expect(page).to_have_url(re.compile("/orders/"))
        wrong += faults(page, f"{locale} order")
        page.goto(f"{page.url}/returns/new")
        wrong += faults(page, f"{locale} return")
    assert not wrong, "\n".join(wrong)
