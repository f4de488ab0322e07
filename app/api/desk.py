"""The writing desk: kinds of texts, and drafts of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response

from app.api.deps import After, Limit, PathId, PrincipalDep, ServicesDep
from app.api.description import shown, told
from app.services.desk.shapes import DraftCreate, DraftPublic, DraftRow, DraftUpdate, KindsPublic
from app.services.shapes import Listing

router = APIRouter(tags=["desk"])

PITCH = {
    "kind": "pitch_playlist",
    "inputs": {"song": "Salt and Smoke", "release": "3 May 2026", "sound": "slow, brushed drums"},
}
EDIT = {"text": "“Salt and Smoke” by The Night Shift is dub techno: slow, brushed drums."}
OfArtist = Annotated[str | None, Query(max_length=64, description="Only drafts about this artist.")]


@router.get(
    "/desk/kinds", operation_id="list_draft_kinds", summary="The kinds of texts the desk writes, with their fields"
)
def kinds(principal: PrincipalDep, services: ServicesDep) -> KindsPublic:
    return services.desk.kinds(principal)


@router.get("/drafts", operation_id="list_drafts", responses=told(404), summary="One's drafts, last changed first")
def drafts(
    principal: PrincipalDep,
    services: ServicesDep,
    artist_id: OfArtist = None,
    limit: Limit = 50,
    after: After = None,
) -> Listing[DraftRow]:
    return services.desk.list(principal, artist_id=artist_id, limit=limit, after=after)


@router.post(
    "/drafts",
    operation_id="create_draft",
    responses={201: shown("Location"), **told(404, 429)},
    status_code=201,
    summary="Write a text from one's own facts",
)
async def create(
    body: Annotated[DraftCreate, Body(examples=[PITCH])],
    response: Response,
    principal: PrincipalDep,
    services: ServicesDep,
) -> DraftPublic:
    """Every number, name, link and quotation that no source, no profile field, no confirmed note and nothing typed holds
    reads "[to confirm]". Without a language model it is the kind's template, filled in with what is known."""
    made = await services.desk.create(principal, body)
    response.headers["Location"] = f"/api/drafts/{made.id}"
    return made


@router.get("/drafts/{draft_id}", operation_id="get_draft", summary="One draft with its sources")
def draft(draft_id: PathId, principal: PrincipalDep, services: ServicesDep) -> DraftPublic:
    return services.desk.get(principal, draft_id)


@router.patch("/drafts/{draft_id}", operation_id="update_draft", summary="Rename a draft, or change its text by hand")
def update(
    draft_id: PathId,
    body: Annotated[DraftUpdate, Body(examples=[EDIT])],
    principal: PrincipalDep,
    services: ServicesDep,
) -> DraftPublic:
    return services.desk.update(principal, draft_id, body)


@router.delete("/drafts/{draft_id}", operation_id="delete_draft", status_code=204, summary="Delete a draft")
def delete(draft_id: PathId, principal: PrincipalDep, services: ServicesDep) -> Response:
    services.desk.delete(principal, draft_id)
    return Response(status_code=204)


@router.post(
    "/drafts/{draft_id}/again",
    operation_id="write_draft_again",
    responses={201: shown("Location"), **told(409, 429)},
    status_code=201,
    summary="Write another text from the same inputs; the first one stays",
)
async def again(draft_id: PathId, response: Response, principal: PrincipalDep, services: ServicesDep) -> DraftPublic:
    made = await services.desk.again(principal, draft_id)
    response.headers["Location"] = f"/api/drafts/{made.id}"
    return made
