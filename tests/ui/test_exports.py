"""Saving and sharing from the pages: every button of the dialog, where it is opened from, and the page that others see."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from sqlmodel import select

from app.models import Message, ShareLink
from app.principal import local_operator
from app.services.exports.shares import ShareRequest
from tests.api.conftest import Api
from tests.services.exports.papers import ANSWER, cited, clauses, examine
from tests.ui.axe import grave, settle
from tests.ui.chromium import DESKTOP, PHONE, Visitor
from tests.ui.conftest import Visit
from tests.ui.library import expect_refusal, opened, row, shelved

ASKED = "What does my <b>manager</b> take?"


def talked(site: Api, who: Visitor, text: str = ANSWER) -> tuple[str, str]:
    """A conversation with one answer, as it is after it was asked; its number, and the answer's."""
    made = site.services.chat.create(local_operator(who.user.id), title=ASKED)
    with site.services.db.session() as session:
        session.add(Message(conversation_id=int(made.id), role="user", text=ASKED))
        source = cited().model_dump(mode="json")
        reply = Message(conversation_id=int(made.id), role="assistant", text=text, state="answered", citations=[source])
        session.add(reply)
        session.flush()
        return made.id, str(reply.id)


def chat(who: Visitor) -> Page:
    page = who.open()
    if page.evaluate("innerWidth") < 768:
        page.get_by_role("button", name="Toggle Sidebar").click()
    page.locator("#conversations .open").first.click()
    expect(page.get_by_role("log")).to_contain_text("17 percent", timeout=20_000)
    return page


def dialog(page: Page) -> Locator:
    return page.locator("dialog.exporting")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_an_answer_is_saved_and_shared(
    visitor: Visit, site: Api, browser: Browser, tmp_path: Path, size: tuple[int, int]
) -> None:
    who = visitor(size)
    talked(site, who)
    page = chat(who)
    page.locator(".act.export").focus()
    page.keyboard.press("Enter")
    shown = dialog(page)
    expect(shown.get_by_role("button", name="Word")).to_be_focused()
    for words, suffix, begin in (
        ("Word", "docx", b"PK"),
        ("PDF", "pdf", b"%PDF"),
        ("Calendar (ICS)", "ics", b"BEGIN:VCALENDAR"),
    ):
        with page.expect_download() as coming:
            shown.get_by_role("button", name=words).click()
        assert re.fullmatch(
            rf"answer-what-does-my-b-manager-b-take-\d{{4}}-\d\d-\d\d\.{suffix}", coming.value.suggested_filename
        )
        coming.value.save_as(tmp_path / suffix)
        assert (tmp_path / suffix).read_bytes().startswith(begin)
    expect(shown).to_contain_text("Saved as answer-what-does-my")
    shown.get_by_label("Works for").select_option("1 week")
    shown.get_by_role("button", name="Make a link").click()
    address = shown.get_by_label("Address of the link")
    expect(address).to_be_focused()
    expect(shown.locator(".reach")).to_contain_text("nobody else can reach 127.0.0.1")
    settle(page)
    assert grave(page) == []
    assert not who.scrolls_sideways()
    see_as_anybody(browser, site, address.input_value(), size)
    shown.get_by_role("button", name="Revoke this link").click()
    expect(shown).to_contain_text("The link is revoked.")
    expect(address).to_have_count(0)
    with site.services.db.reading() as session:
        assert [one.revoked for one in session.exec(select(ShareLink).where(ShareLink.user_id == who.user.id))] == [
            True
        ]
    page.keyboard.press("Escape")
    expect(shown).to_have_count(0)
    expect(page.locator(".act.export")).to_be_focused()


def see_as_anybody(browser: Browser, site: Api, url: str, size: tuple[int, int]) -> None:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, java_script_enabled=True)
    page = context.new_page()
    page.goto(url)
    expect(page.get_by_role("heading", level=1)).to_have_text(ASKED)
    expect(page.locator("main")).to_contain_text("The Manager shall receive seventeen percent (17%).")
    expect(page.get_by_role("table")).to_contain_text("15-20 % [G1]")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert grave(page) == []
    assert context.cookies() == []
    page.goto(f"{site.url}/s/{'0' * 43}")
    expect(page.get_by_role("heading", level=1)).to_have_text("This link does not open")
    assert grave(page) == []
    context.close()


