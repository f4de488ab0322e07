"""What kind of document each one is, and what in it wants a look, for lists of documents."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, select

from app.models import Document, DocumentInsight
from app.services.insight.disagreements import disagreements_of
from app.services.insight.kinds import label_of
from app.services.shapes import KindBrief, OtherDocument


def kinds_of(session: Session, document_ids: Sequence[str]) -> dict[str, KindBrief]:
    """By document, of those that were read. Whoever calls has checked who may see them."""
    query = select(DocumentInsight.document_id, DocumentInsight.kind, DocumentInsight.warnings).join(
        Document, col(Document.id) == col(DocumentInsight.document_id)
    )
    query = query.where(
        col(DocumentInsight.document_id).in_(document_ids), col(DocumentInsight.version) == col(Document.version)
    )
    apart = disagreements_of(session, document_ids)
    told = {}
    for document_id, kind, warnings in session.exec(query).all():
        found = apart.get(document_id, [])
        others = {one.other.document_id: one.other.title for one in found}
        told[document_id] = KindBrief(
            kind=kind, label=label_of(kind), warnings=len(warnings) + len(found),
            disagrees_with=[OtherDocument(document_id=other, title=title) for other, title in others.items()],
        )  # fmt: skip
    return told
