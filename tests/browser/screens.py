"""The pictures of docs/screens.md, taken from the running demo: `python -m tests.browser.screens`."""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.stage import Demo, NoBrowser, chromium, follow, look_up, reloaded_until, running_demo, sign_in
from tests.browser.trouble import CALLS_PER_DAY, SMALL_CONTRACT, WRONG_KEY, connect, stir_up
from tests.returns.pictures import page as pdf_page

FOLDER = Path(__file__).parents[2] / "docs" / "screens"
WIDTHS = {390: 844, 1280: 860}
COLOURS = 256
LARGEST = 250_000  # bytes


def main() -> int:
    """Writes every picture; exit 1 with the reason where there is no Chromium."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        try:
            browser = chromium(playwright)
        except NoBrowser as reason:
            sys.stderr.write(f"{reason}\n")
            return 1
        with running_demo(Path(folder)) as demo:
            for scene in (shopper, returning, desk, operating):
                scene(new_page(browser), demo)
        browser.close()
    return 0


def new_page(browser: Browser) -> Page:
    """A browser of its own that does not move."""
    return browser.new_context(reduced_motion="reduce").new_page()


def shopper(page: Page, demo: Demo) -> None:
    """Looking for an order, and the three samples; one of them opened from its mail."""
    page.goto(demo.where["web"])
    shot(page, "lookup")
    page.goto(demo.where["second_brand"])
    shot(page, "lookup-noctuelle")
    for n, name in enumerate(("order", "order-delayed", "order-delivered", "order-noctuelle")):
        look_up(page, demo.sample(n))
        expect(page.locator("article.parcel").first).to_be_visible()
        shot(page, name)
    page.goto(demo.mail(demo.sample(0).email, "on its way") + "/html")
    shot(page, "mail-shipped")


def returning(page: Page, demo: Demo) -> None:
    """The three steps of a return, the return with its label, and the sheet itself."""
    look_up(page, demo.arrived())
    follow(page.get_by_role("link", name="Start a return"))
    page.get_by_label("Rime down jacket").check()
    page.get_by_label("What’s the reason?").first.select_option("too_small")
    shot(page, "return-1-items")
    follow(page.get_by_role("button", name="Continue"))
    page.get_by_label("Exchange for another variant").check()
    page.get_by_label("Size L, Spruce").check()
    shot(page, "return-2-instead")
    follow(page.get_by_role("button", name="Continue"))
    shot(page, "return-3-review")
    follow(page.get_by_role("button", name="Confirm return"))
    reloaded_until(page, page.get_by_role("heading", name="Your label is ready"))
    shot(page, "return-confirmed")
    address = page.get_by_role("link", name="Label PDF").get_attribute("href")
    pdf = page.context.request.get(page.url.partition("/orders/")[0] + str(address)).body()
    save(pdf_page(pdf, 96), "label")


def desk(page: Page, demo: Demo) -> None:
    """The agent's queue, and the order whose return has just been asked for."""
    sign_in(page, demo)
    expect(page.get_by_role("heading", name="Needs attention")).to_be_visible()
    shot(page, "console-queue")
    (number,) = demo.rows("SELECT o.number FROM return_case c JOIN shop_order o ON o.id = c.order_id")[0]
    page.goto(f"{demo.where['console']}/search?q={number}")
    shot(page, "console-order")
    follow(page.get_by_role("link", name="Exchange"))
    shot(page, "console-exchange")


def operating(page: Page, demo: Demo) -> None:
    """Carriers, and what goes wrong with them: connecting, testing, calls, raw data, codes; an event added by hand."""
    stir_up(demo)
    sign_in(page, demo)
    console = demo.where["console"]
    page.goto(f"{console}/carriers/ups")
    shot(page, "console-connect")
    connect(page, demo, SMALL_CONTRACT, demo.where["carrier"]["api_key"], CALLS_PER_DAY)
    connect(page, demo, WRONG_KEY, "nobody-knows-this-key")
    shot(page, "console-connection")
    for name in ("carriers", "connections", "usage", "inbox", "codes"):
        page.goto(f"{console}/{name}")
        shot(page, f"console-{name}")
    follow(page.get_by_role("link", name="Map this code"))
    page.get_by_label("It means").select_option("exception.capacity")
    follow(page.get_by_role("button", name="Show what would change"))
    shot(page, "console-code")
    page.goto(f"{console}/search?q={demo.other('-1008').number}")
    follow(page.get_by_role("link", name="Add an event"))
    shot(page, "console-event")


def shot(page: Page, name: str) -> None:
    """The whole page at both widths. What sticks to the window's edge is laid where it belongs in the page."""
    page.wait_for_load_state("networkidle")
    for width, height in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        tall = page.evaluate("document.scrollingElement.scrollHeight")
        page.set_viewport_size({"width": width, "height": max(height, tall)})
        save(Image.open(io.BytesIO(page.screenshot())), f"{name}-{width}")


def save(picture: Image.Image, name: str) -> None:
    """As a PNG, in fewer colours only where it would be too large for a repository. Raises ValueError beyond that."""
    path = FOLDER / f"{name}.png"
    picture.convert("RGB").save(path, optimize=True)
    if path.stat().st_size > LARGEST:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    if path.stat().st_size > LARGEST:
        raise ValueError(f"{path.name} has {path.stat().st_size} bytes, {LARGEST} at most")


if __name__ == "__main__":
    sys.exit(main())
