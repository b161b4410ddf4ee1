"""A real browser on the console: what a page asked for and complained of is looked at when it is closed."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

CHROMIUM = Path(os.environ.get("FLYWHEEL_CHROMIUM", "/usr/bin/chromium"))
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
PATIENCE_MS = 30_000
REFUSED = re.compile(r"Failed to load resource: the server responded with a status of \d+")
"""What Chromium says of every answer that is an error; a test that expects one sees it in the page."""

expect.set_options(timeout=PATIENCE_MS)


class Visit:
    """One person's page."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.asked: list[str] = []
        self.complaints: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning") and not REFUSED.match(message.text):
            self.complaints.append(message.text)

    def open(self, hash: str = "") -> None:
        """As somebody who follows a link, and what came is shown."""
        self.page.goto(f"{self.address}/{hash or '#/'}")
        if self.page.get_by_role("navigation").count():
            expect(self.page.locator("main")).to_have_attribute("data-shown", hash or "#/")
        else:
            expect(self.heading()).to_be_attached()

    def log_in(self, secret: str, *, remember: bool = False) -> None:
        self.page.get_by_label("Token").fill(secret)
        self.page.get_by_label("Remember it").set_checked(remember)
        self.page.get_by_role("button", name="Log in").click()

    def enter(self, secret: str, hash: str = "") -> None:
        """Logged in, at a view."""
        self.open()
        self.log_in(secret)
        expect(self.page.get_by_role("navigation")).to_be_visible()
        if hash:
            self.open(hash)

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    def answer(self, button: str, *, reason: str | None = None) -> None:
        """What a dialog asks, until it is gone."""
        if reason is not None:
            self.dialog.get_by_label("Reason").fill(reason)
        self.dialog.get_by_role("button", name=button).click()
        expect(self.dialog).to_have_count(0)

    def heading(self) -> Locator:
        return self.page.locator("main h1")

    def cells(self, column: str) -> list[str]:
        return self.page.locator(f'td[data-label="{column}"]').all_inner_texts()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"needs Chromium at {CHROMIUM}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def visiting(browser: Browser, address: str, **settings: Any) -> Iterator[Visit]:
    """Nothing may be asked for elsewhere, and nothing may be complained of."""
    context = browser.new_context(reduced_motion="reduce", **settings)
    visit = Visit(context.new_page(), address)
    yield visit
    context.close()
    assert visit.complaints == []
    elsewhere = [url for url in visit.asked if not url.startswith((f"{address}/", f"blob:{address}/"))]
    assert elsewhere == []


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Visit]:
    """Somebody at the service of the test's desk."""
    with visiting(browser, address) as visit:
        yield visit
