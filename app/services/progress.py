"""How far a document is: what the progress bar shows, and how long it will take."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

READ_SHARE = 0.1  # of the progress bar; the rest is embedding


class Progress:
    """Pages read, chunks embedded per model, and from their pace the seconds left."""

    def __init__(self, pages: int = 0, chunks: int = 0, models: Sequence[str] = (), *, read: int | None = None) -> None:
        self._pages, self._chunks, self._read = pages, chunks, pages if read is None else read
        self._models = dict.fromkeys(models, (0, chunks))
        self._started = time.monotonic()
        self._paces: dict[str, float] = {}  # seconds a chunk
        self._begun: dict[str, tuple[float, int]] = {}
        self._last = self._started

    def told(self, model: str, done: int, total: int) -> None:
        """A batch of `model` was stored: `done` of `total` are by now."""
        moment = time.monotonic()
        since, from_ = self._begun.setdefault(model, (self._last, self._models.get(model, (0, 0))[0]))
        if done > from_:
            self._paces[model] = (moment - since) / (done - from_)
        self._models[model], self._last = (done, total), moment

    def share(self) -> float:
        if self._read < self._pages:
            return READ_SHARE * self._read / self._pages
        parts = [done / total for done, total in self._models.values() if total]
        return READ_SHARE + (1 - READ_SHARE) * (sum(parts) / len(parts) if parts else 0.0)

    def seconds_left(self) -> int | None:
        """From the pace of each model so far, the slowest known one standing in for those that have not begun."""
        if not self._paces:
            return None
        slowest = max(self._paces.values())
        left = sum((total - done) * self._paces.get(name, slowest) for name, (done, total) in self._models.items())
        return round(left)

    def values(self) -> dict[str, Any]:
        """The columns that tell of it."""
        return {"progress": self.share(), "pages": self._pages, "chunks": self._chunks, "detail": self.body()}

    def body(self) -> dict[str, Any]:
        """What is kept in SQL and shown: {pages, pages_read, chunks, models: {name: [done, total]}, seconds_left}."""
        return {
            "pages": self._pages,
            "pages_read": self._read,
            "chunks": self._chunks,
            "models": {name: list(pair) for name, pair in self._models.items()},
            "seconds_left": self.seconds_left(),
        }
