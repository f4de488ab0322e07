"""Retrieval alone, and the retriever every door uses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, or_, select

from app.config import Settings
from app.db import Database, overtaken
from app.errors import NotFound
from app.indexes.embeddings import EmbeddingModel
from app.llm_client import LanguageModel
from app.models import READY, Document, Intent, Trace
from app.principal import Principal, TenantFilter
from app.retrievers.intent import IntentSelector, Said
from app.retrievers.intent_model import ENCODER
from app.retrievers.knowledge import KnowledgeFusionRetriever, Passage, Retrieval, Searcher
from app.retrievers.naming import Titled, named
from app.services.audit import AuditLog
from app.services.documents import DocumentService
from app.services.model_slot import ModelSlot
from app.services.ownership import own_artist
from app.services.shapes import Hit, SearchAnswer, SearchRequest
from app.services.usage import Grant, Spent, record

DELETED_MEANWHILE = "This artist was deleted at this moment; choose another one."
TITLES = 1000  # newest documents that a question may name


@dataclass(frozen=True, slots=True)
class Scope:
    """What a question is limited to; `intent` is set where the chosen documents leave only one, `named` where the question
    itself calls documents of the user's by name: then the personal kb is limited to them.
    """

    tenant: TenantFilter | None
    documents: tuple[str, ...] | None
    intent: Intent | None
    named: bool = False


class SearchService:
    def __init__(
        self,
        db: Database,
        settings: Settings,
        searcher: Searcher,
        documents: DocumentService,
        audit: AuditLog,
        model: ModelSlot,
        encoder: EmbeddingModel | None,
    ) -> None:
        self._db, self._settings, self._searcher = db, settings, searcher
        self._documents, self._audit, self._model = documents, audit, model
        self._encoder = encoder if encoder is not None and encoder.name == ENCODER else None

    async def search(
        self, principal: Principal | None, request: SearchRequest, *, scores: bool = False
    ) -> SearchAnswer:
        """Passages for a question, without an answer. Everything that matched is shown, also what is below the floor."""
        scope = await asyncio.to_thread(self.scope, principal, request.documents, request.artist_id)
        scope = await asyncio.to_thread(self.naming, scope, request.query)
        grant = await self._model.grant()
        selector = self.selector(request.intent or scope.intent, model=grant.model)
        found = await selector.aclassify(request.query)
        retriever = self.retriever(scope, found.intent, top_k=request.top_k, floor=False, join=False)
        retrieval = await retriever.asearch(request.query)
        retrieval.trace.direct = found.direct
        retrieval.trace.reason = f"{found.by}: {found.reason}"
        await asyncio.to_thread(self.keep, principal, retrieval, "search", request.artist_id, grant)
        trace = retrieval.trace
        return SearchAnswer(
            intent=found.intent,
            direct=found.direct,
            kbs=trace.kbs,
            hits=[as_hit(passage, scores) for passage in retrieval.passages],
            trace_id=trace.id,
            milliseconds=round(sum(trace.milliseconds.values()), 2),
            missing=trace.missing,
        )

    def selector(
        self, forced: Intent | None, history: Sequence[Said] = (), *, model: LanguageModel | None = None
    ) -> IntentSelector:
        return IntentSelector(model, self._settings.llm.intent_seconds, forced, self._encoder, history)

    def retriever(
        self,
        scope: Scope,
        intent: Intent,
        *,
        top_k: int | None = None,
        floor: bool = True,
        join: bool = True,
        keep: Callable[[Retrieval], None] | None = None,
        own_only: bool = False,
    ) -> KnowledgeFusionRetriever:
        """For callers that `keep` what was read themselves; others pass it (see `KnowledgeFusionRetriever`)."""
        # Whoever names documents wants what they hold, however near it is to the question.
        floor = floor and scope.documents is None
        intent = "hybrid" if scope.named and intent == "global" else intent
        return KnowledgeFusionRetriever(
            self._searcher,
            scope.tenant,
            intent,
            top_k=top_k,
            documents=scope.documents,
            floor=floor,
            join=join,
            keep=keep,
            own_only=own_only,
        )

    def scope(self, principal: Principal | None, documents: list[str] | None, artist_id: str | None) -> Scope:
        """Check that everything named is the principal's to use, and build the tenant filter. 404 for what is not."""
        if artist_id is not None:
            self._check_artist(principal, artist_id)
        tenant = TenantFilter.for_principal(principal, artist_id=artist_id) if principal else None
        if not documents:
            return Scope(tenant, None, None)
        self._documents.check_visible(principal, documents)
        with self._db.reading() as session:
            kbs = {session.get_one(Document, document_id).kb for document_id in documents}
        intent: Intent = "hybrid" if len(kbs) > 1 else "personal" if kbs == {"personal"} else "global"
        return Scope(tenant, tuple(documents), intent)

    def naming(self, scope: Scope, question: str) -> Scope:
        """`scope`, with the personal kb limited to the documents that `question` names, if it names any."""
        if scope.tenant is None or scope.documents is not None:
            return scope
        mine = (col(Document.kb) == "personal") & (col(Document.user_id) == scope.tenant.user_id)
        if scope.tenant.artist_id:
            mine &= or_(col(Document.artist_id).is_(None), col(Document.artist_id) == scope.tenant.artist_id)
        newest = select(Document.id, Document.title).where(mine, Document.status == READY)
        with self._db.reading() as session:
            rows = session.exec(newest.order_by(col(Document.created).desc()).limit(TITLES)).all()
        found = named(question, (Titled(*row) for row in rows))
        return replace(scope, tenant=scope.tenant.limited_to(found), named=True) if found else scope

    def keep(
        self,
        principal: Principal | None,
        retrieval: Retrieval,
        action: str,
        artist_id: str | None = None,
        grant: Grant | None = None,
    ) -> None:
        """`keep_in`, in a transaction of its own."""
        try:
            spent = self._db.together(
                lambda session: self.keep_in(principal, session, retrieval, action, artist_id, grant)
            )
        except IntegrityError as error:  # what was taken of the model was taken all the same
            if not overtaken(error):
                raise
            if grant is not None:
                grant.settle(self._db.together(lambda session: record(session, None, grant)))
            raise NotFound(DELETED_MEANWHILE) from None
        if grant is not None:
            grant.settle(spent)

    def keep_in(
        self,
        principal: Principal | None,
        session: Session,
        retrieval: Retrieval,
        action: str,
        artist_id: str | None = None,
        grant: Grant | None = None,
    ) -> Spent | None:
        """Store the trace and the audit row in one transaction: no audit, no data. And what was spent of `grant` so far,
        which is returned for `grant.settle`.
        """
        trace = retrieval.trace
        asker = principal if principal is not None and principal.kind != "system" else None
        spent = record(session, asker.user_id if asker else None, grant)
        if asker is not None:
            session.add(Trace(id=trace.id, user_id=asker.user_id, artist_id=artist_id, body=trace.body()))
        read = reads(retrieval.passages)
        self._audit.record(session, principal, action, object_id=trace.id, question=trace.question, reads=read)
        return spent

    def _check_artist(self, principal: Principal | None, artist_id: str) -> None:
        with self._audit.refusing(self._db, principal, "artist.read", artist_id), self._db.reading() as session:
            own_artist(session, principal, artist_id)


def reads(passages: list[Passage]) -> list[dict[str, object]]:
    """Which chunks of which document were read, for the audit."""
    grouped: dict[str, list[str]] = {}
    for passage in passages:
        grouped.setdefault(passage.document.id, []).extend(chunk.id for chunk in passage.chunks)
    return [{"document_id": document_id, "chunk_ids": ids} for document_id, ids in grouped.items()]


def as_hit(passage: Passage, scores: bool) -> Hit:
    chunk, document = passage.chunk, passage.document
    return Hit(
        chunk_id=chunk.id,
        document_id=document.id,
        title=document.title,
        kb=passage.kb,
        page=chunk.page,
        start=chunk.start,
        end=chunk.end,
        text=chunk.text,
        ranks=passage.fused.ranks,
        heading=chunk.heading,
        standing=document.standing,
        score=round(passage.fused.score, 4) if scores else None,
    )
