"""Details of a document in Knowledge, in a browser over the running application: what is told, and what can be done about it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from app.principal import local_operator
from tests.api.conftest import Api
from tests.llm_calls import soon
from tests.services.insight.texts import MANAGEMENT
from tests.ui.axe import grave
from tests.ui.chromium import PHONE, Visitor
from tests.ui.conftest import Visit
from tests.ui.library import READ_MS, opened, row

DEAL = MANAGEMENT.replace("29 February 2028", "30 June 2090").replace("for two years from its date and", "and")
SHEET = (
    "Split sheet\n\nSong: Night Bus\n\nWriter | Share | Signature\nFirst Writer | 50 % | yes\nSecond Writer | 40 % |\n"
)
HOSTILE = DEAL.replace("5,000 euros", "5,000 euros <img src=x onerror=window.hit=1>")


def add(site: Api, who: Visitor, title: str, text: str) -> None:
    site.services.documents.note(local_operator(who.user.id), title, text)


def details(page: Page, title: str) -> Locator:
    found = row(page, title)
    expect(found.get_by_role("button", name=f"Details of {title}")).to_be_visible(timeout=READ_MS)
    found.get_by_role("button", name=f"Details of {title}").click()
    dialog = page.get_by_role("dialog", name=title)
    expect(dialog.locator(".advice")).to_contain_text("not legal advice")
    return dialog


def test_a_contract_tells_who_what_and_when_and_every_item_leads_to_its_page(site: Api, visitor: Visit) -> None:
    who = visitor()
    add(site, who, "Signed deal", DEAL)
    page = opened(who)
    expect(row(page, "Signed deal")).to_contain_text("Management agreement", timeout=READ_MS)
    dialog = details(page, "Signed deal")
    for heading, words in (
        ("Parties", "Harbour Management Ltd"), ("Rates", "20 %"), ("Money", "5,000 euros"), ("Territory", "the world"),
        ("Dates", "60 days before the end of the term, 30 June 2090"),
    ):  # fmt: skip
        expect(dialog.get_by_role("region", name=heading, exact=True)).to_contain_text(words)
    clauses = dialog.get_by_role("region", name="Clauses")
    clauses.get_by_role("button", name="Page 1: Commission").click()
    viewer = page.get_by_role("dialog", name="Signed deal").last
    expect(viewer.locator("mark.quote")).to_contain_text("commission of 20 %")
    page.keyboard.press("Escape")
    expect(viewer.locator("mark")).to_have_count(0)
    expect(clauses.get_by_role("button", name="Page 1: Commission")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(row(page, "Signed deal").get_by_role("button", name="Details of Signed deal")).to_be_focused()


def test_a_date_is_confirmed_changed_and_put_away(site: Api, visitor: Visit) -> None:
    who = visitor()
    add(site, who, "Signed deal", DEAL)
    page = opened(who)
    dialog = details(page, "Signed deal")
    end = dialog.locator("li.date", has=page.locator(".name", has_text=re.compile("^End of the term$")))
    end.get_by_role("button", name="Confirm: End of the term, 30 Jun 2090").click()
    expect(end).to_contain_text("In your calendar")
    notice = dialog.locator("li.date", has_text="Last day to give notice")
    notice.get_by_role("button", name=re.compile("^Change")).click()
    notice.locator("input[type=date]").fill("2090-04-15")
    notice.get_by_role("button", name="Save").click()
    expect(notice).to_contain_text(re.compile("15 Apr 2090.*In your calendar", re.DOTALL))
    end.get_by_role("button", name=re.compile("^Put away")).click()
    expect(end.get_by_role("button", name=re.compile("^Bring back"))).to_be_focused()
    kept = site.services.dates.list(local_operator(who.user.id)).items
    assert {(one.label, one.day.isoformat(), one.status) for one in kept} == {
        ("End of the term", "2090-06-30", "declined"), ("Last day to give notice", "2090-04-15", "accepted")
    }  # fmt: skip
    end.get_by_role("button", name=re.compile("^Bring back")).click()
    expect(end.get_by_role("button", name=re.compile("^Confirm"))).to_be_visible()


def test_what_wants_a_look_stands_first_and_in_the_row(site: Api, visitor: Visit) -> None:
    who = visitor()
    add(site, who, "Night Bus splits", SHEET)
    add(site, who, "Deal one", DEAL)
    add(site, who, "Deal two", DEAL.replace("20 %", "18 %"))
    page = opened(who)
    expect(row(page, "Night Bus splits")).to_contain_text("Split sheet · 2 things to look at", timeout=READ_MS)
    warnings = details(page, "Night Bus splits").get_by_role("region", name="Look at this")
    expect(warnings).to_contain_text("The shares add up to 90 %, not 100 %")
    expect(warnings).to_contain_text("No signature of Second Writer was found.")
    page.keyboard.press("Escape")
    expect(row(page, "Deal two")).to_contain_text("Management agreement", timeout=READ_MS)
    expect(row(page, "Deal one")).to_contain_text("Management agreement", timeout=READ_MS)
    for mine, other in (("one", "two"), ("two", "one")):  # the row that was there before says so too
        expect(row(page, f"Deal {mine}")).to_contain_text(
            f"Management agreement · 1 thing to look at · disagrees with “Deal {other}”", timeout=READ_MS
        )
    dialog = details(page, "Deal one")
    expect(dialog.get_by_role("region", name="Look at this")).to_contain_text(
        "Commission: 20 % here, but 18 % in “Deal two”"
    )
    dialog.get_by_role("button", name=re.compile("^Page 1 of “Deal two”")).click()
    expect(page.get_by_role("dialog", name="Deal two").locator("mark.quote")).to_contain_text("18 %")


def test_rows_follow_each_other_when_documents_no_longer_disagree(site: Api, visitor: Visit) -> None:
    who = visitor()
    add(site, who, "Deal one", DEAL)
    page = opened(who)
    expect(row(page, "Deal one")).to_contain_text("Management agreement", timeout=READ_MS)
    add(site, who, "Deal two", DEAL.replace("20 %", "18 %"))
    page.evaluate("dispatchEvent(new Event('visibilitychange'))")
    page.reload()
    for mine, other in (("one", "two"), ("two", "one")):
        expect(row(page, f"Deal {mine}")).to_contain_text(f"disagrees with “Deal {other}”", timeout=READ_MS)
    form = row(page, "Deal two").get_by_role("button", name="Edit Deal two")
    form.click()
    page.get_by_role("form", name="Edit Deal two").get_by_label("Title").fill("Deal of May")
    page.get_by_role("form", name="Edit Deal two").get_by_role("button", name="Save").click()
    expect(row(page, "Deal one")).to_contain_text("disagrees with “Deal of May”")
    row(page, "Deal of May").get_by_role("button", name="Edit Deal of May").click()
    page.get_by_role("form").get_by_label("Standing").select_option("superseded")
    page.get_by_role("form").get_by_role("button", name="Save").click()
    for title in ("Deal one", "Deal of May"):
        expect(row(page, title)).not_to_contain_text("disagrees")
        expect(row(page, title)).to_contain_text("Management agreement")


def test_documents_are_filtered_by_what_they_are(site: Api, visitor: Visit) -> None:
    who = visitor()
    add(site, who, "Signed deal", DEAL)
    add(site, who, "Night Bus splits", SHEET)
    page = opened(who)
    expect(row(page, "Night Bus splits")).to_contain_text("Split sheet", timeout=READ_MS)
    expect(row(page, "Signed deal")).to_contain_text("Management agreement", timeout=READ_MS)
    chosen = page.get_by_role("search", name="Search: Your documents").get_by_label("Kind of document")
    for kind, there in (("All contracts", ["Signed deal"]), ("Split sheet", ["Night Bus splits"]), ("Biography", [])):
        chosen.select_option(kind)
        expect(page.locator("#own li.document .title")).to_have_text(there)
    expect(page.locator("#own .nothing")).to_contain_text("Nothing matches.")
    assert not who.scrolls_sideways()


@pytest.mark.parametrize("size", [PHONE, (1280, 800)])
def test_it_fits_the_screen_and_is_accessible(site: Api, visitor: Visit, size: tuple[int, int]) -> None:
    who = visitor(size)
    add(site, who, "Signed deal", DEAL)
    page = opened(who)
    dialog = details(page, "Signed deal")
    assert not who.scrolls_sideways()
    inside = dialog.locator(".inside")
    assert inside.evaluate("one => one.scrollWidth <= one.clientWidth")
    assert grave(page) == []


def test_words_of_a_document_are_text(site: Api, visitor: Visit) -> None:
    who = visitor()
    add(site, who, "<b>Deal</b>", HOSTILE)
    page = opened(who)
    dialog = details(page, "<b>Deal</b>")
    expect(dialog.get_by_role("region", name="Money")).to_contain_text("<img src=x onerror=window.hit=1>")
    assert dialog.locator("img, b").count() == 0
    assert page.evaluate("window.hit") is None


def test_a_document_that_was_ready_before_it_was_understood_tells_what_it_is(site: Api, visitor: Visit) -> None:
    who = visitor()
    add(site, who, "Signed deal", DEAL)

    def without(route: Route) -> None:
        answer = route.fetch()
        listed = answer.json()
        route.fulfill(response=answer, json={**listed, "items": [{**one, "insight": None} for one in listed["items"]]})

    me = local_operator(who.user.id)
    documents = site.services.documents
    assert soon(lambda: all(one.insight for one in documents.list(me, kb="personal").items), 20)
    who.page.route("**/api/documents?**", without)  # as the list was a moment after the document became ready
    page = opened(who)
    expect(row(page, "Signed deal")).to_contain_text("Management agreement", timeout=READ_MS)
