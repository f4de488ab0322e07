from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from llama_index.core.tools.types import ToolMetadata

from app.llms import ChatModel
from app.models import Intent
from app.retrievers.intent import IntentSelector, parse
from tests.llm_calls import make
from tests.openai_server import OpenAIServer

DEAD = "http://127.0.0.1:9/v1"  # the discard port: nothing listens there
AMPLE = 30.0  # seconds: for the imports of a first call on a busy machine
FACT = "What commission does my manager take?"
CHOICES = [ToolMetadata(name=name, description=name) for name in ("global", "hybrid", "personal")]

PASTED = """Feedback on this chorus please:
I left the harbour lights behind
The ferry hums a song of mine
And every wave keeps perfect time"""


@pytest.mark.parametrize(
    ("question", "intent"),
    [
        (FACT, "personal"),
        ("In which year does my contract with Harbour Lane end?", "personal"),
        ("What is the governing law of the agreement?", "personal"),
        ("Show me my lyrics from last spring", "personal"),
        ("Who are the parties to the licence?", "personal"),
        ("What are mechanical royalties?", "global"),
        ("How do neighbouring rights work in Germany?", "global"),
        ("Explain the difference between a master and a publishing right", "global"),
        ("What is a typical manager commission?", "global"),
        ("Is the commission in my contract fair?", "hybrid"),
        ("Should I sign this distribution deal?", "hybrid"),
        ("How should I promote my next single?", "hybrid"),
        ("Is my royalty rate normal for the industry?", "hybrid"),
        ("Sunset clauses", "hybrid"),
    ],
)
def test_classify_intent(question: str, intent: Intent) -> None:
    """By its wording alone, as where neither a language model nor MiniLM is there."""
    found = IntentSelector().classify(question)
    assert (found.intent, found.direct, found.by) == (intent, False, "examples")
    assert found.reason


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("Hello, how are you?", "small talk"),
        ("thanks a lot!", "small talk"),
        ("Who are you?", "small talk"),
        ("Write a caption for tonight's post", "needs no look-up"),
        ("Can you come up with a title for a slow song about the sea", "needs no look-up"),
        ("draft my bio", "needs no look-up"),
        (PASTED, "work on pasted text"),
        (PASTED.split("\n", 1)[1] + "\nAnd I am home", "pasted lyrics or text"),
    ],
)
def test_what_needs_no_look_up_is_direct(message: str, reason: str) -> None:
    found = IntentSelector().classify(message)
    assert (found.direct, found.reason) == (True, reason)


@pytest.mark.parametrize(
    "question",
    [
        "Hello, what does my contract say about the term?",
        "Summarize my management contract",
        "Write down what the agreement says about merchandise",
        "thanks, and when does the deal end?",
    ],
)
def test_a_question_about_papers_is_never_direct(question: str) -> None:
    assert not IntentSelector().classify(question).direct


def test_the_language_model_decides_first(openai_server: OpenAIServer) -> None:
    openai_server.script('{"intent": "global", "direct": false}')
    selector = IntentSelector(make(openai_server), AMPLE)
    found = asyncio.run(selector.aclassify(FACT))
    assert (found.intent, found.direct, found.by) == ("global", False, "model")
    [asked] = openai_server.chats
    assert asked.body["messages"][-1]["content"] == FACT
    assert asked.body["max_tokens"] <= 60


def test_a_question_is_classified_once(openai_server: OpenAIServer) -> None:
    selector = IntentSelector(make(openai_server), AMPLE)

    async def twice() -> None:
        assert await selector.aclassify(FACT) == await selector.aclassify(FACT)
        await selector.aselect(CHOICES, FACT)

    asyncio.run(twice())
    assert len(openai_server.chats) == 1


def test_small_talk_does_not_wait_for_the_language_model(openai_server: OpenAIServer) -> None:
    found = asyncio.run(IntentSelector(make(openai_server), AMPLE).aclassify("Hello, how are you?"))
    assert (found.direct, found.by) == (True, "rules")
    assert openai_server.chats == []


