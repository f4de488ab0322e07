"""Filling new generations of indexes from the text in SQL, a little at a time, while documents come and questions go."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from loguru import logger
from sqlmodel import col, select

from app.db import Database
from app.indexes.embeddings import EmbeddingFailed
from app.indexes.knowledge import KnowledgeIndex, KnowledgeIndexes
from app.indexes.writer import Before, IndexWriter, Passage
from app.models import READY, Chunk, Document
from app.services.turns import Turns

FILL_AGAIN_SECONDS = 30.0  # as `EmbeddingFailed.retry_after`
TURN_SECONDS = 60.0  # after so long without a step another process goes on
STEP_SECONDS = 1.0  # then documents that wait have their turn

Passages = Callable[[Document, Sequence[Chunk]], list[Passage]]


class BackFill:
    """`passages` gives chunks the text that is embedded for them. The old generation answers until the new one is whole."""

    def __init__(
        self,
        db: Database,
        indexes: KnowledgeIndexes,
        writer: IndexWriter,
        turns: Turns,
        passages: Passages,
        beat: Callable[[], None],
        at: Callable[[str], None],
    ) -> None:
        self._db, self._indexes, self._writer, self._passages = db, indexes, writer, passages
        self._turns, self._beat, self._at = turns, beat, at
        self._again: dict[str, float] = {}  # collection -> time.monotonic() before which it is left alone
        self._done: dict[
            str, set[tuple[str, int]]
        ] = {}  # collection -> documents and their versions that are whole in it

    def step(self) -> bool:
        """Work on one index for about a second, and let it go live when it lacks nothing. False when there is none.

        One whose remote model fails is left out for `FILL_AGAIN_SECONDS`: neither documents nor other indexes wait for it.
        """
        for index in self._indexes.building():
            if time.monotonic() < self._again.get(index.store.collection, 0.0):
                continue
            if not self._turns.take(f"fill:{index.generation.id}", TURN_SECONDS):
                continue  # another process is at it
            try:
                self._work(index)
            except EmbeddingFailed as failure:
                if index.model.required:
                    raise
                self._again[index.store.collection] = time.monotonic() + FILL_AGAIN_SECONDS
                logger.bind(kb=index.kb, model=index.model.name, code=failure.code).warning(
                    "back-fill will be tried again"
                )
                continue
            return True
        return False

    def _work(self, index: KnowledgeIndex) -> None:
        done = self._done.setdefault(index.store.collection, set())
        ready = self._ready(index.kb)
        todo = [one for one in ready if one not in done]
        end = time.monotonic() + STEP_SECONDS
        for document_id, version in todo:
            self._fill(index, document_id)
            done.add((document_id, version))
            self._at("index filled")
            self._beat()
            if time.monotonic() > end:
                break
        left = len(ready) - sum(one in done for one in ready)
        if todo:
            self._indexes.note_filled(index, len(ready) - left, len(ready))
        if not left:
            # A document that became ready meanwhile was written by the writer itself: it writes into building indexes too.
            self._at("before live")
            self._indexes.go_live(index)
            self._at("live")
            del self._done[index.store.collection]

    def _ready(self, kb: str) -> list[tuple[str, int]]:
        with self._db.reading() as session:
            query = select(Document.id, Document.version).where(Document.kb == kb, Document.status == READY)
            return [(document_id, version) for document_id, version in session.exec(query).all()]

    def _fill(self, index: KnowledgeIndex, document_id: str) -> None:
        with self._db.reading() as session:
            document = session.get(Document, document_id)
            chunks = session.exec(
                select(Chunk).where(Chunk.document_id == document_id).order_by(col(Chunk.number))
            ).all()
        if document is None or document.status != READY:
            return
        current = [chunk for chunk in chunks if chunk.version == document.version]
        coming = frozenset(chunk.id for chunk in chunks if chunk.version != document.version)

        def told(*_: object) -> None:
            self._beat()

        self._writer.fill(index, document, self._passages(document, current), told, Before(keep=coming))
