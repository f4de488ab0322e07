"""The record of one retrieval: what was asked of which index, what came, and what was done with it (design 2)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from loguru import logger

from app.models import KB, Intent, new_id
from app.retrievers.fusion import Fused


@dataclass(slots=True)
class Trace:
    """Holds ids, ranks, similarities and milliseconds. A candidate tells its rank in each index, after the fusion (`fused`)
    and after the second pass (`reranked`), and its `outcome`:

    prompt (chosen), cut (others were better, or its kb's places were full), below_floor (does not touch the question), same_text
    (equal to a better one), dropped (SQL does not allow it, any more). `second_pass` is how the order was refined, or why not.
    """

    id: str = field(default_factory=new_id)
    question: str = ""
    documents: list[str] = field(default_factory=list)  # ids; where the search was limited to chosen or named ones
    standalone: str | None = None  # what was searched, where the question leant on the conversation
    intent: Intent = "global"
    direct: bool = False
    reason: str = ""
    kbs: list[KB] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    fusion: str = ""
    second_pass: str = ""
    candidates: list[dict[str, Any]] = field(default_factory=list)
    dropped: int = 0
    prompt: list[dict[str, str]] = field(default_factory=list)
    artists: list[str] = field(default_factory=list)  # ids; whom the answer has a line for, where it is about several
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

    def record(
        self, fused: Sequence[Fused], outcome: dict[str, str], judged: Mapping[str, tuple[int, float, float | None]]
    ) -> None:
        """Keep every candidate with what became of it; `judged` holds rank, score and relevance of what passed the check."""
        self.candidates = [
            {
                "kb": row.kb,
                "chunk_id": row.chunk_id,
                "ranks": row.ranks,
                "fused": place,
                "reranked": judged[row.chunk_id][0] if row.chunk_id in judged else None,
                "score": round(judged[row.chunk_id][1] if row.chunk_id in judged else row.score, 4),
                "relevance": _rounded(judged[row.chunk_id][2]) if row.chunk_id in judged else None,
                "similarities": {name: round(value, 4) for name, value in row.similarities.items()},
                "outcome": outcome[row.chunk_id],
            }
            for place, row in enumerate(fused, start=1)
        ]
        self.dropped = sum(1 for value in outcome.values() if value == "dropped")
        if self.dropped:
            # They came, went or changed meanwhile; whose owner was another is told where it is seen (`check`).
            logger.bind(dropped=self.dropped, trace_id=self.id).debug("passages not here any more")

    def body(self) -> dict[str, Any]:
        """What is stored in SQL; scores are left to the door to show or hide."""
        return {
            "question": self.question,
            "standalone": self.standalone,
            "documents": self.documents,
            "intent": self.intent,
            "direct": self.direct,
            "reason": self.reason,
            "kbs": self.kbs,
            "models": self.models,
            "missing": self.missing,
            "fusion": self.fusion,
            "second_pass": self.second_pass,
            "candidates": self.candidates,
            "dropped": self.dropped,
            "prompt": self.prompt,
            "artists": self.artists,
            "disagreements": self.disagreements,
            "milliseconds": self.milliseconds,
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
