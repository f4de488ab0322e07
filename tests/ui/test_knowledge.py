"""The knowledge page in a browser, over the running application: adding documents, and what is shown of them."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect
from sqlmodel import col, select

from app.config import QuotaSettings
from app.models import EMBEDDING, READY, Artist, Document, now
from app.principal import local_operator
from tests.api.conftest import Api
from tests.documents import make_contract_pdf
from tests.ui.chromium import PHONE
from tests.ui.conftest import Visit
from tests.ui.library import READ_MS, Shelve, change, expect_refusal, opened, row, shelved, titles

DROP = """([names, selector]) => {
  const data = new DataTransfer();
  for (const name of names) data.items.add(new File([`Text of ${name}.`], name));
  const target = document.querySelector(selector);
  for (const kind of ["dragenter", "dragover", "drop"])
    target.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


@pytest.fixture
def shelve(site: Api) -> Shelve:
    return partial(shelved, site)


# Adding


def test_files_are_read_before_ones_eyes_and_what_cannot_be_read_says_why(visitor: Visit, tmp_path: Path) -> None:
    who = visitor()
    page = opened(who)
    expect(page.get_by_text("You have no documents yet")).to_be_visible()
    broken, song = tmp_path / "Broken.pdf", tmp_path / "Song.mp3"
    broken.write_bytes(b"%PDF-1.7 and nothing else")
    song.write_bytes(b"ID3")
    page.locator("#knowledge-drop input[type=file]").set_input_files(
        [make_contract_pdf(tmp_path / "Management.pdf"), broken, song]
    )
    refused = page.locator("#knowledge-drop .uploads li")
    expect(refused).to_have_count(1)
    expect(refused).to_contain_text(re.compile(r"Song\.mp3.*cannot be read; these can: .*PDF", re.DOTALL))
    expect(row(page, "Management")).to_contain_text(re.compile(r"Ready · 3 pages · \d+ passages"), timeout=READ_MS)
    expect(row(page, "Broken")).to_contain_text(re.compile("Failed.*damaged.*upload that", re.DOTALL), timeout=READ_MS)
    expect(page.locator("#own .sum")).to_contain_text(re.compile(r"2 documents · 3 pages .* 5 GB used · 1 failed"))
    row(page, "Broken").get_by_role("button", name="Try again Broken").click()
    expect(row(page, "Broken")).to_contain_text("Failed", timeout=READ_MS)
    refused.get_by_role("button", name="Dismiss Song.mp3").click()
    expect(refused).to_have_count(0)


def test_the_whole_page_takes_drops_for_the_chosen_artist(site: Api, visitor: Visit) -> None:
    who = visitor()
    site.services.artists.create(local_operator(who.user.id), "Night Ferry")
    page = opened(who)
    page.get_by_label("Artist of what is added").select_option("Night Ferry")
    page.evaluate(DROP, [["One.txt", "Two.txt", "Three.txt"], "#own"])
    for title in ("One", "Two", "Three"):
        expect(row(page, title)).to_contain_text(re.compile("Ready.*Night Ferry"), timeout=READ_MS)


def test_an_upload_that_breaks_off_keeps_its_name_and_is_tried_again(visitor: Visit, tmp_path: Path) -> None:
    who = visitor()
    page = opened(who)
    file = tmp_path / "Rider.txt"
    file.write_text("Two towels and a lamp.")

    def gone(route: Route) -> None:
        route.abort("connectionreset")

    page.route("**/api/documents", gone)
    page.locator("#knowledge-drop input[type=file]").set_input_files(file)
    failed = page.locator("#knowledge-drop .uploads li")
    expect(failed).to_contain_text(re.compile("Rider.txt.*broke off; check the connection and try again", re.DOTALL))
    page.unroute("**/api/documents", gone)
    failed.get_by_role("button", name="Try again Rider.txt").click()
    expect(row(page, "Rider")).to_contain_text("Ready", timeout=READ_MS)
    expect(failed).to_have_count(0)
    expect_refusal(who)


def test_too_large_and_a_full_quota_are_said_beside_the_file(
    site: Api, visitor: Visit, shelve: Shelve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = visitor()
    shelve(who, "Old")
    monkeypatch.setattr(site.services.documents, "_quotas", QuotaSettings(documents=1))
    page = opened(who)
    expect(page.locator("#own .room")).to_contain_text("There is no room left: delete what you no longer need")
    page.locator("#knowledge-drop .drop").evaluate("area => area.dataset.max = 2000")
    big, small = tmp_path / "Big.txt", tmp_path / "Small.txt"
    big.write_text("long " * 1000)
    small.write_text("short")
    chooser = page.locator("#knowledge-drop input[type=file]")
    chooser.set_input_files(big)
    expect(page.locator(".uploads li")).to_contain_text("This file is too large: it has 5 kB, and 2 kB is the most")
    expect(page.locator(".uploads li").get_by_role("button", name="Try again")).to_have_count(0)
    chooser.set_input_files(small)
    expect(page.locator(".uploads li").first).to_contain_text(
        re.compile(r"Small\.txt.*as many as fit; delete some", re.DOTALL)
    )
    monkeypatch.undo()
    page.get_by_role("button", name="Try again Small.txt").click()
    expect(row(page, "Small")).to_be_visible()
    expect_refusal(who)


def test_a_note_is_pasted_and_read(visitor: Visit) -> None:
    page = opened(visitor())
    page.get_by_role("button", name="Paste a note").click()
    dialog = page.get_by_role("dialog", name="Paste a note")
    dialog.get_by_label("Title").fill("Call with the label")
    dialog.get_by_label("Text").fill("They offer 18 percent and two options.")
    dialog.get_by_role("button", name="Keep the note").click()
    expect(dialog).to_have_count(0)
    expect(row(page, "Call with the label")).to_contain_text("Ready", timeout=READ_MS)


# Looking


def test_two_hundred_documents_come_in_parts_and_only_what_changed_is_sent(
    site: Api, visitor: Visit, shelve: Shelve
) -> None:
    who = visitor()
    before = now() - timedelta(minutes=5)
    with site.services.db.session() as session:
        for number in range(220):
            moment = before - timedelta(seconds=number)
            session.add(
                Document(
                    kb="personal", user_id=who.user.id, title=f"Number {number}", filename="n.txt", suffix=".txt",
                    status=READY, created=moment, updated=moment,
                )
            )  # fmt: skip
    going = shelve(who, "Going", status=EMBEDDING, progress=0.2, lease_until=now() + timedelta(hours=1))
    page = opened(who)
    sent: list[int] = []
    page.on("response", lambda answer: sent.append(len(answer.json()["items"])) if "since=" in answer.url else None)
    assert page.locator("#own li.document").count() == 25
    page.locator("#own").get_by_role("button", name="Show more").click()
    expect(page.locator("#own li.document")).to_have_count(50)
    assert titles(page) == ["Going", *(f"Number {number}" for number in range(49))]
    expect(page.locator("#own .sum")).to_contain_text("221 documents")
    change(site, going, progress=0.7)
    expect(row(page, "Going").get_by_role("progressbar")).to_have_js_property("value", 70)
    for _ in range(50):  # the page may be told before this test has read the answer
        if not sent:
            page.wait_for_timeout(100)
    assert sent
    assert max(sent) <= 1


def test_a_live_row_keeps_focus_scroll_and_an_open_form(site: Api, visitor: Visit, shelve: Shelve) -> None:
    who = visitor()
    for number in range(20):
        shelve(who, f"Other {number}")
    going = shelve(who, "Going", status=EMBEDDING, progress=0.1, lease_until=now() + timedelta(hours=1))
    page = opened(who)
    row(page, "Going").get_by_role("button", name="Edit").click()
    page.get_by_role("form", name="Edit Going").get_by_label("Standing").select_option("draft")
    page.get_by_role("form", name="Edit Going").get_by_label("Title").fill("Half typ")
    page.mouse.wheel(0, 300)
    page.wait_for_function("scrollY > 100")
    scrolled = page.evaluate("scrollY")
    change(site, going, status=READY, progress=1.0)
    expect(row(page, "Going")).to_contain_text("Ready · 2 pages · 7 passages")
    form = page.get_by_role("form", name="Edit Going")
    expect(form.get_by_label("Title")).to_be_focused()
    expect(form.get_by_label("Title")).to_have_value("Half typ")
    expect(form.get_by_label("Standing")).to_have_value("draft")
    assert page.evaluate("scrollY") == scrolled


def test_a_search_that_finds_nothing_can_be_cleared(visitor: Visit, shelve: Shelve) -> None:
    who = visitor()
    shelve(who, "Publishing deal", standing="signed")
    shelve(who, "Tour budget", suffix=".csv", filename="budget.csv")
    shelve(who, "Scan", status="failed", reason="It is damaged.")
    page = opened(who)
    search = page.locator("#own").get_by_role("searchbox")
    search.fill("deal publishing")
    expect(page.locator("#own li.document")).to_have_count(1)
    expect(page.locator("#own .said")).to_have_text("1 document found.")
    page.locator("#own").get_by_label("State").select_option("failed")
    expect(page.get_by_text("Nothing matches.")).to_be_visible()
    page.get_by_role("button", name="Clear the search").click()
    expect(page.locator("#own li.document")).to_have_count(3)
    expect(search).to_have_value("")
    for label, choice, title in (
        ("State", "failed", "Scan"), ("Standing", "signed", "Publishing deal"), ("Kind of file", "table", "Tour budget"),
    ):  # fmt: skip
        page.locator("#own").get_by_label(label, exact=True).select_option(choice)
        expect(page.locator("#own li.document .title")).to_have_text([title])
        page.locator("#own").get_by_label(label, exact=True).select_option("")
    expect(page.locator("#own li.document")).to_have_count(3)


def test_a_server_that_is_gone_is_said_and_asked_again(visitor: Visit, shelve: Shelve) -> None:
    who = visitor()
    shelve(who, "Deal")
    who.page.route("**/api/documents?*", lambda route: route.abort())
    page = opened(who)
    told = page.locator("#own .nothing")
    expect(told).to_contain_text("The server does not answer; check the connection and try again.")
    page.unroute("**/api/documents?*")
    told.get_by_role("button", name="Try again").click()
    expect(row(page, "Deal")).to_be_visible()
    expect_refusal(who)


def test_two_people_side_by_side_see_their_own(visitor: Visit, shelve: Shelve) -> None:
    anna, ben = visitor(), visitor()
    shelve(anna, "Anna's deal")
    shelve(ben, "Ben's deal")
    assert titles(opened(anna)) == ["Anna's deal"]
    assert titles(opened(ben)) == ["Ben's deal"]


def test_a_title_from_outside_is_text(visitor: Visit, shelve: Shelve) -> None:
    who = visitor()
    evil = '"><img src=x onerror="document.title=1"><script>alert(1)</script>'
    shelve(who, evil, reason=evil, filename=f"{evil}.pdf")
    page = opened(who)
    assert titles(page) == [evil]
    assert page.locator("#own img, #own script").count() == 0


def test_nothing_scrolls_sideways_on_a_phone(site: Api, visitor: Visit, shelve: Shelve) -> None:
    who = visitor(PHONE)
    with site.services.db.reading() as session:
        artist = session.exec(select(Artist.id).where(col(Artist.user_id) == who.user.id)).one()
    shelve(who, "A_very_long_name_without_any_space_in_it_" * 4, artist_id=artist, standing="superseded")
    shelve(who, "Failed", status="failed", reason="This PDF is damaged; save a fresh copy and upload that.")
    page = opened(who)
    assert not who.scrolls_sideways()
    row(page, "Failed").get_by_role("button", name="Edit").click()
    row(page, "Failed").get_by_text("More").click()
    page.locator("#own li.document input[type=checkbox]").first.check()
    expect(page.locator("#own .bulk").get_by_role("button", name="Delete")).to_be_visible()
    assert not who.scrolls_sideways()
    page.get_by_role("button", name="Paste a note").click()
    assert not who.scrolls_sideways()
