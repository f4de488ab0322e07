"""The passages a draft may rest on: one's own for facts, the industry's for craft alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from loguru import logger
from sqlmodel import Session, col, select

from app.db import Database
from app.errors import AppError, NotFound
from app.models import DocumentInsight
from app.principal import Principal
from app.retrievers.knowledge import Passage, Retrieval
from app.services.desk.facts import Facts
from app.services.prompts import Source, label_sources
from app.services.search import Scope, SearchService

TAKEN = 8  # passages for a draft; more of them crowd out what was typed
LOOKED_AT = 24  # before contracts are left out of a text for strangers
GUIDES = 3
NOT_SEARCHED = (
    "Your documents could not be searched just now, so nothing of them is in this text; write it again later."
)
# Papers that are between two parties, by the kind that was read out of them (see `DocumentInsight.kind`).
CONFIDENTIAL = frozenset(
    """contract management publishing producer sync distribution recording live collaboration split_sheet royalty_statement
    invoice quote letter""".split()
)


@dataclass(slots=True)
class Read:
    """What was found, labelled, and the retrievals to be kept with the draft: no audit, no data."""

    sources: list[Source] = field(default_factory=list)
    retrievals: list[Retrieval] = field(default_factory=list)
    trouble: str = ""


async def read(search: SearchService, db: Database, principal: Principal, facts: Facts, scope: Scope) -> Read:
    """Search what the kind of text needs, audit it, and label it. A search that fails leaves a draft without sources."""
    try:
        found = await _found(search, db, facts, scope)
        for retrieval in found:
            artist_id = scope.tenant.artist_id if scope.tenant else None
            await asyncio.to_thread(search.keep, principal, retrieval, "desk.read", artist_id)
    except NotFound:
        raise
    except AppError as error:
        logger.bind(code=error.code).warning("draft written without documents")
        return Read(trouble=NOT_SEARCHED)
    passages = [passage for retrieval in found for passage in retrieval.passages]
    return Read(label_sources(passages), found)


async def _found(search: SearchService, db: Database, facts: Facts, scope: Scope) -> list[Retrieval]:
    kind, found = facts.kind, []
    if kind.search or scope.documents:
        asked = _question(facts)
        personal = await search.retriever(scope, "personal", top_k=LOOKED_AT, floor=False).asearch(asked)
        chosen = scope.documents is not None
        kept = personal.of("personal")
        if kind.public and not chosen:
            kept = await asyncio.to_thread(_for_strangers, db, kept)
        if not chosen:
            kept = [one for one in kept if one.document.standing != "superseded"]
        found.append(replace(personal, passages=kept[:TAKEN]))
    if kind.guides and scope.documents is None:
        nobodys = replace(scope, tenant=None)
        guides = await search.retriever(nobodys, "global", top_k=GUIDES).asearch(f"{kind.guides} {_words(facts, 200)}")
        found.append(guides)
    for retrieval in found:
        labels = {id(one.passage): one.label for one in label_sources(retrieval.passages)}
        retrieval.trace.prompt = [{"label": labels[id(one)], "chunk_id": one.chunk.id} for one in retrieval.passages]
    return found


def _for_strangers(db: Database, passages: Sequence[Passage]) -> list[Passage]:
    """Without contracts and what lies near them: their terms are nobody else's business, unless the user chose them."""
    with db.reading() as session:
        closed = _confidential(session, {one.document.id for one in passages})
    return [one for one in passages if one.document.standing == "none" and one.document.id not in closed]


def _confidential(session: Session, ids: set[str]) -> set[str]:
    query = select(DocumentInsight.document_id).where(
        col(DocumentInsight.document_id).in_(ids), col(DocumentInsight.kind).in_(CONFIDENTIAL)
    )
    return set(session.exec(query).all())


def _question(facts: Facts) -> str:
    return " ".join(filter(None, [facts.artist, facts.kind.search, _words(facts, 400)]))[:1000]


def _words(facts: Facts, most: int) -> str:
    """The user's own words, the short fields first: names and titles weigh more than a story."""
    return " ".join(sorted(facts.inputs.values(), key=len))[:most]
