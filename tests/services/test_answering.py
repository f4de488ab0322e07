from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import pytest

from app.config import EmbeddingRow
from app.indexes.embeddings import EmbeddingFailed, EmbeddingModel, QueryCache, Vector
from app.llms import BrokenAnswer, ChatModel, ModelUnavailable
from app.retrievers.knowledge import Retrieval
from app.services import answering
from app.services.answering import HELLO, NEEDS_MODEL, NO_MODEL, NONE_OF_YOURS, NOTHING, WELCOME, Answerer
from app.services.extractive import HEADLINE
from app.services.prompts import Turn
from tests.llm_calls import make, soon
from tests.openai_server import OpenAIServer
from tests.retrievers.library import left_open, passage, retrieval

QUESTION = "What commission does my manager take?"
MINE = passage("The Manager takes a commission of seventeen percent of gross income.", title="Harbour Lane")
INDUSTRY = passage("A manager usually takes a commission of fifteen to twenty percent.", "global", title="Managers")
DEAD = "http://127.0.0.1:9/v1"  # the discard port: nothing listens there
PASTED = "Feedback on this chorus please:\nI left the harbour lights behind\nThe ferry hums a song of mine"


def model_of(server: OpenAIServer) -> ChatModel:
    """A model with time enough for the imports of its first call."""
    return make(server, first_token_seconds=30, timeout_seconds=30)


def written(answerer: Answerer, found: Retrieval, question: str = QUESTION) -> str:
    async def read() -> str:
        async with aclosing(answerer.write(question, found)) as pieces:
            return "".join([piece async for piece in pieces])

    return asyncio.run(read())


class Encoder(EmbeddingModel):
    """An encoder that fails: it raises, or takes `seconds`."""

    def __init__(self, seconds: float | None) -> None:
        row = EmbeddingRow(name="broken", provider="onnx", model="broken")
        super().__init__(row, dimension=2, fingerprint="", workers=2, cache=QueryCache(0))
        self._seconds = seconds

    def _embed_questions(self, texts: Sequence[str]) -> list[Vector]:
        if self._seconds is None:
            raise EmbeddingFailed(self.name, "The embedding model is broken.")
        time.sleep(self._seconds)
        raise AssertionError("nobody waits for this")

    def _embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        raise NotImplementedError


def test_the_language_model_answers_with_checked_citations(openai_server: OpenAIServer) -> None:
    openai_server.script("Seventeen percent [P1], which is usual [G1, G7]. Or not [P4].")
    answerer = Answerer(model_of(openai_server), None, profile="role: songwriter", history=[Turn("user", "Who is it?")])
    text = written(answerer, retrieval(MINE, INDUSTRY))
    assert text == "Seventeen percent [P1], which is usual [G1]. Or not."
    draft = answerer.draft
    assert (draft.state, draft.cited, draft.text) == ("answered", ["P1", "G1"], text)
    [asked] = openai_server.chats
    prompt = asked.body["messages"][-1]["content"]
    for part in ("seventeen percent", "fifteen to twenty", "role: songwriter", "Who is it?", QUESTION):
        assert part in prompt


def test_it_comes_in_pieces(openai_server: OpenAIServer) -> None:
    openai_server.script("one two three [P1] four")
    answerer = Answerer(model_of(openai_server), None)

    async def read() -> list[str]:
        return [piece async for piece in answerer.write(QUESTION, retrieval(MINE))]

    pieces = asyncio.run(read())
    assert len(pieces) >= 4
    assert "".join(pieces) == "one two three [P1] four" == answerer.draft.text


def test_what_entered_the_prompt_is_on_the_trace(openai_server: OpenAIServer) -> None:
    found = retrieval(INDUSTRY, MINE)
    written(Answerer(model_of(openai_server), None), found)
    assert found.trace.prompt == [
        {"label": "G1", "chunk_id": INDUSTRY.chunk.id},
        {"label": "P1", "chunk_id": MINE.chunk.id},
    ]


def test_a_source_left_out_of_the_prompt_cannot_be_cited(openai_server: OpenAIServer) -> None:
    """Where the window is small, the lowest sources are not shown to the model: a label of theirs is made up."""
    openai_server.script("See [P1] and [P8].")
    found = retrieval(*(passage(f"Passage {number}. " + "word " * 200) for number in range(8)))
    answerer = Answerer(model_of(openai_server), None, budget_tokens=1200)
    assert written(answerer, found) == "See [P1] and."
    assert "Passage 7" not in openai_server.chats[0].body["messages"][-1]["content"]
    assert len(found.trace.prompt) < 8


def test_without_a_language_model_the_sources_speak() -> None:
    answerer = Answerer(None, None)
    text = written(answerer, retrieval(MINE, INDUSTRY))
    assert text.startswith(NO_MODEL)
    assert f"{HEADLINE['personal']}\n- “{MINE.chunk.text}” [P1]" in text
    assert f"{HEADLINE['global']}\n- “{INDUSTRY.chunk.text}” [G1]" in text
    assert (answerer.draft.state, answerer.draft.cited) == ("extractive", ["P1", "G1"])


