"""How much one user may keep."""

from __future__ import annotations

from sqlalchemy import func
from sqlmodel import Session, col, select

from app.config import QuotaSettings
from app.errors import Conflict
from app.models import DELETING, Document, User


def check_quota(session: Session, quotas: QuotaSettings, document: Document, *, deciding: bool = False) -> None:
    """Raise `Conflict` unless its owner has room for `document`; the industry's documents are nobody's and have no quota.

    `deciding`: inside the transaction that inserts. The owner's row is locked on PostgreSQL, as the whole database is on
    SQLite, so that of two uploads at the edge the second counts the first.
    """
    if document.user_id is None:
        return
    if deciding:
        session.exec(select(User.id).where(User.id == document.user_id).with_for_update()).first()
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
