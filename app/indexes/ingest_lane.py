"""Passages are embedded in a low-priority child process, so that a question never waits for a batch (design 5).

`python -m app.indexes.ingest_lane FOLDER MAX_TOKENS` is that child: length-prefixed JSON in, raw float32 out.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from app.config import child_environment
from app.errors import Unavailable

if TYPE_CHECKING:
    from app.indexes.onnx import Matrix

NICE = 10
IDLE_SECONDS = 60.0


class IngestLane:
    """One child at a time, started by the first batch and ended after a minute without one. One that has not answered a
    batch after `seconds` is killed: it hangs.
    """

    def __init__(self, folder: Path, max_tokens: int, seconds: float = 120.0) -> None:
        self._seconds = seconds
        self._command = [sys.executable, "-m", "app.indexes.ingest_lane", str(folder), str(max_tokens)]
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._idle: threading.Timer | None = None

    def encode(self, texts: Sequence[str]) -> Matrix:
        """Unit vectors of shape (len(texts), dimension); a child that died or hung is started once more before giving up."""
        with self._lock:
            for attempt in (1, 2):
                try:
                    return self._ask(json.dumps(list(texts)).encode())
                except (OSError, EOFError):
                    self._end()
                    if attempt == 2:
                        raise Unavailable(
                            "The embedding process ended unexpectedly; it is tried again by itself."
                        ) from None
                finally:
                    self._restart_timer()
        raise AssertionError("unreachable")

    def close(self) -> None:
        with self._lock:
            if self._idle:
                self._idle.cancel()
            self._end()

    def _ask(self, request: bytes) -> Matrix:
        if self._child is None:
            root = Path(__file__).resolve().parents[2]
            self._child = subprocess.Popen(
                self._command, cwd=root, env=child_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        assert self._child.stdin
        assert self._child.stdout
        limit = threading.Timer(self._seconds, self._child.kill)  # reading then ends with EOFError
        limit.daemon = True
        limit.start()
        try:
            _write(self._child.stdin, request)
            rows, columns = struct.unpack("<II", _read_exactly(self._child.stdout, 8))
            data = _read_exactly(self._child.stdout, rows * columns * 4)
        finally:
            limit.cancel()
        return np.frombuffer(data, dtype=np.float32).reshape(rows, columns)

    def _restart_timer(self) -> None:
        if self._idle:
            self._idle.cancel()
        self._idle = threading.Timer(IDLE_SECONDS, self._end_if_idle)
        self._idle.daemon = True
        self._idle.start()

    def _end_if_idle(self) -> None:
        if self._lock.acquire(blocking=False):
            try:
                self._end()
            finally:
                self._lock.release()

    def _end(self) -> None:
        if self._child is None:
            return
        child, self._child = self._child, None
        for pipe in (child.stdin, child.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        child.kill()
        child.wait()


def serve(folder: Path, max_tokens: int, source: IO[bytes], sink: IO[bytes]) -> None:
    """Answer batches until `source` ends, which it does when the parent is gone."""
    from app.indexes.onnx import OnnxEncoder

    if hasattr(os, "nice"):
        os.nice(NICE)
    encoder = OnnxEncoder(folder, max_tokens=max_tokens, threads=max(1, (os.cpu_count() or 2)))
    while header := source.read(4):
        texts = json.loads(_read_exactly(source, struct.unpack("<I", header)[0]))
        vectors = encoder.encode(texts)
        sink.write(struct.pack("<II", *vectors.shape) + vectors.tobytes())
        sink.flush()


def _write(pipe: IO[bytes], payload: bytes) -> None:
    pipe.write(struct.pack("<I", len(payload)) + payload)
    pipe.flush()


def _read_exactly(pipe: IO[bytes], size: int) -> bytes:
    data = pipe.read(size)
    if len(data) != size:
        raise EOFError
    return data


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), sys.stdin.buffer, sys.stdout.buffer)
