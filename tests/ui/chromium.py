"""Debian's Chromium for the tests of the pages, and what must not happen while a page is used."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, Playwright

from app.models import User
from tests.api.conftest import Api

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
DESKTOP, PHONE = (1280, 800), (390, 844)


@dataclass
class Witness:
    """What must not happen while a page is used."""

    origin: str
    seen: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", lambda said: self.seen.append(f"console: {said.text}") if said.type == "error" else None)
        page.on("pageerror", lambda error: self.seen.append(f"script: {error}"))
        page.on("request", lambda request: self._check(request.url))

    def _check(self, url: str) -> None:
        if urlsplit(url).scheme not in ("data", "blob") and not url.startswith(f"{self.origin}/"):
            self.seen.append(f"foreign request: {url}")


@dataclass(frozen=True)
class Visitor:
    """A signed-in person with a browser of their own."""

    page: Page
    user: User
    witness: Witness
    url: str

    def open(self, path: str = "") -> Page:
        self.page.goto(f"{self.url}/app/{path}")
        return self.page

    def scrolls_sideways(self) -> bool:
        return bool(self.page.evaluate("document.documentElement.scrollWidth > innerWidth"))


def open_browser(playwright: Playwright) -> Browser:
    """Headless Chromium; where there is none the test is skipped, in CI it fails."""
    try:
        return playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    except Error as error:
        reason = f"Chromium cannot be started from {CHROMIUM}; install it (apt-get install chromium)."
        if os.environ.get("CI"):
            pytest.fail(f"{reason} {error.message.splitlines()[0]}")
        pytest.skip(reason)


def visit(browser: Browser, site: Api, user: User, size: tuple[int, int] = DESKTOP) -> tuple[BrowserContext, Visitor]:
    """A new browser context in which `user` is signed in by cookie; close it afterwards."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, has_touch=size == PHONE)
    secret, _ = site.services.sessions.open_browser(user.id, False)
    context.add_cookies(
        [{"name": "aim_session", "value": secret, "url": site.url, "httpOnly": True, "sameSite": "Lax"}]
    )
    page, witness = context.new_page(), Witness(site.url)
    witness.watch(page)
    return context, Visitor(page, user, witness, site.url)
