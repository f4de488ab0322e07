"""Fit the second pass and the relevance floor on the labelled files, and print how they do on articles not fitted on.

python -m benchmarks.train_reranker [--write]      --write: replace app/retrievers/rerank.json

The second pass is a conditional logit (listwise softmax) with an L2 penalty; every weight has the sign its feature must have.
The floor is a logistic model of "answerable" against "its articles are left out of the knowledge base".
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.evaluation import ndcg, recall
from app.retrievers.rerank import FEATURES, FILE, lifted
from benchmarks.labelled import PASSAGE_FILES, Seen, contracts, open_settings, passages_of, record

Weights = NDArray[np.float64]

# People typed the questions of qed_nq into a search box; those of the other files were written with the text at hand, and
# copy its words. So the former count more.
SHARES = {"squad_music": 1.0, "qed_nq": 4.0, "twowiki": 1.0, "cuad_clauses": 1.0}
SIGNS = {name: -1.0 if name == "words_spread" else 1.0 for name in FEATURES} | {"length": 0.0}
KINDS = {
    "dense+sparse": (),
    "dense": ("words", "words_spread", "sparse_rank"),
    "sparse": ("gap", "gap_spread", "words_spread", "dense_rank", "siblings"),
}
FLOORS = {"meaning": (0, 1, 2), "wording": (1, 2)}
# Words alone are the weaker witness: an answerable question counts a third more there, so that the same floor refuses as few.
WORDING_SHARE = 4 / 3
SIGN_NAMES = ("similarity", "coverage", "pairs")
PENALTY = 1e-3


def fit(files: dict[str, list[Seen]], kind: str, leave: int | None = None) -> Weights:
    """Weights in the order of `FEATURES`, from every fold but `leave`."""
    off = np.array([name in KINDS[kind] for name in FEATURES])
    rows = [
        (seen, SHARES[name] / len(cases))
        for name, cases in files.items()
        for seen in cases
        if seen.case.fold != leave and seen.gold.any() and not seen.gold.all()
    ]
    longest = max(len(seen.keys) for seen, _ in rows)
    table = np.zeros((len(rows), longest, len(FEATURES)))
    goal, mask = np.zeros((len(rows), longest)), np.full((len(rows), longest), -1e9)
    for place, (seen, _) in enumerate(rows):
        size = len(seen.keys)
        table[place, :size], mask[place, :size] = seen.table, 0.0
        goal[place, :size] = seen.gold / seen.gold.sum()
    share = np.array([weight for _, weight in rows])
    scale = table[mask == 0].std(axis=0) + 1e-9
    table, share = table / scale, share / share.sum()
    signs = np.array([SIGNS[name] for name in FEATURES])
    weights: Weights = _descend(table, goal, mask, share, signs, off) / scale
    return weights


def _descend(
    table: Weights, goal: Weights, mask: Weights, share: Weights, signs: Weights, off: NDArray[np.bool_]
) -> Weights:
    """Projected gradient descent (Adam, Kingma and Ba, 2015); the problem is convex."""
    weights = np.zeros(table.shape[2])
    mean, square = np.zeros_like(weights), np.zeros_like(weights)
    for step in range(1, 301):
        scores = table @ weights + mask
        chance = np.exp(scores - scores.max(axis=1, keepdims=True))
        chance /= chance.sum(axis=1, keepdims=True)
        slope = np.einsum("q,qn,qnf->f", share, chance - goal, table) + PENALTY * weights
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        pace = 0.05 if step < 200 else 0.01
        weights = weights - pace * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        weights = np.where(off | (weights * signs < 0), 0.0, weights)
    return weights


def fit_floor(
    answerable: dict[str, list[Seen]],
    unanswerable: dict[str, list[Seen]],
    columns: Sequence[int],
    leave: int | None = None,
) -> Weights:
    """Weights of `columns` and the constant, by Newton's method; the likeliest passage stands for the question."""
    answerable_share = 1.0 if 0 in columns else WORDING_SHARE
    weights = np.array([*(10.0 if column == 0 else 5.0 for column in columns), 0.0])
    for _ in range(5):  # which passage is the likeliest depends on the weights
        rows, goal, share = [], [], []
        for files, value in ((answerable, 1.0), (unanswerable, 0.0)):
            for cases in files.values():
                for seen in cases:
                    if seen.case.fold != leave:
                        signs = np.c_[seen.signs[:, columns], np.ones(len(seen.keys))]
                        rows.append(signs[int(np.argmax(signs @ weights))])
                        goal.append(value)
                        share.append((answerable_share if value else 1.0) / len(cases))
        weights = _logit(np.array(rows), np.array(goal), np.array(share))
    return weights


