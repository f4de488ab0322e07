"""What is known of documents beside their passages, for those who may see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session, col, select

from app.models import Document, DocumentInsight
from app.principal import Principal
from app.services.document_access import DocumentAccess
from app.services.insight.dates_service import dates_of
from app.services.insight.kinds import CONTRACTS, OTHER, label_of
from app.services.insight.places import Passages
from app.services.insight.shapes import ClausePublic, FactPublic, InsightPublic, KindBrief, WarningPublic

BRIEF_FACTS = 6  # of a document in a prompt
BRIEF_CHARS = 300


class InsightService(DocumentAccess):
    def get(self, principal: Principal, document_id: str) -> InsightPublic:
        """The profile of a document; the reading is audited. Raises `NotFound` as for the document itself."""
        with self._refusing(principal, "document.insight", document_id), self._db.session() as session:
            document = self._get(session, principal, document_id)
            row = _of(session, document)
            passages = Passages(session, [document.id])
            told = _public(document, row, passages)
            if principal.user_id == document.user_id:
                told.dates = dates_of(session, principal, document.id)
            reads = sorted({one.chunk_id for one in (*told.facts, *told.clauses) if one.chunk_id})
            self._audit.record(
                session, principal, "document.insight", object_id=document.id,
                reads=[{"document_id": document.id, "chunk_ids": reads}] if row else [],
            )  # fmt: skip
        return told


def _of(session: Session, document: Document) -> DocumentInsight | None:
    """None while this version was not read."""
    row = session.get(DocumentInsight, document.id)
    return row if row is not None and row.version == document.version else None


def kinds_of(session: Session, document_ids: Sequence[str]) -> dict[str, KindBrief]:
    """By document, of those that were read. Whoever calls has checked who may see them."""
    query = select(DocumentInsight.document_id, DocumentInsight.kind, DocumentInsight.warnings).join(
        Document, col(Document.id) == col(DocumentInsight.document_id)
    )
    query = query.where(
        col(DocumentInsight.document_id).in_(document_ids), col(DocumentInsight.version) == col(Document.version)
    )
    return {
        document_id: KindBrief(kind=kind, label=label_of(kind), warnings=len(warnings))
        for document_id, kind, warnings in session.exec(query).all()
    }


def _public(document: Document, row: DocumentInsight | None, passages: Passages) -> InsightPublic:
    def placed(one: Mapping[str, Any]) -> dict[str, Any]:
        return {**one, "chunk_id": passages.holding(document.id, one.get("page"), one.get("start"), one.get("end"))}

    kind = row.kind if row else OTHER
    return InsightPublic(
        document_id=document.id,
        title=document.title,
        kb="personal" if document.kb == "personal" else "global",
        version=document.version,
        read=row is not None,
        kind=kind,
        label=label_of(kind),
        contract=kind in CONTRACTS,
        facts=[FactPublic.model_validate(placed(one)) for one in row.facts] if row else [],
        clauses=[ClausePublic.model_validate(placed(one)) for one in row.clauses] if row else [],
        warnings=[WarningPublic.model_validate(placed(one)) for one in row.warnings] if row else [],
        by_model=any(one["by"] == "model" for one in row.facts) if row else False,
    )
