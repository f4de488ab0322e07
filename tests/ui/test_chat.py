"""The chat page over real services: what is shown is one's own, whatever id the browser sends."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import gradio as gr
import pytest

from app.errors import TooMany
from app.models import Conversation, Message, Trace
from app.principal import Principal
from app.services.services import Services
from app.services.shapes import AskRequest
from app.ui.chat import ChatHandlers, ChatPage, _lay_out
from app.ui.said import LISTED, SHOWN
from app.ui.side import conversations_html
from tests.openai_replies import default_reply
from tests.openai_server import OpenAIServer
from tests.ui.support import asked_by, laid_out, new_user

Handlers = tuple[ChatHandlers, ChatPage]


@pytest.fixture(scope="module")
def chat(services: Services) -> Handlers:
    page = laid_out(lambda: _lay_out(services))
    return ChatHandlers(services, page), page


@pytest.fixture
def alice(services: Services) -> Principal:
    return new_user(services)


@pytest.fixture
def bob(services: Services) -> Principal:
    return new_user(services)


def ask(services: Services, principal: Principal, text: str) -> str:
    return asyncio.run(services.chat.answer(principal, AskRequest(text=text))).conversation


def said(conversation: str | None = None, **more: Any) -> str:
    """What the page's script says of the page."""
    return json.dumps({"conversation": conversation, **more})


def shown(chat: Handlers, principal: object, conversation: str | None, **more: Any) -> dict[str, Any]:
    view = asyncio.run(chat[0].shown(said(conversation, **more), asked_by(principal)))
    names = ("above", "chat", "starting", "hint", "send", "stop", "about")
    return {name: view.get(getattr(chat[1], name)) for name in names} | {"list": view[chat[1].side.conversations]}


def test_a_newcomer_without_documents_sees_a_hint_and_nothing_that_would_find_nothing(
    chat: Handlers, alice: Principal
) -> None:
    view = shown(chat, alice, None)
    assert (view["chat"], view["list"]) == ([], "")
    assert view["starting"]["visible"] is False
    assert view["hint"]["visible"] is True
    assert 'data-conversation=""' in view["about"]


def test_the_hint_goes_with_the_first_document_and_questions_come(
    chat: Handlers, services: Services, alice: Principal
) -> None:
    services.documents.note(alice, "Deal", "1. Governing Law. The laws of England apply to this agreement in full.")
    services.ingestion.run_all()
    view = shown(chat, alice, None)
    assert view["hint"]["visible"] is False
    assert "governing law?</button>" in view["starting"]["value"]


def test_a_conversation_is_read_from_sql_by_its_id(chat: Handlers, services: Services, alice: Principal) -> None:
    conversation = ask(services, alice, "Hello there")
    view = shown(chat, alice, conversation)
    assert f'data-conversation="{conversation}"' in view["about"]
    assert f'data-id="{conversation}" data-title="Hello there" aria-current="true"' in view["list"]
    assert [row["role"] for row in view["chat"]] == ["user", "assistant", "assistant", "assistant"]
    assert "without looking anything up" in view["chat"][2]["content"]
    assert "Why this answer" in view["chat"][2]["content"]
    assert ">Ask again<" in view["chat"][3]["content"]


def test_another_users_conversation_is_a_new_one(
    chat: Handlers, services: Services, alice: Principal, bob: Principal
) -> None:
    conversation = ask(services, alice, "Hello from Alice")
    view = shown(chat, bob, conversation)
    assert (view["chat"], view["list"]) == ([], "")
    assert 'data-conversation=""' in view["about"]


def test_nothing_is_asked_in_another_users_conversation(
    chat: Handlers, services: Services, alice: Principal, bob: Principal
) -> None:
    conversation = ask(services, alice, "Hello from Alice")
    answer = services.chat.messages(alice, conversation).items[-1]
    for page in (
        said(conversation),
        said(None, replaces=answer.id),
        said(None, documents=["x"]),
        said(None, artist="x"),
    ):
        with pytest.raises(Exception, match="There is no such|not here"):
            asyncio.run(last(chat[0].ask("Hello", page, asked_by(bob))))
    assert len(services.chat.messages(alice, conversation).items) == 2
    assert services.chat.conversations(bob).items == [], "what was begun for a question that was refused is taken away"


