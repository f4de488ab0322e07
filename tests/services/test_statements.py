"""What a message states about whoever wrote it: their own words, and nothing from questions, tasks or pasted texts."""

from __future__ import annotations

import pytest

from app.services.statements import MESSAGE_CHARS, MOST, may_state, statements, verbatim

SAID = {
    "I'm a producer from Leeds, how should I price my production services?": ["I'm a producer from Leeds"],
    "Hi, I play the cello and sing. We tour in May every year; what should I do?": [
        "I play the cello and sing.", "We tour in May every year",
    ],
    "My manager is based in Berlin. What does the contract say?": ["My manager is based in Berlin."],
    "Please remember that my fee is 300 EUR per track.": ["my fee is 300 EUR per track."],
    "Note: invoices go to the label": ["invoices go to the label"],
    "I've been producing for ten years. I don't fly.": ["I've been producing for ten years.", "I don't fly."],
    "my goal is to headline a festival by 2028": ["my goal is to headline a festival by 2028"],
    "I have no manager - which one should I hire?": ["I have no manager"],
    "Our label pays us twice a year, is that usual?": ["Our label pays us twice a year"],
}  # fmt: skip
NOTHING = [
    "Help me plan my next release strategy.", "How should I price my production services?", "What publishers should I approach?",
    "Create a 12-month development plan for my artist.", "How can I improve this chorus?", "What is my commission?",
    "I have a question about my contract.", "I want to know how splits work", "I'm not sure what my term is.",
    "I am looking for a label", "My contract is below", "I work on this chorus", "Is my manager paid?", "thanks, that helped",
    "I am the night\nI am the day\nI ride the tide\nI fade away\nMy heart is gone\nMy love is gray",
    'She said "I play the cello and sing" to me', "I play here.\n" * 300, "",
]  # fmt: skip


@pytest.mark.parametrize("message", SAID)
def test_what_somebody_says_of_themselves(message: str) -> None:
    found = statements(message)
    assert found == SAID[message]
    assert all(one in message for one in found)
    assert may_state(message)


@pytest.mark.parametrize("message", NOTHING)
def test_questions_tasks_and_pasted_texts_state_nothing(message: str) -> None:
    assert statements(message) == []


def test_no_more_than_a_few_of_one_message() -> None:
    assert len(statements("I play the cello. I sing in a choir. I live in Porto. I teach the harp.")) == MOST


@pytest.mark.parametrize(
    "message", ["How can I grow?", "Write my bio.", "What does my contract say?", "x" * MESSAGE_CHARS * 2]
)
def test_a_model_is_not_asked_about_questions(message: str) -> None:
    assert not may_state(message)


def test_of_a_model_counts_what_stands_in_the_message() -> None:
    message = "As a cellist from Porto I care most about sync. What should I do?"
    quotes = [
        "As a cellist from Porto",
        "I am rich and famous",
        "What should I do?",
        7,
        "sync",
        "as a  cellist from porto",
    ]
    assert verbatim(quotes, message) == ["As a cellist from Porto"]
