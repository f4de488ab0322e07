"""Conversations and what was said in them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.deps import After, Limit, PathId, PrincipalDep, ServicesDep
from app.api.description import shown, told
from app.services.documents import Keep
from app.services.shapes import ConversationPublic, Id, Listing, MessagePublic

router = APIRouter(prefix="/conversations", tags=["conversations"])

Wanted = Annotated[str | None, Query(max_length=200, description="Words that the title or a message holds.")]


class ConversationCreate(BaseModel):
    model_config = ConfigDict(json_schema_extra={"example": {"title": "Label offers"}})
    title: str | None = Field(default=None, max_length=200)
    artist_id: Id | None = None


class ConversationUpdate(BaseModel):
    model_config = ConfigDict(json_schema_extra={"example": {"title": "Label offers, spring"}})
    title: str | None = Field(default=None, min_length=1, max_length=200)
    artist_id: Id | None = Field(
        default=None, description="Whom questions are about from here on; null: all artists. Left out: as it is."
    )


@router.get("", operation_id="list_conversations", responses=told(404), summary="One's conversations, newest first")
def conversations(
    principal: PrincipalDep, services: ServicesDep, q: Wanted = None, limit: Limit = 50, after: After = None
) -> Listing[ConversationPublic]:
    return services.chat.conversations(principal, q=q, limit=limit, after=after)


@router.post(
    "",
    operation_id="create_conversation",
    responses={201: shown("Location"), **told(404)},
    status_code=201,
    summary="Start a conversation",
)
def create(
    response: Response, principal: PrincipalDep, services: ServicesDep, body: ConversationCreate | None = None
) -> ConversationPublic:
    wanted = body or ConversationCreate()
    made = services.chat.create(principal, title=wanted.title, artist_id=wanted.artist_id)
    response.headers["Location"] = f"/api/conversations/{made.id}"
    return made


@router.get("/{conversation_id}", operation_id="get_conversation", summary="One conversation")
def conversation(conversation_id: PathId, principal: PrincipalDep, services: ServicesDep) -> ConversationPublic:
    return services.chat.conversation(principal, conversation_id)


@router.patch(
    "/{conversation_id}", operation_id="update_conversation", summary="Rename a conversation, or change its artist"
)
def update(
    conversation_id: PathId, body: ConversationUpdate, principal: PrincipalDep, services: ServicesDep
) -> ConversationPublic:
    artist_id = body.artist_id if "artist_id" in body.model_fields_set else Keep.KEEP
    return services.chat.update(principal, conversation_id, title=body.title, artist_id=artist_id)


@router.delete(
    "/{conversation_id}",
    operation_id="delete_conversation",
    status_code=204,
    summary="Delete a conversation and its messages",
)
def delete(conversation_id: PathId, principal: PrincipalDep, services: ServicesDep) -> Response:
    services.chat.delete(principal, conversation_id)
    return Response(status_code=204)


@router.get("/{conversation_id}/messages", operation_id="list_messages", summary="What was said, oldest first")
def messages(
    conversation_id: PathId, principal: PrincipalDep, services: ServicesDep, limit: Limit = 100, after: After = None
) -> Listing[MessagePublic]:
    return services.chat.messages(principal, conversation_id, limit=limit, after=after)