@pytest.mark.parametrize("handler", ["shown", "listed", "ask", "uploaded"])
def test_every_handler_refuses_whoever_is_not_signed_in(chat: Handlers, handler: str) -> None:
    arguments: dict[str, list[Any]] = {"shown": [""], "listed": [""], "ask": ["Hello", ""], "uploaded": []}

    async def run() -> None:
        outcome = getattr(chat[0], handler)(*arguments[handler], asked_by(None))
        await (last(outcome) if hasattr(outcome, "__aiter__") else outcome)

    with pytest.raises(gr.Error, match="sign in"):
        asyncio.run(run())


def test_a_blank_question_asks_nothing(chat: Handlers, services: Services, alice: Principal) -> None:
    assert asyncio.run(last(chat[0].ask("  \n ", "", asked_by(alice)))) == {chat[1].question: ""}
    assert services.chat.conversations(alice).items == []


def test_the_newest_messages_are_shown_and_the_earlier_ones_on_request(
    chat: Handlers, services: Services, alice: Principal
) -> None:
    conversation = services.chat.create(alice).id
    with services.db.session() as session:
        for number in range(SHOWN + 2):
            role = "assistant" if number % 2 else "user"
            session.add(Message(conversation_id=int(conversation), role=role, text=f"number {number}", state="direct"))
    view = shown(chat, alice, conversation)
    assert view["above"]["visible"] is True
    assert "number 2" in view["chat"][0]["content"]
    everything = shown(chat, alice, conversation, shown=2 * SHOWN)
    assert everything["above"]["visible"] is False
    assert "number 0" in everything["chat"][0]["content"]


def test_conversations_come_newest_first_by_day_and_the_open_one_is_always_among_them(
    chat: Handlers, services: Services, alice: Principal
) -> None:
    oldest = services.chat.create(alice, title="Oldest").id
    for number in range(LISTED):
        services.chat.create(alice, title=f"Number {number}")
    with services.db.session() as session:
        row = session.get_one(Conversation, int(oldest))
        row.updated -= timedelta(days=1)
    listed = shown(chat, alice, oldest)["list"]
    titles = re.findall(r'data-action="open" data-id="\d+" data-title="([^"]+)"', listed)
    assert (titles[0], titles[-1], len(titles)) == (f"Number {LISTED - 1}", "Oldest", LISTED + 1)
    assert re.findall("<h2>(.*?)</h2>", listed) == ["Today", "Yesterday"]
    assert 'data-action="older"' in listed
    every = asyncio.run(chat[0].listed(said(listed=2 * LISTED), asked_by(alice)))[chat[1].side.conversations]
    assert every.count('data-action="open"') == LISTED + 1
    assert 'data-action="older"' not in every
    found = asyncio.run(chat[0].listed(said(find="number 7"), asked_by(alice)))[chat[1].side.conversations]
    assert found.count('data-action="open"') == 1


def test_days_are_the_readers(services: Services, alice: Principal) -> None:
    row = services.chat.create(alice, title="Late")
    row.updated = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
    moment = row.updated + timedelta(hours=1)
    days = {}
    for hours in (0, 5, -1):  # in London, New York and Berlin
        html = conversations_html([row], None, moment, timedelta(hours=hours), more=False)
        days[hours] = re.findall("<h2>(.*?)</h2>", html)
    assert days == {0: ["Yesterday"], 5: ["Today"], -1: ["Today"]}


def test_the_artist_stays_with_the_conversation(chat: Handlers, services: Services, alice: Principal) -> None:
    artist = services.artists.create(alice, "Paper Kite").id
    handlers = chat[0]
    asyncio.run(last(handlers.ask("Hello there", said(artist=artist), asked_by(alice))))
    [conversation] = services.chat.conversations(alice).items
    assert conversation.artist_id == artist
    assert f'<option value="{artist}" selected>Paper Kite' in shown(chat, alice, conversation.id)["about"]
    asyncio.run(last(handlers.ask("Hello again", said(conversation.id, artist=None), asked_by(alice))))
    assert services.chat.conversation(alice, conversation.id).artist_id is None
    answers = [one for one in services.chat.messages(alice, conversation.id).items if one.role == "assistant"]
    with services.db.reading() as session:
        assert [session.get_one(Trace, one.trace_id).artist_id for one in answers] == [artist, None]


def test_who_has_one_artist_sees_the_name_alone(chat: Handlers, services: Services, alice: Principal) -> None:
    [artist] = services.artists.list(alice).items or [services.artists.create(alice, "Sole & Co")]
    services.artists.rename(alice, artist.id, "Sole & Co")
    about = shown(chat, alice, None)["about"]
    assert "<strong>Sole &amp; Co</strong>" in about
    assert "<select" not in about


