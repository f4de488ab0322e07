"""Signing in, opening an account, the guided start and the first steps, in a browser."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from app.principal import local_operator
from app.services.profiles import ProfileShape
from tests.api.conftest import PASSWORD, Api
from tests.ui.chromium import DESKTOP, PHONE, Witness
from tests.ui.conftest import Visit

READY_MS = 60_000


@pytest.fixture
def stranger(site: Api, browser: Browser) -> Iterator[Page]:
    """A browser in which nobody is signed in."""
    context = browser.new_context(viewport={"width": DESKTOP[0], "height": DESKTOP[1]})
    page, witness = context.new_page(), Witness(site.url)
    witness.watch(page)
    yield page
    context.close()
    # A refused form is answered with its status, which Chromium writes to the console.
    assert [said for said in witness.seen if "status of 4" not in said] == []


def new_email() -> str:
    return f"{uuid.uuid4().hex}@example.com"


def test_what_is_wrong_is_said_beside_its_field_before_it_is_sent(stranger: Page, site: Api) -> None:
    stranger.goto(f"{site.url}/register")
    stranger.get_by_role("button", name="Create account").click()
    expect(stranger.locator("#email-wrong")).to_have_text("Type your e-mail address.")
    expect(stranger.locator("#password-wrong")).to_have_text("Choose a password.")
    expect(stranger.get_by_label("E-mail")).to_be_focused()
    stranger.get_by_label("E-mail").fill("nonsense")
    stranger.get_by_label("Password", exact=True).fill("too short")
    stranger.get_by_role("button", name="Create account").click()
    expect(stranger.get_by_label("E-mail")).to_have_attribute("aria-invalid", "true")
    expect(stranger.locator("#password-wrong")).to_have_text("Choose at least 12 characters; 3 more.")
    stranger.get_by_label("E-mail").fill(new_email())
    expect(stranger.locator("#email-wrong")).to_be_hidden()
    stranger.get_by_label("Password", exact=True).fill("four words of mine")
    expect(stranger.locator("#strength")).to_have_text("Strong.")


def test_a_password_is_shown_and_hidden_again_when_it_is_sent(stranger: Page, site: Api) -> None:
    stranger.goto(f"{site.url}/login")
    secret = stranger.get_by_label("Password", exact=True)
    secret.fill("not this one at all")
    stranger.get_by_role("button", name="Show password").click()
    expect(secret).to_have_attribute("type", "text")
    expect(secret).to_be_focused()
    expect(stranger.get_by_role("button", name="Hide password")).to_have_attribute("aria-pressed", "true")
    stranger.get_by_label("E-mail").fill("nobody@example.com")
    stranger.evaluate("document.querySelector('form').addEventListener('submit', () => (window.name = password.type))")
    stranger.get_by_role("button", name="Sign in").click()
    expect(stranger.get_by_role("alert").first).to_have_text("E-mail or password is wrong.")
    assert stranger.evaluate("window.name") == "password"
    expect(stranger.get_by_label("E-mail")).to_have_value("nobody@example.com")


def test_from_registering_to_a_cited_answer_by_keyboard_alone(stranger: Page, site: Api) -> None:
    """The guided start: Enter goes on, Skip and Back are reached by Tab, radio buttons by the arrows."""
    email = new_email()
    keys = stranger.keyboard
    stranger.goto(f"{site.url}/register")
    expect(stranger.get_by_label("E-mail")).to_be_focused()  # what is typed before goes nowhere
    for words in (email, "Tab", PASSWORD, "Enter"):
        keys.press(words) if words in ("Tab", "Enter") else keys.type(words)
    stranger.wait_for_url("**/app/welcome")
    heading = stranger.get_by_role("heading", level=1)
    expect(heading).to_have_text("What are you?")
    tab_to(stranger, stranger.get_by_label("Independent artist"))
    keys.press("Space")
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    keys.press("Enter")
    expect(heading).to_have_text("What name do you work under?")
    expect(heading).to_be_focused()
    expect(stranger.get_by_text("Step 2 of 6")).to_be_visible()
    keys.press("Tab")
    keys.type("The Night Shift")
    keys.press("Enter")
    expect(heading).to_have_text("Where do you stand?")
    tab_to(stranger, stranger.get_by_role("button", name="Back"))
    keys.press("Enter")
    expect(heading).to_have_text("What name do you work under?")
    expect(stranger.get_by_label("Artist name")).to_have_value("The Night Shift")
    for title in ("Where do you stand?", "What do you want?", "Who listens?", "Something to ask about"):
        tab_to(stranger, stranger.get_by_role("button", name="Skip", exact=True))
        keys.press("Enter")
        expect(heading).to_have_text(title)
    tab_to(stranger, stranger.get_by_role("button", name="Add the samples"))
    keys.press("Enter")
    expect(stranger.get_by_text("The samples are ready.")).to_be_visible(timeout=READY_MS)
    question = "What commission does the manager take in the sample management agreement?"
    tab_to(stranger, stranger.get_by_role("button", name=question), back=True)
    keys.press("Enter")
    field = stranger.locator("#question textarea")
    expect(field).to_have_value(question)
    expect(field).to_be_focused()
    keys.press("Enter")
    expect(stranger.locator("#chat details.source").first).to_contain_text(
        "Sample: management agreement", timeout=30_000
    )
    user = site.services.users.by_email(email)
    principal = local_operator(user.id)
    assert site.services.profiles.get(principal) == ProfileShape(role="songwriter", artist_name="The Night Shift")
    assert [artist.name for artist in site.services.artists.list(principal).items] == ["The Night Shift"]


def tab_to(page: Page, wanted: object, back: bool = False) -> None:
    for _ in range(40):
        if wanted.evaluate("(one) => one === document.activeElement"):  # type: ignore[attr-defined]
            return
        page.keyboard.press("Shift+Tab" if back else "Tab")
    raise AssertionError(f"the keyboard does not reach {wanted}")


def test_everything_may_be_skipped_and_nothing_is_made_up(visitor: Visit, site: Api) -> None:
    who = visitor(PHONE)
    page = who.open("welcome")
    page.get_by_role("button", name="Skip", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    assert not who.scrolls_sideways()
    page.get_by_role("link", name="Skip all").click()
    page.wait_for_url("**/app/")
    principal = local_operator(who.user.id)
    assert site.services.profiles.get(principal) == ProfileShape()
    assert site.services.first_steps.of(principal).done == 0


def test_the_steps_stay_until_they_are_done(visitor: Visit, site: Api) -> None:
    who = visitor()
    page = who.open()
    steps = page.get_by_role("region", name="First steps")
    expect(steps).to_contain_text("0 of 4 done")
    none_yet = page.get_by_text("You have no documents of your own yet")
    expect(none_yet).to_be_visible()
    expect(steps.get_by_role("link", name="Say who you are")).to_have_attribute("href", "/app/welcome")
    steps.get_by_role("button", name="Add sample documents").click()
    expect(steps).to_contain_text("1 of 4 done")
    expect(steps.get_by_role("listitem").filter(has_text="Add a document")).to_have_class("done")
    expect(none_yet).to_be_hidden()
    steps.get_by_role("link", name="Ask your first question").click()
    expect(page.locator("#question textarea")).to_be_focused()
    steps.get_by_role("button", name="Remove samples").click()
    expect(steps).to_contain_text("0 of 4 done")
    expect(none_yet).to_be_visible()
    site.services.profiles.put(local_operator(who.user.id), ProfileShape(bio="Drums."))
    page.locator("#question textarea").fill("Hello, how are you?")
    page.keyboard.press("Enter")
    expect(steps).to_be_hidden()
    expect(page.locator("#chat .bot").first).to_be_visible()
    expect(page.locator("#send")).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="New conversation").click()
    expect(steps).to_contain_text("2 of 4 done")


def test_the_steps_are_put_away_for_good(visitor: Visit) -> None:
    who = visitor()
    page = who.open()
    steps = page.get_by_role("region", name="First steps")
    steps.get_by_role("button", name="Hide the first steps").click()
    expect(steps).to_be_hidden()
    with page.expect_response("**/api/account/steps"):
        page.reload()
    expect(page.get_by_text("Ask your manager")).to_be_visible()
    expect(steps).to_be_hidden()
