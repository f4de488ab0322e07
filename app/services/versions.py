"""New versions of documents, and work on them that is stopped or tried again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import update
from sqlalchemy.orm import object_session
from sqlmodel import Session, col

from app.config import IngestionSettings, QuotaSettings
from app.db import Database
from app.errors import Conflict, UnsupportedFile
from app.indexes.readers import READERS
from app.models import DELETING, FAILED, READY, STORED, UNFINISHED, Document, Revision, new_id, now
from app.principal import Principal
from app.services.audit import AuditLog
from app.services.document_access import DocumentAccess
from app.services.quotas import check_bytes
from app.services.shapes import DocumentPublic, KindBrief
from app.services.uploads import Stored, check_room, display_name, store

CANCELLED = "Cancelled; press retry to have it read after all."
CANCELLED_VERSION = "The new version was cancelled; press retry to have it read after all, or cancel again to drop it. "
ANSWERING = "The version before goes on answering."


class VersionService(DocumentAccess):
    """`wake` is called after something was queued, so that the worker need not wait for its next look."""

    def __init__(
        self,
        db: Database,
        audit: AuditLog,
        settings: IngestionSettings,
        data_dir: Path,
        wake: Callable[[], None],
        quotas: QuotaSettings,
        at: Callable[[str], None],
    ) -> None:
        super().__init__(db, audit)
        self._settings, self._quotas, self._at = settings, quotas, at
        self._uploads = data_dir / "uploads"
        self.wake = wake
        self.deleted: Callable[[Principal, str], None] = lambda _principal, _document_id: None  # told of each deletion

    def replace(self, principal: Principal, document_id: str, *, filename: str, source: BinaryIO) -> DocumentPublic:
        """Keep a file as the new version of a document and queue it. The old version answers, as a whole, until the new
        one does; a document that is not ready takes the file in the old one's place.

        Raises `Conflict` when the owner has these bytes as another document already.
        """
        name, suffix = checked_name(filename)
        with self._refusing(principal, "document.replace", document_id), self._db.reading() as session:
            self._get_writable(session, principal, document_id)
        target = self._uploads / f"{document_id}.{new_id()[:8]}"
        check_room(self._uploads, self._settings.reserve_mb)
        kept = store(source, target, self._settings.max_bytes)
        unwanted = {target}
        try:
            self._at("file stored")
            with self._refusing(principal, "document.replace", document_id), self._db.session() as session:
                document = self._get_writable(session, principal, document_id, lock=True)
                revision = session.get(Revision, document_id)
                unwanted = self._take(session, document, revision, target.name, name, suffix, kept)
                self._audit.record(session, principal, "document.replace", object_id=document_id)
                session.flush()
                told = public(document, session.get(Revision, document_id, populate_existing=True))
            self._at("row stored")
        finally:  # also when cancelled: no row speaks of these files
            for path in unwanted:
                path.unlink(missing_ok=True)
        self.wake()
        return told

    def cancel(self, principal: Principal, document_id: str) -> DocumentPublic:
        """Stop reading and embedding at once. The file is kept: it can be tried again. A new version that is not being
        worked on any more, because it failed or was cancelled before, is dropped.
        """
        dropped: Path | None = None
        with self._refusing(principal, "document.cancel", document_id), self._db.session() as session:
            document = self._get_writable(session, principal, document_id, lock=True)
            revision = session.get(Revision, document_id) if document.status == READY else None
            row: Document | Revision = revision or document
            if revision is not None and revision.status == FAILED:
                dropped = self._uploads / revision.file if revision.file else None
                session.delete(revision)
                revision = None
            elif row.status in UNFINISHED:
                # Whoever works on it has another version number from here on, and stops.
                document.newest += 1
                row.version = document.newest
                row.status, row.chunks, row.detail, row.updated = FAILED, 0, None, now()
                row.reason = CANCELLED if revision is None else CANCELLED_VERSION + ANSWERING
                session.add(row)
            else:
                raise Conflict("Only a document that is being read can be cancelled.", code="not_running")
            session.add(document)
            self._audit.record(session, principal, "document.cancel", object_id=document_id)
            told = public(document, revision)
        if dropped is not None:
            dropped.unlink(missing_ok=True)
        return told

    def retry(self, principal: Principal, document_id: str) -> DocumentPublic:
        """Queue a document, or a new version of one, that failed or was cancelled again."""
        with self._refusing(principal, "document.retry", document_id), self._db.session() as session:
            document = self._get_writable(session, principal, document_id, lock=True)
            revision = session.get(Revision, document_id) if document.status == READY else None
            row: Document | Revision = revision or document
            if row.status != FAILED:
                raise Conflict("Only a failed document can be tried again.", code="not_failed")
            start_again(row)
            session.add(row)
            self._audit.record(session, principal, "document.retry", object_id=document_id)
            told = public(document, revision)
        self.wake()
        return told

    def _take(
        self,
        session: Session,
        document: Document,
        revision: Revision | None,
        file: str,
        name: str,
        suffix: str,
        kept: Stored,
    ) -> set[Path]:
        """Write down the new file; returns the files that nobody needs any more."""
        before = self._uploads / revision.file if revision is not None and revision.file else None
        if (kept.sha256, suffix) == (document.sha256, document.suffix):
            if revision is not None:  # back to what it was
                session.delete(revision)
            return {self._uploads / file} | ({before} if before else set())
        fresh = {"file": file, "filename": name, "suffix": suffix, "bytes": kept.bytes, "sha256": kept.sha256}
        probe = Document(**{**document.model_dump(), **fresh})
        if (other := self._same_bytes(session, probe)) is not None:
            told = f"You have this file already, as '{other.title}'; delete one of the two first."
            raise Conflict(told, code="duplicate")
        check_bytes(session, self._quotas, document.user_id, kept.bytes - document.bytes)
        document.newest += 1
        row: Document | Revision = document
        if document.status == READY:
            row = revision or Revision(document_id=document.id, version=0, filename=name, suffix=suffix)
        else:
            before = self._uploads / (document.file or document.id)
        for key, value in fresh.items():
            setattr(row, key, value)
        row.version = document.newest
        start_again(row)
        session.add(document)
        session.add(row)
        return {before} if before else set()


def start_again(row: Document | Revision) -> None:
    """Queue it anew. A lease stays: whoever still works on it notices, and gives it back."""
    row.status, row.reason, row.attempts, row.next_attempt = STORED, None, 0, None
    row.progress, row.detail, row.updated = 0.0, None, now()


def queue_again(document: Document) -> None:
    """Have a document ingested as a new version, because its points must change: from this commit on nothing of the old
    one passes the SQL check (design rule 4). One that failed or is going stays as it is: it has no points, or loses them.

    A lease stays: whoever is at work on the old version ends first, so that no point of it is written after the new ones.
    """
    if document.status in (FAILED, DELETING):
        return
    document.newest += 1
    document.version = document.newest
    start_again(document)
    if (session := object_session(document)) is not None:
        # A version on its way was written for the owner and artist before: it starts again too, when its turn comes.
        document.newest += 1
        session.execute(
            update(Revision)
            .where(col(Revision.document_id) == document.id)
            .values(version=document.newest, updated=now())
        )


def checked_name(filename: str) -> tuple[str, str]:
    """The name to show and the suffix of an upload; raises `UnsupportedFile` where no reader knows the suffix."""
    name = display_name(filename)
    suffix = Path(name).suffix.lower()
    if suffix not in READERS:
        known = ", ".join(sorted(one.lstrip(".").upper() for one in READERS))
        raise UnsupportedFile(
            f"Files of type '{suffix or 'unknown'}' cannot be read; these can: {known}.", code="unknown_type"
        )
    return name, suffix


def public(document: Document, revision: Revision | None = None, insight: KindBrief | None = None) -> DocumentPublic:
    """A document as it leaves the process. While a new version is on its way, its state and its file are told."""
    shown = DocumentPublic.model_validate(document, from_attributes=True).model_copy(update={"insight": insight})
    answers = document.status == READY
    if revision is None or not answers:
        return shown.model_copy(update={"answers": answers})
    names = ("status", "reason", "progress", "detail", "pages", "chunks", "bytes", "sha256", "filename")
    coming = {name: getattr(revision, name) for name in names}
    return shown.model_copy(update={"answers": True, "updated": max(document.updated, revision.updated), **coming})
