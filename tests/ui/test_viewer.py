"""Sources, the page viewer and "Why this answer", in a real browser by mouse and by keyboard."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from app.models import User
from app.principal import local_operator
from tests.api.conftest import PASSWORD, Api
from tests.documents import make_contract_pdf
from tests.ui.chromium import PHONE, Visitor

Visit = Callable[..., Visitor]
LAW = "governed by the laws of England and Wales"
QUESTION = "What is the governing law of my contract?"
HOSTILE = "<img src=x onerror=alert(1)> deal"
NOTE = "Rider. The venue pays for six hotel rooms and a quiet dressing room with a mirror, a table and four chairs."


@pytest.fixture(scope="module")
def pdf(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_contract_pdf(tmp_path_factory.mktemp("pdf") / "deal.pdf").read_bytes()


def keep(site: Api, user: User, name: str, data: bytes, title: str | None = None) -> str:
    """A document of theirs, once it was read."""
    who = local_operator(user.id)
    kept = site.services.documents.receive(who, kb="personal", filename=name, source=io.BytesIO(data), title=title)
    for _ in range(600):
        if site.services.documents.get(who, kept.id).status in ("ready", "failed"):
            return kept.id
        time.sleep(0.05)
    raise AssertionError("it was never read")


def newcomer(site: Api, name: str, role: Literal["user", "admin"] = "user") -> User:
    return site.services.users.add(f"{name}.viewer@example.com", PASSWORD, role=role)


def ask(page: Page, question: str) -> None:
    page.get_by_role("textbox", name="Your question").fill(question)
    page.get_by_role("textbox", name="Your question").press("Enter")
    expect(page.locator("#chat details.why")).to_be_visible(timeout=30_000)


def forgive_refusals(person: Visitor) -> None:
    """The browser writes every answer of 400 and more to its console; those here were asked for."""
    person.witness.seen[:] = [line for line in person.witness.seen if "Failed to load resource" not in line]


def yellow(page: Page) -> int:
    """How many of the drawn page's dots are the marks' yellow."""
    return int(
        page.evaluate(
            """() => {
              const image = document.querySelector(".viewer img"), canvas = document.createElement("canvas");
              [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
              const pen = canvas.getContext("2d");
              pen.drawImage(image, 0, 0);
              const dots = pen.getImageData(0, 0, canvas.width, canvas.height).data;
              let found = 0;
              for (let at = 0; at < dots.length; at += 4) found += dots[at] - dots[at + 2] > 100;
              return found;
            }"""
        )
    )


def test_a_label_opens_the_cited_page_and_everything_works_by_keyboard(site: Api, visitor: Visit, pdf: bytes) -> None:
    user = newcomer(site, "keys")
    keep(site, user, "deal.pdf", pdf)
    page = visitor(user=user).open()
    ask(page, QUESTION)
    expect(page.locator("#chat .sources")).to_contain_text("Yours")
    label = page.get_by_role("button", name="[P1]", exact=True)
    label.focus()
    page.keyboard.press("Enter")

    viewer = page.get_by_role("dialog", name="deal")
    drawn = viewer.locator("img")
    expect(drawn).to_be_visible(timeout=15_000)
    assert drawn.evaluate("image => image.naturalWidth") == 1400
    assert yellow(page) > 2000
    shown = int(viewer.locator(".place").inner_text().split()[1])
    expect(viewer.locator(".place")).to_have_text(f"Page {shown} of 3")
    expect(viewer.get_by_role("link", name="Download")).to_have_attribute(
        "href", re.compile(r"^/api/documents/.*/file$")
    )

    page.keyboard.press("ArrowLeft")
    expect(viewer.locator(".place")).to_have_text(f"Page {shown - 1} of 3")
    expect(viewer.locator(".sheet")).not_to_have_attribute("aria-busy", "true", timeout=15_000)
    assert yellow(page) == 0, "the passage is on its own page alone"
    viewer.get_by_role("button", name="Next page").press("Enter")
    expect(drawn).to_have_attribute("alt", re.compile(f"Page {shown} "), timeout=15_000)
    if shown == 3:
        expect(viewer.get_by_role("button", name="Next page")).to_be_disabled()

    fit = drawn.bounding_box()
    viewer.get_by_role("button", name="Zoom to 100 %").press("Enter")
    wide = drawn.bounding_box()
    assert fit is not None
    assert wide is not None
    assert (round(wide["width"]), wide["width"] > fit["width"]) == (1400, True)
    viewer.get_by_role("button", name="Show text").press("Enter")
    expect(viewer.locator("mark.quote").first).to_be_visible(timeout=15_000)
    assert LAW in " ".join(viewer.locator(".text").inner_text().split())

    for _ in range(12):  # Tab stays inside, or goes to the browser's own bars
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('.viewer')")
    page.keyboard.press("Escape")
    expect(page.locator("dialog.viewer")).to_have_count(0)
    assert page.evaluate("document.activeElement.textContent") == "[P1]", "the focus is where it was"


def test_on_a_phone_the_page_fills_the_screen(site: Api, visitor: Visit, pdf: bytes) -> None:
    user = newcomer(site, "phone")
    keep(site, user, "deal.pdf", pdf, title="A management agreement with a title too long for one line of a telephone")
    person = visitor(size=PHONE, user=user)
    page = person.open()
    ask(page, QUESTION)
    assert not person.scrolls_sideways()
    page.get_by_role("button", name=re.compile(r"^Open page \d$")).first.tap()
    viewer = page.locator("dialog.viewer")
    expect(viewer.locator("img")).to_be_visible(timeout=15_000)
    assert viewer.bounding_box() == {"x": 0, "y": 0, "width": 390, "height": 844}
    for control in viewer.locator("button:visible, a").all():
        box = control.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    viewer.get_by_role("button", name="Close").tap()
    expect(viewer).to_have_count(0)
    page.locator("#chat details.why summary").first.tap()
    page.locator("#chat .numbers summary").tap()
    assert not person.scrolls_sideways()


def test_text_is_shown_in_place_and_what_changed_since_is_told(site: Api, visitor: Visit) -> None:
    user = newcomer(site, "text")
    document = keep(site, user, "rider.txt", NOTE.encode())
    person = visitor(user=user)
    page = person.open()
    ask(page, "How many hotel rooms does the venue pay for in my rider?")
    opener = page.get_by_role("button", name="Open page 1").first
    opener.click()
    viewer = page.locator("dialog.viewer")
    expect(viewer.locator("mark.quote")).to_contain_text("six hotel rooms")
    expect(viewer.get_by_role("button", name="Show text")).to_be_hidden()
    expect(viewer.locator(".place")).to_have_text("Page 1 of 1")
    page.keyboard.press("Escape")

    who = local_operator(user.id)
    site.services.documents.replace(
        who, document, filename="rider.txt", source=io.BytesIO(b"Rider. Two rooms are enough.")
    )
    for _ in range(400):
        if site.services.documents.get(who, document).version == 2:
            break
        time.sleep(0.05)
    opener.click()  # the page was loaded before
    expect(viewer.locator(".note")).to_contain_text("The document has changed since")
    expect(viewer.locator(".text")).to_have_text("Rider. Two rooms are enough.")
    page.keyboard.press("Escape")
    page.reload()
    page.get_by_role("button", name="Open new version").click(timeout=20_000)
    expect(viewer.locator(".note")).to_contain_text("replaced by a newer version")
    page.keyboard.press("Escape")

    site.services.documents.delete(who, document)
    page.get_by_role("button", name="Open new version").click()
    expect(viewer.get_by_role("alert")).to_contain_text("not here any more")
    forgive_refusals(person)


def test_what_cannot_be_shown_is_told_in_a_sentence(site: Api, visitor: Visit, pdf: bytes, tmp_path: Path) -> None:
    user, other = newcomer(site, "sorry"), newcomer(site, "other")
    broken, theirs = keep(site, user, "broken.pdf", b"%PDF-1.4 no"), keep(site, other, "deal.pdf", pdf)
    person = visitor(user=user)
    page, viewer = person.open(), person.page.locator("dialog.viewer")
    expect(page.get_by_role("button", name="Send")).to_be_visible(timeout=20_000)
    for document, said in ((broken, "This page cannot be drawn"), (theirs, "not here any more")):
        page.evaluate("document => void aim.view({ document })", document)
        expect(viewer.get_by_role("alert")).to_contain_text(said, timeout=15_000)
        page.keyboard.press("Escape")
        expect(viewer).to_have_count(0)
    site.services.sessions.close_all(user.id)
    page.evaluate("document => void aim.view({ document })", broken)
    page.wait_for_url(re.compile("/login"))
    forgive_refusals(person)


@pytest.mark.parametrize("role", ["user", "admin"])
def test_why_is_asked_for_when_it_is_opened_and_told_in_words_then_numbers(
    site: Api, visitor: Visit, pdf: bytes, role: Literal["user", "admin"]
) -> None:
    user = newcomer(site, f"why{role}", role)
    keep(site, user, "deal.pdf", pdf, title=HOSTILE)
    page = visitor(user=user).open()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/trace" in request.url else None)
    ask(page, QUESTION)
    assert asked == []
    why = page.locator("#chat details.why")
    why.locator("summary").first.click()
    for said in (
        "Understood as a question",
        "Looked in",
        "passages; ",
        f"Used: {HOSTILE} (page",
        "Finding all this took",
    ):
        expect(why).to_contain_text(said)
    table = page.get_by_role("table").first
    expect(table).to_be_hidden()
    page.get_by_text("The numbers").press("Enter")
    expect(table).to_be_visible()
    heads = table.get_by_role("columnheader").all_inner_texts()
    scores = ["Score", "Relevance"] if role == "admin" else []
    assert heads == [
        "Passage",
        "Source",
        "Rank: minilm",
        "Rank: bm25",
        "Merged",
        "Read again",
        *scores,
        "What became of it",
    ]
    expect(table.get_by_role("row").nth(1)).to_contain_text("used")
    expect(page.get_by_role("table").nth(1)).to_contain_text("Searching")
    assert page.locator("#chat img").count() == 0
    why.locator("summary").first.click()
    why.locator("summary").first.click()
    assert len(asked) == 1, "once"
