"""Conversations and what was said in them."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from app.api.deps import After, Limit, PathId, PrincipalDep, ServicesDep
from app.services.shapes import ConversationPublic, Id, Listing, MessagePublic

router = APIRouter(prefix="/conversations", tags=["conversations"])


class ConversationCreate(BaseModel):
    title: str | None = Field(default=None, max_length=200)
    artist_id: Id | None = None


class ConversationUpdate(BaseModel):
    title: str = Field(min_length=1, max_length=200)


@router.get("", summary="One's conversations, newest first")
def conversations(
    principal: PrincipalDep, services: ServicesDep, limit: Limit = 50, after: After = None
) -> Listing[ConversationPublic]:
    return services.chat.conversations(principal, limit=limit, after=after)


@router.post("", status_code=201, summary="Start a conversation")
def create(
    principal: PrincipalDep, services: ServicesDep, body: ConversationCreate | None = None
) -> ConversationPublic:
    wanted = body or ConversationCreate()
    return services.chat.create(principal, title=wanted.title, artist_id=wanted.artist_id)


@router.get("/{conversation_id}", summary="One conversation")
def conversation(conversation_id: PathId, principal: PrincipalDep, services: ServicesDep) -> ConversationPublic:
    return services.chat.conversation(principal, conversation_id)


@router.patch("/{conversation_id}", summary="Rename a conversation")
def rename(
    conversation_id: PathId, body: ConversationUpdate, principal: PrincipalDep, services: ServicesDep
) -> ConversationPublic:
    return services.chat.rename(principal, conversation_id, body.title)


@router.delete("/{conversation_id}", status_code=204, summary="Delete a conversation and its messages")
def delete(conversation_id: PathId, principal: PrincipalDep, services: ServicesDep) -> Response:
    services.chat.delete(principal, conversation_id)
    return Response(status_code=204)


@router.get("/{conversation_id}/messages", summary="What was said, oldest first")
def messages(
    conversation_id: PathId, principal: PrincipalDep, services: ServicesDep, limit: Limit = 100, after: After = None
) -> Listing[MessagePublic]:
    return services.chat.messages(principal, conversation_id, limit=limit, after=after)
