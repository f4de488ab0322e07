"""What an answer's events tell, whatever the door."""

from __future__ import annotations

from app.errors import AppError
from app.log import request_id
from app.models import Conversation, Message, new_id
from app.retrievers.knowledge import Retrieval
from app.services.answering import Draft
from app.services.citations import as_citation
from app.services.shapes import Event, MessagePublic


def intent_event(retrieval: Retrieval, conversation: Conversation, question: Message) -> Event:
    trace = retrieval.trace
    data = {
        "intent": trace.intent,
        "direct": trace.direct,
        "reason": trace.reason,
        "kbs": trace.kbs,
        "missing": trace.missing,
    }
    return Event(name="intent", data={**data, "conversation": str(conversation.id), "message": str(question.id)})


def sources_event(draft: Draft, question: str) -> Event:
    found = [as_citation(source, question).model_dump(mode="json") for source in draft.sources]
    return Event(name="sources", data={"citations": found, "trace_id": draft.retrieval.trace.id})


def error_event(error: AppError, kept: MessagePublic) -> Event:
    return Event(
        name="error",
        data={
            "error": error.code,
            "detail": error.sentence,
            "status": error.status,
            "retry_after": error.retry_after,
            "request_id": request_id.get() if request_id.get() != "-" else new_id(),
            "message": kept.model_dump(mode="json"),
        },
    )