def test_a_refused_file_says_why(visitor: Visit, site: Api) -> None:
    who = visitor()
    talked(site, who, "It is 17 percent.")
    page = chat(who)
    page.locator(".act.export").click()
    dialog(page).get_by_role("button", name="Calendar (ICS)").click()
    expect(dialog(page).locator(".told").first).to_contain_text("There is no day in this")
    expect_refusal(who)


def test_a_conversation_is_exported_from_its_list(visitor: Visit, site: Api) -> None:
    who = visitor()
    talked(site, who)
    page = chat(who)
    page.locator("#conversations").get_by_role("button", name="Export").click()
    shown = dialog(page)
    expect(shown.get_by_role("heading", level=2)).to_have_text("Export or share this conversation")
    expect(shown).to_contain_text(ASKED)
    with page.expect_download() as coming:
        shown.get_by_role("button", name="Markdown").click()
    assert coming.value.suggested_filename.startswith("conversation-")
    shown.get_by_role("button", name="Make a link").click()
    expect(shown.locator(".links li")).to_have_count(1)
    shown.get_by_role("button", name="Close").click()
    page.locator("#conversations").get_by_role("button", name="Export").click()
    expect(dialog(page).locator(".links li")).to_contain_text("not opened yet")


def test_a_sheet_of_chosen_contracts(visitor: Visit, site: Api, tmp_path: Path) -> None:
    who = visitor()
    for title in ("Label deal", "Lyrics"):
        document = shelved(site, who, title)
        examine(site.services, document, clauses())
    page = opened(who)
    row(page, "Label deal").get_by_role("checkbox").check()
    page.get_by_role("button", name="Clause sheet").click()
    shown = dialog(page)
    expect(shown).to_contain_text("Not legal advice.")
    expect(shown).to_contain_text("Label deal")
    expect(shown).not_to_contain_text("Lyrics")
    with page.expect_download() as coming:
        shown.get_by_role("button", name="Markdown").click()
    coming.value.save_as(tmp_path / "sheet.md")
    words = (tmp_path / "sheet.md").read_text()
    assert "The term is three (3) years." in words
    assert "Lyrics" not in words
    shown.get_by_role("button", name="Make a link").click()
    expect(shown.get_by_label("Address of the link")).to_be_visible()
    shown.get_by_role("button", name="Close").click()
    page.get_by_role("checkbox", name="Select Label deal").focus()


def test_links_are_listed_and_revoked_on_the_account_page(visitor: Visit, site: Api) -> None:
    who = visitor(PHONE)
    _, answer = talked(site, who)
    page = who.open("account")
    links = page.locator("#shared-links")
    expect(page.locator("#shared-said")).to_contain_text("You share nothing.")
    principal = local_operator(who.user.id)
    _, secret = site.services.shares.create(principal, ShareRequest(kind="answer", id=answer))
    site.services.shares.open(secret, "203.0.113.1")
    page.reload()
    expect(links.locator("li")).to_contain_text(ASKED)
    expect(links.locator("li")).to_contain_text("opened once")
    expect(page.locator("#log")).to_contain_text(f"Somebody read “{ASKED}”")
    expect(page.locator("#log")).to_contain_text("through a link you shared")
    assert not who.scrolls_sideways()
    links.get_by_role("button", name=f"Revoke the link to {ASKED}").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.locator("#shared-said")).to_have_text("The link is revoked.")
    expect(links.locator("li")).to_have_count(0)
    assert site.services.shares.list(principal).items == []


def test_any_page_may_hold_a_place_for_it(visitor: Visit) -> None:
    """As plans and drafts do: an empty element says what it is of."""
    page = visitor().open("profile")
    expect(page.locator("#roster li")).to_be_visible()
    page.evaluate(
        "document.querySelector('#profile-page').insertAdjacentHTML('beforeend',"
        """'<div class="exports" data-kind="plan" data-id="p1"></div><div class="exports" data-kind="draft" data-id="d1"></div>'"""
        """+ '<div class="exports" data-kind="nonsense" data-id="d1"></div>')"""
    )
    page.get_by_role("button", name="Export or share").click()
    expect(dialog(page)).to_contain_text("They see the plan as it is whenever they open it")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Export", exact=True).click()
    expect(dialog(page).get_by_role("button", name="Make a link")).to_have_count(0)
    expect(dialog(page).locator(".formats button")).to_have_count(3)
