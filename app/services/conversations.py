"""Conversations and their messages, by their owner."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import delete, true, update
from sqlmodel import Session, col, select

from app.db import Database
from app.errors import AppError, Conflict, NotFound
from app.models import (
    DELETING,
    PROPOSED,
    Chunk,
    Conversation,
    Document,
    Message,
    ProfileNote,
    Trace,
    now,
)
from app.principal import Principal
from app.services.audit import AuditLog
from app.services.documents import Keep
from app.services.explaining import named_passages
from app.services.idempotency import forget
from app.services.ownership import STAYS, check_artist, own
from app.services.paging import Order, next_after, page_size
from app.services.prompts import HISTORY_MESSAGES, Turn
from app.services.shapes import ConversationPublic, Listing, MessagePublic

UNTITLED = "New conversation"
TITLE_CHARS = 60
ORDER = Order(col(Conversation.updated), col(Conversation.id), newest_first=True)


class ConversationService:
    def __init__(self, db: Database, audit: AuditLog) -> None:
        self._db, self._audit = db, audit

    def conversations(
        self, principal: Principal, *, q: str | None = None, limit: int = 50, after: str | None = None
    ) -> Listing[ConversationPublic]:
        """Newest first; with `q` those whose title or messages hold it."""
        limit = page_size(limit)
        query = select(Conversation).where(Conversation.user_id == principal.user_id)
        if q is not None and (wanted := q.strip()):
            said = select(Message.conversation_id).where(
                Message.conversation_id == Conversation.id,
                col(Message.replaced_by).is_(None),
                col(Message.text).icontains(wanted, autoescape=True),
            )
            query = query.where(col(Conversation.title).icontains(wanted, autoescape=True) | said.exists())
        with self._refusing(principal, "conversation.list", after), self._db.reading() as session:
            if after is not None:
                last = self._get(session, principal, after)
                query = query.where(ORDER.after(last.updated, last.id))
            query = query.order_by(*ORDER.columns).limit(limit + 1)
            rows = session.exec(query).all()
        return Listing(items=[conversation_public(row) for row in rows[:limit]], next=next_after(rows, limit))

    def create(
        self, principal: Principal, *, title: str | None = None, artist_id: str | None = None
    ) -> ConversationPublic:
        def write(session: Session) -> ConversationPublic:
            check_artist(session, principal, artist_id, STAYS)
            conversation = Conversation(
                user_id=principal.user_id, artist_id=artist_id, title=((title or "").strip() or UNTITLED)[:200]
            )
            session.add(conversation)
            session.flush()
            return conversation_public(conversation)

        with self._refusing(principal, "conversation.create", artist_id):
            return self._db.together(write)

    def conversation(self, principal: Principal, conversation_id: str) -> ConversationPublic:
        with self._refusing(principal, "conversation.read", conversation_id), self._db.reading() as session:
            return conversation_public(self._get(session, principal, conversation_id))

    def update(
        self,
        principal: Principal,
        conversation_id: str,
        *,
        title: str | None = None,
        artist_id: str | None | Keep = Keep.KEEP,
    ) -> ConversationPublic:
        """Another title, or another artist (None: all artists) for the questions from here on."""
        if title is not None and not title.strip():
            raise AppError("A conversation needs a title; type one.", status=422, code="title")
        with self._refusing(principal, "conversation.update", conversation_id), self._db.session() as session:
            conversation = self._get(session, principal, conversation_id)
            conversation.title = title.strip()[:200] if title is not None else conversation.title
            if not isinstance(artist_id, Keep):
                check_artist(session, principal, artist_id, STAYS)
                conversation.artist_id = artist_id
            session.add(conversation)
            return conversation_public(conversation)

    def delete(self, principal: Principal, conversation_id: str) -> None:
        """Remove a conversation, its messages and their traces, and what it proposed to remember that nobody confirmed."""
        with self._refusing(principal, "conversation.delete", conversation_id), self._db.session() as session:
            conversation = self._get(session, principal, conversation_id)
            said = select(Message.id).where(Message.conversation_id == conversation.id)
            unsettled = (col(ProfileNote.user_id) == principal.user_id, col(ProfileNote.status) == PROPOSED)
            session.execute(delete(ProfileNote).where(*unsettled, col(ProfileNote.message_id).in_(said)))
            for message in session.exec(select(Message).where(Message.conversation_id == conversation.id)).all():
                if message.trace_id and (trace := session.get(Trace, message.trace_id)):
                    session.delete(trace)
            session.delete(conversation)
            forget(session, str(conversation.id))
            self._audit.record(session, principal, "conversation.delete", object_id=conversation_id)

    def messages(
        self, principal: Principal, conversation_id: str, *, limit: int = 100, after: str | None = None
    ) -> Listing[MessagePublic]:
        """Oldest first, without what was replaced."""
        limit = page_size(limit)
        later = col(Message.id) > number(after or "")
        rows = self._messages(principal, conversation_id, later, col(Message.id), limit + 1)
        return Listing(items=rows[:limit], next=next_after(rows, limit))

    def newest(
        self, principal: Principal, conversation_id: str, *, limit: int = 30, before: str | None = None
    ) -> Listing[MessagePublic]:
        """The last messages, or those before message `before`, oldest first; `next` is the `before` of what comes above."""
        limit = page_size(limit)
        above = col(Message.id) < number(before) if before is not None else true()
        rows = self._messages(principal, conversation_id, above, col(Message.id).desc(), limit + 1)
        shown = rows[:limit][::-1]
        return Listing(items=shown, next=shown[0].id if len(rows) > limit else None)

    def earlier(
        self, principal: Principal, message_id: str, *, limit: int = 100, after: str | None = None
    ) -> Listing[MessagePublic]:
        """What a question took the place of: it in other words, and the answers it had; oldest first."""
        limit = page_size(limit)
        with self._refusing(principal, "conversation.read", message_id), self._db.reading() as session:
            message = self._get_message(session, principal, message_id)
            question_id = message.replaced_by or question_of(session, message).id
            query = select(Message).where(
                Message.conversation_id == message.conversation_id,
                Message.replaced_by == question_id,
                col(Message.id) > number(after or ""),
            )
            rows = session.exec(query.order_by(col(Message.id)).limit(limit + 1)).all()
            shown = with_present_state(session, [message_public(row) for row in rows[:limit]])
        return Listing(items=shown, next=next_after(rows, limit))

    def message(self, principal: Principal, message_id: str) -> MessagePublic:
        with self._refusing(principal, "conversation.read", message_id), self._db.reading() as session:
            row = message_public(self._get_message(session, principal, message_id))
            return with_present_state(session, [row])[0]

    def question(self, principal: Principal, message_id: str) -> MessagePublic:
        """The question that a message is, or answers."""
        with self._refusing(principal, "conversation.read", message_id), self._db.reading() as session:
            return message_public(question_of(session, self._get_message(session, principal, message_id)))

    def _messages(
        self, principal: Principal, conversation_id: str, where: Any, order: Any, limit: int
    ) -> list[MessagePublic]:
        with self._refusing(principal, "conversation.read", conversation_id), self._db.reading() as session:
            conversation = self._get(session, principal, conversation_id)
            here = (Message.conversation_id == conversation.id, col(Message.replaced_by).is_(None))
            rows = session.exec(select(Message).where(*here, where).order_by(order).limit(limit)).all()
            ids = [row.id for row in rows if row.role == "user"]
            again = select(Message.replaced_by).where(col(Message.replaced_by).in_(ids))
            asked = set(session.exec(again).all()) if ids else set()
            shown = with_present_state(session, [message_public(row) for row in rows])
            for message in shown:
                message.earlier = int(message.id) in asked
            return shown

    def trace(self, principal: Principal, message_id: str) -> dict[str, Any]:
        """Why this answer: the trace, without similarity scores for those who are not admins (threats.md 2.10)."""
        with self._refusing(principal, "message.trace", message_id), self._db.reading() as session:
            message = self._get_message(session, principal, message_id)
            trace = session.get(Trace, message.trace_id) if message.trace_id else None
            if trace is None:
                raise NotFound("This message has no trace; only answers have one.")
            named = named_passages(session, principal, trace.body)
        return trace_public(trace, scores=principal.is_admin) | {"passages": named}

    def feedback(self, principal: Principal, message_id: str, rating: int, reason: str | None = None) -> MessagePublic:
        """1 for a helpful answer, -1 for one that is not."""
        if rating not in (1, -1):
            raise AppError("A rating is 1 or -1.", status=422, code="rating")
        with self._refusing(principal, "message.feedback", message_id), self._db.session() as session:
            message = self._get_message(session, principal, message_id)
            if message.role != "assistant":
                raise AppError("Only an answer can be rated.", status=422, code="rating")
            message.rating, message.feedback = rating, reason[:1000] if reason else None
            session.add(message)
            return message_public(message)

    def _refusing(self, principal: Principal, action: str, object_id: str | None) -> AbstractContextManager[None]:
        return self._audit.refusing(self._db, principal, action, object_id)

    def turns(
        self, principal: Principal, conversation_id: int | None, before: int | None, artist_id: str | None = None
    ) -> list[Turn]:
        """The last messages before message `before`, oldest first, for a prompt.

        For a question about one artist they begin after the last answer that was not limited to that artist.
        """
        with self._db.reading() as session:
            query = (
                select(Message, Trace.artist_id)
                .join(Conversation)
                .outerjoin(Trace, col(Trace.id) == col(Message.trace_id))
                .where(Message.conversation_id == conversation_id, col(Message.id) < before)
                .where(Conversation.user_id == principal.user_id, col(Message.replaced_by).is_(None))
            )
            found = session.exec(query.order_by(col(Message.id).desc()).limit(HISTORY_MESSAGES)).all()
        foreign = (artist_id is not None and row.trace_id is not None and about != artist_id for row, about in found)
        rows = [row for row, _ in found[: next((place for place, other in enumerate(foreign) if other), len(found))]]
        return [Turn(row.role, row.text) for row in reversed(rows) if row.text]

    def _add_question(self, session: Session, conversation: Conversation, text: str) -> Message:
        message = Message(conversation_id=conversation.id or 0, role="user", text=text)
        session.add(message)
        if conversation.title == UNTITLED:
            conversation.title = title_from(text)
        self._touch(session, conversation)
        session.flush()
        return message

    def _touch(self, session: Session, conversation: Conversation) -> None:
        session.execute(update(Conversation).where(col(Conversation.id) == conversation.id).values(updated=now()))

    def _get(self, session: Session, principal: Principal, conversation_id: str) -> Conversation:
        return own(session, principal, Conversation, number(conversation_id), "conversation")

    def _get_message(self, session: Session, principal: Principal, message_id: str) -> Message:
        message = session.get(Message, number(message_id))
        if message is None:
            raise NotFound("There is no such message.")
        try:
            self._get(session, principal, str(message.conversation_id))
        except NotFound:
            raise NotFound("There is no such message.") from None
        return message


def title_from(question: str) -> str:
    """A conversation is called by its first question, as far as there is room."""
    first = " ".join(question.split())
    return first if len(first) <= TITLE_CHARS else first[: TITLE_CHARS - 1].rstrip() + "…"


def question_of(session: Session, message: Message) -> Message:
    """The question that `message` is, or answers. Raises `NotFound` where an answer stands alone, `Conflict` for what was
    replaced meanwhile.
    """
    if message.replaced_by is not None:
        raise Conflict("This was asked again meanwhile; reload the conversation.", code="replaced")
    if message.role == "user":
        return message
    query = select(Message).where(
        Message.conversation_id == message.conversation_id,
        Message.role == "user",
        col(Message.id) < message.id,
        col(Message.replaced_by).is_(None),
    )
    question = session.exec(query.order_by(col(Message.id).desc()).limit(1)).first()
    if question is None:
        raise NotFound("The question of this answer is not here any more.")
    return question


def number(identifier: str) -> int:
    """Conversations and messages are numbered; anything else is nobody's."""
    return int(identifier) if identifier.isascii() and identifier.isdigit() and len(identifier) < 19 else 0


