"""Answers quote documents. When documents leave a user, or conversations do, the answers that used what stays on the
other side are taken back: their text, their citations and their traces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence, Set
from typing import Any

from sqlalchemy import ColumnElement, String, cast, delete
from sqlmodel import Session, col, select

from app.errors import Conflict
from app.models import DELETING, Chunk, Conversation, Document, Draft, Message, Plan, PlanProposal, PlanStep, Trace

PHRASE_WORDS = 6  # nobody writes six words of a document in a row by chance
DELETED_TITLE = "Deleted document"
_WORD = re.compile(r"\w+")
WITHDRAWN = "This answer used documents that are not here any more; it was removed with them."
GONE_MEANWHILE = "A document that this uses was deleted at this moment; try it again."
DRAFT_WITHDRAWN = "This draft used documents that are not here any more; it was removed with them."


def gone_of(session: Session, user_id: str, document_ids: Iterable[str]) -> set[str]:
    """Which of these documents of a user's are not theirs to be repeated any more: deleted, going or handed over.

    Whoever saves words of documents asks this first in the same transaction: those that are here stay until it ends.
    """
    wanted = set(document_ids)
    if not wanted:
        return set()
    here = select(Document.id).where(
        col(Document.id).in_(wanted), Document.user_id == user_id, col(Document.status) != DELETING
    )
    return wanted - set(session.exec(here.order_by(col(Document.id)).with_for_update(read=True)).all())


def check_here(session: Session, user_id: str, document_ids: Iterable[str]) -> None:
    """Raise `Conflict` where one of them is gone (see `gone_of`)."""
    if gone_of(session, user_id, document_ids):
        raise Conflict(GONE_MEANWHILE, code="document_gone")


def withdraw(session: Session, conversations: ColumnElement[bool] | bool, forbidden: Callable[[str], bool]) -> int:
    """Inside the caller's transaction, take back the answers of some conversations; returns how many.

    `conversations` is the SQL condition that chooses them, `forbidden` tells of a personal document's id whether its
    content may not stay. An answer goes when it cites such a document or was shown one, and with it every later answer
    of the conversation: those were written with it before them.
    """
    count = 0
    for conversation_id in session.exec(select(Conversation.id).where(conversations)).all():
        answers = _answers(session, conversation_id)
        used = _used(session, answers)
        first = next((place for place, ids in enumerate(used) if any(map(forbidden, ids))), len(answers))
        for answer in answers[first:]:
            take_back(session, answer)
            count += 1
    session.flush()
    return count


def withdraw_document(session: Session, document: Document) -> int:
    """Take back, in its owner's conversations, what holds text of a personal document that goes; returns how many answers.

    Those are the answers that cite it or were shown it, and later ones that repeat its words. Its citations stay, without
    title and quote, to be shown as deleted; the rest of the conversation is left as it is.
    """
    mine = Conversation.user_id == document.user_id
    said = select(Message.conversation_id).join(Conversation).where(mine)
    cited = session.exec(said.where(cast(col(Message.citations), String).contains(document.id))).all()
    chunks = dict(session.exec(select(Chunk.id, Chunk.text).where(Chunk.document_id == document.id)).all())
    prompts = session.execute(
        said.add_columns(col(Trace.body)["prompt"]).join(Trace, col(Trace.id) == col(Message.trace_id))
    ).all()
    shown = {where for where, prompt in prompts if any(row["chunk_id"] in chunks for row in prompt or [])}
    phrases = (
        set().union(*map(phrases_of, chunks.values())) if cited or shown or _works(session, document.user_id) else set()
    )
    count = 0
    for conversation_id in {*cited, *shown}:
        answers = _answers(session, conversation_id)
        for answer, used in zip(answers, _used(session, answers), strict=True):
            if document.id in used or not phrases.isdisjoint(phrases_of(answer.text)):
                take_back(session, answer, {document.id})
                count += 1
    withdraw_work(
        session,
        lambda table: col(table.user_id) == document.user_id,
        lambda document_id: document_id == document.id,
        phrases,
    )
    session.flush()
    return count


def withdraw_all(session: Session, user_id: str, document_ids: Set[str]) -> None:
    """Take out of a user's plans and drafts what rests on documents that go all at once, those of an artist."""
    if not _works(session, user_id):
        return
    texts = session.exec(select(Chunk.text).where(col(Chunk.document_id).in_(document_ids))).all()
    withdraw_work(
        session,
        lambda table: col(table.user_id) == user_id,
        lambda document_id: document_id in document_ids,
        set().union(*map(phrases_of, texts)),
    )
    session.flush()


