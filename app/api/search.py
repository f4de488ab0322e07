"""POST /api/search: passages for a question, without an answer."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body

from app.api.deps import PrincipalDep, ServicesDep
from app.api.description import told
from app.services.shapes import SearchAnswer, SearchRequest

router = APIRouter(tags=["search"])

EXAMPLE = {"query": "What share of the master do I keep?", "top_k": 5}


@router.post(
    "/search",
    operation_id="search",
    responses=told(404),
    summary="Find passages in one's own documents and the industry's",
)
async def search(
    body: Annotated[SearchRequest, Body(examples=[EXAMPLE])], principal: PrincipalDep, services: ServicesDep
) -> SearchAnswer:
    return await services.search.search(principal, body, scores=principal.is_admin)
