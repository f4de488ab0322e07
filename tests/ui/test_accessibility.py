"""Every page by axe-core, at a desk and on a phone, and what axe cannot see: a name on every control, a focus that shows."""

from __future__ import annotations

import time

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from app.models import User
from app.principal import local_operator
from app.ui.shared import PAGES
from tests.api.conftest import PASSWORD, Api
from tests.ui.axe import grave, settle
from tests.ui.chromium import DESKTOP, PHONE, Visitor
from tests.ui.conftest import Visit

SIZES = pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
PATHS = pytest.mark.parametrize("path", [page.path for page in PAGES], ids=[page.name for page in PAGES])
READY_SECONDS = 60
QUESTION = "What is the governing law of my Night Ferry agreement?"
NOTE = "The Night Ferry agreement is governed by the law of Scotland, and its courts hear every dispute."
# A control without a name, as far as the browser's own reckoning can be asked from a script.
NAMELESS = """() => [...document.querySelectorAll("button, a[href], input, select, textarea, summary, [role=button], [role=tab]")]
  .filter((one) => one.checkVisibility() && one.type !== "hidden" && one.tabIndex >= 0)
  .filter((one) => !(one.getAttribute("aria-label") || "").trim() && !one.getAttribute("aria-labelledby")
    && !one.innerText?.trim() && !one.value?.trim?.() && ![...(one.labels ?? [])].some((label) => label.innerText.trim()))
  .map((one) => one.outerHTML.slice(0, 200))"""
# Around the focused element or whoever stands for it, a line of at least 2 px that is not the element's own at rest.
RING = """() => {
  const at = document.activeElement, place = [...document.querySelectorAll("*")].indexOf(at) + " " + at.outerHTML.slice(0, 160);
  for (let one = at, steps = 0; one && steps < 4; one = one.parentElement, steps++) {
    const style = getComputedStyle(one);
    if (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) return [place, false];
  }
  return [place, at !== document.body];
}"""
MOST_STOPS = 60


@pytest.fixture(scope="module")
def somebody(site: Api) -> User:
    """An admin with a document and an answered question, so that no page is empty and none is hidden."""
    user = site.services.users.add("keys@example.com", PASSWORD, role="admin")
    site.services.documents.note(local_operator(user.id), "Night Ferry", NOTE)
    secret, _ = site.services.sessions.open_browser(user.id, False)
    headers = {"cookie": f"aim_session={secret}", "origin": site.url}
    with httpx.Client(base_url=f"{site.url}/api", headers=headers, timeout=60) as api:
        deadline = time.monotonic() + READY_SECONDS
        while api.get("/documents").json()["items"][0]["status"] != "ready":
            assert time.monotonic() < deadline, "the note is not ready"
            time.sleep(0.1)
        assert "Scotland" in api.post("/messages", json={"text": QUESTION}).json()["text"]
    return user


def opened(person: Visitor, path: str) -> Page:
    page = person.open(path)
    expect(page.locator("#header")).to_be_visible(timeout=20_000)
    settle(page)
    return page


@SIZES
@PATHS
def test_no_page_has_a_serious_violation(visitor: Visit, somebody: User, size: tuple[int, int], path: str) -> None:
    page = opened(visitor(size, user=somebody), path)
    assert grave(page) == []
    assert page.evaluate(NAMELESS) == []


@SIZES
def test_an_answer_with_everything_open_has_none(visitor: Visit, somebody: User, size: tuple[int, int]) -> None:
    page = opened(visitor(size, user=somebody), "")
    if size == PHONE:
        page.get_by_role("button", name="Toggle Sidebar").click()
    page.locator("#conversations .open").first.click()
    expect(page.get_by_role("log")).to_contain_text("Scotland", timeout=20_000)
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    settle(page)
    assert grave(page) == []
    assert page.evaluate(NAMELESS) == []


@SIZES
@pytest.mark.parametrize("path", ["login", "register"])
def test_the_doors_have_none(site: Api, browser: Browser, size: tuple[int, int], path: str) -> None:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    page = context.new_page()
    page.goto(f"{site.url}/{path}")
    assert grave(page) == []
    page.get_by_label("E-mail").fill("nobody@example.com")
    page.get_by_label("Password").fill("aaaaaaaaaaaa")
    page.get_by_label("Password").press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    assert grave(page) == []
    context.close()


@PATHS
def test_every_stop_of_the_tab_key_shows_where_one_is(visitor: Visit, somebody: User, path: str) -> None:
    page = opened(visitor(DESKTOP, user=somebody), path)
    stops, unseen = set(), []
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        at, bare = page.evaluate(RING)
        if at in stops:
            break
        stops.add(at)
        unseen += [at] if bare else []
    assert len(stops) > 5
    assert unseen == []
