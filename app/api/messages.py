"""Asking: a question in, an answer with citations out, whole or as it comes; why this answer; was it any good."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from app.api.deps import After, Limit, PathId, PrincipalDep, ServicesDep
from app.api.description import shown, told
from app.api.once import Key, ask_once
from app.api.sse import EventStream
from app.models import KB, Intent
from app.services.shapes import AskRequest, Listing, MessagePublic

router = APIRouter(prefix="/messages", tags=["messages"])

EXAMPLES: dict[str, Any] = {
    "whole": {"summary": "The answer at once", "value": {"text": "When does my publishing deal end?"}},
    "again": {
        "summary": "A question in other words, in place of the first one",
        "value": {"text": "When does my publishing deal with Tideline end?", "replaces": "40"},
    },
    "stream": {
        "summary": "The answer as it is written",
        "value": {"text": "What did we agree on merchandise?", "conversation": "17", "stream": True},
    },
}
EVENTS = """event: intent
data: {"intent": "personal", "direct": false, "kbs": ["personal", "global"], "conversation": "17", "message": "40"}

event: sources
data: {"citations": [{"label": "P1", "title": "Publishing deal", "kb": "personal", "page": 3, "quote": "..."}]}

event: token
data: {"text": "It ends on 31 March 2027 [P1]."}

event: done
data: {"id": "41", "conversation": "17", "state": "answered", "text": "It ends on 31 March 2027 [P1]."}
"""
EVENT = {
    "title": "One event",
    "type": "object",
    "properties": {
        "event": {"enum": ["intent", "sources", "token", "done", "error"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["event", "data"],
}
ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The message; with `stream` server-sent events, each with JSON data: `intent` (what is searched, in "
        "which conversation), `sources` (what may be cited), `token` (many: `text` to append), and at the end either `done` "
        "(the message) or `error` (as any error, with the `message` that was kept). A comment line comes every 15 seconds "
        "in which nothing else does.",
        "content": {"text/event-stream": {"schema": EVENT, "example": EVENTS}},
        **shown("Idempotent-Replayed"),
    },
    **told(404, 409, 429),
}


class TracePublic(BaseModel):
    """The record of one retrieval: what was asked of which index, what came, what became of it; scores for admins alone."""

    model_config = ConfigDict(extra="allow")
    id: str
    question: str = ""
    intent: Intent
    direct: bool = False
    reason: str = ""
    kbs: list[KB] = []
    models: list[str] = []
    missing: list[str] = []
    fusion: str = ""
    candidates: list[dict[str, Any]] = Field(
        default=[], description="Each with `outcome`: prompt, cut, below_floor, dropped or same_text."
    )
    passages: dict[str, dict[str, Any]] = Field(
        default={}, description="By `chunk_id`: document_id, title, kb and page, of those that are still here."
    )
    dropped: int = 0
    prompt: list[dict[str, str]] = []
    milliseconds: dict[str, float] = {}


class Feedback(BaseModel):
    model_config = ConfigDict(json_schema_extra={"example": {"rating": -1, "reason": "It cites the old draft."}})
    rating: Literal[1, -1] = Field(description="1: helpful, -1: not")
    reason: str | None = Field(default=None, max_length=1000)


@router.post("", operation_id="ask", summary="Ask", response_model=MessagePublic, responses=ANSWER)
async def ask(
    body: Annotated[AskRequest, Body(openapi_examples=EXAMPLES)],
    principal: PrincipalDep,
    services: ServicesDep,
    key: Key = None,
) -> MessagePublic | JSONResponse | EventStream:
    """Without `conversation` and `replaces` a new one begins. Leaving an event stream stops the answer; what came is kept."""
    if key is not None:
        digest = hashlib.sha256(body.model_dump_json().encode()).hexdigest()
        return await ask_once(services, principal, key, body, digest)
    if body.stream:
        return await EventStream.open(services.chat.ask(principal, body))
    return await services.chat.answer(principal, body)


@router.get(
    "/{message_id}/trace",
    operation_id="get_trace",
    summary="Why this answer: what was searched, found and shown to the model",
)
def trace(message_id: PathId, principal: PrincipalDep, services: ServicesDep) -> TracePublic:
    return TracePublic.model_validate(services.chat.trace(principal, message_id))


@router.get(
    "/{message_id}/earlier",
    operation_id="list_earlier",
    summary="What a question took the place of when it was asked again",
)
def earlier(
    message_id: PathId, principal: PrincipalDep, services: ServicesDep, limit: Limit = 100, after: After = None
) -> Listing[MessagePublic]:
    """Of a question, or of the question that an answer answers."""
    return services.chat.earlier(principal, message_id, limit=limit, after=after)


@router.post("/{message_id}/feedback", operation_id="rate_message", summary="Rate an answer")
def feedback(message_id: PathId, body: Feedback, principal: PrincipalDep, services: ServicesDep) -> MessagePublic:
    return services.chat.feedback(principal, message_id, body.rating, body.reason)
