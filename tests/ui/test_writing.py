"""The Writing page in a browser: every control, with a model and without one, on a phone and by keyboard."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from app.principal import local_operator
from app.services.desk.shapes import DraftPublic
from app.services.profiles import ProfileShape
from tests.api.conftest import Api
from tests.ui.axe import grave, settle
from tests.ui.chromium import DESKTOP, PHONE, Visitor
from tests.ui.conftest import Visit

READY_SECONDS = 60
SAID = "Night Ferry play slow songs at Melkweg and Rotown. **Paper Boats** is next."


@pytest.fixture(autouse=True)
def _model(site: Api) -> Iterator[None]:
    site.llm.script(SAID)
    yield
    site.llm.script()


def writer(visit: Visit, site: Api, size: tuple[int, int] = DESKTOP) -> Visitor:
    who = visit(size)
    site.services.profiles.put(local_operator(who.user.id), ProfileShape(artist_name="Night Ferry"))
    return who


def written(page: Page, kind: str = "Short bio", **fields: str) -> Page:
    page.get_by_role("link", name=kind).click()
    for label, value in fields.items():
        page.get_by_label(label.replace("_", " ")).fill(value)
    page.get_by_role("button", name="Write it").click()
    expect(page.locator("#desk-draft .text")).to_be_visible(timeout=20_000)
    return page


def drafts(site: Api, who: Visitor) -> list[DraftPublic]:
    principal = local_operator(who.user.id)
    return [site.services.desk.get(principal, one.id) for one in site.services.desk.list(principal).items]


def ready(site: Api, who: Visitor, count: int) -> None:
    """Wait until so many documents of the visitor's can be used."""
    deadline = time.monotonic() + READY_SECONDS
    while sum(one.status == "ready" for one in site.services.documents.list(local_operator(who.user.id)).items) < count:
        assert time.monotonic() < deadline, "the documents are not ready"
        time.sleep(0.05)


def test_a_text_is_written_settled_place_by_place_and_kept(visitor: Visit, site: Api) -> None:
    who = writer(visitor, site)
    page = written(who.open("writing"), What_should_it_lead_with="Paper Boats")
    text = page.locator("#desk-draft .text")
    expect(text).to_have_text("Night Ferry play slow songs at [to confirm] and [to confirm]. Paper Boats is next.")
    expect(page.get_by_text("2 places to confirm.")).to_be_visible()
    page.get_by_role("button", name="Go to the first").click()
    expect(page.locator(".settle .why")).to_have_text("This name stood here: “Melkweg”. None of your facts says so.")
    page.get_by_role("button", name="It is right").click()
    expect(text).to_contain_text("slow songs at Melkweg and [to confirm].")
    mark = page.get_by_role("button", name="To confirm, place 1 of 1")
    expect(mark).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".settle .why")).to_contain_text("“Rotown”")
    page.keyboard.press("Escape")
    expect(mark).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_label("What belongs here?").fill("the Green Door")
    page.keyboard.press("Enter")
    expect(page.locator("#desk-draft .said")).to_have_text("Put in. Nothing is left to confirm.")
    [draft] = drafts(site, who)
    assert draft.text == "Night Ferry play slow songs at Melkweg and the Green Door. **Paper Boats** is next."
    page.reload()
    expect(text).to_contain_text("the Green Door")
    expect(page.locator("#desk-draft .exports")).to_have_attribute("data-id", draft.id)
    expect(page.locator("#desk-draft .exports")).to_have_attribute("data-kind", "draft")


def test_editing_copying_renaming_writing_again_and_deleting(visitor: Visit, site: Api) -> None:
    who = writer(visitor, site)
    who.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = written(who.open("writing"), What_should_it_lead_with="Paper Boats")
    said, area = page.locator("#desk-draft .said"), page.get_by_label("Text of the draft")
    page.get_by_role("button", name="Edit").click()
    area.fill("# Night Ferry\n\n**Slow** songs.")
    expect(said).to_have_text("Not saved yet.")
    page.get_by_role("button", name="Save").click()
    expect(said).to_have_text("Saved.")
    expect(page.locator("#desk-draft h3")).to_have_text("Night Ferry")
    page.get_by_role("button", name="Edit").click()
    area.fill("thrown away")
    page.keyboard.press("Escape")
    expect(page.locator("#desk-draft .text")).to_contain_text("Slow songs.")
    page.get_by_role("button", name="Copy").click()
    expect(said).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == "Night Ferry\n\nSlow songs."
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("Title of the draft").fill("For the festival")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="For the festival")).to_be_visible()
    page.get_by_role("button", name="Write again").click()
    expect(page.get_by_role("heading", name="Short bio: Night Ferry")).to_be_visible(timeout=20_000)
    assert sorted(one.title for one in drafts(site, who)) == ["For the festival", "Short bio: Night Ferry"]
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep it").click()
    assert len(drafts(site, who)) == 2
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("#desk-said")).to_contain_text("was deleted")
    expect(page.locator("#desk-rows li")).to_have_count(1)
    page.get_by_role("link", name="For the festival").click()
    expect(page.locator("#desk-draft .text")).to_contain_text("Slow songs.")
    page.get_by_role("link", name="All kinds of texts and your drafts").click()
    page.get_by_role("button", name="Delete For the festival").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("#desk-drafts")).to_be_hidden()
    assert drafts(site, who) == []


