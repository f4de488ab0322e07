"""What the ids of an access log stand for, told only to whom they belong."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, or_, select

from app.models import DELETING, Artist, AuditEvent, Conversation, Document, ShareLink
from app.principal import Principal

READING = (
    "chat.read", "desk.read", "plan.sources", "search", "document.download", "document.page", "document.text", "document.insight",
    "date.list", "account.export", "audit.read", "plan.export", "message.export", "conversation.export", "clauses.export",
    "draft.export", "share.open",
)  # fmt: skip
# Beginnings: a provider that somebody came through stands behind a colon.
SIGNING_IN = (
    "sign_in", "register", "add_user", "change_password", "reset_password", "disable_user", "enable_user", "promote_user",
    "session.",
)  # fmt: skip

CHANGED = (
    "document", "artist", "conversation", "account", "note", "draft", "share", "plan", "date", "growth",
)  # fmt: skip

_action = col(AuditEvent.action)
# What `?kind=` chooses.
KINDS: dict[str, ColumnElement[bool]] = {
    "reading": _action.in_(READING),
    "changes": or_(
        *(_action.startswith(f"{noun}.") for noun in CHANGED),
    )
    & _action.not_in(READING),
    "sign_ins": or_(*(_action.startswith(part) for part in SIGNING_IN)),
    "refused": col(AuditEvent.outcome) == "refused",
}


def names_of(session: Session, principal: Principal, rows: Sequence[AuditEvent]) -> dict[str, str]:
    """Titles and names by id, of what is there and the principal may see: their own, and the industry's documents. An
    admin who reads everybody's log learns no title of anybody's.
    """
    read = {one.get("document_id") for row in rows for one in row.reads}
    ids = {one for one in {*read, *(row.object_id for row in rows)} if one}
    numbers = [int(one) for one in ids if one.isdigit()]
    seen = or_(Document.user_id == principal.user_id, Document.kb == "global")
    documents = select(Document.id, Document.title).where(col(Document.id).in_(ids), seen, Document.status != DELETING)
    artists = select(Artist.id, Artist.name).where(col(Artist.id).in_(ids), Artist.user_id == principal.user_id)
    talks = select(Conversation.id, Conversation.title).where(
        col(Conversation.id).in_(numbers), Conversation.user_id == principal.user_id
    )
    links = select(ShareLink.id, ShareLink.title).where(
        col(ShareLink.id).in_(ids), ShareLink.user_id == principal.user_id
    )
    found = [*session.exec(documents).all(), *session.exec(artists).all(), *session.exec(talks).all()]
    found += session.exec(links).all()
    return {str(identity): name for identity, name in found}
