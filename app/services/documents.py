"""Documents: received, listed, changed, deleted, by those who may."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from sqlmodel import Session, col, select

from app.config import IngestionSettings, QuotaSettings
from app.db import Database
from app.errors import AppError, NotFound
from app.models import DELETING, FAILED, KB, KBS, READY, STANDINGS, STORED, Document, Revision, new_id, now
from app.principal import Principal
from app.services.audit import AuditLog
from app.services.idempotency import forget
from app.services.insight.briefs import kinds_of
from app.services.insight.kinds import DocumentKind
from app.services.ownership import STAYS, check_artist
from app.services.paging import Order, next_after, page_size
from app.services.quotas import check_quota, hold_owner
from app.services.selection import COMING, NO_ARTIST, Kind, Progress, conditions, totals
from app.services.shapes import DocumentPublic, DocumentTotals, Listing
from app.services.uploads import check_room, display_name, store
from app.services.versions import VersionService, checked_name, public, queue_again, start_again
from app.services.withdrawal import withdraw_document

__all__ = ["DocumentService", "Keep", "public", "queue_again"]
ORDER = Order(col(Document.created), col(Document.id), newest_first=True)


class Keep(Enum):
    """Stands where None already means something else: leave it as it is."""

    KEEP = "keep"


class DocumentService(VersionService):
    """What can be done with documents; new versions stand in `VersionService`."""

    def __init__(
        self,
        db: Database,
        audit: AuditLog,
        settings: IngestionSettings,
        data_dir: Path,
        wake: Callable[[], None] = lambda: None,
        quotas: QuotaSettings | None = None,
        at: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(db, audit, settings, data_dir, wake, quotas or QuotaSettings(), at)

    def receive(
        self,
        principal: Principal,
        *,
        kb: KB,
        filename: str,
        source: BinaryIO,
        artist_id: str | None = None,
        title: str | None = None,
        as_of: date | None = None,
    ) -> DocumentPublic:
        """Keep a file and queue it. When this returns, the file and its row are on disk (design rule 6).

        Raises `Conflict` with the code `quota` where it is one document or one byte too many.
        """
        name, suffix = checked_name(filename)
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
            as_of=as_of,
            status=STORED,
        )
        with self._db.reading() as session:  # whoever has no room fills no disk either; the insert decides
            check_quota(session, self._quotas, document)
        target = self._uploads / document.id
        check_room(self._uploads, self._settings.reserve_mb)
        kept = store(source, target, self._settings.max_bytes)
        document.bytes, document.sha256 = kept.bytes, kept.sha256
        try:
            self._at("file stored")
            with self._refusing(principal, "document.receive", artist_id), self._db.session() as session:
                check_artist(session, principal, document.artist_id, STAYS)
                hold_owner(session, document)
                if (same := self._same_bytes(session, document)) is not None:
                    if same.status == FAILED:
                        start_again(same)
                        session.add(same)
                    target.unlink(missing_ok=True)
                    return public(same, session.get(Revision, same.id))
                check_quota(session, self._quotas, document)
                session.add(document)
                self._audit.record(session, principal, "document.receive", object_id=document.id)
        except BaseException:  # also when cancelled: no row speaks of this file
            target.unlink(missing_ok=True)
            raise
        self._at("row stored")
        self.wake()
        return public(document)

    def note(self, principal: Principal, title: str, text: str, artist_id: str | None = None) -> DocumentPublic:
        """Keep typed text as a document of its own."""
        name = f"{display_name(title)[:190]}.txt"
        source = io.BytesIO(text.encode("utf-8"))
        return self.receive(principal, kb="personal", filename=name, source=source, artist_id=artist_id, title=title)

    def list(
        self,
        principal: Principal,
        *,
        kb: KB | None = None,
        q: str | None = None,
        status: Progress | None = None,
        artist_id: str | None = None,
        standing: str | None = None,
        kind: Kind | None = None,
        document_kind: DocumentKind | None = None,
        since: datetime | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> Listing[DocumentPublic]:
        """One's own documents and the industry's, newest first; those that meet every condition of `conditions`.

        Raises `NotFound` for an artist who is not the principal's.
        """
        limit = page_size(limit)
        wanted = conditions(
            q=q,
            status=status,
            artist_id=artist_id,
            standing=standing,
            kind=kind,
            document_kind=document_kind,
            since=since,
        )
        with self._refusing(principal, "document.list", after or artist_id), self._db.reading() as session:
            check_artist(session, principal, None if artist_id == NO_ARTIST else artist_id)
            query = select(Document).where(self._visible(principal), col(Document.status) != DELETING)
            if wanted:
                query = query.outerjoin(Revision, COMING).where(*wanted)
            if kb is not None:
                query = query.where(Document.kb == kb)
            if after is not None:
                last = self._get(session, principal, after)
                query = query.where(ORDER.after(last.created, last.id))
            query = query.order_by(*ORDER.columns).limit(limit + 1)
            rows = session.exec(query).all()
            coming = self._revisions(session, [row.id for row in rows])
            kinds = kinds_of(session, [row.id for row in rows])
        items = [public(row, coming.get(row.id), kinds.get(row.id)) for row in rows[:limit]]
        return Listing(items=items, next=next_after(rows, limit))

    def has_own(self, principal: Principal) -> bool:
        """Whether there is any document of the principal's own."""
        with self._db.reading() as session:
            own = select(Document.id).where(
                self._visible(principal), Document.kb == "personal", Document.status != DELETING
            )
            return session.exec(own.limit(1)).first() is not None

    def get(self, principal: Principal, document_id: str) -> DocumentPublic:
        with self._refusing(principal, "document.read", document_id), self._db.reading() as session:
            document = self._get(session, principal, document_id)
            kind = kinds_of(session, [document.id]).get(document.id)
            return public(document, session.get(Revision, document_id), kind)

    def update(
        self,
        principal: Principal,
        document_id: str,
        *,
        title: str | None = None,
        standing: str | None = None,
        artist_id: str | None | Keep = Keep.KEEP,
        as_of: date | None | Keep = Keep.KEEP,
    ) -> DocumentPublic:
        """Change the title, the standing (draft, signed, superseded, none), the artist (None: all artists) or the date up
        to which what it says is known to hold (None: nobody knows).

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
            document.as_of = document.as_of if isinstance(as_of, Keep) else as_of
            document.updated = now()
            if moved := not isinstance(artist_id, Keep) and artist_id != document.artist_id:
                if document.kb == "global":
                    raise AppError("An industry document belongs to no artist.", status=422, code="artist")
                check_artist(session, principal, artist_id, STAYS)
                document.artist_id = artist_id
                queue_again(document)
            session.add(document)
            self._audit.record(session, principal, "document.update", object_id=document_id)
            kind = kinds_of(session, [document.id]).get(document.id)  # it may agree or disagree with others now
            told = public(document, session.get(Revision, document_id), kind)
        if moved:
            self.wake()
        return told

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
        self.deleted(principal, document_id)
        self.wake()

    def file(self, principal: Principal, document_id: str) -> tuple[Path, str]:
        """The file on disk and the name to download it by; the reading is audited."""
        with self._refusing(principal, "document.download", document_id), self._db.session() as session:
            document = self._get(session, principal, document_id)
            path = self._uploads / (document.file or document.id)
            if not path.is_file():
                raise NotFound("The file of this document is not here any more.")
            self._audit.record(session, principal, "document.download", object_id=document_id)
        return path, document.filename

    def _revisions(self, session: Session, ids: Sequence[str]) -> dict[str, Revision]:
        found = session.exec(select(Revision).where(col(Revision.document_id).in_(ids))).all()
        return {revision.document_id: revision for revision in found}

    def totals(self, principal: Principal) -> DocumentTotals:
        """What the principal keeps of the quota, and which knowledge bases they may write."""
        kbs = [kb for kb in KBS if kb == "personal" or principal.is_admin]
        with self._db.reading() as session:
            return totals(session, principal.user_id, self._quotas, kbs)

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
