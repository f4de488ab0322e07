"""What the dashboard counts, as queries: questions, intents, answer times, documents that answers cite, plans and what is due.

Every function takes `whose`: a condition on the owner, or None for everybody. Days are those of UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, Field
from sqlalchemy import String, case, cast, distinct, or_, true
from sqlmodel import Session, col, func, select

from app.models import DELETING, READY, Conversation, Document, Message
from app.models.base import Intent
from app.services.shapes import Id
from app.services.usage import percentile

# Answers that looked for sources: a direct one needs none, a failed one is none.
LOOKED = ("answered", "extractive", "nothing_found", "partial")
WHOLE = ("answered", "extractive", "direct", "nothing_found")  # ended as they should
FAST_MS = 3000  # "AI responses under 3 seconds": the brief's own measure
SPANS = (1000, 3000, 5000, 10_000, 30_000)  # milliseconds; upper bounds of the histogram, the last one is open
INTENTS: tuple[Intent | Literal["direct"], ...] = ("personal", "global", "hybrid", "direct")


class IntentFigure(BaseModel):
    intent: Intent | Literal["direct"] = Field(description="`direct`: answered without looking anything up.")
    questions: int


class Span(BaseModel):
    """Answers that took longer than the span before, and less than `below_ms`; null is the last span, which is open."""

    below_ms: int | None
    answers: int


class AnswerTimes(BaseModel):
    """From the question to the last word of its answer, of answers that ended as they should."""

    answers: int
    fast: int = Field(description=f"Below {FAST_MS} milliseconds.")
    p50_ms: int | None = Field(description="Half of the answers took at most so long.")
    p95_ms: int | None
    spans: list[Span]


class UsedDocument(BaseModel):
    id: Id
    title: str
    artist_id: Id | None
    answers: int = Field(description="Answers that cite it.")
    last: datetime | None = Field(description="The last of them.")


class DocumentsUsed(BaseModel):
    """How much of what answers now was ever cited."""

    ready: int
    cited: int
    most: list[UsedDocument] = Field(description="The ten most cited.")
    never: list[UsedDocument] = Field(description="Never cited, the oldest first; a hundred at most.")


class Cited(NamedTuple):
    answers: int
    last: datetime | None


def since(first: date) -> datetime:
    return datetime.combine(first, time.min, UTC)


def recent(query: Any, whose: Any, first: date) -> Any:
    """Messages since the beginning of a day. A conversation that was not touched since then holds none: its messages are
    not read at all."""
    query = query.join(Conversation, col(Conversation.id) == col(Message.conversation_id))
    query = query.where(col(Conversation.updated) >= since(first), col(Message.created) >= since(first))
    return query if whose is None else query.where(whose)


def questions(whose: Any, first: date) -> Any:
    """Day, questions asked on it."""
    day = func.date(Message.created)
    return recent(select(day, func.count()).where(Message.role == "user"), whose, first).group_by(day)


def answers(whose: Any, first: date) -> Any:
    """Answers that looked for sources; those that cite one. Of a week alone: citations are long, and reading those of
    5 000 answers takes 15 ms."""
    query = select(func.count(), total(cast(col(Message.citations), String) != "[]"))
    return recent(query.where(Message.role == "assistant", col(Message.state).in_(LOOKED)), whose, first)


def documents(whose: Any) -> Any:
    """Day, documents added on it, those of them that answer now."""
    day = func.date(Document.created)
    query = select(day, func.count(), total(Document.status == READY)).where(col(Document.status) != DELETING)
    return (query if whose is None else query.where(whose)).group_by(day)


def intents(session: Session, whose: Any, first: date) -> list[IntentFigure]:
    """Each question counts once: of the answers to one that was asked again in the same words, the last. An answer that was
    put aside by other words names a question that came after it."""
    kind = case((col(Message.state) == "direct", "direct"), else_=col(Message.intent))
    standing = or_(col(Message.replaced_by).is_(None), col(Message.replaced_by) > col(Message.id))
    query = select(kind, func.count()).where(Message.role == "assistant", col(Message.intent).is_not(None), standing)
    counts: dict[str, int] = dict(session.execute(recent(query, whose, first).group_by(kind)).all())
    return [IntentFigure(intent=one, questions=counts.get(one, 0)) for one in INTENTS]


def answer_times(session: Session, whose: Any, first: date) -> AnswerTimes:
    taken = col(Message.milliseconds)
    query = select(taken, func.count()).where(Message.role == "assistant", taken.is_not(None))
    query = recent(query.where(col(Message.state).in_(WHOLE)), whose, first).group_by(taken)
    return times_of(dict(session.execute(query).all()))


def times_of(counts: Mapping[int, int]) -> AnswerTimes:
    """From milliseconds -> answers that took so long."""
    bounds = [0, *SPANS]
    spans = [
        Span(
            below_ms=below, answers=sum(n for ms, n in counts.items() if least <= ms and (below is None or ms < below))
        )
        for least, below in zip(bounds, [*SPANS, None], strict=True)
    ]
    return AnswerTimes(
        answers=sum(counts.values()),
        fast=sum(number for ms, number in counts.items() if ms < FAST_MS),
        p50_ms=percentile(dict(counts), 0.5),
        p95_ms=percentile(dict(counts), 0.95),
        spans=spans,
    )


def citing(session: Session) -> Any:
    """A row for each citation of each answer: the document's id, the message, its time. Taken apart by the database."""
    if session.get_bind().dialect.name == "postgresql":
        each = func.json_array_elements(Message.citations).table_valued("value")
        document = func.json_extract_path_text(each.c.value, "document_id")
    else:
        each = func.json_each(Message.citations).table_valued("value")
        document = func.json_extract(each.c.value, "$.document_id")
    query = select(document.label("document"), Message.id, Message.created, Message.conversation_id)
    return query.join(each, true()).where(Message.role == "assistant")


