from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from app.models import KB
from app.retrievers.rerank import (
    FEATURES,
    FILE,
    Candidate,
    ModelRole,
    asks_for_opening,
    judge,
    lifted,
    load_coefficients,
)

COEFFICIENTS = load_coefficients()
ROLES = {"minilm": ModelRole(0.6, False), "bm25": ModelRole(0.4, True), "remote": ModelRole(0.8, False)}
TEXTS = {
    "right": "The Manager takes a commission of seventeen percent of gross income.",
    "near": "A manager books the van and the hotel.",
    "far": "Mastering brings the loudness of a record up.",
}
SIMILARITIES = {
    "minilm": {"right": 0.71, "near": 0.48, "far": 0.11},
    "bm25": {"right": 9.0, "near": 3.0},
    "remote": {"right": 0.52, "near": 0.41, "far": 0.3},
}
QUESTION = "What commission does the manager take?"


def candidates(*models: str, kb: KB = "global") -> list[Candidate]:
    found = []
    for number, (name, text) in enumerate(TEXTS.items()):
        similarities = {model: SIMILARITIES[model][name] for model in models if name in SIMILARITIES[model]}
        found.append(Candidate(kb, name, "", text, number, similarities, dict.fromkeys(similarities, number + 1)))
    return found


def order(found: list[Candidate], question: str = QUESTION) -> list[str]:
    scores = judge(question, found, ROLES, COEFFICIENTS).scores
    return [found[place].title for place in np.argsort(-scores, kind="stable")]


@pytest.mark.parametrize(
    "models", [some for size in (1, 2, 3) for some in itertools.combinations(SIMILARITIES, size)], ids="+".join
)
def test_any_models_may_be_missing(models: tuple[str, ...]) -> None:
    assert order(candidates(*models)) == ["right", "near", "far"]


def test_no_model_and_no_candidate() -> None:
    assert np.isfinite(judge(QUESTION, candidates(), ROLES, COEFFICIENTS).scores).all()
    assert len(judge(QUESTION, [], ROLES, COEFFICIENTS).scores) == 0


def test_the_order_of_the_candidates_does_not_matter() -> None:
    found = candidates("minilm", "bm25")
    forward = judge(QUESTION, found, ROLES, COEFFICIENTS).scores
    backward = judge(QUESTION, found[::-1], ROLES, COEFFICIENTS).scores
    assert forward == pytest.approx(backward[::-1])


def test_a_model_on_another_scale_counts_as_if_on_the_measured_one() -> None:
    """Similarities of other models lie elsewhere and closer together; that makes them no weaker witness."""
    same = candidates("minilm", "bm25")
    squeezed = [
        Candidate(
            one.kb, one.title, one.heading, one.text, one.number,
            {**one.similarities, "remote": 0.8 + one.similarities["minilm"] / 10}, {**one.ranks, "remote": one.ranks["minilm"]},
        )
        for one in same
    ]  # fmt: skip
    roles = {**ROLES, "minilm": ModelRole(0.6, False), "remote": ModelRole(0.8, False)}
    assert judge(QUESTION, squeezed, roles, COEFFICIENTS).scores == pytest.approx(
        judge(QUESTION, same, roles, COEFFICIENTS).scores
    )


def test_word_scores_of_two_kbs_are_not_compared() -> None:
    """A user's three papers give a word another weight than the industry's thousand; twice the scale is no better passage."""
    own, shared = candidates("minilm", "bm25", kb="personal"), candidates("minilm", "bm25")
    scaled = [
        Candidate(
            one.kb, one.title, one.heading, one.text, one.number,
            {name: value * (5 if name == "bm25" else 1) for name, value in one.similarities.items()}, one.ranks,
        )
        for one in shared
    ]  # fmt: skip
    scores = judge(QUESTION, [*own, *scaled], ROLES, COEFFICIENTS).scores
    assert scores[:3] == pytest.approx(scores[3:])


@pytest.mark.parametrize(
    ("question", "asks"),
    [
        ("Who are the parties to this agreement?", True),
        ("What is the name of the publishing contract?", True),
        ("When was my deal signed?", True),
        ("What does the agreement say about touring?", False),
        ("Who is the manager?", False),
    ],
)
def test_what_a_document_says_in_its_first_lines(question: str, asks: bool) -> None:
    assert asks_for_opening(question) is asks


def test_the_opening_answers_for_the_whole_document() -> None:
    opening = Candidate(
        "global", "Deal", "", "THIS AGREEMENT between A and B of May 2.", 0, {"minilm": 0.4, "bm25": 1.0}, {}
    )
    middle = Candidate(
        "global", "Deal", "", "The parties to this agreement may assign it.", 7, {"minilm": 0.5, "bm25": 3.0}, {}
    )
    scores = judge("Who are the parties to this agreement?", [opening, middle], ROLES, COEFFICIENTS).scores
    assert scores[0] > scores[1]


def test_the_weights_have_the_signs_their_features_must_have() -> None:
    data = json.loads(FILE.read_text(encoding="utf-8"))
    assert set(data["second_pass"]) == {"dense", "sparse", "dense+sparse"}
    for weights in data["second_pass"].values():
        assert set(weights) == set(FEATURES)
        assert all(value >= 0 for name, value in weights.items() if name not in ("words_spread", "length"))
        assert weights["words_spread"] <= 0


def titled(title: str, text: str = "Born in Leeds.") -> Candidate:
    return Candidate("global", title, "", text, 0, {}, {})


def test_what_the_best_passage_calls_by_title_comes_up_behind_it() -> None:
    best = titled("Paper Boats", "Paper Boats is a song produced by Ada Fenn, of Slow Harbour and of Paper Boats.")
    found = [
        titled("Leeds"),
        best,
        titled("Slow Harbour (band)"),
        titled("Ada Fenn"),
        titled("Ada Fenn Trio"),
        titled("Song"),
    ]
    scores = np.array([2.0, 3.0, 0.0, 1.5, 1.9, 1.8])
    order = [found[place].title for place in np.argsort(-lifted(scores, found), kind="stable")]
    assert order == ["Paper Boats", "Ada Fenn", "Leeds", "Slow Harbour (band)", "Ada Fenn Trio", "Song"]
    assert lifted(scores, found)[2] == pytest.approx(2.0)


def test_other_passages_of_the_best_ones_document_and_single_words_are_not_lifted() -> None:
    found = [titled("Paper Boats", "Paper Boats is a song."), titled("Paper Boats"), titled("Song")]
    assert lifted(np.array([3.0, 1.0, 1.0]), found).tolist() == [3.0, 1.0, 1.0]


def test_of_several_that_reach_the_best_the_order_stays() -> None:
    found = [titled("A List", "Ada Fenn and Slow Harbour"), titled("Slow Harbour"), titled("Ada Fenn")]
    one, other = lifted(np.array([3.0, 2.5, 2.9]), found)[1:]
    assert one < other < 3.0
