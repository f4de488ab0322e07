"""How much one user may keep."""

from __future__ import annotations

from sqlalchemy import func
from sqlmodel import Session, col, select

from app.config import QuotaSettings
from app.errors import Conflict
from app.models import DELETING, Document, User


def hold_owner(session: Session, document: Document) -> None:
    """Let no other upload of the same owner be decided until this transaction ends: of two at once the second sees the
    first. PostgreSQL locks the owner's row; on SQLite the writer has the whole database already.
    """
    if document.user_id is not None:
        session.exec(select(User.id).where(User.id == document.user_id).with_for_update()).first()


def check_quota(session: Session, quotas: QuotaSettings, document: Document) -> None:
    """Raise `Conflict` unless its owner has room for `document`; the industry's documents are nobody's and have no quota.

    It decides only after `hold_owner`, in the transaction that inserts.
    """
    if document.user_id is None:
        return
    count, size = _kept(session, document.user_id)
    if count >= quotas.documents:
        told = f"You keep {count} documents, which is as many as fit; delete some you no longer need."
        raise Conflict(told, code="quota")
    _check_room(quotas, size, document.bytes)


def check_bytes(session: Session, quotas: QuotaSettings, user_id: str | None, more: int) -> None:
    """Raise `Conflict` unless the owner has room for `more` bytes in a document that is there already."""
    if user_id is not None and more > 0:
        _check_room(quotas, _kept(session, user_id)[1], more)


def _kept(session: Session, user_id: str) -> tuple[int, int]:
    kept = select(func.count(), func.coalesce(func.sum(Document.bytes), 0)).where(
        col(Document.user_id) == user_id, col(Document.status) != DELETING
    )
    count, size = session.exec(kept).one()
    return count, size


def _check_room(quotas: QuotaSettings, size: int, more: int) -> None:
    if size + more > quotas.bytes:
        room = max(0, quotas.bytes - size) // 1_000_000
        told = (
            f"This file does not fit: you have {room} MB left of {quotas.bytes / 1_000_000:,.0f} MB; delete some first."
        )
        raise Conflict(told, code="quota")
