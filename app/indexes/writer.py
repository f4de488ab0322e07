"""The only code that adds or deletes vectors. It verifies what it did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from loguru import logger

from app.errors import Unavailable
from app.indexes.embeddings import EmbeddingFailed, Vector
from app.indexes.engine import Point, Scope
from app.indexes.knowledge import KnowledgeIndex, KnowledgeIndexes
from app.models import KB, KBS, Chunk, Document

Progress = Callable[[str, int, int], None]
COPIED_AT_ONCE = 500  # vectors read from an old version's points in one call


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk and the text that is embedded for it: title and heading, then the body."""

    chunk: Chunk
    embedded: str


@dataclass(frozen=True, slots=True)
class Before:
    """What of a document is stored already. `same`: new chunk id -> the id of a stored chunk with the same embedded text.
    `keep`: chunks of the version that goes on answering; their points stay.
    """

    same: Mapping[str, str] = field(default_factory=dict)
    keep: AbstractSet[str] = frozenset()


NOTHING = Before()


class IndexWriter:
    """Writes a document's passages into every index of its kb; `progress(model, done, total)` is told after each batch."""

    def __init__(self, indexes: KnowledgeIndexes) -> None:
        self._indexes = indexes

    def write(
        self,
        document: Document,
        passages: Sequence[Passage],
        progress: Progress | None = None,
        before: Before = NOTHING,
    ) -> None:
        """Embed and store; afterwards each index holds these points of the document, those to be kept, and no other.

        A required model that fails raises. Another one that fails for good is suspended: it is back-filled later.
        """
        for index in self._indexes.writable(_kb(document)):
            try:
                self._write_one(index, document, passages, progress, before)
            except EmbeddingFailed as failure:
                if index.model.required or not failure.permanent:
                    raise
                if index.live:
                    self._indexes.suspend(index)

    def write_without_remote(self, document: Document, passages: Sequence[Passage], before: Before = NOTHING) -> None:
        """Like `write`, when a remote model has failed too often: it is suspended and the document goes on without it."""
        for index in self._indexes.writable(_kb(document)):
            if index.model.required:
                self._write_one(index, document, passages, None, before)
            elif index.live:
                self._indexes.suspend(index)

    def complete(self, document: Document, passages: Sequence[Passage], before: Before = NOTHING) -> None:
        """Write the document into the indexes that lack it: another process began them while this one wrote the others."""
        for index in self._indexes.writable(_kb(document)):
            self.fill(index, document, passages, before=before)

    def fill(
        self,
        index: KnowledgeIndex,
        document: Document,
        passages: Sequence[Passage],
        progress: Progress | None = None,
        before: Before = NOTHING,
    ) -> bool:
        """Write what one index lacks of a document; False when it was complete there."""
        present, expected = index.store.ids(document.id), _ids(passages)
        if present - before.keep == expected:
            return False
        lacking = [passage for passage in passages if passage.chunk.id not in present]
        self._embed(index, [(document, passage) for passage in lacking], progress)
        self._verify(index, document, expected, before.keep)
        return True

    def delete(self, document_id: str, kb: KB | None = None) -> None:
        """Remove a document's points from every collection and check that none is left."""
        scope = Scope(document_ids=(document_id,))
        for collection in (name for one in ([kb] if kb else KBS) for name in self._indexes.collections(one)):
            self._indexes.engine.delete(collection, scope).result()
            if left := self._indexes.engine.count(collection, scope).result():
                logger.bind(document_id=document_id, collection=collection, points=left).error(
                    "points left after delete"
                )
                raise Unavailable(
                    "The passages of this document could not all be removed; it is tried again by itself."
                )

    def prune(self, document_id: str, known: Callable[[], AbstractSet[str]]) -> int:
        """Remove the points of a document that `known()` does not name, from every collection; returns how many.

        The points are listed first: whoever writes them stores their chunks before, so that what is not known then never
        will be.
        """
        listed = {
            collection: self._indexes.engine.ids(collection, Scope(document_ids=(document_id,))).result()
            for kb in KBS
            for collection in self._indexes.collections(kb)
        }
        if not any(listed.values()):
            return 0
        wanted, removed = known(), 0
        for collection, ids in listed.items():
            if orphans := [one for one in ids if one not in wanted]:
                self._indexes.engine.delete(collection, Scope(point_ids=tuple(orphans))).result()
                removed += len(orphans)
        return removed

    def delete_user(self, user_id: str) -> None:
        """Remove every personal point of a user, also of models that are switched off, and check that none is left."""
        for collection in self._indexes.collections("personal"):
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
        self,
        index: KnowledgeIndex,
        document: Document,
        passages: Sequence[Passage],
        progress: Progress | None,
        before: Before,
    ) -> None:
        copied = self._copy(index, document, before.same)
        left = [(document, passage) for passage in passages if passage.chunk.id not in copied]
        self._embed(index, left, progress, done=len(passages) - len(left))
        self._verify(index, document, _ids(passages), before.keep)

    def _copy(self, index: KnowledgeIndex, document: Document, same: Mapping[str, str]) -> set[str]:
        """Take the vectors of unchanged passages from their old points; returns the chunks that need no embedding now.
        Sparse ones are not worth it: 9300 a second (engine.md 2).
        """
        copied: set[str] = set()
        if index.model.sparse:
            return copied
        pairs = list(same.items())
        for start in range(0, len(pairs), COPIED_AT_ONCE):
            part = pairs[start : start + COPIED_AT_ONCE]
            known = self._indexes.engine.vectors(index.store.collection, [old for _, old in part]).result()
            points = [_point(new, known[old], document) for new, old in part if old in known and new != old]
            index.store.upsert(points)
            copied |= {new for new, old in part if old in known}
        return copied

    def _embed(
        self,
        index: KnowledgeIndex,
        pairs: Sequence[tuple[Document, Passage]],
        progress: Progress | None,
        *,
        done: int = 0,
    ) -> None:
        step, total = index.model.row.batch_size, done + len(pairs)
        if progress and not pairs:
            progress(index.model.name, done, total)
        # Longest first: batches of like lengths waste no padding, and the time left is never underestimated.
        ordered = sorted(pairs, key=lambda pair: len(pair[1].embedded), reverse=True)
        for start in range(0, len(ordered), step):
            batch = ordered[start : start + step]
            vectors = index.model.embed_passages([passage.embedded for _, passage in batch])
            points = [
                _point(passage.chunk.id, vector, document)
                for (document, passage), vector in zip(batch, vectors, strict=True)
            ]
            index.store.upsert(points)
            if progress:
                progress(index.model.name, done + start + len(batch), total)

    def _verify(
        self, index: KnowledgeIndex, document: Document, expected: AbstractSet[str], keep: AbstractSet[str]
    ) -> None:
        present = index.store.ids(document.id)
        index.store.delete_points(sorted(present - expected - keep))
        if expected - present:
            logger.bind(document_id=document.id, model=index.model.name, missing=len(expected - present)).error(
                "points missing"
            )
            raise Unavailable("The passages of this document were not all stored; it is tried again by itself.")


def _point(chunk_id: str, vector: Vector, document: Document) -> Point:
    return Point(chunk_id, vector, document.id, document.user_id or "", document.artist_id or "")


def _ids(passages: Sequence[Passage]) -> set[str]:
    return {passage.chunk.id for passage in passages}


def _kb(document: Document) -> KB:
    return "personal" if document.kb == "personal" else "global"