@pytest.mark.parametrize("seconds", [None, 1.0])
def test_a_broken_or_late_encoder_leaves_it_to_the_words(
    monkeypatch: pytest.MonkeyPatch, seconds: float | None
) -> None:
    monkeypatch.setattr(answering, "EMBED_SECONDS", 0.05)
    encoder = Encoder(seconds)
    answerer = Answerer(None, encoder)
    start = time.monotonic()
    assert "[P1]" in written(answerer, retrieval(MINE))
    assert time.monotonic() - start < 0.9
    assert answerer.draft.state == "extractive"
    encoder.close()


def test_nothing_found_asks_no_model_and_shows_no_source(openai_server: OpenAIServer) -> None:
    for model in (None, model_of(openai_server)):
        answerer = Answerer(model, None)
        assert written(answerer, retrieval()) == NOTHING
        assert (answerer.draft.state, answerer.draft.cited) == ("nothing_found", [])
    assert openai_server.chats == []


@pytest.mark.parametrize("intent", ["personal", "hybrid"])
def test_industry_text_never_stands_in_for_a_personal_fact(openai_server: OpenAIServer, intent: Any) -> None:
    openai_server.script("Fifteen to twenty percent is usual [G1].")
    for model in (None, model_of(openai_server)):
        text = written(Answerer(model, None), retrieval(INDUSTRY, intent=intent))
        assert text.startswith(NONE_OF_YOURS)
        assert "[G1]" in text
        assert not written(Answerer(model, None), retrieval(INDUSTRY, MINE, intent=intent)).startswith(NONE_OF_YOURS)
        assert not written(Answerer(model, None), retrieval(INDUSTRY, intent="global")).startswith(NONE_OF_YOURS)


@pytest.mark.parametrize(
    ("message", "reply"),
    [
        ("Hello, how are you?", HELLO),
        ("Thanks a lot!", WELCOME),
        (PASTED, NEEDS_MODEL),
        ("Write me a bio", NEEDS_MODEL),
    ],
)
def test_direct_without_a_language_model(message: str, reply: str) -> None:
    answerer = Answerer(None, None)
    assert written(answerer, retrieval(direct=True), message) == reply
    assert (answerer.draft.state, answerer.draft.cited) == ("direct", [])


def test_direct_with_a_language_model(openai_server: OpenAIServer) -> None:
    openai_server.script("I would change the second line [P1]; that is opinion.")
    answerer = Answerer(model_of(openai_server), None)
    assert written(answerer, retrieval(direct=True), PASTED) == "I would change the second line; that is opinion."
    assert (answerer.draft.state, answerer.draft.cited) == ("direct", [])
    [asked] = openai_server.chats
    assert "no source labels" in asked.body["messages"][0]["content"]
    assert "Personal sources" not in asked.body["messages"][-1]["content"]


@pytest.mark.parametrize("behaviour", [{"status": 401}, {"garbage": True}, {"empty": True}])
def test_a_provider_that_is_down_leaves_it_to_the_sources(
    openai_server: OpenAIServer, behaviour: dict[str, Any]
) -> None:
    openai_server.script(**behaviour)
    answerer = Answerer(model_of(openai_server), None)
    text = written(answerer, retrieval(MINE))
    assert text.startswith("The language model did not answer (The language model")
    assert "[P1]" in text
    assert NO_MODEL not in text
    assert (answerer.draft.state, answerer.draft.cited) == ("extractive", ["P1"])


def test_an_unreachable_provider_leaves_it_to_the_sources_and_still_says_none_of_yours() -> None:
    with OpenAIServer() as server:
        model = make(server, base_url=DEAD)
    answerer = Answerer(model, None)
    text = written(answerer, retrieval(INDUSTRY))
    assert text.startswith(NONE_OF_YOURS + "The language model did not answer (")
    assert answerer.draft.state == "extractive"


def test_a_direct_message_with_the_provider_down_is_said_so(openai_server: OpenAIServer) -> None:
    openai_server.script(status=401)
    with pytest.raises(ModelUnavailable):
        written(Answerer(model_of(openai_server), None), retrieval(direct=True), PASTED)


def test_an_answer_that_breaks_off_keeps_what_came(openai_server: OpenAIServer) -> None:
    openai_server.script("Seventeen percent [P1] of gross income and so on", die_after=4)
    answerer = Answerer(model_of(openai_server), None)
    with pytest.raises(BrokenAnswer):
        written(answerer, retrieval(MINE))
    assert answerer.draft.text == "Seventeen percent [P1] of"
    assert answerer.draft.cited == ["P1"]
    assert "sources' own words" not in answerer.draft.text


def test_closing_the_answer_closes_the_providers_stream(openai_server: OpenAIServer) -> None:
    openai_server.script("word " * 500, token_seconds=0.01)
    answerer = Answerer(model_of(openai_server), None)

    async def leave() -> None:
        async with aclosing(answerer.write(QUESTION, retrieval(MINE))) as pieces:
            async for _ in pieces:
                break

    assert asyncio.run(left_open(leave())) == set()
    assert soon(lambda: openai_server.closed == 1)
    assert answerer.draft.text == "word"
