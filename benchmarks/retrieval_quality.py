"""Every fusion on every labelled file: ours, LlamaIndex's stock modes, single indexes, with paired bootstrap intervals.

python -m benchmarks.retrieval_quality [--quick]      --quick: every tenth question, for a look

`ours` is what a user gets; its second pass was fitted on these very files. `ours:out-of-fold` is scored with weights fitted
without the question's article (or contract, or report), and is the figure to quote. `ours:scores` and `ours:rrf` are the fusion
alone. One JSON line for each ranking and comparison, and results/retrieval_quality.png.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from statistics import fmean

import numpy as np

from app.config import Settings
from app.evaluation import Rank, by_chunks, ndcg, rankings, recall, reciprocal_rank
from app.retrievers.knowledge import KnowledgeFusionRetriever, Searcher
from benchmarks.labelled import (
    DISTRACTORS,
    PASSAGE_FILES,
    Case,
    Corpus,
    Seen,
    add_distractors,
    contracts,
    noisy_snippets,
    open_settings,
    passages_of,
    record,
    reports,
)
from benchmarks.plot import RESULTS, bars
from benchmarks.train_reranker import SHARES, fit, ordered

MEASURES: dict[str, Callable[[list[str], frozenset[str]], float]] = {
    "recall@1": lambda found, gold: recall(found, gold, 1),
    "recall@5": lambda found, gold: recall(found, gold, 5),
    "hit@5": lambda found, gold: float(bool(gold.intersection(found[:5]))),
    "mrr@10": lambda found, gold: reciprocal_rank(found, gold, 10),
    "ndcg@10": lambda found, gold: ndcg(found, gold, 10),
}
MAIN = {"twowiki": "recall@5", "cuad_clauses": "hit@5", "financebench": "hit@5"}  # elsewhere nDCG@10
FUSIONS = {
    "ours:scores": {"second_pass": False, "fusion": "scores"},
    "ours:rrf": {"second_pass": False, "fusion": "rrf"},
}
SAMPLES = 2000
Found = dict[str, list[list[str]]]


def main() -> None:
    settings = open_settings()
    step = 10 if "--quick" in sys.argv[1:] else 1
    RESULTS.mkdir(exist_ok=True)
    cases: dict[str, list[Case]] = {}
    found: dict[str, Found] = {}
    seen: dict[str, list[Seen]] = {}
    for corpus in corpora(settings):
        corpus.cases = corpus.cases[::step]
        cases[corpus.name] = corpus.cases
        found[corpus.name] = ask(corpus)
        seen[corpus.name] = record(corpus)
        print(f"{corpus.name}: {len(corpus.cases)} questions asked", file=sys.stderr, flush=True)
    fitted = {name: rows for name, rows in seen.items() if name in SHARES}
    weights = {fold: fit(fitted, "dense+sparse", fold) for fold in range(5)}
    groups: dict[str, dict[str, float]] = {}
    with (RESULTS / "retrieval_quality.jsonl").open("w", encoding="utf-8") as file:
        for name, rows in seen.items():
            found[name]["ours:out-of-fold"] = [ordered(one, weights[one.case.fold])[:10] for one in rows]
            groups[name] = report(name, cases[name], found[name], lambda line: say(line, file.write))
    bars("retrieval_quality", "nDCG@10 (twowiki: recall@5; clauses, reports: hit@5)", groups)


def corpora(settings: Settings) -> Iterator[Corpus]:
    """One after the other; each is gone when the next one comes."""
    for name in PASSAGE_FILES:
        with passages_of(settings, name) as corpus:
            yield corpus
            if name == "squad_music" and DISTRACTORS.is_file():
                add_distractors(corpus)
                corpus.name = "squad_music+distractors"
                yield corpus
    for opened in (noisy_snippets, contracts, reports):
        with opened(settings) as corpus:
            yield corpus


def ask(corpus: Corpus) -> Found:
    """For each ranking, the keys it found for each question."""
    found: Found = {}
    ways: dict[tuple[str, ...] | None, dict[str, Rank]] = {}
    for case in corpus.cases:
        if case.documents not in ways:
            ways[case.documents] = {**rankings(corpus.services, corpus.key, case.documents), **fusions(corpus, case)}
        for name, rank in ways[case.documents].items():
            found.setdefault(name, []).append(rank(case.text))
    return found


def fusions(corpus: Corpus, case: Case) -> dict[str, Rank]:
    own = corpus.services.search._searcher
    ways = {}
    for name, changes in FUSIONS.items():
        searcher = Searcher(own.indexes, own.db, own.settings.model_copy(update=changes), own.sql)
        retriever = KnowledgeFusionRetriever(searcher, None, "global", top_k=20, documents=case.documents, floor=False)
        ways[name] = by_chunks(retriever, corpus.key)
    return ways


def report(file: str, cases: list[Case], found: Found, write: Callable[[dict[str, object]], None]) -> dict[str, float]:
    """Print a file's lines; returns what the chart shows of it."""
    main_measure = MAIN.get(file, "ndcg@10")
    per_question: dict[str, list[float]] = {}
    for name, lists in found.items():
        figures = {
            measure: round(fmean(value(keys, case.gold) for keys, case in zip(lists, cases, strict=True)), 4)
            for measure, value in MEASURES.items()
        }
        per_question[name] = [MEASURES[main_measure](keys, case.gold) for keys, case in zip(lists, cases, strict=True)]
        write({"file": file, "questions": len(cases), "name": name, **figures})
    best = {
        kind: max((name for name in found if name.startswith(kind)), key=lambda name: fmean(per_question[name]))
        for kind in ("stock:", "index:")
    }
    for other in best.values():
        low, high = interval(per_question["ours:out-of-fold"], per_question[other])
        difference = fmean(per_question["ours:out-of-fold"]) - fmean(per_question[other])
        write(
            {"file": file, "comparison": f"ours:out-of-fold - {other}", "measure": main_measure,
             "difference": round(difference, 4), "low": round(low, 4), "high": round(high, 4)}
        )  # fmt: skip
    shown = {"ours": "ours:out-of-fold", "best stock fusion": best["stock:"], "best single index": best["index:"]}
    return {label: fmean(per_question[name]) for label, name in shown.items()}


def interval(ours: list[float], theirs: list[float]) -> tuple[float, float]:
    """95 % of the mean difference over paired bootstrap samples of the questions."""
    difference = np.array(ours) - np.array(theirs)
    drawn = np.random.default_rng(0).integers(0, len(difference), (SAMPLES, len(difference)))
    low, high = np.quantile(difference[drawn].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)


def say(line: dict[str, object], write: Callable[[str], object]) -> None:
    text = json.dumps({"benchmark": "retrieval_quality", **line})
    print(text, flush=True)
    write(text + "\n")


if __name__ == "__main__":
    main()
