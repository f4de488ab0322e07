"""Asking again: the same question or in other words. What it replaces leaves the conversation, and nothing is lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.errors import AppError, Conflict, NotFound
from app.principal import Principal
from app.services.services import Services
from app.services.shapes import AskRequest, MessagePublic
from tests.openai_replies import default_reply
from tests.openai_server import OpenAIServer
from tests.retrievers.library import person

World = tuple[Services, OpenAIServer]


@pytest.fixture
def world(services_with_model: World) -> World:
    services_with_model[1].script(saying("One."))
    return services_with_model


@pytest.fixture
def lena(world: World) -> Principal:
    return person(world[0])


def saying(answer: str) -> Any:
    """Intents by the test server's own rules; every answer is this one."""
    return lambda body: default_reply(body) if not body.get("stream") else answer


def ask(world: World, principal: Principal, text: str, **values: Any) -> MessagePublic:
    return asyncio.run(world[0].chat.answer(principal, AskRequest(text=text, **values)))


def texts(world: World, principal: Principal, conversation: str) -> list[str]:
    return [one.text for one in world[0].chat.messages(principal, conversation).items]


def test_the_same_question_is_answered_anew_and_the_old_answer_stays_as_its_earlier_version(
    world: World, lena: Principal
) -> None:
    first = ask(world, lena, "Hello there")
    world[1].script(saying("Two."))
    second = ask(world, lena, "Hello there", replaces=first.id)
    assert second.conversation == first.conversation
    assert texts(world, lena, first.conversation) == ["Hello there", "Two."]
    question = world[0].chat.messages(lena, first.conversation).items[0]
    assert question.earlier
    assert [one.text for one in world[0].chat.earlier(lena, question.id).items] == ["One."]
    prompt = str(world[1].chats[-1].body)
    assert "One." not in prompt


def test_a_question_in_other_words_takes_the_place_of_all_that_followed(world: World, lena: Principal) -> None:
    first = ask(world, lena, "Hello there")
    conversation = first.conversation
    ask(world, lena, "Thank you!", conversation=conversation)
    question = world[0].chat.messages(lena, conversation).items[0]
    world[1].script(saying("Anew."))
    ask(world, lena, "Good morning", replaces=question.id)
    assert texts(world, lena, conversation) == ["Good morning", "Anew."]
    asked = world[0].chat.messages(lena, conversation).items[0]
    assert [one.text for one in world[0].chat.earlier(lena, asked.id).items] == [
        "Hello there", "One.", "Thank you!", "One.",
    ]  # fmt: skip
    ask(world, lena, "Good evening", replaces=asked.id)
    newest = world[0].chat.messages(lena, conversation).items[0]
    assert len(world[0].chat.earlier(lena, newest.id).items) == 6
    with pytest.raises(Conflict, match="reload"):
        ask(world, lena, "Too late", replaces=question.id)
    assert texts(world, lena, conversation) == ["Good evening", "Anew."]


def test_a_failure_loses_neither_the_question_nor_what_it_replaced(world: World, lena: Principal) -> None:
    first = ask(world, lena, "Hello there")
    world[1].script(status=500, times=100)
    with pytest.raises(AppError):
        ask(world, lena, "Good morning", replaces=first.id)
    question, failed = world[0].chat.messages(lena, first.conversation).items
    assert (question.text, failed.state) == ("Good morning", "failed")
    assert [one.text for one in world[0].chat.earlier(lena, question.id).items] == ["Hello there", "One."]
    world[1].script(saying("At last."))
    ask(world, lena, "Good morning", replaces=failed.id)
    assert texts(world, lena, first.conversation) == ["Good morning", "At last."]


def test_nothing_of_others_is_replaced_or_shown(world: World, lena: Principal) -> None:
    first, ben = ask(world, lena, "Hello there"), person(world[0])
    other = ask(world, lena, "Hello again")
    for asker, values in ((ben, {}), (lena, {"conversation": other.conversation})):
        with pytest.raises(NotFound):
            ask(world, asker, "Mine now", replaces=first.id, **values)
    with pytest.raises(NotFound):
        world[0].chat.earlier(ben, first.id)
    with pytest.raises(NotFound):
        world[0].chat.question(ben, first.id)
    assert texts(world, lena, first.conversation) == ["Hello there", "One."]
