"""Documents: received, listed, changed, deleted, by those who may."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, or_, select

from app.config import IngestionSettings, QuotaSettings
from app.db import Database
from app.errors import AppError, Conflict, Forbidden, NotFound, UnsupportedFile
from app.indexes.readers import READERS
from app.models import (
    DELETING,
    FAILED,
    KB,
    READY,
    STANDINGS,
    STORED,
    Artist,
    Document,
    new_id,
    now,
)
from app.principal import Principal
from app.services.audit import AuditLog
from app.services.idempotency import forget
from app.services.quotas import check_quota, hold_owner
from app.services.shapes import DocumentPublic, Listing
from app.services.uploads import display_name, store
from app.services.withdrawal import withdraw_document


class Keep(Enum):
    """Stands where None already means something else: leave it as it is."""

    KEEP = "keep"


class DocumentService:
    """`wake` is called after something was queued, so that the worker need not wait for its next look."""

    def __init__(
        self,
        db: Database,
        audit: AuditLog,
        settings: IngestionSettings,
        data_dir: Path,
        wake: Callable[[], None] = lambda: None,
        quotas: QuotaSettings | None = None,
    ) -> None:
        self._db, self._audit, self._settings = db, audit, settings
        self._uploads = data_dir / "uploads"
        self.wake = wake
        self._quotas = quotas or QuotaSettings()

    def receive(
        self,
        principal: Principal,
        *,
        kb: KB,
        filename: str,
        source: BinaryIO,
        artist_id: str | None = None,
        title: str | None = None,
    ) -> DocumentPublic:
        """Keep a file and queue it. When this returns, the file and its row are on disk (design rule 6).

        Raises `Conflict` with the code `quota` where it is one document or one byte too many.
        """
        name = display_name(filename)
        suffix = Path(name).suffix.lower()
        if suffix not in READERS:
            known = ", ".join(sorted(one.lstrip(".").upper() for one in READERS))
            raise UnsupportedFile(
                f"Files of type '{suffix or 'unknown'}' cannot be read; these can: {known}.", code="unknown_type"
            )
        with self._refusing(principal, "document.receive", None):
            self._may_write(principal, kb)
        document = Document(
            id=new_id(),
            kb=kb,
            user_id=principal.user_id if kb == "personal" else None,
            artist_id=artist_id if kb == "personal" else None,
            title=((title or "").strip() or Path(name).stem)[:300],
            filename=name,
            suffix=suffix,
            status=STORED,
        )
        with self._db.reading() as session:  # whoever has no room fills no disk either; the insert decides
            check_quota(session, self._quotas, document)
        target = self._uploads / document.id
        kept = store(source, target, self._settings.max_bytes)
        document.bytes, document.sha256 = kept.bytes, kept.sha256
        try:
            with self._refusing(principal, "document.receive", artist_id), self._db.session() as session:
                self._check_artist(session, principal, document.artist_id)
                hold_owner(session, document)
                if (same := self._same_bytes(session, document)) is not None:
                    target.unlink(missing_ok=True)
                    return public(same)
                check_quota(session, self._quotas, document)
                session.add(document)
                self._audit.record(session, principal, "document.receive", object_id=document.id)
        except BaseException:  # also when cancelled: no row speaks of this file
            target.unlink(missing_ok=True)
            raise
        self.wake()
        return public(document)

    def note(self, principal: Principal, title: str, text: str, artist_id: str | None = None) -> DocumentPublic:
        """Keep typed text as a document of its own."""
        name = f"{display_name(title)[:190]}.txt"
        source = io.BytesIO(text.encode("utf-8"))
        return self.receive(principal, kb="personal", filename=name, source=source, artist_id=artist_id, title=title)

    def list(
        self, principal: Principal, *, kb: KB | None = None, limit: int = 50, after: str | None = None
    ) -> Listing[DocumentPublic]:
        """One's own documents and the industry's, newest first."""
        limit = max(1, min(limit, 200))
        with self._refusing(principal, "document.list", after), self._db.reading() as session:
            query = select(Document).where(self._visible(principal), col(Document.status) != DELETING)
            if kb is not None:
                query = query.where(Document.kb == kb)
            if after is not None:
                last = self._get(session, principal, after)
                older = (col(Document.created) < last.created) | (
                    (col(Document.created) == last.created) & (col(Document.id) < last.id)
                )
                query = query.where(older)
            query = query.order_by(col(Document.created).desc(), col(Document.id).desc()).limit(limit + 1)
            rows = session.exec(query).all()
        following = rows[limit - 1].id if len(rows) > limit else None
        return Listing(items=[public(row) for row in rows[:limit]], next=following)

    def get(self, principal: Principal, document_id: str) -> DocumentPublic:
        with self._refusing(principal, "document.read", document_id), self._db.reading() as session:
            return public(self._get(session, principal, document_id))

    def update(
        self,
        principal: Principal,
        document_id: str,
        *,
        title: str | None = None,
        standing: str | None = None,
        artist_id: str | None | Keep = Keep.KEEP,
    ) -> DocumentPublic:
        """Change the title, the standing (draft, signed, superseded, none) or the artist (None: all artists).

        With another artist the document is read anew, and answers nothing until it is ready again.
        """
        if standing is not None and standing not in STANDINGS:
            raise AppError(f"The standing of a document is one of {', '.join(STANDINGS)}.", status=422, code="standing")
        if title is not None and not title.strip():
            raise AppError("A document needs a title; type one.", status=422, code="title")
        with self._refusing(principal, "document.update", document_id), self._db.session() as session:
            document = self._get_writable(session, principal, document_id)
            document.title = title.strip()[:300] if title is not None else document.title
            document.standing = standing or document.standing
            document.updated = now()
            if moved := not isinstance(artist_id, Keep) and artist_id != document.artist_id:
                if document.kb == "global":
                    raise AppError("An industry document belongs to no artist.", status=422, code="artist")
                self._check_artist(session, principal, artist_id)
                document.artist_id = artist_id
                queue_again(document)
            session.add(document)
            self._audit.record(session, principal, "document.update", object_id=document_id)
        if moved:
            self.wake()
        return public(document)

    def delete(self, principal: Principal, document_id: str) -> None:
        """Stop answering from a document at once; its points, file and rows follow. Answers that used it go with it."""
        with self._refusing(principal, "document.delete", document_id), self._db.session() as session:
            document = self._get_writable(session, principal, document_id)
            document.status, document.next_attempt, document.attempts, document.updated = DELETING, None, 0, now()
            session.add(document)
            forget(session, document_id)
            if document.kb == "personal":
                withdraw_document(session, document)
            self._audit.record(session, principal, "document.delete", object_id=document_id)
        self.wake()

    def retry(self, principal: Principal, document_id: str) -> DocumentPublic:
        """Queue a failed document again."""
        with self._refusing(principal, "document.retry", document_id), self._db.session() as session:
            document = self._get_writable(session, principal, document_id)
            if document.status != FAILED:
                raise Conflict("Only a failed document can be tried again.", code="not_failed")
            document.status, document.reason, document.attempts, document.next_attempt = STORED, None, 0, None
            document.lease_until = None
            session.add(document)
            self._audit.record(session, principal, "document.retry", object_id=document_id)
        self.wake()
        return public(document)

    def file(self, principal: Principal, document_id: str) -> tuple[Path, str]:
        """The file on disk and the name to download it by; the reading is audited."""
        with self._refusing(principal, "document.download", document_id), self._db.session() as session:
            document = self._get(session, principal, document_id)
            path = self._uploads / document.id
            if not path.is_file():
                raise NotFound("The file of this document is not here any more.")
            self._audit.record(session, principal, "document.download", object_id=document_id)
        return path, document.filename

    def counts(self, principal: Principal) -> dict[str, int]:
        """How many documents of one's own are ready, and how many of the industry's."""
        with self._db.reading() as session:
            rows = session.exec(select(Document.kb).where(self._visible(principal), Document.status == READY)).all()
        return {"personal": sum(kb == "personal" for kb in rows), "global": sum(kb == "global" for kb in rows)}

    def check_visible(self, principal: Principal | None, document_ids: Sequence[str]) -> None:
        """Raise the same 404 for unknown documents and for other people's."""
        for document_id in document_ids:
            with self._refusing(principal, "document.read", document_id), self._db.reading() as session:
                self._get(session, principal, document_id)

    def _refusing(
        self, principal: Principal | None, action: str, object_id: str | None
    ) -> AbstractContextManager[None]:
        return self._audit.refusing(self._db, principal, action, object_id)

    def _visible(self, principal: Principal | None) -> ColumnElement[bool]:
        """The one rule for who sees which document."""
        shared: ColumnElement[bool] = col(Document.kb) == "global"
        if principal is None:
            return shared
        if principal.kind == "system":
            return or_(shared, col(Document.kb) == "personal")
        return or_(shared, (col(Document.kb) == "personal") & (col(Document.user_id) == principal.user_id))

    def _get(self, session: Session, principal: Principal | None, document_id: str) -> Document:
        query = select(Document).where(
            Document.id == document_id,
            self._visible(principal),
            col(Document.status) != DELETING,
        )
        if (document := session.exec(query).first()) is None:
            raise NotFound("There is no such document.")
        return document

    def _get_writable(self, session: Session, principal: Principal, document_id: str) -> Document:
        document = self._get(session, principal, document_id)
        self._may_write(principal, "personal" if document.kb == "personal" else "global")
        return document

    def _may_write(self, principal: Principal, kb: KB) -> None:
        if kb == "global" and not principal.is_admin:
            raise Forbidden("The industry knowledge base is written by admins; upload to your own documents instead.")
        if kb == "personal" and principal.kind == "system":
            raise Forbidden("A personal document needs an owner.")

    def _check_artist(self, session: Session, principal: Principal, artist_id: str | None) -> None:
        if artist_id is None:
            return
        # PostgreSQL keeps the artist where it is until the document is there: it is not handed over or deleted meanwhile.
        artist = session.get(Artist, artist_id, with_for_update={"read": True, "key_share": True})
        if artist is None or artist.user_id != principal.user_id:
            raise NotFound("There is no such artist.")

    def _same_bytes(self, session: Session, document: Document) -> Document | None:
        """The same bytes for the same owner and artist are one document; other owners' copies are never looked at."""
        query = select(Document).where(
            Document.sha256 == document.sha256,
            Document.kb == document.kb,
            col(Document.user_id).is_(None) if document.user_id is None else Document.user_id == document.user_id,
            col(Document.artist_id).is_(None)
            if document.artist_id is None
            else Document.artist_id == document.artist_id,
            Document.suffix == document.suffix,
            col(Document.status).not_in((DELETING, FAILED)),
        )
        return session.exec(query).first()


def queue_again(document: Document) -> None:
    """Have a document ingested as a new version, because its points must change: from this commit on nothing of the old
    one passes the SQL check (design rule 4). One that failed or is going stays as it is: it has no points, or loses them.

    A lease stays: whoever is at work on the old version ends first, so that no point of it is written after the new ones.
    """
    if document.status in (FAILED, DELETING):
        return
    document.status, document.reason, document.progress = STORED, None, 0.0
    document.version += 1
    document.attempts, document.next_attempt, document.updated = 0, None, now()


def public(document: Document) -> DocumentPublic:
    return DocumentPublic.model_validate(document, from_attributes=True)
