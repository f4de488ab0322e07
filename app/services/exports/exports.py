"""Exports: one plan, answer, conversation or sheet of clauses as a file, for whoever owns it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from pydantic import BaseModel
from sqlmodel import Session

from app.db import Database
from app.errors import AppError, Conflict, NotFound
from app.models import READY, Document, DocumentInsight
from app.principal import Principal
from app.services.audit import AuditLog
from app.services.conversations import ConversationService
from app.services.desk.shapes import DraftPublic
from app.services.document_access import DocumentAccess
from app.services.exports.clause_paper import Contract, clause_paper
from app.services.exports.draft_paper import draft_paper
from app.services.exports.formats import Exported, FormatName, write
from app.services.exports.paper import Paper
from app.services.exports.plan_bounds import within_bounds
from app.services.exports.plan_paper import plan_paper
from app.services.exports.talk_papers import answer_paper, conversation_paper
from app.services.insight.questions import questions_of
from app.services.shapes import MessagePublic
from app.services.withdrawal import check_here

MOST_MESSAGES = 2000  # of a conversation on paper: the newest ones
MOST_DOCUMENTS = 20  # of a sheet of clauses
NO_CONTRACT = "Choose at least one document that has been read."
TOO_MANY = f"A clause sheet holds at most {MOST_DOCUMENTS} documents; choose fewer."


# What to ask a lawyer: of the clauses of a contract, and which kind of contract it is.
Questions = Callable[[Sequence[dict[str, Any]], str], list[str]]


class Plans(Protocol):
    """What plans are read from: `app.services.plans` in the application."""

    def get(self, principal: Principal, plan_id: str) -> BaseModel:
        """Raises `NotFound` for a plan that is not the principal's."""


class Drafts(Protocol):
    """What texts of the writing desk are read from."""

    def get(self, principal: Principal, draft_id: str) -> DraftPublic:
        """Raises `NotFound` for a draft that is not the principal's."""


class ExportService(DocumentAccess):
    """Every paper is made anew from what is there, as its owner sees it; each that is handed out is audited."""

    def __init__(
        self,
        db: Database,
        audit: AuditLog,
        conversations: ConversationService,
        plans: Plans,
        drafts: Drafts,
        questions: Questions = questions_of,
    ) -> None:
        super().__init__(db, audit)
        self._conversations, self._plans, self._questions = conversations, plans, questions
        self._drafts = drafts

    def plan(self, principal: Principal, plan_id: str, wanted: FormatName) -> Exported:
        return self._handed_out(principal, "plan.export", plan_id, wanted, self.plan_paper(principal, plan_id))

    def answer(self, principal: Principal, message_id: str, wanted: FormatName) -> Exported:
        return self._handed_out(
            principal, "message.export", message_id, wanted, self.answer_paper(principal, message_id)
        )

    def conversation(self, principal: Principal, conversation_id: str, wanted: FormatName) -> Exported:
        paper = self.conversation_paper(principal, conversation_id)
        return self._handed_out(principal, "conversation.export", conversation_id, wanted, paper)

    def clauses(self, principal: Principal, documents: Sequence[str], wanted: FormatName) -> Exported:
        paper = self.clause_paper(principal, documents)
        reads = [{"document_id": one, "chunk_ids": []} for one in dict.fromkeys(documents)]
        return self._handed_out(principal, "clauses.export", None, wanted, paper, reads)

    def draft(self, principal: Principal, draft_id: str, wanted: FormatName) -> Exported:
        paper = draft_paper(self._drafts.get(principal, draft_id))
        return self._handed_out(principal, "draft.export", draft_id, wanted, paper)

    def plan_paper(self, principal: Principal, plan_id: str, *, comments: bool = True) -> Paper:
        """Without what is from documents of an artist whose plan it is not."""
        plan = self._plans.get(principal, plan_id).model_dump(mode="json")
        with self._db.reading() as session:
            kept, left_out = within_bounds(session, principal, plan)
        return plan_paper(kept, comments=comments, left_out=left_out)

    def answer_paper(self, principal: Principal, message_id: str) -> Paper:
        """Raises `AppError` 422 for a question, which is no answer."""
        answer = self._conversations.message(principal, message_id)
        if answer.role != "assistant":
            raise AppError("Only an answer can be exported by itself; choose one.", status=422, code="no_answer")
        try:
            question = self._conversations.question(principal, message_id)
        except (NotFound, Conflict):  # an earlier version, or its question is not here any more
            question = None
        return answer_paper(question, answer)

    def conversation_paper(self, principal: Principal, conversation_id: str, until: str | None = None) -> Paper:
        """With `until`, what was said up to that message."""
        conversation = self._conversations.conversation(principal, conversation_id)
        messages: list[MessagePublic] = []
        before = str(int(until) + 1) if until is not None else None
        while len(messages) < MOST_MESSAGES:
            page = self._conversations.newest(principal, conversation_id, limit=200, before=before)
            messages = [*page.items, *messages]
            if (before := page.next) is None:
                break
        return conversation_paper(conversation, messages)

    def clause_paper(self, principal: Principal, documents: Sequence[str]) -> Paper:
        """Raises `NotFound` where one of `documents` is not the principal's to see, `AppError` 422 for none or too many."""
        ids = list(dict.fromkeys(documents))
        if not ids or len(ids) > MOST_DOCUMENTS:
            raise AppError(TOO_MANY if ids else NO_CONTRACT, status=422, code="documents")
        contracts, own = [], set()
        for one in ids:
            with self._refusing(principal, "clauses.export", one), self._db.reading() as session:
                document = self._get(session, principal, one)
                contracts.append(self._contract(session, document))
                if document.kb == "personal":
                    own.add(document.id)
        return replace(clause_paper(contracts), quotes=frozenset(own))

    def _contract(self, session: Session, document: Document) -> Contract:
        insight = session.get(DocumentInsight, document.id)
        if insight is not None and (insight.version != document.version or document.status != READY):
            insight = None  # of an older version
        return Contract(
            title=document.title,
            standing=document.standing,
            pages=document.pages,
            as_of=document.as_of.isoformat() if document.as_of else "",
            clauses=insight.clauses if insight is not None else None,
            questions=self._questions(insight.clauses, insight.kind) if insight is not None else (),
        )

    def _handed_out(
        self,
        principal: Principal,
        action: str,
        object_id: str | None,
        wanted: FormatName,
        paper: Paper,
        reads: Sequence[dict[str, Any]] = (),
    ) -> Exported:
        """The file is made first: what cannot be written was not handed out, nor what quotes a document that went meanwhile."""
        exported = write(paper, wanted)
        with self._refusing(principal, action, object_id), self._db.session() as session:
            check_here(session, principal.user_id, paper.quotes)
            self._audit.record(session, principal, action, object_id=object_id, reads=reads)
        return exported
