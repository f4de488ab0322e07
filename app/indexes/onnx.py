"""A sentence encoder over onnxruntime and tokenizers: light enough for a child process, no torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Tokenizer

Matrix = NDArray[np.float32]
SLICE = 8  # texts per run: sorted by length, so that short ones are not padded to the longest (engine.md 6)


class OnnxEncoder:
    """Texts to unit vectors with a graph made by `app.indexes.export` (pooling and normalisation are inside the graph).

    `threads` is the number of threads one run uses. Safe to call from several threads.
    """

    def __init__(self, folder: Path, *, max_tokens: int, threads: int) -> None:
        self._session = open_session(folder, threads)
        self._inputs = {entry.name for entry in self._session.get_inputs()}
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()  # the packaged one pads and truncates to 128
        self._tokenizer.enable_truncation(max_tokens)
        self._pad = self._tokenizer.token_to_id("[PAD]") or 0
        self.dimension: int = json.loads((folder / "export.json").read_text(encoding="utf-8"))["dimension"]

    def encode(self, texts: Sequence[str]) -> Matrix:
        """Unit vectors of shape (len(texts), dimension), float32, in the order of `texts`."""
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        order = sorted(range(len(texts)), key=lambda i: len(tokens[i]))
        for start in range(0, len(order), SLICE):
            chosen = order[start : start + SLICE]
            vectors[chosen] = self._run([tokens[i] for i in chosen])
        return vectors

    def _run(self, rows: list[list[int]]) -> Matrix:
        ids, mask = padded(rows, self._pad)
        feed = {"input_ids": ids, "attention_mask": mask}
        if "token_type_ids" in self._inputs:
            feed["token_type_ids"] = np.zeros_like(ids)
        output: Matrix = self._session.run(None, feed)[0]
        return output


def open_session(folder: Path, threads: int) -> ort.InferenceSession:
    """The graph of an exported folder, ready to run."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = False  # arenas keep the largest batch's memory for ever
    return ort.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])


def padded(rows: Sequence[Sequence[int]], pad: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of numbers brought to one length, and where the numbers are their own."""
    width = max(len(row) for row in rows)
    ids = np.full((len(rows), width), pad, dtype=np.int64)
    mask = np.zeros((len(rows), width), dtype=np.int64)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return ids, mask
