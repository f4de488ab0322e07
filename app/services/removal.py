"""Deleting documents for good, and tidying up after work that ended in the middle."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from loguru import logger
from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from app.db import Database
from app.errors import AppError
from app.indexes.writer import IndexWriter
from app.models import Chunk, Document, Revision, now
from app.services.jobs import Job, Jobs, answering

AGAIN_SECONDS = (2, 10, 60, 300)


class Removal:
    def __init__(self, db: Database, writer: IndexWriter, jobs: Jobs, uploads: Path, at: Callable[[str], None]) -> None:
        self._db, self._writer, self._jobs, self._uploads, self._at = db, writer, jobs, uploads, at

    def remove(self, job: Job) -> bool:
        """Points first, then the files, then the rows: at no instant is something left that SQL does not know of.

        That nothing is left is counted. False when it could not be done: it is tried again later.
        """
        try:
            self._writer.delete(job.id)
            self._at("points removed")
            for file in self._files(job.id):
                file.unlink(missing_ok=True)
            self._at("file removed")
        except (AppError, OSError) as error:
            self._again(job)
            logger.bind(document_id=job.id, error=type(error).__name__).warning("deletion will be tried again")
            return False
        with self._db.session() as session:
            session.execute(delete(Document).where(col(Document.id) == job.id))
        self._at("rows removed")
        logger.bind(document_id=job.id).info("document gone")
        return True

    def tidy(self, document_id: str) -> int:
        """Remove the chunks and points of a document that belong to no version that is wanted; returns how many points."""
        with self._db.session() as session:
            wanted = versions(session, document_id)
            mine = col(Chunk.document_id) == document_id
            session.execute(delete(Chunk).where(mine, col(Chunk.version).not_in(wanted)))
        self._at("old chunks removed")
        return self._writer.prune(document_id, lambda: known_chunks(self._db, document_id))

    def _files(self, document_id: str) -> list[Path]:
        with self._db.reading() as session:
            files = session.exec(select(Document.file).where(Document.id == document_id)).all()
            files = [*files, *session.exec(select(Revision.file).where(Revision.document_id == document_id)).all()]
        return [self._uploads / name for name in {document_id, *(file for file in files if file)}]

    def _again(self, job: Job) -> None:
        pause = AGAIN_SECONDS[min(job.document.attempts, len(AGAIN_SECONDS) - 1)]
        with self._db.session() as session:
            session.execute(
                update(Document)
                .where(col(Document.id) == job.id)
                .values(
                    lease_until=None,
                    attempts=job.document.attempts + 1,
                    next_attempt=now() + timedelta(seconds=pause),
                )
            )


def versions(session: Session, document_id: str) -> set[int]:
    """The versions of a document whose chunks are wanted; none of one that is gone."""
    document = session.get(Document, document_id, with_for_update=True)
    return answering(document, session.get(Revision, document_id)) if document is not None else set()


def known_chunks(db: Database, document_id: str) -> set[str]:
    """The chunks of a document that SQL knows."""
    with db.reading() as session:
        return set(session.exec(select(Chunk.id).where(Chunk.document_id == document_id)).all())
