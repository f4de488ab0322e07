"""The main job by keyboard alone: sign in, add a document, ask, open a source, sign out. The mouse is never used."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.api.conftest import PASSWORD, Api
from tests.ui.axe import settle
from tests.ui.chromium import Witness

LAW = "The Night Ferry agreement is governed by the law of Scotland, and its courts hear every dispute that arises under it."
MOST_STOPS = 80
NAME = """() => {
  const at = document.activeElement;
  const words = at.getAttribute("aria-label") || at.labels?.[0]?.innerText || at.innerText || "";
  return `${at.tagName.toLowerCase()} ${words.trim()}`;
}"""


def go_to(page: Page, wanted: str, key: str = "Tab") -> None:
    """Press `key` until the focus is on what is called so."""
    met = []
    for _ in range(MOST_STOPS):
        page.keyboard.press(key)
        met.append(page.evaluate(NAME))
        if re.match(wanted, met[-1]):
            return
    raise AssertionError(f"{wanted} was not reached; the focus met {list(dict.fromkeys(met))}")


def test_the_main_job_needs_no_mouse(site: Api, browser: Browser, tmp_path: Path) -> None:
    site.services.users.add("fingers@example.com", PASSWORD)
    agreement = tmp_path / "Night Ferry agreement.txt"
    agreement.write_text(f"{LAW}\n", encoding="utf-8")
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page, witness = context.new_page(), Witness(site.url)
    witness.watch(page)

    page.goto(f"{site.url}/login")
    go_to(page, "input E-mail")
    page.keyboard.type("fingers@example.com")
    go_to(page, "input Password")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Ask your manager")).to_be_visible(timeout=20_000)

    expect(page.get_by_text("You have no documents of your own yet")).to_be_visible(timeout=20_000)
    settle(page)
    with page.expect_file_chooser() as chosen:  # around both: the browser is told to report it while the focus moves
        go_to(page, "button Add document")
        page.keyboard.press("Enter")
    chosen.value.set_files(agreement)
    expect(page.get_by_text(re.compile(r"Ready: \d+ page")).first).to_be_visible(timeout=60_000)

    site.llm.script()
    go_to(page, "textarea Your question")
    page.keyboard.type("What is the governing law of my agreement?")
    page.keyboard.press("Enter")
    answer = page.get_by_role("log")
    expect(answer).to_contain_text(re.compile(r"law of Scotland.*\[P1\]", re.DOTALL), timeout=30_000)
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_visible()

    go_to(page, ".*Night Ferry agreement", "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text(LAW).last).to_be_visible(timeout=10_000)
    page.keyboard.press("Escape")  # where a source opens in a window of its own

    go_to(page, "button Sign out", "Shift+Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/login*")
    assert witness.seen == []
    context.close()