def _works(session: Session, user_id: str | None) -> bool:
    """Whether this user has plans or drafts, which may repeat a document's words: telling its phrases takes a while."""
    owned = (select(table.id).where(col(table.user_id) == user_id).limit(1) for table in (Plan, Draft))
    return any(session.exec(query).first() is not None for query in owned)


def withdraw_work(
    session: Session,
    whose: Callable[[type[Plan] | type[Draft]], ColumnElement[bool]],
    forbidden: Callable[[str], bool],
    phrases: Set[tuple[str, ...]] = frozenset(),
) -> None:
    """Take out of plans and drafts what rests on personal documents that go. A step stays, without the quotes and without
    a reason that repeats their words; a draft that cites one or repeats its words goes, as answers do.

    `whose` is told a table and returns the condition that chooses its rows.
    """

    def gone(citation: dict[str, Any]) -> bool:
        return citation.get("kb") == "personal" and forbidden(citation["document_id"])

    steps = select(PlanStep).join(Plan, col(Plan.id) == col(PlanStep.plan_id)).where(whose(Plan))
    drafts = select(Draft).where(whose(Draft))
    for step in session.exec(steps).all():
        if any(gone(one) for one in step.sources):
            step.sources = [_blanked(one) if gone(one) else one for one in step.sources]
            session.add(step)
        for name in ("title", "reason", "unknown"):
            if not phrases.isdisjoint(phrases_of(getattr(step, name))):
                setattr(step, name, DELETED_TITLE if name == "title" else "")
                session.add(step)
    proposals = select(PlanProposal).join(Plan, col(Plan.id) == col(PlanProposal.plan_id)).where(whose(Plan))
    for proposal in session.exec(proposals).all():
        if not phrases.isdisjoint(phrases_of(f"{proposal.reason} {proposal.change.get('title', '')}")):
            session.delete(proposal)
    for draft in session.exec(drafts).all():
        used = any(gone(one) for one in draft.sources)
        if used and draft.body.get("state") == "template" and not draft.body.get("edited"):
            # Nothing of theirs is in the text: they lie beside it, to be taken from by hand.
            draft.sources = [one for one in draft.sources if not gone(one)]
            used = False
            session.add(draft)
        if used or not phrases.isdisjoint(phrases_of(draft.text)):
            draft.text, draft.body = DRAFT_WITHDRAWN, {}
            draft.sources = [_blanked(one) for one in draft.sources if gone(one)]
            session.add(draft)


def _blanked(citation: dict[str, Any]) -> dict[str, Any]:
    return {**citation, "title": DELETED_TITLE, "quote": ""}


def _answers(session: Session, conversation_id: int | None) -> Sequence[Message]:
    """Of one conversation, oldest first."""
    query = select(Message).where(Message.conversation_id == conversation_id, Message.role == "assistant")
    return session.exec(query.order_by(col(Message.id))).all()


def take_back(session: Session, answer: Message, gone: Set[str] = frozenset()) -> None:
    """Citations of the documents `gone` are kept as what it was cited for; all others go."""
    session.execute(delete(Trace).where(col(Trace.id) == answer.trace_id))
    kept = [_blanked(one) for one in answer.citations if one["document_id"] in gone]
    answer.text, answer.citations, answer.trace_id, answer.state = WITHDRAWN, kept, None, "nothing_found"
    session.add(answer)


def phrases_of(text: str) -> set[tuple[str, ...]]:
    """Every run of `PHRASE_WORDS` words: whoever shares one repeats the text."""
    words = _WORD.findall(text.lower())
    return {tuple(words[start : start + PHRASE_WORDS]) for start in range(len(words) - PHRASE_WORDS + 1)}


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
