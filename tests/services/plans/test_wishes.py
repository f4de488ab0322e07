"""Which questions ask for a plan, and for which."""

from __future__ import annotations

import time

import pytest

from app.services.plans.wishes import plan_wished


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
