"""What the tests of the knowledge page share: documents put into SQL as they are, and how a row is found."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, Page, expect

from app.models import READY, Document, now
from tests.api.conftest import Api
from tests.ui.chromium import Visitor

READ_MS = 20_000  # a file is read in a second or two

Shelve = Callable[..., str]


def shelved(site: Api, who: Visitor, title: str, **values: Any) -> str:
    """A document of `who`'s without a file; its id."""
    plain: dict[str, Any] = {
        "kb": "personal",
        "user_id": who.user.id,
        "filename": f"{title}.pdf",
        "suffix": ".pdf",
        "status": READY,
    }
    with site.services.db.session() as session:
        row = Document(**{**plain, "title": title, "pages": 2, "chunks": 7, "bytes": 1000, "sha256": "", **values})
        session.add(row)
    return row.id


def change(site: Api, document_id: str, **values: object) -> None:
    with site.services.db.session() as session:
        row = session.get_one(Document, document_id)
        for name, value in {"updated": now(), **values}.items():
            setattr(row, name, value)


def opened(who: Visitor) -> Page:
    """The knowledge page once both of its lists are there."""
    page = who.open("knowledge")
    expect(page.locator(".library:not([aria-busy])")).to_have_count(2, timeout=20_000)
    return page


def row(page: Page, title: str, place: str = "#own") -> Locator:
    named = page.locator(".title", has_text=re.compile(f"^{re.escape(title)}$"))
    return page.locator(f"{place} li.document").filter(has=named)


def titles(page: Page, place: str = "#own") -> list[str]:
    return page.locator(f"{place} li.document .title").all_text_contents()


def expect_refusal(who: Visitor) -> None:
    """Chromium writes a refused request to the console: it was expected."""
    assert who.witness.seen
    assert all("Failed to load resource" in said for said in who.witness.seen)
    who.witness.seen.clear()
