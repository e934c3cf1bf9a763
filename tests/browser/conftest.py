"""One demo and one Chromium for all browser tests; skipped, with the reason, where there is no Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.browser.stage import Demo, NoBrowser, Watch, chromium, running_demo

expect.set_options(timeout=20_000)


# For this package only: while Playwright's loop runs in this thread, no other test could start one of its own.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    with sync_playwright() as playwright:
        try:
            started = chromium(playwright)
        except NoBrowser as reason:
            pytest.skip(str(reason))
        yield started
        started.close()


@pytest.fixture(scope="package")
def running(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo, as a visitor starts it."""
    with running_demo(tmp_path_factory.mktemp("demo")) as started:
        yield started


@pytest.fixture
def demo(running: Demo) -> Demo:
    """The same, with all tries of the rate limits left."""
    running.forget_tries()
    return running


@pytest.fixture
def watch() -> Iterator[Watch]:
    """What must not go wrong in any browser of the test: seen to at its end."""
    watching = Watch()
    yield watching
    assert watching.wrong == []


@pytest.fixture
def visit(browser: Browser, watch: Watch) -> Iterator[Callable[..., BrowserContext]]:
    """Opens a browser of its own, e.g. visit(java_script_enabled=False); watched, and closed at the end."""
    opened: list[BrowserContext] = []

    def open_one(**options: object) -> BrowserContext:
        context = browser.new_context(**options)  # type: ignore[arg-type]
        context.set_default_timeout(20_000)
        watch.over(context)
        opened.append(context)
        return context

    yield open_one
    for context in opened:
        context.close()