def cited_documents(session: Session, user_id: str) -> dict[str, Cited]:
    """Document -> the answers of this user that cite it. Also of documents that are gone."""
    talks = select(Conversation.id).where(Conversation.user_id == user_id)
    found = citing(session).where(col(Message.conversation_id).in_(talks)).subquery()
    counted = func.count(distinct(found.c.id))
    rows = session.execute(select(found.c.document, counted, func.max(found.c.created)).group_by(found.c.document))
    return {document: Cited(number, last) for document, number, last in rows}


def used_documents(session: Session, user_id: str) -> tuple[list[UsedDocument], list[UsedDocument]]:
    """The user's own documents that answer now: those that were cited, the most cited first; those that never were, the
    oldest first."""
    cited = cited_documents(session, user_id)
    mine = (Document.user_id == user_id, Document.kb == "personal", Document.status == READY)
    query = select(Document.id, Document.title, Document.artist_id).where(*mine)
    rows = session.exec(query.order_by(col(Document.created), col(Document.id))).all()
    found: list[UsedDocument] = []
    for key, title, artist in rows:
        answers, last = cited.get(key, Cited(0, None))
        found.append(UsedDocument(id=key, title=title, artist_id=artist, answers=answers, last=last))
    most = sorted((one for one in found if one.answers), key=lambda one: -one.answers)
    return most, [one for one in found if not one.answers]


def used_of(most: list[UsedDocument], never: list[UsedDocument]) -> DocumentsUsed:
    return DocumentsUsed(ready=len(most) + len(never), cited=len(most), most=most[:10], never=never[:100])


def total(condition: Any) -> Any:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def day_of(when: date | str) -> date:
    """SQLite tells a date as text."""
    return when if isinstance(when, date) else date.fromisoformat(when)


def by_day(rows: Iterable[tuple[Any, int]]) -> dict[date, int]:
    return {day_of(when): number for when, number in rows}
