"""The reconciler: at the start and every hour it compares SQL, vectors and files, and mends what differs.

SQL is the truth (design rule 5). A round is many small steps, so that documents and questions never wait for it; it is
safe while ingestion runs, in any process: chunks are stored before their points, rows before their files are taken away.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from loguru import logger
from sqlalchemy import ColumnElement, delete
from sqlmodel import Session, col, or_, select

from app.config import IngestionSettings
from app.db import Database
from app.errors import AppError
from app.indexes.engine import Scope
from app.indexes.knowledge import KnowledgeIndexes
from app.indexes.writer import Before, IndexWriter
from app.models import KBS, READY, Chunk, Document, Revision, now
from app.services.back_fill import Passages
from app.services.jobs import answering
from app.services.turns import Turns

ROUND_SECONDS = 3600.0
TURN_SECONDS = 300.0  # of silence, after which another process begins the round anew
PAGE_POINTS = 500
PAGE_DOCUMENTS = 50
WORK_HOURS = 24  # folders of reading older than this are nobody's, also where several processes share a data folder
NAME = "reconcile"
FINDINGS = ("orphan_points", "missing_points", "stale_chunks", "stray_files", "missing_files")


class Reconciler:
    """`step` does a small piece of a round that is due; `alone` tells that no other process reads files in this folder."""

    def __init__(
        self,
        db: Database,
        indexes: KnowledgeIndexes,
        turns: Turns,
        passages: Passages,
        settings: IngestionSettings,
        data_dir: Path,
    ) -> None:
        self._db, self._indexes, self._turns, self._passages = db, indexes, turns, passages
        self._writer = IndexWriter(indexes)
        self._settings = settings
        self._uploads, self._work = data_dir / "uploads", data_dir / "tmp"
        self._round: Iterator[None] | None = None
        self._found: Counter[str] = Counter()
        self._next = 0.0  # on the monotonic clock; the first round is due at once
        self._first = True

    def step(self) -> bool:
        """Do a little; False when no round is due, or another process is at it."""
        if self._round is None and time.monotonic() < self._next:
            return False
        if not self._turns.take(NAME, TURN_SECONDS):
            self._next = time.monotonic() + TURN_SECONDS
            return False
        if self._round is None:
            self._found = Counter(dict.fromkeys(FINDINGS, 0))
            self._round = self._steps()
        try:
            next(self._round)
        except StopIteration:
            self._end()
        except AppError:  # a part is down: the round begins anew when it may be up again
            self._round, self._next = None, time.monotonic() + TURN_SECONDS
            raise
        return True

    def run(self) -> dict[str, int]:
        """A whole round at once; what it found."""
        self._next = 0.0
        while self.step():
            if self._round is None:
                break
        return dict(self._found)

    def hurry(self) -> None:
        """The next step begins a round, if none is under way."""
        self._next = 0.0

    def last(self) -> tuple[datetime | None, dict[str, int]]:
        """When the last round ended, in any process, and its counts."""
        finished, found = self._turns.last(NAME)
        when = finished.replace(tzinfo=finished.tzinfo or UTC) if finished else None
        return when, {name: found.get(name, 0) for name in FINDINGS}

    def report(self) -> dict[str, object]:
        """The same, for the health report."""
        when, found = self.last()
        return {"finished": when.isoformat() if when else None, **found}

    def _end(self) -> None:
        self._round, self._first = None, False
        self._next = time.monotonic() + ROUND_SECONDS
        self._turns.finish(NAME, dict(self._found))
        found = self._found
        if any(found.values()):
            logger.bind(
                orphan_points=found["orphan_points"],
                missing_points=found["missing_points"],
                stale_chunks=found["stale_chunks"],
                stray_files=found["stray_files"],
                missing_files=found["missing_files"],
            ).warning("reconciled")
        else:
            logger.info("reconciled")

    def _steps(self) -> Iterator[None]:
        yield from self._chunks()
        yield from self._points()
        yield from self._documents()
        yield from self._files()

    # Chunks of versions that nobody wants any more

    def _chunks(self) -> Iterator[None]:
        free = or_(col(Document.lease_until).is_(None), col(Document.lease_until) < now())
        for page in self._pages():
            with self._db.session() as session:
                for document, revision in _with_revisions(session, page, free, lock=True):
                    stale = col(Chunk.version).not_in(answering(document, revision))
                    gone = session.execute(delete(Chunk).where(col(Chunk.document_id) == document.id, stale))
                    self._found["stale_chunks"] += gone.rowcount  # type: ignore[attr-defined]
            yield

    # Points that SQL does not know

    def _points(self) -> Iterator[None]:
        engine = self._indexes.engine
        for collection in [name for kb in KBS for name in self._indexes.collections(kb)]:
            after: str | None = None
            while True:
                entries, after = engine.entries(collection, after, PAGE_POINTS).result()
                with self._db.reading() as session:
                    query = select(Chunk.id, Chunk.document_id).where(col(Chunk.id).in_([one for one, _ in entries]))
                    known = {(chunk_id, document_id) for chunk_id, document_id in session.exec(query).all()}
                if orphans := [point_id for point_id, owner in entries if (point_id, owner) not in known]:
                    engine.delete(collection, Scope(point_ids=tuple(orphans))).result()
                    self._found["orphan_points"] += len(orphans)
                yield
                if after is None:
                    break

    # Ready documents whose points or file are not all there

    def _documents(self) -> Iterator[None]:
        for page in self._pages():
            for document_id in page:
                self._document(document_id)
                yield

    def _document(self, document_id: str) -> None:
        with self._db.reading() as session:
            found = next(iter(_with_revisions(session, [document_id])), None)
            if found is None or found[0].status != READY:
                return
            document, _ = found
            chunks = session.exec(select(Chunk).where(Chunk.document_id == document_id)).all()
        if not (self._uploads / (document.file or document.id)).is_file():
            self._found["missing_files"] += 1
            logger.bind(document_id=document.id).error("the file of a document is missing")
        current = [chunk for chunk in chunks if chunk.version == document.version]
        other = frozenset(chunk.id for chunk in chunks if chunk.version != document.version)
        expected = {chunk.id for chunk in current}
        for index in self._indexes.live("personal" if document.kb == "personal" else "global"):
            missing = len(expected - index.store.ids(document.id))
            if missing and self._as_it_was(document):
                self._found["missing_points"] += missing
                self._writer.fill(index, document, self._passages(document, current), before=Before(keep=other))
                self._tidy(document_id)

    def _as_it_was(self, document: Document) -> bool:
        with self._db.reading() as session:
            now_ = session.get(Document, document.id)
            return now_ is not None and (now_.status, now_.version) == (READY, document.version)

    def _tidy(self, document_id: str) -> None:
        """What was written may have been deleted or replaced in the same moment."""

        def known() -> set[str]:
            with self._db.reading() as session:
                return set(session.exec(select(Chunk.id).where(Chunk.document_id == document_id)).all())

        self._writer.prune(document_id, known)

    # Files that no row speaks of

    def _files(self) -> Iterator[None]:
        names = sorted(path.name for path in self._uploads.iterdir()) if self._uploads.is_dir() else []
        for start in range(0, len(names), PAGE_POINTS):
            page = names[start : start + PAGE_POINTS]
            with self._db.reading() as session:
                known = _known_files(session, page)
            # A file is complete before its row is written: young ones may be waiting for theirs.
            self._remove([self._uploads / name for name in page if name not in known], self._settings.lease_seconds)
            yield
        if self._work.is_dir():
            age = 0.0 if self._first and self._indexes.engine.alone else WORK_HOURS * 3600
            self._remove(sorted(self._work.glob("read-*")), age)
        yield

    def _remove(self, paths: Sequence[Path], seconds: float) -> None:
        for path in paths:
            try:
                if time.time() - path.stat().st_mtime < seconds:
                    continue
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            except FileNotFoundError:  # whoever it belonged to was quicker
                continue
            except OSError as error:
                logger.bind(error=type(error).__name__).warning("a stray file cannot be removed")
                continue
            self._found["stray_files"] += 1

    def _pages(self) -> Iterator[list[str]]:
        """The ids of all documents, a page at a time."""
        last = ""
        while True:
            with self._db.reading() as session:
                query = select(Document.id).where(col(Document.id) > last).order_by(col(Document.id))
                page = list(session.exec(query.limit(PAGE_DOCUMENTS)).all())
            if not page:
                return
            yield page
            last = page[-1]


def _with_revisions(
    session: Session, ids: Sequence[str], *which: ColumnElement[bool], lock: bool = False
) -> list[tuple[Document, Revision | None]]:
    query = (
        select(Document, Revision)
        .outerjoin(Revision, col(Revision.document_id) == col(Document.id))
        .where(col(Document.id).in_(ids), *which)
    )
    query = query.with_for_update(of=Document) if lock else query
    return [(document, revision) for document, revision in session.exec(query).all()]


def _known_files(session: Session, names: Sequence[str]) -> set[str]:
    """Which of these names in uploads belong to a document, or to a version on its way."""
    known = set(
        session.exec(select(Document.id).where(col(Document.id).in_(names), col(Document.file).is_(None))).all()
    )
    for column in (Document.file, Revision.file):
        known |= {name for name in session.exec(select(column).where(col(column).in_(names))).all() if name}
    return known
