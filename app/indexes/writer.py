"""The only code that adds or deletes vectors. It verifies what it did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loguru import logger

from app.errors import Unavailable
from app.indexes.embeddings import EmbeddingFailed
from app.indexes.engine import Point, Scope
from app.indexes.knowledge import KnowledgeIndex, KnowledgeIndexes
from app.models import KB, KBS, Chunk, Document

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk and the text that is embedded for it: title and heading, then the body."""

    chunk: Chunk
    embedded: str


class IndexWriter:
    """Writes a document's passages into every index of its kb; `progress(model, done, total)` is told after each batch."""

    def __init__(self, indexes: KnowledgeIndexes) -> None:
        self._indexes = indexes

    def write(self, document: Document, passages: Sequence[Passage], progress: Progress | None = None) -> None:
        """Embed and store; afterwards each index holds exactly these points of the document.

        A required model that fails raises. Another one that fails for good is suspended: it is back-filled later.
        """
        for index in self._indexes.writable(_kb(document)):
            try:
                self._write_one(index, document, passages, progress)
            except EmbeddingFailed as failure:
                if index.model.required or not failure.permanent:
                    raise
                if index.live:
                    self._indexes.suspend(index)

    def write_without_remote(self, document: Document, passages: Sequence[Passage]) -> None:
        """Like `write`, when a remote model has failed too often: it is suspended and the document goes on without it."""
        for index in self._indexes.writable(_kb(document)):
            if index.model.required:
                self._write_one(index, document, passages, None)
            elif index.live:
                self._indexes.suspend(index)

    def fill(self, index: KnowledgeIndex, document: Document, passages: Sequence[Passage]) -> None:
        """Write one document into one index that is being built, unless it is complete there."""
        if index.store.ids(document.id) != {passage.chunk.id for passage in passages}:
            self._write_one(index, document, passages, None)

    def delete(self, document_id: str, kb: KB | None = None) -> None:
        """Remove a document's points from every index and check that none is left."""
        for one in [kb] if kb else KBS:
            for collection in self._indexes.asleep(one):
                self._indexes.engine.delete(collection, Scope(document_ids=(document_id,))).result()
            for index in self._indexes.writable(one):
                index.store.delete(document_id)
                if left := index.store.count(document_id):
                    logger.bind(document_id=document_id, model=index.model.name, points=left).error(
                        "points left after delete"
                    )
                    raise Unavailable(
                        "The passages of this document could not all be removed; it is tried again by itself."
                    )

    def delete_user(self, user_id: str) -> None:
        """Remove every personal point of a user, also of models that are switched off, and check that none is left."""
        live = [index.store.collection for index in self._indexes.writable("personal")]
        for collection in [*live, *self._indexes.asleep("personal")]:
            self._indexes.engine.delete(collection, Scope(user_id=user_id)).result()
            if left := self._indexes.engine.count(collection, Scope(user_id=user_id)).result():
                logger.bind(user_id=user_id, collection=collection, points=left).error("points left after delete")
                raise Unavailable("The passages of this account could not all be removed; try again in a minute.")

    def write_many(self, documents: Sequence[tuple[Document, Sequence[Passage]]]) -> None:
        """Write many small documents of one kb at once, so that batches are full; nothing is verified but by the engine."""
        pairs = [(document, passage) for document, passages in documents for passage in passages]
        for index in self._indexes.writable(_kb(documents[0][0])):
            self._embed(index, pairs, None)

    def _write_one(
        self, index: KnowledgeIndex, document: Document, passages: Sequence[Passage], progress: Progress | None
    ) -> None:
        self._embed(index, [(document, passage) for passage in passages], progress)
        self._verify(index, document, {passage.chunk.id for passage in passages})

    def _embed(
        self, index: KnowledgeIndex, pairs: Sequence[tuple[Document, Passage]], progress: Progress | None
    ) -> None:
        step = index.model.row.batch_size
        # Longest first: batches of like lengths waste no padding, and the time left is never underestimated.
        ordered = sorted(pairs, key=lambda pair: len(pair[1].embedded), reverse=True)
        for start in range(0, len(ordered), step):
            batch = ordered[start : start + step]
            vectors = index.model.embed_passages([passage.embedded for _, passage in batch])
            points = [
                Point(passage.chunk.id, vector, document.id, document.user_id or "", document.artist_id or "")
                for (document, passage), vector in zip(batch, vectors, strict=True)
            ]
            index.store.upsert(points)
            if progress:
                progress(index.model.name, start + len(batch), len(ordered))

    def _verify(self, index: KnowledgeIndex, document: Document, expected: set[str]) -> None:
        present = index.store.ids(document.id)
        index.store.delete_points(sorted(present - expected))
        if expected - present:
            logger.bind(document_id=document.id, model=index.model.name, missing=len(expected - present)).error(
                "points missing"
            )
            raise Unavailable("The passages of this document were not all stored; it is tried again by itself.")


def _kb(document: Document) -> KB:
    return "personal" if document.kb == "personal" else "global"
