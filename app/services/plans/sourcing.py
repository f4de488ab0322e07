"""What a plan's steps rest on: the passage that a lead time is from, and what the user's own documents say of the step."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence, Set
from dataclasses import dataclass, field

from loguru import logger
from sqlmodel import col, select

from app.db import Database
from app.errors import AppError
from app.models import READY, Chunk, Document
from app.principal import Principal
from app.retrievers.knowledge import Passage
from app.services.excerpts import excerpt
from app.services.plans.making import PlanDraft, StepDraft
from app.services.plans.shapes import Budget, Source
from app.services.search import SearchService, reads

TOP_K = 8  # passages looked at per step; own documents and the industry's compete for them
OWN, INDUSTRY = 2, 1  # sources of a step beside that of its lead time: more is not read in a list
AT_ONCE = 4  # searches of one plan: 0.3 to 0.8 s in all for a single, measured with the starter knowledge; chats go between them
KNOWN = "Papers of yours speak of this: see the sources of this step."


@dataclass(slots=True)
class Found:
    """Sources by the key of their step, and which passages were read for them."""

    sources: dict[str, list[Source]] = field(default_factory=dict)
    reads: list[dict[str, object]] = field(default_factory=list)
    trouble: str = ""

    def into(self, draft: PlanDraft, steps: Sequence[StepDraft], leads: dict[str, Source]) -> None:
        """Give `steps` their sources; `leads` are the passages of quotes that are here."""
        for step in steps:
            if step.lead is not None:
                step.lead.source = leads.get(step.lead.source.quote, step.lead.source)
            own = self.sources.get(step.key, [])
            first = [step.lead.source] if step.lead is not None else []
            step.sources = [*[one for one in own if one.kb == "personal"], *first]
            step.sources += [one for one in own if one.kb == "global" and not _same(one, first)]
            if step.unknown and _answers(step, own):
                step.unknown = f"{step.unknown} {KNOWN}"
        if draft.budget is not None and draft.budget.source is not None:
            draft.budget.source = leads.get(draft.budget.source.quote, draft.budget.source)
        if self.trouble:
            draft.notes.append(f"No sources were looked up: {self.trouble}")

    def own_documents(self) -> set[str]:
        """The user's own, of which passages were found."""
        every = (one for sources in self.sources.values() for one in sources if one.kb == "personal")
        return {one.document_id for one in every if one.document_id}

    def drop(self, gone: Set[str], steps: Sequence[StepDraft]) -> None:
        """Leave nothing of documents that were deleted while the plan was being made."""
        for step in steps:
            step.sources = [one for one in step.sources if one.document_id not in gone]
            if not any(one.kb == "personal" for one in step.sources):
                step.unknown = step.unknown.removesuffix(KNOWN).rstrip()


async def find_sources(
    search: SearchService, principal: Principal, artist_id: str | None, steps: Sequence[StepDraft]
) -> Found:
    """One search a step. A search that fails leaves the plan without its sources and says so (design rule 7)."""
    scope = await asyncio.to_thread(search.scope, principal, None, artist_id)
    places = asyncio.Semaphore(AT_ONCE)

    async def look(query: str) -> list[Passage]:
        async with places:
            return (await search.retriever(scope, "hybrid", top_k=TOP_K).asearch(query)).passages

    found = Found()
    try:
        passages = await asyncio.gather(*(look(step.search) for step in steps))
    except AppError as error:
        logger.bind(code=error.code).warning("plan made without sources")
        found.trouble = error.sentence
        return found
    chosen: list[Passage] = []
    for step, hits in zip(steps, passages, strict=True):
        own = [hit for hit in hits if hit.kb == "personal"][:OWN]
        general = [hit for hit in hits if hit.kb == "global"][:INDUSTRY]
        found.sources[step.key] = [_source(hit, step.search) for hit in (*own, *general)]
        chosen += [*own, *general]
    found.reads = reads(chosen)
    return found


def leads_here(db: Database, steps: Sequence[StepDraft], budget: Budget | None) -> dict[str, Source]:
    """The quotes of the template, each with its place in the industry knowledge base where it is there."""
    wanted = [step.lead.source for step in steps if step.lead is not None]
    wanted += [budget.source] if budget is not None and budget.source is not None else []
    titles = {source.title for source in wanted if source.url is None}
    query = (
        select(Document.id, Document.title, Chunk)
        .join(Chunk, (col(Chunk.document_id) == col(Document.id)) & (col(Chunk.version) == col(Document.version)))
        .where(Document.kb == "global", Document.status == READY, col(Document.title).in_(titles))
        .order_by(col(Document.created), col(Document.id), col(Chunk.number))
    )
    with db.reading() as session:
        rows = session.exec(query).all()
    places: dict[str, Source] = {}
    for source in wanted:
        for document_id, title, chunk in rows:
            if title == source.title and source.quote not in places and (at := chunk.text.find(source.quote)) >= 0:
                start = chunk.start + at
                places[source.quote] = source.model_copy(
                    update={
                        "document_id": document_id, "chunk_id": chunk.id, "page": chunk.page, "start": start,
                        "end": start + len(source.quote),
                    }
                )  # fmt: skip
    return places


def _source(passage: Passage, about: str) -> Source:
    quote = excerpt(about, passage.chunk.text)
    chunk = passage.holding(quote)
    at = passage.chunk.text.find(quote)
    start = passage.chunk.start + at if quote and at >= 0 else None
    return Source(
        title=passage.document.title, heading=chunk.heading, quote=quote, kb=passage.kb, document_id=passage.document.id,
        chunk_id=chunk.id, page=chunk.page, start=start, end=None if start is None else start + len(quote),
    )  # fmt: skip


def _same(one: Source, others: Sequence[Source]) -> bool:
    return any(
        one.title == other.title and (one.heading == other.heading or other.quote in one.quote) for other in others
    )


def _answers(step: StepDraft, own: Sequence[Source]) -> bool:
    """Whether a paper of the user's speaks of what the step needs to know, in the words by which the template knows it."""
    said = [one.quote.casefold() for one in own if one.kb == "personal"]
    return bool(step.known_when) and any(all(word in quote for word in step.known_when) for quote in said)
