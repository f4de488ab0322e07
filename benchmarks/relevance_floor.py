"""Where to put the relevance floor: how many answerable questions it refuses, how many unanswerable ones it recognises.

A question is made unanswerable by searching a knowledge base without its gold passages' articles. `shipped` are the figures
of a search as a user gets it; `out_of_fold` those of weights fitted without the question's article. "meaning": with a model
whose similarities were measured; "wording": without one. One JSON line for each floor, and results/relevance_floor.png.

python -m benchmarks.relevance_floor
"""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

from app.retrievers.rerank import load_coefficients
from benchmarks.labelled import PASSAGE_FILES, Corpus, Seen, open_settings, passages_of, record
from benchmarks.plot import RESULTS, lines
from benchmarks.train_reranker import FLOORS, chances, fit_floor

LIMITS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6)


def main() -> None:
    settings = open_settings()
    RESULTS.mkdir(exist_ok=True)
    answerable: dict[str, list[Seen]] = {}
    unanswerable: dict[str, list[Seen]] = {}
    answers: list[str] = []
    for name in PASSAGE_FILES:
        with passages_of(settings, name) as corpus:
            answerable[name], unanswerable[name] = record(corpus), record(corpus, without_gold=True)
            answers.append(json.dumps({"benchmark": "relevance_floor", "file": name, **as_asked(corpus)}))
            print(answers[-1], flush=True)
    curves: dict[str, list[tuple[float, float]]] = {}
    shipped = load_coefficients().floor
    for kind, columns in FLOORS.items():
        fitted = {fold: fit_floor(answerable, unanswerable, columns, fold) for fold in range(5)}
        names = [("similarity", "coverage", "pairs")[column] for column in columns] + ["constant"]
        given = dict.fromkeys(range(5), np.array([shipped[kind][name] for name in names]))
        for file in answerable:
            pair = (answerable[file], unanswerable[file])
            ours = [chances(seen, given, columns) for seen in pair]
            apart = [chances(seen, fitted, columns) for seen in pair]
            curves[f"{file}, {kind}"] = curve(*apart)
            for limit in LIMITS:
                answers.append(line(file, kind, limit, ours, apart))
                print(answers[-1], flush=True)
    (RESULTS / "relevance_floor.jsonl").write_text("\n".join(answers) + "\n", encoding="utf-8")
    meaning = {name.split(",")[0]: points for name, points in curves.items() if name.endswith("meaning")}
    lines("relevance_floor", "Unanswerable questions recognised", "answerable questions refused", meaning)


def as_asked(corpus: Corpus) -> dict[str, float]:
    """With the shipped settings, through the retriever every answer comes from."""
    refused, recognised = [], []
    scope = corpus.services.search.scope(None, None, None)
    whole = corpus.services.search.retriever(scope, "global")
    for case in corpus.cases:
        refused.append(not whole.search(case.text).passages)
        rest = type(whole)(corpus.services.search._searcher, None, "global", documents=case.without)
        recognised.append(not rest.search(case.text).passages)
    return {
        "floor": corpus.services.settings.retrieval.floor,
        "answerable_refused": round(float(np.mean(refused)), 4),
        "unanswerable_recognised": round(float(np.mean(recognised)), 4),
    }


def line(
    file: str, kind: str, limit: float, shipped: list[NDArray[np.float64]], apart: list[NDArray[np.float64]]
) -> str:
    figures = {
        f"{name}_{of}": round(float(np.mean(values < limit)), 4)
        for of, pair in (("shipped", shipped), ("out_of_fold", apart))
        for name, values in zip(("answerable_refused", "unanswerable_recognised"), pair, strict=True)
    }
    return json.dumps({"benchmark": "relevance_floor", "file": file, "models": kind, "floor": limit, **figures})


def curve(answerable: NDArray[np.float64], unanswerable: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Share refused and share recognised at every floor."""
    limits = np.quantile(answerable, np.linspace(0, 1, 101))
    return [(float(np.mean(answerable < limit)), float(np.mean(unanswerable < limit))) for limit in limits]


if __name__ == "__main__":
    main()
