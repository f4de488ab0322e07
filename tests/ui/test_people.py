"""The bar on top, the profile with the roster, and the account, in a browser: every control, on a phone and by keyboard."""

from __future__ import annotations

import io

import pytest
from playwright.sync_api import Dialog, Locator, Page, expect

from app.errors import AppError
from app.principal import local_operator
from tests.api.conftest import PASSWORD, Api
from tests.ui.chromium import PHONE, Visitor
from tests.ui.conftest import Visit


def artists(site: Api, who: Visitor) -> list[str]:
    return [one.name for one in site.services.artists.list(local_operator(who.user.id)).items]


def row(page: Page, name: str) -> Locator:
    return page.locator("li.person").filter(has=page.locator(".title", has_text=name))


# The bar


def test_the_bar_leads_to_every_page_and_marks_this_one(visitor: Visit) -> None:
    page = visitor().open("profile")
    pages = page.get_by_role("navigation", name="Pages")
    expect(pages.get_by_role("link", name="Profile")).to_have_attribute("aria-current", "page")
    expect(page.get_by_role("button", name="Menu")).to_be_hidden()
    pages.get_by_role("link", name="Account").click()
    page.wait_for_url("**/app/account")
    expect(pages.locator("[aria-current]")).to_have_text("Account")


def test_the_way_past_the_bar(visitor: Visit) -> None:
    page = visitor().open("account")
    skip = page.get_by_role("link", name="To the content")
    expect(page.get_by_role("heading", name="You", exact=True)).to_be_visible()
    skip.focus()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#account-page")).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#account-page') !== null")


def test_on_a_phone_the_pages_fold_into_a_menu(visitor: Visit) -> None:
    who = visitor(PHONE)
    page = who.open("profile")
    menu = page.get_by_role("button", name="Menu")
    link = page.get_by_role("link", name="Account")
    expect(menu).to_have_attribute("aria-expanded", "false")
    expect(link).to_be_hidden()
    menu.focus()
    page.keyboard.press("Enter")
    expect(menu).to_have_attribute("aria-expanded", "true")
    expect(link).to_be_visible()
    page.keyboard.press("Escape")
    expect(link).to_be_hidden()
    expect(menu).to_be_focused()
    menu.click()
    page.mouse.click(20, 700)  # beside it
    expect(link).to_be_hidden()
    menu.click()
    link.click()
    page.wait_for_url("**/app/account")
    expect(page.locator("#who-email")).to_have_text(who.user.email)
    assert not who.scrolls_sideways()
    menu.click()
    page.get_by_role("button", name="Sign out", exact=True).first.click()
    page.wait_for_url("**/login")


@pytest.mark.parametrize("role", ["user", "admin"])
def test_pages_for_admins_are_shown_to_admins(visitor: Visit, role: str) -> None:
    """A link of the kind that `PageRow(..., admins=True)` makes; the page behind it asks the server for itself."""
    who = visitor(role=role)
    asked: list[str] = []
    who.page.on("request", lambda request: asked.append(request.url))
    page = who.open("profile")
    expect(page.locator("#roster li")).to_be_visible()
    page.evaluate(
        "document.querySelector('#header nav').insertAdjacentHTML('beforeend',"
        """'<a href="/app/admin" data-for="admin" hidden>Back room</a>')"""
    )
    page.evaluate("window.aim.settleHeader()")
    page.wait_for_function("sessionStorage.getItem('aim.who')")
    assert page.get_by_role("link", name="Back room").count() == (role == "admin")
    page.reload()
    expect(page.locator("#roster li")).to_be_visible()
    assert sum(url.endswith("/api/account") for url in asked) == 1, "asked once per tab"


# Profile and artists


def test_the_profile_is_saved_and_said_so(visitor: Visit, site: Api) -> None:
    who = visitor()
    page = who.open("profile")
    expect(page.locator("#roster li")).to_be_visible()
    page.get_by_label("Producer").check()
    page.get_by_label("Just starting").check()
    for label in ("Artist name", "Genres", "Goals", "Audience", "Bio"):
        page.get_by_label(label).fill(f"My {label}")
    said = page.locator("#profile-form .said")
    expect(said).to_have_text("Not saved yet.")
    page.get_by_role("button", name="Save profile").click()
    expect(said).to_have_text("Saved. Answers use it from now on.")
    page.reload()
    expect(page.get_by_label("Bio")).to_have_value("My Bio")
    expect(page.get_by_label("Producer")).to_be_checked()
    kept = site.services.profiles.get(local_operator(who.user.id))
    assert (kept.role, kept.stage, kept.goals, kept.audience) == (
        "producer",
        "just starting",
        "My Goals",
        "My Audience",
    )


