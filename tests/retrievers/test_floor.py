from __future__ import annotations

from dataclasses import replace

import pytest

from app.retrievers.floor import relevance
from app.retrievers.rerank import load_coefficients
from app.retrievers.wording import Echo

COEFFICIENTS = load_coefficients()
NOTHING, HALF, ALL = Echo(0.0, 0.0, 0.0), Echo(0.5, 0.0, 0.0), Echo(1.0, 1.0, 0.0)


def of(similarities: dict[str, float], echo: Echo) -> float:
    return relevance(similarities, echo, COEFFICIENTS)


def test_relevance_grows_with_meaning_and_with_wording() -> None:
    assert 0 < of({"minilm": 0.1}, NOTHING) < of({"minilm": 0.5}, NOTHING) < of({"minilm": 0.8}, NOTHING) < 1
    assert of({"minilm": 0.4}, NOTHING) < of({"minilm": 0.4}, HALF) < of({"minilm": 0.4}, ALL)


def test_what_is_plain_is_plain() -> None:
    assert of({"minilm": 0.7}, ALL) > 0.9
    assert of({"minilm": 0.1}, NOTHING) < 0.01


def test_similarities_that_were_not_measured_do_not_count() -> None:
    assert of({"bm25": 17.0, "remote": 0.99}, HALF) == of({}, HALF)
    assert of({"bm25": 17.0, "remote": 0.99, "minilm": 0.3}, HALF) == of({"minilm": 0.3}, HALF)


def test_without_a_measured_model_the_words_decide() -> None:
    assert of({"remote": 0.9}, NOTHING) < 0.25 < of({"remote": 0.1}, ALL)


@pytest.mark.parametrize("value", [-1e9, 1e9])
def test_no_similarity_is_too_far_out(value: float) -> None:
    assert 0 <= of({"minilm": value}, HALF) <= 1


def test_who_says_all_of_a_short_question_counts() -> None:
    """ "How long is the term?" means too little for its similarity to be measured."""
    coefficients = load_coefficients()
    said = Echo(coverage=0.5, pairs=0.0, numbers=0.0, whole=True)
    assert relevance({"minilm": 0.2}, said, coefficients) >= 0.5
    assert relevance({"minilm": 0.2}, replace(said, whole=False), coefficients) < 0.1
    assert relevance({"minilm": 0.9}, said, coefficients) > 0.9
