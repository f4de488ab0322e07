"""The second pass: a linear model over a few features of the first candidates. Light (about 2 ms for 50), explainable, and
trained by `benchmarks/train_reranker.py`, which writes rerank.json. Whoever calls it fails open (design rule 7).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.models import KB
from app.retrievers.wording import Echo, echoes

Matrix = NDArray[np.float64]

FILE = Path(__file__).with_name("rerank.json")
# `gap`: how far behind the best in meaning; `words`: BM25 beside the best of its kb; `..._spread`: the same times how far
# the meanings of this question's candidates lie apart: where meaning tells them apart well, shared words tell less.
FEATURES = (
    "gap", "gap_spread", "words", "words_spread", "dense_rank", "sparse_rank", "coverage", "pairs", "numbers", "length",
    "siblings", "opening",
)  # fmt: skip
_NEAR_TOP = 10  # the place whose distance to the first measures the spread
_RANK_FLOOR = 9.0  # first place counts 1, tenth a half
_CHARS = 1000.0  # about one chunk
_SPREAD = 0.2  # of a model whose similarities were never measured: MiniLM's, on the whole
# "What is the name of this agreement?", "Who are the parties to the contract?": a document says it in its first lines.
# What a passage is lifted by that the best one calls by its title: by no more than this, and never past the best. On
# twowiki_dev (two passages to an answer) recall@5 is 0.77 instead of 0.70, elsewhere it changes nothing (retrieval_quality).
_LIFT = 2.0
_ONE_DOCUMENT = re.compile(
    r"\b(?:this|the|that|my|our|your)\s+(?:\w+\s+){0,3}?(?:agreement|contract|deal|document|licen[cs]e|letter|report|paper)\b"
)
_WORDS = re.compile(r"[^\W_]+")
_IN_BRACKETS = re.compile(r"\(.*?\)")
_BEHIND = 1e-6
_ITS_OPENING = re.compile(
    r"\b(?:name|title|called|part(?:y|ies)|between whom|dated?|effective|signed|signatories|made|entered)\b"
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage as the second pass sees it. `similarities` and `ranks` are by model name; a missing model is not in them."""

    kb: KB
    title: str
    heading: str
    text: str
    number: int
    similarities: Mapping[str, float]
    ranks: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ModelRole:
    """How a model takes part: its weight among its kind, and whether it compares words instead of meanings."""

    weight: float
    sparse: bool


@dataclass(frozen=True, slots=True)
class Coefficients:
    """Of the second pass by kinds of models that took part ("dense", "dense+sparse", "sparse"), and of the relevance floor.

    `measured` names the models whose similarities the numbers were fitted on; others are brought to their scale.
    """

    measured: tuple[str, ...]
    second_pass: dict[str, NDArray[np.float64]]
    floor: dict[str, dict[str, float]]


def load_coefficients(file: Path = FILE) -> Coefficients:
    data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    passes = {kind: np.array([values[name] for name in FEATURES]) for kind, values in data["second_pass"].items()}
    return Coefficients(tuple(data["measured"]), passes, data["floor"])


@dataclass(frozen=True, slots=True)
class Judged:
    """What the second pass found: a score for each candidate (higher is better) and what each repeats of the question."""

    scores: NDArray[np.float64]
    echoes: list[Echo]


def judge(
    question: str, candidates: Sequence[Candidate], roles: Mapping[str, ModelRole], coefficients: Coefficients
) -> Judged:
    """Scores of `candidates`, comparable within this question. Any number of models, any of them missing."""
    said = echoes(question, [(f"{one.title} {one.heading}", one.text) for one in candidates])
    kind = "+".join(
        sorted({"sparse" if roles[name].sparse else "dense" for one in candidates for name in one.similarities})
    )
    rows = features(question, candidates, said, roles, coefficients.measured)
    return Judged(lifted(rows @ coefficients.second_pass[kind or "sparse"], candidates), said)


def lifted(scores: NDArray[np.float64], candidates: Sequence[Candidate]) -> NDArray[np.float64]:
    """`scores`, higher for passages of other documents that the best passage calls by their title of two words or more.

    A question that takes two passages is about the first ("Who managed the singer of ...?"); the second is about somebody
    whom only the first one names.
    """
    if len(candidates) < 2:
        return scores
    best = int(np.argmax(scores))
    text, title = f" {_spoken(candidates[best].text)} ", candidates[best].title
    called = [" " in (name := _name(one.title)) and one.title != title and f" {name} " in text for one in candidates]
    highest = scores[best] - _BEHIND * (1 + scores[best] - scores)  # several of them keep their order
    raised = np.maximum(scores, np.minimum(scores + _LIFT, highest))
    return np.where(called, raised, scores)


@lru_cache(4096)
def _name(title: str) -> str:
    """A title as a text would say it, without what it adds in brackets to tell it apart."""
    return _spoken(_IN_BRACKETS.sub(" ", title))


def _spoken(text: str) -> str:
    return " ".join(_WORDS.findall(text.lower()))


