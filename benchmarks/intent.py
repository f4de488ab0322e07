"""Intent without a language model, cross-validated: `python -m benchmarks.intent`; `--write` trains the model that ships.

A way of asking (one entry of the labelled file) is never on both sides of a fold.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from app.config import load_settings
from app.indexes.embeddings import open_models
from app.retrievers.cues import CUES
from app.retrievers.intent_model import CLASSES, DIRECT_AT, ENCODER, FILE, Coefficients, decide, features
from app.retrievers.rules import direct_reason

LABELLED = Path(__file__).resolve().parent.parent / "tests" / "retrievers" / "intents.yaml"
ROLES = ("artist", "producer", "songwriter", "manager")
FOLDS, SEEDS, REGULARISATION, NEIGHBOURS = 10, (0, 1, 2), 0.3, 9

Floats = NDArray[np.float32]
Predict = Callable[[NDArray[np.bool_], NDArray[np.bool_]], list[str]]


class Labelled:
    """The labelled questions: texts, their classes, the entry each stands in."""

    def __init__(self, entries: Sequence[dict[str, str]]) -> None:
        self.entries = [_class(entry) for entry in entries]
        self.texts = [entry[role] for entry in entries for role in ROLES]
        self.classes = np.array([_class(entry) for entry in entries for _ in ROLES])
        self.groups = np.repeat(np.arange(len(entries)), len(ROLES))

    def folds(self, seed: int) -> NDArray[np.int64]:
        """The fold of each question; the entries of each class are dealt out evenly."""
        random = np.random.default_rng(seed)
        of_entry = np.zeros(len(self.entries), dtype=np.int64)
        for name in CLASSES:
            members = np.flatnonzero(np.array(self.entries) == name)
            of_entry[random.permutation(members)] = np.arange(len(members)) % FOLDS
        return of_entry[self.groups]


def read() -> Labelled:
    return Labelled(yaml.safe_load(LABELLED.read_text(encoding="utf-8")))


def train(rows: Floats, classes: NDArray[np.str_]) -> Coefficients:
    """Multinomial logistic regression, each class of equal weight."""
    from sklearn.linear_model import LogisticRegression

    numbers = np.array([CLASSES.index(name) for name in classes])
    fitted = LogisticRegression(C=REGULARISATION, max_iter=1000, class_weight="balanced").fit(rows, numbers)
    return Coefficients(fitted.coef_.T.astype(np.float32), fitted.intercept_.astype(np.float32))


def cross_validated(labelled: Labelled, predict: Predict) -> dict[str, float]:
    """Mean over seeds of: three-way on what is not direct, global or not on the same, direct or not on everything."""
    figures: list[tuple[float, float, float]] = []
    for seed in SEEDS:
        folds = labelled.folds(seed)
        found = np.empty(len(labelled.texts), dtype=object)
        for fold in range(FOLDS):
            found[folds == fold] = predict(folds != fold, folds == fold)
        truth, asked = labelled.classes, labelled.classes != "direct"
        figures.append((
            float(np.mean(found[asked] == truth[asked])),
            float(np.mean((found[asked] == "global") == (truth[asked] == "global"))),
            float(np.mean((found == "direct") == (truth == "direct"))),
        ))  # fmt: skip
    means = np.mean(figures, axis=0)
    return {name: round(float(value), 3) for name, value in zip(("three_way", "global", "direct"), means, strict=True)}


def ours(labelled: Labelled, rows: Floats) -> Predict:
    """What ships: rules for small talk and pasted text, the trained model for the rest."""

    def predict(known: NDArray[np.bool_], asked: NDArray[np.bool_]) -> list[str]:
        model = train(rows[known], labelled.classes[known])
        answers: list[str] = []
        for index in np.flatnonzero(asked):
            probabilities = model.probabilities(rows[index])
            found = decide(labelled.texts[index], probabilities, by_wording=rows.shape[1] == len(CUES))
            direct = found.direct or direct_reason(labelled.texts[index]) is not None
            answers.append("direct" if direct else found.intent)
        return answers

    return predict


def nearest(labelled: Labelled, vectors: Floats) -> Predict:
    """The class with the most similarity among the nearest labelled questions, for comparison."""

    def predict(known: NDArray[np.bool_], asked: NDArray[np.bool_]) -> list[str]:
        classes, answers = labelled.classes[known], []
        for similarities in vectors[asked] @ vectors[known].T:
            near = np.argsort(-similarities)[:NEIGHBOURS]
            votes = {name: float(similarities[near][classes[near] == name].sum()) for name in CLASSES}
            answers.append(max(votes, key=lambda name: votes[name]))
        return answers

    return predict


def embedded(texts: Sequence[str], folder: Path) -> Floats:
    opened = open_models(load_settings(env={}, data={"dir": str(folder)}))
    try:
        model = next(model for model in opened.models if model.name == ENCODER)
        return np.stack([np.asarray(model.embed_question(text).result()) for text in texts])
    finally:
        opened.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="train on every labelled question and write what ships")
    arguments = parser.parse_args()
    labelled = read()
    with tempfile.TemporaryDirectory() as folder:
        vectors = embedded(labelled.texts, Path(folder))
    wording = np.stack([features(text, None) for text in labelled.texts])
    meaning = np.stack([features(text, vector) for text, vector in zip(labelled.texts, vectors, strict=True)])
    for name, predict in (
        ("nearest", nearest(labelled, vectors)),
        ("wording", ours(labelled, wording)),
        ("ours", ours(labelled, meaning)),
    ):
        figures = cross_validated(labelled, predict)
        print(json.dumps({"benchmark": "intent", "name": name, "questions": len(labelled.texts), **figures}))
    if arguments.write:
        trained = {"wording": train(wording, labelled.classes), "meaning": train(meaning, labelled.classes)}
        FILE.write_text(as_json(trained), encoding="utf-8")
        print(f"written: {FILE.name}, direct above {DIRECT_AT}", file=sys.stderr)


def as_json(trained: dict[str, Coefficients]) -> str:
    """Four decimals: what is cut off changes no probability by more than a thousandth."""
    rounded = {
        kind: {
            "bias": model.bias.astype(float).round(4).tolist(),
            "weights": model.weights.astype(float).round(4).tolist(),
        }
        for kind, model in trained.items()
    }
    text = json.dumps(rounded)
    return (
        text.replace("]], ", "]],\n ").replace("], [", "],\n  [").replace('"weights": [', '\n "weights": [\n  ') + "\n"
    )


def _class(entry: dict[str, str]) -> str:
    return "direct" if entry.get("direct") else entry["intent"]


if __name__ == "__main__":
    main()
