"""Sources that disagree are shown both, with their dates and standing; none is picked silently (design rule 12)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.retrievers.disagreement import disagreements
from app.services.excerpts import sentences
from app.services.insight.days import spoken
from app.services.prompts import Source

SHOWN = 3  # pairs named in an answer; more are in the trace


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two sources that answer the question with different values, and what each says."""

    one: Source
    other: Source
    kind: str
    says: tuple[str, str]

    def as_trace(self) -> dict[str, Any]:
        return {
            "labels": [self.one.label, self.other.label],
            "chunk_ids": [self.one.passage.chunk.id, self.other.passage.chunk.id],
            "kind": self.kind,
            "says": list(self.says),
        }

    def as_text(self) -> str:
        """`[P1] (signed, added 3 May 2026) says 15 %, [P2] (draft, added 1 March 2026) says 20 %`."""
        return ", ".join(
            f"[{source.label}] ({_about(source)}) says {said}"
            for source, said in zip((self.one, self.other), self.says, strict=True)
        )


def conflicts(question: str, sources: Sequence[Source]) -> list[Conflict]:
    """What disagrees among the sources of one kb and artist: industry text is no second opinion on the user's own facts,
    and two artists' contracts may well differ.
    """
    found = []
    for group in dict.fromkeys(map(_group, sources)):
        mine = [source for source in sources if _group(source) == group]
        statements = [(source.passage.document.id, sentences(source.passage.chunk.text)) for source in mine]
        found += [
            Conflict(mine[pair.one], mine[pair.other], pair.kind, pair.says)
            for pair in disagreements(question, statements)
        ]
    return found


def note(found: Sequence[Conflict]) -> str:
    """One paragraph for the answer; empty when nothing disagrees."""
    if not found:
        return ""
    lines = "\n".join(f"- {conflict.as_text()}" for conflict in found[:SHOWN])
    return f"Your sources disagree; check which one counts:\n{lines}"


def unsaid(found: Sequence[Conflict], cited: Sequence[str]) -> list[Conflict]:
    """Those of which an answer does not cite both sides."""
    return [one for one in found if not {one.one.label, one.other.label} <= set(cited)]


def _group(source: Source) -> tuple[str, str | None]:
    return source.passage.kb, source.passage.document.artist_id


def _about(source: Source) -> str:
    document = source.passage.document
    standing = "" if document.standing == "none" else f"{document.standing}, "
    return f"{standing}added {spoken(document.created)}"