def test_sources_stand_beside_and_open_their_page(visitor: Visit, site: Api) -> None:
    who = writer(visitor, site)
    principal = local_operator(who.user.id)
    site.services.documents.note(principal, "Who we are", "Night Ferry played Melkweg and Rotown in their second year.")
    site.services.documents.note(principal, "Another paper", "Nothing about concerts is written in this one.")
    ready(site, who, 2)
    page = who.open("writing")
    page.get_by_role("link", name="Short bio").click()
    page.get_by_text("Choose documents").click()
    page.get_by_label("Who we are").check()
    page.get_by_role("button", name="Write it").click()
    expect(page.locator("#desk-draft .text")).to_contain_text("at Melkweg and Rotown.", timeout=20_000)
    source = page.locator(".desk-source")
    expect(source).to_have_count(1)
    expect(source).to_contain_text("Night Ferry played Melkweg and Rotown in their second year.")
    page.get_by_role("button", name="Insert into the text from Who we are").click()
    expect(page.get_by_label("Text of the draft")).to_have_value(
        f"{SAID}\nNight Ferry played Melkweg and Rotown in their second year.".replace("Paper Boats", "[to confirm]")
    )
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Open page 1 of Who we are").click()
    expect(page.get_by_role("dialog")).to_contain_text("Melkweg")
    assert [one.documents and len(one.documents) for one in drafts(site, who)] == [1]


def test_what_is_missing_is_said_beside_its_field(visitor: Visit, site: Api) -> None:
    page = writer(visitor, site).open("writing")
    page.get_by_role("link", name="Quote").click()
    page.get_by_role("button", name="Write it").click()
    expect(page.get_by_label("Client")).to_be_focused()
    expect(page.locator("#desk-client-wrong")).to_have_text("Fill this in: Client")
    page.get_by_label("Client").fill("Green Door")
    expect(page.locator("#desk-client-wrong")).to_be_hidden()
    expect(page.locator("#desk-items-wrong")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("link", name="Quote")).to_be_visible()


def test_words_of_others_stay_words(visitor: Visit, site: Api) -> None:
    site.llm.script("<img src=x onerror=alert(1)> <b>bold</b> ``` [a](javascript:alert(1))")
    page = written(writer(visitor, site).open("writing"))
    expect(page.locator("#desk-draft .text")).to_contain_text("<b>bold</b>")
    assert page.locator("#desk-draft .text :is(img, b, a, script)").count() == 0


def test_an_address_of_nobodys_draft_leads_back(visitor: Visit, site: Api) -> None:
    who = writer(visitor, site)
    page = who.open("writing#draft=00000000-0000-0000-0000-000000000000")
    expect(page.locator("#desk-said")).to_have_text("There is no such draft.")
    expect(page.get_by_role("link", name="Short bio")).to_be_visible()
    assert [said for said in who.witness.seen if "404" not in said] == []
    who.witness.seen.clear()  # Chromium tells every 404 to the console


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_state_reads_well(visitor: Visit, site: Api, size: tuple[int, int]) -> None:
    who = writer(visitor, site, size)
    page = written(who.open("writing"))
    page.locator("button.to-confirm").first.click()
    for state in ("settle", "edit", "form", "start"):
        if state == "edit":
            page.get_by_role("button", name="Edit").click()
        if state == "form":
            page.get_by_role("button", name="Cancel").click()
            page.evaluate("location.hash = '#new=genre_adaptation'")
            expect(page.get_by_label("Genre to adapt it to")).to_be_visible()
        if state == "start":
            page.get_by_role("link", name="All kinds of texts and your drafts").click()
            expect(page.locator("#desk-rows li")).to_be_visible()
        settle(page)
        assert grave(page) == [], state
        assert not who.scrolls_sideways(), state


def test_without_a_model_the_page_says_so(visitor: Visit, site: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site.services.model, "_current", type(site.services.model.current)())
    page = writer(visitor, site).open("writing")
    expect(page.locator("#desk-notice")).to_contain_text("No language model is set up")
    page.get_by_role("link", name="Short bio").click()
    page.get_by_label("Where are you based?").fill("Leeds")
    page.get_by_role("button", name="Fill in the template").click()
    expect(page.locator("#desk-draft .text")).to_contain_text("Night Ferry makes [to confirm] in Leeds.")
    page.get_by_role("button", name="To confirm, place 1 of 4: Genres (Profile)").click()
    expect(page.locator(".settle .why")).to_have_text("Missing: Genres (Profile).")
