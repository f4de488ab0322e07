from __future__ import annotations

import pytest

from app.config import RetrievalSettings
from app.retrievers.floor import coverage, relevance, words

SETTINGS = RetrievalSettings(floor_coverage_weight=0.4, floor_models=("minilm",))


def test_words_are_those_that_carry_meaning() -> None:
    assert words("What is the commission of my manager?") == {"commission", "manag"}
    assert words("Commissions, managers") == words("commission MANAGER")
    assert words("15 % of it; a 5 or x") == {"15", "5"}
    assert words("ing ed the") == {"ing", "ed"}, "a stem of fewer than three letters is left whole"


def test_coverage_is_the_share_of_the_questions_words() -> None:
    assert coverage("commission of my manager", "The manager takes it.") == 0.5
    assert coverage("commission of my manager", "A manager's commissions") == 1.0
    assert coverage("what is it", "anything") == 0.0


def test_relevance_adds_meaning_and_wording() -> None:
    def of(text: str, similarity: float) -> float:
        return relevance("manager commission", text, {"minilm": similarity}, SETTINGS)

    assert of("nothing shared", 0.5) == pytest.approx(0.5)
    assert of("the commission", 0.3) == pytest.approx(0.5)
    assert of("a manager's commission", 0.1) == pytest.approx(0.5)


def test_only_models_the_floor_was_measured_on_count() -> None:
    assert relevance("manager", "x", {"bm25": 17.0, "remote": 0.99}, SETTINGS) == 0.0
    assert relevance("manager", "x", {"bm25": 17.0, "minilm": 0.9}, SETTINGS) == 0.9
    both = SETTINGS.model_copy(update={"floor_models": ("minilm", "remote")})
    assert relevance("manager", "x", {"remote": 0.99, "minilm": 0.9}, both) == 0.99
