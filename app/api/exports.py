"""Exports: a plan, an answer, a conversation, a sheet of clauses as a file."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.deps import PathId, PrincipalDep, ServicesDep
from app.api.description import told
from app.services.exports.exports import MOST_DOCUMENTS
from app.services.exports.formats import FORMATS, Exported, FormatName
from app.services.shapes import Id

router = APIRouter(tags=["exports"])

FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file.",
        "content": {
            kind.media_type.split(";")[0]: {"schema": {"type": "string", "contentMediaType": kind.media_type}}
            for kind in FORMATS.values()
        },
    },
    **told(422),
}
Format = Annotated[
    FormatName,
    Query(description="Markdown, Word, PDF, a table, or a calendar of the days in it (422 where it names none)."),
]


class ClauseSheet(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={"example": {"documents": ["5f0c1a52-6e0b-4a57-9c39-2f4f9d1f7a10"], "format": "docx"}}
    )
    documents: list[Id] = Field(min_length=1, max_length=MOST_DOCUMENTS)
    format: FormatName = "pdf"


@router.get(
    "/plans/{plan_id}/export",
    operation_id="export_plan",
    responses=FILE,
    response_class=Response,
    summary="A plan with its steps, budget and sources, as a file",
)
def plan(plan_id: PathId, principal: PrincipalDep, services: ServicesDep, format: Format = "md") -> Response:
    return as_file(services.exports.plan(principal, plan_id, format))


@router.get(
    "/drafts/{draft_id}/export",
    operation_id="export_draft",
    responses=FILE,
    response_class=Response,
    summary="A text of the writing desk, as a file",
)
def draft(draft_id: PathId, principal: PrincipalDep, services: ServicesDep, format: Format = "md") -> Response:
    return as_file(services.exports.draft(principal, draft_id, format))


@router.get(
    "/messages/{message_id}/export",
    operation_id="export_message",
    responses=FILE,
    response_class=Response,
    summary="An answer with its question and sources, as a file",
)
def message(message_id: PathId, principal: PrincipalDep, services: ServicesDep, format: Format = "md") -> Response:
    return as_file(services.exports.answer(principal, message_id, format))


@router.get(
    "/conversations/{conversation_id}/export",
    operation_id="export_conversation",
    responses=FILE,
    response_class=Response,
    summary="A conversation with its sources, as a file",
)
def conversation(
    conversation_id: PathId, principal: PrincipalDep, services: ServicesDep, format: Format = "md"
) -> Response:
    return as_file(services.exports.conversation(principal, conversation_id, format))


@router.post(
    "/clause-sheets",
    operation_id="make_clause_sheet",
    responses={**FILE, **told(404)},
    response_class=Response,
    summary="What chosen contracts say about the usual points of a deal, for a lawyer",
)
def clause_sheet(body: ClauseSheet, principal: PrincipalDep, services: ServicesDep) -> Response:
    """Each clause with quote and page, or not found; open questions. Nothing else of the user's. Not legal advice."""
    return as_file(services.exports.clauses(principal, body.documents, body.format))


def as_file(exported: Exported) -> Response:
    """To be saved, never shown: no browser runs what it is handed so."""
    plain = exported.name.encode("ascii", "ignore").decode().strip("-_") or "export"
    name = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(exported.name)}"
    headers = {"Content-Disposition": name, "X-Content-Type-Options": "nosniff"}
    return Response(exported.data, media_type=exported.media_type, headers=headers)
