"""Who may see and change which document: the one rule, for every service that touches them."""

from __future__ import annotations

from contextlib import AbstractContextManager

from sqlalchemy import ColumnElement, case, func
from sqlmodel import Session, col, or_, select

from app.db import Database
from app.errors import Forbidden, NotFound
from app.models import DELETING, FAILED, KB, READY, Document, Revision, User
from app.principal import Principal
from app.services.audit import AuditLog


class DocumentAccess:
    def __init__(self, db: Database, audit: AuditLog) -> None:
        self._db, self._audit = db, audit

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

    def _get_writable(
        self, session: Session, principal: Principal, document_id: str, *, lock: bool = False
    ) -> Document:
        document = self._get(session, principal, document_id)
        if lock:  # on SQLite the whole database is locked by now
            session.refresh(document, with_for_update=True)
        self._may_write(principal, "personal" if document.kb == "personal" else "global")
        return document

    def _may_write(self, principal: Principal, kb: KB) -> None:
        if kb == "global" and not principal.is_admin:
            raise Forbidden("The industry knowledge base is written by admins; upload to your own documents instead.")
        if kb == "personal" and principal.kind == "system":
            raise Forbidden("A personal document needs an owner.")

    def _same_bytes(self, session: Session, document: Document) -> Document | None:
        """The document of the same owner and artist that holds the same bytes, or will when its new version is ready; not
        one that is about to lose them. Other owners' copies are never looked at.

        The owner's row is locked where the whole database is not, so that of two equal uploads the second sees the first.
        """
        if document.user_id is not None:
            session.exec(select(User.id).where(User.id == document.user_id).with_for_update()).first()
        coming = (
            (col(Revision.document_id) == col(Document.id))
            & (col(Revision.status) != FAILED)
            & (col(Document.status) == READY)
        )
        query = select(Document).outerjoin(Revision, coming)
        query = query.where(
            func.coalesce(Revision.sha256, Document.sha256) == document.sha256,
            func.coalesce(Revision.suffix, Document.suffix) == document.suffix,
            Document.kb == document.kb,
            col(Document.user_id).is_(None) if document.user_id is None else Document.user_id == document.user_id,
            col(Document.artist_id).is_(None)
            if document.artist_id is None
            else Document.artist_id == document.artist_id,
            Document.id != document.id,
            col(Document.status) != DELETING,
        )
        # One that failed is tried again, unless there is one that did not.
        return session.exec(query.order_by(case((col(Document.status) == FAILED, 1), else_=0))).first()
