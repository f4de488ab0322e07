"""The queue of the ingestion, which is the documents' own rows: what waits, who works on it, and whether it still may."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from loguru import logger
from sqlalchemy import ColumnElement, and_, case, update
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, func, or_, select

from app.config import IngestionSettings
from app.db import Database
from app.models import DELETING, FAILED, READY, UNFINISHED, Document, Revision, now
from app.services.progress import Progress

LOOK_SECONDS = 0.3  # how soon work on a document ends after it was cancelled, deleted or replaced
WAITING = (*UNFINISHED, DELETING)


class Lost(Exception):
    """The document was cancelled, deleted, replaced, or taken over by another process: work on it ends."""


@dataclass
class Job:
    """A document to work on: itself, or the new version that will take its place. `row` is what the states are written to."""

    document: Document
    revision: Revision | None
    lease: datetime
    lost: threading.Event = field(default_factory=threading.Event)
    note: str | None = None  # what of it could not be read; stays when it is ready
    progress: Progress = field(default_factory=Progress)
    lock: threading.Lock = field(default_factory=threading.Lock)  # of `lease`, which its watcher renews too

    @property
    def id(self) -> str:
        return self.document.id

    @property
    def row(self) -> Document | Revision:
        return self.revision or self.document

    @property
    def version(self) -> int:
        return self.row.version

    @property
    def file(self) -> str:
        return (self.revision.file if self.revision else None) or self.document.file or self.document.id

    def check(self) -> None:
        """Raise `Lost` when the work is not wanted any more."""
        if self.lost.is_set():
            raise Lost


class Jobs:
    """Leases documents to whoever works. Safe with several processes: each is leased to one at a time."""

    def __init__(self, db: Database, settings: IngestionSettings) -> None:
        self._db, self._settings = db, settings

    def free(self) -> None:
        """Free what a process that ended in the middle had leased. Only for the holder of the data folder at its start."""
        with self._db.session() as session:
            session.execute(update(Document).where(col(Document.lease_until).is_not(None)).values(lease_until=None))

    def lease(self, *which: ColumnElement[bool] | bool) -> Job | None:
        """Take what is to be deleted first, then the oldest that waits and is due."""
        moment = now()
        free = or_(col(Document.lease_until).is_(None), col(Document.lease_until) < moment)
        query = (
            select(Document.id)
            .outerjoin(Revision, col(Revision.document_id) == col(Document.id))
            .where(free, _due(moment), *which)
            .order_by(case((col(Document.status) == DELETING, 0), else_=1), col(Document.created))
            .limit(1)
        )
        with self._db.reading() as session:  # most looks find nothing: no write lock for them
            document_id = session.exec(query).first()
        if document_id is None:
            return None
        lease = moment + timedelta(seconds=self._settings.lease_seconds)
        with self._db.session() as session:
            here = query.where(col(Document.id) == document_id).with_for_update(of=Document)
            if session.exec(here).first() is None:  # somebody else was quicker
                return None
            session.execute(update(Document).where(col(Document.id) == document_id).values(lease_until=lease))
            document = session.get_one(Document, document_id)
            revision = session.get(Revision, document_id) if document.status == READY else None
            return Job(document, revision, lease)

    def waiting(self) -> int:
        """How many documents are not at their end yet."""
        query = select(func.count()).select_from(Document)
        query = query.outerjoin(Revision, col(Revision.document_id) == col(Document.id)).where(_unfinished())
        with self._db.reading() as session:
            return session.exec(query).one()

    @contextmanager
    def held(self, job: Job) -> Iterator[None]:
        """Keep the lease while the block runs, however long it takes, and notice when the work is not wanted any more."""
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(LOOK_SECONDS) and not job.lost.is_set():
                try:
                    self._look(job)
                except SQLAlchemyError as error:  # the next look may succeed; the lease is long
                    logger.bind(document_id=job.id, error=type(error).__name__).warning("lease not looked at")

        watcher = threading.Thread(target=watch, name="lease", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()

    def move(self, job: Job, status: str, **values: object) -> None:
        """Write a state and renew the lease; raises `Lost` for a document that is not this job's any more."""
        with job.lock, self._db.session() as session:
            if not self.wanted(session, job):
                job.lost.set()
                raise Lost
            self.write(session, job, status=status, **values)
            self._renew(session, job)

    def write(self, session: Session, job: Job, **values: object) -> None:
        row = job.row
        key = col(Revision.document_id) if isinstance(row, Revision) else col(Document.id)
        session.execute(update(type(row)).where(key == job.id).values(updated=now(), **values))

    def wanted(self, session: Session, job: Job) -> bool:
        """Whether the job is still what its document waits for, and leased to whoever holds it."""
        query = select(Document.status, Document.version).where(
            col(Document.id) == job.id, col(Document.lease_until) == job.lease
        )
        status, version = session.exec(query.with_for_update()).first() or (None, 0)
        if job.revision is None:
            return status in UNFINISHED and version == job.version
        mine = select(Revision.status, Revision.version).where(Revision.document_id == job.id)
        return status == READY and session.exec(mine).first() in {(one, job.version) for one in UNFINISHED}

    def release(self, job: Job) -> None:
        with self._db.session() as session:
            session.execute(
                update(Document)
                .where(col(Document.id) == job.id, col(Document.lease_until) == job.lease)
                .values(lease_until=None)
            )

    def _look(self, job: Job) -> None:
        with job.lock:
            with self._db.reading() as session:
                if not self.wanted(session, job):
                    job.lost.set()
                    return
            if job.lease - now() < timedelta(seconds=self._settings.lease_seconds * 2 / 3):
                with self._db.session() as session:
                    self._renew(session, job)

    def _renew(self, session: Session, job: Job) -> None:
        lease = now() + timedelta(seconds=self._settings.lease_seconds)
        done = session.execute(
            update(Document)
            .where(col(Document.id) == job.id, col(Document.lease_until) == job.lease)
            .values(lease_until=lease)
        )
        if done.rowcount == 1:  # type: ignore[attr-defined]
            job.lease = lease


def _unfinished() -> ColumnElement[bool]:
    revised = and_(col(Document.status) == READY, col(Revision.status).in_(UNFINISHED))
    return or_(col(Document.status).in_(WAITING), revised)


def _due(moment: datetime) -> ColumnElement[bool]:
    now_or_before = or_(col(Document.next_attempt).is_(None), col(Document.next_attempt) <= moment)
    revised = or_(col(Revision.next_attempt).is_(None), col(Revision.next_attempt) <= moment)
    return or_(
        and_(col(Document.status).in_(WAITING), now_or_before),
        and_(col(Document.status) == READY, col(Revision.status).in_(UNFINISHED), revised),
    )


def answering(document: Document, revision: Revision | None) -> set[int]:
    """The versions of which chunks are wanted: the one that answers or is being made, and the one that will replace it."""
    versions = set() if document.status in (FAILED, DELETING) else {document.version}
    if document.status == READY and revision is not None and revision.status != FAILED:
        versions.add(revision.version)
    return versions
