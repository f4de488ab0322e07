"""What can be done with documents on the knowledge page: one, several, the industry's; by mouse and by keyboard alone."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.models import EMBEDDING, Document, now
from app.principal import local_operator
from tests.api.conftest import Api
from tests.ui.chromium import DESKTOP
from tests.ui.conftest import Visit
from tests.ui.library import READ_MS, Shelve, expect_refusal, opened, row, shelved, titles

VIEW = "window.aim.view = (asked) => (window.viewed = asked)"


@pytest.fixture
def shelve(site: Api) -> Shelve:
    return partial(shelved, site)


def stored(site: Api, document_id: str) -> Document:
    with site.services.db.reading() as session:
        return session.get_one(Document, document_id)


def sure(page: Page, word: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=word, exact=True).click()


def test_title_artist_and_standing_are_changed_in_a_form(site: Api, visitor: Visit, shelve: Shelve) -> None:
    who = visitor()
    artist = site.services.artists.create(local_operator(who.user.id), "Night Ferry")
    deal = shelve(who, "Deal")
    page = opened(who)
    expect(row(page, "Deal")).to_contain_text("All artists")
    page.get_by_role("button", name="Edit Deal").click()
    form = page.get_by_role("form", name="Edit Deal")
    form.get_by_label("Title").fill("Publishing deal")
    form.get_by_label("Standing").select_option("signed")
    form.get_by_role("button", name="Save").click()
    expect(row(page, "Publishing deal")).to_contain_text("Signed")
    expect(page.get_by_role("button", name="Edit Publishing deal")).to_be_focused()
    page.get_by_role("button", name="Edit Publishing deal").click()
    page.get_by_role("form").get_by_label("Artist").select_option("Night Ferry")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("form", name="Edit Publishing deal")).to_have_count(0)
    expect(row(page, "Publishing deal").locator(".facts").first).to_contain_text("Night Ferry")
    kept = stored(site, deal)
    assert (kept.title, kept.standing, kept.artist_id) == ("Publishing deal", "signed", artist.id)


def test_a_refused_change_is_said_in_its_form_and_keeps_what_was_typed(
    site: Api, visitor: Visit, shelve: Shelve
) -> None:
    who = visitor()
    shelve(who, "Deal")
    page = opened(who)
    page.get_by_role("button", name="Edit Deal").click()
    form = page.get_by_role("form", name="Edit Deal")
    form.get_by_label("Title").fill("   ")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_have_text("A document needs a title; type one.")
    form.get_by_label("Title").press("Escape")
    expect(form).to_have_count(0)
    assert titles(page) == ["Deal"]
    expect_refusal(who)


def test_deleting_asks_first(site: Api, visitor: Visit, shelve: Shelve) -> None:
    who = visitor()
    shelve(who, "First")
    shelve(who, "Second")
    page = opened(who)
    row(page, "Second").get_by_text("More").click()
    page.get_by_role("button", name="Delete Second").click()
    expect(page.get_by_role("dialog")).to_contain_text("Delete “Second” for good?")
    sure(page, "Keep it")
    assert titles(page) == ["Second", "First"]
    row(page, "Second").get_by_text("More").click()
    page.get_by_role("button", name="Delete Second").click()
    sure(page, "Delete")
    expect(page.locator("#own li.document .title")).to_have_text(["First"])
    expect(page.locator("#own .sum")).to_contain_text("1 document ·")


def test_a_document_is_replaced_downloaded_and_previewed(visitor: Visit, tmp_path: Path) -> None:
    who = visitor()
    who.page.add_init_script(f"addEventListener('aim', () => {{ {VIEW} }})")
    page = opened(who)
    first, second = tmp_path / "Terms.txt", tmp_path / "Terms two.txt"
    first.write_text("The fee is ten pounds.")
    second.write_text("The fee is twenty pounds.")
    page.locator("#knowledge-drop input[type=file]").set_input_files(first)
    expect(row(page, "Terms")).to_contain_text("Ready", timeout=READ_MS)
    more = row(page, "Terms").get_by_text("More")
    more.click()
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Replace Terms").click()
    chosen.value.set_files(second)
    expect(row(page, "Terms")).to_contain_text(re.compile("Ready.*version 2"), timeout=READ_MS)
    more.click()
    with page.expect_download() as loaded:
        page.get_by_role("link", name="Download Terms").click()
    assert (loaded.value.suggested_filename, loaded.value.path().read_text()) == (
        "Terms two.txt",
        "The fee is twenty pounds.",
    )
    page.get_by_role("button", name="Preview Terms").click()
    identity = row(page, "Terms").get_attribute("data-id")
    assert page.evaluate("window.viewed") == {"document": identity, "page": 1, "title": "Terms"}


def test_nothing_is_previewed_where_nothing_shows_it(visitor: Visit, shelve: Shelve) -> None:
    who = visitor()
    who.page.add_init_script("addEventListener('aim', () => delete window.aim.view)")
    shelve(who, "Deal")
    page = opened(who)
    expect(page.get_by_role("button", name="Preview Deal")).to_be_hidden()


def test_several_are_changed_and_deleted_together(site: Api, visitor: Visit, shelve: Shelve) -> None:
    who = visitor()
    artist = site.services.artists.create(local_operator(who.user.id), "Night Ferry")
    ids = [shelve(who, title) for title in ("One", "Two", "Three")]
    page = opened(who)
    bar = page.locator("#own .bulk")
    expect(bar.get_by_role("button", name="Delete")).to_be_hidden()
    for title in ("One", "Two"):
        page.get_by_role("checkbox", name=f"Select {title}").check()
    expect(bar).to_contain_text("2 selected")
    bar.get_by_role("button", name="Standing").click()
    page.get_by_role("dialog").get_by_label("Standing").select_option("draft")
    sure(page, "Set the standing")
    expect(page.locator("#own .said")).to_have_text("2 documents changed.")
    assert [stored(site, one).standing for one in ids] == ["draft", "draft", "none"]
    page.get_by_role("checkbox", name="Select all shown").check()
    bar.get_by_role("button", name="Artist").click()
    page.get_by_role("dialog").get_by_label("Artist").select_option("Night Ferry")
    sure(page, "Set the artist")
    expect(page.locator("#own .said")).to_have_text("3 documents changed.")
    assert {stored(site, one).artist_id for one in ids} == {artist.id}
    page.get_by_role("checkbox", name="Select One").check()
    page.get_by_role("checkbox", name="Select Three").check()
    bar.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_contain_text("Delete 2 documents for good?")
    sure(page, "Delete")
    expect(page.locator("#own li.document .title")).to_have_text(["Two"])


def test_the_page_is_used_by_keyboard_alone(site: Api, visitor: Visit, shelve: Shelve) -> None:
    """Search, edit, select, delete; wherever the keys lead, something has a visible focus and a name."""
    who = visitor()
    for title in ("One", "Two"):
        shelve(who, title)
    page = opened(who)

    def tab_to(name: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            focused = page.evaluate(
                "() => { const e = document.activeElement; const o = getComputedStyle(e);"
                " return [e.ariaLabel || e.textContent.trim() || e.labels?.[0]?.textContent || '', o.outlineStyle] }"
            )
            assert focused[0], page.evaluate("document.activeElement.outerHTML")
            assert focused[1] != "none" or focused[0].startswith("Select"), focused
            if focused[0] == name:
                return
        pytest.fail(f"no way to {name} by keyboard")

    tab_to("Add documents")
    tab_to("Search: Your documents")
    page.keyboard.type("One")
    expect(page.locator("#own li.document .title")).to_have_text(["One"])
    tab_to("Edit One")
    page.keyboard.press("Enter")
    page.keyboard.type("Renamed")
    page.keyboard.press("Enter")
    expect(page.locator("#own li.document .title")).to_have_text(["Renamed"])
    expect(page.get_by_role("button", name="Edit Renamed")).to_be_focused()
    tab_to("More for Renamed")
    page.keyboard.press("Enter")
    tab_to("Download Renamed")
    page.keyboard.press("Escape")
    expect(row(page, "Renamed").locator("summary")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to("Delete Renamed")
    page.keyboard.press("Enter")
    tab_to("Delete")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing matches.")).to_be_visible()
    expect(page.locator("#own").get_by_role("searchbox")).to_be_focused()
    tab_to("Clear the search")
    page.keyboard.press("Enter")
    expect(page.locator("#own li.document .title")).to_have_text(["Two"])
    tab_to("Select Two")
    page.keyboard.press("Space")
    expect(page.locator("#own .bulk")).to_contain_text("1 selected")


def test_work_on_a_document_is_cancelled(site: Api, visitor: Visit, shelve: Shelve) -> None:
    who = visitor()
    detail = {"chunks": 40, "models": {"a": [10, 40]}, "seconds_left": 12}
    shelve(who, "Going", status=EMBEDDING, detail=detail, lease_until=now() + timedelta(hours=1))
    page = opened(who)
    expect(row(page, "Going")).to_contain_text("Indexing 10 of 40 passages, about 12 s left")
    page.get_by_role("button", name="Cancel Going").click()
    expect(row(page, "Going")).to_contain_text("Cancelled; press retry")
    expect(page.get_by_role("button", name="Try again Going")).to_be_visible()


# The industry's


def test_the_industry_base_is_read_by_everyone_and_kept_by_admins(site: Api, visitor: Visit, tmp_path: Path) -> None:
    admin, reader = visitor(DESKTOP, "admin"), visitor()
    page = opened(admin)
    file = tmp_path / "Royalties.txt"
    file.write_text("Who pays whom for what.")
    page.locator("#industry-drop input[type=file]").set_input_files(file)
    expect(row(page, "Royalties", "#industry")).to_contain_text("1 passage", timeout=READ_MS)
    page.get_by_role("button", name="Edit Royalties").click()
    form = page.get_by_role("form", name="Edit Royalties")
    form.get_by_label("Title").fill("Royalties today")
    form.get_by_label("As of").fill("2026-10-17")
    form.get_by_role("button", name="Save").click()
    expect(row(page, "Royalties today", "#industry")).to_contain_text("as of 17 Oct 2026")

    seen = opened(reader)
    told = row(seen, "Royalties today", "#industry")
    expect(told).to_contain_text("as of 17 Oct 2026 · 1 page · 1 passage")
    expect(told.get_by_role("link", name="Download Royalties today")).to_be_visible()
    for never in ("Edit", "Replace", "Delete", "Cancel", "Try again"):
        expect(told.get_by_role("button", name=never)).to_have_count(0)
    expect(told.get_by_role("checkbox")).to_have_count(0)
    expect(seen.locator("#industry-drop .drop")).to_be_hidden()
    assert "Royalties today" not in titles(seen)

    row(page, "Royalties today", "#industry").get_by_text("More").click()
    page.get_by_role("button", name="Delete Royalties today").click()
    sure(page, "Delete")
    expect(row(page, "Royalties today", "#industry")).to_have_count(0)


def test_axe_finds_nothing_serious_on_the_page_in_its_forms_and_dialogs(visitor: Visit, shelve: Shelve) -> None:
    from axe_playwright_python.sync_playwright import Axe

    who = visitor(DESKTOP, "admin")
    shelve(who, "Deal", standing="signed")
    shelve(who, "Scan", status="failed", reason="It is damaged; save a fresh copy and upload that.")
    shelve(who, "Going", status=EMBEDDING, progress=0.4, lease_until=now() + timedelta(hours=1))
    page = opened(who)
    row(page, "Deal").get_by_role("button", name="Edit").click()
    row(page, "Scan").get_by_text("More").click()
    page.get_by_role("checkbox", name="Select Scan").check()

    def serious() -> list[str]:
        found = Axe().run(page).response["violations"]
        return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")]

    assert serious() == []
    page.get_by_role("button", name="Paste a note").click()
    assert serious() == []
