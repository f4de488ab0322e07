"""What documents say beside their passages: kind, parties, dates, money, clauses, and what wants a look."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.deps import PathId, PrincipalDep, ServicesDep
from app.services.insight.shapes import InsightPublic

router = APIRouter(prefix="/documents", tags=["documents"])


@router.get("/{document_id}/insight", operation_id="get_insight", summary="What a document says, item by item")
def insight(document_id: PathId, principal: PrincipalDep, services: ServicesDep) -> InsightPublic:
    """Every item has the words and the page it stands on. This is no legal advice: what counts is the document itself."""
    return services.insight.get(principal, document_id)
