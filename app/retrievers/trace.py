"""The record of one retrieval: what was asked of which index, what came, and what was done with it (design 2)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from loguru import logger

from app.models import KB, Intent, new_id
from app.retrievers.fusion import Fused


@dataclass(slots=True)
class Trace:
    """Holds ids, ranks, similarities and milliseconds. `outcome` of a candidate: prompt, cut, below_floor, dropped, same_text."""

    id: str = field(default_factory=new_id)
    question: str = ""
    standalone: str | None = None  # what was searched, where the question leant on the conversation
    intent: Intent = "global"
    direct: bool = False
    reason: str = ""
    kbs: list[KB] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    fusion: str = ""
    candidates: list[dict[str, Any]] = field(default_factory=list)
    dropped: int = 0
    prompt: list[dict[str, str]] = field(default_factory=list)
    disagreements: list[dict[str, Any]] = field(default_factory=list)
    milliseconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of a block, in milliseconds, to the stage `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, start)

    def add(self, name: str, start: float) -> None:
        spent = (time.perf_counter() - start) * 1000
        self.milliseconds[name] = round(self.milliseconds.get(name, 0.0) + spent, 3)

    def record(self, fused: Sequence[Fused], outcome: dict[str, str]) -> None:
        """Keep every candidate with what became of it."""
        self.candidates = [
            {
                "kb": row.kb,
                "chunk_id": row.chunk_id,
                "ranks": row.ranks,
                "score": round(row.score, 4),
                "similarities": {name: round(value, 4) for name, value in row.similarities.items()},
                "outcome": outcome[row.chunk_id],
            }
            for row in fused
        ]
        self.dropped = sum(1 for value in outcome.values() if value == "dropped")
        if self.dropped:
            logger.bind(dropped=self.dropped, trace_id=self.id).warning("passages dropped by the SQL check")

    def body(self) -> dict[str, Any]:
        """What is stored in SQL; scores are left to the door to show or hide."""
        return {
            "question": self.question,
            "standalone": self.standalone,
            "intent": self.intent,
            "direct": self.direct,
            "reason": self.reason,
            "kbs": self.kbs,
            "models": self.models,
            "missing": self.missing,
            "fusion": self.fusion,
            "candidates": self.candidates,
            "dropped": self.dropped,
            "prompt": self.prompt,
            "disagreements": self.disagreements,
            "milliseconds": self.milliseconds,
        }
