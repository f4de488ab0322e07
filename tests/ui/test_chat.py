"""The chat page over real services: what is shown is one's own, whatever id the browser sends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import gradio as gr
import pytest

from app.principal import Principal
from app.services.services import Services
from app.services.shapes import AskRequest
from app.ui.chat import ChatHandlers, ChatPage, _lay_out
from app.ui.side import LISTED
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


def shown(chat: Handlers, principal: object, conversation: str | None) -> dict[str, Any]:
    view = asyncio.run(chat[0].shown(conversation, LISTED, asked_by(principal)))
    return {
        name: view.get(getattr(chat[1], name)) for name in ("current", "chat", "starting", "hint", "send", "stop")
    } | {
        "choices": view[chat[1].side.conversations]["choices"],
        "value": view[chat[1].side.conversations]["value"],
    }


def test_a_newcomer_sees_starters_and_a_hint_to_add_a_document(chat: Handlers, alice: Principal) -> None:
    view = shown(chat, alice, None)
    assert (view["current"], view["chat"], view["choices"]) == (None, [], [])
    assert view["starting"]["visible"] is True
    assert view["hint"]["visible"] is True


def test_the_hint_goes_with_the_first_document(chat: Handlers, services: Services, alice: Principal) -> None:
    services.documents.note(alice, "Bio", "I play the harp.")
    assert shown(chat, alice, None)["hint"]["visible"] is False


def test_a_conversation_is_read_from_sql_by_its_id(chat: Handlers, services: Services, alice: Principal) -> None:
    conversation = ask(services, alice, "Hello there")
    view = shown(chat, alice, conversation)
    assert view["current"] == view["value"] == conversation
    assert [row["role"] for row in view["chat"]] == ["user", "assistant", "assistant"]
    assert "without looking anything up" in view["chat"][2]["content"]
    assert "Why this answer" in view["chat"][2]["content"]


def test_another_users_conversation_is_a_new_one(
    chat: Handlers, services: Services, alice: Principal, bob: Principal
) -> None:
    conversation = ask(services, alice, "Hello from Alice")
    view = shown(chat, bob, conversation)
    assert (view["current"], view["chat"], view["choices"]) == (None, [], [])


@pytest.mark.parametrize("action", ["ask", "rename", "delete"])
def test_nothing_is_done_to_another_users_conversation(
    chat: Handlers, services: Services, alice: Principal, bob: Principal, action: str
) -> None:
    conversation = ask(services, alice, "Hello from Alice")
    handlers, request = chat[0], asked_by(bob)
    calls: dict[str, Callable[[], Any]] = {
        "ask": lambda: last(handlers.ask("Hello", conversation, LISTED, request)),
        "rename": lambda: handlers.rename("Mine now", conversation, LISTED, request),
        "delete": lambda: handlers.delete(conversation, LISTED, request),
    }
    with pytest.raises(Exception, match="There is no such conversation"):
        asyncio.run(calls[action]())
    assert services.chat.conversation(alice, conversation).title == "Hello from Alice"
    assert len(services.chat.messages(alice, conversation).items) == 2


@pytest.mark.parametrize("handler", ["shown", "new", "ask", "rename", "delete", "older", "uploaded"])
def test_every_handler_refuses_whoever_is_not_signed_in(chat: Handlers, handler: str) -> None:
    arguments: dict[str, list[Any]] = {
        "shown": [None, LISTED], "new": [LISTED], "ask": ["Hello", None, LISTED], "rename": ["x", "1", LISTED],
        "delete": ["1", LISTED], "older": [None, LISTED], "uploaded": [],
    }  # fmt: skip

    async def run() -> None:
        outcome = getattr(chat[0], handler)(*arguments[handler], asked_by(None))
        await (last(outcome) if hasattr(outcome, "__aiter__") else outcome)

    with pytest.raises(gr.Error, match="sign in"):
        asyncio.run(run())


def test_a_blank_question_asks_nothing(chat: Handlers, services: Services, alice: Principal) -> None:
    assert asyncio.run(last(chat[0].ask("  \n ", None, LISTED, asked_by(alice)))) == {chat[1].question: ""}
    assert services.chat.conversations(alice).items == []


def test_renaming_shows_the_new_title_and_deleting_leads_to_a_new_conversation(
    chat: Handlers, services: Services, alice: Principal
) -> None:
    conversation = ask(services, alice, "Hello there")
    handlers, page = chat
    renamed = asyncio.run(handlers.rename("Spring tour", conversation, LISTED, asked_by(alice)))
    assert renamed[page.side.conversations]["choices"] == [("Spring tour", conversation)]
    deleted = asyncio.run(handlers.delete(conversation, LISTED, asked_by(alice)))
    assert deleted[page.current] is None
    assert deleted[page.side.conversations]["choices"] == []


def test_conversations_come_newest_first_and_the_open_one_is_always_among_them(
    chat: Handlers, services: Services, alice: Principal
) -> None:
    oldest = services.chat.create(alice, title="Oldest").id
    for number in range(LISTED):
        services.chat.create(alice, title=f"Number {number}")
    view = shown(chat, alice, oldest)
    titles = [title for title, _ in view["choices"]]
    assert titles[0] == f"Number {LISTED - 1}"
    assert titles[-1] == "Oldest"
    assert len(titles) == LISTED + 1
    older = asyncio.run(chat[0].older(None, LISTED, asked_by(alice)))
    assert older[chat[1].side.listed] == 2 * LISTED
    assert len(older[chat[1].side.conversations]["choices"]) == LISTED + 1


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
    updates = asyncio.run(collected(page[0].ask("Hello", None, LISTED, asked_by(alice))))
    chats = [update[page[1].chat][-1]["content"] for update in updates if page[1].chat in update]
    assert "Reading your question" in chats[0]
    assert any(text.startswith("One") and "ten" not in text for text in chats)
    assert len(chats) < 12
    last_view = updates[-1]
    assert last_view[page[1].chat][1]["content"] == "One two three four five six seven eight nine ten."
    assert last_view[page[1].side.conversations]["choices"][0][0] == "Hello"
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
        async with aclosing(page[0].ask("Hello", None, LISTED, asked_by(alice))) as updates:
            conversation = ""
            async for update in updates:
                conversation = update.get(page[1].current, conversation)
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
    assert "Incomplete" in rows[-1]["content"]


def direct(text: str) -> Callable[[dict[str, Any]], str]:
    """The server's own answer where an intent is asked for, else `text`."""
    return lambda body: default_reply(body) if "intent" in str(body["messages"][0]).lower() else text


async def last(updates: Any) -> Any:
    return (await collected(updates))[-1]


async def collected(updates: Any) -> list[Any]:
    async with aclosing(updates) as steps:
        return [step async for step in steps]
