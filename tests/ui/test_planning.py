"""Which questions ask for a plan, and for which; and what stands under their answers."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from app.services.shapes import MessagePublic
from app.ui.planning import plan_wished
from app.ui.rows import conversation_rows

AT = datetime(2027, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("question", "template"),
    [
        ("Help me plan my next release strategy", "release_single"),
        ("How should I approach my next album release?", "release_album"),
        ("I need a timeline for my EP", "release_ep"),
        ("Let's plan the launch of our new track", "release_single"),
        ("Create a 12-month development plan for my artist", "artist_development_12_months"),
        ("What's the best path for my artist's career?", "artist_development_12_months"),
        ("How should I price my production services?", "producer_business"),
        ("How can I grow my fanbase effectively?", "marketing_campaign"),
        ("Can you make me a marketing campaign with 2000 euros?", "marketing_campaign"),
        ("help us plan a tour", ""),
    ],
)
def test_a_question_that_asks_for_a_plan(question: str, template: str) -> None:
    assert plan_wished(question) == template


@pytest.mark.parametrize(
    "question",
    [
        "How can I improve this chorus?",
        "What publishers should I approach?",
        "What does my plan say about the master?",
        "What is a marketing plan?",
        "What does “Release plan” say about deadlines?",
        "How do I release myself from the contract?",
        "Push the release by two weeks",
        "When is the plan due?",
        "Hello, how are you?",
    ],
)
def test_a_question_that_does_not(question: str) -> None:
    assert plan_wished(question) is None


def test_a_pasted_text_costs_no_time() -> None:
    began = time.perf_counter()
    assert plan_wished(f"Plan this. {'song ' * 3990}") == ""
    assert time.perf_counter() - began < 0.5


def message(number: int, role: str, text: str, state: str | None = None) -> MessagePublic:
    empty: dict[str, Any] = {"intent": None, "citations": [], "trace_id": None, "rating": None}
    fields = {
        "id": str(number),
        "conversation": "1",
        "role": role,
        "text": text,
        "state": state,
        "created": AT,
        **empty,
    }
    return MessagePublic.model_validate(fields)


@pytest.mark.parametrize("state", ["answered", "extractive", "nothing_found"])
def test_an_answer_can_be_made_a_plan_where_one_was_asked_for(state: str) -> None:
    rows = conversation_rows(
        [
            message(1, "user", "Plan my album release"),
            message(2, "assistant", "Begin early.", state),
            message(3, "user", "And the chorus?"),
            message(4, "assistant", "It is fine.", state),
        ]
    )
    below = {name: row["content"] for row in rows for name in ("answer-2", "answer-4") if name in row["content"]}
    assert 'class="act plan first" value="release_album">Make this a plan<' in below["answer-2"]
    assert "Make this a plan" not in below["answer-4"]
    assert '<div class="plan-changes" id="changes-4"></div>' in below["answer-4"]


def test_an_answer_that_failed_is_asked_again_first() -> None:
    rows = conversation_rows([message(1, "user", "Plan my album release"), message(2, "assistant", "", "failed")])
    assert not any("Make this a plan" in row["content"] for row in rows)
