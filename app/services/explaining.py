"""What a trace speaks of by id, named for whoever asked: which passage of which document."""

from __future__ import annotations

from typing import Any

from sqlmodel import Session, col, or_, select

from app.models import DELETING, Chunk, Document
from app.principal import Principal


def named_passages(session: Session, principal: Principal, body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Document, title, kb and page by chunk id. What is gone, or not this principal's to see, is left out."""
    ids = {str(one["chunk_id"]) for one in [*body.get("candidates", []), *body.get("prompt", [])]}
    mine = (col(Document.kb) == "personal") & (col(Document.user_id) == principal.user_id)
    query = (
        select(Chunk.id, Chunk.page, Document)
        .join(Document, col(Document.id) == col(Chunk.document_id))
        .where(col(Chunk.id).in_(ids), or_(col(Document.kb) == "global", mine), col(Document.status) != DELETING)
    )
    return {
        chunk_id: {"document_id": document.id, "title": document.title, "kb": document.kb, "page": page}
        for chunk_id, page, document in session.exec(query).all()
    }
