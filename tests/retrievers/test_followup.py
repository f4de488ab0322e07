from __future__ import annotations

import asyncio

import pytest

from app.retrievers.followup import CARRIED_WORDS, leans, standalone
from app.retrievers.intent import IntentSelector, parse
from tests.llm_calls import make
from tests.openai_server import OpenAIServer

TERM = "What is the term of the Tideline contract?"


@pytest.mark.parametrize(
    ("question", "earlier", "alone"),
    [
        ("And for how long?", [TERM], "And for how long? (term Tideline contract)"),
        ("What is the governing law?", [TERM], "What is the governing law? (Tideline contract)"),
        ("Who pays for it?", ["Does the rider ask for hotel rooms?"], "Who pays for it? (rider ask hotel rooms)"),
        ("And in France?", ["How do neighbouring rights work in Germany?"], "And in France? (neighbouring rights work Germany)"),
        ("And how long is the term?", ["What is the governing law of my contract?"], "And how long is the term? (contract)"),
        ("What about the advance?", ["How high is the royalty of Northlight?"], "What about the advance? (Northlight)"),
        ("Who owns it?", ['Where is "Glass River" registered?'], 'Who owns it? ("Glass River" registered)'),
    ],
)  # fmt: skip
def test_the_subject_is_carried_over(question: str, earlier: list[str], alone: str) -> None:
    assert standalone(question, earlier) == alone


@pytest.mark.parametrize(
    "question",
    [
        "How do neighbouring rights work in Germany?",
        "What is a 360 deal?",
        "What commission does the Northlight agreement give the manager?",
        "Thanks!",
        "Hello, how are you?",
    ],
)
def test_a_question_with_a_subject_of_its_own_is_left_alone(question: str) -> None:
    assert standalone(question, [TERM]) is None


def test_a_first_question_is_left_alone() -> None:
    assert standalone("And for how long?", []) is None
    assert standalone("And for how long?", ["Hello!", "thanks a lot"]) is None


def test_the_subject_survives_several_follow_ups_and_small_talk() -> None:
    found = standalone("When does it end?", [TERM, "And who signed it?", "thanks"])
    assert found is not None
    assert "Tideline" in found


def test_a_new_subject_replaces_the_old_one() -> None:
    found = standalone("Who pays for it?", [TERM, "Does the Hamburg rider ask for hotel rooms?"])
    assert found is not None
    assert "hotel" in found
    assert "Tideline" not in found


def test_what_is_carried_is_bounded() -> None:
    found = standalone("And why?", [" ".join(f"word{number}" for number in range(60))])
    assert found is not None
    assert len(found.split()) == 2 + CARRIED_WORDS


def test_leaning_is_seen_in_other_words_too() -> None:
    assert leans("What about the advance?")
    assert leans("why?")
    assert not leans("Explain the compulsory licence for covers and who has to pay for it every quarter")


def test_the_rules_rewrite_where_no_model_is(openai_server: OpenAIServer) -> None:
    selector = IntentSelector(history=[("user", TERM), ("assistant", "Two years [P1].")])
    found = asyncio.run(selector.aclassify("And who signed it?"))
    assert found.standalone == "And who signed it? (term Tideline contract)"
    assert selector.classify("And who signed it?") == found
    assert IntentSelector().classify("And who signed it?").standalone is None


def test_the_language_model_rewrites_first(openai_server: OpenAIServer) -> None:
    openai_server.script('{"intent": "personal", "direct": false, "question": "Who signed the Tideline contract?"}')
    selector = IntentSelector(make(openai_server), 30, history=[("user", TERM), ("assistant", "Two years [P1].")])
    found = asyncio.run(selector.aclassify("And who signed it?"))
    assert (found.standalone, found.by) == ("Who signed the Tideline contract?", "model")
    [asked] = openai_server.chats
    assert TERM in asked.body["messages"][1]["content"]
    assert asked.body["messages"][-1]["content"] == "And who signed it?"


def test_a_first_message_is_never_rewritten(openai_server: OpenAIServer) -> None:
    openai_server.script('{"intent": "personal", "direct": false, "question": "Something else?"}')
    found = asyncio.run(IntentSelector(make(openai_server), 30).aclassify(TERM))
    assert found.standalone is None


def test_a_forced_intent_still_resolves_the_follow_up() -> None:
    found = asyncio.run(IntentSelector(forced="personal", history=[("user", TERM)]).aclassify("And who signed it?"))
    assert (found.intent, found.by) == ("personal", "caller")
    assert found.standalone is not None


@pytest.mark.parametrize("question", ['""', "7", "null", '["a"]'])
def test_a_rewriting_that_is_no_text_is_none(question: str) -> None:
    found = parse(f'{{"intent": "personal", "question": {question}}}')
    assert found is not None
    assert found.standalone is None