@pytest.mark.parametrize(
    "reply",
    [
        "I would say this one is personal.",
        '{"intent": "private", "direct": false}',
        '{"intent": ["personal"], "direct": false}',
        '{"intent": "global", "direct": "no"}',
        '{"intent": "global", "direct":',
        "",
    ],
)
def test_garbage_leaves_it_to_the_examples(openai_server: OpenAIServer, reply: str) -> None:
    openai_server.script(reply, empty=not reply)
    found = asyncio.run(IntentSelector(make(openai_server), AMPLE).aclassify(FACT))
    assert (found.intent, found.by) == ("personal", "examples")


@pytest.mark.parametrize("behaviour", [{"status": 500}, {"status": 401}, {"garbage": True}, {"html": True}])
def test_a_failing_server_leaves_it_to_the_examples(openai_server: OpenAIServer, behaviour: dict[str, Any]) -> None:
    openai_server.script(**behaviour)
    assert asyncio.run(IntentSelector(make(openai_server), AMPLE).aclassify(FACT)).by == "examples"


def test_an_unreachable_server_leaves_it_to_the_examples(openai_server: OpenAIServer) -> None:
    assert asyncio.run(IntentSelector(make(openai_server, base_url=DEAD), AMPLE).aclassify(FACT)).by == "examples"


def _timed(model: ChatModel, seconds: float | None = None) -> tuple[str, float]:
    """Who decided, and after how many seconds; the imports of a first call are left out."""

    async def scene() -> tuple[str, float]:
        await model._lanes.ready()
        selector = IntentSelector(model) if seconds is None else IntentSelector(model, seconds)
        start = time.monotonic()
        found = await selector.aclassify(FACT)
        return found.by, time.monotonic() - start

    return asyncio.run(scene())


def test_a_late_language_model_is_not_waited_for(openai_server: OpenAIServer) -> None:
    """1.5 seconds unless said otherwise; a model that thinks for 4 is late, one that takes half a second is not."""
    openai_server.script('{"intent": "global", "direct": false}', first_token_seconds=4)
    by, seconds = _timed(make(openai_server))
    assert by == "examples"
    assert 1.3 < seconds < 3.5
    openai_server.script('{"intent": "global", "direct": false}', first_token_seconds=0.3)
    assert _timed(make(openai_server))[0] == "model"


def test_a_hanging_language_model_is_left_at_once(openai_server: OpenAIServer) -> None:
    openai_server.script(hang=True)
    by, seconds = _timed(make(openai_server), 0.1)
    assert by == "examples"
    assert seconds < 1


def test_a_forced_intent_asks_nobody(openai_server: OpenAIServer) -> None:
    selector = IntentSelector(make(openai_server), AMPLE, forced="global")
    for message in (FACT, "Hello", PASTED):
        found = asyncio.run(selector.aclassify(message))
        assert (found.intent, found.direct, found.by) == ("global", False, "caller")
        assert selector.classify(message) == found
    assert openai_server.chats == []


def test_the_choice_is_found_by_name() -> None:
    selector = IntentSelector()
    chosen = selector.select(CHOICES, FACT)
    assert CHOICES[chosen.ind].name == "personal"
    assert chosen.reason == f"examples: {selector.classify(FACT).reason}"
    assert asyncio.run(IntentSelector().aselect(CHOICES, "What are mechanical royalties?")).ind == 0


def test_a_long_message_is_cut_for_the_language_model(openai_server: OpenAIServer) -> None:
    asyncio.run(IntentSelector(make(openai_server), AMPLE).aclassify("What does my contract say? " + "x" * 9000))
    assert len(openai_server.chats[0].body["messages"][-1]["content"]) == 2000


def test_parse_finds_the_json_among_words() -> None:
    found = parse('Sure! ```json\n{"intent": "hybrid", "direct": true}\n``` Hope {this} helps')
    assert found is not None
    assert (found.intent, found.direct) == ("hybrid", True)
    assert parse('{"note": 1} {"intent": "global"}') == parse('{"intent": "global", "direct": false}')
    assert parse("nothing of the kind") is None
