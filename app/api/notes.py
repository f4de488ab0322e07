"""What the program remembers about its user: proposed by it or written by them, kept when they confirm."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.deps import After, Limit, PathId, PrincipalDep, ServicesDep
from app.api.description import told
from app.services.documents import Keep
from app.services.notes import LONGEST, NotePublic, Status
from app.services.shapes import Id, Listing, Words

router = APIRouter(prefix="/profile/notes", tags=["profile"])

StatusFilter = Annotated[
    Status | None, Query(description="Only these; without it what is confirmed and what is proposed.")
]
Conversation = Annotated[
    str | None,
    Query(description="Only what was said in this conversation.", max_length=64, pattern=r"^[A-Za-z0-9-]*$"),
]


class NoteCreate(BaseModel):
    model_config = ConfigDict(json_schema_extra={"example": {"text": "I never tour in winter."}})
    text: Words = Field(max_length=LONGEST)
    artist_id: Id | None = Field(default=None, description="whom it is about; left out: the user")


class NoteUpdate(BaseModel):
    model_config = ConfigDict(json_schema_extra={"example": {"status": "confirmed"}})
    text: Words | None = Field(default=None, max_length=LONGEST)
    status: Literal["confirmed", "declined"] | None = None
    artist_id: Id | None = Field(default=None, description="whom it is about; null: the user")


@router.get("", operation_id="list_profile_notes", responses=told(404), summary="What is remembered, newest first")
def notes(
    principal: PrincipalDep,
    services: ServicesDep,
    status: StatusFilter = None,
    conversation: Conversation = None,
    limit: Limit = 50,
    after: After = None,
) -> Listing[NotePublic]:
    return services.notes.list(principal, status=status, conversation=conversation, limit=limit, after=after)


@router.post(
    "",
    operation_id="create_profile_note",
    responses=told(404, 409),
    status_code=201,
    summary="Have something remembered",
)
def create(body: NoteCreate, principal: PrincipalDep, services: ServicesDep) -> NotePublic:
    """It counts at once. What is remembered already is answered, not kept twice."""
    return services.notes.create(principal, body.text, body.artist_id)


@router.patch(
    "/{note_id}", operation_id="update_profile_note", responses=told(409), summary="Confirm, decline or change a note"
)
def update(note_id: PathId, body: NoteUpdate, principal: PrincipalDep, services: ServicesDep) -> NotePublic:
    """A declined note loses its words and is not proposed again."""
    artist_id = body.artist_id if "artist_id" in body.model_fields_set else Keep.KEEP
    return services.notes.update(principal, note_id, text=body.text, status=body.status, artist_id=artist_id)


@router.delete("/{note_id}", operation_id="delete_profile_note", status_code=204, summary="Forget a note")
def delete(note_id: PathId, principal: PrincipalDep, services: ServicesDep) -> Response:
    services.notes.delete(principal, note_id)
    return Response(status_code=204)
