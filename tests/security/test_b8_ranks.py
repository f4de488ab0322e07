"""B8: what one user finds, in which order and with which figures, says nothing about what others have or do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from app.indexes.engine import EVERYTHING
from app.indexes.store import KnowledgeStore
from app.main import build_services
from app.models import Document, Intent, Trace
from app.principal import Principal
from app.services.services import Services
from app.services.shapes import SearchRequest
from tests.conftest import settings_in
from tests.openai_server import OpenAIServer
from tests.retrievers.library import person, put

# Two words that are equally rare among one's own: which passage leads is decided by how rare each is elsewhere, if at all.
SUNSET = "The sunset clause pays half the rate for two years after the term."
ESCROW = "The escrow account holds half the advance for two years after the term."
ASKED = ("sunset escrow", "What does the sunset clause pay?", "half the advance in escrow", "two years after the term")
GUIDE = "A sunset clause usually pays a falling rate; an escrow account is unusual."


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[Services]:
    """With three models: MiniLM, BM25 and one behind HTTP."""
    with OpenAIServer() as server:
        models: list[dict[str, Any]] = [
            {"name": "minilm", "provider": "onnx", "model": "sentence-transformers/all-MiniLM-L6-v2"},
            {"name": "bm25", "provider": "bm25", "model": "english", "enabled": True},
            {"name": "remote", "provider": "openai", "model": "text-embedding-3-small", "enabled": True,
             "base_url": server.base_url, "api_key": "k"},
        ]  # fmt: skip
        folder = tmp_path_factory.mktemp("ranks")
        made = build_services(settings_in(folder, models_dir, llm={"provider": "none"}, embeddings=models), seed=False)
        while made.ingestion.back_fill():
            pass
        put(made, GUIDE, title="Guide")
        yield made
        made.close()


def figures(services: Services, who: Principal) -> list[Any]:
    """Everything a search tells and keeps: hits in their order with ranks and scores, and each candidate's similarities."""
    told: list[Any] = []
    intents: tuple[Intent, ...] = ("personal", "hybrid", "global")
    for intent in intents:
        for query in ASKED:
            request = SearchRequest(query=query, top_k=50, intent=intent)
            answer = asyncio.run(services.search.search(who, request, scores=True))
            with services.db.reading() as session:
                candidates = session.get_one(Trace, answer.trace_id).body["candidates"]
            told.append([[(hit.chunk_id, hit.ranks, hit.score) for hit in answer.hits], candidates])
    return told


def test_nothing_changes_when_another_user_uploads_or_deletes(services: Services) -> None:
    alice, bob = person(services), person(services)
    put(services, SUNSET, title="One", owner=alice)
    put(services, ESCROW, title="Two", owner=alice)
    alone = figures(services, alice)
    assert {model for hit in alone[0][0] for model in hit[1]} == {"minilm", "bm25", "remote"}
    for number in range(12):
        put(services, SUNSET.replace("two", str(number)), title="One", owner=bob)
    crowd = figures(services, alice)
    assert crowd == alone
    with services.db.reading() as session:
        theirs = session.exec(select(Document.id).where(Document.user_id == bob.user_id)).all()
    for document in theirs:
        services.documents.delete(bob, document)
    services.ingestion.run_all()
    assert figures(services, alice) == alone


def test_it_would_show_if_words_were_counted_over_everybody(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test of the test: with document frequencies of the whole collection the other user's documents are heard."""
    alice, bob = person(services), person(services)
    put(services, SUNSET, title="One", owner=alice)
    put(services, ESCROW, title="Two", owner=alice)
    scopes = KnowledgeStore._scopes
    monkeypatch.setattr(KnowledgeStore, "_scopes", lambda *given: (scopes(*given)[0], EVERYTHING))
    before = figures(services, alice)
    for number in range(12):
        put(services, SUNSET.replace("two", str(number)), title="One", owner=bob)
    assert figures(services, alice) != before
