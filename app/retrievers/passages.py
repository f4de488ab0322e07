"""What a retrieval gives: passages that were found, checked and may be shown, and the trace of how they came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from llama_index.core.schema import NodeWithScore, TextNode

from app.models import KB
from app.retrievers.fusion import Fused
from app.retrievers.trace import Trace


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """What a search reads of a chunk; the names are those of the table. `text == page_text[start:end]`."""

    id: str
    document_id: str
    version: int
    number: int
    page: int
    start: int
    end: int
    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """What a search reads of a document; the names are those of the table."""

    id: str
    kb: str
    artist_id: str | None
    title: str
    standing: str
    created: datetime
    as_of: date | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk that was found, checked and is allowed to be shown.

    `relevance` is the probability that it holds what was asked, where the second pass could tell. `parts` are the chunks of
    a joined passage, in reading order; then `chunk` spans them all and has the id of the best of them.
    """

    chunk: ChunkRow
    document: DocumentRow
    fused: Fused
    relevance: float | None = None
    parts: tuple[ChunkRow, ...] = ()

    @property
    def kb(self) -> KB:
        return self.fused.kb

    @property
    def chunks(self) -> tuple[ChunkRow, ...]:
        """The stored chunks it is made of."""
        return self.parts or (self.chunk,)

    def judged(self, score: float, relevance: float | None) -> Passage:
        """The same passage as the second pass sees it."""
        fused = self.fused
        again = Fused(fused.kb, fused.chunk_id, score, fused.ranks, fused.similarities)
        return Passage(self.chunk, self.document, again, relevance, self.parts)

    def holding(self, quote: str) -> ChunkRow:
        """The stored chunk that a quote of this passage stands in; the best one where it reaches over two."""
        own = next(chunk for chunk in self.chunks if chunk.id == self.chunk.id)
        return own if quote in own.text else next((chunk for chunk in self.chunks if quote in chunk.text), own)


@dataclass(slots=True)
class Retrieval:
    """Passages, best first, and the trace of how they came."""

    passages: list[Passage]
    trace: Trace = field(default_factory=Trace)

    def of(self, kb: KB) -> list[Passage]:
        return [passage for passage in self.passages if passage.kb == kb]


def joined(passages: Sequence[Passage]) -> list[Passage]:
    """Passages of which neighbours that overlap on a page have become one, in the place of the better one.

    The text of a joined passage is the page's own, exactly: `text == page_text[start:end]` holds for it too.
    """
    runs: list[list[Passage]] = []
    for passage in sorted(passages, key=lambda one: (one.document.id, one.chunk.number)):
        if runs and _continues(runs[-1][-1].chunk, passage.chunk):
            runs[-1].append(passage)
        else:
            runs.append([passage])
    place = {passage.fused.key: number for number, passage in enumerate(passages)}
    whole = [_one(sorted(run, key=lambda one: place[one.fused.key]), run) for run in runs]
    return sorted(whole, key=lambda one: place[one.fused.key])


def _continues(one: ChunkRow, two: ChunkRow) -> bool:
    same = (one.document_id, one.version, one.page, one.number + 1) == (
        two.document_id,
        two.version,
        two.page,
        two.number,
    )
    return same and one.start <= two.start <= one.end <= two.end


def _one(best_first: Sequence[Passage], run: Sequence[Passage]) -> Passage:
    best = best_first[0]
    if len(run) == 1:
        return best
    text, end = "", run[0].chunk.start
    for passage in run:
        text += passage.chunk.text[end - passage.chunk.start :]
        end = passage.chunk.end
    first = run[0].chunk
    whole = ChunkRow(
        id=best.chunk.id, document_id=first.document_id, version=first.version, number=first.number, page=first.page,
        start=first.start, end=end, heading=best.chunk.heading, text=text,
    )  # fmt: skip
    return replace(best, chunk=whole, parts=tuple(passage.chunk for passage in run))


def as_node(passage: Passage) -> NodeWithScore:
    """LlamaIndex's view of a passage."""
    chunk, document = passage.chunk, passage.document
    node = TextNode(
        id_=chunk.id,
        text=chunk.text,
        metadata={
            "document_id": document.id, "title": document.title, "kb": document.kb, "page": chunk.page, "start": chunk.start,
            "end": chunk.end, "heading": chunk.heading, "standing": document.standing, "ranks": passage.fused.ranks,
        },
    )  # fmt: skip
    return NodeWithScore(node=node, score=passage.fused.score)
