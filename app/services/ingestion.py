"""The ingestion states (design rule 6): a stored file becomes chunks in SQL and points in every index, or a reason why not."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from loguru import logger
from sqlalchemy import ColumnElement, delete, update
from sqlmodel import Session, col, func, or_, select

from app.config import IngestionSettings, child_environment
from app.db import Database
from app.errors import AppError, UnsupportedFile
from app.indexes.chunking import Chunker
from app.indexes.embeddings import EmbeddingFailed
from app.indexes.knowledge import KnowledgeIndex, KnowledgeIndexes
from app.indexes.ocr import sentences
from app.indexes.readers import Page
from app.indexes.sandbox import read_in_child
from app.indexes.writer import IndexWriter, Passage
from app.models import (
    DELETING,
    EMBEDDING,
    FAILED,
    INDEXING,
    KB,
    PARSING,
    READY,
    STORED,
    UNFINISHED,
    Chunk,
    Document,
    now,
)

NAMESPACE = uuid.UUID("6f1c1d5e-7a3c-5e0e-9d0b-2f6f0c8a7e11")
READ_SHARE = 0.1  # of the progress bar; the rest is embedding
BACKOFF_SECONDS = (2, 10, 60, 300)
FILL_AGAIN_SECONDS = 30.0  # as `EmbeddingFailed.retry_after`


class Ingestion:
    """Takes one document at a time through its states. Safe to run in several processes: each document is leased."""

    def __init__(
        self,
        db: Database,
        indexes: KnowledgeIndexes,
        chunker: Chunker,
        settings: IngestionSettings,
        data_dir: Path,
    ) -> None:
        self._db, self._indexes, self._chunker, self._settings = db, indexes, chunker, settings
        self._writer = IndexWriter(indexes)
        self._uploads, self._work = data_dir / "uploads", data_dir / "tmp"
        self._fill_again: dict[str, float] = {}  # collection -> time.monotonic() before which it is left alone

    def resume(self) -> None:
        """Free the documents that a process which ended in their middle had leased. Only for the holder of the data
        folder at its start, when nobody else can be at work; elsewhere a lease runs out by itself.
        """
        with self._db.session() as session:
            session.execute(
                update(Document).where(col(Document.status).in_((*UNFINISHED, DELETING))).values(lease_until=None)
            )

    def run_once(self) -> bool:
        """Take the oldest document that waits one step of work further, to ready, failed or gone. False when none waits."""
        document = self._lease()
        if document is None:
            return False
        if document.status == DELETING:
            self._remove(document)
        else:
            self._ingest(document)
        return True

    def remove(self, document_id: str) -> bool:
        """Remove a document that is being deleted now, not in its turn. False while somebody is at work on it, and when it
        could not be removed whole: then it is tried again in its turn.
        """
        document = self._lease(Document.id == document_id, Document.status == DELETING)
        return document is not None and self._remove(document)

    def run_all(self, wait: Callable[[], bool] = lambda: True) -> None:
        """Work until nothing waits, retries included, or `wait` says to stop."""
        while wait():
            if self.run_once():
                continue
            if not self.waiting():
                return
            time.sleep(0.2)  # a retry's pause, or another process's lease

    def waiting(self) -> int:
        """How many documents are not at their end yet."""
        with self._db.reading() as session:
            return session.exec(select(func.count()).where(col(Document.status).in_((*UNFINISHED, DELETING)))).one()

    def back_fill(self) -> bool:
        """Bring one index that is being built up to date from SQL and let it go live. False when there is none.

        One whose remote model fails is left out for `FILL_AGAIN_SECONDS`: neither documents nor other indexes wait for it.
        """
        for index in self._indexes.building():
            if time.monotonic() < self._fill_again.get(index.store.collection, 0.0):
                continue
            try:
                for document_id in self._ready_ids(index.kb):
                    self._fill(index, document_id)
            except EmbeddingFailed as failure:
                if index.model.required:
                    raise
                self._fill_again[index.store.collection] = time.monotonic() + FILL_AGAIN_SECONDS
                logger.bind(kb=index.kb, model=index.model.name, code=failure.code).warning(
                    "back-fill will be tried again"
                )
                continue
            # A document that became ready meanwhile was written by the writer itself: it writes into building indexes too.
            self._indexes.go_live(index)
            return True
        return False

    def _lease(self, *which: ColumnElement[bool] | bool) -> Document | None:
        moment = now()
        free = or_(col(Document.lease_until).is_(None), col(Document.lease_until) < moment)
        due = or_(col(Document.next_attempt).is_(None), col(Document.next_attempt) <= moment)
        waiting = col(Document.status).in_((*UNFINISHED, DELETING))
        with self._db.session() as session:
            document = session.exec(
                select(Document).where(waiting, free, due, *which).order_by(col(Document.created)).limit(1)
            ).first()
            if document is None:
                return None
            taken = session.execute(
                update(Document)
                .where(col(Document.id) == document.id, free, waiting)
                .values(lease_until=moment + timedelta(seconds=self._settings.lease_seconds))
            )
            if taken.rowcount != 1:  # type: ignore[attr-defined]
                return None
            session.refresh(document)
            return document

    def _ingest(self, document: Document) -> None:
        start = time.perf_counter()
        try:
            passages = self._passages(document)
            self._index(document, passages)
        except UnsupportedFile as error:
            self._fail(document, error.sentence)
        except AppError as error:
            self._retry(document, error)
        except Exception as error:  # whatever a library raises, the document keeps its file and gets a reason
            logger.bind(document_id=document.id, error=type(error).__name__).opt(exception=True).error(
                "ingestion failed"
            )
            self._retry(
                document,
                AppError("Something went wrong while this document was read; press retry, or upload it again."),
            )
        else:
            milliseconds = round((time.perf_counter() - start) * 1000)
            logger.bind(document_id=document.id, chunks=len(passages), milliseconds=milliseconds).info("document ready")

    def _passages(self, document: Document) -> list[Passage]:
        self._move(document, PARSING, progress=0.0)
        pages = read_in_child(
            self._uploads / document.id, document.suffix, self._settings, child_environment(), self._work
        )
        chunks = self.cut(document, pages)
        if not chunks:
            raise UnsupportedFile("No text was found in this file; upload a version that holds text.", code="no_text")
        with self._db.session() as session:
            session.execute(delete(Chunk).where(col(Chunk.document_id) == document.id))
            session.flush()
            if self._still_wanted(session, document):
                session.add_all(chunks)
        noted = sentences(pages) or None  # stays when the document is ready
        self._move(document, EMBEDDING, progress=READ_SHARE, pages=len(pages), chunks=len(chunks), reason=noted)
        return self.passages(document, chunks)

    def cut(self, document: Document, pages: Sequence[Page]) -> list[Chunk]:
        """The chunks of a document's pages; they are not stored yet."""
        return [
            Chunk(
                id=chunk_id(document, piece.number), document_id=document.id, version=document.version, number=piece.number,
                page=piece.page, start=piece.start, end=piece.end, heading=piece.heading[:300], text=piece.text,
            )
            for piece in self._chunker.cut(pages)
        ]  # fmt: skip

    def write_many(self, documents: Sequence[tuple[Document, Sequence[Chunk]]]) -> None:
        """Write small documents, of one kb, that are in SQL already: batches run across documents."""
        self._writer.write_many([(document, self.passages(document, chunks)) for document, chunks in documents])

    def passages(self, document: Document, chunks: Sequence[Chunk]) -> list[Passage]:
        """Chunks with the text that is embedded for them."""
        return [
            Passage(chunk, self._chunker.embedding_text(document.title, chunk.heading, chunk.text)) for chunk in chunks
        ]

    def _index(self, document: Document, passages: list[Passage]) -> None:
        try:
            self._writer.write(document, passages, self._reporter(document, len(self._indexes.writable(_kb(document)))))
        except EmbeddingFailed:
            if document.attempts + 1 < self._settings.attempts:
                raise
            self._writer.write_without_remote(document, passages)
        self._move(document, INDEXING, progress=0.99)
        with self._db.session() as session:
            done = session.execute(
                update(Document)
                .where(
                    col(Document.id) == document.id,
                    col(Document.version) == document.version,
                    col(Document.status) == INDEXING,
                )
                .values(
                    status=READY,
                    progress=1.0,
                    attempts=0,
                    next_attempt=None,
                    lease_until=None,
                    updated=now(),
                )
            )
        if done.rowcount != 1:  # type: ignore[attr-defined]
            self._abandon(document)

    def _reporter(self, document: Document, models: int) -> Callable[[str, int, int], None]:
        finished: set[str] = set()
        last = time.monotonic()

        def report(model: str, done: int, total: int) -> None:
            nonlocal last
            if done == total:
                finished.add(model)
            if time.monotonic() - last < 1.0:
                return
            last = time.monotonic()
            part = (len(finished) + (done / total if done < total else 0)) / max(models, 1)
            self._move(document, EMBEDDING, progress=READ_SHARE + (1 - READ_SHARE) * part)

        return report

    def _move(self, document: Document, status: str, **values: object) -> None:
        """Write a state and renew the lease; a document that was deleted or replaced meanwhile is left as it is."""
        lease = now() + timedelta(seconds=self._settings.lease_seconds)
        with self._db.session() as session:
            session.execute(
                update(Document)
                .where(
                    col(Document.id) == document.id,
                    col(Document.version) == document.version,
                    col(Document.status).in_(UNFINISHED),
                )
                .values(status=status, lease_until=lease, updated=now(), **values)
            )

    def _still_wanted(self, session: Session, document: Document) -> bool:
        query = select(Document.status, Document.version).where(Document.id == document.id)
        status, version = session.exec(query).first() or (None, None)
        return status in UNFINISHED and version == document.version

    def _abandon(self, document: Document) -> None:
        """The document was deleted, replaced, or finished by another process meanwhile: leave no point that SQL knows not of."""
        with self._db.reading() as session:
            status = session.exec(select(Document.status).where(Document.id == document.id)).first()
        if status in (None, DELETING, FAILED):
            self._writer.delete(document.id)
        self._release(document)

    def _retry(self, document: Document, error: AppError) -> None:
        attempts = document.attempts + 1
        if attempts >= self._settings.attempts:
            self._fail(document, error.sentence)
            return
        pause = BACKOFF_SECONDS[min(attempts, len(BACKOFF_SECONDS)) - 1]
        self._move(
            document, STORED, attempts=attempts, next_attempt=now() + timedelta(seconds=pause), reason=error.sentence
        )
        self._release(document)
        logger.bind(document_id=document.id, attempt=attempts, code=error.code).warning("ingestion will be tried again")

    def _fail(self, document: Document, reason: str) -> None:
        with self._db.reading() as session:
            wanted = self._still_wanted(session, document)
        if not wanted:
            self._abandon(document)
            return
        self._writer.delete(document.id)
        with self._db.session() as session:
            session.execute(delete(Chunk).where(col(Chunk.document_id) == document.id))
        self._move(document, FAILED, reason=reason, chunks=0)
        self._release(document)
        logger.bind(document_id=document.id).warning("document failed")

    def _release(self, document: Document) -> None:
        with self._db.session() as session:
            session.execute(update(Document).where(col(Document.id) == document.id).values(lease_until=None))

    def _remove(self, document: Document) -> bool:
        """Points first, then the file, then the rows: at no instant is something left that SQL does not know of."""
        try:
            self._writer.delete(document.id)
            (self._uploads / document.id).unlink(missing_ok=True)
        except (AppError, OSError) as error:
            pause = BACKOFF_SECONDS[min(document.attempts, len(BACKOFF_SECONDS) - 1)]
            with self._db.session() as session:
                session.execute(
                    update(Document)
                    .where(col(Document.id) == document.id)
                    .values(
                        lease_until=None, attempts=document.attempts + 1, next_attempt=now() + timedelta(seconds=pause)
                    )
                )
            logger.bind(document_id=document.id, error=type(error).__name__).warning("deletion will be tried again")
            return False
        with self._db.session() as session:
            session.execute(delete(Document).where(col(Document.id) == document.id))
        logger.bind(document_id=document.id).info("document gone")
        return True

    def _ready_ids(self, kb: str) -> list[str]:
        with self._db.reading() as session:
            return list(session.exec(select(Document.id).where(Document.kb == kb, Document.status == READY)).all())

    def _fill(self, index: KnowledgeIndex, document_id: str) -> None:
        with self._db.reading() as session:
            document = session.get(Document, document_id)
            chunks = session.exec(
                select(Chunk).where(Chunk.document_id == document_id).order_by(col(Chunk.number))
            ).all()
        if document is not None and document.status == READY:
            current = [chunk for chunk in chunks if chunk.version == document.version]
            self._writer.fill(index, document, self.passages(document, current))


def chunk_id(document: Document, number: int) -> str:
    """UUIDv5 of (kb, user, document, version, chunk number): the same chunk is the same point however often it is written."""
    name = f"{document.kb}\0{document.user_id or ''}\0{document.id}\0{document.version}\0{number}"
    return str(uuid.uuid5(NAMESPACE, name))


def _kb(document: Document) -> KB:
    return "personal" if document.kb == "personal" else "global"
