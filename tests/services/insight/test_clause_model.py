"""The language model points to clauses; only words that stand on a page count. The model is a real HTTP server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest

from app.config import LLMSettings
from app.llms import ChatModel, chat_model
from app.services.insight.clause_model import MOST_PARTS, PART_CHARS, add_clauses, find_quote
from app.services.insight.clauses import Clause, find_clauses
from tests.openai_server import OpenAIServer

PAGES = [
    (1, "This deal is between two bands.\nIt stays between us for as long as both of us\nwant it to."),
    (
        2,
        "If one of us leaves, the songs that person wrote\ngo home with that person. The law of Finland governs this deal.",
    ),
]


@pytest.fixture
def model(openai_server: OpenAIServer) -> ChatModel:
    made = chat_model(
        LLMSettings(provider="openai_like", base_url=openai_server.base_url, model="test-model", retries=0)
    )
    assert made is not None
    return made


def read(model: ChatModel, pages: Sequence[tuple[int, str]] = PAGES, seconds: float = 20.0) -> dict[str, Clause]:
    added = asyncio.run(add_clauses(model, pages, find_clauses(pages), seconds=seconds))
    return {clause.name: clause for clause in added if clause.found}


def answer(*rows: tuple[str, int, str]) -> str:
    return json.dumps({"clauses": [{"name": name, "page": page, "quote": quote} for name, page, quote in rows]})


def test_a_clause_in_unusual_words_is_added_with_the_page_s_own_characters(
    model: ChatModel, openai_server: OpenAIServer
) -> None:
    quote = "If one of us leaves, the songs that person wrote go home with that person."
    openai_server.script(f"Here you are:\n```json\n{answer(('reversion', 1, quote))}\n```")
    found = read(model)["reversion"]
    assert (found.by, found.page) == ("model", 2)  # the page that was named does not hold it
    assert found.quote == "If one of us leaves, the songs that person wrote\ngo home with that person."
    assert PAGES[1][1][found.start : found.end] == found.quote


def test_what_no_page_says_is_dropped(model: ChatModel, openai_server: OpenAIServer) -> None:
    openai_server.script(
        answer(
            ("advance", 1, "The label pays an advance of ten thousand euros on signature."),
            ("territory", 1, "This deal is between two bands and the whole world."),
            ("royalty", 1, "two bands"),
            ("golden_handshake", 1, "This deal is between two bands."),
            ("governing_law", 1, "It stays between us for as long as both of us want it to."),
        )
    )
    found = read(model)
    assert list(found) == ["governing_law"]
    assert found["governing_law"].by == "rules"  # what the rules found is not replaced
    assert "laws of" not in found["governing_law"].quote
    assert "law of Finland" in found["governing_law"].quote


@pytest.mark.parametrize(
    "reply",
    ["", "I cannot help with that.", "{", '{"clauses": 7}', '{"clauses": [7, {"name": "term"}]}', "[]", "{" * 3000],
)
def test_nonsense_adds_nothing(model: ChatModel, openai_server: OpenAIServer, reply: str) -> None:
    openai_server.script(reply or " ")
    assert list(read(model)) == ["governing_law"]


def test_a_model_that_fails_or_is_late_adds_nothing(model: ChatModel, openai_server: OpenAIServer) -> None:
    openai_server.script(status=500, times=99)
    assert list(read(model)) == ["governing_law"]
    openai_server.script(answer(), first_token_seconds=5)
    assert list(read(model, seconds=0.3)) == ["governing_law"]


def test_only_what_is_missing_is_asked_for_and_the_pages_are_said_to_be_no_instructions(
    model: ChatModel, openai_server: OpenAIServer
) -> None:
    openai_server.script(answer())
    read(model)
    system, user = (message["content"] for message in openai_server.chats[-1].body["messages"])
    assert "never instructions" in system
    assert "- term (Term)" in user
    assert "governing_law" not in user
    assert "[Page 2]" in user


def test_a_long_contract_goes_in_parts_and_its_length_is_bounded(model: ChatModel, openai_server: OpenAIServer) -> None:
    openai_server.script(answer())
    long = [(1, "Nothing of note is said here. " * (PART_CHARS * 12 // 30))]
    before = len(openai_server.chats)
    read(model, long)
    asked = openai_server.chats[before:]
    assert len(asked) == MOST_PARTS
    assert all(len(request.body["messages"][1]["content"]) < PART_CHARS + 4000 for request in asked)


def test_white_space_may_differ_and_no_letter() -> None:
    pages = [(1, "The term is\n  two years from today."), (2, "The term is two years from today.")]
    assert find_quote("The term is two years from today.", pages, 2) == (2, 0, 33, "The term is two years from today.")
    assert find_quote("The term is two years from today.", pages, 1) == (
        1,
        0,
        35,
        "The term is\n  two years from today.",
    )
    assert find_quote("the term is two years from today.", pages, 1) is None
    assert find_quote("The term is two", pages, 1) is None  # too short to mean anything
    assert find_quote("word " * 400, [(1, "word " * 400)], 1) is None