def _logit(rows: Weights, goal: Weights, share: Weights) -> Weights:
    weights = np.zeros(rows.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-rows @ weights))
        slope = rows.T @ (share * (chance - goal)) + PENALTY * weights
        curve = (rows * (share * chance * (1 - chance))[:, None]).T @ rows + PENALTY * np.eye(len(weights))
        weights = weights - np.linalg.solve(curve, slope)
    return weights


def chances(cases: Sequence[Seen], weights_of: dict[int, Weights], columns: Sequence[int]) -> Weights:
    """Each question's relevance: that of its likeliest passage, by the weights of its fold."""
    values = []
    for seen in cases:
        weights = weights_of[seen.case.fold]
        values.append(float((seen.signs[:, columns] @ weights[:-1]).max(initial=-50.0) + weights[-1]))
    answer: Weights = 1 / (1 + np.exp(-np.array(values)))
    return answer


def ordered(seen: Seen, weights: Weights) -> list[str]:
    """Keys, each once, in the order of the second pass."""
    best = np.argsort(-lifted(seen.table @ weights, seen.candidates), kind="stable")
    return list(dict.fromkeys(seen.keys[place] for place in best))


def main() -> None:
    settings = open_settings()
    answerable: dict[str, list[Seen]] = {}
    unanswerable: dict[str, list[Seen]] = {}
    for name in PASSAGE_FILES:
        with passages_of(settings, name) as corpus:
            answerable[name] = record(corpus)
            unanswerable[name] = record(corpus, without_gold=True)
    with contracts(settings) as corpus:
        clauses = {"cuad_clauses": record(corpus)}
    ranked = answerable | clauses
    second_pass = {}
    for kind in KINDS:
        by_fold = {fold: fit(ranked, kind, fold) for fold in range(5)}
        for name, cases in ranked.items():
            found = [(ordered(seen, by_fold[seen.case.fold]), seen.case.gold) for seen in cases]
            _print("second_pass", kind, name, {
                "hit@5": np.mean([bool(gold & set(keys[:5])) for keys, gold in found]),
                "recall@1": np.mean([recall(keys, gold, 1) for keys, gold in found]),
                "recall@5": np.mean([recall(keys, gold, 5) for keys, gold in found]),
                "ndcg@10": np.mean([ndcg(keys, gold, 10) for keys, gold in found]),
            })  # fmt: skip
        second_pass[kind] = dict(zip(FEATURES, np.round(fit(ranked, kind), 4).tolist(), strict=True))
    floor = {}
    for kind, columns in FLOORS.items():
        of_fold = {fold: fit_floor(answerable, unanswerable, columns, fold) for fold in range(5)}
        for name in answerable:
            asked, left = (chances(files[name], of_fold, columns) for files in (answerable, unanswerable))
            for limit in (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5):
                figures: dict[str, float] = {
                    "floor": limit,
                    "answerable_refused": float(np.mean(asked < limit)),
                    "unanswerable_recognised": float(np.mean(left < limit)),
                }
                _print("floor", kind, name, figures)
        names = [SIGN_NAMES[column] for column in columns] + ["constant"]
        weights = fit_floor(answerable, unanswerable, columns)
        floor[kind] = dict(zip(names, np.round(weights, 4).tolist(), strict=True))
    data = {"measured": ["minilm"], "second_pass": second_pass, "floor": floor}
    print(json.dumps(data))
    if "--write" in sys.argv[1:]:
        FILE.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


def _print(part: str, kind: str, file: str, figures: Mapping[str, float | np.floating[Any]]) -> None:
    rounded = {name: round(float(value), 4) for name, value in figures.items()}
    print(
        json.dumps({"benchmark": "train_reranker", "part": part, "models": kind, "file": file, **rounded}), flush=True
    )


if __name__ == "__main__":
    main()
