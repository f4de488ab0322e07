"""KnowledgeFusionRetriever: embeds a question once per model, searches every index, fuses, and checks against SQL."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle
from loguru import logger

from app.config import RetrievalSettings
from app.db import Database
from app.errors import AppError, Unavailable
from app.indexes.cross_encoder import CrossEncoder
from app.indexes.knowledge import KnowledgeIndex, KnowledgeIndexes
from app.models import KB, Intent
from app.principal import TenantFilter
from app.retrievers.check import Checked, check
from app.retrievers.cross import cross_encoded
from app.retrievers.floor import relevance
from app.retrievers.fusion import Fused, RankedList, calibrated_scores, take, weighted_rrf
from app.retrievers.passages import Passage as Passage
from app.retrievers.passages import Retrieval as Retrieval
from app.retrievers.passages import as_node as as_node
from app.retrievers.passages import joined
from app.retrievers.rerank import Candidate, Coefficients, ModelRole, judge, load_coefficients
from app.retrievers.trace import Trace
from app.retrievers.waves import Steps, Within, adrive, drive

# The kb targeting table of design 2.
TARGETS: dict[Intent, tuple[KB, ...]] = {
    "personal": ("personal", "global"),
    "global": ("global",),
    "hybrid": ("personal", "global"),
}
STAGE_SECONDS = 5.0  # a stage that takes longer counts as failed: the answer goes on without that model


@dataclass(frozen=True, slots=True)
class Searcher:
    """What every retrieval shares: the indexes, the database and a small pool for its short SQL calls."""

    indexes: KnowledgeIndexes
    db: Database
    settings: RetrievalSettings
    sql: ThreadPoolExecutor
    coefficients: Coefficients = field(default_factory=load_coefficients)
    cross_encoder: CrossEncoder | None = None


class KnowledgeFusionRetriever(BaseRetriever):
    """Built per request with its tenant, because a `QueryBundle` cannot carry one (skeleton.md).

    `tenant` may be None for someone not signed in: then the personal kb is not searched whatever `intent` says.
    `documents` limits both kbs to these documents. `floor=False` keeps passages below the relevance floor (plain search);
    `join=True` makes one passage of chosen neighbours that overlap, for a prompt. `keep` is called with what was found
    before anybody gets it: where it raises, nothing is given out. `own_only` is for a search beside one that searched both kbs.
    """

    def __init__(
        self,
        searcher: Searcher,
        tenant: TenantFilter | None,
        intent: Intent = "hybrid",
        *,
        top_k: int | None = None,
        documents: Sequence[str] | None = None,
        floor: bool = True,
        join: bool = False,
        keep: Callable[[Retrieval], None] | None = None,
        own_only: bool = False,
    ) -> None:
        super().__init__()
        self._searcher = searcher
        self._tenant = tenant.limited_to(tuple(documents)) if tenant and documents is not None else tenant
        self._documents = documents
        self._intent = intent
        self._top_k = top_k or searcher.settings.top_k
        self._floor, self._join, self._keep = floor, join, keep
        self._targets = ("personal",) if own_only else TARGETS[intent]

    @property
    def kbs(self) -> list[KB]:
        """The kbs this retriever searches."""
        return [kb for kb in self._targets if kb == "global" or self._tenant is not None]

    def search(self, question: str) -> Retrieval:
        retrieval = drive(self._steps(question), STAGE_SECONDS)
        if self._keep is not None:
            self._keep(retrieval)
        return retrieval

    async def asearch(self, question: str) -> Retrieval:
        retrieval = await adrive(self._steps(question), STAGE_SECONDS)
        if self._keep is not None:
            await asyncio.to_thread(self._keep, retrieval)
        return retrieval

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [as_node(passage) for passage in self.search(query_bundle.query_str).passages]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [as_node(passage) for passage in (await self.asearch(query_bundle.query_str)).passages]

    def _steps(self, question: str) -> Steps[Retrieval]:
        trace = Trace(question=question, intent=self._intent, kbs=self.kbs, fusion=self._searcher.settings.fusion)
        indexes = [index for kb in self.kbs for index in self._searcher.indexes.live(kb)]
        trace.documents = list(self._documents or (self._tenant.document_ids if self._tenant else None) or ())
        trace.missing = sorted({name for kb in self.kbs for name in self._searcher.indexes.missing(kb)})
        models = {index.model.name: index.model for index in indexes}

        start = time.perf_counter()
        outcomes = yield [model.embed_question(question) for model in models.values()]
        trace.add("embed", start)
        vectors = self._working(dict(zip(models, outcomes, strict=True)), trace)

        start = time.perf_counter()
        asked = [index for index in indexes if index.model.name in vectors]
        depth = self._searcher.settings.candidates
        outcomes = yield [self._ask(index, vectors[index.model.name], depth) for index in asked]
        lists = self._lists(asked, outcomes, trace)
        outcomes = yield (gaps := self._gaps(asked, vectors, lists))[1]
        filled = [
            _ranked(index, outcome)
            for index, outcome in zip(gaps[0], outcomes, strict=True)
            if not isinstance(outcome, BaseException)
        ]
        trace.add("search", start)

        with trace.stage("fuse"):
            fused = self._fuse(lists, filled, max(depth, 2 * self._top_k))
        start = time.perf_counter()
        [found] = yield [
            self._searcher.sql.submit(
                check, self._searcher.db, self._tenant, self._documents, [row.chunk_id for row in fused]
            )
        ]
        if isinstance(found, BaseException):
            raise Unavailable("The database does not answer; try again in a moment.") from None
        trace.add("check", start)

        outcome = {row.chunk_id: "dropped" for row in fused}
        allowed = self._allowed(fused, found, outcome)
        start = time.perf_counter()
        roles = {name: ModelRole(model.row.weight, model.sparse) for name, model in models.items()}
        allowed = yield from self._second_pass(question, allowed, roles, trace)
        trace.add("rerank", start)
        with trace.stage("choose"):
            passages = self._choose(allowed, outcome)
            trace.record(
                fused, outcome, {p.chunk.id: (n, p.fused.score, p.relevance) for n, p in enumerate(allowed, 1)}
            )
            return Retrieval(joined(passages) if self._join else passages, trace)

    def _ask(self, index: KnowledgeIndex, vector: Any, depth: int) -> Future[Any]:
        return index.store.search(vector, depth, self._tenant, documents=self._documents)

    def _working(self, outcomes: dict[str, Any], trace: Trace) -> dict[str, Any]:
        """The models that embedded the question; the others are named in the trace."""
        for name, outcome in outcomes.items():
            if isinstance(outcome, BaseException):
                logger.bind(model=name, error=type(outcome).__name__).warning("question not embedded")
        trace.models = [name for name, outcome in outcomes.items() if not isinstance(outcome, BaseException)]
        trace.missing = sorted({*trace.missing, *(set(outcomes) - set(trace.models))})
        return {name: outcomes[name] for name in trace.models}

    def _lists(self, asked: list[KnowledgeIndex], outcomes: list[Any], trace: Trace) -> list[RankedList]:
        """The lists that came. Every kb needs one at least: an answer must not say "none of yours" because a part is down."""
        lists: list[RankedList] = []
        failure: BaseException | None = None
        for index, outcome in zip(asked, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                failure = outcome
                trace.missing = sorted({*trace.missing, index.model.name})
                logger.bind(kb=index.kb, model=index.model.name, error=type(outcome).__name__).warning(
                    "index not searched"
                )
            else:
                lists.append(_ranked(index, outcome))
        for kb in self.kbs:
            if not any(ranked.kb == kb for ranked in lists):
                if isinstance(failure, AppError):
                    raise failure
                raise Unavailable("The knowledge bases cannot be searched now; try again in a moment.", retry_after=10)
        return lists

    def _gaps(
        self, asked: list[KnowledgeIndex], vectors: dict[str, Any], lists: list[RankedList]
    ) -> tuple[list[KnowledgeIndex], list[Future[Any]]]:
        """Searches that score, in each index, the candidates which only the other indexes of its kb found."""
        if self._searcher.settings.fusion != "scores":
            return [], []
        found = {(ranked.kb, ranked.model): {chunk_id for chunk_id, _ in ranked.hits} for ranked in lists}
        by_kb = {kb: set().union(*(ids for (one, _), ids in found.items() if one == kb)) for kb in self.kbs}
        indexes: list[KnowledgeIndex] = []
        futures: list[Future[Any]] = []
        for index in asked:
            have = found.get((index.kb, index.model.name))
            if have is None or not (lacking := by_kb[index.kb] - have):
                continue
            indexes.append(index)
            futures.append(
                index.store.search(
                    vectors[index.model.name],
                    len(lacking),
                    self._tenant,
                    documents=self._documents,
                    among=sorted(lacking),
                )
            )
        return indexes, futures

    def _fuse(self, lists: list[RankedList], filled: list[RankedList], limit: int) -> list[Fused]:
        if self._searcher.settings.fusion == "rrf":
            return weighted_rrf(lists, k=self._searcher.settings.rrf_k, limit=limit)
        return calibrated_scores(lists, filled, limit=limit)

    def _allowed(self, fused: list[Fused], found: Checked, outcome: dict[str, str]) -> list[Passage]:
        """The candidates that passed the check; of equal texts within a kb and artist the first (design 5)."""
        allowed: list[Passage] = []
        texts: set[tuple[str, str | None, str]] = set()
        for row in fused:
            if row.chunk_id not in found or found[row.chunk_id][1].kb != row.kb:
                continue
            passage = Passage(*found[row.chunk_id], row)
            same = (row.kb, passage.document.artist_id, passage.chunk.text)
            outcome[row.chunk_id] = "same_text" if same in texts else "below_floor"
            if same not in texts:
                texts.add(same)
                allowed.append(passage)
        return allowed

    def _second_pass(
        self, question: str, passages: list[Passage], roles: dict[str, ModelRole], trace: Trace
    ) -> Steps[list[Passage]]:
        """Ordered anew, with relevance. It fails open: the fused order stands, and the trace says why (design rule 7)."""
        settings = self._searcher.settings
        if not passages or not settings.second_pass:
            trace.second_pass = "off" if passages else "nothing to order"
            return passages
        work = self._searcher.sql.submit(self._judged, question, passages, roles)
        [outcome] = yield Within(settings.second_pass_seconds, [work])
        if isinstance(outcome, BaseException):
            trace.second_pass = f"failed ({type(outcome).__name__})"
            logger.bind(error=type(outcome).__name__).warning("second pass failed")
            return passages
        trace.second_pass = "linear"
        ordered: list[Passage] = outcome
        if (encoder := self._searcher.cross_encoder) is not None:
            ordered = yield from cross_encoded(encoder, settings.cross_encoder, question, ordered, trace)
        return ordered

    def _judged(self, question: str, passages: list[Passage], roles: dict[str, ModelRole]) -> list[Passage]:
        coefficients = self._searcher.coefficients
        judged = judge(question, [as_candidate(passage) for passage in passages], roles, coefficients)
        scores = np.exp(judged.scores - judged.scores.max())
        fresh = [
            passage.judged(float(score), relevance(passage.fused.similarities, echo, coefficients))
            for passage, score, echo in zip(passages, scores, judged.echoes, strict=True)
        ]
        return [fresh[place] for place in np.argsort(-judged.scores, kind="stable")]

    def _choose(self, allowed: list[Passage], outcome: dict[str, str]) -> list[Passage]:
        """The passages that go out, best first, as the intent shares the places among the kbs."""
        near = self._above_floor(allowed) if self._floor else allowed
        share = {"personal": self._searcher.settings.personal_share, "hybrid": self._searcher.settings.hybrid_share}
        chosen = {row.key for row in take([p.fused for p in near], self._top_k, share.get(self._intent, 0.0))}
        for passage in near:
            outcome[passage.chunk.id] = "prompt" if passage.fused.key in chosen else "cut"
        return [passage for passage in near if passage.fused.key in chosen]

    def _above_floor(self, passages: list[Passage]) -> list[Passage]:
        """The passages of each kb whose most relevant one reaches the floor, without those far below it (design 5).

        Where the second pass failed nobody knows, and all are kept.
        """
        settings = self._searcher.settings
        lowest = settings.floor - settings.floor_margin
        reached = {p.kb for p in passages if p.relevance is None or p.relevance >= settings.floor}
        return [p for p in passages if p.kb in reached and (p.relevance is None or p.relevance >= lowest)]


def _ranked(index: KnowledgeIndex, hits: Sequence[tuple[str, float]]) -> RankedList:
    return RankedList(index.kb, index.model.name, index.model.row.weight, tuple(hits), index.model.sparse)


def as_candidate(passage: Passage) -> Candidate:
    """What the second pass looks at."""
    chunk, fused = passage.chunk, passage.fused
    return Candidate(
        passage.kb, passage.document.title, chunk.heading, chunk.text, chunk.number, fused.similarities, fused.ranks
    )
