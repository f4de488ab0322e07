"""Pages of documents: the text as it was read, or the page as a picture, with the cited passage marked in both."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response

from app.api.deps import PathId, PrincipalDep, ServicesDep
from app.api.description import shown, told
from app.services.pages import Asked, PagePublic
from app.services.shapes import Id

router = APIRouter(prefix="/documents", tags=["documents"])

PICTURE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The page. The headers tell how many pages there are, how many of the passages were found on the "
        "picture, and where the first one begins as a share of its height.",
        "content": {"image/png": {"schema": {"type": "string", "contentMediaType": "image/png"}}},
        **shown("X-Pages", "X-Passages-Marked", "X-Passage-At"),
    },
    **told(415, 429),
}
PRIVATE = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}

Number = Annotated[int, Path(ge=1, le=1_000_000, description="Pages count from 1.")]
_OFFSET = "The cited words, by their characters in the page's text: a citation's `start` and `end`."


async def _asked(
    chunk: Annotated[list[Id], Query(max_length=8, description="Passages to mark: a citation's `chunk_id`.")] = [],  # noqa: B006
    start: Annotated[int | None, Query(ge=0, description=_OFFSET)] = None,
    end: Annotated[int | None, Query(ge=0, description=_OFFSET)] = None,
) -> Asked:
    return Asked(tuple(chunk), start, end)


AskedDep = Annotated[Asked, Depends(_asked)]


# Before the next one, whose address would take in this one's.
@router.get(
    "/{document_id}/pages/{n}.png",
    operation_id="get_page_picture",
    summary="A page of a PDF or photograph as a picture, the passage marked",
    responses=PICTURE,
    response_class=Response,
)
def picture(
    document_id: PathId, n: Number, principal: PrincipalDep, services: ServicesDep, asked: AskedDep
) -> Response:
    drawn = services.pages.picture(principal, document_id, n, asked)
    headers = {**PRIVATE, "X-Pages": str(drawn.pages), "X-Passages-Marked": str(drawn.marked)}
    if drawn.top is not None:
        headers["X-Passage-At"] = str(drawn.top)
    return Response(drawn.data, media_type="image/png", headers=headers)


@router.get("/{document_id}/pages/{n}", operation_id="get_page", summary="The text of a page, the passage marked")
def text(document_id: PathId, n: Number, principal: PrincipalDep, services: ServicesDep, asked: AskedDep) -> PagePublic:
    return services.pages.text(principal, document_id, n, asked)
