"""The cross-encoder's part in the second pass: the first candidates again, by a model that reads question and passage together.

It fails open: where it breaks, takes too long or has no weights, the order before stands and the trace says so (design rule 7).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace

import numpy as np
from loguru import logger
from numpy.typing import NDArray

from app.config import CrossEncoderSettings
from app.errors import AppError
from app.indexes.cross_encoder import CrossEncoder, Scores
from app.retrievers.passages import Passage
from app.retrievers.trace import Trace
from app.retrievers.waves import Steps, Within

NAME = "cross-encoder"  # in the trace
_BEHIND = 0.99  # what was not read scores at most this share of the last that was
_TINY = 1e-300


def cross_encoded(
    encoder: CrossEncoder, settings: CrossEncoderSettings, question: str, passages: list[Passage], trace: Trace
) -> Steps[list[Passage]]:
    """`passages`, ordered and scored by the second pass, with the first of them ordered anew."""
    read = passages[: settings.candidates]
    if len(read) < 2:
        return passages
    work: Future[Scores] = encoder.score(question, [_text(passage) for passage in read], settings.seconds)
    [outcome] = yield Within(settings.seconds, [work])
    if isinstance(outcome, BaseException):
        trace.second_pass += f", {NAME} failed ({type(outcome).__name__})"
        trace.missing = sorted({*trace.missing, NAME})
        if not isinstance(outcome, AppError):  # what could not be opened was logged at the start
            logger.bind(error=type(outcome).__name__).warning("cross-encoder failed")
        return passages
    trace.second_pass += f", {NAME}"
    return mixed(passages, outcome, settings.weight)


def mixed(passages: Sequence[Passage], scores: Scores, weight: float) -> list[Passage]:
    """The first `len(scores)` by a convex mix, `weight` parts cross-encoder and the rest second pass; the others behind them.

    Both scores are logarithms of odds but for a scale, so each is standardised over the passages that were read. What comes
    out has scores between 0 and 1 that fall with the order, as the second pass gives them.
    """
    read, rest = passages[: len(scores)], passages[len(scores) :]
    before = np.log(np.maximum([passage.fused.score for passage in read], _TINY))
    mix = weight * _standardised(scores) + (1 - weight) * _standardised(before)
    fresh = np.exp(mix - mix.max())
    lowest = float(fresh.min()) * _BEHIND
    scale = min(1.0, lowest / rest[0].fused.score) if rest and rest[0].fused.score > 0 else 1.0
    return [_scored(read[place], float(fresh[place])) for place in np.argsort(-mix, kind="stable")] + [
        _scored(passage, passage.fused.score * scale) for passage in rest
    ]


def _standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = float(values.std())
    return (values - values.mean()) / spread if spread > 0 else np.zeros(len(values))


def _scored(passage: Passage, score: float) -> Passage:
    return replace(passage, fused=replace(passage.fused, score=score))


def _text(passage: Passage) -> str:
    return "\n".join(part for part in (passage.document.title, passage.chunk.heading, passage.chunk.text) if part)
