"""For each module of tests of the pages a browser, and an application of its own, served on a free port.

Playwright keeps an event loop running in this thread while its browser is open: a module that uses one calls no `asyncio.run`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from app.models import User
from tests.api.conftest import PASSWORD, Api
from tests.security.served import served
from tests.ui.chromium import DESKTOP, Visitor, open_browser, visit

Visit = Callable[..., Visitor]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = open_browser(playwright)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[Api]:
    """The whole application with MiniLM and the test language model (`site.llm.script(...)`), without the seed."""
    with served(tmp_path_factory.mktemp("data"), models_dir) as made:
        yield made


@pytest.fixture
def visitor(site: Api, browser: Browser) -> Iterator[Visit]:
    """`visitor(size=DESKTOP, role="user", user=None)`: a new person (or `user` again) in a browser of their own.

    At the end nothing may have been written to a console as an error, nor asked of another host.
    """
    opened: list[tuple[BrowserContext, Visitor]] = []

    def come(
        size: tuple[int, int] = DESKTOP, role: Literal["user", "admin"] = "user", user: User | None = None
    ) -> Visitor:
        who = user or site.services.users.add(f"{uuid.uuid4().hex}@example.com", PASSWORD, role=role)
        opened.append(visit(browser, site, who, size))
        return opened[-1][1]

    yield come
    for context, _ in opened:
        context.close()
    assert [said for _, person in opened for said in person.witness.seen] == []
