"""Answers quote documents. When documents leave a user, or conversations do, the answers that used what stays on the
other side are taken back: their text, their citations and their traces.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import ColumnElement, String, cast, delete
from sqlmodel import Session, col, select

from app.models import Chunk, Conversation, Document, Message, Trace

WITHDRAWN = "This answer used documents that are not here any more; it was removed with them."


def withdraw(session: Session, conversations: ColumnElement[bool] | bool, forbidden: Callable[[str], bool]) -> int:
    """Inside the caller's transaction, take back the answers of some conversations; returns how many.

    `conversations` is the SQL condition that chooses them, `forbidden` tells of a personal document's id whether its
    content may not stay. An answer goes when it cites such a document or was shown one, and with it every later answer
    of the conversation: those were written with it before them.
    """
    count = 0
    for conversation_id in session.exec(select(Conversation.id).where(conversations)).all():
        answers = session.exec(
            select(Message)
            .where(Message.conversation_id == conversation_id, Message.role == "assistant")
            .order_by(col(Message.id))
        ).all()
        used = _used(session, answers)
        first = next((place for place, ids in enumerate(used) if any(map(forbidden, ids))), len(answers))
        for answer in answers[first:]:
            session.execute(delete(Trace).where(col(Trace.id) == answer.trace_id))
            answer.text, answer.citations, answer.trace_id, answer.state = WITHDRAWN, [], None, "nothing_found"
            session.add(answer)
            count += 1
    session.flush()
    return count


def withdraw_document(session: Session, document: Document) -> int:
    """The same for one personal document that goes, in its owner's conversations; reads only the ones it can be in."""
    mine = Conversation.user_id == document.user_id
    said = select(Message.conversation_id).join(Conversation).where(mine)
    cited = session.exec(said.where(cast(col(Message.citations), String).contains(document.id))).all()
    chunks = set(session.exec(select(Chunk.id).where(Chunk.document_id == document.id)).all())
    prompts = session.execute(
        said.add_columns(col(Trace.body)["prompt"]).join(Trace, col(Trace.id) == col(Message.trace_id))
    ).all()
    shown = {where for where, prompt in prompts if any(row["chunk_id"] in chunks for row in prompt or [])}
    return withdraw(session, col(Conversation.id).in_({*cited, *shown}), lambda one: one == document.id)


def _used(session: Session, answers: Sequence[Message]) -> list[set[str]]:
    """For each answer the ids of the personal documents that it cites or that were in its prompt."""
    ids = [answer.trace_id for answer in answers if answer.trace_id]
    traces = {trace.id: trace for trace in session.exec(select(Trace).where(col(Trace.id).in_(ids))).all()}
    shown = {
        answer.id: [row["chunk_id"] for row in traces[answer.trace_id].body.get("prompt", [])]
        for answer in answers
        if answer.trace_id in traces
    }
    owners: dict[str, str] = dict(
        session.exec(
            select(Chunk.id, Document.id)
            .join(Document, col(Chunk.document_id) == col(Document.id))
            .where(col(Chunk.id).in_([one for chunks in shown.values() for one in chunks]), Document.kb == "personal")
        ).all()
    )
    return [
        {one["document_id"] for one in answer.citations if one.get("kb") == "personal"}
        | {owners[chunk_id] for chunk_id in shown.get(answer.id, []) if chunk_id in owners}
        for answer in answers
    ]
