"""Asking: a question in, an answer with citations out, whole or as it comes; why this answer; was it any good."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from app.api.deps import PathId, PrincipalDep, ServicesDep
from app.api.once import Key, ask_once
from app.api.sse import EventStream
from app.services.shapes import AskRequest, MessagePublic

router = APIRouter(prefix="/messages", tags=["messages"])

EXAMPLE = {"text": "When does my publishing deal end?", "stream": False}
STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer; with `stream` the events `intent`, `sources`, `token`, `done`, `error`, JSON data.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


class Feedback(BaseModel):
    rating: Literal[1, -1] = Field(description="1: helpful, -1: not")
    reason: str | None = Field(default=None, max_length=1000)


@router.post("", summary="Ask", response_model=MessagePublic, responses=STREAM)
async def ask(
    body: Annotated[AskRequest, Body(examples=[EXAMPLE])],
    principal: PrincipalDep,
    services: ServicesDep,
    key: Key = None,
) -> MessagePublic | JSONResponse | EventStream:
    """Without `conversation` a new one begins. Leaving an event stream stops the answer; what came is kept."""
    if key is not None:
        digest = hashlib.sha256(body.model_dump_json().encode()).hexdigest()
        return await ask_once(services, principal, key, body, digest)
    if body.stream:
        return await EventStream.open(services.chat.ask(principal, body))
    return await services.chat.answer(principal, body)


@router.get("/{message_id}/trace", summary="Why this answer: what was searched, found and shown to the model")
def trace(message_id: PathId, principal: PrincipalDep, services: ServicesDep) -> dict[str, Any]:
    return services.chat.trace(principal, message_id)


@router.post("/{message_id}/feedback", summary="Rate an answer")
def feedback(message_id: PathId, body: Feedback, principal: PrincipalDep, services: ServicesDep) -> MessagePublic:
    return services.chat.feedback(principal, message_id, body.rating, body.reason)
