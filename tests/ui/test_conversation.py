"""The chat page in a browser: asking, stopping, asking again, rating, copying, limiting, adding, and the list at the side."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.models import Message, User
from app.principal import Principal, local_operator
from tests.api.conftest import Api
from tests.openai_replies import default_reply
from tests.ui.chromium import PHONE, Visitor
from tests.ui.conftest import Visit

DEAL = (
    "1. Commission. The manager takes a commission of seventeen percent of the artist's gross income.\n\n"
    "2. Term. The term of this agreement is three years from the day of signature.\n\n"
    "3. Governing Law. This agreement is governed by the laws of England and Wales.\n"
)
COMMISSION = "What commission does my manager take?"


def saying(answer: str) -> Any:
    """Intents by the test server's own rules; every answer is this one."""
    return lambda body: default_reply(body) if not body.get("stream") else answer


@pytest.fixture(autouse=True)
def _default_answers(site: Api) -> Iterator[None]:
    site.llm.script(saying("Seventeen percent [P1]."))
    yield
    site.llm.script()


def operator(user: User) -> Principal:
    return local_operator(user.id)


def ready(site: Api, user: User, title: str, text: str, artist_id: str | None = None) -> str:
    """A note of the user's that can be asked about."""
    note = site.services.documents.note(operator(user), title, text, artist_id)
    deadline = time.monotonic() + 60
    while site.services.documents.get(operator(user), note.id).status != "ready":
        assert time.monotonic() < deadline, "the note is not ready"
        time.sleep(0.05)
    return note.id


def box(page: Page) -> Any:
    return page.get_by_role("textbox", name="Your question")


def ask(page: Page, text: str) -> None:
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_visible(timeout=20_000)
    box(page).fill(text)
    box(page).press("Enter")


def answered(page: Page, words: str) -> None:
    """The answer stands, whole and stored."""
    expect(page.get_by_role("log")).to_contain_text(words, timeout=20_000)
    expect(page.get_by_role("button", name="Copy").last).to_be_visible(timeout=20_000)


def act(page: Page, name: str) -> Any:
    return page.get_by_role("log").get_by_role("button", name=name, exact=True).last


@pytest.fixture
def lena(site: Api, visitor: Visit) -> Visitor:
    """Somebody with a contract, at the chat page."""
    person = visitor()
    ready(site, person.user, "Management deal", DEAL)
    person.open()
    return person


def messages(site: Api, user: User, conversation: int = 0) -> list[tuple[str, str]]:
    """Role and text of what stands in one of the user's conversations, the newest first."""
    chat = site.services.chat
    row = chat.conversations(operator(user)).items[conversation]
    return [(one.role, one.text) for one in chat.messages(operator(user), row.id).items]


def test_stop_closes_the_stream_and_a_second_try_answers(site: Api, lena: Visitor) -> None:
    page, closed = lena.page, site.llm.closed
    site.llm.script(saying("word " * 400), token_seconds=0.03)
    ask(page, COMMISSION)
    expect(page.get_by_role("log")).to_contain_text("word word", timeout=20_000)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("log")).to_contain_text("Incomplete", timeout=10_000)
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    assert site.llm.closed == closed + 1
    site.llm.script(saying("Seventeen percent [P1]."))
    act(page, "Try again").click()
    answered(page, "Seventeen percent [P1]")
    assert messages(site, lena.user) == [("user", COMMISSION), ("assistant", "Seventeen percent [P1].")]
    assert "word word" not in page.get_by_role("log").inner_text()


def test_leaving_in_the_middle_of_an_answer_is_no_error(site: Api, lena: Visitor) -> None:
    page = lena.page
    site.llm.script(saying("word " * 200), token_seconds=0.03)
    ask(page, COMMISSION)
    expect(page.get_by_role("log")).to_contain_text("word word", timeout=20_000)
    page.reload()  # Gradio's script aborts its open stream of events; what it makes of that would stand in the console
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_visible(timeout=20_000)
    assert lena.witness.seen == []


def test_a_long_answer_is_read_from_its_question_on(site: Api, visitor: Visit) -> None:
    person = visitor(PHONE)
    ready(site, person.user, "Management deal", DEAL)
    page = person.open()
    expect(page.locator("#starters .ask").first).to_be_visible(timeout=20_000)
    site.llm.script(saying("Seventeen percent [P1]. " + "It is of gross income. " * 40))
    ask(page, COMMISSION)
    answered(page, "Seventeen percent")
    expect(page.locator("#chat .asked").last).to_be_in_viewport(timeout=5_000)
    expect(page.locator("#starters")).to_be_hidden()
    expect(page.get_by_role("region", name="First steps")).to_be_hidden()


