"""What the tests of this folder share: real services with three models, two users with a contract each, a guide."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from app.db import Database
from app.models import KB, Intent
from app.principal import Principal, TenantFilter
from app.retrievers.knowledge import KnowledgeFusionRetriever, Retrieval, Searcher
from app.services.services import Services
from tests.openai_server import OpenAIServer

MODELS = ("minilm", "bm25", "remote")
QUESTION = "What commission does the manager take?"
MINE = "The Manager takes a commission of seventeen percent of gross income."
THEIRS = "The Manager takes a commission of twenty-five percent of gross income."
INDUSTRY = "A manager usually takes a commission of fifteen to twenty percent."
OTHER = "Mastering brings the loudness of a record up and evens out its tone."


@dataclass
class Library:
    services: Services
    remote: OpenAIServer
    counter: list[int] = field(default_factory=lambda: [0])

    def searcher(self, db: Database | None = None, **retrieval: Any) -> Searcher:
        """The services' own searcher, with other retrieval settings or another database."""
        own: Searcher = self.services.search._searcher
        return Searcher(own.indexes, db or own.db, own.settings.model_copy(update=retrieval), own.sql)

    def retriever(
        self,
        principal: Principal | None,
        intent: Intent = "hybrid",
        *,
        artist_id: str | None = None,
        searcher: Searcher | None = None,
        **values: Any,
    ) -> KnowledgeFusionRetriever:
        tenant = TenantFilter.for_principal(principal, artist_id=artist_id) if principal else None
        return KnowledgeFusionRetriever(searcher or self.searcher(), tenant, intent, **{"floor": False, **values})

    def fresh(self, question: str) -> str:
        """The question in words no test has used: a question's vector is kept in the cache and asks no model again."""
        self.counter[0] += 1
        return f"{question} ({self.counter[0]})"


@dataclass
class World:
    """Two users with a contract each, and an industry page; what others put there besides is not theirs."""

    library: Library
    lena: Principal
    omar: Principal
    contract: str
    his_contract: str
    industry: str

    def search(
        self, principal: Principal | None, intent: Intent = "hybrid", question: str = QUESTION, **values: Any
    ) -> Retrieval:
        return self.library.retriever(principal, intent, **values).search(question)


def documents(retrieval: Retrieval) -> set[str]:
    return {passage.document.id for passage in retrieval.passages}


def outcomes(retrieval: Retrieval) -> dict[str, str]:
    return {row["chunk_id"]: row["outcome"] for row in retrieval.trace.candidates}


def collections(library: Library, kbs: list[KB]) -> set[str]:
    return {index.store.collection for kb in kbs for index in library.services.indexes.live(kb)}
