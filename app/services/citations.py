"""Citations: labels in an answer are checked against what was in the prompt; unknown ones are removed as they stream."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from app.services.excerpts import excerpt
from app.services.prompts import LABELS, Source
from app.services.shapes import Citation

_LABEL = re.compile(r"[PG]\d{1,3}")
_OPEN = re.compile(r"\[\s*(?:[PG]\d{1,3}\s*[,;]\s*)*(?:[PG](?:\d{1,3}\s*)?)?\Z")  # the beginning of `LABELS`


class CitationFilter:
    """Removes unknown labels from text that arrives in pieces. `feed` gives what is safe to show, `flush` the rest."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = set(known)
        self._held = ""
        self.cited: list[str] = []

    def feed(self, text: str) -> str:
        """Text that cannot change any more; a bracket that may become a label is held back until it closes."""
        whole = self._held + text
        opened = _OPEN.search(whole)
        cut = opened.start() if opened else len(whole)
        # A space before a label goes with it when the label goes.
        while 0 < cut < len(whole) and whole[cut - 1] == " ":
            cut -= 1
        if cut == len(whole) and whole.endswith(" "):
            cut = len(whole.rstrip(" "))
        self._held = whole[cut:]
        return self._checked(whole[:cut])

    def flush(self) -> str:
        rest, self._held = self._held, ""
        return self._checked(rest)

    def _checked(self, text: str) -> str:
        return re.sub(r" *" + LABELS.pattern, self._keep, text)

    def _keep(self, match: re.Match[str]) -> str:
        labels = [label for label in _LABEL.findall(match.group(1)) if label in self._known]
        self.cited += [label for label in dict.fromkeys(labels) if label not in self.cited]
        space = " " if match.group(0).startswith(" ") else ""
        return space + "".join(f"[{label}]" for label in labels) if labels else ""


def citations(sources: Sequence[Source], cited: Sequence[str], question: str, answer: str = "") -> list[Citation]:
    """The cited sources, yours before the industry's, each with the excerpt that answers best."""
    chosen = [source for source in sources if source.label in cited]
    chosen.sort(key=lambda source: (source.passage.kb != "personal", int(source.label[1:])))
    return [as_citation(source, f"{question} {_said_with(answer, source.label)}") for source in chosen]


def as_citation(source: Source, about: str) -> Citation:
    passage, document = source.passage, source.passage.document
    quote = excerpt(about, passage.chunk.text)
    chunk = passage.holding(quote)
    at = passage.chunk.text.find(quote)
    start = passage.chunk.start + at if quote and at >= 0 else None
    return Citation(
        label=source.label,
        document_id=document.id,
        chunk_id=chunk.id,
        title=document.title,
        kb=passage.kb,
        page=chunk.page,
        quote=quote,
        standing=document.standing,
        as_of=document.as_of,
        start=start,
        end=None if start is None else start + len(quote),
    )


def _said_with(answer: str, label: str) -> str:
    """What the answer says under `label`: the lines that carry it."""
    return " ".join(line[-600:] for line in answer.splitlines() if f"[{label}]" in line)