def test_whoever_asks_from_further_up_sees_the_question_and_its_answer(site: Api, visitor: Visit) -> None:
    person = visitor(PHONE)
    ready(site, person.user, "Management deal", DEAL)
    page = person.open()
    site.llm.script(saying("Seventeen percent [P1]. " + "It is of gross income. " * 80))
    ask(page, COMMISSION)
    answered(page, "Seventeen percent")
    page.reload()  # a long answer is read from its question on, far from its end
    expect(page.locator("#chat .asked").last).to_be_in_viewport(timeout=20_000)
    site.llm.script(saying("Three years [P1]."))
    ask(page, COMMISSION)
    answered(page, "Three years")
    expect(page.get_by_role("log").get_by_role("paragraph").filter(has_text="Three years")).to_be_in_viewport(
        timeout=5_000
    )
    expect(page.locator("#chat .asked").last).to_be_in_viewport()


def test_a_provider_that_breaks_off_loses_neither_the_question_nor_what_came(site: Api, lena: Visitor) -> None:
    page = lena.page
    site.llm.script(saying("Seventeen percent of everything that comes in [P1]."), die_after=4)
    ask(page, COMMISSION)
    expect(act(page, "Try again")).to_be_visible(timeout=20_000)
    expect(page.get_by_role("log")).to_contain_text(COMMISSION)
    expect(page.get_by_role("log")).to_contain_text("Seventeen percent of")
    expect(page.get_by_text("Ask next")).to_be_hidden()
    page.reload()
    expect(act(page, "Try again")).to_be_visible(timeout=20_000)


def test_a_question_is_changed_and_the_earlier_version_can_be_seen(site: Api, lena: Visitor) -> None:
    page = lena.page
    ask(page, COMMISSION)
    answered(page, "Seventeen percent [P1]")
    act(page, "Edit and ask again").click()
    expect(box(page)).to_have_value(COMMISSION)
    expect(page.locator("#limits")).to_contain_text("You are changing an earlier question")
    page.get_by_role("button", name="Leave the question as it was").click()
    expect(box(page)).to_have_value("")
    expect(page.locator("#limits")).to_be_hidden()

    act(page, "Edit and ask again").click()
    site.llm.script(saying("Three years [P1]."))
    ask(page, "How long is the term of my contract?")
    answered(page, "Three years [P1]")
    assert [text for _, text in messages(site, lena.user)] == [
        "How long is the term of my contract?",
        "Three years [P1].",
    ]
    act(page, "Earlier version").click()
    earlier = page.get_by_role("dialog", name="What stood here before")
    expect(earlier).to_contain_text(re.compile(f"{re.escape(COMMISSION)}.*Seventeen percent", re.DOTALL))
    earlier.get_by_role("button", name="Close").click()

    site.llm.script(saying("Thirty-six months [P1]."))
    act(page, "Ask again").click()
    answered(page, "Thirty-six months [P1]")
    assert [text for _, text in messages(site, lena.user)][1:] == ["Thirty-six months [P1]."]


def test_an_answer_is_copied_without_signs_of_markdown(site: Api, lena: Visitor) -> None:
    page = lena.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    site.llm.script(
        saying(
            "It takes **17 percent** [P1].\n\n- of *gross* income\n- for `three` years\n\n| a | b |\n|---|---|\n| 1 | 2 |"
        )
    )
    ask(page, COMMISSION)
    answered(page, "17 percent")
    act(page, "Copy").click()
    expect(page.get_by_role("log")).to_contain_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == (
        "It takes 17 percent [P1].\n\n- of gross income\n- for three years\n\na, b\n1, 2\n\n"
        "Sources:\n[P1] Management deal, page 1"
    )


