"""The relevance floor: a passage that neither means nor says what the question asks is no context (design 5)."""

from __future__ import annotations

import math
from collections.abc import Mapping

from app.retrievers.rerank import Coefficients
from app.retrievers.wording import Echo

SAYS_IT_ALL = 0.5  # above every floor that is worth setting


def relevance(similarities: Mapping[str, float], echo: Echo, coefficients: Coefficients) -> float:
    """The probability, 0 to 1, that a passage holds what was asked; comparable between questions, which scores are not.

    A logistic model of what both say, and of what both mean where a model took part whose similarities were measured.
    Without one the words alone decide: they recognise fewer questions that have no answer (benchmarks/relevance_floor.py).
    A question of a word or two, such as "How long is the term?", means too little to be measured: who says it all, counts.
    """
    known = [similarities[name] for name in coefficients.measured if name in similarities]
    weights = coefficients.floor["meaning" if known else "wording"]
    value = weights["constant"] + weights["coverage"] * echo.coverage + weights["pairs"] * echo.pairs
    if known:
        value += weights["similarity"] * max(known)
    chance = 1 / (1 + math.exp(-max(-50.0, min(50.0, value))))
    return max(chance, SAYS_IT_ALL) if echo.whole else chance
