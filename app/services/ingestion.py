"""The ingestion states (design rule 6): a stored file becomes chunks in SQL and points in every index, or a reason why not."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from loguru import logger
from sqlalchemy import delete, update
from sqlmodel import col, select

from app.config import IngestionSettings, child_environment
from app.db import Database
from app.errors import AppError, UnsupportedFile
from app.indexes.chunking import Chunker
from app.indexes.embeddings import EmbeddingFailed
from app.indexes.knowledge import KnowledgeIndex, KnowledgeIndexes
from app.indexes.ocr import sentences
from app.indexes.sandbox import read_in_child
from app.indexes.writer import Before, IndexWriter, Passage
from app.models import (
    DELETING,
    EMBEDDING,
    FAILED,
    INDEXING,
    PARSING,
    READY,
    STORED,
    Chunk,
    Document,
    Revision,
    now,
)
from app.services.back_fill import BackFill
from app.services.cutting import Cutting
from app.services.jobs import Job, Jobs, Lost
from app.services.progress import Progress
from app.services.removal import Removal
from app.services.turns import Turns
from app.services.uploads import check_room, has_room

BACKOFF_SECONDS = (2, 10, 60, 300)
NO_FILE = "The file of this document is not here any more; upload it again."
OLD_STAYS = " Until then the version before goes on answering."


def at_nothing(_place: str) -> None:
    """What happens at the named places of the work: nothing. The crash test passes something that ends the process."""


class Ingestion:
    """Takes one document at a time through its states. Safe to run in several processes: each document is leased.

    `beat` is called whenever a step of long work is done, so that who watches sees it live.
    """

    def __init__(
        self,
        db: Database,
        indexes: KnowledgeIndexes,
        chunker: Chunker,
        settings: IngestionSettings,
        data_dir: Path,
        at: Callable[[str], None] = at_nothing,
    ) -> None:
        self._db, self._indexes, self._settings = db, indexes, settings
        self._cutting = Cutting(chunker)
        self.cut, self.passages = self._cutting.cut, self._cutting.passages
        self._writer = IndexWriter(indexes)
        self._uploads, self._work = data_dir / "uploads", data_dir / "tmp"
        self._at = at
        self.beat: Callable[[], None] = lambda: None
        self.jobs = Jobs(db, settings)
        self.removal = Removal(db, self._writer, self.jobs, self._uploads, at)
        self.turns = Turns(db)
        self.filling = BackFill(db, indexes, self._writer, self.turns, self.passages, lambda: self.beat(), at)

    def resume(self) -> None:
        """Free the documents that a process which ended in their middle had leased. Only for the holder of the data
        folder at its start, when nobody else can be at work; elsewhere a lease runs out by itself.
        """
        self.jobs.free()
        self.turns.free()

    def run_once(self) -> bool:
        """Take the oldest document that waits one step of work further, to ready, failed or gone. False when none waits.

        On a disk that is nearly full documents wait, but for those to be deleted.
        """
        job = self.jobs.lease(*([] if self._has_room() else [col(Document.status) == DELETING]))
        if job is None:
            return False
        if job.document.status == DELETING:
            self.removal.remove(job)
        else:
            self._ingest(job)
        self.beat()
        return True

    def remove(self, document_id: str) -> bool:
        """Remove a document that is being deleted now, not in its turn. False while somebody is at work on it, and when it
        could not be removed whole: then it is tried again in its turn.
        """
        job = self.jobs.lease(col(Document.id) == document_id, col(Document.status) == DELETING)
        return job is not None and self.removal.remove(job)

    def run_all(self, wait: Callable[[], bool] = lambda: True) -> None:
        """Work until nothing waits, retries included, or `wait` says to stop. Raises `AppError` 507 on a full disk."""
        while wait():
            if self.run_once():
                continue
            if not self.waiting():
                return
            check_room(self._uploads, self._settings.reserve_mb)
            time.sleep(0.2)  # a retry's pause, or another process's lease

    def waiting(self) -> int:
        """How many documents are not at their end yet."""
        return self.jobs.waiting()

    def back_fill(self) -> bool:
        """Bring the indexes that are being built a little further; False when there is nothing to do for them now."""
        return self._has_room() and self.filling.step()

    def _has_room(self) -> bool:
        return has_room(self._uploads, self._settings.reserve_mb)

    def _ingest(self, job: Job) -> None:
        start = time.perf_counter()
        try:
            with self.jobs.held(job):
                passages = self._passages(job)
                before = self._store(job, [passage.chunk for passage in passages])
                self._index(job, passages, before)
        except Lost:
            self._abandon(job)
        except UnsupportedFile as error:  # also when reading was stopped: then the document is not this job's any more
            self._fail(job, error.sentence)
        except AppError as error:
            self._retry(job, error)
        except Exception as error:  # whatever a library raises, the document keeps its file and gets a reason
            if job.lost.is_set():  # what failed was work on something that is gone
                self._abandon(job)
                return
            logger.bind(document_id=job.id, error=type(error).__name__).opt(exception=True).error("ingestion failed")
            self._retry(
                job, AppError("Something went wrong while this document was read; press retry, or upload it again.")
            )
        else:
            milliseconds = round((time.perf_counter() - start) * 1000)
            logger.bind(document_id=job.id, chunks=len(passages), milliseconds=milliseconds).info("document ready")

    def _passages(self, job: Job) -> list[Passage]:
        self.jobs.move(job, PARSING, progress=0.0, detail=Progress().body())
        self._at("parsing")
        try:
            pages = read_in_child(
                self._uploads / job.file,
                job.row.suffix,
                self._settings,
                child_environment(),
                self._work,
                job.lost.is_set,
                self._read_reporter(job),
            )
        except FileNotFoundError:
            raise UnsupportedFile(NO_FILE, code="no_file") from None
        job.check()
        job.note = sentences(pages) or None
        passages = self._cutting.digested(job.document, self.cut(job.document, pages, job.version))
        if not passages:
            raise UnsupportedFile("No text was found in this file; upload a version that holds text.", code="no_text")
        job.progress = Progress(len(pages), len(passages), [index.model.name for index in self._writable(job)])
        return passages

    def _store(self, job: Job, chunks: Sequence[Chunk]) -> Before:
        """Write the chunks, before any point of theirs. Those of the version that answers now stay beside them."""
        with self._db.session() as session:
            if not self.jobs.wanted(session, job):
                raise Lost
            mine = col(Chunk.document_id) == job.id
            stored = session.exec(select(Chunk.id, Chunk.digest, Chunk.version).where(mine)).all()
            session.execute(delete(Chunk).where(mine, col(Chunk.version) == job.version))
            session.flush()
            session.add_all(chunks)
        self._at("chunks stored")
        self.jobs.move(job, EMBEDDING, **job.progress.values())
        # Of equal ones this version's own, left by an attempt before, are preferred.
        known = {
            digest: chunk_id for chunk_id, digest, _ in sorted(stored, key=lambda row: row[2] == job.version) if digest
        }
        same = {chunk.id: known[chunk.digest] for chunk in chunks if chunk.digest in known}
        keep = {chunk_id for chunk_id, _, version in stored if job.revision and version == job.document.version}
        return Before(same, frozenset(keep))

    def write_many(self, documents: Sequence[tuple[Document, Sequence[Chunk]]]) -> None:
        """Write small documents, of one kb, that are in SQL already: batches run across documents."""
        self._writer.write_many([(document, self.passages(document, chunks)) for document, chunks in documents])

    def _index(self, job: Job, passages: list[Passage], before: Before) -> None:
        document = job.document
        try:
            self._writer.write(document, passages, self._reporter(job), before)
        except EmbeddingFailed:
            if job.row.attempts + 1 < self._settings.attempts:
                raise
            self._writer.write_without_remote(document, passages, before)
        self._at("points written")
        self.jobs.move(job, INDEXING, progress=0.99)
        while not self._finish(job):
            self._indexes.refresh()
            self._writer.complete(document, passages, before)
        self._at("ready")
        self._clear_old(job)

    def _writable(self, job: Job) -> list[KnowledgeIndex]:
        return self._indexes.writable("personal" if job.document.kb == "personal" else "global")

    def _read_reporter(self, job: Job) -> Callable[[int, int], None]:
        last = time.monotonic()

        def report(done: int, total: int) -> None:
            nonlocal last
            self.beat()
            if time.monotonic() - last >= 1.0:
                last = time.monotonic()
                self.jobs.move(job, PARSING, **Progress(total, read=done).values())

        return report

    def _reporter(self, job: Job) -> Callable[[str, int, int], None]:
        last = time.monotonic()

        def report(model: str, done: int, total: int) -> None:
            nonlocal last
            self._at("batch written")
            self.beat()
            job.check()
            job.progress.told(model, done, total)
            if time.monotonic() - last >= 1.0:
                last = time.monotonic()
                self.jobs.move(job, EMBEDDING, **job.progress.values())

        return report

    def _finish(self, job: Job) -> bool:
        """The one statement from which on this version answers, as a whole. False when an index has come up meanwhile
        that lacks it. Raises `Lost` where the document is not this job's any more.
        """
        done: dict[str, Any] = {"reason": job.note, "attempts": 0, "next_attempt": None}
        done |= {"status": READY, "progress": 1.0, "detail": None, "lease_until": None, "updated": now()}
        with job.lock, self._db.session() as session:
            if not self.jobs.wanted(session, job):
                raise Lost
            if self._indexes.changed(session):
                return False
            if job.revision is not None:
                fresh = session.get_one(Revision, job.id, populate_existing=True)
                done |= {name: getattr(fresh, name) for name in ("version", "filename", "suffix", "bytes", "sha256")}
                done |= {"pages": fresh.pages, "chunks": fresh.chunks, "file": fresh.file or job.document.file}
                session.execute(delete(Revision).where(col(Revision.document_id) == job.id))
            session.execute(update(Document).where(col(Document.id) == job.id).values(**done))
        return True

    def _clear_old(self, job: Job) -> None:
        """Take away what the version before left: its points, chunks and file. What fails here is the reconciler's."""
        try:
            with self._db.reading() as session:
                others = select(Chunk.id).where(Chunk.document_id == job.id, Chunk.version != job.version).limit(1)
                replaced = session.exec(others).first() is not None
            if replaced or job.version > 1:
                self.removal.tidy(job.id)
            if job.revision is not None and job.revision.file is not None:
                (self._uploads / (job.document.file or job.id)).unlink(missing_ok=True)
        except (AppError, OSError) as error:
            logger.bind(document_id=job.id, error=type(error).__name__).warning("an old version is removed later")

    def _abandon(self, job: Job) -> None:
        """The document was deleted, cancelled, replaced, or finished by another process meanwhile: leave no point that SQL
        knows not of.
        """
        try:
            self.removal.tidy(job.id)
        except AppError as error:
            logger.bind(document_id=job.id, code=error.code).warning("abandoned work is removed later")
        self.jobs.release(job)

    def _retry(self, job: Job, error: AppError) -> None:
        attempts = job.row.attempts + 1
        if attempts >= self._settings.attempts:
            self._fail(job, error.sentence)
            return
        due = now() + timedelta(seconds=BACKOFF_SECONDS[min(attempts, len(BACKOFF_SECONDS)) - 1])
        try:
            self.jobs.move(job, STORED, attempts=attempts, next_attempt=due, reason=error.sentence)
        except Lost:
            self._abandon(job)
            return
        self.jobs.release(job)
        logger.bind(document_id=job.id, attempt=attempts, code=error.code).warning("ingestion will be tried again")

    def _fail(self, job: Job, reason: str) -> None:
        try:
            told = reason + (OLD_STAYS if job.revision else "")
            self.jobs.move(job, FAILED, reason=told, chunks=0, detail=None)
        except Lost:
            pass
        else:
            logger.bind(document_id=job.id).warning("document failed")
        self._abandon(job)
