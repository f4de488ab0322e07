"""What is remembered, in a browser: offered under the answer, kept or not, and listed, changed and forgotten on the profile."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from app.principal import local_operator
from app.services.notes import NotePublic
from app.services.profiles import ProfileShape
from tests.api.conftest import Api
from tests.retrievers.library import put
from tests.ui.axe import grave, settle
from tests.ui.chromium import DESKTOP, PHONE, Visitor
from tests.ui.conftest import Visit

FACT = "I play the <b>cello</b> and sing."
SAID = f"{FACT} How do I register a song?"


def kept(site: Api, who: Visitor, status: str = "confirmed") -> list[NotePublic]:
    return site.services.notes.list(local_operator(who.user.id), status=status).items  # type: ignore[arg-type]


def asked(page: Page, text: str = SAID) -> None:
    page.locator("#question textarea").fill(text)
    page.get_by_role("button", name="Send").click()
    expect(page.locator('#chat .actions[id^="answer-"]').last).to_be_visible(timeout=20_000)
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    expect(page.locator("#stop")).to_be_hidden()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_fact_is_offered_under_the_answer_and_kept_by_a_click(
    visitor: Visit, site: Api, size: tuple[int, int]
) -> None:
    who = visitor(size)
    page = who.open()
    asked(page)
    offer = page.get_by_role("region", name="Worth remembering")
    expect(offer).to_contain_text(f"“{FACT}”")
    assert offer.locator("b").count() == 0, "words, not markup"
    settle(page)
    assert grave(page) == []
    assert not who.scrolls_sideways()
    assert kept(site, who) == []
    offer.get_by_role("button", name="Remember I play").focus()
    page.keyboard.press("Enter")
    expect(offer.get_by_role("status")).to_contain_text("Remembered.")
    expect(offer.get_by_role("status")).to_be_focused()
    assert [note.text for note in kept(site, who)] == [FACT]
    asked(page, "How do splits work?")
    expect(offer).to_be_hidden()
    page.reload()
    expect(page.locator("#chat")).to_contain_text("cello")
    page.wait_for_timeout(300)
    expect(offer).to_be_hidden()


def test_what_is_declined_is_not_offered_again(visitor: Visit, site: Api) -> None:
    who = visitor()
    page = who.open()
    asked(page)
    offer = page.get_by_role("region", name="Worth remembering")
    offer.get_by_role("button", name="do not keep").click()
    expect(offer).to_contain_text("not offered again")
    asked(page, f"Again: {FACT} And how are splits agreed?")
    settle(page)
    with page.expect_response("**/api/profile/notes?*") as told:
        page.reload()
    assert told.value.json()["items"] == []
    settle(page)  # a page that is left while it opens says so to the console
    assert (kept(site, who), [note.text for note in kept(site, who, "declined")]) == ([], [""])


def test_an_open_offer_comes_back_with_its_conversation(visitor: Visit) -> None:
    page = visitor().open()
    asked(page)
    offer = page.get_by_role("region", name="Worth remembering")
    expect(offer).to_be_visible()
    page.locator("#new").click()
    expect(offer).to_be_hidden()
    page.locator("#conversations .open").first.click()
    expect(offer).to_be_visible()


def test_the_profile_lists_changes_and_forgets(visitor: Visit, site: Api) -> None:
    who = visitor()
    me = local_operator(who.user.id)
    site.services.notes._propose(me, None, ["We tour in May every year."], None)
    kite = site.services.artists.create(me, "Paper Kite")
    page = who.open("profile")
    rows = page.get_by_role("list", name="What is remembered").get_by_role("listitem")
    said = page.locator("#notes-said")
    expect(rows).to_contain_text(["Offered, not used yet"])
    rows.get_by_role("button", name="Remember").click()
    expect(said).to_have_text("Remembered. Answers use it from now on.")
    expect(rows).to_contain_text(["Used in answers since"])
    rows.get_by_role("button", name="Edit").click()
    page.get_by_label("Note", exact=True).fill(" ")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(rows.get_by_role("alert")).to_have_text("Write something, or forget the note.")
    page.get_by_label("Note", exact=True).fill("They tour in June.")
    page.get_by_label("About", exact=True).select_option("Paper Kite")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(rows).to_contain_text(["About Paper Kite"])
    expect(rows.get_by_role("button", name="Edit")).to_be_focused()
    assert [(note.text, note.artist_id) for note in kept(site, who)] == [("They tour in June.", kite.id)]
    page.get_by_label("New note").fill("My fee is 300 EUR.")
    page.keyboard.press("Enter")
    expect(rows).to_have_count(2)
    rows.filter(has_text="June").get_by_role("button", name="Forget").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget").click()
    expect(said).to_have_text("Forgotten.")
    expect(rows).to_have_count(1)
    assert [note.text for note in kept(site, who)] == ["My fee is 300 EUR."]


def test_leaving_an_edit_changes_nothing(visitor: Visit, site: Api) -> None:
    who = visitor(PHONE)
    site.services.notes.create(local_operator(who.user.id), "I never fly.")
    page = who.open("profile")
    edit = page.get_by_role("button", name="Edit I never fly.")
    edit.click()
    page.get_by_label("Note", exact=True).fill("I fly.")
    settle(page)
    assert grave(page) == []
    assert not who.scrolls_sideways()
    page.keyboard.press("Escape")
    expect(edit).to_be_focused()
    expect(page.get_by_label("Note", exact=True)).to_have_count(0)
    assert kept(site, who)[0].text == "I never fly."


# What follows from the role


def test_the_roles_questions_lead_the_empty_chat(visitor: Visit, site: Api) -> None:
    who = visitor()
    site.services.profiles.put(local_operator(who.user.id), ProfileShape(role="songwriter"))
    put(site.services, "# Publishers\n\n## Pitching publishers\n\nSend two songs.", title="Publishers")
    first = who.open().locator("#starters .ask").first
    expect(first).to_have_text("What publishers should I approach?")


def test_papers_worth_adding_are_ticked_as_they_come(visitor: Visit, site: Api) -> None:
    who = visitor()
    me = local_operator(who.user.id)
    site.services.profiles.put(me, ProfileShape(role="producer"))
    page = who.open("knowledge")
    worth = page.get_by_role("region", name="Papers worth adding")
    expect(worth.get_by_role("heading")).to_have_text("Worth adding for a producer")
    expect(worth.get_by_role("listitem")).to_have_count(6)
    page.get_by_role("button", name="Paste a note").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Title").fill("Split sheet of the single")
    dialog.get_by_label("Text").fill("We share it in halves.")
    dialog.get_by_role("button", name="Keep the note").click()
    expect(worth.locator("summary")).to_have_text("Worth adding for a producer: 5 more")
    worth.locator("summary").click()
    expect(worth.get_by_role("listitem").filter(has_text=re.compile("there already"))).to_contain_text("Split sheets")
    settle(page)
    assert grave(page) == []


def test_on_the_dashboard_they_can_be_put_away(visitor: Visit, site: Api) -> None:
    who = visitor(PHONE)
    page = who.open("dashboard")
    worth = page.get_by_role("region", name="Papers worth adding")
    expect(worth.get_by_role("listitem")).to_have_count(3)
    settle(page)
    assert grave(page) == []
    assert not who.scrolls_sideways()
    worth.get_by_role("button", name="Hide papers worth adding").click()
    expect(worth).to_be_hidden()
    page.reload()
    expect(page.locator("#totals")).to_contain_text("documents ready")
    expect(worth).to_be_hidden()


def test_the_guided_start_offers_the_roles_and_what_to_bring(visitor: Visit, site: Api) -> None:
    page = visitor().open("welcome")
    expect(page.get_by_role("radio")).to_have_count(len(site.services.roles.names))
    expect(page.get_by_text("You look after one artist or a roster of them.")).to_be_visible()
    page.get_by_label("Manager").check()
    page.get_by_role("button", name="Continue").click()
    for _ in range(4):
        page.get_by_role("button", name="Skip", exact=True).click()
    bring = page.locator(".bring")
    expect(bring).to_contain_text("Worth adding for a manager:")
    expect(bring.get_by_role("listitem").first).to_contain_text("Management contract of each artist")