@pytest.fixture(scope="module")
def page(services_with_model: tuple[Services, OpenAIServer]) -> Handlers:
    services = services_with_model[0]
    page = laid_out(lambda: _lay_out(services))
    return ChatHandlers(services, page), page


def test_an_answer_grows_and_ends_as_it_is_stored(
    page: Handlers, services_with_model: tuple[Services, OpenAIServer]
) -> None:
    services, server = services_with_model
    alice = new_user(services)
    server.script(reply=direct("One two three four five six seven eight nine ten."), token_seconds=0.05)
    updates = asyncio.run(collected(page[0].ask("Hello", "", asked_by(alice))))
    chats = [update[page[1].chat][-1]["content"] for update in updates if page[1].chat in update]
    assert "Reading your question" in chats[0]
    assert any(text.startswith("One") and "ten" not in text for text in chats)
    assert len(chats) < 12
    last_view = updates[-1]
    assert page[1].about not in last_view, "only what changed is sent"
    assert last_view[page[1].chat][1]["content"] == "One two three four five six seven eight nine ten."
    assert 'data-title="Hello"' in last_view[page[1].side.conversations]
    assert updates[0][page[1].stop]["visible"] is True
    assert last_view[page[1].stop]["visible"] is False


def test_stopping_closes_the_models_stream_and_keeps_what_came(
    page: Handlers, services_with_model: tuple[Services, OpenAIServer]
) -> None:
    services, server = services_with_model
    alice = new_user(services)
    server.script(reply=direct("word " * 400), token_seconds=0.02)
    closed = server.closed

    async def run() -> str:
        async with aclosing(page[0].ask("Hello", "", asked_by(alice))) as updates:
            conversation = ""
            async for update in updates:
                if named := re.search(r'data-conversation="(\d+)"', update.get(page[1].about, "")):
                    conversation = named.group(1)
                if "word word" in update[page[1].chat][-1]["content"]:
                    break
        for _ in range(100):
            if server.closed > closed:
                break
            await asyncio.sleep(0.02)
        return conversation

    conversation = asyncio.run(run())
    assert server.closed == closed + 1
    kept = services.chat.messages(alice, conversation).items[-1]
    assert kept.state == "partial"
    assert kept.text.startswith("word word")
    rows = shown(page, alice, conversation)["chat"]
    assert "Incomplete" in rows[-2]["content"]
    assert ">Try again<" in rows[-1]["content"]


def test_a_question_that_cannot_be_taken_goes_back_to_where_it_was_typed(
    page: Handlers, services_with_model: tuple[Services, OpenAIServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    services = services_with_model[0]
    alice = new_user(services)

    async def refuse(*_: Any) -> Any:
        raise TooMany("Too many answers are being written; wait a moment.", retry_after=2)
        yield

    monkeypatch.setattr(services.chat, "_answering", refuse)

    async def run() -> list[Any]:
        seen = []
        try:
            async for update in page[0].ask("Hello", "", asked_by(alice)):
                seen.append(update)
        except TooMany:
            return seen
        raise AssertionError("it was taken")

    updates = asyncio.run(run())
    assert updates[0][page[1].question] == ""
    assert updates[-1][page[1].question] == "Hello"
    assert services.chat.conversations(alice).items == []


def test_asking_again_by_a_button_leaves_what_is_typed(
    page: Handlers, services_with_model: tuple[Services, OpenAIServer]
) -> None:
    services, server = services_with_model
    alice = new_user(services)
    server.script(reply=direct("One."))
    conversation = ask(services, alice, "Hello there")
    [question, answer] = services.chat.messages(alice, conversation).items
    server.script(reply=direct("Two."))
    again = said(conversation, replaces=answer.id, typed=False)
    updates = asyncio.run(collected(page[0].ask("", again, asked_by(alice))))
    assert all(page[1].question not in update for update in updates)
    assert [row.text for row in services.chat.messages(alice, conversation).items] == ["Hello there", "Two."]
    shown_texts = [row["content"] for row in updates[-1][page[1].chat]]
    assert "Earlier version" in shown_texts[0]
    assert shown_texts[1] == "Two."
    assert page[1].side.conversations not in updates[-1], "it was the newest before"
    assert question.text == "Hello there"


def direct(text: str) -> Callable[[dict[str, Any]], str]:
    """The server's own answer where an intent is asked for, else `text`."""
    return lambda body: default_reply(body) if "intent" in str(body["messages"][0]).lower() else text


async def last(updates: Any) -> Any:
    return (await collected(updates))[-1]


async def collected(updates: Any) -> list[Any]:
    async with aclosing(updates) as steps:
        return [step async for step in steps]
