from __future__ import annotations

import asyncio
from contextlib import aclosing

from app.retrievers.knowledge import Passage, Retrieval
from app.services.answering import Answerer
from app.services.conflicts import conflicts
from app.services.prompts import label_sources
from tests.llm_calls import make
from tests.openai_server import OpenAIServer
from tests.retrievers.library import passage, retrieval

QUESTION = "What commission does my manager take?"
SIGNED = "The Manager takes a commission of fifteen percent of gross income."
DRAFT = "The Manager takes a commission of twenty percent of gross income."


def pair(standing: str = "draft", artists: tuple[str | None, str | None] = (None, None)) -> tuple[Passage, Passage]:
    one = passage(SIGNED, title="Management 2024", standing="signed", artist_id=artists[0])
    return one, passage(DRAFT, title="Management 2025", standing=standing, artist_id=artists[1])


def written(answerer: Answerer, found: Retrieval) -> str:
    async def read() -> str:
        async with aclosing(answerer.write(QUESTION, found)) as pieces:
            return "".join([piece async for piece in pieces])

    return asyncio.run(read())


def test_both_sides_are_named_with_date_and_standing_where_no_model_writes() -> None:
    found = retrieval(*pair())
    answerer = Answerer(None, None)
    text = written(answerer, found)
    assert "Your sources disagree" in text
    assert "[P1] (signed, added " in text
    assert "says fifteen percent, [P2] (draft, added " in text
    assert set(answerer.draft.cited) == {"P1", "P2"}
    [noted] = found.trace.disagreements
    assert noted["labels"] == ["P1", "P2"]
    assert noted["says"] == ["fifteen percent", "twenty percent"]


def test_a_model_that_picks_one_side_is_completed(openai_server: OpenAIServer) -> None:
    openai_server.script("Your manager takes fifteen percent [P1].")
    model = make(openai_server, first_token_seconds=30, timeout_seconds=30)
    answerer = Answerer(model, None)
    text = written(answerer, retrieval(*pair()))
    assert text.startswith("Your manager takes fifteen percent [P1].")
    assert "says twenty percent" in text
    assert set(answerer.draft.cited) == {"P1", "P2"}
    assert "Sources that disagree" in openai_server.chats[-1].body["messages"][-1]["content"]


def test_a_model_that_gives_both_sides_is_left_alone(openai_server: OpenAIServer) -> None:
    reply = "The signed one says fifteen percent [P1], the draft twenty [P2]."
    openai_server.script(reply)
    text = written(Answerer(make(openai_server, first_token_seconds=30, timeout_seconds=30), None), retrieval(*pair()))
    assert text == reply


def test_two_artists_contracts_may_differ() -> None:
    one, other = pair(artists=("first", "second"))
    assert conflicts(QUESTION, label_sources([one, other])) == []


def test_industry_text_is_no_second_opinion_on_own_facts() -> None:
    own, _ = pair()
    industry = passage("The Manager takes a commission of twenty percent of gross income.", "global", title="Managers")
    assert conflicts(QUESTION, label_sources([own, industry])) == []