def conversation_public(row: Conversation) -> ConversationPublic:
    return ConversationPublic.model_validate(row, from_attributes=True)


def message_public(row: Message) -> MessagePublic:
    fields = {
        name: getattr(row, name)
        for name in ("id", "role", "text", "intent", "state", "citations", "trace_id", "rating", "created")
    }
    return MessagePublic.model_validate({**fields, "conversation": row.conversation_id})


def with_present_state(session: Session, messages: Sequence[MessagePublic]) -> list[MessagePublic]:
    """The same messages, each citation saying whether its document and its passage are still here."""
    cited = [citation for message in messages for citation in message.citations]
    if not cited:
        return list(messages)
    here = select(Document.id).where(
        col(Document.id).in_({one.document_id for one in cited}), col(Document.status) != DELETING
    )
    documents = set(session.exec(here).all())
    chunks = set(session.exec(select(Chunk.id).where(col(Chunk.id).in_({one.chunk_id for one in cited}))).all())
    for citation in cited:
        citation.deleted = citation.document_id not in documents
        citation.replaced = not citation.deleted and citation.chunk_id not in chunks
    return list(messages)


def trace_public(row: Trace, *, scores: bool) -> dict[str, Any]:
    """A trace as it leaves the process: similarity scores help to test for membership, and are for admins alone."""
    body = {"id": row.id, **row.body}
    if not scores:
        hidden = ("score", "similarities", "relevance")
        body["candidates"] = [{k: v for k, v in one.items() if k not in hidden} for one in body.get("candidates", [])]
    return body
