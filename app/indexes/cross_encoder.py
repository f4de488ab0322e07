"""The optional cross-encoder: it reads a question and a passage together. onnxruntime, a bounded lane, no torch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np
from loguru import logger
from numpy.typing import NDArray
from tokenizers import Tokenizer

from app.config import Settings
from app.errors import AppError, Unavailable
from app.indexes.model_files import exported_cross_encoder
from app.indexes.onnx import open_session, padded

Scores = NDArray[np.float64]
SLICE = 4  # pairs per run: sorted by length, and the clock is looked at between two runs


class CrossEncoder(Protocol):
    """What the second pass and the health report ask of one."""

    def score(self, question: str, passages: Sequence[str], seconds: float) -> Future[Scores]:
        """A score for each passage, higher is better; a `TimeoutError` when that takes longer than `seconds`."""

    def close(self) -> None: ...


class PairScorer:
    """A graph made by `app.indexes.export --pooling pairs`, on the calling thread. Safe to call from several threads."""

    def __init__(self, folder: Path, *, max_tokens: int) -> None:
        self._session = open_session(folder, threads=1)
        self._inputs = {entry.name for entry in self._session.get_inputs()}
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)  # of the longer of the two first
        pads = (self._tokenizer.token_to_id(name) for name in ("[PAD]", "<pad>"))
        self._pad: int = next((number for number in pads if number is not None), 0)

    def score(self, question: str, passages: Sequence[str], deadline: float | None = None) -> Scores:
        """Scores in the order of `passages`; `TimeoutError` once the monotonic clock is past `deadline`."""
        scores = np.empty(len(passages))
        pairs = self._tokenizer.encode_batch([(question, passage) for passage in passages])
        order = sorted(range(len(pairs)), key=lambda i: len(pairs[i].ids))
        for start in range(0, len(order), SLICE):
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError
            chosen = order[start : start + SLICE]
            ids, mask = padded([pairs[i].ids for i in chosen], self._pad)
            feed = {"input_ids": ids, "attention_mask": mask}
            if "token_type_ids" in self._inputs:
                feed["token_type_ids"] = padded([pairs[i].type_ids for i in chosen], 0)[0]
            scores[chosen] = self._session.run(None, feed)[0]
        if not np.isfinite(scores).all():
            raise ValueError("the cross-encoder gave a score with no number in it")
        return scores


class OnnxCrossEncoder:
    """A `PairScorer` in a lane of `workers` threads. Work whose time is over is dropped, so that no queue builds up."""

    def __init__(self, folder: Path, *, max_tokens: int, workers: int) -> None:
        self._scorer = PairScorer(folder, max_tokens=max_tokens)
        self._lane = ThreadPoolExecutor(workers, thread_name_prefix="cross-encoder")

    def score(self, question: str, passages: Sequence[str], seconds: float) -> Future[Scores]:
        return self._lane.submit(self._scorer.score, question, passages, time.monotonic() + seconds)

    def close(self) -> None:
        self._lane.shutdown(wait=False, cancel_futures=True)


class AbsentCrossEncoder:
    """Stands for one that is enabled and cannot work: every question is told why, and is answered without it."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def score(self, question: str, passages: Sequence[str], seconds: float) -> Future[Scores]:  # noqa: ARG002
        failed: Future[Scores] = Future()
        failed.set_exception(Unavailable(self.reason))
        return failed

    def close(self) -> None:
        """Nothing is open."""


def open_cross_encoder(settings: Settings) -> CrossEncoder | None:
    """None unless it is enabled. One that cannot be opened is reported, here and by health, and stops nothing."""
    row = settings.retrieval.cross_encoder
    if not row.enabled:
        return None
    try:
        folder = exported_cross_encoder(row, settings.data)
        return OnnxCrossEncoder(folder, max_tokens=row.max_tokens, workers=settings.retrieval.query_workers)
    except AppError as error:
        reason = error.sentence
    except Exception as error:  # onnxruntime and tokenizers raise types of their own on a damaged file
        reason = f"The cross-encoder cannot be loaded ({type(error).__name__}); check retrieval.cross_encoder in config.yaml."
    logger.warning("cross-encoder not available")
    return AbsentCrossEncoder(reason)