def features(
    question: str,
    candidates: Sequence[Candidate],
    said: Sequence[Echo],
    roles: Mapping[str, ModelRole],
    measured: Sequence[str],
) -> Matrix:
    """One row of `FEATURES` for each candidate. A part that took no part is the same for all, and so says nothing."""
    table = np.zeros((len(candidates), len(FEATURES)))
    if not candidates:
        return table
    dense = {name: role.weight for name, role in roles.items() if not role.sparse}
    sparse = {name: role.weight for name, role in roles.items() if role.sparse}
    gap, spread = _gaps(candidates, dense, measured)
    shared = _shared_words(candidates, said, sparse)
    columns = {
        "gap": gap,
        "gap_spread": gap * spread,
        "words": shared,
        "words_spread": shared * spread,
        "dense_rank": _rank_shares(candidates, dense),
        "sparse_rank": _rank_shares(candidates, sparse),
        "coverage": np.array([echo.coverage for echo in said]),
        "pairs": np.array([echo.pairs for echo in said]),
        "numbers": np.array([echo.numbers for echo in said]),
        "length": np.log1p(np.array([len(one.text) for one in candidates]) / _CHARS),
        "siblings": _siblings(candidates, gap),
        "opening": np.array([float(one.number == 0) for one in candidates]) * asks_for_opening(question),
    }
    for place, name in enumerate(FEATURES):
        table[:, place] = columns[name]
    return table


def asks_for_opening(question: str) -> bool:
    """Whether a document's own first lines answer: its name, its parties, its date."""
    text = question.lower()
    return bool(_ONE_DOCUMENT.search(text) and _ITS_OPENING.search(text))


def _values(candidates: Sequence[Candidate], model: str) -> NDArray[np.float64]:
    return np.array([one.similarities.get(model, math.nan) for one in candidates])


def _gaps(
    candidates: Sequence[Candidate], weights: Mapping[str, float], measured: Sequence[str]
) -> tuple[NDArray[np.float64], float]:
    """How far each candidate's meaning is behind the best one's (0 and below), and how far the first ones lie apart.

    Models score on scales of their own: all are brought to the spread of a measured one, or to its usual spread.
    """
    behind: dict[str, NDArray[np.float64]] = {}
    spreads: dict[str, float] = {}
    for model in weights:
        values = _values(candidates, model)
        if np.isnan(values).all():
            continue
        behind[model] = values - np.nanmax(values)
        ordered = np.sort(behind[model][~np.isnan(values)])[::-1]
        spreads[model] = -float(ordered[min(_NEAR_TOP, len(ordered)) - 1])
    if not behind:
        return np.zeros(len(candidates)), 0.0
    known = [spreads[model] for model in behind if model in measured]
    spread = float(np.mean(known)) if known else _SPREAD
    total, weight = np.zeros(len(candidates)), np.zeros(len(candidates))
    for model, values in behind.items():
        scale = 1.0 if model in measured or spreads[model] <= 0 else spread / spreads[model]
        there = ~np.isnan(values)
        total[there] += weights[model] * scale * values[there]
        weight[there] += weights[model]
    gap = np.divide(total, weight, out=np.full(len(candidates), np.nan), where=weight > 0)
    return np.nan_to_num(gap, nan=float(np.nanmin(gap))), spread


def _shared_words(
    candidates: Sequence[Candidate], said: Sequence[Echo], weights: Mapping[str, float]
) -> NDArray[np.float64]:
    """BM25 as a share of the best in its kb. Word weights differ between kbs, so a kb's best counts as much as it covers."""
    total = np.zeros(len(candidates))
    coverage = np.array([echo.coverage for echo in said])
    for model, weight in weights.items():
        values = np.nan_to_num(_values(candidates, model), nan=0.0)
        share = np.zeros(len(candidates))
        best: dict[KB, float] = {}
        for kb in {one.kb for one in candidates}:
            mine = np.array([one.kb == kb for one in candidates])
            if (top := float(values[mine].max())) > 0:
                share[mine] = values[mine] / top
                best[kb] = float(coverage[mine & (values == top)].max())
        highest = max(best.values(), default=0.0)
        for kb, value in best.items():
            share[[one.kb == kb for one in candidates]] *= value / highest if highest else 1.0
        total += weight * share
    return total / (sum(weights.values()) or 1.0)


def _rank_shares(candidates: Sequence[Candidate], weights: Mapping[str, float]) -> NDArray[np.float64]:
    """1 for first place, towards 0 with the rank, 0 where an index did not find it; the mean over these models."""
    present = {name: weight for name, weight in weights.items() if any(name in one.ranks for one in candidates)}
    total = np.zeros(len(candidates))
    for model, weight in present.items():
        ranks = np.array([one.ranks.get(model, math.inf) for one in candidates])
        total += weight * (_RANK_FLOOR + 1) / (_RANK_FLOOR + ranks)
    return total / (sum(present.values()) or 1.0)


def _siblings(candidates: Sequence[Candidate], gap: NDArray[np.float64]) -> NDArray[np.float64]:
    """How near the best other candidate of the same title is, from 0 to 1: a document that keeps turning up is about it."""
    low = float(gap.min())
    near = (gap - low) / -low if low < 0 else np.zeros(len(candidates))
    groups: dict[tuple[KB, str], list[int]] = {}
    for place, one in enumerate(candidates):
        groups.setdefault((one.kb, one.title), []).append(place)
    best = np.zeros(len(candidates))
    for places in groups.values():
        if len(places) > 1:
            first, second = np.sort(near[places])[::-1][:2]
            for place in places:
                best[place] = second if near[place] == first else first
    return best