def test_leaving_with_an_unsaved_profile_is_asked_first(visitor: Visit) -> None:
    page = visitor().open("profile")
    expect(page.locator("#roster li")).to_be_visible(timeout=20_000)
    page.get_by_label("Goals").fill("A tour of ten shows")
    asked: list[str] = []

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", leave)
    page.reload()
    assert asked == ["beforeunload"]
    asked.clear()
    expect(page.locator("#roster li")).to_be_visible(timeout=20_000)
    page.get_by_label("Goals").fill("A tour of ten shows")
    page.get_by_role("button", name="Save profile").click()
    expect(page.locator("#profile-form .said")).to_contain_text("Saved", timeout=20_000)
    page.reload()
    assert asked == []


def test_an_artist_is_added_renamed_and_deleted(visitor: Visit, site: Api) -> None:
    who = visitor()
    page = who.open("profile")
    expect(page.get_by_text("Your only artist")).to_be_visible()
    page.get_by_role("button", name="Add artist").click()
    expect(page.locator("#artist-name-wrong")).to_have_text("Type a name.")
    page.get_by_label("New artist").fill("Paper <b>Kite</b>")
    page.keyboard.press("Enter")
    expect(page.locator("#roster-said")).to_have_text("Paper <b>Kite</b> was added.")
    page.get_by_role("button", name="Rename Paper").click()
    expect(page.get_by_label("New name")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Rename Paper")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_label("New name").fill("Paper Kite")
    page.keyboard.press("Enter")
    expect(page.locator("#roster-said")).to_have_text("Renamed to Paper Kite.")
    principal = local_operator(who.user.id)
    kite = site.services.artists.list(principal).items[1].id
    site.services.documents.note(principal, "A deal", "The manager receives seventeen percent.", kite)
    page.reload()
    expect(row(page, "Paper Kite")).to_contain_text("1 document")
    page.get_by_role("button", name="Delete Paper Kite").click()
    sure = page.get_by_role("dialog")
    expect(sure).to_contain_text(
        "1 document, all conversations about Paper Kite and the answers that used them go too."
    )
    sure.get_by_role("button", name="Keep it").click()
    assert len(artists(site, who)) == 2
    page.get_by_role("button", name="Delete Paper Kite").click()
    sure.get_by_role("button", name="Delete").click()
    expect(page.locator("#roster-said")).to_have_text("Paper Kite was deleted.")
    assert len(artists(site, who)) == 1


def test_an_artist_is_handed_over_to_another_user(visitor: Visit, site: Api) -> None:
    giver, taker = visitor(), visitor(PHONE)
    principal = local_operator(giver.user.id)
    for name in ("Night Ferry", "Slow Tide"):
        site.services.artists.create(principal, name)
    page = giver.open("profile")
    for name in ("Night Ferry", "Slow Tide"):
        page.get_by_role("button", name=f"Hand over {name}").click()
        page.get_by_role("button", name="Offer", exact=True).click()
        expect(page.get_by_text("Type an e-mail address.")).to_be_visible()
        page.get_by_label("E-mail of who takes over").fill(taker.user.email)
        page.keyboard.press("Enter")
        expect(page.locator("#roster-said")).to_contain_text(f"Until then {name} stays with you")
    theirs = taker.open("profile")
    expect(theirs.get_by_role("heading", name="Offered to you")).to_be_visible()
    expect(row(theirs, "Night Ferry")).to_contain_text(f"From {giver.user.email}")
    assert not taker.scrolls_sideways()
    theirs.get_by_role("button", name="Accept Night Ferry").click()
    expect(theirs.locator("#roster-said")).to_contain_text("Night Ferry is yours now")
    theirs.get_by_role("button", name="Decline Slow Tide").click()
    expect(theirs.get_by_role("heading", name="Offered to you")).to_be_hidden()
    assert "Night Ferry" in artists(site, taker)
    assert "Slow Tide" in artists(site, giver)
    page.get_by_role("button", name="Hand over Slow Tide").click()
    page.get_by_label("E-mail of who takes over").fill(taker.user.email)
    page.keyboard.press("Enter")
    expect(page.locator("#roster-said")).to_contain_text("Until then Slow Tide stays with you")
    page.get_by_role("button", name="Hand over Slow Tide").click()
    page.get_by_role("button", name="Take back an open offer").click()
    expect(page.locator("#roster-said")).to_have_text("No offer is open now.")
    assert site.services.handovers.offers(local_operator(taker.user.id)).items == []


# Account


def test_the_password_is_changed_with_errors_beside_their_field(visitor: Visit, site: Api) -> None:
    who = visitor()
    page = who.open("account")
    old, new = page.get_by_label("Current password", exact=True), page.get_by_label("New password", exact=True)
    expect(page.locator("#who-email")).to_have_text(who.user.email)
    expect(old).to_have_attribute("autocomplete", "current-password")
    expect(new).to_have_attribute("autocomplete", "new-password")
    page.get_by_role("button", name="Change password").click()
    expect(page.locator("#old-password-wrong")).to_have_text("Type your current password.")
    old.fill("not this one at all")
    new.fill("short")
    expect(page.locator("#strength")).to_have_text("Too short: 7 more.")
    new.fill("aaaaaaaaaaaaaa")
    expect(page.locator("#strength")).to_have_text("Easy to guess.")
    page.get_by_role("button", name="Show new password").click()
    expect(new).to_have_attribute("type", "text")
    who.witness.seen.clear()
    page.get_by_role("button", name="Change password").click()
    expect(page.locator("#new-password-wrong")).to_contain_text("easy to guess")
    new.fill("four other words of mine")
    page.get_by_role("button", name="Change password").click()
    expect(page.locator("#old-password-wrong")).to_have_text("The current password is wrong.")
    expect(old).to_be_focused()
    old.fill(PASSWORD)
    page.get_by_role("button", name="Change password").click()
    expect(page.locator("#password-form .said")).to_have_text("Changed. Every other device is signed out.")
    who.witness.seen[:] = [said for said in who.witness.seen if "status of 4" not in said]  # the two refusals above
    assert site.services.users.verify(who.user.email, "four other words of mine", "203.0.113.9").id == who.user.id


def test_sign_ins_are_ended_one_by_one_and_all_at_once(visitor: Visit, site: Api) -> None:
    who = visitor()
    for device in ("Safari on an iPhone", "Firefox on Windows"):
        site.services.sessions.open_browser(who.user.id, True, device)
    page = who.open("account")
    expect(page.locator("#sign-ins li")).to_have_count(3)
    expect(page.locator("#sign-ins li").first).to_contain_text("This device")
    page.get_by_role("button", name="Sign out Safari on an iPhone").click()
    expect(page.locator("#sign-ins-said")).to_have_text("Safari on an iPhone is signed out.")
    expect(page.locator("#sign-ins li")).to_have_count(2)
    page.get_by_role("button", name="Sign out all others").click()
    expect(page.locator("#sign-ins li")).to_have_count(1)
    expect(page.get_by_role("button", name="Sign out all others")).to_be_hidden()
    page.get_by_role("button", name="Sign out everywhere").click()
    page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login")
    assert site.services.sign_ins.list(local_operator(who.user.id)).items == []


def test_the_access_log_names_what_was_read(visitor: Visit, site: Api) -> None:
    who = visitor(PHONE)
    principal = local_operator(who.user.id)
    document = site.services.documents.receive(
        principal, kb="personal", filename="deal.txt", source=io.BytesIO(b"Seventeen percent."), title="My <i>deal</i>"
    )
    site.services.documents.file(principal, document.id)
    with pytest.raises(AppError):
        site.services.documents.get(principal, "00000000-0000-4000-8000-000000000000")
    for number in range(22):
        site.services.artists.create(principal, f"Artist {number}")
    page = who.open("account")
    log = page.locator("#log")
    expect(log.get_by_role("listitem").first).to_contain_text("Added the artist “Artist 21”")
    expect(log.locator("> li")).to_have_count(20)
    page.get_by_role("button", name="Show older").click()
    expect(log).to_contain_text("Downloaded “My <i>deal</i>”")
    expect(page.get_by_role("button", name="Show older")).to_be_hidden()
    page.get_by_label("Show", exact=True).select_option("Reading")
    expect(log.locator("> li")).to_have_count(1)
    expect(log).to_contain_text("on the server itself")
    page.get_by_label("Show", exact=True).select_option("Refused")
    expect(log).to_contain_text("Opened a document · refused")
    page.get_by_label("Show", exact=True).select_option("Sign-ins")
    expect(page.locator("#log")).to_contain_text("Account opened by whoever runs this server")
    assert not who.scrolls_sideways()


def test_everything_is_downloaded_and_the_samples_go(visitor: Visit, site: Api) -> None:
    who = visitor()
    principal = local_operator(who.user.id)
    site.services.samples.add(principal)
    page = who.open("account")
    with page.expect_download() as coming:
        page.get_by_role("link", name="Download everything").click()
    assert coming.value.suggested_filename.startswith("ai-manager-")
    expect(page.get_by_text("4 sample documents among your documents.")).to_be_visible()
    page.get_by_role("button", name="Remove samples").click()
    expect(page.get_by_text("The samples are gone.")).to_be_visible()
    assert site.services.samples.held(principal).items == []


def test_the_account_is_deleted_when_its_address_was_typed(visitor: Visit, site: Api) -> None:
    who = visitor()
    page = who.open("account")
    expect(page.locator("#who-email")).to_have_text(who.user.email)
    typed = page.get_by_label("Type your e-mail address to confirm")
    typed.fill("another@example.com")
    page.get_by_role("button", name="Delete my account").click()
    expect(page.locator("#confirm-email-wrong")).to_have_text("This is not the e-mail address of this account.")
    typed.fill(who.user.email.upper())
    page.get_by_role("button", name="Delete my account").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep it").click()
    assert site.services.users.get(who.user.id)
    page.get_by_role("button", name="Delete my account").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete everything").click()
    page.wait_for_url("**/login", timeout=30_000)
    with pytest.raises(AppError):
        site.services.users.get(who.user.id)