def test_an_answer_is_rated_with_a_reason(site: Api, lena: Visitor) -> None:
    page = lena.page
    ask(page, COMMISSION)
    answered(page, "Seventeen percent")
    act(page, "Helpful").click()
    expect(page.locator("#chat .act.up")).to_have_attribute("aria-pressed", "true")
    act(page, "Not helpful").click()
    dialog = page.get_by_role("dialog", name="Not helpful")
    dialog.get_by_label("Something is missing").check()
    dialog.get_by_label("In your words").fill("the sunset clause")
    dialog.get_by_role("button", name="Send").click()
    expect(page.locator("#chat .act.down")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#chat .act.up")).to_have_attribute("aria-pressed", "false")
    kept = site.services.chat.messages(
        operator(lena.user), site.services.chat.conversations(operator(lena.user)).items[0].id
    )
    with site.services.db.reading() as session:
        row = session.get_one(Message, int(kept.items[-1].id))
        assert (row.rating, row.feedback) == (-1, "Something is missing: the sunset clause")
    page.reload()
    expect(page.locator("#chat .act.down")).to_have_attribute("aria-pressed", "true", timeout=20_000)


def test_suggested_questions_are_asked_by_a_click_and_find_something(site: Api, lena: Visitor) -> None:
    page = lena.page
    expect(page.get_by_text("Begin with")).to_be_visible(timeout=20_000)
    box(page).fill("a draft of mine")
    page.locator("#starters").get_by_role("button").first.click()
    answered(page, "Seventeen percent")
    expect(page.locator("#starters")).to_be_hidden()
    expect(box(page)).to_have_value("a draft of mine")
    suggested = page.locator("#chat .next .ask").first
    words = suggested.inner_text()
    suggested.click()
    expect(page.get_by_role("log").locator(".asked").last).to_have_text(words, timeout=20_000)
    expect(page.locator("#chat .act.copy")).to_have_count(2, timeout=20_000)
    expect(page.locator("#chat .next")).to_have_count(1)
    assert len(messages(site, lena.user)) == 4


def test_the_artist_is_in_sight_goes_with_the_question_and_stays_with_the_conversation(
    site: Api, visitor: Visit
) -> None:
    person = visitor(PHONE)
    one, other = (
        site.services.artists.create(operator(person.user), name).id for name in ("Paper Kite", "Night Ferry")
    )
    ready(site, person.user, "Kite deal", DEAL, one)
    page = person.open()
    choice = page.get_by_role("combobox", name="Whom the question is about")
    expect(choice).to_be_in_viewport(timeout=20_000)
    choice.select_option(label="Night Ferry")
    ask(page, COMMISSION)
    answered(page, "Nothing in the knowledge bases covers this")
    choice.select_option(label="Paper Kite")
    ask(page, COMMISSION)
    answered(page, "Seventeen percent [P1]")
    page.reload()
    expect(choice).to_have_value(one, timeout=20_000)
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        choice.select_option(label="All artists")
    [conversation] = site.services.chat.conversations(operator(person.user)).items
    assert conversation.artist_id is None
    assert not person.scrolls_sideways()
    assert other != one


def test_a_question_is_limited_to_chosen_documents(site: Api, lena: Visitor) -> None:
    page = lena.page
    ready(site, lena.user, "Rider", "The band needs two towels each and a commission of nobody.")
    page.get_by_role("button", name="Choose documents").click()
    picker = page.get_by_role("dialog", name="Ask only in these documents")
    expect(picker.get_by_label("Management deal")).to_be_visible()
    picker.get_by_role("searchbox", name="Search documents").fill("rid")
    expect(picker.get_by_label("Management deal")).to_be_hidden()
    picker.get_by_label("Rider").check()
    picker.get_by_role("button", name="Use these").click()
    expect(page.locator("#limits .chip")).to_contain_text("Rider")
    ask(page, "What commission is there?")
    answered(page, "Seventeen percent")
    assert "two towels" in str(site.llm.chats[-1].body)
    assert "seventeen percent of the artist" not in str(site.llm.chats[-1].body)
    expect(page.locator("#limits .chip")).to_contain_text("Rider")  # kept while the conversation is open
    page.get_by_role("button", name="Do not limit the question to Rider").click()
    ask(page, COMMISSION)
    expect(page.locator("#chat .act.copy")).to_have_count(2, timeout=20_000)
    assert "seventeen percent of the artist" in str(site.llm.chats[-1].body)


def test_notes_and_dropped_files_become_documents(site: Api, lena: Visitor) -> None:
    page = lena.page
    page.get_by_role("button", name="Write a note").click()
    note = page.get_by_role("dialog", name="Write a note")
    note.get_by_label("Title").fill("Call with the label")
    note.get_by_label("Text").fill("They offer eighteen percent and two options.")
    note.get_by_role("button", name="Keep").click()
    uploads = page.locator("#chat-drop .uploads")
    expect(uploads).to_contain_text(re.compile("Call with the label.*Ready", re.DOTALL), timeout=30_000)

    files = page.evaluate_handle(
        """() => {
            const held = new DataTransfer();
            held.items.add(new File(["The rider asks for tea."], "rider.txt"));
            return held;
        }"""
    )
    page.dispatch_event("#chat-page", "dragenter", {"dataTransfer": files})
    expect(page.locator("body")).to_have_class(re.compile("dropping"))
    page.dispatch_event("#chat-page", "drop", {"dataTransfer": files})
    expect(uploads).to_contain_text(re.compile("rider.txt.*Ready", re.DOTALL), timeout=30_000)
    with page.expect_file_chooser():
        page.get_by_role("button", name="Add document", exact=True).click()
    titles = {one.title for one in site.services.documents.list(operator(lena.user)).items}
    assert {"Call with the label", "rider"} <= titles


def test_conversations_are_found_renamed_and_deleted(site: Api, lena: Visitor) -> None:
    page, mine = lena.page, operator(lena.user)
    ask(page, COMMISSION)
    answered(page, "Seventeen percent")
    site.services.chat.create(mine, title="Summer tour")
    page.reload()
    side = page.locator("#conversations")
    expect(side.get_by_role("heading", name="Today")).to_be_visible(timeout=20_000)
    expect(side.locator(".open").first).to_have_text("Summer tour")
    page.get_by_role("searchbox", name="Search conversations").fill("seventeen")
    expect(side.locator(".open")).to_have_count(1)
    expect(side.locator(".open")).to_have_text(COMMISSION)
    page.get_by_role("searchbox", name="Search conversations").fill("")
    expect(side.locator(".open")).to_have_count(2)

    side.get_by_role("button", name="Summer tour").click()
    expect(side.locator("[aria-current]")).to_have_text("Summer tour")
    expect(page.get_by_role("heading", name="Ask your manager")).to_be_visible()
    side.get_by_role("button", name="Rename").click()
    title = page.get_by_role("dialog", name="Rename the conversation").get_by_label("Title")
    title.fill("Autumn tour")
    title.press("Enter")
    expect(side.locator("[aria-current]")).to_have_text("Autumn tour")
    side.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Keep it").click()
    side.get_by_role("button", name="Delete").click()
    page.locator("dialog").get_by_role("button", name="Delete").click()
    expect(side.locator(".open")).to_have_count(1)
    assert [one.title for one in site.services.chat.conversations(mine).items] == [COMMISSION]


def test_two_users_side_by_side_see_their_own(site: Api, visitor: Visit, lena: Visitor) -> None:
    ben = visitor()
    ready(site, ben.user, "Ben's deal", DEAL.replace("seventeen", "twelve"))
    there = ben.open()
    site.llm.script(lambda body: default_reply(body), token_seconds=0.05)
    ask(lena.page, COMMISSION)
    ask(there, COMMISSION)
    for person, words, other in ((lena, "seventeen", "twelve"), (ben, "twelve", "seventeen")):
        expect(act(person.page, "Ask again")).to_be_visible(timeout=20_000)
        person.page.locator("#chat details.source summary").first.click()
        expect(person.page.get_by_role("log")).to_contain_text(words)
        assert other not in person.page.get_by_role("log").inner_text()
        expect(person.page.locator("#conversations .open")).to_have_count(1)


def test_a_phone_begins_with_the_conversation_and_its_list_shut(lena: Visitor, site: Api, visitor: Visit) -> None:
    ask(lena.page, COMMISSION)
    answered(lena.page, "Seventeen percent")
    phone = visitor(PHONE, user=lena.user)
    page = phone.open()
    expect(box(page)).to_be_visible(timeout=20_000)
    expect(page.locator(".sidebar.open")).to_have_count(0, timeout=10_000)
    page.get_by_role("button", name="Toggle Sidebar").click()
    page.locator("#conversations").get_by_role("button", name=COMMISSION).click()
    answered(page, "Seventeen percent")
    expect(page.locator(".sidebar.open")).to_have_count(0)
    assert not phone.scrolls_sideways()
